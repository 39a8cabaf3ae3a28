"""Who stands for the principal (KT.) never stands under their own work.

A sheet, a class's year and a transcript pass through two hands before they are in force: whoever did the work and whoever
answers for the school (NĐ 30/2020 Đ.13.1: a deputy signs within the fields given to them; workflow, "People and powers"). The
principal's own power does not rest on a delegation and is not touched by this.
"""

from __future__ import annotations

from hocbaso.errors import NotAllowed

BOTH_HANDS = (
    "Thầy, cô đã làm phần việc trước với tư cách giáo viên nên không thay Hiệu trưởng (KT.) ở bước này. Xin để Hiệu trưởng "
    "hoặc người khác được uỷ quyền làm. Chưa có gì thay đổi."
)


def may_stand_for_principal(*, is_principal: bool, is_delegate: bool, did_the_work: bool) -> bool:
    """Whether a person approves or signs in the principal's place what ``did_the_work`` says is their own."""
    return is_principal or (is_delegate and not did_the_work)


def require_other_hand(*, by_delegation: bool, did_the_work: bool) -> None:
    """Raise NotAllowed where a delegation would put the same hand under both steps."""
    if not may_stand_for_principal(
        is_principal=not by_delegation, is_delegate=by_delegation, did_the_work=did_the_work
    ):
        raise NotAllowed(BOTH_HANDS)
