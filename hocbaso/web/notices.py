"""Reminders: put one's own aside; what everybody holds, as a list to print."""

from __future__ import annotations

from flask import Blueprint, Flask, make_response, render_template
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import reminders, snapshots
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.security import current_actor, requires, signed_in

bp = Blueprint("notices", __name__)


@bp.post("/loi-nhac/<int:notice_id>/da-doc")
@signed_in
def mark_read(notice_id: int) -> BaseResponse:
    """Mark as read; 404 for somebody else's. A fragment request gets nothing back, so the notice leaves the page."""
    reminders.mark_read(current_actor(), notice_id, clock.now())
    if is_fragment():
        return make_response("")
    return go("/hom-nay")


@bp.get("/loi-nhac/danh-sach")
@requires(P.STAFF_READ)
def listed() -> str:
    """Who holds what today, how many days are left, and who hears of it: for the wall of the staff room."""
    now = clock.now()
    return render_template(
        "daily/listed.html",
        holders=reminders.listed(current_actor(), now),
        now=now,
        paper_line=snapshots.paper_line(),
    )


def init_app(app: Flask) -> None:
    """Register."""
    app.register_blueprint(bp)
