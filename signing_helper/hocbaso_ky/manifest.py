"""What the school's server says, signed by the key that this helper got to know at pairing: the agreement, and the list of each round.

The page carries both texts and cannot write one. A text is read only after its signature held, has to be in its one canonical form, and is
good for its own time only. What is shown on the screen and what may be signed is taken from here and from nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from hocbaso_ky.asking import plain
from hocbaso_ky.refusals import Refused

AGREEMENT = "hocbaso-signing-agreement-1"
LIST = "hocbaso-signing-list-1"
MAX_TEXT = 600_000
LONGEST = timedelta(hours=2)
"""Nobody's word is good for longer, whatever it says of itself."""
EARLY = timedelta(minutes=2)
"""A text from the future is refused; so much two readings of one clock may differ."""
_FIELDS = {
    AGREEMENT: {"format", "key_id", "issued_at", "expires_at", "request", "document", "role", "scope", "who", "certificate", "papers"},
    LIST: {"format", "key_id", "issued_at", "expires_at", "request", "round", "agreement", "items"},
}  # fmt: skip
_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_HEX64 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Kind:
    """What may be signed: the forms of the signatures one takes, how many at once, and the words of the question."""

    forms: tuple[str, ...]
    most: int
    title: str
    noun: str


MAX_PUPILS = 1000
"""Transcripts of one agreement: a school; a wider batch asks again."""
KINDS = {
    "hoc-ba": Kind(("pades", "xmldsig"), MAX_PUPILS, "Ký học bạ bằng thiết bị cắm ở máy này", "học bạ"),
    "danh-sach-thu-hoi": Kind(("xmldsig",), 1, "Ký danh sách thu hồi bằng thiết bị cắm ở máy này", "danh sách"),
    "khoa-may": Kind(("statement",), 10, "Đóng dấu xác nhận khoá của máy chủ bằng thiết bị này", "bản xác nhận"),
}
ROLES = {"homeroom": "giáo viên chủ nhiệm", "principal": "Hiệu trưởng", "seal": "con dấu nhà trường"}


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper of an agreement; ``digests`` (hex) are of its files, one a form."""

    code: str
    name: str
    group: str
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the user says yes to, once. ``digest``: SHA-256 of the text (hex)."""

    digest: str
    request: str
    document: str
    role: str
    scope: str
    who: str
    certificate: str
    papers: tuple[Paper, ...]

    @property
    def kind(self) -> Kind:
        """The kind of document."""
        return KINDS[self.document]

    @property
    def n(self) -> int:
        """How many papers."""
        return len(self.papers)

    @property
    def n_signatures(self) -> int:
        """How many signatures they take."""
        return self.n * len(self.kind.forms)

    def groups(self) -> list[tuple[str, str]]:
        """(class, "3 học bạ: An, Bình, Chi") in the order of the papers; empty for what is no pupil's."""
        found: dict[str, list[str]] = {}
        for paper in self.papers:
            if paper.group:
                found.setdefault(paper.group, []).append(paper.name or paper.code)
        return [(group, f"{len(names)} {self.kind.noun}: {', '.join(names)}") for group, names in found.items()]


@dataclass(frozen=True, slots=True)
class Entry:
    """One signature of a round: its form, and the SHA-256 that is to be signed."""

    form: str
    digest: bytes
    paper: Paper


@dataclass(frozen=True, slots=True)
class Listing:
    """One round. ``digest``: SHA-256 of the text (hex)."""

    digest: str
    number: int
    entries: tuple[Entry, ...]


def load_key(der: bytes) -> ec.EllipticCurvePublicKey:
    """The school's P-256 key. Refused: ``school``."""
    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, TypeError) as error:
        raise Refused(503, "school", "Máy chủ của trường đưa một khoá không đọc được.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise Refused(503, "school", "Máy chủ của trường đưa một khoá không phải P-256.")
    return key


def key_id_of(der: bytes) -> str:
    """Sixteen hex digits that name a key."""
    return hashlib.sha256(der).hexdigest()[:16]


def words_of(der: bytes) -> str:
    """The key's name as people compare it; the school's page shows the same."""
    name = key_id_of(der).upper()
    return " ".join(name[at : at + 4] for at in range(0, 16, 4))


def _shape(what: str) -> Refused:
    return Refused(422, "shape", f"Bảng kê của máy chủ không đúng dạng ({what}).")


def _read(signed: Any, kind: str, key: bytes, now: datetime) -> tuple[dict[str, Any], str]:
    """(fields, SHA-256 of the text) of a text whose signature holds. Refused: ``unsigned``, ``foreign``, ``expired``, ``shape``."""
    if not isinstance(signed, Mapping):
        raise Refused(
            422, "unsigned", "Yêu cầu không kèm bảng kê mà máy chủ của trường ký tên. Có thể máy chủ là bản cũ."
        )
    text, signature = signed.get("text"), signed.get("signature")
    if not isinstance(text, str) or not isinstance(signature, str) or len(signature) > 100:
        raise Refused(422, "unsigned", "Bảng kê không kèm chữ ký của máy chủ.")
    if len(text) > MAX_TEXT:
        raise Refused(422, "limit", "Bảng kê quá dài.")
    try:
        data = text.encode("utf-8")
        raw = base64.b64decode(signature, validate=True)
        if len(raw) != 64:
            raise ValueError(signature)
        pair = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        load_key(key).verify(pair, data, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, binascii.Error) as error:
        raise Refused(403, "foreign", "Bảng kê không do khoá của máy chủ đã ghép ký, hoặc đã bị sửa.") from error
    head, _, body = text.partition("\n")
    try:
        told = json.loads(body)
        same = json.dumps(told, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")) == body
    except (ValueError, RecursionError) as error:
        raise _shape("JSON") from error
    if (
        head != kind
        or not isinstance(told, dict)
        or not same
        or told.get("format") != kind
        or set(told) != _FIELDS[kind]
    ):
        raise _shape("các mục")
    if told["key_id"] != key_id_of(key):
        raise Refused(403, "foreign", "Bảng kê nêu một khoá khác với khoá đã ghép.")
    issued, ends = _instant(told["issued_at"]), _instant(told["expires_at"])
    if issued > now + EARLY or ends <= now or not issued < ends <= issued + LONGEST:
        raise Refused(409, "expired", "Bảng kê của máy chủ đã hết hạn.")
    return told, hashlib.sha256(data).hexdigest()


def read_agreement(signed: Any, key: bytes, now: datetime) -> Agreement:
    """The agreement, by the school's key (DER) and the school's clock. Refused: as ``_read``, and ``limit``."""
    told, digest = _read(signed, AGREEMENT, key, now)
    name, role, papers = told["document"], told["role"], told["papers"]
    if not isinstance(name, str) or name not in KINDS or not isinstance(role, str) or role not in ROLES:
        raise _shape("document, role")
    kind = KINDS[name]
    if not isinstance(papers, list) or not papers:
        raise _shape("papers")
    if len(papers) > kind.most:
        raise Refused(422, "limit", f"Một lượt ký tối đa {kind.most} {kind.noun}.")
    found = tuple(_paper(entry, len(kind.forms)) for entry in papers)
    if len({(paper.code, digest) for paper in found for digest in paper.digests}) != len(found) * len(kind.forms):
        raise _shape("papers")
    return Agreement(
        digest,
        _text(told, "request", _ID),
        name,
        role,
        _words(told, "scope"),
        _words(told, "who"),
        _text(told, "certificate", _HEX64),
        found,
    )


def read_list(signed: Any, agreement: Agreement, key: bytes, now: datetime) -> Listing:
    """The list of a round of an agreement: whole papers of it, each form once and in order. Refused: as ``_read``, ``changed``, ``limit``."""
    told, digest = _read(signed, LIST, key, now)
    if (told["request"], told["agreement"]) != (agreement.request, agreement.digest):
        raise Refused(409, "changed", "Bảng kê này thuộc một lượt ký khác.")
    number, items = told["round"], told["items"]
    if type(number) is not int or not 0 <= number <= 1000 or not isinstance(items, list) or not items:
        raise _shape("round, items")
    if len(items) > agreement.n_signatures:
        raise Refused(409, "limit", "Bảng kê có nhiều chữ ký hơn số người dùng đã đồng ý.")
    forms = agreement.kind.forms
    agreed = {
        (paper.code, form, file): paper
        for paper in agreement.papers
        for form, file in zip(forms, paper.digests, strict=True)
    }
    entries: list[Entry] = []
    for position, item in enumerate(items):
        if not isinstance(item, list) or len(item) != 4 or not all(isinstance(part, str) for part in item):
            raise _shape("items")
        code, form, to_sign, file = item
        if form != forms[position % len(forms)] or not _HEX64.fullmatch(to_sign):
            raise _shape("items")
        paper = agreed.get((code, form, file))
        if paper is None or (position % len(forms) and paper is not entries[-1].paper):
            raise Refused(409, "changed", "Bảng kê có học bạ không nằm trong số đã đồng ý.")
        entries.append(Entry(form, bytes.fromhex(to_sign), paper))
    if len(items) % len(forms):
        raise _shape("items")
    return Listing(digest, number, tuple(entries))


def _paper(entry: Any, n_forms: int) -> Paper:
    if not isinstance(entry, list) or len(entry) != 3 + n_forms or not all(isinstance(part, str) for part in entry):
        raise _shape("papers")
    code, name, group, *digests = entry
    if not code or len(code) > 60 or not all(_HEX64.fullmatch(digest) for digest in digests):
        raise _shape("papers")
    return Paper(code, plain(name, 40), plain(group, 40), tuple(digests))


def _instant(value: Any) -> datetime:
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (TypeError, ValueError) as error:
        raise _shape("giờ") from error


def _text(told: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = told[name]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _shape(name)
    return value


def _words(told: dict[str, Any], name: str) -> str:
    value = told[name]
    if not isinstance(value, str) or not value.strip() or len(value) > 200:
        raise _shape(name)
    return plain(value)
