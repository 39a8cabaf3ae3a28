"""A draft that changes nothing is the law, each number does what it says, and no school year can be given one."""

from __future__ import annotations

import random

import pytest

from hocbaso.errors import Invalid
from hocbaso.regulations.drafts import Draft, regulation_of
from hocbaso.regulations.registry import REGULATIONS, TT22_2021, regulation_for, regulation_named
from hocbaso.regulations.student_year import evaluate
from hocbaso.regulations.student_year_json import from_json
from hocbaso.regulations.terms import Award, Level, PassFail, Promotion
from tests.regulations.random_students import student


def test_a_draft_without_a_change_concludes_as_the_law_does() -> None:
    rng, tried = random.Random(22), regulation_of(Draft())
    for number in range(300):
        asked = from_json(student(rng, number))
        law, other = evaluate(asked, TT22_2021), evaluate(asked, tried)
        assert (law.learning, law.conduct, law.promotion, law.award) == (
            other.learning,
            other.conduct,
            other.promotion,
            other.award,
        )


def test_no_year_can_be_given_a_draft() -> None:
    tried = regulation_of(Draft(max_absences=60))
    assert tried.version == "TT22-2021-DU-THAO" and tried not in REGULATIONS
    with pytest.raises(Invalid):
        regulation_named(tried.version)
    assert regulation_for("2026-2027", 9) is TT22_2021
    assert not any(tried.holds(year, grade_level) for year in (2021, 2026, 2030) for grade_level in (6, 7, 8, 9))


@pytest.mark.parametrize(("allowed", "absences", "expected"), [
    (60, 60, Promotion.PROMOTED), (60, 61, Promotion.RETAINED), (45, 46, Promotion.RETAINED), (10, 11, Promotion.RETAINED),
    (10, 10, Promotion.PROMOTED),
])  # fmt: skip
def test_absences(allowed: int, absences: int, expected: Promotion) -> None:
    rules = regulation_of(Draft(max_absences=allowed))
    assert rules.conclude(8, Level.KHA, Level.DAT, absences) is expected


def test_reassessment_clause_3_and_titles() -> None:
    rules = regulation_of(Draft(reassess_below=65, adjusts=False, excellent_from=85, excellent_subjects=5))
    assert rules.may_reassess(64) and not rules.may_reassess(65) and rules.may_reassess(PassFail.FAIL)
    assert not rules.may_reassess(PassFail.PASS) and not rules.may_reassess(None)
    scored = [(str(n), 90) for n in range(7)] + [("x", 36)]
    assert TT22_2021.rate_learning(scored, ()).adjusted
    rating = rules.rate_learning(scored, ())
    assert not rating.adjusted and rating.final_level is rating.base_level and not rating.needs_council_review
    assert rules.rate_learning(scored[:3], ()) is None
    assert rules.award_of(Level.TOT, Level.TOT, [85] * 5 + [80]) is Award.EXCELLENT_STUDENT
    assert rules.award_of(Level.TOT, Level.TOT, [85] * 4 + [80] * 2) is Award.GOOD_STUDENT
    assert rules.award_of(Level.TOT, Level.KHA, [100] * 8) is None


@pytest.mark.parametrize("wrong", [{"max_absences": -1}, {"reassess_below": 101}, {"excellent_subjects": 0}])
def test_what_no_rule_could_say_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Invalid) as refusal:
        Draft(**wrong)
    assert refusal.value.field == next(iter(wrong))


def test_what_differs_from_the_law_is_named() -> None:
    assert Draft().changed == ()
    assert Draft(max_absences=60, adjusts=False).changed == ("max_absences", "adjusts")
