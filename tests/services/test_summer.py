"""The summer: who is on the list, who registers and types, what approval freezes, and what becomes of the year's records."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import Incomplete, IntegrityFault, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.citations import TT22
from hocbaso.regulations.permissions import Role
from hocbaso.regulations.terms import Level
from hocbaso.services import (
    audit_verify,
    class_approval,
    class_moves,
    correction_impact,
    correction_score_requests,
    dashboard,
    decisions,
    frozen_results,
    readiness,
    results,
    roster,
    signing,
    stored_documents,
    summer_approval,
    summer_cases,
    summer_results,
    summer_view,
    test_school_keys,
    transcript_building,
    transcript_counts,
    transcripts,
    untouched,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.summer_results import Registration, RowsRefused, Typed
from hocbaso.services.uploaded_papers import Upload
from hocbaso.services.waiting_transcripts import transcript_items
from tests.cast import NOW, Cast
from tests.services.finished_year import finish_class, seal_class
from tests.services.full_class import (
    class_row,
    fill_homeroom,
    fill_scores,
    keeper_of,
    last_entry,
    lock_class,
    seen_of,
)
from tests.services.summer_class import (
    AGAIN,
    BINH,
    CHI,
    JULY,
    REPORT,
    approve_ready,
    keys,
    register_all,
    seals,
    summer_9a,
    type_one,
)
from tests.services.test_exemptions_and_decisions import flag_disability

TRAINING = summer_cases.CONDUCT_NAME


def frozen_of(cast: Cast, pupil: str, freeze: str) -> list[dict]:
    rows = db.session.scalars(
        select(m.FrozenResult)
        .where(m.FrozenResult.enrollment_id == cast.enrollments["9A", pupil], m.FrozenResult.freeze == freeze)
        .order_by(m.FrozenResult.revision)
    )
    return [frozen_results.read_frozen(row) for row in rows]


def test_the_list_is_that_of_the_frozen_year(school: Cast) -> None:
    assert summer_view.classes_concerned() == []
    class_id = summer_9a(school)
    found = keys(school, class_id)
    assert {(pupil, name) for pupil, name in found} == {
        (CHI, "Ngữ văn"),
        (CHI, "Toán"),
        (CHI, "Lịch sử và Địa lí"),
        (BINH, TRAINING),
    }
    assert all(version == 0 for _, version in found.values())
    [work] = summer_view.my_work(school.actor(keeper_of("9A")))
    assert (work.kind, work.n) == ("register", 4)
    assert summer_view.my_work(school.actor("principal")) == []
    # A teacher of one of the subjects sees that subject and nobody's conduct; a stranger to the class sees nothing.
    assert set(keys(school, class_id, "head_society")) == {(CHI, "Ngữ văn")}
    for key in ("outsider", "it_officer", "clerk", "board"):
        with pytest.raises(NotFound):
            summer_view.page(school.actor(key), class_id, JULY)


def test_from_registration_to_the_second_freeze(school: Cast) -> None:
    class_id = summer_9a(school)
    before = frozen_of(school, CHI, "main")
    register_all(school, class_id, but=("Lịch sử và Địa lí",))
    [work] = summer_view.my_work(school.actor("head_society"))
    assert (work.kind, work.what) == ("type", "kết quả đánh giá lại Ngữ văn")
    assert type_one(school, "head_society", class_id, CHI, "Ngữ văn", "5,5") == 1
    assert type_one(school, "head_society", class_id, CHI, "Ngữ văn", "5,5") == 0, "the same twice is written once"
    type_one(school, "math", class_id, CHI, "Toán", "5.0")
    # Typed is not approved: the class still concludes what was frozen, and the page foresees.
    computed = results.compute_class(class_id, JULY.date())
    chi, binh = school.enrollments["9A", CHI], school.enrollments["9A", BINH]
    assert computed.by_id[chi].result.promotion.value == "REASSESS"
    [work] = summer_view.my_work(school.actor("principal"))
    assert (work.kind, work.names) == ("approve", (CHI,))
    assert list(seals(school, class_id)) == [chi]
    assert approve_ready(school, class_id) == 1
    told = last_entry("summer:result:approved")
    assert "COMPLETED (Đạt)" in told.payload and told.actor_name == school.actor("principal").name

    [after] = frozen_of(school, CHI, "summer")
    assert frozen_of(school, CHI, "main") == before, "the originals stay"
    by_code = {row["code"]: row for row in after["subjects"]}
    assert [(by_code[code]["year"], by_code[code]["after_reassessment"]) for code in AGAIN] == [
        ("4.0", "5.5"),
        ("4.0", "5.0"),
        ("4.0", None),
    ]
    assert (after["learning"]["year"], after["learning"]["after"]) == ("CĐ", "Đ")
    assert after["promotion"]["outcome"] == "COMPLETED" and after["completion"] is True
    assert after["awards"] == before[0]["awards"] and after["principal_remark"] == before[0]["principal_remark"]
    assert frozen_of(school, BINH, "summer") == []
    # conduct: the other route, by the homeroom teacher
    type_one(school, "math", class_id, BINH, TRAINING, "K")
    assert approve_ready(school, class_id) == 1
    [trained] = frozen_of(school, BINH, "summer")
    assert (trained["conduct"]["year"], trained["conduct"]["after"]) == ("CĐ", "K")
    assert trained["promotion"]["outcome"] == "COMPLETED"
    assert frozen_results.newest_frozen(binh).freeze == "summer"
    view = summer_view.completion(school.actor("clerk"), None)
    assert {line.full_name for line in view.of(True)} >= {CHI, BINH} and not view.of(None)
    untouched.require_untouched(class_id)
    assert audit_verify.verify().faults == []


def test_who_takes_no_part_or_fails_is_retained_and_only_by_approval(school: Cast) -> None:
    class_id = summer_9a(school)
    summer_results.register(
        school.actor("math"),
        class_id,
        {key: Registration(False, 0) for key, _ in keys(school, class_id).values()},
        JULY,
    )
    assert (
        results.compute_class(class_id, JULY.date()).by_id[school.enrollments["9A", CHI]].result.promotion.value
        == "REASSESS"
    )
    assert approve_ready(school, class_id) == 2
    [chi], [binh] = frozen_of(school, CHI, "summer"), frozen_of(school, BINH, "summer")
    assert chi["promotion"]["outcome"] == binh["promotion"]["outcome"] == "RETAINED"
    assert chi["completion"] is False and chi["learning"]["after"] is None
    assert chi["steps"][-1].startswith(
        "Kết luận sau hè: không có kết quả kiểm tra, đánh giá lại nên chưa hoàn thành chương trình trung học cơ sở ("
    )
    assert TT22.reassessment in chi["steps"][-1] and TT22.promotion_learning in chi["steps"][-1]
    assert "không hoàn thành rèn luyện" in binh["steps"][-1]
    live = results.compute_class(class_id, JULY.date()).by_id[school.enrollments["9A", CHI]].result
    assert live.promotion.value == "RETAINED", "once approved, the live year says the same"


def test_who_may_not(school: Cast) -> None:
    class_id = summer_9a(school)
    found = keys(school, class_id)
    literature, version = found[CHI, "Ngữ văn"]
    training, _ = found[BINH, TRAINING]
    say = {literature: Registration(True, version)}
    for key, refusal in (("principal", NotAllowed), ("head_society", NotAllowed), ("outsider", NotFound)):
        with pytest.raises(refusal):
            summer_results.register(school.actor(key), class_id, say, JULY)
    register_all(school, class_id)
    typed = {literature: Typed("6,0", 1, assessed_on="15/07/2027")}
    for key in ("principal", "math", "other", "vice_principal"):
        with pytest.raises(NotAllowed):
            summer_results.type_results(school.actor(key), class_id, typed, JULY)
    with pytest.raises(NotAllowed):
        summer_results.type_results(
            school.actor("principal"), class_id, {training: Typed("K", 1, False, "15/07/2027", REPORT)}, JULY
        )
    type_one(school, "head_society", class_id, CHI, "Ngữ văn", "6,0")
    type_one(school, "math", class_id, CHI, "Toán", "6,0")
    type_one(school, "other", class_id, CHI, "Lịch sử và Địa lí", "", absent=True)
    seen = seals(school, class_id)
    for key in ("math", "vice_principal", "head_society"):
        with pytest.raises((NotAllowed, NotFound)):
            summer_approval.approve(school.actor(key), class_id, seen, JULY)
    with pytest.raises(NotFound):
        summer_approval.approve(school.actor("it_officer"), class_id, seen, JULY)
    with pytest.raises(NotFound):
        summer_results.type_results(school.actor("head_society"), class_id, {"999-1": Typed("5", 0)}, JULY)
    assert frozen_of(school, CHI, "summer") == []


def test_what_is_typed_is_checked_line_by_line(school: Cast) -> None:
    class_id = summer_9a(school)
    literature, _ = keys(school, class_id)[CHI, "Ngữ văn"]
    training, _ = keys(school, class_id)[BINH, TRAINING]
    teacher, keeper = school.actor("head_society"), school.actor("math")
    with pytest.raises(WrongState, match="chưa đăng ký"):
        summer_results.type_results(teacher, class_id, {literature: Typed("5,5", 0, False, "15/07/2027")}, JULY)
    with pytest.raises(RowsRefused) as refused:
        summer_results.register(keeper, class_id, {training: Registration(True, 0)}, JULY)
    assert "nhiệm vụ rèn luyện" in refused.value.rows[training]
    register_all(school, class_id)
    for text, day, why in (
        ("", "15/07/2027", "xin ghi kết quả"),
        ("10,5", "15/07/2027", ""),
        ("8,25", "15/07/2027", ""),
        ("Đ", "15/07/2027", ""),
        ("5,5", "", "xin ghi ngày"),
        ("5,5", "21/07/2027", "không ở sau hôm nay"),
        ("5,5", "11/05/2027", "từ 12/05/2027, khi có kết quả cả năm"),
    ):
        with pytest.raises(RowsRefused) as refused:
            summer_results.type_results(teacher, class_id, {literature: Typed(text, 1, False, day)}, JULY)
        assert why in refused.value.rows[literature]
    with pytest.raises(RowsRefused) as refused:
        summer_results.type_results(keeper, class_id, {training: Typed("K", 1, False, "15/07/2027", "")}, JULY)
    assert "chữ ký của cha mẹ" in refused.value.rows[training]
    with pytest.raises(Stale):
        summer_results.type_results(teacher, class_id, {literature: Typed("5,5", 0, False, "15/07/2027")}, JULY)
    after = JULY.replace(month=8, day=16)
    with pytest.raises(WrongState, match="chốt ngày 15/08/2027"):
        summer_results.type_results(teacher, class_id, {literature: Typed("5,5", 1, False, "15/07/2027")}, after)
    # What the principal opens again, with a reason, may be answered after the day.
    with pytest.raises(Invalid):
        summer_approval.send_back(school.actor("principal"), class_id, literature, " ", expected_version=1, now=after)
    summer_approval.send_back(
        school.actor("principal"), class_id, literature, "Em ốm, kiểm tra bù", expected_version=1, now=after
    )
    assert (
        summer_results.type_results(teacher, class_id, {literature: Typed("5,5", 2, False, "16/08/2027")}, after) == 1
    )


def test_approval_is_pinned_to_what_was_seen(school: Cast) -> None:
    class_id = summer_9a(school)
    register_all(school, class_id, but=("Lịch sử và Địa lí", "Toán", TRAINING))
    type_one(school, "head_society", class_id, CHI, "Ngữ văn", "5,5")
    seen = seals(school, class_id)
    type_one(school, "head_society", class_id, CHI, "Ngữ văn", "4,9")
    with pytest.raises(Stale):
        summer_approval.approve(school.actor("principal"), class_id, seen, JULY)
    assert frozen_of(school, CHI, "summer") == []
    row = db.session.scalars(select(m.SummerResult).where(m.SummerResult.tenths == 49)).one()
    db.session.rollback()
    with db.engine.begin() as link:
        link.execute(m.SummerResult.__table__.update().where(m.SummerResult.id == row.id).values(tenths=90))
    seen = seals(school, class_id)
    with pytest.raises(IntegrityFault):
        summer_approval.approve(school.actor("principal"), class_id, seen, JULY)


def test_what_is_approved_is_not_sent_back(school: Cast) -> None:
    class_id = summer_9a(school)
    register_all(school, class_id, but=("Lịch sử và Địa lí", "Toán", TRAINING))
    type_one(school, "head_society", class_id, CHI, "Ngữ văn", "4,9")
    approve_ready(school, class_id)
    key, version = keys(school, class_id)[CHI, "Ngữ văn"]
    with pytest.raises(WrongState, match="đã duyệt"):
        summer_approval.send_back(
            school.actor("principal"), class_id, key, "Cộng lại bài: 5,9", expected_version=version, now=JULY
        )
    with pytest.raises(WrongState):
        type_one(school, "head_society", class_id, CHI, "Ngữ văn", "5,5")
    [only] = frozen_of(school, CHI, "summer")
    assert (only["learning"]["after"], only["promotion"]["outcome"]) == ("CĐ", "RETAINED")


def test_after_the_day_of_the_freeze_the_principal_lets_write(school: Cast) -> None:
    class_id = summer_9a(school)
    keeper, principal = school.actor("math"), school.actor("principal")
    found = keys(school, class_id)
    maths, literature = found[CHI, "Toán"][0], found[CHI, "Ngữ văn"][0]
    with pytest.raises(WrongState, match="vẫn còn hạn"):
        summer_approval.send_back(principal, class_id, maths, "Sớm quá", expected_version=0, now=JULY)
    late = JULY.replace(month=8, day=20)
    with pytest.raises(WrongState, match="chốt ngày 15/08/2027"):
        summer_results.register(keeper, class_id, {maths: Registration(True, 0)}, late)
    page = summer_view.page(keeper, class_id, late)
    assert {line.may_take_part for _, line in page.to_register} == {False}, "the page offers no more than is allowed"
    # Nobody had registered: the principal opens it, and one word of the principal lasts until the result is there.
    summer_approval.send_back(principal, class_id, maths, "Em nằm viện đến 18/8", expected_version=0, now=late)
    assert summer_results.register(keeper, class_id, {maths: Registration(True, 1)}, late) == 1
    typed = Typed("5,5", 2, False, "19/08/2027")
    assert summer_results.type_results(keeper, class_id, {maths: typed}, late) == 1
    with pytest.raises(WrongState, match="chốt ngày"):
        summer_results.type_results(keeper, class_id, {maths: Typed("9,5", 3, False, "19/08/2027")}, late)
    with pytest.raises(WrongState, match="chốt ngày"):
        summer_results.register(keeper, class_id, {literature: Registration(True, 0)}, late)


def test_who_has_only_the_summers_work_is_not_told_of_may(school: Cast) -> None:
    class_id = summer_9a(school)
    finish_class(school.classes["6A"], NOW)
    register_all(school, class_id)
    page = dashboard.daily(school.actor("other"), JULY)
    assert page.counts == {"summer": 1}
    assert page.calendar == (), "all that was due in May is done"


def test_a_pupil_with_an_individual_plan_waits_for_the_principals_word(school: Cast) -> None:
    chi = school.enrollments["9A", CHI]
    flag_disability(school, chi, True)
    fill_scores(school, "9A", {(CHI, code): 40 for code in AGAIN})
    lock_class(school, "9A")
    fill_homeroom(school, "9A")
    principal, class_id = school.actor("principal"), school.classes["9A"]
    decisions.record_decision(principal, chi, "promotion", "REASSESS", "Theo kế hoạch giáo dục cá nhân", now=NOW)
    class_moves.finalise(school.actor("math"), class_id, seen=seen_of(class_id), expected_version=1, now=NOW)
    version = class_row(school, "9A").version
    class_approval.approve_class(principal, class_id, expected_version=version, seen=seen_of(class_id), now=NOW)
    with pytest.raises(WrongState):
        decisions.record_decision(principal, chi, "promotion", "COMPLETED", "Chưa có kết quả hè", now=JULY)
    register_all(school, class_id, but=("Toán", "Lịch sử và Địa lí"))
    type_one(school, "head_society", class_id, CHI, "Ngữ văn", "5,5")
    [case] = summer_view.page(principal, class_id, JULY).to_approve
    assert case.seal == "" and case.waits == ("kết luận sau hè chờ quyết định của Hiệu trưởng",)
    found = summer_view.page(principal, class_id, JULY)
    computed = results.compute_class(class_id, JULY.date())
    forged = summer_approval.seal(computed, case.case, summer_cases.foreseen(computed, case.case))
    with pytest.raises(Incomplete):
        summer_approval.approve(principal, class_id, {chi: forged}, JULY)
    [ask] = found.to_approve[0].asked
    with pytest.raises(Invalid):
        decisions.record_decision(principal, chi, "promotion", "REASSESS", "Để sau", now=JULY, seen=ask.seen)
    decisions.record_decision(principal, chi, "promotion", "COMPLETED", "Đạt mục tiêu", now=JULY, seen=ask.seen)
    approve_ready(school, class_id)
    [after] = frozen_of(school, CHI, "summer")
    assert after["promotion"]["outcome"] == "COMPLETED" and after["decisions"][-1]["counts"]
    # A correction afterwards asks for the conclusion anew, and the summer is no answer any more.
    cells = {(school.sheets["9A", "SCI", 2], "CK"): correction_score_requests.Wanted("9,5", 1)}
    photo = Upload("bai.jpg", b"\xff\xd8\xff\xe0" + b"bai" * 50)
    request = correction_score_requests.ask_scores(school.actor("math"), chi, cells, "Cộng nhầm", [photo], JULY)
    [ruling] = correction_impact.of_request(request, JULY.date()).rulings
    assert set(ruling.choices) == {"COMPLETED", "RETAINED"}


def test_the_years_record_gives_way_to_one_that_holds_the_summer(school: Cast) -> None:
    test_school_keys.make_demo_keys(SYSTEM, NOW)
    class_id = summer_9a(school)
    chi, binh = school.enrollments["9A", CHI], school.enrollments["9A", BINH]
    transcript_building.build_class(SYSTEM, class_id, NOW, f"#{chi}")
    for hours, (role, key) in enumerate((("homeroom", "math"), ("principal", "principal"), ("seal", "clerk")), start=1):
        signing.sign_class(
            school.actor(key), class_id, role, test_school_keys.DEMO_PIN, NOW + timedelta(hours=hours), [f"#{chi}"]
        )
    transcript_building.build_class(SYSTEM, class_id, NOW + timedelta(hours=4), f"#{binh}")
    old = transcripts.records_in_force([chi, binh])
    assert [old[chi].state, old[binh].state] == ["PUBLISHED", "CREATED"]
    old_file = stored_documents.read(old[chi].pdf_digest)
    assert tc.from_canonical_json(old[chi].content.encode()).completion is None, "the summer was still to come"

    register_all(school, class_id)
    type_one(school, "head_society", class_id, CHI, "Ngữ văn", "6,5")
    type_one(school, "math", class_id, CHI, "Toán", "5,5")
    type_one(school, "other", class_id, CHI, "Lịch sử và Địa lí", "", absent=True)
    type_one(school, "math", class_id, BINH, TRAINING, "CĐ")
    # A delegate approves where nothing sealed goes out of force, and never recalls.
    roster.grant_role(SYSTEM, school.people["vice_principal"], Role.DELEGATE, NOW, starts_on=NOW.date())
    deputy = school.actor("vice_principal")
    with pytest.raises(NotAllowed, match="đã đóng dấu"):
        summer_approval.approve(deputy, class_id, seals(school, class_id, "vice_principal"), JULY)
    assert frozen_of(school, CHI, "summer") == [] and transcripts.records_in_force([chi])
    mine = seals(school, class_id, "vice_principal")
    assert summer_approval.approve(deputy, class_id, {binh: mine[binh]}, JULY) == 1
    assert approve_ready(school, class_id) == 1

    assert transcripts.records_in_force([chi, binh]) == {}
    year = db.session.get(m.SchoolYear, school.year_id)
    assert transcript_counts.due_days(year) == {}, "three others of the class wait since May"
    seal_class(
        [
            frozen_results.newest_frozen(row.id).id
            for row in transcripts.students_of(class_id)
            if row.id not in (chi, binh)
        ],
        NOW,
    )
    assert transcript_counts.due_days(year) == {class_id: date(2027, 8, 16)}
    [line] = [one for one in readiness.board_rows(JULY.date()) if one.class_group_id == class_id]
    assert (line.due_before, line.is_late, line.is_done) == (date(2027, 8, 16), False, False), "not late since May"
    board = readiness.board(school.actor("principal"), JULY)
    assert [names for words, _, _, names in board.deadlines if "khối 9" in words] == [()]
    assert ("Khối 9 ký xong", year.sign_grade9_before) not in {
        (words, before) for words, before, _ in dashboard.daily(school.actor("principal"), JULY).calendar
    }
    assert {item.due_before for item in transcript_items(school.actor("clerk"), year, JULY.date())} == {
        date(2027, 8, 16)
    }
    asked = db.session.scalars(select(m.RecallRequest)).one()
    assert asked.state == "RECALLED" and "bổ sung kết quả trong hè" in asked.reason
    batch = transcript_building.build_class(SYSTEM, class_id, JULY, f"#{chi}")
    assert [item.outcome for item in batch.items] == ["done"]
    new = transcripts.records_in_force([chi])[chi]
    content = tc.from_canonical_json(new.content.encode())
    assert content.replaces_uuid == old[chi].uuid != new.uuid and content.completion == tc.COMPLETED
    after = {row.code: (row.year, row.after_reassessment) for row in content.subjects}
    assert (after["LIT"], after["MATH"], after["HISTGEO"]) == (("4.0", "6.5"), ("4.0", "5.5"), ("4.0", None))
    assert (content.learning.year, content.learning.after) == (Level.CHUA_DAT, Level.DAT)
    assert stored_documents.read(old[chi].pdf_digest) == old_file, "nobody edits an issued file"
    assert audit_verify.verify().faults == []
