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
