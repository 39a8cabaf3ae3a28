"""Whom to believe: certificate paths to the given roots, revocation lists, and whether a certificate fits its role.

Everything is offline. pyHanko's path validator decides; on top of it a certificate that stands in any given list signed by its own
issuer is revoked even when the list itself has run out, which the validator would only ignore.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from asn1crypto import pem
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID
from pyhanko.sign.validation import KeyUsageConstraints

from hocbaso.documents.certificate_owner import (
    NO_NUMBER,
    holder_of,
    lacks_number,
    purpose_reason,
    why_not_person,
    why_not_seal,
)
from hocbaso.documents.certificate_parts import certificate_fingerprint
from hocbaso.documents.cms import load_certificate
from hocbaso.documents.paths import Evidence, PathFault, examine
from hocbaso.documents.transcript_content import SignerNote, TranscriptContent
from hocbaso.documents.verification_report import EXPIRED, STATUS_UNKNOWN, STRANGER, UNKNOWN_ISSUER
from hocbaso.errors import Invalid

#: Persons' and organisations' certificates are issued for signing with either bit.
KEY_USAGE = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"}, match_all_key_usages=False)


def _ders(data: bytes) -> list[bytes]:
    if not pem.detect(data):
        return [data]
    return [der for _, _, der in pem.unarmor(data, multiple=True)]


_PATH_WORDS = {
    PathFault.EXTRA: "Chữ ký mang theo chứng thư không thuộc đường tin cậy.",
    PathFault.REVOKED: "Chứng thư của người ký đã bị thu hồi.",
    PathFault.EXPIRED: EXPIRED,
    PathFault.EARLY: "Chứng thư của người ký chưa có hiệu lực.",
    PathFault.STRANGE: STRANGER,
    PathFault.NO_STATUS: "Tệp thiếu bằng chứng rằng chứng thư của người ký không bị thu hồi.",
    PathFault.BROKEN: "Chứng thư của người ký không hợp lệ.",
}

#: Clocks of two machines differ; a signing time later than the judge's clock by more than this is refused.
CLOCK_SKEW = timedelta(minutes=10)


#: A signature is stamped in the same minute; a batch that waited for its time stamps, for a night of no network say, in a few days.
STAMPED_WITHIN = timedelta(days=3)
TURNED_ROUND = "Giờ ký của các chữ ký không theo thứ tự: chữ ký sau lại ghi giờ sớm hơn chữ ký trước."


def in_turn(times: Iterable[datetime | None]) -> bool:
    """Whether stated signing times, in the order of the signatures, go forward (clocks may differ by :data:`CLOCK_SKEW`)."""
    newest: datetime | None = None
    for at in times:
        if at is None:
            continue
        if newest is not None and at < newest - CLOCK_SKEW:
            return False
        newest = at if newest is None else max(newest, at)
    return True


@dataclass(frozen=True, slots=True)
class Trust:
    """Roots and revocation lists (PEM or DER) and the moment of judgement (aware UTC)."""

    roots: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    at: datetime

    @classmethod
    def of(cls, roots: Iterable[bytes], crls: Iterable[bytes], at: datetime) -> Trust:
        """Read PEM or DER. Raises ``errors.Invalid`` when a root or list is not one."""
        try:
            root_ders = tuple(der for data in roots for der in _ders(data))
            crl_ders = tuple(der for data in crls for der in _ders(data))
            for der in root_ders:
                load_certificate(der)
            for der in crl_ders:
                _load_crl(der)
        except Exception as error:  # several parsers, one meaning
            raise Invalid("Chứng thư gốc hoặc danh sách thu hồi không đọc được.") from error
        return cls(root_ders, crl_ders, at)

    def time_reasons(self, signed_at: datetime | None) -> list[str]:
        """Why a stated signing time cannot be true."""
        if signed_at is None:
            return ["Chữ ký không ghi thời gian ký."]
        return ["Thời gian ký ở tương lai."] if signed_at > self.at + CLOCK_SKEW else []

    def signing_time_reasons(self, signed_at: datetime | None, der: bytes, built_at: datetime) -> list[str]:
        """Why the time that a signature on a record states cannot be true: it looks forward and back. ``der`` is the certificate."""
        reasons = self.time_reasons(signed_at)
        if signed_at is not None:
            if signed_at < load_certificate(der).not_valid_before_utc - CLOCK_SKEW:
                reasons.append("Thời gian ký ghi trong chữ ký sớm hơn ngày chứng thư có hiệu lực.")
            if signed_at < built_at - CLOCK_SKEW:
                reasons.append("Thời gian ký ghi trong chữ ký sớm hơn lúc lập học bạ.")
        return reasons

    def path_reasons(
        self, chain: tuple[bytes, ...], evidence: Evidence = Evidence(), *, demand: bool = False
    ) -> list[str]:
        """Why the chain (DER, leaf first) is not believed; empty when it is. ``evidence`` came with the file; with ``demand`` each
        certificate below the root needs proof that it is not revoked."""
        reasons = self.revocation_reasons(chain)
        if not self.roots:
            return [*reasons, UNKNOWN_ISSUER]
        known = evidence + Evidence(crls=self.crls)
        found = examine(chain, self.roots, self.at, known, demand=demand)
        fault = found.fault
        if fault is None and set(found.path[:-1]) != set(chain):
            fault = PathFault.EXTRA
        if fault is not None:
            reasons.append(_PATH_WORDS[fault])
        try:
            usage = load_certificate(chain[0]).extensions.get_extension_for_class(x509.KeyUsage).value
            if not (usage.digital_signature or usage.content_commitment):
                reasons.append("Chứng thư này không được cấp để ký.")
        except x509.ExtensionNotFound:
            pass
        purpose = purpose_reason(chain[0])
        if purpose is not None:
            reasons.append(purpose)
        return list(dict.fromkeys(reasons))

    def is_strange(self, chain: tuple[bytes, ...]) -> bool:
        """Whether a chain (DER, leaf first) visibly comes from an issuer that is not trusted, whatever names it carries.

        It does when it ends at an authority of its own, names an issuer or an issuer's key that nobody here knows, or has an
        authority of its own between. A leaf that only fails to verify under its trusted issuer is damaged, not strange.
        """
        if not chain:
            return False
        roots = [load_certificate(der) for der in self.roots]
        carried = [load_certificate(der) for der in chain[1:]]
        current, n_links = load_certificate(chain[0]), 0
        while n_links <= len(chain):
            if current in roots:
                return False
            if _signed_by(current, current):
                return True
            named = [one for one in (*roots, *carried) if one.subject == current.issuer]
            issuer = next((one for one in named if _signed_by(current, one)), None)
            if issuer is None:
                return n_links > 0 or not any(_names_key_of(current, one) for one in named)
            current, n_links = issuer, n_links + 1
        return True

    def knows_status(self, chain: tuple[bytes, ...], evidence: Evidence = Evidence()) -> bool:
        """Whether for each certificate of a chain that is believed (DER, leaf first) something current says that it is not revoked:
        a list of its issuer that has not run out at ``at`` or was made after, or an answer in the ``evidence`` that came with the file."""
        path = [der for der in chain if der not in self.roots]
        for der in path:
            issuer = next((one for one in (*path, *self.roots) if one != der and _is_issued_by(der, one)), None)
            lists = dict.fromkeys((*self.crls, *evidence.crls))
            if issuer is None or not any(self._has_not_run_out(one) and _is_list_of(one, issuer) for one in lists):
                return False
        return True

    def _has_not_run_out(self, crl_der: bytes) -> bool:
        ends = _load_crl(crl_der).next_update_utc
        return ends is None or ends >= self.at

    def revocation_reasons(self, chain: tuple[bytes, ...]) -> list[str]:
        """A sentence when a certificate of the chain stands in a list of its issuer, dated at or before ``at``."""
        issuers = [load_certificate(der) for der in (*chain, *self.roots)]
        for der in chain:
            cert = load_certificate(der)
            for crl_der in self.crls:
                crl = _load_crl(crl_der)
                if crl.issuer != cert.issuer:
                    continue
                entry = crl.get_revoked_certificate_by_serial_number(cert.serial_number)
                if entry is None or entry.revocation_date_utc > self.at:
                    continue
                if any(c.subject == crl.issuer and crl.is_signature_valid(c.public_key()) for c in issuers):  # type: ignore[arg-type]
                    return ["Chứng thư của người ký đã bị thu hồi."]
        return []


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


@functools.lru_cache(maxsize=256)
def _is_issued_by(der: bytes, issuer_der: bytes) -> bool:
    certificate, issuer = load_certificate(der), load_certificate(issuer_der)
    return certificate.issuer == issuer.subject and _signed_by(certificate, issuer)


@functools.lru_cache(maxsize=64)
def _is_list_of(crl_der: bytes, issuer_der: bytes) -> bool:
    crl, issuer = _load_crl(crl_der), load_certificate(issuer_der)
    return crl.issuer == issuer.subject and crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]


def _names_key_of(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key is the one that the certificate names, where both say."""
    try:
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        key = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, ValueError):
        return True
    return named is None or named == key


@functools.lru_cache(maxsize=64)
def _load_crl(der: bytes) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(der)


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


def signer_facts(der: bytes) -> dict[str, object]:
    """Fields of ``SignatureVerdict`` that come from the certificate."""
    cert, who = load_certificate(der), holder_of(der)
    return {
        "signer_name": who.name,
        "signer_number": next(iter(who.unit_numbers), ""),
        "signer_place": who.place if who.unit_numbers else "",
        "signer_organisation": _attribute(cert.subject, NameOID.ORGANIZATION_NAME),
        "issuer": _attribute(cert.issuer, NameOID.COMMON_NAME) or cert.issuer.rfc4514_string(),
        "serial": format(cert.serial_number, "X"),
        "fingerprint": certificate_fingerprint(der),
        "valid_from": cert.not_valid_before_utc,
        "valid_until": cert.not_valid_after_utc,
    }


def notes_on(
    role: str,
    chain: tuple[bytes, ...],
    content: TranscriptContent,
    trust: Trust,
    evidence: Evidence | None = Evidence(),
) -> tuple[str, ...]:
    """What the verdict on a good signature leaves open: whether its certificate was revoked (``evidence`` None: that is proven), and
    whether a namesake signed."""
    notes = () if evidence is None or trust.knows_status(chain, evidence) else (STATUS_UNKNOWN,)
    note = {"homeroom": content.homeroom, "principal": content.principal}.get(role)
    return (*notes, NO_NUMBER) if note is not None and lacks_number(chain[0], note.personal_id) else notes


def role_reasons(
    role: str, der: bytes, content: TranscriptContent, expected: dict[str, frozenset[str]] | None
) -> list[str]:
    """Does this certificate belong to whom the record names for ``role``?

    ``expected`` maps a role to the fingerprints registered for it, where the caller knows them. Always: a person's certificate
    carries the printed name and no other person's number, the seal's is the school's (:mod:`certificate_owner`).
    """
    if expected is not None and role in expected and certificate_fingerprint(der) not in expected[role]:
        return ["Chứng thư không phải là chứng thư đã đăng ký cho vai trò này."]
    if role == "seal":
        # Lists of recalled records name the school only.
        reason = why_not_seal(der, content.school.name, getattr(content.school, "province", None))
    else:
        note: SignerNote = content.homeroom if role == "homeroom" else content.principal
        reason = why_not_person(der, note.name, note.personal_id)
    return [reason] if reason else []
