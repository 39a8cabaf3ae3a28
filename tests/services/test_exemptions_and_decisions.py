"""Exemptions close a subject; decisions stand in where the circular is silent. Each has its person and its paper."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Incomplete, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.terms import Promotion
from hocbaso.services import (
    audit,
    audit_verify,
    class_approval,
    class_gaps,
    class_moves,
    class_page,
    dashboard,
    decisions,
    exemptions,
    frozen_results,
    results,
    roster,
    score_entry,
    transcript_contents,
)
from hocbaso.services.access import SYSTEM, load_actor
from hocbaso.services.score_cells import columns_of
from hocbaso.services.score_grid import CellRecord
from hocbaso.services.sheet_access import sheet_for
from tests.cast import NOW, STUDENTS, Cast
from tests.services.full_class import class_row, fill_homeroom, fill_scores, last_entry, lock_class, seen_of, teacher_of

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


def test_of_a_teacher_who_became_principal_since_a_vice_principal_decides(school: Cast):
    line = propose(school)
    teacher, deputy = school.actor("math"), school.actor("vice_principal")
    later = NOW + timedelta(days=3)
    with pytest.raises(NotAllowed, match="do Hiệu trưởng quyết định"):
        exemptions.decide(deputy, line.id, True, document="12/QĐ", now=NOW)
    roster.grant_role(SYSTEM, teacher.person_id, Role.PRINCIPAL, later, starts_on=later.date())
    new = load_actor(teacher.account_id, later.date())
    with pytest.raises(NotAllowed, match="Phó Hiệu trưởng quyết định"):
        exemptions.decide(new, line.id, True, document="12/QĐ", now=later)
    assert [one.id for one in exemptions.waiting(deputy)] == [line.id]
    assert exemptions.decide(deputy, line.id, True, document="12/QĐ", now=later).state == "GRANTED"


def test_a_principal_who_keeps_the_class_proposes_and_a_vice_principal_decides(school: Cast):
    roster.assign_homeroom(SYSTEM, school.classes["9A"], school.people["principal"], NOW, starts_on=NOW.date())
    line = propose(school, "principal")
    with pytest.raises(NotAllowed, match="Phó Hiệu trưởng quyết định"):
        exemptions.decide(school.actor("principal"), line.id, True, document="12/QĐ", now=NOW)
    assert exemptions.waiting(school.actor("principal")) == []
    deputy = school.actor("vice_principal")
    assert [one.id for one in exemptions.waiting(deputy)] == [line.id]
    assert [one.exemption.id for one in dashboard.daily(deputy, NOW).odd if one.exemption] == [line.id]
    assert exemptions.decide(deputy, line.id, True, document="12/QĐ", now=NOW).state == "GRANTED"
    assert exemptions.waiting(deputy) == []


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
    flag_disability(cast, cast.enrollments["9A", BINH], True)


def flag_disability(cast: Cast, enrollment_id: int, flag: bool) -> None:
    """The office's entry about an individual plan."""
    with write_transaction() as session:
        enrollment = session.get(m.Enrollment, enrollment_id)
        student = session.get(m.Student, enrollment.student_id, populate_existing=True)
        student.inclusive_disability = flag
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
        class_moves.finalise(school.actor("math"), row.id, seen=seen_of(row.id), expected_version=1, now=NOW)
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
    class_moves.finalise(school.actor("math"), row.id, seen=seen_of(row.id), expected_version=1, now=NOW)
    class_approval.approve_class(school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=2, now=NOW)
    content = frozen_results.read_frozen(enrollment)
    assert content["promotion"]["outcome"] == Promotion.COMPLETED.value
    assert content["decisions"][0]["document"] == "03/QĐ"
    with pytest.raises(WrongState):
        decisions.record_decision(school.actor("principal"), enrollment, "promotion", "RETAINED", "Muộn", now=NOW)
    assert audit_verify.verify().faults == []


@pytest.mark.parametrize("keeps_counts", [True, False])
def test_a_paper_names_the_decision_only_where_it_is_the_conclusion(school: Cast, keeps_counts: bool):
    """Retained by decision while the plan was on file, then the flag was put right: the rule promotes, and says so alone."""
    an = STUDENTS["6A"][1]
    enrollment = school.enrollments["6A", an]
    flag_disability(school, enrollment, True)
    fill_scores(school, "6A")
    fill_homeroom(school, "6A")
    decisions.record_decision(
        school.actor("principal"), enrollment, "promotion", "RETAINED", "Theo kế hoạch giáo dục cá nhân.", now=NOW
    )
    flag_disability(school, enrollment, False)
    lock_class(school, "6A")
    class_moves.finalise(
        school.actor("head_society"),
        school.classes["6A"],
        seen=seen_of(school.classes["6A"]),
        expected_version=1,
        now=NOW,
    )
    class_approval.approve_class(
        school.actor("principal"), school.classes["6A"], seen=seen_of(school.classes["6A"]), expected_version=2, now=NOW
    )
    frozen = frozen_results.read_frozen(enrollment)
    assert [one["counts"] for one in frozen["decisions"]] == [False]
    if not keeps_counts:  # as it was frozen before decisions said whether they count
        del frozen["decisions"][0]["counts"]
    assert frozen["promotion"]["outcome"] == Promotion.PROMOTED.value
    assert not transcript_contents.is_decided(frozen)
    note = transcript_contents.promotion_note(
        Promotion.PROMOTED, 6, is_summer=False, decided=transcript_contents.is_decided(frozen)
    )
    assert note.promoted == "Lên lớp 7"
    # And where it is the conclusion, it is named.
    frozen["student"]["inclusive_disability"] = True
    frozen["decisions"][0]["outcome"] = Promotion.PROMOTED.value
    if keeps_counts:
        frozen["decisions"][0]["counts"] = True
    assert transcript_contents.is_decided(frozen)


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


FIVE_TWO_ONE = ("LIT", "MATH", "FL1", "CIVICS", "HISTGEO", "SCI", "TECH", "ICT")


def type_scores(cast: Cast, values: dict[str, str], semester: int = 2) -> None:
    """The subject's teacher types one value into every cell of the student."""
    enrollment = cast.enrollments["9A", BINH]
    for code, text in values.items():
        sheet_id = cast.sheets["9A", code, semester]
        for cell in db.session.scalars(
            select(m.ScoreCell).where(m.ScoreCell.score_sheet_id == sheet_id, m.ScoreCell.enrollment_id == enrollment)
        ):
            if cell.column_key != "NX":
                score_entry.save_cell(
                    cast.actor(teacher_of("9A", code)),
                    sheet_id,
                    enrollment,
                    cell.column_key,
                    text,
                    expected_version=cell.version,
                    op_id=None,
                    now=NOW,
                )


def test_a_decision_lapses_with_the_results_it_was_made_on(school: Cast):
    """Case 10, decided Khá; the scores fall, the base is Chưa đạt: one level up at most, and the council is asked again."""
    fill_scores(school, "9A", {(BINH, code): v for code, v in zip(FIVE_TWO_ONE, (80,) * 5 + (70, 70, 40), strict=True)})
    fill_homeroom(school, "9A")
    enrollment = school.enrollments["9A", BINH]
    for term in ("1", "2", "year"):
        decisions.record_decision(
            school.actor("principal"), enrollment, "learning_level", "K", "Hội đồng họp ngày 10/5.", term=term, now=NOW
        )
    row = results.compute_class(school.classes["9A"], NOW.date()).by_id[enrollment]
    assert row.result.learning == ("K", "K", "K") and not any(row.result.needs_review)
    type_scores(school, {"SCI": "5,0", "TECH": "5,0", "ICT": "3,0"})
    computed = results.compute_class(school.classes["9A"], NOW.date())
    result = computed.by_id[enrollment].result
    assert result.learning == ("K", "CĐ", "CĐ") and result.promotion is Promotion.REASSESS
    assert result.needs_review == (False, True, True, False) and result.outdated == (False, True, True, False)
    words = [gap.words for gap in class_gaps.list_gaps(computed) if gap.kind == "decision"]
    assert len(words) == 2
    assert "học tập học kì II cần Hội đồng xem xét" in words[0]
    assert "Tin học 4,0 → 3,0" in words[0] and "kết quả đã thay đổi từ quyết định ngày" in words[0]
    page = class_page.class_page(school.actor("math"), school.classes["9A"], NOW)
    assert [one.full_name for one in page.to_review] == [BINH]
    decisions.record_decision(
        school.actor("principal"), enrollment, "learning_level", "Đ", "Hội đồng họp lại.", term="year", now=NOW
    )
    result = results.compute_class(school.classes["9A"], NOW.date()).by_id[enrollment].result
    assert result.learning[2] == "Đ" and result.promotion is Promotion.COMPLETED
    assert audit_verify.verify().faults == []


def test_a_decision_is_about_the_results_that_were_seen(school: Cast):
    fill_scores(school, "9A", {(BINH, code): v for code, v in zip(FIVE_TWO_ONE, (80,) * 5 + (70, 70, 40), strict=True)})
    enrollment = school.enrollments["9A", BINH]

    def seal() -> str:
        row = results.compute_class(school.classes["9A"], NOW.date()).by_id[enrollment]
        return decisions.seal(row.result.bases[1])

    def decide(seen: str) -> int:
        return decisions.record_decision(
            school.actor("principal"), enrollment, "learning_level", "K", "Hội đồng", term="2", now=NOW, seen=seen
        )

    seen = seal()
    type_scores(school, {"ICT": "3,9"})
    with pytest.raises(Stale, match="đã thay đổi"):
        decide(seen)
    assert decide(seal())


def test_a_decision_from_before_its_results_were_kept_is_asked_again(school: Cast):
    fill_scores(school, "9A", {(BINH, code): v for code, v in zip(FIVE_TWO_ONE, (80,) * 5 + (70, 70, 40), strict=True)})
    enrollment = school.enrollments["9A", BINH]
    decision = decisions.record_decision(
        school.actor("principal"), enrollment, "learning_level", "K", "Hội đồng họp.", now=NOW
    )
    with write_transaction() as session:
        session.get(m.PrincipalDecision, decision).basis = None
    computed = results.compute_class(school.classes["9A"], NOW.date(), fresh=True)
    assert computed.by_id[enrollment].result.learning[2] == "Đ"
    assert any("xin ghi lại" in gap.words for gap in class_gaps.list_gaps(computed))


def test_a_semester_with_five_scored_subjects_asks_for_its_level(school: Cast):
    """R23: nobody is concluded by the machine below six subjects; the paper would stay blank."""
    for code in ("FL1", "ICT", "TECH"):
        line = propose(school, code=code, semester=1)
        exemptions.decide(school.actor("principal"), line.id, True, document="12/QĐ", now=NOW)
    exempt = {(BINH, code, 1) for code in ("FL1", "ICT", "TECH")}
    for code in FIVE_TWO_ONE:
        fill_scores_but(school, code, exempt)
    fill_comments(school)
    lock_class(school, "9A")
    fill_homeroom(school, "9A")
    enrollment = school.enrollments["9A", BINH]
    with pytest.raises(Incomplete) as incomplete:
        class_moves.finalise(
            school.actor("math"), school.classes["9A"], seen=seen_of(school.classes["9A"]), expected_version=1, now=NOW
        )
    assert [gap.words for gap in incomplete.value.gaps] == [
        f"{BINH}: học tập học kì I không đủ 6 môn tính điểm, Hiệu trưởng quyết định mức"
    ]
    decisions.record_decision(
        school.actor("principal"), enrollment, "learning_level", "T", "Theo năm môn đã học.", term="1", now=NOW
    )
    class_moves.finalise(
        school.actor("math"), school.classes["9A"], seen=seen_of(school.classes["9A"]), expected_version=1, now=NOW
    )
    result = results.compute_class(school.classes["9A"], NOW.date()).by_id[enrollment].result
    assert result.learning == ("T", "T", "T")


def fill_scores_but(cast: Cast, code: str, exempt: set[tuple[str, str, int]]) -> None:
    """One scored subject at 8,5, without the cells of whoever is exempt."""
    for semester in (1, 2):
        with write_transaction() as session:
            head = sheet_for(SYSTEM, cast.sheets["9A", code, semester], Permission.SHEET_ENTER, NOW.date())
            record = CellRecord(tenths=85, origin="entered")
            cells = [
                (cast.enrollments["9A", name], column.key, record, None)
                for name in STUDENTS["9A"]
                if (name, code, semester) not in exempt
                for column in columns_of(head)
                if column.key != "NX"
            ]
            score_entry.write_cells(session, SYSTEM, head, cells, source="demo", now=NOW)


def fill_comments(cast: Cast) -> None:
    """Đ in every comment subject."""
    skip = tuple(("9A", code, semester) for code in FIVE_TWO_ONE for semester in (1, 2))
    fill_scores(cast, "9A", skip=skip)
