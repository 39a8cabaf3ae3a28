"""What a list of recalled records says, and a request to sign one: plain values, nothing heavy imported.

CV 2088/BGDĐT-GDTH annex 1 names the transaction (recall) but publishes no tags for it; the names of the record's XML are used where a
field is the same, the rest is the school's own under the same habits (upper case, no diacritics, a missing value has no tag).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.documents.signers import KeyEnvelope
from hocbaso.errors import Invalid

FORMAT_VERSION = "hocbaso-thu-hoi-1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallRow:
    """One record. ``successor_uuid``: the one that replaces it, where it has been made by the day of the list."""

    student_name: str
    born_on: date
    class_name: str
    moet_code: str | None
    record_uuid: str
    issue_on: date
    reason: str
    paper: str | None
    asked_by: str
    decided_by: str
    decided_on: date
    needs_authority: bool
    successor_uuid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallListContent:
    """The whole list. ``number`` runs within the school year."""

    school_name: str
    school_code: str
    department_name: str
    place_name: str
    school_year: str
    number: int
    made_on: date
    principal_name: str
    principal_title: str
    rows: tuple[RecallRow, ...]
    demo: bool = False

    def __post_init__(self) -> None:
        if not self.rows:
            raise Invalid("Danh sách thu hồi không có học bạ nào.")
        for value in (self.school_name, self.principal_name, *(text for row in self.rows for text in _texts(row))):
            reason = why_not_printed(value)
            if reason:
                raise Invalid(f"Danh sách thu hồi có chữ không in được: {reason}")


def _texts(row: RecallRow) -> tuple[str, ...]:
    return tuple(
        text for text in (row.student_name, row.reason, row.paper, row.asked_by, row.decided_by) if text is not None
    )


def clean(text: str | None) -> str | None:
    """One line of NFC text, or None for an empty one."""
    return nfc(" ".join((text or "").split())) or None


def to_json(content: RecallListContent) -> bytes:
    """Canonical JSON: what the database keeps and the digest is of."""
    plain = {"format": FORMAT_VERSION, **dataclasses.asdict(content)}
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_iso).encode("utf-8")


def _iso(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def from_json(data: bytes) -> RecallListContent:
    """Read ``to_json`` back; Invalid for anything else."""
    try:
        plain = json.loads(data)
        if plain.pop("format") != FORMAT_VERSION:
            raise ValueError
        plain["made_on"] = date.fromisoformat(plain["made_on"])
        plain["rows"] = tuple(
            RecallRow(
                **{
                    **row,
                    **{name: date.fromisoformat(row[name]) for name in ("born_on", "issue_on", "decided_on")},
                }
            )
            for row in plain["rows"]
        )
        content = RecallListContent(**plain)
    except (ValueError, TypeError, KeyError) as error:
        raise Invalid("Nội dung danh sách thu hồi không đọc được.") from error
    if to_json(content) != data:
        raise Invalid("Nội dung danh sách thu hồi không ở dạng chuẩn.")
    return content


def digest_of(content: RecallListContent) -> str:
    """SHA-256 of the canonical JSON, lower-case hex."""
    return hashlib.sha256(to_json(content)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSignature:
    """One signature to put on a list's XML. ``chain``, ``roots`` and ``crls`` are DER (leaf first); the key as in ``SignRequest``."""

    xml: bytes
    content: bytes
    role: str
    chain: tuple[bytes, ...]
    at: datetime
    roots: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    envelope: KeyEnvelope | None = None
    pin: str = ""
    server_secret: bytes = b""

    def __repr__(self) -> str:  # a PIN must not appear in a log or a traceback
        return f"ListSignature(role={self.role!r})"
