"""Which text the paper can show, and how typed text is made ready for it. Pure and light: the pages ask before they store.

A letter that the four shipped faces do not draw would be taken from some font of the machine: two machines would print two files
from one record. So it is refused in words, where it is typed and again when a record is built.
"""

from __future__ import annotations

import re
import unicodedata

from hocbaso.regulations.drawn_letters import signs_words, undrawable

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


def why_not_printed(text: str) -> str | None:
    """Why ``text`` (made ready by :func:`nfc`) cannot stand on the paper: the end of a sentence, or None when it can."""
    n_breaks = text.count("\n")
    if n_breaks >= _MAX_LINES:
        return f"xuống dòng {n_breaks} lần, nhiều nhất {_MAX_LINES - 1} lần."
    odd = undrawable(text)
    if odd:
        return f"có kí tự không in được trên học bạ: {signs_words(odd)}."
    return None
