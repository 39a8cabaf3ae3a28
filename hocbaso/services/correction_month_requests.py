"""Asking for another number of sessions in months of an approved class: by who keeps the class, one pupil at a time.

Only months that tell their total are asked about, or that come to a total which was corrected by itself (docs/decisions/0043).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.errors import DomainError, Invalid, NotFound, WrongState
from hocbaso.regulations.attendance_months import KINDS, MonthColumn, corrected_total
from hocbaso.regulations.correction_fields import MonthField, read_month_field
from hocbaso.regulations.correction_flow import CorrectionKind
from hocbaso.services import (
    correction_homeroom_requests,
    correction_month_fields,
    correction_requests,
    homeroom_records,
)
from hocbaso.services.access import Actor
from hocbaso.services.correction_requests import AskedField
from hocbaso.services.month_absences import column_words, read_sessions
from hocbaso.services.month_totals import TOTAL_FIELDS, columns_of, counts_of, summed_fields, whole_month
from hocbaso.services.uploaded_papers import Upload


@dataclass(frozen=True, slots=True)
class MonthChoice:
    """One month of one kind on the form. ``present``: as it is typed, "" for an empty one."""

    field: str
    kind: str
    present: str


@dataclass(frozen=True, slots=True)
class MonthLine:
    """A month: excused and unexcused, None where the total of that kind was typed by itself."""

    words: str
    semester: int
    choices: tuple[MonthChoice | None, ...]


@dataclass(frozen=True, slots=True)
class TotalLine:
    """A semester's total of one kind: what stands, what the months come to (None: none typed)."""

    semester: int
    kind: str
    stands: int | None
    typed: int | None

    @property
    def is_apart(self) -> bool:
        """Whether it was corrected by itself."""
        return self.typed is not None and self.stands != self.typed


@dataclass(frozen=True, slots=True)
class MonthForm:
    """The form of one pupil."""

    enrollment: m.Enrollment
    lines: tuple[MonthLine, ...]
    totals: tuple[TotalLine, ...]

    @property
    def fields(self) -> dict[str, MonthChoice]:
        """Every month on the form, by its field."""
        return {choice.field: choice for line in self.lines for choice in line.choices if choice is not None}


def asks_months(actor: Actor, enrollment_id: int, now: datetime) -> bool:
    """Whether a page offers :func:`form`."""
    try:
        _require(actor, enrollment_id, clock.local_date(now))
    except DomainError:
        return False
    return True


def _require(actor: Actor, enrollment_id: int, today: date) -> m.Enrollment:
    enrollment = correction_homeroom_requests.require_asks_homeroom(actor, enrollment_id, today)
    if not summed_fields([enrollment_id]):
        raise WrongState(
            "Số buổi nghỉ của em không ghi theo tháng: xin lập đề nghị sửa phần chủ nhiệm, sửa thẳng tổng học kì."
        )
    return enrollment


def form(actor: Actor, enrollment_id: int, now: datetime) -> MonthForm:
    """The months of a pupil that may be asked about. Raises NotFound, NotAllowed, WrongState (not approved, no months, has left)."""
    today = clock.local_date(now)
    enrollment = _require(actor, enrollment_id, today)
    cells = correction_month_fields.stored(enrollment_id)
    record = homeroom_records.record_of(enrollment_id)
    by_month = {
        place for place, name in TOTAL_FIELDS.items() if (enrollment_id, name) in summed_fields([enrollment_id])
    }
    lines = []
    for column in _columns(enrollment, cells, today):
        choices: list[MonthChoice | None] = []
        for kind in KINDS:
            field = MonthField(column.semester, column.month, kind)
            choices.append(
                MonthChoice(field.name, kind, correction_month_fields.text_of(cells, field))
                if (column.semester, kind) in by_month
                else None
            )
        if any(choices):
            lines.append(MonthLine(f"Tháng {column.number}", column.semester, tuple(choices)))
    sums = []
    for (semester, kind), name in TOTAL_FIELDS.items():
        typed = [value for value in counts_of(cells, semester, kind).values() if value is not None]
        stands = getattr(record, name) if record is not None else None
        sums.append(TotalLine(semester, kind, stands, sum(typed) if typed else None))
    return MonthForm(enrollment, tuple(lines), tuple(sums))


def _columns(enrollment: m.Enrollment, cells: correction_month_fields.Stored, today: date) -> list[MonthColumn]:
    """The months of the year that have begun here, and those typed that a later calendar no longer has, as whole months."""
    calendar = {column.key: column for column in columns_of(enrollment.class_group)}
    known = {
        key: column
        for key, column in calendar.items()
        if column.first_day <= today and column.semester >= enrollment.first_semester
    }
    for (key, _kind), row in cells.items():
        if row.sessions is not None:
            known.setdefault(key, calendar.get(key) or whole_month(row.semester, row.month))
    return sorted(known.values(), key=lambda column: (column.semester, column.month))


def ask(
    actor: Actor,
    enrollment_id: int,
    raw: Mapping[str, str],
    seen: Mapping[str, str],
    reason: str,
    files: Sequence[Upload],
    now: datetime,
) -> m.CorrectionRequest:
    """Ask for other numbers in months of a pupil of an approved class; the totals follow from them.

    ``raw``: field (``regulations/correction_fields.MonthField``) -> number as typed, ``seen``: as it stood on the page. Raises NotFound,
    NotAllowed, WrongState, Invalid (per field, ``reason``, ``files``, ``fields``), Stale (``current``: tuple of ``ChangedCell``).
    """
    why = correction_requests.grounds(reason, files)
    today = clock.local_date(now)
    with write_transaction():
        page = form(actor, enrollment_id, now)
        enrollment, choices = page.enrollment, page.fields
        if any(name not in choices for name in raw):
            raise NotFound("Không có tháng này để sửa.")
        cells = correction_month_fields.stored(enrollment_id)
        columns = {column.key: column for column in _columns(enrollment, cells, today)}
        new = _read(raw, cells, columns)
        items = correction_requests.changed_fields(
            [
                AskedField(name, choices[name].present, str(value), seen.get(name, "") == choices[name].present)
                for name, value in new.items()
            ],
            "Số nghỉ theo tháng",
            "Chưa có tháng nào đổi: xin ghi vào ít nhất một tháng số buổi khác với số đang có.",
        )
        _guard_totals(page, cells, new)
        correction_requests.guard_open_fields(enrollment.student_id, items, enrollment_id=enrollment_id)
        return correction_requests.send(actor, CorrectionKind.HOMEROOM, enrollment, items, why, now)


def _read(
    raw: Mapping[str, str], cells: correction_month_fields.Stored, columns: Mapping[str, MonthColumn]
) -> dict[str, int]:
    """The numbers that were typed. Both kinds of a month are held against its sessions as they would be afterwards."""
    new: dict[str, int] = {}
    for name, text in raw.items():
        field = read_month_field(name)
        assert field is not None
        new[name] = _number(name, text, columns[field.column_key], None)
    for name, text in raw.items():
        field = read_month_field(name)
        assert field is not None
        other = MonthField(field.semester, field.month, KINDS[1 - KINDS.index(field.kind)])
        beside = new.get(other.name)
        if beside is None:
            beside = int(correction_month_fields.text_of(cells, other) or "0")
        _number(name, text, columns[field.column_key], beside)
    return new


def _number(name: str, text: str, column: MonthColumn, other: int | None) -> int:
    try:
        value = read_sessions(text, column, other)
    except Invalid as refusal:
        raise Invalid(refusal.message, field=name) from None
    if value is None:
        raise Invalid(f"Không để trống {column_words(column)}: không nghỉ buổi nào thì ghi 0.", field=name)
    return value


def _guard_totals(page: MonthForm, cells: correction_month_fields.Stored, new: Mapping[str, int]) -> None:
    """The months have to come to their total again where it was corrected by itself."""
    for line in page.totals:
        named = {
            field.column_key: (name, value)
            for name, value in new.items()
            if (field := read_month_field(name)) is not None
            and (field.semester, field.kind) == (line.semester, line.kind)
        }
        if not named or line.stands is None:
            continue
        before = counts_of(cells, line.semester, line.kind)
        after = {**before, **{key: value for key, (_name, value) in named.items()}}
        if corrected_total(line.stands, before, after) is None:
            words = correction_month_fields.TOTAL_WORDS[TOTAL_FIELDS[line.semester, line.kind]]
            raise Invalid(
                f"{words} đã được sửa riêng thành {line.stands}, các tháng ghi ở đây cộng "
                f"{sum(value for value in after.values() if value is not None)}. Xin ghi cho khớp, hoặc sửa tổng trước.",
                field=next(iter(named.values()))[0],
            )
