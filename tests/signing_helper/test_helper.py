"""The signing helper against a SoftHSM2 token and against pages that mean ill: real process, real port, a user at its terminal."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import ssl
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hocbaso.documents import cms, instance_keys
from hocbaso.documents.desk_signer import FORMS
from hocbaso.documents.signing_manifest import Clerk, Errand, Paper
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.web import headers
from hocbaso_ky import PORT, PROTOCOL
from hocbaso_ky.__main__ import main
from tests.helper_process import Caller, HelperProcess, running
from tests.soft_token import PIN, SoftToken, make_token

NOW = datetime.now(UTC)
NAME = "Đoàn Thị Hải Yến"
SIGN, PAIR = "Ký học bạ bằng thiết bị", "Ghép trình ký này"


MACHINE = instance_keys.new_key()
"""The key by which the school's server signs what the helper is told."""


class Tls:
    """A server that shows a certificate and its machine's key; ``change`` gives it another certificate's key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.machine, self.now, self.answers = MACHINE, NOW, 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                assert self.path == "/trinh-ky/khoa"
                told = {
                    "format": "hocbaso-helper-key-1",
                    "public_key": instance_keys.b64(instance_keys.spki(outer.machine.public_key())),
                    "now": instance_keys.instant(outer.now),
                }
                data = json.dumps(told).encode()
                self.send_response(outer.answers)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.change()
        self.plain = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = self._context.wrap_socket(
            self.server.socket, server_side=True, do_handshake_on_connect=False
        )
        for server in (self.server, self.plain):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.origin = f"https://127.0.0.1:{self.server.server_port}"

    def change(self, key: ec.EllipticCurvePrivateKey | None = None) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "truong")])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=90))
            .sign(self.key, hashes.SHA256())
        )
        pem = self._folder / "server.pem"
        pem.write_bytes(
            self.certificate.public_bytes(serialization.Encoding.PEM)
            + self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self._context.load_cert_chain(pem)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Tls]:
    found = Tls(tmp_path)
    yield found
    for server in (found.server, found.plain):
        server.shutdown()
        server.server_close()


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    made = make_token(tmp_path / "hsm", monkeypatch, bad=True)
    made.wish("")
    return made


@pytest.fixture
def helper(token: SoftToken, tmp_path: Path) -> Iterator[HelperProcess]:
    with running(tmp_path / "ky", token.driver) as found:
        found.replies["pin"] = PIN
        yield found


@pytest.fixture
def page(helper: HelperProcess, tls: Tls) -> Caller:
    """A page of a paired school, with its session."""
    caller = Caller(tls.origin)
    assert caller.post("/ghep")[0] == 200
    caller.open()
    return caller


@pytest.fixture
def leaf(request: pytest.FixtureRequest, token: SoftToken) -> bytes:
    """The certificate on the token; of the kind that the test asks for, else P-256."""
    return token.new_key(getattr(request, "param", "ec"), TestAuthority.create(NOW), NAME, now=NOW)[1][0]


def pair_of(leaf: bytes, text: str) -> list[dict[str, str]]:
    """What a transcript needs signed: signed attributes over some digest, and a SignedInfo."""
    kind = cms.key_kind(leaf)
    digest = hashlib.sha256(text.encode()).digest()
    method = f"http://www.w3.org/2001/04/xmldsig-more#{'ecdsa' if kind == 'ec' else 'rsa'}-sha256"
    info = (
        '<SignedInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><CanonicalizationMethod '
        'Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"></CanonicalizationMethod>'
        f'<SignatureMethod Algorithm="{method}"></SignatureMethod><Reference URI="#a"><DigestMethod '
        'Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></DigestMethod>'
        f"<DigestValue>{base64.b64encode(digest).decode()}</DigestValue></Reference></SignedInfo>"
    ).encode()
    return [item("pades", cms.signed_attributes(digest, (leaf,)), code=text), item("xmldsig", info, code=text)]


def item(form: str, message: bytes, digest: bytes | None = None, code: str = "em 0") -> dict[str, str]:
    digest = hashlib.sha256(message).digest() if digest is None else digest
    return {"form": form, "digest": digest.hex(), "message": base64.b64encode(message).decode(), "code": code}


def paper(code: str, document: str = "hoc-ba") -> Paper:
    files = tuple(hashlib.sha256(f"{code} {form}".encode()).hexdigest() for form in FORMS[document])
    return Paper(code, files, code.title(), "9A") if document == "hoc-ba" else Paper(code, files)


def wire(
    asked: dict[str, Any], *, key: ec.EllipticCurvePrivateKey = MACHINE, now: datetime = NOW, at: datetime | None = None
) -> dict[str, Any]:
    """What the server makes of a description and a page carries; ``now`` is when the agreement is written, ``at`` the list."""
    machine = instance_keys.key_to_bytes(key)
    papers = [paper(code, asked["document"]) for code in asked.get("papers", [f"em {k}" for k in range(asked["n"])])]
    asker = Errand(asked["role"], asked["class"], asked["who"])
    agreement, _ = Clerk(machine, lambda: now).agreement(
        asked["job"], asked["document"], asker, asked["certificate"], papers
    )
    entries = []
    for each in asked["items"]:
        file = hashlib.sha256(f"{each['code']} {each['form']}".encode()).hexdigest()
        entries.append((paper(each["code"], asked["document"]), each["form"], bytes.fromhex(each["digest"]), file))
    listing = Clerk(machine, lambda: at or now).listing(agreement, asked["job"], asked["round"], entries)
    return {
        "agreement": dataclasses.asdict(agreement),
        "list": dataclasses.asdict(listing),
        "messages": [each["message"] for each in asked["items"]],
    }


def sign(page: Caller, asked: dict[str, Any], **more: Any) -> tuple[int, dict[str, Any]]:
    return page.post("/ky", wire(asked, **more))


def errand(leaf: bytes, n: int = 3, **more: Any) -> dict[str, Any]:
    return {
        "document": "hoc-ba",
        "job": "j" * 24,
        "round": 0,
        "role": "principal",
        "n": n,
        "class": "lớp 9A",
        "who": NAME,
        "certificate": hashlib.sha256(leaf).hexdigest(),
        "items": [each for number in range(n) for each in pair_of(leaf, f"em {number}")],
        **more,
    }


def checked(leaf: bytes, asked: dict[str, Any], told: dict[str, Any]) -> list[bytes]:
    key = x509.load_der_x509_certificate(leaf).public_key()
    signatures = [base64.b64decode(text) for text in told["signatures"]]
    for each, signature in zip(asked["items"], signatures, strict=True):
        assert cms.verify_digest(key, bytes.fromhex(each["digest"]), signature)
    return signatures


def test_the_pages_know_where_the_helper_listens() -> None:
    assert f"http://127.0.0.1:{PORT}" == headers.HELPER


@pytest.mark.parametrize("leaf", ["ec", "rsa"], indirect=True)
def test_a_class_takes_one_question_one_login_and_one_operation_a_signature(
    page: Caller, helper: HelperProcess, token: SoftToken, leaf: bytes
) -> None:
    (token.folder / "wish.calls").unlink(missing_ok=True)
    asked = errand(leaf)
    first, rest = {**asked, "items": asked["items"][:4]}, {**asked, "round": 1, "items": asked["items"][4:]}
    status, told = sign(page, first)
    assert status == 200, told
    signatures = checked(leaf, first, told)
    checked(leaf, rest, sign(page, rest)[1])
    assert helper.questions(SIGN) == 1
    assert (token.calls("login"), token.calls("sign")) == (1, 6)
    for seen in ("Học bạ lớp 9A: 3 học bạ (6 chữ ký)", NAME, "Hiệu trưởng", page.origin, token.label):
        assert seen in helper.screen
    # An answer that was lost on the way is the same answer again, from memory.
    assert checked(leaf, first, sign(page, first)[1]) == signatures
    assert token.calls("sign") == 6
    log = (helper.folder / "hocbaso-ky.log").read_text()
    assert "signed 4" in log and PIN not in log and page.session not in log and PIN not in helper.screen
    assert asked["items"][0]["message"] not in log


def test_a_school_takes_one_question_and_one_login_and_no_digest_beyond_it(
    page: Caller, helper: HelperProcess, token: SoftToken, leaf: bytes
) -> None:
    n, each = 110, 50
    items = errand(leaf, n)["items"]
    (token.folder / "wish.calls").unlink(missing_ok=True)
    rounds = [
        errand(leaf, n, **{"class": "toàn trường"}, round=number, items=items[at : at + 2 * each])
        for number, at in enumerate(range(0, 2 * n, 2 * each))
    ]
    for asked in rounds:
        status, told = sign(page, asked)
        assert status == 200, told
        checked(leaf, asked, told)
    assert helper.questions(SIGN) == 1 and (token.calls("login"), token.calls("sign")) == (1, 2 * n)
    shown = " ".join(helper.screen.split())
    assert "Học bạ toàn trường: 110 học bạ (220 chữ ký)" in shown and "MỘT LẦN ĐỒNG Ý CHO CẢ 110 HỌC BẠ" in shown
    more = {**rounds[0], "round": len(rounds), "items": pair_of(leaf, "em thứ 111")}
    assert sign(page, more)[1]["code"] == "changed"
    more = {**more, "items": [{**each, "code": "em 0"} for each in more["items"]]}
    assert sign(page, more)[1]["code"] == "limit"
    assert sign(page, {**more, "class": "khối 9"})[1]["code"] == "changed"
    assert sign(page, rounds[1])[0] == 200 and token.calls("sign") == 2 * n, "from memory"


def test_a_class_is_not_warned_of(page: Caller, helper: HelperProcess, leaf: bytes) -> None:
    assert sign(page, errand(leaf, 2))[0] == 200
    assert "MỘT LẦN ĐỒNG Ý" not in helper.screen
    assert page.send("GET", "/trang-thai")[1]["hocbaso_ky"] == PROTOCOL == 3


def test_more_than_was_said_is_never_signed(page: Caller, helper: HelperProcess, token: SoftToken, leaf: bytes) -> None:
    one = errand(leaf, 1)
    assert sign(page, one)[0] == 200
    calls = token.calls("sign")
    other = [{**each, "code": "em 0"} for each in pair_of(leaf, "em khác")]
    more = {**one, "round": 1, "items": other}
    assert sign(page, more) == (409, {"code": "limit", "words": sign(page, more)[1]["words"]})
    assert sign(page, {**one, "round": 1, "items": pair_of(leaf, "em khác")})[1]["code"] == "changed"
    assert sign(page, {**one, "items": other})[1]["code"] == "replay"
    assert sign(page, {**one, "n": 2, "round": 1})[1]["code"] == "changed"
    assert sign(page, {**one, "class": "lớp 9B", "round": 1})[1]["code"] == "changed"
    assert token.calls("sign") == calls and helper.questions(SIGN) == 1


def test_one_digest_is_not_signed_twice_in_a_signing(page: Caller, token: SoftToken, leaf: bytes) -> None:
    twice = errand(leaf, 2)
    twice["items"] = twice["items"][:2] * 2
    assert sign(page, twice)[1]["code"] == "replay"
    first = {**errand(leaf, 2), "items": errand(leaf, 2)["items"][:2]}
    assert sign(page, first)[0] == 200
    assert sign(page, {**first, "round": 1})[1]["code"] == "replay"


def test_a_page_that_asks_for_ten_thousand_is_refused_without_a_question(
    page: Caller, helper: HelperProcess, leaf: bytes
) -> None:
    assert sign(page, {**errand(leaf, 1), "n": 1_001})[1]["code"] == "limit"
    assert sign(page, {**errand(leaf, 1), "n": 10_000})[1]["code"] == "limit"
    pair = pair_of(leaf, "em 0")
    assert sign(page, {**errand(leaf, 1), "items": pair * 2})[1]["code"] == "limit"
    # A school's number of signatures is agreed to at once, but never brought at once.
    assert sign(page, {**errand(leaf, 1), "n": 640, "items": pair * 101})[1]["code"] == "limit"
    assert helper.questions(SIGN) == 0


@pytest.mark.parametrize("leaf", ["ec", "rsa"], indirect=True)
def test_only_what_a_transcript_needs_is_signed(page: Caller, helper: HelperProcess, leaf: bytes) -> None:
    pades, info = pair_of(leaf, "em 0")
    other = TestAuthority.create(NOW).issue("Người khác", now=NOW)[1][0]
    message = base64.b64decode(pades["message"])
    wrong_forms = [
        [item("pades", b"rut 10.000.000 dong"), info],
        [item("pades", cms.signed_attributes(b"\x00" * 32, (other,))), info],
        [item("pades", cms.signed_attributes(b"\x00" * 20, (leaf,))), info],
        [item("pades", message + b"\x00"), info],
        [pades, item("xmldsig", b"<SignedInfo xmlns='http://www.w3.org/2000/09/xmldsig#'></SignedInfo>")],
        [pades, item("xmldsig", base64.b64decode(info["message"]).replace(b"sha256", b"sha1", 1))],
        [pades, item("xmldsig", b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + base64.b64decode(info["message"]))],
    ]
    for items in wrong_forms:
        assert sign(page, errand(leaf, 1, items=items))[1]["code"] == "form"
    for digest in (b"", b"\x01" * 20, b"\x01" * 31, b"\x01" * 33, b"\x01" * 64):
        forged = [item("pades", message, digest), info]
        assert sign(page, errand(leaf, 1, items=forged))[1]["code"] == "shape"
    forged = [item("pades", message, b"\x01" * 32), info]
    assert sign(page, errand(leaf, 1, items=forged))[1]["code"] == "digest"
    for items in ([info, pades], [pades], [], [{**pades, "form": "proof"}, info]):
        assert sign(page, errand(leaf, 1, items=items))[1]["code"] == "shape"
    for brought in ("x", [], [None, None], [pades["message"]], [pades["message"], "%%"]):
        assert page.post("/ky", {**wire(errand(leaf, 1)), "messages": brought})[1]["code"] == "shape"
    for part in ({"role": "it"}, {"class": ""}, {"class": "x" * 201}, {"who": 3}, {"job": "ngắn"}, {"n": 0}):
        assert sign(page, {**errand(leaf, 1), **part})[1]["code"] == "shape"
    assert helper.questions(SIGN) == 0


def test_what_a_page_writes_cannot_draw_on_the_terminal(page: Caller, helper: HelperProcess, leaf: bytes) -> None:
    evil = "\x1b[2J\x1b[H Học bạ\r\nlớp\u202e 1 \x07"
    helper.replies["co"] = "khong"
    assert sign(page, errand(leaf, 1, **{"class": evil}))[1]["code"] == "no"
    for letter in ("\x1b", "\x07", "\u202e"):
        assert letter not in helper.screen


def test_a_foreign_page_gets_nothing(helper: HelperProcess, page: Caller, leaf: bytes) -> None:
    stranger = Caller("https://evil.example")
    stranger.session = page.session
    for path in ("/phien", "/the", "/ky", "/chung-minh"):
        status, told, answered = stranger.send("POST", path, wire(errand(leaf, 1)))
        assert status == 403 and set(told) == {"code", "words"}, path
        status, _, answered = stranger.send("OPTIONS", path)
        assert status == 403 and answered["Access-Control-Allow-Headers"] is None, path
    for origin in (
        None,
        "null",
        "file://",
        "chrome-extension://abc",
        page.origin + "/",
        page.origin.upper(),
        "https://a b",
    ):
        assert Caller(origin).send("GET", "/trang-thai")[0] == 403, origin
    assert sign(Caller(page.origin), errand(leaf, 1))[1]["code"] == "session"
    other = Caller(page.origin.replace("127.0.0.1", "localhost"))
    other.session = page.session
    assert other.post("/the")[1]["code"] == "unpaired"
    assert helper.questions(SIGN) == 0 and helper.questions(PAIR) == 1


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", f"localhost:{PORT}", "127.0.0.1", f"127.0.0.1:{PORT + 1}", ""]
)
def test_a_name_pointed_at_this_computer_is_no_way_in(helper: HelperProcess, page: Caller, host: str) -> None:
    rebound = Caller(page.origin, host=host or "x")
    rebound.session = page.session
    for method, path in (("GET", "/trang-thai"), ("POST", "/the"), ("OPTIONS", "/ky")):
        status, _, answered = rebound.send(method, path)
        assert status == 421 and answered["Access-Control-Allow-Origin"] is None


def test_forms_windows_and_plain_requests_are_refused(helper: HelperProcess, page: Caller) -> None:
    assert page.post("/the", Content_Type="text/plain")[0] == 415
    assert page.post("/the", Content_Type="application/x-www-form-urlencoded")[0] == 415
    assert page.post("/the", X_Hocbaso_Ky=None)[0] == 415
    assert page.post("/the", Sec_Fetch_Mode="navigate")[0] == 403
    assert page.post("/the", Sec_Fetch_Mode="no-cors")[0] == 403
    assert page.send("GET", "/trang-thai", X_Hocbaso_Ky=None)[0] == 404
    assert page.send("GET", "/the")[0] == 404 and page.send("PUT", "/ky")[0] == 405
    assert page.post("/the", b"[]")[0] == 422 and page.post("/the", b"\xff{")[0] == 422
    assert page.post("/the", b"{}", Content_Length="999999999")[0] == 413
    status, _, answered = page.send(
        "OPTIONS", "/ky", Access_Control_Request_Method="POST", Access_Control_Request_Private_Network="true"
    )
    assert status == 204 and answered["Access-Control-Allow-Origin"] == page.origin
    assert answered["Access-Control-Allow-Private-Network"] == "true"
    assert answered["Access-Control-Allow-Credentials"] is None


def test_pairing_shows_the_servers_own_certificate_and_is_asked_once(
    helper: HelperProcess, tls: Tls, tmp_path: Path
) -> None:
    page = Caller(tls.origin)
    assert page.send("GET", "/trang-thai")[1]["paired"] is False
    helper.replies["co"] = ""
    assert page.post("/ghep")[1]["code"] == "no"
    assert page.post("/ghep")[1]["code"] == "quiet", "a stranger who was told no asks no more"
    assert helper.questions(PAIR) == 1
    fingerprint = tls.certificate.fingerprint(hashes.SHA256()).hex().upper()
    assert " ".join(fingerprint[i : i + 4] for i in range(0, 64, 4)) in helper.screen.replace("\r\n", "\n")
    machine = instance_keys.key_id_of(instance_keys.spki(MACHINE.public_key())).upper()
    assert f"Mã khoá của máy chủ: {' '.join(machine[i : i + 4] for i in range(0, 16, 4))}" in helper.screen
    http = Caller("http://192.168.1.20:8080")
    assert http.send("GET", "/trang-thai")[1]["problem"] == "http" and http.post("/ghep")[1]["code"] == "http"


def test_a_school_that_shows_another_key_is_stopped(helper: HelperProcess, page: Caller, tls: Tls) -> None:
    assert stat.S_IMODE((helper.folder / "schools.json").stat().st_mode) == 0o600
    tls.change(tls.key)  # renewed, same key: nobody is asked
    page.open()
    tls.change()
    assert Caller(page.origin).post("/phien")[1]["code"] == "changed"
    assert page.post("/ghep")[0] == 200
    assert "TRƯỚC ĐÂY DÙNG KHOÁ KHÁC" in helper.screen and helper.questions(PAIR) == 2
    page.open()


def test_a_wrong_pin_costs_one_try_and_the_last_one_is_asked_for(
    page: Caller, helper: HelperProcess, token: SoftToken, leaf: bytes
) -> None:
    (token.folder / "wish.calls").unlink(missing_ok=True)
    helper.replies["pin"] = "000111"
    assert sign(page, errand(leaf, 1))[1]["code"] == "pin"
    assert token.calls("login") == 1
    token.wish("final")
    helper.replies["pin"] = PIN
    assert sign(page, errand(leaf, 1))[1]["code"] == "no"
    assert token.calls("login") == 1, "the last try was not used"
    helper.replies["lan cuoi"] = "lan cuoi"
    assert sign(page, errand(leaf, 1))[0] == 200
    assert "chỉ còn một lần thử" in helper.screen
    token.wish("locked")
    assert sign(page, errand(leaf, 1, job="k" * 24))[1]["code"] == "locked"


@pytest.mark.parametrize(("wish", "code"), [("removed", "absent"), ("crash", "device")])
def test_a_token_that_fails_ends_the_login_and_the_rest_is_asked_again(
    page: Caller, helper: HelperProcess, token: SoftToken, leaf: bytes, wish: str, code: str
) -> None:
    asked = errand(leaf, 2)
    first, rest = {**asked, "items": asked["items"][:2]}, {**asked, "round": 1, "items": asked["items"][2:]}
    assert sign(page, first)[0] == 200
    token.wish(wish)
    assert sign(page, rest)[1]["code"] == code
    token.wish("")
    status, told = sign(page, rest)
    assert status == 200, told
    checked(leaf, rest, told)
    assert helper.questions(SIGN) == 2 and "phần còn lại: 2 chữ ký của 2 học bạ" in helper.screen


@pytest.mark.parametrize("leaf", ["rsa"], indirect=True)
def test_a_token_that_insists_on_hashing_gets_the_message(page: Caller, token: SoftToken, leaf: bytes) -> None:
    token.wish("noraw")
    asked = errand(leaf, 1)
    checked(leaf, asked, sign(page, asked)[1])


def test_a_certificate_that_is_not_here_is_not_asked_about(page: Caller, helper: HelperProcess, leaf: bytes) -> None:
    assert sign(page, errand(leaf, 1, certificate="0" * 64))[1]["code"] == "absent"
    assert helper.questions(SIGN) == 0


def test_a_proof_is_for_one_school_and_one_nonce(page: Caller, helper: HelperProcess, leaf: bytes) -> None:
    fingerprint = hashlib.sha256(leaf).hexdigest()
    shown = page.post("/the")[1]["tokens"][0]["certificates"]
    assert fingerprint in [held["sha256"] for held in shown if held["signs"]]
    status, told = page.post("/chung-minh", {"certificate": fingerprint, "nonce": "n" * 32})
    assert status == 200, told
    message = f"hocbaso-ky proof of possession 1\n{page.origin}\n{'n' * 32}\n{fingerprint}\n".encode()
    key = x509.load_der_x509_certificate(leaf).public_key()
    assert cms.verify_digest(key, hashlib.sha256(message).digest(), base64.b64decode(told["signature"]))
    for nonce in ("", "ngắn", "n" * 20 + "\nhttps://x", "n" * 65):
        assert page.post("/chung-minh", {"certificate": fingerprint, "nonce": nonce})[1]["code"] == "shape"


def test_somebody_who_says_no_three_times_is_left_alone(page: Caller, helper: HelperProcess, leaf: bytes) -> None:
    helper.replies["co"] = ""
    codes = [sign(page, errand(leaf, 1))[1]["code"] for _ in range(5)]
    assert codes == ["no", "no", "no", "quiet", "quiet"] and helper.questions(SIGN) == 3


def test_plain_http_is_paired_only_where_somebody_asked_for_it(token: SoftToken, tls: Tls, tmp_path: Path) -> None:
    with running(tmp_path / "ky", token.driver, options=("--cho-phep-http",)) as helper:
        page = Caller(f"http://127.0.0.1:{tls.plain.server_port}")
        assert page.post("/ghep")[0] == 200 and "KHÔNG DÙNG HTTPS" in helper.screen
        page.open()
        assert page.post("/the")[0] == 200


def test_schools_are_listed_and_forgotten_at_the_terminal(
    page: Caller, helper: HelperProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOCBASO_KY_HOME", str(helper.folder))
    assert main(["--danh-sach"]) == 0 and page.origin in capsys.readouterr().out
    assert main(["--bo-ghep", page.origin]) == 0 and main(["--bo-ghep", page.origin]) == 2
    assert main(["--danh-sach"]) == 0 and page.origin not in capsys.readouterr().out.splitlines()[-1:]
    assert main([]) == 2, "without a driver it says what is missing"
    assert "config.toml" in capsys.readouterr().out


def test_a_second_helper_says_that_one_is_open(helper: HelperProcess, token: SoftToken, tmp_path: Path) -> None:
    second = HelperProcess(tmp_path / "ky2", token.driver)
    second.wait_for("trình ký đã mở sẵn")
    assert second.process.wait(10) == 2


def statement_of(leaf: bytes, **more: Any) -> dict[str, Any]:
    """What a seal says of the key of the school's server, not signed yet."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    made = instance_keys.statement(
        instance_keys.spki(key), "Trường THCS Đồng Sen", "36001", NOW, NOW + timedelta(days=700), (leaf,), NOW
    )
    return {**made, **more}


def test_the_seals_word_on_the_servers_key_is_shown_as_it_will_be_signed(
    page: Caller, helper: HelperProcess, leaf: bytes
) -> None:
    told = statement_of(leaf)
    asked = {"document": "khoa-may", "role": "seal", "class": "Xác nhận khoá của máy chủ"}
    good = errand(leaf, 1, items=[item("statement", instance_keys.message(told))], **asked)
    other = TestAuthority.create(NOW).issue("Người khác", now=NOW)[1][0]
    blanks = instance_keys.message(told).replace(b'":"', b'": "', 1)
    wrong = [
        b"hocbaso-instance-key-1\n{}",
        b"hocbaso-key-list-1\n" + instance_keys.message(told).partition(b"\n")[2],
        instance_keys.message(told) + b" ",
        blanks,
        instance_keys.message(statement_of(other)),
        instance_keys.message(statement_of(leaf, certificates=[])),
        instance_keys.message(statement_of(leaf, school_name=["a"])),
        instance_keys.message(statement_of(leaf, more="x")),
        base64.b64decode(pair_of(leaf, "em")[1]["message"]),
    ]
    for message in wrong:
        assert sign(page, {**good, "items": [item("statement", message)]})[1]["code"] == "form", message
    # A statement does not travel as a transcript, nor a transcript as a statement.
    assert sign(page, {**good, "document": "hoc-ba"})[1]["code"] == "shape"
    assert sign(page, {**good, "items": pair_of(leaf, "em 0")})[1]["code"] == "limit"
    assert sign(page, {**good, "items": pair_of(leaf, "em 0")[:1]})[1]["code"] == "shape"
    assert sign(page, {**good, "n": 11})[1]["code"] == "limit"
    assert helper.questions("Đóng dấu xác nhận") == 0
    checked(leaf, good, sign(page, good)[1])
    words = " ".join(told["key_id"].upper()[at : at + 4] for at in range(0, 16, 4))
    for seen in ("Đóng dấu xác nhận khoá của máy chủ", f"{words}, Trường THCS Đồng Sen", "con dấu nhà trường"):
        assert seen in helper.screen


def test_a_recall_list_takes_one_signature(page: Caller, helper: HelperProcess, leaf: bytes) -> None:
    info = pair_of(leaf, "em 0")[1]
    asked = errand(leaf, 1, items=[info], document="danh-sach-thu-hoi", **{"class": "Danh sách thu hồi số 1"})
    assert sign(page, {**asked, "n": 2})[1]["code"] == "limit"
    checked(leaf, asked, sign(page, asked)[1])
    assert "Ký danh sách thu hồi" in helper.screen and "Danh sách thu hồi số 1: 1 danh sách (1 chữ ký)" in helper.screen
    assert sign(page, {**asked, "round": 1, "items": [pair_of(leaf, "khác")[1]]})[1]["code"] == "changed"
    assert sign(page, {**asked, "round": 1})[1]["code"] == "limit"


# --- what the school's server signs (decision 0044) ---------------------------------------------------------------------


def resigned(body: dict[str, Any], name: str, key: ec.EllipticCurvePrivateKey = MACHINE, **more: Any) -> dict[str, Any]:
    """The same with other fields in one of its texts, signed by a key again."""
    told = {**json.loads(body[name]["text"].partition("\n")[2]), **more}
    signed = instance_keys.sign_json(told, key)
    text = instance_keys.message(signed).decode()
    return {**body, name: {"text": text, "signature": signed["signature"]}}


def test_nothing_is_signed_that_the_schools_own_key_has_not_listed(
    page: Caller, helper: HelperProcess, token: SoftToken, leaf: bytes
) -> None:
    good, before = wire(errand(leaf, 2)), token.calls("sign")
    stranger = instance_keys.new_key()
    for name in ("agreement", "list"):
        text, signature = good[name]["text"], good[name]["signature"]
        without = {key: value for key, value in good.items() if key != name}
        for unsigned in (
            without,
            {**good, name: text},
            {**good, name: {"text": text}},
            {**good, name: {"text": text, "signature": None}},
        ):
            assert page.post("/ky", unsigned)[1]["code"] == "unsigned", name
        foreign = [
            {"text": text, "signature": ""},
            {"text": text, "signature": base64.b64encode(b"\x00" * 64).decode()},
            {"text": text.replace("em 0", "em 9"), "signature": signature},
            {"text": text + " ", "signature": signature},
            {"text": text, "signature": good["list" if name == "agreement" else "agreement"]["signature"]},
            resigned(good, name, stranger)[name],
        ]
        for forged in foreign:
            assert page.post("/ky", {**good, name: forged})[1]["code"] == "foreign", forged
    assert sign(page, errand(leaf, 2), key=stranger)[1]["code"] == "foreign", "another school's"
    assert page.post("/ky", resigned(good, "list", key_id="0" * 16))[1]["code"] == "foreign"
    # One text in the place of the other, and what a page has told until now.
    assert page.post("/ky", {**good, "agreement": good["list"]})[1]["code"] == "shape"
    assert page.post("/ky", errand(leaf, 2))[1]["code"] == "unsigned"
    assert page.post("/ky", resigned(good, "agreement", more="x"))[1]["code"] == "shape"
    assert helper.questions(SIGN) == 0 and token.calls("sign") == before
    assert page.post("/ky", good)[0] == 200


def test_a_list_is_held_against_the_agreement_that_was_read(
    page: Caller, helper: HelperProcess, token: SoftToken, leaf: bytes
) -> None:
    asked, before = errand(leaf, 2), token.calls("sign")
    good = wire(asked)
    items = json.loads(good["list"]["text"].partition("\n")[2])["items"]
    swapped = [[items[2][0], *items[0][1:]], *items[1:]]
    other_file = [[*items[0][:3], "0" * 64], *items[1:]]
    mixed = [items[0], items[3]]
    for changed in (swapped, other_file, mixed):
        assert page.post("/ky", resigned(good, "list", items=changed))[1]["code"] == "changed", changed
    for broken in (
        [],
        "x",
        [None],
        [items[0][:3], items[1]],
        items[:3],
        [[*items[0][:2], "xyz", items[0][3]], items[1]],
    ):
        assert page.post("/ky", resigned(good, "list", items=broken))[1]["code"] == "shape", broken
    later = wire({**asked, "who": "Người khác"})
    assert page.post("/ky", {**good, "agreement": later["agreement"]})[1]["code"] == "changed"
    assert page.post("/ky", resigned(good, "list", request="x" * 24))[1]["code"] == "changed"
    assert page.post("/ky", resigned(good, "agreement", papers=[["em 0", "A", "9A", "0" * 64]]))[1]["code"] == "shape"
    # The digest that is signed is the message's, whatever the page puts in its place.
    assert page.post("/ky", {**good, "messages": good["messages"][::-1]})[1]["code"] == "digest"
    assert helper.questions(SIGN) == 0 and token.calls("sign") == before
    # Within a signing: a paper once more with another digest.
    first = {**asked, "items": asked["items"][:2]}
    assert sign(page, first)[0] == 200
    again = {**asked, "round": 1, "items": [{**each, "code": "em 0"} for each in pair_of(leaf, "bản khác")]}
    assert sign(page, again)[1]["code"] == "replay"
    assert token.calls("sign") == before + 2


@pytest.mark.parametrize("name", ["agreement", "list"])
def test_a_list_is_good_for_its_own_time_by_the_schools_clock(
    page: Caller, helper: HelperProcess, tls: Tls, leaf: bytes, name: str
) -> None:
    asked, minute = errand(leaf, 1), timedelta(minutes=1)
    late, early = NOW - 40 * minute, NOW + 5 * minute
    times = {"now": late, "at": NOW} if name == "agreement" else {"now": NOW, "at": late}
    assert sign(page, asked, **times)[1]["code"] == "expired"
    times = {"now": early, "at": NOW} if name == "agreement" else {"now": NOW, "at": early}
    assert sign(page, asked, **times)[1]["code"] == "expired"
    for ends in (NOW + timedelta(hours=3), NOW - minute, NOW):
        body = resigned(wire(asked), name, issued_at=instance_keys.instant(NOW), expires_at=instance_keys.instant(ends))
        assert page.post("/ky", body)[1]["code"] == "expired", ends
    for nonsense in ("", 5, "2026-13-01T00:00:00Z"):
        assert page.post("/ky", resigned(wire(asked), name, expires_at=nonsense))[1]["code"] == "shape"
    assert helper.questions(SIGN) == 0
    # This computer's clock is of no account: a school that lives ten years later is understood.
    tls.now = NOW + timedelta(days=3650)
    page.open()
    assert sign(page, asked)[1]["code"] == "expired"
    assert sign(page, asked, now=tls.now)[0] == 200


def test_a_list_that_was_used_is_refused_by_a_helper_that_was_closed_in_between(
    token: SoftToken, tls: Tls, leaf: bytes, tmp_path: Path
) -> None:
    asked = errand(leaf, 2)
    first, rest = {**asked, "items": asked["items"][:2]}, {**asked, "round": 1, "items": asked["items"][2:]}
    page = Caller(tls.origin)
    with running(tmp_path / "ky", token.driver) as helper:
        helper.replies["pin"] = PIN
        assert page.post("/ghep")[0] == 200
        page.open()
        told = sign(page, first)
        assert told[0] == 200 and sign(page, first) == told, "an answer that was lost is the same answer again"
    used = tmp_path / "ky" / "used.txt"
    assert stat.S_IMODE(used.stat().st_mode) == 0o600 and len(used.read_text().split()) == 1
    with running(tmp_path / "ky", token.driver) as helper:
        helper.replies["pin"] = PIN
        page.open()
        assert sign(page, first)[1]["code"] == "replay" and helper.questions(SIGN) == 0
        assert sign(page, rest)[0] == 200, "what was not signed yet is asked for again and goes on"
        assert helper.questions(SIGN) == 1


def test_the_screen_shows_what_the_server_listed(page: Caller, helper: HelperProcess, leaf: bytes) -> None:
    assert sign(page, errand(leaf, 3))[0] == 200
    shown = " ".join(helper.screen.split())
    assert "Bảng kê của máy chủ: Lớp 9A, 3 học bạ: Em 0, Em 1, Em 2" in shown


def test_a_pairing_by_an_older_helper_is_done_again(token: SoftToken, tls: Tls, tmp_path: Path) -> None:
    folder = tmp_path / "ky"
    with running(folder, token.driver) as helper:
        page = Caller(tls.origin)
        assert page.post("/ghep")[0] == 200
    (old,) = json.loads((folder / "schools.json").read_text())
    del old["signing_key"]
    (folder / "schools.json").write_text(json.dumps([old]))
    with running(folder, token.driver) as helper:
        assert page.send("GET", "/trang-thai")[1]["paired"] is False
        assert page.post("/phien")[1]["code"] == "unpaired"
        assert page.post("/ghep")[1]["paired"] is True
        assert helper.questions(PAIR) == 1 and "KHOÁ KHÁC" not in helper.screen
        page.open()


def test_a_server_whose_signing_key_is_another_is_stopped(
    helper: HelperProcess, page: Caller, tls: Tls, leaf: bytes
) -> None:
    tls.machine = instance_keys.new_key()
    assert sign(page, errand(leaf, 1), key=tls.machine)[1]["code"] == "foreign"
    assert page.post("/phien")[1]["code"] == "changed"
    assert page.post("/ghep")[0] == 200 and "KHOÁ KÝ BẢNG KÊ CỦA MÁY CHỦ ĐÃ ĐỔI" in helper.screen
    page.open()
    assert sign(page, errand(leaf, 1), key=tls.machine)[0] == 200
    tls.answers = 404
    assert page.post("/phien")[1]["code"] == "server_old"
