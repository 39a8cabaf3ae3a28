"""The worked tables of the specification for counts, averages and comment results."""

from __future__ import annotations

import pytest

from hocbaso.errors import Invalid
from hocbaso.regulations import averages
from hocbaso.regulations.terms import PassFail, SubjectKind

P, F = PassFail.PASS, PassFail.FAIL


@pytest.mark.parametrize(("lessons", "count"), [(1, 2), (35, 2), (36, 3), (52, 3), (70, 3), (71, 4), (140, 4)])
def test_count_of_regular_assessments_follows_the_lessons(lessons: int, count: int):
    assert averages.regular_count(lessons, SubjectKind.SCORED) == count
    assert averages.regular_count(lessons, SubjectKind.COMMENT) == 2


def test_a_scored_subject_has_lessons():
    with pytest.raises(Invalid, match="Số tiết"):
        averages.regular_count(0, SubjectKind.SCORED)


@pytest.mark.parametrize(
    ("regular", "midterm", "final", "average"),
    [
        ([80, 70, 90, 60], 75, 80, 77),
        ([80, 90], 70, 80, 79),
        ([70, 70, 70], 65, 80, 73),
        ([66, 60, 60], 60, 70, 65),
        ([60, 70], 0, 80, 53),
        ([90, 80], 80, 78, 81),
        ([100] * 4, 100, 100, 100),
        ([0] * 2, 0, 0, 0),
    ],
)
def test_semester_average_of_the_worked_table(regular: list[int], midterm: int, final: int, average: int):
    assert averages.semester_average(regular, midterm, final) == average


@pytest.mark.parametrize(
    ("first", "second", "year"), [(64, 65, 65), (80, 79, 79), (79, 80, 80), (53, 48, 50), (32, 36, 35), (33, 35, 34)]
)
def test_year_average_of_the_worked_table(first: int, second: int, year: int):
    assert averages.year_average(first, second) == year


def test_the_year_is_averaged_from_rounded_semesters():
    first = averages.semester_average([70, 70, 70], 65, 80)  # 7,25 -> 7,3
    assert first == 73
    assert averages.year_average(first, 71) == 72  # (7,3 + 14,2) / 3 = 7,166…
    assert averages.year_average(64, 70) == 68


@pytest.mark.parametrize(
    ("regular", "midterm", "final"),
    [([80, None], 80, 80), ([80, 80], None, 80), ([80, 80], 80, None), ([], 80, 80)],
)
def test_missing_is_not_zero(regular: list[int | None], midterm: int | None, final: int | None):
    assert averages.semester_average(regular, midterm, final) is None
    assert averages.explain_average(regular, midterm, final) is None


def test_the_year_needs_both_semesters():
    assert averages.year_average(None, 80) is None
    assert averages.year_average(80, None) is None


@pytest.mark.parametrize(
    ("marks", "result"),
    [
        (([P, P], P, P), P),
        (([P, F], P, P), F),
        (([P, P], F, P), F),
        (([P, P], P, F), F),
        (([P, None], P, F), None),
        (([P, P], None, P), None),
        (([P, P], P, None), None),
        (([], P, P), None),
    ],
)
def test_a_comment_semester_needs_every_assessment_passed(marks: tuple, result: PassFail | None):
    assert averages.comment_semester(*marks) is result


@pytest.mark.parametrize(
    ("first", "second", "year"), [(P, F, F), (F, P, P), (P, P, P), (F, F, F), (None, P, P), (F, None, None)]
)
def test_a_comment_year_is_semester_two(first: PassFail | None, second: PassFail | None, year: PassFail | None):
    assert averages.comment_year(first, second) is year


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        (([80, 75, 90, 85], 80, 75), "(8,0 + 7,5 + 9,0 + 8,5 + 2 × 8,0 + 3 × 7,5) ÷ 9 = 7,94… → 7,9"),
        (([70, 70, 70], 65, 80), "(7,0 + 7,0 + 7,0 + 2 × 6,5 + 3 × 8,0) ÷ 8 = 7,25 → 7,3"),
        (([100, 100], 100, 100), "(10 + 10 + 2 × 10 + 3 × 10) ÷ 7 = 10"),
        (([0, 1], 0, 0), "(0,0 + 0,1 + 2 × 0,0 + 3 × 0,0) ÷ 7 = 0,01… → 0,0"),
    ],
)
def test_the_sum_is_written_out(marks: tuple, words: str):
    assert averages.explain_average(*marks) == words
