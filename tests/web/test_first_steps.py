"""A new school is told what to import next, and can take home empty tables that the import reads back."""

from __future__ import annotations

import io

import openpyxl
import pytest

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.exchange.workbook_process import read_apart
from hocbaso.services import accounts, dashboard, imports
from hocbaso.services.first_steps import first_steps
from tests.cast import NOW


@pytest.fixture(autouse=True)
def school_day(school, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def empty_of_assignments() -> None:
    with write_transaction() as session:
        for row in session.query(m.TeachingAssignment):
            session.delete(row)


def test_a_school_that_stands_has_no_steps(school, client_of):
    assert first_steps(school.actor("clerk"), NOW) == ()
    assert "Đưa dữ liệu của trường vào" not in client_of("clerk").get("/nhap-du-lieu/").get_data(as_text=True)


def test_the_office_of_a_new_school_sees_what_is_done_and_what_comes_next(school, client_of):
    empty_of_assignments()
    steps = first_steps(school.actor("clerk"), NOW)
    assert [(step.kind, step.done) for step in steps] == [
        ("teachers", True), ("students", True), ("assignments", False), ("accounts", True), ("slips", True), ("scores", False),
    ]  # fmt: skip
    assert steps[1].n == 10
    assert first_steps(school.actor("principal"), NOW) == () == first_steps(school.actor("math"), NOW)
    client = client_of("clerk")
    day = client.get("/hom-nay").get_data(as_text=True)
    assert "Hôm nay không có việc chờ" not in day and 'href="/nhap-du-lieu/?loai=assignments#upload_form"' in day
    page = client.get("/nhap-du-lieu/?loai=assignments").get_data(as_text=True)
    assert 'value="assignments" checked' in page and "/nhap-du-lieu/mau/teachers" in page


def test_the_list_stays_until_the_first_teacher_has_signed_in(school, client_of):
    clerk = school.actor("clerk")
    with write_transaction() as session:
        for account in session.query(m.Account).filter(m.Account.id != clerk.account_id):
            account.must_change_password = True
    steps = {step.kind: step for step in first_steps(clerk, NOW)}
    assert steps["assignments"].done and steps["accounts"].done and accounts.n_without() == 0
    assert steps["slips"].n > 0 and not steps["slips"].done
    page = client_of("clerk").get("/hom-nay").get_data(as_text=True)
    assert "Hôm nay không có việc chờ" not in page
    assert f"In {steps['slips'].n} phiếu" in page and 'href="/nguoi-dung/phieu-vao-lan-dau"' in page
    assert dashboard.count_waiting(clerk, NOW) == 1 == dashboard.daily(clerk, NOW).n_waiting
    with write_transaction() as session:
        session.get(m.Account, school.actor("math").account_id).must_change_password = False
    assert first_steps(clerk, NOW) == ()
    page = client_of("clerk").get("/hom-nay").get_data(as_text=True)
    assert "người chờ phiếu mật khẩu lần đầu" in page and "Hôm nay không có việc chờ" not in page


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("teachers", {"Mã giáo viên": "GV100", "Họ và tên": "Lại Văn Đức", "Số định danh cá nhân": "036078000001"}),
        ("students", {"Lớp": "6A", "Mã định danh Bộ GD&ĐT": "3610000999", "Họ và tên": "Lại Ngọc Diệp",
                      "Ngày sinh": "01/03/2015", "Giới tính": "Nữ"}),
        ("assignments", {"Lớp": "6A", "Môn học": "Toán", "Số tiết/năm": "140", "Mã giáo viên": "GV005", "Chủ nhiệm": "x"}),
    ],
)  # fmt: skip
def test_an_empty_table_filled_in_is_read_without_a_complaint(school, client_of, kind, line):
    answer = client_of("clerk").get(f"/nhap-du-lieu/mau/{kind}")
    assert answer.status_code == 200 and imports.BLANK_NAMES[kind] in answer.headers["Content-Disposition"]
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    sheet = book.active
    headers = [cell.value for cell in sheet[1]]
    assert [cell.value for cell in sheet[2]] == [None] * len(headers)
    for header, value in line.items():
        sheet.cell(2, headers.index(header) + 1).value = value
    out = io.BytesIO()
    book.save(out)
    table = read_apart(kind, out.getvalue(), "csdl-nganh")
    assert len(table.rows) == 1 and list(table.problems) == []


def test_a_teacher_takes_no_office_table_home(client_of):
    assert client_of("math").get("/nhap-du-lieu/mau/teachers").status_code == 404
    assert client_of("clerk").get("/nhap-du-lieu/mau/scores").status_code == 404


def test_a_homeroom_teacher_begins_where_something_waits(school, client_of):
    assert client_of("math").get("/").location == "/hom-nay"  # own class still to be finalised
    assert client_of("other").get("/").location == "/bang-diem/"
