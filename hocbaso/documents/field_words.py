"""Where on a paper a field stands, in the words of its reader: ``subjects[van].year`` is "môn Ngữ văn, cả năm". Light."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hocbaso.documents.transcript_content import SubjectRow

_SUBJECT = re.compile(r"subjects\[([^\]]+)\]\.?(\w*)")
_PARTS = {
    "name": "tên môn",
    "semester_1": "học kì I",
    "semester_2": "học kì II",
    "year": "cả năm",
    "after": "sau đánh giá lại",
    "after_reassessment": "sau đánh giá lại",
    "remark": "nhận xét",
    "teacher_name": "tên giáo viên",
}
#: By the first part of a field's path; the second half of it is added where it is a semester or the year.
_PLACES = {
    "school": "phần tên trường, địa chỉ trường",
    "student": "phần lí lịch học sinh",
    "principal": "phần của Hiệu trưởng",
    "homeroom": "phần của giáo viên chủ nhiệm",
    "study_history": "quá trình học tập",
    "conduct": "kết quả rèn luyện",
    "learning": "kết quả học tập",
    "absences": "số buổi nghỉ học",
    "promotion": "phần lên lớp",
    "completion": "phần hoàn thành chương trình",
    "certificates": "phần chứng chỉ",
    "competitions": "kết quả các cuộc thi",
    "awards": "phần khen thưởng",
    "corrections": "phần sửa chữa",
    "homeroom_remark": "nhận xét của giáo viên chủ nhiệm",
    "principal_remark": "nhận xét của Hiệu trưởng",
    "class_name": "tên lớp",
    "school_year": "năm học",
    "record_uuid": "mã tra cứu",
    "replaces_uuid": "mã của bản được thay thế",
    "issue_on": "ngày phát hành",
    "demo": "dấu của trường mẫu",
}


def where(field: str, subjects: Sequence[SubjectRow]) -> str:
    """A field's path (of ``proof.expected_blocks``, or of a canonical record) as a place on the paper."""
    found = _SUBJECT.match(field)
    if found:
        row = next((row for index, row in enumerate(subjects) if found[1] in (row.code, str(index))), None)
        name = f"môn {row.name}" if row is not None else "bảng điểm"
        part = _PARTS.get(found[2])
        return f"{name}, {part}" if part else name
    first, _, second = field.partition(":")[0].partition(".")
    place = _PLACES.get(first.partition("[")[0], "phần chữ in sẵn của mẫu")
    return f"{place}, {_PARTS[second]}" if second in _PARTS and second != "name" else place
