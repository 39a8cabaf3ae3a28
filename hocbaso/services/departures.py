"""A pupil leaves in the middle of a year: chuyển trường or thôi học, with its day, paper and reason. Written by the office.

What was typed until then stays in the sheets and their history; nothing more is asked of these lines (``score_lines.closed_word``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc, why_not_printed
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations import enrollment_flow as flow
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.enrollment_flow import EnrollmentStatus
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.services import audit, results, students
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.log_reading import require_told

KINDS = {EnrollmentStatus.TRANSFERRED_OUT: "Chuyển trường", EnrollmentStatus.LEFT: "Thôi học"}
FIELDS = {
    "kind": "Rời trường vì",
    "happened_on": "Ngày học cuối cùng",
    "school_name": "Trường tiếp nhận",
    "paper_no": "Số văn bản",
    "paper_on": "Ngày văn bản",
    "reason": "Lí do",
}
"""What the office writes, by name."""

OFFICE_ONLY = "Chuyển đến, chuyển đi, thôi học do văn thư ghi theo giấy tờ. Chưa có gì thay đổi."
_LIMITS = {"school_name": 200, "paper_no": 100, "reason": 500}


@dataclass(frozen=True, slots=True)
class Movement:
    """A coming or a going as people read it. ``stands``: not taken back. ``may_take_back``: by whom asked, now."""

    id: int
    enrollment_id: int
    class_group_id: int
    class_name: str
    year_label: str
    kind: EnrollmentStatus
    happened_on: date
    school_name: str | None
    paper_no: str
    paper_on: date
    reason: str
    recorded_at: datetime
    recorder_name: str
    taken_back_at: datetime | None
    taken_back_name: str | None
    taken_back_reason: str | None
    may_take_back: bool

    @property
    def stands(self) -> bool:
        """Whether it still holds."""
        return self.taken_back_at is None

    @property
    def words(self) -> str:
        """``Chuyển đến THCS Sông Bồ, học đến hết ngày 12/05/2027``."""
        return said(self.kind, self.school_name, self.happened_on)


def said(kind: str, school_name: str | None, happened_on: date) -> str:
    """A coming or going in words."""
    day = f"{happened_on:%d/%m/%Y}"
    if kind == EnrollmentStatus.TRANSFERRED_IN:
        return f"Từ {school_name} đến, học từ ngày {day}"
    if kind == EnrollmentStatus.TRANSFERRED_OUT:
        return f"Chuyển đến {school_name}, học đến hết ngày {day}"
    return f"Thôi học, học đến hết ngày {day}"


@dataclass(frozen=True, slots=True)
class Returned:
    """A departure taken back. ``n_sheets``: handed in or locked sheets that lack results of this pupil again."""

    movement: Movement
    n_sheets: int


def is_office(actor: Actor) -> bool:
    """Whether this person writes down who comes and goes: the clerk."""
    return actor.is_system or (actor.may(Permission.STUDENT_EDIT) and actor.has_role(Role.CLERK))


def require_office(actor: Actor, class_group_id: int) -> None:
    """The clerk whose reach holds the class, or the system. Raises NotFound, NotAllowed."""
    if actor.is_system:
        return
    if not reaches_class(actor, class_group_id, Permission.STUDENT_READ):
        raise NotFound("Không có học sinh này trong phần việc của thầy, cô.")
    if not is_office(actor):
        raise NotAllowed(OFFICE_ONLY)


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in a class that a pupil may leave."""

    enrollment_id: int
    class_name: str
    joined_on: date


def seat_of(actor: Actor, student_id: int) -> Seat | None:
    """The place of a pupil in an open class from which this person may record a departure; None when there is none."""
    if not is_office(actor):
        return None
    row = db.session.scalar(
        select(m.Enrollment)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(
            m.Enrollment.student_id == student_id,
            m.Enrollment.status.in_(sorted(flow.HERE)),
            m.SchoolYear.state == "OPEN",
        )
        .order_by(m.SchoolYear.starts_on.desc(), m.Enrollment.id.desc())
        .limit(1)
    )
    if row is None or not (actor.is_system or reaches_class(actor, row.class_group_id, Permission.STUDENT_EDIT)):
        return None
    return Seat(row.id, row.class_group.name, row.joined_on)


def record(actor: Actor, enrollment_id: int, raw: Mapping[str, str], now: datetime) -> Movement:
    """Record that a pupil leaves, from the texts of :data:`FIELDS`; the lines of this pupil close in every sheet.

    Raises NotFound, NotAllowed (not the office), Invalid (per field), WrongState (left already, class finalised or approved, year
    closed: each with what to do).
    """
    with write_transaction() as session:
        enrollment, class_group = _load(actor, enrollment_id)
        before = EnrollmentStatus(enrollment.status)
        kind = _kind(raw.get("kind", ""))
        after = flow.leave(before, kind, ClassState(class_group.state), class_group.name)
        values = read_papers(raw, FIELDS, clock.local_date(now), needs_school=kind is EnrollmentStatus.TRANSFERRED_OUT)
        if not enrollment.joined_on <= values["happened_on"]:
            raise Invalid(
                f"Em vào lớp ngày {enrollment.joined_on:%d/%m/%Y}: ngày học cuối cùng không thể trước đó.",
                field="happened_on",
            )
        _require_as_told(enrollment)
        enrollment.status, enrollment.left_on = after.value, values["happened_on"]
        row = m.Movement(
            enrollment_id=enrollment.id,
            kind=after.value,
            from_status=before.value,
            recorded_at=now,
            recorded_by=actor.account_id,
            recorder_name=actor.name,
            **values,
        )
        session.add(row)
        session.flush()
        _tell(
            AuditTag.DEPARTURE_RECORDED, actor, row, enrollment, now, before={"status": before.value, "left_on": None}
        )
        return view(actor, row)


def take_back(actor: Actor, movement_id: int, reason: str, now: datetime) -> Returned:
    """Take a mistaken departure back while the class is open: the pupil is in the class as before.

    Raises NotFound, NotAllowed, Invalid (no reason), WrongState (taken back before, class finalised or approved).
    """
    with write_transaction() as session:
        row = session.get(m.Movement, movement_id, populate_existing=True)
        if row is None or row.kind == EnrollmentStatus.TRANSFERRED_IN:
            raise NotFound("Không có lần ghi rời trường này.")
        enrollment, class_group = _load(actor, row.enrollment_id)
        words = _text(reason, "reason", "Lí do")
        if row.taken_back_at is not None:
            raise WrongState("Lần ghi này đã được lấy lại rồi. Chưa có gì thay đổi.")
        left = {"status": enrollment.status, "left_on": audit.plain(enrollment.left_on)}
        back = flow.come_back(
            EnrollmentStatus(enrollment.status),
            EnrollmentStatus(row.from_status),
            ClassState(class_group.state),
            class_group.name,
        )
        _require_as_told(enrollment)
        require_told(
            "movement",
            row.id,
            audit.state_of("movement", row),
            "Lần ghi rời trường",
            under={"enrollment": (enrollment.id,)},
        )
        enrollment.status, enrollment.left_on = back.value, None
        row.taken_back_at, row.taken_back_by = now, actor.account_id
        row.taken_back_name, row.taken_back_reason = actor.name, words
        session.flush()
        _tell(AuditTag.DEPARTURE_TAKEN_BACK, actor, row, enrollment, now, before=left, note=words)
        return Returned(view(actor, row), _handed_in_with_gaps(class_group.id, enrollment.id, clock.local_date(now)))


def of_student(actor: Actor, student_id: int) -> list[Movement]:
    """The comings and goings of a pupil in reach, oldest first. NotFound otherwise."""
    students.profile(actor, student_id)
    rows = db.session.scalars(
        select(m.Movement)
        .join(m.Enrollment, m.Enrollment.id == m.Movement.enrollment_id)
        .where(m.Enrollment.student_id == student_id)
        .order_by(m.Movement.id)
        .execution_options(populate_existing=True)
    )
    return [view(actor, row) for row in rows]


def of_class(actor: Actor, class_group_id: int) -> list[tuple[str, Movement]]:
    """(full name, coming or going) of a class, oldest first. Not scoped: callers check the actor."""
    rows = db.session.execute(
        select(m.Student.full_name, m.Movement)
        .join(m.Enrollment, m.Enrollment.id == m.Movement.enrollment_id)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .where(m.Enrollment.class_group_id == class_group_id)
        .order_by(m.Movement.id)
        .execution_options(populate_existing=True)
    )
    return [(name, view(actor, row)) for name, row in rows]


def view(actor: Actor, row: m.Movement) -> Movement:
    """A row as people read it."""
    class_group = row.enrollment.class_group
    return Movement(
        row.id,
        row.enrollment_id,
        class_group.id,
        class_group.name,
        class_group.school_year.label,
        EnrollmentStatus(row.kind),
        row.happened_on,
        row.school_name,
        row.paper_no,
        row.paper_on,
        row.reason,
        row.recorded_at,
        row.recorder_name,
        row.taken_back_at,
        row.taken_back_name,
        row.taken_back_reason,
        is_office(actor)
        and row.taken_back_at is None
        and row.kind != EnrollmentStatus.TRANSFERRED_IN
        and class_group.state == ClassState.OPEN.value
        and class_group.school_year.state == "OPEN",
    )


def read_papers(raw: Mapping[str, str], words: Mapping[str, str], today: date, *, needs_school: bool) -> dict[str, Any]:
    """Day, school, paper and reason from typed texts, as columns of ``Movement``. Invalid names the field.

    Neither day is in the future: what is recorded holds from now on.
    """
    values: dict[str, Any] = {}
    for name in ("happened_on", "paper_on"):
        day = students.read_date(raw.get(name, "").strip(), name, words[name])
        if day > today:
            raise Invalid(f"{words[name]} {day:%d/%m/%Y} chưa tới. Xin ghi khi đã đến ngày.", field=name)
        values[name] = day
    for name in ("paper_no", "reason"):
        values[name] = _text(raw.get(name, ""), name, words[name])
    values["school_name"] = (
        _text(raw.get("school_name", ""), "school_name", words["school_name"]) if needs_school else None
    )
    return values


def _text(typed: str, name: str, words: str) -> str:
    text = " ".join((nfc(typed) or "").split())
    if not text or len(text) > _LIMITS[name]:
        raise Invalid(f"{words}: xin ghi, nhiều nhất {_LIMITS[name]} chữ.", field=name)
    if why := why_not_printed(text):
        raise Invalid(f"{words} {why}", field=name)
    return text


def _kind(typed: str) -> EnrollmentStatus:
    found = next((kind for kind in KINDS if kind.value == typed), None)
    if found is None:
        raise Invalid("Xin chọn chuyển trường hay thôi học.", field="kind")
    return found


def _load(actor: Actor, enrollment_id: int) -> tuple[m.Enrollment, m.ClassGroup]:
    session = db.session
    enrollment = session.get(m.Enrollment, enrollment_id, populate_existing=True)
    if enrollment is None:
        raise NotFound("Không có học sinh này trong phần việc của thầy, cô.")
    require_office(actor, enrollment.class_group_id)
    class_group = enrollment.class_group
    session.refresh(class_group)
    if class_group.school_year.state != "OPEN":
        raise WrongState(
            f"Năm học {class_group.school_year.label} đã đóng, danh sách lớp không đổi nữa. Chưa có gì thay đổi."
        )
    return enrollment, class_group


def _require_as_told(enrollment: m.Enrollment) -> None:
    require_told(
        "enrollment",
        enrollment.id,
        {
            name: getattr(enrollment, name)
            for name in ("student_id", "class_group_id", "status", "joined_on", "left_on")
        },
        "Việc học trong lớp của em này",
    )


def _tell(
    tag: AuditTag,
    actor: Actor,
    row: m.Movement,
    enrollment: m.Enrollment,
    now: datetime,
    *,
    before: dict[str, object],
    note: str | None = None,
) -> None:
    audit.record(
        tag,
        actor,
        now,
        target_kind="enrollment",
        target_id=enrollment.id,
        state=audit.merge_states(audit.states("enrollment", [enrollment]), audit.states("movement", [row])),
        before=before,
        note=note,
        facts={
            "student": enrollment.student.full_name,
            "class": enrollment.class_group.name,
            "kind": row.kind,
            "day": audit.plain(row.happened_on),
            "paper": f"{row.paper_no}, {row.paper_on:%d/%m/%Y}",
            "school": row.school_name,
        },
    )


def _handed_in_with_gaps(class_group_id: int, enrollment_id: int, today: date) -> int:
    computed = results.compute_class(class_group_id, today, fresh=True)
    lacking = {
        (gap.subject, gap.semester) for gap in computed.by_id[enrollment_id].result.gaps if gap.missing != "inherited"
    }
    return sum(
        sheet is not None and sheet.state not in ("DRAFT", "RETURNED") and (subject.code, sheet.semester) in lacking
        for subject in computed.subjects
        for sheet in subject.sheets
    )
