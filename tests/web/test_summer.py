"""The summer through the pages: the homeroom teacher, the subject teacher, the principal; the lists that print."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from tests.cast import NOW, Cast
from tests.services.summer_class import BINH, CHI, JULY, REPORT, TASK, approve_ready, register_all, summer_9a, type_one

Clients = Callable[[str], FlaskClient]


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.get_data(as_text=True)))


def test_the_summer_of_a_class_from_the_lists_to_the_printed_page(
    school: Cast, client_of: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_id = summer_9a(school)
    db.session.rollback()
    monkeypatch.setattr(clock, "now", lambda: JULY)
    home = f"/he/{class_id}"
    keeper, teacher, principal = client_of("math"), client_of("head_society"), client_of("principal")
    chi, binh = school.enrollments["9A", CHI], school.enrollments["9A", BINH]
    literature = f"{chi}-{db.session.query(m.Subject.id).filter_by(code='LIT').scalar()}"
    training = f"{binh}-0"

    today = text_of(keeper.get("/hom-nay"))
    assert "Ghi đăng ký trong hè lớp 9A" in today and "4 mục" in today
    page = keeper.get(home)
    assert page.status_code == 200
    shown = text_of(page)
    assert f"{CHI} Ngữ văn cả năm 4,0" in shown and f"{BINH} Rèn luyện trong kì nghỉ hè cả năm Chưa đạt" in shown
    names = re.findall(r'name="(dk-[0-9-]+)"', page.get_data(as_text=True))
    assert len(names) == 4
    said = {name: "1" if name.removeprefix("dk-") in (literature, training) else "0" for name in names}
    versions = {name.replace("dk-", "v-"): "0" for name in names}
    wrong = keeper.post(f"{home}/dang-ky", data={**said, **versions})
    assert wrong.status_code == 422 and "xin ghi nhiệm vụ rèn luyện" in text_of(wrong)
    assert keeper.post(f"{home}/dang-ky", data={**said, **versions, f"viec-{training}": TASK}).status_code == 303

    assert "Ghi kết quả đánh giá lại Ngữ văn lớp 9A" in text_of(teacher.get("/hom-nay"))
    seen = text_of(teacher.get(home))
    assert CHI in seen and BINH not in seen and "Toán" not in seen, "a subject teacher sees the own subject"
    result = {f"kq-{literature}": "5,5", f"v-{literature}": "1", f"ngay-{literature}": "15/07/2027"}
    late = teacher.post(f"{home}/ket-qua", data={**result, f"ngay-{literature}": "hôm qua"})
    assert late.status_code == 422 and 'value="5,5"' in late.get_data(as_text=True), "what was typed stays"
    assert teacher.post(f"{home}/ket-qua", data=result).status_code == 303
    assert teacher.post(f"{home}/ket-qua", data=result).status_code == 409, "the version moved"
    trained = {f"kq-{training}": "Đ", f"v-{training}": "1", f"ngay-{training}": "16/07/2027"}
    assert keeper.post(f"{home}/ket-qua", data={**trained, f"giay-{training}": REPORT}).status_code == 303

    assert "Duyệt kết quả trong hè lớp 9A" in text_of(principal.get("/hom-nay"))
    page = principal.get(home)
    assert "Hoàn thành chương trình THCS" in text_of(page)
    body = page.get_data(as_text=True)
    form = dict(re.findall(r'name="(thay-[0-9]+)" value="([0-9a-f]+)"', body))
    assert set(form) == {f"thay-{chi}", f"thay-{binh}"}
    back = {"muc": literature, f"v-{literature}": "2", "note": "Kiểm tra lại điểm"}
    assert principal.post(f"{home}/tra-lai", data=back).status_code == 303
    assert principal.post(f"{home}/duyet", data={**form, "chon": [chi, binh]}).status_code == 409
    assert "Trịnh Thu Hà" not in text_of(teacher.get(home)) and "Kiểm tra lại điểm" in text_of(teacher.get(home))
    assert teacher.post(f"{home}/ket-qua", data={**result, f"v-{literature}": "3"}).status_code == 303
    body = principal.get(home).get_data(as_text=True)
    form = dict(re.findall(r'name="(thay-[0-9]+)" value="([0-9a-f]+)"', body))
    done = principal.post(f"{home}/duyet", data={**form, "chon": [chi, binh]})
    assert done.status_code == 303
    assert "Duyệt kết quả trong hè" not in text_of(principal.get("/hom-nay"))

    printed = text_of(keeper.get(f"{home}/in"))
    assert "Học sinh kiểm tra, đánh giá lại (Điều 14)" in printed and TASK in printed and "5,5" in printed
    assert teacher.get(f"{home}/in").status_code == 404
    completed = text_of(client_of("clerk").get("/he/hoan-thanh"))
    assert "Hoàn thành5 em" in completed and completed.count("sau hè") == 2
    assert 'href="/he"' in keeper.get("/hom-nay").get_data(as_text=True)


def test_before_any_class_is_approved_the_pages_say_what_comes(school: Cast, client_of: Clients) -> None:
    clerk = client_of("clerk")
    assert "Chưa có em nào" in text_of(clerk.get("/he")) and "Còn 1 lớp 9" in text_of(clerk.get("/he/hoan-thanh"))
    assert "Không có em nào" in text_of(client_of("math").get(f"/he/{school.classes['9A']}"))
    assert 'href="/he"' not in client_of("math").get("/hom-nay").get_data(as_text=True), "not on the rail before"
    assert clerk.get("/he/hoan-thanh?nam=1999-2000").status_code == 404


def test_a_key_that_names_nothing_is_refused_and_breaks_nothing(
    school: Cast, client_of: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_id = summer_9a(school)
    db.session.rollback()
    monkeypatch.setattr(clock, "now", lambda: JULY)
    for key in ("-5", "5", "5-", "", "٣-٤", "²-1", f"{'9' * 24}-0", "1-1-1"):
        answer = client_of("principal").post(f"/he/{class_id}/tra-lai", data={"muc": key, "note": "Xem lại"})
        assert answer.status_code == 404, key
        answer = client_of("math").post(f"/he/{class_id}/dang-ky", data={f"dk-{key}": "1", f"v-{key}": "0"})
        assert answer.status_code == 404, key


def test_an_approved_result_is_asked_about_through_the_pages(
    school: Cast, client_of: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_id = summer_9a(school)
    register_all(school, class_id, but=("Lịch sử và Địa lí", "Toán"))
    type_one(school, "head_society", class_id, CHI, "Ngữ văn", "4,9")
    type_one(school, "math", class_id, BINH, "Rèn luyện trong kì nghỉ hè", "Đ")
    approve_ready(school, class_id)
    db.session.rollback()
    monkeypatch.setattr(clock, "now", lambda: JULY)
    teacher, keeper, principal = client_of("head_society"), client_of("math"), client_of("principal")
    page = teacher.get(f"/he/{class_id}").get_data(as_text=True)
    [address] = re.findall(r'href="(/sua-chua/trong-he/[0-9]+/[0-9]+)"', page)
    offered = re.findall(r'name="muc" value="([0-9-]+)"', principal.get(f"/he/{class_id}").get_data(as_text=True))
    assert offered == [], "what is approved is not sent back"
    form = teacher.get(address)
    assert form.status_code == 200 and 'value="4,9"' in form.get_data(as_text=True)
    for who in ("math", "principal", "clerk", "other", "it_officer"):
        assert client_of(who).get(address).status_code in (403, 404), who
    data = {"version": "3", "value": "5,9", "on": "15/07/2027", "paper": REPORT, "reason": "Cộng lại bài"}
    bare = teacher.post(address, data=data)
    assert bare.status_code == 422 and 'value="5,9"' in bare.get_data(as_text=True), "what was typed stays"
    file = (io.BytesIO(b"\xff\xd8\xff\xe0" + b"bai" * 50), "bai.jpg")
    wrong = teacher.post(address, data={**data, "value": "11", "files": file}, content_type="multipart/form-data")
    assert wrong.status_code == 422 and 'aria-describedby="e-value"' in wrong.get_data(as_text=True)
    file = (io.BytesIO(b"\xff\xd8\xff\xe0" + b"bai" * 50), "bai.jpg")
    sent = teacher.post(address, data={**data, "files": file}, content_type="multipart/form-data")
    assert sent.status_code == 303, text_of(sent)[:600]
    shown = text_of(keeper.get(sent.location))
    assert (
        "Sửa kết quả trong hè" in shown and "Ngữ văn, kết quả đánh giá lại" in shown and "Không được lên lớp" in shown
    )
    training = f"/sua-chua/trong-he/{school.enrollments['9A', BINH]}/0"
    assert f'href="{training}"' in keeper.get(f"/he/{class_id}").get_data(as_text=True)
    assert "Mức sau rèn luyện" in text_of(keeper.get(training))
    assert principal.get(sent.location).status_code == 200 and principal.get("/hom-nay").status_code == 200
    assert text_of(principal.get("/nhat-ky?viec=diem")).count("kết quả hè") >= 1
    # Once the year is closed the way there goes on.
    with write_transaction() as session:
        session.get(m.SchoolYear, school.year_id).state = "CLOSED"
    index = teacher.get("/he").get_data(as_text=True)
    assert "Các năm học đã đóng" in index and f'href="/he/{class_id}"' in index
    past = teacher.get(f"/he/{class_id}").get_data(as_text=True)
    assert address in past and 'name="kq-' not in past
    for who in ("math", "principal", "clerk", "vice_principal"):
        assert client_of(who).get("/he").status_code == 200, who
    assert "Các năm học đã đóng" not in client_of("head_science").get("/he").get_data(as_text=True), (
        "not of this teacher"
    )
