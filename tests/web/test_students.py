"""Profiles and search over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.services.student_fields import FIELDS, HOMEROOM_FIELDS
from hocbaso.web.filters import vn_date
from tests.cast import Cast

Clients = Callable[[str], FlaskClient]
CHAU = "Nguyễn Bảo Châu"


def student(name: str = CHAU) -> m.Student:
    db.session.rollback()
    return db.session.scalars(
        select(m.Student).where(m.Student.full_name == name).execution_options(populate_existing=True)
    ).one()


def filled(row: m.Student, fields: frozenset[str] | tuple[str, ...]) -> dict[str, str]:
    values = {name: getattr(row, name) for name in fields}
    data = {
        name: vn_date(value) if name == "birth_on" else str(value)
        for name, value in values.items()
        if value not in (None, False)
    }
    return {**data, "version": str(row.version)}


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("clerk", 200),
        ("principal", 200),
        ("math", 200),
        ("head_society", 404),
        ("it_officer", 403),
        ("board", 403),
        ("other", 403),
    ],
)
def test_who_opens_a_profile(school: Cast, client_of: Clients, who: str, status: int):
    answer = client_of(who).get(f"/hoc-sinh/{student().id}")
    assert answer.status_code == status
    assert (CHAU in answer.get_data(as_text=True)) == (status == 200)


def test_the_form_offers_only_the_fields_of_the_person(school: Cast, client_of: Clients):
    address = f"/hoc-sinh/{student().id}"
    office, keeper, head = (
        client_of(who).get(address).get_data(as_text=True) for who in ("clerk", "math", "principal")
    )
    assert 'name="personal_id_number"' in office
    assert 'name="personal_id_number"' not in keeper and 'name="phone"' in keeper
    assert 'name="phone"' not in head


def test_a_profile_is_saved_and_an_old_page_is_not(school: Cast, client_of: Clients):
    row = student()
    data = {**filled(row, FIELDS), "phone": "0912345678"}
    assert client_of("clerk").post(f"/hoc-sinh/{row.id}", data=data).status_code == 303
    assert student().phone == "0912345678"
    answer = client_of("clerk").post(f"/hoc-sinh/{row.id}", data={**data, "phone": "0999"})
    body = answer.get_data(as_text=True)
    assert answer.status_code == 409 and student().phone == "0912345678"
    assert 'value="0999"' in body and "Nơi khác vừa ghi: 0912345678" in body, "both values, and what was typed stays"
    fresh = re.search(r'name="version"[^>]*value="(\d+)"', body)
    assert fresh is not None and int(fresh[1]) == student().version
    assert (
        client_of("clerk").post(f"/hoc-sinh/{row.id}", data={**data, "phone": "0999", "version": fresh[1]}).status_code
        == 303
    )
    assert student().phone == "0999"


def test_a_field_of_another_hand_is_refused(school: Cast, client_of: Clients):
    row = student()
    answer = client_of("math").post(f"/hoc-sinh/{row.id}", data={**filled(row, HOMEROOM_FIELDS), "full_name": "X Y"})
    assert answer.status_code == 403 and student().full_name == CHAU


def test_an_odd_number_asks_to_be_checked_and_says_what_is_odd(school: Cast, client_of: Clients):
    row = student()
    data = {**filled(row, FIELDS), "personal_id_number": "036011900001"}
    answer = client_of("clerk").post(f"/hoc-sinh/{row.id}", data=data)
    body = answer.get_data(as_text=True)
    assert answer.status_code == 422 and "hồ sơ ghi năm sinh 2012" in body and 'name="confirmed"' in body
    assert client_of("clerk").post(f"/hoc-sinh/{row.id}", data={**data, "confirmed": "y"}).status_code == 303


def test_a_wrong_value_stands_at_its_field_and_keeps_what_was_typed(school: Cast, client_of: Clients):
    row = student()
    answer = client_of("clerk").post(f"/hoc-sinh/{row.id}", data={**filled(row, FIELDS), "birth_on": "31/02/2012"})
    body = answer.get_data(as_text=True)
    assert answer.status_code == 422 and 'id="birth_on-loi"' in body and "31/02/2012" in body


def test_search_and_roster_stay_inside_ones_reach(school: Cast, client_of: Clients):
    assert CHAU in client_of("math").get("/tim?q=chau").get_data(as_text=True)
    for who in ("it_officer", "outsider", "board", "head_society"):
        assert CHAU not in client_of(who).get("/tim?q=bao+chau").get_data(as_text=True)
    assert client_of("clerk").get(f"/hoc-sinh/lop/{school.classes['9A']}").status_code == 200
    assert client_of("head_society").get(f"/hoc-sinh/lop/{school.classes['9A']}").status_code == 404


def test_the_office_adds_and_strikes_a_year_elsewhere(client_of, school: Cast) -> None:
    row = student()
    papers = {"year_label": "2024-2025", "class_name": "7A2", "school_name": "THCS Sông Bồ", "arrived_on": ""}
    wrong = client_of("clerk").post(f"/hoc-sinh/{row.id}/qua-trinh", data={**papers, "year_label": "năm ngoái"})
    assert wrong.status_code == 422 and "2025–2026" in wrong.get_data(as_text=True)
    assert client_of("clerk").post(f"/hoc-sinh/{row.id}/qua-trinh", data=papers).status_code == 303
    page = client_of("clerk").get(f"/hoc-sinh/{row.id}").get_data(as_text=True)
    assert "THCS Sông Bồ" in page and "Gạch bỏ" in page
    assert "Gạch bỏ" not in client_of("math").get(f"/hoc-sinh/{row.id}").get_data(as_text=True)
    past = db.session.scalars(select(m.StudyHistory)).one()
    assert client_of("clerk").post(f"/hoc-sinh/{row.id}/qua-trinh/{past.id}/gach").status_code == 303
    assert "THCS Sông Bồ" not in client_of("clerk").get(f"/hoc-sinh/{row.id}").get_data(as_text=True)


def test_the_office_reaches_a_student_without_searching(school: Cast, client_of: Clients):
    client = client_of("clerk")
    start = client.get("/hom-nay").get_data(as_text=True)
    assert 'href="/hoc-sinh/"' in start.split('<nav class="nav"')[1].split("</nav>")[0]
    page = client.get("/hoc-sinh/").get_data(as_text=True)
    place = f'href="/hoc-sinh/lop/{school.classes["9A"]}"'
    assert place in page and re.search(r">5</span> học sinh</span>", page.split(place)[1].split("</a>")[0])
    place = f"/hoc-sinh/{student().id}"
    assert place in client.get(f"/hoc-sinh/lop/{school.classes['9A']}").get_data(as_text=True)


def test_a_homeroom_teacher_sees_only_the_own_class_and_no_place_on_the_rail(school: Cast, client_of: Clients):
    page = client_of("math").get("/hoc-sinh/").get_data(as_text=True)
    assert f"/hoc-sinh/lop/{school.classes['9A']}" in page and f"/hoc-sinh/lop/{school.classes['6A']}" not in page
    assert 'href="/hoc-sinh/"' not in page.split('<nav class="nav"')[1].split("</nav>")[0]


def test_a_class_that_emptied_still_has_its_name_and_is_not_counted(school: Cast, client_of: Clients):
    with write_transaction() as session:
        for row in session.scalars(select(m.Enrollment).where(m.Enrollment.class_group_id == school.classes["6A"])):
            row.status, row.left_on = "left", date(2027, 1, 5)
    page = client_of("clerk").get("/hoc-sinh/").get_data(as_text=True)
    assert ">0</span> học sinh" in page


def test_the_search_page_has_its_own_box_for_upright_tablets(client_of: Clients):
    client = client_of("clerk")
    assert 'href="/tim"' in client.get("/hom-nay").get_data(as_text=True)
    empty = client.get("/tim").get_data(as_text=True).split("<main")[1]
    assert 'name="q"' in empty and "Không thấy" not in empty and "kết quả" not in empty
    assert 'value="chau"' in client.get("/tim?q=chau").get_data(as_text=True).split("<main")[1]


def test_the_form_of_another_schools_year_calls_nothing_optional_that_is_asked_for(school: Cast, client_of: Clients):
    page = client_of("clerk").get(f"/hoc-sinh/{student().id}").get_data(as_text=True)
    form = page.split("Thêm một năm học")[1].split("</form>")[0]
    assert "không bắt buộc" not in form and form.count(" required") == 4


def test_the_profile_marks_the_few_fields_that_may_not_stay_empty(school: Cast, client_of: Clients):
    page = client_of("clerk").get(f"/hoc-sinh/{student().id}").get_data(as_text=True)
    form = page.split('id="ho-so"')[1].split("</form>")[0]
    marked = [
        part.split("</label>")[0] for part in form.split("<label")[1:] if "(bắt buộc)" in part.split("</label>")[0]
    ]
    assert [label.split(">")[1].split(" <")[0] for label in marked] == ["Họ và tên", "Ngày sinh", "Giới tính"]
    assert "không bắt buộc" not in form


def test_last_years_homeroom_teacher_keeps_the_results_and_not_the_present_profile(school: Cast, client_of: Clients):
    row = student()
    enrollment = school.enrollments["9A", CHAU]
    results = f"/lop/{school.classes['9A']}/hoc-sinh/{enrollment}"
    math = client_of("math")
    assert f'href="/hoc-sinh/{row.id}"' in math.get(results).get_data(as_text=True)
    with write_transaction() as session:
        session.get(m.SchoolYear, school.year_id).state = "CLOSED"
    assert math.get(f"/hoc-sinh/{row.id}").status_code == 404
    page = math.get(results)
    assert page.status_code == 200 and f'href="/hoc-sinh/{row.id}"' not in page.get_data(as_text=True)
    roster = math.get(f"/hoc-sinh/lop/{school.classes['9A']}").get_data(as_text=True)
    assert results in roster and f'"/hoc-sinh/{row.id}"' not in roster and row.moet_code not in roster
    assert "Hồ sơ hiện nay do giáo viên chủ nhiệm năm nay" in roster
    assert row.moet_code in client_of("clerk").get(f"/hoc-sinh/lop/{school.classes['9A']}").get_data(as_text=True)
    assert client_of("clerk").get(f"/hoc-sinh/{row.id}").status_code == 200


def test_a_profile_links_to_the_results_of_ones_own_classes_only(school: Cast, client_of: Clients):
    row = student()
    with write_transaction() as session:
        session.add(m.Enrollment(student_id=row.id, class_group_id=school.classes["6A"], joined_on=date(2027, 1, 4)))
    page = client_of("math").get(f"/hoc-sinh/{row.id}").get_data(as_text=True)
    links = re.findall(r'href="(/hoc-sinh/\d+/tong-hop/\d+|/lop/\d+/hoc-sinh/\d+)"', page)
    assert len(links) == 2 and all(f"/{school.enrollments['9A', CHAU]}" in link for link in links)
