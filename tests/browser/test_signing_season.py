"""A signing season on the pages: many classes in one batch, paused and taken up; a recall with its list; the rehearsal. Each page by axe."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import batch_page
from tests.demo_site import CHROMIUM, CHROMIUM_ARGS, Site, Visitor, run_flask, served

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

TABLET, PHONE = {"width": 1180, "height": 820}, {"width": 390, "height": 844}
PIN = "27182818"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    instance = tmp_path_factory.mktemp("season") / "instance"
    with served(instance, tmp_path_factory) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield found
        found.close()


class Looker:
    """Looks at a page as it stands, on a tablet and on a phone."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __call__(self, visitor: Visitor, name: str) -> None:
        for size in (PHONE, TABLET):
            visitor.page.set_viewport_size(size)
            self.found += [f"{name} {size['width']}: {line}" for line in (*visitor.axe(), *visitor.trouble)]
            wide = visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wide > 0:
                self.found.append(f"{name} {size['width']}: {wide} px wider than the window")
            if shots := os.environ.get("SHOTS"):
                visitor.page.screenshot(path=str(Path(shots) / f"{name}-{size['width']}.png"), full_page=True)
            visitor.trouble.clear()


@pytest.mark.slow  # its steps one by one: test_signing, test_wide_pages, the newcomer's journey
def test_a_signing_season(browser: Any, site: Site) -> None:
    look = Looker()
    clerk = Visitor(browser, site, "Văn thư", viewport=TABLET)
    clerk.open("/hoc-ba/nhieu-lop")
    look(clerk, "wide-build")
    clerk.page.click("button:has-text('Lập học bạ các lớp đã chọn')")
    clerk.page.wait_for_selector("#batch:has-text('Xong 12 bản')", timeout=300_000)
    for name in ("6A", "7A", "8A", "9A"):
        signed = run_flask(site.instance, "transcript", "sign", "--as", "homeroom", "--class", name)
        assert signed.returncode == 0, signed.stdout + signed.stderr

    principal = Visitor(browser, site, "Hiệu trưởng", viewport=TABLET)
    principal.open("/hoc-ba/nhieu-lop")
    assert principal.page.inner_text("[data-chosen]") == "12"
    principal.page.uncheck("input[name=lop] >> nth=0")
    assert principal.page.inner_text("[data-chosen]") == "9"
    principal.page.check("input[name=lop] >> nth=0")
    look(principal, "wide-sign")
    principal.page.fill("#pin", PIN)
    principal.page.click("button:has-text('Ký các lớp đã chọn')")
    principal.page.click("button:has-text('Tạm dừng')", timeout=60_000)
    principal.page.wait_for_selector("#batch:has-text('Tạm dừng, còn'), #batch:has-text('Xong 12 bản')", timeout=60_000)
    look(principal, "batch-paused")
    if principal.page.locator("button:has-text('Làm tiếp')").count():
        principal.page.click("button:has-text('Làm tiếp')")
    principal.page.wait_for_selector("#batch:has-text('Xong 12 bản')", timeout=300_000)
    look(principal, "batch-done")

    clerk.open("/hoc-ba/nhieu-lop")
    clerk.page.fill("#pin", PIN)
    clerk.page.click("button:has-text('Đóng dấu các lớp đã chọn')")
    clerk.page.wait_for_selector("#batch:has-text('Xong 12 bản')", timeout=300_000)

    clerk.open("/hoc-ba/")
    clerk.page.click("main table a >> nth=0")
    clerk.page.click(".tr-row__who a >> nth=0")
    clerk.page.click("text=Mở trang học bạ")
    clerk.page.click("summary:has-text('Đề nghị thu hồi')")
    clerk.page.fill("#reason", "Nơi sinh ghi sai theo giấy khai sinh")
    clerk.page.fill("#paper", "Trích lục khai sinh số 12/2027")
    look(clerk, "record-ask")
    clerk.page.click("button:has-text('Gửi đề nghị')")
    clerk.page.wait_for_selector("text=Chờ Hiệu trưởng quyết định")
    look(clerk, "record-asked")

    principal.open("/thu-hoi/")
    look(principal, "recalls-decide")
    principal.page.click("button:has-text('Duyệt thu hồi')")
    principal.page.wait_for_selector("text=Đã thu hồi")
    clerk.open("/thu-hoi/")
    look(clerk, "recalls-build")
    clerk.page.click("button:has-text('Lập danh sách')")
    clerk.page.wait_for_selector("h1:has-text('Danh sách thu hồi số 1')")
    list_path = clerk.page.url.removeprefix(site.base)
    look(clerk, "list-made")
    principal.open(list_path)
    look(principal, "list-sign")
    principal.page.fill("#pin", PIN)
    principal.page.click("button:has-text('Ký danh sách')")
    principal.page.wait_for_selector("text=Chờ văn thư đóng dấu")
    clerk.open(list_path)
    clerk.page.fill("#pin", PIN)
    clerk.page.click("button:has-text('Đóng dấu danh sách')")
    clerk.page.click("button:has-text('Đã gửi cấp trên')")
    clerk.page.wait_for_selector("h2:has-text('Cấp trên trả lời')")
    look(clerk, "list-sent")
    with clerk.page.expect_download() as started:
        clerk.page.click("text=Tải bản in PDF")
    saved = started.value.path()
    assert saved is not None and saved.read_bytes().startswith(b"%PDF")
    if shots := os.environ.get("SHOTS"):
        (Path(shots) / "list.pdf").write_bytes(saved.read_bytes())
    clerk.open("/thu-hoi/")
    clerk.page.click("button:has-text('Lập lại học bạ')")
    batch_page.done(clerk.page, 1)

    officer = Visitor(browser, site, "Phụ trách CNTT", viewport=TABLET)
    officer.open("/dien-tap/")
    look(officer, "rehearsal-none")
    officer.page.click("button:has-text('Diễn tập ngay')")
    officer.page.wait_for_selector("text=Thời gian từng lớp", timeout=300_000)
    look(officer, "rehearsal")
    assert re.search(r"\d+ ms", officer.page.inner_text("main"))
    if officer.page.locator("text=In phiếu việc từng người").count():
        officer.page.click("text=In phiếu việc từng người")
        officer.page.wait_for_selector("h1:has-text('Phiếu việc')")
        look(officer, "rehearsal-sheets")
    for visitor in (clerk, principal, officer):
        visitor.context.close()
    assert look.found == []
