"""Questions about a sheet before it is handed in: looked at again, and answered one by one."""

from __future__ import annotations

from flask import Blueprint, Flask, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid, Stale, WrongState
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import anomaly_questions, blind_view, score_grid
from hocbaso.services.score_grid import SheetView
from hocbaso.web.errors import status_of
from hocbaso.web.forms.scores import AnswerForm
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.score_sheets import notes_now, sheet_page, shown_questions
from hocbaso.web.security import current_actor, requires

questions = Blueprint("score_questions", __name__, url_prefix="/bang-diem")


@questions.get("/<int:sheet_id>/cau-hoi")
@requires(P.SHEET_READ)
def show(sheet_id: int) -> BaseResponse | str:
    """What is still asked, after a cell was mended; a whole page is the sheet itself."""
    view = score_grid.open_sheet(current_actor(), sheet_id, clock.now())
    return _cards(view) if is_fragment() else go(_sheet_url(sheet_id))


@questions.post("/<int:sheet_id>/cau-hoi/<int:question_id>")
@requires(P.SHEET_SUBMIT, P.SHEET_LOCK)
def answer_question(sheet_id: int, question_id: int) -> BaseResponse | tuple[BaseResponse | str, int] | str:
    """Answer with an offered reason or the own words."""
    actor, now, form = current_actor(), clock.now(), AnswerForm()
    reason = request.form.get("offered") or form.reason.data or ""
    try:
        if not form.validate_on_submit():
            raise Invalid("Xin tải lại trang rồi trả lời lại: lí do tối đa 500 chữ.", field="reason")
        anomaly_questions.answer(
            actor, sheet_id, question_id, reason=reason, expected_version=form.version.data or 0, now=now
        )
    except (Invalid, Stale, WrongState) as refusal:
        trouble = {question_id: (refusal.message, reason)} if isinstance(refusal, Invalid) else {}
        message = "" if trouble else refusal.message
        view = score_grid.open_sheet(actor, sheet_id, now)
        if is_fragment():
            return _cards(view, trouble, message), status_of(refusal)
        return sheet_page(view, trouble=trouble, message=message, asked=True), status_of(refusal)
    if is_fragment():
        return _cards(score_grid.open_sheet(actor, sheet_id, now))
    return go(_sheet_url(sheet_id))


def _sheet_url(sheet_id: int) -> str:
    return url_for("score_sheets.show", sheet_id=sheet_id, _anchor="questions")


def _cards(view: SheetView, trouble: dict[int, tuple[str, str]] | None = None, message: str = "") -> str:
    shown = shown_questions(view)
    return render_template(
        "score_sheets/_questions.html",
        head=view.head,
        questions=shown,
        notes=notes_now(view, blind_view.record_of(view.head), shown, told=False),
        panel="questions",
        trouble=trouble or {},
        message=message,
        fragment=True,
        asked=True,
        told=False,
    )


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(questions)
