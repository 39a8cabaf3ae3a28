"""What waits for a person today: one list, the odd things first and open, the plain ones after them.

Everything here is read through the powers of the person who asks. What waits is found by kind in ``waiting_sheets``,
``waiting_checks``, ``waiting_classes``, ``waiting_transcripts``, ``waiting_corrections``, ``waiting_conclusions``,
``waiting_summer``, ``waiting_year``, ``waiting_board`` and ``waiting_machine``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.class_flow import ClassParty, ClassState
from hocbaso.regulations.deadlines import Deadline
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.transcript_flow import RecordState
from hocbaso.services import (
    accounts,
    class_moves,
    conclusion_cases,
    correction_access,
    exemption_revocations,
    exemptions,
    first_passwords,
    inherited_results,
    principal_decisions,
    progress,
    readiness,
    reset_requests,
    summer_view,
)
from hocbaso.services.access import Actor
from hocbaso.services.bulk_acts import recent_reasons
from hocbaso.services.daily_items import LATE, DailyItem, Oddity
from hocbaso.services.daily_look import lines_of
from hocbaso.services.happenings import Happening, since_yesterday
from hocbaso.services.kept_answers import KeptAnswers, log_head
from hocbaso.services.waiting_board import board_items, n_board_items
from hocbaso.services.waiting_checks import check_items, named_checks
from hocbaso.services.waiting_classes import class_items, decision_items, exemption_items, inherited_items, open_classes
from hocbaso.services.waiting_conclusions import conclusion_items
from hocbaso.services.waiting_corrections import correction_items
from hocbaso.services.waiting_machine import machine_items
from hocbaso.services.waiting_sheets import sheet_items
from hocbaso.services.waiting_summer import summer_items
from hocbaso.services.waiting_transcripts import (
    overtaken_items,
    recall_items,
    recall_step_items,
    replacing_items,
    transcript_items,
)
from hocbaso.services.waiting_year import year_items
from hocbaso.services.wanted_roles import wanted_roles

KINDS = {
    "sheet": "Bảng điểm",
    "class": "Tổng kết lớp",
    "transcript": "Học bạ",
    "exemption": "Miễn học",
    "decision": "Quyết định",
    "correction": "Sửa chữa",
    "inherited": "Nơi chuyển đến",
    "summer": "Trong hè",
    "year": "Năm học",
    "board": "Ban quản lý",
    "help": "Hỗ trợ",
    "machine": "Máy chủ",
}


@dataclass(frozen=True, slots=True)
class StripClass:
    """A class of the readiness strip."""

    class_group_id: int
    name: str
    percent: int
    is_late: bool


@dataclass(frozen=True, slots=True)
class Daily:
    """The page of one person on one morning. ``n_waiting`` counts everything, whatever the filters show."""

    today: date
    odd: tuple[DailyItem, ...]
    plain: tuple[DailyItem, ...]
    locks: tuple[DailyItem, ...]
    held: tuple[DailyItem, ...]
    """Approved, not to be locked yet; not counted, because nobody can do anything about them here."""
    n_waiting: int
    counts: dict[str, int]
    groups: tuple[tuple[int, str], ...]
    grade_levels: tuple[int, ...]
    classes: tuple[str, ...]
    happenings: tuple[Happening, ...]
    reasons: tuple[str, ...]
    strip: tuple[StripClass, ...]
    calendar: tuple[tuple[str, date, int], ...]
    """The year's deadlines that somebody still works towards: what, before which day, days left."""
    waiting: tuple[DailyItem, ...]
    """Everything, whatever the filters show: what the next look is held against."""
    lines: Mapping[str, str]
    """``daily_look.lines_of`` of them."""
    bulk_verb: str
    """The act that one button does to all ticked items: approve, review, or "" where nothing is ticked."""

    @property
    def n_odd(self) -> int:
        """Items that stand open above the plain ones."""
        return len(self.odd)

    @property
    def n_late(self) -> int:
        """Items shown that are late."""
        return sum(item.is_late for item in (*self.odd, *self.plain))

    @property
    def n_strange(self) -> int:
        """Items with something odd beside being late."""
        return sum(any(one.kind != LATE for one in item.oddities) for item in self.odd)


_DAYS: KeptAnswers[Daily] = KeptAnswers(20)
_SCHOOLS: KeptAnswers[tuple[Sequence[progress.SheetLine], Sequence[readiness.BoardRow]]] = KeptAnswers(2)


def _school(today: date) -> tuple[Sequence[progress.SheetLine], Sequence[readiness.BoardRow]]:
    school = progress.sheet_lines(today)
    return school, readiness.board_rows(today, school=school)


def daily(
    actor: Actor,
    now: datetime,
    *,
    group_id: int | None = None,
    grade_level: int | None = None,
    class_name: str | None = None,
    kind: str | None = None,
    since: datetime | None = None,
) -> Daily:
    """What waits for this person, filtered, and what happened since yesterday or since ``since``, if that is longer ago; the IT officer has no
    learning work and sees the machine's checks and questions to answer.

    Read once for all tablets on which the same person looks while nothing is written.
    """
    key = (log_head(), actor, now.replace(second=0, microsecond=0), group_id, grade_level, class_name, kind, since)
    return _DAYS.of(key, lambda: _daily(actor, now, group_id, grade_level, class_name, kind, since))


def _daily(
    actor: Actor,
    now: datetime,
    group_id: int | None,
    grade_level: int | None,
    class_name: str | None,
    kind: str | None,
    since: datetime | None,
) -> Daily:
    today = clock.local_date(now)
    year = db.session.scalar(
        select(m.SchoolYear)
        .where(m.SchoolYear.state == "OPEN")
        .order_by(m.SchoolYear.starts_on.desc())
        .limit(1)
        .execution_options(
            populate_existing=True
        )  # what is kept for others may not come from what this session held before
    )
    items: list[DailyItem] = []
    sees_all = actor.may(Permission.PROGRESS_READ)
    # For the list and for the strip: the dearest read of the page, and the same for everybody who sees the whole school.
    school, rows = _SCHOOLS.of((log_head(), today), lambda: _school(today)) if sees_all else (None, None)
    if year is not None:
        items = sheet_items(actor, now, today, school=school) + class_items(actor, year, today)
        items += check_items(actor, today, frozenset(item.link for item in items))
        items += transcript_items(actor, year, today) + exemption_items(actor, year, today)
        items += decision_items(actor, year, today) + board_items(actor, year, today)
        items += inherited_items(actor, year, today) + summer_items(actor, today) + year_items(actor, year, today)
    items += recall_items(actor, today) + correction_items(actor, today) + replacing_items(actor, today)
    items += conclusion_items(actor, today) + recall_step_items(actor, today) + overtaken_items(actor, today)
    items += machine_items(actor, now)
    items = [_late(item) for item in items]
    items.sort(key=lambda item: (item.days_left, item.kind != "class", item.grade_level != 9, item.title))
    locks = tuple(item for item in items if item.verb == "lock")
    held = tuple(item for item in items if item.verb == "hold")
    waiting = [item for item in items if item.verb not in ("lock", "hold")]
    shown = [
        item
        for item in waiting
        if (group_id is None or item.subject_group_id == group_id)
        and (grade_level is None or item.grade_level == grade_level)
        and (class_name is None or item.class_name == class_name)
        and (kind is None or item.kind == kind)
    ]
    group_ids = {item.subject_group_id for item in waiting if item.subject_group_id is not None}
    groups = [
        (row.id, row.name)
        for row in db.session.scalars(select(m.SubjectGroup).order_by(m.SubjectGroup.name))
        if row.id in group_ids
    ]
    verbs = Counter(item.verb for item in waiting if item.acts_here)
    return Daily(
        today=today,
        odd=tuple(item for item in shown if item.is_odd),
        plain=tuple(item for item in shown if not item.is_odd),
        locks=locks,
        held=held,
        n_waiting=len(waiting) + bool(locks) + _beside(actor, now),
        counts=dict(Counter(item.kind for item in waiting)),
        groups=tuple(groups),
        grade_levels=tuple(sorted({item.grade_level for item in waiting if item.grade_level})),
        classes=tuple(sorted({item.class_name for item in waiting if item.class_name})),
        happenings=since_yesterday(actor, now, since=since),
        reasons=recent_reasons(actor),
        strip=tuple(StripClass(row.class_group_id, row.name, row.percent, row.is_late) for row in rows or ()),
        calendar=_calendar(year, today, rows, waiting) if year is not None else (),
        waiting=tuple(waiting),
        lines=lines_of(waiting),
        bulk_verb="approve" if verbs["approve"] else "review" if verbs["review"] else "",
    )


def _late(item: DailyItem) -> DailyItem:
    """What is late deserves a look for that alone; what is ticked in bulk stays so (a sheet is reviewed after its entry has closed)."""
    if not item.is_late or item.acts_here or item.verb in ("lock", "hold"):
        return item
    why = f"Hạn cuối là hết ngày {Deadline(item.due_before).last_good_day:%d/%m/%Y}."
    return replace(item, oddities=(*item.oddities, Oddity(LATE, "clock", item.meta, why)))


_COUNTED: KeptAnswers[int] = KeptAnswers(200)

_MARKS = select(
    *(
        select(func.max(column)).scalar_subquery()
        for column in (
            m.SheetStep.id,
            m.ClassStep.id,
            m.Exemption.id,
            m.ExemptionRevocation.id,
            m.InheritedResult.id,
            m.TranscriptRecord.id,
            m.TranscriptSignature.id,
            m.TeachingAssignment.id,
            m.RoleGrant.id,
            m.Enrollment.id,
        )
    ),
    *(
        select(func.count(model.ends_on)).scalar_subquery()
        for model in (m.TeachingAssignment, m.HomeroomAssignment, m.RoleGrant)
    ),
    select(func.count()).where(m.Exemption.state == "PROPOSED").scalar_subquery(),
    select(func.count()).where(m.ExemptionRevocation.state == "PROPOSED").scalar_subquery(),
    select(func.count()).where(m.InheritedResult.state == "PROPOSED").scalar_subquery(),
    select(func.count()).where(m.RecallRequest.state == "ASKED").scalar_subquery(),
    select(func.count()).where(m.TranscriptRecord.state == RecordState.RECALLED.value).scalar_subquery(),
    select(func.count()).where(m.TranscriptRecord.state == RecordState.ISSUED.value).scalar_subquery(),
    select(func.sum(m.ClassGroup.version)).scalar_subquery(),
    select(func.sum(m.CorrectionRequest.version)).scalar_subquery(),
    select(func.sum(m.RecallRequest.version)).scalar_subquery(),
    select(func.max(m.HomeroomAssignment.id)).scalar_subquery(),
    select(func.sum(m.BlindChecker.version)).scalar_subquery(),
    select(func.sum(m.SummerResult.version)).scalar_subquery(),
    select(func.sum(m.YearTurn.version)).scalar_subquery(),
    select(func.sum(m.ConclusionCase.version)).scalar_subquery(),
    select(func.max(m.FrozenResult.id)).scalar_subquery(),
    select(func.count(m.BoardTask.id)).scalar_subquery(),
    select(func.sum(m.BoardTask.version)).scalar_subquery(),
    select(func.max(m.PrincipalDecision.id)).scalar_subquery(),
    select(func.sum(m.Student.version)).scalar_subquery(),
    select(func.sum(m.HomeroomRecord.version)).scalar_subquery(),
    select(func.sum(m.RecallList.version)).scalar_subquery(),
)
"""One small statement whose answer changes with every move that changes what waits for anybody."""


def count_waiting(actor: Actor, now: datetime) -> int:
    """How much waits, for the rail of every page: learning work is counted again only after something moved state."""
    beside = _beside(actor, now) + len(machine_items(actor, now))
    today = clock.local_date(now)
    marks = tuple(db.session.connection().execute(_MARKS).one())
    return _COUNTED.of((actor, today, marks), lambda: _count_waiting(actor, now, today)) + beside


def _beside(actor: Actor, now: datetime) -> int:
    """What waits beside the learning work: requests to consent to, roles to give, accounts to open and slips to print (one matter each, however many)."""
    return (
        len(reset_requests.to_decide(actor, now))
        + bool(wanted_roles(actor))
        + bool(accounts.count_without(actor))
        + bool(first_passwords.count_without_slip(actor, now))
    )


def _count_waiting(actor: Actor, now: datetime, today: date) -> int:
    sheets = [item for item in progress.my_sheets(actor, now) if item.waits]
    own = {item.line.sheet_id for item in sheets if item.task == "review"}
    n = len(named_checks(actor).keys() - own)
    n += sum(item.task != "lock" for item in sheets) + any(item.task == "lock" for item in sheets)
    if actor.may(Permission.CLASS_READ):
        for row in open_classes():
            parties = class_moves.parties_of(actor, row)
            n += row.state == ClassState.FINALISED.value and ClassParty.APPROVER in parties
            n += row.state == ClassState.OPEN.value and row.id in actor.homeroom
    year = db.session.scalar(
        select(m.SchoolYear).where(m.SchoolYear.state == "OPEN").order_by(m.SchoolYear.starts_on.desc()).limit(1)
    )
    if year is not None:
        n += len(transcript_items(actor, year, today)) + len(summer_view.my_work(actor))
        n += len(year_items(actor, year, today)) + n_board_items(actor, year, today)
    n += (
        len(recall_items(actor, today))
        + len(replacing_items(actor, today))
        + len(correction_access.held_by(actor, today))
        + len(conclusion_cases.waiting(actor, today))
        + len(recall_step_items(actor, today))
        + len(overtaken_items(actor, today))
    )
    n += len(exemption_revocations.waiting(actor)) + len(principal_decisions.waiting(actor, today))
    return n + len(exemptions.waiting(actor)) + len(inherited_results.waiting(actor))


def _calendar(
    year: m.SchoolYear, today: date, rows: Sequence[readiness.BoardRow] | None, waiting: Sequence[DailyItem]
) -> tuple[tuple[str, date, int], ...]:
    """A deadline that was met is no news: it would be called late all summer. ``rows``: None for who does not follow the school's
    progress; of those only who still has what was due by then hears of a day that is over. What the summer asks for has a day of its own."""

    def in_may(row: readiness.BoardRow) -> bool:
        return row.due_before <= year.sign_before(row.grade_level)

    found = (
        ("Nhập điểm xong", year.data_complete_before, 0, lambda row: True),
        ("Khối 9 ký xong", year.sign_grade9_before, -1, lambda row: row.grade_level == 9 and in_may(row)),
        ("Mọi khối ký xong", year.sign_others_before, -1, lambda row: in_may(row)),
    )
    kept = []
    for words, before, step, concerns in found:
        left = Deadline(before).days_left(today)
        if rows is None:
            is_open = left > 0 or any(item.due_before <= before for item in waiting)
        else:
            is_open = not rows or any(concerns(row) and not row.cells[step].is_done for row in rows)
        if is_open:
            kept.append((words, before, left))
    return tuple(kept)
