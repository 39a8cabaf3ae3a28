"""The tasks of the Ban quản lý Học bạ số on the page of the day: one's own that are late or due within a fortnight."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.school_plan import LISTED
from hocbaso.services.access import Actor
from hocbaso.services.daily_items import DailyItem, school_item


def _mine(actor: Actor, year: m.SchoolYear, today: date):  # type: ignore[no-untyped-def]
    return (
        m.BoardTask.school_year_id == year.id,
        m.BoardTask.state == "OPEN",
        m.BoardTask.person_id == actor.person_id,
        m.BoardTask.due_on <= today + timedelta(days=LISTED),
    )


def board_items(actor: Actor, year: m.SchoolYear, today: date) -> list[DailyItem]:
    """One item a task; later ones stand on the board's own page."""
    if actor.person_id is None:
        return []
    rows = db.session.scalars(select(m.BoardTask).where(*_mine(actor, year, today)).order_by(m.BoardTask.due_on))
    return [_item(row, today) for row in rows]


def n_board_items(actor: Actor, year: m.SchoolYear, today: date) -> int:
    """How many :func:`board_items` there are."""
    return db.session.scalar(select(func.count(m.BoardTask.id)).where(*_mine(actor, year, today))) or 0


def _item(row: m.BoardTask, today: date) -> DailyItem:
    return school_item(
        "board",
        f"{row.id}-{row.version}",
        "do",
        row.title,
        "việc của Ban quản lý Học bạ số",
        f"/ke-hoach/#viec-{row.id}",
        row.due_on + timedelta(days=1),
        today,
    )
