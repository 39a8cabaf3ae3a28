"""Kế hoạch: tasks of the board, training, inventory of readiness. Three tabs for those who follow the year's progress."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date

from flask import Blueprint, Flask, Response, flash, render_template, request, send_file, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError, NotAllowed, NotFound
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.school_plan import TRAINED_TARGET, Standing
from hocbaso.services import board_files, board_tasks, inventory, training
from hocbaso.services.students import read_date
from hocbaso.services.uploaded_papers import Upload
from hocbaso.web.errors import status_of
from hocbaso.web.help import Topic, add
from hocbaso.web.htmx import go
from hocbaso.web.navigation import NavItem, register
from hocbaso.web.security import current_actor, requires

plan = Blueprint("school_plan", __name__, url_prefix="/ke-hoach")

STANDINGS = {
    Standing.LATE: ("quá hạn", "wrong", "circle-alert"),
    Standing.SOON: ("sắp đến hạn", "late", "clock"),
    Standing.OPEN: ("đang làm", "ink", "clock"),
    Standing.DONE: ("đã xong", "done", "check"),
}

Answer = str | BaseResponse | tuple[str, int]


def day_of(name: str, words: str) -> date | None:
    """A day of the form; None when left empty. Raises Invalid naming the field."""
    typed = request.form.get(name, "").strip()
    return read_date(typed, name, words) if typed else None


def _act(act: Callable[[], str], page: Callable[..., tuple[str, int]], endpoint: str, place: str = "") -> Answer:
    """Do it and go on, or show the page again with what was typed and why not. ``place`` names the form it was typed in."""
    try:
        said = act()
    except (NotFound, NotAllowed):
        raise
    except DomainError as refusal:
        return page(refusal.message, place=place, status=status_of(refusal))
    flash(said, "done")
    return go(url_for(endpoint))


def _drawn(template: str, status: int, message: str | None, place: str, **values: object) -> tuple[str, int]:
    return render_template(
        template, message=message, place=place, typed=request.form if message else {}, **values
    ), status


# --- the board --------------------------------------------------------------------------------------------------------


@plan.get("/")
@requires(P.PROGRESS_READ, P.INVENTORY_KEEP)
def board() -> str:
    """Tasks and members."""
    return _board_page()[0]


def _board_page(message: str | None = None, *, place: str = "", status: int = 200) -> tuple[str, int]:
    try:
        found = board_tasks.page(current_actor(), clock.now())
    except NotFound:
        return render_template("school_plan/no_year.html"), 200
    return _drawn("school_plan/board.html", status, message, place, page=found, standings=STANDINGS, states=Standing)


@plan.post("/theo-ke-hoach")
@requires(P.PLAN_ASSIGN)
def take_from_plan() -> Answer:
    """Duties of the plan become tasks."""
    return _act(
        lambda: f"Đã thêm {board_tasks.take_from_plan(current_actor(), clock.now())} việc; xin giao từng việc.",
        _board_page,
        ".board",
    )


@plan.post("/viec")
@requires(P.PLAN_ASSIGN)
def give() -> Answer:
    """A task more."""

    def act() -> str:
        form = request.form
        board_tasks.give(
            current_actor(),
            form.get("title", ""),
            form.get("person_id", type=int),
            day_of("due_on", "Ngày phải xong"),
            clock.now(),
        )
        return "Đã giao việc."

    return _act(act, _board_page, ".board", "moi")


@plan.post("/viec/<int:task_id>")
@requires(P.PLAN_ASSIGN)
def change(task_id: int) -> Answer:
    """Another holder or day."""

    def act() -> str:
        form = request.form
        board_tasks.give(
            current_actor(),
            form.get("title", ""),
            form.get("person_id", type=int),
            day_of("due_on", "Ngày phải xong"),
            clock.now(),
            task_id=task_id,
            expected_version=form.get("version", 0, type=int),
        )
        return "Đã ghi."

    return _act(act, _board_page, ".board", f"viec-{task_id}")


@plan.post("/viec/<int:task_id>/xong")
@requires(P.PROGRESS_READ, P.INVENTORY_KEEP)
def finish(task_id: int) -> Answer:
    """Done, with what shows it."""

    def act() -> str:
        version = request.form.get("version", 0, type=int)
        evidence = request.form.get("evidence", "")
        board_tasks.finish(current_actor(), task_id, evidence, version, clock.now(), uploads=_uploads())
        return "Đã ghi là xong, kèm minh chứng."

    return _act(act, _board_page, ".board", f"viec-{task_id}")


def _uploads() -> list[Upload]:
    return [Upload(one.filename or "", one.read()) for one in request.files.getlist("files") if one.filename]


@plan.post("/viec/<int:task_id>/tep")
@requires(P.PROGRESS_READ, P.INVENTORY_KEEP)
def attach(task_id: int) -> Answer:
    """Files more."""

    def act() -> str:
        n_new = board_files.attach(current_actor(), task_id, _uploads(), clock.now())
        return f"Đã kèm {n_new} tệp." if n_new else "Không có tệp nào mới."

    return _act(act, _board_page, ".board", f"viec-{task_id}")


@plan.post("/viec/<int:task_id>/tep/<int:file_id>/bo")
@requires(P.PROGRESS_READ, P.INVENTORY_KEEP)
def remove_file(task_id: int, file_id: int) -> Answer:
    """A wrong file out of sight."""

    def act() -> str:
        board_files.remove(current_actor(), task_id, file_id, request.form.get("reason", ""), clock.now())
        return "Đã bỏ tệp; nhật ký vẫn giữ."

    return _act(act, _board_page, ".board", f"tep-{file_id}")


@plan.get("/viec/<int:task_id>/tep/<int:file_id>")
@requires(P.PROGRESS_READ, P.INVENTORY_KEEP)
def evidence_file(task_id: int, file_id: int) -> Response:
    """One file: pictures open in the browser, everything else is taken away to be opened."""
    paper = board_files.open_file(current_actor(), task_id, file_id)
    response: Response = send_file(
        io.BytesIO(paper.data),
        paper.media_type,
        as_attachment=not paper.media_type.startswith("image/"),
        download_name=paper.name,
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@plan.post("/viec/<int:task_id>/<any('mo-lai','bo'):what>")
@requires(P.PLAN_ASSIGN)
def undo(task_id: int, what: str) -> Answer:
    """Open again, or off the list."""

    def act() -> str:
        verb = board_tasks.reopen if what == "mo-lai" else board_tasks.drop
        verb(current_actor(), task_id, request.form.get("version", 0, type=int), clock.now())
        return "Đã mở lại việc." if what == "mo-lai" else "Đã bỏ việc khỏi danh sách; nhật ký vẫn giữ."

    return _act(act, _board_page, ".board")


# --- training ---------------------------------------------------------------------------------------------------------


@plan.get("/tap-huan")
@requires(P.PROGRESS_READ)
def training_days() -> str:
    """Training days and who has been trained."""
    return _training_page()[0]


def _training_page(message: str | None = None, *, place: str = "", status: int = 200) -> tuple[str, int]:
    found = training.page(current_actor(), clock.now())
    return _drawn("school_plan/training.html", status, message, place, page=found, target=TRAINED_TARGET)


@plan.post("/tap-huan")
@requires(P.TRAINING_KEEP)
def add_training() -> Answer:
    """A training day more."""

    def act() -> str:
        form = request.form
        training.add(
            current_actor(),
            form.get("title", ""),
            day_of("held_on", "Ngày tập huấn"),
            form.get("organiser", ""),
            form.get("place", ""),
            clock.now(),
        )
        return "Đã ghi buổi tập huấn."

    return _act(act, _training_page, ".training_days", "moi")


@plan.post("/tap-huan/<int:session_id>")
@requires(P.TRAINING_KEEP)
def change_training(session_id: int) -> Answer:
    """What was typed of a day, put right."""

    def act() -> str:
        form = request.form
        training.change(
            current_actor(),
            session_id,
            form.get("title", ""),
            day_of("held_on", "Ngày tập huấn"),
            form.get("organiser", ""),
            form.get("place", ""),
            form.get("version", 0, type=int),
            clock.now(),
        )
        return "Đã ghi."

    return _act(act, _training_page, ".training_days", f"sua-{session_id}")


@plan.post("/tap-huan/<int:session_id>/diem-danh")
@requires(P.TRAINING_KEEP)
def mark(session_id: int) -> Answer:
    """Who was there."""

    def act() -> str:
        form = request.form
        present = {int(one) for one in form.getlist("present") if one.isascii() and one.isdigit() and len(one) < 12}
        training.mark(current_actor(), session_id, present, form.get("version", 0, type=int), clock.now())
        return f"Đã điểm danh: {len(present)} người có mặt."

    return _act(act, _training_page, ".training_days", f"buoi-{session_id}")


# --- readiness --------------------------------------------------------------------------------------------------------


@plan.get("/ha-tang")
@requires(P.PROGRESS_READ, P.INVENTORY_KEEP)
def readiness() -> str:
    """The inventory."""
    return _inventory_page()[0]


def _inventory_page(message: str | None = None, *, place: str = "", status: int = 200) -> tuple[str, int]:
    found = inventory.page(current_actor(), clock.now())
    return _drawn("school_plan/inventory.html", status, message, place, page=found, kinds=inventory.KINDS)


def _save(item_id: int | None, said: str) -> Answer:
    def act() -> str:
        form = request.form
        inventory.save(
            current_actor(),
            item_id,
            form.get("kind", ""),
            form.get("name", ""),
            form.get("n_needed", type=int),
            form.get("n_ready", type=int),
            form.get("note", ""),
            form.get("version", 0, type=int),
            clock.now(),
        )
        return said

    return _act(act, _inventory_page, ".readiness", f"dong-{item_id}" if item_id else "moi")


@plan.post("/ha-tang")
@requires(P.INVENTORY_KEEP)
def add_item() -> Answer:
    """A line more."""
    return _save(None, "Đã thêm vào bảng kê.")


@plan.post("/ha-tang/<int:item_id>")
@requires(P.INVENTORY_KEEP)
def save_item(item_id: int) -> Answer:
    """What was counted today."""
    return _save(item_id, "Đã ghi số đếm hôm nay.")


@plan.post("/ha-tang/<int:item_id>/bo")
@requires(P.INVENTORY_KEEP)
def drop_item(item_id: int) -> Answer:
    """Off the inventory."""

    def act() -> str:
        inventory.drop(current_actor(), item_id, request.form.get("version", 0, type=int), clock.now())
        return "Đã bỏ khỏi bảng kê; nhật ký vẫn giữ."

    return _act(act, _inventory_page, ".readiness")


def init_app(app: Flask) -> None:
    """Register the blueprint, its place on the rail for those whose work it is, and its help."""
    app.register_blueprint(plan)
    register(app, NavItem("plan", "Kế hoạch", "calendar", "/ke-hoach/", 16))
    add(
        app,
        Topic(
            "ke-hoach",
            "Kế hoạch học bạ số của trường",
            "/ke-hoach/",
            (
                "Hiệu trưởng, Phó Hiệu trưởng giao việc cho Ban quản lý Học bạ số; việc theo kế hoạch thêm bằng một nút.",
                "Xong việc thì ghi minh chứng: số văn bản, biên bản, nơi xem; kèm được ảnh chụp hoặc tệp PDF.",
                "Tập huấn: ghi buổi, điểm danh; tỉ lệ là số người đang làm việc đã dự ít nhất một buổi trong năm.",
                "Hạ tầng: mỗi dòng ghi cần bao nhiêu, sẵn sàng bao nhiêu; tài khoản và chứng thư số máy tự đếm.",
            ),
            57,
        ),
    )
