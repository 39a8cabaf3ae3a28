"""Check numbers of a sheet on paper: two digits beside each pupil, and the number of the sheet itself.

**Rows.** Each pupil has a place 0..96 in the class that never changes while pupils come and go; the printed number is
``a * place + b`` modulo the prime 97, with ``a`` (10..87) and ``b`` made of the sheet's id. Because ``a`` has an inverse, no two
pupils of a sheet share a number: whoever types one row's marks at another row, be it a shift or a swap, has to type a
wrong number. Because two different lines over a field meet at most once, two sheets of one class agree in at most one row.

**Sheets.** ISO/IEC 7064 MOD 97-10 over the id, as in an IBAN: one wrong digit or two exchanged neighbours never pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hocbaso.errors import Invalid

FIELD = 97
"""The largest prime of two digits: a class larger than this has no two-digit numbers of its own."""

_SLOPES = range(10, 88)
"""Numbers of neighbours lie at least ten apart: nobody types the next one by counting on."""

_SHEET_CODE = re.compile(r"([1-9][0-9]{0,8})-([0-9]{2})", re.ASCII)


def row_codes(sheet_id: int, enrollment_ids: Iterable[int]) -> dict[int, str]:
    """The two printed digits of each pupil by enrolment id, all different.

    ``enrollment_ids``: everybody who is or was in the class, in any order; one who comes later (a larger id) changes no
    earlier number. Raises Invalid for more than 97.
    """
    slope, offset = _SLOPES[sheet_id % len(_SLOPES)], sheet_id // len(_SLOPES) % FIELD
    return {one: f"{(slope * place + offset) % FIELD:02d}" for one, place in _places(enrollment_ids).items()}


def _places(enrollment_ids: Iterable[int]) -> dict[int, int]:
    """A place 0..96 for each id: its remainder, or the next one that no smaller id has taken."""
    found: dict[int, int] = {}
    taken: set[int] = set()
    for one in sorted(set(enrollment_ids)):
        if len(taken) == FIELD:
            raise Invalid(f"Lớp có hơn {FIELD} học sinh nên không in được phiếu giấy có mã dòng.")
        place = one % FIELD
        while place in taken:
            place = (place + 1) % FIELD
        taken.add(place)
        found[one] = place
    return found


def sheet_code(sheet_id: int) -> str:
    """``<id>-<two check digits>``, as printed and as in the QR code: 123 is ``123-20``."""
    return f"{sheet_id}-{98 - sheet_id * 100 % FIELD:02d}"


def read_sheet_code(text: str) -> int:
    """The id in a sheet's code. Raises Invalid, in words, for another shape or check digits that do not fit."""
    found = _SHEET_CODE.fullmatch(text.strip())
    if found is None or sheet_code(int(found[1])) != text.strip():
        raise Invalid("Mã phiếu không đúng. Xin xem lại các chữ số in ở góc phiếu, ví dụ 123-20.", field="code")
    return int(found[1])
