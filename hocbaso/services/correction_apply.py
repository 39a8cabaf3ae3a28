"""Carrying an approved correction out, inside the transaction of the approval: values, locks, results, records.

Nothing is overwritten: the cell gets its next version, the frozen result its next revision, a record that no longer says the truth
is recalled (``services/recall_requests``) and a new one, under a new UUID, becomes due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import IntegrityFault, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.correction_fields import read_month_field
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.regulations.score_sheet_flow import SheetParty, SheetState, SheetVerb, find_move
from hocbaso.regulations.summer_flow import SummerState
from hocbaso.regulations.terms import Promotion
from hocbaso.regulations.vietnamese_names import search_key, sort_key
from hocbaso.services import (
    audit,
    conclusion_cases,
    corrected_places,
    corrected_year,
    correction_items,
    correction_month_fields,
    correction_steps,
    correction_year_fields,
    frozen_results,
    homeroom,
    homeroom_records,
    paper_preview,
    recall_requests,
    results,
    reviews,
    study_history,
    summer_fields,
    transcripts,
)
from hocbaso.services.access import Actor
from hocbaso.services.conclusion_cases import Chosen
from hocbaso.services.correction_impact import Impact
from hocbaso.services.evaluation import basis_for
from hocbaso.services.results import ClassResults
from hocbaso.services.score_cells import NOTHING, column_words
from hocbaso.services.score_lines import read_row
from hocbaso.services.score_versions import (
    NEW_VERSION,
    TOUCH_SHEET,
    put,
    state_after,
    version_values,
)
from hocbaso.services.sheet_access import SheetHead, connection, read_head
from hocbaso.services.student_fields import FIELD_WORDS
from hocbaso.services.student_inputs import StudentInput

Ruling = tuple[str, str, str, str]
Rulings = Sequence[Ruling]
"""Decisions made with the approval: kind, term, outcome, reason."""


def apply_year(
    actor: Actor,
    request: m.CorrectionRequest,
    found: Impact,
    rulings: Rulings,
    now: datetime,
    *,
    chosen: Chosen | None = None,
) -> str:
    """Write the cells and lock again, the homeroom part, the summer's results, or what stands beside them; decide what was left to people, freeze anew, keep what was ``chosen`` for the pupil, take records out of force; the outcome as JSON.

    Raises Invalid (what has to be chosen was not), WrongState (a sheet is not locked any more), Stale, IntegrityFault (what came out is not what was previewed).
    """
    today = clock.local_date(now)
    class_group_id, enrollment_id = request.enrollment.class_group_id, request.enrollment_id
    former = frozen_results.newest_frozen(enrollment_id) if found.refreezes else None
    freeze = former.freeze if former is not None else None

    def pupil() -> tuple[ClassResults, StudentInput]:
        computed = results.compute_class(class_group_id, today, fresh=True)
        return computed, corrected_year.as_frozen(corrected_year.find_student(computed, enrollment_id), freeze)

    computed, given = pupil()
    foreseen = corrected_year.evaluated(computed, corrected_year.corrected(given, request))
    by_sheet: dict[int, list[m.CorrectionItem]] = {}
    for item in request.items:
        if item.score_sheet_id is not None:
            by_sheet.setdefault(item.score_sheet_id, []).append(item)
    if request.kind == CorrectionKind.HOMEROOM:
        _correct_homeroom(actor, request, now)
        correction_month_fields.write(actor, request, now)
    if request.kind == CorrectionKind.SUMMER:
        _correct_summer(actor, request, now)
    correction_year_fields.write_inherited(actor, request, now)
    correction_year_fields.write_exemptions(actor, request, now)
    for sheet in correction_year_fields.sheets_concerned(request):
        if sheet.state == SheetState.LOCKED.value:  # opened and locked again, so that its past tells of the line
            by_sheet.setdefault(sheet.id, [])
    for sheet_id in sorted(by_sheet):
        _correct_sheet(actor, request, sheet_id, by_sheet[sheet_id], now)
    correction_year_fields.require_lines_whole(request)
    computed, given = pupil()
    if corrected_year.evaluated(computed, given).result != foreseen.result:
        raise IntegrityFault("Kết quả sau khi sửa khác với tác động đã xem. Chưa có gì thay đổi.")
    changes = found.changes
    if rulings:
        for ruling in rulings:  # one after the other: each is bound to the results that it is made on
            basis = basis_for(corrected_year.evaluated(computed, given).result, *ruling[:2])
            _rule(actor, request, ruling, basis, now)
            computed, given = pupil()
    after = corrected_year.evaluated(computed, given)
    voided = found.voided
    if former is not None:
        places = corrected_places.of_page(request)
        record = transcripts.records_in_force([enrollment_id]).get(enrollment_id)
        printed = record.frozen_result if record is not None else former
        changes, _ = corrected_year.changes_from(computed, given, printed, after)
        # With the decisions made the year may be again what the paper in force says.
        voided = voided if changes else ()
        frozen = frozen_results.freeze_corrected(
            db.session(), actor, computed, after, former, now,
            n_places=places.n_places, subject_names=places.subject_names,
        )  # fmt: skip
        request.frozen_result_id = frozen.id
        conclusion_cases.open_from(
            actor,
            request,
            found.case,
            chosen or Chosen(),
            Promotion(frozen_results.parsed(former)["promotion"]["outcome"]),
            after.result.promotion,
            now,
        )
    return _outcome(replace(found, changes=changes), _void(actor, request, replace(found, voided=voided), now))


def _correct_sheet(
    actor: Actor, request: m.CorrectionRequest, sheet_id: int, items: Sequence[m.CorrectionItem], now: datetime
) -> None:
    """LOCKED -> RETURNED, the cells, RETURNED -> LOCKED: nobody finds the sheet open in between."""
    head = replace(read_head(sheet_id), parties=frozenset({SheetParty.CORRECTION}))
    note = f"Đề nghị sửa chữa số {request.id} của {request.asker_name}: {request.reason}"[:1000]
    reviews.carry_out(actor, head, find_move(head.state, SheetVerb.REOPEN), note, now)
    if items:
        _write_cells(actor, request, head, items, now)
    opened = read_head(sheet_id)
    reviews.carry_out(actor, opened, find_move(opened.state, SheetVerb.RELOCK), note, now)


def _write_cells(
    actor: Actor, request: m.CorrectionRequest, head: SheetHead, items: Sequence[m.CorrectionItem], now: datetime
) -> None:
    """The next version of each cell, one entry for the sheet. The version bears the name of who asked: it is that teacher's value; the
    entry bears the name of who approved."""
    link = connection()
    if link.execute(TOUCH_SHEET, {"sheet_id": head.id}).rowcount == 0:
        raise WrongState("Bảng điểm vừa được người khác chuyển. Chưa có gì thay đổi.")
    full_name, closed, cells = read_row(head, request.enrollment_id)
    if closed:
        raise WrongState(f"{full_name} {closed.lower()} ở {head.label} nên không sửa điểm được.")
    author = replace(actor, account_id=request.asked_by)
    written = []
    for item in items:
        assert item.column_key is not None
        standing = cells.get(item.column_key, NOTHING)
        value = correction_items.value_of_item(item, "new")
        stored = (
            put(link, author, head, request.enrollment_id, item.column_key, value, standing, now)
            if standing.version == item.seen_version
            else None
        )
        if stored is None:
            raise Stale("Một ô vừa được người khác sửa. Chưa có gì thay đổi; xin xem lại.")
        written.append((item.column_key, stored, standing))
    seq = audit.record(
        AuditTag.CELLS_CORRECTED,
        actor,
        now,
        target_kind="score_sheet",
        target_id=head.id,
        state={
            "score_cell": {
                str(value.id): state_after(head, request.enrollment_id, key, value) for key, value, _ in written
            }
        },
        before={f"{request.enrollment_id}-{key}": standing.text for key, _, standing in written},
        note=request.reason,
        facts={
            "sheet": head.label,
            "student": full_name,
            "columns": [column_words(head, key) for key, _, _ in written],
            "n_cells": len(written),
            **correction_steps.source_facts(request),
        },
    )
    link.execute(NEW_VERSION, [version_values(value, author, now, "corrected", seq) for _, value, _ in written])


def _correct_homeroom(actor: Actor, request: m.CorrectionRequest, now: datetime) -> None:
    """The fields of the homeroom record, as who asked would write them; the entry bears the name of who approved."""
    fields = [(item, item.field) for item in request.items if item.field and read_month_field(item.field) is None]
    if not fields:
        return
    record = homeroom_records.record_of(request.enrollment_id)
    assert record is not None
    if any(correction_items.homeroom_text(record, field) != (item.old_text or "") for item, field in fields):
        raise Stale("Một mục vừa được người khác sửa. Chưa có gì thay đổi; xin xem lại.")
    before = {field: getattr(record, field) for _, field in fields}
    new = {field: homeroom.read_value(field, item.new_text or "") for item, field in fields}
    homeroom_records.write(record, request.enrollment_id, new, request.asked_by, now)
    db.session.flush()
    audit.record(
        AuditTag.HOMEROOM_CHANGED,
        actor,
        now,
        target_kind="homeroom_record",
        target_id=record.id,
        state=audit.states("homeroom_record", [record]),
        before=before,
        note=request.reason,
        facts={
            **correction_steps.pupil_facts(request),
            **correction_steps.source_facts(request),
            "fields": [correction_items.field_words(name) for name in before],
        },
    )


def _correct_summer(actor: Actor, request: m.CorrectionRequest, now: datetime) -> None:
    """The rows of the summer, as who asked would type them; they stay approved, by who approves this. The entry is aimed at the class."""
    rows = summer_fields.rows_of(request)
    for item in request.items:
        assert item.field is not None
        subject_id, part = summer_fields.named(item.field)
        row = rows.get(subject_id)
        if row is None or row.state != SummerState.APPROVED:
            raise Stale("Kết quả trong hè không còn được duyệt. Chưa có gì thay đổi; xin xem lại.")
        if summer_fields.text_of(row, part) != (item.old_text or ""):
            raise Stale("Một kết quả trong hè vừa đổi. Chưa có gì thay đổi; xin xem lại.")
    wanted = {subject_id: summer_fields.wanted(request, row) for subject_id, row in rows.items()}
    for subject_id, row in rows.items():
        for name, value in asdict(wanted[subject_id]).items():
            setattr(row, name, value)
        row.typed_by, row.typist_name = request.asked_by, request.asker_name
        row.decided_at, row.decided_by, row.decider_name = now, actor.account_id, actor.name
        row.version += 1
        row.updated_at, row.updated_by = now, request.asked_by
    db.session.flush()
    audit.record(
        AuditTag.SUMMER_RESULT_CHANGED,
        actor,
        now,
        target_kind="class_group",
        target_id=request.enrollment.class_group_id,
        state=audit.states("summer_result", list(rows.values())),
        before={
            correction_items.field_words(item.field): correction_items.field_text(item.field, item.old_text)
            for item in request.items
            if item.field
        },
        note=request.reason,
        facts={**correction_steps.pupil_facts(request), **correction_steps.source_facts(request)},
    )


def _rule(actor: Actor, request: m.CorrectionRequest, ruling: Ruling, basis: str | None, now: datetime) -> None:
    """A decision that the corrected year needs; those made before stay, the newest is in force."""
    kind, term, outcome, reason = ruling
    decision = m.PrincipalDecision(
        enrollment_id=request.enrollment_id,
        kind=kind,
        term=term,
        outcome=outcome,
        reason=reason,
        document=None,
        basis=basis,
        decided_by=actor.account_id,
        decided_at=now,
    )
    db.session.add(decision)
    db.session.flush()
    audit.record(
        AuditTag.DECISION_RECORDED,
        actor,
        now,
        target_kind="principal_decision",
        target_id=decision.id,
        state=audit.states("principal_decision", [decision]),
        note=reason,
        facts={
            **correction_steps.pupil_facts(request),
            "kind": kind,
            "term": term,
            "request": request.id,
        },
    )


def apply_civil_status(actor: Actor, request: m.CorrectionRequest, found: Impact, now: datetime) -> str:
    """Write the profile and take the records that print otherwise out of force; the outcome as JSON. Raises Stale, Invalid."""
    student = request.enrollment.student
    db.session.refresh(student)
    changed = correction_items.new_values(request)
    years = correction_items.new_years(request, clock.local_date(now))
    facts = {"student": student.full_name, "paper": request.paper, **correction_steps.source_facts(request)}
    if changed:
        _write_profile(actor, request, student, changed, facts, now)
    if years is not None:
        study_history.write(actor, student.id, years, now, request.reason, facts)
    return _outcome(found, _void(actor, request, found, now))


def _write_profile(
    actor: Actor,
    request: m.CorrectionRequest,
    student: m.Student,
    changed: Mapping[str, Any],
    facts: Mapping[str, Any],
    now: datetime,
) -> None:
    before = {name: getattr(student, name) for name in changed}
    values: dict[str, Any] = dict(changed)
    if "full_name" in changed:
        values["sort_key"] = sort_key(changed["full_name"])
        values["search_key"] = search_key(changed["full_name"])
    done = db.session.execute(
        update(m.Student)
        .where(m.Student.id == student.id, m.Student.version == student.version)
        .values(**values, version=m.Student.version + 1, touched_at=now)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale("Hồ sơ vừa được người khác sửa. Chưa có gì thay đổi; xin xem lại.")
    db.session.refresh(student)
    audit.record(
        AuditTag.STUDENT_CHANGED,
        actor,
        now,
        target_kind="student",
        target_id=student.id,
        state=audit.states("student", [student], columns=values),
        before=before,
        note=request.reason,
        facts={**facts, "student": student.full_name, "fields": [FIELD_WORDS[name] for name in changed]},
    )


def _void(actor: Actor, request: m.CorrectionRequest, found: Impact, now: datetime) -> list[Mapping[str, Any]]:
    """Take each record out of force; what became of it."""
    reason = f"Đề nghị sửa chữa số {request.id}: {request.reason}"[:1000]
    told: list[Mapping[str, Any]] = []
    for one in found.voided:
        record = db.session.scalars(
            select(m.TranscriptRecord)
            .where(m.TranscriptRecord.uuid == one.uuid)
            .execution_options(populate_existing=True)
        ).one()
        transcripts.require_untouched(record)
        # Written by now, with what was decided along with it: what the outcome keeps is what the next build prints.
        apart = {change.path for change in one.paper if change.apart}
        paper = paper_preview.of_record(record, clock.local_date(now), apart=apart)
        one = replace(one, paper=paper.changes, paper_problem=paper.problem)
        recall = recall_requests.recall_by_correction(actor, record, reason, now, paper=request.paper)
        told.append({**asdict(one), "recall_request": recall.id if recall is not None else None})
    return told


def _outcome(found: Impact, voided: Sequence[Mapping[str, Any]]) -> str:
    """What is kept of an applied request for whoever asks in five years."""
    return canonical_json(
        {
            "items": [asdict(one) for one in found.items],
            "changes": [asdict(one) for one in found.changes],
            "steps": list(found.steps),
            "voided": list(voided),
            "rulings": [asdict(one) for one in found.rulings],
            "refrozen": found.refreezes,
        }
    )
