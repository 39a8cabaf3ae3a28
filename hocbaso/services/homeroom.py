"""What the homeroom teacher records of each student: conduct, absences, remark; saved field by field.

Each field is saved alone, as a cell of a sheet is. The row has one version; ``field_versions`` remembers which version
wrote a field last, so that a conflict is one field changed by two people and never two fields of one pupil.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.terms import Level
from hocbaso.services import audit, homeroom_records
from hocbaso.services.access import Actor, class_for, keeps_class
from hocbaso.services.month_totals import summed_fields
from hocbaso.services.results import level_words
from hocbaso.services.score_grid import ACTIVE

CONDUCT_FIELDS = ("conduct_1", "conduct_2")

ABSENCE_FIELDS = ("absences_excused_1", "absences_unexcused_1", "absences_excused_2", "absences_unexcused_2")

TEXT_LIMITS = {"remark": 2000, "award_extra": 500, "competitions": 500, "certificates": 500, "certificates_grade": 100}

FIELDS = (*CONDUCT_FIELDS, *ABSENCE_FIELDS, *TEXT_LIMITS)

REQUIRED = (*CONDUCT_FIELDS, *ABSENCE_FIELDS, "remark")
"""What must stand in each row before the class is finalised."""

FIELD_WORDS = {
    "conduct_1": "rèn luyện học kì I",
    "conduct_2": "rèn luyện học kì II",
    "absences_excused_1": "nghỉ có phép học kì I",
    "absences_unexcused_1": "nghỉ không phép học kì I",
    "absences_excused_2": "nghỉ có phép học kì II",
    "absences_unexcused_2": "nghỉ không phép học kì II",
    "remark": "nhận xét",
    "award_extra": "khen thưởng khác",
    "competitions": "các cuộc thi",
    "certificates": "chứng chỉ",
    "certificates_grade": "loại chứng chỉ",
}

MAX_SESSIONS = 400
"""More half-days than any school year has: an absence above it is a slip of the finger."""

_OP_ID = re.compile(r"[0-9A-Za-z-]{8,36}")

_LEVELS = {
    "t": Level.TOT,
    "tot": Level.TOT,
    "tốt": Level.TOT,
    "k": Level.KHA,
    "kha": Level.KHA,
    "khá": Level.KHA,
    "đ": Level.DAT,
    "d": Level.DAT,
    "đạt": Level.DAT,
    "dat": Level.DAT,
    "cđ": Level.CHUA_DAT,
    "cd": Level.CHUA_DAT,
    "c": Level.CHUA_DAT,
    "chưa đạt": Level.CHUA_DAT,
    "chua dat": Level.CHUA_DAT,
}


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field of the homeroom teacher. ``version`` goes back with the value that replaces it."""

    name: str
    value: str | int | None
    text: str
    version: int
    is_gap: bool
    is_sum: bool = False
    """Whether months stand behind this total: it is not typed by hand."""


@dataclass(frozen=True, slots=True)
class SavedField:
    """What a save left behind. ``written`` is False when the value stood there already."""

    enrollment_id: int
    student_name: str
    field: FieldView
    conduct_year: str
    n_gaps: int
    written: bool


@dataclass(frozen=True, slots=True)
class StandingField:
    """Both values of a conflict, for the person to choose: carried by :class:`Stale`."""

    enrollment_id: int
    student_name: str
    field: FieldView
    yours: str
    by_name: str
    at: datetime | None


def field_view(name: str, value: Any, version: int, *, is_sum: bool = False) -> FieldView:
    """A stored value as the page shows it; ``version``: of the whole row; ``is_sum``: see :class:`FieldView`."""
    if name in CONDUCT_FIELDS:
        text = level_words(value)
    else:
        text = "" if value is None else str(value)
    return FieldView(name, value, text, version, name in REQUIRED and value in (None, ""), is_sum)


def read_value(field: str, raw: str) -> str | int | None:
    """What a person typed or chose, as the stored value; "" clears. Invalid with what is accepted."""
    if field not in FIELDS:
        raise NotFound("Không có mục này.")
    text = nfc(raw) or ""
    if not text:
        return None
    if field in CONDUCT_FIELDS:
        level = _LEVELS.get(" ".join(text.lower().split()))
        if level is None:
            raise Invalid("Rèn luyện chọn một trong bốn mức: Tốt, Khá, Đạt, Chưa đạt.", field=field)
        return level.value
    if field in ABSENCE_FIELDS:
        if not (text.isascii() and text.isdigit()) or int(text) > MAX_SESSIONS:
            raise Invalid(f"Số buổi nghỉ là số nguyên từ 0 đến {MAX_SESSIONS}.", field=field)
        return int(text)
    if len(text) > TEXT_LIMITS[field]:
        raise Invalid(f"Dài {len(text)} chữ, nhiều nhất {TEXT_LIMITS[field]} chữ. Xin viết gọn lại.", field=field)
    reason = why_not_printed(text)
    if reason:
        raise Invalid(f"Lời ghi {reason} Xin sửa lại.", field=field)
    return text


def save_field(
    actor: Actor, enrollment_id: int, field: str, raw: str, *, expected_version: int, op_id: str | None, now: datetime
) -> SavedField:
    """Write one field, once.

    ``expected_version`` is the version the person saw (0: no row yet). The same value again writes nothing; the same
    ``op_id`` again answers with what stands. Raises NotFound, NotAllowed, WrongState (class finalised), Invalid, and
    Stale (``current``: :class:`StandingField`) when the field was changed by another since.
    """
    if field not in FIELDS:
        raise NotFound("Không có mục này.")
    if op_id is not None and not _OP_ID.fullmatch(op_id):
        raise Invalid("Mã lần lưu không hợp lệ. Hãy tải lại trang; chữ đã gõ vẫn còn trong ô.", field="op")
    with write_transaction() as session:
        enrollment = kept_enrollment(actor, enrollment_id)
        class_group = session.get(m.ClassGroup, enrollment.class_group_id, populate_existing=True)
        assert class_group is not None
        record = homeroom_records.record_of(enrollment_id)
        name = enrollment.student.full_name
        standing = getattr(record, field) if record is not None else None
        version = record.version if record is not None else 0
        written_by: dict[str, list[Any]] = json.loads(record.field_versions) if record is not None else {}
        last_version, last_op = written_by.get(field, [0, None])
        if op_id is not None and last_op == op_id:
            return _saved(class_group, enrollment, name, field, record, written=False)
        guard_open(class_group)
        if enrollment.status not in ACTIVE:
            raise WrongState(f"{name} không còn học ở lớp này nên không ghi thêm được.")
        value = read_value(field, raw)
        if value == standing:
            return _saved(class_group, enrollment, name, field, record, written=False)
        _guard_sums(summed_fields([enrollment_id]), enrollment_id, name, [field])
        if expected_version < last_version or expected_version > version:
            raise Stale(
                f"{FIELD_WORDS[field][:1].upper()}{FIELD_WORDS[field][1:]} của {name} vừa được sửa ở nơi khác. Chưa ghi đè; xin chọn một.",
                current=_standing(record, enrollment, name, field, raw),
            )
        record = homeroom_records.write(record, enrollment_id, {field: value}, actor.account_id, now, op_id=op_id)
        session.flush()
        audit.record(
            AuditTag.HOMEROOM_CHANGED,
            actor,
            now,
            target_kind="homeroom_record",
            target_id=record.id,
            state=audit.states("homeroom_record", [record]),
            before={field: standing},
            facts={"student": name, "class": class_group.name, "field": FIELD_WORDS[field]},
        )
        return _saved(class_group, enrollment, name, field, record, written=True)


def name_of(actor: Actor, enrollment_id: int) -> str:
    """The pupil's name for a refusal; NotFound and NotAllowed as for writing."""
    return kept_enrollment(actor, enrollment_id).student.full_name


def save_class(actor: Actor, class_group_id: int, values: Mapping[int, Mapping[str, Any]], *, now: datetime) -> int:
    """Write stored values of many students at once (``field`` -> value), one transaction and one entry.

    For imports and the sample school. Returns the rows written. Raises like :func:`save_field`.
    """
    with write_transaction() as session:
        class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
        if not keeps_class(actor, class_group):
            raise NotAllowed("Phần này do giáo viên chủ nhiệm của lớp ghi. Chưa có gì thay đổi.")
        session.refresh(class_group)
        guard_open(class_group)
        members = {
            row.id
            for row in session.scalars(
                select(m.Enrollment).where(
                    m.Enrollment.class_group_id == class_group_id, m.Enrollment.status.in_(ACTIVE)
                )
            )
        }
        standing = {
            row.enrollment_id: row
            for row in session.scalars(select(m.HomeroomRecord).where(m.HomeroomRecord.enrollment_id.in_(members)))
        }
        touched = []
        summed = summed_fields(members)
        for enrollment_id, wanted in values.items():
            if enrollment_id not in members:
                raise NotFound("Có học sinh không còn trong lớp. Chưa ghi gì.")
            checked = {field: read_value(field, "" if value is None else str(value)) for field, value in wanted.items()}
            record = standing.get(enrollment_id)
            if record is not None and all(getattr(record, field) == value for field, value in checked.items()):
                continue
            changed = {field: value for field, value in checked.items() if getattr(record, field, None) != value}
            _guard_sums(summed, enrollment_id, "", changed)
            touched.append(homeroom_records.write(record, enrollment_id, changed, actor.account_id, now))
        session.flush()
        if touched:
            audit.record(
                AuditTag.HOMEROOM_CHANGED,
                actor,
                now,
                target_kind="class_group",
                target_id=class_group_id,
                state=audit.states("homeroom_record", touched),
                facts={"class": class_group.name, "n_students": len(touched)},
            )
        return len(touched)


def _guard_sums(summed: frozenset[tuple[int, str]], enrollment_id: int, name: str, fields: Iterable[str]) -> None:
    """A total that months stand behind is their sum: WrongState, so that no session is counted twice."""
    for field in fields:
        if (enrollment_id, field) in summed:
            name = name or kept_name(enrollment_id)
            raise WrongState(
                f"Số buổi {FIELD_WORDS[field]} của {name} là tổng các tháng đã ghi nên không gõ thẳng được. "
                "Xin sửa ở trang Nghỉ theo tháng. Chưa có gì thay đổi."
            )


def kept_name(enrollment_id: int) -> str:
    """The pupil's name of an enrolment that is known to be there."""
    found: str = db.session.scalars(
        select(m.Student.full_name)
        .join(m.Enrollment, m.Enrollment.student_id == m.Student.id)
        .where(m.Enrollment.id == enrollment_id)
    ).one()
    return found


def kept_enrollment(actor: Actor, enrollment_id: int) -> m.Enrollment:
    """The enrolment, for its homeroom teacher; NotFound out of scope, NotAllowed for one who may only look."""
    enrollment = db.session.get(m.Enrollment, enrollment_id, populate_existing=True)
    if enrollment is None:
        raise NotFound("Không có học sinh này trong phần việc của thầy, cô.")
    class_group = class_for(actor, enrollment.class_group_id, Permission.CLASS_READ)
    if not keeps_class(actor, class_group):
        raise NotAllowed("Phần này do giáo viên chủ nhiệm của lớp ghi. Chưa có gì thay đổi.")
    return enrollment


def guard_open(class_group: m.ClassGroup) -> None:
    if class_group.school_year.state != "OPEN":
        raise WrongState("Năm học đã đóng nên không ghi thêm được. Chưa có gì thay đổi.")
    if class_group.state != ClassState.OPEN.value:
        raise WrongState("Lớp đã chốt tổng kết nên không ghi thêm được. Muốn sửa, xin mở lại lớp trước khi được duyệt.")


def _saved(
    class_group: m.ClassGroup,
    enrollment: m.Enrollment,
    name: str,
    field: str,
    record: m.HomeroomRecord | None,
    *,
    written: bool,
) -> SavedField:
    year = class_group.school_year
    levels = [
        Level(value) if value else None
        for value in ((record.conduct_1, record.conduct_2) if record is not None else (None, None))
    ]
    conduct = regulation_named(year.regulation_version).conduct_year(*levels)
    return SavedField(
        enrollment.id,
        name,
        field_view(
            field, getattr(record, field) if record is not None else None, record.version if record is not None else 0
        ),
        level_words(conduct),
        _count_field_gaps(class_group.id),
        written,
    )


def _count_field_gaps(class_group_id: int) -> int:
    filled = sum(
        (func.count(getattr(m.HomeroomRecord, name)) for name in REQUIRED[1:]),
        start=func.count(getattr(m.HomeroomRecord, REQUIRED[0])),
    )
    n_students, n_filled = db.session.execute(
        select(func.count(m.Enrollment.id), filled)
        .outerjoin(m.HomeroomRecord, m.HomeroomRecord.enrollment_id == m.Enrollment.id)
        .where(m.Enrollment.class_group_id == class_group_id, m.Enrollment.status.in_(ACTIVE))
    ).one()
    return n_students * len(REQUIRED) - n_filled


def _standing(
    record: m.HomeroomRecord | None, enrollment: m.Enrollment, name: str, field: str, raw: str
) -> StandingField:
    account = db.session.get(m.Account, record.updated_by) if record is not None and record.updated_by else None
    return StandingField(
        enrollment.id,
        name,
        field_view(
            field, getattr(record, field) if record is not None else None, record.version if record is not None else 0
        ),
        raw.strip(),
        account.person.full_name if account is not None else "Hệ thống",
        record.updated_at if record is not None else None,
    )
