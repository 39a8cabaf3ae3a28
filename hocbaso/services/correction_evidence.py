"""The photo or scan a correction rests on: looked at before it is kept, stored by its content, read with an entry in the log."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, transcripts
from hocbaso.services.access import Actor
from hocbaso.services.correction_access import request_for

MAX_BYTES = 4 * 1024 * 1024
"""Of one file: what a telephone makes of a page of paper. All files of one sending share the 8 MB of every form."""
MAX_FILES = 3

KIND = "correction_evidence"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file ready to be kept. ``media_type`` is what its own first bytes say, never what the browser said."""

    name: str
    media_type: str
    data: bytes


def look(uploads: Sequence[Upload], *, n_standing: int = 0) -> tuple[Evidence, ...]:
    """The files of a request. Raises Invalid: none at all, too many, too large, empty, neither a picture nor a PDF."""
    if not uploads and not n_standing:
        raise Invalid("Xin kèm ảnh hoặc bản chụp làm căn cứ (bài kiểm tra, quyết định).", field="files")
    if len(uploads) + n_standing > MAX_FILES:
        raise Invalid(f"Mỗi đề nghị kèm nhiều nhất {MAX_FILES} tệp.", field="files")
    found = []
    for one in uploads:
        name = _clean_name(one.name)
        if not one.data:
            raise Invalid(f"Tệp {name} rỗng.", field="files")
        if len(one.data) > MAX_BYTES:
            raise Invalid(f"Tệp {name} lớn hơn {MAX_BYTES // (1024 * 1024)} MB. Xin chụp nhỏ hơn.", field="files")
        media_type = _media_type(one.data)
        if media_type is None:
            raise Invalid(f"Tệp {name} không phải ảnh JPEG, PNG hay tệp PDF.", field="files")
        found.append(Evidence(name, media_type, one.data))
    return tuple(found)


def keep(
    actor: Actor, request: m.CorrectionRequest, files: Sequence[Evidence], now: datetime
) -> list[m.CorrectionEvidence]:
    """Store the files, then their rows; in the caller's transaction. The same file twice stands once."""
    standing = {row.digest for row in request.evidence}
    rows = []
    for one in files:
        digest = transcripts.keep_file(one.data, KIND, one.media_type, now)
        if digest in standing:
            continue
        standing.add(digest)
        row = m.CorrectionEvidence(
            correction_request_id=request.id,
            digest=digest,
            file_name=one.name,
            media_type=one.media_type,
            n_bytes=len(one.data),
            added_at=now,
            added_by=actor.account_id,
        )
        request.evidence.append(row)
        rows.append(row)
    db.session.flush()
    return rows


def open_file(actor: Actor, request_id: int, evidence_id: int, now: datetime) -> Evidence:
    """One file of a request; the reading is written into the log: it may show a pupil's paper. NotFound, IntegrityFault."""
    request = request_for(actor, request_id)
    row = next((one for one in request.evidence if one.id == evidence_id), None)
    if row is None:
        raise NotFound("Không có tệp này trong đề nghị.")
    data = transcripts.read_stored(row.digest)
    with write_transaction():
        audit.record(
            AuditTag.CORRECTION_EVIDENCE_READ,
            actor,
            now,
            target_kind="correction_request",
            target_id=request.id,
            facts={"evidence": row.id, "digest": row.digest},
        )
    return Evidence(row.file_name, row.media_type, data)


def _clean_name(name: str) -> str:
    last = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    kept = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C").strip()
    return kept[-120:] or "minh-chung"


def _media_type(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    return "application/pdf" if data.startswith(b"%PDF-") else None
