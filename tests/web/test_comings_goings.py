"""A pupil goes and another comes, through the pages of the office, the homeroom teacher and the principal."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pikepdf
import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import audit_verify
from tests.cast import NOW, Cast
from tests.services.test_arrivals import CAME, NAME, brought
from tests.services.test_departures import OUT, WHO

Clients = Callable[[str], FlaskClient]


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def place(school: Cast) -> m.Enrollment:
    db.session.rollback()
    found = db.session.get(m.Enrollment, school.enrollments["9A", WHO], populate_existing=True)
    assert found is not None
    return found


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.get_data(as_text=True)))


def test_a_pupil_goes_and_a_slip_is_taken_back(school: Cast, client_of: Clients) -> None:
    office, keeper = client_of("clerk"), client_of("math")
    student = place(school).student_id
    home = f"/hoc-sinh/{student}"
    assert "Ghi chuyển đi, thôi học" in text_of(office.get(home))
    assert "Ghi chuyển đi, thôi học" not in text_of(keeper.get(home))
    form = office.get(f"{home}/roi-truong")
    assert form.status_code == 200 and "Điểm đã ghi giữ nguyên" in text_of(form)

    wrong = office.post(f"{home}/roi-truong", data={**OUT, "school_name": "", "reason": "Theo gia đình"})
    assert wrong.status_code == 422 and "Trường tiếp nhận: xin ghi" in text_of(wrong)
    assert "Trường tiếp nhận: Trường tiếp nhận" not in text_of(wrong)
    assert "Trường tiếp nhận (bắt buộc khi chuyển trường)" in text_of(form)
    assert 'value="Theo gia đình"' in wrong.get_data(as_text=True), "what was typed stays"
    assert place(school).status == "studying"

    assert office.post(f"{home}/roi-truong", data=OUT).status_code == 303
    assert f"Đã ghi {WHO} rời trường: Chuyển đến THCS Sông Bồ" in text_of(office.get(home))
    assert place(school).status == "transferred_out"
    told = text_of(office.get(home))
    assert "Chuyển đến THCS Sông Bồ, Thừa Thiên Huế, học đến hết ngày 07/05/2027" in told and "Tiếp nhận lại" in told
    assert office.get(f"{home}/roi-truong").status_code == 409
    lists = text_of(keeper.get(f"/lop/{school.classes['9A']}/danh-sach"))
    assert "Không còn học" in lists and f"Lương Thị Thoa ghi {WHO}: chuyển đến THCS Sông Bồ" in lists
    assert "Không còn học 1" in text_of(keeper.get(f"/lop/{school.classes['9A']}"))
    roster = text_of(office.get(f"/hoc-sinh/lop/{school.classes['9A']}"))
    assert "4 học sinh" in roster and "1 em không còn học" in roster and "Đã chuyển đi học đến hết 07/05/2027" in roster
    sheet = text_of(keeper.get(f"/bang-diem/{school.sheets['9A', 'MATH', 2]}"))
    assert "Đã chuyển đi" in sheet

    row = db.session.scalars(select(m.Movement)).one()
    assert "Lấy lại" in text_of(office.get(home)) and "Lấy lại" not in text_of(keeper.get(home))
    assert office.post(f"{home}/roi-truong/{row.id}/lay-lai", data={"reason": ""}).status_code == 422
    assert keeper.post(f"{home}/roi-truong/{row.id}/lay-lai", data={"reason": "Nhầm"}).status_code == 403
    assert office.post(f"/hoc-sinh/1/roi-truong/{row.id}/lay-lai", data={"reason": "Nhầm"}).status_code == 404
    assert office.post(f"{home}/roi-truong/{row.id}/lay-lai", data={"reason": "Ghi nhầm em"}).status_code == 303
    assert place(school).status == "studying"
    assert "Lương Thị Thoa lấy lại" in text_of(office.get(home))
    assert audit_verify.verify().ok


def test_a_pupil_comes_and_brings_semester_one(school: Cast, client_of: Clients) -> None:
    office, keeper, principal = client_of("clerk"), client_of("math"), client_of("principal")
    assert "Tiếp nhận học sinh" in text_of(office.get("/hoc-sinh/"))
    assert "Tiếp nhận học sinh" not in text_of(keeper.get("/hoc-sinh/"))
    assert office.get("/hoc-sinh/tiep-nhan").status_code == 200
    asked = {**CAME, "class_group_id": str(school.classes["9A"])}
    wrong = office.post("/hoc-sinh/tiep-nhan", data={**asked, "birth_on": "hôm qua"})
    assert wrong.status_code == 422 and "Ngày sinh ghi như 19/05/2012." in text_of(wrong)
    assert f'value="{NAME}"' in wrong.get_data(as_text=True)
    page = office.get("/hoc-sinh/tiep-nhan").get_data(as_text=True)
    assert re.search(r'<select[^>]* name="sex"[^>]*>\s*<option (selected )?value="">Chọn</option>', page)
    unsaid = office.post("/hoc-sinh/tiep-nhan", data={**asked, "sex": ""})
    assert unsaid.status_code == 422 and "Giới tính: không được để trống." in text_of(unsaid)
    odd = office.post("/hoc-sinh/tiep-nhan", data={**asked, "full_name": WHO, "birth_on": "02/03/2012"})
    assert odd.status_code == 422 and "cùng họ tên và ngày sinh" in text_of(odd)
    assert db.session.scalar(select(func.count()).select_from(m.Movement)) == 0

    answer = office.post("/hoc-sinh/tiep-nhan", data=asked)
    assert answer.status_code == 303
    db.session.rollback()
    new = db.session.scalars(select(m.Enrollment).join(m.Student).where(m.Student.full_name == NAME)).one()
    assert answer.headers["Location"].endswith(f"/hoc-sinh/{new.student_id}")
    assert "Từ THCS Sông Bồ, Thừa Thiên Huế đến, học từ ngày 02/03/2027" in text_of(
        office.get(answer.headers["Location"])
    )
    assert "Ở trường cũ" in text_of(keeper.get(f"/bang-diem/{school.sheets['9A', 'MATH', 1]}"))

    page = f"/lop/{school.classes['9A']}/hoc-sinh/{new.id}"
    assert "Chép kết quả học kì I" in text_of(keeper.get(page))
    values = {f"mon-{subject}": text for subject, text in brought().items()}
    paper = {"document": "Bảng tổng hợp 45, 28/02/2027"}
    maths = db.session.scalars(select(m.Subject).where(m.Subject.code == "MATH")).one().id
    refused = keeper.post(f"{page}/noi-chuyen-den", data={**values, **paper, f"mon-{maths}": "11"})
    assert refused.status_code == 422 and "gõ cả dấu phẩy" in text_of(refused)
    assert 'value="11"' in refused.get_data(as_text=True)
    assert keeper.post(f"{page}/noi-chuyen-den", data={**values, **paper}).status_code == 303
    assert "chờ Hiệu trưởng nhận" in text_of(keeper.get(page))
    assert f"Kết quả nơi chuyển đến: {NAME}" in text_of(principal.get("/hom-nay"))
    assert "Nhận kết quả" in text_of(principal.get(page)) and "Nhận kết quả" not in text_of(keeper.get(page))
    assert principal.post(f"{page}/noi-chuyen-den/nhan", data={"outcome": "0"}).status_code == 422
    assert principal.post(f"{page}/noi-chuyen-den/nhan", data={"outcome": "1"}).status_code == 303
    done = text_of(keeper.get(page))
    assert "đã nhận" in done and "theo điểm nơi chuyển đến" in done
    assert audit_verify.verify().ok


def test_the_next_school_gets_what_there_is_so_far(school: Cast, client_of: Clients) -> None:
    office = client_of("clerk")
    student = place(school).student_id
    office.post(f"/hoc-sinh/{student}/roi-truong", data=OUT)
    address = f"/hoc-sinh/{student}/tong-hop/{school.enrollments['9A', WHO]}"
    assert address in office.get(f"/hoc-sinh/{student}").get_data(as_text=True)
    for who, status in (("clerk", 200), ("math", 200), ("head_society", 404), ("other", 403), ("it_officer", 403)):
        answer = client_of(who).get(address)
        assert answer.status_code == status
        if status == 200:
            with pikepdf.open(io.BytesIO(answer.data)) as pdf:
                assert len(pdf.pages) == 1 and WHO in str(pdf.docinfo["/Title"])
    db.session.rollback()
    n = db.session.scalar(
        select(func.count()).select_from(m.AuditEntry).where(m.AuditEntry.payload.contains("partial_results"))
    )
    assert n == 2, "each print leaves its entry"
