"""Names as the paper can show them: Latin letters with every mark, nothing that only looks like them."""

from __future__ import annotations

import unicodedata

import pytest

from hocbaso.regulations.drawn_letters import undrawable, why_not_a_name


@pytest.mark.parametrize(
    "name",
    [
        "Nguyễn Thị Ường",
        "H’Ƀlưm Ơ\u0306ng",
        "Ksor H'Bia",
        "K’Brôih",
        "Đặng Nguyễn-An",
        "Thạch Sô Phi A.",
        "Phạm Văn Ðức",
    ],
)
def test_names_of_all_peoples_of_the_country_stand(name: str) -> None:
    assert why_not_a_name(unicodedata.normalize("NFC", name)) is None


@pytest.mark.parametrize(
    ("name", "sign", "words"),
    [
        ("Nguyễn Văn \u0410n", "U+0410", "La-tinh"),
        ("Trần Thị \u041eanh", "U+041E", "La-tinh"),
        ("Lê \u0391n", "U+0391", "La-tinh"),
        ("Lý 龍", "U+9F8D", "không in được"),
        ("Ngô \uff21n", "U+FF21", "không in được"),
        ("An\u202enahn", "U+202E", "không in được"),
        ("An 😀", "U+1F600", "không in được"),
    ],
)
def test_a_name_that_the_paper_cannot_show_is_told_with_its_sign(name: str, sign: str, words: str) -> None:
    told = why_not_a_name(name)
    assert told is not None and sign in told and words in told


def test_every_letter_of_vietnamese_is_drawn() -> None:
    letters = "aăâeêioôơuưy"
    toned = (
        unicodedata.normalize("NFC", letter + tone)
        for letter in letters
        for tone in ("", *"\u0300\u0309\u0303\u0301\u0323")
    )
    assert undrawable("".join(toned) + "đĐ") == ""
