"""An exemption after lock: granted late, or taken back with the marks that the locked sheets then need."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.services import (
    audit_verify,
    class_gaps,
    correction_access,
    correction_civil_requests,
    correction_decisions,
    correction_exemptions,
    correction_items,
    correction_resending,
    correction_view,
    dashboard,
    exemption_revocations,
    exemptions,
    frozen_results,
    log_replay,
    results,
    score_entry,
    transcripts,
)
from hocbaso.services.correction_score_requests import Wanted
from tests.cast import NOW, STUDENTS, Cast, put_sheets
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.full_class import fill_scores, kept, last_entry, lock_class
from tests.services.locked_class import locked_fixture, locked_template_fixture  # noqa: F401 (fixtures)
from tests.services.test_correction_inherited import approve, late_and_approved
from tests.services.test_corrections import LATER, PHOTO, SCAN, delegate
from tests.services.test_exemption_revocations import granted
from tests.services.test_exemptions_and_decisions import BINH, propose, subject_id

WHY, PAPER = "Quyết định là của em khác cùng tên", "15/QĐ-THCS ngày 14/5/2027"
PE_COLUMNS = ("TX1", "TX2", "GK", "CK")


@kept
def locked_with_exempt(school: Cast) -> int:
    """9A locked while Bình was exempt from PE: semester I typed before, semester II not; the exemption."""
    fill_scores(school, "9A", skip=(("9A", "PE", 2),))
    exemption = granted(school)
    for student in STUDENTS["9A"]:
        if student != BINH:
            for column in PE_COLUMNS:
                score_entry.save_cell(
                    school.actor("other"), school.sheets["9A", "PE", 2], school.enrollments["9A", student], column, "Đ",
                    expected_version=0, op_id=None, now=NOW,
                )  # fmt: skip
    lock_class(school, "9A")
    return exemption


def marks(school: Cast, value: str = "Đ", columns: tuple[str, ...] = PE_COLUMNS) -> dict[tuple[int, str], Wanted]:
    return {(school.sheets["9A", "PE", 2], column): Wanted(value, 0) for column in columns}


def revoke(
    school: Cast,
    exemption: int,
    cells: dict[tuple[int, str], Wanted],
    who: str = "other",
    *,
    old_school: str = "",
    paper: str = PAPER,
) -> m.CorrectionRequest:
    return correction_exemptions.ask_revocation(
        school.actor(who), exemption, cells, old_school, WHY, paper, [PHOTO], LATER
    )


def grant(
    school: Cast, who: str = "math", *, code: str = "PE", semester: int | None = None, pupil: int | None = None
) -> m.CorrectionRequest:
    return correction_exemptions.ask_exemption(
        school.actor(who),
        pupil or school.enrollments["9A", BINH],
        subject_id(code),
        semester,
        "Giấy của bệnh viện nộp muộn",
        PAPER,
        [PHOTO],
        LATER,
    )


def confirm(school: Cast, request: m.CorrectionRequest, who: str = "math") -> None:
    correction_decisions.confirm(school.actor(who), request.id, expected_version=request.version, now=LATER)


def of_binh(school: Cast):
    return results.compute_class(school.classes["9A"], NOW.date()).by_id[school.enrollments["9A", BINH]].result


def state_of(exemption_id: int) -> str:
    return db.session.get_one(m.Exemption, exemption_id, populate_existing=True).state


def test_taken_back_with_the_marks_the_locked_sheet_needs(school: Cast) -> None:
    exemption = locked_with_exempt(school)
    sheet = school.sheets["9A", "PE", 2]
    with pytest.raises(WrongState, match="lập đề nghị thu hồi miễn học kèm điểm của em"):
        exemption_revocations.propose(school.actor("math"), exemption, WHY, now=LATER)
    with pytest.raises(Invalid, match="không để trống") as refusal:
        revoke(school, exemption, marks(school, columns=("TX1", "GK", "CK")))
    assert refusal.value.field == f"{sheet}-TX2"
    request = revoke(school, exemption, {**marks(school), (sheet, "NX"): Wanted("Vận động tốt.", 0)})
    assert (request.kind, request.state, len(request.items)) == ("exemption", "ASKED", 7)
    confirm(school, request)
    assert (state_of(exemption), of_binh(school).subjects["PE"].year) == ("GRANTED", "Miễn"), "nothing before approval"
    page = correction_view.page(school.actor("principal"), request.id, LATER)
    assert page.impact is not None
    shown = {one.label: (one.before, one.after) for one in page.impact.items}
    assert shown["Miễn học Giáo dục thể chất, học kì I"] == ("được miễn", "không miễn")
    assert shown["Giáo dục thể chất, học kì II, cuối kì"] == ("trống", "Đ")
    changes = {one.place: (one.before, one.after) for one in page.impact.changes}
    assert changes["subject", "PE", "year"] == ("Miễn", "Đ")
    done = approve(school, request)
    assert done.state == "APPLIED" and state_of(exemption) == "REVOKED"
    assert (of_binh(school).subjects["PE"].semester_1, of_binh(school).subjects["PE"].year) == ("Đ", "Đ")
    for semester in (1, 2):
        row = db.session.get_one(m.ScoreSheet, school.sheets["9A", "PE", semester], populate_existing=True)
        assert row.state == "LOCKED"
        verbs = db.session.scalars(
            select(m.SheetStep.verb).where(m.SheetStep.score_sheet_id == row.id).order_by(m.SheetStep.id)
        ).all()
        assert verbs[-2:] == ["reopen", "relock"]
    gaps = class_gaps.list_gaps(results.compute_class(school.classes["9A"], NOW.date()))
    assert [gap for gap in gaps if gap.kind in ("score", "exemption", "sheet")] == []
    past = exemption_revocations.of_enrollment(school.actor("math"), school.enrollments["9A", BINH])[0]
    one = past.revocations[0]
    assert (one.proposer_name, one.decider_name, one.reason) == ("Tô Vĩnh Phát", "Đoàn Thị Hải Yến", WHY)
    payload = json.loads(last_entry("exemption:revocation:decided").payload)
    assert (payload["facts"]["request"], payload["facts"]["confirmed_by"]) == (done.id, "Trịnh Thu Hà")
    assert audit_verify.verify().faults == [] and log_replay.audit_faults_of_class(school.classes["9A"]) == []


def test_granted_late_the_record_is_recalled_and_taken_back_it_says_what_it_said(issued: Cast) -> None:
    pupil = issued.enrollments["9A", BINH]
    first = frozen_results.newest_frozen(pupil)
    record = transcripts.records_in_force([pupil])[pupil].uuid
    with pytest.raises(WrongState, match="lập đề nghị sửa miễn học ở trang của học sinh"):
        propose(issued)
    request = grant(issued)
    assert correction_access.standing(request, LATER.date()).value == "CONFIRMED", "who keeps the class asked"
    page = correction_view.page(issued.actor("principal"), request.id, LATER)
    assert page.impact is not None
    assert {one.place for one in page.impact.changes} == {
        ("subject", "PE", t) for t in ("semester_1", "semester_2", "year")
    }
    assert [(one.uuid, one.how, len(one.signatures)) for one in page.impact.voided] == [(record, "recalled", 3)]
    approve(issued, request)
    row = db.session.scalars(
        select(m.TranscriptRecord).where(m.TranscriptRecord.uuid == record).execution_options(populate_existing=True)
    ).one()
    assert row.state == "RECALLED"
    second = frozen_results.newest_frozen(pupil)
    frozen = {one["code"]: one for one in frozen_results.read_frozen(second)["subjects"]}
    assert (second.revision, frozen["PE"]["year"]) == (2, "Miễn")
    exemption = db.session.scalars(select(m.Exemption)).one()
    assert (exemption.state, exemption.semester, exemption.document) == ("GRANTED", None, PAPER)

    back = revoke(issued, exemption.id, {})
    assert {item.field is not None for item in back.items} == {True}, "the marks of before stand there"
    confirm(issued, back)
    approve(issued, back)
    third = frozen_results.newest_frozen(pupil)
    assert third.revision == 3 and state_of(exemption.id) == "REVOKED"
    before, after = (frozen_results.read_frozen(one)["subjects"] for one in (first, third))
    assert [(one["code"], one["year"]) for one in before] == [(one["code"], one["year"]) for one in after]
    assert audit_verify.verify().faults == [] and log_replay.audit_faults_of_class(issued.classes["9A"]) == []


@pytest.mark.parametrize(
    ("who", "error"),
    [
        ("principal", NotAllowed),
        ("vice_principal", NotAllowed),
        ("clerk", NotFound),
        ("other", NotFound),
        ("it_officer", NotFound),
    ],
)
def test_who_keeps_the_class_asks_for_an_exemption(locked: Cast, who: str, error: type[DomainError]) -> None:
    with pytest.raises(error):
        grant(locked, who)


@pytest.mark.parametrize("who", ["math", "principal", "clerk", "head_science", "it_officer"])
def test_who_teaches_the_subject_asks_to_take_one_back(school: Cast, who: str) -> None:
    exemption = locked_with_exempt(school)
    assert not correction_exemptions.asks_revocation(school.actor(who), exemption, LATER)
    with pytest.raises(NotFound):
        revoke(school, exemption, marks(school), who)
    assert correction_exemptions.asks_revocation(school.actor("other"), exemption, LATER)
    assert correction_exemptions.of_locked_line(
        school.actor("other"), school.sheets["9A", "PE", 2], school.enrollments["9A", BINH], LATER
    ) == exemption  # fmt: skip


def test_before_the_lock_each_refusal_names_the_page_where_it_is_done(school: Cast) -> None:
    exemption = granted(school)
    with pytest.raises(WrongState, match="chưa khoá: đề nghị thu hồi ở trang của học sinh"):
        revoke(school, exemption, {}, "math")
    with pytest.raises(WrongState, match="chưa có bảng điểm nào khoá: đề nghị miễn học ở trang của học sinh"):
        grant(school)
    put_sheets([school.sheets["9A", "PE", 1]], "LOCKED")
    with pytest.raises(Invalid, match="chưa có bảng điểm nào khoá"):
        grant(school, code="ART")
    with pytest.raises(WrongState, match="đã được miễn"):
        grant(school)
    put_sheets([school.sheets["9A", "PE", 2]], "REVIEWED")
    with pytest.raises(WrongState, match="trả lại bảng"):
        revoke(school, exemption, {})


def test_a_delegate_decides_none_of_it(school: Cast) -> None:
    exemption = locked_with_exempt(school)
    delegate(school, "head_science")
    request = revoke(school, exemption, marks(school))
    confirm(school, request)
    deputy = school.actor("head_science")
    assert school.people["head_science"] not in correction_access.holders(request, LATER.date())
    assert request.id not in correction_access.held_by(deputy, LATER.date())
    with pytest.raises(NotAllowed):
        approve(school, request, "head_science")
    assert approve(school, request).state == "APPLIED"


def test_one_request_at_a_time_and_pinned_to_what_stood(school: Cast) -> None:
    exemption = locked_with_exempt(school)
    with pytest.raises(Invalid) as refusal:
        revoke(school, exemption, marks(school), paper="")
    assert refusal.value.field == "paper"
    with pytest.raises(Stale) as stale:
        revoke(school, exemption, {key: Wanted("CĐ", 4) for key in marks(school)})
    assert len(stale.value.current) == 4
    request = revoke(school, exemption, marks(school))
    with pytest.raises(WrongState, match="đang chờ"):
        revoke(school, exemption, marks(school, "CĐ"))
    correction_decisions.send_back(
        school.actor("math"), request.id, "Thiếu ảnh", expected_version=request.version, now=LATER
    )
    correction_resending.resend(
        school.actor("other"), request.id, "Ảnh đã đủ", [], expected_version=request.version, now=LATER
    )
    assert request.state == "ASKED" and [item.old_text for item in request.items if item.field] == ["Miễn", "Miễn"]


def test_a_request_that_holds_no_cell_is_not_in_the_way(school: Cast) -> None:
    """What is under way about a pupil's profile holds no cell of a sheet."""
    exemption = locked_with_exempt(school)
    student = db.session.get_one(m.Enrollment, school.enrollments["9A", BINH]).student
    correction_civil_requests.ask_civil_status(
        school.actor("clerk"), student.id, {"birth_place": "Nơi khác"}, {"birth_place": student.birth_place or ""},
        "Cải chính", "QĐ 15", [SCAN], LATER,
    )  # fmt: skip
    assert revoke(school, exemption, marks(school)).state == "ASKED"


def test_a_sheet_that_moved_on_meanwhile_stops_the_approval(school: Cast) -> None:
    fill_scores(school, "9A", skip=(("9A", "PE", 2),))
    exemption = granted(school)
    put_sheets([school.sheets["9A", "PE", 1]], "LOCKED")
    request = revoke(school, exemption, {})
    confirm(school, request)
    for state, words in (("SUBMITTED", "trả lại bảng"), ("LOCKED", "để giáo viên lập đề nghị mới")):
        put_sheets([school.sheets["9A", "PE", 2]], state)
        with pytest.raises(WrongState, match=words):
            approve(school, request)
        db.session.rollback()
        assert state_of(exemption) == "GRANTED"
    put_sheets([school.sheets["9A", "PE", 2]], "DRAFT")
    assert approve(school, request).state == "APPLIED"
    assert of_binh(school).subjects["PE"].semester_1 == "Đ"


def test_a_semester_at_another_school_is_closed_and_opened_by_who_copied_it(school: Cast) -> None:
    pupil = late_and_approved(school)
    approve(school, grant(school, code="MATH", semester=1, pupil=pupil))
    frozen = frozen_results.read_frozen(frozen_results.newest_frozen(pupil))
    assert {one["code"]: one["semester_1"] for one in frozen["subjects"]}["MATH"] == "Miễn"
    exemption = db.session.scalars(select(m.Exemption.id)).one()
    with pytest.raises(Invalid) as refusal:
        revoke(school, exemption, {}, "math")
    assert refusal.value.field == f"inherited-{subject_id('MATH')}"
    approve(school, revoke(school, exemption, {}, "math", old_school="6,0"))
    frozen = frozen_results.read_frozen(frozen_results.newest_frozen(pupil))
    row = {one["code"]: one for one in frozen["subjects"]}["MATH"]
    assert (row["semester_1"], row["inherited"], row["year"]) == ("6.0", "6.0", "7.3")
    assert exemptions.waiting(school.actor("principal")) == [] and audit_verify.verify().faults == []
    assert correction_items.field_words(f"exempt-{subject_id('MATH')}-2") == "Miễn học Toán, học kì II"


def test_a_proposal_beside_the_request_is_not_granted_over_what_the_request_granted(school: Cast) -> None:
    fill_scores(school, "9A")
    put_sheets([school.sheets["9A", "PE", 1]], "LOCKED")
    request = grant(school)
    beside = propose(school, semester=2)
    assert approve(school, request).state == "APPLIED"
    with pytest.raises(WrongState, match="đã được miễn môn này theo một quyết định khác"):
        exemptions.decide(school.actor("principal"), beside.id, True, document="12/QĐ", now=LATER)
    assert exemptions.decide(school.actor("principal"), beside.id, False, document=None, now=LATER).state == "REFUSED"
    assert of_binh(school).subjects["PE"].year == "Miễn"


def test_the_rail_follows_a_request_whose_confirmer_keeps_the_class_no_more(school: Cast) -> None:
    exemption = locked_with_exempt(school)
    revoke(school, exemption, marks(school))
    principal = school.actor("principal")
    assert dashboard.count_waiting(principal, LATER) == 0
    keeping = db.session.scalars(
        select(m.HomeroomAssignment).where(m.HomeroomAssignment.class_group_id == school.classes["9A"])
    ).one()
    with write_transaction():
        keeping.ends_on = NOW.date() - timedelta(days=1)
    assert dashboard.count_waiting(principal, LATER) == 1
