"""What a sheet consists of: its columns by the rule, the value of a cell, and how a cell and an average read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from hocbaso.errors import NotFound
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import PassFail, ScoreOrigin, SubjectKind
from hocbaso.services.sheet_access import SheetHead

REMARK = "NX"
"""The key of the column of remarks."""
_EXCUSED, _UNEXCUSED = ScoreOrigin.MISSED_EXCUSED.value, ScoreOrigin.MISSED_UNEXCUSED.value


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the sheet. ``weight`` 1, 2 or 3 as in Art. 9.1; 0 for the remark."""

    key: str
    head: str
    words: str
    weight: int


class CellRecord(NamedTuple):
    """The stored values of a cell; ``version`` 0 means that no row exists.

    A tuple, as the view below: a sheet makes some five hundred of both, and a frozen dataclass takes thrice the time.
    """

    tenths: int | None = None
    mark: str | None = None
    remark: str | None = None
    origin: str = ScoreOrigin.EMPTY.value
    makeup_due_on: date | None = None
    version: int = 0
    id: int | None = None

    @property
    def text(self) -> str:
        """As it stands in the sheet: ``8,5``, ``Đ``, ``V`` (to be made up), a remark, or nothing."""
        if self.tenths is not None:
            return format_score(self.tenths)
        if self.origin == _EXCUSED:
            return "V"
        return self.mark or self.remark or ""

    @property
    def is_filled(self) -> bool:
        """Whether an assessment has its result (a make-up that is due has not)."""
        return self.tenths is not None or self.mark is not None

    def same_value(self, other: CellRecord) -> bool:
        """Whether both hold the same, versions aside."""
        return (self.tenths, self.mark, self.remark, self.origin, self.makeup_due_on) == (
            other.tenths,
            other.mark,
            other.remark,
            other.origin,
            other.makeup_due_on,
        )


NOTHING = CellRecord()


class CellView(NamedTuple):
    """A cell on the page. ``state``: value, gap, missed, makeup, exempt or closed; ``can_edit`` decides alone."""

    key: str
    text: str
    version: int
    state: str
    can_edit: bool
    makeup_due_on: date | None = None


@lru_cache(maxsize=64)
def _columns(version: str, kind: SubjectKind, lessons_per_year: int) -> tuple[Column, ...]:
    n_regular = regulation_named(version).regular_count(lessons_per_year, kind)
    regular = [Column(f"TX{n}", str(n), f"thường xuyên {n}", 1) for n in range(1, n_regular + 1)]
    return (*regular, Column("GK", "Giữa kì", "giữa kì", 2), Column("CK", "Cuối kì", "cuối kì", 3))


def columns_of(head: SheetHead) -> tuple[Column, ...]:
    """The assessments of a sheet (Art. 6.2, 7): regular ones by lessons a year, midterm, final. Without the remark."""
    return _columns(head.regulation_version, head.kind, head.lessons_per_year)


def column_words(head: SheetHead, column_key: str) -> str:
    """``thường xuyên 2``, ``giữa kì``, ``nhận xét``; NotFound for a column the sheet does not have."""
    if column_key == REMARK:
        return "nhận xét"
    for column in columns_of(head):
        if column.key == column_key:
            return column.words
    raise NotFound("Bảng điểm này không có cột đó.")


def record_of(row: Any) -> CellRecord:
    """The values of a row of ``score_lines.CELLS``: enrolment and column, then those of a record in their order."""
    return CellRecord(*row[2:])


def view_cell(key: str, record: CellRecord, closed: str, may_type: bool) -> CellView:
    """A cell as the page shows it; the value typed before an exemption stays in the history and is not shown."""
    if closed == "Miễn":
        return CellView(key, "Miễn" if key != REMARK else record.text, record.version, "exempt", False)
    if record.origin == _EXCUSED:
        state = "makeup"
    elif record.origin == _UNEXCUSED:
        state = "missed"
    elif record.is_filled or key == REMARK:
        state = "value"
    else:
        state = "closed" if closed else "gap"
    return CellView(key, record.text, record.version, state, may_type, record.makeup_due_on)


def average_text(head: SheetHead, columns: tuple[Column, ...], cells: Mapping[str, CellRecord]) -> str:
    """ĐTBmhk of a line (Art. 9.1): ``8,1`` or ``Đ``/``CĐ``; "" until every assessment has its result."""
    found = [cells.get(column.key, NOTHING) for column in columns]
    if not all(record.is_filled for record in found):
        return ""
    rules = regulation_named(head.regulation_version)
    if head.kind is SubjectKind.COMMENT:
        marks = [PassFail(record.mark) for record in found if record.mark is not None]
        result = rules.comment_semester(marks[:-2], marks[-2], marks[-1])
        return result.value if result is not None else ""
    tenths = [record.tenths for record in found if record.tenths is not None]
    average = rules.semester_average(tenths[:-2], tenths[-2], tenths[-1])
    return format_score(average) if average is not None else ""


def says_nothing_new(new: CellRecord, old: CellRecord) -> bool:
    """Whether a value from a workbook or a paste is no change: a plain 0 says no more than the missed 0 that stands."""
    if new.same_value(old):
        return True
    if new.remark is not None:
        return " ".join((old.remark or "").split()) == new.remark
    is_value = new.tenths is not None or new.mark is not None
    return (
        is_value
        and new.origin != ScoreOrigin.MISSED_UNEXCUSED.value
        and (new.tenths, new.mark) == (old.tenths, old.mark)
    )
