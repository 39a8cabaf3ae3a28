"""Files whose proof outlives certificates: what was stamped, when it is due again, and stamping it again.

An issued file is never changed. A longer file, which begins with it, is kept beside it and handed out from then on; the log and
the public page tell of both. Due is what was stamped eleven months ago, or whose authority's certificate ends in three months.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents.proof_plan import LEVELS
from hocbaso.documents.verification_report import report_from_plain
from hocbaso.errors import DomainError, IntegrityFault, Unavailable
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, document_pool, stored_documents, transcript_files, trust_roots
from hocbaso.services.access import Actor

STAMP_AGAIN_AFTER = timedelta(days=335)
"""Once a year, with a month to spare for a server that is off in summer."""

STAMP_BEFORE_END = timedelta(days=90)

A_DAY_AT_MOST = 80
"""Records stamped a day: a minute or two of calls; a school of 640 has eleven months and a month to spare."""


@dataclass(frozen=True, slots=True)
class Longer:
    """A record's file with one more stamp."""

    record_id: int
    before: str
    pdf: bytes
    level: str
    stamped_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a day's run made, how many records are due beyond it, and why some could not be stamped."""

    files: tuple[Longer, ...]
    n_left: int
    troubles: tuple[str, ...] = ()


def first_row(record_id: int, pdf_digest: str, report: dict[str, Any]) -> m.DocumentProof | None:
    """The row of an issued file that has a document time stamp (``report`` is the worker's); added to the session. Else None."""
    judged = report_from_plain(report)
    if not judged.stamped_at or judged.level is None or judged.proof_ends_at is None:
        return None
    row = m.DocumentProof(
        transcript_record_id=record_id,
        pdf_digest=pdf_digest,
        level=judged.level,
        stamped_at=judged.stamped_at[-1],
        ends_at=judged.proof_ends_at,
    )
    db.session.add(row)
    return row


def due(now: datetime) -> list[m.DocumentProof]:
    """The newest file of each record that is due to be stamped again, the most urgent first."""
    newest = select(func.max(m.DocumentProof.id)).group_by(m.DocumentProof.transcript_record_id)
    return list(
        db.session.scalars(
            select(m.DocumentProof)
            .where(
                m.DocumentProof.id.in_(newest),
                or_(
                    m.DocumentProof.stamped_at <= now - STAMP_AGAIN_AFTER,
                    m.DocumentProof.ends_at <= now + STAMP_BEFORE_END,
                ),
            )
            .order_by(m.DocumentProof.ends_at, m.DocumentProof.id)
        )
    )


def renew_due(now: datetime, limit: int = A_DAY_AT_MOST) -> Renewed:
    """Stamp what is due, in the workers; nothing is written. Safe to repeat.

    Raises Unavailable when records are due and none could be stamped: the job then tries again and its line says why.
    """
    rows = due(now)
    roots, crls = tuple(trust_roots.trusted_roots()), tuple(trust_roots.trusted_crls())
    plan = document_pool.config().proof
    files: list[Longer] = []
    troubles: list[str] = []
    for row in rows[:limit]:
        try:
            pdf, plain = document_pool.call(
                "hocbaso.documents.issuing:renew_proof", stored_documents.read(row.pdf_digest), roots, crls, plan, now
            )
        except DomainError as error:
            troubles.append(error.message)
            if isinstance(error, Unavailable) and not files:
                break  # the authority is away: the others would wait for it in vain
            continue
        report = report_from_plain(plain)
        if report.level != LEVELS[-1] or report.proof_ends_at is None:
            raise IntegrityFault("Bản có dấu thời gian mới không đạt mức B-LTA.")
        files.append(
            Longer(
                row.transcript_record_id,
                row.pdf_digest,
                pdf,
                report.level,
                report.stamped_at[-1],
                report.proof_ends_at,
            )
        )
    if troubles and not files:
        raise Unavailable(f"Có {len(rows)} học bạ đến hạn đóng lại dấu thời gian nhưng chưa đóng được: {troubles[0]}")
    return Renewed(tuple(files), len(rows) - len(files), tuple(dict.fromkeys(troubles)))


def keep(actor: Actor, renewed: Renewed, now: datetime) -> str:
    """Keep the longer files, a row and an entry each, inside the caller's transaction; a line for the ledger.

    A record that has got another file meanwhile keeps that one.
    """
    n_kept = 0
    for made in renewed.files:
        newest = transcript_files.newest_proof(made.record_id)
        if newest is None or newest.pdf_digest != made.before:
            continue
        digest = stored_documents.keep(made.pdf, "proven_pdf", stored_documents.MEDIA_TYPES["pdf"], now)
        row = m.DocumentProof(
            transcript_record_id=made.record_id,
            pdf_digest=digest,
            level=made.level,
            stamped_at=made.stamped_at,
            ends_at=made.ends_at,
        )
        db.session.add(row)
        db.session.flush()
        audit.record(
            AuditTag.TRANSCRIPT_PROVEN,
            actor,
            now,
            target_kind="transcript_record",
            target_id=made.record_id,
            state=audit.states("document_proof", [row]),
            facts={"level": made.level, "before": made.before, "stamped_at": made.stamped_at.isoformat()},
        )
        n_kept += 1
    if not n_kept and not renewed.n_left:
        return "Chưa có học bạ nào đến hạn đóng lại dấu thời gian."
    words = [f"Đã đóng lại dấu thời gian cho {n_kept} học bạ."]
    if renewed.n_left:
        words.append(f"Còn {renewed.n_left} học bạ đến hạn, làm tiếp vào ngày sau.")
    return " ".join([*words, *renewed.troubles[:2]])
