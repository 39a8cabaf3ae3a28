"""Middle and spread that one strange score cannot move, in whole tenths; for classes of 10 to 45."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hocbaso.regulations.anomalies.sheet_data import Line


def middle(values: Iterable[int]) -> int:
    """The median, halves rounded down; 0 of nothing."""
    ordered = sorted(values)
    if not ordered:
        return 0
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2


def spread(values: Sequence[int]) -> int:
    """The median distance from the middle, times 1,48: what a standard deviation would be without outliers."""
    centre = middle(values)
    return middle(abs(value - centre) for value in values) * 148 // 100


def share(part: int, whole: int) -> int:
    """Hundredths; 0 of nothing."""
    return part * 100 // whole if whole else 0


def expectations(lines: Sequence[Line], columns: Iterable[str]) -> Mapping[str, Mapping[int, int]]:
    """Where each pupil would stand in each column, from the own other columns and the own past semesters.

    Column -> enrolment id -> tenths above or below the middle of the class; absent where nothing is known. Middles are
    taken out first, so a hard paper is not a fall of the whole class.
    """
    keys = list(columns)
    centred: dict[str, dict[int, int]] = {}
    for key in keys:
        scores = {line.enrollment_id: value for line in lines if (value := line.tenths(key)) is not None}
        centre = middle(scores.values())
        centred[key] = {enrollment_id: value - centre for enrollment_id, value in scores.items()}
    past = {line.enrollment_id: average for line in lines if (average := past_average(line)) is not None}
    centre = middle(past.values())
    found: dict[str, dict[int, int]] = {key: {} for key in keys}
    for line in lines:
        known = line.enrollment_id
        # An average of a whole semester says more than one score.
        before = [past[known] - centre] * 2 if known in past else []
        for key in keys:
            others = [centred[other][known] for other in keys if other != key and known in centred[other]]
            if len(others) + len(before) >= 2:
                found[key][known] = middle(others + before)
    return found


def past_average(line: Line) -> int | None:
    """The newest semester average of the pupil in this subject."""
    return next((semester.average for semester in line.past if semester.average is not None), None)
