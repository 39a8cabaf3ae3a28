"""What a person saw of a class before acting upon it, short enough for a form: whoever acts on something else is told.

A class's version moves with its state alone. A profile flag, an exemption, a level of conduct, a decision or a pupil's
leaving changes what approval freezes, and none of them moves it. The seal covers all that would be frozen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from hocbaso.errors import Stale
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.services import frozen_results
from hocbaso.services.kept_answers import KeptAnswers
from hocbaso.services.results import ClassResults

_SECTIONS: dict[str, tuple[str, ...]] = {
    "danh sách học sinh": ("enrollment_id",),
    "hồ sơ học sinh": ("student", "class_name", "grade_level", "school_year", "regulation_version"),
    "điểm, miễn học, nhận xét hoặc giáo viên môn học": ("subjects",),
    "quyết định của Hiệu trưởng": ("decisions",),
    "giáo viên chủ nhiệm": ("homeroom",),
    "rèn luyện, ngày nghỉ hoặc nhận xét": (
        "conduct",
        "absences",
        "competitions",
        "certificates",
        "homeroom_remark",
    ),
    "mức học tập, khen thưởng hoặc kết luận": ("learning", "promotion", "completion", "award", "awards", "steps"),
}
"""What is frozen of a student, by the words of a refusal."""

_OWN = 2
"""The last sections: what the homeroom teacher writes field by field on the page that finalises, and what follows from it."""

_LEFT_OUT = {"format", "freeze", "principal_remark", "approved_by", "approved_at"}
_SECTION, _STUDENT = 16, 4
_SHAPE = re.compile(rf"([0-9a-f]{{{_SECTION}}}_){{{len(_SECTIONS)}}}([0-9a-f]{{{_STUDENT}}})*")
LONGEST = 2000
_NAMED = 3
_NO_DAY = datetime(2000, 1, 1, tzinfo=UTC)

_KEPT: KeptAnswers[str] = KeptAnswers(40)


def seal(computed: ClassResults, today: date | None = None) -> str:
    """The seal of a class as computed: a digest for each kind of thing that is frozen, and a short one for each student.

    Kept by the class's fingerprint where ``today`` (the day it was computed for) is given: pages ask again and again.
    """
    if today is None:
        return _make(computed)
    return _KEPT.of((computed.class_group_id, today, computed.fingerprint), lambda: _make(computed))


def _make(computed: ClassResults) -> str:
    sections = [hashlib.sha256() for _ in _SECTIONS]
    short = []
    for row in sorted(computed.students, key=lambda row: row.given.enrollment_id):
        content = frozen_results.frozen_content(
            computed, row, freeze="main", principal_remark=None, approved_by="", approved_at=_NO_DAY
        )
        whole = hashlib.sha256()
        for digest, names in zip(sections, _SECTIONS.values(), strict=True):
            part = _part(content, names)
            digest.update(part)
            whole.update(part)
        short.append(whole.hexdigest()[:_STUDENT])
    return "".join(f"{digest.hexdigest()[:_SECTION]}_" for digest in sections) + "".join(short)


def _part(content: Mapping[str, Any], names: tuple[str, ...]) -> bytes:
    # Sections are read one after another, so that no text of one may run into the next.
    return canonical_json({"of": content["enrollment_id"], **{name: content[name] for name in names}}).encode() + b"\n"


def require_seen(seen: str, computed: ClassResults, *, own_writing: bool = False) -> None:
    """Refuse an act on something else than was seen: Stale, naming what changed and of whom.

    ``own_writing``: the homeroom teacher acts, who may have written since the page was opened; only the rest must stand.
    """
    if len(seen) > LONGEST or not _SHAPE.fullmatch(seen):
        raise Stale("Trang thầy, cô mở chưa có đủ kết quả của lớp. Xin tải lại trang, xem lại; chưa có gì thay đổi.")
    now = _make(computed)
    old_parts, new_parts = seen.split("_"), now.split("_")
    n = len(_SECTIONS) - (_OWN if own_writing else 0)
    changed = [
        words for words, old, new in zip(list(_SECTIONS)[:n], old_parts[:n], new_parts[:n], strict=True) if old != new
    ]
    if not changed:
        return
    raise Stale(
        f"Kết quả lớp {computed.class_name} đã thay đổi sau khi thầy, cô mở trang: {'; '.join(changed)}"
        f"{_of_whom(old_parts[-1], new_parts[-1], computed)}. Xin xem lại rồi làm tiếp; chưa có gì thay đổi."
    )


def _of_whom(old: str, new: str, computed: ClassResults) -> str:
    """The students whose lines differ, as far as both lists have the same people."""
    if len(old) != len(new):
        return ""
    rows = sorted(computed.students, key=lambda row: row.given.enrollment_id)
    names = [
        row.given.full_name
        for at, row in enumerate(rows)
        if old[at * _STUDENT : (at + 1) * _STUDENT] != new[at * _STUDENT : (at + 1) * _STUDENT]
    ]
    if not names or len(names) == len(rows) > _NAMED:
        return " (cả lớp)" if names else ""
    more = f" và {len(names) - _NAMED} em nữa" if len(names) > _NAMED else ""
    return f" ({', '.join(names[:_NAMED])}{more})"
