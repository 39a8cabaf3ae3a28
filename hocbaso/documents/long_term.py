"""Proof that outlives certificates: a store of evidence (DSS) and document time stamps, appended after the third signature.

B-LT: certificates and the answers about their revocation stand in the file. B-LTA: a time-stamping authority stamps the whole of it;
before its certificate ends, ``renew`` adds what is known of that authority and a new stamp. Both only append: the signatures,
which certify with P=2, allow exactly this.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from hocbaso.documents import time_stamps
from hocbaso.documents.increments import Increment
from hocbaso.documents.paths import Evidence, examine
from hocbaso.documents.revocation import StatusSources, collect
from hocbaso.documents.signed_pdf import FIELD_OF, read_contents, read_gap, signature_spans
from hocbaso.documents.time_stamps import TimeAuthority
from hocbaso.documents.trust import CLOCK_SKEW
from hocbaso.errors import IntegrityFault, WrongState

STAMP_FIELD = "DAU_THOI_GIAN_%d"
STAMP_WORDS = "Dấu thời gian của cả tệp, lần %d"
_ROOM = 10240
_EXTENSIONS = b"/Extensions << /ESIC << /BaseVersion /1.7 /ExtensionLevel 5 /Type /DeveloperExtensions >> >>"


class Level(IntEnum):
    """How long a file's signatures can be proven, lowest first (ETSI EN 319 142-1)."""

    BB = 0
    BT = 1
    BLT = 2
    BLTA = 3

    @property
    def label(self) -> str:
        """As it is stored and shown: ``B-B`` and so on."""
        return f"B-{self.name[1:]}"

    @classmethod
    def of(cls, label: str) -> Level:
        """Read a label. Raises ``ValueError``."""
        return cls[label.replace("-", "").upper()]


@dataclass(frozen=True, slots=True)
class Store:
    """The evidence in a file and, by signature (SHA-1 of its contents, upper-case hex, as the format asks), what is for which."""

    evidence: Evidence
    by_signature: tuple[tuple[str, Evidence], ...] = ()


def signature_key(pdf: bytes, start: int, end: int) -> str:
    """The name of a signature in the store."""
    return (
        hashlib.sha1(bytes.fromhex(pdf[start + 1 : end - 1].decode("ascii")), usedforsecurity=False).hexdigest().upper()
    )


def signer_path(
    chain: tuple[bytes, ...], roots: tuple[bytes, ...], at: datetime, *, stamping: bool = False
) -> tuple[bytes, ...]:
    """The path (DER, leaf first, root last) of a chain that is good but for its revocation. Raises ``errors.IntegrityFault``."""
    found = examine(chain, roots, at, stamping=stamping)
    if found.fault is not None:
        whose = "máy chủ cấp dấu thời gian" if stamping else "người ký"
        raise IntegrityFault(f"Chứng thư của {whose} {found.fault}")
    return found.path


def extend(
    pdf: bytes,
    level: Level,
    authority: TimeAuthority | None,
    roots: tuple[bytes, ...],
    sources: StatusSources,
    at: datetime,
) -> bytes:
    """Bring a file with three time-stamped signatures to B-LT or B-LTA. ``at`` is the caller's clock (aware UTC).

    Raises ``errors.WrongState`` for a file that is not so far, ``errors.NotAllowed`` for a revoked certificate,
    ``errors.Unavailable`` when proof cannot be had now: a file is never weaker than was asked for.
    """
    spans = signature_spans(pdf)
    if len(spans) != len(FIELD_OF) or spans[-1][2] != len(pdf):
        raise WrongState("Chỉ thêm bằng chứng lâu dài vào học bạ vừa đủ ba chữ ký.")
    everything, by_signature = Evidence(), []
    for start, end, _ in spans:
        parts = read_contents(pdf, start, end)
        if parts.time_stamp_token is None:
            raise WrongState("Chữ ký chưa có dấu thời gian nên chưa thêm được bằng chứng lâu dài.")
        stamp = time_stamps.read(parts.time_stamp_token)
        own = collect(signer_path(parts.chain, roots, stamp.at), sources, at)
        own += collect(signer_path(stamp.chain, roots, at, stamping=True), sources, at)
        everything += own
        by_signature.append((signature_key(pdf, start, end), own))
    pdf += write_store(pdf, Store(everything, tuple(by_signature)))
    if level < Level.BLTA:
        return pdf
    if authority is None:
        raise WrongState("Mức B-LTA cần máy chủ cấp dấu thời gian; chưa khai báo máy chủ nào.")
    return _stamp(pdf, authority, roots, at)


def renew(
    pdf: bytes, authority: TimeAuthority, roots: tuple[bytes, ...], sources: StatusSources, at: datetime
) -> bytes:
    """Stamp a B-LTA file again while its last stamp can still be proven: what is known of that authority, then a new stamp.

    Raises as ``extend``.
    """
    spans = signature_spans(pdf)
    if len(spans) <= len(FIELD_OF) or spans[-1][2] != len(pdf):
        raise WrongState("Chỉ đóng lại dấu thời gian cho học bạ đã ở mức B-LTA.")
    start, end, _ = spans[-1]
    last = time_stamps.read(read_gap(pdf, start, end))
    own = collect(signer_path(last.chain, roots, at, stamping=True), sources, at)
    before = read_store(pdf)
    kept = (*before.by_signature, (signature_key(pdf, start, end), own))
    pdf += write_store(pdf, Store(before.evidence + own, kept))
    return _stamp(pdf, authority, roots, at)


def write_store(pdf: bytes, store: Store) -> bytes:
    """The increment that holds ``store``; what the file holds already is not written again."""
    out = Increment(pdf)
    before = read_store(pdf) if b"/DSS " in out.raw(out.root) else None
    dss = out.reference(out.root, b"/DSS") if before else out.add(b"")
    numbers: dict[bytes, int] = {}
    lists = {}
    for key, wanted, kept in (
        (b"/Certs", store.evidence.certs, before.evidence.certs if before else ()),
        (b"/OCSPs", store.evidence.ocsps, before.evidence.ocsps if before else ()),
        (b"/CRLs", store.evidence.crls, before.evidence.crls if before else ()),
    ):
        if kept:
            numbers |= dict(zip(kept, out.references(dss, key), strict=True))
        for der in wanted:
            if der not in numbers:
                numbers[der] = out.add_stream(der)
        lists[key] = [numbers[der] for der in wanted]
    entries = []
    for name, own in store.by_signature:
        written = dict(re.findall(rb"/([0-9A-F]{40}) (\d+) 0 R", out.raw(dss))) if before else {}
        number = written.get(name.encode())
        if number is None:
            body = _arrays(
                {
                    b"/Cert": [numbers[d] for d in own.certs],
                    b"/OCSP": [numbers[d] for d in own.ocsps],
                    b"/CRL": [numbers[d] for d in own.crls],
                }
            )
            number = b"%d" % out.add(b"<< /Type /VRI %s>>" % body)
        entries.append(b"/%s %s 0 R " % (name.encode(), number))
    out.put(dss, b"<< /Type /DSS %s/VRI << %s>> >>" % (_arrays(lists), b"".join(entries)))
    if before is None:
        root = out.raw(out.root)
        out.put(out.root, root[: root.rindex(b">>")] + b"/DSS %d 0 R\n%s\n>>" % (dss, _EXTENSIONS))
    return out.finish(b"DSS")


def _arrays(lists: dict[bytes, list[int]]) -> bytes:
    return b"".join(
        b"%s [ %s] " % (key, b"".join(b"%d 0 R " % number for number in numbers))
        for key, numbers in lists.items()
        if numbers
    )


def read_store(pdf: bytes) -> Store:
    """The store of a file. Raises ``errors.IntegrityFault`` when there is none as ``write_store`` writes it."""
    out = Increment(pdf)
    dss = out.reference(out.root, b"/DSS")

    def listed(number: int, key: bytes) -> tuple[bytes, ...]:
        if key + b" [" not in out.raw(number):
            return ()
        return tuple(out.stream(one) for one in out.references(number, key))

    everything = Evidence(listed(dss, b"/Certs"), listed(dss, b"/OCSPs"), listed(dss, b"/CRLs"))
    by_signature = tuple(
        (
            name.decode(),
            Evidence(listed(int(number), b"/Cert"), listed(int(number), b"/OCSP"), listed(int(number), b"/CRL")),
        )
        for name, number in re.findall(rb"/([0-9A-F]{40}) (\d+) 0 R", out.raw(dss))
    )
    return Store(everything, by_signature)


def _stamp(pdf: bytes, authority: TimeAuthority, roots: tuple[bytes, ...], at: datetime) -> bytes:
    """``pdf`` with one more document time stamp; the authority is asked once."""
    number = len(signature_spans(pdf)) - len(FIELD_OF) + 1
    tail, start, end = stamp_increment(pdf, number)
    digest = hashlib.sha256(pdf)
    digest.update(tail[:start])
    digest.update(tail[end:])
    stamp = time_stamps.ask(digest.digest(), authority)
    signer_path(stamp.chain, roots, at, stamping=True)
    if abs(stamp.at - at) > CLOCK_SKEW:
        raise IntegrityFault(
            "Giờ của máy chủ cấp dấu thời gian và giờ của máy này lệch nhau quá mười phút; không dùng."
        )
    room = end - start - 2
    if len(stamp.token) * 2 > room:
        raise IntegrityFault("Dấu thời gian dài hơn chỗ dành sẵn trong tệp.")
    return pdf + tail[: start + 1] + stamp.token.hex().encode("ascii").ljust(room, b"0") + tail[end - 1 :]


def stamp_increment(pdf: bytes, number: int) -> tuple[bytes, int, int]:
    """The increment of document time stamp ``number`` (from 1) with a zero placeholder; positions of ``<`` and past ``>`` in it."""
    out = Increment(pdf)
    form = out.reference(out.root, b"/AcroForm")
    fields = out.references(form, b"/Fields")
    page = out.reference(fields[0], b"/P")
    zeros = b"00" * _ROOM
    blank = b"[0 0000000000 0000000000 0000000000]"
    value = out.add(
        b"<< /Type /DocTimeStamp /Filter /Adobe.PPKLite /SubFilter /ETSI.RFC3161 /V 0 /ByteRange %s /Contents <%s> >>"
        % (blank, zeros)
    )
    # A field without a size: nothing to see, nothing to read aloud, no appearance that PDF/A would ask for.
    widget = out.add(
        b"<< /Type /Annot /Subtype /Widget /FT /Sig /F 132 /Rect [ 0 0 0 0 ] /P %d 0 R /T (%s) /TU <feff%s> /V %d 0 R >>"
        % (page, (STAMP_FIELD % number).encode(), (STAMP_WORDS % number).encode("utf-16-be").hex().encode(), value)
    )
    out.insert(form, rb"(/Fields \[[\d R]*)\]", rb"\g<1>%d 0 R ]" % widget)
    out.insert(page, rb"(/Annots \[[\d R]*)\]", rb"\g<1>%d 0 R ]" % widget)
    tail = out.finish(b"DocTimeStamp")
    start = tail.index(b"<" + zeros + b">")
    end = start + len(zeros) + 2
    ranges = b"[%d %d %d %d]" % (0, len(pdf) + start, len(pdf) + end, len(tail) - end)
    if tail.count(blank) != 1 or len(ranges) > len(blank):
        raise IntegrityFault("Không đặt được dấu thời gian vào tệp PDF.")
    return tail.replace(blank, ranges.ljust(len(blank)), 1), start, end
