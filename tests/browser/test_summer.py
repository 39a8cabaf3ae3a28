"""The summer of a class in the browser: registering, typing, approving, and the printed list, looked at by axe."""

from __future__ import annotations

import pytest

from tests.browser.grid_site import Site
from tests.browser.test_corrections import look, window
from tests.cast import Cast
from tests.services.summer_class import CHI, REPORT, TASK, summer_9a

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser


def test_the_summer_page_from_registration_to_approval(site: Site, school: Cast) -> None:
    class_id = summer_9a(school)
    keeper = window(site, "math")
    keeper.goto(f"{site.address}/hom-nay")
    keeper.click("text=Ghi đăng ký trong hè lớp 9A")
    for box in keeper.query_selector_all("select[name^=dk-]"):
        box.select_option("1")
    look(keeper, "summer-register")
    keeper.fill("input[name^=viec-]", TASK)
    keeper.click("text=Ghi đăng ký")
    keeper.wait_for_selector("text=Đã ghi đăng ký, 4 mục")
    for line in keeper.query_selector_all(".su-type:has([name^=kq-])"):
        value = line.query_selector("[name^=kq-]")
        if value.evaluate("node => node.tagName") == "SELECT":
            value.select_option("K")
            line.query_selector("[name^=giay-]").fill(REPORT)
        else:
            value.fill("6,5")
        line.query_selector("[name^=ngay-]").fill("12/05/2027")
    look(keeper, "summer-type")
    keeper.click("button:has-text('Ghi kết quả')")
    keeper.wait_for_selector("text=Đã ghi kết quả, 2 dòng")
    for who in ("head_society", "other"):
        teacher = window(site, who)
        teacher.goto(f"{site.address}/he/{class_id}")
        teacher.fill("[name^=kq-]", "4,9")
        teacher.fill("[name^=ngay-]", "12/05/2027")
        teacher.click("button:has-text('Ghi kết quả')")
        teacher.wait_for_selector("text=Đã ghi kết quả, 1 dòng")
    principal = window(site, "principal")
    principal.goto(f"{site.address}/hom-nay")
    principal.click("text=Duyệt kết quả trong hè lớp 9A")
    look(principal, "summer-approve")
    principal.click("button:has-text('Duyệt các em đã chọn')")
    principal.wait_for_selector("text=Đã duyệt kết quả trong hè của 2 học sinh")
    look(principal, "summer-done")
    teacher = window(site, "head_society")
    teacher.goto(f"{site.address}/he/{class_id}")
    teacher.click("a:has-text('Đề nghị sửa')")
    look(teacher, "summer-ask")
    principal.goto(f"{site.address}/he/{class_id}/in")
    assert CHI in principal.inner_text("main")
    look(principal, "summer-sheets")
    principal.goto(f"{site.address}/he/hoan-thanh")
    look(principal, "summer-completion")
