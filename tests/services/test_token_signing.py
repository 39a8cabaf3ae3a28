"""A class signed where keys lie on tokens: registered, one login a batch, mixed with keys in software, and what goes wrong."""

from __future__ import annotations

import dataclasses
import multiprocessing
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from flask import current_app
from sqlalchemy import select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.documents.token_session import LastTry
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, WrongState
from hocbaso.services import (
    audit_verify,
    certificate_register,
    certificates,
    document_pool,
    key_devices,
    signing,
    stored_documents,
    test_school_keys,
    token_register,
    token_requests,
    trust_roots,
)
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
)
from tests.services.test_transcripts import records
from tests.soft_token import PIN, SoftToken, make_token

LATER = NOW + timedelta(minutes=30)
PRINCIPAL = "Đoàn Thị Hải Yến"


def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **more: bool) -> SoftToken:
    token = make_token(tmp_path / "hsm", monkeypatch, **more)
    token.wish("")
    config = current_app.config["HOCBASO"]
    current_app.config["HOCBASO"] = dataclasses.replace(
        config, extra={"pkcs11": {"vgca": {"module": token.driver, "words": "Token Ban Cơ yếu"}}}
    )
    return token


def authority() -> TestAuthority:
    return test_school_keys._authority(NOW)


def device(token: SoftToken) -> str:
    return f"vgca/{token.serial}/{token.label}"


def issuing_pem() -> bytes:
    return authority().dump()["issuing.pem"]


def register(cast: Cast, token: SoftToken, who: str = "principal", **more: object) -> int:
    return token_register.register_token(
        cast.actor(who), device(token), more.pop("pin", PIN), NOW, intermediates=issuing_pem(), **more
    )


def sign(cast: Cast, person: str, role: str, **more: object) -> m.SigningBatch:
    return signing.sign_class(cast.actor(person), cast.classes["9A"], role, more.pop("pin", PIN), LATER, **more)


def outcomes(batch: m.SigningBatch) -> list[str]:
    return [item.outcome for item in batch.items]


@pytest.fixture
def token(built: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    return plug_in(tmp_path, monkeypatch)


@pytest.fixture
def bad(built: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    return plug_in(tmp_path, monkeypatch, bad=True)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_class_is_signed_where_the_principals_key_is_on_a_token(built: Cast, token: SoftToken, kind: str) -> None:
    token.new_key(kind, authority(), PRINCIPAL, now=NOW)
    assert [seen.token.label for seen in key_devices.plugged_in()[0]] == [token.label]
    register(built, token)
    assert outcomes(sign(built, "math", "homeroom", pin=test_school_keys.DEMO_PIN)) == ["done"] * 3
    batch = sign(built, "principal", "principal")
    assert outcomes(batch) == ["done"] * 3, [item.reason for item in batch.items]
    assert outcomes(sign(built, "clerk", "seal", pin=test_school_keys.DEMO_PIN)) == ["done"] * 3
    (view,) = [
        row for row in certificate_register.own_certificates(built.actor("principal"), NOW) if not row.retired_at
    ]
    assert view.key_kind == "pkcs11" and token.label in view.key_words
    roots, crls = trust_roots.trusted_roots(), trust_roots.trusted_crls()
    for row in records():
        assert row.state == "PUBLISHED"
        for digest in (row.pdf_digest, row.xml_digest):
            report = document_pool.verify(
                stored_documents.read(digest), roots, crls, NOW + timedelta(days=1), timeout=60
            )
            assert report.ok, report.reasons
            assert [s.signer_name for s in report.signatures] == ["Trịnh Thu Hà", PRINCIPAL, "Trường THCS Đồng Sen"]
    report = audit_verify.verify()
    assert report.ok, report.faults


def test_all_three_keys_on_one_token_and_one_login_a_batch(built: Cast, bad: SoftToken) -> None:
    for who, name in (("math", "Trịnh Thu Hà"), ("principal", PRINCIPAL)):
        bad.new_key("ec", authority(), name, now=NOW)
        register(built, bad, who)
    name = "Trường THCS Đồng Sen"
    bad.new_key("ec", authority(), name, now=NOW, organisation=name)
    register(built, bad, "clerk", purpose="seal", replace=True)
    assert certificates.current_certificate(None).is_test, "what a test root issues says so"
    for who, role in (("math", "homeroom"), ("principal", "principal"), ("clerk", "seal")):
        (bad.folder / "wish.calls").unlink(missing_ok=True)
        assert outcomes(sign(built, who, role)) == ["done"] * 3
        assert (bad.calls("login"), bad.calls("sign")) == (1, 6)  # three pupils, a PDF and an XML each


def test_a_wrong_pin_is_counted_here_and_told_with_the_tokens_words(built: Cast, token: SoftToken) -> None:
    token.new_key("ec", authority(), PRINCIPAL, now=NOW)
    register(built, token)
    sign(built, "math", "homeroom", pin=test_school_keys.DEMO_PIN)
    with pytest.raises(NotAllowed, match=r"Chưa ký bản nào.*còn 4 lần thử"):
        sign(built, "principal", "principal", pin="000111")
    with pytest.raises(NotAllowed, match=r"còn ít lần thử.*còn 3 lần thử"):
        sign(built, "principal", "principal", pin="000111")
    assert outcomes(sign(built, "principal", "principal")) == ["done"] * 3
    assert certificates.current_certificate(built.people["principal"]).n_wrong_pins == 0
    n = db.session.query(m.AuditEntry).where(m.AuditEntry.tag == "certificate:pin:refused").count()
    assert n == 2


def test_the_last_try_is_neither_used_nor_counted_unless_said(built: Cast, bad: SoftToken) -> None:
    bad.new_key("ec", authority(), PRINCIPAL, now=NOW)
    register(built, bad)
    sign(built, "math", "homeroom", pin=test_school_keys.DEMO_PIN)
    bad.wish("final")
    (bad.folder / "wish.calls").unlink()
    with pytest.raises(LastTry, match="chỉ còn một lần thử"):
        sign(built, "principal", "principal", pin="000111")
    assert bad.calls("login") == 0
    assert certificates.current_certificate(built.people["principal"]).n_wrong_pins == 0
    assert outcomes(sign(built, "principal", "principal", last_try=True)) == ["done"] * 3


@pytest.mark.slow
@pytest.mark.parametrize(("wish", "words"), [("removed", "bị rút ra"), ("crash", "dừng đột ngột")])
def test_a_token_that_fails_in_the_middle_signs_the_rest_later(
    built: Cast, bad: SoftToken, wish: str, words: str
) -> None:
    bad.new_key("ec", authority(), PRINCIPAL, now=NOW)
    register(built, bad)
    sign(built, "math", "homeroom", pin=test_school_keys.DEMO_PIN)
    bad.wish(wish)
    batch = sign(built, "principal", "principal")
    assert outcomes(batch) == ["failed"] * 3 and words in batch.items[0].reason
    assert {row.state for row in records()} == {"HOMEROOM_SIGNED"}
    bad.wish("")
    assert outcomes(sign(built, "principal", "principal")) == ["done"] * 3
    assert audit_verify.verify().ok


@pytest.mark.slow
def test_a_batch_that_is_cut_off_goes_on_and_signs_nothing_twice(built: Cast, bad: SoftToken) -> None:
    class PowerCut(BaseException):
        pass

    def cut() -> None:
        raise PowerCut

    bad.new_key("ec", authority(), PRINCIPAL, now=NOW)
    register(built, bad)
    sign(built, "math", "homeroom", pin=test_school_keys.DEMO_PIN)
    children = {child.pid for child in multiprocessing.active_children() if child.name == "token"}
    with pytest.raises(PowerCut):
        sign(built, "principal", "principal", on_item=cut)
    assert {child.pid for child in multiprocessing.active_children() if child.name == "token"} == children
    assert sorted(row.state for row in records()) == ["HOMEROOM_SIGNED"] * 2 + ["PRINCIPAL_SIGNED"]
    batch = sign(built, "principal", "principal")
    assert outcomes(batch) == ["done"] * 3 and {row.state for row in records()} == {"PRINCIPAL_SIGNED"}
    assert all(len(row.signatures) == 2 for row in records())
    assert audit_verify.verify().ok


def test_a_token_that_is_not_plugged_in_counts_nothing(
    built: Cast, token: SoftToken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token.new_key("ec", authority(), PRINCIPAL, now=NOW)
    register(built, token)
    sign(built, "math", "homeroom", pin=test_school_keys.DEMO_PIN)
    make_token(tmp_path / "another", monkeypatch, label="Token khác")
    with pytest.raises(WrongState, match="Không thấy thiết bị"):
        sign(built, "principal", "principal")
    assert certificates.current_certificate(built.people["principal"]).n_wrong_pins == 0
    assert db.session.query(m.SigningBatch).where(m.SigningBatch.step == "principal").count() == 0


def test_nobody_tries_a_pin_on_anothers_token(built: Cast, bad: SoftToken) -> None:
    bad.new_key("ec", authority(), PRINCIPAL, now=NOW)
    (bad.folder / "wish.calls").unlink()
    with pytest.raises(Invalid, match="chưa thử mã PIN"):
        register(built, bad, "math", pin="000111")
    assert bad.calls("login") == 0
    for value in ("", "vgca", "../../tmp/x.so/1/2", f"khac/{bad.serial}/{bad.label}", "vgca/1/2"):
        with pytest.raises(WrongState):
            token_register.register_token(built.actor("principal"), value, PIN, NOW)


def test_a_wrong_pin_at_registering_is_logged(built: Cast, token: SoftToken) -> None:
    token.new_key("ec", authority(), PRINCIPAL, now=NOW)
    with pytest.raises(NotAllowed, match="không đúng"):
        register(built, token, pin="000111")
    entry = db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.tag == "certificate:pin:refused")).one()
    assert entry.target_id == token.serial


def test_from_a_request_to_a_signed_class(built: Cast, token: SoftToken) -> None:
    actor = built.actor("principal")
    pem = token_requests.make_request(actor, device(token), PIN, "rsa", NOW)
    request = x509.load_pem_x509_csr(pem)
    assert request.is_signature_valid and request.public_key().key_size == 3072
    assert [str(one.value) for one in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [PRINCIPAL]
    chain = authority().certify(request.public_key(), PRINCIPAL, now=NOW)
    with pytest.raises(Invalid, match="không phải của khoá nào"):
        token_requests.put_certificate(actor, device(token), PIN, authority().issue("x", now=NOW)[1][0])
    token_requests.put_certificate(actor, device(token), PIN, chain[0])
    register(built, token)
    sign(built, "math", "homeroom", pin=test_school_keys.DEMO_PIN)
    assert outcomes(sign(built, "principal", "principal")) == ["done"] * 3
    assert audit_verify.verify().ok
    with pytest.raises(NotAllowed):
        token_requests.make_request(actor, device(token), PIN, "rsa", NOW, purpose="seal")


def test_an_unknown_issuer_or_an_expired_one_on_the_token_is_told(built: Cast, token: SoftToken) -> None:
    token.new_key("ec", TestAuthority.create(NOW), PRINCIPAL, now=NOW)
    token.new_key("ec", authority(), PRINCIPAL, now=NOW, days=1, starts_at=NOW - timedelta(days=5))
    with pytest.raises(Invalid, match="không có chứng thư nào dùng được") as refusal:
        register(built, token)
    assert any("tin cậy" in line for line in refusal.value.details)
    assert any("hiệu lực" in line for line in refusal.value.details)


def test_a_place_written_by_another_program_signs_nothing(built: Cast, token: SoftToken) -> None:
    token.new_key("ec", authority(), PRINCIPAL, now=NOW)
    row = register(built, token)
    sign(built, "math", "homeroom", pin=test_school_keys.DEMO_PIN)
    place = certificates.current_certificate(built.people["principal"]).key_place
    with write_transaction() as session:
        session.execute(update(m.Certificate).where(m.Certificate.id == row).values(key_place=place + " "))
    with pytest.raises(IntegrityFault, match="sửa ngoài phần mềm"):
        sign(built, "principal", "principal")
