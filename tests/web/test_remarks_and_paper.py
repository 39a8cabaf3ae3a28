"""The bank's forms and the printing form as a browser without script meets them; what the wrong person gets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.paper_codes import sheet_code
from hocbaso.services import document_pool, lan_addresses, paper_kit
from tests.cast import Cast

GOOD = "Em hiểu bài."


@pytest.fixture
def maths(school: Cast) -> int:
    found = db.session.scalar(select(m.Subject.id).where(m.Subject.code == "MATH"))
    assert found is not None
    return found


def phrases() -> list[tuple[int, str, str, int]]:
    db.session.rollback()
    rows = db.session.scalars(select(m.RemarkPhrase).order_by(m.RemarkPhrase.position))
    return [(row.id, row.level, row.text, row.version) for row in rows]


def add(client: FlaskClient, mon: object, text: str = GOOD, level: str = "T") -> Any:
    return client.post("/nhan-xet/them", data={"mon": str(mon), "level": level, "text": text})


def test_a_phrase_is_added_reworded_and_deleted(school: Cast, client_of: Any, maths: int):
    client = client_of("math")
    assert add(client, maths).status_code == 303
    ((phrase, *_),) = phrases()
    where = {"mon": str(maths), "level": "K", "version": "1"}
    assert client.post(f"/nhan-xet/{phrase}/sua", data={**where, "text": "Em chăm."}).status_code == 303
    stale = client.post(f"/nhan-xet/{phrase}/sua", data={**where, "text": "Em khác."})
    assert stale.status_code == 409 and "Em khác." in stale.get_data(as_text=True)
    assert phrases() == [(phrase, "K", "Em chăm.", 2)]
    for words in ("Đã xoá câu.", "không còn trong ngân hàng"):
        answer = client.post(f"/nhan-xet/{phrase}/xoa", data={"mon": str(maths)}, follow_redirects=True)
        assert words in answer.get_data(as_text=True)
    assert phrases() == []


@pytest.mark.parametrize("text", ["", "a" * 301, "Em Chi học tốt.", "Em\u202e giỏi"])
def test_what_is_refused_stays_in_the_form(school: Cast, client_of: Any, maths: int, text: str):
    answer = add(client_of("math"), maths, text)
    assert answer.status_code == 422 and 'id="cau-moi-loi"' in answer.get_data(as_text=True)
    assert phrases() == []


@pytest.mark.parametrize("mon", ["", "999999", "-1", "chu-nhiem", "1 OR 1", "９"])
def test_a_bank_that_is_not_ones_own_does_not_exist(school: Cast, client_of: Any, mon: str):
    assert add(client_of("other"), mon).status_code == 404  # teaches, keeps no class
    assert client_of("other").get("/nhan-xet/", query_string={"mon": mon} if mon else {"mon": "x"}).status_code == 404
    assert phrases() == []


def test_another_teachers_phrase_is_neither_shown_nor_touched(school: Cast, client_of: Any, maths: int):
    add(client_of("math"), maths)
    ((phrase, *_),) = phrases()
    other = client_of("head_science")
    assert GOOD not in other.get(f"/nhan-xet/?mon={maths}").get_data(as_text=True)
    for act in ("len", "xuong", "sua"):
        data = {"mon": str(maths), "level": "T", "text": "x y", "version": "1"}
        assert other.post(f"/nhan-xet/{phrase}/{act}", data=data).status_code == 404
    other.post(f"/nhan-xet/{phrase}/xoa", data={"mon": str(maths)})
    assert [text for _, _, text, _ in phrases()] == [GOOD]


def test_markup_in_a_phrase_and_in_a_hint_is_text(school: Cast, client_of: Any, maths: int):
    client = client_of("math")
    add(client, maths, "<script>\"&'</script>")
    assert len(phrases()) == 1
    sheet, pupil = school.sheets["9A", "MATH", 2], school.enrollments["9A", "Hoàng Thanh Bình"]
    for page in (client.get(f"/nhan-xet/?mon={maths}"), client.get(f"/bang-diem/{sheet}")):
        assert "<script>&#34;" not in page.get_data(as_text=True) and '<script>"' not in page.get_data(as_text=True)
    answer = client.post(f"/bang-diem/{sheet}/nhan-xet/{pupil}", data={"text": "<b>Em Chi</b> " + "a" * 9000})
    assert (
        answer.status_code == 200
        and "“Chi”" in answer.get_data(as_text=True)
        and "<b>" not in answer.get_data(as_text=True)
    )


def test_the_forms_need_their_token(school: Cast, school_app: Flask, client_of: Any, maths: int):
    client = client_of("math")
    school_app.config["WTF_CSRF_ENABLED"] = True
    assert add(client, maths).status_code in (400, 419)
    assert client.post("/phieu-giay/", data={"in": "cua-toi", "hoc-ky": "2"}).status_code in (400, 419)
    assert phrases() == []


def test_a_kit_comes_as_a_file(school: Cast, client_of: Any):
    try:
        answer = client_of("math").post("/phieu-giay/", data={"in": "cua-toi", "hoc-ky": "2", "diem": "1"})
        assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="phieu-giay-9A-hk2.pdf"'
        assert answer.headers["Cache-Control"] == "no-store" and answer.data[:5] == b"%PDF-"
    finally:
        document_pool.close()


def test_no_code_is_promised_where_only_this_machine_is_served(
    school: Cast, school_app: Flask, client_of: Any, monkeypatch: Any
):
    asked: list[str] = []
    monkeypatch.setattr(
        paper_kit,
        "make",
        lambda *_, base_address, **__: asked.append(base_address) or paper_kit.KitFile(b"%PDF-", "phieu.pdf", 1),
    )
    monkeypatch.setattr(lan_addresses, "of_this_machine", lambda: ("10.1.2.3",))
    client, shown = client_of("math"), []
    for listen in ("127.0.0.1", "0.0.0.0"):
        monkeypatch.setitem(school_app.config, "HOCBASO", replace(school_app.config["HOCBASO"], listen=listen))
        assert client.post("/phieu-giay/", data={"in": "cua-toi", "hoc-ky": "2"}).status_code == 200
        page = client.get("/phieu-giay/").get_data(as_text=True)
        shown.append(("Phiếu in bây giờ không có mã QR" in page, "quét mã QR" in page))
    assert asked == ["", "http://10.1.2.3"] and shown == [(True, False), (False, True)]


@pytest.mark.parametrize(
    ("who", "data", "status"),
    [
        ("math", {}, 422),
        ("math", {"in": "cua-toi"}, 422),
        ("math", {"in": "cua-toi", "hoc-ky": "9"}, 422),
        ("math", {"in": "truong", "hoc-ky": "2"}, 404),
        ("math", {"bang": "999999", "hoc-ky": "2"}, 404),
        ("clerk", {"in": "truong", "hoc-ky": "2", "diem": "1"}, 403),
        ("clerk", {"in": "truong", "hoc-ky": "2", "lop": "999999"}, 422),
        ("outsider", {"in": "cua-toi", "hoc-ky": "2"}, 403),
    ],
)
def test_what_is_not_printed(school: Cast, client_of: Any, who: str, data: dict[str, str], status: int):
    assert client_of(who).post("/phieu-giay/", data=data).status_code == status
    tags = db.session.scalars(select(m.AuditEntry.tag)).all()
    assert "export:file:made" not in tags


def test_a_code_leads_to_the_sheet_or_nowhere(school: Cast, client_of: Any):
    sheet = school.sheets["9A", "MATH", 2]
    answer = client_of("math").get(f"/bang-diem/giay/{sheet_code(sheet)}")
    assert answer.location.endswith(f"/bang-diem/{sheet}?giay=1")
    for code in (f"{sheet}-00", "x", "1" * 40 + "-11"):
        assert client_of("math").get(f"/bang-diem/giay/{code}").status_code == 404
    assert client_of("other").get(f"/bang-diem/giay/{sheet_code(sheet)}").status_code == 404
