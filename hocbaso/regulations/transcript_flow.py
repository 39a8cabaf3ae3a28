"""Life of a transcript record (one student, one school year). Signing order is law: NĐ 30/2020 Đ.32.2."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hocbaso.errors import WrongState
from hocbaso.regulations.permissions import Permission


class RecordState(StrEnum):
    """Where a record stands. SUBMITTED to REJECTED are the dealings with the authority's store."""

    CREATED = "CREATED"
    HOMEROOM_SIGNED = "HOMEROOM_SIGNED"
    PRINCIPAL_SIGNED = "PRINCIPAL_SIGNED"
    ISSUED = "ISSUED"
    PUBLISHED = "PUBLISHED"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    RECALL_REQUESTED = "RECALL_REQUESTED"
    RECALLED = "RECALLED"


class SignatureRole(StrEnum):
    """Who signs, in this order."""

    HOMEROOM = "homeroom"
    PRINCIPAL = "principal"
    SEAL = "seal"


@dataclass(frozen=True, slots=True)
class SigningStep:
    """One signature: the state it needs, the state it leads to, and the names of its places in both faces."""

    role: SignatureRole
    from_state: RecordState
    to_state: RecordState
    pdf_field: str
    xml_node: str


SIGNING_ORDER: tuple[SigningStep, ...] = (
    SigningStep(SignatureRole.HOMEROOM, RecordState.CREATED, RecordState.HOMEROOM_SIGNED, "GVCN", "GVCN"),
    SigningStep(
        SignatureRole.PRINCIPAL, RecordState.HOMEROOM_SIGNED, RecordState.PRINCIPAL_SIGNED, "HIEU_TRUONG", "CBQL"
    ),
    SigningStep(SignatureRole.SEAL, RecordState.PRINCIPAL_SIGNED, RecordState.ISSUED, "NHA_TRUONG", "KY_PHAT_HANH"),
)


class RecordVerb(StrEnum):
    """What is done to a record beside signing it."""

    PUBLISH = "publish"
    RECALL = "recall"


@dataclass(frozen=True, slots=True)
class RecordMove:
    """One move: the states it needs, the state it leads to, and the power over the class that it needs."""

    verb: RecordVerb
    from_states: frozenset[RecordState]
    to_state: RecordState
    permission: Permission


RECORD_MOVES: dict[RecordVerb, RecordMove] = {
    move.verb: move
    for move in (
        # The principal or a delegate: by hand, or beforehand by the order given with the signature, which the clerk's
        # seal then carries out (docs/decisions/0009). The clerk never decides it.
        RecordMove(
            RecordVerb.PUBLISH, frozenset({RecordState.ISSUED}), RecordState.PUBLISHED, Permission.TRANSCRIPT_PUBLISH
        ),
        # Of what is not sealed; a sealed record goes by regulations/recall_flow.
        RecordMove(
            RecordVerb.RECALL,
            frozenset({RecordState.CREATED, RecordState.HOMEROOM_SIGNED, RecordState.PRINCIPAL_SIGNED}),
            RecordState.RECALLED,
            Permission.TRANSCRIPT_RECALL,
        ),
    )
}

_STEP = {step.role: step for step in SIGNING_ORDER}

SIGNED_STATES = frozenset(
    {
        RecordState.ISSUED,
        RecordState.PUBLISHED,
        RecordState.SUBMITTED,
        RecordState.ACCEPTED,
        RecordState.REJECTED,
        RecordState.RECALL_REQUESTED,
    }
)
"""Sealed and not recalled: in force for whoever holds the file."""

_WAITING_FOR = {
    SignatureRole.PRINCIPAL: "Giáo viên chủ nhiệm chưa ký, nên Hiệu trưởng chưa ký được.",
    SignatureRole.SEAL: "Hiệu trưởng chưa ký, nên chưa đóng dấu được (Nghị định 30/2020, Điều 32).",
    SignatureRole.HOMEROOM: "Học bạ chưa được lập.",
}


def step_for(role: SignatureRole) -> SigningStep:
    """The step of a role."""
    return _STEP[role]


def require_turn(state: RecordState, role: SignatureRole) -> SigningStep:
    """The step, when it is this role's turn.

    Raises WrongState saying who must sign first, or that this role has already signed.
    """
    step = _STEP[role]
    if state is step.from_state:
        return step
    order = [s.from_state for s in SIGNING_ORDER]
    if state in order and order.index(state) < order.index(step.from_state):
        raise WrongState(_WAITING_FOR[role])
    raise WrongState("Học bạ này đã có chữ ký ở bước này; không ký lần thứ hai.")
