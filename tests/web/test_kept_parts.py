"""Addresses and parts of a page that are kept between requests: never somebody else's, never an old one."""

from __future__ import annotations

import pytest
from flask import Flask

from hocbaso.web.addresses import remembered
from hocbaso.web.kept_parts import KeptParts, joined, place


@pytest.fixture
def small() -> Flask:
    app = Flask("small")
    app.add_url_rule("/a/<number>", "a", lambda number: number)
    app.add_url_rule("/b", "b", lambda: "")
    return app


def test_an_address_is_the_one_flask_builds_also_the_second_time(small: Flask) -> None:
    url_for = remembered(small)
    with small.test_request_context("/"):
        for _ in range(2):
            assert url_for("a", number=1) == "/a/1"
            assert url_for("a", number=True) == "/a/True"  # equal to 1, another address
            assert url_for("a", number="1") == "/a/1"
            assert url_for("b", q="đ", _anchor="c") == "/b?q=%C4%91#c"
            assert url_for("b", q=["x", "y"]) == "/b?q=x&q=y"


def test_an_address_follows_where_the_application_is_mounted(small: Flask) -> None:
    url_for = remembered(small)
    with small.test_request_context("/"):
        assert url_for("b") == "/b"
    with small.test_request_context("/", base_url="http://localhost/school"):
        assert url_for("b") == "/school/b"


def test_a_part_is_drawn_again_for_each_other_word(app: Flask) -> None:
    kept = KeptParts(limit=2)
    with app.app_context():
        first = kept.of("score_sheets/_sheet_missed.html", kind="scored", closes_on=None)
        assert kept.of("score_sheets/_sheet_missed.html", kind="scored", closes_on=None) is first
        other = kept.of("score_sheets/_sheet_missed.html", kind="comment", closes_on=None)
        assert b"0 \xc4\x91i\xe1\xbb\x83m" in first and b"Ch\xc6\xb0a \xc4\x91\xe1\xba\xa1t" in other
        kept.of("components/_sprite.html")
        assert kept.of("score_sheets/_sheet_missed.html", kind="scored", closes_on=None) is not first  # bounded


def test_a_page_with_a_place_nobody_fills_is_an_error_and_not_a_hole(app: Flask) -> None:
    with app.app_context():
        assert joined(f"<p>ô {place('rows')}</p>", {"rows": "điểm".encode()}).data == "<p>ô điểm</p>".encode()
        with pytest.raises(KeyError):
            joined(f"{place('side')}", {})
