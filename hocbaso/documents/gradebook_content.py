"""What the two books "Sổ theo dõi và đánh giá học sinh" show: plain data, light enough for the web process.

Every value is a text as people read it; "" where nothing stands. Forms: Circular 22/2021, annex.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BookCell:
    """One assessment. ``missed``: VP (with leave, a make-up is due), VK (without, 0 or CĐ counts), or ""."""

    text: str = ""
    missed: str = ""


@dataclass(frozen=True, slots=True)
class BookLine:
    """A pupil in a sheet. ``cells``: four regular assessments, midterm, final; where nothing is asked and nothing was typed ``word``
    stands in their place ("Miễn"). ``gone``: why the line is closed beside what stands in it. ``year``, ``again``: semester II only."""

    number: int
    full_name: str
    moet_code: str
    born_on: str
    cells: tuple[BookCell, ...]
    word: str
    gone: str
    average: str
    year: str
    again: str
    remark: str


@dataclass(frozen=True, slots=True)
class BookCount:
    """Of the pupils still in the class: how many have a result, and how many of these are Đạt and Chưa đạt, with per cent."""

    words: str
    n: int
    n_pass: int
    pass_percent: str
    n_fail: int
    fail_percent: str


@dataclass(frozen=True, slots=True)
class BookSheet:
    """The page of a score sheet. ``standing``: where the sheet stands, in words; ``is_locked``: no score of it is typed any more.
    ``fails``: what counts as Chưa đạt, in words."""

    subject: str
    class_name: str
    semester: int
    is_scored: bool
    teachers: str
    standing: str
    is_locked: bool
    lines: tuple[BookLine, ...]
    fails: str
    counts: tuple[BookCount, ...]


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands on the first pages of both. ``facts``: (words, value) below the title; ``taught``: subject -> who, or where;
    ``place``: stands before a date."""

    school: str
    commune: str
    province: str
    place: str
    year: str
    facts: tuple[tuple[str, str], ...]
    taught: tuple[tuple[str, str], ...]
    demo: bool
    made_at: datetime
    """In the school's own time."""


@dataclass(frozen=True, slots=True)
class TeacherGradebook:
    """The book of a teacher: the sheets they teach, by subject, class and semester."""

    cover: Cover
    teacher: str
    sheets: tuple[BookSheet, ...]


@dataclass(frozen=True, slots=True)
class BookTable:
    """A table of the class: (words, columns beneath) of its heads, and a line a pupil: number, name, cells, and why it is closed ("" when not)."""

    title: str
    heads: tuple[tuple[str, tuple[str, ...]], ...]
    lines: tuple[tuple[int, str, tuple[str, ...], str], ...]

    @property
    def n_columns(self) -> int:
        """Cells of a line."""
        return sum(len(below) or 1 for _, below in self.heads)


@dataclass(frozen=True, slots=True)
class ProfileLine:
    """A pupil's line of the personal data. ``family``: parents or guardian, each with the occupation; ``changes``: who came and went."""

    number: int
    full_name: str
    born_on: str
    birth_place: str
    sex: str
    ethnicity: str
    policy: str
    address: str
    family: tuple[str, ...]
    phone: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClassGradebook:
    """The book of a class. ``standing``: where the class stands, in words; ``is_approved``: its results are frozen.

    ``terms``: semester I, semester II, the year; ``summing``: (words, counts) of the class as a whole; ``months``: those that the
    principal's remarks have a line for.
    """

    cover: Cover
    class_name: str
    standing: str
    is_approved: bool
    homeroom_name: str
    profiles: tuple[ProfileLine, ...]
    absences: BookTable
    sheets: tuple[BookSheet, ...]
    terms: tuple[BookTable, ...]
    conclusions: BookTable
    summing: tuple[tuple[str, str], ...]
    months: tuple[str, ...]
