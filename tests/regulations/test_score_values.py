"""What may be typed into a cell, and how it is written back."""

from __future__ import annotations

import unicodedata

import pytest

from hocbaso.errors import Invalid
from hocbaso.regulations import score_values
from hocbaso.regulations.terms import PassFail


@pytest.mark.parametrize(
    ("raw", "tenths", "shown", "shorthand"),
    [
        ("8,5", 85, "8,5", False),
        ("8.5", 85, "8,5", False),
        (" 8,5 ", 85, "8,5", False),
        ("8,50", 85, "8,5", False),
        ("8.00", 80, "8,0", False),
        ("10,00", 100, "10", False),
        ("8", 80, "8,0", False),
        ("0", 0, "0,0", False),
        ("10", 100, "10", False),
        ("10,0", 100, "10", False),
        ("0,5", 5, "0,5", False),
        ("85", 85, "8,5", True),
        ("8 5", 85, "8,5", True),
        ("20", 20, "2,0", True),
        ("0 5", 5, "0,5", True),
        ("1,1", 11, "1,1", False),
        ("99", 99, "9,9", True),
    ],
)
def test_reads_what_teachers_type(raw: str, tenths: int, shown: str, shorthand: bool):
    assert score_values.parse_score(raw) == score_values.ParsedScore(tenths, shown, shorthand)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " ",
        "8.25",
        "8,55",
        "10.1",
        "10,5",
        "-1",
        "+8",
        "100",
        "1e1",
        "05",
        "00",
        "8,",
        ",5",
        "8,5,",
        "8..5",
        "8 55",
        "10 0",
        "８,５",
        "８",
        "٨",
        "८",
        "²",
        "8٫5",
        "8·5",
        "NaN",
        "inf",
        "Infinity",
        "0x8",
        "8_5",
        "tám",
        "Đ",
        "8\u200b,5",
        "8−5",
        "½",
    ],
)
def test_refuses_everything_else_and_says_what_to_do(raw: str):
    with pytest.raises(Invalid) as refusal:
        score_values.parse_score(raw)
    long = score_values._LONG_DECIMAL.fullmatch(raw.strip())
    assert ("làm tròn đến một chữ số" if long else "ví dụ 8,5") in refusal.value.message
    assert not long or "ví dụ" not in refusal.value.message, "8,5 is not what 8,55 rounds to"
    assert refusal.value.field == "value"


@pytest.mark.parametrize("raw", ["11", "12", "19", "1 0", "1 5"])
def test_a_slip_beside_10_is_never_taken_for_1_point_something(raw: str):
    written = f"1,{raw[-1]}"
    with pytest.raises(Invalid, match=f"^“{raw}” không chắc là {written} hay gõ nhầm 10. Nếu đúng là {written}"):
        score_values.parse_score(raw)


@pytest.mark.parametrize("raw", ["Đ", "đ", "d", "D", " Đ ", "Đạt", "đạt", unicodedata.normalize("NFD", "ĐẠT"), "Ð"])
def test_reads_passed(raw: str):
    assert score_values.parse_pass_fail(raw) is PassFail.PASS


@pytest.mark.parametrize("raw", ["CĐ", "cđ", "cd", "c", "C", "Chưa đạt", unicodedata.normalize("NFD", "Chưa Đạt")])
def test_reads_failed(raw: str):
    assert score_values.parse_pass_fail(raw) is PassFail.FAIL


@pytest.mark.parametrize("raw", ["", "8", "K", "x", "đđ", "c c"])
def test_refuses_other_results_of_comment_subjects(raw: str):
    with pytest.raises(Invalid, match="CĐ"):
        score_values.parse_pass_fail(raw)


def test_every_score_survives_writing_and_reading():
    for tenths in range(101):
        assert score_values.parse_score(score_values.format_score(tenths)).tenths == tenths
        assert score_values.from_point(score_values.to_point(tenths)) == tenths
    assert (score_values.format_score(80), score_values.format_score(100)) == ("8,0", "10")
    assert (score_values.to_point(85), score_values.to_point(100)) == ("8.5", "10.0")


@pytest.mark.parametrize("tenths", [-1, 101])
def test_what_is_no_score_is_not_written(tenths: int):
    with pytest.raises(Invalid):
        score_values.format_score(tenths)
    with pytest.raises(Invalid):
        score_values.to_point(tenths)
