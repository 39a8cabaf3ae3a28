"""When a pupil may go into another class of the grade level, and what stands against a sheet (docs/decisions/0049)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hocbaso.errors import Invalid, WrongState
from hocbaso.regulations.class_change import ClassPlace, SheetPair, require_may_change, why_not
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.enrollment_flow import EnrollmentStatus
from hocbaso.regulations.score_sheet_flow import SheetState as S

OLD = ClassPlace(1, "6A", 6, 10, True, ClassState.OPEN)
NEW = ClassPlace(2, "6B", 6, 10, True, ClassState.OPEN)
PAIR = SheetPair("Toán", 1, S.DRAFT, S.DRAFT, True, 3, 3)


@pytest.mark.parametrize("status", [EnrollmentStatus.STUDYING, EnrollmentStatus.TRANSFERRED_IN])
def test_within_year_and_grade_level(status: EnrollmentStatus) -> None:
    require_may_change(status, OLD, NEW)


@pytest.mark.parametrize(
    ("status", "old", "new", "words"),
    [
        (EnrollmentStatus.MOVED, OLD, NEW, "không còn học ở lớp 6A"),
        (EnrollmentStatus.TRANSFERRED_OUT, OLD, NEW, "không còn học"),
        (EnrollmentStatus.STUDYING, OLD, replace(NEW, grade_level=7), "khác khối"),
        (EnrollmentStatus.STUDYING, OLD, replace(NEW, year=11), "năm học đang mở"),
        (EnrollmentStatus.STUDYING, replace(OLD, is_year_open=False), NEW, "năm học đang mở"),
        (EnrollmentStatus.STUDYING, replace(OLD, state=ClassState.FINALISED), NEW, "Lớp 6A đã chốt tổng kết"),
        (EnrollmentStatus.STUDYING, OLD, replace(NEW, state=ClassState.FINALISED), "Lớp 6B đã chốt tổng kết"),
        (EnrollmentStatus.STUDYING, OLD, replace(NEW, state=ClassState.APPROVED), "Lớp 6B đã được duyệt"),
    ],
)
def test_refused_otherwise(status: EnrollmentStatus, old: ClassPlace, new: ClassPlace, words: str) -> None:
    with pytest.raises(WrongState, match=words):
        require_may_change(status, old, new)


def test_the_same_class_is_no_change() -> None:
    with pytest.raises(Invalid) as refused:
        require_may_change(EnrollmentStatus.STUDYING, OLD, OLD)
    assert refused.value.field == "class_group_id"


@pytest.mark.parametrize("old", list(S))
@pytest.mark.parametrize("new", list(S))
def test_no_sheet_changes_its_standing(old: S, new: S) -> None:
    """Both locked, or the old one not locked and the new one with its teacher: nothing else."""
    said = why_not(replace(PAIR, old_state=old, new_state=new), "6A", "6B")
    allowed = (old is S.LOCKED and new is S.LOCKED) or (old is not S.LOCKED and new in (S.DRAFT, S.RETURNED))
    assert (said == "") is allowed
    if said:
        assert "Toán" in said and "học kì I" in said and "rồi chuyển" in said


def test_the_refusal_names_the_sheet_that_has_to_be_locked() -> None:
    said = why_not(replace(PAIR, old_state=S.LOCKED, new_state=S.SUBMITTED), "6A", "6B")
    assert said.startswith("Bảng điểm Toán 6A, học kì I, đã khoá") and "khoá bảng điểm của lớp 6B" in said
    said = why_not(replace(PAIR, old_state=S.REVIEWED, new_state=S.LOCKED), "6A", "6B")
    assert said.startswith("Bảng điểm Toán 6B, học kì I, đã khoá") and "khoá bảng điểm của lớp 6A" in said


def test_a_line_that_nobody_asks_for_stands_in_no_way() -> None:
    quiet = replace(PAIR, old_state=S.LOCKED, new_state=S.DRAFT, is_asked=False, n_values=0, n_changes=0)
    assert why_not(quiet, "6A", "6B") == "", "exempt, or at another school then"
    assert why_not(replace(quiet, n_changes=1), "6A", "6B"), "something would be written all the same"
    assert why_not(replace(quiet, is_asked=True), "6A", "6B"), "the line would be a gap in an open sheet"


def test_a_subject_or_column_that_the_new_class_lacks() -> None:
    assert "thêm môn cho lớp 6B" in why_not(replace(PAIR, new_state=None), "6A", "6B")
    assert why_not(replace(PAIR, new_state=None, n_values=0, n_changes=0), "6A", "6B") == ""
    said = why_not(replace(PAIR, missing_columns=("thường xuyên 4",)), "6A", "6B")
    assert "không có cột thường xuyên 4" in said and "sửa số tiết" in said


@pytest.mark.parametrize("state", [S.SUBMITTED, S.REVIEWED, S.APPROVED])
def test_what_was_handed_in_goes_back_before_the_lessons_change(state: S) -> None:
    lacking = replace(PAIR, missing_columns=("thường xuyên 4",), new_states=frozenset({S.DRAFT, state}))
    said = why_not(lacking, "6A", "6B")
    assert "trả lại" in said and said.index("trả lại") < said.index("sửa số tiết")


def test_where_a_sheet_is_locked_nobody_is_sent_to_the_lessons() -> None:
    """Once a sheet of the subject is locked the number of its lessons stays: the pupil does too, with every mark."""
    lacking = replace(PAIR, missing_columns=("thường xuyên 4",), new_states=frozenset({S.DRAFT, S.LOCKED}))
    said = why_not(lacking, "6A", "6B")
    assert "sửa số tiết" not in said and "rồi chuyển" not in said
    assert "học tiếp ở lớp 6A" in said and "chọn lớp khác" in said
