"""The four measures of the plan as functions: what counts against a profile, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from hocbaso.errors import Invalid
from hocbaso.exchange.identity_results import read_identity_results
from hocbaso.regulations import data_quality as rules
from hocbaso.regulations.data_quality import Figure, IdentityStanding, Measure, ProfileFacts

YEAR = date(2026, 9, 5)
WORDS = {name: name.upper() for name in (*rules.NEEDED, *rules.PARENTS, *rules.CHECKED_BY_AUTHORITY)}
WHOLE = {
    "full_name": "Hoàng Thanh Bình",
    "birth_on": date(2012, 3, 4),
    "sex": "Nam",
    "birth_place": "Ninh Bình",
    "ethnicity": "Kinh",
    "personal_id_number": "036212000017",
    "moet_code": "3600000017",
    "register_no": "17/2023",
    "address": "Thôn Đông",
    "mother_name": "Lê Thị Hoa",
    "phone": "0912 345 678",
}


def one(number: int = 1, **values: object) -> ProfileFacts:
    return ProfileFacts(number, 1, "9A", 9, {**WHOLE, **values}, date(2026, 9, 20))


def test_a_whole_profile_has_nothing_against_it() -> None:
    profile = one()
    assert rules.incorrect(profile, YEAR) == ()
    assert rules.incomplete(profile, WORDS) == ()
    assert rules.stale(profile, YEAR) == ()
    assert rules.unclean([profile], (), {1: ("9A",)}) == ()


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"personal_id_number": "03621200001"}, "personal_id_number", "12 chữ số"),
        ({"personal_id_number": "003212000017"}, "personal_id_number", "mã tỉnh"),
        ({"personal_id_number": "036312000017"}, "personal_id_number", "Nữ"),
        ({"personal_id_number": "036012000017"}, "personal_id_number", "1900"),
        ({"personal_id_number": "036213000017"}, "personal_id_number", "13"),
        ({"moet_code": "ab"}, "moet_code", "Mã học sinh"),
        ({"full_name": "Bình"}, "full_name", "một chữ"),
        ({"full_name": "Hoàng Тhanh"}, "full_name", "La-tinh"),
        ({"birth_on": date(2002, 3, 4), "personal_id_number": None}, "birth_on", "21 tuổi"),
        ({"phone": "0912 34"}, "phone", "không đủ số"),
    ],
)
def test_what_is_not_correct_names_its_field(values: dict[str, object], field: str, said: str) -> None:
    faults = rules.incorrect(one(**values), YEAR)
    assert {fault.field for fault in faults} == {field}
    assert any(said in fault.words for fault in faults), faults
    assert {fault.measure for fault in faults} == {Measure.CORRECT}


def test_age_is_that_of_entering_grade_six() -> None:
    for years, wrong in ((9, True), (10, False), (11, False), (14, False), (15, True)):
        profile = replace(one(birth_on=date(2026 - years, 1, 1), personal_id_number=None), grade_level=6)
        assert bool(rules.incorrect(profile, YEAR)) is wrong, years


def test_one_parent_or_guardian_is_enough_and_each_empty_field_is_told() -> None:
    assert rules.missing_fields({**WHOLE, "mother_name": None, "guardian_name": "Ông Bảy"}) == ()
    assert rules.missing_fields({**WHOLE, "mother_name": "", "address": None}) == ("address", "father_name")
    assert len(rules.missing_fields({})) == rules.N_NEEDED
    assert rules.incomplete(one(address=None), WORDS)[0].words == "Chưa ghi aDDRESS."


def test_duplicates_are_namesakes_with_the_same_birth_date_or_one_slip() -> None:
    slips = {
        date(2012, 3, 4): True,
        date(2012, 4, 3): True,  # day and month exchanged
        date(2012, 3, 5): True,
        date(2011, 3, 4): True,
        date(2011, 4, 4): False,
        date(2011, 4, 3): False,
    }
    for day, alike in slips.items():
        assert bool(rules.duplicates([one(1), one(2, birth_on=day)])) is alike, day
    # marks do not matter, names do
    assert rules.duplicates([one(1), one(2, full_name="hoang thanh binh")])
    assert not rules.duplicates([one(1), one(2, full_name="Hoàng Thanh Bích")])
    # one profile twice is one profile; a settled pair is not asked for again
    assert not rules.duplicates([one(1), one(1)])
    assert not rules.duplicates([one(2), one(1)], [(1, 2)])
    pairs = rules.duplicates([one(3), one(1), one(2)])
    assert [pair.key for pair in pairs] == [(1, 2), (1, 3), (2, 3)]


def test_two_classes_at_once_are_not_clean() -> None:
    faults = rules.unclean([one()], (), {1: ("9A", "9B")})
    assert [fault.words for fault in faults] == ["Đang có tên ở hai lớp: 9A và 9B."]


def test_a_profile_lives_from_the_first_day_of_the_year_on() -> None:
    assert rules.stale(replace(one(), touched_on=YEAR - timedelta(days=1)), YEAR)
    assert not rules.stale(replace(one(), touched_on=YEAR), YEAR)


def test_accounts_lie_idle_after_sixty_days_and_unused_ones_after_fourteen() -> None:
    today = date(2027, 5, 12)
    assert not rules.is_idle(YEAR, today - timedelta(days=60), today)
    assert rules.is_idle(YEAR, today - timedelta(days=61), today)
    assert not rules.is_idle(today - timedelta(days=14), None, today)
    assert rules.is_idle(today - timedelta(days=15), None, today)


def test_a_figure_counts_things_once_and_says_all_only_when_it_is_all() -> None:
    profiles = [one(number) for number in range(1, 201)]
    faults = rules.incomplete(one(7, address=None, ethnicity=None), WORDS)
    figure = rules.figure_of(profiles, faults, Measure.COMPLETE)
    assert (len(faults), figure.n_checked, figure.n_faulty, figure.percent) == (2, 200, 1, 99)
    assert rules.figure_of(profiles, faults, Measure.CORRECT).percent == 100
    assert Figure(0, 0).percent is None
    assert Figure(0, 0).plus(2, 1).percent == 50


def test_an_answer_about_other_values_says_nothing_about_these() -> None:
    values = dict(WHOLE)
    assert rules.identity_standing(values, None, matched=True) is IdentityStanding.NOT_CHECKED
    assert rules.identity_standing(values, values, matched=True) is IdentityStanding.MATCHED
    assert rules.identity_standing(values, values, matched=False) is IdentityStanding.MISMATCH
    for name in rules.CHECKED_BY_AUTHORITY:
        assert rules.identity_standing({**values, name: "khác"}, values, matched=True) is IdentityStanding.OUTDATED
    assert rules.identity_standing({**values, "address": "khác"}, values, matched=True) is IdentityStanding.MATCHED


def test_the_authoritys_table_is_read_or_refused_line_by_line() -> None:
    table = read_identity_results(
        "STT\tSố định danh cá nhân\tHọ và tên\tKết quả\tMục lệch\r\n"
        "1\t036212000017\tHoàng Thanh Bình\tKhớp\t\r\n"
        "2\t036212000018\tA B\tKhông khớp\tNgày sinh, giới tính\r\n"
        "\r\n"
        "3\t36212000019\tA C\tKhớp\t\r\n"
        "4\t036212000020\tA D\tđang chờ\t\r\n"
        "5\t\tA E\tKhớp\t\r\n"
    )
    assert [(row.line, row.number, row.matched, row.fields) for row in table.rows] == [
        (2, "036212000017", True, ()),
        (3, "036212000018", False, ("birth_on", "sex")),
    ]
    assert [line for line, _words in table.problems] == [5, 6, 7]
    assert "số 0 ở đầu" in table.problems[0][1]
    for wrong in ("", "Họ tên\tLớp\nA\tB", "Số định danh\tHọ tên\n0\tA", 'Số định danh\tKết quả\n"036\tKhớp'):
        with pytest.raises(Invalid):
            read_identity_results(wrong)


@pytest.mark.parametrize(
    ("since", "today", "months"),
    [
        (date(2027, 1, 15), date(2027, 3, 14), 1),
        (date(2027, 1, 15), date(2027, 3, 15), 2),
        (date(2027, 1, 31), date(2027, 2, 28), 1),
        (date(2027, 1, 31), date(2027, 2, 27), 0),
        (date(2026, 11, 30), date(2027, 2, 28), 3),
        (date(2027, 5, 1), date(2027, 5, 1), 0),
    ],
)
def test_whole_months(since: date, today: date, months: int) -> None:
    assert rules.whole_months(since, today) == months
