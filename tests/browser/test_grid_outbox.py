"""The outbox of a browser: whose it is, who sends it, what survives, and what is asked before signing out."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.services import score_entry, sessions
from tests.browser.grid_site import NAMES, Site, n_versions, settled, teach_together, until_sent, values
from tests.browser.test_grid_blocks import paste
from tests.cast import NOW

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser


def writers() -> list[int | None]:
    db.session.commit()
    return list(db.session.scalars(select(m.ScoreCellVersion.by_account_id).order_by(m.ScoreCellVersion.id)))


def block_writes(page: Any) -> None:
    """No write leaves this browser; pages still open."""
    page.context.route("**/o/**", lambda route: route.abort())
    page.context.route("**/khoi", lambda route: route.abort())


def let_writes(page: Any) -> None:
    page.context.unroute("**/o/**")
    page.context.unroute("**/khoi")


def type_down(page: Any, *raws: str) -> None:
    for raw in raws:
        page.keyboard.type(raw)
        page.keyboard.press("Enter")


def leave_anyway(page: Any) -> None:
    page.on("dialog", lambda dialog: dialog.accept())


def outbox(page: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("""() => new Promise(done => {
        const asked = indexedDB.open('hocbaso-outbox', 1);
        asked.onsuccess = () => {
            const read = asked.result.transaction('items').objectStore('items').getAll();
            read.onsuccess = () => { asked.result.close(); done(read.result); };
        };
    })""")
    return found


def test_what_is_kept_holds_values_and_numbers_but_no_name(site: Site) -> None:
    page = site.open()
    block_writes(page)
    type_down(page, "8,5")
    page.wait_for_selector(".cell--wait")
    (item,) = outbox(page)
    line = site.cast.enrollments["9A", NAMES[0]]
    assert item["cells"] == [{"id": f"{line}-TX1", "raw": "8,5", "version": 0}]
    assert set(item) == {"n", "account", "sheet", "page", "op", "kind", "of", "cells", "tried", "held", "at", "alone"}
    assert (item["account"], len(item["op"])) == (str(site.cast.accounts["math"]), 36)
    assert not any(word in str(item) for name in NAMES for word in name.split())


def test_an_average_beside_values_that_are_not_saved_is_not_shown_as_theirs(site: Site) -> None:
    full = {"TX1": "8", "TX2": "8", "TX3": "8", "TX4": "8", "GK": "8", "CK": "8"}
    line = site.cast.enrollments["9A", NAMES[0]]
    for column, raw in full.items():
        score_entry.save_cell(
            site.cast.actor("math"), site.cast.sheets["9A", "MATH", 2], line, column, raw,
            expected_version=0, op_id=None, now=NOW,
        )  # fmt: skip
    page = site.open()
    leave_anyway(page)
    average = f"#a-{line}"
    assert page.inner_text(average) == "8,0"
    block_writes(page)
    page.click(site.cell("TX1") + " input")
    type_down(page, "2")
    page.wait_for_selector(f"{average}.avg--old")
    assert "8,0" not in page.inner_text(average) and "…" in page.inner_text(average)
    assert page.get_attribute(average, "title") == "Chưa tính lại: dòng này có ô chưa lưu"
    assert page.query_selector(f"#a-{site.cast.enrollments['9A', NAMES[1]]}.avg--old") is None
    let_writes(page)
    until_sent(page, nudge=True)
    page.wait_for_selector(f"{average}:not(.avg--old)")
    assert page.inner_text(average) == "7,3" and page.get_attribute(average, "title") is None


def test_an_acknowledged_write_is_kept_no_longer(site: Site) -> None:
    page = site.open()
    type_down(page, "8,5", "7")
    until_sent(page)
    assert outbox(page) == []


def test_a_reload_shows_what_is_on_its_way_and_sends_it(site: Site) -> None:
    page = site.open()
    leave_anyway(page)
    block_writes(page)
    type_down(page, "8,5", "7")
    page.wait_for_selector(".cell--wait")
    page.reload()
    page.wait_for_selector(site.cell("TX1", 1) + ".cell--wait")
    assert [page.input_value(site.cell("TX1", place) + " input") for place in range(2)] == ["8,5", "7,0"]
    let_writes(page)
    until_sent(page, nudge=True)
    assert (values("TX1", site.cast)[:2], n_versions()) == ([85, 70], 2)


def test_a_refused_text_is_still_there_after_a_reload(site: Site) -> None:
    page = site.open()
    leave_anyway(page)
    type_down(page, "8,75")
    page.wait_for_selector(".cell--refused")
    page.reload()
    page.wait_for_selector(site.cell("TX1") + ".cell--refused")
    assert page.input_value(site.cell("TX1") + " input") == "8,75"


def test_an_open_conflict_is_asked_about_again_after_a_reload(site: Site) -> None:
    page = site.open()
    leave_anyway(page)
    score_entry.save_cell(
        site.cast.actor("math"),
        site.cast.sheets["9A", "MATH", 2],
        site.cast.enrollments["9A", NAMES[0]],
        "TX1",
        "6",
        expected_version=0,
        op_id=None,
        now=NOW,
    )
    type_down(page, "9")
    page.wait_for_selector(".clash")
    page.reload()
    assert "Giữ 9" in page.wait_for_selector(".clash").inner_text()
    page.click('.clash [data-keep="theirs"]')
    until_sent(page)
    assert outbox(page) == []


@pytest.mark.slow
def test_the_list_of_sheets_sends_what_a_closed_sheet_left(site: Site) -> None:
    page = site.open()
    leave_anyway(page)
    block_writes(page)
    type_down(page, "8")
    page.wait_for_selector(".cell--wait")
    page.goto(f"{site.address}/bang-diem/")
    assert "1 ô chưa gửi" in page.wait_for_selector(".sheets__unsent").inner_text()
    let_writes(page)
    until_sent(page, nudge=True)
    assert values("TX1", site.cast)[0] == 80
    assert page.locator(".sheets__unsent").count() == 0


@pytest.mark.slow
def test_another_teacher_on_the_same_tablet_neither_sees_nor_sends_it(site: Site) -> None:
    # Both teach the sheet, so only the outbox itself keeps them apart.
    teach_together(site.cast)
    page = site.open()
    leave_anyway(page)
    block_writes(page)
    type_down(page, "8")
    page.wait_for_selector(".cell--wait")
    page.click("[data-sign-out] button")
    page.click("text=Thoát, máy giữ lại")
    page.wait_for_url("**/dang-nhap**")
    let_writes(page)
    site.sign_in(page, "other")
    page.goto(site.sheet())
    until_sent(page, nudge=True)
    assert page.input_value(site.cell("TX1") + " input") == ""
    page.goto(f"{site.address}/bang-diem/")
    until_sent(page, nudge=True)
    assert page.locator(".sheets__unsent").count() == 0 and n_versions() == 0
    page.click("[data-sign-out] button")
    page.wait_for_url("**/dang-nhap**")
    site.sign_in(page, "math")
    page.wait_for_load_state()
    until_sent(page, nudge=True)
    assert (values("TX1", site.cast)[0], writers()) == (80, [site.cast.accounts["math"]])


def test_a_page_left_open_sends_nothing_in_the_name_of_who_signed_in_since(site: Site) -> None:
    teach_together(site.cast)
    page = site.open()
    second = page.context.new_page()
    second.goto(f"{site.address}/bang-diem/")
    second.click("[data-sign-out] button")
    second.wait_for_url("**/dang-nhap**")
    site.sign_in(second, "other")
    type_down(page, "8")
    page.wait_for_selector('dialog[open] input[name="password"]')
    assert n_versions() == 0
    assert page.locator(".cell--wait").count() == 1


AGE = """minutes => new Promise(done => {
    const request = indexedDB.open('hocbaso-outbox', 1);
    request.onsuccess = () => {
        const work = request.result.transaction('items', 'readwrite'), items = work.objectStore('items');
        items.getAll().onsuccess = event => {
            for (const item of event.target.result) items.put({...item, at: item.at - minutes * 60000});
        };
        work.oncomplete = () => { request.result.close(); done(); };
    };
})"""


def type_after_the_session(site: Site, page: Any) -> None:
    """The tablet lies on the desk, the session is over, and somebody types."""
    sessions.end_all(site.cast.accounts["math"], now=NOW)
    type_down(page, "10")
    page.wait_for_selector("dialog[open]")
    assert outbox(page)[0]["alone"] is True


@pytest.mark.parametrize("choice", ["mine", "theirs"])
def test_what_was_typed_while_nobody_was_signed_in_is_not_written_unasked(site: Site, choice: str) -> None:
    page = site.open()
    leave_anyway(page)
    type_after_the_session(site, page)
    page.evaluate(AGE, 10)
    context = page.context
    page.close(run_before_unload=False)
    page = context.new_page()
    site.sign_in(page, "math")
    page.goto(f"{site.address}/bang-diem/")
    page.wait_for_selector(".sheets__unsent:has-text('1 ô cần xem lại')")
    assert n_versions() == 0
    page.goto(site.sheet())
    card = page.wait_for_selector(".clash").inner_text()
    assert "gõ lúc chưa ai đăng nhập" in card and "Giữ 10" in card and "Lấy ô trống" in card
    assert n_versions() == 0
    page.click(f'.clash [data-keep="{choice}"]')
    until_sent(page)
    assert values("TX1", site.cast)[0] == (100 if choice == "mine" else None)
    assert outbox(page) == []


@pytest.mark.slow
def test_a_block_pasted_while_nobody_was_signed_in_is_asked_about_cell_by_cell(site: Site) -> None:
    page = site.open()
    leave_anyway(page)
    sessions.end_all(site.cast.accounts["math"], now=NOW)
    paste(page, "8\t9\n7\t6")
    page.click("[data-apply]")
    page.wait_for_selector("dialog[open]")
    page.evaluate(AGE, 10)
    site.sign_in(page, "math")
    page.goto(site.sheet())
    until_sent(page, nudge=True)
    assert page.locator(".cell--conflict").count() == 4 and n_versions() == 0


def test_what_was_typed_without_network_while_signed_in_goes_out_after_the_next_sign_in(site: Site) -> None:
    page = site.open()
    leave_anyway(page)
    block_writes(page)
    type_down(page, "8")
    page.wait_for_selector(".cell--wait")
    page.evaluate(AGE, 10)
    sessions.end_all(site.cast.accounts["math"], now=NOW)
    let_writes(page)
    site.sign_in(page, "math")
    until_sent(page, nudge=True)
    assert values("TX1", site.cast)[0] == 80


def test_signing_out_asks_when_something_is_unsent(site: Site) -> None:
    page = site.open()
    leave_anyway(page)
    block_writes(page)
    type_down(page, "8", "7")
    page.wait_for_selector(".cell--wait")
    page.goto(f"{site.address}/tai-khoan")
    page.click("[data-sign-out] button")
    assert "Còn 2 ô chưa gửi" in page.inner_text("dialog[open]")
    page.click("text=Ở lại")
    assert page.url.endswith("/tai-khoan")


def test_two_windows_of_one_person_write_everything_once(site: Site) -> None:
    page = site.open()
    second = page.context.new_page()
    second.goto(site.sheet("SCI"))
    block_writes(page)
    type_down(page, "8", "7", "6")
    type_down(second, "5", "4")
    second.wait_for_selector(".cell--wait, .cell--saving")
    let_writes(page)
    for window in (page, second):
        until_sent(window, nudge=True)
        settled(window)
    assert n_versions() == 5
    assert values("TX1", site.cast)[:3] == [80, 70, 60]


@pytest.mark.parametrize("drawn", [0, 0.99], ids=["early", "late"])
def test_the_pause_between_tries_grows_to_half_a_minute_and_is_drawn_anew(site: Site, drawn: float) -> None:
    page = site.open()
    page.clock.install()
    page.evaluate(
        # What the sender asks the clock for, not when the next try was seen: a slow machine is steps late.
        "(drawn) => { const timer = window.setTimeout; window.asked = []; Math.random = () => drawn;"
        " window.setTimeout = (work, after, ...more) => { asked.push(after); return timer(work, after, ...more); };"
        " window.fetch = async () => { throw new TypeError(); }; }",
        drawn,
    )
    wanted = [min(30, 2**number) * (0.75 + drawn / 2) * 1000 for number in range(8)]
    type_down(page, "8")
    for _ in range(300):
        page.clock.run_for(1000)
        asked = iter(page.evaluate("asked"))
        if all(any(abs(after - pause) < 1 for after in asked) for pause in wanted):
            return
    raise AssertionError((wanted, page.evaluate("asked")))


def test_a_token_that_ran_out_is_renewed_without_a_word(site: Site) -> None:
    page = site.open()
    page.evaluate("document.querySelector('meta[name=csrf-token]').content = 'old'")
    type_down(page, "8")
    until_sent(page)
    assert values("TX1", site.cast)[0] == 80
    assert page.locator("dialog[open]").count() == 0


def test_a_sheet_that_was_handed_in_meanwhile_refuses_in_the_cells(site: Site) -> None:
    page = site.open()
    with write_transaction() as session:
        session.execute(
            update(m.ScoreSheet).where(m.ScoreSheet.id == site.cast.sheets["9A", "MATH", 2]).values(state="SUBMITTED")
        )
    type_down(page, "8")
    page.wait_for_selector(".cell--refused")
    page.click("#sheet-chips a")
    assert "đã nộp" in page.inner_text(".cellbar__sum")


def test_over_plain_http_on_the_lan_two_windows_still_write_everything_once(site: Site, plain_browser: Any) -> None:
    lan = Site(site.address.replace("127.0.0.1", "truong.example"), plain_browser, site.cast)
    page = lan.open()
    second = page.context.new_page()
    second.goto(lan.sheet())
    assert page.evaluate("[isSecureContext, Boolean(navigator.locks), Boolean(crypto.subtle)]") == [False] * 3
    type_down(page, "8", "7")
    second.click(lan.cell("TX2") + " input")
    type_down(second, "6", "5")
    for window in (page, second):
        until_sent(window, nudge=True)
    assert (values("TX1", site.cast)[:2], values("TX2", site.cast)[:2]) == ([80, 70], [60, 50])
    assert (n_versions(), outbox(page)) == (4, [])


def break_on(page: Any, cell: str, status: int = 500) -> list[str]:
    """The server breaks each time on this cell alone; the addresses it broke on."""
    tries: list[str] = []

    def broken(route: Any) -> None:
        tries.append(route.request.url)
        route.fulfill(status=status, body="")

    page.context.route(f"**/o/{cell.replace('-', '/')}", broken)
    return tries


@pytest.mark.parametrize("status", [500, 503])
def test_a_value_on_which_the_server_breaks_steps_aside_and_the_others_are_saved(site: Site, status: int) -> None:
    page = site.open()
    leave_anyway(page)
    line = site.cast.enrollments["9A", NAMES[0]]
    tries = break_on(page, f"{line}-TX1", status)
    type_down(page, "8,5", "7", "6")
    page.wait_for_selector(site.cell("TX1") + ".cell--stuck", timeout=30_000)
    page.wait_for_selector(site.cell("TX1", 1) + ":not(.cell--wait):not(.cell--saving)", timeout=10_000)
    page.wait_for_selector(site.cell("TX1", 2) + ":not(.cell--wait):not(.cell--saving)")
    assert len(tries) == 3 and values("TX1", site.cast)[:3] == [None, 70, 60]
    assert "chưa lưu được" in page.inner_text(site.cell("TX1"))
    assert "1 ô chưa lưu được, máy thử lại" in page.inner_text("#net")
    assert page.inner_text('[data-grid-chip="stuck"]').strip() == "1 chưa lưu được, thử lại"

    page.context.unroute(f"**/o/{line}/TX1")
    page.click('[data-grid-chip="stuck"] a')
    until_sent(page)
    assert values("TX1", site.cast)[:3] == [85, 70, 60]
    assert page.query_selector(".cell--stuck, [data-grid-chip]") is None and outbox(page) == []


def test_what_is_typed_over_a_value_that_stepped_aside_comes_after_it(site: Site) -> None:
    page = site.open()
    leave_anyway(page)
    line = site.cast.enrollments["9A", NAMES[0]]
    break_on(page, f"{line}-TX1")
    type_down(page, "8,5", "7")
    page.wait_for_selector(site.cell("TX1") + ".cell--stuck", timeout=30_000)
    page.click(site.cell("TX1") + " input")
    type_down(page, "9")
    page.wait_for_selector(site.cell("TX1") + ".cell--stuck", timeout=30_000)
    assert [item["cells"][0]["raw"] for item in outbox(page)] == ["8,5", "9"]
    page.context.unroute(f"**/o/{line}/TX1")
    until_sent(page, nudge=True)
    assert values("TX1", site.cast)[:2] == [90, 70] and n_versions() == 3


def test_a_server_that_was_down_for_all_leaves_nobody_aside(site: Site) -> None:
    page = site.open()
    leave_anyway(page)
    page.context.route("**/o/**", lambda route: route.fulfill(status=503, body=""))
    type_down(page, "8,5", "7", "6")
    page.wait_for_selector(site.cell("TX1") + ".cell--stuck", timeout=30_000)
    page.context.unroute("**/o/**")
    until_sent(page, seconds=14)  # sooner than the first pause of one that stands aside
    assert values("TX1", site.cast)[:3] == [85, 70, 60]
