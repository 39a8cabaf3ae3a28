"""Taking an exemption back while the class is open: asked by the homeroom teacher or the office, decided by the principal.

The exemption and the request both stay, each with its people and reasons. Once it is taken back the marks count again as they stand
in the sheet and what is missing is asked for: everything that reads exemptions reads granted ones only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.recall_content import clean
from hocbaso.errors import DomainError, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.exemption_flow import (
    NOTHING_CHANGED,
    ExemptionState,
    RevocationState,
    require_class_open,
    require_granted,
    require_sheet_open,
)
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.services import audit, exemptions
from hocbaso.services.access import Actor, class_of_pupil, reaches_class
from hocbaso.services.deciders import Proposal, may_decide, require_decides
from hocbaso.services.exemptions import ExemptionLine
from hocbaso.services.log_reading import aimed_at, require_rows_told, require_told
from hocbaso.services.score_grid import ACTIVE

STATE_WORDS = {
    "PROPOSED": "chờ Hiệu trưởng quyết định",
    "REVOKED": "đã thu hồi miễn học",
    "REFUSED": "không thu hồi",
}
_LIMIT = 500


@dataclass(frozen=True, slots=True)
class RevocationLine:
    """A request to take an exemption back, as people read it. ``may_decide``: by this person, now."""

    id: int
    exemption: ExemptionLine
    state: str
    reason: str
    proposer_name: str
    proposed_at: datetime
    decider_name: str
    decided_at: datetime | None
    note: str
    may_decide: bool


@dataclass(frozen=True, slots=True)
class ExemptionPast:
    """An exemption with every request to take it back, oldest first. ``may_ask``: by this person, now.

    ``may_rule``: this person decides whether it is granted. ``why_not``: what has to be done first, for who would ask; else "".
    """

    exemption: ExemptionLine
    revocations: tuple[RevocationLine, ...]
    may_ask: bool
    may_rule: bool
    why_not: str


def propose(actor: Actor, exemption_id: int, reason: str, *, now: datetime) -> RevocationLine:
    """Ask that a granted exemption be taken back, as homeroom teacher of the class or as clerk.

    Raises NotFound, NotAllowed, WrongState (not granted, class not open, sheet approved or locked, asked for already), Invalid (no reason).
    """
    words = _words(reason, "Xin ghi lí do thu hồi miễn học.", "reason")
    with write_transaction() as session:
        row = session.get(m.Exemption, exemption_id, populate_existing=True)
        if row is None:
            raise NotFound("Không có quyết định miễn học này.")
        _require_may_ask(actor, row)
        require_told("exemption", row.id, {"state": row.state}, "Quyết định miễn học này")
        asked = m.ExemptionRevocation(
            exemption_id=row.id,
            enrollment_id=row.enrollment_id,
            state=RevocationState.PROPOSED.value,
            reason=words,
            proposed_at=now,
            proposed_by=actor.account_id,
            proposer_name=actor.name,
        )
        session.add(asked)
        session.flush()
        _tell(AuditTag.REVOCATION_PROPOSED, actor, asked, None, now, note=words)
        return _line(actor, asked)


def _require_may_ask(actor: Actor, row: m.Exemption) -> None:
    enrollment = row.enrollment
    class_group = class_of_pupil(actor, enrollment.class_group_id, Permission.STUDENT_READ)
    if not reaches_class(actor, class_group.id, Permission.EXEMPTION_REVOKE):
        raise NotAllowed(f"Thu hồi miễn học do giáo viên chủ nhiệm của lớp hoặc văn thư đề nghị. {NOTHING_CHANGED}")
    db.session.refresh(class_group)
    require_granted(ExemptionState(row.state))
    _require_here(enrollment)
    require_class_open(ClassState(class_group.state), class_group.name)
    if is_asked(row.id):
        raise WrongState(f"Đã có đề nghị thu hồi đang chờ Hiệu trưởng quyết định. {NOTHING_CHANGED}")
    for state, label in _sheets(row):
        # What was handed in comes back on the way to the decision; what was approved never does.
        if state in (SheetState.APPROVED, SheetState.LOCKED):
            require_sheet_open(state, label)


def decide(actor: Actor, revocation_id: int, revoked: bool, *, note: str, now: datetime) -> RevocationLine:
    """Take the exemption back, or leave it with a reason: the principal; of the principal's own request a vice-principal.

    Raises NotFound, NotAllowed, WrongState (decided before, class not open, a sheet is past the teacher's hands), Invalid (left
    without a reason), IntegrityFault.
    """
    with write_transaction() as session:
        asked = session.get(m.ExemptionRevocation, revocation_id, populate_existing=True)
        if asked is None:
            raise NotFound("Không có đề nghị thu hồi miễn học này.")
        class_group = class_of_pupil(actor, asked.enrollment.class_group_id, Permission.CLASS_READ)
        require_decides(
            actor, _proposal(asked), Permission.EXEMPTION_DECIDE, "Thu hồi miễn học do Hiệu trưởng quyết định."
        )
        if asked.state != RevocationState.PROPOSED:
            raise WrongState(f"Đề nghị này đã có quyết định: {STATE_WORDS[asked.state]}. {NOTHING_CHANGED}")
        row = session.get(m.Exemption, asked.exemption_id, populate_existing=True)
        assert row is not None
        words = clean(note) if revoked else _words(note, "Xin ghi lí do không thu hồi.", "note")
        # A decision that came along from another class is told with everything else that came (``services/class_changes``).
        require_told("exemption", row.id, audit.state_of("exemption", row), "Quyết định miễn học này")
        require_rows_told(
            aimed_at({"exemption": [row.id]}), {"exemption_revocation": _rows(row.id)}, "Đề nghị thu hồi miễn học này"
        )
        if revoked:
            session.refresh(class_group)
            require_granted(ExemptionState(row.state))
            _require_here(asked.enrollment)
            require_class_open(ClassState(class_group.state), class_group.name)
            for state, label in _sheets(row):
                require_sheet_open(state, label)
            row.state = ExemptionState.REVOKED.value
        asked.state = (RevocationState.REVOKED if revoked else RevocationState.REFUSED).value
        asked.decided_at, asked.decided_by, asked.decider_name, asked.decision_note = (
            now,
            actor.account_id,
            actor.name,
            words,
        )
        session.flush()
        _tell(AuditTag.REVOCATION_DECIDED, actor, asked, row if revoked else None, now, note=words)
        return _line(actor, asked)


def _require_here(enrollment: m.Enrollment) -> None:
    if enrollment.status not in ACTIVE:
        raise WrongState(f"Học sinh không còn học ở lớp này. {NOTHING_CHANGED}")


def _words(text: str, missing: str, field: str) -> str:
    said = clean(text)
    if said is None:
        raise Invalid(missing, field=field)
    if len(said) > _LIMIT:
        raise Invalid(f"Ghi nhiều nhất {_LIMIT} chữ.", field=field)
    return said


def _rows(exemption_id: int) -> list[m.ExemptionRevocation]:
    return list(
        db.session.scalars(
            select(m.ExemptionRevocation)
            .where(m.ExemptionRevocation.exemption_id == exemption_id)
            .order_by(m.ExemptionRevocation.id)
            .execution_options(populate_existing=True)
        )
    )


def is_asked(exemption_id: int) -> bool:
    """Whether a request to take it back waits for its decision."""
    return any(one.state == RevocationState.PROPOSED for one in _rows(exemption_id))


def _sheets(row: m.Exemption) -> list[tuple[SheetState, str]]:
    """State and label of each sheet of this school that the exemption closes."""
    enrollment = row.enrollment
    found = db.session.execute(
        select(m.ScoreSheet.state, m.ScoreSheet.semester)
        .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
        .where(
            m.ClassSubject.class_group_id == enrollment.class_group_id,
            m.ClassSubject.subject_id == row.subject_id,
            m.ScoreSheet.semester >= enrollment.first_semester,
            *([m.ScoreSheet.semester == row.semester] if row.semester else []),
        )
        .order_by(m.ScoreSheet.semester)
    )
    return [
        (SheetState(one.state), f"{row.subject.name} {enrollment.class_group.name}, học kì {'I' * one.semester}")
        for one in found
    ]


def _tell(
    tag: AuditTag,
    actor: Actor,
    asked: m.ExemptionRevocation,
    revoked: m.Exemption | None,
    now: datetime,
    *,
    note: str | None,
) -> None:
    line = exemptions.line_of(asked.exemption)
    parts = [audit.states("exemption_revocation", [asked])]
    if revoked is not None:
        parts.append(audit.states("exemption", [revoked]))
    audit.record(
        tag,
        actor,
        now,
        target_kind="exemption",
        target_id=asked.exemption_id,
        state=audit.merge_states(*parts),
        before={"state": ExemptionState.GRANTED.value} if revoked is not None else None,
        note=note,
        facts={
            "student": line.student_name,
            "class": line.class_name,
            "what": line.words,
            "outcome": asked.state,
            "asked_by": asked.proposer_name,
        },
    )


def _proposal(asked: m.ExemptionRevocation) -> Proposal:
    return Proposal(asked.enrollment.class_group, asked.proposed_by, asked.proposed_at)


def _line(actor: Actor, asked: m.ExemptionRevocation) -> RevocationLine:
    return RevocationLine(
        asked.id,
        exemptions.line_of(asked.exemption),
        asked.state,
        asked.reason,
        asked.proposer_name,
        asked.proposed_at,
        asked.decider_name or "",
        asked.decided_at,
        asked.decision_note or "",
        asked.state == RevocationState.PROPOSED and may_decide(actor, _proposal(asked), Permission.EXEMPTION_DECIDE),
    )


def _past(actor: Actor, row: m.Exemption) -> ExemptionPast:
    may_ask, why_not = True, ""
    try:
        _require_may_ask(actor, row)
    except DomainError as refusal:
        may_ask = False
        asks = reaches_class(actor, row.enrollment.class_group_id, Permission.EXEMPTION_REVOKE)
        if asks and row.state == ExemptionState.GRANTED and not is_asked(row.id):
            why_not = refusal.message.removesuffix(f" {NOTHING_CHANGED}")
    return ExemptionPast(
        exemptions.line_of(row),
        tuple(_line(actor, one) for one in _rows(row.id)),
        may_ask,
        exemptions.decides(actor, row),
        why_not,
    )


def of_enrollment(actor: Actor, enrollment_id: int) -> list[ExemptionPast]:
    """The exemptions of a pupil's year with what was asked about them; NotFound outside the actor's classes."""
    return [
        _past(actor, db.session.get_one(m.Exemption, one.id)) for one in exemptions.of_student(actor, enrollment_id)
    ]


def of_student(actor: Actor, student_id: int) -> list[ExemptionPast]:
    """The same for the profile, in the years of a pupil in which this person may ask."""
    rows = db.session.scalars(
        select(m.Exemption)
        .join(m.Enrollment, m.Enrollment.id == m.Exemption.enrollment_id)
        .where(m.Enrollment.student_id == student_id)
        .order_by(m.Exemption.id)
        .execution_options(populate_existing=True)
    )
    return [
        _past(actor, row)
        for row in rows
        if reaches_class(actor, row.enrollment.class_group_id, Permission.EXEMPTION_REVOKE)
    ]


def waiting(actor: Actor) -> list[RevocationLine]:
    """Requests that wait for this person, oldest first; nothing for anybody else."""
    if not actor.may(Permission.EXEMPTION_DECIDE):
        return []
    rows = db.session.scalars(
        select(m.ExemptionRevocation)
        .join(m.Enrollment, m.Enrollment.id == m.ExemptionRevocation.enrollment_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(
            m.ExemptionRevocation.state == RevocationState.PROPOSED.value,
            m.SchoolYear.state == "OPEN",
            m.Enrollment.status.in_(ACTIVE),
        )
        .order_by(m.ExemptionRevocation.proposed_at, m.ExemptionRevocation.id)
        .execution_options(populate_existing=True)
    )
    return [line for row in rows if (line := _line(actor, row)).may_decide]
