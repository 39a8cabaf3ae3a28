"""Writing what a pupil has in a class into another class: the rows and entries of a change of class.

The old rows are not touched but for the place, which closes. A pupil who comes back finds the own lines again: they get the next version
of each value that changed meanwhile (docs/decisions/0049).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Stale
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_change import NOTHING_CHANGED
from hocbaso.regulations.enrollment_flow import EnrollmentStatus
from hocbaso.regulations.score_sheet_flow import SheetParty, SheetVerb, find_move
from hocbaso.services import audit, correction_civil_requests, homeroom_records, reviews, roster
from hocbaso.services.access import Actor
from hocbaso.services.class_change_reading import Carry, SheetCarry, newest_decisions, rows_of
from hocbaso.services.month_totals import whole_month, write_cell
from hocbaso.services.score_cells import column_words
from hocbaso.services.score_versions import CARRIED, NEW_VERSION, TOUCH_SHEET, put, state_after, version_values
from hocbaso.services.sheet_access import connection, read_head
from hocbaso.services.student_inputs import HOMEROOM_VALUES

_DECIDED = ("kind", "term", "outcome", "reason", "document", "basis", "decided_by", "decided_at")
_GRANTED = ("subject_id", "semester", "state", "reason", "document", "proposed_by", "proposed_at", "decided_by", "decided_at")  # fmt: skip
_ACCEPTED = ("subject_id", "semester", "tenths", "mark", "state", "document", "proposed_at", "proposed_by", "proposer_name", "decided_at", "decided_by", "decider_name", "decision_note")  # fmt: skip


def write(
    session: Session,
    actor: Actor,
    old: m.Enrollment,
    target: m.ClassGroup,
    carry: Carry,
    facts: dict[str, Any],
    note: str,
    now: datetime,
) -> m.Enrollment:
    """Close the old place, seat the pupil in the new class and carry everything, in the caller's transaction; the new place."""
    today = clock.local_date(now)
    before = {"status": old.status, "class": old.class_group.name}
    status, old.status, old.left_on = old.status, EnrollmentStatus.MOVED.value, today
    new = carry.standing
    if new is None:
        # Who came from another school keeps the day of coming to this one: lists and transcripts tell it.
        from_elsewhere = status == EnrollmentStatus.TRANSFERRED_IN.value
        new = m.Enrollment(
            student_id=old.student_id, class_group_id=target.id, joined_on=old.joined_on if from_elsewhere else today
        )
        session.add(new)
    new.status, new.left_on, new.first_semester = status, None, old.first_semester
    session.flush()
    roster.seat([new])
    correction_civil_requests.follow(actor, old, new, now)
    state = audit.merge_states(
        audit.states("enrollment", [old, new]),
        audit.states("homeroom_record", _write_homeroom(session, old.id, new.id, carry.homeroom, now)),
        audit.states("month_absence", _write_months(session, new.id, carry.months, now)),
        audit.states("exemption", _write_standing(session, m.Exemption, _GRANTED, new.id, carry.exemptions, "REVOKED")),
        audit.states(
            "inherited_result",
            _write_standing(session, m.InheritedResult, _ACCEPTED, new.id, carry.inherited, "REPLACED"),
        ),
        audit.states("principal_decision", _write_decisions(session, new.id, carry.decisions)),
    )
    n_cells = sum(_write_sheet(actor, one, old, new, facts, note, now) for one in carry.sheets)
    audit.record(
        AuditTag.CLASS_CHANGED,
        actor,
        now,
        target_kind="class_group",
        target_id=target.id,
        state=state,
        before=before,
        note=note,
        facts={**facts, "n_cells": n_cells},
    )
    return new


def _write_sheet(
    actor: Actor, one: SheetCarry, old: m.Enrollment, new: m.Enrollment, facts: Mapping[str, Any], note: str, now: datetime
) -> int:  # fmt: skip
    """The next version of each cell, under the name of whose value it is; a locked sheet is locked again in the same act. How many."""
    wanted = one.changes()
    if not wanted or one.head is None:
        return 0
    head = replace(one.head, parties=frozenset({SheetParty.CORRECTION}))
    said = f"Chuyển lớp: {facts['student']} từ lớp {facts['from_class']} sang, theo {facts['paper']}"[:1000]
    if one.is_locked:
        reviews.carry_out(actor, head, find_move(head.state, SheetVerb.REOPEN), said, now)
    link = connection()
    if link.execute(TOUCH_SHEET, {"sheet_id": head.id}).rowcount == 0:
        raise Stale(f"{head.label} vừa được người khác chuyển. {NOTHING_CHANGED}")
    authors = _authors([value.id for _, value, _ in wanted if value.id is not None])
    written = []
    for key, value, stands in wanted:
        author = authors[value.id] if value.id is not None else actor.account_id
        stored = put(link, replace(actor, account_id=author), head, new.id, key, value, stands, now)
        if stored is None:
            raise Stale(f"Một ô vừa được người khác sửa. Xin xem lại. {NOTHING_CHANGED}")
        written.append((key, stored, stands, author))
    seq = audit.record(
        AuditTag.CELLS_CARRIED,
        actor,
        now,
        target_kind="score_sheet",
        target_id=head.id,
        state={"score_cell": {str(value.id): state_after(head, new.id, key, value) for key, value, _, _ in written}},
        before={f"{new.id}-{key}": stands.text for key, _, stands, _ in written},
        note=note,
        facts={
            "sheet": head.label,
            "student": facts["student"],
            "columns": [column_words(head, key) for key, _, _, _ in written],
            "source": CARRIED,
            "n_cells": len(written),
            "from_class": facts["from_class"],
            "from_enrollment": old.id,
            "paper": facts["paper"],
            "authors": {str(value.id): author for _, value, _, author in written},
        },
    )
    link.execute(
        NEW_VERSION,
        [
            version_values(value, replace(actor, account_id=author), now, CARRIED, seq)
            for _, value, _, author in written
        ],
    )
    if one.is_locked:
        opened = read_head(head.id)
        reviews.carry_out(actor, opened, find_move(opened.state, SheetVerb.RELOCK), said, now)
    return len(written)


def _authors(cell_ids: Sequence[int]) -> dict[int, int | None]:
    """Whose the values are: cell -> account that wrote what stands."""
    rows = db.session.execute(select(m.ScoreCell.id, m.ScoreCell.updated_by).where(m.ScoreCell.id.in_(cell_ids)))
    return {row.id: row.updated_by for row in rows}


def _write_homeroom(
    session: Session, old_id: int, new_id: int, values: Mapping[str, Any], now: datetime
) -> list[m.HomeroomRecord]:
    rows, source = rows_of(m.HomeroomRecord, new_id), rows_of(m.HomeroomRecord, old_id)
    record = rows[0] if rows else None
    changed = {
        name: values.get(name)
        for name in HOMEROOM_VALUES
        if values.get(name) != (getattr(record, name) if record is not None else None)
    }
    if not changed:
        return []
    record = homeroom_records.write(record, new_id, changed, source[0].updated_by if source else None, now)
    session.flush()
    return [record]


def _write_months(
    session: Session, new_id: int, months: Sequence[m.MonthAbsence], now: datetime
) -> list[m.MonthAbsence]:
    known = {(row.semester, row.month, row.kind): row for row in rows_of(m.MonthAbsence, new_id)}
    wanted = {(row.semester, row.month, row.kind): row for row in months}
    written = []
    for key in sorted({*known, *wanted}):
        row, source = known.get(key), wanted.get(key)
        sessions = source.sessions if source is not None else None
        if (row.sessions if row is not None else None) == sessions:
            continue
        semester, month, kind = key
        by = source.updated_by if source is not None else None
        written.append(write_cell(row, new_id, whole_month(semester, month), kind, sessions, by, now))
    session.flush()
    return written


def _write_standing(
    session: Session, model: Any, columns: Sequence[str], new_id: int, wanted: Sequence[Any], ended: str
) -> list[Any]:
    """Copies of what is in force, with who decided it and when; what stood there and is in force no more gets the state ``ended``."""
    forces = {row.state for row in wanted} or {"GRANTED", "ACCEPTED"}
    standing = rows_of(model, new_id, or_(*(model.state == state for state in sorted(forces))))
    same = {tuple(getattr(row, name) for name in columns): row for row in standing}
    keys = [tuple(getattr(row, name) for name in columns) for row in wanted]
    over = [row for key, row in same.items() if key not in keys]
    for row in over:
        row.state = ended
    session.flush()  # the old ones leave the index of what is in force before their successors come in
    made = [model(enrollment_id=new_id, **dict(zip(columns, key, strict=True))) for key in keys if key not in same]
    session.add_all(made)
    session.flush()
    return [*over, *made]


def _write_decisions(session: Session, new_id: int, wanted: Sequence[m.PrincipalDecision]) -> list[m.PrincipalDecision]:
    """Copies of the decisions in force; the newest row of a kind and term counts."""
    known = {tuple(getattr(row, name) for name in _DECIDED) for row in newest_decisions(new_id)}
    keys = [tuple(getattr(row, name) for name in _DECIDED) for row in wanted]
    made = [
        m.PrincipalDecision(enrollment_id=new_id, **dict(zip(_DECIDED, key, strict=True)))
        for key in keys
        if key not in known
    ]
    session.add_all(made)
    session.flush()
    return made
