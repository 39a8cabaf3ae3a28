"""Recalling an issued record: asked with a reason, decided by the principal, and where it is late agreed by the authority.

CV 2088/BGDĐT-GDTH annex 1: the school lists the records to recall, the Sở checks and agrees, the school makes them anew under
another UUID. Until the year is closed the school recalls freely; afterwards, or once the authority holds the record, it asks first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from hocbaso.errors import WrongState
from hocbaso.regulations.transcript_flow import RecordState


class RecallState(StrEnum):
    """Where a request stands."""

    ASKED = "ASKED"
    APPROVED = "APPROVED"
    """By the principal; the authority has not agreed yet."""
    RECALLED = "RECALLED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


class RecallVerb(StrEnum):
    """An act upon a request."""

    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    AUTHORITY_AGREES = "authority_agrees"
    AUTHORITY_REFUSES = "authority_refuses"


@dataclass(frozen=True, slots=True)
class RecallMove:
    """One row of the table. ``restores``: the record is again what it was before it was asked for."""

    from_state: RecallState
    verb: RecallVerb
    to_state: RecallState
    restores: bool = False
    needs_note: bool = False


MOVES: tuple[RecallMove, ...] = (
    RecallMove(RecallState.ASKED, RecallVerb.APPROVE, RecallState.APPROVED),
    RecallMove(RecallState.ASKED, RecallVerb.REFUSE, RecallState.REFUSED, restores=True, needs_note=True),
    RecallMove(RecallState.ASKED, RecallVerb.WITHDRAW, RecallState.WITHDRAWN, restores=True),
    RecallMove(RecallState.APPROVED, RecallVerb.AUTHORITY_AGREES, RecallState.RECALLED),
    RecallMove(RecallState.APPROVED, RecallVerb.AUTHORITY_REFUSES, RecallState.REFUSED, restores=True, needs_note=True),
)
_BY_KEY = {(move.from_state, move.verb): move for move in MOVES}
_STATE_WORDS = {
    RecallState.ASKED: "đang chờ Hiệu trưởng quyết định",
    RecallState.APPROVED: "đã được Hiệu trưởng duyệt, đang chờ cấp trên",
    RecallState.RECALLED: "đã thu hồi xong",
    RecallState.REFUSED: "đã bị từ chối",
    RecallState.WITHDRAWN: "đã được rút lại",
}

OPEN_STATES = frozenset({RecallState.ASKED, RecallState.APPROVED})
"""A record has at most one request in these."""

RECALLABLE = frozenset(
    {
        RecordState.ISSUED,
        RecordState.PUBLISHED,
        RecordState.SUBMITTED,
        RecordState.ACCEPTED,
        RecordState.REJECTED,
    }
)
"""Sealed records that nobody has asked to recall yet. What is not sealed was never issued: it is taken back without a request."""

HELD_BY_AUTHORITY = frozenset({RecordState.SUBMITTED, RecordState.ACCEPTED})


def find_move(state: RecallState, verb: RecallVerb) -> RecallMove:
    """The row for this state and verb; raises WrongState when the table has none."""
    move = _BY_KEY.get((state, verb))
    if move is None:
        raise WrongState(f"Đề nghị thu hồi này {_STATE_WORDS[state]} nên không làm được việc này. Chưa có gì thay đổi.")
    return move


def needs_authority(record: RecordState, closes_on: date, today: date) -> bool:
    """Whether the authority has to agree before a record is recalled: it holds the record, or the year has been closed."""
    return record in HELD_BY_AUTHORITY or today > closes_on


class ListState(StrEnum):
    """Where a list of recalled records for the authority stands."""

    MADE = "MADE"
    PRINCIPAL_SIGNED = "PRINCIPAL_SIGNED"
    SEALED = "SEALED"
    SENT = "SENT"
    ANSWERED = "ANSWERED"


LIST_STEPS: tuple[tuple[ListState, str, ListState], ...] = (
    (ListState.MADE, "principal", ListState.PRINCIPAL_SIGNED),
    (ListState.PRINCIPAL_SIGNED, "seal", ListState.SEALED),
    (ListState.SEALED, "send", ListState.SENT),
    (ListState.SENT, "answer", ListState.ANSWERED),
)
"""(from, act, to). The seal comes after the principal's hand (NĐ 30/2020 Đ.32.2); nothing leaves the school unsealed."""

_LIST_WORDS = {
    ListState.MADE: "mới lập, chờ Hiệu trưởng ký",
    ListState.PRINCIPAL_SIGNED: "Hiệu trưởng đã ký, chờ đóng dấu",
    ListState.SEALED: "đã đóng dấu, chờ gửi",
    ListState.SENT: "đã gửi, chờ trả lời",
    ListState.ANSWERED: "đã có trả lời",
}


def next_list_state(state: ListState, act: str) -> ListState:
    """The state after an act; raises WrongState out of turn."""
    for from_state, verb, to_state in LIST_STEPS:
        if (from_state, verb) == (state, act):
            return to_state
    raise WrongState(f"Danh sách này {_LIST_WORDS[state]} nên chưa làm được việc này. Chưa có gì thay đổi.")
