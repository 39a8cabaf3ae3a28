"""Why a line has its average, and the past of a cell in words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import CheckConstraint

from hocbaso import models as m
from hocbaso.errors import NotFound
from hocbaso.services import score_entry, score_history, score_operations, score_why
from hocbaso.web import labels
from tests.cast import NOW, Cast

BINH = ("9A", "Hoàng Thanh Bình")


def save(school: Cast, column: str, raw: str, *, subject: str = "MATH", who: str = "math", version: int = 0) -> None:
    score_entry.save_cell(
        school.actor(who), school.sheets["9A", subject, 2], school.enrollments[BINH], column, raw,
        expected_version=version, op_id=None, now=NOW,
    )  # fmt: skip


def why(school: Cast, *, subject: str = "MATH", who: str = "math") -> score_why.Why:
    return score_why.why(school.actor(who), school.sheets["9A", subject, 2], school.enrollments[BINH], NOW)


def test_an_average_is_told_step_by_step_with_its_articles(school: Cast):
    for column, raw in (("TX1", "8"), ("TX2", "7"), ("TX3", "9"), ("TX4", "6"), ("GK", "7,5"), ("CK", "8")):
        save(school, column, raw)
    found = why(school)
    assert (found.student, found.result) == ("Hoàng Thanh Bình", "7,7")
    assert "140 tiết một năm" in found.steps[0] and "4 lần thường xuyên" in found.steps[0]
    assert "Điều 6 khoản 2" in found.steps[0] and "Điều 7" in found.steps[0]
    assert "(8,0 + 7,0 + 9,0 + 6,0 + 2 × 7,5 + 3 × 8,0) ÷ 9 = 7,66… → 7,7" in found.steps[-1]
    assert "Điều 9 khoản 1 điểm b" in found.steps[-1]


def test_what_is_missing_is_named_and_never_a_zero(school: Cast):
    save(school, "TX1", "8")
    save(school, "GK", "vp 12/5")
    found = why(school)
    assert found.result == ""
    assert any("Giữa kì: vắng có phép, chờ kiểm tra bù đến hết 12/05/2027" in step for step in found.steps)
    assert "Còn thiếu thường xuyên 2, thường xuyên 3, thường xuyên 4, giữa kì, cuối kì." in found.steps[-1]
    assert "không tính là 0" in found.steps[-1]


def test_a_missed_assessment_says_why_it_counts_zero(school: Cast):
    for column in ("TX1", "TX2", "TX3", "TX4", "CK"):
        save(school, column, "9")
    save(school, "GK", "vk")
    found = why(school)
    assert found.result == "7,0"
    assert any("Giữa kì: vắng không phép" in step and "0 điểm" in step and "Điều 7" in step for step in found.steps)
    assert "2 × 0,0" in found.steps[-1]


def test_by_comment(school: Cast):
    for column in ("TX1", "TX2", "GK", "CK"):
        save(school, column, "đ", subject="PE", who="other")
    found = why(school, subject="PE", who="other")
    assert found.result == "Đ" and "đánh giá bằng nhận xét" in found.steps[0]
    assert "lần nào cũng Đạt" in found.steps[-1] and "Điều 9 khoản 1 điểm a" in found.steps[-1]
    save(school, "GK", "c", subject="PE", who="other", version=1)
    assert "Chưa đạt" in why(school, subject="PE", who="other").steps[-1]


@pytest.mark.parametrize("who", ["other", "clerk", "it_officer", "outsider", "board"])
def test_nobody_else_is_told(school: Cast, who: str):
    with pytest.raises(NotFound):
        why(school, who=who)


def test_a_pupil_of_another_class_is_no_line_here(school: Cast):
    with pytest.raises(NotFound):
        score_why.why(
            school.actor("math"), school.sheets["9A", "MATH", 2], school.enrollments["6A", "Nguyễn Hoài An"], NOW
        )


def test_each_way_a_value_comes_in_has_its_words():
    table = m.ScoreCellVersion.__table__
    check = next(
        str(one.sqltext)
        for one in table.constraints
        if isinstance(one, CheckConstraint) and "source IN" in str(one.sqltext)
    )
    sources = check.split("(")[1].rstrip(")").replace("'", "").split(",")
    assert set(sources) <= set(labels.SOURCES)


def test_the_past_tells_what_each_value_took_the_place_of(school: Cast):
    sheet, pupil, actor = school.sheets["9A", "MATH", 2], school.enrollments[BINH], school.actor("math")
    save(school, "TX1", "vp 12/5")
    save(school, "TX1", "8", version=1)
    score_operations.paste(
        actor, sheet, [score_operations.TypedCell(pupil, "TX1", "9", 2)], op_id="a1b2c3d4-0001", now=NOW
    )
    score_operations.take_back(
        actor, sheet, [(pupil, "TX1")], of="a1b2c3d4-0001", op_id="a1b2c3d4-0002", again=False,
        now=NOW + timedelta(minutes=1),
    )  # fmt: skip
    _, words, lines = score_history.cell_history(actor, sheet, pupil, "TX1", NOW)
    assert words == "thường xuyên 1"
    assert [(line.text, line.before, line.source, line.origin) for line in lines] == [
        ("8,0", "9,0", "undone", "makeup"),
        ("9,0", "8,0", "pasted", "makeup"),
        ("8,0", "V", "typed", "makeup"),
        ("V", None, "typed", "missed_excused"),
    ]
    assert lines[-1].makeup_due_on is not None


def test_a_cell_without_a_past_says_so(school: Cast):
    sheet, pupil = school.sheets["9A", "MATH", 2], school.enrollments[BINH]
    assert score_history.cell_history(school.actor("math"), sheet, pupil, "CK", NOW)[2] == ()
