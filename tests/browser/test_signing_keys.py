"""Keys elsewhere in Chromium: registering from a token, signing with it, a provider without a PIN, and axe on each page."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from hocbaso.db import db
from hocbaso.services import certificates, key_devices, remote_register, test_school_keys, token_register
from tests.axe import findings
from tests.browser import batch_page
from tests.browser.test_signing import (  # noqa: F401 (fixtures)
    address,
    approved_template_fixture,
    built_template_fixture,
    enter,
)
from tests.cast import NOW, Cast
from tests.csc_server import running
from tests.soft_token import PIN, SoftToken, make_token

pytestmark = pytest.mark.browser
PRINCIPAL, TEACHER, USER = "Đoàn Thị Hải Yến", "Trịnh Thu Hà", "036180000001"


def picture(page: Any, name: str) -> None:
    """A screenshot, where somebody asked for one by HOCBASO_SCREENSHOTS."""
    if folder := os.environ.get("HOCBASO_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.fixture
def site(
    address: tuple[str, Any],  # noqa: F811
    school_template: tuple[Path, Cast],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    base, app = address
    token = make_token(tmp_path / "hsm", monkeypatch, bad=True)
    token.wish("")
    with running(tmp_path / "csc", "v1") as csc, app.app_context():
        app.config["HOCBASO"] = dataclasses.replace(
            app.config["HOCBASO"],
            extra={
                "pkcs11": {"vgca": {"module": token.driver, "words": "Token Ban Cơ yếu"}},
                "csc": {"mysign": csc.settings()},
            },
        )
        authority = test_school_keys._authority(NOW)
        token.new_key("ec", authority, PRINCIPAL, now=NOW)
        csc.add(*authority.issue(TEACHER, now=NOW), user=USER, mode="implicit")
        (tmp_path / "trung-gian.pem").write_bytes(authority.dump()["issuing.pem"])
        yield base, app, token, school_template[1], tmp_path / "trung-gian.pem"
        db.session.remove()


@pytest.mark.slow
def test_a_teacher_by_telephone_and_the_principal_by_token(
    browser: Any,
    site: tuple[str, Any, SoftToken, Cast, Path],
) -> None:
    base, _app, token, cast, issuing = site
    class_page = f"{base}/hoc-ba/lop/{cast.classes['9A']}"
    teacher = enter(browser, base, "math", viewport={"width": 820, "height": 1180})
    teacher.goto(f"{base}/chung-thu-so/tu-xa")
    assert findings(teacher) == []
    teacher.fill("[name=user]", USER)
    teacher.click("form[action$='tu-xa'] button[type=submit]")
    teacher.wait_for_selector("text=Đã đăng ký chứng thư ký từ xa")
    teacher.goto(class_page)
    assert teacher.locator("#pin").count() == 0 and findings(teacher) == []
    picture(teacher, "sign-remote")
    teacher.click("#ky button[type=submit]")
    batch_page.done(teacher, 3)
    teacher.context.close()

    page = enter(browser, base, "principal", viewport={"width": 1180, "height": 820})
    page.goto(f"{base}/chung-thu-so/thiet-bi")
    assert findings(page) == []
    page.fill("[name=pin]", PIN)
    page.set_input_files("[name=intermediates]", str(issuing))
    picture(page, "device")
    page.click("form[action$='thiet-bi'] button[type=submit]")
    page.wait_for_selector("text=Đã đăng ký chứng thư trên thiết bị")
    assert findings(page) == []
    picture(page, "index")
    page.click("tbody a >> nth=0")
    page.wait_for_selector("text=Về chứng thư này")
    assert findings(page) == []
    picture(page, "record")
    page.goto(class_page)
    assert "Mã PIN của thiết bị" in page.inner_text("#ky")
    page.fill("#pin", "00011122")
    page.click("#ky button[type=submit]")
    page.wait_for_selector("text=Trên máy này còn 4 lần thử")
    token.wish("final")
    page.fill("#pin", PIN)
    page.click("#ky button[type=submit]")
    page.wait_for_selector("text=chỉ còn một lần thử mã PIN")
    assert findings(page) == []
    picture(page, "sign-last-try")
    page.check("[name=last_try]")
    page.fill("#pin", PIN)
    page.click("#ky button[type=submit]")
    batch_page.done(page, 3)
    picture(page, "batch")
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_officers_register_is_accessible(
    browser: Any,
    site: tuple[str, Any, SoftToken, Cast, Path],
    scheme: str,
) -> None:
    base, _app, token, cast, issuing = site
    seen, problems = key_devices.plugged_in()
    assert len(seen) == 1 and not problems
    row = token_register.register_token(
        cast.actor("principal"), seen[0].value, PIN, NOW, intermediates=issuing.read_bytes()
    )
    remote_register.register_remote(cast.actor("math"), "mysign", USER, NOW)
    seal = certificates.current_certificate(None).id
    page = enter(browser, base, "it_officer", viewport={"width": 800, "height": 1280}, color_scheme=scheme)
    for number in (row, seal):
        page.goto(f"{base}/chung-thu-so/{number}")
        assert findings(page) == []
    picture(page, f"officer-{scheme}")
    page.goto(f"{base}/chung-thu-so/")
    assert token.label in page.inner_text("main") and findings(page) == []
    picture(page, f"officer-list-{scheme}")
    page.context.close()
