"""Nobody stands for the principal under their own work."""

from __future__ import annotations

import pytest

from hocbaso.errors import NotAllowed
from hocbaso.regulations.two_hands import may_stand_for_principal, require_other_hand


@pytest.mark.parametrize(
    ("principal", "delegate", "own", "may"),
    [
        (True, False, False, True),
        (True, False, True, True),
        (True, True, True, True),
        (False, True, False, True),
        (False, True, True, False),
        (False, False, False, False),
        (False, False, True, False),
    ],
)
def test_a_delegation_ends_where_ones_own_work_begins(principal: bool, delegate: bool, own: bool, may: bool) -> None:
    assert may_stand_for_principal(is_principal=principal, is_delegate=delegate, did_the_work=own) is may


def test_the_refusal_says_who_should_do_it() -> None:
    require_other_hand(by_delegation=True, did_the_work=False)
    require_other_hand(by_delegation=False, did_the_work=True)
    with pytest.raises(NotAllowed, match="Xin để Hiệu trưởng"):
        require_other_hand(by_delegation=True, did_the_work=True)
