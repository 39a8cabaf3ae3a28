"""Exemptions close a subject; decisions stand in where the circular is silent. Each has its person and its paper."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Incomplete, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.terms import Promotion
from hocbaso.services import (
    audit,
    audit_verify,
    class_approval,
    class_moves,
    class_page,
    decisions,
    exemptions,
    frozen_results,
    results,
    score_entry,
)
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.services.full_class import class_row, fill_homeroom, fill_scores, last_entry, lock_class

BINH = "Hoàng Thanh Bình"


def subject_id(code: str) -> int:
    return db.session.scalars(select(m.Subject.id).where(m.Subject.code == code)).one()


def propose(cast: Cast, who: str = "math", code: str = "PE", semester: int | None = None, reason: str = "Bệnh tim."):
    return exemptions.propose(
        cast.actor(who), cast.enrollments["9A", BINH], subject_id(code), semester, reason, now=NOW
    )


def test_a_granted_exemption_closes_the_cells_and_is_printed(school: Cast):
    line = propose(school)
    exemptions.decide(school.actor("principal"), line.id, True, document="12/QĐ-THCS ngày 10/5/2027", now=NOW)
    with pytest.raises(WrongState):
        score_entry.save_cell(
            school.actor("other"),
            school.sheets["9A", "PE", 2],
            school.enrollments["9A", BINH],
            "TX1",
            "Đ",
            expected_version=0,
            op_id=None,
            now=NOW,
        )
    row = results.compute_class(school.classes["9A"], NOW.date()).by_id[school.enrollments["9A", BINH]]
    assert row.result.subjects["PE"].year == "Miễn"
    payload = json.loads(last_entry("exemption:record:decided").payload)
    assert payload["facts"]["document"] == "12/QĐ-THCS ngày 10/5/2027" and payload["facts"]["outcome"] == "GRANTED"
    assert audit_verify.verify().faults == []


def test_a_proposal_alone_closes_nothing_but_holds_the_class(school: Cast):
    propose(school)
    saved = score_entry.save_cell(
        school.actor("other"),
        school.sheets["9A", "PE", 2],
        school.enrollments["9A", BINH],
        "TX1",
        "Đ",
        expected_version=0,
        op_id=None,
        now=NOW,
    )
    assert saved.written
    page = class_page.class_page(school.actor("math"), school.classes["9A"], NOW)
    assert len(page.gaps_of("exemption")) == 1


def test_one_semester_leaves_the_other_open(school: Cast):
    line = propose(school, semester=1)
    exemptions.decide(school.actor("principal"), line.id, True, document="12/QĐ", now=NOW)
    assert score_entry.save_cell(
        school.actor("other"),
        school.sheets["9A", "PE", 2],
        school.enrollments["9A", BINH],
        "TX1",
        "Đ",
        expected_version=0,
        op_id=None,
        now=NOW,
    ).written


@pytest.mark.parametrize(
    ("who", "error"),
    [("principal", NotAllowed), ("head_society", NotFound), ("it_officer", NotFound), ("clerk", NotFound)],
)
def test_only_the_homeroom_teacher_proposes(school: Cast, who: str, error: type[Exception]):
    with pytest.raises(error):
        propose(school, who)


@pytest.mark.parametrize(
    ("who", "error"),
    [("math", NotAllowed), ("vice_principal", NotAllowed), ("it_officer", NotFound), ("head_society", NotFound)],
)
def test_only_the_principal_decides(school: Cast, who: str, error: type[Exception]):
    line = propose(school)
    with pytest.raises(error):
        exemptions.decide(school.actor(who), line.id, True, document="12/QĐ", now=NOW)


def test_a_proposal_needs_a_reason_a_subject_of_the_class_and_no_twin(school: Cast):
    with pytest.raises(Invalid):
        propose(school, reason=" ")
    with pytest.raises(Invalid):
        propose(school, code="FL2")
    propose(school, semester=1)
    with pytest.raises(WrongState):
        propose(school, semester=None)
    assert propose(school, semester=2).semester == 2


def test_a_grant_needs_its_paper_and_is_given_once(school: Cast):
    line = propose(school)
    with pytest.raises(Invalid):
        exemptions.decide(school.actor("principal"), line.id, True, document="", now=NOW)
    exemptions.decide(school.actor("principal"), line.id, False, document=None, now=NOW)
    with pytest.raises(WrongState):
        exemptions.decide(school.actor("principal"), line.id, True, document="12/QĐ", now=NOW)


def test_a_locked_sheet_takes_no_exemption(school: Cast):
    fill_scores(school, "9A")
    lock_class(school, "9A")
    with pytest.raises(WrongState):
        propose(school)


def disabled(cast: Cast) -> None:
    """The student learns by an individual plan."""
    with write_transaction() as session:
        enrollment = session.get(m.Enrollment, cast.enrollments["9A", BINH])
        student = session.get(m.Student, enrollment.student_id, populate_existing=True)
        student.inclusive_disability = True
        student.version += 1
        audit.record(
            AuditTag.STUDENT_CHANGED,
            SYSTEM,
            NOW,
            target_kind="student",
            target_id=student.id,
            state=audit.states("student", [student]),
        )


def test_a_disability_waits_for_the_principal_and_then_follows_the_decision(school: Cast):
    disabled(school)
    fill_scores(school, "9A", {(BINH, "MATH"): 30, (BINH, "LIT"): 30})
    lock_class(school, "9A")
    fill_homeroom(school, "9A")
    row = class_row(school, "9A")
    with pytest.raises(Incomplete) as incomplete:
        class_moves.finalise(school.actor("math"), row.id, expected_version=1, now=NOW)
    assert [gap.kind for gap in incomplete.value.gaps] == ["decision"]
    enrollment = school.enrollments["9A", BINH]
    with pytest.raises(Invalid):
        decisions.record_decision(school.actor("principal"), enrollment, "promotion", "COMPLETED", " ", now=NOW)
    with pytest.raises(Invalid):
        decisions.record_decision(
            school.actor("principal"), enrollment, "promotion", "PROMOTED", "Theo kế hoạch", now=NOW
        )
    for who, error in (("math", NotAllowed), ("vice_principal", NotAllowed), ("it_officer", NotFound)):
        with pytest.raises(error):
            decisions.record_decision(school.actor(who), enrollment, "promotion", "COMPLETED", "Theo kế hoạch", now=NOW)
    decisions.record_decision(
        school.actor("principal"),
        enrollment,
        "promotion",
        "COMPLETED",
        "Đạt mục tiêu kế hoạch giáo dục cá nhân.",
        document="03/QĐ",
        now=NOW,
    )
    class_moves.finalise(school.actor("math"), row.id, expected_version=1, now=NOW)
    class_approval.approve_class(school.actor("principal"), row.id, expected_version=2, now=NOW)
    content = frozen_results.read_frozen(enrollment)
    assert content["promotion"]["outcome"] == Promotion.COMPLETED.value
    assert content["decisions"][0]["document"] == "03/QĐ"
    with pytest.raises(WrongState):
        decisions.record_decision(school.actor("principal"), enrollment, "promotion", "RETAINED", "Muộn", now=NOW)
    assert audit_verify.verify().faults == []


def test_a_plain_student_needs_no_decision(school: Cast):
    fill_scores(school, "9A")
    fill_homeroom(school, "9A")
    for kind, outcome in (("promotion", "COMPLETED"), ("learning_level", "T")):
        with pytest.raises(WrongState):
            decisions.record_decision(
                school.actor("principal"), school.enrollments["9A", BINH], kind, outcome, "Vì", now=NOW
            )


def test_the_doubt_of_clause_3_is_settled_by_the_council(school: Cast):
    """Case 24 of regulations.md 1.7: five at 6,5, two at 5,0, one at 3,4: Chưa đạt, or Đạt by the other reading."""
    scored = ("LIT", "MATH", "FL1", "CIVICS", "HISTGEO", "SCI", "TECH", "ICT")
    values = dict(zip(scored, (65, 65, 65, 65, 65, 50, 50, 34), strict=True))
    fill_scores(school, "9A", {(BINH, code): value for code, value in values.items()})
    lock_class(school, "9A")
    fill_homeroom(school, "9A")
    enrollment = school.enrollments["9A", BINH]
    page = class_page.class_page(school.actor("math"), school.classes["9A"], NOW)
    assert [row.full_name for row in page.to_review] == [BINH]
    assert len(page.gaps_of("decision")) == 3
    with pytest.raises(Invalid):
        decisions.record_decision(school.actor("principal"), enrollment, "learning_level", "K", "Hội đồng họp", now=NOW)
    for term in ("1", "2", "year"):
        decisions.record_decision(
            school.actor("principal"), enrollment, "learning_level", "Đ", "Hội đồng họp ngày 11/5.", term=term, now=NOW
        )
    page = class_page.class_page(school.actor("math"), school.classes["9A"], NOW)
    assert page.gaps == () and next(row for row in page.rows if row.full_name == BINH).promotion is Promotion.COMPLETED
