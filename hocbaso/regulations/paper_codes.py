"""Check numbers of a sheet on paper: two digits beside each pupil, and the number of the sheet itself.

**Rows.** Each pupil has a place 0..96 in the class that never changes while pupils come and go; the printed number is
``a * place + b`` modulo the prime 97, with ``a`` (10..87) and ``b`` made of the sheet's id. Because ``a`` has an inverse, no two
pupils of a sheet share a number: whoever types one row's marks at another row, be it a shift or a swap, has to type a
wrong number. Because two different lines over a field meet at most once, two sheets of one class agree in at most one row.

**Sheets.** ISO/IEC 7064 MOD 97-10 over the id, as in an IBAN: one wrong digit or two exchanged neighbours never pass.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from hocbaso.errors import Invalid

FIELD = 97
"""The largest prime of two digits: a class larger than this has no two-digit numbers of its own."""

_SLOPES = range(10, 88)
"""Numbers of neighbours lie at least ten apart: nobody types the next one by counting on."""

_SHEET_CODE = re.compile(r"([1-9][0-9]{0,8})-([0-9]{2})", re.ASCII)


def row_codes(sheet_id: int, places: Mapping[int, int | None]) -> dict[int, str]:
    """The two printed digits of each pupil by enrolment id, all different.

    ``places``: the place 0..96 in the class by enrolment id, of everybody who is or was in it. Raises Invalid for a class in
    which somebody has none.
    """
    slope, offset = _SLOPES[sheet_id % len(_SLOPES)], sheet_id // len(_SLOPES) % FIELD
    found: dict[int, str] = {}
    for one, place in places.items():
        if place is None:
            raise Invalid(f"Lớp có hơn {FIELD} học sinh nên không in được phiếu giấy có mã dòng.")
        found[one] = f"{(slope * place + offset) % FIELD:02d}"
    return found


def free_place(enrollment_id: int, taken: Collection[int | None]) -> int | None:
    """The place 0..96 of a pupil who comes into a class: the id's remainder or the next free one; None when all are taken.

    ``taken``: the places of everybody who is or was in the class. Spread by the id and not counted up, so that a number is
    no number of the line.
    """
    steps = ((enrollment_id + step) % FIELD for step in range(FIELD))
    return next((place for place in steps if place not in taken), None)


def sheet_code(sheet_id: int) -> str:
    """``<id>-<two check digits>``, as printed and as in the QR code: 123 is ``123-20``."""
    return f"{sheet_id}-{98 - sheet_id * 100 % FIELD:02d}"


def read_sheet_code(text: str) -> int:
    """The id in a sheet's code. Raises Invalid, in words, for another shape or check digits that do not fit."""
    found = _SHEET_CODE.fullmatch(text.strip())
    if found is None or sheet_code(int(found[1])) != text.strip():
        raise Invalid("Mã phiếu không đúng. Xin xem lại các chữ số in ở góc phiếu, ví dụ 123-20.", field="code")
    return int(found[1])
