"""The photo, scan or PDF that shows that a task of the board is done: stored by its content, written into the log.

A wrong one is taken out of sight, with a reason: its row, its entry and its bytes stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit, stored_documents, uploaded_papers
from hocbaso.services.access import Actor
from hocbaso.services.uploaded_papers import Paper, Upload, look

KIND = "board_evidence"
MAX_FILES = 6
"""Of one task, those that were taken out aside."""
ONLY_FILES = "xem tệp kèm"
"""What a task says that was called done without words."""
_REASON = 300
_NO_FILE = "Không có tệp này trong việc của Ban quản lý."


def look_at(task: m.BoardTask, uploads: Sequence[Upload]) -> tuple[Paper, ...]:
    """What was sent for a task. Raises Invalid as :func:`uploaded_papers.look`."""
    return look(uploads, "việc", n_standing=len(task.shown_files), most=MAX_FILES)


def keep(actor: Actor, task: m.BoardTask, papers: Sequence[Paper], now: datetime) -> list[m.BoardTaskFile]:
    """Store the files, then their rows; in the caller's transaction. The same file twice stands once."""
    standing = {row.digest for row in task.shown_files}
    rows = [
        m.BoardTaskFile(board_task_id=task.id, added_by=actor.account_id, adder_name=actor.name, **told)
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


def may_remove(actor: Actor, row: m.BoardTaskFile) -> bool:
    """Whether this person takes a file out: who added it, and who gives the board its tasks (its chair)."""
    return row.removed_at is None and (
        actor.may(Permission.PLAN_ASSIGN) or (row.added_by is not None and row.added_by == actor.account_id)
    )


def remove(actor: Actor, task_id: int, file_id: int, reason: str, now: datetime) -> None:
    """Take a wrong file out of sight for everybody; the row says who did and why.

    Raises NotFound, NotAllowed, Invalid (no reason), WrongState (taken out already, or all that shows that the task is done).
    """
    words = " ".join((nfc(reason) or "").split())
    if not words or len(words) > _REASON:
        raise Invalid(f"Xin ghi vì sao bỏ tệp này, nhiều nhất {_REASON} chữ.", field="reason")
    with write_transaction():
        task = db.session.get(m.BoardTask, task_id, populate_existing=True)
        row = db.session.get(m.BoardTaskFile, file_id, populate_existing=True)
        if (
            task is None
            or row is None
            or row.board_task_id != task.id
            or task.state == "DROPPED"
            or not reads(actor, task)
        ):
            raise NotFound(_NO_FILE)
        if row.removed_at is not None:
            raise WrongState("Tệp này đã được bỏ rồi.")
        if not may_remove(actor, row):
            raise NotAllowed("Tệp này do người khác kèm: người ấy hoặc Ban Giám hiệu bỏ được.")
        if task.state == "DONE" and task.evidence == ONLY_FILES and len(task.shown_files) == 1:
            raise WrongState(
                "Việc đã ghi xong mà chỉ có tệp này làm minh chứng: xin kèm tệp đúng trước, rồi bỏ tệp này."
            )
        row.removed_at, row.remover_name, row.removed_reason = now, actor.name, words
        db.session.flush()
        audit.record(
            AuditTag.TASK_FILE_REMOVED,
            actor,
            now,
            target_kind="board_task",
            target_id=task.id,
            state=audit.states("board_task_file", [row]),
            note=words,
            facts={"titles": [task.title], "file": row.file_name},
        )


def reads(actor: Actor, task: m.BoardTask) -> bool:
    """Whether this person opens a task's files: who follows the year's progress, and whose task it is.

    The IT officer sees the board for the own duties' sake; a paper of somebody else's task may tell of pupils.
    """
    return actor.may(Permission.PROGRESS_READ) or (task.person_id is not None and task.person_id == actor.person_id)


def open_file(actor: Actor, task_id: int, file_id: int) -> Paper:
    """One file of a task. NotFound also for who may not read it, IntegrityFault."""
    task = db.session.get(m.BoardTask, task_id, populate_existing=True)
    row = db.session.get(m.BoardTaskFile, file_id, populate_existing=True)
    if (
        task is None
        or row is None
        or row.board_task_id != task.id
        or row.removed_at is not None
        or task.state == "DROPPED"
        or not reads(actor, task)
    ):
        raise NotFound(_NO_FILE)
    return Paper(row.file_name, row.media_type, stored_documents.read(row.digest))
