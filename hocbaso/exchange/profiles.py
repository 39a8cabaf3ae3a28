"""Which columns a kind of file has, and by which headers they are known.

``csdl-nganh`` (the default) knows the headers of the sector database and what offices make of them. ``hocbaso`` knows
exactly the headers of our own exports and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hocbaso.errors import Invalid
from hocbaso.exchange.vietnamese_text import fold_key

DEFAULT_PROFILE = "csdl-nganh"

_REGULAR = re.compile(
    r"(?:diem)?(?:ddg|dgd|dg|kt|kiemtra|danhgia|diemdanhgia|ddgia)?(?:tx|thuongxuyen)(?:lan)?(\d{1,2})?"
)


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The columns of one kind of table: field -> (header we write, other headers we read)."""

    kind: str
    title: str
    headers: dict[str, tuple[str, ...]]
    required: tuple[tuple[str, ...], ...]
    has_scores: bool = False
    strict: bool = False
    _fields: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, texts in self.headers.items():
            for text in texts[:1] if self.strict else texts:
                self._fields.setdefault(fold_key(text), name)

    def field_of(self, key: str) -> str | None:
        """The field of a folded header; ``regular_3`` (or ``regular`` when unnumbered) for assessments; None if unknown."""
        found = self._fields.get(key)
        if found is None and self.has_scores and (match := _REGULAR.fullmatch(key)):
            return f"regular_{int(match.group(1))}" if match.group(1) else "regular"
        return found

    def label(self, name: str) -> str:
        """The Vietnamese header of a field."""
        if name.startswith("regular_"):
            return "ĐĐGtx" + name.removeprefix("regular_")
        if name in self.headers:
            return self.headers[name][0]
        return {"family_name": "Họ đệm", "given_name": "Tên", "female_mark": "Nữ", "regular": "ĐĐGtx"}.get(name, name)


_ORDER = ("STT", "TT", "Số TT", "Số thứ tự", "S TT", "No")
_CLASS = ("Lớp", "Tên lớp", "Lớp học", "Mã lớp")
_CODE = (
    "Mã định danh Bộ GD&ĐT",
    "Mã định danh",
    "Mã học sinh",
    "Mã HS",
    "Mã định danh học sinh",
    "Mã định danh Bộ GDĐT",
    "Mã định danh của Bộ GD&ĐT",
    "Mã định danh CSDL",
    "Mã định danh ngành",
    "Mã CSDL",
    "Mã học sinh CSDL",
    "Mã định danh Bộ Giáo dục và Đào tạo",
    "Mã số học sinh",
    "Mã định danh Bộ",
    "Mã định danh CSDL ngành",
    "Mã hs Bộ",
    "Mã định danh Bộ GD và ĐT",
)
_NAME = (
    "Họ và tên",
    "Họ tên",
    "Họ và tên học sinh",
    "Họ tên học sinh",
    "Tên học sinh",
    "Họ tên HS",
    "Họ và tên HS",
    "Học sinh",
)
_SPLIT = {
    "family_name": (
        "Họ đệm",
        "Họ và tên đệm",
        "Họ và đệm",
        "Họ",
        "Họ lót",
        "Họ và chữ đệm",
        "Họ, chữ đệm",
        "Họ tên đệm",
    ),
    "given_name": ("Tên",),
}
_BORN = (
    "Ngày sinh",
    "Ngày tháng năm sinh",
    "Ngày, tháng, năm sinh",
    "Sinh ngày",
    "NTNS",
    "Ngày/tháng/năm sinh",
    "Ngày sinh HS",
)
_SEX = ("Giới tính", "Nam/Nữ", "Phái", "Giới", "Nam, nữ")
_PERSONAL_ID = (
    "Số định danh cá nhân",
    "Số ĐDCN",
    "Mã định danh cá nhân",
    "Số CCCD",
    "CCCD",
    "Số định danh",
    "ĐDCN",
    "Số căn cước",
    "Số căn cước công dân",
    "Số CCCD/ĐDCN",
    "Mã số định danh cá nhân",
    "Số định danh cá nhân/CCCD",
    "CMND/CCCD",
    "Số CMND/CCCD",
    "CCCD/ĐDCN",
    "Số định danh công dân",
)
_PHONE = (
    "Điện thoại",
    "Số điện thoại",
    "SĐT",
    "Điện thoại liên hệ",
    "Số điện thoại liên hệ",
    "ĐT",
    "Di động",
    "SĐT liên hệ",
    "Số ĐT",
    "ĐTDĐ",
)

_STUDENTS = {
    "order": _ORDER,
    "class_name": _CLASS,
    "code": _CODE,
    "register_number": (
        "Số sổ đăng bộ",
        "Số đăng bộ",
        "Số đăng bộ PCGD",
        "Số sổ đăng bộ PCGD",
        "Đăng bộ",
        "SĐB",
        "Sổ đăng bộ",
    ),
    "full_name": _NAME,
    "born_on": _BORN,
    "sex": _SEX,
    "birth_place": ("Nơi sinh",),
    "ethnicity": ("Dân tộc",),
    "nationality": ("Quốc tịch",),
    "personal_id": _PERSONAL_ID,
    "residence": (
        "Chỗ ở hiện nay",
        "Chỗ ở hiện tại",
        "Nơi ở hiện nay",
        "Nơi ở hiện tại",
        "Địa chỉ",
        "Chỗ ở",
        "Địa chỉ hiện nay",
        "Nơi ở",
        "Địa chỉ hiện tại",
    ),
    "policy_category": (
        "Đối tượng chính sách",
        "Đối tượng",
        "Diện chính sách",
        "Đối tượng ưu tiên",
        "Chính sách",
        "ĐTCS",
    ),
    "father_name": ("Họ tên cha", "Họ và tên cha", "Tên cha", "Cha", "Họ tên bố", "Họ và tên bố", "Bố"),
    "father_job": ("Nghề nghiệp cha", "Nghề cha", "Nghề nghiệp của cha", "Nghề nghiệp bố", "Nghề nghiệp của bố"),
    "mother_name": ("Họ tên mẹ", "Họ và tên mẹ", "Tên mẹ", "Mẹ"),
    "mother_job": ("Nghề nghiệp mẹ", "Nghề mẹ", "Nghề nghiệp của mẹ"),
    "guardian_name": ("Họ tên người giám hộ", "Họ và tên người giám hộ", "Người giám hộ", "Tên người giám hộ"),
    "guardian_job": ("Nghề nghiệp người giám hộ", "Nghề nghiệp của người giám hộ"),
    "phone": _PHONE,
    "home_town": ("Quê quán", "Nguyên quán", "Quê"),
    "height_cm": ("Chiều cao (cm)", "Chiều cao"),
    "weight_kg": ("Cân nặng (kg)", "Cân nặng"),
    "joined_on": ("Ngày vào lớp", "Ngày nhập học", "Ngày vào trường", "Ngày chuyển đến", "Ngày tiếp nhận"),
    **_SPLIT,
    "female_mark": ("Nữ",),
}
_TEACHERS = {
    "order": _ORDER,
    "code": (
        "Mã giáo viên",
        "Mã GV",
        "Mã cán bộ",
        "Mã CB",
        "Mã CBGV",
        "Mã nhân viên",
        "Mã số",
        "Mã viên chức",
        "Mã cán bộ, giáo viên",
        "Mã cán bộ giáo viên",
    ),
    "full_name": (
        "Họ và tên",
        "Họ tên",
        "Họ và tên giáo viên",
        "Họ tên giáo viên",
        "Tên giáo viên",
        "Giáo viên",
        "Họ tên GV",
        "Họ và tên GV",
        "Họ và tên cán bộ, giáo viên",
    ),
    "born_on": _BORN,
    "sex": _SEX,
    "personal_id": _PERSONAL_ID,
    "department": ("Tổ chuyên môn", "Tổ", "Tổ CM", "Tổ công tác", "Tên tổ", "Tổ bộ môn"),
    "position": ("Chức vụ", "Chức danh", "Vị trí việc làm", "Vị trí", "Nhiệm vụ", "Chức vụ/Vị trí việc làm"),
    "qualification": ("Trình độ", "Trình độ chuyên môn", "Trình độ đào tạo", "TĐCM", "Trình độ CM"),
    "phone": _PHONE,
    "email": ("Email", "E-mail", "Thư điện tử", "Địa chỉ email", "Hộp thư"),
    **_SPLIT,
    "female_mark": ("Nữ",),
}
_ASSIGNMENTS = {
    "order": _ORDER,
    "class_name": _CLASS,
    "subject": (
        "Môn học",
        "Môn",
        "Tên môn",
        "Tên môn học",
        "Môn học/HĐGD",
        "Môn học, hoạt động giáo dục",
        "Môn dạy",
        "Môn học/Hoạt động giáo dục",
        "Phân môn",
    ),
    "lessons_per_year": (
        "Số tiết/năm",
        "Số tiết",
        "Tiết/năm",
        "Số tiết cả năm",
        "Số tiết một năm",
        "Số tiết trong năm",
        "Tổng số tiết",
    ),
    "teacher_code": ("Mã giáo viên", "Mã GV", "Mã cán bộ", "Mã CBGV"),
    "teacher_name": (
        "Giáo viên",
        "Họ và tên",
        "Họ tên giáo viên",
        "Tên giáo viên",
        "Họ và tên giáo viên",
        "GVBM",
        "Giáo viên dạy",
        "Giáo viên bộ môn",
        "Họ tên",
        "Giáo viên giảng dạy",
        "Họ tên GV",
    ),
    "homeroom": ("Chủ nhiệm", "GVCN", "Giáo viên chủ nhiệm", "Là chủ nhiệm", "CN", "Làm chủ nhiệm", "Chủ nhiệm lớp"),
}
_SCORES = {
    "order": _ORDER,
    "class_name": _CLASS,
    "student_code": _CODE,
    "full_name": _NAME,
    "born_on": _BORN,
    "midterm": (
        "ĐĐGgk",
        "GK",
        "Giữa kì",
        "Giữa kỳ",
        "ĐGgk",
        "KTGK",
        "KT giữa kì",
        "ĐKgk",
        "Điểm giữa kì",
        "Đánh giá giữa kì",
        "Kiểm tra giữa kì",
        "Điểm GK",
        "ĐĐG giữa kì",
        "KT GK",
        "Giữa học kì",
        "Điểm đánh giá giữa kì",
    ),
    "final": (
        "ĐĐGck",
        "CK",
        "Cuối kì",
        "Cuối kỳ",
        "ĐGck",
        "KTCK",
        "KT cuối kì",
        "ĐKck",
        "Điểm cuối kì",
        "Đánh giá cuối kì",
        "Kiểm tra cuối kì",
        "Điểm CK",
        "ĐĐG cuối kì",
        "KT CK",
        "Cuối học kì",
        "Điểm đánh giá cuối kì",
    ),
    "average": (
        "ĐTBmhk",
        "ĐTB",
        "TBM",
        "ĐTBm",
        "Trung bình môn",
        "Điểm TB",
        "TB môn",
        "ĐTBmhk1",
        "ĐTBmhk2",
        "ĐTBmhkI",
        "ĐTBmhkII",
        "TBmhk",
        "Điểm trung bình",
        "ĐTB HK",
        "Điểm trung bình môn học kì",
        "ĐTB môn học kì",
    ),
    "remark": (
        "Nhận xét",
        "Nội dung nhận xét",
        "Lời nhận xét",
        "Nhận xét của giáo viên",
        "Nhận xét của GVBM",
        "Nhận xét của giáo viên môn học",
        "Nhận xét sự tiến bộ",
        "Ghi nhận xét",
    ),
    **_SPLIT,
}

# Headers over a block of columns that say whose name or trade stands below them.
PERSON_GROUPS: dict[str, str] = {
    **dict.fromkeys(("cha", "bo", "thongtincha", "thongtinvecha", "thongtinbo", "hotencha", "vecha"), "father"),
    **dict.fromkeys(("me", "thongtinme", "thongtinveme", "hotenme", "veme"), "mother"),
    **dict.fromkeys(("nguoigiamho", "giamho", "thongtinnguoigiamho", "thongtinvenguoigiamho"), "guardian"),
}
PERSON_PARTS: dict[str, str] = {
    **dict.fromkeys(("hoten", "hovaten", "ten"), "name"),
    **dict.fromkeys(("nghenghiep", "nghe"), "job"),
}


def _maps(strict: bool) -> dict[str, ColumnMap]:
    return {
        "students": ColumnMap(
            "students",
            "danh sách học sinh",
            _STUDENTS,
            (("full_name", "given_name"), ("born_on",), ("sex", "female_mark")),
            strict=strict,
        ),
        "teachers": ColumnMap(
            "teachers",
            "danh sách cán bộ, giáo viên",
            _TEACHERS,
            (("full_name", "given_name"), ("code",)),
            strict=strict,
        ),
        "assignments": ColumnMap(
            "assignments",
            "bảng phân công",
            _ASSIGNMENTS,
            (("subject",), ("teacher_code", "teacher_name")),
            strict=strict,
        ),
        "scores": ColumnMap(
            "scores",
            "bảng điểm",
            _SCORES,
            (("student_code", "full_name", "given_name"), ("regular_1", "midterm", "final")),
            has_scores=True,
            strict=strict,
        ),
    }


@dataclass(frozen=True, slots=True)
class Profile:
    """A named family of files."""

    name: str
    title: str
    maps: dict[str, ColumnMap]


PROFILES: dict[str, Profile] = {
    "csdl-nganh": Profile("csdl-nganh", "Cơ sở dữ liệu ngành và tệp của văn phòng", _maps(strict=False)),
    "hocbaso": Profile("hocbaso", "Tệp xuất từ hocbaso", _maps(strict=True)),
}


def column_map(kind: str, profile: str = DEFAULT_PROFILE) -> ColumnMap:
    """The columns of ``students``, ``teachers``, ``assignments`` or ``scores``. Raises ``Invalid`` for an unknown profile."""
    if profile not in PROFILES:
        raise Invalid(f"Không có mẫu tệp “{profile}”. Các mẫu có: {', '.join(PROFILES)}.", field="profile")
    return PROFILES[profile].maps[kind]
