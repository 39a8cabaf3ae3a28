"""Names in certificates: a Vietnamese name is as long as its letters, not as its bytes."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from hocbaso.documents.certificate_parts import named
from hocbaso.documents.test_authority import TestAuthority

LONG = "Trường Trung học cơ sở Phổ thông dân tộc bán trú Nguyễn Thị Minh Khai"


def test_forty_letters_with_marks_stand_whole_in_a_certificate():
    name = "Công Tằng Tôn Nữ Thị Phượng Hồng Ánh Nguyệt Quỳnh Nguyễn"
    assert len(name.encode()) > 64 > len(name)
    assert named(NameOID.COMMON_NAME, name).value == name


def test_a_name_is_cut_at_64_letters():
    assert named(NameOID.ORGANIZATION_NAME, LONG).value == LONG[:64]


def test_a_key_for_a_long_school_and_person_can_be_made_and_read():
    now = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    _, chain = TestAuthority.create(now).issue(LONG[:60], organisation=LONG, now=now)
    read = x509.load_der_x509_certificate(chain[0])
    assert read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == LONG[:60]
