"""Approving a class freezes its results: who may, what is refused, and what the frozen text holds."""

from __future__ import annotations

import json
import re
import threading

import pytest
from sqlalchemy import func, select, text

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Incomplete, IntegrityFault, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassVerb
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.regulations.score_sheet_flow import SheetVerb
from hocbaso.services import (
    audit,
    audit_verify,
    class_approval,
    class_moves,
    class_page,
    decisions,
    frozen_results,
    log_replay,
    results,
    roster,
    staff,
    students,
)
from hocbaso.services.access import SYSTEM
from tests.cast import LESSONS, NOW, Cast
from tests.databases import Outside
from tests.services.full_class import (
    class_row,
    fill_homeroom,
    fill_scores,
    finalised,
    last_entry,
    lock_class,
    move_sheets,
    seen_of,
)

BINH = "Hoàng Thanh Bình"
LOCKING = (SheetVerb.SUBMIT, SheetVerb.REVIEW, SheetVerb.APPROVE, SheetVerb.LOCK)
CHAU = "Nguyễn Bảo Châu"


def tamper(statement: str, **values: object) -> None:
    """Change the database behind the application's back: another program, no foreign keys, no audit entry."""
    db.session.rollback()
    with Outside() as outside:
        outside.execute(statement, values)


def frozen_count() -> int:
    return db.session.scalar(select(func.count()).select_from(m.FrozenResult)) or 0


def test_a_class_goes_from_draft_to_approved_and_each_student_is_frozen(school: Cast):
    row = finalised(school, levels={(CHAU, "LIT"): 49})
    moved = class_approval.approve_class(
        school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
    )
    assert (moved.state, class_row(school, "9A").state) == ("APPROVED", "APPROVED")
    assert frozen_count() == 5
    content = frozen_results.read_frozen(school.enrollments["9A", CHAU])
    assert content["subjects"][0]["name"] == "Toán học"
    literature = next(line for line in content["subjects"] if line["code"] == "LIT")
    assert (literature["semester_1"], literature["semester_2"], literature["year"]) == ("4.9", "4.9", "4.9")
    assert literature["teacher_name"] == "Phan Thị Mận"
    assert literature["marks"][0]["GK"] == ["4.9", "entered"]
    assert content["learning"]["year"] == "K" and content["learning"]["year_adjusted"] is True
    assert content["conduct"] == {"semester_1": "T", "semester_2": "T", "year": "T", "after": None}
    assert content["absences"]["year"] == {"excused": 3, "unexcused": 0}
    assert content["promotion"] == {"outcome": "COMPLETED"} and content["completion"] is True
    assert content["homeroom"]["name"] == "Trịnh Thu Hà"
    assert content["principal_remark"] == class_approval.DEFAULT_REMARK
    assert any("Điều 9 khoản 3" in step for step in content["steps"])
    binh = frozen_results.read_frozen(school.enrollments["9A", BINH])
    assert binh["awards"] == ["Học sinh Giỏi"] and binh["award"] == "GIOI"
    assert binh["subjects"][0]["remark"] == "Tiến bộ đều, học kì 2."
    assert audit_verify.verify().faults == []


def test_a_frozen_text_has_no_float_and_one_byte_form(school: Cast):
    row = finalised(school)
    class_approval.approve_class(
        school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
    )
    stored = frozen_results.newest_frozen(school.enrollments["9A", BINH])
    assert stored is not None
    assert canonical_json(json.loads(stored.content, parse_float=pytest.fail)) == stored.content
    assert last_entry("result:record:frozen").target_id == str(row.id)


@pytest.mark.parametrize(
    ("who", "error"),
    [
        ("math", NotAllowed),
        ("vice_principal", NotAllowed),
        ("head_society", NotFound),
        ("clerk", NotFound),
        ("it_officer", NotFound),
        ("board", NotFound),
        ("outsider", NotFound),
    ],
)
def test_only_the_principal_or_a_delegate_approves(school: Cast, who: str, error: type[Exception]):
    row = finalised(school)
    with pytest.raises(error):
        class_approval.approve_class(
            school.actor(who), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
        )
    with pytest.raises(error):
        class_approval.return_class(school.actor(who), row.id, "Sai", expected_version=row.version, now=NOW)
    assert class_row(school, "9A").state == "FINALISED" and frozen_count() == 0


def test_a_delegate_approves_inside_the_delegation_only(school: Cast):
    row = finalised(school)
    roster.grant_role(
        SYSTEM,
        school.people["vice_principal"],
        Role.DELEGATE,
        NOW,
        scope_kind=GrantScope.GRADE_LEVEL,
        scope_id=6,
        starts_on=NOW.date(),
    )
    with pytest.raises(NotAllowed):
        class_approval.approve_class(
            school.actor("vice_principal"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
        )
    roster.grant_role(
        SYSTEM,
        school.people["vice_principal"],
        Role.DELEGATE,
        NOW,
        scope_kind=GrantScope.GRADE_LEVEL,
        scope_id=9,
        starts_on=NOW.date(),
    )
    class_approval.approve_class(
        school.actor("vice_principal"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
    )
    assert class_row(school, "9A").state == "APPROVED"


def test_nobody_approves_the_own_homeroom_class_by_delegation(school: Cast):
    row = finalised(school)
    roster.grant_role(SYSTEM, school.people["math"], Role.VICE_PRINCIPAL, NOW, starts_on=NOW.date())
    roster.grant_role(SYSTEM, school.people["math"], Role.DELEGATE, NOW, starts_on=NOW.date())
    with pytest.raises(NotAllowed):
        class_approval.approve_class(
            school.actor("math"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
        )


def test_who_finalised_the_class_does_not_approve_it_by_delegation_after_giving_it_away(school: Cast):
    row = finalised(school)
    roster.assign_homeroom(SYSTEM, row.id, school.people["outsider"], NOW, starts_on=NOW.date())
    roster.grant_role(SYSTEM, school.people["math"], Role.VICE_PRINCIPAL, NOW, starts_on=NOW.date())
    roster.grant_role(SYSTEM, school.people["math"], Role.DELEGATE, NOW, starts_on=NOW.date())
    assert school.actor("math").homeroom == frozenset()
    with pytest.raises(NotAllowed, match=r"không thay Hiệu trưởng \(KT"):
        class_approval.approve_class(
            school.actor("math"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
        )
    assert class_row(school, "9A").state == "FINALISED"


def test_an_open_class_is_not_approved(school: Cast):
    with pytest.raises(WrongState):
        class_approval.approve_class(
            school.actor("principal"),
            school.classes["9A"],
            seen=seen_of(school.classes["9A"]),
            expected_version=1,
            now=NOW,
        )


def test_a_second_click_is_refused_and_freezes_nothing_twice(school: Cast):
    row = finalised(school)
    seen = row.version
    class_approval.approve_class(
        school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=seen, now=NOW
    )
    with pytest.raises(WrongState):
        class_approval.approve_class(
            school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=seen, now=NOW
        )
    assert frozen_count() == 5


def test_what_changed_since_it_was_seen_is_not_approved(school: Cast):
    row = finalised(school)
    seen = row.version
    class_moves.reopen(school.actor("math"), row.id, expected_version=seen, now=NOW)
    class_moves.finalise(school.actor("math"), row.id, seen=seen_of(row.id), expected_version=seen + 1, now=NOW)
    with pytest.raises(Stale):
        class_approval.approve_class(
            school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=seen, now=NOW
        )
    assert frozen_count() == 0


def test_two_approvers_at_once_freeze_once(school: Cast, school_app):
    row = finalised(school)
    class_id, seen, outcomes = row.id, row.version, []
    db.session.remove()

    def approve() -> None:
        with school_app.app_context():
            try:
                class_approval.approve_class(
                    school.actor("principal"), class_id, seen=seen_of(class_id), expected_version=seen, now=NOW
                )
                outcomes.append("done")
            except (Stale, WrongState):
                outcomes.append("refused")

    threads = [threading.Thread(target=approve) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "refused"]
    assert frozen_count() == 5


def test_a_return_needs_a_reason_and_reopens(school: Cast):
    row = finalised(school)
    with pytest.raises(Invalid):
        class_approval.return_class(school.actor("principal"), row.id, "  ", expected_version=row.version, now=NOW)
    class_approval.return_class(
        school.actor("principal"), row.id, "Xem lại nhận xét của em Châu.", expected_version=row.version, now=NOW
    )
    assert class_row(school, "9A").state == "OPEN"
    page = class_page.class_page(school.actor("math"), row.id, NOW)
    assert page.returned_note is not None and page.returned_note.note == "Xem lại nhận xét của em Châu."
    entry = json.loads(last_entry("class:state:moved").payload)
    assert entry["note"] == "Xem lại nhận xét của em Châu." and entry["facts"]["verb"] == "return"


def test_a_score_changed_behind_the_application_stops_the_freeze_and_is_named(school: Cast):
    row = finalised(school)
    tamper(
        "UPDATE score_cell SET tenths = 95 WHERE enrollment_id = :who AND score_sheet_id = :sheet AND column_key = 'CK'",
        who=school.enrollments["9A", CHAU],
        sheet=school.sheets["9A", "MATH", 2],
    )
    with pytest.raises(IntegrityFault) as found:
        class_approval.approve_class(
            school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
        )
    said = str(found.value)
    assert all(word in said for word in (CHAU, "Toán 9A, học kì II", "cuối kì", "8,5", "9,5"))
    assert class_row(school, "9A").state == "FINALISED" and frozen_count() == 0


def test_a_score_changed_together_with_its_entry_stops_the_freeze(school: Cast):
    row = finalised(school)
    where = "enrollment_id = :who AND score_sheet_id = :sheet AND column_key = 'CK'"
    values = {"who": school.enrollments["9A", CHAU], "sheet": school.sheets["9A", "MATH", 2]}
    cell = db.session.scalar(text(f"SELECT id FROM score_cell WHERE {where}").bindparams(**values))
    tamper(f"UPDATE score_cell SET tenths = 95 WHERE {where}", **values)
    tamper(
        "UPDATE audit_entry SET payload = json_set(payload, :path, 95) "
        "WHERE json_extract(payload, :path) = 85 AND target_kind = 'score_sheet'",
        path=f'$.state.score_cell."{cell}".tenths',
    )
    with pytest.raises(IntegrityFault, match=r"Nhật ký dòng \d+ đã bị sửa"):
        class_approval.approve_class(
            school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
        )
    assert class_row(school, "9A").state == "FINALISED" and frozen_count() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM homeroom_record WHERE enrollment_id = :who AND :sheet > 0",
        "UPDATE homeroom_record SET enrollment_id = (SELECT min(id) FROM enrollment WHERE class_group_id <> "
        "(SELECT class_group_id FROM enrollment WHERE id = :who)) WHERE enrollment_id = :who AND :sheet > 0",
        "DELETE FROM score_cell WHERE enrollment_id = :who AND score_sheet_id = :sheet AND column_key = 'TX1'",
        "UPDATE score_cell SET origin = 'makeup' WHERE enrollment_id = :who AND score_sheet_id = :sheet AND column_key = 'TX1'",
        "UPDATE homeroom_record SET conduct_2 = 'K' WHERE enrollment_id = :who AND :sheet > 0",
        "INSERT INTO exemption (enrollment_id, subject_id, state, reason, proposed_by, proposed_at)"
        " SELECT :who, 1, 'GRANTED', 'x', 1, '2027-05-01 00:00:00.000000' WHERE :sheet > 0",
    ],
)
def test_other_changes_behind_the_application_stop_it_too(school: Cast, statement: str):
    row = finalised(school)
    tamper(statement, who=school.enrollments["9A", CHAU], sheet=school.sheets["9A", "MATH", 1])
    with pytest.raises(IntegrityFault):
        class_approval.approve_class(
            school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
        )
    assert frozen_count() == 0


def test_a_state_forged_in_the_database_is_found(school: Cast):
    fill_scores(school, "9A")
    fill_homeroom(school, "9A")
    tamper("UPDATE score_sheet SET state = 'LOCKED'")
    assert any("Trạng thái bảng điểm" in str(fault) for fault in log_replay.audit_faults_of_class(school.classes["9A"]))


def test_a_frozen_text_changed_afterwards_is_refused(school: Cast):
    row = finalised(school)
    class_approval.approve_class(
        school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
    )
    enrollment = school.enrollments["9A", BINH]
    assert frozen_results.read_frozen(enrollment)["class_name"] == "9A"
    stored = frozen_results.newest_frozen(enrollment)
    assert stored is not None
    forged = stored.content.replace('"8.5"', '"9.5"')
    tamper("UPDATE frozen_result SET content = :content WHERE id = :id", content=forged, id=stored.id)
    with pytest.raises(IntegrityFault):
        frozen_results.read_frozen(enrollment)
    # A forger who also mends the digest is caught by the log.
    tamper(
        "UPDATE frozen_result SET content_digest = :digest WHERE id = :id",
        digest=frozen_results.digest_of(forged),
        id=stored.id,
    )
    with pytest.raises(IntegrityFault):
        frozen_results.read_frozen(enrollment)


def test_nothing_frozen_is_not_found(school: Cast):
    with pytest.raises(NotFound):
        frozen_results.read_frozen(school.enrollments["9A", BINH])


def test_bulk_has_one_outcome_each(school: Cast):
    row = finalised(school)
    fill_scores(school, "6A")
    still_open = class_row(school, "6A")
    outcomes = class_approval.bulk(
        school.actor("principal"),
        ClassVerb.APPROVE,
        [
            (row.id, row.version, seen_of(row.id)),
            (still_open.id, still_open.version, seen_of(still_open.id)),
            (999, 1, ""),
        ],
        now=NOW,
    )
    assert [(one.done, bool(one.message)) for one in outcomes] == [(True, False), (False, True), (False, True)]
    assert outcomes[0].label == "Tổng kết lớp 9A" and outcomes[2].label == ""


def test_a_long_remark_is_refused(school: Cast):
    row = finalised(school)
    with pytest.raises(Invalid):
        class_approval.approve_class(
            school.actor("principal"),
            row.id,
            seen=seen_of(row.id),
            expected_version=row.version,
            now=NOW,
            remark="x" * 2001,
        )


def edit_student(cast: Cast, name: str, **values: str) -> None:
    """The office changes a profile."""
    enrollment = db.session.get(m.Enrollment, cast.enrollments["9A", name])
    student = db.session.get(m.Student, enrollment.student_id, populate_existing=True)
    students.update_profile(cast.actor("clerk"), student.id, values, expected_version=student.version, now=NOW)


def leave(cast: Cast, name: str) -> None:
    """The pupil goes to another school."""
    with write_transaction() as session:
        row = session.get(m.Enrollment, cast.enrollments["9A", name], populate_existing=True)
        row.status, row.left_on = "transferred_out", NOW.date()
        session.flush()
        audit.record(
            AuditTag.ENROLLMENT_CHANGED,
            SYSTEM,
            NOW,
            target_kind="enrollment",
            target_id=row.id,
            state=audit.states("enrollment", [row]),
        )


def rename_keeper(cast: Cast) -> None:
    """The office corrects the homeroom teacher's name, which is printed."""
    person = db.session.get(m.Person, cast.people["math"])
    values = {name: getattr(person, name) for name in staff.PROFILE_COLUMNS} | {"full_name": "Trịnh Thị Thu Hà"}
    staff.save_profile(cast.actor("clerk"), person.id, values, person.version, NOW)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cast: edit_student(cast, BINH, inclusive_disability="1"), f"hồ sơ học sinh; mức học tập, .*{BINH}"),
        (lambda cast: edit_student(cast, CHAU, full_name="Nguyễn Bảo Châu Anh"), "hồ sơ học sinh"),
        (lambda cast: leave(cast, CHAU), "danh sách học sinh"),
        (rename_keeper, "giáo viên chủ nhiệm"),
    ],
)
def test_what_is_frozen_is_what_was_seen(school: Cast, change, words: str):
    """None of these moves the class's version; each would freeze something that nobody looked at."""
    row = finalised(school)
    seen = seen_of(row.id)
    change(school)
    assert class_row(school, "9A").version == row.version
    with pytest.raises((Stale, Incomplete)) as refusal:
        class_approval.approve_class(
            school.actor("principal"), row.id, expected_version=row.version, seen=seen, now=NOW
        )
    if isinstance(refusal.value, Stale):
        assert "đã thay đổi sau khi thầy, cô mở trang" in refusal.value.message
        assert re.search(words, refusal.value.message)
    (one,) = class_approval.bulk(school.actor("principal"), ClassVerb.APPROVE, [(row.id, row.version, seen)], now=NOW)
    assert not one.done and one.label == "Tổng kết lớp 9A" and one.message
    assert frozen_count() == 0 and class_row(school, "9A").state == "FINALISED"


def test_a_flag_taken_back_between_looking_and_approving_is_refused(school: Cast):
    """Shown: retained by decision. Frozen without the seal: completed, with a title, and nobody had seen that."""
    edit_student(school, BINH, inclusive_disability="1")
    fill_scores(school, "9A")
    lock_class(school, "9A")
    fill_homeroom(school, "9A")
    enrollment = school.enrollments["9A", BINH]
    decisions.record_decision(
        school.actor("principal"), enrollment, "promotion", "RETAINED", "Theo kế hoạch giáo dục cá nhân.", now=NOW
    )
    class_id = school.classes["9A"]
    class_moves.finalise(school.actor("math"), class_id, seen=seen_of(class_id), expected_version=1, now=NOW)
    seen = seen_of(class_id)
    edit_student(school, BINH, inclusive_disability="")
    with pytest.raises(Stale, match=f"hồ sơ học sinh; .*mức học tập, khen thưởng hoặc kết luận .*{BINH}"):
        class_approval.approve_class(school.actor("principal"), class_id, expected_version=2, seen=seen, now=NOW)
    assert frozen_count() == 0


@pytest.mark.parametrize("seen", ["", "0" * 16, "x" * 200, "0_" * 7, "0" * 3000])
def test_an_approval_that_has_seen_nothing_is_refused(school: Cast, seen: str):
    row = finalised(school)
    with pytest.raises(Stale):
        class_approval.approve_class(
            school.actor("principal"), row.id, expected_version=row.version, seen=seen, now=NOW
        )
    assert frozen_count() == 0


def test_finalising_allows_the_teachers_own_writing_since(school: Cast):
    fill_scores(school, "9A")
    lock_class(school, "9A")
    fill_homeroom(school, "9A")
    class_id = school.classes["9A"]
    seen = seen_of(class_id)
    fill_homeroom(school, "9A", {BINH: {"conduct_2": "K", "remark": "Cần cố gắng hơn."}})
    class_moves.finalise(school.actor("math"), class_id, seen=seen, expected_version=1, now=NOW)
    class_moves.reopen(school.actor("math"), class_id, expected_version=2, now=NOW)
    seen = seen_of(class_id)
    edit_student(school, CHAU, full_name="Nguyễn Bảo Châu Anh")
    with pytest.raises(Stale, match="hồ sơ học sinh"):
        class_moves.finalise(school.actor("math"), class_id, seen=seen, expected_version=3, now=NOW)


def test_a_corrected_name_of_a_teacher_is_on_the_class_page_at_once(school: Cast):
    fill_scores(school, "9A")
    before = results.compute_class(school.classes["9A"], NOW.date())
    rename_keeper(school)
    after = results.compute_class(school.classes["9A"], NOW.date())
    assert (before.homeroom_name, after.homeroom_name) == ("Trịnh Thu Hà", "Trịnh Thị Thu Hà")
    assert [one.teachers for one in after.subjects if one.code == "SCI"] == [("Trịnh Thị Thu Hà",)]


def test_a_class_without_a_compulsory_subject_is_not_finalised(school: Cast):
    """Rated over what was offered, it would complete the programme with a title and without these subjects."""
    left_out = ("TECH", "LOCAL")
    fill_scores(school, "9A", skip=tuple(("9A", code, semester) for code in left_out for semester in (1, 2)))
    for code in left_out:  # as if the office had never offered them
        tamper("DELETE FROM score_sheet WHERE class_subject_id = :id", id=school.class_subjects["9A", code])
        tamper("DELETE FROM teaching_assignment WHERE class_subject_id = :id", id=school.class_subjects["9A", code])
        tamper("DELETE FROM class_subject WHERE id = :id", id=school.class_subjects["9A", code])
    move_sheets(school, "9A", *LOCKING, codes=tuple(code for code in LESSONS if code not in left_out))
    fill_homeroom(school, "9A")
    class_id = school.classes["9A"]
    assert {row.result.award for row in results.compute_class(class_id, NOW.date()).students} == {"GIOI"}
    with pytest.raises(Incomplete) as incomplete:
        class_moves.finalise(school.actor("math"), class_id, seen=seen_of(class_id), expected_version=1, now=NOW)
    gaps = [gap for gap in incomplete.value.gaps if gap.kind == "subject"]
    assert [gap.words.split(":")[0] for gap in gaps] == ["Công nghệ", "Nội dung giáo dục của địa phương"]
    page = class_page.class_page(school.actor("math"), class_id, NOW)
    assert page.gaps_of("subject") == tuple(gaps) and page.seal == ""
