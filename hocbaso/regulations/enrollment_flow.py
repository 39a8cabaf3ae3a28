"""A pupil's place in a class: how it begins and ends (Điều lệ trường TT 15/2026; regulations C6, T2).

Studying, or come from elsewhere, until the pupil goes to another school or stops. Only while the class is open: what is finalised
or frozen tells of the pupils who were there. A departure that was recorded wrongly is taken back to what stood before.
"""

from __future__ import annotations

from enum import StrEnum

from hocbaso.errors import WrongState
from hocbaso.regulations.class_flow import ClassState


class EnrollmentStatus(StrEnum):
    """Where a place in a class stands. Stored; the words of the sheets are ``services/score_lines.closed_word``."""

    STUDYING = "studying"
    TRANSFERRED_IN = "transferred_in"
    TRANSFERRED_OUT = "transferred_out"
    LEFT = "left"
    MOVED = "moved"
    """In another class of the year: by a change of class, or because the conclusion of the last year was corrected (then also in none)."""


HERE = frozenset({EnrollmentStatus.STUDYING, EnrollmentStatus.TRANSFERRED_IN})
"""Still in the class."""

DEPARTURES = (EnrollmentStatus.TRANSFERRED_OUT, EnrollmentStatus.LEFT)
"""Chuyển trường and thôi học: the two ways of leaving."""


def leave(now: EnrollmentStatus, to: EnrollmentStatus, class_state: ClassState, class_name: str) -> EnrollmentStatus:
    """The state after leaving. WrongState, with what to do: who has left already, a class that is finalised or approved."""
    if to not in DEPARTURES:
        raise ValueError(f"{to} is no departure")
    if now not in HERE:
        raise WrongState("Em này đã được ghi là không còn học ở lớp. Chưa có gì thay đổi.")
    require_open(class_state, class_name)
    return to


def come_back(now: EnrollmentStatus, before: EnrollmentStatus, class_state: ClassState, name: str) -> EnrollmentStatus:
    """The state after a departure was taken back: what stood ``before`` it. WrongState as for :func:`leave`."""
    if now not in DEPARTURES or before not in HERE:
        raise WrongState("Em này đang học ở lớp, không có gì để lấy lại. Chưa có gì thay đổi.")
    require_open(class_state, name)
    return before


def require_open(class_state: ClassState, class_name: str) -> None:
    """Nobody comes into or goes out of a class that is finalised, or whose results are frozen."""
    if class_state is ClassState.FINALISED:
        raise WrongState(
            f"Lớp {class_name} đã chốt tổng kết. Giáo viên chủ nhiệm bấm “Mở lại để sửa”, văn thư ghi xong thì chốt lại. "
            "Chưa có gì thay đổi."
        )
    if class_state is ClassState.APPROVED:
        raise WrongState(
            f"Lớp {class_name} đã được duyệt: kết quả cả năm đã đóng băng và là của những em học hết năm. Em rời trường sau đó thì "
            "học bạ năm này vẫn lập và giao như các em khác, chỉ không ghi danh vào lớp của năm học mới. Chưa có gì thay đổi."
        )
