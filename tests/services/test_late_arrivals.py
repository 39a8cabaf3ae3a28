"""A pupil who comes into a class late is never frozen, or left out, without results."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Incomplete, WrongState
from hocbaso.regulations.terms import Promotion
from hocbaso.services import class_gaps, class_moves, homeroom, imports, results, reviews, roster
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast, put_sheets
from tests.services.full_class import class_row, fill_homeroom, fill_scores, finalised, lock_class, seen_of
from tests.services.test_imports import book

LATE = "Vũ Văn Muộn"
CODE = "3699000001"


def arrive(school: Cast, class_name: str = "9A") -> imports.ImportReport:
    """The clerk imports one pupil into a class."""
    head = ["Mã định danh Bộ GD&ĐT", "Họ và tên", "Ngày sinh", "Giới tính", "Lớp"]
    file = book([head, [CODE, LATE, "01/02/2012", "Nam", class_name]])
    return imports.run_import(school.actor("clerk"), "students", file, NOW, apply=True)


def late_enrollment() -> m.Enrollment | None:
    return db.session.scalars(select(m.Enrollment).join(m.Student).where(m.Student.full_name == LATE)).first()


def test_who_comes_after_the_sheets_were_locked_keeps_the_class_open(school: Cast) -> None:
    fill_scores(school, "9A")
    lock_class(school, "9A")
    report = arrive(school)
    assert report.applied and any("đã nộp" in problem.message_vi for problem in report.problems)
    fill_homeroom(school, "9A")
    late = late_enrollment()
    assert late is not None
    values = dict.fromkeys(
        ("absences_excused_1", "absences_unexcused_1", "absences_excused_2", "absences_unexcused_2"), 0
    )
    homeroom.save_class(
        school.actor("math"),
        school.classes["9A"],
        {late.id: {"conduct_1": "T", "conduct_2": "T", "remark": "Chăm.", **values}},
        now=NOW,
    )
    computed = results.compute_class(school.classes["9A"], NOW.date(), fresh=True)
    gaps = class_gaps.list_gaps(computed)
    assert {gap.kind for gap in gaps} == {"score"} and {gap.enrollment_id for gap in gaps} == {late.id}
    assert len(gaps) == 24, "twelve subjects, two semesters"
    assert gaps[0].words.startswith(f"{LATE}: ") and gaps[0].words.endswith("bảng điểm đã khoá")
    assert computed.by_id[late.id].result.promotion is Promotion.INCOMPLETE
    with pytest.raises(Incomplete):
        class_moves.finalise(
            school.actor("math"), school.classes["9A"], seen=seen_of(school.classes["9A"]), expected_version=1, now=NOW
        )


@pytest.mark.parametrize(
    ("state", "who", "act"), [("SUBMITTED", "head_science", "soát"), ("REVIEWED", "principal", "duyệt")]
)
def test_a_sheet_that_lacks_the_late_pupil_is_neither_reviewed_nor_approved(
    school: Cast, state: str, who: str, act: str
) -> None:
    fill_scores(school, "9A")
    sheet_id = school.sheets["9A", "MATH", 2]
    put_sheets([sheet_id], state)
    arrive(school)
    move = reviews.review if state == "SUBMITTED" else reviews.approve
    with pytest.raises(Incomplete, match=f"Chưa {act} được") as refused:
        move(school.actor(who), sheet_id, expected_version=1, now=NOW)
    assert all(LATE in gap.words for gap in refused.value.gaps)


def test_nobody_comes_into_a_class_that_is_finalised(school: Cast) -> None:
    finalised(school)
    report = arrive(school)
    assert not report.applied and any("đã chốt tổng kết" in problem.message_vi for problem in report.problems)
    assert late_enrollment() is None
    with pytest.raises(WrongState, match="đã chốt tổng kết"):
        roster.enrol(SYSTEM, [], class_row(school, "9A"), NOW.date(), NOW)


def test_a_pupil_moves_neither_into_nor_out_of_a_finalised_class(school: Cast) -> None:
    arrive(school, "6A")
    finalised(school)
    report = arrive(school, "9A")
    assert not report.applied and any("đã chốt tổng kết" in problem.message_vi for problem in report.problems)
    late = late_enrollment()
    assert late is not None and late.class_group_id == school.classes["6A"]
