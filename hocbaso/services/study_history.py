"""A pupil's years at other schools, as the office enters them from the papers: the page "Quá trình học tập" prints them.

Years at this school come from the enrolments. A row that was entered wrongly is struck out, never deleted. What a sealed record
prints changes by an approved request only (``civil_status``): the request holds the whole table as text, a line a year.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
from hocbaso.services.civil_status import PAST_YEARS, require_years_not_printed
from hocbaso.services.log_reading import require_told
from hocbaso.services.student_fields import IDENTITY_FIELDS

FIELDS = {"year_label": "Năm học", "class_name": "Lớp", "school_name": "Trường", "arrived_on": "Ngày chuyển đến"}
_LIMITS = {"class_name": 20, "school_name": 200}
MOST = 12
"""Rows of one pupil: the nine years before THCS ends and room for moves."""


@dataclass(frozen=True, slots=True)
class PastYear:
    """A year elsewhere. ``id``: 0 of one that is not entered yet."""

    id: int
    year_label: str
    class_name: str
    school_name: str
    arrived_on: date | None


def past_years(actor: Actor, student_id: int) -> list[PastYear]:
    """The years elsewhere of a pupil in reach, in order. NotFound otherwise."""
    students.profile(actor, student_id)
    return standing(student_id)


def standing(student_id: int) -> list[PastYear]:
    """The same, not scoped: callers check the actor."""
    return [
        PastYear(row.id, row.year_label, row.class_name, row.school_name, row.arrived_on)
        for row in db.session.scalars(
            select(m.StudyHistory)
            .where(m.StudyHistory.student_id == student_id, m.StudyHistory.struck_at.is_(None))
            .order_by(m.StudyHistory.year_label, m.StudyHistory.id)
            .execution_options(populate_existing=True)
        )
    ]


def enter(actor: Actor, student_id: int, raw: Mapping[str, str], now: datetime) -> int:
    """Enter a year elsewhere, from the texts of ``FIELDS``; returns its id.

    Raises NotFound, NotAllowed (not the office), Invalid (per field), WrongState (too many; a sealed record prints the table).
    """
    with write_transaction():
        _require_office(actor, student_id)
        one = _read(raw, clock.local_date(now))
        present = standing(student_id)
        _require_fits(one, present, student_id)
        require_years_not_printed(student_id, present, [*present, one])
        return _enter(actor, student_id, one, now)


def _require_fits(one: PastYear, others: Sequence[PastYear], student_id: int) -> None:
    if len(others) >= MOST:
        raise WrongState(f"Hồ sơ này đã có {MOST} dòng quá trình học tập. Chưa thêm gì.")
    if any((past.year_label, past.class_name) == (one.year_label, one.class_name) for past in others):
        raise Invalid("Năm học và lớp này đã có trong quá trình học tập.", field="year_label")
    if here := _class_here(student_id, one.year_label):
        raise Invalid(
            f"Năm học này em học lớp {here} của trường từ đầu năm. Năm chuyển đến giữa năm mới có cả hai trường.",
            field="year_label",
        )


def _enter(
    actor: Actor,
    student_id: int,
    one: PastYear,
    now: datetime,
    note: str | None = None,
    facts: Mapping[str, object] | None = None,
) -> int:
    row = m.StudyHistory(
        student_id=student_id,
        year_label=one.year_label,
        class_name=one.class_name,
        school_name=one.school_name,
        arrived_on=one.arrived_on,
    )
    db.session.add(row)
    db.session.flush()
    audit.record(
        AuditTag.PAST_YEAR_ENTERED,
        actor,
        now,
        target_kind="student",
        target_id=student_id,
        state=audit.states("study_history", [row]),
        note=note,
        facts=dict(facts or {}),
    )
    return row.id


def strike(actor: Actor, student_id: int, row_id: int, now: datetime) -> None:
    """Strike out a row that was entered wrongly. Raises NotFound, NotAllowed, WrongState (a sealed record prints the table)."""
    with write_transaction():
        _require_office(actor, student_id)
        present = standing(student_id)
        require_years_not_printed(student_id, present, [one for one in present if one.id != row_id])
        _strike(actor, student_id, row_id, now)


def _strike(
    actor: Actor,
    student_id: int,
    row_id: int,
    now: datetime,
    note: str | None = None,
    facts: Mapping[str, object] | None = None,
) -> None:
    row = db.session.get(m.StudyHistory, row_id, populate_existing=True)
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
        note=note,
        facts=dict(facts or {}),
    )


# --- the table of a request ---------------------------------------------------------------------------------------------

WORDS = "Các năm học ở trường khác"
_LONGEST = 2000


def line_of(one: PastYear) -> str:
    """``2024-2025; 7A2; THCS Sông Bồ; 05/09/2025``."""
    arrived = f"; {one.arrived_on:%d/%m/%Y}" if one.arrived_on else ""
    return f"{one.year_label}; {one.class_name}; {one.school_name}{arrived}"


def text_of(years: Sequence[PastYear]) -> str:
    """The whole table, a line a year, as a request keeps it."""
    return "\n".join(line_of(one) for one in years)


def read_text(text: str, student_id: int, today: date, *, fits: bool = True) -> list[PastYear]:
    """The table as typed: a line that stands already is that row, any other a new one (``id`` 0).

    Raises Invalid (``PAST_YEARS``): a line that is none, that stands twice or that cannot be printed; with ``fits`` also one
    that does not go with the others or with the pupil's years here.
    """
    present = {line_of(one): one for one in standing(student_id)}
    made: list[PastYear] = []
    for number, line in enumerate(filter(None, (" ".join(one.split()) for one in text.splitlines())), 1):
        try:
            one = present.get(line) or _read_line(line, today)
            if one.id:
                if one in made:
                    raise Invalid("dòng này ghi hai lần.")
            elif fits:
                _require_fits(one, made, student_id)
        except (Invalid, WrongState) as refusal:
            raise Invalid(f"Dòng {number}: {refusal.message}", field=PAST_YEARS) from None
        made.append(one)
    made.sort(key=lambda one: (one.year_label, one.id or 10**9))
    if len(text_of(made)) > _LONGEST:
        raise Invalid(f"{WORDS}: nhiều nhất {_LONGEST} chữ.", field=PAST_YEARS)
    return made


def _read_line(line: str, today: date) -> PastYear:
    parts = [part.strip() for part in line.split(";")]
    if len(parts) not in (3, 4):
        raise Invalid("xin ghi năm học; lớp; trường; ngày chuyển đến (nếu có), cách nhau bằng dấu chấm phẩy.")
    return _read(dict(zip(FIELDS, [*parts, ""][:4], strict=True)), today)


def write(
    actor: Actor,
    student_id: int,
    wanted: Sequence[PastYear],
    now: datetime,
    note: str,
    facts: Mapping[str, object],
) -> None:
    """Make the table what an approved request says, in the caller's transaction: rows that are gone are struck, new ones entered."""
    kept = {one.id for one in wanted}
    for one in standing(student_id):
        if one.id not in kept:
            _strike(actor, student_id, one.id, now, note, facts)
    for one in wanted:
        if not one.id:
            _enter(actor, student_id, one, now, note, facts)


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


def _read(raw: Mapping[str, str], today: date) -> PastYear:
    """A year as typed; ``id`` 0."""
    year, values = _year(raw.get("year_label", ""), today), {}
    for name, limit in _LIMITS.items():
        text = " ".join((nfc(raw.get(name, "")) or "").split())
        if not text or len(text) > limit:
            raise Invalid(f"{FIELDS[name]}: xin ghi, nhiều nhất {limit} chữ.", field=name)
        if why := why_not_printed(text):
            raise Invalid(f"{FIELDS[name]} {why}", field=name)
        values[name] = text
    typed = raw.get("arrived_on", "").strip()
    arrived = students.read_date(typed, "arrived_on", FIELDS["arrived_on"]) if typed else None
    return PastYear(0, year, values["class_name"], values["school_name"], arrived)


def _year(typed: str, today: date) -> str:
    found = re.fullmatch(r"\s*(\d{4})\s*[-–]\s*(\d{4})\s*", typed)
    if not found or int(found[2]) != int(found[1]) + 1 or not today.year - 15 <= int(found[1]) <= today.year:
        raise Invalid("Năm học ghi như 2025–2026, không sau năm nay.", field="year_label")
    return f"{found[1]}-{found[2]}"
