"""The pages of a sheet: what comes back, with which status, and that it works as a plain form."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.services import read_back, reviews, roster, score_entry, score_grid
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast, put_sheets
from tests.services.full_class import fill_scores
from tests.services.test_sheet_hands import give, type_cell

ClientOf = Callable[[str], FlaskClient]
HTMX = {"HX-Request": "true"}
BINH, CHAU = ("9A", "Hoàng Thanh Bình"), ("9A", "Nguyễn Bảo Châu")


@pytest.fixture(autouse=True)
def on_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


class Page(HTMLParser):
    """Ids, forms and headings of an answer."""

    def __init__(self, answer: TestResponse) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.inputs: dict[str, str] = {}
        self.hidden: dict[str, str] = {}
        self.n_h1 = 0
        self.text = answer.get_data(as_text=True)
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(found["id"] or "")
        self.n_h1 += tag == "h1"
        if tag == "input" and found.get("name"):
            (self.hidden if found.get("type") == "hidden" else self.inputs)[found["name"] or ""] = (
                found.get("value") or ""
            )


def url(school: Cast, code: str = "MATH", class_name: str = "9A") -> str:
    return f"/bang-diem/{school.sheets[class_name, code, 2]}"


def place(school: Cast, column: str = "TX1", student: tuple[str, str] = BINH) -> str:
    return f"{url(school)}/o/{school.enrollments[student]}/{column}"


def save(
    client: FlaskClient,
    school: Cast,
    raw: str,
    version: int = 0,
    column: str = "TX1",
    op: str = "",
    headers: dict[str, str] = HTMX,
) -> TestResponse:
    return client.post(place(school, column), data={"value": raw, "version": str(version), "op": op}, headers=headers)


def stored(school: Cast, column: str = "TX1", student: tuple[str, str] = BINH) -> int | None:
    db.session.commit()
    return db.session.scalar(
        select(m.ScoreCell.tenths).where(
            m.ScoreCell.enrollment_id == school.enrollments[student],
            m.ScoreCell.column_key == column,
            m.ScoreCell.score_sheet_id == school.sheets["9A", "MATH", 2],
        )
    )


def fill(school: Cast) -> None:
    head = score_entry.read_head(school.sheets["9A", "MATH", 2])
    with write_transaction() as session:
        score_entry.write_cells(
            session,
            SYSTEM,
            head,
            [
                (enrollment, column.key, score_entry.CellValue(tenths=75, origin="entered"), None)
                for (name, _), enrollment in school.enrollments.items()
                if name == "9A"
                for column in score_grid.columns_of(head)
            ],
            source="imported",
            now=NOW,
        )


def test_the_grid_has_one_field_a_cell_and_no_id_twice(school: Cast, client_of: ClientOf) -> None:
    answer = client_of("math").get(url(school))
    page = Page(answer)
    assert answer.status_code == 200
    assert len([name for name in page.inputs if re.fullmatch(r"\d+-(TX[1-4]|GK|CK)", name)]) == 30
    assert len(page.ids) == len(set(page.ids))
    assert page.n_h1 == 1
    assert "Toán 9A, học kì II" in page.text


def test_a_reader_gets_the_values_and_no_field(school: Cast, client_of: ClientOf) -> None:
    save(client_of("math"), school, "8,5")
    page = Page(client_of("principal").get(url(school)))
    assert "8,5" in page.text
    assert not [name for name in page.inputs if re.fullmatch(r"\d+-\w+", name)]


def test_names_and_remarks_are_escaped(school: Cast, client_of: ClientOf) -> None:
    with write_transaction() as session:
        session.execute(update(m.Student).where(m.Student.full_name == BINH[1]).values(full_name='<b>Bình</b> "A"'))
    assert save(client_of("math"), school, "</textarea><script>x</script>", column="NX").status_code == 200
    text = client_of("math").get(url(school)).get_data(as_text=True)
    assert "<script>x" not in text and "<b>Bình" not in text
    clash = save(client_of("math"), school, "<i>khác</i>", column="NX").get_data(as_text=True)
    assert "<i>" not in clash and "<script>x" not in clash


def test_a_full_sheet_of_forty_five_is_small_on_the_line(school: Cast, client_of: ClientOf) -> None:
    year = db.session.get_one(m.SchoolYear, school.year_id)
    more = [
        {"moet_code": f"3699{n:06d}", "full_name": f"Lò Văn Mới {chr(0x61 + n // 26)}{chr(0x61 + n % 26)}",
         "birth_on": date(2012, 4, 1 + n % 28), "sex": "Nam"}
        for n in range(40)
    ]  # fmt: skip
    roster.enter_students(SYSTEM, year, [roster.NewStudent("9A", fields) for fields in more], NOW)
    head = score_entry.read_head(school.sheets["9A", "MATH", 2])
    columns = score_grid.columns_of(head)
    cells = []
    for at, row in enumerate(score_grid.open_sheet(SYSTEM, head.id, NOW).rows):
        for place_of, column in enumerate(columns):
            value = score_entry.CellValue(tenths=(at * 7 + place_of * 13) % 101, origin="entered")
            cells.append((row.enrollment_id, column.key, value, None))
        remark = score_entry.CellValue(remark=f"Tiến bộ ở chương {at}, cần luyện thêm bài {at * 3}.", origin="entered")
        cells.append((row.enrollment_id, "NX", remark, None))
    with write_transaction() as session:
        score_entry.write_cells(session, SYSTEM, head, cells, source="imported", now=NOW)
    answer = client_of("math").get(url(school), headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip" and len(cells) == 45 * (len(columns) + 1)
    # 60 kB are meant for 45 x 16; a real sheet has fewer columns and gets as much less, though the frame stays.
    assert len(answer.data) < 60_000 * (len(columns) + 1) / 16


def test_a_save_answers_with_cell_average_and_progress_in_under_four_kilobytes(
    school: Cast, client_of: ClientOf
) -> None:
    answer = save(client_of("math"), school, "85")
    page = Page(answer)
    line = school.enrollments[BINH]
    assert answer.status_code == 200
    assert {f"c-{line}-TX1", f"a-{line}", "sheet-waits", "sheet-primary"} <= set(page.ids)
    assert page.inputs[f"{line}-TX1"] == "8,5"
    assert 'data-v="1"' in page.text and ">29<" in page.text
    assert len(answer.data) < 4000
    assert stored(school) == 85


def test_the_last_gap_turns_the_main_button_into_handing_in(school: Cast, client_of: ClientOf) -> None:
    fill(school)
    save(client_of("math"), school, "", 1)
    assert "Đến ô trống kế tiếp" in client_of("math").get(url(school)).get_data(as_text=True)
    answer = save(client_of("math"), school, "8", 2).get_data(as_text=True)
    assert 'form="move-nop"' in answer
    assert "7,6" in answer


def test_a_conflict_is_409_with_both_values_who_and_when(school: Cast, client_of: ClientOf) -> None:
    save(client_of("math"), school, "7,5")
    answer = save(client_of("math"), school, "8", 0)
    page = Page(answer)
    assert answer.status_code == 409
    assert "clash" in page.ids
    for words in ("Giữ 8", "Lấy 7,5", "Trịnh Thu Hà", "lúc 09:00", 'data-v="1"', "Chưa số nào bị mất"):
        assert words in page.text, words
    assert stored(school) == 75


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"value": "8,75", "version": "0", "op": ""}, 422),
        ({"value": "11,5", "version": "0", "op": ""}, 422),
        ({"value": "8", "version": "x", "op": ""}, 422),
        ({"version": "0"}, 422),
        ({"value": "8", "version": "-1"}, 422),
        ({"value": "8", "version": "0", "op": "../.."}, 422),
        ({"value": "x" * 5000, "version": "0"}, 422),
    ],
)
def test_what_cannot_be_read_is_422_and_says_why(
    school: Cast, client_of: ClientOf, data: dict[str, str], status: int
) -> None:
    answer = client_of("math").post(place(school), data=data, headers=HTMX)
    assert answer.status_code == status
    assert 'id="refused"' in answer.get_data(as_text=True)
    assert stored(school) is None


@pytest.mark.parametrize("block", ["", "[]", '{"kind": "pasted"}', "[" * 100_000])
def test_a_block_of_another_shape_is_422(school: Cast, client_of: ClientOf, block: str) -> None:
    answer = client_of("math").post(f"{url(school)}/khoi", data={"block": block}, headers=HTMX)
    assert answer.status_code == 422
    assert "Chưa ghi gì" in answer.get_data(as_text=True)


def test_the_same_operation_twice_is_one_version(school: Cast, client_of: ClientOf) -> None:
    first = save(client_of("math"), school, "7,5", op="0123456789abcdef")
    again = save(client_of("math"), school, "7,5", op="0123456789abcdef")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.data == again.data
    assert len(db.session.scalars(select(m.ScoreCellVersion)).all()) == 1
    other = save(client_of("math"), school, "9", 1, op="0123456789abcdef")
    assert other.status_code == 422


def test_a_closed_sheet_is_409_with_its_state_in_words(school: Cast, client_of: ClientOf) -> None:
    with write_transaction() as session:
        session.execute(update(m.ScoreSheet).values(state="SUBMITTED"))
    answer = save(client_of("math"), school, "8")
    assert answer.status_code == 409
    assert "đã nộp" in answer.get_data(as_text=True)


def test_a_locked_sheet_says_how_to_ask_and_has_no_date_to_hand_in_by(school: Cast, client_of: ClientOf) -> None:
    page = client_of("math").get(url(school)).get_data(as_text=True)
    assert "hạn nộp" in page and "Đề nghị sửa ô này" not in page
    with write_transaction() as session:
        session.execute(update(m.ScoreSheet).values(state="SUBMITTED"))
    page = client_of("math").get(url(school)).get_data(as_text=True)
    assert "hạn nộp" not in page and "Đề nghị sửa ô này" not in page
    with write_transaction() as session:
        session.execute(update(m.ScoreSheet).values(state="LOCKED"))
    page = client_of("math").get(url(school)).get_data(as_text=True)
    line, rest = page.split('class="notes__words">')[1].split("</summary>", 1)
    assert "muốn sửa, xin làm đề nghị sửa điểm." in line and "Đề nghị sửa ô này" not in line
    assert "Đề nghị sửa ô này" in rest and "hạn nộp" not in page


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("other", 404),
        ("head_society", 404),
        ("principal", 403),
        ("vice_principal", 403),
        ("head_science", 403),
        ("it_officer", 403),
        ("clerk", 403),
        ("outsider", 403),
        ("board", 403),
    ],
)
def test_nobody_else_writes(school: Cast, client_of: ClientOf, who: str, status: int) -> None:
    answer = save(client_of(who), school, "8")
    assert answer.status_code in {status, 404}
    assert stored(school) is None


@pytest.mark.parametrize("who", ["other", "head_society", "it_officer", "clerk", "outsider", "board"])
def test_nobody_else_reads(school: Cast, client_of: ClientOf, who: str) -> None:
    save(client_of("math"), school, "8,5")
    for path in (url(school), f"{place(school)}/lich-su"):
        answer = client_of(who).get(path)
        assert answer.status_code in (403, 404)
        assert "8,5" not in answer.get_data(as_text=True) and BINH[1] not in answer.get_data(as_text=True)


def test_a_stranger_is_sent_to_sign_in_and_a_fragment_gets_401(school: Cast, school_app) -> None:  # type: ignore[no-untyped-def]
    client = school_app.test_client()
    assert client.get(url(school)).status_code == 303
    assert save(client, school, "8").status_code == 401


def test_without_script_the_sheet_is_a_form_that_saves(school: Cast, client_of: ClientOf) -> None:
    client = client_of("math")
    save(client, school, "7,5")
    page = Page(client.get(url(school)))
    line, other = school.enrollments[BINH], school.enrollments[CHAU]
    fields = {name: value for name, value in page.inputs.items() if "-" in name}
    assert page.hidden["seen"] == f"{line}-TX1:1"
    fields |= {f"{line}-TX2": "8,5", f"{other}-GK": "vk", f"{line}-NX": "Chăm học"}
    answer = client.post(f"{url(school)}/luu", data={**fields, "seen": page.hidden["seen"]})
    assert answer.status_code == 303
    assert (stored(school, "TX2"), stored(school, "GK", CHAU)) == (85, 0)
    assert len(db.session.scalars(select(m.ScoreCellVersion)).all()) == 4


def test_a_form_drawn_for_somebody_else_writes_nothing_and_says_so(school: Cast, client_of: ClientOf) -> None:
    """A shared tablet: the page of the colleague still stands when another teacher of the sheet signs in."""
    client = client_of("math")
    page = Page(client.get(url(school)))
    assert page.hidden["account"] == str(school.accounts["math"])
    typed = {f"{school.enrollments[BINH]}-TX1": "8", "seen": ""}
    answer = client.post(f"{url(school)}/luu", data={**typed, "account": str(school.accounts["other"])})
    assert answer.status_code == 409 and "Trang này do người khác mở" in answer.get_data(as_text=True)
    assert db.session.scalars(select(m.ScoreCell.id)).all() == []
    assert client.post(f"{url(school)}/luu", data={**typed, "account": page.hidden["account"]}).status_code == 303
    assert stored(school) == 80


def test_the_form_keeps_a_missed_mark_that_was_not_touched(school: Cast, client_of: ClientOf) -> None:
    client = client_of("math")
    save(client, school, "vk")
    save(client, school, "vp", column="TX2")
    page = Page(client.get(url(school)))
    client.post(f"{url(school)}/luu", data={**page.inputs, "seen": page.hidden["seen"]})
    db.session.commit()
    assert set(db.session.scalars(select(m.ScoreCell.origin))) == {"missed_unexcused", "missed_excused"}


def test_the_form_lists_what_it_could_not_write_and_writes_the_rest(school: Cast, client_of: ClientOf) -> None:
    client = client_of("math")
    line = school.enrollments[BINH]
    answer = client.post(f"{url(school)}/luu", data={f"{line}-TX1": "8", f"{line}-TX2": "8,75", "seen": ""})
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert f'href="#c-{line}-TX2"' in text and "8,75" in text and "Lỗi:" in text
    assert stored(school) == 80
    stale = client.post(f"{url(school)}/luu", data={f"{line}-TX1": "9", "seen": ""})
    assert stale.status_code == 409
    assert stored(school) == 80


def test_gaps_come_back_as_links_to_the_cells(school: Cast, client_of: ClientOf) -> None:
    answer = client_of("math").post(f"{url(school)}/nop", data={"version": "1"})
    page = Page(answer)
    assert answer.status_code == 409
    for anchor in re.findall(r'<li><a href="#(c-[^"]+)"', page.text):
        assert anchor in page.ids
    assert page.text.count('<li><a href="#c-') == 30


def test_the_whole_way_through_the_pages(school: Cast, client_of: ClientOf) -> None:
    fill(school)
    steps = [
        ("math", "nop", "SUBMITTED"),
        ("head_science", "tra-lai", "RETURNED"),
        ("math", "nop", "SUBMITTED"),
        ("math", "rut-lai", "DRAFT"),
        ("math", "nop", "SUBMITTED"),
        ("head_science", "soat", "REVIEWED"),
        ("principal", "duyet", "APPROVED"),
    ]
    for version, (who, slug, state) in enumerate(steps, start=1):
        page = client_of(who).get(url(school)).get_data(as_text=True)
        assert f"{url(school)}/{slug}" in page, (who, slug)
        answer = client_of(who).post(f"{url(school)}/{slug}", data={"version": str(version), "note": "Xem lại cột 2"})
        assert answer.status_code == 303, answer.get_data(as_text=True)
        db.session.commit()
        assert (
            db.session.scalar(select(m.ScoreSheet.state).where(m.ScoreSheet.id == school.sheets["9A", "MATH", 2]))
            == state
        )
    locked = client_of("principal").post(f"{url(school)}/khoa", data={"version": "8"})
    assert locked.status_code == 409
    assert "11 bảng điểm chưa duyệt" in locked.get_data(as_text=True)


def test_the_reason_of_a_return_stands_on_the_authors_page(school: Cast, client_of: ClientOf) -> None:
    fill(school)
    reviews.submit(school.actor("math"), school.sheets["9A", "MATH", 2], expected_version=1, now=NOW)
    client_of("head_science").post(f"{url(school)}/tra-lai", data={"version": "2", "note": "Cột 3 lệch một dòng"})
    assert "Cột 3 lệch một dòng" in client_of("math").get(url(school)).get_data(as_text=True)


def test_a_return_without_words_keeps_the_page_and_says_what_is_missing(school: Cast, client_of: ClientOf) -> None:
    fill(school)
    reviews.submit(school.actor("math"), school.sheets["9A", "MATH", 2], expected_version=1, now=NOW)
    answer = client_of("head_science").post(f"{url(school)}/tra-lai", data={"version": "2", "note": " "})
    assert answer.status_code == 422
    assert "ghi lí do" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("who", "slug"),
    [
        ("math", "duyet"),
        ("math", "soat"),
        ("math", "khoa"),
        ("head_science", "nop"),
        ("vice_principal", "duyet"),
        ("head_science", "duyet"),
    ],
)
def test_an_act_of_somebody_else_is_403(school: Cast, client_of: ClientOf, who: str, slug: str) -> None:
    state = {"duyet": "REVIEWED", "soat": "SUBMITTED", "khoa": "APPROVED", "nop": "DRAFT"}[slug]
    with write_transaction() as session:
        session.execute(update(m.ScoreSheet).values(state=state))
    assert client_of(who).post(f"{url(school)}/{slug}", data={"version": "1", "note": "x"}).status_code == 403


def test_bulk_approves_what_was_shown_and_lists_the_rest(school: Cast, client_of: ClientOf) -> None:
    ids = [school.sheets["9A", code, 2] for code in ("MATH", "SCI")]
    fill_scores(school, "9A")
    put_sheets(ids, "REVIEWED")
    page = client_of("principal").get("/bang-diem/").get_data(as_text=True)
    assert f'value="{ids[0]}:1"' in page
    answer = client_of("principal").post(
        "/bang-diem/hang-loat", data={"viec": "duyet", "chon": [f"{ids[0]}:1", f"{ids[1]}:7"]}
    )
    text = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "1 trên 2" in text and "đổi sau khi" in text
    answer = client_of("principal").post("/bang-diem/hang-loat", data={"viec": "duyet"}, follow_redirects=True)
    assert answer.request.path == "/bang-diem/" and "Chưa chọn bảng điểm nào" in answer.get_data(as_text=True)
    answer = client_of("principal").post("/bang-diem/hang-loat", data={"viec": "nop", "chon": f"{ids[0]}:1"})
    assert answer.status_code == 422
    assert client_of("principal").post("/bang-diem/hang-loat", data={"viec": "duyet", "chon": "x:y"}).status_code == 400


def test_the_past_of_a_cell_is_told_in_words(school: Cast, client_of: ClientOf) -> None:
    save(client_of("math"), school, "7,5")
    save(client_of("math"), school, "vk", 1)
    fragment = client_of("math").get(f"{place(school)}/lich-su", headers=HTMX).get_data(as_text=True)
    assert fragment.lstrip().startswith("<section") and "7,5" in fragment and "vắng" in fragment
    page = Page(client_of("math").get(f"{place(school)}/lich-su"))
    assert page.n_h1 == 1 and "Trịnh Thu Hà" in page.text
    assert client_of("math").get(f"{url(school)}/o/{school.enrollments[BINH]}/TX9/lich-su").status_code == 404


@pytest.mark.parametrize("who", ["math", "head_science", "principal", "vice_principal", "other"])
def test_the_list_is_a_page_with_one_heading(school: Cast, client_of: ClientOf, who: str) -> None:
    answer = client_of(who).get("/bang-diem/?lop=9A&hoc-ky=2&trang-thai=DRAFT")
    page = Page(answer)
    assert answer.status_code == 200
    assert page.n_h1 == 1 and len(page.ids) == len(set(page.ids))
    assert "học kì I," not in page.text


def test_saving_without_the_token_is_refused(school: Cast, client_of: ClientOf, school_app) -> None:  # type: ignore[no-untyped-def]
    client = client_of("math")
    school_app.config["WTF_CSRF_ENABLED"] = True
    assert save(client, school, "8").status_code in (400, 419)
    assert stored(school) is None


def test_a_page_never_writes_when_it_is_read(school: Cast, client_of: ClientOf) -> None:
    client = client_of("math")
    before = db.session.scalars(select(m.AuditEntry.seq).order_by(m.AuditEntry.seq.desc()).limit(1)).one()
    for path in ("/bang-diem/", url(school), f"{place(school)}/lich-su"):
        client.get(path)
    db.session.commit()
    assert db.session.scalars(select(m.AuditEntry.seq).order_by(m.AuditEntry.seq.desc()).limit(1)).one() == before
    assert client.get(place(school)).status_code == 405


def test_a_head_with_a_number_in_the_sheet_reads_who_reviews_it(school: Cast, client_of: ClientOf) -> None:
    fill_scores(school, "6A")
    type_cell(school, "head_science", "9,9")
    give(school, "math")
    path = url(school, class_name="6A")
    answer = client_of("math").post(f"{path}/nop", data={"version": "1"}, follow_redirects=True)
    assert "Đã nộp Toán 6A, học kì II. Người soát bảng này: Trần Quốc Bình." in answer.get_data(as_text=True)
    why = "Thầy, cô đã nhập điểm đang có trong bảng này nên không tự soát. Người soát bảng này: Trần Quốc Bình."
    head = client_of("head_science").get(path).get_data(as_text=True)
    assert why in head and 'id="move-soat"' not in head
    deputy = client_of("vice_principal").get(path).get_data(as_text=True)
    assert "không tự soát" not in deputy and 'id="move-soat"' in deputy
    refused = client_of("head_science").post(f"{path}/soat", data={"version": "2"})
    assert refused.status_code == 403 and why in refused.get_data(as_text=True)
    listed = client_of("head_science").get("/bang-diem/").get_data(as_text=True)
    assert f'name="chon" value="{school.sheets["6A", "MATH", 2]}:' not in listed
    checked = client_of("head_science").get(f"{path}/doi-chieu")
    assert checked.status_code == 403 and why in checked.get_data(as_text=True)


def test_who_read_back_is_told_to_the_teacher_and_to_whose_turn_it_is_only(school: Cast, client_of: ClientOf) -> None:
    fill_scores(school, "9A")
    sheet_id = school.sheets["9A", "LIT", 2]  # taught by head_society; math keeps the class, and only reads
    read_back.record_read_back(
        school.actor("head_society"),
        sheet_id,
        partner_id=school.people["outsider"],
        actor_reads=True,
        column_keys=["GK"],
        n_read=5,
        now=NOW,
    )
    put_sheets([sheet_id], "SUBMITTED")
    named = "Phan Thị Mận đọc, Cao Xuân Nghĩa dò trên giấy; giữa kì, 5 điểm"
    pages = {
        who: client_of(who).get(f"/bang-diem/{sheet_id}").get_data(as_text=True)
        for who in ("head_society", "vice_principal", "math", "principal")
    }
    assert named in pages["head_society"] and named in pages["vice_principal"]  # who reviews it: a head's own sheet
    for who in ("math", "principal"):
        assert "hai người đọc dò trên giấy; giữa kì, 5 điểm" in pages[who] and "Cao Xuân Nghĩa" not in pages[who], who
    put_sheets([sheet_id], "REVIEWED")
    assert named in client_of("principal").get(f"/bang-diem/{sheet_id}").get_data(as_text=True)
    assert "Cao Xuân Nghĩa" not in client_of("vice_principal").get(f"/bang-diem/{sheet_id}").get_data(as_text=True)
