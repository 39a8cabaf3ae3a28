"""Order and search of names, shape of codes, and which regulation holds when."""

from __future__ import annotations

import random
import sqlite3
import unicodedata
from datetime import date

import pytest

from hocbaso.errors import Invalid
from hocbaso.regulations.identifiers import (
    PROVINCE_CODES,
    check_moet_code,
    check_personal_id,
    check_register_no,
    check_school_code,
)
from hocbaso.regulations.registry import REGULATIONS, regulation_for, regulation_named
from hocbaso.regulations.terms import Sex
from hocbaso.regulations.vietnamese_names import MAX_KEY_LENGTH, normalise_name, search_key, sort_key

ORDERED = [
    "ma mà mả mã má mạ mă mâ".split(),
    "An Anh Ánh Ăn Ân".split(),
    "da dạ đa".split(),
    "e ê i o ô ơ u ư y".split(),
    ["Bùi An", "Trần An", "Bùi Án"],  # the whole given name first, tones included
    ["Lê Văn An", "Nguyễn An", "Nguyễn Anh An", "Nguyễn Văn An", "Nguyễn Vân An", "Lê Văn Anh"],
    ["Nguyễn Văn An", "Nguyễn Văn Bảo An", "Phạm An"],
    ["An", "Bùi An"],  # one word only: no family name comes before any
    ["nguyễn an", "Nguyễn an", "nguyễn An"],
    ["Hoa", "Hoà", "Hòa", "Hoan"],  # old and new tone placement: different strings, letters before tones
    ["Y K'Brin", "Y Ka", "Y Kbrin"],
]


@pytest.mark.parametrize("names", ORDERED, ids=lambda names: names[0])
def test_names_in_vietnamese_order(names: list[str]):
    shuffled = list(names)
    random.Random(1).shuffle(shuffled)
    assert sorted(shuffled, key=sort_key) == names


def slow_order(name: str) -> tuple:
    """The order once more, as tuples: letters, tones, case for given, family and middle name."""
    alphabet = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
    tones = ["", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323"]
    words = name.split(" ")
    parts = [words[-1], words[0] if len(words) > 1 else "", " ".join(words[1:-1])]

    def levels(part: str) -> tuple:
        letters, marks, cases = [], [], []
        for letter in unicodedata.normalize("NFC", part):
            tone = next((t for t in tones[1:] if t in unicodedata.normalize("NFD", letter)), "")
            plain = unicodedata.normalize(
                "NFC", unicodedata.normalize("NFD", letter).replace(tone, "") if tone else letter
            )
            letters.append(-1 if plain == " " else alphabet.index(plain.lower()))
            marks.append(tones.index(tone))
            cases.append(plain != plain.lower())
        return letters, marks, cases

    return tuple(levels(part) for part in parts)


def test_the_stored_key_orders_as_the_levels_do_in_python_and_in_sqlite():
    chance = random.Random(5)
    letters = "aàảãáạăằâấbdđeêếghinoôơởuưừvyAĐÂN"
    names = sorted(
        {
            " ".join("".join(chance.choices(letters, k=chance.randint(1, 3))) for _ in range(chance.randint(1, 4)))
            for _ in range(3000)
        }
    )
    expected = [slow_order(name) for name in sorted(names, key=slow_order)]
    assert [slow_order(name) for name in sorted(names, key=sort_key)] == expected
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE person (name TEXT, sort_key TEXT)")
    base.executemany("INSERT INTO person VALUES (?, ?)", [(name, sort_key(name)) for name in names])
    stored = [row[0] for row in base.execute("SELECT name FROM person ORDER BY sort_key")]
    base.close()
    assert [slow_order(name) for name in stored] == expected


@pytest.mark.parametrize(
    "name", ["Nguyễn Hoàng Thuỳ Trang", "Đ", "Y Thị’ Kbăm-Niê", "李 小龙", "", "Ư" * 120, "Nguyễn " * 17]
)
def test_the_key_is_ascii_and_fits_its_column(name: str):
    key = sort_key(name)
    assert key.isascii()
    assert len(key) <= MAX_KEY_LENGTH
    assert key == sort_key(unicodedata.normalize("NFD", name))


def test_search_does_not_mind_marks_or_where_the_tone_stands():
    assert search_key("Hòa") == search_key("Hoà") == search_key("  HOA ") == "hoa"
    assert search_key("Đặng  Thị Thuý") == search_key("đặng thị thúy") == "dang thi thuy"


def test_a_name_is_tidied_but_kept_as_typed():
    assert normalise_name("  Nguyễn \u00a0 Hoà ") == "Nguyễn Hoà"
    assert normalise_name(unicodedata.normalize("NFD", "Nguyễn")) == "Nguyễn"


def about(number: str, **row) -> list[str]:
    return [warning.about for warning in check_personal_id(number, **row)]


def test_personal_ids_of_the_specification():
    girl = {"born_on": date(2017, 3, 1), "sex": Sex.FEMALE}
    assert about("048317002681", **girl) == []
    assert about("048217002681", **girl) == ["sex"]
    assert about("048316002681", **girl) == ["year"]
    assert about("048117002681", **girl) == ["century"]
    assert about("000000000000") == ["province"]
    assert about("317317002681", **girl) == ["abroad"]
    assert len(PROVINCE_CODES) == 63


@pytest.mark.parametrize(
    "number", ["04831700268", "0483170026811", "04831700268x", "٠٤٨٣١٧٠٠٢٦٨١", " 048317002681", ""]
)
def test_what_is_not_twelve_digits_is_refused(number: str):
    with pytest.raises(Invalid, match="12 chữ số"):
        check_personal_id(number)


def test_codes_of_students_registers_and_schools():
    assert check_moet_code("3610000088") == ()
    assert [warning.about for warning in check_moet_code("36100000")] == ["length"]
    assert check_register_no(" 12/2025 ") == "12/2025"
    assert check_school_code(" 36000501 ") == "36000501"
    for check, text in (
        (check_moet_code, "36 100"),
        (check_moet_code, "hs-1"),
        (check_register_no, ""),
        (check_register_no, "x" * 31),
        (check_school_code, "mã"),
        (check_school_code, "a b"),
    ):
        with pytest.raises(Invalid):
            check(text)


@pytest.mark.parametrize(
    ("year", "grade_level", "holds"),
    [
        ("2021-2022", 6, True),
        ("2021-2022", 7, False),
        ("2022-2023", 7, True),
        ("2022-2023", 8, False),
        ("2023-2024", 8, True),
        ("2023-2024", 9, False),
        ("2024-2025", 9, True),
        ("2026-2027", 9, True),
        ("2020-2021", 6, False),
        ("2021-2022", None, True),
        ("2020-2021", None, False),
        ("2025–2026", None, True),
    ],
)
def test_the_circular_came_grade_by_grade(year: str, grade_level: int | None, holds: bool):
    if holds:
        assert regulation_for(year, grade_level).version == "TT22-2021"
    else:
        with pytest.raises(Invalid, match="trước Thông tư 22/2021"):
            regulation_for(year, grade_level)


@pytest.mark.parametrize(("year", "grade_level"), [("2025", 6), ("2025-2027", 6), ("2025-2026", 5), ("2025-2026", 10)])
def test_what_is_no_year_or_grade_level_is_refused(year: str, grade_level: int):
    with pytest.raises(Invalid):
        regulation_for(year, grade_level)


def test_versions_have_names_of_their_own():
    assert [regulation_named(one.version) for one in REGULATIONS] == list(REGULATIONS)
    with pytest.raises(Invalid, match="TT22-2021"):
        regulation_named("TT58-2011")
