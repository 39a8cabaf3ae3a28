"""What the summary of a year that is not over shows: plain data, light enough for the web process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PartialTerm:
    """A subject in a semester, as written: ``regular`` marks, ``midterm``, ``final``, ``result``; "" for what is not there.

    ``word`` stands in their place where nothing was asked ("Miễn", "Trường cũ"); ``is_open``: the sheet is not locked yet.
    """

    regular: str = ""
    midterm: str = ""
    final: str = ""
    result: str = ""
    word: str = ""
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class PartialSubject:
    """One subject: semester I, semester II and the year."""

    name: str
    terms: tuple[PartialTerm, PartialTerm]
    year: str


@dataclass(frozen=True, slots=True)
class PartialResults:
    """A pupil's results so far. ``facts``: (words, value); ``movements``: who came or went, in words;
    ``conduct``: (words, semester I, semester II); ``notes``: sentences under the table."""

    school: str
    place: str
    year: str
    class_name: str
    full_name: str
    facts: tuple[tuple[str, str], ...]
    movements: tuple[str, ...]
    conduct: tuple[tuple[str, str, str], ...]
    subjects: tuple[PartialSubject, ...]
    notes: tuple[str, ...]
    homeroom_name: str
    demo: bool
    made_at: datetime
    """In the school's own time."""
