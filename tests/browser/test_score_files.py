"""A sheet taken home and handed in again, in Chromium on a tablet: download, fill, upload, look, write, take back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.axe import findings
from tests.browser.grid_site import NAMES, Site, settled, values
from tests.services.test_score_files import edited, put

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

TABLET = {"viewport": {"width": 1180, "height": 820}, "has_touch": True, "accept_downloads": True}


def no_violation(page: Any) -> None:
    assert findings(page) == []


def take_home(page: Any) -> bytes:
    page.click('summary[aria-label="Tệp Excel"]')
    with page.expect_download() as waiting:
        page.click("text=Tải Excel")
    assert waiting.value.suggested_filename.startswith("Toán HK2 9A")
    return Path(waiting.value.path()).read_bytes()


def hand_in(page: Any, data: bytes, name: str = "toan-9a.xlsx") -> None:
    if not page.is_visible("text=Nhận lại tệp Excel"):  # the menu closes when one goes on
        page.click('summary[aria-label="Tệp Excel"]')
    page.click("text=Nhận lại tệp Excel")
    page.set_input_files(
        "#file",
        {"name": name, "mimeType": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "buffer": data},
    )
    page.click(".upload button")


def test_home_and_back(site: Site) -> None:
    page = site.open(**TABLET)
    data = take_home(page)
    filled = edited(data, put("ĐĐGtx1", NAMES[0], 8.5), put("ĐĐGtx1", NAMES[1], "9"), put("ĐĐGgk", NAMES[2], 85))
    hand_in(page, filled)
    page.wait_for_url("**/excel/*")
    assert "Ghi 2 ô" in page.inner_text(".head__do")
    assert "Nếu là 8,5 thì hãy ghi rõ dấu phẩy" in page.inner_text("main")
    assert values("TX1", site.cast) == [None] * 5
    no_violation(page)
    page.click(".head__do button")
    page.wait_for_selector("text=Đã ghi 2 ô từ tệp.")
    assert values("TX1", site.cast) == [85, 90, None, None, None]
    no_violation(page)
    page.click("text=Hoàn tác cả lần nộp này")
    page.wait_for_selector("text=Đã hoàn tác 2 ô.")
    assert values("TX1", site.cast) == [None] * 5
    page.click("text=Về bảng điểm")
    page.wait_for_selector("#sheet")
    assert page.input_value(f"{site.cell('TX1')} input") == ""


def test_what_was_typed_meanwhile_is_asked_about(site: Site) -> None:
    page = site.open(**TABLET)
    data = edited(take_home(page), put("ĐĐGtx1", NAMES[0], 5))
    page.keyboard.press("Escape")
    page.click(site.cell("TX1"))
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    settled(page)
    hand_in(page, data)
    page.wait_for_url("**/excel/*")
    tick = page.locator('input[name="chon"]')
    assert tick.count() == 1 and not tick.is_checked()
    box = page.locator("label.tick").bounding_box()
    assert box["width"] >= 44 and box["height"] >= 44
    tick.check()
    page.click(".head__do button")
    page.wait_for_selector("text=Đã ghi 1 ô từ tệp.")
    assert values("TX1", site.cast)[0] == 50


def test_a_refusal_stays_on_the_page(site: Site) -> None:
    page = site.open(**TABLET)
    page.click('summary[aria-label="Tệp Excel"]')
    hand_in(page, b"khong phai excel", "diem.xlsx")
    page.wait_for_selector("text=không phải là sổ Excel")
    no_violation(page)


def test_it_works_without_script(site: Site) -> None:
    page = site.open(**{**TABLET, "java_script_enabled": False})
    data = edited(take_home(page), put("ĐĐGtx1", NAMES[0], 8.5))
    hand_in(page, data)
    page.click(".head__do button")
    assert "Đã ghi 1 ô" in page.inner_text("main")
    assert values("TX1", site.cast)[0] == 85
