"""A pupil's photo on the profile's page, and the photos of a class from a ZIP."""

from __future__ import annotations

import io

from flask import Blueprint, Flask, Response, flash, render_template, request, send_file, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import class_photos, student_photos
from hocbaso.web.htmx import go
from hocbaso.web.security import current_actor, requires

photos = Blueprint("photos", __name__, url_prefix="/hoc-sinh")


def _jpeg(data: bytes) -> Response:
    response: Response = send_file(io.BytesIO(data), "image/jpeg", download_name="anh.jpg")
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@photos.get("/<int:student_id>/anh")
@requires(P.STUDENT_READ)
def picture(student_id: int) -> Response:
    """The kept photo."""
    return _jpeg(student_photos.picture_for(current_actor(), student_id))


@photos.post("/<int:student_id>/anh")
@requires(P.STUDENT_EDIT)
def set_photo(student_id: int) -> BaseResponse:
    """Set it, in place of the one before."""
    sent = request.files.get("photo")
    try:
        student_photos.set_photo(current_actor(), student_id, sent.read() if sent else b"", clock.now())
    except Invalid as refusal:
        flash(refusal.message, "wrong")
        return go(url_for("students.show", student_id=student_id, _anchor="photo"))
    flash("Đã ghi ảnh vào hồ sơ.", "done")
    return go(url_for("students.show", student_id=student_id, _anchor="photo"))


@photos.post("/<int:student_id>/anh/bo")
@requires(P.STUDENT_EDIT)
def remove_photo(student_id: int) -> BaseResponse:
    """Take it away."""
    student_photos.remove_photo(current_actor(), student_id, clock.now())
    flash("Đã bỏ ảnh khỏi hồ sơ; tệp ảnh đã xoá.", "done")
    return go(url_for("students.show", student_id=student_id, _anchor="photo"))


@photos.get("/lop/<int:class_group_id>/anh")
@requires(P.STUDENT_EDIT)
def of_class(class_group_id: int) -> str:
    """Who has no photo yet, and where to send a ZIP."""
    return _page(class_group_id)[0]


def _page(
    class_group_id: int, plan: class_photos.Plan | None = None, message: str | None = None, status: int = 200
) -> tuple[str, int]:
    found = class_photos.page(current_actor(), class_group_id)
    return render_template("students/photos.html", found=found, plan=plan, message=message), status


@photos.post("/lop/<int:class_group_id>/anh")
@requires(P.STUDENT_EDIT)
def send_class(class_group_id: int) -> BaseResponse | tuple[str, int]:
    """Look at a ZIP, or write what was looked at."""
    actor = current_actor()
    try:
        if "token" in request.form:
            n_new = class_photos.apply(actor, class_group_id, request.form["token"], clock.now())
            flash(f"Đã ghi {n_new} ảnh vào hồ sơ.", "done")
            return go(url_for(".of_class", class_group_id=class_group_id))
        sent = request.files.get("zip")
        plan = class_photos.preview(actor, class_group_id, sent.read() if sent else b"", clock.now())
    except Invalid as refusal:
        return _page(class_group_id, message=refusal.message, status=422)
    return _page(class_group_id, plan)


@photos.get("/lop/<int:class_group_id>/anh/<token>/<int:student_id>")
@requires(P.STUDENT_EDIT)
def looked_at(class_group_id: int, token: str, student_id: int) -> Response:
    """One picture of a ZIP that waits to be agreed to."""
    return _jpeg(class_photos.picture(current_actor(), class_group_id, token, student_id))


def init_app(app: Flask) -> None:
    """Register the blueprint."""
    app.register_blueprint(photos)
