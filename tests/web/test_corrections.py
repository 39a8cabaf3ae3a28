"""The pages of corrections, from the locked cell to the page of what was done."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from tests.cast import NOW, Cast
from tests.services.approved_class import copy_of
from tests.services.locked_class import locked_template_fixture  # noqa: F401 (fixture)
from tests.services.test_corrections import BINH, PHOTO


@pytest.fixture
def school_app(locked_template: Path, tmp_path: Path) -> Iterator[Flask]:
    """An application on a fresh copy of the school in which every sheet of 9A is locked."""
    application = copy_of(locked_template, tmp_path / "school")
    yield application
    with application.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(name="locked")
def locked_fixture(school: Cast, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """The cast on the school's day."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return school


def picture(data: bytes = PHOTO.data, name: str = "bai-kiem-tra.jpg") -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


def send(client: FlaskClient, cast: Cast, key: str = "CK", value: str = "4,5", version: str = "1", **more: object):
    sheet = cast.sheets["9A", "LIT", 2]
    data = {
        f"c-{sheet}-{key}": value,
        f"v-{sheet}-{key}": version,
        "reason": "Cộng nhầm câu 3",
        "files": picture(),
        **more,
    }
    return client.post(f"/sua-chua/diem/{cast.enrollments['9A', BINH]}", data=data)


def request_row() -> m.CorrectionRequest:
    return db.session.scalars(
        select(m.CorrectionRequest).order_by(m.CorrectionRequest.id.desc()).execution_options(populate_existing=True)
    ).one()


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def act(client: FlaskClient, request_id: int, verb: str, **more: str):
    page = text_of(client.get(f"/sua-chua/{request_id}"))
    version = re.search(r'name="version" value="(\d+)"', page)
    seen = re.search(r'name="seen" value="([0-9a-f]*)"', page)
    data = {"version": version[1] if version else "1", "seen": seen[1] if seen else "", **more}
    return client.post(f"/sua-chua/{request_id}/{verb}", data=data)


def test_the_way_begins_at_the_locked_cell(client_of, locked: Cast) -> None:
    sheet, pupil = locked.sheets["9A", "LIT", 2], locked.enrollments["9A", BINH]
    card = text_of(client_of("head_society").get(f"/bang-diem/{sheet}/o/{pupil}/CK/lich-su"))
    link = f"/sua-chua/diem/{pupil}?bang={sheet}&amp;o=CK"
    assert link in card
    for who in ("math", "principal"):  # the homeroom teacher and the principal read the cell, and ask for nothing
        assert "/sua-chua/diem/" not in text_of(client_of(who).get(f"/bang-diem/{sheet}/o/{pupil}/CK/lich-su"))
    form = text_of(client_of("head_society").get(link.replace("&amp;", "&")))
    assert "đang là 8,5" in form and 'enctype="multipart/form-data"' in form and BINH in form


def test_from_the_form_to_the_locked_sheet_with_the_new_value(client_of, locked: Cast) -> None:
    sent = send(client_of("head_society"), locked)
    assert sent.status_code == 303
    row = request_row()
    card = text_of(
        client_of("head_society").get(
            f"/bang-diem/{locked.sheets['9A', 'LIT', 2]}/o/{locked.enrollments['9A', BINH]}/CK/lich-su"
        )
    )
    assert f"Đề nghị sửa số {row.id}" in card and "/sua-chua/diem/" not in card
    assert "Xác nhận đề nghị sửa" in text_of(client_of("math").get("/hom-nay"))
    assert act(client_of("math"), row.id, "xac-nhan").status_code == 303
    page = text_of(client_of("principal").get(f"/sua-chua/{row.id}"))
    assert "Điều 9 khoản 1 điểm b" in page and "Ngữ văn, học kì II" in page and "Cộng nhầm câu 3" in page
    assert act(client_of("principal"), row.id, "duyet", note="Đã xem bài").status_code == 303
    done = text_of(client_of("head_society").get(f"/sua-chua/{row.id}"))
    assert "Đã đổi theo" in done and "Trịnh Thu Hà xác nhận" in done and "Đoàn Thị Hải Yến duyệt" in done
    grid = text_of(client_of("head_society").get(f"/bang-diem/{locked.sheets['9A', 'LIT', 2]}"))
    assert "Đã khoá" in grid
    listed = text_of(client_of("principal").get("/sua-chua/"))
    assert "Đã xong (1)" in listed


def test_what_was_typed_stays_when_something_is_wrong(client_of, locked: Cast) -> None:
    client = client_of("head_society")
    for change, words in (
        ({"value": "11"}, "điểm"),
        ({"reason": ""}, "Xin ghi lí do"),
        ({"files": picture(b"MZ\x90")}, "không phải ảnh"),
    ):
        answer = send(client, locked, **change)
        page = text_of(answer)
        assert answer.status_code == 422 and words in page, words
        assert f'value="{change.get("value", "4,5")}"' in page
    assert db.session.scalar(select(m.CorrectionRequest.id)) is None


def test_a_page_that_was_overtaken_answers_409_with_both_values(client_of, locked: Cast) -> None:
    client = client_of("head_society")
    send(client, locked)
    row = request_row()
    act(client_of("math"), row.id, "xac-nhan")
    act(client_of("principal"), row.id, "duyet")
    answer = send(client, locked, value="7")
    page = text_of(answer)
    assert answer.status_code == 409 and "đang là <b>4,5</b>" in page and "<b>7,0</b>" in page


def test_the_wrong_person_the_wrong_version_and_the_missing_reason(client_of, locked: Cast) -> None:
    send(client_of("head_society"), locked)
    row = request_row()
    assert client_of("other").get(f"/sua-chua/{row.id}").status_code == 404
    assert client_of("clerk").get(f"/sua-chua/{row.id}").status_code == 404
    assert client_of("it_officer").get(f"/sua-chua/{row.id}").status_code == 403
    assert client_of("principal").post(f"/sua-chua/{row.id}/duyet", data={"version": "1"}).status_code == 409
    answer = client_of("math").post(f"/sua-chua/{row.id}/tra-lai", data={"version": "1", "note": " "})
    assert answer.status_code == 422 and "Xin ghi lí do" in text_of(answer)
    assert client_of("math").post(f"/sua-chua/{row.id}/xac-nhan", data={"version": "7"}).status_code == 409
    assert request_row().state == "ASKED"


def test_the_decision_is_pinned_to_the_impact_on_the_screen(client_of, locked: Cast) -> None:
    send(client_of("head_society"), locked)
    row = request_row()
    act(client_of("math"), row.id, "xac-nhan")
    answer = act(client_of("principal"), row.id, "duyet", seen="0" * 64)
    assert answer.status_code == 409 and "Tác động của đề nghị đã khác" in text_of(answer)


def test_evidence_is_shown_as_what_it_is_and_to_nobody_else(client_of, locked: Cast) -> None:
    send(client_of("head_society"), locked)
    row = request_row()
    address = f"/sua-chua/{row.id}/minh-chung/{row.evidence[0].id}"
    answer = client_of("math").get(address)
    assert answer.status_code == 200 and answer.data == PHOTO.data and answer.mimetype == "image/jpeg"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client_of("other").get(address).status_code == 404
    assert client_of("it_officer").get(address).status_code == 403


def test_returned_sent_again_and_taken_back(client_of, locked: Cast) -> None:
    send(client_of("head_society"), locked)
    row = request_row()
    assert act(client_of("math"), row.id, "tra-lai", note="Ảnh mờ").status_code == 303
    page = text_of(client_of("head_society").get(f"/sua-chua/{row.id}"))
    assert "Ảnh mờ" in page and "Gửi lại" in page
    again = client_of("head_society").post(
        f"/sua-chua/{row.id}/gui-lai", data={"version": "2", "note": "Chụp lại", "files": picture(PHOTO.data + b"2")}
    )
    assert again.status_code == 303 and request_row().state == "ASKED" and len(request_row().evidence) == 2
    assert act(client_of("head_society"), row.id, "rut").status_code == 303
    assert request_row().state == "WITHDRAWN"


def test_civil_status_from_the_profile(client_of, locked: Cast) -> None:
    student = db.session.get(m.Enrollment, locked.enrollments["9A", BINH]).student_id
    profile = text_of(client_of("clerk").get(f"/hoc-sinh/{student}"))
    assert f"/sua-chua/ho-so/{student}" in profile
    assert f"/sua-chua/ho-so/{student}" not in text_of(client_of("principal").get(f"/hoc-sinh/{student}"))
    form = text_of(client_of("clerk").get(f"/sua-chua/ho-so/{student}"))
    seen = dict(re.findall(r'name="s-(\w+)" value="([^"]*)"', form))
    assert seen["full_name"] == BINH and seen["birth_on"] == "01/03/2012"
    data = {
        **{f"s-{name}": value for name, value in seen.items()},
        **{f"f-{name}": value for name, value in seen.items()},
        "f-full_name": "Hoàng Thanh Bình An",
        "reason": "Cải chính hộ tịch",
        "paper": "QĐ 15",
        "files": picture(),
    }
    wrong = client_of("clerk").post(f"/sua-chua/ho-so/{student}", data={**data, "paper": "", "files": picture()})
    assert wrong.status_code == 422 and "số, ngày của quyết định" in text_of(wrong)
    assert client_of("clerk").post(f"/sua-chua/ho-so/{student}", data={**data, "files": picture()}).status_code == 303
    row = request_row()
    assert [(item.field, item.old_text, item.new_text) for item in row.items] == [
        ("full_name", BINH, "Hoàng Thanh Bình An")
    ]
    act(client_of("math"), row.id, "xac-nhan")
    assert act(client_of("principal"), row.id, "duyet").status_code == 303
    assert "Hoàng Thanh Bình An" in text_of(client_of("clerk").get(f"/hoc-sinh/{student}"))


def test_years_elsewhere_are_asked_for_as_a_table(client_of, locked: Cast) -> None:
    student = db.session.get(m.Enrollment, locked.enrollments["9A", BINH]).student_id
    form = text_of(client_of("clerk").get(f"/sua-chua/ho-so/{student}"))
    assert 'name="f-past_years"' in form and 'name="s-past_years" value=""' in form
    data = {
        "s-past_years": "",
        "f-past_years": "2023-2024; 6Z; THCS Bịa\r\n2024-2025; 7Z",
        "reason": "Bổ sung",
        "paper": "Học bạ trường cũ",
    }
    wrong = client_of("clerk").post(f"/sua-chua/ho-so/{student}", data={**data, "files": picture()})
    assert wrong.status_code == 422 and "Dòng 2: " in text_of(wrong) and "7Z</textarea>" in text_of(wrong)
    data["f-past_years"] += "; THCS Bịa; 5/9/2025"
    assert client_of("clerk").post(f"/sua-chua/ho-so/{student}", data={**data, "files": picture()}).status_code == 303
    row = request_row()
    assert "2024-2025; 7Z; THCS Bịa; 05/09/2025" in text_of(client_of("math").get(f"/sua-chua/{row.id}"))
    act(client_of("math"), row.id, "xac-nhan")
    assert act(client_of("principal"), row.id, "duyet").status_code == 303
    profile = text_of(client_of("clerk").get(f"/hoc-sinh/{student}"))
    assert "lớp 6Z, THCS Bịa" in profile and "chuyển đến ngày 05/09/2025" in profile
    again = text_of(client_of("clerk").get(f"/sua-chua/ho-so/{student}"))
    assert "2023-2024; 6Z; THCS Bịa\n2024-2025; 7Z" in again


def test_the_empty_list_says_where_a_request_begins(client_of, school: Cast) -> None:
    page = text_of(client_of("principal").get("/sua-chua/"))
    assert "Chưa có đề nghị nào" in page and "lịch sử của một ô" in page


def test_the_rail_offers_it_to_whom_it_concerns(client_of, locked: Cast) -> None:
    assert 'href="/sua-chua/"' in text_of(client_of("clerk").get("/sua-chua/"))
    assert 'class="nav__link" href="/sua-chua/"' not in text_of(client_of("other").get("/bang-diem/"))
    send(client_of("head_society"), locked)
    assert 'class="nav__link" href="/sua-chua/"' in text_of(client_of("head_society").get("/bang-diem/"))
