"""The homeroom page over HTTP: one field saved alone, both values of a conflict, plain forms, and who sees what."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from tests.cast import NOW, Cast
from tests.services.full_class import class_row, fill_homeroom, fill_scores, finalised, lock_class
from tests.services.test_exemptions_and_decisions import type_scores

Clients = Callable[[str], FlaskClient]
HTMX = {"HX-Request": "true"}
BINH = "Hoàng Thanh Bình"


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def save(client: FlaskClient, school: Cast, field: str, value: str, version: int, op: str = "op-12345678"):
    class_id, enrollment = school.classes["9A"], school.enrollments["9A", BINH]
    return client.post(
        f"/lop/{class_id}/o/{enrollment}",
        headers=HTMX,
        data={"field": field, "value": value, "version": str(version), "op": op},
    )


def record(school: Cast) -> m.HomeroomRecord | None:
    db.session.rollback()
    return db.session.scalar(
        select(m.HomeroomRecord)
        .where(m.HomeroomRecord.enrollment_id == school.enrollments["9A", BINH])
        .execution_options(populate_existing=True)
    )


def test_a_saved_field_answers_with_its_cell_the_year_and_the_number(school: Cast, client_of: Clients):
    client = client_of("math")
    save(client, school, "conduct_1", "T", 0)
    answer = save(client, school, "conduct_2", "K", 1, "op-22345678")
    body = answer.get_data(as_text=True)
    assert answer.status_code == 200 and len(answer.data) < 4096
    enrollment = school.enrollments["9A", BINH]
    assert f'id="o-{enrollment}-conduct_2"' in body and 'data-version="2"' in body
    assert re.search(rf'id="nam-{enrollment}" hx-swap-oob="true">Khá<', body)
    assert re.search(r'id="con-thieu" hx-swap-oob="true">33<', body)


def test_a_conflict_shows_both_values_and_writes_neither(school: Cast, client_of: Clients):
    client = client_of("math")
    save(client, school, "remark", "Chăm.", 0)
    save(client, school, "remark", "Chăm và ngoan.", 1, "op-22345678")
    answer = save(client, school, "remark", "<b>Lười</b>", 1, "op-32345678")
    body = answer.get_data(as_text=True)
    assert answer.status_code == 409 and answer.headers["HX-Retarget"] == "#notices"
    assert "Chăm và ngoan." in body and "&lt;b&gt;Lười&lt;/b&gt;" in body and "Trịnh Thu Hà" in body
    assert record(school).remark == "Chăm và ngoan."


@pytest.mark.parametrize(
    ("field", "value", "status", "place"),
    [
        ("absences_excused_1", "abc", 422, "#row-wrong"),
        ("conduct_year", "T", 404, "#notices"),
        ("conduct_1", "Giỏi", 422, "#row-wrong"),
    ],
)
def test_refusals_keep_the_page(school: Cast, client_of: Clients, field: str, value: str, status: int, place: str):
    answer = save(client_of("math"), school, field, value, 0)
    assert answer.status_code == status and answer.headers["HX-Retarget"] == place
    assert record(school) is None


def test_a_refusal_names_the_pupil_the_field_and_what_was_typed(school: Cast, client_of: Clients):
    body = save(client_of("math"), school, "absences_excused_1", "<b>hai", 0).get_data(as_text=True)
    assert f"{BINH}, nghỉ có phép học kì I:" in body and "“&lt;b&gt;hai” chưa ghi được" in body and "số nguyên" in body


def test_the_grey_button_says_why_it_is_grey(school: Cast, client_of: Clients):
    address = f"/lop/{school.classes['9A']}"
    why = re.compile(r'finalise__why">([^<]*)<')
    assert why.findall(client_of("math").get(address).get_data(as_text=True)) == ["chờ ghi đủ, khoá đủ"]
    ready_but(school, {"remark": ""})
    assert why.findall(client_of("math").get(address).get_data(as_text=True)) == ["chờ ghi đủ ô"]


def test_the_day_and_the_class_count_what_is_left_in_the_same_units(school: Cast, client_of: Clients):
    fill_homeroom(school, "9A", {BINH: {"remark": "", "conduct_2": ""}})
    client = client_of("math")
    page = client.get(f"/lop/{school.classes['9A']}").get_data(as_text=True)
    n_fields = re.search(r'id="con-thieu">([0-9]+)<', page)[1]
    n_sheets = re.search(r"</b>([0-9]+) bảng điểm chưa khoá", page)[1]
    lists = client.get(f"/lop/{school.classes['9A']}/danh-sach").get_data(as_text=True)
    n_all = int(re.search(r'class="waits__n">([0-9]+)<', lists)[1])
    assert (n_fields, n_all) == ("2", 2 + int(n_sheets)) and int(n_sheets) > 0
    assert f"còn {n_fields} ô, {n_sheets} bảng điểm<" in client.get("/hom-nay").get_data(as_text=True)


def ready_but(school: Cast, changes: dict[str, object]) -> None:
    """9A locked and filled, except for what is said of one pupil."""
    fill_scores(school, "9A")
    lock_class(school, "9A")
    fill_homeroom(school, "9A", {BINH: changes})


def test_the_last_field_offers_to_finalise_and_an_emptied_one_takes_it_back(school: Cast, client_of: Clients):
    ready_but(school, {"conduct_2": "", "remark": ""})
    client, class_id, enrollment = client_of("math"), school.classes["9A"], school.enrollments["9A", BINH]
    page = client.get(f"/lop/{class_id}").get_data(as_text=True)
    seen = re.search(r'name="seen" value="([^"]+)"', page)[1]
    address = f"/lop/{class_id}/o/{enrollment}"

    def put(field: str, value: str, version: int, carried: str = seen) -> str:
        data = {"field": field, "value": value, "version": str(version), "seen": carried}
        return client.post(address, headers=HTMX, data=data).get_data(as_text=True)

    body = put("conduct_2", "T", 1)
    assert "/chot" not in body and re.search(r'id="con-thieu-o" hx-swap-oob="true">1<', body)
    body = put("remark", "Chăm ngoan.", 2)
    assert body.count(f'action="/lop/{class_id}/chot"') == 2 and 'data-none hx-swap-oob="true">0<' in body
    assert "Đến ô chưa ghi" not in body and 'id="con-thieu">0<' in body
    emptied = put("remark", "", 3)
    assert (
        "/chot" not in emptied and f'href="#o-{enrollment}-remark" data-next-gap' in emptied and "disabled" in emptied
    )
    body = put("remark", "Chăm ngoan lắm.", 4)
    assert client.post(f"/lop/{class_id}/chot", data=carried(body, "/chot")).status_code == 303
    assert class_row(school, "9A").state == "FINALISED"


def test_results_that_changed_under_the_page_are_looked_at_first(school: Cast, client_of: Clients):
    ready_but(school, {"remark": ""})
    client, class_id = client_of("math"), school.classes["9A"]
    page = client.get(f"/lop/{class_id}").get_data(as_text=True)
    seen = re.search(r'name="seen" value="([^"]+)"', page)[1]
    older = ("0" if seen[40] != "0" else "1").join((seen[:40], seen[41:]))  # another digest of the subjects' results
    address = f"/lop/{class_id}/o/{school.enrollments['9A', BINH]}"
    data = {"field": "remark", "value": "Chăm ngoan.", "version": "1"}
    for carried_seal in ("", older):
        body = client.post(address, headers=HTMX, data={**data, "seen": carried_seal}).get_data(as_text=True)
        assert "Xem kết quả mới" in body and "/chot" not in body


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("principal", 403),
        ("vice_principal", 403),
        ("head_society", 404),
        ("other", 403),
        ("clerk", 403),
        ("it_officer", 403),
        ("board", 403),
        ("outsider", 403),
    ],
)
def test_nobody_else_writes(school: Cast, client_of: Clients, who: str, status: int):
    assert save(client_of(who), school, "conduct_1", "T", 0).status_code == status
    assert record(school) is None


@pytest.mark.parametrize("path", ["", "/danh-sach", "/hoc-sinh/{}"])
@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("math", 200),
        ("principal", 200),
        ("vice_principal", 200),
        ("head_society", 404),
        ("other", 403),
        ("clerk", 403),
        ("it_officer", 403),
        ("board", 403),
        ("outsider", 403),
    ],
)
def test_who_opens_the_class(school: Cast, client_of: Clients, who: str, status: int, path: str):
    address = f"/lop/{school.classes['9A']}" + path.format(school.enrollments["9A", BINH])
    answer = client_of(who).get(address)
    assert answer.status_code == status
    if status != 200:
        assert BINH not in answer.get_data(as_text=True)


def test_without_script_a_remark_overtaken_or_refused_comes_back_to_be_saved_again(school: Cast, client_of: Clients):
    client, enrollment = client_of("math"), school.enrollments["9A", BINH]
    address = f"/lop/{school.classes['9A']}"
    client.post(f"{address}/luu", data={f"{enrollment}-remark": "Chăm.", f"v-{enrollment}": "0"})
    typed = {f"{enrollment}-remark": "Hai mươi phút gõ.", f"cu-{enrollment}-remark": "", f"v-{enrollment}": "0"}
    answer = client.post(f"{address}/luu", data=typed | {"hoc-sinh": str(enrollment)})
    body = answer.get_data(as_text=True)
    assert answer.status_code == 409 and "Hai mươi phút gõ." in body and "Đang có: Chăm." in body
    again = dict(re.findall(r'name="(v-\d+)" value="(\d+)"', body))
    answer = client.post(f"{address}/luu", data={f"{enrollment}-remark": "Hai mươi phút gõ.", **again})
    assert answer.status_code == 303
    row = record(school)
    assert row is not None and row.remark == "Hai mươi phút gõ."


def test_the_primary_button_of_a_students_page_saves_and_goes_on(school: Cast, client_of: Clients):
    client, class_id = client_of("math"), school.classes["9A"]
    enrollment, after = school.enrollments["9A", BINH], school.enrollments["9A", "Nguyễn Bảo Châu"]
    page = client.get(f"/lop/{class_id}/hoc-sinh/{enrollment}").get_data(as_text=True)
    head = page[page.index('<div class="head__do">') : page.index('id="phan-chu-nhiem"')]
    assert re.search(rf'<button class="btn btn--primary[^>]*form="mot-em" name="tiep" value="{after}"', head)
    assert re.search(r'<button class="btn btn--big"[^>]*form="mot-em">Lưu<', head)
    given = {"hoc-sinh": str(enrollment), "tiep": str(after), f"v-{enrollment}": "0", f"{enrollment}-conduct_1": "T"}
    answer = client.post(f"/lop/{class_id}/luu", data=given)
    assert answer.status_code == 303 and answer.headers["Location"].endswith(f"/hoc-sinh/{after}")
    assert record(school).conduct_1 == "T"
    assert f"Đã lưu 1 mục của {BINH}." in client.get(answer.headers["Location"]).get_data(as_text=True)
    wrong = {f"{enrollment}-absences_excused_1": "hai", f"v-{enrollment}": "1"}
    body = client.post(f"/lop/{class_id}/luu", data=given | wrong).get_data(as_text=True)
    assert ">hai</textarea>" in body and f'name="tiep" value="{after}"' in body, "mended, it goes on where it was going"
    to_class = client.post(f"/lop/{class_id}/luu", data={"hoc-sinh": str(enrollment), "tiep": "lop"})
    assert to_class.headers["Location"].endswith(f"/lop/{class_id}")


@pytest.mark.parametrize("onward", ["//evil.example", "http://evil.example", "9" * 40, "-1"])
def test_going_on_leads_nowhere_else(school: Cast, client_of: Clients, onward: str):
    answer = client_of("math").post(f"/lop/{school.classes['9A']}/luu", data={"tiep": onward})
    assert answer.headers["Location"].endswith(f"/lop/{school.classes['9A']}")


def test_a_stranger_is_sent_to_sign_in(school: Cast, school_app):
    answer = school_app.test_client().get(f"/lop/{school.classes['9A']}")
    assert answer.status_code in (302, 303) and "/dang-nhap" in answer.headers["Location"]


def test_a_matrix_drawn_for_somebody_else_writes_nothing(school: Cast, client_of: Clients):
    client, enrollment = client_of("math"), school.enrollments["9A", BINH]
    address = f"/lop/{school.classes['9A']}"
    assert f'name="account" value="{school.accounts["math"]}"' in client.get(address).get_data(as_text=True)
    answer = client.post(
        f"{address}/luu",
        data={
            f"{enrollment}-remark": "Ngoan.",
            f"cu-{enrollment}-remark": "",
            "account": str(school.accounts["other"]),
        },
    )
    assert answer.status_code == 409 and "người khác mở" in answer.get_data(as_text=True)
    assert db.session.scalars(select(m.HomeroomRecord.id).where(m.HomeroomRecord.remark.is_not(None))).all() == []


def test_without_script_the_matrix_is_a_form_that_saves_what_changed(school: Cast, client_of: Clients):
    client, enrollment = client_of("math"), school.enrollments["9A", BINH]
    answer = client.post(
        f"/lop/{school.classes['9A']}/luu",
        data={
            f"v-{enrollment}": "0",
            f"{enrollment}-conduct_1": "T",
            f"cu-{enrollment}-conduct_1": "",
            f"{enrollment}-remark": "Ngoan.",
            f"cu-{enrollment}-remark": "",
            f"{enrollment}-absences_excused_1": "",
            f"cu-{enrollment}-absences_excused_1": "",
            f"{enrollment}-absences_excused_2": "x",
            f"cu-{enrollment}-absences_excused_2": "",
        },
        follow_redirects=True,
    )
    body = answer.get_data(as_text=True)
    assert answer.status_code == 422 and "Đã lưu 2 mục khác" in body and "số nguyên" in body
    assert f'name="{enrollment}-absences_excused_2"' in body and ">x</textarea>" in body, "what was typed stays"
    row = record(school)
    assert (row.conduct_1, row.remark, row.absences_excused_2) == ("T", "Ngoan.", None)


def carried(page: str, act: str) -> dict[str, str]:
    """The hidden values of the first form on a page that posts to this act."""
    form = re.search(rf'<form[^>]*action="[^"]*{act}".*?</form>', page, re.DOTALL)
    assert form, act
    fields = re.findall(r"<input[^>]*>", form[0])
    found = {re.search(r'name="([^"]*)"', one)[1]: re.search(r'value="([^"]*)"', one) for one in fields}
    return {name: value[1] if value else "" for name, value in found.items() if name in ("version", "seen")}


def test_finalising_early_shows_what_is_missing(school: Cast, client_of: Clients):
    fill_scores(school, "9A")
    answer = client_of("math").post(f"/lop/{school.classes['9A']}/chot", data={"version": "1"})
    body = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "đang ở Phan Thị Mận, chưa nộp" in body and f'href="/bang-diem/{school.sheets["9A", "LIT", 2]}"' in body


def test_a_class_is_finalised_and_approved_by_clicking(school: Cast, client_of: Clients):
    fill_scores(school, "9A")
    lock_class(school, "9A")
    fill_homeroom(school, "9A")
    class_id = school.classes["9A"]
    page = client_of("math").get(f"/lop/{class_id}").get_data(as_text=True)
    assert "Chốt lớp" in page and 'id="con-thieu">0<' in page
    assert client_of("math").post(f"/lop/{class_id}/chot", data={"version": "1"}).status_code == 409
    assert client_of("math").post(f"/lop/{class_id}/chot", data=carried(page, "/chot")).status_code == 303
    lists = client_of("principal").get(f"/lop/{class_id}/danh-sach").get_data(as_text=True)
    assert "Đồng ý với kết quả đánh giá" in lists
    assert client_of("math").post(f"/lop/{class_id}/duyet", data={"version": "2"}).status_code == 403
    assert {"version", "seen"} <= carried(lists, "/tra-lai").keys()
    data = {**carried(lists, "/duyet"), "remark": "Đồng ý."}
    unseen = client_of("principal").post(f"/lop/{class_id}/duyet", data={**data, "seen": ""})
    assert unseen.status_code == 409 and "xem lại" in unseen.get_data(as_text=True)
    answer = client_of("principal").post(f"/lop/{class_id}/duyet", data=data)
    assert answer.status_code == 303 and class_row(school, "9A").state == "APPROVED"
    assert client_of("principal").post(f"/lop/{class_id}/duyet", data={"version": "2"}).status_code == 409


def test_a_remark_that_says_nothing_is_asked_about_and_shown_to_the_principal(school: Cast, client_of: Clients):
    ready_but(school, {"remark": "1"})
    client, class_id, enrollment = client_of("math"), school.classes["9A"], school.enrollments["9A", BINH]
    page = client.get(f"/lop/{class_id}").get_data(as_text=True)
    answer = client.post(f"/lop/{class_id}/chot", data=carried(page, "/chot"))
    body = answer.get_data(as_text=True)
    assert answer.status_code == 409 and class_row(school, "9A").state == "OPEN"
    assert f'href="/lop/{class_id}#o-{enrollment}-remark">{BINH}: “1”' in body and "Giữ nguyên, chốt lớp" in body
    assert f'name="giu" value="{enrollment}"' in body
    assert client.post(f"/lop/{class_id}/chot", data={**carried(body, "/chot"), "giu": enrollment}).status_code == 303
    today = client_of("principal").get("/hom-nay").get_data(as_text=True)
    assert "Nhận xét quá ngắn" in today and f"{BINH}: “1”" in today


def test_the_homeroom_teacher_takes_a_finalised_class_back_from_its_page(school: Cast, client_of: Clients):
    row = finalised(school)
    client = client_of("math")
    page = client.get(f"/lop/{row.id}").get_data(as_text=True)
    assert "Rút lại" in page and "Rút lại" not in client_of("principal").get(f"/lop/{row.id}").get_data(as_text=True)
    assert client.post(f"/lop/{row.id}/mo-lai", data=carried(page, "/mo-lai")).status_code == 303
    assert class_row(school, "9A").state == "OPEN"


def test_a_return_without_reason_is_refused(school: Cast, client_of: Clients):
    row = finalised(school)
    answer = client_of("principal").post(f"/lop/{row.id}/tra-lai", data={"version": str(row.version), "note": " "})
    assert answer.status_code == 422 and class_row(school, "9A").state == "FINALISED"


def test_an_exemption_is_proposed_and_granted_by_clicking(school: Cast, client_of: Clients):
    class_id, enrollment = school.classes["9A"], school.enrollments["9A", BINH]
    subject = db.session.scalars(select(m.Subject.id).where(m.Subject.code == "PE")).one()
    address = f"/lop/{class_id}/hoc-sinh/{enrollment}/mien-hoc"
    assert client_of("math").post(address, data={"subject": subject, "semester": "", "reason": ""}).status_code == 422
    assert (
        client_of("math").post(address, data={"subject": subject, "semester": "", "reason": "Bệnh tim"}).status_code
        == 303
    )
    today = client_of("principal").get("/hom-nay").get_data(as_text=True)
    assert "Miễn Giáo dục thể chất, cả năm" in today and BINH in today
    exemption = db.session.scalars(select(m.Exemption.id)).one()
    rule = f"/lop/{class_id}/mien-hoc/{exemption}"
    assert client_of("math").post(rule, data={"outcome": "1", "document": "12/QĐ"}).status_code == 403
    assert client_of("principal").post(rule, data={"outcome": "1", "document": ""}).status_code == 422
    assert (
        client_of("principal").post(rule, data={"outcome": "1", "document": "12/QĐ", "ve": "hom-nay"}).status_code
        == 303
    )
    page = client_of("math").get(f"/lop/{class_id}").get_data(as_text=True)
    assert ">Miễn</td>" in page


def test_an_outdated_decision_is_told_and_asked_again_from_the_page(school: Cast, client_of: Clients):
    codes = ("LIT", "MATH", "FL1", "CIVICS", "HISTGEO", "SCI", "TECH", "ICT")
    values = dict(zip(codes, (80, 80, 80, 80, 80, 70, 70, 40), strict=True))
    fill_scores(school, "9A", {(BINH, code): value for code, value in values.items()})
    enrollment = school.enrollments["9A", BINH]
    path = f"/lop/{school.classes['9A']}/hoc-sinh/{enrollment}"
    client = client_of("principal")

    def form_of_year(page: str) -> dict[str, str]:
        form = next(one for one in re.findall(r"<form.*?</form>", page, re.DOTALL) if 'name="term" value="year"' in one)
        return dict(re.findall(r'<input type="hidden" name="(kind|term|seen)" value="([^"]*)"', form))

    before = form_of_year(client.get(path).get_data(as_text=True))
    assert before["seen"]
    said = {"outcome": "K", "reason": "Hội đồng họp ngày 10/5."}
    assert client.post(f"{path}/quyet-dinh", data={**before, **said}).status_code == 303
    assert "Không dùng cho kết quả bây giờ" not in client.get(path).get_data(as_text=True)
    type_scores(school, {"ICT": "3,9"})
    page = client.get(path).get_data(as_text=True)
    assert "kết quả đã thay đổi từ quyết định ngày 12/05/2027 (Tin học 4,0 → 3,9), xin xem xét lại" in page
    assert "Không dùng cho kết quả bây giờ" in page
    answer = client.post(f"{path}/quyet-dinh", data={**before, **said})  # from a page that shows the scores before
    assert answer.status_code == 409 and "đã thay đổi" in answer.get_data(as_text=True)
    assert client.post(f"{path}/quyet-dinh", data={**form_of_year(page), **said}).status_code == 303
