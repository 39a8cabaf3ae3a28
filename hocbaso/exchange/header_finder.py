"""Finds the header of a table in a sheet: below title rows, over one to three rows, with merged blocks, in any order."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from hocbaso.exchange.profiles import PERSON_GROUPS, PERSON_PARTS, ColumnMap
from hocbaso.exchange.rows import CellProblem
from hocbaso.exchange.sheet_reader import Sheet
from hocbaso.exchange.values import shown
from hocbaso.exchange.vietnamese_text import fold_key

_SEARCHED_ROWS = 40
_MAX_HEADER_ROWS = 3
_COLUMN_NUMBER = re.compile(r"\(?\d{1,2}\)?|\([A-Za-z]\)")
_TEXT_FIELDS = {"full_name", "given_name", "family_name", "teacher_name", "subject"}


@dataclass(frozen=True, slots=True)
class Header:
    """Where the header stands and what each column is. Rows and columns count from 1; a name may span several columns."""

    first_row: int
    last_row: int
    columns: dict[str, tuple[int, ...]]
    unknown: dict[int, str]
    problems: tuple[CellProblem, ...]

    @property
    def first_data_row(self) -> int:
        """The row below the header."""
        return self.last_row + 1

    @property
    def regular(self) -> tuple[int, ...]:
        """Ordinals of the regular assessments that have a column."""
        return tuple(sorted(int(name[8:]) for name in self.columns if name.startswith("regular_")))


def find_header(sheet: Sheet, columns: ColumnMap) -> Header | None:
    """The first place in the sheet that has all columns the table needs; None when there is none.

    Two columns that mean the same, or a score column between known ones with no header, become problems of the header.
    """
    for first in range(1, min(len(sheet.rows), _SEARCHED_ROWS) + 1):
        if not _begins_header(sheet, columns, first):
            continue
        best: tuple[int, dict[int, str], dict[int, str], int] | None = None
        for depth in range(1, _MAX_HEADER_ROWS + 1):
            resolved = _resolve(sheet, columns, first, depth)
            if resolved is None:
                break
            fields, unknown = resolved
            # On a tie the deeper header wins: a lower row that names a known column is part of the header.
            names_something = any(sheet.value(first + depth - 1, column) is not None for column in fields)
            if names_something and _has_required(columns, fields) and (best is None or len(fields) >= best[0]):
                best = (len(fields), fields, unknown, depth)
        if best is not None:
            return _finish(sheet, columns, first, best[3], best[1], best[2])
    return None


def _begins_header(sheet: Sheet, columns: ColumnMap, row: int) -> bool:
    """True when a row names columns by itself. Title rows ("Lớp: 6A") must not be taken for the top of a deep header:
    the header's own lower row would then fall outside and be read as data.
    """
    keys = [fold_key(value) for value in sheet.rows[row - 1] if isinstance(value, str) and not value.endswith(":")]
    known = {name for key in keys if (name := columns.field_of(key)) is not None}
    scored = any(name.startswith("regular") or name in {"midterm", "final"} for name in known)
    return len(known) >= 2 or scored or any(key in PERSON_GROUPS for key in keys)


def _has_required(columns: ColumnMap, fields: dict[int, str]) -> bool:
    """The first group (who) and, for scores, one score column; further required columns are reported by name, not passed by."""
    found = {"regular_1" if name.startswith("regular") else name for name in fields.values()}
    groups = columns.required if columns.has_scores else columns.required[:1]
    return all(found & set(group) for group in groups) and len(found) >= 2


def _resolve(sheet: Sheet, columns: ColumnMap, first: int, depth: int) -> tuple[dict[int, str], dict[int, str]] | None:
    """Field and unknown text of each column when the header is ``depth`` rows; None when the last row is data."""
    last = first + depth - 1
    if last > len(sheet.rows) or not any(value is not None for value in sheet.rows[last - 1]):
        return None
    levels = [_filled(sheet, row, first, last) for row in range(first, last + 1)]
    fields: dict[int, str] = {}
    unknown: dict[int, str] = {}
    for column in range(1, sheet.width + 1):
        texts: list[str] = []
        for level in levels:
            text = level.get(column)
            if text and (not texts or texts[-1] != text):
                texts.append(text)
        if not texts:
            continue
        name = _match(columns, [fold_key(text) for text in texts])
        if name is not None:
            fields[column] = name
            continue
        if len(texts) > 1 and sheet.value(last, column) is not None and columns.field_of(fold_key(texts[-2])):
            return None  # a known header with something unknown below it: that row is already data
        unknown[column] = " ".join(texts)
    return fields, unknown


def _match(columns: ColumnMap, keys: list[str]) -> str | None:
    if len(keys) > 1 and keys[-2] in PERSON_GROUPS:
        part = PERSON_PARTS.get(keys[-1])
        name = f"{PERSON_GROUPS[keys[-2]]}_{part}" if part else None
        return name if name in columns.headers else None
    for start in range(len(keys)):
        found = columns.field_of("".join(keys[start:]))
        if found is not None:
            return found
    return None


def _filled(sheet: Sheet, row: int, first: int, last: int) -> dict[int, str]:
    """Texts of a header row, merged blocks spread over their columns; unmerged blocks spread where a lower row has text."""
    texts: dict[int, str] = {}
    for column, value in enumerate(sheet.rows[row - 1], 1):
        if value is not None:
            texts[column] = shown(value)
    for left, top, right, bottom in sheet.merges:
        if top <= row <= bottom and top >= first and right > left and (text := texts.get(left)):
            for column in range(left, right + 1):
                texts[column] = text
    if row < last:
        current = ""
        for column in range(1, sheet.width + 1):
            if column in texts:
                current = texts[column]
            elif current and any(sheet.value(lower, column) is not None for lower in range(row + 1, last + 1)):
                texts[column] = current
            else:
                current = ""
    return texts


def _finish(
    sheet: Sheet, columns: ColumnMap, first: int, depth: int, fields: dict[int, str], unknown: dict[int, str]
) -> Header:
    last = first + depth - 1
    problems: list[CellProblem] = []
    by_field: dict[str, list[int]] = {}
    for column, name in sorted(fields.items()):
        by_field.setdefault(name, []).append(column)
    if _is_column_numbers(sheet, last + 1, fields):
        last += 1
    _spread_headerless(sheet, last, fields, unknown, by_field, problems)
    _number_regular(sheet, first, by_field, problems)
    result: dict[str, tuple[int, ...]] = {}
    for name, places in by_field.items():
        if len(places) > 1 and name != "order" and not (name == "full_name" and _one_merge(sheet, first, last, places)):
            where = " và ".join(sheet.address(first, place) for place in places)
            problems.append(
                CellProblem(
                    sheet.address(first, places[1]),
                    columns.label(name),
                    "",
                    f"hai cột cùng nghĩa “{columns.label(name)}”: {where}.",
                    "error",
                )
            )
        result[name] = tuple(places)
    for column, text in unknown.items():
        problems.append(
            CellProblem(sheet.address(first, column), text, "", "cột này không dùng, được bỏ qua.", "warning")
        )
    for group in columns.required:
        if not any(
            name in result or (name == "regular_1" and any(key.startswith("regular") for key in result))
            for name in group
        ):
            problems.append(
                CellProblem(
                    sheet.address(first, 1),
                    columns.label(group[0]),
                    "",
                    f"thiếu cột “{columns.label(group[0])}”.",
                    "error",
                )
            )
    return Header(first, last, result, unknown, tuple(problems))


def _is_column_numbers(sheet: Sheet, row: int, fields: dict[int, str]) -> bool:
    """A row "1 2 3 …" or "(1) (2) …" under the header, as on printed forms: the name column too holds a number."""
    if row > len(sheet.rows):
        return False
    texts = [shown(value) for value in sheet.rows[row - 1] if value is not None]
    names = [column for column, name in fields.items() if name in _TEXT_FIELDS]
    return (
        len(texts) >= 3
        and all(_COLUMN_NUMBER.fullmatch(text) for text in texts)
        and any(sheet.value(row, column) is not None for column in names)
    )


def _spread_headerless(
    sheet: Sheet,
    last: int,
    fields: dict[int, str],
    unknown: dict[int, str],
    by_field: dict[str, list[int]],
    problems: list[CellProblem],
) -> None:
    """Columns with data and no header: after an unnumbered "ĐĐGtx" they are further regular assessments; else they are named."""
    previous = ""
    for column in range(1, sheet.width + 1):
        if column in fields or column in unknown:
            previous = fields.get(column, "")
            continue
        filled = [row for row in range(last + 1, len(sheet.rows) + 1) if sheet.value(row, column) is not None]
        if not filled:
            continue
        where = sheet.address(filled[0], column)
        if previous == "regular":
            by_field["regular"].append(column)
            problems.append(
                CellProblem(where, "ĐĐGtx", "", "cột không có tiêu đề, đọc là điểm thường xuyên tiếp theo.", "warning")
            )
            continue
        between_scores = previous.startswith("regular") or previous in {"midterm", "full_name"}
        problems.append(
            CellProblem(
                where,
                "",
                shown(sheet.value(filled[0], column)),
                "cột có dữ liệu nhưng không có tiêu đề; hãy ghi tiêu đề hoặc xoá cột."
                if between_scores
                else "cột không có tiêu đề, được bỏ qua.",
                "error" if between_scores else "warning",
            )
        )


def _number_regular(sheet: Sheet, first: int, by_field: dict[str, list[int]], problems: list[CellProblem]) -> None:
    unnumbered = by_field.pop("regular", None)
    if not unnumbered:
        return
    if any(name.startswith("regular_") for name in by_field):
        problems.append(
            CellProblem(
                sheet.address(first, unnumbered[0]),
                "ĐĐGtx",
                "",
                "có cột ĐĐGtx đánh số và cột không đánh số; không rõ thứ tự.",
                "error",
            )
        )
        return
    for ordinal, column in enumerate(sorted(unnumbered), 1):
        by_field[f"regular_{ordinal}"] = [column]


def _one_merge(sheet: Sheet, first: int, last: int, places: list[int]) -> bool:
    return any(
        left <= min(places) and max(places) <= right and first <= top <= last for left, top, right, _ in sheet.merges
    )


def repeats_header(sheet: Sheet, row: int, header: Header) -> bool:
    """True when a row repeats the header, as printed lists do at the top of each page."""
    texts = Counter(fold_key(value) for value in sheet.rows[row - 1] if isinstance(value, str))
    if not texts:
        return False
    for above in range(header.first_row, header.last_row + 1):
        same = sum(1 for value in sheet.rows[above - 1] if isinstance(value, str) and fold_key(value) in texts)
        if same >= 3 and same >= 0.6 * sum(texts.values()):
            return True
    return False
