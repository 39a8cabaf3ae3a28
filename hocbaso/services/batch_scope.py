"""How far a batch reaches: a class, a grade level, the whole school of a year; and who may see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import NotAllowed, NotFound
from hocbaso.regulations.permissions import GrantScope, Permission
from hocbaso.services.access import Actor, class_for, load_actor, reaches_class


@dataclass(frozen=True, slots=True)
class BatchScope:
    """``kind``: ``class_group``, ``grade_level`` or ``school``. ``name``: in words, after "Ký"."""

    kind: str
    school_year_id: int
    name: str
    class_group_id: int | None = None
    grade_level: int | None = None


def scope_of_class(row: m.ClassGroup) -> BatchScope:
    """One class."""
    return BatchScope(GrantScope.CLASS_GROUP.value, row.school_year_id, f"lớp {row.name}", class_group_id=row.id)


def scope_over(rows: Sequence[m.ClassGroup]) -> BatchScope:
    """The narrowest scope that holds these classes of one year: the class, its grade level, or the school. NotFound for none."""
    if not rows:
        raise NotFound("Không có lớp nào trong phần việc của thầy, cô.")
    if len(rows) == 1:
        return scope_of_class(rows[0])
    levels = {row.grade_level for row in rows}
    if len({row.school_year_id for row in rows}) != 1:
        raise NotFound("Chỉ làm cùng lúc các lớp của một năm học.")
    if len(levels) == 1:
        level = levels.pop()
        return BatchScope(GrantScope.GRADE_LEVEL.value, rows[0].school_year_id, f"khối {level}", grade_level=level)
    return BatchScope(GrantScope.SCHOOL.value, rows[0].school_year_id, "toàn trường")


def scope_of(batch: m.SigningBatch) -> BatchScope:
    """The scope of a batch that stands."""
    if batch.class_group_id is not None:
        row = db.session.get(m.ClassGroup, batch.class_group_id)
        assert row is not None
        return scope_of_class(row)
    name = f"khối {batch.grade_level}" if batch.grade_level is not None else "toàn trường"
    return BatchScope(batch.scope_kind, batch.school_year_id, name, grade_level=batch.grade_level)


def classes_reached(
    actor: Actor, year_id: int, permission: Permission, *, class_ids: Sequence[int] | None = None
) -> list[m.ClassGroup]:
    """The classes of a year over which the actor holds the power, by name; of ``class_ids`` each must be one. NotFound for none."""
    if class_ids is not None:
        rows = [class_for(actor, class_id, permission) for class_id in dict.fromkeys(class_ids)]
        if any(row.school_year_id != year_id for row in rows):
            raise NotFound("Không có lớp này trong năm học đang làm.")
        return sorted(rows, key=lambda row: row.name)
    found = db.session.scalars(
        select(m.ClassGroup).where(m.ClassGroup.school_year_id == year_id).order_by(m.ClassGroup.name)
    )
    reached = [row for row in found if reaches_class(actor, row.id, permission)]
    if not reached:
        raise NotFound("Không có lớp nào trong phần việc của thầy, cô.")
    return reached


def classes_of(scope: BatchScope) -> list[m.ClassGroup]:
    """Every class of a scope."""
    statement = select(m.ClassGroup).where(m.ClassGroup.school_year_id == scope.school_year_id)
    if scope.class_group_id is not None:
        statement = statement.where(m.ClassGroup.id == scope.class_group_id)
    elif scope.grade_level is not None:
        statement = statement.where(m.ClassGroup.grade_level == scope.grade_level)
    return list(db.session.scalars(statement.order_by(m.ClassGroup.name)))


def may_see(actor: Actor, batch: m.SigningBatch) -> bool:
    """Who reads the transcripts of every class in the scope. A homeroom teacher does not see other classes' pupils in it."""
    rows = classes_of(scope_of(batch))
    return bool(rows) and all(reaches_class(actor, row.id, Permission.TRANSCRIPT_READ) for row in rows)


def batches_of_class(actor: Actor, row: m.ClassGroup, limit: int = 5) -> list[int]:
    """Ids of the newest batches that reach a class and that the actor may see, newest first."""
    found = db.session.scalars(
        select(m.SigningBatch)
        .where(
            m.SigningBatch.school_year_id == row.school_year_id,
            (m.SigningBatch.class_group_id == row.id)
            | (m.SigningBatch.grade_level == row.grade_level)
            | (m.SigningBatch.scope_kind == GrantScope.SCHOOL.value),
        )
        .order_by(m.SigningBatch.id.desc())
        .limit(4 * limit)
    )
    return [batch.id for batch in found if may_see(actor, batch)][:limit]


def require_power(actor: Actor, enrollment_id: int, permission: Permission, at: datetime) -> None:
    """Refuse an item whose class the actor no longer holds the power over: a batch lasts minutes, a power may end meanwhile.

    Account, roles and assignments are read afresh, as of ``at``. Raises NotAllowed.
    """
    if actor.is_system:
        return
    class_id = db.session.scalar(select(m.Enrollment.class_group_id).where(m.Enrollment.id == enrollment_id))
    try:
        if actor.account_id is None or class_id is None:
            raise NotFound("Không còn học sinh này trong lớp.")
        class_for(load_actor(actor.account_id, clock.local_date(at)), class_id, permission)
    except NotFound as gone:
        raise NotAllowed(
            f"{actor.name} không còn quyền làm việc này với lớp (vai trò, phân công hoặc tài khoản đã đổi trong khi đang làm). "
            "Bản này chưa có gì thay đổi."
        ) from gone
