"""A conclusion that changed after the turn, and the keys of the day's page, in the browser and looked at by axe."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from hocbaso import clock
from hocbaso.db import db
from hocbaso.regulations.score_sheet_flow import SheetVerb
from tests.browser.grid_site import Site
from tests.browser.test_corrections import look, window
from tests.cast import Cast
from tests.services.full_class import fill_scores, move_sheets
from tests.services.test_conclusion_cases import AUTUMN, PAPER, ask, turned
from tests.services.test_year_turn import ANH

pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_principal_chooses_and_the_office_moves(site: Site, school: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    turned(school)
    request_id = ask(school, ANH, {"absences_excused_1": "50"}).id
    db.session.rollback()

    def autumn() -> datetime:
        return AUTUMN

    monkeypatch.setattr(clock, "now", autumn)
    principal = window(site, "principal")
    principal.goto(f"{site.address}/sua-chua/{request_id}")
    principal.wait_for_selector("text=Với em, điều ấy nghĩa là")
    look(principal, "conclusion-choice")
    principal.check("input[name=case][value=move]")
    principal.select_option("select[name=case_class]", label="6A")
    principal.fill("input[name=case_paper]", PAPER)
    principal.click("text=Duyệt và sửa")
    principal.wait_for_selector("text=Đã duyệt và đã sửa")
    office = window(site, "clerk")
    office.goto(f"{site.address}/hom-nay")
    look(office, "conclusion-office-day")
    office.goto(f"{site.address}/sua-chua/ket-luan")
    look(office, "conclusion-office")
    office.click("text=Xếp vào lớp 6A")
    office.wait_for_selector("text=Không em nào đang chờ")
    look(office, "conclusion-done")
    later = AUTUMN + timedelta(days=90)
    monkeypatch.setattr(clock, "now", lambda: later)
    machine = window(site, "it_officer")
    machine.goto(f"{site.address}/chat-luong/song")
    look(machine, "alive")


def test_the_keys_of_the_days_page(site: Site, school: Cast) -> None:
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW)
    db.session.rollback()
    principal = window(site, "principal")
    principal.goto(f"{site.address}/hom-nay")
    rows = principal.locator(".odd, .queue > .row")
    assert rows.count() > 2
    principal.keyboard.press("j")
    principal.keyboard.press("j")
    assert "is-here" in (rows.nth(1).get_attribute("class") or "")
    principal.keyboard.press("k")
    assert "is-here" in (rows.nth(0).get_attribute("class") or "")
    principal.keyboard.press("?")
    principal.wait_for_selector("#phim[open]")
    look(principal, "day-keys")
    principal.keyboard.press("?")
    box = rows.nth(0).locator("input[name=chon][type=checkbox]")
    if box.count():
        was = box.is_checked()
        principal.keyboard.press("x")
        assert box.is_checked() is not was
        principal.keyboard.press("x")
    principal.keyboard.press("r")
    assert principal.evaluate("document.activeElement.tagName") == "TEXTAREA"
    principal.keyboard.type("jx")
    assert principal.evaluate("document.activeElement.value") == "jx", "letters in a reason are letters"
    principal.evaluate("document.activeElement.blur()")
    principal.keyboard.press("a")
    assert principal.evaluate("document.activeElement.value") == "approve"
    principal.goto(f"{site.address}/loi-nhac/danh-sach")
    look(principal, "held-list")
