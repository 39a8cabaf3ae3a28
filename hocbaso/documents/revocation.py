"""Is a certificate still good? Asked of configured responders (OCSP) or read from the lists the school has; each answer is checked
before it is kept as evidence."""

from __future__ import annotations

import functools
import itertools
import time
import urllib.error
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from hocbaso.documents.cms import load_certificate
from hocbaso.documents.paths import Evidence
from hocbaso.documents.time_stamps import call
from hocbaso.documents.trust import CLOCK_SKEW
from hocbaso.errors import IntegrityFault, NotAllowed, Unavailable

_DER = serialization.Encoding.DER


@dataclass(frozen=True, slots=True)
class StatusSources:
    """Responders that may be called (addresses as certificates name them), and lists at hand (DER)."""

    ocsp_urls: tuple[str, ...] = ()
    crls: tuple[bytes, ...] = ()
    timeout: float = 10.0
    tries: int = 3


def _name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else certificate.subject.rfc4514_string()


def responder_of(der: bytes) -> str | None:
    """The OCSP address that a certificate names."""
    try:
        access = load_certificate(der).extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    for item in access:
        if item.access_method == AuthorityInformationAccessOID.OCSP and isinstance(item.access_location.value, str):
            return item.access_location.value
    return None


def collect(path: tuple[bytes, ...], sources: StatusSources, at: datetime) -> Evidence:
    """Evidence for each certificate of a path (DER, leaf first, root last) but the root.

    Raises ``errors.NotAllowed`` for a revoked certificate, ``errors.Unavailable`` when its status cannot be learnt,
    ``errors.IntegrityFault`` for an answer that is not to be believed.
    """
    # With the root: a validator that looks for a list's issuer among what the file carries finds it there.
    found = Evidence(certs=path)
    for der, issuer in itertools.pairwise(path):
        found += _of_list(der, issuer, sources, at) or _of_responder(der, issuer, sources, at)
    return found


def _of_list(der: bytes, issuer: bytes, sources: StatusSources, at: datetime) -> Evidence | None:
    """The school's own list, unless a responder, which knows more, may be asked."""
    if responder_of(der) in sources.ocsp_urls:
        return None
    certificate = load_certificate(der)
    for crl_der in sources.crls:
        crl = x509.load_der_x509_crl(crl_der)
        if crl.issuer != certificate.issuer or not list_holds(crl_der, issuer):
            continue
        entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None and entry.revocation_date_utc <= at:
            raise NotAllowed(f"Chứng thư của {_name(certificate)} đã bị thu hồi.")
        if crl.last_update_utc <= at + CLOCK_SKEW and (crl.next_update_utc is None or at <= crl.next_update_utc):
            return Evidence(crls=(crl_der,))
    return None


@functools.lru_cache(maxsize=256)
def list_holds(crl_der: bytes, issuer: bytes) -> bool:
    """Whether a list is signed by this issuer's key."""
    try:
        return x509.load_der_x509_crl(crl_der).is_signature_valid(load_certificate(issuer).public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


#: Answers of this process: a class is sealed in minutes, and three records of it ask the same of the same certificates.
_ANSWERS: dict[tuple[bytes, str], tuple[datetime, bytes]] = {}
_KEEP_SECONDS = 300


def forget_answers() -> None:
    """Ask again."""
    _ANSWERS.clear()


def _of_responder(der: bytes, issuer: bytes, sources: StatusSources, at: datetime) -> Evidence:
    certificate, authority = load_certificate(der), load_certificate(issuer)
    url = responder_of(der)
    if url is None or url not in sources.ocsp_urls:
        raise Unavailable(
            f"Không có cách nào biết chứng thư của {_name(certificate)} còn hiệu lực hay đã thu hồi: "
            "chưa có danh sách thu hồi còn hạn và chưa khai báo máy chủ OCSP của nơi cấp."
        )
    kept = _ANSWERS.get((der, url))
    if kept is not None and 0 <= (at - kept[0]).total_seconds() < _KEEP_SECONDS:
        answer = kept[1]
    else:
        request = ocsp.OCSPRequestBuilder().add_certificate(certificate, authority, hashes.SHA1())
        answer = _ask(url, request.build().public_bytes(_DER), sources)
    responder = require_good(answer, der, issuer, at)
    _ANSWERS[(der, url)] = (at, answer) if kept is None or kept[1] != answer else kept
    return Evidence(certs=responder, ocsps=(answer,))


def _ask(url: str, request: bytes, sources: StatusSources) -> bytes:
    for attempt in range(max(1, sources.tries)):
        if attempt:
            time.sleep(0.2 * 2 ** (attempt - 1))
        try:
            return call(url, request, "application/ocsp-request", sources.timeout)
        except urllib.error.HTTPError as error:
            if error.code < 500:
                break
        except (OSError, ValueError):
            continue
    raise Unavailable("Máy chủ OCSP của nơi cấp chứng thư không trả lời; chưa biết chứng thư còn hiệu lực hay không.")


def require_good(answer: bytes, der: bytes, issuer: bytes, at: datetime, *, fresh: bool = True) -> tuple[bytes, ...]:
    """Check an OCSP answer about a certificate; the delegated responder's certificate, if there is one.

    ``fresh``: it has to be of now (``at``). Raises ``errors.NotAllowed`` (revoked at ``at``), ``errors.Unavailable`` (the
    responder does not know), ``errors.IntegrityFault`` (not to be believed).
    """
    certificate, authority = load_certificate(der), load_certificate(issuer)
    refused = Unavailable(f"Máy chủ OCSP không cho biết tình trạng chứng thư của {_name(certificate)}.")
    try:
        response = ocsp.load_der_ocsp_response(answer)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise refused
        carried = response.certificates
        key_hash, serial, status = response.issuer_key_hash, response.serial_number, response.certificate_status
    except ValueError as error:
        raise IntegrityFault("Trả lời của máy chủ OCSP không đọc được.") from error
    digest = hashes.Hash(response.hash_algorithm)
    digest.update(_key_bits(authority))
    if serial != certificate.serial_number or key_hash != digest.finalize():
        raise IntegrityFault("Máy chủ OCSP trả lời về một chứng thư khác.")
    responder = authority
    if carried and carried[0] != authority:
        responder = carried[0]
        _require_delegate(responder, authority, response.produced_at_utc)
    if len(carried) > 1 or not _signed(response, responder):
        raise IntegrityFault("Trả lời của máy chủ OCSP không phải do nơi cấp chứng thư ký.")
    if fresh:
        until = response.next_update_utc
        if response.this_update_utc > at + CLOCK_SKEW or (until is not None and until < at - CLOCK_SKEW):
            raise IntegrityFault("Trả lời của máy chủ OCSP đã quá hạn; không dùng làm bằng chứng.")
    if status is ocsp.OCSPCertStatus.REVOKED:
        if response.revocation_time_utc is None or response.revocation_time_utc <= at:
            raise NotAllowed(f"Chứng thư của {_name(certificate)} đã bị thu hồi.")
    elif status is not ocsp.OCSPCertStatus.GOOD:
        raise refused
    return () if responder == authority else (responder.public_bytes(_DER),)


def _require_delegate(responder: x509.Certificate, authority: x509.Certificate, produced_at: datetime) -> None:
    try:
        responder.verify_directly_issued_by(authority)
        uses = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound) as error:
        raise IntegrityFault("Máy chủ OCSP trả lời không được nơi cấp chứng thư uỷ quyền.") from error
    if ExtendedKeyUsageOID.OCSP_SIGNING not in uses:
        raise IntegrityFault("Máy chủ OCSP trả lời không được nơi cấp chứng thư uỷ quyền.")
    if not responder.not_valid_before_utc <= produced_at <= responder.not_valid_after_utc:
        raise IntegrityFault("Chứng thư của máy chủ OCSP đã hết hạn; không dùng trả lời của nó làm bằng chứng.")


def _signed(response: ocsp.OCSPResponse, responder: x509.Certificate) -> bool:
    key, algorithm = responder.public_key(), response.signature_hash_algorithm
    if algorithm is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


@functools.lru_cache(maxsize=64)
def _key_bits_of(der: bytes) -> bytes:
    from hocbaso.documents.paths import asn1_certificate

    return bytes(asn1_certificate(der)["tbs_certificate"]["subject_public_key_info"]["public_key"].contents[1:])


def _key_bits(certificate: x509.Certificate) -> bytes:
    return _key_bits_of(certificate.public_bytes(_DER))
