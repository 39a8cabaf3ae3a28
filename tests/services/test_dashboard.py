"""What waits for whom, what is odd about it, bulk acts with one outcome each, and the board without scores."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta

import pytest

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.services import (
    bulk_acts,
    class_approval,
    class_page,
    dashboard,
    exemptions,
    happenings,
    progress,
    readiness,
    reviews,
    roster,
    transcript_overview,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.daily_items import LATE
from tests.cast import NOW, Cast
from tests.services.full_class import class_row, fill_homeroom, fill_scores, finalised, lock_class, move_sheets, seen_of


def sheet_key(cast: Cast, class_name: str, code: str, semester: int) -> str:
    sheet = db.session.get(m.ScoreSheet, cast.sheets[class_name, code, semester], populate_existing=True)
    return f"sheet-{sheet.id}-{sheet.version}"


def state_of(cast: Cast, class_name: str, code: str, semester: int) -> str:
    return db.session.get(m.ScoreSheet, cast.sheets[class_name, code, semester], populate_existing=True).state


def return_and_hand_in_again(cast: Cast, code: str) -> None:
    sheet_id = cast.sheets["6A", code, 2]
    for who, verb in (("principal", SheetVerb.RETURN), ("other", SheetVerb.SUBMIT), ("head_society", SheetVerb.REVIEW)):
        sheet = db.session.get(m.ScoreSheet, sheet_id, populate_existing=True)
        reviews.move(
            cast.actor(who),
            sheet_id,
            verb,
            expected_version=sheet.version,
            now=NOW,
            note="Xem lại cột giữa kì." if verb is SheetVerb.RETURN else None,
        )


def test_the_principal_sees_reviewed_sheets_odd_ones_first(school: Cast):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW)
    return_and_hand_in_again(school, "FL1")
    view = dashboard.daily(school.actor("principal"), NOW)
    assert (view.n_waiting, view.counts, view.bulk_verb) == (24, {"sheet": 24}, "approve")
    assert {item.title for item in view.plain}.isdisjoint({item.title for item in view.odd})
    odd = next(item for item in view.odd if item.title == "Ngoại ngữ 1 6A, học kì II")
    assert odd.oddities[0].kind == "Đã từng trả lại" and "Xem lại cột giữa kì." in odd.oddities[0].why
    late = next(item for item in view.odd if item.title == "Toán 6A, học kì I")
    assert late.oddities[0].kind == "Nộp muộn"  # semester I closed on 18/1
    assert view.reasons == ("Xem lại cột giữa kì.",)
    assert dashboard.count_waiting(school.actor("principal"), NOW) == 24


@pytest.mark.parametrize(
    ("who", "n"),
    [
        ("principal", 0),
        ("math", 5),
        ("head_society", 5),
        ("head_science", 2),
        ("it_officer", 1),  # no archive of the machine yet
        ("clerk", 0),
        ("board", 0),
        ("outsider", 0),
    ],
)
def test_each_sees_the_own_work_only(school: Cast, who: str, n: int):
    actor = school.actor(who)
    assert dashboard.daily(actor, NOW).n_waiting == dashboard.count_waiting(actor, NOW) == n


def test_accounts_to_open_wait_for_the_it_officer_alone(school: Cast):
    roster.create_person(SYSTEM, {"staff_code": "GV090", "full_name": "Lò Thị Mai"}, NOW)
    for who, n in (("it_officer", 2), ("principal", 0), ("clerk", 0)):  # and the machine
        actor = school.actor(who)
        assert dashboard.daily(actor, NOW).n_waiting == dashboard.count_waiting(actor, NOW) == n


def test_an_approved_class_waits_for_the_clerk_to_be_built(school: Cast):
    row = finalised(school)
    assert dashboard.count_waiting(school.actor("clerk"), NOW) == 0
    class_approval.approve_class(
        school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
    )
    view = dashboard.daily(school.actor("clerk"), NOW)
    assert [(item.verb, item.title) for item in view.plain] == [("build", "Lập 5 học bạ lớp 9A")]
    assert dashboard.count_waiting(school.actor("clerk"), NOW) == 1


def test_the_number_follows_what_moves(school: Cast):
    fill_scores(school, "6A")
    assert dashboard.count_waiting(school.actor("principal"), NOW) == 0
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH",))
    assert dashboard.count_waiting(school.actor("principal"), NOW) == 2
    exemptions.propose(
        school.actor("head_society"), school.enrollments["6A", "Trần Bảo An"], 9, None, "Gãy tay", now=NOW
    )
    assert dashboard.count_waiting(school.actor("principal"), NOW) == 3


def test_filters_narrow_the_list_and_keep_the_number(school: Cast):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "LIT"))
    actor = school.actor("principal")
    for chosen in ({"group_id": school.groups["Tổ Tự nhiên"]},):
        view = dashboard.daily(actor, NOW, **chosen)
        assert {item.title for item in (*view.odd, *view.plain)} == {"Toán 6A, học kì I", "Toán 6A, học kì II"}
        assert view.n_waiting == 4
    assert not dashboard.daily(actor, NOW, grade_level=9).plain
    assert not dashboard.daily(actor, NOW, class_name="9A").odd
    assert not dashboard.daily(actor, NOW, kind="class").plain


def test_what_is_late_stands_above_what_is_plain_and_what_is_ticked_in_bulk_stays(school: Cast):
    late = dashboard.daily(school.actor("math"), NOW + timedelta(days=30))
    assert late.plain == () and late.n_late == len(late.odd) > 0 and late.n_strange == 0
    assert {one.kind for item in late.odd for one in item.oddities} == {LATE}
    assert late.odd[0].oddities[-1].why.startswith("Hạn cuối là hết ngày ")
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW)
    ticked = dashboard.daily(school.actor("principal"), NOW + timedelta(days=30)).plain
    assert any(item.acts_here and item.days_left <= 0 for item in ticked)


def test_a_class_shows_what_is_odd_about_it(school: Cast):
    finalised(school, levels={("Nguyễn Bảo Châu", "LIT"): 49})
    item = next(item for item in dashboard.daily(school.actor("principal"), NOW).odd if item.kind == "class")
    year = [one for one in item.oddities if one.kind == "Nâng mức theo khoản 3" and "cả năm" in one.label]
    assert [(one.before, one.after) for one in year] == [("Đạt", "Khá")]
    assert "Ngữ văn 4,9" in year[0].why


def test_bulk_approval_skips_what_changed_and_says_so(school: Cast):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH", "LIT", "FL1"))
    keys = [sheet_key(school, "6A", code, 2) for code in ("MATH", "LIT", "FL1")]
    return_and_hand_in_again(school, "FL1")
    outcomes = bulk_acts.act(school.actor("principal"), "approve", keys, now=NOW)
    assert [(one.label, one.done) for one in outcomes] == [
        ("Toán 6A, học kì II", True),
        ("Ngữ văn 6A, học kì II", True),
        ("Ngoại ngữ 1 6A, học kì II", False),
    ]
    assert "đã đổi" in outcomes[2].message
    assert [state_of(school, "6A", code, 2) for code in ("MATH", "LIT", "FL1")] == ["APPROVED", "APPROVED", "REVIEWED"]


def test_a_second_click_does_nothing_twice(school: Cast):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH",))
    keys = [sheet_key(school, "6A", "MATH", 2)]
    assert bulk_acts.act(school.actor("principal"), "approve", keys, now=NOW)[0].done
    again = bulk_acts.act(school.actor("principal"), "approve", keys, now=NOW)[0]
    assert not again.done and again.message


@pytest.mark.parametrize("who", ["it_officer", "outsider", "board", "clerk", "other"])
def test_a_stranger_moves_nothing_and_learns_no_name(school: Cast, who: str):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH",))
    outcome = bulk_acts.act(school.actor(who), "approve", [sheet_key(school, "6A", "MATH", 2)], now=NOW)[0]
    assert not outcome.done and "Toán" not in outcome.label + outcome.message
    assert state_of(school, "6A", "MATH", 2) == "REVIEWED"


@pytest.mark.parametrize(
    ("verb", "keys", "note"),
    [
        ("approve", [], None),
        ("return", ["sheet-1-1"], " "),
        ("reopen", ["sheet-1-1"], None),
        ("approve", ["sheet-1"], None),
        ("approve", ["student-1-1"], None),
        ("approve", ["sheet--1-1"], None),
    ],
)
def test_requests_that_make_no_sense_are_refused(school: Cast, verb: str, keys: list[str], note: str | None):
    with pytest.raises(Invalid):
        bulk_acts.act(school.actor("principal"), verb, keys, now=NOW, note=note)


def test_sheets_and_classes_are_returned_with_one_reason(school: Cast):
    row = finalised(school)
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, codes=("MATH",))
    outcomes = bulk_acts.act(
        school.actor("principal"),
        "return",
        [f"class-{row.id}-{row.version}", sheet_key(school, "6A", "MATH", 1)],
        now=NOW,
        note="Xem lại.",
    )
    assert all(one.done for one in outcomes)
    assert class_row(school, "9A").state == "OPEN" and state_of(school, "6A", "MATH", 1) == "RETURNED"


def test_what_cannot_be_locked_yet_is_told_and_not_counted(school: Cast):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW, SheetVerb.APPROVE, codes=("MATH", "LIT"))
    principal = school.actor("principal")
    first = min(item.line.opens_on for item in progress.my_sheets(principal, NOW) if item.line.class_name == "6A")
    early = datetime.combine(first + timedelta(days=1), time(9), tzinfo=UTC)
    view = dashboard.daily(principal, early)
    assert (view.n_waiting, view.locks, dashboard.count_waiting(principal, early)) == (0, (), 0)
    assert len(view.held) == 4 and all("lớp 6A còn 10 bảng điểm chưa duyệt" in item.say for item in view.held)
    [outcome] = bulk_acts.act(principal, "lock", [view.held[0].key], now=early)
    assert not outcome.done and "còn 10 bảng điểm chưa duyệt" in outcome.message


def test_one_button_locks_what_is_approved(school: Cast):
    fill_scores(school, "9A")
    move_sheets(school, "9A", SheetVerb.SUBMIT, SheetVerb.REVIEW, SheetVerb.APPROVE)
    locks = dashboard.daily(school.actor("principal"), NOW).locks
    assert len(locks) == 24
    outcomes = bulk_acts.act(school.actor("principal"), "lock", [item.key for item in locks], now=NOW)
    assert all(one.done for one in outcomes)
    assert dashboard.daily(school.actor("principal"), NOW).locks == ()


def test_what_happened_is_told_without_scores_and_only_to_whom_it_concerns(school: Cast):
    fill_scores(school, "9A", {("Nguyễn Bảo Châu", "LIT"): 49})
    lock_class(school, "9A")
    fill_homeroom(school, "9A")
    principal = dashboard.daily(school.actor("principal"), NOW).happenings
    assert any(one.words.startswith("Trịnh Thu Hà nộp") for one in principal)
    assert not any(character in one.words for one in principal for character in ("8,5", "4,9"))
    assert happenings.since_yesterday(school.actor("it_officer"), NOW) == ()
    assert happenings.since_yesterday(school.actor("outsider"), NOW) == ()
    assert happenings.since_yesterday(school.actor("principal"), NOW + timedelta(days=3)) == ()
    assert not any(
        "9A" in one.words
        for one in happenings.since_yesterday(school.actor("head_science"), NOW)
        if "Ngữ văn" in one.words
    )


def test_acts_of_different_hours_are_told_apart_each_with_its_time(school: Cast):
    fill_scores(school, "6A")
    move_sheets(school, "6A", SheetVerb.SUBMIT, SheetVerb.REVIEW)
    keys = {code: sheet_key(school, "6A", code, 1) for code in ("LIT", "ICT", "TECH")}
    for minutes, codes in ((0, ("LIT", "TECH")), (200, ("ICT",))):
        for code in codes:
            sheet_id = school.sheets["6A", code, 1]
            reviews.move(
                school.actor("principal"),
                sheet_id,
                SheetVerb.APPROVE,
                expected_version=int(keys[code].rsplit("-", 1)[1]),
                now=NOW + timedelta(minutes=minutes),
            )
    later = NOW + timedelta(minutes=201)
    told = [one for one in happenings.since_yesterday(school.actor("principal"), later, 50) if " duyệt " in one.words]
    assert [one.at for one in told] == [NOW + timedelta(minutes=200), NOW]
    assert "nữa" not in told[0].words
    assert told[1].words.endswith("và 1 bảng điểm nữa")


def test_results_of_sheets_that_are_not_whole_count_as_begun(school: Cast):
    enrollment_id = next(i for (name, _who), i in school.enrollments.items() if name == "6A")
    empty = next(one for one in readiness.board_rows(NOW.date()) if one.name == "6A").cells[0]
    assert (empty.n_done, empty.begun, empty.heat, empty.words) == (0, 0, 0, "")
    with write_transaction() as session:
        session.add(
            m.ScoreCell(
                score_sheet_id=school.sheets["6A", "MATH", 1],
                enrollment_id=enrollment_id,
                column_key="TX1",
                tenths=80,
                origin="entered",
                updated_at=NOW,
            )
        )
    begun = next(one for one in readiness.board_rows(NOW.date()) if one.name == "6A").cells[0]
    assert (begun.n_done, begun.begun, begun.heat, begun.words) == (0, 1, 1, "1%")


def test_the_board_counts_steps_and_never_shows_a_score(school: Cast):
    row = finalised(school, levels={("Nguyễn Bảo Châu", "LIT"): 49})
    board = readiness.board(school.actor("board"), NOW)
    nine = next(one for one in board.rows if one.name == "9A")
    assert [cell.is_done for cell in nine.cells] == [True] * 5 + [False] * 4
    assert nine.cells[5].words == "chờ" and nine.holder == "cô Yến, duyệt tổng kết"
    six = next(one for one in board.rows if one.name == "6A")
    assert six.is_late and six.holder.startswith("cô Phát") and six.percent == 0
    said = repr(asdict(board))
    assert "8.5" not in said and "8,5" not in said and "Nguyễn Bảo Châu" not in said
    class_approval.approve_class(
        school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
    )
    nine = next(one for one in readiness.board(school.actor("board"), NOW).rows if one.name == "9A")
    assert nine.cells[5].is_done and nine.holder == "cô Hà, lập 5 bản"


@pytest.mark.parametrize("who", ["math", "it_officer", "outsider"])
def test_the_board_is_for_those_who_may_read_progress(school: Cast, who: str):
    with pytest.raises(NotAllowed):
        readiness.board(school.actor(who), NOW)


def test_an_approved_class_waits_for_its_transcripts(school: Cast):
    def waits() -> dict[str, str]:
        return {one.name: one.waits_for for one in transcript_overview.classes(school.actor("clerk"))}

    row = finalised(school)
    assert (waits()["6A"], waits()["9A"]) == ("Chờ chốt lớp", "Chờ duyệt tổng kết lớp")
    class_approval.approve_class(
        school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
    )
    items = dashboard.daily(school.actor("math"), NOW)
    assert [(item.verb, item.link) for item in items.plain if item.kind == "transcript"] == [
        ("build", f"/hoc-ba/lop/{row.id}")
    ]
    assert waits()["9A"] == "Chờ lập học bạ"
    assert class_page.class_page(school.actor("math"), row.id, NOW).can_edit is False
