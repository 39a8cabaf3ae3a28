"""Taking an applied import of scores back as a whole, as the file of one sheet is."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import DomainError, WrongState
from hocbaso.regulations.permissions import Permission
from hocbaso.services import imports, score_operations
from hocbaso.services.access import Actor
from hocbaso.services.import_scores import op_of
from hocbaso.services.imports import ImportReport
from hocbaso.services.score_blocks import derived_op_id
from hocbaso.services.score_cells import column_words
from hocbaso.services.sheet_access import sheet_for

Place = tuple[int, str]


def undo_import(actor: Actor, batch_id: int, now: datetime) -> ImportReport:
    """Put back what stood before the import, sheet by sheet; a cell with something newer on it is left and named.

    A second click finds it taken back. Raises NotFound for anybody else's batch, WrongState when it was not written, cannot be
    taken back, or no sheet takes anything now.
    """
    report = imports.open_batch(actor, batch_id)
    if report.undone_at:
        return report
    if not report.can_undo:
        raise WrongState("Lần nhập này không hoàn tác được. Chưa có gì thay đổi.")
    left: list[str] = []
    refusals: list[str] = []
    n_back = 0
    found = _written(actor, batch_id)
    for sheet_id, names in found.items():
        places = list(names)
        try:
            head = sheet_for(actor, sheet_id, Permission.IMPORT_SCORES, clock.local_date(now))
            op = op_of(batch_id, sheet_id)
            outcomes = score_operations.take_back(actor, sheet_id, places, of=op, op_id=f"{op}-ht", now=now)
        except DomainError as refusal:
            refusals.append(refusal.message)
            continue
        for place, outcome in zip(places, outcomes, strict=True):
            if outcome.outcome == "written":
                n_back += 1
            else:
                left.append(f"{names[place]}, {head.label}, {column_words(head, place[1])}: {outcome.reason}")
    if refusals and len(refusals) == len(found):
        raise WrongState(refusals[0])
    imports.keep_undone(actor, batch_id, now, n_back=n_back, left=(*refusals, *left), whole=not refusals)
    return imports.open_batch(actor, batch_id)


def _written(actor: Actor, batch_id: int) -> dict[int, dict[Place, str]]:
    """Sheet -> the cells that the import wrote there, each with its pupil's name."""
    batch = db.session.get(m.ImportBatch, batch_id)
    assert batch is not None
    version, cell = m.ScoreCellVersion, m.ScoreCell
    rows = db.session.execute(
        select(version.op_id, cell.score_sheet_id, cell.enrollment_id, cell.column_key, m.Student.full_name)
        .join(cell, cell.id == version.score_cell_id)
        .join(m.Enrollment, m.Enrollment.id == cell.enrollment_id)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(
            version.source == "imported",
            version.by_account_id == actor.account_id,
            version.at == batch.applied_at,
        )
        .order_by(cell.score_sheet_id, cell.enrollment_id, cell.id)
    )
    found: dict[int, dict[Place, str]] = defaultdict(dict)
    for row in rows:
        if row.op_id == derived_op_id(op_of(batch_id, row.score_sheet_id), row.enrollment_id, row.column_key):
            found[row.score_sheet_id][row.enrollment_id, row.column_key] = row.full_name
    return found
