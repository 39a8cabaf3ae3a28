"""Life of a score sheet (class x subject x semester): the table of workflow.md, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hocbaso.errors import WrongState


class SheetState(StrEnum):
    """Where a sheet stands."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    RETURNED = "RETURNED"
    REVIEWED = "REVIEWED"
    APPROVED = "APPROVED"
    LOCKED = "LOCKED"


class SheetVerb(StrEnum):
    """An act upon a sheet."""

    SUBMIT = "submit"
    RECALL = "recall"
    RETURN = "return"
    REVIEW = "review"
    APPROVE = "approve"
    LOCK = "lock"
    REOPEN = "reopen"
    RELOCK = "relock"
    TAKE_BACK = "take_back"


class SheetParty(StrEnum):
    """In what relation to this sheet a person acts."""

    AUTHOR = "author"
    """Holds the teaching assignment of the sheet today."""
    REVIEWER = "reviewer"
    """Head of the author's subject group, or the vice-principal where there is none or the head is the author."""
    APPROVER = "approver"
    """Principal, or a delegate in scope and dates."""
    PRINCIPAL = "principal"
    CORRECTION = "correction"
    """Not a person: an approved correction, or what goes along with a pupil who changes class (``services/class_change_writing``)."""
    SAME_HAND = "same_hand"
    """Whoever approved it, within seconds, nothing newer on top (``taking_back``). No standing relation: no page offers the act by it."""


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the table."""

    from_state: SheetState
    verb: SheetVerb
    to_state: SheetState
    party: SheetParty
    needs_note: bool = False


_S, _V, _W = SheetState, SheetVerb, SheetParty

MOVES: tuple[Move, ...] = (
    Move(_S.DRAFT, _V.SUBMIT, _S.SUBMITTED, _W.AUTHOR),
    Move(_S.RETURNED, _V.SUBMIT, _S.SUBMITTED, _W.AUTHOR),
    Move(_S.SUBMITTED, _V.RECALL, _S.DRAFT, _W.AUTHOR),
    Move(_S.SUBMITTED, _V.RETURN, _S.RETURNED, _W.REVIEWER, needs_note=True),
    Move(_S.SUBMITTED, _V.REVIEW, _S.REVIEWED, _W.REVIEWER),
    Move(_S.REVIEWED, _V.RETURN, _S.RETURNED, _W.APPROVER, needs_note=True),
    Move(_S.REVIEWED, _V.APPROVE, _S.APPROVED, _W.APPROVER),
    Move(_S.APPROVED, _V.LOCK, _S.LOCKED, _W.PRINCIPAL),
    Move(_S.APPROVED, _V.TAKE_BACK, _S.REVIEWED, _W.SAME_HAND),
    # Both in the transaction of the correction: nobody ever finds the sheet open in between.
    Move(_S.LOCKED, _V.REOPEN, _S.RETURNED, _W.CORRECTION),
    Move(_S.RETURNED, _V.RELOCK, _S.LOCKED, _W.CORRECTION),
)

EDITABLE = frozenset({SheetState.DRAFT, SheetState.RETURNED})
"""States in which the author may type."""

_BY_KEY = {(move.from_state, move.verb): move for move in MOVES}

_STATE_WORDS = {
    _S.DRAFT: "đang nhập",
    _S.SUBMITTED: "đã nộp, chờ tổ trưởng",
    _S.RETURNED: "được trả lại để sửa",
    _S.REVIEWED: "tổ trưởng đã soát, chờ duyệt",
    _S.APPROVED: "đã duyệt",
    _S.LOCKED: "đã khoá",
}


def find_move(state: SheetState, verb: SheetVerb) -> Move:
    """The row for this state and verb.

    Raises WrongState with the present state in words when the table has no such row.
    """
    move = _BY_KEY.get((state, verb))
    if move is None:
        raise WrongState(f"Bảng điểm {_STATE_WORDS[state]} nên không làm được việc này. Chưa có gì thay đổi.")
    return move


def verbs_for(state: SheetState, parties: frozenset[SheetParty]) -> tuple[SheetVerb, ...]:
    """Verbs that a person with these relations may use now, in table order."""
    return tuple(move.verb for move in MOVES if move.from_state is state and move.party in parties)
