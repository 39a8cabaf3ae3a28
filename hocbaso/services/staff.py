"""Staff profiles (trích ngang), who teaches what, and the few facts of the school that stand on every page."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.identifiers import check_personal_id
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.regulations.terms import Sex
from hocbaso.regulations.vietnamese_names import normalise_name, search_key, sort_key
from hocbaso.services import audit, roster, sessions
from hocbaso.services.access import Actor
from hocbaso.services.in_force import in_force


@dataclass(frozen=True, slots=True)
class Frame:
    """What the head of each page says of the school."""

    school_name: str | None
    short_name: str | None
    year_label: str | None
    is_demo: bool
    second_factor: bool


@dataclass(slots=True)
class FrameCache:
    """The frame as one process last read it."""

    frame: Frame | None = None
    read_at: datetime | None = None


FRAME_KEPT = timedelta(seconds=15)


def frame(cache: FrameCache, now: datetime) -> Frame:
    """The school's name and open year, at most fifteen seconds old."""
    if cache.frame is None or cache.read_at is None or not timedelta(0) <= now - cache.read_at < FRAME_KEPT:
        school = db.session.get(m.School, 1)
        label = db.session.scalar(
            select(m.SchoolYear.label)
            .where(m.SchoolYear.state == "OPEN")
            .order_by(m.SchoolYear.starts_on.desc())
            .limit(1)
        )
        name = school.name if school else None
        cache.frame = Frame(
            school_name=name,
            short_name=name.removeprefix("Trường ") if name else None,
            year_label=label.replace("-", "–") if label else None,
            is_demo=bool(school and school.is_demo),
            second_factor=bool(school and school.require_second_factor),
        )
        cache.read_at = now
    return cache.frame


# --- profiles ---------------------------------------------------------------------------------------------------------

PROFILE_COLUMNS = (
    "staff_code",
    "full_name",
    "birth_on",
    "sex",
    "personal_id_number",
    "subject_group_id",
    "position_title",
    "qualification",
    "major",
    "phone",
    "email",
    "joined_on",
    "left_on",
)
"""What an edit may change; nothing else of the row is taken from a form."""


@dataclass(frozen=True, slots=True)
class StaffRow:
    """One line of the list of staff."""

    person_id: int
    staff_code: str
    name: str
    group: str | None
    position_title: str | None
    roles: tuple[Role, ...]
    homeroom: str | None
    n_teaching: int
    left_on: date | None


@dataclass(frozen=True, slots=True)
class Duty:
    """A subject taught in a class, or a class kept, with its dates."""

    what: str
    starts_on: date
    ends_on: date | None


@dataclass(frozen=True, slots=True)
class Profile:
    """A staff profile with its duties. ``warnings``: what contradicts itself, in words."""

    person: m.Person
    group: str | None
    duties: tuple[Duty, ...]
    warnings: tuple[str, ...]
    may_edit: bool


def subject_groups() -> list[tuple[int, str]]:
    """(id, name) of every subject group, by name."""
    rows = db.session.execute(select(m.SubjectGroup.id, m.SubjectGroup.name))
    return sorted(((number, name) for number, name in rows), key=lambda row: row[1])


def person_by_code(code: str) -> int | None:
    """The id of the member of staff with this code, whatever its case; None when there is none."""
    return db.session.scalar(select(m.Person.id).where(func.upper(m.Person.staff_code) == code.strip().upper()))


def scope_id(kind: GrantScope, name: str) -> int:
    """The id of a group, grade level or class of the open year by its name; NotFound otherwise."""
    name = normalise_name(name)
    if kind is GrantScope.GRADE_LEVEL and name in ("6", "7", "8", "9"):
        return int(name)
    found: int | None = None
    if kind is GrantScope.SUBJECT_GROUP:
        found = db.session.scalar(select(m.SubjectGroup.id).where(m.SubjectGroup.name == name))
    elif kind is GrantScope.CLASS_GROUP:
        found = roster.class_by_name(name, roster.open_year()).id
    if found is None:
        raise NotFound(f"Trường không có “{name}”.")
    return found


def list_staff(
    actor: Actor, today: date, *, search: str = "", group_id: int | None = None, include_left: bool = False
) -> list[StaffRow]:
    """Staff sorted by given name; ``search`` finds with and without diacritics. Needs ``staff:read``."""
    actor.require(Permission.STAFF_READ)
    query = select(m.Person, m.SubjectGroup.name).outerjoin(m.SubjectGroup).order_by(m.Person.sort_key)
    if group_id is not None:
        query = query.where(m.Person.subject_group_id == group_id)
    if not include_left:
        query = query.where(or_(m.Person.left_on.is_(None), m.Person.left_on >= today))
    roles: dict[int, list[Role]] = {}
    for person_id, role in db.session.execute(
        select(m.RoleGrant.person_id, m.RoleGrant.role).where(in_force(m.RoleGrant, today))
    ):
        roles.setdefault(person_id, []).append(Role(role))
    homeroom = {
        row.person_id: row.name
        for row in db.session.execute(
            select(m.HomeroomAssignment.person_id, m.ClassGroup.name)
            .join(m.ClassGroup, m.ClassGroup.id == m.HomeroomAssignment.class_group_id)
            .where(in_force(m.HomeroomAssignment, today))
        )
    }
    n_teaching: dict[int, int] = {}
    for (person_id,) in db.session.execute(
        select(m.TeachingAssignment.person_id).where(in_force(m.TeachingAssignment, today))
    ):
        n_teaching[person_id] = n_teaching.get(person_id, 0) + 1
    wanted, wanted_with_tones = search_key(search), unicodedata.normalize("NFC", search).casefold().strip()
    rows = []
    for person, group in db.session.execute(query):
        if (
            wanted
            and wanted not in search_key(person.full_name)
            and wanted_with_tones not in person.staff_code.casefold()
        ):
            continue
        rows.append(
            StaffRow(
                person.id,
                person.staff_code,
                person.full_name,
                group,
                person.position_title,
                tuple(dict.fromkeys(roles.get(person.id, ()))),
                homeroom.get(person.id),
                n_teaching.get(person.id, 0),
                person.left_on,
            )
        )
    return rows


def profile(actor: Actor, person_id: int) -> Profile:
    """A profile: the own one, or any with ``staff:read``. NotFound otherwise."""
    person = db.session.get(m.Person, person_id)
    if person is None or not (actor.may(Permission.STAFF_READ) or actor.person_id == person_id):
        raise NotFound("Không có hồ sơ này trong phần việc của thầy, cô.")
    duties = [
        Duty(f"Chủ nhiệm lớp {name}", starts, ends)
        for name, starts, ends in db.session.execute(
            select(m.ClassGroup.name, m.HomeroomAssignment.starts_on, m.HomeroomAssignment.ends_on)
            .join(m.ClassGroup, m.ClassGroup.id == m.HomeroomAssignment.class_group_id)
            .where(m.HomeroomAssignment.person_id == person_id)
            .order_by(m.HomeroomAssignment.starts_on.desc())
        )
    ] + [
        Duty(f"{subject} {name}", starts, ends)
        for subject, name, starts, ends in db.session.execute(
            select(
                m.Subject.short_name, m.ClassGroup.name, m.TeachingAssignment.starts_on, m.TeachingAssignment.ends_on
            )
            .join(m.ClassSubject, m.ClassSubject.id == m.TeachingAssignment.class_subject_id)
            .join(m.ClassGroup, m.ClassGroup.id == m.ClassSubject.class_group_id)
            .join(m.Subject, m.Subject.id == m.ClassSubject.subject_id)
            .where(m.TeachingAssignment.person_id == person_id)
            .order_by(m.TeachingAssignment.starts_on.desc(), m.ClassGroup.name, m.Subject.sheet_order)
        )
    ]
    warnings: tuple[str, ...] = ()
    if person.personal_id_number:
        try:
            warnings = tuple(
                warning.sentence
                for warning in check_personal_id(
                    person.personal_id_number, born_on=person.birth_on, sex=Sex(person.sex) if person.sex else None
                )
            )
        except Invalid as invalid:
            warnings = (invalid.message,)
    return Profile(
        person,
        person.subject_group.name if person.subject_group else None,
        tuple(duties),
        warnings,
        actor.may(Permission.STAFF_EDIT),
    )


def add_person(actor: Actor, values: dict[str, Any], now: datetime) -> m.Person:
    """Enter a member of staff. Needs ``staff:edit``. Invalid for a code or number somebody has already."""
    actor.require(Permission.STAFF_EDIT)
    cleaned = _cleaned(values)
    cleaned.pop("left_on", None)
    with write_transaction():
        _refuse_twins(cleaned, None)
        return roster.create_person(actor, cleaned, now)


def save_profile(
    actor: Actor, person_id: int, values: dict[str, Any], expected_version: int, now: datetime
) -> m.Person:
    """Change a profile. Needs ``staff:edit``; Stale when somebody changed it since; the same values write nothing.

    With a last working day (``left_on``) every duty and role ends on it, and from that day on the account is shut.
    """
    actor.require(Permission.STAFF_EDIT)
    cleaned = _cleaned(values)
    with write_transaction() as session:
        person = session.get(m.Person, person_id, populate_existing=True)
        if person is None:
            raise NotFound("Không có hồ sơ này.")
        before = {name: getattr(person, name) for name in cleaned if getattr(person, name) != cleaned[name]}
        if not before:
            return person
        if person.version != expected_version:
            raise Stale("Hồ sơ này vừa được người khác sửa. Xin xem lại rồi ghi tiếp.", current=person.version)
        _refuse_twins(cleaned, person_id)
        for name in before:
            setattr(person, name, cleaned[name])
        if "full_name" in before:
            person.sort_key = sort_key(person.full_name)
            roster.renew_powers(person_id)
        person.version += 1
        session.flush()
        state = audit.states("person", [person])
        if person.left_on is not None and "left_on" in before:
            state = audit.merge_states(state, _let_go(person, person.left_on, now))
        audit.record(
            AuditTag.PERSON_CHANGED, actor, now, target_kind="person", target_id=person_id, state=state, before=before
        )
    return person


def _let_go(person: m.Person, last_day: date, now: datetime) -> dict[str, dict[str, Any]]:
    """End duties and roles on the last working day; shut the account once that day is over."""
    parts = []
    watched: tuple[tuple[str, Any], ...] = (
        ("teaching_assignment", m.TeachingAssignment),
        ("homeroom_assignment", m.HomeroomAssignment),
        ("role_grant", m.RoleGrant),
    )
    for kind, model in watched:
        rows = list(
            db.session.scalars(
                select(model).where(
                    model.person_id == person.id, or_(model.ends_on.is_(None), model.ends_on > last_day)
                )
            )
        )
        if any(kind == "role_grant" and row.role == Role.PRINCIPAL for row in rows) and not db.session.scalar(
            select(m.RoleGrant.id)
            .where(
                m.RoleGrant.role == Role.PRINCIPAL.value,
                m.RoleGrant.person_id != person.id,
                or_(m.RoleGrant.ends_on.is_(None), m.RoleGrant.ends_on > last_day),
            )
            .limit(1)
        ):
            raise WrongState("Trường luôn cần một Hiệu trưởng: xin giao vai trò cho người kế nhiệm trước.")
        for row in rows:
            row.ends_on = last_day
        if rows:
            parts.append(audit.states(kind, rows))
    account = db.session.scalar(select(m.Account).where(m.Account.person_id == person.id))
    if account is not None:
        if last_day < clock.local_date(now) and account.disabled_at is None:
            account.disabled_at = now
            parts.append(audit.states("account", [account]))
        sessions.end_all(account.id, now=now)
    db.session.flush()
    return audit.merge_states(*parts)


def _cleaned(values: dict[str, Any]) -> dict[str, Any]:
    """Only the columns of a profile, tidied and checked."""
    cleaned: dict[str, Any] = {}
    for name in PROFILE_COLUMNS:
        if name not in values:
            continue
        value = values[name]
        if isinstance(value, str):
            value = unicodedata.normalize("NFC", " ".join(value.split())) or None
        cleaned[name] = value
    if not cleaned.get("full_name"):
        raise Invalid("Xin ghi họ và tên.", field="full_name")
    cleaned["full_name"] = normalise_name(cleaned["full_name"])
    if not cleaned.get("staff_code"):
        raise Invalid("Xin ghi mã cán bộ, giáo viên.", field="staff_code")
    if cleaned.get("personal_id_number"):
        check_personal_id(cleaned["personal_id_number"])
    if cleaned.get("sex") not in (None, Sex.MALE.value, Sex.FEMALE.value):
        raise Invalid("Giới tính là Nam hoặc Nữ.", field="sex")
    if cleaned.get("birth_on") and not date(1930, 1, 1) <= cleaned["birth_on"] <= date(2015, 1, 1):
        raise Invalid("Ngày sinh không hợp lí.", field="birth_on")
    if cleaned.get("joined_on") and cleaned.get("left_on") and cleaned["left_on"] < cleaned["joined_on"]:
        raise Invalid("Ngày thôi việc phải sau ngày về trường.", field="left_on")
    if (
        cleaned.get("subject_group_id") is not None
        and db.session.get(m.SubjectGroup, cleaned["subject_group_id"]) is None
    ):
        raise Invalid("Tổ chuyên môn này không có trong trường.", field="subject_group_id")
    return cleaned


def _refuse_twins(cleaned: dict[str, Any], person_id: int | None) -> None:
    for column, words in (("staff_code", "Mã cán bộ, giáo viên"), ("personal_id_number", "Số định danh cá nhân")):
        if cleaned.get(column):
            other = db.session.scalar(
                select(m.Person.full_name).where(
                    getattr(m.Person, column) == cleaned[column], m.Person.id != (person_id or 0)
                )
            )
            if other is not None:
                raise Invalid(f"{words} {cleaned[column]} đã là của {other}.", field=column)


# --- who teaches what -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A subject of the class: who teaches it today, since when, and who follows."""

    class_subject_id: int
    subject: str
    lessons_per_year: int
    person_id: int | None
    teacher: str | None
    since: date | None
    until: date | None
    next_teacher: str | None
    next_from: date | None


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """The assignments of one class."""

    class_group_id: int
    name: str
    year_label: str
    starts_on: date
    ends_on: date
    homeroom: PlanRow
    rows: tuple[PlanRow, ...]


def classes_of_open_year(actor: Actor) -> list[tuple[int, str]]:
    """(id, name) of the open year's classes, by grade level and name. Needs ``assignment:edit``; empty without a year."""
    actor.require(Permission.ASSIGNMENT_EDIT)
    try:
        year = roster.open_year()
    except NotFound:
        return []
    rows = db.session.execute(
        select(m.ClassGroup.id, m.ClassGroup.name)
        .where(m.ClassGroup.school_year_id == year.id)
        .order_by(m.ClassGroup.grade_level, m.ClassGroup.name)
    )
    return [(number, name) for number, name in rows]


def teachers(today: date) -> list[tuple[int, str]]:
    """(id, name and code) of everybody who works at the school today, by given name."""
    rows = db.session.execute(
        select(m.Person.id, m.Person.full_name, m.Person.staff_code)
        .where(or_(m.Person.left_on.is_(None), m.Person.left_on >= today))
        .order_by(m.Person.sort_key)
    )
    return [(person_id, f"{name} ({code})") for person_id, name, code in rows]


def class_plan(actor: Actor, class_group_id: int, today: date) -> ClassPlan:
    """Who keeps the class and who teaches each subject. Needs ``assignment:edit``."""
    actor.require(Permission.ASSIGNMENT_EDIT)
    class_group = db.session.get(m.ClassGroup, class_group_id)
    if class_group is None:
        raise NotFound("Không có lớp này.")
    keepers = list(
        db.session.scalars(select(m.HomeroomAssignment).where(m.HomeroomAssignment.class_group_id == class_group_id))
    )
    rows = []
    for offered, subject in db.session.execute(
        select(m.ClassSubject, m.Subject)
        .join(m.Subject)
        .where(m.ClassSubject.class_group_id == class_group_id)
        .order_by(m.Subject.sheet_order)
    ):
        held = list(
            db.session.scalars(select(m.TeachingAssignment).where(m.TeachingAssignment.class_subject_id == offered.id))
        )
        rows.append(_plan_row(offered.id, subject.name, offered.lessons_per_year, held, today))
    year = class_group.school_year
    return ClassPlan(
        class_group_id,
        class_group.name,
        year.label,
        year.starts_on,
        year.ends_on,
        _plan_row(0, "Chủ nhiệm", 0, keepers, today),
        tuple(rows),
    )


def _plan_row(class_subject_id: int, subject: str, lessons: int, held: list[Any], today: date) -> PlanRow:
    living = [row for row in held if row.ends_on is None or row.ends_on >= row.starts_on]
    present = next(
        (row for row in living if row.starts_on <= today and (row.ends_on is None or row.ends_on >= today)), None
    )
    coming = min((row for row in living if row.starts_on > today), key=lambda row: row.starts_on, default=None)
    return PlanRow(
        class_subject_id,
        subject,
        lessons,
        present.person_id if present else None,
        present.person.full_name if present else None,
        present.starts_on if present else None,
        present.ends_on if present else None,
        coming.person.full_name if coming else None,
        coming.starts_on if coming else None,
    )


def hand_over(
    actor: Actor, class_group_id: int, class_subject_id: int | None, person_id: int, starts_on: date, now: datetime
) -> None:
    """Give a subject of a class (or, for None, the class itself) to a teacher from a day on.

    The one who had it keeps it to the day before, and what they wrote stays theirs. Needs ``assignment:edit``; Invalid
    for a day outside the school year, a person who has left, or the IT officer, whose account never touches scores.
    """
    actor.require(Permission.ASSIGNMENT_EDIT)
    class_group = db.session.get(m.ClassGroup, class_group_id)
    if class_group is None:
        raise NotFound("Không có lớp này.")
    year = class_group.school_year
    if not year.starts_on <= starts_on <= year.ends_on:
        raise Invalid(f"Ngày bắt đầu phải trong năm học {year.label}.", field="starts_on")
    person = db.session.get(m.Person, person_id)
    if person is None or (person.left_on is not None and person.left_on < starts_on):
        raise Invalid("Xin chọn người đang làm việc ở trường.", field="person_id")
    if db.session.scalar(
        select(m.RoleGrant.id).where(
            m.RoleGrant.person_id == person_id,
            m.RoleGrant.role == Role.IT_OFFICER.value,
            in_force(m.RoleGrant, starts_on),
        )
    ):
        raise Invalid(
            "Người đang phụ trách CNTT không được phân công dạy: tài khoản ấy không chạm tới điểm.", field="person_id"
        )
    if class_subject_id is None:
        roster.assign_homeroom(actor, class_group_id, person_id, now, starts_on=starts_on)
        return
    offered = db.session.get(m.ClassSubject, class_subject_id)
    if offered is None or offered.class_group_id != class_group_id:
        raise NotFound("Lớp này không học môn ấy.")
    roster.assign_teacher(actor, class_subject_id, person_id, now, starts_on=starts_on)


__all__ = [
    "ClassPlan",
    "Duty",
    "Frame",
    "FrameCache",
    "PlanRow",
    "Profile",
    "StaffRow",
    "add_person",
    "class_plan",
    "classes_of_open_year",
    "frame",
    "hand_over",
    "list_staff",
    "person_by_code",
    "profile",
    "save_profile",
    "scope_id",
    "subject_groups",
    "teachers",
]
