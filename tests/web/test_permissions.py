"""Each route declares who may pass, the table names each route, and each person of the cast gets what the table says."""

from __future__ import annotations

from collections import Counter

import pytest
from flask import Flask
from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.permissions import LEARNING_DATA
from hocbaso.web.security import access_of
from tests.cast import PEOPLE, Cast
from tests.web.permission_table import ROWS, Row

ANSWERED_BY_THE_FRAMEWORK = {"HEAD", "OPTIONS"}


def test_every_route_declares_its_access(app: Flask):
    bare = [endpoint for endpoint, view in app.view_functions.items() if access_of(view) is None]
    assert bare == []


def test_every_route_and_method_has_one_row(app: Flask):
    routes = {
        (rule.endpoint, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - ANSWERED_BY_THE_FRAMEWORK
    }
    rows = Counter((row.endpoint, row.method) for row in ROWS)
    assert sorted(routes - set(rows)) == [], "routes without a row in tests/web/permission_table.py"
    assert sorted(set(rows) - routes) == [], "rows without a route"
    assert [row for row, n in rows.items() if n > 1] == []


def test_a_route_without_a_mark_is_refused(app: Flask):
    app.add_url_rule("/quen-danh-dau", "forgotten", lambda: "secret")
    answer = app.test_client().get("/quen-danh-dau")
    assert answer.status_code == 500
    assert "secret" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method}-{row.endpoint}")
def test_each_person_gets_what_the_table_says(row: Row, school_app: Flask, client_of, school: Cast):
    clients = {
        person: school_app.test_client() if person == "stranger" else client_of(person)
        for person in ("stranger", *PEOPLE)
    }
    # Those who are refused come first: whoever passes may change what the others would meet.
    for person in sorted(clients, key=lambda name: (name in row.people, name)):
        client = clients[person]
        before = {} if person in row.people else _counts()
        answer = client.open(row.address(school), method=row.method, data=row.data if row.method != "GET" else None)
        if person in row.people:
            assert answer.status_code in row.passes, f"{person}: {answer.status_code}"
        elif person == "stranger":
            assert (answer.status_code == 303 and "/dang-nhap" in answer.location) or answer.status_code == 404
        else:
            assert answer.status_code in row.refused, f"{person}: {answer.status_code}"
            assert _counts() == before, f"{person} was refused, and something was written"


_COUNTED = [
    table
    for table in m.Account.metadata.sorted_tables
    if table.name
    not in {"audit_entry", "user_session", "address_attempts"}  # a refusal and a look are written down there
]
_COUNT = select(*(select(func.count()).select_from(table).scalar_subquery().label(table.name) for table in _COUNTED))
"""All of them in one statement: it is asked before and after each refusal, five thousand times a run."""


def _counts() -> dict[str, int]:
    """Rows of every table but those that a refusal may grow."""
    db.session.rollback()
    return dict(db.session.execute(_COUNT).mappings().one())


def test_a_refusal_is_written_down_once_a_minute(client_of, school: Cast):
    client = client_of("math")
    for _ in range(3):
        assert client.get("/nguoi-dung/tai-khoan").status_code == 403
    db.session.rollback()
    entries = db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.tag == "access:request:denied")).all()
    assert [(entry.actor_id, entry.target_id) for entry in entries] == [
        (school.accounts["math"], "GET /nguoi-dung/tai-khoan")
    ]


def test_no_power_of_the_it_officer_reaches_learning_data(client_of, school_app: Flask, school: Cast):
    actor = school.actor("it_officer")
    assert actor.permissions & LEARNING_DATA == frozenset()
    open_to_it = [
        endpoint
        for endpoint, view in school_app.view_functions.items()
        if (rule := access_of(view)) and rule.kind == "permission" and rule.allows(actor)
    ]
    for endpoint in open_to_it:
        wanted = access_of(school_app.view_functions[endpoint]).permissions
        assert wanted & actor.permissions - LEARNING_DATA, endpoint


def test_the_rail_shows_only_places_that_open(client_of):
    for person in PEOPLE:
        client = client_of(person)
        page = client.get("/tro-giup").get_data(as_text=True)
        rail = page.split('<ul class="nav__list">')[1].split("</ul>")[0]
        for address in [part.split('"')[0] for part in rail.split('href="')[1:] if part.startswith("/")]:
            assert client.get(address, follow_redirects=True).status_code == 200, f"{person} {address}"
