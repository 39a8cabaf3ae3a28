"""A class signed with a token at the signer's own computer: registered with proof, carried by one browser session, refused otherwise."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import desk_signer, instance_keys
from hocbaso.documents.signers import certificate_fingerprint
from hocbaso.documents.signing_manifest import Clerk, Errand, Paper
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.documents.token_session import TokenSession
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, NotFound, Unavailable, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import (
    audit,
    audit_verify,
    certificate_register,
    certificate_standing,
    certificates,
    desk_register,
    desk_signing,
    document_pool,
    group_batches,
    signing,
    stored_documents,
    test_school_keys,
    trust_roots,
)
from hocbaso.services import instance_keys as machine_keys
from hocbaso.services.access import SYSTEM
from hocbaso_ky import manifest
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
)
from tests.services.test_transcripts import records
from tests.soft_token import SoftToken, make_token

LATER = NOW + timedelta(minutes=30)
PRINCIPAL = "Đoàn Thị Hải Yến"
ORIGIN, HERE = "https://hocba.truong.lan:8443", "17"


class Computer:
    """What stands at the signer's desk: a token, logged in, and its certificate."""

    def __init__(self, token: SoftToken, kind: str, name: str = PRINCIPAL, **more: object) -> None:
        self.authority: TestAuthority = test_school_keys._authority(NOW)
        self.token, (self.key_id, self.chain) = token, token.new_key(kind, self.authority, name, now=NOW, **more)
        self.session: TokenSession = token.session()
        self.n_signed = 0

    def sign(self, *messages: bytes) -> list[bytes]:
        self.n_signed += len(messages)
        return self.session.sign(self.key_id, self.chain[0], messages)

    @property
    def place(self) -> dict[str, str]:
        return {"serial": self.token.serial, "label": self.token.label, "key_id": self.key_id}

    def register(self, cast: Cast, who: str = "principal", *, origin: str = ORIGIN, **more: object) -> int:
        nonce = desk_register.challenge(cast.actor(who), HERE, NOW)
        message = desk_register.proof_message(origin, nonce, certificate_fingerprint(self.chain[0]))
        return desk_register.register_desk(
            cast.actor(who),
            HERE,
            ORIGIN,
            str(more.pop("nonce", nonce)),
            self.chain[0],
            self.sign(message)[0],
            self.place,
            more.pop("now", NOW),
            shown=self.chain[1:],
            **more,
        )


@pytest.fixture
def computer(built: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Computer]:
    made = Computer(make_token(tmp_path / "hsm", monkeypatch), "ec")
    yield made
    made.session.close()


def begin(cast: Cast, person: str = "principal", role: str = "principal", session: str = HERE, **more: object) -> int:
    batch = signing.sign_class(
        cast.actor(person), cast.classes["9A"], role, "", LATER, desk=session, background=True, **more
    )
    return batch.id


def waiting(cast: Cast, batch_id: int, person: str = "principal", session: str = HERE) -> desk_signing.Errand:
    """The next errand that has a round."""
    for _ in range(600):
        found = desk_signing.errand(cast.actor(person), batch_id, session, LATER)
        db.session.rollback()
        assert found is not None, [item.reason for item in db.session.get(m.SigningBatch, batch_id).items]
        if found.round is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("nothing waits")


def bring(cast: Cast, batch_id: int, errand: desk_signing.Errand, signatures: list[bytes], **more: object) -> None:
    desk_signing.bring(
        cast.actor(str(more.get("person", "principal"))),
        batch_id,
        str(more.get("session", HERE)),
        str(more.get("job", errand.round.job)),
        int(str(more.get("number", errand.round.number))),
        signatures,
        LATER,
    )
    db.session.rollback()


def told(cast: Cast, errand: desk_signing.Errand) -> tuple[manifest.Agreement, manifest.Listing]:
    """What the helper reads in both texts of a round, by the key that it looked up at the server."""
    key = machine_keys.public_key(LATER)
    assert key is not None
    agreement = manifest.read_agreement(dataclasses.asdict(errand.round.agreement), key, clock.now())
    listing = manifest.read_list(dataclasses.asdict(errand.round.listing), agreement, key, clock.now())
    db.session.rollback()
    return agreement, listing


def ended(batch_id: int) -> list[tuple[str, str | None]]:
    document_pool.wait_for(batch_id, 60)
    db.session.rollback()
    return [(item.outcome, item.reason) for item in batches_items(batch_id)]


def batches_items(batch_id: int) -> list[m.SigningBatchItem]:
    return list(
        db.session.scalars(
            select(m.SigningBatchItem)
            .where(m.SigningBatchItem.signing_batch_id == batch_id)
            .execution_options(populate_existing=True)
        )
    )


def homeroom_signs(cast: Cast) -> None:
    signing.sign_class(cast.actor("math"), cast.classes["9A"], "homeroom", test_school_keys.DEMO_PIN, LATER)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_class_is_signed_at_the_principals_desk(
    built: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    computer = Computer(make_token(tmp_path / "hsm", monkeypatch), kind)
    row = computer.register(built)
    homeroom_signs(built)
    computer.n_signed = 0
    batch_id = begin(built)
    errand = waiting(built, batch_id)
    agreement, listing = told(built, errand)
    assert (agreement.role, agreement.scope, agreement.n) == ("principal", "lớp 9A", 3)
    assert agreement.who == built.actor("principal").name
    assert agreement.certificate == errand.certificate == certificate_fingerprint(computer.chain[0])
    by_name = {record.enrollment.student.full_name.split()[-1]: record for record in records()}
    assert {paper.name: paper.digests for paper in agreement.papers} == {
        name: (record.pdf_digest, record.xml_digest) for name, record in by_name.items()
    }
    assert {paper.group for paper in agreement.papers} == {"9A"}
    assert tuple(entry.digest for entry in listing.entries) == errand.round.digests
    assert [entry.form for entry in listing.entries] == ["pades", "xmldsig"] * 3
    assert [len(digest) for digest in errand.round.digests] == [32] * 6
    bring(built, batch_id, errand, computer.sign(*errand.round.messages))
    assert ended(batch_id) == [("done", None)] * 3 and computer.n_signed == 6
    computer.session.close()
    signing.sign_class(built.actor("clerk"), built.classes["9A"], "seal", test_school_keys.DEMO_PIN, LATER)
    roots, crls = trust_roots.trusted_roots(), trust_roots.trusted_crls()
    for record in records():
        assert record.state == "PUBLISHED"
        for digest in (record.pdf_digest, record.xml_digest):
            report = document_pool.verify(
                stored_documents.read(digest), roots, crls, NOW + timedelta(days=1), timeout=60
            )
            assert report.ok, report.reasons
    view = certificate_register.one(built.actor("principal"), row, NOW)
    assert (view.key_kind, view.asks) == ("desk", ()) and "cắm ở máy của người ký" in view.key_words
    assert desk_signing.errand(built.actor("principal"), batch_id, HERE, LATER) is None
    assert audit_verify.verify().ok


def test_several_rounds_make_one_batch(built: Cast, computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_signer.DeskSigner, "n_at_once", 2)
    computer.register(built)
    homeroom_signs(built)
    batch_id = begin(built)
    first = waiting(built, batch_id)
    signatures = computer.sign(*first.round.messages)
    agreement, listing = told(built, first)
    assert (first.round.n, agreement.n, len(first.round.messages), listing.number) == (3, 3, 4, 0)
    bring(built, batch_id, first, signatures)
    bring(built, batch_id, first, signatures)  # the answer was lost on the way: once more is welcome
    second = waiting(built, batch_id)
    assert (second.round.job, second.round.number, len(second.round.messages)) == (first.round.job, 1, 2)
    assert second.round.agreement == first.round.agreement and told(built, second)[1].number == 1
    with pytest.raises(WrongState, match="không còn chờ"):
        bring(built, batch_id, first, computer.sign(*first.round.messages[:2]))
    bring(built, batch_id, second, computer.sign(*second.round.messages))
    assert ended(batch_id) == [("done", None)] * 3
    with pytest.raises(WrongState, match="không còn chờ"):
        bring(built, batch_id, second, computer.sign(*second.round.messages))
    assert all(len(row.signatures) == 2 for row in records())


def test_only_signatures_of_the_certificate_over_what_was_prepared_are_taken(
    built: Cast, computer: Computer, tmp_path: Path
) -> None:
    computer.register(built)
    homeroom_signs(built)
    batch_id = begin(built)
    errand = waiting(built, batch_id)
    good = computer.sign(*errand.round.messages)
    stranger = Computer(computer.token, "ec", "Người khác")
    wrong = [
        good[:-1],
        [*good, good[0]],
        [good[1], good[0], *good[2:]],
        [*good[:5], computer.sign(b"an other document")[0]],
        stranger.sign(*errand.round.messages),
        [b""] * 6,
        [good[0][:-1] + bytes([good[0][-1] ^ 1]), *good[1:]],
    ]
    for signatures in wrong:
        with pytest.raises(Invalid, match="không ghi gì"):
            bring(built, batch_id, errand, signatures)
    for more in ({"job": "x" * 24}, {"number": 1}, {"number": -1}):
        with pytest.raises(WrongState, match="không còn chờ"):
            bring(built, batch_id, errand, good, **more)
    # Another browser of the same person, and a colleague who reaches the class: nothing there for them.
    for more in ({"session": "18"}, {"session": ""}, {"person": "clerk", "session": "18"}):
        with pytest.raises(NotFound):
            bring(built, batch_id, errand, good, **more)
        with pytest.raises(NotFound):
            desk_signing.errand(built.actor(more.get("person", "principal")), batch_id, more["session"], LATER)
        with pytest.raises(NotFound):
            desk_signing.stop(built.actor("principal"), batch_id, more["session"], "no", LATER)
    with pytest.raises(NotFound):
        desk_signing.errand(built.actor("outsider"), batch_id, HERE, LATER)
    assert {row.state for row in records()} == {"HOMEROOM_SIGNED"}
    bring(built, batch_id, errand, good)
    assert ended(batch_id) == [("done", None)] * 3
    stranger.session.close()


def test_an_answer_for_an_earlier_try_is_refused(built: Cast, computer: Computer) -> None:
    computer.register(built)
    homeroom_signs(built)
    first = begin(built)
    old = waiting(built, first)
    desk_signing.stop(built.actor("principal"), first, HERE, "stopped", LATER)
    assert {outcome for outcome, _ in ended(first)} == {"failed"}
    second = begin(built)
    new = waiting(built, second)
    with pytest.raises(WrongState):
        bring(built, second, old, computer.sign(*old.round.messages))
    with pytest.raises(Invalid):
        bring(built, second, old, computer.sign(b"x"), job=new.round.job)
    bring(built, second, new, computer.sign(*new.round.messages))
    assert ended(second) == [("done", None)] * 3 and audit_verify.verify().ok


@pytest.mark.parametrize(
    ("why", "words"), [("no", "từ chối ở trình ký"), ("pin", "Mã PIN"), ("locked", "đã khoá"), ("stopped", "đã dừng")]
)
def test_a_batch_that_the_signer_stops_can_be_signed_later(
    built: Cast, computer: Computer, why: str, words: str
) -> None:
    computer.register(built)
    homeroom_signs(built)
    batch_id = begin(built)
    waiting(built, batch_id)
    for nonsense in ("", "bất kỳ chữ gì", "<b>"):
        with pytest.raises(Invalid):
            desk_signing.stop(built.actor("principal"), batch_id, HERE, nonsense, LATER)
    desk_signing.stop(built.actor("principal"), batch_id, HERE, why, LATER)
    assert all(outcome == "failed" and words in reason for outcome, reason in ended(batch_id))
    assert {row.state for row in records()} == {"HOMEROOM_SIGNED"}


def test_a_page_that_is_gone_ends_the_wait(built: Cast, computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_signer, "ABSENT_SECONDS", 1.0)
    computer.register(built)
    homeroom_signs(built)
    assert all(outcome == "failed" and "đã đóng hoặc mất mạng" in reason for outcome, reason in ended(begin(built)))
    monkeypatch.setattr(desk_signer, "ABSENT_SECONDS", 60.0)
    monkeypatch.setattr(desk_signer, "ROUND_SECONDS", 0.5)
    assert all("quá lâu" in reason for _, reason in ended(begin(built)))


def test_a_command_cannot_sign_with_a_key_at_a_desk(built: Cast, computer: Computer) -> None:
    computer.register(built)
    homeroom_signs(built)
    with pytest.raises(WrongState, match="chỉ ký được từ trình duyệt trên máy đó"):
        signing.sign_class(built.actor("principal"), built.classes["9A"], "principal", "", LATER)
    assert certificates.current_certificate(built.people["principal"]).n_wrong_pins == 0


def test_a_certificate_is_registered_only_with_a_fresh_proof_for_this_address(built: Cast, computer: Computer) -> None:
    with pytest.raises(Invalid, match="chưa chứng minh"):
        computer.register(built, origin="https://noi-khac.example")
    with pytest.raises(WrongState, match="tải lại trang"):
        computer.register(built, nonce="n" * 32)
    with pytest.raises(WrongState, match="tải lại trang"):
        computer.register(built, now=NOW + timedelta(minutes=11))
    with pytest.raises(Invalid, match="không phải"):
        computer.register(built, "math")
    with pytest.raises(NotAllowed):
        computer.register(built, purpose="seal")
    nonce = desk_register.challenge(built.actor("principal"), HERE, NOW)
    message = desk_register.proof_message(ORIGIN, nonce, certificate_fingerprint(computer.chain[0]))
    arguments = (ORIGIN, nonce, computer.chain[0], computer.sign(message)[0], computer.place, NOW)
    with pytest.raises(WrongState, match="tải lại trang"):
        desk_register.register_desk(built.actor("principal"), "18", *arguments, shown=computer.chain[1:])
    desk_register.register_desk(built.actor("principal"), HERE, *arguments, shown=computer.chain[1:])
    with pytest.raises(WrongState, match="tải lại trang"):
        desk_register.register_desk(built.actor("principal"), HERE, *arguments, shown=computer.chain[1:])


def test_a_chain_that_the_school_does_not_trust_is_refused(built: Cast, computer: Computer) -> None:
    elsewhere = TestAuthority.create(NOW)
    computer.authority = elsewhere
    computer.key_id, computer.chain = computer.token.new_key("ec", elsewhere, PRINCIPAL, now=NOW)
    with pytest.raises(Invalid, match="không do nơi cấp mà trường tin cậy"):
        computer.register(built)


def test_a_real_seal_at_the_clerks_desk_waits_for_the_authority(built: Cast, computer: Computer) -> None:
    computer.key_id, computer.chain = computer.token.new_key(
        "ec", computer.authority, "Trường THCS Đồng Sen", now=NOW, organisation="Trường THCS Đồng Sen"
    )
    row = computer.register(built, "clerk", purpose="seal", replace=True)
    with write_transaction() as session:
        certificate = session.get_one(m.Certificate, row)
        certificate.is_test = False
        session.flush()
        audit.record(
            AuditTag.CERTIFICATE_BOUND,
            SYSTEM,
            NOW,
            target_kind="certificate",
            target_id=row,
            state=audit.states("certificate", [certificate]),
        )
    homeroom_signs(built)
    signing.sign_class(built.actor("principal"), built.classes["9A"], "principal", test_school_keys.DEMO_PIN, LATER)
    with pytest.raises(WrongState, match="chưa được Sở phê duyệt"):
        begin(built, "clerk", "seal")
    certificate_standing.set_approval(built.actor("it_officer"), row, "approved", NOW, note="CV 1")
    batch_id = begin(built, "clerk", "seal")
    errand = waiting(built, batch_id, "clerk")
    assert told(built, errand)[0].role == "seal"
    bring(built, batch_id, errand, computer.sign(*errand.round.messages), person="clerk")
    assert ended(batch_id) == [("done", None)] * 3
    certificate_standing.revoke(built.actor("it_officer"), row, "mất thiết bị", LATER)
    with pytest.raises(WrongState, match="Chưa có chứng thư"):
        certificates.open_key(built.actor("clerk"), None, "", LATER, desk=HERE)


def test_the_mailbox_stands_alone() -> None:
    """Without database: closing wakes who waits, and what waits shows itself only to its session."""
    chain = TestAuthority.create(NOW).issue("A", now=NOW)[1]
    signer = desk_signer.DeskSigner(chain[0], HERE)
    paper = Paper("HS1", ("0" * 64, "1" * 64), "An", "9A")
    with pytest.raises(IntegrityFault, match="không khớp"):
        signer.begin(2)
    with pytest.raises(IntegrityFault, match="không khớp"):
        signer.begin(4, [paper, paper])
    signer.begin(2, [paper])
    with pytest.raises(IntegrityFault, match="không có trong lượt"):
        signer.sign_messages([b"a", b"b"], [Paper("HS2", paper.digests)])
    with pytest.raises(IntegrityFault, match="không có trong lượt"):
        signer.sign_messages([b"a", b"b"])
    with pytest.raises(IntegrityFault, match="khoá của máy"):
        signer.sign_messages([b"a", b"b"], [paper])
    machine = instance_keys.new_key()
    signer.introduce(Clerk(instance_keys.key_to_bytes(machine), lambda: NOW), Errand("principal", "lớp 9A", "x"))
    fault: list[Exception] = []

    def wait() -> None:
        try:
            signer.sign_messages([b"a", b"b"], [paper])
        except Exception as error:
            fault.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while signer.waiting(HERE) is None:
        time.sleep(0.01)
    assert signer.waiting(HERE).digests == tuple(hashlib.sha256(text).digest() for text in (b"a", b"b"))
    assert dataclasses.is_dataclass(signer.waiting(HERE)) and HERE not in repr(signer)
    signer.close()
    thread.join(5)
    assert isinstance(fault[0], Unavailable)


def test_an_agreement_that_would_end_within_a_round_is_followed_by_a_new_one() -> None:
    chain = TestAuthority.create(NOW).issue("A", now=NOW)[1]
    signer = desk_signer.DeskSigner(chain[0], HERE)
    signer._check = lambda waits, given: None  # type: ignore[method-assign]
    machine, at = instance_keys.new_key(), [NOW]
    signer.introduce(Clerk(instance_keys.key_to_bytes(machine), lambda: at[0]), Errand("seal", "lớp 9A", "x"))
    papers = [Paper(f"HS{n}", (f"{n:064x}", f"{n + 100:064x}"), "An", "9A") for n in range(3)]
    signer.begin(6, papers)
    seen: list[desk_signer.Round] = []

    def page() -> None:
        while not signer._closed:
            if (waits := signer.waiting(HERE)) is None:
                time.sleep(0.001)
                continue
            seen.append(waits)
            signer.bring(HERE, waits.job, waits.number, [b"s"] * len(waits.messages))

    thread = threading.Thread(target=page, daemon=True)
    thread.start()
    for paper, minutes in zip(papers, (0, 5, 30), strict=True):
        at[0] = NOW + timedelta(minutes=minutes)
        signer.sign_messages([paper.code.encode(), b"x" + paper.code.encode()], [paper])
    signer.close()
    thread.join(5)
    assert [(each.number, each.n) for each in seen] == [(0, 3), (1, 3), (0, 1)]
    assert seen[0].job == seen[1].job != seen[2].job
    key = instance_keys.spki(machine.public_key())
    rest = manifest.read_agreement(dataclasses.asdict(seen[2].agreement), key, at[0])
    assert [paper.code for paper in rest.papers] == ["HS2"], "only what was not signed yet"


def test_a_paper_that_changed_since_the_signer_was_asked_is_not_signed(
    built: Cast, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    computer.register(built)
    homeroom_signs(built)
    papers = signing._papers

    def older(ids: list[int]) -> dict[int, Paper]:
        """The same as it stood before the first pupil's paper was built anew."""
        found = papers(ids)
        first = next(iter(found))
        return {**found, first: dataclasses.replace(found[first], digests=("0" * 64, "1" * 64))}

    monkeypatch.setattr(signing, "_papers", older)
    batch_id = begin(built)
    errand = waiting(built, batch_id)
    assert len(errand.round.messages) == 4 and told(built, errand)[0].n == 3
    bring(built, batch_id, errand, computer.sign(*errand.round.messages))
    outcomes = ended(batch_id)
    assert sorted(outcome for outcome, _ in outcomes) == ["done", "done", "failed"]
    assert [reason for _, reason in outcomes if reason] == [group_batches.CHANGED]
