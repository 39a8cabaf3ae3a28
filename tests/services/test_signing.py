"""Signing a class: order, PIN, persons, certificates, once only, resumed after a break, proven by the outside verifier."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.signers import KeyEnvelope, SoftwareKeySigner
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.permissions import Role
from hocbaso.services import (
    audit_verify,
    batch_view,
    certificate_register,
    certificates,
    document_pool,
    recall_requests,
    roster,
    signing,
    signing_secret,
    stored_documents,
    test_school_keys,
    transcript_building,
    trust_roots,
)
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    STAY,
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.test_transcripts import records, tamper

PIN = test_school_keys.DEMO_PIN
LATER = NOW + timedelta(minutes=30)


def sign(cast: Cast, person: str, role: str, **more: object) -> m.SigningBatch:
    return signing.sign_class(cast.actor(person), cast.classes["9A"], role, more.pop("pin", PIN), LATER, **more)


def outcomes(batch: m.SigningBatch) -> list[str]:
    return [item.outcome for item in batch.items]


def n_signatures() -> int:
    return db.session.query(m.TranscriptSignature).count()


def test_three_signatures_in_order_make_files_that_an_outside_validator_accepts(issued: Cast) -> None:
    roots, crls = trust_roots.trusted_roots(), trust_roots.trusted_crls()
    for row in records():
        assert row.state == "PUBLISHED"
        assert [s.role for s in row.signatures] == ["homeroom", "principal", "seal"]
        for digest in (row.pdf_digest, row.xml_digest):
            report = document_pool.verify(
                stored_documents.read(digest), roots, crls, NOW + timedelta(days=1), timeout=60
            )
            assert report.ok, report.reasons
            assert [(s.role, s.signer_name) for s in report.signatures] == [
                ("homeroom", "Trịnh Thu Hà"),
                ("principal", "Đoàn Thị Hải Yến"),
                ("seal", "Trường THCS Đồng Sen"),
            ]
    first, second, third = records()[0].signatures
    pdfs = [stored_documents.read(s.pdf_digest) for s in (first, second, third)]
    assert pdfs[1].startswith(pdfs[0]) and pdfs[2].startswith(pdfs[1])
    assert pdfs[0].startswith(stored_documents.read(records()[0].unsigned_pdf_digest))
    report = audit_verify.verify()
    assert report.ok, report.faults


@pytest.mark.parametrize("place", [600, 20_000, -200])
def test_one_byte_flipped_in_a_signed_pdf_is_refused(issued: Cast, place: int) -> None:
    data = bytearray(stored_documents.read(records()[0].pdf_digest))
    data[place] ^= 0x04
    report = document_pool.verify(
        bytes(data), trust_roots.trusted_roots(), trust_roots.trusted_crls(), LATER, timeout=60
    )
    assert not report.ok and report.reasons


@pytest.mark.parametrize(
    ("person", "role", "words"),
    [("principal", "principal", "Giáo viên chủ nhiệm chưa ký"), ("clerk", "seal", "Hiệu trưởng chưa ký")],
)
def test_nobody_signs_out_of_turn(built: Cast, person: str, role: str, words: str) -> None:
    batch = sign(built, person, role)
    assert outcomes(batch) == ["failed"] * 3 and words in batch.items[0].reason
    assert n_signatures() == 0


@pytest.mark.parametrize(
    ("person", "role", "refusal"),
    [
        ("principal", "homeroom", NotFound),
        ("clerk", "homeroom", NotFound),
        ("head_society", "homeroom", NotFound),
        ("math", "principal", NotFound),
        ("vice_principal", "principal", NotFound),
        ("clerk", "principal", NotFound),
        ("principal", "seal", NotFound),
        ("math", "seal", NotFound),
        ("it_officer", "seal", NotFound),
        ("it_officer", "principal", NotFound),
        ("outsider", "homeroom", NotFound),
    ],
)
def test_the_wrong_person_signs_nothing(built: Cast, person: str, role: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        sign(built, person, role)
    assert n_signatures() == 0


def test_a_wrong_pin_signs_nothing_and_five_close_the_key(built: Cast) -> None:
    for left in (4, 3, 2, 1):
        with pytest.raises(NotAllowed, match=f"Còn {left} lần"):
            sign(built, "math", "homeroom", pin="31415926")
    with pytest.raises(WrongState, match="năm lần"):
        sign(built, "math", "homeroom", pin="31415926")
    with pytest.raises(WrongState, match="năm lần"):
        sign(built, "math", "homeroom")
    assert n_signatures() == 0
    tags = list(db.session.scalars(select(m.AuditEntry.tag).where(m.AuditEntry.tag == "certificate:pin:refused")))
    assert len(tags) == 5 and audit_verify.verify().ok


def test_a_right_pin_forgives_the_wrong_ones(built: Cast) -> None:
    with pytest.raises(NotAllowed):
        sign(built, "math", "homeroom", pin="31415926")
    assert outcomes(sign(built, "math", "homeroom")) == ["done"] * 3
    row = certificates.current_certificate(built.people["math"])
    assert row is not None and row.n_wrong_pins == 0


def test_an_envelope_moved_to_another_person_does_not_open(built: Cast) -> None:
    """The database's owner gives the homeroom teacher's row the principal's key: the envelope knows whose it is."""
    principal = certificates.current_certificate(built.people["principal"])
    mine = certificates.current_certificate(built.people["math"])
    assert principal is not None and mine is not None
    with pytest.raises(NotAllowed):
        SoftwareKeySigner.from_envelope(
            KeyEnvelope(principal.key_envelope, f"person:{mine.person_id}", principal.fingerprint),
            certificates.chain_of(principal),
            PIN,
            signing_secret.server_secret(),
        )
    tamper(
        "UPDATE certificate SET certificate_pem = :pem, chain_pem = :chain, key_envelope = :key WHERE id = :id",
        pem=principal.certificate_pem,
        chain=principal.chain_pem,
        key=principal.key_envelope,
        id=mine.id,
    )
    with pytest.raises(Exception, match="không phải") as refused:
        sign(built, "math", "homeroom")
    assert "Đoàn Thị Hải Yến" in str(refused.value) and n_signatures() == 0


def test_who_follows_the_homeroom_teacher_cannot_sign_what_names_the_old_one(built: Cast) -> None:
    roster.assign_homeroom(SYSTEM, built.classes["9A"], built.people["outsider"], NOW, starts_on=NOW.date())
    test_school_keys.make_demo_keys(SYSTEM, NOW)
    batch = sign(built, "outsider", "homeroom")
    assert outcomes(batch) == ["failed"] * 3 and "Trịnh Thu Hà" in batch.items[0].reason
    assert n_signatures() == 0


def test_a_deputy_signs_only_what_was_built_for_a_deputy(built: Cast) -> None:
    assert outcomes(sign(built, "math", "homeroom")) == ["done"] * 3
    roster.grant_role(SYSTEM, built.people["vice_principal"], Role.DELEGATE, NOW, starts_on=NOW.date())
    batch = sign(built, "vice_principal", "principal")
    assert outcomes(batch) == ["failed"] * 3
    uuid = records()[0].uuid
    recall_requests.recall(built.actor("principal"), uuid, "Hiệu trưởng đi công tác", LATER)
    transcript_building.build_class(
        built.actor("clerk"), built.classes["9A"], LATER, deputy_person_id=built.people["vice_principal"]
    )
    new = max(records(), key=lambda row: row.id)
    sign(built, "math", "homeroom", students=[new.uuid])
    assert outcomes(sign(built, "vice_principal", "principal", students=[new.uuid])) == ["done"]
    assert '"title":"KT. HIỆU TRƯỞNG / PHÓ HIỆU TRƯỞNG"' in max(records(), key=lambda row: row.id).content


def test_who_signed_as_homeroom_teacher_does_not_sign_the_same_record_for_the_principal(built: Cast) -> None:
    """The homeroom teacher signs, gives the class away, becomes the principal's delegate: the second hand is missing."""
    roster.grant_role(SYSTEM, built.people["math"], Role.VICE_PRINCIPAL, NOW, starts_on=NOW.date())
    roster.grant_role(SYSTEM, built.people["math"], Role.DELEGATE, NOW, starts_on=NOW.date())
    uuid = records()[0].uuid
    recall_requests.recall(built.actor("principal"), uuid, "Hiệu trưởng đi công tác", LATER)
    with pytest.raises(Invalid, match="không ký thay Hiệu trưởng"):
        transcript_building.build_class(
            built.actor("clerk"), built.classes["9A"], LATER, deputy_person_id=built.people["math"]
        )
    roster.assign_homeroom(SYSTEM, built.classes["9A"], built.people["outsider"], NOW, starts_on=NOW.date())
    test_school_keys.make_demo_keys(SYSTEM, NOW)
    transcript_building.build_class(
        built.actor("clerk"), built.classes["9A"], LATER, deputy_person_id=built.people["math"]
    )
    new = max(records(), key=lambda row: row.id)
    assert outcomes(sign(built, "outsider", "homeroom", students=[new.uuid])) == ["done"]
    with (
        write_transaction() as session
    ):  # the same account under the first signature: as if the class had been kept by both
        session.execute(
            update(m.TranscriptSignature)
            .where(m.TranscriptSignature.transcript_record_id == new.id)
            .values(account_id=built.accounts["math"])
        )
    batch = sign(built, "math", "principal", students=[new.uuid])
    assert outcomes(batch) == ["failed"] and "không thay Hiệu trưởng (KT.)" in batch.items[0].reason


def test_the_second_click_signs_nothing_twice(built: Cast) -> None:
    assert outcomes(sign(built, "math", "homeroom")) == ["done"] * 3
    before = [row.pdf_digest for row in records()]
    with pytest.raises(WrongState, match="không ký lần thứ hai"):
        sign(built, "math", "homeroom")
    again = sign(built, "math", "homeroom", students=[row.uuid for row in records()])
    assert outcomes(again) == ["skipped"] * 3
    assert [row.pdf_digest for row in records()] == before and n_signatures() == 3


def test_two_who_click_at_once_make_one_signature_a_student(built: Cast) -> None:
    from flask import current_app

    app = current_app._get_current_object()
    refusals: list[str] = []
    actor, class_id = built.actor("math"), built.classes["9A"]
    gate = threading.Barrier(2)

    def click() -> None:
        with app.app_context():
            gate.wait()
            try:
                batch = signing.sign_class(actor, class_id, "homeroom", PIN, LATER, background=True)
                document_pool.wait_for(batch.id)
            except WrongState as refusal:
                refusals.append(refusal.message)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    assert n_signatures() == 3 and {row.state for row in records()} == {"HOMEROOM_SIGNED"}


def test_cut_off_in_the_middle_the_rest_is_signed_by_the_next_start(built: Cast) -> None:
    class PowerCut(BaseException):
        pass

    def cut() -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        sign(built, "math", "homeroom", on_item=cut)
    done = n_signatures()
    assert 0 < done < 3
    batch_id = db.session.scalar(select(m.SigningBatch.id).order_by(m.SigningBatch.id.desc()))
    assert batch_view.batch_progress(built.actor("math"), batch_id, LATER).state == "interrupted"
    again = sign(built, "math", "homeroom")
    assert again.id == batch_id and again.state == "DONE" and outcomes(again) == ["done"] * 3
    assert n_signatures() == 3 and audit_verify.verify().ok


def test_what_is_not_chosen_when_a_batch_goes_on_is_not_signed(built: Cast) -> None:
    class PowerCut(BaseException):
        pass

    def cut() -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        sign(built, "math", "homeroom", on_item=cut)
    done = n_signatures()
    chosen = next(row for row in records() if row.state == "CREATED")
    batch = sign(built, "math", "homeroom", students=[chosen.uuid])
    assert n_signatures() == done + 1 and batch.state == "DONE"
    left = [item for item in batch.items if item.outcome == "skipped"]
    assert len(left) == 3 - done - 1 and all("Không chọn" in item.reason for item in left)


def test_one_spoilt_record_fails_alone_and_says_why(built: Cast) -> None:
    spoilt = records()[1]
    tamper("UPDATE transcript_record SET content = replace(content, '\"4.8\"', '\"9.8\"') WHERE id = :id", id=spoilt.id)
    batch = sign(built, "math", "homeroom")
    assert sorted(outcomes(batch)) == ["done", "done", "failed"]
    failed = next(item for item in batch.items if item.outcome == "failed")
    assert failed.enrollment.student.full_name == STAY[1] and "ngoài phần mềm" in failed.reason


def test_a_score_changed_after_building_stops_the_signing(built: Cast) -> None:
    tamper("UPDATE score_cell SET tenths = 99 WHERE id = (SELECT min(id) FROM score_cell WHERE tenths = 45)")
    with pytest.raises(IntegrityFault, match="Nguyễn Bảo Châu"):
        sign(built, "math", "homeroom")
    assert n_signatures() == 0


def test_without_a_trusted_root_nobody_signs(built: Cast) -> None:
    trust_roots.remove_trust_root(SYSTEM, trust_roots.list_roots()[0].id, NOW)
    with pytest.raises(WrongState, match="tin cậy"):
        sign(built, "math", "homeroom")


def test_a_retired_or_expired_certificate_does_not_sign(built: Cast) -> None:
    with pytest.raises(WrongState, match="hiệu lực"):
        signing.sign_class(built.actor("math"), built.classes["9A"], "homeroom", PIN, NOW + timedelta(days=3000))
    row = certificates.current_certificate(built.people["math"])
    certificate_register.retire(built.actor("math"), row.id, NOW)
    with pytest.raises(WrongState, match="Chưa có chứng thư"):
        sign(built, "math", "homeroom")


def test_signing_in_the_background_may_be_left_and_asked_about(built: Cast) -> None:
    batch = sign(built, "math", "homeroom", background=True)
    document_pool.wait_for(batch.id)
    db.session.rollback()  # a new look: the old one reads what stood when it began
    progress = batch_view.batch_progress(built.actor("principal"), batch.id, LATER)
    assert (progress.state, progress.n_done, progress.n_failed) == ("done", 3, 0) and progress.rate is not None
    with pytest.raises(NotFound):
        batch_view.batch_progress(built.actor("other"), batch.id, LATER)


def test_a_worker_killed_while_signing_loses_nothing(built: Cast) -> None:
    import os
    import signal

    pid = document_pool.call("hocbaso.documents.workers:warm")
    os.kill(pid, signal.SIGKILL)
    batch = sign(built, "math", "homeroom")
    if "failed" in outcomes(batch):
        batch = sign(built, "math", "homeroom")
    assert {row.state for row in records()} == {"HOMEROOM_SIGNED"} and n_signatures() == 3


def test_the_pin_and_the_key_stand_nowhere_in_the_database(built: Cast) -> None:
    sign(built, "math", "homeroom")
    with write_transaction() as session:
        raw = "\n".join(str(row) for table in db.metadata.sorted_tables for row in session.execute(select(table)))
    assert PIN not in raw and "PRIVATE KEY" not in raw
