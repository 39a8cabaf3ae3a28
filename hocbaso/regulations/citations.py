"""The articles that conclusions cite, as they are written under a conclusion. One place, so an amendment is one edit.

The number of article 11 (disability) rests on memory of the text, not on a copy (``regulations.md`` section 1).
"""

from __future__ import annotations

from dataclasses import dataclass

CIRCULAR_22 = "Thông tư 22/2021/TT-BGDĐT"

INHERITED = "kế thừa kết quả của trường cũ khi chuyển trường, Thông tư 15/2026/TT-BGDĐT"
"""No article of the circular averages marks of two schools: docs/decisions/0022."""


def cite(article: int, clause: int | None = None, point: str | None = None, *, text: str = CIRCULAR_22) -> str:
    """``Điều 9 khoản 1 điểm b Thông tư 22/2021/TT-BGDĐT``."""
    words = f"Điều {article}"
    if clause is not None:
        words += f" khoản {clause}"
    if point is not None:
        words += f" điểm {point}"
    return f"{words} {text}"


@dataclass(frozen=True, slots=True)
class Articles:
    """Where each rule of one regulation stands, ready to be put in brackets after a sentence."""

    score_scale: str
    regular_count: str
    periodic: str
    missed: str
    conduct_year: str
    comment_result: str
    subject_average: str
    learning_level: str
    level_tot: str
    level_kha: str
    level_dat: str
    level_chua_dat: str
    adjustment: str
    disability: str
    promotion: str
    promotion_conduct: str
    promotion_learning: str
    promotion_absences: str
    summer_training: str
    reassessment: str
    award: str


TT22 = Articles(
    score_scale=cite(5, 3),
    regular_count=cite(6, 2),
    periodic=cite(7),
    missed=cite(7),
    conduct_year=cite(8, 2, "b"),
    comment_result=cite(9, 1, "a"),
    subject_average=cite(9, 1, "b"),
    learning_level=cite(9, 2),
    level_tot=cite(9, 2, "a"),
    level_kha=cite(9, 2, "b"),
    level_dat=cite(9, 2, "c"),
    level_chua_dat=cite(9, 2, "d"),
    adjustment=cite(9, 3),
    disability=cite(11),
    promotion=cite(12, 1),
    promotion_conduct=cite(12, 1, "a"),
    promotion_learning=cite(12, 1, "b"),
    promotion_absences=cite(12, 1, "c"),
    summer_training=cite(13),
    reassessment=cite(14),
    award=cite(15, 1, "a"),
)
"""Circular 22/2021/TT-BGDĐT."""
