"""What is still missing before a result may be concluded. A gap is never a zero (Arts. 6, 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hocbaso.regulations.averages import SEMESTER_NAMES, column_name
from hocbaso.regulations.terms import PassFail

Value = int | PassFail
"""One result: whole tenths of a scored subject, or Đ/CĐ."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something not entered. ``missing``: regular_1…, midterm, final; inherited (of a semester at the old school);
    conduct_1, conduct_2; absences.

    ``subject`` is the subject's code, None for conduct and absences; ``semester`` is 1 or 2, None for absences.
    """

    subject: str | None
    semester: int | None
    missing: str

    def words(self, name: str | None = None) -> str:
        """``Toán, học kì II: thiếu cuối kì``; ``name`` is the subject's name."""
        if self.missing == "absences":
            return "Chưa nhập số buổi nghỉ cả năm"
        if self.semester is None or self.subject is None:
            return f"Chưa đánh giá rèn luyện {SEMESTER_NAMES[(self.semester or 1) - 1]}"
        return f"{name or self.subject}, {SEMESTER_NAMES[self.semester - 1]}: thiếu {column_name(self.missing)}"


def marks_missing(
    regular: Sequence[Value | None], midterm: Value | None, final: Value | None, n_regular: int
) -> list[str]:
    """Names of the assessments of one subject and semester that have no result, in the order of the sheet."""
    missing = [f"regular_{number}" for number, value in enumerate(regular[:n_regular], 1) if value is None]
    missing += [f"regular_{number}" for number in range(len(regular) + 1, n_regular + 1)]
    if midterm is None:
        missing.append("midterm")
    if final is None:
        missing.append("final")
    return missing
