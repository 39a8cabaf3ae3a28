"""Rehearsing the signing two weeks before the deadline: the checks of each signer, and a real signing of watermarked papers.

The papers are of an invented pupil in each class, with the class's real subjects and signers' names, signed with throw-away test keys,
checked, and dropped inside the worker: nothing of them is stored. What stays is how long a class takes on this machine, and what each
person has to do. No mark or name of a pupil stands in the result.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import DomainError, Incomplete, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.deadlines import Deadline
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.terms import Level, PassFail, Sex, SubjectKind
from hocbaso.services import (
    audit,
    batch_runner,
    batches,
    document_pool,
    notices,
    rehearsal_checks,
    roster,
    transcripts,
)
from hocbaso.services.access import Actor
from hocbaso.services.in_force import people_with
from hocbaso.services.transcript_contents import school_block, signers_of

PAPERS = 3
"""Papers made for each class; a class's time is told from them."""

DAYS_BEFORE = 14
"""So long before a deadline of signing everybody is told to rehearse."""

KIND = "rehearsal"
_STEPS = ("build", "homeroom", "principal", "seal")


@dataclass(frozen=True, slots=True)
class ClassTime:
    """How long a class takes. ``seconds``: of building and three signatures for all its pupils, with all workers; None: broke off.

    Seconds are whole, rounded up. ``per_paper_ms``: wall milliseconds of one paper in one worker.
    """

    name: str
    n_students: int
    per_paper_ms: int | None
    seconds: int | None
    before: date
    problem: str | None


@dataclass(frozen=True, slots=True)
class PersonTodos:
    """One person's list, to be printed and handed over."""

    person_id: int
    name: str
    todos: tuple[rehearsal_checks.Todo, ...]


@dataclass(frozen=True, slots=True)
class RehearsalView:
    """What a rehearsal found. ``state``: ``running``, ``interrupted`` or ``done``."""

    id: int
    school_year: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    actor_name: str
    n_classes: int
    n_done: int
    classes: tuple[ClassTime, ...]
    todos: tuple[rehearsal_checks.Todo, ...]
    drivers: tuple[dict[str, Any], ...]
    people: tuple[PersonTodos, ...]
    deadlines: tuple[tuple[str, date], ...]

    @property
    def n_blocking(self) -> int:
        """Things without which somebody cannot sign at the deadline."""
        return sum(one.blocks for one in self.todos)

    @property
    def seconds(self) -> int:
        """For the whole school, one class after the other."""
        return sum(row.seconds or 0 for row in self.classes)


def start(
    actor: Actor,
    now: datetime,
    *,
    year_label: str | None = None,
    n_papers: int = PAPERS,
    background: bool = False,
    on_class: Callable[[], None] | None = None,
) -> int:
    """Rehearse for a year (default: the open one); the id. Raises NotAllowed, NotFound, WrongState (one is running)."""
    actor.require(Permission.REHEARSE)
    year = roster.year_by_label(year_label)
    rows = roster.classes_of_year(year)
    runner = batch_runner.take()
    try:
        with write_transaction() as session:
            for old in session.scalars(select(m.Rehearsal).where(m.Rehearsal.state == "RUNNING")):
                if _is_alive(old, now):
                    raise WrongState("Đang có một lần diễn tập chạy. Xin đợi lần ấy xong.")
            row = m.Rehearsal(
                school_year_id=year.id,
                state="RUNNING",
                started_at=now,
                account_id=actor.account_id,
                actor_name=actor.name,
                runner=runner,
                n_classes=len(rows),
            )
            session.add(row)
            session.flush()
            rehearsal_id = row.id
    except BaseException:
        batch_runner.release(runner)
        raise

    def work() -> None:
        with batch_runner.working(runner):
            _run(actor, rehearsal_id, year.id, now, n_papers, on_class)

    if background:
        document_pool.run_in_background(-rehearsal_id, work)  # batches have the numbers above zero
    else:
        work()
    return rehearsal_id


def _is_alive(row: m.Rehearsal, now: datetime) -> bool:
    lives = batch_runner.is_alive(row.runner)
    return now - row.started_at < timedelta(minutes=30) if lives is None else lives


def _run(
    actor: Actor,
    rehearsal_id: int,
    year_id: int,
    now: datetime,
    n_papers: int,
    on_class: Callable[[], None] | None,
) -> None:
    tick = batches.running_clock(now)
    year = db.session.get(m.SchoolYear, year_id)
    assert year is not None
    machine = rehearsal_checks.drivers()
    todos = rehearsal_checks.check(year, now, machine)
    times = []
    pending: list[tuple[m.ClassGroup, int, Any]] = []
    today = clock.local_date(now)
    for row in roster.classes_of_year(year):
        n_students = len(transcripts.students_of(row.id))
        try:
            content = tc.to_canonical_json(_content(year, row, now, today))
        except DomainError as refusal:
            times.append(_time(year, row, n_students, {"n": 0, "problem": refusal.message}))
            continue
        future = document_pool.submit("hocbaso.documents.rehearsal:papers", content, n_papers, now)
        pending.append((row, n_students, future))
    for _ in times:
        _count(rehearsal_id, on_class)
    for row, n_students, future in pending:
        try:
            told = future.result()
        except Exception as problem:
            told = {
                "n": 0,
                "problem": problem.message if isinstance(problem, DomainError) else "Máy làm hồ sơ dừng giữa chừng.",
            }
        times.append(_time(year, row, n_students, told))
        _count(rehearsal_id, on_class)
    result = {
        "classes": sorted(times, key=lambda one: str(one["name"])),
        "drivers": [{"words": one.words, "problem": one.problem, "n_tokens": one.n_tokens} for one in machine],
        "todos": [
            {
                "person_ids": list(one.person_ids),
                "words": one.words,
                "about": one.about,
                "before": one.before.isoformat(),
                "blocks": one.blocks,
            }
            for one in todos
        ],
    }
    ended = tick()
    with write_transaction() as session:
        standing = session.get(m.Rehearsal, rehearsal_id, populate_existing=True)
        assert standing is not None
        standing.state, standing.ended_at = "DONE", ended
        standing.result = json.dumps(result, ensure_ascii=False, sort_keys=True)
        audit.record(
            AuditTag.REHEARSED,
            actor,
            ended,
            target_kind="school_year",
            target_id=year_id,
            facts={
                "n_todos": len(todos),
                "n_blocking": sum(one.blocks for one in todos),
                "n_classes": len(times),
                "n_problems": sum(one["problem"] is not None for one in times),
            },
        )


def _count(rehearsal_id: int, on_class: Callable[[], None] | None) -> None:
    with write_transaction() as session:
        session.execute(update(m.Rehearsal).where(m.Rehearsal.id == rehearsal_id).values(n_done=m.Rehearsal.n_done + 1))
    if on_class is not None:
        on_class()


def _time(year: m.SchoolYear, row: m.ClassGroup, n_students: int, told: dict[str, Any]) -> dict[str, Any]:
    """A class's line: whole milliseconds a paper, whole seconds for the class with all workers."""
    per_paper = None
    if told["n"]:
        per_paper = int(sum(told[step] for step in _STEPS) * 1000 / told["n"]) + 1
    return {
        "name": row.name,
        "n_students": n_students,
        "per_paper_ms": per_paper,
        "seconds": None if per_paper is None else -(-n_students * per_paper // (1000 * document_pool.n_workers())),
        "before": year.sign_before(row.grade_level).isoformat(),
        "problem": told["problem"],
    }


_LONG = "Có ý thức học tập, nắm chắc kiến thức cơ bản, biết vận dụng; cần mạnh dạn phát biểu hơn."


def _content(year: m.SchoolYear, row: m.ClassGroup, now: datetime, today: date) -> tc.TranscriptContent:
    """A paper of an invented pupil with this class's subjects and signers, marked as a sample. Incomplete without signers."""
    signers = signers_of(row, today)
    school = school_block(roster.the_school())
    subjects = db.session.scalars(
        select(m.Subject)
        .join(m.ClassSubject, m.ClassSubject.subject_id == m.Subject.id)
        .where(m.ClassSubject.class_group_id == row.id)
        .order_by(m.Subject.transcript_order)
    ).all()
    if not subjects:
        raise Incomplete("Lớp chưa có môn học nào.")
    levels = tc.LevelTrack(semester_1=Level.TOT, semester_2=Level.TOT, year=Level.TOT)
    return tc.TranscriptContent(
        record_uuid=str(uuid.uuid4()),
        school=school,
        school_year=year.label,
        class_name=row.name,
        grade_level=row.grade_level,
        student=tc.Student(
            full_name="Nguyễn Thị Diễn Tập",
            sex=Sex.FEMALE,
            born_on=date(int(year.label[:4]) - row.grade_level - 5, 2, 28),
            birth_place=school.commune,
            ethnicity="Kinh",
            home_town=school.commune,
            address=school.commune,
        ),
        subjects=tuple(_subject(subject) for subject in subjects),
        homeroom=signers.homeroom,
        principal=signers.principal,
        issue_on=today,
        issue_place=school.place_name,
        built_at=now.replace(microsecond=0),
        conduct=levels,
        learning=levels,
        homeroom_remark=_LONG,
        demo=True,
    )


def _subject(subject: m.Subject) -> tc.SubjectRow:
    scored = subject.kind == SubjectKind.SCORED.value
    value = "8.5" if scored else PassFail.PASS.value
    return tc.SubjectRow(
        code=subject.code,
        name=tc.nfc(subject.transcript_name or subject.name) or subject.code,
        kind=SubjectKind(subject.kind),
        semester_1=value,
        semester_2=value,
        year=value,
        remark=_LONG,
        teacher_name="Giáo viên Diễn Tập",
    )


# --- reading ----------------------------------------------------------------------------------------------------------


def newest(actor: Actor, now: datetime) -> RehearsalView | None:
    """The newest rehearsal, or None. Raises NotAllowed."""
    actor.require(Permission.REHEARSE)
    row = db.session.scalar(
        select(m.Rehearsal).order_by(m.Rehearsal.id.desc()).limit(1).execution_options(populate_existing=True)
    )
    return _view(row, now) if row is not None else None


def view(actor: Actor, rehearsal_id: int, now: datetime) -> RehearsalView:
    """One rehearsal. Raises NotAllowed, NotFound."""
    actor.require(Permission.REHEARSE)
    row = db.session.get(m.Rehearsal, rehearsal_id, populate_existing=True)
    if row is None:
        raise NotFound("Không có lần diễn tập này.")
    return _view(row, now)


def _view(row: m.Rehearsal, now: datetime) -> RehearsalView:
    year = db.session.get(m.SchoolYear, row.school_year_id)
    assert year is not None
    told = json.loads(row.result) if row.result else {"classes": [], "drivers": [], "todos": []}
    todos = tuple(
        rehearsal_checks.Todo(
            tuple(one["person_ids"]), one["words"], one["about"], date.fromisoformat(one["before"]), one["blocks"]
        )
        for one in told["todos"]
    )
    return RehearsalView(
        id=row.id,
        school_year=year.label,
        state="done" if row.state == "DONE" else "running" if _is_alive(row, now) else "interrupted",
        started_at=row.started_at,
        ended_at=row.ended_at,
        actor_name=row.actor_name,
        n_classes=row.n_classes,
        n_done=row.n_done,
        classes=tuple(ClassTime(**{**one, "before": date.fromisoformat(one["before"])}) for one in told["classes"]),
        todos=todos,
        drivers=tuple(told["drivers"]),
        people=people_of(todos),
        deadlines=deadlines_of(year),
    )


def people_of(todos: Sequence[rehearsal_checks.Todo]) -> tuple[PersonTodos, ...]:
    """The todos by person, by name."""
    by_person: dict[int, list[rehearsal_checks.Todo]] = {}
    for one in todos:
        for person_id in one.person_ids:
            by_person.setdefault(person_id, []).append(one)
    rows = db.session.scalars(select(m.Person).where(m.Person.id.in_(list(by_person))).order_by(m.Person.sort_key))
    return tuple(PersonTodos(row.id, row.full_name, tuple(by_person[row.id])) for row in rows)


def deadlines_of(year: m.SchoolYear) -> tuple[tuple[str, date], ...]:
    """The deadlines of signing in words."""
    return ("Hạn ký khối 9", year.sign_grade9_before), ("Hạn ký mọi khối", year.sign_others_before)


# --- the reminder ------------------------------------------------------------------------------------------------------


def look(now: datetime) -> tuple[m.SchoolYear, date, list[rehearsal_checks.Todo]] | None:
    """What the daily job finds within two weeks of a deadline that nobody was told of yet: year, deadline, todos; else None.

    Looks at the machine's drivers, which takes seconds: outside any transaction.
    """
    year = db.session.scalar(
        select(m.SchoolYear).where(m.SchoolYear.state == "OPEN").order_by(m.SchoolYear.starts_on.desc()).limit(1)
    )
    if year is None:
        return None
    today = clock.local_date(now)
    for _words, before in deadlines_of(year):
        if 0 < Deadline(before).days_left(today) <= DAYS_BEFORE and not _told_since(
            before - timedelta(days=DAYS_BEFORE)
        ):
            return year, before, rehearsal_checks.check(year, now, rehearsal_checks.drivers())
    return None


def _told_since(day: date) -> bool:
    return db.session.scalar(select(m.Notice.id).where(m.Notice.kind == KIND, m.Notice.day >= day).limit(1)) is not None


def remind(actor: Actor, found: tuple[m.SchoolYear, date, list[rehearsal_checks.Todo]] | None, now: datetime) -> int:
    """Tell everybody what is theirs to do, and principal, clerk and IT officer to rehearse; how many people. In the job's
    transaction; a server that was off on the day itself tells on the next."""
    if found is None:
        return 0
    year, before, todos = found
    until = f"{before:%d/%m/%Y}"
    told: set[int] = set()
    with write_transaction():
        organisers = [
            person
            for role in (Role.PRINCIPAL, Role.CLERK, Role.IT_OFFICER)
            for person in people_with(role, clock.local_date(now))
        ]
        line = f"Hạn ký học bạ là trước {until}. Hãy diễn tập ở trang Diễn tập ký: còn {len(todos)} việc phải chuẩn bị."
        notices.tell(organisers, KIND, "Diễn tập ký học bạ", line, now)
        told.update(organisers)
        for person in people_of(todos):
            for one in person.todos:
                notices.tell([person.person_id], KIND, "Diễn tập ký học bạ", one.words, now)
            told.add(person.person_id)
        if told:
            audit.record(
                AuditTag.REMINDER_SENT,
                actor,
                now,
                target_kind="school_year",
                target_id=year.id,
                facts={"kind": KIND, "before": before.isoformat(), "n_people": len(told), "n_todos": len(todos)},
            )
    return len(told)
