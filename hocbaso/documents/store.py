"""Files by their content: ``<dir>/<sha256>``, written once, never changed, checked on every read. Standard library only."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hocbaso.errors import IntegrityFault, NotFound

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class DocumentStore:
    """A flat folder of immutable files named by their SHA-256.

    The row that refers to a file is written after the file: a crash leaves an unused file, never a row without its file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Where a digest lies. Raises ``errors.NotFound`` for anything that is not 64 lower-case hex digits."""
        if not isinstance(digest, str) or not _DIGEST.match(digest):
            raise NotFound("Không có tài liệu này trong kho.")
        return self.folder / digest

    def put(self, data: bytes) -> str:
        """Keep ``data`` durably and return its digest. The same bytes again change nothing."""
        digest = hashlib.sha256(data).hexdigest()
        target = self.path(digest)
        if target.exists():
            # A file cut short by an old power failure is put right, not believed.
            if target.stat().st_size == len(data) and target.read_bytes() == data:
                return digest
            target.chmod(0o600)
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=self.folder)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fchmod(out.fileno(), 0o440)
                os.fsync(out.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of ``digest``. Raises ``errors.NotFound``, or ``errors.IntegrityFault`` when they are not what they were."""
        try:
            data = self.path(digest).read_bytes()
        except OSError as error:
            raise NotFound("Không có tài liệu này trong kho.") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise IntegrityFault(f"Tài liệu {digest[:12]}… trong kho đã bị thay đổi.")
        return data

    def has(self, digest: str) -> bool:
        """Is there a file of this name? (Its bytes are not read.)"""
        return self.path(digest).is_file()

    def digests(self) -> Iterator[str]:
        """All digests in the folder, sorted."""
        if self.folder.is_dir():
            yield from sorted(name for name in os.listdir(self.folder) if _DIGEST.match(name))
