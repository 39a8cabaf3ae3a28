"""An approved result of the summer is another one: asked with evidence, confirmed, approved, frozen anew; also in a closed year."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.permissions import Role
from hocbaso.services import (
    audit_verify,
    correction_decisions,
    correction_impact,
    correction_resending,
    correction_score_requests,
    correction_view,
    document_pool,
    frozen_results,
    log_search,
    roster,
    signing,
    summer_approval,
    summer_corrections,
    summer_view,
    test_school_keys,
    transcript_building,
    transcript_contents,
    transcripts,
    untouched,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.log_search import Wanted
from hocbaso.services.summer_results import Typed
from hocbaso.services.uploaded_papers import Upload
from hocbaso.services.waiting_corrections import correction_items
from tests.cast import NOW, Cast
from tests.services.finished_year import finish_class, seal_class
from tests.services.full_class import last_entry
from tests.services.summer_class import (
    BINH,
    CHI,
    JULY,
    REPORT,
    approve_ready,
    keys,
    register_all,
    summer_9a,
    type_one,
)
from tests.services.test_summer import TRAINING, frozen_of
from tests.services.test_year_turn import AUGUST, turn

PHOTO = Upload("bai-kiem-tra-lai.jpg", b"\xff\xd8\xff\xe0" + b"anh chup bai" * 30)
LATER = JULY + timedelta(days=2)


@pytest.fixture(autouse=True, scope="module")
def _workers() -> Iterator[None]:
    yield
    document_pool.close()


def approved(cast: Cast, literature: str = "4,9", training: str = "CĐ") -> int:
    """Chi took only Ngữ văn again, Bình trained; both approved."""
    class_id = summer_9a(cast)
    register_all(cast, class_id, but=("Lịch sử và Địa lí", "Toán"))
    type_one(cast, "head_society", class_id, CHI, "Ngữ văn", literature)
    type_one(cast, "math", class_id, BINH, TRAINING, training)
    approve_ready(cast, class_id)
    return class_id


def subject_id(code: str) -> int:
    return db.session.scalars(select(m.Subject.id).where(m.Subject.code == code)).one()


def row_of(cast: Cast, pupil: str, code: str | None) -> m.SummerResult:
    return db.session.scalars(
        select(m.SummerResult)
        .where(
            m.SummerResult.enrollment_id == cast.enrollments["9A", pupil],
            m.SummerResult.subject_id == (subject_id(code) if code else None),
        )
        .execution_options(populate_existing=True)
    ).one()


def ask(
    cast: Cast, text: str, *, who: str = "head_society", pupil: str = CHI, code: str | None = "LIT", now: datetime = LATER,
    version: int | None = None, absent: bool = False, day: str = "15/07/2027", paper: str = REPORT,
    files: tuple[Upload, ...] = (PHOTO,),
) -> m.CorrectionRequest:  # fmt: skip
    said = Typed(text, row_of(cast, pupil, code).version if version is None else version, absent, day, paper)
    return summer_corrections.ask(
        cast.actor(who),
        cast.enrollments["9A", pupil],
        subject_id(code) if code else None,
        said,
        "Cộng lại bài: 5,9",
        list(files),
        now,
    )


def decide(cast: Cast, request: m.CorrectionRequest, who: str = "principal", now: datetime = LATER) -> None:
    """Confirmed by the homeroom teacher where that is asked for, and approved with what stood on the page."""
    if request.state == "ASKED":
        correction_decisions.confirm(cast.actor("math"), request.id, expected_version=request.version, now=now)
    digest = correction_impact.of_request(request, now.date()).digest
    correction_decisions.approve(
        cast.actor(who), request.id, expected_version=request.version, seen_digest=digest, now=now
    )


def test_the_whole_way_of_a_score_that_was_added_up_wrong(school: Cast) -> None:
    class_id = approved(school)
    main, [first] = frozen_of(school, CHI, "main"), frozen_of(school, CHI, "summer")
    assert (first["learning"]["after"], first["promotion"]["outcome"]) == ("CĐ", "RETAINED")
    request = ask(school, "5,9")
    assert request.state == "ASKED"
    shown = correction_view.page(school.actor("math"), request.id, LATER)
    assert [(one.label, one.before, one.after) for one in shown.items] == [
        ("Ngữ văn, kết quả đánh giá lại", "4,9", "5,9")
    ]
    told = {(one.place, one.before, one.after) for one in shown.impact.changes}
    assert (("promotion",), "RETAINED", "COMPLETED") in told and (("subject", "LIT", "after"), "4.9", "5.9") in told
    assert frozen_of(school, CHI, "summer") == [first], "asking changes nothing"
    decide(school, request)
    old, new = frozen_of(school, CHI, "summer")
    assert old == first and frozen_of(school, CHI, "main") == main, "both former freezes stay"
    assert new["promotion"]["outcome"] == "COMPLETED" and new["learning"]["after"] == "Đ"
    row = row_of(school, CHI, "LIT")
    assert (row.state, row.tenths, row.typist_name) == ("APPROVED", 59, school.actor("head_society").name)
    entry = last_entry("summer:result:changed")
    assert entry.actor_name == school.actor("principal").name and '"4,9"' in entry.payload
    assert summer_view.completion(school.actor("clerk"), None).of(False)[0].full_name == BINH
    assert correction_view.applied_in_class(class_id)[0][:2] == (CHI, "Ngữ văn, kết quả đánh giá lại: 4,9 → 5,9")
    untouched.require_untouched(class_id)
    assert audit_verify.verify().faults == []
    # An inspector who looks for the pupil, or for the subject in the class, finds every hand that touched it.
    acts = [
        "summer:registration:recorded",
        "summer:result:changed",
        "summer:result:approved",
        "correction:request:asked",
    ]
    for wanted in (Wanted(pupil=CHI), Wanted(class_group_id=class_id, subject_id=subject_id("LIT"))):
        lines = log_search.search(school.actor("principal"), wanted, LATER.date()).lines
        tags = [db.session.get(m.AuditEntry, line.seq).tag for line in lines]
        assert set(acts) <= set(tags), (wanted, set(acts) - set(tags))
        assert tags.count("summer:result:changed") == 2, "typed, and corrected; not the conduct of another pupil"


def test_conduct_goes_straight_to_the_principal_where_its_keeper_asks(school: Cast) -> None:
    approved(school)
    with pytest.raises(Invalid, match="chữ ký của cha mẹ"):
        ask(school, "Đ", who="math", pupil=BINH, code=None, paper=" ")
    request = ask(school, "Đ", who="math", pupil=BINH, code=None)
    assert request.state == "CONFIRMED"
    [waits] = correction_items(school.actor("principal"), LATER.date())
    assert (waits.oddities[0].kind, waits.link) == ("Sửa kết quả trong hè", f"/sua-chua/{request.id}")
    decide(school, request)
    assert frozen_of(school, BINH, "summer")[-1]["promotion"]["outcome"] == "COMPLETED"


def test_another_correction_of_the_pupil_keeps_the_summer(school: Cast) -> None:
    """While nothing approved is ever open again, no other correction can freeze the year without it."""
    approved(school, "5,9")
    cells = {(school.sheets["9A", "SCI", 2], "CK"): correction_score_requests.Wanted("9,5", 1)}
    request = correction_score_requests.ask_scores(
        school.actor("math"), school.enrollments["9A", CHI], cells, "Cộng nhầm", [PHOTO], LATER
    )
    other = ask(school, "5,0")
    decide(school, request)
    assert frozen_of(school, CHI, "summer")[-1]["promotion"]["outcome"] == "COMPLETED"
    decide(school, other)
    last = frozen_of(school, CHI, "summer")[-1]
    assert {row["code"]: row["after_reassessment"] for row in last["subjects"]}["LIT"] == "5.0"


def test_a_year_that_is_enough_once_corrected_was_not_concluded_after_re_assessment(school: Cast) -> None:
    approved(school, "5,9")
    [before] = frozen_of(school, CHI, "summer")
    assert transcript_contents.promotion_of(before, 8).promoted_after == "Lên lớp 9"
    columns = ("TX1", "TX2", "TX3", "TX4", "GK", "CK")
    cells = {
        (school.sheets["9A", "MATH", term], key): correction_score_requests.Wanted("9,0", 1)
        for term in (1, 2)
        for key in columns
    }
    request = correction_score_requests.ask_scores(
        school.actor("math"), school.enrollments["9A", CHI], cells, "Ghi nhầm dòng", [PHOTO], LATER
    )
    decide(school, request)
    last = frozen_of(school, CHI, "summer")[-1]
    assert (last["learning"]["year"], last["promotion"]["outcome"]) == ("Đ", "COMPLETED")
    note = transcript_contents.promotion_of(last, 8)
    assert (note.promoted, note.promoted_after) == ("Lên lớp 9", None)
    [line] = [one for one in summer_view.completion(school.actor("clerk"), None).lines if one.full_name == CHI]
    assert line.completed and not line.after_summer
    # Nor does a level "after re-assessment" stand beside a year that needed none: this one would be Chưa đạt.
    decide(school, ask(school, "3,0"))
    last = frozen_of(school, CHI, "summer")[-1]
    assert {row["code"]: row["after_reassessment"] for row in last["subjects"]}["LIT"] == "3.0"
    assert (last["learning"]["year"], last["learning"]["after"]) == ("Đ", None)
    assert last["promotion"]["outcome"] == "COMPLETED"


def test_who_may_and_what_is_refused(school: Cast) -> None:
    class_id = approved(school)
    for who in ("math", "principal", "vice_principal", "clerk", "outsider", "it_officer", "other"):
        with pytest.raises((NotAllowed, NotFound)):
            ask(school, "5,9", who=who)
    with pytest.raises(NotFound):
        ask(school, "T", who="head_society", pupil=BINH, code=None)
    with pytest.raises(Stale):
        ask(school, "5,9", version=1)
    for text, day, why in (
        ("4,9", "15/07/2027", "Chưa có gì đổi"),
        ("11", "15/07/2027", ""),
        ("5,9", "", "ngày"),
        ("", "15/07/2027", ""),
    ):
        with pytest.raises(Invalid) as refused:
            ask(school, text, day=day)
        assert refused.value.field == "value" and why in refused.value.message
    with pytest.raises(Invalid) as refused:
        ask(school, "5,9", files=())
    assert refused.value.field == "files"
    request = ask(school, "5,9")
    with pytest.raises(WrongState, match=f"đề nghị số {request.id}"):
        ask(school, "6,0")
    with pytest.raises(NotFound):
        correction_view.page(school.actor("other"), request.id, LATER)
    with pytest.raises(NotFound):
        correction_view.page(school.actor("clerk"), request.id, LATER)
    # A delegate does not decide what they typed, and whoever teaches the subject is told of the request.
    roster.grant_role(SYSTEM, school.people["head_society"], Role.DELEGATE, NOW, starts_on=NOW.date())
    correction_decisions.confirm(school.actor("math"), request.id, expected_version=request.version, now=LATER)
    digest = correction_impact.of_request(request, LATER.date()).digest
    with pytest.raises(NotAllowed):
        correction_decisions.approve(
            school.actor("head_society"), request.id, expected_version=request.version, seen_digest=digest, now=LATER
        )
    correction_decisions.send_back(
        school.actor("principal"), request.id, "Thiếu biên bản", expected_version=request.version, now=LATER
    )
    sent = correction_resending.resend(
        school.actor("head_society"), request.id, "Đã kèm", [], expected_version=request.version, now=LATER
    )
    assert sent.state == "ASKED" and [item.old_text for item in sent.items] == ["4,9"]
    key, version = keys(school, class_id)[CHI, "Toán"]
    with pytest.raises(WrongState):
        summer_approval.send_back(
            school.actor("principal"), class_id, key, "Xem lại", expected_version=version, now=LATER
        )


def test_who_did_not_take_part_did_after_all(school: Cast) -> None:
    approved(school)
    with pytest.raises(Invalid, match="không tham gia"):
        ask(school, "", who="math", code="MATH", absent=True)
    request = ask(school, "6,5", who="math", code="MATH")
    assert {
        (one.label, one.before, one.after)
        for one in correction_view.page(school.actor("math"), request.id, LATER).items
    } == {
        ("Toán, kết quả đánh giá lại", "không tham gia", "6,5"),
        ("Toán, ngày đánh giá lại", "trống", "15/07/2027"),
        ("Toán, biên bản đánh giá lại", "trống", REPORT),
    }
    decide(school, request)
    last = frozen_of(school, CHI, "summer")[-1]
    assert last["promotion"]["outcome"] == "COMPLETED" and row_of(school, CHI, "MATH").assessed_on is not None


def test_a_closed_year_is_open_to_it_and_its_record_is_built_anew(school: Cast) -> None:
    test_school_keys.make_demo_keys(SYSTEM, NOW)
    class_id, chi = approved(school, training="K"), school.enrollments["9A", CHI]
    finish_class(school.classes["6A"], datetime(2027, 5, 25, 2, 0, tzinfo=UTC))
    pupils = [f"#{chi}", f"#{school.enrollments['9A', BINH]}"]
    for pupil in pupils:
        transcript_building.build_class(SYSTEM, class_id, JULY, pupil)
    for hours, (role, key) in enumerate((("homeroom", "math"), ("principal", "principal"), ("seal", "clerk")), start=1):
        signing.sign_class(
            school.actor(key), class_id, role, test_school_keys.DEMO_PIN, JULY + timedelta(hours=hours), pupils
        )
    others = [one.id for one in transcripts.students_of(class_id) if f"#{one.id}" not in pupils]
    seal_class([frozen_results.newest_frozen(one).id for one in others], JULY)
    turn(school, AUGUST)
    autumn = datetime(2027, 9, 20, 2, 0, tzinfo=UTC)
    teacher = school.actor("head_society")
    assert summer_view.past_classes(teacher) == [(class_id, "9A", "2026-2027")]
    [line] = summer_view.page(teacher, class_id, autumn).pupils[0].lines
    assert line.may_ask and not line.may_type and not line.may_return
    request = ask(school, "5,9", now=autumn)
    impact = correction_impact.of_request(request, autumn.date())
    assert [one.how for one in impact.voided] == ["waits"], "after the day of the freeze the authority is asked"
    correction_decisions.confirm(school.actor("math"), request.id, expected_version=request.version, now=autumn)
    assert (impact.moved_on_to, impact.needs_place) == ("9A", False), "she stayed, and would have completed"
    assert frozen_of(school, CHI, "summer")[-1]["promotion"]["outcome"] == "RETAINED"
    # Bình left school with the year; the other way round somebody has to find him a place.
    fell = ask(school, "", who="math", pupil=BINH, code=None, absent=True, now=autumn)
    impact = correction_impact.of_request(fell, autumn.date())
    assert (("promotion",), "COMPLETED", "RETAINED") in {(one.place, one.before, one.after) for one in impact.changes}
    assert (impact.moved_on_to, impact.needs_place) == ("", True)
