"""Who decides for the school what a homeroom teacher proposed: the principal; of the principal's own proposal a vice-principal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import NotAllowed
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.regulations.two_hands import may_decide_for_school
from hocbaso.services.access import Actor, Grant, grant_covers, roles_reaching
from hocbaso.services.in_force import in_force, not_over


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who proposed something about a class, and when."""

    class_group: m.ClassGroup
    account_id: int | None
    at: datetime


def may_decide(actor: Actor, proposal: Proposal, permission: Permission) -> bool:
    """Whether this person decides it (``regulations/two_hands.may_decide_for_school``)."""
    if actor.is_system:
        return True
    roles = roles_reaching(actor, proposal.class_group)
    if not actor.may(permission) or not roles & {Role.PRINCIPAL, Role.VICE_PRINCIPAL}:
        return False
    return may_decide_for_school(
        is_proposer=_is_proposer(actor, proposal),
        is_principal=Role.PRINCIPAL in roles,
        is_vice_principal=Role.VICE_PRINCIPAL in roles,
        proposed_by_principal=Role.PRINCIPAL not in roles and _by_principal(proposal),
    )


def holders(proposal: Proposal, today: date) -> tuple[int, ...]:
    """Person ids of everybody who decides it today, by the same rule: whom the reminders and the board name."""
    roles: dict[int, set[Role]] = {}
    for row in db.session.scalars(
        select(m.RoleGrant)
        .where(m.RoleGrant.role.in_([Role.PRINCIPAL.value, Role.VICE_PRINCIPAL.value]), in_force(m.RoleGrant, today))
        .order_by(m.RoleGrant.id)
    ):
        grant = Grant(Role(row.role), GrantScope(row.scope_kind), row.scope_id)
        if grant_covers(grant, proposal.class_group):
            roles.setdefault(row.person_id, set()).add(grant.role)
    proposer, by_principal = _person(proposal.account_id), _by_principal(proposal)
    return tuple(
        person_id
        for person_id, held in roles.items()
        if may_decide_for_school(
            is_proposer=person_id == proposer,
            is_principal=Role.PRINCIPAL in held,
            is_vice_principal=Role.VICE_PRINCIPAL in held,
            proposed_by_principal=by_principal,
        )
    )


def require_decides(actor: Actor, proposal: Proposal, permission: Permission, whose: str) -> None:
    """Raise NotAllowed with ``whose`` it is, or with who decides instead of the one who proposed."""
    if may_decide(actor, proposal, permission):
        return
    if Role.PRINCIPAL in roles_reaching(actor, proposal.class_group) and _is_proposer(actor, proposal):
        raise NotAllowed(
            "Thầy, cô đã lập đề nghị này nên không tự quyết định: Phó Hiệu trưởng quyết định. Chưa có gì thay đổi."
        )
    raise NotAllowed(f"{whose} Chưa có gì thay đổi.")


def _person(account_id: int | None) -> int | None:
    found: int | None = db.session.scalar(select(m.Account.person_id).where(m.Account.id == account_id))
    return found


def _is_proposer(actor: Actor, proposal: Proposal) -> bool:
    return proposal.account_id is not None and (
        proposal.account_id == actor.account_id or _person(proposal.account_id) == actor.person_id
    )


def _by_principal(proposal: Proposal) -> bool:
    """Whether whoever proposed was principal on that day, or became it since: who is principal may not decide it then."""
    rows = select(m.RoleGrant.id).where(
        m.RoleGrant.person_id == _person(proposal.account_id),
        m.RoleGrant.role == Role.PRINCIPAL.value,
        not_over(m.RoleGrant, clock.local_date(proposal.at)),
    )
    return db.session.scalar(rows.limit(1)) is not None
