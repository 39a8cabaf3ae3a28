"""A correction from the locked cell to the approval, in the browser, with the pages looked at by axe."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.axe import findings
from tests.browser.grid_site import NAMES, Site
from tests.cast import Cast
from tests.services.full_class import fill_scores, lock_class

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser

SHOTS = os.environ.get("HOCBASO_SHOTS")
TABLET = {"width": 1180, "height": 820}
PHONE = {"width": 390, "height": 844}


def picture(width: int = 320, height: int = 200) -> bytes:
    """A drawn sheet of paper as PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(
        b"\0" + b"".join(b"\xe8\xe8\xf0" if y % 24 else b"\x90\xa0\xd0" for _ in range(width)) for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def look(page: Any, name: str) -> None:
    """No finding of axe, nothing wider than the window, at both sizes; kept as a picture when asked."""
    for size, words in ((PHONE, "phone"), (TABLET, "tablet")):
        page.set_viewport_size(size)
        assert findings(page) == [], (name, words)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, words)
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{words}.png", full_page=True)


def window(site: Site, who: str) -> Any:
    page = site.browser.new_context(viewport=TABLET, locale="vi-VN").new_page()
    site.sign_in(page, who)
    return page


def test_from_the_locked_cell_to_the_approval(site: Site, school: Cast, tmp_path: Path) -> None:
    fill_scores(school, "9A", {(NAMES[0], code): 95 for code in ("MATH", "SCI", "FL1", "LIT", "CIVICS", "HISTGEO")})
    lock_class(school, "9A")
    photo = tmp_path / "bai-kiem-tra.png"
    photo.write_bytes(picture())

    teacher = site.open("head_society", "LIT", viewport=TABLET)
    teacher.click(site.cell("CK"))
    teacher.click("[data-history]")
    teacher.click("#history >> text=Đề nghị sửa ô này")
    place = f"{school.sheets['9A', 'LIT', 2]}-CK"
    teacher.fill(f"#c-{place}", "4,5")
    teacher.fill("#reason", "Cộng nhầm điểm câu 3, bài kiểm tra ghi 4,5")
    look(teacher, "ask")
    teacher.set_input_files("#files", photo)
    teacher.click("text=Gửi đề nghị")
    teacher.wait_for_selector("#tac-dong")
    assert "Chờ giáo viên chủ nhiệm xác nhận" in teacher.inner_text(".head")

    keeper = window(site, "math")
    keeper.goto(f"{site.address}/hom-nay")
    keeper.click("text=Xác nhận đề nghị sửa")
    keeper.click("button:has-text('Xác nhận')")
    keeper.wait_for_selector("text=Đã xác nhận")

    principal = window(site, "principal")
    principal.goto(f"{site.address}/hom-nay")
    principal.click("text=Quyết định đề nghị sửa")
    principal.wait_for_function("() => [...document.images].every(one => one.complete && one.naturalWidth)")
    told = principal.inner_text("#tac-dong")
    assert "Ngữ văn, học kì II" in told and "Điều 9 khoản 1 điểm b" in told
    look(principal, "decide")
    principal.fill("#note", "Đã xem bài")
    principal.click("text=Duyệt và sửa")
    principal.wait_for_selector("text=Đã đổi theo")
    look(principal, "done")
    principal.goto(f"{site.address}/sua-chua/")
    look(principal, "list")

    teacher.goto(site.sheet("LIT"))
    assert "4,5" in teacher.inner_text(site.cell("CK")) and "Đã khoá" in teacher.inner_text(".head")
