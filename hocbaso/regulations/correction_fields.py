"""Names of the fields of a correction that are neither cells nor columns of one row: an exemption, a result of an old school, a month's absences.

A request keeps them as text, as it keeps every field: ``exempt-12-1`` (subject 12, semester I), ``inherited-12``, ``month-1-2026-09-excused``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from hocbaso.regulations.attendance_months import KINDS

EXEMPT_VALUE = "Miễn"
"""What an ``exempt`` field says while the pupil is exempt; nothing otherwise."""


class YearFieldKind(StrEnum):
    """What such a field is about."""

    EXEMPT = "exempt"
    INHERITED = "inherited"


@dataclass(frozen=True, slots=True)
class YearField:
    """A subject of a pupil's year in one semester."""

    kind: YearFieldKind
    subject_id: int
    semester: int

    @property
    def name(self) -> str:
        """As a request stores it."""
        place = f"-{self.semester}" if self.kind is YearFieldKind.EXEMPT else ""
        return f"{self.kind.value}-{self.subject_id}{place}"


_NAME = re.compile(r"exempt-([1-9][0-9]{0,8})-([12])|inherited-([1-9][0-9]{0,8})", re.ASCII)


def read_year_field(name: str) -> YearField | None:
    """The field of that name; None for a field of the profile or of the homeroom record."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    if found[3]:
        return YearField(YearFieldKind.INHERITED, int(found[3]), 1)
    return YearField(YearFieldKind.EXEMPT, int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class MonthField:
    """The sessions of one kind that a pupil missed in a semester's part of a month (``regulations/attendance_months``)."""

    semester: int
    month: str
    """``2026-09``"""
    kind: str

    @property
    def name(self) -> str:
        """As a request stores it."""
        return f"month-{self.column_key}-{self.kind}"

    @property
    def column_key(self) -> str:
        """``1-2026-09``"""
        return f"{self.semester}-{self.month}"


_MONTH = re.compile(rf"month-([12])-([0-9]{{4}}-(?:0[1-9]|1[0-2]))-({'|'.join(KINDS)})", re.ASCII)


def read_month_field(name: str) -> MonthField | None:
    """The month of that name; None for any other field."""
    found = _MONTH.fullmatch(name)
    return MonthField(int(found[1]), found[2], found[3]) if found is not None else None
