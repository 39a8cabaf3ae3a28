"""Chuyển lớp: the office puts a pupil into another class of the grade level, by the principal's paper, with all the pupil has.

Seen first and pinned to what was seen; then one transaction. What is written is in ``services/class_change_writing`` (docs/decisions/0049).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations import class_change as rules
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.blind_check import CheckState
from hocbaso.regulations.class_change import NOTHING_CHANGED, ClassPlace
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.regulations.enrollment_flow import EnrollmentStatus
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.regulations.permissions import Permission
from hocbaso.services import class_change_writing, correction_access, departures, students, untouched
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.class_change_reading import Carry, collect
from hocbaso.services.score_cells import REMARK
from hocbaso.services.student_classes import place_of

FIELDS = {
    "class_group_id": "Chuyển sang lớp",
    "paper_no": "Số quyết định, đơn đã duyệt",
    "paper_on": "Ngày văn bản",
    "reason": "Lí do",
}
"""What the office writes, by name."""

_LIMITS = {"paper_no": 100, "reason": 500}
_HOMEROOM_WORDS = {
    "conduct_1": "rèn luyện học kì I",
    "conduct_2": "rèn luyện học kì II",
    "absences_excused_1": "nghỉ có phép học kì I",
    "absences_unexcused_1": "nghỉ không phép học kì I",
    "absences_excused_2": "nghỉ có phép học kì II",
    "absences_unexcused_2": "nghỉ không phép học kì II",
    "remark": "nhận xét",
    "award_extra": "khen thưởng",
    "competitions": "kết quả các cuộc thi",
    "certificates": "chứng chỉ",
    "certificates_grade": "loại chứng chỉ",
}


@dataclass(frozen=True, slots=True)
class SubjectLine:
    """How many marks and remarks of a subject go along, by semester."""

    name: str
    n_marks: tuple[int, int]
    n_remarks: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would do. ``refusals``: why it cannot be done now, each with what to do; ``seen``: pins it."""

    enrollment_id: int
    class_group_id: int
    from_class: str
    to_class: str
    subjects: tuple[SubjectLine, ...]
    homeroom: tuple[str, ...]
    n_months: int
    n_exemptions: int
    n_inherited: int
    n_decisions: int
    lacking: tuple[str, ...]
    """Subjects and columns that the new class has and the old one does not."""
    n_locked: int
    """Locked sheets that are written with the value that was approved, and locked again."""
    refusals: tuple[str, ...]
    seen: str

    @property
    def n_marks(self) -> int:
        """Marks that go along."""
        return sum(sum(one.n_marks) for one in self.subjects)


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was made, as the log tells it."""

    on: date
    from_class: str
    to_class: str
    paper: str
    reason: str
    by_name: str


def choices(actor: Actor, student_id: int) -> list[tuple[int, str]]:
    """(id, name) of the other open classes of the pupil's grade level, for the office; empty for everybody else."""
    present = place_of(student_id)
    if present is None or not _may(actor, present.class_group_id):
        return []
    old = present.class_group
    rows = db.session.scalars(
        select(m.ClassGroup)
        .where(
            m.ClassGroup.school_year_id == old.school_year_id,
            m.ClassGroup.grade_level == old.grade_level,
            m.ClassGroup.id != old.id,
            m.ClassGroup.state == ClassState.OPEN.value,
        )
        .order_by(m.ClassGroup.name)
    )
    return [(row.id, row.name) for row in rows if _may(actor, row.id)]


def preview(actor: Actor, student_id: int, class_group_id: int) -> Preview:
    """What moving the pupil there would do. Raises NotFound, NotAllowed (not the office), Invalid, WrongState (the rule)."""
    return _preview(*_find(actor, student_id, class_group_id))


def change(actor: Actor, student_id: int, raw: Mapping[str, str], seen: str, now: datetime) -> Preview:
    """Move the pupil, from the texts of :data:`FIELDS` and ``seen`` of the preview; what was done.

    Raises as :func:`preview`, Invalid (per field), Stale (what would be carried has changed), WrongState (``details``: each refusal),
    IntegrityFault.
    """
    today = clock.local_date(now)
    with write_transaction() as session:
        typed = raw.get("class_group_id", "")
        if not (typed.isascii() and typed.isdigit()):
            raise Invalid("Xin chọn lớp.", field="class_group_id")
        old, target, carry = _find(actor, student_id, int(typed))
        paper_no, paper_on, reason = _papers(raw, today)
        found = _preview(old, target, carry)
        if found.refusals:
            raise WrongState(f"{found.refusals[0]} {NOTHING_CHANGED}", details=found.refusals)
        if found.seen != seen:
            raise Stale(f"Điểm hoặc ghi chép của em vừa đổi sau khi thầy, cô xem. Xin xem lại. {NOTHING_CHANGED}")
        for class_id in (old.class_group_id, target.id):
            untouched.require_untouched(class_id)
        facts: dict[str, Any] = {
            "student": old.student.full_name,
            "student_id": old.student_id,
            "class": target.name,
            "from_class": old.class_group.name,
            "day": today.isoformat(),
            "paper": f"{paper_no}, {paper_on:%d/%m/%Y}",
        }
        class_change_writing.write(session, actor, old, target, carry, facts, reason, now)
        return found


def of_student(actor: Actor, student_id: int) -> list[Change]:
    """The changes of class of a pupil in reach, oldest first. NotFound otherwise."""
    students.profile(actor, student_id)
    classes = select(m.Enrollment.class_group_id).where(m.Enrollment.student_id == student_id)
    ids = [str(row) for row in db.session.scalars(classes)]
    entries = db.session.scalars(
        select(m.AuditEntry)
        .where(
            m.AuditEntry.tag == AuditTag.CLASS_CHANGED.value,
            m.AuditEntry.target_kind == "class_group",
            m.AuditEntry.target_id.in_(ids),
        )
        .order_by(m.AuditEntry.seq)
    )
    found = []
    for entry in entries:
        payload = json.loads(entry.payload)
        facts = payload.get("facts", {})
        if facts.get("student_id") == student_id:
            found.append(
                Change(
                    date.fromisoformat(facts["day"]),
                    facts["from_class"],
                    facts["class"],
                    facts["paper"],
                    payload.get("note") or "",
                    entry.actor_name,
                )
            )
    return found


# --- inside ---------------------------------------------------------------------------------------------------------------


def _may(actor: Actor, class_group_id: int) -> bool:
    return actor.is_system or (
        departures.is_office(actor) and reaches_class(actor, class_group_id, Permission.STUDENT_EDIT)
    )


def _find(actor: Actor, student_id: int, class_group_id: int) -> tuple[m.Enrollment, m.ClassGroup, Carry]:
    students.profile(actor, student_id)
    if not departures.is_office(actor):
        raise NotAllowed("Chuyển lớp do văn thư ghi theo văn bản Hiệu trưởng đã duyệt. Chưa có gì thay đổi.")
    old = place_of(student_id)
    if old is None:
        raise WrongState(f"Em không có tên trong lớp nào của năm học đang mở. {NOTHING_CHANGED}")
    target = db.session.get(m.ClassGroup, class_group_id, populate_existing=True)
    if target is None or not _may(actor, target.id) or not _may(actor, old.class_group_id):
        raise NotFound("Không có lớp này trong phần việc của thầy, cô.")
    db.session.refresh(old.class_group)
    rules.require_may_change(EnrollmentStatus(old.status), _place(old.class_group), _place(target))
    return old, target, collect(old, target)


def _place(row: m.ClassGroup) -> ClassPlace:
    is_year_open = row.school_year.state == "OPEN"
    return ClassPlace(row.id, row.name, row.grade_level, row.school_year_id, is_year_open, ClassState(row.state))


def _preview(old: m.Enrollment, target: m.ClassGroup, carry: Carry) -> Preview:
    from_class = old.class_group.name
    refusals = [
        *_waiting(old, carry.standing),
        *(words for one in carry.sheets if (words := rules.why_not(one.pair, from_class, target.name))),
    ]
    counted: dict[str, list[int]] = {}
    for one in carry.sheets:
        line = counted.setdefault(one.pair.subject, [0, 0, 0])
        n_remarks = sum(key == REMARK for key in one.values)
        line[one.pair.semester - 1] += len(one.values) - n_remarks
        line[2] += n_remarks
    record = carry.homeroom
    return Preview(
        old.id,
        target.id,
        from_class,
        target.name,
        tuple(SubjectLine(name, (n[0], n[1]), n[2]) for name, n in counted.items() if any(n)),
        tuple(words for name, words in _HOMEROOM_WORDS.items() if record.get(name) is not None),
        sum(row.sessions is not None for row in carry.months),
        len(carry.exemptions),
        len(carry.inherited),
        len(carry.decisions),
        tuple(dict.fromkeys(words for one in carry.sheets if (words := rules.lacks(one.pair)))),
        sum(one.pair.n_changes > 0 and one.is_locked for one in carry.sheets),
        tuple(refusals),
        hashlib.sha256(canonical_json(carry.fingerprint(target.id)).encode()).hexdigest(),
    )


def _waiting(old: m.Enrollment, standing: m.Enrollment | None) -> list[str]:
    """What somebody still has to decide about the pupil in the old class: decided first, so that it does not stay behind."""
    name = old.class_group.name
    asked = {
        f"Đề nghị miễn học của em ở lớp {name} đang chờ: Hiệu trưởng quyết định rồi chuyển.": select(
            m.Exemption.id
        ).where(m.Exemption.enrollment_id == old.id, m.Exemption.state == "PROPOSED"),
        f"Đề nghị thu hồi miễn học của em ở lớp {name} đang chờ: Hiệu trưởng quyết định rồi chuyển.": select(
            m.ExemptionRevocation.id
        ).where(m.ExemptionRevocation.enrollment_id == old.id, m.ExemptionRevocation.state == "PROPOSED"),
        "Kết quả nơi chuyển đến của em đang chờ nhận: Hiệu trưởng nhận hoặc gửi lại rồi chuyển.": select(
            m.InheritedResult.id
        ).where(m.InheritedResult.enrollment_id == old.id, m.InheritedResult.state == "PROPOSED"),
        f"Có điểm của em ở lớp {name} lệch với bài gốc, chưa giải quyết: giải quyết hoặc sửa điểm rồi chuyển.": select(
            m.BlindCheck.id
        )
        .join(
            m.ScoreCell,
            and_(
                m.ScoreCell.score_sheet_id == m.BlindCheck.score_sheet_id,
                m.ScoreCell.enrollment_id == m.BlindCheck.enrollment_id,
                m.ScoreCell.column_key == m.BlindCheck.column_key,
                m.ScoreCell.version == m.BlindCheck.cell_version,
            ),
        )
        .where(m.BlindCheck.enrollment_id == old.id, m.BlindCheck.state == CheckState.DIFFERENT.value),
        f"Em có đề nghị sửa chữa chưa xong ở lớp {name}: duyệt, không duyệt hoặc rút rồi chuyển.": select(
            m.CorrectionRequest.id
        ).where(
            m.CorrectionRequest.enrollment_id == old.id,
            m.CorrectionRequest.kind != CorrectionKind.CIVIL_STATUS.value,
            correction_access.IS_OPEN,
        ),
    }
    found = [words for words, query in asked.items() if db.session.scalar(query.limit(1)) is not None]
    if standing is not None and standing.status != EnrollmentStatus.MOVED.value:
        found.append(
            "Em từng rời trường từ lớp này: văn thư lấy lại lần ghi rời trường ấy trên hồ sơ thay vì chuyển lớp."
        )
    return found


def _papers(raw: Mapping[str, str], today: date) -> tuple[str, date, str]:
    day = students.read_date(raw.get("paper_on", "").strip(), "paper_on", FIELDS["paper_on"])
    if day > today:
        raise Invalid(f"{FIELDS['paper_on']} {day:%d/%m/%Y} chưa tới. Xin ghi khi đã đến ngày.", field="paper_on")
    said = {}
    for name, limit in _LIMITS.items():
        text = " ".join((nfc(raw.get(name, "")) or "").split())
        if not text or len(text) > limit:
            raise Invalid(f"{FIELDS[name]}: xin ghi, nhiều nhất {limit} chữ.", field=name)
        if why := why_not_printed(text):
            raise Invalid(f"{FIELDS[name]} {why}", field=name)
        said[name] = text
    return said["paper_no"], day, said["reason"]
