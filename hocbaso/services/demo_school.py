"""A sample school in an empty instance: people, classes, a past year already issued, and the present year at a stage.

Everything is made through the services a real school uses, by the accounts that would do it, so that the log, the
flows and the documents are what they would be. Marked as a sample school everywhere; its certificates are tests.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from flask import current_app
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.regulations.score_sheet_flow import SheetState, SheetVerb
from hocbaso.regulations.terms import ScoreOrigin, SubjectKind
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import accounts as accounts_service
from hocbaso.services import (
    audit,
    class_approval,
    class_moves,
    demo_people,
    passwords,
    reviews,
    roster,
    score_entry,
    signing,
    test_school_keys,
    transcripts,
)
from hocbaso.services.access import SYSTEM, Actor, load_actor
from hocbaso.services.score_grid import REMARK, CellRecord, columns_of

STAGES = ("empty", "entry", "review", "approval", "signing", "issued")
STAGE_WORDS = {
    "empty": "chưa có điểm",
    "entry": "đang nhập điểm",
    "review": "chờ tổ trưởng soát",
    "approval": "chờ Hiệu trưởng duyệt",
    "signing": "chờ lập và ký học bạ",
    "issued": "học bạ đã phát hành",
}
MIXTURE = {"6A": "entry", "6B": "entry", "7A": "review", "8A": "approval", "9A": "signing"}
COMMUNE = "Đồng Sen"
MIXTURE_STUDENTS = 16

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
class DemoAccount:
    """One line of ``flask demo accounts``."""

    role: str
    name: str
    username: str
    password: str
    pin: str | None = None


@dataclass
class _Built:
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
    say: Callable[[str], None] = _say_nothing,
) -> list[DemoAccount]:
    """Fill an empty instance.

    Without ``stage`` the mixture: five classes unless told otherwise, each grade level a step further than the one
    below it, each class with a past year already issued.

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
    built = _Built(random.Random(seed))
    today = clock.local_date(now)
    label = current_label(today)
    first = int(label[:4])
    september = _at(date(first - 1, 9, 5)) if mixture else min(now, _at(date(first, 9, 5)))
    say("Trường, năm học, thầy cô, tài khoản")
    _school(september)
    password = passwords.generate()
    _staff(built, names, september, password)
    if mixture:
        say("Năm học trước: điểm, duyệt, học bạ đã ký")
        _past_year(built, names, n_students, first, say)
    say(f"Năm học {label}: lớp, học sinh")
    year = _year(label, today, now)
    _people_and_classes(built, year, names, n_students, now, past=mixture)
    test_school_keys.make_demo_keys(SYSTEM, now)
    stages = {name: stage or MIXTURE[f"{name[0]}A"] for name in names}
    for name in names:
        say(f"Lớp {name}: {STAGE_WORDS[stages[name]]}")
        _bring_to(built, year, name, stages[name], now)
    accounts = _example_accounts(built, year, names, password)
    _remember(accounts)
    return accounts


def _at(day: date, hour: int = 8) -> datetime:
    return datetime.combine(day, time(hour), clock.SCHOOL_ZONE).astimezone(UTC)


def _school(now: datetime) -> None:
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
            "lookup_url": "http://127.0.0.1:5000/xac-thuc",
            "is_demo": True,
            "require_second_factor": False,
        },
        now,
    )


def _year(label: str, today: date, now: datetime) -> m.SchoolYear:
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


def _staff(built: _Built, names: list[str], now: datetime, password: str) -> None:
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


def _open_classes(built: _Built, year: m.SchoolYear, names: Iterable[str], now: datetime) -> None:
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


def _new_students(
    built: _Built, year: m.SchoolYear, names: Iterable[str], n_students: int, floor: int, now: datetime
) -> None:
    new = []
    for name in names:
        for _ in range(n_students):
            built.number += 1
            birth_year = int(year.label[:4]) - 5 - int(name[0])
            new.append(
                roster.NewStudent(
                    name, demo_people.student_values(built.rng, birth_year, built.number, built.taken, COMMUNE)
                )
            )
    for row in roster.enter_students(SYSTEM, year, new, now, joined_on=year.starts_on):
        built.talents[row.student_id] = demo_people.talent(built.rng, floor)


def _people_and_classes(
    built: _Built, year: m.SchoolYear, names: list[str], n_students: int, now: datetime, *, past: bool
) -> None:
    """This year's classes: pupils of last year's class one grade level below, new ones where there is none."""
    _open_classes(built, year, names, now)
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
    _new_students(built, year, fresh, n_students, 52, now)


def _past_year(built: _Built, names: list[str], n_students: int, first: int, say: Callable[[str], None]) -> None:
    """Last year with the same class names, brought to published transcripts, then closed."""
    opening, may = _at(date(first - 1, 9, 6)), _at(date(first, 5, 10))
    year = roster.create_year(SYSTEM, f"{first - 1}-{first}", opening)
    _open_classes(built, year, names, opening)
    _new_students(built, year, names, n_students, 62, opening)
    test_school_keys.make_demo_keys(SYSTEM, opening)
    for name in names:
        say(f"Lớp {name}, năm học {year.label}: lập và ký học bạ")
        _bring_to(built, year, name, "issued", may)
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


# --- one class, brought to a stage -----------------------------------------------------------------------------------


def _bring_to(built: _Built, year: m.SchoolYear, name: str, stage: str, now: datetime) -> None:
    class_group = roster.class_by_name(name, year)
    reached = STAGES.index(stage)
    if reached >= STAGES.index("entry"):
        _type_scores(built, class_group, now, half=stage == "entry")
    if reached >= STAGES.index("review"):
        _move_sheets(built, class_group, SheetVerb.SUBMIT, now)
    if reached >= STAGES.index("approval"):
        for verb in (SheetVerb.REVIEW, SheetVerb.APPROVE, SheetVerb.LOCK):
            _move_sheets(built, class_group, verb, now)
        _keep_class(built, class_group, now)
        class_moves.finalise(
            _homeroom_actor(built, class_group, now), class_group.id, expected_version=_version(class_group), now=now
        )
    if reached >= STAGES.index("signing"):
        class_approval.approve_class(
            _actor(built, built.principal, now), class_group.id, expected_version=_version(class_group), now=now
        )
    if reached >= STAGES.index("issued"):
        _issue(built, class_group, now)


def _version(class_group: m.ClassGroup) -> int:
    db.session.expire(class_group)
    return class_group.version


def _actor(built: _Built, person_id: int, now: datetime) -> Actor:
    return load_actor(built.accounts[person_id], clock.local_date(now))


def _homeroom_actor(built: _Built, class_group: m.ClassGroup, now: datetime) -> Actor:
    person_id = db.session.scalars(
        select(m.HomeroomAssignment.person_id).where(m.HomeroomAssignment.class_group_id == class_group.id)
    ).one()
    return _actor(built, person_id, now)


def _sheets_of(class_group: m.ClassGroup) -> list[m.ScoreSheet]:
    return list(
        db.session.scalars(
            select(m.ScoreSheet)
            .join(m.ClassSubject, m.ScoreSheet.class_subject_id == m.ClassSubject.id)
            .where(m.ClassSubject.class_group_id == class_group.id)
            .order_by(m.ScoreSheet.semester, m.ScoreSheet.id)
            .execution_options(populate_existing=True)
        )
    )


def _teacher_of(sheet: m.ScoreSheet) -> int:
    return db.session.scalars(
        select(m.TeachingAssignment.person_id).where(m.TeachingAssignment.class_subject_id == sheet.class_subject_id)
    ).one()


def _type_scores(built: _Built, class_group: m.ClassGroup, now: datetime, *, half: bool) -> None:
    """Type every sheet as its teacher; ``half`` leaves the second half of the columns empty."""
    rng = built.rng
    enrollments = list(
        db.session.execute(
            select(m.Enrollment.id, m.Enrollment.student_id)
            .join(m.Student, m.Enrollment.student_id == m.Student.id)
            .where(m.Enrollment.class_group_id == class_group.id)
            .order_by(m.Student.sort_key)
        )
    )
    for sheet in _sheets_of(class_group):
        actor = _actor(built, _teacher_of(sheet), now)
        if half and sheet.semester == 2:
            continue
        head = score_entry.sheet_head(actor, sheet.id, Permission.SHEET_ENTER, now)
        keys = [column.key for column in columns_of(head)]
        if half:
            keys = keys[:-1]
        shift = rng.randrange(-4, 5)
        cells: list[tuple[int, str, CellRecord, int | None]] = []
        for enrollment_id, student_id in enrollments:
            of = built.talents[student_id]
            for key in keys:
                if half and rng.random() < 0.06:
                    continue
                cells.append((enrollment_id, key, _cell(rng, of, shift, key, head.kind), None))
            if sheet.semester == 2 and rng.random() < 0.6:
                cells.append(
                    (
                        enrollment_id,
                        REMARK,
                        CellRecord(
                            remark=demo_people.remark_for(rng, of.level + shift), origin=ScoreOrigin.ENTERED.value
                        ),
                        None,
                    )
                )
        with write_transaction() as session:
            score_entry.write_cells(session, SYSTEM, head, cells, source="demo", now=now)


def _cell(rng: random.Random, of: demo_people.Talent, shift: int, key: str, kind: SubjectKind) -> CellRecord:
    if kind is SubjectKind.COMMENT:
        return CellRecord(mark="Đ", origin=ScoreOrigin.ENTERED.value)
    score = demo_people.regular_score if key.startswith("TX") else demo_people.periodic_score
    return CellRecord(tenths=score(rng, of, shift), origin=ScoreOrigin.ENTERED.value)


def _move_sheets(built: _Built, class_group: m.ClassGroup, verb: SheetVerb, now: datetime) -> None:
    for sheet in _sheets_of(class_group):
        teacher = _teacher_of(sheet)
        person = {SheetVerb.SUBMIT: teacher, SheetVerb.REVIEW: built.heads.get(built.group_of[teacher], 0)}.get(
            verb, built.principal
        )
        if verb is SheetVerb.REVIEW and person == teacher:
            person = built.vice_principal
        reviews.move(_actor(built, person, now), sheet.id, verb, expected_version=sheet.version, now=now)
    assert all(SheetState(sheet.state) is not SheetState.DRAFT for sheet in _sheets_of(class_group))


def _keep_class(built: _Built, class_group: m.ClassGroup, now: datetime) -> None:
    """Conduct, absences and remarks of every student, as the homeroom teacher."""
    rng = built.rng
    actor = _homeroom_actor(built, class_group, now)
    rows = []
    for enrollment_id, student_id in db.session.execute(
        select(m.Enrollment.id, m.Enrollment.student_id).where(m.Enrollment.class_group_id == class_group.id)
    ):
        level = built.talents[student_id].level
        conduct = "T" if level >= 60 or rng.random() < 0.7 else "K"
        rows.append(
            m.HomeroomRecord(
                enrollment_id=enrollment_id,
                conduct_1=conduct,
                conduct_2="T" if rng.random() < 0.85 else conduct,
                absences_excused_1=rng.randrange(0, 4),
                absences_unexcused_1=0,
                absences_excused_2=rng.randrange(0, 3),
                absences_unexcused_2=1 if rng.random() < 0.1 else 0,
                remark=rng.choice(demo_people.HOMEROOM_REMARKS),
                competitions="Giải Ba thi vẽ tranh cấp xã" if rng.random() < 0.06 else None,
                updated_at=now,
                updated_by=actor.account_id,
            )
        )
    with write_transaction() as session:
        session.add_all(rows)
        session.flush()
        audit.record(
            AuditTag.HOMEROOM_CHANGED,
            actor,
            now,
            target_kind="class_group",
            target_id=class_group.id,
            state=audit.states("homeroom_record", rows),
        )


def _issue(built: _Built, class_group: m.ClassGroup, now: datetime) -> None:
    """Build and sign as the three would, one after the other, all before ``now``: no signature may lie ahead."""
    pins = test_school_keys.read_demo_pins()
    homeroom_actor = _homeroom_actor(built, class_group, now)
    transcripts.build_class(homeroom_actor, class_group.id, now - timedelta(minutes=40))
    for minutes, role, person_id, pin_of in (
        (30, SignatureRole.HOMEROOM, homeroom_actor.person_id, None),
        (20, SignatureRole.PRINCIPAL, built.principal, None),
        (10, SignatureRole.SEAL, built.clerk, test_school_keys.SEAL),
    ):
        assert person_id is not None
        person = db.session.get(m.Person, person_id)
        assert person is not None
        batch = signing.sign_class(
            _actor(built, person_id, now),
            class_group.id,
            role,
            pins[pin_of or person.staff_code],
            now - timedelta(minutes=minutes),
        )
        failed = [item for item in batch.items if item.outcome == "failed"]
        if failed:
            raise WrongState(f"Trường mẫu: không ký được lớp {class_group.name}: {failed[0].reason}")
    transcripts.publish_class(_actor(built, built.clerk, now), class_group.id, now)


# --- who to sign in as -----------------------------------------------------------------------------------------------


def _example_accounts(built: _Built, year: m.SchoolYear, names: list[str], password: str) -> list[DemoAccount]:
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
    literature = db.session.scalars(
        select(m.TeachingAssignment.person_id)
        .join(m.ClassSubject, m.TeachingAssignment.class_subject_id == m.ClassSubject.id)
        .join(m.Subject, m.ClassSubject.subject_id == m.Subject.id)
        .where(m.ClassSubject.class_group_id == roster.class_by_name(first, year).id, m.Subject.code == "MATH")
    ).one()
    it_officer = db.session.scalars(
        select(m.RoleGrant.person_id).where(m.RoleGrant.role == Role.IT_OFFICER.value)
    ).one()
    board = db.session.scalars(select(m.RoleGrant.person_id).where(m.RoleGrant.role == Role.BOARD_MEMBER.value)).one()
    return [
        line(f"Giáo viên chủ nhiệm {grade9}", homeroom_person, True),
        line("Hiệu trưởng", built.principal, True),
        line("Văn thư", built.clerk, True),
        line(f"Giáo viên Toán {first}", literature, False),
        line("Tổ trưởng", next(iter(built.heads.values())), False),
        line("Phó Hiệu trưởng", built.vice_principal, True),
        line("Giáo viên CNTT", it_officer, False),
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
