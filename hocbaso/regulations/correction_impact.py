"""What a correction touches: a pupil's year before and after, compared place by place, each difference with its article.

A year is a flat mapping of places to printed values (:data:`YearFacts`), so that nothing can be forgotten: writing the
differences over the year before gives the year after, whatever stands in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hocbaso.regulations.averages import SEMESTER_NAMES
from hocbaso.regulations.citations import Articles
from hocbaso.regulations.terms import SubjectKind

Place = tuple[str, ...]
"""``("subject", code, term)``, ``("learning", term)``, ``("conduct", term)``, ``("promotion",)``, ``("award",)``; terms:
``semester_1``, ``semester_2``, ``year``, ``after``; of a subject also ``remark``; of learning also ``adjusted_<term>`` and ``review_<term>``;
and ``("homeroom", name)`` with a name of :data:`HOMEROOM_WORDS`."""

YearFacts = Mapping[Place, str | None]
"""Place -> value as it is stored: ``8.5``, ``Đ``, ``CĐ``, ``Miễn``, a level, an outcome; None where there is none."""

TERM_WORDS = {
    "semester_1": SEMESTER_NAMES[0],
    "semester_2": SEMESTER_NAMES[1],
    "year": "cả năm",
    "after": "sau hè",
}

HOMEROOM_WORDS = {
    "conduct_1": f"Rèn luyện {SEMESTER_NAMES[0]}",
    "conduct_2": f"Rèn luyện {SEMESTER_NAMES[1]}",
    "absences_excused_1": f"Nghỉ có phép {SEMESTER_NAMES[0]}",
    "absences_unexcused_1": f"Nghỉ không phép {SEMESTER_NAMES[0]}",
    "absences_excused_2": f"Nghỉ có phép {SEMESTER_NAMES[1]}",
    "absences_unexcused_2": f"Nghỉ không phép {SEMESTER_NAMES[1]}",
    "remark": "Nhận xét của giáo viên chủ nhiệm",
    "award_extra": "Khen thưởng khác",
    "competitions": "Các cuộc thi",
    "certificates": "Chứng chỉ",
    "certificates_grade": "Loại chứng chỉ",
}
"""What the homeroom teacher writes and the record prints: stored name -> words. No article follows from it alone."""

_HEADS = {"subject": 0, "homeroom": 1, "conduct": 2, "learning": 3, "promotion": 4, "award": 5}


@dataclass(frozen=True, slots=True)
class SubjectName:
    """How a subject is called and assessed."""

    name: str
    kind: SubjectKind


@dataclass(frozen=True, slots=True)
class Change:
    """One value that becomes another. ``label`` says where it stands; ``article`` why it follows (empty for a remark)."""

    place: Place
    label: str
    before: str | None
    after: str | None
    article: str


def impact(
    before: YearFacts, after: YearFacts, subjects: Mapping[str, SubjectName], articles: Articles
) -> tuple[Change, ...]:
    """Every place in which the two years differ: averages first, then levels, promotion, award.

    A place that only one of them has counts as None in the other. ``subjects``: by code; one that is not named is called by
    its code. Raises ValueError or KeyError for a place that :data:`Place` does not describe.
    """
    order = {code: at for at, code in enumerate(subjects)}
    found = [
        Change(place, _label(place, subjects), before.get(place), after.get(place), _article(place, subjects, articles))
        for place in {*before, *after}
        if before.get(place) != after.get(place)
    ]
    return tuple(
        sorted(
            found,
            key=lambda change: (
                _HEADS[change.place[0]],
                order.get(change.place[1], len(order)) if len(change.place) > 1 else 0,
                change.place,
            ),
        )
    )


def patched(before: YearFacts, changes: Sequence[Change]) -> dict[Place, str | None]:
    """The year after: ``before`` with the changes written over it, places without a value left out."""
    after = {**before, **{change.place: change.after for change in changes}}
    return {place: value for place, value in after.items() if value is not None}


def new_steps(before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    """The sentences of the explanation (each with its article) that were not said before, in their order."""
    said = set(before)
    return tuple(step for step in after if step not in said)


def _label(place: Place, subjects: Mapping[str, SubjectName]) -> str:
    match place:
        case ("subject", code, "remark"):
            return f"{_name(code, subjects)}, nhận xét"
        case ("subject", code, "after"):
            return f"{_name(code, subjects)}, đánh giá lại"
        case ("subject", code, term):
            return f"{_name(code, subjects)}, {TERM_WORDS[term]}"
        case ("learning", term) if term.startswith("adjusted_"):
            return f"Học tập {TERM_WORDS[term.removeprefix('adjusted_')]}, nâng lên mức liền kề"
        case ("learning", term) if term.startswith("review_"):
            return f"Học tập {TERM_WORDS[term.removeprefix('review_')]}, cần Hội đồng xem xét"
        case ("learning", term):
            return f"Học tập {TERM_WORDS[term]}"
        case ("conduct", term):
            return f"Rèn luyện {TERM_WORDS[term]}"
        case ("homeroom", name):
            return HOMEROOM_WORDS[name]
        case ("promotion",):
            return "Kết luận cả năm"
        case ("award",):
            return "Khen thưởng"
    raise ValueError(f"no such place: {place}")


def _name(code: str, subjects: Mapping[str, SubjectName]) -> str:
    return subjects[code].name if code in subjects else code


def _article(place: Place, subjects: Mapping[str, SubjectName], articles: Articles) -> str:
    match place:
        case ("subject", _, "remark") | ("homeroom", _):
            return ""
        case ("subject", _, "after"):
            return articles.reassessment
        case ("subject", code, _):
            by_comment = code in subjects and subjects[code].kind is SubjectKind.COMMENT
            return articles.comment_result if by_comment else articles.subject_average
        case ("learning", "after"):
            return articles.reassessment
        case ("learning", term):
            return articles.adjustment if term.startswith(("adjusted_", "review_")) else articles.learning_level
        case ("conduct", term):
            return articles.summer_training if term == "after" else articles.conduct_year
        case ("promotion",):
            return articles.promotion
        case _:
            return articles.award
