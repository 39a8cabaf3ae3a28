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
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import instance_keys as ik
from hocbaso.documents import machine_signed, verdict_words
from hocbaso.documents import transcript_content as tc
from hocbaso.documents.qr_summary import SUBJECT_WORDS
from hocbaso.documents.verdict_words import Words
from hocbaso.documents.verification_report import EXPIRED, VerificationReport, report_from_plain
from hocbaso.errors import IntegrityFault, Invalid, Unavailable
from hocbaso.regulations.transcript_flow import SIGNED_STATES, RecordState
from hocbaso.services import document_pool, instance_keys, offline_page, transcript_files, transcripts, trust_roots
from hocbaso.services.registered_signers import with_registered

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
    is_issued: bool = False
    """The record with this file's code was handed out, whatever became of it since and whatever the file is worth."""
    ended_since: tuple[str, ...] = ()
    """Roles whose certificate has ended since; the school's log says that it held when they signed."""

    @property
    def signature_words(self) -> tuple[Words, ...]:
        """One sentence a signature."""
        return tuple(verdict_words.of_signature(item) for item in self.report.signatures)

    @property
    def words(self) -> Words:
        """The answer in sentences."""
        if self.report.kind in ("report", "keys", "page", "qr"):
            return verdict_words.of_report(self.report)
        return verdict_words.of_answer(
            self.report, self.standing, self.match, is_issued=self.is_issued, ended_since=self.ended_since
        )


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """What a QR's text tells. The facts of ``report`` are given when the text is the one that the school printed."""

    report: VerificationReport
    standing: str
    recalled_on: datetime | None = None

    @property
    def signature_words(self) -> tuple[Words, ...]:
        """One sentence a signature."""
        return tuple(verdict_words.of_signature(item) for item in self.report.signatures)

    @property
    def results(self) -> tuple[tuple[str, str | None], ...]:
        """(subject, result) in print order."""
        told = (self.report.details or {}).get("results", [])
        return tuple((SUBJECT_WORDS.get(code, "Môn ở dòng này"), result) for code, result in told)

    @property
    def issue_on(self) -> date | None:
        """Day of issue, where it is told."""
        return date.fromisoformat(self.report.details["issue_on"]) if self.report.details else None

    @property
    def born_on(self) -> date | None:
        """Day of birth, where it is told."""
        return date.fromisoformat(self.report.born_on) if self.report.born_on else None

    @property
    def words(self) -> Words:
        """The answer in sentences."""
        if not self.report.ok:
            return verdict_words.of_report(self.report)
        if self.standing == IN_FORCE:
            return Words(
                "done",
                "Mã QR thật, học bạ còn hiệu lực",
                "Đây đúng là mã QR nhà trường đã in trên học bạ này.",
                "So họ tên và từng con số dưới đây với bản in. Khác một con số thì bản in đã bị sửa.",
            )
        return verdict_words.of_answer(self.report, self.standing, "current")


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
    _require_untouched(record)
    standing, successor = _standing(record)
    if standing == NOT_ISSUED:
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


def _require_untouched(record: m.TranscriptRecord) -> None:
    """IntegrityFault, in words for a stranger, when the record is not what the log tells."""
    try:
        transcripts.require_untouched(record)
    except IntegrityFault:
        raise IntegrityFault(
            "Nhà trường chưa xác nhận được học bạ mang mã này: dữ liệu lưu trên máy không khớp với nhật ký. "
            "Xin liên hệ văn phòng trường."
        ) from None


def _standing(record: m.TranscriptRecord) -> tuple[str, bool]:
    """The record's standing, and whether a sealed successor is there.

    What was recalled before its seal, or sealed and not published yet, was never issued as far as strangers are concerned.
    """
    if record.published_at is None:
        return NOT_ISSUED, False
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

    Raises Invalid (empty, over 8 MB), Unavailable (not done in 20 s) and IntegrityFault (the record is not what the log tells).
    """
    if not data:
        raise Invalid("Chọn tệp học bạ (PDF hoặc XML) để kiểm tra.", field="tep")
    if len(data) > MAX_UPLOAD:
        raise Invalid("Tệp lớn hơn 8 MB, không phải học bạ số.", field="tep")
    if data.lstrip()[:14].lower() == b"<!doctype html":
        return FileAnswer(_judge_page(data), UNKNOWN, None)
    keys = instance_keys.public_documents() if data.lstrip()[:1] == b"{" else []
    report = document_pool.verify(
        data, trust_roots.trusted_roots(), trust_roots.trusted_crls(), now, timeout=VERIFY_SECONDS, keys=keys
    )
    if report.kind in ("report", "keys"):
        return FileAnswer(_without_withdrawn(report), UNKNOWN, None)
    record = _record(report.record_uuid) if report.record_uuid else None
    if record is None:
        return FileAnswer(report, UNKNOWN, None)
    _require_untouched(record)
    digests = report.parts or (hashlib.sha256(data).hexdigest(),)
    match = _match(record, digests)
    report, ended = _as_at_signing(report, record, data, match, now)
    report = with_registered(report, record)
    standing, successor = _standing(record)
    is_issued = standing != NOT_ISSUED
    if not report.ok and standing == IN_FORCE:
        standing = UNKNOWN  # the record is; this file says nothing of it
    return FileAnswer(
        report,
        standing,
        match,
        record.recalled_at if standing in (REPLACED, RECALLED) else None,
        successor,
        _stamped_again(record, digests),
        is_issued,
        ended if report.ok else (),
    )


def _as_at_signing(
    report: VerificationReport, record: m.TranscriptRecord, data: bytes, match: str, now: datetime
) -> tuple[VerificationReport, tuple[str, ...]]:
    """A file of the school's own whose certificates have run out since, judged as things stood when the log says it was signed.

    (report, roles that only the day of the question speaks against). What is not byte for byte a stored file keeps its verdict.
    """
    if report.ok or match == "other" or report.kind not in ("pdf", "xml") or EXPIRED not in report.reasons:
        return report, ()
    signed_at = {row.role: row.signed_at for row in record.signatures}
    roots, crls = tuple(trust_roots.trusted_roots()), tuple(trust_roots.trusted_crls())
    plain, ended = document_pool.call(
        "hocbaso.documents.issuing:verify_own", data, roots, crls, now, signed_at, timeout=VERIFY_SECONDS
    )
    return report_from_plain(plain), tuple(ended)


def _without_withdrawn(report: VerificationReport) -> VerificationReport:
    """The report with this school's withdrawn keys refused, before the seal has said so: it knows its own."""
    withdrawn = {key.key_id.upper(): key.withdrawn for key in instance_keys.own_keys() if key.withdrawn}
    judged = tuple(
        replace(item, ok=False, reasons=tuple(dict.fromkeys((*item.reasons, withdrawn[item.serial]))))
        if item.serial in withdrawn
        else item
        for item in report.signatures
    )
    ok = report.ok and (report.kind != "report" or all(item.ok for item in judged))
    return replace(report, ok=ok, signatures=judged)


OTHER_PAGE = "Trang kiểm tra này không phải bản nhà trường đang phát: đã cũ, hoặc đã bị sửa. Hãy xoá đi và tự tải lại từ trang này."
OTHER_QR = "Mã QR này không phải mã nhà trường đã in trên học bạ ấy."
OLD_FORM = "Học bạ này in theo mẫu cũ: mã QR của nó chỉ có địa chỉ tra cứu, không có bản tóm tắt."


def _judge_page(data: bytes) -> VerificationReport:
    """Is this file, byte for byte, the page that the school hands out today?"""
    ours = hashlib.sha256(data).hexdigest() == offline_page.page().digest
    return VerificationReport(ok=ours, kind="page", problems=() if ours else (OTHER_PAGE,))


def by_text(text: str, now: datetime) -> TextAnswer:
    """Judge the text of a QR by this school's own keys, and hold it against the one that was printed. Invalid when it is empty."""
    if not text.strip():
        raise Invalid("Dán chữ đọc được từ mã QR vào ô.", field="qr")
    report = machine_signed.judge_text(text, instance_keys.own_keys())
    record = _record(report.record_uuid) if report.record_uuid else None
    if record is None:
        return TextAnswer(report, UNKNOWN)
    _require_untouched(record)
    standing, _ = _standing(record)
    reason = None
    if record.qr_text is None:
        reason = OLD_FORM
    elif report.ok and _tail("".join(text.split())) != _tail(record.qr_text):
        reason = OTHER_QR
    if reason is not None or not report.ok or standing == NOT_ISSUED:
        bare = replace(
            report, student_name=None, born_on=None, class_name=None, details=None, ok=report.ok and reason is None
        )
        report = replace(bare, problems=(*bare.problems, reason) if reason else bare.problems)
    return TextAnswer(report, standing, record.recalled_at if standing in (REPLACED, RECALLED) else None)


def _tail(text: str) -> str:
    """UUID and digits: the same page may be reached under another name of the server."""
    return text.rpartition("/")[2]


def plain_file(answer: FileAnswer) -> dict[str, Any]:
    """A file's answer as JSON-ready values, its words with it."""
    return {
        "standing": answer.standing,
        "match": answer.match,
        "recalled_on": ik.instant(answer.recalled_on) if answer.recalled_on else None,
        **verdict_words.described(answer.report, answer.words),
    }


def plain_code(answer: CodeAnswer) -> dict[str, Any]:
    """A code's answer as JSON-ready values."""
    return {
        "code": answer.code,
        "standing": answer.standing,
        "school_name": answer.school_name,
        "school_year": answer.school_year,
        "class_name": answer.class_name,
        "initials": answer.initials,
        "issue_on": answer.issue_on.isoformat() if answer.issue_on else None,
        "recalled_on": ik.instant(answer.recalled_on) if answer.recalled_on else None,
        "is_test": answer.is_test,
    }


def plain_text(answer: TextAnswer) -> dict[str, Any]:
    """A QR's answer as JSON-ready values, its words with it."""
    return {"standing": answer.standing, **verdict_words.described(answer.report, answer.words)}


def signed_report(answer: FileAnswer, data: bytes, now: datetime) -> bytes | None:
    """The answer as a report that its holder can keep and show, signed by the instance's key; None while this machine has no key.

    The file itself is not in it, its SHA-256 is.
    """
    key = instance_keys.present_key(now)
    school = db.session.get(m.School, 1)
    if key is None or school is None:
        return None
    private = ik.key_from_bytes(key)
    key_id = ik.key_id_of(ik.spki(private.public_key()))
    return machine_signed.make_report(
        verdict_words.described(answer.report, answer.words),
        file_sha256=hashlib.sha256(data).hexdigest(),
        file_bytes=len(data),
        standing=answer.standing,
        match=answer.match,
        school=(school.name, school.code or ""),
        statements=instance_keys.statements_on(key_id),
        key=private,
        at=now,
    )


def _proof_digests(record: m.TranscriptRecord) -> list[str]:
    """Digests of the record's files with a document time stamp, oldest first."""
    rows = select(m.DocumentProof.pdf_digest).where(m.DocumentProof.transcript_record_id == record.id)
    return list(db.session.scalars(rows.order_by(m.DocumentProof.id)))


def _stamped_again(record: m.TranscriptRecord, digests: tuple[str, ...]) -> datetime | None:
    proof = transcript_files.newest_proof(record.id)
    old = {record.pdf_digest, *_proof_digests(record)}
    if proof is None or proof.pdf_digest in digests or old.isdisjoint(digests):
        return None
    return proof.stamped_at


def _match(record: m.TranscriptRecord, digests: tuple[str, ...]) -> str:
    """``digests``: of the file, or of each in a package (SHA-256, hex); a package is what the least of its files is."""
    now = {record.pdf_digest, record.xml_digest, *_proof_digests(record)}
    if record.state != RecordState.RECALLED.value and now.issuperset(digests):
        return "current"
    earlier = db.session.execute(
        select(m.TranscriptSignature.pdf_digest, m.TranscriptSignature.xml_digest).where(
            m.TranscriptSignature.transcript_record_id == record.id
        )
    )
    stored = now | {record.unsigned_pdf_digest, record.data_zone_digest} | {one for row in earlier for one in row}
    return "former" if stored.issuperset(digests) else "other"


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
