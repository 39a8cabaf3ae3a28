"""Headers, static files, compression and errors as every page has them; and that the page reader finds faults."""

from __future__ import annotations

import gzip
import re

import pytest
from flask import Flask

from hocbaso.config import PROJECT_ROOT
from hocbaso.errors import Incomplete, Invalid, NotFound, Stale, Unavailable, WrongState
from hocbaso.web.security import public
from hocbaso.web.static_files import FRAME_SHEET, LAYER_FOLDER, LAYERS
from tests.cast import Cast
from tests.web.pages import faults

GOOD = '<!doctype html><title>A</title><h1>A</h1><form action="/x" method="post"><input name="csrf_token" value="t" type="hidden"></form>'


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("<title>A</title>", ""), "no title"),
        (("<title>A", "<title> · Học bạ số"), "no title"),
        (("<h1>A</h1>", ""), "0 h1"),
        (("<h1>A</h1>", "<h1></h1>"), "1 h1, text “”"),
        (("<h1>A", "<h1>B</h1><h1>A"), "2 h1"),
        (("<h1>", '<p id="a"></p><p id="a"></p><h1>'), "id a stands 2 times"),
        ((' action="/x"', ""), "a form without action"),
        ((' value="t"', ""), "without a CSRF token"),
        (("<h1>", '<b style="x"></b><h1>'), "attribute style"),
        (("<h1>", "<script>x</script><h1>"), "inline <script>"),
        (("<h1>", '<input name="q"><h1>'), "without a label"),
    ],
)
def test_the_page_reader_finds_faults(change: tuple[str, str], fault: str):
    assert faults(GOOD, csrf=True) == []
    assert any(fault in found for found in faults(GOOD.replace(*change), csrf=True))


def test_every_answer_carries_the_strict_headers(client_of, school_app: Flask, school: Cast):
    for answer in (
        client_of("math").get("/tai-khoan"),
        school_app.test_client().get("/dang-nhap"),
        school_app.test_client().get("/khong-co"),
        school_app.test_client().get("/static/css/app.css"),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "microphone=(self)" in answer.headers["Permissions-Policy"]
        assert "Strict-Transport-Security" not in answer.headers
    assert client_of("math").get("/tai-khoan").headers["Cache-Control"] == "no-store"
    secure = school_app.test_client().get("/dang-nhap", base_url="https://localhost")
    assert "Strict-Transport-Security" not in secure.headers, "only while the certificate is known to be in order"
    school_app.extensions["hocbaso_tls_sound"] = True
    secure = school_app.test_client().get("/dang-nhap", base_url="https://localhost")
    assert "max-age=31536000" in secure.headers["Strict-Transport-Security"]
    assert "Strict-Transport-Security" not in school_app.test_client().get("/dang-nhap").headers


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(client_of, school_app: Flask, school: Cast):
    answer = school_app.test_client().post("/dang-nhap", data={"username": "gv007", "password": "x"})
    answer = school_app.test_client().get("/dang-nhap/tai-cho")
    school_app.config["WTF_CSRF_ENABLED"] = True
    cookie = school_app.test_client().get("/dang-nhap").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert answer.status_code == 200


def test_static_addresses_change_with_their_content(client_of, school_app: Flask, school: Cast):
    page = client_of("math").get("/tai-khoan").get_data(as_text=True)
    address = re.search(r'href="(/static/css/app.css\?v=[0-9a-f]{16})"', page)[1]
    client = school_app.test_client()
    answer = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Encoding"] == "gzip"
    assert b"@layer" in gzip.decompress(answer.data)
    assert client.get(address, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert "immutable" not in client.get("/static/css/app.css?v=stale").headers["Cache-Control"]
    assert "immutable" in client.get("/static/vendor/htmx-2.0.11/htmx.min.js").headers["Cache-Control"]
    for wrong in ("../app.py", "..%2fapp.py", "css/../../app.py", "css", "js/grid@0/../../../app.py", "css@0/app.css"):
        assert client.get(f"/static/{wrong}").status_code == 404


def test_the_stylesheet_of_every_page_is_served_with_all_its_layers(school_app: Flask, school: Cast):
    client, folder = school_app.test_client(), PROJECT_ROOT / "static" / LAYER_FOLDER
    text = client.get(f"/static/{FRAME_SHEET}").get_data(as_text=True)
    [order] = re.findall(r"^@layer ([\w, ]+);$", text, re.MULTILINE)
    assert tuple(order.split(", ")) == LAYERS and text.index(order) < text.index("{")
    assert {path.stem for path in folder.iterdir()} == set(LAYERS), "a file of another name would be served by nobody"
    for layer in LAYERS:
        own = (folder / f"{layer}.css").read_text(encoding="utf-8")
        assert own in text and re.findall(r"^\S.*", own, re.MULTILINE) == [f"@layer {layer} {{", "}"], layer
        assert client.get(f"/static/{LAYER_FOLDER}/{layer}.css").status_code == 404


def test_modules_lie_in_a_folder_named_by_the_content_of_all_of_them(client_of, school_app: Flask, school: Cast):
    page = client_of("math").get(f"/bang-diem/{school.sheets['9A', 'MATH', 2]}").get_data(as_text=True)
    [(folder, name)] = re.findall(r'src="(/static/js/grid@[0-9a-f]{16}/)([^"]+)" type="module"', page)
    assert name == "main.js", "the outbox comes inside it and not a second time"
    client = school_app.test_client()
    answer = client.get(folder + name)
    assert (answer.status_code, "immutable" in answer.headers["Cache-Control"]) == (200, True)
    text = answer.get_data(as_text=True)
    assert not re.search(r"^import\b", text, re.MULTILINE)
    assert text.index("modules.store =") < text.index("modules.sender =") < text.index("modules.outbox =")
    assert client.get(folder + "store.js").status_code == 404, "what only others import has no address"
    stale = client.get("/static/js/grid@0000000000000000/main.js")
    assert stale.get_data(as_text=True) == text and "immutable" not in stale.headers["Cache-Control"]


def test_pages_travel_compressed(client_of, school: Cast):
    plain = client_of("math").get("/tro-giup")
    packed = client_of("math").get("/tro-giup", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.data) * 2 < len(plain.data)
    assert gzip.decompress(packed.data).decode().count("<h2") == plain.get_data(as_text=True).count("<h2")


ERRORS = [
    (NotFound("Không có."), 404),
    (Invalid("Sai."), 422),
    (Stale("Cũ."), 409),
    (WrongState("Đã khoá."), 409),
    (Incomplete("Thiếu."), 409),
    (Unavailable("Chưa có token."), 503),
]


@pytest.mark.parametrize(("error", "status"), ERRORS)
def test_a_refusal_is_a_page_a_notice_or_json(error: Exception, status: int, app: Flask):
    @public
    def view() -> str:
        raise error

    app.add_url_rule("/thu", "trial", view)
    client = app.test_client()
    page = client.get("/thu")
    assert page.status_code == status and str(error) in page.get_data(as_text=True)
    notice = client.get("/thu", headers={"HX-Request": "true"})
    assert notice.status_code == status and "<html" not in notice.get_data(as_text=True)
    assert notice.headers["HX-Retarget"] == "#notices" and notice.headers["HX-Reswap"] == "beforeend"
    body = client.get("/thu", headers={"Accept": "application/json"})
    assert body.status_code == status and body.get_json()["message"] == str(error)


def test_a_fault_shows_a_number_and_nothing_of_the_code(app: Flask, caplog: pytest.LogCaptureFixture):
    @public
    def view() -> str:
        raise ZeroDivisionError("a secret of the code")

    app.add_url_rule("/hong", "broken", view)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = app.test_client().get("/hong")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 500 and "secret" not in text and "Traceback" not in text
    code = re.search(r'class="code">([0-9a-f]{8})<', text)[1]
    assert code in caplog.text and "ZeroDivisionError" in caplog.text


def test_too_large_an_upload_is_refused_in_words(client_of, school: Cast):
    answer = client_of("math").post("/tai-khoan", data={"old": "x" * (9 * 1024 * 1024)})
    assert answer.status_code == 413
    assert "Cỡ lớn nhất ghi ở chỗ chọn tệp" in answer.get_data(as_text=True)


def test_each_person_begins_where_the_work_is(client_of, school: Cast):
    assert client_of("it_officer").get("/").location in ("/hom-nay", "/nguoi-dung/")
    assert client_of("math").get("/").location == "/hom-nay", "a homeroom class waits"
    assert client_of("board").get("/").location in ("/hom-nay", "/tro-giup")


@pytest.mark.parametrize(
    "path",
    [
        "/bang-diem/{n}",
        "/lop/{n}",
        "/hoc-sinh/{n}",
        "/hoc-ba/lop/{n}",
        "/viec/{n}",
        "/nguoi-dung/{n}",
        "/nguoi-dung/danh-sach?to={n}",
        "/static/%00",
    ],
)
def test_a_number_that_no_column_holds_names_nothing(path: str, client_of, school: Cast):
    assert client_of("principal").get(path.format(n=10**20)).status_code == 404
