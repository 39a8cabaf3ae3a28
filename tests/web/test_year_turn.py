"""The turn of the year through the pages of the office and the principal."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient

from hocbaso import clock
from hocbaso.db import db
from hocbaso.services import roster
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, STUDENTS, Cast
from tests.services.finished_year import class_named, pupils_in
from tests.services.test_year_turn import ANH, AUGUST, finish_first_year

Clients = Callable[[str], FlaskClient]


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.get_data(as_text=True)))


def hidden(answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.get_data(as_text=True))
    assert found is not None, name
    return found[1]


def test_in_may_the_page_says_what_is_missing(school: Cast, client_of: Clients) -> None:
    page = client_of("clerk").get("/nam-hoc/chuyen")
    told = text_of(page)
    assert page.status_code == 200 and "Lớp 6A chưa được duyệt tổng kết." in told and "Chưa có em nào" in told
    refused = client_of("clerk").post("/nam-hoc/chuyen/gui", data={"version": "0"})
    assert refused.status_code == 409 and "còn 3 việc" in text_of(refused)
    assert "chuyển sang năm học" not in text_of(client_of("clerk").get("/hom-nay"))


def test_the_office_plans_and_the_principal_turns_the_year(
    school: Cast, client_of: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish_first_year(school)
    db.session.rollback()
    monkeypatch.setattr(clock, "now", lambda: AUGUST)
    office, principal = client_of("clerk"), client_of("principal")
    for path in ("/hom-nay", "/tien-do", f"/tien-do/lop/{school.classes['9A']}/nop"):
        assert "quá hạn" not in text_of(principal.get(path)), f"{path}: everything was signed in May"
    assert "Soạn kế hoạch chuyển sang năm học 2027–2028" in text_of(office.get("/hom-nay"))
    page = office.get("/nam-hoc/chuyen")
    told = text_of(page)
    assert "Lên lớp4" in told and "Ở lại lớp2" in told and "Hoàn thành THCS, ra trường4" in told
    assert "trước 20/05/2028" in told and "05/09/2027 đến 18/01/2028" in told
    wrong = office.post("/nam-hoc/chuyen/luu", data={"version": "0", "first_classes": "6A, 10B"})
    assert wrong.status_code == 422 and 'value="6A, 10B"' in wrong.get_data(as_text=True), "what was typed stays"
    kept = office.post("/nam-hoc/chuyen/luu", data={"version": "0", "first_classes": "6A, 6B", "assignments": "grade"})
    assert kept.status_code == 303
    one = office.get(f"/nam-hoc/chuyen/lop/{school.classes['6A']}")
    assert "7A (đề nghị)" in text_of(one) and "Không học tiếp" in text_of(one)
    anh = school.enrollments["6A", ANH]
    moved = office.post(
        f"/nam-hoc/chuyen/lop/{school.classes['6A']}", data={"version": hidden(one, "version"), f"em-{anh}": "-"}
    )
    assert moved.status_code == 303
    page = office.get("/nam-hoc/chuyen")
    assert "Không học tiếp1" in text_of(page) and "6B" in text_of(page)
    assert office.post("/nam-hoc/chuyen/gui", data={"version": hidden(page, "version")}).status_code == 303

    assert "Duyệt chuyển sang năm học 2027–2028" in text_of(principal.get("/hom-nay"))
    page = principal.get("/nam-hoc/chuyen")
    form = {"version": hidden(page, "version"), "seen": hidden(page, "seen")}
    assert office.post("/nam-hoc/chuyen/duyet", data=form).status_code == 403
    assert principal.post("/nam-hoc/chuyen/duyet", data={**form, "seen": "0" * 32}).status_code == 409
    assert principal.post("/nam-hoc/chuyen/duyet", data=form).status_code == 303
    db.session.rollback()
    assert roster.open_year().label == "2027-2028"
    assert pupils_in("7A", "2027-2028") == set(STUDENTS["6A"]) - {STUDENTS["6A"][0], ANH}
    assert "Đã mở năm học 2027–2028: 4 lớp, 5 học sinh" in text_of(principal.get("/hom-nay"))
    # the office is told what comes next, until somebody new is in each class
    assert "Nhập học sinh mới vào lớp 6A, 6B" in text_of(office.get("/hom-nay"))
    new = roster.NewStudent(
        "6B", {"full_name": "Phạm Gia Hân", "register_no": "1/THCS", "birth_on": date(2016, 3, 1), "sex": "Nữ"}
    )
    roster.enter_students(SYSTEM, roster.open_year(), [new], AUGUST)
    db.session.rollback()
    assert "Nhập học sinh mới vào lớp 6A " in text_of(office.get("/hom-nay"))
    assert "Nhập học sinh mới" not in text_of(principal.get("/hom-nay"))
    assert "Hoàn thành4 em" in text_of(principal.get("/he/hoan-thanh?nam=2026-2027"))
    assert 'href="/he/hoan-thanh?nam=2026-2027"' in principal.get("/he/hoan-thanh").get_data(as_text=True)
    # the old year opens for ever
    for path in (f"/lop/{school.classes['6A']}", f"/bang-diem/{school.sheets['6A', 'MATH', 1]}"):
        assert principal.get(path).status_code == 200
    assert "Năm học 2026–2027" in text_of(principal.get("/hoc-ba/"))
    assert principal.get(f"/lop/{class_named('7A', '2027-2028').id}").status_code == 200
