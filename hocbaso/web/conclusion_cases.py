"""Kết luận đổi sau khi chốt hè, sau khi chuyển năm: what waits for the principal and the office, until it is settled."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Flask, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError, NotAllowed, NotFound
from hocbaso.regulations.conclusion_cases import STATE_WORDS
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import conclusion_cases
from hocbaso.services.access import Actor
from hocbaso.services.conclusion_asks import OUTCOME_WORDS
from hocbaso.services.conclusion_cases import Chosen
from hocbaso.web.errors import status_of
from hocbaso.web.htmx import go
from hocbaso.web.security import confirm_recent, current_actor, note, requires

conclusions = Blueprint("conclusion_cases", __name__, url_prefix="/sua-chua/ket-luan")

CHOICE_WORDS = {
    "summer": ("Cho kiểm tra, đánh giá lại (rèn luyện) muộn", "Mở riêng cho em, đến hết hạn bên dưới; em ở lớp đang học cho đến khi có kết quả"),
    "move": ("Xếp lại theo kết luận mới", "Văn phòng xếp; điểm đã có ở lớp đang học vẫn giữ ở đó"),
    "stay": ("Ở lại lớp đang học", "Theo quyết định của nhà trường, ghi căn cứ"),
    "gone": ("Em không còn học ở trường", "Chỉ sửa hồ sơ của năm cũ, không xếp lớp"),
    "keep": ("Không tổ chức muộn", "Giữ kết luận như trên, ghi căn cứ"),
}  # fmt: skip
"""How each choice is said: its name, what follows."""

Answer = str | tuple[str, int] | BaseResponse


def chosen_of_form() -> Chosen:
    """What a form says of the pupil."""
    return Chosen(
        request.form.get("case", ""),
        request.form.get("case_paper", ""),
        request.form.get("case_until", ""),
        request.form.get("case_class", ""),
    )


@conclusions.get("")
@requires(P.CORRECTION_READ)
def show() -> Answer:
    """The open cases that concern this person, and the newest that are over."""
    return _page()


def _page(message: str = "", case_id: int = 0, status: int = 200) -> Answer:
    actor, now = current_actor(), clock.now()
    return (
        render_template(
            "conclusion_cases/page.html",
            lines=conclusion_cases.open_lines(actor, now),
            over=conclusion_cases.settled_lines(actor, now),
            message=message,
            wrong_id=case_id,
            typed=request.form if request.method == "POST" else {},
            choice_words=CHOICE_WORDS,
            outcome_words=OUTCOME_WORDS,
            state_words=STATE_WORDS,
            may_decide=actor.may(P.YEAR_EDIT),
        ),
        status,
    )


def _version() -> int:
    text = request.form.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _act(case_id: int, act: Callable[[Actor], None], done: str) -> Answer:
    try:
        act(current_actor())
    except (NotFound, NotAllowed):
        raise
    except DomainError as refusal:
        return _page(" ".join([refusal.message, *refusal.details]), case_id, status_of(refusal))
    note(done)
    return go(url_for(".show"))


@conclusions.post("/<int:case_id>/noi-hoc")
@requires(P.YEAR_EDIT)
def place(case_id: int) -> Answer:
    """The principal decides where the pupil sits."""
    confirm_recent(current_actor())
    return _act(
        case_id,
        lambda actor: conclusion_cases.decide_place(
            actor, case_id, chosen_of_form(), clock.now(), expected_version=_version()
        ),
        "Đã ghi quyết định.",
    )


@conclusions.post("/<int:case_id>/gia-han")
@requires(P.YEAR_EDIT)
def extend(case_id: int) -> Answer:
    """The principal gives a late summer another day."""
    return _act(
        case_id,
        lambda actor: conclusion_cases.extend(
            actor, case_id, request.form.get("case_until", ""), clock.now(), expected_version=_version()
        ),
        "Đã gia hạn.",
    )


@conclusions.post("/<int:case_id>/xep-lop")
@requires(P.IMPORT_ROSTER)
def move(case_id: int) -> Answer:
    """The office puts the pupil where the principal decided."""
    return _act(
        case_id,
        lambda actor: conclusion_cases.move(actor, case_id, clock.now(), expected_version=_version()),
        "Đã xếp lại lớp. Chỗ cũ đóng từ hôm nay, điểm ở đó vẫn giữ.",
    )


def init_app(app: Flask) -> None:
    """Register the page."""
    app.register_blueprint(conclusions)
