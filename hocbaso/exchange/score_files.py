"""The file of one score sheet, as plain data: what is written into it, what is found in it. No workbook is opened here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from hocbaso.exchange.rows import CellProblem

MARK_TAB = "hocbaso"
"""Name of the hidden sheet that says which score sheet the file is, and the version of each value."""

MARK_KIND = "hocbaso-bang-diem"
KEY_PREFIX = "hocbaso:"
"""Begins the texts of the hidden row above the headings: the stored column of each."""

EXEMPT_TEXT = "Miễn"


@dataclass(frozen=True, slots=True)
class FileCell:
    """A value that goes into a file. ``text``: as typed (``8,5`` ``Đ`` ``VP 20/12/2026`` ``VK``, a remark, or nothing)."""

    text: str
    version: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class FileLine:
    """A pupil's line. ``closed`` says in words why nothing is asked of it; ``cells`` by stored column."""

    number: int
    enrollment_id: int
    code: str | None
    full_name: str
    born_on: date | None
    closed: str
    cells: Mapping[str, FileCell]
    average: str = ""


@dataclass(frozen=True, slots=True)
class ScoreFile:
    """A score sheet as it stands, to be written. ``kind``: scored or comment; ``keys``: assessments, without the remark.

    ``told``: what stands under the title, for the person who fills it in.
    """

    sheet_id: int
    school_code: str
    school_name: str
    class_name: str
    subject_name: str
    tab: str
    kind: str
    semester: int
    year_label: str
    told: tuple[str, ...]
    template: str
    keys: tuple[str, ...]
    lines: tuple[FileLine, ...]


@dataclass(frozen=True, slots=True)
class FileMark:
    """What the hidden sheet says: which score sheet this is, and which version of each value was downloaded."""

    sheet_id: int
    school_code: str
    school_name: str
    label: str
    versions: Mapping[int, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class FoundCell:
    """A cell of a file. ``text`` is what a person would type for it, "" when blank; ``note`` says how it was read;
    ``refusal`` why it cannot be, then ``text`` is what stands there."""

    address: str
    text: str
    note: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A row with somebody in it. ``cells`` by stored column, only columns that the file has; ``refusal``: of the whole row."""

    address: str
    who_address: str
    enrollment_id: int | None
    code: str | None
    full_name: str | None
    born_on: date | None
    class_name: str | None
    cells: Mapping[str, FoundCell]
    refusal: str = ""

    @property
    def is_filled(self) -> bool:
        """Whether any cell holds something."""
        return any(cell.text for cell in self.cells.values())


@dataclass(frozen=True, slots=True)
class FoundSheet:
    """One table of a file with what it says of itself; None where it is silent."""

    title: str
    school_name: str | None
    class_name: str | None
    subject_code: str | None
    semester: int | None
    school_year: str | None
    template: str | None
    keys: tuple[str, ...]
    lines: tuple[FoundLine, ...]
    problems: tuple[CellProblem, ...]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """All tables of a file, and the hidden mark where it is still there."""

    sheets: tuple[FoundSheet, ...]
    mark: FileMark | None
    passed_by: tuple[str, ...] = ()
    """Titles of sheets without a table of scores."""
