"""The calendar of a school year: what "before 20/5" means, when to remind, and whom. Dates are data, handed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

REMINDER_DAYS = (14, 7, 3, 1)
"""Days before the deadline on which the holder hears of it; from the deadline on, every day."""

GROUP_HEAD_FROM = 3
"""Days before the deadline from which the group head hears of it as well."""

QUIET_FROM_HOUR, QUIET_TO_HOUR = 21, 6
"""No message leaves the house between these hours of the school's wall clock."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline as the plan words it: ``before`` 20/5 is met until the end of 19/5."""

    before: date

    @property
    def last_good_day(self) -> date:
        """The last day on which the work is in time."""
        return self.before - timedelta(days=1)

    def days_left(self, today: date) -> int:
        """Days to the deadline; 1 on the last good day, 0 and less when late."""
        return (self.before - today).days

    def is_late(self, today: date) -> bool:
        """Whether the last good day has passed."""
        return today >= self.before

    def reminds_on(self, today: date) -> bool:
        """Whether the holder of the work is reminded today."""
        left = self.days_left(today)
        return left in REMINDER_DAYS or left <= 0

    def reminds_since(self, last: date, today: date) -> bool:
        """Whether the holder is reminded today when the last reminders went out on ``last``: a day of the calendar on which the
        server was off is made up for on the next one, so that none is lost to a Sunday."""
        return any(self.reminds_on(last + timedelta(days=n)) for n in range(1, (today - last).days + 1))

    def tells_group_head_on(self, today: date, last: date | None = None) -> bool:
        """Whether the head of the holder's group is told too; ``last``: the day of the last reminders (default: yesterday)."""
        last = today - timedelta(days=1) if last is None else last
        return self.reminds_since(last, today) and self.days_left(today) <= GROUP_HEAD_FROM

    def tells_principal_on(self, today: date) -> bool:
        """Whether the principal is told too: only of what is late."""
        return self.is_late(today)


def is_quiet(hour: int) -> bool:
    """Whether an hour 0..23 of the school's wall clock lies in the quiet time."""
    return hour >= QUIET_FROM_HOUR or hour < QUIET_TO_HOUR


def days_left_text(days: int) -> str:
    """``còn 7 ngày``, ``ngày cuối``, ``quá hạn 2 ngày`` for :meth:`Deadline.days_left`, on pages and in messages alike.

    Counted to the last good day: of what must be done before 20/5, the 18/5 says ``còn 1 ngày``.
    """
    if days > 1:
        return f"còn {days - 1} ngày"
    return "ngày cuối" if days == 1 else f"quá hạn {1 - days} ngày"
