"""Vietnamese text as spreadsheets really hold it: decomposed marks, odd blanks, look-alike letters."""

from __future__ import annotations

import re
import unicodedata

# Eth and African D look like Đ in every font; old converters wrote them. Vietnamese has neither.
_LOOK_ALIKES = str.maketrans({"Ð": "Đ", "ð": "đ", "Ɖ": "Đ", "ɖ": "đ"})
_INVISIBLE = re.compile("[\u200b-\u200f\u2028-\u202e\u2060\ufeff\u00ad\x00-\x08\x0b\x0c\x0e-\x1f]")
_BLANKS = re.compile(r"\s+")
_FOLDED_CACHE: dict[str, str] = {}


def clean_text(text: str) -> str:
    """NFC, one blank between words, none at the ends, no invisible marks, Đ instead of its look-alikes."""
    if text.isascii() and text.isalnum():
        return text
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text)).translate(_LOOK_ALIKES)
    return _BLANKS.sub(" ", text).strip()


def fold(text: str) -> str:
    """Lower case without marks, one letter for one letter of the NFC text (indices stay comparable)."""
    known = _FOLDED_CACHE.get(text)
    if known is not None:
        return known
    folded = []
    for letter in clean_text(text):
        if letter in "đĐ":
            folded.append("d")
        else:
            folded.append(unicodedata.normalize("NFD", letter)[0].lower()[:1])
    result = "".join(folded)
    if len(_FOLDED_CACHE) < 4096 and len(text) < 80:
        _FOLDED_CACHE[text] = result
    return result


def fold_key(text: str) -> str:
    """Letters and digits of ``fold`` only: what headers and names of subjects are compared by."""
    return "".join(letter for letter in fold(text.replace("&", " ")) if letter.isalnum())


def name_key(name: str) -> str:
    """A name for comparing people: case and the place of tone marks aside (Hòa = Hoà), marks kept apart from each other."""
    return " ".join(f"{fold_key(word)}:{''.join(sorted(_marks(word)))}" for word in name.lower().split())


def _marks(word: str) -> list[str]:
    return [letter for letter in unicodedata.normalize("NFD", word) if not letter.isascii()]
