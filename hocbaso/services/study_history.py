"""A pupil's years at other schools, as the office enters them from the papers: the page "Quá trình học tập" prints them.

Years at this school come from the enrolments. A row that was entered wrongly is struck out, never deleted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.enrollment_flow import EnrollmentStatus
from hocbaso.services import audit, students
from hocbaso.services.access import Actor
from hocbaso.services.log_reading import require_told
from hocbaso.services.student_fields import IDENTITY_FIELDS

FIELDS = {"year_label": "Năm học", "class_name": "Lớp", "school_name": "Trường", "arrived_on": "Ngày chuyển đến"}
_LIMITS = {"class_name": 20, "school_name": 200}
MOST = 12
"""Rows of one pupil: the nine years before THCS ends and room for moves."""


@dataclass(frozen=True, slots=True)
class PastYear:
    """A year elsewhere."""

    id: int
    year_label: str
    class_name: str
    school_name: str
    arrived_on: date | None


def past_years(actor: Actor, student_id: int) -> list[PastYear]:
    """The years elsewhere of a pupil in reach, in order. NotFound otherwise."""
    students.profile(actor, student_id)
    return [
        PastYear(row.id, row.year_label, row.class_name, row.school_name, row.arrived_on)
        for row in db.session.scalars(
            select(m.StudyHistory)
            .where(m.StudyHistory.student_id == student_id, m.StudyHistory.struck_at.is_(None))
            .order_by(m.StudyHistory.year_label, m.StudyHistory.id)
        )
    ]


def enter(actor: Actor, student_id: int, raw: Mapping[str, str], now: datetime) -> int:
    """Enter a year elsewhere, from the texts of ``FIELDS``; returns its id.

    Raises NotFound, NotAllowed (not the office), Invalid (per field), WrongState (too many).
    """
    with write_transaction() as session:
        _require_office(actor, student_id)
        values = _read(raw, clock.local_date(now))
        standing = past_years(actor, student_id)
        if len(standing) >= MOST:
            raise WrongState(f"Hồ sơ này đã có {MOST} dòng quá trình học tập. Chưa thêm gì.")
        if any((one.year_label, one.class_name) == (values["year_label"], values["class_name"]) for one in standing):
            raise Invalid("Năm học và lớp này đã có trong quá trình học tập.", field="year_label")
        if here := _class_here(student_id, str(values["year_label"])):
            raise Invalid(
                f"Năm học này em học lớp {here} của trường từ đầu năm. Năm chuyển đến giữa năm mới có cả hai trường.",
                field="year_label",
            )
        row = m.StudyHistory(student_id=student_id, **values)
        session.add(row)
        session.flush()
        audit.record(
            AuditTag.PAST_YEAR_ENTERED,
            actor,
            now,
            target_kind="student",
            target_id=student_id,
            state=audit.states("study_history", [row]),
        )
        return row.id


def strike(actor: Actor, student_id: int, row_id: int, now: datetime) -> None:
    """Strike out a row that was entered wrongly. Raises NotFound, NotAllowed."""
    with write_transaction() as session:
        _require_office(actor, student_id)
        row = session.get(m.StudyHistory, row_id, populate_existing=True)
        if row is None or row.student_id != student_id or row.struck_at is not None:
            raise NotFound("Không có dòng này trong quá trình học tập.")
        under = {"student": (student_id,)}
        require_told("study_history", row_id, audit.state_of("study_history", row), "Quá trình học tập", under=under)
        row.struck_at = now
        audit.record(
            AuditTag.PAST_YEAR_STRUCK,
            actor,
            now,
            target_kind="student",
            target_id=student_id,
            state=audit.states("study_history", [row]),
            before={"year_label": row.year_label, "class_name": row.class_name, "school_name": row.school_name},
        )


def _class_here(student_id: int, year_label: str) -> str | None:
    """The class here in which the pupil spent that whole year; None for who came or left in the middle of it, or was not here."""
    rows = db.session.execute(
        select(m.ClassGroup.name, m.Enrollment.status)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(
            m.Enrollment.student_id == student_id,
            m.SchoolYear.label == year_label,
            m.Enrollment.status != EnrollmentStatus.MOVED.value,  # another class of the year tells of it
        )
        .order_by(m.Enrollment.id)
    ).all()
    return rows[0].name if rows and all(row.status == "studying" for row in rows) else None


def _require_office(actor: Actor, student_id: int) -> None:
    if not students.profile(actor, student_id).editable >= IDENTITY_FIELDS:
        raise NotAllowed("Quá trình học tập do văn thư ghi theo giấy tờ. Chưa có gì thay đổi.")


def _read(raw: Mapping[str, str], today: date) -> dict[str, object]:
    values: dict[str, object] = {"year_label": _year(raw.get("year_label", ""), today)}
    for name, limit in _LIMITS.items():
        text = " ".join((nfc(raw.get(name, "")) or "").split())
        if not text or len(text) > limit:
            raise Invalid(f"{FIELDS[name]}: xin ghi, nhiều nhất {limit} chữ.", field=name)
        if why := why_not_printed(text):
            raise Invalid(f"{FIELDS[name]} {why}", field=name)
        values[name] = text
    typed = raw.get("arrived_on", "").strip()
    values["arrived_on"] = students.read_date(typed, "arrived_on", FIELDS["arrived_on"]) if typed else None
    return values


def _year(typed: str, today: date) -> str:
    found = re.fullmatch(r"\s*(\d{4})\s*[-–]\s*(\d{4})\s*", typed)
    if not found or int(found[2]) != int(found[1]) + 1 or not today.year - 15 <= int(found[1]) <= today.year:
        raise Invalid("Năm học ghi như 2025–2026, không sau năm nay.", field="year_label")
    return f"{found[1]}-{found[2]}"
