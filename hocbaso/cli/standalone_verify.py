"""The stand-alone verifier: ``flask transcript verify`` as one file that needs Python and nothing else (`make verifier`).

Its first word ``nhat-ky`` makes it ``flask audit verify-file``.
"""

from __future__ import annotations

import importlib
import sys


def main() -> None:
    """Run the command; say plainly when the file was packed for another Python or kind of machine."""
    try:
        for compiled in ("cryptography.hazmat.bindings._rust", "lxml.etree", "pikepdf._core"):
            importlib.import_module(compiled)
    except ImportError as error:
        print(
            f"Tệp này được đóng gói cho một phiên bản Python hoặc loại máy khác (đang chạy Python {sys.version_info.major}."
            f"{sys.version_info.minor} trên {sys.platform}). Hãy đóng gói lại bằng `make verifier` trên máy này. ({error})",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    from hocbaso.cli.log_verify import verify_file_command
    from hocbaso.cli.transcript_verify import verify_command

    if sys.argv[1:2] == ["nhat-ky"]:
        verify_file_command(sys.argv[2:], prog_name="hocbaso-verify nhat-ky")

    verify_command(prog_name="hocbaso-verify")


if __name__ == "__main__":
    main()
