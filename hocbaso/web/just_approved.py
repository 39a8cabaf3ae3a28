"""The bar that takes a slip of the hand back: on whatever page comes up within ten seconds of an approval (docs/decisions/0042).

The browser's signed session keeps when each act of the last seconds began, when it had been answered, and the page to come back to. What was
approved in it stands in the steps.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from flask import Flask, session

from hocbaso import clock
from hocbaso.services import taking_back
from hocbaso.web.security import current_actor

_KEY = "just_approved"
_KEPT = 3


class Act(NamedTuple):
    """An approval of a moment ago. ``page``: where it was made, "" for the daily page."""

    began: datetime
    done: datetime
    page: str


def remember(began: datetime, page: str = "") -> bool:
    """Offer to take the act of that moment back; called once it has been answered. ``page``: an address of our own.

    Whether the bar will stand on the next page: it tells the approval, which else has to be told.
    """
    kept = [*acts()[1 - _KEPT :], Act(began, clock.now(), page)]
    session[_KEY] = [(one.began.isoformat(), one.done.isoformat(), one.page) for one in kept]
    return bool(offers())


def acts() -> list[Act]:
    """The acts of this browser's last seconds, oldest first."""
    return [
        Act(datetime.fromisoformat(began), datetime.fromisoformat(done), page[0] if page else "")
        for began, done, *page in session.get(_KEY, ())
    ]


def find(moment: str) -> Act | None:
    """The act that began at that moment, of those that this browser made."""
    return next((one for one in acts() if one.began.isoformat() == moment), None)


def offers() -> list[taking_back.Offer]:
    """What may be taken back now, the newest first."""
    kept = acts()
    if not kept:
        return []
    actor, now = current_actor(), clock.now()
    found = [taking_back.offer(actor, one.began, one.done, now) for one in reversed(kept)]
    if not any(found) and kept[-1].done < now:
        session.pop(_KEY)  # over: no later page looks again
    return [one for one in found if one is not None]


def init_app(app: Flask) -> None:
    """Let every page ask what may be taken back."""
    app.jinja_env.globals["undo_offers"] = offers
