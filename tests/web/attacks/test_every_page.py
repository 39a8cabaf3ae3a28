"""Every address with a GET, as each person and a stranger, in a school full of markup: what comes back and what it leaves behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.web.headers import HELPER
from tests.cast import NOW, Cast
from tests.services.approved_class import copy_of
from tests.web.attacks.surface import EVERYBODY, addresses, dump, foreign_markup
from tests.web.test_transcripts import Site

READING_IS_LOGGED = {"transcript:file:read", "export:file:made", "access:request:denied"}
"""Entries of the log that looking may leave: who opened a transcript's file, took a sheet home, and was refused."""
WIDE = ("principal", "math")
"""Who goes to several of a kind, and asks for each page as htmx does too."""

FRAGMENT = {"HX-Request": "true"}
NOT_READY = {"health.healthz", "trust.root_file"}
"""503 here: the schema of a test is made without migrations. 404: there is no authority of its own."""

SHELL = {"pwa.worker"}
"""The same script for everybody, without a word about anybody: a browser keeps it and asks each time."""


@dataclass
class Walk:
    """All answers, and what the database held before and after each person's round."""

    answers: list[tuple[str | None, str, str, TestResponse]]
    changed: dict[str | None, set[str]]
    new_entries: Counter[str]


@pytest.fixture(scope="module")
def walk(
    hostile_template: Path, school_template: tuple[Path, Cast], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Walk]:
    """One round through every page by everybody."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NOW + timedelta(hours=8))
        app = copy_of(hostile_template, tmp_path_factory.mktemp("walk") / "instance")
        site = Site(app, school_template[1])
        answers, changed = [], {}
        for person in EVERYBODY:
            site(person)  # signing in writes, looking must not
        with app.app_context():
            last = db.session.scalar(select(func.max(m.AuditEntry.seq))) or 0
            wide, narrow = addresses(app, "GET"), addresses(app, "GET", per_argument=1)
            for person in EVERYBODY:
                before = dump()
                for endpoint, path in wide if person in WIDE else narrow:
                    answers.append((person, endpoint, path, site(person).get(path)))
                    if person in WIDE:
                        answers.append((person, endpoint, path, site(person).get(path, headers=FRAGMENT)))
                after = dump()
                changed[person] = {name for name in before if before[name] != after[name]}
            new = db.session.execute(
                select(m.AuditEntry.tag, func.count()).where(m.AuditEntry.seq > last).group_by(m.AuditEntry.tag)
            )
            yield Walk(answers, changed, Counter(dict(new.all())))
            db.session.remove()
            db.engine.dispose()


def test_stored_markup_is_only_text_on_every_page(walk: Walk) -> None:
    pages = [(who, path, answer.text) for who, _, path, answer in walk.answers if answer.mimetype == "text/html"]
    assert [(who, path, line) for who, path, html in pages if "xq" in html for line in foreign_markup(html)] == []
    assert sum("&lt;xq" in html for _, _, html in pages) > 120, "the markup has to be there to be escaped"


def test_no_page_breaks_on_stored_markup(walk: Walk) -> None:
    broken = [
        (who, path) for who, endpoint, path, it in walk.answers if it.status_code >= 500 and endpoint not in NOT_READY
    ]
    assert broken == []
    opened = {endpoint for _, endpoint, _, it in walk.answers if it.status_code in (200, 301, 302, 303)}
    closed = {endpoint for _, endpoint, _, _ in walk.answers} - opened - NOT_READY
    assert {name for name in closed if not name.startswith("setup.")} == set(), "each page has to be open to somebody"


def test_every_answer_carries_the_headers(walk: Walk) -> None:
    wrong = []
    for who, endpoint, path, answer in walk.answers:
        headers, faults = answer.headers, []
        policy = headers.get("Content-Security-Policy", "")
        embedded = endpoint == "transcripts.pdf" and answer.status_code == 200
        wanted = ["default-src 'none'", "script-src 'self'", "style-src 'self'", "object-src 'none'", "base-uri 'none'"]
        if endpoint == "desk.register_page":  # the one page here that speaks to the signing helper of its own computer
            policy = policy.replace(f"connect-src 'self' {HELPER};", "connect-src 'self';")
        wanted.append("frame-ancestors 'self'" if embedded else "frame-ancestors 'none'")
        if any(part not in policy for part in wanted) or any(word in policy for word in ("unsafe", "*", "http")):
            faults.append(f"policy {policy}")
        if headers.get("X-Content-Type-Options") != "nosniff":
            faults.append("sniffing")
        if headers.get("Referrer-Policy") not in ("same-origin", "no-referrer"):
            faults.append("referrer")
        if endpoint in SHELL:
            if headers.get("Cache-Control") != "no-cache":
                faults.append(f"shell kept: {headers.get('Cache-Control')}")
        elif endpoint != "static" and headers.get("Cache-Control") != "no-store":
            faults.append(f"cached: {headers.get('Cache-Control')}")
        for cookie in headers.getlist("Set-Cookie"):
            if "HttpOnly" not in cookie or "SameSite=Lax" not in cookie or "Domain" in cookie:
                faults.append(f"cookie {cookie[:40]}")
        if "Server" in headers and "/" in headers["Server"]:
            faults.append("says what serves it")
        if faults:
            wrong.append((who, path, faults))
    assert wrong == []


def test_looking_writes_nothing_but_who_looked(walk: Walk) -> None:
    assert {
        who: tables - {"audit_entry", "audit_head", "daily_look"} for who, tables in walk.changed.items() if tables
    } == {who: set() for who, tables in walk.changed.items() if tables}
    assert set(walk.new_entries) <= READING_IS_LOGGED
    assert walk.changed[None] == set(), "a stranger's round leaves nothing at all"


def test_no_page_of_the_it_officer_holds_a_score(walk: Walk) -> None:
    opened = [path for who, _, path, it in walk.answers if who == "it_officer" and it.status_code == 200]
    assert not [
        path for path in opened if path.startswith(("/bang-diem/", "/lop/", "/hoc-ba/", "/tien-do", "/hoc-sinh"))
    ]
