"""Year-end titles (Art. 15.1a), from the results before summer. There are no semester titles and no ranks."""

from __future__ import annotations

from collections.abc import Sequence

from hocbaso.regulations.citations import TT22, Articles
from hocbaso.regulations.terms import Award, Level

EXCELLENT_FROM = 90
"""Tenths: six scored subjects from here on make the title Xuất sắc."""

EXCELLENT_SUBJECTS = 6


def award_of(conduct: Level | None, learning: Level | None, year_tenths: Sequence[int]) -> Award | None:
    """The title: conduct and learning of the year both Tốt; Xuất sắc with six scored subjects of 9,0 or more."""
    if conduct is not Level.TOT or learning is not Level.TOT:
        return None
    if sum([value >= EXCELLENT_FROM for value in year_tenths]) >= EXCELLENT_SUBJECTS:
        return Award.EXCELLENT_STUDENT
    return Award.GOOD_STUDENT


def explain_award(award: Award, year_tenths: Sequence[int], articles: Articles = TT22) -> str:
    """One sentence for a title."""
    n_excellent = sum([value >= EXCELLENT_FROM for value in year_tenths])
    title = "Học sinh Xuất sắc" if award is Award.EXCELLENT_STUDENT else "Học sinh Giỏi"
    return (
        f"Khen thưởng: rèn luyện Tốt, học tập Tốt, {n_excellent} môn đạt từ 9,0 → danh hiệu {title} ({articles.award})"
    )
