"""A token at the signer's own computer: the page between the server and the signing helper there.

The page carries hashes out and signatures back; it never sees a PIN. What it brings is judged by the services.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Flask, jsonify, make_response, render_template, request, url_for

from hocbaso import clock
from hocbaso.errors import DomainError, Invalid, NotFound
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.permissions import Role
from hocbaso.services import desk_register, desk_signing, desk_tasks, instance_keys
from hocbaso.web.errors import status_of
from hocbaso.web.forms.certificates import DeskForm
from hocbaso.web.headers import HELPER, allow_signing_helper
from hocbaso.web.htmx import go
from hocbaso.web.security import browser_session, confirm_recent, current_actor, note, public, requires

desk_pages = Blueprint("desk", __name__)

MOST_SIGNATURES = 400


@desk_pages.get("/viec/<int:batch_id>/o-may")
@requires(P.TRANSCRIPT_SIGN_HOMEROOM, P.TRANSCRIPT_SIGN_PRINCIPAL, P.TRANSCRIPT_SEAL)
def errand(batch_id: int) -> Any:
    """What the helper is to sign now (JSON); 204 once nothing waits for it any more."""
    return _errand(desk_signing.errand(current_actor(), batch_id, browser_session(), clock.now()))


def _errand(found: desk_signing.Errand | None) -> Any:
    if found is None:
        return "", 204
    body: dict[str, Any] = {"waiting": found.round is not None}
    if found.round is not None:
        body |= {
            "job": found.round.job,
            "round": found.round.number,
            "certificate": found.certificate,
            "list": asdict(found.round.listing),
            "messages": [_b64(message) for message in found.round.messages],
        }
        if (
            request.args.get("biet") != found.round.job
        ):  # a page that has it need not fetch a school's names every round
            body["agreement"] = asdict(found.round.agreement)
    return jsonify(body)


@desk_pages.post("/viec/<int:batch_id>/o-may")
@requires(P.TRANSCRIPT_SIGN_HOMEROOM, P.TRANSCRIPT_SIGN_PRINCIPAL, P.TRANSCRIPT_SEAL)
def bring(batch_id: int) -> Any:
    """Take what the helper signed."""

    def take(job: str, number: int, signatures: list[bytes]) -> None:
        desk_signing.bring(current_actor(), batch_id, browser_session(), job, number, signatures, clock.now())

    return _bring(take)


def _bring(take: Callable[[str, int, list[bytes]], None]) -> Any:
    job, number, signatures = request.form.get("job", ""), request.form.get("round", type=int), _signatures()
    try:
        if number is None or not signatures:
            raise Invalid("Trang gửi chữ ký không đúng dạng.")
        take(job, number, signatures)
    except NotFound:
        raise
    except DomainError as error:
        return _told(error)
    return "", 204


@desk_pages.post("/viec/<int:batch_id>/o-may/dung")
@requires(P.TRANSCRIPT_SIGN_HOMEROOM, P.TRANSCRIPT_SIGN_PRINCIPAL, P.TRANSCRIPT_SEAL)
def stop(batch_id: int) -> Any:
    """The signer stops a batch; what was signed stays."""
    try:
        desk_signing.stop(current_actor(), batch_id, browser_session(), request.form.get("why", ""), clock.now())
    except NotFound:
        raise
    except DomainError as error:
        return _told(error)
    return "", 204


# --- a list or the machine's key: no batch, one or a few signatures ----------------------------------------------------


@desk_pages.get("/o-may/<task_id>")
@requires(P.TRANSCRIPT_RECALL, P.TRANSCRIPT_SEAL)
def task(task_id: str) -> Any:
    """Where the signer waits for the helper; when it is over, back to where it began."""
    found = desk_tasks.task_for(current_actor(), task_id, browser_session())
    if found.outcome == "done":
        note(found.message)
        return go(found.back)
    response = make_response(render_template("desk/task.html", task=found))
    return allow_signing_helper(response)


@desk_pages.get("/o-may/<task_id>/viec")
@requires(P.TRANSCRIPT_RECALL, P.TRANSCRIPT_SEAL)
def task_errand(task_id: str) -> Any:
    """What the helper is to sign now (JSON); 204 once it is over."""
    return _errand(desk_tasks.errand(current_actor(), task_id, browser_session()))


@desk_pages.post("/o-may/<task_id>/viec")
@requires(P.TRANSCRIPT_RECALL, P.TRANSCRIPT_SEAL)
def task_bring(task_id: str) -> Any:
    """Take what the helper signed."""

    def take(job: str, number: int, signatures: list[bytes]) -> None:
        desk_tasks.bring(current_actor(), task_id, browser_session(), job, number, signatures)

    return _bring(take)


@desk_pages.post("/o-may/<task_id>/viec/dung")
@requires(P.TRANSCRIPT_RECALL, P.TRANSCRIPT_SEAL)
def task_stop(task_id: str) -> Any:
    """The signer stops; nothing was written."""
    try:
        desk_tasks.stop(current_actor(), task_id, browser_session(), request.form.get("why", ""))
    except NotFound:
        raise
    except DomainError as error:
        return _told(error)
    return "", 204


def _told(error: DomainError) -> Any:
    response = jsonify({"message": error.message})
    response.status_code = status_of(error)
    return response


def _signatures() -> list[bytes]:
    """Base64 texts in a JSON list; empty for anything else."""
    try:
        texts = json.loads(request.form.get("signatures", ""))
        if not isinstance(texts, list) or len(texts) > MOST_SIGNATURES:
            return []
        return [base64.b64decode(text, validate=True) for text in texts]
    except (ValueError, TypeError, binascii.Error, RecursionError):
        return []


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _register_page(status: int = 200, *, form: DeskForm | None = None, message: str | None = None) -> Any:
    form = form or DeskForm(formdata=None)
    form.nonce.data = desk_register.challenge(current_actor(), browser_session(), clock.now())
    for used in (form.leaf, form.shown, form.signature):
        used.data = ""
    is_clerk = current_actor().has_role(Role.CLERK)
    body = render_template("certificates/desk.html", form=form, is_clerk=is_clerk, message=message)
    return allow_signing_helper(make_response(body, status))


@desk_pages.get("/chung-thu-so/o-may")
@requires(P.CERTIFICATE_OWN)
def register_page() -> Any:
    """What the token at one's own computer holds, told by the helper there."""
    confirm_recent(current_actor())
    return _register_page()


@desk_pages.post("/chung-thu-so/o-may")
@requires(P.CERTIFICATE_OWN)
def register() -> Any:
    """Register one's own certificate with the helper's proof that its key is there."""
    confirm_recent(current_actor())
    form = DeskForm()
    if not form.validate():
        return _register_page(422, form=form)
    file = form.intermediates.data
    try:
        desk_register.register_desk(
            current_actor(),
            browser_session(),
            f"{request.scheme}://{request.host}".lower(),
            form.nonce.data or "",
            _decoded(form.leaf.data),
            _decoded(form.signature.data),
            {"serial": form.serial.data or "", "label": form.label.data or "", "key_id": form.key_id.data or ""},
            clock.now(),
            purpose=form.purpose.data or "personal",
            replace=form.replace.data,
            shown=[_decoded(text) for text in (form.shown.data or "").split()],
            intermediates=file.read(200_000) if file else b"",
        )
    except DomainError as error:
        words = " ".join([error.message, *error.details])
        return _register_page(status_of(error), form=form, message=words)
    note("Đã đăng ký chứng thư trên thiết bị ở máy này. Khi ký, cắm thiết bị và mở trình ký ở máy đang dùng.")
    return go(url_for("certificates.index"))


@desk_pages.post("/chung-thu-so/o-may/ghep")
@requires(P.CERTIFICATE_OWN)
def pairing_code() -> Any:
    """The machine's key in words (JSON), to be compared with what the helper shows; the key is made where there is none yet."""
    try:
        return jsonify({"words": instance_keys.pairing_words(current_actor(), clock.now())})
    except DomainError as error:
        return _told(error)


@desk_pages.get("/trinh-ky/khoa")
@public
def helper_key() -> Any:
    """What a helper looks at when it is paired and at each session (JSON): the key that signs what it is told, and this machine's time."""
    return jsonify(instance_keys.for_helpers(clock.now()))


def _decoded(text: str | None) -> bytes:
    try:
        return base64.b64decode(text or "", validate=True)
    except (ValueError, binascii.Error) as error:
        raise Invalid("Trang gửi chứng thư không đúng dạng. Hãy tải lại trang.") from error


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(desk_pages)

    @app.context_processor
    def _helper() -> dict[str, Any]:
        return {"signing_helper": HELPER, "is_at_desk": desk_signing.is_waiting}
