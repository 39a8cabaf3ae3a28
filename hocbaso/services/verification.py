"""What the public may know of a transcript: whether it is real and in force, and nothing more than its holder already holds.

By code: the school, the year, initials, the day of issue and the state. By file: what the signatures say, and whether exactly this
file is the one in force. There is no list, no search by name and no count for anybody (workflow.md, People).
"""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
from collections import deque
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.documents.proof_plan import is_weaker
from hocbaso.documents.verification_report import VerificationReport
from hocbaso.errors import IntegrityFault, Invalid, Unavailable
from hocbaso.regulations.transcript_flow import SIGNED_STATES, RecordState
from hocbaso.services import document_pool, transcripts, trust_roots

MAX_UPLOAD = 8 * 1024 * 1024
VERIFY_SECONDS = 20.0

IN_FORCE = "in_force"
REPLACED = "replaced"
RECALLED = "recalled"
NOT_ISSUED = "not_issued"
UNKNOWN = "unknown"
"""Standings of a record towards the public."""


@dataclass(frozen=True, slots=True)
class CodeAnswer:
    """What a code tells. All but ``standing`` and ``code`` is None for an unknown code; of a record that is not sealed yet
    nothing else is told."""

    code: str
    standing: str
    school_name: str | None = None
    school_year: str | None = None
    class_name: str | None = None
    initials: str | None = None
    issue_on: date | None = None
    recalled_on: datetime | None = None
    has_successor: bool = False
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """What a file tells. ``match``: ``current`` (byte for byte a file in force: the issued one, or one stamped again since), ``former`` (a file this school stored earlier:
    before the last signature, or of a replaced record), ``other`` (valid, but not a file of this school's store) or None."""

    report: VerificationReport
    standing: str
    match: str | None
    recalled_on: datetime | None = None
    has_successor: bool = False
    stamped_again_at: datetime | None = None
    """The file is good, and the school has since stamped the same record again: its newest file begins with this one."""


def initials(full_name: str) -> str:
    """``Nguyễn Bảo Châu`` -> ``N. B. C.``"""
    return " ".join(f"{word[0].upper()}." for word in full_name.split())


def read_code(raw: str) -> str:
    """A code as people type or scan it (a whole address, blanks, capitals, missing hyphens) as a UUID; Invalid otherwise."""
    text = raw.strip().rstrip("/").rsplit("/", 1)[-1].rsplit("=", 1)[-1]
    digits = re.sub(r"[\s\-–—]", "", text).lower()
    if not digits:
        raise Invalid("Gõ mã tra cứu in dưới ô vuông QR của học bạ.", field="ma")
    if re.fullmatch(r"[0-9a-f]*", digits) is None:
        raise Invalid("Mã chỉ gồm các chữ số 0–9 và các chữ cái a–f.", field="ma")
    if len(digits) != 32:
        raise Invalid(
            f"Mã có 32 chữ và số, ở đây mới có {len(digits)}."
            if len(digits) < 32
            else f"Mã có 32 chữ và số, ở đây có tới {len(digits)}.",
            field="ma",
        )
    return str(uuid.UUID(digits))


def by_code(code: str) -> CodeAnswer:
    """What may be told of a code (a UUID as :func:`read_code` gives it).

    A sealed record that the principal has not published yet is told of like one that was never issued. IntegrityFault when
    the record is not what the log tells: a stranger believes this page as much as the paper.
    """
    record = _record(code)
    if record is None:
        return CodeAnswer(code, UNKNOWN)
    try:
        transcripts.require_untouched(record)
    except IntegrityFault:
        raise IntegrityFault(
            "Nhà trường chưa xác nhận được học bạ mang mã này: dữ liệu lưu trên máy không khớp với nhật ký. "
            "Xin liên hệ văn phòng trường."
        ) from None
    standing, successor = _standing(record)
    if standing == NOT_ISSUED or record.published_at is None:
        return CodeAnswer(code, NOT_ISSUED)
    content = tc.from_canonical_json(record.content.encode("utf-8"))
    return CodeAnswer(
        code,
        standing,
        content.school.name,
        content.school_year,
        content.class_name,
        initials(content.student.full_name),
        content.issue_on,
        record.recalled_at,
        successor,
        content.demo,
    )


def _record(code: str) -> m.TranscriptRecord | None:
    found: m.TranscriptRecord | None = db.session.scalar(
        select(m.TranscriptRecord).where(m.TranscriptRecord.uuid == code).execution_options(populate_existing=True)
    )
    return found


def _standing(record: m.TranscriptRecord) -> tuple[str, bool]:
    """The record's standing, and whether a sealed successor is there. A record recalled before its seal was never issued."""
    successor = db.session.scalar(
        select(m.TranscriptRecord.id)
        .where(
            m.TranscriptRecord.replaces_id == record.id,
            m.TranscriptRecord.state.in_([state.value for state in SIGNED_STATES]),
        )
        .limit(1)
    )
    sealed = any(signature.role == "seal" for signature in record.signatures)
    if record.state == RecordState.RECALLED.value:
        if not sealed:
            return NOT_ISSUED, False
        return (REPLACED if successor is not None else RECALLED), successor is not None
    return (IN_FORCE if sealed and RecordState(record.state) in SIGNED_STATES else NOT_ISSUED), False


def by_file(data: bytes, now: datetime) -> FileAnswer:
    """Judge an uploaded PDF or XML in a worker, then compare it with the store.

    Raises Invalid (empty, over 8 MB) and Unavailable (not done in 20 s).
    """
    if not data:
        raise Invalid("Chọn tệp học bạ (PDF hoặc XML) để kiểm tra.", field="tep")
    if len(data) > MAX_UPLOAD:
        raise Invalid("Tệp lớn hơn 8 MB, không phải học bạ số.", field="tep")
    report = document_pool.verify(
        data, trust_roots.trusted_roots(), trust_roots.trusted_crls(), now, timeout=VERIFY_SECONDS
    )
    record = _record(report.record_uuid) if report.record_uuid else None
    if record is None:
        return FileAnswer(report, UNKNOWN, None)
    report = _with_registered(report, record)
    standing, successor = _standing(record)
    return FileAnswer(
        report,
        standing,
        _match(record, data),
        record.recalled_at if standing in (REPLACED, RECALLED) else None,
        successor,
        _stamped_again(record, data),
    )


def _with_registered(report: VerificationReport, record: m.TranscriptRecord) -> VerificationReport:
    """The report with one more demand: each signature was made with the certificate that this school recorded for it."""
    recorded = dict(
        db.session.execute(
            select(m.TranscriptSignature.role, m.Certificate.fingerprint)
            .join(m.Certificate, m.Certificate.id == m.TranscriptSignature.certificate_id)
            .where(m.TranscriptSignature.transcript_record_id == record.id)
        ).all()
    )
    judged = tuple(
        item
        if not item.fingerprint or recorded.get(item.role) == item.fingerprint
        else replace(item, ok=False, reasons=(*item.reasons, "Nhà trường không ghi nhận chữ ký này cho học bạ này."))
        for item in report.signatures
    )
    problems = list(report.problems)
    issued_at = next((item.level for item in record.signatures if item.role == "seal"), None)
    if report.ok and report.level is not None and issued_at is not None and is_weaker(report.level, issued_at):
        # Cut off, such a file is an ordinary good one of the lower level; only the record knows better.
        problems.append(
            f"Phần bằng chứng ở cuối tệp đã bị cắt bỏ: khi nhà trường cấp, học bạ này ở mức {issued_at}, tệp chỉ còn mức "
            f"{report.level}. Hãy xin lại tệp ở văn thư nhà trường."
        )
    return replace(
        report,
        ok=report.ok and all(item.ok for item in judged) and not problems,
        signatures=judged,
        problems=tuple(problems),
    )


def _proof_digests(record: m.TranscriptRecord) -> list[str]:
    """Digests of the record's files with a document time stamp, oldest first."""
    rows = select(m.DocumentProof.pdf_digest).where(m.DocumentProof.transcript_record_id == record.id)
    return list(db.session.scalars(rows.order_by(m.DocumentProof.id)))


def _stamped_again(record: m.TranscriptRecord, data: bytes) -> datetime | None:
    proof = transcripts.newest_proof(record.id)
    digest = hashlib.sha256(data).hexdigest()
    if proof is None or digest == proof.pdf_digest or digest not in (record.pdf_digest, *_proof_digests(record)):
        return None
    return proof.stamped_at


def _match(record: m.TranscriptRecord, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    current = digest in (record.pdf_digest, record.xml_digest, *_proof_digests(record))
    if current and record.state != RecordState.RECALLED.value:
        return "current"
    earlier = db.session.scalar(
        select(m.TranscriptSignature.id)
        .where(
            m.TranscriptSignature.transcript_record_id == record.id,
            or_(m.TranscriptSignature.pdf_digest == digest, m.TranscriptSignature.xml_digest == digest),
        )
        .limit(1)
    )
    if current or earlier is not None or digest in (record.unsigned_pdf_digest, record.data_zone_digest):
        return "former"
    return "other"


class Throttle:
    """So many questions of an address in a span of time. In memory: a restart forgets, which costs a guesser of UUIDs nothing."""

    def __init__(self, limit: int, span: timedelta) -> None:
        self.limit, self.span = limit, span
        self._lock = threading.Lock()
        self._seen: dict[str, deque[datetime]] = {}

    def ask(self, address: str, now: datetime) -> None:
        """Count a question; Unavailable when the address asks too often."""
        with self._lock:
            if len(self._seen) > 5000:  # addresses that have gone quiet
                self._seen = {key: times for key, times in self._seen.items() if times and now - times[-1] < self.span}
            times = self._seen.setdefault(address, deque())
            while times and not timedelta(0) <= now - times[0] < self.span:
                times.popleft()
            if len(times) >= self.limit:
                raise Unavailable("Địa chỉ này hỏi quá nhiều lần trong một phút. Xin đợi một phút rồi thử lại.")
            times.append(now)
