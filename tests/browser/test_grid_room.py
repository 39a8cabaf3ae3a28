"""Whatever a sheet has to say on a tablet laid flat: twelve pupils stay in sight, and no cell that is asked about is covered."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hocbaso.db import db, write_transaction
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.services import reviews, score_entry, score_grid
from hocbaso.services.access import SYSTEM
from tests.axe import findings
from tests.browser.grid_site import NAMES, Site, grow, settled
from tests.cast import NOW
from tests.services.test_blind_checks import policy

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

FLAT = {"viewport": {"width": 1180, "height": 820}, "has_touch": True, "is_mobile": True}
UPRIGHT = {"viewport": {"width": 820, "height": 1180}, "has_touch": True, "is_mobile": True}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
ROWS = 12
SHOTS = os.environ.get("HOCBASO_SHOTS")

# Whole lines between the head of the table and its lower edge, on which nothing else lies.
IN_SIGHT = """() => {
    const sheet = document.getElementById('sheet'), box = sheet.getBoundingClientRect();
    const top = box.top + sheet.querySelector('thead').offsetHeight - 1, low = Math.min(box.bottom, innerHeight) + 1;
    return Array.from(sheet.querySelectorAll('tbody tr')).filter(row => {
        const line = row.querySelector('.name').getBoundingClientRect();
        if (line.top < top || line.bottom > low) return false;
        const hit = document.elementFromPoint(line.left + 20, (line.top + line.bottom) / 2);
        return hit && row.contains(hit);
    }).length;
}"""
IS_FREE = """id => {
    const cell = document.querySelector(id), box = cell.getBoundingClientRect();
    const hit = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    return Boolean(hit) && cell.contains(hit);
}"""


def look(page: Any, name: str, *, rows: int = ROWS, cell: str = "") -> None:
    """Count the lines, and look whether the cell asked about can be seen and tapped."""
    page.wait_for_timeout(100)
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png")
    assert page.evaluate(IN_SIGHT) >= rows, name
    assert not cell or page.evaluate(IS_FREE, cell), name
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, name


def fill_all(site: Site, lines: list[int], remarks: dict[int, str] | None = None) -> None:
    """Each pupil near a level of their own: nothing that handing in would ask about but the remarks."""
    head = score_entry.read_head(site.cast.sheets["9A", "MATH", 2])
    wanted = [
        (
            line,
            column.key,
            score_entry.CellValue(tenths=45 + n * 37 % 45 + (n + 3) * (m + 2) % 8, origin="entered"),
            None,
        )
        for n, line in enumerate(lines)
        for m, column in enumerate(score_grid.columns_of(head))
    ]
    wanted += [
        (line, "NX", score_entry.CellValue(remark=words, origin="entered"), None)
        for line, words in (remarks or {}).items()
    ]
    with write_transaction() as session:
        score_entry.write_cells(session, SYSTEM, head, wanted, source="imported", now=NOW)


def by_another(site: Site, line: int, column: str, raw: str) -> None:
    score_entry.save_cell(
        site.cast.actor("math"),
        site.cast.sheets["9A", "MATH", 2],
        line,
        column,
        raw,
        expected_version=0,
        op_id=None,
        now=NOW,
    )


@pytest.mark.parametrize(
    ("name", "options", "rows"),
    [
        ("flat", FLAT, ROWS),
        pytest.param("upright", UPRIGHT, 5, marks=pytest.mark.slow),
        pytest.param("phone", PHONE, 2, marks=pytest.mark.slow),
    ],
    ids=["flat", "upright", "phone"],
)
def test_while_it_is_typed(site: Site, name: str, options: dict[str, Any], rows: int) -> None:
    lines = grow(site.cast, 20)
    page = site.open(**options)
    page.click(f"#c-{lines[2]}-TX1 input")
    look(page, f"room-{name}-typing", rows=rows)
    by_another(site, lines[2], "TX1", "6")
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    page.wait_for_selector(".clash:visible")
    look(page, f"room-{name}-clash", rows=rows, cell=f"#c-{lines[2]}-TX1")
    assert findings(page) == []
    page.keyboard.type("9,99")  # refused
    page.keyboard.press("Enter")
    page.wait_for_selector(".cell--refused")
    page.click("[data-history]")
    page.wait_for_selector("#history")
    look(page, f"room-{name}-past", rows=rows)
    page.click("[data-close-history]")
    page.evaluate("window.hocbaso.notice('Mất nối với máy chủ, việc vừa rồi chưa được ghi.', 'wrong')")
    look(page, f"room-{name}-notice", rows=rows)
    page.click(".toast__close")
    page.click(f"#c-{lines[5]}-TX2 input")
    page.evaluate("""() => { const data = new DataTransfer(); data.setData('text/plain', '7\\t8\\n9\\tx\\n6\\t85\\n');
        document.activeElement.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true})); }""")
    page.wait_for_selector("[data-apply]")
    look(page, f"room-{name}-paste", rows=rows, cell=f"#c-{lines[5]}-TX2")
    assert findings(page) == []


@pytest.mark.parametrize(
    ("name", "options", "rows"),
    [
        ("flat", FLAT, ROWS),
        pytest.param("upright", UPRIGHT, 5, marks=pytest.mark.slow),
        pytest.param("phone", PHONE, 2, marks=pytest.mark.slow),
    ],
    ids=["flat", "upright", "phone"],
)
def test_when_it_is_handed_in_asked_about_returned_and_read(
    site: Site, name: str, options: dict[str, Any], rows: int
) -> None:
    lines = grow(site.cast, 20)
    policy(20)
    fill_all(site, lines, {lines[1]: "Em Chi chăm học."})
    page = site.open(**options)
    page.click("text=Nộp bảng điểm")
    page.wait_for_selector("text=Trước khi nộp, xin trả lời 1 câu hỏi")
    look(page, f"room-{name}-asked", rows=rows)
    cell = f"#c-{lines[1]}-NX"
    page.click(f'.question a[href="{cell}"]')
    look(page, f"room-{name}-asked-cell", rows=rows, cell=cell)
    assert findings(page) == []
    page.click(".question .chip >> nth=0")
    page.wait_for_selector("text=Đã trả lời hết các câu hỏi")
    page.click("#questions >> text=Nộp bảng điểm")
    page.wait_for_selector("#sheet-notes:has-text('Đã nộp Toán 9A, học kì II')")
    assert page.locator(".main--sheet > .toast, #notices .toast, .sheet__note").count() == 0
    look(page, f"room-{name}-handed-in", rows=rows)
    assert findings(page) == []
    page.click("#sheet-notes > summary")
    told = page.inner_text("#sheet-notes .act__form")
    assert "Đang đối chiếu bài gốc" in told and "1 câu hỏi trước khi nộp đã có trả lời" in told
    assert findings(page) == []
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"room-{name}-told.png")
    page.click("text=Xem câu trả lời")
    assert page.is_visible(".question__answer") and page.is_hidden("#sheet-notes .act__form")
    look(page, f"room-{name}-answers", rows=rows)
    db.session.rollback()
    reviews.move(
        site.cast.actor("head_science"),
        site.cast.sheets["9A", "MATH", 2],
        SheetVerb.RETURN,
        expected_version=score_entry.read_head(site.cast.sheets["9A", "MATH", 2]).version,
        note="Xem lại cột giữa kì: hai em đầu có vẻ đổi chỗ cho nhau, và một em chưa có nhận xét.",
        now=NOW,
    )
    page.reload()
    page.wait_for_selector("#sheet-notes:has-text('Xem lại cột giữa kì')")
    look(page, f"room-{name}-returned", rows=rows)


def test_gaps_stand_beside_the_grid_as_links(site: Site) -> None:
    lines = grow(site.cast, 20)
    fill_all(site, lines[:-1])
    page = site.open(**FLAT)
    page.evaluate("document.getElementById('move-nop').submit()")  # as a browser without script does
    page.wait_for_selector("#loi a")
    assert page.evaluate("document.activeElement.id") == "loi"
    look(page, "room-flat-gaps")
    page.click("#loi a >> nth=0")
    look(page, "room-flat-gap", cell=f"#c-{lines[-1]}-TX1")
    assert NAMES[0] not in page.inner_text("#loi") and findings(page) == []


def test_a_card_waits_while_somebody_works_in_a_panel(site: Site) -> None:
    lines = grow(site.cast, 20)
    page = site.open(**FLAT)
    by_another(site, lines[0], "TX1", "6")
    page.context.route("**/o/**", lambda route: route.abort())
    page.click(f"#c-{lines[0]}-TX1 input")
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    page.click('[data-open="one"]')
    page.context.unroute("**/o/**")
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_selector("#sheet-chips a:has-text('1 hai số')")
    assert page.is_visible('[data-panel="one"]') and page.is_hidden(".clash")
    page.click("#sheet-chips a:has-text('1 hai số')")
    assert page.is_visible(".clash") and page.is_hidden('[data-panel="one"]')
    page.click('.clash [data-keep="mine"]')
    settled(page)
    assert page.locator(".clash").count() == 0 and page.is_hidden("#side")
