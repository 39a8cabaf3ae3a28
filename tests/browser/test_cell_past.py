"""On tap: the past of a cell, why the average is what it is, and which cells a question rests on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.axe import findings
from tests.browser.grid_site import Site, settled
from tests.cast import Cast
from tests.services.test_anomaly_questions import BINH
from tests.services.test_anomaly_questions import fill as fill_all

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

SHOTS = os.environ.get("HOCBASO_SHOTS")


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def test_the_past_and_the_why_stand_in_one_card(site: Site, school: Cast) -> None:
    fill_all(school, {})
    page = site.open(viewport={"width": 1180, "height": 820}, has_touch=True)
    for raw in ("6", "vk"):
        page.click(f"{site.cell('GK')} input")
        page.keyboard.type(raw)
        page.keyboard.press("Enter")
        settled(page)
    page.click(f"{site.cell('GK')} input")
    page.click("[data-history]")
    page.wait_for_selector("#history")
    words = page.inner_text("#history")
    assert "vắng không phép, tính 0,0" in words and "thay cho 6,0" in words
    assert "Trịnh Thu Hà gõ vào ô" in words
    assert "Vì sao kết quả học kì là" in words and "Điều 9 khoản 1 điểm b" in words
    left, sheet = page.locator("td.name, th.name").last.bounding_box(), page.locator("#sheet").bounding_box()
    first, average = page.locator(site.cell("TX1")).bounding_box(), page.locator("td.avg").first.bounding_box()
    assert first["x"] >= left["x"] + left["width"] - 1, "no column slides under the names"
    assert average["x"] + average["width"] <= sheet["x"] + sheet["width"] + 1, (
        "the average that is explained stands in sight"
    )
    assert findings(page) == []
    shot(page, "past-card")
    page.click("[data-close-history]")
    assert page.evaluate("document.activeElement.name").endswith("-GK")


def test_the_average_explains_itself_on_tap(site: Site, school: Cast) -> None:
    fill_all(school, {})
    page = site.open(viewport={"width": 820, "height": 1180}, has_touch=True)
    page.tap(f"#a-{school.enrollments['9A', 'Hoàng Thanh Bình']}")
    page.wait_for_selector("#history")
    assert "÷ 9 =" in page.inner_text("#history") and page.evaluate("document.activeElement.id") == "history"
    assert findings(page) == []
    shot(page, "why-card")


def test_asked_cells_are_marked_until_they_are_answered(site: Site, school: Cast) -> None:
    fill_all(school, {BINH: "Em Chi chăm học."})
    page = site.open(viewport={"width": 1180, "height": 820}, has_touch=True)
    assert page.locator(".cell--ask").count() == 0
    page.click("text=Nộp bảng điểm")
    page.wait_for_selector("text=Trước khi nộp, xin trả lời 1 câu hỏi")
    cell = f"#c-{school.enrollments['9A', BINH]}-NX"
    page.wait_for_selector(f"{cell}.cell--ask")
    assert page.locator(".cell--ask").count() == 1
    about = page.get_attribute(f"{cell} textarea", "aria-details")
    assert "có tên “Chi”" in page.inner_text(f"#{about}")
    page.click(f'.question a[href="{cell}"]')
    assert "Câu hỏi: Nhận xét của" in page.inner_text("#cellbar")
    assert findings(page) == []
    shot(page, "asked-cells")
    page.click(".question .chip >> nth=0")
    page.wait_for_selector("text=Đã trả lời hết các câu hỏi")
    page.wait_for_function("() => !document.querySelector('.cell--ask')")


def test_without_script_the_past_is_a_page(site: Site, school: Cast) -> None:
    fill_all(school, {})
    page = site.open(java_script_enabled=False)
    pupil = school.enrollments["9A", "Hoàng Thanh Bình"]
    for path in (f"{pupil}/GK/lich-su", f"{pupil}/vi-sao"):
        page.goto(f"{site.sheet()}/o/{path}")
        assert "Hoàng Thanh Bình" in page.inner_text("main") and "÷ 9 =" in page.inner_text("main")
