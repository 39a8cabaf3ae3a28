"""The public page ``/xac-thuc``: is this transcript real and in force? By code, QR or file; never a list."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid, Unavailable
from hocbaso.services import instance_keys, offline_page, verification
from hocbaso.web.forms.verification import TextForm, UploadForm
from hocbaso.web.security import public

pages = Blueprint("verification", __name__, url_prefix="/xac-thuc")


def _throttles() -> tuple[verification.Throttle, verification.Throttle]:
    found: tuple[verification.Throttle, verification.Throttle] = current_app.extensions["hocbaso_verification"]
    return found


def _page(status: int = 200, **values: Any) -> tuple[str, int, dict[str, str]]:
    shown: dict[str, Any] = {
        "answer": None,
        "file_answer": None,
        "text_answer": None,
        "signed_report": None,
        "text_error": None,
        "code": "",
        "code_error": None,
        "file_error": None,
        "busy": None,
        "asked_at": clock.now(),
        **values,
    }
    body = render_template(
        "verification/page.html", form=UploadForm(formdata=None), text_form=TextForm(formdata=None), **shown
    )
    return body, status, {"Cache-Control": "no-store"}


def _wants_json() -> bool:
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return best == "application/json"


def _json(values: dict[str, Any], status: int = 200) -> tuple[Response, int, dict[str, str]]:
    return jsonify(values), status, {"Cache-Control": "no-store"}


def _refusal(status: int, message: str, **where: Any) -> Any:
    return _json({"error": message}, status) if _wants_json() else _page(status, **where)


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
        return _refusal(429, refusal.message, busy=refusal.message)
    answer = verification.by_code(str(code))
    if _wants_json():
        return _json(verification.plain_code(answer), 404 if answer.standing == verification.UNKNOWN else 200)
    return _page(404 if answer.standing == verification.UNKNOWN else 200, answer=answer, code=answer.code)


@pages.post("")
@public
def by_file() -> Any:
    """Judge an uploaded file: as a page with a signed report to take away, or as JSON."""
    try:
        _throttles()[1].ask(request.remote_addr or "", clock.now())
    except Unavailable as refusal:
        return _refusal(429, refusal.message, busy=refusal.message)
    upload = request.files.get("tep")
    data = upload.read(verification.MAX_UPLOAD + 1) if upload is not None else b""
    now = clock.now()
    try:
        found = verification.by_file(data, now)
    except Invalid as refusal:
        return _refusal(422, refusal.message, file_error=refusal.message)
    except Unavailable as refusal:
        return _refusal(503, refusal.message, busy=refusal.message)
    status = 200 if found.report.ok else 422
    if _wants_json():
        return _json(verification.plain_file(found), status)
    report = verification.signed_report(found, data, now) if found.report.kind in JUDGED else None
    packed = base64.b64encode(report).decode("ascii") if report is not None else None
    return _page(status, file_answer=found, signed_report=packed)


JUDGED = ("pdf", "xml", "package", "unknown")
"""Kinds of files of which a report is handed out; one on a report would prove nothing."""


@pages.post("/ma-qr")
@public
def by_text() -> Any:
    """Judge the text of a QR."""
    try:
        _throttles()[0].ask(request.remote_addr or "", clock.now())
    except Unavailable as refusal:
        return _refusal(429, refusal.message, busy=refusal.message)
    try:
        found = verification.by_text(request.form.get("qr", "")[:6000], clock.now())
    except Invalid as refusal:
        return _refusal(422, refusal.message, text_error=refusal.message)
    status = 200 if found.report.ok else 422
    if _wants_json():
        return _json(verification.plain_text(found), status)
    return _page(status, text_answer=found)


@pages.get("/trang-luu-san")
@public
def keep() -> Any:
    """What the page for offline checks is, and its fingerprint; the school prints this."""
    return render_template("verification/keep.html", page=offline_page.page()), 200, {"Cache-Control": "no-store"}


@pages.get("/kiem-tra-hoc-ba.html")
@public
def offline() -> Response:
    """The page for offline checks, as a file."""
    page = offline_page.page()
    return _file(page.data, "text/html", offline_page.FILE_NAME)


@pages.get("/khoa-may.json")
@public
def keys() -> Response:
    """What the seal says of this instance's keys."""
    return _file(instance_keys.key_list(), "application/json", "khoa-may.json")


def _file(data: bytes, kind: str, name: str) -> Response:
    answer = Response(data, mimetype=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


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
