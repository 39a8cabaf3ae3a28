"""Every kind of record that a real school meets, and some that only happen once: input of the layout and round-trip tests.

``CASES`` maps a name to a content. Nobody here exists. Long texts are real words, so that they wrap as remarks do.
"""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

from hocbaso.documents.transcript_content import (
    Absence,
    AbsenceTrack,
    CertificateNote,
    CorrectionNote,
    FamilyMember,
    LevelTrack,
    PromotionNote,
    School,
    Scope,
    SignerNote,
    StudyHistoryRow,
    SubjectRow,
    TranscriptContent,
)
from hocbaso.regulations.terms import Level, Promotion, SubjectKind

from .samples import SCHOOL, content, history, replace

_WORDS = (
    "Em có nhiều tiến bộ trong học tập, biết giúp đỡ bạn bè, cần rèn thêm tính cẩn thận khi làm bài kiểm tra; "
    "phát biểu đúng lúc, trình bày rõ ràng, mạnh dạn hơn trong học kì II. Gia đình phối hợp tốt với nhà trường. "
)
NAME_60 = "Công Tằng Tôn Nữ Nguyễn Phước Huyền Trân Thục Quyên Khuê Các"
NAME_120 = f"{NAME_60} {NAME_60[:-1]}"[:120].strip()
#: A word without a place to break: an address of a page pasted into a remark.
UNBROKEN = "https://hocba.dongsen.example/" + "x" * 150
T, K, D, C = Level.TOT, Level.KHA, Level.DAT, Level.CHUA_DAT


def words(n: int) -> str:
    """A text of exactly ``n`` characters that neither begins nor ends with a blank."""
    text = "".join(itertools.islice(itertools.cycle(_WORDS), n - 1))
    return (text[:-1] + "m" if text.endswith(" ") else text) + "."


def rows(**changes: dict[str, Any]) -> tuple[SubjectRow, ...]:
    """The sample subjects, some of them (by code, ``_`` for ``-``) changed."""
    return tuple(replace(row, **changes.get(row.code.replace("-", "_"), {})) for row in content().subjects)


def every_row(**changes: Any) -> tuple[SubjectRow, ...]:
    return tuple(replace(row, **changes) for row in content().subjects)


def student(**changes: Any) -> Any:
    return replace(content().student, **changes)


def grade_7(**changes: Any) -> TranscriptContent:
    """An ordinary year in the middle of the school."""
    plain: dict[str, Any] = {
        "grade_level": 7,
        "class_name": "7A",
        "completion": None,
        "awards": (),
        "competitions": (),
        "study_history": history()[:2],
        "promotion": PromotionNote(outcome=Promotion.PROMOTED, promoted="Lên lớp 8"),
        "principal_remark": "Đồng ý.",
    }
    return content(**(plain | changes))


def _exempt(*semesters: str) -> tuple[SubjectRow, ...]:
    return rows(gdtc=dict.fromkeys(semesters, "Miễn"), tin=dict.fromkeys(semesters, "Miễn"))


def _many_subjects() -> tuple[SubjectRow, ...]:
    more = [
        ("dtts", "Tiếng dân tộc thiểu số (Tiếng Ê Đê)", SubjectKind.SCORED, "8.0"),
        ("am-nhac", "Nghệ thuật (Âm nhạc)", SubjectKind.COMMENT, "Đ"),
        ("mi-thuat", "Nghệ thuật (Mĩ thuật)", SubjectKind.COMMENT, "Đ"),
        ("boi", "Bơi an toàn, phòng chống đuối nước (tự chọn)", SubjectKind.COMMENT, "Đ"),
        ("nn3", "Ngoại ngữ 2 (Tiếng Trung Quốc, tăng cường theo đề án của tỉnh)", SubjectKind.SCORED, "7.5"),
    ]
    extra = tuple(
        SubjectRow(
            code=c, name=n, kind=k, semester_1=v, semester_2=v, year=v, remark=words(60), teacher_name="Y Ăm Niê"
        )
        for c, n, k, v in more
    )
    return rows(nn2={"semester_1": "7.0", "semester_2": "7.5", "year": "7.3", "teacher_name": "Tô Vĩnh Phát"}) + extra


def _levels(a: Level | None, b: Level | None, year: Level | None, **more: Any) -> LevelTrack:
    return LevelTrack(semester_1=a, semester_2=b, year=year, **more)


_LONG_SCHOOL = School(
    name="Trường Phổ thông dân tộc bán trú Tiểu học và Trung học cơ sở Nguyễn Bỉnh Khiêm Thượng Trạch Cà Ròong",
    code="44491401",
    department_code="44",
    department_name="Sở Giáo dục và Đào tạo Quảng Trị",
    commune="Xã Thượng Trạch Hướng Lập Trường Sơn",
    province="Tỉnh Quảng Trị",
    place_name="Thượng Trạch Hướng Lập Trường Sơn",
    lookup_url="https://hocba.ptdtbt-thcs-thuong-trach.quangtri.example/xac-thuc/hoc-ba-so/trung-hoc-co-so",
)


def _everything_at_its_longest() -> TranscriptContent:
    person = FamilyMember(name=NAME_120, occupation=words(120))
    return content(
        school=_LONG_SCHOOL,
        class_name="9 Chất lượng cao A12",
        student=student(
            full_name=NAME_120,
            ethnicity="Bru - Vân Kiều",
            birth_place=words(200),
            home_town=words(200),
            address=words(300),
            policy_category=words(120),
            register_no="0417-" + "9" * 20,
            father=person,
            mother=person,
            guardian=person,
        ),
        subjects=tuple(replace(row, remark=words(1000), teacher_name=NAME_120) for row in _many_subjects()),
        corrections=CorrectionNote(n_places=40, subject_names=tuple(row.name for row in _many_subjects())),
        certificates=tuple(CertificateNote(name=words(500), grade=words(100)) for _ in range(3)),
        competitions=(words(500),) * 4,
        awards=(words(500),) * 4,
        homeroom_remark=words(2000),
        principal_remark=words(2000),
        homeroom=SignerNote(name=NAME_120, title="GIÁO VIÊN CHỦ NHIỆM"),
        principal=SignerNote(name=NAME_120, title="KT. HIỆU TRƯỞNG / PHÓ HIỆU TRƯỞNG"),
        study_history=tuple(replace(row, school_name=_LONG_SCHOOL.name, place=words(150)) for row in history(14)),
    )


def _bare() -> TranscriptContent:
    return grade_7(
        student=student(
            birth_place=None,
            ethnicity=None,
            home_town=None,
            address=None,
            personal_id=None,
            moet_code=None,
            register_no=None,
            father=None,
            mother=None,
            height_cm=None,
            weight_kg=None,
        ),
        subjects=every_row(semester_1=None, semester_2=None, year=None, remark=None, teacher_name=None),
        study_history=(),
        homeroom_remark=None,
        principal_remark=None,
        conduct=LevelTrack(),
        learning=LevelTrack(),
        absences=AbsenceTrack(),
        promotion=PromotionNote(outcome=Promotion.INCOMPLETE),
        demo=False,
    )


_NO_CONCLUSION = PromotionNote(outcome=Promotion.DECISION_NEEDED)

CASES: dict[str, TranscriptContent] = {
    "ordinary": content(),
    # texts
    "homeroom remark of 2000": content(homeroom_remark=words(2000)),
    "both remarks of 2000": content(homeroom_remark=words(2000), principal_remark=words(2000)),
    "remark in 30 short lines": content(homeroom_remark="\n".join(f"- Việc thứ {n}: tốt." for n in range(1, 31))),
    "both remarks in 30 lines": content(
        homeroom_remark="\n".join("a" * 30), principal_remark="\n".join(words(30) for _ in range(30))
    ),
    "one subject remark of 1000": content(subjects=rows(van={"remark": words(1000)})),
    "every subject remark of 190": content(subjects=every_row(remark=words(190), teacher_name="Phan Thị Mận")),
    "every subject remark of 1000": content(subjects=every_row(remark=words(1000), teacher_name="Phan Thị Mận")),
    "subject remark in 30 lines": content(subjects=rows(van={"remark": "\n".join("a" * 30)})),
    "text without a break": content(
        homeroom_remark=UNBROKEN,
        subjects=rows(toan={"remark": UNBROKEN}),
        awards=(UNBROKEN,),
        student=student(address=UNBROKEN),
    ),
    # people
    "names of 60": content(
        student=student(
            full_name=NAME_60, father=FamilyMember(name=NAME_60, occupation="Bộ đội biên phòng, y sĩ quân y")
        ),
        homeroom=SignerNote(name=NAME_60, title="GIÁO VIÊN CHỦ NHIỆM"),
        principal=SignerNote(name=NAME_60, title="HIỆU TRƯỞNG"),
    ),
    "name of one word": content(student=student(full_name="Phơi", ethnicity="Xơ Đăng")),
    "name in Ê Đê letters": content(
        student=student(full_name="H’Ƀlưm Ơ\u0306ng Niê Kđăm Mlô Čil Ĭ Ñoăn", ethnicity="Ê Đê")
    ),
    "long addresses": content(
        student=student(
            birth_place=words(200), home_town=words(200), address=words(300), policy_category="Con thương binh hạng 2/4"
        )
    ),
    "bare": _bare(),
    "long school": content(school=_LONG_SCHOOL, class_name="9 Chất lượng cao A12", issue_place=_LONG_SCHOOL.place_name),
    "deputy signs": content(principal=SignerNote(name="Mai Thị Thắm", title="KT. HIỆU TRƯỞNG / PHÓ HIỆU TRƯỞNG")),
    # results
    "exempt all year": grade_7(subjects=_exempt("semester_1", "semester_2", "year")),
    "exempt in semester I": grade_7(subjects=_exempt("semester_1")),
    "exempt in semester II": grade_7(
        subjects=rows(gdtc={"semester_2": "Miễn"}, tin={"semester_2": "Miễn", "year": "8.4"})
    ),
    "missed without leave": grade_7(
        subjects=rows(
            toan={"semester_1": "0.0", "semester_2": "0.0", "year": "0.0"}, gdtc={"semester_2": "CĐ", "year": "CĐ"}
        ),
        learning=_levels(C, C, C),
        promotion=PromotionNote(outcome=Promotion.REASSESS),
    ),
    "all tens": grade_7(subjects=rows(toan={"semester_1": "10.0", "semester_2": "10.0", "year": "10.0"})),
    "re-assessed, promoted": grade_7(
        subjects=rows(
            toan={"year": "3.2", "after_reassessment": "5.0"}, gdtc={"year": "CĐ", "after_reassessment": "Đ"}
        ),
        learning=_levels(D, C, C, after=D),
        promotion=PromotionNote(outcome=Promotion.PROMOTED, promoted_after="Lên lớp 8"),
    ),
    "re-assessed, retained": grade_7(
        subjects=rows(toan={"year": "3.0", "after_reassessment": "3.4"}),
        learning=_levels(D, C, C, after=C),
        promotion=PromotionNote(outcome=Promotion.RETAINED, retained="Ở lại lớp 7"),
    ),
    "conduct trained in summer": grade_7(
        conduct=_levels(D, C, C, after=D),
        promotion=PromotionNote(outcome=Promotion.PROMOTED, promoted_after="Lên lớp 8"),
    ),
    "retained for absence": grade_7(
        absences=AbsenceTrack(
            semester_1=Absence(excused=20, unexcused=3),
            semester_2=Absence(excused=20, unexcused=3),
            year=Absence(excused=40, unexcused=6),
        ),
        promotion=PromotionNote(outcome=Promotion.RETAINED, retained="Ở lại lớp 7"),
    ),
    "decision needed": grade_7(promotion=_NO_CONCLUSION, principal_remark=None),
    "decided by the principal": grade_7(
        promotion=PromotionNote(outcome=Promotion.PROMOTED, promoted="Lên lớp 8 theo quyết định của Hiệu trưởng")
    ),
    "raised by clause 3": grade_7(
        subjects=rows(toan={"year": "4.9"}), learning=_levels(K, K, K, year_adjusted=True, semester_1_adjusted=True)
    ),
    "council decided": grade_7(learning=_levels(K, D, D)),
    "not completed": content(
        completion="Không hoàn thành",
        promotion=PromotionNote(outcome=Promotion.RETAINED, retained="Ở lại lớp 9"),
        learning=_levels(C, C, C),
        awards=(),
    ),
    "many awards": content(
        awards=(
            "Học sinh Xuất sắc",
            *(f"Giấy khen thành tích đột xuất lần {n}: cứu bạn đuối nước" for n in range(1, 9)),
        ),
        competitions=tuple(
            f"Giải {n} cuộc thi Khoa học kĩ thuật dành cho học sinh trung học cấp tỉnh" for n in range(1, 9)
        ),
        certificates=tuple(
            CertificateNote(name=f"Chứng chỉ Tin học ứng dụng phần {n}", grade="Khá") for n in range(1, 6)
        ),
    ),
    "comments only": grade_7(
        subjects=tuple(
            replace(row, semester_1="Miễn", semester_2="Miễn", year="Miễn") if row.kind is SubjectKind.SCORED else row
            for row in content().subjects
        ),
        learning=LevelTrack(),
        promotion=_NO_CONCLUSION,
    ),
    "most subjects": content(subjects=_many_subjects()),
    "many corrections": content(
        corrections=CorrectionNote(n_places=26, subject_names=tuple(row.name for row in content().subjects))
    ),
    # ways through the school
    "arrived in mid-year": grade_7(
        study_history=(
            StudyHistoryRow(school_year="2024-2025", class_name="6C", school_name="Trường THCS Cồn Thoi"),
            StudyHistoryRow(
                school_year="2025-2026",
                class_name="7A",
                school_name=SCHOOL.name,
                place="Xã Đồng Sen, Tỉnh Ninh Bình",
                moved_in_on=date(2026, 1, 12),
            ),
        )
    ),
    "left in mid-year": grade_7(
        scope=Scope.TRANSFER,
        subjects=every_row(semester_2=None, year=None),
        conduct=_levels(T, None, None),
        learning=_levels(K, None, None),
        absences=AbsenceTrack(semester_1=Absence(excused=1)),
        promotion=PromotionNote(outcome=Promotion.INCOMPLETE),
    ),
    "fourteen years of history": content(study_history=history(14)),
    "replaces another": content(replaces_uuid="11111111-2222-4333-8444-555555555555"),
    "everything at its longest": _everything_at_its_longest(),
}
