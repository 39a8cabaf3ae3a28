"""A hand and a seal uploaded by their owners, a class signed with them, and the page on which a seal at the clerk's desk is waited for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hocbaso.db import db
from hocbaso.services import (
    certificate_register,
    certificates,
    document_pool,
    signing,
    stored_documents,
    test_school_keys,
)
from tests.axe import findings
from tests.browser import batch_page
from tests.browser.test_signing import address, enter  # noqa: F401 (fixture)
from tests.cast import NOW, Cast
from tests.documents.test_uploaded_images import hand, png, seal
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_template_fixture,
)
from tests.services.test_transcripts import records

pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.slow]
SCHOOL = "Trường THCS Đồng Sen"


def picture(page: Any, name: str) -> None:
    """A screenshot, where somebody asked for one by HOCBASO_SCREENSHOTS."""
    if folder := os.environ.get("HOCBASO_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_images_are_uploaded_and_signed_with_and_a_desk_is_waited_for(
    browser: Any,
    address: tuple[str, Any],  # noqa: F811
    school_template: tuple[Path, Cast],
) -> None:
    base, app = address
    cast = school_template[1]
    with app.app_context():
        signing.sign_class(cast.actor("math"), cast.classes["9A"], "homeroom", test_school_keys.DEMO_PIN, NOW)
        ids = {
            "principal": certificates.current_certificate(cast.people["principal"]).id,
            "clerk": certificates.current_certificate(None).id,
        }
        db.session.remove()
    for who, image in (("principal", hand()), ("clerk", seal())):
        page = enter(browser, base, who, viewport={"width": 1180, "height": 820})
        page.goto(f"{base}/chung-thu-so/{ids[who]}")
        page.set_input_files("#image", {"name": "hinh.png", "mimeType": "image/png", "buffer": png(image)})
        page.click("#hinh button[type=submit] >> nth=-1")
        page.wait_for_selector(".ink-view img")
        assert page.evaluate("document.querySelector('.ink-view img').naturalWidth") > 200
        assert findings(page) == []
        picture(page, f"image-{who}")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390 and findings(page) == []
        picture(page, f"image-{who}-phone")
        page.set_viewport_size({"width": 1180, "height": 820})
        page.goto(f"{base}/hoc-ba/lop/{cast.classes['9A']}")
        page.fill("#pin", test_school_keys.DEMO_PIN)
        page.click("#ky button[type=submit]")
        page.wait_for_url("**/viec/*")
        batch_page.done(page, 3)
        page.context.close()
    with app.app_context():
        for row in records():
            assert row.state == "PUBLISHED"
            data = stored_documents.read(row.pdf_digest)
            assert len(data) <= 150_000, len(data)
            if folder := os.environ.get("HOCBASO_SCREENSHOTS"):
                Path(folder, "signed.pdf").write_bytes(data)
        authority = test_school_keys._authority(NOW)
        _key, chain = authority.issue(SCHOOL, now=NOW, organisation=SCHOOL)
        place = {"serial": "0A1B2C", "label": "Con dau", "key_id": "01"}
        clerk = cast.actor("clerk")
        certificate_register.store(clerk, chain, None, NOW, key_kind="desk", place=place, is_test=True, replace=True)
        db.session.remove()
    page = enter(browser, base, "clerk", viewport={"width": 1180, "height": 820})
    page.goto(f"{base}/chung-thu-so/")
    page.wait_for_selector('[data-desk][data-now="off"]', timeout=20_000)
    assert findings(page) == []
    picture(page, "machine-key-at-desk")
    # The click is for a helper that is ready; the form itself is what a page without script would send.
    page.evaluate("document.querySelector('form[action$=\"/khoa-may\"]').submit()")
    page.wait_for_url("**/o-may/*")
    page.wait_for_selector('[data-desk][data-now="off"]', timeout=20_000)
    assert findings(page) == []
    picture(page, "desk-task")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390 and findings(page) == []
    picture(page, "desk-task-phone")
    page.click("[data-do=stop] >> visible=true")
    page.wait_for_selector("text=Chưa ký", timeout=20_000)
    assert page.locator("#loi").count() == 1 and findings(page) == []
    page.context.close()
    document_pool.close()
