"""A report held against what this school wrote down when the signatures were made: whose certificate, for which role, in what standing.

A certificate may be revoked, retired or bound otherwise years later; what counts is how the register stood at signing, and the log
tells that.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import and_, func, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents.proof_plan import is_weaker
from hocbaso.documents.verification_report import SignatureVerdict, VerificationReport
from hocbaso.services.log_reading import aimed_at, replay

OTHER_CONTENT = "Nội dung của tệp này khác học bạ mà nhà trường đã lập với mã tra cứu này."
NOT_RECORDED = "Nhà trường không ghi nhận chữ ký này cho học bạ này."
NOT_BOUND = "Khi ký, chứng thư này không được gắn để ký với tư cách đó."
NOT_STANDING = "Khi ký, chứng thư này đã thu hồi hoặc ngừng dùng trong sổ của trường."


def with_registered(report: VerificationReport, record: m.TranscriptRecord) -> VerificationReport:
    """The report with what the register demands: each signature by the certificate that was recorded for it, bound to its role and in
    standing when it was made, the file at the level at which the record was issued, and with the record's content: the same three
    keys may have signed another one under its code."""
    rows = db.session.execute(
        select(m.TranscriptSignature, m.Certificate)
        .join(m.Certificate, m.Certificate.id == m.TranscriptSignature.certificate_id)
        .where(m.TranscriptSignature.transcript_record_id == record.id)
    ).all()
    recorded = {signature.role: (signature, certificate) for signature, certificate in rows}
    judged = tuple(_judged(item, recorded.get(item.role)) for item in report.signatures)
    problems = list(report.problems)
    if report.content_digest is not None and report.content_digest != record.content_digest:
        problems.insert(0, OTHER_CONTENT)
    issued_at = next((signature.level for signature, _ in rows if signature.role == "seal"), None)
    if report.ok and report.level is not None and issued_at is not None and is_weaker(report.level, issued_at):
        # Cut off, such a file is an ordinary good one of the lower level; only the record knows better.
        problems.append(
            f"Phần bằng chứng ở cuối tệp đã bị cắt bỏ: nhà trường phát hành học bạ này ở mức {issued_at}, tệp chỉ còn mức "
            f"{report.level}. Hãy xin lại tệp ở văn thư nhà trường."
        )
    return replace(
        report,
        ok=report.ok and all(item.ok for item in judged) and not problems,
        signatures=judged,
        problems=tuple(problems),
    )


def _judged(item: SignatureVerdict, recorded: tuple[m.TranscriptSignature, m.Certificate] | None) -> SignatureVerdict:
    if not item.fingerprint:
        return item
    if recorded is None or recorded[1].fingerprint != item.fingerprint:
        return replace(item, ok=False, reasons=(*item.reasons, NOT_RECORDED))
    reasons = _standing_at_signing(*recorded)
    if reasons:
        return replace(item, ok=False, reasons=(*item.reasons, *reasons))
    # What the file alone leaves open, the school's own register has answered.
    return replace(item, notes=())


def _standing_at_signing(signature: m.TranscriptSignature, certificate: m.Certificate) -> list[str]:
    """Why the register would not have let this certificate sign then; empty when it would."""
    entry = m.AuditEntry.__table__.c
    # By the order of the log, not by the clock: an hour in a row can be wrong, what was written after what cannot.
    signed_by = select(func.min(entry.seq)).where(
        entry.target_kind == "transcript_record",
        entry.target_id == str(signature.transcript_record_id),
        entry.payload.contains('"transcript_signature":{', autoescape=True),
        entry.payload.contains(f'"{signature.id}":{{', autoescape=True),
    )
    seq = db.session.scalar(signed_by)
    if seq is None:
        return [NOT_RECORDED]
    entries = and_(aimed_at({"certificate": (certificate.id,)}), entry.seq < seq)
    told = replay(entries, ("certificate",))["certificate"].get(str(certificate.id))
    if told is None:
        return [NOT_RECORDED]
    reasons = []
    # A certificate registered before roles were bound was good for what its purpose says.
    roles = told.get("bound_roles") or ("seal" if certificate.purpose == "seal" else "homeroom principal")
    if signature.role not in roles.split():
        reasons.append(NOT_BOUND)
    if told.get("revoked_at") or told.get("retired_at"):
        reasons.append(NOT_STANDING)
    return reasons
