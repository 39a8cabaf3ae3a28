"""Keys at rest, order of signing, and certificates that may not sign."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from hocbaso.documents import cms, issuing, pades, signers, xml_record
from hocbaso.documents.signers import (
    KeyEnvelope,
    SoftwareKeySigner,
    check_pin,
    import_pkcs12,
    imported,
)
from hocbaso.documents.test_authority import NOTICE, TestAuthority
from hocbaso.documents.time_stamps import TimeAuthority
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, Unavailable, WrongState

from .conftest import NOW, PEOPLE, World

SECRET = b"s" * 32
PIN = "20481739"


def bundle(key: object, leaf: bytes, others: tuple[bytes, ...] = (), password: bytes = b"mat-khau") -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"x", key, x509.load_der_x509_certificate(leaf), [x509.load_der_x509_certificate(o) for o in others],  # type: ignore[arg-type]
        serialization.BestAvailableEncryption(password),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_pkcs12_file_comes_in_and_signs(world: World, kind: str) -> None:
    key, chain = world.authority.issue("Trịnh Thu Hà", now=NOW, kind=kind)
    taken = import_pkcs12(
        bundle(key, chain[0], chain[1:]), "mat-khau", owner="gv-7", pin=PIN, server_secret=SECRET, now=NOW
    )
    assert taken.chain == chain and NOTICE[:20] in taken.subject
    signer = SoftwareKeySigner.from_envelope(taken.envelope, taken.chain, PIN, SECRET)
    digest = b"d" * 32
    assert cms.verify_digest(key.public_key(), digest, signer.sign_digest(digest))
    secret = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert secret[-40:] not in taken.envelope.data


def test_wrong_pin_secret_owner_or_certificate_does_not_open(world: World) -> None:
    key, chain = world.authority.issue("Trịnh Thu Hà", now=NOW)
    envelope = imported(key, chain, owner="gv-7", pin=PIN, server_secret=SECRET).envelope
    other = world.signers["principal"].chain
    for args in (
        (envelope, chain, "20481738", SECRET),
        (envelope, chain, PIN, b"t" * 32),
        (KeyEnvelope(envelope.data, "gv-8", envelope.fingerprint), chain, PIN, SECRET),
        (envelope, other, PIN, SECRET),
        (KeyEnvelope(b"{}", "gv-7", envelope.fingerprint), chain, PIN, SECRET),
    ):
        with pytest.raises(NotAllowed, match="Mã PIN không đúng"):
            SoftwareKeySigner.from_envelope(*args)


@pytest.mark.parametrize(
    "pin",
    ["", "204817", "2048173", "11111111", "12345678", "87654321", "56789012", "abcdefgh", "QWERTYUI"]
    + ["12121212", "11223344", "15081508", "123123123", "10001000", "11112222"]
    + ["15081975", "19750815", "08151975", "15/08/1975", "15-08-1975", "01012000", "20000101", "15087500", "99150875"],
)
def test_an_easy_pin_is_refused(pin: str) -> None:
    with pytest.raises(Invalid):
        check_pin(pin)


@pytest.mark.parametrize("pin", ["27182818", "90817263", "20481739", "mùa xuân 75", "48151623"])
def test_a_pin_of_eight_is_taken(pin: str) -> None:
    check_pin(pin)


def test_a_key_under_an_old_short_pin_opens_and_gets_a_new_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    key, chain = world.authority.issue("Trịnh Thu Hà", now=NOW)
    with monkeypatch.context() as before:
        before.setattr(signers, "check_pin", lambda pin: None)
        old = imported(key, chain, owner="gv-7", pin="204817", server_secret=SECRET).envelope
    SoftwareKeySigner.from_envelope(old, chain, "204817", SECRET)
    for new in ("204818", "15081975"):
        with pytest.raises(Invalid):
            signers.reseal_key(old, chain, "204817", new, SECRET)
    with pytest.raises(NotAllowed):
        signers.reseal_key(old, chain, "204818", PIN, SECRET)
    new = signers.reseal_key(old, chain, "204817", PIN, SECRET)
    signer = SoftwareKeySigner.from_envelope(new, chain, PIN, SECRET)
    assert cms.verify_digest(key.public_key(), b"d" * 32, signer.sign_digest(b"d" * 32))
    with pytest.raises(NotAllowed):
        SoftwareKeySigner.from_envelope(new, chain, "204817", SECRET)


def test_a_certificate_that_may_not_sign_is_refused(world: World) -> None:
    def take(data: bytes, password: str = "mat-khau") -> None:
        import_pkcs12(data, password, owner="a", pin=PIN, server_secret=SECRET, now=NOW)

    key, chain = world.authority.issue("A", now=NOW)
    with pytest.raises(Invalid, match="mật khẩu"):
        take(bundle(key, chain[0]), "sai")
    with pytest.raises(Invalid):
        take(b"not a p12")
    old_key, old = world.authority.issue("A", now=NOW, starts_at=NOW - timedelta(days=30), days=5)
    with pytest.raises(Invalid, match="hiệu lực"):
        take(bundle(old_key, old[0]))
    from hocbaso.documents.test_authority import _certificate, _name

    for weak in (rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP384R1())):
        cert = _certificate(
            _name("A"), world.authority.issuing.subject, weak, world.authority.issuing_key, NOW, NOW + timedelta(days=9)
        )
        with pytest.raises(Invalid):
            take(bundle(weak, cert.public_bytes(serialization.Encoding.DER)))
    ca = world.authority
    with pytest.raises(Invalid):
        take(bundle(ca.issuing_key, ca.issuing.public_bytes(serialization.Encoding.DER)))


def test_order_is_kept_and_nothing_is_signed_twice(world: World) -> None:
    for pdf, role in (
        (world.unsigned, "principal"), (world.unsigned, "seal"), (world.steps[0], "homeroom"), (world.steps[0], "seal"),
        (world.steps[1], "principal"), (world.pdf, "seal"),
    ):  # fmt: skip
        with pytest.raises(WrongState):
            pades.sign_pdf(pdf, role, world.signers[role], at=NOW, mark=world.mark(role))
    from hocbaso.documents.xml_signature import sign_xml

    for xml, role in ((world.xml_steps[0], "seal"), (world.xml_steps[0], "homeroom"), (world.xml, "seal")):
        with pytest.raises(WrongState):
            sign_xml(xml, role, world.signers[role], at=NOW)
    with pytest.raises(IntegrityFault):
        pades.sign_pdf(b"%PDF-1.7\n", "homeroom", world.signers["homeroom"], at=NOW, mark=world.mark("homeroom"))


def test_each_signature_only_appends(world: World) -> None:
    before = world.unsigned
    for step in world.steps:
        assert step.startswith(before) and len(step) > len(before)
        before = step


def test_a_time_stamp_that_cannot_be_had_is_said_aloud(world: World) -> None:
    with pytest.raises(Unavailable):
        pades.sign_pdf(
            world.unsigned,
            "homeroom",
            world.signers["homeroom"],
            at=NOW,
            mark=world.mark("homeroom"),
            authority=TimeAuthority("http://127.0.0.1:9/", timeout=1, tries=1),
        )


def _sealed(world: World, name: str, owner: str) -> issuing.SealedKey:
    key, chain = world.authority.issue(name, now=NOW, organisation="Trường THCS Đồng Sen")
    return issuing.SealedKey(
        imported(key, chain, owner=owner, pin=PIN, server_secret=SECRET).envelope, chain, PIN, SECRET
    )


def test_sign_step_judges_before_it_returns(world: World) -> None:
    pdf, xml = world.unsigned, xml_record.assemble(xml_record.build_data_zone(world.content))
    roots, crls = tuple(world.roots), world.authority.crls(NOW)
    for role, (name, *_rest) in PEOPLE.items():
        done = issuing.sign_step(
            pdf, xml, role, _sealed(world, name, role), at=NOW, mark=world.mark(role), roots=roots, crls=crls
        )
        pdf, xml = done.pdf, done.xml
        assert done.pdf_report["ok"] and done.xml_report["ok"]
    assert issuing.verify_upload(pdf, roots, crls, NOW)["ok"] and issuing.verify_upload(xml, roots, crls, NOW)["ok"]
    wrong = _sealed(world, "Mai Thị Thắm", "x")
    with pytest.raises(IntegrityFault, match="Mai Thị Thắm"):
        issuing.sign_step(
            world.steps[0], world.xml_steps[0], "principal", wrong, at=NOW, mark=world.mark("principal"), roots=roots
        )
    stranger = TestAuthority.create(NOW).root_pem
    with pytest.raises(IntegrityFault):
        issuing.sign_step(
            world.steps[0], world.xml_steps[0], "principal", _sealed(world, PEOPLE["principal"][0], "y"), at=NOW,
            mark=world.mark("principal"), roots=(stranger,),
        )  # fmt: skip
    assert PIN not in repr(wrong)
    issuing.forget_keys()


def test_an_image_that_is_not_one_is_refused(world: World) -> None:
    for data in (b"<svg/>", b"\x89PNG\r\n\x1a\n" + b"0" * 50, b"x" * 3_000_000):
        with pytest.raises(Invalid):
            pades.sign_pdf(
                world.unsigned, "homeroom", world.signers["homeroom"], at=NOW, mark=pades.Mark("A", "B", data)
            )


def test_an_opened_key_is_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(issuing, "_KEEP_SECONDS", 0.05)
    issuing.forget_keys()
    xml = xml_record.assemble(xml_record.build_data_zone(world.content))
    sealed = _sealed(world, PEOPLE["homeroom"][0], "z")
    issuing.sign_step(
        world.unsigned, xml, "homeroom", sealed, at=NOW, mark=world.mark("homeroom"), roots=tuple(world.roots)
    )
    for _ in range(100):
        if issuing._open.cache_info().currsize == 0:
            return
        time.sleep(0.02)
    raise AssertionError("the key is still open")
