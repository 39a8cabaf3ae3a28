"""Chất lượng dữ liệu: đúng, đủ, sạch, sống of the school, the lists of a class, duplicates, and what the authority answered."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Flask, flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid
from hocbaso.regulations.data_quality import IdentityStanding, Measure
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import alive_things, data_quality, identity_checks
from hocbaso.services.access import reaches_class
from hocbaso.services.students import read_date
from hocbaso.web.help import Topic, add
from hocbaso.web.htmx import go
from hocbaso.web.navigation import NavItem, register
from hocbaso.web.security import current_actor, requires
from hocbaso.web.students import IDENTITY

quality = Blueprint("quality", __name__, url_prefix="/chat-luong")


@dataclass(frozen=True)
class MeasureWords:
    """How a measure is called, what it counts, and its name in addresses."""

    name: str
    asks: str
    definition: str
    slug: str


MEASURES = {
    Measure.CORRECT: MeasureWords(
        "Đúng",
        "Có mục nào sai dạng hoặc trái nhau?",
        "Số hồ sơ không có mục nào sai dạng hoặc trái nhau, trên tổng số hồ sơ. Máy xem số định danh (12 chữ số, mã tỉnh, giới "
        "tính, năm sinh), mã học sinh, số đăng bộ, họ tên, tuổi vào lớp 6, số điện thoại, và mục cơ quan báo lệch.",
        "dung",
    ),
    Measure.COMPLETE: MeasureWords(
        "Đủ",
        "Còn mục nào trống?",
        "Số hồ sơ đã ghi đủ các mục học bạ cần, cộng số bảng điểm đã hết hạn mà không còn ô trống, trên tổng số hồ sơ và bảng "
        "điểm hết hạn.",
        "du",
    ),
    Measure.CLEAN: MeasureWords(
        "Sạch",
        "Có hồ sơ trùng không?",
        "Số hồ sơ không giống hồ sơ khác (cùng tên và cùng ngày sinh, hoặc ngày sinh chỉ lệch một chỗ) và chỉ có tên ở một lớp, "
        "trên tổng số hồ sơ.",
        "sach",
    ),
    Measure.ALIVE: MeasureWords(
        "Sống",
        "Có gì bị bỏ quên?",
        "Số hồ sơ có người sửa hoặc xem lại từ đầu năm học, cộng việc đang chờ trả lời còn trong hạn năm ngày làm việc (đề nghị sửa, "
        "miễn học, thu hồi, kết quả nơi chuyển đến, kết luận đổi, yêu cầu hỗ trợ), cộng tài khoản dùng trong 60 ngày, trên tổng số "
        "hồ sơ, việc đang chờ và tài khoản.",
        "song",
    ),
}

WIDTH, HEIGHT, TOP, BOTTOM, LEFT, RIGHT = 260, 74, 10, 58, 4, 222


@dataclass(frozen=True, slots=True)
class Trend:
    """The days of one measure as SVG coordinates, whole pixels. ``low``: the percentage at the foot of the drawing."""

    line: str
    end: tuple[int, int]
    low: int
    first: str
    last: str
    description: str
    rows: tuple[tuple[str, int, int, int], ...]


def trend_of(days: tuple[data_quality.DayFigure, ...]) -> Trend | None:
    """Coordinates of the days on which there was something to check; None before there are two."""
    points = [(one.day, one.figure) for one in days if one.figure.n_checked]
    if len(points) < 2:
        return None
    percents = [figure.percent or 0 for _day, figure in points]
    low = min(90, min(percents) // 10 * 10)
    span = max(1, (points[-1][0] - points[0][0]).days)
    placed = [
        (
            LEFT + (RIGHT - LEFT) * (day - points[0][0]).days // span,
            BOTTOM - (BOTTOM - TOP) * (percent - low) // (100 - low),
        )
        for (day, _figure), percent in zip(points, percents, strict=True)
    ]
    return Trend(
        " ".join(f"{x},{y}" for x, y in placed),
        placed[-1],
        low,
        f"{points[0][0].day}/{points[0][0].month}",
        f"{points[-1][0].day}/{points[-1][0].month}",
        f"Ngày {points[0][0]:%d/%m} {percents[0]} %, ngày {points[-1][0]:%d/%m} {percents[-1]} %.",
        tuple(
            (f"{day:%d/%m/%Y}", percent, figure.n_sound, figure.n_checked)
            for (day, figure), percent in zip(reversed(points), reversed(percents), strict=True)
        ),
    )


@quality.get("/")
@requires(P.PROGRESS_READ, P.STUDENT_READ)
def show() -> str | BaseResponse:
    """The school's four measures; a homeroom teacher goes straight to the own class."""
    actor = current_actor()
    if not actor.may(P.PROGRESS_READ):
        own = data_quality.own_classes(actor)
        if own:
            return go(url_for(".of_class", class_group_id=own[0][0]))
        return render_template("data_quality/no_class.html")
    found = data_quality.school(actor, clock.now())
    to_open = next((one for one in found.classes if one.opens and one.n_faulty), None)
    return render_template(
        "data_quality/page.html",
        found=found,
        measures=MEASURES,
        trends={measure: trend_of(found.days[measure]) for measure in Measure},
        identity_words=IDENTITY,
        to_open=to_open,
    )


@quality.get("/lop/<int:class_group_id>")
@requires(P.STUDENT_READ)
def of_class(class_group_id: int) -> str:
    """What is to be mended in a class."""
    actor = current_actor()
    found = data_quality.class_lists(actor, class_group_id, clock.now())
    chosen = next((key for key, words in MEASURES.items() if words.slug == request.args.get("xem")), None)
    return render_template(
        "data_quality/class.html",
        found=found,
        measures=MEASURES,
        chosen=chosen,
        identity_words=IDENTITY,
        classes=data_quality.own_classes(actor),
        keeps_photos=reaches_class(actor, class_group_id, P.STUDENT_EDIT),
    )


@quality.get("/song")
@requires(P.PROGRESS_READ, P.ACCOUNT_MANAGE)
def alive() -> str:
    """What waits for an answer, and the accounts that nobody uses."""
    return render_template("data_quality/alive.html", found=alive_things.lists(current_actor(), clock.now()))


@quality.get("/trung")
@requires(P.IMPORT_ROSTER)
def pairs() -> str:
    """Profiles that may be one pupil."""
    return _pairs_page()


def _pairs_page(message: str | None = None) -> str:
    return render_template(
        "data_quality/pairs.html", pairs=data_quality.pairs(current_actor(), clock.now()), message=message
    )


@quality.post("/trung")
@requires(P.IMPORT_ROSTER)
def settle() -> BaseResponse | tuple[str, int]:
    """Two profiles are two pupils."""
    form = request.form
    try:
        data_quality.settle_pair(
            current_actor(),
            form.get("first", 0, type=int),
            form.get("second", 0, type=int),
            form.get("reason", ""),
            clock.now(),
        )
    except Invalid as refusal:
        return _pairs_page(refusal.message), 422
    flash("Đã ghi là hai em; hai hồ sơ này không bị hỏi lại nữa.", "done")
    return go(url_for(".pairs"))


@quality.get("/dinh-danh")
@requires(P.IMPORT_ROSTER)
def identity() -> str:
    """Where checking against the population database stands, and the way in for its answer."""
    return _identity_page()[0]


def _identity_page(
    message: str | None = None, preview: identity_checks.IdentityPreview | None = None, status: int = 200
) -> tuple[str, int]:
    found = data_quality.school(current_actor(), clock.now())
    return render_template(
        "data_quality/identity.html",
        found=found,
        identity_words=IDENTITY,
        standings=IdentityStanding,
        preview=preview,
        message=message,
        text=request.form.get("text", ""),
        source=request.form.get("source", ""),
        checked_on=request.form.get("checked_on", ""),
    ), status


@quality.post("/dinh-danh")
@requires(P.IMPORT_ROSTER)
def take_identity() -> BaseResponse | tuple[str, int]:
    """Look at the answer first; with ``confirmed`` record it."""
    form, actor = request.form, current_actor()
    try:
        if not form.get("confirmed"):
            return _identity_page(preview=identity_checks.preview(actor, form.get("text", "")))
        checked_on = read_date(form.get("checked_on", ""), "checked_on", "Ngày trả kết quả")
        n_kept = identity_checks.record(actor, form.get("text", ""), form.get("source", ""), checked_on, clock.now())
    except Invalid as refusal:
        preview = None
        if refusal.field in ("source", "checked_on"):
            preview = identity_checks.preview(actor, form.get("text", ""))
        return _identity_page(refusal.message, preview, 422)
    flash(f"Đã ghi kết quả của {n_kept} em.", "done")
    return go(url_for(".identity"))


def init_app(app: Flask) -> None:
    """Register the blueprint, its place on the rail and its help."""
    app.register_blueprint(quality)
    register(app, NavItem("quality", "Chất lượng", "badge-check", "/chat-luong/", 46))
    add(
        app,
        Topic(
            "chat-luong",
            "Chất lượng dữ liệu",
            "/chat-luong/",
            (
                "Đúng: không mục nào sai dạng hoặc trái nhau. Đủ: không mục nào trống. Sạch: không hồ sơ nào trùng. Sống: không gì bị bỏ quên.",
                "Bấm vào một dòng là mở đúng ô cần sửa; sửa xong, số đo đổi ngay.",
                "Giáo viên chủ nhiệm ghi nơi ở, gia đình; mục theo giấy tờ do văn thư ghi.",
                "Hồ sơ vẫn đúng thì bấm Đã xem lại, không đổi gì: hồ sơ được tính là sống.",
                "Số đo ghi lại mỗi ngày lúc 11 giờ 40 để xem lên hay xuống; số này không dùng để xếp hạng lớp hay người.",
            ),
            46,
        ),
    )
