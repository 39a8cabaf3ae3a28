"""``flask rules evaluate``: JSON lines in, JSON lines out, one bad line never takes the others with it."""

from __future__ import annotations

import copy
import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from hocbaso.cli.rules import evaluate_stream, rules_group
from tests.regulations.random_students import student

ROOT = Path(__file__).parents[2]
SEMESTER = {"regular": ["8.0", "7.5", "9", "8.5"], "midterm": "8.0", "final": "7.5"}
MATH = {
    "code": "toan",
    "kind": "scored",
    "lessons_per_year": 140,
    "exempt": False,
    "semesters": [SEMESTER, SEMESTER],
    "reassessed": None,
}
PE = {
    "code": "gdtc",
    "kind": "comment",
    "lessons_per_year": 70,
    "exempt": False,
    "reassessed": None,
    "semesters": [
        {"regular": ["Đ", "Đ"], "midterm": "Đ", "final": "CĐ"},
        {"regular": ["Đ", "Đ"], "midterm": "Đ", "final": "Đ"},
    ],
}
GOOD = {
    "id": 1,
    "grade_level": 8,
    "subjects": [MATH, PE],
    "conduct": ["T", "K"],
    "conduct_after_summer": None,
    "absences": 3,
    "inclusive_disability": False,
}


def run(*lines: object, arguments: tuple[str, ...] = ("evaluate",)) -> tuple[int, list[dict]]:
    raw = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    result = CliRunner().invoke(rules_group, list(arguments), input=raw)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def changed(path: str, value: object) -> dict:
    item = copy.deepcopy(GOOD)
    *parents, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    place = item
    for step in parents:
        place = place[step]
    place[last] = value
    return item


def test_the_schema_of_the_promise():
    status, (answer,) = run(GOOD)
    assert status == 0
    steps = answer.pop("steps")
    assert (
        "toan, học kì I: (8,0 + 7,5 + 9,0 + 8,5 + 2 × 8,0 + 3 × 7,5) ÷ 9 = 7,94… → 7,9 (Điều 9 khoản 1 điểm b Thông tư 22/2021/TT-BGDĐT)"
        in steps
    )
    assert answer == {
        "id": 1,
        "subjects": {
            "toan": {"semesters": ["7.9", "7.9"], "year": "7.9", "after_reassessment": None},
            "gdtc": {"semesters": ["CĐ", "Đ"], "year": "Đ", "after_reassessment": None},
        },
        "learning": {
            "semesters": [None, None],
            "year": None,
            "adjusted": [False, False, False],
            "needs_council_review": [False, False, False],
            "after_reassessment": None,
        },
        "conduct": {"year": "K", "after_summer": None},
        "promotion": "DECISION_NEEDED",
        "award": None,
        "gaps": [],
    }
    assert list(answer) == ["id", "subjects", "learning", "conduct", "promotion", "award", "gaps"]


def test_holes_become_gaps():
    status, (answer,) = run(changed("subjects/0/semesters/1", {"regular": ["8", None, "9", None], "midterm": None}))
    assert status == 0
    assert answer["promotion"] == "INCOMPLETE"
    assert answer["subjects"]["toan"]["semesters"] == ["7.9", None]
    assert answer["gaps"] == [
        {"subject": "toan", "semester": 2, "missing": name} for name in ("regular_2", "regular_4", "midterm", "final")
    ]
    assert run(changed("conduct", [None, "T"]))[1][0]["gaps"] == [
        {"subject": None, "semester": 1, "missing": "conduct_1"}
    ]


@pytest.mark.parametrize(
    "item",
    [
        {"id": "x", "grade_level": 8, "subjects": []},
        changed("subjects/0/semesters", None),
        changed("subjects/0/semesters", []),
        changed("subjects/0/semesters", [None, None]),
        changed("subjects/0/semesters/0", {}),
        changed("conduct", None),
        changed("absences", None),
        changed("inclusive_disability", None),
        changed("subjects/0/exempt", None),
        changed("subjects/1/lessons_per_year", None),
        changed("unknown", {"deep": [1]}),
        changed("subjects/0/semesters/0/regular", ["8", "8", "8", "8", None, None]),
    ],
)
def test_what_is_absent_is_not_entered(item: dict):
    status, (answer,) = run(item)
    assert status == 0
    assert "error" not in answer


MALFORMED = (
    [
        changed("subjects/0/semesters/0/midterm", value)
        for value in (
            "10.1",
            "8.25",
            "8,55",
            "-1",
            "85",
            "100",
            "1e1",
            "",
            " 8",
            "8 5",
            "８",
            "Đ",
            8.5,
            8,
            0,
            True,
            [],
            {},
            "NaN",
        )
    ]
    + [changed("subjects/1/semesters/0/midterm", value) for value in ("8.0", "d", "đạt", "K", True, 1, [])]
    + [
        changed("subjects/0/semesters/0/regular", value)
        for value in (["8"] * 5, ["8", "8", "8", "8", None, "8"], "8888", {"0": "8"}, 8, ["8", 8.0], [["8"]])
    ]
    + [changed("subjects/0/semesters", value) for value in ([{}, {}, {}], {}, "x", [1, 2], [[], []])]
    + [changed("subjects", value) for value in (None, {}, [MATH, MATH], [1], [None], "x")]
    + [changed("subjects/0/code", value) for value in (None, "", " ", 5, "gdtc")]
    + [changed("subjects/0/kind", value) for value in (None, "SCORED", "", [], 1)]
    + [changed("subjects/0/lessons_per_year", value) for value in (None, 0, -35, "140", 140.0, True, 10**9)]
    + [changed("subjects/0/exempt", value) for value in (1, "true", [True], [True, 0], [True, False, True], {})]
    + [changed("subjects/0/reassessed", value) for value in (5, 5.0, "Đ", "11", True)]
    + [changed("grade_level", value) for value in (None, 5, 10, "8", 8.0, True)]
    + [
        changed("conduct", value)
        for value in (["T"], ["T", "T", "T"], "TT", ["T", "X"], ["T", 1], ["T", ["T"]], {}, ["TOT", "T"])
    ]
    + [changed("absences", value) for value in (-1, "3", 3.0, True, [])]
    + [changed("conduct_after_summer", value) for value in ("X", 1, True)]
    + [changed("inclusive_disability", value) for value in (0, 1, "false")]
)


@pytest.mark.parametrize("item", MALFORMED, ids=lambda item: json.dumps(item)[-60:])
def test_a_malformed_line_keeps_its_id_and_the_others_come_out(item: dict):
    item = {**item, "id": "bad"}
    status, answers = run(GOOD, item, GOOD)
    assert status == 1
    assert [answer["id"] for answer in answers] == [1, "bad", 1]
    assert set(answers[1]) == {"id", "error"}
    assert len(answers[1]["error"]) > 20
    assert "error" not in answers[0]
    assert answers[0] == answers[2]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"xx",
        b"[]",
        b"1",
        b"null",
        b'"text"',
        b'{"id": 1} {"id": 2}',
        b"\xff\xfe",
        b'{"id": "\xc3"}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
        b'{"id": 1e999, "grade_level": 8}',
        b'{"id": NaN, "grade_level": 8}',
        b"{'id': 1}",
    ],
    ids=lambda line: repr(line[:20]),
)
def test_what_is_no_json_object_is_refused_in_one_line(line: bytes):
    status, answers = run(line, GOOD)
    assert status == 1
    assert len(answers) == 2
    assert answers[0]["error"]
    assert answers[1]["id"] == 1


def test_not_a_number_keeps_the_id():
    line = json.dumps({**GOOD, "id": 7}).replace('"absences": 3', '"absences": NaN').encode()
    status, (answer,) = run(line)
    assert (status, answer["id"]) == (1, 7)
    assert "NaN" in answer["error"]


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_not_a_number_is_no_json_wherever_it_stands(name: str):
    elsewhere = json.dumps({**GOOD, "id": 7, "unknown": [0]}).replace("[0]", f"[{name}]").encode()
    as_id = json.dumps({**GOOD, "id": 0}).replace('"id": 0', f'"id": {name}').encode()
    status, answers = run(elsewhere, as_id, changed("subjects/0/name", name))
    assert status == 1
    assert [answer["id"] for answer in answers] == [7, None, 1]
    assert ["error" in answer for answer in answers] == [True, True, False]


def test_ids_of_any_kind_come_back_and_blank_lines_are_skipped():
    ids = [None, 0, -3, "Lê", "\ud800", [1], {"a": "b"}, 1.5, True]
    status, answers = run(b"", *({**GOOD, "id": one} for one in ids), b"   ")
    assert status == 0
    assert [answer["id"] for answer in answers] == ids


def test_a_byte_order_mark_and_windows_line_ends_are_read():
    status, answers = run(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r", GOOD)
    assert status == 0
    assert answers[0] == answers[1]


def test_names_are_used_in_the_sentences():
    _, (answer,) = run(changed("subjects/0/name", "Toán"))
    assert answer["steps"][0].startswith("Toán, học kì I: (")
    assert list(answer["subjects"]) == ["toan", "gdtc"]


def test_an_unknown_regulation_is_wrong():
    result = CliRunner().invoke(rules_group, ["evaluate", "--regulation", "TT58-2011"], input="")
    assert result.exit_code == 2
    assert "TT22-2021" in result.output
    assert run(GOOD, arguments=("evaluate", "--regulation", "TT22-2021"))[0] == 0


def test_nothing_in_nothing_out():
    assert run() == (0, [])


def test_runs_alone_and_answers_line_by_line(tmp_path: Path):
    """No instance, no database; the first answer is there before the second question is asked."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HOCBASO", "DATABASE", "FLASK"))
    }
    environment |= {"HOCBASO_INSTANCE": str(tmp_path / "nowhere"), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "hocbaso.cli.rules", "evaluate"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        for number in (1, 2):
            process.stdin.write(json.dumps({**GOOD, "id": number}).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, b"")
    assert list(tmp_path.iterdir()) == []


def test_the_engine_needs_no_framework_but_click():
    code = (
        "import sys, hocbaso.cli.rules; "
        "print([name for name in ('flask', 'sqlalchemy', 'lxml', 'weasyprint', 'openpyxl') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_thousand_random_lines_come_out_in_order():
    chance = random.Random(3)
    lines = [json.dumps(student(chance, number)).encode() + b"\n" for number in range(1000)]
    out = io.BytesIO()
    assert evaluate_stream(lines, out) == 0
    assert [json.loads(line)["id"] for line in out.getvalue().splitlines()] == list(range(1000))
