"""Class 6B beside 6A of the cast, with the same subjects and two invented pupils."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import class_changes, roster
from hocbaso.services.access import SYSTEM
from tests.cast import LESSONS, NOW, STUDENTS, Cast

PUPILS = ("Phạm Thu Cúc", "Vũ Minh Đức")
WHO = "Đặng Ngọc Ánh"
PAPERS = {"paper_no": "07/QĐ-THCS", "paper_on": "10/05/2027", "reason": "Cân đối sĩ số hai lớp"}


def build_6b(cast: Cast, monkeypatch: pytest.MonkeyPatch, lessons: dict[str, int] = LESSONS) -> None:
    """The class, its sheets, teachers (``other``; homeroom ``head_society``) and pupils; the cast knows it afterwards."""
    year = db.session.get_one(m.SchoolYear, cast.year_id)
    made = roster.create_class(SYSTEM, year, "6B", NOW)
    cast.classes["6B"] = made.id
    subjects = {row.code: row for row in db.session.scalars(select(m.Subject))}
    start = date(2026, 9, 5)
    for code, n in lessons.items():
        offered = roster.offer_subject(SYSTEM, made, subjects[code], n, NOW)
        cast.class_subjects["6B", code] = offered.id
        for sheet in db.session.scalars(select(m.ScoreSheet).where(m.ScoreSheet.class_subject_id == offered.id)):
            cast.sheets["6B", code, sheet.semester] = sheet.id
        roster.assign_teacher(SYSTEM, offered.id, cast.people["other"], NOW, starts_on=start)
    roster.assign_homeroom(SYSTEM, made.id, cast.people["head_society"], NOW, starts_on=start)
    pattern = db.session.scalars(
        select(m.Student).join(m.Enrollment).where(m.Enrollment.id == cast.enrollments["6A", WHO])
    ).one()
    copied = (
        "birth_place", "ethnicity", "nationality", "address", "home_town", "father_name", "father_job", "mother_name", "mother_job"
    )  # fmt: skip
    new = [
        roster.NewStudent(
            "6B",
            {
                **{name: getattr(pattern, name) for name in copied},
                "moet_code": f"366000900{index}", "register_no": f"69{index}/THCS", "full_name": name,
                "birth_on": date(2015, 8, 1 + index), "sex": "Nữ", "personal_id_number": f"03631569990{index}",
            },
        )
        for index, name in enumerate(PUPILS)
    ]  # fmt: skip
    for entered, row in zip(new, roster.enter_students(SYSTEM, year, new, NOW), strict=True):
        cast.enrollments["6B", entered.values["full_name"]] = row.id
    monkeypatch.setitem(STUDENTS, "6B", PUPILS)
    db.session.commit()


def pupil(cast: Cast, name: str = WHO) -> int:
    """The student's id."""
    return db.session.get_one(m.Enrollment, cast.enrollments["6A", name]).student_id


def place(cast: Cast, class_name: str, name: str = WHO) -> m.Enrollment:
    """The pupil's place in the class, read afresh."""
    return db.session.scalars(
        select(m.Enrollment)
        .where(m.Enrollment.student_id == pupil(cast, name), m.Enrollment.class_group_id == cast.classes[class_name])
        .execution_options(populate_existing=True)
    ).one()


def move(cast: Cast, to: str = "6B", who: str = "clerk", **changes: str) -> class_changes.Preview:
    """The office sees what goes along and moves the pupil."""
    seen = class_changes.preview(cast.actor(who), pupil(cast), cast.classes[to]).seen
    raw = {**PAPERS, "class_group_id": str(cast.classes[to]), **changes}
    return class_changes.change(cast.actor(who), pupil(cast), raw, seen, NOW)
