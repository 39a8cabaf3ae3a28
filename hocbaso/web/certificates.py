"""Certificates: each signer's own, and for the IT officer the list of all and the roots that the school trusts."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.permissions import Role
from hocbaso.services import certificate_register, trust_roots
from hocbaso.web import navigation
from hocbaso.web.errors import status_of
from hocbaso.web.forms.certificates import RegisterForm, RootForm
from hocbaso.web.htmx import go
from hocbaso.web.security import confirm_recent, current_actor, note, requires

pages = Blueprint("certificates", __name__, url_prefix="/chung-thu-so")


def _page(
    status: int = 200, *, register: RegisterForm | None = None, root: RootForm | None = None, message: str | None = None
) -> tuple[str, int]:
    actor, now = current_actor(), clock.now()
    may_own, may_manage = actor.may(P.CERTIFICATE_OWN), actor.may(P.CERTIFICATE_MANAGE)
    return render_template(
        "certificates/index.html",
        own=certificate_register.own_certificates(actor, now) if may_own else [],
        everyone=certificate_register.list_certificates(actor, now) if may_manage else [],
        roots=trust_roots.list_roots(),
        may_own=may_own,
        may_manage=may_manage,
        is_clerk=actor.has_role(Role.CLERK),
        register=register or RegisterForm(formdata=None),
        root=root or RootForm(formdata=None),
        message=message,
    ), status


@pages.get("/")
@requires(P.CERTIFICATE_OWN, P.CERTIFICATE_MANAGE)
def index() -> Any:
    """One's own certificates; for the IT officer everybody's, names and dates only."""
    return _page()


@pages.post("/dang-ky")
@requires(P.CERTIFICATE_OWN)
def register() -> Any:
    """Take over one's own file."""
    confirm_recent(current_actor())
    form = RegisterForm()
    if not form.validate():
        return _page(422, register=form)
    try:
        certificate_register.register_pkcs12(
            current_actor(),
            form.file.data.read(),
            form.password.data or "",
            form.pin.data or "",
            clock.now(),
            purpose=form.purpose.data or "personal",
        )
    except DomainError as refusal:
        return _page(status_of(refusal), register=form, message=refusal.message)
    note("Đã đăng ký chứng thư số. Từ nay ký học bạ bằng mã PIN vừa đặt.")
    return go(url_for(".index"))


@pages.post("/<int:certificate_id>/ngung")
@requires(P.CERTIFICATE_OWN, P.CERTIFICATE_MANAGE)
def retire(certificate_id: int) -> BaseResponse:
    """Retire a certificate; its key is destroyed."""
    confirm_recent(current_actor())
    certificate_register.retire(current_actor(), certificate_id, clock.now())
    note("Chứng thư đã ngừng dùng; khoá ký đã xóa khỏi máy. Chữ ký cũ vẫn kiểm tra được.", "late")
    return go(url_for(".index"))


@pages.post("/goc")
@requires(P.CERTIFICATE_MANAGE)
def trust() -> Any:
    """Trust the root of an issuer."""
    confirm_recent(current_actor())
    form = RootForm()
    if not form.validate():
        return _page(422, root=form)
    try:
        added = trust_roots.add_trust_root(current_actor(), form.root.data.read(200_000), clock.now())
    except DomainError as refusal:
        return _page(status_of(refusal), root=form, message=refusal.message)
    note(f"Đã tin cậy {added.subject_name}. Vân tay SHA-256: {added.fingerprint_words}")
    return go(url_for(".index"))


@pages.post("/goc/<int:root_id>/bo")
@requires(P.CERTIFICATE_MANAGE)
def distrust(root_id: int) -> BaseResponse:
    """Trust a root no longer."""
    confirm_recent(current_actor())
    trust_roots.remove_trust_root(current_actor(), root_id, clock.now())
    note("Đã thôi tin cậy chứng thư gốc này.", "late")
    return go(url_for(".index"))


def init_app(app: Flask) -> None:
    """Register the page and its place in the rail."""
    app.register_blueprint(pages)
    navigation.register(app, navigation.NavItem("certificates", "Chứng thư số", "key-round", "/chung-thu-so/", 65))
