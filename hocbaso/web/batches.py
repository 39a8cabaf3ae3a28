"""Long work: its progress, which can be left and come back to, and going on with what is left."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, make_response, render_template, url_for

from hocbaso import clock
from hocbaso.errors import DomainError, NotFound
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import batches, desk_signing, transcripts
from hocbaso.web.errors import status_of
from hocbaso.web.headers import allow_signing_helper
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.security import current_actor, requires

batches_pages = Blueprint("batches", __name__, url_prefix="/viec")


@batches_pages.get("/<int:batch_id>")
@requires(P.TRANSCRIPT_READ)
def page(batch_id: int) -> Any:
    """How far a batch is: the page, or for htmx the part that changes."""
    progress = batches.batch_progress(current_actor(), batch_id, clock.now())
    if is_fragment():
        response = make_response(render_template("batches/_batch.html", batch=progress))
        response.headers["Cache-Control"] = "no-store"
        return response
    return _page(progress)


def _page(progress: batches.BatchProgress, message: str | None = None) -> Any:
    response = make_response(render_template("batches/page.html", batch=progress, message=message))
    return allow_signing_helper(response) if desk_signing.is_waiting(progress.id) else response


@batches_pages.post("/<int:batch_id>/tiep")
@requires(P.TRANSCRIPT_BUILD)
def resume(batch_id: int) -> Any:
    """Go on with building what a batch left; signing goes on from the class's page, where the PIN is asked again."""
    progress = batches.batch_progress(current_actor(), batch_id, clock.now())
    if progress.step != "build":
        raise NotFound("Việc ký làm tiếp từ trang của lớp, nơi nhập mã PIN.")
    try:
        batch = transcripts.build_class(current_actor(), progress.class_group_id, clock.now(), background=True)
    except NotFound:
        raise
    except DomainError as refusal:
        return _page(progress, " ".join([refusal.message, *refusal.details])), status_of(refusal)
    return go(url_for(".page", batch_id=batch.id))


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(batches_pages)
