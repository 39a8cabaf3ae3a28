"""What a new school does first, in which order, and how far it is: told to the office until the first teacher has signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import accounts, first_passwords, imports
from hocbaso.services.access import Actor


@dataclass(frozen=True, slots=True)
class FirstStep:
    """One table or one act. ``kind``: of the import, ``accounts`` or ``slips``; ``n``: what is there already (of the two acts: what
    is left); ``mine``: whether this person does it; ``note``: who does it otherwise."""

    kind: str
    words: str
    done: bool
    n: int
    unit: str
    mine: bool
    note: str = ""


def first_steps(actor: Actor, now: datetime) -> tuple[FirstStep, ...]:
    """Staff, students, assignments, accounts, slips, scores; empty once the first three are there and a teacher has signed in, and
    for who does not import them."""
    if not {"students", "teachers", "assignments"} <= set(imports.kinds_for(actor)):
        return ()
    # The set-up makes only people with a role; a teacher without one came by the list or by hand.
    teachers = _count(select(func.count(m.Person.id)).where(~exists().where(m.RoleGrant.person_id == m.Person.id)))
    students = _count(
        select(func.count(m.Enrollment.id))
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(m.SchoolYear.state == "OPEN")
    )
    taught = _count(
        select(func.count(func.distinct(m.TeachingAssignment.class_subject_id)))
        .join(m.ClassSubject, m.ClassSubject.id == m.TeachingAssignment.class_subject_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.ClassSubject.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(m.SchoolYear.state == "OPEN")
    )
    if teachers and students and taught and _teacher_came():
        return ()
    without = accounts.n_without() if teachers else 0
    slips = first_passwords.count_without_slip(actor, now)
    return (
        FirstStep("teachers", "Cán bộ, giáo viên", teachers > 0, teachers, "giáo viên", True),
        FirstStep("students", "Danh sách học sinh", students > 0, students, "học sinh", True),
        FirstStep("assignments", "Phân công", taught > 0, taught, "môn của các lớp", True),
        FirstStep(
            "accounts", "Tài khoản cho giáo viên", bool(teachers) and not without, without, "người chưa có tài khoản", False,
            "Người phụ trách CNTT mở ở Người dùng, Tài khoản.",
        ),
        FirstStep(
            "slips", "Phiếu mật khẩu lần đầu", bool(teachers) and not without and not slips, slips, "người chờ phiếu", True,
            "In rồi đưa tận tay, sau khi có tài khoản.",
        ),
        FirstStep("scores", "Điểm", False, 0, "", False, "Giáo viên bộ môn tự nhập, khi đã vào bằng phiếu."),
    )  # fmt: skip


def _teacher_came() -> bool:
    """Has anybody who teaches this year signed in and set a password?"""
    return bool(
        db.session.scalar(
            select(
                exists()
                .where(m.Account.person_id == m.TeachingAssignment.person_id)
                .where(m.Account.must_change_password.is_(False))
                .where(m.TeachingAssignment.class_subject_id == m.ClassSubject.id)
                .where(m.ClassSubject.class_group_id == m.ClassGroup.id)
                .where(m.ClassGroup.school_year_id == m.SchoolYear.id)
                .where(m.SchoolYear.state == "OPEN")
            )
        )
    )


def _count(query: object) -> int:
    return int(db.session.scalar(query) or 0)  # type: ignore[call-overload]
