"""Promotion, completion of lower secondary, re-assessment and summer conduct training (Arts. 12, 13, 14)."""

from __future__ import annotations

from hocbaso.regulations.citations import TT22, Articles
from hocbaso.regulations.ratings import LEVEL_WORDS
from hocbaso.regulations.terms import Level, PassFail, Promotion

MAX_ABSENCES = 45
"""Sessions, excused and unexcused together (Art. 12.1c). 45 is still in order."""

REASSESS_BELOW = 50
"""Tenths: a scored subject below this may be re-assessed (Art. 14). 4,9 may, 5,0 may not."""

LAST_GRADE_LEVEL = 9
_FAILED = Level.CHUA_DAT

SUMMER_ROUTES = (Promotion.REASSESS, Promotion.SUMMER_TRAINING)
"""Conclusions that the summer settles: each becomes promoted, completed or retained (Arts. 13, 14)."""


def may_reassess(year_result: int | PassFail | None) -> bool:
    """Whether a subject with this year result may be re-assessed: tenths below 5,0, or CĐ."""
    if isinstance(year_result, PassFail):
        return year_result is PassFail.FAIL
    return year_result is not None and year_result < REASSESS_BELOW


def conclude(
    grade_level: int,
    conduct: Level,
    learning: Level,
    absences: int,
    *,
    conduct_after_summer: Level | None = None,
    learning_after_reassessment: Level | None = None,
) -> Promotion:
    """The table of Art. 12 with summer taken in. The summer levels are used only where the article opens that way.

    Grade 9 completes instead of being promoted. The levels of the year stay what they are.
    """
    done = Promotion.COMPLETED if grade_level == LAST_GRADE_LEVEL else Promotion.PROMOTED
    if absences > MAX_ABSENCES:
        return Promotion.RETAINED
    if conduct is _FAILED and learning is _FAILED:
        return Promotion.RETAINED  # Art. 14 needs conduct of at least Đạt
    if conduct is _FAILED:
        if conduct_after_summer is None:
            return Promotion.SUMMER_TRAINING
        return Promotion.RETAINED if conduct_after_summer is _FAILED else done
    if learning is _FAILED:
        if learning_after_reassessment is None:
            return Promotion.REASSESS
        return Promotion.RETAINED if learning_after_reassessment is _FAILED else done
    return done


_OUTCOME_WORDS = {
    Promotion.PROMOTED: "được lên lớp",
    Promotion.COMPLETED: "hoàn thành chương trình trung học cơ sở",
    Promotion.REASSESS: "phải kiểm tra, đánh giá lại trong kì nghỉ hè",
    Promotion.SUMMER_TRAINING: "phải rèn luyện trong kì nghỉ hè",
    Promotion.RETAINED: "không được lên lớp",
}


def explain_promotion(
    outcome: Promotion,
    grade_level: int,
    conduct: Level,
    learning: Level,
    absences: int,
    *,
    conduct_after_summer: Level | None = None,
    learning_after_reassessment: Level | None = None,
    articles: Articles = TT22,
) -> str:
    """One sentence that names what decided."""
    words = _OUTCOME_WORDS[outcome]
    if outcome is Promotion.RETAINED and grade_level == LAST_GRADE_LEVEL:
        words = "chưa hoàn thành chương trình trung học cơ sở"
    if absences > MAX_ABSENCES:
        return f"Kết luận: nghỉ {absences} buổi, quá {MAX_ABSENCES} buổi → {words} ({articles.promotion_absences})"
    if conduct is _FAILED and learning is _FAILED:
        return (
            f"Kết luận: rèn luyện và học tập cả năm đều Chưa đạt nên không được kiểm tra, đánh giá lại → {words} "
            f"({articles.promotion}; {articles.reassessment})"
        )
    if conduct is _FAILED:
        after = "" if conduct_after_summer is None else f", sau rèn luyện hè {LEVEL_WORDS[conduct_after_summer]}"
        return (
            f"Kết luận: rèn luyện cả năm Chưa đạt{after}, học tập {LEVEL_WORDS[learning]}, nghỉ {absences} buổi → {words} "
            f"({articles.promotion_conduct}; {articles.summer_training})"
        )
    if learning is _FAILED:
        after = (
            ""
            if learning_after_reassessment is None
            else f", sau kiểm tra, đánh giá lại {LEVEL_WORDS[learning_after_reassessment]}"
        )
        return (
            f"Kết luận: học tập cả năm Chưa đạt{after}, rèn luyện {LEVEL_WORDS[conduct]}, nghỉ {absences} buổi → {words} "
            f"({articles.promotion_learning}; {articles.reassessment})"
        )
    return (
        f"Kết luận: rèn luyện {LEVEL_WORDS[conduct]}, học tập {LEVEL_WORDS[learning]}, nghỉ {absences} buổi "
        f"(không quá {MAX_ABSENCES}) → {words} ({articles.promotion})"
    )


def explain_summer_not_taken(outcome: Promotion, grade_level: int, articles: Articles = TT22) -> str:
    """Why whoever took no part in what Art. 13 or 14 offers is retained: condition 12.1a or 12.1b stays unmet."""
    if outcome is Promotion.REASSESS:
        what, condition, route = (
            "không có kết quả kiểm tra, đánh giá lại",
            articles.promotion_learning,
            articles.reassessment,
        )
    else:
        what, condition, route = (
            "không hoàn thành rèn luyện trong kì nghỉ hè",
            articles.promotion_conduct,
            articles.summer_training,
        )
    done = "chưa hoàn thành chương trình trung học cơ sở" if grade_level == LAST_GRADE_LEVEL else "không được lên lớp"
    return f"Kết luận sau hè: {what} nên {done} ({condition}; {route})"
