"""The root certificates this school trusts, and whether a chain ends at one of them."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import revocation_lists, signers
from hocbaso.documents.test_authority import NOTICE
from hocbaso.errors import IntegrityFault, Invalid, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit, kept_lists
from hocbaso.services.access import Actor

KINDS = {
    "national": "gốc quốc gia (chữ ký số công cộng)",
    "government": "gốc chuyên dùng công vụ (Ban Cơ yếu Chính phủ)",
    "other": "nơi cấp khác",
    "test": "thử nghiệm",
}
"""Whose root it is, in words (Luật Giao dịch điện tử 20/2023, Đ.22; NĐ 68/2024)."""


@dataclass(frozen=True, slots=True)
class RootView:
    """A trusted root."""

    id: int
    subject_name: str
    fingerprint: str
    is_test: bool
    kind: str
    added_at: datetime
    not_after: datetime
    pem: str

    @property
    def fingerprint_words(self) -> str:
        """The fingerprint in groups of four, to be read out over the telephone."""
        upper = self.fingerprint.upper()
        return " ".join(upper[i : i + 4] for i in range(0, len(upper), 4))


def trusted_roots() -> list[bytes]:
    """DER of every root trusted now. IntegrityFault when one is not the certificate that was trusted."""
    found = []
    for row in _root_rows():
        der = x509.load_pem_x509_certificate(row.certificate_pem.encode()).public_bytes(serialization.Encoding.DER)
        if signers.certificate_fingerprint(der) != row.fingerprint:
            raise IntegrityFault(f"Chứng thư gốc {row.subject_name} trong cơ sở dữ liệu đã bị thay ngoài phần mềm.")
        found.append(der)
    return found


def trusted_crls() -> list[bytes]:
    """DER of the revocation lists that came with roots. IntegrityFault when one is not the list that the log names."""
    return kept_lists.kept(tests=is_demo_school())


def is_revoked(chain: tuple[bytes, ...], now: datetime) -> bool:
    """Whether a list that came with a trusted root names a certificate of ``chain`` (DER, leaf first) as revoked."""
    return revocation_lists.is_revoked(chain, trusted_roots(), trusted_crls(), now)


def _root_rows() -> list[m.TrustRoot]:
    rows = db.session.scalars(select(m.TrustRoot).where(m.TrustRoot.removed_at.is_(None)).order_by(m.TrustRoot.id))
    demo = is_demo_school()
    # Looked at again here: a sample school that was made a real one by hand does not go on believing its test keys.
    return [row for row in rows if demo or not row.is_test]


def list_roots() -> list[RootView]:
    """The roots trusted now, oldest first."""
    return [
        RootView(
            row.id,
            row.subject_name,
            row.fingerprint,
            row.is_test,
            row.kind,
            row.added_at,
            x509.load_pem_x509_certificate(row.certificate_pem.encode()).not_valid_after_utc,
            row.certificate_pem,
        )
        for row in _root_rows()
    ]


def read_root(pem: bytes, now: datetime) -> x509.Certificate:
    """A root certificate from PEM (or DER) bytes. Invalid unless it is one self-signed authority, valid now."""
    try:
        root = x509.load_pem_x509_certificate(pem) if b"-----BEGIN" in pem else x509.load_der_x509_certificate(pem)
    except ValueError as error:
        raise Invalid("Tệp không phải chứng thư số (PEM).", field="root") from error
    try:
        root.verify_directly_issued_by(root)
        authority = root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        authority = False
    if not authority:
        raise Invalid("Đây không phải chứng thư gốc: nó không tự ký hoặc không phải của nơi cấp.", field="root")
    if not root.not_valid_before_utc <= now <= root.not_valid_after_utc:
        raise Invalid("Chứng thư gốc không còn hoặc chưa có hiệu lực.", field="root")
    return root


@dataclass(frozen=True, slots=True)
class TrustList:
    """What a file of trusted issuers holds: roots, revocation lists, and what is left out with the reason."""

    roots: tuple[x509.Certificate, ...]
    crls: tuple[x509.CertificateRevocationList, ...]
    left_out: tuple[str, ...]
    issuers: tuple[bytes, ...] = ()
    """DER of the issuers below a root that stand in the file: they are not kept, but lists are tried by them."""


def read_trust_list(data: bytes, now: datetime) -> TrustList:
    """A file with one or more roots, PEM (revocation lists may stand beside them) or DER. Invalid when no root is in it.

    Certificates that are no roots are left out and named: an issuer below a root comes with each signature and is judged by its root.
    """
    if b"-----BEGIN" not in data:
        return TrustList((read_root(data, now),), (), ())
    roots, crls, left_out, issuers = [], [], [], []
    for label, block in _BLOCK.findall(data):
        if label == b"X509 CRL":
            try:
                crls.append(x509.load_pem_x509_crl(block))
            except ValueError as error:
                raise Invalid("Tệp có một danh sách thu hồi không đọc được.", field="root") from error
            continue
        try:
            roots.append(read_root(block, now))
        except Invalid as refusal:
            left_out.append(f"{_subject_of(block)}: {refusal.message}")
            with contextlib.suppress(ValueError):
                issuers.append(x509.load_pem_x509_certificate(block).public_bytes(serialization.Encoding.DER))
    if not roots:
        raise Invalid(left_out[0].partition(": ")[2] if left_out else "Tệp không có chứng thư gốc nào.", field="root")
    return TrustList(tuple(dict.fromkeys(roots)), tuple(crls), tuple(left_out), tuple(issuers))


_BLOCK = re.compile(rb"(?=-----BEGIN (CERTIFICATE|X509 CRL)-----)(-----BEGIN .*?-----END [A-Z0-9 ]+-----)", re.S)


def _subject_of(block: bytes) -> str:
    try:
        return words_of_name(x509.load_pem_x509_certificate(block).subject)
    except ValueError:
        return "Một chứng thư không đọc được"


def add_trust_list(
    actor: Actor, data: bytes, now: datetime, *, kind: str = "other"
) -> tuple[list[RootView], TrustList]:
    """Trust every root of a file (IT officer); (the roots, what was read). ``kind``: ``national``, ``government`` or ``other``.

    Raises NotAllowed, Invalid (a list is older than the one held).
    """
    actor.require(Permission.CERTIFICATE_MANAGE)
    read = read_trust_list(data, now)
    der = [crl.public_bytes(serialization.Encoding.DER) for crl in read.crls]
    views = []
    for index, root in enumerate(read.roots):
        pem = root.public_bytes(serialization.Encoding.PEM)
        views.append(add_trust_root(actor, pem, now, kind=kind, crls=der if index == 0 else (), issuers=read.issuers))
    return views, read


def is_demo_school() -> bool:
    """Whether this is a sample school, the only kind that believes test roots."""
    school = db.session.get(m.School, 1)
    return school is not None and school.is_demo


def is_test_root(root: x509.Certificate) -> bool:
    """Whether a root says of itself that it is for trying out."""
    units = root.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return any(str(unit.value) == NOTICE for unit in units)


def add_trust_root(
    actor: Actor,
    pem: bytes,
    now: datetime,
    *,
    is_test: bool = False,
    kind: str = "other",
    crls: Iterable[bytes] = (),
    issuers: Iterable[bytes] = (),
) -> RootView:
    """Trust a root (IT officer). ``crls``: DER revocation lists to keep with it, each in the place of an older one of its issuer
    wherever that lies; ``issuers``: certificates by which their signatures can be tried, beside those registered here. Trusting it
    again changes nothing.

    A test root is believed in a sample school only. Raises NotAllowed, Invalid (a list is older than the one held), IntegrityFault (what is
    held is not what the log names, and this is not the file that would mend it).
    """
    actor.require(Permission.CERTIFICATE_MANAGE)
    root = read_root(pem, now)
    kind = "test" if is_test else kind
    if kind not in KINDS:
        raise Invalid("Loại chứng thư gốc không hợp lệ.", field="kind")
    if (kind == "test" or is_test_root(root)) and not is_demo_school():
        raise Invalid("Đây là chứng thư gốc thử nghiệm, chỉ dùng được ở trường mẫu.", field="root")
    der = root.public_bytes(serialization.Encoding.DER)
    fingerprint = signers.certificate_fingerprint(der)
    with write_transaction() as session:
        rows = list(session.scalars(select(m.TrustRoot).execution_options(populate_existing=True)))
        row = next((one for one in rows if one.fingerprint == fingerprint), None)
        others = [one for one in rows if one is not row]
        crls = list(crls)
        for one in rows:
            if not kept_lists.is_as_told(one.id, one.crl_pem):
                # An entry made now would vouch for what another program put there. Only the very lists of before come back.
                mended = kept_lists.text_of(crls)
                if one is not row or not kept_lists.is_as_told(one.id, mended):
                    raise IntegrityFault(kept_lists.REPLACED.format(one.subject_name))
                one.crl_pem = mended
                _record_added(actor, one, now, [])
        taken = kept_lists.take(
            crls,
            [held for one in rows for held in kept_lists.lists_of(one.crl_pem)],
            (der, *issuers, *_at_hand(rows)),
            now,
        )
        if row is None:
            row = m.TrustRoot(
                subject_name=words_of_name(root.subject)[:300],
                fingerprint=fingerprint,
                certificate_pem=root.public_bytes(serialization.Encoding.PEM).decode(),
                is_test=kind == "test",
                kind=kind,
                added_at=now,
            )
            session.add(row)
        elif (
            row.removed_at is None
            and not taken.added
            and kind in ("other", row.kind)
            and "crl_digest" in kept_lists.told().get(str(row.id), {})
        ):
            return next(view for view in list_roots() if view.fingerprint == fingerprint)
        row.removed_at = None
        for one in others:
            if _without(one, taken.replaced):
                _record_added(actor, one, now, [])
        _without(row, taken.replaced)
        row.crl_pem = kept_lists.text_of([*kept_lists.lists_of(row.crl_pem), *taken.added])
        if kind not in ("other", "test"):
            row.kind = kind
        _record_added(actor, row, now, taken.added)
    return next(view for view in list_roots() if view.fingerprint == fingerprint)


def _at_hand(roots: Iterable[m.TrustRoot]) -> list[bytes]:
    """DER of every certificate here that may have signed a list: the roots, and the issuers of registered certificates."""
    texts = [one.certificate_pem for one in roots]
    texts += db.session.scalars(select(m.Certificate.chain_pem).distinct())
    found = (one for text in texts for one in x509.load_pem_x509_certificates(text.encode()))
    return list(dict.fromkeys(one.public_bytes(serialization.Encoding.DER) for one in found))


def _without(row: m.TrustRoot, replaced: set[bytes]) -> bool:
    """Take replaced lists out of a row; whether there were any."""
    held = kept_lists.lists_of(row.crl_pem)
    left = [der for der in held if der not in replaced]
    if len(left) == len(held):
        return False
    row.crl_pem = kept_lists.text_of(left)
    return True


def _record_added(actor: Actor, row: m.TrustRoot, now: datetime, added: list[bytes]) -> None:
    db.session.flush()
    audit.record(
        AuditTag.TRUST_ROOT_ADDED,
        actor,
        now,
        target_kind="trust_root",
        target_id=row.id,
        state=audit.states("trust_root", [row], secrets=("crl_digest",)),
        facts={
            "subject": row.subject_name,
            "kind": row.kind,
            **({"lists": [kept_lists.facts_of(der) for der in added]} if added else {}),
        },
    )


def remove_trust_root(actor: Actor, root_id: int, now: datetime) -> None:
    """Trust a root no longer. What was signed under it then verifies as of an unknown signer."""
    actor.require(Permission.CERTIFICATE_MANAGE)
    with write_transaction() as session:
        row = session.get(m.TrustRoot, root_id, populate_existing=True)
        if row is None or row.removed_at is not None:
            raise NotFound("Không có chứng thư gốc này.")
        row.removed_at = now
        session.flush()
        audit.record(
            AuditTag.TRUST_ROOT_REMOVED,
            actor,
            now,
            target_kind="trust_root",
            target_id=row.id,
            state=audit.states("trust_root", [row]),
            facts={"subject": row.subject_name},
        )


def chain_is_trusted(chain: Iterable[bytes], now: datetime) -> bool:
    """Whether a DER chain, leaf first, ends at a trusted root and every certificate in it is valid at ``now``."""
    certificates = [x509.load_der_x509_certificate(der) for der in chain]
    roots = [x509.load_der_x509_certificate(der) for der in trusted_roots()]
    for certificate, issuer in itertools.pairwise(certificates):
        if not _issued(certificate, issuer, now):
            return False
    return any(_issued(certificates[-1], root, now) for root in roots)


def root_is_test(chain: Iterable[bytes], now: datetime) -> bool:
    """Whether the trusted root of a DER chain, leaf first, is one of a demonstration: what it issues has no legal value."""
    last = [x509.load_der_x509_certificate(der) for der in chain][-1]
    tests = (x509.load_pem_x509_certificate(row.certificate_pem.encode()) for row in _root_rows() if row.is_test)
    return any(_issued(last, root, now) for root in tests)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        authority = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return authority and all(
        each.not_valid_before_utc <= now <= each.not_valid_after_utc for each in (certificate, issuer)
    )


def words_of_name(name: x509.Name) -> str:
    """A distinguished name for people: common name, then organisation."""
    parts = [
        str(attribute.value)
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        for attribute in name.get_attributes_for_oid(oid)
    ]
    return ", ".join(dict.fromkeys(parts)) or name.rfc4514_string()
