"""The turn of the year on the page of the day: the office's plan to write, or to write anew; the principal's to approve."""

from __future__ import annotations

from dataclasses import dataclass
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
    found = next(
        (one for one in turn_work(year, today) if (decides and one.decides) or (prepares and not one.decides)), None
    )
    if found is None:
        return []
    return [_item(year, found.version, found.title, found.meta, found.before, today, found.oddities, found.link)]


@dataclass(frozen=True, slots=True)
class TurnWork:
    """What the turn of the year asks for; of the principal where ``decides``, else of the office. ``key``: the same while the same is asked."""

    key: str
    title: str
    before: date
    link: str
    decides: bool = False
    meta: str = ""
    oddities: tuple[Oddity, ...] = ()
    version: int = 0


def turn_work(year: m.SchoolYear, today: date) -> list[TurnWork]:
    """What waits of the turn into this year and out of it, the more urgent first."""
    work = []
    if empty := _without_newcomers(year):
        work.append(
            TurnWork("newcomers", f"Nhập học sinh mới vào lớp {', '.join(empty)}", year.starts_on, "/nhap-du-lieu/")
        )
    row = db.session.scalar(
        select(m.YearTurn).where(m.YearTurn.from_year_id == year.id).execution_options(populate_existing=True)
    )
    state = TurnState(row.state) if row is not None else None
    label = next_label(year.label)
    before, words = date(int(label[:4]), 9, 1), label.replace("-", "–")
    if row is not None and state is TurnState.SENT:
        meta = f"{row.preparer_name} gửi {day_words(row.prepared_at)}"
        why = Oddity("Chuyển năm học", "calendar", meta, "Xem kế hoạch rồi duyệt: năm cũ đóng, năm mới mở.")
        title = f"Duyệt chuyển sang năm học {words}"
        work.append(TurnWork(state, title, before, LINK, True, meta, (why,), row.version))
    elif row is not None and state is TurnState.RETURNED:
        meta = row.decider_name or ""
        back = Oddity("Bị trả lại", "undo-2", meta, row.note or "")
        work.append(
            TurnWork(state, "Kế hoạch chuyển năm học bị trả lại", before, LINK, False, meta, (back,), row.version)
        )
    elif state in (None, TurnState.DRAFT) and today >= year.summer_freeze_on:
        version = row.version if row is not None else 0
        work.append(
            TurnWork(TurnState.DRAFT, f"Soạn kế hoạch chuyển sang năm học {words}", before, LINK, version=version)
        )
    return work


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
