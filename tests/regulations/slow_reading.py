"""The circular read a second time, by somebody slow: fractions, plain sentences, no shortcut, nothing of hocbaso.

Takes and gives the JSON of the rule engine (without ``steps``). Compared with the engine on thousands of students.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

ORDER = ["CĐ", "Đ", "K", "T"]
CONDUCT = """
    T  K  Đ  CĐ
T   T  K  K  CĐ
K   T  K  Đ  CĐ
Đ   K  K  Đ  CĐ
CĐ  K  Đ  Đ  CĐ
"""


def conduct_of_year(first: str | None, second: str | None) -> str | None:
    if not first or not second:
        return None
    head, *rows = [line.split() for line in CONDUCT.strip().splitlines()]
    table = {row[0]: dict(zip(head, row[1:], strict=True)) for row in rows}
    return table[first][second]


def one_decimal(exact: Fraction) -> Decimal:
    # Enough digits that a tie is a tie and nothing else looks like one: the denominators are 3, 6, 7, 8 and 9.
    decimal = Decimal(exact.numerator) / Decimal(exact.denominator)
    return decimal.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def asked(subject: dict) -> int:
    if subject["kind"] == "comment" or subject["lessons_per_year"] <= 35:
        return 2
    return 4 if subject["lessons_per_year"] > 70 else 3


def holes(subject: dict, semester: dict | None) -> list[str]:
    semester = semester or {}
    marks = list(semester.get("regular") or [])
    found = []
    for place in range(asked(subject)):
        if place >= len(marks) or marks[place] is None:
            found.append(f"regular_{place + 1}")
    return found + [name for name in ("midterm", "final") if semester.get(name) is None]


def semester_result(subject: dict, semester: dict | None) -> object:
    if holes(subject, semester):
        return None
    everything = [*semester["regular"], semester["midterm"], semester["final"]]
    if subject["kind"] == "comment":
        return "Đ" if set(everything) == {"Đ"} else "CĐ"
    weights = [1] * len(semester["regular"]) + [2, 3]
    total = sum(weight * Fraction(mark.replace(",", ".")) for weight, mark in zip(weights, everything, strict=True))
    return one_decimal(total / sum(weights))


def level_by_clause_two(scores: list[Decimal], fails: int) -> int:
    def at_least_six(bound: str) -> bool:
        return len([score for score in scores if score >= Decimal(bound)]) >= 6

    def all_from(bound: str) -> bool:
        return all(score >= Decimal(bound) for score in scores)

    if fails == 0 and all_from("6.5") and at_least_six("8.0"):
        return 3
    if fails == 0 and all_from("5.0") and at_least_six("6.5"):
        return 2
    if fails <= 1 and at_least_six("5.0") and not any(score < Decimal("3.5") for score in scores):
        return 1
    return 0


def rate(results: dict[str, object]) -> tuple[str, bool, bool] | None:
    """(level, adjusted, needs review) of the subjects' results; None when fewer than six carry scores."""

    def level(of: dict[str, object]) -> int:
        scores = [value for value in of.values() if isinstance(value, Decimal)]
        return level_by_clause_two(scores, list(of.values()).count("CĐ"))

    if sum(isinstance(value, Decimal) for value in results.values()) < 6:
        return None
    actual = level(results)

    def blames(read_as: str) -> bool:
        for code, value in results.items():
            others = {other: result for other, result in results.items() if other != code}
            if read_as == "counterfactual":
                others[code] = Decimal(10) if isinstance(value, Decimal) else "Đ"
            would_be = level(others)
            if would_be >= 2 and would_be - actual >= 2:
                return True
        return False

    strict, counterfactual = blames("strict"), blames("counterfactual")
    return ORDER[actual + 1 if strict else actual], strict, counterfactual != strict


def text(value: object) -> str | None:
    return f"{value:.1f}" if isinstance(value, Decimal) else value


def read(student: dict) -> dict:
    """The whole answer."""
    gaps, subjects = [], {}
    terms: list[dict[str, object]] = [{}, {}, {}]
    retaken: dict[str, object] = {}
    for subject in student["subjects"]:
        code, semesters = subject["code"], subject["semesters"]
        exempt = subject["exempt"] if isinstance(subject["exempt"], list) else [subject["exempt"]] * 2
        both = [None if exempt[i] else semester_result(subject, semesters[i]) for i in (0, 1)]
        for i in (0, 1):
            if not exempt[i]:
                gaps += [{"subject": code, "semester": i + 1, "missing": hole} for hole in holes(subject, semesters[i])]
                terms[i][code] = both[i]
        if all(exempt):
            subjects[code] = {"semesters": [None, None], "year": None, "after_reassessment": None}
            continue
        if any(exempt):
            year = both[exempt.index(False)]
        elif subject["kind"] == "comment":
            year = both[1]
        elif None in both:
            year = None
        else:
            year = one_decimal((Fraction(both[0]) + 2 * Fraction(both[1])) / 3)
        terms[2][code] = year
        again = None
        if subject["reassessed"] is not None and (year == "CĐ" or (isinstance(year, Decimal) and year < 5)):
            again = subject["reassessed"] if subject["kind"] == "comment" else Decimal(subject["reassessed"])
            retaken[code] = again
        subjects[code] = {
            "semesters": [text(both[0]), text(both[1])],
            "year": text(year),
            "after_reassessment": text(again),
        }

    ratings = [None if None in term.values() else rate(term) for term in terms]
    levels = [rating and rating[0] for rating in ratings]
    after = rate(terms[2] | retaken) if retaken and None not in terms[2].values() else None
    conduct = conduct_of_year(*student["conduct"])
    summer = student["conduct_after_summer"] if conduct == "CĐ" else None
    gaps += [
        {"subject": None, "semester": i, "missing": f"conduct_{i}"} for i in (1, 2) if student["conduct"][i - 1] is None
    ]
    if student["absences"] is None:
        gaps.append({"subject": None, "semester": None, "missing": "absences"})

    award = None
    if not gaps and not student["inclusive_disability"] and conduct == "T" and levels[2] == "T":
        nines = [year for year in terms[2].values() if isinstance(year, Decimal) and year >= 9]
        award = "XUAT_SAC" if len(nines) >= 6 else "GIOI"
    return {
        "id": student["id"],
        "subjects": subjects,
        "learning": {
            "semesters": levels[:2],
            "year": levels[2],
            "adjusted": [bool(rating and rating[1]) for rating in ratings],
            # The clause applies again after re-assessment, and so does its doubt: the year must be looked at.
            "needs_council_review": [
                bool(ratings[0] and ratings[0][2]),
                bool(ratings[1] and ratings[1][2]),
                bool(ratings[2] and ratings[2][2]) or bool(after and after[2]),
            ],
            "after_reassessment": after and after[0],
        },
        "conduct": {"year": conduct, "after_summer": summer},
        "promotion": outcome(student, gaps, levels[2], after and after[0], conduct, summer),
        "award": award,
        "gaps": gaps,
    }


def outcome(
    student: dict, gaps: list, learning: str | None, after: str | None, conduct: str | None, summer: str | None
) -> str:
    if gaps:
        return "INCOMPLETE"
    if student["inclusive_disability"] or learning is None:
        return "DECISION_NEEDED"
    passed = "COMPLETED" if student["grade_level"] == 9 else "PROMOTED"
    present = student["absences"] <= 45
    if present and conduct != "CĐ" and learning != "CĐ":
        return passed
    if present and conduct == "CĐ" and learning != "CĐ":
        return {None: "SUMMER_TRAINING", "CĐ": "RETAINED"}.get(summer, passed)
    if present and conduct != "CĐ" and learning == "CĐ":
        return {None: "REASSESS", "CĐ": "RETAINED"}.get(after, passed)
    return "RETAINED"
