"""Absences by month over HTTP: one number saved alone with its sums, both numbers of a conflict, plain forms, links."""

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
from tests.services.full_class import fill_homeroom

Clients = Callable[[str], FlaskClient]
HTMX = {"HX-Request": "true"}
BINH = "Hoàng Thanh Bình"
SEPT = "1-2026-09-excused"
FIRST = ("1-2026-09", "1-2026-10", "1-2026-11", "1-2026-12", "1-2027-01")


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def place(school: Cast) -> tuple[int, int]:
    return school.classes["9A"], school.enrollments["9A", BINH]


def save(client: FlaskClient, school: Cast, field: str, value: str, version: int = 0, *, htmx: bool = True):
    class_id, enrollment = place(school)
    return client.post(
        f"/lop/{class_id}/thang/{enrollment}",
        headers=HTMX if htmx else {},
        data={"field": field, "value": value, "version": str(version)},
    )


def stored(school: Cast, month: str = "2026-09", kind: str = "excused") -> int | None:
    db.session.rollback()
    return db.session.scalar(
        select(m.MonthAbsence.sessions).where(
            m.MonthAbsence.enrollment_id == place(school)[1],
            m.MonthAbsence.month == month,
            m.MonthAbsence.kind == kind,
        )
    )


def test_a_saved_number_answers_with_its_cell_the_sums_and_the_months_left(school: Cast, client_of: Clients):
    client = client_of("math")
    enrollment = place(school)[1]
    body = save(client, school, SEPT, "3").get_data(as_text=True)
    assert f'id="o-{enrollment}-{SEPT}"' in body and 'data-version="1"' in body
    assert re.search(rf'id="t-{enrollment}-1-excused" hx-swap-oob="true"><span class="month__part">3<', body)
    assert re.search(rf'id="t-{enrollment}-nam" hx-swap-oob="true"><span class="month__part">3<', body)
    assert 'id="thang-cho" hx-swap-oob="true"' in body and '<span class="waits__n">10</span>' in body
    for key in FIRST[1:]:
        body = save(client, school, f"{key}-excused", "0").get_data(as_text=True)
    assert re.search(rf'id="t-{enrollment}-1-excused" hx-swap-oob="true"><b>3</b>', body)


def test_a_conflict_shows_both_numbers_and_writes_neither(school: Cast, client_of: Clients):
    client = client_of("math")
    save(client, school, SEPT, "3")
    answer = save(client, school, SEPT, "5")
    body = answer.get_data(as_text=True)
    assert answer.status_code == 409 and answer.headers["HX-Retarget"] == "#notices"
    assert "<b>3</b>, Trịnh Thu Hà" in body and "<b>5</b>" in body and stored(school) == 3


@pytest.mark.parametrize(("value", "said"), [("<b>hai", "&lt;b&gt;hai"), ("40", "từ 0 đến 22")])
def test_a_refusal_is_told_below_the_table(school: Cast, client_of: Clients, value: str, said: str):
    answer = save(client_of("math"), school, SEPT, value)
    assert answer.status_code == 422 and answer.headers["HX-Retarget"] == "#row-wrong"
    assert said in answer.get_data(as_text=True) and BINH in answer.get_data(as_text=True) and stored(school) is None


@pytest.mark.parametrize("field", ["1-2031-01-excused", "1-2026-09-late", "excused", ""])
def test_a_cell_that_is_none_is_not_found(school: Cast, client_of: Clients, field: str):
    assert save(client_of("math"), school, field, "1").status_code == 404


def test_without_script_the_table_is_one_form_and_what_is_refused_comes_back(school: Cast, client_of: Clients):
    client = client_of("math")
    class_id, enrollment = place(school)
    page = client.get(f"/lop/{class_id}/thang?ki=1").get_data(as_text=True)
    name, other = f"{enrollment}-{SEPT}", f"{enrollment}-1-2026-10-excused"
    assert f'name="cu-{name}" form="luu" value=""' in page and f'name="v-{name}" form="luu" value="0"' in page
    data = {
        "account": str(school.accounts["math"]), "ki": "1", name: "2", f"cu-{name}": "", f"v-{name}": "0",
        other: "99", f"cu-{other}": "", f"v-{other}": "0",
    }  # fmt: skip
    answer = client.post(f"/lop/{class_id}/thang/luu", data=data)
    body = answer.get_data(as_text=True)
    assert answer.status_code == 422 and "1 ô chưa ghi" in body and 'value="99"' in body and "Đã lưu 1 ô khác" in body
    assert stored(school) == 2
    answer = client.post(
        f"/lop/{class_id}/thang/luu", data={"account": data["account"], "ki": "1", other: "4", f"v-{other}": "0"}
    )
    assert answer.status_code in (302, 303) and answer.location.endswith("ki=1") and stored(school, "2026-10") == 4
    stale = client.post(
        f"/lop/{class_id}/thang/luu", data={"account": data["account"], "ki": "1", name: "9", f"v-{name}": "0"}
    )
    assert stale.status_code == 409 and "vừa được sửa" in stale.get_data(as_text=True) and stored(school) == 2


def sent(client: FlaskClient, school: Cast, **typed: str) -> dict[str, str]:
    """The fields of the table as a browser sends them with the button of the zeros; ``typed``: numbers by field, not saved."""
    page = client.get(f"/lop/{place(school)[0]}/thang?ki=1").get_data(as_text=True)
    assert re.search(r'<button [^>]*form="luu" formaction="[^"]*/thang/so-0" data-fill>', page)
    assert page.index('form="luu" hidden>') < page.index("formaction="), "Enter saves, it does not fill"
    fields = dict(re.findall(r'name="((?:cu-|v-)?[0-9]+-[^"]*)" form="luu" value="([^"]*)"', page))
    return fields | {"account": str(school.accounts["math"]), "ki": "1", "thang": "1-2026-09"} | typed


def test_zeros_fill_a_month(school: Cast, client_of: Clients):
    client = client_of("math")
    class_id = place(school)[0]
    save(client, school, SEPT, "3")
    data = sent(client, school)
    answer = client.post(f"/lop/{class_id}/thang/so-0", data=data)
    assert answer.status_code in (302, 303) and stored(school) == 3 and stored(school, kind="unexcused") == 0
    assert stored(school, "2026-10") is None
    assert client.post(f"/lop/{class_id}/thang/so-0", data=data | {"thang": "x"}).status_code == 404


def test_zeros_wait_while_a_number_is_not_saved_and_the_pupil_is_named(school: Cast, client_of: Clients):
    client = client_of("math")
    class_id, enrollment = place(school)
    assert save(client, school, SEPT, "40").status_code == 422
    answer = client.post(f"/lop/{class_id}/thang/so-0", data=sent(client, school, **{f"{enrollment}-{SEPT}": "40"}))
    body = answer.get_data(as_text=True)
    assert answer.status_code == 422 and BINH in body and 'value="40"' in body and "chưa ghi 0" in body
    assert stored(school) is None and stored(school, kind="unexcused") is None


def test_zeros_go_only_into_cells_that_the_page_showed_empty(school: Cast, client_of: Clients):
    client = client_of("math")
    class_id = place(school)[0]
    save(client, school, SEPT, "3")
    data = sent(client, school)
    save(client, school, SEPT, "", version=1)
    client.post(f"/lop/{class_id}/thang/so-0", data=data)
    assert stored(school) is None and stored(school, kind="unexcused") == 0
    client.post(f"/lop/{class_id}/thang/so-0", data={"thang": "1-2026-10"})
    assert stored(school, "2026-10") is None, "a form that names no cell fills none"


def test_the_principal_reads_and_has_nothing_to_type(school: Cast, client_of: Clients):
    save(client_of("math"), school, SEPT, "3")
    page = client_of("principal").get(f"/lop/{place(school)[0]}/thang?ki=1").get_data(as_text=True)
    assert "Chỉ xem" in page and "own__count" not in page and "so-0" not in page and BINH.split()[-1] in page


def test_the_class_leads_to_the_months_with_their_number_and_shows_sums_that_are_not_typed(
    school: Cast, client_of: Clients
):
    client = client_of("math")
    class_id, enrollment = place(school)
    page = client.get(f"/lop/{class_id}").get_data(as_text=True)
    assert re.search(r'/thang">.*Nghỉ theo tháng <span class="num">10</span>', page)
    assert f'name="{enrollment}-absences_excused_1"' in page
    save(client, school, SEPT, "3")
    page = client.get(f"/lop/{class_id}").get_data(as_text=True)
    assert f'name="{enrollment}-absences_excused_1"' not in page
    assert f'name="{enrollment}-absences_unexcused_1"' in page
    assert f'class="own__sum" href="/lop/{class_id}/thang?ki=1"' in page
    one = client.get(f"/lop/{class_id}/hoc-sinh/{enrollment}").get_data(as_text=True)
    assert re.search(r'id="n-absences_excused_1"[^>]* readonly', one) and "Tổng các tháng" in one


def test_totals_typed_by_hand_leave_nothing_to_type_by_month(school: Cast, client_of: Clients):
    fill_homeroom(school, "9A")
    client = client_of("math")
    page = client.get(f"/lop/{place(school)[0]}/thang?ki=1").get_data(as_text=True)
    assert "own__count" not in page and '<span class="waits__n">0</span>' in page
    answer = save(client, school, SEPT, "3")
    assert answer.status_code == 422 and "đã gõ thẳng" in answer.get_data(as_text=True)


def test_a_pupil_near_45_is_named(school: Cast, client_of: Clients):
    client = client_of("math")
    save(client, school, SEPT, "22")
    body = save(client, school, "1-2026-10-excused", "20").get_data(as_text=True)
    assert f"<b>{BINH} nghỉ 42 buổi</b> tính đến nay. Còn 3 buổi là đến 45" in body
    body = save(client, school, "1-2026-11-excused", "5").get_data(as_text=True)
    assert f"<b>{BINH} nghỉ 47 buổi</b>" in body and "không được lên lớp" in body and "quá 45" in body
