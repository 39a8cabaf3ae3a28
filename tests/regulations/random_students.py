"""Random student-years as JSON, drawn so that thresholds, gaps, exemptions and summer all happen often."""

from __future__ import annotations

import random

SCORED = (
    ("LIT", 140),
    ("MATH", 140),
    ("FL1", 105),
    ("CIVICS", 35),
    ("HISTGEO", 105),
    ("SCI", 140),
    ("TECH", 52),
    ("ICT", 35),
)
COMMENT = (("PE", 70), ("ART", 70), ("EXP", 105), ("LOCAL", 35))
EDGES = (34, 35, 49, 50, 64, 65, 79, 80, 89, 90)
LEVELS = ("T", "K", "Đ", "CĐ")


def written(tenths: int, chance: random.Random) -> str:
    if tenths % 10 == 0 and chance.random() < 0.3:
        return str(tenths // 10)
    return f"{tenths // 10}{chance.choice('.,')}{tenths % 10}"


def student(chance: random.Random, number: int) -> dict:
    """One student. About a third has a hole somewhere, one in eight an exemption; the rest can be concluded."""
    centre = chance.choice((*EDGES, 55, 70, 85, 95))
    spread = chance.choice((0, 1, 3, 8, 20))
    p_fail = chance.choice((0, 0, 0.02, 0.15))
    p_hole = chance.choice((0, 0, 0, 0, 0.01, 0.1))
    n_scored = chance.choice((8, 8, 8, 8, 8, 9, 7, 6, 5))
    outlier = chance.random() < 0.4
    subjects = []
    kinds = [(code, "scored", lessons) for code, lessons in (*SCORED, ("FL2", 36))[:n_scored]]
    kinds += [(code, "comment", lessons) for code, lessons in COMMENT]
    bad = chance.randrange(len(kinds)) if outlier else -1
    for index, (code, kind, lessons) in enumerate(kinds):
        own = chance.choice((0, 20, 34, 35, 49)) if index == bad else centre + chance.randint(-spread, spread)
        n_regular = 2 if kind == "comment" or lessons <= 35 else 3 if lessons <= 70 else 4

        def value(kind: str = kind, own: int = own, is_bad: bool = index == bad) -> str | None:
            if chance.random() < p_hole:
                return None
            if kind == "comment":
                return "CĐ" if chance.random() < (0.3 if is_bad else p_fail) else "Đ"
            jitter = chance.choice((0, 0, chance.randint(-2, 2), chance.randint(-10, 10)))
            return written(min(100, max(0, own + jitter)), chance)

        semesters: list[dict | None] = []
        for _ in range(2):
            regular = [value() for _ in range(n_regular)]
            if p_hole and chance.random() < 0.1:
                regular = regular[: chance.randint(0, n_regular)]
            semesters.append({"regular": regular, "midterm": value(), "final": value()})
        reassessed = None
        if chance.random() < 0.3:
            reassessed = chance.choice(("Đ", "CĐ")) if kind == "comment" else f"{chance.randint(30, 70) / 10:.1f}"
        exempt = (
            chance.choice((True, [True, False], [False, True], [False, False])) if chance.random() < 0.02 else False
        )
        subjects.append(
            {
                "code": code,
                "kind": kind,
                "lessons_per_year": lessons,
                "exempt": exempt,
                "semesters": semesters,
                "reassessed": reassessed,
            }
        )
    chance.shuffle(subjects)
    if chance.random() < 0.5:
        for subject in subjects:
            subject["reassessed"] = None
    level = (
        (lambda: None)
        if chance.random() < 0.02
        else (lambda: chance.choice("TTTK" if chance.random() < 0.7 else LEVELS))
    )
    return {
        "id": number,
        "grade_level": chance.randint(6, 9),
        "subjects": subjects,
        "conduct": [level(), level()],
        "conduct_after_summer": chance.choice((None, None, None, None, *LEVELS)),
        "absences": chance.choice((0, 3, 44, 45, 46, 60)) if chance.random() < 0.99 else None,
        "inclusive_disability": chance.random() < 0.03,
    }
