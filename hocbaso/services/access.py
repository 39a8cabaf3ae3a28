"""Who the actor is and what this person may touch. Powers come from assignments, read afresh when they change.

Loaders return what the actor may see or raise NotFound: a sheet outside one's assignments does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import NotAllowed, NotFound
from hocbaso.regulations.permissions import (
    HOMEROOM_PERMISSIONS,
    LEARNING_DATA,
    ROLE_PERMISSIONS,
    TEACHING_PERMISSIONS,
    GrantScope,
    Permission,
    Role,
)
from hocbaso.services.in_force import has_left, in_force


@dataclass(frozen=True, slots=True)
class Grant:
    """One role in force today with its reach."""

    role: Role
    scope_kind: GrantScope
    scope_id: int | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts: an account with today's powers, or the system."""

    account_id: int | None
    person_id: int | None
    username: str
    name: str
    permissions: frozenset[Permission] = field(default_factory=frozenset)
    grants: tuple[Grant, ...] = ()
    teaching: frozenset[int] = field(default_factory=frozenset)
    """``class_subject`` ids taught today."""
    homeroom: frozenset[int] = field(default_factory=frozenset)
    """``class_group`` ids kept today."""
    is_system: bool = False

    def may(self, permission: Permission) -> bool:
        """Whether the actor holds the power anywhere."""
        return self.is_system or permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raise NotAllowed unless the actor holds the power somewhere."""
        if not self.may(permission):
            raise NotAllowed("Thầy, cô không được giao việc này. Nếu cần, hãy hỏi Ban Giám hiệu.")

    def has_role(self, role: Role) -> bool:
        """Whether the role is held today in any scope."""
        return any(grant.role is role for grant in self.grants)


SYSTEM = Actor(account_id=None, person_id=None, username="he-thong", name="Hệ thống", is_system=True)
"""The recorded actor of set-up, demo loading and scheduled jobs."""


def load_actor(account_id: int, today: date) -> Actor:
    """The account's actor with the powers of ``today``, read afresh.

    An account holding the IT role keeps none of the powers over learning data, whatever else was granted to it. A delegation
    counts while its holder is vice-principal. Raises NotFound for an unknown or disabled account, and for whoever's last working day is over, whatever rows stand.
    """
    session: Session = db.session()
    found = session.execute(
        select(m.Account, m.Person)
        .join(m.Person, m.Person.id == m.Account.person_id)
        .where(m.Account.id == account_id)
        .execution_options(populate_existing=True)
    ).first()
    if found is None or found.Account.disabled_at is not None or has_left(found.Person, today):
        raise NotFound("Tài khoản không còn hoạt động.")
    account, person = found

    rows = session.scalars(
        select(m.RoleGrant)
        .where(m.RoleGrant.person_id == person.id, in_force(m.RoleGrant, today))
        .order_by(m.RoleGrant.id)
    )
    grants = tuple(Grant(Role(row.role), GrantScope(row.scope_kind), row.scope_id) for row in rows)
    if not any(grant.role is Role.VICE_PRINCIPAL for grant in grants):
        grants = tuple(grant for grant in grants if grant.role is not Role.DELEGATE)
    teaching = frozenset(
        session.scalars(
            select(m.TeachingAssignment.class_subject_id).where(
                m.TeachingAssignment.person_id == person.id, in_force(m.TeachingAssignment, today)
            )
        )
    )
    homeroom = frozenset(
        session.scalars(
            select(m.HomeroomAssignment.class_group_id).where(
                m.HomeroomAssignment.person_id == person.id, in_force(m.HomeroomAssignment, today)
            )
        )
    )
    permissions: set[Permission] = set()
    for grant in grants:
        permissions |= ROLE_PERMISSIONS[grant.role]
    if teaching:
        permissions |= TEACHING_PERMISSIONS
    if homeroom:
        permissions |= HOMEROOM_PERMISSIONS
    if any(grant.role is Role.IT_OFFICER for grant in grants):
        permissions -= LEARNING_DATA
        teaching = homeroom = frozenset()
        grants = tuple(grant for grant in grants if grant.role is Role.IT_OFFICER)
    return Actor(
        account_id=account.id,
        person_id=person.id,
        username=account.username,
        name=person.full_name,
        permissions=frozenset(permissions),
        grants=grants,
        teaching=teaching,
        homeroom=homeroom,
    )


def grant_covers(grant: Grant, class_group: m.ClassGroup, *, subject_group_id: int | None = None) -> bool:
    """Whether a grant reaches a class (and, for sheets, the author's subject group)."""
    match grant.scope_kind:
        case GrantScope.SCHOOL:
            return True
        case GrantScope.GRADE_LEVEL:
            return grant.scope_id == class_group.grade_level
        case GrantScope.CLASS_GROUP:
            return grant.scope_id == class_group.id
        case GrantScope.SUBJECT_GROUP:
            return subject_group_id is not None and grant.scope_id == subject_group_id


def roles_reaching(actor: Actor, class_group: m.ClassGroup, *, subject_group_id: int | None = None) -> frozenset[Role]:
    """The roles of the actor that reach a class or sheet."""
    return frozenset(
        grant.role for grant in actor.grants if grant_covers(grant, class_group, subject_group_id=subject_group_id)
    )


NO_PUPIL = "Không có học sinh này trong phần việc của thầy, cô."
"""One sentence for a pupil who is not there and for one of somebody else's class: which of both is nobody's business."""


def class_of_pupil(actor: Actor, class_group_id: int, permission: Permission) -> m.ClassGroup:
    """:func:`class_for` of a pupil found by the own id; NotFound as for a pupil who is not there."""
    try:
        return class_for(actor, class_group_id, permission)
    except NotFound:
        raise NotFound(NO_PUPIL) from None


def class_for(actor: Actor, class_group_id: int, permission: Permission) -> m.ClassGroup:
    """The class, when the actor holds ``permission`` over it: as its homeroom teacher or through a role that reaches it.

    Raises NotFound otherwise.
    """
    session: Session = db.session()
    class_group = session.get(m.ClassGroup, class_group_id)
    if class_group is not None:
        if actor.is_system:
            return class_group
        if permission in actor.permissions:
            if class_group.id in actor.homeroom and permission in HOMEROOM_PERMISSIONS:
                return class_group
            if any(permission in ROLE_PERMISSIONS[role] for role in roles_reaching(actor, class_group)):
                return class_group
    raise NotFound("Không có lớp này trong phần việc của thầy, cô.")


def reaches_class(actor: Actor, class_group_id: int, permission: Permission) -> bool:
    """Whether :func:`class_for` would hand out the class."""
    try:
        class_for(actor, class_group_id, permission)
    except NotFound:
        return False
    return True


def keeps_class(actor: Actor, class_group: m.ClassGroup) -> bool:
    """Whether this person is the class's homeroom teacher today (or the system)."""
    return actor.is_system or (class_group.id in actor.homeroom and Permission.CLASS_KEEP in actor.permissions)
