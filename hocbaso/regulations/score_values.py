"""One reading and one writing of scores, shared by typing, pasting, Excel and the printed page (Art. 5.3).

A score is 0 to 10, whole or with one decimal; here it is whole tenths (85 is 8,5). Comment results are Đ and CĐ.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from hocbaso.errors import Invalid
from hocbaso.regulations.terms import PassFail

HIGHEST = 100
"""Ten points, in tenths."""

HOW = "Nhập điểm từ 0 đến 10, ví dụ 8,5."
HOW_COMMENT = "Môn này nhập Đ (đạt) hoặc CĐ (chưa đạt)."

_PLAIN = re.compile(r"(10|[0-9])(?:[.,]([0-9])0*)?", re.ASCII)  # 8,50 is 8,5: so Excel writes it with two places
_TWO_DIGITS = re.compile(r"([1-9][0-9])|([0-9]) ([0-9])", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]?)?", re.ASCII)
_LONG_DECIMAL = re.compile(r"[0-9]{1,2}[.,][0-9]{2,}", re.ASCII)
_POINT = re.compile(r"(?:10|[0-9])(?:\.[0-9])?", re.ASCII)

_WRITTEN = tuple("10" if tenths == HIGHEST else f"{tenths // 10},{tenths % 10}" for tenths in range(HIGHEST + 1))
_POINTED = tuple(f"{tenths // 10}.{tenths % 10}" for tenths in range(HIGHEST + 1))

_MARKS = {
    "đ": PassFail.PASS,
    "d": PassFail.PASS,
    "đạt": PassFail.PASS,
    "dat": PassFail.PASS,
    "cđ": PassFail.FAIL,
    "cd": PassFail.FAIL,
    "c": PassFail.FAIL,
    "chưa đạt": PassFail.FAIL,
    "chua dat": PassFail.FAIL,
}


@dataclass(frozen=True, slots=True)
class ParsedScore:
    """What was read, and how it is written.

    ``shorthand``: ``85`` or ``8 5`` was taken for 8,5, so ``shown_as`` must be shown before it is accepted. What begins with
    1 is never taken so: ``11`` is oftener a slip beside 10 than a 1,1.
    """

    tenths: int
    shown_as: str
    shorthand: bool = False


def parse_score(raw: str) -> ParsedScore:
    """Read a typed score: ``8,5`` ``8.5`` ``8,50`` ``8`` ``10``, and ``85`` or ``8 5`` for 8,5.

    Raises Invalid, in words that say what to do, for everything else: two decimals, above 10, ``11``, other digits.
    """
    text = raw.strip()
    found = _PLAIN.fullmatch(text)
    if found:
        tenths = int(found[1]) * 10 + int(found[2] or 0)
        if tenths <= HIGHEST:
            return ParsedScore(tenths, _WRITTEN[tenths])
    pair = _TWO_DIGITS.fullmatch(text)
    if pair:
        tenths = int(pair[1] or pair[2] + pair[3])
        if 10 <= tenths < 20:
            raise Invalid(
                f"“{text}” không chắc là {_WRITTEN[tenths]} hay gõ nhầm 10. "
                f"Nếu đúng là {_WRITTEN[tenths]} thì gõ cả dấu phẩy.",
                field="value",
            )
        return ParsedScore(tenths, _WRITTEN[tenths], shorthand=True)
    raise Invalid(_refusal(text), field="value")


def _refusal(text: str) -> str:
    if not text:
        return f"Ô điểm còn trống. {HOW}"
    shown = text if len(text) <= 20 else text[:19] + "…"
    if _LONG_DECIMAL.fullmatch(text):
        return f"Điểm “{shown}” có nhiều hơn một chữ số sau dấu phẩy. Thầy/Cô làm tròn đến một chữ số rồi nhập lại."
    if _NUMBER.fullmatch(text):
        return f"Điểm “{shown}” không nằm trong thang từ 0 đến 10. {HOW}"
    return f"Không đọc được “{shown}” thành điểm. {HOW}"


def parse_pass_fail(raw: str) -> PassFail:
    """Read ``Đ``, ``d``, ``đạt``, ``CĐ``, ``c``, ``cd``, ``chưa đạt`` in any case and Unicode form.

    Raises Invalid for everything else.
    """
    text = " ".join(unicodedata.normalize("NFC", raw).lower().split())
    # Some keyboards give eth (ð) or the African d with tail (ɖ), which look like đ in capitals.
    text = text.replace("ð", "đ").replace("ɖ", "đ")
    try:
        return _MARKS[text]
    except KeyError:
        raise Invalid(
            f"Không đọc được “{raw.strip()[:20]}”. {HOW_COMMENT}" if text else HOW_COMMENT, field="value"
        ) from None


def format_score(tenths: int) -> str:
    """As people read it: ``8,5``, ``8,0``, ``10``. Raises Invalid outside 0..100 tenths."""
    if 0 <= tenths <= HIGHEST:
        return _WRITTEN[tenths]
    raise _outside(tenths)


def to_point(tenths: int) -> str:
    """As files carry it: ``8.5``, ``10.0``. Raises Invalid outside 0..100 tenths."""
    if 0 <= tenths <= HIGHEST:
        return _POINTED[tenths]
    raise _outside(tenths)


def _outside(tenths: int) -> Invalid:
    return Invalid(f"Điểm phải từ 0 đến 10; ở đây là {tenths} phần mười. {HOW}")


def from_point(text: str) -> int:
    """Read a file's ``8``, ``8.5`` or ``10.0`` strictly; Invalid otherwise."""
    if not isinstance(text, str) or not _POINT.fullmatch(text):
        raise Invalid(f'Điểm phải là chuỗi như "8.5" hoặc "10", không phải {text!r}.')
    whole, _, decimal = text.partition(".")
    tenths = int(whole) * 10 + int(decimal or 0)
    if tenths > 100:
        raise Invalid(f"Điểm {text} lớn hơn 10.")
    return tenths
