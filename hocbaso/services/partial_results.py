"""The summary of a year that is not over: what the receiving school is given with a pupil who goes (regulations T2, C6).

It tells what stands now and says of each sheet that is not locked that it may still change. Signed by hand by the homeroom teacher and
the principal; the transcripts of finished years are the issued records. Each print leaves an audit entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.partial_content import PartialResults, PartialSubject, PartialTerm
from hocbaso.errors import NotAllowed, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit, departures, document_pool, results
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.blind_access import hidden_in_class
from hocbaso.services.evaluation import EXEMPT, Evaluated, evaluate_student
from hocbaso.services.results import ClassResults, comma, level_words
from hocbaso.services.student_classes import places_of_year
from hocbaso.services.student_inputs import Mark, StudentInput, SubjectInput


@dataclass(frozen=True, slots=True)
class PartialFile:
    """The PDF and its name."""

    data: bytes
    name: str


def make(actor: Actor, student_id: int, enrollment_id: int, now: datetime) -> PartialFile:
    """The summary of a pupil in a class as PDF.

    Raises NotFound outside the reach, NotAllowed for who is still to type marks of the class from the papers, Unavailable when the
    workers do not finish.
    """
    content, class_group_id = read(actor, student_id, enrollment_id, now)
    db.session.commit()  # no read transaction while the page is laid out
    data: bytes = document_pool.call("hocbaso.documents.partial_results:render", content)
    with write_transaction():
        audit.record(
            AuditTag.EXPORT_MADE,
            actor,
            now,
            target_kind="enrollment",
            target_id=enrollment_id,
            facts={
                "what": "partial_results",
                "format": "pdf",
                "student": content.full_name,
                "class": content.class_name,
                "class_group_id": class_group_id,
            },
        )
    return PartialFile(data, f"bang-tong-hop-{content.class_name}-{enrollment_id}.pdf")


def read(actor: Actor, student_id: int, enrollment_id: int, now: datetime) -> tuple[PartialResults, int]:
    """The content and the class it is of. Raises as :func:`make`."""
    today = clock.local_date(now)
    enrollment = db.session.get(m.Enrollment, enrollment_id, populate_existing=True)
    if (
        enrollment is None
        or enrollment.student_id != student_id
        or not reaches_class(actor, enrollment.class_group_id, Permission.TRANSCRIPT_READ)
    ):
        raise NotFound("Không có học sinh này trong phần việc của thầy, cô.")
    if hidden_in_class(actor, enrollment.class_group_id, today):
        raise NotAllowed(
            f"Lớp {enrollment.class_group.name} có bảng điểm đang chờ chính thầy, cô đối chiếu bài gốc: nhập lại từ bài xong mới in "
            "được bảng tổng hợp."
        )
    computed = results.compute_class(enrollment.class_group_id, today)
    standing = computed.by_id.get(enrollment_id)
    if standing is not None:
        given, result = standing.given, standing.result
    else:
        given = next(one for one in computed.left if one.enrollment_id == enrollment_id)
        result = evaluate_student(given, computed.grade_level, computed.regulation_version)
    return _content(enrollment, computed, given, result, now), computed.class_group_id


def _content(
    enrollment: m.Enrollment, computed: ClassResults, given: StudentInput, result: Evaluated, now: datetime
) -> PartialResults:
    school, student = db.session.get(m.School, 1), enrollment.student
    movements = [
        departures.said(row.kind, row.school_name, row.happened_on)
        for row in db.session.scalars(
            select(m.Movement)
            .where(m.Movement.enrollment_id.in_(places_of_year(enrollment)), m.Movement.taken_back_at.is_(None))
            .order_by(m.Movement.id)
        )
    ]
    kept = given.homeroom
    subjects = tuple(_subject(line, given, result) for line in given.subjects)
    notes = []
    if any(term.is_open and term.result and not term.word for one in subjects for term in one.terms):
        notes.append("* Bảng điểm chưa khoá: kết quả tính theo điểm đang có, còn có thể thay đổi.")
    if given.first_semester > 1:
        notes.append("Kết quả học kì I theo điểm nơi chuyển đến, do trường cũ đánh giá.")
    notes.append("Ô trống là chưa có điểm, không phải điểm 0. Đ: đạt; CĐ: chưa đạt.")
    return PartialResults(
        school=school.name if school else "",
        place=(school.place_name if school else None) or "................",
        year=computed.year_label,
        class_name=computed.class_name,
        full_name=student.full_name,
        facts=(
            ("Họ và tên", student.full_name),
            ("Ngày sinh", f"{student.birth_on:%d/%m/%Y}"),
            ("Lớp", computed.class_name),
            ("Giới tính", student.sex),
            ("Số định danh cá nhân", student.personal_id_number or ""),
            ("Mã học sinh", student.moet_code or ""),
        ),
        movements=tuple(movements),
        conduct=(
            ("Kết quả rèn luyện", level_words(kept["conduct_1"]), level_words(kept["conduct_2"])),
            ("Nghỉ học có phép (buổi)", _count(kept["absences_excused_1"]), _count(kept["absences_excused_2"])),
            ("Nghỉ học không phép (buổi)", _count(kept["absences_unexcused_1"]), _count(kept["absences_unexcused_2"])),
            ("Kết quả học tập", level_words(result.learning[0]), level_words(result.learning[1])),
        ),
        subjects=subjects,
        notes=tuple(notes),
        homeroom_name=computed.homeroom_name or "",
        demo=bool(school and school.is_demo),
        made_at=clock.local(now),
    )


def _subject(line: SubjectInput, given: StudentInput, result: Evaluated) -> PartialSubject:
    found = result.subjects[line.subject.code]
    terms = []
    for at, text in enumerate((found.semester_1, found.semester_2)):
        sheet, marks = line.subject.sheets[at], line.marks[at]
        word = EXEMPT if line.exempt[at] else "Theo nơi chuyển đến" if given.first_semester > at + 1 else ""
        terms.append(
            PartialTerm(
                regular="; ".join(
                    _text(marks[key]) for key in sorted(marks) if key.startswith("TX") and _text(marks[key])
                ),
                midterm=_text(marks.get("GK")),
                final=_text(marks.get("CK")),
                result="" if text == EXEMPT else comma(text),
                word=word,
                is_open=sheet is None or sheet.state != "LOCKED",
            )
        )
    return PartialSubject(line.subject.name, (terms[0], terms[1]), comma(found.year))


def _text(mark: Mark | None) -> str:
    return comma(mark.text) if mark is not None else ""


def _count(value: int | None) -> str:
    return "" if value is None else str(value)
