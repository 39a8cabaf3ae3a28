"""Where the transcripts of each class stand, and how many wait for a person's signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import contains_eager

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.deadlines import Deadline
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.transcript_flow import SIGNING_ORDER, RecordState
from hocbaso.services import signing
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.score_grid import ACTIVE


@dataclass(frozen=True, slots=True)
class ClassRow:
    """Where the transcripts of a class stand."""

    class_group_id: int
    name: str
    year_label: str
    class_state: str
    homeroom_name: str | None
    n_students: int
    n_built: int
    n_homeroom: int
    n_principal: int
    n_sealed: int
    n_published: int
    sign_by: str
    """The last good day, as every deadline on screen is told."""
    waits_for: str


def classes(actor: Actor, year_id: int | None = None) -> list[ClassRow]:
    """The classes within the actor's reach and where their transcripts stand, by year (newest first) and name."""
    actor.require(Permission.TRANSCRIPT_READ)
    statement = (
        select(m.ClassGroup)
        .join(m.ClassGroup.school_year)
        .options(contains_eager(m.ClassGroup.school_year))
        .order_by(m.SchoolYear.starts_on.desc(), m.ClassGroup.name)
    )
    if year_id is not None:
        statement = statement.where(m.ClassGroup.school_year_id == year_id)
    rows = [row for row in db.session.scalars(statement) if reaches_class(actor, row.id, Permission.TRANSCRIPT_READ)]
    return _rows(rows)


_REACHED = {
    state: step
    for step, state in enumerate(
        (
            RecordState.CREATED,
            RecordState.HOMEROOM_SIGNED,
            RecordState.PRINCIPAL_SIGNED,
            RecordState.ISSUED,
            RecordState.PUBLISHED,
        )
    )
}


def class_row(class_group: m.ClassGroup) -> ClassRow:
    """Where the transcripts of a class stand."""
    return _rows([class_group])[0]


def _rows(class_groups: Sequence[m.ClassGroup]) -> list[ClassRow]:
    """Three statements, however many years the school has kept: only classes of more years come with them."""
    of_them = m.Enrollment.class_group_id.in_([row.id for row in class_groups])
    n_students: dict[int, int] = dict(
        db.session.execute(
            select(m.Enrollment.class_group_id, func.count())
            .where(of_them, m.Enrollment.status.in_(ACTIVE))
            .group_by(m.Enrollment.class_group_id)
        ).all()
    )
    counts: dict[int, dict[int, int]] = {}
    for class_id, state, count in db.session.execute(
        select(m.Enrollment.class_group_id, m.TranscriptRecord.state, func.count())
        .join(m.Enrollment, m.Enrollment.id == m.TranscriptRecord.enrollment_id)
        .where(of_them, m.Enrollment.status.in_(ACTIVE), m.TranscriptRecord.state != RecordState.RECALLED.value)
        .group_by(m.Enrollment.class_group_id, m.TranscriptRecord.state)
    ):
        step = _REACHED.get(RecordState(state), 4)
        of_class = counts.setdefault(class_id, {})
        of_class[step] = of_class.get(step, 0) + count
    people: dict[int, str] = dict(  # the latest comes last
        db.session.execute(
            select(m.HomeroomAssignment.class_group_id, m.Person.full_name)
            .join(m.Person, m.Person.id == m.HomeroomAssignment.person_id)
            .where(m.HomeroomAssignment.class_group_id.in_([row.id for row in class_groups]))
            .order_by(m.HomeroomAssignment.starts_on, m.HomeroomAssignment.id)
        ).all()
    )
    return [_row(row, n_students.get(row.id, 0), counts.get(row.id, {}), people.get(row.id)) for row in class_groups]


def _row(class_group: m.ClassGroup, n_students: int, counts: dict[int, int], person: str | None) -> ClassRow:
    at_least = [sum(count for step, count in counts.items() if step >= least) for least in range(5)]
    year = class_group.school_year
    before = year.sign_before(class_group.grade_level)
    built, homeroom, principal, sealed, published = at_least
    return ClassRow(
        class_group.id,
        class_group.name,
        year.label,
        class_group.state,
        person,
        n_students,
        built,
        homeroom,
        principal,
        sealed,
        published,
        f"{Deadline(before).last_good_day:%d/%m/%Y}",
        _waits_for(class_group, n_students, at_least),
    )


def _waits_for(class_group: m.ClassGroup, n_students: int, at_least: list[int]) -> str:
    if class_group.state != ClassState.APPROVED.value:
        return "Chờ duyệt tổng kết lớp" if class_group.state == ClassState.FINALISED.value else "Chờ chốt lớp"
    built, homeroom, principal, sealed, published = at_least
    if built < n_students:
        return "Chờ lập học bạ"
    if homeroom < built:
        return "Chờ giáo viên chủ nhiệm ký"
    if principal < built:
        return "Chờ Hiệu trưởng ký"
    if sealed < built:
        return "Chờ đóng dấu"
    return "Chờ công bố" if published < built else "Xong"


@dataclass(frozen=True, slots=True)
class NextStep:
    """What one person does next: ``verb`` in words, ``n`` transcripts in ``rows``."""

    verb: str
    n: int
    rows: tuple[ClassRow, ...]


_ACTS: dict[str, tuple[str, Permission]] = {
    "Chờ lập học bạ": ("Lập", Permission.TRANSCRIPT_BUILD),
    "Chờ giáo viên chủ nhiệm ký": ("Ký", Permission.TRANSCRIPT_SIGN_HOMEROOM),
    "Chờ Hiệu trưởng ký": ("Ký", Permission.TRANSCRIPT_SIGN_PRINCIPAL),
    "Chờ đóng dấu": ("Đóng dấu", Permission.TRANSCRIPT_SEAL),
    "Chờ công bố": ("Công bố", Permission.TRANSCRIPT_PUBLISH),
}


def next_step(actor: Actor, rows: Sequence[ClassRow]) -> NextStep | None:
    """The first thing that this person can do in these classes: what is nearest to the end of the way comes first."""
    for words in reversed(_ACTS):
        verb, power = _ACTS[words]
        mine = tuple(row for row in rows if row.waits_for == words and reaches_class(actor, row.class_group_id, power))
        if mine:
            done = {
                Permission.TRANSCRIPT_BUILD: lambda row: row.n_students - row.n_built,
                Permission.TRANSCRIPT_SIGN_HOMEROOM: lambda row: row.n_built - row.n_homeroom,
                Permission.TRANSCRIPT_SIGN_PRINCIPAL: lambda row: row.n_homeroom - row.n_principal,
                Permission.TRANSCRIPT_SEAL: lambda row: row.n_principal - row.n_sealed,
                Permission.TRANSCRIPT_PUBLISH: lambda row: row.n_sealed - row.n_published,
            }[power]
            n = sum(done(row) for row in mine)
            if n:
                return NextStep(verb, n, mine)
    return None


def waiting_for(actor: Actor) -> int:
    """How many transcripts wait for this person's signature."""
    conditions = []
    for step in SIGNING_ORDER:
        if actor.is_system or signing.PERMISSION[step.role] not in actor.permissions:
            continue
        conditions.append((step.from_state.value, step.role))
    if not conditions:
        return 0
    total = 0
    rows = db.session.execute(
        select(m.Enrollment.class_group_id, m.TranscriptRecord.state, func.count())
        .join(m.TranscriptRecord)
        .where(
            m.TranscriptRecord.state.in_([state for state, _ in conditions]),
            m.Enrollment.status.in_(ACTIVE),  # nobody signs for a student who left
        )
        .group_by(m.Enrollment.class_group_id, m.TranscriptRecord.state)
    )
    for class_group_id, state, count in rows:
        role = next(role for wanted, role in conditions if wanted == state)
        if reaches_class(actor, class_group_id, signing.PERMISSION[role]):
            total += count
    return total
