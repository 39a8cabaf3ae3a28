"""Conduct of the year (Art. 8) and the learning rating with its adjustment by clause 3 (Art. 9.2 and 9.3).

The rating is found the same way for a semester, for the year and after re-assessment: only the results differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hocbaso.regulations.citations import TT22, Articles
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import Level, PassFail

LEVEL_WORDS = {Level.TOT: "Tốt", Level.KHA: "Khá", Level.DAT: "Đạt", Level.CHUA_DAT: "Chưa đạt"}
MIN_SCORED_SUBJECTS = 6
"""The circular counts "at least 6 subjects"; below that it gives no rule, so a person decides."""

_T, _K, _D, _C = Level.TOT, Level.KHA, Level.DAT, Level.CHUA_DAT

CONDUCT_YEAR: dict[tuple[Level, Level], Level] = {
    (_T, _T): _T,
    (_T, _K): _K,
    (_T, _D): _K,
    (_T, _C): _C,
    (_K, _T): _T,
    (_K, _K): _K,
    (_K, _D): _D,
    (_K, _C): _C,
    (_D, _T): _K,
    (_D, _K): _K,
    (_D, _D): _D,
    (_D, _C): _C,
    (_C, _T): _K,
    (_C, _K): _D,
    (_C, _D): _D,
    (_C, _C): _C,
}
"""Art. 8.2b: (semester I, semester II) -> year."""


def conduct_year(first: Level | None, second: Level | None) -> Level | None:
    """Conduct of the year; None while a semester is missing."""
    if first is None or second is None:
        return None
    return CONDUCT_YEAR[first, second]


@dataclass(frozen=True, slots=True)
class LearningRating:
    """A learning result. ``final_level`` is the official one; it is at most one level above ``base_level``.

    ``adjusted_by_subject`` is the code of the one subject that lowered the level by two or more, ``without_subject``
    the level it would have been. ``needs_council_review``: replacing that subject's result by the best one
    (counterfactual reading) would raise the level where taking the subject away (strict reading) does not;
    ``review_subject`` and ``counterfactual_level`` say which and to what.
    """

    base_level: Level
    final_level: Level
    adjusted_by_subject: str | None = None
    without_subject: Level | None = None
    review_subject: str | None = None
    counterfactual_level: Level | None = None

    @property
    def adjusted(self) -> bool:
        """Whether clause 3 raised the level."""
        return self.adjusted_by_subject is not None

    @property
    def needs_council_review(self) -> bool:
        """Whether the two readings of clause 3 differ, so that people must decide."""
        return self.review_subject is not None


def level_of(tenths: Sequence[int], n_failed: int) -> Level:
    """The level of Art. 9.2 before clause 3, from the scored subjects' averages and the comment subjects at CĐ."""
    if n_failed > 1 or not tenths:
        return _C
    lowest = min(tenths)
    if n_failed == 0 and lowest >= 50:
        if lowest >= 65 and sum([value >= 80 for value in tenths]) >= MIN_SCORED_SUBJECTS:
            return _T
        if sum([value >= 65 for value in tenths]) >= MIN_SCORED_SUBJECTS:
            return _K
    if lowest >= 35 and sum([value >= 50 for value in tenths]) >= MIN_SCORED_SUBJECTS:
        return _D
    return _C


def rate_learning(scored: Sequence[tuple[str, int]], comment: Sequence[tuple[str, PassFail]]) -> LearningRating | None:
    """Rate (code, tenths) and (code, Đ/CĐ) of all subjects that count: exempt ones are left out by the caller.

    None with fewer than six scored subjects. A comment subject may be the one subject of clause 3.
    """
    if len(scored) < MIN_SCORED_SUBJECTS:
        return None
    tenths = [value for _, value in scored]
    failed = [code for code, mark in comment if mark is PassFail.FAIL]
    base = level_of(tenths, len(failed))
    if base is _T or base is _K or len(failed) > 1:
        return LearningRating(base, base)  # nothing two levels above, or two subjects to blame

    strict: tuple[str, Level] | None = None
    counterfactual: tuple[str, Level] | None = None
    needed = max(base.rank + 2, _K.rank)
    if failed:
        # Without its one failed comment subject the pupil has the level of the scores alone, in both readings.
        level = level_of(tenths, 0)
        if level.rank >= needed:
            strict = counterfactual = (failed[0], level)
    else:
        for index, (code, _) in enumerate(scored):
            rest = tenths[:index] + tenths[index + 1 :]
            if min(rest) < 50:
                continue  # Khá or Tốt is out of reach in either reading
            level = level_of(rest, 0)
            if strict is None and level.rank >= needed:
                strict = (code, level)
            level = level_of([*rest, 100], 0)
            if level.rank >= needed and (counterfactual is None or level.rank > counterfactual[1].rank):
                counterfactual = (code, level)
    raised = Level.of_rank(base.rank + 1)
    if strict is not None:
        return LearningRating(base, raised, adjusted_by_subject=strict[0], without_subject=strict[1])
    if counterfactual is not None:
        return LearningRating(base, base, review_subject=counterfactual[0], counterfactual_level=counterfactual[1])
    return LearningRating(base, base)


def basis_of(scored: Sequence[tuple[str, int]], comment: Sequence[tuple[str, PassFail]]) -> str:
    """The results that a rating is drawn from, as one text: ``ART=Đ ICT=34 LIT=65``, by code, scores in tenths.

    A decision of the council (Art. 9.3) is about these results; with others it decides nothing.
    """
    return " ".join(
        sorted([f"{code}={tenths}" for code, tenths in scored] + [f"{code}={mark.value}" for code, mark in comment])
    )


# --- sentences --------------------------------------------------------------------------------------------------------


def explain_conduct_year(first: Level, second: Level, year: Level, articles: Articles = TT22) -> str:
    """One sentence for the conduct of the year."""
    return (
        f"Rèn luyện cả năm: học kì I {LEVEL_WORDS[first]}, học kì II {LEVEL_WORDS[second]} → "
        f"{LEVEL_WORDS[year]} ({articles.conduct_year})"
    )


def _base_reason(tenths: Sequence[int], n_failed: int, base: Level) -> str:
    lowest, n = format_score(min(tenths)), len(tenths)
    if base is _T:
        n_good = sum(value >= 80 for value in tenths)
        return f"các môn nhận xét đều Đạt, {n} môn có điểm đều từ 6,5 (thấp nhất {lowest}), {n_good} môn từ 8,0"
    if base is _K:
        n_good = sum(value >= 65 for value in tenths)
        return f"các môn nhận xét đều Đạt, {n} môn có điểm đều từ 5,0 (thấp nhất {lowest}), {n_good} môn từ 6,5"
    n_good = sum(value >= 50 for value in tenths)
    failed = f"{n_failed} môn nhận xét Chưa đạt" if n_failed else "không có môn nhận xét Chưa đạt"
    return f"{failed}, {n_good} trong {n} môn có điểm từ 5,0, thấp nhất {lowest}"


def explain_learning(
    term: str,
    rating: LearningRating,
    scored: Sequence[tuple[str, int]],
    comment: Sequence[tuple[str, PassFail]],
    names: dict[str, str],
    articles: Articles = TT22,
) -> list[str]:
    """Sentences for a rating: the level of clause 2, then the adjustment or the doubt of clause 3.

    ``term`` stands at the head (``học kì I``), ``names`` gives a subject's name by its code.
    """
    n_failed = sum([mark is PassFail.FAIL for _, mark in comment])
    base = rating.base_level
    point = {_T: articles.level_tot, _K: articles.level_kha, _D: articles.level_dat, _C: articles.level_chua_dat}[base]
    reason = _base_reason([value for _, value in scored], n_failed, base)
    steps = [f"Học tập {term}: {reason} → {LEVEL_WORDS[base]} ({point})"]
    if rating.adjusted_by_subject is not None and rating.without_subject is not None:
        steps.append(
            f"Học tập {term}: chỉ do {_result_of(rating.adjusted_by_subject, scored, names)} mà mức bị thấp từ "
            f"{LEVEL_WORDS[rating.without_subject]} xuống {LEVEL_WORDS[base]}, nên được điều chỉnh lên mức liền kề → "
            f"{LEVEL_WORDS[rating.final_level]} ({articles.adjustment})"
        )
    elif rating.review_subject is not None and rating.counterfactual_level is not None:
        raised = Level.of_rank(base.rank + 1)
        steps.append(
            f"Học tập {term}: nếu {_result_of(rating.review_subject, scored, names)} được thay bằng kết quả cao nhất thì "
            f"mức là {LEVEL_WORDS[rating.counterfactual_level]}, nhưng bỏ môn ấy ra thì các môn còn lại chưa đủ số môn; "
            f"giữ mức {LEVEL_WORDS[base]}, cần Hội đồng xem xét có nâng lên {LEVEL_WORDS[raised]} hay không "
            f"({articles.adjustment})"
        )
    return steps


def _result_of(code: str, scored: Sequence[tuple[str, int]], names: dict[str, str]) -> str:
    for found, tenths in scored:
        if found == code:
            return f"môn {names[code]} ({format_score(tenths)})"
    return f"môn {names[code]} (Chưa đạt)"
