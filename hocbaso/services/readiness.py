"""The readiness board: each class at each step, who holds it since when, and whether the pace meets the deadline.

Counts of steps only, never a score: members of the Ban quản lý Học bạ số read it by membership alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.deadlines import Deadline
from hocbaso.regulations.pace import PACE_DAYS, Outlook, Pace, outlook
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.regulations.transcript_flow import RecordState
from hocbaso.services import overtaken_records, progress, readiness_holders, readiness_pace
from hocbaso.services.access import Actor
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.transcript_counts import due_days, first_records_by_state, replacing

STEPS = ("Nhập điểm", "Nộp", "Tổ soát", "Duyệt", "Khoá", "Tổng kết", "GVCN ký", "HT ký", "Đóng dấu")
REACHED = {
    SheetState.DRAFT: 0,
    SheetState.RETURNED: 0,
    SheetState.SUBMITTED: 1,
    SheetState.REVIEWED: 2,
    SheetState.APPROVED: 3,
    SheetState.LOCKED: 4,
}
_SIGNED = {RecordState.CREATED.value: 0, RecordState.HOMEROOM_SIGNED.value: 1, RecordState.PRINCIPAL_SIGNED.value: 2}


@dataclass(frozen=True, slots=True)
class StepCell:
    """A step of a class: ``n_done`` of ``n_total``; ``words`` where a count would not say it."""

    name: str
    n_done: int
    n_total: int
    words: str = ""
    is_late: bool = False
    begun: int = 0
    """Per cent of the results entered while no sheet is whole yet."""

    @property
    def is_done(self) -> bool:
        """Whether the step is finished."""
        return self.n_total > 0 and self.n_done >= self.n_total

    @property
    def heat(self) -> int:
        """0 (nothing) to 4 (nearly done)."""
        if not self.n_total or not self.n_done:
            return min(4, 1 + 4 * self.begun // 101) if self.begun else 0
        return min(4, 1 + 4 * self.n_done // (self.n_total + 1))


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A class of the board. ``percent``: whole part of its steps that is done. ``forecast``: at the pace of a week."""

    class_group_id: int
    name: str
    grade_level: int
    cells: tuple[StepCell, ...]
    holder: str
    since: date | None
    due_before: date
    days_left: int
    is_late: bool
    n_left: int
    n_steps: int
    keeper: str
    principal: str
    """As the staff room speaks of them: ``cô Hà``."""
    clerk: str
    waits_since: tuple[date | None, ...]
    """Since when the oldest of its records waits: to be built, for the homeroom teacher, for the principal, for the seal."""

    @property
    def percent(self) -> int:
        """0..100."""
        return 100 * (self.n_steps - self.n_left) // self.n_steps if self.n_steps else 0

    @property
    def is_done(self) -> bool:
        """Nothing left."""
        return self.n_left == 0


@dataclass(frozen=True, slots=True)
class Board:
    """The whole page. ``forecast`` is the day on which the last step ends at the pace of the last seven days, if any."""

    rows: tuple[BoardRow, ...]
    year_label: str
    n_students: int
    burn: tuple[readiness_pace.BurnPoint, ...]
    n_steps: int
    n_left: int
    done_last_week: int
    forecast: date | None
    deadlines: tuple[tuple[str, date, int, tuple[str, ...]], ...]
    tried: Outlook | None
    """What a deadline that somebody tries would ask for."""

    @property
    def late(self) -> tuple[BoardRow, ...]:
        """Classes behind their date."""
        return tuple(row for row in self.rows if row.is_late)


def board(actor: Actor, now: datetime, *, if_before: date | None = None) -> Board:
    """The board for those who may read progress; NotAllowed for others. ``if_before``: a deadline to try, kept nowhere."""
    actor.require(Permission.PROGRESS_READ)
    today = clock.local_date(now)
    rows = board_rows(today)
    year = _year()
    if year is None:
        return Board((), "", 0, (), 0, 0, 0, None, (), None)
    done_on = readiness_pace.steps_done(
        year.id, {row.class_group_id: tuple(cell.is_done for cell in row.cells) for row in rows}
    )
    n_steps = len(rows) * len(STEPS)
    n_left = sum(1 for row in rows for cell in row.cells if not cell.is_done)
    burn = readiness_pace.burn(done_on, n_steps, n_left, today)
    week_ago = next((point.n_left for point in burn if point.day >= today - timedelta(days=PACE_DAYS)), n_left)
    pace = Pace(n_left, max(0, week_ago - n_left))
    entry_late = tuple(row.name for row in rows if not row.cells[0].is_done)
    unsigned = [
        row for row in rows if not row.cells[-1].is_done and row.due_before <= year.sign_before(row.grade_level)
    ]
    nine = tuple(row.name for row in unsigned if row.grade_level == 9)
    others = tuple(row.name for row in unsigned if row.grade_level != 9)
    deadlines = tuple(
        (words, before, Deadline(before).days_left(today), names)
        for words, before, names in (
            ("Hạn nhập điểm.", year.data_complete_before, entry_late),
            ("Hạn ký khối 9.", year.sign_grade9_before, nine),
            ("Hạn ký mọi lớp.", year.sign_others_before, others),
        )
    )
    n_students = (
        db.session.scalar(
            select(func.count(m.Enrollment.id))
            .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
            .where(m.ClassGroup.school_year_id == year.id, m.Enrollment.status.in_(ACTIVE))
        )
        or 0
    )
    return Board(
        tuple(rows),
        year.label,
        n_students,
        burn,
        n_steps,
        n_left,
        pace.n_done,
        pace.finish(today) if n_left else None,
        deadlines,
        outlook(pace, if_before, today) if if_before is not None else None,
    )


def _year() -> m.SchoolYear | None:
    return db.session.scalar(
        select(m.SchoolYear).where(m.SchoolYear.state == "OPEN").order_by(m.SchoolYear.starts_on.desc()).limit(1)
    )


def board_rows(today: date, *, school: Iterable[progress.SheetLine] | None = None) -> list[BoardRow]:
    """Every class of the open year with its steps. Not scoped: callers check the actor.
    ``school``: every line of the open years, where the caller has read them already.
    """
    year = _year()
    if year is None:
        return []
    lines: dict[int, list[progress.SheetLine]] = {}
    opens: dict[int, date] = {}
    for line in progress.sheet_lines(today, school_year_id=year.id) if school is None else school:
        if line.opens_on <= today:
            lines.setdefault(line.class_group_id, []).append(line)
        else:
            opens[line.class_group_id] = min(line.opens_on, opens.get(line.class_group_id, line.opens_on))
    students: dict[int, int] = dict(
        db.session.execute(
            select(m.Enrollment.class_group_id, func.count())
            .where(m.Enrollment.status.in_(ACTIVE))
            .group_by(m.Enrollment.class_group_id)
        ).all()
    )
    signed = _signed(year.id)
    school_now = readiness_holders.read(year.id, [line for of_class in lines.values() for line in of_class], today)
    # What the summer made anew is due with the summer, not since May.
    due = due_days(year) if today >= year.sign_grade9_before else {}
    anew = _made_anew(year.id) if any(one.recalled for one in school_now.ready.values()) else {}
    wrong = overtaken_records.by_class(year.id)
    rows = []
    for row in db.session.scalars(
        select(m.ClassGroup)
        .where(m.ClassGroup.school_year_id == year.id)
        .order_by(m.ClassGroup.grade_level, m.ClassGroup.name)
        .execution_options(populate_existing=True)
    ):
        before = due.get(row.id) or year.sign_before(row.grade_level)
        if row.id in anew:
            day, is_all = anew[row.id]
            before = day if is_all else min(day, before)
        rows.append(
            _board_row(
                row,
                year,
                lines.get(row.id, []),
                students.get(row.id, 0),
                signed.get(row.id, (0, 0, 0)),
                today,
                school_now,
                before,
                opens.get(row.id),
            )
        )
        if row.id in wrong:
            rows[-1] = _with_wrong_papers(rows[-1], wrong[row.id], today)
    return rows


def _made_anew(year_id: int) -> dict[int, tuple[date, bool]]:
    """Class ids to the day before which what was recalled has to be made anew, and whether nothing else of the class is unsealed."""
    first = first_records_by_state(year_id)
    unsealed = (None, *(RecordState(state) for state in _SIGNED))
    return {
        one.class_group_id: (one.before, not any(first.get(one.class_group_id, {}).get(state) for state in unsealed))
        for one in replacing()
        if one.year_label is None
    }


def _with_wrong_papers(row: BoardRow, wrong: list[overtaken_records.Overtaken], today: date) -> BoardRow:
    """A class is not through while papers of it in force say something else than is held to be true; they have a day of their own."""
    seal = row.cells[-1]
    cells = (*row.cells[:-1], replace(seal, n_done=max(0, seal.n_done - len(wrong))))
    if not seal.is_done:
        return replace(row, cells=cells)
    before = min(one.before for one in wrong)
    left = Deadline(before).days_left(today)
    return replace(
        row,
        cells=cells,
        holder=f"{row.principal}, văn thư: {len(wrong)} học bạ đang có hiệu lực khác {overtaken_records.against_words(wrong)}",
        since=None,
        due_before=before,
        days_left=left,
        is_late=left <= 0,
        n_left=row.n_left + 1,
    )


def _board_row(
    row: m.ClassGroup,
    year: m.SchoolYear,
    lines: list[progress.SheetLine],
    n_students: int,
    signed: tuple[int, int, int],
    today: date,
    now: readiness_holders.SchoolNow,
    before: date,
    opens: date | None,
) -> BoardRow:
    total = len(lines)
    counts = [sum(line.n_gaps <= 0 or REACHED[line.state] >= 1 for line in lines)]
    counts += [sum(REACHED[line.state] >= step for line in lines) for step in (1, 2, 3, 4)]
    entry_late = any(line.closes_on < today for line in lines if REACHED[line.state] == 0)
    cells = [
        StepCell(name, count, total, is_late=at <= 1 and entry_late and count < total)
        for at, (name, count) in enumerate(zip(STEPS[:5], counts, strict=True))
    ]
    entered, expected = sum(line.n_entered for line in lines), sum(line.n_expected for line in lines)
    if not counts[0] and entered > 0 and expected:
        begun = max(1, 100 * entered // expected)
        cells[0] = replace(cells[0], words=f"{begun}%", begun=begun)
    state = ClassState(row.state)
    summing = {
        ClassState.OPEN: StepCell(STEPS[5], 0, 2, "–"),
        ClassState.FINALISED: StepCell(STEPS[5], 1, 2, "chờ"),
        ClassState.APPROVED: StepCell(STEPS[5], 2, 2, "xong"),
    }[state]
    cells.append(summing)
    cells += [StepCell(name, count, n_students) for name, count in zip(STEPS[6:], signed, strict=True)]
    signing = [(cell.n_done, cell.n_total) for cell in cells[6:]]
    holder, since = readiness_holders.holder_of(now, row, lines, signing, opens)
    n_left = sum(not cell.is_done for cell in cells)
    deadline = Deadline(before)
    late = n_left > 0 and (
        deadline.is_late(today)
        or any(cell.is_late for cell in cells)
        or (today >= year.data_complete_before and not cells[0].is_done)
    )
    return BoardRow(
        row.id,
        row.name,
        row.grade_level,
        tuple(cells),
        holder,
        since,
        before,
        deadline.days_left(today),
        late,
        n_left,
        len(cells),
        now.keeper(row.id),
        now.principal,
        now.clerk,
        now.waits_since(row.id),
    )


def _signed(year_id: int) -> dict[int, tuple[int, int, int]]:
    found: dict[int, list[int]] = {}
    for class_id, state, n in db.session.execute(
        select(m.Enrollment.class_group_id, m.TranscriptRecord.state, func.count())
        .join(m.TranscriptRecord, m.TranscriptRecord.enrollment_id == m.Enrollment.id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .where(
            m.ClassGroup.school_year_id == year_id,
            m.TranscriptRecord.state != RecordState.RECALLED.value,
            m.Enrollment.status.in_(ACTIVE),
        )
        .group_by(m.Enrollment.class_group_id, m.TranscriptRecord.state)
    ):
        reached = _SIGNED.get(state, 3)
        counts = found.setdefault(class_id, [0, 0, 0])
        for step in range(reached):
            counts[step] += n
    return {class_id: (counts[0], counts[1], counts[2]) for class_id, counts in found.items()}
