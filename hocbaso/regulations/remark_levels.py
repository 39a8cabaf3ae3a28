"""Which phrases stand nearest to a pupil's results when a remark is written (Art. 5.3: a remark goes with the results).

This orders a list for the teacher and nothing else: the circular gives levels to conduct and learning (Arts. 8, 9.2), never
to one subject, so what is worked out here is neither stored nor shown as a level of the pupil.
"""

from __future__ import annotations

from hocbaso.regulations.terms import Level, PassFail, SubjectKind

LEAST: tuple[tuple[Level, int], ...] = ((Level.TOT, 80), (Level.KHA, 65), (Level.DAT, 50), (Level.CHUA_DAT, 0))
"""From how many tenths of a semester average on, best first: the borders that Art. 9.2 puts between the levels."""

ANY = "ANY"
"""Stored in place of a level by a phrase that suits everybody."""


def levels_of(kind: SubjectKind | None) -> tuple[Level, ...]:
    """The levels a bank is divided into: Đạt and Chưa đạt by comment, four for scores and for the homeroom (None)."""
    return (Level.DAT, Level.CHUA_DAT) if kind is SubjectKind.COMMENT else tuple(level for level, _ in LEAST)


def remark_level(average: int | None, result: PassFail | None = None) -> Level | None:
    """The level whose phrases come first: from whole tenths, or from Đ/CĐ; None while there is no result."""
    if result is not None:
        return Level.DAT if result is PassFail.PASS else Level.CHUA_DAT
    if average is None:
        return None
    return next(level for level, least in LEAST if average >= least)
