"""What comes out of a spreadsheet: frozen rows that know their cells, and problems that name theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Generic, Literal, TypeVar

from hocbaso.regulations.terms import PassFail, ScoreOrigin, Sex

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class CellProblem:
    """One thing to tell the person: ``address`` is ``sheet!A1``, ``field`` the Vietnamese column, ``raw`` what stands there."""

    address: str
    field: str
    raw: str
    message_vi: str
    severity: Severity

    def __str__(self) -> str:
        shown = f" “{self.raw}”" if self.raw else ""
        return (
            f"{self.address} ({self.field}){shown}: {self.message_vi}"
            if self.field
            else f"{self.address}: {self.message_vi}"
        )


@dataclass(frozen=True)
class SourceRow:
    """Base of all rows. ``address`` is the row's first cell, ``cells`` maps field names to addresses.

    Neither takes part in equality: two files that say the same give equal rows.
    """

    address: str = field(compare=False)
    cells: Mapping[str, str] = field(compare=False, repr=False)

    def at(self, name: str) -> str:
        """The cell of a field, or the row's address when the file has no such column."""
        return self.cells.get(name, self.address)


@dataclass(frozen=True)
class StudentRow(SourceRow):
    """A pupil as the office lists them. ``code`` is the Ministry's identifier, None until known.

    ``joined_on``: the day the pupil came into the class, or into the school; None where the list does not say.
    """

    class_name: str
    code: str | None
    full_name: str
    born_on: date
    sex: Sex
    register_number: str | None = None
    birth_place: str | None = None
    ethnicity: str | None = None
    nationality: str | None = None
    personal_id: str | None = None
    residence: str | None = None
    policy_category: str | None = None
    father_name: str | None = None
    father_job: str | None = None
    mother_name: str | None = None
    mother_job: str | None = None
    guardian_name: str | None = None
    guardian_job: str | None = None
    phone: str | None = None
    home_town: str | None = None
    height_cm: Decimal | None = None
    weight_kg: Decimal | None = None
    joined_on: date | None = None


@dataclass(frozen=True)
class TeacherRow(SourceRow):
    """A member of staff (trích ngang)."""

    code: str
    full_name: str
    born_on: date | None = None
    sex: Sex | None = None
    personal_id: str | None = None
    department: str | None = None
    position: str | None = None
    qualification: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True)
class AssignmentRow(SourceRow):
    """Who teaches what. ``subject_code`` is None in a row that only names the homeroom teacher."""

    class_name: str
    subject_code: str | None
    lessons_per_year: int | None
    teacher_code: str | None
    teacher_name: str | None
    is_homeroom: bool


@dataclass(frozen=True, slots=True)
class ScoreCell:
    """One assessment: whole tenths (85 = 8,5), Đ/CĐ, or nothing with the reason in ``origin`` (Art. 7)."""

    value: int | PassFail | None = None
    origin: ScoreOrigin = ScoreOrigin.EMPTY

    @property
    def is_empty(self) -> bool:
        """True when nothing was entered, not even a mark for absence."""
        return self.origin is ScoreOrigin.EMPTY


EMPTY_SCORE = ScoreCell()


@dataclass(frozen=True)
class ScoreRow(SourceRow):
    """One pupil in one subject and semester. ``regular`` is by ordinal; columns blank in the whole sheet's end are left out.

    ``average`` is what the file claims (tenths), compared on reading and never stored. ``cells`` has keys ``regular_1``…,
    ``midterm``, ``final``, ``remark``, ``student_code``, ``full_name``.
    """

    class_name: str
    subject_code: str
    semester: int
    student_code: str | None
    full_name: str | None
    born_on: date | None
    regular: tuple[ScoreCell, ...]
    midterm: ScoreCell = EMPTY_SCORE
    final: ScoreCell = EMPTY_SCORE
    remark: str | None = None
    exempt: bool = False
    average: int | PassFail | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ScoreSheetHead:
    """What a score sheet says about itself."""

    title: str
    class_name: str
    subject_code: str
    semester: int
    school_year: str | None
    n_regular: int
    n_rows: int


RowT = TypeVar("RowT", bound=SourceRow)


@dataclass(frozen=True)
class ImportTable(Generic[RowT]):
    """All readable rows and all problems of a file. A row with an error is not in ``rows``: nothing half-read is kept."""

    rows: tuple[RowT, ...]
    problems: tuple[CellProblem, ...]
    profile: str
    sheets: tuple[ScoreSheetHead, ...] = ()

    @property
    def errors(self) -> tuple[CellProblem, ...]:
        """Problems that forbid applying the file."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[CellProblem, ...]:
        """Things that were repaired or left out, for the person to glance over."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")
