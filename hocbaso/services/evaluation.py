"""Between the tables and the rule engine: one student's cells as a :class:`StudentYear`, its conclusions as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from hocbaso.regulations.completeness import Gap, Value
from hocbaso.regulations.ratings import LearningRating
from hocbaso.regulations.registry import Regulation, regulation_named
from hocbaso.regulations.score_values import from_point, to_point
from hocbaso.regulations.student_year import (
    DecidedLevel,
    DecidedPromotion,
    SemesterMarks,
    StudentYear,
    StudentYearResult,
    SubjectYear,
    evaluate,
)
from hocbaso.regulations.terms import Level, PassFail, Promotion, ScoreOrigin
from hocbaso.services.student_inputs import Mark, StudentInput, SubjectInput

EXEMPT = "Miễn"
TERMS = ("1", "2", "year", "redo")
"""Semester I, II, the year, and the year after re-assessment: the terms of a decision about a level."""
_PLAIN_ORIGINS = (ScoreOrigin.EMPTY.value, ScoreOrigin.ENTERED.value)


@dataclass(frozen=True, slots=True)
class EvaluatedSubject:
    """Results of a subject as the form writes them: ``"8.5"``, ``"Đ"``, ``"CĐ"``, ``"Miễn"``, or None."""

    semester_1: str | None
    semester_2: str | None
    year: str | None
    after_reassessment: str | None


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What the regulation concludes about a student. Triples stand for semester I, semester II, year.

    ``base``: the level before clause 3 and before decisions. Quadruples have the level after re-assessment as fourth:
    ``needs_review``: a level waits for the principal (clause 3 is in doubt, or a semester has too few scored subjects, and
    no decision counts). ``review_levels``: what the principal may decide there, empty where there is nothing to decide.
    ``bases``: the results such a decision is about; ``decided``: a recorded decision made the level; ``outdated``: one
    was recorded on other results. ``may_decide``: the circular draws no conclusion of the year by itself (disability,
    too few subjects); ``promotion_basis``, ``promotion_decided`` and ``promotion_outdated`` are the same for it.
    """

    subjects: Mapping[str, EvaluatedSubject]
    learning: tuple[str | None, str | None, str | None]
    base: tuple[str | None, str | None, str | None]
    learning_after: str | None
    adjusted: tuple[bool, bool, bool]
    adjusted_by: tuple[str | None, str | None, str | None]
    needs_review: tuple[bool, ...]
    review_levels: tuple[tuple[str, ...], ...]
    bases: tuple[str | None, ...]
    decided: tuple[bool, ...]
    outdated: tuple[bool, ...]
    conduct_year: Level | None
    conduct_after: Level | None
    promotion: Promotion
    may_decide: bool
    promotion_basis: str | None
    promotion_decided: bool
    promotion_outdated: bool
    award: str | None
    gaps: tuple[Gap, ...]
    steps: tuple[str, ...]


def basis_for(result: Evaluated, kind: str, term: str) -> str | None:
    """The results a decision of this kind and term would be made on now; None where there is nothing to decide."""
    if kind == "promotion":
        return result.promotion_basis if term == "year" else None
    return result.bases[TERMS.index(term)] if kind == "learning_level" and term in TERMS else None


def decision_counts(result: Evaluated, kind: str, term: str) -> bool:
    """Whether the decision in force of this kind and term is the conclusion, or the level."""
    return result.promotion_decided if kind == "promotion" else result.decided[TERMS.index(term)]


def value_of(text: str) -> Value:
    """A stored result as the rules take it: ``"8.5"`` is 85, ``"Đ"`` and ``"CĐ"`` are :class:`PassFail`."""
    return PassFail(text) if text in (PassFail.PASS.value, PassFail.FAIL.value) else from_point(text)


@lru_cache(maxsize=64)
def _columns(n_regular: int) -> tuple[tuple[str, str], ...]:
    """(column key, name in the engine) of a sheet with so many regular assessments."""
    return (*((f"TX{n}", f"regular_{n}") for n in range(1, n_regular + 1)), ("GK", "midterm"), ("CK", "final"))


def _value(mark: Mark | None) -> Value | None:
    if mark is None:
        return None
    if mark.tenths is not None:
        return mark.tenths
    return PassFail(mark.mark) if mark.mark is not None else None


def _marks(found: Mapping[str, Mark], columns: tuple[tuple[str, str], ...]) -> SemesterMarks:
    values = [_value(found.get(key)) for key, _ in columns]
    origins = tuple(
        (name, ScoreOrigin(found[key].origin))
        for key, name in columns
        if key in found and found[key].origin not in _PLAIN_ORIGINS
    )
    return SemesterMarks(tuple(values[:-2]), values[-2], values[-1], origins)


def _subject_year(line: SubjectInput, regulation: Regulation, first_semester: int) -> SubjectYear:
    subject = line.subject
    columns = _columns(regulation.regular_count(subject.lessons_per_year, subject.kind))
    again: Value | None = None
    if line.reassessed is not None:
        again = value_of(line.reassessed)
    return SubjectYear(
        subject.code,
        subject.kind,
        subject.lessons_per_year,
        (_marks(line.marks[0], columns), _marks(line.marks[1], columns)),
        line.exempt,
        again,
        subject.name,
        (first_semester > 1, False),
        (value_of(line.inherited) if line.inherited is not None else None, None),
    )


def evaluate_student(given: StudentInput, grade_level: int, regulation_version: str) -> Evaluated:
    """Everything the year's regulation concludes; raises Invalid for contradictory data (a score in a comment subject)."""
    return evaluate_by(given, grade_level, regulation_named(regulation_version))


def evaluate_by(given: StudentInput, grade_level: int, regulation: Regulation) -> Evaluated:
    """:func:`evaluate_student` by rules that need not be a registered version (a draft that is tried)."""
    levels = [given.homeroom.get(name) for name in ("conduct_1", "conduct_2")]
    decided = given.decision("promotion")
    ruled = [given.decision("learning_level", term) for term in TERMS]
    asked = StudentYear(
        grade_level=grade_level,
        subjects=tuple(_subject_year(line, regulation, given.first_semester) for line in given.subjects),
        conduct=(Level(levels[0]) if levels[0] else None, Level(levels[1]) if levels[1] else None),
        conduct_after_summer=Level(given.conduct_after_summer) if given.conduct_after_summer else None,
        absences=given.absences(),
        inclusive_disability=given.inclusive_disability,
        decided_levels=tuple(DecidedLevel(Level(one.outcome), one.basis) if one else None for one in ruled),
        decided_promotion=DecidedPromotion(Promotion(decided.outcome), decided.basis) if decided else None,
        summer_over=given.summer_over,
        id=given.enrollment_id,
    )
    found = evaluate(asked, regulation)
    learning = found.learning
    # Art. 14 re-assesses a year that is Chưa đạt (or that people rate). Corrected into Đạt since, it has no level after re-assessment.
    has_after = learning.year in (None, Level.CHUA_DAT)
    reviews = tuple(_review_levels(found, at) if at < 3 or has_after else () for at in range(len(TERMS)))
    # A year without a level asks through its conclusion; a semester has none, and would be printed blank.
    unrated = (*[learning.levels[at] is None and bool(reviews[at]) for at in (0, 1)], False, False)
    waits = [
        (doubt and not settled and (at < 3 or has_after)) or blank
        for at, (doubt, settled, blank) in enumerate(zip(learning.in_doubt, learning.decided, unrated, strict=True))
    ]
    ratings = found.learning.ratings
    return Evaluated(
        subjects={
            one.code: EvaluatedSubject(*_results(one.semesters, one.year, one.exempt), _text(one.after_reassessment))
            for one in found.subjects
        },
        learning=_triple(found.learning.levels),
        base=_triple([rating.base_level if rating else None for rating in ratings]),
        learning_after=learning.after_reassessment if has_after else None,
        adjusted=found.learning.adjusted,
        adjusted_by=tuple(rating.adjusted_by_subject if rating else None for rating in ratings),  # type: ignore[arg-type]
        needs_review=tuple(waits),
        review_levels=reviews,
        bases=learning.bases,
        decided=learning.decided,
        outdated=learning.outdated,
        conduct_year=found.conduct.year,
        conduct_after=found.conduct.after_summer,
        promotion=found.promotion,
        may_decide=found.promotion_basis is not None,
        promotion_basis=found.promotion_basis,
        promotion_decided=found.promotion_decided,
        promotion_outdated=found.promotion_outdated,
        award=found.award,
        gaps=found.gaps,
        steps=found.steps,
    )


def _results(
    semesters: tuple[Value | None, Value | None], year: Value | None, exempt: tuple[bool, bool]
) -> tuple[str | None, str | None, str | None]:
    terms = [EXEMPT if exempt[at] else _text(semesters[at]) for at in (0, 1)]
    return terms[0], terms[1], EXEMPT if all(exempt) else _text(year)


def _text(value: Value | None) -> str | None:
    if value is None:
        return None
    return value.value if isinstance(value, PassFail) else to_point(value)


def _triple(levels: tuple[Level | None, ...] | list[Level | None]) -> tuple[str | None, str | None, str | None]:
    first, second, year = [level.value if level is not None else None for level in levels]
    return first, second, year


def _review_levels(found: StudentYearResult, at: int) -> tuple[str, ...]:
    """Art. 9.3 leaves two levels to choose from; without a rating of its own (R23) the circular says nothing."""
    rating: LearningRating | None = (*found.learning.ratings, found.learning.rating_after)[at]
    if found.learning.bases[at] is None:
        return ()
    if rating is not None:
        return rating.base_level.value, Level.of_rank(rating.base_level.rank + 1).value
    return tuple(level.value for level in Level)
