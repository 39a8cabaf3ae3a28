"""Reminders: the bell, one's own messages, put one aside; what everybody holds, as a list to print."""

from __future__ import annotations

from flask import Blueprint, Flask, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import notices, reminders, shown_notices, snapshots
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.security import current_actor, requires, signed_in

bp = Blueprint("notices", __name__)


@bp.get("/loi-nhac/")
@signed_in
def own() -> str:
    """The messages of the person, those that wait first."""
    actor, now = current_actor(), clock.now()
    rows = notices.own(actor, now)
    holds = {one.id: one for one in shown_notices.shown(actor, now)}
    return render_template(
        "notices/own.html",
        unread=[(row, holds.get(row.id)) for row in rows if row.read_at is None],
        earlier=[row for row in rows if row.read_at is not None],
        kept_days=notices.KEPT_DAYS,
    )


@bp.get("/loi-nhac/chuong")
@signed_in
def bell() -> BaseResponse:
    """The bell as it stands now; nothing (204) while its number is the one that the page shows (``n``). No page of its own."""
    if not is_fragment():
        return go(url_for("notices.own"))
    shown, n_unread = request.args.get("n", type=int), notices.n_unread(current_actor().person_id, clock.now())
    if shown == n_unread:
        return make_response("", 204)
    return make_response(render_template("notices/_bell.html", n_unread=n_unread, is_more=n_unread > (shown or 0)))


@bp.post("/loi-nhac/<int:notice_id>/da-doc")
@signed_in
def mark_read(notice_id: int) -> BaseResponse:
    """Mark as read; 404 for somebody else's. A fragment request gets nothing back, so the notice leaves the page."""
    notices.mark_read(current_actor(), notice_id, clock.now())
    if is_fragment():
        return make_response("")
    return go("/loi-nhac/" if request.form.get("o") == "loi-nhac" else "/hom-nay")


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
    """Register, and give every page the number on the bell."""
    app.register_blueprint(bp)
    app.jinja_env.globals["n_unread"] = lambda: notices.n_unread(current_actor().person_id, clock.now())
