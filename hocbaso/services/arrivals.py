"""A pupil comes into a class of the open year: from another school in the middle of it, or back to this one. By the office.

Profile, place in the class, the old school in "Quá trình học tập" and the paper are one act. Whether semester I is the old school's
is settled here, by the day or by its paper (docs/decisions/0022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.enrollment_flow import EnrollmentStatus, require_open
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import EDITABLE
from hocbaso.regulations.vietnamese_names import search_key, sort_key
from hocbaso.services import audit, civil_status, departures, roster, student_fields, students, study_history
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.student_classes import place_of

FIELDS = {
    "class_group_id": "Vào lớp",
    "happened_on": "Ngày vào học",
    "school_name": "Trường cũ",
    "old_class": "Lớp ở trường cũ",
    "semester_1_done": "Trường cũ đã tổng kết học kì I",
    "paper_no": "Số văn bản tiếp nhận",
    "paper_on": "Ngày văn bản",
    "reason": "Lí do",
}
"""What is asked beside the profile, by name."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A pupil in the class. ``n_handed_in``: sheets that were handed in, or locked, without this pupil."""

    student_id: int
    enrollment_id: int
    full_name: str
    class_name: str
    first_semester: int
    n_handed_in: int
    past_year_printed: bool = False
    """Whether the old school's line was left out, because a sealed record prints the years up to it: it is asked for."""


def open_classes(actor: Actor) -> list[tuple[int, str]]:
    """(id, name) of the classes that take pupils in today: of the open year, not finalised, in reach."""
    rows = db.session.scalars(
        select(m.ClassGroup)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(m.SchoolYear.state == "OPEN", m.ClassGroup.state == ClassState.OPEN.value)
        .order_by(m.SchoolYear.starts_on.desc(), m.ClassGroup.grade_level, m.ClassGroup.name)
    )
    return [(row.id, row.name) for row in rows if reaches_class(actor, row.id, Permission.STUDENT_EDIT)]


def may_return(actor: Actor, student_id: int) -> bool:
    """Whether a pupil whose profile is here sits in no class of an open year, so that the office may take them in again."""
    return departures.is_office(actor) and place_of(student_id) is None


def receive(
    actor: Actor,
    raw: Mapping[str, str],
    now: datetime,
    *,
    student_id: int | None = None,
    confirmed: bool = False,
) -> Arrived:
    """Take a pupil in, from the texts of :data:`FIELDS` and, unless ``student_id`` names a profile, of the profile's fields.

    Raises NotFound, NotAllowed (not the office), Invalid (per field; a number already used; odd numbers or the same name and birth
    date as somebody here that were not ``confirmed``: ``details`` say what), WrongState (class finalised, pupil in a class).
    """
    with write_transaction() as session:
        if not departures.is_office(actor):
            raise NotAllowed(departures.OFFICE_ONLY)
        class_group = _class(actor, raw.get("class_group_id", ""))
        year = class_group.school_year
        values = departures.read_papers(raw, FIELDS, clock.local_date(now), needs_school=True)
        came_on: date = values["happened_on"]
        if came_on > year.ends_on:
            raise Invalid(
                f"Năm học {year.label.replace('-', '–')} kết thúc ngày {year.ends_on:%d/%m/%Y}.", field="happened_on"
            )
        if student_id is None:
            student = _new_student(raw, now, confirmed)
            session.add(student)
        else:
            students.profile(actor, student_id)
            known = session.get(m.Student, student_id, populate_existing=True)
            assert known is not None
            student = known
            _require_free(student, class_group)
        try:
            session.flush()
        except IntegrityError:
            raise Invalid(
                "Số định danh, mã học sinh hoặc số đăng bộ này đã có trong một hồ sơ của trường. Em từng học ở đây thì mở hồ sơ cũ, "
                "bấm “Tiếp nhận lại”. Chưa ghi gì.",
                field="personal_id_number",
            ) from None
        first = _first_semester(class_group, came_on, bool(raw.get("semester_1_done")))
        enrollment = m.Enrollment(
            student_id=student.id,
            class_group_id=class_group.id,
            status=EnrollmentStatus.TRANSFERRED_IN.value,
            joined_on=came_on,
            first_semester=first,
        )
        session.add(enrollment)
        session.flush()
        roster.seat([enrollment])
        movement = m.Movement(
            enrollment_id=enrollment.id,
            kind=EnrollmentStatus.TRANSFERRED_IN.value,
            from_status=EnrollmentStatus.TRANSFERRED_IN.value,
            recorded_at=now,
            recorded_by=actor.account_id,
            recorder_name=actor.name,
            **values,
        )
        session.add(movement)
        session.flush()
        audit.record(
            AuditTag.STUDENT_RECEIVED,
            actor,
            now,
            target_kind="class_group",
            target_id=class_group.id,
            state=audit.merge_states(
                audit.states("student", [student] if student_id is None else []),
                audit.states("enrollment", [enrollment]),
                audit.states("movement", [movement]),
            ),
            facts={
                "student": student.full_name,
                "class": class_group.name,
                "day": audit.plain(came_on),
                "school": movement.school_name,
                "paper": f"{movement.paper_no}, {movement.paper_on:%d/%m/%Y}",
                "first_semester": first,
            },
        )
        entered = _past_year(actor, student.id, year, came_on, raw, str(movement.school_name), now)
        return Arrived(
            student.id,
            enrollment.id,
            student.full_name,
            class_group.name,
            first,
            _handed_in(class_group.id, first),
            past_year_printed=not entered,
        )


def _class(actor: Actor, typed: str) -> m.ClassGroup:
    row = (
        db.session.get(m.ClassGroup, int(typed), populate_existing=True)
        if typed.isascii() and typed.isdigit()
        else None
    )
    if row is None or not (actor.is_system or reaches_class(actor, row.id, Permission.STUDENT_EDIT)):
        raise Invalid("Xin chọn lớp.", field="class_group_id")
    if row.school_year.state != "OPEN":
        raise WrongState(f"Năm học {row.school_year.label} đã đóng nên không nhận học sinh nữa. Chưa có gì thay đổi.")
    require_open(ClassState(row.state), row.name)
    return row


def _new_student(raw: Mapping[str, str], now: datetime, confirmed: bool) -> m.Student:
    values = {name: students.read_value(name, raw.get(name, "")) for name in student_fields.FIELDS}
    students.require_born(values["birth_on"], now)
    odd = [*students.warnings_of(values), *_namesakes(values)]
    if odd and not confirmed:
        raise Invalid(
            "Có chỗ cần đối chiếu. Nếu đúng theo giấy tờ, xin đánh dấu đã đối chiếu rồi tiếp nhận lại.",
            field="confirmed",
            details=tuple(odd),
        )
    name = str(values["full_name"])
    return m.Student(**values, sort_key=sort_key(name), search_key=search_key(name), touched_at=now)


def _namesakes(values: Mapping[str, object]) -> list[str]:
    rows = db.session.scalars(
        select(m.Student.id).where(
            m.Student.search_key == search_key(str(values["full_name"])), m.Student.birth_on == values["birth_on"]
        )
    ).all()
    return [
        f"Trường đã có hồ sơ cùng họ tên và ngày sinh (hồ sơ số {row}): xem có phải em từng học ở đây." for row in rows
    ]


def _require_free(student: m.Student, class_group: m.ClassGroup) -> None:
    sits = place_of(student.id)
    if sits is not None:
        raise WrongState(f"{student.full_name} đang học lớp {sits.class_group.name}. Chưa có gì thay đổi.")
    if db.session.scalar(
        select(m.Enrollment.id).where(
            m.Enrollment.student_id == student.id, m.Enrollment.class_group_id == class_group.id
        )
    ):
        raise WrongState(
            f"{student.full_name} đã rời lớp {class_group.name} trong năm học này. Em trở lại đúng lớp ấy thì lấy lại lần ghi rời trường "
            "trên hồ sơ. Chưa có gì thay đổi."
        )


def _first_semester(class_group: m.ClassGroup, came_on: date, done_elsewhere: bool) -> int:
    """2 when the window of semester I had closed by then, or the old school's paper concludes it."""
    windows = {
        row.grade_level: row.closes_on
        for row in db.session.scalars(
            select(m.SemesterWindow).where(
                m.SemesterWindow.school_year_id == class_group.school_year_id,
                m.SemesterWindow.semester == 1,
                or_(m.SemesterWindow.grade_level.is_(None), m.SemesterWindow.grade_level == class_group.grade_level),
            )
        )
    }
    closes = windows.get(class_group.grade_level) or windows.get(None)
    return 2 if done_elsewhere or (closes is not None and came_on > closes) else 1


def _past_year(
    actor: Actor, student_id: int, year: m.SchoolYear, came_on: date, raw: Mapping[str, str], school: str, now: datetime
) -> bool:
    """The old school's line: of this year, or of the one before for who comes by its first day. False where a sealed record prints
    the years up to then: who comes back is received, and the line is asked for."""
    label = year.label
    if came_on <= year.starts_on:
        first = int(label[:4])
        label = f"{first - 1}-{first}"
    if label <= civil_status.sealed_until(student_id):
        return False
    try:
        study_history.enter(
            actor,
            student_id,
            {"year_label": label, "class_name": raw.get("old_class", ""), "school_name": school, "arrived_on": ""},
            now,
        )
    except Invalid as refusal:
        names = {"class_name": "old_class", "school_name": "school_name"}
        raise Invalid(refusal.message, field=names.get(refusal.field or "", "old_class")) from None
    return True


def _handed_in(class_group_id: int, first_semester: int) -> int:
    rows = db.session.scalars(
        select(m.ScoreSheet.state)
        .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
        .where(m.ClassSubject.class_group_id == class_group_id, m.ScoreSheet.semester >= first_semester)
    )
    return sum(state not in {one.value for one in EDITABLE} for state in rows)
