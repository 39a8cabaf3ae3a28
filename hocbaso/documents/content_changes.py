"""Two contents of one pupil's year compared, value by value: what the newer paper says otherwise than the older one. Pure.

Whoever approves a correction and whoever signs what is built again reads the same list. It walks the fields of
``transcript_content`` themselves, so a field that is added later is compared from its first day; a test holds its words.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from hocbaso.documents import transcript_content as tc
from hocbaso.regulations.terms import Level, PassFail, Promotion, SubjectKind

OF_EACH_RECORD = frozenset({"record_uuid", "replaces_uuid", "built_at"})
"""Fields that name the file itself: no two records share them, and they say nothing about the pupil."""

NOTHING = "(trống)"


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs. ``path`` names its place (``student.address``, ``subjects[MATH].year``); texts as people read them."""

    label: str
    before: str
    after: str
    path: str = ""


_TERMS = {"semester_1": "học kì I", "semester_2": "học kì II", "year": "cả năm"}

LABELS = {
    "school.name": "Tên trường",
    "school.code": "Mã trường",
    "school.department_code": "Mã Sở",
    "school.department_name": "Tên Sở",
    "school.commune": "Xã, phường của trường",
    "school.province": "Tỉnh, thành phố của trường",
    "school.place_name": "Địa danh của trường",
    "school.lookup_url": "Địa chỉ tra cứu học bạ",
    "school_year": "Năm học",
    "class_name": "Lớp",
    "grade_level": "Khối lớp",
    "student.full_name": "Họ và tên",
    "student.sex": "Giới tính",
    "student.born_on": "Ngày sinh",
    "student.birth_place": "Nơi sinh",
    "student.ethnicity": "Dân tộc",
    "student.nationality": "Quốc tịch",
    "student.home_town": "Quê quán",
    "student.address": "Chỗ ở",
    "student.policy_category": "Đối tượng",
    "student.personal_id": "Số định danh",
    "student.moet_code": "Mã học sinh",
    "student.register_no": "Số đăng bộ",
    "student.height_cm": "Chiều cao (cm)",
    "student.weight_kg": "Cân nặng (kg)",
    "student.father.name": "Họ và tên cha",
    "student.father.occupation": "Nghề nghiệp của cha",
    "student.mother.name": "Họ và tên mẹ",
    "student.mother.occupation": "Nghề nghiệp của mẹ",
    "student.guardian.name": "Họ và tên người giám hộ",
    "student.guardian.occupation": "Nghề nghiệp của người giám hộ",
    "homeroom.name": "Giáo viên chủ nhiệm",
    "homeroom.title": "Chức danh giáo viên chủ nhiệm",
    "homeroom.personal_id": "Số định danh của giáo viên chủ nhiệm",
    "principal.name": "Người ký (Hiệu trưởng)",
    "principal.title": "Chức danh người ký (Hiệu trưởng)",
    "principal.personal_id": "Số định danh của người ký (Hiệu trưởng)",
    "issue_on": "Ngày phát hành",
    "issue_place": "Nơi phát hành",
    "format_version": "Phiên bản mẫu học bạ",
    "regulation_version": "Văn bản quy định",
    "scope": "Phạm vi học bạ",
    "study_history": "Quá trình học tập",
    "corrections.n_places": "Số chỗ sửa chữa",
    "corrections.subject_names": "Môn học có sửa chữa",
    "promotion.outcome": "Kết luận cả năm",
    "promotion.promoted": "Được lên lớp",
    "promotion.promoted_after": "Lên lớp sau đánh giá lại",
    "promotion.retained": "Không được lên lớp",
    "completion": "Hoàn thành chương trình",
    "certificates": "Chứng chỉ",
    "competitions": "Các cuộc thi",
    "awards": "Khen thưởng",
    "homeroom_remark": "Nhận xét của GVCN",
    "principal_remark": "Nhận xét của Hiệu trưởng",
    "demo": "Dấu của trường mẫu",
}
"""Where a value stands, in the words of its reader; of subjects see ``SUBJECT_WORDS``."""

for _track, _words in (("learning", "Học tập"), ("conduct", "Rèn luyện")):
    for _term, _said in (*_TERMS.items(), ("after", "sau hè")):
        LABELS[f"{_track}.{_term}"] = f"{_words} {_said}"
    for _term, _said in _TERMS.items():
        LABELS[f"{_track}.{_term}_adjusted"] = f"{_words} {_said}, nâng mức"
for _term, _said in _TERMS.items():
    LABELS[f"absences.{_term}.excused"] = f"Nghỉ có phép {_said}"
    LABELS[f"absences.{_term}.unexcused"] = f"Nghỉ không phép {_said}"

SUBJECT_WORDS = {
    **_TERMS,
    "after_reassessment": "đánh giá lại",
    "remark": "nhận xét",
    "teacher_name": "giáo viên",
    "name": "tên môn",
    "code": "mã môn",
    "kind": "cách đánh giá",
}

_RESULTS = (*_TERMS, "after_reassessment")
_MEMBERS: dict[StrEnum, str] = {
    Promotion.PROMOTED: "Được lên lớp",
    Promotion.COMPLETED: "Hoàn thành chương trình",
    Promotion.REASSESS: "Kiểm tra, đánh giá lại trong hè",
    Promotion.SUMMER_TRAINING: "Rèn luyện trong hè",
    Promotion.RETAINED: "Không được lên lớp",
    Promotion.DECISION_NEEDED: "Chờ quyết định",
    Promotion.INCOMPLETE: "Chưa đủ kết quả",
    tc.Scope.YEAR: "Cả năm học",
    tc.Scope.TRANSFER: "Kết quả đến khi chuyển trường",
    SubjectKind.SCORED: "Nhận xét và điểm số",
    SubjectKind.COMMENT: "Nhận xét",
}


def changes_between(old: tc.TranscriptContent, new: tc.TranscriptContent) -> tuple[Change, ...]:
    """Every value in which ``new`` differs from ``old``, in the order of the content; all but ``OF_EACH_RECORD``."""
    before, after = _values(old), _values(new)
    places = [*after, *(path for path in before if path not in after)]
    found = []
    for path in places:
        label, left = before.get(path, ("", NOTHING))
        label, right = after.get(path, (label, NOTHING))
        if left != right:
            found.append(Change(label, left, right, path))
    return tuple(found)


def _values(content: tc.TranscriptContent) -> dict[str, tuple[str, str]]:
    """Place -> (its words, what stands there); a place without a value is left out."""
    return {path: (label, text) for path, label, text in _walk(content, "") if path not in OF_EACH_RECORD}


def _walk(value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if value is None or value == ():
        return
    if dataclasses.is_dataclass(value):
        for one in dataclasses.fields(value):
            yield from _walk(getattr(value, one.name), f"{path}.{one.name}".lstrip("."))
    elif path == "subjects":
        yield from _subjects(value)
    elif path == "study_history":
        yield from _years(value)
    elif isinstance(value, tuple):
        yield path, LABELS.get(path, path), "; ".join(_entry(one) for one in value)
    else:
        yield path, LABELS.get(path, path), _say(value)


def _subjects(rows: tuple[tc.SubjectRow, ...]) -> Iterator[tuple[str, str, str]]:
    for row in rows:
        for one in dataclasses.fields(row):
            value = getattr(row, one.name)
            if value is None:
                continue
            text = _result(value) if one.name in _RESULTS else _say(value)
            yield f"subjects[{row.code}].{one.name}", f"{row.name}, {SUBJECT_WORDS.get(one.name, one.name)}", text
    # The order of the page is printed too.
    yield "subjects", "Thứ tự các môn", ", ".join(row.name for row in rows)


def _years(rows: tuple[tc.StudyHistoryRow, ...]) -> Iterator[tuple[str, str, str]]:
    """A line of the table at a time: a year at a school is one thing to its reader."""
    seen: Counter[str] = Counter()
    for row in rows:
        seen[row.school_year] += 1
        rest = {
            one.name: getattr(row, one.name) for one in dataclasses.fields(row) if one.name not in _YEAR_TOLD
        }  # a column added later is shown by its name until it has words
        text = f"lớp {row.class_name}, {row.school_name}"
        text += f", {row.place}" if row.place else ""
        text += f", chuyển đến ngày {row.moved_in_on:%d/%m/%Y}" if row.moved_in_on else ""
        text += "".join(f", {name} {value}" for name, value in rest.items() if value is not None)
        label = f"{LABELS['study_history']}, {row.school_year.replace('-', '–')}"
        yield f"study_history[{row.school_year}.{seen[row.school_year]}]", label, text


_YEAR_TOLD = ("school_year", "class_name", "school_name", "place", "moved_in_on")


def _entry(value: Any) -> str:
    """One entry of a list: a text, or a certificate with its grade."""
    if dataclasses.is_dataclass(value):
        told = (getattr(value, one.name) for one in dataclasses.fields(value))
        return ", ".join(_say(one) for one in told if one is not None)
    return _say(value)


def _result(text: str) -> str:
    """A subject's result: a score with the comma, or the words of a comment."""
    return {PassFail.PASS.value: "Đạt", PassFail.FAIL.value: "Chưa đạt"}.get(text, text.replace(".", ","))


def _say(value: Any) -> str:
    if isinstance(value, bool):
        return "có" if value else "không"
    if isinstance(value, Level):
        return tc.LEVEL_WORDS[value]
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, Promotion | tc.Scope | SubjectKind):
        return _MEMBERS[value]
    return str(value)
