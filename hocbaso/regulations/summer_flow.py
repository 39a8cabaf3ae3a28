"""What a pupil may still do in the summer: a subject re-assessed (Art. 14) or conduct trained (Art. 13), from list to approval.

The original result stays (R24, R25); what is approved here replaces it for the conclusion of the year only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from hocbaso.errors import WrongState


class SummerState(StrEnum):
    """Where one subject of one pupil, or the pupil's conduct, stands in the summer."""

    REGISTERED = "REGISTERED"
    DECLINED = "DECLINED"
    """The pupil takes no part."""
    TYPED = "TYPED"
    RETURNED = "RETURNED"
    APPROVED = "APPROVED"


class SummerVerb(StrEnum):
    """An act upon it."""

    REGISTER = "register"
    DECLINE = "decline"
    TYPE = "type"
    RETURN = "return"
    """Never what is approved: that is frozen, and changes by a request (``correction_flow``)."""
    APPROVE = "approve"


class SummerParty(StrEnum):
    """Whose act it is."""

    HOMEROOM = "homeroom"
    EXAMINER = "examiner"
    """The subject teacher; for conduct the homeroom teacher."""
    APPROVER = "approver"


class SummerOutcome(StrEnum):
    """What came of it."""

    RESULT = "result"
    ABSENT = "absent"
    """Registered and did not come, or did not finish the training: there is no result."""
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class SummerMove:
    """One row of the table. ``from_states``: None stands for what nobody has touched yet."""

    verb: SummerVerb
    from_states: frozenset[SummerState | None]
    to_state: SummerState
    party: SummerParty


_S = SummerState
MOVES: dict[SummerVerb, SummerMove] = {
    move.verb: move
    for move in (
        SummerMove(
            SummerVerb.REGISTER, frozenset({None, _S.DECLINED, _S.RETURNED}), _S.REGISTERED, SummerParty.HOMEROOM
        ),
        SummerMove(
            SummerVerb.DECLINE, frozenset({None, _S.REGISTERED, _S.RETURNED}), _S.DECLINED, SummerParty.HOMEROOM
        ),
        SummerMove(SummerVerb.TYPE, frozenset({_S.REGISTERED, _S.TYPED, _S.RETURNED}), _S.TYPED, SummerParty.EXAMINER),
        SummerMove(
            SummerVerb.RETURN,
            frozenset({None, _S.REGISTERED, _S.DECLINED, _S.TYPED}),
            _S.RETURNED,
            SummerParty.APPROVER,
        ),
        SummerMove(SummerVerb.APPROVE, frozenset({_S.TYPED, _S.DECLINED}), _S.APPROVED, SummerParty.APPROVER),
    )
}

SETTLED = frozenset({_S.TYPED, _S.DECLINED, _S.APPROVED})
"""Nothing more is to be done by the teachers."""

STATE_WORDS = {
    None: "chưa đăng ký",
    _S.REGISTERED: "đã đăng ký, chờ kết quả",
    _S.DECLINED: "không tham gia",
    _S.TYPED: "có kết quả, chờ duyệt",
    _S.RETURNED: "được trả lại",
    _S.APPROVED: "đã duyệt",
}


def find_move(state: SummerState | None, verb: SummerVerb) -> SummerMove:
    """The row for this state and verb; raises WrongState when the table has none."""
    move = MOVES[verb]
    if state not in move.from_states:
        raise WrongState(f"Mục này {STATE_WORDS[state]} nên không làm được việc này. Chưa có gì thay đổi.")
    return move


def require_in_time(verb: SummerVerb, freeze_on: date, today: date, *, is_opened: bool) -> None:
    """Registering and typing end with the day of the summer's freeze; ``is_opened``: the principal has asked for it since.

    Raises WrongState, with what to do.
    """
    if verb not in (SummerVerb.REGISTER, SummerVerb.TYPE) or today <= freeze_on or is_opened:
        return
    raise WrongState(
        f"Kết quả trong hè chốt ngày {freeze_on:%d/%m/%Y}. Muốn ghi sau ngày ấy, xin Hiệu trưởng trả lại mục này kèm lí do. "
        "Chưa có gì thay đổi."
    )
