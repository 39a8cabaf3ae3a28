"""Names of the fields of a correction that are neither cells nor columns of one row: an exemption, a result of an old school.

A request keeps them as text, as it keeps every field: ``exempt-12-1`` (subject 12, semester I), ``inherited-12``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

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
