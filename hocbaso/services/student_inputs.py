"""What the regulation is asked about one student: marks, remarks, exemptions, conduct, decisions, as plain values.

Read from the tables by ``services/class_reading.py``, evaluated by ``services/evaluation.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hocbaso.regulations.score_values import to_point
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services.score_grid import ACTIVE

HOMEROOM_VALUES = (
    "conduct_1",
    "conduct_2",
    "absences_excused_1",
    "absences_unexcused_1",
    "absences_excused_2",
    "absences_unexcused_2",
    "remark",
    "award_extra",
    "competitions",
    "certificates",
    "certificates_grade",
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One assessment as it stands: whole tenths or ``Đ``/``CĐ``, and where it comes from."""

    tenths: int | None
    mark: str | None
    origin: str

    @property
    def text(self) -> str | None:
        """``"8.5"``, ``"Đ"``, ``"CĐ"`` or None: as the rule engine and the transcript write it."""
        return to_point(self.tenths) if self.tenths is not None else self.mark


@dataclass(frozen=True, slots=True)
class SheetFacts:
    """A sheet of the class: where it stands."""

    id: int
    semester: int
    state: str
    version: int
    content_version: int


@dataclass(frozen=True, slots=True)
class SubjectFacts:
    """A subject of the class with its two sheets and who teaches it now (or taught it last)."""

    class_subject_id: int
    subject_id: int
    code: str
    name: str
    short_name: str
    transcript_name: str
    kind: SubjectKind
    lessons_per_year: int
    sheet_order: int
    transcript_order: int
    sheets: tuple[SheetFacts | None, SheetFacts | None]
    teachers: tuple[str, ...]

    @property
    def is_locked(self) -> bool:
        """Whether both sheets are locked."""
        return all(sheet is not None and sheet.state == "LOCKED" for sheet in self.sheets)


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """A decision of the principal that stands in for the rule (the latest of its kind and term).

    ``basis``: the results it was made on; it counts for no others. None: recorded before that was kept.
    """

    id: int
    kind: str
    term: str
    outcome: str
    reason: str
    document: str | None
    decided_at: datetime
    basis: str | None = None


@dataclass(frozen=True, slots=True)
class SubjectInput:
    """What one student has in one subject: marks by column and semester, remarks, exemption, re-assessment.

    ``inherited``: the old school's result of semester I as ``"8.5"`` or ``"Đ"``, accepted by the principal.
    """

    subject: SubjectFacts
    exempt: tuple[bool, bool]
    marks: tuple[Mapping[str, Mark], Mapping[str, Mark]]
    remarks: tuple[str | None, str | None]
    reassessed: str | None = None
    inherited: str | None = None


@dataclass(frozen=True, slots=True)
class StudentInput:
    """Everything the regulation asks about one student of the class."""

    enrollment_id: int
    student_id: int
    full_name: str
    sort_key: str
    status: str
    facts: Mapping[str, Any]
    inclusive_disability: bool
    subjects: tuple[SubjectInput, ...]
    homeroom: Mapping[str, Any]
    homeroom_version: int
    conduct_after_summer: str | None
    decisions: tuple[DecisionFacts, ...]
    pending_exemptions: int
    first_semester: int = 1
    """2: semester I was at the old school."""
    has_pending_inherited: bool = False
    summer_over: bool = False
    """All that the summer offered this pupil is settled and approved."""

    @property
    def is_active(self) -> bool:
        """Whether the student is still in the class."""
        return self.status in ACTIVE

    def absences(self) -> int | None:
        """Absences of the year, with and without leave; None while one of the four is not recorded."""
        found = [self.homeroom.get(name) for name in HOMEROOM_VALUES[2:6]]
        return None if any(value is None for value in found) else sum(found)  # type: ignore[arg-type]

    def decision(self, kind: str, term: str = "year") -> DecisionFacts | None:
        """The decision in force of this kind and term."""
        return next((row for row in self.decisions if row.kind == kind and row.term == term), None)
