"""Profiles: whose fields, odd numbers, two people at once; and search without marks inside one's own reach."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale
from hocbaso.services import audit_verify, exports, roster, students
from hocbaso.services.access import SYSTEM, load_actor
from tests.cast import NOW, Cast
from tests.services.full_class import last_entry


def student_id(cast: Cast, name: str = "Nguyễn Bảo Châu") -> int:
    return db.session.scalars(select(m.Student.id).where(m.Student.full_name == name)).one()


def change(cast: Cast, who: str, raw: dict[str, str], version: int = 1, *, confirmed: bool = False):
    return students.update_profile(
        cast.actor(who), student_id(cast), raw, expected_version=version, now=NOW, confirmed=confirmed
    )


def test_the_office_changes_every_field_and_the_log_keeps_the_old_value(school: Cast):
    profile = change(school, "clerk", {"full_name": "Nguyễn  Bảo Trâm", "birth_place": "Hà Nội"})
    assert (profile.full_name, profile.version) == ("Nguyễn Bảo Trâm", 2)
    payload = json.loads(last_entry("student:record:changed").payload)
    assert payload["before"] == {"birth_place": "Ninh Bình", "full_name": "Nguyễn Bảo Châu"}
    assert students.search(school.actor("clerk"), "bao tram")[0].title == "Nguyễn Bảo Trâm"
    assert audit_verify.verify().faults == []


def test_the_homeroom_teacher_changes_what_families_tell_and_nothing_else(school: Cast):
    assert change(school, "math", {"phone": "0912 345 678", "father_job": "Lái xe"}).version == 2
    for field, value in (("full_name", "X Y"), ("personal_id_number", "036212900001"), ("inclusive_disability", "1")):
        with pytest.raises(NotAllowed):
            change(school, "math", {field: value}, 2)


def test_last_years_homeroom_teacher_changes_nothing_once_the_student_is_in_another_class(school: Cast):
    """The assignment of last year has no last day; the next year opens, the student goes to 7A with another teacher."""
    student = student_id(school, "Nguyễn Hoài An")
    then = datetime(2027, 9, 10, 2, tzinfo=UTC)
    year = roster.create_year(SYSTEM, "2027-2028", then)
    old = load_actor(school.accounts["head_society"], date(2027, 9, 10))
    assert students.profile(old, student).editable  # not yet in a class of the new year
    class_7a = roster.create_class(SYSTEM, year, "7A", then)
    roster.enrol(SYSTEM, [student], class_7a, date(2027, 9, 5), then)
    roster.assign_homeroom(SYSTEM, class_7a.id, school.people["outsider"], then, starts_on=date(2027, 9, 5))
    old = load_actor(school.accounts["head_society"], date(2027, 9, 10))
    assert school.classes["6A"] in old.homeroom
    with pytest.raises(NotFound):
        students.profile(old, student)
    with pytest.raises(NotFound):
        students.update_profile(old, student, {"father_name": "Lê Văn Tám"}, expected_version=1, now=then)
    new = load_actor(school.accounts["outsider"], date(2027, 9, 10))
    assert students.update_profile(new, student, {"father_name": "Lê Văn Tám"}, expected_version=1, now=then)
    class_6a = db.session.get(m.ClassGroup, school.classes["6A"])
    known = students.open_profiles(old, class_6a)
    assert student not in known and student_id(school, "Trần Bảo An") in known, "only one went on"
    enrollment = school.enrollments["6A", "Nguyễn Hoài An"]
    (hit,) = students.search(old, "hoai an")
    assert hit.link == f"/lop/{class_6a.id}/hoc-sinh/{enrollment}"
    number = db.session.get(m.Student, student).personal_id_number
    assert students.search(old, number) == [] and students.search(new, number)[0].link == f"/hoc-sinh/{student}"
    with pytest.raises(NotAllowed, match="giáo viên chủ nhiệm năm nay"):
        exports.export(old, "students", then, year_label="2026-2027", class_name="6A")
    with write_transaction() as session:
        session.get(m.SchoolYear, school.year_id).state = "CLOSED"
    assert students.open_profiles(old, class_6a) == frozenset()
    assert students.open_profiles(school.actor("clerk"), class_6a) == known | {student}
    (now_in, before) = students.profile(new, student).places
    assert now_in.opens_results and not before.opens_results


def test_who_kept_the_class_before_a_move_within_the_year_changes_nothing(school: Cast):
    student = student_id(school, "Nguyễn Hoài An")
    with write_transaction() as session:
        session.add(m.Enrollment(student_id=student, class_group_id=school.classes["9A"], joined_on=date(2027, 1, 4)))
    assert students.profile(school.actor("head_society"), student).editable == frozenset()
    assert "father_name" in students.profile(school.actor("math"), student).editable


@pytest.mark.parametrize("who", ["head_society", "other", "it_officer", "board", "outsider"])
def test_a_student_outside_ones_reach_does_not_exist(school: Cast, who: str):
    with pytest.raises(NotFound):
        students.profile(school.actor(who), student_id(school))
    with pytest.raises(NotFound):
        change(school, who, {"phone": "1"})


@pytest.mark.parametrize("who", ["principal", "vice_principal"])
def test_the_heads_read_and_do_not_write(school: Cast, who: str):
    assert students.profile(school.actor(who), student_id(school)).editable == frozenset()
    with pytest.raises(NotAllowed):
        change(school, who, {"phone": "1"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("birth_on", "31/02/2012"),
        ("birth_on", "19/05/12"),
        ("birth_on", "19/05/2090"),
        ("birth_on", "0012-05-19"),
        ("birth_on", ""),
        ("sex", "Khác"),
        ("personal_id_number", "12345"),
        ("personal_id_number", "٠٣٦٢١٢٩٠٠٠٠١"),
        ("height_cm", "1,5"),
        ("weight_kg", "9"),
        ("phone", "0" * 31),
        ("register_no", "a*b"),
        ("full_name", " "),
        ("full_name", "Hoàng Thanh \u0412ình"),
        ("full_name", "Hoàng Thanh 龍"),
        ("mother_name", "Trần Thị \u041eanh"),
    ],
)
def test_wrong_values_are_refused_by_field(school: Cast, field: str, value: str):
    with pytest.raises(Invalid) as refusal:
        change(school, "clerk", {field: value})
    assert refusal.value.field == field


def test_an_odd_number_is_kept_only_after_it_was_confirmed(school: Cast):
    with pytest.raises(Invalid) as refusal:
        change(school, "clerk", {"personal_id_number": "036011900001"})
    assert refusal.value.field == "confirmed" and any("năm sinh" in line for line in refusal.value.details)
    profile = change(school, "clerk", {"personal_id_number": "036011900001"}, confirmed=True)
    assert profile.warnings


def test_a_number_belongs_to_one_student(school: Cast):
    other = db.session.scalars(select(m.Student).where(m.Student.full_name == "Trần Khánh Chi")).one()
    with pytest.raises(Invalid) as refusal:
        change(school, "clerk", {"personal_id_number": other.personal_id_number}, confirmed=True)
    assert refusal.value.field == "personal_id_number"


def test_an_old_page_does_not_overwrite(school: Cast):
    change(school, "clerk", {"phone": "0912"})
    with pytest.raises(Stale):
        change(school, "math", {"phone": "0913"}, 1)
    assert change(school, "math", {"phone": "0912"}, 1).version == 2  # the same value again writes nothing


@pytest.mark.parametrize("query", ["bao chau", "Bảo Châu", "châu nguyễn", "CHÂU", "369" + "0000001"])
def test_search_finds_without_marks_and_by_code(school: Cast, query: str):
    assert "Nguyễn Bảo Châu" in [hit.title for hit in students.search(school.actor("clerk"), query)]


def test_search_stays_inside_ones_reach(school: Cast):
    assert all("9A" in hit.detail for hit in students.search(school.actor("math"), "bao"))
    assert students.search(school.actor("it_officer"), "bao") == []
    assert students.search(school.actor("outsider"), "bao") == []
    assert students.search(school.actor("clerk"), "%") == students.search(school.actor("clerk"), "%%") == []
    assert students.search(school.actor("principal"), "lớp 9a")[0].link == f"/lop/{school.classes['9A']}"
