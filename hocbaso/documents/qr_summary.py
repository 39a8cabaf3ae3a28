"""The compact summary in a record's QR: what the paper claims, signed by the instance's key, to be checked without network.

The QR's text is ``<lookup address>#<digits>``: any telephone opens the address (a browser keeps what stands behind ``#`` to itself), and
whoever has the offline page reads the digits. They are one decimal number, which a QR packs as tightly as bytes and which no program
rewrites on its way. The number's bytes, big-endian:

    1      version, 1
    4      beginning of the key's id
    32     SHA-256 of the data zone (the XML's ``<DU_LIEU_HOC_BA>``, which the PDF carries too)
    1      first year of the school year, less 2000
    1      low half: grade level; 0x10 sample data; 0x20 results until a transfer
    2 + 2  day of issue since 2000-01-01; day of birth since 1900-01-01
    1 + 1  conduct and learning: level of the year (high half) and after the summer (low half), see ``_LEVELS``
    1      promotion (high half, see ``_OUTCOMES``), completion of lower secondary (low half)
    1      number of subjects n, then (n + 1) // 2 bytes with n halves: index into ``SUBJECTS``, 0 for another
    n      result in print order, the one that counts (after re-assessment where there is one): tenths, or see ``_MARKS``
    1 + a  pupil's full name, 1 + b class, UTF-8
    64     r and s of ECDSA P-256 with SHA-256 over ``DOMAIN``, the record's UUID (16 bytes) and all bytes before

The UUID stands in the address only and is signed with the rest: a summary under another record's address does not hold. Light: needs
``cryptography`` and nothing of this package that draws or signs PDF files.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from hocbaso.documents.transcript_content import COMPLETED, EXEMPT, NOT_COMPLETED, Scope, TranscriptContent
from hocbaso.errors import Invalid
from hocbaso.regulations.terms import Level, Promotion

VERSION = 1
DOMAIN = b"hocbaso-qr-1\n"
MAX_DIGITS = 1500
_SIGNATURE = 64
_NAME_BYTES = 96
_TEXT = re.compile(r"(https?://[^\s#]+)/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})#([1-9][0-9]{200,1499})\Z")
_ISSUED_FROM, _BORN_FROM = date(2000, 1, 1), date(1900, 1, 1)

#: Subjects of the programme by their code; the index is written. Added to at the end only.
SUBJECTS = (
    "", "LIT", "MATH", "FL1", "CIVICS", "HISTGEO", "SCI", "TECH", "ICT", "PE", "ART", "EXP", "LOCAL", "ETHLANG", "FL2",
)  # fmt: skip
#: What they are called to a reader; the school's own name for a subject stands on the paper.
SUBJECT_WORDS = {
    "LIT": "Ngữ văn", "MATH": "Toán", "FL1": "Ngoại ngữ 1", "CIVICS": "Giáo dục công dân", "HISTGEO": "Lịch sử và Địa lí",
    "SCI": "Khoa học tự nhiên", "TECH": "Công nghệ", "ICT": "Tin học", "PE": "Giáo dục thể chất", "ART": "Nghệ thuật",
    "EXP": "Hoạt động trải nghiệm, hướng nghiệp", "LOCAL": "Nội dung giáo dục của địa phương",
    "ETHLANG": "Tiếng dân tộc thiểu số", "FL2": "Ngoại ngữ 2",
}  # fmt: skip
_LEVELS = (None, Level.TOT, Level.KHA, Level.DAT, Level.CHUA_DAT)
_OUTCOMES = (
    None, Promotion.PROMOTED, Promotion.COMPLETED, Promotion.REASSESS, Promotion.SUMMER_TRAINING, Promotion.RETAINED,
    Promotion.DECISION_NEEDED, Promotion.INCOMPLETE,
)  # fmt: skip
_COMPLETIONS = (None, COMPLETED, NOT_COMPLETED)
_MARKS = {"Đ": 101, "CĐ": 102, EXEMPT: 103, None: 255}
_MARK_OF = {number: mark for mark, number in _MARKS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the QR says. ``results``: (subject code or "", result) in print order; results as in ``TranscriptContent``."""

    record_uuid: str
    key_id: str
    """The first eight hex digits of the key's id."""
    data_digest: str
    year_begins: int
    grade_level: int
    demo: bool
    transfer: bool
    issue_on: date
    born_on: date
    conduct: tuple[Level | None, Level | None]
    learning: tuple[Level | None, Level | None]
    promotion: Promotion | None
    completion: str | None
    results: tuple[tuple[str, str | None], ...]
    full_name: str
    class_name: str


def _clip(text: str) -> bytes:
    data = text.encode("utf-8")
    if len(data) <= _NAME_BYTES:
        return data
    return data[: _NAME_BYTES - 3].decode("utf-8", "ignore").encode("utf-8") + "…".encode()


def summary_of(content: TranscriptContent, data_digest: str, key_id: str) -> Summary:
    """The summary of a record whose data zone has the SHA-256 ``data_digest``."""
    conduct, learning = content.conduct, content.learning
    return Summary(
        record_uuid=content.record_uuid,
        key_id=key_id[:8],
        data_digest=data_digest,
        year_begins=int(content.school_year[:4]),
        grade_level=content.grade_level,
        demo=content.demo,
        transfer=content.scope is Scope.TRANSFER,
        issue_on=content.issue_on,
        born_on=content.student.born_on,
        conduct=(conduct.year, conduct.after),
        learning=(learning.year, learning.after),
        promotion=content.promotion.outcome,
        completion=content.completion,
        results=tuple(
            (row.code if row.code in SUBJECTS else "", row.after_reassessment or row.year) for row in content.subjects
        ),
        full_name=_clip(content.student.full_name).decode("utf-8"),
        class_name=content.class_name,
    )


def _result_out(result: str | None) -> int:
    return _MARKS[result] if result in _MARKS else int(result.replace(".", ""))  # type: ignore[union-attr]


def _result_in(number: int) -> str | None:
    if number in _MARK_OF:
        return _MARK_OF[number]
    if number > 100:
        raise ValueError(number)
    return f"{number // 10}.{number % 10}"


def _halves(values: Iterable[int]) -> bytes:
    listed = list(values)
    padded = [*listed, 0] if len(listed) % 2 else listed
    return bytes(high << 4 | low for high, low in zip(padded[::2], padded[1::2], strict=True))


def _body(summary: Summary) -> bytes:
    def day(value: date, since: date) -> bytes:
        return (value - since).days.to_bytes(2, "big")

    name, class_name = summary.full_name.encode("utf-8"), summary.class_name.encode("utf-8")
    return b"".join(
        (
            bytes((VERSION,)),
            bytes.fromhex(summary.key_id),
            bytes.fromhex(summary.data_digest),
            bytes((summary.year_begins - 2000, summary.grade_level | summary.demo << 4 | summary.transfer << 5)),
            day(summary.issue_on, _ISSUED_FROM),
            day(summary.born_on, _BORN_FROM),
            _halves(_LEVELS.index(level) for level in (*summary.conduct, *summary.learning)),
            bytes((_OUTCOMES.index(summary.promotion) << 4 | _COMPLETIONS.index(summary.completion),)),
            bytes((len(summary.results),)),
            _halves(SUBJECTS.index(code) for code, _ in summary.results),
            bytes(_result_out(result) for _, result in summary.results),
            bytes((len(name),)) + name,
            bytes((len(class_name),)) + class_name,
        )
    )


def _signed(summary: Summary, body: bytes) -> bytes:
    return DOMAIN + uuid.UUID(summary.record_uuid).bytes + body


def make_text(summary: Summary, address: str, key: ec.EllipticCurvePrivateKey) -> str:
    """The QR's text: ``address`` (ending in the record's UUID), ``#``, digits. Raises ``errors.Invalid`` when a value has no room."""
    try:
        body = _body(summary)
    except (OverflowError, ValueError) as error:
        raise Invalid("Học bạ có giá trị không ghi được vào mã QR.") from error
    # Deterministic (RFC 6979): the same record and key give the same paper.
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    r, s = utils.decode_dss_signature(key.sign(_signed(summary, body), algorithm))
    number = int.from_bytes(body + r.to_bytes(32, "big") + s.to_bytes(32, "big"), "big")
    text = f"{address}#{number}"
    if read_text(text)[0] != summary:
        raise Invalid("Mã QR của học bạ không đọc lại được như đã ghi.")
    return text


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, n: int) -> bytes:
        if self.at + n > len(self.data):
            raise ValueError("too short")
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def halves(self, n: int) -> list[int]:
        data = self.take((n + 1) // 2)
        return [half for byte in data for half in (byte >> 4, byte & 15)][:n]


def read_text(text: str) -> tuple[Summary, bytes, bytes]:
    """(summary, bytes that were signed, raw r‖s) of a QR's text. Nothing is believed yet: see :func:`holds`.

    Blanks and line breaks of a pasted text are left out. Raises ``errors.Invalid`` unless ``make_text`` would write these digits.
    """
    fault = Invalid("Mã QR này không mang bản tóm tắt của học bạ số, hoặc đã bị sửa.", field="qr")
    found = _TEXT.match("".join(text[: 4 * MAX_DIGITS].split()))
    if found is None:
        raise fault
    number = int(found[3])
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    body, signature = data[:-_SIGNATURE], data[-_SIGNATURE:]
    read = _Reader(body)
    try:
        if read.byte() != VERSION:
            raise fault
        key_id, digest = read.take(4).hex(), read.take(32).hex()
        year, flags = read.byte(), read.byte()
        issued, born = int.from_bytes(read.take(2), "big"), int.from_bytes(read.take(2), "big")
        levels = [_LEVELS[number] for number in read.halves(4)]
        ends = read.byte()
        codes = [SUBJECTS[number] for number in read.halves(n)] if (n := read.byte()) else []
        results = [_result_in(number) for number in read.take(n)]
        name, class_name = (read.take(read.byte()).decode("utf-8") for _ in range(2))
        summary = Summary(
            record_uuid=found[2],
            key_id=key_id,
            data_digest=digest,
            year_begins=2000 + year,
            grade_level=flags & 15,
            demo=bool(flags & 16),
            transfer=bool(flags & 32),
            issue_on=_ISSUED_FROM + timedelta(days=issued),
            born_on=_BORN_FROM + timedelta(days=born),
            conduct=(levels[0], levels[1]),
            learning=(levels[2], levels[3]),
            promotion=_OUTCOMES[ends >> 4],
            completion=_COMPLETIONS[ends & 15],
            results=tuple(zip(codes, results, strict=True)),
            full_name=name,
            class_name=class_name,
        )
        exact = _body(summary) == body
    except (ValueError, IndexError, OverflowError) as error:
        raise fault from error
    if not exact:
        raise fault
    return summary, _signed(summary, body), signature


def holds(signed: bytes, signature: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    """Mathematics only: did this key sign these bytes (of :func:`read_text`)?"""
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    try:
        key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
