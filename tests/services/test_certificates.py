"""Registering certificates: whose, under which root, for what; and what may be seen of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.errors import Invalid, NotAllowed, NotFound
from hocbaso.services import audit_verify, certificate_register, certificates, signing_secret, trust_roots
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast

PASSWORD, PIN = "mật khẩu tệp", "90817263"


def p12(authority: TestAuthority, name: str, **more: object) -> bytes:
    key, chain = authority.issue(name, now=NOW, **more)
    certs = [x509.load_der_x509_certificate(der) for der in chain]
    return pkcs12.serialize_key_and_certificates(
        b"khoa", key, certs[0], certs[1:], BestAvailableEncryption(PASSWORD.encode())
    )


@pytest.fixture
def authority(school: Cast) -> TestAuthority:
    made = TestAuthority.create(NOW)
    trust_roots.add_trust_root(school.actor("it_officer"), made.root_pem, NOW)
    return made


def test_a_signer_registers_their_own_certificate(school: Cast, authority: TestAuthority) -> None:
    actor = school.actor("principal")
    certificate_register.register_pkcs12(
        actor, p12(authority, "Đoàn Thị Hải Yến", personal_id="036180000000"), PASSWORD, PIN, NOW
    )
    (mine,) = certificate_register.own_certificates(actor, NOW)
    assert (mine.owner, mine.state, mine.purpose) == ("Đoàn Thị Hải Yến", "good", "personal")
    assert certificates.open_key(actor, school.people["principal"], PIN, NOW).fingerprint == mine.fingerprint
    assert audit_verify.verify().ok


def test_a_new_certificate_retires_the_old_one_and_keeps_its_key_for_now(
    school: Cast, authority: TestAuthority
) -> None:
    actor = school.actor("principal")
    for _ in range(2):
        certificate_register.register_pkcs12(actor, p12(authority, "Đoàn Thị Hải Yến"), PASSWORD, PIN, NOW)
    rows = certificate_register.own_certificates(actor, NOW)
    assert [(row.state, row.keeps_key) for row in rows] == [("good", False), ("retired", True)]


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("Trịnh Thu Hà", {}, "không phải “Đoàn Thị Hải Yến”"),
        ("Đoàn Thị Hải Yến", {"personal_id": "036180000999"}, "Số định danh"),
        ("Đoàn Thị Hải Yến", {"days": 1, "starts_at": NOW - timedelta(days=9)}, "hiệu lực"),
    ],
)
def test_anothers_or_an_expired_certificate_is_refused(
    school: Cast, authority: TestAuthority, name: str, more: dict, words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        certificate_register.register_pkcs12(
            school.actor("principal"), p12(authority, name, **more), PASSWORD, PIN, NOW
        )


def test_a_certificate_of_an_unknown_issuer_is_refused(school: Cast, authority: TestAuthority) -> None:
    stranger = TestAuthority.create(NOW)
    with pytest.raises(Invalid, match="tin cậy"):
        certificate_register.register_pkcs12(
            school.actor("principal"), p12(stranger, "Đoàn Thị Hải Yến"), PASSWORD, PIN, NOW
        )


def test_wrong_file_password_and_easy_pin_are_refused(school: Cast, authority: TestAuthority) -> None:
    data = p12(authority, "Đoàn Thị Hải Yến")
    for password, pin in (("sai", PIN), (PASSWORD, "123456"), (PASSWORD, "111111"), (PASSWORD, "9081")):
        with pytest.raises(Invalid):
            certificate_register.register_pkcs12(school.actor("principal"), data, password, pin, NOW)


def test_only_the_clerk_brings_the_seal_and_only_the_it_officer_the_roots(
    school: Cast, authority: TestAuthority
) -> None:
    seal = p12(authority, "Trường THCS Đồng Sen", organisation="Trường THCS Đồng Sen")
    with pytest.raises(NotAllowed):
        certificate_register.register_pkcs12(school.actor("principal"), seal, PASSWORD, PIN, NOW, purpose="seal")
    certificate_register.register_pkcs12(school.actor("clerk"), seal, PASSWORD, PIN, NOW, purpose="seal")
    assert certificates.current_certificate(None) is not None
    with pytest.raises(NotAllowed):
        trust_roots.add_trust_root(school.actor("principal"), authority.root_pem, NOW)
    with pytest.raises(NotAllowed):
        certificate_register.register_pkcs12(school.actor("it_officer"), seal, PASSWORD, PIN, NOW)


def test_a_person_s_certificate_is_not_registered_as_the_seal(school: Cast, authority: TestAuthority) -> None:
    """Not her own, though it names the school as her organisation: her PIN would then be the seal's, and the true seal's key gone."""
    clerk = db.session.get(m.Person, school.people["clerk"])
    for more in ({"personal_id": "036184007777"}, {}):
        own = p12(authority, clerk.full_name, organisation="Trường THCS Đồng Sen", **more)
        with pytest.raises(Invalid, match="con dấu"):
            certificate_register.register_pkcs12(school.actor("clerk"), own, PASSWORD, PIN, NOW, purpose="seal")
    assert certificates.current_certificate(None) is None


def test_what_is_no_root_is_not_trusted(school: Cast, authority: TestAuthority) -> None:
    for pem in (
        authority.dump()["issuing.pem"],
        b"khong phai",
        TestAuthority.create(NOW - timedelta(days=9000)).root_pem,
    ):
        with pytest.raises(Invalid):
            trust_roots.add_trust_root(SYSTEM, pem, NOW)


def test_the_list_warns_of_what_ends(school: Cast, authority: TestAuthority) -> None:
    certificate_register.register_pkcs12(
        school.actor("principal"), p12(authority, "Đoàn Thị Hải Yến", days=20), PASSWORD, PIN, NOW
    )
    (row,) = certificate_register.list_certificates(school.actor("it_officer"), NOW)
    assert row.state == "ending" and row.days_left == 20, "as the calendar and every deadline count"
    assert row.warn_days == 30
    (later,) = certificate_register.list_certificates(school.actor("it_officer"), NOW + timedelta(days=30))
    assert later.state == "expired"
    (ended,) = certificate_register.list_certificates(school.actor("it_officer"), row.not_after + timedelta(minutes=1))
    assert (ended.state, ended.days_left, ended.warn_days) == ("expired", 0, None)
    with pytest.raises(NotAllowed):
        certificate_register.list_certificates(school.actor("principal"), NOW)
    with pytest.raises(NotFound):
        certificate_register.retire(school.actor("math"), row.id, NOW)


def test_the_secret_of_the_server_lies_beside_the_database_and_only_its_owner_reads_it(school: Cast) -> None:
    from flask import current_app

    secret = signing_secret.server_secret()
    path = current_app.config["HOCBASO"].keys / "signing_secret"
    assert len(secret) == 32 and path.stat().st_mode & 0o777 == 0o600 and signing_secret.server_secret() == secret
