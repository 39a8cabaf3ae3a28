"""A whole instance checked from the outside in: database, log, every stored document, every issued transcript."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents.proof_plan import is_weaker
from hocbaso.documents.verification_report import report_from_plain
from hocbaso.errors import DomainError
from hocbaso.services import audit_verify, document_pool, sealed_secrets, transcripts, trust_roots

_FACES = ("pdf_digest", "xml_digest")
_CUT = "Tệp PDF ở mức {found}, yếu hơn mức {recorded} đã ghi khi phát hành."


@dataclass
class InstanceCheck:
    """What was read and what is wrong."""

    n_entries: int = 0
    n_documents: int = 0
    n_signatures: int = 0
    problems: list[str] = field(default_factory=list)


def check(now: datetime, *, max_problems: int = 50) -> InstanceCheck:
    """Verify chain, values, document digests and every signature of every file that was sealed (also of replaced ones:
    they must still open and tell). Unfinished records are checked by their digests only."""
    report = audit_verify.verify()
    result = InstanceCheck(n_entries=report.n_entries, problems=[fault.message for fault in report.faults])
    result.problems += sealed_secrets.problems()
    store = document_pool.document_store()
    for digest in db.session.scalars(select(m.StoredDocument.digest).order_by(m.StoredDocument.digest)):
        result.n_documents += 1
        try:
            store.get(digest)
        except DomainError as problem:
            result.problems.append(f"{problem.message} ({digest[:16]}…)")
    for uuid, verdict in _judged(now):
        result.n_signatures += sum(signature.ok for signature in verdict.signatures)
        if not verdict.ok:
            result.problems.append(f"Học bạ {uuid} ({verdict.kind.upper()}): {' '.join(verdict.reasons)}")
        if len(result.problems) >= max_problems:
            break
    return result


def _judged(now: datetime) -> Iterator[tuple[str, Any]]:
    """(uuid, report) of each face of each sealed record and of its newest longer file; two a worker wait at a time, so memory
    stays small."""
    roots, crls = tuple(trust_roots.trusted_roots()), tuple(trust_roots.trusted_crls())
    store = document_pool.document_store()
    sealed = (
        select(m.TranscriptRecord)
        .join(m.TranscriptSignature)
        .where(m.TranscriptSignature.role == "seal")
        .order_by(m.TranscriptRecord.id)
    )
    waiting: list[tuple[str, str, Future[Any]]] = []
    for record in db.session.scalars(sealed).all():
        level = next(item.level for item in record.signatures if item.role == "seal")
        proof = transcripts.newest_proof(record.id)
        digests = [getattr(record, face) for face in _FACES] + ([proof.pdf_digest] if proof is not None else [])
        for digest in dict.fromkeys(digests):
            try:
                data = store.get(digest)
            except DomainError:
                continue  # told already
            call = document_pool.submit(
                "hocbaso.documents.issuing:verify_upload", data, roots, crls, now, _recorded(record)
            )
            waiting.append((record.uuid, level, call))
        while len(waiting) > 2 * document_pool.n_workers():
            yield _with_level(*waiting.pop(0))
    for item in waiting:
        yield _with_level(*item)


def _with_level(uuid: str, recorded: str, future: Future[Any]) -> tuple[str, Any]:
    """The report, with a fault when the file's level is below the one that was recorded when it was issued."""
    report = report_from_plain(future.result(timeout=300))
    if report.ok and report.level is not None and is_weaker(report.level, recorded):
        cut = _CUT.format(found=report.level, recorded=recorded)
        return uuid, replace(report, ok=False, problems=(*report.problems, cut))
    return uuid, report


def _recorded(record: m.TranscriptRecord) -> dict[str, tuple[str, ...]]:
    """Role -> fingerprints of the certificates that the school recorded for the record's signatures."""
    found: dict[str, tuple[str, ...]] = {}
    for role, fingerprint in db.session.execute(
        select(m.TranscriptSignature.role, m.Certificate.fingerprint)
        .join(m.Certificate, m.Certificate.id == m.TranscriptSignature.certificate_id)
        .where(m.TranscriptSignature.transcript_record_id == record.id)
    ):
        found[role] = (*found.get(role, ()), fingerprint)
    return found
