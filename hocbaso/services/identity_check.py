"""What the personal page and the lines of signature print, compared with the log before it goes onto paper.

Marks come from a frozen result, which is hashed and logged. Names, dates and codes of the personal page come from the profile
as it stands when a record is built, so they are compared with their last entries at that moment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import and_, or_, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import IntegrityFault
from hocbaso.services import audit
from hocbaso.services.log_replay import ValueFault
from hocbaso.services.student_fields import FIELD_WORDS

_KINDS = ("school", "person", "student", "enrollment")


def require_identities(enrollments: Sequence[m.Enrollment], signers: Iterable[m.Person]) -> None:
    """Raise IntegrityFault naming whose profile was changed behind the application's back, what, from and to what."""
    faults = identity_faults(enrollments, signers)
    if faults:
        raise IntegrityFault(
            "Có thông tin in trên học bạ đã bị sửa ngoài phần mềm nên chưa lập. " + str(faults[0]),
            details=tuple(str(fault) for fault in faults),
        )


def identity_faults(enrollments: Sequence[m.Enrollment], signers: Iterable[m.Person]) -> list[ValueFault]:
    """What differs between the log and the school, the students, their places in the class, and the people who sign."""
    rows: dict[tuple[str, str], Any] = {}
    for school in db.session.scalars(select(m.School)):
        rows["school", str(school.id)] = school
    for enrollment in enrollments:
        rows["enrollment", str(enrollment.id)] = enrollment
        rows["student", str(enrollment.student_id)] = enrollment.student
    for person in signers:
        rows["person", str(person.id)] = person
    written = _last_written(rows)
    faults = []
    for (kind, row_id), row in rows.items():
        expected = written.get((kind, row_id))
        if expected is None:
            faults.append(ValueFault(_whose(kind, row), "không có gì", "một dòng"))
            continue
        for column in audit.WATCHED[kind][1]:
            present = audit.plain(getattr(row, column))
            if column in expected and present != expected[column]:
                place = f"{_whose(kind, row)}, {FIELD_WORDS.get(column, column).lower()}"
                faults.append(ValueFault(place, str(expected[column]), str(present)))
    return faults


def _whose(kind: str, row: Any) -> str:
    match kind:
        case "school":
            return "Thông tin của trường"
        case "person":
            return f"Hồ sơ cán bộ {row.full_name}"
        case "enrollment":
            return f"{row.student.full_name}, việc học trong lớp"
    return f"Hồ sơ học sinh {row.full_name}"


def _last_written(rows: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The values of these rows as their entries tell them, the later over the earlier.

    Rosters are entered with one entry aimed at the school, a year or a class, single profiles with one aimed at the row.
    """
    wanted = set(rows)
    entry = m.AuditEntry
    aimed = [
        and_(entry.target_kind == kind, entry.target_id.in_([row_id for found, row_id in wanted if found == kind]))
        for kind in _KINDS
    ]
    aimed.append(entry.target_kind.in_(("school", "school_year", "class_group")))
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for payload in db.session.scalars(select(entry.payload).where(or_(*aimed)).order_by(entry.seq)):
        state = json.loads(payload).get("state") or {}
        for kind in _KINDS:
            for row_id, values in state.get(kind, {}).items():
                if (kind, row_id) in wanted:
                    last[kind, row_id] = {**last.get((kind, row_id), {}), **values}
    return last
