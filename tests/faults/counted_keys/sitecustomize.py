"""On PYTHONPATH of a process and of the workers it starts: each use of a private key in software becomes a line of ``KEY_USES``.

A line: SHA-256 of what was signed, and r of the signature: new at each use, and the same in both forms of s, of which the files keep
the lower one. Written before the signature is handed on, so that no kill can lose the line of a signature that was kept.
"""

from __future__ import annotations

import hashlib
import os

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from hocbaso.documents import signers

_sign = signers.SoftwareKeySigner.sign_digest


def _counted(self: signers.SoftwareKeySigner, digest: bytes) -> bytes:
    signature = _sign(self, digest)
    line = f"{hashlib.sha256(digest).hexdigest()} {decode_dss_signature(signature)[0]:x}\n"
    handle = os.open(os.environ["KEY_USES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)
    return signature


signers.SoftwareKeySigner.sign_digest = _counted  # type: ignore[method-assign]
