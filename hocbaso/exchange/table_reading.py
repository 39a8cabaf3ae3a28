"""What reading any table has in common: going down the rows, reading fields, collecting problems, finding repeats."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import TypeVar

from hocbaso.errors import Invalid
from hocbaso.exchange.header_finder import Header, find_header, repeats_header
from hocbaso.exchange.profiles import ColumnMap
from hocbaso.exchange.rows import CellProblem, SourceRow
from hocbaso.exchange.sheet_reader import CellFault, Sheet
from hocbaso.exchange.values import Reading, UnclearValue, read_date, read_name, shown
from hocbaso.exchange.vietnamese_text import fold, name_key

__all__ = ["MERGED", "RowReader", "data_rows", "drop_repeats", "merged_areas", "name_key", "tables_of"]

T = TypeVar("T")
RowT = TypeVar("RowT", bound=SourceRow)

_FOOT = re.compile(
    r"(tong( so| cong)?|cong|danh sach (nay )?(co|gom)|nguoi lap|giao vien|gvcn|gvbm|hieu truong|pho hieu truong|ki ten|ky ten|"
    r"xac nhan|ghi chu|luu y|ngay \S* ?thang|.*, ?ngay .*thang|\(?(ki|ky),? ?(va )?ghi ro|in ngay|nguoi kiem tra|to truong|kt\.)\b"
)
_IDENTITY_FIELDS = {"code", "student_code", "teacher_code", "personal_id", "born_on", "class_name"}
_IDENTITY = re.compile(r"[A-Za-z]{0,4}\d{2,}|[6-9][A-Za-z./-]\w{0,2}|\d{1,4} ?[/.-] ?\d{1,2} ?[/.-] ?\d{1,4}")


MERGED = "ô nằm trong khối gộp {area}; hãy bỏ gộp rồi gõ lại."


def merged_areas(sheet: Sheet, header: Header) -> dict[tuple[int, int], tuple[int, int, int, int]]:
    """(row, column) of every cell below the header that lies in a merged block -> the block (left, top, right, bottom)."""
    return {
        (row, column): (left, top, right, bottom)
        for left, top, right, bottom in sheet.merges
        if bottom >= header.first_data_row
        for row in range(max(top, header.first_data_row), min(bottom, len(sheet.rows)) + 1)
        for column in range(left, min(right, sheet.width) + 1)
    }


def area_words(sheet: Sheet, area: tuple[int, int, int, int]) -> str:
    """``I3:I4``."""
    left, top, right, bottom = area
    return f"{sheet.address(top, left).rpartition('!')[2]}:{sheet.address(bottom, right).rpartition('!')[2]}"


def _unclear_merges(sheet: Sheet, header: Header, apart: Collection[str]) -> dict[tuple[int, int], str]:
    """Cells whose value a merged block shows for several rows or several fields: Excel keeps it once, for the first alone.

    A name that is merged over columns of its own row is one value in one place.
    """
    fields = {
        place: name
        for name, places in header.columns.items()
        if name != "order" and name not in apart
        for place in places
    }
    unclear: dict[tuple[int, int], str] = {}
    for (row, column), area in merged_areas(sheet, header).items():
        left, top, right, bottom = area
        names = {fields[place] for place in range(left, right + 1) if place in fields}
        if column in fields and (bottom > top or len(names) > 1):
            unclear[row, column] = area_words(sheet, area)
    return unclear


class RowReader:
    """Reads the fields of one row; problems go to the shared list, ``failed`` says whether any was an error."""

    def __init__(
        self,
        sheet: Sheet,
        row: int,
        header: Header,
        columns: ColumnMap,
        problems: list[CellProblem],
        merged: Mapping[tuple[int, int], str] = {},
    ) -> None:
        self._sheet, self.row, self._header, self._columns, self._problems = sheet, row, header, columns, problems
        self.failed = False
        self._refused: set[str] = set()
        for name, places in header.columns.items():
            area = next((merged[row, place] for place in places if (row, place) in merged), None)
            if area is not None:
                self._refused.add(name)
                self.problem(name, MERGED.format(area=area))

    @property
    def address(self) -> str:
        """The first cell of the row."""
        return self._sheet.address(self.row, 1)

    def addresses(self) -> dict[str, str]:
        """Field to cell address."""
        return {name: self._sheet.address(self.row, places[0]) for name, places in self._header.columns.items()}

    def raw(self, name: str) -> object:
        """What stands in the cell of a field; None when blank or without a column."""
        places = self._header.columns.get(name)
        return self._sheet.value(self.row, places[0]) if places else None

    def read(self, name: str, reader: Callable[[object], Reading[T]], *, required: bool = False) -> T | None:
        """The value of a field, None when blank or refused."""
        if name in self._refused:
            return None
        raw = self.raw(name)
        if raw is None:
            if required and name in self._header.columns:
                self.problem(name, "ô này không được để trống.")
            elif required:
                self.failed = True  # the missing column itself is reported once, at the header
            return None
        try:
            reading = reader(raw)
        except UnclearValue as fault:
            self.problem(name, fault.message)
            return None
        if reading.note:
            self.problem(name, reading.note, severity="warning")
        return reading.value

    def day(self, name: str, *, required: bool = False) -> date | None:
        """The day of a field, read by the calendar of its workbook."""
        return self.read(name, partial(read_date, from_1904=self._sheet.from_1904), required=required)

    def full_name(self) -> str | None:
        """The name: one column, a merged block of columns, or Họ đệm and Tên."""
        if self._refused & {"full_name", "family_name", "given_name"}:
            return None
        places = self._header.columns.get("full_name") or (
            self._header.columns.get("family_name", ()) + self._header.columns.get("given_name", ())
        )
        parts: list[str] = []
        for place in places:
            raw = self._sheet.value(self.row, place)
            if raw is None:
                continue
            try:
                parts.append(read_name(raw).value)
            except UnclearValue as fault:
                self._add(self._sheet.address(self.row, place), "Họ và tên", raw, fault.message, "error")
                return None
        if not parts:
            if places:
                self._add(
                    self._sheet.address(self.row, places[0]), "Họ và tên", None, "ô này không được để trống.", "error"
                )
            return None
        return " ".join(parts)

    def problem(self, name: str, message: str, severity: str = "error") -> None:
        """Report something about one field of this row."""
        places = self._header.columns.get(name)
        address = self._sheet.address(self.row, places[0]) if places else self.address
        self._add(address, self._columns.label(name), self.raw(name), message, severity)

    def _add(self, address: str, label: str, raw: object, message: str, severity: str) -> None:
        self.failed = self.failed or severity == "error"
        text = "" if isinstance(raw, CellFault) else shown(raw)
        self._problems.append(CellProblem(address, label, text, message, severity))  # type: ignore[arg-type]


def data_rows(
    sheet: Sheet,
    header: Header,
    columns: ColumnMap,
    problems: list[CellProblem],
    *,
    apart: Collection[str] = (),
) -> Iterator[RowReader]:
    """The rows with somebody in them. Blank and pre-numbered rows, repeated headers and the foot of the list are passed by.

    A field under a merged block is refused at its cell, but for the fields ``apart``, of which the caller judges himself.
    """
    merged = _unclear_merges(sheet, header, apart)
    used = {place: name for name, places in header.columns.items() for place in places if name != "order"}
    in_foot = False
    for row in range(header.first_data_row, len(sheet.rows) + 1):
        filled = {name: sheet.value(row, place) for place, name in used.items() if sheet.value(row, place) is not None}
        values = [value for value in sheet.rows[row - 1] if value is not None]
        if _is_foot(values, filled, in_foot=in_foot):
            in_foot = True
            problems.append(
                CellProblem(sheet.address(row, 1), "", shown(values[0]), "dòng chân trang, được bỏ qua.", "warning")
            )
            continue
        if not filled or repeats_header(sheet, row, header):
            continue
        reader = RowReader(sheet, row, header, columns, problems, merged)
        if row in sheet.hidden_rows:
            first = next(iter(filled))
            reader.problem(
                first, "dòng này đang bị ẩn (ẩn tay hoặc do lọc). Hãy cho hiện lại để thấy hết, hoặc xoá dòng."
            )
        yield reader


def hidden_marks(sheet: Sheet, header: Header, columns: ColumnMap, names: Iterable[str]) -> list[CellProblem]:
    """Columns of marks that nobody sees: one problem at the heading of each. Codes are hidden often, and harmlessly."""
    return [
        CellProblem(
            sheet.address(header.last_row, place),
            columns.label(name),
            "",
            "cột điểm này đang bị ẩn. Hãy cho hiện lại để thấy những gì sẽ ghi, hoặc xoá cột.",
            "error",
        )
        for name in names
        for place in header.columns.get(name, ())
        if place in sheet.hidden_columns
    ]


def _is_foot(values: list[object], filled: dict[str, object], *, in_foot: bool) -> bool:
    """A total, a place and date, a signature: few cells, all text, one with a telling beginning and none an identity.

    Below the first such line a lone name is a signature too.
    """
    if not 1 <= len(values) <= 4 or not all(isinstance(value, str) for value in values):
        return False
    if any(_IDENTITY.fullmatch(str(filled[name])) for name in _IDENTITY_FIELDS & filled.keys()):
        return False
    return in_foot or any(_FOOT.match(fold(str(value)).lstrip("(*-– ")) for value in values)


def tables_of(sheets: Iterable[Sheet], columns: ColumnMap, problems: list[CellProblem]) -> list[tuple[Sheet, Header]]:
    """Each sheet that holds the table. Sheets without its header are named in a warning; none at all raises ``Invalid``."""
    found: list[tuple[Sheet, Header]] = []
    passed: list[Sheet] = []
    for sheet in sheets:
        header = find_header(sheet, columns)
        if header is None:
            passed.append(sheet)
            continue
        found.append((sheet, header))
        problems.extend(header.problems)
    if not found:
        needed = ", ".join(f"“{columns.label(group[0])}”" for group in columns.required)
        raise Invalid(f"Không tìm thấy dòng tiêu đề của {columns.title}. Cần các cột {needed}.")
    problems.extend(
        CellProblem(sheet.address(1, 1), "", "", "trang này không có dòng tiêu đề của bảng, được bỏ qua.", "warning")
        for sheet in passed
    )
    return found


def drop_repeats(
    rows: list[RowT],
    key: Callable[[RowT], object],
    what: Callable[[RowT], str],
    field_name: str,
    label: str,
    problems: list[CellProblem],
) -> list[RowT]:
    """Keep the first of rows that are the same throughout (a warning); rows with one key that differ are all refused.

    ``key`` returns None for a row that cannot be told apart by it.
    """
    first: dict[object, RowT] = {}
    refused: set[object] = set()
    kept: list[RowT] = []
    for row in rows:
        identity = key(row)
        if identity is None or identity not in first:
            if identity is not None:
                first[identity] = row
            kept.append(row)
            continue
        earlier = first[identity]
        if earlier == row:
            problems.append(
                CellProblem(
                    row.at(field_name),
                    label,
                    what(row),
                    f"lặp lại y hệt dòng ở {earlier.at(field_name)}, chỉ giữ một.",
                    "warning",
                )
            )
            continue
        refused.add(identity)
        problems.append(
            CellProblem(
                row.at(field_name),
                label,
                what(row),
                f"trùng với {earlier.at(field_name)} nhưng nội dung khác nhau; không rõ dòng nào đúng.",
                "error",
            )
        )
    return [row for row in kept if key(row) is None or key(row) not in refused]
