"""A whole instance checked from the outside in: database, log, every stored document, every current transcript."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flask import current_app
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db
from hocbaso.documents.store import DocumentStore
from hocbaso.errors import DomainError
from hocbaso.regulations.transcript_flow import RecordState
from hocbaso.services import audit_verify, transcripts, verification


@dataclass
class InstanceCheck:
    """What was read and what is wrong."""

    n_entries: int = 0
    n_documents: int = 0
    n_signatures: int = 0
    problems: list[str] = field(default_factory=list)


def check(now: datetime, *, max_problems: int = 50) -> InstanceCheck:
    """Verify chain, values, document digests and every signature of records in force."""
    settings: Config = current_app.config["HOCBASO"]
    report = audit_verify.verify()
    result = InstanceCheck(n_entries=report.n_entries, problems=[fault.message for fault in report.faults])
    store = DocumentStore(settings.documents)
    for digest in db.session.scalars(select(m.StoredDocument.digest)):
        result.n_documents += 1
        try:
            store.get(digest)
        except DomainError as problem:
            result.problems.append(problem.message)
    signed = select(m.TranscriptRecord).where(
        m.TranscriptRecord.state.not_in([RecordState.CREATED.value, RecordState.RECALLED.value])
    )
    for record in list(db.session.scalars(signed)):
        for digest in (record.pdf_digest, record.xml_digest):
            try:
                answer = verification.by_file(transcripts.read_stored(digest), now)
            except DomainError as problem:
                result.problems.append(problem.message)
                continue
            result.n_signatures += sum(verdict.ok for verdict in answer.report.signatures)
            if not answer.report.ok:
                result.problems.append(f"Học bạ {record.uuid}: {' '.join(answer.report.reasons)}")
        if len(result.problems) >= max_problems:
            break
    return result

