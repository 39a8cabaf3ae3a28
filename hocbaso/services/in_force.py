"""Which dated rows hold on a day: roles, teaching and homeroom assignments alike. Both ends of the dates are included."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.permissions import Role


def in_force(dated: Any, day: date) -> ColumnElement[bool]:
    """The condition that a row holds on ``day``.

    ``dated``: a model, or the columns of a table, with ``starts_on`` and ``ends_on`` (NULL: open).
    """
    return and_(dated.starts_on <= day, not_over(dated, day))


def not_over(dated: Any, day: date) -> ColumnElement[bool]:
    """The condition that a row holds on ``day`` or begins later."""
    return or_(dated.ends_on.is_(None), dated.ends_on >= day)


def ever_began(dated: Any) -> ColumnElement[bool]:
    """The condition that a row held on some day: one that was given for later and ended before it began never did."""
    return or_(dated.ends_on.is_(None), dated.ends_on >= dated.starts_on)


def delegates(day: date) -> Select[m.RoleGrant]:
    """The delegations that count on ``day``, oldest first: in force, and their holders are vice-principals of that day."""
    deputies = select(m.RoleGrant.person_id).where(
        m.RoleGrant.role == Role.VICE_PRINCIPAL.value, in_force(m.RoleGrant, day)
    )
    return (
        select(m.RoleGrant)
        .where(m.RoleGrant.role == Role.DELEGATE.value, in_force(m.RoleGrant, day), m.RoleGrant.person_id.in_(deputies))
        .order_by(m.RoleGrant.id)
    )


def holding(role: Role, day: date) -> Select[int]:
    """Person ids of whoever holds a role on ``day``, in whatever scope, the longest first."""
    return (
        select(m.RoleGrant.person_id)
        .where(m.RoleGrant.role == role.value, in_force(m.RoleGrant, day))
        .order_by(m.RoleGrant.id)
    )


def people_with(role: Role, day: date) -> tuple[int, ...]:
    """Person ids of :func:`holding`."""
    return tuple(db.session.scalars(holding(role, day)))


def has_left(person: m.Person, day: date) -> bool:
    """Whether somebody's last working day was before ``day``: from then on nobody acts, whatever roles and duties stand."""
    return person.left_on is not None and person.left_on < day


def last_day(person: m.Person, ends_on: date | None) -> date | None:
    """Where a duty or role that was to end on ``ends_on`` (None: open) ends: on the last working day at the latest."""
    return min((day for day in (ends_on, person.left_on) if day is not None), default=None)
