"""The cookie itself, copied by hand: whatever ends a session ends every copy of its cookie, and none can be planted or forged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.permissions import Role
from hocbaso.services import accounts, credentials, passwords, role_grants, sessions
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, PASSWORD, Cast

Clients = Callable[[str], FlaskClient]
NAME = "hocbaso"


@pytest.fixture(autouse=True)
def school_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def cookie_of(client: FlaskClient) -> str:
    found = client.get_cookie(NAME)
    assert found is not None
    return found.value


def opens(app: Flask, cookie: str) -> bool:
    """Whether a copied cookie opens a page of the school, asks as a fragment, or does an act."""
    thief = app.test_client()
    thief.set_cookie(NAME, cookie)
    page = thief.get("/tai-khoan").status_code
    thief.set_cookie(NAME, cookie)
    part = thief.get("/tai-khoan", headers={"HX-Request": "true"}).status_code
    thief.set_cookie(NAME, cookie)
    act = thief.post("/hom-nay", data={}).status_code
    assert (page == 200) == (part == 200)
    assert page == 200 or (page, part, act) == (303, 401, 303)
    return page == 200


def wear_out(act: str, cast: Cast, app: Flask, client: FlaskClient) -> None:
    account, person = cast.accounts["vice_principal"], cast.people["vice_principal"]
    match act:
        case "signs out":
            client.post("/thoat")
        case "signs out elsewhere with a copy":
            copy = app.test_client()
            copy.set_cookie(NAME, cookie_of(client))
            copy.post("/thoat")
        case "is disabled":
            accounts.disable(cast.actor("it_officer"), account, NOW)
        case "is disabled and enabled again":
            accounts.disable(cast.actor("it_officer"), account, NOW)
            accounts.enable(cast.actor("it_officer"), account, NOW)
        case "gets a role":
            role_grants.grant_role(cast.actor("principal"), person, Role.BOARD_MEMBER, NOW)
        case "loses a role":
            grant = db.session.scalar(select(m.RoleGrant.id).where(m.RoleGrant.person_id == person))
            role_grants.end_role(cast.actor("principal"), grant, NOW)
        case "changes the password":
            new = passwords.generate()
            answer = client.post("/tai-khoan", data={"old": PASSWORD, "password": new, "again": new})
            assert answer.status_code == 303
        case "gets a new first password":
            credentials.reset_password(SYSTEM, account, NOW)


@pytest.mark.parametrize(
    "act",
    [
        "signs out", "signs out elsewhere with a copy", "is disabled", "is disabled and enabled again", "gets a role", "loses a role",
        "changes the password", "gets a new first password",
    ],
)  # fmt: skip
def test_a_copied_cookie_dies_when_its_owner(act: str, client_of: Clients, school_app: Flask, school: Cast) -> None:
    client = client_of("vice_principal")
    copied = cookie_of(client)
    assert opens(school_app, copied)
    wear_out(act, school, school_app, client)
    assert not opens(school_app, copied)
    if act == "changes the password":
        assert client.get("/tai-khoan").status_code == 200, "the browser that changed it stays"


def test_a_copied_cookie_dies_with_the_day(
    client_of: Clients, school_app: Flask, school: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = cookie_of(client_of("math"))
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(hours=12, seconds=1))
    assert not opens(school_app, copied)


def test_a_planted_cookie_is_not_the_session_that_signing_in_opens(school_app: Flask, school: Cast) -> None:
    """Fixation: the attacker lays the own half-open session into the browser of the victim and waits."""
    attacker = school_app.test_client()
    school_app.config["WTF_CSRF_ENABLED"] = True
    attacker.get("/dang-nhap")
    planted = cookie_of(attacker)
    school_app.config["WTF_CSRF_ENABLED"] = False
    victim = school_app.test_client()
    victim.set_cookie(NAME, planted)
    assert victim.post("/dang-nhap", data={"username": "gv001", "password": PASSWORD}).status_code == 303
    assert cookie_of(victim) != planted
    assert not opens(school_app, planted)
    own = school_app.test_client()
    own.post("/dang-nhap", data={"username": "gv009", "password": PASSWORD})
    mine = cookie_of(own)
    victim = school_app.test_client()
    victim.set_cookie(NAME, mine)
    victim.post("/dang-nhap", data={"username": "gv001", "password": PASSWORD})
    assert not opens(school_app, mine), "signing in over a planted session ends that session"


def forged(app: Flask, key: str, content: dict[str, object]) -> str:
    class Other:
        secret_key = key
        config = {**app.config, "SECRET_KEY_FALLBACKS": None}

    serializer = SecureCookieSessionInterface().get_signing_serializer(Other())  # type: ignore[arg-type]
    assert serializer is not None
    return serializer.dumps(content)


def test_a_cookie_cannot_be_made_by_hand(client_of: Clients, school_app: Flask, school: Cast) -> None:
    good = cookie_of(client_of("principal"))
    row = db.session.scalars(select(m.UserSession)).one()
    with client_of("principal").session_transaction() as browser:
        token = browser["_user_id"]
    assert opens(school_app, forged(school_app, school_app.secret_key, {"_user_id": token})), (
        "the forger of this test works"
    )
    attempts = [
        forged(school_app, "another key", {"_user_id": token}),
        forged(school_app, school_app.secret_key, {"_user_id": row.token_digest}),
        forged(school_app, school_app.secret_key, {"_user_id": str(row.id)}),
        forged(school_app, school_app.secret_key, {"_user_id": str(school.accounts["principal"])}),
        forged(school_app, school_app.secret_key, {"_user_id": ""}),
        forged(school_app, school_app.secret_key, {"_user_id": token.upper()}),
        forged(school_app, school_app.secret_key, {"_user_id": token + " "}),
        token, good[:-1], good[:-4] + "AAAA", "." + good, good.split(".")[0], "", "null", "a" * 4000,
    ]  # fmt: skip
    assert [attempt for attempt in attempts if opens(school_app, attempt)] == []


def test_the_cookie_tells_nothing_of_its_owner(client_of: Clients, school_app: Flask, school: Cast) -> None:
    serializer = SecureCookieSessionInterface().get_signing_serializer(school_app)
    content = serializer.loads(cookie_of(client_of("principal")))
    assert set(content) <= {"_user_id", "_fresh", "_id", "csrf_token"}
    assert not any(word in str(content) for word in ("gv001", "Đoàn", "principal"))
    assert sessions.digest(content["_user_id"]) == db.session.scalars(select(m.UserSession.token_digest)).one()


def test_the_second_step_cannot_be_left_out(school_app: Flask, school: Cast) -> None:
    """A right password alone opens no page, no fragment and no act of an account that owes a code or a new password."""
    slip = credentials.reset_password(SYSTEM, school.accounts["principal"], NOW)
    client = school_app.test_client()
    client.post("/dang-nhap", data={"username": slip.username, "password": slip.password})
    for path in ("/", "/tai-khoan", "/hom-nay", f"/lop/{school.classes['9A']}", "/nguoi-dung/vai-tro", "/tim?q=an"):
        assert client.get(path).location == "/dang-nhap/mat-khau-moi"
        part = client.get(path, headers={"HX-Request": "true"})
        assert part.status_code in (200, 303) or (part.status_code, part.data) == (401, b"")
        assert "Châu" not in part.text
    for path in ("/hom-nay", f"/lop/{school.classes['9A']}/duyet", "/xac-nhan", "/nguoi-dung/vai-tro"):
        assert client.post(path, data={"password": slip.password}).location == "/dang-nhap/mat-khau-moi"


def test_over_https_the_cookie_is_bound_to_this_server(school_app: Flask) -> None:
    import dataclasses

    from hocbaso.factory import create_app

    app = create_app(config=dataclasses.replace(school_app.config["HOCBASO"], https=True))
    cookie = app.test_client().get("/dang-nhap", base_url="https://localhost").headers.getlist("Set-Cookie")
    assert cookie and all(
        line.startswith("__Host-hocbaso=") and "Secure" in line and "Path=/" in line and "HttpOnly" in line
        and "SameSite=Lax" in line and "Domain" not in line
        for line in cookie
    )  # fmt: skip
