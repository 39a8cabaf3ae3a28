"""Wide tables slide inside themselves with their names standing; all places and the search are within a thumb's reach;
a file input speaks Vietnamese with and without script."""

from __future__ import annotations

from typing import Any

import pytest

from hocbaso.regulations.score_sheet_flow import SheetVerb
from tests.axe import findings
from tests.browser.grid_site import Site
from tests.demo_site import ROOT
from tests.services.full_class import fill_scores, move_sheets

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

SIZES = [
    pytest.param((1180, 820), marks=pytest.mark.slow),
    pytest.param((820, 1180), marks=pytest.mark.slow),
    (390, 844),
]

# Texts that stand out of their cell, and numbers that are broken over two lines.
CUT = """selector => {
    const wrong = [], boxesOf = cell => { // of the texts that are drawn
        const found = [], walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) {
            if (!walk.currentNode.textContent.trim() || walk.currentNode.parentElement.closest('.vh, option')) continue;
            const range = document.createRange();
            range.selectNodeContents(walk.currentNode);
            found.push(...range.getClientRects());
        }
        return found;
    };
    for (const cell of document.querySelectorAll(selector + ' :is(td, th)')) {
        if (!cell.offsetWidth || cell.classList.contains('remark')) continue;
        const boxes = boxesOf(cell), edge = cell.getBoundingClientRect(), text = cell.innerText.trim();
        if (/^[0-9,./]+$/.test(text) && boxes.length > 1) wrong.push('broken: ' + text);
        if (boxes.some(box => box.right > edge.right + 1 || box.left < edge.left - 1)) wrong.push('cut: ' + text);
    }
    return wrong;
}"""
STANDS = """selector => {
    const table = document.querySelector(selector), box = table.closest('.sheet, .heatwrap');
    box.scrollLeft = 9999;
    const moved = box.scrollLeft, name = table.querySelector('tbody tr th[scope=row]').getBoundingClientRect();
    const left = box.getBoundingClientRect().left;
    box.scrollLeft = 0;
    return {moved, name: name.left - left, page: document.documentElement.scrollWidth - innerWidth};
}"""


def on(site: Site, who: str, path: str, size: tuple[int, int], **options: Any) -> Any:
    context = site.browser.new_context(
        **{
            "viewport": {"width": size[0], "height": size[1]},
            "locale": "vi-VN",
            "has_touch": True,
            "is_mobile": True,
            **options,
        }
    )
    page = context.new_page()
    site.sign_in(page, who)
    page.goto(site.address + path)
    return page


@pytest.mark.parametrize("size", SIZES, ids=["1180", "820", "390"])
def test_a_class_and_the_progress_cut_nothing_and_slide_inside_themselves(site: Site, size: tuple[int, int]) -> None:
    for who, path, table in (("math", "/lop/", ".grid--class"), ("principal", "/tien-do", ".heat")):
        page = on(site, who, path, size)
        page.wait_for_selector(table)
        assert page.evaluate(CUT, table) == [], (path, size)
        if page.locator("#gon:visible").count():  # folded, nothing needs to slide
            assert page.evaluate(STANDS, table)["moved"] == 0, (path, size)
            page.uncheck("#gon")
            assert page.evaluate(CUT, table) == [], (path, size)
        stands = page.evaluate(STANDS, table)
        assert stands["page"] <= 0 and stands["name"] < 60, (path, size, stands)
        if table == ".grid--class":
            assert stands["moved"] > 0  # the words of a remark have a column wide enough to be read
            wide = page.evaluate("document.querySelector('.grid--class tbody .remark').offsetWidth")
            assert wide >= 180
        assert findings(page) == []


def test_on_a_phone_search_and_every_place_are_within_reach(site: Site) -> None:
    page = on(site, "principal", "/hom-nay", (390, 844))
    found = page.locator(".topbar__find").bounding_box()
    assert found is not None and found["width"] >= 44 and found["height"] >= 44
    places = page.locator(".nav__link")
    assert places.count() > 5
    for place in places.all():
        assert place.is_visible()
        box = place.bounding_box()
        assert box["width"] >= 44 and box["height"] >= 44
    places.last.click()
    page.wait_for_load_state()
    here = page.locator(".nav__link[aria-current]").bounding_box()
    assert here["x"] >= 0 and here["x"] + here["width"] <= 390
    page.click(".topbar__find")
    page.wait_for_url("**/tim")
    assert findings(page) == []


@pytest.mark.slow
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_file_input_speaks_vietnamese_and_names_the_chosen_file(site: Site, script: bool) -> None:
    page = on(site, "clerk", "/nhap-du-lieu/", (820, 1180), java_script_enabled=script)
    field = page.locator(".file__in").first
    style = "e => [getComputedStyle(e).color, getComputedStyle(e, '::file-selector-button').opacity]"
    assert page.is_visible(".file__none") and page.inner_text(".file__face").strip() == "Chọn tệp"
    if script:
        assert field.evaluate(style) == ["rgba(0, 0, 0, 0)", "0"]  # the browser's own words are not drawn
        assert findings(page) == []
    box = field.bounding_box()
    assert box is not None and box["height"] >= 44
    field.set_input_files(str(ROOT / "tests" / "data" / "truong-mau" / "hoc-sinh.xlsx"))
    assert not page.is_visible(".file__none")
    if script:
        assert field.evaluate(style)[0] != "rgba(0, 0, 0, 0)"  # the name of the file, drawn by the browser


@pytest.mark.parametrize("size", [(1180, 820), pytest.param((390, 844), marks=pytest.mark.slow)])
def test_the_bar_of_the_day_lies_over_no_row_and_no_field(site: Site, size: tuple[int, int]) -> None:
    fill_scores(site.cast, "6A")
    move_sheets(site.cast, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "LIT", "FL1", "SCI", "TECH"))
    page = on(site, "principal", "/hom-nay", size)
    over = page.evaluate(
        """() => {
            const bar = document.querySelector('.bulk').getBoundingClientRect();
            return [...document.querySelectorAll('.queue .row, textarea:not(.bulk *)')].filter(one => {
                const box = one.getBoundingClientRect();
                return box.height && box.bottom > bar.top + 1 && box.top < bar.bottom - 1;
            }).map(one => one.innerText || one.id);
        }"""
    )
    assert over == []
