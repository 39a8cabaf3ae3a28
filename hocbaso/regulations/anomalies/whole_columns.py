"""Columns that are too alike: all equal, two the same, the neighbour class's, or moved by one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from hocbaso.regulations.anomalies.kinds import Anomaly, AnomalyKind, make_anomaly
from hocbaso.regulations.anomalies.robust_measures import expectations, middle, share
from hocbaso.regulations.anomalies.sheet_data import Line, NeighbourClass, SheetData
from hocbaso.regulations.anomalies.thresholds import Thresholds
from hocbaso.regulations.score_values import format_score


def uniform_columns(sheet: SheetData, lines: Sequence[Line], limits: Thresholds) -> list[Anomaly]:
    """Scores of a whole class that are all the same. Comment subjects are left alone: everybody Đ is the rule there."""
    found = [(key, values[0]) for key in sheet.columns if _is_uniform(values := _scores(lines, key), limits)]
    if not found:
        return []
    if len(found) == 1:
        key, value = found[0]
        words = f"Cả {len(_scores(lines, key))} em đều được {format_score(value)} ở cột {sheet.columns[key]}. Có đúng vậy không?"
    else:
        said = ", ".join(f"cột {sheet.columns[key]} đều {format_score(value)}" for key, value in found)
        words = f"Cả lớp cùng một điểm: {said}. Có đúng vậy không?"
    return [make_anomaly(AnomalyKind.UNIFORM_COLUMN, _all(lines, (key for key, _ in found)), words)]


def equal_columns(sheet: SheetData, lines: Sequence[Line], limits: Thresholds) -> list[Anomaly]:
    """Two or more columns with the same scores line by line, where chance cannot have done it."""
    groups: list[list[str]] = []
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for key in sheet.columns:
        for group in groups:
            agree, n = _agreement([(line.tenths(group[0]), line.tenths(key)) for line in lines])
            if (
                n >= limits.fewest_pupils
                and agree >= n - n // limits.equal_spare_every
                and _is_varied(_scores(lines, key), limits)
                and _is_varied(_scores(lines, group[0]), limits)
            ):
                counts[group[0], key] = (agree, n)
                group.append(key)
                break
        else:
            groups.append([key])
    found = []
    for group in groups:
        if len(group) > 1:
            agree, n = min(counts[group[0], key] for key in group[1:])
            names = " và ".join(f"cột {sheet.columns[key]}" for key in group)
            words = f"{names[0].upper()}{names[1:]} giống nhau ở {agree} trong {n} em. Có cột nào nhập hai lần không?"
            found.append(make_anomaly(AnomalyKind.EQUAL_COLUMNS, _all(lines, group), words))
    return found


def neighbour_copies(sheet: SheetData, lines: Sequence[Line], limits: Thresholds) -> list[Anomaly]:
    """Columns that equal those of another class of the same teacher from the top down: pasted into the wrong class."""
    found = []
    for neighbour in sorted(sheet.neighbours, key=lambda one: one.name):
        if not neighbour.same_teacher:
            continue
        hits = [
            (key, *_agreement(_beside(lines, neighbour, key)))
            for key in sheet.columns
            if _is_copy(lines, neighbour, key, limits)
        ]
        if hits:
            names = ", ".join(sheet.columns[key] for key, _, _ in hits)
            _, agree, n = hits[0]
            words = (
                f"Cột {names} giống cột cùng tên của lớp {neighbour.name} ở {agree} trong {n} dòng từ trên xuống. "
                "Có dán nhầm điểm lớp khác không?"
            )
            places = _all(lines, (key for key, _, _ in hits))
            found.append(make_anomaly(AnomalyKind.NEIGHBOUR_COPY, places, words, beside=neighbour.name))
    return found


def shifted_columns(sheet: SheetData, lines: Sequence[Line], limits: Thresholds) -> list[Anomaly]:
    """A column that fits the pupils one line further up or down much better than those beside whom it stands."""
    if len(lines) < limits.fewest_pupils:
        return []
    expected = expectations(lines, sheet.columns)
    hits: dict[int, list[tuple[str, int]]] = {}
    for key in sheet.columns:
        if not _is_varied(_scores(lines, key), limits):
            continue
        start = {step: _shift_start(lines, key, expected[key], step, limits) for step in (-1, 1)}
        better = max(start, key=lambda step: start[step][0])
        if start[better][0]:
            hits.setdefault(better, []).append((key, start[better][1]))
    found = []
    for step, columns in sorted(hits.items()):
        names = ", ".join(sheet.columns[key] for key, _ in columns)
        first = min(start for _, start in columns)
        words = (
            f"Cột {names}, từ em {lines[first].name} trở xuống, khớp với học lực các em hơn nếu dịch "
            f"{'xuống' if step > 0 else 'lên'} một dòng. Có nhập lệch dòng không?"
        )
        places = [(line, key) for key, start in columns for line in lines[start:]]
        found.append(make_anomaly(AnomalyKind.SHIFTED_COLUMN, places, words, beside=str(step)))
    return found


def _shift_start(
    lines: Sequence[Line], key: str, expected: Mapping[int, int], step: int, limits: Thresholds
) -> tuple[int, int]:
    """How sure it is (0: not at all) and the first line from which the column belongs ``step`` lines further down."""

    centre = middle(_scores(lines, key))
    gain = left = before = squares = n = 0
    best = (0, 0)
    # From the bottom up: a shift goes on to the end of the sheet, so each start adds one line to what was summed.
    for place in range(len(lines) - 1, -1, -1):
        other = place + step
        value = lines[place].tenths(key)
        here = expected.get(lines[place].enrollment_id)
        there = expected.get(lines[other].enrollment_id) if 0 <= other < len(lines) else None
        if value is None or here is None or there is None:
            continue
        stands = min(abs(value - centre - here), limits.residual_cap)
        moved = min(abs(value - centre - there), limits.residual_cap)
        before, left, gain = before + stands, left + moved, gain + stands - moved
        squares, n = squares + (stands - moved) ** 2, n + 1
        if (
            n >= limits.shift_rows
            and gain >= limits.shift_gain
            and left * 100 <= before * limits.shift_ratio
            and gain * gain * 100 >= limits.shift_sureness * squares
            and gain * gain * 100 // squares > best[0]
        ):
            best = (gain * gain * 100 // squares, place)
    return best


def _is_copy(lines: Sequence[Line], neighbour: NeighbourClass, key: str, limits: Thresholds) -> bool:
    agree, n = _agreement(_beside(lines, neighbour, key))
    return (
        n >= limits.fewest_pupils
        and share(agree, n) >= limits.neighbour_agree
        and _is_varied(_scores(lines, key), limits)
    )


def _beside(lines: Sequence[Line], neighbour: NeighbourClass, key: str) -> list[tuple[int | None, int | None]]:
    return list(zip((line.tenths(key) for line in lines), neighbour.columns.get(key, ()), strict=False))


def _agreement(pairs: Iterable[tuple[int | None, int | None]]) -> tuple[int, int]:
    """Equal pairs, and pairs where both are there."""
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    return sum(one == other for one, other in both), len(both)


def _is_uniform(values: Sequence[int], limits: Thresholds) -> bool:
    return len(values) >= limits.fewest_pupils and len(set(values)) == 1


def _is_varied(values: Sequence[int], limits: Thresholds) -> bool:
    """Whether the column tells pupils apart, so that agreement means something."""
    counts = Counter(values)
    return len(counts) >= limits.fewest_different and share(max(counts.values()), len(values)) <= limits.commonest_share


def _scores(lines: Sequence[Line], key: str) -> list[int]:
    return [value for line in lines if (value := line.tenths(key)) is not None]


def _all(lines: Sequence[Line], keys: Iterable[str]) -> list[tuple[Line, str]]:
    return [(line, key) for key in keys for line in lines]
