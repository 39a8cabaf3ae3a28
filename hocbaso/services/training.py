"""Tập huấn: training days, who was there, and the share of the staff that has been trained this year."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, Stale
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.school_plan import Trained, trained
from hocbaso.services import audit
from hocbaso.services.access import Actor


@dataclass(frozen=True, slots=True)
class Session:
    """A training day with who was there, in order of names."""

    id: int
    title: str
    held_on: date
    organiser: str
    place: str | None
    version: int
    present: frozenset[int]
    is_over: bool


@dataclass(frozen=True, slots=True)
class Training:
    """The page. ``people``: (id, name) of everybody at work; ``untrained``: those who were at no session of the year."""

    sessions: tuple[Session, ...]
    people: tuple[tuple[int, str], ...]
    untrained: tuple[tuple[int, str], ...]
    figure: Trained
    may_keep: bool

    @property
    def unmarked(self) -> tuple[Session, ...]:
        """Days that are over and of which nobody is marked as present yet."""
        return tuple(one for one in self.sessions if one.is_over and not one.present)


def _year_start() -> date:
    year = db.session.scalar(
        select(m.SchoolYear).where(m.SchoolYear.state == "OPEN").order_by(m.SchoolYear.starts_on.desc()).limit(1)
    )
    # Training goes on in August, before the first school day: a year begins for it when the one before ends.
    return date(year.starts_on.year, 7, 1) if year else date.min


def earliest_day() -> date | None:
    """The first day that counts for the open year; None without one."""
    first = _year_start()
    return None if first == date.min else first


def page(actor: Actor, now: datetime) -> Training:
    """The training days of the year, for those who follow its progress. NotAllowed for others."""
    actor.require(Permission.PROGRESS_READ)
    today = clock.local_date(now)
    rows = db.session.scalars(
        select(m.TrainingSession)
        .where(m.TrainingSession.held_on >= _year_start())
        .options(selectinload(m.TrainingSession.attendance))
        .order_by(m.TrainingSession.held_on.desc(), m.TrainingSession.id.desc())
        .execution_options(populate_existing=True)
    )
    sessions = tuple(
        Session(
            row.id,
            row.title,
            row.held_on,
            row.organiser,
            row.place,
            row.version,
            frozenset(one.person_id for one in row.attendance if one.attended),
            row.held_on <= today,
        )
        for row in rows
    )
    people = _at_work(today)
    attended = {person for one in sessions if one.is_over for person in one.present}
    return Training(
        sessions,
        people,
        tuple(one for one in people if one[0] not in attended),
        trained([person for person, _name in people], attended),
        actor.may(Permission.TRAINING_KEEP),
    )


def _at_work(today: date) -> tuple[tuple[int, str], ...]:
    rows = db.session.execute(
        select(m.Person.id, m.Person.full_name)
        .where(or_(m.Person.left_on.is_(None), m.Person.left_on >= today))
        .order_by(m.Person.sort_key, m.Person.id)
    )
    return tuple((row.id, row.full_name) for row in rows)


def _words(text: str, field: str, words: str, *, needed: bool = True) -> str | None:
    text = " ".join(text.split())
    if needed and not text:
        raise Invalid(f"{words}: không được để trống.", field=field)
    if len(text) > 200:
        raise Invalid(f"{words}: nhiều nhất 200 chữ.", field=field)
    return text or None


def add(actor: Actor, title: str, held_on: date | None, organiser: str, place: str, now: datetime) -> int:
    """Plan or record a training day; the same once more is that day. Raises NotAllowed, Invalid per field."""
    actor.require(Permission.TRAINING_KEEP)
    with write_transaction() as session:
        values = _values(title, held_on, organiser, place)
        standing = session.scalar(
            # Two groups learn the same on one day at two places: only what is the same in all it says is the second click.
            select(m.TrainingSession.id).where(
                *(getattr(m.TrainingSession, name).is_not_distinct_from(value) for name, value in values.items())
            )
        )
        if standing is not None:  # the second click
            return standing
        row = m.TrainingSession(**values)
        session.add(row)
        session.flush()
        audit.record(
            AuditTag.TRAINING_PLANNED,
            actor,
            now,
            target_kind="training_session",
            target_id=row.id,
            state=audit.states("training_session", [row]),
        )
        return row.id


def change(
    actor: Actor,
    session_id: int,
    title: str,
    held_on: date | None,
    organiser: str,
    place: str,
    expected_version: int,
    now: datetime,
) -> None:
    """Put right what was typed of a training day. Raises NotAllowed, NotFound, Stale, Invalid per field."""
    actor.require(Permission.TRAINING_KEEP)
    with write_transaction() as session:
        row = session.get(m.TrainingSession, session_id, populate_existing=True)
        if row is None:
            raise NotFound("Không có buổi tập huấn này.")
        if row.version != expected_version:
            raise Stale("Buổi này vừa được người khác ghi. Xin xem lại rồi ghi.", current=row.version)
        values = _values(title, held_on, organiser, place)
        if values["held_on"] > clock.local_date(now) and any(one.attended for one in row.attendance):
            raise Invalid("Buổi đã có người dự thì không ở sau hôm nay.", field="held_on")
        before = {name: getattr(row, name) for name, value in values.items() if getattr(row, name) != value}
        if not before:
            return
        for name, value in values.items():
            setattr(row, name, value)
        row.version += 1
        session.flush()
        audit.record(
            AuditTag.TRAINING_PLANNED,
            actor,
            now,
            target_kind="training_session",
            target_id=row.id,
            state=audit.states("training_session", [row]),
            before={name: audit.plain(value) for name, value in before.items()},
        )


def _values(title: str, held_on: date | None, organiser: str, place: str) -> dict[str, Any]:
    """What was typed of a day as its row holds it; Invalid per field. A day that the page would not show is a slip of the hand."""
    if held_on is None:
        raise Invalid("Xin ghi ngày tập huấn.", field="held_on")
    first = _year_start()
    if first != date.min and not first <= held_on < date(first.year + 1, 9, 1):
        raise Invalid(
            f"Ngày tập huấn của năm học này ở trong khoảng từ {first:%d/%m/%Y} đến 31/08/{first.year + 1}.",
            field="held_on",
        )
    return {
        "title": _words(title, "title", "Nội dung"),
        "held_on": held_on,
        "organiser": _words(organiser, "organiser", "Đơn vị tổ chức"),
        "place": _words(place, "place", "Nơi tập huấn", needed=False),
    }


def mark(actor: Actor, session_id: int, present: Collection[int], expected_version: int, now: datetime) -> int:
    """Say who was there; everybody else was not. Returns how many marks changed.

    Raises NotAllowed, NotFound, Stale, Invalid (a day to come; somebody who is not of the staff).
    """
    actor.require(Permission.TRAINING_KEEP)
    with write_transaction() as session:
        row = session.get(m.TrainingSession, session_id, populate_existing=True)
        if row is None:
            raise NotFound("Không có buổi tập huấn này.")
        if row.version != expected_version:
            raise Stale("Danh sách vừa được người khác ghi. Xin xem lại rồi ghi.", current=row.version)
        if row.held_on > clock.local_date(now):
            raise Invalid("Buổi này chưa diễn ra, chưa điểm danh được.")
        standing = {one.person_id: one for one in row.attendance}
        known = set(session.scalars(select(m.Person.id)))
        if not set(present) <= known:
            raise Invalid("Danh sách có người không thuộc trường.")
        changed = []
        for person_id in sorted(set(present) - standing.keys()):
            one = m.TrainingAttendance(training_session_id=row.id, person_id=person_id, attended=True)
            session.add(one)
            changed.append(one)
        for person_id, one in standing.items():
            if one.attended != (person_id in present):
                one.attended = person_id in present
                changed.append(one)
        if not changed:
            return 0
        row.version += 1
        session.flush()
        audit.record(
            AuditTag.TRAINING_ATTENDED,
            actor,
            now,
            target_kind="training_session",
            target_id=row.id,
            state=audit.states("training_attendance", changed),
            facts={"n_present": len(set(present))},
        )
        return len(changed)
