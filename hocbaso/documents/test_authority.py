"""A certificate authority for demonstrations and tests, made on the fly. Its certificates have no legal value and say so.

Root, one issuing authority and an empty CRL each. The caller stores the bytes; nothing is written here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from hocbaso.documents.certificate_parts import PrivateKey, PublicKey, begin, named, usage

NOTICE = "HOCBASO CA THỬ NGHIỆM – KHÔNG CÓ GIÁ TRỊ PHÁP LÝ"
_IMAGES = Path(__file__).resolve().parent / "demo_images"


def demo_image(name: str) -> bytes:
    """PNG of a demonstration image: ``"seal"``, ``"sign-homeroom"`` or ``"sign-principal"``, all marked MẪU or invented."""
    if name not in ("seal", "sign-homeroom", "sign-principal"):
        raise ValueError(name)
    return (_IMAGES / f"{name}.png").read_bytes()


def _name(common_name: str, organisation: str | None = None, personal_id: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "VN")]
    if organisation:
        parts.append(named(NameOID.ORGANIZATION_NAME, organisation))
    parts.append(named(NameOID.ORGANIZATIONAL_UNIT_NAME, NOTICE))
    parts.append(named(NameOID.COMMON_NAME, common_name))
    if personal_id:
        parts.append(x509.NameAttribute(NameOID.USER_ID, f"CCCD:{personal_id}"))
    return x509.Name(parts)


@dataclass
class TestAuthority:
    """Root and issuing authority with their keys. ``create`` makes one; ``issue`` and ``crl`` use it."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    root_key: PrivateKey
    root: x509.Certificate
    issuing_key: PrivateKey
    issuing: x509.Certificate
    revoked: dict[int, datetime] = field(default_factory=dict)

    @classmethod
    def create(cls, now: datetime, years: int = 10) -> TestAuthority:
        """A fresh authority, valid from a day before ``now`` (aware UTC) for ``years``."""
        start, end = now - timedelta(days=1), now + timedelta(days=365 * years)
        root_key, issuing_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root_name = _name("Hocbaso gốc thử nghiệm")
        issuing_name = _name("Hocbaso cấp phát thử nghiệm")
        root = _certificate(root_name, root_name, root_key, root_key, start, end, ca=1)
        issuing = _certificate(issuing_name, root_name, issuing_key, root_key, start, end, ca=0)
        return cls(root_key, root, issuing_key, issuing)

    @property
    def root_pem(self) -> bytes:
        """The root as PEM: what ``flask certificates trust`` gives out for a demonstration."""
        return self.root.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        common_name: str,
        *,
        now: datetime,
        organisation: str | None = None,
        personal_id: str | None = None,
        days: int = 1825,
        starts_at: datetime | None = None,
        kind: str = "ec",
    ) -> tuple[PrivateKey, tuple[bytes, ...]]:
        """A signing key with its chain (DER, leaf first, no root). ``kind`` is ``"ec"`` (P-256) or ``"rsa"`` (2048)."""
        key: PrivateKey
        key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
        return key, self.certify(
            key.public_key(),
            common_name,
            now=now,
            organisation=organisation,
            personal_id=personal_id,
            days=days,
            starts_at=starts_at,
        )

    def certify(
        self,
        key: PublicKey,
        common_name: str,
        *,
        now: datetime,
        organisation: str | None = None,
        personal_id: str | None = None,
        days: int = 1825,
        starts_at: datetime | None = None,
    ) -> tuple[bytes, ...]:
        """The chain (DER, leaf first, no root) of a key made elsewhere, on a token say."""
        start = starts_at or now - timedelta(hours=1)
        name = _name(common_name, organisation, personal_id)
        leaf = _certificate(name, self.issuing.subject, key, self.issuing_key, start, start + timedelta(days=days))
        der = serialization.Encoding.DER
        return leaf.public_bytes(der), self.issuing.public_bytes(der)

    def revoke(self, leaf: bytes, at: datetime) -> None:
        """Put a certificate on the next list."""
        self.revoked[x509.load_der_x509_certificate(leaf).serial_number] = at

    def crls(self, now: datetime, days: int = 30) -> tuple[bytes, bytes]:
        """DER lists of the issuing authority and of the root, valid from ``now`` for ``days``."""
        return (
            _crl(self.issuing, self.issuing_key, self.revoked, now, days),
            _crl(self.root, self.root_key, {}, now, days),
        )

    def dump(self) -> dict[str, bytes]:
        """Everything as PEM, keys included, for a demonstration instance that wants to issue again later."""
        pem, pkcs8, none = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return {
            "root.pem": self.root_pem,
            "issuing.pem": self.issuing.public_bytes(pem),
            "root.key": self.root_key.private_bytes(pem, pkcs8, none),
            "issuing.key": self.issuing_key.private_bytes(pem, pkcs8, none),
        }

    @classmethod
    def load(cls, files: dict[str, bytes]) -> TestAuthority:
        """Read back ``dump``; revocations are the caller's to remember."""
        return cls(
            serialization.load_pem_private_key(files["root.key"], None),  # type: ignore[arg-type]
            x509.load_pem_x509_certificate(files["root.pem"]),
            serialization.load_pem_private_key(files["issuing.key"], None),  # type: ignore[arg-type]
            x509.load_pem_x509_certificate(files["issuing.pem"]),
        )


def _certificate(
    subject: x509.Name,
    issuer_name: x509.Name,
    key: PrivateKey | PublicKey,
    issuer_key: PrivateKey,
    start: datetime,
    end: datetime,
    *,
    ca: int | None = None,
) -> x509.Certificate:
    builder = begin(subject, issuer_name, key, issuer_key, start, end, ca=ca)
    builder = builder.add_extension(usage(is_ca=ca is not None, commits=True), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _crl(issuer: x509.Certificate, key: PrivateKey, revoked: dict[int, datetime], now: datetime, days: int) -> bytes:
    now = now.replace(microsecond=0)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now)
        .next_update(now + timedelta(days=days))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    )
    for serial, at in revoked.items():
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at.replace(microsecond=0)).build()
        )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
