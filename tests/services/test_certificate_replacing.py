"""A wrong upload costs nothing: whose it is is asked before anything ends, a seal is replaced only on purpose, and the old key is
kept until the new one has signed. A certificate that its issuer revoked is neither registered, shown as good, opened nor rehearsed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import revocation_lists, signers
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.services import (
    audit_verify,
    certificate_register,
    certificate_standing,
    certificates,
    rehearsal_checks,
    signing,
    test_school_keys,
    trust_roots,
)
from hocbaso.services.certificate_register import ReplacesSeal
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
)
from tests.services.test_certificates import PASSWORD, p12

SCHOOL, PRINCIPAL, PIN = "Trường THCS Đồng Sen", "Đoàn Thị Hải Yến", "90817263"
LATER = NOW + timedelta(days=1)
DEMO_PIN = test_school_keys.DEMO_PIN


@pytest.fixture
def authority(built: Cast) -> TestAuthority:
    return test_school_keys._authority(NOW)


def state_of(certificate_id: int, now=LATER) -> str:
    return certificates.view_of(db.session.get(m.Certificate, certificate_id, populate_existing=True), now).state


def register_seal(cast: Cast, authority: TestAuthority, name: str = SCHOOL, **more) -> int:
    replace = more.pop("replace", False)
    data = p12(authority, name, organisation=SCHOOL, **more)
    return certificate_register.register_pkcs12(
        cast.actor("clerk"), data, PASSWORD, PIN, LATER, purpose="seal", replace=replace
    )


def sign_up_to_the_seal(cast: Cast) -> None:
    for role, who in (("homeroom", "math"), ("principal", "principal")):
        signing.sign_class(cast.actor(who), cast.classes["9A"], role, DEMO_PIN, LATER)


def test_the_clerks_own_certificate_does_not_end_the_seal(built: Cast, authority: TestAuthority) -> None:
    before = certificates.current_certificate(None)
    clerk = db.session.get(m.Person, built.people["clerk"])
    for replace in (False, True):
        with pytest.raises(Invalid, match="con dấu"):
            register_seal(built, authority, clerk.full_name, personal_id="036184007777", replace=replace)
    with pytest.raises(ReplacesSeal, match="Thay con dấu đang dùng"):
        register_seal(built, authority)
    still = certificates.current_certificate(None)
    assert still.id == before.id and still.key_envelope is not None and still.retired_at is None
    sign_up_to_the_seal(built)
    batch = signing.sign_class(built.actor("clerk"), built.classes["9A"], "seal", DEMO_PIN, LATER)
    assert {item.outcome for item in batch.items} == {"done"}


def test_a_replaced_seal_can_be_taken_back_until_the_new_one_has_signed(built: Cast, authority: TestAuthority) -> None:
    clerk = built.actor("clerk")
    old = certificates.current_certificate(None).id
    new = register_seal(built, authority, replace=True)
    view = certificate_register.one(clerk, old, LATER)
    assert (view.state, view.keeps_key) == ("retired", True)
    for nobody in ("math", "principal", "it_officer"):
        with pytest.raises(NotFound):
            certificate_register.reinstate(built.actor(nobody), old, LATER)
    certificate_register.reinstate(clerk, old, LATER)
    assert certificates.current_certificate(None).id == old
    with pytest.raises(WrongState):
        certificate_register.reinstate(clerk, old, LATER)
    certificates.open_key(clerk, None, DEMO_PIN, LATER).close()
    certificate_register.reinstate(clerk, new, LATER)  # and once more the other way
    sign_up_to_the_seal(built)
    assert certificate_register.one(clerk, old, LATER).keeps_key, (
        "a principal's signature does not end the seal's old key"
    )
    signing.sign_class(clerk, built.classes["9A"], "seal", PIN, LATER)
    assert not certificate_register.one(clerk, old, LATER).keeps_key
    with pytest.raises(WrongState, match="không còn giữ"):
        certificate_register.reinstate(clerk, old, LATER)
    assert audit_verify.verify().ok


def test_a_kept_key_is_destroyed_by_its_owner_with_the_pin(built: Cast, authority: TestAuthority) -> None:
    clerk = built.actor("clerk")
    old = certificates.current_certificate(None).id
    with pytest.raises(WrongState):
        certificate_register.destroy_key(clerk, old, DEMO_PIN, LATER)  # in use
    register_seal(built, authority, replace=True)
    for nobody in ("math", "principal", "it_officer"):
        with pytest.raises(NotFound):
            certificate_register.destroy_key(built.actor(nobody), old, DEMO_PIN, LATER)
    with pytest.raises(NotAllowed, match=r"Chưa xoá gì\. Còn 4 lần thử"):
        certificate_register.destroy_key(clerk, old, "99999999", LATER)
    assert certificate_register.one(clerk, old, LATER).keeps_key
    certificate_register.destroy_key(clerk, old, DEMO_PIN, LATER)
    assert db.session.get(m.Certificate, old, populate_existing=True).key_envelope is None
    assert audit_verify.verify().ok


@pytest.mark.parametrize("how", ["stop", "revoke"])
def test_the_it_officer_alone_ends_no_key(built: Cast, how: str) -> None:
    it_officer, principal = built.actor("it_officer"), built.actor("principal")
    key = certificates.current_certificate(built.people["principal"]).id
    if how == "stop":
        certificate_register.retire(it_officer, key, LATER)
    else:
        certificate_standing.revoke(it_officer, key, "Nghi lộ khoá", LATER)
    with pytest.raises(WrongState, match="Chưa có chứng thư"):
        certificates.open_key(principal, built.people["principal"], DEMO_PIN, LATER)
    with pytest.raises(NotFound):
        certificate_register.reinstate(it_officer, key, LATER)
    if how == "revoke":
        with pytest.raises(WrongState, match="người thứ hai"):
            certificate_register.reinstate(principal, key, LATER)
        certificate_standing.lift_revocation(built.actor("vice_principal"), key, "Đã tìm thấy máy", LATER)
    certificate_register.reinstate(principal, key, LATER)
    certificates.open_key(principal, built.people["principal"], DEMO_PIN, LATER).close()
    assert certificate_register.one(principal, key, LATER).state == "good" and audit_verify.verify().ok


def test_a_revocation_that_the_it_officer_wrote_down_takes_two_to_lift(built: Cast) -> None:
    it_officer, principal, deputy = (built.actor(who) for who in ("it_officer", "principal", "vice_principal"))
    key = certificates.current_certificate(built.people["principal"]).id
    with pytest.raises(NotFound):
        certificate_standing.lift_revocation(deputy, key, "chưa có gì để gỡ", LATER)
    certificate_standing.revoke(it_officer, key, "Mất điện thoại, lộ mã PIN", LATER)
    assert [row.id for row in certificate_standing.liftable(deputy, LATER)] == [key]
    assert certificate_standing.liftable(principal, LATER) == []
    for nobody, refusal in ((principal, NotAllowed), (it_officer, NotAllowed), (built.actor("math"), NotAllowed)):
        with pytest.raises(refusal):
            certificate_standing.lift_revocation(nobody, key, "Tôi đồng ý", LATER)
    with pytest.raises(Invalid, match="lí do"):
        certificate_standing.lift_revocation(deputy, key, "  ", LATER)
    certificate_standing.lift_revocation(deputy, key, "Đã tìm thấy máy, PIN không lộ", LATER)
    # It signs nothing yet: its owner takes it up again.
    assert state_of(key) == "retired" and certificate_standing.liftable(deputy, LATER) == []
    with pytest.raises(WrongState, match="Chưa có chứng thư"):
        certificates.open_key(principal, built.people["principal"], DEMO_PIN, LATER)
    certificate_register.reinstate(principal, key, LATER)
    told = [(step.what, step.note) for step in certificate_standing.history(principal, key)]
    assert [note for _what, note in told][:3] == ["", "Đã tìm thấy máy, PIN không lộ", "Mất điện thoại, lộ mã PIN"]
    assert told == [(step.what, step.note) for step in certificate_standing.history(it_officer, key)]
    with pytest.raises(NotFound):
        certificate_standing.history(built.actor("math"), key)
    assert audit_verify.verify().ok


@pytest.mark.parametrize("who", ["it_officer", "principal"])
def test_a_key_on_a_token_is_given_up_by_its_owner_alone(built: Cast, authority: TestAuthority, who: str) -> None:
    """Nothing of it lies here that could be kept; what the IT officer wrote down is lifted, and the token is registered again."""
    principal, deputy = built.actor("principal"), built.actor("vice_principal")
    person = db.session.get_one(m.Person, built.people["principal"])
    _key, chain = authority.issue(PRINCIPAL, now=NOW, personal_id=person.personal_id_number)

    def register() -> int:
        place = {"label": "SoftHSM", "serial": "1"}
        return certificate_register.store(principal, chain, person, LATER, key_kind="desk", place=place)

    token = register()
    certificate_standing.revoke(built.actor(who), token, "Mất thiết bị", LATER)
    with pytest.raises(WrongState, match="đã bị thu hồi"):
        register()
    if who == "principal":
        assert certificate_standing.liftable(deputy, LATER) == []
        with pytest.raises(NotFound):
            certificate_standing.lift_revocation(deputy, token, "Nhầm", LATER)
        return
    assert [row.id for row in certificate_standing.liftable(deputy, LATER)] == [token]
    certificate_standing.lift_revocation(deputy, token, "Thiết bị vẫn ở két", LATER)
    assert register() == token and state_of(token) == "good" and audit_verify.verify().ok


def test_the_principal_lifts_the_seals_revocation_and_not_the_clerk(built: Cast) -> None:
    seal = certificates.current_certificate(None).id
    certificate_standing.revoke(built.actor("it_officer"), seal, "Nghi lộ khoá", LATER)
    with pytest.raises(WrongState, match="người thứ hai"):
        certificate_register.reinstate(built.actor("clerk"), seal, LATER)
    with pytest.raises(NotAllowed):
        certificate_standing.lift_revocation(built.actor("clerk"), seal, "Nhầm", LATER)
    certificate_standing.lift_revocation(built.actor("principal"), seal, "Nhầm", LATER)
    certificate_register.reinstate(built.actor("clerk"), seal, LATER)
    assert state_of(seal) == "good"


def test_a_certificate_that_its_issuer_revoked_is_of_no_use(built: Cast, authority: TestAuthority) -> None:
    it_officer, principal = built.actor("it_officer"), built.actor("principal")
    row = certificates.current_certificate(built.people["principal"])
    authority.revoke(certificates.chain_of(row)[0], NOW)
    trust_roots.add_trust_root(it_officer, authority.root_pem, NOW, is_test=True, crls=authority.crls(NOW))
    assert state_of(row.id) == "cancelled"
    with pytest.raises(WrongState, match="Nơi cấp đã thu hồi"):
        certificates.open_key(principal, row.person_id, DEMO_PIN, LATER)
    assert certificates.current_certificate(row.person_id).n_wrong_pins == 0
    with pytest.raises(WrongState, match="Nơi cấp đã thu hồi"):
        certificates.require_standing(row.id, signing.SignatureRole.PRINCIPAL, LATER)
    year = db.session.get(m.SchoolYear, built.year_id)
    assert [
        one for one in rehearsal_checks.check(year, LATER, ()) if "đã thu hồi chứng thư" in one.words and one.blocks
    ]
    with pytest.raises(WrongState, match="Nơi cấp đã thu hồi"):
        signing.sign_class(principal, built.classes["9A"], "principal", DEMO_PIN, LATER)
    _key, chain = authority.issue(PRINCIPAL, now=NOW)
    authority.revoke(chain[0], NOW)
    trust_roots.add_trust_root(it_officer, authority.root_pem, LATER, is_test=True, crls=authority.crls(LATER))
    with pytest.raises(Invalid, match="đã thu hồi"):
        certificate_register.store(
            principal, chain, db.session.get(m.Person, built.people["principal"]), LATER, key_kind="desk",
            place={"serial": "S", "label": "L", "key_id": "01"},
        )  # fmt: skip
    # A list that somebody else signed revokes nobody.
    other = TestAuthority.create(NOW)
    seal = certificates.chain_of(certificates.current_certificate(None))
    other.revoke(seal[0], NOW)
    forged = other.crls(LATER)
    assert not revocation_lists.is_revoked(seal, trust_roots.trusted_roots(), forged, LATER)


def test_the_web_process_never_holds_a_private_key(built: Cast, authority: TestAuthority, monkeypatch) -> None:
    """Registering, signing and changing the PIN open the key in a worker; a wrong PIN is counted as ever."""

    def here(*args: object, **more: object) -> None:
        raise AssertionError("a private key was opened in this process")

    data = p12(authority, SCHOOL, organisation=SCHOOL)
    monkeypatch.setattr(signers.SoftwareKeySigner, "from_envelope", here)
    monkeypatch.setattr(signers, "import_pkcs12", here)
    monkeypatch.setattr(signers, "seal_key", here)
    clerk = built.actor("clerk")
    row = certificate_register.register_pkcs12(clerk, data, PASSWORD, PIN, LATER, purpose="seal", replace=True)
    for wrong in (PASSWORD + "x", ""):
        with pytest.raises(Invalid, match="mật khẩu"):
            certificate_register.register_pkcs12(clerk, data, wrong, PIN, LATER, purpose="seal", replace=True)
    with pytest.raises(Invalid, match="ngày"):
        certificate_register.register_pkcs12(clerk, data, PASSWORD, "15081975", LATER, purpose="seal", replace=True)
    sign_up_to_the_seal(built)
    with pytest.raises(NotAllowed, match="Còn 4 lần"):
        certificates.open_key(clerk, None, "90817264", LATER)
    with pytest.raises(NotAllowed, match=r"Mã PIN đang dùng không đúng\. Còn 3 lần"):
        certificates.change_pin(clerk, row, "90817264", "48151623", LATER)
    with pytest.raises(Invalid):
        certificates.change_pin(clerk, row, PIN, "12121212", LATER)
    for nobody in ("math", "it_officer"):
        with pytest.raises(NotFound):
            certificates.change_pin(built.actor(nobody), row, PIN, "48151623", LATER)
    certificates.change_pin(clerk, row, PIN, "48151623", LATER)
    with pytest.raises(NotAllowed):
        certificates.open_key(clerk, None, PIN, LATER)
    batch = signing.sign_class(clerk, built.classes["9A"], "seal", "48151623", LATER)
    assert {item.outcome for item in batch.items} == {"done"}
    assert audit_verify.verify().ok
