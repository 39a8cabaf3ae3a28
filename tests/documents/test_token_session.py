"""Keys on a token, on a real SoftHSM2: made there, used once a signature, and a device that misbehaves says so in words."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path

import pytest

from hocbaso.documents import cms, issuing, pades, token_session, xml_record, xml_signature
from hocbaso.documents.sign_request import SignRequest, embed, prepare
from hocbaso.documents.signers import SoftwareKeySigner
from hocbaso.documents.token_session import LastTry, TokenSession
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, Unavailable, WrongState
from tests.soft_token import DRIVER, PIN, SoftToken, make_token

from .conftest import NOW, PEOPLE, World


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    return make_token(tmp_path / "hsm", monkeypatch)


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    return make_token(tmp_path / "hsm", monkeypatch, bad=True)


def unsigned(world: World) -> tuple[bytes, bytes]:
    return world.unsigned, xml_record.assemble(xml_record.build_data_zone(world.content))


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_key_is_made_on_the_token_and_signs_many_in_one_session(token: SoftToken, world: World, kind: str) -> None:
    key_id, chain = token.new_key(kind, world.authority, "Trịnh Thu Hà", now=NOW)
    messages = [f"hồ sơ {n}".encode() for n in range(25)]
    with token.session() as session:
        (found,) = session.certified_keys()
        assert (found.key_id, found.chain) == (key_id, chain[:1])
        signatures = session.sign(key_id, chain[0], messages)
    key = cms.load_certificate(chain[0]).public_key()
    for message, signature in zip(messages, signatures, strict=True):
        assert cms.verify_digest(key, hashlib.sha256(message).digest(), signature)
    assert cms.key_kind(chain[0]) == kind


def test_the_driver_never_comes_into_this_process(token: SoftToken) -> None:
    with token.session() as session:
        maps = Path(f"/proc/{session.pid}/maps").read_text()
    assert "libsofthsm2" in maps
    assert "libsofthsm2" not in Path("/proc/self/maps").read_text() and "pkcs11" not in sys.modules


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_whole_step_is_signed_in_two_halves(token: SoftToken, world: World, kind: str) -> None:
    role = "homeroom"
    key_id, chain = token.new_key(kind, world.authority, PEOPLE[role][0], now=NOW)
    pdf, xml = unsigned(world)
    request = SignRequest(
        pdf=pdf, xml=xml, role=role, chain=chain, at=NOW, signer_name=PEOPLE[role][0], place="Đồng Sen",
        roots=tuple(world.roots), crls=world.authority.crls(NOW), expected=((role, hashlib.sha256(chain[0]).hexdigest()),), demo_mark=True,
    )  # fmt: skip
    ready = prepare(request)
    with token.session() as session:
        signatures = tuple(session.sign(key_id, chain[0], ready.messages))
    done = embed(request, ready, signatures)
    assert done.pdf.startswith(pdf) and done.pdf_report["ok"] and done.xml_report["ok"]
    with pytest.raises(IntegrityFault, match="Nơi giữ khoá"):
        embed(request, ready, (signatures[1], signatures[0]))


def test_signing_in_two_halves_gives_the_bytes_of_signing_at_once(world: World) -> None:
    pdf, xml = unsigned(world)
    signer = SoftwareKeySigner(*world.authority.issue("Trịnh Thu Hà", now=NOW, kind="rsa"))
    mark = world.mark("homeroom")
    ready = issuing.prepare_step(pdf, xml, "homeroom", signer.chain, at=NOW, mark=mark)
    signatures = tuple(signer.sign_digest(hashlib.sha256(message).digest()) for message in ready.messages)
    halves = issuing.embed_step(
        pdf,
        xml,
        "homeroom",
        signer.chain,
        ready,
        signatures,
        at=NOW,
        roots=tuple(world.roots),
        crls=world.authority.crls(NOW),
    )
    assert halves.pdf == pades.sign_pdf(pdf, "homeroom", signer, at=NOW, mark=mark)
    assert halves.xml == xml_signature.sign_xml(xml, "homeroom", signer, at=NOW)


def test_a_wrong_pin_is_said_and_the_token_is_asked_how_many_are_left(token: SoftToken) -> None:
    with TokenSession(token.driver) as session:
        with pytest.raises(NotAllowed, match="không đúng"):
            session.log_in(token.serial, token.label, "000111")
        with pytest.raises(NotAllowed, match="còn ít lần thử"):  # SoftHSM shows COUNT_LOW after a wrong one
            session.log_in(token.serial, token.label, "000222")
        session.log_in(token.serial, token.label, PIN)
        assert session.certified_keys() == []


def test_the_last_try_is_used_only_by_who_says_so(bad: SoftToken) -> None:
    bad.wish("final")
    with TokenSession(bad.driver) as session:
        with pytest.raises(LastTry, match="chỉ còn một lần thử"):
            session.log_in(bad.serial, bad.label, "000111")
        assert bad.calls("login") == 0
        with pytest.raises(NotAllowed, match="sai lần nữa thì thiết bị khoá"):
            session.log_in(bad.serial, bad.label, "000111", last_try=True)
        assert bad.calls("login") == 1
        session.log_in(bad.serial, bad.label, PIN, last_try=True)


def test_a_locked_token_is_not_tried_at_all(bad: SoftToken) -> None:
    bad.wish("locked")
    with TokenSession(bad.driver) as session, pytest.raises(WrongState, match="Nơi cấp thiết bị"):
        session.log_in(bad.serial, bad.label, PIN, last_try=True)
    assert bad.calls("login") == 0


def test_one_login_and_one_key_operation_a_signature(bad: SoftToken, world: World) -> None:
    bad.wish("")
    key_id, chain = bad.new_key("ec", world.authority, "Trịnh Thu Hà", now=NOW)
    (bad.folder / "wish.calls").unlink()
    with bad.session() as session:
        session.sign(key_id, chain[0], [b"a", b"b", b"c"])
    assert (bad.calls("login"), bad.calls("sign")) == (1, 3)


def test_a_token_that_must_hash_itself_signs_too(bad: SoftToken, world: World) -> None:
    bad.wish("noraw")
    key_id, chain = bad.new_key("rsa", world.authority, "Trịnh Thu Hà", now=NOW)
    with bad.session() as session:
        (signature,) = session.sign(key_id, chain[0], [b"x" * 300])
    key = cms.load_certificate(chain[0]).public_key()
    assert cms.verify_digest(key, hashlib.sha256(b"x" * 300).digest(), signature)


@pytest.mark.parametrize(
    ("wish", "words"), [("crash", "dừng đột ngột"), ("hang", "không trả lời"), ("removed", "bị rút ra")]
)
def test_a_driver_that_misbehaves_is_a_sentence(
    bad: SoftToken, world: World, monkeypatch: pytest.MonkeyPatch, wish: str, words: str
) -> None:
    bad.wish("")
    key_id, chain = bad.new_key("ec", world.authority, "Trịnh Thu Hà", now=NOW)
    monkeypatch.setattr(token_session, "ANSWER_SECONDS", 3.0)
    monkeypatch.setattr(token_session, "SIGN_SECONDS", 0.1)
    with bad.session() as session:
        bad.wish(wish)
        with pytest.raises(Unavailable, match=words):
            session.sign(key_id, chain[0], [b"a"])
        pid = session.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_killed_child_is_a_sentence_and_the_next_session_works(token: SoftToken) -> None:
    session = token.session()
    os.kill(session.pid, signal.SIGSEGV)
    with pytest.raises(Unavailable, match="dừng đột ngột"):
        session.certified_keys()
    with pytest.raises(Unavailable):
        session.certified_keys()
    session.close()
    with token.session() as again:
        assert again.certified_keys() == []


def test_what_is_no_driver_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.so").write_bytes(b"khong phai thu vien")
    for module in (str(tmp_path / "x.so"), str(tmp_path / "none.so"), "libsofthsm2.so", "/usr/bin/env"):
        with pytest.raises(Unavailable, match="phần mềm điều khiển"):
            TokenSession(module)


def test_a_token_that_is_not_there_is_said(token: SoftToken) -> None:
    with TokenSession(DRIVER) as session:
        for serial, label in ((token.serial, "Token khác"), ("0000", token.label)):
            with pytest.raises(WrongState, match="Không thấy thiết bị"):
                session.log_in(serial, label, PIN)
        with pytest.raises(WrongState, match="Chưa đăng nhập"):
            session.certified_keys()


def test_a_certificate_beside_another_key_is_not_its_owner(token: SoftToken, world: World) -> None:
    first, _ = token.new_key("ec", world.authority, "Trịnh Thu Hà", now=NOW)
    _, others = world.authority.issue("Người khác", now=NOW)
    with token.session() as session, pytest.raises(Invalid, match="không phải của khoá"):
        session.put_certificate(others[0])
    with token.session() as session:
        assert [key.key_id for key in session.certified_keys()] == [first]
        with pytest.raises(WrongState, match="không còn khoá"):
            session.sign("ab" * 16, others[0], [b"x"])
