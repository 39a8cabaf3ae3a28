"""Taking an exemption back over HTTP: from the pupil's page and from the profile, decided on the principal's side."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from tests.cast import NOW, Cast
from tests.services.test_exemption_revocations import BINH, granted

Clients = Callable[[str], FlaskClient]


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def text(answer) -> str:
    return answer.get_data(as_text=True)


def open_request() -> m.ExemptionRevocation:
    db.session.rollback()
    return db.session.scalars(select(m.ExemptionRevocation).where(m.ExemptionRevocation.state == "PROPOSED")).one()


def test_asked_by_the_office_left_asked_again_and_taken_back(school: Cast, client_of: Clients) -> None:
    exemption = granted(school)
    class_id, pupil = school.classes["9A"], school.enrollments["9A", BINH]
    student = db.session.get_one(m.Enrollment, pupil).student_id
    ask, page = f"/lop/{class_id}/mien-hoc/{exemption}/thu-hoi", f"/lop/{class_id}/hoc-sinh/{pupil}"
    profile = f"/hoc-sinh/{student}"
    assert ask in text(client_of("clerk").get(profile)) and ask in text(client_of("math").get(page))
    assert ask not in text(client_of("principal").get(page)) and ask not in text(client_of("principal").get(profile))
    assert client_of("clerk").post(ask, data={"reason": " ", "ho-so": str(student)}).status_code == 422
    sent = client_of("clerk").post(ask, data={"reason": "Nhầm em cùng tên", "ho-so": str(student)})
    assert sent.status_code == 303 and sent.location.endswith(f"{profile}#mien-hoc")
    assert client_of("math").post(ask, data={"reason": "Cũng thấy nhầm"}).status_code == 409
    today = text(client_of("principal").get("/hom-nay"))
    assert f"Thu hồi: Miễn Giáo dục thể chất, cả năm, {BINH}" in today and f"{page}#mien-hoc" in today
    rule = f"/lop/{class_id}/mien-hoc/thu-hoi/{open_request().id}"
    assert rule in text(client_of("principal").get(page))
    assert rule not in text(client_of("math").get(page)) and rule not in text(client_of("vice_principal").get(page))
    assert client_of("math").post(rule, data={"outcome": "1"}).status_code == 403
    assert client_of("vice_principal").post(rule, data={"outcome": "1"}).status_code == 403
    assert client_of("principal").post(rule, data={"outcome": "0", "note": ""}).status_code == 422
    assert client_of("principal").post(rule, data={"outcome": "0", "note": "Đúng em này"}).status_code == 303
    assert client_of("math").post(ask, data={"reason": "Giấy của em khác"}).status_code == 303
    rule = f"/lop/{class_id}/mien-hoc/thu-hoi/{open_request().id}"
    assert client_of("principal").post(rule, data={"outcome": "1"}).status_code == 303
    assert client_of("principal").post(rule, data={"outcome": "1"}).status_code == 409
    shown = text(client_of("math").get(page))
    for words in ("đã thu hồi", "Nhầm em cùng tên", "Đúng em này", "Giấy của em khác"):
        assert words in shown
    assert ask not in shown
