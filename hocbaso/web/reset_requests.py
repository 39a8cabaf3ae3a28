"""Requests to reset an account: shown to those who may consent, and to the IT officer who asked."""

from __future__ import annotations

from flask import Blueprint, Flask, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import reset_requests
from hocbaso.web.htmx import go
from hocbaso.web.own_address import base_address, only_this_machine
from hocbaso.web.people import people_tabs
from hocbaso.web.security import confirm_recent, current_actor, note, requires

reset_pages = Blueprint("reset_requests", __name__, url_prefix="/nguoi-dung/yeu-cau-dat-lai")


@reset_pages.get("")
@requires(P.RESET_CONSENT, P.ACCOUNT_MANAGE)
def index() -> str:
    """What is open, oldest first."""
    return render_template(
        "people/reset_requests.html",
        requests=reset_requests.waiting(current_actor(), clock.now()),
        tabs=people_tabs(),
    )


@reset_pages.post("/<int:request_id>/dong-y")
@requires(P.RESET_CONSENT)
def consent(request_id: int) -> str | BaseResponse:
    """Consent: the reset takes effect, and a new password stands on this answer and nowhere else."""
    actor = current_actor()
    confirm_recent(actor)
    slip = reset_requests.consent(actor, request_id, clock.now())
    if slip is None:
        note("Đã bỏ điện thoại cũ. Lần đăng nhập tới người ấy sẽ quét mã mới.")
        return go(url_for(".index"))
    return render_template(
        "people/once.html",
        slips=[slip],
        again=True,
        back=url_for(".index"),
        address=base_address(),
        only_here=only_this_machine(),
    )


@reset_pages.post("/<int:request_id>/khong-dong-y")
@requires(P.RESET_CONSENT)
def refuse(request_id: int) -> BaseResponse:
    """Refuse: nothing is reset."""
    reset_requests.refuse(current_actor(), request_id, clock.now())
    note("Đã từ chối. Mật khẩu và điện thoại của người ấy vẫn như cũ.")
    return go(url_for(".index"))


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(reset_pages)
