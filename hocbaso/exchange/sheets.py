"""Writes workbooks and JSON lines. Everything people typed is text to the program that opens the file, never a formula.

openpyxl turns any string that begins with "=" into a live formula; names and remarks are written by others, so each text
cell is forced to type ``s`` and marked with the quote prefix, which keeps it text when somebody edits it in Excel.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from hocbaso.exchange.profiles import column_map
from hocbaso.exchange.rows import ScoreCell, ScoreRow, StudentRow
from hocbaso.exchange.subjects import SUBJECT_BY_CODE
from hocbaso.exchange.vietnamese_text import clean_text
from hocbaso.regulations.score_values import to_point
from hocbaso.regulations.terms import PassFail, ScoreOrigin

_LIVE = ("=", "+", "-", "@", "\t", "\r")
HEADER_FONT = Font(bold=True)
_TITLE_FONT = Font(bold=True, size=13)
HEADER_FILL = PatternFill("solid", fgColor="FFE8EEF4")
_LINE = Side(style="thin", color="FF9AA5B1")
BOX = Border(left=_LINE, right=_LINE, top=_LINE, bottom=_LINE)
_TAB_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")
_EXEMPT_MARK = "Miễn"
_ABSENCE_MARKS = {ScoreOrigin.MISSED_EXCUSED: "VP", ScoreOrigin.MISSED_UNEXCUSED: "VK"}

Value = str | int | Decimal | date | None


@dataclass(frozen=True, slots=True)
class StatisticsTable:
    """One table of a report: a sheet with ``title`` above ``headers`` and ``rows``."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


def write_scores(rows: Iterable[ScoreRow]) -> bytes:
    """One sheet a class, subject and semester in the layout of the sector database, in the order given.

    Absences are written VP and VK, exemption Miễn; ``read_scores`` gives the same rows back.
    """
    book = _new_book()
    columns = column_map("scores")
    taken: set[str] = set()
    everything = list(rows)
    several_classes = len({row.class_name for row in everything}) > 1
    for (class_name, code, semester), group in groupby(
        everything, key=lambda row: (row.class_name, row.subject_code, row.semester)
    ):
        pupils = list(group)
        subject = SUBJECT_BY_CODE[code]
        n_regular = max((len(row.regular) for row in pupils), default=0)
        tab = f"{class_name + ' ' if several_classes else ''}{subject.short_name} HK{semester}"
        sheet = book.create_sheet(tab_name(tab, taken))
        _put_row(sheet, 1, ["Lớp:", class_name, None, "Môn học:", subject.name, None, "Học kì:", semester], bold=True)
        names = [
            "order",
            "student_code",
            "full_name",
            "born_on",
            *(f"regular_{n}" for n in range(1, n_regular + 1)),
            "midterm",
            "final",
            "remark",
        ]
        table = [
            [
                number,
                row.student_code,
                row.full_name,
                row.born_on,
                *(_score_value(cell, row.exempt) for cell in _padded(row.regular, n_regular)),
                _score_value(row.midterm, row.exempt),
                _score_value(row.final, row.exempt),
                row.remark,
            ]
            for number, row in enumerate(pupils, 1)
        ]
        _put_table(sheet, 3, [columns.label(name) for name in names], table)
    return _saved(book)


def write_students(rows: Iterable[StudentRow]) -> bytes:
    """One sheet of pupils with the headers of the sector database; ``read_students`` gives the same rows back."""
    columns = column_map("students")
    names = [name for name in columns.headers if name not in {"order", "family_name", "given_name", "female_mark"}]
    book = _new_book()
    sheet = book.create_sheet("Danh sách học sinh")
    table = [[number, *(_plain(getattr(row, name)) for name in names)] for number, row in enumerate(rows, 1)]
    _put_table(sheet, 1, ["STT", *(columns.label(name) for name in names)], table)
    return _saved(book)


_BLANK_TABS = {"students": "Danh sách học sinh", "teachers": "Cán bộ giáo viên", "assignments": "Phân công"}
_DERIVED = frozenset({"order", "family_name", "given_name", "female_mark"})
_BLANK_LINES = 200


def write_blank(kind: str) -> bytes:
    """An empty ``students``, ``teachers`` or ``assignments`` table to fill in: headings alone, that its reader knows.

    The cells below are text, so that a number keeps its zeros and a date stays as it was typed.
    """
    columns = column_map(kind)
    headers = ["STT", *(columns.label(name) for name in columns.headers if name not in _DERIVED)]
    book = _new_book()
    sheet = book.create_sheet(_BLANK_TABS[kind])
    _put_table(sheet, 1, headers, [[None] * len(headers) for _ in range(_BLANK_LINES)])
    for row in sheet.iter_rows(min_row=2, max_row=_BLANK_LINES + 1, max_col=len(headers)):
        for cell in row:
            cell.number_format = "@"
    for column, header in enumerate(headers, 1):
        sheet.column_dimensions[get_column_letter(column)].width = max(len(header) + 4, 8)
    return _saved(book)


def write_statistics(title: str, tables: Sequence[StatisticsTable]) -> bytes:
    """A report: one sheet a table, the report's ``title`` and the table's own above it."""
    book = _new_book()
    taken: set[str] = set()
    for table in tables:
        sheet = book.create_sheet(tab_name(table.title, taken))
        put_value(sheet.cell(1, 1), title).font = _TITLE_FONT
        put_value(sheet.cell(2, 1), table.title).font = HEADER_FONT
        _put_table(sheet, 4, table.headers, table.rows)
    return _saved(book)


def scores_jsonl(rows: Iterable[ScoreRow]) -> Iterator[str]:
    """One JSON object a line for each pupil, subject and semester, as promised to other tools; no line end.

    Scores are strings with a point and one decimal, comment results "Đ"/"CĐ", null where nothing was entered. Where the
    origin says more than the value ("missed_excused" and the like) it stands in ``origins``; ``exempt`` only when true.
    """
    for row in rows:
        item: dict[str, object] = {
            "student": row.student_code,
            "class": row.class_name,
            "subject": SUBJECT_BY_CODE[row.subject_code].name,
            "semester": row.semester,
            "regular": [_json_score(cell) for cell in row.regular],
            "midterm": _json_score(row.midterm),
            "final": _json_score(row.final),
            "remark": row.remark,
        }
        named = {f"regular_{n}": cell for n, cell in enumerate(row.regular, 1)} | {
            "midterm": row.midterm,
            "final": row.final,
        }
        origins = {
            name: cell.origin.value
            for name, cell in named.items()
            if cell.origin not in (ScoreOrigin.EMPTY, ScoreOrigin.ENTERED)
        }
        if origins:
            item["origins"] = origins
        if row.exempt:
            item["exempt"] = True
        yield json.dumps(item, ensure_ascii=False)


def students_jsonl(rows: Iterable[StudentRow]) -> Iterator[str]:
    """One JSON object a line for each pupil: ``student``, ``class`` and the personal fields; dates ISO, measures as strings."""
    columns = column_map("students")
    skipped = {"order", "code", "class_name", "family_name", "given_name", "female_mark"}
    names = [name for name in columns.headers if name not in skipped]
    for row in rows:
        item: dict[str, object] = {"student": row.code, "class": row.class_name}
        for name in names:
            value = getattr(row, name)
            if isinstance(value, date):
                value = value.isoformat()
            elif isinstance(value, Decimal):
                value = str(value)
            item[name] = value
        yield json.dumps(item, ensure_ascii=False)


def _json_score(cell: ScoreCell) -> str | None:
    if cell.value is None:
        return None
    return cell.value.value if isinstance(cell.value, PassFail) else to_point(cell.value)


def _score_value(cell: ScoreCell, exempt: bool) -> Value:
    if exempt:
        return _EXEMPT_MARK
    if cell.origin in _ABSENCE_MARKS:
        return _ABSENCE_MARKS[cell.origin]
    if cell.value is None:
        return None
    # Decimal, because openpyxl writes it digit by digit where a float would write its noise.
    return cell.value.value if isinstance(cell.value, PassFail) else Decimal(to_point(cell.value))


def _padded(cells: tuple[ScoreCell, ...], length: int) -> tuple[ScoreCell, ...]:
    return cells + (ScoreCell(),) * (length - len(cells))


def _plain(value: object) -> Value:
    return value.value if hasattr(value, "value") else value  # type: ignore[return-value]


def _new_book() -> Workbook:
    book = Workbook()
    book.remove(book.active)
    book.properties.creator = "hocbaso"
    return book


def _saved(book: Workbook) -> bytes:
    if not book.worksheets:
        put_value(book.create_sheet("Trống").cell(1, 1), "Không có dữ liệu.")
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _put_row(sheet: Worksheet, row: int, values: Sequence[Value], *, bold: bool = False) -> None:
    for column, value in enumerate(values, 1):
        if value is not None:
            cell = put_value(sheet.cell(row, column), value)
            if bold:
                cell.font = HEADER_FONT


def _put_table(sheet: Worksheet, first: int, headers: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
    """Header at row ``first``, frozen with all above it; columns as wide as their content, 6 to 60 letters."""
    widths = [len(header) for header in headers]
    for column, header in enumerate(headers, 1):
        cell = put_value(sheet.cell(first, column), header)
        cell.font, cell.fill, cell.border = HEADER_FONT, HEADER_FILL, BOX
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    for number, values in enumerate(rows, first + 1):
        for column, value in enumerate(values, 1):
            cell = sheet.cell(number, column)
            cell.border = BOX
            if value is None:
                continue
            put_value(cell, value)
            if column <= len(widths):
                widths[column - 1] = max(widths[column - 1], 10 if isinstance(value, date) else len(str(value)))
    for column, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(column)].width = min(max(width + 2, 6), 60)
    sheet.freeze_panes = sheet.cell(first + 1, 1)
    sheet.print_title_rows = f"{first}:{first}"
    sheet.page_setup.orientation, sheet.page_setup.paperSize, sheet.page_setup.fitToHeight = "landscape", "9", 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


def put_value(cell: Cell, value: Value) -> Cell:
    """Put a value into a cell: texts never become formulas, dates are days, a score keeps its one decimal."""
    if isinstance(value, str):
        text = ILLEGAL_CHARACTERS_RE.sub("", value)
        cell.value = text
        cell.data_type = "s"
        if text.startswith(_LIVE):
            cell.quotePrefix = True
    elif isinstance(value, datetime):
        raise TypeError("an instant has no place in these sheets; pass a date")
    elif isinstance(value, date):
        cell.value = value
        cell.number_format = "dd/mm/yyyy"
    else:
        cell.value = value
        if isinstance(value, Decimal) and value == value.quantize(Decimal("0.1")):
            cell.number_format = "0.0"
    return cell


def tab_name(wanted: str, taken: set[str]) -> str:
    """A legal sheet name: at most 31 letters, none of ``[]:*?/\\``, unique in the book whatever the case."""
    base = clean_text(_TAB_FORBIDDEN.sub("-", wanted)).strip("'")[:31] or "Trang"
    name, number = base, 2
    while name.lower() in taken:
        suffix = f" ({number})"
        name, number = base[: 31 - len(suffix)] + suffix, number + 1
    taken.add(name.lower())
    return name
