"""Chuyển năm học: the office's plan with its dry run, and the principal's approval that closes the year and opens the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError, NotAllowed, NotFound
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.year_turn import STATE_WORDS
from hocbaso.services import year_turn
from hocbaso.services.access import Actor
from hocbaso.web import labels
from hocbaso.web.errors import status_of
from hocbaso.web.help import Topic, add
from hocbaso.web.htmx import go
from hocbaso.web.security import confirm_recent, current_actor, note, requires

turns = Blueprint("year_turn", __name__, url_prefix="/nam-hoc/chuyen")

Answer = str | tuple[str, int] | BaseResponse


@turns.get("")
@requires(P.IMPORT_ROSTER, P.YEAR_EDIT)
def show() -> Answer:
    """The plan: what blocks, what would happen, who goes where."""
    return _page()


def _page(message: str | None = None, status: int = 200) -> Answer:
    page = year_turn.read(current_actor(), clock.now())
    return (
        render_template(
            "year_turn/page.html",
            page=page,
            plan=page.plan,
            message=message,
            typed=request.form if request.method == "POST" else {},
            state_words=STATE_WORDS,
            regulation_titles={name: regulation_named(name).title for name in page.plan.regulations},
        ),
        status,
    )


@turns.get("/lop/<int:class_group_id>")
@requires(P.IMPORT_ROSTER, P.YEAR_EDIT)
def pupils(class_group_id: int) -> Answer:
    """Where the pupils of one class go."""
    return _pupils(class_group_id)


def _pupils(class_group_id: int, message: str | None = None, status: int = 200) -> Answer:
    page = year_turn.read(current_actor(), clock.now())
    found = [one for one in page.plan.pupils if one.from_class_id == class_group_id]
    if not found:
        raise NotFound("Lớp này chưa có em nào trong kế hoạch.")
    return (
        render_template(
            "year_turn/pupils.html",
            page=page,
            pupils=found,
            class_group_id=class_group_id,
            message=message,
            promotions=labels.PROMOTIONS,
        ),
        status,
    )


def _version() -> int:
    text = request.form.get("version", "")
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _act(act: Callable[[Actor], Any], done: Callable[[Any], str], refused: Callable[[str, int], Answer]) -> Any:
    """What it gave, or the page with the refusal."""
    try:
        found = act(current_actor())
    except (NotFound, NotAllowed):
        raise
    except DomainError as refusal:
        return refused(" ".join(dict.fromkeys([refusal.message, *refusal.details])), status_of(refusal))
    note(done(found))
    return None


@turns.post("/luu")
@requires(P.IMPORT_ROSTER)
def save() -> Answer:
    """Keep the office's choices."""
    return _act(
        lambda actor: year_turn.save(
            actor,
            clock.now(),
            expected_version=_version(),
            regulation=request.form.get("regulation"),
            first_classes=request.form.get("first_classes"),
            more_classes=request.form.get("more_classes"),
            assignments=request.form.get("assignments"),
        ),
        lambda _: "Đã ghi. Kế hoạch bên dưới tính lại theo lựa chọn này.",
        _page,
    ) or go(url_for(".show"))


@turns.post("/lop/<int:class_group_id>")
@requires(P.IMPORT_ROSTER)
def place(class_group_id: int) -> Answer:
    """Keep where pupils of a class go."""
    wanted = {
        int(name.removeprefix("em-")): value
        for name, value in request.form.items()
        if name.startswith("em-") and name.removeprefix("em-").isdecimal() and len(name) < 14
    }
    return _act(
        lambda actor: year_turn.save(actor, clock.now(), expected_version=_version(), pupils=wanted),
        lambda _: "Đã ghi nơi học năm tới.",
        lambda message, status: _pupils(class_group_id, message, status),
    ) or go(url_for(".show", _anchor="lop"))


@turns.post("/gui")
@requires(P.IMPORT_ROSTER)
def send() -> Answer:
    """Ask the principal."""
    return _act(
        lambda actor: year_turn.send(actor, clock.now(), expected_version=_version()),
        lambda _: "Đã gửi Hiệu trưởng.",
        _page,
    ) or go(url_for(".show"))


@turns.post("/tra-lai")
@requires(P.YEAR_EDIT)
def send_back() -> Answer:
    """Give the plan back to the office."""
    return _act(
        lambda actor: year_turn.send_back(
            actor, request.form.get("note", ""), clock.now(), expected_version=_version()
        ),
        lambda _: "Đã trả lại văn phòng.",
        _page,
    ) or go(url_for(".show"))


@turns.post("/duyet")
@requires(P.YEAR_EDIT)
def approve() -> Answer:
    """Close the year and open the next."""
    confirm_recent(current_actor())
    return _act(
        lambda actor: year_turn.approve(actor, request.form.get("seen", ""), clock.now(), expected_version=_version()),
        lambda done: (
            f"Đã mở năm học {done.label.replace('-', '–')}: {done.n_classes} lớp, {done.n_pupils} học sinh. Văn phòng nhập học sinh lớp 6."
        ),
        _page,
    ) or go("/hom-nay")


def init_app(app: Flask) -> None:
    """Register the pages and their help."""
    app.register_blueprint(turns)
    add(
        app,
        Topic(
            "chuyen-nam",
            "Chuyển sang năm học mới",
            "/nam-hoc/chuyen",
            (
                "Máy đề nghị lớp cho từng em theo kết quả đã duyệt: được lên lớp thì lên, ở lại thì giữ khối, lớp 9 hoàn thành thì ra trường.",
                "Văn phòng sửa nơi học của từng em, đặt tên các lớp 6 mới, chọn cách phân công, rồi gửi Hiệu trưởng.",
                "Việc chưa xong của năm cũ hiện ở đầu trang, mỗi dòng mở đúng chỗ; còn việc thì chưa gửi được.",
                "Hiệu trưởng duyệt là một lần làm hết: năm cũ đóng, năm mới mở, số đăng bộ giữ nguyên. Năm cũ vẫn xem được mãi.",
                "Sau đó văn phòng nhập danh sách học sinh lớp 6, sửa phân công ở Người dùng và các hạn ở Lịch năm học.",
            ),
            36,
        ),
    )
