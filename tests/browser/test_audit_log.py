"""Nhật ký on a tablet and a phone: no finding of axe-core, no wider than the window, found by typing a pupil's name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hocbaso.services import score_entry, snapshots
from hocbaso.services.access import SYSTEM
from tests.axe import findings
from tests.browser.grid_site import NAMES, Site
from tests.cast import NOW

pytestmark = pytest.mark.browser


def test_the_log_is_searched_and_compared_on_a_tablet_and_a_phone(site: Site) -> None:
    cast = site.cast
    first = snapshots.take(SYSTEM, NOW, occasion="hết hạn nhập dữ liệu 2026-2027")
    for place, raw in ((0, "6,5"), (1, "9"), (2, "4,5")):
        score_entry.save_cell(
            cast.actor("math"), cast.sheets["9A", "MATH", 2], cast.enrollments["9A", NAMES[place]], "TX1",
            raw, expected_version=0, op_id=None, now=NOW,
        )  # fmt: skip
    score_entry.save_cell(
        cast.actor("math"), cast.sheets["9A", "MATH", 2], cast.enrollments["9A", NAMES[0]], "TX1",
        "8", expected_version=1, op_id=None, now=NOW,
    )  # fmt: skip
    second = snapshots.take(SYSTEM, NOW)
    shots = Path(os.environ["HOCBASO_SHOTS"]) if os.environ.get("HOCBASO_SHOTS") else None
    for width, height in ((1180, 820), (390, 844)):
        page: Any = site.browser.new_context(viewport={"width": width, "height": height}, locale="vi-VN").new_page()
        site.sign_in(page, "principal")
        page.goto(f"{site.address}/nhat-ky")
        page.fill("#hoc-sinh", "thanh binh")
        page.press("#hoc-sinh", "Enter")
        page.wait_for_url("**hoc-sinh=thanh**")
        assert page.locator(".log ins").first.inner_text() == "8,0"
        for name, path in (
            ("search", ""),
            ("all", "/nhat-ky"),
            ("entry", "/nhat-ky/30"),
            ("compare", f"/nhat-ky/so-sanh?tu={first.id}&den={second.id}"),
            ("day", "/hom-nay"),
        ):
            if path:
                page.goto(site.address + path)
            assert findings(page) == [], name
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (name, width)
            if shots is not None:
                page.screenshot(path=str(shots / f"{name}-{width}.png"), full_page=False)
        page.context.close()
