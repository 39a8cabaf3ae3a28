"""A sample school in an empty instance: people, classes, a past year already issued, and the present year at a stage.

Everything is made through the services a real school uses, by the accounts that would do it, so that the log, the
flows and the documents are what they would be. Marked as a sample school everywhere; its certificates are tests.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from flask import current_app
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.services import (
    audit,
    demo_rooms,
    passwords,
    roster,
    test_school_keys,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.demo_enrolment import (
    Built,
    create_school,
    create_year,
    enter_new_students,
    fill_classes,
    hire_staff,
    morning,
    open_classes,
)
from hocbaso.services.demo_stages import ASKED_SUBJECT, STAGE_WORDS, STAGES, bring_to

MIXTURE = {"6A": "entry", "6B": "entry", "7A": "review", "8A": "approval", "9A": "signing"}
MIXTURE_STUDENTS = 16
ASKED_CLASSES = ("6A", "7A")
"""Whose sheet of semester I is asked about at handing in: open where the class is being typed, answered further on."""


@dataclass
class DemoAccount:
    """One line of ``flask demo accounts``."""

    role: str
    name: str
    username: str
    password: str
    pin: str | None = None


def class_names(n_classes: int) -> list[str]:
    """``n`` classes spread evenly over 6A 6B … 9A 9B …"""
    per_level = [n_classes // 4 + (1 if index < n_classes % 4 else 0) for index in range(4)]
    return [f"{6 + level}{chr(65 + letter)}" for level, count in enumerate(per_level) for letter in range(count)]


def current_label(today: date) -> str:
    """The school year that contains a day; from August on it is the coming one."""
    first = today.year if today.month >= 8 else today.year - 1
    return f"{first}-{first + 1}"


def _say_nothing(_line: str) -> None:
    """For callers that want no progress lines."""


def load(
    now: datetime,
    *,
    n_classes: int | None = None,
    n_students: int | None = None,
    seed: int = 22,
    stage: str | None = None,
    address: str = "http://127.0.0.1:5000",
    say: Callable[[str], None] = _say_nothing,
) -> list[DemoAccount]:
    """Fill an empty instance.

    Without ``stage`` the mixture: five classes unless told otherwise, each grade level a step further than the one
    below it, each class with a past year already issued, and all other rooms with something in them. ``address``: where it will be served; the papers print it.

    Returns one account a role. WrongState when the instance holds a school; Invalid for an impossible size.
    """
    if roster.the_school() is not None:
        raise WrongState("Nơi này đã có dữ liệu; trường mẫu chỉ nạp vào một nơi trống.")
    if stage is not None and stage not in STAGES:
        raise Invalid(f"Không có giai đoạn {stage}.")
    mixture = stage is None
    names = list(MIXTURE) if mixture and n_classes is None else class_names(n_classes or 16)
    n_students = n_students or (MIXTURE_STUDENTS if mixture else 40)
    if not 1 <= len(names) <= 40 or not 1 <= n_students <= 60:
        raise Invalid("Trường mẫu có từ 1 đến 40 lớp, mỗi lớp từ 1 đến 60 học sinh.")
    built = Built(random.Random(seed))
    today = clock.local_date(now)
    label = current_label(today)
    first = int(label[:4])
    september = morning(date(first - 1, 9, 5)) if mixture else min(now, morning(date(first, 9, 5)))
    say("Trường, năm học, thầy cô, tài khoản")
    create_school(september, address)
    password = passwords.generate()
    hire_staff(built, names, september, password)
    if mixture:
        say("Năm học trước: điểm, duyệt, học bạ đã ký")
        _past_year(built, names, n_students, first, say)
    say(f"Năm học {label}: lớp, học sinh")
    opened = _opened(label, now) if mixture else now
    year = create_year(label, today, opened)
    fill_classes(built, year, names, n_students, opened, past=mixture)
    if mixture:
        demo_rooms.days_of_quality(built, year, names, opened, now)
    test_school_keys.make_demo_keys(SYSTEM, now)
    stages = {name: stage or MIXTURE[f"{name[0]}A"] for name in names}
    for name in names:
        say(f"Lớp {name}: {STAGE_WORDS[stages[name]]}")
        bring_to(built, year, name, stages[name], now, asked=name in ASKED_CLASSES)
    if mixture and "8A" in names:
        _delegate(built, year, now)
    if mixture:
        say("Kế hoạch, tập huấn, hạ tầng, thông báo, hỏi đáp")
        demo_rooms.fill(built, now)
    accounts = _example_accounts(built, year, names, password)
    _remember(accounts)
    return accounts


def _opened(label: str, now: datetime) -> datetime:
    """When the present year was opened: some days ago, so that its data has been measured for some days, never before it began."""
    first = min(roster.year_defaults(label)["starts_on"], clock.local_date(now))
    return min(now, max(now - timedelta(days=demo_rooms.DAYS_OF_QUALITY), morning(first)))


def _delegate(built: Built, year: m.SchoolYear, now: datetime) -> None:
    """The vice-principal approves 8A in the principal's place for a month, so that a deputy has something to try."""
    today = clock.local_date(now)
    roster.grant_role(
        SYSTEM,
        built.vice_principal,
        Role.DELEGATE,
        now,
        scope_kind=GrantScope.CLASS_GROUP,
        scope_id=roster.class_by_name("8A", year).id,
        starts_on=today,
        ends_on=today + timedelta(days=30),
        document=f"01/QĐ-THCS (mẫu), {today:%d/%m/%Y}",
    )


def _past_year(built: Built, names: list[str], n_students: int, first: int, say: Callable[[str], None]) -> None:
    """Last year with the same class names, brought to published transcripts, then closed."""
    opening, may = morning(date(first - 1, 9, 6)), morning(date(first, 5, 10))
    year = roster.create_year(SYSTEM, f"{first - 1}-{first}", opening)
    open_classes(built, year, names, opening)
    enter_new_students(built, year, names, n_students, 62, opening)
    test_school_keys.make_demo_keys(SYSTEM, opening)
    for name in names:
        say(f"Lớp {name}, năm học {year.label}: lập và ký học bạ")
        bring_to(built, year, name, "issued", may)
    with write_transaction():
        year = db.session.merge(year)
        year.state = "CLOSED"
        db.session.flush()
        audit.record(
            AuditTag.YEAR_CHANGED,
            SYSTEM,
            may,
            target_kind="school_year",
            target_id=year.id,
            state=audit.states("school_year", [year]),
        )


def _example_accounts(built: Built, year: m.SchoolYear, names: list[str], password: str) -> list[DemoAccount]:
    """One account a role, chosen so that each has work waiting."""
    grade9 = next((name for name in names if name.startswith("9")), names[-1])
    first = names[0]

    def line(role: str, person_id: int, pin: bool) -> DemoAccount:
        person = db.session.get(m.Person, person_id)
        account = db.session.get(m.Account, built.accounts[person_id])
        assert person is not None and account is not None
        return DemoAccount(
            role, person.full_name, account.username, password, test_school_keys.DEMO_PIN if pin else None
        )

    homeroom_person = db.session.scalars(
        select(m.HomeroomAssignment.person_id).where(
            m.HomeroomAssignment.class_group_id == roster.class_by_name(grade9, year).id
        )
    ).one()

    def teacher(code: str) -> int:
        return db.session.scalars(
            select(m.TeachingAssignment.person_id)
            .join(m.ClassSubject, m.TeachingAssignment.class_subject_id == m.ClassSubject.id)
            .join(m.Subject, m.ClassSubject.subject_id == m.Subject.id)
            .where(m.ClassSubject.class_group_id == roster.class_by_name(first, year).id, m.Subject.code == code)
        ).one()

    it_officer = db.session.scalars(
        select(m.RoleGrant.person_id).where(m.RoleGrant.role == Role.IT_OFFICER.value)
    ).one()
    board = db.session.scalars(
        select(m.RoleGrant.person_id)
        .where(m.RoleGrant.role == Role.BOARD_MEMBER.value)
        .order_by(m.RoleGrant.id)  # the others of the board have a role of their own besides
        .limit(1)
    ).one()
    return [
        line(f"Giáo viên chủ nhiệm {grade9}", homeroom_person, True),
        line("Hiệu trưởng", built.principal, True),
        line("Văn thư", built.clerk, True),
        line(f"Giáo viên Toán {first}", teacher("MATH"), False),
        line(f"Giáo viên Tin học {first}", teacher(ASKED_SUBJECT), False),
        line("Tổ trưởng", next(iter(built.heads.values())), False),
        line("Phó Hiệu trưởng", built.vice_principal, True),
        line("Phụ trách CNTT", it_officer, False),
        line("Thành viên Ban quản lý", board, False),
    ]


def _file() -> Path:
    settings: Config = current_app.config["HOCBASO"]
    return settings.instance / "demo-accounts.json"


def _remember(accounts: list[DemoAccount]) -> None:
    descriptor = os.open(_file(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump([vars(account) for account in accounts], handle, ensure_ascii=False, indent=1)


def accounts() -> list[DemoAccount]:
    """The accounts of a loaded sample school; NotFound in any other instance."""
    if not _file().exists():
        raise NotFound("Nơi này không phải trường mẫu.")
    return [DemoAccount(**line) for line in json.loads(_file().read_text(encoding="utf-8"))]
