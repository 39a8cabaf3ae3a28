"""Correcting what is locked or printed: asked with evidence, confirmed by the homeroom teacher, approved by the principal.

Workflow, "Correction after lock"; the chain is R30 (QĐ 1789 Đ.14.5-14.7): who types asks, the homeroom teacher confirms, the
principal approves, and the old value stays for ever. Civil-status data goes the same way with its decision (CV 2088 Đ.21.7).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from hocbaso.errors import WrongState

WORKING_DAYS = 5
"""Within how many working days a request is answered (workflow, "Procedures": correction of transcript data)."""


class CorrectionKind(StrEnum):
    """What a request is about."""

    SCORE = "score"
    """Cells of locked sheets of one pupil."""
    HOMEROOM = "homeroom"
    """Conduct, absences, remark and awards of one pupil in a class that was approved."""
    SUMMER = "summer"
    """Results of the summer that were approved: re-assessment of a subject, conduct after training."""
    EXEMPTION = "exemption"
    """An exemption granted or taken back for one pupil after a sheet was locked, with the marks that a line opened again needs."""
    INHERITED = "inherited"
    """Semester I as an old school concluded it, of one pupil in a class that was approved."""
    CIVIL_STATUS = "civil_status"
    """What civil-status papers say of a pupil, after it was printed on an issued record."""


class CorrectionState(StrEnum):
    """Where a request stands."""

    ASKED = "ASKED"
    CONFIRMED = "CONFIRMED"
    RETURNED = "RETURNED"
    APPLIED = "APPLIED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


class CorrectionVerb(StrEnum):
    """An act upon a request."""

    ASK = "ask"
    CONFIRM = "confirm"
    APPROVE = "approve"
    RETURN = "return"
    REFUSE = "refuse"
    RESEND = "resend"
    WITHDRAW = "withdraw"


class CorrectionParty(StrEnum):
    """In what relation to a request a person acts."""

    ASKER = "asker"
    HOMEROOM = "homeroom"
    """Keeps the class today and did not ask."""
    DECIDER = "decider"
    """Who answers for the school; see :func:`may_decide`."""


@dataclass(frozen=True, slots=True)
class CorrectionMove:
    """One row of the table."""

    from_state: CorrectionState
    verb: CorrectionVerb
    to_state: CorrectionState
    party: CorrectionParty
    needs_note: bool = False


_S, _V, _W = CorrectionState, CorrectionVerb, CorrectionParty

MOVES: tuple[CorrectionMove, ...] = (
    CorrectionMove(_S.ASKED, _V.CONFIRM, _S.CONFIRMED, _W.HOMEROOM),
    CorrectionMove(_S.ASKED, _V.RETURN, _S.RETURNED, _W.HOMEROOM, needs_note=True),
    CorrectionMove(_S.ASKED, _V.REFUSE, _S.REFUSED, _W.HOMEROOM, needs_note=True),
    CorrectionMove(_S.CONFIRMED, _V.APPROVE, _S.APPLIED, _W.DECIDER),
    CorrectionMove(_S.CONFIRMED, _V.RETURN, _S.RETURNED, _W.DECIDER, needs_note=True),
    CorrectionMove(_S.CONFIRMED, _V.REFUSE, _S.REFUSED, _W.DECIDER, needs_note=True),
    CorrectionMove(_S.RETURNED, _V.RESEND, _S.ASKED, _W.ASKER),
    CorrectionMove(_S.ASKED, _V.WITHDRAW, _S.WITHDRAWN, _W.ASKER),
    CorrectionMove(_S.CONFIRMED, _V.WITHDRAW, _S.WITHDRAWN, _W.ASKER),
    CorrectionMove(_S.RETURNED, _V.WITHDRAW, _S.WITHDRAWN, _W.ASKER),
)

OPEN_STATES = frozenset({CorrectionState.ASKED, CorrectionState.CONFIRMED, CorrectionState.RETURNED})
"""A cell or a field stands in at most one request in these."""

_BY_KEY = {(move.from_state, move.verb): move for move in MOVES}

_STATE_WORDS = {
    _S.ASKED: "đang chờ giáo viên chủ nhiệm xác nhận",
    _S.CONFIRMED: "đang chờ Hiệu trưởng quyết định",
    _S.RETURNED: "đã được trả lại cho người đề nghị",
    _S.APPLIED: "đã duyệt và đã sửa xong",
    _S.REFUSED: "không được duyệt",
    _S.WITHDRAWN: "đã được rút lại",
}


def find_move(state: CorrectionState, verb: CorrectionVerb) -> CorrectionMove:
    """The row for this state and verb; raises WrongState when the table has none."""
    move = _BY_KEY.get((state, verb))
    if move is None:
        raise WrongState(f"Đề nghị này {_STATE_WORDS[state]} nên không làm được việc này. Chưa có gì thay đổi.")
    return move


def standing_of(state: CorrectionState, *, somebody_confirms: bool) -> CorrectionState:
    """The state that counts: where nobody but the asker keeps the class, a request goes straight to the principal.

    ``somebody_confirms``: a homeroom teacher of today who did not ask. Whoever is both subject and homeroom teacher
    does not confirm the own request; the second pair of eyes is then the principal's.
    """
    if state is CorrectionState.ASKED and not somebody_confirms:
        return CorrectionState.CONFIRMED
    return state


def may_decide(
    *,
    is_asker: bool,
    is_principal: bool,
    is_vice_principal: bool,
    is_delegate: bool,
    asked_by_principal: bool,
    did_the_work: bool,
    voids_sealed: bool,
) -> bool:
    """Whether a person approves, returns or refuses a request for the school.

    Nobody decides a request of their own. The principal decides; of the principal's own request a vice-principal does. A delegate
    (KT.) stands in for the principal where neither the sheets nor the class are theirs (``did_the_work``) and no sealed
    record goes out of force (``voids_sealed``): recalling is the principal's own act.
    """
    if is_asker:
        return False
    if is_principal:
        return True
    if asked_by_principal:
        return is_vice_principal and not did_the_work
    return is_delegate and not did_the_work and not voids_sealed


def due_before(asked_on: date) -> date:
    """The day before which a request is to be answered: the one after its fifth working day (Saturday and Sunday are none)."""
    day, left = asked_on, WORKING_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return day + timedelta(days=1)
