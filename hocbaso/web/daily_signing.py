"""Signing from the daily page: the classes that wait, the key beside them, and the batch on its way, all in place.

Only when it is asked for: to find what each class holds takes statements that the page itself does not need.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import request, url_for

from hocbaso import clock
from hocbaso.errors import DomainError
from hocbaso.services import batch_view, desk_signing
from hocbaso.services import wide_batches as work
from hocbaso.web import wide_batches
from hocbaso.web.security import current_actor

STEPS = ("principal", "seal")


@dataclass(frozen=True, slots=True)
class Signing:
    """What stands in the card: ``shown`` (of :func:`wide_batches.panel_of`) while somebody chooses, ``batch`` once it runs or is done."""

    shown: dict[str, Any] = field(default_factory=dict)
    batch: batch_view.BatchProgress | None = None

    @property
    def needs_helper(self) -> bool:
        """Whether the page has to speak to the signing helper of this computer."""
        if self.batch is not None:
            return desk_signing.is_waiting(self.batch.id)
        panel = self.shown.get("panel")
        return panel is not None and panel.is_at_desk


def panel(*, step: str | None = None, **shown: Any) -> Signing:
    """The classes that wait for this person's key, with the panel of that key; empty when none does."""
    actor = current_actor()
    due = {name: rows for name in STEPS if (rows := work.due_classes(actor, name))}
    wanted = step or request.args.get("ky", "")
    step = wanted if wanted in due else next(iter(due), None)
    if step is None:
        return Signing()
    found = wide_batches.panel_of(due, step, request.args.get("khoi_ky", type=int), **shown)
    return Signing(found | {"action": url_for("daily.sign"), "href": _href})


def _href(step: str, level: int | None = None) -> str:
    return url_for("daily.show", ky=step, khoi_ky=level, _anchor="ky-day")


def asked_for(waits: bool) -> Signing:
    """What the address asks for: a batch (``luot``), or the panel (``ky``) where something ``waits`` for a signature."""
    batch_id = request.args.get("luot", type=int)
    if batch_id is not None:
        try:
            return Signing(batch=batch_view.batch_progress(current_actor(), batch_id, clock.now()))
        except DomainError:  # another's, or none: the page itself is not about it
            return Signing()
    return panel() if waits and "ky" in request.args else Signing()
