"""Two hands: nobody reviews a sheet with their own work in it, nor stands for the principal (KT.) under their own work.

A sheet, a class's year and a transcript pass through two hands before they are in force: whoever did the work and whoever
answers for the school (NĐ 30/2020 Đ.13.1: a deputy signs within the fields given to them; workflow, "People and powers"). The
principal's own power to approve does not rest on a delegation and is not touched by this.

Own work in a sheet outlives the teaching assignment: who typed a value that still stands there, and who ever handed it in,
stays a hand of it after the subject was given to somebody else. Persons are meant by their ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hocbaso.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Hands:
    """Whose work a sheet is, beside those who teach it today."""

    typed: frozenset[int] = frozenset()
    """Who typed a value that still stands."""
    handed_in: frozenset[int] = frozenset()
    """Who handed it in, ever."""

    @property
    def all(self) -> frozenset[int]:
        """Everybody whose work it is."""
        return self.typed | self.handed_in

    def say(self, person_id: int | None) -> str:
        """What this person did, in words; "" for nothing."""
        typed, handed_in = person_id in self.typed, person_id in self.handed_in
        if typed and handed_in:
            return "đã nhập điểm đang có trong bảng này và đã nộp bảng này"
        return "đã nhập điểm đang có trong bảng này" if typed else "đã nộp bảng này" if handed_in else ""


_STEPS = ("heads", "deputies", "principals")


@dataclass(frozen=True, slots=True)
class ReviewOrder:
    """Who reviews a sheet, in this order: the heads of its group, the vice-principals that reach it, the principal.

    The last step keeps a school without a vice-principal, or whose only one has work in the sheet, from standing still.
    """

    heads: frozenset[int] = frozenset()
    deputies: frozenset[int] = frozenset()
    principals: frozenset[int] = frozenset()

    def reviewers(self, own: Iterable[int]) -> frozenset[int]:
        """The first of the three with anybody left who has no hand in the sheet; ``own``: who teaches, typed, handed in."""
        kept_out = frozenset(own)
        return next((free for step in self._steps if (free := step - kept_out)), frozenset())

    def step(self, own: Iterable[int]) -> str:
        """Which of the three that is: ``heads``, ``deputies``, ``principals``; "" where nobody is left."""
        kept_out = frozenset(own)
        return next((name for name, step in zip(_STEPS, self._steps, strict=True) if step - kept_out), "")

    def kept_from(self, person_id: int, own: Iterable[int]) -> bool:
        """Whether this person would review the sheet, were there no own work in it."""
        kept_out = frozenset(own)
        return person_id in kept_out and person_id in self.reviewers(kept_out - {person_id})

    @property
    def _steps(self) -> tuple[frozenset[int], ...]:
        return self.heads, self.deputies, self.principals


WHY_NOT_FOR_PRINCIPAL = (
    "Thầy, cô đã làm phần việc trước với tư cách giáo viên nên không thay Hiệu trưởng (KT.) ở bước này. Xin để Hiệu trưởng "
    "hoặc người khác được uỷ quyền làm."
)
BOTH_HANDS = f"{WHY_NOT_FOR_PRINCIPAL} Chưa có gì thay đổi."


def may_stand_for_principal(*, is_principal: bool, is_delegate: bool, did_the_work: bool) -> bool:
    """Whether a person approves or signs in the principal's place what ``did_the_work`` says is their own."""
    return is_principal or (is_delegate and not did_the_work)


def require_other_hand(*, by_delegation: bool, did_the_work: bool) -> None:
    """Raise NotAllowed where a delegation would put the same hand under both steps."""
    if not may_stand_for_principal(
        is_principal=not by_delegation, is_delegate=by_delegation, did_the_work=did_the_work
    ):
        raise NotAllowed(BOTH_HANDS)


def next_reviewer_words(names: Iterable[str]) -> str:
    """Whose turn it is to review a sheet, by name; what has to be done where nobody is left."""
    if said := ", ".join(names):
        return f"Người soát bảng này: {said}."
    return "Chưa có ai soát được bảng này: xin Hiệu trưởng giao vai trò phó Hiệu trưởng hoặc tổ trưởng cho người không nhập nó."


def own_sheet_words(did: str, others: Iterable[str]) -> str:
    """Why somebody does not review: what they did (:meth:`Hands.say`), and the names of who reviews instead."""
    return f"Thầy, cô {did} nên không tự soát. {next_reviewer_words(others)}"


def may_decide_for_school(
    *, is_proposer: bool, is_principal: bool, is_vice_principal: bool, proposed_by_principal: bool
) -> bool:
    """Whether a person decides for the school what somebody else proposed: the principal, and of the principal's own proposal (who
    keeps a class like anybody) a vice-principal. Nobody decides a proposal of their own."""
    return not is_proposer and (is_principal or (is_vice_principal and proposed_by_principal))
