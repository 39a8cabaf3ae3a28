"""Where a question begins: every number of the checks, in one place, each with its reason.

They were set so that a clean school is asked at most one question a sheet, measured by ``bench/anomalies.py``; they
are no rules of the circular, so they do not belong to a school year. Scores are in tenths, shares in hundredths.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits of the checks; every check takes them as an argument."""

    fewest_pupils: int = 8
    """Columns of fewer pupils agree by chance too easily to ask about them."""
    fewest_different: int = 4
    """Columns of only 9, 9,5 and 10 (easy marking) look alike without anything being wrong."""
    commonest_share: int = 60
    """The same, where one value fills most of a column."""
    equal_spare_every: int = 15
    """One cell in so many may differ between columns that were copied: a teacher mends one by hand."""
    neighbour_agree: int = 90
    """Two classes that were marked apart agree line by line in about 20 of 100 cells."""
    shift_rows: int = 6
    """A shift that starts lower has too few lines to tell."""
    shift_sureness: int = 300
    """Squared test statistic of the shift in hundredths (z = 1,7): without a shift it is far below zero."""
    shift_ratio: int = 80
    """Moving the column must take away so much of the disagreement that at most this share remains."""
    shift_gain: int = 25
    """Total disagreement taken away; in easy marking everything fits everywhere."""
    residual_cap: int = 30
    """One strange score must not decide about a column."""
    shape_gap: int = 6
    """Midterm and final differ in the middle of the class by so much before the order of the two says anything."""
    shape_gap_history: int = 8
    """Against last semester alone, because the papers of two semesters differ in difficulty."""
    shape_same_way: int = 60
    """Share of pupils whose two scores differ in that same direction."""
    halves_all: int = 90
    halves_few: int = 60
    """A column marked in halves, and one that is not: the habit shows which column is which."""
    jump_least: int = 32
    """3,2 points away from where all else of this pupil stands; smaller steps are everyday."""
    jump_spreads: int = 40
    """… and 4 spreads of the class in that column, in tenths of a spread."""
    jump_average_least: int = 25
    """The same for the whole semester against the last one."""
    spread_floor: int = 5
    """In easy marking the spread is next to nothing, and half a point is no jump."""
    few_together: int = 3
    """More pupils than this with one kind of question are asked about in one question."""
    slip_least: int = 20
    """A slip that is recognised by its digits counts from 2 points."""
    fewest_others: int = 3
    """Scores beside the one in question that must stand together before a small class is asked about it."""
    slip_near: int = 10
    """How near the intended score must lie to where the pupil stands."""
    zeros_least: int = 3
    zeros_share: int = 10
    """Missed assessments that became 0 or CĐ: a class misses one or two, not a tenth of a column."""
    zero_expected: int = 65
    """A 0 that was typed, in a line that otherwise stands at least here, is asked about."""
    praise_below: int = 50
    blame_from: int = 80
    """A remark contradicts the average only at the two ends."""
    fewest_letters: int = 4
    """“Tốt.” tells nothing of a pupil, and “1” is a number that slid into the wrong field."""


DEFAULT = Thresholds()
