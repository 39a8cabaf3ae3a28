"""What the instance's key signed, judged without database and network: a QR's text, a report on a file, a list of keys.

Reports are signed JSON (decision 0017): the answer that somebody got on a page, with the file's SHA-256 and the statement by which the seal
vouches for the key, so that it can be kept and shown years later. Light on purpose: no PDF library is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec

from hocbaso.documents import instance_keys as ik
from hocbaso.documents import qr_summary
from hocbaso.documents.verification_report import SignatureVerdict, VerificationReport
from hocbaso.errors import DomainError

if TYPE_CHECKING:
    from hocbaso.documents.trust import Trust

REPORT = "hocbaso-report-1"
_REPORT_FIELDS = {
    "format", "made_at", "school_name", "school_code", "file_sha256", "file_bytes", "standing", "match", "result", "key_id", "statements",
    "signature",
}  # fmt: skip
UNKNOWN_KEY = (
    "Chưa có xác nhận của nhà trường cho khoá đã ký: cần tệp khoá của trường (tải ở trang kiểm tra của trường), hoặc trang "
    "kiểm tra mới hơn."
)
SUMMARY_ALTERED = "Bản tóm tắt trong mã QR đã bị sửa, hoặc thuộc một học bạ khác."
REPORT_ALTERED = "Báo cáo đã bị sửa sau khi lập."


def make_report(
    result: dict[str, Any],
    *,
    file_sha256: str,
    file_bytes: int,
    standing: str,
    match: str | None,
    school: tuple[str, str],
    statements: Sequence[dict[str, Any]],
    key: ec.EllipticCurvePrivateKey,
    at: datetime,
) -> bytes:
    """A signed report. ``result`` is ``verdict_words.described``; ``school`` name and code; ``statements`` those of the key."""
    document = {
        "format": REPORT,
        "made_at": ik.instant(at),
        "school_name": school[0],
        "school_code": school[1],
        "file_sha256": file_sha256,
        "file_bytes": file_bytes,
        "standing": standing,
        "match": match,
        "result": result,
        "key_id": ik.key_id_of(ik.spki(key.public_key())),
        "statements": list(statements),
    }
    return json.dumps(ik.sign_json(document, key), ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8")


def _plain(kind: str, reason: str, **facts: Any) -> VerificationReport:
    return VerificationReport(ok=False, kind=kind, problems=(reason,), **facts)


def _verdict(key: ik.KnownKey, reasons: Iterable[str], signed_at: datetime | None = None) -> SignatureVerdict:
    told = tuple(reasons)
    return SignatureVerdict(
        role="instance",
        ok=not told,
        signer_name=key.school_name,
        signer_organisation=key.school_name,
        signed_at=signed_at,
        serial=key.key_id.upper(),
        valid_from=key.valid_from,
        valid_until=key.valid_until,
        level="",
        reasons=told,
    )


def judge_report(data: bytes, trust: Trust, documents: Iterable[Any] = ()) -> VerificationReport:
    """A signed report; ``documents`` are statements known from elsewhere (a withdrawal, say). Never raises on bad input."""
    try:
        document = json.loads(data.decode("utf-8"))
        if not isinstance(document, dict) or set(document) != _REPORT_FIELDS or document["format"] != REPORT:
            return _plain("report", "Tệp này không phải báo cáo kiểm tra học bạ.")
        made_at = ik.read_instant(document["made_at"])
        keys, refused = ik.known_keys(document["statements"], trust, own=documents)
        facts = {"school_name": document["school_name"]}
        key = next((one for one in keys if one.key_id == document["key_id"]), None)
        if key is None:
            return _plain("report", refused[-1] if refused else UNKNOWN_KEY, **facts)
        reasons = [] if ik.json_holds(document, key.public_key) else [REPORT_ALTERED]
        if (key.school_name, key.school_code) != (document["school_name"], document["school_code"]):
            reasons.append(f"Khoá đã ký là của {key.school_name}, không phải {document['school_name']}.")
        reasons += [key.withdrawn] if key.withdrawn else []
        if not key.valid_from <= made_at <= key.valid_until:
            reasons.append("Báo cáo ghi ngày nằm ngoài thời gian dùng của khoá.")
        reasons += trust.time_reasons(made_at)
        result = document["result"]
        facts |= {name: str(result[name]) for name in ("record_uuid", "student_name") if result.get(name)}
        verdict = _verdict(key, reasons, made_at)
        return VerificationReport(
            ok=verdict.ok,
            kind="report",
            signatures=(verdict,),
            details={
                "file_sha256": document["file_sha256"],
                "said": result.get("verdict"),
                "standing": document["standing"],
            },
            **facts,
        )
    except DomainError as error:
        return _plain("report", error.message)
    except Exception:  # damaged in any way: the answer is the same
        return _plain("report", "Báo cáo bị hỏng, không đọc được.")


def judge_keys(data: bytes, trust: Trust, documents: Iterable[Any] = ()) -> VerificationReport:
    """A list of keys: what of it is vouched for; ``documents`` are statements known from elsewhere."""
    try:
        told = ik.read_key_list(data)
        named = {item.get("key_id") for item in told if isinstance(item, dict)}
        keys, refused = ik.known_keys(told, trust, own=documents)
        keys = [key for key in keys if key.key_id in named]
    except DomainError as error:
        return _plain("keys", error.message)
    verdicts = tuple(_verdict(key, [key.withdrawn] if key.withdrawn else []) for key in keys)
    return VerificationReport(
        ok=bool(keys) and not refused,
        kind="keys",
        signatures=verdicts,
        problems=tuple(refused) if keys or refused else ("Danh sách không có khoá nào.",),
        school_name=keys[0].school_name if keys else None,
    )


def judge_text(text: str, keys: Sequence[ik.KnownKey], refused: Sequence[str] = ()) -> VerificationReport:
    """A QR's text by the keys that are vouched for (``instance_keys.known_keys``). Never raises on bad input."""
    try:
        summary, signed, signature = qr_summary.read_text(text)
    except DomainError as error:
        return _plain("qr", error.message)
    named = [key for key in keys if key.key_id.startswith(summary.key_id)]
    key = next((one for one in named if qr_summary.holds(signed, signature, one.public_key)), None)
    if key is None:
        return _plain(
            "qr", SUMMARY_ALTERED if named else refused[0] if refused else UNKNOWN_KEY, record_uuid=summary.record_uuid
        )
    reasons = [key.withdrawn] if key.withdrawn else []
    # The day of issue is set when a record is built, up to a year ahead.
    if (
        not key.valid_from.date() - timedelta(days=1)
        <= summary.issue_on
        <= key.valid_until.date() + timedelta(days=367)
    ):
        reasons.append("Ngày phát hành nằm ngoài thời gian dùng của khoá đã ký.")
    verdict = _verdict(key, reasons)
    return VerificationReport(
        ok=verdict.ok,
        kind="qr",
        signatures=(verdict,),
        record_uuid=summary.record_uuid,
        student_name=summary.full_name,
        born_on=summary.born_on.isoformat(),
        class_name=summary.class_name,
        school_year=f"{summary.year_begins}-{summary.year_begins + 1}",
        school_name=key.school_name,
        demo=summary.demo,
        details=summary_details(summary),
    )


def summary_details(summary: qr_summary.Summary) -> dict[str, Any]:
    """What a summary says beside the facts of the record, as plain values."""
    return {
        "data_digest": summary.data_digest,
        "issue_on": summary.issue_on.isoformat(),
        "grade_level": summary.grade_level,
        "transfer": summary.transfer,
        "conduct": list(summary.conduct),
        "learning": list(summary.learning),
        "promotion": summary.promotion,
        "completion": summary.completion,
        "results": [list(pair) for pair in summary.results],
    }
