"""The turn of the year in the browser: the office's plan and the principal's approval, looked at by axe."""

from __future__ import annotations

from datetime import datetime

import pytest

from hocbaso import clock
from hocbaso.services import roster
from tests.browser.grid_site import Site
from tests.browser.test_corrections import look, window
from tests.cast import Cast
from tests.services.test_year_turn import AUGUST, finish_first_year

pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser


def test_the_plan_is_sent_and_the_year_turned(site: Site, school: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    finish_first_year(school)

    def august() -> datetime:
        return AUGUST

    monkeypatch.setattr(clock, "now", august)
    office = window(site, "clerk")
    office.goto(f"{site.address}/hom-nay")
    office.click("text=Soạn kế hoạch chuyển sang năm học")
    look(office, "turn-office")
    office.goto(f"{site.address}/nam-hoc/chuyen/lop/{school.classes['6A']}")
    look(office, "turn-pupils")
    office.goto(f"{site.address}/nam-hoc/chuyen")
    office.click("text=Gửi Hiệu trưởng")
    office.wait_for_selector("text=Đã gửi Hiệu trưởng")
    principal = window(site, "principal")
    principal.goto(f"{site.address}/nam-hoc/chuyen")
    look(principal, "turn-approve")
    principal.click("text=Đóng năm cũ, mở năm mới")
    principal.wait_for_selector("text=Đã mở năm học 2027–2028")
    assert roster.open_year().label == "2027-2028"
