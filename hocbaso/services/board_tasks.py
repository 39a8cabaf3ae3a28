"""The Ban quản lý Học bạ số: its members, their tasks and what shows that a task is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.school_plan import Standing, duties, standing
from hocbaso.services import audit, board_files, notices, roster
from hocbaso.services.access import Actor
from hocbaso.services.in_force import in_force
from hocbaso.services.uploaded_papers import Upload

_FAR = 730
"""Days from today beyond which a day is a slip of the hand."""
_LEADERS = (Role.PRINCIPAL.value, Role.VICE_PRINCIPAL.value)
_HOLDERS = (*_LEADERS, Role.BOARD_MEMBER.value, Role.IT_OFFICER.value, Role.CLERK.value, Role.GROUP_HEAD.value)
"""Who may be given a task: the board, and those to whom the plan itself gives duties."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task in the list."""

    id: int
    title: str
    holder: str | None
    holder_id: int | None
    due_on: date
    standing: Standing
    evidence: str | None
    done_at: datetime | None
    done_name: str | None
    may_finish: bool
    may_attach: bool
    """Whether this person may add a file to it, also to one that is done."""
    version: int
    files: tuple[m.BoardTaskFile, ...]
    """Those that this person may open."""
    removed: tuple[m.BoardTaskFile, ...]
    """Those that were taken out, for whoever may open the others: that there was one, no more."""
    may_remove: frozenset[int]
    """Ids of the files that this person may take out."""


@dataclass(frozen=True, slots=True)
class BoardPage:
    """The board of the open year. ``members``: (name, position); ``holders``: (id, name) of who may be given a task."""

    year_label: str
    members: tuple[tuple[str, str], ...]
    holders: tuple[tuple[int, str], ...]
    tasks: tuple[Task, ...]
    may_assign: bool
    n_mine: int
    n_unplanned: int
    """Duties of the plan that are no task yet."""

    def of(self, *standings: Standing) -> tuple[Task, ...]:
        """The tasks that stand so."""
        return tuple(task for task in self.tasks if task.standing in standings)


def page(actor: Actor, now: datetime) -> BoardPage:
    """The board's page, for those who follow the year's progress. NotAllowed; NotFound without an open year."""
    if not actor.may(Permission.INVENTORY_KEEP):  # the IT officer reads no progress, and has duties by the plan
        actor.require(Permission.PROGRESS_READ)
    year, today = roster.open_year(), clock.local_date(now)
    rows = list(
        db.session.scalars(
            select(m.BoardTask)
            .where(m.BoardTask.school_year_id == year.id, m.BoardTask.state != "DROPPED")
            .order_by(m.BoardTask.due_on, m.BoardTask.id)
            .options(selectinload(m.BoardTask.files))
            .execution_options(populate_existing=True)
        )
    )
    assigns = actor.may(Permission.PLAN_ASSIGN)
    tasks = tuple(
        Task(
            row.id,
            row.title,
            row.person.full_name if row.person else None,
            row.person_id,
            row.due_on,
            standing(row.due_on, row.state == "DONE", today),
            row.evidence,
            row.done_at,
            row.done_name,
            row.state == "OPEN" and (row.person_id == actor.person_id or assigns),
            (row.person_id == actor.person_id or assigns) and len(row.shown_files) < board_files.MAX_FILES,
            row.version,
            row.shown_files if board_files.reads(actor, row) else (),
            tuple(file for file in row.files if file.removed_at) if board_files.reads(actor, row) else (),
            frozenset(file.id for file in row.files if board_files.may_remove(actor, file)),
        )
        for row in rows
    )
    return BoardPage(
        year.label,
        _members(today),
        tuple((one.id, one.full_name) for one in _people_with(_HOLDERS, today)),
        tasks,
        assigns,
        sum(task.holder_id == actor.person_id and task.standing is not Standing.DONE for task in tasks),
        len(_unplanned(year)),
    )


def _people_with(roles: tuple[str, ...], today: date) -> list[m.Person]:
    holding = select(m.RoleGrant.person_id).where(m.RoleGrant.role.in_(roles), in_force(m.RoleGrant, today))
    return list(db.session.scalars(select(m.Person).where(m.Person.id.in_(holding)).order_by(m.Person.sort_key)))


def _members(today: date) -> tuple[tuple[str, str], ...]:
    return tuple((one.full_name, one.position_title or "") for one in _people_with((Role.BOARD_MEMBER.value,), today))


def _unplanned(year: m.SchoolYear) -> list[tuple[str, date]]:
    named = set(db.session.scalars(select(m.BoardTask.title).where(m.BoardTask.school_year_id == year.id)))
    return [
        (one.title, one.due_on)
        for one in duties(year.starts_on, year.data_complete_before, year.sign_grade9_before, year.sign_others_before)
        if one.title not in named
    ]


def take_from_plan(actor: Actor, now: datetime) -> int:
    """Make tasks of the plan's duties that are none yet, given to nobody. Returns how many. NotAllowed, NotFound."""
    actor.require(Permission.PLAN_ASSIGN)
    with write_transaction() as session:
        year = roster.open_year()
        rows = [m.BoardTask(school_year_id=year.id, title=title, due_on=due_on) for title, due_on in _unplanned(year)]
        if rows:
            session.add_all(rows)
            session.flush()
            _record(AuditTag.TASK_GIVEN, actor, now, rows)
        return len(rows)


def task_key(task_id: int) -> str:
    """What a message about a task, and the work of its holder, is known by."""
    return f"task-{task_id}"


def give(
    actor: Actor, title: str, person_id: int | None, due_on: date | None, now: datetime, *, task_id: int | None = None,
    expected_version: int = 0,
) -> int:  # fmt: skip
    """Give a task, or (``task_id``) give a standing one to somebody or another day; the new holder is told.

    Raises NotAllowed, Invalid per field, NotFound, Stale, WrongState for one that is done.
    """
    actor.require(Permission.PLAN_ASSIGN)
    title = " ".join(title.split())
    if not title or len(title) > 200:
        raise Invalid("Xin ghi việc phải làm, nhiều nhất 200 chữ.", field="title")
    if due_on is None:
        raise Invalid("Xin ghi ngày phải xong.", field="due_on")
    today = clock.local_date(now)
    if abs((due_on - today).days) > _FAR:
        raise Invalid("Ngày phải xong cách hôm nay quá hai năm. Xin xem lại năm đã gõ.", field="due_on")
    with write_transaction() as session:
        if person_id is not None and person_id not in {one.id for one in _people_with(_HOLDERS, today)}:
            raise Invalid("Người này không thuộc Ban quản lý Học bạ số.", field="person_id")
        if task_id is None:
            year = roster.open_year()
            standing = session.scalar(
                select(m.BoardTask.id).where(
                    m.BoardTask.school_year_id == year.id,
                    m.BoardTask.state == "OPEN",
                    m.BoardTask.title == title,
                    m.BoardTask.due_on == due_on,
                    m.BoardTask.person_id == person_id,
                )
            )
            if standing is not None:  # the second click: nobody is told twice
                return standing
            row = m.BoardTask(school_year_id=year.id, title=title, due_on=due_on)
            session.add(row)
        else:
            row = _task(task_id, expected_version)
            if row.state != "OPEN":
                raise WrongState("Việc này đã xong; xin mở lại trước.")
            row.title, row.due_on, row.version = title, due_on, row.version + 1
        is_new_holder = person_id is not None and person_id != row.person_id
        row.person_id = person_id
        session.flush()
        _record(AuditTag.TASK_GIVEN, actor, now, [row])
        if is_new_holder and person_id is not None and person_id != actor.person_id:
            line = f"{row.title}, hạn cuối: hết ngày {row.due_on:%d/%m/%Y}."
            notices.tell([person_id], "task", "Việc của Ban quản lý Học bạ số", line, now, about=task_key(row.id))
        return row.id


def finish(
    actor: Actor, task_id: int, evidence: str, expected_version: int, now: datetime, *, uploads: Sequence[Upload] = ()
) -> None:
    """Say that a task is done and what shows it: words, files (``uploads``) or both.

    Raises NotFound, NotAllowed (somebody else's), Invalid, Stale, WrongState.
    """
    evidence = " ".join(evidence.split())
    if (not evidence and not uploads) or len(evidence) > 500:
        raise Invalid(
            "Xin ghi minh chứng: số văn bản, biên bản, hoặc nơi xem, nhiều nhất 500 chữ; hoặc kèm tệp.",
            field="evidence",
        )
    with write_transaction():
        row = _task(task_id, expected_version)
        if row.person_id != actor.person_id and not actor.may(Permission.PLAN_ASSIGN):
            raise NotAllowed("Việc này giao cho người khác.")
        if row.state != "OPEN":
            raise WrongState("Việc này không còn mở.")
        files = board_files.keep(actor, row, board_files.look_at(row, uploads), now)
        row.state, row.evidence, row.done_at, row.done_name = (
            "DONE",
            evidence or board_files.ONLY_FILES,
            now,
            actor.name,
        )
        row.version += 1
        _record(AuditTag.TASK_MOVED, actor, now, [row], files)


def reopen(actor: Actor, task_id: int, expected_version: int, now: datetime) -> None:
    """A task that was called done is open again; its evidence stays readable in the log. Raises as :func:`finish`."""
    actor.require(Permission.PLAN_ASSIGN)
    with write_transaction():
        row = _task(task_id, expected_version)
        if row.state != "DONE":
            raise WrongState("Việc này chưa xong.")
        row.state, row.done_at, row.done_name, row.version = "OPEN", None, None, row.version + 1
        _record(AuditTag.TASK_MOVED, actor, now, [row])


def drop(actor: Actor, task_id: int, expected_version: int, now: datetime) -> None:
    """Take an open task off the list. Raises as :func:`finish`."""
    actor.require(Permission.PLAN_ASSIGN)
    with write_transaction():
        row = _task(task_id, expected_version)
        if row.state != "OPEN":
            raise WrongState("Chỉ bỏ được việc đang mở.")
        row.state, row.version = "DROPPED", row.version + 1
        _record(AuditTag.TASK_MOVED, actor, now, [row])


def _task(task_id: int, expected_version: int) -> m.BoardTask:
    row = db.session.get(m.BoardTask, task_id, populate_existing=True)
    if row is None:
        raise NotFound("Không có việc này.")
    if row.version != expected_version:
        raise Stale("Việc này vừa được người khác đổi. Xin tải lại trang.", current=row.version)
    return row


def _record(
    tag: AuditTag, actor: Actor, now: datetime, rows: list[m.BoardTask], files: Sequence[m.BoardTaskFile] = ()
) -> None:
    audit.record(
        tag,
        actor,
        now,
        target_kind="board_task",
        target_id=rows[0].id,
        state={**audit.states("board_task", rows), **audit.states("board_task_file", files)},
        facts={"titles": [row.title for row in rows]},
    )
