"""All checks of one sheet in a fixed order, so that one mistake is asked about once."""

from __future__ import annotations

from hocbaso.regulations.anomalies.kinds import Anomaly
from hocbaso.regulations.anomalies.midterm_and_final import swapped_columns
from hocbaso.regulations.anomalies.own_history import many_zeros, strange_scores
from hocbaso.regulations.anomalies.remark_words import contrary_remarks, foreign_names
from hocbaso.regulations.anomalies.sheet_data import SheetData
from hocbaso.regulations.anomalies.thresholds import DEFAULT, Thresholds
from hocbaso.regulations.anomalies.whole_columns import (
    equal_columns,
    neighbour_copies,
    shifted_columns,
    uniform_columns,
)
from hocbaso.regulations.terms import SubjectKind


def find_anomalies(sheet: SheetData, limits: Thresholds = DEFAULT) -> tuple[Anomaly, ...]:
    """The questions that a sheet gives rise to; never raises, and the order of ``sheet.lines`` does not matter.

    Questions about whole columns come first; a single score in such a column is not asked about again.
    """
    lines = sheet.in_order()
    found: list[Anomaly] = []
    if sheet.kind is SubjectKind.SCORED:
        found += neighbour_copies(sheet, lines, limits)
        found += equal_columns(sheet, lines, limits)
        found += uniform_columns(sheet, lines, limits)
        found += swapped_columns(sheet, lines, limits)
        told = frozenset(cell for one in found for cell in one.cells)
        found += [one for one in shifted_columns(sheet, lines, limits) if not told & set(one.cells)]
        told = frozenset(cell for one in found for cell in one.cells)
        zeros = many_zeros(sheet, lines, limits)
        found += zeros
        found += strange_scores(sheet, lines, told | {cell for one in zeros for cell in one.cells}, limits)
    else:
        found += many_zeros(sheet, lines, limits)
    found += foreign_names(sheet, lines, limits)
    found += contrary_remarks(sheet, lines, limits)
    return tuple(found)
