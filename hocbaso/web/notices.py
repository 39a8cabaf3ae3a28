"""``/loi-nhac/<id>/da-doc``: put one's own reminder aside."""

from __future__ import annotations

from flask import Blueprint, Flask, make_response
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.services import reminders
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.security import current_actor, signed_in

bp = Blueprint("notices", __name__)


@bp.post("/loi-nhac/<int:notice_id>/da-doc")
@signed_in
def mark_read(notice_id: int) -> BaseResponse:
    """Mark as read; 404 for somebody else's. A fragment request gets nothing back, so the notice leaves the page."""
    reminders.mark_read(current_actor(), notice_id, clock.now())
    if is_fragment():
        return make_response("")
    return go("/hom-nay")


def init_app(app: Flask) -> None:
    """Register."""
    app.register_blueprint(bp)
