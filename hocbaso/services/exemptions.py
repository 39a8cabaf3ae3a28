"""Miễn học: proposed by the homeroom teacher, decided by the principal with its paper; it closes the subject.

What was typed before stays in the sheet's history and no longer counts; the sheet refuses new values for that student
(``services/score_entry.py`` reads granted exemptions).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.services import audit
from hocbaso.services.access import Actor, class_for, keeps_class
from hocbaso.services.deciders import Proposal, may_decide, require_decides
from hocbaso.services.log_reading import require_told
from hocbaso.services.score_grid import ACTIVE

STATE_WORDS = {
    "PROPOSED": "chờ Hiệu trưởng quyết định",
    "GRANTED": "được miễn",
    "REFUSED": "không được miễn",
    "REVOKED": "đã thu hồi",
}

_AFTER_LOCK = (
    "Miễn học sau khi khoá: giáo viên chủ nhiệm lập đề nghị sửa miễn học ở trang của học sinh, mục Sửa chữa. Đề nghị đang chờ ở đây "
    "thì Hiệu trưởng trả lời không cho miễn trước. Chưa có gì thay đổi."
)


@dataclass(frozen=True, slots=True)
class ExemptionLine:
    """An exemption as people read it. ``semester`` None: the whole year."""

    id: int
    enrollment_id: int
    class_group_id: int
    class_name: str
    student_name: str
    subject_name: str
    semester: int | None
    state: str
    reason: str
    document: str | None
    proposed_at: datetime

    @property
    def words(self) -> str:
        """``Miễn Giáo dục thể chất, cả năm``."""
        term = "cả năm" if self.semester is None else f"học kì {'I' * self.semester}"
        return f"Miễn {self.subject_name}, {term}"


def _clean(text: str | None, limit: int, field: str, what: str) -> str | None:
    words = " ".join(unicodedata.normalize("NFC", text or "").split()) or None
    if words and len(words) > limit:
        raise Invalid(f"{what} dài quá {limit} chữ.", field=field)
    return words


def propose(
    actor: Actor,
    enrollment_id: int,
    subject_id: int,
    semester: int | None,
    reason: str,
    *,
    now: datetime,
    document: str | None = None,
) -> ExemptionLine:
    """Propose as homeroom teacher. ``semester`` 1, 2 or None for both.

    Raises NotFound, NotAllowed (not the homeroom teacher), Invalid (no reason, subject not taught in the class), WrongState
    (class finalised, a sheet concerned is locked, or already proposed or granted).
    """
    words = _clean(reason, 500, "reason", "Lí do")
    paper = _clean(document, 200, "document", "Số văn bản")
    if semester not in (None, 1, 2):
        raise Invalid("Học kì không hợp lệ.", field="semester")
    with write_transaction() as session:
        enrollment = session.get(m.Enrollment, enrollment_id, populate_existing=True)
        if enrollment is None:
            raise NotFound("Không có học sinh này trong phần việc của thầy, cô.")
        class_group = class_for(actor, enrollment.class_group_id, Permission.CLASS_READ)
        if not keeps_class(actor, class_group) or not actor.may(Permission.EXEMPTION_PROPOSE):
            raise NotAllowed("Miễn học do giáo viên chủ nhiệm của lớp đề nghị.")
        session.refresh(class_group)
        if class_group.state != ClassState.OPEN.value:
            raise WrongState(f"Lớp {class_group.name} đã chốt tổng kết. {_AFTER_LOCK}")
        if enrollment.status not in ACTIVE:
            raise WrongState("Học sinh không còn học ở lớp này.")
        if not words:
            raise Invalid("Xin ghi lí do miễn học.", field="reason")
        offered = session.scalar(
            select(m.ClassSubject).where(
                m.ClassSubject.class_group_id == class_group.id, m.ClassSubject.subject_id == subject_id
            )
        )
        if offered is None:
            raise Invalid("Lớp này không học môn đó.", field="subject")
        _guard_unlocked(offered.id, semester, enrollment)
        if _overlapping(enrollment_id, subject_id, semester):
            raise WrongState("Môn này đã có đề nghị hoặc quyết định miễn học cho học sinh.")
        row = m.Exemption(
            enrollment_id=enrollment_id,
            subject_id=subject_id,
            semester=semester,
            state="PROPOSED",
            reason=words,
            document=paper,
            proposed_by=actor.account_id,
            proposed_at=now,
        )
        session.add(row)
        session.flush()
        line = line_of(row)
        audit.record(
            AuditTag.EXEMPTION_PROPOSED,
            actor,
            now,
            target_kind="exemption",
            target_id=row.id,
            state=audit.states("exemption", [row]),
            note=words,
            facts={"student": line.student_name, "class": line.class_name, "what": line.words, "document": paper},
        )
        return line


def decides(actor: Actor, row: m.Exemption) -> bool:
    """Whether a proposal waits for this person's decision."""
    return row.state == "PROPOSED" and may_decide(actor, _proposal(row), Permission.EXEMPTION_DECIDE)


def _proposal(row: m.Exemption) -> Proposal:
    return Proposal(row.enrollment.class_group, row.proposed_by, row.proposed_at)


def decide(actor: Actor, exemption_id: int, granted: bool, *, document: str | None, now: datetime) -> ExemptionLine:
    """Grant or refuse as principal; what the principal proposed, as vice-principal. A grant names its paper.

    Raises NotFound, NotAllowed, WrongState (decided before, class approved, sheet locked, granted otherwise meanwhile), Invalid (no paper).
    """
    paper = _clean(document, 200, "document", "Số văn bản")
    with write_transaction() as session:
        row = session.get(m.Exemption, exemption_id, populate_existing=True)
        if row is None:
            raise NotFound("Không có đề nghị miễn học này.")
        class_group = class_for(actor, row.enrollment.class_group_id, Permission.CLASS_READ)
        require_decides(actor, _proposal(row), Permission.EXEMPTION_DECIDE, "Miễn học do Hiệu trưởng quyết định.")
        if row.state != "PROPOSED":
            raise WrongState(f"Đề nghị này đã có quyết định: {STATE_WORDS[row.state]}. Không quyết định lần thứ hai.")
        session.refresh(class_group)
        if class_group.state == ClassState.APPROVED.value:
            raise WrongState(f"Lớp {class_group.name} đã được duyệt, kết quả đã đóng băng. {_AFTER_LOCK}")
        paper = paper or row.document
        if granted and not paper:
            raise Invalid("Xin ghi số, ngày của văn bản làm căn cứ miễn học.", field="document")
        if granted:
            offered = session.scalar(
                select(m.ClassSubject.id).where(
                    m.ClassSubject.class_group_id == class_group.id, m.ClassSubject.subject_id == row.subject_id
                )
            )
            if offered is not None:
                _guard_unlocked(offered, row.semester, row.enrollment)
            # A correction of a locked sheet may have granted it meanwhile: two decisions over one semester are taken back one by one.
            if _overlapping(row.enrollment_id, row.subject_id, row.semester, apart_from=row.id):
                raise WrongState(
                    "Em đã được miễn môn này theo một quyết định khác. Xin trả lời không cho miễn đề nghị này. Chưa có gì thay đổi."
                )
        require_told("exemption", row.id, {"state": row.state}, "Đề nghị miễn học này")
        row.state = "GRANTED" if granted else "REFUSED"
        row.document = paper
        row.decided_by, row.decided_at = actor.account_id, now
        session.flush()
        line = line_of(row)
        audit.record(
            AuditTag.EXEMPTION_DECIDED,
            actor,
            now,
            target_kind="exemption",
            target_id=row.id,
            state=audit.states("exemption", [row]),
            before={"state": "PROPOSED"},
            facts={
                "student": line.student_name,
                "class": line.class_name,
                "what": line.words,
                "document": paper,
                "outcome": row.state,
            },
        )
        return line


def _guard_unlocked(class_subject_id: int, semester: int | None, enrollment: m.Enrollment) -> None:
    """A locked sheet says what it says; of a semester at the old school it says nothing of this pupil."""
    locked = db.session.scalar(
        select(m.ScoreSheet.semester)
        .where(
            m.ScoreSheet.class_subject_id == class_subject_id,
            m.ScoreSheet.state == SheetState.LOCKED.value,
            m.ScoreSheet.semester >= enrollment.first_semester,
            *([m.ScoreSheet.semester == semester] if semester else []),
        )
        .limit(1)
    )
    if locked is not None:
        raise WrongState(f"Bảng điểm học kì {'I' * locked} của môn này đã khoá. {_AFTER_LOCK}")


def is_proposed(enrollment_id: int, subject_id: int) -> bool:
    """Whether an exemption of this subject waits for its decision."""
    rows = select(m.Exemption.id).where(
        m.Exemption.enrollment_id == enrollment_id,
        m.Exemption.subject_id == subject_id,
        m.Exemption.state == "PROPOSED",
    )
    return db.session.scalar(rows.limit(1)) is not None


def _overlapping(enrollment_id: int, subject_id: int, semester: int | None, *, apart_from: int | None = None) -> bool:
    terms = [] if semester is None else [or_(m.Exemption.semester.is_(None), m.Exemption.semester == semester)]
    return (
        db.session.scalar(
            select(m.Exemption.id)
            .where(
                m.Exemption.enrollment_id == enrollment_id,
                m.Exemption.subject_id == subject_id,
                m.Exemption.state.in_(("PROPOSED", "GRANTED")),
                m.Exemption.id != (apart_from or 0),
                *terms,
            )
            .limit(1)
        )
        is not None
    )


def line_of(row: m.Exemption) -> ExemptionLine:
    """The exemption as people read it."""
    enrollment, subject = row.enrollment, row.subject
    return ExemptionLine(
        row.id,
        row.enrollment_id,
        enrollment.class_group_id,
        enrollment.class_group.name,
        enrollment.student.full_name,
        subject.name,
        row.semester,
        row.state,
        row.reason,
        row.document,
        row.proposed_at,
    )


def of_student(actor: Actor, enrollment_id: int) -> list[ExemptionLine]:
    """The exemptions of a student; NotFound outside the actor's classes."""
    enrollment = db.session.get(m.Enrollment, enrollment_id)
    if enrollment is None:
        raise NotFound("Không có học sinh này trong phần việc của thầy, cô.")
    class_for(actor, enrollment.class_group_id, Permission.CLASS_READ)
    rows = db.session.scalars(
        select(m.Exemption)
        .where(m.Exemption.enrollment_id == enrollment_id)
        .order_by(m.Exemption.id)
        .execution_options(populate_existing=True)
    )
    return [line_of(row) for row in rows]


def waiting(actor: Actor) -> list[ExemptionLine]:
    """Proposals that wait for this person, oldest first; nothing for anybody else."""
    if not actor.may(Permission.EXEMPTION_DECIDE):
        return []
    rows = db.session.scalars(
        select(m.Exemption)
        .join(m.Enrollment)
        .join(m.ClassGroup)
        .join(m.SchoolYear)
        .where(m.Exemption.state == "PROPOSED", m.SchoolYear.state == "OPEN", m.Enrollment.status.in_(ACTIVE))
        .order_by(m.Exemption.proposed_at, m.Exemption.id)
        .execution_options(populate_existing=True)
    )
    return [line_of(row) for row in rows if decides(actor, row)]
