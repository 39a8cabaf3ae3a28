"""The files of a transcript record as they are handed out: one, or those of a class; each reading stands in the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import IntegrityFault, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit, stored_documents, transcripts
from hocbaso.services.access import Actor, class_for


@dataclass(frozen=True, slots=True)
class TranscriptFile:
    """A stored file ready to be sent. ``digest`` is its SHA-256, checked when it was read."""

    data: bytes
    media_type: str
    name: str
    digest: str


def open_file(actor: Actor, record_uuid: str, face: str, now: datetime, *, download: bool) -> TranscriptFile:
    """The current PDF or XML (``face``) of a record; the reading is written into the audit log.

    Raises NotFound, IntegrityFault when the stored file is not what was stored.
    """
    record = transcripts.record_for(actor, record_uuid)
    if face not in stored_documents.MEDIA_TYPES:
        raise NotFound("Học bạ chỉ có bản PDF và bản XML.")
    transcripts.require_untouched(record)  # the row says which file is whose
    data, digest = _face(record, face)
    with write_transaction():
        audit.record(
            AuditTag.TRANSCRIPT_READ,
            actor,
            now,
            target_kind="transcript_file",
            target_id=record.uuid,
            facts={"face": face, "download": download, "digest": digest},
        )
    return TranscriptFile(
        data,
        stored_documents.MEDIA_TYPES[face],
        f"{transcripts.student_code(record.enrollment.student)}.{face}",
        digest,
    )


def newest_proof(record_id: int) -> m.DocumentProof | None:
    """The newest file with a document time stamp of a record, if it has one."""
    found: m.DocumentProof | None = db.session.scalar(
        select(m.DocumentProof)
        .where(m.DocumentProof.transcript_record_id == record_id)
        .order_by(m.DocumentProof.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return found


def _face(record: m.TranscriptRecord, face: str) -> tuple[bytes, str]:
    """Bytes and digest of what is handed out: the XML, or the PDF with the newest proof, which begins with the issued one."""
    if face == "xml":
        return stored_documents.read(record.xml_digest), record.xml_digest
    issued = stored_documents.read(record.pdf_digest)
    proof = newest_proof(record.id)
    if proof is None or proof.pdf_digest == record.pdf_digest:
        return issued, record.pdf_digest
    longer = stored_documents.read(proof.pdf_digest)
    if not longer.startswith(issued):
        raise IntegrityFault(
            "Bản PDF mới nhất không bắt đầu bằng bản đã phát hành: cơ sở dữ liệu đã bị sửa ngoài phần mềm."
        )
    return longer, proof.pdf_digest


def export_class(actor: Actor, class_group_id: int, now: datetime) -> list[TranscriptFile]:
    """The current files of every record in force of a class, PDF and XML, one audit entry for the whole.

    Raises NotFound, WrongState when nothing has been built, IntegrityFault.
    """
    class_group = class_for(actor, class_group_id, Permission.TRANSCRIPT_READ)
    enrollments = transcripts.students_of(class_group_id)
    records = transcripts.records_in_force(row.id for row in enrollments)
    if not records:
        raise WrongState(f"Lớp {class_group.name} chưa lập học bạ nào.")
    files = []
    for enrollment in enrollments:
        record = records.get(enrollment.id)
        if record is None:
            continue
        transcripts.require_untouched(record)
        code = transcripts.student_code(enrollment.student)
        for face in ("pdf", "xml"):
            data, digest = _face(record, face)
            files.append(TranscriptFile(data, stored_documents.MEDIA_TYPES[face], f"{code}.{face}", digest))
    with write_transaction():
        audit.record(
            AuditTag.EXPORT_MADE,
            actor,
            now,
            target_kind="class_group",
            target_id=class_group_id,
            facts={"what": "transcripts", "n_files": len(files)},
        )
    return files
