"""One page for all addresses while the database has another shape than the program: nothing is read or written in it.

The question costs one small query. It is asked until the answer is good, then every half a minute: somebody may bring the
database up, or start an older program on it, while this one runs.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from flask import Flask, Response, current_app, render_template, request

from hocbaso.services import schema
from hocbaso.web.htmx import is_fragment

LOG = logging.getLogger("hocbaso.web")
ASKED_AGAIN = 30.0
"""Seconds for which a good answer holds."""

_OPEN = frozenset({"static", "health.healthz"})
HEADING = "Phần mềm và dữ liệu chưa khớp nhau"


@dataclass(slots=True)
class _Answer:
    good_until: float = 0.0
    told: str | None = None


def _guard() -> Response | None:
    answer: _Answer = current_app.extensions["hocbaso_schema_answer"]
    if request.endpoint in _OPEN or time.monotonic() < answer.good_until:
        return None
    fault = schema.other_shape()
    if fault is None:
        answer.good_until, answer.told = time.monotonic() + ASKED_AGAIN, None
        return None
    if answer.told != fault:  # once, not for each request of forty tablets
        LOG.error(
            "refusing all pages: database at %s, program at %s", schema.current_revision(), schema.head_revision()
        )
        answer.told = fault
    if is_fragment() or request.headers.get("X-Requested-With") == "fetch":
        return Response("", 503, {"Retry-After": "60"})
    return Response(
        render_template("errors/other_schema.html", heading=HEADING, message=fault), 503, {"Retry-After": "60"}
    )


def init_app(app: Flask) -> None:
    """Ask before anything else does."""
    app.extensions["hocbaso_schema_answer"] = _Answer()
    app.before_request_funcs.setdefault(None, []).insert(0, _guard)
