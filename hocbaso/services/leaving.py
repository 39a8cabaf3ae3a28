"""Somebody leaves the school: what ends with the last working day, and for whom that day is not the office's alone to enter."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import WrongState
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.services import audit, lockout, sessions
from hocbaso.services.access import Actor
from hocbaso.services.in_force import ever_began, in_force, not_over


def let_go(actor: Actor, person: m.Person, last_day: date, now: datetime) -> dict[str, dict[str, Any]]:
    """End duties on the last working day, and shut the account once that day is over; the ``state`` for the caller's audit entry.

    Inside the caller's transaction. WrongState while the person holds a role beyond that day (``_require_free_to_go``), and
    for the only IT officer who can sign in.
    """
    _require_free_to_go(actor, person, last_day, now)
    lockout.require_another(person.id, lockout.roles_today(person.id, now) & {Role.IT_OFFICER}, now)
    parts = []
    after = last_day + timedelta(days=1)
    watched: tuple[tuple[str, Any, date], ...] = (
        ("teaching_assignment", m.TeachingAssignment, after),
        ("homeroom_assignment", m.HomeroomAssignment, after),
        ("role_grant", m.RoleGrant, _first_day_without(last_day, now)),
    )
    for kind, model, day in watched:
        rows = list(db.session.scalars(select(model).where(model.person_id == person.id, not_over(model, day))))
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


def _require_free_to_go(actor: Actor, person: m.Person, last_day: date, now: datetime) -> None:
    """Refuse a last working day that would cut a role short, unless the actor gives and ends roles; nor the last principal's.

    A last day ends powers and shuts the account of whoever held them; the office that enters it may do neither (``role:grant``,
    ``account:manage``).
    """
    after = _first_day_without(last_day, now)
    held = db.session.scalars(
        select(m.RoleGrant.role).where(
            m.RoleGrant.person_id == person.id, not_over(m.RoleGrant, after), ever_began(m.RoleGrant)
        )
    ).all()
    if not held:
        return
    if Role.PRINCIPAL in held and not db.session.scalar(
        select(m.RoleGrant.id)
        .where(
            m.RoleGrant.role == Role.PRINCIPAL.value,
            m.RoleGrant.person_id != person.id,
            in_force(m.RoleGrant, after),
        )
        .limit(1)
    ):
        raise WrongState(
            f"Trường luôn cần một Hiệu trưởng, mà từ {after:%d/%m/%Y} chưa có ai khác: xin giao vai trò cho người kế nhiệm từ "
            "ngày ấy trước."
        )
    if not actor.may(Permission.ROLE_GRANT):
        raise WrongState(
            f"Từ {after:%d/%m/%Y} {person.full_name} còn giữ vai trò do Hiệu trưởng giao. Xin Hiệu trưởng kết thúc vai trò ấy "
            "trước ngày này (trang Vai trò), rồi ghi lại ngày làm việc cuối cùng. Chưa có gì thay đổi."
        )


def _first_day_without(last_day: date, now: datetime) -> date:
    """From when on a role counts as cut short: one that was ended since a last day in the past stays as it was ended."""
    return max(last_day + timedelta(days=1), clock.local_date(now))
