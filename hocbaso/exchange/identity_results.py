"""Reads the authority's answer on pupils' identities: a table pasted from Excel, or a text file with tabs, semicolons or commas.

Only lines that say plainly what was found are read; a line that does not is a problem with its number, never a guess.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from hocbaso.errors import Invalid
from hocbaso.regulations.vietnamese_names import search_key

MAX_LINES = 3000

HEADERS = ("Số định danh", "Họ và tên", "Kết quả", "Mục lệch")
"""What the page asks for; the reader knows other spellings."""

_COLUMNS = {
    "number": ("so dinh danh", "so dinh danh ca nhan", "ma dinh danh", "so cccd", "cccd", "ma dinh danh ca nhan"),
    "code": ("ma hoc sinh", "ma hs", "ma dinh danh bo gddt"),
    "name": ("ho va ten", "ho ten", "ten hoc sinh"),
    "result": ("ket qua", "trang thai", "ket qua doi chieu", "ket qua xac thuc", "trang thai xac thuc"),
    "fields": ("muc lech", "thong tin lech", "noi dung lech", "thong tin sai lech", "ghi chu"),
}
_MATCHED = ("khop", "trung khop", "da khop", "khop dung", "da xac thuc", "dung")
_MISMATCH = ("khong khop", "lech", "sai lech", "khong trung khop", "sai", "chua khop")
_FIELDS = {
    "personal_id_number": ("dinh danh", "cccd"),
    "full_name": ("ho ten", "ho va ten"),
    "birth_on": ("ngay sinh", "nam sinh"),
    "sex": ("gioi tinh",),
}


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """One pupil of the answer. ``line`` counts from 1 as in the text; ``fields``: profile fields said to differ."""

    line: int
    number: str
    code: str
    name: str
    matched: bool
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentityTable:
    """What could be read, and (line, sentence) of what could not."""

    rows: tuple[IdentityRow, ...]
    problems: tuple[tuple[int, str], ...]


def read_identity_results(text: str) -> IdentityTable:
    """The lines of the answer. Raises Invalid when there is no heading line, or more than ``MAX_LINES`` lines."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MAX_LINES:
        raise Invalid(f"Bảng dài hơn {MAX_LINES} dòng; xin dán từng phần.", field="text")
    filled = [line for line in lines if line.strip()]
    if not filled:
        raise Invalid("Xin dán bảng kết quả, kể cả dòng tên cột.", field="text")
    divider = next((mark for mark in "\t;," if mark in filled[0]), "\t")
    try:
        cells = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=divider, strict=True))
    except csv.Error:
        raise Invalid("Bảng có dấu nháy kép không đóng; xin chép lại từ Excel.", field="text") from None
    columns: dict[str, int] = {}
    rows: list[IdentityRow] = []
    problems: list[tuple[int, str]] = []
    for index, row in enumerate(cells, 1):
        values = [" ".join(cell.split()) for cell in row]
        if not any(values):
            continue
        if not columns:
            columns = _columns_of(values)
            continue
        found = _row(index, values, columns)
        if isinstance(found, str):
            problems.append((index, found))
        else:
            rows.append(found)
    return IdentityTable(tuple(rows), tuple(problems))


def _columns_of(values: list[str]) -> dict[str, int]:
    keys = [re.sub(r"[^a-z0-9 ]", " ", search_key(value)).strip() for value in values]
    columns = {name: keys.index(word) for name, words in _COLUMNS.items() for word in words if word in keys}
    if "result" not in columns or not {"number", "code"} & columns.keys():
        raise Invalid(
            "Dòng đầu phải là tên cột, có “Số định danh” (hoặc “Mã học sinh”) và “Kết quả”. "
            "Xin chép từ Excel cả dòng tên cột.",
            field="text",
        )
    return columns


def _row(line: int, values: list[str], columns: dict[str, int]) -> IdentityRow | str:
    def at(name: str) -> str:
        place = columns.get(name, len(values))
        return values[place] if place < len(values) else ""

    number, code, said = at("number").lstrip("'"), at("code"), search_key(at("result"))
    if not number and not code:
        return "không có số định danh hay mã học sinh"
    if number and not re.fullmatch(r"[0-9]{12}", number):
        hint = "; Excel có thể đã bỏ số 0 ở đầu" if number.isdigit() and len(number) < 12 else ""
        return f"số định danh “{number}” không đủ 12 chữ số{hint}"
    if said in _MATCHED:
        return IdentityRow(line, number, code, at("name"), True, ())
    if said not in _MISMATCH:
        return f"kết quả “{at('result')}” không rõ là khớp hay lệch"
    told = search_key(at("fields"))
    fields = tuple(name for name, words in _FIELDS.items() if any(word in told for word in words))
    return IdentityRow(line, number, code, at("name"), False, fields)
