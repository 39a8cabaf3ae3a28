"""Import endesive on machines whose OpenSSL has a two-digit patch number.

endesive -> certvalidator 0.11 -> oscrypto 1.3, which reads the OpenSSL version with ``\\d\\.\\d\\.\\d`` and gives up on "3.0.19"
with ``LibraryNotFoundError``. For the length of that one import the pattern is widened; nothing else is touched. Import
endesive only through this module, and only in document workers.
"""

from __future__ import annotations

import importlib
import re
import sys
import threading
from typing import Any

_NARROW = "\\b(\\d\\.\\d\\.\\d[a-z]*)\\b"
_WIDE = "\\b(\\d+\\.\\d+\\.\\d+[a-z]*)\\b"
_LOCK = threading.Lock()


def _import_oscrypto() -> None:
    if "oscrypto._openssl._libcrypto" in sys.modules:
        return
    with _LOCK:
        search = re.search

        def tolerant(pattern: Any, string: Any, flags: Any = 0) -> Any:
            return search(_WIDE if pattern == _NARROW else pattern, string, flags)

        re.search = tolerant
        try:
            importlib.import_module("oscrypto._openssl._libcrypto")
        finally:
            re.search = search


_import_oscrypto()

import endesive.pdf.cms as endesive_pdf  # noqa: E402
import pypdf  # noqa: E402

__all__ = ["endesive_pdf", "pypdf"]
