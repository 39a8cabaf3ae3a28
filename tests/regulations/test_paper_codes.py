"""Check numbers on paper: each shift and each swap of rows is caught, in every class and sheet."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocbaso.errors import Invalid
from hocbaso.regulations.paper_codes import FIELD, free_place, read_sheet_code, sheet_code
from hocbaso.regulations.paper_codes import row_codes as codes_by_place

SHEETS = st.integers(1, 10**8)
CLASSES = st.builds(
    lambda seed, size, most: set(random.Random(seed).sample(range(1, most), size)),
    st.integers(0, 10**6),
    st.integers(1, FIELD),
    st.sampled_from((98, 300, 10**7)),
)
CROWDED = st.sets(st.integers(1, 40).map(lambda n: n * FIELD), min_size=2, max_size=30)
"""Ids that all have one remainder: the worst case for distinct places."""


def seated(pupils: Iterable[int]) -> dict[int, int | None]:
    """The places of pupils who come one after the other."""
    places: dict[int, int | None] = {}
    for one in pupils:
        places[one] = free_place(one, set(places.values()))
    return places


def row_codes(sheet: int, pupils: Iterable[int]) -> dict[int, str]:
    """The printed numbers of pupils who came in the order of their ids."""
    return codes_by_place(sheet, seated(sorted(pupils)))


@given(SHEETS, CLASSES | CROWDED)
def test_every_shift_and_every_swap_of_rows_is_caught(sheet: int, pupils: set[int]):
    codes = row_codes(sheet, pupils)
    assert set(codes) == pupils and all(len(code) == 2 and code.isdigit() for code in codes.values())
    on_paper = [codes[one] for one in sorted(pupils)]
    for places in range(1, len(on_paper)):  # typed so many rows too low: each single row is wrong
        assert all(typed != here for typed, here in zip(on_paper, on_paper[places:], strict=False))
    for one, other in itertools.combinations(range(len(on_paper)), 2):
        assert on_paper[one] != on_paper[other]


@given(SHEETS, CLASSES | CROWDED, st.integers(1, 9))
def test_a_mistyped_digit_is_never_the_rows_own_number(sheet: int, pupils: set[int], by: int):
    for code in row_codes(sheet, pupils).values():
        for place in (0, 1):
            wrong = list(code)
            wrong[place] = str((int(wrong[place]) + by) % 10)
            assert "".join(wrong) != code


@given(SHEETS, st.integers(1, 7565), CLASSES)
def test_two_sheets_of_one_class_agree_in_at_most_one_row(sheet: int, apart: int, pupils: set[int]):
    one, other = row_codes(sheet, pupils), row_codes(sheet + apart, pupils)
    assert sum(one[pupil] == other[pupil] for pupil in pupils) <= 1


@given(SHEETS, CLASSES | CROWDED, st.integers(1, 10**7))
def test_a_newcomer_of_any_id_changes_no_printed_number(sheet: int, pupils: set[int], newcomer: int):
    if len(pupils) < FIELD and newcomer not in pupils:
        places = seated(sorted(pupils))
        before = codes_by_place(sheet, places)
        after = codes_by_place(sheet, {**places, newcomer: free_place(newcomer, set(places.values()))})
        assert {pupil: after[pupil] for pupil in pupils} == before
        assert after[newcomer] not in before.values()


def test_a_class_too_large_is_refused_in_words():
    assert len(set(row_codes(5, range(1, 98)).values())) == 97
    with pytest.raises(Invalid, match="hơn 97"):
        row_codes(5, range(1, 99))


@given(SHEETS)
def test_a_sheets_code_is_read_back(sheet: int):
    assert read_sheet_code(sheet_code(sheet)) == read_sheet_code(f" {sheet_code(sheet)} ") == sheet


@given(SHEETS, st.data())
def test_one_wrong_digit_or_two_exchanged_neighbours_never_pass(sheet: int, data: st.DataObject):
    code = sheet_code(sheet)
    digits = [place for place, sign in enumerate(code) if sign != "-"]
    at = data.draw(st.sampled_from(digits))
    wrong = code[:at] + str((int(code[at]) + data.draw(st.integers(1, 9))) % 10) + code[at + 1 :]
    neighbours = [(a, b) for a, b in itertools.pairwise(digits) if code[a] != code[b]]
    swapped = [code[:a] + code[b] + code[a + 1 : b] + code[a] + code[b + 1 :] for a, b in neighbours]
    for text in [wrong, *swapped]:
        with pytest.raises(Invalid):
            read_sheet_code(text)


@pytest.mark.parametrize(
    "text", ["", "123", "123-2", "123-200", "0123-20", "123–20", "-20", "１２３-20", "1" * 10 + "-11"]
)
def test_another_shape_is_refused(text: str):
    with pytest.raises(Invalid, match="Mã phiếu không đúng"):
        read_sheet_code(text)
