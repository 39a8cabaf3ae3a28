"""Which phrases come first, and that the starting set says nothing a sheet would be asked about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocbaso.regulations.anomalies.remark_words import contrary_remarks, foreign_names, name_within
from hocbaso.regulations.anomalies.sheet_data import Line, SheetData
from hocbaso.regulations.anomalies.thresholds import DEFAULT
from hocbaso.regulations.remark_levels import ANY, LEAST, levels_of, remark_level
from hocbaso.regulations.terms import Level, PassFail, SubjectKind

GIVEN = "An Anh Bảo Bình Châu Chi Cường Dung Dũng Giang Hà Hải Hạnh Hiếu Hoa Hương Khánh Lan Linh Long Mai Minh Nam Ngọc Phong Quân Quang Sơn Tâm Thảo Thành Thông Trang Tú Vy Yến".split()
CLASS = [f"Nguyễn Văn {name}" for name in GIVEN]


@pytest.mark.parametrize(
    ("tenths", "level"),
    [(100, Level.TOT), (80, Level.TOT), (79, Level.KHA), (65, Level.KHA), (64, Level.DAT), (50, Level.DAT), (49, Level.CHUA_DAT), (0, Level.CHUA_DAT)],
)  # fmt: skip
def test_the_borders(tenths: int, level: Level):
    assert remark_level(tenths) is level


def test_by_comment_and_without_a_result():
    assert remark_level(None, PassFail.PASS) is Level.DAT
    assert remark_level(None, PassFail.FAIL) is Level.CHUA_DAT
    assert remark_level(None) is None
    assert levels_of(SubjectKind.COMMENT) == (Level.DAT, Level.CHUA_DAT)
    assert levels_of(SubjectKind.SCORED) == levels_of(None) == tuple(level for level, _ in LEAST)


@given(st.integers(0, 99))
def test_a_higher_average_never_has_a_lower_level(tenths: int):
    low, high = remark_level(tenths), remark_level(tenths + 1)
    assert low is not None and high is not None and low.rank <= high.rank


def test_a_name_is_found_as_handing_in_finds_it():
    assert name_within("Em Chi chăm học.", "Hoàng Thanh Bình", CLASS) == "Chi"
    assert name_within("Em Bình chăm học.", "Hoàng Thanh Bình", CLASS) == ""
    assert name_within("Em chăm học, hiểu bài.", "", CLASS) == ""
    assert name_within("Hôm nay Lan giúp bạn.", "", CLASS) == "Lan"
    assert name_within("", "", CLASS) == name_within("Em Chi", "", []) == ""


@given(
    st.sampled_from(CLASS),
    st.sampled_from(CLASS),
    st.sampled_from(["Em {} chăm học.", "Hôm nay {} tiến bộ.", "Bạn {}, xin ghi."]),
)
def test_the_hint_and_the_question_are_one_rule(own: str, other: str, words: str):
    remark = words.format(other.rsplit(" ", 1)[1])
    line = Line(1, 1, own, {}, remark=remark)
    asked = foreign_names(SheetData(SubjectKind.SCORED, {}, (line,), classmates=tuple(CLASS)), [line], DEFAULT)
    assert bool(asked) == bool(name_within(remark, own, CLASS))


def _starters():
    from hocbaso.services.remark_starters import _OF_SUBJECT, starters_for

    for kind in (None, SubjectKind.SCORED, SubjectKind.COMMENT):
        for code in (None, *_OF_SUBJECT):
            yield from ((kind, one) for one in starters_for(code, kind))


def test_the_starting_set_names_nobody_fits_and_contradicts_no_result():
    seen = list(_starters())
    assert len({one.text for _, one in seen}) > 70
    worst = {Level.TOT.value: 95, Level.KHA.value: 72, Level.DAT.value: 58, Level.CHUA_DAT.value: 38}
    for kind, one in seen:
        assert name_within(one.text, "", CLASS) == "", one.text
        assert 20 <= len(one.text) <= 300 and one.text.endswith(".") and one.text.startswith("Em ")
        for level in worst if one.level == ANY else [one.level]:
            by_comment = kind is SubjectKind.COMMENT
            line = Line(
                1, 1, "Lê Văn Ba", {}, remark=one.text,
                average=None if by_comment else worst[level],
                result=(PassFail.PASS if level == Level.DAT.value else PassFail.FAIL) if by_comment else None,
            )  # fmt: skip
            assert contrary_remarks(SheetData(SubjectKind.SCORED, {}, (line,)), [line], DEFAULT) == [], one.text
