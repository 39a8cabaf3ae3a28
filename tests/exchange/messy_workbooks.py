"""Takes a clean sample file apart and writes it again the way real offices keep such files."""

from __future__ import annotations

import copy
import io
import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import openpyxl
from openpyxl.utils import get_column_letter

SAMPLES = Path(__file__).parent.parent / "data" / "truong-mau"


@dataclass
class Draft:
    """A sheet as lists: rows above the header, header rows, data rows; merges as A1 ranges; hidden columns by number."""

    title: str
    above: list[list[object]]
    headers: list[list[object]]
    rows: list[list[object]]
    below: list[list[object]] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)

    def column(self, header: str) -> int:
        """0-based place of a header in the lowest header row that has it."""
        for row in self.headers:
            if header in row:
                return row.index(header)
        raise KeyError(header)

    def row_of(self, index: int) -> int:
        """1-based Excel row of a data row."""
        return len(self.above) + len(self.headers) + index + 1

    def address(self, index: int, header: str) -> str:
        return f"{self.title}!{get_column_letter(self.column(header) + 1)}{self.row_of(index)}"


Book = list[Draft]
Mess = Callable[[Book], Book]


def clean_bytes(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def take_apart(name: str, *, sheets: int | None = None) -> Book:
    book = openpyxl.load_workbook(SAMPLES / name)
    drafts = []
    for sheet in book.worksheets[:sheets]:
        rows = [list(row) for row in sheet.iter_rows(values_only=True)]
        at = next(index for index, row in enumerate(rows) if row[0] == "STT")
        drafts.append(Draft(sheet.title, rows[:at], [rows[at]], rows[at + 1 :]))
    return drafts


def put_together(drafts: Book) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for draft in drafts:
        sheet = book.create_sheet(draft.title)
        for number, row in enumerate([*draft.above, *draft.headers, *draft.rows, *draft.below], 1):
            for column, value in enumerate(row, 1):
                if value is not None:
                    cell = sheet.cell(number, column)
                    cell.value = value
                    if isinstance(value, datetime):
                        cell.number_format = "dd/mm/yyyy"
        for merge in draft.merges:
            sheet.merge_cells(merge)
        for column in draft.hidden:
            sheet.column_dimensions[get_column_letter(column)].hidden = True
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def messy(name: str, *messes: Mess, sheets: int | None = None) -> bytes:
    drafts = take_apart(name, sheets=sheets)
    for mess in messes:
        drafts = mess(drafts)
    return put_together(drafts)


def each_cell(change: Callable[[str, object], object]) -> Mess:
    """A mess that maps (header, value) of every data cell."""

    def mess(book: Book) -> Book:
        for draft in book:
            header = draft.headers[-1]
            draft.rows = [
                [None if value is None else change(str(header[column]), value) for column, value in enumerate(row)]
                for row in draft.rows
            ]
        return book

    return mess


decomposed = each_cell(lambda header, value: unicodedata.normalize("NFD", value) if isinstance(value, str) else value)
blanks_everywhere = each_cell(
    lambda header, value: "  " + value.replace(" ", "  ") + "\u00a0 " if isinstance(value, str) else value
)
eth_for_d = each_cell(lambda header, value: value.replace("Đ", "Ð") if isinstance(value, str) else value)
excel_dates = each_cell(lambda header, value: datetime.strptime(value, "%d/%m/%Y") if header == "Ngày sinh" else value)
dates_with_dashes = each_cell(lambda header, value: value.replace("/", "-") if header == "Ngày sinh" else value)
short_dates = each_cell(
    lambda header, value: "/".join(str(int(part)) for part in value.split("/")) if header == "Ngày sinh" else value
)
iso_dates = each_cell(lambda header, value: "-".join(reversed(value.split("/"))) if header == "Ngày sinh" else value)
ids_as_numbers = each_cell(
    lambda header, value: (
        int(value) if header in {"Số định danh cá nhân", "Mã định danh Bộ GD&ĐT", "Điện thoại"} else value
    )
)
ids_as_floats = each_cell(
    lambda header, value: float(value) if header in {"Số định danh cá nhân", "Mã định danh Bộ GD&ĐT"} else value
)
decimal_commas = each_cell(
    lambda header, value: (
        str(value).replace(".", ",") if header.startswith("ĐĐG") and not isinstance(value, str) else value
    )
)
float_noise = each_cell(
    lambda header, value: value + 1e-15 * (8 if value > 4 else 1) if isinstance(value, float) else value
)
words_for_marks = each_cell(
    lambda header, value: {"Đ": "Đạt", "CĐ": "Chưa đạt"}.get(value, value) if header.startswith("ĐĐG") else value
)
lower_marks = each_cell(
    lambda header, value: value.lower() if header.startswith("ĐĐG") and isinstance(value, str) else value
)


def decomposed_headers(book: Book) -> Book:
    for draft in book:
        for row in (*draft.above, *draft.headers):
            row[:] = [unicodedata.normalize("NFD", value) if isinstance(value, str) else value for value in row]
    return book


def upper_headers(book: Book) -> Book:
    for draft in book:
        draft.headers[0] = [f" {value} \n".upper() if isinstance(value, str) else value for value in draft.headers[0]]
    return book


def title_rows(book: Book) -> Book:
    for draft in book:
        width = len(draft.headers[0])
        draft.above = [
            ["SỞ GIÁO DỤC VÀ ĐÀO TẠO NINH BÌNH"],
            ["TRƯỜNG THCS MẪU"],
            [],
            ["DANH SÁCH NĂM HỌC 2025-2026"],
            *draft.above,
            [],
        ]
        draft.merges += [f"A{row}:{get_column_letter(width)}{row}" for row in (1, 2, 4)]
    return book


def empty_rows(book: Book) -> Book:
    for draft in book:
        spaced: list[list[object]] = []
        for number, row in enumerate(draft.rows):
            if number % 7 == 3:
                spaced += [[None] * len(row), ["  "] * len(row)]
            spaced.append(row)
        draft.rows = spaced
        for number in range(200, 205):  # rows numbered in advance and never filled
            row: list[object] = [None] * len(draft.headers[0])
            row[draft.column("STT")] = number
            draft.rows.append(row)
    return book


def footer(book: Book) -> Book:
    for draft in book:
        draft.below = [
            [],
            ["Tổng số: 40 học sinh"],
            [None, None, None, None, "Ninh Bình, ngày 20 tháng 5 năm 2026"],
            [None, None, "Người lập bảng", None, "Hiệu trưởng"],
            [None, None, "(Kí, ghi rõ họ tên)"],
        ]
    return book


def column_numbers(book: Book) -> Book:
    for draft in book:
        draft.headers.append([f"({number})" for number in range(1, len(draft.headers[0]) + 1)])
    return book


def header_on_each_page(book: Book) -> Book:
    for draft in book:
        draft.rows = draft.rows[:15] + [list(draft.headers[0])] + draft.rows[15:]
    return book


def other_order(book: Book) -> Book:
    for draft in book:
        order = list(range(len(draft.headers[0])))
        random.Random(5).shuffle(order)
        draft.headers = [[row[place] for place in order] for row in draft.headers]
        draft.rows = [[row[place] for place in order] for row in draft.rows]
    return book


def hidden_codes(book: Book) -> Book:
    """The code column hidden, and an internal one of another system beside it."""
    for draft in book:
        place = draft.column("Mã định danh Bộ GD&ĐT")
        draft.hidden = {place + 1, len(draft.headers[0]) + 1}
        draft.headers[0].append("ID_HOC_SINH_NOI_BO")
        for number, row in enumerate(draft.rows):
            row.append(880000 + number)
    return book


def repeated_rows(book: Book) -> Book:
    """Two pupils stand twice, word for word, but for their running number."""
    for draft in book:
        draft.rows += [[90, *draft.rows[2][1:]], [91, *draft.rows[5][1:]]]
    return book


def _regular_span(draft: Draft) -> tuple[int, int]:
    places = [column for column, text in enumerate(draft.headers[0]) if str(text).startswith("ĐĐGtx")]
    return places[0], places[-1]


def two_row_header(book: Book) -> Book:
    """ĐĐGtx over 1..n, everything else merged downwards."""
    for draft in book:
        first, last = _regular_span(draft)
        top = list(draft.headers[0])
        top[first] = "ĐĐGtx"
        top[first + 1 : last + 1] = [None] * (last - first)
        under: list[object] = [None] * len(top)
        under[first : last + 1] = list(range(1, last - first + 2))
        draft.headers = [top, under]
        row = len(draft.above) + 1
        draft.merges.append(f"{get_column_letter(first + 1)}{row}:{get_column_letter(last + 1)}{row}")
        draft.merges += [
            f"{get_column_letter(column + 1)}{row}:{get_column_letter(column + 1)}{row + 1}"
            for column in range(len(top))
            if not first <= column <= last
        ]
    return book


def two_row_header_unmerged(book: Book) -> Book:
    for draft in two_row_header(book):
        draft.merges = []
    return book


def three_row_header(book: Book) -> Book:
    """One more row of blocks above: who, marks, remark."""
    for draft in two_row_header(book):
        first, _ = _regular_span(draft)
        blocks: list[object] = [None] * len(draft.headers[0])
        blocks[0], blocks[first] = "Thông tin học sinh", "Kết quả đánh giá"
        at = len(draft.above) + 1
        draft.merges = [
            f"A{at}:{get_column_letter(first)}{at}",
            f"{get_column_letter(first + 1)}{at}:{get_column_letter(len(blocks) - 1)}{at}",
        ]
        draft.headers = [blocks, *draft.headers]
    return book


def merged_regular_only(book: Book) -> Book:
    """ĐĐGtx spans its columns and nothing numbers them."""
    for draft in book:
        first, last = _regular_span(draft)
        draft.headers[0][first] = "ĐĐGtx"
        draft.headers[0][first + 1 : last + 1] = [None] * (last - first)
        row = len(draft.above) + 1
        draft.merges.append(f"{get_column_letter(first + 1)}{row}:{get_column_letter(last + 1)}{row}")
    return book


def other_score_headers(book: Book) -> Book:
    names = {
        "ĐĐGgk": "Giữa kỳ",
        "ĐĐGck": "Cuối kỳ",
        "Mã định danh Bộ GD&ĐT": "Mã học sinh",
        "Họ và tên": "Họ tên học sinh",
    }
    for draft in book:
        draft.headers[0] = [
            f"TX {text[-1]}" if str(text).startswith("ĐĐGtx") else names.get(str(text), text)
            for text in draft.headers[0]
        ]
    return book


def fifth_regular_blank(book: Book) -> Book:
    """The sector database's form has five regular columns; the unused ones stay blank."""
    for draft in book:
        _, last = _regular_span(draft)
        extra = [f"ĐĐGtx{number}" for number in range(int(str(draft.headers[0][last])[-1]) + 1, 6)]
        draft.headers[0][last + 1 : last + 1] = extra
        draft.rows = [row[: last + 1] + [None] * len(extra) + row[last + 1 :] for row in draft.rows]
    return book


def one_line_title(book: Book) -> Book:
    """ "BẢNG ĐIỂM MÔN … LỚP … HỌC KÌ I" in one cell; the tabs say nothing."""
    for number, draft in enumerate(book, 1):
        _, class_name, _, _, subject, _, _, semester, *_ = draft.above[0]
        roman = "I" * int(str(semester))
        draft.above = [
            [f"BẢNG ĐIỂM MÔN {str(subject).upper()} LỚP {class_name} - HỌC KỲ {roman} - NĂM HỌC 2025 - 2026"],
            [],
        ]
        draft.title = f"Sheet{number}"
    return book


def tight_title_rows(book: Book) -> Book:
    """Labels below each other, without a colon, and no blank row before the header."""
    for number, draft in enumerate(book, 1):
        _, class_name, _, _, subject, _, _, semester, *_ = draft.above[0]
        draft.above = [["TRƯỜNG THCS MẪU"], ["Lớp", class_name], ["Môn học", subject], ["Học kì", semester]]
        draft.title = f"Sheet{number}"
    return book


def only_tab_names(book: Book) -> Book:
    for draft in book:
        class_name = draft.above[0][1]
        draft.above, draft.title = [], f"{class_name} {draft.title}"
    return book


def split_names(book: Book) -> Book:
    for draft in book:
        place = draft.column("Họ và tên")
        draft.headers[0][place : place + 1] = ["Họ và tên đệm", "Tên"]
        draft.rows = [
            row[:place] + (str(row[place]).rsplit(" ", 1) if row[place] else [None, None]) + row[place + 1 :]
            for row in draft.rows
        ]
    return book


def merged_name_block(book: Book) -> Book:
    for draft in split_names(book):
        place = draft.headers[0].index("Họ và tên đệm")
        draft.headers[0][place : place + 2] = ["Họ và tên", None]
        row = len(draft.above) + 1
        draft.merges.append(f"{get_column_letter(place + 1)}{row}:{get_column_letter(place + 2)}{row}")
    return book


def parents_in_blocks(book: Book) -> Book:
    """ "Cha" and "Mẹ" over "Họ tên" and "Nghề nghiệp"."""
    for draft in book:
        top, under = list(draft.headers[0]), [None] * len(draft.headers[0])
        for parent in ("cha", "mẹ"):
            name, job = top.index(f"Họ tên {parent}"), top.index(f"Nghề nghiệp {parent}")
            top[name], top[job] = parent.capitalize(), None
            under[name], under[job] = "Họ tên", "Nghề nghiệp"
            row = len(draft.above) + 1
            draft.merges.append(f"{get_column_letter(name + 1)}{row}:{get_column_letter(job + 1)}{row}")
        draft.headers = [top, under]
    return book


def ticks_for_girls(book: Book) -> Book:
    for draft in book:
        place = draft.column("Giới tính")
        draft.headers[0][place] = "Nữ"
        for row in draft.rows:
            row[place] = "x" if row[place] == "Nữ" else None
    return book


def a_sheet_a_class(book: Book) -> Book:
    """The list of the school cut into one sheet a class, the class only in the sheet's title row."""
    whole = book[0]
    place = whole.column("Lớp")
    classes = dict.fromkeys(str(row[place]) for row in whole.rows)
    return [
        Draft(
            f"DS {name}",
            [[f"DANH SÁCH HỌC SINH LỚP {name}"]],
            [whole.headers[0][:place] + whole.headers[0][place + 1 :]],
            [row[:place] + row[place + 1 :] for row in whole.rows if row[place] == name],
        )
        for name in classes
    ]


def with_cell(sheet: int, index: int, header: str, value: object) -> Mess:
    """One data cell replaced."""

    def mess(book: Book) -> Book:
        draft = book[sheet]
        draft.rows[index] = list(draft.rows[index])
        draft.rows[index][draft.column(header)] = value
        return book

    return mess


def everything(*messes: Mess) -> Mess:
    def mess(book: Book) -> Book:
        for one in messes:
            book = one(copy.deepcopy(book))
        return book

    return mess
