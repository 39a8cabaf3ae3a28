"""Questions before handing in: asked once, answered or mended, kept with the sheet, and closed to everybody else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Incomplete, IntegrityFault, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.anomalies.kinds import AnomalyKind
from hocbaso.regulations.score_sheet_flow import SheetState, SheetVerb
from hocbaso.services import anomaly_questions, audit_verify, dashboard, reviews, score_entry, score_grid
from hocbaso.services.access import SYSTEM
from hocbaso.services.anomaly_questions import Question, QuestionList
from hocbaso.services.anomaly_sources import sheet_data
from tests.cast import NOW, Cast

REASON = "Đã đối chiếu với bài kiểm tra, điểm đúng"
BINH, CHI = "Hoàng Thanh Bình", "Trần Khánh Chi"


def sheet_id(school: Cast) -> int:
    return school.sheets["9A", "MATH", 2]


def fill(school: Cast, remarks: Mapping[str, str] | None = None) -> None:
    """Every score of Toán 9A, semester II; ``remarks`` by name of the pupil."""
    head = score_entry.read_head(sheet_id(school))
    cells = [
        (enrollment, column.key, score_entry.CellValue(tenths=75, origin="entered"), None)
        for (name, _), enrollment in school.enrollments.items()
        if name == "9A"
        for column in score_grid.columns_of(head)
    ]
    cells += [
        (school.enrollments["9A", pupil], "NX", score_entry.CellValue(remark=words, origin="entered"), None)
        for pupil, words in (remarks or {}).items()
    ]
    with write_transaction() as session:
        score_entry.write_cells(session, SYSTEM, head, cells, source="imported", now=NOW)


def submit(school: Cast, version: int = 1, who: str = "math") -> reviews.Moved:
    return reviews.submit(school.actor(who), sheet_id(school), expected_version=version, now=NOW)


def refused(school: Cast, version: int = 1) -> tuple[Question, ...]:
    with pytest.raises(Incomplete) as refusal:
        submit(school, version)
    found = refusal.value.gaps
    assert all(isinstance(one, Question) for one in found)
    return found  # type: ignore[return-value]


def answer(school: Cast, question: Question, reason: str = REASON, who: str = "math", **changes: int) -> Question:
    return anomaly_questions.answer(
        school.actor(who),
        changes.get("sheet_id", question.sheet_id),
        question.id,
        reason=reason,
        expected_version=changes.get("version", question.version),
        now=NOW,
    )


def listed(school: Cast, who: str) -> QuestionList:
    view = score_grid.open_sheet(school.actor(who), sheet_id(school), NOW)
    return anomaly_questions.of_sheet(view.head)


def entries(tag: str) -> list[m.AuditEntry]:
    return list(db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.tag == tag)))


def state_of(school: Cast) -> str | None:
    return db.session.scalar(select(m.ScoreSheet.state).where(m.ScoreSheet.id == sheet_id(school)))


def test_a_plain_sheet_is_handed_in_without_a_question(school: Cast) -> None:
    fill(school, {BINH: "Em Bình tiến bộ rõ."})
    assert submit(school).state is SheetState.SUBMITTED
    assert db.session.scalar(select(func.count()).select_from(m.AnomalyQuestion)) == 0


def test_an_open_question_holds_the_sheet_back_and_an_answer_lets_it_go(school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    [question] = refused(school)
    assert question.kind is AnomalyKind.FOREIGN_NAME and "Hoàng Thanh Bình có tên “Chi”" in question.words
    assert [(cell.column_key, cell.words) for cell in question.cells] == [
        ("NX", "Hoàng Thanh Bình, nhận xét: “Em Chi chăm học.”")
    ]
    assert state_of(school) == "DRAFT"
    assert refused(school)[0].id == question.id, "asking again asks the same"
    done = answer(school, question)
    assert (done.outcome, done.answer, done.by_name) == ("explained", REASON, "Trịnh Thu Hà")
    assert submit(school).state is SheetState.SUBMITTED
    assert len(entries("score:question:asked")) == len(entries("score:question:answered")) == 1
    assert audit_verify.verify().ok


def test_gaps_are_told_before_anything_is_asked(school: Cast) -> None:
    with pytest.raises(Incomplete) as refusal:
        submit(school)
    assert all(isinstance(gap, reviews.Gap) for gap in refusal.value.gaps)
    assert db.session.scalar(select(func.count()).select_from(m.AnomalyQuestion)) == 0


def test_mending_the_cell_settles_the_question_by_itself(school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    refused(school)
    fill(school, {BINH: "Em Bình chăm học."})
    assert listed(school, "math").open == ()
    submit(school)
    [kept] = listed(school, "math").answered
    assert (kept.outcome, kept.answer) == ("fixed", "Số liệu đã sửa, khi nộp không còn điều này")
    assert audit_verify.verify().ok


def test_the_same_mistake_made_again_is_asked_again(school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    [first] = refused(school)
    fill(school, {BINH: "Em Bình chăm học."})
    submit(school)
    reviews.recall(school.actor("math"), sheet_id(school), expected_version=2, now=NOW)
    fill(school, {BINH: "Em Chi chăm học."})
    [again] = refused(school, 3)
    assert again.id == first.id and again.is_open and again.version > first.version


def test_an_answer_holds_after_a_return_until_its_cell_changes(school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    answer(school, refused(school)[0])
    submit(school)
    reviews.return_(school.actor("head_science"), sheet_id(school), expected_version=2, note="Xem lại", now=NOW)
    submit(school, 3)
    reviews.recall(school.actor("math"), sheet_id(school), expected_version=4, now=NOW)
    fill(school, {BINH: "Em Chi chăm học, viết đẹp."})
    [fresh] = refused(school, 5)
    assert fresh.is_open and len(listed(school, "math").answered) == 1


def test_the_group_head_and_the_principal_read_the_answer_with_the_sheet(school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    answer(school, refused(school)[0])
    submit(school)
    seen = listed(school, "head_science")
    assert (seen.open, seen.may_answer) == ((), False)
    assert [one.answer for one in seen.answered] == [REASON]
    [item] = [one for one in dashboard.daily(school.actor("head_science"), NOW).odd if one.verb == "review"]
    told = next(one for one in item.oddities if one.kind == "Đã hỏi trước khi nộp")
    assert told.who == "Trịnh Thu Hà" and told.why.endswith(f"Trả lời: {REASON}")
    reviews.review(school.actor("head_science"), sheet_id(school), expected_version=2, now=NOW)
    assert [one.answer for one in listed(school, "principal").answered] == [REASON]


def test_answers_stay_after_the_lock_and_take_no_change(school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    question = answer(school, refused(school)[0])
    submit(school)
    reviews.review(school.actor("head_science"), sheet_id(school), expected_version=2, now=NOW)
    reviews.approve(school.actor("principal"), sheet_id(school), expected_version=3, now=NOW)
    later = NOW + timedelta(days=1)
    reviews.lock(school.actor("principal"), sheet_id(school), expected_version=4, now=later)
    assert len(listed(school, "math").answered) == 1
    with pytest.raises(WrongState):
        answer(school, question, "Một lí do khác hẳn lúc đầu")


@pytest.mark.parametrize("reason", ["", "   ", "đúng", "đã xem", "..........", "Đãđốichiếuvớibài", "x " * 300])
def test_a_reason_that_tells_nothing_is_refused(school: Cast, reason: str) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    [question] = refused(school)
    with pytest.raises(Invalid):
        answer(school, question, reason)
    assert refused(school)[0].is_open


def test_a_second_click_writes_once_and_another_answer_to_the_same_version_is_stale(school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    [question] = refused(school)
    answer(school, question)
    answer(school, question)
    assert len(entries("score:question:answered")) == 1
    with pytest.raises(Stale):
        answer(school, question, "Một lí do khác hẳn lúc đầu")
    changed = answer(school, listed(school, "math").answered[0], "Một lí do khác hẳn lúc đầu")
    assert changed.answer == "Một lí do khác hẳn lúc đầu"
    assert len(entries("score:question:answered")) == 2
    assert audit_verify.verify().ok


def test_a_question_whose_cell_changed_meanwhile_takes_no_answer(school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    [question] = refused(school)
    fill(school, {BINH: "Em Bình chăm học."})
    with pytest.raises(Stale, match="đã đổi"):
        answer(school, question)


def test_only_the_teacher_of_the_sheet_answers(school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    [question] = refused(school)
    for who, error in (
        ("head_science", NotAllowed),
        ("principal", NotAllowed),
        ("outsider", NotFound),
        ("it_officer", NotFound),
    ):
        with pytest.raises(error):
            answer(school, question, who=who)
        if error is NotAllowed:
            assert listed(school, who).open == ()
    with pytest.raises(NotFound):
        answer(school, question, sheet_id=school.sheets["9A", "SCI", 2])


def test_the_principal_who_attests_answers_for_a_teacher_who_left(school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    with write_transaction() as session:
        session.execute(
            update(m.TeachingAssignment)
            .where(m.TeachingAssignment.class_subject_id == school.class_subjects["9A", "MATH"])
            .values(ends_on=(NOW - timedelta(days=2)).date())
        )
    actor = school.actor("principal")
    with pytest.raises(Incomplete) as refusal:
        reviews.submit(actor, sheet_id(school), expected_version=1, now=NOW, note="Giáo viên đã nghỉ, có sổ giấy")
    assert listed(school, "principal").may_answer
    answer(school, refusal.value.gaps[0], who="principal")  # type: ignore[arg-type]
    moved = reviews.submit(actor, sheet_id(school), expected_version=1, now=NOW, note="Giáo viên đã nghỉ, có sổ giấy")
    assert moved.state is SheetState.SUBMITTED


def test_the_rules_are_handed_last_semester_and_the_classes_beside(school: Cast) -> None:
    fill(school)
    for class_name, semester, tenths in (("9A", 1, 60), ("6A", 2, 90)):
        head = score_entry.read_head(school.sheets[class_name, "MATH", semester])
        with write_transaction() as session:
            score_entry.write_cells(
                session,
                SYSTEM,
                head,
                [
                    (enrollment, column.key, score_entry.CellValue(tenths=tenths, origin="entered"), None)
                    for (name, _), enrollment in school.enrollments.items()
                    if name == class_name
                    for column in score_grid.columns_of(head)
                ],
                source="imported",
                now=NOW,
            )
    view = score_grid.open_sheet(school.actor("math"), sheet_id(school), NOW)
    data = sheet_data(view.head)
    assert [line.name for line in data.in_order()][:2] == [BINH, "Nguyễn Bảo Châu"]
    assert {(line.average, line.past[0].average, line.past[0].midterm) for line in data.lines} == {(75, 60, 60)}
    assert data.neighbours == (), "6A is of another grade level and another teacher"
    own = score_grid.open_sheet(school.actor("head_science"), school.sheets["6A", "MATH", 2], NOW)
    assert all(line.past == () for line in sheet_data(own.head).lines)


def test_bulk_and_other_acts_ask_nothing(school: Cast) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    answer(school, refused(school)[0])
    submit(school)
    [outcome] = reviews.move_many(school.actor("head_science"), SheetVerb.REVIEW, [(sheet_id(school), 2)], now=NOW)
    assert outcome.done


FORGED = (
    "UPDATE anomaly_question SET outcome = 'explained', reason = 'Đã xem kĩ rồi', answered_at = asked_at",
    "UPDATE anomaly_question SET words = 'Không có gì lạ'",
    "DELETE FROM anomaly_question",
    "INSERT INTO anomaly_question (score_sheet_id, kind, key, words, cells, asked_at, outcome, reason, answered_at, version)"
    " SELECT score_sheet_id, kind, 'x', words, cells, asked_at, 'explained', 'Đã xem kĩ rồi', asked_at, 1"
    " FROM anomaly_question LIMIT 1",
)


@pytest.mark.parametrize("forged", FORGED)
def test_what_was_changed_behind_the_application_is_refused_at_handing_in(school: Cast, forged: str) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    refused(school)
    with write_transaction() as session:
        session.execute(text(forged))
    with pytest.raises(IntegrityFault, match="sửa ngoài phần mềm"):
        submit(school)
    assert state_of(school) == "DRAFT"


@pytest.mark.parametrize(
    ("verb", "who", "before"),
    [(SheetVerb.REVIEW, "head_science", "SUBMITTED"), (SheetVerb.APPROVE, "principal", "REVIEWED")],
)
def test_a_forged_answer_is_refused_at_review_and_approval(
    school: Cast, verb: SheetVerb, who: str, before: str
) -> None:
    fill(school, {BINH: "Em Chi chăm học."})
    for question in refused(school):
        answer(school, question)
    submit(school)
    if verb is SheetVerb.APPROVE:
        reviews.review(school.actor("head_science"), sheet_id(school), expected_version=2, now=NOW)
    version = db.session.scalar(select(m.ScoreSheet.version).where(m.ScoreSheet.id == sheet_id(school)))
    with write_transaction() as session:
        session.execute(text("UPDATE anomaly_question SET reason = 'Đã sửa theo ý khác'"))
    with pytest.raises(IntegrityFault):
        reviews.move(school.actor(who), sheet_id(school), verb, expected_version=version, now=NOW)
    assert state_of(school) == before
