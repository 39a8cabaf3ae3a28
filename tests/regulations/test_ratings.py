"""Conduct of the year and the twenty-six worked learning cases, from the specification's own file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hocbaso.regulations.awards import award_of
from hocbaso.regulations.promotion import conclude, may_reassess
from hocbaso.regulations.ratings import conduct_year, rate_learning
from hocbaso.regulations.terms import Award, Level, PassFail, Promotion

CASES = json.loads((Path(__file__).parent / "data" / "regulation-cases.json").read_text(encoding="utf-8"))
P, F = PassFail.PASS, PassFail.FAIL
T, K, D, C = Level.TOT, Level.KHA, Level.DAT, Level.CHUA_DAT


def rate(scores: list[int], n_failed: int = 0):
    scored = [(f"S{index}", tenths) for index, tenths in enumerate(scores)]
    comment = [(f"C{index}", F if index < n_failed else P) for index in range(4)]
    return rate_learning(scored, comment)


def test_the_file_holds_every_worked_case():
    assert [case["id"] for case in CASES["learning"]] == list(range(1, 27))
    assert sum(len(row) for row in CASES["conduct_year"].values()) == 16


@pytest.mark.parametrize("case", CASES["learning"], ids=lambda case: str(case["id"]))
def test_worked_learning_case(case: dict):
    rating = rate([int(score.replace(".", "")) for score in case["scores"]], case["comment_fail"])
    assert rating.base_level is Level[case["base"]]
    assert rating.final_level is Level[case["final_strict"]]
    assert rating.adjusted == (case["base"] != case["final_strict"])
    assert rating.needs_council_review == (case["final_strict"] != case["final_counterfactual"])


def test_the_one_subject_is_named():
    assert rate([80] * 7 + [49]).adjusted_by_subject == "S7"
    assert rate([90] * 8, 1).adjusted_by_subject == "C0"
    assert rate([80] * 5 + [70, 70, 40]).review_subject == "S7"


def test_fewer_than_six_scored_subjects_are_not_rated():
    assert rate([90] * 5) is None
    assert rate([90] * 6).final_level is T


@pytest.mark.parametrize(
    ("first", "second", "year"),
    [(first, second, year) for first, row in CASES["conduct_year"].items() for second, year in row.items()],
)
def test_conduct_of_the_year(first: str, second: str, year: str):
    assert conduct_year(Level[first], Level[second]) is Level[year]


def test_conduct_of_the_year_needs_both_semesters():
    assert conduct_year(None, T) is None
    assert conduct_year(T, None) is None


OUTCOMES = [
    ((8, D, D, 45), {}, "PROMOTED"),
    ((9, D, D, 45), {}, "COMPLETED"),
    ((8, T, T, 46), {}, "RETAINED"),
    ((8, C, D, 0), {}, "SUMMER_TRAINING"),
    ((8, C, D, 46), {}, "RETAINED"),
    ((8, D, C, 46), {}, "RETAINED"),
    ((8, C, D, 0), {"conduct_after_summer": D}, "PROMOTED"),
    ((9, C, D, 0), {"conduct_after_summer": D}, "COMPLETED"),
    ((8, C, D, 0), {"conduct_after_summer": C}, "RETAINED"),
    ((8, D, C, 0), {}, "REASSESS"),
    ((8, D, C, 0), {"learning_after_reassessment": D}, "PROMOTED"),
    ((9, D, C, 0), {"learning_after_reassessment": D}, "COMPLETED"),
    ((8, D, C, 0), {"learning_after_reassessment": C}, "RETAINED"),
    ((8, C, C, 0), {}, "RETAINED"),
    ((8, C, C, 0), {"conduct_after_summer": T, "learning_after_reassessment": T}, "RETAINED"),
    ((8, C, D, 46), {"conduct_after_summer": T}, "RETAINED"),
    # A re-assessment that the year did not ask for takes nothing away.
    ((8, D, D, 0), {"learning_after_reassessment": C}, "PROMOTED"),
]


@pytest.mark.parametrize(("year", "summer", "outcome"), OUTCOMES)
def test_promotion_table(year: tuple, summer: dict, outcome: str):
    assert conclude(*year, **summer) is Promotion[outcome]


def test_who_may_be_reassessed():
    assert [may_reassess(tenths) for tenths in (0, 49, 50, 100)] == [True, True, False, False]
    assert [may_reassess(mark) for mark in (P, F, None)] == [False, True, False]


@pytest.mark.parametrize(
    ("conduct", "learning", "n_nines", "award"),
    [
        (T, T, 5, Award.GOOD_STUDENT),
        (T, T, 6, Award.EXCELLENT_STUDENT),
        (K, T, 8, None),
        (T, K, 8, None),
        (None, T, 8, None),
        (T, None, 8, None),
    ],
)
def test_awards(conduct: Level | None, learning: Level | None, n_nines: int, award: Award | None):
    assert award_of(conduct, learning, [90] * n_nines + [89] * (8 - n_nines)) is award
