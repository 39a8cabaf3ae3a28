"""Between the tables and the rule engine: one student's cells as a :class:`StudentYear`, its conclusions as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from hocbaso.regulations.completeness import Gap, Value
from hocbaso.regulations.ratings import LearningRating
from hocbaso.regulations.registry import Regulation, regulation_named
from hocbaso.regulations.score_values import from_point, to_point
from hocbaso.regulations.student_year import SemesterMarks, StudentYear, StudentYearResult, SubjectYear, evaluate
from hocbaso.regulations.terms import Level, PassFail, Promotion, ScoreOrigin, SubjectKind
from hocbaso.services.student_inputs import Mark, StudentInput, SubjectInput

EXEMPT = "Miễn"
_TERMS = ("1", "2", "year")
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

    ``base``: the level before clause 3 and before decisions. ``needs_review``: clause 3 is in doubt and nobody has
    decided. ``review_levels``: what the principal may decide there, empty where there is nothing to decide.
    ``may_decide``: the circular draws no conclusion of the year by itself (disability, too few subjects).
    """

    subjects: Mapping[str, EvaluatedSubject]
    learning: tuple[str | None, str | None, str | None]
    base: tuple[str | None, str | None, str | None]
    learning_after: str | None
    adjusted: tuple[bool, bool, bool]
    adjusted_by: tuple[str | None, str | None, str | None]
    needs_review: tuple[bool, bool, bool]
    review_levels: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    conduct_year: Level | None
    conduct_after: Level | None
    promotion: Promotion
    may_decide: bool
    award: str | None
    gaps: tuple[Gap, ...]
    steps: tuple[str, ...]


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
    regulation = regulation_named(regulation_version)
    levels = [given.homeroom.get(name) for name in ("conduct_1", "conduct_2")]
    decided = given.decision("promotion")
    ruled = [given.decision("learning_level", term) for term in _TERMS]
    asked = StudentYear(
        grade_level=grade_level,
        subjects=tuple(_subject_year(line, regulation, given.first_semester) for line in given.subjects),
        conduct=(Level(levels[0]) if levels[0] else None, Level(levels[1]) if levels[1] else None),
        conduct_after_summer=Level(given.conduct_after_summer) if given.conduct_after_summer else None,
        absences=given.absences(),
        inclusive_disability=given.inclusive_disability,
        decided_levels=tuple(Level(one.outcome) if one else None for one in ruled),  # type: ignore[arg-type]
        decided_promotion=Promotion(decided.outcome) if decided else None,
        id=given.enrollment_id,
    )
    found = evaluate(asked, regulation)
    reviews = [_review_levels(found, at) for at in range(3)]
    doubtful = found.learning.needs_council_review
    ratings = found.learning.ratings
    return Evaluated(
        subjects={
            one.code: EvaluatedSubject(*_results(one.semesters, one.year, one.exempt), _text(one.after_reassessment))
            for one in found.subjects
        },
        learning=_triple(found.learning.levels),
        base=_triple([rating.base_level if rating else None for rating in ratings]),
        learning_after=found.learning.after_reassessment,
        adjusted=found.learning.adjusted,
        adjusted_by=tuple(rating.adjusted_by_subject if rating else None for rating in ratings),  # type: ignore[arg-type]
        needs_review=tuple(doubt and one is None for doubt, one in zip(doubtful, ruled, strict=True)),  # type: ignore[arg-type]
        review_levels=(reviews[0], reviews[1], reviews[2]),
        conduct_year=found.conduct.year,
        conduct_after=found.conduct.after_summer,
        promotion=found.promotion,
        may_decide=not found.gaps and (given.inclusive_disability or found.learning.year is None),
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
    rating: LearningRating | None = found.learning.ratings[at]
    if rating is not None:
        if not rating.needs_council_review:
            return ()
        return rating.base_level.value, Level.of_rank(rating.base_level.rank + 1).value
    scored = [one for one in found.subjects if one.kind is SubjectKind.SCORED]
    results = [
        one.year if at == 2 else one.semesters[at]
        for one in scored
        if not (all(one.exempt) if at == 2 else one.exempt[at])
    ]
    complete = not any(gap.subject is not None and (at == 2 or gap.semester == at + 1) for gap in found.gaps)
    return tuple(level.value for level in Level) if complete and None not in results else ()
