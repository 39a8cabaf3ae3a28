"""The import pages as people meet them: choose a file, see what it does, agree, see what was done."""

from __future__ import annotations

import io
import re

import pytest
from sqlalchemy import func, select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import imports
from tests.services.test_imports import ONE, STUDENT_HEAD, book, scores


@pytest.fixture(autouse=True)
def school_day(school, monkeypatch):
    """The cast's present day, inside grade 9's window."""
    monkeypatch.setattr(clock, "now", lambda: school.now)


def send(client, kind: str, data: bytes, name: str = "tep.xlsx", **headers):
    return client.post(
        "/nhap-du-lieu/",
        data={"kind": kind, "profile": "csdl-nganh", "file": (io.BytesIO(data), name)},
        content_type="multipart/form-data",
        headers=headers,
    )


def fingerprint(page: str) -> str:
    return re.search(r'name="fingerprint"[^>]*value="([0-9a-f]{64})"', page)[1]  # type: ignore[index]


def text(answer) -> str:
    return answer.get_data(as_text=True)


NEW = book(
    [
        STUDENT_HEAD,
        [1, "6A", "3660000099", "Lại Ngọc Diệp", "01/03/2015", "Nữ", None],
        [2, "6A", "3660000000", "Nguyễn Hoài Ân", "01/03/2015", "Nữ", None],
    ]
)


def test_the_clerk_sees_the_changes_then_writes_exactly_them(school, client_of):
    client = client_of("clerk")
    page = text(client.get("/nhap-du-lieu/"))
    assert "Danh sách học sinh" in page and "Bảng điểm" not in page.split("<main")[1]
    assert "Điểm do giáo viên bộ môn tự nhập" in page
    sent = send(client, "students", NEW)
    assert sent.status_code == 303
    preview = text(client.get(sent.location))
    assert "Lại Ngọc Diệp, lớp 6A" in preview and "Nguyễn Hoài Ân" in preview
    assert "<del>Nguyễn Hoài An</del>" in preview and "Chưa ghi" in preview
    assert db.session.scalar(select(func.count()).select_from(m.Student)) == 10
    done = client.post(f"{sent.location}/ghi", data={"fingerprint": fingerprint(preview)})
    assert done.status_code == 303 and done.location == sent.location
    result = text(client.get(done.location))
    assert "Đã ghi" in result and "fingerprint" not in result
    db.session.expire_all()
    assert set(
        db.session.scalars(select(m.Student.full_name).where(m.Student.moet_code.in_(("3660000000", "3660000099"))))
    ) == {"Nguyễn Hoài Ân", "Lại Ngọc Diệp"}
    assert "tep.xlsx" in text(client.get("/nhap-du-lieu/"))


def test_a_bad_cell_is_named_and_there_is_no_button(client_of):
    client = client_of("clerk")
    bad = book(
        [
            STUDENT_HEAD,
            [1, "6A", "3660000099", "Lại Ngọc Diệp", "31/02/2015", "Nữ", None],
            [2, "6A", "3660000098", "<b>Đinh</b> Lan", "01/03/2015", "Nữ", None],
            [3, "6A", "3660000097", "Lê Thu Hà", "01/03/2015", "Nữ", None],
        ]
    )
    page = text(client.get(send(client, "students", bad).location))
    assert page.index("Lỗi phải sửa trong tệp") < page.index("Tệp này sẽ làm gì")  # first what keeps the file out
    assert "Trang!E2" in page and "/ghi" not in page and "<b>Đinh" not in page
    assert db.session.scalar(select(func.count()).select_from(m.Student)) == 10


def test_errors_cannot_be_applied_by_hand(client_of):
    client = client_of("clerk")
    bad = book([STUDENT_HEAD, [1, "6A", "3660000099", "Lại Ngọc Diệp", "31/02/2015", "Nữ", None]])
    where = send(client, "students", bad).location
    client.post(f"{where}/ghi", data={"fingerprint": "0" * 64})
    assert db.session.scalar(select(func.count()).select_from(m.Student)) == 10
    assert client.post(f"{where}/ghi", data={"fingerprint": "x"}).status_code == 422


def test_a_teacher_imports_only_the_own_sheet(school, client_of):
    client = client_of("math")
    page = text(client.get("/nhap-du-lieu/")).split("<main")[1]
    assert "Bảng điểm" in page and "Danh sách học sinh" not in page
    where = send(client, "scores", scores("9A", "Toán", 2, ONE)).location
    preview = text(client.get(where))
    assert "Toán 9A, học kì II" in preview and "8,5" in preview
    assert client.post(f"{where}/ghi", data={"fingerprint": fingerprint(preview)}).status_code == 303
    db.session.expire_all()
    assert db.session.scalar(select(func.count()).select_from(m.ScoreCell)) == 7
    assert "Hoàn tác cả lần nhập này" in text(client.get(where))
    assert client.post(f"{where}/hoan-tac").status_code == 303
    back = text(client.get(where))
    assert "Đã hoàn tác 7 ô" in back and "Hoàn tác cả" not in back
    db.session.expire_all()
    assert set(db.session.scalars(select(m.ScoreCell.origin))) == {"empty"}
    others = text(client.get(send(client, "scores", scores("9A", "Ngữ văn", 2, ONE)).location))
    assert "Ngữ văn HK2!A1" in others and "/ghi" not in others
    assert send(client, "students", NEW).status_code == 422


def test_a_plan_that_changed_meanwhile_is_shown_again(school, client_of):
    client = client_of("math")
    where = send(client, "scores", scores("9A", "Toán", 2, ONE)).location
    seen = fingerprint(text(client.get(where)))
    other = send(client, "scores", scores("9A", "Toán", 2, {"Hoàng Thanh Bình": [5] + [None] * 6})).location
    client.post(f"{other}/ghi", data={"fingerprint": fingerprint(text(client.get(other)))})
    late = client.post(f"{where}/ghi", data={"fingerprint": seen})
    assert late.status_code == 303 and late.location not in (where, other)
    page = text(client.get(late.location))
    assert "đã thay đổi sau lần xem trước" in page and "<del>5,0</del>" in page
    db.session.expire_all()
    assert db.session.scalar(select(func.count()).select_from(m.ScoreCell)) == 1


def test_anothers_preview_does_not_exist(client_of):
    where = send(client_of("clerk"), "students", NEW).location
    assert client_of("math").get(where).status_code == 404
    assert client_of("math").post(f"{where}/ghi", data={"fingerprint": "0" * 64}).status_code == 404


@pytest.mark.parametrize("key", ["it_officer", "outsider", "board"])
def test_others_have_no_import(client_of, key):
    assert client_of(key).get("/nhap-du-lieu/").status_code == 403


def test_a_file_that_is_no_workbook_is_refused_at_its_field(client_of):
    answer = send(client_of("clerk"), "students", b"khong phai excel", "hs.pdf")
    assert answer.status_code == 422 and "không phải là sổ Excel" in text(answer)
    part = send(client_of("clerk"), "students", b"khong phai excel", "hs.pdf", **{"HX-Request": "true"})
    assert part.status_code == 422 and text(part).lstrip().startswith('<form id="upload_form"')
    nothing = client_of("clerk").post("/nhap-du-lieu/", data={"kind": "students", "profile": "csdl-nganh"})
    assert nothing.status_code == 422 and "Xin chọn tệp" in text(nothing)


def test_a_long_preview_shows_twenty_items_and_folds_the_rest(client_of):
    many = book([STUDENT_HEAD, *([n, "6A", f"36600001{n:02d}", f"Lại Ngọc Bé {chr(64 + n)}", "01/03/2015", "Nữ", None]
                                 for n in range(1, 25))])  # fmt: skip
    page = text(client_of("clerk").get(send(client_of("clerk"), "students", many).location))
    shown, folded = page.split("<details", 1)
    assert "Xem tất cả 24 mục" in folded and "Lại Ngọc Bé A" in shown and "Lại Ngọc Bé X" in folded
    assert shown.count("Lại Ngọc Bé") == 20 and folded.count("Lại Ngọc Bé") == 4


def test_a_namesake_is_asked_about_above_everything_else(school, client_of):
    person = school.people["principal"]
    db.session.execute(update(m.Person).where(m.Person.id == person).values(staff_code="BGH01", birth_on=None))
    db.session.commit()
    client = client_of("clerk")
    rows = [["Mã giáo viên", "Họ và tên", "Chức vụ"], ["GV001", "Đoàn Thị Hải Yến", "Hiệu trưởng"]]
    sent = send(client, "teachers", book(rows))
    page = text(client.get(sent.location)).split("<main")[1]
    assert page.index("Có phải cùng một người?") < page.index("Tệp này sẽ làm gì") and ">Ghi " not in page
    silent = text(client.post(f"{sent.location}/cung-nguoi", follow_redirects=True))
    assert "Xin chọn cho từng người" in silent
    again = client.post(f"{sent.location}/cung-nguoi", data={"ai-GV001": "same"})
    preview = text(client.get(again.location))
    assert "<del>BGH01</del>" in preview and "chưa giao quyền" not in preview
    client.post(f"{again.location}/ghi", data={"fingerprint": fingerprint(preview)})
    assert db.session.get(m.Person, person, populate_existing=True).staff_code == "GV001"


def test_a_class_beside_others_of_its_grade_level_is_asked_about_and_ticked(school, client_of):
    client = client_of("clerk")
    sent = send(
        client, "students", book([STUDENT_HEAD, [1, "6C", "3660000099", "Lại Ngọc Diệp", "01/03/2015", "Nữ", None]])
    )
    page = text(client.get(sent.location))
    assert "Lớp 6C chưa có trong năm học này." in page and "Mở lớp mới?" in page and 'name="fingerprint"' not in page
    assert page.index("Mở lớp mới?") < page.index("Tệp này sẽ làm gì")
    asked = imports.open_batch(school.actor("clerk"), int(sent.location.rsplit("/", 1)[1]))
    client.post(f"{sent.location}/ghi", data={"fingerprint": asked.fingerprint})
    assert db.session.scalar(select(func.count()).where(m.ClassGroup.name == "6C")) == 0, "not by hand either"
    unticked = client.post(f"{sent.location}/lop-moi", follow_redirects=True)
    assert "Xin đánh dấu lớp cần mở" in text(unticked)
    again = client.post(f"{sent.location}/lop-moi", data={"lop": "6C"})
    preview = text(client.get(again.location))
    assert 'value="6C" checked' in preview
    dated = client.post(f"{again.location}/ngay-vao-lop", data={"joined_on": "10/05/2027"})
    preview = text(client.get(dated.location))
    client.post(f"{dated.location}/ghi", data={"fingerprint": fingerprint(preview)})
    assert db.session.scalar(select(func.count()).where(m.ClassGroup.name == "6C")) == 1


def test_a_day_for_the_new_pupils_is_offered_and_previewed_again(school, client_of):
    client = client_of("clerk")
    sent = send(client, "students", NEW)
    page = text(client.get(sent.location))
    assert "Các em mới vào lớp từ ngày" in page and "1 học sinh mới không có ngày vào lớp" in page
    wrong = client.post(f"{sent.location}/ngay-vao-lop", data={"joined_on": "01/06/2027"})
    assert wrong.status_code == 422 and "đến hôm nay" in text(wrong)
    again = client.post(f"{sent.location}/ngay-vao-lop", data={"joined_on": "10/05/2027"})
    assert again.status_code == 303 and again.location != sent.location
    preview = text(client.get(again.location))
    assert "<ins>10/05/2027</ins>" in preview and 'value="10/05/2027"' in preview
    client.post(f"{again.location}/ghi", data={"fingerprint": fingerprint(preview)})
    db.session.expire_all()
    row = db.session.scalars(select(m.Enrollment).join(m.Student).where(m.Student.full_name == "Lại Ngọc Diệp")).one()
    assert (row.status, f"{row.joined_on:%d/%m/%Y}") == ("transferred_in", "10/05/2027")
