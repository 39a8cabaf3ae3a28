"""What is left to people when a corrected conclusion comes after the summer or the turn."""

from __future__ import annotations

import pytest

from hocbaso.errors import WrongState
from hocbaso.regulations import conclusion_cases as rules
from hocbaso.regulations.conclusion_cases import CaseChoice as C
from hocbaso.regulations.conclusion_cases import CaseState, Standing
from hocbaso.regulations.terms import Promotion as P


def standing(
    grade: int = 6, place: int | None = 7, *, closed: bool = True, late: bool = True, follows: bool = True
) -> Standing:
    return Standing(grade, closed, late, place if closed else None, follows and closed)


@pytest.mark.parametrize(
    ("before", "after", "where", "may_reassess", "found"),
    [
        # before the day of the freeze, and where nothing changed
        (P.PROMOTED, P.REASSESS, standing(closed=False, late=False), False, ()),
        (P.PROMOTED, P.PROMOTED, standing(), False, ()),
        # the summer is over
        (P.PROMOTED, P.REASSESS, standing(closed=False), False, (C.SUMMER,)),
        (P.PROMOTED, P.SUMMER_TRAINING, standing(), False, (C.SUMMER,)),
        (P.REASSESS, P.REASSESS, standing(closed=False), False, ()),
        (P.REASSESS, P.REASSESS, standing(), False, (C.SUMMER,)),
        # the place
        (P.PROMOTED, P.RETAINED, standing(), False, (C.MOVE, C.STAY)),
        (P.RETAINED, P.PROMOTED, standing(place=6), False, (C.MOVE, C.STAY)),
        (P.RETAINED, P.PROMOTED, standing(place=7), False, ()),
        (P.PROMOTED, P.RETAINED, standing(place=None), False, (C.MOVE, C.GONE)),
        (P.PROMOTED, P.RETAINED, standing(closed=False), False, ()),
        (P.PROMOTED, P.RETAINED, standing(place=8, follows=False), False, (C.STAY,)),
        (P.COMPLETED, P.RETAINED, standing(9, None), False, (C.MOVE, C.GONE)),
        (P.RETAINED, P.COMPLETED, standing(9, 9), False, (C.MOVE, C.STAY)),
        (P.RETAINED, P.COMPLETED, standing(9, None), False, ()),
        # something that nobody asked about
        (P.PROMOTED, P.RETAINED, standing(), True, (C.SUMMER, C.MOVE, C.STAY)),
        (P.RETAINED, P.RETAINED, standing(place=6), True, (C.SUMMER, C.KEEP)),
        (P.PROMOTED, P.RETAINED, standing(closed=False), True, (C.SUMMER, C.KEEP)),
        (P.RETAINED, P.PROMOTED, standing(place=7), True, ()),
    ],
)
def test_what_there_is_to_choose_from(
    before: P, after: P, where: Standing, may_reassess: bool, found: tuple[C, ...]
) -> None:
    assert rules.choices(before, after, where, may_reassess=may_reassess) == found


def test_every_choice_leads_somewhere_and_every_state_has_words() -> None:
    assert set(rules.STATE_AFTER) == set(C) and set(rules.STATE_WORDS) == set(CaseState)
    assert set(rules.OPEN_CASES) == set(CaseState) - {CaseState.SETTLED}
    rules.require_state(CaseState.MOVE, (CaseState.MOVE,))
    with pytest.raises(WrongState, match="đã xong"):
        rules.require_state(CaseState.SETTLED, rules.OPEN_CASES)
