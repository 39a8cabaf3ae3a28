"""A school does not lock itself out: somebody can always act as principal, and somebody can always manage accounts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Invalid, NotAllowed, WrongState
from hocbaso.regulations.permissions import Role
from hocbaso.services.access import Actor
from hocbaso.services.in_force import in_force

KEPT = {Role.PRINCIPAL: "Hiệu trưởng", Role.IT_OFFICER: "người phụ trách CNTT"}
"""Roles of which one holder with an open account always stays."""


def clean_force(actor: Actor, forced: str | None) -> str | None:
    """The reason for doing it all the same, tidied; None when nothing is forced.

    Only at the server's keyboard (NotAllowed otherwise), and only with a reason that can be read later (Invalid).
    """
    if forced is None:
        return None
    if not actor.is_system:
        raise NotAllowed("Chỉ làm được ở bàn phím máy chủ, không kèm --actor.")
    words = " ".join(forced.split())
    if len(words) < 10:
        raise Invalid("Xin ghi rõ lí do (ít nhất vài chữ): lí do nằm trong nhật ký.", field="reason")
    return words[:500]


def require_another(person_id: int, roles: frozenset[Role], now: datetime) -> None:
    """Raise WrongState when this person is the only one with an open account in one of the kept roles."""
    today = clock.local_date(now)
    for role in (one for one in KEPT if one in roles):
        other = db.session.scalar(
            select(m.RoleGrant.id)
            .join(m.Account, m.Account.person_id == m.RoleGrant.person_id)
            .join(m.Person, m.Person.id == m.RoleGrant.person_id)
            .where(
                m.RoleGrant.role == role.value,
                m.RoleGrant.person_id != person_id,
                m.Account.disabled_at.is_(None),
                or_(m.Person.left_on.is_(None), m.Person.left_on >= today),
                in_force(m.RoleGrant, today),
            )
            .limit(1)
        )
        if other is None:
            raise WrongState(
                f"Đây là {KEPT[role]} duy nhất có tài khoản đang mở: làm vậy thì không ai làm thay được. Xin giao vai trò cho "
                "người khác trước. Ở bàn phím máy chủ, nếu thật cần: thêm --force --reason."
            )


def roles_today(person_id: int, now: datetime) -> frozenset[Role]:
    """The roles a person holds today."""
    rows = db.session.scalars(
        select(m.RoleGrant.role).where(m.RoleGrant.person_id == person_id, in_force(m.RoleGrant, clock.local_date(now)))
    )
    return frozenset(Role(row) for row in rows)
