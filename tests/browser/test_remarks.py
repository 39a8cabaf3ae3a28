"""The bank of phrases in Chromium: two keystrokes in the grid, a tap, the homeroom, the quiet word, dictation."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import remark_phrases
from tests.axe import findings
from tests.browser.grid_site import Site, fill, settled
from tests.cast import NOW, Cast

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

SHOTS = os.environ.get("HOCBASO_SHOTS")
GOOD, FAIR, ALL = "Em nắm chắc bài.", "Em khá vững bài.", "Em giữ trật tự."
SPEECH = """
window.heard = [];
window.SpeechRecognition = class {
    start() { window.heard.push(this.lang); window.engine = this; }
    stop() { this.onend(); }
    abort() { this.onend(); }
    say(words) { this.onresult({resultIndex: 0, results: [Object.assign([{transcript: words}], {isFinal: true})]}); }
};
"""


@pytest.fixture
def bank(site: Site) -> Cast:
    """Three phrases of two levels and one for everybody; 9A's averages are 7,5: Khá."""
    fill(site.cast)
    actor = site.cast.actor("math")
    maths = db.session.scalar(select(m.Subject.id).where(m.Subject.code == "MATH"))
    for subject in (maths, None):
        for level, text in (("T", GOOD), ("K", FAIR), ("ANY", ALL)):
            remark_phrases.add(actor, subject, level=level, text=text, now=NOW)
    return site.cast


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def stored(cast: Cast, name: str) -> str | None:
    db.session.commit()
    return db.session.scalar(
        select(m.ScoreCell.remark).where(
            m.ScoreCell.column_key == "NX", m.ScoreCell.enrollment_id == cast.enrollments["9A", name]
        )
    )


def test_two_keystrokes_put_in_the_phrase_of_the_pupils_level(site: Site, bank: Cast) -> None:
    page = site.open()
    page.click(f"{site.cell('NX')} textarea")
    page.keyboard.type("/")
    assert page.is_visible("#phrases")
    assert page.inner_text(".phrases__list li >> nth=0").split("\n")[:2] == ["1", FAIR]
    assert findings(page) == []
    page.keyboard.type("1")
    assert page.is_hidden("#phrases")
    assert page.input_value(f"{site.cell('NX')} textarea") == FAIR
    page.keyboard.type(" /2")
    assert page.input_value(f"{site.cell('NX')} textarea") == f"{FAIR} {ALL}"
    page.keyboard.press("Control+z")  # the field's own undo knows what was put in
    assert ALL not in page.input_value(f"{site.cell('NX')} textarea")
    page.keyboard.press("Control+y")
    assert page.input_value(f"{site.cell('NX')} textarea") == f"{FAIR} {ALL}"
    page.keyboard.press("Enter")
    settled(page)
    assert stored(bank, "Hoàng Thanh Bình") == f"{FAIR} {ALL}"


def test_a_slash_over_an_empty_bank_says_how_it_is_filled(site: Site) -> None:
    page = site.open()
    page.click(f"{site.cell('NX')} textarea")
    page.keyboard.type("/")
    assert "Chép bộ câu gợi ý" in page.inner_text("#phrases")
    page.keyboard.type("1")
    assert page.is_hidden("#phrases") and page.input_value(f"{site.cell('NX')} textarea") == "/1"


@pytest.mark.slow
def test_a_slash_that_means_itself_stays(site: Site, bank: Cast) -> None:
    page = site.open()
    box = f"{site.cell('NX')} textarea"
    page.click(box)
    page.keyboard.type("Bài 1/2 tốt /")
    assert page.is_visible("#phrases")
    page.keyboard.press("Escape")
    assert page.is_hidden("#phrases") and page.input_value(box) == "Bài 1/2 tốt /"
    page.keyboard.type(" và /w")
    assert page.is_hidden("#phrases") and page.input_value(box) == "Bài 1/2 tốt / và /w"
    page.keyboard.press("Escape")
    assert page.input_value(box) == ""


def test_by_keyboard_alone_and_by_tap(site: Site, bank: Cast) -> None:
    page = site.open(viewport={"width": 820, "height": 1180}, has_touch=True)
    box = f"{site.cell('NX')} textarea"
    page.click(box)
    page.keyboard.press("Alt+ArrowDown")
    assert page.evaluate("document.activeElement.dataset.level") == "K"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.input_value(box) == ALL
    assert page.evaluate("document.activeElement.name").endswith("-NX")
    page.tap("[data-step='1']")
    for target in ("[data-phrases]", ".phrases__pick >> nth=0"):
        if target != "[data-phrases]":
            shot(page, "remarks-picker")
        size = page.locator(target).bounding_box()
        assert size["height"] >= 44 and size["width"] >= 44
        page.tap(target)
    assert page.input_value(f"{site.cell('NX', 1)} textarea") == FAIR
    page.click("[data-step='1']")
    settled(page)
    assert (stored(bank, "Hoàng Thanh Bình"), stored(bank, "Nguyễn Bảo Châu")) == (ALL, FAIR)


def test_another_pupils_name_and_the_room_that_is_left_are_told_at_once(site: Site, bank: Cast) -> None:
    page = site.open()
    box = f"{site.cell('NX')} textarea"
    page.click(box)
    page.keyboard.type("Em Chi chăm học.")
    page.wait_for_selector("#remark-note:has-text('có tên “Chi”')")
    assert "cell--ask" in page.get_attribute(site.cell("NX"), "class")
    assert findings(page) == []
    shot(page, "remarks-hint")
    page.fill(box, "Em Bình chăm học.")
    page.wait_for_function("() => !document.querySelector('.cell--ask')")
    assert page.inner_text("#remark-note") == ""
    page.fill(box, "a" * 900)
    assert page.inner_text("#remark-note") == "Còn 100 chữ cái"


def test_dictation_says_where_the_voice_goes_before_it_begins(site: Site, bank: Cast) -> None:
    page = site.open()
    page.context.add_init_script(SPEECH)
    page.reload()
    page.wait_for_selector("html[data-grid=ready]")
    box = f"{site.cell('NX')} textarea"
    page.click(box)
    assert page.evaluate("heard") == []
    page.click("[data-dictate]")
    assert "qua mạng" in page.inner_text("#dictation") and page.evaluate("heard") == []
    assert findings(page) == []
    page.click("text=Không dùng")
    assert page.is_hidden("#dictation") and page.evaluate("heard") == []
    page.click("[data-dictate]")
    page.click("text=Đã hiểu, bắt đầu đọc")
    assert page.evaluate("heard") == ["vi-VN"]
    page.evaluate("engine.say('em hiểu bài')")
    assert page.input_value(box) == "Em hiểu bài"
    assert page.get_attribute("[data-dictate]", "aria-pressed") == "true"
    page.click("[data-step='1']")  # words must not land in another pupil's line
    assert page.get_attribute("[data-dictate]", "aria-pressed") == "false"
    page.click("[data-dictate]")  # told once
    assert page.evaluate("heard") == ["vi-VN", "vi-VN"] and page.is_hidden("#dictation")


@pytest.mark.slow
def test_no_dictation_without_a_secure_line_or_a_recogniser(site: Site, bank: Cast, plain_browser: Any) -> None:
    page = site.open()
    page.evaluate(
        "document.body.dataset.recogniser = String(Boolean(window.SpeechRecognition || window.webkitSpeechRecognition))"
    )
    plain = Site(site.address.replace("127.0.0.1", "truong.example"), plain_browser, site.cast)
    other = plain_browser.new_context(viewport={"width": 1280, "height": 800})
    other.add_init_script(SPEECH)
    seen = plain.open(context=other)
    assert not seen.evaluate("isSecureContext")
    seen.wait_for_selector("html[data-grid=ready]")
    seen.click(f"{site.cell('NX')} textarea")
    assert seen.is_visible("[data-phrases]") and seen.is_hidden("[data-dictate]")
    other.close()


def test_the_homeroom_teacher_has_the_same_bank(site: Site, bank: Cast) -> None:
    page = site.open()
    pupil = bank.enrollments["9A", "Hoàng Thanh Bình"]
    page.goto(f"{site.address}/lop/{bank.classes['9A']}")
    box = f'textarea[name="{pupil}-remark"]'
    page.click(box)
    page.keyboard.type("/")
    assert page.is_visible("#phrases")
    with page.expect_response(lambda reply: reply.request.method == "POST" and "/o/" in reply.url):
        page.keyboard.type("1")  # no level yet: what suits everybody comes first
        page.keyboard.press("Tab")
    db.session.commit()
    assert db.session.scalar(select(m.HomeroomRecord.remark).where(m.HomeroomRecord.enrollment_id == pupil)) == ALL
    page.goto(f"{site.address}/lop/{bank.classes['9A']}/hoc-sinh/{pupil}")
    page.click("#f-remark")
    page.keyboard.press("Control+End")
    page.keyboard.type(" Em Chi chăm học. /")
    page.wait_for_selector("#remark-note:has-text('có tên “Chi”')")
    assert findings(page) == []
    shot(page, "remarks-homeroom")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1180])
def test_the_banks_page(site: Site, bank: Cast, width: int, scheme: str) -> None:
    page = site.open(viewport={"width": width, "height": 1800}, color_scheme=scheme)
    page.goto(f"{site.address}/nhan-xet/")
    shot(page, f"remarks-bank-{width}-{scheme}")
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.slow
def test_the_bank_is_kept_without_script(site: Site, bank: Cast) -> None:
    page = site.open(java_script_enabled=False)
    page.goto(f"{site.address}/nhan-xet/")
    page.fill("#cau-moi", "Em Chi học tốt.")
    page.click("text=Thêm câu >> nth=-1")
    assert "Câu có tên học sinh “Chi”" in page.inner_text("#cau-moi-loi")
    page.fill("#cau-moi", "Em học tốt.")
    page.select_option("#muc-moi", "T")
    page.click("text=Thêm câu >> nth=-1")
    assert page.inner_text(".bank__text >> nth=1") == "Em học tốt."
    page.click("[aria-label='Đưa câu này lên'] >> nth=1")
    assert page.inner_text(".bank__text >> nth=0") == "Em học tốt."
    page.click("[aria-label='Xoá câu này'] >> nth=0")
    assert page.inner_text(".bank__text >> nth=0") == GOOD
    page.check("#goi-y input[type=checkbox] >> nth=0")
    page.click("text=Chép các câu đã chọn")
    assert "Đã chép 1 câu" in page.inner_text("#notices")


def test_a_comma_in_a_remark_is_no_decimal_comma(site: Site, bank: Cast) -> None:
    """The device read aloud "cẩn thận phẩy nắm bài"."""
    page = site.open()
    page.click(site.cell("NX") + " textarea")
    page.keyboard.type("Em cẩn thận, nắm bài.")
    page.keyboard.press("Tab")
    page.wait_for_function("() => document.getElementById('grid-said').textContent.endsWith('đã lưu')")
    assert "Em cẩn thận, nắm bài." in page.inner_text("#grid-said")
