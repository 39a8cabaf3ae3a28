"""Which letters the transcript is written with: those that its four faces draw, and of a name those of the Latin script.

The printed record is what a name is for (Circular 27/2020's and 22/2021's form); a letter that no face draws would come from some
font of the machine, and a letter of another script that looks like a Latin one (Cyrillic А) makes two pupils of one.
"""

from __future__ import annotations

import unicodedata

#: Latin with every mark (minority languages included), Greek and Cyrillic, usual punctuation and signs.
DRAWN = tuple(
    (int(low, 16), int(high, 16))
    for low, _, high in (
        part.partition("-")
        for part in (
            "0020-007E 00A1-00AC 00AE-036F 0391-03A1 03A3-03CE 0400-045F 1E00-1E9B 1EA0-1EF9 2010-2010 2012-2022 2026-2026 "
            "2030-2030 2032-2033 2039-203A 2044-2044 2074-2079 2080-2089 20AB-20AC 2116-2116 2122-2122 2153-2154 215B-215E "
            "2190-2195 2211-2212 2215-2215 2219-221A 221E-221E 2248-2248 2260-2261 2264-2265 25CF-25CF 2665-2665"
        ).split()
    )
)


def undrawable(text: str) -> str:
    """The characters of ``text`` that the paper cannot show, each once, in order: "" when it can be printed as it stands.

    Control, surrogate, private-use and unassigned characters, and the invisible format characters (bidi overrides, zero-width
    joiners) that would make two different records look alike, are among them; a line feed is not.
    """
    odd = (
        char
        for char in text
        if char != "\n"
        and (not any(low <= ord(char) <= high for low, high in DRAWN) or unicodedata.category(char)[0] == "C")
    )
    return "".join(dict.fromkeys(odd))


def signs_words(signs: str) -> str:
    """``“龍” (U+9F8D), U+202E``: signs for people, with what the office tells the one who helps."""
    return ", ".join(f"“{char}” (U+{ord(char):04X})" if char.isprintable() else f"U+{ord(char):04X}" for char in signs)


def why_not_a_name(name: str) -> str | None:
    """Why ``name`` (NFC) cannot stand as a person's on the paper: the end of a sentence, or None when it can."""
    odd = undrawable(name)
    if odd:
        return f"có kí tự không in được trên học bạ: {signs_words(odd)}."
    foreign = "".join(dict.fromkeys(char for char in name if char.isalpha() and not _is_latin(char)))
    if foreign:
        return f"có chữ không phải chữ La-tinh: {signs_words(foreign)}; hãy gõ lại bằng bộ gõ tiếng Việt."
    return None


def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(("LATIN ", "MODIFIER LETTER APOSTROPHE"))
