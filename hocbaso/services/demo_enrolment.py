"""The sample school's people and classes: staff with their roles, classes with their teachers, students of each year."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.services import accounts as accounts_service
from hocbaso.services import (
    demo_people,
    passwords,
    roster,
)
from hocbaso.services.access import SYSTEM

COMMUNE = "Đồng Sen"

LESSONS = {
    "LIT": 140,
    "MATH": 140,
    "FL1": 105,
    "CIVICS": 35,
    "HISTGEO": 105,
    "SCI": 140,
    "TECH": 35,
    "ICT": 35,
    "PE": 70,
    "ART": 70,
    "EXP": 105,
    "LOCAL": 35,
}

GROUPS = {
    "Tổ Toán – Tin – Công nghệ": ("MATH", "ICT", "TECH"),
    "Tổ Khoa học tự nhiên – Thể chất": ("SCI", "PE"),
    "Tổ Ngữ văn – Xã hội": ("LIT", "CIVICS", "HISTGEO", "LOCAL"),
    "Tổ Ngoại ngữ – Nghệ thuật": ("FL1", "ART", "EXP"),
}

CLASSES_A_TEACHER = {"LIT": 3, "MATH": 3, "FL1": 4, "SCI": 3, "HISTGEO": 4}


@dataclass
class Built:
    """What the loader remembers while it works."""

    rng: random.Random
    taken: set[str] = field(default_factory=set)
    number: int = 0
    accounts: dict[int, int] = field(default_factory=dict)
    """person id -> account id"""
    by_subject: dict[str, list[int]] = field(default_factory=dict)
    heads: dict[int, int] = field(default_factory=dict)
    """subject group id -> person id of its head"""
    group_of: dict[int, int] = field(default_factory=dict)
    principal: int = 0
    vice_principal: int = 0
    clerk: int = 0
    talents: dict[int, demo_people.Talent] = field(default_factory=dict)
    """student id -> talent"""


def morning(day: date, hour: int = 8) -> datetime:
    """An hour of a day at the school."""
    return datetime.combine(day, time(hour), clock.SCHOOL_ZONE).astimezone(UTC)


def create_school(now: datetime, address: str) -> None:
    """The school itself, marked as a sample."""
    roster.create_school(
        SYSTEM,
        {
            "name": "Trường THCS Đồng Sen (trường mẫu)",
            "code": "36000000",
            "department_code": "36",
            "department_name": "Sở Giáo dục và Đào tạo Ninh Bình",
            "commune": COMMUNE,
            "province": "Ninh Bình",
            "place_name": COMMUNE,
            "lookup_url": f"{address}/xac-thuc",
            "is_demo": True,
            "require_second_factor": False,
        },
        now,
    )


def create_year(label: str, today: date, now: datetime) -> m.SchoolYear:
    """The present year; deadlines lie ahead and both semesters can be typed, whenever the sample is loaded."""
    values = roster.year_defaults(label)
    later = timedelta(days=max(0, (today + timedelta(days=10) - values["windows"][2]["closes_on"]).days))
    changes = {key: values[key] + later for key in ("data_complete_before", "sign_grade9_before", "sign_others_before")}
    windows = [
        {
            **window,
            "opens_on": min(values["starts_on"], today),
            "closes_on": max(window["closes_on"], today + timedelta(days=10))
            if window["semester"] == 1
            else window["closes_on"] + later,
        }
        for window in values["windows"]
    ]
    return roster.create_year(SYSTEM, label, now, **changes, windows=windows, starts_on=min(values["starts_on"], today))


def hire_staff(built: Built, names: list[str], now: datetime, password: str) -> None:
    """Leaders, office, and enough teachers for every subject, in four groups with their heads."""
    groups = {name: roster.ensure_group(SYSTEM, name, now).id for name in GROUPS}
    code = iter(f"GV{index:03d}" for index in range(1, 400))
    digest = passwords.hash_password(password)
    start = clock.local_date(now)

    def person(title: str | None, group: str | None, username: str | None = None) -> int:
        sex = built.rng.choice(("Nam", "Nữ"))
        birth = date(built.rng.randrange(1970, 1998), built.rng.randrange(1, 13), built.rng.randrange(1, 28))
        staff_code = next(code)
        row = roster.create_person(
            SYSTEM,
            {
                "staff_code": staff_code,
                "full_name": demo_people.person_name(built.rng, sex),
                "sex": sex,
                "birth_on": birth,
                "personal_id_number": demo_people.personal_id(built.rng, birth, sex, built.taken),
                "subject_group_id": groups[group] if group else None,
                "position_title": title or "Giáo viên",
                "qualification": built.rng.choice(("Đại học", "Đại học", "Thạc sĩ", "Cao đẳng")),
                "phone": f"09{built.rng.randrange(100_000_000):08d}",
                "email": f"{staff_code.lower()}@dongsen.example",
                "joined_on": date(birth.year + 24, 9, 1),
            },
            now,
        )
        account = m.Account(
            person_id=row.id,
            username=username or staff_code.lower(),
            password_hash=digest,
            must_change_password=False,
            created_at=now,
        )
        accounts_service.enter(SYSTEM, account, now)
        built.accounts[row.id] = account.id
        if group:
            built.group_of[row.id] = groups[group]
        return row.id

    def grant(person_id: int, role: Role, group_id: int | None = None) -> None:
        roster.grant_role(
            SYSTEM,
            person_id,
            role,
            now,
            starts_on=start,
            scope_id=group_id,
            scope_kind=GrantScope.SUBJECT_GROUP if group_id else GrantScope.SCHOOL,
        )

    built.principal = person("Hiệu trưởng", None, "hieutruong")
    built.vice_principal = person("Phó Hiệu trưởng", None, "phohieutruong")
    built.clerk = person("Văn thư", None, "vanthu")
    it_officer = person("Giáo viên công nghệ thông tin", "Tổ Toán – Tin – Công nghệ", "quantri")
    board = person("Kế toán", None, "banquanly")
    for person_id, role in (
        (built.principal, Role.PRINCIPAL),
        (built.vice_principal, Role.VICE_PRINCIPAL),
        (built.clerk, Role.CLERK),
        (it_officer, Role.IT_OFFICER),
        (board, Role.BOARD_MEMBER),
    ):
        grant(person_id, role)
    for group, subjects in GROUPS.items():
        for subject in subjects:
            n_teachers = max(2 if subject == subjects[0] else 1, -(-len(names) // CLASSES_A_TEACHER.get(subject, 8)))
            built.by_subject[subject] = [person(None, group) for _ in range(n_teachers)]
        head = built.by_subject[subjects[0]][-1]
        built.heads[groups[group]] = head
        grant(head, Role.GROUP_HEAD, groups[group])


def open_classes(built: Built, year: m.SchoolYear, names: Iterable[str], now: datetime) -> None:
    """Classes with all subjects, teachers and homeroom teachers, each homeroom teacher teaching in the class."""
    subjects = {row.code: row for row in db.session.scalars(select(m.Subject))}
    kept: set[int] = set()
    for index, name in enumerate(names):
        class_group = roster.create_class(SYSTEM, year, name, now)
        teachers: list[int] = []
        for code, lessons in LESSONS.items():
            if code == "TECH" and class_group.grade_level >= 8:
                lessons = 52
            offered = roster.offer_subject(SYSTEM, class_group, subjects[code], lessons, now)
            pool = built.by_subject[code]
            teacher = pool[index % len(pool)]
            teachers.append(teacher)
            roster.assign_teacher(SYSTEM, offered.id, teacher, now, starts_on=year.starts_on)
        homeroom_teacher = next((t for t in teachers if t not in kept and t not in built.heads.values()), teachers[0])
        kept.add(homeroom_teacher)
        roster.assign_homeroom(SYSTEM, class_group.id, homeroom_teacher, now, starts_on=year.starts_on)


def enter_new_students(
    built: Built,
    year: m.SchoolYear,
    names: Iterable[str],
    n_students: int,
    floor: int,
    now: datetime,
    *,
    faults: Mapping[int, Mapping[str, Any]] | None = None,
) -> None:
    """``n_students`` a class with their talents, none below ``floor``. ``faults``: what differs in the list, by its line."""
    new: list[roster.NewStudent] = []
    for name in names:
        for _ in range(n_students):
            built.number += 1
            birth_year = int(year.label[:4]) - 5 - int(name[0])
            values = demo_people.student_values(built.rng, birth_year, built.number, built.taken, COMMUNE)
            new.append(roster.NewStudent(name, {**values, **(faults or {}).get(len(new), {})}))
    for row in roster.enter_students(SYSTEM, year, new, now):
        built.talents[row.student_id] = demo_people.talent(built.rng, floor)


def fill_classes(
    built: Built, year: m.SchoolYear, names: list[str], n_students: int, now: datetime, *, past: bool
) -> None:
    """This year's classes: pupils of last year's class one grade level below, new ones where there is none."""
    open_classes(built, year, names, now)
    fresh = []
    for name in names:
        below = f"{int(name[0]) - 1}{name[1:]}"
        previous = (
            db.session.scalar(
                select(m.ClassGroup)
                .join(m.SchoolYear, m.ClassGroup.school_year_id == m.SchoolYear.id)
                .where(m.ClassGroup.name == below, m.SchoolYear.ends_on < year.starts_on)
            )
            if past
            else None
        )
        if previous is None:
            fresh.append(name)
            continue
        students = list(
            db.session.scalars(select(m.Enrollment.student_id).where(m.Enrollment.class_group_id == previous.id))
        )
        roster.enrol(SYSTEM, students, roster.class_by_name(name, year), year.starts_on, now)
    enter_new_students(built, year, fresh, n_students, 52, now, faults=demo_people.FAULTS if past else None)
