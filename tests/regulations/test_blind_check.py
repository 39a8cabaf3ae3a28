"""Đối chiếu bài gốc, the rules: the draw is a share, repeatable by hand, blind to order; the outcomes are closed."""

from __future__ import annotations

import hashlib
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocbaso.errors import Invalid
from hocbaso.regulations import blind_check
from hocbaso.regulations.blind_check import CheckState, Reading, compare, draw, has_paper, n_to_draw

SEED = "00112233445566778899aabbccddeeff"
PLACES = st.sets(st.tuples(st.integers(1, 10**6), st.sampled_from(blind_check.COLUMNS)), max_size=120)
PERCENTS = st.integers(0, 100)
SEEDS = st.text("0123456789abcdef", min_size=32, max_size=32)


def test_the_draw_can_be_repeated_with_sha256sum_alone() -> None:
    """printf 'hocbaso-blind-check-1\\n<seed>\\n17-GK' | sha256sum"""
    places = [(number, column) for number in range(1, 46) for column in ("GK", "CK")]
    by_hand = sorted(
        places,
        key=lambda place: hashlib.sha256(
            b"hocbaso-blind-check-1\n" + SEED.encode() + b"\n" + f"{place[0]}-{place[1]}".encode()
        ).hexdigest(),
    )
    assert draw(SEED, places, 10) == tuple(by_hand[:9])


def test_a_stored_draw_stays_what_it_was() -> None:
    """Fixed values: whoever changes how a draw is made has to give it another version."""
    assert blind_check.rank(SEED, (17, "GK")) == "91fca87f64bf76e6200e3311943ab59bab450f899a983d11da5d12c4a8a2fdf5"
    assert draw(SEED, [(n, "CK") for n in range(1, 21)], 20) == ((9, "CK"), (17, "CK"), (16, "CK"), (12, "CK"))


@given(SEEDS, PLACES, PERCENTS)
def test_a_draw_is_the_share_rounded_up_and_drawn_from_what_was_given(seed: str, places: set, percent: int) -> None:
    drawn = draw(seed, places, percent)
    assert len(drawn) == len(set(drawn)) == ceil(len(places) * percent / 100)
    assert set(drawn) <= places


@given(SEEDS, PLACES, PERCENTS, st.randoms())
def test_the_order_in_which_cells_come_changes_nothing(seed: str, places: set, percent: int, chance) -> None:
    shuffled = list(places)
    chance.shuffle(shuffled)
    assert draw(seed, shuffled, percent) == draw(seed, sorted(places), percent)


@given(SEEDS, PLACES, PERCENTS, PERCENTS)
def test_a_larger_share_holds_the_smaller_one(seed: str, places: set, one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert set(draw(seed, places, less)) <= set(draw(seed, places, more))


def test_each_cell_has_the_same_chance() -> None:
    """2,000 seeds, 10 of 100 cells each: every cell near 200 times (six standard deviations are 80)."""
    places = [(number, "GK") for number in range(100)]
    times = dict.fromkeys(places, 0)
    for number in range(2000):
        for place in draw(f"{number:032x}", places, 10):
            times[place] += 1
    assert sum(times.values()) == 20_000
    assert min(times.values()) > 120 and max(times.values()) < 280


@pytest.mark.parametrize(
    ("n_cells", "percent", "n"), [(90, 10, 9), (5, 10, 1), (1, 1, 1), (0, 100, 0), (7, 0, 0), (7, 100, 7), (10, 33, 4)]
)
def test_the_share_in_numbers(n_cells: int, percent: int, n: int) -> None:
    assert n_to_draw(n_cells, percent) == n


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_share_outside_a_hundred_is_refused(percent: int) -> None:
    with pytest.raises(Invalid, match="từ 0 đến 100"):
        draw(SEED, [(1, "GK")], percent)


@pytest.mark.parametrize(
    ("column", "origin", "reading", "expected"),
    [
        ("GK", "entered", Reading(tenths=0), True),
        ("CK", "makeup", Reading(tenths=85), True),
        ("CK", "entered", Reading(mark="CĐ"), True),
        ("TX1", "entered", Reading(tenths=85), False),
        ("NX", "entered", Reading(), False),
        ("GK", "missed_unexcused", Reading(tenths=0), False),
        ("GK", "missed_excused", Reading(), False),
        ("GK", "empty", Reading(), False),
    ],
)
def test_only_a_sat_midterm_or_final_has_a_paper(column: str, origin: str, reading: Reading, expected: bool) -> None:
    assert has_paper(column, origin, reading) is expected


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (Reading(tenths=85), Reading(tenths=85), CheckState.SAME),
        (Reading(tenths=0), Reading(tenths=0), CheckState.SAME),
        (Reading(tenths=85), Reading(tenths=58), CheckState.DIFFERENT),
        (Reading(tenths=0), Reading(no_paper=True), CheckState.DIFFERENT),
        (Reading(mark="Đ"), Reading(mark="Đ"), CheckState.SAME),
        (Reading(mark="Đ"), Reading(mark="CĐ"), CheckState.DIFFERENT),
        (Reading(mark="Đ"), Reading(no_paper=True), CheckState.DIFFERENT),
    ],
)
def test_what_follows_from_two_readings(first: Reading, second: Reading, outcome: CheckState) -> None:
    assert compare(first, second) is outcome


def test_nothing_typed_is_no_difference_but_no_comparison() -> None:
    with pytest.raises(Invalid):
        compare(Reading(tenths=85), Reading())


def test_every_state_is_either_open_or_settled() -> None:
    assert blind_check.UNSEEN < blind_check.OPEN < set(CheckState)
    assert set(CheckState) - blind_check.OPEN == {CheckState.SAME, CheckState.MISREAD, CheckState.VOID}


@pytest.mark.parametrize("words", ["", "nhầm", "nhầmnhầmnhầmnhầm", "1 2 3 4 5 6 7 8 9 10", "a" + " b" * 300])
def test_a_reason_that_says_nothing_is_refused(words: str) -> None:
    with pytest.raises(Invalid):
        blind_check.guard_reason(words)
