"""Life of a class in a school year: OPEN -> FINALISED (homeroom) -> APPROVED (principal) -> frozen results.

An approval may be taken back by the same hand within seconds (``taking_back``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hocbaso.errors import WrongState


class ClassState(StrEnum):
    """Where a class stands in its year."""

    OPEN = "OPEN"
    FINALISED = "FINALISED"
    APPROVED = "APPROVED"


class ClassVerb(StrEnum):
    """An act upon a class."""

    FINALISE = "finalise"
    REOPEN = "reopen"
    RETURN = "return"
    APPROVE = "approve"
    TAKE_BACK = "take_back"


class ClassParty(StrEnum):
    """In what relation to the class a person acts."""

    HOMEROOM = "homeroom"
    APPROVER = "approver"
    SAME_HAND = "same_hand"
    """Whoever approved it, within seconds, nothing newer on top. No standing relation."""


@dataclass(frozen=True, slots=True)
class ClassMove:
    """One row of the table."""

    from_state: ClassState
    verb: ClassVerb
    to_state: ClassState
    party: ClassParty
    needs_note: bool = False


MOVES: tuple[ClassMove, ...] = (
    ClassMove(ClassState.OPEN, ClassVerb.FINALISE, ClassState.FINALISED, ClassParty.HOMEROOM),
    ClassMove(ClassState.FINALISED, ClassVerb.REOPEN, ClassState.OPEN, ClassParty.HOMEROOM),
    ClassMove(ClassState.FINALISED, ClassVerb.RETURN, ClassState.OPEN, ClassParty.APPROVER, needs_note=True),
    ClassMove(ClassState.FINALISED, ClassVerb.APPROVE, ClassState.APPROVED, ClassParty.APPROVER),
    ClassMove(ClassState.APPROVED, ClassVerb.TAKE_BACK, ClassState.FINALISED, ClassParty.SAME_HAND),
)

_BY_KEY = {(move.from_state, move.verb): move for move in MOVES}
_STATE_WORDS = {
    ClassState.OPEN: "giáo viên chủ nhiệm chưa chốt",
    ClassState.FINALISED: "đã chốt, chờ duyệt",
    ClassState.APPROVED: "đã được duyệt, kết quả đã đóng băng",
}


def find_move(state: ClassState, verb: ClassVerb) -> ClassMove:
    """The row for this state and verb; raises WrongState when the table has none."""
    move = _BY_KEY.get((state, verb))
    if move is None:
        raise WrongState(f"Lớp {_STATE_WORDS[state]} nên không làm được việc này. Chưa có gì thay đổi.")
    return move
