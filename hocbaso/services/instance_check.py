"""A whole instance checked from the outside in: database, log, every stored document, every issued transcript."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents.proof_plan import is_weaker
from hocbaso.documents.verification_report import VerificationReport, report_from_plain
from hocbaso.errors import DomainError
from hocbaso.services import (
    audit_verify,
    document_pool,
    overtaken_records,
    sealed_secrets,
    transcript_files,
    trust_roots,
)

_FACES = ("pdf_digest", "xml_digest")
_CUT = "Tệp PDF ở mức {found}, yếu hơn mức {recorded} đã ghi khi phát hành."
_UNDECIDED = "Chưa kiểm tra xong được tệp này: máy không trả lời. Xin chạy lại."


@dataclass
class InstanceCheck:
    """What was read, what is wrong (``problems``), and what is only to be known (``notices``: nothing is damaged)."""

    n_entries: int = 0
    n_documents: int = 0
    n_signatures: int = 0
    n_problems: int = 0
    """All of them, also those that are counted and not listed."""
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


@dataclass
class _Told:
    """Damage of one kind: the first few in words, all of them counted. No kind can push another out of the report."""

    where: str
    most: int
    n: int = 0
    words: list[str] = field(default_factory=list)

    def add(self, words: str) -> None:
        self.n += 1
        if len(self.words) < self.most:
            self.words.append(words)

    def lines(self) -> list[str]:
        left = self.n - len(self.words)
        return [*self.words, f"… và {left} chỗ khác trong {self.where}."] if left else self.words


@dataclass
class _Expired:
    """The files whose certificates have run out since they were signed: one sentence, however many."""

    records: set[str] = field(default_factory=set)
    certificates: set[str] = field(default_factory=set)
    n_files: int = 0

    def add(self, judged: _Judged) -> None:
        self.n_files += 1
        self.records.add(judged.uuid)
        self.certificates |= {item.fingerprint for item in judged.report.signatures if item.role in judged.expired}

    def lines(self) -> list[str]:
        if not self.n_files:
            return []
        return [
            f"{len(self.certificates)} chứng thư đã dùng để ký {len(self.records)} học bạ ({self.n_files} tệp) nay đã hết hạn. Lúc ký "
            "còn hiệu lực và tệp còn nguyên từng byte, nên đây không phải hư hỏng; nơi khác kiểm tra hôm nay sẽ thấy báo hết hạn."
        ]


@dataclass(frozen=True, slots=True)
class _Judged:
    """One file of a sealed record and what was found: ``expired`` are the roles whose certificate has run out since."""

    uuid: str
    report: VerificationReport
    expired: tuple[str, ...] = ()


def check(now: datetime, *, max_problems: int = 50) -> InstanceCheck:
    """Verify chain, values, document digests and every signature of every file that was sealed (also of replaced ones:
    they must still open and tell). Unfinished records are checked by their digests only.

    Everything is read whatever was found before. Of each kind of damage (log, secrets, stored files, transcripts) the first
    ``max_problems`` are listed and the others counted. A certificate that has run out since it signed is no damage.
    """
    report = audit_verify.verify()
    result = InstanceCheck(n_entries=report.n_entries)
    log = _Told("nhật ký và các giá trị", max_problems)
    secrets = _Told("các khoá và bí mật của máy", max_problems)
    files = _Told("kho tài liệu", max_problems)
    faces = _Told("các học bạ đã phát hành", max_problems)
    expired = _Expired()
    for fault in report.faults:
        log.add(fault.message)
    for problem in sealed_secrets.problems():
        secrets.add(problem)
    store = document_pool.document_store()
    for digest in db.session.scalars(select(m.StoredDocument.digest).order_by(m.StoredDocument.digest)):
        result.n_documents += 1
        try:
            store.get(digest)
        except DomainError as fault:
            files.add(f"{fault.message} ({digest[:16]}…)")
    for judged in _judged(now):
        result.n_signatures += sum(signature.ok for signature in judged.report.signatures)
        if not judged.report.ok:
            faces.add(f"Học bạ {judged.uuid} ({judged.report.kind.upper()}): {' '.join(judged.report.reasons)}")
        elif judged.expired:
            expired.add(judged)
    for told in (log, secrets, files, faces):
        result.n_problems += told.n
        result.problems += told.lines()
    result.notices = expired.lines() + overtaken_records.notices()
    return result


def _judged(now: datetime) -> Iterator[_Judged]:
    """Each face of each sealed record and its newest longer file; two a worker wait at a time, so memory stays small."""
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
        signed_at = {item.role: item.signed_at for item in record.signatures}
        proof = transcript_files.newest_proof(record.id)
        digests = [getattr(record, face) for face in _FACES] + ([proof.pdf_digest] if proof is not None else [])
        for digest in dict.fromkeys(digests):
            try:
                data = store.get(digest)
            except DomainError:
                continue  # told already
            call = document_pool.submit(
                "hocbaso.documents.issuing:verify_own", data, roots, crls, now, signed_at, _recorded(record)
            )
            waiting.append((record.uuid, level, call))
        while len(waiting) > 2 * document_pool.n_workers():
            yield _with_level(*waiting.pop(0))
    for item in waiting:
        yield _with_level(*item)


def _with_level(uuid: str, recorded: str, future: Future[Any]) -> _Judged:
    """What was found, with a fault when the file's level is below the one that was recorded when it was issued."""
    try:
        plain, expired = future.result(timeout=300)
    except (DomainError, FutureTimeout):
        # One file that a worker cannot get through must not hide what is wrong with the others.
        return _Judged(uuid, VerificationReport(ok=False, kind="unknown", problems=(_UNDECIDED,)))
    report = report_from_plain(plain)
    if report.ok and report.level is not None and is_weaker(report.level, recorded):
        cut = _CUT.format(found=report.level, recorded=recorded)
        report = replace(report, ok=False, problems=(*report.problems, cut))
    return _Judged(uuid, report, tuple(expired))


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
