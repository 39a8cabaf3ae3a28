"""The messages of a person, under the bell: a line is told, read, put aside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import NotFound
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.services.access import Actor
from hocbaso.services.kept_answers import KeptAnswers, log_head

KEPT_DAYS = 30
"""How long a message that was put aside is still listed."""

_UNREAD: KeptAnswers[int] = KeptAnswers(400)
_TOUCHED: Counter[int | None] = Counter()
"""Person -> how often this process told them something or put it aside: not all of that stands in the log."""


def keys(about: Iterable[str | None]) -> str:
    """``Notice.about`` of these keys, one a line."""
    return canonical_json(list(about))


def lines(notice: m.Notice) -> list[tuple[str, str | None]]:
    """Each line of a message with the key of what it is about; None where nothing will settle it, or it was told before keys were kept."""
    told = notice.body.split("\n")
    return list(zip(told, json.loads(notice.about) if notice.about else [None] * len(told), strict=True))


def tell(
    person_ids: Iterable[int], kind: str, title: str, line: str, now: datetime, *, about: str | None = None
) -> None:
    """Add a line to today's message of this kind of each person, inside the caller's transaction; it is unread again.

    ``about``: the key of what settles it, by which ``shown_notices`` follows it; None stands until it is put aside.
    """
    session = db.session()
    today = clock.local_date(now)
    for person_id in dict.fromkeys(person_ids):
        standing = session.scalar(
            select(m.Notice).where(m.Notice.person_id == person_id, m.Notice.day == today, m.Notice.kind == kind)
        )
        new = [about] * len(line.split("\n"))
        if standing is None:
            session.add(
                m.Notice(
                    person_id=person_id, day=today, kind=kind, title=title, body=line, about=keys(new), created_at=now
                )
            )
        else:
            standing.about = keys([*(key for _line, key in lines(standing)), *new])
            standing.body, standing.read_at = f"{standing.body}\n{line}", None
        _TOUCHED[person_id] += 1
    session.flush()


def n_unread(person_id: int | None, now: datetime) -> int:
    """How many messages a person has not put aside: the number on the bell. It stands on every page, so it may be a minute old
    when a command beside the server told something."""
    count = select(func.count()).where(m.Notice.person_id == person_id, m.Notice.read_at.is_(None))
    key = (log_head(), person_id, now.replace(second=0, microsecond=0), _TOUCHED[person_id])
    return _UNREAD.of(key, lambda: db.session.scalar(count) or 0)


def own(actor: Actor, now: datetime) -> list[m.Notice]:
    """The messages of a person: all that are unread, and those of the last :data:`KEPT_DAYS` days; newest first."""
    since = clock.local_date(now) - timedelta(days=KEPT_DAYS)
    return list(
        db.session.scalars(
            select(m.Notice)
            .where(
                m.Notice.person_id == actor.person_id,
                m.Notice.person_id.is_not(None),
                or_(m.Notice.read_at.is_(None), m.Notice.day > since),
            )
            .order_by(m.Notice.read_at.is_not(None), m.Notice.day.desc(), m.Notice.id.desc())
            .execution_options(populate_existing=True)
        )
    )


def waiting(person_id: int | None) -> list[m.Notice]:
    """Unread messages of a person, newest first."""
    return list(
        db.session.scalars(
            select(m.Notice)
            .where(m.Notice.person_id == person_id, m.Notice.read_at.is_(None))
            .order_by(m.Notice.day.desc(), m.Notice.id.desc())
            .execution_options(populate_existing=True)
        )
    )


def mark_read(actor: Actor, notice_id: int, now: datetime) -> None:
    """Mark one's own message as read; NotFound for another's."""
    with write_transaction() as session:
        notice = session.get(m.Notice, notice_id, populate_existing=True)
        if notice is None or notice.person_id != actor.person_id:
            raise NotFound("Không có lời nhắc này.")
        notice.read_at = notice.read_at or now
    _TOUCHED[actor.person_id] += 1
