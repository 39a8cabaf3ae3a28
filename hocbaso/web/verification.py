"""The public page ``/xac-thuc``: is this transcript real and in force? By code, QR or file; never a list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Flask, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid, Unavailable
from hocbaso.services import verification
from hocbaso.web.forms.verification import UploadForm
from hocbaso.web.security import public

pages = Blueprint("verification", __name__, url_prefix="/xac-thuc")


def _throttles() -> tuple[verification.Throttle, verification.Throttle]:
    found: tuple[verification.Throttle, verification.Throttle] = current_app.extensions["hocbaso_verification"]
    return found


def _page(status: int = 200, **values: Any) -> tuple[str, int, dict[str, str]]:
    shown: dict[str, Any] = {
        "answer": None,
        "file_answer": None,
        "code": "",
        "code_error": None,
        "file_error": None,
        "busy": None,
        "asked_at": clock.now(),
        **values,
    }
    body = render_template("verification/page.html", form=UploadForm(formdata=None), **shown)
    return body, status, {"Cache-Control": "no-store"}


@pages.get("")
@public
def start() -> Any:
    """The empty page; a typed code leads to its own address, the one that the QR opens."""
    raw = request.args.get("ma", "")
    if not raw:
        return _page()
    try:
        return redirect(url_for(".by_code", code=verification.read_code(raw)), 303)
    except Invalid as refusal:
        return _page(422, code=raw[:80], code_error=refusal.message)


@pages.get("/<uuid:code>")
@public
def by_code(code: object) -> Any:
    """What may be told of a code."""
    try:
        _throttles()[0].ask(request.remote_addr or "", clock.now())
    except Unavailable as refusal:
        return _page(429, busy=refusal.message)
    answer = verification.by_code(str(code))
    return _page(404 if answer.standing == verification.UNKNOWN else 200, answer=answer, code=answer.code)


@pages.post("")
@public
def by_file() -> Any:
    """Judge an uploaded file."""
    try:
        _throttles()[1].ask(request.remote_addr or "", clock.now())
    except Unavailable as refusal:
        return _page(429, busy=refusal.message)
    upload = request.files.get("tep")
    data = upload.read(verification.MAX_UPLOAD + 1) if upload is not None else b""
    try:
        found = verification.by_file(data, clock.now())
    except Invalid as refusal:
        return _page(422, file_error=refusal.message)
    except Unavailable as refusal:
        return _page(503, busy=refusal.message)
    return _page(200 if found.report.ok else 422, file_answer=found)


@pages.get("/")
@public
def with_slash() -> BaseResponse:
    """The address as people type it."""
    return redirect(url_for(".start"), 301)


def init_app(app: Flask) -> None:
    """Register the page with its limits: 30 codes and 6 files a minute for an address."""
    app.extensions["hocbaso_verification"] = (
        verification.Throttle(30, timedelta(minutes=1)),
        verification.Throttle(6, timedelta(minutes=1)),
    )
    app.register_blueprint(pages)
