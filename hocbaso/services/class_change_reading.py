"""What a pupil has in a class and where it would go in another class of the grade level (docs/decisions/0049)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.class_change import SheetPair
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.services import audit
from hocbaso.services.score_cells import NOTHING, REMARK, CellRecord, column_words, columns_of, record_of
from hocbaso.services.score_lines import CELLS
from hocbaso.services.sheet_access import SheetHead, connection, read_head
from hocbaso.services.student_inputs import HOMEROOM_VALUES


@dataclass(frozen=True, slots=True)
class SheetCarry:
    """One sheet of the new class. ``values``: what stands in the old one by column; ``standing``: the pupil's cells in the new one."""

    pair: SheetPair
    head: SheetHead | None
    values: Mapping[str, CellRecord]
    standing: Mapping[str, CellRecord]

    @property
    def is_locked(self) -> bool:
        """Whether the new sheet is locked."""
        return self.pair.new_state is SheetState.LOCKED

    def changes(self) -> list[tuple[str, CellRecord, CellRecord]]:
        """(column, value, what stands) of every cell that has to be written."""
        return _changes(self.values, self.standing)


@dataclass(frozen=True, slots=True)
class Carry:
    """All that goes along. ``standing``: the place that the pupil left in the new class before, if any."""

    standing: m.Enrollment | None
    sheets: tuple[SheetCarry, ...]
    homeroom: Mapping[str, Any]
    months: Sequence[m.MonthAbsence]
    exemptions: Sequence[m.Exemption]
    inherited: Sequence[m.InheritedResult]
    decisions: Sequence[m.PrincipalDecision]

    def fingerprint(self, class_group_id: int) -> dict[str, Any]:
        """Everything that was shown, for pinning."""
        return {
            "to": class_group_id,
            "place": None if self.standing is None else [self.standing.id, self.standing.status],
            "sheets": [
                [
                    one.pair.subject, one.pair.semester, one.pair.old_state, one.pair.new_state,
                    sorted((key, value.id, value.version) for key, value in one.values.items()),
                    sorted((key, value.id, value.version) for key, value in one.standing.items()),
                ]
                for one in self.sheets
            ],
            "homeroom": {name: audit.plain(value) for name, value in self.homeroom.items()},
            "months": [[row.id, row.version] for row in self.months],
            "rows": [
                [row.id for row in self.exemptions], [row.id for row in self.inherited], [row.id for row in self.decisions]
            ],
        }  # fmt: skip


def collect(old: m.Enrollment, target: m.ClassGroup) -> Carry:
    """What stands of the pupil and where it would go, read afresh."""
    standing = db.session.scalar(
        select(m.Enrollment)
        .where(m.Enrollment.student_id == old.student_id, m.Enrollment.class_group_id == target.id)
        .execution_options(populate_existing=True)
    )
    exemptions = rows_of(m.Exemption, old.id, m.Exemption.state == "GRANTED")
    return Carry(
        standing,
        tuple(_sheets(old, target, standing, exemptions)),
        _homeroom(old.id),
        rows_of(m.MonthAbsence, old.id),
        exemptions,
        rows_of(m.InheritedResult, old.id, m.InheritedResult.state == "ACCEPTED"),
        newest_decisions(old.id),
    )


def rows_of(model: Any, enrollment_id: int, *more: Any) -> list[Any]:
    """The rows of a pupil's place in a class, oldest first, read afresh."""
    query = select(model).where(model.enrollment_id == enrollment_id, *more).order_by(model.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def newest_decisions(enrollment_id: int) -> list[m.PrincipalDecision]:
    """The decisions in force: the newest of each kind and term."""
    found = {(row.kind, row.term): row for row in rows_of(m.PrincipalDecision, enrollment_id)}
    return sorted(found.values(), key=lambda row: row.id)


def _homeroom(enrollment_id: int) -> dict[str, Any]:
    rows = rows_of(m.HomeroomRecord, enrollment_id)
    return {name: getattr(rows[0], name) for name in HOMEROOM_VALUES} if rows else {}


def _sheets(
    old: m.Enrollment, target: m.ClassGroup, standing: m.Enrollment | None, exemptions: Sequence[m.Exemption]
) -> list[SheetCarry]:
    there, here = _sheet_ids(old.class_group_id), _sheet_ids(target.id)
    new_heads = {key: read_head(sheet_id) for key, sheet_id in here.items()}
    found = []
    for subject_id, semester in [*here, *(key for key in there if key not in here)]:
        old_id, new_id = there.get((subject_id, semester)), here.get((subject_id, semester))
        old_head = read_head(old_id) if old_id is not None else None
        new_head = new_heads.get((subject_id, semester))
        values = {key: cell for key, cell in _cells(old_id, old.id).items() if _is_something(cell)}
        own = _cells(new_id, standing.id if standing is not None else None)
        known = {REMARK, *(column.key for column in columns_of(new_head))} if new_head is not None else set()
        exempt = any(one.subject_id == subject_id and one.semester in (None, semester) for one in exemptions)
        asked = not exempt and semester >= old.first_semester
        name = old_head or new_head
        assert name is not None
        pair = SheetPair(
            name.subject_name,
            semester,
            old_head.state if old_head is not None else None,
            new_head.state if new_head is not None else None,
            old_head is not None and asked,
            len(values),
            len(_changes(values, own)),
            tuple(column_words(old_head, key) for key in values if key not in known)
            if old_head is not None and new_head is not None
            else (),
            frozenset(head.state for key, head in new_heads.items() if key[0] == subject_id),
            _more(old_head, new_head) if asked else (),
        )
        found.append(SheetCarry(pair, new_head, values, own))
    return found


def _more(old_head: SheetHead | None, new_head: SheetHead | None) -> tuple[str, ...]:
    if new_head is None:
        return ()
    if old_head is None:
        return ("",)
    had = {column.key for column in columns_of(old_head)}
    return tuple(column.words for column in columns_of(new_head) if column.key not in had)


def _sheet_ids(class_group_id: int) -> dict[tuple[int, int], int]:
    """(subject id, semester) -> sheet id, in the order of sheets."""
    rows = db.session.execute(
        select(m.ClassSubject.subject_id, m.ScoreSheet.semester, m.ScoreSheet.id)
        .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
        .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
        .where(m.ClassSubject.class_group_id == class_group_id)
        .order_by(m.Subject.sheet_order, m.Subject.id, m.ScoreSheet.semester)
    )
    return {(row.subject_id, row.semester): row.id for row in rows}


def _cells(sheet_id: int | None, enrollment_id: int | None) -> dict[str, CellRecord]:
    if sheet_id is None or enrollment_id is None:
        return {}
    rows = connection().execute(CELLS.where(m.ScoreCell.enrollment_id == enrollment_id), {"sheet_id": sheet_id})
    return {row.column_key: record_of(row) for row in rows}


def _is_something(cell: CellRecord) -> bool:
    return not cell.same_value(NOTHING)


def _changes(
    values: Mapping[str, CellRecord], standing: Mapping[str, CellRecord]
) -> list[tuple[str, CellRecord, CellRecord]]:
    pairs = [(key, values.get(key, NOTHING), standing.get(key, NOTHING)) for key in {**values, **standing}]
    return [(key, value, stands) for key, value, stands in pairs if not value.same_value(stands)]
