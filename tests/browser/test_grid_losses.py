"""Ways in which a typed value was once lost or changed on its way: each is gone through by hand, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.grid_site import Site, settled, until_sent, values

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

TABLET = {"viewport": {"width": 800, "height": 1280}, "has_touch": True, "is_mobile": True}
LAND = {"viewport": {"width": 1280, "height": 800}, "has_touch": True, "is_mobile": True}


def tap(page: Any, *keys: str) -> None:
    for key in keys:
        page.tap(f'[data-key="{key}"]')


def test_keys_in_one_by_one_read_as_in_the_grid(site: Site) -> None:
    page = site.open(**TABLET)
    page.tap("[data-open=one]")
    for keys in ("10", "85", "8", "7,3"):
        for key in keys:
            page.keyboard.press(key)
        page.keyboard.press("Enter")
    until_sent(page)
    assert values("TX1", site.cast) == [100, 85, 80, 73, None]
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("9")  # the first digit over a value that was just shown replaces it
    page.keyboard.press("Enter")
    until_sent(page)
    assert values("TX1", site.cast)[1] == 90


def test_thumb_taps_in_one_by_one_read_alike_and_say_at_once_what_is_no_score(site: Site) -> None:
    page = site.open(**TABLET)
    page.tap("[data-open=one]")
    tap(page, "1", "0")
    assert page.inner_text("[data-one-value]") == "10"
    tap(page, ",5")
    assert page.inner_text("[data-one-value]") == "10"
    assert "không nằm từ 0 đến 10" in page.inner_text("[data-one-state]")
    page.tap('[data-one-step="1"]')
    tap(page, "8", "5")
    assert page.inner_text("[data-one-value]") == "8,5"
    tap(page, "3")
    assert page.inner_text("[data-one-value]") == "8,5" and page.inner_text("[data-one-state]") != ""
    page.tap('[data-one-step="1"]')
    until_sent(page)
    assert values("TX1", site.cast)[:3] == [100, 85, None]


def by_gap(page: Any, site: Site) -> None:
    page.tap("[data-next-gap]")


def by_cell(page: Any, site: Site) -> None:
    page.tap(site.cell("TX2", 3) + " input")


def by_panel(page: Any, site: Site) -> None:
    page.tap("[data-open=readback]")


def by_closing(page: Any, site: Site) -> None:
    page.tap('[data-panel="one"] [data-close-panel]')


@pytest.mark.parametrize("way_out", [by_gap, by_cell, by_panel, by_closing])
def test_a_value_of_the_keys_is_written_on_every_way_out(site: Site, way_out: Any) -> None:
    page = site.open(**LAND)
    page.tap("[data-open=one]")
    tap(page, "7")
    way_out(page, site)
    until_sent(page)
    settled(page)
    assert values("TX1", site.cast)[0] == 70


def test_leaving_the_page_asks_while_a_value_of_the_keys_is_unsent(site: Site) -> None:
    page = site.open(**LAND)
    page.tap("[data-open=one]")
    page.context.route("**/o/**", lambda route: route.abort())
    tap(page, "7")
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.evaluate("setTimeout(() => { location.href = '/tai-khoan'; })")
    page.wait_for_timeout(600)
    assert asked == ["beforeunload"]
    page.context.unroute("**/o/**")
    until_sent(page, nudge=True)
    assert values("TX1", site.cast)[0] == 70


def test_one_step_forward_stands_on_the_screen(site: Site) -> None:
    page = site.open(**LAND)
    page.tap(site.cell("TX1") + " input")
    assert page.get_by_role("button", name="Em tiếp").count() == 1
    page.tap("[data-open=one]")
    assert page.get_by_role("button", name="Em tiếp").count() == 1
    page.tap('[data-panel="one"] [data-close-panel]')
    assert page.is_visible('#cellbar [data-step="1"]')


PORTAL = "<!doctype html><title>Wi-Fi</title><h1>Xin đăng nhập mạng</h1><form><input name=phone></form>"
BETWEEN = {
    "a page of a portal": {"status": 200, "body": PORTAL, "content_type": "text/html"},
    "an empty yes": {"status": 204, "body": ""},
    "a redirect": {"status": 302, "headers": {"Location": "/help"}, "body": ""},
    "a proxy's no": {"status": 403, "body": PORTAL, "content_type": "text/html"},
    "not found": {"status": 404, "body": PORTAL, "content_type": "text/html"},
    "too large": {"status": 413, "body": "too large"},
    "an unprocessable": {"status": 422, "body": "?"},
    "an unknown 401": {"status": 401, "body": PORTAL},
}


@pytest.mark.parametrize("name", list(BETWEEN))
def test_an_answer_that_is_not_ours_settles_nothing(site: Site, name: str) -> None:
    page = site.open()
    page.on("dialog", lambda dialog: dialog.accept())
    n_tries: list[int] = []

    def between(route: Any) -> None:
        n_tries.append(1)
        route.fulfill(**BETWEEN[name])

    page.context.route("**/o/**", between)
    page.context.route("**/khoi", between)
    page.keyboard.type("8,5")
    page.keyboard.press("Enter")
    page.wait_for_selector(site.cell("TX1") + ".cell--wait", timeout=5000)
    page.evaluate(PASTE, [site.cell("TX2") + " input", "7\t6\n5\t4"])
    page.click("[data-apply]")
    page.wait_for_selector(site.cell("TX2") + ".cell--wait", timeout=5000)
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_timeout(300)
    assert len(n_tries) >= 2
    page.context.unroute("**/o/**")
    page.context.unroute("**/khoi")
    until_sent(page, nudge=True)
    assert values("TX1", site.cast)[0] == 85
    assert values("TX2", site.cast)[:2] == [70, 50] and values("TX3", site.cast)[:2] == [60, 40]
    assert page.query_selector(".cell--refused, .clash") is None


PASTE = """([where, text, html]) => {
    const field = document.querySelector(where), data = new DataTransfer();
    field.focus();
    if (text) data.setData('text/plain', text);
    if (html) data.setData('text/html', html);
    field.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
}"""


@pytest.mark.parametrize("kind", ["typed", "pasted"])
def test_our_own_answer_settles_only_the_cells_it_names(site: Site, kind: str) -> None:
    page = site.open()
    page.on("dialog", lambda dialog: dialog.accept())
    lost = {"status": 200, "headers": {"X-Hocbaso": "bang-diem"}, "body": "<table id='saved'></table><ol id='outcomes'></ol>"}
    page.context.route("**/o/**", lambda route: route.fulfill(**lost))
    page.context.route("**/khoi", lambda route: route.fulfill(**lost))
    if kind == "typed":
        page.keyboard.type("8,5")
        page.keyboard.press("Enter")
    else:
        page.evaluate(PASTE, [site.cell("TX1") + " input", "8,5\n7"])
        page.click("[data-apply]")
    page.wait_for_selector(site.cell("TX1") + ".cell--wait", timeout=5000)
    page.context.unroute("**/o/**")
    page.context.unroute("**/khoi")
    until_sent(page, nudge=True)
    assert values("TX1", site.cast)[0] == 85


NO_DATABASE = "Object.defineProperty(window, 'indexedDB', {value: {open() { throw new DOMException('no', 'SecurityError'); }}});"


def test_without_a_database_a_value_is_sent_once_and_the_page_says_what_a_reload_loses(site: Site) -> None:
    context = site.browser.new_context(locale="vi-VN", viewport={"width": 1280, "height": 800})
    context.add_init_script(NO_DATABASE)
    page = site.open(context=context)
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.wait_for_selector("p.kept:has-text('đừng tải lại')")
    page.keyboard.type("8,5")
    page.keyboard.press("Enter")
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    page.wait_for_function("() => !document.querySelector('.cell--saving, .cell--wait')")
    page.wait_for_timeout(1500)
    assert len(posts) == 2 and values("TX1", site.cast)[:2] == [85, 70]
    # Two values of one cell while nothing goes out: the second stands on the first.
    page.context.route("**/o/**", lambda route: route.abort())
    page.keyboard.type("6")
    page.keyboard.press("Enter")
    page.wait_for_selector(site.cell("TX1", 2) + ".cell--wait")
    assert "đừng tải lại trang" in page.inner_text("#net")
    page.keyboard.press("ArrowUp")
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    page.context.unroute("**/o/**")
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_function("() => !document.querySelector('.cell--saving, .cell--wait')", timeout=20_000)
    page.wait_for_timeout(500)
    assert values("TX1", site.cast)[:3] == [85, 70, 50] and page.query_selector(".clash") is None


FULL = {
    "put refuses": "() => { IDBObjectStore.prototype.put = function () { throw new DOMException('full', 'QuotaExceededError'); }; }",
    "the transaction is aborted": """() => { const put = IDBObjectStore.prototype.put; IDBObjectStore.prototype.put = function (value) {
        const asked = put.call(this, value); if (this.name === 'items') this.transaction.abort(); return asked; }; }""",
}


@pytest.mark.parametrize("how", list(FULL))
def test_on_a_full_disk_a_value_is_sent_and_counted_while_it_waits(site: Site, how: str) -> None:
    page = site.open()
    page.evaluate(FULL[how])
    page.context.route("**/o/**", lambda route: route.abort())
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    page.wait_for_selector(site.cell("TX1") + ":has-text('chưa giữ được trong máy')", timeout=5000)
    assert page.inner_text("#net").startswith("1 ô chưa giữ được trong máy")
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.evaluate("setTimeout(() => { location.href = '/tai-khoan'; })")
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    page.context.unroute("**/o/**")
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_function("() => !document.querySelector('.cell--saving, .cell--wait')", timeout=20_000)
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    page.wait_for_function("() => !document.querySelector('.cell--saving, .cell--wait')")
    page.wait_for_timeout(300)
    assert values("TX1", site.cast)[:2] == [90, 80]
