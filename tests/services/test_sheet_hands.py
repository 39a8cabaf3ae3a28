"""Who typed a value that stands, or ever handed a sheet in, does not review it, whoever teaches it today."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from datetime import date

import pytest
from sqlalchemy import event, select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import NotAllowed
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.regulations.score_sheet_flow import SheetState, SheetVerb
from hocbaso.services import (
    bulk_acts,
    dashboard,
    held_work,
    progress,
    readiness,
    reminders,
    reviews,
    roster,
    score_entry,
    score_grid,
    sheet_access,
    sheet_hands,
)
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, STUDENTS, Cast, put_sheets
from tests.services.full_class import fill_scores

AN, BAO = STUDENTS["6A"][:2]
HANDED_OVER = date(2027, 5, 12)
REASON = r"đã nhập điểm đang có trong bảng này nên không tự soát.*Trần Quốc Bình"
ABOVE = ("head_science", "head_society", "vice_principal", "principal")


def sheet_id(school: Cast, semester: int = 2) -> int:
    return school.sheets["6A", "MATH", semester]


def type_cell(school: Cast, who: str, raw: str, column: str = "TX1", name: str = AN, semester: int = 2) -> None:
    enrollment = school.enrollments["6A", name]
    version = db.session.scalar(
        select(m.ScoreCell.version).where(
            m.ScoreCell.score_sheet_id == sheet_id(school, semester),
            m.ScoreCell.enrollment_id == enrollment,
            m.ScoreCell.column_key == column,
        )
    )
    score_entry.save_cell(
        school.actor(who),
        sheet_id(school, semester),
        enrollment,
        column,
        raw,
        expected_version=version or 0,
        op_id=None,
        now=NOW,
    )


def give(school: Cast, who: str) -> None:
    """Toán 6A to another teacher from today on."""
    roster.assign_teacher(SYSTEM, school.class_subjects["6A", "MATH"], school.people[who], NOW, starts_on=HANDED_OVER)


def hand_in(school: Cast, who: str) -> None:
    reviews.submit(school.actor(who), sheet_id(school), expected_version=version(school), now=NOW)


def version(school: Cast) -> int:
    return score_entry.read_head(sheet_id(school)).version


def state(school: Cast) -> SheetState:
    return score_entry.read_head(sheet_id(school)).state


def taken_over(school: Cast) -> None:
    """The head of the group typed one result of Toán 6A; then "math" took over and handed the sheet in."""
    fill_scores(school, "6A")
    type_cell(school, "head_science", "9,9")
    give(school, "math")
    hand_in(school, "math")


def without_deputy() -> None:
    with write_transaction() as session:
        session.execute(
            update(m.RoleGrant).where(m.RoleGrant.role == "vice_principal").values(ends_on=date(2027, 1, 1))
        )


def turn_of(school: Cast, verb: SheetVerb = SheetVerb.REVIEW) -> set[str]:
    """Who may review (approve) by the page; lists, day page, counts and bulk must say the same of each."""
    found = set()
    for who in ABOVE:
        actor = school.actor(who)
        try:
            offered = verb in score_grid.open_sheet(actor, sheet_id(school), NOW).verbs
        except sheet_access.NotFound:
            offered = False
        listed = {
            item.line.sheet_id for item in progress.my_sheets(actor, NOW) if item.waits and item.task == verb.value
        }
        daily = dashboard.daily(actor, NOW)
        shown = {item.link for item in (*daily.odd, *daily.plain) if item.verb == verb.value}
        assert (sheet_id(school) in listed) is offered, who
        assert (f"/bang-diem/{sheet_id(school)}" in shown) is offered, who
        assert daily.n_waiting == dashboard.count_waiting(actor, NOW), who
        if offered:
            found.add(who)
    return found


def reminded(school: Cast) -> set[str]:
    """Who is told on the eve of the deadline to review Toán 6A, as the one who holds it."""
    work = next(one for one in held_work.unfinished(NOW) if one.link == f"/bang-diem/{sheet_id(school)}")
    return {key for key, person in school.people.items() if person in work.holders}


def refused(school: Cast, who: str, match: str) -> None:
    before = version(school)
    with pytest.raises(NotAllowed, match=match):
        reviews.review(school.actor(who), sheet_id(school), expected_version=before, now=NOW)
    assert (version(school), state(school)) == (before, SheetState.SUBMITTED)


@contextmanager
def statements() -> Iterable[list[str]]:  # type: ignore[misc]
    seen: list[str] = []

    def keep(*args: object) -> None:
        seen.append(str(args[2]))

    event.listen(db.engine, "before_cursor_execute", keep)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", keep)


def test_a_head_who_typed_before_giving_the_class_away_does_not_review_it(school: Cast) -> None:
    taken_over(school)
    refused(school, "head_science", REASON)
    head = score_grid.open_sheet(school.actor("head_science"), sheet_id(school), NOW)
    assert head.verbs == () and "Người soát bảng này: Trần Quốc Bình." in head.head.kept_out
    assert turn_of(school) == reminded(school) == {"vice_principal"}
    assert score_grid.open_sheet(school.actor("vice_principal"), sheet_id(school), NOW).head.kept_out == ""
    done = reviews.review(school.actor("vice_principal"), sheet_id(school), expected_version=version(school), now=NOW)
    assert done.state is SheetState.REVIEWED
    assert score_grid.open_sheet(school.actor("head_science"), sheet_id(school), NOW).head.kept_out == ""


def test_a_head_without_a_hand_in_it_still_reviews(school: Cast) -> None:
    fill_scores(school, "6A")
    give(school, "math")  # the head taught the class, and typed nothing that stands
    hand_in(school, "math")
    assert turn_of(school) == reminded(school) == {"head_science"}


def test_the_head_is_not_told_of_a_review_that_is_not_the_heads(school: Cast) -> None:
    taken_over(school)
    evening = NOW.replace(day=17)  # three days before 20/5: the group head hears of what the group holds
    reminders.remind(SYSTEM, evening)
    told = {row.person_id: row.body for row in db.session.scalars(select(m.Notice))}
    assert "Soát bảng điểm Toán 6A, học kì II" in told[school.people["vice_principal"]]
    assert "Soát bảng điểm Toán 6A, học kì II" not in told.get(school.people["head_science"], "")


def test_the_second_head_of_the_group_comes_before_the_deputy(school: Cast) -> None:
    taken_over(school)
    roster.grant_role(
        SYSTEM,
        school.people["outsider"],
        Role.GROUP_HEAD,
        NOW,
        starts_on=date(2027, 5, 1),
        scope_kind=GrantScope.SUBJECT_GROUP,
        scope_id=school.groups["Tổ Tự nhiên"],
    )
    refused(school, "vice_principal", "Việc này của tổ trưởng")
    assert reviews.review(
        school.actor("outsider"), sheet_id(school), expected_version=version(school), now=NOW
    ).state is SheetState.REVIEWED  # fmt: skip


def test_a_deputy_who_typed_as_well_leaves_it_to_the_principal(school: Cast) -> None:
    fill_scores(school, "6A")
    type_cell(school, "head_science", "9,9")
    give(school, "vice_principal")
    type_cell(school, "vice_principal", "8,1", name=BAO)
    roster.assign_teacher(
        SYSTEM, school.class_subjects["6A", "MATH"], school.people["math"], NOW, starts_on=HANDED_OVER
    )
    hand_in(school, "math")
    refused(school, "vice_principal", "Đoàn Thị Hải Yến")
    refused(school, "head_science", "Đoàn Thị Hải Yến")
    assert turn_of(school) == reminded(school) == {"principal"}


def test_without_a_deputy_the_principal_is_told_and_reviews(school: Cast) -> None:
    taken_over(school)
    assert dashboard.count_waiting(school.actor("principal"), NOW) == 0
    without_deputy()
    assert dashboard.count_waiting(school.actor("principal"), NOW) == 1, "the remembered number follows the roles"
    assert turn_of(school) == reminded(school) == {"principal"}
    (row,) = [row for row in readiness.board_rows(NOW.date()) if row.name == "6A"]
    assert sheet_hands.reviews_of(progress.sheet_lines(NOW.date()), NOW.date())[sheet_id(school)].turn == "principals"
    assert row.holder  # the board is drawn whoever reviews
    assert reviews.review(
        school.actor("principal"), sheet_id(school), expected_version=version(school), now=NOW
    ).state is SheetState.REVIEWED  # fmt: skip


def test_where_everybody_has_a_hand_in_it_nobody_reviews_and_the_principal_is_told(school: Cast) -> None:
    fill_scores(school, "6A")
    type_cell(school, "head_science", "9,9")
    without_deputy()
    give(school, "principal")
    type_cell(school, "principal", "8,1", name=BAO)
    roster.assign_teacher(
        SYSTEM, school.class_subjects["6A", "MATH"], school.people["math"], NOW, starts_on=HANDED_OVER
    )
    hand_in(school, "math")
    refused(school, "head_science", "Chưa có ai soát được bảng này: xin Hiệu trưởng giao vai trò")
    refused(school, "principal", "Chưa có ai soát được bảng này")
    assert turn_of(school) == set() and reminded(school) == {"principal"}
    work = next(one for one in held_work.unfinished(NOW) if one.link.endswith(f"/{sheet_id(school)}"))
    assert work.what.startswith("Giao người soát bảng điểm Toán 6A")


def test_a_number_that_stands_no_more_keeps_nobody_out(school: Cast) -> None:
    fill_scores(school, "6A")
    type_cell(school, "head_science", "9,9")
    give(school, "math")
    type_cell(school, "math", "7,2")
    hand_in(school, "math")
    assert turn_of(school) == reminded(school) == {"head_science"}


def test_ones_own_number_put_back_by_another_keeps_one_out(school: Cast) -> None:
    fill_scores(school, "6A")
    type_cell(school, "head_science", "9,9")
    give(school, "math")
    type_cell(school, "math", "7,2")
    type_cell(school, "math", "9,9")
    hand_in(school, "math")
    assert turn_of(school) == {"vice_principal"}


@pytest.mark.parametrize(("raw", "column"), [("vp 18/05", "CK"), ("vk", "GK"), ("Học tốt, cần giữ đều.", "NX")])
def test_a_missed_paper_and_a_remark_are_work_too(school: Cast, raw: str, column: str) -> None:
    fill_scores(school, "6A")
    type_cell(school, "head_science", raw, column=column, name=BAO)
    give(school, "math")
    put_sheets([sheet_id(school)], "SUBMITTED")
    assert turn_of(school) == {"vice_principal"}


def test_a_cell_that_was_emptied_again_is_nobodys(school: Cast) -> None:
    fill_scores(school, "6A")
    type_cell(school, "head_science", "vp 18/05", column="CK")
    type_cell(school, "head_science", "", column="CK")
    give(school, "math")
    put_sheets([sheet_id(school)], "SUBMITTED")
    assert turn_of(school) == {"head_science"}


def test_who_ever_handed_it_in_does_not_review_it(school: Cast) -> None:
    fill_scores(school, "6A")
    hand_in(school, "head_science")
    reviews.return_(
        school.actor("vice_principal"),
        sheet_id(school),
        expected_version=version(school),
        now=NOW,
        note="Xem lại cột 1",
    )
    give(school, "math")
    hand_in(school, "math")
    refused(school, "head_science", "đã nộp bảng này nên không tự soát")
    assert turn_of(school) == reminded(school) == {"vice_principal"}


def test_bulk_review_skips_it_and_says_why(school: Cast) -> None:
    taken_over(school)
    fill_scores(school, "9A")
    put_sheets([school.sheets["9A", "MATH", 2]], "SUBMITTED")
    keys = [
        f"sheet-{one}-{score_entry.read_head(one).version}"
        for one in (sheet_id(school), school.sheets["9A", "MATH", 2])
    ]
    first, second = bulk_acts.act(school.actor("head_science"), "review", keys, now=NOW)
    assert not first.done and "đã nhập điểm đang có trong bảng này" in first.message
    assert second.done
    assert bulk_acts.act(school.actor("vice_principal"), "review", keys[:1], now=NOW)[0].done


def test_nobody_approves_by_delegation_over_their_own_numbers(school: Cast) -> None:
    fill_scores(school, "6A")
    give(school, "vice_principal")
    type_cell(school, "vice_principal", "9,9")
    roster.assign_teacher(
        SYSTEM, school.class_subjects["6A", "MATH"], school.people["math"], NOW, starts_on=HANDED_OVER
    )
    roster.grant_role(SYSTEM, school.people["vice_principal"], Role.DELEGATE, NOW, starts_on=HANDED_OVER)
    hand_in(school, "math")
    reviews.review(school.actor("head_science"), sheet_id(school), expected_version=version(school), now=NOW)
    assert turn_of(school, SheetVerb.APPROVE) == {"principal"}
    with pytest.raises(NotAllowed, match="không thay Hiệu trưởng"):
        reviews.approve(school.actor("vice_principal"), sheet_id(school), expected_version=version(school), now=NOW)
    assert "không thay Hiệu trưởng" in score_grid.open_sheet(
        school.actor("vice_principal"), sheet_id(school), NOW
    ).head.kept_out  # fmt: skip
    put_sheets([school.sheets["6A", "LIT", 2]], "REVIEWED")
    assert SheetVerb.APPROVE in score_grid.open_sheet(
        school.actor("vice_principal"), school.sheets["6A", "LIT", 2], NOW
    ).verbs  # fmt: skip


def test_a_sheet_that_nobody_teaches_is_reviewed_in_the_group_of_who_taught_it_last(school: Cast) -> None:
    fill_scores(school, "6A")
    with write_transaction() as session:
        session.execute(
            update(m.TeachingAssignment)
            .where(m.TeachingAssignment.class_subject_id == school.class_subjects["6A", "MATH"])
            .values(ends_on=date(2027, 5, 1))
        )
    reviews.submit(
        school.actor("principal"),
        sheet_id(school),
        expected_version=1,
        now=NOW,
        note="Thầy Lâm nghỉ, đã đối chiếu sổ gốc",
    )
    assert turn_of(school) == reminded(school) == {"head_science"}


def test_lists_cost_the_same_for_one_sheet_and_for_many(school: Cast) -> None:
    fill_scores(school, "6A")
    costs = []
    for n in (1, 12):
        put_sheets(
            [own for (name, _, term), own in list(school.sheets.items()) if (name, term) == ("6A", 2)][:n], "SUBMITTED"
        )
        actor = school.actor("vice_principal")
        with statements() as seen:
            progress.my_sheets(actor, NOW)
        costs.append(len(seen))
        with statements() as seen:
            sheet_hands.reviews_of(progress.sheet_lines(NOW.date()), NOW.date())
        costs.append(len(seen))
    assert costs[:2] == costs[2:]


def looks_for_hands(seen: list[str]) -> int:
    return sum("UNION ALL" in one and "score_cell_version" in one for one in seen)


@pytest.mark.parametrize("who", ["head_science", "math"])
def test_a_teachers_own_sheet_costs_nothing_more(school: Cast, who: str) -> None:
    """Also not for a head who teaches: whose own sheet it is needs no look at the versions."""
    own = sheet_id(school) if who == "head_science" else school.sheets["9A", "MATH", 2]
    student = ("6A", AN) if who == "head_science" else ("9A", STUDENTS["9A"][0])
    actor, plain = school.actor(who), school.actor("math")
    score_grid.open_sheet(actor, own, NOW)
    with statements() as seen:
        score_grid.open_sheet(actor, own, NOW)
        score_entry.save_cell(
            actor, own, school.enrollments[student], "TX1", "7", expected_version=0, op_id=None, now=NOW
        )
        progress.my_sheets(plain, NOW)
    assert len(seen) > 5 and looks_for_hands(seen) == 0
    with statements() as seen:
        score_grid.open_sheet(school.actor("principal"), own, NOW)
    assert looks_for_hands(seen) == 1, "once for whoever may have to review"
