"""Đối chiếu bài gốc: which midterm and final results a second person types again from the papers, and what follows.

The draw is a pure function of a recorded seed, so whoever doubts it can repeat it with ``sha256sum``: the cells are
ordered by SHA-256 of the text below and the first ones are taken. Nobody chooses, and nobody can have chosen.
The circular does not ask for it; the share is a policy of the school year (``spot_check_percent``, 0 is none).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from hocbaso.errors import Invalid
from hocbaso.regulations.terms import ScoreOrigin

DRAW_VERSION = "hocbaso-blind-check-1"
"""First line of the hashed text. Another way to draw is another version: old draws stay repeatable."""

COLUMNS = ("GK", "CK")
"""Midterm and final: what is written on paper and kept by the school (Art. 7)."""

REASON_LEAST, REASON_MOST = 10, 500
"""Letters of a reason for a misread paper: “nhầm” tells whoever approves nothing."""

Place = tuple[int, str]
"""(enrolment id, column key)."""


class CheckState(StrEnum):
    """Where one drawn result stands."""

    WAITING = "WAITING"
    TYPED = "TYPED"
    """Typed from the paper, not yet held against the sheet: it can still be changed."""
    SAME = "SAME"
    DIFFERENT = "DIFFERENT"
    MISREAD = "MISREAD"
    """The sheet is right; the second person misread the paper and said how."""
    VOID = "VOID"
    """The cell was changed afterwards: what was typed says nothing about the value that stands now."""


OPEN = frozenset({CheckState.WAITING, CheckState.TYPED, CheckState.DIFFERENT})
"""What holds the sheet back."""

UNSEEN = frozenset({CheckState.WAITING, CheckState.TYPED})
"""While one drawn result is so, the person who types sees no first value of the sheet at all."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A result: whole tenths, or Đ/CĐ; or, of the second person only, that the paper was not found."""

    tenths: int | None = None
    mark: str | None = None
    no_paper: bool = False

    @property
    def is_given(self) -> bool:
        """Whether the second person has said anything."""
        return self.no_paper or self.tenths is not None or self.mark is not None


def has_paper(column_key: str, origin: str, reading: Reading) -> bool:
    """Whether a cell can be drawn: a midterm or final result that somebody sat for. A missed one has no paper (Art. 7)."""
    return (
        column_key in COLUMNS
        and origin in (ScoreOrigin.ENTERED.value, ScoreOrigin.MAKEUP.value)
        and (reading.tenths is not None or reading.mark is not None)
    )


def n_to_draw(n_cells: int, percent: int) -> int:
    """How many of ``n_cells`` are drawn: ``percent`` of them, rounded up, so a small class is never left out.

    Raises Invalid for a percentage outside 0..100.
    """
    if not 0 <= percent <= 100:
        raise Invalid(f"Tỉ lệ đối chiếu bài gốc phải từ 0 đến 100 phần trăm, không phải {percent}.")
    return -(-n_cells * percent // 100)


def rank(seed: str, place: Place) -> str:
    """64 hex digits: SHA-256 of ``hocbaso-blind-check-1``, the seed and ``<enrolment id>-<column>``, a line feed between."""
    return hashlib.sha256(f"{DRAW_VERSION}\n{seed}\n{place[0]}-{place[1]}".encode()).hexdigest()


def draw(seed: str, places: Iterable[Place], percent: int) -> tuple[Place, ...]:
    """The drawn cells, lowest rank first. The same seed and cells give the same draw, in whatever order they come.

    A draw of a larger percentage holds every smaller one. Raises Invalid for a percentage outside 0..100.
    """
    ordered = sorted(set(places), key=lambda place: (rank(seed, place), place))
    return tuple(ordered[: n_to_draw(len(ordered), percent)])


def compare(first: Reading, second: Reading) -> CheckState:
    """SAME or DIFFERENT. A paper that was not found is a difference: somebody has to say where it is.

    Raises Invalid when the second person has said nothing yet.
    """
    if not second.is_given:
        raise Invalid("Ô này chưa gõ điểm từ bài gốc.")
    alike = not second.no_paper and (first.tenths, first.mark) == (second.tenths, second.mark)
    return CheckState.SAME if alike else CheckState.DIFFERENT


def guard_reason(words: str) -> None:
    """Raise Invalid unless the reason for a misread paper can tell something to whoever approves the sheet."""
    letters = sum(one.isalpha() for one in words)
    if letters < REASON_LEAST or " " not in words:
        raise Invalid("Xin ghi rõ hơn một chút (ít nhất vài chữ) để người duyệt hiểu vì sao đọc nhầm.", field="reason")
    if len(words) > REASON_MOST:
        raise Invalid(f"Lí do dài quá {REASON_MOST} chữ. Chưa có gì thay đổi.", field="reason")
