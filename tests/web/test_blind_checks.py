"""Đối chiếu bài gốc on screen: the first value is in no answer to who types; forms work without script."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.score_values import format_score, to_point
from hocbaso.services import blind_naming
from tests.cast import NOW, STUDENTS, Cast
from tests.services.test_blind_checks import (
    BINH,
    CHAU,
    REASON,
    compare,
    fill,
    first_values,
    hand_in,
    page,
    policy,
    ready,
    rows,
    sheet_id,
    teach,
    text_of,
    type_all,
)

ClientOf = Callable[[str], FlaskClient]
HTMX = {"HX-Request": "true"}
FIRST = [value for pair in first_values() for value in pair]


@pytest.fixture(autouse=True)
def on_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def sheet_url(school: Cast, code: str = "MATH") -> str:
    return f"/bang-diem/{sheet_id(school, code)}"


def url(school: Cast, code: str = "MATH") -> str:
    return f"{sheet_url(school, code)}/doi-chieu"


def form_of(html: str) -> dict[str, str]:
    """The versions that the page shows, as its form would send them."""
    return dict(re.findall(r'name="(s-\d+)" value="(\d+)"', html))


def typed_right(school: Cast, html: str) -> dict[str, str]:
    db.session.rollback()
    data = form_of(html)
    for name in list(data):
        row = db.session.get(m.BlindCheck, int(name[2:]))
        assert row is not None
        data[f"v-{row.id}"] = text_of(school, row)
    return data


def leaks(answer: str) -> list[str]:
    """First values found in an answer, in any way a score is written."""
    answer = re.sub(r"<svg.*?</svg>", "", answer, flags=re.DOTALL)  # coordinates of drawings
    written = {text for value in FIRST for text in (format_score(value), to_point(value), f'"{value}"', f">{value}<")}
    return sorted(text for text in written if re.search(rf"(?<![\d.,]){re.escape(text)}(?![\d.,])", answer))


# --- the first value stays away ---------------------------------------------------------------------------------------


def test_the_leak_detector_finds_what_the_teacher_sees(school: Cast, client_of: ClientOf) -> None:
    """A test that cannot fail is none: on the teacher's own page every first value is found."""
    ready(school)
    assert len(leaks(client_of("math").get(sheet_url(school)).get_data(as_text=True))) >= len(FIRST)


@pytest.mark.parametrize("percent", [10, 100])
def test_no_answer_to_who_types_holds_a_first_value(school: Cast, client_of: ClientOf, percent: int) -> None:
    ready(school, percent)
    head = client_of("head_science")
    pupil = school.enrollments["9A", CHAU]
    answers = [
        head.get(url(school)),
        head.get(url(school), headers=HTMX),
        head.get(sheet_url(school)),
        head.get(f"{sheet_url(school)}/cau-hoi", headers=HTMX),
        head.get("/hom-nay"),
        head.get("/bang-diem/"),
        *(
            head.get(f"{sheet_url(school)}/o/{pupil}/{column}/lich-su", headers=headers)
            for column in ("GK", "CK")
            for headers in ({}, HTMX)
        ),
        head.post(f"{sheet_url(school)}/soat", data={"version": "2"}),
        head.post("/hom-nay", data={"verb": "review", "chon": f"sheet-{sheet_id(school)}-2"}),
        head.post("/bang-diem/hang-loat", data={"viec": "soat", "chon": f"{sheet_id(school)}:2"}),
        head.post(url(school), data={"viec": "so"}),
    ]
    versions = form_of(answers[0].get_data(as_text=True))
    first, *others = versions
    number = first[2:]
    answers += [
        head.post(url(school), data={**versions, f"v-{number}": "1,23"}),
        head.post(url(school), data={**versions, f"v-{number}": "1,1"}),
        head.post(url(school), data={**versions, f"v-{number}": "2,2"}),
        head.get(url(school)),
        head.post(f"{url(school)}/{number}", data={"version": "1", "reason": REASON}),
        head.post(f"{url(school)}/nguoi", data={"person_id": school.people["math"]}),
    ]
    assert others or percent == 10
    for answer in answers:
        text = answer.get_data(as_text=True)
        assert leaks(text) == [], (answer.request.path, answer.status_code)
        assert leaks(str(answer.headers)) == []
    seed = db.session.scalar(select(m.BlindDraw.seed))
    assert all(seed not in answer.get_data(as_text=True) for answer in answers)


def test_a_named_person_meets_no_first_value_either(school: Cast, client_of: ClientOf) -> None:
    ready(school, code="LIT", who="head_society")
    teach(school, "outsider")
    blind_naming.name_checker(school.actor("principal"), sheet_id(school, "LIT"), school.people["outsider"], now=NOW)
    client = client_of("outsider")
    assert client.get(sheet_url(school, "LIT")).status_code == 404
    for path in (url(school, "LIT"), "/hom-nay", "/bang-diem/"):
        answer = client.get(path)
        assert answer.status_code == 200 and leaks(answer.get_data(as_text=True)) == []
    assert client.get(f"{sheet_url(school, 'LIT')}/o/1/GK/lich-su").status_code == 404
    page_ = client.get(url(school, "LIT")).get_data(as_text=True)
    answer = client.post(url(school, "LIT"), data={**typed_right(school, page_), "viec": "so"}, follow_redirects=True)
    assert "khớp hết với bảng điểm" in answer.get_data(as_text=True)


def test_the_page_shows_the_first_value_only_of_a_finished_comparison(school: Cast, client_of: ClientOf) -> None:
    ready(school)
    head = client_of("head_science")
    type_all(school, wrong={(CHAU, "GK"): "1,1"})
    waiting = head.get(url(school)).get_data(as_text=True)
    assert "Lệch" not in waiting and "Khớp" not in waiting and "1,1" in waiting
    compare(school)
    assert leaks(head.get(url(school)).get_data(as_text=True))


def test_nothing_fills_itself_in_and_nothing_is_kept_by_the_browser(school: Cast, client_of: ClientOf) -> None:
    ready(school)
    answer = client_of("head_science").get(url(school))
    inputs = re.findall(r'<input class="input papers__value[^>]+>', answer.get_data(as_text=True))
    assert len(inputs) == 10
    assert all('autocomplete="off"' in one and 'inputmode="decimal"' in one and 'value=""' in one for one in inputs)
    assert "Hocbaso-Keep" not in answer.headers and "no-store" in answer.headers["Cache-Control"]


# --- forms ------------------------------------------------------------------------------------------------------------


def test_typed_saved_and_compared_by_plain_forms(school: Cast, client_of: ClientOf) -> None:
    ready(school)
    head = client_of("head_science")
    data = typed_right(school, head.get(url(school)).get_data(as_text=True))
    first = next(iter(data))[2:]
    some = {name: value for name, value in data.items() if name.startswith("s-") or name == f"v-{first}"}
    answer = head.post(url(school), data={**some, "viec": "luu"})
    assert (answer.status_code, answer.location) == (303, url(school))
    html = head.get(url(school)).get_data(as_text=True)
    answer = head.post(url(school), data={**form_of(html), "viec": "so"})
    assert answer.status_code == 409 and "chưa gõ" in answer.get_data(as_text=True)
    data = typed_right(school, head.get(url(school)).get_data(as_text=True))
    assert head.post(url(school), data={**data, "viec": "so"}).status_code == 303
    html = head.get(url(school)).get_data(as_text=True)
    assert "Về bảng điểm để soát" in html and html.count("Khớp") == 10
    assert head.post(f"{sheet_url(school)}/soat", data={"version": "2"}).status_code == 303


def test_a_shorthand_is_shown_before_it_counts(school: Cast, client_of: ClientOf) -> None:
    ready(school, percent=10)
    head = client_of("head_science")
    data = form_of(head.get(url(school)).get_data(as_text=True))
    [number] = [name[2:] for name in data]
    html = head.post(url(school), data={**data, f"v-{number}": "34", "viec": "so"}, follow_redirects=True)
    text = html.get_data(as_text=True)
    assert "máy đọc thành 3,4" in text and 'value="3,4"' in text
    assert rows(school)[0].state == "TYPED"


def test_what_cannot_be_read_stays_in_its_field(school: Cast, client_of: ClientOf) -> None:
    ready(school, percent=10)
    head = client_of("head_science")
    data = form_of(head.get(url(school)).get_data(as_text=True))
    [number] = [name[2:] for name in data]
    for raw in ("12,5", "<script>1</script>", "x" * 5000):
        answer = head.post(url(school), data={**data, f"v-{number}": raw})
        text = answer.get_data(as_text=True)
        assert answer.status_code == 422 and f'href="#v-{number}"' in text and "<script>1" not in text
    assert rows(school)[0].state == "WAITING"


def test_marks_are_chosen_for_a_comment_subject(school: Cast, client_of: ClientOf) -> None:
    ready(school, code="LOCAL", who="other")
    head = client_of("head_society")
    html = head.get(url(school, "LOCAL")).get_data(as_text=True)
    assert html.count('type="radio"') == 30 and "checked" not in html.split("papers__pile")[1]
    data = form_of(html)
    for name in list(data):
        data[f"v-{name[2:]}"] = "Đ"
    data[f"v-{next(iter(form_of(html)))[2:]}"] = "khong-bai"
    assert head.post(url(school, "LOCAL"), data={**data, "viec": "so"}).status_code == 303
    text = head.get(url(school, "LOCAL")).get_data(as_text=True)
    assert "không thấy bài" in text and text.count("Khớp") == 9


def test_a_difference_is_settled_or_returned_from_its_card(school: Cast, client_of: ClientOf) -> None:
    ready(school)
    type_all(school, wrong={(CHAU, "GK"): "1,1", (BINH, "CK"): "2,2"})
    compare(school)
    head = client_of("head_science")
    html = head.get(url(school)).get_data(as_text=True)
    actions = re.findall(rf'action="({url(school)}/\d+)".*?name="version" value="(\d+)"', html, re.DOTALL)
    assert len(actions) == 2
    assert head.post(actions[0][0], data={"version": actions[0][1], "reason": "nhầm"}).status_code == 422
    assert head.post(actions[0][0], data={"version": actions[0][1], "reason": REASON}).status_code == 303
    assert head.post(actions[0][0], data={"version": "99", "reason": "Một lí do khác hẳn"}).status_code == 409
    note = re.search(r'id="note-back"[^>]*>([^<]+)<', head.get(url(school)).get_data(as_text=True))
    assert note and "Lệch với bài gốc" in note[1] and leaks(note[1]) == []
    answer = head.post(f"{sheet_url(school)}/tra-lai", data={"version": "2", "note": note[1]})
    assert answer.status_code == 303
    teacher = client_of("math").get(sheet_url(school)).get_data(as_text=True)
    assert "2,2" in teacher and REASON in teacher and "Đối chiếu bài gốc: 10 ô" in teacher


def test_the_head_gives_the_check_to_a_colleague(school: Cast, client_of: ClientOf) -> None:
    ready(school, code="LOCAL", who="other")
    teach(school, "outsider")
    head = client_of("head_society")
    assert head.post(f"{url(school, 'LOCAL')}/nguoi", data={}).status_code == 422
    assert head.post(f"{url(school, 'LOCAL')}/nguoi", data={"person_id": school.people["other"]}).status_code == 422
    answer = head.post(f"{url(school, 'LOCAL')}/nguoi", data={"person_id": school.people["outsider"]})
    assert answer.status_code == 303
    text = head.get(url(school, "LOCAL")).get_data(as_text=True)
    assert "người đối chiếu: Cao Xuân Nghĩa" in text and "papers__value" not in text
    mine = client_of("outsider").get("/hom-nay").get_data(as_text=True)
    assert "Đối chiếu bài gốc Nội dung giáo dục" in mine and url(school, "LOCAL") + '"' in mine


def test_the_record_stays_with_the_sheet_for_whoever_reads_it_later(school: Cast, client_of: ClientOf) -> None:
    ready(school)
    type_all(school)
    compare(school)
    client_of("head_science").post(f"{sheet_url(school)}/soat", data={"version": "2"})
    principal = client_of("principal")
    principal.post(f"{sheet_url(school)}/duyet", data={"version": "3"})
    text = principal.get(sheet_url(school)).get_data(as_text=True)
    seed = db.session.scalar(select(m.BlindDraw.seed))
    assert seed in text and "Vũ Đình Lâm" in text and "Rút 10 trong 10 ô (100 %)" in text
    assert "khớp hết" in text


def test_the_sheet_of_a_year_without_the_policy_says_nothing(school: Cast, client_of: ClientOf) -> None:
    ready(school, percent=0)
    text = client_of("head_science").get(sheet_url(school)).get_data(as_text=True)
    assert "ối chiếu" not in text and "Soát xong" in text


def test_without_a_draw_the_page_says_so(school: Cast, client_of: ClientOf) -> None:
    assert "Chưa có gì để đối chiếu" in client_of("head_science").get(url(school)).get_data(as_text=True)


def test_the_it_officer_meets_nothing_of_it(school: Cast, client_of: ClientOf) -> None:
    ready(school)
    officer = client_of("it_officer")
    assert officer.get(url(school)).status_code == 403
    assert officer.post(url(school), data={"viec": "so"}).status_code == 403
    assert page(school).n_left == 10


def test_hand_in_says_nothing_of_which_results_were_drawn(school: Cast, client_of: ClientOf) -> None:
    policy(10)
    fill(school)
    hand_in(school)
    drawn = rows(school)[0]
    text = client_of("math").get(sheet_url(school)).get_data(as_text=True)
    assert "1 ô được rút thăm" in text
    name = next(name for (_, name), one in school.enrollments.items() if one == drawn.enrollment_id)
    assert name in STUDENTS["9A"] and name not in text.split("sheet__work")[0]
