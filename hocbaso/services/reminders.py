"""Reminders: one message a person a day that lists everything this person should hear of, and the printed list of what everybody holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.services import audit, held_work, notices
from hocbaso.services.access import Actor
from hocbaso.services.in_force import people_with


@dataclass(frozen=True, slots=True)
class ListedWork:
    """A piece of work on the printed list. ``tells``: who hears of it today beside its holder, in words."""

    what: str
    before: date
    days_left: int
    is_reminded: bool
    tells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HolderWork:
    """Everything one person holds, the most urgent first; ``name`` "" where nobody holds it."""

    name: str
    items: tuple[ListedWork, ...]

    @property
    def n_late(self) -> int:
        """How much of it is late."""
        return sum(item.days_left <= 0 for item in self.items)


def listed(actor: Actor, now: datetime) -> tuple[HolderWork, ...]:
    """What everybody holds today, by holder in the order of names, first what nobody holds: the list for the staff room's wall.

    Work that two share stands under both. NotAllowed for whoever is neither head of the school nor its office: corrections name pupils.
    """
    actor.require(Permission.STAFF_READ)
    today = clock.local_date(now)
    principals = set(people_with(Role.PRINCIPAL, today))
    by_person: dict[int, list[ListedWork]] = defaultdict(list)
    for work in held_work.unfinished(now):
        told = []
        if work.deadline.tells_group_head_on(today) and set(work.group_heads) - set(work.holders):
            told.append("tổ trưởng")
        if work.deadline.tells_principal_on(today) and principals - set(work.holders):
            told.append("Hiệu trưởng")
        item = ListedWork(
            work.what,
            work.deadline.before,
            work.deadline.days_left(today),
            work.deadline.reminds_on(today),
            tuple(told),
        )
        for person_id in set(work.holders) or {0}:
            by_person[person_id].append(item)
    names = {
        row.id: (row.sort_key, row.full_name)
        for row in db.session.execute(
            select(m.Person.id, m.Person.sort_key, m.Person.full_name).where(m.Person.id.in_(list(by_person)))
        )
    }
    found = [
        (names.get(person_id, ("", "")), tuple(sorted(items, key=lambda item: (item.days_left, item.what))))
        for person_id, items in by_person.items()
    ]
    return tuple(HolderWork(name, items) for (_, name), items in sorted(found, key=lambda one: one[0]))


def title_of(days_left: Sequence[int]) -> str:
    """``1 việc quá hạn, 2 việc sắp đến hạn`` for the days left of each piece of work."""
    n_late = sum(left <= 0 for left in days_left)
    counts = ((n_late, "việc quá hạn"), (len(days_left) - n_late, "việc sắp đến hạn"))
    return ", ".join(f"{n} {words}" for n, words in counts if n)


def remind(actor: Actor, now: datetime, *, last: date | None = None) -> int:
    """Write today's messages, one a person, listing all that this person should hear of. Returns how many were new.

    ``last``: the day on which reminders went out last (default: yesterday). What the calendar asked for on the days between,
    when the server was off, is said today.
    """
    today = clock.local_date(now)
    last = today - timedelta(days=1) if last is None else last
    lines: dict[int, list[tuple[int, str, str]]] = defaultdict(list)
    principals = people_with(Role.PRINCIPAL, today)
    for work in held_work.unfinished(now):
        if not work.deadline.reminds_since(last, today):
            continue
        left = work.deadline.days_left(today)
        line = held_work.work_line(work, today)
        for person in set(work.holders):
            lines[person].append((left, line, work.key))
        told = set(work.holders)
        holder_names = held_work.holder_words(work)
        if work.deadline.tells_group_head_on(today, last):
            for person in set(work.group_heads) - told:
                lines[person].append((left, f"{line}; đang ở {holder_names}", work.key))
            told |= set(work.group_heads)
        if work.deadline.tells_principal_on(today):
            for person in set(principals) - told:
                lines[person].append((left, f"{line}; đang ở {holder_names}", work.key))
    n_new = 0
    with write_transaction() as session:
        for person, items in lines.items():
            exists = session.scalar(
                select(m.Notice.id).where(
                    m.Notice.person_id == person, m.Notice.day == today, m.Notice.kind == "reminder"
                )
            )
            if exists:
                continue
            items = sorted(set(items))
            notice = m.Notice(
                person_id=person,
                day=today,
                kind="reminder",
                title=title_of([left for left, _text, _key in items]),
                body="\n".join(text for _left, text, _key in items),
                about=notices.keys(key for _left, _text, key in items),
                created_at=now,
            )
            session.add(notice)
            session.flush()
            audit.record(
                AuditTag.REMINDER_SENT,
                actor,
                now,
                target_kind="person",
                target_id=person,
                facts={"n_items": len(items)},
            )
            n_new += 1
    return n_new
