"""Corrections: the chain of hands, and an impact that forgets nothing."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocbaso.errors import WrongState
from hocbaso.regulations.citations import TT22
from hocbaso.regulations.correction_flow import (
    MOVES,
    OPEN_STATES,
    CorrectionParty,
    CorrectionState,
    CorrectionVerb,
    due_before,
    find_move,
    may_decide,
    standing_of,
)
from hocbaso.regulations.correction_impact import HOMEROOM_WORDS, SubjectName, impact, new_steps, patched
from hocbaso.regulations.terms import SubjectKind

TABLE = {
    ("ASKED", "confirm"): ("CONFIRMED", "homeroom", False),
    ("ASKED", "return"): ("RETURNED", "homeroom", True),
    ("ASKED", "refuse"): ("REFUSED", "homeroom", True),
    ("ASKED", "withdraw"): ("WITHDRAWN", "asker", False),
    ("CONFIRMED", "approve"): ("APPLIED", "decider", False),
    ("CONFIRMED", "return"): ("RETURNED", "decider", True),
    ("CONFIRMED", "refuse"): ("REFUSED", "decider", True),
    ("CONFIRMED", "withdraw"): ("WITHDRAWN", "asker", False),
    ("RETURNED", "resend"): ("ASKED", "asker", False),
    ("RETURNED", "withdraw"): ("WITHDRAWN", "asker", False),
}


@pytest.mark.parametrize(("state", "verb"), list(itertools.product(CorrectionState, CorrectionVerb)))
def test_the_chain_allows_what_the_table_says_and_nothing_else(state: CorrectionState, verb: CorrectionVerb) -> None:
    expected = TABLE.get((state.value, verb.value))
    if expected is None:
        with pytest.raises(WrongState, match="Chưa có gì thay đổi"):
            find_move(state, verb)
    else:
        move = find_move(state, verb)
        assert (move.to_state.value, move.party.value, move.needs_note) == expected


def test_only_the_school_applies_and_what_is_over_stays_over() -> None:
    assert {move.party for move in MOVES if move.to_state is CorrectionState.APPLIED} == {CorrectionParty.DECIDER}
    assert {move.from_state for move in MOVES} == OPEN_STATES
    assert all(move.needs_note for move in MOVES if move.verb in (CorrectionVerb.RETURN, CorrectionVerb.REFUSE))


@pytest.mark.parametrize("state", list(CorrectionState))
def test_the_homeroom_step_is_left_out_only_where_nobody_else_keeps_the_class(state: CorrectionState) -> None:
    assert standing_of(state, somebody_confirms=True) is state
    skipped = CorrectionState.CONFIRMED if state is CorrectionState.ASKED else state
    assert standing_of(state, somebody_confirms=False) is skipped


_FACTS = (
    "is_asker",
    "is_principal",
    "is_vice_principal",
    "is_delegate",
    "asked_by_principal",
    "did_the_work",
    "voids_sealed",
)


@pytest.mark.parametrize("values", list(itertools.product((False, True), repeat=len(_FACTS))))
def test_who_decides(values: tuple[bool, ...]) -> None:
    facts = dict(zip(_FACTS, values, strict=True))
    allowed = may_decide(**facts)
    if facts["is_asker"]:
        assert not allowed, "nobody decides a request of their own"
    elif facts["is_principal"]:
        assert allowed
    elif facts["asked_by_principal"]:
        assert allowed == (facts["is_vice_principal"] and not facts["did_the_work"])
    elif facts["voids_sealed"]:
        assert not allowed, "recalling is the principal's own act"
    else:
        assert allowed == (facts["is_delegate"] and not facts["did_the_work"])


@given(st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_five_working_days_to_answer(asked_on: date) -> None:
    before = due_before(asked_on)
    days = [asked_on + timedelta(days=n) for n in range(1, (before - asked_on).days)]
    assert sum(day.weekday() < 5 for day in days) == 5 and days[-1].weekday() < 5


def test_a_request_of_friday_is_due_by_the_next_friday() -> None:
    assert due_before(date(2027, 5, 14)) == date(2027, 5, 22), "Friday 21/5 is the fifth working day"


SUBJECTS = {
    "LIT": SubjectName("Ngữ văn", SubjectKind.SCORED),
    "MATH": SubjectName("Toán", SubjectKind.SCORED),
    "PE": SubjectName("Giáo dục thể chất", SubjectKind.COMMENT),
}
_TERMS = ("semester_1", "semester_2", "year", "after")
PLACES = [
    *(("subject", code, term) for code in (*SUBJECTS, "NEW") for term in (*_TERMS, "remark")),
    *(("learning", name) for term in _TERMS for name in (term, f"adjusted_{term}", f"review_{term}")),
    *(("conduct", term) for term in _TERMS),
    *(("homeroom", name) for name in HOMEROOM_WORDS),
    ("promotion",),
    ("award",),
]
years = st.dictionaries(st.sampled_from(PLACES), st.sampled_from(["8.5", "Đ", "CĐ", "T", "PROMOTED", "Miễn"]))


@given(years, years)
def test_the_impact_leads_from_the_one_year_to_the_other(before: dict, after: dict) -> None:
    changes = impact(before, after, SUBJECTS, TT22)
    assert patched(before, changes) == after, "nothing is forgotten"
    assert all(change.before != change.after for change in changes), "nothing is told that stays"
    assert len({change.place for change in changes}) == len(changes)
    assert all(
        bool(change.article) == (change.place[-1] != "remark" and change.place[0] != "homeroom") for change in changes
    )
    back = impact(after, before, SUBJECTS, TT22)
    assert {(one.place, one.before, one.after) for one in back} == {
        (one.place, one.after, one.before) for one in changes
    }


@given(years)
def test_the_same_year_has_no_impact(year: dict) -> None:
    assert impact(year, dict(year), SUBJECTS, TT22) == ()


def test_what_follows_is_told_in_the_order_of_its_reasons_with_the_article() -> None:
    changes = impact(
        {("subject", "MATH", "semester_1"): "4.9", ("learning", "year"): "CĐ", ("promotion",): "REASSESS"},
        {
            ("promotion",): "PROMOTED",
            ("award",): "GIOI",
            ("learning", "year"): "Đ",
            ("learning", "adjusted_year"): "1",
            ("subject", "PE", "year"): "Đ",
            ("subject", "MATH", "semester_1"): "5.0",
        },
        SUBJECTS,
        TT22,
    )
    assert [(one.label, one.before, one.after, one.article) for one in changes] == [
        ("Toán, học kì I", "4.9", "5.0", TT22.subject_average),
        ("Giáo dục thể chất, cả năm", None, "Đ", TT22.comment_result),
        ("Học tập cả năm, nâng lên mức liền kề", None, "1", TT22.adjustment),
        ("Học tập cả năm", "CĐ", "Đ", TT22.learning_level),
        ("Kết luận cả năm", "REASSESS", "PROMOTED", TT22.promotion),
        ("Khen thưởng", None, "GIOI", TT22.award),
    ]


def test_a_place_nobody_described_is_refused() -> None:
    with pytest.raises(KeyError):
        impact({("subject", "MATH", "quarter"): "1"}, {}, SUBJECTS, TT22)
    with pytest.raises(ValueError, match="no such place"):
        impact({("award", "gold"): "1"}, {}, SUBJECTS, TT22)


def test_only_new_sentences_are_shown() -> None:
    assert new_steps(["a (Điều 9)", "b"], ["b", "c (Điều 12)", "a (Điều 9)"]) == ("c (Điều 12)",)
