"""On PYTHONPATH of a process and of the workers it starts: each use of a private key in software becomes a line of ``KEY_USES``.

A line: SHA-256 of what was signed, SHA-256 of the raw signature. Written before the signature is handed on, so that no kill
can lose the line of a signature that was kept.
"""

from __future__ import annotations

import hashlib
import os

from hocbaso.documents import signers

_sign = signers.SoftwareKeySigner.sign_digest


def _counted(self: signers.SoftwareKeySigner, digest: bytes) -> bytes:
    signature = _sign(self, digest)
    line = f"{hashlib.sha256(digest).hexdigest()} {hashlib.sha256(signature).hexdigest()}\n"
    handle = os.open(os.environ["KEY_USES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)
    return signature


signers.SoftwareKeySigner.sign_digest = _counted  # type: ignore[method-assign]
