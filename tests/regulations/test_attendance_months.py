"""Months of a school year, the total that follows from them, and how near 45 sessions are."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from hocbaso.regulations.attendance_months import (
    Nearness,
    corrected_total,
    is_due,
    month_columns,
    nearness,
    tells_total,
    total_of,
)

YEAR = month_columns(date(2026, 9, 5), date(2027, 1, 18), date(2027, 5, 19))


def test_each_semester_has_its_own_part_of_the_month_they_share():
    assert [column.key for column in YEAR] == [
        "1-2026-09", "1-2026-10", "1-2026-11", "1-2026-12", "1-2027-01",
        "2-2027-01", "2-2027-02", "2-2027-03", "2-2027-04", "2-2027-05",
    ]  # fmt: skip
    shared = [column for column in YEAR if column.month == "2027-01"]
    assert [(column.first_day, column.last_day) for column in shared] == [
        (date(2027, 1, 1), date(2027, 1, 18)),
        (date(2027, 1, 19), date(2027, 1, 31)),
    ]
    for one, after in pairwise(YEAR):
        assert (after.first_day - one.last_day).days == 1, "no day twice and none left out"


def test_a_semester_that_ends_with_a_month_shares_none():
    keys = [column.key for column in month_columns(date(2026, 9, 1), date(2026, 12, 31), date(2027, 5, 31))]
    assert keys[3:5] == ["1-2026-12", "2-2027-01"] and len(keys) == 9


def test_a_semester_that_would_end_before_it_began_has_no_month():
    assert {column.semester for column in month_columns(date(2026, 9, 5), date(2027, 5, 30), date(2027, 5, 19))} == {1}


def test_no_more_sessions_than_days_without_sundays():
    assert [column.most for column in YEAR[:2]] == [22, 27]
    assert YEAR[4].most == 15


@pytest.mark.parametrize(
    ("due", "counts", "total"),
    [
        (["a", "b"], {"a": 2, "b": 0}, 2),
        (["a", "b"], {"a": 2}, None),
        (["a", "b"], {"a": 2, "b": None}, None),
        (["b"], {"a": 3, "b": 1}, 4),
        (["b"], {"a": None, "b": 1}, 1),
        (["b"], {"a": 3}, None),
        ([], {}, None),
        ([], {"a": 2}, 2),
    ],
)
def test_part_of_a_semester_never_stands_for_the_whole(
    due: list[str], counts: dict[str, int | None], total: int | None
):
    assert total_of(due, counts) == total


@pytest.mark.parametrize(
    ("came_on", "due"), [(None, True), (date(2026, 9, 30), True), (date(2026, 10, 1), False), (date(2026, 9, 5), True)]
)
def test_months_before_a_pupil_came_need_not_be_typed(came_on: date | None, due: bool):
    assert is_due(YEAR[0], came_on) is due


@pytest.mark.parametrize(
    ("sessions", "said"),
    [(0, Nearness.FAR), (35, Nearness.FAR), (36, Nearness.NEAR), (45, Nearness.NEAR), (46, Nearness.OVER)],
)
def test_45_is_in_order_and_46_is_not(sessions: int, said: Nearness):
    assert nearness(sessions) is said


@pytest.mark.parametrize(
    ("stands", "before", "after", "total"),
    [
        (3, {"a": 2, "b": 1}, {"a": 4, "b": 1}, 5),  # they told it: it follows
        (3, {"a": 2, "b": 1}, {"a": 1, "b": 2}, 3),
        (7, {"a": 2, "b": 1}, {"a": 4, "b": 3}, 7),  # corrected by itself: only back to it
        (7, {"a": 2, "b": 1}, {"a": 4, "b": 1}, None),
        (3, {"a": 3, "b": None}, {"a": 3, "b": 2}, 5),
        (5, {}, {"a": 5}, None),  # no months behind it: none beside it
        (0, {"a": None}, {"a": 0}, None),
    ],
)
def test_a_corrected_month_takes_its_total_along_or_comes_to_it(
    stands: int, before: dict[str, int | None], after: dict[str, int | None], total: int | None
):
    assert corrected_total(stands, before, after) == total


@pytest.mark.parametrize(
    ("stands", "counts", "told"),
    [(3, {"a": 2, "b": 1}, True), (3, {"a": 2}, False), (None, {}, False), (None, {"a": 0}, False), (0, {}, False)],
)
def test_months_tell_a_total_they_come_to(stands: int | None, counts: dict[str, int | None], told: bool):
    assert tells_total(stands, counts) is told
