"""Typing from paper in Chromium: the number beside the name opens the marks, a wrong one is told with its row."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hocbaso.regulations.paper_codes import row_codes, sheet_code
from tests.axe import findings
from tests.browser.grid_site import NAMES, Site, settled, values
from tests.cast import Cast

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

SHOTS = os.environ.get("HOCBASO_SHOTS")


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def codes(cast: Cast) -> list[str]:
    """The printed numbers in the order of the sheet."""
    ids = [cast.enrollments["9A", name] for name in NAMES]
    printed = row_codes(cast.sheets["9A", "MATH", 2], {one: one % 97 for one in ids})
    return [printed[one] for one in ids]


def opened(site: Site, **options: Any) -> Any:
    """As the QR code opens it."""
    page = site.open(**options)
    page.goto(f"{site.address}/bang-diem/giay/{sheet_code(site.cast.sheets['9A', 'MATH', 2])}")
    page.wait_for_selector("html[data-grid=ready]")
    return page


def test_a_column_from_paper(site: Site, school: Cast) -> None:
    page = opened(site, viewport={"width": 1180, "height": 820}, has_touch=True)
    assert page.is_visible("#paper-h") and "giay=1" in page.url
    page.select_option("[data-paper-columns]", "GK")
    assert page.evaluate("document.activeElement.id") == "paper-code"
    for code, mark in zip(codes(school), ("85", "7", "vk", "10", "6,5"), strict=True):
        page.keyboard.type(code)
        page.keyboard.type(mark)
        page.keyboard.press("Enter")
    settled(page)
    assert values("GK", school) == [85, 70, 0, 100, 65]


def test_a_shifted_row_is_told_at_its_first_row_and_nothing_is_typed(site: Site, school: Cast) -> None:
    page = opened(site, viewport={"width": 820, "height": 1180}, has_touch=True)
    page.select_option("[data-paper-columns]", "GK")
    first, second, third, *_ = codes(school)
    page.keyboard.type(first)
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    page.keyboard.type(third)  # the eye slipped by one row
    words = page.inner_text("#paper-wrong")
    assert f"Mã {third} là của dòng 3, Trần Khánh Chi" in words and "lệch xuống một dòng" in words
    assert second not in words  # the machine never gives away what should stand on the paper
    assert page.is_disabled("[data-paper-column=GK] input")
    assert findings(page) == []
    shot(page, "paper-wrong")
    page.keyboard.type(second)
    assert page.is_hidden("#paper-wrong")
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    page.keyboard.type(first)
    assert "lệch" not in page.inner_text("#paper-wrong")
    page.click("text=Sang dòng 1")
    assert "Hoàng Thanh Bình" in page.inner_text("[data-paper-who]")
    settled(page)
    assert values("GK", school) == [80, 90, None, None, None]


def test_a_sheet_of_another_class_is_suspected(site: Site, school: Cast) -> None:
    page = opened(site)
    strange = [f"{n:02d}" for n in range(97) if f"{n:02d}" not in codes(school)]
    page.keyboard.type(strange[0])
    assert "Không em nào trong bảng này có mã" in page.inner_text("#paper-wrong")
    assert "phiếu của bảng khác" not in page.inner_text("#paper-wrong")
    page.keyboard.type(strange[1])
    assert sheet_code(school.sheets["9A", "MATH", 2]) in page.inner_text("#paper-wrong")


@pytest.mark.slow
def test_every_column_of_a_row_and_what_is_refused_stays(site: Site, school: Cast) -> None:
    page = opened(site)
    page.keyboard.type(codes(school)[0])
    for mark in ("8", "8,25", "9", "7,5", "8", "85"):
        page.keyboard.type(mark)
        page.keyboard.press("Enter")
    page.wait_for_selector(f"{site.cell('TX2')}.cell--refused")
    assert "Hoàng Thanh Bình" in page.inner_text("[data-paper-who]")  # until it is mended
    assert page.evaluate("document.activeElement.parentElement.dataset.paperColumn") == "TX2"
    assert page.get_attribute('[data-paper-column="TX2"] input', "aria-invalid") == "true"
    assert "một chữ số sau dấu phẩy" in page.inner_text("#paper-wrong")
    settled(page)
    found = [values(key, school)[0] for key in ("TX1", "TX2", "TX3", "TX4", "GK", "CK")]
    assert found == [80, None, 90, 75, 80, 85]
    assert findings(page) == []
    shot(page, "paper-typing")


@pytest.mark.slow
def test_without_a_network_what_was_typed_from_paper_waits(site: Site, school: Cast) -> None:
    page = opened(site)
    page.select_option("[data-paper-columns]", "CK")
    page.context.set_offline(True)
    page.keyboard.type(codes(school)[0] + "9")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{site.cell('CK')}.cell--wait")
    page.context.set_offline(False)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    settled(page)
    assert values("CK", school)[0] == 90


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1180])
def test_the_printing_page(site: Site, school: Cast, width: int, scheme: str) -> None:
    page = site.open(viewport={"width": width, "height": 1800}, color_scheme=scheme)
    page.goto(f"{site.address}/phieu-giay/?bang={school.sheets['9A', 'MATH', 2]}")
    assert page.inner_text("#mot-h") == "Toán 9A, học kì II"
    shot(page, f"paper-page-{width}-{scheme}")
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.goto(f"{site.address}/bang-diem/giay/1-00")
    assert "Mã phiếu không đúng" in page.inner_text("main")


def test_a_person_prints_and_the_code_on_paper_leads_back(site: Site, school: Cast) -> None:
    page = site.open()
    page.goto(f"{site.address}/phieu-giay/?bang={school.sheets['9A', 'MATH', 2]}")
    with page.expect_download() as got:
        page.click("text=Tải phiếu này")
    assert got.value.suggested_filename == f"phieu-{sheet_code(school.sheets['9A', 'MATH', 2])}.pdf"
    assert Path(got.value.path()).read_bytes()[:5] == b"%PDF-"
