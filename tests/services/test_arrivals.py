"""A pupil comes in the middle of a year by the office's page, and brings semester I from the old school."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, IntegrityFault, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.student_year import BY_OLD_SCHOOL
from hocbaso.regulations.terms import Promotion
from hocbaso.services import (
    arrivals,
    audit_verify,
    blind_draws,
    class_gaps,
    class_moves,
    dashboard,
    departures,
    exemptions,
    frozen_results,
    homeroom,
    imports,
    inherited_results,
    log_replay,
    progress,
    results,
    roster,
    score_entry,
    score_grid,
    score_lines,
    score_why,
    transcript_contents,
    untouched,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.sheet_access import sheet_for
from tests.cast import LESSONS, NOW, Cast, put_sheets
from tests.databases import Outside
from tests.services.full_class import (
    COMMENT,
    class_row,
    fill_homeroom,
    fill_scores,
    finalised,
    lock_class,
    seen_of,
    teacher_of,
)
from tests.services.test_imports import book

NAME = "Vũ Thị Tới"
CAME = {
    "full_name": NAME,
    "birth_on": "01/02/2012",
    "sex": "Nữ",
    "moet_code": "3699000001",
    "happened_on": "02/03/2027",
    "school_name": "THCS Sông Bồ, Thừa Thiên Huế",
    "old_class": "9A2",
    "paper_no": "31/TN",
    "paper_on": "01/03/2027",
    "reason": "Theo gia đình chuyển chỗ ở",
}
AUTUMN = {**CAME, "happened_on": "12/10/2026", "paper_on": "09/10/2026"}


def comes(school: Cast, raw: dict[str, str] = CAME, who: str = "clerk", **more: Any) -> arrivals.Arrived:
    asked = {"class_group_id": str(school.classes["9A"]), **raw}
    return arrivals.receive(school.actor(who), asked, NOW, **more)


def row(enrollment_id: int) -> m.Enrollment:
    found = db.session.get(m.Enrollment, enrollment_id, populate_existing=True)
    assert found is not None
    return found


def head(school: Cast, code: str, semester: int):
    return sheet_for(school.actor("principal"), school.sheets["9A", code, semester], Permission.SHEET_READ, NOW.date())


def brought(tenths: str = "7,5", mark: str = "Đ") -> dict[int, str]:
    return {row.id: mark if row.code in COMMENT else tenths for row in db.session.scalars(select(m.Subject))}


def copy(school: Cast, enrollment_id: int, values: dict[int, str] | None = None, who: str = "math") -> None:
    inherited_results.propose(
        school.actor(who),
        enrollment_id,
        values if values is not None else brought(),
        "Bảng tổng hợp 45, 28/02/2027",
        NOW,
    )


def type_semester_two(school: Cast, enrollment_id: int, tenths: str = "8") -> None:
    for code in LESSONS:
        sheet = head(school, code, 2)
        for column in score_grid.columns_of(sheet):
            score_entry.save_cell(
                school.actor(teacher_of("9A", code)), sheet.id, enrollment_id, column.key,
                "Đ" if code in COMMENT else tenths, expected_version=0, op_id=None, now=NOW,
            )  # fmt: skip


def test_profile_place_and_papers_are_one_act(school: Cast) -> None:
    done = comes(school)
    found = row(done.enrollment_id)
    assert (found.status, found.joined_on, found.first_semester) == ("transferred_in", date(2027, 3, 2), 2)
    assert found.student.full_name == NAME and found.student.sort_key and found.class_place is not None
    assert (done.first_semester, done.n_handed_in, done.class_name) == (2, 0, "9A")
    movement = departures.of_student(school.actor("math"), done.student_id)[0]
    assert movement.words == "Từ THCS Sông Bồ, Thừa Thiên Huế đến, học từ ngày 02/03/2027"
    year, school_row = db.session.get(m.SchoolYear, school.year_id), db.session.get(m.School, 1)
    assert year is not None
    printed = transcript_contents.study_history(done.student_id, year, transcript_contents.school_block(school_row))
    assert [(one.class_name, one.school_name, one.moved_in_on) for one in printed] == [
        ("9A", "Trường THCS Đồng Sen", date(2027, 3, 2)),
        ("9A2", "THCS Sông Bồ, Thừa Thiên Huế", None),
    ]
    untouched.require_untouched(school.classes["9A"])
    found_log = audit_verify.verify()
    assert found_log.ok, found_log


@pytest.mark.parametrize(
    ("who", "error"),
    [("math", NotAllowed), ("principal", NotAllowed), ("it_officer", NotAllowed), ("other", NotAllowed)],
)
def test_only_the_office_takes_in(school: Cast, who: str, error: type[DomainError]) -> None:
    with pytest.raises(error):
        comes(school, who=who)
    assert db.session.scalar(select(func.count()).select_from(m.Movement)) == 0


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("full_name", ""),
        ("full_name", "Vũ \u202eiớT"),
        ("birth_on", "31/02/2012"),
        ("birth_on", "19/05/2090"),
        ("sex", "khác"),
        ("class_group_id", ""),
        ("class_group_id", "999999"),
        ("happened_on", "13/05/2027"),
        ("school_name", ""),
        ("old_class", ""),
        ("old_class", "9" * 21),
        ("paper_no", ""),
        ("paper_on", "mai"),
        ("reason", " "),
        ("moet_code", "3690000001"),
    ],
)
def test_what_is_wrong_is_refused_at_its_field_and_nothing_is_written(school: Cast, field: str, text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        comes(school, {**CAME, field: text})
    assert refusal.value.field == ("personal_id_number" if field == "moet_code" else field)
    db.session.rollback()
    for model in (m.Movement, m.StudyHistory):
        assert db.session.scalar(select(func.count()).select_from(model)) == 0
    assert db.session.scalar(select(func.count()).select_from(m.Student)) == 10


def test_the_same_name_and_birth_date_asks_once(school: Cast) -> None:
    twin = {**CAME, "full_name": "Nguyễn Bảo Châu", "birth_on": "02/03/2012"}
    with pytest.raises(Invalid, match="đối chiếu") as refusal:
        comes(school, twin)
    assert refusal.value.field == "confirmed" and "cùng họ tên" in refusal.value.details[0]
    assert comes(school, twin, confirmed=True).full_name == "Nguyễn Bảo Châu"


def test_a_finalised_class_takes_nobody(school: Cast) -> None:
    finalised(school)
    with pytest.raises(WrongState, match="Mở lại để sửa"):
        comes(school)
    assert all(name != "9A" for _, name in arrivals.open_classes(school.actor("clerk")))


def test_who_left_comes_back_into_another_class_and_keeps_the_profile(school: Cast) -> None:
    gone = school.enrollments["6A", "Trần Bảo An"]
    student_id = row(gone).student_id
    assert not arrivals.may_return(school.actor("clerk"), student_id)
    with pytest.raises(WrongState, match="đang học lớp 6A"):
        comes(school, student_id=student_id)
    departures.record(
        school.actor("clerk"), gone,
        {"kind": "left", "happened_on": "01/12/2026", "paper_no": "1", "paper_on": "01/12/2026", "reason": "Đi xa"}, NOW,
    )  # fmt: skip
    assert arrivals.may_return(school.actor("clerk"), student_id)
    back = {**CAME, "class_group_id": str(school.classes["6A"])}
    with pytest.raises(WrongState, match="lấy lại"):
        comes(school, back, student_id=student_id)
    done = comes(school, student_id=student_id)
    assert done.student_id == student_id and done.full_name == "Trần Bảo An"
    assert audit_verify.verify().ok


# --- which semester ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "first"),
    [
        (AUTUMN, 1),
        ({**AUTUMN, "happened_on": "18/01/2027"}, 1),
        ({**AUTUMN, "happened_on": "19/01/2027"}, 2),
        ({**AUTUMN, "happened_on": "12/01/2027", "semester_1_done": "1"}, 2),
    ],
)
def test_semester_one_is_the_old_schools_when_it_was_over(school: Cast, raw: dict[str, str], first: int) -> None:
    assert comes(school, raw).first_semester == first


def test_who_comes_by_the_first_day_has_the_year_before_elsewhere(school: Cast) -> None:
    done = comes(school, {**CAME, "happened_on": "05/09/2026", "paper_on": "20/08/2026", "old_class": "8A2"})
    past = db.session.scalars(select(m.StudyHistory)).one()
    assert (past.year_label, past.class_name, done.first_semester) == ("2025-2026", "8A2", 1)


def test_sheets_of_semester_one_ask_nothing_of_who_was_elsewhere(school: Cast) -> None:
    before = {semester: score_lines.count_progress(head(school, "MATH", semester)) for semester in (1, 2)}
    done = comes(school)
    view = score_grid.open_sheet(school.actor("math"), school.sheets["9A", "MATH", 1], NOW)
    line = next(one for one in view.rows if one.enrollment_id == done.enrollment_id)
    assert line.closed == "Ở trường cũ" and not any(cell.can_edit for cell in line.cells) and view.n_students == 6
    assert all(who != done.enrollment_id for who, _, _ in score_lines.list_gaps(head(school, "MATH", 1)))
    assert any(who == done.enrollment_id for who, _, _ in score_lines.list_gaps(head(school, "MATH", 2)))
    after = {semester: score_lines.count_progress(head(school, "MATH", semester)) for semester in (1, 2)}
    assert after[1] == before[1] and after[2].n_expected == before[2].n_expected // 5 * 6
    listed = {one.sheet_id: one for one in progress.sheet_lines(NOW.date())}
    for semester in (1, 2):
        assert listed[school.sheets["9A", "MATH", semester]].n_expected == after[semester].n_expected
    why = score_why.why(school.actor("math"), school.sheets["9A", "MATH", 1], done.enrollment_id, NOW)
    assert len(why.steps) == 1 and BY_OLD_SCHOOL in why.steps[0]
    put_sheets([school.sheets["9A", "MATH", 1]], "RETURNED")
    with pytest.raises(WrongState, match="nơi chuyển đến"):
        score_entry.save_cell(
            school.actor("math"), school.sheets["9A", "MATH", 1], done.enrollment_id, "TX1", "8",
            expected_version=0, op_id=None, now=datetime(2027, 1, 10, 2, 0, tzinfo=UTC),
        )  # fmt: skip


# --- results of the old school ----------------------------------------------------------------------------------------


def test_a_late_pupil_gets_a_year_from_both_schools(school: Cast) -> None:
    fill_scores(school, "9A")
    done = comes(school)
    type_semester_two(school, done.enrollment_id)
    lock_class(school, "9A")
    fill_homeroom(school, "9A")
    values = dict.fromkeys(
        ("absences_excused_1", "absences_unexcused_1", "absences_excused_2", "absences_unexcused_2"), 0
    )
    homeroom.save_class(
        school.actor("math"),
        school.classes["9A"],
        {done.enrollment_id: {"conduct_1": "T", "conduct_2": "T", "remark": "Hoà nhập nhanh.", **values}},
        now=NOW,
    )

    def gaps() -> list[class_gaps.ClassGap]:
        return list(class_gaps.list_gaps(results.compute_class(school.classes["9A"], NOW.date())))

    assert [(gap.kind, gap.enrollment_id) for gap in gaps()] == [("inherited", done.enrollment_id)]
    assert "chưa ghi, còn 12 môn" in gaps()[0].words
    principal = school.actor("principal")
    n_before = dashboard.count_waiting(principal, NOW)
    copy(school, done.enrollment_id)
    assert "đang chờ Hiệu trưởng nhận" in gaps()[0].words
    assert dashboard.count_waiting(principal, NOW) == n_before + 1
    waits = [item for item in dashboard.daily(principal, NOW).odd if item.kind == "inherited"]
    assert len(waits) == 1 and NAME in waits[0].title
    inherited_results.decide(principal, done.enrollment_id, True, NOW)
    assert gaps() == [] and inherited_results.waiting(principal) == []
    assert dashboard.count_waiting(principal, NOW) == n_before

    computed = results.compute_class(school.classes["9A"], NOW.date())
    mine = computed.by_id[done.enrollment_id]
    maths = mine.result.subjects["MATH"]
    assert (maths.semester_1, maths.semester_2, maths.year) == ("7.5", "8.0", "7.8")
    assert mine.result.promotion is Promotion.COMPLETED and BY_OLD_SCHOOL in mine.result.steps[-1]
    class_moves.finalise(
        school.actor("math"), school.classes["9A"], seen=seen_of(school.classes["9A"]), expected_version=1, now=NOW
    )
    frozen = frozen_results.frozen_content(
        computed, mine, freeze="main", principal_remark=None, approved_by="", approved_at=NOW
    )
    assert {one["inherited"] for one in frozen["subjects"]} == {"7.5", "Đ"}
    untouched.require_untouched(school.classes["9A"])
    found = audit_verify.verify()
    assert found.ok, found


@pytest.mark.parametrize(
    ("who", "error"),
    [
        ("clerk", NotFound),
        ("principal", NotAllowed),
        ("other", NotFound),
        ("it_officer", NotFound),
        ("board", NotFound),
    ],
)
def test_only_the_homeroom_teacher_copies(school: Cast, who: str, error: type[DomainError]) -> None:
    done = comes(school)
    with pytest.raises(error):
        copy(school, done.enrollment_id, who=who)


@pytest.mark.parametrize(
    ("who", "error"),
    [("clerk", NotFound), ("math", NotAllowed), ("vice_principal", NotAllowed), ("it_officer", NotFound)],
)
def test_only_the_principal_accepts(school: Cast, who: str, error: type[DomainError]) -> None:
    done = comes(school)
    copy(school, done.enrollment_id)
    with pytest.raises(error):
        inherited_results.decide(school.actor(who), done.enrollment_id, True, NOW)


def test_who_copied_does_not_accept(school: Cast) -> None:
    done = comes(school)
    roster.assign_homeroom(SYSTEM, school.classes["9A"], school.people["principal"], NOW, starts_on=NOW.date())
    copy(school, done.enrollment_id, who="principal")
    with pytest.raises(NotAllowed, match="Phó Hiệu trưởng quyết định"):
        inherited_results.decide(school.actor("principal"), done.enrollment_id, True, NOW)
    assert inherited_results.waiting(school.actor("principal")) == []
    deputy = school.actor("vice_principal")
    assert [one[1] for one in inherited_results.waiting(deputy)] == [done.enrollment_id]
    page = inherited_results.read(deputy, done.enrollment_id)
    assert page is not None and page.may_decide
    inherited_results.decide(deputy, done.enrollment_id, True, NOW)
    read = inherited_results.read(deputy, done.enrollment_id)
    assert read is not None and (read.state, read.decider_name) == ("ACCEPTED", "Trần Quốc Bình")


@pytest.mark.parametrize("text", ["", "11", "7,55", "85", "Đ", "tám"])
def test_a_value_that_is_none_is_refused_at_its_subject(school: Cast, text: str) -> None:
    done = comes(school)
    maths = db.session.scalars(select(m.Subject).where(m.Subject.code == "MATH")).one().id
    with pytest.raises(Invalid) as refusal:
        copy(school, done.enrollment_id, {**brought(), maths: text})
    assert refusal.value.field == f"mon-{maths}"
    assert db.session.scalar(select(func.count()).select_from(m.InheritedResult)) == 0


def test_sent_back_copied_again_and_a_later_slip_put_right(school: Cast) -> None:
    done, principal = comes(school), school.actor("principal")
    copy(school, done.enrollment_id)
    with pytest.raises(Invalid, match="Lí do không nhận"):
        inherited_results.decide(principal, done.enrollment_id, False, NOW)
    inherited_results.decide(principal, done.enrollment_id, False, NOW, note="Toán trên giấy là 7,0")
    page = inherited_results.read(school.actor("math"), done.enrollment_id)
    assert page is not None and (page.state, page.note) == ("REFUSED", "Toán trên giấy là 7,0") and page.may_propose
    with pytest.raises(WrongState, match="đang chờ"):
        inherited_results.decide(principal, done.enrollment_id, True, NOW)
    copy(school, done.enrollment_id, brought("7"))
    copy(school, done.enrollment_id, brought("6,9"))
    inherited_results.decide(principal, done.enrollment_id, True, NOW)
    copy(school, done.enrollment_id, brought("7,0"))
    assert shown(school, done.enrollment_id) == "6.9", "what is accepted holds until its successor is"
    inherited_results.decide(principal, done.enrollment_id, True, NOW)
    assert shown(school, done.enrollment_id) == "7.0"
    states = db.session.execute(select(m.InheritedResult.state, func.count()).group_by(m.InheritedResult.state))
    assert dict(tuple(one) for one in states) == {"REFUSED": 12, "REPLACED": 24, "ACCEPTED": 12}
    assert audit_verify.verify().ok and not log_replay.audit_faults_of_class(school.classes["9A"])


def shown(school: Cast, enrollment_id: int) -> str | None:
    return (
        results.compute_class(school.classes["9A"], NOW.date()).by_id[enrollment_id].result.subjects["MATH"].semester_1
    )


def test_a_subject_the_old_school_did_not_teach_is_exempted_though_its_sheet_is_locked(school: Cast) -> None:
    done = comes(school)
    local = db.session.scalars(select(m.Subject).where(m.Subject.code == "LOCAL")).one().id
    put_sheets([school.sheets["9A", "LOCAL", 1]], "LOCKED")
    asked = exemptions.propose(school.actor("math"), done.enrollment_id, local, 1, "Trường cũ không dạy", now=NOW)
    exemptions.decide(school.actor("principal"), asked.id, True, document="QĐ 7", now=NOW)
    copy(school, done.enrollment_id, {key: value for key, value in brought().items() if key != local})
    inherited_results.decide(school.actor("principal"), done.enrollment_id, True, NOW)
    found = results.compute_class(school.classes["9A"], NOW.date()).by_id[done.enrollment_id].result
    assert not [gap for gap in found.gaps if gap.missing == "inherited"]
    with pytest.raises(WrongState, match="đã khoá"):
        exemptions.propose(school.actor("math"), school.enrollments["9A", "Đinh Công Thành"], local, 1, "Ốm", now=NOW)


def test_who_was_here_in_semester_one_brings_nothing(school: Cast) -> None:
    here = school.enrollments["9A", "Đinh Công Thành"]
    assert inherited_results.read(school.actor("math"), here) is None
    with pytest.raises(WrongState, match="ở trường này"):
        copy(school, here)
    with pytest.raises(NotFound):
        inherited_results.read(school.actor("clerk"), comes(school).enrollment_id)


def test_nothing_moves_in_a_finalised_class(school: Cast) -> None:
    done = comes(school)
    copy(school, done.enrollment_id)
    with write_transaction():
        class_row(school, "9A").state = "FINALISED"
    for act in (
        lambda: copy(school, done.enrollment_id),
        lambda: inherited_results.decide(school.actor("principal"), done.enrollment_id, True, NOW),
    ):
        with pytest.raises(WrongState, match="Mở lại"):
            act()
    assert inherited_results.waiting(school.actor("principal")) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE inherited_result SET tenths = 95 WHERE tenths IS NOT NULL",
        "UPDATE inherited_result SET state = 'ACCEPTED', decided_at = proposed_at",
        "UPDATE enrollment SET first_semester = 1 WHERE first_semester = 2",
        "DELETE FROM movement",
    ],
)
def test_what_another_program_wrote_is_found(school: Cast, statement: str) -> None:
    done = comes(school)
    copy(school, done.enrollment_id)
    with Outside() as outside:
        outside.execute(statement)
    db.session.remove()
    assert not audit_verify.verify().ok
    with pytest.raises(IntegrityFault):
        untouched.require_untouched(school.classes["9A"])
    if "inherited" in statement:
        with pytest.raises((IntegrityFault, WrongState)):
            inherited_results.decide(school.actor("principal"), done.enrollment_id, True, NOW)


def test_nothing_is_drawn_of_a_semester_elsewhere(school: Cast) -> None:
    fill_scores(school, "9A")
    with write_transaction() as session:
        year = session.get(m.SchoolYear, school.year_id)
        assert year is not None
        year.spot_check_percent = 100
    done = comes(school)
    with write_transaction():
        blind_draws.renew(school.actor("math"), head(school, "MATH", 1), NOW)
    drawn = set(db.session.scalars(select(m.BlindCheck.enrollment_id)))
    assert drawn and done.enrollment_id not in drawn


def test_a_list_that_still_names_who_left_changes_nothing_about_leaving(school: Cast) -> None:
    """The office imports last week's Excel list again."""
    gone = school.enrollments["9A", "Nguyễn Bảo Châu"]
    departures.record(
        school.actor("clerk"), gone,
        {"kind": "left", "happened_on": "01/03/2027", "paper_no": "1", "paper_on": "01/03/2027", "reason": "Đi xa"}, NOW,
    )  # fmt: skip
    head = ["Mã định danh Bộ GD&ĐT", "Họ và tên", "Ngày sinh", "Giới tính", "Lớp"]
    file = book([head, [row(gone).student.moet_code, "Nguyễn Bảo Châu", "02/03/2012", "Nam", "9A"]])
    report = imports.run_import(school.actor("clerk"), "students", file, NOW, apply=True)
    assert not report.applied and "đã thôi học ở lớp này" in report.problems[0].message_vi
    assert row(gone).status == "left"
