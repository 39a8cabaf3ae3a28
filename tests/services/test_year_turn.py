"""Closing a year and opening the next: the plan, who may, what blocks, and four years in a row."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy import event, func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Incomplete, IntegrityFault, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations import year_turn as rules
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.terms import Promotion
from hocbaso.regulations.year_calendar import EntryWindow, YearDates
from hocbaso.services import (
    audit,
    audit_verify,
    dashboard,
    exemptions,
    held_work,
    homeroom,
    roster,
    untouched,
    year_turn,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.frozen_results import digest_of
from hocbaso.services.waiting_transcripts import replacing_items
from tests.cast import PASSWORD, STUDENTS, Cast
from tests.services.finished_year import class_named, finish_class, pupils_in

AUGUST = datetime(2027, 8, 20, 2, 0, tzinfo=UTC)
AN, ANH = STUDENTS["6A"][0], STUDENTS["6A"][2]
CHI = STUDENTS["9A"][2]


def finish_first_year(cast: Cast) -> None:
    """6A with An retained, 9A with Chi retained."""
    finish_class(cast.classes["6A"], datetime(2027, 5, 25, 2, 0, tzinfo=UTC), retained={AN})
    finish_class(cast.classes["9A"], datetime(2027, 5, 25, 2, 0, tzinfo=UTC), retained={CHI})


def turn(cast: Cast, now: datetime) -> year_turn.Turned:
    """The office sends the plan as it is, the principal approves it."""
    clerk, principal = cast.actor("clerk"), cast.actor("principal")
    year_turn.send(clerk, now, expected_version=year_turn.read(clerk, now).version)
    page = year_turn.read(principal, now)
    return year_turn.approve(principal, page.seal, now, expected_version=page.version)


@pytest.mark.parametrize(
    ("outcome", "grade", "to", "settled"),
    [
        (Promotion.PROMOTED, 6, 7, True),
        (Promotion.RETAINED, 8, 8, True),
        (Promotion.RETAINED, 9, 9, True),
        (Promotion.COMPLETED, 9, None, True),
        (Promotion.REASSESS, 7, None, False),
        (Promotion.DECISION_NEEDED, 7, None, False),
        (Promotion.PROMOTED, 9, None, False),
    ],
)
def test_where_a_conclusion_leads(outcome: Promotion, grade: int, to: int | None, settled: bool) -> None:
    assert rules.destination(outcome, grade) == rules.Destination(to, settled)


def test_dates_are_proposed_within_the_law() -> None:
    standing = YearDates(date(2026, 9, 5), date(2027, 5, 15), date(2027, 5, 21), date(2027, 5, 31), date(2027, 8, 31))
    dates = rules.proposed_dates(standing, 2028)
    assert dates == YearDates(
        date(2027, 9, 5), date(2028, 5, 15), date(2028, 5, 21), date(2028, 5, 31), date(2028, 8, 31)
    )
    held_open = EntryWindow(2, None, date(2027, 1, 19), date(2027, 8, 1))
    assert rules.proposed_windows((held_open,), dates) == (EntryWindow(2, None, date(2028, 1, 19), date(2028, 5, 14)),)
    leap = YearDates(date(2027, 9, 5), date(2028, 2, 29), date(2028, 5, 21), date(2028, 5, 31), date(2028, 8, 15))
    assert rules.proposed_dates(leap, 2029).data_complete_before == date(2029, 2, 28)


def test_what_blocks_is_listed_with_its_place(school: Cast) -> None:
    clerk = school.actor("clerk")
    early = datetime(2027, 5, 12, 2, 0, tzinfo=UTC)
    finish_class(school.classes["9A"], early, sealed=False)
    blocks = {(one.words, one.link) for one in year_turn.read(clerk, early).plan.blocks}
    assert blocks == {
        ("Năm học 2026–2027 kết thúc ngày 31/05/2027: chuyển từ ngày ấy.", "/nam-hoc"),
        ("Lớp 6A chưa được duyệt tổng kết.", f"/lop/{school.classes['6A']}"),
        ("Lớp 9A: 5 học bạ chưa đóng dấu.", f"/hoc-ba/lop/{school.classes['9A']}"),
    }
    with pytest.raises(Incomplete):
        year_turn.send(clerk, early, expected_version=0)
    assert db.session.scalar(select(func.count()).select_from(m.YearTurn)) == 0


def test_the_plan_is_edited_sent_and_carried_out_in_one_act(school: Cast) -> None:
    finish_first_year(school)
    clerk, principal = school.actor("clerk"), school.actor("principal")
    plan = year_turn.read(clerk, AUGUST).plan
    assert plan.blocks == () and (plan.from_label, plan.to_label) == ("2026-2027", "2027-2028")
    assert [plan.count(kind) for kind in ("up", "stay", "finished", "gone")] == [4, 2, 4, 0]
    assert [(one.name, one.n_pupils, one.n_untaught) for one in plan.classes] == [
        ("6A", 1, 0),
        ("7A", 4, 12),
        ("9A", 1, 0),
    ]
    assert any("7A: lấy môn và số tiết của lớp 6A" in words for words in plan.warnings)

    anh = next(one for one in plan.pupils if one.full_name == ANH)
    chi = next(one for one in plan.pupils if one.full_name == CHI)
    done = next(one for one in plan.pupils if one.from_class == "9A" and one.full_name != CHI)
    for person in ("principal", "math", "it_officer"):
        with pytest.raises((NotAllowed, NotFound)):
            year_turn.save(school.actor(person), AUGUST, expected_version=0, first_classes="6A")
    for wrong in ({anh.enrollment_id: "6A"}, {anh.enrollment_id: "9A"}, {done.enrollment_id: "9A"}):
        with pytest.raises(Invalid):
            year_turn.save(clerk, AUGUST, expected_version=0, pupils=wrong)
    with pytest.raises(Invalid):
        year_turn.save(clerk, AUGUST, expected_version=0, first_classes="6A, 7B")
    version = year_turn.save(
        clerk,
        AUGUST,
        expected_version=0,
        first_classes="6a, 6b",
        assignments="class",
        pupils={anh.enrollment_id: "-", chi.enrollment_id: "9A"},
    )
    with pytest.raises(Stale):
        year_turn.save(clerk, AUGUST, expected_version=0, first_classes="6A")
    with pytest.raises(WrongState):
        year_turn.approve(principal, "", AUGUST, expected_version=version)
    year_turn.send(clerk, AUGUST, expected_version=version)
    page = year_turn.read(principal, AUGUST)
    assert page.may_decide and not year_turn.read(clerk, AUGUST).may_decide
    for person in ("clerk", "vice_principal", "other"):
        with pytest.raises((NotAllowed, NotFound)):
            year_turn.approve(school.actor(person), page.seal, AUGUST, expected_version=page.version)
    with pytest.raises(Stale):
        year_turn.approve(principal, "0" * 32, AUGUST, expected_version=page.version)
    year_turn.send_back(principal, "Thêm lớp 6C", AUGUST, expected_version=page.version)
    back = year_turn.read(clerk, AUGUST)
    assert back.state is rules.TurnState.RETURNED and back.note == "Thêm lớp 6C"
    version = year_turn.save(clerk, AUGUST, expected_version=back.version, first_classes="6A, 6B, 6C")
    year_turn.send(clerk, AUGUST, expected_version=version)
    page = year_turn.read(principal, AUGUST)
    before = {row.id: row.register_no for row in db.session.scalars(select(m.Student))}
    turned = year_turn.approve(principal, page.seal, AUGUST, expected_version=page.version)
    assert (turned.label, turned.n_classes, turned.n_pupils) == ("2027-2028", 5, 5)

    year = roster.open_year()
    assert (year.label, year.starts_on, year.summer_freeze_on) == ("2027-2028", date(2027, 9, 5), date(2028, 8, 15))
    assert db.session.get(m.SchoolYear, school.year_id, populate_existing=True).state == "CLOSED"
    assert pupils_in("7A", "2027-2028") == set(STUDENTS["6A"]) - {AN, ANH}
    assert pupils_in("6A", "2027-2028") == {AN} and pupils_in("9A", "2027-2028") == {CHI}
    assert {row.id: row.register_no for row in db.session.scalars(select(m.Student))} == before
    taught = set(
        db.session.scalars(
            select(m.TeachingAssignment.person_id)
            .join(m.ClassSubject, m.ClassSubject.id == m.TeachingAssignment.class_subject_id)
            .where(m.ClassSubject.class_group_id == class_named("7A", "2027-2028").id)
        )
    )
    assert taught == {school.people[key] for key in ("head_science", "head_society", "other")}, "as in 6A"
    # The old year: read for ever, written no more.
    an = school.enrollments["6A", AN]
    with pytest.raises(WrongState):
        homeroom.save_field(
            school.actor("head_society"), an, "remark", "Khác", expected_version=1, op_id="op-12345678", now=AUGUST
        )
    with pytest.raises(WrongState):
        exemptions.propose(school.actor("head_society"), an, 1, None, "Ốm", now=AUGUST)
    with pytest.raises(WrongState):
        year_turn.approve(principal, page.seal, AUGUST, expected_version=0)
    for name in ("6A", "7A", "9A"):
        untouched.require_untouched(class_named(name, "2027-2028").id)
    assert audit_verify.verify().faults == []


def test_nobody_goes_up_by_what_was_written_behind_the_applications_back(school: Cast) -> None:
    finish_first_year(school)
    clerk, principal = school.actor("clerk"), school.actor("principal")
    year_turn.send(clerk, AUGUST, expected_version=0)
    row = db.session.scalars(
        select(m.FrozenResult).where(m.FrozenResult.enrollment_id == school.enrollments["6A", AN])
    ).one()
    forged = row.content.replace('"outcome":"RETAINED"', '"outcome":"PROMOTED"')
    assert forged != row.content
    row_id = row.id
    db.session.rollback()
    with db.engine.begin() as link:
        link.execute(
            m.FrozenResult.__table__.update()
            .where(m.FrozenResult.id == row_id)
            .values(content=forged, content_digest=digest_of(forged))
        )
    page = year_turn.read(principal, AUGUST)
    assert page.plan.count("up") == 5
    with pytest.raises(IntegrityFault):
        year_turn.approve(principal, page.seal, AUGUST, expected_version=page.version)
    assert roster.open_year().label == "2026-2027"
    assert db.session.scalar(select(func.count()).select_from(m.SchoolYear)) == 1


PAGES = ("/hom-nay", "/bang-diem/", "/hoc-sinh/", "/tien-do", "/nam-hoc", "/nam-hoc/chuyen", "/hoc-ba/", "/he")


def statements(app: Flask, now: datetime, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Statements a page of the principal takes, each opened for the second time."""
    monkeypatch.setattr(clock, "now", lambda: now)
    db.session.rollback()
    client = app.test_client()
    assert client.post("/dang-nhap", data={"username": "gv001", "password": PASSWORD}).status_code == 303
    found = {}
    seen: list[str] = []

    def keep(*args: object) -> None:
        seen.append(str(args[2]))

    for path in PAGES:
        assert client.get(path).status_code == 200, path
        seen.clear()
        event.listen(db.engine, "before_cursor_execute", keep)
        client.get(path)
        event.remove(db.engine, "before_cursor_execute", keep)
        found[path] = len(seen)
    return found


def test_four_years_in_a_row_and_no_page_grows(
    school: Cast, school_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anh comes through from 6A to the end; each year brings a new grade 6; pages take as many statements as after the first turn."""
    finish_first_year(school)
    turn(school, AUGUST)
    first: dict[str, int] = {}
    for year in (2027, 2028, 2029):
        label = f"{year}-{year + 1}"
        newcomers = [
            roster.NewStudent(
                "6A",
                {
                    "full_name": f"Phạm Gia {'Hân' if n else 'Huy'}",
                    "register_no": f"{year}{n}/THCS",
                    "birth_on": date(year - 11, 3, 1 + n),
                    "sex": "Nữ" if n else "Nam",
                },
            )
            for n in (0, 1)
        ]
        roster.enter_students(SYSTEM, roster.open_year(), newcomers, datetime(year, 9, 1, 2, 0, tzinfo=UTC))
        shown = statements(school_app, datetime(year, 10, 5, 2, 0, tzinfo=UTC), monkeypatch)
        if not first:
            first = shown
        # a class more a year until there are four grades; a page may take a few statements for each class of the open year
        n_classes = len(roster.classes_of_year(roster.open_year()))
        assert {path: n for path, n in shown.items() if n > first[path] + 4 * (n_classes - 3)} == {}, (label, first)
        for row in roster.classes_of_year(roster.open_year()):
            finish_class(row.id, datetime(year + 1, 5, 25, 2, 0, tzinfo=UTC))
        turned = turn(school, datetime(year + 1, 8, 20, 2, 0, tzinfo=UTC))
        assert turned.label == f"{year + 1}-{year + 2}"
    years = [
        (label, name)
        for label, name in db.session.execute(
            select(m.SchoolYear.label, m.ClassGroup.name)
            .join(m.ClassGroup, m.ClassGroup.school_year_id == m.SchoolYear.id)
            .join(m.Enrollment, m.Enrollment.class_group_id == m.ClassGroup.id)
            .join(m.Student, m.Student.id == m.Enrollment.student_id)
            .where(m.Student.full_name == ANH)
            .order_by(m.SchoolYear.label)
        )
    ]
    assert years == [("2026-2027", "6A"), ("2027-2028", "7A"), ("2028-2029", "8A"), ("2029-2030", "9A")]
    assert roster.open_year().label == "2030-2031"
    states = dict(db.session.execute(select(m.SchoolYear.label, m.SchoolYear.state)).all())
    assert [label for label, state in states.items() if state == "OPEN"] == ["2030-2031"] and len(states) == 5
    assert pupils_in("9A", "2030-2031") == {"Phạm Gia Huy", "Phạm Gia Hân", AN}, "An is a year behind"
    assert audit_verify.verify().faults == []


def test_a_class_that_nobody_goes_into_is_not_opened(school: Cast) -> None:
    finish_first_year(school)
    clerk = school.actor("clerk")
    an = school.enrollments["6A", AN]
    version = year_turn.save(clerk, AUGUST, expected_version=0, first_classes="6B, 6C")
    plan = year_turn.read(clerk, AUGUST).plan
    assert [(one.name, one.n_pupils) for one in plan.classes] == [("6A", 1), ("6B", 0), ("6C", 0), ("7A", 4), ("9A", 1)]
    year_turn.save(clerk, AUGUST, expected_version=version, pupils={an: "6B"})
    plan = year_turn.read(clerk, AUGUST).plan
    assert [(one.name, one.n_pupils) for one in plan.classes] == [("6B", 1), ("6C", 0), ("7A", 4), ("9A", 1)]
    assert "Không mở lớp 6A: không em nào vào lớp ấy." in plan.warnings
    [moved] = [one for one in plan.pupils if one.enrollment_id == an]
    assert moved.choices == ("6A", "6B", "6C"), "the way back stays open"


def test_classes_are_named_as_an_import_reads_them(school: Cast) -> None:
    finish_first_year(school)
    clerk = school.actor("clerk")
    year_turn.save(clerk, AUGUST, expected_version=0, first_classes="6/1, 6.2, 63", more_classes="7/1")
    names = {one.name for one in year_turn.read(clerk, AUGUST).plan.classes}
    assert {"6/1", "6.2", "63", "7/1"} <= names
    for wrong in ("7/1", "10/1", "6/12345", "khối 6"):
        with pytest.raises(Invalid, match="không phải là tên lớp 6"):
            year_turn.save(clerk, AUGUST, expected_version=1, first_classes=wrong)


def test_a_record_recalled_after_the_turn_waits_for_those_who_make_the_next(school: Cast) -> None:
    finish_first_year(school)
    turn(school, AUGUST)
    autumn = datetime(2027, 9, 20, 2, 0, tzinfo=UTC)
    assert replacing_items(school.actor("math"), autumn.date()) == []
    with write_transaction() as session:
        [record] = session.scalars(
            select(m.TranscriptRecord).where(m.TranscriptRecord.enrollment_id == school.enrollments["9A", CHI])
        )
        record.state, record.recalled_at = "RECALLED", autumn
        session.flush()
        audit.record(
            AuditTag.TRANSCRIPT_RECALLED, SYSTEM, autumn, target_kind="transcript_record", target_id=record.id,
            state=audit.states("transcript_record", [record]),
        )  # fmt: skip
    words = "Lập 1 học bạ lớp 9A năm học 2026–2027, thay bản đã thu hồi"
    for who in ("math", "clerk"):
        [item] = replacing_items(school.actor(who), autumn.date())
        assert (item.title, item.link) == (words, f"/hoc-ba/lop/{school.classes['9A']}")
        assert item.due_before == date(2027, 9, 28), "five working days, as an answer to a request"
        assert words in [one.title for one in dashboard.daily(school.actor(who), autumn).odd]
        assert (
            dashboard.count_waiting(school.actor(who), autumn) == dashboard.daily(school.actor(who), autumn).n_waiting
        )
    assert replacing_items(school.actor("head_society"), autumn.date()) == []
    [work] = [one for one in held_work.unfinished(autumn) if one.what == words]
    assert work.holders == (school.people["math"],)


def test_a_class_is_divided(school: Cast) -> None:
    finish_first_year(school)
    clerk, principal = school.actor("clerk"), school.actor("principal")
    anh = school.enrollments["6A", ANH]
    with pytest.raises(Invalid, match="không xếp vào lớp này được"):
        year_turn.save(clerk, AUGUST, expected_version=0, pupils={anh: "7B"})
    for wrong in ("6B", "10A", "7", "7b<b>", "x" * 5000, ",".join(f"7A{n}" for n in range(25))):
        with pytest.raises(Invalid) as refused:
            year_turn.save(clerk, AUGUST, expected_version=0, more_classes=wrong)
        assert refused.value.field == "more_classes"
    version = year_turn.save(clerk, AUGUST, expected_version=0, more_classes="7b")
    version = year_turn.save(clerk, AUGUST, expected_version=version, pupils={anh: "7B"})
    plan = year_turn.read(clerk, AUGUST).plan
    assert [(one.name, one.n_pupils, one.source) for one in plan.classes if one.grade_level == 7] == [
        ("7A", 3, "6A"),
        ("7B", 1, "6A"),
    ]
    year_turn.send(clerk, AUGUST, expected_version=version)
    page = year_turn.read(principal, AUGUST)
    year_turn.approve(principal, page.seal, AUGUST, expected_version=page.version)
    assert pupils_in("7B", "2027-2028") == {ANH} and len(pupils_in("7A", "2027-2028")) == 3
    untouched.require_untouched(class_named("7B", "2027-2028").id)
