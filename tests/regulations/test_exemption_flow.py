"""An exemption is taken back while the class is open and its sheets are in the teacher's hands; each refusal says what to do."""

from __future__ import annotations

import pytest

from hocbaso.errors import WrongState
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.exemption_flow import ExemptionState, require_class_open, require_granted, require_sheet_open
from hocbaso.regulations.score_sheet_flow import EDITABLE, SheetState
from hocbaso.regulations.two_hands import may_decide_for_school


@pytest.mark.parametrize("state", ExemptionState)
def test_only_what_was_granted_is_taken_back(state: ExemptionState) -> None:
    if state is ExemptionState.GRANTED:
        require_granted(state)
        return
    with pytest.raises(WrongState, match="Chưa có gì thay đổi"):
        require_granted(state)


def test_a_finalised_class_is_opened_first_an_approved_one_never_here() -> None:
    require_class_open(ClassState.OPEN, "9A")
    with pytest.raises(WrongState, match="Mở lại để sửa"):
        require_class_open(ClassState.FINALISED, "9A")
    with pytest.raises(WrongState, match="đã đóng băng"):
        require_class_open(ClassState.APPROVED, "9A")


@pytest.mark.parametrize("state", SheetState)
def test_the_teacher_must_be_able_to_type_what_is_missing(state: SheetState) -> None:
    if state in EDITABLE:
        require_sheet_open(state, "Toán 9A, học kì I")
        return
    with pytest.raises(WrongState, match="Toán 9A, học kì I") as refusal:
        require_sheet_open(state, "Toán 9A, học kì I")
    back = state in (SheetState.SUBMITTED, SheetState.REVIEWED)
    assert ("trả lại bảng" in refusal.value.message) is back


@pytest.mark.parametrize(
    ("proposer", "principal", "deputy", "by_principal", "may"),
    [
        (False, True, False, False, True),
        (True, True, False, True, False),
        (False, False, True, True, True),
        (False, False, True, False, False),
        (True, False, True, True, False),
        (False, False, False, True, False),
        (False, True, False, True, True),  # a successor in the office
    ],
)
def test_nobody_decides_the_own_proposal_and_a_deputy_only_the_principals(
    proposer: bool, principal: bool, deputy: bool, by_principal: bool, may: bool
) -> None:
    assert (
        may_decide_for_school(
            is_proposer=proposer,
            is_principal=principal,
            is_vice_principal=deputy,
            proposed_by_principal=by_principal,
        )
        is may
    )
