"""Markup in every stored text, met by a real browser with the real policy: nothing runs, and the policy has nothing to refuse."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from werkzeug.serving import make_server

from hocbaso import clock
from hocbaso.db import db
from hocbaso.web.headers import HELPER
from hocbaso.web.security import access_of
from tests.cast import NOW, PASSWORD, PEOPLE, Cast
from tests.demo_site import CHROMIUM, CHROMIUM_ARGS
from tests.services.approved_class import copy_of
from tests.web.attacks.conftest import hostile_template  # noqa: F401 (fixture)
from tests.web.attacks.surface import addresses, payload

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

NO_PAGE = {
    "desk.errand",
    "static",
    "health.healthz",
    "health.metrics",
    "transcripts.download",
    "transcripts.pdf",
    "score_files.download",
}
EVIL = payload(None, 900)
WATCH = """
window.pwn = number => window.reportAttack('ran ' + number);
document.addEventListener('securitypolicyviolation',
    event => window.reportAttack(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample));
"""


@pytest.fixture(scope="module")
def site(
    hostile_template: Path,  # noqa: F811
    school_template: tuple[Path, Cast],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NOW + timedelta(hours=8))
        app = copy_of(hostile_template, tmp_path_factory.mktemp("markup") / "instance")
        app.config["WTF_CSRF_ENABLED"] = True
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", app
        server.shutdown()
        thread.join(5)
        server.server_close()
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield found
        found.close()


class Window:
    """A browser window that writes down whatever an attack would do in it."""

    def __init__(self, browser: Any, base: str, who: str | None) -> None:
        self.base, self.seen = base, []
        self.context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="vi-VN")
        self.context.expose_binding(
            "reportAttack", lambda source, what: self.seen.append(f"{source['page'].url}: {what}")
        )
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("dialog", self._dialog)
        self.page.on("pageerror", lambda error: self.seen.append(f"{self.page.url}: {error}"))
        self.page.on("request", self._request)
        if who:
            self.page.goto(f"{base}/dang-nhap")
            self.page.fill('input[name="username"]', PEOPLE[who][0].lower())
            self.page.fill('input[name="password"]', PASSWORD)
            self.page.press('input[name="password"]', "Enter")
            self.page.wait_for_url(lambda url: "dang-nhap" not in url)

    def _dialog(self, dialog: Any) -> None:
        self.seen.append(f"{self.page.url}: dialog {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        # The browser's own viewer of PDF files loads itself by chrome:// addresses.
        # The signing helper of the own computer is asked by the page that registers a token there, and by no other here.
        ours = self.base, *((HELPER,) if self.page.url.endswith("/chung-thu-so/o-may") else ())
        outside = request.url.startswith(("http", "ws", "ftp", "file")) and not request.url.startswith(ours)
        if outside or request.url.endswith(("/x", "/thoat")):
            self.seen.append(f"{self.page.url}: asked for {request.url}")

    def foreign(self) -> list[str]:
        """Elements that only the stored markup can have made."""
        return self.page.evaluate(
            "[...document.querySelectorAll('xq, [onerror], [onload], [onpointerenter], [src=x], a[href^=javascript]')]"
            ".map(element => location.pathname + ' ' + element.outerHTML.slice(0, 80))"
        )


@pytest.mark.slow
def test_nothing_runs_on_any_page(browser: Any, site: tuple[str, Any], school_template: tuple[Path, Cast]) -> None:
    base, app = site
    found: list[str] = []
    visited: set[str] = set()
    with app.app_context():
        cast = school_template[1]
        actors = {who: cast.actor(who) for who in ("principal", "clerk", "head_society", "it_officer")} | {None: None}
        db.session.remove()
    for who in actors:
        window = Window(browser, base, who)
        for endpoint, path in addresses(app, "GET", per_argument=1):
            rule = access_of(app.view_functions[endpoint])
            if path in visited or endpoint in NO_PAGE or rule.kind in ("half", "setup") or not rule.allows(actors[who]):
                continue
            try:
                answer = window.page.goto(base + path, wait_until="load")
            except playwright.Error as refusal:
                if "Download is starting" not in refusal.message:
                    raise
                continue  # a file to keep is no page
            if answer is not None and answer.status == 200:
                visited.add(path)
                found += window.foreign()
        found += window.seen
        window.context.close()
    assert found == []
    assert len(visited) > 30


@pytest.mark.slow
def test_nothing_runs_in_what_scripts_put_together(
    browser: Any, site: tuple[str, Any], school_template: tuple[Path, Cast]
) -> None:
    base, cast = site[0], school_template[1]
    teacher = Window(browser, base, "head_science")
    teacher.page.goto(f"{base}/bang-diem/{cast.sheets['6A', 'MATH', 2]}")
    for typed in ("8", "<img src=x onerror=pwn(1)>", "7"):
        teacher.page.keyboard.type(typed)
        teacher.page.keyboard.press("Enter")
    teacher.page.wait_for_selector(".cell--refused")
    teacher.page.click("[data-history]")
    teacher.page.wait_for_selector("#history")
    teacher.page.keyboard.press("Tab")
    homeroom = Window(browser, base, "head_society")
    homeroom.page.goto(f"{base}/lop/{cast.classes['6A']}")
    box = homeroom.page.locator("textarea[data-field]").first
    box.fill(EVIL + " mới")
    box.blur()
    homeroom.page.wait_for_timeout(500)
    homeroom.page.locator("[data-step]").last.click()
    homeroom.page.wait_for_timeout(200)
    searcher = Window(browser, base, "principal")
    searcher.page.goto(f"{base}/tim?q=an")
    searcher.page.fill("input[name=q] >> nth=0", EVIL)
    with searcher.page.expect_navigation():
        searcher.page.keyboard.press("Enter")
    for window in (teacher, homeroom, searcher):
        assert window.foreign() == []
        assert window.seen == []
        window.context.close()


def hostile_workbook() -> bytes:
    """Markup in the sheet's name, in headings and in every cell."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "'\"><xq><img src=x>"[:31]
    sheet.append(["STT", "Lớp", "Mã định danh Bộ GD&ĐT", "Họ và tên", "Ngày sinh", "Giới tính", "Nơi sinh", EVIL])
    sheet.append([1, "6A", "3660000099", "Lại Ngọc Diệp", "01/03/2015", "Nữ", EVIL[:150], EVIL])
    sheet.append([2, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_nothing_runs_out_of_an_uploaded_file(browser: Any, site: tuple[str, Any]) -> None:
    base = site[0]
    clerk = Window(browser, base, "clerk")
    clerk.page.goto(f"{base}/nhap-du-lieu/")
    clerk.page.check("input[name=kind][value=students]")
    name = "'\"><xq><img src=x onerror=pwn(1)>.xlsx"
    clerk.page.set_input_files(
        "main input[type=file]", {"name": name, "mimeType": "application/octet-stream", "buffer": hostile_workbook()}
    )
    clerk.page.click("button:has-text('Xem trước')")
    clerk.page.wait_for_url(lambda url: url.rsplit("/", 1)[1].isdigit())
    assert "<xq" in clerk.page.inner_text("main"), "the preview quotes the file"
    stranger = Window(browser, base, None)
    record = f"""<?xml version="1.0"?><HOC_BA><x>{EVIL.replace("&", "&amp;").replace("<", "&lt;")}</x></HOC_BA>"""
    for data in (record.encode(), b"%PDF-1.7\n" + EVIL.encode(), EVIL.encode()):
        stranger.page.goto(f"{base}/xac-thuc")
        stranger.page.set_input_files(
            "input[name=tep]", {"name": name, "mimeType": "application/octet-stream", "buffer": data}
        )
        with stranger.page.expect_navigation():
            stranger.page.click("form[enctype] button")
    for window in (clerk, stranger):
        assert window.foreign() == []
        assert window.seen == []
        window.context.close()
