"""The fields of a student's profile: their words, who keeps them, how they are grouped. Pages, forms and the log read them here."""

from __future__ import annotations

_PAPERS = {
    "full_name": "Họ và tên",
    "birth_on": "Ngày sinh",
    "sex": "Giới tính",
    "birth_place": "Nơi sinh",
    "ethnicity": "Dân tộc",
    "nationality": "Quốc tịch",
    "personal_id_number": "Số định danh cá nhân",
    "moet_code": "Mã học sinh",
    "register_no": "Số đăng bộ",
    "inclusive_disability": "Học sinh khuyết tật học hoà nhập",
}
_LIFE = {
    "address": "Chỗ ở hiện tại",
    "home_town": "Quê quán",
    "policy_category": "Đối tượng",
    "phone": "Điện thoại",
    "height_cm": "Chiều cao (cm)",
    "weight_kg": "Cân nặng (kg)",
}
_FAMILY = {
    "father_name": "Họ và tên cha",
    "father_job": "Nghề nghiệp của cha",
    "mother_name": "Họ và tên mẹ",
    "mother_job": "Nghề nghiệp của mẹ",
    "guardian_name": "Họ và tên người giám hộ",
    "guardian_job": "Nghề nghiệp của người giám hộ",
}

FIELD_WORDS = {**_PAPERS, **_LIFE, **_FAMILY}
FIELDS = tuple(FIELD_WORDS)
"""Columns of ``Student`` that a profile holds; all of them are watched by the log."""

GROUPS = (("Giấy tờ", tuple(_PAPERS)), ("Nơi ở, đối tượng", tuple(_LIFE)), ("Gia đình", tuple(_FAMILY)))
"""(heading, fields) of the profile's page."""

IDENTITY_FIELDS = frozenset(_PAPERS)
"""What civil-status papers say: kept by the office."""

HOMEROOM_FIELDS = frozenset(FIELDS) - IDENTITY_FIELDS
"""What the homeroom teacher learns first and may change for the own class."""

REQUIRED = frozenset({"full_name", "birth_on", "sex"})
