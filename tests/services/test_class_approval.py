"""Approving a class freezes its results: who may, what is refused, and what the frozen text holds."""

from __future__ import annotations

import json
import threading

import pytest
from sqlalchemy import func, select, text

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.class_flow import ClassVerb
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.regulations.permissions import GrantScope, Role
from hocbaso.services import (
    audit_verify,
    class_approval,
    class_moves,
    class_page,
    frozen_results,
    log_replay,
    roster,
)
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.databases import Outside
from tests.services.full_class import class_row, fill_homeroom, fill_scores, finalised, last_entry

BINH = "Hoàng Thanh Bình"
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
    moved = class_approval.approve_class(school.actor("principal"), row.id, expected_version=row.version, now=NOW)
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
    class_approval.approve_class(school.actor("principal"), row.id, expected_version=row.version, now=NOW)
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
        class_approval.approve_class(school.actor(who), row.id, expected_version=row.version, now=NOW)
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
        class_approval.approve_class(school.actor("vice_principal"), row.id, expected_version=row.version, now=NOW)
    roster.grant_role(
        SYSTEM,
        school.people["vice_principal"],
        Role.DELEGATE,
        NOW,
        scope_kind=GrantScope.GRADE_LEVEL,
        scope_id=9,
        starts_on=NOW.date(),
    )
    class_approval.approve_class(school.actor("vice_principal"), row.id, expected_version=row.version, now=NOW)
    assert class_row(school, "9A").state == "APPROVED"


def test_nobody_approves_the_own_homeroom_class_by_delegation(school: Cast):
    row = finalised(school)
    roster.grant_role(SYSTEM, school.people["math"], Role.VICE_PRINCIPAL, NOW, starts_on=NOW.date())
    roster.grant_role(SYSTEM, school.people["math"], Role.DELEGATE, NOW, starts_on=NOW.date())
    with pytest.raises(NotAllowed):
        class_approval.approve_class(school.actor("math"), row.id, expected_version=row.version, now=NOW)


def test_who_finalised_the_class_does_not_approve_it_by_delegation_after_giving_it_away(school: Cast):
    row = finalised(school)
    roster.assign_homeroom(SYSTEM, row.id, school.people["outsider"], NOW, starts_on=NOW.date())
    roster.grant_role(SYSTEM, school.people["math"], Role.VICE_PRINCIPAL, NOW, starts_on=NOW.date())
    roster.grant_role(SYSTEM, school.people["math"], Role.DELEGATE, NOW, starts_on=NOW.date())
    assert school.actor("math").homeroom == frozenset()
    with pytest.raises(NotAllowed, match=r"không thay Hiệu trưởng \(KT"):
        class_approval.approve_class(school.actor("math"), row.id, expected_version=row.version, now=NOW)
    assert class_row(school, "9A").state == "FINALISED"


def test_an_open_class_is_not_approved(school: Cast):
    with pytest.raises(WrongState):
        class_approval.approve_class(school.actor("principal"), school.classes["9A"], expected_version=1, now=NOW)


def test_a_second_click_is_refused_and_freezes_nothing_twice(school: Cast):
    row = finalised(school)
    seen = row.version
    class_approval.approve_class(school.actor("principal"), row.id, expected_version=seen, now=NOW)
    with pytest.raises(WrongState):
        class_approval.approve_class(school.actor("principal"), row.id, expected_version=seen, now=NOW)
    assert frozen_count() == 5


def test_what_changed_since_it_was_seen_is_not_approved(school: Cast):
    row = finalised(school)
    seen = row.version
    class_moves.reopen(school.actor("math"), row.id, expected_version=seen, now=NOW)
    class_moves.finalise(school.actor("math"), row.id, expected_version=seen + 1, now=NOW)
    with pytest.raises(Stale):
        class_approval.approve_class(school.actor("principal"), row.id, expected_version=seen, now=NOW)
    assert frozen_count() == 0


def test_two_approvers_at_once_freeze_once(school: Cast, school_app):
    row = finalised(school)
    class_id, seen, outcomes = row.id, row.version, []
    db.session.remove()

    def approve() -> None:
        with school_app.app_context():
            try:
                class_approval.approve_class(school.actor("principal"), class_id, expected_version=seen, now=NOW)
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
        class_approval.approve_class(school.actor("principal"), row.id, expected_version=row.version, now=NOW)
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
        class_approval.approve_class(school.actor("principal"), row.id, expected_version=row.version, now=NOW)
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
        class_approval.approve_class(school.actor("principal"), row.id, expected_version=row.version, now=NOW)
    assert frozen_count() == 0


def test_a_state_forged_in_the_database_is_found(school: Cast):
    fill_scores(school, "9A")
    fill_homeroom(school, "9A")
    tamper("UPDATE score_sheet SET state = 'LOCKED'")
    assert any("Trạng thái bảng điểm" in str(fault) for fault in log_replay.audit_faults_of_class(school.classes["9A"]))


def test_a_frozen_text_changed_afterwards_is_refused(school: Cast):
    row = finalised(school)
    class_approval.approve_class(school.actor("principal"), row.id, expected_version=row.version, now=NOW)
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
        [(row.id, row.version), (still_open.id, still_open.version), (999, 1)],
        now=NOW,
    )
    assert [(one.done, bool(one.message)) for one in outcomes] == [(True, False), (False, True), (False, True)]
    assert outcomes[0].label == "Tổng kết lớp 9A" and outcomes[2].label == ""


def test_a_long_remark_is_refused(school: Cast):
    row = finalised(school)
    with pytest.raises(Invalid):
        class_approval.approve_class(
            school.actor("principal"), row.id, expected_version=row.version, now=NOW, remark="x" * 2001
        )
