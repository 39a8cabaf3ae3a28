"""The engine against a slow second reading of the circular, on thousands of random student-years."""

from __future__ import annotations

import collections
import copy
import json
import random

import pytest

from hocbaso.regulations.student_year import evaluate
from hocbaso.regulations.student_year_json import from_json, to_json
from tests.regulations import random_students, slow_reading


def answer(student: dict) -> dict:
    """The engine's answer as a reader of the JSON sees it, without the sentences."""
    found = json.loads(json.dumps(to_json(evaluate(from_json(student)))))
    assert found.pop("steps")
    return found


@pytest.mark.parametrize("seed", range(4))
def test_both_readings_agree_on_random_student_years(seed: int):
    chance = random.Random(seed)
    seen = collections.Counter()
    for number in range(2000):
        student = random_students.student(chance, number)
        found = answer(student)
        assert found == slow_reading.read(student), student
        seen[found["promotion"]] += 1
        seen[found["award"]] += 1
        seen["adjusted"] += any(found["learning"]["adjusted"])
        seen["review"] += any(found["learning"]["needs_council_review"])
        seen["after"] += found["learning"]["after_reassessment"] is not None
    # A comparison that never reaches a branch proves nothing about it.
    for name in (
        "PROMOTED",
        "COMPLETED",
        "REASSESS",
        "SUMMER_TRAINING",
        "RETAINED",
        "DECISION_NEEDED",
        "INCOMPLETE",
        "XUAT_SAC",
        "GIOI",
        "adjusted",
        "review",
        "after",
    ):
        assert seen[name] >= 5, (name, seen)


def doubtful_again(chance: random.Random, number: int) -> dict:
    """Results at the edges of clause 3, some of them re-assessed."""
    subjects = []
    for index in range(8):
        value = f"{chance.choice((65, 65, 65, 65, 80, 50, 49, 34, 30)) / 10:.1f}"
        semester = {"regular": [value, value], "midterm": value, "final": value}
        again = chance.choice((None, "5.0", "6.5", "3.4")) if value < "5.0" else None
        subjects.append(
            {
                "code": f"S{index}",
                "kind": "scored",
                "lessons_per_year": 35,
                "exempt": False,
                "semesters": [semester, semester],
                "reassessed": again,
            }
        )
    return {
        "id": number,
        "grade_level": 8,
        "subjects": subjects,
        "conduct": ["T", "T"],
        "conduct_after_summer": None,
        "absences": 0,
        "inclusive_disability": False,
    }


def test_both_readings_see_the_doubt_that_only_reassessment_brings():
    chance = random.Random(3)
    n_alone = 0
    for number in range(2000):
        student = doubtful_again(chance, number)
        found = answer(student)
        assert found == slow_reading.read(student), student
        if found["learning"]["needs_council_review"][2]:
            before = {**student, "subjects": [{**one, "reassessed": None} for one in student["subjects"]]}
            n_alone += not answer(before)["learning"]["needs_council_review"][2]
    assert n_alone >= 20


def test_the_comparison_would_notice_a_different_rule(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slow_reading, "CONDUCT", slow_reading.CONDUCT.replace("CĐ  K  Đ  Đ  CĐ", "CĐ  Đ  Đ  Đ  CĐ"))
    chance = random.Random(7)
    students = [random_students.student(chance, number) for number in range(2000)]
    assert any(answer(copy.deepcopy(student)) != slow_reading.read(student) for student in students)
