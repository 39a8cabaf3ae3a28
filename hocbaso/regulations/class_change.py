"""Chuyển lớp: a pupil goes to another class of the same grade level in the middle of a year (regulations T2; docs/decisions/0049).

What was given stays where it was given and counts once, in the class the pupil is in. So no sheet may change its standing by it: marks
that nobody approved never come into a locked sheet, and what was locked is not asked for again in an open one.
"""

from __future__ import annotations

from dataclasses import dataclass

from hocbaso.errors import Invalid, WrongState
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.enrollment_flow import HERE, EnrollmentStatus, require_open
from hocbaso.regulations.score_sheet_flow import EDITABLE, SheetState

NOTHING_CHANGED = "Chưa có gì thay đổi."


@dataclass(frozen=True, slots=True)
class ClassPlace:
    """A class as the rule asks about it. ``year``: the id of its school year, ``is_year_open`` whether that takes changes."""

    id: int
    name: str
    grade_level: int
    year: int
    is_year_open: bool
    state: ClassState


@dataclass(frozen=True, slots=True)
class SheetPair:
    """A subject and semester in both classes. ``new_state`` None: the new class does not take the subject; ``old_state`` likewise.

    ``is_asked``: a line of this pupil is asked for there (not exempt, not at another school then). ``n_values``: marks and remarks that
    stand in the old sheet; ``n_changes``: cells of the new sheet that differ from them. ``missing_columns``: columns in words that hold
    a value and that the new sheet does not have, ``new_states``: of the new class's sheets of the subject in either semester;
    ``more_columns``: those that only the new sheet has and asks this pupil for ("" for all of a subject that the old class does not take).
    """

    subject: str
    semester: int
    old_state: SheetState | None
    new_state: SheetState | None
    is_asked: bool
    n_values: int
    n_changes: int
    missing_columns: tuple[str, ...] = ()
    new_states: frozenset[SheetState] = frozenset()
    more_columns: tuple[str, ...] = ()


def require_may_change(status: EnrollmentStatus, old: ClassPlace, new: ClassPlace) -> None:
    """Refuse a change that is none, or that another way is there for. Raises Invalid (``class_group_id``), WrongState."""
    if status not in HERE:
        raise WrongState(f"Em không còn học ở lớp {old.name}. {NOTHING_CHANGED}")
    if new.id == old.id:
        raise Invalid(f"Em đang học lớp {old.name}. Xin chọn lớp khác.", field="class_group_id")
    if new.year != old.year or not old.is_year_open:
        raise WrongState(
            f"Chuyển lớp chỉ trong năm học đang mở; sang năm sau thì xếp lớp ở trang chuyển năm học. {NOTHING_CHANGED}"
        )
    if new.grade_level != old.grade_level:
        raise WrongState(
            f"Lớp {new.name} khác khối với lớp {old.name}. Khối của em theo kết luận cuối năm: kết luận sai thì sửa bằng đề nghị "
            f"sửa chữa. {NOTHING_CHANGED}"
        )
    require_open(old.state, old.name)
    require_open(new.state, new.name)


def why_not(pair: SheetPair, old: str, new: str) -> str:
    """What stands against carrying this subject and semester from class ``old`` to ``new``, with what to do; "" when nothing does."""
    half = f"học kì {'I' * pair.semester}"
    there, here = f"Bảng điểm {pair.subject} {old}, {half}", f"Bảng điểm {pair.subject} {new}, {half}"
    if pair.new_state is None:
        if not pair.n_values:
            return ""
        return (
            f"Lớp {new} không học {pair.subject} mà em đã có {pair.n_values} điểm, nhận xét môn này ở lớp {old}, {half}: thêm môn cho "
            f"lớp {new} rồi chuyển."
        )
    if pair.missing_columns:
        return f"{here}, không có cột {', '.join(pair.missing_columns)} mà em đã có điểm{_more_lessons(pair, old, new)}"
    if not (pair.is_asked or pair.n_changes):
        return ""
    was_locked = pair.old_state is SheetState.LOCKED
    is_locked = pair.new_state is SheetState.LOCKED
    if was_locked and is_locked:
        return ""
    if was_locked:
        return f"{there}, đã khoá mà của lớp {new} chưa khoá: nộp, duyệt, khoá bảng điểm của lớp {new} rồi chuyển."
    if is_locked:
        return f"{here}, đã khoá mà của lớp {old} chưa khoá: nộp, duyệt, khoá bảng điểm của lớp {old} rồi chuyển."
    if pair.new_state not in EDITABLE:
        return f"{here}, đã nộp, đang chờ duyệt: rút lại hoặc trả lại cho giáo viên rồi chuyển, hoặc đợi cả hai lớp khoá xong."
    return ""


def _more_lessons(pair: SheetPair, old: str, new: str) -> str:
    """How the new class gets the columns that it lacks. The lessons of a subject, which make them, change only while none of its sheets is
    handed in (``services/import_assignments``); where one is locked that is over for the year."""
    if SheetState.LOCKED in pair.new_states:
        return (
            f", mà lớp {new} có bảng điểm môn này đã khoá nên không đổi số tiết được nữa: em học tiếp ở lớp {old} đến hết năm học, "
            "mọi điểm giữ nguyên, hoặc chọn lớp khác có đủ cột."
        )
    lessons = f"sửa số tiết của môn ở lớp {new} cho bằng lớp {old} rồi chuyển."
    if pair.new_states <= EDITABLE:
        return f": {lessons}"
    return f": bảng điểm môn này lớp {new} đã nộp thì rút lại hoặc trả lại cho giáo viên, {lessons}"


def lacks(pair: SheetPair) -> str:
    """What the new class asks for beside what comes along, and how it gets there where the sheet is not open; "" for nothing."""
    if not pair.more_columns:
        return ""
    what = ", ".join(filter(None, (pair.subject, *pair.more_columns)))
    half = f"học kì {'I' * pair.semester}"
    if pair.new_state is SheetState.LOCKED:
        return f"{what} ({half} đã khoá: giáo viên lập đề nghị sửa chữa)"
    if pair.new_state not in EDITABLE:
        return f"{what} ({half} đã nộp: trả lại để giáo viên ghi)"
    return what
