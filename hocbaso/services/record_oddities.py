"""What is out of the ordinary in a transcript, and what changed against the one it replaces, in words for its signers.

Exceptions come first (workflow.md, Transcript record): re-assessed, exempt, decided by the principal, corrected, adjusted by clause 3
of Article 9. Everything is read from the record that will be signed, never from a live sheet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.regulations.terms import Level, PassFail


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs from what the signer saw last."""

    label: str
    before: str
    after: str


_TERMS = {"semester_1": "học kì I", "semester_2": "học kì II", "year": "cả năm"}


def flags_of(content: tc.TranscriptContent, frozen: dict[str, Any]) -> tuple[str, ...]:
    """Why a signer should look closely at a record."""
    found = []
    again = [row.name for row in content.subjects if row.after_reassessment]
    if again:
        found.append("Đánh giá lại: " + ", ".join(again))
    if content.conduct.after:
        found.append("Rèn luyện lại trong hè: " + tc.LEVEL_WORDS[content.conduct.after])
    exempt = [row.name for row in content.subjects if tc.EXEMPT in (row.semester_1, row.semester_2, row.year)]
    if exempt:
        found.append("Miễn học: " + ", ".join(exempt))
    adjusted = [words for term, words in _TERMS.items() if getattr(content.learning, f"{term}_adjusted")]
    if adjusted:
        found.append("Học tập nâng mức theo khoản 3 Điều 9: " + ", ".join(adjusted))
    if any(row.get("inherited") for row in frozen.get("subjects", ())):
        found.append("Học kì I theo điểm nơi chuyển đến")
    decisions = frozen.get("decisions") or []
    if any(one.get("counts", True) for one in decisions):
        found.append("Có quyết định của Hiệu trưởng")
    elif decisions:
        found.append("Có quyết định của Hiệu trưởng không còn áp dụng")
    if content.corrections.n_places:
        found.append(f"Sửa chữa {content.corrections.n_places} chỗ: " + ", ".join(content.corrections.subject_names))
    if content.replaces_uuid:
        found.append("Bản thay cho bản đã thu hồi")
    if content.promotion.retained:
        found.append("Không được lên lớp")
    return tuple(found)


_LABELS = {
    "student.full_name": "Họ và tên",
    "student.born_on": "Ngày sinh",
    "student.sex": "Giới tính",
    "student.birth_place": "Nơi sinh",
    "student.ethnicity": "Dân tộc",
    "student.address": "Chỗ ở",
    "student.personal_id": "Số định danh",
    "student.home_town": "Quê quán",
    "class_name": "Lớp",
    "issue_on": "Ngày phát hành",
    "homeroom.name": "Giáo viên chủ nhiệm",
    "principal.name": "Người ký (Hiệu trưởng)",
    "homeroom_remark": "Nhận xét của GVCN",
    "principal_remark": "Nhận xét của Hiệu trưởng",
    "completion": "Hoàn thành chương trình",
    "promotion.promoted": "Được lên lớp",
    "promotion.retained": "Không được lên lớp",
    "promotion.promoted_after": "Lên lớp sau đánh giá lại",
}


for _track, _words in (("learning", "Học tập"), ("conduct", "Rèn luyện")):
    for _term, _term_words in (*_TERMS.items(), ("after", "sau hè")):
        _LABELS[f"{_track}.{_term}"] = f"{_words} {_term_words}"

_SUBJECT_FIELDS = {
    "semester_1": "học kì I",
    "semester_2": "học kì II",
    "year": "cả năm",
    "after_reassessment": "đánh giá lại",
    "remark": "nhận xét",
}


def changes_between(old: tc.TranscriptContent, new: tc.TranscriptContent) -> tuple[Change, ...]:
    """Every printed value that differs, with words for where it stands."""
    found = []
    before, after = tc.to_plain(old), tc.to_plain(new)
    for path, label in _LABELS.items():
        left, right = _at(before, path), _at(after, path)
        if left != right:
            found.append(Change(label, _say(left, path), _say(right, path)))
    former = {row.code: row for row in old.subjects}
    for row in new.subjects:
        past = former.get(row.code)
        for name, words in _SUBJECT_FIELDS.items():
            left, right = (getattr(past, name) if past else None), getattr(row, name)
            if left != right:
                found.append(Change(f"{row.name}, {words}", _say(left), _say(right)))
    return tuple(found)


def changes_of(record: m.TranscriptRecord, content: tc.TranscriptContent) -> tuple[Change, ...]:
    """What differs from the record that this one replaces; nothing where it replaces none."""
    if record.replaces_id is None:
        return ()
    former = db.session.get(m.TranscriptRecord, record.replaces_id)
    if former is None:
        return ()
    return changes_between(tc.from_canonical_json(former.content.encode("utf-8")), content)


def _at(plain: Any, path: str) -> Any:
    for name in path.split("."):
        if plain is None:
            return None
        plain = plain[name]
    return plain


def _say(value: Any, path: str = "") -> str:
    if value is None:
        return "(trống)"
    if path.startswith(("learning.", "conduct.")):
        return tc.LEVEL_WORDS[Level(value)]
    text = str(value)
    if path in ("student.born_on", "issue_on"):
        return "/".join(reversed(text.split("-")))
    if text.replace(".", "", 1).isdigit():
        return text.replace(".", ",")
    return {PassFail.PASS.value: "Đạt", PassFail.FAIL.value: "Chưa đạt"}.get(text, text)
