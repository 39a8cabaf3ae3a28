"""Which text the paper can show, and how typed text is made ready for it. Pure and light: the pages ask before they store.

A letter that the four shipped faces do not draw would be taken from some font of the machine: two machines would print two files
from one record. So it is refused in words, where it is typed and again when a record is built.
"""

from __future__ import annotations

import re
import unicodedata

#: Latin with every mark (minority languages included), Greek and Cyrillic, usual punctuation and signs.
_DRAWN = tuple(
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

_MAX_LINES = 30
"""Lines at most of a text in which a teacher may begin new ones: a remark and its signature then always share a page."""

_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_MANY_BREAKS = re.compile(r"\n\s*\n\s*\n")
#: Left behind by word processors and phones: they show nothing and change nothing but the digest.
_UNSEEN = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")


def nfc(value: str | None) -> str | None:
    """Prepare free text for a record: NFC, one kind of blank and of line end, no unseen marks, empty becomes ``None``.

    What may be meant (a bidi override, a control character, a picture) stays and is refused by name when the record is built.
    """
    if value is None:
        return None
    text = _UNSEEN.sub("", _BREAKS.sub("\n", unicodedata.normalize("NFC", value)))
    text = "".join(" " if char == "\t" or unicodedata.category(char) == "Zs" else char for char in text)
    text = _MANY_BREAKS.sub("\n\n", text.replace("\u2011", "-")).strip()
    return unicodedata.normalize("NFC", text) or None


def undrawable(text: str) -> str:
    """The characters of ``text`` that the paper cannot show, each once, in order: "" when it can be printed as it stands.

    Control, surrogate, private-use and unassigned characters, and the invisible format characters (bidi overrides, zero-width
    joiners) that would make two different records look alike, are among them; a line feed is not.
    """
    odd = (
        char
        for char in text
        if char != "\n"
        and (not any(low <= ord(char) <= high for low, high in _DRAWN) or unicodedata.category(char)[0] == "C")
    )
    return "".join(dict.fromkeys(odd))


def why_not_printed(text: str) -> str | None:
    """Why ``text`` (made ready by :func:`nfc`) cannot stand on the paper: the end of a sentence, or None when it can."""
    n_breaks = text.count("\n")
    if n_breaks >= _MAX_LINES:
        return f"xuống dòng {n_breaks} lần, nhiều nhất {_MAX_LINES - 1} lần."
    odd = undrawable(text)
    if odd:
        signs = ", ".join(
            f"“{char}” (U+{ord(char):04X})" if char.isprintable() else f"U+{ord(char):04X}" for char in odd
        )
        return f"có kí tự không in được trên học bạ: {signs}."
    return None
