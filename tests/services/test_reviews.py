"""The life of a sheet: every state x act x person, allowed and refused, and what stands behind each guard."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, Incomplete, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.regulations.score_sheet_flow import SheetState, SheetVerb
from hocbaso.services import audit, audit_verify, reviews, roster, score_entry, score_grid
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast, put_sheets

S, V = SheetState, SheetVerb
AFTER_WINDOW = NOW + timedelta(days=1)
VERBS = (V.SUBMIT, V.RECALL, V.RETURN, V.REVIEW, V.APPROVE, V.LOCK, V.REOPEN, V.RELOCK)

# Toán 9A: taught by "math", whose group is headed by "head_science".
ALLOWED = {
    (S.DRAFT, V.SUBMIT): {"math"},
    (S.RETURNED, V.SUBMIT): {"math"},
    (S.SUBMITTED, V.RECALL): {"math"},
    (S.SUBMITTED, V.RETURN): {"head_science"},
    (S.SUBMITTED, V.REVIEW): {"head_science"},
    (S.REVIEWED, V.RETURN): {"principal"},
    (S.REVIEWED, V.APPROVE): {"principal"},
    (S.APPROVED, V.LOCK): {"principal"},
}
INTENDED = {
    (S.DRAFT, V.SUBMIT): S.SUBMITTED,
    (S.RETURNED, V.SUBMIT): S.SUBMITTED,
    (S.SUBMITTED, V.RECALL): S.DRAFT,
    (S.SUBMITTED, V.RETURN): S.RETURNED,
    (S.SUBMITTED, V.REVIEW): S.REVIEWED,
    (S.REVIEWED, V.RETURN): S.RETURNED,
    (S.REVIEWED, V.APPROVE): S.APPROVED,
    (S.APPROVED, V.LOCK): S.LOCKED,
}
READERS = {"math", "head_science", "principal", "vice_principal"}
STRANGERS = {"outsider", "it_officer", "clerk", "board", "other", "head_society"}


def sheet_id(school: Cast) -> int:
    return school.sheets["9A", "MATH", 2]


def put(school: Cast, state: SheetState) -> None:
    put_sheets([sheet_id(school)], state.value)


def fill(school: Cast, code: str = "MATH", class_name: str = "9A") -> None:
    head = score_entry.read_head(school.sheets[class_name, code, 2])
    cells = [
        (enrollment, column.key, score_entry.CellValue(tenths=75, origin="entered"), None)
        for (name, _), enrollment in school.enrollments.items()
        if name == class_name
        for column in score_grid.columns_of(head)
    ]
    with write_transaction() as session:
        score_entry.write_cells(session, SYSTEM, head, cells, source="imported", now=NOW)


def now_in(school: Cast) -> m.ScoreSheet:
    return db.session.execute(
        select(m.ScoreSheet).where(m.ScoreSheet.id == sheet_id(school)).execution_options(populate_existing=True)
    ).scalar_one()


def act(
    school: Cast,
    who: str,
    verb: SheetVerb,
    *,
    note: str | None = "Xin xem lại cột cuối kì",
    version: int = 1,
    now: object = AFTER_WINDOW,
) -> reviews.Moved:
    return reviews.move(school.actor(who), sheet_id(school), verb, expected_version=version, note=note, now=now)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", list(S))
def test_every_act_of_every_person_in_this_state(school: Cast, state: SheetState) -> None:
    fill(school)
    for verb in VERBS:
        for who in sorted(READERS | STRANGERS):
            put(school, state)
            before = now_in(school)
            version, steps = before.version, db.session.scalar(select(func.count()).select_from(m.SheetStep))
            allowed = who in ALLOWED.get((state, verb), set())
            try:
                act(school, who, verb, version=version)
            except NotFound:
                assert who in STRANGERS, (state, verb, who)
                outcome = None
            except NotAllowed:
                assert (who in READERS and (state, verb) in INTENDED) or verb in (V.REOPEN, V.RELOCK), (
                    state,
                    verb,
                    who,
                )
                outcome = None
            except WrongState:
                assert (state, verb) not in INTENDED, (state, verb, who)
                outcome = None
            else:
                outcome = S(now_in(school).state)
            assert (outcome is not None) is allowed, (state, verb, who)
            if allowed:
                assert outcome is INTENDED[state, verb]
            else:
                assert now_in(school).state == state.value
                assert db.session.scalar(select(func.count()).select_from(m.SheetStep)) == steps


def test_the_verbs_offered_are_exactly_those_that_work(school: Cast) -> None:
    fill(school)
    for state in S:
        for who in READERS:
            put(school, state)
            offered = set(score_grid.open_sheet(school.actor(who), sheet_id(school), AFTER_WINDOW).verbs)
            assert offered == {verb for (at, verb), people in ALLOWED.items() if at is state and who in people}


def test_each_act_leaves_a_step_and_an_entry_that_the_verifier_accepts(school: Cast) -> None:
    fill(school)
    act(school, "math", V.SUBMIT, note=None)
    act(school, "head_science", V.RETURN, version=2)
    act(school, "math", V.SUBMIT, note=None, version=3)
    act(school, "head_science", V.REVIEW, note=None, version=4)
    act(school, "principal", V.APPROVE, note=None, version=5)
    act(school, "principal", V.LOCK, note=None, version=6)
    steps = db.session.scalars(select(m.SheetStep).order_by(m.SheetStep.id)).all()
    assert [(step.verb, step.to_state, step.by_name) for step in steps] == [
        ("submit", "SUBMITTED", "Trịnh Thu Hà"),
        ("return", "RETURNED", "Vũ Đình Lâm"),
        ("submit", "SUBMITTED", "Trịnh Thu Hà"),
        ("review", "REVIEWED", "Vũ Đình Lâm"),
        ("approve", "APPROVED", "Đoàn Thị Hải Yến"),
        ("lock", "LOCKED", "Đoàn Thị Hải Yến"),
    ]
    entries = db.session.scalars(
        select(m.AuditEntry).where(m.AuditEntry.tag == "score:sheet:moved").order_by(m.AuditEntry.seq)
    ).all()
    assert len(entries) == 6
    payload = audit.payload_of(entries[1])
    assert (payload["before"], payload["note"]) == ({"state": "SUBMITTED"}, "Xin xem lại cột cuối kì")
    assert payload["state"]["score_sheet"][str(sheet_id(school))]["state"] == "RETURNED"
    assert audit_verify.verify().ok


def test_gaps_block_handing_in_and_are_named(school: Cast) -> None:
    with pytest.raises(Incomplete) as refused:
        act(school, "math", V.SUBMIT)
    assert len(refused.value.gaps) == 30
    first = refused.value.gaps[0]
    assert isinstance(first, reviews.Gap)
    assert first.words.endswith("thường xuyên 1")
    assert now_in(school).state == "DRAFT"


def test_a_make_up_that_is_due_is_a_gap_and_a_missed_mark_is_none(school: Cast) -> None:
    fill(school)
    binh = school.enrollments["9A", "Hoàng Thanh Bình"]
    score_entry.save_cell(
        school.actor("math"), sheet_id(school), binh, "CK", "vp", expected_version=1, op_id=None, now=NOW
    )
    with pytest.raises(Incomplete) as refused:
        act(school, "math", V.SUBMIT, now=NOW)
    assert len(refused.value.gaps) == 1
    score_entry.save_cell(
        school.actor("math"), sheet_id(school), binh, "CK", "vk", expected_version=2, op_id=None, now=NOW
    )
    assert act(school, "math", V.SUBMIT, now=NOW).state is S.SUBMITTED


@pytest.mark.parametrize("values", [{"status": "left", "left_on": date(2027, 2, 1)}, None])
def test_who_left_and_who_is_exempt_are_not_asked_for(school: Cast, values: dict[str, object] | None) -> None:
    fill(school)
    binh = school.enrollments["9A", "Hoàng Thanh Bình"]
    score_entry.save_cell(
        school.actor("math"), sheet_id(school), binh, "CK", "", expected_version=1, op_id=None, now=NOW
    )
    with write_transaction() as session:
        if values:
            session.execute(update(m.Enrollment).where(m.Enrollment.id == binh).values(**values))
        else:
            offered = session.get(m.ClassSubject, school.class_subjects["9A", "MATH"])
            assert offered is not None
            session.add(
                m.Exemption(
                    enrollment_id=binh,
                    subject_id=offered.subject_id,
                    state="GRANTED",
                    reason="QĐ 12",
                    proposed_by=school.accounts["math"],
                    proposed_at=NOW,
                )
            )
    assert act(school, "math", V.SUBMIT, now=NOW).state is S.SUBMITTED


def test_the_second_click_changes_nothing(school: Cast) -> None:
    fill(school)
    act(school, "math", V.SUBMIT)
    with pytest.raises(WrongState):
        act(school, "math", V.SUBMIT)
    assert now_in(school).version == 2


def test_an_old_page_moves_nothing(school: Cast) -> None:
    fill(school)
    act(school, "math", V.SUBMIT)
    act(school, "math", V.RECALL, version=2)
    with pytest.raises(Stale):
        act(school, "math", V.SUBMIT, version=1)


def test_a_return_without_words_is_refused(school: Cast) -> None:
    put(school, S.SUBMITTED)
    for note in (None, "", "  \n "):
        with pytest.raises(Invalid):
            act(school, "head_science", V.RETURN, note=note)


def test_the_head_who_teaches_the_sheet_does_not_review_it_but_the_deputy_does(school: Cast) -> None:
    own = school.sheets["6A", "MATH", 2]  # taught by head_science
    fill(school, class_name="6A")
    put_sheets([own], "SUBMITTED")
    with pytest.raises(NotAllowed):
        reviews.review(school.actor("head_science"), own, expected_version=1, now=NOW)
    assert reviews.review(school.actor("vice_principal"), own, expected_version=1, now=NOW).state is S.REVIEWED


def test_without_a_deputy_the_principal_reviews(school: Cast) -> None:
    own = school.sheets["6A", "MATH", 2]
    fill(school, class_name="6A")
    put_sheets([own], "SUBMITTED")
    with write_transaction() as session:
        session.execute(
            update(m.RoleGrant).where(m.RoleGrant.role == "vice_principal").values(ends_on=date(2027, 1, 1))
        )
    assert reviews.review(school.actor("principal"), own, expected_version=1, now=NOW).state is S.REVIEWED


def test_a_teacher_who_handed_in_and_then_heads_the_group_does_not_review_it(school: Cast) -> None:
    fill(school)
    act(school, "math", V.SUBMIT, now=NOW)
    roster.grant_role(
        SYSTEM,
        school.people["math"],
        Role.GROUP_HEAD,
        NOW,
        scope_kind=GrantScope.SUBJECT_GROUP,
        scope_id=school.groups["Tổ Tự nhiên"],
        starts_on=date(2027, 5, 1),
    )
    roster.assign_teacher(
        SYSTEM, school.class_subjects["9A", "MATH"], school.people["head_science"], NOW, starts_on=date(2027, 5, 12)
    )
    with pytest.raises(NotAllowed):
        act(school, "math", V.REVIEW, version=2, now=NOW)


def test_a_delegate_approves_inside_scope_and_dates_only(school: Cast) -> None:
    fill(school)
    put(school, S.REVIEWED)
    with pytest.raises(NotAllowed):
        act(school, "vice_principal", V.APPROVE)
    roster.grant_role(
        SYSTEM,
        school.people["vice_principal"],
        Role.DELEGATE,
        NOW,
        scope_kind=GrantScope.GRADE_LEVEL,
        scope_id=6,
        starts_on=date(2027, 5, 1),
        ends_on=date(2027, 5, 31),
    )
    with pytest.raises(NotAllowed):
        act(school, "vice_principal", V.APPROVE)
    roster.grant_role(
        SYSTEM,
        school.people["vice_principal"],
        Role.DELEGATE,
        NOW,
        scope_kind=GrantScope.GRADE_LEVEL,
        scope_id=9,
        starts_on=date(2027, 4, 1),
        ends_on=date(2027, 5, 11),
    )
    with pytest.raises(NotAllowed):
        act(school, "vice_principal", V.APPROVE)
    roster.grant_role(
        SYSTEM,
        school.people["vice_principal"],
        Role.DELEGATE,
        NOW,
        scope_kind=GrantScope.GRADE_LEVEL,
        scope_id=9,
        starts_on=date(2027, 5, 12),
        ends_on=date(2027, 5, 12),
    )
    assert act(school, "vice_principal", V.APPROVE).state is S.APPROVED


def test_who_handed_a_sheet_in_does_not_approve_it_by_delegation_after_giving_it_away(school: Cast) -> None:
    fill(school)
    act(school, "math", V.SUBMIT)
    act(school, "head_science", V.REVIEW, version=2)
    roster.assign_teacher(
        SYSTEM, school.class_subjects["9A", "MATH"], school.people["other"], NOW, starts_on=date(2027, 5, 12)
    )
    roster.grant_role(SYSTEM, school.people["math"], Role.VICE_PRINCIPAL, NOW, starts_on=date(2027, 5, 12))
    roster.grant_role(SYSTEM, school.people["math"], Role.DELEGATE, NOW, starts_on=date(2027, 5, 12))
    with pytest.raises(NotAllowed):
        act(school, "math", V.APPROVE, version=3)


def test_where_nobody_teaches_any_more_the_principal_attests_with_a_note(school: Cast) -> None:
    fill(school)
    with write_transaction() as session:
        session.execute(
            update(m.TeachingAssignment)
            .where(m.TeachingAssignment.class_subject_id == school.class_subjects["9A", "MATH"])
            .values(ends_on=date(2027, 5, 1))
        )
    with pytest.raises(NotFound if not school.actor("math").homeroom else NotAllowed):
        act(school, "math", V.SUBMIT, now=NOW)
    with pytest.raises(Invalid):
        act(school, "principal", V.SUBMIT, note=None, now=NOW)
    assert (
        act(school, "principal", V.SUBMIT, note="Cô Hà nghỉ từ 01/05, đã đối chiếu sổ gốc", now=NOW).state
        is S.SUBMITTED
    )
    entry = db.session.scalars(select(m.AuditEntry).order_by(m.AuditEntry.seq.desc()).limit(1)).one()
    assert audit.payload_of(entry)["facts"]["attested_for"] == "Trịnh Thu Hà"


def test_the_principal_does_not_hand_in_for_a_teacher_who_is_there(school: Cast) -> None:
    fill(school)
    with pytest.raises(NotAllowed):
        act(school, "principal", V.SUBMIT, now=NOW)


def test_the_successor_closes_the_sheet(school: Cast) -> None:
    fill(school)
    roster.assign_teacher(
        SYSTEM, school.class_subjects["9A", "MATH"], school.people["outsider"], NOW, starts_on=date(2027, 5, 12)
    )
    assert act(school, "outsider", V.SUBMIT, now=NOW).state is S.SUBMITTED


def test_a_sheet_is_locked_only_after_its_window_or_when_the_class_is_approved(school: Cast) -> None:
    put(school, S.APPROVED)
    with pytest.raises(WrongState, match="11 bảng điểm chưa duyệt"):
        act(school, "principal", V.LOCK, now=NOW)
    put_sheets([own for (name, _, semester), own in school.sheets.items() if (name, semester) == ("9A", 2)], "APPROVED")
    assert act(school, "principal", V.LOCK, now=NOW).state is S.LOCKED


def test_a_closed_window_is_enough_to_lock(school: Cast) -> None:
    put(school, S.APPROVED)
    assert act(school, "principal", V.LOCK, now=AFTER_WINDOW).state is S.LOCKED


def test_approving_never_locks(school: Cast) -> None:
    fill(school)
    put(school, S.REVIEWED)
    assert act(school, "principal", V.APPROVE).state is S.APPROVED


def test_bulk_gives_each_sheet_its_own_outcome(school: Cast) -> None:
    ids = [school.sheets["9A", code, 2] for code in ("MATH", "SCI", "LIT", "FL1")]
    for code in ("MATH", "SCI", "LIT"):
        fill(school, code)
    put_sheets(ids[:3], "REVIEWED")
    outcomes = reviews.move_many(
        school.actor("principal"), V.APPROVE, [(ids[0], 1), (ids[1], 9), (ids[2], 1), (ids[3], 1), (9999, 1)], now=NOW
    )
    assert [outcome.done for outcome in outcomes] == [True, False, True, False, False]
    assert "đổi sau khi" in outcomes[1].message
    assert outcomes[4].label == ""


def test_a_stranger_learns_no_label_from_bulk(school: Cast) -> None:
    outcomes = reviews.move_many(school.actor("outsider"), V.APPROVE, [(sheet_id(school), 1)], now=NOW)
    assert (outcomes[0].done, outcomes[0].label) == (False, "")


def test_a_long_note_is_refused(school: Cast) -> None:
    put(school, S.SUBMITTED)
    with pytest.raises(DomainError):
        act(school, "head_science", V.RETURN, note="a" * 1001)
