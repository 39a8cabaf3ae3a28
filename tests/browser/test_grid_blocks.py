"""Pasting from Excel, taking back and doing again, in Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import DomainError
from hocbaso.services import score_entry, score_reading
from hocbaso.services.score_cells import NOTHING
from tests.browser.grid_site import NAMES, Site, n_versions, settled, until_sent, values
from tests.cast import NOW

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

BLOCK = "8,5\t7\r\n6,75\t8,50\r\n\tabc\r\n10\tvp\r\n"


def paste(page: Any, text: str) -> None:
    page.evaluate(
        """text => {
            const data = new DataTransfer();
            data.setData('text/plain', text);
            document.activeElement.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
        }""",
        text,
    )


def sources(column: str = "TX1") -> list[str]:
    db.session.commit()
    return list(
        db.session.scalars(
            select(m.ScoreCellVersion.source)
            .join(m.ScoreCell, m.ScoreCell.id == m.ScoreCellVersion.score_cell_id)
            .where(m.ScoreCell.column_key == column)
            .order_by(m.ScoreCellVersion.id)
        )
    )


def test_a_block_shows_what_goes_where_before_anything_is_written(site: Site) -> None:
    page = site.open()
    paste(page, BLOCK)
    plan = page.inner_text("[data-plan]")
    assert "4 hàng, 2 cột, bắt đầu từ Hoàng Thanh Bình, thường xuyên 1" in plan
    assert "5 ô sẽ ghi" in plan.replace("\n", " ") and "2 ô không ghi" in plan.replace("\n", " ")
    assert "Nguyễn Bảo Châu, thường xuyên 1: “6,75” có hơn một chữ số sau dấu phẩy" in plan
    assert page.get_attribute(site.cell("TX1", 0), "data-say") == "ghi 8,5", "the cell that was pasted into, too"
    assert page.get_attribute(site.cell("TX2", 1), "data-say") == "ghi 8,5"
    assert n_versions() == 0


def test_the_preview_covers_no_cell(site: Site) -> None:
    page = site.open()
    paste(page, BLOCK)
    side, sheet = page.locator("#side").bounding_box(), page.locator("#sheet").bounding_box()
    assert side["x"] >= sheet["x"] + sheet["width"] or side["y"] >= sheet["y"] + sheet["height"]


def test_a_block_is_one_request_and_each_cell_tells_its_outcome(site: Site) -> None:
    page = site.open()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    paste(page, BLOCK)
    page.keyboard.press("Enter")
    until_sent(page)
    assert [url.rpartition("/")[2] for url in sent] == ["khoi"]
    assert values("TX1", site.cast) == [85, None, None, 100, None]
    assert values("TX2", site.cast)[:2] == [70, 85]
    assert "chờ bù" in page.inner_text(site.cell("TX2", 3))
    assert page.inner_text("#sheet-waits .waits__n") == "26"


def test_escape_leaves_a_block_unwritten(site: Site) -> None:
    page = site.open()
    paste(page, BLOCK)
    page.keyboard.press("Escape")
    assert page.locator(".cell--will").count() == 0
    assert page.evaluate("document.activeElement.closest('td').id") == site.cell("TX1")[1:]
    page.wait_for_timeout(200)
    assert n_versions() == 0


def test_what_lies_outside_the_sheet_is_named_and_not_piled_up_at_the_edge(site: Site) -> None:
    page = site.open()
    page.click(site.cell("CK", 4) + " input")
    paste(page, "7\tChăm\n8\tNgoan\n")
    assert "2 ô nằm ngoài bảng" in page.inner_text("[data-plan]")
    page.keyboard.press("Enter")
    until_sent(page)
    assert values("CK", site.cast) == [None, None, None, None, 70]


def test_a_row_of_titles_can_be_left_out(site: Site) -> None:
    page = site.open()
    paste(page, "ĐĐGtx1\tĐĐGtx2\n8\t7\n")
    page.click("text=Hàng đầu là tiêu đề, bỏ hàng ấy")
    page.keyboard.press("Enter")
    until_sent(page)
    assert (values("TX1", site.cast)[0], values("TX2", site.cast)[0]) == (80, 70)


def test_a_tablet_pastes_into_the_field_of_the_panel(site: Site) -> None:
    page = site.open(viewport={"width": 800, "height": 1280}, has_touch=True, is_mobile=True)
    page.tap(site.cell("TX2", 1) + " input")
    page.tap("[data-open=paste]")
    assert page.inner_text("[data-paste-at]") == "Nguyễn Bảo Châu, thường xuyên 2"
    page.fill("#paste-here", "8\n9")
    page.tap("[data-apply]")
    until_sent(page)
    assert values("TX2", site.cast)[1:3] == [80, 90]


def test_a_block_over_somebody_elses_value_asks_on_a_card_and_writes_the_rest(site: Site) -> None:
    page = site.open()
    score_entry.save_cell(
        site.cast.actor("math"),
        site.cast.sheets["9A", "MATH", 2],
        site.cast.enrollments["9A", NAMES[1]],
        "TX1",
        "6",
        expected_version=0,
        op_id=None,
        now=NOW,
    )
    paste(page, "8\n9\n10\n")
    page.keyboard.press("Enter")
    card = page.wait_for_selector(".clash")
    assert "Giữ 9" in card.inner_text() and "Lấy 6,0" in card.inner_text()
    assert values("TX1", site.cast)[:3] == [80, 60, 100]


def test_one_undo_takes_the_whole_block_back_and_redo_writes_it_again(site: Site) -> None:
    page = site.open()
    for raw in ("5", "6"):
        page.keyboard.type(raw)
        page.keyboard.press("Enter")
    settled(page)
    page.click(site.cell("TX1") + " input")
    paste(page, "8\n9\n10\n")
    page.keyboard.press("Enter")
    until_sent(page)
    page.keyboard.press("Control+z")
    until_sent(page)
    assert values("TX1", site.cast) == [50, 60, None, None, None]
    page.keyboard.press("Control+y")
    until_sent(page)
    assert values("TX1", site.cast)[:3] == [80, 90, 100]
    assert sources() == ["typed"] * 2 + ["pasted"] * 3 + ["undone"] * 3 + ["redone"] * 3


def test_the_buttons_take_back_a_typed_value_and_the_history_says_so(site: Site) -> None:
    page = site.open()
    page.keyboard.type("8,5")
    page.keyboard.press("Enter")
    settled(page)
    page.click("[data-undo]")
    until_sent(page)
    assert page.input_value(site.cell("TX1") + " input") == ""
    assert page.is_disabled("[data-undo]")
    page.click("[data-history]")
    assert "hoàn tác" in page.inner_text("#history")


def test_undo_before_the_value_has_arrived_keeps_the_order(site: Site) -> None:
    page = site.open()
    page.context.set_offline(True)
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    page.wait_for_selector(".cell--wait")
    page.keyboard.press("Control+z")
    page.context.set_offline(False)
    until_sent(page, nudge=True)
    assert (values("TX1", site.cast)[0], sources()) == (None, ["typed", "undone"])


def test_undo_under_somebody_elses_newer_value_asks_and_overwrites_nothing(site: Site) -> None:
    page = site.open()
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    settled(page)
    score_entry.save_cell(
        site.cast.actor("math"),
        site.cast.sheets["9A", "MATH", 2],
        site.cast.enrollments["9A", NAMES[0]],
        "TX1",
        "6",
        expected_version=1,
        op_id=None,
        now=NOW,
    )
    page.keyboard.press("Control+z")
    card = page.wait_for_selector(".clash")
    assert "Lấy 6,0" in card.inner_text()
    assert values("TX1", site.cast)[0] == 60


@pytest.mark.slow
def test_the_last_fifty_acts_can_be_taken_back(site: Site) -> None:
    page = site.open()
    for number in range(53):
        page.keyboard.type(str(number % 10))
        page.keyboard.press("Enter")
        until_sent(page)
        page.keyboard.press("ArrowUp")
    for _ in range(60):
        if page.is_disabled("[data-undo]"):
            break
        page.keyboard.press("Control+z")
        until_sent(page)
    assert sources().count("undone") == 50
    assert values("TX1", site.cast)[0] == 20


RAWS = [
    *(f"{whole}{point}{part}" for whole in ("0", "8", "10", "11", "08", "") for point in ("", ",", ".", " ") for part in ("", "0", "5", "55")),
    *"đ d Đ D đạt dat CĐ cđ c cd chưa_đạt chua_dat CHƯA_ĐẠT ð cð v vắng vp vk VK vp_12/5 vp_12/05/2027 vp_12.5 vpx vk_1 abc -1 +5 1e1 ٥ 100 99 8,5;".replace("_", "\u00a0").split(" "),
    "  8,5  ",
    "8 5",
    "1 0",
    *(str(number) for number in range(11, 21)),
    "cd\u0323",
    "ca\u0302",
]  # fmt: skip


@pytest.mark.parametrize(("who", "code"), [("math", "MATH"), ("other", "PE")])
def test_the_page_reads_a_text_as_the_server_does(site: Site, who: str, code: str) -> None:
    page = site.open(who, code)
    found = page.evaluate(
        """async ([raws, scored]) => {
            const name = [...document.scripts].map(s => s.src).find(s => s.includes('/js/grid@'));
            const {read} = (await import(name)).modules.reading;
            return raws.map(raw => { const seen = read(raw, scored); return seen ? seen.text : null; });
        }""",
        [RAWS, code == "MATH"],
    )
    head = score_entry.read_head(site.cast.sheets["9A", code, 2])

    def served(raw: str) -> str | None:
        try:
            return score_reading.read_value(head, "TX1", raw, NOTHING, NOW.date()).text
        except DomainError:
            return None

    wrong = [(raw, mine, served(raw)) for raw, mine in zip(RAWS, found, strict=True) if mine != served(raw)]
    assert wrong == []
