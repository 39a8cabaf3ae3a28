"""What a paper that is built again prints otherwise: shown to who confirms, approves and signs, and never changed past them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from hocbaso import models as m
from hocbaso.documents import transcript_content as tc
from hocbaso.documents.content_changes import changes_between
from hocbaso.errors import Invalid, Stale, WrongState
from hocbaso.services import (
    audit_verify,
    civil_status,
    correction_civil_requests,
    correction_decisions,
    correction_impact,
    correction_view,
    recall_requests,
    record_view,
    signing,
    students,
    study_history,
    transcript_building,
    transcripts,
)
from hocbaso.services.access import SYSTEM
from tests.cast import Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_fixture,
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.test_corrections import BINH, LATER, SCAN, approve, ask, ask_kept, confirm, student_of

PAST = {"year_label": "2024-2025", "class_name": "6Z", "school_name": "THCS Bịa", "arrived_on": ""}
LINE = "2024-2025; 6Z; THCS Bịa"


def in_force(cast: Cast) -> m.TranscriptRecord:
    enrollment_id = cast.enrollments["9A", BINH]
    return transcripts.records_in_force([enrollment_id])[enrollment_id]


def content_of(record: m.TranscriptRecord) -> tc.TranscriptContent:
    return tc.from_canonical_json(record.content.encode())


def edit_profile(cast: Cast) -> None:
    student = student_of(cast)
    students.update_profile(
        cast.actor("clerk"), student.id,
        {"address": "Xã Khác", "height_cm": "171", "father_name": "Nguyễn Văn Khác", "home_town": "Nơi khác"},
        expected_version=student.version, now=LATER,
    )  # fmt: skip


def rebuild(cast: Cast) -> m.TranscriptRecord:
    transcript_building.build_class(
        cast.actor("clerk"), cast.classes["9A"], LATER + timedelta(minutes=1), f"#{cast.enrollments['9A', BINH]}"
    )
    return in_force(cast)


def ask_years(cast: Cast, text: str, *, seen: str = "", who: str = "clerk") -> m.CorrectionRequest:
    return correction_civil_requests.ask_civil_status(
        cast.actor(who), student_of(cast).id, {civil_status.PAST_YEARS: text}, {civil_status.PAST_YEARS: seen},
        "Bổ sung theo học bạ trường cũ", "Học bạ của trường cũ", [SCAN], LATER,
    )  # fmt: skip


def test_the_preview_holds_every_value_in_which_the_new_paper_differs(issued: Cast) -> None:
    old = content_of(in_force(issued))
    edit_profile(issued)
    request = confirm(issued, ask(issued))
    page = correction_view.page(issued.actor("principal"), request.id, LATER)
    assert page.impact is not None
    (void,) = page.impact.voided
    apart = {one.label: one.after for one in void.paper if one.apart}
    assert apart == {
        "Chỗ ở": "Xã Khác", "Quê quán": "Nơi khác", "Chiều cao (cm)": "171", "Họ và tên cha": "Nguyễn Văn Khác",
    }  # fmt: skip
    asked = {one.label for one in void.paper if not one.apart}
    assert {"Ngữ văn, học kì II", "Ngữ văn, cả năm", "Số chỗ sửa chữa"} <= asked
    done = approve(issued, request)
    new = rebuild(issued)
    really = {(one.path, one.before, one.after) for one in changes_between(old, content_of(new))}
    issue = {("issue_on", f"{old.issue_on:%d/%m/%Y}", f"{content_of(new).issue_on:%d/%m/%Y}")}
    shown = {(one.path, one.before, one.after) for one in void.paper}
    assert really - issue == shown
    kept = json.loads(done.outcome or "")["voided"][0]["paper"]
    assert {(one["path"], one["before"], one["after"]) for one in kept} == shown
    assert {one["label"] for one in kept if one["apart"]} == set(apart)
    signer = record_view.record_view(SYSTEM, new.uuid, LATER).changes
    assert {(one.path, one.before, one.after) for one in signer} == really


def test_an_approval_is_pinned_to_the_paper_that_was_seen(issued: Cast) -> None:
    request = confirm(issued, ask(issued))
    seen = correction_impact.of_request(request, LATER.date()).digest
    edit_profile(issued)
    with pytest.raises(Stale):
        correction_decisions.approve(
            issued.actor("principal"), request.id, expected_version=request.version, seen_digest=seen, now=LATER
        )
    assert approve(issued, request).state == "APPLIED"


def test_corrected_absences_and_awards_reach_the_three_who_sign(issued: Cast) -> None:
    raw = {"absences_excused_1": "4", "award_extra": "Giải Nhất cấp tỉnh", "competitions": "Thi vẽ"}
    request = ask_kept(issued, raw)
    approve(issued, request)
    said = {
        one.label: (one.before, one.after) for one in record_view.record_view(SYSTEM, rebuild(issued).uuid, LATER).changes
    }  # fmt: skip
    assert said["Nghỉ có phép học kì I"] == ("1", "4") and said["Nghỉ có phép cả năm"] == ("1", "4")
    assert said["Các cuộc thi"] == ("(trống)", "Thi vẽ") and said["Khen thưởng"][1].endswith("Giải Nhất cấp tỉnh")


def test_a_signer_reads_the_difference_from_the_sealed_paper_also_over_a_draft(issued: Cast) -> None:
    approve(issued, confirm(issued, ask(issued)))
    edit_profile(issued)
    draft = rebuild(issued)
    again = confirm(issued, ask(issued, {("LIT", 2, "GK"): "4,0"}))
    approve(issued, again)
    last = rebuild(issued)
    assert last.replaces_id == draft.id and not draft.signatures
    assert "Chỗ ở" in {one.label for one in record_view.record_view(SYSTEM, last.uuid, LATER).changes}


def test_a_civil_status_change_shows_the_rest_of_its_paper_too(issued: Cast) -> None:
    edit_profile(issued)
    student = student_of(issued)
    request = correction_civil_requests.ask_civil_status(
        issued.actor("clerk"), student.id, {"birth_place": "Nam Định"}, {"birth_place": student.birth_place or ""},
        "Cải chính", "QĐ 15", [SCAN], LATER,
    )  # fmt: skip
    (void,) = correction_impact.of_request(request, LATER.date()).voided
    assert {one.label for one in void.paper if not one.apart} == {"Nơi sinh"}
    assert {one.label for one in void.paper if one.apart} == {"Chỗ ở", "Quê quán", "Chiều cao (cm)", "Họ và tên cha"}


def test_years_elsewhere_that_a_sealed_paper_prints_change_by_a_request_only(issued: Cast) -> None:
    clerk, student = issued.actor("clerk"), student_of(issued)
    with pytest.raises(WrongState, match="đề nghị sửa hộ tịch"):
        study_history.enter(clerk, student.id, PAST, LATER)
    assert study_history.standing(student.id) == []
    old = in_force(issued)
    request = ask_years(issued, LINE)
    found = correction_impact.of_request(request, LATER.date())
    assert [(one.label, one.before, one.after) for one in found.items] == [(study_history.WORDS, "trống", LINE)]
    assert [one.uuid for one in found.voided] == [old.uuid]
    assert [(one.label, one.after, one.apart) for one in found.voided[0].paper] == [
        ("Quá trình học tập, 2024–2025", "lớp 6Z, THCS Bịa", False)
    ]
    assert study_history.standing(student.id) == [], "nothing is written before it is approved"
    assert approve(issued, confirm(issued, request)).state == "APPLIED"
    (row,) = study_history.standing(student.id)
    assert (row.year_label, row.class_name, row.school_name) == ("2024-2025", "6Z", "THCS Bịa")
    assert content_of(rebuild(issued)).study_history[0].school_name == "THCS Bịa"
    assert audit_verify.verify().faults == []


def test_a_year_is_struck_from_a_sealed_paper_by_a_request_only(built: Cast) -> None:
    clerk, student = built.actor("clerk"), student_of(built)
    recall_requests.recall(built.actor("principal"), in_force(built).uuid, "Thêm năm học trước", LATER)
    row = study_history.enter(clerk, student.id, PAST, LATER)
    rebuild(built)
    study_history.strike(clerk, student.id, row, LATER)  # nobody sealed it yet
    row = study_history.enter(clerk, student.id, PAST, LATER)
    for who, role in (("math", "homeroom"), ("principal", "principal"), ("clerk", "seal")):
        signing.sign_class(built.actor(who), built.classes["9A"], role, "27182818", LATER + timedelta(minutes=2))
    assert civil_status.sealed_until(student.id) == content_of(in_force(built)).school_year
    with pytest.raises(WrongState):
        study_history.strike(clerk, student.id, row, LATER)
    later = {**PAST, "year_label": "2025-2026"}
    with pytest.raises(WrongState):
        study_history.enter(clerk, student.id, later, LATER)
    request = ask_years(built, "", seen=LINE)
    assert len(correction_impact.of_request(request, LATER.date()).voided) == 1
    approve(built, confirm(built, request))
    assert study_history.standing(student.id) == []
    assert all(one.school_name != "THCS Bịa" for one in content_of(rebuild(built)).study_history)


def test_who_only_teaches_the_subject_is_told_how_much_changed_and_not_what(issued: Cast) -> None:
    request = ask(issued)
    assert correction_view.page(issued.actor("math"), request.id, LATER).reads_record
    assert correction_view.page(issued.actor("principal"), request.id, LATER).reads_record
    assert not correction_view.page(issued.actor("head_society"), request.id, LATER).reads_record


def test_a_line_that_is_none_is_refused_at_its_field(school: Cast) -> None:
    for text in (
        "2024-2025; 6Z", "2024; 6Z; THCS Bịa", f"{LINE}\n{LINE}", "2024-2025; 6Z; THCS Bịa; 31/02/2025", "2024-2025; ; THCS",
        "2026-2027; 9Z; THCS Bịa",
    ):  # fmt: skip
        with pytest.raises(Invalid) as refused:
            ask_years(school, text)
        assert refused.value.field == civil_status.PAST_YEARS


def test_lines_that_stand_are_the_rows_they_name(school: Cast) -> None:
    student = student_of(school)
    row = study_history.enter(school.actor("clerk"), student.id, PAST, LATER)
    both = study_history.read_text(f"2025–2026; 7A; THCS Khác; 1/9/2026\n{LINE}", student.id, LATER.date())
    assert [one.id for one in both] == [row, 0]
    assert study_history.text_of(both).splitlines() == [LINE, "2025-2026; 7A; THCS Khác; 01/09/2026"]
    with pytest.raises(Invalid):
        study_history.read_text(f"{LINE}\n{LINE}", student.id, LATER.date())
