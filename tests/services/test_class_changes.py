"""A pupil goes from 6A to 6B in the middle of a year: every value goes along, counts once, keeps its past, and comes back the same way."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import func, select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.permissions import Permission
from hocbaso.services import (
    arrivals,
    audit_verify,
    class_approval,
    class_changes,
    class_gaps,
    class_moves,
    correction_access,
    correction_civil_requests,
    correction_decisions,
    correction_resending,
    correction_view,
    departures,
    exemption_revocations,
    exemptions,
    exports,
    frozen_results,
    happenings,
    inherited_results,
    month_absences,
    month_totals,
    partial_results,
    progress,
    results,
    roster,
    score_entry,
    score_grid,
    score_history,
    score_lines,
    stored_documents,
    student_classes,
    students,
    study_history,
    test_school_keys,
    transcript_building,
    transcript_contents,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.sheet_access import sheet_for
from tests.cast import LESSONS, NOW, Cast, put_sheets
from tests.documents.samples import SCHOOL
from tests.services.full_class import fill_homeroom, fill_scores, last_entry, lock_class, seen_of
from tests.services.test_arrivals import CAME, brought
from tests.services.test_corrections import SCAN
from tests.services.two_classes import PAPERS, WHO, build_6b, move, place, pupil

MATH = ("7", "9,5", "8", "6,5")


@pytest.fixture(name="pair")
def _pair(school: Cast, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cast]:
    build_6b(school, monkeypatch)
    yield school


def types(cast: Cast, class_name: str, code: str, values: dict[str, str], semester: int = 2) -> None:
    """The teacher types cells of the pupil."""
    who = {("6A", "MATH"): "head_science", ("6A", "LIT"): "head_society"}.get((class_name, code), "other")
    sheet, row = cast.sheets[class_name, code, semester], place(cast, class_name).id
    for key, text in values.items():
        cell = cell_of(cast, class_name, code, key, semester)
        score_entry.save_cell(
            cast.actor(who), sheet, row, key, text, expected_version=cell.version if cell else 0, op_id=None, now=NOW
        )


def cell_of(cast: Cast, class_name: str, code: str, key: str, semester: int = 2) -> m.ScoreCell | None:
    return db.session.scalar(
        select(m.ScoreCell)
        .where(
            m.ScoreCell.score_sheet_id == cast.sheets[class_name, code, semester],
            m.ScoreCell.enrollment_id == place(cast, class_name).id,
            m.ScoreCell.column_key == key,
        )
        .execution_options(populate_existing=True)
    )


def result_of(cast: Cast, class_name: str):
    computed = results.compute_class(cast.classes[class_name], NOW.date(), fresh=True)
    return computed.by_id[place(cast, class_name).id].result


def test_every_value_goes_along_and_counts_once(pair: Cast) -> None:
    types(
        pair,
        "6A",
        "MATH",
        {**dict(zip(("TX1", "TX2", "TX3", "TX4"), MATH, strict=True)), "GK": "vp", "CK": "8,5", "NX": "Chăm."},
    )
    types(pair, "6A", "PE", {"TX1": "Đ", "TX2": "CĐ"})
    before = result_of(pair, "6A").subjects
    old_id = place(pair, "6A").id
    found = class_changes.preview(pair.actor("clerk"), pupil(pair), pair.classes["6B"])
    assert (found.n_marks, found.refusals, found.n_locked) == (8, (), 0)
    assert {one.name: (one.n_marks, one.n_remarks) for one in found.subjects}["Toán"] == ((0, 6), 1)
    move(pair)

    old, new = place(pair, "6A"), place(pair, "6B")
    assert (old.id, old.status, old.left_on) == (old_id, "moved", NOW.date())
    assert (new.status, new.left_on, new.joined_on) == ("studying", None, NOW.date()) and new.class_place is not None
    for key in ("TX1", "TX2", "TX3", "TX4", "GK", "CK", "NX"):
        was, now = cell_of(pair, "6A", "MATH", key), cell_of(pair, "6B", "MATH", key)
        assert was is not None and now is not None
        for name in ("tenths", "mark", "remark", "origin", "makeup_due_on", "updated_by"):
            assert getattr(was, name) == getattr(now, name), (key, name)
        assert was.version == now.version == 1
    assert cell_of(pair, "6B", "MATH", "GK").origin == "missed_excused"
    assert result_of(pair, "6B").subjects == before
    assert audit_verify.verify().ok

    view = score_grid.open_sheet(pair.actor("head_science"), pair.sheets["6A", "MATH", 2], NOW)
    line = next(one for one in view.rows if one.enrollment_id == old_id)
    assert (
        line.closed == "Đã xếp lại lớp" and line.cells[0].text == "7,0" and not any(one.can_edit for one in line.cells)
    )
    _, words, lines = score_history.cell_history(
        pair.actor("other"), pair.sheets["6B", "MATH", 2], place(pair, "6B").id, "TX1", NOW
    )
    assert (words, [(one.text, one.source, one.from_class, one.by_name) for one in lines]) == (
        "thường xuyên 1",
        [("7,0", "carried", "6A", "Vũ Đình Lâm")],
    )
    told = json.loads(last_entry("enrollment:class:changed").payload)
    assert told["note"] == PAPERS["reason"] and told["facts"]["from_class"] == "6A" and told["facts"]["n_cells"] == 9
    [change] = class_changes.of_student(pair.actor("clerk"), pupil(pair))
    assert (change.from_class, change.to_class, change.paper) == ("6A", "6B", "07/QĐ-THCS, 10/05/2027")
    # the teacher of the new class types on from there
    types(pair, "6B", "MATH", {"TX1": "7,5"})
    assert audit_verify.verify().ok


def test_everything_that_counts_pupils_counts_this_one_in_the_new_class(pair: Cast) -> None:
    fill_scores(pair, "6A")
    fill_homeroom(pair, "6A")
    move(pair)
    old, new = place(pair, "6A").id, place(pair, "6B").id
    a, b = (results.compute_class(pair.classes[name], NOW.date(), fresh=True) for name in ("6A", "6B"))
    assert WHO not in [row.given.full_name for row in a.students] and [one.full_name for one in a.left] == [WHO]
    assert len(a.students) == 4 and len(b.students) == 3
    assert all(gap.enrollment_id != old for gap in class_gaps.list_gaps(a))
    assert all(gap.enrollment_id != new or gap.kind == "sheet" for gap in class_gaps.list_gaps(b))
    heads = {
        name: sheet_for(SYSTEM, pair.sheets[name, "MATH", 2], Permission.SHEET_READ, NOW.date())
        for name in ("6A", "6B")
    }
    assert [score_lines.count_progress(heads[name]).n_expected for name in ("6A", "6B")] == [4 * 6, 3 * 6]
    listed = {one.sheet_id: one for one in progress.sheet_lines(NOW.date())}
    assert (listed[heads["6A"].id].n_entered, listed[heads["6B"].id].n_entered) == (24, 6)
    office = pair.actor("clerk")
    year = student_classes.years_with_classes(office)[0]
    assert {one.name: one.n_students for one in year.classes} == {"6A": 4, "6B": 3, "9A": 5}
    assert exports.export(office, "students", NOW, class_name="6A").n_rows == 4
    assert exports.export(office, "students", NOW, class_name="6B").n_rows == 3
    assert WHO not in exports.export(office, "statistics", NOW, class_name="6A", form="jsonl").data.decode()
    assert [line.class_name for line in transcript_contents.study_history(
        pupil(pair), place(pair, "6B").class_group.school_year, SCHOOL
    )] == ["6B"]  # fmt: skip
    assert study_history._class_here(pupil(pair), "2026-2027") == "6B"
    assert departures.seat_of(office, pupil(pair)).class_name == "6B"
    assert students.class_roster(office, pair.classes["6A"])[-1][1].full_name == WHO
    assert student_classes.moved_to(pair.classes["6A"]) == {old: "6B"}
    assert "Lương Thị Thoa chuyển 1 học sinh sang lớp 6B" in [
        one.words for one in happenings.since_yesterday(office, NOW)
    ]
    content, _ = partial_results.read(pair.actor("principal"), pupil(pair), new, NOW)
    assert content.class_name == "6B"
    for sheet in ("6A", "6B"):
        asked = score_grid.open_sheet(pair.actor("principal"), pair.sheets[sheet, "MATH", 2], NOW)
        assert sum(one.closed == "" for one in asked.rows) == {"6A": 4, "6B": 3}[sheet]


def test_what_the_homeroom_teacher_and_the_principal_wrote_goes_along(pair: Cast) -> None:
    keeper, place_6a = pair.actor("head_society"), place(pair, "6A")
    fill_homeroom(pair, "6A", {WHO: {"absences_excused_1": None}})
    column = month_totals.columns_of(place_6a.class_group)[0]
    for one in [one for one in month_totals.columns_of(place_6a.class_group) if one.semester == 1]:
        month_absences.save_month(keeper, place_6a.id, one.key, "excused", "1", expected_version=0, now=NOW)
    asked = exemptions.propose(keeper, place_6a.id, pe(pair), None, "Gãy chân", now=NOW, document="Giấy ra viện")
    with pytest.raises(WrongState, match="miễn học của em ở lớp 6A đang chờ"):
        move(pair)
    exemptions.decide(pair.actor("principal"), asked.id, True, document="12/QĐ", now=NOW)
    kept = {name: getattr(record(pair, "6A"), name) for name in homeroom_names()}
    found = move(pair)
    assert found.n_exemptions == 1 and found.n_months >= 4 and "nhận xét" in found.homeroom
    assert {name: getattr(record(pair, "6B"), name) for name in homeroom_names()} == kept
    there = month_totals.cells_of([place(pair, "6B").id])[place(pair, "6B").id]
    assert there[column.key, "excused"].sessions == 1
    assert month_totals.came_later([place(pair, "6B")]) == {}, "the months came along, so they are due from the start"
    granted = db.session.scalars(select(m.Exemption).where(m.Exemption.enrollment_id == place(pair, "6B").id)).one()
    assert (granted.state, granted.document, granted.decided_by) == ("GRANTED", "12/QĐ", pair.accounts["principal"])
    head = sheet_for(SYSTEM, pair.sheets["6B", "PE", 1], Permission.SHEET_READ, NOW.date())
    assert score_lines.read_lines(head)[place(pair, "6B").id] == "Miễn"
    assert audit_verify.verify().ok


def test_an_exemption_that_came_along_is_taken_back_where_the_pupil_is_now(pair: Cast) -> None:
    keeper, principal = pair.actor("head_society"), pair.actor("principal")
    asked = exemptions.propose(keeper, place(pair, "6A").id, pe(pair), None, "Gãy chân", now=NOW, document="Giấy")
    exemptions.decide(principal, asked.id, True, document="12/QĐ", now=NOW)
    move(pair)
    granted = select(m.Exemption).where(m.Exemption.enrollment_id == place(pair, "6B").id)
    row = db.session.scalars(granted).one()
    line = exemption_revocations.propose(keeper, row.id, "Đã khoẻ", now=NOW)
    exemption_revocations.decide(principal, line.id, True, note="15/QĐ", now=NOW)
    assert row.state == "REVOKED"
    move(pair, "6A")
    old = db.session.get_one(m.Exemption, asked.id, populate_existing=True)
    assert old.state == "REVOKED" and audit_verify.verify().ok


def pe(cast: Cast) -> int:
    return db.session.scalars(select(m.Subject.id).where(m.Subject.code == "PE")).one()


def record(cast: Cast, class_name: str) -> m.HomeroomRecord:
    return db.session.scalars(
        select(m.HomeroomRecord)
        .where(m.HomeroomRecord.enrollment_id == place(cast, class_name).id)
        .execution_options(populate_existing=True)
    ).one()


def homeroom_names() -> tuple[str, ...]:
    return ("conduct_1", "conduct_2", "absences_excused_1", "absences_unexcused_1", "absences_excused_2", "remark")


def test_and_back_again(pair: Cast) -> None:
    types(pair, "6A", "MATH", {"TX1": "7", "TX2": "9"})
    types(pair, "6A", "LIT", {"TX1": "6"})
    first = place(pair, "6A").id, place(pair, "6A").class_place
    move(pair)
    types(pair, "6B", "MATH", {"TX1": "8", "TX2": "", "TX3": "5"})
    move(pair, "6A")
    assert (place(pair, "6A").id, place(pair, "6A").class_place) == first, "the old place stands again, with its number"
    assert (place(pair, "6A").status, place(pair, "6A").left_on, place(pair, "6B").status) == (
        "studying",
        None,
        "moved",
    )
    cells = {key: cell_of(pair, "6A", "MATH", key) for key in ("TX1", "TX2", "TX3")}
    assert {key: (cell.tenths, cell.version) for key, cell in cells.items()} == {
        "TX1": (80, 2),
        "TX2": (None, 2),
        "TX3": (50, 1),
    }
    assert cell_of(pair, "6A", "LIT", "TX1").version == 1, "what did not change is not written again"
    _, _, lines = score_history.cell_history(
        pair.actor("head_science"), pair.sheets["6A", "MATH", 2], first[0], "TX1", NOW
    )
    assert [(one.text, one.from_class) for one in lines] == [("8,0", "6B"), ("7,0", "")]
    assert audit_verify.verify().ok
    move(pair, "6B")
    assert place(pair, "6B").status == "studying"
    assert len(class_changes.of_student(pair.actor("clerk"), pupil(pair))) == 3
    assert audit_verify.verify().ok


def test_who_came_back_is_asked_about_in_the_class_of_today(pair: Cast) -> None:
    """A civil-status request goes to the homeroom teacher of the class the pupil is in, not of the one left last."""
    move(pair)
    move(pair, "6A")
    assert ask_birth_place(pair).enrollment_id == place(pair, "6A").id


def ask_birth_place(cast: Cast) -> m.CorrectionRequest:
    student = db.session.get_one(m.Student, pupil(cast))
    return correction_civil_requests.ask_civil_status(
        cast.actor("clerk"), student.id, {"birth_place": "Nơi khác"}, {"birth_place": student.birth_place or ""},
        "Cải chính", "QĐ 15", [SCAN], NOW,
    )  # fmt: skip


def another_keeps_6b(cast: Cast) -> None:
    roster.assign_homeroom(SYSTEM, cast.classes["6B"], cast.people["other"], NOW, starts_on=NOW.date())


def test_what_is_asked_of_the_profile_is_confirmed_in_the_new_class(pair: Cast) -> None:
    """It stayed with who keeps the class that was left, and who keeps the new one did not see it."""
    another_keeps_6b(pair)
    request = ask_birth_place(pair)
    move(pair)
    keeper = pair.actor("other")
    assert correction_access.holders(request, NOW.date()) == (pair.people["other"],)
    assert correction_access.held_by(keeper, NOW.date()) == [request.id]
    assert last_entry("correction:request:followed").target_id == str(request.id)
    with pytest.raises(Stale):
        correction_decisions.confirm(keeper, request.id, expected_version=1, now=NOW)
    confirmed = correction_decisions.confirm(keeper, request.id, expected_version=2, now=NOW)
    assert (confirmed.state, confirmed.enrollment_id) == ("CONFIRMED", place(pair, "6B").id)
    assert audit_verify.verify().ok


def test_a_returned_request_is_sent_again_to_the_new_class(pair: Cast) -> None:
    another_keeps_6b(pair)
    request = ask_birth_place(pair)
    keeper = pair.actor("head_society")
    correction_decisions.send_back(keeper, request.id, "Thiếu ảnh", expected_version=1, now=NOW)
    move(pair)
    with pytest.raises(NotFound):
        correction_view.page(keeper, request.id, NOW)
    correction_resending.resend(pair.actor("clerk"), request.id, "Đã đủ", [], expected_version=3, now=NOW)
    assert correction_access.holders(request, NOW.date()) == (pair.people["other"],)


def test_a_locked_sheet_takes_only_what_was_locked(pair: Cast) -> None:
    fill_scores(pair, "6A")
    put_sheets([pair.sheets["6A", "MATH", 1]], "LOCKED")
    found = class_changes.preview(pair.actor("clerk"), pupil(pair), pair.classes["6B"])
    assert [words.split(",")[0] for words in found.refusals] == ["Bảng điểm Toán 6A"]
    with pytest.raises(WrongState, match="Bảng điểm Toán 6A, học kì I, đã khoá"):
        move(pair)
    put_sheets([pair.sheets["6A", "MATH", 1]], "DRAFT")
    put_sheets([pair.sheets["6B", "LIT", 2]], "LOCKED")
    with pytest.raises(WrongState, match="Bảng điểm Ngữ văn 6B, học kì II, đã khoá"):
        move(pair)
    put_sheets([pair.sheets["6B", "LIT", 2]], "SUBMITTED")
    with pytest.raises(WrongState, match="đang chờ duyệt"):
        move(pair)
    assert place(pair, "6A").status == "studying"
    assert db.session.scalar(select(func.count()).where(m.ScoreCellVersion.source == "carried")) == 0


def test_a_mark_that_differs_from_its_paper_is_settled_first(pair: Cast) -> None:
    """In the new sheet nobody would ask for the paper again."""
    types(pair, "6A", "MATH", {"GK": "9"})
    sheet = pair.sheets["6A", "MATH", 2]
    with write_transaction() as session:
        draw = m.BlindDraw(score_sheet_id=sheet, seed="0" * 32, percent=100, cells="", at=NOW)
        session.add(draw)
        session.flush()
        session.add(
            m.BlindCheck(
                blind_draw_id=draw.id, score_sheet_id=sheet, enrollment_id=place(pair, "6A").id, column_key="GK",
                cell_version=1, state="DIFFERENT", second_tenths=50, no_paper=False, version=2, typed_at=NOW,
            )
        )  # fmt: skip
    with pytest.raises(WrongState, match="lệch với bài gốc"):
        move(pair)
    types(pair, "6A", "MATH", {"GK": "5"})
    assert class_changes.preview(pair.actor("clerk"), pupil(pair), pair.classes["6B"]).refusals == ()


def test_who_may_and_what_is_refused(pair: Cast) -> None:
    types(pair, "6A", "MATH", {"TX1": "7"})
    seen = class_changes.preview(pair.actor("clerk"), pupil(pair), pair.classes["6B"]).seen
    raw = {**PAPERS, "class_group_id": str(pair.classes["6B"])}
    for who in ("principal", "head_society", "vice_principal"):
        with pytest.raises(NotAllowed):
            class_changes.change(pair.actor(who), pupil(pair), raw, seen, NOW)
    for who in ("outsider", "it_officer"):
        with pytest.raises((NotFound, NotAllowed)):
            class_changes.change(pair.actor(who), pupil(pair), raw, seen, NOW)
    office = pair.actor("clerk")
    for name, text in (("paper_no", ""), ("paper_on", "99"), ("paper_on", "13/05/2027"), ("reason", "x" * 501)):
        with pytest.raises(Invalid) as wrong:
            class_changes.change(office, pupil(pair), {**raw, name: text}, seen, NOW)
        assert wrong.value.field == name
    with pytest.raises(WrongState, match="khác khối"):
        class_changes.preview(office, pupil(pair), pair.classes["9A"])
    with pytest.raises(Invalid, match="đang học lớp 6A"):
        class_changes.preview(office, pupil(pair), pair.classes["6A"])
    types(pair, "6A", "MATH", {"TX2": "8"})
    with pytest.raises(Stale):
        class_changes.change(office, pupil(pair), raw, seen, NOW)
    assert class_changes.choices(office, pupil(pair)) == [(pair.classes["6B"], "6B")]
    assert class_changes.choices(pair.actor("principal"), pupil(pair)) == []
    assert place(pair, "6A").status == "studying"


def test_a_value_changed_outside_is_not_made_lawful(pair: Cast) -> None:
    types(pair, "6A", "MATH", {"TX1": "7"})
    cell = cell_of(pair, "6A", "MATH", "TX1")
    with write_transaction() as session:
        session.execute(update(m.ScoreCell).where(m.ScoreCell.id == cell.id).values(tenths=100))
    with pytest.raises(IntegrityFault):
        move(pair)
    assert place(pair, "6A").status == "studying"


def test_whose_value_was_carried_is_held_against_the_log(pair: Cast) -> None:
    types(pair, "6A", "MATH", {"TX1": "7"})
    move(pair)
    cell = cell_of(pair, "6B", "MATH", "TX1")
    with write_transaction() as session:
        for model, column in ((m.ScoreCellVersion, m.ScoreCellVersion.score_cell_id), (m.ScoreCell, m.ScoreCell.id)):
            name = "by_account_id" if model is m.ScoreCellVersion else "updated_by"
            session.execute(update(model).where(column == cell.id).values({name: pair.accounts["clerk"]}))
    assert not audit_verify.verify().ok


def test_a_subject_the_new_class_does_not_take(school: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    build_6b(
        school,
        monkeypatch,
        {code: (35 if code == "ICT" else n) for code, n in LESSONS.items() if code != "ART"} | {"MATH": 70},
    )
    types(school, "6A", "ART", {"TX1": "Đ"})
    types(school, "6A", "MATH", {"TX4": "8"})
    found = class_changes.preview(school.actor("clerk"), pupil(school), school.classes["6B"])
    assert len(found.refusals) == 2
    assert any("thêm môn cho lớp 6B" in words for words in found.refusals)
    assert any("không có cột thường xuyên 4" in words for words in found.refusals)
    put_sheets([school.sheets[name, "MATH", 1] for name in ("6A", "6B")], "LOCKED")
    found = class_changes.preview(school.actor("clerk"), pupil(school), school.classes["6B"])
    [said] = [words for words in found.refusals if "thường xuyên 4" in words]
    assert "không đổi số tiết được nữa" in said, "semester I is locked, the mark is of semester II"


def test_columns_that_only_the_new_class_has_are_named(school: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """More lessons, more regular marks: nothing is lost, and somebody has to write the rest, where the sheet is locked by a correction."""
    build_6b(school, monkeypatch, LESSONS | {"ICT": 70})
    put_sheets([school.sheets[name, "ICT", 1] for name in ("6A", "6B")], "LOCKED")
    found = class_changes.preview(school.actor("clerk"), pupil(school), school.classes["6B"])
    assert found.refusals == ()
    assert found.lacking == (
        "Tin học, thường xuyên 3 (học kì I đã khoá: giáo viên lập đề nghị sửa chữa)",
        "Tin học, thường xuyên 3",
    )


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext")
def test_late_in_the_year_up_to_the_paper(pair: Cast) -> None:
    """Both classes locked; the pupil changes; 6B is finalised, approved and built: the paper is of 6B and holds each mark once."""
    fill_scores(pair, "6A", {(WHO, "MATH"): 70})
    fill_scores(pair, "6B")
    for name in ("6A", "6B"):
        lock_class(pair, name)
        fill_homeroom(pair, name)
    before = result_of(pair, "6A").subjects
    found = move(pair)
    assert found.n_locked == 24 and found.n_marks == 118
    assert set(db.session.scalars(select(m.ScoreSheet.state))) == {"LOCKED", "DRAFT"}
    states = db.session.scalars(
        select(m.ScoreSheet.state).join(m.ClassSubject).where(m.ClassSubject.class_group_id == pair.classes["6B"])
    )
    assert set(states) == {"LOCKED"}
    assert result_of(pair, "6B").subjects == before
    assert audit_verify.verify().ok
    for name in ("6A", "6B"):
        class_id = pair.classes[name]
        class_moves.finalise(pair.actor("head_society"), class_id, seen=seen_of(class_id), expected_version=1, now=NOW)
        row = db.session.get(m.ClassGroup, class_id, populate_existing=True)
        class_approval.approve_class(
            pair.actor("principal"), class_id, expected_version=row.version, seen=seen_of(class_id), now=NOW
        )
    frozen = {row.enrollment_id for row in db.session.scalars(select(m.FrozenResult))}
    assert place(pair, "6B").id in frozen and place(pair, "6A").id not in frozen and len(frozen) == 4 + 3
    page = frozen_results.read_frozen(place(pair, "6B").id)
    assert page["class_name"] == "6B"
    math = next(one for one in page["subjects"] if one["code"] == "MATH")
    assert "7.0" in json.dumps(math) and len(page["subjects"]) == len(LESSONS)
    with pytest.raises(WrongState, match="đã được duyệt"):
        class_changes.preview(pair.actor("clerk"), pupil(pair), pair.classes["6A"])

    test_school_keys.make_demo_keys(SYSTEM, NOW)
    code = place(pair, "6B").student.moet_code
    batch = transcript_building.build_class(SYSTEM, pair.classes["6B"], NOW, code)
    assert [item.outcome for item in batch.items] == ["done"], [item.reason for item in batch.items]
    built = db.session.scalars(select(m.TranscriptRecord)).one()
    assert built.enrollment_id == place(pair, "6B").id
    paper = stored_documents.read(built.unsigned_pdf_digest)
    said = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=paper, capture_output=True, check=True
    ).stdout.decode()
    assert "6B" in said and "6A" not in said
    [line] = [line for line in said.splitlines() if line.split()[:1] == ["Toán"]]
    assert line.split()[2:5] == ["7,0"] * 3 and line.count("7,0") == 3
    assert audit_verify.verify().ok


def test_who_came_from_another_school_takes_its_semester_along(pair: Cast) -> None:
    came = arrivals.receive(pair.actor("clerk"), {**CAME, "class_group_id": str(pair.classes["6A"])}, NOW)
    keeper, principal, office = pair.actor("head_society"), pair.actor("principal"), pair.actor("clerk")
    inherited_results.propose(keeper, came.enrollment_id, brought(), "Bảng tổng hợp 45", NOW)

    def goes(to: str) -> None:
        seen = class_changes.preview(office, came.student_id, pair.classes[to]).seen
        raw = {**PAPERS, "class_group_id": str(pair.classes[to])}
        class_changes.change(office, came.student_id, raw, seen, NOW)

    with pytest.raises(WrongState, match="đang chờ nhận"):
        goes("6B")
    inherited_results.decide(principal, came.enrollment_id, True, NOW)
    goes("6B")
    new = student_classes.place_of(came.student_id)
    assert (new.class_group_id, new.status, new.first_semester) == (pair.classes["6B"], "transferred_in", 2)
    assert new.joined_on == date(2027, 3, 2), (
        "the day of coming to this school, which lists and the page of schooling tell"
    )
    page = inherited_results.read(keeper, new.id)
    assert (page.state, page.school_name, page.document) == ("ACCEPTED", CAME["school_name"], "Bảng tổng hợp 45")
    content, _ = partial_results.read(principal, came.student_id, new.id, NOW)
    assert len(content.movements) == 1 and CAME["school_name"] in content.movements[0]
    [line] = [
        one
        for one in transcript_contents.study_history(came.student_id, new.class_group.school_year, SCHOOL)
        if one.school_name == SCHOOL.name
    ]
    assert (line.class_name, line.moved_in_on) == ("6B", date(2027, 3, 2))
    # copied anew in the new class, and taken back to the old one: what stood there before counts no more
    inherited_results.propose(keeper, new.id, brought("9"), "Bảng tổng hợp 46", NOW)
    inherited_results.decide(principal, new.id, True, NOW)
    goes("6A")
    assert inherited_results.read(keeper, came.enrollment_id).document == "Bảng tổng hợp 46"
    inherited_results.propose(keeper, came.enrollment_id, brought("8"), "Bảng tổng hợp 47", NOW)
    assert audit_verify.verify().ok
