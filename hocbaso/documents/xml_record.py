"""The XML face of a record: ``<HOC_BA>`` with its data zone and its signing zone (CV 2088/BGDĐT-GDTH annex 1).

The only published tag list is the primary-school one (v1.0, 05/2024). Its names are kept wherever the field exists there,
misspelt ones included (``THONG_SO_BUOI_NGHI_KHONG_PHEP``); what lower secondary adds (both semesters, re-assessment, conduct)
has names of our own in the same manner. All names stand in the ``TagMap`` tables below, so that the Ministry's own
lower-secondary list can be put in their place in one step: ``build_data_zone(content, tags=OTHER)``.

Shape: UTF-8, upper-case tags without diacritics, a missing value omits its tag, ``.`` as decimal point. The data zone is its
own Canonical XML 1.0 byte form, is what is embedded in the PDF, and reads back without loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from lxml import etree

from hocbaso.documents.transcript_content import TranscriptContent, from_plain, to_plain
from hocbaso.errors import Invalid

ROOT = "HOC_BA"
DATA_ZONE = "DU_LIEU_HOC_BA"
SIGNING_ZONE = "DANH_SACH_THONG_TIN_KY"
#: Value of the ``id`` attribute that the signatures refer to.
DATA_ZONE_ID = "duLieuHocBa"
ATTACHMENT_NAME = "du-lieu-hoc-ba.xml"
MAX_BYTES = 2_000_000

_MISSING = object()


def _same(value: Any) -> str:
    return value


def _int_in(text: str) -> int:
    if not text.isascii() or not text.isdigit() or str(int(text)) != text:
        raise ValueError(text)
    return int(text)


def _bool_in(text: str) -> bool:
    return {"0": False, "1": True}[text]


def _bool_out(value: bool) -> str:
    return "1" if value else "0"


#: (write, read) between the plain canonical value and the text of a tag.
TEXT: tuple[Callable[[Any], str], Callable[[str], Any]] = (_same, _same)
WHOLE = (str, _int_in)
FLAG = (_bool_out, _bool_in)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value: ``tag`` holds the plain value found at the dotted ``path`` of the enclosing object."""

    tag: str
    path: str
    codec: tuple[Callable[[Any], str], Callable[[str], Any]] = TEXT


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of texts at ``path``: ``tag`` repeated, one a text."""

    tag: str
    path: str


@dataclass(frozen=True, slots=True)
class Group:
    """A fixed sub-element ``tag`` whose members read from the same enclosing object."""

    tag: str
    members: tuple[Leaf | Texts | Group | Rows, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of objects at ``path``: ``<tag>`` with one ``<row_tag>`` an object."""

    tag: str
    path: str
    row_tag: str
    members: tuple[Leaf, ...]


TagMap = tuple[Leaf | Texts | Group | Rows, ...]


def _levels(path: str) -> tuple[Leaf, ...]:
    return (
        Leaf("HOC_KY_I", f"{path}.semester_1"),
        Leaf("HOC_KY_I_DIEU_CHINH", f"{path}.semester_1_adjusted", FLAG),
        Leaf("HOC_KY_II", f"{path}.semester_2"),
        Leaf("HOC_KY_II_DIEU_CHINH", f"{path}.semester_2_adjusted", FLAG),
        Leaf("CA_NAM", f"{path}.year"),
        Leaf("CA_NAM_DIEU_CHINH", f"{path}.year_adjusted", FLAG),
        Leaf("SAU_DANH_GIA_LAI", f"{path}.after"),
    )


#: The record as this project writes it today.
THCS_1_0: TagMap = (
    Group(
        "THONG_TIN_CHUNG",
        (
            Leaf("PHIEN_BAN", "format_version"),
            Leaf("THONG_TU", "regulation_version"),
            Leaf("MA_TRA_CUU_UUID", "record_uuid"),
            Leaf("MA_TRA_CUU_UUID_THAY_THE", "replaces_uuid"),
            Leaf("PHAM_VI", "scope"),
            Leaf("DU_LIEU_THU_NGHIEM", "demo", FLAG),
            Leaf("TEN_NAM_HOC", "school_year"),
            Leaf("MA_SO_GIAO_DUC", "school.department_code"),
            Leaf("TEN_SO_GD", "school.department_name"),
            Leaf("MA_TRUONG", "school.code"),
            Leaf("TEN_TRUONG", "school.name"),
            Leaf("TEN_XA_PHUONG", "school.commune"),
            Leaf("TEN_TINH_THANH_PHO", "school.province"),
            Leaf("DIA_DANH_TRUONG", "school.place_name"),
            Leaf("DIA_CHI_TRA_CUU", "school.lookup_url"),
            Leaf("MA_KHOI", "grade_level", WHOLE),
            Leaf("TEN_LOP", "class_name"),
            Leaf("SO_SO_DANG_BO", "student.register_no"),
            Leaf("HO_VA_TEN", "student.full_name"),
            Leaf("SO_CCCD", "student.personal_id"),
            Leaf("MA_HOC_SINH", "student.moet_code"),
            Leaf("GIOI_TINH", "student.sex"),
            Leaf("NGAY_SINH", "student.born_on"),
            Leaf("CAN_NANG", "student.weight_kg"),
            Leaf("CHIEU_CAO", "student.height_cm"),
            Leaf("TONG_SO_BUOI_NGHI_CO_PHEP", "absences.year.excused", WHOLE),
            Leaf("THONG_SO_BUOI_NGHI_KHONG_PHEP", "absences.year.unexcused", WHOLE),
            Leaf("NOI_SINH", "student.birth_place"),
            Leaf("QUE_QUAN", "student.home_town"),
            Leaf("CHO_O_HIEN_NAY", "student.address"),
            Leaf("DAN_TOC", "student.ethnicity"),
            Leaf("QUOC_TICH", "student.nationality"),
            Leaf("DOI_TUONG_CHINH_SACH", "student.policy_category"),
            Leaf("HO_VA_TEN_CHA", "student.father.name"),
            Leaf("NGHE_NGHIEP_CHA", "student.father.occupation"),
            Leaf("HO_VA_TEN_ME", "student.mother.name"),
            Leaf("NGHE_NGHIEP_ME", "student.mother.occupation"),
            Leaf("HO_VA_TEN_NGUOI_GIAM_HO", "student.guardian.name"),
            Leaf("NGHE_NGHIEP_NGUOI_GIAM_HO", "student.guardian.occupation"),
            Leaf("TEN_GIAM_HIEU_KY_HOC_BA", "principal.name"),
            Leaf("SO_CCCD_GIAM_HIEU_KY_HOC_BA", "principal.personal_id"),
            Leaf("CHUC_VU_GIAM_HIEU_KY_HOC_BA", "principal.title"),
            Leaf("DIA_DANH_PHAT_HANH_HOC_BA", "issue_place"),
            Leaf("NGAY_TAO_HOC_BA", "built_at"),
            Leaf("NGAY_KY_PHAT_HANH_HOC_BA", "issue_on"),
            Leaf("TEN_GIAO_VIEN_CHU_NHIEM", "homeroom.name"),
            Leaf("SO_CCCD_GIAO_VIEN_CHU_NHIEM", "homeroom.personal_id"),
            Leaf("CHUC_VU_GIAO_VIEN_CHU_NHIEM", "homeroom.title"),
        ),
    ),
    Rows(
        "QUA_TRINH_HOC_TAP",
        "study_history",
        "NAM_HOC_TRUOC",
        (
            Leaf("NAM_HOC", "school_year"),
            Leaf("TEN_LOP", "class_name"),
            Leaf("TEN_TRUONG", "school_name"),
            Leaf("DIA_CHI_TRUONG", "place"),
            Leaf("NGAY_TRANG_THAI_CHUYEN_DEN", "moved_in_on"),
        ),
    ),
    Rows(
        "BANG_DIEM",
        "subjects",
        "MON_HOC",
        (
            Leaf("MA_MON_HOC", "code"),
            Leaf("TEN_MON_HOC", "name"),
            Leaf("KIEU_DANH_GIA", "kind"),
            Leaf("HOC_KY_I", "semester_1"),
            Leaf("HOC_KY_II", "semester_2"),
            Leaf("CA_NAM", "year"),
            Leaf("SAU_DANH_GIA_LAI", "after_reassessment"),
            Leaf("NHAN_XET", "remark"),
            Leaf("TEN_GIAO_VIEN", "teacher_name"),
        ),
    ),
    Group(
        "TONG_KET",
        (
            Group("KET_QUA_REN_LUYEN", _levels("conduct")),
            Group("KET_QUA_HOC_TAP", _levels("learning")),
            Group(
                "SO_BUOI_NGHI",
                (
                    Leaf("HOC_KY_I_CO_PHEP", "absences.semester_1.excused", WHOLE),
                    Leaf("HOC_KY_I_KHONG_PHEP", "absences.semester_1.unexcused", WHOLE),
                    Leaf("HOC_KY_II_CO_PHEP", "absences.semester_2.excused", WHOLE),
                    Leaf("HOC_KY_II_KHONG_PHEP", "absences.semester_2.unexcused", WHOLE),
                ),
            ),
            Leaf("KET_QUA_XEP_LOAI", "promotion.outcome"),
            Leaf("DUOC_LEN_LOP", "promotion.promoted"),
            Leaf("DUOC_LEN_LOP_SAU_DANH_GIA_LAI", "promotion.promoted_after"),
            Leaf("KHONG_DUOC_LEN_LOP", "promotion.retained"),
            Leaf("NOI_DUNG_HOAN_THANH_CHUONG_TRINH", "completion"),
            Leaf("SO_CHO_SUA_CHUA", "corrections.n_places", WHOLE),
            Texts("MON_HOC_SUA_CHUA", "corrections.subject_names"),
            Rows(
                "CHUNG_CHI", "certificates", "CHUNG_CHI_DA_CAP", (Leaf("TEN", "name"), Leaf("LOAI_CHUNG_CHI", "grade"))
            ),
            Texts("KET_QUA_CUOC_THI", "competitions"),
            Texts("NOI_DUNG_KHEN_THUONG", "awards"),
            Leaf("NHAN_XET_GVCN", "homeroom_remark"),
            Leaf("NHAN_XET_HIEU_TRUONG", "principal_remark"),
        ),
    ),
)

FORM_BROKEN = "Dữ liệu học bạ trong tệp bị thêm, bớt, lặp hoặc đảo mục so với mẫu của Bộ."


def form(tags: TagMap = THCS_1_0) -> list[Any]:
    """The order of tags as plain lists, for a reader that is not Python: (tag, ``leaf``, ``texts``, ``group`` or ``rows``, what is inside)."""
    found: list[Any] = []
    for member in tags:
        kind = type(member).__name__.lower()
        inside = form(member.members) if isinstance(member, (Group, Rows)) else []
        found.append([member.tag, kind, [member.row_tag, inside] if isinstance(member, Rows) else inside])
    return found


#: Parts of the content that are absent as a whole when none of their tags is there.
_OPTIONAL_PARTS = (
    "student.father",
    "student.mother",
    "student.guardian",
    "absences.semester_1",
    "absences.semester_2",
    "absences.year",
)


def canonical(element: etree._Element) -> bytes:
    """Canonical XML 1.0 of ``element`` standing alone (no namespaces are inherited in this format)."""
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def parse_xml(data: bytes) -> etree._Element:
    """Parse untrusted XML: no DTD, no entities, no network, bounded size. Raises ``errors.Invalid``."""
    if len(data) > MAX_BYTES:
        raise Invalid("Tệp XML quá lớn so với một học bạ.")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, remove_pis=False
    )
    try:
        tree = etree.parse(BytesIO(data), parser)
    except etree.XMLSyntaxError as error:
        raise Invalid("Tệp XML không đọc được hoặc đã bị hỏng.") from error
    if tree.docinfo.doctype or tree.docinfo.internalDTD is not None:
        raise Invalid("Tệp XML có phần khai báo DTD, không được phép.")
    for node in tree.iter():
        if not isinstance(node.tag, str):
            raise Invalid("Tệp XML có chú thích hoặc chỉ thị xử lí, không được phép.")
    return tree.getroot()


def _get(plain: Any, path: str) -> Any:
    for name in path.split("."):
        if plain is None:
            return None
        plain = plain[name]
    return plain


def _put(plain: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        plain = plain.setdefault(name, {})
    plain[last] = value


def _write(parent: etree._Element, members: Iterable[Any], plain: Any) -> None:
    for member in members:
        if isinstance(member, Leaf):
            value = _get(plain, member.path)
            if value is not None:
                etree.SubElement(parent, member.tag).text = member.codec[0](value)
        elif isinstance(member, Texts):
            for value in _get(plain, member.path):
                etree.SubElement(parent, member.tag).text = value
        elif isinstance(member, Group):
            _write(etree.SubElement(parent, member.tag), member.members, plain)
        else:
            rows = etree.SubElement(parent, member.tag)
            for row in _get(plain, member.path):
                _write(etree.SubElement(rows, member.row_tag), member.members, row)


def build_data_zone(content: TranscriptContent, tags: TagMap = THCS_1_0) -> bytes:
    """The data zone of ``content`` as canonical bytes: the same content gives the same bytes, always."""
    zone = etree.Element(DATA_ZONE, id=DATA_ZONE_ID)
    _write(zone, tags, to_plain(content))
    return canonical(zone)


def _read(element: etree._Element, members: Iterable[Any], plain: dict[str, Any]) -> None:
    children = list(element)
    if (element.text or "").strip() and children:
        raise Invalid(FORM_BROKEN)
    position = 0

    def take(tag: str) -> Any:
        nonlocal position
        if position < len(children) and children[position].tag == tag:
            position += 1
            return children[position - 1]
        return _MISSING

    for member in members:
        if isinstance(member, Leaf):
            child = take(member.tag)
            value = None
            if child is not _MISSING:
                if len(child) or child.attrib or not child.text:
                    raise Invalid(FORM_BROKEN)
                try:
                    value = member.codec[1](child.text)
                except (ValueError, KeyError) as error:
                    raise Invalid("Dữ liệu học bạ trong tệp có giá trị không hợp lệ.") from error
            _put(plain, member.path, value)
        elif isinstance(member, Texts):
            values = []
            while (child := take(member.tag)) is not _MISSING:
                values.append(child.text)
            _put(plain, member.path, values)
        else:
            child = take(member.tag)
            if child is _MISSING:
                raise Invalid(FORM_BROKEN)
            if isinstance(member, Group):
                _read(child, member.members, plain)
            else:
                rows: list[dict[str, Any]] = []
                for row in child:
                    if row.tag != member.row_tag:
                        raise Invalid(FORM_BROKEN)
                    rows.append({})
                    _read(row, member.members, rows[-1])
                _put(plain, member.path, rows)
    if position != len(children):
        raise Invalid(FORM_BROKEN)


def parse_data_zone(data: bytes, tags: TagMap = THCS_1_0) -> TranscriptContent:
    """Read a data zone back into the content it was built from.

    Raises ``errors.Invalid`` when the bytes are not exactly the canonical zone of a valid content: unknown, repeated or
    displaced tags, odd values and any byte that ``build_data_zone`` would not have written are refused.
    """
    element = parse_xml(data)
    if element.tag != DATA_ZONE or dict(element.attrib) != {"id": DATA_ZONE_ID}:
        raise Invalid("Tệp XML không phải vùng dữ liệu của học bạ số.")
    plain: dict[str, Any] = {}
    _read(element, tags, plain)
    for path in _OPTIONAL_PARTS:
        part = _get(plain, path)
        if part is not None and all(value is None for value in part.values()):
            _put(plain, path, None)
    content = from_plain(plain)
    if build_data_zone(content, tags) != data:
        raise Invalid("Dữ liệu học bạ trong tệp viết khác cách nhà trường viết: tệp đã bị sửa.")
    return content


def assemble(data_zone: bytes, signatures: Iterable[bytes] = ()) -> bytes:
    """The record file: the data zone untouched, then the signing zone with the given signer nodes in order.

    ``signatures`` are the canonical bytes of ``<GVCN>``, ``<CBQL>``, ``<KY_PHAT_HANH>``. The result is canonical as a whole.
    """
    content = parse_data_zone(data_zone)
    body = b"".join(signatures)
    zone = f"<{SIGNING_ZONE}>".encode() + body + f"</{SIGNING_ZONE}>".encode()
    return f'<{ROOT} id="{content.record_uuid}">'.encode() + data_zone + zone + f"</{ROOT}>".encode()


@dataclass(frozen=True, slots=True)
class RecordParts:
    """A record file taken apart: the zone's exact bytes, what it says, and the signer elements in file order."""

    data_zone: bytes
    content: TranscriptContent
    signatures: tuple[etree._Element, ...]


def take_apart(data: bytes) -> RecordParts:
    """Split a record file. Raises ``errors.Invalid`` unless the file has exactly the shape that ``assemble`` writes."""
    root = parse_xml(data)
    children = list(root)
    if root.tag != ROOT or [child.tag for child in children] != [DATA_ZONE, SIGNING_ZONE] or set(root.attrib) != {"id"}:
        raise Invalid("Tệp XML không có cấu trúc của học bạ số.")
    zone = canonical(children[0])
    content = parse_data_zone(zone)
    signatures = tuple(children[1])
    if assemble(zone, [canonical(node) for node in signatures]) != data:
        raise Invalid("Tệp XML có nội dung lạ ngoài vùng dữ liệu và vùng chữ ký.")
    return RecordParts(zone, content, signatures)


def iso_instant(value: datetime) -> str:
    """``YYYY-MM-DDThh:mm:ssZ`` of an aware instant (CV 2088: time with zone designator)."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
