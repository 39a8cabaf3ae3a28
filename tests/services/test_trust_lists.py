"""Lists of trusted issuers, installed by file; test roots in a sample school only."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import test_authority
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.errors import Invalid, NotAllowed
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, trust_roots
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast

PEM = serialization.Encoding.PEM


@pytest.fixture
def issuers(monkeypatch: pytest.MonkeyPatch) -> tuple[TestAuthority, TestAuthority]:
    """Two issuers whose certificates do not call themselves test ones, as the country's do not."""
    monkeypatch.setattr(test_authority, "NOTICE", "Trung tâm Chứng thực điện tử quốc gia")
    return TestAuthority.create(NOW), TestAuthority.create(NOW)


def make_real() -> None:
    """A school that is no sample."""
    with write_transaction() as session:
        school = session.get(m.School, 1)
        school.is_demo = False
        session.flush()
        audit.record(
            AuditTag.SCHOOL_CHANGED, SYSTEM, NOW, target_kind="school", target_id=1,
            state=audit.states("school", [school]), facts={},
        )  # fmt: skip


def lists_of(authority: TestAuthority) -> bytes:
    return b"".join(x509.load_der_x509_crl(der).public_bytes(PEM) for der in authority.crls(NOW))


def test_a_file_with_several_roots_and_their_lists_is_installed_whole(
    school: Cast, issuers: tuple[TestAuthority, TestAuthority]
) -> None:
    make_real()
    first, second = issuers
    data = (
        b"# NEAC\n"
        + first.root_pem
        + lists_of(first)
        + first.issuing.public_bytes(PEM)
        + second.root_pem
        + first.root_pem
    )
    added, read = trust_roots.add_trust_list(school.actor("it_officer"), data, NOW, kind="national")
    assert [view.kind for view in added] == ["national", "national"] and len(read.crls) == 2
    assert len(trust_roots.trusted_roots()) == 2 and len(trust_roots.trusted_crls()) == 2
    assert len(read.left_out) == 1 and "không tự ký" in read.left_out[0], "an issuer below a root is no root"
    again, _ = trust_roots.add_trust_list(school.actor("it_officer"), data, NOW + timedelta(days=1), kind="national")
    assert again == added
    told = [
        json.loads(row.payload)["facts"]["kind"]
        for row in db.session.query(m.AuditEntry).filter_by(tag="trust_root:record:added")
    ]
    assert told == ["national", "national"]


def test_der_is_read_too_and_the_kind_can_be_put_right(
    school: Cast, issuers: tuple[TestAuthority, TestAuthority]
) -> None:
    der = issuers[0].root.public_bytes(serialization.Encoding.DER)
    trust_roots.add_trust_list(school.actor("it_officer"), der, NOW)
    assert [view.kind for view in trust_roots.list_roots()] == ["other"]
    trust_roots.add_trust_list(school.actor("it_officer"), der, NOW, kind="government")
    trust_roots.add_trust_list(school.actor("it_officer"), der, NOW)
    assert [view.kind for view in trust_roots.list_roots()] == ["government"]


def test_files_without_a_root_are_refused(school: Cast, issuers: tuple[TestAuthority, TestAuthority]) -> None:
    actor = school.actor("it_officer")
    for data in (
        b"", b"x", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", issuers[0].issuing.public_bytes(PEM),
        lists_of(issuers[0]), issuers[0].root_pem[:200], b"-----BEGIN CERTIFICATE-----\n" * 5000,
    ):  # fmt: skip
        with pytest.raises(Invalid):
            trust_roots.add_trust_list(actor, data, NOW)
    with pytest.raises(Invalid, match="Loại"):
        trust_roots.add_trust_list(actor, issuers[0].root_pem, NOW, kind="mine")
    with pytest.raises(NotAllowed):
        trust_roots.add_trust_list(school.actor("principal"), issuers[0].root_pem, NOW)
    assert trust_roots.list_roots() == []


def test_a_test_root_is_believed_in_a_sample_school_only(school: Cast) -> None:
    test = TestAuthority.create(NOW)
    trust_roots.add_trust_root(SYSTEM, test.root_pem, NOW, is_test=True)
    assert len(trust_roots.trusted_roots()) == 1
    make_real()
    assert trust_roots.trusted_roots() == [] and trust_roots.trusted_crls() == [] and trust_roots.list_roots() == []
    for is_test in (True, False):
        with pytest.raises(Invalid, match="thử nghiệm"):
            trust_roots.add_trust_root(SYSTEM, TestAuthority.create(NOW).root_pem, NOW, is_test=is_test)
