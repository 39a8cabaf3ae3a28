"""The grade grid in Chromium: keyboard, conflict, refusal, lost network, accessibility, and life without script."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.services import score_entry
from tests.axe import findings
from tests.browser.grid_site import NAMES, Site, fill, n_versions, settled, values
from tests.cast import NOW, PASSWORD, PEOPLE

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser


def test_a_column_is_typed_with_its_digits_and_enter_alone(site: Site) -> None:
    page = site.open()
    for raw in ("85", "7,5", "10", "6.5", "0"):
        page.keyboard.type(raw)
        page.keyboard.press("Enter")
    settled(page)
    assert values("TX1", site.cast) == [85, 75, 100, 65, 0]
    assert page.input_value(site.cell("TX1") + " input") == "8,5"
    assert page.inner_text("#sheet-waits .waits__n") == "25"


def test_what_85_will_become_is_shown_before_it_is_accepted(site: Site) -> None:
    page = site.open()
    page.keyboard.type("85")
    assert page.inner_text(site.cell("TX1") + " .cell__say") == "ghi 8,5"
    assert n_versions() == 0


def test_keys_move_as_in_a_spreadsheet(site: Site) -> None:
    page = site.open()

    def at() -> str:
        return str(page.evaluate("document.activeElement.closest('td').id"))

    steps = [
        ("ArrowRight", site.cell("TX2")),
        ("ArrowDown", site.cell("TX2", 1)),
        ("Home", site.cell("TX1", 1)),
        ("End", site.cell("NX", 1)),
        ("Control+Home", site.cell("TX1")),
        ("PageDown", site.cell("TX1", 4)),
        ("Shift+Enter", site.cell("TX1", 3)),
        ("ArrowUp", site.cell("TX1", 2)),
        ("Enter", site.cell("TX1", 3)),
    ]
    for key, cell in steps:
        page.keyboard.press(key)
        assert f"#{at()}" == cell, key
    page.keyboard.type("8")
    page.keyboard.press("Tab")
    assert f"#{at()}" == site.cell("TX2", 3)
    settled(page)
    assert values("TX1", site.cast)[3] == 80


def test_typing_replaces_in_the_cell_that_was_tapped_while_standing_in_it(site: Site) -> None:
    """It went between the digits: 8,0 with a 5 was saved as 8,50."""
    page = site.open()
    page.keyboard.type("8,0")
    page.keyboard.press("Enter")
    settled(page)
    page.keyboard.press("ArrowUp")
    field = site.cell("TX1") + " input"
    page.click(field)
    page.keyboard.type("5")
    assert page.input_value(field) == "5"
    page.click(field)  # while typing, a tap puts the caret
    page.keyboard.press("End")
    page.keyboard.type(",5")
    assert page.input_value(field) == "5,5"


def test_typing_replaces_f2_edits_and_escape_restores(site: Site) -> None:
    page = site.open()
    page.keyboard.type("8,5")
    page.keyboard.press("Enter")
    settled(page)
    page.keyboard.press("ArrowUp")
    page.keyboard.type("9")
    page.keyboard.press("Escape")
    field = site.cell("TX1") + " input"
    assert page.input_value(field) == "8,5"
    page.keyboard.press("F2")
    page.keyboard.press("Backspace")
    page.keyboard.type("7")
    assert page.input_value(field) == "8,7"
    page.keyboard.press("Enter")
    settled(page)
    assert values("TX1", site.cast)[0] == 87


def test_leaving_a_cell_as_it_was_sends_nothing(site: Site) -> None:
    page = site.open()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    for key in ("ArrowDown", "ArrowRight", "F2", "Enter", "End", "Home"):
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    assert sent == []


def test_the_average_and_its_formula_follow_the_typing(site: Site) -> None:
    fill(site.cast, but=("CK",))
    page = site.open()
    page.click(site.cell("CK") + " input")
    page.keyboard.type("8")
    assert page.inner_text(".cellbar__sum") == "ĐTB sẽ là 7,7 = (7,5 + 7,5 + 7,5 + 7,5 + 2 × 7,5 + 3 × 8,0) ÷ 9"
    page.keyboard.press("Enter")
    settled(page)
    assert page.inner_text(f"#a-{site.cast.enrollments['9A', NAMES[0]]}") == "7,7"


def test_a_refused_text_stays_and_says_why(site: Site) -> None:
    page = site.open()
    page.keyboard.type("8,75")
    page.keyboard.press("Enter")
    page.wait_for_selector(site.cell("TX1") + ".cell--refused")
    assert page.input_value(site.cell("TX1") + " input") == "8,75"
    assert "không ghi" in page.inner_text(site.cell("TX1"))
    page.click("#sheet-chips a")
    assert "một chữ số" in page.inner_text(".cellbar__sum")
    page.keyboard.type("8,8")
    page.keyboard.press("Enter")
    settled(page)
    assert values("TX1", site.cast)[0] == 88
    assert page.locator("#sheet-chips a").count() == 0


@pytest.mark.parametrize(
    "size", [pytest.param((1180, 820), id="flat"), pytest.param((390, 844), id="phone", marks=pytest.mark.slow)]
)
def test_11_is_asked_about_and_never_written_as_1_1(site: Site, size: tuple[int, int]) -> None:
    """A slip beside 10; what to do stands in sight, on a telephone too."""
    page = site.open(viewport={"width": size[0], "height": size[1]})
    page.keyboard.type("11")
    assert page.inner_text(site.cell("TX1") + " .cell__say") == "1,1 hay 10?"
    page.keyboard.press("Enter")
    page.wait_for_selector(site.cell("TX1") + ".cell--refused")
    assert n_versions() == 0
    told = page.locator(".cellbar__sum--wrong")
    assert told.is_visible() and f"{NAMES[0]}, thường xuyên 1 không ghi: “11”" in told.inner_text()
    assert "gõ cả dấu phẩy" in told.inner_text() and "ĐTB (…) tính lại khi sửa xong" in told.inner_text()
    assert f"{NAMES[0]}, thường xuyên 1: không ghi" in page.inner_text("#grid-said")
    page.keyboard.type("9")
    assert page.input_value(site.cell("TX1", 1) + " input") == "9" and told.is_visible(), "the hand goes on"
    page.keyboard.press("Shift+Enter")
    assert told.is_visible() and "gõ cả dấu phẩy" in told.inner_text()
    page.keyboard.type("1,1")
    page.keyboard.press("Enter")
    settled(page)
    assert values("TX1", site.cast)[0] == 11


def test_a_menu_of_the_tools_closes_on_escape_beside_it_and_on_typing(site: Site) -> None:
    page = site.open(viewport={"width": 1180, "height": 820})
    shown, marks = page.locator(".act__form--marks"), page.locator("summary", has_text="Các dấu")
    marks.click()
    page.keyboard.press("Escape")
    assert not shown.is_visible() and marks.evaluate("element => element === document.activeElement")
    marks.click()
    page.click(".head h1")
    assert not shown.is_visible()
    marks.click()
    page.locator("summary", has_text="Excel").click()
    assert not shown.is_visible() and page.is_visible(".act__form--menu")
    page.focus(site.cell("TX1") + " input")
    page.keyboard.type("8")
    assert not page.is_visible(".act__form--menu") and page.input_value(site.cell("TX1") + " input") == "8"


@pytest.mark.parametrize(("choice", "expected"), [("mine", 90), ("theirs", 60)])
def test_two_people_on_one_cell_choose_on_a_card(site: Site, choice: str, expected: int) -> None:
    page = site.open()
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
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    card = page.wait_for_selector(".clash")
    assert "Trịnh Thu Hà" in card.inner_text() and "Lấy 6,0" in card.inner_text()
    assert values("TX1", site.cast)[0] == 60
    page.click(f'.clash [data-keep="{choice}"]')
    page.wait_for_function("() => !document.querySelector('.clash')")
    settled(page)
    assert values("TX1", site.cast)[0] == expected
    assert page.input_value(site.cell("TX1") + " input") == f"{expected // 10},0"


def test_an_answer_lost_after_the_commit_writes_nothing_twice(site: Site) -> None:
    page = site.open()
    lost: list[str] = []

    def lose_first(route: Any) -> None:
        if not lost:
            route.fetch()
            lost.append(route.request.post_data)
            route.abort()
        else:
            lost.append(route.request.post_data)
            route.continue_()

    page.route("**/o/**", lose_first)
    page.keyboard.type("8,5")
    page.keyboard.press("Enter")
    page.wait_for_selector(site.cell("TX1") + ".cell--wait")
    settled(page)
    assert lost[0] == lost[1]
    assert (values("TX1", site.cast)[0], n_versions()) == (85, 1)
    assert page.locator(".clash").count() == 0


def test_without_network_typing_goes_on_and_is_sent_in_order(site: Site) -> None:
    page = site.open()
    page.context.set_offline(True)
    for raw in ("8", "7", "6"):
        page.keyboard.type(raw)
        page.keyboard.press("Enter")
    page.click(site.cell("TX1") + " input")  # the same cell again: both values are kept, in order
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    page.wait_for_function("() => /chờ mạng/.test(document.getElementById('net').textContent)")
    assert n_versions() == 0
    page.context.set_offline(False)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    settled(page)
    assert values("TX1", site.cast)[:3] == [90, 70, 60]
    assert page.locator(".clash, .cell--refused").count() == 0


def test_leaving_the_page_with_something_unsent_is_asked_about(site: Site) -> None:
    page = site.open()
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.context.set_offline(True)
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    page.wait_for_selector(".cell--wait")
    page.context.set_offline(False)
    page.goto(f"{site.address}/bang-diem/")
    assert asked == ["beforeunload"]


def test_signing_in_again_in_place_sends_what_was_typed(site: Site) -> None:
    page = site.open()
    with write_transaction() as session:
        session.execute(update(m.UserSession).values(ended_at=NOW))
    page.keyboard.type("8,5")
    page.keyboard.press("Enter")
    page.wait_for_selector('dialog[open] input[name="password"]')
    assert n_versions() == 0
    if page.locator('dialog[open] input[name="username"]:not([type="hidden"]):not([readonly])').count():
        page.fill('dialog[open] input[name="username"]', PEOPLE["math"][0].lower())
    page.fill('dialog[open] input[name="password"]', PASSWORD)
    page.press('dialog[open] input[name="password"]', "Enter")
    settled(page)
    assert values("TX1", site.cast)[0] == 85


def test_the_last_gap_offers_handing_in_and_it_works(site: Site) -> None:
    fill(site.cast)
    score_entry.save_cell(
        site.cast.actor("math"),
        site.cast.sheets["9A", "MATH", 2],
        site.cast.enrollments["9A", NAMES[4]],
        "CK",
        "",
        expected_version=1,
        op_id=None,
        now=NOW,
    )
    page = site.open()
    page.click("a.btn[data-next-gap]")
    assert "#" + page.evaluate("document.activeElement.closest('td').id") == site.cell("CK", 4)
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    page.click('button[form="move-nop"]')
    page.wait_for_selector("text=Đã nộp Toán 9A")
    assert page.locator("td input").count() == 0


def test_missed_marks_show_their_word(site: Site) -> None:
    page = site.open()
    for raw in ("vp", "vk"):
        page.keyboard.type(raw)
        page.keyboard.press("Enter")
    settled(page)
    assert "chờ bù" in page.inner_text(site.cell("TX1"))
    assert "vắng" in page.inner_text(site.cell("TX1", 1))


def test_a_comment_subject_takes_letters(site: Site) -> None:
    page = site.open("other", "PE")
    for raw in ("d", "c", "Đ"):
        page.keyboard.type(raw)
        page.keyboard.press("Enter")
    settled(page)
    assert [page.input_value(site.cell("TX1", place) + " input") for place in range(3)] == ["Đ", "CĐ", "Đ"]


def test_saving_is_said_aloud(site: Site) -> None:
    page = site.open()
    page.keyboard.type("8,5")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('grid-said').textContent !== ''")
    assert page.inner_text("#grid-said") == "Toán, thường xuyên 1 của Hoàng Thanh Bình: 8 phẩy 5, đã lưu"


def test_the_past_of_a_cell_opens_beside_the_sheet(site: Site) -> None:
    page = site.open()
    page.keyboard.type("8,5")
    page.keyboard.press("Enter")
    settled(page)
    page.keyboard.press("ArrowUp")
    page.click("[data-history]")
    assert "8,5" in page.inner_text("#history")
    page.click("[data-close-history]")
    assert page.locator("#history").count() == 0


def test_without_script_the_sheet_saves_as_a_form(site: Site) -> None:
    page = site.open(java_script_enabled=False)
    page.fill(site.cell("TX1") + " input", "8,5")
    page.fill(site.cell("GK", 2) + " input", "6")
    page.click(".sheet__noscript button")
    page.wait_for_selector("text=Đã lưu 2 ô")
    assert (values("TX1", site.cast)[0], values("GK", site.cast)[2]) == (85, 60)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (800, 1280), (390, 844)])
def test_axe_finds_nothing_and_the_policy_refuses_nothing(site: Site, scheme: str, size: tuple[int, int]) -> None:
    page = site.open(color_scheme=scheme, viewport={"width": size[0], "height": size[1]}, bypass_csp=True)
    for raw in ("8,5", "vp", "vk", "8,75"):
        page.keyboard.type(raw)
        page.keyboard.press("Enter")
    score_entry.save_cell(
        site.cast.actor("math"),
        site.cast.sheets["9A", "MATH", 2],
        site.cast.enrollments["9A", NAMES[0]],
        "TX2",
        "6",
        expected_version=0,
        op_id=None,
        now=NOW,
    )
    page.wait_for_selector(".cell--refused")
    page.click(site.cell("TX2") + " input")
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    page.wait_for_selector(".clash")
    for address in (site.sheet(), f"{site.address}/bang-diem/"):
        if not page.url.startswith(address):
            page.on("dialog", lambda dialog: dialog.accept())
            page.goto(address)
        assert findings(page) == []


def test_nothing_on_the_page_breaks_the_content_policy(site: Site) -> None:
    page = site.open()
    broken: list[str] = []
    page.on("console", lambda message: broken.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.reload()
    page.keyboard.type("8,5")
    page.keyboard.press("Enter")
    settled(page)
    page.click("[data-history]")
    page.wait_for_selector("#history")
    assert broken == []


def test_cells_are_as_large_as_a_thumb_on_a_tablet(site: Site) -> None:
    page = site.open(viewport={"width": 800, "height": 1280}, has_touch=True, is_mobile=True)
    small = page.evaluate("""() => [...document.querySelectorAll('td input, .btn, .cellbar button')]
        .filter(e => e.offsetParent).map(e => [(e.closest('td') || e).getBoundingClientRect(), e.className || e.name])
        .filter(([box]) => box.width < 44 || box.height < 43.5).map(([box, name]) => [name, box.width, box.height])""")
    assert small == []
