"""A database edited with another program: no transcript is built, signed or published from what the log does not tell."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import IntegrityFault
from hocbaso.services import (
    audit_verify,
    class_approval,
    signing,
    test_school_keys,
    transcript_building,
    transcript_moves,
    untouched,
)
from tests.cast import NOW, Cast
from tests.databases import Outside
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    STAY,
    approved_fixture,
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.full_class import finalised, seen_of

OF_9A = "(SELECT id FROM class_group WHERE name = '9A')"
MATH_9A = (
    "(SELECT cs.id FROM class_subject cs JOIN subject s ON s.id = cs.subject_id "
    f"WHERE s.code = 'MATH' AND cs.class_group_id = {OF_9A})"
)


def tamper(statement: str, **values: object) -> None:
    """Another program writes into the file: no foreign keys, no audit entry."""
    db.session.remove()
    outside = Outside()
    assert outside.execute(statement, values).rowcount > 0
    outside.close()


FORGERIES = [
    (
        f"UPDATE homeroom_assignment SET person_id = (SELECT id FROM person WHERE staff_code = 'GV009') "
        f"WHERE class_group_id = {OF_9A}",
        ("Phân công chủ nhiệm", "bảng homeroom_assignment", "người được giao", "nhật ký ghi", "đang có"),
    ),
    (f"DELETE FROM homeroom_assignment WHERE class_group_id = {OF_9A}", ("Phân công chủ nhiệm", "đang có không có gì")),
    (
        "INSERT INTO homeroom_assignment (person_id, class_group_id, starts_on) "
        f"SELECT id, {OF_9A}, '2027-05-01' FROM person WHERE staff_code = 'GV009'",
        ("Phân công chủ nhiệm (Cao Xuân Nghĩa)", "nhật ký ghi không có gì"),
    ),
    (
        f"UPDATE homeroom_assignment SET class_group_id = (SELECT id FROM class_group WHERE name = '6A') "
        f"WHERE class_group_id = {OF_9A}",
        ("Phân công chủ nhiệm", "lớp", "nhật ký ghi"),
    ),
    (
        "UPDATE role_grant SET person_id = (SELECT id FROM person WHERE staff_code = 'GV002') WHERE role = 'principal'",
        ("Vai trò được giao", "bảng role_grant", "người được giao"),
    ),
    ("UPDATE role_grant SET role = 'principal' WHERE role = 'vice_principal'", ("Vai trò được giao", "principal")),
    ("DELETE FROM role_grant WHERE role = 'clerk'", ("Vai trò được giao", "đang có không có gì")),
    (
        f"UPDATE teaching_assignment SET person_id = (SELECT id FROM person WHERE staff_code = 'GV009') "
        f"WHERE class_subject_id = {MATH_9A}",
        ("Phân công giảng dạy", "bảng teaching_assignment", "người được giao"),
    ),
    (
        f"UPDATE class_subject SET lessons_per_year = 35 WHERE id = {MATH_9A}",
        ("Môn của lớp", "số tiết cả năm", "nhật ký ghi 140", "đang có 35"),
    ),
    (
        "UPDATE person SET full_name = 'Kẻ Khác' WHERE staff_code = 'GV007'",
        ("Hồ sơ cán bộ", "Trịnh Thu Hà", "Kẻ Khác"),
    ),
    (
        "UPDATE person SET personal_id_number = '001080000001' WHERE staff_code = 'GV001'",
        ("Hồ sơ cán bộ (Đoàn Thị Hải Yến)", "001080000001"),
    ),
    (
        "UPDATE person SET full_name = 'Kẻ Khác' WHERE staff_code = 'GV008'",
        ("Hồ sơ cán bộ", "Tô Vĩnh Phát", "Kẻ Khác"),
    ),
    ("UPDATE school SET name = 'Trường Khác'", ("Thông tin của trường", "tên", "Trường THCS Đồng Sen", "Trường Khác")),
    ("UPDATE school_year SET label = '2024-2025'", ("Năm học", "tên năm học", "2026-2027", "2024-2025")),
    ("UPDATE class_group SET name = '9C' WHERE name = '9A'", ("Lớp", "tên", "nhật ký ghi 9A", "đang có 9C")),
    ("UPDATE subject SET transcript_name = 'Toán cao cấp' WHERE code = 'MATH'", ("Môn học", "Toán cao cấp")),
    (
        "UPDATE enrollment SET status = 'left' WHERE id = (SELECT e.id FROM enrollment e JOIN student s "
        "ON s.id = e.student_id WHERE s.full_name = 'Nguyễn Bảo Châu')",
        ("Việc học trong lớp", "tình trạng", "nhật ký ghi studying", "đang có left"),
    ),
    ("UPDATE score_cell_version SET by_account_id = 3", ("Lần ghi trước của ô số", "có người ghi khác nhật ký")),
]


@pytest.mark.parametrize(("statement", "words"), FORGERIES)
def test_what_a_transcript_is_made_from_stops_building_when_it_is_not_what_the_log_says(
    approved: Cast, statement: str, words: tuple[str, ...]
) -> None:
    class_id = approved.classes["9A"]
    tamper(statement)
    with pytest.raises(IntegrityFault) as refused:
        transcript_building.build_class(
            approved.actor("clerk") if "'clerk'" not in statement else _system(), class_id, NOW
        )
    assert all(part in refused.value.message for part in words), refused.value.message
    assert not db.session.scalars(select(m.TranscriptRecord)).all()
    assert any(fault.table is not None for fault in audit_verify.verify().faults)


def _system():
    from hocbaso.services.access import SYSTEM

    return SYSTEM


@pytest.mark.parametrize(("statement", "words"), [FORGERIES[index] for index in (0, 4, 7, 8, 9, 12, 13)])
def test_the_same_stops_a_signature(built: Cast, statement: str, words: tuple[str, ...]) -> None:
    tamper(statement)
    with pytest.raises(IntegrityFault) as refused:
        signing.sign_class(_system(), built.classes["9A"], "homeroom", test_school_keys.DEMO_PIN, NOW)
    assert all(part in refused.value.message for part in words), refused.value.message
    assert not db.session.scalars(select(m.TranscriptSignature)).all()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "UPDATE account SET person_id = (SELECT id FROM person WHERE staff_code = 'GV007') WHERE username = 'gv009'",
            ("Tài khoản", "người được giao"),
        ),
        (
            "UPDATE certificate SET person_id = (SELECT id FROM person WHERE staff_code = 'GV009') WHERE person_id = "
            "(SELECT id FROM person WHERE staff_code = 'GV007')",
            ("Chứng thư số", "người được giao"),
        ),
    ],
)
def test_an_account_or_certificate_given_to_somebody_else_in_the_database_does_not_sign(
    built: Cast, statement: str, words: tuple[str, ...]
) -> None:
    certificate = db.session.scalar(select(m.Certificate).where(m.Certificate.person_id == built.people["math"]))
    account = built.accounts["outsider"]
    with_key = certificate.id
    if "account" in statement:  # the table holds one account a person: the true one steps aside
        tamper("UPDATE account SET person_id = 999 WHERE username = 'gv007'")
    tamper(statement)
    with pytest.raises(IntegrityFault) as refused:
        untouched.require_signer_untouched(account, with_key)
    assert all(part in refused.value.message for part in words), refused.value.message


def test_an_untouched_class_passes(issued: Cast) -> None:
    untouched.require_untouched(issued.classes["9A"])
    untouched.require_untouched(issued.classes["6A"])


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (f"UPDATE class_subject SET lessons_per_year = 35 WHERE id = {MATH_9A}", "số tiết cả năm"),
        ("UPDATE class_step SET note = 'Đã xem kĩ'", r"bước chuyển số.*\(Đã xem kĩ\)"),
    ],
)
def test_a_class_is_not_approved_over_an_edited_number_of_lessons_or_note(
    school: Cast, statement: str, words: str
) -> None:
    row = finalised(school)
    tamper(statement)
    with pytest.raises(IntegrityFault, match=words):
        class_approval.approve_class(
            school.actor("principal"), row.id, seen=seen_of(row.id), expected_version=row.version, now=NOW
        )


def test_a_score_altered_after_the_seal_stops_publishing(built: Cast) -> None:
    class_id = built.classes["9A"]
    for index, (role, key) in enumerate((("homeroom", "math"), ("principal", "principal"), ("seal", "clerk"))):
        signing.sign_class(
            built.actor(key),
            class_id,
            role,
            test_school_keys.DEMO_PIN,
            NOW + timedelta(hours=index),
            publish_on_seal=False,
        )
    tamper(
        "UPDATE score_cell SET tenths = 100 WHERE tenths = 45 AND enrollment_id = :who",
        who=built.enrollments["9A", STAY[1]],
    )
    with pytest.raises(IntegrityFault) as refused:
        transcript_moves.publish_class(built.actor("principal"), class_id, NOW + timedelta(hours=5))
    assert "Nguyễn Bảo Châu" in refused.value.message and "4,5" in refused.value.message
    assert not db.session.scalars(select(m.TranscriptRecord).where(m.TranscriptRecord.published_at.is_not(None))).all()
