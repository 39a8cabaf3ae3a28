"""The dates of the school year: read by those who follow the year's progress, changed by the principal.

What is saved counts from the next request on: the grid's refusal, reminders and the board read these rows each time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, Stale, WrongState
from hocbaso.regulations import year_calendar as rules
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.year_calendar import EntryWindow, YearDates
from hocbaso.services import audit, roster
from hocbaso.services.access import Actor
from hocbaso.services.log_reading import aimed_at, replay

DATE_WORDS = {
    "data_complete_before": "Xong dữ liệu trước ngày",
    "sign_grade9_before": "Ký xong khối 9 trước ngày",
    "sign_others_before": "Ký xong các khối khác trước ngày",
    "summer_freeze_on": "Chốt kết quả trong hè",
}
_SHOWN_CHANGES = 10


@dataclass(frozen=True, slots=True)
class CalendarChange:
    """One change of the year's dates: each line says what it was and what it became."""

    at: datetime
    by: str
    lines: tuple[str, ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class CalendarPage:
    """The dates of a year as they stand, and how they came to stand so."""

    year_id: int
    label: str
    regulation: str
    class_sheet_signature: str
    dates: YearDates
    spot_check_percent: int
    windows: tuple[EntryWindow, ...]
    latest: Mapping[str, date]
    version: int
    can_edit: bool
    changes: tuple[CalendarChange, ...]
    is_altered: bool
    """The windows are not what the log last wrote: changed behind the application's back."""

    def own_window(self, semester: int, grade_level: int | None) -> EntryWindow | None:
        """The window as a form shows it: a grade level whose dates are those of all has none of its own."""
        common = next((w for w in self.windows if (w.semester, w.grade_level) == (semester, None)), None)
        own = next((w for w in self.windows if (w.semester, w.grade_level) == (semester, grade_level)), None)
        if own is None or (grade_level is not None and _same_days(own, common)):
            return None
        return own


def read(actor: Actor, now: datetime) -> CalendarPage:
    """The open year's dates. Needs ``year:edit`` or ``progress:read``; NotFound otherwise, and while no year is open."""
    if not (actor.may(Permission.YEAR_EDIT) or actor.may(Permission.PROGRESS_READ)):
        raise NotFound("Không có trang này trong phần việc của thầy, cô.")
    year = roster.open_year()
    windows = _windows_of(year.id)
    changes = _log_of(year.id)
    return CalendarPage(
        year_id=year.id,
        label=year.label,
        regulation=regulation_named(year.regulation_version).title,
        class_sheet_signature=year.class_sheet_signature,
        dates=_dates_of(year),
        spot_check_percent=year.spot_check_percent,
        windows=windows,
        latest={field: rules.latest(field, _ends_in(year)) for field in rules.DEADLINES},
        version=year.version,
        can_edit=actor.may(Permission.YEAR_EDIT) and year.state == "OPEN",
        changes=changes,
        is_altered=_windows_told(year.id) != {window.key: _days(window) for window in windows},
    )


def standing(year: m.SchoolYear) -> tuple[YearDates, tuple[EntryWindow, ...]]:
    """The dates and windows of a year as they stand. Not scoped: callers check the actor."""
    return _dates_of(year), _windows_of(year.id)


def save(
    actor: Actor,
    year_id: int,
    dates: Mapping[str, date],
    own: Mapping[tuple[int, int | None], tuple[date, date] | None],
    reason: str | None,
    expected_version: int,
    now: datetime,
    *,
    spot_check_percent: int | None = None,
) -> int:
    """Set the year's dates; the new version. The same dates write nothing.

    ``dates``: columns of :class:`YearDates` that change; ``own``: (semester, grade level or None for all) -> (first day,
    last day), or None for a grade level that goes with all. ``spot_check_percent``: the share of midterm and final results that a
    second person types again from the papers, for sheets handed in from now on; None leaves it. Needs ``year:edit``. Raises Invalid (``field`` names the date)
    outside the law's bounds or where time that was over is given back without a reason, Stale when somebody changed the
    year since, WrongState for a closed year.
    """
    actor.require(Permission.YEAR_EDIT)
    today = clock.local_date(now)
    reason = " ".join((reason or "").split()) or None
    with write_transaction() as session:
        year = session.get(m.SchoolYear, year_id, populate_existing=True)
        if year is None:
            raise NotFound("Không có năm học này.")
        if year.state != "OPEN":
            raise WrongState("Năm học này đã đóng: các hạn không đổi được nữa.")
        standing, before = _dates_of(year), _windows_of(year_id)
        wanted = YearDates(**{**_as_mapping(standing), **dates})
        windows = _wanted_windows(before, own)
        percent = year.spot_check_percent if spot_check_percent is None else spot_check_percent
        if not 0 <= percent <= 100:
            raise Invalid("Tỉ lệ đối chiếu bài gốc là số từ 0 đến 100.", field="spot_check_percent")
        if wanted == standing and windows == before and percent == year.spot_check_percent:
            return year.version
        if year.version != expected_version:
            raise Stale("Các hạn vừa được người khác sửa. Xin xem lại rồi ghi tiếp.", current=year.version)
        faults = rules.date_faults(
            wanted,
            windows,
            standing=standing,
            standing_windows=before,
            year_ends_in=_ends_in(year),
            today=today,
        )
        if faults:
            raise Invalid(
                faults[0].sentence, field=faults[0].field, details=tuple(fault.sentence for fault in faults[1:])
            )
        if rules.needs_reason(standing, wanted, before, windows, today) and reason is None:
            raise Invalid(
                "Có hạn đã qua được mở lại hoặc lùi lại: xin ghi lí do, lí do nằm trong nhật ký.", field="reason"
            )
        changed: dict[str, Any] = {
            name: getattr(standing, name) for name in DATE_WORDS if getattr(standing, name) != getattr(wanted, name)
        }
        for name in changed:
            setattr(year, name, getattr(wanted, name))
        if percent != year.spot_check_percent:
            changed["spot_check_percent"] = year.spot_check_percent
            year.spot_check_percent = percent
        rows = _write_windows(year_id, windows)
        year.version += 1
        session.flush()
        old = {window.key: window for window in before}
        audit.record(
            AuditTag.YEAR_CHANGED,
            actor,
            now,
            target_kind="school_year",
            target_id=year_id,
            state=audit.merge_states(audit.states("school_year", [year]), audit.states("semester_window", rows)),
            before={
                **changed,
                **{
                    window.key: _days(old[window.key]) if window.key in old else None
                    for window in windows
                    if old.get(window.key) != window
                },
            },
            note=reason,
            facts={
                "windows": [_fact(window) for window in windows],
                "reopened": [
                    rules.window_key(semester, grade) for semester, grade in rules.reopened(before, windows, today)
                ],
            },
        )
        return year.version


def _wanted_windows(
    before: tuple[EntryWindow, ...], own: Mapping[tuple[int, int | None], tuple[date, date] | None]
) -> tuple[EntryWindow, ...]:
    """All rows after the change. A grade level without dates of its own keeps its row, with the days of all: none is deleted."""
    found = {(window.semester, window.grade_level): window for window in before}
    for (semester, grade_level), days in own.items():
        if grade_level is None and days is not None:
            found[semester, None] = EntryWindow(semester, None, *days)
    for (semester, grade_level), days in own.items():
        if grade_level is None:
            continue
        common = found.get((semester, None))
        if days is not None:
            found[semester, grade_level] = EntryWindow(semester, grade_level, *days)
        elif (semester, grade_level) in found and common is not None:
            found[semester, grade_level] = EntryWindow(semester, grade_level, common.opens_on, common.closes_on)
    return tuple(sorted(found.values(), key=_order))


def _write_windows(year_id: int, windows: tuple[EntryWindow, ...]) -> list[m.SemesterWindow]:
    rows = {
        (row.semester, row.grade_level): row
        for row in db.session.scalars(
            select(m.SemesterWindow)
            .where(m.SemesterWindow.school_year_id == year_id)
            .execution_options(populate_existing=True)
        )
    }
    for window in windows:
        row = rows.get((window.semester, window.grade_level))
        if row is None:
            row = m.SemesterWindow(school_year_id=year_id, semester=window.semester, grade_level=window.grade_level)
            db.session.add(row)
            rows[window.semester, window.grade_level] = row
        row.opens_on, row.closes_on = window.opens_on, window.closes_on
    return list(rows.values())


def _windows_of(year_id: int) -> tuple[EntryWindow, ...]:
    rows = db.session.execute(
        select(
            m.SemesterWindow.semester,
            m.SemesterWindow.grade_level,
            m.SemesterWindow.opens_on,
            m.SemesterWindow.closes_on,
        ).where(m.SemesterWindow.school_year_id == year_id)
    )
    return tuple(sorted((EntryWindow(*row) for row in rows), key=_order))


def _order(window: EntryWindow) -> tuple[int, int]:
    return window.semester, window.grade_level or 0


def _same_days(one: EntryWindow, other: EntryWindow | None) -> bool:
    return other is not None and (one.opens_on, one.closes_on) == (other.opens_on, other.closes_on)


def _dates_of(year: m.SchoolYear) -> YearDates:
    return YearDates(
        year.starts_on,
        year.data_complete_before,
        year.sign_grade9_before,
        year.sign_others_before,
        year.summer_freeze_on,
    )


def _as_mapping(dates: YearDates) -> dict[str, date]:
    return {"starts_on": dates.starts_on, **{name: getattr(dates, name) for name in DATE_WORDS}}


def _ends_in(year: m.SchoolYear) -> int:
    return roster.parse_year_label(year.label) + 1


def _fact(window: EntryWindow) -> dict[str, Any]:
    return {
        "semester": window.semester,
        "grade_level": window.grade_level,
        "opens_on": window.opens_on.isoformat(),
        "closes_on": window.closes_on.isoformat(),
    }


def _days(window: EntryWindow) -> str:
    return f"{window.opens_on.isoformat()}/{window.closes_on.isoformat()}"


def _windows_told(year_id: int) -> dict[str, str]:
    """The windows as the log tells them, in the shape of :func:`_days`."""
    told = replay(aimed_at({"school_year": (year_id,)}), ("semester_window",))["semester_window"]
    return {
        rules.window_key(row["semester"], row["grade_level"]): f"{row['opens_on']}/{row['closes_on']}"
        for row in told.values()
    }


def _log_of(year_id: int) -> tuple[CalendarChange, ...]:
    """The changes of the year's dates, newest first."""
    entries = db.session.execute(
        select(m.AuditEntry.at, m.AuditEntry.actor_name, m.AuditEntry.tag, m.AuditEntry.payload)
        .where(
            m.AuditEntry.target_kind == "school_year",
            m.AuditEntry.target_id == str(year_id),
            m.AuditEntry.tag.in_([AuditTag.YEAR_CREATED.value, AuditTag.YEAR_CHANGED.value]),
        )
        .order_by(m.AuditEntry.seq.desc())
    ).all()
    changes: list[CalendarChange] = []
    for at, name, tag, payload in entries:
        told_here = json.loads(payload)
        windows = told_here.get("facts", {}).get("windows")
        lines = _lines(told_here, year_id, windows or []) if tag == AuditTag.YEAR_CHANGED else ()
        if lines and len(changes) < _SHOWN_CHANGES:
            changes.append(CalendarChange(datetime.fromisoformat(at), name, lines, told_here.get("note")))
    return tuple(changes)


def _lines(payload: Mapping[str, Any], year_id: int, windows: list[Mapping[str, Any]]) -> tuple[str, ...]:
    """``Xong dữ liệu trước ngày: 20/05/2027 thành 15/05/2027``, one a changed date."""
    after = payload.get("state", {}).get("school_year", {}).get(str(year_id), {})
    now_days = {
        rules.window_key(fact["semester"], fact["grade_level"]): f"{fact['opens_on']}/{fact['closes_on']}"
        for fact in windows
    }
    lines = []
    for key, was in payload.get("before", {}).items():
        if key == "spot_check_percent":
            lines.append(f"Đối chiếu bài gốc: {was} % thành {after.get(key)} %")
        elif key in DATE_WORDS:
            lines.append(f"{DATE_WORDS[key]}: {_shown(was)} thành {_shown(after.get(key))}")
        elif key in now_days:
            lines.append(f"{window_words(key)}: {_shown(was)} thành {_shown(now_days[key])}")
    return tuple(lines)


def window_words(key: str) -> str:
    """``Nhập điểm học kì II, khối 9`` for ``s2_g9``."""
    semester, _, grade = key.partition("_g")
    return f"Nhập điểm học kì {'I' if semester == 's1' else 'II'}, {'mọi khối' if grade == '0' else f'khối {grade}'}"


def _shown(written: str | None) -> str:
    if written is None:
        return "theo mọi khối"
    return " đến ".join(f"{date.fromisoformat(part):%d/%m/%Y}" for part in written.split("/"))
