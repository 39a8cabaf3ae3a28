"""A pupil goes into another class, through the page of the office; the import names that page."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from hocbaso import clock
from hocbaso.services import audit_verify
from tests.cast import NOW, Cast, put_sheets
from tests.services.full_class import fill_homeroom, fill_scores
from tests.services.two_classes import PAPERS, WHO, build_6b, place, pupil

Clients = Callable[[str], FlaskClient]


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.get_data(as_text=True)))


def hidden(answer, name: str) -> str:
    return re.search(rf'name="{name}"[^>]*value="([^"]*)"', answer.get_data(as_text=True)).group(1)


def test_the_office_sees_it_does_it_and_takes_it_back(
    school: Cast, client_of: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_6b(school, monkeypatch)
    fill_scores(school, "6A")
    fill_homeroom(school, "6A")
    office, keeper = client_of("clerk"), client_of("head_society")
    home, b = f"/hoc-sinh/{pupil(school)}", school.classes["6B"]
    page = f"{home}/chuyen-lop"
    assert f'href="{page}"' in office.get(home).get_data(as_text=True)
    assert page not in keeper.get(home).get_data(as_text=True)
    assert keeper.get(page).status_code == 403

    chosen = office.get(page)
    assert "Xem trước" in text_of(chosen) and "Mang sang lớp" not in text_of(chosen)
    put_sheets([school.sheets["6B", "MATH", 1]], "LOCKED")
    refused = office.get(f"{page}?lop={b}")
    said = text_of(refused)
    assert "Bảng điểm Toán 6B, học kì I, đã khoá mà của lớp 6A chưa khoá" in said
    assert 'name="paper_no"' not in refused.get_data(as_text=True), "nothing to confirm while it is refused"
    put_sheets([school.sheets["6B", "MATH", 1]], "DRAFT")

    seen = office.get(f"{page}?lop={b}")
    said = text_of(seen)
    assert "Mang sang lớp 6B" in said and "118 điểm" in said and "rèn luyện học kì I," in said
    form = {**PAPERS, "class_group_id": hidden(seen, "class_group_id"), "seen": hidden(seen, "seen")}
    wrong = office.post(page, data={**form, "paper_no": ""})
    assert wrong.status_code == 422 and PAPERS["reason"] in wrong.get_data(as_text=True), "what was typed stays"
    assert office.post(page, data={**form, "seen": "0" * 64}).status_code == 409
    assert keeper.post(page, data=form).status_code == 403
    assert place(school, "6A").status == "studying"
    done = office.post(page, data=form, follow_redirects=True)
    assert done.status_code == 200
    said = text_of(done)
    assert "Em đã sang lớp 6B, mang theo 118 điểm" in said and "Từ lớp 6A sang lớp 6B, ngày 12/05/2027" in said
    assert place(school, "6A").status == "moved" and place(school, "6B").status == "studying"
    left = text_of(keeper.get(f"/lop/{school.classes['6A']}/danh-sach"))
    assert "Không còn học" in left and "Sang lớp 6B" in left
    assert WHO in text_of(keeper.get(f"/lop/{b}/danh-sach"))
    past = keeper.get(f"/bang-diem/{school.sheets['6B', 'MATH', 2]}/o/{place(school, '6B').id}/TX1/lich-su")
    assert "chuyển từ lớp 6A, nguyên giá trị" in text_of(past)
    log = text_of(client_of("principal").get("/nhat-ky"))
    assert "chuyển lớp cho học sinh" in log and "chuyển từ lớp 6A" in log

    back = office.get(f"{page}?lop={school.classes['6A']}")
    form = {**PAPERS, "class_group_id": hidden(back, "class_group_id"), "seen": hidden(back, "seen")}
    assert office.post(page, data=form).status_code == 303
    assert place(school, "6A").status == "studying" and place(school, "6B").status == "moved"
    assert audit_verify.verify().ok


def test_a_grade_level_with_one_class_offers_nothing(school: Cast, client_of: Clients) -> None:
    office = client_of("clerk")
    home = f"/hoc-sinh/{pupil(school)}"
    assert "Ghi chuyển đi, thôi học" in text_of(office.get(home)) and "chuyen-lop" not in office.get(home).get_data(
        as_text=True
    )
    assert "Không có lớp nào để chuyển sang" in text_of(office.get(f"{home}/chuyen-lop"))
    other = office.get(f"{home}/chuyen-lop?lop={school.classes['9A']}")
    assert other.status_code == 200 and "khác khối" in text_of(other)
