"""The school's plan: announcements, training, the board's tasks, the inventory; each act stands in the log."""

from __future__ import annotations

import io
import json
import re
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.services import (
    announcements,
    audit_verify,
    dashboard,
    document_pool,
    instance_check,
    reminders,
    training,
)
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, PEOPLE, Cast
from tests.databases import Outside
from tests.services.test_audit_verify import try_kinds


@pytest.fixture(autouse=True)
def school_day(school, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def newest(model):
    db.session.rollback()
    return db.session.scalars(select(model).order_by(model.id.desc()).execution_options(populate_existing=True)).first()


def intact(kind: str) -> None:
    """The log tells of each watched value of the kind."""
    db.session.remove()
    assert try_kinds([kind]) == {kind}
    db.session.remove()
    assert audit_verify.verify().ok


# --- announcements ----------------------------------------------------------------------------------------------------


def test_an_announcement_stands_on_the_first_page_until_it_is_read(client_of, school: Cast):
    clerk, teacher = client_of("clerk"), client_of("math")
    start = teacher.get("/").location
    data = {"title": "Họp hội đồng", "body": "Chiều thứ Sáu.\nPhòng họp.", "audience": "inside"}
    assert clerk.post("/thong-bao/", data=data).status_code == 303
    row = newest(m.Announcement)
    assert "Họp hội đồng" in teacher.get(start).get_data(as_text=True)
    assert "Họp hội đồng" not in teacher.get("/tro-giup").get_data(as_text=True)
    assert "Họp hội đồng" not in client_of("other").application.test_client().get("/xac-thuc").get_data(as_text=True)
    assert teacher.post(f"/thong-bao/{row.id}/da-doc").location == start
    assert teacher.post(f"/thong-bao/{row.id}/da-doc").status_code == 303
    assert "Họp hội đồng" not in teacher.get(start).get_data(as_text=True)
    assert "Họp hội đồng" in teacher.get("/thong-bao/").get_data(as_text=True)
    assert "Họp hội đồng" in client_of("it_officer").get("/thong-bao/").get_data(as_text=True)
    assert clerk.post(f"/thong-bao/{row.id}/go").status_code == 303
    assert "Họp hội đồng" not in teacher.get("/thong-bao/").get_data(as_text=True)
    assert "đã gỡ" in clerk.get("/thong-bao/").get_data(as_text=True)
    assert client_of("other").post(f"/thong-bao/{row.id}/da-doc").status_code == 404
    intact("announcement")


def test_the_newest_announcement_is_open_and_older_ones_take_a_line(client_of, school: Cast):
    for title in ("Cũ hơn", "Mới nhất"):
        announcements.post(school.actor("principal"), title, f"Nội dung {title}.", "inside", None, None, NOW)
    teacher = client_of("other")
    page = teacher.get(teacher.get("/").location).get_data(as_text=True)
    day = client_of("principal").get("/hom-nay").get_data(as_text=True)
    assert day.count("news__more") == 1, "the work comes first: both take one line together"
    both = day.split('class="details news__more"')[1].split("</details>")[0]
    assert "2 thông báo: Mới nhất; Cũ hơn" in both and "Nội dung Cũ hơn." in both and both.count("/da-doc") == 2
    assert "Nội dung Mới nhất." in page.split("<details")[0]
    folded = page.split('class="details news__more"')[1].split("</details>")[0]
    assert "Nội dung Cũ hơn." in folded and "/da-doc" in folded and page.count("news__more") == 1


def test_strangers_read_the_public_notices_and_no_others(client_of, school_app, school: Cast):
    today = clock.local_date(NOW)
    for who, audience, title in (("clerk", "inside", "Họp hội đồng"), ("principal", "public", "Lịch nhận học bạ")):
        announcements.post(school.actor(who), title, "Chín giờ sáng.", audience, today, None, NOW)
    stranger = school_app.test_client()
    for path in ("/thong-bao", "/thong-bao/"):
        page = stranger.get(path)
        text = page.get_data(as_text=True)
        assert page.status_code == 200 and "Lịch nhận học bạ" in text and "Họp hội đồng" not in text
        assert school.actor("principal").name not in text
    assert stranger.post("/thong-bao/", data={"title": "x"}).status_code in (302, 303, 400, 403)
    assert "Họp hội đồng" in client_of("other").get("/thong-bao/").get_data(as_text=True)


def test_the_same_notice_with_another_last_day_is_another(school: Cast):
    today = clock.local_date(NOW)

    def post(last: date | None) -> int:
        return announcements.post(school.actor("clerk"), "Họp", "Chín giờ sáng.", "inside", today, last, NOW)

    ends = [None, today, today + timedelta(days=7)]
    assert len({post(last) for last in ends}) == 3 == len({post(last) for last in ends}), (
        "the second click is the one that stands"
    )
    assert set(db.session.scalars(select(m.Announcement.ends_on))) == set(ends)


def test_what_the_public_reads_is_posted_by_the_principal(client_of, school_app, school: Cast):
    data = {"title": "Tra cứu học bạ", "body": "<b>Từ 1/6</b> nhận học bạ.", "audience": "public"}
    assert client_of("clerk").post("/thong-bao/", data=data).status_code == 403
    assert newest(m.Announcement) is None
    principal = client_of("principal")
    assert principal.post("/thong-bao/", data=data).status_code == 303
    page = school_app.test_client().get("/xac-thuc").get_data(as_text=True)
    assert "Tra cứu học bạ" in page and "&lt;b&gt;Từ 1/6" in page
    assert client_of("clerk").post(f"/thong-bao/{newest(m.Announcement).id}/go").status_code == 404
    assert principal.post(f"/thong-bao/{newest(m.Announcement).id}/go").status_code == 303
    assert "Tra cứu học bạ" not in school_app.test_client().get("/xac-thuc").get_data(as_text=True)


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": "x" * 151},
        {"body": " "},
        {"audience": "all"},
        {"ends_on": "11/05/2027"},
        {"ends_on": "x"},
        {"starts_on": "14/05/2027", "ends_on": "13/05/2027"},
    ],
)
def test_an_announcement_that_is_not_whole_is_not_posted(client_of, change):
    data = {"title": "A", "body": "Nội dung còn nguyên", "audience": "inside", **change}
    answer = client_of("clerk").post("/thong-bao/", data=data)
    assert answer.status_code == 422
    if data["body"].strip():
        assert "Nội dung còn nguyên" in answer.get_data(as_text=True)
    assert newest(m.Announcement) is None


def test_an_announcement_shows_on_its_days(client_of, school: Cast):
    data = {"title": "Đúng ngày", "body": "B", "audience": "inside", "starts_on": "14/05/2027", "ends_on": "15/05/2027"}
    assert client_of("clerk").post("/thong-bao/", data=data).status_code == 303
    reader, poster = school.actor("math"), school.actor("clerk")
    for days, shows in ((0, False), (2, True), (3, True), (4, False)):
        now = NOW + timedelta(days=days)
        assert bool(announcements.all_ones(reader, now)) is bool(announcements.unread(reader, now)) is shows, days
        assert [one.shows for one in announcements.all_ones(poster, now)] == [shows]


# --- training ---------------------------------------------------------------------------------------------------------


def test_training_is_counted_against_everybody_at_work(client_of, school: Cast):
    clerk = client_of("clerk")
    assert "Chưa ghi buổi nào" in clerk.get("/ke-hoach/tap-huan").get_data(as_text=True)
    data = {"title": "Học bạ số", "held_on": "11/05/2027", "organiser": "Sở", "place": ""}
    assert clerk.post("/ke-hoach/tap-huan", data={**data, "held_on": ""}).status_code == 422
    assert clerk.post("/ke-hoach/tap-huan", data=data).status_code == 303
    row = newest(m.TrainingSession)
    everybody = [str(person) for person in school.people.values()]

    def mark(present: list[str], version: int) -> int:
        address = f"/ke-hoach/tap-huan/{row.id}/diem-danh"
        return clerk.post(address, data={"present": present, "version": version}).status_code

    assert mark(everybody[:-1], 1) == 303
    assert mark(everybody, 1) == 409, "somebody marked in between"
    assert mark(["999999"], 2) == 422
    assert mark([*everybody[:-1], "9" * 4400, "-1"], 2) == 303, "what is no number of a person marks nobody"
    page = clerk.get("/ke-hoach/tap-huan").get_data(as_text=True)
    assert "90 %" in page and "Còn 1 người" in page
    assert mark(everybody, 2) == 303
    page = client_of("board").get("/ke-hoach/tap-huan").get_data(as_text=True)
    assert "100 %" in page and "Không còn ai" in page and "<form" not in page.split("<main")[1]
    assert mark(everybody[1:], 3) == 303
    left = training.page(school.actor("principal"), NOW).untrained
    assert [name for _id, name in left] == [PEOPLE["principal"][1]]
    with write_transaction() as session:  # who leaves counts no more
        session.get(m.Person, school.people["principal"]).left_on = NOW.date() - timedelta(days=1)
    assert training.page(school.actor("clerk"), NOW).figure.percent == 100
    with write_transaction() as session:
        session.get(m.Person, school.people["principal"]).left_on = None
    intact("training_session")
    intact("training_attendance")


def test_one_subject_on_one_day_at_two_places_is_two_training_days(school: Cast):
    who = school.actor("clerk")

    def add(place: str) -> int:
        return training.add(who, "Ký số", NOW.date(), "Phòng GD&ĐT", place, NOW)

    assert len({add(place) for place in ("Phòng A", "Phòng B", "")}) == 3
    assert add("Phòng B") == add("Phòng B") and add("") == add("")
    assert db.session.scalar(select(func.count(m.TrainingSession.id))) == 3


def test_a_slip_in_a_training_day_is_put_right(client_of, school: Cast):
    clerk = client_of("clerk")
    data = {"title": "Học bạ số", "held_on": "11/05/2026", "organiser": "Sở", "place": ""}
    refused = clerk.post("/ke-hoach/tap-huan", data=data)
    assert refused.status_code == 422 and "từ 01/07/2026 đến 31/08/2027" in refused.get_data(as_text=True), (
        "such a day would be written and shown nowhere"
    )
    for wrong in ("31/12/9999", "01/01/0001", "01/09/2027"):
        assert clerk.post("/ke-hoach/tap-huan", data={**data, "held_on": wrong}).status_code == 422
    assert clerk.post("/ke-hoach/tap-huan", data={**data, "held_on": "01/05/2027"}).status_code == 303
    row = newest(m.TrainingSession)
    address, board = f"/ke-hoach/tap-huan/{row.id}", client_of("board")
    right = {**data, "held_on": "10/05/2027", "title": "Học bạ số, buổi 1", "version": 1}
    assert board.post(address, data=right).status_code == 403
    assert clerk.post(address, data=right).status_code == 303
    assert clerk.post(address, data={**right, "title": "Khác"}).status_code == 409
    present = {"present": school.people["math"], "version": 2}
    assert clerk.post(f"{address}/diem-danh", data=present).status_code == 303
    later = clerk.post(address, data={**right, "held_on": "20/05/2027", "version": 3})
    assert later.status_code == 422 and "Buổi đã có người dự" in later.get_data(as_text=True)
    row = newest(m.TrainingSession)
    assert (row.title, row.held_on.day, row.version) == ("Học bạ số, buổi 1", 10, 3)
    intact("training_session")


def test_a_day_of_another_century_is_a_slip(client_of, school: Cast):
    principal = client_of("principal")
    for day in ("31/12/9999", "01/01/0001", "20/05/2207"):
        task = principal.post("/ke-hoach/viec", data={"title": "Rà soát", "due_on": day})
        assert task.status_code == 422 and "quá hai năm" in task.get_data(as_text=True)
        for field in ("starts_on", "ends_on"):
            data = {"title": "Họp", "body": "Chiều nay", "audience": "inside", field: day}
            assert principal.post("/thong-bao/", data=data).status_code == 422
    assert newest(m.BoardTask) is None and newest(m.Announcement) is None


def test_the_second_click_adds_nothing(client_of, school: Cast):
    principal, clerk, teacher = client_of("principal"), client_of("clerk"), client_of("math")
    forms = [
        (principal, "/thong-bao/", m.Announcement, {"title": "Họp", "body": "Chiều thứ Sáu", "audience": "inside"}),
        (principal, "/ke-hoach/viec", m.BoardTask, {"title": "Rà soát", "due_on": "20/05/2027", "person_id": school.people["board"]}),
        (clerk, "/ke-hoach/tap-huan", m.TrainingSession, {"title": "Học bạ số", "held_on": "11/05/2027", "organiser": "Sở"}),
        (clerk, "/ke-hoach/ha-tang", m.InventoryItem, {"kind": "line", "name": "Mạng", "n_needed": "2", "n_ready": "1"}),
        (teacher, "/ho-tro/", m.HelpRequest, {"text": "Bảng điểm ở đâu?", "screen": "/bang-diem/"}),
    ]  # fmt: skip
    for client, address, model, data in forms:
        answers = [client.post(address, data=data).status_code for _ in range(2)]
        db.session.rollback()
        assert db.session.scalar(select(func.count()).select_from(model)) == 1, address
        assert answers in ([303, 303], [303, 422]), address
    [told] = db.session.scalars(select(m.Notice.body).where(m.Notice.kind == "task"))
    assert told.count("Rà soát") == 1, "nobody is told twice"
    [asked] = db.session.scalars(select(m.Notice.body).where(m.Notice.kind == "help"))
    assert asked.count("hỏi về trang Bảng điểm.") == 1


def test_a_day_to_come_is_not_marked(client_of):
    clerk = client_of("clerk")
    data = {"title": "Sau này", "held_on": "20/05/2027", "organiser": "Trường"}
    assert clerk.post("/ke-hoach/tap-huan", data=data).status_code == 303
    row = newest(m.TrainingSession)
    assert clerk.post(f"/ke-hoach/tap-huan/{row.id}/diem-danh", data={"present": "1", "version": 1}).status_code == 422
    assert newest(m.TrainingAttendance) is None


# --- the board --------------------------------------------------------------------------------------------------------


def test_the_plans_duties_become_tasks_once(client_of, school: Cast):
    principal = client_of("principal")
    assert "Thêm 11 việc theo kế hoạch" in principal.get("/ke-hoach/").get_data(as_text=True)
    assert principal.post("/ke-hoach/theo-ke-hoach").status_code == 303
    assert principal.post("/ke-hoach/theo-ke-hoach").status_code == 303
    tasks = db.session.scalars(select(m.BoardTask)).all()
    assert len(tasks) == 11 and {task.person_id for task in tasks} == {None}
    page = principal.get("/ke-hoach/").get_data(as_text=True)
    assert page.count("quá hạn") >= 7 and "việc theo kế hoạch" not in page.split("<main")[1]


def test_a_task_is_given_done_with_evidence_and_opened_again(client_of, school: Cast):
    principal, member, officer = client_of("principal"), client_of("board"), client_of("it_officer")
    data = {"title": "Rà soát hồ sơ", "person_id": school.people["board"], "due_on": "20/05/2027"}
    assert principal.post("/ke-hoach/viec", data={**data, "due_on": ""}).status_code == 422
    assert principal.post("/ke-hoach/viec", data={**data, "person_id": school.people["outsider"]}).status_code == 422
    assert principal.post("/ke-hoach/viec", data=data).status_code == 303
    row = newest(m.BoardTask)
    notice = newest(m.Notice)
    assert (notice.person_id, notice.kind) == (school.people["board"], "task")
    page = member.get("/ke-hoach/").get_data(as_text=True)
    assert re.search(r'waits__n">1<', page), "one task of this person"

    def finish(client, evidence: str, version: int) -> int:
        return client.post(f"/ke-hoach/viec/{row.id}/xong", data={"evidence": evidence, "version": version}).status_code

    assert finish(member, " ", 1) == 422
    assert finish(officer, "Tôi làm", 1) == 403
    assert finish(member, "Biên bản số 3", 9) == 409
    assert finish(member, "Biên bản số 3", 1) == 303
    assert finish(member, "Lần nữa", 2) == 409
    assert "Biên bản số 3" in client_of("clerk").get("/ke-hoach/").get_data(as_text=True)
    assert principal.post(f"/ke-hoach/viec/{row.id}", data={**data, "version": 2}).status_code == 409
    assert member.post(f"/ke-hoach/viec/{row.id}/mo-lai", data={"version": 2}).status_code == 403
    assert principal.post(f"/ke-hoach/viec/{row.id}/mo-lai", data={"version": 2}).status_code == 303
    moved = {**data, "person_id": school.people["it_officer"], "version": 3}
    assert principal.post(f"/ke-hoach/viec/{row.id}", data=moved).status_code == 303
    assert finish(member, "Không còn là việc tôi", 4) == 403
    assert finish(officer, "Đã cài máy chủ, biên bản 5", 4) == 303
    assert principal.post(f"/ke-hoach/viec/{row.id}/bo", data={"version": 5}).status_code == 409
    intact("board_task")


def test_a_task_stands_on_its_holders_page_of_the_day_and_is_reminded_of(client_of, school: Cast):
    principal, member = client_of("principal"), client_of("board")

    def give(title: str, due_on: str, who: str = "board") -> None:
        data = {"title": title, "person_id": school.people.get(who, ""), "due_on": due_on}
        assert principal.post("/ke-hoach/viec", data=data).status_code == 303

    def rail(client) -> str:
        found = re.search(r'href="/hom-nay".*?</a>', client.get("/tro-giup").get_data(as_text=True), re.DOTALL)
        assert found is not None
        return found[0]

    before = dashboard.count_waiting(school.actor("board"), NOW)
    give("Quá hạn rồi", "10/05/2027")
    give("Tuần sau", "20/05/2027")
    give("Mùa thu", "20/11/2027")
    give("Của người khác", "12/05/2027", "it_officer")
    give("Chưa giao ai", "12/05/2027", "nobody")
    page = member.get("/hom-nay").get_data(as_text=True)
    assert "Quá hạn rồi" in page and "Tuần sau" in page and "Mở việc" in page
    listed = page.split('id="binh-thuong"')[1]
    assert "Mùa thu" not in listed and "Của người khác" not in listed
    assert dashboard.count_waiting(school.actor("board"), NOW) == before + 2
    assert dashboard.daily(school.actor("board"), NOW).n_waiting == before + 2
    assert f">{before + 2}<" in rail(member)
    assert "Của người khác" in client_of("it_officer").get("/hom-nay").get_data(as_text=True)
    row = db.session.scalar(select(m.BoardTask).where(m.BoardTask.title == "Quá hạn rồi"))
    assert row is not None
    assert member.post(f"/ke-hoach/viec/{row.id}/xong", data={"evidence": "Biên bản", "version": 1}).status_code == 303
    assert dashboard.count_waiting(school.actor("board"), NOW) == before + 1

    assert reminders.remind(SYSTEM, NOW) > 0
    told = {
        key: "\n".join(
            db.session.scalars(
                select(m.Notice.body).where(m.Notice.kind == "reminder", m.Notice.person_id == school.people[key])
            )
        )
        for key in ("board", "it_officer", "principal")
    }
    assert "Của người khác" in told["it_officer"] and "Giao việc “Chưa giao ai”" in told["principal"]
    assert "Mùa thu" not in told["board"] and "Quá hạn rồi" not in told["board"]


PHOTO, PDF = b"\xff\xd8\xff\xe0bien ban", b"%PDF-1.7 bien ban"


def sent(*files: tuple[bytes, str], **fields: object) -> dict[str, object]:
    return {**fields, "files": [(io.BytesIO(data), name) for data, name in files]}


def test_files_show_that_a_task_is_done(client_of, school: Cast):
    principal, member, officer = client_of("principal"), client_of("board"), client_of("it_officer")
    data = {"title": "Rà soát hồ sơ", "person_id": school.people["board"], "due_on": "20/05/2027"}
    assert principal.post("/ke-hoach/viec", data=data).status_code == 303
    task = newest(m.BoardTask)
    address = f"/ke-hoach/viec/{task.id}"
    for files, words in (
        ([(b"<html><script>alert(1)</script>", "a.pdf")], "không phải ảnh JPEG"),
        ([(b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "a.png")], "không phải ảnh JPEG"),
        ([(b"", "a.pdf")], "rỗng"),
        ([(PDF + b"x" * (4 * 1024 * 1024), "a.pdf")], "lớn hơn 4 MB"),
        ([(PDF + bytes([n]), f"{n}.pdf") for n in range(7)], "nhiều nhất 6 tệp"),
    ):
        answer = member.post(f"{address}/xong", data=sent(*files, evidence="", version=1))
        assert answer.status_code == 422 and words in answer.get_data(as_text=True), words
    assert newest(m.BoardTask).state == "OPEN" and db.session.scalar(select(m.StoredDocument.digest)) is None
    name = '../../x"><script>bien ban</script>.jpg'
    assert member.post(f"{address}/xong", data=sent((PHOTO, name), evidence="", version=1)).status_code == 303
    file = newest(m.BoardTaskFile)
    assert (file.media_type, file.adder_name) == ("image/jpeg", PEOPLE["board"][1]) and "/" not in file.file_name
    page = client_of("clerk").get("/ke-hoach/").get_data(as_text=True)
    assert f"{address}/tep/{file.id}" in page and "<script>bien" not in page and "xem tệp kèm" in page
    answer = client_of("clerk").get(f"{address}/tep/{file.id}")
    assert answer.data == PHOTO and answer.mimetype == "image/jpeg"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert officer.get(f"{address}/tep/{file.id}").status_code == 404, "somebody else's paper may tell of pupils"
    assert f"{address}/tep/" not in officer.get("/ke-hoach/").get_data(as_text=True)
    assert client_of("math").get(f"{address}/tep/{file.id}").status_code == 403

    assert member.post(f"{address}/tep", data=sent((PDF, "biên bản.pdf"))).status_code == 303, "also to what is done"
    assert member.post(f"{address}/tep", data=sent((PDF, "lần nữa.pdf"))).status_code == 303
    assert db.session.scalar(select(func.count()).select_from(m.BoardTaskFile)) == 2, "the same file stands once"
    assert member.post(f"{address}/tep", data={}).status_code == 422
    assert officer.post(f"{address}/tep", data=sent((PDF + b"2", "b.pdf"))).status_code == 403
    answer = member.get(f"{address}/tep/{newest(m.BoardTaskFile).id}")
    assert answer.data == PDF and "attachment" in answer.headers["Content-Disposition"]
    assert member.get(f"/ke-hoach/viec/999/tep/{file.id}").status_code == 404
    intact("board_task_file")
    assert instance_check.check(NOW).n_documents == 2
    document_pool.document_store().path(file.digest).chmod(0o600)
    document_pool.document_store().path(file.digest).write_bytes(b"something else")
    assert any(file.digest[:16] in problem for problem in instance_check.check(NOW).problems)


def test_a_wrong_file_is_taken_out_of_sight_and_stays_in_the_log(client_of, school: Cast):
    principal, member, clerk = client_of("principal"), client_of("board"), client_of("clerk")
    data = {"title": "Rà soát hồ sơ", "person_id": school.people["board"], "due_on": "20/05/2027"}
    assert principal.post("/ke-hoach/viec", data=data).status_code == 303
    address = f"/ke-hoach/viec/{newest(m.BoardTask).id}"
    assert member.post(f"{address}/xong", data=sent((PHOTO, "nhầm.jpg"), evidence="", version=1)).status_code == 303
    wrong = newest(m.BoardTaskFile)
    out = f"{address}/tep/{wrong.id}/bo"
    assert wrong.added_by == school.accounts["board"]
    assert out in member.get("/ke-hoach/").text and out not in clerk.get("/ke-hoach/").text
    assert clerk.post(out, data={"reason": "Không phải của tôi"}).status_code == 403
    assert client_of("it_officer").post(out, data={"reason": "x"}).status_code == 404
    answer = member.post(out, data={"reason": "  "})
    assert answer.status_code == 422 and "vì sao bỏ" in answer.text
    answer = member.post(out, data={"reason": "Nhầm tệp"})
    assert answer.status_code == 409 and "chỉ có tệp này" in answer.text and 'value="Nhầm tệp"' in answer.text

    assert member.post(f"{address}/tep", data=sent((PDF, "biên bản.pdf"))).status_code == 303
    assert member.post(out, data={"reason": "Nhầm tệp"}).status_code == 303
    for client in (member, principal, clerk):
        page = client.get("/ke-hoach/").text
        assert f"{address}/tep/{wrong.id}" not in page and "nhầm.jpg" not in page and "Lí do: Nhầm tệp" in page
        assert client.get(f"{address}/tep/{wrong.id}").status_code == 404
    assert member.post(out, data={"reason": "Lần nữa"}).status_code == 409
    entry = db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.tag == "board:file:removed")).one()
    payload = json.loads(entry.payload)
    assert (payload["note"], payload["facts"]["file"]) == ("Nhầm tệp", "nhầm.jpg")
    assert payload["state"]["board_task_file"][str(wrong.id)]["remover_name"] == PEOPLE["board"][1]
    assert instance_check.check(NOW).n_documents == 2, "the bytes stay"

    # the same file may come again, and who gives the tasks takes out anybody's
    assert member.post(f"{address}/tep", data=sent((PHOTO, "đúng ra.jpg"))).status_code == 303
    again = newest(m.BoardTaskFile)
    assert again.digest == wrong.digest and again.id != wrong.id
    assert principal.post(f"{address}/tep/{again.id}/bo", data={"reason": "Vẫn nhầm"}).status_code == 303
    intact("board_task_file")


def test_a_file_hidden_behind_the_log_is_found(client_of, school: Cast):
    data = {"title": "Rà soát hồ sơ", "person_id": school.people["board"], "due_on": "20/05/2027"}
    assert client_of("principal").post("/ke-hoach/viec", data=data).status_code == 303
    address = f"/ke-hoach/viec/{newest(m.BoardTask).id}"
    assert client_of("board").post(f"{address}/tep", data=sent((PDF, "b.pdf"))).status_code == 303
    db.session.remove()
    with Outside() as outside:
        outside.execute("UPDATE board_task_file SET removed_at = added_at, remover_name = 'a', removed_reason = 'b'")
    assert {fault.table for fault in audit_verify.verify().faults} == {"board_task_file"}


def test_the_board_without_an_open_year_says_so(client_of, school: Cast):
    with write_transaction() as session:
        session.get(m.SchoolYear, school.year_id).state = "CLOSED"
    for key in ("principal", "board", "it_officer"):
        page = client_of(key).get("/ke-hoach/")
        assert page.status_code == 200 and "Chưa có năm học nào đang mở" in page.get_data(as_text=True)
    assert client_of("principal").get("/ke-hoach/tap-huan").status_code == 200
    assert client_of("principal").get("/ke-hoach/ha-tang").status_code == 200


# --- readiness --------------------------------------------------------------------------------------------------------


def test_the_inventory_counts_and_is_counted_again(client_of, school: Cast):
    officer = client_of("it_officer")
    page = officer.get("/ke-hoach/ha-tang").get_data(as_text=True)
    assert "10 trong 10" in page, "everybody of the cast has an account"
    assert "0 trong 3" in page, "the principal and two homeroom teachers sign, none has a certificate"
    data = {"kind": "device", "name": "Máy tính bảng", "n_needed": "10", "n_ready": "7", "note": "Hội phụ huynh tặng 2"}
    for wrong in (
        {"kind": "x"},
        {"name": ""},
        {"n_needed": "0"},
        {"n_needed": "a"},
        {"n_ready": "11"},
        {"n_ready": ""},
    ):
        answer = officer.post("/ke-hoach/ha-tang", data={**data, **wrong})
        assert answer.status_code == 422, wrong
        assert "Hội phụ huynh tặng 2" in answer.get_data(as_text=True), "what was typed stands"
    assert officer.post("/ke-hoach/ha-tang", data=data).status_code == 303
    row = newest(m.InventoryItem)
    assert "thiếu 3" in client_of("board").get("/ke-hoach/ha-tang").get_data(as_text=True)
    again = {**data, "n_ready": "10", "version": "1"}
    assert officer.post(f"/ke-hoach/ha-tang/{row.id}", data=again).status_code == 303
    assert officer.post(f"/ke-hoach/ha-tang/{row.id}", data=again).status_code == 409
    assert (
        "thiếu 3"
        not in client_of("board").get("/ke-hoach/ha-tang").get_data(as_text=True).split(f'id="dong-{row.id}"')[1]
    )
    intact("inventory_item")
    assert officer.post(f"/ke-hoach/ha-tang/{row.id}/bo", data={"version": "2"}).status_code == 303
    assert (
        "Máy tính bảng"
        not in officer.get("/ke-hoach/ha-tang").get_data(as_text=True).split('id="bang-ke"')[1].split("</section>")[0]
    )
