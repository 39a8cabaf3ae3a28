"""Months of absences as fields of a correction: what stands in them, what the totals become, and the writing of an approved one.

A request names the months only; the semester's totals follow from them (``regulations/attendance_months.corrected_total``, docs/decisions/0043).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Stale, WrongState
from hocbaso.regulations.attendance_months import MonthColumn, corrected_total, tells_total
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.correction_fields import MonthField, read_month_field
from hocbaso.services import audit, correction_steps, homeroom_records
from hocbaso.services.access import Actor
from hocbaso.services.month_absences import KIND_WORDS, column_words
from hocbaso.services.month_totals import TOTAL_FIELDS, cells_of, counts_of, whole_month, write_cell

Stored = Mapping[tuple[str, str], m.MonthAbsence]
"""(column key, kind) -> row of one pupil"""

_PLACES = {field: place for place, field in TOTAL_FIELDS.items()}


def field_words(field: MonthField) -> str:
    """``Nghỉ có phép tháng 9 (học kì I)``"""
    column: MonthColumn = whole_month(field.semester, field.month)
    return f"{KIND_WORDS[field.kind].capitalize()} {column_words(column)}"


def stored(enrollment_id: int) -> Stored:
    """The months of a pupil, read anew."""
    return cells_of([enrollment_id]).get(enrollment_id, {})


def text_of(cells: Stored, field: MonthField) -> str:
    """What stands in a month as a request keeps it: "" for nothing."""
    row = cells.get((field.column_key, field.kind))
    return "" if row is None or row.sessions is None else str(row.sessions)


def total_field(name: str) -> str | None:
    """The total that a month of that name counts in; None for any other field."""
    field = read_month_field(name)
    return TOTAL_FIELDS[field.semester, field.kind] if field is not None else None


def totals(request: m.CorrectionRequest) -> dict[str, int | None]:
    """What the totals become that the request's months count in: field of the homeroom part -> sessions.

    None: the months would come to another number than a total that was corrected by itself.
    """
    asked: dict[tuple[int, str], dict[str, int | None]] = {}
    for item in request.items:
        field = read_month_field(item.field or "")
        if field is not None:
            asked.setdefault((field.semester, field.kind), {})[field.column_key] = int(item.new_text or "0")
    if not asked:
        return {}
    cells, record = stored(request.enrollment_id), homeroom_records.record_of(request.enrollment_id)
    found: dict[str, int | None] = {}
    for (semester, kind), counts in asked.items():
        name = TOTAL_FIELDS[semester, kind]
        stands = getattr(record, name) if record is not None else None
        before = counts_of(cells, semester, kind)
        found[name] = corrected_total(stands, before, {**before, **counts}) if stands is not None else None
    return found


def require_told(request: m.CorrectionRequest) -> None:
    """Refuse months that would no longer come to their total (WrongState): it was corrected by itself."""
    for name, total in totals(request).items():
        if total is None:
            raise WrongState(
                f"{TOTAL_WORDS[name]} đã được sửa riêng, các tháng đề nghị không cộng lại bằng số ấy. Xin sửa tổng trước, hoặc ghi "
                "các tháng cho khớp. Chưa có gì thay đổi."
            )


TOTAL_WORDS = {
    "absences_excused_1": "Tổng nghỉ có phép học kì I",
    "absences_unexcused_1": "Tổng nghỉ không phép học kì I",
    "absences_excused_2": "Tổng nghỉ có phép học kì II",
    "absences_unexcused_2": "Tổng nghỉ không phép học kì II",
}
"""The totals in words, at the head of a sentence."""


def parting_words(enrollment_id: int, field: str | None, new_text: str | None) -> str:
    """What a request says that gives a total another number than its months come to; "" where none does."""
    place = _PLACES.get(field or "")
    if place is None:
        return ""
    counts = counts_of(stored(enrollment_id), *place)
    typed = [value for value in counts.values() if value is not None]
    if not typed or tells_total(int(new_text or "0"), counts):
        return ""
    return f"Các tháng cộng {sum(typed)}: duyệt thì số tổng là số riêng, các tháng không còn cho biết tổng."


def write(actor: Actor, request: m.CorrectionRequest, now: datetime) -> None:
    """The months of an approved request and the totals that follow, as who asked would type them; one entry, aimed at the class.

    Inside the transaction of the approval. Raises Stale (a month is not what the request was made against), WrongState.
    """
    months = {item: field for item in request.items if (field := read_month_field(item.field or "")) is not None}
    if not months:
        return
    require_told(request)
    follow, cells, record = (
        totals(request),
        stored(request.enrollment_id),
        homeroom_records.record_of(request.enrollment_id),
    )
    assert record is not None
    rows, before = [], {}
    for item, field in months.items():
        if text_of(cells, field) != (item.old_text or ""):
            raise Stale("Một tháng vừa được người khác sửa. Chưa có gì thay đổi; xin xem lại.")
        before[field_words(field)] = item.old_text or "trống"
        rows.append(
            write_cell(
                cells.get((field.column_key, field.kind)),
                request.enrollment_id,
                whole_month(field.semester, field.month),
                field.kind,
                int(item.new_text or "0"),
                request.asked_by,
                now,
            )
        )
    changed = {name: total for name, total in follow.items() if getattr(record, name) != total}
    if changed:
        before |= {TOTAL_WORDS[name]: str(getattr(record, name)) for name in changed}
        homeroom_records.write(record, request.enrollment_id, changed, request.asked_by, now)
    db.session.flush()
    audit.record(
        AuditTag.MONTH_ABSENCES_CHANGED,
        actor,
        now,
        target_kind="class_group",
        target_id=request.enrollment.class_group_id,
        state=audit.merge_states(
            audit.states("month_absence", rows), audit.states("homeroom_record", [record] if changed else [])
        ),
        before=before,
        note=request.reason,
        facts={
            **correction_steps.pupil_facts(request),
            **correction_steps.source_facts(request),
            "fields": [field_words(field) for field in months.values()] + [TOTAL_WORDS[name] for name in changed],
        },
    )
