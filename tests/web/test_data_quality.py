"""The pages of data quality: figures, lists, the paste of the authority's answer; useful while there is nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.services import data_quality, exemptions
from tests.cast import NOW, Cast
from tests.services.test_data_quality import student_subject


@pytest.fixture(autouse=True)
def school_day(school, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def test_the_school_page_shows_four_measures_their_days_and_the_way_to_each_class(client_of, school: Cast):
    with write_transaction():
        data_quality.keep_day(NOW.date().replace(day=10), NOW)
        data_quality.keep_day(NOW.date().replace(day=11), NOW)
    page = client_of("principal").get("/chat-luong/").get_data(as_text=True)
    for words in ("Đúng", "Đủ", "Sạch", "Sống"):
        assert f"<h2>{words}</h2>" in page
    assert page.count('class="measure__line"') == 4
    assert f'href="/chat-luong/lop/{school.classes["9A"]}?xem=du"' in page
    board = client_of("board").get("/chat-luong/").get_data(as_text=True)
    assert "/chat-luong/lop/" not in board


def test_the_homeroom_teacher_lands_in_the_own_class(client_of, school: Cast):
    client = client_of("math")
    answer = client.get("/chat-luong/")
    assert answer.status_code == 303 and answer.location == f"/chat-luong/lop/{school.classes['9A']}"
    page = client.get(answer.location).get_data(as_text=True)
    assert "Mục hồ sơ đã ghi" in page and "<progress" in page
    assert client.get(answer.location + "?xem=song").status_code == 200


def test_each_line_leads_to_a_field_that_is_on_the_page(client_of, school: Cast):
    with write_transaction() as session:
        student = session.get(m.Student, 7)
        student.address = student.ethnicity = student.register_no = None
        student.phone, student.touched_at = "09", NOW.replace(year=2026, month=1)
    client = client_of("clerk")
    page = client.get(f"/chat-luong/lop/{school.classes['9A']}").get_data(as_text=True)
    links = {part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/hoc-sinh/") and "#" in part}
    assert {link.partition("#")[2] for link in links} == {"address", "ethnicity", "register_no", "phone", "ho-so"}
    for link in sorted(links):
        address, _, field = link.partition("#")
        assert f'id="{field}"' in client.get(address).get_data(as_text=True), link


def test_the_answer_is_read_first_and_kept_after(client_of, school: Cast):
    client = client_of("clerk")
    student = db.session.scalar(select(m.Student).where(m.Student.full_name == "Hoàng Thanh Bình"))
    number = student.personal_id_number
    assert number, "the cast's pupils have numbers"
    text = f"Số định danh\tKết quả\n{number}\tKhớp\n"
    look = client.post("/chat-luong/dinh-danh", data={"text": text})
    assert look.status_code == 200 and "Sẽ ghi 1 em" in look.get_data(as_text=True)
    assert client.post("/chat-luong/dinh-danh", data={"text": "vô nghĩa"}).status_code == 422
    refused = client.post("/chat-luong/dinh-danh", data={"text": text, "confirmed": "1", "checked_on": "01/05/2027"})
    assert refused.status_code == 422 and "Sẽ ghi 1 em" in refused.get_data(as_text=True)
    kept = client.post(
        "/chat-luong/dinh-danh",
        data={"text": text, "confirmed": "1", "checked_on": "01/05/2027", "source": "CV 12/CA"},
    )
    assert kept.status_code == 303
    page = client.get(f"/hoc-sinh/{student.id}").get_data(as_text=True)
    assert "khớp với cơ sở dữ liệu dân cư" in page and "CV 12/CA" in page


def test_a_school_without_pupils_is_told_what_to_do(client_of, school: Cast):
    with write_transaction() as session:
        session.get(m.SchoolYear, school.year_id).state = "CLOSED"
    page = client_of("clerk").get("/chat-luong/").get_data(as_text=True)
    assert "Nhập danh sách học sinh" in page
    assert "Chưa có lớp nào trong năm học đang mở" in client_of("math").get("/chat-luong/").get_data(as_text=True)
    assert client_of("math").get(f"/chat-luong/lop/{school.classes['9A']}").status_code == 404
    assert client_of("clerk").get("/chat-luong/trung").status_code == 200
    assert client_of("clerk").get("/chat-luong/dinh-danh").status_code == 200


def test_what_is_left_lying_opens_where_it_is_mended(client_of, school: Cast, monkeypatch):
    later = NOW + timedelta(days=130)
    exemptions.propose(school.actor("math"), next(iter_9a(school)), student_subject("PE"), None, "Ốm dài ngày", now=NOW)
    with write_transaction() as session:
        session.add(
            m.UserSession(
                token_digest="0" * 64, account_id=school.actor("math").account_id, created_at=NOW, last_seen_at=NOW,
                expires_at=later, confirmed_at=NOW,
            )
        )  # fmt: skip
    monkeypatch.setattr(clock, "now", lambda: later)
    school_page = client_of("principal").get("/chat-luong/").get_data(as_text=True)
    assert 'href="/chat-luong/song"' in school_page and "1, 1 quá hạn" in school_page
    page = client_of("principal").get("/chat-luong/song").get_data(as_text=True)
    assert f'href="/lop/{school.classes["9A"]}/hoc-sinh/' in page and "quá hạn từ 20/05/2027" in page
    assert "12/05/2027" in page and "/nguoi-dung/tai-khoan#" not in page, (
        "the principal reads names, the IT officer acts"
    )
    machine = client_of("it_officer")
    page = machine.get("/chat-luong/song").get_data(as_text=True)
    assert "/hoc-sinh/" not in page and "1 việc của học sinh ngoài phần việc" in page
    link = next(part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/nguoi-dung/tai-khoan#"))
    address, _, place = link.partition("#")
    assert f'id="{place}"' in machine.get(address).get_data(as_text=True)
    board = client_of("board").get("/chat-luong/song").get_data(as_text=True)
    assert "Ban Giám hiệu, văn thư và người phụ trách CNTT xem được tên." in board
    assert client_of("math").get("/chat-luong/song").status_code == 403


def iter_9a(school: Cast):
    return (number for (name, _), number in school.enrollments.items() if name == "9A")
