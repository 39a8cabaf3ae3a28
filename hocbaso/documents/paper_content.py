"""What a sheet on paper shows: plain data, light enough for the web process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A pupil's line. ``code``: the two check digits; ``closed``: why nothing is asked, "" when open.

    ``values``: what stands in each column, "" for an empty box.
    """

    number: int
    family_name: str
    given_name: str
    code: str
    closed: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PaperSheet:
    """One class sheet. ``address``: what the QR code opens; ``columns``: (group, head) of each box."""

    school: str
    year: str
    subject: str
    class_name: str
    semester: int
    teachers: str
    scored: bool
    code: str
    address: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[PaperRow, ...]
    made_at: datetime
    """In the school's own time."""
    with_values: bool
