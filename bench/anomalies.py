"""How many questions a clean school is asked, and how many of the slips put into its sheets are asked about.

``python -m bench.anomalies [--sheets 3000] [--seed 5]`` prints JSON. A slip counts as found when a question that was not
there before rests on one of the changed cells.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from typing import Any

from hocbaso.regulations.anomalies.checks import find_anomalies
from hocbaso.regulations.anomalies.kinds import AnomalyKind
from hocbaso.regulations.anomalies.sheet_data import REMARK, SheetData
from tests.regulations.clean_sheets import FAULTS, TAKEN_FOR, clean_sheet


def run(sheets: int = 3000, seed: int = 5) -> dict[str, Any]:
    """Questions a sheet over a clean school (two sheets in three are scored), and recall by kind."""
    chance = random.Random(seed)
    school = [clean_sheet(chance, comment=number % 3 == 2) for number in range(sheets)]
    began = time.perf_counter()
    asked = [find_anomalies(sheet) for sheet in school]
    seconds = time.perf_counter() - began
    scored = [sheet for number, sheet in enumerate(school) if number % 3 != 2]
    questions = [found for number, found in enumerate(asked) if number % 3 != 2]
    recall = {kind.value: _recall(chance, kind, scored, questions) for kind in AnomalyKind}
    return {
        "sheets": sheets,
        "questions_a_sheet": sum(map(len, asked)) / sheets,
        "questions_a_scored_sheet": sum(map(len, questions)) / len(scored),
        "sheets_with_none": sum(not found for found in asked) / sheets,
        "most_on_one_sheet": max(map(len, asked)),
        "by_kind": {
            kind.value: n / sheets for kind, n in Counter(one.kind for found in asked for one in found).items()
        },
        "ms_a_sheet": 1000 * seconds / sheets,
        "recall": recall,
    }


def _recall(chance: random.Random, kind: AnomalyKind, scored: list[SheetData], questions: list[Any]) -> dict[str, Any]:
    tried = found = 0
    for sheet, before in zip(scored, questions, strict=True):
        spoilt = FAULTS[kind](chance, sheet)
        changed = _changed(sheet, spoilt) if spoilt else set()
        if spoilt is None or not changed:
            continue
        tried += 1
        old = {one.key for one in before}
        found += any(
            one.kind in TAKEN_FOR.get(kind, {kind}) and one.key not in old and changed & set(one.cells)
            for one in find_anomalies(spoilt)
        )
    return {"tried": tried, "found": found, "share": found / tried if tried else None}


def _changed(sheet: SheetData, spoilt: SheetData) -> set[tuple[int, str]]:
    return {
        (one.enrollment_id, key)
        for one, other in zip(sheet.in_order(), spoilt.in_order(), strict=True)
        for key in (*sheet.columns, REMARK)
        if (one.remark != other.remark if key == REMARK else one.marks.get(key) != other.marks.get(key))
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheets", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=5)
    chosen = parser.parse_args()
    print(json.dumps(run(chosen.sheets, chosen.seed), indent=1))


if __name__ == "__main__":
    main()
