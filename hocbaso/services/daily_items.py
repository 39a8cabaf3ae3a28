"""What an item of "today" is: one piece of work that waits for a person, and why it deserves a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from hocbaso import clock
from hocbaso import models as m
from hocbaso.regulations.deadlines import Deadline
from hocbaso.services.exemptions import ExemptionLine


@dataclass(frozen=True, slots=True)
class Oddity:
    """Why an item deserves a look. ``before`` and ``after`` where something reads as a change."""

    kind: str
    icon: str
    who: str
    why: str
    label: str = ""
    before: str = ""
    after: str = ""


LATE = "Quá hạn"
"""The kind of an oddity that is nothing but lateness."""


@dataclass(frozen=True, slots=True)
class DailyItem:
    """One piece of work. ``key`` names it with the version seen (``sheet-12-3``); ``verb`` is what this person does.

    ``verb``: approve, review, lock (acts in bulk here); type, finalise, sign, build, decide (open ``link``).
    """

    kind: str
    key: str
    verb: str
    title: str
    link: str
    meta: str
    say: str
    due_before: date
    days_left: int
    grade_level: int
    class_name: str
    class_group_id: int
    subject_group_id: int | None
    oddities: tuple[Oddity, ...] = ()
    exemption: ExemptionLine | None = None
    seen: str = ""
    """Of a class to approve: the seal of the results this page was made from."""

    @property
    def tick(self) -> str:
        """What a form sends for this item: its key, with what was seen of it."""
        return f"{self.key}-{self.seen}" if self.seen else self.key

    @property
    def is_odd(self) -> bool:
        """Whether it stands open above the plain ones."""
        return bool(self.oddities)

    @property
    def is_late(self) -> bool:
        """Whether its day has passed; to publish has none of its own, the day told is that of signing."""
        return self.days_left <= 0 and self.verb != "publish"

    @property
    def acts_here(self) -> bool:
        """Whether it can be ticked on this page."""
        return self.verb in ("approve", "review")

    @property
    def due_kind(self) -> str:
        """How the days left are coloured: wrong, late, or nothing."""
        return "wrong" if self.days_left <= 0 else "late" if self.days_left <= 7 else ""


def class_item(
    row: m.ClassGroup, verb: str, title: str, meta: str, say: str, before: date, today: date, oddities: Sequence[Oddity]
) -> DailyItem:
    """An item about a class as it stands; its key carries the class's version."""
    return DailyItem(
        kind="class",
        key=f"class-{row.id}-{row.version}",
        verb=verb,
        title=title,
        link=f"/lop/{row.id}",
        meta=meta,
        say=say,
        due_before=before,
        days_left=Deadline(before).days_left(today),
        grade_level=row.grade_level,
        class_name=row.name,
        class_group_id=row.id,
        subject_group_id=None,
        oddities=tuple(oddities),
    )


def school_item(
    kind: str,
    key: str,
    verb: str,
    title: str,
    meta: str,
    link: str,
    before: date,
    today: date,
    oddities: Sequence[Oddity] = (),
) -> DailyItem:
    """An item of no class and no subject: it is everybody's whose work it is, whatever the page is filtered by."""
    return DailyItem(
        kind=kind,
        key=f"{kind}-{key}",
        verb=verb,
        title=title,
        link=link,
        meta=meta,
        say="",
        due_before=before,
        days_left=Deadline(before).days_left(today),
        grade_level=0,
        class_name="",
        class_group_id=0,
        subject_group_id=None,
        oddities=tuple(oddities),
    )


_MAX_SAID = 3


def some_names(names: Sequence[str]) -> str:
    """At most three names, and how many more."""
    shown = ", ".join(names[:_MAX_SAID])
    return shown if len(names) <= _MAX_SAID else f"{shown} và {len(names) - _MAX_SAID} em nữa"


def day_words(instant: datetime) -> str:
    """The school's day of an instant, as 05/09."""
    return f"{clock.local_date(instant):%d/%m}"
