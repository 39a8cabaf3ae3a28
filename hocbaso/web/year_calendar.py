"""Lịch năm học: deadlines and entry windows; the principal changes them, who follows the progress reads them."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Flask, render_template, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError, Invalid, Stale
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.year_calendar import GRADE_LEVELS, window_key
from hocbaso.services import year_calendar
from hocbaso.web.errors import status_of
from hocbaso.web.forms.year_calendar import YearCalendarForm
from hocbaso.web.help import Topic, add
from hocbaso.web.htmx import go
from hocbaso.web.security import current_actor, note, requires

year_pages = Blueprint("year_calendar", __name__, url_prefix="/nam-hoc")

Answer = str | tuple[str, int] | BaseResponse


@year_pages.get("")
@requires(P.YEAR_EDIT, P.PROGRESS_READ)
def show() -> Answer:
    """The open year's dates."""
    page = year_calendar.read(current_actor(), clock.now())
    return _page(page, _filled(page), 200)


def _filled(page: year_calendar.CalendarPage) -> YearCalendarForm:
    data: dict[str, object] = {name: getattr(page.dates, name) for name in year_calendar.DATE_WORDS}
    for semester in (1, 2):
        for grade in (None, *GRADE_LEVELS):
            window = page.own_window(semester, grade)
            if window is not None:
                data[f"{window_key(semester, grade)}_opens_on"] = window.opens_on
                data[f"{window_key(semester, grade)}_closes_on"] = window.closes_on
    return YearCalendarForm(
        formdata=None, data={**data, "spot_check_percent": page.spot_check_percent, "version": page.version}
    )


def _page(page: year_calendar.CalendarPage, form: YearCalendarForm, status: int) -> Answer:
    rows = {
        semester: [
            (grade, form[f"{window_key(semester, grade)}_opens_on"], form[f"{window_key(semester, grade)}_closes_on"])
            for grade in (None, *GRADE_LEVELS)
        ]
        for semester in (1, 2)
    }
    return (
        render_template(
            "year_calendar/page.html", page=page, form=form, rows=rows, today=clock.local_date(clock.now())
        ),
        status,
    )


@year_pages.post("")
@requires(P.YEAR_EDIT)
def save() -> Answer:
    """Set the dates, unless somebody else did since the page was opened."""
    actor, now = current_actor(), clock.now()
    page = year_calendar.read(actor, now)
    form = YearCalendarForm()
    own = _own_windows(form) if form.validate_on_submit() else None
    if own is None:
        return _page(page, form, 422)
    try:
        version = year_calendar.save(
            actor,
            page.year_id,
            {name: form[name].data for name in year_calendar.DATE_WORDS},
            own,
            form.reason.data,
            form.version.data or 0,
            now,
            spot_check_percent=form.spot_check_percent.data,
        )
    except (Invalid, Stale) as error:
        status = _show(form, error)
        if isinstance(error, Stale):  # what stands now is told; saving again means the person has seen it
            form.version.process(MultiDict({form.version.name: str(error.current)}))
        return _page(page, form, status)
    note("Đã ghi lịch năm học; có hiệu lực ngay." if version != page.version else "Không có gì thay đổi.")
    return go(url_for(".show"))


def _show(form: YearCalendarForm, error: DomainError) -> int:
    """Put a refusal beside its date, or above the form."""
    field = getattr(error, "field", None)
    if field is not None and field in form:
        form[field].errors = [error.message]
    else:
        form.form_errors.append(error.message)
    form.form_errors.extend(error.details)
    return status_of(error)


def _own_windows(form: YearCalendarForm) -> dict[tuple[int, int | None], tuple[date, date] | None] | None:
    """The windows as typed; None when a grade level has only one of its two days (said beside the empty one)."""
    found: dict[tuple[int, int | None], tuple[date, date] | None] = {}
    whole = True
    for semester in (1, 2):
        for grade in (None, *GRADE_LEVELS):
            fields = [form[f"{window_key(semester, grade)}_{part}"] for part in ("opens_on", "closes_on")]
            first, last = (field.data for field in fields)
            if first is not None and last is not None:
                found[semester, grade] = (first, last)
            elif first is None and last is None:
                found[semester, grade] = None
            else:
                fields[0 if first is None else 1].errors = ["Xin ghi cả ngày đầu và ngày cuối, hoặc để trống cả hai."]
                whole = False
    return found if whole else None


def init_app(app: Flask) -> None:
    """Register the blueprint and its help."""
    app.register_blueprint(year_pages)
    add(
        app,
        Topic(
            "nam-hoc",
            "Lịch năm học",
            "/nam-hoc",
            (
                "Hạn theo quy định là trước 20/5, 21/5 và 31/5; trường đặt sớm hơn được, muộn hơn thì không.",
                "Thầy, cô nào cần thêm thời gian nhập điểm thì hỏi Hiệu trưởng; Hiệu trưởng đổi ngày ở đây, lưới điểm theo ngay.",
                "Mở lại thời gian đã hết phải ghi lí do; ai đổi, đổi gì và vì sao đều nằm trong nhật ký.",
            ),
            55,
        ),
    )
