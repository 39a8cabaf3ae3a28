"""Help: each screen's "?" opens a section that exists, the manual is found without marks, questions are answered, the tour ends."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from flask import Flask
from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import WrongState
from hocbaso.regulations.help_flow import HELP_FLOW, HelpParty, HelpState, HelpVerb, help_moved
from hocbaso.web import manual
from hocbaso.web.security import access_of
from tests.cast import NOW, PEOPLE, Cast


@pytest.fixture(autouse=True)
def school_day(school, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


# Pages without a frame of ours around them for somebody signed in: files, fragments, strangers' pages, the first run.
BARE = {"static", "pages", "pwa", "setup", "trust"}


def test_the_question_mark_of_every_page_opens_a_section_that_exists(school_app: Flask):
    anchors = {(one.chapter.key, one.anchor) for one in manual.sections_of(school_app)}
    keys = {chapter.key for chapter in manual.CHAPTERS}
    lost = [
        rule.endpoint
        for rule in school_app.url_map.iter_rules()
        if access_of(school_app.view_functions[rule.endpoint]).kind in ("signed_in", "permission")
        and rule.endpoint.partition(".")[0] not in BARE | {"notices", "score_operations", "sheet_notes"}
        and manual.address_of(rule.endpoint) == "/huong-dan/"
    ]
    assert lost == []
    for target in manual.HERE.values():
        key, _, anchor = target.partition("#")
        assert key in keys and (not anchor or (key, anchor) in anchors), target
    endpoints = {rule.endpoint for rule in school_app.url_map.iter_rules()}
    blueprints = {name.partition(".")[0] for name in endpoints}
    assert {name for name in manual.HERE if name not in endpoints | blueprints} == set()


def test_links_inside_the_manual_lead_somewhere(school_app: Flask, client_of):
    anchors = {f"/huong-dan/{one.chapter.key}#{one.anchor}" for one in manual.sections_of(school_app)}
    client = client_of("principal")
    seen = set()
    for chapter in manual.CHAPTERS:
        page = client.get(f"/huong-dan/{chapter.key}")
        assert page.status_code == 200
        text = page.get_data(as_text=True).split("<article")[1].split("</article>")[0]
        seen |= set(re.findall(r'href="([^"]+)"', text))
    for link in seen:
        if "#" in link:
            assert link in anchors
        else:
            assert client.get(link).status_code in (200, 302, 303, 403), link
    assert client.get("/huong-dan/khong-co").status_code == 404


def test_no_section_is_empty_and_none_stands_twice(school_app: Flask):
    sections = manual.sections_of(school_app)
    assert len(sections) > 50
    assert all(len(one.text) > 40 and one.heading for one in sections)
    places = [(one.chapter.key, one.anchor) for one in sections]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("mất mạng", "mat-mang"),
        ("mat mang", "mat-mang"),
        ("HOC SINH CHUYEN DI", "roi-truong"),
        ("quên mật khẩu", "quen-mat-khau"),
        ("token", "dang-ky"),
        ("trả lại", "tra-lai"),
    ],
)
def test_the_manual_is_found_with_and_without_marks(school_app: Flask, query: str, first: str):
    hits = manual.find(query, manual.sections_of(school_app))
    assert first in [hit.section.anchor for hit in hits][:2], [hit.section.anchor for hit in hits]


def test_what_is_looked_for_is_marked_and_nothing_else_gets_in(school_app: Flask):
    sections = manual.sections_of(school_app)
    hit = next(one for one in manual.find("cho mang", sections) if one.section.anchor == "mat-mang")
    assert "<mark>chờ</mark> <mark>mạng</mark>" in hit.snippet
    assert manual.find("", sections) == manual.find("!!!", sections) == manual.find("xyzzy", sections) == []

    class Tags(HTMLParser):
        found: set[str] = set()

        def handle_starttag(self, tag, attrs):
            self.found.add(tag)

    for query in ("b", "script", "<b>", "máy"):
        for one in manual.find(query, sections):
            Tags().feed(str(one.snippet))
    assert Tags.found <= {"mark"}


def test_each_person_is_shown_the_chapters_of_their_screens(client_of):
    teacher = client_of("other").get("/huong-dan/").get_data(as_text=True)
    officer = client_of("it_officer").get("/huong-dan/").get_data(as_text=True)
    assert 'href="/huong-dan/bang-diem"' in teacher and 'href="/huong-dan/may-chu"' not in teacher
    assert 'href="/huong-dan/bang-diem"' not in officer and 'href="/huong-dan/may-chu"' in officer
    assert "Không có mục nào" in client_of("other").get("/huong-dan/?q=zzzz").get_data(as_text=True)


# --- questions --------------------------------------------------------------------------------------------------------


def test_every_move_of_a_question_is_the_table():
    for state in HelpState:
        for verb in HelpVerb:
            for party in HelpParty:
                wanted = HELP_FLOW.get((state, verb))
                if wanted and wanted[1] is party:
                    assert help_moved(state, verb, frozenset({party})) is wanted[0]
                else:
                    with pytest.raises(WrongState):
                        help_moved(state, verb, frozenset({party}))


def question() -> m.HelpRequest:
    db.session.rollback()
    found = db.session.scalars(
        select(m.HelpRequest).order_by(m.HelpRequest.id.desc()).execution_options(populate_existing=True)
    ).first()
    assert found is not None
    return found


def test_a_question_is_asked_answered_asked_again_and_closed(client_of, school: Cast):
    teacher, officer, colleague = client_of("math"), client_of("it_officer"), client_of("other")
    assert teacher.post("/ho-tro/", data={"text": " ", "screen": "/"}).status_code == 422
    sent = teacher.post("/ho-tro/", data={"text": "Ô điểm báo chờ mạng mãi", "screen": "/hoc-sinh/7?x=1#a"})
    assert sent.status_code == 303
    row = question()
    assert (row.state, row.screen) == ("OPEN", "/hoc-sinh/…"), "the address names no pupil"
    page = officer.get("/ho-tro/").get_data(as_text=True)
    assert "Ô điểm báo chờ mạng mãi" in page and PEOPLE["math"][1] in page
    assert "trang Học sinh" in page and "/hoc-sinh/…" not in page
    assert "chờ mạng mãi" not in colleague.get("/ho-tro/").get_data(as_text=True)

    def act(client, verb: str, text: str = "", version: int | None = None) -> int:
        row = question()
        data = {"text": text, "version": str(version or row.version)}
        return client.post(f"/ho-tro/{row.id}/{verb}", data=data).status_code

    assert act(colleague, "tra-loi", "Tôi biết") == 404
    assert act(teacher, "tra-loi", "Tự trả lời") == 409
    assert act(officer, "tra-loi", "") == 422
    assert act(officer, "tra-loi", "Xin thử tắt bật Wi-Fi", version=99) == 409
    assert act(officer, "tra-loi", "Xin thử tắt bật Wi-Fi") == 303
    assert act(officer, "hoi-tiep", "x") == 409
    assert "Xin thử tắt bật" in teacher.get("/ho-tro/").get_data(as_text=True)
    assert act(teacher, "hoi-tiep", "Vẫn thế") == 303 and question().state == "OPEN"
    assert act(officer, "tra-loi", "Tôi đến lớp") == 303
    assert act(teacher, "xong") == 303 and question().state == "CLOSED"
    assert act(officer, "tra-loi", "muộn") == 409
    told = db.session.scalars(select(m.Notice).where(m.Notice.kind == "help")).all()
    assert {one.person_id for one in told} == {school.people["math"], school.people["it_officer"]}
    tags = db.session.scalars(select(m.AuditEntry.tag).where(m.AuditEntry.target_kind == "help_request")).all()
    assert tags == ["help:request:asked", *["help:request:moved"] * 4]


def test_nobody_floods_the_officer(client_of):
    teacher = client_of("outsider")
    for n in range(10):
        assert teacher.post("/ho-tro/", data={"text": f"Giúp tôi {n}", "screen": "/"}).status_code == 303
    assert teacher.post("/ho-tro/", data={"text": "Giúp tôi nữa", "screen": "/"}).status_code == 422
    assert db.session.scalar(select(func.count(m.HelpRequest.id))) == 10
    assert teacher.post("/ho-tro/", data={"text": "x" * 2001, "screen": "/"}).status_code == 422


# --- the tour ---------------------------------------------------------------------------------------------------------


def test_the_tour_stands_where_the_day_begins_until_it_was_seen(client_of):
    client = client_of("math")
    start = client.get("/").location
    assert 'id="lam-quen"' in client.get(start).get_data(as_text=True)
    assert 'id="lam-quen"' not in client.get("/tro-giup").get_data(as_text=True)
    assert client.post("/lam-quen/xong").location == start
    assert client.post("/lam-quen/xong").status_code == 303, "twice is once"
    assert 'id="lam-quen"' not in client.get(start).get_data(as_text=True)
    assert 'id="lam-quen"' in client_of("principal").get("/hom-nay").get_data(as_text=True)
    client.post("/lam-quen/lai")
    assert 'id="lam-quen"' in client.get(start).get_data(as_text=True)
