"""What an entry aimed elsewhere told of a row is not forgotten: two classes, a moved pupil, undo, the calendar, the check."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import IntegrityFault
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import (
    audit,
    audit_verify,
    class_approval,
    homeroom,
    reviews,
    score_operations,
    untouched,
    year_calendar,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.account_log import is_as_written
from tests.cast import NOW, Cast, put_sheets
from tests.databases import Outside
from tests.services.full_class import finalised, seen_of

BINH, AN = "Hoàng Thanh Bình", "Nguyễn Hoài An"


def forge(statement: str, *values: object) -> None:
    db.session.remove()
    with Outside() as outside:
        outside.execute(statement, values)


def test_a_remark_in_one_class_does_not_stop_another(school: Cast) -> None:
    homeroom.save_class(
        school.actor("head_society"), school.classes["6A"], {school.enrollments["6A", AN]: {"conduct_1": "T"}}, now=NOW
    )
    homeroom.save_field(
        school.actor("head_society"), school.enrollments["6A", AN], "remark", "Ngoan.", expected_version=1, op_id=None, now=NOW
    )  # fmt: skip
    for name in ("6A", "9A"):
        untouched.require_untouched(school.classes[name])
    forge("UPDATE homeroom_record SET conduct_1 = 'K'")
    with pytest.raises(IntegrityFault, match=AN):
        untouched.require_untouched(school.classes["6A"])
    untouched.require_untouched(school.classes["9A"])


@pytest.mark.parametrize("column", ["student_id", "joined_on"])
def test_a_pupil_who_was_moved_is_held_against_the_class_of_before(school: Cast, column: str) -> None:
    enrollment = school.enrollments["6A", AN]
    with write_transaction() as session:
        row = session.get(m.Enrollment, enrollment)
        assert row is not None
        row.class_group_id = school.classes["9A"]
        audit.record(
            AuditTag.ENROLLMENT_CHANGED, SYSTEM, NOW, target_kind="school_year", target_id=school.year_id,
            state=audit.states("enrollment", [row]),
        )  # fmt: skip
    untouched.require_untouched(school.classes["9A"])
    value = "2026-10-01" if column == "joined_on" else 2
    forge(f"UPDATE enrollment SET {column} = ? WHERE id = ?", value, enrollment)
    with pytest.raises(IntegrityFault, match="Việc học trong lớp"):
        untouched.require_untouched(school.classes["9A"])


def test_taking_back_brings_no_forged_value_into_the_sheet(school: Cast) -> None:
    teacher, sheet = school.actor("math"), school.sheets["9A", "MATH", 2]
    place = (school.enrollments["9A", BINH], "TX1")
    first, second = "0123456789abcdef", "fedcba9876543210"
    for op_id, raw, version in ((first, "8,7", 0), (second, "5", 1)):
        score_operations.paste(
            teacher, sheet, [score_operations.TypedCell(*place, raw, version)], op_id=op_id, now=NOW
        )  # fmt: skip
    forge("UPDATE score_cell_version SET tenths = 100 WHERE version = 1")
    with pytest.raises(IntegrityFault, match="trước đây"):
        score_operations.take_back(teacher, sheet, [place], of=second, op_id="a" * 16, now=NOW)
    assert db.session.scalars(select(m.ScoreCell.tenths)).one() == 50
    with pytest.raises(IntegrityFault):
        untouched.require_untouched(school.classes["9A"])


@pytest.mark.parametrize(("state", "act"), [("SUBMITTED", "review"), ("REVIEWED", "approve")])
def test_a_forged_score_stops_its_sheet_at_the_next_hand(school: Cast, state: str, act: str) -> None:
    sheet = school.sheets["9A", "MATH", 2]
    score_operations.paste(
        school.actor("math"), sheet, [score_operations.TypedCell(school.enrollments["9A", BINH], "CK", "4,5", 0)],
        op_id="0123456789abcdef", now=NOW,
    )  # fmt: skip
    put_sheets([sheet], state)
    forge("UPDATE score_cell SET tenths = 100")
    who = "head_science" if act == "review" else "principal"
    with pytest.raises(IntegrityFault, match="sửa ngoài phần mềm") as refusal:
        getattr(reviews, act)(school.actor(who), sheet, expected_version=1, now=NOW)
    assert ("4,5" in str(refusal.value.details)) == (act == "approve"), "a reviewer may have to be kept from the values"


def test_who_finalised_a_class_is_held_against_the_log(school: Cast) -> None:
    row = finalised(school)
    forge("UPDATE class_step SET by_account_id = ?, by_name = 'Người khác'", school.accounts["other"])
    with pytest.raises(IntegrityFault, match="bước chuyển"):
        class_approval.approve_class(
            school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=2, now=NOW
        )


def test_the_calendar_vouches_for_no_forged_window(school: Cast) -> None:
    forge("UPDATE semester_window SET closes_on = '2027-05-18' WHERE grade_level = 9")
    principal = school.actor("principal")
    page = year_calendar.read(principal, NOW)
    assert page.is_altered
    summer = page.dates.summer_freeze_on.replace(day=14)
    version = year_calendar.save(principal, page.year_id, {"summer_freeze_on": summer}, {}, None, page.version, NOW)
    assert year_calendar.read(principal, NOW).is_altered and not audit_verify.verify().ok
    right = {(2, 9): (page.windows[0].opens_on.replace(year=2027, month=1, day=19), NOW.date().replace(day=12))}
    year_calendar.save(principal, page.year_id, {}, right, "Trả lại như trước", version, NOW)
    assert not year_calendar.read(principal, NOW).is_altered and audit_verify.verify().ok


@pytest.mark.parametrize(
    "statement",
    ["UPDATE account SET person_id = 9 WHERE id = ?", "UPDATE account SET disabled_at = '2027-01-01' WHERE id = ?"],
)
def test_an_account_that_was_given_to_another_opens_nothing(school: Cast, statement: str) -> None:
    account_id = school.accounts["math"]
    account = db.session.get(m.Account, account_id)
    assert account is not None and is_as_written(account)
    forge("DELETE FROM account WHERE person_id = 9 AND id <> ?", account_id)
    forge(statement, account_id)
    account = db.session.get(m.Account, account_id, populate_existing=True)
    assert account is not None and not is_as_written(account)
