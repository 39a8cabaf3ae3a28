"""The turn of the year on the page of the day: the office's plan to write, or to write anew; the principal's to approve."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.year_turn import TurnState, next_label
from hocbaso.services.access import Actor
from hocbaso.services.daily_items import DailyItem, Oddity, day_words, school_item

LINK = "/nam-hoc/chuyen"


def year_items(actor: Actor, year: m.SchoolYear, today: date) -> list[DailyItem]:
    """At most one item; from the day of the summer's freeze the office is asked for a plan, after the turn for the new grade 6."""
    prepares, decides = actor.may(Permission.IMPORT_ROSTER), actor.may(Permission.YEAR_EDIT)
    if actor.is_system or not (prepares or decides):
        return []
    if prepares and (empty := _without_newcomers(year)):
        return [
            _item(
                year,
                0,
                f"Nhập học sinh mới vào lớp {', '.join(empty)}",
                "",
                year.starts_on,
                today,
                (),
                "/nhap-du-lieu/",
            )
        ]
    row = db.session.scalar(select(m.YearTurn).where(m.YearTurn.from_year_id == year.id))
    state = TurnState(row.state) if row is not None else None
    title = meta = ""
    oddities: tuple[Oddity, ...] = ()
    if decides and row is not None and state is TurnState.SENT:
        title, meta = (
            f"Duyệt chuyển sang năm học {next_label(year.label).replace('-', '–')}",
            f"{row.preparer_name} gửi {day_words(row.prepared_at)}",
        )
        oddities = (Oddity("Chuyển năm học", "calendar", meta, "Xem kế hoạch rồi duyệt: năm cũ đóng, năm mới mở."),)
    elif prepares and row is not None and state is TurnState.RETURNED:
        title, meta = "Kế hoạch chuyển năm học bị trả lại", row.decider_name or ""
        oddities = (Oddity("Bị trả lại", "undo-2", meta, row.note or ""),)
    elif prepares and state in (None, TurnState.DRAFT) and today >= year.summer_freeze_on:
        title = f"Soạn kế hoạch chuyển sang năm học {next_label(year.label).replace('-', '–')}"
    if not title:
        return []
    before = date(int(next_label(year.label)[:4]), 9, 1)
    return [_item(year, row.version if row is not None else 0, title, meta, before, today, oddities, LINK)]


def _item(
    year: m.SchoolYear, version: int, title: str, meta: str, before: date, today: date, oddities: tuple[Oddity, ...], link: str
) -> DailyItem:  # fmt: skip
    return school_item("year", f"{year.id}-{version}", "decide", title, meta, link, before, today, oddities)


def _without_newcomers(year: m.SchoolYear) -> list[str]:
    """Names of the grade 6 classes of a year that was opened by a turn and in which nobody is but whoever stays in grade 6."""
    opened = select(m.YearTurn.id).where(m.YearTurn.to_year_id == year.id)
    if db.session.scalar(opened) is None:
        return []
    before = (
        select(m.Enrollment.student_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .where(m.ClassGroup.school_year_id != year.id)
    )
    filled = select(m.Enrollment.class_group_id).where(m.Enrollment.student_id.not_in(before))
    return list(
        db.session.scalars(
            select(m.ClassGroup.name)
            .where(
                m.ClassGroup.school_year_id == year.id, m.ClassGroup.grade_level == 6, m.ClassGroup.id.not_in(filled)
            )
            .order_by(m.ClassGroup.name)
        )
    )
