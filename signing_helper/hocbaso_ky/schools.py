"""The schools whose pages may talk to this helper, each with the public key that its server showed when the user said yes.

Kept in ``schools.json`` (mode 0600). What is pinned is the SHA-256 of the server's public key, not of its certificate: the school
renews the certificate every year with the same key.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import os
import re
import socket
import ssl
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from hocbaso_ky.refusals import Refused

_ORIGIN = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[1-9][0-9]{0,4})?")
LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What a server shows of itself: SHA-256 of its certificate and of its public key, lower-case hex; empty over plain HTTP."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class School:
    """A paired school."""

    origin: str
    certificate: str
    key: str
    paired_at: str


def is_origin(text: str) -> bool:
    """Whether it is an origin as browsers write it (never ``null``)."""
    return len(text) < 300 and _ORIGIN.fullmatch(text) is not None


def look_at(origin: str) -> Shown:
    """Ask the server itself for its certificate. Nothing is trusted by this: the user compares what is shown. Refused: ``school``."""
    parts = urlsplit(origin)
    if parts.scheme != "https":
        return Shown("", "")
    host, port = parts.hostname or "", parts.port or 443
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    name: str | None = host
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        name = None
    try:
        with (
            socket.create_connection((host, port), timeout=LOOK_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            der = secure.getpeercert(binary_form=True)
    except OSError as error:
        raise Refused(503, "school", "Không nối được tới máy chủ của trường để xem chứng thư của nó.") from error
    certificate = x509.load_der_x509_certificate(der or b"")
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Shown(hashlib.sha256(der or b"").hexdigest(), hashlib.sha256(key).hexdigest())


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
            self._known[origin] = School(origin, shown.certificate, shown.key, now)
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
