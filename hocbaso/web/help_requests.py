"""``/ho-tro/``: questions to the IT officer, and the first-visit tour's end."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Flask, flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError, NotFound
from hocbaso.regulations.help_flow import HelpVerb
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import help_requests
from hocbaso.web import navigation
from hocbaso.web.errors import status_of
from hocbaso.web.htmx import go
from hocbaso.web.security import actor_or_none, current_actor, signed_in

helping = Blueprint("help_requests", __name__)

VERBS = {"tra-loi": HelpVerb.ANSWER, "hoi-tiep": HelpVerb.ASK_AGAIN, "xong": HelpVerb.CLOSE}
DONE = {
    HelpVerb.ANSWER: "Đã gửi trả lời.",
    HelpVerb.ASK_AGAIN: "Đã gửi câu hỏi tiếp.",
    HelpVerb.CLOSE: "Đã ghi là xong.",
}


@helping.get("/ho-tro/")
@signed_in
def index() -> str:
    """One's own questions, or everybody's for who answers them."""
    return _page()[0]


def _page(
    message: str | None = None, *, typed: str = "", wrong_id: int | None = None, status: int = 200
) -> tuple[str, int]:
    actor = current_actor()
    came_from = urlsplit(request.referrer or "").path if request.method == "GET" else request.form.get("screen", "")
    return render_template(
        "help_requests/index.html",
        threads=help_requests.threads(actor),
        n_waiting=help_requests.n_waiting(actor),
        answers=actor.may(P.HELP_ANSWER),
        screen=came_from or "/",
        message=message,
        typed=typed,
        wrong_id=wrong_id,
    ), status


@helping.post("/ho-tro/")
@signed_in
def ask() -> BaseResponse | tuple[str, int]:
    """Ask."""
    text = request.form.get("text", "")
    try:
        help_requests.ask(current_actor(), text, request.form.get("screen", "/"), clock.now())
    except DomainError as refusal:
        return _page(refusal.message, typed=text, status=status_of(refusal))
    flash("Đã gửi câu hỏi; câu trả lời hiện ở trang này.", "done")
    return go(url_for(".index"))


@helping.post("/ho-tro/<int:request_id>/<any('tra-loi','hoi-tiep','xong'):verb>")
@signed_in
def move(request_id: int, verb: str) -> BaseResponse | tuple[str, int]:
    """Answer, ask again, close."""
    text = request.form.get("text", "")
    version = request.form.get("version", 0, type=int)
    try:
        help_requests.move(current_actor(), request_id, VERBS[verb], text, version, clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _page(refusal.message, typed=text, wrong_id=request_id, status=status_of(refusal))
    flash(DONE[VERBS[verb]], "done")
    return go(url_for(".index"))


@helping.post("/lam-quen/<any('xong','lai'):what>")
@signed_in
def tour(what: str) -> BaseResponse:
    """The tour was seen; or show it again."""
    help_requests.set_tour(current_actor(), seen=what == "xong", now=clock.now())
    return go(navigation.start_path(current_actor()))


def shows_tour() -> bool:
    """Whether this page carries the tour: where the person's day begins, until it was seen once."""
    actor = actor_or_none()
    return actor is not None and navigation.is_start(actor) and not help_requests.has_seen_tour(actor)


def init_app(app: Flask) -> None:
    """Register the pages and their place on the rail."""
    app.register_blueprint(helping)
    item = navigation.NavItem(
        "help_requests", "Hỗ trợ", "phone", "/ho-tro/", 85, lambda actor: actor.may(P.HELP_ANSWER)
    )
    navigation.register(app, item)
    navigation.count(
        app, "help_requests", lambda actor: help_requests.n_waiting(actor) if actor.may(P.HELP_ANSWER) else 0
    )
    navigation.count(app, "help", lambda actor: 0 if actor.may(P.HELP_ANSWER) else help_requests.n_waiting(actor))
    app.jinja_env.globals["shows_tour"] = shows_tour
