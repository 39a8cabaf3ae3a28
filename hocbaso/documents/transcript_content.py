"""The frozen content of one transcript record: one student, one school year (CV 2088/BGDĐT-GDTH: "đơn vị học bạ số").

Everything the PDF prints and the XML carries stands here and nowhere else, as plain immutable values. Two faces (PDF and
XML) made from equal content are equal; ``content_digest`` is what the database keeps to prove it.

Units and shapes
    scores     strings with one decimal and a point, ``"8.5"``, ``"10.0"``; never a float, never a comma
    comments   ``"Đ"`` or ``"CĐ"``; an exempt subject says ``"Miễn"``
    levels     ``Level`` (T, K, Đ, CĐ)
    text       NFC, letters that the shipped type can draw, no control characters except line feed, no blank at either end;
               empty text is ``None``
    dates      ``datetime.date``; instants aware UTC ``datetime`` without microseconds

Sources: Circular 22/2021/TT-BGDĐT (form of the học bạ THCS), CV 2088/BGDĐT-GDTH annex 1 (field list), 1789/QĐ-SGDĐT art. 18.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from hocbaso.documents.content_rules import (
    ADDRESS,
    ENTRY,
    LONG,
    NAME,
    SUBJECT_REMARK,
    fail,
    is_lookup_url,
    require_code,
    require_count,
    require_date,
    require_measure,
    require_member,
    require_personal_id,
    require_result,
    require_school_year,
    require_text,
    require_tuple,
    require_uuid4,
)
from hocbaso.documents.content_rules import EXEMPT as EXEMPT
from hocbaso.documents.printable_text import nfc as nfc
from hocbaso.errors import Invalid
from hocbaso.regulations.terms import Level, Promotion, Sex, SubjectKind

FORMAT_1_0 = "hocbaso-thcs-1.0"
FORMAT_1_1 = "hocbaso-thcs-1.1"
FORMAT_1_2 = "hocbaso-thcs-1.2"
#: What is built today. 1.1: the QR carries a signed summary beside the lookup address. 1.2: who signed, as what and when is text under each
#: signature and the seal (decision 0035). Papers of older forms stay as they are, for ever.
FORMAT_VERSION = FORMAT_1_2
FORMAT_VERSIONS = (FORMAT_1_0, FORMAT_1_1, FORMAT_1_2)
REGULATION_VERSION = "TT22/2021/TT-BGDĐT"

TITLE_PRINCIPAL = "HIỆU TRƯỞNG"
TITLE_DEPUTY = "KT. HIỆU TRƯỞNG / PHÓ HIỆU TRƯỞNG"
PRINCIPAL_TITLES = (TITLE_PRINCIPAL, TITLE_DEPUTY)
COMPLETED = "Hoàn thành"
NOT_COMPLETED = "Không hoàn thành"

#: Level as the printed form writes it.
LEVEL_WORDS = {Level.TOT: "Tốt", Level.KHA: "Khá", Level.DAT: "Đạt", Level.CHUA_DAT: "Chưa đạt"}


class Scope(StrEnum):
    """What the record covers: the whole school year, or the results so far of a student who leaves during it."""

    YEAR = "YEAR"
    TRANSFER = "TRANSFER"


@dataclass(frozen=True, slots=True, kw_only=True)
class School:
    """The issuing school. ``commune`` and ``province`` carry their kind: "Xã Đồng Sen", "Tỉnh Ninh Bình".

    ``lookup_url`` is the base address of the public check page; the QR adds ``/<record_uuid>`` to it.
    """

    name: str
    code: str
    department_code: str
    department_name: str
    commune: str
    province: str
    place_name: str
    lookup_url: str

    def __post_init__(self) -> None:
        for name in ("name", "department_name", "commune", "province", "place_name"):
            require_text(f"school.{name}", getattr(self, name))
        require_code("school.code", self.code)
        require_code("school.department_code", self.department_code)
        if not is_lookup_url(self.lookup_url):
            fail("school.lookup_url", "Địa chỉ tra cứu học bạ không hợp lệ.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyMember:
    """Father, mother or guardian."""

    name: str
    occupation: str | None = None

    def __post_init__(self) -> None:
        require_text("family.name", self.name, limit=NAME)
        require_text("family.occupation", self.occupation, limit=NAME, required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """The personal page (form page 3) and the fields the digital record adds (CV 2088 THONG_TIN_CHUNG).

    ``height_cm`` and ``weight_kg`` are decimal strings such as ``"152.5"``. ``moet_code`` and ``personal_id`` stay ``None``
    until the authority has issued them; neither is ever made up here.
    """

    full_name: str
    sex: Sex
    born_on: date
    birth_place: str | None = None
    ethnicity: str | None = None
    nationality: str = "Việt Nam"
    home_town: str | None = None
    address: str | None = None
    policy_category: str | None = None
    personal_id: str | None = None
    moet_code: str | None = None
    register_no: str | None = None
    height_cm: str | None = None
    weight_kg: str | None = None
    father: FamilyMember | None = None
    mother: FamilyMember | None = None
    guardian: FamilyMember | None = None

    def __post_init__(self) -> None:
        require_text("student.full_name", self.full_name, limit=NAME)
        require_member("student.sex", self.sex, Sex)
        require_date("student.born_on", self.born_on)
        for name in ("birth_place", "ethnicity", "home_town", "address", "policy_category", "register_no"):
            require_text(f"student.{name}", getattr(self, name), limit=ADDRESS, required=False)
        require_text("student.nationality", self.nationality)
        require_personal_id("student.personal_id", self.personal_id, required=False)
        require_code("student.moet_code", self.moet_code, required=False)
        for name in ("height_cm", "weight_kg"):
            require_measure(f"student.{name}", getattr(self, name))
        for name in ("father", "mother", "guardian"):
            require_member(f"student.{name}", getattr(self, name), FamilyMember, required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyHistoryRow:
    """One line of QUÁ TRÌNH HỌC TẬP. ``place`` is commune and province; ``moved_in_on`` the day of arrival, if any."""

    school_year: str
    class_name: str
    school_name: str
    place: str | None = None
    moved_in_on: date | None = None

    def __post_init__(self) -> None:
        require_school_year("study_history.school_year", self.school_year)
        require_text("study_history.class_name", self.class_name, limit=20)
        require_text("study_history.school_name", self.school_name)
        require_text("study_history.place", self.place, required=False)
        require_date("study_history.moved_in_on", self.moved_in_on, required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRow:
    """One subject in print order. Results: ``"8.5"`` (scored), ``"Đ"``/``"CĐ"`` (comment), ``"Miễn"`` (exempt), ``None``."""

    code: str
    name: str
    kind: SubjectKind
    semester_1: str | None = None
    semester_2: str | None = None
    year: str | None = None
    after_reassessment: str | None = None
    remark: str | None = None
    teacher_name: str | None = None

    def __post_init__(self) -> None:
        require_code("subject.code", self.code)
        require_text(f"subject[{self.code}].name", self.name)
        require_member(f"subject[{self.code}].kind", self.kind, SubjectKind)
        for name in ("semester_1", "semester_2", "year", "after_reassessment"):
            require_result(f"subject[{self.code}].{name}", getattr(self, name), self.kind)
        require_text(f"subject[{self.code}].remark", self.remark, limit=SUBJECT_REMARK, lines=True, required=False)
        require_text(f"subject[{self.code}].teacher_name", self.teacher_name, limit=300, required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionNote:
    """ "Trong trang này có sửa chữa ở: … chỗ, thuộc môn học, hoạt động giáo dục: …"."""

    n_places: int = 0
    subject_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_count("corrections.n_places", self.n_places)
        require_tuple("corrections.subject_names", self.subject_names, str)
        for name in self.subject_names:
            require_text("corrections.subject_names", name)
        if bool(self.n_places) != bool(self.subject_names):
            fail("corrections", "Số chỗ sửa chữa và danh sách môn học sửa chữa không khớp nhau.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelTrack:
    """Conduct (Art. 8) or learning (Art. 9) levels. ``after`` is the level after the summer, ``None`` when not used.

    The ``*_adjusted`` flags say that the level was raised by the adjustment rule of Art. 9.3 (a single subject pulls it down).
    """

    semester_1: Level | None = None
    semester_2: Level | None = None
    year: Level | None = None
    after: Level | None = None
    semester_1_adjusted: bool = False
    semester_2_adjusted: bool = False
    year_adjusted: bool = False

    def __post_init__(self) -> None:
        for name in ("semester_1", "semester_2", "year", "after"):
            require_member(f"levels.{name}", getattr(self, name), Level, required=False)
        for name in ("semester_1_adjusted", "semester_2_adjusted", "year_adjusted"):
            require_member(f"levels.{name}", getattr(self, name), bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Absences of a period in school sessions (buổi), with and without leave."""

    excused: int = 0
    unexcused: int = 0

    def __post_init__(self) -> None:
        require_count("absence.excused", self.excused)
        require_count("absence.unexcused", self.unexcused)

    @property
    def total(self) -> int:
        """All absences of the period."""
        return self.excused + self.unexcused


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceTrack:
    """Absences of both semesters and of the year; the year is their sum (Art. 12.1c counts the year)."""

    semester_1: Absence | None = None
    semester_2: Absence | None = None
    year: Absence | None = None

    def __post_init__(self) -> None:
        for name in ("semester_1", "semester_2", "year"):
            require_member(f"absences.{name}", getattr(self, name), Absence, required=False)
        if self.semester_1 and self.semester_2 and self.year:
            for name in ("excused", "unexcused"):
                if getattr(self.semester_1, name) + getattr(self.semester_2, name) != getattr(self.year, name):
                    fail(f"absences.year.{name}", "Số buổi nghỉ cả năm không bằng tổng hai học kì.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionNote:
    """The three lines beside the level table (Art. 12). Each text is what is written on its line, else ``None``."""

    outcome: Promotion | None = None
    promoted: str | None = None
    promoted_after: str | None = None
    retained: str | None = None

    def __post_init__(self) -> None:
        require_member("promotion.outcome", self.outcome, Promotion, required=False)
        for name in ("promoted", "promoted_after", "retained"):
            require_text(f"promotion.{name}", getattr(self, name), required=False)
        if sum(text is not None for text in (self.promoted, self.promoted_after, self.retained)) > 1:
            fail("promotion", "Chỉ được ghi một trong ba kết luận về lên lớp.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateNote:
    """ "Chứng chỉ (nếu có): … Loại: …"."""

    name: str
    grade: str | None = None

    def __post_init__(self) -> None:
        require_text("certificates.name", self.name, limit=ENTRY, lines=True)
        require_text("certificates.grade", self.grade, lines=True, required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerNote:
    """A person whose signature the record expects. ``title`` is as printed above the signature."""

    name: str
    title: str
    personal_id: str | None = None

    def __post_init__(self) -> None:
        require_text("signer.name", self.name, limit=NAME)
        require_text("signer.title", self.title)
        require_personal_id("signer.personal_id", self.personal_id, required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptContent:
    """One record: one student, one school year. See the module's text for units; raises ``errors.Invalid``."""

    record_uuid: str
    school: School
    school_year: str
    class_name: str
    grade_level: int
    student: Student
    subjects: tuple[SubjectRow, ...]
    homeroom: SignerNote
    principal: SignerNote
    issue_on: date
    issue_place: str
    built_at: datetime
    format_version: str = FORMAT_VERSION
    regulation_version: str = REGULATION_VERSION
    scope: Scope = Scope.YEAR
    replaces_uuid: str | None = None
    study_history: tuple[StudyHistoryRow, ...] = ()
    corrections: CorrectionNote = field(default_factory=CorrectionNote)
    conduct: LevelTrack = field(default_factory=LevelTrack)
    learning: LevelTrack = field(default_factory=LevelTrack)
    absences: AbsenceTrack = field(default_factory=AbsenceTrack)
    promotion: PromotionNote = field(default_factory=PromotionNote)
    completion: str | None = None
    certificates: tuple[CertificateNote, ...] = ()
    competitions: tuple[str, ...] = ()
    awards: tuple[str, ...] = ()
    homeroom_remark: str | None = None
    principal_remark: str | None = None
    demo: bool = False

    def __post_init__(self) -> None:
        require_uuid4("record_uuid", self.record_uuid)
        if self.replaces_uuid is not None:
            require_uuid4("replaces_uuid", self.replaces_uuid)
            if self.replaces_uuid == self.record_uuid:
                fail("replaces_uuid", "Mã tra cứu không bao giờ được dùng lại.")
        if self.format_version not in FORMAT_VERSIONS:
            fail("format_version", f"Phiên bản dữ liệu học bạ không được hỗ trợ: {self.format_version}.")
        require_text("regulation_version", self.regulation_version)
        require_member("scope", self.scope, Scope)
        for name, kind in (
            ("school", School),
            ("student", Student),
            ("homeroom", SignerNote),
            ("principal", SignerNote),
            ("corrections", CorrectionNote),
            ("conduct", LevelTrack),
            ("learning", LevelTrack),
            ("absences", AbsenceTrack),
            ("promotion", PromotionNote),
            ("demo", bool),
        ):
            require_member(name, getattr(self, name), kind)
        require_school_year("school_year", self.school_year)
        require_text("class_name", self.class_name, limit=20)
        if isinstance(self.grade_level, bool) or self.grade_level not in (6, 7, 8, 9):
            fail("grade_level", "Khối lớp phải từ 6 đến 9.")
        require_tuple("subjects", self.subjects, SubjectRow)
        codes = [row.code for row in self.subjects]
        if not codes or len(codes) != len(set(codes)):
            fail("subjects", "Bảng điểm trống hoặc có môn học lặp lại.")
        require_tuple("study_history", self.study_history, StudyHistoryRow)
        if self.principal.title not in PRINCIPAL_TITLES:
            fail("principal.title", "Chức vụ người ký phải là Hiệu trưởng hoặc Phó Hiệu trưởng ký thay.")
        require_date("issue_on", self.issue_on)
        require_text("issue_place", self.issue_place)
        if not isinstance(self.built_at, datetime) or self.built_at.utcoffset() is None or self.built_at.microsecond:
            fail("built_at", "Thời điểm lập học bạ phải có múi giờ và tròn giây.")
        if self.built_at.tzinfo is not UTC:
            object.__setattr__(self, "built_at", self.built_at.astimezone(UTC))
        if self.completion is not None:
            if self.grade_level != 9:
                fail("completion", "Chỉ lớp 9 mới ghi hoàn thành chương trình trung học cơ sở.")
            if self.completion not in (COMPLETED, NOT_COMPLETED):
                fail("completion", "Kết luận hoàn thành chương trình không hợp lệ.")
        promotion = self.promotion
        if self.scope is Scope.TRANSFER and (
            self.completion or promotion.promoted or promotion.promoted_after or promotion.retained
        ):
            fail("scope", "Học bạ lập khi học sinh chuyển trường giữa năm chưa ghi kết luận cả năm.")
        require_tuple("certificates", self.certificates, CertificateNote)
        for name in ("competitions", "awards"):
            require_tuple(name, getattr(self, name), str)
            for item in getattr(self, name):
                require_text(name, item, limit=ENTRY)
        require_text("homeroom_remark", self.homeroom_remark, limit=LONG, lines=True, required=False)
        require_text("principal_remark", self.principal_remark, limit=LONG, lines=True, required=False)

    @property
    def has_summary(self) -> bool:
        """Whether the QR carries a signed summary (``documents/qr_summary``)."""
        return self.format_version != FORMAT_1_0

    @property
    def has_written_signatures(self) -> bool:
        """Whether signatures write who signed, as what and when as text in the paper's own fonts, the seal's in a strip below it."""
        return self.format_version not in (FORMAT_1_0, FORMAT_1_1)

    @property
    def refuses_twins(self) -> bool:
        """Whether of an elliptic curve's two forms of one signature only the lower is taken; before 1.2 either was written."""
        return self.format_version not in (FORMAT_1_0, FORMAT_1_1)

    @property
    def lookup_address(self) -> str:
        """What the QR opens: the public check page of this record."""
        return f"{self.school.lookup_url.rstrip('/')}/{self.record_uuid}"


# --- canonical form -------------------------------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, bool)) or type(value) is int:
        return value
    raise Invalid(f"Kiểu dữ liệu {type(value).__name__} không được phép trong học bạ.")


def to_plain(content: TranscriptContent) -> dict[str, Any]:
    """The dictionary form: only ``dict``, ``list``, ``str``, ``int``, ``bool`` and ``None``, every field present."""
    return _plain(content)


def to_canonical_json(content: TranscriptContent) -> bytes:
    """The one byte form of ``content``: sorted keys, no blanks, UTF-8 NFC, every field present, no floats."""
    return json.dumps(
        _plain(content), sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    ).encode("utf-8")


def content_digest(content: TranscriptContent) -> str:
    """SHA-256 of ``to_canonical_json`` in lower-case hex."""
    return hashlib.sha256(to_canonical_json(content)).hexdigest()


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _revive(kind: Any, value: Any, path: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        (kind,) = [arg for arg in typing.get_args(kind) if arg is not type(None)]
        return _revive(kind, value, path)
    if origin is tuple:
        if not isinstance(value, list):
            fail(path, f"Danh sách {path} không hợp lệ.")
        (item_kind, _) = typing.get_args(kind)
        return tuple(_revive(item_kind, item, f"{path}[{index}]") for index, item in enumerate(value))
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            fail(path, f"Phần {path or 'học bạ'} không hợp lệ.")
        hints = _hints(kind)  # type: ignore[arg-type]
        if set(value) != set(hints):
            odd = ", ".join(sorted(set(value) ^ set(hints)))
            fail(path, f"Phần {path or 'học bạ'} thiếu hoặc thừa trường: {odd}.")
        return kind(**{name: _revive(hint, value[name], f"{path}.{name}".lstrip(".")) for name, hint in hints.items()})  # type: ignore[operator]
    try:
        if kind is datetime:
            return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if kind is date:
            return date.fromisoformat(value)
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return kind(value)
    except (TypeError, ValueError):
        fail(path, f"Giá trị {path} không hợp lệ.")
    if type(value) is not kind:
        fail(path, f"Giá trị {path} sai kiểu.")
    return value


def from_plain(plain: Any) -> TranscriptContent:
    """Revive the dictionary form (as ``json.loads`` gives it). Raises ``errors.Invalid`` on any odd field or value."""
    return _revive(TranscriptContent, plain, "")


def from_canonical_json(data: bytes) -> TranscriptContent:
    """Read back ``to_canonical_json``. Bytes that are not exactly canonical are refused with ``errors.Invalid``."""
    try:
        plain = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Invalid("Dữ liệu học bạ không đọc được.") from error
    content = from_plain(plain)
    if to_canonical_json(content) != data:
        raise Invalid("Dữ liệu học bạ không ở dạng chuẩn tắc.")
    return content
