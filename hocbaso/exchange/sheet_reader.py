"""Reads the sheets of a checked workbook into plain values, and keeps where each one stood.

What a cell says is kept apart from what it could mean: texts are cleaned (NFC, blanks), numbers, dates and faults stay
what they are, and ``values`` decides.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from hocbaso.errors import Invalid
from hocbaso.exchange.number_formats import why_shown_otherwise
from hocbaso.exchange.vietnamese_text import clean_text
from hocbaso.exchange.workbook_guard import DEFAULT_LIMITS, WorkbookLimits, check_workbook

MAX_COLUMNS = 100

_P = rb"(?:\w+:)?"
_MERGE = re.compile(rb"<" + _P + rb'mergeCell\s[^>]*?ref="([A-Z]+\d+:[A-Z]+\d+)"')
_HIDDEN_COLUMN = re.compile(rb"<" + _P + rb"col\s([^>]*?)/?>")
_FORMULA_CELL = re.compile(
    rb"<" + _P + rb"c\s([^>]*)>\s*<" + _P + rb"f\b[^>]*?(?:/>|>[^<]*</" + _P + rb"f>)\s*"
    rb"(<" + _P + rb"v\s*/>|<" + _P + rb"v>\s*</" + _P + rb"v>)?\s*</" + _P + rb"c>"
)
_ANY_FORMULA = re.compile(rb"<" + _P + rb'c\s[^>]*?\br="([A-Z]{1,3})(\d+)"[^>]*>\s*<' + _P + rb"f\b")
_ROW = re.compile(rb"<" + _P + rb"row\s([^>]*)>")
_REFERENCE = re.compile(rb'\br="([A-Z]+)(\d+)"')
_VALUE_CELL = re.compile(rb"<" + _P + rb'c\s[^>]*?\br="[A-Z]+(\d+)"[^>]*>\s*<' + _P + rb"(?:v|is|f)\b")


@dataclass(frozen=True, slots=True)
class CellFault:
    """A cell that holds no value one can rely on: an Excel error, a formula never calculated, a format that shows another one."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Sheet:
    """One worksheet. ``rows[0]`` is row 1; a missing or blank cell is None; ``merges`` are (col1, row1, col2, row2) from 1."""

    title: str
    hidden: bool
    rows: tuple[tuple[object, ...], ...]
    merges: tuple[tuple[int, int, int, int], ...] = ()
    hidden_columns: frozenset[int] = field(default=frozenset())
    formulas: frozenset[tuple[int, int]] = field(default=frozenset())
    """Where (row, column) a formula stands; its value is the result that the file keeps."""
    hidden_rows: frozenset[int] = field(default=frozenset())
    from_1904: bool = False
    """The workbook counts its days from 1904 (old Excel for Mac), not from 1900."""

    def value(self, row: int, column: int) -> object:
        """The value at 1-based ``row`` and ``column``; None outside the sheet."""
        if 1 <= row <= len(self.rows):
            cells = self.rows[row - 1]
            if 1 <= column <= len(cells):
                return cells[column - 1]
        return None

    def address(self, row: int, column: int) -> str:
        """``Toán HK1!F12``, as the person sees it in Excel."""
        return f"{self.title}!{get_column_letter(column)}{row}"

    @property
    def width(self) -> int:
        """The widest row."""
        return max((len(row) for row in self.rows), default=0)


def read_workbook(data: bytes, limits: WorkbookLimits = DEFAULT_LIMITS) -> tuple[Sheet, ...]:
    """All worksheets with anything in them, in order. Raises ``Invalid`` for whatever cannot be opened safely or read whole."""
    if not openpyxl.DEFUSEDXML:
        raise RuntimeError("openpyxl must run on defusedxml; without it a workbook can expand entities")
    check_workbook(data, limits)
    try:
        workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    except MemoryError:
        raise
    except Exception as fault:  # openpyxl raises whatever its parts raise: KeyError, ValueError, TypeError, ParseError
        raise Invalid("Không đọc được tệp Excel (tệp hỏng). Hãy lưu lại tệp từ Excel rồi thử lại.") from fault
    try:
        sheets = [_read_sheet(workbook, worksheet, limits) for worksheet in workbook.worksheets]
    except (Invalid, MemoryError):
        raise
    except Exception as fault:
        raise Invalid(
            "Không đọc được một trang tính trong tệp (tệp hỏng). Hãy lưu lại từ Excel rồi thử lại."
        ) from fault
    finally:
        workbook.close()
    sheets = [sheet for sheet in sheets if sheet.rows]
    if not sheets:
        raise Invalid("Tệp Excel không có dữ liệu.")
    return tuple(sheets)


def _read_sheet(workbook: openpyxl.Workbook, worksheet: object, limits: WorkbookLimits) -> Sheet:
    with workbook._archive.open(worksheet._worksheet_path) as part:  # type: ignore[attr-defined]
        raw = part.read()
    title = clean_text(worksheet.title)  # type: ignore[attr-defined]
    beyond = max((int(found.group(1)) for found in _VALUE_CELL.finditer(raw)), default=0)
    if beyond > limits.max_rows:
        raise Invalid(f"Trang “{title}” có dữ liệu ở dòng {beyond}, quá giới hạn {limits.max_rows} dòng.")
    last = beyond or limits.max_rows  # some writers leave the references out
    faults = _uncalculated_formulas(raw)
    # Exporters declare wrong dimensions ("A1"); openpyxl would believe them and read one cell.
    worksheet.reset_dimensions()  # type: ignore[attr-defined]
    rows: list[tuple[object, ...]] = []
    struck = _struck_styles(workbook)
    for number, cells in enumerate(worksheet.iter_rows(max_row=last, max_col=MAX_COLUMNS), 1):  # type: ignore[attr-defined]
        values = [_value(cell, struck) for cell in cells]
        for column in faults.get(number, ()):
            if column <= MAX_COLUMNS:
                values[column - 1] = CellFault("công thức chưa được tính (hãy mở bằng Excel và lưu lại)")
        while values and values[-1] is None:
            values.pop()
        rows.append(tuple(values))
    while rows and not rows[-1]:
        rows.pop()
    merges = tuple(range_boundaries(found.group(1).decode()) for found in _MERGE.finditer(raw))
    return Sheet(
        title,
        worksheet.sheet_state != "visible",  # type: ignore[attr-defined]
        tuple(rows),
        merges,
        _hidden_columns(raw),
        _formula_places(raw),
        _hidden_rows(raw),
        workbook.epoch == CALENDAR_MAC_1904,
    )


STRUCK = "ô bị gạch ngang; còn đúng thì bỏ gạch, không thì xoá ô"


def _value(cell: object, struck: frozenset[int]) -> object:
    value = cell.value  # type: ignore[attr-defined]
    if value is None:
        return None
    if struck and cell._style_id in struck and (not isinstance(value, str) or value.strip()):  # type: ignore[attr-defined]
        return CellFault(STRUCK)  # what somebody struck out and what they meant by it is not ours to guess
    if isinstance(value, str):
        if cell.data_type == "e":  # type: ignore[attr-defined]
            return CellFault(f"ô báo lỗi Excel {value}")
        return clean_text(value) or None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # 100% is kept as 1, and 8 is shown as 0,8 where somebody wrote the comma into the format: read as it is kept, a
        # mark would not be what its teacher saw.
        otherwise = why_shown_otherwise(value, cell.number_format or "General")  # type: ignore[attr-defined]
        if otherwise is not None:
            return CellFault(otherwise)
    return value


def _struck_styles(workbook: openpyxl.Workbook) -> frozenset[int]:
    """The styles of cells whose whole text is struck out."""
    fonts = {number for number, font in enumerate(workbook._fonts) if font.strike}
    if not fonts:
        return frozenset()
    styles = enumerate(workbook._cell_styles)
    return frozenset(number for number, style in styles if style.fontId in fonts)


def _hidden_rows(raw: bytes) -> frozenset[int]:
    """Rows that are not shown, by hand or by a filter."""
    if b"hidden=" not in raw:
        return frozenset()
    hidden, number = set(), 0
    for found in _ROW.finditer(raw):
        attributes = dict(re.findall(rb'(\w+)="([^"]*)"', found.group(1)))
        number = int(attributes[b"r"]) if attributes.get(b"r", b"").isdigit() else number + 1
        if attributes.get(b"hidden") in (b"1", b"true"):
            hidden.add(number)
    return frozenset(hidden)


def _formula_places(raw: bytes) -> frozenset[tuple[int, int]]:
    if b"<f" not in raw and b":f" not in raw:
        return frozenset()
    return frozenset(
        (int(found.group(2)), range_boundaries(found.group(1).decode() + "1")[0])
        for found in _ANY_FORMULA.finditer(raw)
    )


def _uncalculated_formulas(raw: bytes) -> dict[int, list[int]]:
    """Formulas without a stored result read as blank: a score would silently vanish. Row number to columns."""
    faults: dict[int, list[int]] = {}
    if b"<f" not in raw and b":f" not in raw:
        return faults
    for found in _FORMULA_CELL.finditer(raw):
        if b't="str"' in found.group(1) and found.group(2) is not None:
            continue  # calculated, and the result is the empty text
        reference = _REFERENCE.search(found.group(1))
        if reference is not None:
            column = range_boundaries(reference.group(1).decode() + "1")[0]
            faults.setdefault(int(reference.group(2)), []).append(column)
    return faults


def _hidden_columns(raw: bytes) -> frozenset[int]:
    hidden: set[int] = set()
    for found in _HIDDEN_COLUMN.finditer(raw[: raw.find(b"sheetData")]):
        attributes = dict(re.findall(rb'(\w+)="([^"]*)"', found.group(1)))
        if attributes.get(b"hidden") in (b"1", b"true"):
            first, last = int(attributes.get(b"min", b"1")), int(attributes.get(b"max", b"1"))
            hidden.update(range(first, min(last, MAX_COLUMNS) + 1))
    return frozenset(hidden)
