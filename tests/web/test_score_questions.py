"""The questions on the page of a sheet: with script and without, answered, refused, and read by others."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from tests.cast import NOW, Cast
from tests.services.test_anomaly_questions import BINH, REASON, fill, state_of

ClientOf = Callable[[str], FlaskClient]
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def on_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def url(school: Cast) -> str:
    return f"/bang-diem/{school.sheets['9A', 'MATH', 2]}"


def hand_in(school: Cast, client: FlaskClient) -> str:
    """Press Nộp; the page of the refusal."""
    answer = client.post(f"{url(school)}/nop", data={"version": "1"})
    assert answer.status_code == 409
    return answer.get_data(as_text=True)


def card(page: str) -> tuple[str, str]:
    """Where the first card is answered, and the version it shows."""
    found = re.search(r'action="([^"]+/cau-hoi/\d+)".*?name="version" value="(\d+)"', page, re.DOTALL)
    assert found
    return found[1], found[2]


def test_the_refused_hand_in_shows_the_questions_as_cards_with_links_to_their_cells(
    school: Cast, client_of: ClientOf
) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    page = hand_in(school, client_of("math"))
    assert "Trước khi nộp, xin trả lời 1 câu hỏi" in page and "Hoàng Thanh Bình có tên “Chi”" in page
    anchor = f"c-{school.enrollments['9A', BINH]}-NX"
    assert f'<a href="#{anchor}" data-to="{anchor}">' in page and f'id="{anchor}"' in page
    assert 'name="offered"' in page and 'class="errors"' not in page


def test_a_plain_form_answers_and_comes_back_to_the_sheet(school: Cast, client_of: ClientOf) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    client = client_of("math")
    action, version = card(hand_in(school, client))
    answer = client.post(action, data={"version": version, "reason": REASON})
    assert (answer.status_code, answer.location) == (303, f"{url(school)}#questions")
    page = client.get(url(school)).get_data(as_text=True)
    assert REASON in page and "xin trả lời" not in page
    assert client.post(f"{url(school)}/nop", data={"version": "1"}).status_code == 303
    assert state_of(school) == "SUBMITTED"


def test_one_tap_on_an_offered_reason_answers_and_only_the_cards_come_back(school: Cast, client_of: ClientOf) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    client = client_of("math")
    page = hand_in(school, client)
    action, version = card(page)
    offered = re.findall(r'name="offered" value="([^"]+)"', page)
    answer = client.post(action, data={"version": version, "offered": offered[0], "reason": ""}, headers=HTMX)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200 and text.lstrip().startswith('<section class="questions" id="questions"')
    assert offered[0] in text and 'form="move-nop"' in text
    note = text[text.index('id="sheet-notes-now" hx-swap-oob="true"') :]
    assert "câu hỏi chờ thầy, cô trả lời" in page and "câu hỏi chờ thầy, cô trả lời" not in note
    assert "1 câu hỏi trước khi nộp đã có trả lời" in note, "the line above the grid says what the cards say"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_reason_that_says_too_little_comes_back_with_what_was_typed(
    school: Cast, client_of: ClientOf, headers: dict[str, str]
) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    client = client_of("math")
    action, version = card(hand_in(school, client))
    answer = client.post(action, data={"version": version, "reason": "ổn <b>"}, headers=headers)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "ghi rõ hơn" in text and ">ổn &lt;b&gt;</textarea>" in text and 'aria-invalid="true"' in text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_an_answer_to_an_older_version_is_refused_in_words(
    school: Cast, client_of: ClientOf, headers: dict[str, str]
) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    client = client_of("math")
    action, version = card(hand_in(school, client))
    client.post(action, data={"version": version, "reason": REASON})
    answer = client.post(action, data={"version": version, "reason": "Một lí do khác hẳn lúc đầu"}, headers=headers)
    assert answer.status_code == 409 and "vừa có trả lời khác" in answer.get_data(as_text=True)
    assert db.session.scalar(select(m.AnomalyQuestion.reason)) == REASON


def test_looking_again_after_mending_shows_no_question(school: Cast, client_of: ClientOf) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    client = client_of("math")
    hand_in(school, client)
    again = client.get(f"{url(school)}/cau-hoi", headers=HTMX).get_data(as_text=True)
    assert "xin trả lời 1 câu hỏi" in again
    fill(school, {BINH: "Em Bình chăm học."})
    assert "xin trả lời" not in client.get(f"{url(school)}/cau-hoi", headers=HTMX).get_data(as_text=True)
    assert client.get(f"{url(school)}/cau-hoi").location == f"{url(school)}#questions"


def test_the_group_head_reads_the_answer_on_the_sheet_and_on_the_page_of_the_day(
    school: Cast, client_of: ClientOf
) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    action, version = card(hand_in(school, client_of("math")))
    client_of("math").post(action, data={"version": version, "reason": REASON})
    client_of("math").post(f"{url(school)}/nop", data={"version": "1"})
    page = client_of("head_science").get(url(school)).get_data(as_text=True)
    answered = page.split('<details class="details questions__answered" open>')[1].split("</section>")[0]
    assert REASON in answered and "Trịnh Thu Hà" in answered and "<form" not in answered
    assert REASON in client_of("head_science").get("/hom-nay").get_data(as_text=True)


def test_words_of_a_remark_cannot_become_markup(school: Cast, client_of: ClientOf) -> None:
    fill(school, {BINH: "Em Chi <script>alert(1)</script>."})
    client = client_of("math")
    action, version = card(hand_in(school, client))
    client.post(action, data={"version": version, "reason": 'Đúng "<img src=x>" là vậy thôi'})
    page = client.get(url(school)).get_data(as_text=True)
    assert "<script>alert" not in page and "<img src=x>" not in page
