"""Writes the file of one score sheet: a form that can be filled in at home and handed in again.

What may be typed stands in white, unlocked cells with a rule of what fits; everything else is locked. Codes are hidden
but there: the stored column above each heading, the line's code beside each pupil, and on a sheet of its own the score
sheet and the version of each value. The lock has no password: it guards against slips, and what comes back is checked.
"""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill, Protection
from openpyxl.utils import get_column_letter
from openpyxl.workbook.protection import WorkbookProtection
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from hocbaso.exchange.score_files import EXEMPT_TEXT, KEY_PREFIX, MARK_KIND, MARK_TAB, FileLine, ScoreFile
from hocbaso.exchange.score_templates import (
    KEY_OF_FIELD,
    LINE_CODE,
    REGULAR,
    TemplateColumn,
    template_named,
)
from hocbaso.exchange.sheets import BOX, HEADER_FILL, HEADER_FONT, put_value, tab_name

_FACE = "Times New Roman"
_CLOSED_FILL = PatternFill("solid", fgColor="FFEEEFF1")
_SOFT = Font(name=_FACE, size=11, color="FF5B6673")
_PLAIN = Font(name=_FACE, size=12)
_HEAD = Font(name=_FACE, size=11, bold=HEADER_FONT.bold)
_CENTRED = Alignment(horizontal="center", vertical="center", wrap_text=True)
_LEFT = Alignment(horizontal="left", vertical="center", wrap_text=True)
_OPEN = Protection(locked=False)
_REMARK_MAX = 1000
_LEFT_FIELDS = {"full_name", "remark", "note"}

MarkValue = str | int | Decimal | date | None


def write_score_file(content: ScoreFile) -> bytes:
    """The workbook of one score sheet in the form that ``content.template`` names."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = tab_name(content.tab, set())
    book.properties.creator = "hocbaso"
    book.properties.title = f"{content.subject_name} {content.class_name}"
    columns = _columns(content)
    key_row = _put_head(sheet, content, len(columns))
    first = _put_headings(sheet, key_row, columns)
    for row, line in enumerate(content.lines, first):
        _put_line(sheet, row, line, content, columns)
    last = first + max(len(content.lines), 1) - 1
    _put_rules(sheet, content, columns, first, last)
    _finish(sheet, columns, key_row, first, last)
    _put_mark(book, content)
    book.security = WorkbookProtection(lockStructure=True)
    return _bytes(book)


def _columns(content: ScoreFile) -> list[tuple[str, TemplateColumn, str, str]]:
    """(field, column of the form, heading, second line) of each column, the hidden one at the end."""
    found: list[tuple[str, TemplateColumn, str, str]] = []
    for column in template_named(content.template).columns:
        if column.field != REGULAR:
            found.append((column.field, column, column.heading, column.below))
            continue
        for number in range(1, len(content.keys) - 1):
            found.append((f"regular_{number}", column, column.heading.format(n=number), column.below.format(n=number)))
    found.append((LINE_CODE, TemplateColumn(LINE_CODE, "Mã dòng", width=10), "Mã dòng", ""))
    return found


def _put_head(sheet: Worksheet, content: ScoreFile, width: int) -> int:
    """The title rows; the row after them, for the hidden column keys."""
    put_value(sheet.cell(1, 1), content.school_name).font = Font(name=_FACE, size=12)
    put_value(sheet.cell(2, 1), f"BẢNG ĐIỂM {content.subject_name.upper()}").font = Font(name=_FACE, size=15, bold=True)
    said = (
        f"Lớp {content.class_name}, môn {content.subject_name}, học kì {'I' * content.semester}, "
        f"năm học {content.year_label}"
    )
    put_value(sheet.cell(3, 1), said).font = Font(name=_FACE, size=12)
    row = 4
    for text in content.told:
        put_value(sheet.cell(row, 1), text).font = _SOFT
        row += 1
    for above in range(1, row):
        sheet.merge_cells(start_row=above, start_column=1, end_row=above, end_column=max(width - 1, 2))
        sheet.cell(above, 1).alignment = Alignment(horizontal="left", vertical="center", wrap_text=above > 3)
    return row


def _put_headings(sheet: Worksheet, key_row: int, columns: list[tuple[str, TemplateColumn, str, str]]) -> int:
    """The hidden keys and the headings below them; the first row of pupils."""
    deep = any(below for _, _, _, below in columns)
    top, last = key_row + 1, key_row + (2 if deep else 1)
    for place, (name, _, heading, below) in enumerate(columns, 1):
        put_value(sheet.cell(key_row, place), KEY_PREFIX + KEY_OF_FIELD.get(name, name))
        put_value(sheet.cell(top, place), heading)
        if below:
            put_value(sheet.cell(last, place), below)
        elif deep:
            sheet.merge_cells(start_row=top, end_row=last, start_column=place, end_column=place)
        for row in range(top, last + 1):
            cell = sheet.cell(row, place)
            cell.font, cell.fill, cell.border, cell.alignment = _HEAD, HEADER_FILL, BOX, _CENTRED
    block = [place for place, (_, _, _, below) in enumerate(columns, 1) if below]
    if len(block) > 1:
        sheet.merge_cells(start_row=top, end_row=top, start_column=block[0], end_column=block[-1])
    sheet.row_dimensions[top].height = 32 if not deep else 20
    sheet.row_dimensions[key_row].hidden = True
    return last + 1


def _put_line(
    sheet: Worksheet,
    row: int,
    line: FileLine,
    content: ScoreFile,
    columns: list[tuple[str, TemplateColumn, str, str]],
) -> None:
    known: dict[str, MarkValue] = {
        "order": line.number,
        "class_name": content.class_name,
        "student_code": line.code,
        "full_name": line.full_name,
        "born_on": line.born_on,
        "average": line.average and _value(line.average),
        LINE_CODE: line_code(line.enrollment_id),
    }
    if line.closed and line.closed != EXEMPT_TEXT:
        known["note"] = line.closed
    for place, (name, _, _, _) in enumerate(columns, 1):
        cell = sheet.cell(row, place)
        key = KEY_OF_FIELD.get(name)
        stored = line.cells.get(key) if key else None
        if stored is None:
            put_value(cell, known.get(name))
        elif line.closed == EXEMPT_TEXT and name != "remark":
            put_value(cell, EXEMPT_TEXT)
        else:
            put_value(cell, _value(stored.text) if name != "remark" else stored.text or None)
            if name != "remark" and content.kind == "scored":
                cell.number_format = "0.0"
        cell.font, cell.border = _PLAIN, BOX
        cell.alignment = _LEFT if name in _LEFT_FIELDS else _CENTRED
        if stored is not None and stored.is_open:
            cell.protection = _OPEN
        elif line.closed or stored is not None:
            cell.fill = _CLOSED_FILL


def _value(text: str) -> MarkValue:
    """A typed text as the cell holds it: a score as a number, everything else as text."""
    if text and text.replace(",", "").isdigit():
        # Decimal, because it is written digit by digit where a float would write its noise.
        return Decimal(text.replace(",", "."))
    return text.upper() if text.lower().startswith("v") else text or None


def line_code(enrollment_id: int) -> str:
    """The code of a line."""
    return f"hs-{enrollment_id}"


def _put_rules(
    sheet: Worksheet,
    content: ScoreFile,
    columns: list[tuple[str, TemplateColumn, str, str]],
    first: int,
    last: int,
) -> None:
    """What fits into each column, said in words by the program that opens the file. One rule a column: a formula is
    relative to the first cell of its range."""
    for place, (name, _, _, _) in enumerate(columns, 1):
        if name not in KEY_OF_FIELD:
            continue
        letter = get_column_letter(place)
        at = f"{letter}{first}"
        if name == "remark":
            rule = DataValidation("textLength", operator="lessThanOrEqual", formula1=str(_REMARK_MAX))
            rule.errorTitle, rule.error = "Nhận xét quá dài", f"Tối đa {_REMARK_MAX} chữ."
        elif content.kind == "scored":
            # IF, because AND looks at all of its parts and a text among numbers makes the whole an error.
            rule = DataValidation(
                "custom",
                formula1=f"IF(ISNUMBER({at}),AND({at}>=0,{at}<=10,ROUND({at},1)={at}),"
                f'OR(UPPER({at})="VK",LEFT(UPPER({at}),2)="VP"))',
            )
            rule.errorTitle = "Điểm không hợp lệ"
            rule.error = (
                "Ghi số từ 0 đến 10, nhiều nhất một chữ số thập phân. VP: vắng có phép. VK: vắng không phép (0 điểm)."
            )
        else:
            rule = DataValidation("list", formula1='"Đ,CĐ,VP,VK"')
            rule.errorTitle = "Kết quả không hợp lệ"
            rule.error = "Chọn Đ (đạt) hoặc CĐ (chưa đạt). VP: vắng có phép. VK: vắng không phép (CĐ)."
        rule.allow_blank, rule.showErrorMessage, rule.errorStyle = True, True, "stop"
        rule.add(f"{letter}{first}:{letter}{last}")
        sheet.add_data_validation(rule)


def _finish(
    sheet: Worksheet, columns: list[tuple[str, TemplateColumn, str, str]], key_row: int, first: int, last: int
) -> None:
    for place, (name, column, _, _) in enumerate(columns, 1):
        dimension = sheet.column_dimensions[get_column_letter(place)]
        dimension.width, dimension.hidden = column.width, name == LINE_CODE
    names = [name for name, _, _, _ in columns]
    sheet.freeze_panes = sheet.cell(first, names.index("full_name") + 2)
    sheet.print_title_rows = f"{key_row + 1}:{first - 1}"
    sheet.print_area = f"A1:{get_column_letter(len(columns) - 1)}{last}"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", 9
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.page_margins.left = sheet.page_margins.right = 0.4
    sheet.page_margins.top = sheet.page_margins.bottom = 0.5
    sheet.oddFooter.right.text = "Trang &P/&N"
    guard = sheet.protection
    guard.sheet = True
    guard.formatColumns = guard.formatRows = False  # False: not forbidden


def _put_mark(book: Workbook, content: ScoreFile) -> None:
    """The hidden sheet: which score sheet, and the version of each value by line code and column."""
    sheet = book.create_sheet(MARK_TAB)
    keys = [*content.keys, "NX"]
    head: list[tuple[str, str | int]] = [
        (MARK_KIND, 1),
        ("sheet", content.sheet_id),
        ("school", content.school_code),
        ("school_name", content.school_name),
        ("label", f"{content.subject_name} {content.class_name}, học kì {'I' * content.semester}"),
        ("year", content.year_label),
        ("template", content.template),
    ]
    for row, (name, value) in enumerate(head, 1):
        put_value(sheet.cell(row, 1), name)
        put_value(sheet.cell(row, 2), value)
    top = len(head) + 1
    for place, name in enumerate(["line", *keys], 1):
        put_value(sheet.cell(top, place), name)
    for row, line in enumerate(content.lines, top + 1):
        put_value(sheet.cell(row, 1), line_code(line.enrollment_id))
        for place, key in enumerate(keys, 2):
            if key in line.cells:
                put_value(sheet.cell(row, place), line.cells[key].version)
    sheet.sheet_state = "veryHidden"
    sheet.protection.sheet = True


def _bytes(book: Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
