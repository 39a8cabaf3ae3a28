"""How values stand on a page: dates 19/05/2026, scores with a comma, names with the given name told apart."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime

from flask import Flask
from markupsafe import Markup, escape

from hocbaso import clock
from hocbaso.regulations.deadlines import Deadline, days_left_text
from hocbaso.web import labels


def vn_date(value: date | datetime | None, empty: str = "") -> str:
    """19/05/2026; an instant is shown by the school's calendar."""
    if value is None:
        return empty
    if isinstance(value, datetime):
        value = clock.local_date(value)
    return f"{value.day:02d}/{value.month:02d}/{value.year:04d}"


def vn_day(value: date | datetime | None) -> str:
    """19/5: short, within the present school year."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = clock.local_date(value)
    return f"{value.day}/{value.month}"


def vn_datetime(value: datetime | None, empty: str = "") -> str:
    """07:05 ngày 19/05/2026."""
    return empty if value is None else f"{vn_time(value)} ngày {vn_date(value)}"


def vn_time(value: datetime) -> str:
    """07:05 on the school's clock."""
    here = clock.local(value)
    return f"{here.hour:02d}:{here.minute:02d}"


WEEKDAYS = ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ nhật")


def vn_weekday(value: date | datetime) -> str:
    """Thứ Tư."""
    day = clock.local_date(value) if isinstance(value, datetime) else value
    return WEEKDAYS[day.weekday()]


def score(tenths: int | None, empty: str = "") -> str:
    """Whole tenths as 8,5; 100 as 10,0."""
    return empty if tenths is None else f"{tenths // 10},{tenths % 10}"


def vn_number(value: int) -> str:
    """12.345: points between thousands."""
    return f"{value:,}".replace(",", ".")


def vn_size(n_bytes: int) -> str:
    """1,4 MB."""
    size, unit = n_bytes * 10, "B"
    for bigger in ("kB", "MB", "GB"):
        if size < 10240:
            break
        size, unit = size // 1024, bigger
    return f"{size // 10}{f',{size % 10}' if unit != 'B' else ''} {unit}"


def duration(seconds: int) -> str:
    """40 giây, 1 phút 20 giây, 12 phút."""
    minutes, rest = divmod(seconds, 60)
    if not minutes:
        return f"{rest} giây"
    return f"{minutes} phút" if minutes >= 5 or not rest else f"{minutes} phút {rest} giây"


def deadline_left(days: int) -> str:
    """``regulations.deadlines.days_left_text`` with a capital: Còn 2 ngày, Ngày cuối, Quá hạn 2 ngày."""
    text = days_left_text(days)
    return text[0].upper() + text[1:]


def last_day(before: date) -> date:
    """The last good day of what has to be done before a day: every deadline on screen is told by it."""
    return Deadline(before).last_good_day


def days_left(due: date, today: date) -> str:
    """Còn 3 ngày, hết hạn hôm nay, quá hạn 2 ngày."""
    n = (due - today).days
    if n == 0:
        return "Hạn hôm nay"
    return f"Còn {n} ngày" if n > 0 else f"Quá hạn {-n} ngày"


def initials(name: str) -> str:
    """HY of Đoàn Thị Hải Yến: the last two words."""
    words = unicodedata.normalize("NFC", name).split()
    return "".join(word[0] for word in words[-2:]).upper()


def name_parts(name: str) -> Markup:
    """The name with its last word, by which lists are sorted, in bold; one element, for a flex line would pull the two apart."""
    before, _, given = name.rpartition(" ")
    words = Markup("{} <b>{}</b>").format(before, given) if before else Markup("<b>{}</b>").format(given)
    return Markup("<span>{}</span>").format(words)


def lines(text: str | None) -> Markup:
    """Text of a person with its line breaks kept."""
    return Markup("<br>").join(escape(line) for line in (text or "").splitlines())


def init_app(app: Flask) -> None:
    """Register the filters."""
    for function in (
        vn_date,
        vn_day,
        vn_datetime,
        vn_time,
        vn_weekday,
        score,
        vn_number,
        vn_size,
        duration,
        days_left,
        last_day,
        deadline_left,
        initials,
        name_parts,
        lines,
    ):
        app.add_template_filter(function, function.__name__)
    for name, table in labels.TABLES.items():
        app.add_template_filter(_looked_up(table), name)


def _looked_up(table: dict[str, str]):  # type: ignore[no-untyped-def]
    def look_up(value: object, empty: str = "") -> str:
        return empty if value is None else table.get(str(value), str(value))

    return look_up
