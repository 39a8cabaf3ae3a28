"""The ten main pages, light and dark, on a tablet and on a phone: no finding of axe-core, nothing in the console."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import batch_page
from tests.demo_site import CHROMIUM, CHROMIUM_ARGS, ROOT, Site, Visitor, run_flask, served

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

SIZES = ({"width": 1280, "height": 800}, {"width": 390, "height": 844})
PAGES = {  # page: (whose, link to follow from, what to follow)
    "grid": ("Giáo viên Toán 6A", "/bang-diem/", ".sheets__name >> nth=0"),
    "sheets": ("Giáo viên Toán 6A", "/bang-diem/", None),
    "daily": ("Hiệu trưởng", "/hom-nay", None),
    "board": ("Hiệu trưởng", "/tien-do", None),
    "homeroom": ("Giáo viên chủ nhiệm 9A", "/lop/", None),
    "transcripts": ("Giáo viên chủ nhiệm 9A", "/hoc-ba/", "main table a >> nth=0"),
    "batch": ("Giáo viên chủ nhiệm 9A", "batch", None),
    "import": ("Văn thư", "import", None),
    "machine": ("Phụ trách CNTT", "/may-chu", None),
    "verify": (None, "/xac-thuc", None),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    instance = tmp_path_factory.mktemp("pages") / "instance"
    with served(instance, tmp_path_factory) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def made(browser: Any, site: Site) -> dict[str, str]:
    """Addresses that exist only after somebody did something: a batch, the preview of a workbook, a machine with a copy."""
    copied = run_flask(site.instance, "backup", "create")
    assert copied.returncode == 0, copied.stderr
    homeroom = Visitor(browser, site, "Giáo viên chủ nhiệm 9A")
    homeroom.open("/hoc-ba/")
    homeroom.page.click("main table a >> nth=0")
    homeroom.page.click("button:has-text('Lập học bạ')")
    batch_page.done(homeroom.page, 3)
    batch = homeroom.page.url.removeprefix(site.base)
    homeroom.context.close()
    clerk = Visitor(browser, site, "Văn thư")
    clerk.open("/nhap-du-lieu/")
    clerk.page.check("input[name=kind][value=students]")
    clerk.page.set_input_files("main input[type=file]", str(ROOT / "tests" / "data" / "truong-mau" / "hoc-sinh.xlsx"))
    clerk.page.click("button:has-text('Xem trước')")
    clerk.page.wait_for_url(lambda url: url.rsplit("/", 1)[1].isdigit())
    preview = clerk.page.url.removeprefix(site.base)
    clerk.context.close()
    return {"batch": batch, "import": preview}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size["width"]))
def test_the_main_pages_are_accessible_and_silent(
    browser: Any, site: Site, made: dict[str, str], scheme: str, size: dict[str, int]
) -> None:
    found: list[str] = []
    visitors: dict[str | None, Visitor] = {}
    for name, (role, path, follow) in PAGES.items():
        if role not in visitors:
            visitors[role] = Visitor(browser, site, role, viewport=size, color_scheme=scheme)
        visitor = visitors[role]
        visitor.open(made.get(path, path))
        if follow:
            visitor.page.click(follow)
            visitor.page.wait_for_load_state("load")
        found += [f"{name}: {line}" for line in (*visitor.axe(), *visitor.trouble)]
        wide = visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            found.append(f"{name}: the page is {wide} px wider than the window")
        visitor.trouble.clear()
    for visitor in visitors.values():
        visitor.context.close()
    assert found == []


WIDTHS = (390, 600, 640, 700, 768, 800, 899, 900, 1000, 1100, 1279)


def test_the_bar_above_every_page_fits_whoever_has_signed_in(browser: Any, site: Site) -> None:
    found = []
    for account in site.accounts:
        visitor = Visitor(browser, site, account["role"])
        visitor.open("/tai-khoan")
        for width in WIDTHS:
            visitor.page.set_viewport_size({"width": width, "height": 800})
            wide = visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            out = visitor.page.locator(".topbar__out button").bounding_box()
            if wide > 0 or out["x"] + out["width"] > width:
                found.append(f"{account['role']} at {width}: {wide} px too wide, the way out ends at {out}")
        visitor.context.close()
    assert found == []


HEAT = """() => { const wrap = document.querySelector(".heatwrap");
  return [wrap.scrollWidth - wrap.clientWidth, [...wrap.querySelectorAll(".box")].filter(box => box.scrollWidth > box.clientWidth).length]; }"""


@pytest.mark.parametrize("width", [800, 900, 1024, 1160, 1280])
def test_who_holds_a_class_is_read_on_a_tablet_without_sliding(browser: Any, site: Site, width: int) -> None:
    visitor = Visitor(browser, site, "Hiệu trưởng", viewport={"width": width, "height": 800})
    visitor.open("/tien-do")
    assert visitor.page.evaluate(HEAT) == [0, 0]
    visitor.context.close()
