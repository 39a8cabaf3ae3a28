"""Certificates: each signer's own, and for the IT officer the list of all and the roots that the school trusts."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError, NotFound
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.permissions import Role
from hocbaso.services import (
    certificate_images,
    certificate_register,
    certificate_standing,
    certificates,
    instance_keys,
    key_devices,
    remote_logins,
    remote_providers,
    remote_register,
    token_register,
    trust_roots,
)
from hocbaso.web import navigation
from hocbaso.web.errors import status_of
from hocbaso.web.forms.certificates import (
    ApprovalForm,
    DestroyForm,
    DeviceForm,
    ImageForm,
    InstanceKeyForm,
    LiftForm,
    PinForm,
    RegisterForm,
    RemoteForm,
    RenewalForm,
    RevokeForm,
    RolesForm,
    RootForm,
    WithdrawKeyForm,
)
from hocbaso.web.headers import allow_signing_helper
from hocbaso.web.htmx import go
from hocbaso.web.security import browser_session, confirm_recent, current_actor, note, requires

MAX_TRUST_LIST = 4_000_000
"""Bytes; revocation lists of a national issuer may stand in the file."""

MAX_IMAGE = 2_000_000

pages = Blueprint("certificates", __name__, url_prefix="/chung-thu-so")


def _page(
    status: int = 200,
    *,
    register: RegisterForm | None = None,
    root: RootForm | None = None,
    machine: InstanceKeyForm | None = None,
    withdraw: WithdrawKeyForm | None = None,
    lift: LiftForm | None = None,
    message: str | None = None,
) -> BaseResponse:
    actor, now = current_actor(), clock.now()
    may_own, may_manage = actor.may(P.CERTIFICATE_OWN), actor.may(P.CERTIFICATE_MANAGE)
    seal = certificate_register.seal_in_use(actor, now)
    body = render_template(
        "certificates/index.html",
        own=certificate_register.own_certificates(actor, now) if may_own else [],
        everyone=certificate_register.list_certificates(actor, now) if may_manage else [],
        liftable=certificate_standing.liftable(actor, now),
        lift=lift or LiftForm(formdata=None),
        roots=trust_roots.list_roots(),
        root_kinds=trust_roots.KINDS,
        machine_keys=instance_keys.views() if actor.has_role(Role.CLERK) or may_manage else [],
        machine_form=machine or InstanceKeyForm(formdata=None),
        seal_at_desk=seal.fingerprint if seal is not None and seal.key_kind == "desk" else None,
        withdraw_form=withdraw or WithdrawKeyForm(formdata=None),
        may_own=may_own,
        may_manage=may_manage,
        is_clerk=actor.has_role(Role.CLERK),
        register=register or RegisterForm(formdata=None),
        root=root or RootForm(formdata=None),
        drivers=key_devices.drivers(),
        providers=remote_providers.provider_names(),
        message=message,
    )
    response = make_response(body, status)
    return allow_signing_helper(response) if seal is not None and seal.key_kind == "desk" else response


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
            replace=form.replace.data,
        )
    except DomainError as refusal:
        return _page(status_of(refusal), register=form, message=refusal.message)
    note("Đã đăng ký chứng thư số. Từ nay ký học bạ bằng mã PIN vừa đặt.")
    return go(url_for(".index"))


def _device_page(status: int = 200, *, form: DeviceForm | None = None, message: str | None = None) -> tuple[str, int]:
    seen, problems = key_devices.plugged_in()
    form = form or DeviceForm(formdata=None, device=seen[0].value if len(seen) == 1 else None)
    form.device.choices = [(each.value, each.token.label) for each in seen]
    return render_template(
        "certificates/device.html",
        form=form,
        seen=seen,
        problems=problems,
        has_drivers=bool(key_devices.drivers()),
        is_clerk=current_actor().has_role(Role.CLERK),
        message=message,
    ), status


@pages.get("/thiet-bi")
@requires(P.CERTIFICATE_OWN)
def device() -> Any:
    """What is plugged into the server, and the form for one's own certificate on it."""
    return _device_page()


@pages.post("/thiet-bi")
@requires(P.CERTIFICATE_OWN)
def register_device() -> Any:
    """Register one's own certificate from a token; its key stays there."""
    confirm_recent(current_actor())
    form = DeviceForm()
    if not form.validate():
        return _device_page(422, form=form)
    file = form.intermediates.data
    try:
        token_register.register_token(
            current_actor(),
            form.device.data or "",
            form.pin.data or "",
            clock.now(),
            purpose=form.purpose.data or "personal",
            replace=form.replace.data,
            intermediates=file.read(200_000) if file else b"",
            last_try=form.last_try.data,
        )
    except DomainError as refusal:
        return _device_page(status_of(refusal), form=form, message=_words(refusal))
    note("Đã đăng ký chứng thư trên thiết bị. Khi ký, cắm thiết bị vào máy chủ và nhập mã PIN của thiết bị.")
    return go(url_for(".index"))


def _remote_page(status: int = 200, *, form: RemoteForm | None = None, message: str | None = None) -> tuple[str, int]:
    names = remote_providers.provider_names()
    form = form or RemoteForm(formdata=None, provider=names[0][0] if len(names) == 1 else None)
    form.provider.choices = names
    sign_in_at = remote_providers.wants_sign_in()
    form.user.flags.required = not sign_in_at
    return render_template(
        "certificates/remote.html",
        form=form,
        providers=names,
        sign_ins=[
            (name, words, remote_logins.is_signed_in(current_actor(), name, clock.now()))
            for name, words in names
            if name in sign_in_at
        ],
        is_clerk=current_actor().has_role(Role.CLERK),
        message=message,
    ), status


@pages.get("/tu-xa")
@requires(P.CERTIFICATE_OWN)
def remote() -> Any:
    """The form for one's own certificate at a remote signing provider."""
    return _remote_page()


@pages.get("/tu-xa/dang-nhap/<name>")
@requires(P.CERTIFICATE_OWN)
def remote_sign_in(name: str) -> Any:
    """Off to the provider's own page, and back to :func:`remote_back`."""
    try:
        return redirect(remote_logins.begin(current_actor(), name, clock.now()), 303)
    except DomainError as refusal:
        return _remote_page(status_of(refusal), message=_words(refusal))


@pages.get("/tu-xa/ve")
@requires(P.CERTIFICATE_OWN)
def remote_back() -> Any:
    """Back from the provider with a code."""
    state, code = request.args.get("state", ""), request.args.get("code", "")
    try:
        words = remote_logins.finish(current_actor(), state, code, clock.now())
    except DomainError as refusal:
        return _remote_page(status_of(refusal), message=_words(refusal))
    note(f"Đã đăng nhập {words}. Giờ đăng ký chứng thư hoặc ký học bạ được.")
    return go(url_for(".remote"))


@pages.post("/tu-xa")
@requires(P.CERTIFICATE_OWN)
def register_remote() -> Any:
    """Register one's own certificate at a provider; its key stays there."""
    confirm_recent(current_actor())
    form = RemoteForm()
    if not form.validate():
        return _remote_page(422, form=form)
    try:
        remote_register.register_remote(
            current_actor(),
            form.provider.data or "",
            form.user.data or "",
            clock.now(),
            purpose=form.purpose.data or "personal",
            replace=form.replace.data,
        )
    except DomainError as refusal:
        return _remote_page(status_of(refusal), form=form, message=_words(refusal))
    note("Đã đăng ký chứng thư ký từ xa.")
    return go(url_for(".index"))


def _words(refusal: DomainError) -> str:
    return " ".join([refusal.message, *refusal.details])


def _record_page(
    certificate_id: int, status: int = 200, *, message: str | None = None, **forms: Any
) -> tuple[str, int]:
    actor = current_actor()
    row = certificate_register.one(actor, certificate_id, clock.now())
    answer = row.approval if row.approval != "unsent" else "sent"
    return render_template(
        "certificates/record.html",
        row=row,
        history=certificate_standing.history(actor, certificate_id),
        may_manage=actor.may(P.CERTIFICATE_MANAGE),
        is_own=certificate_register.is_own(actor, certificate_id),
        approval=forms.get("approval") or ApprovalForm(formdata=None, answer=answer, note=row.approval_note),
        roles=forms.get("roles") or RolesForm(formdata=None, roles=list(row.bound_roles)),
        renewal=forms.get("renewal") or RenewalForm(formdata=None),
        revocation=forms.get("revocation") or RevokeForm(formdata=None),
        destroy=forms.get("destroy") or DestroyForm(formdata=None),
        pin=forms.get("pin") or PinForm(formdata=None),
        image=forms.get("image") or ImageForm(formdata=None),
        message=message,
    ), status


@pages.get("/<int:certificate_id>")
@requires(P.CERTIFICATE_OWN, P.CERTIFICATE_MANAGE)
def record(certificate_id: int) -> Any:
    """One certificate: where its key lives, what it may sign, what the authority said."""
    return _record_page(certificate_id)


@pages.post("/<int:certificate_id>/phe-duyet")
@requires(P.CERTIFICATE_MANAGE)
def approval(certificate_id: int) -> Any:
    """Write down the authority's answer."""
    confirm_recent(current_actor())
    form = ApprovalForm()
    try:
        certificate_standing.set_approval(
            current_actor(), certificate_id, form.answer.data or "", clock.now(), note=form.note.data or ""
        )
    except NotFound:
        raise
    except DomainError as refusal:
        return _record_page(certificate_id, status_of(refusal), approval=form, message=_words(refusal))
    note("Đã ghi trả lời của cơ quan quản lý.")
    return go(url_for(".record", certificate_id=certificate_id))


@pages.post("/<int:certificate_id>/vai-tro")
@requires(P.CERTIFICATE_MANAGE)
def roles(certificate_id: int) -> Any:
    """Bind a certificate to the signatures it may give."""
    confirm_recent(current_actor())
    form = RolesForm()
    try:
        certificate_standing.bind_roles(current_actor(), certificate_id, form.roles.data or [], clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _record_page(certificate_id, status_of(refusal), roles=form, message=_words(refusal))
    note("Đã ghi chứng thư được ký với tư cách nào.")
    return go(url_for(".record", certificate_id=certificate_id))


@pages.post("/<int:certificate_id>/gia-han")
@requires(P.CERTIFICATE_OWN, P.CERTIFICATE_MANAGE)
def renewal(certificate_id: int) -> Any:
    """Write down that renewal was asked."""
    form = RenewalForm()
    try:
        certificate_standing.ask_renewal(
            current_actor(), certificate_id, clock.now(), note=form.renewal_note.data or ""
        )
    except NotFound:
        raise
    except DomainError as refusal:
        return _record_page(certificate_id, status_of(refusal), renewal=form, message=_words(refusal))
    note("Đã ghi là đã đề nghị gia hạn. Có chứng thư mới thì đăng ký ở trang Chứng thư số.")
    return go(url_for(".record", certificate_id=certificate_id))


@pages.post("/<int:certificate_id>/thu-hoi")
@requires(P.CERTIFICATE_OWN, P.CERTIFICATE_MANAGE)
def revoke(certificate_id: int) -> Any:
    """Write down that a certificate is revoked: it does not sign here any more."""
    confirm_recent(current_actor())
    form = RevokeForm()
    if not form.validate():
        return _record_page(certificate_id, 422, revocation=form)
    certificate_standing.revoke(current_actor(), certificate_id, form.reason.data or "", clock.now())
    note("Đã ghi thu hồi. Chứng thư này không ký được ở đây nữa; nhớ báo nơi cấp để họ thu hồi.", "late")
    return go(url_for(".index"))


@pages.get("/<int:certificate_id>/hinh")
@requires(P.CERTIFICATE_OWN)
def image(certificate_id: int) -> Any:
    """The kept image, for its owner's preview."""
    response = make_response(certificate_images.image_for_owner(current_actor(), certificate_id))
    response.headers["Content-Type"] = "image/png"
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.post("/<int:certificate_id>/hinh")
@requires(P.CERTIFICATE_OWN)
def set_image(certificate_id: int) -> Any:
    """Take the image of one's hand, or of the school's seal."""
    confirm_recent(current_actor())
    form = ImageForm()
    certificate_register.one(current_actor(), certificate_id, clock.now())  # 404 before anything is said of the form
    if not form.validate():
        return _record_page(certificate_id, 422, image=form)
    try:
        data = form.image.data.read(MAX_IMAGE + 1)
        certificate_images.set_image(current_actor(), certificate_id, data, clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _record_page(certificate_id, status_of(refusal), image=form, message=_words(refusal))
    note("Đã nhận hình. Xem thử cỡ thật bên dưới; học bạ ký từ nay mang hình này.")
    return go(url_for(".record", certificate_id=certificate_id, _anchor="hinh"))


@pages.post("/<int:certificate_id>/hinh/bo")
@requires(P.CERTIFICATE_OWN)
def remove_image(certificate_id: int) -> Any:
    """Use no image any more."""
    try:
        certificate_images.remove_image(current_actor(), certificate_id, clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _record_page(certificate_id, status_of(refusal), message=_words(refusal))
    note("Đã bỏ hình; học bạ ký từ nay ghi chữ thay cho hình.")
    return go(url_for(".record", certificate_id=certificate_id, _anchor="hinh"))


@pages.post("/<int:certificate_id>/doi-pin")
@requires(P.CERTIFICATE_OWN)
def change_pin(certificate_id: int) -> Any:
    """Give one's own key another PIN."""
    form = PinForm()
    certificate_register.one(current_actor(), certificate_id, clock.now())  # 404 before anything is said of the form
    if not form.validate():
        return _record_page(certificate_id, 422, pin=form)
    try:
        certificates.change_pin(
            current_actor(), certificate_id, form.pin.data or "", form.new_pin.data or "", clock.now()
        )
    except NotFound:
        raise
    except DomainError as refusal:
        return _record_page(certificate_id, status_of(refusal), pin=form, message=_words(refusal))
    note("Đã đổi mã PIN của khoá ký.")
    return go(url_for(".record", certificate_id=certificate_id))


@pages.post("/<int:certificate_id>/dung-lai")
@requires(P.CERTIFICATE_OWN)
def reinstate(certificate_id: int) -> Any:
    """Take a replaced certificate into use again."""
    confirm_recent(current_actor())
    try:
        certificate_register.reinstate(current_actor(), certificate_id, clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _record_page(certificate_id, status_of(refusal), message=_words(refusal))
    note("Chứng thư này dùng lại được, mã PIN như cũ; chứng thư kia đã ngừng dùng.")
    return go(url_for(".index"))


@pages.post("/<int:certificate_id>/go-thu-hoi")
@requires(P.CERTIFICATE_OWN)
def lift_revocation(certificate_id: int) -> Any:
    """Agree that another's certificate was written down as revoked by mistake."""
    confirm_recent(current_actor())
    form = LiftForm()
    if not form.validate():
        return _page(422, lift=form)
    try:
        certificate_standing.lift_revocation(current_actor(), certificate_id, form.note.data or "", clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _page(status_of(refusal), lift=form, message=_words(refusal))
    note("Đã gỡ việc ghi thu hồi. Chủ chứng thư dùng lại được ở trang Chứng thư số của mình.")
    return go(url_for(".index"))


@pages.post("/<int:certificate_id>/xoa-khoa")
@requires(P.CERTIFICATE_OWN)
def destroy_key(certificate_id: int) -> Any:
    """Destroy one's own kept key for good, with its PIN."""
    confirm_recent(current_actor())
    form = DestroyForm()
    certificate_register.one(current_actor(), certificate_id, clock.now())  # 404 before anything is said of the form
    if not form.validate():
        return _record_page(certificate_id, 422, destroy=form)
    try:
        certificate_register.destroy_key(current_actor(), certificate_id, form.old_pin.data or "", clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _record_page(certificate_id, status_of(refusal), destroy=form, message=_words(refusal))
    note("Đã xoá hẳn khoá. Chữ ký cũ vẫn kiểm tra được.", "late")
    return go(url_for(".record", certificate_id=certificate_id))


@pages.post("/<int:certificate_id>/ngung")
@requires(P.CERTIFICATE_OWN, P.CERTIFICATE_MANAGE)
def retire(certificate_id: int) -> BaseResponse:
    """Stop a certificate; its key stays sealed for its owner."""
    confirm_recent(current_actor())
    certificate_register.retire(current_actor(), certificate_id, clock.now())
    note(
        "Chứng thư đã ngừng dùng; khoá trong máy chủ, nếu có, vẫn niêm phong và chủ chứng thư dùng lại được. Chữ ký cũ vẫn "
        "kiểm tra được.",
        "late",
    )
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
        added, read = trust_roots.add_trust_list(
            current_actor(), form.root.data.read(MAX_TRUST_LIST), clock.now(), kind=form.kind.data or "other"
        )
    except DomainError as refusal:
        return _page(status_of(refusal), root=form, message=refusal.message)
    for root in added:
        note(f"Đã tin cậy {root.subject_name}. Vân tay SHA-256: {root.fingerprint_words}")
    for words in read.left_out:
        note(f"Không nạp: {words}", "late")
    return go(url_for(".index"))


@pages.post("/khoa-may")
@requires(P.CERTIFICATE_OWN)
def certify_machine_key() -> Any:
    """Have the seal say which key is the machine's (the clerk)."""
    confirm_recent(current_actor())
    form = InstanceKeyForm()
    seal = certificate_register.seal_in_use(current_actor(), clock.now())
    if seal is not None and seal.key_kind == "desk":
        try:
            task = instance_keys.certify_at_desk(current_actor(), browser_session(), url_for(".index"), clock.now())
        except DomainError as refusal:
            return _page(status_of(refusal), message=_words(refusal))
        return go(url_for("desk.task", task_id=task))
    if not form.validate():
        return _page(422, machine=form)
    try:
        n_made = instance_keys.certify(current_actor(), form.pin.data or "", clock.now(), code=form.code.data or "")
    except DomainError as refusal:
        return _page(status_of(refusal), machine=form, message=_words(refusal))
    note("Con dấu đã xác nhận khoá của máy." if n_made else "Khoá của máy đã được con dấu này xác nhận từ trước.")
    return go(url_for(".index"))


@pages.post("/khoa-may/<key_id>/thu-hoi")
@requires(P.CERTIFICATE_OWN, P.CERTIFICATE_MANAGE)
def withdraw_machine_key(key_id: str) -> Any:
    """Withdraw the machine's key; the next build makes another."""
    confirm_recent(current_actor())
    form = WithdrawKeyForm()
    if not form.validate():
        return _page(422, withdraw=form)
    try:
        instance_keys.withdraw(current_actor(), key_id, form.reason.data or "", clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _page(status_of(refusal), withdraw=form, message=_words(refusal))
    note(
        "Đã thu hồi khoá của máy. Văn thư dùng con dấu xác nhận việc thu hồi để trang kiểm tra lưu sẵn cũng biết.",
        "late",
    )
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
