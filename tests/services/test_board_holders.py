"""Who holds what on the board, in the reminders and on the principal's day; the day of each signing step; the forecast."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import current_app
from sqlalchemy import event, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.cli.simulation import reminder_watch
from hocbaso.cli.simulation.world import Person, World
from hocbaso.db import db, write_transaction
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.services import (
    blind_naming,
    class_moves,
    class_waits,
    dashboard,
    decisions,
    exemption_revocations,
    exemptions,
    held_work,
    readiness,
    readiness_steps,
    reminders,
    role_grants,
    signing,
    test_school_keys,
    transcript_moves,
    waiting_year,
)
from hocbaso.services.access import SYSTEM
from tests import databases
from tests.cast import NOW, PEOPLE, Cast, put_sheets
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
)
from tests.services.full_class import class_row, fill_homeroom, fill_scores, lock_class, move_sheets, seen_of
from tests.services.test_blind_checks import compare, ready, sheet_id, teach, type_all
from tests.services.test_exemptions_and_decisions import BINH, disabled, propose, subject_id

BEFORE = date(2027, 5, 20)
TODAY = clock.local_date(NOW)


def row_of(class_name: str = "9A", now: datetime = NOW) -> readiness.BoardRow:
    return next(row for row in readiness.board(SYSTEM, now).rows if row.name == class_name)


def lines(cast: Cast, step: int, class_name: str = "9A", now: datetime = NOW) -> list[readiness_steps.StepLine]:
    return list(readiness_steps.step_detail(SYSTEM, cast.classes[class_name], step, now).lines)


def held(cast: Cast, needle: str, now: datetime = NOW) -> dict[str, tuple[str, ...]]:
    key = {person: key for key, person in cast.people.items()}
    return {
        work.what: tuple(key[one] for one in work.holders) for work in held_work.unfinished(now) if needle in work.what
    }


# --- signing: pace, and since when ----------------------------------------------------------------------------------------


def test_each_signing_step_counts_on_its_day_and_waits_since_the_signature_before(built: Cast) -> None:
    start = NOW + timedelta(days=20)
    board = readiness.board(SYSTEM, start)
    left = board.n_left
    assert (board.done_last_week, board.forecast) == (0, None)
    assert row_of(now=start).holder == "cô Hà, ký 3 bản" and row_of(now=start).since == TODAY
    for n, (role, key, step) in enumerate(
        (("homeroom", "math", 6), ("principal", "principal", 7), ("seal", "clerk", 8))
    ):
        at = start + timedelta(days=n)
        signing.sign_class(built.actor(key), built.classes["9A"], role, test_school_keys.DEMO_PIN, at)
        board = readiness.board(SYSTEM, at)
        assert (board.n_left, board.done_last_week) == (left - n - 1, n + 1)
        assert board.forecast is not None
        points = {point.day: point.n_left for point in board.burn}
        assert points[clock.local_date(at)] == left - n - 1
        assert points[clock.local_date(at) - timedelta(days=1)] == left - n, "the line of yesterday stays where it was"
        if step < 8:
            row = row_of(now=at + timedelta(days=5))
            assert row.holder == ("cô Yến, ký 3 bản" if step == 6 else "cô Thoa (văn thư), đóng dấu 3 bản")
            assert row.since == clock.local_date(at)
            (line,) = lines(built, step + 1, now=at)
            assert line.since == clock.local_date(at) and line.holder in row.holder
    done = row_of(now=at + timedelta(days=5))
    assert (done.holder, done.since) == ("đã phát hành", clock.local_date(at))


def test_what_is_not_built_is_built_first_and_then_signed_as_the_list_of_work_says(built: Cast) -> None:
    record = db.session.scalars(select(m.TranscriptRecord)).first()
    assert record is not None
    transcript_moves.take_back(built.actor("principal"), record, "Ảnh chụp nhầm", NOW + timedelta(hours=1))
    assert row_of().holder == "cô Hà, lập 1 bản, ký 2 bản"
    assert set(held(built, "học bạ lớp 9A")) == {"Lập 1 học bạ lớp 9A", "Ký 2 học bạ lớp 9A (giáo viên chủ nhiệm)"}


def test_nobody_is_reminded_to_lock_what_cannot_be_locked_yet(school: Cast) -> None:
    fill_scores(school, "9A")
    for verb in (SheetVerb.SUBMIT, SheetVerb.REVIEW, SheetVerb.APPROVE):
        move_sheets(school, "9A", verb, codes=("MATH",))
    lock_1, lock_2 = "Khoá bảng điểm Toán 9A, học kì I", "Khoá bảng điểm Toán 9A, học kì II"
    assert set(held(school, "Khoá bảng điểm")) == {lock_1}, "semester II is open, and its other sheets are not approved"
    assert set(held(school, "Khoá bảng điểm", datetime(2027, 6, 1, 2, 0, tzinfo=UTC))) == {lock_1, lock_2}


def test_entry_that_is_whole_and_not_handed_in_has_the_day_of_its_last_result(school: Cast) -> None:
    before = readiness.board(SYSTEM, NOW)
    fill_scores(school, "9A")
    after = readiness.board(SYSTEM, NOW)
    assert (after.n_left, after.done_last_week) == (before.n_left - 1, before.done_last_week + 1)


# --- since when, of sheets -----------------------------------------------------------------------------------------------


def test_the_day_is_that_of_the_person_who_is_named(school: Cast) -> None:
    fill_scores(school, "9A")
    move_sheets(school, "9A", SheetVerb.SUBMIT, codes=("MATH", "SCI", "LIT"))
    with write_transaction() as session:
        for (name, code, _), one in school.sheets.items():
            if name == "9A" and code not in ("MATH", "SCI", "LIT"):
                session.get_one(m.ScoreSheet, one).state_at = NOW - timedelta(days=3)
            elif name == "9A" and code == "LIT":
                session.get_one(m.ScoreSheet, one).state_at = NOW - timedelta(days=9)
    row = row_of()
    assert row.holder == "cô Phát, 18 bảng điểm" and row.since == TODAY - timedelta(days=3)
    assert row_of("6A").since == TODAY, "the sheets were made today"
    with write_transaction() as session:
        for (name, *_), one in school.sheets.items():
            if name == "6A":
                session.get_one(m.ScoreSheet, one).state_at = NOW - timedelta(days=400)
    assert row_of("6A").since == date(2026, 9, 5), "nobody could type before the window opened"


def test_the_reviewer_and_the_delegate_are_named(school: Cast) -> None:
    fill_scores(school, "9A")
    move_sheets(school, "9A", SheetVerb.SUBMIT)
    # Literature is the head's own; the other sheets of the society group are reviewed by her, science by its head.
    assert row_of().holder == "cô Mận (tổ trưởng), soát 18 bảng điểm, và 2 người nữa"
    of = {line.what: line.holder for line in lines(school, 2)}
    assert of["Toán, học kì I"] == "cô Lâm (tổ trưởng)" and of["Ngữ văn, học kì I"] == "cô Bình (Phó Hiệu trưởng)"
    move_sheets(school, "9A", SheetVerb.REVIEW)
    assert row_of().holder == "cô Yến, duyệt 24 bảng điểm"
    role_grants.grant_role(
        school.actor("principal"),
        school.people["vice_principal"],
        Role.DELEGATE,
        school.now,
        scope_kind=GrantScope.SCHOOL,
        starts_on=TODAY,
        ends_on=date(2027, 5, 31),
        document="12/GUQ-THCS",
    )
    assert row_of().holder == "cô Yến hoặc cô Bình, duyệt 24 bảng điểm"
    assert {line.holder for line in lines(school, 3)} == {"cô Yến hoặc cô Bình"}


def test_a_check_from_the_papers_is_the_named_persons(school: Cast) -> None:
    ready(school, code="LOCAL", who="other")
    teach(school, "outsider")

    def told() -> tuple[str, str]:
        (line,) = [line for line in lines(school, 2) if line.path == f"/bang-diem/{sheet_id(school, 'LOCAL')}"]
        return line.missing, line.holder

    assert told() == ("đã nộp, chờ đối chiếu bài gốc", "cô Mận (tổ trưởng)")
    blind_naming.name_checker(
        school.actor("head_society"), sheet_id(school, "LOCAL"), school.people["outsider"], now=NOW
    )
    assert told() == ("đã nộp, chờ đối chiếu bài gốc", "cô Nghĩa")
    type_all(school, "outsider", "LOCAL")
    compare(school, "outsider", "LOCAL")
    assert told() == ("đã nộp, chờ soát", "cô Mận (tổ trưởng)")


# --- what the principal decides ------------------------------------------------------------------------------------------


def decide(cast: Cast, kind: str, outcome: str, term: str = "year") -> None:
    enrollment = cast.enrollments["9A", BINH]
    decisions.record_decision(cast.actor("principal"), enrollment, kind, outcome, "Đã xét.", term=term, now=NOW)


def test_what_the_principal_decides_waits_for_the_principal_and_for_nobody_else(school: Cast) -> None:
    disabled(school)
    fill_scores(school, "9A")
    fill_homeroom(school, "9A")
    principal, keeper = school.actor("principal"), school.actor("math")
    assert held(school, "Quyết định") == {}, "the results still move"
    assert [(one.holder, one.missing) for one in lines(school, 5) if "Hiệu trưởng quyết định" in one.what] == [
        ("cô Yến", "khi các bảng điểm đã khoá")
    ]
    n = dashboard.count_waiting(principal, NOW)
    lock_class(school, "9A")
    assert held(school, "9A") == {"Quyết định về 1 học sinh lớp 9A": ("principal",)}
    assert dashboard.count_waiting(principal, NOW) == n + 1
    (item,) = [one for one in dashboard.daily(principal, NOW).waiting if one.kind == "decision"]
    assert BINH in item.title and item.link == f"/lop/{school.classes['9A']}/hoc-sinh/{school.enrollments['9A', BINH]}"
    assert item.due_before == BEFORE and "kết luận cả năm" in item.oddities[0].why
    for who in (keeper, school.actor("vice_principal"), school.actor("clerk"), school.actor("it_officer"), SYSTEM):
        assert not [one for one in dashboard.daily(who, NOW).waiting if one.kind == "decision"]
    assert row_of().holder == "cô Yến, quyết định 1 việc" and row_of().since == TODAY
    (line,) = lines(school, 5)
    assert (line.holder, line.missing) == ("cô Yến", "")

    decide(school, "promotion", "COMPLETED")
    assert held(school, "9A") == {"Tổng kết và chốt lớp 9A": ("math",)}
    assert dashboard.count_waiting(principal, NOW) == n
    assert row_of().holder == "cô Hà, tổng kết lớp"
    (line,) = lines(school, 5)
    assert (line.holder, line.missing) == ("cô Hà", "đủ, chưa chốt")


def test_a_disability_that_is_told_after_the_class_was_finalised_is_the_principals(school: Cast) -> None:
    fill_scores(school, "9A")
    lock_class(school, "9A")
    fill_homeroom(school, "9A")
    row = class_row(school, "9A")
    class_moves.finalise(school.actor("math"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW)
    disabled(school)
    assert held(school, "Quyết định") == {"Quyết định về 1 học sinh lớp 9A": ("principal",)}


def test_the_councils_cases_of_article_9_3_are_the_principals_semester_by_semester(school: Cast) -> None:
    scored = ("LIT", "MATH", "FL1", "CIVICS", "HISTGEO", "SCI", "TECH", "ICT")
    values = dict(zip(scored, (65, 65, 65, 65, 65, 50, 50, 34), strict=True))
    fill_scores(school, "9A", {(BINH, code): value for code, value in values.items()})
    lock_class(school, "9A")
    for code in ("MATH", "LIT"):
        with write_transaction() as session:
            session.get_one(m.ScoreSheet, school.sheets["9A", code, 2]).state = "SUBMITTED"
    principal = school.actor("principal")
    (item,) = [one for one in dashboard.daily(principal, NOW).waiting if one.kind == "decision"]
    assert item.say == "1 việc" and "học kì I cần Hội đồng" in item.oddities[0].why, "semester II still moves"
    for code in ("MATH", "LIT"):
        with write_transaction() as session:
            session.get_one(m.ScoreSheet, school.sheets["9A", code, 2]).state = "LOCKED"
    fill_homeroom(school, "9A")
    (item,) = [one for one in dashboard.daily(principal, NOW).waiting if one.kind == "decision"]
    assert item.say == "3 việc" and held(school, "Tổng kết và chốt lớp 9A") == {}
    for term in ("1", "2", "year"):
        decide(school, "learning_level", "Đ", term)
    assert held(school, "9A") == {"Tổng kết và chốt lớp 9A": ("math",)}


def test_an_exemption_and_its_revocation_are_who_decides_them(school: Cast) -> None:
    line = propose(school)
    assert held(school, "miễn học") == {"Quyết định 1 đề nghị về miễn học lớp 9A": ("principal",)}
    (told,) = [one for one in lines(school, 5) if "miễn học" in one.what]
    assert (told.holder, told.since) == ("cô Yến", TODAY)
    exemptions.decide(school.actor("principal"), line.id, True, document="12/QĐ", now=NOW)
    assert held(school, "miễn học") == {}
    exemption_revocations.propose(school.actor("clerk"), line.id, "Đã khoẻ", now=NOW)
    assert held(school, "miễn học") == {"Quyết định 1 đề nghị về miễn học lớp 9A": ("principal",)}


def test_of_the_principals_own_proposal_the_vice_principal_decides(school: Cast) -> None:
    with write_transaction() as session:
        session.add(
            m.Exemption(
                enrollment_id=school.enrollments["9A", BINH],
                subject_id=subject_id("PE"),
                state="PROPOSED",
                reason="Bệnh tim.",
                proposed_by=school.accounts["principal"],
                proposed_at=NOW,
            )
        )
    assert held(school, "miễn học") == {"Quyết định 1 đề nghị về miễn học lớp 9A": ("vice_principal",)}
    (told,) = [one for one in lines(school, 5) if "miễn học" in one.what]
    assert told.holder == "cô Bình"


# --- the homeroom teacher ------------------------------------------------------------------------------------------------


def test_empty_fields_are_told_on_the_days_of_the_calendar_long_before_the_sheets_are_locked(school: Cast) -> None:
    for left in range(20, 0, -1):
        reminders.remind(
            SYSTEM, datetime.combine(BEFORE - timedelta(days=left), clock.local(NOW).time(), clock.SCHOOL_ZONE)
        )
    told = [
        (BEFORE - notice.day).days
        for notice in db.session.query(m.Notice).filter_by(person_id=school.people["math"])
        if "Ghi 35 ô rèn luyện, chuyên cần, nhận xét lớp 9A" in notice.body
    ]
    assert told == [14, 7, 3, 1]
    assert held(school, "Ghi 35 ô") == {
        f"Ghi 35 ô rèn luyện, chuyên cần, nhận xét lớp {name}": (keeper,)
        for name, keeper in (("6A", "head_society"), ("9A", "math"))
    }
    fill_homeroom(school, "9A", {BINH: {"remark": "", "conduct_2": None}})
    assert held(school, "ô rèn luyện, chuyên cần, nhận xét lớp 9A") == {
        "Ghi 2 ô rèn luyện, chuyên cần, nhận xét lớp 9A": ("math",)
    }
    assert held(school, "ô rèn luyện", datetime(2026, 12, 1, 2, tzinfo=clock.SCHOOL_ZONE)) == {}, (
        "not before semester II"
    )


def test_results_of_an_old_school_are_the_keepers_then_the_principals(school: Cast) -> None:
    with write_transaction() as session:
        session.get_one(m.Enrollment, school.enrollments["9A", BINH]).first_semester = 2
    assert held(school, "trường cũ") == {"Ghi kết quả ở trường cũ của 1 học sinh lớp 9A": ("math",)}
    with write_transaction() as session:
        for code in ("MATH", "LIT"):
            session.add(
                m.InheritedResult(
                    enrollment_id=school.enrollments["9A", BINH],
                    subject_id=subject_id(code),
                    semester=1,
                    tenths=80,
                    state="PROPOSED",
                    document="Bảng tổng hợp",
                    proposer_name="Trịnh Thu Hà",
                    proposed_by=school.accounts["math"],
                    proposed_at=NOW,
                )
            )
    assert held(school, "trường cũ") == {"Nhận kết quả ở trường cũ của 1 học sinh lớp 9A": ("principal",)}
    told = [(one.what, one.missing, one.holder) for one in lines(school, 5) if "trường cũ" in one.what]
    assert told == [("1 kết quả ở trường cũ", "chờ nhận", "cô Yến")]


def test_the_turn_of_the_year_is_held(school: Cast) -> None:
    august = datetime(2027, 8, 16, 2, tzinfo=clock.SCHOOL_ZONE)
    title = "Soạn kế hoạch chuyển sang năm học 2027–2028"
    assert held(school, "năm học 2027", august) == {title: ("clerk",)} and held(school, title) == {}
    year = db.session.get_one(m.SchoolYear, school.year_id)
    (work,) = waiting_year.turn_work(year, clock.local_date(august))
    assert (work.before, work.decides) == (date(2027, 9, 1), False)


# --- the judge of the simulated year -------------------------------------------------------------------------------------


@pytest.mark.skipif(databases.ON_POSTGRESQL, reason="the simulated year looks into an SQLite file")
def test_the_judge_of_the_simulated_year_finds_the_same_by_its_own_way(school: Cast) -> None:
    world = World(
        None, SimpleNamespace(database_file=current_app.config["HOCBASO"].instance / "hocbaso.sqlite"), "", ""
    )  # type: ignore[arg-type]
    world.principal, world.vice_principal = school.people["principal"], school.people["vice_principal"]
    world.clerk = school.people["clerk"]
    for key, (code, name, _) in PEOPLE.items():
        world.people[school.people[key]] = Person(school.people[key], school.accounts[key], code, name)
    world.heads = {school.groups["Tổ Tự nhiên"]: school.people["head_science"]}
    world.heads[school.groups["Tổ Xã hội"]] = school.people["head_society"]
    for name, keeper in (("6A", "head_society"), ("9A", "math")):
        world.classes[school.classes[name]] = (name, int(name[0]))
        world.people[school.people[keeper]].homeroom.append(school.classes[name])

    def agree(n: int | None = None) -> None:
        db.session.commit()
        for day in (TODAY, BEFORE - timedelta(days=7), BEFORE, date(2027, 8, 16)):
            now = datetime.combine(day, clock.local(NOW).time(), clock.SCHOOL_ZONE)
            program = sorted((work.holders, work.deadline.before) for work in held_work.unfinished(now))
            judge = sorted((tuple(sorted(work.holders)), work.before) for work in reminder_watch._waiting(world, day))
            assert [(tuple(sorted(who)), before) for who, before in program] == judge, day

    try:
        agree()
        disabled(school)
        line = propose(school)
        with write_transaction() as session:
            session.get_one(m.Enrollment, school.enrollments["6A", "Lê Đức Anh"]).first_semester = 2
        agree()
        exemptions.decide(school.actor("principal"), line.id, False, document=None, now=NOW)
        fill_scores(school, "9A")
        fill_homeroom(school, "9A")
        lock_class(school, "9A")
        agree()
        decide(school, "promotion", "COMPLETED")
        agree()
    finally:
        world.close()


def test_between_the_semesters_nobody_sums_up(school: Cast) -> None:
    """Semester I is locked, II has not opened: 0048 has the summing-up held once all sheets are locked, as the reminders do."""
    january, september = (datetime(*day, 3, tzinfo=UTC) for day in ((2027, 1, 10), (2026, 9, 2)))
    fill_scores(school, "9A")
    put_sheets([id for (name, _, term), id in school.sheets.items() if (name, term) == ("9A", 1)], "LOCKED")
    assert held(school, "9A", january) == {}
    row = row_of(now=january)
    assert (row.holder, row.since) == ("chưa tới ngày nhập điểm 19/01/2027", None)
    assert {one.holder for one in lines(school, 5, now=january) if "chưa khoá" in one.what} == {row.holder}
    assert row_of(now=september).holder == "chưa tới ngày nhập điểm 05/09/2026"


def test_what_a_teacher_proposed_on_a_day_is_asked_about_once(school: Cast) -> None:
    def n_statements() -> int:
        seen: list[str] = []

        def keep(_c: object, _cursor: object, statement: str, *_more: object) -> None:
            seen.append(statement)

        event.listen(db.engine, "before_cursor_execute", keep)
        try:
            class_waits.of_year(school.year_id, TODAY)
        finally:
            event.remove(db.engine, "before_cursor_execute", keep)
        return len(seen)

    names = [name for _class, name in school.enrollments if _class == "9A"]
    for name in names[:2]:
        exemptions.propose(
            school.actor("math"), school.enrollments["9A", name], subject_id("PE"), None, "Gãy chân", now=NOW, document="Giấy"
        )  # fmt: skip
    n = n_statements()
    for name in names[2:]:
        exemptions.propose(
            school.actor("math"), school.enrollments["9A", name], subject_id("PE"), None, "Gãy chân", now=NOW, document="Giấy"
        )  # fmt: skip
    assert n_statements() == n
    assert len(class_waits.of_year(school.year_id, TODAY)[school.classes["9A"]].asks) == len(names)
