"""What a person typed, as the value of a cell."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Any

from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.errors import Invalid
from hocbaso.regulations.score_values import parse_pass_fail, parse_score
from hocbaso.regulations.terms import PassFail, ScoreOrigin, SubjectKind
from hocbaso.services.score_cells import REMARK, CellRecord
from hocbaso.services.sheet_access import SheetHead

_EXCUSED = re.compile(r"vp(?: ([0-9]{1,2})[/.-]([0-9]{1,2})(?:[/.-]([0-9]{4}))?)?")
_REMARK_MAX = 1000


def one_line(raw: str) -> str:
    """A typed text in NFC with single spaces."""
    return " ".join(unicodedata.normalize("NFC", raw).split())


def read_value(
    head: SheetHead, column_key: str, raw: str, standing: CellRecord, today: date, *, shorthand: bool = True
) -> CellRecord:
    """What a person typed, as the value of a cell.

    ``8,5`` ``8.5`` ``85`` ``10``, ``đ`` ``cđ``; ``vp`` or ``vp 20/12`` for missed with leave (a make-up is due, by
    default on the last day of the window: Art. 7 keeps it inside the semester); ``vk`` for missed without leave
    (0 or CĐ with its origin); nothing clears. ``shorthand``: whether 85 is taken for 8,5, which a
    page shows before it is kept; in a block, as in a file, nobody looks at each cell. Raises Invalid with what is accepted.
    """
    text = one_line(raw)
    if column_key == REMARK:
        return _read_remark(raw)
    if not text:
        return CellRecord()
    word = text.casefold()
    excused = _EXCUSED.fullmatch(word)
    if excused:
        return CellRecord(
            origin=ScoreOrigin.MISSED_EXCUSED.value, makeup_due_on=_makeup_day(head, excused, standing, today)
        )
    scored = head.kind is SubjectKind.SCORED
    if word == "vk":
        return CellRecord(
            tenths=0 if scored else None,
            mark=None if scored else PassFail.FAIL.value,
            origin=ScoreOrigin.MISSED_UNEXCUSED.value,
        )
    if word in ("v", "vắng"):
        raise Invalid(
            "Vắng có hai loại: gõ vp nếu có phép (chờ kiểm tra bù), vk nếu không phép (tính 0 điểm hoặc CĐ).",
            field="value",
        )
    made_up = standing.origin in (ScoreOrigin.MISSED_EXCUSED.value, ScoreOrigin.MAKEUP.value)
    origin = (ScoreOrigin.MAKEUP if made_up else ScoreOrigin.ENTERED).value
    if scored:
        parsed = parse_score(text)
        if parsed.shorthand and not shorthand:
            raise Invalid(f"Không chắc “{text}” là {parsed.shown_as}. Hãy ghi rõ dấu phẩy.", field="value")
        return CellRecord(tenths=parsed.tenths, origin=origin)
    return CellRecord(mark=_mark(parse_pass_fail(text)), origin=origin)


def as_typed(record: CellRecord) -> str:
    """The text that :func:`read_value` reads as this value (a make-up is typed as its score)."""
    if record.origin == ScoreOrigin.MISSED_EXCUSED.value:
        return f"vp {record.makeup_due_on:%d/%m/%Y}" if record.makeup_due_on else "vp"
    return "vk" if record.origin == ScoreOrigin.MISSED_UNEXCUSED.value else record.text


def _read_remark(raw: str) -> CellRecord:
    text = nfc(raw) or ""
    text = "".join(letter for letter in text if letter == "\n" or unicodedata.category(letter)[0] != "C")
    if not text:
        return CellRecord()
    if len(text) > _REMARK_MAX:
        raise Invalid(f"Nhận xét dài {len(text)} chữ, tối đa {_REMARK_MAX}. Chưa ghi; xin rút ngắn.", field="value")
    reason = why_not_printed(text)
    if reason:
        raise Invalid(f"Nhận xét {reason} Chưa ghi; xin sửa lại.", field="value")
    return CellRecord(remark=text, origin=ScoreOrigin.ENTERED.value)


def _makeup_day(head: SheetHead, found: re.Match[str], standing: CellRecord, today: date) -> date:
    if not found.group(1):
        return head.window.closes_on
    year = int(found.group(3)) if found.group(3) else today.year
    try:
        day = date(year, int(found.group(2)), int(found.group(1)))
    except ValueError:
        raise Invalid("Ngày kiểm tra bù không có trong lịch. Ví dụ đúng: vp 20/12.", field="value") from None
    if not found.group(3) and day < today:
        try:
            day = day.replace(year=year + 1)  # in December, "vp 5/1" means the January ahead
        except ValueError:
            raise Invalid("Ngày kiểm tra bù không có trong lịch. Ví dụ đúng: vp 20/12.", field="value") from None
    if day < today and day != standing.makeup_due_on:  # a file brings back what stands, whose day may be over
        raise Invalid(
            f"Ngày kiểm tra bù {day:%d/%m/%Y} đã qua. Ghi ngày sắp tới, hoặc ghi điểm nếu đã kiểm tra bù.",
            field="value",
        )
    if not head.window.is_open(day):
        raise Invalid(f"Kiểm tra bù phải trong cùng học kì, đến hết {head.window.closes_on:%d/%m/%Y}.", field="value")
    return day


def _mark(parsed: Any) -> str:
    return parsed.value if isinstance(parsed, PassFail) else str(parsed)
