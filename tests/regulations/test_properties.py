"""What must hold for every student-year: monotone, blind to order, idempotent, strict below counterfactual.

Where raising a result does lower a conclusion, and why, stands in ``docs/decisions/0002-clause-3.md``.
"""

from __future__ import annotations

import json
import random
from decimal import Decimal

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hocbaso.regulations.averages import semester_average, year_average
from hocbaso.regulations.ratings import level_of, rate_learning
from hocbaso.regulations.student_year import evaluate
from hocbaso.regulations.student_year_json import from_json, to_json
from hocbaso.regulations.terms import Award, Level, PassFail, Promotion
from tests.regulations import random_students

P, F = PassFail.PASS, PassFail.FAIL
EDGE = st.sampled_from([t + d for t in (35, 50, 65, 80, 90) for d in (-1, 0, 1)])
TENTHS = EDGE | st.integers(0, 100)
SEEDS = st.integers(0, 2**32)
FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
MANY = settings(max_examples=600, deadline=None)

GOODNESS = {
    Promotion.RETAINED: 0,
    Promotion.REASSESS: 1,
    Promotion.SUMMER_TRAINING: 1,
    Promotion.PROMOTED: 2,
    Promotion.COMPLETED: 2,
}
AWARDS = {None: 0, Award.GOOD_STUDENT: 1, Award.EXCELLENT_STUDENT: 2}


def rate(scores: list[int], failed: list[bool]):
    return rate_learning(
        [(f"S{i}", t) for i, t in enumerate(scores)], [(f"C{i}", F if f else P) for i, f in enumerate(failed)]
    )


@MANY
@given(st.lists(TENTHS, min_size=2, max_size=6), st.integers(0, 5), st.integers(1, 100))
def test_raising_one_score_never_lowers_an_average(scores: list[int], place: int, by: int):
    assume(len(scores) >= 4)
    raised = list(scores)
    raised[place % len(scores)] = min(100, raised[place % len(scores)] + by)
    before, after = (semester_average(values[:-2], values[-2], values[-1]) for values in (scores, raised))
    assert before <= after
    assert min(scores) <= before <= max(scores)
    assert year_average(before, scores[0]) <= year_average(after, scores[0])
    assert year_average(scores[0], before) <= year_average(scores[0], after)


@MANY
@given(
    st.lists(TENTHS, min_size=6, max_size=10),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.integers(0, 13),
    st.integers(1, 100),
)
def test_raising_one_subject_never_lowers_the_rating(scores: list[int], failed: list[bool], place: int, by: int):
    before = rate(scores, failed)
    raised, passed = list(scores), list(failed)
    place %= len(scores) + len(failed)
    if place < len(scores):
        raised[place] = min(100, raised[place] + by)
    else:
        passed[place - len(scores)] = False
    after = rate(raised, passed)
    assert before.base_level.rank <= after.base_level.rank
    assert before.final_level.rank <= after.final_level.rank


@MANY
@given(st.lists(TENTHS, min_size=6, max_size=10), st.lists(st.booleans(), min_size=4, max_size=4))
def test_strict_is_never_above_counterfactual_and_one_step_at_most(scores: list[int], failed: list[bool]):
    rating = rate(scores, failed)
    assert rating.final_level.rank - rating.base_level.rank == (1 if rating.adjusted else 0)
    assert not (rating.adjusted and rating.needs_council_review)
    best = max(
        [level_of([*scores[:i], 100, *scores[i + 1 :]], sum(failed)).rank for i in range(len(scores))]
        + [level_of(scores, max(0, sum(failed) - 1)).rank]
    )
    deserves = best >= Level.KHA.rank and best - rating.base_level.rank >= 2
    assert deserves == (rating.adjusted or rating.needs_council_review)


@MANY
@given(st.lists(TENTHS, min_size=6, max_size=10), st.lists(st.booleans(), min_size=4, max_size=4))
def test_the_one_subject_is_unique_under_the_strict_reading(scores: list[int], failed: list[bool]):
    rating = rate(scores, failed)
    rest = [level_of(scores[:i] + scores[i + 1 :], sum(failed)) for i in range(len(scores))]
    rest += [level_of(scores, sum(failed) - 1)] * sum(failed)
    to_blame = [level for level in rest if level.rank >= 2 and level.rank - rating.base_level.rank >= 2]
    assert len(to_blame) == (1 if rating.adjusted else 0)


def complete(seed: int) -> tuple[dict, random.Random]:
    """A random student-year that can be concluded, and its chance for further draws."""
    chance = random.Random(seed)
    for number in range(1000):
        student = random_students.student(chance, number)
        if GOODNESS.get(evaluate(from_json(student)).promotion) is not None:
            return student, chance
    raise AssertionError("no complete student-year in a thousand")


@FEW
@given(SEEDS)
def test_raising_one_mark_never_worsens_any_conclusion(seed: int):
    student, chance = complete(seed)
    for subject in student["subjects"]:
        subject["reassessed"] = None  # with a re-assessment on record it may: see the last test of this file
    before = evaluate(from_json(student))
    for _ in range(15):
        subject = chance.choice(student["subjects"])
        semester = chance.choice(subject["semesters"])
        place = chance.choice([*range(len(semester["regular"])), "midterm", "final"])
        holder = semester["regular"] if isinstance(place, int) else semester
        old = holder[place]
        if old is None:
            continue  # a mark of an exempt semester
        if subject["kind"] == "comment":
            holder[place] = "Đ"
        else:
            tenths = int(Decimal(old.replace(",", ".")) * 10)
            holder[place] = f"{min(100, tenths + chance.randint(1, 30)) / 10:.1f}"
        after = evaluate(from_json(student))
        for old_subject, new_subject in zip(before.subjects, after.subjects, strict=True):
            for was, now in zip(
                (*old_subject.semesters, old_subject.year), (*new_subject.semesters, new_subject.year), strict=True
            ):
                assert goodness(was) <= goodness(now)
        for was, now in zip(before.learning.levels, after.learning.levels, strict=True):
            assert (was.rank if was else -1) <= (now.rank if now else -1)
        assert GOODNESS[before.promotion] <= GOODNESS[after.promotion]
        assert AWARDS[before.award] <= AWARDS[after.award]
        before = after


def goodness(value: int | PassFail | None) -> int:
    if value is None:
        return -1
    return (1 if value is P else 0) if isinstance(value, PassFail) else value


@FEW
@given(SEEDS)
def test_a_better_reassessment_never_worsens_the_conclusion(seed: int):
    student, chance = complete(seed)
    before = evaluate(from_json(student))
    for subject in student["subjects"]:
        if subject["reassessed"] is not None and chance.random() < 0.5:
            subject["reassessed"] = "Đ" if subject["kind"] == "comment" else "10"
    after = evaluate(from_json(student))
    assert GOODNESS[before.promotion] <= GOODNESS[after.promotion]
    assert before.learning.levels == after.learning.levels
    assert [subject.year for subject in before.subjects] == [subject.year for subject in after.subjects]


@FEW
@given(SEEDS)
def test_order_of_subjects_and_of_regular_marks_does_not_matter(seed: int):
    chance = random.Random(seed)
    student = random_students.student(chance, 1)
    for subject in student["subjects"]:
        for semester in subject["semesters"]:
            if None in semester["regular"]:
                semester["regular"] = ["Đ" if subject["kind"] == "comment" else "5"] * len(semester["regular"])
    before = to_json(evaluate(from_json(student)))
    chance.shuffle(student["subjects"])
    for subject in student["subjects"]:
        for semester in subject["semesters"]:
            chance.shuffle(semester["regular"])
    after = to_json(evaluate(from_json(student)))
    for answer in (before, after):
        answer.pop("steps")
        answer["gaps"].sort(key=str)
    assert before == after


@FEW
@given(SEEDS)
def test_the_same_question_has_the_same_answer_and_is_left_as_it_was(seed: int):
    student = random_students.student(random.Random(seed), 1)
    text = json.dumps(student)
    question = from_json(student)
    assert to_json(evaluate(question)) == to_json(evaluate(question)) == to_json(evaluate(from_json(json.loads(text))))
    assert json.dumps(student) == text


def test_raising_a_score_out_of_reassessment_can_cost_the_promotion():
    """The circular itself: 4,9 may be re-assessed, 5,0 may not. Nothing else breaks the order."""

    def concluded(first: str) -> tuple[Promotion, Level | None]:
        years = [("6.5", None)] * 5 + [(first, "8.0"), ("4.9", "5.0"), ("3.4", None)]
        result = evaluate(
            from_json(
                {
                    "grade_level": 8,
                    "conduct": ["T", "T"],
                    "absences": 0,
                    "subjects": [
                        {
                            "code": f"S{i}",
                            "kind": "scored",
                            "lessons_per_year": 35,
                            "reassessed": again,
                            "semesters": [{"regular": [score, score], "midterm": score, "final": score}] * 2,
                        }
                        for i, (score, again) in enumerate(years)
                    ],
                }
            )
        )
        return result.promotion, result.learning.after_reassessment

    assert concluded("4.9") == (Promotion.PROMOTED, Level.DAT)
    assert concluded("5.0") == (Promotion.RETAINED, Level.CHUA_DAT)
