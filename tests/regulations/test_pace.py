"""Forecast and what-if of a deadline: whole days, no step lost, monotone."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hocbaso.regulations.pace import PACE_DAYS, Pace, outlook

TODAY = date(2027, 5, 10)


def test_at_seven_steps_a_week_ten_steps_take_ten_days():
    assert Pace(10, 7).finish(TODAY) == date(2027, 5, 20)


def test_part_of_a_day_is_a_day():
    assert Pace(1, 6).finish(TODAY) == date(2027, 5, 12)


def test_nothing_left_is_done_today_and_nothing_moving_has_no_day():
    assert Pace(0, 0).finish(TODAY) == TODAY
    assert Pace(3, 0).finish(TODAY) is None


def test_before_a_day_means_done_on_the_day_before():
    met = outlook(Pace(9, 7), date(2027, 5, 20), TODAY)
    assert (met.finish, met.days_over, met.is_met) == (date(2027, 5, 19), 0, True)
    late = outlook(Pace(10, 7), date(2027, 5, 20), TODAY)
    assert (late.finish, late.days_over, late.is_met) == (date(2027, 5, 20), 1, False)


def test_what_a_deadline_asks_for_a_week():
    assert outlook(Pace(10, 1), date(2027, 5, 20), TODAY).per_week == 7
    assert outlook(Pace(10, 1), date(2027, 5, 11), TODAY).per_week == 70
    assert outlook(Pace(10, 1), TODAY, TODAY).per_week is None
    assert outlook(Pace(0, 1), TODAY, TODAY).per_week == 0


def test_without_a_pace_nothing_is_forecast_and_nothing_called_met():
    found = outlook(Pace(4, 0), date(2027, 5, 20), TODAY)
    assert (found.finish, found.days_over, found.is_met) == (None, None, False)


@given(st.integers(0, 500), st.integers(1, 200), st.integers(1, 60))
def test_keeping_what_is_asked_meets_the_date(left: int, done: int, days: int):
    asked = outlook(Pace(left, done), TODAY + timedelta(days=days), TODAY)
    assert asked.per_week is not None
    assert asked.per_week * days >= left * PACE_DAYS
    assert Pace(left, max(1, asked.per_week)).finish(TODAY) <= TODAY + timedelta(days=days)


@given(st.integers(0, 500), st.integers(1, 200), st.integers(0, 60), st.integers(0, 60))
def test_a_later_deadline_is_never_harder(left: int, done: int, days: int, more: int):
    sooner = outlook(Pace(left, done), TODAY + timedelta(days=days), TODAY)
    later = outlook(Pace(left, done), TODAY + timedelta(days=days + more), TODAY)
    assert later.days_over <= sooner.days_over
    assert sooner.per_week is None or later.per_week <= sooner.per_week
