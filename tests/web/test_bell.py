"""The bell in the bar: how many of one's own messages are unread, on every page, and the page it opens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.services import notices
from tests.cast import Cast

POLL = {"X-Poll": "1", "HX-Request": "true"}


def tell(school: Cast, who: str, title: str, kind: str = "help") -> None:
    with write_transaction():
        notices.tell([school.people[who]], kind, title, "Dòng một\nDòng hai", school.now)


def count(page: str) -> str | None:
    bell = page[page.index('id="bell"') : page.index("</a>", page.index('id="bell"'))]
    return bell.split('bell__count num">')[1].split("<")[0] if "bell__count" in bell else None


def test_the_number_follows_what_comes_and_what_is_put_aside(
    school: Cast, school_app: Flask, client_of: Callable[[str], FlaskClient]
) -> None:
    math, clerk = client_of("math"), client_of("clerk")
    assert count(math.get("/tro-giup").text) is None
    tell(school, "math", "Xin xem bảng điểm 6A", "correction")
    tell(school, "math", "Có lời trả lời")
    page = math.get("/loi-nhac/").text
    assert count(page) == "2" and "Xin xem bảng điểm 6A" in page and "Dòng hai" in page
    assert count(clerk.get("/tro-giup").text) is None and "Xin xem" not in clerk.get("/loi-nhac/").text, (
        "one's own only"
    )
    first = notices.waiting(school.people["math"])[0]
    answer = math.post(f"/loi-nhac/{first.id}/da-doc", data={"o": "loi-nhac"})
    assert answer.status_code in (302, 303) and answer.location.endswith("/loi-nhac/")
    page = math.get("/loi-nhac/").text
    assert count(page) == "1" and "Đã đọc</h2>" in page, "it is still listed among those read"


def test_the_bell_asks_for_itself_and_says_only_what_is_more(
    school: Cast, client_of: Callable[[str], FlaskClient]
) -> None:
    math = client_of("math")
    assert math.get("/loi-nhac/chuong").location == "/loi-nhac/", "no page of its own"
    assert math.get("/loi-nhac/chuong?n=0", headers=POLL).status_code == 204
    tell(school, "math", "Có lời trả lời")
    more = math.get("/loi-nhac/chuong?n=0", headers=POLL)
    assert count(more.text) == "1" and "1 lời nhắc chưa đọc" in more.text and 'hx-swap-oob="innerHTML"' in more.text
    fewer = math.get("/loi-nhac/chuong?n=4", headers=POLL)
    assert count(fewer.text) == "1" and "hx-swap-oob" not in fewer.text, "nobody is told of what they put aside"


@pytest.mark.parametrize("path", ["/loi-nhac/", "/loi-nhac/chuong"])
def test_nobody_who_is_not_signed_in_has_a_bell(path: str, school_app: Flask, school: Cast) -> None:
    assert school_app.test_client().get(path).status_code in (302, 303, 401)


def test_the_mail_is_declined_on_the_own_account_and_the_bell_stays(
    school: Cast, client_of: Callable[[str], FlaskClient]
) -> None:
    math = client_of("math")
    assert "chưa có địa chỉ thư" in math.get("/tai-khoan").text
    with write_transaction() as session:
        person = session.get(m.Person, school.people["math"])
        assert person is not None
        person.email = "ha@dongsen.example"
    tell(school, "math", "Có lời trả lời")
    page = math.get("/tai-khoan").text
    assert "ha@dongsen.example" in page and "Đang nhận" in page and "chưa đặt máy chủ thư" in page
    answer = math.post("/tai-khoan/thu", data={"nhan": "0"}, follow_redirects=True)
    assert answer.request.path == "/tai-khoan" and "Không nhận</" in answer.text and "Nhận lại thư" in answer.text
    assert count(answer.text) == "1"
    back = math.post("/tai-khoan/thu", data={"nhan": "1"}, follow_redirects=True).text
    assert "Đang nhận" in back and "lại gửi cho thầy, cô" in back
