"""Lists of trusted issuers, installed by file; test roots in a sample school only."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import test_authority
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, audit_verify, trust_roots
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.databases import Outside

PEM = serialization.Encoding.PEM
LATER = NOW + timedelta(hours=1)


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


def pem_of(root_pem: bytes, lists: tuple[bytes, ...]) -> bytes:
    return root_pem + b"".join(x509.load_der_x509_crl(der).public_bytes(PEM) for der in lists)


def test_an_older_list_takes_nobodys_revocation_back(
    school: Cast, issuers: tuple[TestAuthority, TestAuthority]
) -> None:
    make_real()
    ours, other = issuers
    officer = school.actor("it_officer")
    _key, chain = ours.issue("Đoàn Thị Hải Yến", now=NOW)
    old = ours.crls(NOW - timedelta(days=2))
    ours.revoke(chain[0], NOW - timedelta(days=1))
    new = ours.crls(NOW)
    trust_roots.add_trust_list(officer, pem_of(ours.root_pem, old), NOW)
    assert not trust_roots.is_revoked(chain, NOW)
    trust_roots.add_trust_list(officer, pem_of(ours.root_pem, new), NOW)
    assert trust_roots.is_revoked(chain, NOW)
    for data in (
        pem_of(ours.root_pem, old),
        pem_of(other.root_pem, old),  # beside another root
    ):
        with pytest.raises(Invalid, match="cũ hơn"):
            trust_roots.add_trust_list(officer, data, NOW)
    root_only = pem_of(ours.root_pem, new[1:])
    strangers = pem_of(ours.root_pem, other.crls(NOW))  # same name, another key
    for data in (root_only, strangers):
        trust_roots.add_trust_list(officer, data, NOW)
        assert trust_roots.is_revoked(chain, NOW)
    for root in list(trust_roots.list_roots()):
        trust_roots.remove_trust_root(officer, root.id, NOW)
    trust_roots.add_trust_list(officer, ours.root_pem, NOW)
    assert trust_roots.is_revoked(chain, NOW), "who was revoked stays so"
    with pytest.raises(Invalid, match="tương lai"):
        trust_roots.add_trust_list(officer, pem_of(ours.root_pem, ours.crls(NOW + timedelta(days=40))), NOW)
    assert audit_verify.verify().ok


def test_a_list_of_a_made_up_issuer_in_the_file_takes_no_list_away(
    school: Cast, issuers: tuple[TestAuthority, TestAuthority]
) -> None:
    """A file with the true root, a certificate of the issuer's name over another key, and a newer list without the revocation by that key."""
    make_real()
    ours, officer = issuers[0], school.actor("it_officer")
    _key, chain = ours.issue("Đoàn Thị Hải Yến", now=NOW)
    ours.revoke(chain[0], NOW - timedelta(days=1))
    trust_roots.add_trust_list(officer, pem_of(ours.root_pem, ours.crls(NOW)), NOW)
    key, name = ec.generate_private_key(ec.SECP256R1()), ours.issuing.subject
    start, end, at = NOW - timedelta(days=1), NOW + timedelta(days=30), LATER.replace(microsecond=0)
    forged = test_authority._certificate(name, ours.root.subject, key, key, start, end, ca=0)
    newer = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name)
        .last_update(at)
        .next_update(end)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ours.issuing_key.public_key()), critical=False
        )
        .add_extension(x509.CRLNumber(int(at.timestamp())), critical=False)
        .sign(key, hashes.SHA256())
    )
    data = ours.root_pem + forged.public_bytes(PEM) + newer.public_bytes(PEM)
    trust_roots.add_trust_list(officer, data, LATER)
    assert trust_roots.is_revoked(chain, LATER)
    honest = ours.crls(LATER + timedelta(hours=1))
    data = ours.root_pem + ours.issuing.public_bytes(PEM) + pem_of(b"", honest)
    trust_roots.add_trust_list(officer, data, LATER + timedelta(hours=1))
    held = trust_roots.trusted_crls()
    assert set(honest) <= set(held) and len(held) == 3, (
        "the true ones went for their successors, the other stays beside"
    )


def test_the_entry_names_the_lists_and_one_that_is_not_the_logged_one_is_noticed(
    school: Cast, issuers: tuple[TestAuthority, TestAuthority]
) -> None:
    make_real()
    ours = issuers[0]
    _key, chain = ours.issue("Đoàn Thị Hải Yến", now=NOW)
    old = ours.crls(NOW - timedelta(days=2))
    ours.revoke(chain[0], NOW - timedelta(days=1))
    new = ours.crls(NOW)
    trust_roots.add_trust_list(school.actor("it_officer"), pem_of(ours.root_pem, new), NOW)
    entry = db.session.query(m.AuditEntry).filter_by(tag="trust_root:record:added").one()
    told = json.loads(entry.payload)
    (digest,) = {row["crl_digest"] for row in told["state"]["trust_root"].values()}
    assert len(digest) == 64
    lists = told["facts"]["lists"]
    assert [one["digest"] for one in lists] == [hashlib.sha256(der).hexdigest() for der in new]
    assert all(one["number"] and one["this_update"] == NOW.isoformat(timespec="seconds") for one in lists)
    assert audit_verify.verify().ok

    (row_id,) = told["state"]["trust_root"]
    kept = db.session.get(m.TrustRoot, int(row_id)).crl_pem
    older = "".join(x509.load_der_x509_crl(der).public_bytes(PEM).decode() for der in old)
    for put in (None, older, kept + older):
        db.session.remove()
        with Outside() as outside:
            outside.execute("UPDATE trust_root SET crl_pem = ?", (put,))
        (fault,) = audit_verify.verify().faults
        assert (fault.table, fault.kind) == ("trust_root", "value") and "crl_digest" in fault.message
        for ask in (trust_roots.trusted_crls, lambda: trust_roots.is_revoked(chain, NOW)):
            with pytest.raises(IntegrityFault, match="danh sách thu hồi"):
                ask()
        with pytest.raises(IntegrityFault, match="danh sách thu hồi"):  # no entry vouches for it
            trust_roots.add_trust_list(school.actor("it_officer"), pem_of(ours.root_pem, ours.crls(LATER)), LATER)
    trust_roots.add_trust_list(
        school.actor("it_officer"), pem_of(ours.root_pem, new), NOW
    )  # the file of before mends it
    assert trust_roots.is_revoked(chain, NOW) and audit_verify.verify().ok
