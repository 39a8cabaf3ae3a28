"""Signing a class and checking a file in Chromium: one PIN, progress that moves by itself, the paper beside the list, axe."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hocbaso import clock
from hocbaso.db import db
from hocbaso.services import stored_documents, test_school_keys
from tests.axe import findings
from tests.browser import batch_page
from tests.browser.grid_site import served, sign_in
from tests.cast import NOW, Cast
from tests.conftest import make_app
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_template_fixture,
)
from tests.services.test_transcripts import records

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser


@pytest.fixture
def address(
    built_template: Path,
    school_template: tuple[Path, Cast],
    tmp_path: Path,
    browser: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[str, Any]]:
    """The served school of a class whose transcripts are built, and its application."""
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(hours=8))
    shutil.copytree(built_template, tmp_path / "site")
    app = make_app(tmp_path / "site")
    with served(school_template[1], app, browser) as site:
        yield site.address, app


def enter(browser: Any, address: str, who: str, **options: Any) -> Any:
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "vi-VN", **options}).new_page()
    sign_in(page, address, who)
    return page


@pytest.mark.slow
def test_three_people_sign_by_clicking_and_a_stranger_checks_the_file(
    browser: Any, address: tuple[str, Any], school_template: tuple[Path, Cast]
) -> None:
    base, app = address
    class_page = f"{base}/hoc-ba/lop/{school_template[1].classes['9A']}"
    for who in ("math", "principal", "clerk"):
        page = enter(browser, base, who)
        page.goto(class_page)
        assert page.inner_text("[data-chosen]") == "3"
        if who == "math":
            assert findings(page) == []
            page.click(".tr-row__who a >> nth=0")
            page.wait_for_selector("#paper iframe")
            page.uncheck("input[name=chosen] >> nth=0")
            assert page.inner_text("[data-chosen]") == "2"
            page.check("input[name=chosen] >> nth=0")
        page.fill("#pin", test_school_keys.DEMO_PIN)
        page.click("#ky button[type=submit]")
        page.wait_for_url("**/viec/*")
        batch_page.done(page, 3)
        assert findings(page) == []
        page.context.close()
    with app.app_context():
        row = records()[0]
        assert row.state == "PUBLISHED"
        pdf, uuid = stored_documents.read(row.pdf_digest), row.uuid
        db.session.remove()
    for options in ({}, {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True}):
        stranger = browser.new_context(**options).new_page()
        stranger.goto(f"{base}/xac-thuc")
        assert findings(stranger) == []
        stranger.set_input_files("#tep", {"name": "hoc-ba.pdf", "mimeType": "application/pdf", "buffer": pdf})
        stranger.click("button:has-text('Kiểm tra tệp')")
        stranger.wait_for_selector("text=Học bạ thật, còn hiệu lực")
        assert findings(stranger) == []
        stranger.goto(f"{base}/xac-thuc/{uuid}")
        stranger.wait_for_selector("text=Mã thật, học bạ còn hiệu lực")
        assert findings(stranger) == []
        stranger.context.close()


def test_without_script_a_class_is_signed_by_plain_forms(
    browser: Any, address: tuple[str, Any], school_template: tuple[Path, Cast]
) -> None:
    base, _app = address
    page = enter(browser, base, "math", java_script_enabled=False)
    page.goto(f"{base}/hoc-ba/lop/{school_template[1].classes['9A']}")
    page.click(".tr-row__who a >> nth=0")
    assert page.locator("#paper iframe").count() == 1
    page.fill("#pin", test_school_keys.DEMO_PIN)
    page.click("#ky button[type=submit]")
    for _ in range(30):
        if page.locator("text=Xong 3 bản").count():
            break
        page.wait_for_timeout(1000)
        page.goto(page.url)
    assert page.locator("text=Xong 3 bản").count() == 1
    page.context.close()


@pytest.mark.parametrize(
    "who", ["principal", *(pytest.param(who, marks=pytest.mark.slow) for who in ("it_officer", "clerk"))]
)
def test_the_other_pages_are_accessible(browser: Any, address: tuple[str, Any], who: str) -> None:
    base, app = address
    with app.app_context():
        uuid = records()[0].uuid
        db.session.remove()
    paths = ["/chung-thu-so/"] if who == "it_officer" else ["/hoc-ba/", "/chung-thu-so/", f"/hoc-ba/{uuid}"]
    for scheme in ("light", "dark"):
        page = enter(browser, base, who, color_scheme=scheme, viewport={"width": 800, "height": 1280})
        for path in paths:
            page.goto(base + path)
            assert findings(page) == [], path
        page.context.close()
