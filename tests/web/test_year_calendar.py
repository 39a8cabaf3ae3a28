"""Lịch năm học: the principal sets the dates, the grid follows at once, and the log tells what was and why."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.services import audit_verify, year_calendar
from tests.cast import NOW, Cast

Clients = Callable[[str], FlaskClient]
LATER = NOW + timedelta(days=2)  # 14/05/2027: grade 9's window closed on the 12th


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: LATER)


def filled(client: FlaskClient) -> dict[str, str]:
    """What a browser would send back from the page as it stands."""
    page = client.get("/nam-hoc").get_data(as_text=True)
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name:
            found[name[1]] = value[1] if value else ""
    return found


def entries() -> list[m.AuditEntry]:
    return list(db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.tag == "year:record:changed")))


def test_a_closed_window_refuses_until_the_principal_opens_it_with_a_reason(school: Cast, client_of: Clients) -> None:
    cell = f"/bang-diem/{school.sheets['9A', 'MATH', 2]}/o/{school.enrollments['9A', 'Hoàng Thanh Bình']}/TX1"
    typed = {"value": "8,5", "version": "0"}
    refused = client_of("math").post(cell, data=typed)
    assert refused.status_code == 409 and "xin hỏi Hiệu trưởng" in refused.get_data(as_text=True)

    client = client_of("principal")
    form = {**filled(client), "s2_g9_closes_on": "16/05/2027"}
    without = client.post("/nam-hoc", data=form)
    assert without.status_code == 422 and "xin ghi lí do" in without.get_data(as_text=True)
    assert 'value="16/05/2027"' in without.get_data(as_text=True) and entries() == []

    answer = client.post("/nam-hoc", data={**form, "reason": "Cô Hà nghỉ ốm"}, follow_redirects=True)
    page = answer.get_data(as_text=True)
    assert "có hiệu lực ngay" in page and "Cô Hà nghỉ ốm" in page and "đến 12/05/2027 thành" in page
    assert client_of("math").post(cell, data=typed).status_code == 303
    payload = json.loads(entries()[0].payload)
    assert payload["before"] == {"s2_g9": "2027-01-19/2027-05-12"}
    assert payload["note"] == "Cô Hà nghỉ ốm" and payload["facts"]["reopened"] == ["s2_g9"]
    assert audit_verify.verify().ok


def test_a_deadline_beyond_the_law_is_refused_beside_its_field(school: Cast, client_of: Clients) -> None:
    client = client_of("principal")
    answer = client.post("/nam-hoc", data={**filled(client), "sign_others_before": "01/06/2027"})
    page = answer.get_data(as_text=True)
    assert (
        answer.status_code == 422 and 'id="sign_others_before-loi"' in page and "Quy định là trước 31/05/2027" in page
    )
    assert entries() == []


def test_an_earlier_deadline_stands_and_the_same_form_again_writes_nothing(school: Cast, client_of: Clients) -> None:
    client = client_of("principal")
    form = {**filled(client), "sign_others_before": "28/05/2027"}
    assert client.post("/nam-hoc", data=form).status_code == 303
    assert client.post("/nam-hoc", data=form).status_code == 303
    db.session.expire_all()
    assert f"{db.session.get(m.SchoolYear, school.year_id).sign_others_before:%d/%m}" == "28/05"
    assert len(entries()) == 1


def test_who_saves_on_an_old_page_is_told_and_may_save_again(school: Cast, client_of: Clients) -> None:
    client = client_of("principal")
    old = filled(client)
    client.post("/nam-hoc", data={**old, "sign_others_before": "28/05/2027"})
    answer = client.post("/nam-hoc", data={**old, "summer_freeze_on": "14/08/2027"})
    assert answer.status_code == 409 and "vừa được người khác sửa" in answer.get_data(as_text=True)
    assert len(entries()) == 1
    assert 'name="version" type="hidden" value="2"' in answer.get_data(as_text=True)


def test_a_grade_level_without_days_of_its_own_goes_with_all(school: Cast, client_of: Clients) -> None:
    client = client_of("principal")
    form = {**filled(client), "s2_g9_opens_on": "", "s2_g9_closes_on": "", "reason": "Bỏ lịch riêng"}
    assert client.post("/nam-hoc", data=form).status_code == 303
    assert filled(client)["s2_g9_closes_on"] == ""
    form = {**filled(client), "s2_g0_closes_on": "18/05/2027"}
    assert client.post("/nam-hoc", data=form).status_code == 303
    rows = db.session.execute(
        select(m.SemesterWindow.grade_level, m.SemesterWindow.closes_on).where(m.SemesterWindow.semester == 2)
    ).all()
    assert {(grade, f"{closes:%d/%m}") for grade, closes in rows} == {(None, "18/05"), (9, "18/05")}


def test_one_of_two_days_is_asked_for(school: Cast, client_of: Clients) -> None:
    client = client_of("principal")
    answer = client.post("/nam-hoc", data={**filled(client), "s1_g7_opens_on": "10/09/2026"})
    assert answer.status_code == 422 and "hoặc để trống cả hai" in answer.get_data(as_text=True)


@pytest.mark.parametrize("who", ["vice_principal", "clerk", "head_science", "board"])
def test_who_follows_the_progress_reads_and_has_no_form(school: Cast, client_of: Clients, who: str) -> None:
    page = client_of(who).get("/nam-hoc").get_data(as_text=True)
    assert "trước 20/05/2027" in page and "12/05/2027" in page
    assert 'action="/nam-hoc"' not in page
    assert client_of(who).post("/nam-hoc", data={"version": "1"}).status_code == 403


def test_dates_changed_behind_the_applications_back_are_said(school: Cast, client_of: Clients) -> None:
    assert "sửa ngoài phần mềm" not in client_of("principal").get("/nam-hoc").get_data(as_text=True)
    with write_transaction() as session:
        session.execute(text("UPDATE semester_window SET closes_on = '2027-05-30' WHERE grade_level = 9"))
    assert "sửa ngoài phần mềm" in client_of("principal").get("/nam-hoc").get_data(as_text=True)


def test_a_closed_year_keeps_its_dates(school: Cast) -> None:
    with write_transaction() as session:
        session.execute(update(m.SchoolYear).values(state="CLOSED"))
    with pytest.raises(year_calendar.WrongState):
        year_calendar.save(school.actor("principal"), school.year_id, {}, {}, None, 1, LATER)


@pytest.mark.parametrize("typed", ["-1", "101", "", "mười"])
def test_the_share_of_the_check_from_the_papers_has_its_bounds(school: Cast, client_of: Clients, typed: str) -> None:
    client = client_of("principal")
    answer = client.post("/nam-hoc", data={**filled(client), "spot_check_percent": typed})
    assert (answer.status_code == 422 and "từ 0 đến 100" in answer.get_data(as_text=True)) or typed in ("", "mười")
    assert answer.status_code == 422 and entries() == []


def test_the_principal_sets_how_much_is_checked_from_the_papers(school: Cast, client_of: Clients) -> None:
    client = client_of("principal")
    answer = client.post("/nam-hoc", data={**filled(client), "spot_check_percent": "10"}, follow_redirects=True)
    assert "Đối chiếu bài gốc: 0 % thành 10 %" in answer.get_data(as_text=True)
    year = db.session.get(m.SchoolYear, school.year_id, populate_existing=True)
    assert year is not None and year.spot_check_percent == 10
    assert "10 %" in client_of("clerk").get("/nam-hoc").get_data(as_text=True)
    assert audit_verify.verify().ok
