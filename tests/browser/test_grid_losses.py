"""Ways in which a typed value was once lost or changed on its way: each is gone through by hand, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.services import remark_phrases, score_entry
from tests.browser.grid_site import NAMES, Site, grow, settled, until_sent, values
from tests.cast import NOW, PASSWORD, PEOPLE

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
    lost = {
        "status": 200,
        "headers": {"X-Hocbaso": "bang-diem"},
        "body": "<table id='saved'></table><ol id='outcomes'></ol>",
    }
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


NO_DATABASE = (
    "Object.defineProperty(window, 'indexedDB', {value: {open() { throw new DOMException('no', 'SecurityError'); }}});"
)


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
    assert "đừng tải lại" in page.inner_text("#net")
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
    assert page.inner_text("#net") == "1 ô máy chưa giữ, đừng tải lại"
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


def clashing(site: Site) -> Any:
    page = site.open()
    save_by_another(site, "TX1", "6")
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    page.wait_for_selector(".clash")
    return page


def save_by_another(site: Site, column: str, raw: str) -> None:
    score_entry.save_cell(
        site.cast.actor("math"),
        site.cast.sheets["9A", "MATH", 2],
        site.cast.enrollments["9A", NAMES[0]],
        column,
        raw,
        expected_version=0,
        op_id=None,
        now=NOW,
    )


def test_what_is_typed_over_an_open_question_stands_on_its_card(site: Site) -> None:
    page = clashing(site)
    page.keyboard.press("ArrowUp")
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    page.wait_for_selector(".clash:has-text('Giữ 4')")
    assert page.query_selector(site.cell("TX1") + ".cell--conflict") and values("TX1", site.cast)[0] == 60
    page.keyboard.press("ArrowUp")
    page.keyboard.type("3")
    page.keyboard.press("Escape")  # back to the question as it stood
    assert page.query_selector(site.cell("TX1") + ".cell--conflict")
    assert page.input_value(site.cell("TX1") + " input") == "4,0"
    page.reload()
    page.wait_for_selector(".clash:has-text('Giữ 4')")
    page.click(site.cell("TX1") + " input")
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    page.wait_for_selector(".clash:has-text('Giữ 5')")
    assert values("TX1", site.cast)[0] == 60
    page.click('.clash [data-keep="mine"]')
    until_sent(page)
    assert values("TX1", site.cast)[0] == 50


def refusing(site: Site, *, at_once: bool = False) -> Any:
    """A cell with a saved 8 and a refused text over it; ``at_once``: typed while the 8 is on its way."""
    page = site.open()
    if at_once:
        page.context.route("**/o/**", lambda route: (page.wait_for_timeout(400), route.continue_()))
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    if at_once:
        page.wait_for_timeout(100)
    else:
        until_sent(page)
    page.keyboard.press("ArrowUp")
    page.keyboard.type("8,75")
    page.keyboard.press("Enter")
    page.wait_for_selector(site.cell("TX1") + ".cell--refused")
    page.keyboard.press("ArrowUp")
    return page


@pytest.mark.parametrize("at_once", [False, True])
def test_a_refused_text_that_is_deleted_clears_the_cell(site: Site, at_once: bool) -> None:
    page = refusing(site, at_once=at_once)
    assert page.get_attribute(site.cell("TX1") + " input", "aria-invalid") == "true"
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    until_sent(page)
    settled(page)
    assert values("TX1", site.cast)[0] is None
    assert page.get_attribute(site.cell("TX1") + " input", "aria-invalid") is None
    page.reload()
    page.wait_for_selector("html[data-grid=ready]")
    page.wait_for_timeout(300)
    assert page.query_selector(".cell--refused") is None


def test_a_cancelled_preview_leaves_a_refused_cell_refused(site: Site) -> None:
    page = refusing(site)
    page.evaluate(PASTE, [site.cell("TX1") + " input", "8\n9"])
    page.wait_for_selector(".cell--will")
    page.keyboard.press("Escape")
    assert page.query_selector(site.cell("TX1") + ".cell--refused")
    assert "một chữ số" in page.get_attribute(site.cell("TX1"), "title")
    assert page.inner_text('[data-grid-chip="refused"]').strip() == "1 không ghi"


def test_words_are_added_behind_a_remark_and_one_key_wipes_none(site: Site) -> None:
    save_by_another(site, "NX", "Chăm học.")
    page = site.open()
    page.keyboard.press("End")
    page.keyboard.press("Delete")
    page.keyboard.type(" Rất ngoan.")
    page.keyboard.press("Enter")
    until_sent(page)
    assert page.input_value(site.cell("NX") + " textarea") == "Chăm học. Rất ngoan."


def test_a_declined_sign_in_is_offered_by_the_bar_and_not_at_each_cell(site: Site) -> None:
    page = site.open()
    with write_transaction() as session:
        session.execute(update(m.UserSession).values(ended_at=NOW))
    page.keyboard.type("8,5")
    page.keyboard.press("Enter")
    page.wait_for_selector('dialog[open] input[name="password"]')
    page.keyboard.press("Escape")
    for raw in ("7", "6"):
        page.keyboard.type(raw)
        page.keyboard.press("Enter")
        page.wait_for_timeout(400)
    assert page.query_selector("dialog[open]") is None
    assert page.inner_text("#net button").strip() == "3 ô chờ đăng nhập lại"
    page.click("#net button")
    page.wait_for_selector('dialog[open] input[name="password"]')
    page.fill('dialog[open] input[name="username"]', PEOPLE["math"][0].lower())
    page.fill('dialog[open] input[name="password"]', PASSWORD)
    page.press('dialog[open] input[name="password"]', "Enter")
    until_sent(page)
    assert values("TX1", site.cast)[:3] == [85, 70, 60] and page.query_selector("#net button") is None


def test_a_block_with_nothing_to_write_can_be_put_away_by_key(site: Site) -> None:
    page = site.open()
    page.evaluate(PASTE, [site.cell("TX1") + " input", "abc\nxyz"])
    page.wait_for_selector(".cell--will")
    assert page.evaluate("document.activeElement.textContent") == "Bỏ"
    page.keyboard.press("Escape")
    assert page.query_selector(".cell--will") is None and not page.is_visible('[data-panel="paste"]')


def test_a_block_takes_two_places_of_excel_and_asks_about_a_missing_comma(site: Site) -> None:
    page = site.open()
    page.evaluate(PASTE, [site.cell("TX1") + " input", "8,50\n8.00\n10,00\n8,55\n85"])
    page.wait_for_selector(".cell--will")
    words = " ".join(page.inner_text("[data-plan]").split())
    assert "3 ô sẽ ghi" in words and "không chắc là 8,5" in words and "một chữ số sau dấu phẩy" in words
    page.click("[data-apply]")
    until_sent(page)
    assert values("TX1", site.cast) == [85, 80, 100, None, None]


def test_a_table_that_comes_as_a_page_is_read_with_its_merged_cells(site: Site) -> None:
    page = site.open()
    html = "<table><tr><td>7<td rowspan=2>6<tr><td>5<tr><td colspan=2>4,5</table>"
    page.evaluate(PASTE, [site.cell("TX1") + " input", "", html])
    page.click("[data-apply]")
    until_sent(page)
    assert values("TX1", site.cast)[:3] == [70, 50, 45] and values("TX2", site.cast)[:3] == [60, None, None]


def test_a_whole_column_of_a_workbook_does_not_block_the_page(site: Site) -> None:
    page = site.open()
    took = page.evaluate(
        """where => { const field = document.querySelector(where), data = new DataTransfer(); field.focus();
        data.setData('text/plain', Array(100000).fill('7\\t8\\t9').join('\\n')); const from = performance.now();
        field.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
        return performance.now() - from; }""",
        site.cell("TX1") + " input",
    )
    print(f"a block of 100000 lines: {took:.0f} ms")
    assert took < 1000 and "Ghi 15 ô" in page.inner_text("[data-plan]")


def test_a_mark_from_paper_typed_without_enter_is_written_on_leaving(site: Site) -> None:
    page = site.open()
    page.click('[data-open="paper"]')
    codes = dict(pair.split(":") for pair in page.get_attribute("[data-codes]", "data-codes").split())
    code = codes[str(site.cast.enrollments["9A", NAMES[0]])]
    page.keyboard.type(code)
    page.keyboard.type("9")
    page.keyboard.press("Escape")
    until_sent(page)
    assert values("TX1", site.cast)[0] == 90
    page.click('[data-open="paper"]')
    page.keyboard.type(code)
    page.click('[data-paper-column="TX2"] input')
    page.keyboard.type("8")
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.evaluate("setTimeout(() => { location.href = '/tai-khoan'; })")
    page.wait_for_timeout(500)
    until_sent(page)
    assert values("TX2", site.cast)[0] == 80


@pytest.mark.parametrize("size", [(1280, 800), (820, 1180)])
def test_the_past_of_a_cell_covers_neither_cells_nor_bar_and_escape_closes_it(
    site: Site, size: tuple[int, int]
) -> None:
    page = site.open(viewport={"width": size[0], "height": size[1]})
    page.keyboard.press("ArrowDown")
    page.click("[data-history]")
    page.wait_for_selector("#history")
    covered = page.evaluate("""() => { const past = document.getElementById('history').getBoundingClientRect();
        return ['sheet', 'cellbar'].filter(id => { const box = document.getElementById(id).getBoundingClientRect();
            return box.bottom > past.top + 1 && box.top < past.bottom - 1 && box.right > past.left + 1 && box.left < past.right - 1;
        }); }""")
    assert covered == []
    page.keyboard.press("Escape")
    assert page.query_selector("#history") is None
    assert "#" + page.evaluate("document.activeElement.closest('td').id") == site.cell("TX1", 1)


def test_while_two_read_the_bar_names_the_pupil_of_the_card(site: Site) -> None:
    page = site.open()
    page.click('[data-open="readback"]')
    page.click("[data-two]")
    page.click('[data-card-step="1"]')
    assert page.inner_text("[data-card-name]") == NAMES[1] and NAMES[1] in page.inner_text(".cellbar__who")
    page.click(site.cell("TX2", 3) + " input")
    assert page.inner_text("[data-card-name]") == NAMES[3] and NAMES[3] in page.inner_text(".cellbar__who")
    assert page.input_value("#readback-column") == "TX2"


def test_at_two_hundred_percent_the_focused_cell_is_in_view(site: Site) -> None:
    grow(site.cast, 30)
    page = site.open(viewport={"width": 590, "height": 410})
    for _ in range(29):
        page.keyboard.press("ArrowDown")
        box = page.evaluate("""() => { const box = document.activeElement.getBoundingClientRect();
            const found = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            return [box.top, box.bottom, found === document.activeElement]; }""")
        assert box[2], box


def test_tab_goes_on_along_the_row_after_a_typed_cell(site: Site) -> None:
    page = site.open()
    page.keyboard.type("8")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert "#" + page.evaluate("document.activeElement.closest('td').id") == site.cell("TX3")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert page.evaluate("!document.getElementById('sheet').contains(document.activeElement)")


def test_a_fraction_in_a_remark_stays_text(site: Site) -> None:
    remark_phrases.add(site.cast.actor("math"), None, level="ANY", text="Em ngoan.", now=NOW)
    page = site.open()
    page.click(site.cell("NX") + " textarea")
    page.keyboard.type("Điểm /10 của em")
    assert page.input_value(site.cell("NX") + " textarea") == "Điểm /10 của em"


def test_signing_out_without_network_stays_on_the_page(site: Site) -> None:
    page = site.open()
    page.context.set_offline(True)
    page.click("[data-sign-out] button")
    page.wait_for_selector("#notices .toast--wrong:has-text('Chưa thoát được')")
    assert page.is_visible("#sheet")
    page.context.set_offline(False)
    page.click("[data-sign-out] button")
    page.wait_for_url(lambda url: "dang-nhap" in url)


def test_on_a_tablet_no_given_name_is_cut(site: Site) -> None:
    with write_transaction() as session:
        session.execute(
            update(m.Student).where(m.Student.full_name == NAMES[0]).values(full_name="Nguyễn Phạm Quang Đức Giang")
        )
    page = site.open(viewport={"width": 820, "height": 1180}, has_touch=True, is_mobile=True)
    cut = page.evaluate("""() => [...document.querySelectorAll('tbody .name')].filter(name => {
        const own = name.querySelector('b').getBoundingClientRect(), box = name.getBoundingClientRect();
        return own.right > box.right || own.bottom > box.bottom + 0.5; }).map(name => name.textContent)""")
    assert cut == [] and page.locator("tbody .name b", has_text="Giang").count() == 1
    small = page.evaluate("""() => [...document.querySelectorAll('.crumbs a, .topbar__search input')]
        .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML)""")
    assert small == []
