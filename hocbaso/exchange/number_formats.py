"""Whether a number's format shows the number that the cell keeps. Pure: the reader refuses where it shows another one.

Zeros put in front of a code, blanks, colours, thousands marks and a unit behind change nothing and are let through; a word in
front (GV007 for 7) makes another code of it.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

_AS_IT_IS = {"general", "@", ""}
_QUOTED = re.compile(r'"([^"]*)"|\\(.)')
_LEFT_OUT = re.compile(r"\[[^\]]*\]|[_*].")
_PLACES = re.compile(r"[0#?]")
_NOISE = Decimal("1e-9")
_HELP = "hãy định dạng ô là Số (một chữ số thập phân) và gõ lại"


def why_shown_otherwise(value: int | float, number_format: str) -> str | None:
    """Why what is seen in Excel is another value than the stored one (the sentence of a fault), or None when it is the same."""
    if number_format.strip().lower() in _AS_IT_IS:
        return None
    if "%" in _QUOTED.sub("", number_format):
        return "ô có định dạng phần trăm; hãy định dạng ô là Số và gõ lại"
    kept = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not kept.is_finite():
        return None
    section = _section(kept, number_format)
    words = "".join(quoted or escaped for quoted, escaped in _QUOTED.findall(section))
    shape = _LEFT_OUT.sub("", _QUOTED.sub("", section))
    if "general" in shape.lower() or "@" in shape:
        return f"định dạng của ô thêm “{words}” vào số; {_HELP}" if re.search(r"[\d.,]", words) else None
    # A zero is drawn by a 0 alone: # and ? leave its place empty.
    if not _PLACES.search(shape) or (kept == 0 and "0" not in shape):
        return f"định dạng của ô che mất số đã gõ ({_plain(kept)}); {_HELP}"
    before = "".join(
        quoted or escaped for quoted, escaped in _QUOTED.findall(_PLACES.split(_LEFT_OUT.sub("", section))[0])
    )
    if re.search(r"[\d.,]", words) or re.search(r"[1-9]", shape) or (before.strip() and kept >= 0):
        return f"định dạng của ô làm số {_plain(kept)} hiện ra khác đi; {_HELP}"
    if "/" in shape or re.search(r"[eE][+-]", shape):
        return None  # a fraction or a power: the same number otherwise written
    whole, _, fraction = shape.partition(".")
    if re.search(r"[0#?]\s*,+\s*$", fraction or whole) or re.search(r"[0#?],+$", whole):
        return f"định dạng của ô chia số {_plain(kept)} cho một nghìn; {_HELP}"
    n_places = len(_PLACES.findall(fraction))
    seen = kept.quantize(Decimal(1).scaleb(-n_places), ROUND_HALF_UP)
    if abs(seen - kept) > _NOISE:
        return f"ô hiện {_plain(seen)} nhưng giữ {_plain(kept)}; {_HELP}"
    return None


def _section(value: Decimal, number_format: str) -> str:
    """The part of the format that is for this sign: positive; negative; zero."""
    parts, part, quoted = [], "", False
    for sign in number_format:
        quoted ^= sign == '"'
        if sign == ";" and not quoted:
            parts.append(part)
            part = ""
        else:
            part += sign
    parts.append(part)
    place = 1 if value < 0 else 2 if value == 0 else 0
    return parts[place] if place < len(parts) else parts[0]


def _plain(number: Decimal) -> str:
    text = format(number.normalize(), "f")
    return text.replace(".", ",")
