"""The schools whose pages may talk to this helper, each with the two public keys that its server showed when the user said yes.

Kept in ``schools.json`` (mode 0600). What is pinned of TLS is the SHA-256 of the server's public key, not of its certificate: the school
renews the certificate every year with the same key. The other key signs what the helper is told (:mod:`hocbaso_ky.manifest`); the helper
fetches it over a connection of its own to the server with the first, so no page and no script has a hand in it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import http.client
import json
import os
import re
import ssl
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from hocbaso_ky import manifest
from hocbaso_ky.refusals import Refused

_ORIGIN = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[1-9][0-9]{0,4})?")
LOOK_SECONDS = 5.0
KEY_PATH = "/trinh-ky/khoa"
"""Where the server shows the key that signs what a helper is told, and its time."""
MAX_ANSWER = 4_000


@dataclass(frozen=True, slots=True)
class Shown:
    """What a server shows of itself: SHA-256 of its certificate and of its TLS key (lower-case hex; empty over plain HTTP), the key that
    signs what a helper is told (DER; empty where it has none yet), and its time."""

    certificate: str
    key: str
    signing_key: bytes
    now: datetime


@dataclass(frozen=True, slots=True)
class School:
    """A paired school."""

    origin: str
    certificate: str
    key: str
    paired_at: str
    signing_key: str = ""
    """Base64 of the DER; empty where an older helper paired, which has to be done again."""

    @property
    def signing_der(self) -> bytes:
        """The key that signs what the school tells."""
        return base64.b64decode(self.signing_key)


def is_origin(text: str) -> bool:
    """Whether it is an origin as browsers write it (never ``null``)."""
    return len(text) < 300 and _ORIGIN.fullmatch(text) is not None


def look_at(origin: str) -> Shown:
    """Ask the server itself for its certificate, its signing key and its time, over one connection.

    Nothing is trusted by this: the user compares what is shown. Refused: ``school``, ``server_old``.
    """
    parts = urlsplit(origin)
    host = parts.hostname or ""
    certificate = key = ""
    if parts.scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        line: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port or 443, timeout=LOOK_SECONDS, context=context
        )
    else:
        line = http.client.HTTPConnection(host, parts.port or 80, timeout=LOOK_SECONDS)
    try:
        line.connect()
        if isinstance(line.sock, ssl.SSLSocket):
            der = line.sock.getpeercert(binary_form=True) or b""
            certificate, key = hashlib.sha256(der).hexdigest(), _key_digest(der)
        line.request("GET", KEY_PATH, headers={"Accept": "application/json"})
        answer = line.getresponse()
        data = answer.read(MAX_ANSWER + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Refused(503, "school", "Không nối được tới máy chủ của trường để xem chứng thư của nó.") from error
    finally:
        line.close()
    if answer.status == 404:
        raise Refused(409, "server_old", "Máy chủ của trường là bản cũ hơn trình ký: nó không ký tên vào bảng kê.")
    try:
        if answer.status != 200 or len(data) > MAX_ANSWER:
            raise ValueError(answer.status)
        told = json.loads(data)
        if told["format"] != "hocbaso-helper-key-1":
            raise ValueError(told["format"])
        signing_key = base64.b64decode(told["public_key"], validate=True)
        now = datetime.strptime(told["now"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error) as error:
        raise Refused(503, "school", "Máy chủ của trường trả lời không đúng dạng.") from error
    if signing_key:
        manifest.load_key(signing_key)
    return Shown(certificate, key, signing_key, now)


def _key_digest(der: bytes) -> str:
    key = x509.load_der_x509_certificate(der).public_key()
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, info)).hexdigest()


MOST_KEPT = 5_000
"""Rounds that are remembered over a restart: some fifty schools. What they were told is good for two hours at the most."""


class Used:
    """The rounds that were signed, kept in ``used.txt`` (mode 0600) by the SHA-256 of their lists: a restart forgets none."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        lines = path.read_text("ascii").split() if path.exists() else []
        self._known = dict.fromkeys(lines[-MOST_KEPT:])
        if len(lines) > 2 * MOST_KEPT:
            path.write_text("".join(f"{line}\n" for line in self._known), "ascii")

    def __contains__(self, digest: str) -> bool:
        with self._lock:
            return digest in self._known

    def add(self, digest: str) -> None:
        """Remember a round; on the disk when this returns."""
        with self._lock:
            self._known[digest] = None
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(f"{digest}\n")
                file.flush()
                os.fsync(file.fileno())


class Schools:
    """The list, read once and written at each change."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._known: dict[str, School] = {}
        if path.exists():
            for entry in json.loads(path.read_text("utf-8")):
                self._known[entry["origin"]] = School(**entry)

    def get(self, origin: str) -> School | None:
        """The school of an origin, if it is paired."""
        with self._lock:
            return self._known.get(origin)

    def all(self) -> list[School]:
        """Every paired school."""
        with self._lock:
            return list(self._known.values())

    def add(self, origin: str, shown: Shown) -> None:
        """Pair, or pair again with another key."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._lock:
            told = base64.b64encode(shown.signing_key).decode("ascii")
            self._known[origin] = School(origin, shown.certificate, shown.key, now, told)
            self._write()

    def remove(self, origin: str) -> bool:
        """Forget a school; whether it was known."""
        with self._lock:
            found = self._known.pop(origin, None) is not None
            self._write()
        return found

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self._path.with_suffix(".new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump([asdict(school) for school in self._known.values()], file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
