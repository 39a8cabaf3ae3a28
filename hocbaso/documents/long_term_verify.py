"""Judge what stands after the third signature: evidence and document time stamps, and from when on the signatures are proven.

The newest stamp is judged now, each older one at the time of the next, the signatures' own stamps at the time of the oldest. What is
in nobody's coverage (a store without a stamp after it) is written again from its parts and has to be the same to the byte.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_timestamp
from pyhanko.sign.validation.status import SignatureCoverageLevel

from hocbaso.documents import time_stamps
from hocbaso.documents.cms import load_certificate
from hocbaso.documents.long_term import STAMP_FIELD, Level, Store, read_store, signature_key, write_store
from hocbaso.documents.paths import Evidence, PathFault, context, examine
from hocbaso.documents.revocation import list_holds, require_good
from hocbaso.documents.signed_pdf import read_contents, read_gap
from hocbaso.documents.time_stamps import TimeStamp
from hocbaso.documents.trust import CLOCK_SKEW, Trust
from hocbaso.errors import DomainError, IntegrityFault

STAMP_ALTERED = "Nội dung tệp đã bị thay đổi sau khi đóng dấu thời gian."
UNKNOWN_AUTHORITY = "Không biết nơi cấp dấu thời gian: chứng thư của nơi đó không do gốc mà trường tin cậy cấp."
OUT_OF_ORDER = "Thứ tự các dấu thời gian trong tệp không đúng."
ADDED = "Tệp bị thêm nội dung sau chữ ký cuối cùng."
_STAMP_WORDS = {
    PathFault.STRANGE: UNKNOWN_AUTHORITY,
    PathFault.REVOKED: "Chứng thư của nơi cấp dấu thời gian đã bị thu hồi.",
    PathFault.EXPIRED: "Chứng thư của nơi cấp dấu thời gian đã hết hạn trước khi tệp được đóng dấu thời gian mới.",
    PathFault.EARLY: "Chứng thư của nơi cấp dấu thời gian chưa có hiệu lực.",
    PathFault.NO_STATUS: "Tệp thiếu bằng chứng rằng chứng thư của nơi cấp dấu thời gian không bị thu hồi.",
    PathFault.EXTRA: "Dấu thời gian mang theo chứng thư không thuộc đường tin cậy.",
    PathFault.BROKEN: "Chứng thư của nơi cấp dấu thời gian không hợp lệ.",
}


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows the signatures. ``moment`` is when their own stamps are judged; ``stamped_at`` is oldest first."""

    level: Level | None = None
    moment: datetime | None = None
    stamped_at: tuple[datetime, ...] = ()
    store: Store = field(default=Store(Evidence()))
    reasons: tuple[str, ...] = ()
    ends_at: datetime | None = None

    @property
    def demands_status(self) -> bool:
        """Whether everything needs proof that it is not revoked."""
        return self.level is not None


def stamp_reasons(stamp: TimeStamp, trust: Trust, moment: datetime, evidence: Evidence, *, demand: bool) -> list[str]:
    """Why the authority behind a token is not believed at ``moment``."""
    if trust.at + CLOCK_SKEW < stamp.at:
        return ["Dấu thời gian ở tương lai."]
    found = examine(stamp.chain, trust.roots, moment, evidence, demand=demand, stamping=True)
    reasons = [_STAMP_WORDS[found.fault]] if found.fault is not None else []
    if replace(trust, at=moment).revocation_reasons(found.path[:-1] or stamp.chain):
        reasons.append(_STAMP_WORDS[PathFault.REVOKED])
    return list(dict.fromkeys(reasons))


def judge_tail(
    pdf: bytes, spans: list[tuple[int, int, int]], n_signatures: int, stamps: list[Any], trust: Trust
) -> Tail:
    """Judge everything after signature ``n_signatures``. ``stamps`` are pyHanko's embedded document time stamps, oldest first."""
    end = spans[n_signatures - 1][2] if spans else len(pdf)
    if end == len(pdf):
        return Tail()
    try:
        store = read_store(pdf)
        if not stamps:
            if pdf[end:] != write_store(pdf[:end], store):
                return Tail(reasons=(ADDED,))
            return Tail(Level.BLT, trust.at, (), store, tuple(_store_reasons(pdf, spans, store, trust)))
        read = [time_stamps.read(read_gap(pdf, start, stop)) for start, stop, _ in spans[n_signatures:]]
    except IntegrityFault as error:
        return Tail(
            Level.BLTA if stamps else None, trust.at, (), Store(Evidence()), (error.message,) if stamps else (ADDED,)
        )
    reasons: list[str] = []
    if len(read) != len(stamps):
        reasons.append("Số dấu thời gian trong tệp không khớp với các vị trí đã đóng.")
    if spans[-1][2] != len(pdf):
        reasons.append("Tệp bị thêm nội dung sau dấu thời gian cuối cùng.")
    for number, (item, stamp, span) in enumerate(zip(stamps, read, spans[n_signatures:], strict=False), 1):
        last = number == len(stamps)
        moment = trust.at if last else read[number].at
        evidence = store.evidence + Evidence(crls=trust.crls)
        reasons += _stamp_faults(pdf, item, stamp, span, number)
        reasons += stamp_reasons(stamp, trust, moment, evidence, demand=not last)
        status = validate_pdf_timestamp(item, context(trust.roots, moment, stamp.chain, evidence, demand=not last))
        if not (status.intact and status.valid):
            reasons.append(STAMP_ALTERED)
        elif not reasons and not status.trusted:
            reasons.append("Bộ kiểm tra độc lập không chấp nhận dấu thời gian này.")
        if status.coverage is not (
            SignatureCoverageLevel.ENTIRE_FILE if last else SignatureCoverageLevel.ENTIRE_REVISION
        ) or status.modification_level not in (ModificationLevel.NONE, ModificationLevel.LTA_UPDATES):
            reasons.append("Có thay đổi không được phép sau dấu thời gian.")
    times = tuple(stamp.at for stamp in read)
    if list(times) != sorted(times):
        reasons.append(OUT_OF_ORDER)
    ends_at = load_certificate(read[-1].chain[0]).not_valid_after_utc
    return Tail(Level.BLTA, read[0].at, times, store, tuple(dict.fromkeys(reasons)), ends_at)


def _stamp_faults(pdf: bytes, item: Any, stamp: TimeStamp, span: tuple[int, int, int], number: int) -> list[str]:
    start, end, stop = span
    if tuple(int(value) for value in item.byte_range) != (0, start, end, stop - end):
        return [STAMP_ALTERED]
    if item.field_name != STAMP_FIELD % number:
        return ["Tệp có dấu thời gian ở vị trí lạ."]
    if stamp.imprint != hashlib.sha256(pdf[:start] + pdf[end:stop]).digest():
        return [STAMP_ALTERED]
    return []


def _store_reasons(pdf: bytes, spans: list[tuple[int, int, int]], store: Store, trust: Trust) -> list[str]:
    """Without a stamp over it, every piece of the store has to prove something: else it could be changed unseen."""
    wrong = ["Kho bằng chứng trong tệp có phần không thuộc chữ ký nào."]
    if [name for name, _ in store.by_signature] != [signature_key(pdf, start, end) for start, end, _ in spans]:
        return wrong
    if sum((own for _, own in store.by_signature), Evidence()) != store.evidence:
        return wrong
    links: set[tuple[bytes, bytes]] = set()
    for start, stop, _ in spans:
        parts = read_contents(pdf, start, stop)
        stamp = time_stamps.read(parts.time_stamp_token or b"")
        for path in (
            examine(parts.chain, trust.roots, min(stamp.at, trust.at)).path,
            examine(stamp.chain, trust.roots, trust.at, store.evidence, stamping=True).path,
        ):
            links.update(itertools.pairwise(path))
    used = {der for link in links for der in link}
    for answer in store.evidence.ocsps:
        for der, issuer in links:
            try:
                used.update(require_good(answer, der, issuer, trust.at, fresh=False))
            except DomainError:
                continue
            used.add(answer)
            break
    used.update(crl for crl in store.evidence.crls if any(list_holds(crl, issuer) for _, issuer in links))
    if not {*store.evidence.certs, *store.evidence.ocsps, *store.evidence.crls} <= used:
        return wrong
    return []
