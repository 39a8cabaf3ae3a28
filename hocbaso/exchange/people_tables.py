"""Students, staff and teaching assignments out of an Excel file."""

from __future__ import annotations

from functools import partial

from hocbaso.exchange.file_kinds import refuse_other_kind
from hocbaso.exchange.profiles import DEFAULT_PROFILE, column_map
from hocbaso.exchange.rows import AssignmentRow, CellProblem, ImportTable, StudentRow, TeacherRow
from hocbaso.exchange.sheet_heads import sheet_claims
from hocbaso.exchange.sheet_reader import read_workbook
from hocbaso.exchange.subjects import subject_code, why_unknown
from hocbaso.exchange.table_reading import RowReader, data_rows, drop_repeats, name_key, tables_of
from hocbaso.exchange.values import (
    Reading,
    UnclearValue,
    read_class_name,
    read_code,
    read_email,
    read_mark,
    read_measure,
    read_name,
    read_personal_id,
    read_phone,
    read_printed,
    read_sex,
    read_text,
    read_whole,
)
from hocbaso.exchange.workbook_guard import DEFAULT_LIMITS, WorkbookLimits
from hocbaso.regulations.terms import Sex

SECTOR_CODE_DIGITS = 10
"""Length of the sector database's pupil identifier (Circular 42/2021)."""

_STUDENT_TEXTS = (
    "register_number",
    "birth_place",
    "ethnicity",
    "nationality",
    "residence",
    "policy_category",
    "father_job",
    "mother_job",
    "guardian_job",
    "home_town",
)


def read_students(
    data: bytes, profile: str = DEFAULT_PROFILE, limits: WorkbookLimits = DEFAULT_LIMITS
) -> ImportTable[StudentRow]:
    """All pupils of all sheets. The class comes from its column, else from the sheet's title or name.

    Raises ``Invalid`` when the file cannot be opened or has no such table; everything else is a problem with its cell.
    """
    columns = column_map("students", profile)
    problems: list[CellProblem] = []
    rows: list[StudentRow] = []
    sheets = list(read_workbook(data, limits))
    refuse_other_kind(sheets, "students", profile)
    for sheet, header in tables_of(sheets, columns, problems):
        sheet_class = None
        if "class_name" not in header.columns:
            sheet_class = sheet_claims(sheet, header.first_row, problems).class_name
            if sheet_class is None:
                problems.append(
                    CellProblem(
                        sheet.address(header.first_row, 1),
                        "Lớp",
                        "",
                        "không có cột “Lớp” và dòng tên danh sách không ghi lớp.",
                        "error",
                    )
                )
        for reader in data_rows(sheet, header, columns, problems):
            row = _student(reader, sheet_class, by_column="class_name" in header.columns)
            if row is not None:
                rows.append(row)
    rows = drop_repeats(rows, lambda row: row.code, lambda row: row.full_name, "code", "Mã định danh", problems)
    rows = drop_repeats(
        rows,
        lambda row: (name_key(row.full_name), row.born_on) if row.code is None else None,
        lambda row: row.full_name,
        "full_name",
        "Họ và tên",
        problems,
    )
    rows = drop_repeats(
        rows, lambda row: row.personal_id, lambda row: row.full_name, "personal_id", "Số định danh cá nhân", problems
    )
    _warn_namesakes(rows, problems)
    return ImportTable(tuple(rows), tuple(problems), profile)


def _student(reader: RowReader, sheet_class: str | None, *, by_column: bool) -> StudentRow | None:
    class_name = reader.read("class_name", read_class_name, required=True) if by_column else sheet_class
    code = reader.read("code", partial(read_code, digits=SECTOR_CODE_DIGITS))
    full_name = reader.full_name()
    born_on = reader.day("born_on", required=True)
    sex = _sex(reader, required=True)
    personal_id = reader.read("personal_id", partial(read_personal_id, born_on=born_on, sex=sex))
    texts = {name: reader.read(name, read_printed) for name in _STUDENT_TEXTS}
    names = {name: reader.read(name, read_name) for name in ("father_name", "mother_name", "guardian_name")}
    phone = reader.read("phone", read_phone)
    height = reader.read("height_cm", partial(read_measure, lowest=50, highest=230, unit="cm"))
    weight = reader.read("weight_kg", partial(read_measure, lowest=10, highest=200, unit="kg"))
    joined_on = reader.day("joined_on")
    if reader.failed or class_name is None or full_name is None or born_on is None or sex is None:
        return None
    return StudentRow(
        address=reader.address,
        cells=reader.addresses(),
        class_name=class_name,
        code=code,
        full_name=full_name,
        born_on=born_on,
        sex=sex,
        personal_id=personal_id,
        phone=phone,
        height_cm=height,
        weight_kg=weight,
        joined_on=joined_on,
        **texts,
        **names,
    )


def _sex(reader: RowReader, *, required: bool) -> Sex | None:
    """From the column Giới tính, else from a column Nữ that is ticked for girls."""
    if reader.raw("sex") is None and "female_mark" in reader.addresses() and "sex" not in reader.addresses():
        if reader.raw("female_mark") is None:
            return Sex.MALE
        ticked = reader.read("female_mark", _female_tick)
        return None if ticked is None else (Sex.FEMALE if ticked else Sex.MALE)
    return reader.read("sex", read_sex, required=required)


def _female_tick(raw: object) -> Reading[bool]:
    if isinstance(raw, str) and raw.lower() == "nữ":
        return Reading(True)
    return read_mark(raw)


def _warn_namesakes(rows: list[StudentRow], problems: list[CellProblem]) -> None:
    seen: dict[tuple[str, object], StudentRow] = {}
    for row in rows:
        key = (name_key(row.full_name), row.born_on)
        if key in seen:
            problems.append(
                CellProblem(
                    row.at("full_name"),
                    "Họ và tên",
                    row.full_name,
                    f"cùng họ tên và ngày sinh với {seen[key].at('full_name')}, khác mã; hãy kiểm tra.",
                    "warning",
                )
            )
        seen.setdefault(key, row)


def read_teachers(
    data: bytes, profile: str = DEFAULT_PROFILE, limits: WorkbookLimits = DEFAULT_LIMITS
) -> ImportTable[TeacherRow]:
    """All staff of all sheets. Raises ``Invalid`` as ``read_students`` does."""
    columns = column_map("teachers", profile)
    problems: list[CellProblem] = []
    rows: list[TeacherRow] = []
    sheets = list(read_workbook(data, limits))
    refuse_other_kind(sheets, "teachers", profile)
    for sheet, header in tables_of(sheets, columns, problems):
        for reader in data_rows(sheet, header, columns, problems):
            code = reader.read("code", read_code, required=True)
            full_name = reader.full_name()
            born_on = reader.day("born_on")
            sex = _sex(reader, required=False)
            personal_id = reader.read("personal_id", partial(read_personal_id, born_on=born_on, sex=sex))
            texts = {name: reader.read(name, read_text) for name in ("department", "position", "qualification")}
            phone, email = reader.read("phone", read_phone), reader.read("email", read_email)
            if reader.failed or code is None or full_name is None:
                continue
            rows.append(
                TeacherRow(
                    address=reader.address,
                    cells=reader.addresses(),
                    code=code,
                    full_name=full_name,
                    born_on=born_on,
                    sex=sex,
                    personal_id=personal_id,
                    phone=phone,
                    email=email,
                    **texts,
                )
            )
    rows = drop_repeats(rows, lambda row: row.code.upper(), lambda row: row.full_name, "code", "Mã giáo viên", problems)
    rows = drop_repeats(
        rows, lambda row: row.personal_id, lambda row: row.full_name, "personal_id", "Số định danh cá nhân", problems
    )
    return ImportTable(tuple(rows), tuple(problems), profile)


def _subject(raw: object) -> Reading[str]:
    text = read_text(raw).value
    code = subject_code(text)
    if code is None:
        raise UnclearValue(why_unknown(text))
    return Reading(code)


def read_assignments(
    data: bytes, profile: str = DEFAULT_PROFILE, limits: WorkbookLimits = DEFAULT_LIMITS
) -> ImportTable[AssignmentRow]:
    """Who teaches what in which class, and the homeroom teachers. Raises ``Invalid`` as ``read_students`` does.

    A class and subject with two different teachers, or a class with two homeroom teachers, is refused with both addresses.
    """
    columns = column_map("assignments", profile)
    problems: list[CellProblem] = []
    rows: list[AssignmentRow] = []
    sheets = list(read_workbook(data, limits))
    refuse_other_kind(sheets, "assignments", profile)
    for sheet, header in tables_of(sheets, columns, problems):
        by_column = "class_name" in header.columns
        sheet_class = None if by_column else sheet_claims(sheet, header.first_row, problems).class_name
        if not by_column and sheet_class is None:
            problems.append(CellProblem(sheet.address(header.first_row, 1), "Lớp", "", "thiếu cột “Lớp”.", "error"))
        for reader in data_rows(sheet, header, columns, problems):
            class_name = reader.read("class_name", read_class_name, required=True) if by_column else sheet_class
            ticked = reader.read("homeroom", read_mark)
            homeroom = ticked is True
            subject = reader.read("subject", _subject, required=not homeroom)
            lessons = reader.read("lessons_per_year", partial(read_whole, lowest=1, highest=400))
            teacher_code = reader.read("teacher_code", read_code)
            teacher_name = reader.read("teacher_name", read_name)
            if teacher_code is None and teacher_name is None and not reader.failed:
                reader.problem(
                    "teacher_code" if "teacher_code" in header.columns else "teacher_name", "chưa ghi giáo viên."
                )
            if reader.failed or class_name is None:
                continue
            rows.append(
                AssignmentRow(
                    address=reader.address,
                    cells=reader.addresses(),
                    class_name=class_name,
                    subject_code=subject,
                    lessons_per_year=lessons,
                    teacher_code=teacher_code,
                    teacher_name=teacher_name,
                    is_homeroom=homeroom,
                )
            )
    rows = drop_repeats(
        rows,
        lambda row: (row.class_name, row.subject_code) if row.subject_code else None,
        lambda row: row.class_name,
        "subject",
        "Môn học",
        problems,
    )
    _check_homeroom(rows, problems)
    return ImportTable(tuple(rows), tuple(problems), profile)


def _check_homeroom(rows: list[AssignmentRow], problems: list[CellProblem]) -> None:
    holder: dict[str, AssignmentRow] = {}
    for row in rows:
        if not row.is_homeroom:
            continue
        earlier = holder.setdefault(row.class_name, row)
        if (earlier.teacher_code, earlier.teacher_name) != (row.teacher_code, row.teacher_name):
            problems.append(
                CellProblem(
                    row.at("homeroom"),
                    "Chủ nhiệm",
                    row.teacher_name or row.teacher_code or "",
                    f"lớp {row.class_name} có hai giáo viên chủ nhiệm, người kia ở {earlier.at('homeroom')}.",
                    "error",
                )
            )
    for class_name in dict.fromkeys(row.class_name for row in rows):
        if class_name not in holder:
            first = next(row for row in rows if row.class_name == class_name)
            problems.append(
                CellProblem(
                    first.at("class_name"),
                    "Chủ nhiệm",
                    class_name,
                    f"lớp {class_name} chưa ghi giáo viên chủ nhiệm.",
                    "warning",
                )
            )
