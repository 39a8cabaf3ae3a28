"""Semester I of a pupil who came when it was over: the old school's results, copied by one person and accepted by another.

The homeroom teacher copies each subject's semester result from the old school's summary, the principal accepts it against the paper
(docs/decisions/0022). No sheet of this school is touched, and nothing the old school concluded is computed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.enrollment_flow import HERE
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.score_values import format_score, from_point, parse_pass_fail, parse_score, to_point
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import audit
from hocbaso.services.access import (
    NO_PUPIL,
    Actor,
    class_of_pupil,
    keeps_class,
    roles_reaching,
)
from hocbaso.services.deciders import Proposal, may_decide, require_decides
from hocbaso.services.log_reading import aimed_at, require_rows_told
from hocbaso.services.student_classes import places_of_year

STATE_WORDS = {
    "PROPOSED": "chờ Hiệu trưởng nhận",
    "ACCEPTED": "đã nhận",
    "REFUSED": "không nhận",
    "REPLACED": "đã có bản mới",
}
_LIMIT = 200
_NOTE = 500


@dataclass(frozen=True, slots=True)
class InheritedLine:
    """One subject to copy or copied. ``value``: what stands (8,5 or Đ), "" for nothing yet; ``exempt``: nothing is asked."""

    subject_id: int
    subject_name: str
    scored: bool
    value: str
    exempt: bool


@dataclass(frozen=True, slots=True)
class InheritedPage:
    """Semester I of a pupil who came late. ``state``: "" while nothing was copied, else that of the newest copy."""

    enrollment_id: int
    class_group_id: int
    class_name: str
    student_name: str
    school_name: str
    state: str
    document: str
    proposer_name: str
    proposed_at: datetime | None
    decider_name: str
    note: str
    lines: tuple[InheritedLine, ...]
    may_propose: bool
    may_decide: bool


def read(actor: Actor, enrollment_id: int) -> InheritedPage | None:
    """What stands of a pupil in reach; None for one who was here in semester I. NotFound outside the reach."""
    enrollment = _enrollment(actor, enrollment_id)
    if enrollment.first_semester == 1:
        return None
    class_group = enrollment.class_group
    rows = _rows(enrollment_id)
    newest = [row for row in rows if row.state == "PROPOSED"] or [row for row in rows if row.state == "ACCEPTED"]
    refused = [row for row in rows if row.state == "REFUSED"]
    if not newest and refused:
        last = max(row.proposed_at for row in refused)
        newest = [row for row in refused if row.proposed_at == last]
    standing = {row.subject_id: row for row in newest}
    exempt = _exempt(enrollment_id)
    first = newest[0] if newest else None
    came = db.session.scalar(
        select(m.Movement.school_name)
        .where(m.Movement.enrollment_id.in_(places_of_year(enrollment)), m.Movement.kind == "transferred_in")
        .order_by(m.Movement.id.desc())
        .limit(1)
    )
    is_open = class_group.state == ClassState.OPEN.value and enrollment.status in HERE
    return InheritedPage(
        enrollment_id,
        class_group.id,
        class_group.name,
        enrollment.student.full_name,
        came or "trường cũ",
        first.state if first else "",
        first.document if first else "",
        first.proposer_name if first else "",
        first.proposed_at if first else None,
        (first.decider_name or "") if first else "",
        (first.decision_note or "") if first else "",
        tuple(
            InheritedLine(
                subject.id,
                subject.name,
                subject.kind == SubjectKind.SCORED,
                _shown(standing[subject.id]) if subject.id in standing else "",
                subject.id in exempt,
            )
            for subject in _subjects(class_group.id)
        ),
        is_open and keeps_class(actor, class_group) and actor.may(Permission.CLASS_KEEP),
        is_open
        and first is not None
        and first.state == "PROPOSED"
        and may_decide(actor, _proposal(first), Permission.INHERITED_DECIDE),
    )


def propose(actor: Actor, enrollment_id: int, raw: Mapping[int, str], document: str, now: datetime) -> None:
    """Copy the old school's results of semester I: a text a subject id, and the paper they stand on.

    Raises NotFound, NotAllowed (not the homeroom teacher), WrongState (here in semester I, left, class finalised), Invalid
    (``mon-<id>`` or ``document``: a subject without a result, a value that is none).
    """
    with write_transaction() as session:
        enrollment = _enrollment(actor, enrollment_id)
        class_group = enrollment.class_group
        if not keeps_class(actor, class_group) or not actor.may(Permission.CLASS_KEEP):
            raise NotAllowed("Kết quả nơi chuyển đến do giáo viên chủ nhiệm ghi theo bảng tổng hợp của trường cũ.")
        _guard(enrollment, class_group)
        paper = _words(document, _LIMIT, "document", "Số, ngày bảng tổng hợp của trường cũ")
        exempt = _exempt(enrollment_id)
        new = []
        for subject in _subjects(class_group.id):
            if subject.id in exempt:
                continue
            tenths, mark = _value(subject, raw.get(subject.id, ""))
            new.append(
                m.InheritedResult(
                    enrollment_id=enrollment_id,
                    subject_id=subject.id,
                    semester=1,
                    tenths=tenths,
                    mark=mark,
                    state="PROPOSED",
                    document=paper,
                    proposed_at=now,
                    proposed_by=actor.account_id,
                    proposer_name=actor.name,
                )
            )
        _require_as_told(class_group)
        earlier = [row for row in _rows(enrollment_id) if row.state == "PROPOSED"]
        for row in earlier:
            row.state, row.decided_at, row.decider_name = "REPLACED", now, actor.name
            row.decided_by = actor.account_id
        session.flush()  # one proposal of a subject at a time: the older ones leave the index first
        session.add_all(new)
        session.flush()
        _tell(AuditTag.INHERITED_PROPOSED, actor, enrollment, [*earlier, *new], now, facts={"paper": paper})


def decide(actor: Actor, enrollment_id: int, accepted: bool, now: datetime, *, note: str = "") -> None:
    """Accept what was copied, or send it back with a note: the principal, against the paper; what the principal copied, a vice-principal.

    Raises NotFound, NotAllowed, WrongState (nothing waits, class finalised), Invalid (sent back without a note).
    """
    with write_transaction() as session:
        enrollment = _enrollment(actor, enrollment_id)
        class_group = enrollment.class_group
        rows = _rows(enrollment_id)
        waiting = [row for row in rows if row.state == "PROPOSED"]
        whose = "Kết quả nơi chuyển đến do Hiệu trưởng nhận."
        if waiting:
            require_decides(actor, _proposal(waiting[0]), Permission.INHERITED_DECIDE, whose)
        elif not _holds(actor, class_group):
            raise NotAllowed(f"{whose} Chưa có gì thay đổi.")
        _guard(enrollment, class_group)
        if not waiting:
            raise WrongState("Không có kết quả nơi chuyển đến nào đang chờ nhận. Chưa có gì thay đổi.")
        words = None if accepted and not note.strip() else _words(note, _NOTE, "note", "Lí do không nhận")
        _require_as_told(class_group)
        replaced = [row for row in rows if row.state == "ACCEPTED"] if accepted else []
        for row in replaced:
            row.state = "REPLACED"
        session.flush()  # the accepted ones leave the index before their successors come in
        for row in waiting:
            row.state = "ACCEPTED" if accepted else "REFUSED"
            row.decided_at, row.decided_by, row.decider_name, row.decision_note = (
                now,
                actor.account_id,
                actor.name,
                words,
            )
        session.flush()
        _tell(
            AuditTag.INHERITED_DECIDED,
            actor,
            enrollment,
            [*replaced, *waiting],
            now,
            note=words,
            facts={"paper": waiting[0].document, "outcome": waiting[0].state},
        )


def waiting(actor: Actor) -> list[tuple[int, int, str, datetime]]:
    """(class id, enrolment id, full name, when) of what waits for this person, oldest first; nothing for anybody else."""
    if not actor.may(Permission.INHERITED_DECIDE):
        return []
    found = db.session.execute(
        select(
            m.Enrollment.class_group_id,
            m.Enrollment.id,
            m.Student.full_name,
            m.InheritedResult.proposed_at,
            m.InheritedResult.proposed_by,
        )
        .distinct()
        .join(m.Enrollment, m.Enrollment.id == m.InheritedResult.enrollment_id)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(
            m.InheritedResult.state == "PROPOSED",
            m.SchoolYear.state == "OPEN",
            m.ClassGroup.state == ClassState.OPEN.value,
            m.Enrollment.status.in_(sorted(HERE)),
        )
        .order_by(m.InheritedResult.proposed_at, m.Enrollment.id)
    )
    return [
        (row.class_group_id, row.id, row.full_name, row.proposed_at)
        for row in found
        if may_decide(
            actor,
            Proposal(db.session.get_one(m.ClassGroup, row.class_group_id), row.proposed_by, row.proposed_at),
            Permission.INHERITED_DECIDE,
        )
    ]


def _enrollment(actor: Actor, enrollment_id: int) -> m.Enrollment:
    row = db.session.get(m.Enrollment, enrollment_id, populate_existing=True)
    if row is None:
        raise NotFound(NO_PUPIL)
    db.session.refresh(class_of_pupil(actor, row.class_group_id, Permission.CLASS_READ))
    return row


def _guard(enrollment: m.Enrollment, class_group: m.ClassGroup) -> None:
    if enrollment.first_semester == 1:
        raise WrongState("Em học học kì I ở trường này nên không có kết quả nơi chuyển đến. Chưa có gì thay đổi.")
    if enrollment.status not in HERE:
        raise WrongState("Em không còn học ở lớp này. Chưa có gì thay đổi.")
    if class_group.state == ClassState.FINALISED.value:
        raise WrongState(
            f"Lớp {class_group.name} đã chốt tổng kết. Giáo viên chủ nhiệm bấm “Mở lại để sửa” trước, chép lại kết quả sau. "
            "Chưa có gì thay đổi."
        )
    if class_group.state == ClassState.APPROVED.value:
        raise WrongState(
            f"Lớp {class_group.name} đã được duyệt, kết quả đã đóng băng. Kết quả nơi chuyển đến chép sai thì giáo viên chủ nhiệm "
            "lập đề nghị sửa chữa ở trang của học sinh, kèm bảng tổng hợp đúng của trường cũ. Chưa có gì thay đổi."
        )


def _holds(actor: Actor, class_group: m.ClassGroup) -> bool:
    return actor.is_system or (
        actor.may(Permission.INHERITED_DECIDE) and Role.PRINCIPAL in roles_reaching(actor, class_group)
    )


def _proposal(row: m.InheritedResult) -> Proposal:
    return Proposal(row.enrollment.class_group, row.proposed_by, row.proposed_at)


def _rows(enrollment_id: int) -> list[m.InheritedResult]:
    return list(
        db.session.scalars(
            select(m.InheritedResult)
            .where(m.InheritedResult.enrollment_id == enrollment_id)
            .order_by(m.InheritedResult.id)
            .execution_options(populate_existing=True)
        )
    )


def _subjects(class_group_id: int) -> list[m.Subject]:
    return list(
        db.session.scalars(
            select(m.Subject)
            .join(m.ClassSubject, m.ClassSubject.subject_id == m.Subject.id)
            .where(m.ClassSubject.class_group_id == class_group_id)
            .order_by(m.Subject.sheet_order, m.Subject.id)
        )
    )


def _exempt(enrollment_id: int) -> set[int]:
    """Subjects without a result of semester I by decision: exempt, or one that the old school did not teach."""
    return set(
        db.session.scalars(
            select(m.Exemption.subject_id).where(
                m.Exemption.enrollment_id == enrollment_id,
                m.Exemption.state == "GRANTED",
                (m.Exemption.semester.is_(None)) | (m.Exemption.semester == 1),
            )
        )
    )


def _value(subject: m.Subject, typed: str) -> tuple[int | None, str | None]:
    scored = subject.kind == SubjectKind.SCORED
    text = read_result(subject.name, scored, typed, f"mon-{subject.id}")
    return (from_point(text), None) if scored else (None, text)


def read_result(subject_name: str, scored: bool, typed: str, field: str) -> str:
    """A semester's result as the old school's paper has it: ``8.5``, or ``Đ``, ``CĐ``. Raises Invalid with ``field``."""
    if not typed.strip():
        raise Invalid(
            f"{subject_name}: xin ghi kết quả học kì I của trường cũ. Trường cũ không dạy môn này thì đề nghị miễn học học kì I.",
            field=field,
        )
    try:
        if not scored:
            return parse_pass_fail(typed).value
        found = parse_score(typed)
    except Invalid as wrong:
        raise Invalid(f"{subject_name}: {wrong.message}", field=field) from None
    if found.shorthand:
        raise Invalid(f"{subject_name}: xin ghi đủ dấu phẩy như trên giấy, ví dụ {found.shown_as}.", field=field)
    return to_point(found.tenths)


def _shown(row: m.InheritedResult) -> str:
    return format_score(row.tenths) if row.tenths is not None else row.mark or ""


def _words(typed: str, limit: int, field: str, what: str) -> str:
    text = " ".join((nfc(typed) or "").split())
    if not text or len(text) > limit:
        raise Invalid(f"{what}: xin ghi, nhiều nhất {limit} chữ.", field=field)
    if why := why_not_printed(text):
        raise Invalid(f"{what} {why}", field=field)
    return text


def _require_as_told(class_group: m.ClassGroup) -> None:
    rows = db.session.scalars(
        select(m.InheritedResult)
        .join(m.Enrollment, m.Enrollment.id == m.InheritedResult.enrollment_id)
        .where(m.Enrollment.class_group_id == class_group.id)
        .execution_options(populate_existing=True)
    ).all()
    require_rows_told(
        aimed_at({"class_group": (class_group.id,)}),
        {"inherited_result": rows},
        f"Kết quả nơi chuyển đến của lớp {class_group.name}",
    )


def _tell(
    tag: AuditTag,
    actor: Actor,
    enrollment: m.Enrollment,
    rows: list[m.InheritedResult],
    now: datetime,
    *,
    facts: dict[str, str],
    note: str | None = None,
) -> None:
    audit.record(
        tag,
        actor,
        now,
        target_kind="class_group",
        target_id=enrollment.class_group_id,
        state=audit.states("inherited_result", rows),
        note=note,
        facts={"student": enrollment.student.full_name, "class": enrollment.class_group.name, **facts},
    )
