"""Which kind of table a file looks like: somebody who picks the wrong file is told so once, not cell by cell."""

from __future__ import annotations

from collections.abc import Sequence

from hocbaso.errors import Invalid
from hocbaso.exchange.header_finder import find_header
from hocbaso.exchange.profiles import column_map
from hocbaso.exchange.sheet_heads import sheet_claims
from hocbaso.exchange.sheet_reader import Sheet

KINDS = {
    "students": "Hãy chọn loại “Danh sách học sinh”.",
    "teachers": "Hãy chọn loại “Cán bộ, giáo viên”.",
    "assignments": "Hãy chọn loại “Phân công”.",
    "scores": "Giáo viên bộ môn nhập tệp này ở loại “Bảng điểm”.",
}
"""Kind -> what to do with such a file, in the words of the import page."""

_MARGIN = 3
"""Columns another kind has to know more. Names, birth dates and codes stand in every kind of table; this many more do not."""


def refuse_other_kind(sheets: Sequence[Sheet], wanted: str, profile: str) -> None:
    """Raise ``Invalid`` once when no sheet looks like the wanted kind and some sheet looks like another."""
    other, classes = "", set()
    for sheet in sheets:
        headers = {kind: find_header(sheet, column_map(kind, profile)) for kind in KINDS}
        known = {kind: len(header.columns) if header is not None else 0 for kind, header in headers.items()}
        likely = max(known, key=lambda kind: (known[kind], kind == wanted))
        header = headers[likely]
        if header is None:
            continue
        if known[likely] < known[wanted] + _MARGIN:
            if known[wanted]:
                return
            continue
        other = other or likely
        if likely == "scores" == other:
            classes.add(sheet_claims(sheet, header.first_row, []).class_name or "")
    if not other:
        return
    named = ", ".join(sorted(name for name in classes if name))
    raise Invalid(
        f"Đây là {column_map(other, profile).title}{' của lớp ' + named if named else ''}, "
        f"không phải {column_map(wanted, profile).title}. {KINDS[other]}"
    )
