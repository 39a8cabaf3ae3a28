"""What the server says about trusting, installing and keeping: marks, headers, banner, manifest."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from flask import Flask

from hocbaso.config import PROJECT_ROOT
from hocbaso.services import tls
from hocbaso.services.access import SYSTEM
from hocbaso.web.trust import device_of
from tests.cast import NOW, Cast

SECURE = "https://localhost"


@pytest.fixture
def teacher(school_app: Flask, client_of, school: Cast):  # type: ignore[no-untyped-def]
    return client_of("math")


def test_only_sheets_and_their_list_may_be_kept_by_who_types_over_https(
    teacher, client_of, school_app: Flask, school: Cast
):  # type: ignore[no-untyped-def]
    sheet = f"/bang-diem/{school.sheets['9A', 'MATH', 2]}"

    def keep(client, path: str, **options):  # type: ignore[no-untyped-def]
        return client.get(path, environ_overrides={"wsgi.url_scheme": "https"}, **options).headers.get("Hocbaso-Keep")

    mine = str(school.accounts["math"])
    assert keep(teacher, sheet) == keep(teacher, "/bang-diem/") == mine
    assert teacher.get(sheet).headers.get("Hocbaso-Keep") is None, "over plain HTTP"
    assert keep(teacher, sheet, headers={"HX-Request": "true"}) is None
    assert keep(teacher, "/bang-diem/?lop=9A") is None and keep(teacher, "/bang-diem/999999") is None
    assert keep(client_of("principal"), sheet) is None, "who reads only"
    head, other = client_of("head_science"), f"/bang-diem/{school.sheets['9A', 'SCI', 2]}"
    assert keep(head, "/bang-diem/") is not None and head.get(other).status_code == 200
    assert keep(head, other) is None, "a colleague's sheet, read by somebody who types elsewhere"
    assert keep(school_app.test_client(), sheet) is None
    rules = [rule for rule in school_app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
    kept = {rule.rule for rule in rules if keep(teacher, rule.rule) is not None}
    assert kept == {"/bang-diem/"}


def test_the_worker_comes_from_the_root_with_a_list_of_files_that_exist(school_app: Flask, school: Cast):
    client = school_app.test_client()
    answer = client.get("/sw.js")
    assert answer.mimetype == "text/javascript" and answer.headers["Cache-Control"] == "no-cache"
    assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]
    text = answer.get_data(as_text=True)
    shell = json.loads(re.search(r"const SHELL = (\[.*?\]);", text)[1])  # type: ignore[index]
    for path in shell:
        assert client.get(path).status_code == 200, path
    names = [path.split("?")[0] for path in shell]
    assert {"/static/css/app.css", "/static/css/pages-sheet.css", "/static/js/base.js", "/chua-co-mang"} <= set(names)
    modules = {name.rpartition("/")[2] for name in names if re.match(r"/static/js/grid@[0-9a-f]{16}/", name)}
    assert modules == {"main.js", "outbox.js", "homeroom_remarks.js"}, "what pages name, each with all it imports"
    assert "/static/js/sw.js" not in names and not any("/pdf/" in name for name in names)
    page = client.get("/dang-nhap").get_data(as_text=True)
    linked = set(re.findall(r'(?:src|href)="(/static/[^"]+\.(?:css|js)\?v=[^"]+)"', page))
    assert linked and linked <= set(shell), "what pages load is what was stored"
    assert client.get("/sw.js", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_the_page_for_no_network_knows_nobody(teacher, school_app: Flask, school: Cast):  # type: ignore[no-untyped-def]
    page = school_app.test_client().get("/chua-co-mang").get_data(as_text=True)
    assert "data-offline" in page and "data-account" not in page
    assert "data-offline" not in teacher.get("/tai-khoan").get_data(as_text=True)


def test_the_manifest_is_vietnamese_and_in_the_colours_of_the_tokens(school_app: Flask, school: Cast):
    answer = school_app.test_client().get("/manifest.webmanifest")
    found = json.loads(answer.get_data(as_text=True))
    assert answer.mimetype == "application/manifest+json" and found["lang"] == "vi"
    assert found["name"].startswith("Học bạ số") and found["start_url"] == "/" and found["scope"] == "/"
    css = (PROJECT_ROOT / "static" / "css" / "app" / "tokens.css").read_text()
    assert f"--paper: {found['theme_color']}" in css and f"--desk: {found['background_color']}" in css
    dark = re.findall(r'<meta name="theme-color" content="(#\w+)"', school_app.test_client().get("/dang-nhap").text)
    assert dark[0] == found["theme_color"] and f"--paper: {dark[1]}" in css
    assert {icon["purpose"] for icon in found["icons"]} == {"any", "maskable"}
    for icon in found["icons"]:
        body = school_app.test_client().get(icon["src"]).data
        width, height = (int.from_bytes(body[at : at + 4]) for at in (16, 20))
        assert body.startswith(b"\x89PNG") and icon["sizes"] == f"{width}x{height}"


def test_every_page_says_that_the_line_is_open_except_on_the_machine_itself(school_app: Flask, school: Cast):
    words = "Đường truyền chưa mã hoá"

    def page(address: str, **options: str) -> str:
        return school_app.test_client().get("/dang-nhap", environ_base={"REMOTE_ADDR": address}, **options).text

    assert words in page("192.168.1.33")
    assert words not in page("127.0.0.1") and words not in page("::1")
    assert words not in page("192.168.1.33", base_url=SECURE)
    school_app.config["HOCBASO"] = replace(school_app.config["HOCBASO"], https=True)
    assert words not in page("192.168.1.33"), "behind a proxy that speaks TLS"


def test_the_page_of_trust_shows_where_to_go_and_what_to_compare(school_app: Flask, school: Cast):
    client = school_app.test_client()
    told = client.get("/tin-cay").text
    assert (
        "người phụ trách CNTT" in told
        and "flask" not in told.split("<main")[1]
        and client.get("/ca.crt").status_code == 404
    )
    issued = tls.init(SYSTEM, ("hocba.truong.lan", "192.168.1.20"), NOW)
    settings = school_app.config["HOCBASO"]
    for port, plain, secure, teaching in (
        (443, 80, "https://hocba.truong.lan", "hocba.truong.lan/tin-cay"),
        (8443, 8444, "https://hocba.truong.lan:8443", "hocba.truong.lan:8444/tin-cay"),
        (8443, None, "https://hocba.truong.lan:8443", "hocba.truong.lan:8443/tin-cay"),
    ):
        school_app.config["HOCBASO"] = replace(settings, port=port, plain_port=plain)
        page = client.get("/tin-cay").text
        assert f'href="{secure}/"' in page and f">{teaching}<" in page and "<svg" in page
        assert issued.root_fingerprint == "".join(re.findall(r"<span>([0-9A-F]{4})</span>", page))
    assert client.get("/ca.crt").mimetype == "application/x-x509-ca-cert"
    first = re.search(r'<section class="card" id="(\w+)"', client.get("/tin-cay", headers={"User-Agent": "iPad"}).text)
    assert first is not None and first[1] == "apple", "one's own kind of machine comes first"
    assert device_of("Mozilla/5.0 (X11; CrOS x86_64)") == "chromeos" and device_of("Windows NT 10.0") == "windows"
    assert device_of("Mozilla/5.0 (Linux; Android 14)") == device_of("") == "android"
