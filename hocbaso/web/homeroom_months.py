"""Absences of the homeroom class by month: one number saved alone, zeros for a month at once, a plain form without script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError, Invalid, NotFound, Stale, WrongState
from hocbaso.regulations.attendance_months import KINDS
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.promotion import MAX_ABSENCES
from hocbaso.services import correction_month_requests, homeroom, month_absences
from hocbaso.services.access import class_for
from hocbaso.services.month_absence_page import MonthPage, month_page
from hocbaso.web.errors import status_of
from hocbaso.web.forms.homeroom import FieldForm
from hocbaso.web.homeroom import classes
from hocbaso.web.htmx import answer, go, is_fragment
from hocbaso.web.security import current_actor, require_own_page, requires

ROMAN = {1: "I", 2: "II"}

_Refused = tuple[int, str, str, DomainError]
"""Enrollment, cell, what was typed, why it is not written."""


def _term() -> int:
    return {"1": 1, "2": 2}.get(request.values.get("ki", ""), 0)


def _words() -> dict[str, Any]:
    return {"kinds": KINDS, "kind_words": month_absences.KIND_WORDS, "roman": ROMAN, "most": MAX_ABSENCES}


def _at(name: str) -> tuple[str, str]:
    """``1-2026-09-excused`` as column key and kind."""
    key, _, kind = name.rpartition("-")
    return key, kind


@classes.get("/<int:class_group_id>/thang")
@requires(P.CLASS_READ)
def months(class_group_id: int) -> str:
    """The months of one semester, with the sums of both and of the year."""
    actor, now = current_actor(), clock.now()
    page = month_page(actor, class_group_id, now, term=_term())
    typed = next((row for row in page.rows if any(total.typed is not None for total in row.totals)), None)
    asks = (
        page.state is ClassState.APPROVED
        and typed is not None
        and correction_month_requests.asks_months(actor, typed.enrollment_id, now)
    )
    return render_template("homeroom/months.html", page=page, asks=asks, **_words())


@classes.post("/<int:class_group_id>/thang/<int:enrollment_id>")
@requires(P.CLASS_KEEP)
def save_month(class_group_id: int, enrollment_id: int) -> BaseResponse | tuple[str, int] | str:
    """Save one number: the cell, the pupil's sums and the count of months come back, each with its own id."""
    form = FieldForm(request.form)
    if not form.ok or form.value is None:
        raise Invalid("Máy chưa gửi đủ phần của ô này. Số đã gõ vẫn còn; xin tải lại trang.")
    key, kind = _at(form.field)
    try:
        month_absences.save_month(
            current_actor(),
            enrollment_id,
            key,
            kind,
            form.value,
            expected_version=form.version,
            now=clock.now(),
        )
    except Stale as stale:
        if not is_fragment() or stale.current is None:
            raise
        body = render_template(
            "homeroom/_month_clash.html",
            standing=stale.current,
            message=stale.message,
            class_group_id=class_group_id,
            term=key[:1],
        )
        return answer(body, 409, retarget="#notices", reswap="beforeend")
    except (Invalid, WrongState) as refusal:
        if not is_fragment():
            raise
        body = render_template(
            "homeroom/_month_refused.html",
            full_name=homeroom.name_of(current_actor(), enrollment_id),
            typed=form.value[:60],
            message=refusal.message,
        )
        return answer(body, 422, retarget="#row-wrong", reswap="innerHTML")
    if not is_fragment():
        return go(
            url_for(".months", class_group_id=class_group_id, ki=key[:1], _anchor=f"o-{enrollment_id}-{form.field}")
        )
    page = month_page(current_actor(), class_group_id, clock.now(), term=int(key[:1]))
    row = next(one for one in page.rows if one.enrollment_id == enrollment_id)
    return render_template("homeroom/_month_saved.html", page=page, row=row, cell=row.cells[form.field], **_words())


@classes.post("/<int:class_group_id>/thang/so-0")
@requires(P.CLASS_KEEP)
def fill_month(class_group_id: int) -> BaseResponse | tuple[str, int]:
    """Write 0 into the cells of one month that the table showed empty.

    The table comes along: a number in it that is not saved, refused ones too, is not an empty cell. It is told, and nothing is written.
    """
    require_own_page(request.form.get("account"))
    actor, now = current_actor(), clock.now()
    class_for(actor, class_group_id, P.CLASS_KEEP)
    key = request.form.get("thang", "")
    refused: list[_Refused] = [
        (place, cell, raw, Invalid("Số này chưa được ghi, nên chưa ghi 0 vào ô trống nào. Ghi hoặc bỏ số này trước."))
        for place, cell, raw, before in _typed()
        if raw != before
    ]
    page = month_page(actor, class_group_id, now, term=_term())
    if refused:
        return _unsaved(page, refused, 0)
    seen = {(place, _at(cell)[1]) for place, cell, raw, _ in _typed() if not raw and _at(cell)[0] == key}
    n_cells = month_absences.fill_blanks(actor, class_group_id, key, now=now, seen=seen)
    flash(f"Đã ghi 0 vào {n_cells} ô trống." if n_cells else "Tháng này không còn ô trống.", "done")
    return go(url_for(".months", class_group_id=class_group_id, ki=key[:1]))


@classes.post("/<int:class_group_id>/thang/luu")
@requires(P.CLASS_KEEP)
def save_months(class_group_id: int) -> BaseResponse | tuple[str, int]:
    """Save the table as a plain form: browsers without script. What was not written comes back in its fields."""
    require_own_page(request.form.get("account"))
    actor, now = current_actor(), clock.now()
    class_for(actor, class_group_id, P.CLASS_KEEP)
    n_written = 0
    refused: list[_Refused] = []
    for place, cell, raw, before in _typed():
        if raw == before:
            continue
        key, kind = _at(cell)
        seen = request.form.get(f"v-{place}-{cell}", "0")
        try:
            saved = month_absences.save_month(
                actor,
                place,
                key,
                kind,
                raw,
                expected_version=int(seen) if seen.isascii() and seen.isdigit() else 0,
                now=now,
            )
            n_written += saved.written
        except NotFound:
            raise
        except DomainError as refusal:
            refused.append((place, cell, raw, refusal))
    if refused:
        return _unsaved(month_page(actor, class_group_id, now, term=_term()), refused, n_written)
    flash(f"Đã lưu {n_written} ô." if n_written else "Không có ô nào thay đổi.", "done")
    return go(url_for(".months", class_group_id=class_group_id, ki=request.form.get("ki")))


def _typed() -> Iterator[tuple[int, str, str, str | None]]:
    """The cells of a table sent as a form: enrollment, cell, what stands in the field, what stood there when it was drawn."""
    for name, raw in request.form.items():
        left, _, cell = name.partition("-")
        if left.isascii() and left.isdigit() and cell:
            yield int(left), cell, raw, request.form.get(f"cu-{name}")


def _unsaved(page: MonthPage, refused: list[_Refused], n_written: int) -> tuple[str, int]:
    rows = {row.enrollment_id: row for row in page.rows}
    left = [
        {"row": rows[place], "cell": rows[place].cells[cell], "typed": raw, "message": refusal.message}
        for place, cell, raw, refusal in refused
        if place in rows and cell in rows[place].cells
    ]
    body = render_template("homeroom/months_unsaved.html", page=page, left=left, n_written=n_written, **_words())
    return body, max(status_of(refusal) for *_, refusal in refused)
