"""Importing the staff: profiles, subject groups, and the roles that a position calls for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.exchange.profiles import column_map
from hocbaso.exchange.rows import ImportTable, TeacherRow
from hocbaso.exchange.vietnamese_text import fold_key, name_key
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.regulations.vietnamese_names import normalise_name, sort_key
from hocbaso.services import audit, role_grants, roster
from hocbaso.services.import_plans import (
    FieldChange,
    ImportPlan,
    PlanBuilder,
    PlanContext,
    PlannedItem,
    SamePerson,
    shown,
    too_long,
)
from hocbaso.services.in_force import has_left, not_over

STAFF_COLUMNS: dict[str, str] = {
    "full_name": "full_name",
    "born_on": "birth_on",
    "sex": "sex",
    "personal_id": "personal_id_number",
    "position": "position_title",
    "qualification": "qualification",
    "phone": "phone",
    "email": "email",
}
"""Field of :class:`TeacherRow` -> column of ``Person``; the subject group and the code are handled apart."""

_LABELS = column_map("teachers")
ROLE_WORDS = {
    Role.PRINCIPAL: "Hiệu trưởng",
    Role.VICE_PRINCIPAL: "Phó Hiệu trưởng",
    Role.CLERK: "Văn thư",
    Role.GROUP_HEAD: "Tổ trưởng",
    Role.IT_OFFICER: "Phụ trách CNTT",
}


@dataclass(frozen=True, slots=True)
class WantedGrant:
    """A role that a position calls for."""

    staff_code: str
    role: Role
    group_name: str | None


@dataclass(slots=True)
class StaffWork:
    """What applying will write. Groups are named, because they may be made by the same import."""

    groups: list[str] = field(default_factory=list)
    new: list[dict[str, Any]] = field(default_factory=list)
    updates: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    grants: list[WantedGrant] = field(default_factory=list)


def roles_of(position: str | None) -> tuple[Role, ...]:
    """The roles a position names: ``Giáo viên, Tổ trưởng`` calls for the group head's, ``Tổ phó`` for none."""
    found: list[Role] = []
    for part in re.split(r"[,;/+]| kiêm | - ", position or ""):
        key = fold_key(part)
        if key in ("hieutruong", "ht"):
            found.append(Role.PRINCIPAL)
        elif key in ("phohieutruong", "pht", "hieupho"):
            found.append(Role.VICE_PRINCIPAL)
        elif key.startswith(("vanthu", "nhanvienvanthu")):
            found.append(Role.CLERK)
        elif key.startswith("totruong"):
            found.append(Role.GROUP_HEAD)
        elif key.endswith(("cntt", "congnghethongtin")):
            found.append(Role.IT_OFFICER)
    return tuple(dict.fromkeys(found))


def plan_teachers(table: ImportTable[TeacherRow], context: PlanContext) -> ImportPlan:
    """Compare the list with the database by staff code. A blank cell keeps what stands.

    A new code whose owner may be somebody there already (entered in the wizard, say, under a proposed code) is asked about;
    answered "same", the person takes the code of the list.
    """
    builder = PlanBuilder("teachers", table.profile, context, table.problems)
    work = StaffWork()
    people = {row.staff_code.upper(): row for row in db.session.scalars(select(m.Person))}
    by_personal_id = {row.personal_id_number: row for row in people.values() if row.personal_id_number}
    groups = {row.name.casefold(): row for row in db.session.scalars(select(m.SubjectGroup))}
    group_names = {key: row.name for key, row in groups.items()}
    listed = {row.code.upper() for row in table.rows}
    unlisted = [row for code, row in people.items() if code not in listed and not has_left(row, context.today)]
    for row in table.rows:
        ask = None if row.code.upper() in people else _ask(row, unlisted, context)
        if ask is not None:
            builder.asks.append(ask)
            if not ask.answer:
                continue
            if ask.answer == "same":
                known = next(one for one in unlisted if one.id == ask.person_id)
                people[row.code.upper()] = known
                unlisted.remove(known)
        if _refused(row, people, by_personal_id, builder):
            continue
        group_name = _plan_group(row, group_names, work, builder)
        person = people.get(row.code.upper())
        values = _values(row)
        if person is not None and person.staff_code.upper() != row.code.upper():
            values["staff_code"] = row.code
        if person is None:
            work.new.append({"staff_code": row.code, "group": group_name, **values})
            builder.add(
                PlannedItem("create", "Cán bộ, giáo viên", f"{row.full_name} ({row.code})", row.at("full_name"))
            )
        else:
            _plan_change(row, person, values, group_name, work, builder)
        _want_roles(row, person, group_name, context, work, builder)
    return builder.build(work)


def _ask(row: TeacherRow, unlisted: list[m.Person], context: PlanContext) -> SamePerson | None:
    """Whether a new code may be of somebody the list does not name by his own: same personal id, or same name and nothing
    known that tells the two apart."""
    for person in unlisted:
        if row.personal_id and row.personal_id == person.personal_id_number:
            why = "cùng số định danh cá nhân"
        elif name_key(person.full_name) != name_key(row.full_name):
            continue
        elif row.born_on and person.birth_on:
            if row.born_on != person.birth_on:
                continue
            why = f"cùng họ tên, cùng ngày sinh {shown(person.birth_on)}"
        elif row.personal_id and person.personal_id_number:
            continue
        else:
            held = db.session.scalars(
                select(m.RoleGrant.role).where(m.RoleGrant.person_id == person.id, not_over(m.RoleGrant, context.today))
            )
            roles = ", ".join(ROLE_WORDS[Role(one)] for one in held if Role(one) in ROLE_WORDS)
            why = f"cùng họ tên{', đang giữ vai trò ' + roles if roles else ''}"
        answer = context.answers.get(row.code.upper(), "")
        return SamePerson(row.code, row.full_name, person.id, person.staff_code, why, answer, row.at("full_name"))
    return None


def _refused(
    row: TeacherRow, people: dict[str, m.Person], by_personal_id: dict[str, m.Person], builder: PlanBuilder
) -> bool:
    for name, column in (*STAFF_COLUMNS.items(), ("code", "staff_code")):
        limit = too_long(m.Person, column, getattr(row, name))
        if limit is not None:
            builder.error(row.at(name), _LABELS.label(name), getattr(row, name), f"dài quá {limit} chữ.")
            return True
    if (limit := too_long(m.SubjectGroup, "name", row.department)) is not None:
        builder.error(row.at("department"), "Tổ chuyên môn", row.department, f"dài quá {limit} chữ.")
        return True
    person = people.get(row.code.upper())
    owner = by_personal_id.get(row.personal_id) if row.personal_id else None
    if owner is not None and owner is not person:
        builder.error(
            row.at("personal_id"),
            "Số định danh cá nhân",
            row.personal_id,
            f"đã là của {owner.full_name} ({owner.staff_code}).",
        )
        return True
    if (
        person is not None
        and name_key(person.full_name) != name_key(row.full_name)
        and (row.born_on is None or person.birth_on is None or person.birth_on != row.born_on)
        and not (row.personal_id and row.personal_id == person.personal_id_number)
    ):
        builder.error(
            row.at("full_name"),
            "Họ và tên",
            row.full_name,
            f"mã {row.code} trong hồ sơ là của {person.full_name}"
            f"{', sinh ' + shown(person.birth_on) if person.birth_on else ''}.",
        )
        return True
    return False


def _plan_group(row: TeacherRow, names: dict[str, str], work: StaffWork, builder: PlanBuilder) -> str | None:
    if row.department is None:
        return None
    name = normalise_name(row.department)
    if name.casefold() not in names:
        names[name.casefold()] = name
        work.groups.append(name)
        builder.add(PlannedItem("create", "Tổ chuyên môn", name, row.at("department")))
    return names[name.casefold()]


def _values(row: TeacherRow) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, column in STAFF_COLUMNS.items():
        value = getattr(row, name)
        if value is not None:
            values[column] = value.value if name == "sex" else normalise_name(value) if name == "full_name" else value
    return values


def _plan_change(
    row: TeacherRow,
    person: m.Person,
    values: dict[str, Any],
    group_name: str | None,
    work: StaffWork,
    builder: PlanBuilder,
) -> None:
    changed = {column: value for column, value in values.items() if getattr(person, column) != value}
    changes = [
        FieldChange(_LABELS.label(name), shown(getattr(person, column)), shown(changed[column]), row.at(name))
        for name, column in STAFF_COLUMNS.items()
        if column in changed
    ]
    if "staff_code" in changed:
        changes.insert(0, FieldChange(_LABELS.label("code"), person.staff_code, row.code, row.at("code")))
    standing = person.subject_group.name if person.subject_group else None
    if group_name is not None and group_name != standing:
        changed["group"] = group_name
        changes.append(FieldChange("Tổ chuyên môn", standing or "", group_name, row.at("department")))
    if not changed:
        builder.count("Cán bộ, giáo viên", "same")
        return
    work.updates.append((person.id, changed))
    builder.add(
        PlannedItem(
            "change",
            "Cán bộ, giáo viên",
            f"{person.full_name} ({person.staff_code})",
            row.at("full_name"),
            tuple(changes),
        )
    )


def _want_roles(
    row: TeacherRow,
    person: m.Person | None,
    group_name: str | None,
    context: PlanContext,
    work: StaffWork,
    builder: PlanBuilder,
) -> None:
    may_grant = context.actor.may(Permission.ROLE_GRANT)
    for role in roles_of(row.position):
        words = ROLE_WORDS[role]
        if role is Role.GROUP_HEAD:
            if group_name is None:
                builder.warn(
                    row.at("position"),
                    "Chức vụ",
                    row.position,
                    "không ghi tổ chuyên môn nên chưa rõ là tổ trưởng của tổ nào; chưa giao quyền.",
                )
                continue
            words = f"Tổ trưởng {group_name}"
        holders = _holders(role, group_name, context)
        if person is not None and person.id in holders:
            builder.count("Quyền theo chức vụ", "same")
            continue
        if role is Role.PRINCIPAL and (holders or any(grant.role is role for grant in work.grants)):
            other = next(iter(holders.values()), None) or "một người khác trong tệp"
            builder.warn(
                row.at("position"),
                "Chức vụ",
                row.position,
                f"{other} đã được giao vai trò Hiệu trưởng; chưa giao quyền cho {row.full_name} ({row.code}).",
            )
            continue
        if not may_grant:
            builder.notes.append(f"{row.full_name} ({row.code}): {words} — cần Hiệu trưởng giao quyền.")
            continue
        if why_not := _why_not(row, person, role, context, work):
            builder.warn(row.at("position"), "Chức vụ", row.position, f"{why_not} Chưa giao quyền cho {row.full_name}.")
            continue
        work.grants.append(WantedGrant(row.code, role, group_name if role is Role.GROUP_HEAD else None))
        builder.add(
            PlannedItem("create", "Quyền theo chức vụ", f"{row.full_name} ({row.code}): {words}", row.at("position"))
        )


def _why_not(row: TeacherRow, person: m.Person | None, role: Role, context: PlanContext, work: StaffWork) -> str:
    """Why this role is not given by a list, by the rules of ``services/role_grants.py``; "" when it may be."""
    planned = [grant.role for grant in work.grants if grant.staff_code == row.code]
    if person is None:
        return role_grants.clash(None, role, planned, context.today)
    if not context.actor.is_system and person.id == context.actor.person_id:
        return "không ai tự giao vai trò cho chính mình."
    if has_left(person, context.today):
        return f"làm việc ở trường đến hết {person.left_on:%d/%m/%Y}."
    held = db.session.scalars(
        select(m.RoleGrant.role).where(m.RoleGrant.person_id == person.id, not_over(m.RoleGrant, context.today))
    )
    return role_grants.clash(person, role, [*(Role(one) for one in held), *planned], context.today)


def _holders(role: Role, group_name: str | None, context: PlanContext) -> dict[int, str]:
    """Who holds a role today or later, name and code by person id; heads of groups by group."""
    query = (
        select(m.RoleGrant, m.Person.full_name, m.Person.staff_code)
        .join(m.Person, m.Person.id == m.RoleGrant.person_id)
        .where(m.RoleGrant.role == role.value, not_over(m.RoleGrant, context.today))
    )
    if role is Role.GROUP_HEAD:
        query = query.join(m.SubjectGroup, m.SubjectGroup.id == m.RoleGrant.scope_id).where(
            m.RoleGrant.scope_kind == GrantScope.SUBJECT_GROUP.value, m.SubjectGroup.name == group_name
        )
    return {grant.person_id: f"{name} ({code})" for grant, name, code in db.session.execute(query)}


def apply_teachers(work: StaffWork, context: PlanContext, year: m.SchoolYear) -> None:
    """Write the plan inside the caller's transaction: one entry for new people, one for changed ones, one a group and grant."""
    actor, now, session = context.actor, context.now, db.session
    for name in work.groups:
        roster.ensure_group(actor, name, now)
    group_ids = {row.name: row.id for row in session.scalars(select(m.SubjectGroup))}
    if work.new:
        rows = []
        for values in work.new:
            columns = dict(values)
            group = columns.pop("group")
            rows.append(
                m.Person(
                    **columns,
                    subject_group_id=group_ids[group] if group else None,
                    sort_key=sort_key(columns["full_name"]),
                )
            )
        session.add_all(rows)
        session.flush()
        audit.record(
            AuditTag.PERSON_CREATED,
            actor,
            now,
            target_kind="school",
            target_id=1,
            state=audit.states("person", rows),
            facts={"n_people": len(rows), "source": "imported"},
        )
    if work.updates:
        wanted = dict(work.updates)
        people = list(session.scalars(select(m.Person).where(m.Person.id.in_(wanted)).order_by(m.Person.id)))
        before: dict[str, Any] = {}
        for person in people:
            columns = dict(wanted[person.id])
            if "group" in columns:
                columns["subject_group_id"] = group_ids[columns.pop("group")]
            before |= {f"{person.id}-{column}": getattr(person, column) for column in columns}
            for column, value in columns.items():
                setattr(person, column, value)
            person.sort_key = sort_key(person.full_name)
            person.version += 1
            if "subject_group_id" in columns:
                roster.renew_powers(person.id)
        session.flush()
        audit.record(
            AuditTag.PERSON_CHANGED,
            actor,
            now,
            target_kind="school",
            target_id=1,
            state=audit.states("person", people),
            before=before,
            facts={"n_people": len(people), "source": "imported"},
        )
    person_ids = {
        code.upper(): person_id for code, person_id in session.execute(select(m.Person.staff_code, m.Person.id))
    }
    for grant in work.grants:
        scoped = grant.group_name is not None
        role_grants.grant_role(
            actor,
            person_ids[grant.staff_code.upper()],
            grant.role,
            now,
            scope_kind=GrantScope.SUBJECT_GROUP if scoped else GrantScope.SCHOOL,
            scope_id=group_ids[grant.group_name] if grant.group_name is not None else None,
            document="Theo chức vụ trong danh sách cán bộ đã nhập",
        )
