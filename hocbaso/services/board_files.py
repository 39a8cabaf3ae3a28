"""The photo, scan or PDF that shows that a task of the board is done: stored by its content, written into the log, never taken away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit, transcripts, uploaded_papers
from hocbaso.services.access import Actor
from hocbaso.services.uploaded_papers import Paper, Upload, look

KIND = "board_evidence"
MAX_FILES = 6
"""Of one task."""


def look_at(task: m.BoardTask, uploads: Sequence[Upload]) -> tuple[Paper, ...]:
    """What was sent for a task. Raises Invalid as :func:`uploaded_papers.look`."""
    return look(uploads, "việc", n_standing=len(task.files), most=MAX_FILES)


def keep(actor: Actor, task: m.BoardTask, papers: Sequence[Paper], now: datetime) -> list[m.BoardTaskFile]:
    """Store the files, then their rows; in the caller's transaction. The same file twice stands once."""
    standing = {row.digest for row in task.files}
    rows = [
        m.BoardTaskFile(board_task_id=task.id, adder_name=actor.name, **told)
        for told in uploaded_papers.store(papers, KIND, standing, now)
    ]
    task.files.extend(rows)
    db.session.flush()
    return rows


def attach(actor: Actor, task_id: int, uploads: Sequence[Upload], now: datetime) -> int:
    """Add files to a task, also to one that is done. Returns how many are new.

    Raises NotFound, NotAllowed (somebody else's task), WrongState (dropped), Invalid (what was sent, or nothing was).
    """
    with write_transaction():
        task = db.session.get(m.BoardTask, task_id, populate_existing=True)
        if task is None:
            raise NotFound("Không có việc này.")
        if task.person_id != actor.person_id and not actor.may(Permission.PLAN_ASSIGN):
            raise NotAllowed("Việc này giao cho người khác.")
        if task.state == "DROPPED":
            raise WrongState("Việc này đã bỏ khỏi danh sách.")
        if not uploads:
            raise Invalid("Xin chọn tệp để kèm.", field="files")
        rows = keep(actor, task, look_at(task, uploads), now)
        if rows:
            audit.record(
                AuditTag.TASK_FILE_ADDED,
                actor,
                now,
                target_kind="board_task",
                target_id=task.id,
                state=audit.states("board_task_file", rows),
                facts={"titles": [task.title]},
            )
        return len(rows)


def reads(actor: Actor, task: m.BoardTask) -> bool:
    """Whether this person opens a task's files: who follows the year's progress, and whose task it is.

    The IT officer sees the board for the own duties' sake; a paper of somebody else's task may tell of pupils.
    """
    return actor.may(Permission.PROGRESS_READ) or (task.person_id is not None and task.person_id == actor.person_id)


def open_file(actor: Actor, task_id: int, file_id: int) -> Paper:
    """One file of a task. NotFound also for who may not read it, IntegrityFault."""
    task = db.session.get(m.BoardTask, task_id, populate_existing=True)
    row = db.session.get(m.BoardTaskFile, file_id)
    if task is None or row is None or row.board_task_id != task.id or task.state == "DROPPED" or not reads(actor, task):
        raise NotFound("Không có tệp này trong việc của Ban quản lý.")
    return Paper(row.file_name, row.media_type, transcripts.read_stored(row.digest))
