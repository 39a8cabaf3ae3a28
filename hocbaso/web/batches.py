"""Long work: its progress, which can be left and come back to, pausing, and going on with what is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, make_response, render_template, request, url_for

from hocbaso import clock
from hocbaso.errors import DomainError, NotFound, WrongState
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import batch_view, batches, desk_signing, signing, signing_view, transcript_moves, wide_batches
from hocbaso.web.errors import status_of
from hocbaso.web.forms.transcripts import SignForm
from hocbaso.web.headers import allow_signing_helper
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.old_pins import ask_for_better
from hocbaso.web.security import browser_session, current_actor, requires


@dataclass(frozen=True, slots=True)
class After:
    """The next step after a batch: a button's words, icon and address (empty: somebody else's), and how many are published."""

    words: str
    icon: str
    href: str
    n_published: int


batches_pages = Blueprint("batches", __name__, url_prefix="/viec")


@batches_pages.get("/<int:batch_id>")
@requires(P.TRANSCRIPT_READ)
def page(batch_id: int) -> Any:
    """How far a batch is: the page, or for htmx the part that changes."""
    if is_fragment():
        progress = batch_view.batch_progress(current_actor(), batch_id, clock.now())
        response = make_response(render_template("batches/_batch.html", batch=progress, after=_after(progress)))
        response.headers["Cache-Control"] = "no-store"
        if progress.state == "done" and "X-Desk" not in request.headers:
            # The whole page once more: the numbers on the rail and the next step changed with the last item. Not beside the
            # signing helper, whose own last words stand on the page.
            response.headers["HX-Refresh"] = "true"
        return response
    return _page(batch_id)


def _page(batch_id: int, *, message: str | None = None, sign: SignForm | None = None, last_try: bool = False) -> Any:
    actor, now = current_actor(), clock.now()
    progress = batch_view.batch_progress(actor, batch_id, now)
    panel = None
    if progress.may_sign_rest and not progress.may_go_on and progress.step != "build":
        panel = signing_view.signer_panel(actor, SignatureRole(progress.step), progress.n_left, now)
    body = render_template(
        "batches/page.html",
        batch=progress,
        after=_after(progress),
        panel=panel,
        sign=sign or SignForm(formdata=None, role=progress.step),
        last_try=last_try,
        message=message,
    )
    needs_helper = desk_signing.is_waiting(batch_id) or (panel is not None and panel.is_at_desk)
    return allow_signing_helper(make_response(body)) if needs_helper else body


def _after(progress: batch_view.BatchProgress) -> After | None:
    """What whoever looks does next with the class of a batch that is done."""
    class_id = progress.class_group_id
    if class_id is None or progress.state != "done" or progress.n_left:
        return None
    actor, now = current_actor(), clock.now()
    n_published = transcript_moves.publishing_of(class_id).n_published
    panel = signing_view.class_view(actor, class_id, now).panel
    page = url_for("transcripts.class_page", class_group_id=class_id)
    if panel is not None and panel.role is SignatureRole.SEAL:
        return After(f"Đóng dấu {panel.n_due} học bạ", "stamp", page, n_published)
    if panel is not None:
        return After(f"Ký {panel.n_due} học bạ", "pen-line", page, n_published)
    if progress.step == "seal":
        return After(f"Xem học bạ {progress.scope.name}", "book-open-check", page, n_published)
    return After("", "", "", n_published)


def _words(refusal: DomainError) -> str:
    return " ".join([refusal.message, *refusal.details])


@batches_pages.post("/<int:batch_id>/tam-dung")
@requires(P.TRANSCRIPT_BUILD, P.TRANSCRIPT_SIGN_HOMEROOM, P.TRANSCRIPT_SIGN_PRINCIPAL, P.TRANSCRIPT_SEAL)
def pause(batch_id: int) -> Any:
    """Start no further item; what is under way is finished."""
    try:
        batches.pause(current_actor(), batch_id, clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _page(batch_id, message=_words(refusal)), status_of(refusal)
    return go(url_for(".page", batch_id=batch_id))


@batches_pages.post("/<int:batch_id>/tiep")
@requires(P.TRANSCRIPT_BUILD, P.TRANSCRIPT_SIGN_HOMEROOM, P.TRANSCRIPT_SIGN_PRINCIPAL, P.TRANSCRIPT_SEAL)
def resume(batch_id: int) -> Any:
    """Go on while the key is still open; building needs none. A key that was closed is opened again with its PIN."""
    actor, now = current_actor(), clock.now()
    progress = batch_view.batch_progress(actor, batch_id, now)
    try:
        if progress.state not in ("paused", "pausing", "running") or not batches.go_on(actor, batch_id, now):
            if progress.step != "build":
                raise WrongState("Khoá ký đã đóng. Nhập lại mã PIN để ký tiếp phần còn lại.")
            batch_id = wide_batches.do_rest(actor, batch_id, "", now, background=True).id
    except NotFound:
        raise
    except DomainError as refusal:
        return _page(batch_id, message=_words(refusal)), status_of(refusal)
    return go(url_for(".page", batch_id=batch_id))


@batches_pages.post("/<int:batch_id>/phan-con-lai")
@requires(P.TRANSCRIPT_SIGN_HOMEROOM, P.TRANSCRIPT_SIGN_PRINCIPAL, P.TRANSCRIPT_SEAL)
def sign_rest(batch_id: int) -> Any:
    """Sign what a batch left, waiting or failed, with the PIN asked once more."""
    form = SignForm()
    batch_view.batch_progress(current_actor(), batch_id, clock.now())  # 404 before anything is said of the form
    if not form.validate():
        return _page(batch_id, sign=form), 422
    try:
        batch = wide_batches.do_rest(
            current_actor(),
            batch_id,
            form.pin.data or "",
            clock.now(),
            code=form.code.data or "",
            last_try=form.last_try.data,
            desk=browser_session(),
            background=True,
        )
    except NotFound:
        raise
    except DomainError as refusal:
        return _page(
            batch_id, message=_words(refusal), sign=form, last_try=signing.asks_for_last_try(refusal)
        ), status_of(refusal)
    ask_for_better(form.pin.data or "", batch.step)
    return go(url_for(".page", batch_id=batch.id))


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(batches_pages)
