"""A corrected conclusion of a closed year through the pages of the principal and the office."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from hocbaso import clock
from hocbaso.db import db
from tests.cast import Cast
from tests.services.finished_year import class_named
from tests.services.test_conclusion_cases import AUTUMN, PAPER, ask, class_of, turned
from tests.services.test_year_turn import AN, ANH

Clients = Callable[[str], FlaskClient]


@pytest.fixture(autouse=True)
def _today(school: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    turned(school)
    monkeypatch.setattr(clock, "now", lambda: AUTUMN)


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.get_data(as_text=True)))


def hidden(answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.get_data(as_text=True))
    assert found is not None, name
    return found[1]


def test_the_principal_chooses_and_the_office_moves(school: Cast, client_of: Clients) -> None:
    request_id = ask(school, ANH, {"absences_excused_1": "50"}).id
    db.session.rollback()
    principal, office = client_of("principal"), client_of("clerk")
    page = principal.get(f"/sua-chua/{request_id}")
    told = text_of(page)
    assert "Với em, điều ấy nghĩa là" in told and "Em đang học lớp 7A của năm học mới." in told
    form = {"version": hidden(page, "version"), "seen": hidden(page, "seen")}
    refused = principal.post(f"/sua-chua/{request_id}/duyet", data=form)
    assert refused.status_code == 422 and "Xin chọn việc làm với em" in text_of(refused)
    to_class = re.search(r'<option value="(\d+)">6A</option>', page.get_data(as_text=True))[1]
    done = principal.post(
        f"/sua-chua/{request_id}/duyet", data={**form, "case": "move", "case_class": to_class, "case_paper": PAPER}
    )
    assert done.status_code == 303
    db.session.rollback()
    assert class_of(school, ANH) == "7A"
    for path in ("/sua-chua/", "/tien-do", "/sua-chua/ket-luan", f"/sua-chua/{request_id}"):
        assert "chưa xong" in text_of(principal.get(path)).lower(), path
    assert "Xếp lại lớp cho" in text_of(office.get("/hom-nay")) and PAPER in text_of(office.get("/hom-nay"))
    page = office.get("/sua-chua/ket-luan")
    assert "Xếp vào lớp 6A" in text_of(page)
    told = text_of(principal.get("/sua-chua/ket-luan"))
    assert "Xếp vào lớp 6A" not in told and "Quyết định khác" in told
    case_id = re.search(r"/sua-chua/ket-luan/(\d+)/xep-lop", page.get_data(as_text=True))[1]
    assert principal.post(f"/sua-chua/ket-luan/{case_id}/xep-lop", data={"version": "1"}).status_code == 403
    assert office.post(f"/sua-chua/ket-luan/{case_id}/xep-lop", data={"version": "7"}).status_code == 409
    moved = office.post(f"/sua-chua/ket-luan/{case_id}/xep-lop", data={"version": hidden(page, "version")})
    assert moved.status_code == 303
    db.session.rollback()
    assert class_of(school, ANH) == "6A"
    assert "Không em nào đang chờ" in text_of(office.get("/sua-chua/ket-luan"))
    seven_a = class_named("7A", "2027-2028").id
    assert "Đã xếp lại lớp" in text_of(office.get(f"/hoc-sinh/lop/{seven_a}"))
    log = text_of(principal.get("/nhat-ky"))
    assert "xếp lại lớp sau khi kết luận của năm đổi" in log


def test_who_sees_the_page(school: Cast, client_of: Clients) -> None:
    request_id = ask(school, AN, {"absences_excused_1": "2"}).id
    db.session.rollback()
    principal = client_of("principal")
    page = principal.get(f"/sua-chua/{request_id}")
    form = {"version": hidden(page, "version"), "seen": hidden(page, "seen"), "case": "move", "case_paper": PAPER}
    to_class = re.search(r'<option value="(\d+)">7A</option>', page.get_data(as_text=True))[1]
    assert principal.post(f"/sua-chua/{request_id}/duyet", data={**form, "case_class": to_class}).status_code == 303
    for who in ("principal", "vice_principal", "clerk", "head_society"):  # who kept the class of the corrected year
        assert AN in text_of(client_of(who).get("/sua-chua/ket-luan")), who
    for who in ("math", "head_science", "other"):
        assert AN not in text_of(client_of(who).get("/sua-chua/ket-luan")), who
    for who in ("it_officer", "board", "outsider"):
        assert client_of(who).get("/sua-chua/ket-luan").status_code in (200, 403)
        assert AN not in text_of(client_of(who).get("/sua-chua/ket-luan")), who


def test_a_late_summer_is_written_on_the_ordinary_pages_of_a_closed_year(school: Cast, client_of: Clients) -> None:
    request_id = ask(school, ANH, {"conduct_2": "CĐ"}).id
    db.session.rollback()
    principal, keeper = client_of("principal"), client_of("head_society")
    page = principal.get(f"/sua-chua/{request_id}")
    form = {"version": hidden(page, "version"), "seen": hidden(page, "seen"), "case": "summer", "case_paper": PAPER}
    refused = principal.post(f"/sua-chua/{request_id}/duyet", data={**form, "case_until": "31/12/2028"})
    assert refused.status_code == 422 and "không quá ba tháng" in text_of(refused)
    assert PAPER in refused.get_data(as_text=True), "what was typed stays"
    assert principal.post(f"/sua-chua/{request_id}/duyet", data={**form, "case_until": "15/10/2027"}).status_code == 303
    class_id = school.classes["6A"]
    assert "Ghi đăng ký trong hè lớp 6A năm học 2026–2027" in text_of(keeper.get("/hom-nay"))
    assert "6A năm học 2026–2027" in text_of(keeper.get("/he"))
    page = keeper.get(f"/he/{class_id}")
    assert page.status_code == 200 and ANH in text_of(page)
    assert "mở muộn cho 1 em" in text_of(page) and f"Hiệu trưởng cho làm muộn: {ANH}" in text_of(page)
    [key] = re.findall(r'name="dk-([0-9-]+)"', page.get_data(as_text=True))
    said = {f"v-{key}": "0", f"dk-{key}": "1", f"viec-{key}": "Lao động"}
    assert keeper.post(f"/he/{class_id}/dang-ky", data=said).status_code == 303
    assert f'name="kq-{key}"' in keeper.get(f"/he/{class_id}").get_data(as_text=True)
    told = text_of(principal.get("/sua-chua/ket-luan"))
    assert "Chờ kết quả kiểm tra, đánh giá lại muộn" in told and "Gia hạn" in told
    case_id = re.search(
        r"/sua-chua/ket-luan/(\d+)/gia-han", principal.get("/sua-chua/ket-luan").get_data(as_text=True)
    )[1]
    longer = principal.post(f"/sua-chua/ket-luan/{case_id}/gia-han", data={"version": "1", "case_until": "30/10/2027"})
    assert longer.status_code == 303 and "30/10/2027" in text_of(principal.get("/sua-chua/ket-luan"))
