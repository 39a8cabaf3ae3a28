"""The state machines, each pair of state and verb, against the tables of workflow.md written down once more here."""

from __future__ import annotations

import itertools

import pytest

from hocbaso.errors import WrongState
from hocbaso.regulations import class_flow, score_sheet_flow, transcript_flow
from hocbaso.regulations.class_flow import ClassParty, ClassState, ClassVerb
from hocbaso.regulations.permissions import HOMEROOM_PERMISSIONS, ROLE_PERMISSIONS
from hocbaso.regulations.score_sheet_flow import (
    EDITABLE,
    MOVES,
    SheetParty,
    SheetState,
    SheetVerb,
    find_move,
    verbs_for,
)
from hocbaso.regulations.transcript_flow import (
    RECORD_MOVES,
    SIGNED_STATES,
    SIGNING_ORDER,
    RecordState,
    RecordVerb,
    SignatureRole,
)

SHEET = {
    ("DRAFT", "submit"): ("SUBMITTED", "author", False),
    ("RETURNED", "submit"): ("SUBMITTED", "author", False),
    ("SUBMITTED", "recall"): ("DRAFT", "author", False),
    ("SUBMITTED", "return"): ("RETURNED", "reviewer", True),
    ("SUBMITTED", "review"): ("REVIEWED", "reviewer", False),
    ("REVIEWED", "return"): ("RETURNED", "approver", True),
    ("REVIEWED", "approve"): ("APPROVED", "approver", False),
    ("APPROVED", "lock"): ("LOCKED", "principal", False),
    ("LOCKED", "reopen"): ("RETURNED", "correction", False),
    ("APPROVED", "take_back"): ("REVIEWED", "same_hand", False),
    ("RETURNED", "relock"): ("LOCKED", "correction", False),
}


@pytest.mark.parametrize(("state", "verb"), list(itertools.product(SheetState, SheetVerb)))
def test_each_move_of_a_sheet(state: SheetState, verb: SheetVerb) -> None:
    expected = SHEET.get((state.value, verb.value))
    if expected is None:
        with pytest.raises(WrongState) as refusal:
            find_move(state, verb)
        assert refusal.value.message.startswith("Bảng điểm ") and refusal.value.message.endswith("Chưa có gì thay đổi.")
    else:
        move = find_move(state, verb)
        assert (move.to_state.value, move.party.value, move.needs_note) == expected


def test_a_sheet_is_typed_only_while_it_is_the_teachers() -> None:
    assert {SheetState.DRAFT, SheetState.RETURNED} == EDITABLE
    parties = {(move.verb, move.party) for move in MOVES if move.from_state in EDITABLE}
    assert parties == {(SheetVerb.SUBMIT, SheetParty.AUTHOR), (SheetVerb.RELOCK, SheetParty.CORRECTION)}


def test_approving_never_locks_and_only_a_correction_opens() -> None:
    assert [move.verb for move in MOVES if move.to_state is SheetState.LOCKED] == [SheetVerb.LOCK, SheetVerb.RELOCK]
    assert [move.party for move in MOVES if move.from_state is SheetState.LOCKED] == [SheetParty.CORRECTION]


@pytest.mark.parametrize("party", SheetParty)
def test_verbs_for_gives_each_party_its_own_moves(party: SheetParty) -> None:
    for state in SheetState:
        assert [verb.value for verb in verbs_for(state, frozenset({party}))] == [
            verb
            for (from_state, verb), (_to, who, _note) in SHEET.items()
            if from_state == state and who == party.value
        ]
    assert verbs_for(SheetState.SUBMITTED, frozenset()) == ()


CLASS = {
    ("OPEN", "finalise"): ("FINALISED", "homeroom", False),
    ("FINALISED", "reopen"): ("OPEN", "homeroom", False),
    ("FINALISED", "return"): ("OPEN", "approver", True),
    ("FINALISED", "approve"): ("APPROVED", "approver", False),
    ("APPROVED", "take_back"): ("FINALISED", "same_hand", False),
}


@pytest.mark.parametrize(("state", "verb"), list(itertools.product(ClassState, ClassVerb)))
def test_each_move_of_a_class(state: ClassState, verb: ClassVerb) -> None:
    expected = CLASS.get((state.value, verb.value))
    if expected is None:
        with pytest.raises(WrongState):
            class_flow.find_move(state, verb)
    else:
        move = class_flow.find_move(state, verb)
        assert (move.to_state.value, move.party.value, move.needs_note) == expected
        assert isinstance(move.party, ClassParty)


def test_the_order_of_signing_is_homeroom_principal_seal() -> None:
    assert [step.role.value for step in SIGNING_ORDER] == ["homeroom", "principal", "seal"]
    state = RecordState.CREATED
    for step in SIGNING_ORDER:
        assert step.from_state is state
        state = step.to_state
    assert state is RecordState.ISSUED


@pytest.mark.parametrize(("state", "role"), list(itertools.product(RecordState, SignatureRole)))
def test_each_turn_to_sign(state: RecordState, role: SignatureRole) -> None:
    due = {
        RecordState.CREATED: "homeroom",
        RecordState.HOMEROOM_SIGNED: "principal",
        RecordState.PRINCIPAL_SIGNED: "seal",
    }
    if due.get(state) == role.value:
        assert transcript_flow.require_turn(state, role) is transcript_flow.step_for(role)
    else:
        with pytest.raises(WrongState):
            transcript_flow.require_turn(state, role)


@pytest.mark.parametrize(("state", "verb"), list(itertools.product(RecordState, RecordVerb)))
def test_a_record_is_published_only_sealed_and_recalled_once(state: RecordState, verb: RecordVerb) -> None:
    allowed = {RecordVerb.PUBLISH: {"ISSUED"}, RecordVerb.RECALL: {"CREATED", "HOMEROOM_SIGNED", "PRINCIPAL_SIGNED"}}
    assert (state in RECORD_MOVES[verb].from_states) is (state.value in allowed[verb])
    assert RECORD_MOVES[verb].to_state.value == {"publish": "PUBLISHED", "recall": "RECALLED"}[verb.value]


def test_publishing_is_the_principal_s_and_the_delegate_s() -> None:
    power = RECORD_MOVES[RecordVerb.PUBLISH].permission
    assert {role.value for role, powers in ROLE_PERMISSIONS.items() if power in powers} == {"principal", "delegate"}
    assert power not in HOMEROOM_PERMISSIONS


def test_in_force_is_what_is_sealed_and_not_recalled() -> None:
    unfinished = {RecordState.CREATED, RecordState.HOMEROOM_SIGNED, RecordState.PRINCIPAL_SIGNED}
    assert set(RecordState) - SIGNED_STATES == unfinished | {RecordState.RECALLED}


def test_every_state_of_a_sheet_has_words() -> None:
    assert set(score_sheet_flow._STATE_WORDS) == set(SheetState) and set(class_flow._STATE_WORDS) == set(ClassState)
