"""Duties of the plan, who counts as trained, where a task stands."""

from __future__ import annotations

from datetime import date, timedelta

from hocbaso.regulations.school_plan import Standing, duties, standing, trained

DAY = date(2027, 5, 12)


def test_hundred_per_cent_means_all_of_those_at_work() -> None:
    assert (trained([], []).percent, trained([1, 2], []).percent) == (None, 0)
    figure = trained(range(200), range(1, 300))
    assert (figure.n_trained, figure.n_left, figure.percent) == (199, 1, 99)
    assert trained([1, 2], [1, 2, 3]).percent == 100, "who left since does not count"


def test_a_task_is_late_only_after_its_day() -> None:
    assert standing(DAY, False, DAY + timedelta(days=1)) is Standing.LATE
    assert standing(DAY, False, DAY) is Standing.SOON
    assert standing(DAY, False, DAY - timedelta(days=7)) is Standing.SOON
    assert standing(DAY, False, DAY - timedelta(days=8)) is Standing.OPEN
    assert standing(DAY, True, DAY + timedelta(days=9)) is Standing.DONE


def test_the_last_duties_fall_on_the_last_good_days_of_the_plan() -> None:
    found = {
        one.title: one.due_on
        for one in duties(date(2026, 9, 5), date(2027, 5, 20), date(2027, 5, 21), date(2027, 5, 31))
    }
    assert found["Hoàn thành nhập dữ liệu học bạ"] == date(2027, 5, 19)
    assert found["Hoàn thành ký số học bạ khối 9"] == date(2027, 5, 20)
    assert found["Hoàn thành ký số học bạ các khối khác"] == date(2027, 5, 30)
    assert list(found.values()) == sorted(found.values()) and len(found) == 11
