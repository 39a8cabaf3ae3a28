"""Diễn tập ký: run it, what it found, and each person's list to print."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, make_response, render_template, url_for

from hocbaso import clock
from hocbaso.errors import DomainError, NotFound
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import rehearsal
from hocbaso.web.errors import status_of
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.security import current_actor, requires

rehearsal_pages = Blueprint("rehearsal", __name__, url_prefix="/dien-tap")


@rehearsal_pages.get("/")
@requires(P.REHEARSE)
def page() -> Any:
    """The newest rehearsal; for htmx the part that moves."""
    if is_fragment():
        found = rehearsal.newest(current_actor(), clock.now())
        if found is not None and found.state != "running":
            return go(url_for(".page"))  # done: the whole page has changed
        response = make_response(render_template("rehearsal/_moving.html", view=found))
        response.headers["Cache-Control"] = "no-store"
        return response
    return _page()


def _page(message: str | None = None) -> str:
    return render_template("rehearsal/page.html", view=rehearsal.newest(current_actor(), clock.now()), message=message)


@rehearsal_pages.post("/")
@requires(P.REHEARSE)
def run() -> Any:
    """Rehearse now, in the background."""
    try:
        rehearsal.start(current_actor(), clock.now(), background=True)
    except NotFound:
        raise
    except DomainError as refusal:
        return _page(" ".join([refusal.message, *refusal.details])), status_of(refusal)
    return go(url_for(".page"))


@rehearsal_pages.get("/<int:rehearsal_id>/phieu")
@requires(P.REHEARSE)
def sheets(rehearsal_id: int) -> str:
    """One list a person, each on a page of its own when printed."""
    return render_template("rehearsal/sheets.html", view=rehearsal.view(current_actor(), rehearsal_id, clock.now()))


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(rehearsal_pages)
