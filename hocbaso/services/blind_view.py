"""What people see of đối chiếu bài gốc: the page of who types, the record that stays with a sheet, what waits.

A first value leaves this room only when no drawn result of its sheet waits to be typed and compared any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, bindparam, exists, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.blind_check import OPEN, CheckState, Reading
from hocbaso.regulations.score_sheet_flow import SheetParty, SheetState
from hocbaso.regulations.score_values import format_score
from hocbaso.services.access import Actor
from hocbaso.services.blind_access import (
    SEEN,
    CheckHead,
    check_for,
    counting,
    drawn_of,
    is_open,
    is_unseen,
    named_for,
    percent_of,
)
from hocbaso.services.blind_naming import Candidate, candidates
from hocbaso.services.score_cells import column_words
from hocbaso.services.score_lines import ACTIVE
from hocbaso.services.sheet_access import SheetHead, connection, table_of

_check = table_of(m.BlindCheck)
_ANY = select(_check.c.id).where(_check.c.score_sheet_id == bindparam("sheet_id")).limit(1)

NO_PAPER = "không thấy bài"


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One drawn result. ``first`` is "" while it is kept from everybody who looks at the check."""

    id: int
    enrollment_id: int
    column_key: str
    student_name: str
    column: str
    state: CheckState
    second: str
    no_paper: bool
    version: int
    first: str = ""
    reason: str = ""
    typed_name: str = ""
    typed_at: datetime | None = None
    settled_name: str = ""


@dataclass(frozen=True, slots=True)
class DrawLine:
    """One draw: with these values anybody can repeat it."""

    seed: str
    percent: int
    n_cells: int
    n_drawn: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """What is kept with a sheet. ``phase``: ``none``, ``typing``, ``settling`` or ``done``; ``lines`` only after typing."""

    phase: str
    n_asked: int
    n_typed: int
    n_different: int
    n_same: int
    lines: tuple[CheckLine, ...] = ()
    draws: tuple[DrawLine, ...] = ()
    named: str = ""
    by_names: tuple[str, ...] = ()

    @property
    def holds_back(self) -> bool:
        """Whether the sheet cannot be reviewed yet."""
        return self.phase in ("typing", "settling")

    @property
    def last_typed_at(self) -> datetime | None:
        """When the last of these results was typed."""
        return max((line.typed_at for line in self.lines if line.typed_at is not None), default=None)

    @property
    def telling(self) -> tuple[CheckLine, ...]:
        """The results that did not simply agree."""
        return tuple(line for line in self.lines if line.state is not CheckState.SAME)


@dataclass(frozen=True, slots=True)
class CheckPage:
    """The page of the check for one person at one moment."""

    head: SheetHead
    record: CheckRecord
    asked: tuple[CheckLine, ...]
    """What this person types now, in the order of the sheet; empty for who only looks on."""
    may_type: bool
    may_settle: bool
    may_return: bool
    named: str
    candidates: tuple[Candidate, ...]

    @property
    def n_left(self) -> int:
        """Results that still have to be typed."""
        return self.record.n_asked - self.record.n_typed


@dataclass(slots=True)
class Standing:
    """How far the check of one sheet is, for lists: counts, whom it was given to, and what was misread or not found, in words with who settled it."""

    n_typing: int = 0
    n_different: int = 0
    named_id: int | None = None
    named: str = ""
    misread: list[tuple[str, str]] = field(default_factory=list)
    """(reason, who settled) each"""

    @property
    def holds_back(self) -> bool:
        """Whether the sheet cannot be reviewed yet."""
        return bool(self.n_typing or self.n_different)

    @property
    def say(self) -> str:
        """``còn 4 ô``, ``2 ô lệch``."""
        return f"còn {self.n_typing} ô" if self.n_typing else f"{self.n_different} ô lệch"


def open_check(actor: Actor, sheet_id: int, now: datetime) -> CheckPage:
    """The page; NotFound and NotAllowed as :func:`~hocbaso.services.blind_access.check_for`."""
    today = clock.local_date(now)
    found: CheckHead = check_for(actor, sheet_id, today)
    record = _record(found.head)
    types = found.may_type and record.phase == "typing" and found.head.state is SheetState.SUBMITTED
    rows = [row for row in counting(found.head, drawn_of(sheet_id)) if is_unseen(row)] if types else []
    return CheckPage(
        head=found.head,
        record=record,
        asked=_lines(found.head, rows, {}),
        may_type=found.may_type,
        may_settle=found.may_settle and record.phase == "settling" and found.head.state is SheetState.SUBMITTED,
        may_return=SheetParty.REVIEWER in found.head.parties and found.head.state is SheetState.SUBMITTED,
        named=found.named.name if found.named is not None else "",
        candidates=candidates(actor, found, today)
        if record.phase == "typing" and found.head.state is SheetState.SUBMITTED
        else (),
    )


def record_of(head: SheetHead) -> CheckRecord:
    """What the page of a sheet tells of its check. ``head`` was loaded through the actor.

    While a difference is being settled its teacher does not see it: it comes with the return, or not at all.
    """
    if connection().execute(_ANY, {"sheet_id": head.id}).first() is None:  # as most sheets: nothing to load
        return CheckRecord("none", 0, 0, 0, 0)
    record = _record(head)
    if record.phase == "settling" and head.state is SheetState.SUBMITTED and SheetParty.AUTHOR in head.parties:
        return CheckRecord("settling", record.n_asked, record.n_typed, 0, 0, named=record.named)
    return record


def standing_of(sheet_ids: Sequence[int]) -> dict[int, Standing]:
    """Of many sheets, for lists; sheets of a year without the policy are left out. Two statements."""
    found: dict[int, Standing] = {}
    if not sheet_ids:
        return found
    exempt = exists().where(
        m.Exemption.enrollment_id == m.Enrollment.id,
        m.Exemption.subject_id == m.ClassSubject.subject_id,
        m.Exemption.state == "GRANTED",
        or_(m.Exemption.semester.is_(None), m.Exemption.semester == m.ScoreSheet.semester),
    )
    rows = db.session.execute(
        select(
            m.BlindCheck.score_sheet_id,
            m.BlindCheck.state,
            m.BlindCheck.reason,
            m.BlindCheck.settled_name,
            m.BlindCheck.no_paper,
        )
        .join(m.ScoreSheet, m.ScoreSheet.id == m.BlindCheck.score_sheet_id)
        .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.ClassSubject.class_group_id)
        .join(m.SchoolYear, and_(m.SchoolYear.id == m.ClassGroup.school_year_id, m.SchoolYear.spot_check_percent > 0))
        .join(m.Enrollment, m.Enrollment.id == m.BlindCheck.enrollment_id)
        .where(
            m.BlindCheck.score_sheet_id.in_(sheet_ids),
            m.BlindCheck.state.in_([CheckState.MISREAD.value, *(state.value for state in OPEN)]),
            m.Enrollment.status.in_(ACTIVE),
            ~exempt,
        )
        .order_by(m.BlindCheck.id)
    )
    for row in rows:
        one = found.setdefault(row.score_sheet_id, Standing())
        if row.state == CheckState.MISREAD:
            what = "Không thấy bài một ô" if row.no_paper else "Lệch một ô, người đối chiếu đọc nhầm"
            one.misread.append((f"{what}: {row.reason or ''}", row.settled_name or ""))
        elif row.state == CheckState.DIFFERENT:
            one.n_different += 1
        else:
            one.n_typing += 1
    if found:
        for given in db.session.execute(
            select(m.BlindChecker.score_sheet_id, m.BlindChecker.person_id, m.Person.full_name)
            .join(m.Person, m.Person.id == m.BlindChecker.person_id)
            .where(m.BlindChecker.score_sheet_id.in_(found))
        ):
            found[given.score_sheet_id].named_id = given.person_id
            found[given.score_sheet_id].named = given.full_name
    return found


def _record(head: SheetHead) -> CheckRecord:
    rows = drawn_of(head.id)
    if not rows:
        return CheckRecord("none", 0, 0, 0, 0)
    now_asked = counting(head, rows)
    # Without the policy nothing is held back: what was drawn before stays readable as far as it went.
    policy = percent_of(head) > 0
    asks = policy and head.state is SheetState.SUBMITTED
    unseen = any(is_unseen(row) for row in now_asked)
    waits = any(is_open(row) for row in now_asked)
    phase = "typing" if asks and unseen else "settling" if asks and waits else "done"
    draws = db.session.scalars(
        select(m.BlindDraw).where(m.BlindDraw.score_sheet_id == head.id).order_by(m.BlindDraw.id)
    ).all()
    named = named_for(head.id)
    # The seed of a draw and the cells tell which results were drawn: not before all of them are compared, wherever the sheet
    # is meanwhile. A teacher who took it back could mend just those, and what an earlier round told would help.
    guarded = policy and head.state not in SEEN
    closed_draws = {row.blind_draw_id for row in rows if is_unseen(row)} if guarded else set()
    shown = [] if guarded and unseen else [row for row in rows if not is_unseen(row) and row.typed_at is not None]
    return CheckRecord(
        phase=phase,
        n_asked=len(now_asked),
        n_typed=sum(row.state != CheckState.WAITING for row in now_asked),
        n_different=sum(row.state == CheckState.DIFFERENT for row in now_asked) if phase != "typing" else 0,
        n_same=sum(row.state == CheckState.SAME for row in now_asked) if phase != "typing" else 0,
        lines=_lines(head, shown, _first_values(head.id)) if shown else (),
        draws=tuple(
            DrawLine(
                one.seed,
                one.percent,
                len(one.cells.split()),
                len({(row.enrollment_id, row.column_key) for row in rows if row.blind_draw_id == one.id}),
                one.at,
            )
            for one in draws
            if one.id not in closed_draws
        ),
        named=named.name if named is not None else "",
        by_names=tuple(dict.fromkeys(row.typed_name for row in shown if row.typed_name)),
    )


def _first_values(sheet_id: int) -> dict[int, str]:
    """The value that stood in the sheet when each result was drawn, by check id, in words."""
    rows = db.session.execute(
        select(m.BlindCheck.id, m.ScoreCellVersion.tenths, m.ScoreCellVersion.mark)
        .join(
            m.ScoreCell,
            and_(
                m.ScoreCell.score_sheet_id == m.BlindCheck.score_sheet_id,
                m.ScoreCell.enrollment_id == m.BlindCheck.enrollment_id,
                m.ScoreCell.column_key == m.BlindCheck.column_key,
            ),
        )
        .join(
            m.ScoreCellVersion,
            and_(
                m.ScoreCellVersion.score_cell_id == m.ScoreCell.id,
                m.ScoreCellVersion.version == m.BlindCheck.cell_version,
            ),
        )
        .where(m.BlindCheck.score_sheet_id == sheet_id)
    )
    return {row.id: _words(Reading(row.tenths, row.mark)) for row in rows}


def _words(reading: Reading) -> str:
    if reading.no_paper:
        return NO_PAPER
    return format_score(reading.tenths) if reading.tenths is not None else reading.mark or ""


def _lines(head: SheetHead, rows: Sequence[m.BlindCheck], first: dict[int, str]) -> tuple[CheckLine, ...]:
    if not rows:
        return ()
    names = {
        row.id: (place, row.full_name)
        for place, row in enumerate(
            db.session.execute(
                select(m.Enrollment.id, m.Student.full_name)
                .join(m.Student, m.Student.id == m.Enrollment.student_id)
                .where(m.Enrollment.class_group_id == head.class_group_id)
                .order_by(m.Student.sort_key, m.Enrollment.id)
            )
        )
    }
    # By column, then by name: the papers of a midterm lie in one pile.
    ordered = sorted(rows, key=lambda row: (row.column_key != "GK", names[row.enrollment_id][0], row.id))
    return tuple(
        CheckLine(
            id=row.id,
            enrollment_id=row.enrollment_id,
            column_key=row.column_key,
            student_name=names[row.enrollment_id][1],
            column=column_words(head, row.column_key),
            state=CheckState(row.state),
            second=_words(Reading(row.second_tenths, row.second_mark, row.no_paper)),
            no_paper=row.no_paper,
            version=row.version,
            first=first.get(row.id, ""),
            reason=row.reason or "",
            typed_name=row.typed_name or "",
            typed_at=row.typed_at,
            settled_name=row.settled_name or "",
        )
        for row in ordered
    )
