"""What a correction writes beside cells and the homeroom record: the results of an old school, exemptions.

Inside the transaction of the approval (``services/correction_apply``); the row that was wrong stays, out of force.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.correction_fields import YearFieldKind, read_year_field
from hocbaso.regulations.exemption_flow import ExemptionState, RevocationState, require_sheet_open
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.regulations.score_values import from_point
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import audit, correction_steps, exemptions
from hocbaso.services.access import Actor
from hocbaso.services.score_cells import NOTHING, columns_of
from hocbaso.services.score_lines import read_row
from hocbaso.services.sheet_access import read_head

_QUICKER = "Một mục vừa được người khác sửa. Chưa có gì thay đổi; xin xem lại."


def write_inherited(actor: Actor, request: m.CorrectionRequest, now: datetime) -> None:
    """The old school's results that the request asks for: copied by who asked, accepted by who approves."""
    wanted = {
        field.subject_id: item
        for item in request.items
        if (field := read_year_field(item.field or "")) is not None and field.kind is YearFieldKind.INHERITED
    }
    if not wanted:
        return
    former = {
        row.subject_id: row
        for row in db.session.scalars(
            select(m.InheritedResult)
            .where(
                m.InheritedResult.enrollment_id == request.enrollment_id,
                m.InheritedResult.state == "ACCEPTED",
                m.InheritedResult.subject_id.in_(wanted),
            )
            .execution_options(populate_existing=True)
        )
    }
    for subject_id, item in wanted.items():
        if (item.old_text is None) != (subject_id not in former):
            raise Stale(_QUICKER)
    for row in former.values():
        row.state = "REPLACED"
    db.session.flush()  # the accepted ones leave the index before their successors come in
    new = []
    for subject_id, item in wanted.items():
        subject = db.session.get_one(m.Subject, subject_id)
        text = item.new_text or ""
        scored = subject.kind == SubjectKind.SCORED
        new.append(
            m.InheritedResult(
                enrollment_id=request.enrollment_id,
                subject_id=subject_id,
                semester=1,
                tenths=from_point(text) if scored else None,
                mark=None if scored else text,
                state="ACCEPTED",
                document=request.paper or "",
                proposed_at=request.asked_at,
                proposed_by=request.asked_by,
                proposer_name=request.asker_name,
                decided_at=now,
                decided_by=actor.account_id,
                decider_name=actor.name,
                decision_note=f"Đề nghị sửa chữa số {request.id}",
            )
        )
    db.session.add_all(new)
    db.session.flush()
    audit.record(
        AuditTag.INHERITED_DECIDED,
        actor,
        now,
        target_kind="class_group",
        target_id=request.enrollment.class_group_id,
        state=audit.states("inherited_result", [*former.values(), *new]),
        note=request.reason,
        facts={
            **correction_steps.pupil_facts(request),
            **correction_steps.source_facts(request),
            "paper": request.paper,
            "outcome": "ACCEPTED",
        },
    )


# --- exemptions ----------------------------------------------------------------------------------------------------------


def write_exemptions(actor: Actor, request: m.CorrectionRequest, now: datetime) -> None:
    """Grant what the request asks for, take back what it asks to take back; both rows stay. Before the cells are written."""
    granted: dict[int, set[int]] = {}
    revoked: dict[int, set[int]] = {}
    for item in request.items:
        field = read_year_field(item.field or "")
        if field is not None and field.kind is YearFieldKind.EXEMPT:
            (granted if item.new_text else revoked).setdefault(field.subject_id, set()).add(field.semester)
    for subject_id, semesters in revoked.items():
        _revoke(actor, request, subject_id, semesters, now)
    for subject_id, semesters in granted.items():
        _grant(actor, request, subject_id, semesters, now)


def _grant(actor: Actor, request: m.CorrectionRequest, subject_id: int, semesters: set[int], now: datetime) -> None:
    assert request.asked_by is not None
    row = m.Exemption(
        enrollment_id=request.enrollment_id,
        subject_id=subject_id,
        semester=None if semesters == {1, 2} else min(semesters),
        state=ExemptionState.GRANTED.value,
        reason=request.reason,
        document=request.paper,
        proposed_by=request.asked_by,
        proposed_at=request.asked_at,
        decided_by=actor.account_id,
        decided_at=now,
    )
    db.session.add(row)
    db.session.flush()
    _tell(AuditTag.EXEMPTION_DECIDED, actor, request, row, audit.states("exemption", [row]), now)


def _revoke(actor: Actor, request: m.CorrectionRequest, subject_id: int, semesters: set[int], now: datetime) -> None:
    standing = db.session.scalars(
        select(m.Exemption)
        .where(
            m.Exemption.enrollment_id == request.enrollment_id,
            m.Exemption.subject_id == subject_id,
            m.Exemption.state == ExemptionState.GRANTED.value,
        )
        .execution_options(populate_existing=True)
    ).all()
    rows = [row for row in standing if _semesters(row) <= semesters]
    if set().union(*(_semesters(row) for row in rows)) != semesters:
        raise Stale(_QUICKER)
    for row in rows:
        row.state = ExemptionState.REVOKED.value
        taken = m.ExemptionRevocation(
            exemption_id=row.id,
            enrollment_id=row.enrollment_id,
            state=RevocationState.REVOKED.value,
            reason=request.reason,
            proposed_at=request.asked_at,
            proposed_by=request.asked_by,
            proposer_name=request.asker_name,
            decided_at=now,
            decided_by=actor.account_id,
            decider_name=actor.name,
            decision_note=f"Đề nghị sửa chữa số {request.id}, {request.paper}",
        )
        db.session.add(taken)
        db.session.flush()
        told = audit.merge_states(audit.states("exemption", [row]), audit.states("exemption_revocation", [taken]))
        _tell(AuditTag.REVOCATION_DECIDED, actor, request, row, told, now)


def _semesters(row: m.Exemption) -> set[int]:
    return {1, 2} if row.semester is None else {row.semester}


def _tell(
    tag: AuditTag,
    actor: Actor,
    request: m.CorrectionRequest,
    row: m.Exemption,
    state: dict[str, dict[str, Any]],
    now: datetime,
) -> None:
    line = exemptions.line_of(row)
    audit.record(
        tag,
        actor,
        now,
        target_kind="exemption",
        target_id=row.id,
        state=state,
        before={"state": ExemptionState.GRANTED.value} if tag is AuditTag.REVOCATION_DECIDED else None,
        note=request.reason,
        facts={
            "student": line.student_name,
            "class": line.class_name,
            "what": line.words,
            "document": request.paper,
            "outcome": row.state,
            **correction_steps.source_facts(request),
        },
    )


def sheets_concerned(request: m.CorrectionRequest) -> list[m.ScoreSheet]:
    """The sheets of this school that an exemption of the request closes or opens, whatever their state."""
    found: list[m.ScoreSheet] = []
    enrollment = request.enrollment
    for item in request.items:
        field = read_year_field(item.field or "")
        if field is None or field.kind is not YearFieldKind.EXEMPT or field.semester < enrollment.first_semester:
            continue
        found += db.session.scalars(
            select(m.ScoreSheet)
            .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
            .where(
                m.ClassSubject.class_group_id == enrollment.class_group_id,
                m.ClassSubject.subject_id == field.subject_id,
                m.ScoreSheet.semester == field.semester,
            )
            .execution_options(populate_existing=True)
        )
    return found


def require_lines_whole(request: m.CorrectionRequest) -> None:
    """After the cells were written: no locked sheet was left with an empty cell, none between hands got a line that nobody read.

    Raises WrongState: a sheet moved on after the request was made.
    """
    if all(item.new_text for item in request.items if item.field):
        return
    for sheet in sheets_concerned(request):
        head = read_head(sheet.id)
        if head.state is not SheetState.LOCKED:
            require_sheet_open(head.state, head.label)
            continue
        _, closed, cells = read_row(head, request.enrollment_id)
        if not closed and not all(cells.get(column.key, NOTHING).is_filled for column in columns_of(head)):
            raise WrongState(
                f"Bảng điểm {head.label} đã khoá sau khi đề nghị được lập mà chưa có đủ điểm của em. Xin không duyệt, để giáo viên "
                "lập đề nghị mới có đủ điểm. Chưa có gì thay đổi."
            )
