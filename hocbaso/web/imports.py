"""``/nhap-du-lieu/``: choose a file, see what it would do, agree, see what it did."""

from __future__ import annotations

import io
from datetime import date
from pathlib import PurePosixPath
from typing import Any

from flask import Blueprint, Flask, render_template, request, send_file, url_for

from hocbaso import clock
from hocbaso.errors import Invalid, Stale, WrongState
from hocbaso.regulations.permissions import Permission
from hocbaso.services import first_steps, import_undo, imports
from hocbaso.services.import_plans import KINDS
from hocbaso.web.forms.imports import ApplyForm, DayForm, UploadForm
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.security import current_actor, note, requires

pages = Blueprint("imports", __name__, url_prefix="/nhap-du-lieu")

_may_import = requires(Permission.IMPORT_ROSTER, Permission.IMPORT_SCORES)

_ADVICE = {
    "teachers": "Thứ tự cho trường mới: cán bộ, học sinh, phân công. Điểm do giáo viên bộ môn tự nhập: mỗi thầy, cô chọn "
    "tệp điểm của lớp ở trang này.",
    "scores": "Tệp điểm của cả lớp cũng được: chỉ những trang thuộc phần việc của thầy, cô được ghi.",
}
"""What to know before choosing a file, by the kind that one may import."""


def _form() -> UploadForm:
    form = UploadForm()
    allowed = imports.kinds_for(current_actor())
    form.kind.choices = [(name, KINDS[name].title) for name in allowed]
    if len(allowed) == 1 and form.kind.data is None:
        form.kind.data = allowed[0]
    if form.kind.data is None and request.args.get("loai") in allowed:
        form.kind.data = request.args["loai"]
    form.profile.choices = imports.profile_choices()
    form.file.description = " ".join(["Tối đa 2 MB.", *(words for kind, words in _ADVICE.items() if kind in allowed)])
    return form


def _page(form: UploadForm, status: int = 200) -> Any:
    allowed = imports.kinds_for(current_actor())
    facts = {
        "form": form,
        "hints": {name: KINDS[name].hint for name in allowed},
        "blanks": {name: KINDS[name].title for name in allowed if name in imports.BLANK_NAMES},
    }
    if is_fragment():
        return render_template("imports/_upload_form.html", **facts), status
    return render_template(
        "imports/index.html", past=imports.recent_imports(current_actor()), **facts, **steps()
    ), status


def steps() -> dict[str, Any]:
    """What the card of a new school's steps needs."""
    return {
        "first_steps": first_steps.first_steps(current_actor(), clock.now()),
        "kind_hints": {name: kind.hint for name, kind in KINDS.items()},
    }


@pages.get("/")
@_may_import
def index() -> Any:
    """Choose a kind and a file; what was imported before."""
    return _page(_form())


@pages.post("/")
@_may_import
def upload() -> Any:
    """Read the file and go to its preview; nothing of it is written yet."""
    form = _form()
    if not form.validate_on_submit():
        return _page(form, 422)
    sent = form.file.data
    try:
        batch_id = imports.preview(
            current_actor(),
            form.kind.data,
            sent.read(),
            PurePosixPath((sent.filename or "").replace("\\", "/")).name,
            clock.now(),
            profile=form.profile.data,
        )
    except Invalid as refusal:
        form.file.errors = [refusal.message]
        return _page(form, 422)
    return go(url_for("imports.batch", batch_id=batch_id))


@pages.get("/mau/<kind>")
@_may_import
def blank(kind: str) -> Any:
    """An empty table to fill in."""
    data, name = imports.blank_table(current_actor(), kind)
    return send_file(
        io.BytesIO(data),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        as_attachment=True,
        download_name=name,
    )


@pages.get("/<int:batch_id>")
@_may_import
def batch(batch_id: int) -> Any:
    """What the file would do, or did."""
    return _batch(batch_id)


def _batch(batch_id: int, day_form: DayForm | None = None, status: int = 200) -> Any:
    report = imports.open_batch(current_actor(), batch_id)
    form = ApplyForm(formdata=None, fingerprint=report.fingerprint)
    if day_form is None:
        day_form = DayForm(formdata=None, joined_on=date.fromisoformat(report.joined_on) if report.joined_on else None)
    next_step = next((step for step in first_steps.first_steps(current_actor(), clock.now()) if not step.done), None)
    return (
        render_template("imports/batch.html", report=report, form=form, day_form=day_form, next_step=next_step),
        status,
    )


@pages.post("/<int:batch_id>/ngay-vao-lop")
@_may_import
def day(batch_id: int) -> Any:
    """Preview the same list again, with the day its new pupils came."""
    form = DayForm()
    if not form.validate_on_submit():
        return _batch(batch_id, form, 422)
    try:
        again = imports.preview_with_day(current_actor(), batch_id, form.joined_on.data, clock.now())
    except Invalid as refusal:
        form.joined_on.errors = [refusal.message]
        return _batch(batch_id, form, 422)
    return go(url_for("imports.batch", batch_id=again))


@pages.post("/<int:batch_id>/cung-nguoi")
@_may_import
def who_is_who(batch_id: int) -> Any:
    """Preview the same staff list again, with who is the same person as somebody there and who is not."""
    answers = {name.removeprefix("ai-"): value for name, value in request.form.items() if name.startswith("ai-")}
    try:
        again = imports.preview_with_answers(current_actor(), batch_id, answers, clock.now())
    except Invalid as refusal:
        note(refusal.message, "late")
        again = batch_id
    return go(url_for("imports.batch", batch_id=again))


@pages.post("/<int:batch_id>/lop-moi")
@_may_import
def new_classes(batch_id: int) -> Any:
    """Preview the same list of students again, with the new classes that were ticked."""
    try:
        again = imports.preview_with_classes(current_actor(), batch_id, request.form.getlist("lop"), clock.now())
    except Invalid as refusal:
        note(refusal.message, "late")
        again = batch_id
    return go(url_for("imports.batch", batch_id=again))


@pages.post("/<int:batch_id>/ghi")
@_may_import
def apply(batch_id: int) -> Any:
    """Write exactly what was shown; when the school's data has changed since, show the new plan instead."""
    form = ApplyForm()
    if not form.validate_on_submit():
        raise Invalid("Xin xem trước lại rồi bấm Ghi.")
    actor, now = current_actor(), clock.now()
    try:
        report = imports.apply_batch(actor, batch_id, form.fingerprint.data or "", now)
    except Stale as refusal:
        note(refusal.message, "late")
        return go(url_for("imports.batch", batch_id=imports.preview_again(actor, batch_id, now)))
    if report.applied:
        note("Đã ghi đúng những gì đã xem trước.")
        return go(url_for("imports.batch", batch_id=batch_id))
    note("Dữ liệu của trường đã thay đổi, tệp này nay có lỗi nên chưa ghi gì.", "wrong")
    return go(url_for("imports.batch", batch_id=imports.preview_again(actor, batch_id, now)))


@pages.post("/<int:batch_id>/hoan-tac")
@_may_import
def undo(batch_id: int) -> Any:
    """Take an import of scores back; cells with something newer on them stay."""
    try:
        done = import_undo.undo_import(current_actor(), batch_id, clock.now())
    except WrongState as refusal:
        note(refusal.message, "late")
    else:
        note(f"Đã hoàn tác {done.n_back} ô.", "late" if done.left else "done")
    return go(url_for("imports.batch", batch_id=batch_id))


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(pages)
