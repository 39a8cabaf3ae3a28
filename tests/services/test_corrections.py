"""Corrections after lock: asked with evidence, confirmed, approved, carried out whole or not at all; and civil status."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, text

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import DomainError, IntegrityFault, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.correction_flow import CorrectionState, CorrectionVerb
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.services import (
    audit,
    audit_verify,
    class_gaps,
    class_moves,
    corrected_year,
    correction_access,
    correction_apply,
    correction_civil_requests,
    correction_decisions,
    correction_evidence,
    correction_homeroom_requests,
    correction_impact,
    correction_items,
    correction_requests,
    correction_resending,
    correction_score_requests,
    correction_view,
    dashboard,
    frozen_results,
    held_work,
    homeroom,
    printed_facts,
    recall_requests,
    recall_view,
    results,
    roster,
    score_history,
    staff,
    stored_documents,
    students,
    transcript_building,
    uploaded_papers,
    verification,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.correction_score_requests import Wanted
from hocbaso.services.uploaded_papers import Upload
from tests.cast import NOW, Cast
from tests.databases import Outside
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_fixture,
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.full_class import fill_homeroom, fill_scores, seen_of
from tests.services.locked_class import locked_fixture, locked_template_fixture  # noqa: F401 (fixtures)
from tests.services.test_late_arrivals import LATE, arrive, late_enrollment
from tests.services.test_transcripts import records

LATER = NOW + timedelta(days=3)
PHOTO = Upload("bai-kiem-tra.jpg", b"\xff\xd8\xff\xe0" + b"anh chup bai kiem tra" * 20)
SCAN = Upload("quyet-dinh.pdf", b"%PDF-1.7\n" + b"quyet dinh cai chinh" * 20)
WHY = "Cộng nhầm điểm câu 3, bài kiểm tra ghi 4,5"
BINH, CHAU = "Hoàng Thanh Bình", "Nguyễn Bảo Châu"


def cell(cast: Cast, code: str, semester: int, key: str, student: str = BINH) -> m.ScoreCell:
    return db.session.execute(
        select(m.ScoreCell)
        .where(
            m.ScoreCell.score_sheet_id == cast.sheets["9A", code, semester],
            m.ScoreCell.enrollment_id == cast.enrollments["9A", student],
            m.ScoreCell.column_key == key,
        )
        .execution_options(populate_existing=True)
    ).scalar_one()


def sheet(cast: Cast, code: str, semester: int) -> m.ScoreSheet:
    found = db.session.get(m.ScoreSheet, cast.sheets["9A", code, semester], populate_existing=True)
    assert found is not None
    return found


def ask(
    cast: Cast,
    values: dict[tuple[str, int, str], str] | None = None,
    *,
    who: str = "head_society",
    student: str = BINH,
    files: tuple[Upload, ...] = (PHOTO,),
    reason: str = WHY,
    seen: int = 1,
) -> m.CorrectionRequest:
    """Ngữ văn 9A is taught by head_society, its homeroom teacher is math: the chain has three people."""
    values = values or {("LIT", 2, "CK"): "4,5"}
    cells = {
        (cast.sheets["9A", code, semester], key): Wanted(raw, seen) for (code, semester, key), raw in values.items()
    }
    return correction_score_requests.ask_scores(
        cast.actor(who), cast.enrollments["9A", student], cells, reason, list(files), LATER
    )


def confirm(cast: Cast, request: m.CorrectionRequest, who: str = "math") -> m.CorrectionRequest:
    return correction_decisions.confirm(cast.actor(who), request.id, expected_version=request.version, now=LATER)


def approve(cast: Cast, request: m.CorrectionRequest, who: str = "principal", **more: object) -> m.CorrectionRequest:
    fresh = db.session.get(m.CorrectionRequest, request.id, populate_existing=True)
    assert fresh is not None
    digest = correction_impact.of_request(fresh, LATER.date()).digest
    return correction_decisions.approve(
        cast.actor(who),
        request.id,
        **{"expected_version": fresh.version, "seen_digest": digest, "now": LATER, **more},  # type: ignore[arg-type]
    )


def corrected(cast: Cast, *arguments: object, **more: object) -> m.CorrectionRequest:
    return approve(cast, confirm(cast, ask(cast, *arguments, **more)))  # type: ignore[arg-type]


# --- the whole way ------------------------------------------------------------------------------------------------------


def test_a_locked_score_goes_the_whole_way_and_the_sheet_is_locked_again(locked: Cast) -> None:
    before = sheet(locked, "LIT", 2).version
    request = ask(locked)
    assert (request.state, request.asked_by_principal) == ("ASKED", False)
    assert cell(locked, "LIT", 2, "CK").tenths == 85, "nothing is written before it is approved"
    assert confirm(locked, request).state == "CONFIRMED"
    assert cell(locked, "LIT", 2, "CK").tenths == 85
    done = approve(locked, request, note="Đã xem bài")
    assert (done.state, done.confirmer_name, done.decider_name) == ("APPLIED", "Trịnh Thu Hà", "Đoàn Thị Hải Yến")
    now = cell(locked, "LIT", 2, "CK")
    assert (now.tenths, now.version) == (45, 2)
    after = sheet(locked, "LIT", 2)
    assert (after.state, after.version) == ("LOCKED", before + 2)
    verbs = db.session.scalars(
        select(m.SheetStep.verb).where(m.SheetStep.score_sheet_id == after.id).order_by(m.SheetStep.id.desc()).limit(2)
    ).all()
    assert verbs == ["relock", "reopen"]
    assert audit_verify.verify().faults == []


def test_the_old_value_stays_and_history_names_the_teacher_whose_value_it_is(locked: Cast) -> None:
    corrected(locked)
    _, _, lines = score_history.cell_history(
        locked.actor("head_society"), locked.sheets["9A", "LIT", 2], locked.enrollments["9A", BINH], "CK", LATER
    )
    assert [(line.text, line.source, line.by_name, line.before) for line in lines] == [
        ("4,5", "corrected", "Phan Thị Mận", "8,5"),
        ("8,5", "demo", "Hệ thống", None),
    ]
    entry = db.session.scalars(
        select(m.AuditEntry).where(m.AuditEntry.tag == "score:cells:corrected").order_by(m.AuditEntry.seq.desc())
    ).first()
    assert entry is not None and entry.actor_name == "Đoàn Thị Hải Yến"
    told = json.loads(entry.payload)
    assert told["facts"]["asked_by"] == "Phan Thị Mận" and told["facts"]["confirmed_by"] == "Trịnh Thu Hà"
    assert told["before"] == {f"{locked.enrollments['9A', BINH]}-CK": "8,5"} and told["note"] == WHY


def test_a_corrected_value_given_to_somebody_else_in_the_file_is_found(locked: Cast) -> None:
    corrected(locked)
    assert audit_verify.verify().ok
    with write_transaction() as session:
        session.execute(
            text("UPDATE score_cell_version SET by_account_id = :who WHERE source = 'corrected'"),
            {"who": locked.accounts["principal"]},
        )
    assert any("có người ghi khác" in fault.message for fault in audit_verify.verify().faults)


def test_a_missed_zero_becomes_an_earned_one_and_back(locked: Cast) -> None:
    for raw, origin in (("vk", "missed_unexcused"), ("0", "entered"), ("vk", "missed_unexcused")):
        corrected(locked, {("LIT", 2, "CK"): raw}, seen=cell(locked, "LIT", 2, "CK").version)
        found = cell(locked, "LIT", 2, "CK")
        assert (found.tenths, found.origin) == (0, origin)
    with pytest.raises(Invalid, match="Chưa có ô nào đổi"):
        ask(locked, {("LIT", 2, "CK"): "vk"}, seen=found.version)
    assert audit_verify.verify().faults == []


def test_several_cells_of_one_pupil_are_one_request_and_one_transaction(locked: Cast) -> None:
    done = corrected(
        locked, {("LIT", 1, "TX1"): "9", ("LIT", 2, "CK"): "4,5", ("LIT", 2, "NX"): "Viết có cảm xúc."}, seen=1
    )
    assert done.state == "APPLIED" and len(done.items) == 3
    assert (cell(locked, "LIT", 1, "TX1").tenths, cell(locked, "LIT", 2, "CK").tenths) == (90, 45)
    assert cell(locked, "LIT", 2, "NX").remark == "Viết có cảm xúc."
    assert {sheet(locked, "LIT", semester).state for semester in (1, 2)} == {"LOCKED"}


def test_every_change_is_previewed_with_its_article_and_comes_true(approved: Cast) -> None:
    request = ask(approved, {("LIT", 2, "CK"): "1", ("LIT", 2, "GK"): "1", ("LIT", 1, "CK"): "1"})
    found = correction_impact.of_request(request, LATER.date())
    said = {change.label: (change.before, change.after, change.article) for change in found.changes}
    assert said["Ngữ văn, học kì II"][:2] == ("8.5", "4.3") and "Điều 9 khoản 1 điểm b" in said["Ngữ văn, học kì II"][2]
    assert "Ngữ văn, cả năm" in said and said["Khen thưởng"][0] == "GIOI" and said["Khen thưởng"][1] is None
    assert said["Học tập cả năm"][0] == "T"
    assert found.steps and all("Điều" in step for step in found.steps)
    approve(approved, confirm(approved, request))
    frozen = frozen_results.read_frozen(approved.enrollments["9A", BINH])
    facts = printed_facts.facts_of_frozen(frozen)
    for change in found.changes:
        assert facts.get(change.place) == change.after, change.label
    kept = json.loads(db.session.get(m.CorrectionRequest, request.id, populate_existing=True).outcome)  # type: ignore[union-attr]
    assert [(one["label"], one["before"], one["after"]) for one in kept["changes"]] == [
        (one.label, one.before, one.after) for one in found.changes
    ]


# --- who ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["math", "other", "head_science", "vice_principal", "principal"])
def test_only_who_teaches_the_sheet_asks_about_it(locked: Cast, who: str) -> None:
    with pytest.raises(DomainError) as refused:
        ask(locked, who=who)
    assert isinstance(refused.value, NotFound | NotAllowed)
    assert db.session.scalar(select(func.count()).select_from(m.CorrectionRequest)) == 0


@pytest.mark.parametrize("who", ["outsider", "it_officer", "clerk", "board", "other", "head_science"])
def test_whom_it_does_not_concern_a_request_does_not_exist_for(locked: Cast, who: str) -> None:
    request = ask(locked)
    with pytest.raises(NotFound):
        correction_view.page(locked.actor(who), request.id, LATER)
    assert correction_view.overview(locked.actor(who), LATER) == correction_view.Overview((), (), ())


def test_nobody_confirms_or_decides_out_of_turn_or_the_own_request(locked: Cast) -> None:
    request = ask(locked)
    for who in ("head_society", "principal", "vice_principal"):
        with pytest.raises(NotAllowed):
            confirm(locked, request, who)
    with pytest.raises(WrongState, match="đang chờ giáo viên chủ nhiệm"):
        approve(locked, request)
    confirm(locked, request)
    for who in ("head_society", "math", "vice_principal"):
        with pytest.raises(NotAllowed):
            approve(locked, request, who)
    with pytest.raises(NotFound):
        approve(locked, request, "it_officer")
    assert cell(locked, "LIT", 2, "CK").tenths == 85


def test_who_teaches_and_keeps_the_class_goes_straight_to_the_principal(locked: Cast) -> None:
    request = ask(locked, {("MATH", 2, "CK"): "6"}, who="math")
    assert request.state == "CONFIRMED" and request.confirmed_by is None
    with pytest.raises(WrongState):
        confirm(locked, request)
    with pytest.raises(NotAllowed, match="tự"):
        approve(locked, request, "math")
    assert approve(locked, request).state == "APPLIED"
    assert cell(locked, "MATH", 2, "CK").tenths == 60


def test_of_the_principals_own_request_a_vice_principal_decides(locked: Cast) -> None:
    """Who taught the sheet has left and nobody follows: the principal attests, and does not decide as well."""
    with pytest.raises(NotAllowed):
        ask(locked, {("ICT", 2, "CK"): "6"}, who="principal")
    staff.save_profile(
        locked.actor("clerk"),
        locked.people["other"],
        {"full_name": "Tô Vĩnh Phát", "staff_code": "GV008", "left_on": date(2027, 5, 1)},
        1,
        NOW,
    )
    request = ask(locked, {("ICT", 2, "CK"): "6"}, who="principal")
    assert request.asked_by_principal
    confirm(locked, request)
    with pytest.raises(NotAllowed, match="tự"):
        approve(locked, request, "principal")
    with pytest.raises(NotFound):
        approve(locked, request, "outsider")
    names = correction_view.page(locked.actor("principal"), request.id, LATER).holder_names
    assert names == ("Trần Quốc Bình",)
    assert approve(locked, request, "vice_principal").decider_name == "Trần Quốc Bình"
    assert cell(locked, "ICT", 2, "CK").tenths == 60


def delegate(cast: Cast, who: str) -> None:
    """KT.: a vice-principal who acts for the principal in the whole school."""
    roster.grant_role(SYSTEM, cast.people[who], Role.VICE_PRINCIPAL, NOW, starts_on=date(2027, 1, 1))
    roster.grant_role(
        SYSTEM, cast.people[who], Role.DELEGATE, NOW, starts_on=date(2027, 1, 1), scope_kind=GrantScope.SCHOOL
    )


def test_a_delegate_stands_in_where_nothing_is_recalled_and_the_work_is_not_theirs(locked: Cast) -> None:
    request = confirm(locked, ask(locked))
    delegate(locked, "other")
    assert approve(locked, request, "other").decider_name == "Tô Vĩnh Phát"


def test_a_delegate_recalls_nothing_that_families_hold(issued: Cast) -> None:
    request = confirm(issued, ask(issued))
    delegate(issued, "other")
    with pytest.raises(NotAllowed):
        approve(issued, request, "other")
    assert approve(issued, request).state == "APPLIED"


# --- what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({("LIT", 2, "CK"): "11"}, "value"),
        ({("LIT", 2, "CK"): "85"}, "value"),
        ({("LIT", 2, "CK"): ""}, "empty"),
        ({("LIT", 2, "CK"): "vp"}, "empty"),
        ({("LIT", 2, "CK"): "8,5"}, "same"),
    ],
)
def test_a_request_says_what_the_cell_should_be(locked: Cast, values: dict, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        ask(locked, values)
    expected = "cells" if field == "same" else f"{locked.sheets['9A', 'LIT', 2]}-CK"
    assert refused.value.field == expected


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((), "kèm"),
        ((Upload("a.html", b"<script>alert(1)</script>"),), "không phải ảnh"),
        ((Upload("a.jpg", b"MZ\x90\x00"),), "không phải ảnh"),
        ((Upload("a.jpg", b""),), "rỗng"),
        ((Upload("a.jpg", b"\xff\xd8\xff" + b"x" * uploaded_papers.MAX_BYTES),), "lớn hơn"),
        ((PHOTO, PHOTO, PHOTO, SCAN), "nhiều nhất"),
    ],
)
def test_evidence_is_asked_for_and_looked_at(locked: Cast, files: tuple[Upload, ...], words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        ask(locked, files=files)
    assert refused.value.field == "files"


def test_evidence_is_kept_by_its_content_and_reading_it_is_told(locked: Cast) -> None:
    request = ask(locked, files=(Upload("../../etc/bài\x00 kiểm.jpg", PHOTO.data), PHOTO))
    (row,) = request.evidence
    assert row.file_name == "bài kiểm.jpg" and row.media_type == "image/jpeg" and row.n_bytes == len(PHOTO.data)
    kept = correction_evidence.open_file(locked.actor("principal"), request.id, row.id, LATER)
    assert kept.data == PHOTO.data
    last = db.session.scalars(select(m.AuditEntry.tag).order_by(m.AuditEntry.seq.desc())).first()
    assert last == "correction:evidence:read"
    with pytest.raises(NotFound):
        correction_evidence.open_file(locked.actor("other"), request.id, row.id, LATER)


def test_an_open_sheet_is_simply_mended(school: Cast) -> None:
    fill_scores(school, "9A")
    with pytest.raises(WrongState, match="chưa khoá"):
        ask(school)


def test_a_cell_stands_in_one_open_request(locked: Cast) -> None:
    first = ask(locked)
    with pytest.raises(WrongState, match=f"số {first.id}"):
        ask(locked, {("LIT", 2, "CK"): "5"})
    correction_requests.withdraw(locked.actor("head_society"), first.id, expected_version=1, now=LATER)
    assert ask(locked, {("LIT", 2, "CK"): "5"}).id != first.id


@pytest.mark.parametrize("refuse", [False, True])
def test_returning_and_refusing_need_a_reason_and_write_nothing(locked: Cast, refuse: bool) -> None:
    act: Callable[..., m.CorrectionRequest] = correction_decisions.refuse if refuse else correction_decisions.send_back
    for stage, who in ((ask, "math"), (lambda cast: confirm(cast, ask(cast, {("LIT", 1, "CK"): "5"})), "principal")):
        request = stage(locked)
        with pytest.raises(Invalid):
            act(locked.actor(who), request.id, " ", expected_version=request.version, now=LATER)
        done = act(locked.actor(who), request.id, "Ảnh mờ, không đọc được", expected_version=request.version, now=LATER)
        assert done.state == ("REFUSED" if refuse else "RETURNED")
        assert done.steps[-1].note == "Ảnh mờ, không đọc được"
        with pytest.raises(WrongState):
            approve(locked, request)
    assert (cell(locked, "LIT", 2, "CK").version, cell(locked, "LIT", 1, "CK").version) == (1, 1)


def test_what_came_back_is_sent_again_with_an_answer_and_starts_the_chain_anew(locked: Cast) -> None:
    request = confirm(locked, ask(locked))
    back = correction_decisions.send_back(
        locked.actor("principal"), request.id, "Thiếu trang 2 của bài", expected_version=2, now=LATER
    )
    again = correction_resending.resend(
        locked.actor("head_society"),
        request.id,
        "Đã chụp thêm trang 2",
        [Upload("trang-2.png", b"\x89PNG\r\n\x1a\n" + b"x" * 50)],
        expected_version=back.version,
        now=LATER,
    )
    assert (again.state, again.confirmed_by, len(again.evidence)) == ("ASKED", None, 2)
    assert approve(locked, confirm(locked, again)).state == "APPLIED"
    assert [step.verb for step in again.steps] == ["ask", "confirm", "return", "resend", "confirm", "approve"]


# --- two at once ----------------------------------------------------------------------------------------------------------


def test_a_page_that_was_overtaken_sends_nothing_and_shows_both_values(locked: Cast) -> None:
    corrected(locked)
    with pytest.raises(Stale) as refused:
        ask(locked, {("LIT", 2, "CK"): "7"}, seen=1)
    (moved,) = refused.value.current  # type: ignore[misc]
    assert (moved.present, moved.wanted) == ("4,5", "7,0")


def put_behind(cast: Cast, tenths: int) -> None:
    """The cell moves on while a request about it waits, as only another correction can make it."""
    row = cell(cast, "LIT", 2, "CK")
    other = m.CorrectionRequest(
        id=999, kind="score", enrollment_id=row.enrollment_id, reason="Sửa trước", asker_name="Ai đó", asked_at=LATER
    )
    item = m.CorrectionItem(
        score_sheet_id=row.score_sheet_id,
        column_key="CK",
        seen_version=row.version,
        new_tenths=tenths,
        new_origin="entered",
    )
    with write_transaction():
        correction_apply._correct_sheet(cast.actor("principal"), other, row.score_sheet_id, [item], LATER)


def test_a_cell_that_changed_meanwhile_stops_the_chain_with_both_values(locked: Cast) -> None:
    request = ask(locked)
    put_behind(locked, 70)
    with pytest.raises(Stale) as refused:
        confirm(locked, request)
    (stale,) = refused.value.current  # type: ignore[misc]
    assert (stale.before, stale.present, stale.after) == ("8,5", "7,0", "4,5")
    back = correction_decisions.send_back(
        locked.actor("math"), request.id, "Ô đã đổi thành 7,0", expected_version=1, now=LATER
    )
    again = correction_resending.resend(
        locked.actor("head_society"), request.id, "Vẫn là 4,5", [], expected_version=back.version, now=LATER
    )
    assert correction_impact.of_request(again, LATER.date()).items[0].before == "7,0", "pinned to what stands now"
    approve(locked, confirm(locked, again))
    assert cell(locked, "LIT", 2, "CK").tenths == 45


def test_the_approval_is_pinned_to_the_impact_that_was_seen(locked: Cast) -> None:
    request = confirm(locked, ask(locked))
    seen = correction_impact.of_request(request, LATER.date()).digest
    corrected(locked, {("LIT", 2, "GK"): "1"})
    with pytest.raises(Stale) as refused:
        correction_decisions.approve(
            locked.actor("principal"), request.id, expected_version=2, seen_digest=seen, now=LATER
        )
    assert refused.value.current.digest != seen  # type: ignore[union-attr]
    assert cell(locked, "LIT", 2, "CK").tenths == 85


def test_the_second_click_changes_nothing(locked: Cast) -> None:
    request = corrected(locked)
    with pytest.raises(WrongState, match="đã sửa xong"):
        approve(locked, request)
    assert cell(locked, "LIT", 2, "CK").version == 2


# --- tampering ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE correction_request SET state = 'CONFIRMED'",
        "UPDATE correction_item SET new_tenths = 100",
        "UPDATE correction_request SET asked_by_principal = 1",
        "DELETE FROM correction_evidence",
        "INSERT INTO correction_item (correction_request_id, score_sheet_id, column_key, seen_version, new_tenths, new_origin)"
        " SELECT correction_request_id, score_sheet_id, 'GK', 1, 100, 'entered' FROM correction_item",
    ],
)
@pytest.mark.sqlite("writes to the file behind the application's back")
def test_a_request_that_another_program_touched_goes_no_further(locked: Cast, statement: str) -> None:
    request = ask(locked)
    Outside().execute(statement)
    with pytest.raises((IntegrityFault, WrongState)):
        confirm(locked, request)
    with pytest.raises((IntegrityFault, WrongState)):
        approve(locked, request)
    assert cell(locked, "LIT", 2, "CK").tenths == 85
    assert not audit_verify.verify().ok


@pytest.mark.sqlite("writes to the file behind the application's back")
def test_a_value_that_another_program_put_there_is_not_made_lawful(locked: Cast) -> None:
    Outside().execute("UPDATE score_cell SET tenths = 20 WHERE column_key = 'GK' AND tenths IS NOT NULL")
    with pytest.raises(IntegrityFault):
        ask(locked)


# --- a late pupil ---------------------------------------------------------------------------------------------------------


def test_a_late_pupils_locked_sheets_are_filled_and_the_class_can_be_closed(locked: Cast) -> None:
    school = locked
    arrive(school)
    fill_homeroom(school, "9A")
    late = late_enrollment()
    assert late is not None
    zero = dict.fromkeys(
        ("absences_excused_1", "absences_unexcused_1", "absences_excused_2", "absences_unexcused_2"), 0
    )
    homeroom.save_class(
        school.actor("math"),
        school.classes["9A"],
        {late.id: {"conduct_1": "T", "conduct_2": "T", "remark": "Chăm.", **zero}},
        now=NOW,
    )
    for who in ("head_society", "math", "other"):
        form = correction_score_requests.score_form(school.actor(who), late.id, LATER)
        assert form.full_name == LATE
        cells = {
            (choice.head.id, one.key): Wanted("8" if choice.head.kind == "scored" else "Đ", one.version)
            for choice in form.sheets
            for one in choice.cells
            if one.key != "NX"
        }
        assert len(cells) == sum(choice.n_empty for choice in form.sheets), "every cell of the pupil is empty"
        request = correction_score_requests.ask_scores(
            school.actor(who), late.id, cells, "Điểm theo học bạ trường cũ", [SCAN], LATER
        )
        if who != "math":
            confirm(school, request)
        approve(school, request)
    computed = results.compute_class(school.classes["9A"], NOW.date(), fresh=True)
    assert class_gaps.list_gaps(computed) == ()
    assert computed.by_id[late.id].result.promotion.value == "COMPLETED"
    moved = class_moves.finalise(
        school.actor("math"), school.classes["9A"], seen=seen_of(school.classes["9A"]), expected_version=1, now=LATER
    )
    assert moved.state.value == "FINALISED"
    assert audit_verify.verify().faults == []
    said = dashboard.daily(school.actor("principal"), LATER)
    assert any(one.kind == "Sửa sau khi khoá" for item in said.odd for one in item.oddities)


# --- frozen, signed, issued -------------------------------------------------------------------------------------------------


def test_before_a_record_is_built_only_the_frozen_result_is_written_anew(approved: Cast) -> None:
    enrollment_id = approved.enrollments["9A", BINH]
    old = frozen_results.newest_frozen(enrollment_id)
    assert old is not None
    teacher = frozen_results.read_frozen(old)["subjects"][0]["teacher_name"]
    request = corrected(approved, {("LIT", 2, "CK"): "1"})
    new = frozen_results.newest_frozen(enrollment_id)
    assert new is not None and (new.revision, new.freeze, request.frozen_result_id) == (2, "main", new.id)
    content = frozen_results.read_frozen(new)
    assert content["corrections"] == {"n_places": 1, "subject_names": ["Ngữ văn"]}
    assert content["principal_remark"] == "Đồng ý." and content["subjects"][0]["teacher_name"] == teacher
    others = [row for row in db.session.scalars(select(m.FrozenResult)) if row.enrollment_id != enrollment_id]
    assert {row.revision for row in others} == {1}, "nobody else is touched"
    batch = transcript_building.build_class(approved.actor("math"), approved.classes["9A"], LATER)
    assert {item.outcome for item in batch.items} == {"done"}
    built = next(row for row in records() if row.enrollment_id == enrollment_id)
    printed = tc.from_canonical_json(built.content.encode())
    assert printed.corrections == tc.CorrectionNote(n_places=1, subject_names=("Ngữ văn",))


def test_a_record_that_nobody_sealed_is_taken_back(built: Cast) -> None:
    request = confirm(built, ask(built, {("LIT", 2, "CK"): "1"}))
    (void,) = correction_impact.of_request(request, LATER.date()).voided
    assert (void.how, void.state, void.signatures) == ("taken_back", "CREATED", ())
    approve(built, request)
    record = next(row for row in records() if row.enrollment_id == built.enrollments["9A", BINH])
    assert record.state == "RECALLED"
    assert db.session.scalar(select(func.count()).select_from(m.RecallRequest)) == 0


def test_an_issued_record_is_recalled_its_file_stays_and_a_new_one_is_due(issued: Cast) -> None:
    enrollment_id = issued.enrollments["9A", BINH]
    old = next(row for row in records() if row.enrollment_id == enrollment_id)
    data = stored_documents.read(old.pdf_digest)
    request = confirm(issued, ask(issued, {("LIT", 2, "CK"): "1"}))
    (void,) = correction_impact.of_request(request, LATER.date()).voided
    assert (void.uuid, void.how) == (old.uuid, "recalled")
    assert [role for role, _, _ in void.signatures] == ["homeroom", "principal", "seal"]
    approve(issued, request)
    assert stored_documents.read(old.pdf_digest) == data, "an issued file is never edited"
    assert verification.by_code(old.uuid).standing == "recalled"
    (due,) = recall_view.overview(issued.actor("clerk")).to_build
    assert due.enrollment_id == enrollment_id and f"số {request.id}" in due.reason
    transcript_building.build_class(issued.actor("clerk"), issued.classes["9A"], LATER, f"#{enrollment_id}")
    new = next(row for row in records() if row.enrollment_id == enrollment_id and row.state != "RECALLED")
    assert new.uuid != old.uuid and new.replaces_id == old.id
    printed = tc.from_canonical_json(new.content.encode())
    lit = next(row for row in printed.subjects if row.code == "LIT")
    assert lit.semester_2 == next(
        change["after"]
        for change in json.loads(request.outcome or "")["changes"]
        if change["place"] == ["subject", "LIT", "semester_2"]
    )
    assert {row.state for row in records() if row.enrollment_id != enrollment_id} == {"PUBLISHED"}
    assert audit_verify.verify().faults == []


def test_what_changes_nothing_printed_recalls_nothing(issued: Cast) -> None:
    """Bình has 8,2 8,3 8,4 8,5 8,6 8,7 in Ngữ văn: a tenth more in one regular mark leaves the average where it is."""
    request = confirm(issued, ask(issued, {("LIT", 2, "TX1"): "8,3"}))
    found = correction_impact.of_request(request, LATER.date())
    assert (found.changes, found.voided, found.refreezes) == ((), (), False)
    approve(issued, request)
    assert cell(issued, "LIT", 2, "TX1").tenths == 83
    assert {row.state for row in records()} == {"PUBLISHED"}
    newest = frozen_results.newest_frozen(issued.enrollments["9A", BINH])
    assert newest is not None and newest.revision == 1


def test_a_record_somebody_asked_to_recall_goes_with_the_same_decision(issued: Cast) -> None:
    old = next(row for row in records() if row.enrollment_id == issued.enrollments["9A", BINH])
    asked = recall_requests.ask(issued.actor("clerk"), old.uuid, "Điểm Văn sai", LATER)
    approve(issued, confirm(issued, ask(issued, {("LIT", 2, "CK"): "1"})))
    row = db.session.get(m.RecallRequest, asked.id, populate_existing=True)
    assert row is not None and row.state == "RECALLED" and row.decider_name == "Đoàn Thị Hải Yến"


def test_after_the_year_is_closed_the_authority_is_asked(issued: Cast) -> None:
    after_summer = NOW + timedelta(days=110)
    cells = {(issued.sheets["9A", "LIT", 2], "CK"): Wanted("1", 1)}
    request = correction_score_requests.ask_scores(
        issued.actor("head_society"), issued.enrollments["9A", BINH], cells, WHY, [PHOTO], after_summer
    )
    correction_decisions.confirm(issued.actor("math"), request.id, expected_version=1, now=after_summer)
    found = correction_impact.of_request(request, after_summer.date())
    assert found.voided[0].how == "waits"
    correction_decisions.approve(
        issued.actor("principal"), request.id, expected_version=2, seen_digest=found.digest, now=after_summer
    )
    record = next(row for row in records() if row.enrollment_id == issued.enrollments["9A", BINH])
    assert record.state == "RECALL_REQUESTED" and verification.by_code(record.uuid).standing == "in_force"
    assert cell(issued, "LIT", 2, "CK").tenths == 10


def test_a_doubt_of_clause_3_is_decided_with_the_approval(approved: Cast) -> None:
    """The class is approved: nobody could decide afterwards, so the approval asks.

    Two subjects at 7,0 leave six from 8,0; Ngữ văn at 4,0 takes one of these away, and whether it alone lowered the level
    depends on how clause 3 is read.
    """
    enrollment_id = approved.enrollments["9A", BINH]
    form = correction_score_requests.score_form(approved.actor("other"), enrollment_id, LATER)
    lower = {
        (choice.head.id, one.key): Wanted("7", one.version)
        for choice in form.sheets
        if choice.head.subject_name in ("Ngoại ngữ 1", "Công nghệ")
        for one in choice.cells
        if one.key != "NX"
    }
    assert len({sheet_id for sheet_id, _ in lower}) == 4
    first = correction_score_requests.ask_scores(approved.actor("other"), enrollment_id, lower, WHY, [PHOTO], LATER)
    assert correction_impact.of_request(first, LATER.date()).rulings == ()
    approve(approved, confirm(approved, first))
    values = {("LIT", semester, key): "4" for semester in (1, 2) for key in ("TX1", "TX2", "TX3", "TX4", "GK", "CK")}
    request = confirm(approved, ask(approved, values))
    found = correction_impact.of_request(request, LATER.date())
    assert [(one.term, one.choices) for one in found.rulings] == [(term, ("Đ", "K")) for term in ("1", "2", "year")]
    rulings = {one.key: "K" for one in found.rulings}
    for wrong, more in (({}, {}), ({**rulings, "learning_level-year": "T"}, {"note": "Biên bản"}), (rulings, {})):
        with pytest.raises(Invalid):
            approve(approved, request, rulings=wrong, **more)
    approve(approved, request, rulings=rulings, note="Biên bản Hội đồng số 3")
    frozen = frozen_results.read_frozen(enrollment_id)
    assert [(one["term"], one["outcome"], one["reason"]) for one in frozen["decisions"]] == [
        (term, "K", "Biên bản Hội đồng số 3") for term in ("1", "2", "year")
    ]
    assert frozen["learning"]["year"] == "K" and not frozen["learning"]["year_review"]
    assert frozen["corrections"]["n_places"] == len(lower) + len(values)
    # The decision was made on those results. Another mark, the same doubt: it is asked again, or a better mark would lower the year.
    columns = ("TX1", "TX2", "TX3", "TX4", "GK", "CK")
    better = ask(approved, {("MATH", 2, key): "9,5" for key in columns}, who="math", reason="Ghi nhầm dòng")
    found = correction_impact.of_request(better, LATER.date())
    assert [(one.term, one.choices) for one in found.rulings] == [(term, ("Đ", "K")) for term in ("2", "year")]
    approve(approved, better, rulings={one.key: "K" for one in found.rulings}, note="Biên bản Hội đồng số 4")
    frozen = frozen_results.read_frozen(enrollment_id)
    assert frozen["learning"]["year"] == "K" and not frozen["learning"]["year_review"]
    assert audit_verify.verify().faults == []


# --- the homeroom teacher's part ------------------------------------------------------------------------------------------


def ask_kept(cast: Cast, raw: dict[str, str], who: str = "math", student: str = BINH) -> m.CorrectionRequest:
    enrollment_id = cast.enrollments["9A", student]
    _, seen = correction_homeroom_requests.homeroom_form(cast.actor(who), enrollment_id, LATER)
    return correction_homeroom_requests.ask_homeroom(
        cast.actor(who), enrollment_id, raw, seen, "Ghi nhầm dòng", [SCAN], LATER
    )


def test_conduct_of_an_approved_class_is_corrected_and_the_year_with_it(issued: Cast) -> None:
    enrollment_id = issued.enrollments["9A", BINH]
    request = ask_kept(issued, {"conduct_2": "Khá", "absences_excused_1": "46", "competitions": "Giải Nhì cờ vua"})
    assert request.state == "CONFIRMED", "the homeroom teacher asks, so nobody but the principal is left"
    found = correction_impact.of_request(request, LATER.date())
    said = {change.label: (change.before, change.after) for change in found.changes}
    assert said == {
        "Rèn luyện học kì II": ("T", "K"),
        "Nghỉ có phép học kì I": ("1", "46"),
        "Các cuộc thi": (None, "Giải Nhì cờ vua"),
        "Rèn luyện cả năm": ("T", "K"),
        "Kết luận cả năm": ("COMPLETED", "RETAINED"),
        "Khen thưởng": ("GIOI", None),
    }
    assert [one.how for one in found.voided] == ["recalled"]
    with pytest.raises(NotAllowed, match="tự"):
        approve(issued, request, "math")
    approve(issued, request)
    frozen = frozen_results.read_frozen(enrollment_id)
    assert (frozen["conduct"]["semester_2"], frozen["absences"]["year"]["excused"]) == ("K", 46)
    assert frozen["promotion"]["outcome"] == "RETAINED" and frozen["corrections"] == {
        "n_places": 0,
        "subject_names": [],
    }
    transcript_building.build_class(issued.actor("clerk"), issued.classes["9A"], LATER, f"#{enrollment_id}")
    assert audit_verify.verify().faults == []


def test_the_homeroom_part_is_asked_about_by_its_keeper_once_the_class_is_approved(approved: Cast) -> None:
    for who in ("head_society", "principal", "clerk"):
        with pytest.raises((NotFound, NotAllowed)):
            ask_kept(approved, {"conduct_2": "Khá"}, who)
    for raw, field in (
        ({"remark": " "}, "remark"),
        ({"absences_excused_1": "nhiều"}, "absences_excused_1"),
        ({}, "fields"),
    ):
        with pytest.raises(Invalid) as refused:
            ask_kept(approved, raw)
        assert refused.value.field == field
    ask_kept(approved, {"conduct_2": "Khá"})
    with pytest.raises(WrongState, match="đang chờ"):
        ask_kept(approved, {"conduct_2": "Đạt"})


def test_an_open_class_needs_no_request(locked: Cast) -> None:
    with pytest.raises(WrongState, match="sửa thẳng"):
        ask_kept(locked, {"conduct_2": "Khá"})


def test_frozen_and_live_results_of_an_untouched_class_read_the_same(approved: Cast) -> None:
    """Otherwise a correction would show differences that nobody made."""
    computed = results.compute_class(approved.classes["9A"], LATER.date(), fresh=True)
    for row in computed.students:
        frozen = frozen_results.read_frozen(row.given.enrollment_id)
        assert corrected_year.facts_of(row.given, row.result) == printed_facts.facts_of_frozen(frozen)


# --- civil status -----------------------------------------------------------------------------------------------------------


def civil(
    cast: Cast,
    raw: dict[str, str],
    *,
    who: str = "clerk",
    paper: str = "QĐ 15/QĐ-UBND ngày 10/5/2027",
    student: str = BINH,
) -> m.CorrectionRequest:
    row = db.session.get(m.Enrollment, cast.enrollments["9A", student]).student  # type: ignore[union-attr]
    seen = {name: correction_items.shown_field(name, getattr(row, name)) for name in raw}
    return correction_civil_requests.ask_civil_status(
        cast.actor(who), row.id, raw, seen, "Cải chính hộ tịch", paper, [SCAN], LATER
    )


def student_of(cast: Cast, name: str = BINH) -> m.Student:
    row = db.session.get(m.Enrollment, cast.enrollments["9A", name])
    assert row is not None
    db.session.refresh(row.student)
    return row.student


def test_a_name_on_an_issued_record_changes_by_a_decision_only(issued: Cast) -> None:
    student = student_of(issued)
    with pytest.raises(WrongState, match="đề nghị sửa hộ tịch"):
        students.update_profile(
            issued.actor("clerk"), student.id, {"full_name": "Hoàng Thanh Bình An"},
            expected_version=student.version, now=LATER,
        )  # fmt: skip
    students.update_profile(
        issued.actor("clerk"), student.id, {"address": "Xóm 9"}, expected_version=student.version, now=LATER
    )
    old = next(row for row in records() if row.enrollment_id == issued.enrollments["9A", BINH])
    request = civil(issued, {"full_name": "Hoàng Thanh Bình An", "birth_on": "2/3/2012"})
    found = correction_impact.of_request(request, LATER.date())
    assert [(one.label, one.before, one.after) for one in found.items] == [
        ("Họ và tên", "Hoàng Thanh Bình", "Hoàng Thanh Bình An"),
        ("Ngày sinh", "01/03/2012", "02/03/2012"),
    ]
    assert [one.uuid for one in found.voided] == [old.uuid]
    approve(issued, confirm(issued, request))
    student = student_of(issued)
    assert (student.full_name, student.birth_on) == ("Hoàng Thanh Bình An", date(2012, 3, 2))
    assert "an" in student.search_key
    assert verification.by_code(old.uuid).standing == "recalled"
    transcript_building.build_class(issued.actor("clerk"), issued.classes["9A"], LATER, f"#{old.enrollment_id}")
    new = next(row for row in records() if row.enrollment_id == old.enrollment_id and row.state != "RECALLED")
    assert tc.from_canonical_json(new.content.encode()).student.full_name == "Hoàng Thanh Bình An"
    assert audit_verify.verify().faults == []


def test_a_civil_status_request_rests_on_a_decision_and_its_scan(issued: Cast) -> None:
    with pytest.raises(Invalid) as refused:
        civil(issued, {"full_name": "Hoàng Bình"}, paper=" ")
    assert refused.value.field == "paper"
    with pytest.raises(Invalid) as refused:
        civil(issued, {"birth_on": "31/2/2012"})
    assert refused.value.field == "birth_on"
    with pytest.raises(Invalid):
        civil(issued, {"phone": "0912345678"})
    with pytest.raises(NotAllowed):
        civil(issued, {"full_name": "Hoàng Bình"}, who="principal")
    with pytest.raises(NotFound):
        civil(issued, {"full_name": "Hoàng Bình"}, who="head_society")


def test_the_homeroom_teacher_who_asks_does_not_confirm(issued: Cast) -> None:
    request = civil(issued, {"birth_place": "Nam Định"}, who="math")
    assert request.state == "CONFIRMED"
    assert approve(issued, request).state == "APPLIED"


def test_what_was_not_known_may_be_added_without_a_recall(issued: Cast) -> None:
    student = student_of(issued, CHAU)
    with write_transaction() as session:
        row = session.get(m.Student, student.id)
        row.ethnicity = None  # type: ignore[union-attr]
        session.flush()
        audit.record(
            AuditTag.STUDENT_CHANGED, SYSTEM, LATER, target_kind="student", target_id=student.id,
            state=audit.states("student", [row]),
        )  # fmt: skip
    student = student_of(issued, CHAU)
    students.update_profile(
        issued.actor("clerk"), student.id, {"ethnicity": "Tày"}, expected_version=student.version, now=LATER
    )
    assert student_of(issued, CHAU).ethnicity == "Tày"


# --- whoever has to act next ------------------------------------------------------------------------------------------------


def waits_for(cast: Cast) -> set[str]:
    found = set()
    for key in ("head_society", "math", "principal", "vice_principal", "clerk", "other"):
        held = correction_access.held_by(cast.actor(key), LATER.date())
        rows = db.session.scalars(select(m.CorrectionRequest).order_by(m.CorrectionRequest.id)).all()
        assert held == [row.id for row in rows if cast.people[key] in correction_access.holders(row, LATER.date())]
        items = [item for item in dashboard.daily(cast.actor(key), LATER).odd if item.kind == "correction"]
        if items:
            found.add(key)
            assert items[0].link.startswith("/sua-chua/")
        assert dashboard.count_waiting(cast.actor(key), LATER) == dashboard.daily(cast.actor(key), LATER).n_waiting
    return found


def test_each_step_waits_on_the_day_page_of_the_one_who_has_to_act(locked: Cast) -> None:
    assert waits_for(locked) == set()
    request = ask(locked)
    assert waits_for(locked) == {"math"}
    confirm(locked, request)
    assert waits_for(locked) == {"principal"}
    correction_decisions.send_back(locked.actor("principal"), request.id, "Ảnh mờ", expected_version=2, now=LATER)
    assert waits_for(locked) == {"head_society"}
    correction_requests.withdraw(locked.actor("head_society"), request.id, expected_version=3, now=LATER)
    assert waits_for(locked) == set()


def test_a_confirmed_request_waits_for_the_delegate_as_well(locked: Cast) -> None:
    request = confirm(locked, ask(locked))
    delegate(locked, "other")
    assert waits_for(locked) == {"principal", "other"}
    own = confirm(locked, ask(locked, {("ICT", 2, "CK"): "6"}, who="other"))  # of the own sheet nobody decides
    held = correction_access.held_by(locked.actor("other"), LATER.date())
    assert own.id not in held and request.id in held
    page = correction_view.page(locked.actor("principal"), request.id, LATER)
    assert set(page.holder_names) == {"Đoàn Thị Hải Yến", "Tô Vĩnh Phát"}


def test_what_may_recall_a_sealed_record_waits_for_the_principal_alone(issued: Cast) -> None:
    delegate(issued, "other")
    confirm(issued, ask(issued))
    assert waits_for(issued) == {"principal"}


def test_the_one_who_has_to_act_is_reminded_within_five_working_days(locked: Cast) -> None:
    request = ask(locked)
    held = [work for work in held_work.unfinished(LATER) if work.link == f"/sua-chua/{request.id}"]
    assert [(work.holders, work.deadline.before) for work in held] == [((locked.people["math"],), date(2027, 5, 22))]
    confirm(locked, request)
    held = [work for work in held_work.unfinished(LATER) if work.link == f"/sua-chua/{request.id}"]
    assert held[0].holders == (locked.people["principal"],)


def test_the_verbs_a_page_offers_are_those_the_services_allow(locked: Cast) -> None:
    request = ask(locked)
    offered = {
        who: correction_view.page(locked.actor(who), request.id, LATER).verbs
        for who in ("head_society", "math", "principal")
    }
    assert offered == {
        "head_society": {CorrectionVerb.WITHDRAW},
        "math": {CorrectionVerb.CONFIRM, CorrectionVerb.RETURN, CorrectionVerb.REFUSE},
        "principal": frozenset(),
    }
    assert correction_view.page(locked.actor("math"), request.id, LATER).line.state is CorrectionState.ASKED
