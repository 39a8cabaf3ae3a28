"""Vietnamese names: how they are written, ordered and found. Pure; one stored key gives one order on every database.

Order: given name (last word), then family name (first word), then the middle, each compared whole by letters a ă â b
c d đ e ê … o ô ơ … u ư, then by tones (ngang, huyền, hỏi, ngã, sắc, nặng), then small before capital.
"""

from __future__ import annotations

import unicodedata

MAX_KEY_LENGTH = 400
"""Width of the stored column; a longer key is cut, which only ties names that agree in 400 places."""

_LETTERS = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
# One character a letter keeps the key short; all stand above the digits and below the escape sign "~".
_WEIGHT = dict(zip(_LETTERS, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg", strict=True))
_WEIGHT |= {digit: digit for digit in "0123456789"}
_WEIGHT |= dict.fromkeys("'’ʼ-.,", "#")
_TONES = {"\u0300": "1", "\u0309": "2", "\u0303": "3", "\u0301": "4", "\u0323": "5"}
_SHAPES = {
    ("a", "\u0306"): "ă",
    ("a", "\u0302"): "â",
    ("e", "\u0302"): "ê",
    ("o", "\u0302"): "ô",
    ("o", "\u031b"): "ơ",
    ("u", "\u031b"): "ư",
}

# The key is given-letters, tones, case, family-letters, …: always nine fields with a blank between. A blank is below
# every weight, so the shorter of two fields comes first, and a word break inside the middle ("!") is above the blank.
_FIELD_END, _WORD_END = " ", "!"


def normalise_name(text: str) -> str:
    """NFC, with runs of blanks made one and none at the ends."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _part_key(part: str) -> str:
    letters: list[str] = []
    tones: list[str] = []
    cases: list[str] = []
    for char in unicodedata.normalize("NFD", part):
        if char in _TONES:
            if tones:
                tones[-1] = _TONES[char]
            continue
        if unicodedata.combining(char):
            shaped = _SHAPES.get((letters[-1] if letters else "", char))
            if shaped:
                letters[-1] = shaped
            continue
        small = char.lower()
        letters.append(small if len(small) == 1 else char)
        tones.append("0")
        cases.append("1" if char != small else "0")
    weights = "".join(
        _WORD_END if letter == " " else _WEIGHT.get(letter) or f"~{ord(letter):06x}" for letter in letters
    )
    # Trailing zeros say nothing: with equal letters a missing place is a zero.
    return _FIELD_END.join((weights, "".join(tones).rstrip("0"), "".join(cases).rstrip("0")))


def sort_key(full_name: str) -> str:
    """ASCII text that sorts names bytewise in Vietnamese order, alike on SQLite and PostgreSQL (C collation).

    At most 400 characters, the width of its column.
    """
    words = normalise_name(full_name).split(" ")
    family = words[0] if len(words) > 1 else ""
    key = _FIELD_END.join((_part_key(words[-1]), _part_key(family), _part_key(" ".join(words[1:-1]))))
    return key[:MAX_KEY_LENGTH]


def search_key(text: str) -> str:
    """Lower case without marks (đ is d), blanks made one: ``Hòa``, ``Hoà`` and ``hoa`` are found alike."""
    decomposed = unicodedata.normalize("NFD", normalise_name(text).lower().replace("đ", "d").replace("ð", "d"))
    return "".join(char for char in decomposed if not unicodedata.combining(char))
