"""The certificate authority of one school's network, and the certificate of its server.

The root may vouch for the school's own names and addresses and for nothing else: a critical name constraint (RFC 5280,
4.2.1.10) that Chromium, NSS, Apple, Windows and OpenSSL apply to a trusted root too. Whoever steals its key can play this
server, never a bank. The leaf has what Android's Chrome silently asks for: SAN, key usage, EKU, key identifiers, at
most 397 days. Nothing is written here; the caller stores the bytes.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hocbaso.documents.certificate_parts import begin, named, usage
from hocbaso.errors import Invalid

AUTHORITY_DAYS = 5 * 365 + 1
LEAF_DAYS = 397
"""Browsers refuse a longer one. Counted from ``BACKDATED`` before now."""

BACKDATED = timedelta(days=1)
"""A tablet whose clock is some hours slow must not find a certificate of the future."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TOO_WIDE = frozenset(
    "vn com net org edu gov info name biz pro local lan home corp intranet internal localdomain arpa "
    "edu.vn com.vn gov.vn net.vn org.vn info.vn name.vn pro.vn health.vn ac.vn id.vn io.vn ai.vn home.arpa".split()
)
"""A constraint on a name covers every name below it: these belong to everybody."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class LanNames:
    """What the server is called in the school's network: host names, then addresses, each in the order given."""

    hosts: tuple[str, ...]
    addresses: tuple[Address, ...]

    @classmethod
    def parse(cls, given: tuple[str, ...]) -> LanNames:
        """From what a person typed. Invalid for a name of everybody, a name with other letters, an address of the internet."""
        hosts: dict[str, None] = {}
        addresses: dict[Address, None] = {}
        for one in given:
            text = one.strip().rstrip(".").lower()
            try:
                address = ipaddress.ip_address(text.strip("[]"))
            except ValueError:
                hosts[_host(text, one)] = None
                continue
            if not address.is_private or address.is_unspecified:
                raise Invalid(f"{one}: không phải địa chỉ trong mạng nội bộ của trường.")
            addresses[address] = None
        if not hosts and not addresses:
            raise Invalid("Cần ít nhất một tên máy hoặc địa chỉ trong mạng của trường (--host).")
        return cls(tuple(hosts), tuple(addresses))

    @property
    def words(self) -> tuple[str, ...]:
        """All of them as text, names first."""
        return (*self.hosts, *(str(address) for address in self.addresses))

    @property
    def first(self) -> str:
        """The one that people are told."""
        return self.words[0]

    def covers(self, other: LanNames) -> bool:
        """Whether an authority for these may vouch for those."""
        return set(other.addresses) <= set(self.addresses) and all(
            any(name == host or name.endswith("." + host) for host in self.hosts) for name in other.hosts
        )


def _host(text: str, typed: str) -> str:
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in text.split(".")):
        raise Invalid(f"{typed}: tên máy chỉ gồm chữ không dấu, số, gạch nối và dấu chấm.")
    if text in _TOO_WIDE or text.split(".")[-1].isdigit():
        raise Invalid(f"{typed}: tên này của chung, không riêng máy chủ của trường. Ví dụ dùng được: hocba.truong.lan")
    return text


# --- making -----------------------------------------------------------------------------------------------------------


def new_key() -> ec.EllipticCurvePrivateKey:
    """ECDSA P-256: what every tablet knows, and small on a slow network."""
    return ec.generate_private_key(ec.SECP256R1())


def create_authority(key: ec.EllipticCurvePrivateKey, names: LanNames, school: str, now: datetime) -> x509.Certificate:
    """A root for exactly these names, five years from ``now`` (aware UTC), with no authority below it."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            *([named(NameOID.ORGANIZATION_NAME, school)] if school else []),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Học bạ số, mạng nội bộ {now:%d/%m/%Y}"),
        ]
    )
    permitted: list[x509.GeneralName] = [x509.DNSName(host) for host in names.hosts]
    permitted += [x509.IPAddress(ipaddress.ip_network(address)) for address in names.addresses]
    # A kind of name that no permitted subtree mentions is unrestricted: each such kind is shut out as a whole.
    excluded: list[x509.GeneralName] = [] if names.hosts else [x509.DNSName("")]
    for version, everything in ((4, "0.0.0.0/0"), (6, "::/0")):
        if not any(address.version == version for address in names.addresses):
            excluded.append(x509.IPAddress(ipaddress.ip_network(everything)))
    start = now - BACKDATED
    return (
        begin(subject, subject, key, key, start, start + timedelta(days=AUTHORITY_DAYS), ca=0)
        .add_extension(usage(is_ca=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.NameConstraints(permitted, excluded or None), critical=True)
        .sign(key, hashes.SHA256())
    )


def issue_leaf(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
    names: LanNames,
    now: datetime,
) -> x509.Certificate:
    """The server's certificate, 397 days or to the end of its authority. Invalid for names outside the authority's."""
    if not names_of_authority(authority).covers(names):
        raise Invalid("Có tên hoặc địa chỉ nằm ngoài phạm vi của chứng thư gốc hiện có.")
    start = now - BACKDATED
    end = min(start + timedelta(days=LEAF_DAYS, seconds=-1), authority.not_valid_after_utc)
    return (
        begin(
            x509.Name([named(NameOID.COMMON_NAME, names.first)]),
            authority.subject,
            key,
            authority_key,
            start,
            end,
        )
        .add_extension(usage(is_ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [*(x509.DNSName(host) for host in names.hosts), *(x509.IPAddress(one) for one in names.addresses)]
            ),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )


# --- reading ----------------------------------------------------------------------------------------------------------


def names_of_authority(authority: x509.Certificate) -> LanNames:
    """What a root made here may vouch for. Invalid for a root without the constraint: it was not made here."""
    try:
        constraints = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound as missing:
        raise Invalid("Chứng thư gốc này không do phần mềm tạo (thiếu giới hạn tên).") from missing
    hosts, addresses = [], []
    for name in constraints.permitted_subtrees or ():
        if isinstance(name, x509.DNSName):
            hosts.append(name.value)
        elif isinstance(name, x509.IPAddress) and isinstance(name.value, ipaddress.IPv4Network | ipaddress.IPv6Network):
            addresses.append(name.value.network_address)
    return LanNames(tuple(hosts), tuple(addresses))


def names_of_leaf(leaf: x509.Certificate) -> LanNames:
    """The subject alternative names; empty without any."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return LanNames((), ())
    return LanNames(
        tuple(found.get_values_for_type(x509.DNSName)),
        tuple(
            one
            for one in found.get_values_for_type(x509.IPAddress)
            if isinstance(one, ipaddress.IPv4Address | ipaddress.IPv6Address)
        ),
    )


def issued_by(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether the leaf names this authority as its issuer and carries its signature."""
    try:
        leaf.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the whole certificate, 64 capital hexadecimal digits: what people compare on paper."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest().upper()


def in_groups(digest: str) -> tuple[str, ...]:
    """A fingerprint in sixteen groups of four."""
    return tuple(digest[start : start + 4] for start in range(0, len(digest), 4))
