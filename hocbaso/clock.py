"""Time as the school sees it. Services take ``now`` as an argument; only the edges call :func:`now`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SCHOOL_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
"""Vietnam has had one zone and no summer time since 1975, so local dates are safe keys for daily work."""


def now() -> datetime:
    """The present instant, aware, in UTC, whole microseconds."""
    return datetime.now(UTC)


def local(instant: datetime) -> datetime:
    """The same instant on the school's wall clock. Naive input is read as UTC (as the database returns it)."""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return instant.astimezone(SCHOOL_ZONE)


def local_date(instant: datetime) -> date:
    """The school's calendar day of an instant."""
    return local(instant).date()
