"""Requests made by another site or by hand: forged tokens and origins, a poisoned Host, crooked addresses, odd methods."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid
from hocbaso.services import students
from hocbaso.web.security import safe_next
from tests.cast import PASSWORD, Cast
from tests.web.attacks.surface import addresses, dump
from tests.web.test_transcripts import Site

Clients = Callable[[str], FlaskClient]
EVIL = "evil.example"
POISON = {
    "Host": EVIL,
    "X-Forwarded-Host": EVIL,
    "X-Forwarded-Proto": "https",
    "Forwarded": f"host={EVIL}",
    "X-Host": EVIL,
}


def token_on(client: FlaskClient) -> str:
    return re.search(r'<meta name="csrf-token" content="([^"]+)"', client.get("/tro-giup").text)[1]


# --- forged forms -------------------------------------------------------------------------------------------------------


def test_no_form_is_taken_without_its_own_token(client_of: Clients, school_app: Flask, school: Cast) -> None:
    """Without a token, with that of another person's session, with rubbish: 419 for each act, and nothing is written.

    Restoring a backup is a page of an empty server alone: here it does not exist, with a token or without.
    """
    victim, thief = client_of("principal"), client_of("clerk")
    school_app.config["WTF_CSRF_ENABLED"] = True
    token_on(victim)
    foreign = token_on(thief)
    before = dump()
    passed = [
        (path, token, answer.status_code)
        for endpoint, path in addresses(school_app, "POST", per_argument=1)
        if endpoint != "setup.restore"
        for token in ("", foreign, "x" * 91)
        if (answer := victim.post(path, data={"csrf_token": token}, headers={"X-CSRFToken": token})).status_code != 419
    ]
    assert passed == []
    assert dump() == before


@pytest.mark.parametrize(
    "origin", [f"http://{EVIL}", f"https://{EVIL}", "null", "http://localhost.evil.example", "file://", "http://["]
)
def test_no_form_is_taken_from_another_site(origin: str, client_of: Clients, school_app: Flask, school: Cast) -> None:
    client = client_of("principal")
    school_app.config["WTF_CSRF_ENABLED"] = True
    token = token_on(client)
    before = dump(without={"user_session", "address_attempts", "audit_entry"})
    answers = {
        client.post(path, data={"csrf_token": token}, headers={"Origin": origin}).status_code
        for _, path in addresses(school_app, "POST", per_argument=1)
    }
    assert answers == {403}
    assert dump(without={"user_session", "address_attempts", "audit_entry"}) == before


@pytest.mark.parametrize("address", ["http://localhost", "http://10.0.0.5:5000", "https://hocba.dongsen.example"])
def test_the_own_pages_may_send_their_forms(address: str, school_app: Flask, school: Cast) -> None:
    client = school_app.test_client()
    school_app.config["WTF_CSRF_ENABLED"] = True
    token = re.search(r'name="csrf-token" content="([^"]+)"', client.get("/dang-nhap", base_url=address).text)[1]
    answer = client.post(
        "/dang-nhap",
        data={"username": "gv009", "password": PASSWORD, "csrf_token": token},
        headers={"Origin": address, "Referer": f"{address}/dang-nhap"},
        base_url=address,
    )
    assert answer.status_code == 303


def test_only_get_reads_and_no_header_makes_an_act_of_it(client_of: Clients, school_app: Flask, school: Cast) -> None:
    client = client_of("principal")
    before = dump()
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "QUERY"):
        for path in ("/hom-nay", f"/lop/{school.classes['9A']}/duyet", "/static/css/app.css"):
            assert client.open(path, method=method).status_code == 405
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        path = f"/lop/{school.classes['9A']}/duyet"
        assert client.get(path, headers={name: "POST"}, query_string={"_method": "POST"}).status_code == 405
    assert dump() == before


# --- where an answer leads ----------------------------------------------------------------------------------------------


def test_a_poisoned_host_is_nowhere_in_the_answers(hostile: Site) -> None:
    found = []
    for person in ("principal", None):
        client = hostile(person)
        for _, path in addresses(hostile.app, "GET", per_argument=1):
            for address in {path, path.rstrip("/") or "/", f"/{path}"}:
                answer = client.open(environ_overrides={"PATH_INFO": address}, headers=POISON)
                if EVIL in answer.headers.get("Location", "") or EVIL.encode() in answer.data:
                    found.append((person, address, answer.status_code))
    assert found == []


def test_a_missing_slash_leads_to_the_same_server(client_of: Clients, school: Cast) -> None:
    client = client_of("math")
    answer = client.get("/bang-diem?a=1", headers=POISON)
    assert (answer.status_code, answer.location) == (308, "/bang-diem/?a=1")
    crooked = client.open(environ_overrides={"PATH_INFO": "///evil.example//lop"})
    assert crooked.status_code == 404 or re.match(r"/[^/\\]", crooked.location)


ELSEWHERE = (
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "http:evil.example", "https://evil.example",
    "/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", "javascript:pwn(1)", "JaVaScRiPt://%0apwn(1)",
    "data:text/html,x", "/%0d%0aSet-Cookie:a=b", "/a\r\nLocation: //evil.example", "//localhost@evil.example", "/\x00/evil.example",
    "evil.example", "", "/..//evil.example/\\",
)  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_signing_in_leads_nowhere_else(target: str, school_app: Flask, school: Cast) -> None:
    answer = school_app.test_client().post(
        "/dang-nhap", data={"username": "gv009", "password": PASSWORD, "next": target}
    )
    assert answer.status_code == 303
    assert re.fullmatch(r"/[^/\\\s][^\\\s]*", answer.location)
    assert "evil" not in answer.location or answer.location.startswith("/..")
    assert "Set-Cookie: a" not in str(answer.headers)
    page = school_app.test_client().get("/dang-nhap", query_string={"next": target}).text
    stays = safe_next(target)
    assert stays or not re.search(r'name="next"[^>]*value="[^"]+"', page)


# --- files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "../config.py", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "....//....//etc/passwd", "..\\..\\app.py", "/etc/passwd",
        "css/../../hocbaso/config.py", "css/%00app.css", "css/app.css/../../../app.py", "~root/.bashrc", "C:\\Windows\\win.ini", ".", "css/",
        "file:///etc/passwd", "\u2215etc\u2215passwd", "..;/app.py", "%c0%ae%c0%ae/app.py",
    ],
)  # fmt: skip
def test_nothing_outside_the_folder_is_served(path: str, school_app: Flask, school: Cast) -> None:
    assert school_app.test_client().get(f"/static/{path}").status_code in (404, 308)


@pytest.mark.parametrize("face", ["../pdf", "pdf%00", "pdf.exe", "..%2f..%2fsecret_key", "PDF"])
def test_a_transcript_has_two_faces_only(face: str, hostile: Site) -> None:
    assert hostile("principal").get(f"/hoc-ba/{hostile.uuids()[0]}/tai-{face}").status_code == 404


def test_a_vietnamese_name_of_a_file_is_a_plain_header(hostile: Site) -> None:
    uuid = hostile.uuids()[0]
    with hostile.app.app_context():
        with write_transaction() as session:
            session.execute(update(m.Student).values(moet_code=None))
            session.execute(update(m.Student).where(m.Student.id == 6).values(register_no="Đ12/THCS ế"))
        record = db.session.scalar(select(m.TranscriptRecord).where(m.TranscriptRecord.enrollment_id == 6))
        uuid = record.uuid
    header = hostile("principal").get(f"/hoc-ba/{uuid}/tai-pdf").headers["Content-Disposition"]
    assert header.isascii() and "\n" not in header
    assert header == "attachment; filename=\"12-THCS e.pdf\"; filename*=UTF-8''%C4%9012-THCS%20%E1%BA%BF.pdf"


@pytest.mark.parametrize(
    "code", ['12"; filename=x.exe', "a\r\nSet-Cookie: a=b", "../../etc/x", "..\\x", "a;b", "a\x00b", "CON\x7f"]
)
def test_no_code_that_would_break_a_header_is_stored(code: str, school: Cast) -> None:
    for field in ("moet_code", "register_no"):
        try:
            stored = students.read_value(field, code)
        except Invalid:
            continue
        assert not set(str(stored)) & set('";\r\n\\\x00\x7f') and ".." not in str(stored).replace("/", "")
