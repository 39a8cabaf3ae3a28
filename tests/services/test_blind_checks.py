"""Đối chiếu bài gốc: drawn at handing in, typed without the first value by a second person, settled before the review."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, IntegrityFault, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations import blind_check
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.regulations.score_sheet_flow import SheetState, SheetVerb
from hocbaso.regulations.score_values import format_score
from hocbaso.regulations.terms import Promotion
from hocbaso.services import (
    audit,
    audit_verify,
    blind_naming,
    blind_typing,
    blind_view,
    bulk_acts,
    class_page,
    dashboard,
    exports,
    held_work,
    reminders,
    reviews,
    role_grants,
    roster,
    score_entry,
    score_file_download,
    score_grid,
    score_history,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.blind_typing import TypedResult
from tests.cast import NOW, STUDENTS, Cast
from tests.databases import Outside
from tests.services.full_class import fill_homeroom, fill_scores, move_sheets

BINH, CHAU = STUDENTS["9A"][:2]
REASON = "Đọc nhầm số 7 thành số 1 trên bài"


def sheet_id(school: Cast, code: str = "MATH") -> int:
    return school.sheets["9A", code, 2]


def policy(percent: int) -> None:
    """The principal's setting of the school year, with its entry."""
    with write_transaction() as session:
        year = session.scalars(select(m.SchoolYear)).one()
        year.spot_check_percent = percent
        session.flush()
        audit.record(
            AuditTag.YEAR_CHANGED,
            SYSTEM,
            NOW,
            target_kind="school_year",
            target_id=year.id,
            state=audit.states("school_year", [year]),
        )


def first_values(n: int = 5) -> list[tuple[int, int]]:
    """Midterm and final of each pupil: all different, so that a value names its cell."""
    return [(61 + 2 * place, 62 + 2 * place) for place in range(n)]


def fill(
    school: Cast, code: str = "MATH", changes: Mapping[tuple[str, str], score_entry.CellValue] | None = None
) -> None:
    """Every result of the sheet of 9A, semester II; ``changes`` by (pupil, column)."""
    head = score_entry.read_head(sheet_id(school, code))
    cells = []
    for place, name in enumerate(STUDENTS["9A"]):
        for column in score_grid.columns_of(head):
            midterm, final = first_values()[place]
            tenths = {"GK": midterm, "CK": final}.get(column.key, 55)
            value = score_entry.CellValue(tenths=tenths, origin="entered")
            if head.kind.value == "comment":
                value = score_entry.CellValue(mark="Đ", origin="entered")
            value = (changes or {}).get((name, column.key), value)
            cells.append((school.enrollments["9A", name], column.key, value, None))
    with write_transaction() as session:
        score_entry.write_cells(session, SYSTEM, head, cells, source="imported", now=NOW)


def hand_in(school: Cast, code: str = "MATH", who: str = "math", version: int = 1) -> None:
    reviews.submit(school.actor(who), sheet_id(school, code), expected_version=version, now=NOW)


def ready(school: Cast, percent: int = 100, code: str = "MATH", who: str = "math") -> None:
    """A sheet that was handed in under the policy."""
    policy(percent)
    fill(school, code)
    hand_in(school, code, who)


def rows(school: Cast, code: str = "MATH") -> list[m.BlindCheck]:
    return list(
        db.session.scalars(
            select(m.BlindCheck)
            .where(m.BlindCheck.score_sheet_id == sheet_id(school, code))
            .order_by(m.BlindCheck.id)
            .execution_options(populate_existing=True)
        )
    )


def version(school: Cast) -> int:
    return score_entry.read_head(sheet_id(school)).version


def page(school: Cast, who: str = "head_science", code: str = "MATH") -> blind_view.CheckPage:
    return blind_view.open_check(school.actor(who), sheet_id(school, code), NOW)


def in_sheet(school: Cast, row: m.BlindCheck) -> m.ScoreCell:
    return db.session.scalars(
        select(m.ScoreCell).where(
            m.ScoreCell.score_sheet_id == row.score_sheet_id,
            m.ScoreCell.enrollment_id == row.enrollment_id,
            m.ScoreCell.column_key == row.column_key,
        )
    ).one()


def text_of(school: Cast, row: m.BlindCheck) -> str:
    cell = in_sheet(school, row)
    return cell.mark or format_score(cell.tenths or 0)


def type_all(
    school: Cast, who: str = "head_science", code: str = "MATH", wrong: Mapping[tuple[str, str], str] | None = None
) -> None:
    """Type what the sheet holds, but for ``wrong``: (pupil, column) -> text, or "-" for a paper that is not there."""
    names = {enrollment: name for (_, name), enrollment in school.enrollments.items()}
    typed = []
    for line in page(school, who, code).asked:
        row = db.session.get(m.BlindCheck, line.id)
        assert row is not None
        text = (wrong or {}).get((names[row.enrollment_id], row.column_key), text_of(school, row))
        typed.append(TypedResult(line.id, "" if text == "-" else text, text == "-", line.version))
    kept = blind_typing.type_results(school.actor(who), sheet_id(school, code), typed, now=NOW)
    assert kept.troubles == {}


def compare(school: Cast, who: str = "head_science", code: str = "MATH") -> blind_typing.Compared:
    return blind_typing.compare(school.actor(who), sheet_id(school, code), now=NOW)


def review(school: Cast, who: str = "head_science", code: str = "MATH", version: int = 2) -> reviews.Moved:
    return reviews.review(school.actor(who), sheet_id(school, code), expected_version=version, now=NOW)


def entries(tag: str) -> list[dict]:
    found = db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.tag == tag).order_by(m.AuditEntry.seq))
    return [json.loads(entry.payload) for entry in found]


def teach(school: Cast, who: str, class_name: str = "6A", code: str = "PE") -> None:
    roster.assign_teacher(
        SYSTEM, school.class_subjects[class_name, code], school.people[who], NOW, starts_on=date(2026, 9, 5)
    )


# --- drawing ----------------------------------------------------------------------------------------------------------


def test_without_a_policy_nothing_is_drawn_and_the_review_goes_on(school: Cast) -> None:
    ready(school, percent=0)
    assert rows(school) == [] and entries("score:blind_check:drawn") == []
    assert review(school).state is SheetState.REVIEWED


@pytest.mark.parametrize(("percent", "n"), [(10, 1), (30, 3), (31, 4), (100, 10)])
def test_handing_in_draws_the_share_and_the_draw_can_be_repeated(school: Cast, percent: int, n: int) -> None:
    ready(school, percent)
    drawn = rows(school)
    assert len(drawn) == n and {row.column_key for row in drawn} <= {"GK", "CK"}
    [made] = db.session.scalars(select(m.BlindDraw)).all()
    places = [
        (int(pupil), column)
        for token in made.cells.split()
        for pupil, _, column in [token.split(":")[0].partition("-")]
    ]
    assert len(places) == 10
    again = blind_check.draw(made.seed, places, made.percent)
    assert set(again) == {(row.enrollment_id, row.column_key) for row in drawn}
    [entry] = entries("score:blind_check:drawn")
    assert entry["state"]["blind_draw"][str(made.id)]["seed"] == made.seed
    assert audit_verify.verify().ok


def test_two_sheets_have_two_seeds(school: Cast) -> None:
    ready(school)
    ready(school, code="SCI")
    seeds = db.session.scalars(select(m.BlindDraw.seed)).all()
    assert len(set(seeds)) == 2 and all(len(seed) == 32 for seed in seeds)


def test_who_missed_or_is_exempt_is_not_drawn(school: Cast) -> None:
    policy(100)
    fill(school, changes={(CHAU, "GK"): score_entry.CellValue(tenths=0, origin="missed_unexcused")})
    with write_transaction() as session:
        subject = session.scalar(select(m.Subject.id).where(m.Subject.code == "MATH"))
        session.add(
            m.Exemption(
                enrollment_id=school.enrollments["9A", BINH],
                subject_id=subject,
                semester=2,
                state="GRANTED",
                reason="x",
                proposed_by=school.accounts["principal"],
                proposed_at=NOW,
            )
        )
    hand_in(school)
    drawn = {(row.enrollment_id, row.column_key) for row in rows(school)}
    assert len(drawn) == 7
    assert (school.enrollments["9A", CHAU], "GK") not in drawn
    assert not any(pupil == school.enrollments["9A", BINH] for pupil, _ in drawn)


def test_handing_in_again_unchanged_draws_nothing_new(school: Cast) -> None:
    """Nobody takes a sheet back and hands it in again until the draw suits them."""
    ready(school, percent=30)
    before = [(row.id, row.state) for row in rows(school)]
    reviews.recall(school.actor("math"), sheet_id(school), expected_version=2, now=NOW)
    hand_in(school, version=3)
    assert [(row.id, row.state) for row in rows(school)] == before
    assert len(db.session.scalars(select(m.BlindDraw)).all()) == 1


def test_a_refused_hand_in_draws_nothing(school: Cast) -> None:
    policy(100)
    with pytest.raises(DomainError):
        hand_in(school)
    assert rows(school) == []


def test_a_sheet_handed_in_before_the_policy_is_drawn_when_it_is_reviewed(school: Cast) -> None:
    ready(school, percent=0)
    policy(20)
    with pytest.raises(WrongState, match="còn 2 ô chờ đối chiếu bài gốc"):
        review(school)
    assert len(rows(school)) == 2, "the refusal keeps the draw"
    with pytest.raises(WrongState):
        review(school)
    assert len(rows(school)) == 2


def test_the_policy_taken_away_lets_the_sheet_go(school: Cast) -> None:
    ready(school)
    policy(0)
    assert review(school).state is SheetState.REVIEWED


# --- who --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["it_officer", "clerk", "board", "outsider", "other", "head_society"])
def test_for_strangers_and_the_it_officer_the_check_does_not_exist(school: Cast, who: str) -> None:
    ready(school)
    actor = school.actor(who)
    for act in (
        lambda: page(school, who),
        lambda: blind_typing.type_results(actor, sheet_id(school), [], now=NOW),
        lambda: blind_typing.compare(actor, sheet_id(school), now=NOW),
        lambda: blind_typing.settle_misread(actor, sheet_id(school), 1, reason=REASON, expected_version=1, now=NOW),
        lambda: blind_naming.name_checker(actor, sheet_id(school), school.people["other"], now=NOW),
    ):
        with pytest.raises(NotFound):
            act()


@pytest.mark.parametrize("who", ["math", "vice_principal"])
def test_other_readers_of_the_sheet_are_refused(school: Cast, who: str) -> None:
    ready(school)
    with pytest.raises(NotAllowed):
        page(school, who)


def test_the_principal_names_but_does_not_type(school: Cast) -> None:
    ready(school)
    seen = page(school, "principal")
    assert not seen.may_type and seen.asked == ()
    with pytest.raises(NotAllowed):
        blind_typing.type_results(school.actor("principal"), sheet_id(school), [], now=NOW)


def typed_by(school: Cast, who: str, value: str) -> None:
    """The first pupil's final result, typed by somebody who teaches the class for that moment."""
    actor = replace(
        school.actor(who),
        teaching=frozenset({school.class_subjects["9A", "MATH"]}),
        permissions=frozenset(Permission),
    )
    enrollment = school.enrollments["9A", BINH]
    cell = db.session.scalars(
        select(m.ScoreCell).where(m.ScoreCell.enrollment_id == enrollment, m.ScoreCell.column_key == "CK")
        .where(m.ScoreCell.score_sheet_id == sheet_id(school)).execution_options(populate_existing=True)
    ).one()  # fmt: skip
    score_entry.save_cell(
        actor, sheet_id(school), enrollment, "CK", value, expected_version=cell.version, op_id=None, now=NOW
    )


def test_a_reviewer_who_once_typed_a_final_result_is_no_second_person(school: Cast) -> None:
    policy(100)
    fill(school)
    typed_by(school, "head_science", "4,5")
    typed_by(school, "math", "6,2")  # the head's number stands no more: the head reviews, and names somebody to type
    hand_in(school)
    assert not page(school).may_type and page(school).asked == ()
    with pytest.raises(NotAllowed):
        blind_typing.type_results(school.actor("head_science"), sheet_id(school), [], now=NOW)


def test_a_head_whose_number_stands_gives_the_check_to_the_next_in_line(school: Cast) -> None:
    policy(100)
    fill(school)
    typed_by(school, "head_science", "4,5")
    hand_in(school)
    with pytest.raises(NotAllowed, match=r"đã nhập điểm đang có trong bảng này nên không tự soát.*Trần Quốc Bình"):
        page(school)
    deputy = page(school, "vice_principal")
    assert deputy.may_type and len(deputy.asked) == 10
    assert "Vũ Đình Lâm" not in [one.name for one in deputy.candidates]
    assert score_grid.open_sheet(school.actor("vice_principal"), sheet_id(school), NOW).is_blind
    assert not score_grid.open_sheet(school.actor("head_science"), sheet_id(school), NOW).is_blind, "knows them already"
    reminders.remind(SYSTEM, NOW)
    told = {row.person_id: row.body for row in db.session.scalars(select(m.Notice))}
    assert "Đối chiếu bài gốc bảng điểm Toán 9A, học kì II" in told[school.people["vice_principal"]]
    assert "Toán 9A, học kì II" not in told.get(school.people["head_science"], "")


def test_a_named_colleague_types_in_the_heads_place_without_reading_the_sheet(school: Cast) -> None:
    ready(school, code="LOCAL", who="other")
    teach(school, "outsider")
    head = page(school, "head_society", "LOCAL")
    assert [one.name for one in head.candidates] == ["Cao Xuân Nghĩa"], (
        "the group, but its head, its typist and who teaches nothing"
    )
    with pytest.raises(NotFound):
        page(school, "outsider", "LOCAL")
    name = blind_naming.name_checker(
        school.actor("head_society"), sheet_id(school, "LOCAL"), school.people["outsider"], now=NOW
    )
    assert name == "Cao Xuân Nghĩa" and len(entries("score:blind_checker:named")) == 1
    blind_naming.name_checker(
        school.actor("head_society"), sheet_id(school, "LOCAL"), school.people["outsider"], now=NOW
    )
    assert len(entries("score:blind_checker:named")) == 1, "the second click writes nothing"
    assert page(school, "head_society", "LOCAL").asked == ()
    assert len(page(school, "outsider", "LOCAL").asked) == 10
    with pytest.raises(NotFound):
        score_grid.open_sheet(school.actor("outsider"), sheet_id(school, "LOCAL"), NOW)
    with pytest.raises(NotAllowed, match="Cao Xuân Nghĩa"):
        blind_typing.compare(school.actor("head_society"), sheet_id(school, "LOCAL"), now=NOW)
    type_all(school, "outsider", "LOCAL")
    assert compare(school, "outsider", "LOCAL").n_same == 10
    assert review(school, "head_society", "LOCAL").state is SheetState.REVIEWED
    assert audit_verify.verify().ok


def test_the_head_takes_the_check_back(school: Cast) -> None:
    ready(school, code="LOCAL", who="other")
    teach(school, "outsider")
    sheet, head = sheet_id(school, "LOCAL"), school.actor("head_society")
    blind_naming.name_checker(head, sheet, school.people["outsider"], now=NOW)
    blind_naming.name_checker(head, sheet, school.people["head_society"], now=NOW)
    assert len(page(school, "head_society", "LOCAL").asked) == 10
    with pytest.raises(NotFound):
        page(school, "outsider", "LOCAL")


def test_who_types_from_the_papers_cannot_export_the_first_values_beside_it(school: Cast) -> None:
    ready(school)
    role_grants.grant_role(school.actor("principal"), school.people["head_science"], Role.VICE_PRINCIPAL, NOW)
    with pytest.raises(NotAllowed, match="đối chiếu bài gốc"):
        exports.export(school.actor("head_science"), "scores", NOW, form="jsonl", class_name="9A")
    for person in ("vice_principal", "math"):  # who checks nothing, and who typed them
        assert exports.export(school.actor(person), "scores", NOW, form="jsonl", class_name="9A").n_rows
    school_file = exports.export(school.actor("head_science"), "scores", NOW, form="jsonl", class_name="6A")
    assert school_file.n_rows


@pytest.mark.parametrize("way", ["recall", "return"])
def test_taking_a_sheet_back_does_not_tell_what_is_drawn_of_it(school: Cast, way: str) -> None:
    """The seed of an open draw would let its teacher work out the drawn cells and mend only those."""
    ready(school, percent=20)
    type_all(school)
    blind_typing.compare(school.actor("head_science"), sheet_id(school), now=NOW)
    first_round = blind_view.record_of(score_entry.read_head(sheet_id(school)))
    assert len(first_round.draws) == 1 and first_round.lines
    reviews.recall(school.actor("math"), sheet_id(school), expected_version=version(school), now=NOW)
    drawn = {(row.enrollment_id, row.column_key) for row in rows(school)}
    head = score_entry.read_head(sheet_id(school))
    others = [
        (school.enrollments["9A", name], column, score_entry.CellValue(tenths=99, origin="entered"), None)
        for name in STUDENTS["9A"]
        for column in ("GK", "CK")
        if (school.enrollments["9A", name], column) not in drawn
    ]
    with write_transaction() as session:
        score_entry.write_cells(session, school.actor("math"), head, others, source="typed", now=NOW)
    hand_in(school, version=version(school))
    if way == "recall":
        reviews.recall(school.actor("math"), sheet_id(school), expected_version=version(school), now=NOW)
    else:
        reviews.return_(
            school.actor("head_science"), sheet_id(school), expected_version=version(school), note="Xem lại", now=NOW
        )
    for person in ("math", "head_science"):
        told = blind_view.record_of(score_grid.open_sheet(school.actor(person), sheet_id(school), NOW).head)
        assert [draw.seed for draw in told.draws] == [first_round.draws[0].seed], "the open draw keeps its seed"
        assert told.lines == ()


@pytest.mark.parametrize("who", ["other", "math", "it_officer", "board", "clerk", "principal"])
def test_who_cannot_be_named(school: Cast, who: str) -> None:
    """The typist, other groups, the IT officer, who teaches nothing, the office, the principal."""
    ready(school, code="LOCAL", who="other")
    with pytest.raises(Invalid):
        blind_naming.name_checker(school.actor("head_society"), sheet_id(school, "LOCAL"), school.people[who], now=NOW)


def test_a_group_with_nobody_left_borrows_the_vice_principal(school: Cast) -> None:
    ready(school)
    assert [one.name for one in page(school).candidates] == ["Trần Quốc Bình"]
    assert [one.name for one in page(school, "principal").candidates] == ["Vũ Đình Lâm"]


def test_an_it_officer_who_also_teaches_is_never_named(school: Cast) -> None:
    ready(school)
    teach(school, "it_officer")
    assert "Ngô Văn Quý" not in [one.name for one in page(school, "principal").candidates]


def test_a_named_person_who_becomes_it_officer_loses_the_check(school: Cast) -> None:
    ready(school, code="LOCAL", who="other")
    teach(school, "outsider")
    blind_naming.name_checker(
        school.actor("head_society"), sheet_id(school, "LOCAL"), school.people["outsider"], now=NOW
    )
    roster.grant_role(
        SYSTEM,
        school.people["outsider"],
        Role.IT_OFFICER,
        NOW,
        starts_on=date(2026, 9, 5),
        scope_kind=GrantScope.SCHOOL,
        scope_id=None,
    )
    with pytest.raises(NotFound):
        page(school, "outsider", "LOCAL")


# --- typing, comparing, settling --------------------------------------------------------------------------------------


def test_everything_agrees_and_the_sheet_goes_on_with_its_record(school: Cast) -> None:
    ready(school)
    with pytest.raises(WrongState, match="còn 10 ô chờ đối chiếu"):
        review(school)
    type_all(school)
    with pytest.raises(WrongState, match="còn 10 ô"):
        review(school)
    assert compare(school) == compare(school) == blind_typing.Compared("Toán 9A, học kì II", 10, 0)
    assert len(entries("score:blind_check:compared")) == 1
    assert review(school).state is SheetState.REVIEWED
    reviews.approve(school.actor("principal"), sheet_id(school), expected_version=3, now=NOW)
    view = score_grid.open_sheet(school.actor("principal"), sheet_id(school), NOW)
    record = blind_view.record_of(view.head)
    assert (record.phase, record.n_same, len(record.lines), record.by_names) == ("done", 10, 10, ("Vũ Đình Lâm",))
    assert record.draws[0].percent == 100 and len(record.draws[0].seed) == 32
    assert audit_verify.verify().ok


def test_a_misread_paper_is_settled_in_words(school: Cast) -> None:
    ready(school)
    type_all(school, wrong={(CHAU, "GK"): "1,3"})
    assert compare(school).n_different == 1
    with pytest.raises(WrongState, match="1 ô lệch với bài gốc"):
        review(school)
    [line] = [line for line in page(school).record.lines if line.state == "DIFFERENT"]
    assert (line.student_name, line.first, line.second) == (CHAU, "6,3", "1,3")
    head, sheet = school.actor("head_science"), sheet_id(school)
    with pytest.raises(Invalid):
        blind_typing.settle_misread(head, sheet, line.id, reason="nhầm", expected_version=line.version, now=NOW)
    with pytest.raises(Stale):
        blind_typing.settle_misread(head, sheet, line.id, reason=REASON, expected_version=line.version - 1, now=NOW)
    for _ in range(2):
        blind_typing.settle_misread(head, sheet, line.id, reason=REASON, expected_version=line.version, now=NOW)
    [entry] = entries("score:blind_check:settled")
    assert entry["note"] == REASON and str(line.id) in entry["state"]["blind_check"]
    assert review(school).state is SheetState.REVIEWED
    items = [item for item in dashboard.daily(school.actor("principal"), NOW).odd if item.verb == "approve"]
    assert REASON in items[0].oddities[-1].why, "whoever approves reads it"
    assert audit_verify.verify().ok


def test_a_wrong_cell_goes_back_is_corrected_and_asked_again_alone(school: Cast) -> None:
    ready(school)
    type_all(school, wrong={(CHAU, "GK"): "7,7"})
    compare(school)
    reviews.return_(school.actor("head_science"), sheet_id(school), expected_version=2, note="Xem lại bài", now=NOW)
    told = blind_view.record_of(score_grid.open_sheet(school.actor("math"), sheet_id(school), NOW).head)
    assert [(line.student_name, line.first, line.second) for line in told.telling] == [(CHAU, "6,3", "7,7")]
    score_entry.save_cell(
        school.actor("math"),
        sheet_id(school),
        school.enrollments["9A", CHAU],
        "GK",
        "7,7",
        expected_version=1,
        op_id=None,
        now=NOW,
    )
    hand_in(school, version=3)
    states = sorted((row.state, row.column_key) for row in rows(school) if row.state != "SAME")
    assert states == [("VOID", "GK"), ("WAITING", "GK")]
    asked = page(school)
    assert [line.student_name for line in asked.asked] == [CHAU] and asked.record.lines == ()
    with pytest.raises(WrongState, match="còn 1 ô"):
        review(school, version=4)
    type_all(school)
    assert compare(school) == blind_typing.Compared("Toán 9A, học kì II", 10, 0)
    assert review(school, version=4).state is SheetState.REVIEWED
    record = blind_view.record_of(score_grid.open_sheet(school.actor("principal"), sheet_id(school), NOW).head)
    assert [(line.state, line.first, line.second) for line in record.telling] == [("VOID", "6,3", "7,7")]
    assert audit_verify.verify().ok


def test_a_cell_that_was_not_drawn_and_changed_stands_in_the_next_draw(school: Cast) -> None:
    ready(school, percent=10)
    [drawn] = rows(school)
    reviews.return_(school.actor("head_science"), sheet_id(school), expected_version=2, note="Xem lại", now=NOW)
    name = CHAU if drawn.enrollment_id != school.enrollments["9A", CHAU] else BINH
    score_entry.save_cell(
        school.actor("math"), sheet_id(school), school.enrollments["9A", name], "CK", "9,9",
        expected_version=1, op_id=None, now=NOW,
    )  # fmt: skip
    hand_in(school, version=3)
    again = [row for row in rows(school) if row.id != drawn.id]
    assert [(row.enrollment_id, row.column_key, row.cell_version) for row in again] == [
        (school.enrollments["9A", name], "CK", 2)
    ]
    assert [row.state for row in rows(school)] == ["WAITING", "WAITING"]


def test_a_returned_sheet_that_comes_back_unchanged_still_differs(school: Cast) -> None:
    ready(school)
    type_all(school, wrong={(CHAU, "GK"): "-"})
    compare(school)
    assert page(school).record.telling[0].second == "không thấy bài"
    reviews.return_(school.actor("head_science"), sheet_id(school), expected_version=2, note="Xem lại", now=NOW)
    hand_in(school, version=3)
    with pytest.raises(WrongState, match="1 ô lệch"):
        review(school, version=4)


def test_a_pupil_who_left_is_not_asked_for_any_more(school: Cast) -> None:
    ready(school)
    type_all(school, wrong={(CHAU, "GK"): "1", (CHAU, "CK"): "1"})
    compare(school)
    with write_transaction() as session:
        session.execute(
            update(m.Enrollment)
            .where(m.Enrollment.id == school.enrollments["9A", CHAU])
            .values(status="transferred_out")
        )
    assert page(school).record.phase == "done"
    assert not any(item.verb == "check" for item in dashboard.daily(school.actor("head_science"), NOW).plain)
    assert review(school).state is SheetState.REVIEWED


def test_comment_subjects_are_checked_alike(school: Cast) -> None:
    ready(school, code="LOCAL", who="other")
    type_all(school, "head_society", "LOCAL", wrong={(BINH, "CK"): "cđ"})
    done = compare(school, "head_society", "LOCAL")
    assert (done.n_same, done.n_different) == (9, 1)
    [line] = page(school, "head_society", "LOCAL").record.telling
    assert (line.first, line.second) == ("Đ", "CĐ")


def test_texts_that_cannot_be_read_are_refused_alone(school: Cast) -> None:
    ready(school)
    lines = page(school).asked
    typed = [
        TypedResult(line.id, text, False, line.version)
        for line, text in zip(lines, ["8,55", "101", "=1+1", "85", "8,5", "<b>", "10", "", "٣", "8"], strict=True)
    ]
    kept = blind_typing.type_results(school.actor("head_science"), sheet_id(school), typed, now=NOW)
    by_text = {one.check_id: one.raw for one in typed}
    assert {by_text[key] for key in kept.troubles} == {"8,55", "101", "=1+1", "<b>", "٣"}
    assert {by_text[key]: shown for key, shown in kept.read_as.items()} == {"85": "8,5"}
    assert sorted(row.second_tenths for row in rows(school) if row.state == "TYPED") == [80, 85, 85, 100]
    with pytest.raises(WrongState, match="Còn 6 ô chưa gõ"):
        compare(school)


def test_typing_the_same_again_writes_nothing_and_an_empty_text_takes_it_back(school: Cast) -> None:
    ready(school)
    type_all(school)
    assert len(entries("score:blind_check:typed")) == 1
    type_all(school)
    assert len(entries("score:blind_check:typed")) == 1
    line = page(school).asked[0]
    blind_typing.type_results(
        school.actor("head_science"), sheet_id(school), [TypedResult(line.id, " ", False, line.version)], now=NOW
    )
    assert page(school).n_left == 1


def test_two_people_on_one_result_the_later_one_is_told(school: Cast) -> None:
    ready(school)
    line = page(school).asked[0]
    head, sheet = school.actor("head_science"), sheet_id(school)
    blind_typing.type_results(head, sheet, [TypedResult(line.id, "8", False, line.version)], now=NOW)
    kept = blind_typing.type_results(head, sheet, [TypedResult(line.id, "3", False, line.version)], now=NOW)
    assert "vừa gõ" in kept.troubles[line.id]
    assert page(school).asked[0].second == "8,0"


def test_a_result_of_another_sheet_or_a_compared_one_is_not_typed(school: Cast) -> None:
    ready(school)
    ready(school, code="SCI")
    foreign = rows(school, "SCI")[0]
    head, sheet = school.actor("head_science"), sheet_id(school)
    with pytest.raises(NotFound):
        blind_typing.type_results(head, sheet, [TypedResult(foreign.id, "8", False, 1)], now=NOW)
    type_all(school)
    compare(school)
    own = rows(school)[0]
    with pytest.raises(NotFound):
        blind_typing.type_results(head, sheet, [TypedResult(own.id, "8", False, own.version)], now=NOW)
    with pytest.raises(NotFound):
        blind_typing.settle_misread(head, sheet, foreign.id, reason=REASON, expected_version=1, now=NOW)


def test_nothing_is_typed_while_the_sheet_is_with_its_teacher(school: Cast) -> None:
    ready(school)
    line = page(school).asked[0]
    reviews.recall(school.actor("math"), sheet_id(school), expected_version=2, now=NOW)
    head, sheet = school.actor("head_science"), sheet_id(school)
    with pytest.raises(WrongState):
        blind_typing.type_results(head, sheet, [TypedResult(line.id, "8", False, line.version)], now=NOW)
    with pytest.raises(WrongState):
        blind_typing.compare(head, sheet, now=NOW)
    assert page(school).asked == ()


# --- blindness, lists -------------------------------------------------------------------------------------------------


def test_the_sheet_hides_its_papers_from_the_reviewer_until_they_are_compared(school: Cast) -> None:
    ready(school, percent=10)
    for who, blind in (("head_science", True), ("principal", False), ("math", False), ("vice_principal", False)):
        view = score_grid.open_sheet(school.actor(who), sheet_id(school), NOW)
        assert view.is_blind is blind
        texts = {cell.text for row in view.rows for cell in row.cells if cell.key in ("GK", "CK")}
        assert (texts == {""}) is blind
        assert all(row.average == "" for row in view.rows) is blind
        assert {cell.text for row in view.rows for cell in row.cells if cell.key == "TX1"} == {"5,5"}
    pupil = school.enrollments["9A", CHAU]
    with pytest.raises(WrongState, match="đối chiếu bài gốc"):
        score_history.cell_history(school.actor("head_science"), sheet_id(school), pupil, "GK", NOW)
    score_history.cell_history(school.actor("head_science"), sheet_id(school), pupil, "TX1", NOW)
    type_all(school)
    assert score_grid.open_sheet(school.actor("head_science"), sheet_id(school), NOW).is_blind
    compare(school)
    assert not score_grid.open_sheet(school.actor("head_science"), sheet_id(school), NOW).is_blind


def test_no_first_value_and_no_seed_leaves_the_view_before_the_comparison(school: Cast) -> None:
    ready(school)
    seed = db.session.scalar(select(m.BlindDraw.seed))
    for who in ("head_science", "principal"):
        said = repr(page(school, who))
        assert seed not in said
        assert not [value for pair in first_values() for value in pair if format_score(value) in said]
    for who in ("head_science", "principal", "math"):
        head = score_grid.open_sheet(school.actor(who), sheet_id(school), NOW).head
        assert seed not in repr(blind_view.record_of(head)) and blind_view.record_of(head).lines == ()


def test_the_teacher_does_not_see_a_difference_before_the_return(school: Cast) -> None:
    ready(school)
    type_all(school, wrong={(CHAU, "GK"): "1"})
    compare(school)
    record = blind_view.record_of(score_grid.open_sheet(school.actor("math"), sheet_id(school), NOW).head)
    assert record.phase == "settling" and record.lines == () and record.n_different == 0


def test_the_day_of_the_head_shows_the_check_and_bulk_review_skips_it(school: Cast) -> None:
    ready(school)
    ready(school, percent=100, code="SCI")
    type_all(school, code="SCI")
    compare(school, code="SCI")
    day = dashboard.daily(school.actor("head_science"), NOW)
    waiting = {item.title: item for item in (*day.odd, *day.plain) if item.verb in ("check", "review")}
    check = waiting["Đối chiếu bài gốc Toán 9A, học kì II"]
    assert (check.verb, check.say, check.acts_here) == ("check", "còn 10 ô", False)
    assert check.link == f"/bang-diem/{sheet_id(school)}/doi-chieu"
    assert waiting["Khoa học tự nhiên 9A, học kì II"].verb == "review"
    keys = [f"sheet-{sheet_id(school, code)}-2" for code in ("MATH", "SCI")]
    outcomes = bulk_acts.act(school.actor("head_science"), "review", keys, now=NOW)
    assert [(one.done, one.message) for one in outcomes] == [
        (False, "Chưa soát được: còn 10 ô chờ đối chiếu bài gốc. Chưa có gì thay đổi."),
        (True, ""),
    ]
    many = reviews.move_many(school.actor("head_science"), SheetVerb.REVIEW, [(sheet_id(school), 2)], now=NOW)
    assert not many[0].done and "đối chiếu bài gốc" in many[0].message


def test_the_day_of_a_named_person_shows_the_check_and_the_number_counts_it(school: Cast) -> None:
    ready(school, code="LOCAL", who="other")
    teach(school, "outsider", "6A", "LOCAL")
    outsider = school.actor("outsider")
    n = dashboard.count_waiting(outsider, NOW)
    blind_naming.name_checker(
        school.actor("head_society"), sheet_id(school, "LOCAL"), school.people["outsider"], now=NOW
    )
    assert dashboard.count_waiting(outsider, NOW) == n + 1
    day = dashboard.daily(outsider, NOW)
    assert [item.verb for item in day.plain if "9A" in item.title] == ["check"]
    assert day.n_waiting == n + 1
    of_head = dashboard.daily(school.actor("head_society"), NOW)
    # Beside the one with the check stand sheets that nobody has typed in time.
    [told] = [item for item in of_head.odd if item.oddities and item.oddities[-1].who == "Cao Xuân Nghĩa"]
    assert told.verb == "review" and "9A" in told.title
    type_all(school, "outsider", "LOCAL")
    compare(school, "outsider", "LOCAL")
    assert dashboard.count_waiting(outsider, NOW) == n


def test_the_reminder_goes_to_who_types_now(school: Cast) -> None:
    ready(school, code="LOCAL", who="other")
    teach(school, "outsider")

    def held() -> tuple[str, tuple[int, ...]]:
        [work] = [one for one in held_work.unfinished(NOW) if f"/bang-diem/{sheet_id(school, 'LOCAL')}" in one.link]
        return work.what, work.holders

    title = "Đối chiếu bài gốc bảng điểm Nội dung giáo dục của địa phương 9A, học kì II"
    assert held() == (title, (school.people["head_society"],))
    blind_naming.name_checker(
        school.actor("head_society"), sheet_id(school, "LOCAL"), school.people["outsider"], now=NOW
    )
    assert held() == (title, (school.people["outsider"],))
    type_all(school, "outsider", "LOCAL")
    compare(school, "outsider", "LOCAL")
    assert held()[1] == (school.people["head_society"],) and held()[0].startswith("Soát")


def test_the_sheet_goes_out_as_no_file_while_its_reviewer_must_not_see_it(school: Cast) -> None:
    ready(school)
    with pytest.raises(NotAllowed, match="đối chiếu bài gốc"):
        score_file_download.download(school.actor("head_science"), sheet_id(school), NOW)
    assert score_file_download.download(school.actor("math"), sheet_id(school), NOW).data


@pytest.mark.parametrize("back", ["return", "recall"])
def test_a_sheet_that_went_back_unchecked_stays_hidden_from_its_reviewer(school: Cast, back: str) -> None:
    ready(school)
    head = school.actor("head_science")
    if back == "return":
        reviews.return_(head, sheet_id(school), expected_version=2, note="Xem lại", now=NOW)
    else:
        reviews.recall(school.actor("math"), sheet_id(school), expected_version=2, now=NOW)
    view = score_grid.open_sheet(head, sheet_id(school), NOW)
    assert view.is_blind and not any(cell.text for row in view.rows for cell in row.cells if cell.key in ("GK", "CK"))
    assert not score_grid.open_sheet(school.actor("math"), sheet_id(school), NOW).is_blind


def test_the_class_page_keeps_what_the_sheet_keeps(school: Cast) -> None:
    code = "MATH"
    with write_transaction() as session:  # nobody else may review: the group's head is its teacher
        session.execute(
            update(m.Person).where(m.Person.id == school.people["math"]).values(subject_group_id=None)
        )  # fmt: skip
    ready(school, code=code)
    for who, sees in (("principal", None), ("vice_principal", None), ("math", True)):
        actor = school.actor(who)
        hidden = score_grid.open_sheet(actor, sheet_id(school), NOW).is_blind
        page_ = class_page.class_page(actor, school.classes["9A"], NOW)
        told = [step for row in page_.rows for step in row.steps if step.startswith("Toán, ")]
        assert bool(told) != hidden
        assert ((code, 2) in page_.hidden) == hidden and ((code, 0) in page_.hidden) == hidden
        if sees:
            assert not hidden


@pytest.mark.parametrize("term", [0, 2])
def test_the_class_page_says_nothing_that_a_hidden_score_decides(school: Cast, term: int) -> None:
    """The sentence of clause 3 names the one subject and its average; level, title and outcome follow from it."""
    an = STUDENTS["6A"][1]
    fill_scores(school, "6A", {(an, "HISTGEO"): 34})
    fill_homeroom(school, "6A")
    policy(50)
    move_sheets(school, "6A", SheetVerb.SUBMIT, codes=("HISTGEO",))
    keeper, class_id = school.actor("head_society"), school.classes["6A"]
    assert score_grid.open_sheet(keeper, school.sheets["6A", "HISTGEO", 2], NOW).is_blind
    page = class_page.class_page(keeper, class_id, NOW, term=term)
    row = next(row for row in page.rows if row.full_name == an)
    assert not [step for step in row.steps if "3,4" in step or step.startswith(("Lịch sử", "Kết luận", "Khen"))]
    assert f"{class_page.TERM_HEADS[term]} chờ đối chiếu bài gốc, chưa hiện ở đây." in row.steps
    assert (row.learning, row.award, row.promotion, row.adjusted) == ("", None, Promotion.INCOMPLETE, False)
    assert [step for step in row.steps if step.startswith("Ngữ văn, cả năm")]  # the other subjects are told
    told = class_page.class_page(school.actor("principal"), class_id, NOW, term=term)
    row = next(row for row in told.rows if row.full_name == an)
    assert any("chỉ do môn Lịch sử và Địa lí (3,4)" in step for step in row.steps) and row.learning == "Đạt"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE blind_check SET state = 'SAME'",
        "DELETE FROM blind_check",
        "UPDATE school_year SET spot_check_percent = 0",
        "UPDATE blind_draw SET cells = ''",
    ],
)
def test_a_check_that_another_program_settled_holds_the_sheet_back(school: Cast, statement: str) -> None:
    ready(school)
    db.session.remove()
    with Outside(unchecked=True) as outside:
        outside.execute(statement)
    with pytest.raises(IntegrityFault):
        review(school)
    assert not audit_verify.verify().ok
