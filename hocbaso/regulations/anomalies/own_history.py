"""A score far from where the same pupil stands: a jump, a slip of the digits, zeros from missed assessments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hocbaso.regulations.anomalies.kinds import Anomaly, AnomalyKind, make_anomaly
from hocbaso.regulations.anomalies.robust_measures import expectations, middle, past_average, share, spread
from hocbaso.regulations.anomalies.sheet_data import FINAL, MIDTERM, NOTHING, Line, SheetData
from hocbaso.regulations.anomalies.thresholds import Thresholds
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import PassFail

Place = tuple[int, str]
"""(enrolment id, column)"""


def strange_scores(
    sheet: SheetData, lines: Sequence[Line], explained: frozenset[Place], limits: Thresholds
) -> list[Anomaly]:
    """Slips and jumps. ``explained``: cells of which a question about the whole column speaks already."""
    if len(lines) < limits.fewest_pupils:
        return _slips_alone(sheet, lines, explained, limits)
    expected = expectations(lines, sheet.columns)
    slips: list[tuple[Line, str, str]] = []
    jumps: list[tuple[Line, tuple[str, ...], str]] = []
    centres = {key: middle(value for line in lines if (value := line.tenths(key)) is not None) for key in sheet.columns}
    spreads = {key: _spread(lines, key, centres[key], expected[key], limits) for key in sheet.columns}
    halves = {key: _in_halves(lines, key, limits) for key in sheet.columns}
    rises = _rises(lines)
    usual, width = middle(rises.values()), max(spread(list(rises.values())), limits.spread_floor)
    for line in lines:
        strange = False
        for key in sheet.columns:
            mark = line.marks.get(key, NOTHING)
            known = expected[key].get(line.enrollment_id)
            if mark.tenths is None or mark.missed or known is None or (line.enrollment_id, key) in explained:
                continue
            stands = max(0, min(100, centres[key] + known))
            meant = _meant(mark.tenths, stands, halves[key], limits)
            if meant:
                strange = True
                slips.append(
                    (
                        line,
                        key,
                        f"{line.name}: {sheet.columns[key]} {format_score(mark.tenths)}, các điểm khác của em quanh {format_score(_usual(line, key))}; có lẽ định ghi {meant}",
                    )
                )
            elif key in (MIDTERM, FINAL):
                off = abs(mark.tenths - centres[key] - known)
                if off >= limits.jump_least and off * 10 >= limits.jump_spreads * spreads[key]:
                    strange = True
                    jumps.append(
                        (
                            line,
                            (key,),
                            f"{line.name}: {sheet.columns[key]} {format_score(mark.tenths)}, các điểm khác của em quanh {format_score(_usual(line, key))}",
                        )
                    )
        rise = rises.get(line.enrollment_id)
        if not strange and rise is not None:
            off = abs(rise - usual)
            whole = tuple(key for key in sheet.columns if line.tenths(key) is not None)
            if (
                whole
                and off >= limits.jump_average_least
                and off * 10 >= limits.jump_spreads * width
                and not explained & {(line.enrollment_id, key) for key in whole}
            ):
                before = past_average(line)
                assert before is not None and line.average is not None
                jumps.append(
                    (
                        line,
                        whole,
                        f"{line.name}: trung bình môn {format_score(line.average)}, học kì trước {format_score(before)}",
                    )
                )
    return [
        *_ask(
            AnomalyKind.DIGIT_SLIP, [(line, (key,), words) for line, key, words in slips], "Có gõ nhầm không?", limits
        ),
        *_ask(AnomalyKind.JUMP, jumps, "Có đúng điểm của em không?", limits),
    ]


def _slips_alone(
    sheet: SheetData, lines: Sequence[Line], explained: frozenset[Place], limits: Thresholds
) -> list[Anomaly]:
    """In a class too small to be compared with, what the pupil's own other scores tell: a comma too far left, a lost 10."""
    slips = []
    for line in lines:
        for key in sheet.columns:
            mark = line.marks.get(key, NOTHING)
            others = [value for other in sheet.columns if other != key and (value := line.tenths(other)) is not None]
            if mark.tenths is None or mark.missed or len(others) < limits.fewest_others:
                continue
            if max(others) - min(others) > limits.slip_least or (line.enrollment_id, key) in explained:
                continue  # who goes up and down by that much may well have got this too
            usual = _usual(line, key)
            meant = _meant(mark.tenths, usual, False, limits)
            if meant:
                words = f"{line.name}: {sheet.columns[key]} {format_score(mark.tenths)}, các điểm khác của em quanh {format_score(usual)}; có lẽ định ghi {meant}"
                slips.append((line, (key,), words))
    return _ask(AnomalyKind.DIGIT_SLIP, slips, "Có gõ nhầm không?", limits)


def many_zeros(sheet: SheetData, lines: Sequence[Line], limits: Thresholds) -> list[Anomaly]:
    """Missed assessments that count as 0 or CĐ, or zeros that were typed, in more lines than everyday life explains."""
    hits: list[tuple[str, list[Line]]] = []
    for key in sheet.columns:
        zeros = [line for line in lines if _is_zero(line, key)]
        if len(zeros) >= limits.zeros_least and share(len(zeros), len(lines)) >= limits.zeros_share:
            hits.append((key, zeros))
    if not hits:
        return []
    said = ", ".join(f"cột {sheet.columns[key]} {len(zeros)} em" for key, zeros in hits)
    worth = "0 điểm" if any(line.tenths(key) == 0 for key, zeros in hits for line in zeros) else "Chưa đạt"
    words = f"Nhiều em bị tính {worth}: {said}. Các em vắng thật và không kiểm tra bù, hay máy ghi nhầm ô trống?"
    return [make_anomaly(AnomalyKind.MANY_ZEROS, [(line, key) for key, zeros in hits for line in zeros], words)]


def _ask(
    kind: AnomalyKind, hits: Sequence[tuple[Line, tuple[str, ...], str]], question: str, limits: Thresholds
) -> list[Anomaly]:
    """One question a pupil; one for all where there are many, which a teacher can look through in one go."""
    by_pupil: dict[int, list[tuple[Line, tuple[str, ...], str]]] = {}
    for hit in hits:
        by_pupil.setdefault(hit[0].enrollment_id, []).append(hit)
    groups = list(by_pupil.values()) if len(by_pupil) <= limits.few_together else [list(hits)]
    return [
        make_anomaly(
            kind,
            [(line, key) for line, keys, _ in group for key in keys],
            f"{'; '.join(words for _, _, words in group)}. {question}",
        )
        for group in groups
        if group
    ]


def _meant(tenths: int, stands: int, in_halves: bool, limits: Thresholds) -> str:
    """The score that was probably meant, "" where no slip of the digits explains it. ``85`` is read as 8,5 on typing,
    so what is left are a lost digit (1 or 0 for 10), a comma too far left (0,8 for 8) and exchanged digits (5,8 for 8,5)."""
    if stands - tenths >= limits.slip_least:
        if 0 < tenths <= 10 and abs(tenths * 10 - stands) <= limits.slip_near * 3 // 2:
            return format_score(tenths * 10)
        if tenths == 0 and stands >= limits.zero_expected:
            return "10 hoặc em vắng"
    turned = tenths % 10 * 10 + tenths // 10
    if (
        in_halves
        and tenths % 5
        and tenths < 100
        and turned % 5 == 0
        and abs(tenths - stands) >= limits.slip_least
        and abs(turned - stands) <= limits.slip_near
    ):
        return format_score(turned)
    return ""


def _usual(line: Line, key: str) -> int:
    """The middle of the pupil's other scores as they stand on the paper, the last average among them."""
    others = [mark.tenths for other, mark in line.marks.items() if other != key and mark.tenths is not None]
    before = past_average(line)
    return middle(others if before is None else [*others, before])


def _in_halves(lines: Sequence[Line], key: str, limits: Thresholds) -> bool:
    values = [value for line in lines if (value := line.tenths(key)) is not None]
    return share(sum(value % 5 == 0 for value in values), len(values)) >= limits.halves_all


def _spread(lines: Sequence[Line], key: str, centre: int, expected: Mapping[int, int], limits: Thresholds) -> int:
    """How far the class usually strays from what is expected in this column."""
    return max(
        limits.spread_floor,
        spread(
            [
                value - centre - expected[line.enrollment_id]
                for line in lines
                if (value := line.tenths(key)) is not None and line.enrollment_id in expected
            ]
        ),
    )


def _rises(lines: Sequence[Line]) -> dict[int, int]:
    """Average of this semester less the newest one before, by pupil."""
    return {
        line.enrollment_id: line.average - before
        for line in lines
        if line.average is not None and (before := past_average(line)) is not None
    }


def _is_zero(line: Line, key: str) -> bool:
    mark = line.marks.get(key, NOTHING)
    return mark.tenths == 0 or (mark.missed and mark.mark is PassFail.FAIL)
