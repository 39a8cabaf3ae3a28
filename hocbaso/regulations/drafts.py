"""Drafts: what an amendment that is not yet law would change, tried on a class and never on a year.

A draft is a set of numbers and switches over Circular 22/2021. It is in no registry: ``regulation_named`` does not know it, no school
year can be given it, and it holds in no year. Of the draft of 20/7/2026 only its subjects are known (re-assessment, promotion,
pupils with disabilities), not its wording, so every value begins as the law has it and whoever has the text at hand enters what it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from hocbaso.errors import Invalid
from hocbaso.regulations import awards, promotion
from hocbaso.regulations.ratings import LearningRating
from hocbaso.regulations.registry import TT22_2021, Regulation
from hocbaso.regulations.terms import Award, Level, PassFail, Promotion

KNOWN_DRAFT = "Dự thảo sửa đổi Thông tư 22/2021/TT-BGDĐT, kèm Công văn 4582/BGDĐT-GDPT ngày 20/7/2026"
"""The only draft the project has heard of (``regulations.md`` section 1.12)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be other than the law. Scores are tenths; the defaults are Circular 22/2021 itself."""

    max_absences: int = promotion.MAX_ABSENCES
    reassess_below: int = promotion.REASSESS_BELOW
    adjusts: bool = True
    """Whether clause 3 of Art. 9 raises a level that one subject lowered by two."""
    excellent_from: int = awards.EXCELLENT_FROM
    excellent_subjects: int = awards.EXCELLENT_SUBJECTS

    def __post_init__(self) -> None:
        """Invalid, naming the field, for what no rule of this kind could say."""
        for name, low, high, words in (
            ("max_absences", 0, 300, "Số buổi nghỉ nhiều nhất phải từ 0 đến 300."),
            ("reassess_below", 0, 100, "Điểm được kiểm tra lại phải từ 0 đến 10."),
            ("excellent_from", 0, 100, "Điểm của danh hiệu Xuất sắc phải từ 0 đến 10."),
            ("excellent_subjects", 1, 20, "Số môn của danh hiệu Xuất sắc phải từ 1 đến 20."),
        ):
            if not low <= getattr(self, name) <= high:
                raise Invalid(words, field=name)

    @property
    def changed(self) -> tuple[str, ...]:
        """Names of the fields in which it differs from the law."""
        law = Draft()
        return tuple(one.name for one in fields(self) if getattr(self, one.name) != getattr(law, one.name))


def regulation_of(draft: Draft, base: Regulation = TT22_2021) -> Regulation:
    """The rules as the draft would have them, for a trial."""

    def rate_learning(
        scored: Sequence[tuple[str, int]], comment: Sequence[tuple[str, PassFail]]
    ) -> LearningRating | None:
        found = base.rate_learning(scored, comment)
        return found if found is None or draft.adjusts else LearningRating(found.base_level, found.base_level)

    def may_reassess(year_result: int | PassFail | None) -> bool:
        if year_result is None or isinstance(year_result, PassFail):
            return base.may_reassess(year_result)
        return year_result < draft.reassess_below

    def conclude(grade_level: int, conduct: Level, learning: Level, absences: int, **summer: Level | None) -> Promotion:
        if absences > draft.max_absences:
            return Promotion.RETAINED
        return base.conclude(grade_level, conduct, learning, min(absences, promotion.MAX_ABSENCES), **summer)

    def award_of(conduct: Level | None, learning: Level | None, year_tenths: Sequence[int]) -> Award | None:
        if conduct is not Level.TOT or learning is not Level.TOT:
            return None
        n_excellent = sum(value >= draft.excellent_from for value in year_tenths)
        return Award.EXCELLENT_STUDENT if n_excellent >= draft.excellent_subjects else Award.GOOD_STUDENT

    return replace(
        base,
        version=f"{base.version}-DU-THAO",
        title=f"{base.title}, thử theo dự thảo",
        first_years={},
        rate_learning=rate_learning,
        may_reassess=may_reassess,
        conclude=conclude,
        award_of=award_of,
    )
