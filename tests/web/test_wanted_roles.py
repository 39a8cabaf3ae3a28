"""Roles that the staff list calls for wait for the principal, on the day's page and with one button each."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.permissions import Role
from hocbaso.services import dashboard, reset_requests, role_grants
from hocbaso.services.access import SYSTEM
from hocbaso.services.wanted_roles import wanted_roles
from tests.cast import NOW


@pytest.fixture(autouse=True)
def school_day(school, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def position(school, key: str, words: str) -> None:
    with write_transaction() as session:
        session.get(m.Person, school.people[key]).position_title = words


def test_the_principal_sees_gives_and_is_done(school, client_of):
    before = dashboard.count_waiting(school.actor("principal"), NOW)
    position(school, "outsider", "Giáo viên, Tổ trưởng")
    position(school, "head_society", "Tổ trưởng")  # holds it
    position(school, "principal", "Hiệu trưởng")
    assert dashboard.count_waiting(school.actor("principal"), NOW) == before + 1
    client = client_of("principal")
    day = client.get("/hom-nay").get_data(as_text=True)
    assert re.search(r'<span class="num">1</span> người chờ giao vai trò theo danh sách cán bộ', day)
    assert "Cao Xuân Nghĩa: Tổ trưởng Tổ Xã hội" in day
    page = client.get("/nguoi-dung/vai-tro").get_data(as_text=True)
    form = page.split('id="cho-giao"')[1].split("<form")[1].split("</form>")[0]
    data = dict(re.findall(r'name="(person_id|role|scope)" value="([^"]*)"', form))
    answer = client.post("/nguoi-dung/vai-tro", data=data)
    assert answer.status_code == 303
    db.session.expire_all()
    grant = db.session.scalars(select(m.RoleGrant).where(m.RoleGrant.person_id == school.people["outsider"])).one()
    assert (grant.role, grant.scope_id) == ("group_head", school.groups["Tổ Xã hội"])
    assert wanted_roles(school.actor("principal")) == []
    assert "cho-giao" not in client.get("/nguoi-dung/vai-tro").get_data(as_text=True)


def test_nobody_else_is_asked_and_an_ended_role_is_not_asked_for_again(school):
    position(school, "outsider", "Phó Hiệu trưởng")
    for key in ("clerk", "vice_principal", "it_officer", "math"):
        assert wanted_roles(school.actor(key)) == []
    grant = role_grants.grant_role(SYSTEM, school.people["outsider"], Role.VICE_PRINCIPAL, NOW)
    role_grants.end_role(SYSTEM, grant.id, NOW)
    assert wanted_roles(school.actor("principal")) == []


def test_a_reset_that_waits_is_counted_on_the_day_and_on_the_rail(school, client_of):
    actor = school.actor("clerk")
    before = dashboard.count_waiting(actor, NOW)
    reset_requests.ask(school.actor("it_officer"), school.accounts["math"], reset_requests.ResetKind.PASSWORD, NOW)
    assert dashboard.count_waiting(actor, NOW) == before + 1 == dashboard.daily(actor, NOW).n_waiting
    page = client_of("clerk").get("/hom-nay").get_data(as_text=True)
    assert f'class="waits__n">{before + 1}<' in page and "Hôm nay không có việc chờ" not in page
    assert f'class="nav__count"><span class="vh">, </span>{before + 1}<' in page
