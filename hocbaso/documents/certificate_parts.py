"""What every X.509 certificate made here begins with: names, number, dates, key identifiers, basic constraints."""

from __future__ import annotations

import hashlib
import warnings
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

NAME_MAX = 64
"""Characters of a name in a certificate (RFC 5280 appendix A.1, ub-common-name and its like)."""

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def certificate_fingerprint(der: bytes) -> str:
    """SHA-256 of the certificate's DER in lower-case hex: how a certificate is named everywhere."""
    return hashlib.sha256(der).hexdigest()


def named(oid: x509.ObjectIdentifier, text: str) -> x509.NameAttribute[str]:
    """A part of a name, cut to 64 characters.

    The standard counts characters, the library bytes: 40 letters with diacritics would be refused. Its check is
    therefore turned off after the cut, and the warning that it gives instead is not shown.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.NameAttribute(oid, text[:NAME_MAX], _validate=False)


def begin(
    subject: x509.Name,
    issuer_name: x509.Name,
    key: PrivateKey | PublicKey,
    issuer_key: PrivateKey,
    start: datetime,
    end: datetime,
    *,
    ca: int | None = None,
) -> x509.CertificateBuilder:
    """An unsigned certificate valid in whole seconds. ``ca``: how many authorities may stand below it; None: none and no authority."""
    public = key.public_key() if isinstance(key, PrivateKey) else key
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start.replace(microsecond=0))
        .not_valid_after(end.replace(microsecond=0))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=ca is not None, path_length=ca), critical=True)
    )


def usage(*, is_ca: bool, commits: bool = False) -> x509.KeyUsage:
    """Of an authority: signing certificates and lists; of others: signatures, and ``commits`` to what is signed."""
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=commits and not is_ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
