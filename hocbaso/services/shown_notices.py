"""The messages of a person as they read today: lines whose work is done are left out, what still waits is told with today's days left.

A message is stored as it was sent and stays so; only what is shown of it follows the work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.help_flow import HelpState
from hocbaso.services import held_work, notices, reminders
from hocbaso.services.access import Actor
from hocbaso.services.kept_answers import KeptAnswers, log_head

_REMINDED = re.compile(r"(?P<what>.+): (?:còn \d+ ngày|ngày cuối|quá hạn \d+ ngày) \(")
_COUNT = re.compile(r"\b\d+ (?=học bạ|mục|học sinh|ô|đề nghị)")
"""How many are left of a piece of work changes while it is the same piece."""
_HELD: KeptAnswers[dict[str, held_work.HeldWork]] = KeptAnswers(2)


@dataclass(frozen=True, slots=True)
class ShownNotice:
    """A message with what still holds of it. ``is_own_work``: nothing but work that this person holds, which the list of the day has too."""

    id: int
    title: str
    day: date
    lines: tuple[str, ...]
    is_own_work: bool


def shown(actor: Actor, now: datetime) -> list[ShownNotice]:
    """The unread messages of a person that still say something, newest first; of several reminders each piece of work once."""
    found, told = [], set[str]()
    for notice in notices.waiting(actor.person_id):
        one = reworded(notice, actor.person_id, now, told) if notice.kind == "reminder" else _told(notice, actor)
        told.update(one.lines)
        if one.lines:
            found.append(one)
    return found


def _told(notice: m.Notice, actor: Actor) -> ShownNotice:
    lines = notice.body.splitlines()
    if notice.kind == "task":
        titles = db.session.scalars(
            select(m.BoardTask.title).where(m.BoardTask.state == "OPEN", m.BoardTask.person_id == actor.person_id)
        ).all()
        lines = [line for line in lines if any(line.startswith(f"{title}, ") for title in titles)]
    elif notice.kind == "help":
        names = db.session.scalars(
            select(m.HelpMessage.by_name)
            .join(m.HelpRequest, m.HelpRequest.id == m.HelpMessage.help_request_id)
            .where(m.HelpRequest.state == HelpState.OPEN.value, m.HelpMessage.is_answer.is_(False))
        ).all()
        lines = [
            line
            for line in lines
            if " trả lời câu hỏi về " in line or any(line.startswith(f"{name} hỏi ") for name in names)
        ]
    return ShownNotice(notice.id, notice.title, notice.day, tuple(dict.fromkeys(lines)), notice.kind == "task")


def reworded(notice: m.Notice, person_id: int | None, now: datetime, told_before: set[str]) -> ShownNotice:
    """A reminder as of now: what still waits, with the days that are left today, without the lines that were told already."""
    today = clock.local_date(now)
    held = _HELD.of((log_head(), today), lambda: {_same(work.what): work for work in held_work.unfinished(now)})
    lines: list[str] = []
    left, own = [], True
    for line in notice.body.splitlines():
        match = _REMINDED.match(line)
        work = held.get(_same(match["what"])) if match else None
        if work is None:  # done, or worded by an older version
            continue
        is_own = person_id in work.holders
        words = held_work.work_line(work, today) + ("" if is_own else f"; đang ở {held_work.holder_words(work)}")
        if words in told_before or words in lines:
            continue
        lines.append(words)
        left.append(work.deadline.days_left(today))
        own = own and is_own
    return ShownNotice(notice.id, reminders.title_of(left), notice.day, tuple(lines), own)


def _same(what: str) -> str:
    return _COUNT.sub("# ", what)
