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
