"""What may stand in a field of a transcript record, and the words in which anything else is refused.

Each ``require_*`` takes the field's path ("student.full_name", "subject[van].remark") and its value, and raises ``errors.Invalid`` with a
sentence for whoever can put it right; the path stays in ``Invalid.field``.
"""

from __future__ import annotations

import re
import typing
import unicodedata
import uuid
from datetime import date, datetime

from hocbaso.documents.printable_text import why_not_printed
from hocbaso.errors import Invalid
from hocbaso.regulations.terms import PassFail, SubjectKind

EXEMPT = "Miễn"

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
LONG = 2000
SUBJECT_REMARK = 1000
ENTRY = 500
ADDRESS = 300
SHORT = 200
NAME = 120
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


def fail(name: str, sentence: str) -> typing.NoReturn:
    """Refuse a field."""
    raise Invalid(sentence, field=name)


def words_of(name: str) -> str:
    """A field as people call it: ``subject[toan].remark`` is "nhận xét môn học (toan)"."""
    found = _INDEXED.match(name)
    if found:
        return f"{words_of('subject.' + name[found.end() :])} ({found[1]})"
    return _FIELD_WORDS.get(name, name)


def require_text(name: str, value: object, *, limit: int = SHORT, lines: bool = False, required: bool = True) -> None:
    """Text as a record holds it: NFC, drawable, no blank at either end, ``limit`` characters at most, ``lines``: more than one."""
    if value is None:
        if required:
            fail(name, f"Thiếu dữ liệu bắt buộc của học bạ: {words_of(name)}.")
        return
    if not isinstance(value, str):
        fail(name, f"Dữ liệu {words_of(name)} phải là chữ.")
    if not value or value != value.strip():
        fail(name, f"Dữ liệu {words_of(name)} để trống hoặc thừa khoảng trắng ở đầu, cuối.")
    if len(value) > limit:
        fail(name, f"Dữ liệu {words_of(name)} dài {len(value)} kí tự, học bạ nhận nhiều nhất {limit}.")
    if not unicodedata.is_normalized("NFC", value):
        fail(name, f"Dữ liệu {words_of(name)} chưa ở dạng Unicode dựng sẵn (NFC).")
    if not lines and "\n" in value:
        fail(name, f"Dữ liệu {words_of(name)} không được xuống dòng.")
    reason = why_not_printed(value)
    if reason:
        fail(name, f"Dữ liệu {words_of(name)} {reason}")


def require_code(name: str, value: object, *, required: bool = True) -> None:
    """A code: up to 40 plain letters, digits, dots, dashes and underscores."""
    if value is None and not required:
        return
    if not isinstance(value, str) or not _CODE.match(value):
        fail(name, f"Mã của {words_of(name)} chỉ được gồm chữ cái không dấu, chữ số và các dấu . _ -")


def require_personal_id(name: str, value: object, *, required: bool) -> None:
    """The 12 digits of a personal identification number."""
    if value is None and not required:
        return
    if not isinstance(value, str) or not _PERSONAL_ID.match(value):
        fail(name, f"Số định danh cá nhân ({words_of(name)}) phải có đúng 12 chữ số.")


def require_date(name: str, value: object, *, required: bool = True) -> None:
    """A day, not an instant."""
    if value is None and not required:
        return
    if not isinstance(value, date) or isinstance(value, datetime):
        fail(name, f"Ngày ({words_of(name)}) không hợp lệ.")


def require_member(name: str, value: object, kind: type, *, required: bool = True) -> None:
    """A value of this type: an enum, a data class, a truth value."""
    if value is None and not required:
        return
    if not isinstance(value, kind):
        fail(name, f"Giá trị {words_of(name)} không nằm trong danh mục cho phép.")


def require_tuple(name: str, value: object, kind: type) -> None:
    """A tuple of this type alone."""
    if not isinstance(value, tuple) or not all(isinstance(item, kind) for item in value):
        fail(name, f"Danh sách {words_of(name)} không hợp lệ.")


def require_count(name: str, value: object) -> None:
    """A whole number 0 to 999."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 999:
        fail(name, f"Số {words_of(name)} phải là số nguyên từ 0 đến 999.")


def require_measure(name: str, value: object) -> None:
    """A height or a weight, ``"152.5"``, or None."""
    if value is not None and (not isinstance(value, str) or not _MEASURE.match(value)):
        fail(name, f"Giá trị {words_of(name)} phải là số với nhiều nhất một chữ số thập phân.")


def require_result(name: str, value: object, kind: SubjectKind) -> None:
    """A result in the form of its subject: ``"8.5"``, ``"Đ"`` or ``"CĐ"``, ``"Miễn"``, or None (Circular 22/2021 Art. 5.3)."""
    if value is None or value == EXEMPT:
        return
    if kind is SubjectKind.SCORED:
        if not isinstance(value, str) or not _SCORE.match(value):
            fail(name, f"Điểm {words_of(name)} phải từ 0.0 đến 10.0 với đúng một chữ số thập phân.")
    elif value not in (PassFail.PASS.value, PassFail.FAIL.value):
        fail(name, f"Mức đánh giá {words_of(name)} phải là Đ hoặc CĐ.")


def require_school_year(name: str, value: object) -> None:
    """Two years that follow each other: ``2025-2026``."""
    match = _SCHOOL_YEAR.match(value) if isinstance(value, str) else None
    if not match or int(match[2]) != int(match[1]) + 1:
        fail(name, "Năm học phải có dạng 2025-2026.")


def require_uuid4(name: str, value: object) -> None:
    """A random UUID in lower case."""
    try:
        parsed = uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if parsed is None or parsed.version != 4 or str(parsed) != value:
        fail(name, "Mã tra cứu phải là UUID phiên bản 4 viết thường.")
