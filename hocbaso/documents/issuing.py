"""The coarse steps that a document worker does for one record: build both faces, sign one role on both, verify an upload.

Arguments and results are plain bytes, strings, tuples and dictionaries, so that they travel between processes. A private key arrives
only in its encrypted envelope together with the PIN; it is opened, used and dropped here, never written anywhere.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hocbaso.documents import cms, instance_keys, long_term, qr_summary
from hocbaso.documents.long_term import Level
from hocbaso.documents.memory_limit import VERIFY_MEMORY, at_most
from hocbaso.documents.pades import FIELD_OF, Mark, PreparedPdf, embed_pdf, prepare_pdf
from hocbaso.documents.pades_verify import read_content, verify_pdf
from hocbaso.documents.pdf_render import render_unsigned_pdf
from hocbaso.documents.proof import prove_equal
from hocbaso.documents.proof_plan import ProofPlan, is_weaker
from hocbaso.documents.revocation import StatusSources
from hocbaso.documents.signers import KeyEnvelope, SoftwareKeySigner
from hocbaso.documents.time_stamps import TimeAuthority
from hocbaso.documents.transcript_content import TranscriptContent, from_canonical_json
from hocbaso.documents.trust import Trust
from hocbaso.documents.verification import verify_file, verify_kept
from hocbaso.documents.verification_report import VerificationReport
from hocbaso.documents.xml_record import assemble, build_data_zone, take_apart
from hocbaso.documents.xml_signature import embed_xml, prepare_xml, verify_xml
from hocbaso.errors import IntegrityFault, WrongState


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A signing key as it travels to the worker: envelope, chain (DER, leaf first), PIN and the server's secret."""

    envelope: KeyEnvelope
    chain: tuple[bytes, ...]
    pin: str
    server_secret: bytes

    def __repr__(self) -> str:  # a PIN must not appear in a log or a traceback
        return f"SealedKey(owner={self.envelope.owner!r})"


@dataclass(frozen=True, slots=True)
class PreparedStep:
    """One role's step on both files, ready but for the signatures: ``messages`` is what a key signs, PDF first, XML second."""

    pdf: PreparedPdf
    messages: tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class SignedStep:
    """Both files after one more signature, and the two reports that were good when they were made."""

    pdf: bytes
    xml: bytes
    pdf_report: dict[str, Any]
    xml_report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Faces:
    """What is built of a record: unsigned PDF, data zone, and the QR's text (None for the form without a summary)."""

    pdf: bytes
    data_zone: bytes
    qr_text: str | None


def build_faces(content_json: bytes, instance_key: bytes | None = None) -> Faces:
    """Both faces of a canonical record; each printed word, and the QR, proven equal to the XML before they are returned.

    ``instance_key`` (``instance_keys.key_to_bytes``) signs the summary in the QR, where the record's form has one.
    """
    content = from_canonical_json(content_json)
    zone = build_data_zone(content)
    text = None
    if content.has_summary:
        if instance_key is None:
            raise WrongState("Chưa có khoá của máy để ký mã QR của học bạ.")
        key = instance_keys.key_from_bytes(instance_key)
        key_id = instance_keys.key_id_of(instance_keys.spki(key.public_key()))
        summary = qr_summary.summary_of(content, hashlib.sha256(zone).hexdigest(), key_id)
        text = qr_summary.make_text(summary, content.lookup_address, key)
    return _faces(content, zone, text)


def rebuild_faces(content_json: bytes, qr_text: str | None) -> Faces:
    """The faces of a stored record again, to the byte; no key is needed: ``qr_text`` is the one that was stored with it."""
    content = from_canonical_json(content_json)
    return _faces(content, build_data_zone(content), qr_text)


def _faces(content: TranscriptContent, zone: bytes, qr_text: str | None) -> Faces:
    pdf = render_unsigned_pdf(content, qr_text)
    prove_equal(pdf, content, data_zone=zone)
    return Faces(pdf, zone, qr_text)


def unsigned_record(data_zone: bytes) -> bytes:
    """The record file before the first signature."""
    return assemble(data_zone)


@functools.lru_cache(maxsize=4)
def _open(key_digest: bytes, key: SealedKey) -> SoftwareKeySigner:
    # A class is signed with one key: Argon2 (half a second on purpose) runs once a batch, not once a student.
    return SoftwareKeySigner.from_envelope(key.envelope, key.chain, key.pin, key.server_secret)


_KEEP_SECONDS = 60.0
_timer: threading.Timer | None = None


def forget_keys() -> None:
    """Drop opened keys from this process. Happens by itself a minute after the last signature."""
    _open.cache_clear()


def _forget_later() -> None:
    global _timer
    if _timer is not None:
        _timer.cancel()
    _timer = threading.Timer(_KEEP_SECONDS, forget_keys)
    _timer.daemon = True
    _timer.start()


def sign_step(
    pdf: bytes,
    xml: bytes,
    role: str,
    key: SealedKey,
    *,
    at: datetime,
    mark: Mark,
    roots: tuple[bytes, ...],
    crls: tuple[bytes, ...] = (),
    expected: Mapping[str, tuple[str, ...]] | None = None,
    plan: ProofPlan = ProofPlan(),
) -> SignedStep:
    """Sign PDF and XML for ``role`` (``homeroom``, ``principal``, ``seal``) and judge both on their new bytes before returning.

    ``at`` is the signing time (aware UTC, the caller's clock). The seal adds what ``plan`` asks for beyond a time stamp. Raises
    ``errors.NotAllowed`` on a wrong PIN, ``errors.WrongState`` out of order, ``errors.Unavailable`` when wanted proof cannot be had, ``errors.IntegrityFault`` when a result does not
    verify: nothing may be stored then.
    """
    secret = hashlib.sha256(key.envelope.data + key.pin.encode("utf-8") + key.server_secret).digest()
    signer = _open(secret, key)
    _forget_later()
    prepared = prepare_step(pdf, xml, role, signer.chain, at=at, mark=mark, plan=plan)
    signatures = tuple(signer.sign_digest(hashlib.sha256(message).digest()) for message in prepared.messages)
    return embed_step(
        pdf,
        xml,
        role,
        signer.chain,
        prepared,
        signatures,
        at=at,
        roots=roots,
        crls=crls,
        expected=expected,
        plan=plan,
    )


def _authority(plan: ProofPlan) -> TimeAuthority | None:
    """Whoever stamps a signature by this plan; None where it asks for no time stamp. Raises what ``require_means`` raises."""
    plan.require_means()
    stamps = Level.of(plan.level) > Level.BB and plan.tsa_url
    return TimeAuthority(plan.tsa_url, plan.timeout, plan.tries) if stamps and plan.tsa_url else None


def prepare_step(
    pdf: bytes,
    xml: bytes,
    role: str,
    chain: tuple[bytes, ...],
    *,
    at: datetime,
    mark: Mark,
    plan: ProofPlan | None = None,
) -> PreparedStep:
    """First half of ``sign_step`` for a key that lives elsewhere: what it has to sign. Raises WrongState, IntegrityFault."""
    at = at.replace(microsecond=0)
    stamped = _authority(plan or ProofPlan()) is not None
    ready = prepare_pdf(pdf, role, chain, at=at, mark=mark, stamped=stamped)
    return PreparedStep(ready, (ready.message(chain), prepare_xml(xml, role, chain, at=at)))


def embed_step(
    pdf: bytes,
    xml: bytes,
    role: str,
    chain: tuple[bytes, ...],
    prepared: PreparedStep,
    signatures: tuple[bytes, ...],
    *,
    at: datetime,
    roots: tuple[bytes, ...],
    crls: tuple[bytes, ...] = (),
    expected: Mapping[str, tuple[str, ...]] | None = None,
    plan: ProofPlan | None = None,
) -> SignedStep:
    """Second half: raw ``signatures`` over ``prepared.messages`` put in, and both files judged on their new bytes.

    ``at``, ``chain`` and ``plan`` as for ``prepare_step``; the seal adds what the plan asks for beyond a time stamp. Raises
    Unavailable (proof that cannot be had), IntegrityFault: nothing may be stored then.
    """
    plan = plan or ProofPlan()
    authority, level = _authority(plan), Level.of(plan.level)
    at = at.replace(microsecond=0)
    trust = Trust.of(roots, crls, at)
    key = cms.load_certificate(chain[0]).public_key()
    for message, signature in zip(prepared.messages, signatures, strict=True):
        if not cms.verify_digest(key, hashlib.sha256(message).digest(), signature):
            raise IntegrityFault("Nơi giữ khoá trả về một chữ ký không phải của chứng thư đã đăng ký; không ghi gì.")
    new_pdf = embed_pdf(pdf, prepared.pdf, chain, signatures[0], authority=authority)
    if role == "seal" and level > Level.BT:
        sources = StatusSources(plan.ocsp_urls, trust.crls, plan.timeout, plan.tries)
        new_pdf = long_term.extend(new_pdf, level, authority, trust.roots, sources, at)
    new_xml = embed_xml(xml, role, chain, signatures[1], at=at)
    if not new_pdf.startswith(pdf):
        raise IntegrityFault("Bản ký mới không giữ nguyên các byte đã có.")
    if read_content(new_pdf)[1] != take_apart(new_xml).data_zone:
        raise IntegrityFault("PDF và XML không cùng một nội dung; không ký.")
    roles = tuple(FIELD_OF)[: tuple(FIELD_OF).index(role) + 1]
    wanted = {name: frozenset(values) for name, values in expected.items()} if expected else None
    reports = (
        verify_pdf(new_pdf, trust, expected=wanted, roles=roles, prove=False),
        verify_xml(new_xml, trust, expected=wanted, roles=roles),
    )
    for report in reports:
        _demand(report)
    # Before the seal nothing but a time stamp can be there.
    reached, wanted_level = reports[0].level, plan.level if role == "seal" else min(level, Level.BT).label
    if is_weaker(reached, wanted_level):
        raise IntegrityFault(f"Chữ ký vừa tạo chỉ đạt mức {reached}, không đạt mức {wanted_level} theo quy định.")
    return SignedStep(new_pdf, new_xml, reports[0].to_plain(), reports[1].to_plain())


def renew_proof(
    pdf: bytes, roots: tuple[bytes, ...], crls: tuple[bytes, ...], plan: ProofPlan, at: datetime
) -> tuple[bytes, dict[str, Any]]:
    """A further document time stamp for an issued B-LTA file: (longer file, its report). ``pdf`` is its unchanged beginning.

    Raises as ``sign_step``.
    """
    if not plan.tsa_url:
        raise WrongState("Chưa khai báo máy chủ cấp dấu thời gian nên không đóng lại được dấu thời gian.")
    at = at.replace(microsecond=0)
    trust = Trust.of(roots, crls, at)
    sources = StatusSources(plan.ocsp_urls, trust.crls, plan.timeout, plan.tries)
    authority = TimeAuthority(plan.tsa_url, plan.timeout, plan.tries)
    longer = long_term.renew(pdf, authority, trust.roots, sources, at)
    report = verify_pdf(longer, trust, prove=False)
    _demand(report)
    if not longer.startswith(pdf) or len(report.stamped_at) < 2:
        raise IntegrityFault("Bản có dấu thời gian mới không giữ nguyên các byte đã có.")
    return longer, report.to_plain()


def _demand(report: VerificationReport) -> None:
    if not report.ok:
        raise IntegrityFault(
            f"Chữ ký vừa tạo không qua được kiểm tra ({report.kind.upper()}): {' '.join(report.reasons)}",
            details=report.reasons,
        )


def verify_upload(
    data: bytes,
    roots: tuple[bytes, ...],
    crls: tuple[bytes, ...],
    at: datetime,
    expected: Mapping[str, tuple[str, ...]] | None = None,
    keys: tuple[Any, ...] = (),
) -> dict[str, Any]:
    """``verify_file`` as a plain dictionary, for a page or a job.

    Anybody may send the file: 2 MB can unpack to 2 GB, so it gets :data:`VERIFY_MEMORY` and is unreadable when it wants more.
    """
    with at_most(VERIFY_MEMORY):
        return verify_file(data, roots, crls, at, expected, keys).to_plain()


def verify_own(
    data: bytes,
    roots: tuple[bytes, ...],
    crls: tuple[bytes, ...],
    at: datetime,
    signed_at: Mapping[str, datetime],
    expected: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """``verify_kept`` with the report as a plain dictionary, within the same memory as ``verify_upload``."""
    with at_most(VERIFY_MEMORY):
        report, expired = verify_kept(data, roots, crls, at, signed_at, expected)
    return report.to_plain(), expired
