"""Signing in, what opens and what ends a session, CSRF, the second factor, first passwords."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.permissions import Role
from hocbaso.services import accounts, credentials, passwords, role_grants, sessions, wrong_tries
from hocbaso.services.access import SYSTEM
from tests.cast import PASSWORD, Cast


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, **delta: int) -> None:
        self.at += timedelta(**delta)


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> Clock:
    watch = Clock(datetime(2027, 3, 1, 1, 0, tzinfo=clock.UTC))
    monkeypatch.setattr(clock, "now", watch)
    return watch


def sign_in(client: FlaskClient, username: str, password: str = PASSWORD, **more: str):
    return client.post("/dang-nhap", data={"username": username, "password": password, **more})


def token_of(client: FlaskClient) -> str:
    with client.session_transaction() as browser:
        return browser["_user_id"]


def test_the_table_holds_only_the_digest_of_the_token(client_of, school: Cast):
    token = token_of(client_of("math"))
    row = db.session.scalars(select(m.UserSession)).one()
    assert row.token_digest == sessions.digest(token)
    assert len(token) >= 43
    assert token not in str(row.__dict__)


def test_a_new_sign_in_gets_a_new_token_and_forgets_the_browser_session(school_app: Flask, school: Cast):
    client = school_app.test_client()
    with client.session_transaction() as browser:
        browser["_user_id"] = "planted"
        browser["csrf_token"] = "planted"
        browser["left"] = "over"
    assert sign_in(client, "gv007").status_code == 303
    first = token_of(client)
    with client.session_transaction() as browser:
        assert first != "planted"
        assert browser.get("csrf_token") != "planted"
        assert "left" not in browser
    assert sign_in(client, "gv007").status_code == 303
    assert token_of(client) != first
    with client.session_transaction() as browser:
        browser["_user_id"] = first
    assert client.get("/tai-khoan").status_code == 303


def replay(app: Flask, token: str) -> int:
    """What a browser gets that stole the token."""
    thief = app.test_client()
    with thief.session_transaction() as browser:
        browser["_user_id"] = token
    return thief.get("/tai-khoan").status_code


def test_a_token_is_worth_nothing_after_signing_out(client_of, school_app: Flask, school: Cast):
    client = client_of("math")
    token = token_of(client)
    assert replay(school_app, token) == 200
    assert client.post("/thoat").status_code == 303
    assert replay(school_app, token) == 303
    assert client.get("/tai-khoan").status_code == 303


@pytest.mark.parametrize("act", ["disable", "role", "end role", "reset", "password"])
def test_a_session_ends_at_once_when_its_ground_is_gone(act: str, client_of, school_app: Flask, school: Cast):
    client, now = client_of("vice_principal"), clock.now()
    token = token_of(client)
    assert replay(school_app, token) == 200
    account_id, person_id = school.accounts["vice_principal"], school.people["vice_principal"]
    match act:
        case "disable":
            accounts.disable(school.actor("it_officer"), account_id, now)
        case "role":
            role_grants.grant_role(school.actor("principal"), person_id, Role.BOARD_MEMBER, now)
        case "end role":
            grant = db.session.scalar(select(m.RoleGrant.id).where(m.RoleGrant.person_id == person_id))
            role_grants.end_role(school.actor("principal"), grant, now)
        case "reset":
            credentials.reset_password(SYSTEM, account_id, now)
        case "password":
            credentials.change_own_password(school.actor("vice_principal"), PASSWORD, passwords.generate(), now)
    assert replay(school_app, token) == 303


def test_a_change_of_assignment_counts_at_the_next_request(client_of, school: Cast):
    from hocbaso.services import teaching_plan

    client = client_of("outsider")
    assert client.get("/bang-diem/").status_code == 403
    teaching_plan.hand_over(
        SYSTEM,
        school.classes["6A"],
        school.class_subjects["6A", "ICT"],
        school.people["outsider"],
        clock.local_date(clock.now()),
        clock.now(),
    )
    assert client.get("/bang-diem/").status_code in (200, 302, 303)


@pytest.mark.parametrize(("person", "minutes"), [("math", 30), ("it_officer", 15)])
def test_an_idle_session_ends(person: str, minutes: int, client_of, virtual: Clock, school: Cast):
    client = client_of(person)
    virtual.move(minutes=minutes)
    assert client.get("/tai-khoan").status_code == 200
    virtual.move(minutes=minutes, seconds=1)
    assert client.get("/tai-khoan").status_code == 303


def test_a_session_ends_after_twelve_hours_of_work(client_of, virtual: Clock, school: Cast):
    client = client_of("math")
    for _ in range(35):
        virtual.move(minutes=20)
        assert client.get("/tai-khoan").status_code == 200
    virtual.move(minutes=20)
    assert client.get("/tai-khoan").status_code == 303


def test_getting_pages_writes_nothing_but_one_touch_a_minute(client_of, virtual: Clock, school: Cast):
    client = client_of("principal")

    def state() -> tuple[object, ...]:
        db.session.rollback()
        touched = db.session.scalar(select(m.UserSession.last_seen_at))
        return touched, db.session.scalar(select(func.count(m.AuditEntry.seq)))

    before = state()
    for address in ("/tai-khoan", "/tro-giup", "/nguoi-dung/danh-sach", "/nguoi-dung/vai-tro", "/nguoi-dung/phan-cong"):
        virtual.move(seconds=10)
        assert client.get(address).status_code == 200
    assert state() == before
    virtual.move(seconds=10)
    client.get("/tai-khoan")
    touched, n_entries = state()
    assert touched == virtual.at
    assert n_entries == before[1]


def test_polling_does_not_keep_a_session_alive(client_of, virtual: Clock, school: Cast):
    client = client_of("math")
    for _ in range(2):
        virtual.move(minutes=16)
        answer = client.get("/tai-khoan", headers={"X-Poll": "1"})
    assert answer.status_code == 303


def test_an_unknown_name_and_a_wrong_password_read_the_same(school_app: Flask, school: Cast):
    texts = []
    for name in ("gv007", "khong-co"):
        answer = sign_in(school_app.test_client(), name, "sai-mat-khau-roi")
        assert answer.status_code == 422
        texts.append(
            re.sub(r"gv007|khong-co|csrf-token\" content=\"[^\"]+|csrf_token\"[^>]+", "", answer.get_data(as_text=True))
        )
    assert texts[0] == texts[1]


def test_what_was_typed_as_a_name_is_not_kept(school_app: Flask, school: Cast):
    sign_in(school_app.test_client(), "lo-go-mat-khau-vao-day", "x")
    entry = db.session.scalars(select(m.AuditEntry).order_by(m.AuditEntry.seq.desc())).first()
    assert entry.tag == "account:session:refused"
    assert "lo-go" not in entry.payload + entry.target_id


def test_wrong_tries_wait_longer_and_longer_but_never_for_ever(school_app: Flask, virtual: Clock, school: Cast):
    client = school_app.test_client()
    for _ in range(5):
        assert sign_in(client, "gv001", "sai").status_code == 422
    assert sign_in(client, "gv001").status_code == 429
    virtual.move(seconds=3)
    assert sign_in(client, "gv001").status_code == 303
    assert [wrong_tries.delay_after(n) for n in (0, 4, 5, 6, 7, 9, 10, 500)] == [0, 0, 2, 4, 8, 32, 64, 90]


def test_a_pupil_elsewhere_cannot_keep_the_principal_out(school_app: Flask, virtual: Clock, school: Cast):
    own = {"REMOTE_ADDR": "10.0.0.5"}
    client = school_app.test_client()
    assert (
        client.post("/dang-nhap", data={"username": "gv001", "password": PASSWORD}, environ_overrides=own).status_code
        == 303
    )
    virtual.move(hours=13)
    for _ in range(12):
        answer = school_app.test_client().post(
            "/dang-nhap", data={"username": "gv001", "password": "doan"}, environ_overrides={"REMOTE_ADDR": "10.0.0.66"}
        )
    assert answer.status_code == 429
    answer = client.post("/dang-nhap", data={"username": "gv001", "password": PASSWORD}, environ_overrides=own)
    assert answer.status_code == 303


def test_one_address_has_thirty_wrong_tries_a_minute(school_app: Flask, virtual: Clock, school: Cast):
    client = school_app.test_client()
    for number in range(30):
        assert sign_in(client, f"ai-do-{number}", "sai").status_code == 422
    assert sign_in(client, "gv007").status_code == 429
    virtual.move(seconds=60)
    assert sign_in(client, "gv007").status_code == 303


def test_signing_in_goes_on_to_the_page_that_was_asked_for_and_never_elsewhere(school_app: Flask, school: Cast):
    answer = school_app.test_client().get("/nguoi-dung/danh-sach?tim=an")
    assert answer.location == "/dang-nhap?next=/nguoi-dung/danh-sach?tim%3Dan"
    assert sign_in(school_app.test_client(), "gv003", next="/nguoi-dung/danh-sach").location == "/nguoi-dung/danh-sach"
    for bad in ("//evil.example/x", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
        assert "evil" not in sign_in(school_app.test_client(), "gv003", next=bad).location
        assert "javascript" not in sign_in(school_app.test_client(), "gv003", next=bad).location


def test_a_fragment_of_an_expired_session_asks_to_sign_in_in_place(school_app: Flask, school: Cast):
    client = school_app.test_client()
    answer = client.get("/tai-khoan", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Trigger"]) == (401, "signin")
    dialog = client.get("/dang-nhap/tai-cho").get_data(as_text=True)
    assert 'id="sign_in_dialog"' in dialog and "<html" not in dialog
    answer = client.post(
        "/dang-nhap/tai-cho", data={"username": "gv007", "password": PASSWORD}, headers={"HX-Request": "true"}
    )
    assert (answer.status_code, answer.headers["HX-Trigger"]) == (200, "signedin")
    assert "data-csrf-token" in answer.get_data(as_text=True)
    assert client.get("/tai-khoan").status_code == 200


# --- CSRF -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(school_app: Flask) -> Flask:
    school_app.config["WTF_CSRF_ENABLED"] = True
    return school_app


def csrf_of(answer) -> str:
    return re.search(r'<meta name="csrf-token" content="([^"]+)"', answer.get_data(as_text=True))[1]


def test_a_form_needs_its_token(guarded: Flask, school: Cast):
    client = guarded.test_client()
    assert sign_in(client, "gv007").status_code == 419
    token = csrf_of(client.get("/dang-nhap"))
    assert sign_in(client, "gv007", csrf_token=token).status_code == 303
    answer = client.post("/thoat", data={"csrf_token": token})
    assert answer.status_code == 419, "the token of before signing in is worth nothing after"
    fresh = csrf_of(client.get("/tai-khoan"))
    assert client.post("/thoat", headers={"X-CSRFToken": fresh}).status_code == 303


def test_another_site_is_refused_even_with_a_token(guarded: Flask, school: Cast):
    client = guarded.test_client()
    token = csrf_of(client.get("/dang-nhap"))
    answer = client.post(
        "/dang-nhap",
        data={"username": "gv007", "password": PASSWORD, "csrf_token": token},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 403


# --- first passwords and the second factor ----------------------------------------------------------------------------


def test_a_first_password_opens_only_the_page_that_replaces_it(school_app: Flask, virtual: Clock, school: Cast):
    slip = credentials.reset_password(SYSTEM, school.accounts["math"], virtual.at)
    client = school_app.test_client()
    assert sign_in(client, slip.username, slip.password).location == "/dang-nhap/mat-khau-moi"
    for address in ("/", "/tai-khoan", "/bang-diem/", "/nguoi-dung/danh-sach"):
        assert client.get(address).location == "/dang-nhap/mat-khau-moi"
    for easy in ("ngan", "matkhau123456", "dongsen2027!!", slip.password):
        answer = client.post("/dang-nhap/mat-khau-moi", data={"password": easy, "again": easy})
        assert answer.status_code == 422, easy
    before = token_of(client)
    new = passwords.generate()
    assert client.post("/dang-nhap/mat-khau-moi", data={"password": new, "again": new}).status_code == 303
    assert token_of(client) != before
    assert client.get("/tai-khoan").status_code == 200
    assert sign_in(school_app.test_client(), slip.username, slip.password).status_code == 422
    assert sign_in(school_app.test_client(), slip.username, new).status_code == 303


def test_a_first_password_dies_after_three_days(school_app: Flask, virtual: Clock, school: Cast):
    slip = credentials.reset_password(SYSTEM, school.accounts["math"], virtual.at)
    virtual.move(hours=72)
    answer = sign_in(school_app.test_client(), slip.username, slip.password)
    assert answer.status_code == 422
    assert "72 giờ" in answer.get_data(as_text=True)


@pytest.fixture
def real_school(school: Cast) -> Cast:
    with write_transaction() as session:
        session.execute(update(m.School).values(require_second_factor=True, is_demo=False))
    return school


def enrol(client: FlaskClient, watch: Clock) -> pyotp.TOTP:
    page = client.get("/dang-nhap/dat-xac-nhan").get_data(as_text=True)
    assert "<svg" in page and "style=" not in page
    secret = re.search(r'gõ khoá: <span class="code">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    generator = pyotp.TOTP(secret)
    answer = client.post("/dang-nhap/dat-xac-nhan", data={"code": generator.at(watch.at)})
    assert answer.status_code == 303
    return generator


def test_a_holder_of_keys_needs_a_code_and_each_code_works_once(school_app: Flask, virtual: Clock, real_school: Cast):
    client = school_app.test_client()
    assert sign_in(client, "gv001").location == "/dang-nhap/dat-xac-nhan"
    assert client.get("/nguoi-dung/danh-sach").location == "/dang-nhap/dat-xac-nhan"
    generator = enrol(client, virtual)
    assert client.get("/nguoi-dung/danh-sach").status_code == 200
    stored = db.session.scalar(select(m.Account.totp_secret).where(m.Account.username == "gv001"))
    assert generator.secret not in stored

    other = school_app.test_client()
    assert sign_in(other, "gv001").location == "/dang-nhap/ma-xac-nhan"
    used = generator.at(virtual.at)
    assert other.post("/dang-nhap/ma-xac-nhan", data={"code": used}).status_code == 422, "the code of enrolling is used"
    assert other.get("/tai-khoan").location == "/dang-nhap/ma-xac-nhan"
    virtual.move(seconds=60)
    before = token_of(other)
    assert other.post("/dang-nhap/ma-xac-nhan", data={"code": generator.at(virtual.at)}).status_code == 303
    assert token_of(other) != before
    assert other.get("/tai-khoan").status_code == 200
    third = school_app.test_client()
    sign_in(third, "gv001")
    assert third.post("/dang-nhap/ma-xac-nhan", data={"code": generator.at(virtual.at)}).status_code == 422


def test_a_teacher_needs_none_and_a_demo_school_says_so(school_app: Flask, virtual: Clock, school: Cast):
    client = school_app.test_client()
    assert sign_in(client, "gv001").location not in ("/dang-nhap/dat-xac-nhan", "/dang-nhap/ma-xac-nhan")
    page = client.get("/tai-khoan").get_data(as_text=True)
    assert "Trường mẫu" in page and "không đòi" in page
    with write_transaction() as session:
        session.execute(update(m.School).values(require_second_factor=True, is_demo=False))
    teacher = school_app.test_client()
    sign_in(teacher, "gv009")
    assert teacher.get("/tai-khoan").status_code == 200


def test_a_lost_telephone_is_replaced(school_app: Flask, virtual: Clock, real_school: Cast):
    client = school_app.test_client()
    sign_in(client, "gv003")
    enrol(client, virtual)
    token = token_of(client)
    credentials.reset_second_factor(SYSTEM, real_school.accounts["clerk"], virtual.at)
    assert replay(school_app, token) == 303
    assert sign_in(school_app.test_client(), "gv003").location == "/dang-nhap/dat-xac-nhan"


def test_a_grave_act_asks_for_the_password_again(client_of, virtual: Clock, school: Cast):
    client = client_of("it_officer")
    address = f"/nguoi-dung/tai-khoan/{school.accounts['math']}/cap-lai"
    virtual.move(minutes=11)
    answer = client.post(address, headers={"Referer": "http://localhost/nguoi-dung/tai-khoan"})
    assert answer.location == "/xac-nhan?next=/nguoi-dung/tai-khoan"
    answer = client.post(address, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Trigger"]) == (401, "confirm")
    assert client.post("/xac-nhan", data={"password": "sai"}).status_code == 422
    assert client.post("/xac-nhan", data={"password": PASSWORD, "next": "/nguoi-dung/tai-khoan"}).status_code == 303
    assert client.post(address).location == "/nguoi-dung/yeu-cau-dat-lai"


def test_a_wrong_password_is_said_once(school_app, school):
    page = school_app.test_client().post("/dang-nhap", data={"username": "gv007", "password": "sai-mat-khau-roi"})
    assert page.status_code == 422
    assert page.get_data(as_text=True).count("Tên đăng nhập hoặc mật khẩu chưa đúng") == 1
