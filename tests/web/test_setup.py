"""The first run, from an empty database to people who sign in; and that it is gone afterwards."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import accounts, lan_addresses, setup

SCHOOL = {
    "name": "Trường THCS Bản Mới",
    "code": "11000007",
    "commune_kind": "Xã",
    "commune": "Bản Mới",
    "province_kind": "Tỉnh",
    "province": "Điện Biên",
    "place_name": "Bản Mới",
}
PEOPLE = {
    "principal_name": "Lường Văn Páo",
    "principal_code": "BGH01",
    "vice_principal_name": "",
    "vice_principal_code": "BGH02",
    "clerk_name": "Cà Thị Hoa",
    "clerk_code": "VP01",
    "it_officer_name": "Quàng Văn Mơ",
    "it_officer_code": "CNTT01",
}


def instance_of(app: Flask) -> Path:
    return app.config["HOCBASO"].instance


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that has shown the code of the console."""
    browser = app.test_client()
    with app.app_context():
        code = setup.ensure_code(instance_of(app))
    assert browser.post("/thiet-lap/", data={"code": code.lower()}).status_code == 303
    return browser


def test_an_empty_machine_leads_everybody_to_the_wizard(app: Flask):
    answer = app.test_client().get("/", follow_redirects=True)
    assert answer.request.path == "/thiet-lap/"
    assert "Mã thiết lập" in answer.get_data(as_text=True)


def test_without_the_code_no_step_opens(app: Flask):
    stranger = app.test_client()
    stranger.get("/thiet-lap/")
    for path in ("truong", "nam-hoc", "nguoi", "chung-thu", "phuc-hoi"):
        assert stranger.get(f"/thiet-lap/{path}").status_code == 404
        assert stranger.post(f"/thiet-lap/{path}", data=SCHOOL).status_code == 404
    assert stranger.post("/thiet-lap/", data={"code": "AAAA-BBBB-CCCC"}).status_code == 422
    assert stranger.get("/thiet-lap/truong").status_code == 404
    path = instance_of(app) / "setup_code"
    assert path.stat().st_mode & 0o077 == 0


def test_a_school_begins(app: Flask, client: FlaskClient):
    answer = client.post("/thiet-lap/truong", data={**SCHOOL, "name": ""})
    assert answer.status_code == 422
    assert client.post("/thiet-lap/truong", data=SCHOOL).location == "/thiet-lap/nam-hoc"
    page = client.get("/thiet-lap/nam-hoc").get_data(as_text=True)
    proposed = dict(re.findall(r'name="(label|\w+_(?:on|before))"[^>]*value="([^"]+)"', page)) or {
        name: value for value, name in re.findall(r'value="([^"]+)"[^>]*name="(label|\w+_(?:on|before))"', page)
    }
    assert proposed["data_complete_before"].startswith("20/05/")
    wrong = client.post("/thiet-lap/nam-hoc", data={**proposed, "data_complete_before": proposed["starts_on"]})
    assert wrong.status_code == 422 and "theo thứ tự" in wrong.get_data(as_text=True)
    assert client.post("/thiet-lap/nam-hoc", data=proposed).location == "/thiet-lap/nguoi"
    assert client.post("/thiet-lap/xong").location == "/thiet-lap/nguoi", "not before there are people"
    assert client.post("/thiet-lap/nguoi", data={**PEOPLE, "it_officer_name": ""}).status_code == 422
    answer = client.post("/thiet-lap/nguoi", data=PEOPLE)
    slips = re.findall(
        r'<dd class="code">([^<]+)</dd>.*?once__word code">([^<]+)<', answer.get_data(as_text=True), re.S
    )
    assert [name for name, _ in slips] == ["bgh01", "vp01", "cntt01"]
    assert client.get("/thiet-lap/chung-thu").status_code == 200
    assert client.post("/thiet-lap/nguoi", data=PEOPLE).status_code == 409
    answer = client.post("/thiet-lap/chung-thu", data={})
    assert answer.status_code == 422
    assert client.post("/thiet-lap/xong").location == "/dang-nhap"
    for path in ("", "truong", "nguoi", "chung-thu"):
        assert client.get(f"/thiet-lap/{path}").status_code == 404
    first = app.test_client().post("/dang-nhap", data={"username": slips[0][0], "password": slips[0][1]})
    assert first.location == "/dang-nhap/mat-khau-moi"
    with app.app_context():
        school = db.session.get(m.School, 1)
        assert (school.name, school.is_demo, school.require_second_factor) == ("Trường THCS Bản Mới", False, True)
        assert not accounts.no_account_yet()
        entries = db.session.scalars(select(m.AuditEntry)).all()
        assert {entry.actor_name for entry in entries if not entry.tag.startswith(("account:session", "access"))} == {
            "Hệ thống"
        }
        assert "school:record:created" in {entry.tag for entry in entries}


def test_the_address_of_every_qr_code_is_a_whole_address(app: Flask, client: FlaskClient):
    for typed in ("hocba.xuantruong", "ftp://hocba.xuantruong/", "https://", "https:///xac-thuc", "https://a b/"):
        answer = client.post("/thiet-lap/truong", data={**SCHOOL, "lookup_url": typed})
        assert answer.status_code == 422 and "mã QR của mọi học bạ" in answer.get_data(as_text=True)
    refused = client.post("/thiet-lap/truong", data={**SCHOOL, "lookup_url": "hocba.xuantruong"})
    assert "ví dụ: https://hocba.xuantruong/xac-thuc" in refused.get_data(as_text=True)
    there = client.get("/thiet-lap/truong", base_url="http://localhost").get_data(as_text=True)
    assert 'value="http' not in there
    app.config["HOCBASO"] = dataclasses.replace(app.config["HOCBASO"], listen="192.168.1.21")
    proposed = client.get("/thiet-lap/truong", base_url="http://localhost:5142").get_data(as_text=True)
    assert 'value="http://192.168.1.21:5142/xac-thuc"' in proposed
    whole = {**SCHOOL, "lookup_url": "https://hocba.xuantruong.edu.vn/xac-thuc"}
    assert client.post("/thiet-lap/truong", data=whole).status_code == 303


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1", "http://localhost:5142"),
        ("0.0.0.0", "http://192.168.1.20:5142"),
        ("192.168.1.21", "http://192.168.1.21:5142"),
    ],
)
def test_slips_print_an_address_where_the_server_listens(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, listen: str, address: str
):
    monkeypatch.setattr(lan_addresses, "of_this_machine", lambda: ("192.168.1.20",))
    app.config["HOCBASO"] = dataclasses.replace(app.config["HOCBASO"], listen=listen)
    here = "http://localhost:5142"
    client.post("/thiet-lap/truong", data=SCHOOL)
    page = client.get("/thiet-lap/nam-hoc").get_data(as_text=True)
    dates = {name: value for value, name in re.findall(r'value="([^"]+)"[^>]*name="(label|\w+_(?:on|before))"', page)}
    dates |= dict(re.findall(r'name="(label|\w+_(?:on|before))"[^>]*value="([^"]+)"', page))
    client.post("/thiet-lap/nam-hoc", data=dates)
    step = client.get("/thiet-lap/nguoi", base_url=here).get_data(as_text=True)
    slips = client.post("/thiet-lap/nguoi", base_url=here, data=PEOPLE).get_data(as_text=True)
    assert set(re.findall(r"<dt>Mở trình duyệt ở</dt><dd><b>([^<]+)<", slips)) == {address}
    for told in (step, slips):
        assert ("chỉ phục vụ chính máy này" in told and "flask tls init" in told) is (listen == "127.0.0.1")


def test_an_imported_school_is_named_and_its_people_are_taken_over(app: Flask, client: FlaskClient):
    from hocbaso.services import roster
    from hocbaso.services.access import SYSTEM
    from tests.cast import NOW

    with app.app_context():
        roster.create_school(SYSTEM, {"name": roster.UNNAMED_SCHOOL}, NOW)
        roster.create_year(SYSTEM, "2026-2027", NOW)
        imported = roster.create_person(SYSTEM, {"staff_code": "BGH01", "full_name": "Lường Văn Páo"}, NOW).id
    assert client.post("/thiet-lap/truong", data=SCHOOL).status_code == 303
    assert "Đã có năm học" in client.get("/thiet-lap/nam-hoc").get_data(as_text=True)
    assert client.post("/thiet-lap/nguoi", data=PEOPLE).status_code == 200
    with app.app_context():
        assert db.session.get(m.School, 1).name == "Trường THCS Bản Mới"
        assert db.session.scalar(select(m.Account.person_id).where(m.Account.username == "bgh01")) == imported


def test_a_damaged_backup_changes_nothing(app: Flask, client: FlaskClient, tmp_path: Path):
    import io

    answer = client.post(
        "/thiet-lap/phuc-hoi",
        data={"archive": (io.BytesIO(b"not a backup"), "x.tar")},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 422
    assert "không phải bản sao lưu" in answer.get_data(as_text=True)
    assert client.get("/thiet-lap/truong").status_code == 200


def test_a_backup_brings_the_school_back(school_app: Flask, school, app: Flask, client: FlaskClient):
    from flask_migrate import stamp

    from hocbaso.services import backups
    from hocbaso.services.access import SYSTEM
    from tests.cast import NOW, PASSWORD

    stamp()
    other = dataclasses.replace(school_app.config["HOCBASO"], secret_key="the key of the other machine")
    school_app.config["HOCBASO"] = other
    archive = backups.create(SYSTEM, NOW)
    with app.app_context(), archive.open("rb") as handle:
        answer = client.post(
            "/thiet-lap/phuc-hoi", data={"archive": (handle, "x.tar")}, content_type="multipart/form-data"
        )
    assert (answer.status_code, answer.location) == (303, "/dang-nhap"), answer.get_data(as_text=True)
    assert app.config["SECRET_KEY"] == "the key of the other machine"
    with app.app_context():
        again = app.test_client()
        assert again.post("/dang-nhap", data={"username": "gv001", "password": PASSWORD}).status_code == 303
        assert "Đoàn Thị Hải Yến" in again.get("/tai-khoan").get_data(as_text=True)
        assert again.get("/thiet-lap/").status_code == 404


def test_restoring_needs_its_token_too(app: Flask, client: FlaskClient):
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post("/thiet-lap/phuc-hoi", data={}).status_code == 419
