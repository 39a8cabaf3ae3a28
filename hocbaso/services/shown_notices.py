"""The messages of a person as they read today: lines whose work is done are left out, what still waits is told with today's days left.

A message is stored as it was sent and stays so; only what is shown of it follows the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.help_flow import HelpState
from hocbaso.services import board_tasks, certificate_reminders, held_work, help_requests, notices, reminders
from hocbaso.services.access import Actor
from hocbaso.services.kept_answers import KeptAnswers, log_head

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
    told = notices.lines(notice)
    open_keys: set[str] = set()
    if notice.kind == "task":
        tasks = select(m.BoardTask.id).where(m.BoardTask.state == "OPEN", m.BoardTask.person_id == actor.person_id)
        open_keys = {board_tasks.task_key(task_id) for task_id in db.session.scalars(tasks)}
    elif notice.kind == "help":
        asked = select(m.HelpRequest.id).where(m.HelpRequest.state == HelpState.OPEN.value)
        open_keys = {help_requests.question_key(request_id) for request_id in db.session.scalars(asked)}
    elif notice.kind == certificate_reminders.KIND:
        in_use = select(m.Certificate.id).where(m.Certificate.retired_at.is_(None))
        open_keys = {certificate_reminders.certificate_key(row_id) for row_id in db.session.scalars(in_use)}
    lines = dict.fromkeys(line for line, key in told if key is None or key in open_keys)
    return ShownNotice(notice.id, notice.title, notice.day, tuple(lines), notice.kind == "task")


def reworded(notice: m.Notice, person_id: int | None, now: datetime, told_before: set[str]) -> ShownNotice:
    """A reminder as of now: what still waits, with the days that are left today, without the lines that were told already.

    One that was told before keys were kept is shown as it was sent: nobody can say what of it is done.
    """
    if notice.about is None:
        return ShownNotice(notice.id, notice.title, notice.day, tuple(notice.body.splitlines()), False)
    today = clock.local_date(now)
    held = _HELD.of((log_head(), today), lambda: {work.key: work for work in held_work.unfinished(now)})
    lines: list[str] = []
    left, own = [], True
    for _line, key in notices.lines(notice):
        work = held.get(key or "")
        if work is None:  # done
            continue
        is_own = person_id in work.holders
        words = held_work.work_line(work, today) + ("" if is_own else f"; đang ở {held_work.holder_words(work)}")
        if words in told_before or words in lines:
            continue
        lines.append(words)
        left.append(work.deadline.days_left(today))
        own = own and is_own
    return ShownNotice(notice.id, reminders.title_of(left), notice.day, tuple(lines), own)
