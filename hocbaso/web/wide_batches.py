"""Building and signing many classes at once: a grade level or the school, one authentication."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, make_response, render_template, request, url_for

from hocbaso import clock
from hocbaso.errors import DomainError, Invalid, NotFound
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import signing, signing_view, wide_batches
from hocbaso.web.errors import status_of
from hocbaso.web.forms.transcripts import BuildForm, SignForm
from hocbaso.web.headers import allow_signing_helper
from hocbaso.web.htmx import go
from hocbaso.web.old_pins import ask_for_better
from hocbaso.web.security import browser_session, current_actor, requires

wide_pages = Blueprint("wide_batches", __name__, url_prefix="/hoc-ba/nhieu-lop")

VERBS = {"build": "Lập", "principal": "Ký", "seal": "Đóng dấu"}


@wide_pages.get("")
@requires(P.TRANSCRIPT_BUILD, P.TRANSCRIPT_SIGN_PRINCIPAL, P.TRANSCRIPT_SEAL)
def page() -> Any:
    """What waits by class and grade level, ticked; one PIN below."""
    return _page()


def panel_of(
    due: dict[str, list[wide_batches.DueClass]],
    step: str | None,
    level: int | None,
    *,
    message: str | None = None,
    sign: SignForm | None = None,
    last_try: bool = False,
    chosen: list[int] | None = None,
) -> dict[str, Any]:
    """What the list of classes and the key's panel beside it show, on this page and on the daily page. ``due``: step -> classes."""
    actor, now = current_actor(), clock.now()
    rows = due.get(step or "", [])
    ticked = (
        set(chosen)
        if chosen is not None
        else {row.class_group_id for row in rows if level is None or row.grade_level == level}
    )
    n_ticked = sum(row.n_due for row in rows if row.class_group_id in ticked)
    panel = (
        signing_view.signer_panel(actor, SignatureRole(step), n_ticked or 1, now)
        if step in ("principal", "seal")
        else None
    )
    return {
        "due": due,
        "step": step,
        "verb": VERBS.get(step or "", ""),
        "levels": [
            (number, [row for row in rows if row.grade_level == number])
            for number in sorted({row.grade_level for row in rows})
        ],
        "ticked": ticked,
        "n_ticked": n_ticked,
        "panel": panel,
        "sign": sign or SignForm(formdata=None, role=step),
        "last_try": last_try,
        "message": message,
        "verbs": VERBS,
    }


def _page(
    *,
    step: str | None = None,
    message: str | None = None,
    sign: SignForm | None = None,
    build: BuildForm | None = None,
    last_try: bool = False,
    chosen: list[int] | None = None,
) -> Any:
    actor = current_actor()
    due = {name: rows for name in VERBS if (rows := wide_batches.due_classes(actor, name))}
    wanted = step or request.args.get("viec", "")
    step = wanted if wanted in due else next(iter(due), None)
    level = request.args.get("khoi", type=int)
    shown = panel_of(due, step, level, message=message, sign=sign, last_try=last_try, chosen=chosen)
    body = render_template(
        "wide_batches/page.html",
        **shown,
        build=build or BuildForm(formdata=None, issue_on=clock.local_date(clock.now())),
        href=lambda of, level=None: url_for("wide_batches.page", viec=of, khoi=level),
        action=url_for("wide_batches.build" if step == "build" else "wide_batches.sign"),
    )
    panel = shown["panel"]
    return allow_signing_helper(make_response(body)) if panel is not None and panel.is_at_desk else body


def _chosen() -> list[int]:
    found = [int(each) for each in request.form.getlist("lop") if each.isascii() and each.isdigit() and len(each) < 9]
    if not found:
        raise Invalid("Chọn ít nhất một lớp.")
    return found


def _words(refusal: DomainError) -> str:
    return " ".join([refusal.message, *refusal.details])


@wide_pages.post("/lap")
@requires(P.TRANSCRIPT_BUILD)
def build() -> Any:
    """Build what is missing in the chosen classes, in the background."""
    form = BuildForm()
    if not form.validate():
        return _page(step="build", build=form), 422
    try:
        batch = wide_batches.build_classes(
            current_actor(), _chosen(), clock.now(), issue_on=form.issue_on.data, background=True
        )
    except NotFound:
        raise
    except DomainError as refusal:
        return _page(step="build", build=form, message=_words(refusal)), status_of(refusal)
    return go(url_for("batches.page", batch_id=batch.id))


@wide_pages.post("/ky")
@requires(P.TRANSCRIPT_SIGN_PRINCIPAL, P.TRANSCRIPT_SEAL)
def sign() -> Any:
    """Sign what waits in the chosen classes with one PIN, in the background."""
    return start_signing(_page, lambda batch_id: url_for("batches.page", batch_id=batch_id))


def start_signing(page: Callable[..., Any], then: Callable[[int], str]) -> Any:
    """Sign what the sent form chose, in the background: to ``then`` of the batch, or ``page`` again with what is wrong."""
    form = SignForm()
    role = form.role.data if form.role.data in ("principal", "seal") else ""
    if not role or not form.validate():
        return page(step=role or None, sign=form, chosen=_numbers()), 422
    try:
        batch = wide_batches.sign_classes(
            current_actor(),
            role,
            _chosen(),
            form.pin.data or "",
            clock.now(),
            publish_on_seal=form.publish.data,
            code=form.code.data or "",
            last_try=form.last_try.data,
            desk=browser_session(),
            background=True,
        )
    except NotFound:
        raise
    except DomainError as refusal:
        return page(
            step=role,
            sign=form,
            chosen=_numbers(),
            message=_words(refusal),
            last_try=signing.asks_for_last_try(refusal),
        ), status_of(refusal)
    ask_for_better(form.pin.data or "", role)
    return go(then(batch.id))


def _numbers() -> list[int] | None:
    try:
        return _chosen()
    except Invalid:
        return None


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(wide_pages)
