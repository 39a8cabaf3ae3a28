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
import re
import types
import typing
import unicodedata
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from hocbaso.documents.printable_text import nfc as nfc
from hocbaso.documents.printable_text import why_not_printed
from hocbaso.errors import Invalid
from hocbaso.regulations.terms import Level, PassFail, Promotion, Sex, SubjectKind

FORMAT_1_0 = "hocbaso-thcs-1.0"
FORMAT_1_1 = "hocbaso-thcs-1.1"
FORMAT_1_2 = "hocbaso-thcs-1.2"
#: What is built today. 1.1: the QR carries a signed summary beside the lookup address. 1.2: who signed, as what and when is text under each
#: signature and the seal (decision 0035). Papers of older forms stay as they are, for ever.
FORMAT_VERSION = FORMAT_1_2
FORMAT_VERSIONS = (FORMAT_1_0, FORMAT_1_1, FORMAT_1_2)
REGULATION_VERSION = "TT22/2021/TT-BGDĐT"

EXEMPT = "Miễn"
TITLE_PRINCIPAL = "HIỆU TRƯỞNG"
TITLE_DEPUTY = "KT. HIỆU TRƯỞNG / PHÓ HIỆU TRƯỞNG"
PRINCIPAL_TITLES = (TITLE_PRINCIPAL, TITLE_DEPUTY)
COMPLETED = "Hoàn thành"
NOT_COMPLETED = "Không hoàn thành"

#: Level as the printed form writes it.
LEVEL_WORDS = {Level.TOT: "Tốt", Level.KHA: "Khá", Level.DAT: "Đạt", Level.CHUA_DAT: "Chưa đạt"}

_SCORE = re.compile(r"(?:10\.0|[0-9]\.[0-9])\Z")
_SCHOOL_YEAR = re.compile(r"(\d{4})-(\d{4})\Z")
_PERSONAL_ID = re.compile(r"\d{12}\Z")
_MEASURE = re.compile(r"\d{1,3}(?:\.\d)?\Z")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,40}\Z")
_URL = re.compile(r"https?://[A-Za-z0-9.\-:\[\]]+(?:/[A-Za-z0-9._~/\-]*)?\Z")


def is_lookup_url(value: object) -> bool:
    """Whether this may be the base address of the public check page: http(s), a host, a plain path; 200 characters."""
    return isinstance(value, str) and bool(_URL.match(value)) and len(value) <= 200


#: Characters at most, each at least what the field's page takes: what was accepted in October must print in May.
_LONG = 2000
_SUBJECT_REMARK = 1000
_ENTRY = 500
_ADDRESS = 300
_SHORT = 200
_NAME = 120
#: What a refusal calls a field; the code stays in ``Invalid.field``.
_FIELD_WORDS = {
    "school.name": "tên trường",
    "school.department_name": "tên Sở",
    "school.commune": "xã, phường của trường",
    "school.province": "tỉnh, thành phố của trường",
    "school.place_name": "địa danh của trường",
    "school.code": "mã trường",
    "school.department_code": "mã Sở",
    "family.name": "họ và tên cha, mẹ hoặc người giám hộ",
    "family.occupation": "nghề nghiệp cha, mẹ hoặc người giám hộ",
    "student.full_name": "họ và tên học sinh",
    "student.sex": "giới tính",
    "student.born_on": "ngày sinh",
    "student.birth_place": "nơi sinh",
    "student.ethnicity": "dân tộc",
    "student.nationality": "quốc tịch",
    "student.home_town": "quê quán",
    "student.address": "chỗ ở hiện tại",
    "student.policy_category": "đối tượng chính sách",
    "student.register_no": "số đăng bộ",
    "student.personal_id": "học sinh",
    "student.moet_code": "học sinh",
    "student.height_cm": "chiều cao",
    "student.weight_kg": "cân nặng",
    "study_history.school_year": "năm học trong quá trình học tập",
    "study_history.class_name": "lớp trong quá trình học tập",
    "study_history.school_name": "tên trường trong quá trình học tập",
    "study_history.place": "địa chỉ trường trong quá trình học tập",
    "study_history.moved_in_on": "ngày chuyển đến",
    "subject.code": "môn học",
    "subject.name": "tên môn học",
    "subject.kind": "cách đánh giá môn học",
    "subject.semester_1": "học kì I",
    "subject.semester_2": "học kì II",
    "subject.year": "cả năm",
    "subject.after_reassessment": "sau đánh giá lại",
    "subject.remark": "nhận xét môn học",
    "subject.teacher_name": "tên giáo viên môn học",
    "corrections.n_places": "chỗ sửa chữa",
    "corrections.subject_names": "môn học có sửa chữa",
    "absence.excused": "buổi nghỉ có phép",
    "absence.unexcused": "buổi nghỉ không phép",
    "promotion.promoted": "được lên lớp",
    "promotion.promoted_after": "được lên lớp sau hè",
    "promotion.retained": "không được lên lớp",
    "certificates": "chứng chỉ",
    "certificates.name": "chứng chỉ",
    "certificates.grade": "loại chứng chỉ",
    "signer.name": "họ và tên người ký",
    "signer.title": "chức vụ người ký",
    "signer.personal_id": "người ký",
    "regulation_version": "văn bản quy định",
    "class_name": "lớp",
    "subjects": "bảng điểm",
    "study_history": "quá trình học tập",
    "issue_on": "phát hành",
    "issue_place": "nơi phát hành",
    "competitions": "kết quả các cuộc thi",
    "awards": "khen thưởng",
    "homeroom_remark": "nhận xét của giáo viên chủ nhiệm",
    "principal_remark": "nhận xét của Hiệu trưởng",
}
_INDEXED = re.compile(r"subject\[(.+)\]\.")


class Scope(StrEnum):
    """What the record covers: the whole school year, or the results so far of a student who leaves during it."""

    YEAR = "YEAR"
    TRANSFER = "TRANSFER"


def _fail(name: str, sentence: str) -> typing.NoReturn:
    raise Invalid(sentence, field=name)


def _words(name: str) -> str:
    """A field as people call it: ``subject[toan].remark`` is "nhận xét môn học (toan)"."""
    found = _INDEXED.match(name)
    if found:
        return f"{_words('subject.' + name[found.end() :])} ({found[1]})"
    return _FIELD_WORDS.get(name, name)


def _text(name: str, value: object, *, limit: int = _SHORT, lines: bool = False, required: bool = True) -> None:
    if value is None:
        if required:
            _fail(name, f"Thiếu dữ liệu bắt buộc của học bạ: {_words(name)}.")
        return
    if not isinstance(value, str):
        _fail(name, f"Dữ liệu {_words(name)} phải là chữ.")
    if not value or value != value.strip():
        _fail(name, f"Dữ liệu {_words(name)} để trống hoặc thừa khoảng trắng ở đầu, cuối.")
    if len(value) > limit:
        _fail(name, f"Dữ liệu {_words(name)} dài {len(value)} kí tự, học bạ nhận nhiều nhất {limit}.")
    if not unicodedata.is_normalized("NFC", value):
        _fail(name, f"Dữ liệu {_words(name)} chưa ở dạng Unicode dựng sẵn (NFC).")
    if not lines and "\n" in value:
        _fail(name, f"Dữ liệu {_words(name)} không được xuống dòng.")
    reason = why_not_printed(value)
    if reason:
        _fail(name, f"Dữ liệu {_words(name)} {reason}")


def _code(name: str, value: object, *, required: bool = True) -> None:
    if value is None and not required:
        return
    if not isinstance(value, str) or not _CODE.match(value):
        _fail(name, f"Mã của {_words(name)} chỉ được gồm chữ cái không dấu, chữ số và các dấu . _ -")


def _personal_id(name: str, value: object, *, required: bool) -> None:
    if value is None and not required:
        return
    if not isinstance(value, str) or not _PERSONAL_ID.match(value):
        _fail(name, f"Số định danh cá nhân ({_words(name)}) phải có đúng 12 chữ số.")


def _date(name: str, value: object, *, required: bool = True) -> None:
    if value is None and not required:
        return
    if not isinstance(value, date) or isinstance(value, datetime):
        _fail(name, f"Ngày ({_words(name)}) không hợp lệ.")


def _member(name: str, value: object, kind: type, *, required: bool = True) -> None:
    if value is None and not required:
        return
    if not isinstance(value, kind):
        _fail(name, f"Giá trị {_words(name)} không nằm trong danh mục cho phép.")


def _tuple(name: str, value: object, kind: type) -> None:
    if not isinstance(value, tuple) or not all(isinstance(item, kind) for item in value):
        _fail(name, f"Danh sách {_words(name)} không hợp lệ.")


def _count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 999:
        _fail(name, f"Số {_words(name)} phải là số nguyên từ 0 đến 999.")


def _result(name: str, value: object, kind: SubjectKind) -> None:
    if value is None or value == EXEMPT:
        return
    if kind is SubjectKind.SCORED:
        if not isinstance(value, str) or not _SCORE.match(value):
            _fail(name, f"Điểm {_words(name)} phải từ 0.0 đến 10.0 với đúng một chữ số thập phân.")
    elif value not in (PassFail.PASS.value, PassFail.FAIL.value):
        _fail(name, f"Mức đánh giá {_words(name)} phải là Đ hoặc CĐ.")


def _school_year(name: str, value: object) -> None:
    match = _SCHOOL_YEAR.match(value) if isinstance(value, str) else None
    if not match or int(match[2]) != int(match[1]) + 1:
        _fail(name, "Năm học phải có dạng 2025-2026.")


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
            _text(f"school.{name}", getattr(self, name))
        _code("school.code", self.code)
        _code("school.department_code", self.department_code)
        if not is_lookup_url(self.lookup_url):
            _fail("school.lookup_url", "Địa chỉ tra cứu học bạ không hợp lệ.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyMember:
    """Father, mother or guardian."""

    name: str
    occupation: str | None = None

    def __post_init__(self) -> None:
        _text("family.name", self.name, limit=_NAME)
        _text("family.occupation", self.occupation, limit=_NAME, required=False)


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
        _text("student.full_name", self.full_name, limit=_NAME)
        _member("student.sex", self.sex, Sex)
        _date("student.born_on", self.born_on)
        for name in ("birth_place", "ethnicity", "home_town", "address", "policy_category", "register_no"):
            _text(f"student.{name}", getattr(self, name), limit=_ADDRESS, required=False)
        _text("student.nationality", self.nationality)
        _personal_id("student.personal_id", self.personal_id, required=False)
        _code("student.moet_code", self.moet_code, required=False)
        for name in ("height_cm", "weight_kg"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not _MEASURE.match(value)):
                _fail(
                    f"student.{name}",
                    f"Giá trị {_words(f'student.{name}')} phải là số với nhiều nhất một chữ số thập phân.",
                )
        for name in ("father", "mother", "guardian"):
            _member(f"student.{name}", getattr(self, name), FamilyMember, required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyHistoryRow:
    """One line of QUÁ TRÌNH HỌC TẬP. ``place`` is commune and province; ``moved_in_on`` the day of arrival, if any."""

    school_year: str
    class_name: str
    school_name: str
    place: str | None = None
    moved_in_on: date | None = None

    def __post_init__(self) -> None:
        _school_year("study_history.school_year", self.school_year)
        _text("study_history.class_name", self.class_name, limit=20)
        _text("study_history.school_name", self.school_name)
        _text("study_history.place", self.place, required=False)
        _date("study_history.moved_in_on", self.moved_in_on, required=False)


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
        _code("subject.code", self.code)
        _text(f"subject[{self.code}].name", self.name)
        _member(f"subject[{self.code}].kind", self.kind, SubjectKind)
        for name in ("semester_1", "semester_2", "year", "after_reassessment"):
            _result(f"subject[{self.code}].{name}", getattr(self, name), self.kind)
        _text(f"subject[{self.code}].remark", self.remark, limit=_SUBJECT_REMARK, lines=True, required=False)
        _text(f"subject[{self.code}].teacher_name", self.teacher_name, limit=300, required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionNote:
    """ "Trong trang này có sửa chữa ở: … chỗ, thuộc môn học, hoạt động giáo dục: …"."""

    n_places: int = 0
    subject_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _count("corrections.n_places", self.n_places)
        _tuple("corrections.subject_names", self.subject_names, str)
        for name in self.subject_names:
            _text("corrections.subject_names", name)
        if bool(self.n_places) != bool(self.subject_names):
            _fail("corrections", "Số chỗ sửa chữa và danh sách môn học sửa chữa không khớp nhau.")


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
            _member(f"levels.{name}", getattr(self, name), Level, required=False)
        for name in ("semester_1_adjusted", "semester_2_adjusted", "year_adjusted"):
            _member(f"levels.{name}", getattr(self, name), bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Absences of a period in school sessions (buổi), with and without leave."""

    excused: int = 0
    unexcused: int = 0

    def __post_init__(self) -> None:
        _count("absence.excused", self.excused)
        _count("absence.unexcused", self.unexcused)

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
            _member(f"absences.{name}", getattr(self, name), Absence, required=False)
        if self.semester_1 and self.semester_2 and self.year:
            for name in ("excused", "unexcused"):
                if getattr(self.semester_1, name) + getattr(self.semester_2, name) != getattr(self.year, name):
                    _fail(f"absences.year.{name}", "Số buổi nghỉ cả năm không bằng tổng hai học kì.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionNote:
    """The three lines beside the level table (Art. 12). Each text is what is written on its line, else ``None``."""

    outcome: Promotion | None = None
    promoted: str | None = None
    promoted_after: str | None = None
    retained: str | None = None

    def __post_init__(self) -> None:
        _member("promotion.outcome", self.outcome, Promotion, required=False)
        for name in ("promoted", "promoted_after", "retained"):
            _text(f"promotion.{name}", getattr(self, name), required=False)
        if sum(text is not None for text in (self.promoted, self.promoted_after, self.retained)) > 1:
            _fail("promotion", "Chỉ được ghi một trong ba kết luận về lên lớp.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateNote:
    """ "Chứng chỉ (nếu có): … Loại: …"."""

    name: str
    grade: str | None = None

    def __post_init__(self) -> None:
        _text("certificates.name", self.name, limit=_ENTRY, lines=True)
        _text("certificates.grade", self.grade, lines=True, required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerNote:
    """A person whose signature the record expects. ``title`` is as printed above the signature."""

    name: str
    title: str
    personal_id: str | None = None

    def __post_init__(self) -> None:
        _text("signer.name", self.name, limit=_NAME)
        _text("signer.title", self.title)
        _personal_id("signer.personal_id", self.personal_id, required=False)


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
        _uuid4("record_uuid", self.record_uuid)
        if self.replaces_uuid is not None:
            _uuid4("replaces_uuid", self.replaces_uuid)
            if self.replaces_uuid == self.record_uuid:
                _fail("replaces_uuid", "Mã tra cứu không bao giờ được dùng lại.")
        if self.format_version not in FORMAT_VERSIONS:
            _fail("format_version", f"Phiên bản dữ liệu học bạ không được hỗ trợ: {self.format_version}.")
        _text("regulation_version", self.regulation_version)
        _member("scope", self.scope, Scope)
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
            _member(name, getattr(self, name), kind)
        _school_year("school_year", self.school_year)
        _text("class_name", self.class_name, limit=20)
        if isinstance(self.grade_level, bool) or self.grade_level not in (6, 7, 8, 9):
            _fail("grade_level", "Khối lớp phải từ 6 đến 9.")
        _tuple("subjects", self.subjects, SubjectRow)
        codes = [row.code for row in self.subjects]
        if not codes or len(codes) != len(set(codes)):
            _fail("subjects", "Bảng điểm trống hoặc có môn học lặp lại.")
        _tuple("study_history", self.study_history, StudyHistoryRow)
        if self.principal.title not in PRINCIPAL_TITLES:
            _fail("principal.title", "Chức vụ người ký phải là Hiệu trưởng hoặc Phó Hiệu trưởng ký thay.")
        _date("issue_on", self.issue_on)
        _text("issue_place", self.issue_place)
        if not isinstance(self.built_at, datetime) or self.built_at.utcoffset() is None or self.built_at.microsecond:
            _fail("built_at", "Thời điểm lập học bạ phải có múi giờ và tròn giây.")
        if self.built_at.tzinfo is not UTC:
            object.__setattr__(self, "built_at", self.built_at.astimezone(UTC))
        if self.completion is not None:
            if self.grade_level != 9:
                _fail("completion", "Chỉ lớp 9 mới ghi hoàn thành chương trình trung học cơ sở.")
            if self.completion not in (COMPLETED, NOT_COMPLETED):
                _fail("completion", "Kết luận hoàn thành chương trình không hợp lệ.")
        promotion = self.promotion
        if self.scope is Scope.TRANSFER and (
            self.completion or promotion.promoted or promotion.promoted_after or promotion.retained
        ):
            _fail("scope", "Học bạ lập khi học sinh chuyển trường giữa năm chưa ghi kết luận cả năm.")
        _tuple("certificates", self.certificates, CertificateNote)
        for name in ("competitions", "awards"):
            _tuple(name, getattr(self, name), str)
            for item in getattr(self, name):
                _text(name, item, limit=_ENTRY)
        _text("homeroom_remark", self.homeroom_remark, limit=_LONG, lines=True, required=False)
        _text("principal_remark", self.principal_remark, limit=_LONG, lines=True, required=False)

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


def _uuid4(name: str, value: object) -> None:
    try:
        parsed = uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if parsed is None or parsed.version != 4 or str(parsed) != value:
        _fail(name, "Mã tra cứu phải là UUID phiên bản 4 viết thường.")


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
            _fail(path, f"Danh sách {path} không hợp lệ.")
        (item_kind, _) = typing.get_args(kind)
        return tuple(_revive(item_kind, item, f"{path}[{index}]") for index, item in enumerate(value))
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            _fail(path, f"Phần {path or 'học bạ'} không hợp lệ.")
        hints = _hints(kind)  # type: ignore[arg-type]
        if set(value) != set(hints):
            odd = ", ".join(sorted(set(value) ^ set(hints)))
            _fail(path, f"Phần {path or 'học bạ'} thiếu hoặc thừa trường: {odd}.")
        return kind(**{name: _revive(hint, value[name], f"{path}.{name}".lstrip(".")) for name, hint in hints.items()})  # type: ignore[operator]
    try:
        if kind is datetime:
            return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        if kind is date:
            return date.fromisoformat(value)
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return kind(value)
    except (TypeError, ValueError):
        _fail(path, f"Giá trị {path} không hợp lệ.")
    if type(value) is not kind:
        _fail(path, f"Giá trị {path} sai kiểu.")
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
