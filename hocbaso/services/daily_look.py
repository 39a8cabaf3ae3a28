"""What is new on the daily page since this person's last look: the list of then against the list of now.

A sitting is a row of looks with less than half an hour between them: a reload, an act, a second tablet belong to the same one and keep its
marks. The next sitting begins with what the last one ended with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Unavailable
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.services.access import Actor
from hocbaso.services.daily_items import DailyItem

SITTING = timedelta(minutes=30)
_WRITTEN_AGAIN = timedelta(minutes=1)
"""A look with nothing new is written down at most this often: the page is read far more than it changes."""

NEW, CHANGED = "new", "changed"


@dataclass(frozen=True, slots=True)
class Looks:
    """``seen``: the list of the last look, item -> digest; ``earlier``: the list at the end of the sitting before, None in the first one."""

    seen_at: datetime
    seen: Mapping[str, str]
    earlier_at: datetime | None = None
    earlier: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Since:
    """What a page marks. ``at``: the end of the sitting before; None in somebody's first one, where nothing is marked."""

    at: datetime | None
    marks: Mapping[str, str] = field(default_factory=dict)
    """Item key -> :data:`NEW` or :data:`CHANGED`."""
    n_new: int = 0
    n_changed: int = 0
    n_gone: int = 0


def next_looks(last: Looks | None, lines: Mapping[str, str], now: datetime) -> Looks:
    """The looks after one at ``now`` that showed ``lines``. A clock that was set back begins no new sitting."""
    if last is None:
        return Looks(now, lines)
    if now - last.seen_at > SITTING:
        return Looks(now, lines, last.seen_at, last.seen)
    return replace(last, seen_at=now, seen=lines)


def identity(item: DailyItem) -> str:
    """Names the work itself, whatever its version: a sheet, a class, a pupil's exemption."""
    who = item.exemption.id if item.exemption else ""
    key = item.key.rpartition("-")[0] if item.kind in ("sheet", "class") else item.key
    return f"{item.verb} {item.link} {key} {who}"


def lines_of(items: Iterable[DailyItem]) -> dict[str, str]:
    """Item -> a short digest of what its line says; the days left pass by themselves and are no change."""
    found = {}
    for item in items:
        odd = [[one.kind, one.who, one.why, one.label, one.before, one.after] for one in item.oddities]
        told = json.dumps([item.key, item.title, item.meta, item.say, item.due_before.isoformat(), odd])
        found[identity(item)] = hashlib.sha256(told.encode()).hexdigest()[:12]
    return found


def since(looks: Looks, items: Iterable[DailyItem]) -> Since:
    """What is new, changed or gone against the sitting before."""
    if looks.earlier is None:
        return Since(None)
    lines, marks = looks.seen, {}
    for item in items:
        name = identity(item)
        if name not in looks.earlier:
            marks[item.key] = NEW
        elif looks.earlier[name] != lines.get(name):
            marks[item.key] = CHANGED
    kinds = list(marks.values())
    n_gone = len(looks.earlier.keys() - lines.keys())
    return Since(looks.earlier_at, marks, kinds.count(NEW), kinds.count(CHANGED), n_gone)


def last_looks(actor: Actor) -> Looks | None:
    """The looks of this person as they are kept; None before the first."""
    row = db.session.execute(
        select(m.DailyLook.seen_at, m.DailyLook.seen, m.DailyLook.earlier_at, m.DailyLook.earlier).where(
            m.DailyLook.account_id == actor.account_id
        )
    ).first()
    if row is None:
        return None
    return Looks(
        row.seen_at, json.loads(row.seen), row.earlier_at, json.loads(row.earlier) if row.earlier is not None else None
    )


def began_at(last: Looks | None, now: datetime) -> datetime | None:
    """When the sitting before the one of ``now`` ended; None in the first."""
    if last is None:
        return None
    return last.seen_at if now - last.seen_at > SITTING else last.earlier_at


def look(
    actor: Actor, last: Looks | None, items: Iterable[DailyItem], lines: Mapping[str, str], now: datetime
) -> Since:
    """What is new for this person on a page with ``items`` (all that waits, whatever is filtered) and their :func:`lines_of`; the look
    is written down.

    A page that can't write (a full disk, others at work) shows all the same.
    """
    looks = next_looks(last, lines, now)
    if actor.account_id is not None and (
        last is None or last.seen != lines or not timedelta(0) <= now - last.seen_at < _WRITTEN_AGAIN
    ):
        try:
            with write_transaction() as session:
                row = session.scalar(select(m.DailyLook).where(m.DailyLook.account_id == actor.account_id))
                if row is None:
                    row = m.DailyLook(account_id=actor.account_id)
                    session.add(row)
                row.seen_at, row.seen = looks.seen_at, canonical_json(dict(looks.seen))
                row.earlier_at = looks.earlier_at
                row.earlier = None if looks.earlier is None else canonical_json(dict(looks.earlier))
        except Unavailable:
            pass
    return since(looks, items)
