"""Judge a signed PDF. pyHanko decides on signatures and changes; the rules of the record stand on top and only ever refuse.

The rules (each closes a gap that a conforming validator leaves open): fields by name and in order; first signature certifies with P=2;
sub-filter of PAdES; nothing after the last signature; canonical lower-case hex, zero padding and a CMS that is byte for
byte what its parts make; every certificate in it on the validated path; the attachment is exactly one canonical data zone and
equals every printed word; the certificate belongs to whom the record names.
"""

from __future__ import annotations

import hashlib
import io
import logging
from dataclasses import replace
from datetime import UTC
from typing import Any

import pikepdf
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from hocbaso.documents import cms, time_stamps
from hocbaso.documents.certificate_owner import holder_of
from hocbaso.documents.long_term import STAMP_FIELD, Level
from hocbaso.documents.long_term_verify import OUT_OF_ORDER, Tail, judge_tail, stamp_reasons
from hocbaso.documents.paths import Evidence, context
from hocbaso.documents.printed_face import prove_plain
from hocbaso.documents.printed_form import embedded_data_zone
from hocbaso.documents.proof import prove_equal
from hocbaso.documents.revisions import RevisionReader
from hocbaso.documents.signed_pdf import FIELD_OF, ROLE_OF, ROLE_WORDS, read_contents, signature_spans
from hocbaso.documents.transcript_content import TranscriptContent
from hocbaso.documents.trust import (
    CLOCK_SKEW,
    KEY_USAGE,
    STAMPED_WITHIN,
    TURNED_ROUND,
    Trust,
    in_turn,
    notes_on,
    role_reasons,
    signer_facts,
)
from hocbaso.documents.verification_report import (
    ALTERED,
    STRANGER,
    TWIN,
    UNREADABLE,
    SignatureVerdict,
    VerificationReport,
    altered_first,
)
from hocbaso.documents.written_words import require_words
from hocbaso.documents.xml_record import parse_data_zone
from hocbaso.errors import DomainError, IntegrityFault

for _name in ("pyhanko", "pyhanko_certvalidator", "pypdf", "pikepdf"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def read_content(pdf: bytes) -> tuple[TranscriptContent, bytes]:
    """Content and data zone of a PDF. Raises ``errors.IntegrityFault`` or ``errors.Invalid``."""
    try:
        # Searching a damaged file for its objects takes many seconds, and a transcript that needs it is none.
        with pikepdf.open(io.BytesIO(pdf), attempt_recovery=False) as opened:
            zone = embedded_data_zone(opened)
    except (pikepdf.PdfError, ValueError, RuntimeError) as error:
        raise IntegrityFault(UNREADABLE) from error
    return parse_data_zone(zone), zone


def verify_pdf(
    pdf: bytes,
    trust: Trust,
    *,
    expected: dict[str, frozenset[str]] | None = None,
    roles: tuple[str, ...] = tuple(FIELD_OF),
    prove: bool = True,
) -> VerificationReport:
    """Judge ``pdf``. ``roles`` are the signatures that must be there, no more and no fewer (all three for an issued record).

    ``prove=False`` leaves out the comparison of every printed word, for a batch that did it when the PDF was built.
    Never raises on bad input: what is wrong stands in the report.
    """
    try:
        return _verify(pdf, trust, expected, roles, prove)
    except DomainError as error:
        problems = (error.message, *error.details)
    except Exception:  # a damaged file may break any parser in any way (deep nesting too); the answer is the same
        problems = (UNREADABLE,)
    return VerificationReport(ok=False, kind="pdf", signatures=_broken_signatures(pdf, trust), problems=problems)


def _broken_signatures(pdf: bytes, trust: Trust) -> tuple[SignatureVerdict, ...]:
    """What the signatures of a file say that can be read no further: those whose digest does not hold. Arithmetic only, no parser.

    So a byte changed where a reader stumbles over it is told as the same change elsewhere. Empty when none is broken.
    """
    found = []
    try:
        spans = signature_spans(pdf)
    except Exception:  # a number of five thousand digits
        return ()
    for role, (start, end, stop) in zip(FIELD_OF, spans, strict=False):
        try:
            parts = read_contents(pdf, start, end)
            holds = cms.check(parts, hashlib.sha256(pdf[:start] + pdf[end:stop]).digest())
            facts: dict[str, Any] = signer_facts(parts.chain[0])
            strange = bool(trust.roots) and trust.is_strange(parts.chain)
        except Exception:  # as above
            continue
        if not holds:
            reasons = (ALTERED, STRANGER) if strange else (ALTERED,)
            found.append(SignatureVerdict(role=role, ok=False, reasons=reasons, **facts))
    return tuple(found)


def _verify(
    pdf: bytes, trust: Trust, expected: dict[str, frozenset[str]] | None, roles: tuple[str, ...], prove: bool
) -> VerificationReport:
    if not pdf.startswith(b"%PDF-1.7\n"):
        raise IntegrityFault(UNREADABLE)
    content, zone = read_content(pdf)
    facts: dict[str, Any] = record_facts(content)
    problems: list[str] = []
    if prove:
        try:
            prove_equal(pdf, content, data_zone=zone)
            prove_plain(pdf)
        except IntegrityFault as error:
            problems.append(error.message)
        else:
            problems += _words_problems(pdf, content)
    reader = RevisionReader(pdf)
    fields = [str(item.get_object()["/T"]) for item in reader.root["/AcroForm"]["/Fields"]]
    signatures, stamps = list(reader.embedded_regular_signatures), list(reader.embedded_timestamp_signatures)
    if fields != [*FIELD_OF.values(), *(STAMP_FIELD % number for number in range(1, len(stamps) + 1))]:
        problems.append("Tệp không có đúng ba vị trí chữ ký của học bạ.")
    found = tuple(ROLE_OF.get(item.field_name, item.field_name) for item in signatures)
    if found != roles:
        missing = [ROLE_WORDS[role] for role in roles if role not in found]
        problems.append(
            f"Học bạ chưa đủ chữ ký, còn thiếu: {', '.join(missing)}."
            if missing
            else "Thứ tự hoặc số chữ ký không đúng quy định."
        )
    spans = signature_spans(pdf)
    if len(spans) != len(signatures) + len(stamps):
        problems.append("Số vùng chữ ký trong tệp không khớp với các vị trí đã ký.")
    tail = Tail()
    if signatures and (found == tuple(FIELD_OF) or stamps):
        tail = judge_tail(pdf, spans, len(signatures), stamps, trust)
        problems += tail.reasons
    verdicts = []
    for index, item in enumerate(signatures):
        role = ROLE_OF.get(item.field_name)
        last = index == len(signatures) - 1
        verdicts.append(_judge(pdf, item, role, last, index == 0, content, trust, expected, tail))
    times = [item.stamped_at for item in verdicts if item.stamped_at is not None]
    if [*times, *tail.stamped_at] != sorted([*times, *tail.stamped_at]):
        problems.append(OUT_OF_ORDER)
    if not in_turn(item.signed_at for item in verdicts):
        problems.append(TURNED_ROUND)
    if verdicts:
        facts["level"] = min(Level.of(item.level) for item in verdicts).label
        facts |= {"stamped_at": tail.stamped_at, "proof_ends_at": tail.ends_at}
    return VerificationReport(
        ok=not problems and bool(verdicts) and all(item.ok for item in verdicts),
        kind="pdf",
        signatures=tuple(verdicts),
        problems=tuple(problems),
        **facts,
    )


def _words_problems(pdf: bytes, content: TranscriptContent) -> list[str]:
    """Why the words under the signatures are not theirs; empty when they are."""
    names = {}
    for role, (start, end, _) in zip(FIELD_OF, signature_spans(pdf), strict=False):
        try:
            names[role] = holder_of(read_contents(pdf, start, end).chain[0]).names
        except (IntegrityFault, ValueError):
            continue  # told where the signature is judged
    try:
        with pikepdf.open(io.BytesIO(pdf), attempt_recovery=False) as opened:
            require_words(opened, content, names)
    except IntegrityFault as error:
        return [error.message]
    return []


def carried_by(gap: bytes, trust: Trust) -> tuple[bytes, ...]:
    """The certificates in a signature that is not written as ours, when they are of an issuer not trusted; else empty."""
    try:
        raw = bytes.fromhex(gap.strip(b"<>").decode("ascii"))
    except ValueError:
        return ()
    chain = cms.carried_certificates(raw)
    return chain if trust.roots and trust.is_strange(chain) else ()


def record_facts(content: TranscriptContent) -> dict[str, Any]:
    """The fields of a report that the data zone gives."""
    from hocbaso.documents.transcript_content import content_digest

    return {
        "record_uuid": content.record_uuid,
        "replaces_uuid": content.replaces_uuid,
        "student_name": content.student.full_name,
        "born_on": content.student.born_on.isoformat(),
        "class_name": content.class_name,
        "school_year": content.school_year,
        "school_name": content.school.name,
        "demo": content.demo,
        "content_digest": content_digest(content),
    }


def _judge(
    pdf: bytes,
    item: Any,
    role: str | None,
    last: bool,
    first: bool,
    content: TranscriptContent,
    trust: Trust,
    expected: dict[str, frozenset[str]] | None,
    tail: Tail,
) -> SignatureVerdict:
    reasons: list[str] = []
    if role is None:
        return SignatureVerdict(role=str(item.field_name), ok=False, reasons=("Tệp có chữ ký ở vị trí lạ.",))
    zero, start, end, rest = (int(value) for value in item.byte_range)
    end, stop = end, end + rest
    if zero != 0 or (last and stop != len(pdf) and tail.level is None):
        reasons.append("Tệp bị thêm nội dung sau chữ ký cuối cùng.")
    try:
        parts = read_contents(pdf, start, end)
    except IntegrityFault as error:
        # Another program writes a signature otherwise than ours: who made it is then the truer answer than how it is written.
        strange = carried_by(pdf[start:end], trust)
        if strange:
            return SignatureVerdict(role=role, ok=False, reasons=(STRANGER, *reasons), **signer_facts(strange[0]))  # type: ignore[arg-type]
        return SignatureVerdict(role=role, ok=False, reasons=(*reasons, error.message))
    facts: dict[str, Any] = signer_facts(parts.chain[0])
    stated = item.self_reported_timestamp
    facts["signed_at"] = stated.astimezone(UTC) if stated else None
    if not cms.check(parts, hashlib.sha256(pdf[:start] + pdf[end:stop]).digest()):
        reasons.append(ALTERED)
    elif content.refuses_twins and cms.is_twin(parts.chain, parts.signature):
        reasons.append(TWIN)
    if str(item.sig_object.get("/SubFilter", "")) != "/ETSI.CAdES.detached":
        reasons.append("Chữ ký không theo chuẩn PAdES.")
    if first and (item.docmdp_level is not MDPPerm.FILL_FORMS):
        reasons.append("Chữ ký đầu tiên không khoá nội dung học bạ.")
    stamp, moment = None, trust.at
    if parts.time_stamp_token is not None:
        try:
            stamp = time_stamps.read(parts.time_stamp_token)
        except IntegrityFault as error:
            reasons.append(error.message)
        else:
            # What a stamp proves to have been signed by then is judged as things stood then.
            moment = min(stamp.at, trust.at)
            facts |= {"stamped_at": stamp.at, "level": (tail.level or Level.BT).label}
    elif tail.level is not None:
        reasons.append("Chữ ký không có dấu thời gian nên bằng chứng lâu dài trong tệp không bảo vệ được nó.")
    if not reasons:
        evidence = tail.store.evidence + Evidence(crls=trust.crls)
        demand = tail.demands_status
        status = validate_pdf_signature(
            item,
            signer_validation_context=context(trust.roots, moment, parts.chain, evidence, demand=demand),
            ts_validation_context=context(trust.roots, tail.moment or trust.at, (), evidence, demand=demand),
            key_usage_settings=KEY_USAGE,
        )
        facts["signed_at"] = status.signer_reported_dt.astimezone(UTC) if status.signer_reported_dt else None
        if not (status.intact and status.valid):
            reasons.append(ALTERED)
        elif status.coverage is not (
            SignatureCoverageLevel.ENTIRE_FILE if stop == len(pdf) else SignatureCoverageLevel.ENTIRE_REVISION
        ) or status.modification_level not in (
            ModificationLevel.NONE,
            ModificationLevel.LTA_UPDATES,
            ModificationLevel.FORM_FILLING,
        ):
            reasons.append("Có thay đổi không được phép sau chữ ký này.")
        elif status.docmdp_ok is False:
            reasons.append("Có thay đổi vượt quá phạm vi mà chữ ký đầu tiên cho phép.")
        reasons += replace(trust, at=moment).path_reasons(parts.chain, tail.store.evidence, demand=demand)
        reasons += trust.signing_time_reasons(facts["signed_at"], parts.chain[0], content.built_at)
        if stamp is not None:
            proven = status.timestamp_validity
            if proven is None or not (proven.intact and proven.valid):
                reasons.append("Dấu thời gian không hợp lệ: nó không được cấp cho chữ ký này hoặc đã bị sửa.")
            reasons += stamp_reasons(stamp, trust, tail.moment or trust.at, evidence, demand=demand)
            if facts["signed_at"] is not None and facts["signed_at"] > stamp.at + CLOCK_SKEW:
                reasons.append("Thời gian ký ghi trong chữ ký muộn hơn dấu thời gian của chính nó.")
            if facts["signed_at"] is not None and facts["signed_at"] < stamp.at - STAMPED_WITHIN:
                reasons.append("Thời gian ký ghi trong chữ ký sớm hơn dấu thời gian của chính nó quá nhiều.")
        if not status.bottom_line and not reasons:
            reasons.append("Bộ kiểm tra độc lập không chấp nhận chữ ký này.")
    reasons += role_reasons(role, parts.chain[0], content, expected)
    if trust.roots and trust.is_strange(parts.chain):
        reasons.insert(0, STRANGER)
    # A tail that demands proof of its status holds it.
    proof = None if tail.demands_status else tail.store.evidence
    notes = () if reasons else notes_on(role, parts.chain, content, replace(trust, at=moment), proof)
    return SignatureVerdict(role=role, ok=not reasons, reasons=altered_first(reasons), notes=notes, **facts)
