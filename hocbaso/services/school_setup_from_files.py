"""The school and year that the first import brings into being, where the instance is still empty."""

from __future__ import annotations

from datetime import date, datetime

from hocbaso import models as m
from hocbaso.errors import NotAllowed
from hocbaso.services import roster
from hocbaso.services.access import Actor

_YEAR_TURNS_IN = 8
"""Files for a new school year are prepared from August on."""


def label_containing(day: date) -> str:
    """``2025-2026`` for any day from August 2025 to July 2026."""
    first = day.year if day.month >= _YEAR_TURNS_IN else day.year - 1
    return f"{first}-{first + 1}"


def is_unconfigured() -> bool:
    """Whether this instance has no school yet."""
    return roster.the_school() is None


def make_school(actor: Actor, school_name: str, now: datetime) -> None:
    """Enter the school by its name alone; the rest is filled in later. NotAllowed for anyone but the system actor."""
    if not actor.is_system:
        raise NotAllowed("Trường chưa được khai báo. Hãy hoàn thành thiết lập ban đầu trước.")
    roster.create_school(actor, {"name": school_name}, now)


def make_year(actor: Actor, label: str, now: datetime) -> m.SchoolYear:
    """Open the year with the calendar's defaults."""
    return roster.create_year(actor, label, now)
