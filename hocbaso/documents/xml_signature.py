"""XMLDSig on the record: ``<GVCN>``, ``<CBQL>``, ``<KY_PHAT_HANH>`` beside the data zone (CV 2088 annex 1, X3 and X4).

Each signature refers by Id to the one data zone, to its own signing time and to its own KeyInfo, so no byte of a signer node is
unsigned; the nodes are independent, a later one never touches an earlier one. Signing takes the same ``Signer`` as the PDF.

Against signature wrapping there is no search for ids at all: a node is read into its four parts (time, personal number, chain,
value), written again, and must be the same bytes; what was signed is then by construction the zone of this very file.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.asymmetric import utils
from lxml import etree

from hocbaso.documents import cms
from hocbaso.documents.transcript_content import TranscriptContent
from hocbaso.documents.xml_record import (
    DATA_ZONE_ID,
    ROOT,
    SIGNING_ZONE,
    assemble,
    canonical,
    iso_instant,
    parse_xml,
    take_apart,
)
from hocbaso.errors import DomainError, IntegrityFault, Invalid, WrongState

if TYPE_CHECKING:
    from hocbaso.documents.signers import Signer

DS = "http://www.w3.org/2000/09/xmldsig#"
_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_METHOD = {
    "rsa": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "ec": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
}
_TIME_NS = "urn:hocbaso:ky-so"
#: Roles in signing order with the node each writes.
NODE_OF = {"homeroom": "GVCN", "principal": "CBQL", "seal": "KY_PHAT_HANH"}
ROLE_OF_NODE = {node: role for role, node in NODE_OF.items()}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")


@dataclass(frozen=True, slots=True)
class SignerNode:
    """The four variable parts of a signer node. ``value`` is the raw signature as ``Signer.sign_digest`` gives it."""

    role: str
    signed_at: datetime
    personal_id: str | None
    chain: tuple[bytes, ...]
    value: bytes


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _key_info(node: str, chain: tuple[bytes, ...], xmlns: str) -> str:
    subject = escape(cms.load_certificate(chain[0]).subject.rfc4514_string())
    certs = "".join(f"<X509Certificate>{_b64(der)}</X509Certificate>" for der in chain)
    data = f"<X509Data><X509SubjectName>{subject}</X509SubjectName>{certs}</X509Data>"
    return f'<KeyInfo{xmlns} Id="thongTinKhoa-{node}">{data}</KeyInfo>'


def _signing_time(node: str, at: datetime, xmlns: str) -> str:
    time = f'<SigningTime xmlns="{_TIME_NS}">{iso_instant(at)}</SigningTime>'
    return f'<SignatureProperty{xmlns} Id="thoiGianKy-{node}" Target="#chuKy-{node}">{time}</SignatureProperty>'


def _reference(uri: str, data: bytes) -> str:
    return (
        f'<Reference URI="#{uri}"><Transforms><Transform Algorithm="{_C14N}"></Transform></Transforms>'
        f'<DigestMethod Algorithm="{_SHA256}"></DigestMethod><DigestValue>{_b64(hashlib.sha256(data).digest())}</DigestValue>'
        "</Reference>"
    )


def _signed_info(node: str, at: datetime, chain: tuple[bytes, ...], data_zone: bytes, xmlns: str) -> str:
    ns = f' xmlns="{DS}"'
    return (
        f'<SignedInfo{xmlns}><CanonicalizationMethod Algorithm="{_C14N}"></CanonicalizationMethod>'
        f'<SignatureMethod Algorithm="{_METHOD[cms.key_kind(chain[0])]}"></SignatureMethod>'
        + _reference(DATA_ZONE_ID, data_zone)
        + _reference(f"thoiGianKy-{node}", _signing_time(node, at, ns).encode())
        + _reference(f"thongTinKhoa-{node}", _key_info(node, chain, ns).encode())
        + "</SignedInfo>"
    )


def signed_info(role: str, at: datetime, chain: tuple[bytes, ...], data_zone: bytes) -> bytes:
    """The canonical SignedInfo: what the key signs, of which it takes the SHA-256."""
    return _signed_info(NODE_OF[role], at, chain, data_zone, f' xmlns="{DS}"').encode()


def signed_info_digest(role: str, at: datetime, chain: tuple[bytes, ...], data_zone: bytes) -> bytes:
    """SHA-256 of ``signed_info``."""
    return hashlib.sha256(signed_info(role, at, chain, data_zone)).digest()


def _value_out(chain: tuple[bytes, ...], raw: bytes) -> bytes:
    if cms.key_kind(chain[0]) == "rsa":
        return raw
    # XMLDSig wants r and s side by side, not the DER pair of everyone else (RFC 6931, 2.3.6).
    r, s = utils.decode_dss_signature(raw)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _value_in(chain: tuple[bytes, ...], value: bytes) -> bytes:
    if cms.key_kind(chain[0]) == "rsa":
        return value
    if len(value) != 64:
        raise IntegrityFault("Giá trị chữ ký trong XML không hợp lệ.")
    return utils.encode_dss_signature(int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big"))


def write_node(node: SignerNode, data_zone: bytes) -> bytes:
    """Canonical bytes of a signer node."""
    name = NODE_OF[node.role]
    number = f"<SO_CCCD>{escape(node.personal_id)}</SO_CCCD>" if node.personal_id else ""
    return (
        f"<{name}><NGAY_KY>{iso_instant(node.signed_at)}</NGAY_KY>{number}"
        f'<Signature xmlns="{DS}" Id="chuKy-{name}">'
        + _signed_info(name, node.signed_at, node.chain, data_zone, "")
        + f"<SignatureValue>{_b64(_value_out(node.chain, node.value))}</SignatureValue>"
        + _key_info(name, node.chain, "")
        + f"<Object><SignatureProperties>{_signing_time(name, node.signed_at, '')}</SignatureProperties></Object>"
        + f"</Signature></{name}>"
    ).encode()


def read_node(element: etree._Element, content: TranscriptContent, data_zone: bytes) -> SignerNode:
    """Read a signer node strictly. Raises ``errors.IntegrityFault`` unless ``write_node`` would write exactly these bytes."""
    return verify_node(element, data_zone, personal_id=_personal_id(ROLE_OF_NODE.get(element.tag, ""), content))


def verify_node(element: etree._Element, data_zone: bytes, *, personal_id: str | None) -> SignerNode:
    """``read_node`` where the caller knows which personal number the node must carry."""
    fault = IntegrityFault("Phần chữ ký trong tệp XML đã bị sửa hoặc không đúng cấu trúc.")
    try:
        role = ROLE_OF_NODE[element.tag]
        stamp = element.findtext("NGAY_KY") or ""
        if not _INSTANT.match(stamp):
            raise fault
        at = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        chain = tuple(
            base64.b64decode(item.text or "", validate=True) for item in element.iterfind(f".//{{{DS}}}X509Certificate")
        )
        if not 1 <= len(chain) <= 4:
            raise fault
        value = base64.b64decode(element.findtext(f"{{{DS}}}Signature/{{{DS}}}SignatureValue") or "", validate=True)
        node = SignerNode(role, at, personal_id, chain, _value_in(chain, value))
        if write_node(node, data_zone) != canonical(element):
            raise fault
    except DomainError:
        raise
    except Exception as error:  # a damaged certificate breaks its parser in many ways
        raise fault from error
    return node


def _strange_in(element: etree._Element, trust: Any) -> tuple[bytes, ...]:
    """Certificates under an element that is not written as ours, when they are of an issuer not trusted; else empty."""
    ders = []
    for item in element.iterfind(f".//{{{DS}}}X509Certificate"):
        try:
            ders.append(base64.b64decode("".join((item.text or "").split()), validate=True))
        except ValueError:
            continue
    chain = cms.leaf_first(ders)
    return chain if trust.roots and trust.is_strange(chain) else ()


def _personal_id(role: str, content: TranscriptContent) -> str | None:
    return {"homeroom": content.homeroom.personal_id, "principal": content.principal.personal_id}.get(role)


def prepare_xml(data: bytes, role: str, chain: tuple[bytes, ...], *, at: datetime) -> bytes:
    """What the key of ``role`` signs upon a record file. Raises ``errors.WrongState`` out of order or twice, and
    ``errors.IntegrityFault`` when an earlier signature does not hold."""
    if role not in NODE_OF:
        raise Invalid("Vai trò ký không hợp lệ.")
    parts = take_apart(data)
    present = [node.tag for node in parts.signatures]
    order = list(NODE_OF.values())
    if present != order[: list(NODE_OF).index(role)]:
        raise WrongState("Tệp XML đã có chữ ký này, hoặc còn thiếu chữ ký trước đó.")
    for element in parts.signatures:
        node = read_node(element, parts.content, parts.data_zone)
        if not holds(node, parts.data_zone) or (parts.content.refuses_twins and cms.is_twin(node.chain, node.value)):
            raise IntegrityFault("Một chữ ký trước đó trong tệp XML không còn đúng, không ký tiếp được.")
    return signed_info(role, at.replace(microsecond=0), chain, parts.data_zone)


def embed_xml(data: bytes, role: str, chain: tuple[bytes, ...], value: bytes, *, at: datetime) -> bytes:
    """The record file with the node of ``role``; ``value`` is the raw signature over ``prepare_xml`` of the same arguments."""
    parts = take_apart(data)
    value = cms.lower(chain, value)
    node = SignerNode(role, at.replace(microsecond=0), _personal_id(role, parts.content), chain, value)
    return assemble(
        parts.data_zone, [*(canonical(item) for item in parts.signatures), write_node(node, parts.data_zone)]
    )


def sign_xml(data: bytes, role: str, signer: Signer, *, at: datetime) -> bytes:
    """``prepare_xml``, one signature of ``signer``, ``embed_xml``; raises what they raise."""
    message = prepare_xml(data, role, signer.chain, at=at)
    return embed_xml(data, role, signer.chain, signer.sign_digest(hashlib.sha256(message).digest()), at=at)


def holds(node: SignerNode, data_zone: bytes) -> bool:
    """Mathematics only: does the leaf's key vouch for this zone and time?"""
    key = cms.load_certificate(node.chain[0]).public_key()
    return cms.verify_digest(key, signed_info_digest(node.role, node.signed_at, node.chain, data_zone), node.value)


def verify_xml(
    data: bytes,
    trust: Any,
    *,
    expected: dict[str, frozenset[str]] | None = None,
    roles: tuple[str, ...] = tuple(NODE_OF),
) -> Any:
    """Judge a record file; the same report as for the PDF (``kind="xml"``). ``trust`` is ``trust.Trust``. Never raises on bad input."""
    from hocbaso.documents.pades_verify import record_facts
    from hocbaso.documents.signed_pdf import ROLE_WORDS
    from hocbaso.documents.trust import TURNED_ROUND, in_turn, notes_on, role_reasons, signer_facts
    from hocbaso.documents.verification_report import (
        ALTERED,
        STRANGER,
        TWIN,
        UNREADABLE,
        SignatureVerdict,
        VerificationReport,
        altered_first,
    )

    try:
        parts = take_apart(data)
        problems: list[str] = []
        found = tuple(ROLE_OF_NODE.get(element.tag, element.tag) for element in parts.signatures)
        if found != roles:
            missing = [ROLE_WORDS[role] for role in roles if role not in found]
            problems.append(
                f"Học bạ chưa đủ chữ ký, còn thiếu: {', '.join(missing)}."
                if missing
                else "Thứ tự hoặc số chữ ký không đúng quy định."
            )
        verdicts = []
        for element in parts.signatures:
            try:
                node = read_node(element, parts.content, parts.data_zone)
            except IntegrityFault as error:
                strange = _strange_in(element, trust)
                changed = _names_another_zone(canonical(element), parts.data_zone)
                verdicts.append(
                    SignatureVerdict(
                        role=ROLE_OF_NODE.get(element.tag, element.tag),
                        ok=False,
                        reasons=(*([ALTERED] * changed), STRANGER if strange else error.message),
                        **(signer_facts(strange[0]) if strange else {}),  # type: ignore[arg-type]
                    )
                )
                continue
            reasons = []
            if not holds(node, parts.data_zone):
                reasons.append(ALTERED)
            elif parts.content.refuses_twins and cms.is_twin(node.chain, node.value):
                reasons.append(TWIN)
            reasons += trust.signing_time_reasons(node.signed_at, node.chain[0], parts.content.built_at)
            reasons += trust.path_reasons(node.chain)
            reasons += role_reasons(node.role, node.chain[0], parts.content, expected)
            if trust.roots and trust.is_strange(node.chain):
                reasons.insert(0, STRANGER)
            verdicts.append(
                SignatureVerdict(
                    role=node.role,
                    ok=not reasons,
                    signed_at=node.signed_at,
                    reasons=altered_first(reasons),
                    notes=() if reasons else notes_on(node.role, node.chain, parts.content, trust),
                    **signer_facts(node.chain[0]),  # type: ignore[arg-type]
                )
            )
        if not in_turn(item.signed_at for item in verdicts):
            problems.append(TURNED_ROUND)
        return VerificationReport(
            ok=not problems and bool(verdicts) and all(item.ok for item in verdicts),
            kind="xml",
            signatures=tuple(verdicts),
            problems=tuple(problems),
            **record_facts(parts.content),
        )
    except DomainError as error:
        try:
            strange = next(
                (found for one in parse_xml(data).iter(f"{{{DS}}}Signature") if (found := _strange_in(one, trust))), ()
            )
        except DomainError:
            strange = ()
        return VerificationReport(
            ok=False,
            kind="xml",
            signatures=() if strange else _broken_nodes(data),
            problems=(STRANGER, error.message) if strange else (error.message,),
        )
    except Exception:  # as for the PDF: a damaged file is an answer, not a crash
        return VerificationReport(ok=False, kind="xml", problems=(UNREADABLE,))


_DIGEST_TEXT = re.compile(rb"[A-Za-z0-9+/=]+")


def _between(data: bytes, opening: str, closing: str) -> bytes | None:
    """What stands between the first ``opening`` and the ``closing`` after it; None where one is missing.

    Found and not matched: anybody may send the file, and a pattern that begins anew at each of a hundred thousand openings takes hours.
    """
    _, found, rest = data.partition(opening.encode())
    inner, ended, _ = rest.partition(closing.encode())
    return inner if found and ended else None


def _names_another_zone(node: bytes, data_zone: bytes) -> bool:
    """Does a signer node give a digest for the record that is not this record's?"""
    _, _, reference = node.partition(f'URI="#{DATA_ZONE_ID}">'.encode())
    named = _between(reference, "<DigestValue>", "</DigestValue>")
    if named is None or _DIGEST_TEXT.fullmatch(named) is None:
        return False
    return named.decode() != _b64(hashlib.sha256(data_zone).digest())


def _broken_nodes(data: bytes) -> tuple[Any, ...]:
    """Of a file that can be read no further: the nodes whose digest is not that of the record beside them, byte for byte."""
    from hocbaso.documents.verification_report import ALTERED, SignatureVerdict

    _, _, inner = data.partition(b">")
    zone, ended, _ = inner.rpartition(f"<{SIGNING_ZONE}>".encode())
    if not (data.startswith(f"<{ROOT} ".encode()) and ended):
        return ()
    nodes = ((role, _between(data, f"<{name}>", f"</{name}>")) for role, name in NODE_OF.items())
    return tuple(
        SignatureVerdict(role=role, ok=False, reasons=(ALTERED,))
        for role, node in nodes
        if node is not None and _names_another_zone(node, zone)
    )
