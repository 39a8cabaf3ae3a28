"""The school's frame: year, subjects, staff, classes, assignments, students. Used by set-up, imports and the demo school.

Each function writes inside the caller's or its own ``write_transaction`` and leaves one audit entry per act; bulk
functions leave one entry for the whole list, holding every row's state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, WrongState
from hocbaso.exchange.subjects import SUBJECT_CATALOGUE
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.paper_codes import free_place
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.regulations.registry import regulation_for
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.regulations.vietnamese_names import normalise_name, search_key, sort_key
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.in_force import has_left, last_day, not_over

UNNAMED_SCHOOL = "Trường chưa đặt tên"


@dataclass(frozen=True, slots=True)
class NewStudent:
    """A student to be entered: the columns of Student by name, the class, and the day of coming (None: the year's first)."""

    class_name: str
    values: dict[str, Any]
    joined_on: date | None = None


def status_on(year: m.SchoolYear, joined_on: date) -> str:
    """Status of a pupil who comes that day: whoever comes after the year began was at another school until then."""
    return "transferred_in" if joined_on > year.starts_on else "studying"


def the_school() -> m.School | None:
    """The school of this instance, or None while it is unconfigured."""
    return db.session.get(m.School, 1)


def open_year() -> m.SchoolYear:
    """The newest open school year; NotFound while there is none."""
    year = db.session.scalar(
        select(m.SchoolYear).where(m.SchoolYear.state == "OPEN").order_by(m.SchoolYear.starts_on.desc()).limit(1)
    )
    if year is None:
        raise NotFound("Chưa có năm học nào đang mở.")
    return year


def year_by_label(label: str | None) -> m.SchoolYear:
    """The year named ``2025-2026``, or the open one for None; NotFound otherwise."""
    if label is None:
        return open_year()
    year = db.session.scalar(select(m.SchoolYear).where(m.SchoolYear.label == label))
    if year is None:
        raise NotFound(f"Chưa có năm học {label}.")
    return year


def class_by_name(name: str, year: m.SchoolYear) -> m.ClassGroup:
    """The class of that name in the year; NotFound otherwise."""
    found = db.session.scalar(
        select(m.ClassGroup).where(m.ClassGroup.school_year_id == year.id, m.ClassGroup.name == name.strip().upper())
    )
    if found is None:
        raise NotFound(f"Năm học {year.label} không có lớp {name}.")
    return found


def classes_of_year(year: m.SchoolYear) -> list[m.ClassGroup]:
    """The classes of a year by name."""
    return list(
        db.session.scalars(
            select(m.ClassGroup).where(m.ClassGroup.school_year_id == year.id).order_by(m.ClassGroup.name)
        )
    )


def create_school(actor: Actor, values: dict[str, Any], now: datetime) -> m.School:
    """Create the school. ``values`` are columns of School; WrongState when it exists."""
    with write_transaction() as session:
        if session.get(m.School, 1) is not None:
            raise WrongState("Trường đã được khai báo.")
        school = m.School(id=1, **values)
        session.add(school)
        session.flush()
        audit.record(
            AuditTag.SCHOOL_CREATED,
            actor,
            now,
            target_kind="school",
            target_id=1,
            state=audit.states("school", [school]),
        )
    ensure_subjects(actor, now)
    return school


def ensure_subjects(actor: Actor, now: datetime) -> None:
    """Enter the curriculum's subjects that are not there yet (their order and names are data)."""
    with write_transaction() as session:
        known = set(session.scalars(select(m.Subject.code)))
        missing = [entry for entry in SUBJECT_CATALOGUE if entry.code not in known]
        if not missing:
            return
        made = [
            m.Subject(
                code=entry.code,
                name=entry.name,
                short_name=entry.short_name,
                kind=entry.kind.value,
                transcript_name=entry.transcript_name,
                sheet_order=entry.sheet_order,
                transcript_order=entry.transcript_order,
            )
            for entry in missing
        ]
        session.add_all(made)
        session.flush()
        audit.record(
            AuditTag.SUBJECT_CREATED,
            actor,
            now,
            target_kind="school",
            target_id=1,
            state=audit.states("subject", made),
            facts={"subjects": [entry.code for entry in missing]},
        )


def parse_year_label(label: str) -> int:
    """First calendar year of ``2025-2026``; Invalid for any other shape."""
    left, _, right = label.replace("–", "-").strip().partition("-")
    if not (left.isdigit() and right.isdigit() and len(left) == len(right) == 4 and int(right) == int(left) + 1):
        raise Invalid("Năm học viết như 2025-2026.", field="year")
    return int(left)


def year_defaults(label: str) -> dict[str, Any]:
    """Dates of workflow.md's calendar for a label: columns of SchoolYear and ``windows`` rows."""
    first = parse_year_label(label)
    second = first + 1
    return {
        "label": f"{first}-{second}",
        "starts_on": date(first, 9, 5),
        "ends_on": date(second, 5, 31),
        "data_complete_before": date(second, 5, 20),
        "sign_grade9_before": date(second, 5, 21),
        "sign_others_before": date(second, 5, 31),
        "summer_freeze_on": date(second, 8, 15),
        "windows": [
            {"semester": 1, "grade_level": None, "opens_on": date(first, 9, 5), "closes_on": date(second, 1, 18)},
            {"semester": 2, "grade_level": None, "opens_on": date(second, 1, 19), "closes_on": date(second, 5, 19)},
            {"semester": 2, "grade_level": 9, "opens_on": date(second, 1, 19), "closes_on": date(second, 5, 12)},
        ],
    }


def create_year(actor: Actor, label: str, now: datetime, **changes: Any) -> m.SchoolYear:
    """Create a school year with the calendar's defaults, changed by ``changes`` (columns, ``windows``)."""
    values = {**year_defaults(label), **changes}
    windows = values.pop("windows")
    values.setdefault("regulation_version", regulation_for(values["label"]).version)
    with write_transaction() as session:
        if session.scalar(select(m.SchoolYear.id).where(m.SchoolYear.label == values["label"])):
            raise WrongState(f"Năm học {values['label']} đã có.")
        year = m.SchoolYear(**values)
        session.add(year)
        session.flush()
        rows = [m.SemesterWindow(school_year_id=year.id, **window) for window in windows]
        session.add_all(rows)
        audit.record(
            AuditTag.YEAR_CREATED,
            actor,
            now,
            target_kind="school_year",
            target_id=year.id,
            state=audit.merge_states(audit.states("school_year", [year]), audit.states("semester_window", rows)),
            facts={"windows": [{k: audit.plain(v) for k, v in window.items()} for window in windows]},
        )
    return year


def ensure_group(actor: Actor, name: str, now: datetime) -> m.SubjectGroup:
    """The subject group of that name, created when missing."""
    with write_transaction() as session:
        name = normalise_name(name)
        group = session.scalar(select(m.SubjectGroup).where(m.SubjectGroup.name == name))
        if group is None:
            group = m.SubjectGroup(name=name)
            session.add(group)
            session.flush()
            audit.record(
                AuditTag.GROUP_CREATED,
                actor,
                now,
                target_kind="subject_group",
                target_id=group.id,
                state=audit.states("subject_group", [group]),
                facts={"name": name},
            )
        return group


def create_person(actor: Actor, values: dict[str, Any], now: datetime) -> m.Person:
    """Enter a member of staff. ``values``: columns of Person; the sort key is made here."""
    with write_transaction() as session:
        values = {**values, "full_name": normalise_name(values["full_name"])}
        person = m.Person(**values, sort_key=sort_key(values["full_name"]))
        session.add(person)
        session.flush()
        audit.record(
            AuditTag.PERSON_CREATED,
            actor,
            now,
            target_kind="person",
            target_id=person.id,
            state=audit.states("person", [person]),
        )
    return person


def grant_role(
    actor: Actor,
    person_id: int,
    role: Role,
    now: datetime,
    *,
    scope_kind: GrantScope = GrantScope.SCHOOL,
    scope_id: int | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
    document: str | None = None,
) -> m.RoleGrant:
    """Write a grant (who may do so is checked by ``services/role_grants.py`` and set-up) and renew the person's powers.

    It ends with the person's last working day at the latest.
    """
    starts_on = starts_on or clock.local_date(now)
    with write_transaction() as session:
        ends_on = last_day(working_on(person_id, starts_on), ends_on)
        grant = m.RoleGrant(
            person_id=person_id,
            role=role.value,
            scope_kind=scope_kind.value,
            scope_id=scope_id,
            starts_on=starts_on,
            ends_on=ends_on,
            document=document,
            granted_by=actor.account_id,
            granted_at=now,
        )
        session.add(grant)
        session.flush()
        renew_powers(person_id)
        audit.record(
            AuditTag.ROLE_GRANTED,
            actor,
            now,
            target_kind="role_grant",
            target_id=grant.id,
            state=audit.states("role_grant", [grant]),
        )
    return grant


def renew_powers(person_id: int) -> None:
    """Make every session of this person read its powers afresh at the next request."""
    db.session.execute(
        update(m.Account).where(m.Account.person_id == person_id).values(powers_version=m.Account.powers_version + 1)
    )


def create_class(actor: Actor, year: m.SchoolYear, name: str, now: datetime) -> m.ClassGroup:
    """Create a class; the grade level is its first digit. Invalid for names such as ``10A``."""
    name = name.strip().upper()
    if not name or name[0] not in "6789" or len(name) > 20 or (len(name) > 1 and name[1].isdigit()):
        raise Invalid(f"Tên lớp “{name}” không hợp lệ. Viết như 6A, 9B.", field="class")
    with write_transaction() as session:
        class_group = m.ClassGroup(school_year_id=year.id, name=name, grade_level=int(name[0]))
        session.add(class_group)
        session.flush()
        audit.record(
            AuditTag.CLASS_CREATED,
            actor,
            now,
            target_kind="class_group",
            target_id=class_group.id,
            state=audit.states("class_group", [class_group]),
        )
    return class_group


def offer_subject(
    actor: Actor, class_group: m.ClassGroup, subject: m.Subject, lessons_per_year: int, now: datetime
) -> m.ClassSubject:
    """Let a class take a subject: creates the class subject and its two score sheets."""
    with write_transaction():
        offered, state = open_sheets([(class_group.id, subject.id, lessons_per_year)], now)
        audit.record(
            AuditTag.SHEET_CREATED, actor, now, target_kind="class_subject", target_id=offered[0].id, state=state
        )
    return offered[0]


def open_sheets(
    offers: Iterable[tuple[int, int, int]], now: datetime
) -> tuple[list[m.ClassSubject], dict[str, dict[str, Any]]]:
    """Write class subjects, (class id, subject id, lessons a year) each, and their two sheets inside the caller's transaction.

    Returns them with the ``state`` for the caller's audit entry.
    """
    session = db.session
    offered = [
        m.ClassSubject(class_group_id=class_group_id, subject_id=subject_id, lessons_per_year=lessons)
        for class_group_id, subject_id, lessons in offers
    ]
    session.add_all(offered)
    session.flush()
    sheets = [
        m.ScoreSheet(class_subject_id=one.id, semester=semester, state=SheetState.DRAFT.value, state_at=now)
        for one in offered
        for semester in (1, 2)
    ]
    session.add_all(sheets)
    session.flush()
    return offered, audit.merge_states(audit.states("class_subject", offered), audit.states("score_sheet", sheets))


def assign_teacher(
    actor: Actor, class_subject_id: int, person_id: int, now: datetime, *, starts_on: date, ends_on: date | None = None
) -> m.TeachingAssignment:
    """Give a class subject to a teacher from a day on; an open assignment of another ends the day before.

    It ends with the teacher's last working day at the latest; Invalid when that is before ``starts_on``.
    """
    return _assign(
        actor,
        m.TeachingAssignment,
        "teaching_assignment",
        "class_subject_id",
        class_subject_id,
        person_id,
        now,
        starts_on,
        ends_on,
    )


def assign_homeroom(
    actor: Actor, class_group_id: int, person_id: int, now: datetime, *, starts_on: date, ends_on: date | None = None
) -> m.HomeroomAssignment:
    """Give a class to a homeroom teacher from a day on; an open assignment of another ends the day before.

    It ends with the teacher's last working day at the latest; Invalid when that is before ``starts_on``.
    """
    return _assign(
        actor,
        m.HomeroomAssignment,
        "homeroom_assignment",
        "class_group_id",
        class_group_id,
        person_id,
        now,
        starts_on,
        ends_on,
    )


def working_on(person_id: int, day: date) -> m.Person:
    """The person, read afresh. Invalid for whoever has left by ``day``: what is given then would outlive them."""
    person = db.session.get(m.Person, person_id, populate_existing=True)
    if person is None:
        raise NotFound("Không có người này trong danh sách cán bộ, giáo viên.")
    if has_left(person, day):
        raise Invalid(
            f"{person.full_name} làm việc ở trường đến hết {person.left_on:%d/%m/%Y}, không giao việc từ {day:%d/%m/%Y}.",
            field="person_id",
        )
    return person


def _assign(
    actor: Actor,
    model: Any,
    kind: str,
    place: str,
    place_id: int,
    person_id: int,
    now: datetime,
    starts_on: date,
    ends_on: date | None,
) -> Any:
    with write_transaction() as session:
        ends_on = last_day(working_on(person_id, starts_on), ends_on)
        still_open = list(
            session.scalars(select(model).where(getattr(model, place) == place_id, not_over(model, starts_on)))
        )
        for old in still_open:
            if old.person_id == person_id and old.starts_on <= starts_on and old.ends_on is None and ends_on is None:
                return old
            old.ends_on = date.fromordinal(starts_on.toordinal() - 1)
            renew_powers(old.person_id)
        session.flush()
        if still_open:
            audit.record(
                AuditTag.ASSIGNMENT_ENDED,
                actor,
                now,
                target_kind=kind,
                target_id=place_id,
                state=audit.states(kind, still_open),
            )
        assignment = model(person_id=person_id, starts_on=starts_on, ends_on=ends_on, **{place: place_id})
        session.add(assignment)
        session.flush()
        renew_powers(person_id)
        audit.record(
            AuditTag.ASSIGNMENT_CREATED,
            actor,
            now,
            target_kind=kind,
            target_id=assignment.id,
            state=audit.states(kind, [assignment]),
        )
    return assignment


def enter_students(
    actor: Actor, year: m.SchoolYear, students: Sequence[NewStudent], now: datetime
) -> list[m.Enrollment]:
    """Create students with their enrollments in existing classes: one transaction, one entry.

    ``values`` are columns of Student without the derived ones. NotFound for a class the year does not have, WrongState for
    one that is finalised.
    """
    with write_transaction() as session:
        classes = {
            row.name: row for row in session.scalars(select(m.ClassGroup).where(m.ClassGroup.school_year_id == year.id))
        }
        rows: list[m.Student] = []
        for new in students:
            if new.class_name not in classes:
                raise NotFound(f"Năm học {year.label} không có lớp {new.class_name}.")
            _require_open(classes[new.class_name])
            name = normalise_name(new.values["full_name"])
            rows.append(
                m.Student(
                    **{**new.values, "full_name": name},
                    sort_key=sort_key(name),
                    search_key=search_key(name),
                    touched_at=now,
                )
            )
        session.add_all(rows)
        session.flush()
        enrollments = [
            m.Enrollment(
                student_id=row.id,
                class_group_id=classes[new.class_name].id,
                joined_on=new.joined_on or year.starts_on,
                status=status_on(year, new.joined_on or year.starts_on),
            )
            for row, new in zip(rows, students, strict=True)
        ]
        session.add_all(enrollments)
        session.flush()
        seat(enrollments)
        if rows:
            audit.record(
                AuditTag.STUDENT_CREATED,
                actor,
                now,
                target_kind="school_year",
                target_id=year.id,
                state=audit.merge_states(audit.states("student", rows), audit.states("enrollment", enrollments)),
                facts={"n_students": len(rows)},
            )
    return enrollments


def seat(enrollments: Iterable[m.Enrollment]) -> None:
    """Give each pupil who has none a place in the class (rows are flushed). Whoever was there keeps theirs."""
    taken: dict[int, set[int | None]] = {}
    for one in enrollments:
        if one.class_group_id not in taken:
            there = select(m.Enrollment.class_place).where(m.Enrollment.class_group_id == one.class_group_id)
            taken[one.class_group_id] = set(db.session.scalars(there))
        if one.class_place is None:
            one.class_place = free_place(one.id, taken[one.class_group_id])
            taken[one.class_group_id].add(one.class_place)
    db.session.flush()


def _require_open(class_group: m.ClassGroup) -> None:
    """Whoever came later would be frozen, or left out, without results."""
    if class_group.state != ClassState.OPEN.value:
        raise WrongState(f"Lớp {class_group.name} đã chốt tổng kết nên không thêm học sinh được. Chưa có gì thay đổi.")


def enrol(
    actor: Actor, student_ids: Iterable[int], class_group: m.ClassGroup, joined_on: date, now: datetime
) -> list[m.Enrollment]:
    """Put existing students into a class of another year; WrongState once the class is finalised."""
    with write_transaction() as session:
        _require_open(class_group)
        enrollments = [
            m.Enrollment(
                student_id=student_id,
                class_group_id=class_group.id,
                joined_on=joined_on,
                status=status_on(class_group.school_year, joined_on),
            )
            for student_id in student_ids
        ]
        session.add_all(enrollments)
        session.flush()
        seat(enrollments)
        audit.record(
            AuditTag.ENROLLMENT_CREATED,
            actor,
            now,
            target_kind="class_group",
            target_id=class_group.id,
            state=audit.states("enrollment", enrollments),
        )
    return enrollments
