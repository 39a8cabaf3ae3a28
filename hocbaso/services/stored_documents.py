"""Files in the document store with a row each: put in under their digest, read with the digest checked again."""

from __future__ import annotations

from datetime import datetime

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import IntegrityFault, NotFound
from hocbaso.services import document_pool

MEDIA_TYPES = {"pdf": "application/pdf", "xml": "application/xml"}


def keep(data: bytes, kind: str, media_type: str, at: datetime) -> str:
    """Put a file into the store and then its row; the digest. Inside the caller's write transaction."""
    digest = document_pool.document_store().put(data)
    if db.session.get(m.StoredDocument, digest) is None:
        db.session.add(
            m.StoredDocument(digest=digest, kind=kind, media_type=media_type, n_bytes=len(data), stored_at=at)
        )
        db.session.flush()
    return digest


def read(digest: str) -> bytes:
    """A stored file, its digest checked again. IntegrityFault when it is missing or not what was stored."""
    try:
        return document_pool.document_store().get(digest)
    except NotFound as error:
        raise IntegrityFault(
            f"Tệp {digest[:12]}… của học bạ không còn trong kho tài liệu. Hãy khôi phục từ bản sao lưu."
        ) from error
