"""Staff profiles (trích ngang): the list, one profile with its duties, entering and changing one."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, Stale
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.drawn_letters import why_not_a_name
from hocbaso.regulations.identifiers import check_personal_id
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.regulations.terms import Sex
from hocbaso.regulations.vietnamese_names import normalise_name, search_key, sort_key
from hocbaso.services import audit, leaving, roster
from hocbaso.services.access import Actor
from hocbaso.services.in_force import ever_began, in_force

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
            .where(m.HomeroomAssignment.person_id == person_id, ever_began(m.HomeroomAssignment))
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
            .where(m.TeachingAssignment.person_id == person_id, ever_began(m.TeachingAssignment))
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

    With a last working day (``left_on``) every duty ends on it, and from the day after nobody acts in that name. Roles are the
    principal's to end: WrongState while the person holds one beyond that day.
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
            state = audit.merge_states(state, leaving.let_go(actor, person, person.left_on, now))
        audit.record(
            AuditTag.PERSON_CHANGED, actor, now, target_kind="person", target_id=person_id, state=state, before=before
        )
    return person


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
    if why := why_not_a_name(cleaned["full_name"]):
        raise Invalid(f"Họ và tên {why}", field="full_name")
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


def it_officers(now: datetime) -> list[str]:
    """Names of those who open accounts today."""
    return list(
        db.session.scalars(
            select(m.Person.full_name)
            .join(m.RoleGrant, m.RoleGrant.person_id == m.Person.id)
            .where(m.RoleGrant.role == Role.IT_OFFICER.value, in_force(m.RoleGrant, clock.local_date(now)))
            .order_by(m.Person.sort_key)
        )
    )


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
