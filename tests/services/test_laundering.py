"""An honest act never vouches for what another program wrote: neither into the same row nor into the state it starts from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import IntegrityFault
from hocbaso.services import (
    accounts,
    audit_verify,
    class_approval,
    exemptions,
    homeroom,
    log_reading,
    reviews,
    role_grants,
    staff,
    students,
)
from tests.cast import NOW, Cast, put_sheets
from tests.databases import Outside

BINH = "Hoàng Thanh Bình"


def forge(statement: str, *values: object) -> None:
    db.session.remove()
    with Outside() as outside:
        outside.execute(statement, values)


def student_id(school: Cast) -> int:
    enrollment = db.session.get(m.Enrollment, school.enrollments["9A", BINH])
    assert enrollment is not None
    return enrollment.student_id


def conduct(school: Cast, field: str, value: str, version: int) -> None:
    homeroom.save_field(
        school.actor("math"), school.enrollments["9A", BINH], field, value, expected_version=version, op_id=None, now=NOW
    )  # fmt: skip


def homeroom_remark(school: Cast) -> Callable[[], None]:
    conduct(school, "conduct_1", "K", 0)
    forge("UPDATE homeroom_record SET conduct_1 = 'T'")
    return lambda: conduct(school, "remark", "Chăm chỉ.", 1)


def student_profile(school: Cast) -> Callable[[], None]:
    row = student_id(school)
    forge("UPDATE student SET full_name = ? WHERE id = ?", "Hoàng Thanh Binh", row)
    clerk = school.actor("clerk")
    return lambda: students.update_profile(clerk, row, {"ethnicity": "Mường"}, expected_version=1, now=NOW) and None


def staff_profile(school: Cast) -> Callable[[], None]:
    row = school.people["math"]
    forge("UPDATE person SET full_name = 'Kẻ Khác' WHERE id = ?", row)
    values = {"staff_code": "GV007", "full_name": "Kẻ Khác", "position_title": "Giáo viên hạng II"}  # the whole form
    return lambda: staff.save_profile(school.actor("clerk"), row, values, 1, NOW) and None


def role_that_ends(school: Cast) -> Callable[[], None]:
    grant = db.session.scalar(select(m.RoleGrant.id).where(m.RoleGrant.role == "clerk"))
    forge("UPDATE role_grant SET person_id = ? WHERE id = ?", school.people["outsider"], grant)
    return lambda: role_grants.end_role(school.actor("principal"), grant, NOW)


def account_that_is_shut(school: Cast) -> Callable[[], None]:
    account = db.session.scalar(select(m.Account.id).where(m.Account.person_id == school.people["other"]))
    forge("UPDATE account SET username = 'khac' WHERE id = ?", account)
    return lambda: accounts.disable(school.actor("it_officer"), account, NOW)


@pytest.mark.parametrize(
    "prepare", [homeroom_remark, student_profile, staff_profile, role_that_ends, account_that_is_shut]
)
def test_a_forged_value_beside_an_honest_one_stays_found(school: Cast, prepare: Callable[[Cast], Callable[[], None]]):
    act = prepare(school)
    before = {(fault.table, fault.row_id) for fault in audit_verify.verify().faults}
    assert len(before) == 1
    act()
    assert {(fault.table, fault.row_id) for fault in audit_verify.verify().faults} == before


def test_a_sheet_in_a_forged_state_goes_no_further(school: Cast):
    sheet = school.sheets["9A", "MATH", 2]
    put_sheets([sheet], "SUBMITTED")
    forge("UPDATE score_sheet SET state = 'REVIEWED' WHERE id = ?", sheet)
    with pytest.raises(IntegrityFault, match="Toán 9A, học kì II"):
        reviews.approve(school.actor("principal"), sheet, expected_version=1, now=NOW)
    assert db.session.scalar(select(m.ScoreSheet.state).where(m.ScoreSheet.id == sheet)) == "REVIEWED"
    assert log_reading.told_of("score_sheet", sheet, under={"class_subject": None}) == {
        "class_subject_id": school.class_subjects["9A", "MATH"], "semester": 2, "state": "SUBMITTED"
    }  # fmt: skip


def test_a_class_in_a_forged_state_goes_no_further(school: Cast):
    forge("UPDATE class_group SET state = 'FINALISED' WHERE id = ?", school.classes["9A"])
    with pytest.raises(IntegrityFault, match="9A"):
        class_approval.return_class(
            school.actor("principal"), school.classes["9A"], "Xem lại", expected_version=1, now=NOW
        )


def test_an_exemption_that_another_program_reopened_is_not_decided_again(school: Cast):
    enrollment = school.enrollments["9A", BINH]
    subject = db.session.scalar(select(m.Subject.id).where(m.Subject.code == "PE"))
    line = exemptions.propose(school.actor("math"), enrollment, subject, None, "Sức khoẻ", document="12/GXN", now=NOW)
    exemptions.decide(school.actor("principal"), line.id, False, document=None, now=NOW)
    forge("UPDATE exemption SET state = 'PROPOSED'")
    with pytest.raises(IntegrityFault):
        exemptions.decide(school.actor("principal"), line.id, True, document="12/GXN", now=NOW)


def test_an_entry_tells_what_the_act_wrote_and_nothing_else(school: Cast):
    conduct(school, "conduct_1", "K", 0)
    conduct(school, "remark", "Chăm chỉ.", 1)
    record = db.session.scalar(select(m.HomeroomRecord))
    first, second = (
        log["homeroom_record"][str(record.id)]
        for log in log_reading.told_states(log_reading.aimed_at({"homeroom_record": [record.id]}))
    )
    assert first["conduct_1"] == "K" and "absences_excused_1" in first
    assert second == {"remark": "Chăm chỉ."}
    told = log_reading.told_of("homeroom_record", record.id)
    assert told is not None and (told["conduct_1"], told["remark"]) == ("K", "Chăm chỉ.")
    assert audit_verify.verify().faults == []


def test_the_last_day_of_somebody_who_leaves_is_told_of_each_duty(school: Cast):
    last = NOW.date() + timedelta(days=10)
    profile = {"staff_code": "GV008", "full_name": "Tô Vĩnh Phát"}
    staff.save_profile(school.actor("clerk"), school.people["other"], {**profile, "left_on": last}, 1, NOW)
    duties = db.session.scalars(
        select(m.TeachingAssignment.id).where(m.TeachingAssignment.person_id == school.people["other"])
    ).all()
    assert duties
    for duty in duties:
        told = log_reading.told_of("teaching_assignment", duty)
        assert told is not None and date.fromisoformat(told["ends_on"]) == last
    assert audit_verify.verify().faults == []
