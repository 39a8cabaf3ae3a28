"""Invented people and results for the document tests. Nobody here exists."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, date, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from hocbaso.documents import instance_keys, qr_summary
from hocbaso.documents.pdf_render import render_unsigned_pdf
from hocbaso.documents.transcript_content import (
    Absence,
    AbsenceTrack,
    FamilyMember,
    LevelTrack,
    PromotionNote,
    School,
    SignerNote,
    Student,
    StudyHistoryRow,
    SubjectRow,
    TranscriptContent,
)
from hocbaso.documents.xml_record import build_data_zone
from hocbaso.regulations.terms import Level, Promotion, Sex, SubjectKind

SCHOOL = School(
    name="Trường THCS Đồng Sen",
    code="36491401",
    department_code="36",
    department_name="Sở Giáo dục và Đào tạo Ninh Bình",
    commune="Xã Đồng Sen",
    province="Tỉnh Ninh Bình",
    place_name="Đồng Sen",
    lookup_url="https://hocba.dongsen.example/xac-thuc",
)

_S, _C = SubjectKind.SCORED, SubjectKind.COMMENT
SUBJECTS = (
    ("toan", "Toán học", _S, "7.9", "8.3", "8.2", "Tư duy tốt, trình bày gọn.", "Trịnh Thu Hà"),
    ("ls-dl", "Lịch sử và Địa lí", _S, "7.6", "8.4", "8.1", "Tiến bộ rõ, biết liên hệ thực tế.", "Mai Thị Thắm"),
    ("khtn", "Khoa học tự nhiên", _S, "8.2", "8.6", "8.5", "Thích làm thí nghiệm, cẩn thận.", "Lê Khắc Tiệp"),
    ("tin", "Tin học", _S, "8.4", "8.8", "8.7", "Thao tác nhanh.", "Ngô Văn Quý"),
    ("van", "Ngữ văn", _S, "7.4", "8.2", "7.9", "Bài viết có cảm xúc, cần đọc thêm.", "Phan Thị Mận"),
    ("nn1", "Ngoại ngữ 1 (Tiếng Anh)", _S, "7.1", "7.5", "7.4", "Cần luyện nghe đều đặn hơn.", "Tô Vĩnh Phát"),
    ("gdcd", "Giáo dục công dân", _S, "8.7", "9.0", "8.9", None, "Đỗ Hạnh Dung"),
    ("cn", "Công nghệ", _S, "8.0", "8.5", "8.3", None, "Ngô Văn Quý"),
    ("gdtc", "Giáo dục thể chất", _C, "Đ", "Đ", "Đ", "Bền bỉ, chơi tốt cầu lông.", "Cao Xuân Nghĩa"),
    ("nt", "Nghệ thuật", _C, "Đ", "Đ", "Đ", "Có năng khiếu vẽ.", "Hà Bích Liên"),
    ("nn2", "Ngoại ngữ 2", _S, None, None, None, None, None),
    ("gddp", "Nội dung giáo dục của địa phương", _C, "Đ", "Đ", "Đ", None, "Mai Thị Thắm"),
    ("hdtn", "Hoạt động trải nghiệm, hướng nghiệp", _C, "Đ", "Đ", "Đ", "Tích cực trong việc chung.", "Trịnh Thu Hà"),
)


def subject_rows() -> tuple[SubjectRow, ...]:
    return tuple(
        SubjectRow(code=c, name=n, kind=k, semester_1=a, semester_2=b, year=y, remark=r, teacher_name=t)
        for c, n, k, a, b, y, r, t in SUBJECTS
    )


def history(n: int = 4) -> tuple[StudyHistoryRow, ...]:
    return tuple(
        StudyHistoryRow(
            school_year=f"{2026 - n + i}-{2027 - n + i}",
            class_name=f"{min(9, 9 - n + 1 + i) if n <= 4 else 6 + i * 4 // n}A",
            school_name="THCS Đồng Sen",
            place="Xã Đồng Sen, Tỉnh Ninh Bình",
            moved_in_on=date(2022, 9, 5) if i == 0 else None,
        )
        for i in range(n)
    )


def content(**changes: Any) -> TranscriptContent:
    base: dict[str, Any] = {
        "record_uuid": "7c1e4b0a-52d8-4f19-9e36-b8a07d2f61c4",
        "school": SCHOOL,
        "school_year": "2025-2026",
        "class_name": "9A",
        "grade_level": 9,
        "student": Student(
            full_name="Nguyễn Bảo Châu",
            sex=Sex.FEMALE,
            born_on=date(2011, 8, 14),
            birth_place="Xã Đồng Sen, tỉnh Ninh Bình",
            ethnicity="Kinh",
            home_town="Xã Đồng Sen, tỉnh Ninh Bình",
            address="Xóm 4, xã Đồng Sen, tỉnh Ninh Bình",
            personal_id="036311004127",
            moet_code="3601234567",
            register_no="0417",
            height_cm="152.5",
            weight_kg="43",
            father=FamilyMember(name="Nguyễn Quang Thiệp", occupation="Thợ mộc"),
            mother=FamilyMember(name="Lương Thị Thoa", occupation="Làm ruộng"),
        ),
        "subjects": subject_rows(),
        "homeroom": SignerNote(name="Trịnh Thu Hà", title="GIÁO VIÊN CHỦ NHIỆM", personal_id="036184001234"),
        "principal": SignerNote(name="Đoàn Thị Hải Yến", title="HIỆU TRƯỞNG", personal_id="036175004321"),
        "issue_on": date(2026, 5, 13),
        "issue_place": "Đồng Sen",
        "built_at": datetime(2026, 5, 12, 3, 4, 5, tzinfo=UTC),
        "study_history": history(),
        "conduct": LevelTrack(semester_1=Level.TOT, semester_2=Level.TOT, year=Level.TOT),
        "learning": LevelTrack(semester_1=Level.KHA, semester_2=Level.TOT, year=Level.TOT),
        "absences": AbsenceTrack(
            semester_1=Absence(excused=1),
            semester_2=Absence(excused=1, unexcused=1),
            year=Absence(excused=2, unexcused=1),
        ),
        "promotion": PromotionNote(outcome=Promotion.COMPLETED),
        "completion": "Hoàn thành",
        "competitions": ("Giải Ba thi vẽ tranh cấp xã",),
        "awards": ("Học sinh Giỏi",),
        "homeroom_remark": (
            "Châu lễ phép, trung thực, được bạn bè tin cậy. Học đều các môn, tiến bộ rõ trong học kì II, nhất là Ngữ văn và "
            "Lịch sử và Địa lí. Nên mạnh dạn phát biểu trước lớp và giữ thói quen đọc sách."
        ),
        "principal_remark": "Đồng ý. Công nhận hoàn thành chương trình trung học cơ sở.",
        "demo": True,
    }
    return TranscriptContent(**(base | changes))


#: The instance key of these records; nobody's.
KEY = instance_keys.key_to_bytes(ec.derive_private_key(20260513, ec.SECP256R1()))


def qr_text(value: TranscriptContent) -> str:
    """The QR's text of a record, signed by ``KEY``."""
    key = instance_keys.key_from_bytes(KEY)
    key_id = instance_keys.key_id_of(instance_keys.spki(key.public_key()))
    digest = hashlib.sha256(build_data_zone(value)).hexdigest()
    return qr_summary.make_text(qr_summary.summary_of(value, digest, key_id), value.lookup_address, key)


def unsigned(value: TranscriptContent) -> bytes:
    """The unsigned PDF of a record."""
    return render_unsigned_pdf(value, qr_text(value) if value.has_summary else None)


def replace(value: Any, **changes: Any) -> Any:
    return dataclasses.replace(value, **changes)
