"""Where the signatures of a record's PDF stand, and their bytes read strictly. Light: what judges a file needs no library that makes one."""

from __future__ import annotations

import re

from hocbaso.documents import cms
from hocbaso.errors import IntegrityFault

#: Roles in signing order with the field each fills, and how a refusal names them.
FIELD_OF = {"homeroom": "GVCN", "principal": "HIEU_TRUONG", "seal": "NHA_TRUONG"}
ROLE_OF = {field: role for role, field in FIELD_OF.items()}
ROLE_WORDS = {"homeroom": "giáo viên chủ nhiệm", "principal": "Hiệu trưởng", "seal": "nhà trường"}
LETTER_FONTS = {"HBR": "HB-Serif", "HBB": "HB-Serif-Bold"}
"""Names under which a form since 1.2 offers its pages' fonts to the signatures (``/AcroForm /DR``)."""
LETTER_STYLES = {"HBR": "Regular", "HBB": "Bold"}
"""The style of each."""
OFFICES = {"homeroom": "giáo viên chủ nhiệm", "principal": "Hiệu trưởng", "seal": "nhà trường"}
"""As what each role signs, as a signature writes it."""
_BYTE_RANGE = re.compile(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]")


def signature_spans(pdf: bytes) -> list[tuple[int, int, int]]:
    """(position of ``<``, position past ``>``, end of coverage) of each signature, in file order."""
    return [(int(m[2]), int(m[3]), int(m[3]) + int(m[4])) for m in _BYTE_RANGE.finditer(pdf) if int(m[1]) == 0]


def read_gap(pdf: bytes, start: int, end: int) -> bytes:
    """The DER between ``<`` and ``>``: canonical lower-case hex, then zero padding. Raises ``errors.IntegrityFault``."""
    gap = pdf[start:end]
    fault = IntegrityFault("Vùng chứa chữ ký số đã bị sửa.")
    if len(gap) < 6 or gap[:1] != b"<" or gap[-1:] != b">" or re.fullmatch(rb"(?:[0-9a-f]{2})+", gap[1:-1]) is None:
        raise fault
    raw = bytes.fromhex(gap[1:-1].decode("ascii"))
    if raw[:1] != b"\x30" or raw[1] not in (0x81, 0x82):
        raise fault
    width = raw[1] & 0x0F
    size = 2 + width + int.from_bytes(raw[2 : 2 + width], "big")
    if size > len(raw) or any(raw[size:]):
        raise fault
    return raw[:size]


def read_contents(pdf: bytes, start: int, end: int) -> cms.CmsParts:
    """The CMS of a signature (``read_gap``), strictly read. Raises ``errors.IntegrityFault``."""
    return cms.read(read_gap(pdf, start, end))
