"""Acts upon the homeroom class: finalising, reopening, approving, returning."""

from __future__ import annotations

from flask import flash, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Incomplete, Invalid
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import class_approval, class_moves
from hocbaso.web import just_approved
from hocbaso.web.forms.homeroom import (
    ClassMoveForm,
)
from hocbaso.web.homeroom import classes, lists_page
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.security import current_actor, requires


def _move_form() -> ClassMoveForm:
    form = ClassMoveForm()
    if not form.validate():
        raise Invalid(
            " ".join(message for errors in form.errors.values() for message in errors)
            or "Biểu mẫu chưa đủ. Xin tải lại trang."
        )
    return form


@classes.post("/<int:class_group_id>/chot")
@requires(P.CLASS_FINALISE)
def finalise(class_group_id: int) -> BaseResponse | tuple[str, int]:
    """Finalise the class, or show what is missing."""
    form = _move_form()
    try:
        moved = class_moves.finalise(
            current_actor(),
            class_group_id,
            expected_version=form.version.data or 0,
            seen=form.seen.data or "",
            now=clock.now(),
            kept_remarks=frozenset(request.form.getlist("giu", type=int)),
        )
    except Incomplete as incomplete:
        if is_fragment():
            raise
        return lists_page(class_group_id, incomplete.message), 409
    flash(f"Đã chốt tổng kết lớp {moved.name}. Lớp chờ Hiệu trưởng duyệt. Trước khi duyệt vẫn rút lại được.", "done")
    return go(url_for(".show", class_group_id=class_group_id))


@classes.post("/<int:class_group_id>/mo-lai")
@requires(P.CLASS_FINALISE)
def reopen(class_group_id: int) -> BaseResponse:
    """Take the class back before it is approved."""
    form = _move_form()
    moved = class_moves.reopen(
        current_actor(), class_group_id, expected_version=form.version.data or 0, now=clock.now(), note=form.note.data
    )
    flash(f"Đã mở lại lớp {moved.name}.", "done")
    return go(url_for(".show", class_group_id=class_group_id))


@classes.post("/<int:class_group_id>/duyet")
@requires(P.CLASS_APPROVE)
def approve(class_group_id: int) -> BaseResponse:
    """Approve the class and freeze its results."""
    form, now, page = _move_form(), clock.now(), url_for(".lists", class_group_id=class_group_id)
    moved = class_approval.approve_class(
        current_actor(),
        class_group_id,
        expected_version=form.version.data or 0,
        seen=form.seen.data or "",
        now=now,
        remark=form.remark.data,
    )
    if not just_approved.remember(now, page):
        flash(f"Đã duyệt tổng kết lớp {moved.name}. Kết quả đã đóng băng, lập học bạ được.", "done")
    return go(page)


@classes.post("/<int:class_group_id>/tra-lai")
@requires(P.CLASS_APPROVE)
def send_back(class_group_id: int) -> BaseResponse:
    """Return the class with a reason."""
    form = _move_form()
    moved = class_approval.return_class(
        current_actor(), class_group_id, form.note.data or "", expected_version=form.version.data or 0, now=clock.now()
    )
    flash(f"Đã trả lại lớp {moved.name} kèm lời nhắn.", "done")
    return go(url_for(".lists", class_group_id=class_group_id))
