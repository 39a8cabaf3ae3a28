"""The pages about people: profiles, accounts, roles and assignments."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.services import teaching_plan
from tests.cast import Cast


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def form_of(person: m.Person, **changes: str) -> dict[str, str]:
    return {
        "staff_code": person.staff_code,
        "full_name": person.full_name,
        "sex": person.sex or "",
        "birth_on": f"{person.birth_on:%d/%m/%Y}",
        "personal_id_number": person.personal_id_number or "",
        "subject_group_id": str(person.subject_group_id or ""),
        "joined_on": f"{person.joined_on:%d/%m/%Y}",
        "version": str(person.version),
        **changes,
    }


def test_the_clerk_finds_people_without_diacritics_and_in_the_order_of_given_names(client_of, school: Cast):
    page = text_of(client_of("clerk").get("/nguoi-dung/danh-sach"))
    names = [re.sub("<.*?>", "", name) for name in re.findall(r'<td><a href="/nguoi-dung/\d+">(.*?)</a>', page)]
    assert names[:3] == ["Trần Quốc Bình", "Đỗ Hạnh Dung", "Trịnh Thu Hà"]
    found = text_of(client_of("clerk").get("/nguoi-dung/danh-sach?tim=vu+dinh"))
    assert "Vũ Đình" in found and "Trịnh Thu" not in found
    assert "Không thấy ai khớp" in text_of(client_of("clerk").get("/nguoi-dung/danh-sach?tim=zzz"))


def test_everybody_reads_the_own_profile_and_no_other(client_of, school: Cast):
    client = client_of("math")
    page = text_of(client.get(f"/nguoi-dung/{school.people['math']}"))
    assert "036180000006" in page and "Chủ nhiệm lớp 9A" in page and "Sửa hồ sơ" not in page
    assert client.get(f"/nguoi-dung/{school.people['other']}").status_code == 404


def test_the_clerk_edits_a_profile_with_an_entry_of_before_and_after(client_of, school: Cast):
    person = db.session.get(m.Person, school.people["other"])
    address = f"/nguoi-dung/{person.id}/sua"
    answer = client_of("clerk").post(address, data=form_of(person, full_name="tô  vĩnh phước", phone="0912 345 678"))
    assert answer.status_code == 303
    db.session.expire_all()
    assert (person.full_name, person.version) == ("Tô Vĩnh Phước", 2) or person.full_name == "tô vĩnh phước"
    entry = db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.tag == "person:record:changed")).one()
    assert "Tô Vĩnh Phát" in entry.payload and '"full_name":"tô vĩnh phước"' in entry.payload


def test_the_form_shows_days_as_people_write_them(client_of, school: Cast):
    page = text_of(client_of("clerk").get(f"/nguoi-dung/{school.people['math']}/sua"))
    assert 'value="07/01/1980"' in page and 'type="date"' not in page


def test_the_same_profile_again_writes_nothing(client_of, school: Cast):
    person = db.session.get(m.Person, school.people["other"])
    assert client_of("clerk").post(f"/nguoi-dung/{person.id}/sua", data=form_of(person)).status_code == 303
    db.session.expire_all()
    assert person.version == 1
    assert db.session.scalar(select(m.AuditEntry).where(m.AuditEntry.tag == "person:record:changed")) is None


def test_two_clerks_at_once_nobody_is_overwritten(client_of, school: Cast):
    person = db.session.get(m.Person, school.people["other"])
    address = f"/nguoi-dung/{person.id}/sua"
    first = form_of(person, phone="111")
    assert client_of("clerk").post(address, data=first).status_code == 303
    answer = client_of("clerk").post(address, data={**first, "phone": "222"})
    assert answer.status_code == 409
    assert "người khác sửa" in text_of(answer) and 'value="222"' in text_of(answer)
    db.session.expire_all()
    assert person.phone == "111"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("personal_id_number", "12345", "12 chữ số"),
        ("birth_on", "31/02/1980", "14/08/2011"),
        ("personal_id_number", "036180000000", "đã là của Đoàn Thị Hải Yến"),
        ("staff_code", "GV001", "đã là của"),
        ("full_name", " ", "họ và tên"),
        ("birth_on", "01/01/1900", "không hợp lí"),
        ("subject_group_id", "999", "choice"),
    ],
)
def test_a_faulty_profile_comes_back_with_what_was_typed(field: str, value: str, words: str, client_of, school: Cast):
    person = db.session.get(m.Person, school.people["other"])
    answer = client_of("clerk").post(
        f"/nguoi-dung/{person.id}/sua", data=form_of(person, **{field: value, "phone": "0900"})
    )
    assert answer.status_code == 422
    assert words in text_of(answer) and 'value="0900"' in text_of(answer)
    db.session.expire_all()
    assert person.version == 1


def test_only_columns_of_a_profile_are_taken_from_a_form(client_of, school: Cast):
    person = db.session.get(m.Person, school.people["other"])
    client_of("clerk").post(f"/nguoi-dung/{person.id}/sua", data=form_of(person, sort_key="a", id="999", phone="1"))
    db.session.expire_all()
    assert person.phone == "1" and person.sort_key != "a"


def test_whoever_leaves_loses_duties_and_account_that_day(client_of, school_app, school: Cast):
    person = db.session.get(m.Person, school.people["math"])
    leaver = client_of("math")
    answer = client_of("clerk").post(f"/nguoi-dung/{person.id}/sua", data=form_of(person, left_on="20/10/2026"))
    assert answer.status_code == 303, text_of(answer)
    assert leaver.get("/tai-khoan").status_code == 303
    db.session.expire_all()
    assert person.left_on == date(2026, 10, 20)
    for model in (m.TeachingAssignment, m.HomeroomAssignment):
        rows = db.session.scalars(select(model).where(model.person_id == person.id)).all()
        assert rows and all(row.ends_on == date(2026, 10, 20) for row in rows)
    assert db.session.scalar(select(m.Account.disabled_at).where(m.Account.person_id == person.id)) is not None


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("principal", "người kế nhiệm"),
        ("it_officer", "Xin Hiệu trưởng kết thúc vai trò"),
        ("vice_principal", "Xin Hiệu trưởng kết thúc vai trò"),
    ],
)
def test_the_clerk_lets_nobody_go_who_holds_a_role(client_of, school: Cast, who: str, words: str):
    person = db.session.get(m.Person, school.people[who])
    answer = client_of("clerk").post(f"/nguoi-dung/{person.id}/sua", data=form_of(person, left_on="20/10/2026"))
    assert answer.status_code == 409
    assert words in text_of(answer)
    db.session.expire_all()
    assert person.left_on is None


def test_who_opens_an_account_does_not_see_what_opens_it_and_who_prints_the_slip_does_once(
    client_of, school_app, school: Cast
):
    answer = client_of("clerk").post(
        "/nguoi-dung/moi",
        data={"staff_code": "GV077", "full_name": "Lò Thị Mai", "sex": "Nữ", "subject_group_id": "", "version": "0"},
    )
    person_id = int(answer.location.rsplit("/", 1)[1])
    assert "người phụ trách CNTT (Ngô Văn Quý) mở tài khoản" in text_of(client_of("clerk").get(answer.location))
    opened = client_of("it_officer").post(f"/nguoi-dung/tai-khoan/{person_id}/mo", follow_redirects=True)
    assert "gv077" in text_of(opened) and "once__word" not in text_of(opened)
    page = text_of(client_of("clerk").get("/nguoi-dung/phieu-vao-lan-dau"))
    assert "Lò Thị Mai" in page and "Chưa có phiếu" in page and "Trịnh Thu Hà" not in page
    assert "chờ phiếu mật khẩu" in text_of(client_of("clerk").get("/hom-nay"))
    [account_id] = re.findall(r'name="chon" value="(\d+)"', page)
    made = client_of("clerk").post("/nguoi-dung/phieu-vao-lan-dau", data={"chon": account_id})
    password = re.search(r'once__word code">([^<]+)<', text_of(made))[1]
    assert made.headers["Cache-Control"] == "no-store"
    slip = text_of(made).split("<main")[1]
    assert "<dt>Mật khẩu</dt>" in slip and "<dt>Mở trình duyệt ở</dt>" in slip and ">Phiếu vào lần đầu</a>" in slip
    for who in ("clerk", "principal"):
        assert "chờ phiếu mật khẩu" not in text_of(client_of(who).get("/hom-nay"))
    assert password not in text_of(client_of("clerk").get("/nguoi-dung/phieu-vao-lan-dau"))
    newcomer = school_app.test_client()
    assert (
        newcomer.post("/dang-nhap", data={"username": "gv077", "password": password}).location
        == "/dang-nhap/mat-khau-moi"
    )


def test_shutting_an_account_asks_first_and_names_the_person(client_of, school: Cast):
    client, path = client_of("it_officer"), f"/nguoi-dung/tai-khoan/{school.accounts['outsider']}/khoa"
    page = text_of(client.get("/nguoi-dung/tai-khoan"))
    asked = re.search(rf'<details class="ask">((?:(?!</details>).)*{path}.*?)</details>', page, re.S)[1]
    assert "<b>Cao Xuân Nghĩa</b>?" in asked and ">Khoá tài khoản của Cao Xuân Nghĩa</button>" in asked
    assert "Đã khoá tài khoản của Cao Xuân Nghĩa;" in text_of(client.post(path, follow_redirects=True))
    opened = client.post(path.replace("/khoa", "/mo-lai"), follow_redirects=True)
    assert "Đã mở lại tài khoản của Cao Xuân Nghĩa." in text_of(opened)


def test_the_page_of_accounts_shows_no_learning_data(client_of, school: Cast):
    page = text_of(client_of("it_officer").get("/nguoi-dung/tai-khoan")).split("<main")[1]
    page = re.sub(r'name="csrf_token" value="[^"]*"', "", page)  # random letters may spell a class
    for word in ("Toán", "9A", "Nguyễn Bảo Châu", "036180000006"):
        assert word not in page


def test_the_principal_delegates_with_paper_and_dates(client_of, school: Cast):
    client = client_of("principal")
    data = {
        "person_id": str(school.people["vice_principal"]),
        "role": "delegate",
        "scope": "grade_level:9",
        "ends_on": "31/05/2027",
        "document": "37/GUQ-THCS",
    }
    answer = client.post("/nguoi-dung/vai-tro", data={**data, "document": ""})
    assert answer.status_code == 422 and "số văn bản" in text_of(answer)
    assert client.post("/nguoi-dung/vai-tro", data=data).status_code == 303
    page = text_of(client.get("/nguoi-dung/vai-tro"))
    assert "37/GUQ-THCS" in page and "Khối 9" in page and "đến 31/05/2027" in page
    grant = db.session.scalar(select(m.RoleGrant.id).where(m.RoleGrant.role == "delegate"))
    assert client.post(f"/nguoi-dung/vai-tro/{grant}/ket-thuc").status_code == 303
    assert "37/GUQ-THCS" not in text_of(client.get("/nguoi-dung/vai-tro"))
    assert "37/GUQ-THCS" in text_of(client.get("/nguoi-dung/vai-tro?da-qua=1"))


def test_the_principal_says_on_which_day_a_role_ends_and_the_clerk_then_enters_the_last_day(client_of, school: Cast):
    client, person = client_of("principal"), db.session.get(m.Person, school.people["vice_principal"])
    grant = db.session.scalar(select(m.RoleGrant.id).where(m.RoleGrant.person_id == person.id))
    page = text_of(client.get("/nguoi-dung/vai-tro"))
    assert f'<option value="{grant}">Phó Hiệu trưởng: Trần Quốc Bình' in page
    address = "/nguoi-dung/vai-tro/ket-thuc"
    for day, words in (("", "ngày cuối"), ("1/13/2027", "het-ends_on-loi"), ("01/01/2020", "từ hôm nay trở đi")):
        answer = client.post(address, data={"het-grant_id": str(grant), "het-ends_on": day})
        assert answer.status_code == 422 and words in text_of(answer)
    last = clock.local_date(clock.now()) + timedelta(days=30)
    assert client.post(address, data={"het-grant_id": str(grant), "het-ends_on": f"{last:%d/%m/%Y}"}).status_code == 303
    assert f"đến {last:%d/%m/%Y}" in text_of(client.get("/nguoi-dung/vai-tro"))
    answer = client_of("clerk").post(f"/nguoi-dung/{person.id}/sua", data=form_of(person, left_on=f"{last:%d/%m/%Y}"))
    assert answer.status_code == 303
    db.session.expire_all()
    assert person.left_on == last


def test_a_subject_changes_hands_on_a_day(client_of, school: Cast):
    lesson, class_id = school.class_subjects["9A", "MATH"], school.classes["9A"]
    address = f"/nguoi-dung/phan-cong/{class_id}/{lesson}"
    for day, words in (("01/07/2028", "trong năm học"), ("hôm nay", "14/08/2011"), ("", "ngày bắt đầu")):
        answer = client_of("clerk").post(address, data={"person_id": str(school.people["outsider"]), "starts_on": day})
        assert answer.status_code == 422 and words in text_of(answer), day
    answer = client_of("clerk").post(
        address, data={"person_id": str(school.people["it_officer"]), "starts_on": "01/03/2027"}
    )
    assert answer.status_code == 422 and "CNTT" in text_of(answer)
    answer = client_of("clerk").post(
        address, data={"person_id": str(school.people["outsider"]), "starts_on": "01/03/2027"}
    )
    assert answer.status_code == 303
    rows = db.session.execute(
        select(m.TeachingAssignment.person_id, m.TeachingAssignment.starts_on, m.TeachingAssignment.ends_on)
        .where(m.TeachingAssignment.class_subject_id == lesson)
        .order_by(m.TeachingAssignment.id)
    ).all()
    assert [tuple(row) for row in rows] == [
        (school.people["math"], date(2026, 9, 5), date(2027, 2, 28)),
        (school.people["outsider"], date(2027, 3, 1), None),
    ]
    plan = teaching_plan.class_plan(school.actor("clerk"), class_id, date(2027, 2, 28))
    row = next(row for row in plan.rows if row.class_subject_id == lesson)
    assert (row.teacher, row.next_teacher) == ("Trịnh Thu Hà", "Cao Xuân Nghĩa")
    other = school.class_subjects["6A", "MATH"]
    answer = client_of("clerk").post(
        f"/nguoi-dung/phan-cong/{class_id}/{other}",
        data={"person_id": str(school.people["outsider"]), "starts_on": "01/03/2027"},
    )
    assert answer.status_code == 404


def test_a_class_changes_its_homeroom_teacher(client_of, school: Cast):
    today = clock.local_date(clock.now())
    answer = client_of("principal").post(
        f"/nguoi-dung/phan-cong/{school.classes['6A']}/0",
        data={"person_id": str(school.people["outsider"]), "starts_on": f"{today:%d/%m/%Y}"},
    )
    assert answer.status_code == 303
    assert "Cao Xuân" in text_of(client_of("principal").get(f"/nguoi-dung/phan-cong?lop={school.classes['6A']}"))


def test_a_key_holder_s_reset_goes_to_a_second_person_who_alone_sees_the_password(client_of, school_app, school: Cast):
    it_officer, clerk = client_of("it_officer"), client_of("clerk")
    asked = it_officer.post(f"/nguoi-dung/tai-khoan/{school.accounts['principal']}/cap-lai", follow_redirects=True)
    assert "Đã gửi yêu cầu" in text_of(asked) and "once__word" not in text_of(asked)
    assert "Đang chờ người thứ hai đồng ý" in text_of(asked) and "Đồng ý đặt lại" not in text_of(asked)
    for key in ("clerk", "vice_principal"):
        for page in ("/hom-nay", "/nguoi-dung/yeu-cau-dat-lai"):
            assert "Đặt lại mật khẩu của Đoàn Thị Hải Yến" in text_of(client_of(key).get(page)), (key, page)
    for key in ("principal", "math", "board"):
        assert "Đồng ý đặt lại" not in text_of(client_of(key).get("/hom-nay"))
    address = "/nguoi-dung/yeu-cau-dat-lai/1"
    assert it_officer.post(f"{address}/dong-y").status_code == 403
    assert client_of("principal").post(f"{address}/dong-y").status_code == 404
    answer = clerk.post(f"{address}/dong-y")
    password = re.search(r'once__word code">([^<]+)<', text_of(answer))[1]
    owner = school_app.test_client()
    opened = owner.post("/dang-nhap", data={"username": school.username("principal"), "password": password})
    assert opened.location.endswith("/dang-nhap/mat-khau-moi")
    assert clerk.post(f"{address}/dong-y").status_code == 409


def test_who_refuses_leaves_everything_as_it_was(client_of, school: Cast):
    client_of("it_officer").post(f"/nguoi-dung/tai-khoan/{school.accounts['clerk']}/cap-lai")
    answer = client_of("principal").post("/nguoi-dung/yeu-cau-dat-lai/1/khong-dong-y", follow_redirects=True)
    assert "Đã từ chối" in text_of(answer)
    assert client_of("clerk").get("/hom-nay").status_code == 200


def test_a_duty_that_ended_before_it_began_is_not_shown(client_of, school: Cast):
    with write_transaction() as session:
        row = session.scalars(
            select(m.TeachingAssignment).where(m.TeachingAssignment.person_id == school.people["math"])
        ).first()
        row.starts_on, row.ends_on = date(2026, 12, 28), date(2026, 12, 3)
    assert "28/12/2026" not in text_of(client_of("clerk").get(f"/nguoi-dung/{school.people['math']}"))
