"""Which subjects every lower-secondary class has (curriculum of Circular 32/2018/TT-BGDĐT).

Art. 9.2 of Circular 22/2021 rates over "all subjects": a class that was never offered one of them would be rated, and given
titles, as if it did not exist. Optional subjects (a second foreign language, a minority language) are not among them.
"""

from __future__ import annotations

from collections.abc import Iterable

CURRICULUM = "Chương trình giáo dục phổ thông, Thông tư 32/2018/TT-BGDĐT"

SCORED = ("LIT", "MATH", "FL1", "CIVICS", "HISTGEO", "SCI", "TECH", "ICT")
COMMENT = ("PE", "ART", "EXP", "LOCAL")

_BY_GRADE: dict[int, tuple[str, ...]] = dict.fromkeys((6, 7, 8, 9), (*SCORED, *COMMENT))


def missing_subjects(grade_level: int, offered: Iterable[str]) -> tuple[str, ...]:
    """Codes of the compulsory subjects of a grade level that are not among the codes of a class, in the circular's order."""
    present = set(offered)
    return tuple(code for code in _BY_GRADE.get(grade_level, ()) if code not in present)
