"""Who may be given a subject or a class: a duty brings the power over its scores, so nobody takes one for themselves."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.permissions import Role
from hocbaso.services.access import Actor
from hocbaso.services.in_force import not_over

_APART = {
    Role.IT_OFFICER: "Người phụ trách CNTT không được phân công dạy hoặc chủ nhiệm: tài khoản ấy không chạm tới điểm.",
    Role.CLERK: "Văn thư không được phân công dạy hoặc chủ nhiệm: người đóng dấu học bạ không ghi điểm vào đó. Nếu người "
    "này thôi làm văn thư, Hiệu trưởng kết thúc vai trò ấy trước.",
}
"""Roles whose holders never touch scores (the roles of the school's plan)."""


def why_not(actor: Actor, person_id: int, day: date) -> str:
    """Why the actor cannot give this person a duty that begins on ``day``; "" when nothing stands against it.

    A duty is open, so a role that begins later stands against it as well as one of that day.
    """
    if not actor.is_system and person_id == actor.person_id:
        return "Không ai tự phân công cho mình: xin nhờ người khác có quyền phân công."
    held = db.session.scalars(
        select(m.RoleGrant.role).where(m.RoleGrant.person_id == person_id, not_over(m.RoleGrant, day))
    )
    return next((_APART[Role(role)] for role in held if Role(role) in _APART), "")


def holds_any(person_id: int, day: date) -> bool:
    """Whether somebody teaches a subject or keeps a class on ``day`` or later."""
    return any(
        db.session.scalar(select(model.id).where(model.person_id == person_id, not_over(model, day)).limit(1))
        is not None
        for model in (m.TeachingAssignment, m.HomeroomAssignment)
    )
