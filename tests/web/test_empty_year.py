"""A year without a class: every place that anybody is led to answers, and says what comes first instead of ending there."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import write_transaction
from tests.cast import NOW

PEOPLE = ("principal", "vice_principal", "clerk", "it_officer", "head_science", "math", "other", "board")
FILES = re.compile(r"/(mau|tai|pdf|static)(/|$)|\.(pem|xlsx|crt)$")


@pytest.fixture(autouse=True)
def empty_year(school, monkeypatch):
    """The year of the cast is closed, the next one is open and has nothing yet."""
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=120))
    with write_transaction() as session:
        old = session.get(m.SchoolYear, school.year_id)
        new = {column.name: getattr(old, column.name) for column in m.SchoolYear.__table__.columns}
        old.state = "CLOSED"
        session.flush()
        session.add(m.SchoolYear(**{**new, "id": None, "label": "2027-2028"}))


def links(page: str) -> set[str]:
    return {
        found.partition("#")[0] for found in re.findall(r'<a [^>]*href="(/[^"]*)"', page) if not FILES.search(found)
    }


@pytest.mark.parametrize("who", PEOPLE)
def test_no_link_of_a_page_leads_nowhere(client_of, who):
    client = client_of(who)
    seen: dict[str, int] = {}
    waiting = [client.get("/").location]
    while waiting and len(seen) < 60:
        path = waiting.pop().replace("&amp;", "&")
        if path in seen:
            continue
        answer = client.get(path, follow_redirects=True)
        seen[path] = answer.status_code
        if answer.mimetype == "text/html":
            waiting += links(answer.get_data(as_text=True)) - seen.keys()
    assert len(seen) > 3
    assert {path: status for path, status in seen.items() if status != 200} == {}


def test_places_that_are_empty_say_what_comes_first(client_of):
    paper = client_of("clerk").get("/phieu-giay/").get_data(as_text=True)
    assert "Chưa có phiếu nào để in" in paper and "Cách dùng" in paper
    day = client_of("principal").get("/hom-nay").get_data(as_text=True)
    assert "Trường chưa có lớp nào" in day and "Hôm nay không có việc chờ" not in day
