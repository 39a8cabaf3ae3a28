"""The group head types from the papers on a tablet, compares and settles; axe finds nothing; also without script."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from hocbaso.db import db
from tests.axe import findings
from tests.browser.grid_site import Site
from tests.cast import Cast
from tests.services.test_blind_checks import REASON, ready, rows, sheet_id, text_of

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

SHOTS = os.environ.get("HOCBASO_SHOTS")
"""A folder for pictures of the states, when somebody wants to look."""


def open_as(site: Site, who: str, path: str, **options: Any) -> Any:
    """A page of this person on a tablet."""
    context = site.browser.new_context(
        **{"viewport": {"width": 820, "height": 1180}, "locale": "vi-VN", "has_touch": True, **options}
    )
    page = context.new_page()
    site.sign_in(page, who)
    page.goto(site.address + path)
    return page


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def has_no_violation(page: Any) -> None:
    assert findings(page) == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("viewport", [(820, 1180), (1180, 820)], ids=["upright", "flat"])
def test_the_group_head_types_compares_and_settles(
    site: Site, school: Cast, script: bool, viewport: tuple[int, int]
) -> None:
    ready(school, percent=50)
    wanted = {row.id: text_of(school, row) for row in rows(school)}
    size = {"width": viewport[0], "height": viewport[1]}
    page = open_as(site, "head_science", "/hom-nay", viewport=size, java_script_enabled=script, bypass_csp=True)
    name = f"check-{'script' if script else 'plain'}-{viewport[0]}"
    shot(page, f"{name}-0-day")
    page.get_by_role("link", name="Đối chiếu bài gốc Toán 9A").first.click()
    fields = page.locator(".papers__value")
    fields.first.wait_for()
    assert fields.count() == 5
    for place in range(5):
        box = fields.nth(place).bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44
    if script:
        has_no_violation(page)
    shot(page, f"{name}-1-typing")
    for place, (number, text) in enumerate(wanted.items()):
        page.fill(f"#v-{number}", "1,5" if place == 0 else text)
    page.locator(".papers__do button[value=so]").click()
    page.wait_for_selector("#lech")
    if script:
        has_no_violation(page)
    shot(page, f"{name}-2-different")
    assert "1,5" in page.inner_text("#main")
    page.fill("textarea[name=reason]", REASON)
    page.locator(".papers__case button[type=submit]").click()
    page.wait_for_selector("text=Về bảng điểm để soát")
    assert page.locator(".papers__table tbody tr").count() == 5
    if script:
        has_no_violation(page)
    shot(page, f"{name}-3-done")
    page.get_by_role("link", name="Về bảng điểm để soát").click()
    page.wait_for_url(re.compile(r"/bang-diem/\d+$"))
    shot(page, f"{name}-4-sheet")
    page.get_by_role("button", name="Soát xong").click()
    page.wait_for_url(re.compile("/bang-diem/$"))
    db.session.rollback()
    assert [row.state for row in rows(school)].count("MISREAD") == 1


def test_the_sheet_of_who_types_shows_the_way_and_hides_the_papers(site: Site, school: Cast) -> None:
    ready(school, percent=20)
    page = open_as(site, "head_science", f"/bang-diem/{sheet_id(school)}", bypass_csp=True)
    shot(page, "check-sheet-blind")
    has_no_violation(page)
    assert page.locator("#main [href$='/doi-chieu']").count() >= 1
    assert page.get_by_role("button", name="Soát xong").count() == 0


def test_a_comment_subject_has_large_choices(site: Site, school: Cast) -> None:
    ready(school, percent=50, code="LOCAL", who="other")
    page = open_as(site, "head_society", f"/bang-diem/{sheet_id(school, 'LOCAL')}/doi-chieu", bypass_csp=True)
    has_no_violation(page)
    for choice in page.locator(".papers__marks label").all():
        assert choice.bounding_box()["height"] >= 44
    page.get_by_role("radiogroup").first.get_by_text("Đạt", exact=True).click()
    shot(page, "check-comment")
