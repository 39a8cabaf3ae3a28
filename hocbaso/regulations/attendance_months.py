"""Absences by month: which months a school year has, how a semester's total follows from them, and when 45 comes near.

What the book of records asks for is a number of sessions a month, with permission and without (sổ theo dõi và đánh giá học sinh,
Circular 22/2021, annex; the total of the year decides about promotion by Art. 12.1c). The circular says nothing of how a month that two
semesters share is divided: here each semester has its own part of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from hocbaso.regulations.promotion import MAX_ABSENCES

EXCUSED, UNEXCUSED = "excused", "unexcused"

KINDS = (EXCUSED, UNEXCUSED)

NEAR_ABSENCES = MAX_ABSENCES * 4 // 5
"""From this many sessions in the year on a pupil comes near the 45 of Art. 12.1c. Four fifths: advice, not law."""

_SUNDAY = 6


class Nearness(StrEnum):
    """How a pupil's absences stand to Art. 12.1c."""

    FAR = "far"
    NEAR = "near"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class MonthColumn:
    """The part of a calendar month that belongs to a semester; both days included."""

    semester: int
    month: str
    """``2026-09``"""
    first_day: date
    last_day: date

    @property
    def key(self) -> str:
        """``1-2026-09``: names the column in addresses and forms."""
        return f"{self.semester}-{self.month}"

    @property
    def number(self) -> int:
        """The month of the calendar, 1 to 12."""
        return int(self.month[5:])

    @property
    def most(self) -> int:
        """The most sessions a pupil can have missed in it: one a day (Art. 12.1c), no school on Sundays."""
        days = (self.last_day - self.first_day).days + 1
        return sum((self.first_day + timedelta(n)).weekday() != _SUNDAY for n in range(days))


def month_columns(starts_on: date, semester_1_ends: date, semester_2_ends: date) -> tuple[MonthColumn, ...]:
    """The columns of a year in order. A semester that would end before it began has none."""
    found = []
    for semester, first, last in (
        (1, starts_on, semester_1_ends),
        (2, max(starts_on, semester_1_ends + timedelta(1)), semester_2_ends),
    ):
        day = first
        while day <= last:
            after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
            found.append(MonthColumn(semester, f"{day:%Y-%m}", day, min(last, after - timedelta(1))))
            day = after
    return tuple(found)


def is_due(column: MonthColumn, came_on: date | None) -> bool:
    """Whether the month has to be typed: not when it was over before the pupil came (``came_on``; None: there from the start)."""
    return came_on is None or column.last_day >= came_on


def total_of(due: Collection[str], counts: Mapping[str, int | None]) -> int | None:
    """The sessions of a semester, excused or unexcused, from ``counts`` (column -> sessions).

    None while a column of ``due`` has no number: part of a semester never stands for the whole. What was typed for a month that is not due
    (the months at the school before) counts too. None as well where nothing is due and nothing typed.
    """
    if not due and all(value is None for value in counts.values()):
        return None
    if any(counts.get(key) is None for key in due):
        return None
    return sum(value for value in counts.values() if value is not None)


def tells_total(stands: int | None, counts: Mapping[str, int | None]) -> bool:
    """Whether the months are what the total stands for: some are typed and come to it. A total that is another was corrected by itself."""
    typed = [value for value in counts.values() if value is not None]
    return bool(typed) and sum(typed) == stands


def corrected_total(stands: int, before: Mapping[str, int | None], after: Mapping[str, int | None]) -> int | None:
    """The total once months were corrected (``before`` -> ``after``, column -> sessions).

    Their new sum where they told the total; where it had been corrected by itself only that very total, so that they tell it again. None
    otherwise, and where no month was typed: then two numbers would stand side by side.
    """
    typed = any(value is not None for value in before.values())
    total = sum(value for value in after.values() if value is not None)
    return total if typed and (tells_total(stands, before) or total == stands) else None


def nearness(sessions: int) -> Nearness:
    """How ``sessions`` of the year, excused and unexcused together, stand to Art. 12.1c: 45 is still in order."""
    if sessions > MAX_ABSENCES:
        return Nearness.OVER
    return Nearness.NEAR if sessions >= NEAR_ABSENCES else Nearness.FAR
