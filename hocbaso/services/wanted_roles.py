"""Roles that the staff list calls for and nobody has given yet: the principal's to give, one by one.

The office imports the list but gives no powers, so what a position asks for waits here. A role that the person once held is
not asked for again: whoever ended it has decided.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.services.access import Actor
from hocbaso.services.import_staff import ROLE_WORDS, roles_of


@dataclass(frozen=True, slots=True)
class WantedRole:
    """A role for a person. ``scope``: the subject group's id of a group head, None for the whole school."""

    person_id: int
    name: str
    position: str
    role: Role
    words: str
    scope: int | None


def wanted_roles(actor: Actor) -> list[WantedRole]:
    """Roles that positions call for and that were never given, by given name; empty for who gives no roles.

    The principal's own role is left out (it is handed over), and so is the actor's own line: nobody grants to themselves.
    """
    if not actor.may(Permission.ROLE_GRANT):
        return []
    people = db.session.execute(
        select(m.Person.id, m.Person.full_name, m.Person.position_title, m.Person.subject_group_id, m.SubjectGroup.name)
        .outerjoin(m.SubjectGroup, m.SubjectGroup.id == m.Person.subject_group_id)
        .where(m.Person.position_title.is_not(None), m.Person.left_on.is_(None))
        .order_by(m.Person.sort_key, m.Person.id)
    ).all()
    given = {
        (row.person_id, row.role, row.scope_id)
        for row in db.session.execute(
            select(m.RoleGrant.person_id, m.RoleGrant.role, m.RoleGrant.scope_id).where(
                m.RoleGrant.scope_kind.in_([GrantScope.SCHOOL.value, GrantScope.SUBJECT_GROUP.value])
            )
        )
    }
    found: list[WantedRole] = []
    for person_id, name, position, group_id, group_name in people:
        if person_id == actor.person_id:
            continue
        for role in roles_of(position):
            heads = role is Role.GROUP_HEAD
            scope = group_id if heads else None
            if role is Role.PRINCIPAL or (heads and scope is None) or (person_id, role.value, scope) in given:
                continue
            words = f"Tổ trưởng {group_name}" if heads else ROLE_WORDS[role]
            found.append(WantedRole(person_id, name, position or "", role, words, scope))
    return found
