"""Does the pace reach the date: a forecast from what was done lately, and what a deadline would ask for. Whole days and steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

PACE_DAYS = 7
"""A week: it holds both Sundays and the day on which the staff meets."""


@dataclass(frozen=True, slots=True)
class Pace:
    """``n_left`` steps are left, ``n_done`` were done in the last ``PACE_DAYS`` days."""

    n_left: int
    n_done: int

    def finish(self, today: date) -> date | None:
        """The day on which the last step ends at this pace; today when nothing is left, None when nothing moves."""
        if self.n_left <= 0:
            return today
        if self.n_done <= 0:
            return None
        return today + timedelta(days=-(-self.n_left * PACE_DAYS // self.n_done))


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a deadline asks for. ``per_week``: steps a week from today to be in time, None when there is no day left for the
    rest. ``days_over``: days by which the forecast misses the deadline; 0 in time, None where there is no forecast."""

    before: date
    per_week: int | None
    finish: date | None
    days_over: int | None

    @property
    def is_met(self) -> bool:
        """Whether the forecast is in time."""
        return self.days_over == 0


def outlook(pace: Pace, before: date, today: date) -> Outlook:
    """How the pace stands to a deadline "before this day" (what ends on the day before is in time)."""
    finish = pace.finish(today)
    days = (before - today).days  # today itself is one of them
    per_week = 0 if pace.n_left <= 0 else -(-pace.n_left * 7 // days) if days > 0 else None
    over = None if finish is None else max(0, (finish - before).days + 1)
    return Outlook(before, per_week, finish, over)
