"""Miễn học: a decision that closes a subject for a pupil, and the decision that takes it back.

Workflow, "Missed and exempt": proposed by the homeroom teacher, decided by the principal, with its paper. A wrong one is taken back the
same way as long as the class is open and the subject teacher may type: the marks then count again, and what is missing is typed.
"""

from __future__ import annotations

from enum import StrEnum

from hocbaso.errors import WrongState
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.score_sheet_flow import EDITABLE, SheetState


class ExemptionState(StrEnum):
    """Where an exemption stands; only a granted one closes the subject."""

    PROPOSED = "PROPOSED"
    GRANTED = "GRANTED"
    REFUSED = "REFUSED"
    REVOKED = "REVOKED"


class RevocationState(StrEnum):
    """Where a request to take an exemption back stands."""

    PROPOSED = "PROPOSED"
    REVOKED = "REVOKED"
    REFUSED = "REFUSED"


NOTHING_CHANGED = "Chưa có gì thay đổi."

_NOT_GRANTED = {
    ExemptionState.PROPOSED: "Đề nghị miễn học này chưa có quyết định nên chưa có gì để thu hồi.",
    ExemptionState.REFUSED: "Môn này không được miễn nên không có gì để thu hồi.",
    ExemptionState.REVOKED: "Quyết định miễn học này đã được thu hồi.",
}

_SHEET_CLOSED = {
    SheetState.SUBMITTED: "đã nộp. Xin rút lại hoặc trả lại bảng cho giáo viên môn học nhập điểm của em, rồi thu hồi.",
    SheetState.REVIEWED: "đã soát. Xin trả lại bảng cho giáo viên môn học nhập điểm của em, rồi thu hồi.",
    SheetState.APPROVED: "đã duyệt, chờ khoá. Khoá bảng rồi, giáo viên môn học mở ô của em, lập đề nghị thu hồi miễn học kèm điểm.",
    SheetState.LOCKED: "đã khoá. Giáo viên môn học mở ô của em trong bảng, lập đề nghị thu hồi miễn học kèm điểm của em.",
}


def require_granted(state: ExemptionState) -> None:
    """Only what was granted is taken back. Raises WrongState."""
    if state is not ExemptionState.GRANTED:
        raise WrongState(f"{_NOT_GRANTED[state]} {NOTHING_CHANGED}")


def require_class_open(state: ClassState, class_name: str) -> None:
    """What was finalised tells of the pupil as exempt. Raises WrongState with what to do."""
    if state is ClassState.FINALISED:
        raise WrongState(
            f"Lớp {class_name} đã chốt tổng kết. Giáo viên chủ nhiệm bấm “Mở lại để sửa” trước, thu hồi miễn học sau. "
            f"{NOTHING_CHANGED}"
        )
    if state is ClassState.APPROVED:
        raise WrongState(
            f"Lớp {class_name} đã được duyệt, kết quả đã đóng băng. Giáo viên môn học mở ô của em trong bảng điểm đã khoá, lập đề nghị "
            f"thu hồi miễn học kèm điểm của em. {NOTHING_CHANGED}"
        )


def require_sheet_open(state: SheetState, label: str) -> None:
    """Whoever teaches must be able to type what is missing: nothing is put into a sheet that was read as it stood. Raises WrongState."""
    if state not in EDITABLE:
        raise WrongState(f"Bảng điểm {label} {_SHEET_CLOSED[state]} {NOTHING_CHANGED}")
