"""The values of a request: what each is called, how it reads, what stands in its place now.

The same words stand on the form, on the preview and in what is kept of a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.averages import SEMESTER_NAMES
from hocbaso.regulations.correction_fields import EXEMPT_VALUE, YearFieldKind, read_month_field, read_year_field
from hocbaso.regulations.correction_impact import HOMEROOM_WORDS
from hocbaso.regulations.summer_flow import SummerState
from hocbaso.services import correction_month_fields, homeroom, results, study_history, summer_fields
from hocbaso.services.civil_status import PAST_YEARS
from hocbaso.services.score_cells import NOTHING, CellRecord, column_words
from hocbaso.services.score_lines import read_row
from hocbaso.services.sheet_access import read_head
from hocbaso.services.student_fields import FIELD_WORDS
from hocbaso.services.student_inputs import StudentInput
from hocbaso.services.students import read_value as read_field


def field_words(field: str) -> str:
    """The words for a field of the profile, of the homeroom record, of a month, of the summer or of the year."""
    if summer_fields.is_summer(field):
        return summer_fields.field_words(field)
    month = read_month_field(field)
    if month is not None:
        return correction_month_fields.field_words(month)
    if field == PAST_YEARS:
        return study_history.WORDS
    place = read_year_field(field)
    if place is None:
        return HOMEROOM_WORDS.get(field) or FIELD_WORDS[field]
    name = db.session.get_one(m.Subject, place.subject_id).name
    if place.kind is YearFieldKind.INHERITED:
        return f"{name}, {SEMESTER_NAMES[0]} ở trường cũ"
    return f"Miễn học {name}, {SEMESTER_NAMES[place.semester - 1]}"


def field_text(field: str, stored: str | None) -> str:
    """A field's value of a request as people read it."""
    if summer_fields.is_summer(field):
        return summer_fields.field_text(field, stored)
    if field in homeroom.CONDUCT_FIELDS:
        return results.level_words(stored) or "trống"
    place = read_year_field(field)
    if place is None:
        return stored or "trống"
    if place.kind is YearFieldKind.INHERITED:
        return results.comma(stored) or "trống"
    return "được miễn" if stored else "không miễn"


def shown_field(field: str, value: Any) -> str:
    """A value of the profile as the request keeps it: dates as 19/05/2012, "" for none."""
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    return "" if value is None else str(value)


def cell_words(value: CellRecord) -> str:
    """A value as people read it, with the origin that its number does not tell."""
    said = value.text or "trống"
    return f"{said} (vắng không phép)" if value.origin == "missed_unexcused" else said


# --- what is asked and what stands there --------------------------------------------------------------------------------


def value_of_item(item: m.CorrectionItem, which: str) -> CellRecord:
    """The ``old`` or ``new`` value of a cell; ``old`` carries the version that was seen."""
    return CellRecord(
        getattr(item, f"{which}_tenths"),
        getattr(item, f"{which}_mark"),
        getattr(item, f"{which}_remark"),
        getattr(item, f"{which}_origin") or "empty",
        None,
        item.seen_version if which == "old" else 0,
    )


def homeroom_text(given: StudentInput | m.HomeroomRecord | None, field: str) -> str:
    """What stands in a field of the homeroom record, as the request keeps it: "" for nothing."""
    if given is None:
        return ""
    value = given.homeroom.get(field) if isinstance(given, StudentInput) else getattr(given, field)
    return "" if value is None else str(value)


def present_text(given: StudentInput, field: str) -> str:
    """What stands in a field of the pupil's year, as the request keeps it: "" for nothing."""
    month = read_month_field(field)
    if month is not None:
        return correction_month_fields.text_of(correction_month_fields.stored(given.enrollment_id), month)
    place = read_year_field(field)
    if place is None:
        return homeroom_text(given, field)
    for line in given.subjects:
        if line.subject.subject_id == place.subject_id:
            if place.kind is YearFieldKind.INHERITED:
                return line.inherited or ""
            return EXEMPT_VALUE if line.exempt[place.semester - 1] else ""
    return ""


def profile_text(student: m.Student, field: str) -> str:
    """What stands in a field that a civil-status request may ask about, as the request keeps it: "" for nothing."""
    if field == PAST_YEARS:
        return study_history.text_of(study_history.standing(student.id))
    return shown_field(field, getattr(student, field))


def new_values(request: m.CorrectionRequest) -> dict[str, Any]:
    """The profile's columns as a civil-status request makes them. Raises Invalid for what the profile does not take."""
    return {
        item.field: read_field(item.field, item.new_text or "")
        for item in request.items
        if item.field and item.field != PAST_YEARS
    }


def new_years(request: m.CorrectionRequest, today: date, *, fits: bool = True) -> list[study_history.PastYear] | None:
    """The years elsewhere as a civil-status request makes them, None where it leaves them. Raises Invalid."""
    for item in request.items:
        if item.field == PAST_YEARS:
            return study_history.read_text(item.new_text or "", request.enrollment.student_id, today, fits=fits)
    return None


# --- both beside each other ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ItemView:
    """One value of a request. ``present``: what stands now; differs from ``before`` when somebody was quicker (``is_stale``)."""

    label: str
    before: str
    after: str
    present: str
    is_stale: bool
    sheet_id: int | None = None
    column_key: str | None = None
    field: str | None = None
    note: str = ""
    """What else whoever decides has to know of it."""


def score_items(request: m.CorrectionRequest) -> tuple[ItemView, ...]:
    """The cells of a request beside what stands in them now, also of a line that an exemption closes."""
    found = []
    heads = {item.score_sheet_id: read_head(item.score_sheet_id) for item in request.items if item.score_sheet_id}
    cells = {sheet_id: read_row(head, request.enrollment_id)[2] for sheet_id, head in heads.items()}
    for item in request.items:
        if item.score_sheet_id is None or item.column_key is None:
            continue
        head = heads[item.score_sheet_id]
        present = cells[head.id].get(item.column_key, NOTHING)
        found.append(
            ItemView(
                f"{head.subject_name}, {SEMESTER_NAMES[head.semester - 1]}, {column_words(head, item.column_key)}",
                cell_words(value_of_item(item, "old")),
                cell_words(value_of_item(item, "new")),
                cell_words(present),
                present.version != item.seen_version,
                head.id,
                item.column_key,
            )
        )
    return tuple(found)


def field_items(request: m.CorrectionRequest, given: StudentInput) -> tuple[ItemView, ...]:
    """The fields of a request about a pupil's year beside what stands in them now."""
    return tuple(
        _field_item(
            item,
            item.field,
            present_text(given, item.field),
            note=correction_month_fields.parting_words(request.enrollment_id, item.field, item.new_text),
        )
        for item in request.items
        if item.field is not None
    )


def summer_items(request: m.CorrectionRequest) -> tuple[ItemView, ...]:
    """The results of the summer of a request beside what stands in their rows now."""
    found = []
    rows = summer_fields.rows_of(request)
    for item in request.items:
        assert item.field is not None
        subject_id, part = summer_fields.named(item.field)
        row = rows.get(subject_id)
        present = summer_fields.text_of(row, part) if row is not None else ""
        is_gone = row is None or row.state != SummerState.APPROVED
        found.append(_field_item(item, item.field, present, is_stale=is_gone))
    return tuple(found)


def profile_items(request: m.CorrectionRequest, student: m.Student) -> tuple[ItemView, ...]:
    """The fields of a civil-status request beside what stands in the profile now."""
    return tuple(
        _field_item(item, item.field, profile_text(student, item.field))
        for item in request.items
        if item.field is not None
    )


def _field_item(
    item: m.CorrectionItem, field: str, present: str, *, is_stale: bool = False, note: str = ""
) -> ItemView:
    return ItemView(
        field_words(field),
        field_text(field, item.old_text),
        field_text(field, item.new_text),
        field_text(field, present),
        is_stale or present != (item.old_text or ""),
        field=field,
        note=note,
    )
