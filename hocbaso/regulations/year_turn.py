"""From one school year to the next: where each pupil goes, what the next year's dates are, who may do what with the plan. Pure.

A pupil goes up by Art. 12, or stays; grade 9 ends by completion. The dates are proposed from the last year's within the law's bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from hocbaso.errors import WrongState
from hocbaso.regulations.promotion import LAST_GRADE_LEVEL
from hocbaso.regulations.terms import Promotion
from hocbaso.regulations.year_calendar import DEADLINES, SUMMER_ENDS, EntryWindow, YearDates, latest


class TurnState(StrEnum):
    """Where the plan of a year's turn stands."""

    DRAFT = "DRAFT"
    SENT = "SENT"
    RETURNED = "RETURNED"
    DONE = "DONE"


class TurnVerb(StrEnum):
    """An act upon it."""

    SAVE = "save"
    SEND = "send"
    RETURN = "return"
    APPROVE = "approve"


_MOVES: Mapping[TurnVerb, tuple[frozenset[TurnState | None], TurnState]] = {
    TurnVerb.SAVE: (frozenset({None, TurnState.DRAFT, TurnState.SENT, TurnState.RETURNED}), TurnState.DRAFT),
    TurnVerb.SEND: (frozenset({None, TurnState.DRAFT, TurnState.RETURNED}), TurnState.SENT),
    TurnVerb.RETURN: (frozenset({TurnState.SENT}), TurnState.RETURNED),
    TurnVerb.APPROVE: (frozenset({TurnState.SENT}), TurnState.DONE),
}

STATE_WORDS = {
    None: "chưa ai soạn",
    TurnState.DRAFT: "văn phòng đang soạn",
    TurnState.SENT: "chờ Hiệu trưởng duyệt",
    TurnState.RETURNED: "Hiệu trưởng trả lại",
    TurnState.DONE: "đã chuyển",
}


def next_state(state: TurnState | None, verb: TurnVerb) -> TurnState:
    """The state after an act; raises WrongState when the plan does not allow it there."""
    from_states, to_state = _MOVES[verb]
    if state not in from_states:
        raise WrongState(
            f"Kế hoạch chuyển năm học: {STATE_WORDS[state]}, nên không làm được việc này. Chưa có gì thay đổi."
        )
    return to_state


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a conclusion leads: the grade level of next year (None: the pupil leaves school)."""

    grade_level: int | None
    is_settled: bool
    """False while the summer or a decision is still to come."""


def destination(outcome: Promotion, grade_level: int) -> Destination:
    """The grade level of next year by the conclusion of this one (Art. 12)."""
    if outcome is Promotion.RETAINED:
        return Destination(grade_level, True)
    if outcome is Promotion.COMPLETED and grade_level == LAST_GRADE_LEVEL:
        return Destination(None, True)
    if outcome is Promotion.PROMOTED and grade_level < LAST_GRADE_LEVEL:
        return Destination(grade_level + 1, True)
    return Destination(None, False)


def next_class_name(name: str, grade_level: int) -> str:
    """7A for 6A: the class goes up as a whole unless somebody edits it."""
    return f"{grade_level + 1}{name[1:]}"


def next_label(label: str) -> str:
    """``2027-2028`` for ``2026-2027``."""
    first = int(label[:4]) + 1
    return f"{first}-{first + 1}"


def _later(day: date, years: int = 1) -> date:
    """The same day a year later; 29/2 becomes 28/2."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def proposed_dates(dates: YearDates, year_ends_in: int) -> YearDates:
    """The last year's dates a year later, none beyond what the law allows for the year that ends in ``year_ends_in``."""
    moved = {name: min(_later(getattr(dates, name)), latest(name, year_ends_in)) for name in DEADLINES}
    day, month = SUMMER_ENDS
    return YearDates(
        starts_on=_later(dates.starts_on),
        summer_freeze_on=min(_later(dates.summer_freeze_on), date(year_ends_in, month, day)),
        **moved,
    )


def proposed_windows(windows: tuple[EntryWindow, ...], dates: YearDates) -> tuple[EntryWindow, ...]:
    """The last year's windows a year later; one that was held open for what was late ends in time again."""
    last = dates.data_complete_before - timedelta(days=1)
    found = []
    for window in windows:
        opens = max(_later(window.opens_on), dates.starts_on)
        closes = min(_later(window.closes_on), last)
        found.append(EntryWindow(window.semester, window.grade_level, min(opens, closes), closes))
    return tuple(found)
