"""Photos and scans of papers that people send: what they are is read from their own first bytes, before anything is kept."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from hocbaso.errors import Invalid
from hocbaso.services import stored_documents

MAX_BYTES = 4 * 1024 * 1024
"""Of one file: what a telephone makes of a page of paper. All files of one sending share the 8 MB of every form."""
MAX_FILES = 3


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Paper:
    """A file ready to be kept. ``media_type`` is what its own first bytes say, never what the browser said."""

    name: str
    media_type: str
    data: bytes


def look(uploads: Sequence[Upload], what: str, *, n_standing: int = 0, most: int = MAX_FILES) -> tuple[Paper, ...]:
    """The files of one sending, for a ``what`` that already has ``n_standing`` of at most ``most``.

    Raises Invalid (field ``files``): too many, too large, empty, neither a picture nor a PDF.
    """
    if len(uploads) + n_standing > most:
        raise Invalid(f"Mỗi {what} kèm nhiều nhất {most} tệp.", field="files")
    found = []
    for one in uploads:
        name = clean_name(one.name)
        if not one.data:
            raise Invalid(f"Tệp {name} rỗng.", field="files")
        if len(one.data) > MAX_BYTES:
            raise Invalid(f"Tệp {name} lớn hơn {MAX_BYTES // (1024 * 1024)} MB. Xin chụp nhỏ hơn.", field="files")
        media_type = _media_type(one.data)
        if media_type is None:
            raise Invalid(f"Tệp {name} không phải ảnh JPEG, PNG hay tệp PDF.", field="files")
        found.append(Paper(name, media_type, one.data))
    return tuple(found)


def store(papers: Sequence[Paper], kind: str, standing: Iterable[str], now: datetime) -> list[dict[str, Any]]:
    """Store the files that do not stand yet (``standing``: digests), in the caller's transaction; what a row about each has to say.

    The same file twice stands once.
    """
    known, told = set(standing), []
    for one in papers:
        digest = stored_documents.keep(one.data, kind, one.media_type, now)
        if digest in known:
            continue
        known.add(digest)
        told.append(
            {
                "digest": digest,
                "file_name": one.name,
                "media_type": one.media_type,
                "n_bytes": len(one.data),
                "added_at": now,
            }
        )
    return told


def clean_name(name: str) -> str:
    """The last part of a file's name without what cannot be printed, at most 120 letters."""
    last = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    kept = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C").strip()
    return kept[-120:] or "minh-chung"


def _media_type(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    return "application/pdf" if data.startswith(b"%PDF-") else None
