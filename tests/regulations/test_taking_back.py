"""The ten seconds in which the same hand takes an approval back: the window, who, and what stands on top."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from hocbaso.regulations.taking_back import LastStep, is_open, standing, why_not

BEGAN = datetime(2027, 5, 12, 8, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("done", "now", "expected"),
    [
        (0, 0, True),
        (0, 10, True),
        (0, 10.001, False),
        (25, 34.9, True),  # a long list: the time runs from its answer
        (25, 35.1, False),
        (0, -0.001, False),  # the clock was set back
        (-1, 3, False),
    ],
)
def test_the_window_runs_ten_seconds_from_the_answer(done: float, now: float, expected: bool) -> None:
    assert is_open(BEGAN, later(done), later(now)) is expected


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (LastStep("approve", 7, BEGAN), None),
        (LastStep("approve", 8, BEGAN), "Chỉ chính người"),
        (LastStep("approve", None, BEGAN), "Chỉ chính người"),
        (LastStep("lock", 7, BEGAN), "bước khác"),
        (LastStep("approve", 7, later(1)), "bước khác"),
        (LastStep("take_back", 7, BEGAN), "bước khác"),
        (None, "bước khác"),
    ],
)
def test_only_the_own_approval_that_stands_on_top(last: LastStep | None, words: str | None) -> None:
    found = why_not(last, account_id=7, approved_at=BEGAN)
    assert found is None if words is None else words in (found or "")


def test_the_system_takes_nothing_back() -> None:
    assert why_not(LastStep("approve", None, BEGAN), account_id=None, approved_at=BEGAN)


@dataclass
class Kept:
    """A step."""

    verb: str


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("review approve take_back", "review"),
        ("review approve take_back approve", "review approve"),
        ("finalise approve take_back return finalise", "finalise return finalise"),
        ("review approve", "review approve"),
        ("", ""),
    ],
)
def test_steps_taken_back_leave_things_as_if_they_had_not_been(steps: str, expected: str) -> None:
    assert [one.verb for one in standing(Kept(verb) for verb in steps.split())] == expected.split()
