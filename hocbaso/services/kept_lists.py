"""The revocation lists kept with the trusted roots: each is the newest seen of its issuer, and the one that the log names.

A list says who may no longer sign. An older one put in its place would give a stolen key back its power, so an older list is refused,
a list goes only for a newer one of the same issuer, and what lies in the table is held against the digest in the log whenever it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import revocation_lists
from hocbaso.errors import IntegrityFault, Invalid
from hocbaso.services.log_reading import aimed_at, replay

AHEAD = timedelta(days=1)
"""How far a list may be dated after this machine's clock."""

_END = "-----END X509 CRL-----"


def lists_of(pem: str | None) -> list[bytes]:
    """DER of the lists in a stored text."""
    blocks = (pem or "").split(_END)[:-1]
    return [
        x509.load_pem_x509_crl(f"{block.strip()}\n{_END}\n".encode()).public_bytes(serialization.Encoding.DER)
        for block in blocks
    ]


def text_of(lists: Iterable[bytes]) -> str | None:
    """The stored text of lists (DER); None for none."""
    return (
        "".join(x509.load_der_x509_crl(der).public_bytes(serialization.Encoding.PEM).decode() for der in lists) or None
    )


def facts_of(der: bytes) -> dict[str, Any]:
    """What the log keeps of a list: issuer, number (None: it has none), thisUpdate and the SHA-256 of its DER."""
    read = x509.load_der_x509_crl(der)
    return {
        "issuer": read.issuer.rfc4514_string()[:300],
        "number": str(number) if (number := _number(read)) is not None else None,
        "this_update": read.last_update_utc.isoformat(timespec="seconds"),
        "digest": hashlib.sha256(der).hexdigest(),
    }


@dataclass(slots=True)
class Taken:
    """What a load of lists comes to: those that are new here, and the held ones that they replace."""

    added: list[bytes] = field(default_factory=list)
    replaced: set[bytes] = field(default_factory=set)


def take(new: Iterable[bytes], held: Iterable[bytes], issuers: Iterable[bytes], now: datetime) -> Taken:
    """Hold new lists (DER) against all that are held. ``issuers``: certificates at hand by which a list's signature can be tried.

    A list is replaced only by one that the same certificate signed: a file may bring a certificate that calls itself the issuer, with a
    list by its key. Any other list, and one that can't be tried, stands beside. Raises Invalid: older than the one held, or dated in the future.
    """
    known, at_hand, found = list(held), tuple(issuers), Taken()
    for der in dict.fromkeys(new):
        if der in known or der in found.added:
            continue
        read = x509.load_der_x509_crl(der)
        if read.last_update_utc > now + AHEAD:
            raise Invalid(
                f"Danh sách thu hồi {_words(read)} ghi ngày phát hành ở tương lai. Chưa nạp gì.", field="root"
            )
        signers = [issuer for issuer in at_hand if revocation_lists.is_list_of(der, issuer)]
        for other in known:
            rival = x509.load_der_x509_crl(other)
            if _series(rival) != _series(read):
                continue
            if (_is_signed(other, at_hand) or not signers) and _is_older(read, rival):
                raise Invalid(
                    f"Danh sách thu hồi {_words(read)} cũ hơn danh sách trường đang giữ ({_words(rival)}). Chưa nạp gì.",
                    field="root",
                )
            if _is_signed(other, signers):
                found.replaced.add(other)
        found.added.append(der)
    return found


def _is_signed(crl: bytes, at_hand: Iterable[bytes]) -> bool:
    return any(revocation_lists.is_list_of(crl, issuer) for issuer in at_hand)


def _series(crl: x509.CertificateRevocationList) -> tuple[bytes, bytes | None, bytes, bool]:
    """What two lists share of which the later takes the place of the earlier: issuer, its key, the part it covers, whether a delta."""
    return (
        crl.issuer.public_bytes(),
        key.key_identifier if (key := _extension(crl, x509.AuthorityKeyIdentifier)) is not None else None,
        part.public_bytes() if (part := _extension(crl, x509.IssuingDistributionPoint)) is not None else b"",
        _extension(crl, x509.DeltaCRLIndicator) is not None,
    )


def _is_older(new: x509.CertificateRevocationList, held: x509.CertificateRevocationList) -> bool:
    first, second = _number(new), _number(held)
    if new.last_update_utc < held.last_update_utc or (first is not None and second is not None and first < second):
        return True
    if new.last_update_utc > held.last_update_utc:
        return False
    # Of the same second: the one that names fewer would take a revocation back.
    return not {one.serial_number for one in held} <= {one.serial_number for one in new}


def _number(crl: x509.CertificateRevocationList) -> int | None:
    found = _extension(crl, x509.CRLNumber)
    return found.crl_number if found is not None else None


def _extension(crl: x509.CertificateRevocationList, kind: Any) -> Any:
    try:
        return crl.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _words(crl: x509.CertificateRevocationList) -> str:
    number = _number(crl)
    said = f"số {number}, " if number is not None else ""
    return f"{said}{clock.local(crl.last_update_utc):%H:%M %d/%m/%Y}"


# --- the log ----------------------------------------------------------------------------------------------------------

_TOLD: dict[tuple[int, str], Mapping[str, Mapping[str, Any]]] = {}
"""The log's word on all roots by its newest entry on one: asked for each certificate on a page."""


def told() -> Mapping[str, Mapping[str, Any]]:
    """What the log says of each root, by id. IntegrityFault where one of its entries does not fit its hash."""
    entry = m.AuditEntry
    newest = db.session.execute(
        select(entry.seq, entry.hash).where(entry.target_kind == "trust_root").order_by(entry.seq.desc()).limit(1)
    ).first()
    if newest is None:
        return {}
    key = (newest.seq, newest.hash)
    if key not in _TOLD:
        found = replay(aimed_at({"trust_root": None}), ("trust_root",))["trust_root"]
        _TOLD.clear()
        _TOLD[key] = found
    return _TOLD[key]


def kept(*, tests: bool) -> list[bytes]:
    """DER of every list that came with a root, also with one that is trusted no longer: who was revoked stays so.

    ``tests``: with those of test roots. Raises IntegrityFault when what lies here is not what the log names; a list from before the
    log named any is taken as it is.
    """
    rows = db.session.execute(
        select(m.TrustRoot.id, m.TrustRoot.subject_name, m.TrustRoot.is_test, m.TrustRoot.crl_pem).order_by(
            m.TrustRoot.id
        )
    ).all()
    for row in rows:
        if not is_as_told(row.id, row.crl_pem):
            raise IntegrityFault(REPLACED.format(row.subject_name))
    for row_id, values in told().items():
        if values.get("crl_digest") and row_id not in {str(row.id) for row in rows}:
            raise IntegrityFault(REPLACED.format(f"số {row_id}"))
    return [der for row in rows if tests or not row.is_test for der in lists_of(row.crl_pem)]


def is_as_told(root_id: int, crl_pem: str | None) -> bool:
    """Whether a root's lists are those that the log names, or the log names none yet."""
    values = told().get(str(root_id), {})
    return "crl_digest" not in values or values["crl_digest"] == _digest(crl_pem)


def _digest(crl_pem: str | None) -> str | None:
    return hashlib.sha256(crl_pem.encode()).hexdigest() if crl_pem is not None else None


REPLACED = (
    "Các danh sách thu hồi kèm chứng thư gốc {} đã bị thay ngoài phần mềm, nên không kết luận được chứng thư nào còn dùng được. "
    "Chưa có gì thay đổi; xin báo người phụ trách CNTT chạy flask audit verify, rồi nạp lại đúng tệp đã nạp lần trước: flask certificates trust --add TỆP."
)
