"""Keyboard economy, the thumb, the menu of missed, one by one, and reading back."""

from __future__ import annotations

import time

import pytest

from hocbaso.db import db
from hocbaso.services import read_back, score_entry, score_grid
from tests.axe import findings
from tests.browser.grid_site import NAMES, Site, fill, grow, settled, until_sent, values
from tests.cast import NOW

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

TABLET = {"viewport": {"width": 800, "height": 1280}, "has_touch": True, "is_mobile": True}
MOST_EXTRA = 0.2
"""Keystrokes a cell beyond its digits, comma and Enter."""


def test_forty_five_grades_need_no_key_beyond_digits_comma_and_enter(site: Site) -> None:
    lines = grow(site.cast, 45)
    page = site.open()
    page.evaluate("() => { window.pressed = []; addEventListener('keydown', e => pressed.push(e.key), true); }")
    typed = [f"{number % 11}" if number % 11 == 10 else f"{number % 11},{number % 10}" for number in range(45)]
    for raw in typed:
        for letter in raw:
            page.keyboard.press(letter)
        page.keyboard.press("Enter")
    until_sent(page)
    db.session.commit()
    view = score_grid.open_sheet(site.cast.actor("math"), site.cast.sheets["9A", "MATH", 2], NOW)
    stored = {row.enrollment_id: row.cells[0].text for row in view.rows}
    assert [stored[line] for line in lines] == [raw if "," in raw else "10" for raw in typed]
    extra = len(page.evaluate("pressed")) - sum(len(raw) + 1 for raw in typed)
    print(f"keystrokes beyond digits, comma and Enter: {extra} in 45 cells")
    assert extra / 45 <= MOST_EXTRA


def test_the_grid_is_one_stop_of_the_tab_key(site: Site) -> None:
    page = site.open()
    assert page.locator('#sheet [tabindex="0"]').count() == 1
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.querySelector('#sheet [tabindex=\"0\"]') === document.activeElement")
    page.keyboard.press("Control+End")
    assert "#" + page.evaluate("document.activeElement.closest('td').id") == site.cell("NX", 4)
    page.keyboard.press("Tab")
    assert page.evaluate("!document.getElementById('sheet').contains(document.activeElement)")


def test_averages_are_read_by_arrows_and_cost_no_key_while_typing(site: Site) -> None:
    fill(site.cast)
    page = site.open()
    average = f"#a-{site.cast.enrollments['9A', NAMES[0]]}"

    def at() -> str:
        return "#" + str(page.evaluate("document.activeElement.closest('td').id"))

    page.click(f"{site.cell('CK')} input")
    page.keyboard.press("ArrowRight")
    assert at() == average
    told = page.evaluate("[document.activeElement.getAttribute('aria-readonly'), document.activeElement.tabIndex]")
    assert told == ["true", 0] and page.locator('#sheet [tabindex="0"]').count() == 1
    assert "điểm trung bình" in page.inner_text("#cellbar") and "7,5" in page.inner_text("#cellbar")
    page.keyboard.type("9")  # nothing to type into
    page.keyboard.press("ArrowDown")
    assert at() == f"#a-{site.cast.enrollments['9A', NAMES[1]]}"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_selector("#history:has-text('vì sao kết quả học kì là 7,5')")
    assert findings(page) == []
    page.keyboard.press("Escape")
    assert at() == average
    page.keyboard.press("ArrowRight")
    assert at() == site.cell("NX")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.type("9")
    page.keyboard.press("Tab")
    assert at() == site.cell("NX")
    page.keyboard.press("Shift+Tab")
    assert at() == site.cell("CK")
    settled(page)


def test_an_average_that_is_read_changes_in_its_place(site: Site) -> None:
    fill(site.cast)
    page = site.open()
    page.click(f"{site.cell('CK')} input")
    page.route("**/o/**", lambda route: (time.sleep(0.5), route.continue_()))
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")  # the save is on its way
    average = f"#a-{site.cast.enrollments['9A', NAMES[0]]}"
    page.wait_for_function("id => document.querySelector(id).textContent.trim() === '8,0'", arg=average)
    assert page.evaluate("id => document.activeElement === document.querySelector(id)", average)
    page.keyboard.press("ArrowRight")
    assert "#" + page.evaluate("document.activeElement.closest('td').id") == site.cell("NX")


def test_the_menu_of_missed_opens_by_key_and_writes_both_kinds(site: Site) -> None:
    page = site.open()
    page.keyboard.press("Alt+ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Alt+ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    settled(page)
    until_sent(page)
    assert "chờ bù" in page.inner_text(site.cell("TX1"))
    assert "vắng" in page.inner_text(site.cell("TX1", 1))
    assert page.is_hidden("#missed")


def test_the_menu_of_missed_is_there_for_a_thumb_with_its_day(site: Site) -> None:
    page = site.open(**TABLET)
    page.tap(site.cell("GK", 2) + " input")
    page.tap("[data-missed]")
    assert page.input_value("#missed-day") == "12/05/2027"
    page.tap("[data-excused]")
    until_sent(page)
    assert "kiểm tra bù đến hết 12/05/2027" in page.text_content(site.cell("GK", 2))


def test_a_lone_v_shows_what_may_follow_without_taking_the_hand_away(site: Site) -> None:
    page = site.open()
    page.keyboard.type("v")
    assert page.is_visible("#missed")
    page.keyboard.type("k")
    assert page.is_hidden("#missed")
    page.keyboard.press("Enter")
    settled(page)
    assert "vắng" in page.inner_text(site.cell("TX1"))


def test_one_by_one_needs_one_thumb(site: Site) -> None:
    page = site.open(**TABLET)
    page.tap("[data-open=one]")
    assert page.inner_text("[data-one-name]") == "Hoàng Thanh Bình"
    for keys in (("8", ",5"), ("10",), ("7", ",", "3"), ("0",)):
        for key in keys:
            page.tap(f'[data-key="{key}"]')
        page.tap('[data-one-step="1"]')
    assert page.inner_text("[data-one-name]") == "Đinh Công Thành"
    page.tap('[data-one-step="-1"]')
    assert page.inner_text("[data-one-value]") == "0,0"
    until_sent(page)
    assert values("TX1", site.cast) == [85, 100, 73, 0, None]


def test_one_by_one_in_a_comment_subject_has_two_keys(site: Site) -> None:
    page = site.open("other", "PE", **TABLET)
    page.tap("[data-open=one]")
    page.tap('[data-key="CĐ"]')
    page.tap('[data-one-step="1"]')
    page.tap('[data-key="Đ"]')
    page.tap('[data-panel="one"] [data-close-panel]')
    until_sent(page)
    assert [page.input_value(site.cell("TX1", place) + " input") for place in range(2)] == ["CĐ", "Đ"]


@pytest.mark.parametrize("size", [(1280, 800), (800, 1280), (390, 844)])
def test_nothing_to_tap_is_smaller_than_a_thumb(site: Site, size: tuple[int, int]) -> None:
    page = site.open(viewport={"width": size[0], "height": size[1]}, has_touch=True, is_mobile=True)
    for name in ("one", "readback", "paste"):
        if page.is_visible(f"[data-open={name}]"):
            page.tap(f"[data-open={name}]")
        small = page.evaluate("""() => [...document.querySelectorAll('main :is(button, a.btn, summary, select, textarea, td input)')]
            .filter(e => e.checkVisibility() && !e.closest('.vh'))
            .map(e => [(e.closest('td') || e).getBoundingClientRect(), e.outerHTML.slice(0, 90)])
            .filter(([box]) => box.width < 43.5 || box.height < 43.5).map(([box, name]) => [name, box.width, box.height])""")
        assert small == []
        page.tap(f'[data-panel="{name}"] [data-close-panel]')


def test_without_a_vietnamese_voice_reading_aloud_says_so_and_is_off(site: Site) -> None:
    page = site.open()
    page.click("[data-open=readback]")
    assert page.is_disabled("[data-speak]")
    assert "không có giọng đọc tiếng Việt" in page.inner_text('[data-panel="readback"]')


VOICE = """
    window.said = [];
    class Words { constructor(text) { this.text = text; } }
    Object.defineProperty(window, 'SpeechSynthesisUtterance', {value: Words});
    Object.defineProperty(window, 'speechSynthesis', {value: {
        getVoices: () => [{lang: 'en-US'}, {lang: 'vi-VN', name: 'An'}], addEventListener() {}, cancel() {},
        speak(words) { said.push([words.text, words.lang, words.rate, words.voice.name]); setTimeout(() => words.onend(), 5); },
    }});
"""


def test_a_column_is_read_aloud_in_vietnamese_name_by_name(site: Site) -> None:
    fill(site.cast, but=("GK",))
    page = site.open()
    page.add_init_script(VOICE)
    page.reload()
    page.click("[data-open=readback]")
    page.select_option("[data-column]", "TX1")
    page.select_option("[data-pace]", "quick")
    page.click("[data-speak]")
    page.wait_for_function("() => said.length === 5")
    assert page.evaluate("said")[0] == ["Thanh Bình. 7 phẩy 5", "vi-VN", 1.25, "An"]


def test_reading_aloud_pauses_and_goes_on_where_it_stopped(site: Site) -> None:
    fill(site.cast)
    page = site.open()
    page.add_init_script(VOICE)
    page.reload()
    page.click("[data-open=readback]")
    page.select_option("[data-pace]", "slow")
    page.click("[data-speak]")
    page.wait_for_function("() => said.length === 2")
    page.click("[data-speak]")
    page.wait_for_timeout(1800)
    assert len(page.evaluate("said")) == 2
    assert page.inner_text("[data-speak]") == "Đọc tiếp"
    page.click("[data-speak]")
    page.wait_for_function("() => said.length >= 3")


def test_two_people_check_a_column_and_both_names_are_kept(site: Site) -> None:
    fill(site.cast)
    page = site.open()
    page.click("[data-open=readback]")
    page.select_option("[data-column]", "GK")
    page.click("[data-two]")
    assert page.inner_text("[data-card-mark]") == "7,5"
    page.click("[data-card-wrong]")
    for _ in range(5):
        page.click('[data-card-step="1"]')
    page.wait_for_selector("[data-log] form")
    assert page.input_value("#n-read") == "5"
    page.select_option("#partner", label="Vũ Đình Lâm")
    page.click("[data-log] button[type=submit]")
    page.wait_for_selector(".readback__done")
    head = score_entry.read_head(site.cast.sheets["9A", "MATH", 2])
    (line,) = read_back.read_backs_of(head, site.cast.actor("math"), told=True)
    assert (line.reader_name, line.listener_name, line.n_cells) == ("Trịnh Thu Hà", "Vũ Đình Lâm", 5)
    page.reload()
    page.click("summary:has-text('Các dấu')")
    assert "Trịnh Thu Hà đọc, Vũ Đình Lâm dò trên giấy; giữa kì, 5 điểm" in page.inner_text(".act__form--marks")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_panels(site: Site, scheme: str) -> None:
    fill(site.cast)
    page = site.open(color_scheme=scheme, bypass_csp=True)

    def check(what: str) -> None:
        assert (what, findings(page)) == (what, [])

    page.click("[data-missed]")
    check("missed")
    page.keyboard.press("Escape")
    page.click("[data-open=one]")
    check("one")
    page.click("[data-open=readback]")
    page.click("[data-two]")
    page.click("[data-card-wrong]")
    check("cards")
    page.click("[data-card-done]")
    page.wait_for_selector("[data-log] form")
    check("log")
    page.click("[data-open=paste]")
    page.fill("#paste-here", "8\nabc\n9")
    check("paste")
