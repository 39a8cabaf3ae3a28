"""Importing the list of students: who is who, what changes field by field, and writing exactly that."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import exists, func, or_, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.exchange.profiles import column_map
from hocbaso.exchange.rows import ImportTable, StudentRow
from hocbaso.exchange.vietnamese_text import name_key
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.score_sheet_flow import EDITABLE
from hocbaso.regulations.vietnamese_names import normalise_name, search_key, sort_key
from hocbaso.services import audit, civil_status, roster
from hocbaso.services.import_plans import (
    FieldChange,
    ImportPlan,
    NewClass,
    PlanBuilder,
    PlanContext,
    PlannedItem,
    active_enrollments,
    classes_of,
    plan_class,
    shown,
    too_long,
)

STUDENT_COLUMNS: dict[str, str] = {
    "code": "moet_code",
    "register_number": "register_no",
    "full_name": "full_name",
    "born_on": "birth_on",
    "sex": "sex",
    "birth_place": "birth_place",
    "ethnicity": "ethnicity",
    "nationality": "nationality",
    "personal_id": "personal_id_number",
    "residence": "address",
    "policy_category": "policy_category",
    "father_name": "father_name",
    "father_job": "father_job",
    "mother_name": "mother_name",
    "mother_job": "mother_job",
    "guardian_name": "guardian_name",
    "guardian_job": "guardian_job",
    "phone": "phone",
    "home_town": "home_town",
    "height_cm": "height_cm",
    "weight_kg": "weight_kg",
}
"""Field of :class:`StudentRow` -> column of ``Student``."""

RUNNING_AFTER = timedelta(days=30)
"""How long after a year began new pupils of a list are asked for the day they came: until then lists are first lists."""

_LABELS = column_map("students")
_UNIQUE = {"register_number": "Số sổ đăng bộ", "personal_id": "Số định danh cá nhân", "code": "Mã định danh"}


@dataclass(slots=True)
class StudentWork:
    """What applying will write. ``updates``: (student id, new column values)."""

    classes: list[str] = field(default_factory=list)
    new: list[roster.NewStudent] = field(default_factory=list)
    updates: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    enrol: list[tuple[int, str, date | None]] = field(default_factory=list)
    moves: list[tuple[int, str]] = field(default_factory=list)
    """(enrollment id, class): a misplaced student nothing has been written about yet."""


class _Known:
    """The students of the database by everything they can be found by."""

    def __init__(self) -> None:
        self.all = list(db.session.scalars(select(m.Student)))
        self.by_code = {row.moet_code: row for row in self.all if row.moet_code}
        self.by_personal_id = {row.personal_id_number: row for row in self.all if row.personal_id_number}
        self.by_register = {row.register_no: row for row in self.all if row.register_no}
        self.by_name: dict[tuple[str, date], list[m.Student]] = {}
        for row in self.all:
            self.by_name.setdefault((name_key(row.full_name), row.birth_on), []).append(row)

    def owner(self, field_name: str, value: str) -> m.Student | None:
        """Whoever holds a value that only one student may hold."""
        found = {"code": self.by_code, "personal_id": self.by_personal_id, "register_number": self.by_register}[
            field_name
        ]
        return found.get(value)


def plan_students(table: ImportTable[StudentRow], context: PlanContext) -> ImportPlan:
    """Compare the list with the database.

    Matching: sector code, then personal id, then name with birth date. A blank cell keeps what stands.
    """
    builder = PlanBuilder("students", table.profile, context, table.problems)
    known, classes, work = _Known(), classes_of(context.year), StudentWork()
    places: dict[int, m.Enrollment] = {row.student_id: row for row in active_enrollments(context.year)}
    class_names = {row.id: name for name, row in classes.items()}
    handed_in = _handed_in()
    sealed = civil_status.with_sealed_record(places)
    matched: dict[int, StudentRow] = {}
    _check_unique_within(table.rows, builder)
    for row in table.rows:
        plan_class(builder, row.class_name, row.at("class_name"), classes, work.classes)
        if not _is_plausible(row, builder):
            continue
        student, certain, refused = _match(row, known, builder)
        if refused:
            continue
        if student is not None and student.id in matched:
            builder.error(
                row.at("full_name"),
                "Họ và tên",
                row.full_name,
                f"cùng là một học sinh đã có với {matched[student.id].at('full_name')}.",
            )
            continue
        values = _values(row, builder)
        if not _is_free(row, student, known, builder):
            continue
        if student is None:
            target = classes.get(row.class_name)
            if target is not None and not _may_enter(target, row, handed_in, builder):
                continue
            day, refused = _plan_day(row, builder)
            if refused:
                continue
            work.new.append(roster.NewStudent(row.class_name, values, day))
            said = () if day is None else (FieldChange(_LABELS.label("joined_on"), "", shown(day), _day_at(row)),)
            builder.add(
                PlannedItem("create", "Học sinh", f"{row.full_name}, lớp {row.class_name}", row.at("full_name"), said)
            )
            continue
        matched[student.id] = row
        changed = {column: value for column, value in values.items() if getattr(student, column) != value}
        _leave_what_is_printed(row, student, changed, sealed, builder)
        moved = _plan_place(row, student, certain, places, classes, class_names, handed_in, work, builder)
        if changed:
            work.updates.append((student.id, changed))
        if changed or moved:
            changes = (
                tuple(
                    FieldChange(
                        _LABELS.label(name), shown(getattr(student, column)), shown(changed[column]), row.at(name)
                    )
                    for name, column in STUDENT_COLUMNS.items()
                    if column in changed
                )
                + moved
            )
            builder.add(
                PlannedItem(
                    "change", "Học sinh", f"{student.full_name}, lớp {row.class_name}", row.at("full_name"), changes
                )
            )
        else:
            builder.count("Học sinh", "same")
    _ask_for_classes(table.rows, work.classes, classes, builder)
    _note_absent(table, matched, places, classes, builder)
    if builder.n_undated and context.year is not None:
        builder.notes.append(
            f"{builder.n_undated} học sinh mới không có ngày vào lớp, được ghi là học ở đây từ đầu năm học "
            f"({shown(context.year.starts_on)}). Em nào chuyển đến giữa năm thì phải ghi ngày, vì kết quả ở trường cũ chỉ "
            "nhập được cho em vào giữa năm."
        )
    return builder.build(work)


def _ask_for_classes(
    rows: tuple[StudentRow, ...], planned: list[str], classes: dict[str, m.ClassGroup], builder: PlanBuilder
) -> None:
    """Ask about each class that the list would open beside others of its grade level."""
    for name in planned:
        named = [row for row in rows if row.class_name == name]
        beside = tuple(sorted(one.name for one in classes.values() if str(one.grade_level) == name[0]))
        if beside:
            agreed = builder.context.answers.get(name.upper()) == "open"
            builder.new_classes.append(NewClass(name, beside, len(named), agreed, named[0].at("class_name")))


def _leave_what_is_printed(
    row: StudentRow, student: m.Student, changed: dict[str, Any], sealed: frozenset[int], builder: PlanBuilder
) -> None:
    """Take out of ``changed`` what a sealed record in force prints otherwise, and say so: a file never overrules a record."""
    if student.id not in sealed:
        return
    for name, column in STUDENT_COLUMNS.items():
        if column in changed and civil_status.why_not(student, {column: changed[column]}):
            builder.warn(
                row.at(name),
                _LABELS.label(name),
                shown(changed[column]),
                f"giữ nguyên {shown(getattr(student, column))}: đã in trên học bạ đã phát hành. Đổi bằng đề nghị sửa hộ tịch.",
            )
            del changed[column]


def _plan_day(row: StudentRow, builder: PlanBuilder) -> tuple[date | None, bool]:
    """(the day a new pupil came after the year began, None for its start; refused)."""
    context = builder.context
    year = context.year
    if year is None:
        return None, False
    day = row.joined_on or context.joined_on
    if day is None:
        if context.today > year.starts_on + RUNNING_AFTER:
            builder.n_undated += 1
        return None, False
    if day > min(year.ends_on, max(context.today, year.starts_on)):
        builder.error(
            _day_at(row),
            _LABELS.label("joined_on"),
            day,
            "sau hôm nay hoặc sau ngày kết thúc năm học; hãy ghi ngày em vào lớp.",
        )
        return None, True
    return (day if day > year.starts_on else None), False


def _day_at(row: StudentRow) -> str:
    return row.at("joined_on") if row.joined_on is not None else ""


def _is_plausible(row: StudentRow, builder: PlanBuilder) -> bool:
    for name, column in STUDENT_COLUMNS.items():
        limit = too_long(m.Student, column, getattr(row, name))
        if limit is not None:
            builder.error(row.at(name), _LABELS.label(name), getattr(row, name), f"dài quá {limit} chữ.")
            return False
    if row.born_on > builder.context.today:
        builder.error(
            row.at("born_on"), _LABELS.label("born_on"), row.born_on, "sau hôm nay; hãy kiểm tra lại năm sinh."
        )
        return False
    if row.class_name[0] not in "6789" or len(row.class_name) > 20:
        builder.error(
            row.at("class_name"), "Lớp", row.class_name, "không phải lớp của trường trung học cơ sở (6 đến 9)."
        )
        return False
    return True


def _match(row: StudentRow, known: _Known, builder: PlanBuilder) -> tuple[m.Student | None, bool, bool]:
    """(the student or None for a new one, matched by a number, refused)."""
    by_code = known.by_code.get(row.code) if row.code else None
    by_id = known.by_personal_id.get(row.personal_id) if row.personal_id else None
    if by_code is not None and by_id is not None and by_code is not by_id:
        builder.error(
            row.at("personal_id"),
            "Số định danh cá nhân",
            row.personal_id,
            f"là của {by_id.full_name}, còn mã {row.code} là của {by_code.full_name}.",
        )
        return None, False, True
    if by_code is None and by_id is not None and row.code and by_id.moet_code:
        builder.error(
            row.at("code"),
            "Mã định danh",
            row.code,
            f"số định danh cá nhân này là của {by_id.full_name}, mã {by_id.moet_code}.",
        )
        return None, False, True
    found = by_code or by_id
    if found is not None:
        if name_key(found.full_name) != name_key(row.full_name) and found.birth_on != row.born_on:
            number = "mã" if by_code is not None else "số định danh"
            builder.error(
                row.at("full_name"),
                "Họ và tên",
                row.full_name,
                f"{number} này trong hồ sơ là của {found.full_name}, sinh {shown(found.birth_on)}; "
                "họ tên và ngày sinh đều khác.",
            )
            return None, False, True
        return found, True, False
    namesakes = [
        student
        for student in known.by_name.get((name_key(row.full_name), row.born_on), [])
        if not (row.code and student.moet_code)
        and not (row.personal_id and student.personal_id_number and row.personal_id != student.personal_id_number)
    ]
    if len(namesakes) > 1:
        builder.error(
            row.at("full_name"),
            "Họ và tên",
            row.full_name,
            f"có {len(namesakes)} học sinh cùng họ tên và ngày sinh trong hồ sơ; hãy ghi mã định danh.",
        )
        return None, False, True
    return (namesakes[0] if namesakes else None), False, False


def _values(row: StudentRow, builder: PlanBuilder) -> dict[str, Any]:
    """The columns the row fills; blanks are left out."""
    values: dict[str, Any] = {}
    for name, column in STUDENT_COLUMNS.items():
        value = getattr(row, name)
        if value is None:
            continue
        if isinstance(value, Decimal):
            whole = int(value.quantize(Decimal(1), ROUND_HALF_UP))
            if whole != value:
                builder.warn(row.at(name), _LABELS.label(name), value, f"được ghi tròn thành {whole}.")
            value = whole
        elif name == "sex":
            value = value.value
        elif name == "full_name":
            value = normalise_name(value)
        values[column] = value
    return values


def _check_unique_within(rows: tuple[StudentRow, ...], builder: PlanBuilder) -> None:
    seen: dict[str, StudentRow] = {}
    for row in rows:
        if row.register_number is None:
            continue
        earlier = seen.setdefault(row.register_number, row)
        if earlier is not row:
            builder.error(
                row.at("register_number"),
                "Số sổ đăng bộ",
                row.register_number,
                f"trùng với {earlier.at('register_number')}.",
            )


def _is_free(row: StudentRow, student: m.Student | None, known: _Known, builder: PlanBuilder) -> bool:
    for name, label in _UNIQUE.items():
        value = getattr(row, name)
        owner = known.owner(name, value) if value else None
        if owner is not None and owner is not student:
            builder.error(row.at(name), label, value, f"đã là của {owner.full_name}, sinh {shown(owner.birth_on)}.")
            return False
    return True


def _plan_place(
    row: StudentRow,
    student: m.Student,
    certain: bool,
    places: dict[int, m.Enrollment],
    classes: dict[str, m.ClassGroup],
    class_names: dict[int, str],
    handed_in: dict[int, int],
    work: StudentWork,
    builder: PlanBuilder,
) -> tuple[FieldChange, ...]:
    """Plan the student's place in a class; returns it as a change to show."""
    standing = places.get(student.id)
    address = row.at("class_name")
    if standing is None:
        target = classes.get(row.class_name)
        if target is not None and _has_place(student.id, target.id):
            builder.error(address, "Lớp", row.class_name, f"{student.full_name} đã thôi học ở lớp này trong năm học.")
            return ()
        if target is not None and not _may_enter(target, row, handed_in, builder):
            return ()
        day, refused = _plan_day(row, builder)
        if refused:
            return ()
        work.enrol.append((student.id, row.class_name, day))
        said = () if day is None else (FieldChange(_LABELS.label("joined_on"), "", shown(day), _day_at(row)),)
        return (FieldChange("Lớp", "", row.class_name, address), *said)
    now_in = class_names[standing.class_group_id]
    if now_in == row.class_name:
        return ()
    refusal = ""
    if not certain:
        refusal = "chỉ khớp theo họ tên và ngày sinh nên không tự chuyển lớp; hãy ghi mã định danh"
    elif _has_records(standing.id):
        refusal = "đã có điểm hoặc ghi chép ở lớp cũ nên không chuyển lớp bằng tệp được" + _by_page(
            now_in, row, classes
        )
    elif row.class_name in classes and _has_place(student.id, classes[row.class_name].id):
        refusal = f"năm nay từng học lớp {row.class_name} nên không chuyển bằng tệp được" + _by_page(
            now_in, row, classes
        )
    elif classes[now_in].state != ClassState.OPEN.value:
        refusal = "lớp ấy đã chốt tổng kết"
    if refusal:
        builder.error(address, "Lớp", row.class_name, f"{student.full_name} đang học lớp {now_in}; {refusal}.")
        return ()
    if row.class_name in classes and not _may_enter(classes[row.class_name], row, handed_in, builder):
        return ()
    work.moves.append((standing.id, row.class_name))
    return (FieldChange("Lớp", now_in, row.class_name, address),)


def _by_page(now_in: str, row: StudentRow, classes: dict[str, m.ClassGroup]) -> str:
    """The way that is left: the page that takes the marks along, within the grade level (``services/class_changes``)."""
    target = classes.get(row.class_name)
    if target is None or target.grade_level != classes[now_in].grade_level:
        return ""
    return "; văn thư mở hồ sơ của em, bấm “Chuyển lớp” để mang điểm theo"


def _has_place(student_id: int, class_group_id: int) -> bool:
    """Whether the pupil is in the class or was in it."""
    return (
        db.session.scalar(
            select(m.Enrollment.id).where(
                m.Enrollment.student_id == student_id, m.Enrollment.class_group_id == class_group_id
            )
        )
        is not None
    )


def _handed_in() -> dict[int, int]:
    """How many sheets of each class its teachers cannot type into, by class id."""
    return {
        row.class_group_id: row.n
        for row in db.session.execute(
            select(m.ClassSubject.class_group_id, func.count().label("n"))
            .join(m.ScoreSheet, m.ScoreSheet.class_subject_id == m.ClassSubject.id)
            .where(m.ScoreSheet.state.not_in([state.value for state in EDITABLE]))
            .group_by(m.ClassSubject.class_group_id)
        )
    }


def _may_enter(class_group: m.ClassGroup, row: StudentRow, handed_in: dict[int, int], builder: PlanBuilder) -> bool:
    """Whether somebody may still come into the class; a warning where sheets that were handed in lack their results then."""
    address = row.at("class_name")
    if class_group.state != ClassState.OPEN.value:
        builder.error(
            address,
            "Lớp",
            class_group.name,
            "lớp đã chốt tổng kết nên không thêm học sinh được; xin giáo viên chủ nhiệm hoặc Hiệu trưởng mở lại lớp trước.",
        )
        return False
    if n := handed_in.get(class_group.id):
        builder.warn(
            address,
            "Lớp",
            class_group.name,
            f"{n} bảng điểm của lớp đã nộp mà chưa có điểm của {row.full_name}; lớp không chốt được khi còn thiếu.",
        )
    return True


def _has_records(enrollment_id: int) -> bool:
    tables = (
        m.ScoreCell,
        m.HomeroomRecord,
        m.MonthAbsence,
        m.Exemption,
        m.SummerResult,
        m.PrincipalDecision,
        m.FrozenResult,
        m.TranscriptRecord,
    )
    return bool(
        db.session.scalar(select(or_(*(exists().where(table.enrollment_id == enrollment_id) for table in tables))))
    )


def _note_absent(
    table: ImportTable[StudentRow],
    matched: dict[int, StudentRow],
    places: dict[int, m.Enrollment],
    classes: dict[str, m.ClassGroup],
    builder: PlanBuilder,
) -> None:
    listed = {classes[row.class_name].id for row in table.rows if row.class_name in classes}
    n_absent = sum(
        1 for student_id, place in places.items() if place.class_group_id in listed and student_id not in matched
    )
    if n_absent:
        builder.notes.append(
            f"{n_absent} học sinh đang học ở các lớp này không có trong tệp; hồ sơ của các em giữ nguyên."
        )


def apply_students(work: StudentWork, context: PlanContext, year: m.SchoolYear) -> None:
    """Write the plan inside the caller's transaction: one entry for new students, one for changed ones, one for places."""
    actor, now, session = context.actor, context.now, db.session
    classes = classes_of(year)
    for name in work.classes:
        classes[name] = roster.create_class(actor, year, name, now)
    if work.new:
        roster.enter_students(actor, year, work.new, now)
    if work.updates:
        wanted = dict(work.updates)
        rows = list(session.scalars(select(m.Student).where(m.Student.id.in_(wanted)).order_by(m.Student.id)))
        before: dict[str, Any] = {}
        for row in rows:
            before |= {f"{row.id}-{column}": getattr(row, column) for column in wanted[row.id]}
            for column, value in wanted[row.id].items():
                setattr(row, column, value)
            row.sort_key, row.search_key = sort_key(row.full_name), search_key(row.full_name)
            row.version += 1
            row.touched_at = now
        session.flush()
        audit.record(
            AuditTag.STUDENT_CHANGED,
            actor,
            now,
            target_kind="school_year",
            target_id=year.id,
            state=audit.states("student", rows),
            before=before,
            facts={"n_students": len(rows), "source": "imported"},
        )
    by_class: dict[tuple[str, date], list[int]] = {}
    for student_id, name, day in work.enrol:
        by_class.setdefault((name, day or year.starts_on), []).append(student_id)
    for (name, day), ids in by_class.items():
        roster.enrol(actor, ids, classes[name], day, now)
    if work.moves:
        targets = dict(work.moves)
        moved = list(
            session.scalars(select(m.Enrollment).where(m.Enrollment.id.in_(targets)).order_by(m.Enrollment.id))
        )
        before = {f"{place.id}-class_group_id": place.class_group_id for place in moved}
        for place in moved:
            place.class_group_id, place.class_place = classes[targets[place.id]].id, None
        session.flush()
        roster.seat(moved)
        audit.record(
            AuditTag.ENROLLMENT_CHANGED,
            actor,
            now,
            target_kind="school_year",
            target_id=year.id,
            state=audit.states("enrollment", moved),
            before=before,
            facts={"source": "imported"},
        )
