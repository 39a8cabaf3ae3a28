"""The homeroom matrix and the principal's day in Chromium: saving alone, conflicts, bulk, no script, accessibility."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.services import homeroom
from tests.axe import findings
from tests.browser.grid_site import Site
from tests.cast import NOW, PASSWORD
from tests.services.full_class import class_row, fill_homeroom, fill_scores, finalised, lock_class, move_sheets

pytestmark = pytest.mark.browser

BINH = "Hoàng Thanh Bình"
CHAU = "Nguyễn Bảo Châu"


def stored(place: Site, name: str) -> m.HomeroomRecord | None:
    db.session.rollback()
    return db.session.scalar(
        select(m.HomeroomRecord)
        .where(m.HomeroomRecord.enrollment_id == place.cast.enrollments["9A", name])
        .execution_options(populate_existing=True)
    )


def open_page(place: Site, who: str, path: str, **options: Any) -> Any:
    page = place.open(who, **options) if who == "math" else None
    if page is None:
        page = place.open("math", **options)
        page.context.clear_cookies()
        page.goto(f"{place.address}/dang-nhap")
        page.fill('input[name="username"]', place.cast.username(who))
        page.fill('input[name="password"]', PASSWORD)
        page.press('input[name="password"]', "Enter")
        page.wait_for_url(lambda url: "dang-nhap" not in url)
    page.goto(place.address + path)
    return page


def field(place: Site, name: str, key: str) -> str:
    return f"#o-{place.cast.enrollments['9A', name]}-{key}"


def test_each_field_is_saved_as_it_is_left(site: Site):
    page = open_page(site, "math", f"/lop/{site.cast.classes['9A']}")
    page.select_option(f"{field(site, BINH, 'conduct_1')} select", "T")
    page.wait_for_function("() => document.getElementById('con-thieu').textContent === '34'")
    page.select_option(f"{field(site, BINH, 'conduct_2')} select", "K")
    page.wait_for_function("() => document.getElementById('con-thieu').textContent === '33'")
    page.fill(f"{field(site, BINH, 'absences_excused_1')} input", "3")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('con-thieu').textContent === '32'")
    page.fill(f"{field(site, BINH, 'remark')} textarea", "Chăm ngoan.")
    page.keyboard.press("Tab")
    page.wait_for_function("() => document.getElementById('con-thieu').textContent === '31'")
    row = stored(site, BINH)
    assert row is not None
    assert (row.conduct_1, row.conduct_2, row.absences_excused_1, row.remark) == ("T", "K", 3, "Chăm ngoan.")
    assert page.inner_text(f"#nam-{site.cast.enrollments['9A', BINH]}") == "Khá"


def saved(page: Any, where: str, version: int, kind: str = "select") -> None:
    page.wait_for_selector(f"{where} {kind}[data-version='{version}']")


def hold(page: Any) -> Callable[[], list[Any]]:
    """Keep the saves of this page back; called, gives those kept, and the next ones pass."""
    held: list[Any] = []
    passing: list[bool] = []
    page.route("**/lop/*/o/*", lambda route: route.continue_() if passing else held.append(route))

    def take() -> list[Any]:
        passing.append(True)
        return held

    return take


def test_keys_go_to_the_field_that_is_shown_whenever_the_answer_comes(site: Site):
    """The answer of a save takes the place of its field. Wherever it falls among the keys, no key reaches another pupil's."""
    first, second = field(site, BINH, "conduct_1"), field(site, CHAU, "conduct_1")
    page = open_page(site, "math", f"/lop/{site.cast.classes['9A']}")
    page.evaluate("htmx.config.defaultSettleDelay = 1500")  # the pause in which the keys went astray
    page.focus(f"{first} select")
    page.keyboard.type("t")
    saved(page, first, 1)
    page.keyboard.press("Enter")
    page.keyboard.type("k")
    saved(page, second, 1)
    assert (stored(site, BINH).conduct_1, stored(site, CHAU).conduct_1) == ("T", "K")
    assert page.inner_text("#row-told") == ""

    held = hold(page)
    third, fourth = field(site, BINH, "conduct_2"), field(site, CHAU, "conduct_2")
    page.focus(f"{third} select")
    page.keyboard.type("t")
    page.keyboard.press("Enter")
    page.keyboard.type("k")
    page.keyboard.press("Shift+Enter")
    page.wait_for_timeout(1100)  # a list takes letters in a row for one word
    page.keyboard.type("k")  # the first is still under way
    assert page.evaluate("document.activeElement.dataset.field") == "conduct_2"
    for route in held():
        route.continue_()
    saved(page, third, 3)
    saved(page, fourth, 2)
    assert page.input_value(f"{third} select") == "K" and page.evaluate("document.activeElement.value") == "K"
    assert (stored(site, BINH).conduct_2, stored(site, CHAU).conduct_2) == ("K", "K")
    page.wait_for_function("() => document.getElementById('row-told').textContent.endsWith(': Khá, thay cho Tốt')")
    page.fill(f"{field(site, BINH, 'absences_excused_1')} input", "1")
    page.keyboard.press("Enter")
    saved(page, field(site, BINH, "absences_excused_1"), 4, "input")
    assert page.inner_text("#row-told").endswith(": Khá, thay cho Tốt"), "the next save does not wipe it away unread"


def test_what_is_typed_while_a_number_is_under_way_is_kept(site: Site):
    box = field(site, BINH, "absences_excused_1")
    page = open_page(site, "math", f"/lop/{site.cast.classes['9A']}")
    held = hold(page)
    page.fill(f"{box} input", "1")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("End")
    page.keyboard.type("2")
    for route in held():
        route.continue_()
    saved(page, box, 1, "input")
    assert page.evaluate("document.activeElement.value") == "12" and stored(site, BINH).absences_excused_1 == 1
    page.keyboard.press("Enter")
    saved(page, box, 2, "input")
    assert stored(site, BINH).absences_excused_1 == 12


def test_a_slip_is_marked_and_kept_until_it_is_mended(site: Site):
    page = open_page(site, "math", f"/lop/{site.cast.classes['9A']}")
    box = f"{field(site, BINH, 'absences_excused_1')} input"
    page.fill(box, "abc")
    page.keyboard.press("Tab")
    page.wait_for_selector(f"{field(site, BINH, 'absences_excused_1')}.cell--refused")
    page.fill(f"{field(site, CHAU, 'absences_excused_2')} input", "900")
    page.keyboard.press("Tab")
    page.wait_for_function("() => document.getElementById('row-wrong').textContent.includes('Còn 1 ô khác')")
    said = page.inner_text("#row-wrong")
    assert page.input_value(box) == "abc" and f"{CHAU}, nghỉ có phép học kì II: “900”" in said and "số nguyên" in said
    assert page.inner_text("#notices") == "", "nothing piles up above the table"
    page.focus(box)
    assert f"{BINH}, nghỉ có phép học kì I: “abc”" in page.inner_text("#row-wrong")
    page.fill(box, "2")
    page.keyboard.press("Tab")
    page.wait_for_selector(f"{field(site, BINH, 'absences_excused_1')}:not(.cell--refused) input[data-version='1']")
    page.fill(f"{field(site, CHAU, 'absences_excused_2')} input", "9")
    page.keyboard.press("Tab")
    page.wait_for_function("() => document.getElementById('row-wrong').textContent === ''")


def test_the_last_field_lets_the_class_be_finalised_without_a_reload(site: Site):
    fill_scores(site.cast, "9A")
    lock_class(site.cast, "9A")
    fill_homeroom(site.cast, "9A", {BINH: {"absences_excused_1": None}, CHAU: {"remark": ""}})
    db.session.remove()
    page = open_page(site, "math", f"/lop/{site.cast.classes['9A']}")
    head, bar = page.locator("main .head"), page.locator("main .toolbar").first
    assert bar.get_by_role("button", name="Chốt lớp").is_disabled() and "Còn thiếu 2" in bar.inner_text()
    page.fill(f"{field(site, BINH, 'absences_excused_1')} input", "0")
    page.keyboard.press("Tab")
    page.wait_for_function("() => document.getElementById('con-thieu-o').textContent === '1'")
    head.get_by_role("link", name="Đến ô chưa ghi").click()
    assert page.evaluate("document.activeElement.dataset.field") == "remark", "to the field that is empty now"
    page.keyboard.type("Tiến bộ nhiều.")
    page.keyboard.press("Tab")
    page.wait_for_selector(".head >> role=button[name='Chốt lớp']")
    assert bar.get_by_role("button", name="Chốt lớp").is_enabled() and "Còn thiếu" not in bar.inner_text()
    head.get_by_role("button", name="Chốt lớp").click()
    page.wait_for_selector("text=Lớp chờ Hiệu trưởng duyệt.")
    db.session.rollback()
    assert class_row(site.cast, "9A").state == "FINALISED"


def test_one_pupil_after_another_loses_nothing(site: Site):
    class_id, enrollment = site.cast.classes["9A"], site.cast.enrollments["9A", BINH]
    page = open_page(site, "math", f"/lop/{class_id}/hoc-sinh/{enrollment}")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.check(f'input[name="{enrollment}-conduct_1"][value="T"]')
    page.fill("#n-absences_excused_1", "2")
    page.fill("#f-remark", "Chăm ngoan.")
    page.click(".crumbs a")
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"] and page.input_value("#f-remark") == "Chăm ngoan."
    page.get_by_role("button", name="Lưu, sang em tiếp").first.click()
    page.wait_for_url(f"**/hoc-sinh/{site.cast.enrollments['9A', CHAU]}")
    row = stored(site, BINH)
    assert row is not None and (row.conduct_1, row.absences_excused_1, row.remark) == ("T", 2, "Chăm ngoan.")
    page.click(".crumbs a")
    page.wait_for_url(f"**/lop/{class_id}")
    assert asked == ["beforeunload"], "nothing unsaved, nothing asked"


CUT = "element => element.scrollWidth > element.clientWidth + 1"


def test_on_a_tablet_every_field_of_the_homeroom_teacher_is_in_sight(site: Site):
    page = open_page(
        site, "math", f"/lop/{site.cast.classes['9A']}", viewport={"width": 1180, "height": 820}, bypass_csp=True
    )
    edge = page.locator(".sheet").bounding_box()
    field_box = page.locator(f"{field(site, BINH, 'remark')} textarea").bounding_box()
    assert field_box["x"] + field_box["width"] <= edge["x"] + edge["width"] + 1
    assert [one.inner_text() for one in page.locator(".grid--class thead th:visible").all() if one.evaluate(CUT)] == []
    assert "P phép, K không" in page.inner_text("#h-absent") and findings(page) == []
    page.uncheck("#gon")
    assert page.is_visible("th.sub >> text=Toán") and page.is_hidden("th.subsum")


def test_the_head_of_two_regular_columns_is_not_cut(site: Site):
    page = site.open("other", "ICT", viewport={"width": 820, "height": 1180})
    assert "hệ số 1" in page.inner_text("th.regular") and not page.locator("th.regular").evaluate(CUT)


def test_two_values_meet_and_the_person_chooses(site: Site):
    page = open_page(site, "math", f"/lop/{site.cast.classes['9A']}")
    homeroom.save_field(
        site.cast.actor("math"),
        site.cast.enrollments["9A", BINH],
        "remark",
        "Ghi ở máy kia.",
        expected_version=0,
        op_id=None,
        now=NOW,
    )
    db.session.remove()
    page.fill(f"{field(site, BINH, 'remark')} textarea", "Ghi ở máy này.")
    page.keyboard.press("Tab")
    page.wait_for_selector(".clash-card")
    assert "Ghi ở máy kia." in page.inner_text(".clash-card") and "Ghi ở máy này." in page.inner_text(".clash-card")
    assert stored(site, BINH).remark == "Ghi ở máy kia."
    page.click("text=Ghi theo thầy, cô")
    page.wait_for_function(
        "selector => document.querySelector(selector).dataset.version === '2'",
        arg=f"{field(site, BINH, 'remark')} textarea",
    )
    assert stored(site, BINH).remark == "Ghi ở máy này." and page.locator(".clash-card").count() == 0


def test_without_script_the_class_is_kept_and_finalised(site: Site):
    fill_scores(site.cast, "9A")
    lock_class(site.cast, "9A")
    fill_homeroom(site.cast, "9A", {CHAU: {"remark": ""}})
    db.session.remove()
    page = open_page(site, "math", f"/lop/{site.cast.classes['9A']}", java_script_enabled=False)
    page.fill(f"{field(site, CHAU, 'remark')} textarea", "Tiến bộ.")
    page.click(".class__noscript button")
    assert stored(site, CHAU).remark == "Tiến bộ."
    page.locator("main .head").get_by_role("button", name="Chốt lớp").click()
    page.wait_for_selector("text=Lớp chờ Hiệu trưởng duyệt.")
    db.session.rollback()
    assert class_row(site.cast, "9A").state == "FINALISED"


def test_the_principal_approves_what_is_ticked_and_returns_with_a_reason(site: Site):
    fill_scores(site.cast, "6A")
    move_sheets(site.cast, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "LIT"))
    finalised(site.cast, levels={(CHAU, "LIT"): 49})
    db.session.remove()
    page = open_page(site, "principal", "/hom-nay")
    assert page.inner_text("[data-bulk] .bulk__n b") == "2"
    page.uncheck("[data-bulk] input[name=chon] >> nth=0")
    assert page.inner_text("[data-bulk] .bulk__n b") == "1"
    page.click("[data-bulk] button[value=approve]")
    page.wait_for_selector(".toast--done")
    odd = page.locator(".odd", has_text="Tổng kết lớp 9A")
    assert "nâng mức" in odd.inner_text().lower()
    odd.locator("summary").click()
    odd.locator("textarea").fill("Xem lại em Châu.")
    odd.locator("button[value=return]").click()
    page.wait_for_selector(".toast--done")
    db.session.rollback()
    assert class_row(site.cast, "9A").state == "OPEN"


@pytest.mark.parametrize(
    "size",
    [(1280, 800), pytest.param((800, 1280), marks=pytest.mark.slow), pytest.param((390, 844), marks=pytest.mark.slow)],
)
def test_the_pages_are_accessible_and_fit_the_screen(site: Site, size: tuple[int, int]):
    fill_scores(site.cast, "6A")
    move_sheets(site.cast, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "LIT"))
    finalised(site.cast, levels={(CHAU, "LIT"): 49})
    db.session.remove()
    class_id, enrollment = site.cast.classes["9A"], site.cast.enrollments["9A", CHAU]
    page = open_page(site, "principal", "/hom-nay", viewport={"width": size[0], "height": size[1]}, bypass_csp=True)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for path in (
        "/hom-nay",
        "/tien-do",
        "/nam-hoc",
        "/nguoi-dung/phieu-vao-lan-dau",
        f"/lop/{class_id}",
        f"/lop/{class_id}/danh-sach",
        f"/lop/{class_id}/hoc-sinh/{enrollment}",
        "/tim?q=chau",
        "/hoc-sinh/7",
    ):
        page.goto(site.address + path)
        assert findings(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), path
    assert errors == []
