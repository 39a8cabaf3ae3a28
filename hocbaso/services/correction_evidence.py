"""The photo or scan a correction rests on: looked at before it is kept, stored by its content, read with an entry in the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, stored_documents, uploaded_papers
from hocbaso.services.access import Actor
from hocbaso.services.correction_access import request_for
from hocbaso.services.uploaded_papers import Paper, Upload

KIND = "correction_evidence"


def look(uploads: Sequence[Upload], *, n_standing: int = 0) -> tuple[Paper, ...]:
    """The files of a request. Raises Invalid: none at all, too many, too large, empty, neither a picture nor a PDF."""
    if not uploads and not n_standing:
        raise Invalid("Xin kèm ảnh hoặc bản chụp làm căn cứ (bài kiểm tra, quyết định).", field="files")
    return uploaded_papers.look(uploads, "đề nghị", n_standing=n_standing)


def keep(
    actor: Actor, request: m.CorrectionRequest, files: Sequence[Paper], now: datetime
) -> list[m.CorrectionEvidence]:
    """Store the files, then their rows; in the caller's transaction. The same file twice stands once."""
    standing = {row.digest for row in request.evidence}
    rows = [
        m.CorrectionEvidence(correction_request_id=request.id, added_by=actor.account_id, **told)
        for told in uploaded_papers.store(files, KIND, standing, now)
    ]
    request.evidence.extend(rows)
    db.session.flush()
    return rows


def open_file(actor: Actor, request_id: int, evidence_id: int, now: datetime) -> Paper:
    """One file of a request; the reading is written into the log: it may show a pupil's paper. NotFound, IntegrityFault."""
    request = request_for(actor, request_id)
    row = next((one for one in request.evidence if one.id == evidence_id), None)
    if row is None:
        raise NotFound("Không có tệp này trong đề nghị.")
    data = stored_documents.read(row.digest)
    with write_transaction():
        audit.record(
            AuditTag.CORRECTION_EVIDENCE_READ,
            actor,
            now,
            target_kind="correction_request",
            target_id=request.id,
            facts={"evidence": row.id, "digest": row.digest},
        )
    return Paper(row.file_name, row.media_type, data)
