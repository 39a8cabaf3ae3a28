"""The law's bounds of a school year's dates: workflow.md, "Calendar"."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocbaso.regulations import year_calendar as rules
from hocbaso.regulations.year_calendar import EntryWindow, YearDates

DATES = YearDates(date(2026, 9, 5), date(2027, 5, 20), date(2027, 5, 21), date(2027, 5, 31), date(2027, 8, 15))
WINDOWS = (
    EntryWindow(1, None, date(2026, 9, 5), date(2027, 1, 18)),
    EntryWindow(2, None, date(2027, 1, 19), date(2027, 5, 19)),
    EntryWindow(2, 9, date(2027, 1, 19), date(2027, 5, 12)),
)
NOVEMBER = date(2026, 11, 20)


def faults(dates: YearDates, windows: tuple[EntryWindow, ...] = WINDOWS, today: date = NOVEMBER) -> list[str]:
    return [
        fault.field
        for fault in rules.date_faults(
            dates, windows, standing=DATES, standing_windows=WINDOWS, year_ends_in=2027, today=today
        )
    ]


def with_window(key: str, **days: date) -> tuple[EntryWindow, ...]:
    return tuple(replace(window, **days) if window.key == key else window for window in WINDOWS)


def test_the_calendar_as_it_is_proposed_has_no_fault() -> None:
    assert faults(DATES) == []


@pytest.mark.parametrize("field", rules.DEADLINES)
def test_a_deadline_may_not_be_later_than_the_law(field: str) -> None:
    assert field in faults(replace(DATES, **{field: getattr(DATES, field) + timedelta(days=1)}))


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_deadlines_that_come_earlier_stand_whenever_their_order_does(one: int, two: int, three: int) -> None:
    dates = replace(
        DATES,
        data_complete_before=DATES.data_complete_before - timedelta(days=one),
        sign_grade9_before=DATES.sign_grade9_before - timedelta(days=two),
        sign_others_before=DATES.sign_others_before - timedelta(days=three),
    )
    early = tuple(replace(window, closes_on=date(2027, 2, 1)) for window in WINDOWS)
    in_order = dates.data_complete_before <= dates.sign_grade9_before <= dates.sign_others_before
    assert (faults(dates, early) == []) == in_order


def test_what_stands_already_is_not_judged_again() -> None:
    late = replace(DATES, data_complete_before=date(2027, 6, 20), sign_grade9_before=date(2027, 6, 21))
    late = replace(late, sign_others_before=date(2027, 6, 30))
    found = rules.date_faults(
        replace(late, summer_freeze_on=date(2027, 8, 14)),
        WINDOWS,
        standing=late,
        standing_windows=WINDOWS,
        year_ends_in=2027,
        today=NOVEMBER,
    )
    assert found == []


def test_the_summer_is_frozen_after_all_have_signed_and_before_the_next_year() -> None:
    assert faults(replace(DATES, summer_freeze_on=date(2027, 8, 31))) == []
    assert faults(replace(DATES, summer_freeze_on=date(2027, 9, 1))) == ["summer_freeze_on"]
    assert faults(replace(DATES, summer_freeze_on=date(2027, 5, 30))) == ["summer_freeze_on"]


def test_a_window_closes_on_the_last_good_day_of_the_data_at_the_latest() -> None:
    assert faults(DATES, with_window("s2_g9", closes_on=date(2027, 5, 19))) == []
    assert faults(DATES, with_window("s2_g9", closes_on=date(2027, 5, 20))) == ["s2_g9_closes_on"]


def test_a_window_that_stands_is_judged_when_the_deadline_moves_before_its_end() -> None:
    assert faults(replace(DATES, data_complete_before=date(2027, 5, 15))) == ["s2_g0_closes_on"]


def test_once_the_data_are_late_a_window_opens_again_until_the_summer_is_frozen() -> None:
    june = date(2027, 6, 3)
    assert faults(DATES, with_window("s2_g0", closes_on=date(2027, 6, 10)), june) == []
    assert faults(DATES, with_window("s2_g0", closes_on=date(2027, 8, 16)), june) == ["s2_g0_closes_on"]


def test_a_window_lies_inside_the_year_and_ends_after_it_begins() -> None:
    assert faults(DATES, with_window("s1_g0", opens_on=date(2026, 9, 4))) == ["s1_g0_opens_on"]
    assert faults(DATES, with_window("s1_g0", closes_on=date(2026, 9, 4))) == ["s1_g0_closes_on"]


def test_reopened_names_the_grade_levels_whose_time_was_over() -> None:
    february = date(2027, 2, 1)
    assert rules.reopened(WINDOWS, with_window("s1_g0", closes_on=date(2027, 2, 5)), february) == (
        (1, 6),
        (1, 7),
        (1, 8),
        (1, 9),
    )
    assert rules.reopened(WINDOWS, with_window("s1_g0", closes_on=date(2027, 1, 31)), february) == ()
    assert rules.reopened(WINDOWS, with_window("s2_g9", closes_on=date(2027, 5, 14)), february) == ()


def test_a_grade_level_that_loses_its_own_days_may_be_reopened_by_the_days_of_all() -> None:
    followed = tuple(window for window in WINDOWS if window.grade_level is None)
    assert rules.reopened(WINDOWS, followed, date(2027, 5, 13)) == ((2, 9),)


@pytest.mark.parametrize(("today", "asked"), [(date(2027, 5, 9), False), (date(2027, 5, 10), True)])
def test_a_deadline_that_is_over_is_put_off_with_a_reason_only(today: date, asked: bool) -> None:
    before = replace(DATES, data_complete_before=date(2027, 5, 10))
    assert rules.needs_reason(before, DATES, WINDOWS, WINDOWS, today) is asked
    assert not rules.needs_reason(DATES, before, WINDOWS, WINDOWS, today)


def test_the_window_of_a_grade_level_is_its_own_else_the_one_of_all() -> None:
    assert rules.window_of(WINDOWS, 2, 9) == WINDOWS[2]
    assert rules.window_of(WINDOWS, 2, 8) == WINDOWS[1]
    assert rules.window_of(WINDOWS[2:], 2, 8) is None
