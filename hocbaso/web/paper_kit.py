"""Class sheets on paper: printing them, and the way back from the QR code to the sheet."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError, Invalid, NotAllowed, NotFound, Unavailable
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.permissions import Role
from hocbaso.services import paper_kit
from hocbaso.services.access import Actor
from hocbaso.web import navigation
from hocbaso.web.errors import status_of
from hocbaso.web.htmx import go
from hocbaso.web.own_address import base_address, only_this_machine
from hocbaso.web.security import current_actor, requires

paper = Blueprint("paper_kit", __name__)

SLUGS = {"cua-toi": paper_kit.MINE, "truong": paper_kit.SCHOOL}


@paper.get("/phieu-giay/")
@requires(P.EXPORT_SCORES, P.EXPORT_STUDENTS)
def index() -> str:
    """What may be printed; ``bang``: one sheet."""
    return _page(current_actor())


@paper.post("/phieu-giay/")
@requires(P.EXPORT_SCORES, P.EXPORT_STUDENTS)
def make() -> BaseResponse | tuple[str, int]:
    """The PDF."""
    actor, form = current_actor(), request.form
    sheet = form.get("bang", "")
    what = _number(sheet) if sheet else SLUGS.get(form.get("in", ""))
    try:
        if what is None:
            raise Invalid("Xin chọn phiếu cần in.")
        kit = paper_kit.make(
            actor,
            what,
            semester=_number(form.get("hoc-ky", "")) or 0,
            class_group_id=_number(form.get("lop", "")),
            with_values=form.get("diem") == "1",
            base_address="" if only_this_machine() else base_address(),
            now=clock.now(),
        )
    except (Invalid, NotAllowed, Unavailable) as refusal:
        return _page(actor, refusal), status_of(refusal)
    response = Response(kit.data, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{_plain(kit.name)}"'
    return response


@paper.get("/bang-diem/giay/<sheet_code>")
@requires(P.SHEET_READ)
def open_by_code(sheet_code: str) -> BaseResponse:
    """Where the QR code leads: the sheet with typing from paper open."""
    try:
        head = paper_kit.find_by_code(current_actor(), sheet_code, clock.now())
    except Invalid as wrong:
        raise NotFound(wrong.message) from wrong
    return go(url_for("score_sheets.show", sheet_id=head.id, giay=1))


def _page(actor: Actor, refusal: DomainError | None = None) -> str:
    found = paper_kit.choices(actor, clock.now())
    wanted = _number(request.values.get("bang", ""))
    one = next((line for line in found.mine if line.sheet_id == wanted), None)
    return render_template(
        "paper_kit/index.html",
        found=found,
        one=one,
        semester=_number(request.values.get("hoc-ky", "")) or (one.semester if one else found.semester),
        refusal=refusal,
        chosen=request.values.get("in", ""),
        no_code=only_this_machine(),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _plain(name: str) -> str:
    """A file name for the header: a class may be called anything."""
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-.") else "_" for sign in name)


def _only_here(actor: Actor) -> bool:
    """The clerk has no other page that leads here."""
    return actor.has_role(Role.CLERK) and not actor.teaching


def init_app(app: Flask) -> None:
    """Register the pages and the clerk's place in the rail."""
    app.register_blueprint(paper)
    navigation.register(app, navigation.NavItem("paper", "Phiếu giấy", "printer", "/phieu-giay/", 55, _only_here))
