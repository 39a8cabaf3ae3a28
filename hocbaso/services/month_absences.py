"""Absences by month as the homeroom teacher writes them: each cell saved alone, and the semester's total with it.

A total that months stand behind is their sum and nothing else (docs/decisions/0041): it is empty while a month is missing, and a total that was
typed or corrected by itself is never written over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.attendance_months import KINDS, MonthColumn, is_due, tells_total, total_of
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit, homeroom, homeroom_records
from hocbaso.services.access import Actor, class_for, keeps_class
from hocbaso.services.month_totals import TOTAL_FIELDS, came_later, cells_of, columns_of, counts_of, write_cell
from hocbaso.services.score_grid import ACTIVE

KIND_WORDS = {"excused": "nghỉ có phép", "unexcused": "nghỉ không phép"}

_ROMAN = {1: "I", 2: "II"}


@dataclass(frozen=True, slots=True)
class SavedMonth:
    """What a save left behind. ``written`` is False when the number stood there already."""

    enrollment_id: int
    student_name: str
    column_key: str
    kind: str
    written: bool


@dataclass(frozen=True, slots=True)
class StandingMonth:
    """Both numbers of a conflict, for the person to choose: carried by :class:`Stale`."""

    enrollment_id: int
    student_name: str
    cell: str
    text: str
    version: int
    yours: str
    by_name: str
    at: datetime | None


def column_words(column: MonthColumn) -> str:
    """``tháng 1 (học kì II)``"""
    return f"tháng {column.number} (học kì {_ROMAN[column.semester]})"


def read_sessions(raw: str, column: MonthColumn, other: int | None) -> int | None:
    """What a person typed as sessions of a month, "" clears. ``other``: the sessions of the other kind. Invalid with what is accepted."""
    text = nfc(raw) or ""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 3 or int(text) > column.most:
        raise Invalid(
            f"Số buổi nghỉ là số nguyên từ 0 đến {column.most}, số buổi học nhiều nhất của {column_words(column)}."
        )
    if int(text) + (other or 0) > column.most:
        raise Invalid(
            f"Có phép và không phép cộng lại {int(text) + (other or 0)} buổi, quá {column.most} buổi học của {column_words(column)}."
        )
    return int(text)


def why_not_summed(standing: int | None, counts: Mapping[str, int | None], semester: int, name: str) -> str | None:
    """Why a month may not be written beside this total; None where it may.

    ``standing``: the total of the homeroom part; ``counts``: the months typed so far. A total that is not the sum of its months was typed or
    corrected by itself.
    """
    if standing is None or tells_total(standing, counts):
        return None
    typed = [value for value in counts.values() if value is not None]
    total = f"Tổng học kì {_ROMAN[semester]} của {name} là {standing} buổi"
    if not typed:
        return f"{total}, đã gõ thẳng. Muốn ghi theo tháng, xin xoá tổng ấy trên bảng tổng kết trước."
    return f"{total}, khác tổng các tháng ({sum(typed)}) vì đã được sửa riêng; các tháng không ghi đè lên được."


def save_month(
    actor: Actor, enrollment_id: int, column_key: str, kind: str, raw: str, *, expected_version: int, now: datetime
) -> SavedMonth:
    """Write one cell, once; the total of the semester follows in the same transaction, with an entry of its own.

    ``expected_version``: of the cell as the person saw it (0: empty). The same number again writes nothing. Raises NotFound, NotAllowed,
    WrongState (class finalised, month not begun, total typed by itself), Invalid, Stale (``current``: :class:`StandingMonth`).
    """
    with write_transaction() as session:
        enrollment = homeroom.kept_enrollment(actor, enrollment_id)
        class_group = session.get(m.ClassGroup, enrollment.class_group_id, populate_existing=True)
        assert class_group is not None
        columns = {column.key: column for column in columns_of(class_group)}
        column = columns.get(column_key)
        if column is None or kind not in KINDS:
            raise NotFound("Không có tháng này trong năm học của lớp.")
        name = enrollment.student.full_name
        cells = cells_of([enrollment_id]).get(enrollment_id, {})
        cell = cells.get((column_key, kind))
        standing, version = (cell.sessions, cell.version) if cell is not None else (None, 0)
        homeroom.guard_open(class_group)
        _guard_place(enrollment, column, name, clock.local_date(now))
        other = cells.get((column_key, KINDS[1 - KINDS.index(kind)]))
        value = read_sessions(raw, column, other.sessions if other is not None else None)
        saved = SavedMonth(enrollment_id, name, column_key, kind, written=value != standing)
        if not saved.written:
            return saved
        if expected_version != version:
            raise Stale(
                f"{KIND_WORDS[kind].capitalize()} {column_words(column)} của {name} vừa được sửa ở nơi khác. Chưa ghi đè; xin chọn một.",
                current=_standing(cell, enrollment_id, name, f"{column_key}-{kind}", raw),
            )
        record = _records([enrollment_id]).get(enrollment_id)
        counts = counts_of(cells, column.semester, kind)
        field = TOTAL_FIELDS[column.semester, kind]
        refusal = why_not_summed(getattr(record, field) if record is not None else None, counts, column.semester, name)
        if refusal:
            raise WrongState(f"{refusal} Chưa có gì thay đổi.")
        cell = write_cell(cell, enrollment_id, column, kind, value, actor.account_id, now)
        session.flush()
        audit.record(
            AuditTag.MONTH_ABSENCES_CHANGED,
            actor,
            now,
            target_kind="month_absence",
            target_id=cell.id,
            state=audit.states("month_absence", [cell]),
            before={"sessions": standing},
            facts={"student": name, "class": class_group.name, "field": f"{KIND_WORDS[kind]} {column_words(column)}"},
        )
        due = _due(columns.values(), column.semester, came_later([enrollment]).get(enrollment_id))
        total = total_of(due, {**counts, column_key: value})
        before = getattr(record, field) if record is not None else None
        if total != before:
            record = homeroom_records.write(record, enrollment_id, {field: total}, actor.account_id, now)
            session.flush()
            audit.record(
                AuditTag.HOMEROOM_CHANGED,
                actor,
                now,
                target_kind="homeroom_record",
                target_id=record.id,
                state=audit.states("homeroom_record", [record]),
                before={field: before},
                facts={
                    "student": name,
                    "class": class_group.name,
                    "field": homeroom.FIELD_WORDS[field],
                    "of": "months",
                },
            )
        return saved


def fill_blanks(
    actor: Actor,
    class_group_id: int,
    column_key: str,
    *,
    now: datetime,
    seen: Collection[tuple[int, str]] | None = None,
) -> int:
    """Write 0 into each cell of a month that has to be typed and is empty, in one transaction with one entry; the number of cells.

    ``seen``: the cells (enrollment, kind) that the actor saw empty; no other is written. None for all of them.
    Totals that were typed by themselves keep their pupils out of it. Raises NotFound, NotAllowed, WrongState.
    """
    with write_transaction() as session:
        class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
        if not keeps_class(actor, class_group):
            raise NotAllowed("Phần này do giáo viên chủ nhiệm của lớp ghi. Chưa có gì thay đổi.")
        session.refresh(class_group)
        homeroom.guard_open(class_group)
        columns = {column.key: column for column in columns_of(class_group)}
        column = columns.get(column_key)
        if column is None:
            raise NotFound("Không có tháng này trong năm học của lớp.")
        members = list(
            session.scalars(
                select(m.Enrollment)
                .where(m.Enrollment.class_group_id == class_group_id, m.Enrollment.status.in_(ACTIVE))
                .order_by(m.Enrollment.id)
                .execution_options(populate_existing=True)
            )
        )
        ids = [row.id for row in members]
        came, stored, records = came_later(members), cells_of(ids), _records(ids)
        touched: list[m.MonthAbsence] = []
        carried: dict[int, m.HomeroomRecord] = {}
        for enrollment in members:
            day = came.get(enrollment.id)
            if not is_due(column, day) or column.semester < enrollment.first_semester:
                continue
            cells = stored.get(enrollment.id, {})
            for kind in KINDS:
                if seen is not None and (enrollment.id, kind) not in seen:
                    continue
                cell = cells.get((column_key, kind))
                record = records.get(enrollment.id)
                field = TOTAL_FIELDS[column.semester, kind]
                before = getattr(record, field) if record is not None else None
                counts = counts_of(cells, column.semester, kind)
                if (cell is not None and cell.sessions is not None) or why_not_summed(
                    before, counts, column.semester, ""
                ):
                    continue
                _guard_place(enrollment, column, enrollment.student.full_name, clock.local_date(now))
                touched.append(write_cell(cell, enrollment.id, column, kind, 0, actor.account_id, now))
                total = total_of(_due(columns.values(), column.semester, day), {**counts, column_key: 0})
                if total != before:
                    records[enrollment.id] = carried[enrollment.id] = homeroom_records.write(
                        record, enrollment.id, {field: total}, actor.account_id, now
                    )
        session.flush()
        if touched:
            audit.record(
                AuditTag.MONTH_ABSENCES_CHANGED,
                actor,
                now,
                target_kind="class_group",
                target_id=class_group_id,
                state=audit.merge_states(
                    audit.states("month_absence", touched), audit.states("homeroom_record", carried.values())
                ),
                facts={"class": class_group.name, "field": column_words(column), "n_cells": len(touched), "value": 0},
            )
        return len(touched)


def _guard_place(enrollment: m.Enrollment, column: MonthColumn, name: str, today: date) -> None:
    if enrollment.status not in ACTIVE:
        raise WrongState(f"{name} không còn học ở lớp này nên không ghi thêm được.")
    if column.semester < enrollment.first_semester:
        raise WrongState(
            f"{name} học học kì I ở trường khác: ghi tổng học kì I theo giấy của trường ấy trên bảng tổng kết."
        )
    if today < column.first_day:
        raise WrongState(
            f"{column_words(column)[:1].upper()}{column_words(column)[1:]} chưa bắt đầu nên chưa ghi được."
        )


def _due(columns: Iterable[MonthColumn], semester: int, came_on: date | None) -> list[str]:
    return [one.key for one in columns if one.semester == semester and is_due(one, came_on)]


def _records(ids: list[int]) -> dict[int, m.HomeroomRecord]:
    return {
        row.enrollment_id: row
        for row in db.session.scalars(
            select(m.HomeroomRecord)
            .where(m.HomeroomRecord.enrollment_id.in_(ids))
            .execution_options(populate_existing=True)
        )
    }


def _standing(cell: m.MonthAbsence | None, enrollment_id: int, name: str, key: str, raw: str) -> StandingMonth:
    account = db.session.get(m.Account, cell.updated_by) if cell is not None and cell.updated_by else None
    return StandingMonth(
        enrollment_id,
        name,
        key,
        "" if cell is None or cell.sessions is None else str(cell.sessions),
        cell.version if cell is not None else 0,
        raw.strip(),
        account.person.full_name if account is not None else "Hệ thống",
        cell.updated_at if cell is not None else None,
    )
