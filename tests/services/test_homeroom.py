"""What the homeroom teacher keeps: one field at a time, who may, what is refused, and finalising the class."""

from __future__ import annotations

import json
import threading

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import DomainError, Incomplete, Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.terms import Promotion
from hocbaso.services import audit_verify, class_moves, class_page, homeroom, log_replay, results
from hocbaso.services.homeroom import StandingField
from tests.cast import NOW, Cast
from tests.services.full_class import class_row, fill_homeroom, fill_scores, finalised, last_entry, lock_class, seen_of

BINH = "Hoàng Thanh Bình"
CHAU = "Nguyễn Bảo Châu"


def save(cast: Cast, who: str, field: str, raw: str, version: int = 0, student: str = BINH, op: str | None = None):
    return homeroom.save_field(
        cast.actor(who), cast.enrollments["9A", student], field, raw, expected_version=version, op_id=op, now=NOW
    )


@pytest.mark.parametrize(
    ("field", "raw", "stored"),
    [
        ("conduct_1", "tốt", "T"),
        ("conduct_2", "CĐ", "CĐ"),
        ("conduct_1", "d", "Đ"),
        ("absences_excused_1", "0", 0),
        ("absences_unexcused_2", " 12 ", 12),
        ("remark", "Ngoan.\r\nChăm.", "Ngoan.\nChăm."),
        ("award_extra", "", None),
        ("competitions", "Giải Nhì Toán cấp xã", "Giải Nhì Toán cấp xã"),
    ],
)
def test_what_is_typed_is_stored(field: str, raw: str, stored: object):
    assert homeroom.read_value(field, raw) == stored


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        ("conduct_1", "giỏi"),
        ("absences_excused_1", "-1"),
        ("absences_excused_1", "1,5"),
        ("absences_excused_1", "401"),
        ("absences_excused_1", "٣"),
        ("remark", "x" * 2001),
        ("remark", "a\x00b"),
        ("certificates_grade", "y" * 101),
    ],
)
def test_what_cannot_be_read_is_refused(field: str, raw: str):
    with pytest.raises(Invalid):
        homeroom.read_value(field, raw)


def test_a_field_is_saved_alone_with_its_entry(school: Cast):
    saved = save(school, "math", "conduct_1", "Khá")
    assert (saved.field.value, saved.field.version, saved.written) == ("K", 1, True)
    entry = last_entry("homeroom:record:changed")
    payload = json.loads(entry.payload)
    assert payload["before"] == {"conduct_1": None}
    assert payload["facts"] == {"class": "9A", "field": "rèn luyện học kì I", "student": BINH}
    assert audit_verify.verify().faults == []


def test_the_year_follows_from_both_semesters_by_the_table_of_16(school: Cast):
    save(school, "math", "conduct_1", "Khá")
    assert save(school, "math", "conduct_2", "Tốt", 1).conduct_year == "Tốt"
    assert save(school, "math", "conduct_1", "CĐ", 1).conduct_year == "Khá"


def test_the_same_value_again_writes_nothing(school: Cast):
    save(school, "math", "remark", "Ngoan.")
    n = db.session.scalar(select(m.AuditEntry.seq).order_by(m.AuditEntry.seq.desc()).limit(1))
    assert save(school, "math", "remark", "Ngoan.").written is False
    assert db.session.scalar(select(m.AuditEntry.seq).order_by(m.AuditEntry.seq.desc()).limit(1)) == n


def test_the_same_operation_again_writes_nothing(school: Cast):
    save(school, "math", "remark", "Ngoan.", op="op-00000001")
    again = save(school, "math", "remark", "Ngoan.", op="op-00000001")
    assert (again.written, again.field.version) == (False, 1)


def test_two_fields_of_one_student_do_not_collide(school: Cast):
    save(school, "math", "conduct_1", "T")
    assert save(school, "math", "remark", "Chăm.", version=0).written


def test_a_field_changed_by_another_is_not_overwritten_and_both_values_are_shown(school: Cast):
    save(school, "math", "remark", "Chăm.")
    save(school, "math", "remark", "Chăm và ngoan.", version=1)
    with pytest.raises(Stale) as stale:
        save(school, "math", "remark", "Lười.", version=1)
    standing = stale.value.current
    assert isinstance(standing, StandingField)
    assert (standing.field.text, standing.yours, standing.by_name) == ("Chăm và ngoan.", "Lười.", "Trịnh Thu Hà")
    assert save(school, "math", "remark", "Lười.", version=standing.field.version).written


def test_two_tablets_at_once_leave_one_value_and_one_refusal(school: Cast, school_app):
    save(school, "math", "remark", "Đầu.")
    db.session.remove()
    outcomes: list[str] = []

    def write(text: str) -> None:
        with school_app.app_context():
            try:
                save(school, "math", "remark", text, version=1)
                outcomes.append("written")
            except Stale:
                outcomes.append("stale")

    threads = [threading.Thread(target=write, args=(text,)) for text in ("Một.", "Hai.")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["stale", "written"]


@pytest.mark.parametrize(
    ("who", "error"),
    [
        ("principal", NotAllowed),
        ("vice_principal", NotAllowed),
        ("head_society", NotFound),
        ("other", NotFound),
        ("clerk", NotFound),
        ("it_officer", NotFound),
        ("board", NotFound),
        ("outsider", NotFound),
    ],
)
def test_only_the_homeroom_teacher_writes(school: Cast, who: str, error: type[Exception]):
    with pytest.raises(error):
        save(school, who, "conduct_1", "T")
    assert db.session.scalar(select(m.HomeroomRecord)) is None


@pytest.mark.parametrize("who", ["head_society", "other", "clerk", "it_officer", "board", "outsider"])
def test_a_class_outside_ones_work_does_not_exist(school: Cast, who: str):
    with pytest.raises(NotFound):
        class_page.class_page(school.actor(who), school.classes["9A"], NOW)


def test_a_student_who_left_takes_no_more_values(school: Cast):
    enrollment = db.session.get(m.Enrollment, school.enrollments["9A", BINH])
    with db.engine.begin() as connection:
        connection.execute(
            m.Enrollment.__table__.update().where(m.Enrollment.id == enrollment.id).values(status="left")
        )
    with pytest.raises(WrongState):
        save(school, "math", "conduct_1", "T")


def test_unknown_fields_and_keys_are_refused(school: Cast):
    with pytest.raises(NotFound):
        save(school, "math", "conduct_year", "T")
    with pytest.raises(Invalid):
        save(school, "math", "conduct_1", "T", op="x")
    with pytest.raises(NotFound):
        homeroom.save_field(school.actor("math"), 99999, "conduct_1", "T", expected_version=0, op_id=None, now=NOW)


def test_finalising_lists_every_gap_with_its_link_and_holder(school: Cast):
    fill_scores(school, "9A")
    with pytest.raises(Incomplete) as incomplete:
        class_moves.finalise(
            school.actor("math"), school.classes["9A"], seen=seen_of(school.classes["9A"]), expected_version=1, now=NOW
        )
    gaps = incomplete.value.gaps
    assert sum(gap.kind == "sheet" for gap in gaps) == 24
    assert any(
        gap.words == "Ngữ văn học kì II: đang ở Phan Thị Mận, chưa nộp"
        and gap.link == f"/bang-diem/{school.sheets['9A', 'LIT', 2]}"
        for gap in gaps
    )
    assert sum(gap.kind == "field" for gap in gaps) == 5 * 7
    assert class_row(school, "9A").state == "OPEN"


def test_one_empty_remark_blocks(school: Cast):
    fill_scores(school, "9A")
    lock_class(school, "9A")
    fill_homeroom(school, "9A", {CHAU: {"remark": ""}})
    with pytest.raises(Incomplete) as incomplete:
        class_moves.finalise(
            school.actor("math"), school.classes["9A"], seen=seen_of(school.classes["9A"]), expected_version=1, now=NOW
        )
    assert [gap.words for gap in incomplete.value.gaps] == [f"{CHAU}: thiếu nhận xét"]
    assert incomplete.value.gaps[0].link.endswith(f"#o-{school.enrollments['9A', CHAU]}-remark")


def test_a_finalised_class_takes_no_values_until_reopened(school: Cast):
    row = finalised(school)
    with pytest.raises(WrongState):
        save(school, "math", "remark", "Khác.", version=1)
    with pytest.raises(NotAllowed):
        class_moves.reopen(school.actor("principal"), row.id, expected_version=row.version, now=NOW)
    class_moves.reopen(school.actor("math"), row.id, expected_version=row.version, now=NOW)
    assert save(school, "math", "remark", "Khác.", version=1).written


def test_finalising_twice_or_from_an_old_page_is_refused(school: Cast):
    row = finalised(school)
    seen = row.version
    with pytest.raises(WrongState):
        class_moves.finalise(school.actor("math"), row.id, seen=seen_of(row.id), expected_version=seen, now=NOW)
    class_moves.reopen(school.actor("math"), row.id, expected_version=seen, now=NOW)
    with pytest.raises(Stale):
        class_moves.finalise(school.actor("math"), row.id, seen=seen_of(row.id), expected_version=seen, now=NOW)


@pytest.mark.parametrize(
    ("who", "error"), [("principal", NotAllowed), ("head_society", NotFound), ("it_officer", NotFound)]
)
def test_only_the_homeroom_teacher_finalises(school: Cast, who: str, error: type[DomainError]):
    with pytest.raises(error):
        class_moves.finalise(
            school.actor(who), school.classes["9A"], seen=seen_of(school.classes["9A"]), expected_version=1, now=NOW
        )


def test_the_summer_lists(school: Cast):
    names = [BINH, CHAU, "Trần Khánh Chi", "Đỗ Mạnh Cường", "Đinh Công Thành"]
    weak = {(names[0], code): 30 for code in ("LIT", "MATH")}
    fill_scores(school, "9A", {**weak, (names[0], "PE"): "CĐ"})
    lock_class(school, "9A")
    fill_homeroom(
        school, "9A", {names[1]: {"conduct_1": "CĐ", "conduct_2": "CĐ"}, names[2]: {"absences_excused_1": 46}}
    )
    page = class_page.class_page(school.actor("math"), school.classes["9A"], NOW)
    assert [(line.row.full_name, line.subjects) for line in page.to_reassess] == [
        (names[0], ("Ngữ văn", "Toán", "Giáo dục thể chất"))
    ]
    assert [line.row.full_name for line in page.to_train] == [names[1]]
    assert [row.full_name for row in page.retained] == [names[2]]
    assert {row.full_name for row in page.promoted} == set(names[3:])
    assert all(row.promotion is Promotion.COMPLETED for row in page.promoted)
    assert page.gaps == ()


def test_the_computed_class_is_fresh_after_each_save(school: Cast):
    before = results.compute_class(school.classes["9A"], NOW.date())
    assert results.compute_class(school.classes["9A"], NOW.date()) is before
    save(school, "math", "conduct_1", "T")
    after = results.compute_class(school.classes["9A"], NOW.date())
    assert after.by_id[school.enrollments["9A", BINH]].given.homeroom["conduct_1"] == "T"


def test_single_and_bulk_writes_in_either_order_leave_no_fault(school: Cast):
    save(school, "math", "remark", "Một.")
    fill_homeroom(school, "9A")
    assert log_replay.audit_faults_of_class(school.classes["9A"]) == []
    save(school, "math", "remark", "Hai.", version=2)
    assert log_replay.audit_faults_of_class(school.classes["9A"]) == []


def test_a_class_of_other_people_cannot_be_written_in_bulk(school: Cast):
    with pytest.raises(NotFound):
        homeroom.save_class(
            school.actor("math"), school.classes["9A"], {school.enrollments["6A", "Trần Bảo An"]: {}}, now=NOW
        )
    with pytest.raises(NotAllowed):
        homeroom.save_class(school.actor("principal"), school.classes["9A"], {}, now=NOW)
