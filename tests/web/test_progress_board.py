"""The readiness board in pages: a cell opens what is missing, a deadline can be tried, the address is kept honest."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from hocbaso import clock
from hocbaso.regulations.score_sheet_flow import SheetVerb
from tests.cast import NOW, Cast
from tests.services.full_class import fill_scores, finalised, lock_class, move_sheets


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def step(client: FlaskClient, cast: Cast, slug: str, class_name: str = "9A") -> str:
    answer = client.get(f"/tien-do/lop/{cast.classes[class_name]}/{slug}")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_an_empty_sheet_stands_with_its_gaps_its_teacher_and_its_day(
    school: Cast, client_of: Callable[[str], FlaskClient]
):
    page = step(client_of("principal"), school, "nhap-diem")
    assert "Toán, học kì I" in page and "kết quả chưa nhập" in page and "Trịnh Thu Hà" in page


def test_what_is_handed_in_waits_for_the_group_head_and_what_is_reviewed_for_the_principal(
    school: Cast, client_of: Callable[[str], FlaskClient]
):
    fill_scores(school, "9A")
    move_sheets(school, "9A", SheetVerb.SUBMIT, codes=("MATH", "LIT"))
    move_sheets(school, "9A", SheetVerb.REVIEW, codes=("LIT",))
    client = client_of("principal")
    assert "Bước này đã xong" in step(client, school, "nhap-diem")
    handed = step(client, school, "nop")
    assert "đủ điểm, chưa nộp" in handed and "Toán, học kì I<" not in handed
    reviewed = step(client, school, "soat")
    assert "cô Lâm (tổ trưởng)" in reviewed and "Ngữ văn" not in reviewed
    assert "đã soát, chờ duyệt" in step(client, school, "duyet")


def test_a_class_to_sum_up_tells_kinds_and_never_a_pupil_or_a_score(
    school: Cast, client_of: Callable[[str], FlaskClient]
):
    fill_scores(school, "9A")
    lock_class(school, "9A")
    page = step(client_of("board"), school, "tong-ket")
    assert "ô của giáo viên chủ nhiệm còn trống" in page
    assert "Nguyễn Bảo Châu" not in page and "8,5" not in page


def test_records_that_are_not_built_are_told_at_each_signature(school: Cast, client_of: Callable[[str], FlaskClient]):
    finalised(school)
    client = client_of("principal")
    assert "đã chốt, chờ duyệt" in step(client, school, "tong-ket")
    assert "5 học bạ" in step(client, school, "gvcn-ky") and "chưa lập" in step(client, school, "dong-dau")


def test_no_such_class_or_step(school: Cast, client_of: Callable[[str], FlaskClient]):
    client = client_of("principal")
    assert client.get("/tien-do/lop/9999/nop").status_code == 404
    assert client.get(f"/tien-do/lop/{school.classes['9A']}/gi-do").status_code == 404


def test_a_deadline_is_tried_and_nothing_is_kept(school: Cast, client_of: Callable[[str], FlaskClient]):
    client = client_of("principal")
    before = client.get("/nam-hoc").get_data(as_text=True)
    page = client.get("/tien-do?neu=30/06/2027").get_data(as_text=True)
    assert "bước mỗi tuần" in page and 'value="30/06/2027"' in page
    assert "Không còn ngày nào" in client.get(f"/tien-do?neu={NOW:%d/%m/%Y}").get_data(as_text=True)
    assert client.get("/nam-hoc").get_data(as_text=True).count("2027-06-30") == before.count("2027-06-30")


def test_a_day_that_is_no_day_is_said(school: Cast, client_of: Callable[[str], FlaskClient]):
    page = client_of("principal").get("/tien-do?neu=mai").get_data(as_text=True)
    assert "Chưa đọc được ngày" in page and 'value="mai"' in page and 'aria-invalid="true"' in page
