"""The glossary is law: every closed word of the circular stands in it, and it names no class that does not exist."""

from __future__ import annotations

import enum
import re
from pathlib import Path

import pytest

from hocbaso.regulations import terms

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([^`]+)`", GLOSSARY))
ENUMS = [
    one
    for one in vars(terms).values()
    if isinstance(one, type) and issubclass(one, enum.Enum) and one is not enum.StrEnum
]


@pytest.mark.parametrize("closed", ENUMS, ids=lambda closed: closed.__name__)
def test_closed_words_stand_in_the_glossary(closed: type[enum.Enum]):
    assert closed.__name__ in WORDS
    assert {member.name for member in closed} <= WORDS
    assert {member.value for member in closed} <= WORDS


def test_classes_named_in_the_glossary_exist():
    named = {word for word in WORDS if re.fullmatch(r"(?:[A-Z][a-z]+)+", word)}
    written = set()
    for path in (*(ROOT / "hocbaso").rglob("*.py"), *(ROOT / "signing_helper").rglob("*.py")):
        written |= set(re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert named - written - {member.value for closed in ENUMS for member in closed} == set()


def test_rows_have_four_cells():
    rows = [line for line in GLOSSARY.splitlines() if line.startswith("|")]
    assert len(rows) > 100
    assert {line.count("|") for line in rows} == {5}
