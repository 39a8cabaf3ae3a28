"""How many student-years a second the rule engine answers on one core: twelve subjects, every step written out.

``python -m bench.rules [--n 4000] [--out FILE]`` prints and writes JSON. The lines are made first and differ all from
one another, so no memory of earlier answers helps.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import time
from pathlib import Path

from hocbaso.cli.rules import evaluate_stream

SCORED = (
    ("LIT", "Ngữ văn", 140),
    ("MATH", "Toán", 140),
    ("FL1", "Ngoại ngữ 1", 105),
    ("CIVICS", "Giáo dục công dân", 35),
    ("HISTGEO", "Lịch sử và Địa lí", 105),
    ("SCI", "Khoa học tự nhiên", 140),
    ("TECH", "Công nghệ", 52),
    ("ICT", "Tin học", 35),
)
COMMENT = (
    ("PE", "Giáo dục thể chất", 70),
    ("ART", "Nghệ thuật", 70),
    ("EXP", "Hoạt động trải nghiệm, hướng nghiệp", 105),
    ("LOCAL", "Nội dung giáo dục của địa phương", 35),
)


def student_year(chance: random.Random, number: int) -> dict[str, object]:
    """One random, complete student-year."""
    middle = chance.randint(40, 92)

    def score() -> str:
        tenths = min(100, max(0, round(chance.gauss(middle, 12))))
        return f"{tenths // 10}.{tenths % 10}"

    def mark() -> str:
        return "CĐ" if chance.random() < 0.01 else "Đ"

    subjects: list[dict[str, object]] = []
    for code, name, lessons in SCORED:
        n_regular = 2 if lessons <= 35 else 3 if lessons <= 70 else 4
        subjects.append(
            {
                "code": code,
                "name": name,
                "kind": "scored",
                "lessons_per_year": lessons,
                "exempt": False,
                "reassessed": None,
                "semesters": [
                    {"regular": [score() for _ in range(n_regular)], "midterm": score(), "final": score()}
                    for _ in range(2)
                ],
            }
        )
    for code, name, lessons in COMMENT:
        subjects.append(
            {
                "code": code,
                "name": name,
                "kind": "comment",
                "lessons_per_year": lessons,
                "exempt": False,
                "reassessed": None,
                "semesters": [{"regular": [mark(), mark()], "midterm": mark(), "final": mark()} for _ in range(2)],
            }
        )
    return {
        "id": number,
        "grade_level": chance.randint(6, 9),
        "subjects": subjects,
        "conduct": [chance.choice("TTTK"), chance.choice("TTTK")],
        "conduct_after_summer": None,
        "absences": chance.randint(0, 12),
        "inclusive_disability": False,
    }


def measure(n_lines: int, rounds: int = 3) -> dict[str, object]:
    """Best of ``rounds`` over the same ``n_lines``, from bytes in to bytes out."""
    chance = random.Random(2021)
    lines = [json.dumps(student_year(chance, number), ensure_ascii=False).encode() + b"\n" for number in range(n_lines)]
    seconds = []
    n_bytes = 0
    for _ in range(rounds):
        out = io.BytesIO()
        started = time.perf_counter()
        refused = evaluate_stream(lines, out)
        seconds.append(time.perf_counter() - started)
        n_bytes = len(out.getvalue())
        if refused:
            raise SystemExit(f"{refused} of the made-up lines were refused")
    best = min(seconds)
    return {
        "name": "rules",
        "n_student_years": n_lines,
        "subjects": len(SCORED) + len(COMMENT),
        "seconds": round(best, 3),
        "student_years_per_second": round(n_lines / best),
        "bytes_out_per_student_year": n_bytes // n_lines,
        "target_per_second": 2000,
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=4000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result = measure(options.n)
    text = json.dumps(result, indent=1)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
