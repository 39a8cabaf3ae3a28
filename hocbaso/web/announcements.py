"""``/thong-bao/``: announcements inside and on the public page; unread ones stand where a person's day begins."""

from __future__ import annotations

from flask import Blueprint, Flask, flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import announcements
from hocbaso.web import navigation
from hocbaso.web.help import Topic, add
from hocbaso.web.htmx import go
from hocbaso.web.school_plan import day_of
from hocbaso.web.security import actor_or_none, current_actor, public, requires, signed_in

board = Blueprint("announcements", __name__, url_prefix="/thong-bao")


@board.get("")
@board.get("/")
@public
def index() -> str:
    """For strangers the school's public notices; inside what shows today; for who posts, all."""
    if actor_or_none() is None:
        return render_template("announcements/public.html", news=announcements.public_ones(clock.now(), limit=50))
    return _page()[0]


def _page(message: str | None = None, *, status: int = 200) -> tuple[str, int]:
    actor = current_actor()
    return render_template(
        "announcements/index.html",
        posted=announcements.all_ones(actor, clock.now()),
        unread={row.id for row in announcements.unread(actor, clock.now(), limit=100)},
        may_post=actor.may(P.ANNOUNCE),
        may_publish=actor.may(P.ANNOUNCE_PUBLICLY),
        message=message,
        typed=request.form if message else {},
    ), status


@board.post("/")
@requires(P.ANNOUNCE)
def post() -> BaseResponse | tuple[str, int]:
    """Post one."""
    form = request.form
    try:
        announcements.post(
            current_actor(),
            form.get("title", ""),
            form.get("body", ""),
            form.get("audience", ""),
            day_of("starts_on", "Từ ngày"),
            day_of("ends_on", "Đến hết ngày"),
            clock.now(),
        )
    except Invalid as refusal:
        return _page(refusal.message, status=422)
    flash("Đã đăng thông báo.", "done")
    return go(url_for(".index"))


@board.post("/<int:announcement_id>/go")
@requires(P.ANNOUNCE)
def withdraw(announcement_id: int) -> BaseResponse:
    """Take one off."""
    announcements.withdraw(current_actor(), announcement_id, clock.now())
    flash("Đã gỡ thông báo; nhật ký vẫn giữ.", "done")
    return go(url_for(".index"))


@board.post("/<int:announcement_id>/da-doc")
@signed_in
def put_aside(announcement_id: int) -> BaseResponse:
    """Read."""
    announcements.put_aside(current_actor(), announcement_id, clock.now())
    return go(navigation.start_path(current_actor()))


def news_here() -> list[object]:
    """Unread announcements, on the page where the person's day begins and nowhere else."""
    actor = actor_or_none()
    if actor is None or not navigation.is_start(actor):
        return []
    return list(announcements.unread(actor, clock.now()))


def init_app(app: Flask) -> None:
    """Register the pages; give templates what is unread and what strangers read."""
    app.register_blueprint(board)
    app.jinja_env.globals["news_here"] = news_here
    app.jinja_env.globals["public_news"] = lambda: announcements.public_ones(clock.now())
    add(
        app,
        Topic(
            "thong-bao",
            "Thông báo",
            "/thong-bao/",
            (
                "Thông báo mới hiện ở trang đầu cho đến khi thầy, cô bấm Đã đọc.",
                "Ban Giám hiệu, văn thư đăng trong trường; thông báo trên trang kiểm tra học bạ, ai cũng đọc được, do Hiệu trưởng đăng.",
                "Thông báo đã đăng không sửa; ghi nhầm thì gỡ và đăng lại.",
            ),
            58,
        ),
    )
