"""Replaying the log to find what was changed behind the application's back in a class: each value with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import ScoreOrigin
from hocbaso.services import audit
from hocbaso.services.class_reading import SHEETS, STUDENTS, of_class
from hocbaso.services.log_reading import aimed_at, replay
from hocbaso.services.version_log import version_faults
from hocbaso.services.watched_kinds import WATCHED

COLUMN_WORDS = {
    "TX1": "thường xuyên 1",
    "TX2": "thường xuyên 2",
    "TX3": "thường xuyên 3",
    "TX4": "thường xuyên 4",
    "GK": "giữa kì",
    "CK": "cuối kì",
    "NX": "nhận xét",
}

_sheet = m.ScoreSheet.__table__
_cell = m.ScoreCell.__table__
_step = m.SheetStep.__table__
_class_step = m.ClassStep.__table__
_class_subject = m.ClassSubject.__table__
_class_group = m.ClassGroup.__table__
_subject = m.Subject.__table__
_enrollment = m.Enrollment.__table__
_student = m.Student.__table__
_exemption = m.Exemption.__table__
_revocation = m.ExemptionRevocation.__table__
_inherited = m.InheritedResult.__table__
_record = m.HomeroomRecord.__table__
_month = m.MonthAbsence.__table__
_summer = m.SummerResult.__table__
_decision = m.PrincipalDecision.__table__
_entry = m.AuditEntry.__table__


@dataclass(frozen=True, slots=True)
class ValueFault:
    """A stored value that is not what the log last wrote; ``str()`` is a Vietnamese sentence naming both."""

    where: str
    recorded: str
    present: str

    def __str__(self) -> str:
        return f"{self.where}: nhật ký ghi {self.recorded}, cơ sở dữ liệu đang có {self.present}."


def audit_faults_of_sheets(sheet_ids: Iterable[int]) -> list[ValueFault]:
    """What differs between the sheets (state, cells) and their audit entries; an empty list when nothing does.

    Replays the entries aimed at these sheets, oldest first. A row that was added, removed, moved to another sheet or
    whose value was changed without an entry is named by student, subject, column and both values.
    """
    ids = sorted(set(sheet_ids))
    if not ids:
        return []
    link = db.session.connection()
    labels = {
        row.id: f"{row.subject} {row.class_name}, học kì {'I' * row.semester}"
        for row in link.execute(
            select(
                _sheet.c.id,
                _sheet.c.semester,
                _subject.c.name.label("subject"),
                _class_group.c.name.label("class_name"),
            )
            .join(_class_subject, _class_subject.c.id == _sheet.c.class_subject_id)
            .join(_subject, _subject.c.id == _class_subject.c.subject_id)
            .join(_class_group, _class_group.c.id == _class_subject.c.class_group_id)
            .where(_sheet.c.id.in_(ids))
        )
    }
    recorded = replay(aimed_at({"score_sheet": ids}), ("score_cell", "score_sheet", "sheet_step"))
    columns = WATCHED["score_cell"][1]
    faults: list[ValueFault] = []
    for row in link.execute(select(_sheet.c.id, _sheet.c.state).where(_sheet.c.id.in_(ids))):
        written = recorded["score_sheet"].get(str(row.id), {}).get("state", "DRAFT")
        if written != row.state:
            faults.append(ValueFault(f"Trạng thái bảng điểm {labels[row.id]}", written, row.state))
    faults += _steps_faults(ids, labels, recorded["sheet_step"])
    cells = recorded["score_cell"]
    in_sheets = select(_cell.c.id).where(_cell.c.score_sheet_id.in_(ids))
    for fault in version_faults(link.execute(in_sheets).scalars().all()):
        faults.append(ValueFault(f"Lần ghi trước của ô số {fault.cell_id}", "giá trị khác", fault.words))
    # A cell moved away from its sheet is looked for by its id as well.
    named = _names_of_class(ids)
    seen: set[str] = set()
    for mapping in link.execute(
        select(_cell.c.id, *(_cell.c[name] for name in columns))
        .where(_cell.c.score_sheet_id.in_(ids))
        .order_by(_cell.c.id)
    ).mappings():
        cell: dict[str, Any] = {str(name): value for name, value in mapping.items()}
        row_id = str(cell["id"])
        seen.add(row_id)
        recorded_cell = cells.get(row_id)
        where = (
            f"{named.get(cell['enrollment_id'], 'Học sinh không thuộc lớp')}, {labels[cell['score_sheet_id']]}, "
            f"{COLUMN_WORDS.get(cell['column_key'], cell['column_key'])}"
        )
        if recorded_cell is None:
            faults.append(ValueFault(where, "không có gì", _cell_words(cell)))
        elif audit.differing("score_cell", audit.state_of("score_cell", cell), recorded_cell):
            faults.append(ValueFault(where, _difference(recorded_cell, cell, columns), _cell_words(cell)))
    for row_id, expected in cells.items():
        if row_id not in seen:
            faults.append(
                ValueFault(
                    f"{named.get(expected['enrollment_id'], 'Học sinh')}, "
                    f"{labels.get(expected['score_sheet_id'], 'bảng điểm')}, "
                    f"{COLUMN_WORDS.get(expected['column_key'], expected['column_key'])}",
                    _cell_words(expected),
                    "không có gì",
                )
            )
    return faults


def _steps_faults(
    sheet_ids: Sequence[int], labels: Mapping[int, str], told: Mapping[str, Mapping[str, Any]]
) -> list[ValueFault]:
    """Who moved a sheet decides who may move it on: the steps must be those that the log tells of."""
    faults: list[ValueFault] = []
    present = {
        str(row.id): (row.score_sheet_id, audit.state_of("sheet_step", row._mapping))
        for row in db.session.connection().execute(select(_step).where(_step.c.score_sheet_id.in_(sheet_ids)))
    }
    for row_id in sorted({*present, *told}, key=int):
        sheet_id, values = present.get(row_id, (None, None))
        expected = told.get(row_id)
        if values is None or expected is None or audit.differing("sheet_step", values, expected):
            where = f"{labels[sheet_id or (expected or {})['score_sheet_id']]}, bước chuyển số {row_id}"
            faults.append(ValueFault(where, _step_words(expected), _step_words(values)))
    return faults


def _step_words(step: Mapping[str, Any] | None) -> str:
    if step is None:
        return "không có gì"
    note = f" ({step['note']})" if step.get("note") else ""
    return f"{step['from_state']} → {step['to_state']}, {step['by_name']}{note}"


_TOLD_UNDER = {"exemption_revocation": "exemption"}
"""Kinds whose entries are aimed at the row they belong to."""


def audit_faults_of_class(class_group_id: int) -> list[ValueFault]:
    """:func:`audit_faults_of_sheets` for a class, and the same for what its homeroom teacher and the principal recorded."""
    link = db.session.connection()
    asked = {"class_id": class_group_id}
    faults = audit_faults_of_sheets(row.id for row in link.execute(SHEETS, asked))
    names = {row.id: row.full_name for row in link.execute(STUDENTS, asked)}
    words = {
        "homeroom_record": "phần chủ nhiệm",
        "month_absence": "nghỉ theo tháng",
        "summer_result": "kết quả hè",
        "principal_decision": "quyết định",
        "exemption": "miễn học",
        "exemption_revocation": "thu hồi miễn học",
        "inherited_result": "kết quả nơi chuyển đến",
    }
    for kind, table in (
        ("homeroom_record", _record),
        ("month_absence", _month),
        ("summer_result", _summer),
        ("principal_decision", _decision),
        ("exemption", _exemption),
        ("exemption_revocation", _revocation),
        ("inherited_result", _inherited),
    ):
        rows = list(link.execute(of_class(table), asked).mappings())
        # Whole classes are written with one entry aimed at the class, single fields with one aimed at the row. Every entry
        # is read: a row that was deleted, or given to another class, has no id here to ask for.
        recorded = replay(aimed_at({_TOLD_UNDER.get(kind, kind): None, "class_group": None}), (kind,))[kind]
        for row in rows:
            expected = recorded.pop(str(row["id"]), None)
            where = f"{names.get(row['enrollment_id'], 'Học sinh')}, {words[kind]}"
            if expected is None:
                faults.append(ValueFault(where, "không có gì", "một dòng"))
                continue
            present = audit.state_of(kind, row)
            for name in audit.differing(kind, present, expected):
                faults.append(
                    ValueFault(f"{where}, {name}", str(expected.get(name, "không có gì")), str(present[name]))
                )
        for expected in recorded.values():
            if expected.get("enrollment_id") in names:  # nothing in the application deletes one
                faults.append(
                    ValueFault(f"{names[expected['enrollment_id']]}, {words[kind]}", "một dòng", "không có gì")
                )
    return [*faults, *_class_steps_faults(class_group_id)]


def _class_steps_faults(class_group_id: int) -> list[ValueFault]:
    """Who finalised a class may not approve it: its steps must be those that the log tells of."""
    told = replay(aimed_at({"class_group": [class_group_id]}), ("class_step",))["class_step"]
    present = {
        str(row["id"]): audit.state_of("class_step", row)
        for row in db.session.connection()
        .execute(select(_class_step).where(_class_step.c.class_group_id == class_group_id))
        .mappings()
    }
    return [
        ValueFault(f"Lớp, bước chuyển số {row_id}", _step_words(told.get(row_id)), _step_words(present.get(row_id)))
        for row_id in sorted({*present, *told}, key=int)
        if row_id not in present or row_id not in told or audit.differing("class_step", present[row_id], told[row_id])
    ]


def _names_of_class(sheet_ids: Sequence[int]) -> dict[int, str]:
    rows = db.session.connection().execute(
        select(_enrollment.c.id, _student.c.full_name)
        .distinct()
        .join(_student, _student.c.id == _enrollment.c.student_id)
        .join(_class_subject, _class_subject.c.class_group_id == _enrollment.c.class_group_id)
        .join(_sheet, _sheet.c.class_subject_id == _class_subject.c.id)
        .where(_sheet.c.id.in_(list(sheet_ids)))
    )
    return {row.id: row.full_name for row in rows}


def _cell_words(row: Mapping[str, Any]) -> str:
    if row["tenths"] is not None:
        return str(format_score(row["tenths"]))
    return (
        row["mark"] or row["remark"] or {ScoreOrigin.MISSED_EXCUSED.value: "vắng có phép"}.get(row["origin"], "ô trống")
    )


def _difference(expected: Mapping[str, Any], row: Mapping[str, Any], columns: Sequence[str]) -> str:
    shown = _cell_words(expected)
    if shown != _cell_words(row):
        return shown
    name = next(name for name in columns if audit.plain(row[name]) != expected[name])
    return f"{shown} ({name} {expected[name]!r}, hiện là {audit.plain(row[name])!r})"
