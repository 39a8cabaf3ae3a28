"""Exporting scores, students, statistics and the Ministry's list. Each export leaves an audit entry and stays in scope.

What writes workbooks is imported where it is used: it brings openpyxl, which a process without an export need not carry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.xml_record import take_apart
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.exchange.rows import EMPTY_SCORE, ScoreCell, ScoreRow, StudentRow
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.averages import regular_count
from hocbaso.regulations.permissions import HOMEROOM_PERMISSIONS, ROLE_PERMISSIONS, Permission
from hocbaso.regulations.terms import PassFail, ScoreOrigin, Sex, SubjectKind
from hocbaso.services import audit, roster, stored_documents, students
from hocbaso.services.access import Actor, roles_reaching
from hocbaso.services.blind_access import hidden_in_class
from hocbaso.services.score_grid import ACTIVE, REMARK
from hocbaso.services.transcripts import SEALED, records_in_force

FORMATS: dict[str, tuple[str, ...]] = {
    "scores": ("xlsx", "jsonl"),
    "students": ("xlsx", "jsonl"),
    "statistics": ("xlsx", "jsonl"),
    "ministry": ("xml",),
}
"""What can be exported and in which forms; the first is the default."""

MAX_MINISTRY_BYTES = 10 * 1024 * 1024
"""One transaction towards the Ministry carries at most 10 MB."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A finished export. ``n_rows``: students, student lines, tables or records in it; ``left_out`` in words, if any."""

    data: bytes
    name: str
    n_rows: int
    left_out: str = ""


def export(
    actor: Actor,
    what: str,
    now: datetime,
    *,
    form: str | None = None,
    class_name: str | None = None,
    year_label: str | None = None,
) -> ExportFile:
    """Make a file of ``what`` (a key of :data:`FORMATS`) for one class or all that the actor may read.

    Raises Invalid for a form that does not exist, NotAllowed without the power and for scores that this person is still to
    type from the papers, NotFound for a class out of scope.
    """
    if what not in FORMATS:
        raise Invalid(f"Không có loại xuất “{what}”. Các loại: {', '.join(FORMATS)}.", field="what")
    form = form or FORMATS[what][0]
    if form not in FORMATS[what]:
        raise Invalid(f"{what} xuất được ra: {', '.join(FORMATS[what])}.", field="format")
    year = roster.year_by_label(year_label)
    if what == "scores":
        found = _scores(actor, form, year, class_name, clock.local_date(now))
    elif what == "students":
        found = _students(actor, form, year, class_name)
    elif what == "statistics":
        found = _statistics(actor, form, year, class_name)
    else:
        found = _ministry(actor, year, class_name)
    with write_transaction():
        audit.record(
            AuditTag.EXPORT_MADE,
            actor,
            now,
            target_kind="school_year",
            target_id=year.id,
            facts={"what": what, "format": form, "class": class_name, "n_rows": found.n_rows},
        )
    return found


# --- scope ------------------------------------------------------------------------------------------------------------


def _classes(year: m.SchoolYear, class_name: str | None) -> list[m.ClassGroup]:
    if class_name is not None:
        return [roster.class_by_name(class_name, year)]
    return list(
        db.session.scalars(
            select(m.ClassGroup)
            .where(m.ClassGroup.school_year_id == year.id)
            .order_by(m.ClassGroup.grade_level, m.ClassGroup.name)
        )
    )


def _reaches(actor: Actor, class_group: m.ClassGroup, permission: Permission) -> bool:
    """Whether the power covers the whole class: by a role that reaches it, or as its homeroom teacher."""
    if actor.is_system:
        return True
    if permission not in actor.permissions:
        return False
    if class_group.id in actor.homeroom and permission in HOMEROOM_PERMISSIONS:
        return True
    return any(permission in ROLE_PERMISSIONS[role] for role in roles_reaching(actor, class_group))


def _whole_classes(
    actor: Actor, year: m.SchoolYear, class_name: str | None, permission: Permission
) -> list[m.ClassGroup]:
    actor.require(permission)
    found = [row for row in _classes(year, class_name) if _reaches(actor, row, permission)]
    if not found:
        raise NotFound("Không có lớp nào như vậy trong phần việc của thầy, cô.")
    return found


def _suffix(year: m.SchoolYear, class_name: str | None) -> str:
    return f"{class_name.strip().upper() + '-' if class_name else ''}{year.label}"


# --- scores -----------------------------------------------------------------------------------------------------------


def _scores(actor: Actor, form: str, year: m.SchoolYear, class_name: str | None, today: date) -> ExportFile:
    from hocbaso.exchange.sheets import scores_jsonl, write_scores

    actor.require(Permission.EXPORT_SCORES)
    rows: list[ScoreRow] = []
    n_classes = 0
    for class_group in _classes(year, class_name):
        own = None if _reaches(actor, class_group, Permission.EXPORT_SCORES) else actor.teaching
        if hidden_in_class(actor, class_group.id, today):
            # A file without them would look like lost scores.
            raise NotAllowed(
                f"Lớp {class_group.name} có bảng điểm đang chờ chính thầy, cô đối chiếu bài gốc: nhập lại từ bài xong mới "
                "xuất điểm của lớp được."
            )
        found = score_rows(class_group, own)
        n_classes += found is not None
        rows += found or []
    if not n_classes:
        raise NotFound("Không có bảng điểm nào như vậy trong phần việc của thầy, cô.")
    data = write_scores(rows) if form == "xlsx" else _lines(scores_jsonl(rows))
    return ExportFile(data, f"diem-{_suffix(year, class_name)}.{form}", len(rows))


def score_rows(class_group: m.ClassGroup, only: frozenset[int] | None = None) -> list[ScoreRow] | None:
    """A line for each student, subject and semester, in the order of score books; None when no subject is in ``only``.

    ``regular`` has as many entries as the rule asks (Art. 6.2). ``only``: class subject ids, None for all.
    """
    offered = [
        (offer, subject)
        for offer, subject in db.session.execute(
            select(m.ClassSubject, m.Subject)
            .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
            .where(m.ClassSubject.class_group_id == class_group.id)
            .order_by(m.Subject.sheet_order)
        )
        if only is None or offer.id in only
    ]
    if not offered and only is not None:
        return None
    pupils = db.session.execute(
        select(m.Enrollment.id, m.Student.moet_code, m.Student.full_name, m.Student.birth_on)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(m.Enrollment.class_group_id == class_group.id, m.Enrollment.status.in_(ACTIVE))
        .order_by(m.Student.sort_key, m.Enrollment.id)
    ).all()
    cells: dict[tuple[int, int, int], dict[str, Any]] = {}
    for row in db.session.execute(
        select(
            m.ScoreSheet.class_subject_id,
            m.ScoreSheet.semester,
            m.ScoreCell.enrollment_id,
            m.ScoreCell.column_key,
            m.ScoreCell.tenths,
            m.ScoreCell.mark,
            m.ScoreCell.remark,
            m.ScoreCell.origin,
        )
        .join(m.ScoreSheet, m.ScoreSheet.id == m.ScoreCell.score_sheet_id)
        .where(m.ScoreSheet.class_subject_id.in_([offer.id for offer, _ in offered]))
    ):
        cells.setdefault((row.class_subject_id, row.semester, row.enrollment_id), {})[row.column_key] = row
    exempt = {
        (row.enrollment_id, row.subject_id, semester)
        for row in db.session.execute(
            select(m.Exemption.enrollment_id, m.Exemption.subject_id, m.Exemption.semester).where(
                m.Exemption.state == "GRANTED", m.Exemption.enrollment_id.in_([pupil.id for pupil in pupils])
            )
        )
        for semester in ((1, 2) if row.semester is None else (row.semester,))
    }
    rows: list[ScoreRow] = []
    for offer, subject in offered:
        n_regular = regular_count(offer.lessons_per_year, SubjectKind(subject.kind))
        for semester in (1, 2):
            for pupil in pupils:
                line = cells.get((offer.id, semester, pupil.id), {})
                remark = line.get(REMARK)
                rows.append(
                    ScoreRow(
                        address="",
                        cells={},
                        class_name=class_group.name,
                        subject_code=subject.code,
                        semester=semester,
                        student_code=pupil.moet_code,
                        full_name=pupil.full_name,
                        born_on=pupil.birth_on,
                        regular=tuple(_cell(line.get(f"TX{number}")) for number in range(1, n_regular + 1)),
                        midterm=_cell(line.get("GK")),
                        final=_cell(line.get("CK")),
                        remark=remark.remark if remark is not None else None,
                        exempt=(pupil.id, subject.id, semester) in exempt,
                    )
                )
    return rows


def _cell(row: Any) -> ScoreCell:
    if row is None:
        return EMPTY_SCORE
    value = row.tenths if row.tenths is not None else PassFail(row.mark) if row.mark is not None else None
    return ScoreCell(value, ScoreOrigin(row.origin))


# --- students ---------------------------------------------------------------------------------------------------------


def _students(actor: Actor, form: str, year: m.SchoolYear, class_name: str | None) -> ExportFile:
    from hocbaso.exchange.sheets import students_jsonl, write_students

    rows: list[StudentRow] = []
    for class_group in _whole_classes(actor, year, class_name, Permission.EXPORT_STUDENTS):
        known = students.open_profiles(actor, class_group)
        enrolled = _enrolled(class_group)
        if not known.issuperset(student.id for student, _ in enrolled):
            raise NotAllowed(
                f"Hồ sơ hiện nay của học sinh lớp {class_group.name} năm học {year.label.replace('-', '–')} do giáo viên chủ nhiệm năm nay và văn thư "
                "giữ. Chưa xuất gì."
            )
        rows += [student_row(class_group.name, student, came) for student, came in enrolled]
    data = write_students(rows) if form == "xlsx" else _lines(students_jsonl(rows))
    return ExportFile(data, f"hoc-sinh-{_suffix(year, class_name)}.{form}", len(rows))


def _enrolled(class_group: m.ClassGroup) -> list[tuple[m.Student, date | None]]:
    """The pupils of a class, each with the day of coming where that was after the year began."""
    rows = db.session.execute(
        select(m.Student, m.Enrollment.status, m.Enrollment.joined_on)
        .join(m.Enrollment, m.Enrollment.student_id == m.Student.id)
        .where(m.Enrollment.class_group_id == class_group.id, m.Enrollment.status.in_(ACTIVE))
        .order_by(m.Student.sort_key, m.Enrollment.id)
    )
    return [(student, joined_on if status == "transferred_in" else None) for student, status, joined_on in rows]


def student_row(class_name: str, student: m.Student, joined_on: date | None = None) -> StudentRow:
    """A student as a line of the office's list."""
    from hocbaso.services.import_students import STUDENT_COLUMNS

    values: dict[str, Any] = {name: getattr(student, column) for name, column in STUDENT_COLUMNS.items()}
    values["sex"] = Sex(student.sex)
    for name in ("height_cm", "weight_kg"):
        values[name] = Decimal(values[name]) if values[name] is not None else None
    return StudentRow(address="", cells={}, class_name=class_name, joined_on=joined_on, **values)


# --- statistics -------------------------------------------------------------------------------------------------------


def _statistics(actor: Actor, form: str, year: m.SchoolYear, class_name: str | None) -> ExportFile:
    from hocbaso.exchange.sheets import write_statistics
    from hocbaso.services.export_statistics import statistics_jsonl, statistics_tables

    classes = _whole_classes(actor, year, class_name, Permission.EXPORT_STUDENTS)
    tables = statistics_tables(classes)
    school = roster.the_school()
    title = f"{school.name if school else ''}, năm học {year.label.replace('-', '–')}"
    data = write_statistics(title, tables) if form == "xlsx" else _lines(statistics_jsonl(tables))
    return ExportFile(data, f"thong-ke-{_suffix(year, class_name)}.{form}", len(tables))


# --- the Ministry's list ----------------------------------------------------------------------------------------------


def _ministry(actor: Actor, year: m.SchoolYear, class_name: str | None) -> ExportFile:
    """The sealed records in force, each with its signatures exactly as stored, under one root."""
    records: list[bytes] = []
    n_missing = 0
    for class_group in _whole_classes(actor, year, class_name, Permission.TRANSCRIPT_READ):
        enrollments = list(
            db.session.scalars(
                select(m.Enrollment.id)
                .join(m.Student, m.Student.id == m.Enrollment.student_id)
                .where(
                    m.Enrollment.class_group_id == class_group.id,
                    or_(m.Enrollment.status.in_(ACTIVE), m.Enrollment.status == "transferred_out"),
                )
                .order_by(m.Student.sort_key, m.Enrollment.id)
            )
        )
        in_force = records_in_force(enrollments)
        for enrollment_id in enrollments:
            record = in_force.get(enrollment_id)
            if record is None or record.state not in SEALED or record.xml_digest is None:
                n_missing += 1
                continue
            records.append(stored_documents.read(record.xml_digest))
    if not records:
        raise WrongState("Chưa có học bạ nào được đóng dấu phát hành nên không có gì để xuất.")
    data = _joined(records)
    if len(data) > MAX_MINISTRY_BYTES:
        raise WrongState("Danh sách vượt 10 MB một lần gửi. Hãy xuất từng lớp với --class.")
    left_out = f"{n_missing} học sinh chưa có học bạ phát hành, không có trong tệp." if n_missing else ""
    return ExportFile(data, f"danh-sach-hoc-ba-{_suffix(year, class_name)}.xml", len(records), left_out)


def _joined(records: Iterable[bytes]) -> bytes:
    """``<DANH_SACH_HOC_BA>`` around whole records, each byte for byte as stored: cut out again, each verifies as before."""
    body = b"".join(record for record in records if take_apart(record))
    return b'<DANH_SACH_HOC_BA id="dataDanhSach">' + body + b"</DANH_SACH_HOC_BA>"


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
