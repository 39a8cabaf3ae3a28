"""The first visit: the tour marks what it speaks of and ends for good, the question mark opens the right place, a line opens its field."""

from __future__ import annotations

from typing import Any

import pytest

from hocbaso import models as m
from hocbaso.db import write_transaction
from tests.axe import findings

pytestmark = pytest.mark.browser


def test_the_first_visit_and_the_way_to_a_faulty_field(site: Any) -> None:
    with write_transaction() as session:
        session.get(m.Student, 7).address = None
    page = site.browser.new_context(viewport={"width": 1180, "height": 820}, locale="vi-VN").new_page()
    site.sign_in(page, "math")
    page.goto(site.address)
    seen = []
    for _ in range(10):
        assert page.locator(".tour__steps > li:visible").count() == 1
        marked = page.locator(".tour-here")
        assert marked.count() == 1 and marked.is_visible()
        seen.append(page.locator(".tour__steps > li:visible").inner_text())
        if not page.locator("[data-tour-next]").is_visible():
            break
        page.click("[data-tour-next]")
    assert len(seen) == len(set(seen)) == 6
    assert findings(page) == []
    page.click("text=Tôi đã rõ")
    page.wait_for_load_state()
    assert page.locator("#lam-quen").count() == 0

    page.goto(f"{site.address}/chat-luong/lop/{site.cast.classes['9A']}")
    page.click(".topbar__help")
    page.wait_for_url("**/huong-dan/chat-luong")
    page.go_back()
    page.click("text=Ghi tiếp")
    page.wait_for_url("**/hoc-sinh/7#address")
    page.wait_for_function("() => document.activeElement && document.activeElement.id === 'address'")
    page.keyboard.type("Thôn Đông")
    page.click("text=Lưu hồ sơ")
    page.wait_for_load_state()
    page.goto(f"{site.address}/chat-luong/lop/{site.cast.classes['9A']}?xem=du")
    assert page.locator("text=Chưa ghi chỗ ở hiện tại").count() == 0
