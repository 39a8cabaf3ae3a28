"""What waits for the IT officer on the page of the day: questions to answer, and what the machine's checks found. No learning data."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.help_flow import HelpState
from hocbaso.regulations.permissions import Permission
from hocbaso.services import health
from hocbaso.services.access import Actor
from hocbaso.services.daily_items import DailyItem, school_item
from hocbaso.services.kept_answers import KeptAnswers, log_head

ANSWERED_WITHIN = 3
"""Days in which a question should have its answer; the house's own measure."""
LOOKED_AT_WITHIN = 7
"""Days for what a check only warns of; what is bad is of today."""

_FOUND: KeptAnswers[tuple[health.Finding, ...]] = KeptAnswers(2)


def machine_items(actor: Actor, now: datetime) -> list[DailyItem]:
    """At most two items: all open questions, and all findings that are not well. Empty for whoever does neither."""
    items, today = [], clock.local_date(now)
    if actor.may(Permission.HELP_ANSWER):
        row = db.session.execute(
            select(func.count(m.HelpRequest.id), func.min(m.HelpRequest.moved_at)).where(
                m.HelpRequest.state == HelpState.OPEN.value
            )
        ).one()
        if row[0]:
            before = clock.local_date(row[1]) + timedelta(days=ANSWERED_WITHIN)
            items.append(_item("help", f"Trả lời {row[0]} câu hỏi của thầy, cô", "hỗ trợ", "/ho-tro/", before, today))
    if actor.may(Permission.JOB_RUN):
        found = [one for one in _findings(now) if one.level != "ok"]
        if found:
            is_bad = any(one.level == "bad" for one in found)
            names = ", ".join(dict.fromkeys(one.check for one in sorted(found, key=lambda one: one.level)))
            before = today + timedelta(days=1 if is_bad else LOOKED_AT_WITHIN)
            items.append(_item("machine", f"Xem {len(found)} điều về máy chủ", names, "/may-chu", before, today))
    return items


def _findings(now: datetime) -> tuple[health.Finding, ...]:
    """Looked at once a minute, and again after anything was logged: the number stands on every page."""
    key = ("machine", log_head(), now.replace(second=0, microsecond=0))
    return _FOUND.of(key, lambda: tuple(health.examine(now, deep=False)))


def _item(kind: str, title: str, meta: str, link: str, before: date, today: date) -> DailyItem:
    return school_item(kind, "0-0", "do", title, meta, link, before, today)
