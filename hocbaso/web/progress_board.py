"""Tiến độ: each class at each step as a heat grid, who holds it, and the steps left as a line; never a score."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import Blueprint, Flask, abort, render_template, request
from flask.typing import ResponseReturnValue

from hocbaso import clock
from hocbaso.errors import Invalid
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import conclusion_cases, readiness, readiness_steps
from hocbaso.services.students import read_date
from hocbaso.web.filters import last_day
from hocbaso.web.navigation import NavItem, register
from hocbaso.web.security import current_actor, requires

progress_board = Blueprint("progress_board", __name__, url_prefix="/tien-do")

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 780, 300, 56, 764, 40, 264


@dataclass(frozen=True, slots=True)
class Chart:
    """The burn-down as SVG coordinates, whole pixels."""

    real: str
    area: str
    now: tuple[int, int]
    guess: str
    ticks: tuple[tuple[int, str], ...]
    levels: tuple[tuple[int, int], ...]
    dues: tuple[tuple[int, str, bool], ...]
    description: str


def chart_of(board: readiness.Board) -> Chart | None:
    """Coordinates of the line of steps left; None before there is anything to draw."""
    if not board.burn or not board.n_steps:
        return None
    first, today = board.burn[0].day, board.burn[-1].day
    last = max([today] + [before for _, before, _, _ in board.deadlines] + ([board.forecast] if board.forecast else []))
    last = min(last, today.fromordinal(today.toordinal() + 60))
    span = max(1, (last - first).days)

    def x(day: object) -> int:
        return LEFT + (RIGHT - LEFT) * (day - first).days // span  # type: ignore[operator]

    def y(left: int) -> int:
        return BOTTOM - (BOTTOM - TOP) * left // board.n_steps

    real = " ".join(f"{x(point.day)},{y(point.n_left)}" for point in board.burn)
    here = (x(today), y(board.n_left))
    guess = f"{here[0]},{here[1]} {x(board.forecast)},{BOTTOM}" if board.forecast and board.forecast <= last else ""
    days = [first.fromordinal(first.toordinal() + 7 * week) for week in range(span // 7 + 1)]
    step = max(1, -(-board.n_steps // 4))
    said = f"Hôm nay {today:%d/%m} còn {board.n_left} trong {board.n_steps} bước."
    if board.forecast:
        said += f" Giữ nhịp bảy ngày qua thì xong ngày {board.forecast:%d/%m/%Y}."
    return Chart(
        real=real,
        area=f"{x(first)},{BOTTOM} {real} {here[0]},{BOTTOM}",
        now=here,
        guess=guess,
        ticks=tuple((x(day), f"{day.day}/{day.month}") for day in days),
        levels=tuple((y(value), value) for value in range(0, board.n_steps + 1, step)),
        dues=tuple(
            (x(last_day(before)), f"{last_day(before).day}/{last_day(before).month}", bool(names))
            for _, before, _, names in board.deadlines
            if first <= last_day(before) <= last
        ),
        description=said,
    )


SLUGS = ("nhap-diem", "nop", "soat", "duyet", "khoa", "tong-ket", "gvcn-ky", "ht-ky", "dong-dau")
"""The addresses of ``readiness.STEPS``."""


@progress_board.get("")
@requires(P.PROGRESS_READ)
def show() -> ResponseReturnValue:
    """The board; ``?neu=18/05/2027`` tries a deadline, which is kept nowhere."""
    asked = request.args.get("neu", "").strip()
    tried, slip = _day(asked)
    board = readiness.board(current_actor(), clock.now(), if_before=tried)
    return render_template(
        "progress_board/page.html",
        board=board,
        chart=chart_of(board),
        steps=readiness.STEPS,
        slugs=SLUGS,
        asked=asked,
        slip=slip,
        n_conclusions=len(conclusion_cases.unsettled(clock.local_date(clock.now()))),
        now=clock.now(),
        today=clock.local_date(clock.now()),
    )


def _day(text: str) -> tuple[date | None, str]:
    if not text:
        return None, ""
    try:
        return read_date(text, "neu", "Ngày"), ""
    except Invalid:
        return None, "Chưa đọc được ngày. Ghi ngày/tháng/năm, ví dụ 20/05/2027."


@progress_board.get("/lop/<int:class_id>/<slug>")
@requires(P.PROGRESS_READ)
def step(class_id: int, slug: str) -> ResponseReturnValue:
    """What a class lacks at one step, who holds it and since when."""
    if slug not in SLUGS:
        abort(404)
    detail = readiness_steps.step_detail(current_actor(), class_id, SLUGS.index(slug), clock.now())
    return render_template("progress_board/step.html", detail=detail, today=clock.local_date(clock.now()))


def init_app(app: Flask) -> None:
    """Register the blueprint and its place on the rail."""
    app.register_blueprint(progress_board)
    register(app, NavItem("progress", "Tiến độ", "layout-grid", "/tien-do", 15))
