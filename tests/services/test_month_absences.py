"""Absences by month: each number saved alone, the total that follows, and no number counted twice or written over."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.attendance_months import Nearness
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, audit_verify, class_page, homeroom, log_replay, month_absences, state_export
from hocbaso.services.access import SYSTEM
from hocbaso.services.month_absence_page import month_page
from hocbaso.services.month_absences import StandingMonth
from tests.cast import NOW, STUDENTS, Cast
from tests.databases import Outside
from tests.services.full_class import fill_homeroom, finalised, last_entry

BINH = "Hoàng Thanh Bình"
FIRST = ("1-2026-09", "1-2026-10", "1-2026-11", "1-2026-12", "1-2027-01")


def save(
    cast: Cast, key: str, raw: str, version: int = 0, kind: str = "excused", who: str = "math", student: str = BINH
):
    return month_absences.save_month(
        cast.actor(who), cast.enrollments["9A", student], key, kind, raw, expected_version=version, now=NOW
    )


def total(cast: Cast, field: str = "absences_excused_1", student: str = BINH) -> int | None:
    return db.session.scalar(
        select(getattr(m.HomeroomRecord, field)).where(
            m.HomeroomRecord.enrollment_id == cast.enrollments["9A", student]
        )
    )


def page_of(cast: Cast, who: str = "math", now: datetime = NOW):
    db.session.expire_all()
    return month_page(cast.actor(who), cast.classes["9A"], now, term=1)


def row_of(cast: Cast, student: str = BINH, **options):
    return next(row for row in page_of(cast, **options).rows if row.full_name == student)


def came(cast: Cast, day: date, *, first_semester: int = 1) -> None:
    """Make the pupil one who came from elsewhere on a day."""
    with write_transaction() as session:
        place = session.get(m.Enrollment, cast.enrollments["9A", BINH])
        place.status, place.joined_on, place.first_semester = "transferred_in", day, first_semester


def is_sound(cast: Cast) -> bool:
    return not audit_verify.verify().faults and not log_replay.audit_faults_of_class(cast.classes["9A"])


def test_the_total_stands_once_every_month_does_and_not_before(school: Cast):
    for key, raw in zip(FIRST[:-1], ("2", "0", "1", "3"), strict=True):
        assert save(school, key, raw).written
        assert total(school) is None
    view = row_of(school)
    assert (view.totals[0].stands, view.totals[0].typed, view.is_whole) == (None, 6, False)
    save(school, FIRST[-1], "0")
    assert total(school) == 6 and row_of(school).totals[0].stands == 6
    entry = last_entry("homeroom:record:changed")
    payload = json.loads(entry.payload)
    assert payload["before"] == {"absences_excused_1": None} and payload["facts"]["of"] == "months"
    save(school, FIRST[1], "4", version=1)
    assert total(school) == 10
    save(school, FIRST[1], "", version=2)
    assert total(school) is None, "a month was taken back: the sum is not known"
    assert is_sound(school)


def test_every_cell_has_its_entry(school: Cast):
    save(school, FIRST[0], "2", kind="unexcused")
    payload = json.loads(last_entry("homeroom:month:changed").payload)
    assert payload["before"] == {"sessions": None}
    assert payload["facts"] == {"student": BINH, "class": "9A", "field": "nghỉ không phép tháng 9 (học kì I)"}
    (told,) = payload["state"]["month_absence"].values()
    assert (told["month"], told["kind"], told["sessions"]) == ("2026-09", "unexcused", 2)
    assert any('"kind":"month_absence"' in line for line in state_export.lines())


def test_a_month_changed_behind_the_application_is_found(school: Cast):
    save(school, FIRST[0], "2")
    db.session.remove()
    with Outside() as outside:
        outside.execute("UPDATE month_absence SET sessions = 1")
    db.session.remove()
    assert [fault.table for fault in audit_verify.verify().faults] == ["month_absence"]
    (fault,) = log_replay.audit_faults_of_class(school.classes["9A"])
    assert str(fault) == f"{BINH}, nghỉ theo tháng, sessions: nhật ký ghi 2, cơ sở dữ liệu đang có 1."


def test_the_same_number_again_writes_nothing_and_another_hand_is_told(school: Cast):
    save(school, FIRST[0], "2")
    assert save(school, FIRST[0], "2").written is False
    with pytest.raises(Stale) as stale:
        save(school, FIRST[0], "5")
    standing = stale.value.current
    assert isinstance(standing, StandingMonth)
    assert (standing.text, standing.yours, standing.version, standing.by_name) == ("2", "5", 1, "Trịnh Thu Hà")
    assert save(school, FIRST[0], "5", version=standing.version).written


@pytest.mark.parametrize("raw", ["-1", "1,5", "abc", "23", "9999", "٣"])
def test_what_is_no_number_of_sessions_is_refused(school: Cast, raw: str):
    with pytest.raises(Invalid, match="từ 0 đến 22"):
        save(school, FIRST[0], raw)


def test_both_kinds_together_are_no_more_than_the_month_has(school: Cast):
    save(school, FIRST[0], "20")
    with pytest.raises(Invalid, match="cộng lại 23 buổi"):
        save(school, FIRST[0], "3", kind="unexcused")
    save(school, FIRST[0], "2", kind="unexcused")


def test_only_the_homeroom_teacher_writes_and_others_read_as_the_class(school: Cast):
    with pytest.raises(NotAllowed):
        save(school, FIRST[0], "1", who="principal")
    with pytest.raises(NotFound):
        save(school, FIRST[0], "1", who="other")
    with pytest.raises(NotAllowed):
        month_absences.fill_blanks(school.actor("principal"), school.classes["9A"], FIRST[0], now=NOW)
    assert page_of(school, who="principal").can_edit is False
    with pytest.raises(NotFound):
        page_of(school, who="other")


def test_a_month_that_has_not_begun_is_shut(school: Cast):
    october = datetime(2026, 10, 10, 2, 0, tzinfo=UTC)
    row = row_of(school, now=october)
    states = {key: row.cells[f"{key}-excused"].state for key in FIRST}
    assert states == dict(zip(FIRST, ("open", "open", "later", "later", "later"), strict=True))
    assert [column.key for column in page_of(school, now=october).waiting] == list(FIRST[:2])
    with pytest.raises(WrongState, match="chưa bắt đầu"):
        month_absences.save_month(
            school.actor("math"),
            school.enrollments["9A", BINH],
            FIRST[2],
            "excused",
            "1",
            expected_version=0,
            now=october,
        )
    with pytest.raises(NotFound):
        save(school, "1-2027-07", "1")
    with pytest.raises(NotFound):
        save(school, FIRST[0], "1", kind="late")


def test_a_total_typed_by_itself_is_not_written_over(school: Cast):
    fill_homeroom(school, "9A")
    with pytest.raises(WrongState, match="đã gõ thẳng"):
        save(school, FIRST[0], "2")
    assert total(school) == 1 and row_of(school).cells[f"{FIRST[0]}-excused"].state == "total"
    assert month_absences.fill_blanks(school.actor("math"), school.classes["9A"], FIRST[0], now=NOW) == 0
    assert page_of(school).waiting == ()
    version = db.session.scalar(
        select(m.HomeroomRecord.version).where(m.HomeroomRecord.enrollment_id == school.enrollments["9A", BINH])
    )
    homeroom.save_field(
        school.actor("math"), school.enrollments["9A", BINH], "absences_excused_1", "", expected_version=version, op_id=None, now=NOW
    )  # fmt: skip
    assert save(school, FIRST[0], "2").written


def test_a_total_with_months_behind_it_is_not_typed_by_hand(school: Cast):
    save(school, FIRST[0], "2")
    enrollment = school.enrollments["9A", BINH]
    with pytest.raises(WrongState, match="tổng các tháng"):
        homeroom.save_field(
            school.actor("math"), enrollment, "absences_excused_1", "9", expected_version=0, op_id=None, now=NOW
        )
    with pytest.raises(WrongState, match=f"{BINH} là tổng các tháng"):
        homeroom.save_class(
            school.actor("math"), school.classes["9A"], {enrollment: {"absences_excused_1": 9}}, now=NOW
        )
    assert total(school) is None
    homeroom.save_field(
        school.actor("math"), enrollment, "absences_unexcused_1", "1", expected_version=0, op_id=None, now=NOW
    )
    fields = class_page.class_page(school.actor("math"), school.classes["9A"], NOW).rows
    (row,) = [one for one in fields if one.full_name == BINH]
    assert row.fields["absences_excused_1"].is_sum and not row.fields["absences_unexcused_1"].is_sum
    save(school, FIRST[0], "", version=1)
    homeroom.save_field(
        school.actor("math"), enrollment, "absences_excused_1", "9", expected_version=1, op_id=None, now=NOW
    )
    assert total(school) == 9 and is_sound(school)


def test_zeros_fill_what_is_empty_and_nothing_else(school: Cast):
    save(school, FIRST[0], "2")
    n_students = len(STUDENTS["9A"])
    assert (
        month_absences.fill_blanks(school.actor("math"), school.classes["9A"], FIRST[0], now=NOW) == 2 * n_students - 1
    )
    assert row_of(school).cells[f"{FIRST[0]}-excused"].value == 2
    for key in FIRST[1:]:
        month_absences.fill_blanks(school.actor("math"), school.classes["9A"], key, now=NOW)
    assert total(school) == 2 and total(school, "absences_unexcused_1") == 0
    assert [column.semester for column in page_of(school).waiting] == [2] * 5
    assert month_absences.fill_blanks(school.actor("math"), school.classes["9A"], FIRST[0], now=NOW) == 0
    assert is_sound(school)


def test_a_class_that_is_finalised_stays_as_it_is(school: Cast):
    for key in FIRST:
        save(school, key, "1")
    finalised(school, "9A", changes={BINH: {"absences_excused_1": 5}})
    with pytest.raises(WrongState, match="đã chốt"):
        save(school, FIRST[0], "2", version=1)
    with pytest.raises(WrongState, match="đã chốt"):
        month_absences.fill_blanks(school.actor("math"), school.classes["9A"], FIRST[0], now=NOW)
    view = page_of(school)
    assert not view.can_edit and not view.differing and total(school) == 5


def test_a_total_corrected_by_itself_stands_and_is_told(school: Cast):
    for key in FIRST:
        save(school, key, "1")
    with write_transaction() as session:  # as a correction after the lock writes it
        record = session.scalars(
            select(m.HomeroomRecord).where(m.HomeroomRecord.enrollment_id == school.enrollments["9A", BINH])
        ).one()
        record.absences_excused_1 = 7
        audit.record(
            AuditTag.HOMEROOM_CHANGED,
            SYSTEM,
            NOW,
            target_kind="homeroom_record",
            target_id=record.id,
            state=audit.states("homeroom_record", [record]),
        )
    (row,) = page_of(school).differing
    assert (row.full_name, row.totals[0].stands, row.totals[0].typed, row.year) == (BINH, 7, 5, 7)
    with pytest.raises(WrongState, match=r"khác tổng các tháng \(5\)"):
        save(school, FIRST[0], "3", version=1)
    assert total(school) == 7 and is_sound(school)


def test_who_came_in_november_need_not_have_the_months_before(school: Cast):
    came(school, date(2026, 11, 16))
    for key in FIRST[2:]:
        save(school, key, "1")
    assert total(school) == 3
    gaps = [key for key in FIRST if row_of(school).cells[f"{key}-excused"].is_gap]
    assert gaps == []
    save(school, FIRST[0], "2")  # as the paper of the old school says
    assert total(school) == 5
    month_absences.fill_blanks(school.actor("math"), school.classes["9A"], FIRST[1], now=NOW)
    assert row_of(school).cells[f"{FIRST[1]}-excused"].value is None, "zeros are not put where nobody was"


def test_semester_one_at_another_school_is_a_total_only(school: Cast):
    came(school, date(2027, 2, 1), first_semester=2)
    with pytest.raises(WrongState, match="trường khác"):
        save(school, FIRST[0], "1")
    assert row_of(school).cells[f"{FIRST[0]}-excused"].state == "elsewhere"
    homeroom.save_field(
        school.actor("math"), school.enrollments["9A", BINH], "absences_excused_1", "4", expected_version=0, op_id=None, now=NOW
    )  # fmt: skip
    save(school, "2-2027-02", "3")
    assert row_of(school).year == 7


def test_a_pupil_near_45_is_told_before_the_year_is_whole(school: Cast):
    for key, raw in zip(FIRST[:2], ("20", "16"), strict=True):
        save(school, key, raw)
    assert [(row.full_name, row.nearness) for row in page_of(school).near] == [(BINH, Nearness.NEAR)]
    save(school, FIRST[1], "26", version=1)
    assert row_of(school).nearness is Nearness.OVER
