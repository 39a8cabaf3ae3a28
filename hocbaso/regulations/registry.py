"""Which regulation holds in which school year and grade level, and the rules of each version.

A regulation is a table of functions and of articles. A later circular is a second :class:`Regulation` that replaces
the functions it changes; the years before keep theirs for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hocbaso.errors import Invalid
from hocbaso.regulations import averages, awards, citations, promotion, ratings
from hocbaso.regulations.citations import Articles
from hocbaso.regulations.ratings import LearningRating
from hocbaso.regulations.terms import Award, Level, PassFail, Promotion, SubjectKind


@dataclass(frozen=True, slots=True)
class Regulation:
    """One version of the assessment rules. ``first_years``: grade level -> first calendar year of the school year."""

    version: str
    title: str
    first_years: Mapping[int, int]
    articles: Articles
    regular_count: Callable[[int, SubjectKind], int]
    semester_average: Callable[[Sequence[int | None], int | None, int | None], int | None]
    year_average: Callable[[int | None, int | None], int | None]
    comment_semester: Callable[[Sequence[PassFail | None], PassFail | None, PassFail | None], PassFail | None]
    comment_year: Callable[[PassFail | None, PassFail | None], PassFail | None]
    conduct_year: Callable[[Level | None, Level | None], Level | None]
    rate_learning: Callable[[Sequence[tuple[str, int]], Sequence[tuple[str, PassFail]]], LearningRating | None]
    may_reassess: Callable[[int | PassFail | None], bool]
    conclude: Callable[..., Promotion]
    award_of: Callable[[Level | None, Level | None, Sequence[int]], Award | None]

    def holds(self, first_year: int, grade_level: int | None) -> bool:
        """Whether it holds in the school year that begins in ``first_year``; None: for any grade level at all."""
        if grade_level is None:
            return first_year >= min(self.first_years.values())
        return grade_level in self.first_years and first_year >= self.first_years[grade_level]


TT22_2021 = Regulation(
    version="TT22-2021",
    title=citations.CIRCULAR_22,
    first_years={6: 2021, 7: 2022, 8: 2023, 9: 2024},
    articles=citations.TT22,
    regular_count=averages.regular_count,
    semester_average=averages.semester_average,
    year_average=averages.year_average,
    comment_semester=averages.comment_semester,
    comment_year=averages.comment_year,
    conduct_year=ratings.conduct_year,
    rate_learning=ratings.rate_learning,
    may_reassess=promotion.may_reassess,
    conclude=promotion.conclude,
    award_of=awards.award_of,
)

REGULATIONS: tuple[Regulation, ...] = (TT22_2021,)
"""Oldest first; of several that hold, the newest is chosen."""

_BY_VERSION = {regulation.version: regulation for regulation in REGULATIONS}
_SCHOOL_YEAR = re.compile(r"([0-9]{4}) ?[-–] ?([0-9]{4})")


def regulation_named(version: str) -> Regulation:
    """The regulation with this version name; raises Invalid listing the known ones."""
    found = _BY_VERSION.get(version)
    if found is None:
        raise Invalid(
            f"Không có quy định “{version}”. Các quy định đã có: {', '.join(_BY_VERSION)}.", field="regulation"
        )
    return found


def regulation_for(school_year: str, grade_level: int | None = None) -> Regulation:
    """The regulation of a school year (``2025-2026``) and, where given, of a grade level 6..9.

    Circular 22/2021 came grade by grade: 6 from 2021-2022, 7 from 2022-2023, 8 from 2023-2024, 9 from 2024-2025.
    Raises Invalid for a year that is not one, and where an older circular still held.
    """
    years = _SCHOOL_YEAR.fullmatch(school_year.strip())
    if years is None or int(years[2]) != int(years[1]) + 1:
        raise Invalid(f"“{school_year}” không phải là năm học. Hãy ghi dạng 2025-2026.", field="school_year")
    if grade_level is not None and not 6 <= grade_level <= 9:
        raise Invalid(f"Khối {grade_level} không thuộc cấp trung học cơ sở (6 đến 9).", field="grade_level")
    for regulation in reversed(REGULATIONS):
        if regulation.holds(int(years[1]), grade_level):
            return regulation
    whom = "" if grade_level is None else f", khối {grade_level}"
    raise Invalid(
        f"Năm học {school_year}{whom} còn theo quy định trước {citations.CIRCULAR_22}; phần mềm không tính "
        "lại kết quả của những năm ấy.",
        field="school_year",
    )
