"""A fixed cast with known powers, and the small school they work in. Invented people only.

Year 2026-2027, classes 6A and 9A with five students each, all twelve compulsory subjects, two sheets a subject.
``now`` of the school is Wednesday 12/05/2027 09:00 in Vietnam: the last day of grade 9's window, inside grade 6's.

People by key: principal, vice_principal, clerk, it_officer, head_science (head of Tổ Tự nhiên; teaches MATH in 6A),
head_society (head of Tổ Xã hội, homeroom of 6A; teaches LIT in 6A and 9A), math (teaches MATH and SCI in 9A; homeroom
of 9A), other (teaches all the rest in both classes, Tổ Xã hội), outsider (a teacher with no assignment), board (member
of the Ban quản lý Học bạ số).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from argon2 import PasswordHasher
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.services import accounts, audit, roster
from hocbaso.services.access import SYSTEM, Actor, load_actor

NOW = datetime(2027, 5, 12, 2, 0, tzinfo=UTC)
PASSWORD = "lúa-chín-đồng-làng-2027"
# Cheap on purpose: tests sign in hundreds of times; the cost parameters are read from the hash.
_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

PEOPLE: dict[str, tuple[str, str, str | None]] = {
    "principal": ("GV001", "Đoàn Thị Hải Yến", None),
    "vice_principal": ("GV002", "Trần Quốc Bình", None),
    "clerk": ("GV003", "Lương Thị Thoa", None),
    "it_officer": ("GV004", "Ngô Văn Quý", "Tổ Tự nhiên"),
    "head_science": ("GV005", "Vũ Đình Lâm", "Tổ Tự nhiên"),
    "head_society": ("GV006", "Phan Thị Mận", "Tổ Xã hội"),
    "math": ("GV007", "Trịnh Thu Hà", "Tổ Tự nhiên"),
    "other": ("GV008", "Tô Vĩnh Phát", "Tổ Xã hội"),
    "outsider": ("GV009", "Cao Xuân Nghĩa", "Tổ Xã hội"),
    "board": ("GV010", "Đỗ Hạnh Dung", "Tổ Xã hội"),
}

LESSONS = {
    "LIT": 140,
    "MATH": 140,
    "FL1": 105,
    "CIVICS": 35,
    "HISTGEO": 105,
    "SCI": 140,
    "TECH": 52,
    "ICT": 35,
    "PE": 70,
    "ART": 70,
    "EXP": 105,
    "LOCAL": 35,
}

STUDENTS = {
    "6A": ("Nguyễn Hoài An", "Trần Bảo An", "Lê Đức Anh", "Đặng Ngọc Ánh", "Bùi Gia Bảo"),
    "9A": ("Hoàng Thanh Bình", "Nguyễn Bảo Châu", "Trần Khánh Chi", "Đỗ Mạnh Cường", "Đinh Công Thành"),
}


@dataclass
class Cast:
    """Ids of everything a test wants to name; objects are loaded afresh in each application context."""

    now: datetime = NOW
    year_id: int = 0
    people: dict[str, int] = field(default_factory=dict)
    """person key -> person id"""
    accounts: dict[str, int] = field(default_factory=dict)
    """person key -> account id"""
    groups: dict[str, int] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    class_subjects: dict[tuple[str, str], int] = field(default_factory=dict)
    """(class name, subject code) -> class_subject id"""
    sheets: dict[tuple[str, str, int], int] = field(default_factory=dict)
    """(class name, subject code, semester) -> score_sheet id"""
    enrollments: dict[tuple[str, str], int] = field(default_factory=dict)
    """(class name, full name) -> enrollment id"""

    def actor(self, key: str) -> Actor:
        """The actor of a person on the school's present day (call inside an application context)."""
        return load_actor(self.accounts[key], date(2027, 5, 12))

    def username(self, key: str) -> str:
        """The user name of a person: the staff code in lower case."""
        return PEOPLE[key][0].lower()


def put_sheets(sheet_ids: Iterable[int], state: str) -> None:
    """Stand these sheets in a state, with the log telling of it, whatever the flow would say."""
    with write_transaction() as session:
        sheets = list(
            session.scalars(
                select(m.ScoreSheet)
                .where(m.ScoreSheet.id.in_(list(sheet_ids)))
                .execution_options(populate_existing=True)
            )
        )
        for sheet in sheets:
            sheet.state = state
        told = audit.states("score_sheet", sheets, columns=("state",))
        for sheet in sheets:
            audit.record(
                AuditTag.SHEET_MOVED, SYSTEM, NOW, target_kind="score_sheet", target_id=sheet.id,
                state={"score_sheet": {str(sheet.id): told["score_sheet"][str(sheet.id)]}},
            )  # fmt: skip


def build_bare() -> Cast:
    """The school and its people with their roles, and nothing else yet: no year, no class, nobody assigned."""
    cast = Cast()
    _enter_school()
    _enter_people(cast, date(2026, 9, 5))
    return cast


def _enter_school() -> None:
    roster.create_school(
        SYSTEM,
        {
            "name": "Trường THCS Đồng Sen",
            "code": "36000001",
            "department_code": "36",
            "department_name": "Sở Giáo dục và Đào tạo Ninh Bình",
            "commune": "Đồng Sen",
            "province": "Ninh Bình",
            "place_name": "Đồng Sen",
            "lookup_url": "https://hocba.dongsen.example/xac-thuc",
            "is_demo": True,
            "require_second_factor": False,
        },
        NOW,
    )


def _enter_people(cast: Cast, start: date) -> None:
    for name in ("Tổ Tự nhiên", "Tổ Xã hội"):
        cast.groups[name] = roster.ensure_group(SYSTEM, name, NOW).id
    for index, (key, (code, name, group)) in enumerate(PEOPLE.items()):
        person = roster.create_person(
            SYSTEM,
            {
                "staff_code": code,
                "full_name": name,
                "subject_group_id": cast.groups[group] if group else None,
                "birth_on": date(1980, 1, 1 + index),
                "sex": "Nữ",
                "personal_id_number": f"03618000{index:04d}",
                "joined_on": date(2010, 9, 1),
            },
            NOW,
        )
        cast.people[key] = person.id
        account = m.Account(
            person_id=person.id,
            username=code.lower(),
            password_hash=_HASH,
            must_change_password=False,
            created_at=NOW,
        )
        accounts.enter(SYSTEM, account, NOW)
        cast.accounts[key] = account.id
    for key, role, group in (
        ("principal", Role.PRINCIPAL, None),
        ("vice_principal", Role.VICE_PRINCIPAL, None),
        ("clerk", Role.CLERK, None),
        ("it_officer", Role.IT_OFFICER, None),
        ("head_science", Role.GROUP_HEAD, "Tổ Tự nhiên"),
        ("head_society", Role.GROUP_HEAD, "Tổ Xã hội"),
        ("board", Role.BOARD_MEMBER, None),
    ):
        roster.grant_role(
            SYSTEM,
            cast.people[key],
            role,
            NOW,
            starts_on=start,
            scope_kind=GrantScope.SUBJECT_GROUP if group else GrantScope.SCHOOL,
            scope_id=cast.groups[group] if group else None,
        )


def build() -> Cast:
    """Create the school in the current (empty) database and return its ids."""
    cast = Cast()
    start = date(2026, 9, 5)
    _enter_school()
    year = roster.create_year(SYSTEM, "2026-2027", NOW)
    cast.year_id = year.id
    _enter_people(cast, start)
    subjects = {row.code: row for row in db.session.scalars(select(m.Subject))}
    teachers = {
        ("6A", "MATH"): "head_science",
        ("6A", "LIT"): "head_society",
        ("9A", "LIT"): "head_society",
        ("9A", "MATH"): "math",
        ("9A", "SCI"): "math",
    }
    for class_name in STUDENTS:
        class_group = roster.create_class(SYSTEM, year, class_name, NOW)
        cast.classes[class_name] = class_group.id
        for code, lessons in LESSONS.items():
            offered = roster.offer_subject(SYSTEM, class_group, subjects[code], lessons, NOW)
            cast.class_subjects[class_name, code] = offered.id
            for sheet in db.session.scalars(select(m.ScoreSheet).where(m.ScoreSheet.class_subject_id == offered.id)):
                cast.sheets[class_name, code, sheet.semester] = sheet.id
            roster.assign_teacher(
                SYSTEM, offered.id, cast.people[teachers.get((class_name, code), "other")], NOW, starts_on=start
            )
        roster.assign_homeroom(
            SYSTEM, class_group.id, cast.people["head_society" if class_name == "6A" else "math"], NOW, starts_on=start
        )
    born = {"6A": 2015, "9A": 2012}
    new = [
        roster.NewStudent(
            class_name,
            {
                "moet_code": f"36{grade}000{index:04d}",
                "register_no": f"{grade}{index:03d}/THCS",
                "full_name": name,
                "birth_on": date(born[class_name], 3, 1 + index),
                "sex": "Nam" if index % 2 else "Nữ",
                "birth_place": "Ninh Bình",
                "ethnicity": "Kinh",
                "nationality": "Việt Nam",
                "personal_id_number": f"036{2 if index % 2 else 3}{born[class_name] % 100:02d}{grade}{index:05d}",
                "address": f"Xóm {index + 1}, xã Đồng Sen, tỉnh Ninh Bình",
                "home_town": "Ninh Bình",
                "father_name": "Nguyễn Quang Thiệp",
                "father_job": "Thợ mộc",
                "mother_name": "Lương Thị Thoa",
                "mother_job": "Làm ruộng",
                "height_cm": 150 + index,
                "weight_kg": 40 + index,
            },
        )
        for class_name, names in STUDENTS.items()
        for grade in (class_name[0],)
        for index, name in enumerate(names)
    ]
    for entered, row in zip(new, roster.enter_students(SYSTEM, year, new, NOW), strict=True):
        cast.enrollments[entered.class_name, entered.values["full_name"]] = row.id
    return cast
