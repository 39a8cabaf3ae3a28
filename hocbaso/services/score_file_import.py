"""A filled-in file of one score sheet: read, shown cell by cell, written as one act, taken back as one act.

The plan that a person sees is kept as it was shown, with the version of each cell; what is written later is exactly that,
through the path of a pasted block. A cell that somebody changed in between is left and named.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, Invalid, NotFound, WrongState
from hocbaso.exchange.vietnamese_text import clean_text
from hocbaso.exchange.workbook_process import read_apart
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetParty
from hocbaso.services import score_operations
from hocbaso.services.access import Actor
from hocbaso.services.imports import PREVIEW_LIVES
from hocbaso.services.score_blocks import CellOutcome
from hocbaso.services.score_file_plan import FilePlan, PlannedCell, RefusedCell, plan_file
from hocbaso.services.score_refusals import guard_typing
from hocbaso.services.sheet_access import SheetHead, sheet_for

KIND = "score_file"
"""``ImportBatch.kind`` of these files; their ``summary`` is :class:`ShownFile` as JSON."""

_DROPPED = "Lần xem trước này đã quá hai ngày. Hãy nộp lại tệp."


@dataclass(frozen=True, slots=True)
class LeftCell:
    """A cell that was to be written and was not, with the reason."""

    student: str
    column: str
    reason: str


@dataclass(frozen=True)
class ShownFile:
    """A file in one of its states: shown (PREVIEW), written (APPLIED), and then perhaps taken back (``undone_at``).

    ``written``: places of the cells that were written; ``left``: what was not, of the act that came last.
    """

    batch_id: int
    head: SheetHead
    state: str
    file_name: str
    plan: FilePlan
    op: str
    written: tuple[str, ...] = ()
    left: tuple[LeftCell, ...] = ()
    n_back: int = 0
    undone_at: str = ""
    refusal: str = ""
    """Why the sheet takes nothing now, "" when it does."""

    @property
    def n_choices(self) -> int:
        """Cells that are written only when a person ticks them."""
        return len(self.plan.conflicts) + len(self.plan.clears)

    @property
    def can_apply(self) -> bool:
        """Whether there is something to write and nothing in the way."""
        return self.state == "PREVIEW" and not self.refusal and bool(self.plan.writes or self.n_choices)

    @property
    def can_undo(self) -> bool:
        """Whether what was written may still be taken back."""
        return self.state == "APPLIED" and bool(self.written) and not self.undone_at and not self.refusal


@dataclass(frozen=True, slots=True)
class PastFile:
    """A file that was written into a sheet before."""

    batch_id: int
    file_name: str
    at: datetime
    n_written: int
    is_undone: bool


@dataclass(frozen=True, slots=True)
class FilePage:
    """The page of a sheet's files: ``refusal`` says why nothing can be handed in now, "" when it can."""

    head: SheetHead
    is_author: bool
    refusal: str
    past: list[PastFile]


def page_of(actor: Actor, sheet_id: int, now: datetime) -> FilePage:
    """What the page of a sheet's files shows to somebody who may take it home. Raises NotFound and NotAllowed by scope."""
    today = clock.local_date(now)
    head = sheet_for(actor, sheet_id, Permission.EXPORT_SCORES, today)
    is_author = SheetParty.AUTHOR in head.parties
    return FilePage(head, is_author, _refusal(head, today), past_files(actor, sheet_id) if is_author else [])


def require_author(actor: Actor, sheet_id: int, now: datetime) -> None:
    """Raise NotFound or NotAllowed when this person does not hand files in for this sheet."""
    sheet_for(actor, sheet_id, Permission.IMPORT_SCORES, clock.local_date(now))


def preview(actor: Actor, sheet_id: int, data: bytes, file_name: str, now: datetime) -> int:
    """Read a file and keep what it would change; the id of the batch. Nothing of the sheet changes.

    Raises NotFound and NotAllowed by scope, WrongState when the sheet takes no values now, Invalid when the file cannot
    be read, is of another sheet or is not clear (``details``: where), Unavailable when the machine is too busy.
    """
    head = sheet_for(actor, sheet_id, Permission.IMPORT_SCORES, clock.local_date(now))
    guard_typing(head, clock.local_date(now))
    db.session.commit()  # reading takes a second or more: no snapshot is held meanwhile
    found = read_apart(KIND, data, head.kind.value)
    plan = plan_file(
        sheet_for(actor, sheet_id, Permission.IMPORT_SCORES, clock.local_date(now)), found, clock.local_date(now)
    )
    with write_transaction() as session:
        session.execute(
            update(m.ImportBatch)
            .where(
                m.ImportBatch.kind == KIND,
                m.ImportBatch.state == "PREVIEW",
                m.ImportBatch.created_at < now - PREVIEW_LIVES,
            )
            .values(state="DROPPED", summary=json.dumps({}))
        )
        batch = m.ImportBatch(
            kind=KIND,
            score_sheet_id=sheet_id,
            profile=plan.template[:40],
            file_name=clean_text(file_name)[-200:] or "(không tên)",
            file_digest=hashlib.sha256(data).hexdigest(),
            file_bytes=None,  # the plan is kept as it was shown; the file need not lie here with its names
            state="PREVIEW",
            summary=json.dumps({"op": f"tep-{secrets.token_hex(12)}", "plan": asdict(plan)}, ensure_ascii=False),
            created_at=now,
            created_by=actor.account_id,
        )
        session.add(batch)
        session.flush()
        return batch.id


def open_file(actor: Actor, sheet_id: int, batch_id: int, now: datetime) -> ShownFile:
    """What a file of this person would do to this sheet, or did; NotFound for anybody else's or another sheet's."""
    today = clock.local_date(now)
    head = sheet_for(actor, sheet_id, Permission.IMPORT_SCORES, today)
    batch = db.session.get(m.ImportBatch, batch_id)
    if batch is None or batch.score_sheet_id != sheet_id or batch.created_by != actor.account_id:
        raise _not_there()
    if batch.state == "DROPPED":
        raise NotFound(_DROPPED)
    said = json.loads(batch.summary)
    return ShownFile(
        batch_id=batch.id,
        head=head,
        state=batch.state,
        file_name=batch.file_name,
        plan=_plan_of(said["plan"]),
        op=said["op"],
        written=tuple(said.get("written", ())),
        left=tuple(LeftCell(**cell) for cell in said.get("left", ())),
        n_back=said.get("n_back", 0),
        undone_at=said.get("undone_at", ""),
        refusal=_refusal(head, today),
    )


def apply_file(
    actor: Actor, sheet_id: int, batch_id: int, chosen: Collection[str], now: datetime, *, confirmed: bool = False
) -> ShownFile:
    """Write the plan of a file and the ticked choices (``<enrollment id>-<column>``): one act, one entry.

    A second click finds the file written and changes nothing. Raises Invalid when nothing is chosen, when a choice is
    not among those shown, or when a file that does not say what it is was not confirmed; WrongState and the rest like
    ``score_operations.write_from_file``.
    """
    shown = open_file(actor, sheet_id, batch_id, now)
    if shown.state == "APPLIED":
        return shown
    plan = shown.plan
    choices = {cell.place: cell for cell in (*plan.conflicts, *plan.clears)}
    if not set(chosen) <= choices.keys():
        raise Invalid("Có ô được chọn không thuộc tệp này. Chưa ghi gì; xin mở lại trang xem trước.")
    if plan.unsure and not confirmed:
        raise Invalid(f"{plan.unsure} Xin đánh dấu xác nhận tệp đúng là của {shown.head.label}. Chưa ghi gì.")
    cells = [*plan.writes, *(cell for place, cell in choices.items() if place in set(chosen))]
    if not cells:
        raise Invalid("Chưa chọn ô nào để ghi.")
    batch = db.session.get(m.ImportBatch, batch_id)
    assert batch is not None
    facts = {"file": batch.file_name, "file_digest": batch.file_digest, "import_batch": batch.id}

    def keep(session: Session, outcomes: list[CellOutcome]) -> None:
        kept = session.get(m.ImportBatch, batch_id)
        assert kept is not None
        kept.state, kept.applied_at = "APPLIED", now
        written = [f"{one.enrollment_id}-{one.column_key}" for one in outcomes if one.outcome == "written"]
        _set(kept, written=written, left=_left(cells, outcomes))

    score_operations.write_from_file(
        actor,
        sheet_id,
        [score_operations.TypedCell(cell.enrollment_id, cell.column_key, cell.raw, cell.version) for cell in cells],
        op_id=shown.op,
        facts=facts,
        now=now,
        after=keep,
    )
    return open_file(actor, sheet_id, batch_id, now)


def undo_file(actor: Actor, sheet_id: int, batch_id: int, now: datetime) -> ShownFile:
    """Take back all that a file wrote: as taking back a pasted block, a cell with something newer on it is left and named.

    Raises WrongState when the file was not written or was taken back before, and like ``score_operations.take_back``.
    """
    shown = open_file(actor, sheet_id, batch_id, now)
    if shown.undone_at:
        return shown
    if not shown.written:
        raise WrongState("Tệp này chưa ghi ô nào nên không có gì để hoàn tác.")
    places = [_place(text) for text in shown.written]
    outcomes = score_operations.take_back(actor, sheet_id, places, of=shown.op, op_id=f"{shown.op}-ht", now=now)
    cells = {cell.place: cell for cell in (*shown.plan.writes, *shown.plan.conflicts, *shown.plan.clears)}
    with write_transaction() as session:
        batch = session.get(m.ImportBatch, batch_id)
        assert batch is not None
        _set(
            batch,
            left=_left([cells[text] for text in shown.written], outcomes),
            n_back=sum(one.outcome == "written" for one in outcomes),
            undone_at=now.isoformat(),
        )
    return open_file(actor, sheet_id, batch_id, now)


def past_files(actor: Actor, sheet_id: int, limit: int = 5) -> list[PastFile]:
    """The last files that this person wrote into this sheet. The caller has loaded the sheet through the actor."""
    rows = db.session.scalars(
        select(m.ImportBatch)
        .where(
            m.ImportBatch.score_sheet_id == sheet_id,
            m.ImportBatch.created_by == actor.account_id,
            m.ImportBatch.state == "APPLIED",
        )
        .order_by(m.ImportBatch.id.desc())
        .limit(limit)
    )
    found = []
    for row in rows:
        said = json.loads(row.summary)
        at, n_written = row.applied_at or row.created_at, len(said.get("written", ()))
        found.append(PastFile(row.id, row.file_name, at, n_written, bool(said.get("undone_at"))))
    return found


def _refusal(head: SheetHead, today: date) -> str:
    try:
        guard_typing(head, today)
    except DomainError as reason:
        return reason.message.removesuffix(" Chưa ghi gì.")
    return ""


def _left(cells: list[PlannedCell], outcomes: list[CellOutcome]) -> list[dict[str, str]]:
    return [
        asdict(LeftCell(cell.student, cell.column, outcome.reason))
        for cell, outcome in zip(cells, outcomes, strict=True)
        if outcome.outcome in ("stale", "refused")
    ]


def _set(batch: m.ImportBatch, **values: Any) -> None:
    batch.summary = json.dumps({**json.loads(batch.summary), **values}, ensure_ascii=False)


def _place(text: str) -> tuple[int, str]:
    enrollment_id, _, key = text.partition("-")
    return int(enrollment_id), key


def _plan_of(said: dict[str, Any]) -> FilePlan:
    cells = {name: tuple(PlannedCell(**cell) for cell in said[name]) for name in ("writes", "conflicts", "clears")}
    refused = tuple(RefusedCell(**cell) for cell in said["refused"])
    return FilePlan(**{**said, **cells, "refused": refused, "notes": tuple(said["notes"])})


def _not_there() -> NotFound:
    return NotFound("Không có lần nộp tệp này trong phần việc của thầy, cô.")
