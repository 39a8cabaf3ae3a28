"""The dates a school sets for its year, and the bounds the law sets for them. Pure: today and what stood before are handed in.

The Ministry's plan: data complete before 20/5, grade 9 signed before 21/5, everybody signed before 31/5 (workflow,
"Calendar"; the school's plan III.1). A school may set an earlier day, never a later one. What already stands is not
judged again: only what somebody changes has to keep the bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from hocbaso.regulations.deadlines import Deadline

GRADE_LEVELS = (6, 7, 8, 9)

DEADLINES = ("data_complete_before", "sign_grade9_before", "sign_others_before")

LATEST: Mapping[str, tuple[int, int]] = {
    "data_complete_before": (20, 5),
    "sign_grade9_before": (21, 5),
    "sign_others_before": (31, 5),
}
"""Deadline -> (day, month) of the calendar year in which the school year ends: the latest the law allows."""

SUMMER_ENDS = (31, 8)
"""The last day on which results of the summer can be frozen: the next year has not begun."""


@dataclass(frozen=True, slots=True)
class YearDates:
    """The dates of a school year. ``*_before`` is exclusive: the last good day is the day before."""

    starts_on: date
    data_complete_before: date
    sign_grade9_before: date
    sign_others_before: date
    summer_freeze_on: date


@dataclass(frozen=True, slots=True)
class EntryWindow:
    """When scores may be typed, both days included. ``grade_level`` None: grade levels without dates of their own."""

    semester: int
    grade_level: int | None
    opens_on: date
    closes_on: date

    @property
    def key(self) -> str:
        """``s2_g9``; ``s2_g0`` for all grade levels. Forms and faults name a window by it."""
        return window_key(self.semester, self.grade_level)


@dataclass(frozen=True, slots=True)
class DateFault:
    """A date that cannot stand: its field (``sign_others_before``, ``s2_g9_closes_on``) and a sentence."""

    field: str
    sentence: str


def window_key(semester: int, grade_level: int | None) -> str:
    """The name of a window: ``s1_g0`` is semester I of all grade levels."""
    return f"s{semester}_g{grade_level or 0}"


def latest(field: str, year_ends_in: int) -> date:
    """The latest date the law allows for a deadline of the school year that ends in this calendar year."""
    day, month = LATEST[field]
    return date(year_ends_in, month, day)


def window_of(windows: Iterable[EntryWindow], semester: int, grade_level: int) -> EntryWindow | None:
    """The window that holds for a grade level: its own, else the one of all."""
    found = None
    for window in windows:
        if window.semester == semester and window.grade_level == grade_level:
            return window
        if window.semester == semester and window.grade_level is None:
            found = window
    return found


def date_faults(
    dates: YearDates,
    windows: tuple[EntryWindow, ...],
    *,
    standing: YearDates,
    standing_windows: tuple[EntryWindow, ...],
    year_ends_in: int,
    today: date,
) -> list[DateFault]:
    """What cannot stand, the first of the page first; an empty list when all can.

    Deadlines keep the law's bounds and their order. A window lies inside the year and closes before the data are due;
    once that day is over, the principal may open it again for what is late, until the summer's results are frozen.
    """
    faults: list[DateFault] = []
    for field in DEADLINES:
        wanted, bound = getattr(dates, field), latest(field, year_ends_in)
        if wanted != getattr(standing, field) and wanted > bound:
            faults.append(
                DateFault(field, f"Quy định là trước {bound:%d/%m/%Y}: trường đặt sớm hơn được, muộn hơn thì không.")
            )
    changed = dates != standing
    if changed and not dates.starts_on < dates.data_complete_before:
        faults.append(DateFault("data_complete_before", "Hạn này phải sau ngày khai giảng."))
    if changed and dates.sign_grade9_before < dates.data_complete_before:
        faults.append(
            DateFault("sign_grade9_before", "Khối 9 chỉ ký được sau khi xong dữ liệu: hạn này không sớm hơn.")
        )
    if changed and dates.sign_others_before < dates.sign_grade9_before:
        faults.append(DateFault("sign_others_before", "Khối 9 ký trước: hạn này không sớm hơn hạn của khối 9."))
    day, month = SUMMER_ENDS
    if dates.summer_freeze_on != standing.summer_freeze_on and dates.summer_freeze_on > date(year_ends_in, month, day):
        faults.append(
            DateFault("summer_freeze_on", f"Chậm nhất là {date(year_ends_in, month, day):%d/%m/%Y}, trước năm học mới.")
        )
    if changed and dates.summer_freeze_on < dates.sign_others_before:
        faults.append(DateFault("summer_freeze_on", "Kết quả trong hè chốt sau khi ký xong học bạ cả năm."))
    due = Deadline(dates.data_complete_before)
    before = {window.key: window for window in standing_windows}
    for window in windows:
        if before.get(window.key) == window and not changed:
            continue
        if window.closes_on < window.opens_on:
            faults.append(DateFault(f"{window.key}_closes_on", "Ngày cuối phải từ ngày đầu trở đi."))
        elif window.opens_on < dates.starts_on:
            faults.append(
                DateFault(f"{window.key}_opens_on", f"Không sớm hơn ngày khai giảng {dates.starts_on:%d/%m/%Y}.")
            )
        elif not due.is_late(today) and window.closes_on > due.last_good_day:
            faults.append(
                DateFault(
                    f"{window.key}_closes_on",
                    f"Dữ liệu phải xong trước {due.before:%d/%m/%Y} nên ngày cuối chậm nhất là {due.last_good_day:%d/%m/%Y}.",
                )
            )
        elif due.is_late(today) and window.closes_on > max(dates.summer_freeze_on, due.last_good_day):
            faults.append(
                DateFault(
                    f"{window.key}_closes_on",
                    f"Mở lại chậm nhất đến ngày chốt kết quả trong hè, {dates.summer_freeze_on:%d/%m/%Y}.",
                )
            )
    return faults


def reopened(
    before: tuple[EntryWindow, ...], after: tuple[EntryWindow, ...], today: date
) -> tuple[tuple[int, int], ...]:
    """(semester, grade level) whose last day had passed and can be typed in today or later once more."""
    found = []
    for semester in (1, 2):
        for grade_level in GRADE_LEVELS:
            old, new = window_of(before, semester, grade_level), window_of(after, semester, grade_level)
            if old is not None and new is not None and old.closes_on < today <= new.closes_on:
                found.append((semester, grade_level))
    return tuple(found)


def put_off(before: YearDates, after: YearDates, today: date) -> tuple[str, ...]:
    """Deadlines that are over and are moved to a later day."""
    return tuple(
        field
        for field in DEADLINES
        if Deadline(getattr(before, field)).is_late(today) and getattr(after, field) > getattr(before, field)
    )


def needs_reason(
    before: YearDates,
    after: YearDates,
    windows_before: tuple[EntryWindow, ...],
    windows_after: tuple[EntryWindow, ...],
    today: date,
) -> bool:
    """Whether the change gives back time that was over: it then stands in the log with its reason."""
    return bool(reopened(windows_before, windows_after, today) or put_off(before, after, today))
