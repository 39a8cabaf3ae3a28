"""Việc hôm nay over HTTP: bulk acts with outcomes, what changed meanwhile, the password for many, the board."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import url_for
from flask.testing import FlaskClient
from sqlalchemy import update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.services import dashboard, health, reviews
from tests.cast import NOW, Cast
from tests.services.full_class import class_row, fill_scores, finalised, move_sheets, seen_of
from tests.services.test_dashboard import return_and_hand_in_again, sheet_key, state_of

Clients = Callable[[str], FlaskClient]
EVERYBODY = [
    "principal",
    "vice_principal",
    "clerk",
    "it_officer",
    "head_science",
    "head_society",
    "math",
    "other",
    "outsider",
    "board",
]


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def boxes(page: str) -> list[bool]:
    """Whether each plain line is ticked, the ticked ones first."""
    ticks = re.findall(r'<input class="check" type="checkbox" name="chon"[^>]*?( checked)?>', page)
    return sorted((bool(tick) for tick in ticks), reverse=True)


@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_has_a_day(school: Cast, client_of: Clients, who: str):
    answer = client_of(who).get("/hom-nay")
    body = answer.get_data(as_text=True)
    assert answer.status_code == 200 and body.count("<h1>") == 1 and "12/05/2027" in body


def test_the_it_officer_sees_no_learning_work(school: Cast, client_of: Clients):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW)
    body = client_of("it_officer").get("/hom-nay").get_data(as_text=True)
    assert "6A" not in body and "Toán" not in body


def test_the_it_officer_has_one_number_and_one_next_step(school: Cast, client_of: Clients):
    officer, teacher = client_of("it_officer"), client_of("math")
    found = [one for one in health.examine(NOW, deep=False) if one.level != "ok"]
    asked = teacher.post("/ho-tro/", data={"text": "Bảng điểm ở đâu?", "screen": "/bang-diem/"})
    assert asked.status_code == 303
    body = officer.get("/hom-nay").get_data(as_text=True).split("<main")[1]
    assert "Trả lời 1 câu hỏi của thầy, cô" in body and 'href="/ho-tro/"' in body
    assert (f"Xem {len(found)} điều về máy chủ" in body) is bool(found)
    assert officer.get("/").location == "/hom-nay"
    n = dashboard.count_waiting(school.actor("it_officer"), NOW)
    assert dashboard.daily(school.actor("it_officer"), NOW).n_waiting == n
    for who in ("principal", "clerk", "math"):
        other = client_of(who).get("/hom-nay").get_data(as_text=True)
        assert "câu hỏi của thầy, cô" not in other and "điều về máy chủ" not in other


def test_ticked_sheets_are_approved_and_the_rest_stays(school: Cast, client_of: Clients):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "LIT"))
    client = client_of("principal")
    answer = client.post(
        "/hom-nay", data={"verb": "approve", "chon": [sheet_key(school, "6A", "MATH", 2)]}, follow_redirects=True
    )
    assert "Đã duyệt Toán 6A, học kì II." in answer.get_data(as_text=True)
    assert (state_of(school, "6A", "MATH", 2), state_of(school, "6A", "LIT", 2)) == ("APPROVED", "REVIEWED")


def test_what_changed_meanwhile_is_listed_with_its_reason(school: Cast, client_of: Clients):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "FL1"))
    keys = [sheet_key(school, "6A", code, 2) for code in ("MATH", "FL1")]
    return_and_hand_in_again(school, "FL1")
    answer = client_of("principal").post("/hom-nay", data={"verb": "approve", "chon": keys})
    body = answer.get_data(as_text=True)
    assert answer.status_code == 200 and "Đã duyệt 1 trong 2 việc" in body and "đã đổi sau khi" in body
    again = client_of("principal").post("/hom-nay", data={"verb": "approve", "chon": keys})
    assert again.status_code == 409 and "Đã duyệt 0 trong 2 việc" in again.get_data(as_text=True)


def test_a_return_needs_its_reason_and_offers_it_again(school: Cast, client_of: Clients):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "LIT"))
    client, key = client_of("principal"), sheet_key(school, "6A", "MATH", 2)
    refused = client.post("/hom-nay", data={"verb": "return", "chon": [key], "note": ""})
    assert refused.status_code == 422 and "Xin ghi lí do" in refused.get_data(as_text=True)
    # Lines are remembered as HTML: what was ticked in one answer must not show in another.
    assert boxes(refused.get_data(as_text=True)) == [True, False]
    assert boxes(client.get("/hom-nay").get_data(as_text=True)) == [True, True]
    client.post("/hom-nay", data={"verb": "return", "chon": [key], "note": "Thiếu nhận xét."})
    assert state_of(school, "6A", "MATH", 2) == "RETURNED"
    assert "Thiếu nhận xét." in client.get("/hom-nay").get_data(as_text=True)


@pytest.mark.parametrize(
    "data", [{"verb": "approve"}, {"verb": "burn", "chon": ["sheet-1-1"]}, {"verb": "approve", "chon": ["sheet-x-1"]}]
)
def test_a_request_without_sense_changes_nothing(school: Cast, client_of: Clients, data: dict[str, object]):
    answer = client_of("principal").post("/hom-nay", data=data)
    assert answer.status_code == 422 and "Chưa có gì thay đổi." in answer.get_data(as_text=True)


def test_more_than_fifty_ask_for_the_password_again(school: Cast, client_of: Clients, monkeypatch: pytest.MonkeyPatch):
    client = client_of("principal")
    keys = [f"sheet-{number}-1" for number in range(1, 52)]
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=20))
    answer = client.post("/hom-nay", data={"verb": "approve", "chon": keys})
    with client.application.test_request_context():
        assert answer.status_code == 303 and answer.headers["Location"].startswith(url_for("auth.confirm"))
    fewer = client.post("/hom-nay", data={"verb": "approve", "chon": keys[:50]})
    assert fewer.status_code == 409  # read and refused one by one: none of them was reviewed


def test_tabs_count_what_they_show_and_nothing_leaves_the_page_empty(school: Cast, client_of: Clients):
    db.session.execute(
        update(m.Person).where(m.Person.id == school.people["outsider"]).values(position_title="Phó Hiệu trưởng")
    )
    db.session.commit()
    body = client_of("principal").get("/hom-nay").get_data(as_text=True).split("<main")[1]
    assert "người chờ giao vai trò" in body and "Không còn việc nào khác" in body and 'class="tabs"' not in body
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH",))
    body = client_of("principal").get("/hom-nay").get_data(as_text=True).split("<main")[1]
    assert re.search(r'Tất cả <span class="num">2</span>', body) and "Không còn việc nào khác" not in body


def test_a_class_is_approved_from_the_day_with_the_remark(school: Cast, client_of: Clients):
    row = finalised(school)
    body = client_of("principal").get("/hom-nay").get_data(as_text=True)
    assert "Tổng kết lớp 9A" in body and "Đồng ý với kết quả đánh giá" in body
    key = f"class-{row.id}-{row.version}"
    carried = re.search(rf'name="chon" value="({key}-[0-9a-f_]+)"', body)
    assert carried and carried[1] == f"{key}-{seen_of(row.id)}"
    answer = client_of("principal").post("/hom-nay", data={"verb": "approve", "chon": [key], "remark": "Đồng ý."})
    assert answer.status_code == 409 and "xem lại" in answer.get_data(as_text=True)  # a key that has seen no results
    client_of("principal").post("/hom-nay", data={"verb": "approve", "chon": [carried[1]], "remark": "Đồng ý."})
    assert class_row(school, "9A").state == "APPROVED"


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("principal", 200),
        ("vice_principal", 200),
        ("clerk", 200),
        ("board", 200),
        ("head_society", 200),
        ("math", 403),
        ("it_officer", 403),
        ("outsider", 403),
    ],
)
def test_who_reads_the_board(school: Cast, client_of: Clients, who: str, status: int):
    answer = client_of(who).get("/tien-do")
    body = answer.get_data(as_text=True)
    assert answer.status_code == status
    if status == 200:
        assert "Lớp nào đang ở bước nào" in body and "Xem bằng bảng số" in body and "8,5" not in body


def test_a_reminder_stands_on_the_day_of_its_holder_until_it_is_read(school, school_app, client_of):
    from hocbaso.services import notices, reminders
    from hocbaso.services.access import SYSTEM

    reminders.remind(SYSTEM, school.now)
    page = client_of("math").get("/hom-nay").get_data(as_text=True)
    assert "Lời nhắc ngày 12/05/2027" in page and "Nhập và nộp bảng điểm" in page
    number = notices.waiting(school.people["math"])[0].id
    assert client_of("math").post(f"/loi-nhac/{number}/da-doc").status_code == 303
    assert "Lời nhắc ngày" not in client_of("math").get("/hom-nay").get_data(as_text=True)


def test_owner_and_principal_hear_of_a_reset_account(school, school_app, client_of):
    from hocbaso.services import credentials
    from hocbaso.services.access import SYSTEM

    credentials.reset_password(SYSTEM, school.accounts["other"], school.now)
    assert "Có tài khoản được đặt lại" in client_of("principal").get("/hom-nay").get_data(as_text=True)
    assert "Có tài khoản được đặt lại" not in client_of("math").get("/hom-nay").get_data(as_text=True)


def carried(client: FlaskClient) -> tuple[str, str]:
    """The bar's text and the moment its form names; empty where there is none."""
    body = client.get("/hom-nay").get_data(as_text=True)
    bar = re.search(r'<form class="toast toast--done undo".*?</form>', body, re.DOTALL)
    moment = re.search(r'name="luc" value="([^"]+)"', bar[0]) if bar else None
    return (re.sub(r"<[^>]+>", "", bar[0]), moment[1]) if bar and moment else ("", "")


def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=1, seconds=seconds))


def test_an_approval_is_taken_back_within_ten_seconds(
    school: Cast, client_of: Clients, monkeypatch: pytest.MonkeyPatch
):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "LIT"))
    client, keys = client_of("principal"), [sheet_key(school, "6A", code, 2) for code in ("MATH", "LIT")]
    assert carried(client) == ("", "")
    at(monkeypatch, 0)
    client.post("/hom-nay", data={"verb": "approve", "chon": keys})
    at(monkeypatch, 6)
    words, moment = carried(client)
    assert "Đã duyệt 2 bảng điểm. Hoàn tác" in " ".join(words.split()).replace(".Hoàn", ". Hoàn")
    other = client_of("vice_principal").post("/hom-nay/hoan-tac", data={"luc": moment})
    assert other.status_code == 409 and state_of(school, "6A", "MATH", 2) == "APPROVED"
    answer = client.post("/hom-nay/hoan-tac", data={"luc": moment}, follow_redirects=True)
    body = answer.get_data(as_text=True)
    assert "Đã hoàn tác việc duyệt 2 việc: lại chờ duyệt như trước." in body and "data-undo" not in body
    assert [state_of(school, "6A", code, 2) for code in ("MATH", "LIT")] == ["REVIEWED", "REVIEWED"]


def test_after_ten_seconds_the_bar_is_gone_and_a_late_form_is_refused_in_words(
    school: Cast, client_of: Clients, monkeypatch: pytest.MonkeyPatch
):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH",))
    client = client_of("principal")
    at(monkeypatch, 0)
    client.post("/hom-nay", data={"verb": "approve", "chon": [sheet_key(school, "6A", "MATH", 2)]})
    words, moment = carried(client)
    assert "Đã duyệt Toán 6A, học kì II." in words
    at(monkeypatch, 10.5)
    late = client.post("/hom-nay/hoan-tac", data={"luc": moment})
    body = late.get_data(as_text=True)
    assert late.status_code == 409 and "Chỉ hoàn tác được trong 10 giây" in body and "vẫn giữ nguyên." in body
    assert state_of(school, "6A", "MATH", 2) == "APPROVED" and carried(client) == ("", "")


@pytest.mark.parametrize("moment", ["", "x", NOW.isoformat()])
def test_a_moment_that_this_browser_approved_nothing_in_is_refused(school: Cast, client_of: Clients, moment: str):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, SheetVerb.APPROVE, codes=("MATH",))
    answer = client_of("principal").post("/hom-nay/hoan-tac", data={"luc": moment})
    assert answer.status_code == 409 and state_of(school, "6A", "MATH", 2) == "APPROVED"


def test_what_was_skipped_is_told_beside_the_bar(school: Cast, client_of: Clients, monkeypatch: pytest.MonkeyPatch):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "LIT", "FL1"))
    keys = [sheet_key(school, "6A", code, 2) for code in ("MATH", "LIT")]
    client = client_of("principal")
    at(monkeypatch, 0)
    client.post("/hom-nay", data={"verb": "approve", "chon": [*keys, "sheet-999999-1"]})
    _, moment = carried(client)
    reviews.lock(
        school.actor("principal"),
        int(keys[0].split("-")[1]),
        expected_version=int(keys[0].split("-")[2]) + 1,
        now=school.now + timedelta(days=40),
    )
    body = client.post("/hom-nay/hoan-tac", data={"luc": moment}).get_data(as_text=True)
    assert "Đã hoàn tác 1 trong 2 việc" in body and "đã khoá" in body
    assert (state_of(school, "6A", "MATH", 2), state_of(school, "6A", "LIT", 2)) == ("LOCKED", "REVIEWED")


def test_what_is_new_since_the_last_look_is_told_in_words_until_the_sitting_is_over(school: Cast, client_of: Clients):
    def looked_before(minutes: int) -> None:
        """The last look was so long ago: the session of the browser would not outlive a clock set forward."""
        db.session.execute(update(m.DailyLook).values(seen_at=NOW - timedelta(minutes=minutes)))
        db.session.commit()

    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH",))
    client = client_of("principal")
    body = client.get("/hom-nay").get_data(as_text=True)
    assert "Từ chiều qua" in body and "Mới</span>" not in body
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("LIT",))
    for minutes in (45, 1):  # and again a minute later
        looked_before(minutes)
        body = client.get("/hom-nay").get_data(as_text=True)
        assert "Từ lần xem trước" in body and "2 việc mới." in body
        assert body.count("Mới</span>") == 2 and re.search(
            r"Ngữ văn 6A, học kì II</a>\s*<span class=\"badge[^>]*>.*?Mới<", body
        )
        assert not re.search(r"Toán 6A, học kì II?</a>\s*<span class=\"badge", body)
    looked_before(45)
    body = client.get("/hom-nay").get_data(as_text=True)
    assert "Danh sách việc chờ như lần trước." in body and "Mới</span>" not in body


def test_an_approval_made_on_another_page_is_taken_back_there(
    school: Cast, client_of: Clients, monkeypatch: pytest.MonkeyPatch
):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "LIT"))
    client = client_of("principal")
    keys = {code: sheet_key(school, "6A", code, 2).split("-") for code in ("MATH", "LIT")}
    at(monkeypatch, 0)
    answer = client.post(
        f"/bang-diem/{keys['MATH'][1]}/duyet", data={"version": keys["MATH"][2]}, follow_redirects=True
    )
    assert answer.request.path == "/bang-diem/"
    bar = re.search(
        r'<form class="toast toast--done undo" method="post" action="/hom-nay/hoan-tac".*?</form>', answer.text
    )
    assert bar is not None and "Đã duyệt Toán 6A, học kì II." in bar[0] and answer.text.count("Đã duyệt Toán 6A") == 1
    moment = re.search(r'name="luc" value="([^"]+)"', bar[0])
    assert moment is not None
    at(monkeypatch, 9)
    assert "data-undo" not in client_of("vice_principal").get("/bang-diem/").text
    answer = client.post("/hom-nay/hoan-tac", data={"luc": moment[1]}, follow_redirects=True)
    assert answer.request.path == "/bang-diem/" and "Đã hoàn tác việc duyệt Toán 6A, học kì II" in answer.text
    assert state_of(school, "6A", "MATH", 2) == "REVIEWED" and "data-undo" not in answer.text
    # many at once: the page of outcomes carries the bar; too late it is refused in words where one came from
    key = sheet_key(school, "6A", "LIT", 2).split("-")
    page = client.post("/bang-diem/hang-loat", data={"viec": "duyet", "chon": [f"{key[1]}:{key[2]}"]})
    moments = re.findall(r'name="luc" value="([^"]+)"', page.text)
    assert page.status_code == 200 and len(moments) == 1
    at(monkeypatch, 19.5)
    late = client.post("/hom-nay/hoan-tac", data={"luc": moments[0]}, follow_redirects=True)
    assert late.request.path == "/bang-diem/" and "Chỉ hoàn tác được trong 10 giây" in late.text
    assert state_of(school, "6A", "LIT", 2) == "APPROVED"


def test_a_class_approved_on_its_own_page_is_taken_back_there(
    school: Cast, client_of: Clients, monkeypatch: pytest.MonkeyPatch
):
    row, client = finalised(school), client_of("principal")
    page = f"/lop/{row.id}/danh-sach"
    at(monkeypatch, 0)
    form = {"version": str(row.version), "seen": seen_of(row.id), "remark": "Đồng ý."}
    answer = client.post(f"/lop/{row.id}/duyet", data=form, follow_redirects=True)
    assert answer.request.path == page and "Đã duyệt Tổng kết lớp 9A." in answer.text
    moment = re.search(r'name="luc" value="([^"]+)"', answer.text)[1]
    at(monkeypatch, 5)
    assert moment in client.get("/lop/").text, "the bar goes along to the next page"
    answer = client.post("/hom-nay/hoan-tac", data={"luc": moment}, follow_redirects=True)
    assert answer.request.path == page and "Đã hoàn tác việc duyệt Tổng kết lớp 9A" in answer.text
    assert class_row(school, "9A").state == "FINALISED"
