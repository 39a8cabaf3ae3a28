"""Taking back one's own approval: the few seconds after it in which a slip of the hand costs nothing (workflow, daily page).

The approval stood from the first moment and everybody could see it; taking it back is an act of its own, written down like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

WINDOW = timedelta(seconds=10)
"""How long, by the server's clock, from when the act was done."""

TOO_LATE = "Chỉ hoàn tác được trong 10 giây sau khi duyệt. Việc duyệt vẫn giữ nguyên."


class Step(Protocol):
    """A step of a sheet or a class as it is kept."""

    @property
    def verb(self) -> str:
        """The act."""


_S = TypeVar("_S", bound=Step)


def standing(steps: Iterable[_S]) -> list[_S]:
    """The steps, oldest first, without the approvals that were taken back: things stand as if those had not been."""
    kept: list[_S] = []
    for step in steps:
        if step.verb == "take_back" and kept and kept[-1].verb == "approve":
            kept.pop()
        else:
            kept.append(step)
    return kept


@dataclass(frozen=True, slots=True)
class LastStep:
    """The newest step of a sheet or a class: what was done, by which account, when."""

    verb: str
    account_id: int | None
    at: datetime


def is_open(approved_at: datetime, done_at: datetime, now: datetime) -> bool:
    """Whether an act that began at ``approved_at`` and was done at ``done_at`` may still be taken back.

    A clock that was set back in between closes the window: nobody can say how long ago it was.
    """
    return approved_at <= done_at <= now <= done_at + WINDOW


def why_not(last: LastStep | None, *, account_id: int | None, approved_at: datetime) -> str | None:
    """Why an approval of ``approved_at`` by this account can't be taken back though the time is not over; None when it can.

    Only the approval itself may be the newest step: nothing that somebody built on it is pulled away.
    """
    if last is None or last.verb != "approve" or last.at != approved_at:
        return "Sau lần duyệt ấy đã có bước khác nên không hoàn tác được nữa."
    if account_id is None or last.account_id != account_id:
        return "Chỉ chính người đã duyệt mới hoàn tác được."
    return None
