"""A pupil leaves in the middle of a year: the lines close everywhere, nothing typed is lost, a mistake can be taken back."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import transcript_content
from hocbaso.errors import DomainError, Incomplete, IntegrityFault, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.services import (
    audit_verify,
    class_gaps,
    departures,
    exports,
    happenings,
    homeroom,
    partial_results,
    progress,
    results,
    reviews,
    roster,
    score_entry,
    score_grid,
    score_lines,
    student_classes,
    students,
    transcript_building,
    untouched,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.sheet_access import sheet_for
from tests.cast import NOW, STUDENTS, Cast, put_sheets
from tests.databases import Outside
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_fixture,
    approved_template_fixture,
)
from tests.services.full_class import class_row, fill_scores, finalised, lock_class

WHO = "Nguyễn Bảo Châu"
OUT = {
    "kind": "transferred_out",
    "happened_on": "07/05/2027",
    "school_name": "THCS Sông Bồ, Thừa Thiên Huế",
    "paper_no": "12/TN-THCS",
    "paper_on": "05/05/2027",
    "reason": "Theo gia đình chuyển chỗ ở",
}
LEFT = {**OUT, "kind": "left", "school_name": ""}


def place(school: Cast, name: str = WHO) -> int:
    return school.enrollments["9A", name]


def goes(school: Cast, raw: dict[str, str] = OUT, who: str = "clerk") -> departures.Movement:
    return departures.record(school.actor(who), place(school), raw, NOW)


def row(school: Cast) -> m.Enrollment:
    found = db.session.get(m.Enrollment, place(school), populate_existing=True)
    assert found is not None
    return found


def head(school: Cast, code: str = "MATH", semester: int = 2):
    return sheet_for(school.actor("principal"), school.sheets["9A", code, semester], Permission.SHEET_READ, NOW.date())


@pytest.mark.parametrize(
    ("raw", "status", "word"), [(OUT, "transferred_out", "Đã chuyển đi"), (LEFT, "left", "Đã thôi học")]
)
def test_the_lines_close_and_nothing_more_is_asked(school: Cast, raw: dict[str, str], status: str, word: str) -> None:
    sheet = school.sheets["9A", "MATH", 2]
    score_entry.save_cell(
        school.actor("math"), sheet, place(school), "TX1", "8,5", expected_version=0, op_id=None, now=NOW
    )
    before = score_lines.count_progress(head(school))
    told = goes(school, raw)
    assert (row(school).status, row(school).left_on) == (status, date(2027, 5, 7))
    assert told.stands and told.may_take_back and told.class_name == "9A"

    view = score_grid.open_sheet(school.actor("math"), sheet, NOW)
    line = next(one for one in view.rows if one.enrollment_id == place(school))
    assert line.closed == word and not any(cell.can_edit for cell in line.cells)
    assert line.cells[0].text == "8,5", "what was typed stays to be read"
    assert all(who != place(school) for who, _, _ in score_lines.list_gaps(head(school)))
    after = score_lines.count_progress(head(school))
    assert after.n_expected == before.n_expected // 5 * 4 and after.n_entered == 0
    listed = next(one for one in progress.sheet_lines(NOW.date()) if one.sheet_id == sheet)
    assert (listed.n_entered, listed.n_expected) == (after.n_entered, after.n_expected)
    assert db.session.scalar(select(func.count()).select_from(m.ScoreCellVersion)) == 1, "the history is kept"
    with pytest.raises(WrongState, match=word.lower()):
        score_entry.save_cell(
            school.actor("math"), sheet, place(school), "TX2", "8", expected_version=0, op_id=None, now=NOW
        )


def test_the_class_its_lists_and_its_exports_know_it(school: Cast) -> None:
    goes(school)
    computed = results.compute_class(school.classes["9A"], NOW.date())
    assert [one.full_name for one in computed.left] == [WHO] and len(computed.students) == 4
    assert all(gap.enrollment_id != place(school) for gap in class_gaps.list_gaps(computed))
    office = school.actor("clerk")
    year = student_classes.years_with_classes(office)[0]
    assert next(one for one in year.classes if one.name == "9A").n_students == 4
    assert students.class_roster(office, school.classes["9A"])[-1][1].full_name == WHO
    assert exports.export(office, "students", NOW, class_name="9A").n_rows == 4
    assert exports.export(school.actor("principal"), "scores", NOW, class_name="9A", form="jsonl").n_rows == 4 * 24
    assert WHO not in exports.export(office, "statistics", NOW, class_name="9A", form="jsonl").data.decode()
    said = [one.words for one in happenings.since_yesterday(office, NOW)]
    assert "Lương Thị Thoa ghi 1 học sinh rời lớp 9A" in said
    assert "Lương Thị Thoa ghi 1 học sinh rời lớp 9A" in [
        one.words for one in happenings.since_yesterday(school.actor("math"), NOW)
    ]
    assert not any("rời" in one.words for one in happenings.since_yesterday(school.actor("head_society"), NOW))
    assert not any("rời" in one.words for one in happenings.since_yesterday(school.actor("it_officer"), NOW))


def test_a_sheet_that_waited_for_this_pupil_alone_is_handed_in(school: Cast) -> None:
    fill_scores(school, "9A")
    with write_transaction() as session:
        session.execute(
            update(m.ScoreCell)
            .where(m.ScoreCell.enrollment_id == place(school))
            .values(tenths=None, mark=None, origin="empty", remark=None)
        )
    sheet = school.sheets["9A", "MATH", 2]
    with pytest.raises(Incomplete):
        reviews.move(school.actor("math"), sheet, SheetVerb.SUBMIT, expected_version=1, now=NOW)
    goes(school)
    assert score_lines.list_gaps(head(school)) == ()


def test_the_year_ends_without_the_pupil(school: Cast) -> None:
    fill_scores(school, "9A")
    goes(school)
    lock_class(school, "9A")
    fill_homeroom_of_the_rest(school)
    assert class_gaps.list_gaps(results.compute_class(school.classes["9A"], NOW.date(), fresh=True)) == ()
    untouched.require_untouched(school.classes["9A"])
    found = audit_verify.verify()
    assert found.ok, found


def fill_homeroom_of_the_rest(school: Cast) -> None:
    values = dict.fromkeys(
        ("absences_excused_1", "absences_unexcused_1", "absences_excused_2", "absences_unexcused_2"), 0
    )
    homeroom.save_class(
        school.actor("math"),
        school.classes["9A"],
        {
            place(school, name): {"conduct_1": "T", "conduct_2": "T", "remark": "Chăm.", **values}
            for name in STUDENTS["9A"]
            if name != WHO
        },
        now=NOW,
    )


@pytest.mark.parametrize(
    ("who", "error"),
    [
        ("math", NotAllowed),
        ("principal", NotAllowed),
        ("vice_principal", NotAllowed),
        ("head_society", NotFound),
        ("other", NotFound),
        ("it_officer", NotFound),
        ("board", NotFound),
        ("outsider", NotFound),
    ],
)
def test_only_the_office_writes_it(school: Cast, who: str, error: type[DomainError]) -> None:
    with pytest.raises(error):
        goes(school, who=who)
    done = goes(school)
    with pytest.raises(error):
        departures.take_back(school.actor(who), done.id, "Ghi nhầm em", NOW)
    assert row(school).status == "transferred_out"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("kind", ""),
        ("kind", "studying"),
        ("kind", "transferred_in"),
        ("happened_on", ""),
        ("happened_on", "31/02/2027"),
        ("happened_on", "13/05/2027"),
        ("happened_on", "04/09/2026"),
        ("school_name", "  "),
        ("school_name", "a" * 201),
        ("paper_no", ""),
        ("paper_no", "a" * 101),
        ("paper_on", "13/05/2027"),
        ("reason", ""),
        ("reason", "a" * 501),
        ("reason", "Theo \u202eaig"),
    ],
)
def test_what_is_missing_or_impossible_is_refused_at_its_field(school: Cast, field: str, text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        goes(school, {**OUT, field: text})
    assert refusal.value.field == field
    assert row(school).status == "studying" and db.session.scalar(select(func.count()).select_from(m.Movement)) == 0


def test_who_stops_names_no_school(school: Cast) -> None:
    assert goes(school, {**LEFT, "school_name": "THCS Sông Bồ"}).school_name is None


def test_nobody_leaves_twice(school: Cast) -> None:
    goes(school)
    with pytest.raises(WrongState, match="đã được ghi"):
        goes(school, LEFT)


def test_a_finalised_and_an_approved_class_say_what_to_do(school: Cast) -> None:
    finalised(school)
    with pytest.raises(WrongState, match="Mở lại để sửa"):
        goes(school)
    with write_transaction():
        class_row(school, "9A").state = "APPROVED"
    with pytest.raises(WrongState, match="học bạ năm này vẫn lập"):
        goes(school)
    assert row(school).status == "studying"


def test_a_mistake_is_taken_back_with_its_own_entry(school: Cast) -> None:
    done = goes(school)
    with pytest.raises(Invalid) as refusal:
        departures.take_back(school.actor("clerk"), done.id, " ", NOW)
    assert refusal.value.field == "reason"
    back = departures.take_back(school.actor("clerk"), done.id, "Ghi nhầm em cùng tên", NOW)
    assert (row(school).status, row(school).left_on) == ("studying", None)
    assert not back.movement.stands and back.movement.taken_back_reason == "Ghi nhầm em cùng tên"
    assert back.n_sheets == 0
    with pytest.raises(WrongState, match="lấy lại rồi"):
        departures.take_back(school.actor("clerk"), done.id, "Lần nữa", NOW)
    assert goes(school, LEFT).kind == "left", "and the pupil may leave again"
    assert [one.stands for one in departures.of_student(school.actor("math"), row(school).student_id)] == [False, True]
    tags = db.session.scalars(
        select(m.AuditEntry.tag).where(m.AuditEntry.target_kind == "enrollment").order_by(m.AuditEntry.seq)
    ).all()
    assert tags == [
        "enrollment:departure:recorded",
        "enrollment:departure:taken_back",
        "enrollment:departure:recorded",
    ]
    found = audit_verify.verify()
    assert found.ok, found
    untouched.require_untouched(school.classes["9A"])


def test_taking_back_says_which_sheets_lack_the_pupil_again(school: Cast) -> None:
    fill_scores(school, "9A", skip=(("9A", "MATH", 2),))
    done = goes(school)
    put_sheets([school.sheets["9A", "MATH", 2], school.sheets["9A", "LIT", 2]], "SUBMITTED")
    assert departures.take_back(school.actor("clerk"), done.id, "Ghi nhầm", NOW).n_sheets == 1


def test_a_class_finalised_since_keeps_the_departure(school: Cast) -> None:
    done = goes(school)
    with write_transaction():
        class_row(school, "9A").state = "FINALISED"
    with pytest.raises(WrongState, match="Mở lại để sửa"):
        departures.take_back(school.actor("clerk"), done.id, "Ghi nhầm", NOW)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("movement", {"school_name": "Trường khác"}),
        ("movement", {"happened_on": "2027-01-05"}),
        ("enrollment", {"left_on": "2027-01-05"}),
    ],
)
def test_a_paper_that_was_changed_outside_is_found(school: Cast, table: str, change: dict[str, str]) -> None:
    done = goes(school)
    column, value = next(iter(change.items()))
    row_id = done.id if table == "movement" else done.enrollment_id
    with Outside() as outside:
        outside.execute(f"UPDATE {table} SET {column} = '{value}' WHERE id = {row_id}")
    db.session.remove()
    assert not audit_verify.verify().ok
    with pytest.raises(IntegrityFault):
        untouched.require_untouched(school.classes["9A"])
    with pytest.raises(IntegrityFault):
        departures.take_back(school.actor("clerk"), done.id, "Ghi nhầm", NOW)


def test_the_years_that_were_finished_keep_their_transcripts(approved: Cast) -> None:
    """Châu finished 9A here, is in a class of the next year and leaves it: the record of 9A is built and exported as before."""
    clerk, later = approved.actor("clerk"), datetime(2027, 10, 4, 2, 0, tzinfo=UTC)
    year = roster.create_year(SYSTEM, "2027-2028", NOW)
    again = roster.create_class(SYSTEM, year, "9C", NOW)
    new = roster.enrol(SYSTEM, [row(approved).student_id], again, year.starts_on, NOW)[0]
    new_id = new.id
    gone = {**OUT, "happened_on": "01/10/2027", "paper_on": "30/09/2027"}
    departures.record(clerk, new_id, gone, later)
    batch = transcript_building.build_class(clerk, approved.classes["9A"], later, "3690000001")
    assert [item.outcome for item in batch.items] == ["done"], [item.reason for item in batch.items]
    record = db.session.scalars(
        select(m.TranscriptRecord).where(m.TranscriptRecord.enrollment_id == place(approved))
    ).one()
    content = transcript_content.from_canonical_json(record.content.encode())
    assert [one.school_year for one in content.study_history] == ["2026-2027"]
    assert row(approved).status == "studying", "the finished year says nothing of the next"
    now_out = db.session.get(m.Enrollment, new_id, populate_existing=True)
    assert now_out is not None and now_out.status == "transferred_out"
    summary, _ = partial_results.read(clerk, now_out.student_id, new_id, later)
    assert summary.class_name == "9C" and summary.movements == (
        "Chuyển đến THCS Sông Bồ, Thừa Thiên Huế, học đến hết ngày 01/10/2027",
    )


def test_the_summary_tells_what_stands_and_what_may_change(school: Cast) -> None:
    fill_scores(school, "9A", {(WHO, "MATH"): 70}, skip=(("9A", "LIT", 2),))
    put_sheets([school.sheets["9A", "MATH", 1]], "LOCKED")
    goes(school)
    content, _ = partial_results.read(school.actor("clerk"), row(school).student_id, place(school), NOW)
    by_name = {one.name: one for one in content.subjects}
    maths, literature = by_name["Toán"], by_name["Ngữ văn"]
    assert (maths.terms[0].regular, maths.terms[0].midterm, maths.terms[0].result) == (
        "7,0; 7,0; 7,0; 7,0",
        "7,0",
        "7,0",
    )
    assert not maths.terms[0].is_open and maths.terms[1].is_open and maths.year == "7,0"
    assert (literature.terms[1].regular, literature.terms[1].result, literature.year) == ("", "", "")
    assert content.notes[0].startswith("* Bảng điểm chưa khoá")
    for who, error in (("head_society", NotFound), ("it_officer", NotFound), ("other", NotFound)):
        with pytest.raises(error):
            partial_results.read(school.actor(who), row(school).student_id, place(school), NOW)
    with pytest.raises(NotFound):
        partial_results.read(school.actor("clerk"), 1, place(school), NOW)
