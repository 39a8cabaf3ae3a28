"""What a sheet says of itself above its table and in its name: class, subject, semester, school year.

Offices write "Lớp: | 6A | Môn học: | Toán | Học kì: | 1", or one long title, or only a sheet name. All places are read;
places that contradict each other are a problem, never a choice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hocbaso.exchange.rows import CellProblem
from hocbaso.exchange.sheet_reader import Sheet
from hocbaso.exchange.subjects import SUBJECT_BY_CODE, subject_code, why_unknown
from hocbaso.exchange.values import UnclearValue, read_class_name, shown
from hocbaso.exchange.vietnamese_text import fold, fold_key

_LABELS = {
    **dict.fromkeys(("lop", "tenlop"), "class"),
    **dict.fromkeys(("mon", "monhoc", "tenmon", "tenmonhoc", "monhochdgd"), "subject"),
    **dict.fromkeys(("hocki", "hocky", "hk"), "semester"),
    **dict.fromkeys(("namhoc",), "year"),
}
_IN_CLASS = re.compile(r"\blop\s*:?\s*([6-9]\s?[./-]?\s?[a-z0-9]{1,3})(?![a-z0-9])")
_IN_SEMESTER = re.compile(r"\b(?:hoc\s*k[iy]|hk)\s*[:._-]?\s*(i{1,3}|\d+|mot|hai)(?![a-z0-9])")
_IN_SUBJECT = re.compile(r"(?<!chuyen )(?<!bo )\bmon(?:\s+hoc)?\b\s*[:-]?\s*")
_IN_YEAR = re.compile(r"(20\d\d)\s*[-–—/]\s*(20\d\d)")
_TAB_CLASS = re.compile(r"(?<![a-z0-9])([6-9](?:[a-z]\d{0,2}|[./]\d{1,2}))(?![a-z0-9])")
_TAB_SEMESTER = re.compile(r"(?<![a-z])(?:hoc\s*k[iy]|hk)\s*[._-]?\s*(i{1,2}|[12])(?![a-z0-9])")
_SEMESTERS = {"1": 1, "i": 1, "mot": 1, "2": 2, "ii": 2, "hai": 2}
_NAMES = {"class": "Lớp", "subject": "Môn học", "semester": "Học kì", "year": "Năm học"}


@dataclass(frozen=True, slots=True)
class SheetClaims:
    """What is known; None where nothing says it."""

    class_name: str | None
    subject_code: str | None
    semester: int | None
    school_year: str | None


def sheet_claims(sheet: Sheet, header_row: int, problems: list[CellProblem]) -> SheetClaims:
    """Everything the rows above ``header_row`` and the sheet's name say. Contradictions and unreadable labels become errors."""
    claims: dict[str, list[tuple[object, str]]] = {kind: [] for kind in _NAMES}
    for row in range(1, header_row + 1):
        _row_claims(sheet, row, claims, problems, labelled=row < header_row)
    if not sheet.title.lower().startswith("sheet"):
        _tab_claims(sheet, claims)
    return SheetClaims(
        class_name=_agreed("class", claims, problems),  # type: ignore[arg-type]
        subject_code=_agreed("subject", claims, problems),  # type: ignore[arg-type]
        semester=_agreed("semester", claims, problems),  # type: ignore[arg-type]
        school_year=_agreed("year", claims, problems),  # type: ignore[arg-type]
    )


def _row_claims(
    sheet: Sheet, row: int, claims: dict[str, list[tuple[object, str]]], problems: list[CellProblem], *, labelled: bool
) -> None:
    cells = [(column, value) for column, value in enumerate(sheet.rows[row - 1], 1) if value is not None]
    taken: set[int] = set()
    for index, (column, value) in enumerate(cells):
        if column in taken or not isinstance(value, str):
            continue
        kind = _LABELS.get(fold_key(value)) if labelled else None
        if kind is not None:
            if index + 1 < len(cells):
                place, content = cells[index + 1]
                if not (isinstance(content, str) and fold_key(content) in _LABELS):
                    taken.add(place)
                    _labelled(sheet, row, place, kind, content, claims, problems)
            continue
        _inline(sheet, row, column, value, claims, problems, subject=labelled)


def _labelled(
    sheet: Sheet,
    row: int,
    column: int,
    kind: str,
    content: object,
    claims: dict[str, list[tuple[object, str]]],
    problems: list[CellProblem],
) -> None:
    address = sheet.address(row, column)
    text = shown(content)
    if kind == "class":
        try:
            claims["class"].append((read_class_name(content).value, address))
        except UnclearValue as fault:
            problems.append(CellProblem(address, "Lớp", text, fault.message, "error"))
    elif kind == "subject":
        code = subject_code(text)
        if code is None:
            problems.append(CellProblem(address, "Môn học", text, why_unknown(text), "error"))
        else:
            claims["subject"].append((code, address))
    elif kind == "semester":
        key = fold_key(text).removeprefix("hocki").removeprefix("hocky").removeprefix("hk")
        if key in _SEMESTERS:
            claims["semester"].append((_SEMESTERS[key], address))
        else:
            problems.append(CellProblem(address, "Học kì", text, "học kì phải là 1 hoặc 2.", "error"))
    elif found := _IN_YEAR.search(text):
        claims["year"].append((f"{found.group(1)}-{found.group(2)}", address))


def _inline(
    sheet: Sheet,
    row: int,
    column: int,
    text: str,
    claims: dict[str, list[tuple[object, str]]],
    problems: list[CellProblem],
    *,
    subject: bool,
) -> None:
    folded, address = fold(text), sheet.address(row, column)
    if found := _IN_CLASS.search(folded):
        try:
            claims["class"].append((read_class_name(text[found.start(1) : found.end(1)]).value, address))
        except UnclearValue as fault:
            problems.append(CellProblem(address, "Lớp", text, fault.message, "error"))
    if found := _IN_SEMESTER.search(folded):
        semester = _SEMESTERS.get(found.group(1))
        if semester is None:
            problems.append(CellProblem(address, "Học kì", text, "học kì phải là 1 hoặc 2.", "error"))
        else:
            claims["semester"].append((semester, address))
    if found := _IN_YEAR.search(folded):
        claims["year"].append((f"{found.group(1)}-{found.group(2)}", address))
    if subject and (found := _IN_SUBJECT.search(folded)):
        words = text[found.end() :].split()
        for length in range(min(len(words), 9), 0, -1):
            code = subject_code(" ".join(words[:length]))
            if code is not None:
                claims["subject"].append((code, address))
                return
        if words and ":" in text[found.start() : found.end()]:
            problems.append(CellProblem(address, "Môn học", text, why_unknown(" ".join(words[:4])), "error"))


def _tab_claims(sheet: Sheet, claims: dict[str, list[tuple[object, str]]]) -> None:
    folded, address = fold(sheet.title), f"{sheet.title}!A1"
    rest = re.sub(r"\(\d+\)", " ", folded)
    if found := _TAB_CLASS.search(folded):
        claims["class"].append((found.group(1).upper(), address))
        rest = rest.replace(found.group(1), " ", 1)
    if found := _TAB_SEMESTER.search(folded):
        claims["semester"].append((_SEMESTERS[found.group(1)], address))
        rest = rest.replace(found.group(0), " ", 1)
    rest = re.sub(r"\b(lop|mon|diem|bang diem)\b", " ", rest)
    if code := subject_code(rest):
        claims["subject"].append((code, address))


def _agreed(kind: str, claims: dict[str, list[tuple[object, str]]], problems: list[CellProblem]) -> object:
    said = claims[kind]
    if not said:
        return None
    value, where = said[0]
    for other, elsewhere in said[1:]:
        if other != value:
            problems.append(
                CellProblem(
                    elsewhere,
                    _NAMES[kind],
                    _shown(kind, other),
                    f"mâu thuẫn: {where} ghi {_shown(kind, value)}, {_place(elsewhere)} ghi {_shown(kind, other)}.",
                    "error",
                )
            )
    return value


def _shown(kind: str, value: object) -> str:
    return SUBJECT_BY_CODE[str(value)].name if kind == "subject" else str(value)


def _place(address: str) -> str:
    sheet, _, cell = address.rpartition("!")
    return f"tên trang “{sheet}”" if cell == "A1" else address
