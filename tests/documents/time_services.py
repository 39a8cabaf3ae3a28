"""A time-stamping authority and an OCSP responder on the loopback: certomancer answers, this file gives it keys, a clock and moods."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from asn1crypto import algos, keys, ocsp, tsp
from asn1crypto import x509 as asn1_x509
from certomancer.services import RevocationInfoInterface, SimpleOCSPResponder, TimeStamper
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from hocbaso.documents import test_authority
from hocbaso.documents.proof_plan import ProofPlan
from hocbaso.documents.signers import SoftwareKeySigner
from hocbaso.documents.test_authority import TestAuthority

DER = serialization.Encoding.DER


def certificate(
    ca: TestAuthority,
    name: str,
    key: Any,
    start: datetime,
    end: datetime,
    *extra: tuple[x509.ExtensionType, bool],
    **names: str | None,
) -> bytes:
    """A certificate of the issuing authority with further extensions (value, critical)."""
    plain = test_authority._certificate(
        test_authority._name(name, **names), ca.issuing.subject, key, ca.issuing_key, start, end
    )
    builder = x509.CertificateBuilder(
        plain.issuer, plain.subject, key.public_key(), plain.serial_number, start, end, list(plain.extensions)
    )
    for value, critical in extra:
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(ca.issuing_key, hashes.SHA256()).public_bytes(DER)


def _asn1(der: bytes) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(der)


def _private(key: Any) -> keys.PrivateKeyInfo:
    return keys.PrivateKeyInfo.load(
        key.private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


class _Statuses(RevocationInfoInterface):
    def __init__(self, services: TimeServices) -> None:
        self.services = services

    def get_issuer_cert(self) -> asn1_x509.Certificate:
        return _asn1(self.services.ca.issuing.public_bytes(DER))

    def check_revocation_status(self, cid: ocsp.CertId, at_time: datetime) -> tuple[ocsp.CertStatus, list[Any]]:
        revoked_at = self.services.revoked.get(cid["serial_number"].native)
        if revoked_at is None or revoked_at > at_time:
            return ocsp.CertStatus("good"), []
        info = ocsp.RevokedInfo({"revocation_time": revoked_at, "revocation_reason": "key_compromise"})
        return ocsp.CertStatus(name="revoked", value=info), []


@dataclass
class TimeServices:
    """``now`` is the clock of both. ``mood`` is how the authority answers; ``calls`` counts by path."""

    ca: TestAuthority
    now: datetime
    url: str
    mood: str = "ok"
    calls: dict[str, int] = field(default_factory=lambda: {"/tsa": 0, "/ocsp": 0})
    revoked: dict[int, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tsa_key: Any = rsa.generate_private_key(65537, 2048)
        self.responder_key: Any = ec.generate_private_key(ec.SECP256R1())
        self.employ(self.now - timedelta(days=1), self.now + timedelta(days=1500))
        self.appoint(self.now - timedelta(days=1), self.now + timedelta(days=1500))

    def employ(self, start: datetime, end: datetime, ca: TestAuthority | None = None) -> None:
        """Give the time-stamping authority a certificate."""
        usage = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
        ca = ca or self.ca
        self.tsa_chain: tuple[bytes, ...] = (
            certificate(ca, "Dấu thời gian thử nghiệm", self.tsa_key, start, end, usage),
            ca.issuing.public_bytes(DER),
        )

    def appoint(self, start: datetime, end: datetime) -> None:
        """Give the OCSP responder a certificate."""
        usage = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
        self.responder = certificate(
            self.ca, "OCSP thử nghiệm", self.responder_key, start, end, usage, (x509.OCSPNoCheck(), False)
        )

    def signer(
        self, name: str, personal_id: str | None, organisation: str, kind: str, days: int = 400
    ) -> SoftwareKeySigner:
        """A signer whose certificate names this responder."""
        key: Any = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
        where = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"{self.url}/ocsp")
        )
        start = self.now - timedelta(hours=1)
        leaf = certificate(
            self.ca, name, key, start, start + timedelta(days=days), (x509.AuthorityInformationAccess([where]), False),
            organisation=organisation, personal_id=personal_id,
        )  # fmt: skip
        return SoftwareKeySigner(key, (leaf, self.ca.issuing.public_bytes(DER)))

    def plan(self, level: str) -> ProofPlan:
        return ProofPlan(level, f"{self.url}/tsa", (f"{self.url}/ocsp",), timeout=5, tries=2)

    def answer(self, path: str, data: bytes) -> tuple[int, bytes]:
        self.calls[path] = self.calls.get(path, 0) + 1
        if path == "/ocsp":
            responder = SimpleOCSPResponder(
                _asn1(self.responder), _private(self.responder_key),
                algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}), self.now, _Statuses(self), timedelta(days=1),
            )  # fmt: skip
            return 200, responder.build_ocsp_response(ocsp.OCSPRequest.load(data)).dump()
        if self.mood == "down":
            return 503, b""
        if self.mood == "once down" and self.calls[path] == 1:
            return 503, b""
        if self.mood == "nonsense":
            return 200, b"<html>"
        if self.mood == "refuses":
            return 200, bytes.fromhex("30053003020102")  # PKIStatus rejection, no token
        request = tsp.TimeStampReq.load(data)
        if self.mood == "another document":
            request["message_imprint"]["hashed_message"] = bytes(32)
        if self.mood == "another nonce":
            request["nonce"] = 7
        leaf, *others = self.tsa_chain
        stamper = TimeStamper(
            _asn1(leaf), _private(self.tsa_key), certs_to_embed=[_asn1(der) for der in others], fixed_dt=self.now
        )
        return 200, stamper.request_tsa_response(request).dump()


@contextmanager
def time_services(ca: TestAuthority, now: datetime) -> Iterator[TimeServices]:
    """Both services on a free port of the loopback."""
    types = {"/tsa": "application/timestamp-reply", "/ocsp": "application/ocsp-response"}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/moved":
                services.calls["/moved"] = services.calls.get("/moved", 0) + 1
                self.send_response(307)
                self.send_header("Location", "/tsa")
                self.end_headers()
                return
            code, body = services.answer(self.path, data)
            self.send_response(code)
            self.send_header("Content-Type", types[self.path])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    services = TimeServices(ca, now, f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield services
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
