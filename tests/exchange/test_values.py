"""Each reader: what is certain, with or without a note, and what is refused."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocbaso.exchange import values
from hocbaso.exchange.subjects import SUBJECT_CATALOGUE, subject_code
from hocbaso.exchange.vietnamese_text import clean_text, fold_key
from hocbaso.regulations.terms import PassFail, ScoreOrigin, Sex, SubjectKind


@pytest.mark.parametrize(
    "raw",
    [
        datetime(2014, 3, 22),
        date(2014, 3, 22),
        "22/03/2014",
        "22-3-2014",
        "22.03.2014",
        "22 / 3 / 2014",
        "2014-03-22",
        "2014/3/22",
        "22/03/2014 00:00:00",
        "2014-03-22T00:00:00",
        "ngày 22 tháng 3 năm 2014",
        "22 tháng 3 năm 2014",
        "'22/03/2014",
        41720,
        41720.0,
    ],
)
def test_a_day_in_any_certain_form(raw):
    assert values.read_date(raw).value == date(2014, 3, 22)


@pytest.mark.parametrize(
    "raw", ["1/2/14", "22/3", "13/13/2014", "29/02/2015", "22/03/1014", "abc", True, 12, 41720.5, "2014-22-03"]
)
def test_an_uncertain_day_is_refused(raw):
    with pytest.raises(values.UnclearValue):
        values.read_date(raw)


@given(st.integers(0, 100))
def test_every_score_survives_number_comma_and_point(tenths):
    text = f"{tenths // 10}.{tenths % 10}"
    for raw in (tenths / 10, text, text.replace(".", ","), f" {text} ", Decimal(text).__float__() + 1e-15, f"{text}0"):
        assert values.read_tenths(raw).value == tenths


@given(st.integers(0, 10_000).filter(lambda hundredths: hundredths % 10 or hundredths > 1000))
def test_no_hundredths_and_nothing_over_ten_is_a_score(hundredths):
    with pytest.raises(values.UnclearValue):
        values.read_tenths(hundredths / 100)
    with pytest.raises(values.UnclearValue):
        values.read_tenths(f"{hundredths // 100},{hundredths % 100:02d}")


@pytest.mark.parametrize("raw", [float("nan"), float("inf"), "８,5", "8,5,0", "1e1", "", "NaN", b"8", "8,505", "8,05"])
def test_what_is_no_number_is_no_score(raw):
    with pytest.raises(values.UnclearValue):
        values.read_tenths(raw)


@pytest.mark.parametrize(
    ("raw", "value", "noted"),
    [
        ("036314473937", "036314473937", False),
        ("036 314 473 937", "036314473937", True),
        (36314473937, "036314473937", True),
        (36314473937.0, "036314473937", True),
        ("36314473937", "036314473937", True),
        ("'036314473937", "036314473937", False),
        ("036214473937", "036214473937", True),
        ("036315473937", "036315473937", True),
        ("999314473937", "999314473937", False),
    ],
)
def test_a_personal_id_of_a_girl_born_2014(raw, value, noted):
    reading = values.read_personal_id(raw, born_on=date(2014, 3, 22), sex=Sex.FEMALE)
    assert (reading.value, reading.note is not None) == (value, noted)


def test_an_id_that_lost_two_zeros():
    assert values.read_personal_id(1314473937, born_on=date(2014, 1, 1), sex=Sex.FEMALE).value == "001314473937"


@pytest.mark.parametrize("raw", [36214473937, 3314473937, "03631447393", "12345", 3631447393712, "CCCD"])
def test_an_id_that_cannot_be_completed_with_certainty(raw):
    with pytest.raises(values.UnclearValue):
        values.read_personal_id(raw, born_on=date(2014, 3, 22), sex=Sex.FEMALE)


def test_a_short_text_id_is_not_completed_when_nothing_confirms_it():
    with pytest.raises(values.UnclearValue):
        values.read_personal_id("36314473937")


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("3610000088", "3610000088"),
        (3610000088, "3610000088"),
        (3610000088.0, "3610000088"),
        ("3610000088.0", "3610000088"),
        ("GV001", "GV001"),
        (112345678, "0112345678"),
    ],
)
def test_codes(raw, value):
    assert values.read_code(raw, digits=10).value == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("0946930219", "0946930219"),
        (946930219, "0946930219"),
        ("946930219", "0946930219"),
        ("+84 946 930 219", "0946930219"),
        ("84946930219", "0946930219"),
        ("0946.930.219", "0946930219"),
        ("0946930219; 0912345678", "0946930219; 0912345678"),
        ("0228 3512 345", "02283512345"),
    ],
)
def test_phones(raw, value):
    assert values.read_phone(raw).value == value


@pytest.mark.parametrize(
    ("raw", "value"), [("6A", "6A"), ("6a", "6A"), (" 6 A ", "6A"), ("Lớp 6A1", "6A1"), ("6/1", "6/1"), ("9B", "9B")]
)
def test_class_names(raw, value):
    assert values.read_class_name(raw).value == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("Đ", PassFail.PASS),
        ("đ", PassFail.PASS),
        ("Ð", PassFail.PASS),
        ("Đạt", PassFail.PASS),
        ("D", PassFail.PASS),
        ("CĐ", PassFail.FAIL),
        ("cđ", PassFail.FAIL),
        ("Chưa đạt", PassFail.FAIL),
        ("CHƯA  ĐẠT", PassFail.FAIL),
        ("CD", PassFail.FAIL),
    ],
)
def test_pass_and_fail(raw, value):
    assert values.read_pass_fail(raw).value is value


def test_d_without_its_bar_is_noted():
    assert values.read_pass_fail("Đ").note is None
    assert values.read_pass_fail("D").note


def test_absence_marks():
    assert values.read_absence("VP") is ScoreOrigin.MISSED_EXCUSED
    assert values.read_absence("Vắng có phép") is ScoreOrigin.MISSED_EXCUSED
    assert values.read_absence("KP") is ScoreOrigin.MISSED_UNEXCUSED
    assert values.read_absence("8,5") is None
    with pytest.raises(values.UnclearValue):
        values.read_absence("v")


@pytest.mark.parametrize(
    ("raw", "value"), [("x", True), ("X", True), ("có", True), ("✓", True), (True, True), ("Không", False)]
)
def test_marks(raw, value):
    assert values.read_mark(raw).value is value


@pytest.mark.parametrize("name", ["H'Mông Y Ê Ban", "K’Brôih", "Nguyễn Thị Út", "Ksor H-Bia"])
def test_names_of_all_peoples(name):
    assert values.read_name(name).value == name


@given(st.text(max_size=30))
def test_cleaning_twice_is_cleaning_once(text):
    assert clean_text(clean_text(text)) == clean_text(text)
    assert fold_key(clean_text(text)) == fold_key(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Toán học", "MATH"),
        ("TOÁN", "MATH"),
        ("LS-ĐL", "HISTGEO"),
        ("Lịch sử & Địa lý", "HISTGEO"),
        ("Lịch sử và Địa lí", "HISTGEO"),
        ("Tiếng Anh", "FL1"),
        ("Ngoại ngữ 1 (Tiếng Anh)", "FL1"),
        ("Ngoại ngữ 2 (Tiếng Pháp)", "FL2"),
        ("GDTC", "PE"),
        ("HĐTN-HN", "EXP"),
        ("NDGDĐP", "LOCAL"),
        ("Giáo dục địa phương", "LOCAL"),
        ("Nghệ thuật (Âm nhạc, Mĩ thuật)", "ART"),
        ("gdcd", "CIVICS"),
        ("Âm nhạc", None),
        ("Vật lí", None),
        ("Tiếng Pháp", None),
        ("Đạo đức", None),
    ],
)
def test_subject_names(text, code):
    assert subject_code(text) == code


def test_the_catalogue_is_the_circulars():
    assert len(SUBJECT_CATALOGUE) == 14
    required = [subject for subject in SUBJECT_CATALOGUE if not subject.optional]
    assert sum(subject.kind is SubjectKind.SCORED for subject in required) == 8
    assert {subject.code for subject in required if subject.kind is SubjectKind.COMMENT} == {
        "PE",
        "ART",
        "EXP",
        "LOCAL",
    }
    for order in ("sheet_order", "transcript_order"):
        assert sorted(getattr(subject, order) for subject in SUBJECT_CATALOGUE) == list(range(1, 15))
