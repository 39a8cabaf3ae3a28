"""One entrance for any file somebody holds out: PDF, XML or package. Works without database and network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from hocbaso.documents.instance_keys import known_keys
from hocbaso.documents.machine_signed import REPORT, judge_keys, judge_report, judge_text
from hocbaso.documents.package import open_package
from hocbaso.documents.pades_verify import read_content, verify_pdf
from hocbaso.documents.trust import Trust
from hocbaso.documents.verification_report import (
    EXCEL,
    EXPIRED,
    PICTURE,
    UNREADABLE,
    SignatureVerdict,
    VerificationReport,
)
from hocbaso.documents.xml_record import take_apart
from hocbaso.documents.xml_signature import verify_xml
from hocbaso.errors import DomainError

MAX_BYTES = 20_000_000


def verify_file(
    data: bytes,
    trust_roots_pem: Iterable[bytes],
    crls: Iterable[bytes],
    at: datetime,
    expected: Mapping[str, Iterable[str]] | None = None,
    keys: Iterable[Any] = (),
) -> VerificationReport:
    """Judge ``data`` by its content, whatever its name: a record (PDF, XML, package), the text of a QR, a signed report, a list of keys.

    ``trust_roots_pem`` and ``crls`` are PEM or DER. ``at`` (aware UTC) is the moment of judgement. ``expected``
    maps roles to the certificate fingerprints registered for them. ``keys`` are statements on instance keys
    (``instance_keys.read_key_list``), by which the text of a QR is judged. Raises ``errors.Invalid`` only for unusable roots or
    lists; everything wrong with ``data`` stands in the report.
    """
    trust = Trust.of(trust_roots_pem, crls, at)
    wanted = {role: frozenset(values) for role, values in expected.items()} if expected else None
    if not data or len(data) > MAX_BYTES:
        return VerificationReport(ok=False, kind="unknown", problems=("Tệp trống hoặc quá lớn so với một học bạ.",))
    if data.startswith(b"%PDF"):
        return verify_pdf(data, trust, expected=wanted)
    if data.startswith(b"PK"):
        return _verify_package(data, trust, wanted)
    if data.lstrip()[:1] == b"{":
        if REPORT.encode() in data:
            return judge_report(data, trust, keys)
        return judge_keys(data, trust, keys)
    if data.lstrip()[:4] == b"http":
        known, refused = known_keys((), trust, own=keys)
        return judge_text(data[:20_000].decode("utf-8", "replace"), known, refused)
    if data.lstrip()[:1] == b"<":
        return verify_xml(data, trust, expected=wanted)
    if data.startswith(b"\xd0\xcf\x11\xe0") and "Workbook".encode("utf-16-le") in data:
        return VerificationReport(ok=False, kind="unknown", problems=(EXCEL,))
    is_picture = data.startswith((b"\xff\xd8\xff", b"\x89PNG")) or data[4:8] == b"ftyp" or data[8:12] == b"WEBP"
    return VerificationReport(ok=False, kind="unknown", problems=(PICTURE if is_picture else UNREADABLE,))


def verify_kept(
    data: bytes,
    trust_roots_pem: Iterable[bytes],
    crls: Iterable[bytes],
    at: datetime,
    signed_at: Mapping[str, datetime],
    expected: Mapping[str, Iterable[str]] | None = None,
) -> tuple[VerificationReport, tuple[str, ...]]:
    """Judge a file of one's own at ``at``, and its signatures whose certificate has run out since as things stood at signing.

    ``signed_at`` (role to aware UTC) is what the school's log says of the signing, not what the file claims. Returns the report
    and the roles that only the day of the question speaks against; what else is wrong with the file stands in the report
    as :func:`verify_file` found it. A time stamp needs none of this: it moves the judgement to its own moment.
    """
    roots, lists = tuple(trust_roots_pem), tuple(crls)
    report = verify_file(data, roots, lists, at, expected)
    expired = tuple(item.role for item in report.signatures if item.reasons == (EXPIRED,))
    if report.problems or len(expired) != sum(not item.ok for item in report.signatures):
        return report, ()
    good: dict[str, SignatureVerdict] = {}
    waiting = {role: signed_at[role] for role in expired if role in signed_at}
    if len(waiting) < len(expired):
        return report, ()
    while waiting:
        # The latest moment settles most: a certificate that held then and had begun before held at the earlier ones.
        moment = max(waiting.values())
        then = {item.role: item for item in verify_file(data, roots, lists, moment, expected).signatures}
        for role in list(waiting):
            item = then.get(role)
            if item is not None and item.ok and item.valid_from is not None and item.valid_from <= waiting[role]:
                good[role] = item
                del waiting[role]
            elif waiting[role] == moment:
                return report, ()
    signatures = tuple(good.get(item.role, item) for item in report.signatures)
    ok = bool(signatures) and all(item.ok for item in signatures)
    return replace(report, ok=ok, signatures=signatures), expired


def _verify_package(data: bytes, trust: Trust, expected: dict[str, frozenset[str]] | None) -> VerificationReport:
    try:
        package = open_package(data)
    except DomainError as error:
        if b"xl/workbook." in data:  # the names of a ZIP's members are never packed
            return VerificationReport(ok=False, kind="unknown", problems=(EXCEL,))
        return VerificationReport(ok=False, kind="package", problems=(error.message,))
    pdf = verify_pdf(package.pdf, trust, expected=expected)
    xml = verify_xml(package.xml, trust, expected=expected)
    problems = [f"PDF: {line}" for line in pdf.problems] + [f"XML: {line}" for line in xml.problems]
    try:
        if read_content(package.pdf)[1] != take_apart(package.xml).data_zone:
            problems.append("PDF và XML trong gói không cùng một nội dung.")
    except DomainError:
        problems.append("Không so sánh được PDF và XML trong gói.")
    if [item.fingerprint for item in pdf.signatures] != [item.fingerprint for item in xml.signatures]:
        problems.append("PDF và XML trong gói không do cùng những người ký.")
    if pdf.record_uuid != package.record_uuid:
        problems.append("Mã tra cứu của gói không phải của học bạ bên trong.")
    facts = {name: getattr(pdf, name) for name in _FACTS}
    return VerificationReport(
        ok=pdf.ok and xml.ok and not problems,
        kind="package",
        signatures=pdf.signatures + xml.signatures,
        problems=tuple(problems),
        parts=tuple(hashlib.sha256(one).hexdigest() for one in (package.pdf, package.xml)),
        **facts,
    )


_FACTS = (
    "record_uuid", "replaces_uuid", "student_name", "born_on", "class_name", "school_year", "school_name", "demo", "content_digest", "level",
    "stamped_at", "proof_ends_at",
)  # fmt: skip
