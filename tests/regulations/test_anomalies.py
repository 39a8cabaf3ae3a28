"""Each question on a sheet that a person can check by eye, the silence around it, and what must hold for every sheet."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import anomalies as measured
from hocbaso.regulations.anomalies.checks import find_anomalies
from hocbaso.regulations.anomalies.kinds import OFFERED_REASONS, AnomalyKind
from hocbaso.regulations.anomalies.remark_words import says_nothing
from hocbaso.regulations.anomalies.sheet_data import (
    Line,
    Mark,
    NeighbourClass,
    PastSemester,
    SheetData,
)
from hocbaso.regulations.anomalies.thresholds import DEFAULT
from hocbaso.regulations.terms import PassFail, SubjectKind
from tests.regulations.clean_sheets import FAULTS, clean_sheet, closed, with_columns

NAMES = (
    "Nguyễn Hoài An",
    "Trần Bảo Châu",
    "Lê Đức Hiếu",
    "Đặng Ngọc Lan",
    "Bùi Gia Long",
    "Phạm Thu Mai",
    "Vũ Minh Nam",
    "Đỗ Hải Phong",
    "Ngô Quang Tiến",
    "Lý Khánh Vy",
)
LEVELS = (65, 90, 55, 80, 70, 95, 60, 85, 50, 75)
KEYS = {"TX1": "thường xuyên 1", "TX2": "thường xuyên 2", "GK": "giữa kì", "CK": "cuối kì"}


def sheet(**changes: object) -> SheetData:
    """Ten pupils whose scores follow a level of their own: nothing to ask about."""
    lines = [
        closed(
            Line(
                number,
                100 + number,
                name,
                {
                    "TX1": Mark(level),
                    "TX2": Mark(level + (5 if number % 2 else -5)),
                    "GK": Mark(level - 5),
                    "CK": Mark(level - (12 if number % 3 else 8)),
                },
                past=(PastSemester(level, level - 5, level - 10),),
            ),
            2,
        )
        for number, (name, level) in enumerate(zip(NAMES, LEVELS, strict=True), 1)
    ]
    return replace(SheetData(SubjectKind.SCORED, KEYS, tuple(lines), classmates=NAMES), **changes)  # type: ignore[arg-type]


def with_remark(place: int, words: str) -> SheetData:
    lines = list(sheet().lines)
    lines[place] = replace(lines[place], remark=words)
    return sheet(lines=tuple(lines))


def asked(data: SheetData) -> list[tuple[AnomalyKind, str]]:
    return [(one.kind, one.words) for one in find_anomalies(data)]


def test_a_plain_sheet_is_asked_nothing():
    assert asked(sheet()) == []


def test_exchanged_columns_are_held_against_last_semester():
    plain = sheet()
    far = with_columns(plain, {"CK": {place: level - 30 for place, level in enumerate(LEVELS)}})
    past = tuple(replace(line, past=(PastSemester(line.average, 70, 45),)) for line in far.lines)
    assert asked(replace(far, lines=past)) == []
    swapped = with_columns(
        replace(far, lines=past),
        {
            "GK": {place: level - 30 for place, level in enumerate(LEVELS)},
            "CK": {place: level - 5 for place, level in enumerate(LEVELS)},
        },
    )
    [(kind, words)] = asked(swapped)
    assert kind is AnomalyKind.SWAPPED_COLUMNS
    assert "giữa kì quanh 4,2, cuối kì quanh 6,7; học kì trước các em giữa kì quanh 7,0, cuối kì quanh 4,5" in words


def test_a_hard_final_in_the_class_beside_outweighs_last_semester():
    beside = NeighbourClass("6B", True, False, {"GK": LEVELS, "CK": tuple(level + 15 for level in LEVELS)})
    [(kind, words)] = asked(sheet(neighbours=(beside,)))
    assert kind is AnomalyKind.SWAPPED_COLUMNS and "lớp 6B thì giữa kì quanh 7,2, cuối kì quanh 8,7" in words


@pytest.mark.parametrize(("step", "way"), [(1, "xuống"), (-1, "lên")])
def test_a_column_moved_by_a_line_names_where_it_begins(step: int, way: str):
    old = [line.tenths("GK") for line in sheet().in_order()]
    moved = {place: old[place + step] for place in range(2, 9)}
    [(kind, words)] = asked(with_columns(sheet(), {"GK": moved}))
    assert kind is AnomalyKind.SHIFTED_COLUMN
    assert words.startswith("Cột giữa kì, từ em") and f"nếu dịch {way} một dòng" in words


def test_two_equal_columns_are_asked_about_once_and_their_cells_not_again():
    copied = with_columns(sheet(), {"CK": dict(enumerate(LEVELS))})
    [(kind, words)] = asked(copied)
    assert (kind, words) == (
        AnomalyKind.EQUAL_COLUMNS,
        "Cột thường xuyên 1 và cột cuối kì giống nhau ở 10 trong 10 em. Có cột nào nhập hai lần không?",
    )


def test_a_column_that_is_all_one_score_is_asked_about():
    [(kind, words)] = asked(with_columns(sheet(), {"TX2": dict.fromkeys(range(10), 80)}))
    assert (kind, words) == (
        AnomalyKind.UNIFORM_COLUMN,
        "Cả 10 em đều được 8,0 ở cột thường xuyên 2. Có đúng vậy không?",
    )


def test_a_column_of_the_class_beside_is_asked_about_where_the_teacher_is_the_same():
    here = tuple(line.tenths("TX1") for line in sheet().in_order())
    same = NeighbourClass("6B", True, True, {"TX1": (*here, 40, 50)})
    [(kind, words)] = asked(sheet(neighbours=(same,)))
    assert kind is AnomalyKind.NEIGHBOUR_COPY and "lớp 6B ở 10 trong 10 dòng" in words
    assert asked(sheet(neighbours=(replace(same, same_teacher=False),))) == []


def test_a_jump_says_both_numbers():
    [(kind, words)] = asked(with_columns(sheet(), {"CK": {1: 25}}))
    assert kind is AnomalyKind.JUMP
    assert words.startswith("Trần Bảo Châu: cuối kì 2,5, các điểm khác của em quanh 8,7")


def test_a_line_that_rose_as_a_whole_is_held_against_last_semester():
    [(kind, words)] = asked(with_columns(sheet(), {key: {8: 90} for key in KEYS}))
    assert kind is AnomalyKind.JUMP
    assert words == "Ngô Quang Tiến: trung bình môn 9,0, học kì trước 5,0. Có đúng điểm của em không?"


@pytest.mark.parametrize(
    ("key", "place", "typed", "meant"), [("TX1", 1, 9, "9,0"), ("TX1", 5, 10, "10"), ("TX2", 5, 0, "10 hoặc em vắng")]
)
def test_a_slip_of_the_digits_says_what_was_probably_meant(key: str, place: int, typed: int, meant: str):
    [(kind, words)] = asked(with_columns(sheet(), {key: {place: typed}}))
    assert kind is AnomalyKind.DIGIT_SLIP and f"có lẽ định ghi {meant}. Có gõ nhầm không?" in words


def test_a_hard_paper_is_no_fall_of_everybody():
    assert asked(with_columns(sheet(), {"CK": {place: level - 35 for place, level in enumerate(LEVELS)}})) == []


def test_many_missed_that_became_zero_are_one_question():
    lines = [
        closed(replace(line, marks={**line.marks, "TX2": Mark(0, missed=True)}), 2) if place in (1, 4, 7) else line
        for place, line in enumerate(sheet().in_order())
    ]
    [(kind, words)] = asked(sheet(lines=tuple(lines)))
    assert kind is AnomalyKind.MANY_ZEROS and "cột thường xuyên 2 3 em" in words


def test_many_missed_of_a_comment_subject_are_asked_about_and_everybody_passing_is_not():
    def comment(missed: int) -> SheetData:
        return SheetData(
            SubjectKind.COMMENT,
            KEYS,
            tuple(
                Line(
                    number,
                    number,
                    name,
                    {
                        key: Mark(mark=PassFail.FAIL, missed=True)
                        if key == "TX1" and number <= missed
                        else Mark(mark=PassFail.PASS)
                        for key in KEYS
                    },
                )
                for number, name in enumerate(NAMES, 1)
            ),
        )

    assert asked(comment(0)) == []
    [(kind, words)] = asked(comment(3))
    assert kind is AnomalyKind.MANY_ZEROS and "Chưa đạt" in words


@pytest.mark.parametrize(
    "remark",
    [
        "Em Lan chăm học.",
        "Hăng hái như bạn Lan, viết đẹp.",
        "Tiến bộ rõ. Lan cần đọc thêm.",
        "Nhóm của Bảo Châu làm tốt.",
        "Con Tiến hay quên vở.",
    ],
)
def test_another_pupils_name_in_a_remark_is_asked_about(remark: str):
    [(kind, words)] = asked(with_remark(0, remark))
    assert kind is AnomalyKind.FOREIGN_NAME and words.startswith("Nhận xét của Nguyễn Hoài An có tên")


@pytest.mark.parametrize(
    "remark",
    [
        "Tiến bộ rõ, hiếu học, nam châm.",
        "Em An chăm học, an toàn khi thực hành.",
        "Long lanh nét chữ. Hiếu học.",
        "Mai sau em học tốt hơn.",
        "Phong phú ý tưởng; môn Toán, tiếng Anh tốt.",
        "An chăm học. Lan tỏa tinh thần đọc sách.",
        "Nam châm, mạch điện: nắm chắc.",
    ],
)
def test_ordinary_words_and_the_own_name_are_no_other_pupil(remark: str):
    assert asked(with_remark(0, remark)) == []


@pytest.mark.parametrize(
    ("place", "remark", "is_asked"),
    [
        (1, "Học còn yếu, hay quên bài.", True),
        (1, "Đã khắc phục điểm yếu, học tốt.", False),
        (1, "Không còn yếu phần đại số.", False),
        (8, "Nắm vững kiến thức.", True),
        (8, "Cần nắm vững kiến thức cơ bản.", False),
        (8, "Có cố gắng, còn yếu.", False),
        (4, "Nắm vững kiến thức.", False),
        (4, "Học còn yếu.", False),
    ],
)
def test_a_remark_contradicts_only_at_the_two_ends(place: int, remark: str, is_asked: bool):
    assert [kind for kind, _ in asked(with_remark(place, remark))] == [AnomalyKind.CONTRARY_REMARK] * is_asked


def test_blame_beside_a_pass_counts_only_where_it_says_failed():
    def comment(words: str) -> SheetData:
        passed = Line(1, 1, NAMES[0], {"TX1": Mark(mark=PassFail.PASS)}, words, result=PassFail.PASS)
        return SheetData(SubjectKind.COMMENT, KEYS, (passed,))

    assert asked(comment("Còn yếu phần chạy bền.")) == []
    assert len(asked(comment("Chưa đạt yêu cầu bài chạy bền."))) == 1


def test_an_answer_holds_until_a_cell_it_rests_on_changes():
    jumped = with_columns(sheet(), {"CK": {1: 25}})
    [before] = find_anomalies(jumped)
    [elsewhere] = find_anomalies(with_columns(jumped, {"TX1": {7: 90}}))
    [changed] = find_anomalies(with_columns(jumped, {"CK": {1: 20}}))
    assert before.cells == ((102, "CK"),)
    assert before.key == elsewhere.key != changed.key


def test_few_pupils_are_asked_nothing_about_columns():
    small = sheet()
    few = replace(small, lines=tuple(replace(line, marks=dict.fromkeys(KEYS, Mark(80))) for line in small.lines[:7]))
    assert asked(few) == []


def test_in_a_small_class_a_slip_is_told_by_the_pupils_own_scores():
    few = replace(sheet(), lines=tuple(line for line in sheet().lines[:5]))
    [(kind, words)] = asked(with_columns(few, {"CK": {1: 9}}))
    assert kind is AnomalyKind.DIGIT_SLIP and "có lẽ định ghi 9,0" in words
    assert asked(few) == [], "nothing else of a small class is asked about"
    uneven = with_columns(few, {"CK": {1: 9}, "TX1": {1: 30}})
    assert asked(uneven) == [], "who goes up and down may well have got it"


def test_every_kind_offers_answers_that_are_long_enough():
    assert set(OFFERED_REASONS) == set(AnomalyKind) == set(FAULTS)
    assert all(len(words) >= 15 for offered in OFFERED_REASONS.values() for words in offered)


# --- for every sheet --------------------------------------------------------------------------------------------------

MARKS = st.builds(Mark, st.none() | st.integers(0, 100), st.none() | st.sampled_from(PassFail), st.booleans())
TEXTS = st.text(max_size=30) | st.sampled_from(["Em An chăm học", "yếu", "Nắm vững", ""])
TENTHS = st.none() | st.integers(0, 100)
LINES = st.builds(
    Line,
    number=st.integers(0, 40),
    enrollment_id=st.integers(1, 40),
    name=st.sampled_from(NAMES) | st.text(max_size=12),
    marks=st.dictionaries(st.sampled_from([*KEYS]), MARKS),
    remark=TEXTS,
    average=TENTHS,
    result=st.none() | st.sampled_from(PassFail),
    past=st.lists(st.builds(PastSemester, TENTHS, TENTHS, TENTHS), max_size=2).map(tuple),
)
NEIGHBOURS = st.builds(
    NeighbourClass,
    name=st.sampled_from(["6B", "6C"]),
    same_grade_level=st.booleans(),
    same_teacher=st.booleans(),
    columns=st.dictionaries(st.sampled_from([*KEYS]), st.lists(TENTHS, max_size=14).map(tuple)),
)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(SubjectKind),
    st.lists(LINES, max_size=14, unique_by=lambda line: line.enrollment_id),
    st.lists(NEIGHBOURS, max_size=2, unique_by=lambda one: one.name),
    st.randoms(use_true_random=False),
)
def test_anything_is_answered_and_the_order_of_lines_does_not_matter(
    kind: SubjectKind, lines: list[Line], beside: list[NeighbourClass], chance: random.Random
):
    data = SheetData(kind, KEYS, tuple(lines), tuple(beside))
    found = find_anomalies(data)
    mixed = list(lines)
    chance.shuffle(mixed)
    assert find_anomalies(replace(data, lines=tuple(mixed))) == found
    known = {line.enrollment_id for line in lines}
    assert len({one.key for one in found}) == len(found)
    for one in found:
        assert one.cells and one.words.endswith("?") and {cell[0] for cell in one.cells} <= known


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_a_spoilt_sheet_in_any_order_gives_the_same_questions(seed: int):
    chance = random.Random(seed)
    spoilt = chance.choice(list(FAULTS.values()))(chance, clean_sheet(chance))
    if spoilt is not None:
        mixed = list(spoilt.lines)
        chance.shuffle(mixed)
        assert find_anomalies(replace(spoilt, lines=tuple(mixed))) == find_anomalies(spoilt)


# --- precision and recall ---------------------------------------------------------------------------------------------

LEAST_FOUND = {
    AnomalyKind.SWAPPED_COLUMNS: 45,
    AnomalyKind.SHIFTED_COLUMN: 82,
    AnomalyKind.EQUAL_COLUMNS: 90,
    AnomalyKind.UNIFORM_COLUMN: 90,
    AnomalyKind.NEIGHBOUR_COPY: 85,
    AnomalyKind.JUMP: 82,
    AnomalyKind.DIGIT_SLIP: 75,
    AnomalyKind.MANY_ZEROS: 95,
    AnomalyKind.FOREIGN_NAME: 95,
    AnomalyKind.CONTRARY_REMARK: 95,
}
"""Hundredths of the slips that have to be asked about. Exchanged columns of two papers that were equally hard and marked
alike cannot be told from the scores, so this one stays near half."""


def check_figures(sheets: int, seed: int, spare: int = 0) -> None:
    """``spare``: hundredths that a small number of sheets may fall short by chance."""
    figures = measured.run(sheets, seed)
    assert figures["questions_a_sheet"] <= 1 and figures["questions_a_scored_sheet"] <= 1
    assert figures["sheets_with_none"] >= 0.75
    short = {
        kind.value: figures["recall"][kind.value]["share"]
        for kind, least in LEAST_FOUND.items()
        if figures["recall"][kind.value]["share"] * 100 < least - spare
    }
    assert short == {}


def test_a_clean_school_is_asked_little_and_slips_are_found():
    check_figures(75, 22, spare=15)


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(4))
def test_the_figures_hold_over_many_schools(seed: int):
    check_figures(2000, seed)


@pytest.mark.parametrize("text", ["0", "1", "12.", "ok", "Tốt.", "…", "x x x"])
def test_a_remark_of_a_few_letters_says_nothing(text: str):
    assert says_nothing(text, DEFAULT)


@pytest.mark.parametrize("text", ["", "  ", "Ngoan.", "Chăm ngoan", unicodedata.normalize("NFD", "Khá tốt")])
def test_a_remark_of_words_is_not_asked_about_and_an_empty_one_is_a_gap_already(text: str):
    assert not says_nothing(text, DEFAULT)
