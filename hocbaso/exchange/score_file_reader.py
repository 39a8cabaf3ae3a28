"""Reads a filled-in file of one score sheet: the lines as they stand, each cell with its address, nothing decided yet.

Another program may have written the file again: hidden rows, columns and sheets may be gone, rows sorted, columns added.
What is certain is read, what is not is refused at its cell; whose line it is and what changes is for ``services`` to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from hocbaso.errors import Invalid
from hocbaso.exchange.header_finder import Header, find_header
from hocbaso.exchange.people_tables import SECTOR_CODE_DIGITS
from hocbaso.exchange.rows import CellProblem
from hocbaso.exchange.score_files import (
    EXEMPT_TEXT,
    KEY_PREFIX,
    MARK_KIND,
    MARK_TAB,
    FileMark,
    FoundCell,
    FoundFile,
    FoundLine,
    FoundSheet,
)
from hocbaso.exchange.score_templates import (
    FIELD_OF_KEY,
    LINE_CODE,
    READ_COLUMNS,
    key_of,
    template_like,
)
from hocbaso.exchange.sheet_heads import sheet_claims
from hocbaso.exchange.sheet_reader import CellFault, Sheet, read_workbook
from hocbaso.exchange.table_reading import MERGED, RowReader, area_words, data_rows, hidden_marks, merged_areas
from hocbaso.exchange.values import (
    Reading,
    UnclearValue,
    is_exempt_mark,
    read_absence,
    read_class_name,
    read_code,
    read_date,
    read_pass_fail,
    read_tenths,
    read_text,
    shown,
)
from hocbaso.exchange.vietnamese_text import clean_text, fold
from hocbaso.exchange.workbook_guard import DEFAULT_LIMITS, WorkbookLimits
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import ScoreOrigin

_LINE = re.compile(r"hs-(\d{1,9})")
_EXCUSED = re.compile(r"vp ?[:(,-]? ?(\d{1,2}[/.-]\d{1,2}(?:[/.-]\d{4})?)\)?")
_SCHOOL = re.compile(r"(?:ten )?(?:truong|thcs)\b")
_NOT_THERE = (
    "Không tìm thấy bảng điểm nào trong tệp. Cần dòng tiêu đề có “Mã định danh Bộ GD&ĐT” hoặc “Họ và tên”, "
    "và ít nhất một trong các cột “ĐĐGtx1”…, “ĐĐGgk”, “ĐĐGck”, “Nhận xét”."
)


def read_score_file(data: bytes, kind: str, limits: WorkbookLimits = DEFAULT_LIMITS) -> FoundFile:
    """All tables of scores in a file. ``kind``: ``scored`` or ``comment``, how the marks are to be read.

    Raises ``Invalid`` when the file cannot be opened safely or holds no such table.
    """
    mark: FileMark | None = None
    found: list[FoundSheet] = []
    passed: list[str] = []
    for sheet in read_workbook(data, limits):
        if sheet.value(1, 1) == MARK_KIND:
            if mark is not None:
                raise Invalid("Tệp có hai phần mã ẩn; không rõ là bảng điểm nào. Hãy tải lại tệp từ trang bảng điểm.")
            mark = _mark(sheet)
            continue
        header = find_header(sheet, READ_COLUMNS)
        if header is None:
            if sheet.title != MARK_TAB:
                passed.append(sheet.title)
            continue
        found.append(_sheet(sheet, header, kind))
    if not found:
        raise Invalid(_NOT_THERE)
    return FoundFile(tuple(found), mark, tuple(passed))


# --- the hidden sheet --------------------------------------------------------------------------------------------------


def _mark(sheet: Sheet) -> FileMark:
    """What the hidden sheet says. Something else in it than what was written there is refused: it vouches for the rest."""
    said: dict[str, Any] = {}
    versions: dict[int, dict[str, int]] = {}
    keys: list[str] | None = None
    for row in sheet.rows:
        name = str(row[0]) if row and row[0] is not None else ""
        if keys is not None and (found := _LINE.fullmatch(name)):
            versions[int(found.group(1))] = {
                key: value
                for key, value in zip(keys, row[1:], strict=False)
                if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9
            }
        elif name == "line":
            keys = [str(value) for value in row[1:]]
        elif name and len(row) > 1:
            said[name] = row[1]
    number = said.get("sheet")
    if not isinstance(number, int) or keys is None or not set(keys) <= FIELD_OF_KEY.keys():
        raise Invalid("Phần mã ẩn của tệp đã bị sửa nên không dùng được. Hãy tải lại tệp từ trang bảng điểm.")
    label = f"{shown(said.get('label'))}, năm học {shown(said.get('year')).replace('-', '–')}"
    return FileMark(number, shown(said.get("school")), shown(said.get("school_name")), label, versions)


# --- one table ---------------------------------------------------------------------------------------------------------


def _sheet(sheet: Sheet, header: Header, kind: str) -> FoundSheet:
    problems = list(header.problems)
    claims = sheet_claims(sheet, header.first_row, problems)
    _check_keys(sheet, header, problems)
    problems.extend(hidden_marks(sheet, header, READ_COLUMNS, [name for name in header.columns if key_of(name)]))
    keys = tuple(key for name in header.columns if (key := key_of(name)))
    merged = merged_areas(sheet, header)
    lines = tuple(
        _line(sheet, reader, header, kind, merged, problems)
        for reader in data_rows(sheet, header, READ_COLUMNS, problems, apart=header.columns)
    )
    headings = [
        shown(sheet.value(row, places[0]))
        for places in header.columns.values()
        for row in range(header.first_row, header.last_row + 1)
    ]
    like = template_like(headings)
    return FoundSheet(
        title=sheet.title,
        school_name=_school(sheet, header.first_row),
        class_name=claims.class_name,
        subject_code=claims.subject_code,
        semester=claims.semester,
        school_year=claims.school_year,
        template=like.title if like else None,
        keys=keys,
        lines=lines,
        problems=tuple(problems),
    )


def _school(sheet: Sheet, header_row: int) -> str | None:
    for row in sheet.rows[: header_row - 1]:
        for value in row:
            if isinstance(value, str) and _SCHOOL.match(fold(value)):
                return value
    return None


def _check_keys(sheet: Sheet, header: Header, problems: list[CellProblem]) -> None:
    """Where the hidden row of stored columns is still there, it and the headings must say the same."""
    for row in range(header.first_row - 1, max(header.first_row - 4, 0), -1):
        said = {
            column: value.removeprefix(KEY_PREFIX)
            for column, value in enumerate(sheet.rows[row - 1], 1)
            if isinstance(value, str) and value.startswith(KEY_PREFIX)
        }
        if not said:
            continue
        by_heading = {place: name for name, places in header.columns.items() for place in places}
        for column, key in said.items():
            meant, name = FIELD_OF_KEY.get(key, key), by_heading.get(column)
            if meant == name or not (key_of(meant) or (name and key_of(name))):
                continue  # the same, or neither holds marks
            problems.append(
                CellProblem(
                    sheet.address(header.last_row, column),
                    READ_COLUMNS.label(meant),
                    shown(sheet.value(header.last_row, column)),
                    f"tiêu đề cột đã bị sửa; khi tải về cột này là {READ_COLUMNS.label(meant)}.",
                    "error",
                )
            )
        return


Merges = dict[tuple[int, int], tuple[int, int, int, int]]


def _line(
    sheet: Sheet, reader: RowReader, header: Header, kind: str, merged: Merges, problems: list[CellProblem]
) -> FoundLine:
    refusals: list[str] = []

    def said(name: str, read: Callable[[object], Reading[Any]]) -> Any:
        raw = reader.raw(name)
        if raw is None:
            return None
        try:
            return read(raw).value
        except UnclearValue as fault:
            refusals.append(f"{READ_COLUMNS.label(name)} “{shown(raw)}”: {fault.message}")
            return None

    code = said("student_code", lambda raw: read_code(raw, digits=SECTOR_CODE_DIGITS))
    class_name = said("class_name", read_class_name)
    line_code = said(LINE_CODE, read_text)
    found = _LINE.fullmatch(line_code) if line_code else None
    n_before = len(refusals)
    born_on: date | None = said("born_on", partial(read_date, from_1904=sheet.from_1904))
    if found is not None or code is not None:
        del refusals[n_before:]  # who it is does not hang on the birth date
    if line_code and found is None:
        refusals.append(f"mã dòng “{line_code[:20]}” đã bị sửa.")
    full_name = None
    named = {"full_name", "family_name", "given_name"} & header.columns.keys()
    if named:
        before = len(problems)
        full_name = reader.full_name()
        # Told once, with the line: the list of the sheet is for what concerns the sheet.
        refusals.extend(problem.message_vi for problem in problems[before:])
        del problems[before:]
    cells = {
        key: _cell(sheet, reader.row, places[0], name, kind, merged)
        for name, places in header.columns.items()
        if (key := key_of(name))
    }
    who = next((name for name in ("full_name", "family_name", "student_code") if name in header.columns), "")
    return FoundLine(
        address=reader.address,
        who_address=sheet.address(reader.row, header.columns[who][0]) if who else reader.address,
        enrollment_id=int(found.group(1)) if found else None,
        code=code,
        full_name=full_name,
        born_on=born_on,
        class_name=class_name,
        cells=cells,
        refusal=" ".join(refusals),
    )


def _cell(sheet: Sheet, row: int, column: int, name: str, kind: str, merged: Merges) -> FoundCell:
    address = sheet.address(row, column)
    raw = sheet.value(row, column)
    if (row, column) in merged:
        area = area_words(sheet, merged[row, column])
        return FoundCell(address, _as_text(raw), refusal=MERGED.format(area=area))
    if raw is None:
        return FoundCell(address, "")
    try:
        reading = _remark(raw) if name == "remark" else _mark_text(raw, kind)
    except UnclearValue as fault:
        return FoundCell(address, _as_text(raw), refusal=fault.message)
    note = reading.note or ""
    if (row, column) in sheet.formulas:
        note = f"công thức, lấy kết quả {reading.value}."
    return FoundCell(address, reading.value, note)


def _as_text(raw: object) -> str:
    if isinstance(raw, CellFault):
        return f"({raw.reason})"
    return raw if isinstance(raw, str) else shown(raw)


def _remark(raw: object) -> Reading[str]:
    # A remark that begins with # was typed by a person; faults of the program arrive as what they are.
    return Reading(clean_text(raw)) if isinstance(raw, str) else read_text(raw)


def _mark_text(raw: object, kind: str) -> Reading[str]:
    """A mark as it would be typed: ``8,5``, ``Đ``, ``VK``, ``VP``, ``VP 20/12/2026``, ``Miễn``."""
    if is_exempt_mark(raw):
        return Reading(EXEMPT_TEXT)
    if isinstance(raw, str):
        day = _EXCUSED.fullmatch(clean_text(raw).lower())
        if day is not None:
            return Reading(f"VP {day.group(1)}")
        absence = read_absence(raw)
        if absence is not None:
            return Reading("VP" if absence is ScoreOrigin.MISSED_EXCUSED else "VK")
    if kind == "comment":
        mark = read_pass_fail(raw)
        return Reading(mark.value.value, mark.note)
    if isinstance(raw, str) and clean_text(raw).upper() in {"Đ", "CĐ", "ĐẠT", "CHƯA ĐẠT"}:
        raise UnclearValue("môn này đánh giá bằng điểm số, không ghi Đ hoặc CĐ.")
    tenths = read_tenths(raw)
    return Reading(format_score(tenths.value), tenths.note)
