"""The calendar of a school year: workflow.md, "Calendar"."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from hocbaso.regulations.deadlines import Deadline, days_left_text, is_quiet

DAY = Deadline(date(2027, 5, 20))


def test_before_the_20th_is_met_until_the_end_of_the_19th() -> None:
    assert DAY.last_good_day == date(2027, 5, 19)
    assert not DAY.is_late(date(2027, 5, 19))
    assert DAY.is_late(date(2027, 5, 20))


def test_the_holder_hears_14_7_3_and_1_days_before_and_each_day_after() -> None:
    told = [left for left in range(20, -20, -1) if DAY.reminds_on(DAY.before - timedelta(days=left))]
    assert told == [14, 7, 3, 1, *range(0, -20, -1)]


def test_the_group_head_hears_from_the_third_day_and_the_principal_of_what_is_late() -> None:
    days = {left: DAY.before - timedelta(days=left) for left in range(20, -6, -1)}
    assert [left for left, day in days.items() if DAY.tells_group_head_on(day)] == [3, 1, 0, -1, -2, -3, -4, -5]
    assert [left for left, day in days.items() if DAY.tells_principal_on(day)] == [0, -1, -2, -3, -4, -5]


def test_a_day_of_the_calendar_on_which_the_server_was_off_is_made_up_for_on_the_next_one() -> None:
    def left(days: int) -> date:
        return DAY.before - timedelta(days=days)

    assert not DAY.reminds_on(left(6))
    assert DAY.reminds_since(left(8), left(6)), "off on the seventh day"
    assert not DAY.reminds_since(left(7), left(6)), "told yesterday"
    assert not DAY.reminds_since(left(13), left(8)), "nothing was due between"
    assert DAY.tells_group_head_on(left(2), left(4)) and not DAY.tells_group_head_on(left(2), left(3))
    assert not DAY.tells_group_head_on(left(5), left(20)), "the head hears from the third day on, not before"


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2027, 5, 6), "còn 13 ngày"),
        (date(2027, 5, 18), "còn 1 ngày"),
        (date(2027, 5, 19), "ngày cuối"),
        (date(2027, 5, 20), "quá hạn 1 ngày"),
        (date(2027, 5, 27), "quá hạn 8 ngày"),
    ],
)
def test_days_left_in_words(day: date, words: str) -> None:
    assert days_left_text(DAY.days_left(day)) == words


def test_no_message_leaves_between_21_and_6() -> None:
    assert [hour for hour in range(24) if is_quiet(hour)] == [0, 1, 2, 3, 4, 5, 21, 22, 23]
