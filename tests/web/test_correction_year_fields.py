"""Corrections of what stands beside the sheets, over HTTP: the forms from the pupil's page to the approval."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from tests.cast import Cast
from tests.services.test_correction_exemptions import BINH, locked_with_exempt
from tests.services.test_correction_inherited import field, late_and_approved
from tests.services.test_corrections import LATER
from tests.web.test_corrections import act, picture, request_row, text_of

Clients = Callable[[str], FlaskClient]


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: LATER)


def test_an_old_schools_result_from_the_pupils_page_to_the_approval(school: Cast, client_of: Clients) -> None:
    pupil = late_and_approved(school)
    keeper, principal = client_of("math"), client_of("principal")
    address, page = f"/sua-chua/noi-chuyen-den/{pupil}", f"/lop/{school.classes['9A']}/hoc-sinh/{pupil}"
    assert address in text_of(keeper.get(page)) and address not in text_of(principal.get(page))
    name = field()
    form = text_of(keeper.get(address))
    assert f'name="s-{name}" value="7,5"' in form
    data = {f"f-{name}": "4,5", f"s-{name}": "7,5", "reason": "Chép nhầm dòng", "paper": "Bảng tổng hợp 45"}
    wrong = keeper.post(address, data={**data, f"f-{name}": "11", "files": picture()})
    assert wrong.status_code == 422 and 'value="11"' in text_of(wrong) and "gõ cả dấu phẩy" in text_of(wrong)
    assert keeper.post(address, data={**data, "paper": "", "files": picture()}).status_code == 422
    assert keeper.post(address, data=data).status_code == 422, "evidence is asked for"
    stale = keeper.post(address, data={**data, f"s-{name}": "8,0", "files": picture()})
    assert stale.status_code == 409 and "đang là <b>7,5</b>" in text_of(stale)
    assert keeper.post(address, data={**data, "files": picture()}).status_code == 303
    row = request_row()
    assert (row.kind, row.state, row.paper) == ("inherited", "CONFIRMED", "Bảng tổng hợp 45")
    assert "Sửa kết quả nơi chuyển đến" in text_of(principal.get("/hom-nay"))
    shown = text_of(principal.get(f"/sua-chua/{row.id}"))
    assert "Toán, học kì I ở trường cũ" in shown and "Toán, cả năm" in shown
    assert act(principal, row.id, "duyet").status_code == 303
    db.session.rollback()
    kept = db.session.scalars(
        select(m.InheritedResult).where(
            m.InheritedResult.enrollment_id == pupil,
            m.InheritedResult.state == "ACCEPTED",
            m.InheritedResult.tenths == 45,
        )
    ).one()
    assert kept.document == "Bảng tổng hợp 45"


def test_an_exemption_is_taken_back_from_the_locked_cell_and_granted_again(school: Cast, client_of: Clients) -> None:
    exemption = locked_with_exempt(school)
    sheet, pupil = school.sheets["9A", "PE", 2], school.enrollments["9A", BINH]
    teacher, keeper, principal = client_of("other"), client_of("math"), client_of("principal")
    address, page = f"/sua-chua/thu-hoi-mien-hoc/{exemption}", f"/lop/{school.classes['9A']}/hoc-sinh/{pupil}"
    assert address in text_of(teacher.get(f"/bang-diem/{sheet}/o/{pupil}/TX1/lich-su"))
    assert address not in text_of(keeper.get(f"/bang-diem/{sheet}/o/{pupil}/TX1/lich-su"))
    told = text_of(keeper.get(page))
    assert address not in told and "Giáo viên môn học mở ô của em trong bảng" in told
    assert keeper.get(address).status_code == 404
    form = text_of(teacher.get(address))
    assert f'name="c-{sheet}-TX1"' in form and "thiếu 4 điểm" in form and "đã nhập Đ" in form
    data = {f"c-{sheet}-{key}": "Đ" for key in ("TX1", "TX2", "GK")}
    data |= {f"v-{sheet}-{key}": "0" for key in ("TX1", "TX2", "GK", "CK")}
    data |= {"reason": "Của em khác cùng tên", "paper": "15/QĐ"}
    gap = teacher.post(address, data={**data, "files": picture()})
    assert gap.status_code == 422 and "không để trống một ô" in text_of(gap) and 'value="Đ"' in text_of(gap)
    data[f"c-{sheet}-CK"] = "Đ"
    assert teacher.post(address, data={**data, "paper": "", "files": picture()}).status_code == 422
    assert teacher.post(address, data={**data, f"v-{sheet}-CK": "3", "files": picture()}).status_code == 409
    assert teacher.post(address, data={**data, "files": picture()}).status_code == 303
    row = request_row()
    assert (row.kind, row.state) == ("exemption", "ASKED")
    assert act(keeper, row.id, "xac-nhan").status_code == 303
    assert "Sửa miễn học" in text_of(principal.get("/hom-nay"))
    shown = text_of(principal.get(f"/sua-chua/{row.id}"))
    assert "Miễn học Giáo dục thể chất, học kì I" in shown and "được miễn" in shown
    assert act(principal, row.id, "duyet").status_code == 303
    assert "đã thu hồi" in text_of(keeper.get(page))

    late = f"/sua-chua/mien-hoc/{pupil}"
    assert late in text_of(keeper.get(page)) and keeper.get(late).status_code == 200
    subject = db.session.scalars(select(m.Subject.id).where(m.Subject.code == "PE")).one()
    asked = {"subject": str(subject), "semester": "2", "reason": "Giấy nộp muộn", "paper": "16/QĐ"}
    assert keeper.post(late, data={**asked, "reason": "", "files": picture()}).status_code == 422
    assert keeper.post(late, data={**asked, "subject": "999", "files": picture()}).status_code == 422
    assert keeper.post(late, data={**asked, "files": picture()}).status_code == 303
    twice = keeper.post(late, data={**asked, "files": picture()})
    assert twice.status_code == 409 and "đang chờ" in text_of(twice)
    db.session.rollback()
    second = db.session.scalars(select(m.CorrectionRequest).order_by(m.CorrectionRequest.id.desc())).first()
    assert second is not None
    assert act(principal, second.id, "duyet").status_code == 303
    db.session.rollback()
    states = db.session.execute(select(m.Exemption.semester, m.Exemption.state).order_by(m.Exemption.id)).all()
    assert [tuple(one) for one in states] == [(None, "REVOKED"), (2, "GRANTED")]
