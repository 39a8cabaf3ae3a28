"""The list of recalled records for the authority: XML signed by principal and seal (XMLDSig, as the record is), and its print.

Heavy imports: only document workers load this module. The XML is read by writing it again: what does not come out byte for byte is
refused, so nothing can stand in it that was not signed.
"""

from __future__ import annotations

import hashlib
import io
from datetime import date, datetime
from typing import Any

import pikepdf
from lxml import etree

from hocbaso.documents import cms
from hocbaso.documents.appearance import VIETNAM
from hocbaso.documents.page_layout import plain_layout
from hocbaso.documents.recall_content import ListSignature, RecallListContent, from_json
from hocbaso.documents.signers import SoftwareKeySigner
from hocbaso.documents.trust import Trust, role_reasons, signer_facts
from hocbaso.documents.verification_report import UNREADABLE, SignatureVerdict, VerificationReport
from hocbaso.documents.xml_record import DATA_ZONE_ID, SIGNING_ZONE, canonical, parse_xml
from hocbaso.documents.xml_signature import NODE_OF, SignerNode, holds, signed_info, verify_node, write_node
from hocbaso.errors import DomainError, IntegrityFault, Invalid, WrongState

ROOT = "DANH_SACH_THU_HOI"
ZONE = "DU_LIEU_THU_HOI"
ATTACHMENT_NAME = "danh-sach-thu-hoi.xml"
ROLES = ("principal", "seal")


def data_zone(content: RecallListContent) -> bytes:
    """Canonical bytes of the zone that is signed."""
    zone = etree.Element(ZONE, id=DATA_ZONE_ID)

    def put(parent: etree._Element, tag: str, value: object) -> None:
        if value is not None:
            etree.SubElement(parent, tag).text = value.isoformat() if isinstance(value, date) else str(value)

    for tag, value in (
        ("MA_TRUONG", content.school_code),
        ("TEN_TRUONG", content.school_name),
        ("TEN_SO_GD", content.department_name),
        ("NAM_HOC", content.school_year),
        ("SO_DANH_SACH", content.number),
        ("NGAY_LAP", content.made_on),
        ("TEN_GIAM_HIEU_KY", content.principal_name),
        ("BAN_THU_NGHIEM", 1 if content.demo else None),
    ):
        put(zone, tag, value)
    rows = etree.SubElement(zone, "DANH_SACH")
    for row in content.rows:
        item = etree.SubElement(rows, "HOC_BA_THU_HOI")
        for tag, value in (
            ("MA_TRA_CUU_UUID", row.record_uuid),
            ("MA_HOC_SINH", row.moet_code),
            ("HO_VA_TEN", row.student_name),
            ("NGAY_SINH", row.born_on),
            ("TEN_LOP", row.class_name),
            ("NGAY_KY_PHAT_HANH_HOC_BA", row.issue_on),
            ("LY_DO", row.reason),
            ("GIAY_TO", row.paper),
            ("NGUOI_DE_NGHI", row.asked_by),
            ("NGUOI_DUYET", row.decided_by),
            ("NGAY_DUYET", row.decided_on),
            ("XIN_Y_KIEN", 1 if row.needs_authority else 0),
            ("MA_TRA_CUU_UUID_THAY_THE", row.successor_uuid),
        ):
            put(item, tag, value)
    return canonical(zone)


def _assemble(zone: bytes, nodes: list[bytes]) -> bytes:
    return (
        f"<{ROOT}>".encode()
        + zone
        + f"<{SIGNING_ZONE}>".encode()
        + b"".join(nodes)
        + f"</{SIGNING_ZONE}></{ROOT}>".encode()
    )


def _take_apart(xml: bytes, content: RecallListContent) -> tuple[bytes, list[SignerNode]]:
    """(zone, signer nodes) of a file that says exactly ``content``. Raises IntegrityFault for anything else."""
    fault = IntegrityFault("Tệp danh sách thu hồi đã bị sửa hoặc không đúng cấu trúc.")
    root = parse_xml(xml)
    zone = data_zone(content)
    children = list(root)
    if root.tag != ROOT or [child.tag for child in children] != [ZONE, SIGNING_ZONE] or canonical(children[0]) != zone:
        raise fault
    nodes = [verify_node(element, zone, personal_id=None) for element in children[1]]
    if _assemble(zone, [write_node(node, zone) for node in nodes]) != xml:
        raise fault
    return zone, nodes


def make(content_json: bytes) -> tuple[bytes, bytes]:
    """(PDF, XML without signatures) of a new list."""
    content = from_json(content_json)
    xml = _assemble(data_zone(content), [])
    return render(content, xml, []), xml


def prepare(request: ListSignature) -> bytes:
    """What the key of ``request.role`` signs. WrongState out of order, IntegrityFault when the file is not what it was."""
    content = from_json(request.content)
    zone, nodes = _take_apart(request.xml, content)
    if [node.role for node in nodes] != list(ROLES[: ROLES.index(request.role)]):
        raise WrongState("Danh sách đã có chữ ký này, hoặc còn thiếu chữ ký trước đó.")
    if not all(holds(node, zone) for node in nodes):
        raise IntegrityFault("Một chữ ký trước đó trong danh sách không còn đúng, không ký tiếp được.")
    return signed_info(request.role, _second(request.at), request.chain, zone)


def embed(request: ListSignature, signature: bytes) -> tuple[bytes, bytes]:
    """(PDF, XML) with the signature in, judged on the new bytes. IntegrityFault: nothing may be stored then."""
    content = from_json(request.content)
    message = prepare(request)
    key = cms.load_certificate(request.chain[0]).public_key()
    if not cms.verify_digest(key, hashlib.sha256(message).digest(), signature):
        raise IntegrityFault("Nơi giữ khoá trả về một chữ ký không phải của chứng thư đã đăng ký; không ghi gì.")
    zone, nodes = _take_apart(request.xml, content)
    value = cms.lower(request.chain, signature)
    nodes.append(SignerNode(request.role, _second(request.at), None, request.chain, value))
    xml = _assemble(zone, [write_node(node, zone) for node in nodes])
    report = verify(xml, request.content, request.roots, request.crls, request.at, len(nodes))
    if not report["ok"]:
        reasons = [*report["problems"], *(reason for one in report["signatures"] for reason in one["reasons"])]
        raise IntegrityFault("Chữ ký vừa tạo không qua được kiểm tra: " + " ".join(reasons))
    return render(content, xml, nodes), xml


def sign(request: ListSignature) -> tuple[bytes, bytes]:
    """``prepare``, one use of the key in the envelope, ``embed``."""
    if request.envelope is None:
        raise ValueError("a request without a key in software is signed by prepare and embed")
    signer = SoftwareKeySigner.from_envelope(request.envelope, request.chain, request.pin, request.server_secret)
    return embed(request, signer.sign_digest(hashlib.sha256(prepare(request)).digest()))


def verify(
    xml: bytes,
    content_json: bytes | None,
    roots: tuple[bytes, ...],
    crls: tuple[bytes, ...],
    at: datetime,
    n_signatures: int = len(ROLES),
) -> dict[str, Any]:
    """A ``VerificationReport`` (plain) of a list's file: shape, order, mathematics, path to the roots, and whose names.

    Without ``content_json`` the file says itself what it is a list of (whoever receives it). Never raises on bad input.
    """
    try:
        content = from_json(content_json) if content_json is not None else read(xml)
        zone, nodes = _take_apart(xml, content)
        trust = Trust.of(roots, crls, at)
        problems = (
            []
            if [node.role for node in nodes] == list(ROLES[:n_signatures])
            else ["Danh sách chưa đủ chữ ký theo thứ tự."]
        )
        verdicts = []
        for node in nodes:
            reasons = [] if holds(node, zone) else ["Nội dung đã thay đổi sau khi ký."]
            reasons += trust.time_reasons(node.signed_at) + trust.path_reasons(node.chain)
            reasons += role_reasons(node.role, node.chain[0], _Names(content), None)  # type: ignore[arg-type]
            verdicts.append(
                SignatureVerdict(
                    role=node.role,
                    ok=not reasons,
                    signed_at=node.signed_at,
                    reasons=tuple(dict.fromkeys(reasons)),
                    **signer_facts(node.chain[0]),  # type: ignore[arg-type]
                )
            )
        ok = not problems and all(one.ok for one in verdicts)
        return VerificationReport(
            ok=ok,
            kind="recall_list",
            signatures=tuple(verdicts),
            problems=tuple(problems),
            school_name=content.school_name,
            school_year=content.school_year,
            demo=content.demo,
        ).to_plain()
    except DomainError as error:
        return VerificationReport(ok=False, kind="recall_list", problems=(error.message,)).to_plain()
    except Exception:  # a damaged file is an answer, not a crash
        return VerificationReport(ok=False, kind="recall_list", problems=(UNREADABLE,)).to_plain()


class _Names:
    """What ``role_reasons`` asks of a record: whose names the certificates must carry."""

    def __init__(self, content: RecallListContent) -> None:
        self.school = _Note(content.school_name)
        self.principal = _Note(content.principal_name)


class _Note:
    def __init__(self, name: str) -> None:
        self.name, self.personal_id = name, None


def read(xml: bytes) -> RecallListContent:
    """What a list's file says of itself. Raises Invalid when it is not one."""
    root = parse_xml(xml)
    zone = root.find(ZONE)
    if root.tag != ROOT or zone is None:
        raise Invalid("Tệp này không phải danh sách thu hồi học bạ.")
    from hocbaso.documents.recall_content import RecallRow

    def text(parent: etree._Element, tag: str) -> str | None:
        return parent.findtext(tag)

    def need(parent: etree._Element, tag: str) -> str:
        found = parent.findtext(tag)
        if found is None:
            raise Invalid(f"Danh sách thu hồi thiếu {tag}.")
        return found

    try:
        return RecallListContent(
            school_name=need(zone, "TEN_TRUONG"),
            school_code=need(zone, "MA_TRUONG"),
            department_name=need(zone, "TEN_SO_GD"),
            place_name="",
            school_year=need(zone, "NAM_HOC"),
            number=int(need(zone, "SO_DANH_SACH")),
            made_on=date.fromisoformat(need(zone, "NGAY_LAP")),
            principal_name=need(zone, "TEN_GIAM_HIEU_KY"),
            principal_title="",
            demo=text(zone, "BAN_THU_NGHIEM") == "1",
            rows=tuple(
                RecallRow(
                    student_name=need(item, "HO_VA_TEN"),
                    born_on=date.fromisoformat(need(item, "NGAY_SINH")),
                    class_name=need(item, "TEN_LOP"),
                    moet_code=text(item, "MA_HOC_SINH"),
                    record_uuid=need(item, "MA_TRA_CUU_UUID"),
                    issue_on=date.fromisoformat(need(item, "NGAY_KY_PHAT_HANH_HOC_BA")),
                    reason=need(item, "LY_DO"),
                    paper=text(item, "GIAY_TO"),
                    asked_by=need(item, "NGUOI_DE_NGHI"),
                    decided_by=need(item, "NGUOI_DUYET"),
                    decided_on=date.fromisoformat(need(item, "NGAY_DUYET")),
                    needs_authority=need(item, "XIN_Y_KIEN") == "1",
                    successor_uuid=text(item, "MA_TRA_CUU_UUID_THAY_THE"),
                )
                for item in zone.iterfind("DANH_SACH/HOC_BA_THU_HOI")
            ),
        )
    except ValueError as error:
        raise Invalid("Danh sách thu hồi có giá trị không đọc được.") from error


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


# --- the print --------------------------------------------------------------------------------------------------------


def render(content: RecallListContent, xml: bytes, nodes: list[SignerNode]) -> bytes:
    """The list as a letter on A4 with the XML inside; what the signatures say is printed in their places."""
    layout = plain_layout("recall_list")
    signed = {node.role: (signer_facts(node.chain[0]), node.signed_at.astimezone(VIETNAM)) for node in nodes}
    text = layout.template.render(list=content, signed=signed, digest=hashlib.sha256(xml).hexdigest())
    made: bytes = layout.lay_out(text).write_pdf()
    with pikepdf.open(io.BytesIO(made)) as pdf:
        pdf.attachments[ATTACHMENT_NAME] = pikepdf.AttachedFileSpec(pdf, xml, mime_type="application/xml")
        pdf.Root.Lang = pikepdf.String("vi")
        out = io.BytesIO()
        pdf.save(out, deterministic_id=True)
    return out.getvalue()


assert set(ROLES) <= set(NODE_OF)
