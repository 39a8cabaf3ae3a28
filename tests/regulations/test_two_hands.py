"""Nobody stands for the principal under their own work."""

from __future__ import annotations

import pytest

from hocbaso.errors import NotAllowed
from hocbaso.regulations.two_hands import (
    Hands,
    ReviewOrder,
    may_stand_for_principal,
    own_sheet_words,
    require_other_hand,
)


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


ORDER = ReviewOrder(heads=frozenset({1, 2}), deputies=frozenset({3, 4}), principals=frozenset({5}))


@pytest.mark.parametrize(
    ("own", "who", "step"),
    [
        (set(), {1, 2}, "heads"),
        ({1}, {2}, "heads"),
        ({9, 3, 5}, {1, 2}, "heads"),
        ({1, 2}, {3, 4}, "deputies"),
        ({1, 2, 4}, {3}, "deputies"),
        ({1, 2, 3, 4}, {5}, "principals"),
        ({1, 2, 3, 4, 5}, set(), ""),
    ],
)
def test_the_next_in_line_without_own_work_reviews(own: set[int], who: set[int], step: str) -> None:
    assert ORDER.reviewers(own) == who
    assert ORDER.step(own) == step


@pytest.mark.parametrize(
    ("person", "own", "kept_out"),
    [
        (1, {1}, True),  # another head reviews, this one would as well
        (1, {1, 2}, True),
        (3, {1, 2, 3}, True),
        (3, {1, 3}, False),  # a deputy is not asked while a head is left
        (5, {1, 2, 3, 4, 5}, True),
        (1, {2}, False),
        (9, {9}, False),
    ],
)
def test_own_work_keeps_out_only_whose_turn_it_would_be(person: int, own: set[int], kept_out: bool) -> None:
    assert ORDER.kept_from(person, own) is kept_out


def test_the_words_say_what_was_done_and_who_reviews() -> None:
    hands = Hands(typed=frozenset({1, 2}), handed_in=frozenset({2, 3}))
    assert hands.all == {1, 2, 3}
    assert hands.say(1) == "đã nhập điểm đang có trong bảng này"
    assert hands.say(2) == "đã nhập điểm đang có trong bảng này và đã nộp bảng này"
    assert (hands.say(3), hands.say(4), hands.say(None)) == ("đã nộp bảng này", "", "")
    assert own_sheet_words(hands.say(3), ["Trần Quốc Bình"]) == (
        "Thầy, cô đã nộp bảng này nên không tự soát. Người soát bảng này: Trần Quốc Bình."
    )
    assert "xin Hiệu trưởng giao vai trò" in own_sheet_words(hands.say(1), [])
