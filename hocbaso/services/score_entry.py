"""Writing one cell as it is left: one act, one audit entry, once for each operation key.

The rooms beside this one: what a text means (``score_reading``), many cells at once (``score_blocks``), why not
(``score_refusals``). Their names that other services and pages use can be had from here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from hocbaso import clock
from hocbaso.db import write_transaction
from hocbaso.errors import Invalid, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import EDITABLE
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.score_blocks import CellOutcome, CellValue, save_many, sheet_head, write_cells
from hocbaso.services.score_cells import (
    NOTHING,
    CellRecord,
    CellView,
    average_text,
    column_words,
    columns_of,
    view_cell,
)
from hocbaso.services.score_lines import Progress, count_progress, read_row
from hocbaso.services.score_reading import read_value
from hocbaso.services.score_refusals import StandingValue, closed_sentence, guard_typing, stale
from hocbaso.services.score_versions import (
    BY_OP,
    NEW_VERSION,
    TOUCH_SHEET,
    put,
    state_after,
    state_before,
    version_values,
)
from hocbaso.services.sheet_access import SheetHead, connection, head_for_typing, read_head

__all__ = [
    "CellOutcome",
    "CellValue",
    "Permission",
    "SavedCell",
    "StandingValue",
    "guard_typing",
    "read_head",
    "save_cell",
    "save_many",
    "sheet_head",
    "write_cells",
]

_OP_ID = re.compile(r"[0-9A-Za-z-]{8,36}")


@dataclass(frozen=True, slots=True)
class SavedCell:
    """The outcome of one save: the cell, its line's average and the sheet's progress after it.

    ``written`` is False when the value already stood there; ``repeated`` when this operation had been done before.
    """

    head: SheetHead
    enrollment_id: int
    cell: CellView
    average: str
    progress: Progress
    written: bool
    repeated: bool = False


def save_cell(
    actor: Actor,
    sheet_id: int,
    enrollment_id: int,
    column_key: str,
    raw: str,
    *,
    expected_version: int,
    op_id: str | None,
    source: str = "typed",
    unattended_at: datetime | None = None,
    now: datetime,
) -> SavedCell:
    """Write one cell, once.

    ``expected_version`` is the version the person saw (0: empty cell). The same ``op_id`` with the same request
    returns what was written then. Raises NotFound and NotAllowed by scope, WrongState when the sheet or its window
    does not take values, Invalid for the text or a reused ``op_id``, Stale (``current``: :class:`StandingValue`)
    when somebody else was first, or with ``unattended_at``: it was typed then on a page where nobody was signed in, and whoever
    sends it now is asked first.
    """
    if op_id is not None and not _OP_ID.fullmatch(op_id):
        raise Invalid("Mã lần lưu không hợp lệ. Hãy tải lại trang; số đã gõ vẫn còn trong ô.", field="op")
    request_digest = hashlib.sha256(
        f"{sheet_id}\n{enrollment_id}\n{column_key}\n{expected_version}\n{raw}".encode()
    ).hexdigest()
    for attempt in (1, 2):
        try:
            return _save_once(
                actor,
                sheet_id,
                enrollment_id,
                column_key,
                raw,
                expected_version,
                op_id,
                request_digest,
                source,
                unattended_at,
                now,
            )
        except IntegrityError:
            # Two first values, or one operation sent twice, at the same instant (PostgreSQL): the second look sees
            # the winner and answers as it should.
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


def _save_once(
    actor: Actor,
    sheet_id: int,
    enrollment_id: int,
    column_key: str,
    raw: str,
    expected_version: int,
    op_id: str | None,
    request_digest: str,
    source: str,
    unattended_at: datetime | None,
    now: datetime,
) -> SavedCell:
    today = clock.local_date(now)
    with write_transaction():
        head = head_for_typing(actor, sheet_id, today)
        words = column_words(head, column_key)
        student_name, closed, cells = read_row(head, enrollment_id)
        standing = cells.get(column_key, NOTHING)
        link = connection()
        if op_id is not None:
            done = link.execute(BY_OP, {"op": op_id}).first()
            if done is not None:
                if done.request_digest != request_digest or done.by_account_id != actor.account_id:
                    raise Invalid(
                        "Mã lần lưu này đã dùng cho một giá trị khác. Hãy tải lại trang rồi gõ lại ô này.", field="op"
                    )
                stored = CellRecord(done.tenths, done.mark, done.remark, done.origin, done.makeup_due_on, done.version)
                return _saved(head, enrollment_id, column_key, stored, cells, closed, written=False, repeated=True)
        guard_typing(head, today)
        if closed:
            raise WrongState(closed_sentence(student_name, closed))
        value = read_value(head, column_key, raw, standing, today)
        if value.same_value(standing):
            return _saved(head, enrollment_id, column_key, standing, cells, closed, written=False)
        if expected_version != standing.version or unattended_at is not None:
            raise stale(link, standing, column_key, student_name, words, raw, unattended_at)
        if link.execute(TOUCH_SHEET, {"sheet_id": head.id}).rowcount == 0:
            raise WrongState("Bảng điểm vừa được nộp hoặc khoá nên không ghi thêm được. Số đã gõ chưa mất.")
        written = put(link, actor, head, enrollment_id, column_key, value, standing, now)
        if written is None:
            fresh = read_row(head, enrollment_id)[2].get(column_key, NOTHING)
            raise stale(link, fresh, column_key, student_name, words, raw)
        seq = audit.record(
            AuditTag.CELL_CHANGED,
            actor,
            now,
            target_kind="score_sheet",
            target_id=head.id,
            state={"score_cell": {str(written.id): state_after(head, enrollment_id, column_key, written)}},
            before=state_before(standing),
            facts={"sheet": head.label, "student": student_name, "column": words, "source": source},
        )
        link.execute(NEW_VERSION, version_values(written, actor, now, source, seq, op_id, request_digest))
        cells[column_key] = written
        return _saved(head, enrollment_id, column_key, written, cells, closed, written=True)


def _saved(
    head: SheetHead,
    enrollment_id: int,
    column_key: str,
    record: CellRecord,
    cells: dict[str, CellRecord],
    closed: str,
    *,
    written: bool,
    repeated: bool = False,
) -> SavedCell:
    return SavedCell(
        head=head,
        enrollment_id=enrollment_id,
        cell=view_cell(column_key, record, closed, head.state in EDITABLE and not closed),
        average=average_text(head, columns_of(head), cells),
        progress=count_progress(head),
        written=written,
        repeated=repeated,
    )
