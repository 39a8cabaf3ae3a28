"""Every page of every person in a school that has nothing, one that is half filled, and one that has turned the year.

A page answers with something to read or to do: no fault, no blank, no dead end. Who may open which page is the permission table's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from hocbaso import clock
from hocbaso.db import db
from tests import cast as cast_module
from tests.cast import NOW, PASSWORD, PEOPLE, Cast
from tests.services.finished_year import class_named
from tests.services.summer_class import summer_9a
from tests.services.test_year_turn import AUGUST, finish_first_year, turn
from tests.web.permission_table import ROWS, Row

WHO = tuple(key for key in PEOPLE if key != "head_science")  # head_society heads a group and keeps a class as well
OCTOBER = datetime(2027, 10, 5, 2, 0, tzinfo=UTC)
OUTSIDE = ("static", "auth.", "pwa.", "trust.", "health.healthz")
"""Files, signing in, and pages for machines and strangers: the same at every stage."""
NOTHING = re.compile(r"/999999|/khong-co|[0-9a-f]{8}-[0-9a-f]{4}-|/tu-xa/")
"""Addresses of the table that name what does not exist."""
ONWARD = re.compile(r"<(?:a|button|form|select|input)\b|class=\"empty\"|<kbd")
LINK = re.compile(r'<a [^>]*href="(/[^"#?]*)')
INDEXES = ("/hom-nay", "/lop/", "/bang-diem/", "/hoc-sinh/", "/hoc-ba/", "/he", "/tien-do", "/nam-hoc/chuyen")


def client_for(app: Flask, who: str) -> FlaskClient:
    client = app.test_client()
    answer = client.post("/dang-nhap", data={"username": PEOPLE[who][0].lower(), "password": PASSWORD})
    assert answer.status_code == 303
    return client


def own_pages(who: str, address: Callable[[Row], str | None]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The pages of the table that this person may open, with what they may be answered with."""
    for row in ROWS:
        if row.method == "GET" and who in row.people and not row.endpoint.startswith(OUTSIDE):
            path = address(row)
            if path is not None and not NOTHING.search(path):
                yield path, row.passes


def poor(client: FlaskClient, path: str, allowed: tuple[int, ...]) -> str:
    """What is wrong with a page; "" for a good one. A whole page has been looked at by the client (title, h1, forms)."""
    answer = client.get(path, follow_redirects=True)
    if answer.status_code not in allowed:
        return f"{path}: {answer.status_code}"
    if answer.mimetype != "text/html":
        return ""
    text = answer.get_data(as_text=True)
    whole = re.search(r"<main.*?</main>", text, re.S)
    main = whole[0] if whole else text
    words = " ".join(re.sub(r"<[^>]+>", " ", main).split())
    if len(words) < 40:
        return f"{path}: says only “{words}”"
    if whole and not ONWARD.search(main):
        return f"{path}: leads nowhere, “{words[:120]}”"
    if re.search(r"\bNone\b|\bnan\b|\{\{|Undefined", words):
        return f"{path}: unfinished words, “{words[:300]}”"
    return ""


def walk(
    app: Flask,
    address: Callable[[Row], str | None],
    *,
    refused: tuple[int, ...] = (),
    hop: re.Pattern[str] | None = None,
) -> None:
    """Every person through all pages of theirs; ``hop``: also one step on from the lists to such addresses, which exist."""
    found, n = {}, 0
    for who in WHO:
        client = client_for(app, who)
        paths = {path: (200, *passes, *refused) for path, passes in own_pages(who, address)}
        for index in INDEXES if hop else ():
            page = client.get(index, follow_redirects=True)
            links = LINK.findall(page.get_data(as_text=True)) if page.status_code == 200 else []
            paths |= {link: (200,) for link in links if hop.search(link) and link not in paths}
        n += len(paths)
        if wrong := [said for path, allowed in paths.items() if (said := poor(client, path, allowed))]:
            found[who] = wrong
    assert found == {}
    assert n > 100


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    return lambda now: monkeypatch.setattr(clock, "now", lambda: now)


def test_a_school_that_has_nothing_yet(app: Flask, at: Callable[[datetime], None]) -> None:
    at(NOW)
    with app.app_context():
        cast_module.build_bare()
    walk(app, lambda row: row.path if isinstance(row.path, str) else None, refused=(403, 404))


def test_a_school_half_way(school: Cast, school_app: Flask, at: Callable[[datetime], None]) -> None:
    summer_9a(school)
    db.session.rollback()
    at(NOW)
    walk(school_app, lambda row: row.address(school))
    # The principal's lists lead somewhere, whatever wrote the address: one link of each shape.
    principal = client_for(school_app, "principal")
    pages = [principal.get(index, follow_redirects=True).get_data(as_text=True) for index in INDEXES]
    ways = {re.sub(r"[0-9]+", "0", link): link for page in pages for link in LINK.findall(page)}
    assert [said for link in ways.values() if (said := poor(principal, link, (200,)))] == []
    assert "/he" in ways and len(ways) > 30, ways


def test_a_school_that_has_turned_the_year(school: Cast, school_app: Flask, at: Callable[[datetime], None]) -> None:
    finish_first_year(school)
    turn(school, AUGUST)
    new = "|".join(str(class_named(name, "2027-2028").id) for name in ("6A", "7A", "9A"))
    db.session.rollback()
    at(OCTOBER)

    def address(row: Row) -> str | None:
        path = row.address(school)
        return None if path.startswith("/hoc-ba/lop/") else path  # the records of ``finish_first_year`` have no content

    # 404: the board and the measures are about the open year, and the addresses of the table name a class of the old one.
    walk(school_app, address, refused=(404,), hop=re.compile(rf"^/(lop|hoc-sinh/lop|hoc-ba/lop|he)/({new})$"))
