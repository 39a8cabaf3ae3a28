"""The few facts of the school that stand on every page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db


@dataclass(frozen=True, slots=True)
class Frame:
    """What the head of each page says of the school."""

    school_name: str | None
    short_name: str | None
    year_label: str | None
    is_demo: bool
    second_factor: bool


@dataclass(slots=True)
class FrameCache:
    """The frame as one process last read it."""

    frame: Frame | None = None
    read_at: datetime | None = None


FRAME_KEPT = timedelta(seconds=15)


def frame(cache: FrameCache, now: datetime) -> Frame:
    """The school's name and open year, at most fifteen seconds old."""
    if cache.frame is None or cache.read_at is None or not timedelta(0) <= now - cache.read_at < FRAME_KEPT:
        school = db.session.get(m.School, 1)
        label = db.session.scalar(
            select(m.SchoolYear.label)
            .where(m.SchoolYear.state == "OPEN")
            .order_by(m.SchoolYear.starts_on.desc())
            .limit(1)
        )
        name = school.name if school else None
        cache.frame = Frame(
            school_name=name,
            short_name=name.removeprefix("Trường ") if name else None,
            year_label=label.replace("-", "–") if label else None,
            is_demo=bool(school and school.is_demo),
            second_factor=bool(school and school.require_second_factor),
        )
        cache.read_at = now
    return cache.frame
