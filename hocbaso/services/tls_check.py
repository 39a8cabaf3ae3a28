"""Is the HTTPS of this machine in order: pair, chain, dates, and names against what the machine is called today?"""

from __future__ import annotations

import ipaddress
import socket
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from flask import current_app

from hocbaso import clock
from hocbaso.config import Config
from hocbaso.documents import lan_authority
from hocbaso.documents.lan_authority import fingerprint
from hocbaso.services import lan_addresses, tls

AUTHORITY_WARNING = timedelta(days=180)
"""Teaching every tablet anew takes a school weeks: begin half a year before the root ends."""

_RESOLVE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class TlsFinding:
    """One sentence; ``level`` is ok, warn or bad."""

    level: str
    message: str


@dataclass(frozen=True, slots=True)
class Root:
    """The school's authority as people see it: names it vouches for, its digest in sixteen groups, the file's bytes."""

    names: tuple[str, ...]
    groups: tuple[str, ...]
    ends_at: datetime
    der: bytes


def root(settings: Config) -> Root | None:
    """The authority in use; None for a school without one of its own."""
    there = tls.held(settings)
    if there.authority is None or there.leaf is None or not there.is_ours:
        return None
    return Root(
        lan_authority.names_of_leaf(there.leaf).words,
        lan_authority.in_groups(fingerprint(there.authority)),
        there.authority.not_valid_after_utc,
        there.authority.public_bytes(serialization.Encoding.DER),
    )


def examine(settings: Config, now: datetime, *, deep: bool = False) -> list[TlsFinding]:
    """Everything there is to say, worst not first but in the order one would look. ``deep`` also asks how names resolve."""
    there = tls.held(settings)
    if there.leaf is None and there.pair_fault is None:
        return [
            TlsFinding(
                "warn",
                "Máy chủ chưa dùng HTTPS; mật khẩu đi trên mạng không được che. Chạy: flask tls init",
            )
        ]
    if there.pair_fault is not None or there.leaf is None:
        return [TlsFinding("bad", there.pair_fault or "Không có chứng thư HTTPS.")]
    findings = [_dates(there.leaf, now), *_authority(there, now), *_names(there.leaf, deep)]
    if settings.tls_off:
        findings.append(TlsFinding("warn", "HTTPS đang tắt (HOCBASO_TLS=off) dù đã có chứng thư."))
    return findings + _in_use(there.leaf)


def is_sound(settings: Config, now: datetime) -> bool:
    """Whether browsers may be told to come by HTTPS only: nothing bad, and no expiry near.

    A wrong yes locks every tablet out for a year, so a certificate that nobody renews in time says no.
    """
    there = tls.held(settings)
    if settings.tls_off or not there.is_usable or there.leaf is None:
        return False
    found = [_dates(there.leaf, now), *_authority(there, now)]
    return all(finding.level == "ok" for finding in found)


def _dates(leaf: x509.Certificate, now: datetime) -> TlsFinding:
    left = leaf.not_valid_after_utc - now
    until = f"{clock.local(leaf.not_valid_after_utc):%d/%m/%Y}"
    if now < leaf.not_valid_before_utc:
        return TlsFinding("bad", "Chứng thư HTTPS chưa đến ngày có hiệu lực. Xem lại đồng hồ máy chủ.")
    if left <= timedelta(0):
        return TlsFinding("bad", f"Chứng thư HTTPS đã hết hạn ngày {until}.")
    # Renewal runs once a day, so a day's grace before anybody is alarmed.
    near = left < tls.RENEW_BEFORE - timedelta(days=1)
    return TlsFinding("warn" if near else "ok", f"HTTPS, chứng thư còn hạn {left.days} ngày, đến {until}.")


def _authority(there: tls.Held, now: datetime) -> list[TlsFinding]:
    if there.authority is None or there.leaf is None:
        return []
    if not there.is_ours:
        return [TlsFinding("bad", "Chứng thư HTTPS không do gốc tls/ca.pem cấp; máy tính bảng sẽ báo không an toàn.")]
    left = there.authority.not_valid_after_utc - now
    until = f"{clock.local(there.authority.not_valid_after_utc):%d/%m/%Y}"
    mark = " ".join(lan_authority.in_groups(fingerprint(there.authority))[:4])
    if left < AUTHORITY_WARNING:
        return [
            TlsFinding(
                "bad" if left <= timedelta(0) else "warn",
                f"Chứng thư gốc hết hạn {until}: tạo gốc mới (flask tls init --new-ca) và cài lại các máy tính bảng.",
            )
        ]
    return [TlsFinding("ok", f"Chứng thư gốc của trường {mark}…, đến {until}.")]


def _names(leaf: x509.Certificate, deep: bool) -> list[TlsFinding]:
    names = lan_authority.names_of_leaf(leaf)
    here = lan_addresses.of_this_machine()
    gone = [
        str(address)
        for address in names.addresses
        if not address.is_loopback and address.version == 4 and here and str(address) not in here
    ]
    findings = [
        TlsFinding(
            "warn",
            f"Chứng thư ghi địa chỉ {address} nhưng máy này đang có {', '.join(here)}. Đặt lại địa chỉ cố định cho máy, "
            "hoặc tạo gốc mới.",
        )
        for address in gone
    ]
    for host in names.hosts if deep else ():
        found = _resolve(host)
        if found is None or not found & {*here, "127.0.0.1", "127.0.1.1", "::1"}:
            where = f"chỉ tới {', '.join(sorted(found))}" if found else "chưa trỏ tới máy nào"
            findings.append(
                TlsFinding(
                    "warn",
                    f"Tên {host} {where}. Xem lại tên trong bộ định tuyến của trường (máy này: {', '.join(here)}).",
                )
            )
    return findings or [TlsFinding("ok", f"Dùng cho {', '.join(names.words)}.")]


def _resolve(host: str) -> set[str] | None:
    """Addresses behind a name; None when there is none, or nobody answers in time."""
    found: list[set[str]] = []

    def ask() -> None:
        try:
            found.append({str(ipaddress.ip_address(line[4][0])) for line in socket.getaddrinfo(host, None)})
        except (OSError, ValueError):
            found.append(set())

    # The system's own patience is half a minute for each name server that is not there.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_RESOLVE_SECONDS)
    return found[0] if found and found[0] else None


def _in_use(leaf: x509.Certificate) -> list[TlsFinding]:
    shown = current_app.extensions.get("hocbaso_tls_shown")
    if shown is None or shown == fingerprint(leaf):
        return []
    return [TlsFinding("warn", "Đã có chứng thư mới; máy chủ tự đổi sang khi không ai đang làm việc.")]
