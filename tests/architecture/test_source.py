"""Habits of the house that a reader would otherwise check by eye."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import source

NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "core"}


def test_each_file_and_folder_is_named_after_what_it_knows():
    named_wrong = [
        str(path.relative_to(source.ROOT))
        for path in source.python_files()
        if {part.removesuffix(".py") for part in path.relative_to(source.ROOT).parts} & NAMELESS
    ]
    assert named_wrong == []


SCORE_SERVICES = ("score_", "results", "reviews", "corrections", "locking", "imports", "exports", "transcript")
SCORE_DOCUMENTS = ("content_rules", "transcript_content", "xml_record")


def score_paths() -> list[Path]:
    """Every file through which a score passes on its way from the cell to the paper."""
    return [
        *source.python_files("hocbaso/regulations"),
        *source.python_files("hocbaso/models"),
        *(path for path in source.python_files("hocbaso/services") if path.stem.startswith(SCORE_SERVICES)),
        *(path for path in source.python_files("hocbaso/documents") if path.stem in SCORE_DOCUMENTS),
    ]


@pytest.mark.parametrize("code", ["float(text)", "def f(x: float): ...", "score * 0.1", "math.floor(x)"])
def test_the_search_for_floats_finds_them(code: str):
    assert list(source.float_uses(ast.parse(code)))


def test_no_score_is_ever_a_float():
    found = [source.shown(path, node) for path in score_paths() for node in source.float_uses(source.tree(path))]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "text(f'SELECT * FROM {table}')",
        "session.execute('DELETE FROM x WHERE id = %s' % number)",
        "cursor.execute('SELECT ' + column)",
        "connection.exec_driver_sql('SELECT {}'.format(column))",
        "def f(name):\n    for name in ('a', 'b'):\n        cursor.execute(f'PRAGMA {name}')",
    ],
)
def test_the_search_for_built_sql_finds_it(code: str):
    assert list(source.built_sql(ast.parse(code)))


def test_literals_in_a_loop_are_no_built_sql():
    code = "for pragma in ('synchronous=FULL', 'foreign_keys=ON'):\n    cursor.execute(f'PRAGMA {pragma}')"
    assert list(source.built_sql(ast.parse(code))) == []


def test_sql_is_never_glued_together():
    found = [
        source.shown(path, node)
        for path in source.python_files("hocbaso", "migrations")
        for node in source.built_sql(source.tree(path))
    ]
    assert found == []


def test_every_module_of_the_application_says_what_it_knows():
    silent = [
        str(path.relative_to(source.ROOT))
        for path in source.python_files("hocbaso")
        if not ast.get_docstring(source.tree(path)) and path.read_text(encoding="utf-8").strip()
    ]
    assert silent == []


LEFT_OPEN = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")


def test_nothing_is_left_open_in_the_application():
    found = [
        f"{path.relative_to(source.ROOT)}:{number}: {line.strip()}"
        for path in source.python_files("hocbaso")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if LEFT_OPEN.search(line)
    ]
    assert found == []
