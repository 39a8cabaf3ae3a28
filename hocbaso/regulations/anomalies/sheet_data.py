"""One score sheet as plain data, with what it may be held against: the same pupils earlier, the classes beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hocbaso.regulations.terms import PassFail, SubjectKind

MIDTERM, FINAL, REMARK = "GK", "CK", "NX"
"""Stored names of the columns that have a meaning of their own here."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands in a cell: whole tenths or Đ/CĐ; ``missed`` when it is the 0 or CĐ of a missed assessment."""

    tenths: int | None = None
    mark: PassFail | None = None
    missed: bool = False

    @property
    def text(self) -> str:
        """The value as the key of a finding writes it; two marks with one text are the same value."""
        return f"{'' if self.tenths is None else self.tenths}{self.mark or ''}{'!' if self.missed else ''}"


NOTHING = Mark()


@dataclass(frozen=True, slots=True)
class PastSemester:
    """The same pupil in the same subject in an earlier semester, in tenths."""

    average: int | None = None
    midterm: int | None = None
    final: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One pupil of whom assessments are asked. ``number`` is the place in the sheet; ``past`` has the newest first."""

    number: int
    enrollment_id: int
    name: str
    marks: Mapping[str, Mark]
    remark: str = ""
    average: int | None = None
    result: PassFail | None = None
    past: tuple[PastSemester, ...] = ()

    def tenths(self, column: str) -> int | None:
        """The score in a column, None where there is none."""
        return self.marks.get(column, NOTHING).tenths


@dataclass(frozen=True, slots=True)
class NeighbourClass:
    """The same subject and semester in another class: each column from the top of its sheet downwards, in tenths."""

    name: str
    same_grade_level: bool
    same_teacher: bool
    columns: Mapping[str, tuple[int | None, ...]]


@dataclass(frozen=True, slots=True)
class SheetData:
    """A sheet. ``columns``: key and words (``TX1``: ``thường xuyên 1``), in the order of the sheet."""

    kind: SubjectKind
    columns: Mapping[str, str]
    lines: tuple[Line, ...]
    neighbours: tuple[NeighbourClass, ...] = ()
    classmates: tuple[str, ...] = field(default=())
    """Full names of everybody in the class, those without a line too."""

    def in_order(self) -> tuple[Line, ...]:
        """The lines from the top of the sheet downwards, in whatever order they were handed over."""
        return tuple(sorted(self.lines, key=lambda line: (line.number, line.enrollment_id)))
