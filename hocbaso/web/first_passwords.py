"""Phiếu vào lần đầu: accounts that wait for their first password, and the slips, shown to who prints them and to nobody else."""

from __future__ import annotations

from flask import Blueprint, Flask, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import first_passwords
from hocbaso.web.htmx import go
from hocbaso.web.own_address import base_address, only_this_machine
from hocbaso.web.people import people_tabs
from hocbaso.web.security import confirm_recent, current_actor, note, requires

slip_pages = Blueprint("first_passwords", __name__, url_prefix="/nguoi-dung/phieu-vao-lan-dau")


@slip_pages.get("")
@requires(P.RESET_CONSENT)
def index() -> str:
    """Who has an account and has never signed in."""
    return render_template(
        "people/first_passwords.html",
        rows=first_passwords.waiting(current_actor(), clock.now()),
        now=clock.now(),
        tabs=people_tabs(),
        only_here=only_this_machine(),
    )


@slip_pages.post("")
@requires(P.RESET_CONSENT)
def issue() -> str | BaseResponse:
    """Draw the passwords of the ticked accounts; they stand on this answer and nowhere else."""
    actor = current_actor()
    confirm_recent(actor)
    chosen = [int(value) for value in request.form.getlist("chon")[:500] if value.isascii() and value.isdigit()]
    if not chosen:
        note("Xin chọn ít nhất một người.", "late")
        return go(url_for(".index"))
    slips = first_passwords.issue(actor, chosen, clock.now())
    return render_template(
        "people/once.html",
        slips=slips,
        again=False,
        back=url_for(".index"),
        address=base_address(),
        only_here=only_this_machine(),
    )


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(slip_pages)
