"""What becomes of a pupil when a correction changes the conclusion of a year after its summer or its turn. Pure.

Circular 22/2021 says what the conclusion is (Arts. 12 to 14) and not where a pupil sits who has already gone on by another one, nor
whether a re-assessment is held once its time is over: people decide, each time, and say on what (docs/decisions/0037).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hocbaso.errors import WrongState
from hocbaso.regulations.promotion import SUMMER_ROUTES
from hocbaso.regulations.terms import Promotion
from hocbaso.regulations.year_turn import destination


class CaseChoice(StrEnum):
    """What the principal chooses with the approval, or after a late summer."""

    SUMMER = "summer"
    """Re-assessment or training is held late, for this pupil alone, until a day."""
    MOVE = "move"
    """The pupil goes where the conclusion leads: another class, or out of the class of a year that is completed."""
    STAY = "stay"
    """The pupil stays in the class of today by a decision of the school."""
    GONE = "gone"
    """The pupil is at this school no more: the record changes, no place does."""
    KEEP = "keep"
    """Nothing is held late; the conclusion stands and the pupil sits where it leads."""


class CaseState(StrEnum):
    """Where a case stands."""

    SUMMER = "SUMMER"
    PLACE = "PLACE"
    """The late summer is over and its conclusion leads elsewhere: the principal chooses."""
    MOVE = "MOVE"
    """Decided; the office puts the pupil there."""
    SETTLED = "SETTLED"


OPEN_CASES = (CaseState.SUMMER, CaseState.PLACE, CaseState.MOVE)
"""Not settled."""

STATE_AFTER: Mapping[CaseChoice, CaseState] = {
    CaseChoice.SUMMER: CaseState.SUMMER,
    CaseChoice.MOVE: CaseState.MOVE,
    CaseChoice.STAY: CaseState.SETTLED,
    CaseChoice.GONE: CaseState.SETTLED,
    CaseChoice.KEEP: CaseState.SETTLED,
}
"""Where a choice leads."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The pupil when the correction comes: ``grade_level`` of the corrected year, ``place``: grade level of the class of today, None for none."""

    grade_level: int
    is_closed: bool
    """Whether the corrected year was turned."""
    is_late: bool
    """Whether the summer of the corrected year is over, for the school or for this pupil."""
    place: int | None
    follows: bool
    """Whether the open year is the one right after the corrected one: only then does its conclusion name a grade level of today."""


def choices(before: Promotion, after: Promotion, standing: Standing, *, may_reassess: bool) -> tuple[CaseChoice, ...]:
    """What there is to choose from; empty where nothing is left to people.

    ``may_reassess``: the summer is frozen, the pupil is retained, and the corrected year opens something of Art. 13 or 14 that nobody
    asked the pupil about.
    """
    if not standing.is_late:
        return ()
    if after in SUMMER_ROUTES:
        return (CaseChoice.SUMMER,) if after is not before or standing.is_closed else ()
    opens = may_reassess and after is Promotion.RETAINED
    found = [CaseChoice.SUMMER] if opens else []
    if standing.is_closed and (opens or before is not after):
        found += place_choices(after, standing)
    if found == [CaseChoice.SUMMER]:
        found.append(CaseChoice.KEEP)
    return tuple(found)


def fits(outcome: Promotion, standing: Standing) -> bool:
    """Whether the pupil sits where the conclusion leads."""
    leads = destination(outcome, standing.grade_level)
    return leads.is_settled and leads.grade_level == standing.place


def place_choices(outcome: Promotion, standing: Standing) -> tuple[CaseChoice, ...]:
    """What there is to choose from for the place alone; empty where the pupil sits where the conclusion leads."""
    leads = destination(outcome, standing.grade_level)
    if not leads.is_settled or fits(outcome, standing):
        return ()
    found = [CaseChoice.MOVE] if standing.follows else []
    return (*found, CaseChoice.STAY if standing.place is not None else CaseChoice.GONE)


def require_state(state: CaseState, wanted: Iterable[CaseState]) -> None:
    """Refuse an act upon a case that stands elsewhere (WrongState)."""
    if state not in wanted:
        raise WrongState(f"Việc này {STATE_WORDS[state]}. Chưa có gì thay đổi.")


STATE_WORDS: Mapping[CaseState, str] = {
    CaseState.SUMMER: "chờ kết quả kiểm tra, đánh giá lại muộn",
    CaseState.PLACE: "chờ Hiệu trưởng quyết định nơi học",
    CaseState.MOVE: "chờ văn phòng xếp lại lớp",
    CaseState.SETTLED: "đã xong",
}
