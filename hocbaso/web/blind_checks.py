"""Đối chiếu bài gốc on screen: typing the drawn results from the papers, comparing, settling, naming who types."""

from __future__ import annotations

from flask import Blueprint, Flask, flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid, Stale, WrongState
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import blind_naming, blind_typing, blind_view
from hocbaso.web.errors import status_of
from hocbaso.web.forms.blind_checks import NO_PAPER, MisreadForm, NameForm, typed_results
from hocbaso.web.htmx import go
from hocbaso.web.security import current_actor, requires

blind_checks = Blueprint("blind_checks", __name__, url_prefix="/bang-diem")


@blind_checks.get("/<int:sheet_id>/doi-chieu")
@requires(P.SHEET_READ)
def show(sheet_id: int) -> str:
    """What is to be typed, what differs, or what came of it."""
    return _page(sheet_id)


@blind_checks.post("/<int:sheet_id>/doi-chieu")
@requires(P.SHEET_READ)
def type_results(sheet_id: int) -> BaseResponse | tuple[str, int]:
    """Keep what was typed; with ``viec=so`` hold it against the sheet as well, once everything can be read."""
    actor, now = current_actor(), clock.now()
    typed = typed_results(request.form)
    try:
        kept = blind_typing.type_results(actor, sheet_id, typed, now=now)
        if kept.troubles:
            said = {one.check_id: one.raw for one in typed}
            message = f"Đã lưu, còn {len(kept.troubles)} ô chưa ghi được"
            return _page(sheet_id, message=message, troubles=kept.troubles, said=said), 422
        if request.form.get("viec") != "so":
            flash("Đã lưu. Thầy, cô gõ tiếp lúc nào cũng được.", "done")
        elif kept.read_as:
            flash("Xin xem lại các số máy đọc thành " + "; ".join(kept.read_as.values()) + " rồi bấm lại.", "late")
        else:
            done = blind_typing.compare(actor, sheet_id, now=now)
            flash(
                f"{done.label}: {done.n_different} ô lệch với bài gốc."
                if done.n_different
                else f"{done.label}: bài gốc khớp hết với bảng điểm. Soát được rồi.",
                "late" if done.n_different else "done",
            )
    except (Stale, WrongState) as refusal:
        return _page(sheet_id, message=refusal.message), status_of(refusal)
    return go(_url(sheet_id))


@blind_checks.post("/<int:sheet_id>/doi-chieu/<int:check_id>")
@requires(P.SHEET_READ)
def settle(sheet_id: int, check_id: int) -> BaseResponse | tuple[str, int]:
    """The paper was misread: say how."""
    form = MisreadForm()
    reason = form.reason.data or ""
    try:
        if not form.validate_on_submit():
            raise Invalid("Xin tải lại trang rồi ghi lại: lí do tối đa 500 chữ.", field="reason")
        blind_typing.settle_misread(
            current_actor(),
            sheet_id,
            check_id,
            reason=reason,
            expected_version=form.version.data or 0,
            now=clock.now(),
        )
    except Invalid as refusal:
        message, troubles = "Chưa ghi được lí do", {check_id: refusal.message}
        return _page(sheet_id, message=message, troubles=troubles, said={check_id: reason}), 422
    except (Stale, WrongState) as refusal:
        return _page(sheet_id, message=refusal.message), status_of(refusal)
    flash("Đã ghi: giữ điểm trong bảng; lí do đi cùng bảng điểm.", "done")
    return go(_url(sheet_id))


@blind_checks.post("/<int:sheet_id>/doi-chieu/nguoi")
@requires(P.SHEET_REVIEW, P.SHEET_APPROVE)
def name_checker(sheet_id: int) -> BaseResponse | tuple[str, int]:
    """Give the check to somebody of the group."""
    form = NameForm()
    try:
        if not form.validate_on_submit():
            raise Invalid("Xin chọn người đối chiếu.", field="person_id")
        name = blind_naming.name_checker(current_actor(), sheet_id, form.person_id.data or 0, now=clock.now())
    except (Invalid, WrongState) as refusal:
        return _page(sheet_id, message=refusal.message), status_of(refusal)
    flash(f"Đã giao {name} đối chiếu. Việc này hiện ở trang Việc hôm nay của người ấy.", "done")
    return go(_url(sheet_id))


def _page(
    sheet_id: int,
    *,
    message: str = "",
    troubles: dict[int, str] | None = None,
    said: dict[int, str] | None = None,
) -> str:
    page = blind_view.open_check(current_actor(), sheet_id, clock.now())
    return render_template(
        "blind_checks/page.html",
        page=page,
        head=page.head,
        record=page.record,
        message=message,
        troubles=troubles or {},
        said=said or {},
        no_paper=NO_PAPER,
    )


def _url(sheet_id: int) -> str:
    return url_for("blind_checks.show", sheet_id=sheet_id)


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.register_blueprint(blind_checks)
