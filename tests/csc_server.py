"""A remote signing provider by the Cloud Signature Consortium's standard (1.0.4.0 and 2.0), over TLS on the loopback.

It is strict where the standard is: bearer tokens that end, required parameters, an authorisation that covers so many
signatures and, with SCAL 2, only the hashes it was given for. ``faults`` is a list of answers to give first instead.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import secrets
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import NameOID
from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

from hocbaso.documents.csc_client import Provider

SHA256 = "2.16.840.1.101.3.4.2.1"
PIN, CODE = "86420975", "314159"


@dataclass
class Key:
    """A credential of a user."""

    user: str
    key: Any
    chain: tuple[bytes, ...]
    mode: str = "explicit"
    pin: bool = True
    code: bool = False
    scal: str = "2"
    many: int = 200
    enabled: bool = True
    side_by_side: bool = False
    online: bool = False


@dataclass
class Csc:
    """The provider's state, and what it was asked (``log``: method names; ``authorised``: numSignatures of each)."""

    version: str
    keys: dict[str, Key] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    sads: dict[str, tuple[str, int, list[str] | None]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    authorised: list[int] = field(default_factory=list)
    signed: list[int] = field(default_factory=list)
    faults: list[Any] = field(default_factory=list)
    refuse_on_phone: bool = False
    person: str = "036180000001"
    codes: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    refreshes: dict[str, str] = field(default_factory=dict)
    port: int = 0
    ca_file: str = ""
    secret: str = "bi-mat-ung-dung"

    def provider(self, **more: Any) -> Provider:
        return Provider(**{**self.settings(), "name": "thu", **more})

    def settings(self) -> dict[str, Any]:
        url = f"https://localhost:{self.port}/csc/{self.version}"
        return {
            "words": "Nơi cấp thử", "version": self.version, "url": url, "token_url": f"{url}/oauth2/token",
            "client_id": "hocbaso", "client_secret": self.secret, "ca_file": self.ca_file, "timeout": 5.0,
            "confirm_seconds": 8.0,
        }  # fmt: skip

    def add(self, key: Any, chain: tuple[bytes, ...], user: str = "036180000001", **more: Any) -> str:
        credential = secrets.token_hex(8)
        self.keys[credential] = Key(user, key, chain, **more)
        return credential


def _no(status: int, code: str, text: str = "") -> Response:
    answer = jsonify({"error": code, "error_description": text})
    answer.status_code = status
    return answer


def _application(state: Csc) -> Flask:
    app = Flask("csc")
    base = f"/csc/{state.version}"
    v2 = state.version == "v2"

    @app.before_request
    def fault_or_token() -> Response | None:
        method = request.path.removeprefix(f"{base}/")
        state.log.append(method)
        if state.faults and not method.startswith("oauth2"):
            fault = state.faults.pop(0)
            if fault == "hang":
                time.sleep(30)
            elif fault == "drop":
                request.environ["werkzeug.socket"].shutdown(2)
            elif fault == "huge":
                return Response(b"x" * 5_000_000, mimetype="application/json")
            elif fault == "redirect":
                return Response(status=307, headers={"Location": "https://localhost:1/elsewhere"})
            elif fault == "nonsense":
                return Response(b"<html>", mimetype="text/html")
            elif fault == "expire":
                state.tokens.clear()
            elif fault is not None:
                return _no(*fault)
        if method.startswith("oauth2"):
            return None
        token = (request.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in state.tokens:
            return _no(401, "invalid_token", "The access token is expired")
        if request.mimetype != "application/json" or not isinstance(request.get_json(silent=True), dict):
            return _no(400, "invalid_request", "not JSON")
        return None

    @app.post(f"{base}/oauth2/token")
    def token() -> Response:
        form = request.form
        if (form.get("client_id"), form.get("client_secret")) != ("hocbaso", state.secret):
            return _no(401, "invalid_client")
        kind, user = form.get("grant_type"), None
        if kind == "authorization_code":
            user, challenge, back = state.codes.pop(form.get("code", ""), ("", "", ""))
            proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
            if not user or proof.rstrip(b"=").decode() != challenge or form.get("redirect_uri") != back:
                return _no(400, "invalid_grant")
        elif kind == "refresh_token":
            user = state.refreshes.pop(form.get("refresh_token", ""), None)
            if user is None:
                return _no(400, "invalid_grant")
        elif kind != "client_credentials" or form.get("scope") != "service":
            return _no(400, "unsupported_grant_type")
        if user is not None:
            made, again = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
            state.tokens.add(made)
            state.users[made], state.refreshes[again] = user, user
            return jsonify({"access_token": made, "token_type": "Bearer", "refresh_token": again, "expires_in": 3600})
        made = secrets.token_urlsafe(16)
        state.tokens.add(made)
        return jsonify({"access_token": made, "token_type": "Bearer", "expires_in": 3600})

    @app.get(f"{base}/oauth2/authorize")
    def consent() -> Response:
        told = request.args
        if told["response_type"] != "code" or told["code_challenge_method"] != "S256" or told["client_id"] != "hocbaso":
            return _no(400, "invalid_request")
        code = secrets.token_urlsafe(12)
        state.codes[code] = (state.person, told["code_challenge"], told["redirect_uri"])
        back = f"{told['redirect_uri']}?{urlencode({'code': code, 'state': told['state']})}"
        return Response(status=302, headers={"Location": back})

    @app.post(f"{base}/credentials/list")
    def listing() -> Response:
        body = request.get_json()
        signed_in = state.users.get((request.headers.get("Authorization") or "").removeprefix("Bearer "))
        if (signed_in is None) == ("userID" not in body):
            return _no(400, "invalid_request", "userID")
        ids = [name for name, key in state.keys.items() if key.user == (signed_in or body["userID"])]
        start = int(body.get("pageToken") or 0)
        page = {"credentialIDs": ids[start : start + 2]}
        if start + 2 < len(ids):
            page["nextPageToken"] = str(start + 2)
        return jsonify(page)

    @app.post(f"{base}/credentials/info")
    def info() -> Response:
        body = request.get_json()
        key = state.keys.get(body.get("credentialID", ""))
        if key is None:
            return _no(400, "invalid_request", "Invalid parameter credentialID")
        is_rsa = isinstance(key.key, rsa.RSAPrivateKey)
        answer: dict[str, Any] = {
            "key": {
                "status": "enabled" if key.enabled else "disabled",
                "algo": ["1.2.840.113549.1.1.11", "1.2.840.113549.1.1.1"] if is_rsa else ["1.2.840.10045.4.3.2"],
                "len": 2048 if is_rsa else 256,
            },
            "cert": {"status": "valid", "certificates": [base64.b64encode(der).decode() for der in key.chain]},
            "multisign": key.many,
            "SCAL": key.scal,
        }
        if v2:
            objects = [{"type": "Password", "id": "PIN"}] * key.pin + [{"type": "Password", "id": "OTP"}] * key.code
            answer["auth"] = {"mode": key.mode, "objects": objects}
        else:
            answer["authMode"] = key.mode
            answer["PIN"] = {"presence": "true" if key.pin else "false"}
            answer["OTP"] = {
                "presence": "true" if key.code else "false", "type": "online" if key.online else "offline"
            }  # fmt: skip
        return jsonify(answer)

    def hashes_of(body: dict[str, Any]) -> list[str] | None:
        return body.get("hashes" if v2 else "hash")

    @app.post(f"{base}/credentials/authorize")
    def authorize() -> Response:
        body = request.get_json()
        key = state.keys.get(body.get("credentialID", ""))
        n = body.get("numSignatures")
        if key is None or not isinstance(n, int) or n < 1:
            return _no(400, "invalid_request", "Missing parameter")
        if n > key.many:
            return _no(400, "invalid_request", "numSignatures is too big")
        given = hashes_of(body)
        if key.scal == "2" and (not given or len(given) != n):
            return _no(400, "invalid_request", "Missing hashes")
        told = {one["id"]: one["value"] for one in body.get("authData", [])} if v2 else body
        if key.mode == "implicit" and state.refuse_on_phone:
            return _no(400, "authorization_denied", "The user declined")
        if key.mode == "explicit" and key.pin and told.get("PIN") != PIN:
            return _no(400, "invalid_pin", "The PIN is invalid")
        if key.mode == "explicit" and key.code and told.get("OTP") != CODE:
            return _no(400, "invalid_otp", "The OTP is invalid")
        sad = secrets.token_urlsafe(16)
        state.sads[sad] = (body["credentialID"], n, given if key.scal == "2" else None)
        state.authorised.append(n)
        return jsonify({"SAD": sad, "expiresIn": 300})

    @app.post(f"{base}/signatures/signHash")
    def sign_hash() -> Response:
        body = request.get_json()
        wanted, oid = hashes_of(body), body.get("hashAlgorithmOID" if v2 else "hashAlgo")
        owner, left, bound = state.sads.get(body.get("SAD", ""), ("", 0, None))
        if not wanted or not body.get("signAlgo") or oid != SHA256:
            return _no(400, "invalid_request", "Missing parameter")
        if owner != body.get("credentialID") or len(wanted) > left or (bound is not None and wanted != bound):
            return _no(400, "invalid_request", "Invalid parameter SAD")
        state.sads[body["SAD"]] = (owner, left - len(wanted), bound)
        state.signed.append(len(wanted))
        return jsonify({"signatures": [_signature(state.keys[owner], base64.b64decode(one)) for one in wanted]})

    return app


def _signature(key: Key, digest: bytes) -> str:
    pre = utils.Prehashed(hashes.SHA256())
    if isinstance(key.key, rsa.RSAPrivateKey):
        raw = key.key.sign(digest, padding.PKCS1v15(), pre)
    else:
        raw = key.key.sign(digest, ec.ECDSA(pre))
        if key.side_by_side:
            r, s = utils.decode_dss_signature(raw)
            raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return base64.b64encode(raw).decode()


def _server_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2)).add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, secret = folder / "server.pem", folder / "server.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, secret


@contextmanager
def running(folder: Path, version: str) -> Iterator[Csc]:
    """The provider on a free port of the loopback until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    pem, secret = _server_certificate(folder)
    state = Csc(version, ca_file=str(pem))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem, secret)
    server = make_server("127.0.0.1", 0, _application(state), threaded=True, ssl_context=tls)
    server.daemon_threads = True
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
