"""A teacher hands in, is asked, answers and mends in Chromium; the group head reads it. Also without script."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.axe import findings
from tests.browser.grid_site import Site
from tests.cast import Cast
from tests.services.test_anomaly_questions import BINH, CHI, fill, state_of

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

SHOTS = os.environ.get("HOCBASO_SHOTS")
"""A folder for pictures of the states, when somebody wants to look."""


def sheet_of(site: Site, who: str, **options: Any) -> Any:
    """The sheet Toán 9A of semester II in a tablet of this person."""
    return site.open(who, **{"has_touch": True, **options})


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def test_a_teacher_answers_one_question_mends_another_and_the_group_head_reads_both(site: Site, school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học.", CHI: "Bạn Bình hăng hái phát biểu."})
    page = sheet_of(site, "math")
    page.click("text=Nộp bảng điểm")
    page.wait_for_selector("text=Trước khi nộp, xin trả lời 2 câu hỏi")
    assert findings(page) == []
    shot(page, "asked-1280")
    cell = f"#c-{school.enrollments['9A', CHI]}-NX"
    page.click(f'.question a[href="{cell}"]')
    assert page.evaluate("id => document.querySelector(id).contains(document.activeElement)", cell)
    page.fill(f"{cell} textarea", "Em Chi hăng hái phát biểu.")
    with page.expect_response(lambda answer: answer.request.method == "POST" and "/o/" in answer.url):
        page.press(f"{cell} textarea", "Enter")
    page.click("text=kiểm tra lại")
    page.wait_for_selector("text=Trước khi nộp, xin trả lời 1 câu hỏi")
    page.wait_for_selector("#sheet-notes:has-text('1 câu hỏi chờ thầy, cô trả lời')")
    page.click(".question .chip >> nth=0")
    page.wait_for_selector("text=Đã trả lời hết các câu hỏi")
    page.wait_for_selector("#sheet-notes:has-text('câu hỏi trước khi nộp đã có trả lời')")
    assert "chờ thầy, cô trả lời" not in page.inner_text("main")
    assert findings(page) == []
    shot(page, "answered-1280")
    page.click("#questions >> text=Nộp bảng điểm")
    page.wait_for_selector("text=Đã nộp Toán 9A, học kì II")
    assert state_of(school) == "SUBMITTED"

    head = sheet_of(site, "head_science", viewport={"width": 800, "height": 1280})
    told = head.inner_text(".questions__answered")
    assert (
        "có tên “Chi”" in told
        and "Nhận xét đúng em này" in told
        and "Số liệu đã sửa, khi nộp không còn điều này" in told
    )
    assert head.is_visible(".question__answer >> nth=0")
    assert findings(head) == []
    shot(head, "head-800")


def test_without_script_the_cards_are_plain_forms(site: Site, school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    page = sheet_of(site, "math", java_script_enabled=False, viewport={"width": 800, "height": 1280})
    page.click("text=Nộp bảng điểm")
    page.wait_for_selector("text=Trước khi nộp, xin trả lời 1 câu hỏi")
    shot(page, "asked-800")
    page.fill(".question textarea", "đúng")
    page.click("text=Ghi lí do này")
    page.wait_for_selector("text=Xin ghi rõ hơn một chút")
    page.fill(".question textarea", "Hai em làm chung một sản phẩm")
    page.click("text=Ghi lí do này")
    page.wait_for_selector("text=1 câu hỏi trước khi nộp đã có trả lời")
    page.click("text=Nộp bảng điểm")
    page.wait_for_selector("text=Đã nộp Toán 9A, học kì II")
    assert state_of(school) == "SUBMITTED"


def test_dark_and_narrow_the_cards_stay_readable(site: Site, school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    page = sheet_of(site, "math", viewport={"width": 390, "height": 844}, color_scheme="dark")
    page.click("text=Nộp bảng điểm")
    page.wait_for_selector("text=Trước khi nộp, xin trả lời 1 câu hỏi")
    assert findings(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    shot(page, "dark-390")


def test_an_answer_field_that_was_made_larger_breaks_no_policy_when_it_comes_back(site: Site, school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    page = sheet_of(site, "math")
    page.click("text=Nộp bảng điểm")
    page.wait_for_selector("text=Trước khi nộp, xin trả lời 1 câu hỏi")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.evaluate(
        "document.querySelector('.question textarea').style.setProperty('height', '90px')"
    )  # as the hand does
    page.fill(".question textarea", "đúng")
    page.click("text=Ghi lí do này")
    page.wait_for_selector("text=Xin ghi rõ hơn một chút")
    page.wait_for_timeout(200)
    assert [words for words in said if "Content Security Policy" in words] == []
