"""What one cell means. Each reader returns the value with a note when something was repaired, or refuses.

The rule of the whole package: certain is read, uncertain is refused with the reason, nothing is guessed.
Readers never see None; an absent value is the caller's business.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from hocbaso.errors import Invalid
from hocbaso.exchange.sheet_reader import CellFault
from hocbaso.exchange.vietnamese_text import clean_text, fold, fold_key
from hocbaso.regulations.drawn_letters import signs_words, undrawable, why_not_a_name
from hocbaso.regulations.identifiers import PROVINCE_CODES, check_personal_id, class_name
from hocbaso.regulations.score_values import parse_score
from hocbaso.regulations.terms import PassFail, ScoreOrigin, Sex

T = TypeVar("T")

_NOISE = Decimal("1e-9")
_YEARS = range(1930, 2101)
_EXCEL_DAY_ZERO = date(1899, 12, 30)
_DATE_DMY = re.compile(r"(\d{1,2}) ?[/.-] ?(\d{1,2}) ?[/.-] ?(\d{4})(?:[ T]00:00(?::00(?:\.0+)?)?)?")
_DATE_YMD = re.compile(r"(\d{4}) ?[/.-] ?(\d{1,2}) ?[/.-] ?(\d{1,2})(?:[ T]00:00(?::00(?:\.0+)?)?)?")
_DATE_WORDS = re.compile(r"(?:ngay )?(\d{1,2}) thang (\d{1,2}) nam (\d{4})")
_DATE_SHORT = re.compile(r"\d{1,2} ?[/.-] ?\d{1,2} ?[/.-] ?\d{2}")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


class UnclearValue(Invalid):
    """The cell's meaning is not certain; the message says why and what to write instead."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A value read with certainty; ``note`` is a Vietnamese sentence when it was repaired on the way."""

    value: T
    note: str | None = None


def shown(raw: object) -> str:
    """The raw value as the person sees it in Excel, at most 60 characters."""
    if raw is None:
        return ""
    if isinstance(raw, datetime):
        return raw.strftime("%d/%m/%Y") if raw.time() == time() else raw.strftime("%d/%m/%Y %H:%M")
    if isinstance(raw, date):
        return raw.strftime("%d/%m/%Y")
    if isinstance(raw, bool):
        return "TRUE" if raw else "FALSE"
    if isinstance(raw, float):
        text = str(int(raw)) if raw.is_integer() and abs(raw) < 1e15 else repr(raw)
        return text.replace(".", ",")
    text = str(raw)
    return text if len(text) <= 60 else text[:59] + "…"


def _refuse_faults(raw: object) -> None:
    if isinstance(raw, CellFault):
        raise UnclearValue(raw.reason + ".")
    if isinstance(raw, str) and raw.startswith("#") and raw.rstrip("!?").isupper():
        raise UnclearValue(f"ô báo lỗi Excel {raw}.")


def _as_decimal(raw: int | float) -> Decimal:
    """Exact decimal of an Excel number; binary noise below 1e-9 is taken away, nothing else is rounded."""
    number = Decimal(repr(raw)) if isinstance(raw, float) else Decimal(raw)
    if not number.is_finite():
        raise UnclearValue("không phải là số.")
    nearest = number.quantize(Decimal("0.0001")) if abs(number) < 10**12 else number
    return nearest if abs(number - nearest) < _NOISE else number


def read_text(raw: object) -> Reading[str]:
    """Any plain text; whole numbers become their digits. Refuses dates, marks and errors."""
    _refuse_faults(raw)
    if isinstance(raw, str):
        return Reading(clean_text(raw))
    if isinstance(raw, (bool, date, datetime, time, timedelta)):
        raise UnclearValue(
            "ô phải là chữ, nhưng Excel đang giữ ngày tháng hoặc giá trị đúng/sai; hãy định dạng ô là Văn bản."
        )
    if isinstance(raw, (int, float)):
        number = _as_decimal(raw)
        return Reading(str(int(number)) if number == number.to_integral_value() else str(number.normalize()))
    raise UnclearValue("không đọc được giá trị của ô.")


def read_name(raw: object) -> Reading[str]:
    """A person's name. Letters, blanks, ``'``, ``’``, ``-`` and ``.`` only: other signs are a broken legacy font (TCVN3, VNI).

    Of letters only Latin ones that the paper draws (``regulations.drawn_letters``).
    """
    _refuse_faults(raw)
    if not isinstance(raw, str):
        raise UnclearValue("họ tên phải là chữ.")
    name = clean_text(raw)
    # Marks without a letter of their own are judged with the letters: some languages of Vietnam write them.
    strange = [
        letter for letter in name if not (letter.isalpha() or unicodedata.combining(letter) or letter in " '’ʼ-.")
    ]
    if strange:
        raise UnclearValue(
            f"họ tên có kí tự lạ “{strange[0]}” (có thể do phông chữ TCVN3 hoặc VNI); hãy gõ lại bằng Unicode."
        )
    reason = why_not_a_name(name)
    if reason is not None:
        raise UnclearValue(f"họ tên {reason}")
    return Reading(name)


def read_printed(raw: object) -> Reading[str]:
    """Any plain text that the paper can show."""
    reading = read_text(raw)
    odd = undrawable(reading.value)
    if odd:
        raise UnclearValue(f"có kí tự không in được trên học bạ: {signs_words(odd)}.")
    return reading


def read_code(raw: object, *, digits: int | None = None) -> Reading[str]:
    """An identifier kept as text. Numbers become digits (``3610000088.0`` too); with ``digits`` set, a number one digit
    short gets back the zero that Excel took away, with a note. Refuses fractions, blanks inside, E-notation.
    """
    _refuse_faults(raw)
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
        raise UnclearValue("mã phải là chữ hoặc số; hãy định dạng cột là Văn bản.")
    if isinstance(raw, str):
        text = clean_text(raw).removeprefix("'")
        if re.fullmatch(r"\d+[.,]0+", text):
            return Reading(re.split("[.,]", text)[0], "đã bỏ phần thập phân “,0” mà Excel thêm vào mã.")
        if re.fullmatch(r"\d+([.,]\d+)?[eE]\+?\d+", text):
            raise UnclearValue(
                "mã bị Excel đổi sang dạng lũy thừa, mất chữ số; hãy định dạng cột là Văn bản và gõ lại."
            )
        if not text or " " in text:
            raise UnclearValue("mã không được có dấu cách ở giữa.")
        return Reading(text)
    number = _as_decimal(raw)
    if number != number.to_integral_value() or number < 0 or number >= 10**15:
        raise UnclearValue("mã phải là dãy chữ số; hãy định dạng cột là Văn bản và gõ lại.")
    text = str(int(number))
    if digits is not None and len(text) == digits - 1:
        return Reading(text.zfill(digits), "đã thêm lại số 0 ở đầu mã mà Excel làm mất.")
    return Reading(text)


def read_date(raw: object, *, from_1904: bool = False) -> Reading[date]:
    """A day: an Excel date, d/m/yyyy with / - or ., yyyy-mm-dd, or "ngày … tháng … năm …".

    A bare number in the range of Excel's day counts is read with a note, but not in a workbook that counts ``from_1904``:
    pasted from another one it means a day four years off, and nothing tells which it is. Refuses two-digit years, month above 12,
    a time of day, days that do not exist and years outside 1930..2100.
    """
    _refuse_faults(raw)
    if isinstance(raw, datetime):
        if raw.time() != time():
            raise UnclearValue("ô có cả giờ phút; chỉ ghi ngày, ví dụ 22/03/2014.")
        return Reading(_plausible(raw.date()))
    if isinstance(raw, date):
        return Reading(_plausible(raw))
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        if from_1904:
            raise UnclearValue(
                "sổ Excel này đếm ngày từ năm 1904 nên không rõ con số này là ngày nào; hãy ghi ngày/tháng/năm, ví dụ "
                "22/03/2014."
            )
        if float(raw).is_integer() and 20_000 <= raw <= 60_000:
            day = _EXCEL_DAY_ZERO + timedelta(days=int(raw))
            return Reading(day, f"ô giữ số thứ tự ngày của Excel; đọc là {day:%d/%m/%Y}.")
        raise UnclearValue("không phải là ngày; hãy ghi dạng ngày/tháng/năm, ví dụ 22/03/2014.")
    if not isinstance(raw, str):
        raise UnclearValue("không phải là ngày; hãy ghi dạng ngày/tháng/năm, ví dụ 22/03/2014.")
    text = clean_text(raw).removeprefix("'")
    if found := _DATE_DMY.fullmatch(text):
        return Reading(_day(*(int(part) for part in reversed(found.groups()))))
    if found := _DATE_YMD.fullmatch(text):
        return Reading(_day(*(int(part) for part in found.groups())))
    if found := _DATE_WORDS.fullmatch(fold(text)):
        return Reading(_day(*(int(part) for part in reversed(found.groups()))))
    if _DATE_SHORT.fullmatch(text):
        raise UnclearValue("năm chỉ có hai chữ số nên không rõ thế kỉ; hãy ghi đủ bốn chữ số, ví dụ 01/02/2014.")
    raise UnclearValue("không phải là ngày; hãy ghi dạng ngày/tháng/năm, ví dụ 22/03/2014.")


def _day(year: int, month: int, day: int) -> date:
    if month > 12 and day <= 12:
        raise UnclearValue("tháng lớn hơn 12; hãy ghi theo thứ tự ngày/tháng/năm, ví dụ 22/03/2014.")
    try:
        return _plausible(date(year, month, day))
    except ValueError:
        raise UnclearValue("ngày này không có trong lịch; hãy ghi dạng ngày/tháng/năm, ví dụ 22/03/2014.") from None


def _plausible(day: date) -> date:
    if day.year not in _YEARS:
        raise UnclearValue(f"năm {day.year} không hợp lí; hãy kiểm tra lại.")
    return day


def read_sex(raw: object) -> Reading[Sex]:
    """Nam or Nữ in any case, marks or not. Everything else (M, F, 0, 1) is refused: M is "male" to one and "mẹ" to another."""
    _refuse_faults(raw)
    key = fold_key(raw) if isinstance(raw, str) else ""
    if key == "nam":
        return Reading(Sex.MALE)
    if key == "nu":
        return Reading(Sex.FEMALE)
    raise UnclearValue("giới tính phải là Nam hoặc Nữ.")


def read_mark(raw: object) -> Reading[bool]:
    """A tick: x, X, ✓, có, TRUE; or không, FALSE."""
    _refuse_faults(raw)
    if isinstance(raw, bool):
        return Reading(raw)
    if isinstance(raw, str):
        if raw.strip() in {"x", "X", "✓", "✔", "×"} or fold_key(raw) in {"co", "true"}:
            return Reading(True)
        if fold_key(raw) in {"khong", "false"}:
            return Reading(False)
    raise UnclearValue("chỉ đánh dấu “x” hoặc để trống.")


def read_class_name(raw: object) -> Reading[str]:
    """A class of grades 6 to 9: 6A, 6A1, 6/1. Case, blanks and the word Lớp are put right. Refuses dates (6/1 turned by Excel)."""
    _refuse_faults(raw)
    if isinstance(raw, (date, datetime)):
        raise UnclearValue("Excel đã đổi tên lớp thành ngày tháng; hãy định dạng cột là Văn bản và gõ lại tên lớp.")
    if isinstance(raw, int) and not isinstance(raw, bool):
        raw = str(raw)
    if not isinstance(raw, str):
        raise UnclearValue("tên lớp phải là chữ, ví dụ 6A.")
    text = clean_text(raw)
    name = class_name(text)
    if name is None:
        raise UnclearValue("tên lớp phải bắt đầu bằng khối 6, 7, 8 hoặc 9, ví dụ 6A, 7A2, 8/1.")
    return Reading(name, None if name == text else f"đọc là lớp {name}.")


def read_personal_id(raw: object, *, born_on: date | None = None, sex: Sex | None = None) -> Reading[str]:
    """Twelve digits (Decree 137/2015), kept as text.

    A number that lost its leading zeros gets them back, with a note, when the result starts with a province code and does
    not contradict birth year and sex; a text that is short must agree with birth year and sex as well, both known.
    Twelve digits that contradict the row are read with a note, because such numbers exist.
    """
    _refuse_faults(raw)
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
        raise UnclearValue("số định danh cá nhân phải gồm 12 chữ số.")
    if isinstance(raw, str):
        typed = clean_text(raw).removeprefix("'")
        digits = re.sub(r"[ .]", "", typed) if re.fullmatch(r"\d{3}[ .]?\d{3}[ .]?\d{3}[ .]?\d{3}", typed) else typed
        note = None if digits == typed else "đã bỏ dấu cách, dấu chấm trong số định danh."
    else:
        digits, note = read_code(raw).value, None
    if not (digits.isascii() and digits.isdigit()):
        raise UnclearValue("số định danh cá nhân phải gồm 12 chữ số.")
    if len(digits) == 12:
        doubt = _identity_doubt(digits, born_on, sex)
        return Reading(digits, note if doubt is None else f"Hãy kiểm tra: {doubt}")
    full = digits.zfill(12)
    known = born_on is not None and sex is not None
    if len(digits) in (10, 11) and full[:3] in PROVINCE_CODES and (known or not isinstance(raw, str)):
        doubt = _identity_doubt(full, born_on, sex)
        if doubt is None:
            return Reading(full, f"đã thêm lại số 0 ở đầu mà Excel làm mất: {full}.")
        raise UnclearValue(f"chỉ có {len(digits)} chữ số, và thêm số 0 ở đầu cũng không khớp ({doubt})")
    raise UnclearValue(f"số định danh cá nhân phải gồm 12 chữ số, ở đây có {len(digits)}.")


def _identity_doubt(digits: str, born_on: date | None, sex: Sex | None) -> str | None:
    """What contradicts the row; a child registered abroad has a country's code, which contradicts nothing."""
    doubts = [doubt for doubt in check_personal_id(digits, born_on=born_on, sex=sex) if doubt.about != "abroad"]
    return " ".join(doubt.sentence for doubt in doubts) or None


def read_phone(raw: object) -> Reading[str]:
    """One or more Vietnamese numbers, digits only, joined by "; ". A number that lost its zero gets it back with a note."""
    _refuse_faults(raw)
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
        raise UnclearValue("số điện thoại không hợp lệ.")
    if not isinstance(raw, str):
        raw = read_code(raw).value
    numbers, note = [], None
    for piece in re.split(r"[,;/]| - ", clean_text(raw).removeprefix("'")):
        digits = re.sub(r"[ .()-]", "", piece)
        if digits.startswith("+84"):
            digits = "0" + digits[3:].removeprefix("0")
        elif re.fullmatch(r"84[35789]\d{8}", digits):
            digits = "0" + digits[2:]
        elif re.fullmatch(r"[235789]\d{8,9}", digits):
            digits, note = "0" + digits, "đã thêm lại số 0 ở đầu số điện thoại."
        if not re.fullmatch(r"0\d{8,10}", digits):
            raise UnclearValue("số điện thoại phải gồm 9 đến 11 chữ số, bắt đầu bằng 0.")
        numbers.append(digits)
    return Reading("; ".join(numbers), note)


def read_email(raw: object) -> Reading[str]:
    """An address with one @ and a dot behind it."""
    text = read_text(raw).value
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", text):
        raise UnclearValue("địa chỉ thư điện tử không hợp lệ.")
    return Reading(text)


def read_measure(raw: object, lowest: int, highest: int, unit: str) -> Reading[Decimal]:
    """A measure such as a height, point or comma, within ``lowest``..``highest`` of ``unit``."""
    number = read_decimal(raw)
    if not lowest <= number <= highest:
        raise UnclearValue(f"phải từ {lowest} đến {highest} {unit}.")
    return Reading(number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize())


def read_whole(raw: object, lowest: int, highest: int) -> Reading[int]:
    """A whole number within bounds."""
    number = read_decimal(raw)
    if number != number.to_integral_value() or not lowest <= number <= highest:
        raise UnclearValue(f"phải là số nguyên từ {lowest} đến {highest}.")
    return Reading(int(number))


def read_decimal(raw: object) -> Decimal:
    """A number typed or stored, exact; decimal point or comma."""
    _refuse_faults(raw)
    if isinstance(raw, (datetime, date, time, timedelta)):
        raise UnclearValue("Excel đã đổi số thành ngày tháng; hãy định dạng ô là Số và gõ lại.")
    if isinstance(raw, bool):
        raise UnclearValue("không phải là số.")
    if isinstance(raw, (int, float)):
        return _as_decimal(raw)
    text = clean_text(str(raw)).removeprefix("'").strip()
    if not (text.isascii() and _NUMBER.fullmatch(text)):
        raise UnclearValue("không phải là số; ghi dạng 8,5.")
    return Decimal(text.replace(",", "."))


def read_tenths(raw: object) -> Reading[int]:
    """A score 0..10 with at most one decimal (Art. 5.3) as whole tenths.

    Text goes through the parser that typing uses, but its shorthand is refused: on a page 85 is shown as 8,5 before it is
    kept, in a file nobody looks. Refuses 8,25 and 85 as numbers too: neither is surely a score.
    """
    if isinstance(raw, str):
        _refuse_faults(raw)
        text = clean_text(raw).removeprefix("'")
        try:
            parsed = parse_score(text)
        except Invalid as fault:
            raise UnclearValue(fault.message) from fault
        if parsed.shorthand:
            raise UnclearValue(f"không chắc là điểm {parsed.tenths // 10},{parsed.tenths % 10}; hãy ghi rõ dấu phẩy.")
        return Reading(parsed.tenths)
    number = read_decimal(raw)
    if not 0 <= number <= 10:
        hint = ""
        if 10 < number <= 100 and number == number.to_integral_value():
            hint = f" Nếu là {int(number) // 10},{int(number) % 10} thì hãy ghi rõ dấu phẩy."
        raise UnclearValue(f"điểm phải từ 0 đến 10.{hint}")
    tenths = number * 10
    if tenths != tenths.to_integral_value():
        raise UnclearValue("điểm chỉ có một chữ số thập phân; hãy tự làm tròn rồi ghi lại.")
    return Reading(int(tenths))


def read_pass_fail(raw: object) -> Reading[PassFail]:
    """Đ or CĐ, Đạt or Chưa đạt. D, CD and the words without marks are certain and read with a note.

    Stricter than typing: a lone ``c`` is a key on the page and a slip in a file.
    """
    _refuse_faults(raw)
    if isinstance(raw, str):
        text = clean_text(raw).lower().rstrip(".")
        if text in {"đ", "đạt"}:
            return Reading(PassFail.PASS)
        if text in {"cđ", "chưa đạt"}:
            return Reading(PassFail.FAIL)
        if text in {"d", "dat"}:
            return Reading(PassFail.PASS, "đọc là Đ (Đạt).")
        if text in {"cd", "chua dat", "c.đ", "c đ", "chưa đ"}:
            return Reading(PassFail.FAIL, "đọc là CĐ (Chưa đạt).")
    raise UnclearValue("môn đánh giá bằng nhận xét chỉ ghi Đ hoặc CĐ.")


_ABSENCE: dict[str, ScoreOrigin] = {
    **dict.fromkeys(("vp", "vcp", "vangcophep", "vangp", "cp", "vcophep"), ScoreOrigin.MISSED_EXCUSED),
    **dict.fromkeys(
        ("vk", "kp", "vkp", "vangkhongphep", "vangk", "vangkp", "vkhongphep"), ScoreOrigin.MISSED_UNEXCUSED
    ),
}


def read_absence(raw: object) -> ScoreOrigin | None:
    """The kind of absence a score cell notes, or None when it notes none. Refuses V and vắng alone: with leave or without?"""
    if not isinstance(raw, str):
        return None
    key = fold_key(raw)
    if key in {"v", "vang"}:
        raise UnclearValue("không rõ vắng có phép hay không phép; ghi VP (có phép) hoặc VK (không phép).")
    return _ABSENCE.get(key)


def is_exempt_mark(raw: object) -> bool:
    """True for M, Miễn, Miễn học."""
    return isinstance(raw, str) and fold_key(raw) in {"m", "mien", "mienhoc", "duocmien", "miengiam"}
