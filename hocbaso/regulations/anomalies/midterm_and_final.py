"""Midterm and final exchanged: their shape against the shape of last semester and of the classes with the same paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hocbaso.regulations.anomalies.kinds import Anomaly, AnomalyKind, make_anomaly
from hocbaso.regulations.anomalies.robust_measures import middle, share
from hocbaso.regulations.anomalies.sheet_data import FINAL, MIDTERM, Line, SheetData
from hocbaso.regulations.anomalies.thresholds import Thresholds
from hocbaso.regulations.score_values import format_score


@dataclass(frozen=True, slots=True)
class _Shape:
    """How two columns differ: middle of each, of (final - midterm), and the share of scores on halves in each."""

    midterm: int
    final: int
    gap: int
    same_way: int
    midterm_halves: int
    final_halves: int


def swapped_columns(sheet: SheetData, lines: Sequence[Line], limits: Thresholds) -> list[Anomaly]:
    """At most one question, where the two columns look like each other's and not like their own."""
    now = _shape_of(((line.tenths(MIDTERM), line.tenths(FINAL)) for line in lines), limits)
    if now is None:
        return []
    before = _shape_of(((past.midterm, past.final) for line in lines for past in line.past[:1]), limits)
    beside = [
        (neighbour, shape)
        for neighbour in sorted(sheet.neighbours, key=lambda one: one.name)
        if (neighbour.same_grade_level or neighbour.same_teacher)
        and (
            shape := _shape_of(
                zip(neighbour.columns.get(MIDTERM, ()), neighbour.columns.get(FINAL, ()), strict=False), limits
            )
        )
    ]
    same_paper = [(one, shape) for one, shape in beside if one.same_grade_level and abs(shape.gap) >= limits.shape_gap]
    why = ""
    if same_paper and all(_is_mirrored(now, shape, limits.shape_gap, limits) for _, shape in same_paper):
        neighbour, shape = same_paper[0]
        why = f"lớp {neighbour.name} thì {_said(shape)}"
    elif not same_paper and before and _is_mirrored(now, before, limits.shape_gap_history, limits):
        why = f"học kì trước các em {_said(before)}"
    else:
        habits = ([("học kì trước", before)] if before else []) + [
            (f"lớp {one.name}", shape) for one, shape in beside if one.same_teacher
        ]
        exchanged = next((name for name, shape in habits if _halves_exchanged(now, shape, limits)), "")
        if exchanged:
            which = ("cuối kì", "giữa kì") if now.final_halves > now.midterm_halves else ("giữa kì", "cuối kì")
            why = f"cột {which[0]} giờ chấm tròn nửa điểm như cột {which[1]} của {exchanged}"
    if not why:
        return []
    words = f"Điểm lần này {_said(now)}; {why}. Có nhập đổi chỗ hai cột giữa kì và cuối kì không?"
    places = [(line, key) for line in lines for key in (MIDTERM, FINAL)]
    return [make_anomaly(AnomalyKind.SWAPPED_COLUMNS, places, words)]


def _shape_of(pairs: Iterable[tuple[int | None, int | None]], limits: Thresholds) -> _Shape | None:
    both = [(midterm, final) for midterm, final in pairs if midterm is not None and final is not None]
    if len(both) < limits.fewest_pupils:
        return None
    gaps = [final - midterm for midterm, final in both]
    gap = middle(gaps)
    return _Shape(
        midterm=middle(midterm for midterm, _ in both),
        final=middle(final for _, final in both),
        gap=gap,
        same_way=share(sum(one * gap > 0 for one in gaps), len(gaps)),
        midterm_halves=share(sum(midterm % 5 == 0 for midterm, _ in both), len(both)),
        final_halves=share(sum(final % 5 == 0 for _, final in both), len(both)),
    )


def _is_mirrored(now: _Shape, other: _Shape, least: int, limits: Thresholds) -> bool:
    """Whether both differ clearly, in opposite directions."""
    return (
        now.gap * other.gap < 0
        and min(abs(now.gap), abs(other.gap)) >= least
        and min(now.same_way, other.same_way) >= limits.shape_same_way
    )


def _halves_exchanged(now: _Shape, other: _Shape, limits: Thresholds) -> bool:
    """Whether the column that is marked in halves changed places with the one that is not."""

    def side(shape: _Shape) -> int:
        if shape.midterm_halves >= limits.halves_all and shape.final_halves <= limits.halves_few:
            return -1
        return 1 if shape.final_halves >= limits.halves_all and shape.midterm_halves <= limits.halves_few else 0

    return side(now) * side(other) < 0


def _said(shape: _Shape) -> str:
    return f"giữa kì quanh {format_score(shape.midterm)}, cuối kì quanh {format_score(shape.final)}"
