"""A number's format: what shows the kept number is read, what shows another one is refused."""

from __future__ import annotations

import pytest

from hocbaso.exchange.number_formats import why_shown_otherwise


@pytest.mark.parametrize(
    ("value", "number_format"),
    [
        (8, "General"),
        (8, "@"),
        (8.5, "0.0"),
        (8, "0.0"),
        (8, "0"),
        (0, "0"),
        (0, "General"),
        (8.5, "0.00_);[Red](0.00)"),
        (8.5, "#,##0.0"),
        (36314473937, "000000000000"),
        (3610000088, "0"),
        (152, '0" cm"'),
        (8.5, "0.0;-0.0;0.0;@"),
        (8.5, "# ?/?"),
        (8.5, '_(* #,##0.0_);_(* (#,##0.0);_(* "-"??_);_(@_)'),
        (4.6, "0.0"),
    ],
)
def test_a_format_that_shows_the_number_is_let_through(value: float, number_format: str) -> None:
    assert why_shown_otherwise(value, number_format) is None


@pytest.mark.parametrize(
    ("value", "number_format", "words"),
    [
        (8, '0","0', "hiện ra khác"),
        (85, "0\\,0", "hiện ra khác"),
        (8, '0".5"', "hiện ra khác"),
        (1, "0%", "phần trăm"),
        (1, "0.0%", "phần trăm"),
        (8.5, "0", "ô hiện 9 nhưng giữ 8,5"),
        (7.46, "0.0", "ô hiện 7,5 nhưng giữ 7,46"),
        (8, ";;;", "che mất"),
        (8, '"Đ"', "che mất"),
        (0, "#", "che mất"),
        (0, '0;-0;"-"', "che mất"),
        (8000, "0,", "một nghìn"),
        (8500, "0.0,", "một nghìn"),
        (7, '"GV"000', "hiện ra khác"),
        (8, 'General",5"', "thêm"),
    ],
)
def test_a_format_that_shows_another_number_is_refused(value: float, number_format: str, words: str) -> None:
    told = why_shown_otherwise(value, number_format)
    assert told is not None and words in told
