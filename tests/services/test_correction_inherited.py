"""Semester I of an old school, copied wrongly and found after the class was approved: a correction like any other."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import DomainError, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.services import (
    audit_verify,
    class_approval,
    class_moves,
    correction_access,
    correction_decisions,
    correction_impact,
    correction_requests,
    correction_resending,
    correction_view,
    correction_year_requests,
    frozen_results,
    homeroom,
    inherited_results,
    log_replay,
    results,
    roster,
    transcript_building,
    transcripts,
)
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.services.full_class import fill_homeroom, fill_scores, kept, last_entry, lock_class, seen_of
from tests.services.test_arrivals import brought, comes, copy, type_semester_two
from tests.services.test_corrections import LATER, PHOTO

WHY, PAPER = "Chép nhầm dòng, bảng tổng hợp ghi 4,5", "Bảng tổng hợp 45, 28/02/2027"


@kept
def late_and_approved(school: Cast) -> int:
    """9A approved with a pupil who brought semester I (7,5 in every scored subject); the enrolment."""
    fill_scores(school, "9A")
    pupil = comes(school).enrollment_id
    type_semester_two(school, pupil)
    lock_class(school, "9A")
    fill_homeroom(school, "9A")
    none = dict.fromkeys(
        ("absences_excused_1", "absences_unexcused_1", "absences_excused_2", "absences_unexcused_2"), 0
    )
    homeroom.save_class(
        school.actor("math"),
        school.classes["9A"],
        {pupil: {"conduct_1": "T", "conduct_2": "T", "remark": "Hoà nhập nhanh.", **none}},
        now=NOW,
    )
    copy(school, pupil)
    inherited_results.decide(school.actor("principal"), pupil, True, NOW)
    class_id = school.classes["9A"]
    class_moves.finalise(school.actor("math"), class_id, seen=seen_of(class_id), expected_version=1, now=NOW)
    class_approval.approve_class(
        school.actor("principal"), class_id, seen=seen_of(class_id), expected_version=2, now=NOW
    )
    return pupil


def field(code: str = "MATH") -> str:
    return f"inherited-{db.session.scalars(select(m.Subject.id).where(m.Subject.code == code)).one()}"


def ask(
    school: Cast,
    pupil: int,
    value: str = "4,5",
    *,
    who: str = "math",
    code: str = "MATH",
    seen: str = "7,5",
    paper: str = PAPER,
) -> m.CorrectionRequest:
    return correction_year_requests.ask_inherited(
        school.actor(who), pupil, {field(code): value}, {field(code): seen}, WHY, paper, [PHOTO], LATER
    )


def approve(school: Cast, request: m.CorrectionRequest, who: str = "principal") -> m.CorrectionRequest:
    fresh = db.session.get_one(m.CorrectionRequest, request.id, populate_existing=True)
    found = correction_impact.of_request(fresh, LATER.date())
    return correction_decisions.approve(
        school.actor(who), fresh.id, expected_version=fresh.version, seen_digest=found.digest, now=LATER
    )


def test_it_goes_the_whole_way_and_the_year_is_frozen_anew(school: Cast) -> None:
    pupil = late_and_approved(school)
    transcript_building.build_class(SYSTEM, school.classes["9A"], NOW)
    old = transcripts.records_in_force([pupil])[pupil].uuid
    with pytest.raises(WrongState, match="lập đề nghị sửa chữa ở trang của học sinh"):
        copy(school, pupil, brought("4,5"))
    request = ask(school, pupil)
    # Who copied it asks, so that nobody else confirms: the principal is the second pair of eyes.
    assert correction_access.standing(request, LATER.date()).value == "CONFIRMED"
    page = correction_view.page(school.actor("principal"), request.id, LATER)
    assert page.impact is not None
    assert [(one.label, one.before, one.after) for one in page.impact.items] == [
        ("Toán, học kì I ở trường cũ", "7,5", "4,5")
    ]
    changes = {one.place: (one.before, one.after) for one in page.impact.changes}
    code = "MATH"
    assert changes["subject", code, "semester_1"] == ("7.5", "4.5")
    assert changes["subject", code, "year"] == ("7.8", "6.8")
    assert [one.how for one in page.impact.voided] == ["taken_back"]
    assert results.compute_class(school.classes["9A"], NOW.date()).by_id[pupil].result.subjects[code].year == "7.8"

    done = approve(school, request)
    assert (done.state, done.decider_name) == ("APPLIED", "Đoàn Thị Hải Yến")
    newest = frozen_results.newest_frozen(pupil)
    assert newest is not None and newest.revision == 2 and done.frozen_result_id == newest.id
    frozen = {row["code"]: row for row in frozen_results.read_frozen(newest)["subjects"]}
    assert (frozen[code]["semester_1"], frozen[code]["inherited"], frozen[code]["year"]) == ("4.5", "4.5", "6.8")
    states = dict(
        tuple(one)
        for one in db.session.execute(select(m.InheritedResult.state, func.count()).group_by(m.InheritedResult.state))
    )
    assert states == {"REPLACED": 1, "ACCEPTED": 12}
    payload = json.loads(last_entry("enrollment:inherited:decided").payload)
    assert (payload["facts"]["request"], payload["facts"]["asked_by"]) == (done.id, "Trịnh Thu Hà")
    record = db.session.scalars(select(m.TranscriptRecord).where(m.TranscriptRecord.uuid == old)).one()
    assert record.state == "RECALLED" or pupil not in transcripts.records_in_force([pupil])
    assert audit_verify.verify().ok and log_replay.audit_faults_of_class(school.classes["9A"]) == []


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
def test_who_keeps_the_class_asks(school: Cast, who: str, error: type[DomainError]) -> None:
    pupil = late_and_approved(school)
    with pytest.raises(error):
        ask(school, pupil, who=who)


def test_it_is_asked_about_an_approved_class_and_a_pupil_from_elsewhere(school: Cast) -> None:
    late = comes(school).enrollment_id
    with pytest.raises(WrongState, match="chép lại kết quả ở trang của học sinh"):
        ask(school, late)
    assert not correction_year_requests.asks_inherited(school.actor("math"), late, LATER)
    here = school.enrollments["9A", "Hoàng Thanh Bình"]
    with pytest.raises(WrongState, match="học kì I ở trường này"):
        ask(school, here)


def test_what_is_wrong_is_refused_at_its_field(school: Cast) -> None:
    pupil = late_and_approved(school)
    for value, name in (("11", field()), ("", field()), ("tám", field())):
        with pytest.raises(Invalid) as refusal:
            ask(school, pupil, value)
        assert refusal.value.field == name
    with pytest.raises(Invalid) as refusal:
        ask(school, pupil, "CĐ", paper=" ", code="PE", seen="Đ")
    assert refusal.value.field == "paper"
    with pytest.raises(Invalid, match="Chưa có môn nào đổi"):
        ask(school, pupil, "7,5")
    with pytest.raises(Stale) as stale:
        ask(school, pupil, "7,0", seen="8,0")
    assert [(one.present, one.wanted) for one in stale.value.current] == [("7,5", "7,0")]
    ask(school, pupil)
    with pytest.raises(WrongState, match="đang chờ"):
        ask(school, pupil, "5,0")


def test_returned_answered_and_of_the_principals_own_a_vice_principal_decides(school: Cast) -> None:
    pupil = late_and_approved(school)
    request = ask(school, pupil)
    correction_decisions.send_back(
        school.actor("principal"), request.id, "Ảnh mờ", expected_version=request.version, now=LATER
    )
    again = correction_resending.resend(
        school.actor("math"), request.id, "Đã chụp lại", [], expected_version=request.version, now=LATER
    )
    correction_requests.withdraw(school.actor("math"), again.id, expected_version=again.version, now=LATER)
    roster.assign_homeroom(SYSTEM, school.classes["9A"], school.people["principal"], NOW, starts_on=NOW.date())
    own = ask(school, pupil, who="principal")
    with pytest.raises(NotAllowed):
        approve(school, own)
    assert approve(school, own, "vice_principal").state == "APPLIED"
