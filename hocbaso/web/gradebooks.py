"""The two books "Sổ theo dõi và đánh giá học sinh" as PDF: a teacher's own, and that of a class."""

from __future__ import annotations

from flask import Response
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import class_gradebook, teacher_gradebook
from hocbaso.services.gradebook_sheets import BookFile
from hocbaso.web.homeroom import classes
from hocbaso.web.score_sheets import sheets
from hocbaso.web.security import current_actor, requires


@sheets.get("/so-theo-doi")
@requires(P.SHEET_ENTER)
def gradebook() -> BaseResponse:
    """The teacher's book of the person who asks."""
    return _shown(teacher_gradebook.make(current_actor(), clock.now()))


@classes.get("/<int:class_group_id>/so-theo-doi")
@requires(P.CLASS_READ)
def gradebook_of_class(class_group_id: int) -> BaseResponse:
    """The book of a class."""
    return _shown(class_gradebook.make(current_actor(), class_group_id, clock.now()))


def _shown(made: BookFile) -> BaseResponse:
    response = Response(made.data, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{made.name}"'
    return response
