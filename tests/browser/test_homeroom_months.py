"""Absences by month in Chromium: typed with Enter down, sums alive, conflict, accessibility at the tablet's size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import month_absences
from tests.axe import findings
from tests.browser.grid_site import Site
from tests.browser.test_homeroom import BINH, open_page
from tests.cast import NOW

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MONTHS = ("1-2026-09", "1-2026-10", "1-2026-11", "1-2026-12", "1-2027-01")


def cell(place: Site, key: str, name: str = BINH) -> str:
    return f"#o-{place.cast.enrollments['9A', name]}-{key}"


def test_a_semester_is_typed_by_month_and_the_total_follows(site: Site):
    page = open_page(site, "math", f"/lop/{site.cast.classes['9A']}/thang?ki=1")
    page.set_viewport_size({"width": 1180, "height": 820})
    enrollment = site.cast.enrollments["9A", BINH]
    for n, key in enumerate(MONTHS):
        page.fill(f"{cell(site, f'{key}-excused')} input", "1" if n else "21")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"{cell(site, f'{key}-excused')} input[data-version='1']")
    assert page.inner_text(f"#t-{enrollment}-1-excused") == "25"
    below = page.evaluate("document.activeElement.closest('tr').dataset.who")
    assert below != BINH and page.evaluate("document.activeElement.dataset.field") == f"{MONTHS[-1]}-excused"
    page.fill(f"{cell(site, '1-2026-10-unexcused')} input", "99")
    page.keyboard.press("Tab")
    page.wait_for_selector(f"{cell(site, '1-2026-10-unexcused')}.cell--refused")
    assert "từ 0 đến 27" in page.inner_text("#row-wrong")
    page.select_option("#thang-0", "1-2026-10")
    page.click("[data-fill]")
    words = page.inner_text("#row-wrong")
    assert BINH in words and "99" in words and "rồi mới ghi 0" in words
    assert page.evaluate("document.activeElement.value") == "99"
    page.fill(f"{cell(site, '1-2026-10-unexcused')} input", "12")
    page.keyboard.press("Tab")
    page.wait_for_selector("text=nghỉ 37 buổi")
    month_absences.save_month(
        site.cast.actor("math"), enrollment, MONTHS[0], "excused", "20", expected_version=1, now=NOW
    )
    db.session.remove()
    page.fill(f"{cell(site, f'{MONTHS[0]}-excused')} input", "22")
    page.keyboard.press("Tab")
    page.wait_for_selector(".clash-card")
    page.click("text=Ghi theo thầy, cô")
    page.wait_for_selector(f"{cell(site, f'{MONTHS[0]}-excused')} input[data-version='3']")
    db.session.rollback()
    record = db.session.scalars(select(m.HomeroomRecord).where(m.HomeroomRecord.enrollment_id == enrollment)).one()
    assert record.absences_excused_1 == 26 and record.absences_unexcused_1 is None
    assert findings(page) == []
    keep(page, "1180x820")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "the table scrolls, not the page"
    assert findings(page) == []
    keep(page, "390x844")
    page.set_viewport_size({"width": 1180, "height": 820})
    page.goto(f"{site.address}/lop/{site.cast.classes['9A']}")
    assert page.inner_text(f"#o-{enrollment}-absences_excused_1") == "26"
    assert findings(page) == []
    keep(page, "class")


def keep(page, size: str) -> None:
    folder = os.environ.get("HOCBASO_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"months-{size}.png"))
