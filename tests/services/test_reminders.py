"""Reminders: to who holds the work now, then the group head, then the principal; one message a person a day; mail."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from email.message import EmailMessage

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import NotAllowed, NotFound, Unavailable
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.help_flow import HelpVerb
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.regulations.vietnamese_names import sort_key
from hocbaso.services import (
    announcements,
    audit,
    audit_verify,
    board_tasks,
    digest_mail,
    held_work,
    help_requests,
    job_ledger,
    mail_choice,
    notices,
    reminders,
    role_grants,
    roster,
    shown_notices,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.job_table import JOBS
from hocbaso.services.kept_answers import KeptAnswers
from tests.cast import Cast
from tests.databases import Outside

# Windows of the cast's year: semester II closes 19/05/2027 for grade 6 (before 20/5), 12/05/2027 for grade 9 (before 13/5).


def morning(day: date) -> datetime:
    return datetime.combine(day, time(6, 30), clock.SCHOOL_ZONE)


def texts(school: Cast, key: str, day: date) -> str:
    found = db.session.scalars(
        select(m.Notice.body).where(m.Notice.person_id == school.people[key], m.Notice.day == day)
    )
    return "\n".join(found)


def set_state(school: Cast, sheet: tuple[str, str, int], state: str) -> None:
    with write_transaction() as session:
        row = session.get(m.ScoreSheet, school.sheets[sheet])
        assert row is not None
        row.state = state
        session.flush()
        audit.record(
            AuditTag.SHEET_MOVED,
            SYSTEM,
            school.now,
            target_kind="score_sheet",
            target_id=row.id,
            state=audit.states("score_sheet", [row]),
        )


def only(school: Cast, sheet: tuple[str, str, int], state: str = "DRAFT") -> None:
    """All sheets locked but one."""
    for key in school.sheets:
        set_state(school, key, state if key == sheet else "LOCKED")


MATH_6A = ("6A", "MATH", 2)
BEFORE = date(2027, 5, 20)


def told_on(school: Cast, key: str, needle: str = "Toán") -> list[int]:
    """The days before the deadline of 20/5 on which a person heard of the sheet."""
    found = []
    for left in range(20, -4, -1):
        day = BEFORE - timedelta(days=left)
        if needle in texts(school, key, day):
            found.append(left)
    return found


def run_days(first: int = 20, last: int = -3) -> None:
    for left in range(first, last - 1, -1):
        reminders.remind(SYSTEM, morning(BEFORE - timedelta(days=left)))


def test_the_teacher_hears_on_four_days_and_each_day_after_then_the_head_then_the_principal(school: Cast) -> None:
    sheet = ("6A", "SCI", 2)  # taught by "other" of Tổ Xã hội, whose head is head_society
    only(school, sheet)
    run_days()
    assert told_on(school, "other", "6A") == [14, 7, 3, 1, 0, -1, -2, -3]
    assert told_on(school, "head_society", "6A, học kì II") == [3, 1, 0, -1, -2, -3]
    assert told_on(school, "principal", "6A, học kì II") == [0, -1, -2, -3]
    assert told_on(school, "vice_principal", "6A") == told_on(school, "outsider", "6A") == []
    line = texts(school, "head_society", BEFORE - timedelta(days=1))
    assert ": ngày cuối (" in line and "hạn cuối: hết ngày 19/05/2027" in line and "đang ở Tô Vĩnh Phát" in line
    assert "quá hạn 1 ngày" in texts(school, "principal", BEFORE)
    assert audit_verify.verify().ok


@pytest.mark.parametrize(
    ("state", "holder", "verb"),
    [
        ("DRAFT", "other", "Nhập và nộp"),
        ("RETURNED", "other", "Sửa và nộp lại"),
        ("SUBMITTED", "head_society", "Soát"),
        ("REVIEWED", "principal", "Duyệt"),
        ("APPROVED", "principal", "Khoá"),
    ],
)
def test_the_reminder_goes_to_who_holds_the_sheet_now(school: Cast, state: str, holder: str, verb: str) -> None:
    only(school, ("6A", "SCI", 2), state)
    day = BEFORE - timedelta(days=7)
    told = {school.people[one] for one in (holder, "math", "head_society")}  # and who keep the classes: empty fields
    assert reminders.remind(SYSTEM, morning(day)) == len(told)
    assert f"{verb} bảng điểm " in texts(school, holder, day)
    assert "bảng điểm" not in texts(school, "math", day)


@pytest.mark.parametrize(
    ("scope", "place", "hears"),
    [("school", None, True), ("grade_level", 6, True), ("grade_level", 9, False), ("class_group", "6A", True)],
)
def test_what_waits_for_approval_is_also_the_delegates_within_the_delegation(
    school: Cast, scope: str, place: int | str | None, hears: bool
) -> None:
    only(school, ("6A", "SCI", 2), "REVIEWED")
    day = BEFORE - timedelta(days=7)
    role_grants.grant_role(
        school.actor("principal"),
        school.people["vice_principal"],
        Role.DELEGATE,
        school.now,
        scope_kind=GrantScope(scope),
        scope_id=school.classes[place] if isinstance(place, str) else place,
        starts_on=day,
        ends_on=date(2027, 5, 31),
        document="12/GUQ-THCS",
    )
    reminders.remind(SYSTEM, morning(day))
    assert texts(school, "principal", day).startswith("Duyệt bảng điểm ")
    assert texts(school, "vice_principal", day).startswith("Duyệt bảng điểm ") is hears


def test_nobody_hears_of_the_own_sheet_or_class_as_a_delegate(school: Cast) -> None:
    only(school, ("6A", "SCI", 2), "REVIEWED")
    with write_transaction() as session:
        for name in ("6A", "9A"):
            class_group = session.get(m.ClassGroup, school.classes[name])
            assert class_group is not None
            class_group.state = "FINALISED"
    day = BEFORE - timedelta(days=7)
    for who in ("other", "math"):  # who teaches the sheet, and who keeps 9A
        for role in (Role.VICE_PRINCIPAL, Role.DELEGATE):
            roster.grant_role(SYSTEM, school.people[who], role, school.now, starts_on=day, ends_on=date(2027, 5, 31))
    held = {work.what: work.holders for work in held_work.unfinished(morning(day))}
    principal, other, math = (school.people[key] for key in ("principal", "other", "math"))
    assert held["Duyệt bảng điểm Khoa học tự nhiên 6A, học kì II"] == (principal, math)
    assert held["Duyệt tổng kết lớp 6A"] == (principal, other, math)
    assert held["Duyệt tổng kết lớp 9A"] == (principal, other)


def test_a_sheet_of_the_group_head_goes_to_the_vice_principal_for_review(school: Cast) -> None:
    only(school, MATH_6A, "SUBMITTED")  # taught by head_science
    day = BEFORE - timedelta(days=3)
    reminders.remind(SYSTEM, morning(day))
    assert "Soát" in texts(school, "vice_principal", day)
    assert texts(school, "head_science", day) == ""


def test_work_that_changed_hands_is_the_new_holders(school: Cast) -> None:
    only(school, ("6A", "SCI", 2))
    with write_transaction() as session:
        old = session.scalar(
            select(m.TeachingAssignment).where(
                m.TeachingAssignment.class_subject_id == school.class_subjects["6A", "SCI"]
            )
        )
        assert old is not None
        old.ends_on = BEFORE - timedelta(days=8)
        session.add(
            m.TeachingAssignment(
                person_id=school.people["outsider"],
                class_subject_id=old.class_subject_id,
                starts_on=BEFORE - timedelta(days=7),
            )
        )
    run_days(14, 7)
    assert told_on(school, "other", "6A") == [14]
    assert told_on(school, "outsider", "6A") == [7]


def test_one_message_a_person_a_day_lists_everything_most_urgent_first(school: Cast) -> None:
    day = date(2027, 5, 13)  # grade 9 is a day late, grade 6 has seven days
    n = reminders.remind(SYSTEM, morning(day))
    assert n > 0
    assert reminders.remind(SYSTEM, morning(day) + timedelta(hours=3)) == 0, "never twice"
    rows = list(db.session.scalars(select(m.Notice).where(m.Notice.day == day)))
    assert len(rows) == len({row.person_id for row in rows}) == n
    lines = texts(school, "other", day).splitlines()
    assert len(lines) > 5 and len(lines) == len(set(lines))
    late = ["quá hạn" in line for line in lines]
    assert late == sorted(late, reverse=True) and any(late) and not all(late)
    (row,) = [row for row in rows if row.person_id == school.people["other"]]
    assert row.title == f"{sum(late)} việc quá hạn, {len(late) - sum(late)} việc sắp đến hạn"
    assert (reminders.title_of([3, 1]), reminders.title_of([0, -9])) == ("2 việc sắp đến hạn", "2 việc quá hạn")


def test_nothing_is_said_when_nothing_waits_or_no_year_is_open(school: Cast, app: Flask) -> None:
    for key in school.sheets:
        set_state(school, key, "LOCKED")
    with write_transaction() as session:
        for group in session.scalars(select(m.ClassGroup)):
            group.state = "APPROVED"
            for row in session.scalars(select(m.Enrollment).where(m.Enrollment.class_group_id == group.id)):
                row.left_on = date(2027, 1, 2)
    run_days(14, 0)
    assert list(db.session.scalars(select(m.Notice))) == []


def test_a_reminder_due_while_the_server_was_off_comes_once_on_the_next_day_it_is_on(school: Cast) -> None:
    only(school, ("6A", "SCI", 2))
    (job,) = [one for one in JOBS if one.name == "reminders"]
    for left in (9, 8, 6, 5, 4):  # off on the seventh day: a Sunday
        job_ledger.catch_up((job,), morning(BEFORE - timedelta(days=left)))
    assert told_on(school, "other", "6A") == [6]
    assert "còn 5 ngày" in texts(school, "other", BEFORE - timedelta(days=6))
    job_ledger.catch_up((job,), morning(BEFORE - timedelta(days=2)))  # the third day was slept through as well
    assert told_on(school, "other", "6A") == [6, 2]
    assert told_on(school, "head_society", "6A, học kì II") == [2]


def test_a_class_whose_sheets_are_locked_is_the_homeroom_teachers(school: Cast) -> None:
    for key in school.sheets:
        set_state(school, key, "LOCKED")
    day = BEFORE - timedelta(days=7)
    reminders.remind(SYSTEM, morning(day))
    assert "chốt lớp 9A" in texts(school, "math", day) and "chốt lớp 6A" in texts(school, "head_society", day)


def test_a_notice_waits_until_its_own_reader_puts_it_aside(school: Cast) -> None:
    day = BEFORE - timedelta(days=7)
    reminders.remind(SYSTEM, morning(day))
    (notice,) = notices.waiting(school.people["other"])
    with pytest.raises(NotFound):
        notices.mark_read(school.actor("math"), notice.id, morning(day))
    notices.mark_read(school.actor("other"), notice.id, morning(day))
    assert notices.waiting(school.people["other"]) == []


def test_the_page_marks_a_notice_read_for_its_owner_only(school: Cast, client_of: Callable[[str], FlaskClient]) -> None:
    reminders.remind(SYSTEM, morning(BEFORE - timedelta(days=7)))
    (notice,) = notices.waiting(school.people["other"])
    assert client_of("math").post(f"/loi-nhac/{notice.id}/da-doc").status_code == 404
    assert client_of("other").get(f"/loi-nhac/{notice.id}/da-doc").status_code == 405
    answer = client_of("other").post(f"/loi-nhac/{notice.id}/da-doc")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/hom-nay")
    db.session.remove()
    assert notices.waiting(school.people["other"]) == []
    assert client_of("other").post(f"/loi-nhac/{notice.id}/da-doc", headers={"HX-Request": "true"}).data == b""


# --- mail -------------------------------------------------------------------------------------------------------------


@dataclass
class Sink:
    """A mail server on this machine that keeps what it gets, and refuses what it is told to."""

    port: int = 0
    received: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    breaks_after: int | None = None
    hangs_up_with: int | None = None
    """Keeps this mail and goes before it says so."""


@pytest.fixture
def sink() -> Iterator[Sink]:
    box = Sink()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 thu.truong.example")
            recipient = ""
            while line := self.rfile.readline().decode().strip():
                verb = line[:4].upper()
                if verb in ("EHLO", "HELO"):
                    self.say("250 thu.truong.example")
                elif verb == "RCPT":
                    recipient = line.split("<")[1].split(">")[0]
                    self.say("550 unknown" if recipient in box.refused else "250 ok")
                elif verb == "DATA":
                    if box.breaks_after is not None and len(box.received) >= box.breaks_after:
                        return
                    self.say("354 go on")
                    data = b""
                    while not data.endswith(b"\r\n.\r\n"):
                        data += self.rfile.readline()
                    message = email.message_from_bytes(data[:-5], policy=email.policy.default)
                    assert isinstance(message, EmailMessage)
                    box.received.append((recipient, message))
                    if len(box.received) == box.hangs_up_with:
                        return
                    self.say("250 kept")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        box.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield box
        server.shutdown()


DAY = BEFORE - timedelta(days=7)


@pytest.fixture
def mailing(school: Cast, school_app: Flask, sink: Sink) -> Cast:
    url = f"smtp://127.0.0.1:{sink.port}?from=hocba%40dongsen.example"
    school_app.config["HOCBASO"] = replace(school_app.config["HOCBASO"], smtp_url=url)
    with write_transaction() as session:
        for key in ("other", "math", "head_society"):
            person = session.get(m.Person, school.people[key])
            assert person is not None
            person.email = f"{key.replace('_', '.')}@dongsen.example"
    reminders.remind(SYSTEM, morning(DAY))
    return school


def test_each_message_is_mailed_once_in_whole_vietnamese(mailing: Cast, sink: Sink) -> None:
    n = digest_mail.send(morning(DAY))
    assert n == len(sink.received) == 3, "who has an address and a message today"
    assert digest_mail.send(morning(DAY) + timedelta(minutes=5)) == 0
    assert digest_mail.send(morning(DAY) + timedelta(days=1)) == 0, "yesterday's are not sent after the event"
    recipient, message = next(item for item in sink.received if item[0].startswith("other"))
    assert recipient == "other@dongsen.example" and message["From"] == "hocba@dongsen.example"
    assert message["Subject"].startswith("Học bạ số: ") and message["Subject"].endswith("việc sắp đến hạn")
    body = message.get_content()
    assert body.startswith("Kính gửi thầy/cô Tô Vĩnh Phát,") and texts(mailing, "other", DAY) in body.replace(
        "\r\n", "\n"
    )


@pytest.mark.parametrize("hour", [21, 23, 0, 5])
def test_no_mail_leaves_in_the_quiet_hours(mailing: Cast, sink: Sink, hour: int) -> None:
    assert digest_mail.send(datetime.combine(DAY, time(hour), clock.SCHOOL_ZONE)) == 0
    assert sink.received == []


def test_a_reminder_of_the_quiet_hours_goes_with_the_next_mail_once_and_as_of_that_day(
    mailing: Cast, sink: Sink
) -> None:
    """A server that is first on at 21:30: the calendar's day is told on the page, the mail waits for the morning."""
    with write_transaction() as session:
        session.execute(delete(m.Notice))
    jobs = tuple(one for one in JOBS if one.name in ("reminders", "mail"))
    evening = datetime.combine(DAY, time(21, 30), clock.SCHOOL_ZONE)
    job_ledger.catch_up(jobs, morning(DAY - timedelta(days=1)))
    told = {one.job: one.outcome for one in job_ledger.catch_up(jobs, evening) if one.day == DAY}
    assert told["reminders"].startswith("Đã nhắc ") and "Giờ yên lặng" in told["mail"] and sink.received == []
    next_day = DAY + timedelta(days=1)
    assert job_ledger.catch_up(jobs, datetime.combine(next_day, time(0, 10), clock.SCHOOL_ZONE)) == []
    set_state(mailing, ("6A", "SCI", 2), "SUBMITTED")
    job_ledger.catch_up(jobs, morning(next_day) + timedelta(minutes=10))
    assert len(sink.received) == len({to for to, _ in sink.received}) == 3
    (letter,) = letters(sink, "other")
    text = letter.get_content()
    assert "quá hạn 2 ngày" in text and "còn 5 ngày" in text and "còn 6 ngày" not in text
    assert "Khoa học tự nhiên 6A, học kì II" not in text, "handed in since"
    lines = [line for line in text.splitlines() if "bảng điểm" in line]
    assert len(lines) == len(set(lines)), "today's own reminder says what is late; nothing is said twice"
    for days in (1, 2, 3):
        assert digest_mail.send(morning(next_day) + timedelta(hours=days)) == 0
    job_ledger.catch_up(jobs, morning(next_day + timedelta(days=1)) + timedelta(minutes=10))
    assert all("còn" not in letter.get_content() for letter in letters(sink, "other")[1:]), "only what is told that day"


def test_one_refused_address_does_not_keep_the_others_from_theirs(mailing: Cast, sink: Sink) -> None:
    sink.refused = {"other@dongsen.example"}
    assert digest_mail.send(morning(DAY)) == 2
    assert sorted(recipient for recipient, _message in sink.received) == [
        "head.society@dongsen.example",
        "math@dongsen.example",
    ]


def test_a_server_that_breaks_off_is_told_and_the_rest_goes_later_none_twice(mailing: Cast, sink: Sink) -> None:
    sink.breaks_after = 1
    with pytest.raises(Unavailable, match="vẫn hiện trong phần mềm"):
        digest_mail.send(morning(DAY))
    sink.breaks_after = None
    assert digest_mail.send(morning(DAY) + timedelta(minutes=3)) == 2
    assert len({recipient for recipient, _message in sink.received}) == len(sink.received) == 3


def test_a_mail_that_a_server_kept_without_saying_so_is_not_sent_again(mailing: Cast, sink: Sink) -> None:
    sink.hangs_up_with = 2
    with pytest.raises(Unavailable):
        digest_mail.send(morning(DAY))
    assert digest_mail.send(morning(DAY) + timedelta(minutes=3)) == 1
    assert len({recipient for recipient, _message in sink.received}) == len(sink.received) == 3


@pytest.mark.parametrize("address", ["phát@trường.vn", "phat@dongsen.example\nBcc: x@example.com"])
def test_an_address_that_no_mail_can_be_made_for_does_not_keep_the_others_from_theirs(
    mailing: Cast, sink: Sink, address: str
) -> None:
    with write_transaction() as session:
        session.get_one(m.Person, mailing.people["other"]).email = address
    sink.refused = {address}
    assert digest_mail.send(morning(DAY)) == 2
    assert sorted(recipient for recipient, _message in sink.received) == [
        "head.society@dongsen.example",
        "math@dongsen.example",
    ]


def test_no_mail_server_is_no_failure_of_the_reminder(mailing: Cast, school_app: Flask) -> None:
    school_app.config["HOCBASO"] = replace(school_app.config["HOCBASO"], smtp_url="smtp://127.0.0.1:1")
    with pytest.raises(Unavailable):
        digest_mail.send(morning(DAY))
    assert notices.waiting(mailing.people["other"])
    school_app.config["HOCBASO"] = replace(school_app.config["HOCBASO"], smtp_url=None)
    assert digest_mail.send(morning(DAY)) == 0


def post(school: Cast, title: str = "Họp hội đồng", audience: str = "inside", **days: date) -> int:
    return announcements.post(
        school.actor("principal"),
        title,
        "Chiều thứ Sáu.",
        audience,
        days.get("starts_on"),
        days.get("ends_on"),
        morning(DAY),
    )


def letters(sink: Sink, to: str) -> list[EmailMessage]:
    return [message for recipient, message in sink.received if recipient.startswith(to)]


def test_an_announcement_goes_out_in_the_one_mail_of_the_day(mailing: Cast, sink: Sink) -> None:
    post(mailing)
    post(mailing, "Mai mới đến ngày", starts_on=DAY + timedelta(days=2))
    assert digest_mail.send(morning(DAY)) == 3
    [letter] = letters(sink, "other")
    text = letter.get_content().replace("\r\n", "\n")
    assert texts(mailing, "other", DAY) in text and "Thông báo: Họp hội đồng\nChiều thứ Sáu." in text
    assert "Mai mới" not in text and letter["Subject"].endswith("và 1 tin khác")
    assert digest_mail.send(morning(DAY) + timedelta(hours=3)) == 0
    assert digest_mail.send(morning(DAY) + timedelta(days=1)) == 0, "never twice"
    assert digest_mail.send(morning(DAY) + timedelta(days=2)) == 3, "the other one on its day"
    assert (
        "Mai mới" in letters(sink, "other")[1].get_content()
        and "Họp hội đồng" not in letters(sink, "other")[1].get_content()
    )


def test_what_comes_after_the_mail_of_the_day_waits_for_the_next(mailing: Cast, sink: Sink) -> None:
    assert digest_mail.send(morning(DAY)) == 3
    post(mailing)
    with write_transaction():
        notices.tell([mailing.people["other"]], "help", "Có lời trả lời", "Đã xong.", morning(DAY) + timedelta(hours=2))
        notices.tell([mailing.people["math"]], "help", "Có lời trả lời", "Đã xong.", morning(DAY) + timedelta(hours=2))
    notice = db.session.scalar(
        select(m.Notice).where(m.Notice.person_id == mailing.people["math"], m.Notice.kind == "help")
    )
    assert notice is not None
    notices.mark_read(mailing.actor("math"), notice.id, morning(DAY) + timedelta(hours=3))
    assert digest_mail.send(morning(DAY) + timedelta(hours=4)) == 0, "one message a person a day"
    assert digest_mail.send(morning(DAY) + timedelta(days=1)) == 3
    assert "Có lời trả lời" in letters(sink, "other")[1].get_content()
    assert "Có lời trả lời" not in letters(sink, "math")[1].get_content(), "read on the page already"


def test_who_put_it_aside_left_or_has_no_account_gets_no_announcement(mailing: Cast, sink: Sink) -> None:
    one = post(mailing)
    announcements.put_aside(mailing.actor("other"), one, morning(DAY))
    with write_transaction() as session:
        session.execute(update(m.Notice).values(mailed_at=morning(DAY) - timedelta(days=1)))
        head = session.get(m.Person, mailing.people["head_society"])
        assert head is not None
        head.left_on = DAY - timedelta(days=1)
    assert digest_mail.send(morning(DAY)) == 1
    assert [recipient for recipient, _message in sink.received] == ["math@dongsen.example"]


def test_a_withdrawn_announcement_is_not_mailed_and_a_broken_server_costs_nobody_his(mailing: Cast, sink: Sink) -> None:
    announcements.withdraw(mailing.actor("principal"), post(mailing, "Gỡ rồi"), morning(DAY))
    post(mailing, "Còn đây")
    sink.breaks_after = 1
    with pytest.raises(Unavailable):
        digest_mail.send(morning(DAY))
    sink.breaks_after = None
    assert digest_mail.send(morning(DAY) + timedelta(minutes=3)) == 2
    assert len({recipient for recipient, _message in sink.received}) == len(sink.received) == 3
    assert all(
        "Còn đây" in message.get_content() and "Gỡ rồi" not in message.get_content() for _to, message in sink.received
    )


def test_who_declines_the_mail_gets_none_and_the_bell_stays(mailing: Cast, sink: Sink) -> None:
    other = mailing.actor("other")
    assert mail_choice.choose(other, False, morning(DAY)) and not mail_choice.choose(other, False, morning(DAY))
    post(mailing)
    n_unread = notices.n_unread(other.person_id, morning(DAY))
    assert digest_mail.send(morning(DAY)) == 2 and letters(sink, "other") == []
    assert notices.n_unread(other.person_id, morning(DAY)) == n_unread > 0, "not mailed, and not read either"
    assert "Tài khoản của tôi" in letters(sink, "math")[0].get_content(), "the mail says how to end it"
    choice = mail_choice.read(other)
    assert (choice.email, choice.declined_at, choice.is_sent) == ("other@dongsen.example", morning(DAY), True)
    assert mail_choice.choose(other, True, morning(DAY) + timedelta(days=1))
    assert digest_mail.send(morning(DAY) + timedelta(days=1)) == 1, (
        "what is still to be said, and no reminder of yesterday"
    )
    told = db.session.scalars(
        select(m.AuditEntry.payload).where(m.AuditEntry.tag == "account:mail:chosen").order_by(m.AuditEntry.seq)
    ).all()
    assert [json.loads(one)["state"]["account"].popitem()[1]["mail_declined_at"] is None for one in told] == [
        False,
        True,
    ]
    db.session.remove()
    with Outside() as outside:
        outside.execute("UPDATE account SET mail_declined_at = '2027-05-01 00:00:00' WHERE person_id = 1")
    faults = [one for one in audit_verify.verify().faults if one.table != "person"]  # whose addresses the fixture wrote
    assert [one.table for one in faults] == ["account"], "nobody is kept from the mail behind the log's back"


def test_two_processes_send_one_mail(mailing: Cast, sink: Sink) -> None:
    post(mailing)
    [first, *_rest] = digest_mail.waiting(morning(DAY))
    assert digest_mail._claim(first, morning(DAY)) and not digest_mail._claim(first, morning(DAY))
    assert digest_mail.send(morning(DAY)) == 2


def test_the_list_for_the_wall_says_who_holds_what_and_who_hears_of_it(school: Cast) -> None:
    """The same work, holders and escalation as the messages; first what nobody holds."""
    only(school, MATH_6A)
    day = BEFORE - timedelta(days=2)
    held = reminders.listed(school.actor("principal"), morning(day))
    teacher = school.actor("head_science").name
    [of_teacher] = [one for one in held if one.name == teacher]
    [item] = [one for one in of_teacher.items if "Toán" in one.what]
    assert (item.before, item.days_left, of_teacher.n_late) == (BEFORE, 2, 0) and not item.is_reminded
    late = reminders.listed(school.actor("clerk"), morning(BEFORE + timedelta(days=1)))
    [of_teacher] = [one for one in late if one.name == teacher]
    assert of_teacher.n_late >= 1 and of_teacher.items[0].days_left <= 0 and "Hiệu trưởng" in of_teacher.items[0].tells
    names = [one.name for one in late]
    assert names == sorted(names, key=lambda name: sort_key(name) if name else "")
    works = {work.what for work in held_work.unfinished(morning(day))}
    assert {one.what for holder in held for one in holder.items} == works
    for who in ("board", "math", "head_society", "it_officer"):
        with pytest.raises(NotAllowed):
            reminders.listed(school.actor(who), morning(day))


def test_the_list_opens_for_the_heads_and_the_office(school: Cast, client_of, monkeypatch: pytest.MonkeyPatch) -> None:
    only(school, MATH_6A)
    monkeypatch.setattr(clock, "now", lambda: morning(BEFORE + timedelta(days=1)))
    page = client_of("principal").get("/loi-nhac/danh-sach").get_data(as_text=True)
    assert "Danh sách nhắc việc" in page and "Toán" in page and "Hiệu trưởng" in page and "data-print" in page
    assert 'href="/loi-nhac/danh-sach"' in client_of("clerk").get("/tien-do").get_data(as_text=True)
    assert "/loi-nhac/danh-sach" not in client_of("board").get("/tien-do").get_data(as_text=True)


def test_a_reminder_tells_only_what_still_waits_with_the_days_left_today(
    school: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = ("6A", "SCI", 2)
    only(school, sheet)
    actor = school.actor("other")
    reminders.remind(SYSTEM, morning(BEFORE - timedelta(days=3)))
    reminders.remind(SYSTEM, morning(BEFORE - timedelta(days=1)))
    assert len(notices.waiting(school.people["other"])) == 2
    db.session.remove()
    (shown,) = shown_notices.shown(actor, morning(BEFORE + timedelta(days=9)))
    line = next(line for line in shown.lines if "6A, học kì II" in line)
    assert line.endswith(" 6A, học kì II: quá hạn 10 ngày (hạn cuối: hết ngày 19/05/2027)")
    assert shown.title.startswith(f"{len(shown.lines)} việc quá hạn") and shown.is_own_work
    set_state(school, sheet, "SUBMITTED")
    monkeypatch.setattr(shown_notices, "_HELD", KeptAnswers(1))  # no entry of the log says that this test handed it in
    left = shown_notices.shown(actor, morning(BEFORE + timedelta(days=9)))
    assert not any("6A, học kì II" in line for notice in left for line in notice.lines), "handed in since"


def test_a_line_is_followed_by_what_it_is_about_and_not_by_its_words(school: Cast) -> None:
    day = BEFORE - timedelta(days=2)
    principal, board = school.actor("principal"), school.actor("board")
    task_id = board_tasks.give(principal, "Kiểm kê 3 học sinh", board.person_id, day, morning(day))
    reminders.remind(SYSTEM, morning(day))
    board_tasks.give(
        principal,
        "Kiểm kê máy",
        board.person_id,
        day + timedelta(days=3),
        morning(day),
        task_id=task_id,
        expected_version=1,
    )
    by_title = {one.title: one.lines for one in shown_notices.shown(board, morning(day))}
    assert by_title["Việc của Ban quản lý Học bạ số"] == ("Kiểm kê 3 học sinh, hạn cuối: hết ngày 18/05/2027.",)
    assert any(line.startswith("Kiểm kê máy: còn 3 ngày (") for lines in by_title.values() for line in lines)
    board_tasks.finish(board, task_id, "Biên bản 1", 2, morning(day))
    left = [line for one in shown_notices.shown(board, morning(day)) for line in one.lines]
    assert not any("Kiểm kê" in line for line in left)


def test_of_two_questions_the_answered_one_is_no_longer_told(school: Cast) -> None:
    officer, other = school.actor("it_officer"), school.actor("other")
    day = morning(BEFORE)
    first = help_requests.ask(other, "Không thấy lớp của tôi", "/bang-diem/", day)
    help_requests.ask(other, "Ảnh không lên", "/hoc-sinh/", day)
    help_requests.move(officer, first, HelpVerb.ANSWER, "Xin chọn năm học.", 1, day)
    [told] = [one for one in shown_notices.shown(officer, day) if one.title == "Có thầy, cô cần giúp"]
    assert told.lines == ("Tô Vĩnh Phát hỏi về trang Học sinh.",)
    [answer] = shown_notices.shown(other, day)
    assert "trả lời câu hỏi về trang Bảng điểm" in answer.lines[0], "what nothing settles stands"


def test_what_was_told_before_keys_were_kept_is_shown_as_it_was_sent(school: Cast) -> None:
    only(school, ("6A", "SCI", 2))
    reminders.remind(SYSTEM, morning(BEFORE - timedelta(days=3)))
    with write_transaction() as session:
        session.execute(update(m.Notice).values(about=None))
    [notice] = notices.waiting(school.people["other"])
    [shown] = shown_notices.shown(school.actor("other"), morning(BEFORE + timedelta(days=9)))
    assert "\n".join(shown.lines) == notice.body and shown.title == notice.title and not shown.is_own_work
    day = BEFORE - timedelta(days=3)
    with write_transaction():
        notices.tell([school.people["other"]], "reminder", "", "Thêm", morning(day), about="x")
    assert [key for _line, key in notices.lines(notice)] == [None] * len(shown.lines) + ["x"]


def test_a_task_whose_holder_has_left_waits_for_whoever_gives_it(school: Cast) -> None:
    day = BEFORE - timedelta(days=2)
    board_tasks.give(school.actor("principal"), "Kiểm kê máy", school.people["board"], day, morning(day))
    held = {work.what: work.holders for work in held_work.unfinished(morning(day))}
    assert held["Kiểm kê máy"] == (school.people["board"],)
    with write_transaction() as session:
        person = session.get(m.Person, school.people["board"])
        assert person is not None
        person.left_on = day - timedelta(days=1)
    held = {work.what: work.holders for work in held_work.unfinished(morning(day))}
    assert held["Giao việc “Kiểm kê máy”"] == (school.people["principal"],) and "Kiểm kê máy" not in held
