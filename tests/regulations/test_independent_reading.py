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


def test_the_comparison_would_notice_a_different_rule(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slow_reading, "CONDUCT", slow_reading.CONDUCT.replace("CĐ  K  Đ  Đ  CĐ", "CĐ  Đ  Đ  Đ  CĐ"))
    chance = random.Random(7)
    students = [random_students.student(chance, number) for number in range(2000)]
    assert any(answer(copy.deepcopy(student)) != slow_reading.read(student) for student in students)
