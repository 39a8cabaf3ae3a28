"""A correction that changes a conclusion after the summer or the turn: said plainly, chosen by the principal, standing until it is settled."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.conclusion_cases import CaseChoice
from hocbaso.services import (
    audit,
    audit_verify,
    class_approval,
    conclusion_cases,
    correction_access,
    correction_civil_requests,
    correction_decisions,
    correction_homeroom_requests,
    correction_impact,
    correction_score_requests,
    dashboard,
    data_quality,
    departures,
    frozen_results,
    held_work,
    roster,
    students,
    summer_approval,
    summer_results,
    summer_view,
    transcript_contents,
    untouched,
    year_turn,
)
from hocbaso.services.access import SYSTEM, Actor, load_actor
from hocbaso.services.conclusion_asks import place_of
from hocbaso.services.conclusion_cases import CaseLine, Chosen
from hocbaso.services.summer_results import Registration, Typed
from tests.cast import NOW, Cast
from tests.documents.samples import SCHOOL
from tests.services.finished_year import class_named, pupils_in, seal_class
from tests.services.full_class import finalised, kept, last_entry, seen_of
from tests.services.summer_class import CHI as CHI_9A
from tests.services.test_corrections import SCAN
from tests.services.test_summer_corrections import LATER, PHOTO, approved, subject_id
from tests.services.test_year_turn import AN, ANH, AUGUST, CHI, turn

AUTUMN = datetime(2027, 9, 20, 2, 0, tzinfo=UTC)
PAPER = "Biên bản Hội đồng số 12, 18/09/2027"


@kept
def approved_class_of(cast: Cast, class_name: str, retained: str | None) -> None:
    """A class approved in May; one pupil was absent too often."""
    changes = {retained: {"absences_excused_1": 50}} if retained else {}
    class_group = finalised(cast, class_name, None, changes)
    class_approval.approve_class(
        cast.actor("principal"),
        class_group.id,
        expected_version=class_group.version,
        seen=seen_of(class_group.id),
        now=NOW,
    )


@kept
def turned(cast: Cast) -> None:
    """The year 2026-2027 turned: An stays in 6A, Anh and the others sit in 7A, Chi of 9A stays; no record is in force any more."""
    for class_name, retained in (("6A", AN), ("9A", CHI)):
        approved_class_of(cast, class_name, retained)
    seal_class(list(db.session.scalars(select(m.FrozenResult.id))), NOW)
    turn(cast, AUGUST)
    with write_transaction() as session:
        records = session.scalars(select(m.TranscriptRecord)).all()
        for record in records:
            record.state, record.recalled_at = "RECALLED", AUGUST
        session.flush()
        for record in records:
            audit.record(
                AuditTag.TRANSCRIPT_RECALLED, SYSTEM, AUGUST, target_kind="transcript_record", target_id=record.id,
                state=audit.states("transcript_record", [record]),
            )  # fmt: skip


def ask(
    cast: Cast, pupil: str, values: dict[str, str], *, class_name: str = "6A", keeper: str = "head_society",
    now: datetime = AUTUMN,
) -> m.CorrectionRequest:  # fmt: skip
    """Who kept the class asks for other values of the homeroom part."""
    enrollment_id = cast.enrollments[class_name, pupil]
    actor = cast.actor(keeper)
    _, present = correction_homeroom_requests.homeroom_form(actor, enrollment_id, now)
    return correction_homeroom_requests.ask_homeroom(
        actor, enrollment_id, values, {name: present[name] for name in values}, "Ghi nhầm dòng", [PHOTO], now
    )


def impact_of(request: m.CorrectionRequest, now: datetime = AUTUMN) -> correction_impact.Impact:
    return correction_impact.of_request(request, now.date())


def approve(cast: Cast, request: m.CorrectionRequest, chosen: Chosen | None, now: datetime = AUTUMN) -> None:
    correction_decisions.approve(
        cast.actor("principal"),
        request.id,
        expected_version=request.version,
        seen_digest=impact_of(request, now).digest,
        now=now,
        chosen=chosen,
    )


def outcome(cast: Cast, pupil: str, class_name: str = "6A") -> str:
    found: str = frozen_results.read_frozen(cast.enrollments[class_name, pupil])["promotion"]["outcome"]
    return found


def student_id(cast: Cast, pupil: str, class_name: str = "6A") -> int:
    return db.session.get_one(m.Enrollment, cast.enrollments[class_name, pupil]).student_id


def class_of(cast: Cast, pupil: str, class_name: str = "6A") -> str:
    place = place_of(student_id(cast, pupil, class_name))
    return place.class_group.name if place is not None else ""


def the_case(cast: Cast, who: str = "principal", now: datetime = AUTUMN) -> CaseLine:
    [line] = conclusion_cases.open_lines(cast.actor(who), now)
    return line


def titles(cast: Cast, who: str, now: datetime = AUTUMN) -> list[str]:
    day = dashboard.daily(cast.actor(who), now)
    assert dashboard.count_waiting(cast.actor(who), now) == day.n_waiting
    return [item.title for item in (*day.odd, *day.plain)]


def test_who_went_up_should_have_stayed(school: Cast) -> None:
    """(a) Too many absences after all: the page says where the pupil sits, the principal chooses, the office moves, all of it logged."""
    turned(school)
    request = ask(school, ANH, {"absences_excused_1": "50"})
    found = impact_of(request)
    assert found.case.words == (
        "Kết luận của năm học 2026–2027: được lên lớp, nay là không được lên lớp.",
        "Em đang học lớp 7A của năm học mới. Duyệt xong em vẫn ở lớp ấy; không gì tự chuyển.",
    )
    assert found.case.choices == (CaseChoice.MOVE, CaseChoice.STAY)
    assert [name for _, name in found.case.classes] == ["6A"]
    [(six_a, _)] = found.case.classes
    for wrong, field in (
        (None, "case"),
        (Chosen("summer", PAPER), "case"),
        (Chosen("move", "", "", str(six_a)), "case_paper"),
        (Chosen("move", PAPER), "case_class"),
        (Chosen("move", PAPER, "", str(class_named("7A", "2027-2028").id)), "case_class"),
    ):
        with pytest.raises(Invalid) as refused:
            approve(school, request, wrong)
        assert refused.value.field == field
        assert outcome(school, ANH) == "PROMOTED", "nothing happened"
    approve(school, request, Chosen("move", PAPER, "", str(six_a)))
    assert outcome(school, ANH) == "RETAINED" and class_of(school, ANH) == "7A", "nothing moved by itself"
    line = the_case(school)
    assert (line.to_class, line.place, line.verb) == ("6A", "7A", "")
    # It stands: on the page of the office, among the reminders, in the measure of the class, before the next turn of the year.
    [title] = [one for one in titles(school, "clerk") if "Xếp lại lớp" in one]
    assert ANH in title and not [one for one in titles(school, "principal") if "Xếp lại lớp" in one]
    [work] = [one for one in held_work.unfinished(AUTUMN) if "Xếp lại lớp" in one.what]
    assert work.holders == (school.people["clerk"],)
    seven_a = class_named("7A", "2027-2028").id
    late = AUTUMN + timedelta(days=20)
    lists = data_quality.class_lists(school.actor("clerk"), seven_a, late)
    assert [one.link for one in lists.lines if ANH in one.who and "Kết luận năm trước" in one.words] == [
        f"/sua-chua/ket-luan#viec-{line.id}"
    ]
    blocks = [one.link for one in year_turn.read(school.actor("clerk"), AUTUMN).plan.blocks]
    assert "/sua-chua/ket-luan" in blocks
    for who in ("principal", "math", "head_society", "it_officer"):
        with pytest.raises((NotAllowed, NotFound)):
            conclusion_cases.move(school.actor(who), line.id, AUTUMN, expected_version=line.version)
    with pytest.raises(Stale):
        conclusion_cases.move(school.actor("clerk"), line.id, AUTUMN, expected_version=line.version + 1)
    conclusion_cases.move(school.actor("clerk"), line.id, AUTUMN, expected_version=line.version)
    assert class_of(school, ANH) == "6A"
    assert pupils_in("7A", "2027-2028") >= {ANH}, "the row of 7A stays, closed"
    old = db.session.scalars(
        select(m.Enrollment).where(m.Enrollment.class_group_id == seven_a, m.Enrollment.student_id == student_id(school, ANH))
    ).one()  # fmt: skip
    assert (old.status, old.left_on) == ("moved", AUTUMN.date())
    assert conclusion_cases.open_lines(school.actor("principal"), AUTUMN) == []
    entry = last_entry("enrollment:place:moved")
    assert entry.actor_name == school.actor("clerk").name and PAPER in entry.payload
    year = class_named("6A", "2027-2028").school_year
    here = transcript_contents.study_history(student_id(school, ANH), year, SCHOOL)
    assert [(row.school_year, row.class_name) for row in here] == [("2026-2027", "6A"), ("2027-2028", "6A")]
    for name in ("6A", "7A"):
        untouched.require_untouched(class_named(name, "2027-2028").id)
    assert audit_verify.verify().faults == []
    with pytest.raises(WrongState):
        conclusion_cases.move(school.actor("clerk"), line.id, AUTUMN, expected_version=line.version + 1)


def decided_to_move(school: Cast) -> CaseLine:
    turned(school)
    request = ask(school, ANH, {"absences_excused_1": "50"})
    approve(school, request, Chosen("move", PAPER, "", str(impact_of(request).case.classes[0][0])))
    return the_case(school, "clerk")


def test_who_left_after_the_decision_is_not_put_into_a_class(school: Cast) -> None:
    """A pupil who left would sit in a class again by one click of the office; and without it the case stood before every next turn."""
    line = decided_to_move(school)
    place = place_of(student_id(school, ANH))
    assert place is not None
    departures.record(
        school.actor("clerk"),
        place.id,
        {
            "kind": "left",
            "happened_on": "20/09/2027",
            "reason": "Theo gia đình",
            "paper_no": "12",
            "paper_on": "20/09/2027",
        },
        AUTUMN + timedelta(hours=1),
    )
    with pytest.raises(WrongState, match="rời trường"):
        conclusion_cases.move(
            school.actor("clerk"), line.id, AUTUMN + timedelta(hours=2), expected_version=line.version
        )
    assert class_of(school, ANH) == ""
    line = the_case(school)
    assert (line.verb, line.choices) == ("", (CaseChoice.MOVE, CaseChoice.GONE))
    conclusion_cases.decide_place(
        school.actor("principal"),
        line.id,
        Chosen("gone", PAPER),
        AUTUMN + timedelta(hours=3),
        expected_version=line.version,
    )
    assert conclusion_cases.open_lines(school.actor("principal"), AUTUMN) == []
    assert audit_verify.verify().faults == []


def test_who_kept_the_class_of_before_reads_the_profile_no_more(school: Cast) -> None:
    """What a family tells is for who keeps the child today: address, telephones and photo follow the pupil into the other class."""
    line = decided_to_move(school)
    seven_a, six_a = class_named("7A", "2027-2028"), class_named("6A", "2027-2028")
    for class_group, who in ((seven_a, "math"), (six_a, "other")):
        roster.assign_homeroom(SYSTEM, class_group.id, school.people[who], AUTUMN, starts_on=AUTUMN.date())
    pupil = student_id(school, ANH)

    def keeper(who: str) -> Actor:
        return load_actor(school.accounts[who], AUTUMN.date())

    assert students.opens_profile(keeper("math"), pupil) and not students.opens_profile(keeper("other"), pupil)
    assert pupil in students.open_profiles(keeper("math"), seven_a)
    conclusion_cases.move(school.actor("clerk"), line.id, AUTUMN, expected_version=line.version)
    assert students.opens_profile(keeper("other"), pupil) and pupil in students.open_profiles(keeper("other"), six_a)
    assert not students.opens_profile(keeper("math"), pupil)
    assert pupil not in students.open_profiles(keeper("math"), seven_a)
    assert students.opens_profile(school.actor("clerk"), pupil)


def test_what_is_asked_of_the_profile_is_confirmed_where_the_pupil_is_put(school: Cast) -> None:
    line = decided_to_move(school)
    for name, who in (("7A", "math"), ("6A", "other")):
        class_id = class_named(name, "2027-2028").id
        roster.assign_homeroom(SYSTEM, class_id, school.people[who], AUTUMN, starts_on=AUTUMN.date())
    pupil = student_id(school, ANH)
    present = db.session.get_one(m.Student, pupil).birth_place or ""
    request = correction_civil_requests.ask_civil_status(
        school.actor("clerk"), pupil, {"birth_place": "Nơi khác"}, {"birth_place": present}, "Cải chính", "QĐ 15", [SCAN], AUTUMN
    )  # fmt: skip
    assert correction_access.holders(request, AUTUMN.date()) == (school.people["math"],)
    conclusion_cases.move(school.actor("clerk"), line.id, AUTUMN, expected_version=line.version)
    assert correction_access.holders(request, AUTUMN.date()) == (school.people["other"],)
    assert audit_verify.verify().faults == []


def test_a_class_that_takes_nobody_any_more_is_no_dead_end(school: Cast) -> None:
    line = decided_to_move(school)
    with write_transaction():
        class_named("6A", "2027-2028").state = "FINALISED"
    with pytest.raises(WrongState):
        conclusion_cases.move(school.actor("clerk"), line.id, AUTUMN, expected_version=line.version)
    for who in ("clerk", "vice_principal", "head_society"):
        with pytest.raises((NotAllowed, NotFound)):
            conclusion_cases.decide_place(
                school.actor(who), line.id, Chosen("stay", PAPER), AUTUMN, expected_version=line.version
            )
    line = the_case(school)
    assert line.choices == (CaseChoice.STAY,)
    conclusion_cases.decide_place(
        school.actor("principal"), line.id, Chosen("stay", PAPER), AUTUMN, expected_version=line.version
    )
    assert conclusion_cases.open_lines(school.actor("principal"), AUTUMN) == []
    assert class_of(school, ANH) == "7A"


def test_who_stayed_is_promoted_now(school: Cast) -> None:
    """(b) The family and the school leave the pupil where they are: a decision with its paper, nothing waits, the log tells of it."""
    turned(school)
    assert class_of(school, AN) == "6A"
    request = ask(school, AN, {"absences_excused_1": "3"})
    found = impact_of(request)
    assert "không được lên lớp, nay là được lên lớp" in found.case.words[0] and "lớp 6A" in found.case.words[1]
    assert found.case.choices == (CaseChoice.MOVE, CaseChoice.STAY)
    assert [name for _, name in found.case.classes] == ["7A"]
    approve(school, request, Chosen("stay", PAPER))
    assert outcome(school, AN) == "PROMOTED" and class_of(school, AN) == "6A"
    assert conclusion_cases.open_lines(school.actor("principal"), AUTUMN) == []
    [over] = conclusion_cases.settled_lines(school.actor("principal"), AUTUMN)
    assert (over.choice, over.settled_note) == (CaseChoice.STAY, PAPER)
    assert PAPER in last_entry("conclusion:case:decided").payload
    assert audit_verify.verify().faults == []


def test_a_second_correction_takes_the_place_of_the_first(school: Cast) -> None:
    turned(school)
    request = ask(school, ANH, {"absences_excused_1": "50"})
    approve(school, request, Chosen("move", PAPER, "", str(impact_of(request).case.classes[0][0])))
    back = ask(school, ANH, {"absences_excused_1": "2"})
    assert impact_of(back).case.choices == ()
    assert "chỗ học không đổi" in impact_of(back).case.words[1]
    approve(school, back, None)
    assert outcome(school, ANH) == "PROMOTED" and class_of(school, ANH) == "7A"
    assert conclusion_cases.open_lines(school.actor("principal"), AUTUMN) == []
    assert audit_verify.verify().faults == []


def test_who_is_put_back_takes_the_old_place_again(school: Cast) -> None:
    """6A by one correction, 7A again by the next: the row of 7A stands again, and who keeps 7A keeps the pupil."""
    turned(school)
    first = place_of(student_id(school, ANH))
    for values, name in (({"absences_excused_1": "50"}, "6A"), ({"absences_excused_1": "2"}, "7A")):
        request = ask(school, ANH, values)
        [(to_class, found)] = impact_of(request).case.classes
        assert found == name
        approve(school, request, Chosen("move", PAPER, "", str(to_class)))
        line = the_case(school, "clerk")
        conclusion_cases.move(school.actor("clerk"), line.id, AUTUMN, expected_version=line.version)
        assert class_of(school, ANH) == name
    again = place_of(student_id(school, ANH))
    assert (
        again is not None
        and first is not None
        and (again.id, again.status, again.left_on) == (first.id, "studying", None)
    )
    assert "address" in students.profile(school.actor("clerk"), student_id(school, ANH)).editable
    present = students._present_enrollment(student_id(school, ANH))
    assert present is not None and present.id == again.id
    untouched.require_untouched(class_named("7A", "2027-2028").id)
    assert audit_verify.verify().faults == []


def test_who_went_up_has_to_train_conduct_first(school: Cast) -> None:
    """(a) with a way of the summer: it is held late in the closed year for this pupil alone, then the principal decides about the place."""
    turned(school)
    class_id = school.classes["6A"]
    request = ask(school, ANH, {"conduct_2": "CĐ"})
    found = impact_of(request)
    assert found.case.choices == (CaseChoice.SUMMER,)
    assert any("chỉ mở lại cho riêng em" in one for one in found.case.words)
    for until in ("", "01/09/2027", "30/09/2028"):
        with pytest.raises(Invalid) as refused:
            approve(school, request, Chosen("summer", PAPER, until))
        assert refused.value.field == "case_until"
    approve(school, request, Chosen("summer", PAPER, "15/10/2027"))
    assert outcome(school, ANH) == "SUMMER_TRAINING" and class_of(school, ANH) == "7A"
    assert the_case(school).due_before == date(2027, 10, 16)
    keeper = school.actor("head_society")
    assert [one for one in titles(school, "head_society") if one == "Ghi đăng ký trong hè lớp 6A năm học 2026–2027"]
    [pupil] = summer_view.page(keeper, class_id, AUTUMN).pupils
    key = pupil.lines[0].entry.key
    assert pupil.lines[0].may_register and pupil.lines[0].may_take_part
    summer_results.register(keeper, class_id, {key: Registration(True, 0, "Lao động, bản kiểm điểm")}, AUTUMN)
    typed = Typed("CĐ", 1, False, "18/09/2027", "Báo cáo 18/9, mẹ ký")
    summer_results.type_results(keeper, class_id, {key: typed}, AUTUMN)
    # The day passes with the result unapproved: the principal is told, and may give more time; until then nothing is written.
    late = datetime(2027, 10, 18, 2, 0, tzinfo=UTC)
    [line] = summer_view.page(keeper, class_id, late).pupils[0].lines
    assert not line.may_type and not line.may_take_part
    with pytest.raises(WrongState, match="gia hạn"):
        summer_results.type_results(keeper, class_id, {key: Typed("Đ", 2, False, "17/10/2027", "Báo cáo")}, late)
    assert [one for one in titles(school, "principal", late) if "muộn quá hạn" in one]
    line = the_case(school, now=late)
    conclusion_cases.extend(school.actor("principal"), line.id, "30/10/2027", late, expected_version=line.version)
    assert not [one for one in titles(school, "principal", late) if "muộn quá hạn" in one]
    [ready] = summer_view.page(school.actor("principal"), class_id, late).to_approve
    summer_approval.approve(school.actor("principal"), class_id, {ready.case.enrollment_id: ready.seal}, late)
    assert outcome(school, ANH) == "RETAINED" and class_of(school, ANH) == "7A"
    line = the_case(school, now=late)
    assert (line.verb, line.choices) == ("place", (CaseChoice.MOVE, CaseChoice.STAY))
    assert [one for one in titles(school, "principal", late) if "Quyết định nơi học" in one]
    for who in ("clerk", "vice_principal", "head_society"):
        with pytest.raises((NotAllowed, NotFound)):
            conclusion_cases.decide_place(
                school.actor(who), line.id, Chosen("stay", PAPER), late, expected_version=line.version
            )
    conclusion_cases.decide_place(
        school.actor("principal"), line.id, Chosen("move", PAPER, "", str(line.classes[0][0])), late,
        expected_version=line.version,
    )  # fmt: skip
    line = the_case(school, "clerk", late)
    conclusion_cases.move(school.actor("clerk"), line.id, late, expected_version=line.version)
    assert class_of(school, ANH) == "6A"
    assert audit_verify.verify().faults == []
    # The closed year is shut again.
    with pytest.raises(WrongState, match="đã đóng"):
        summer_results.register(keeper, class_id, {key: Registration(False, 9)}, late)


def test_a_late_training_that_was_passed_settles_itself(school: Cast) -> None:
    turned(school)
    class_id = school.classes["6A"]
    approve(school, ask(school, ANH, {"conduct_2": "CĐ"}), Chosen("summer", PAPER, "15/10/2027"))
    keeper = school.actor("head_society")
    [pupil] = summer_view.page(keeper, class_id, AUTUMN).pupils
    key = pupil.lines[0].entry.key
    with pytest.raises(WrongState, match="gia hạn"):
        summer_results.register(keeper, class_id, {key: Registration(True, 0, "Lao động")}, AUTUMN + timedelta(days=30))
    summer_results.register(keeper, class_id, {key: Registration(True, 0, "Lao động")}, AUTUMN)
    summer_results.type_results(
        keeper, class_id, {key: Typed("Đ", 1, False, "18/09/2027", "Báo cáo 18/9, mẹ ký")}, AUTUMN
    )
    [ready] = summer_view.page(school.actor("principal"), class_id, AUTUMN).to_approve
    summer_approval.approve(school.actor("principal"), class_id, {ready.case.enrollment_id: ready.seal}, AUTUMN)
    assert outcome(school, ANH) == "PROMOTED"
    assert conclusion_cases.open_lines(school.actor("principal"), AUTUMN) == []
    assert "Kết quả muộn đã duyệt" in last_entry("conclusion:case:settled").payload


def test_who_completed_did_not_and_is_gone(school: Cast) -> None:
    """Grade 9 left school: no class is asked for where the family went elsewhere."""
    turned(school)
    pupil = next(name for (name_of_class, name) in school.enrollments if name_of_class == "9A" and name != CHI)
    request = ask(school, pupil, {"absences_excused_1": "50"}, class_name="9A", keeper="math")
    found = impact_of(request)
    assert found.case.choices == (CaseChoice.MOVE, CaseChoice.GONE)
    assert "Em không có tên ở lớp nào của năm học đang mở." in found.case.words
    approve(school, request, Chosen("gone", "Gia đình chuyển vào Nam, đơn ngày 15/09/2027"))
    assert outcome(school, pupil, "9A") == "RETAINED"
    assert conclusion_cases.open_lines(school.actor("principal"), AUTUMN) == []
    # The other way: Chi sits in 9A again and has completed after all: deciding to move is leaving the class.
    request = ask(school, CHI, {"absences_excused_1": "1"}, class_name="9A", keeper="math")
    assert impact_of(request).case.choices == (CaseChoice.MOVE, CaseChoice.STAY) and not impact_of(request).case.classes
    approve(school, request, Chosen("move", PAPER))
    line = the_case(school, "clerk")
    assert line.leaves and line.place == "9A"
    conclusion_cases.move(school.actor("clerk"), line.id, AUTUMN, expected_version=line.version)
    assert class_of(school, CHI, "9A") == ""
    assert audit_verify.verify().faults == []


def test_a_result_corrected_after_the_summer_opens_another_subject(school: Cast) -> None:
    """(c) Frozen in July, one subject more below 5,0: nobody had asked the pupil about it."""
    class_id = approved(school, "5,9")
    assert outcome(school, CHI_9A, "9A") == "COMPLETED"
    cells = {
        (school.sheets["9A", "SCI", term], key): correction_score_requests.Wanted("4,0", 1)
        for term in (1, 2)
        for key in ("TX1", "TX2", "TX3", "TX4", "GK", "CK")
    }
    request = correction_score_requests.ask_scores(
        school.actor("math"), school.enrollments["9A", CHI_9A], cells, "Ghi nhầm dòng", [PHOTO], LATER
    )
    found = impact_of(request, LATER)
    assert found.case.choices == (CaseChoice.SUMMER, CaseChoice.KEEP)
    assert any("Khoa học tự nhiên" in one and "chưa ai hỏi em" in one for one in found.case.words)
    if request.state == "ASKED":
        correction_decisions.confirm(school.actor("math"), request.id, expected_version=request.version, now=LATER)
    approve(school, request, Chosen("summer", PAPER, "10/08/2027"), LATER)
    assert outcome(school, CHI_9A, "9A") == "RETAINED"
    page = summer_view.page(school.actor("math"), class_id, LATER)
    [chi] = [one for one in page.pupils if one.case.full_name == CHI_9A]
    entries = {line.entry.name: line.entry for line in chi.lines}
    assert entries["Khoa học tự nhiên"].state is None and entries["Ngữ văn"].state == "APPROVED"
    key = entries["Khoa học tự nhiên"].key
    summer_results.register(school.actor("math"), class_id, {key: Registration(True, 0)}, LATER)
    summer_results.type_results(school.actor("math"), class_id, {key: Typed("6,0", 1, False, "22/07/2027", "")}, LATER)
    [ready] = summer_view.page(school.actor("principal"), class_id, LATER).to_approve
    summer_approval.approve(school.actor("principal"), class_id, {ready.case.enrollment_id: ready.seal}, LATER)
    last = frozen_results.read_frozen(school.enrollments["9A", CHI_9A])
    assert last["promotion"]["outcome"] == "COMPLETED"
    assert {row["code"]: row["after_reassessment"] for row in last["subjects"]}["SCI"] == "6.0"
    assert conclusion_cases.open_lines(school.actor("principal"), LATER) == []
    assert audit_verify.verify().faults == []
    assert subject_id("SCI")


def test_after_the_day_of_the_freeze_the_principal_opens_it(school: Cast) -> None:
    """(c) Promoted in May, corrected when the summer's day is over and the year not turned yet."""
    approved_class_of(school, "6A", None)
    request = ask(school, ANH, {"conduct_2": "CĐ"}, now=AUGUST)
    found = impact_of(request, AUGUST)
    assert found.case.choices == (CaseChoice.SUMMER,) and not any("lớp 7" in one for one in found.case.words)
    approve(school, request, Chosen("summer", PAPER, "28/08/2027"), AUGUST)
    [line] = summer_view.page(school.actor("head_society"), school.classes["6A"], AUGUST).pupils
    assert line.lines[0].may_take_part, "no entry has to be sent back first"
    # Before that day the pupil simply joins the list.
    other = next(
        name for (name_of_class, name) in school.enrollments if name_of_class == "6A" and name not in (AN, ANH)
    )
    early = datetime(2027, 6, 20, 2, 0, tzinfo=UTC)
    request = ask(school, other, {"conduct_2": "CĐ"}, now=early)
    found = impact_of(request, early)
    assert found.case.choices == () and "Em vào danh sách trong hè" in found.case.words[1]
    approve(school, request, None, early)
    assert outcome(school, other) == "SUMMER_TRAINING"
