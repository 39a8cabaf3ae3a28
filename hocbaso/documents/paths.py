"""One certificate path at one moment, with what is known of revocations: what, if anything, is wrong with it. pyHanko decides."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    InvalidCertificateError,
    NotYetValidError,
    PathBuildingError,
    PathValidationError,
    RevokedError,
)


class PathFault(StrEnum):
    """Why a path is not believed; the value is the end of a Vietnamese sentence about the certificate."""

    REVOKED = "đã bị thu hồi."
    EXPIRED = "đã hết hạn."
    EARLY = "chưa có hiệu lực."
    STRANGE = "do nơi cấp mà trường không tin cậy."
    NO_STATUS = "chưa có bằng chứng là không bị thu hồi."
    BROKEN = "không hợp lệ."
    EXTRA = "mang theo chứng thư không thuộc đường tin cậy."


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a file carries, or a machine has, beside the certificates that a signature names: all DER."""

    certs: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()

    def __add__(self, other: Evidence) -> Evidence:
        def joined(one: tuple[bytes, ...], two: tuple[bytes, ...]) -> tuple[bytes, ...]:
            return tuple(dict.fromkeys((*one, *two)))

        return Evidence(joined(self.certs, other.certs), joined(self.ocsps, other.ocsps), joined(self.crls, other.crls))


@dataclass(frozen=True, slots=True)
class Examined:
    """``path`` is DER, leaf first, root last; empty when there is none."""

    fault: PathFault | None
    path: tuple[bytes, ...] = field(default=())


@functools.lru_cache(maxsize=256)
def asn1_certificate(der: bytes) -> asn1_x509.Certificate:
    """Parse a certificate once a process."""
    return asn1_x509.Certificate.load(der)


@functools.lru_cache(maxsize=256)
def _asn1_ocsp(der: bytes) -> asn1_ocsp.OCSPResponse:
    return asn1_ocsp.OCSPResponse.load(der)


def context(
    roots: Iterable[bytes],
    moment: datetime,
    chain: Iterable[bytes] = (),
    evidence: Evidence = Evidence(),
    *,
    demand: bool,
) -> ValidationContext:
    """A fresh offline context for pyHanko. With ``demand`` each certificate below the root needs proof that it is not revoked; what
    was published after ``moment`` may tell of it."""
    return ValidationContext(
        trust_roots=[asn1_certificate(der) for der in roots],
        other_certs=[asn1_certificate(der) for der in (*chain, *evidence.certs)],
        crls=list(evidence.crls),
        ocsps=[_asn1_ocsp(der) for der in evidence.ocsps],
        moment=moment,
        allow_fetching=False,
        revocation_mode="require" if demand else "soft-fail",
        retroactive_revinfo=demand,
    )


def examine(
    chain: tuple[bytes, ...],
    roots: Iterable[bytes],
    moment: datetime,
    evidence: Evidence = Evidence(),
    *,
    demand: bool = False,
    stamping: bool = False,
) -> Examined:
    """The path of ``chain`` (DER, leaf first) at ``moment``. ``stamping``: the leaf has to be a time-stamping authority's."""
    validator = CertificateValidator(
        asn1_certificate(chain[0]),
        [asn1_certificate(der) for der in (*chain[1:], *evidence.certs)],
        validation_context=context(roots, moment, chain, evidence, demand=demand),
    )
    try:
        if stamping:
            found = asyncio.run(validator.async_validate_usage(set(), {"time_stamping"}))
        else:
            found = asyncio.run(validator.async_validate_path())
    except RevokedError:
        return Examined(PathFault.REVOKED)
    except ExpiredError:
        return Examined(PathFault.EXPIRED)
    except NotYetValidError:
        return Examined(PathFault.EARLY)
    except InsufficientRevinfoError:
        return Examined(PathFault.NO_STATUS)
    except PathBuildingError:
        return Examined(PathFault.STRANGE)
    except (PathValidationError, InvalidCertificateError, ValueError):
        return Examined(PathFault.BROKEN)
    path = tuple(cert.dump() for cert in found.iter_certs(include_root=True))
    path = path if path[0] == chain[0] else path[::-1]
    return Examined(None if set(chain) <= set(path) else PathFault.EXTRA, path)
