"""The server's secret that no database holds: with the owner's PIN it opens a signing key, and without it none opens."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from hocbaso.errors import WrongState
from hocbaso.services import document_pool


def _path() -> Path:
    return document_pool.config().keys / "signing_secret"


def stored_secret() -> bytes | None:
    """What the file holds, or None where there is none; makes nothing, for whoever only looks."""
    try:
        return _path().read_bytes()
    except FileNotFoundError:
        return None


def server_secret() -> bytes:
    """32 bytes in ``keys/signing_secret`` (0600), made on first use. Without it no envelope opens: it belongs in each backup."""
    path = _path()
    if not path.exists():
        scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(secrets.token_bytes(32))
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(scratch, path)  # fails when another process was first: then its secret is the one
        except FileExistsError:
            pass
        finally:
            scratch.unlink()
    found = path.read_bytes()
    if len(found) != 32:
        raise WrongState("Tệp bí mật bảo vệ khoá ký của máy chủ bị hỏng. Hãy khôi phục từ bản sao lưu.")
    return found
