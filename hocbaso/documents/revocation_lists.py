"""Whether a certificate stands in a revocation list at hand. Light: the web process asks before anything is signed.

The judge of signatures (:mod:`hocbaso.documents.trust`) says the same of a finished signature; this is only earlier.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509


@functools.lru_cache(maxsize=256)
def _certificate(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


@functools.lru_cache(maxsize=64)
def _list(der: bytes) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(der)


@functools.lru_cache(maxsize=256)
def is_list_of(crl: bytes, issuer: bytes) -> bool:
    """Whether a list (DER) is signed by the key of this certificate (DER) and names it as its issuer."""
    made, by = _list(crl), _certificate(issuer)
    try:
        return made.issuer == by.subject and made.is_signature_valid(by.public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def is_revoked(chain: Sequence[bytes], roots: Iterable[bytes], crls: Iterable[bytes], at: datetime) -> bool:
    """Whether a certificate of ``chain`` (DER, leaf first) stands, with a day up to ``at``, in a list (DER) that its issuer signed.

    A list that has run out counts too: who was revoked stays so.
    """
    issuers = (*chain, *roots)
    lists = tuple(crls)
    for der in chain:
        certificate = _certificate(der)
        for crl in lists:
            if _list(crl).issuer != certificate.issuer:
                continue
            entry = _list(crl).get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is not None and entry.revocation_date_utc <= at and any(is_list_of(crl, one) for one in issuers):
                return True
    return False
