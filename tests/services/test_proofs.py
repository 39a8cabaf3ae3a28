"""A class signed at B-LTA against services on the loopback: what is recorded, shown, refused, and stamped again a year later."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import current_app
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.config import load_config
from hocbaso.db import db, write_transaction
from hocbaso.documents.proof_plan import ProofPlan
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.errors import Unavailable, WrongState
from hocbaso.services import (
    audit_verify,
    instance_check,
    proofs,
    signing,
    stored_documents,
    test_school_keys,
    transcript_files,
    trust_roots,
    verification,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.job_ledger import run
from hocbaso.services.job_table import JOBS
from tests.cast import NOW, Cast
from tests.documents.time_services import TimeServices, time_services
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
)
from tests.services.test_transcripts import records

DAY = timedelta(days=1)
JOB = next(job for job in JOBS if job.name == "proof")


def use(plan: ProofPlan) -> None:
    current_app.config["HOCBASO"] = dataclasses.replace(current_app.config["HOCBASO"], proof=plan)


def sign_all(cast: Cast) -> None:
    for index, (role, key) in enumerate((("homeroom", "math"), ("principal", "principal"), ("seal", "clerk"))):
        signing.sign_class(
            cast.actor(key), cast.classes["9A"], role, test_school_keys.DEMO_PIN, NOW + timedelta(minutes=index)
        )


@pytest.fixture(name="services")
def services_fixture(built: Cast) -> Iterator[TimeServices]:
    """The services' own authority is trusted beside the school's, whose lists have no end worth speaking of here."""
    authority = TestAuthority.create(NOW)
    trust_roots.add_trust_root(SYSTEM, authority.root_pem, NOW, is_test=True, crls=authority.crls(NOW, days=2000))
    with time_services(authority, NOW) as services:
        yield services


def test_what_policy_asks_for_is_reached_recorded_and_shown(built: Cast, services: TimeServices) -> None:
    use(services.plan("B-LTA"))
    services.now = NOW + timedelta(minutes=1)
    sign_all(built)
    for record in records():
        assert [item.level for item in record.signatures] == ["B-T", "B-T", "B-LTA"]
        proof = transcript_files.newest_proof(record.id)
        assert proof is not None and proof.pdf_digest == record.pdf_digest and proof.level == "B-LTA"
    assert not audit_verify.verify().faults
    issued = stored_documents.read(records()[0].pdf_digest)
    found = verification.by_file(issued, NOW + DAY)
    assert found.report.ok and found.match == "current" and found.stamped_again_at is None
    spans = issued.rindex(b"%%EOF", 0, len(issued) - 10) + 6
    cut = verification.by_file(issued[:spans], NOW + DAY)
    assert not cut.report.ok and "mức B-LTA, tệp chỉ còn mức B-LT" in " ".join(cut.report.reasons)


def test_without_the_authority_nothing_is_signed(built: Cast, services: TimeServices) -> None:
    use(ProofPlan("B-LTA"))
    with pytest.raises(WrongState, match="chưa khai báo máy chủ cấp dấu thời gian"):
        sign_all(built)
    use(services.plan("B-T"))
    services.mood = "down"
    sign_all(built)  # item by item: none is signed, so nobody after has a turn
    assert {record.state for record in records()} == {"CREATED"}
    reasons = set(db.session.scalars(select(m.SigningBatchItem.reason).where(m.SigningBatchItem.outcome == "failed")))
    assert any("Máy chủ cấp dấu thời gian không trả lời" in (reason or "") for reason in reasons)


def test_a_year_later_the_record_is_stamped_again_and_the_issued_file_stays(
    built: Cast, services: TimeServices
) -> None:
    use(services.plan("B-LTA"))
    services.now = NOW + timedelta(minutes=1)
    sign_all(built)
    before = {record.id: (record.pdf_digest, record.version) for record in records()}
    assert proofs.due(NOW + 300 * DAY) == []
    later = NOW + 340 * DAY
    assert len(proofs.due(later)) == 3
    services.mood = "down"
    outcome = run(JOB, later.date(), later)
    assert outcome is not None and outcome.state == "failed" and "chưa đóng được" in outcome.outcome
    services.mood, services.now = "ok", later
    outcome = run(JOB, later.date(), later, at_once=True)
    assert outcome is not None and outcome.outcome.startswith("Đã đóng lại dấu thời gian cho 3 học bạ.")
    assert proofs.due(later) == [] and not audit_verify.verify().faults
    for record in records():
        assert (record.pdf_digest, record.version) == before[record.id]
        served = transcript_files.open_file(built.actor("principal"), record.uuid, "pdf", later, download=True)
        issued = stored_documents.read(record.pdf_digest)
        assert served.data.startswith(issued) and len(served.data) > len(issued)
        old, new = (verification.by_file(data, later) for data in (issued, served.data))
        assert old.report.ok and old.match == "current" and old.stamped_again_at == later
        assert new.report.ok and new.match == "current" and new.stamped_again_at is None
        assert len(new.report.stamped_at) == 2
    assert not instance_check.check(later).problems
    again = run(JOB, later.date() + DAY, later + DAY)
    assert again is not None and "Chưa có học bạ nào đến hạn" in again.outcome


def test_a_file_that_does_not_begin_with_the_issued_one_is_not_handed_out(built: Cast, services: TimeServices) -> None:
    use(services.plan("B-LTA"))
    services.now = NOW + timedelta(minutes=1)
    sign_all(built)
    first, second = records()[:2]
    with write_transaction() as session:
        row = session.scalar(select(m.DocumentProof).where(m.DocumentProof.transcript_record_id == second.id))
        session.delete(row)
        session.flush()
        session.add(
            m.DocumentProof(
                transcript_record_id=first.id,
                pdf_digest=second.pdf_digest,
                level="B-LTA",
                stamped_at=NOW + DAY,
                ends_at=NOW + DAY,
            )
        )
    with pytest.raises(Exception, match="không bắt đầu bằng bản đã phát hành"):
        transcript_files.open_file(built.actor("principal"), first.uuid, "pdf", NOW + DAY, download=True)
    assert audit_verify.verify().faults


def test_the_configuration_says_what_is_wrong_with_it(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    for name in ("HOCBASO_TSA_URL", "HOCBASO_SIGNATURE_LEVEL", "HOCBASO_OCSP_URLS"):
        monkeypatch.delenv(name, raising=False)
    assert load_config(instance=tmp_path).proof == ProofPlan()
    (tmp_path / "config.toml").write_text(
        'HOCBASO_TSA_URL = "http://tsa.example/"\nHOCBASO_OCSP_URLS = ["http://ocsp.example/a", "http://ocsp.example/b"]\n'
        "HOCBASO_TSA_TIMEOUT = 4\n"
    )
    found = load_config(instance=tmp_path).proof
    assert found == ProofPlan("B-T", "http://tsa.example/", ("http://ocsp.example/a", "http://ocsp.example/b"), 4.0, 3)
    monkeypatch.setenv("HOCBASO_SIGNATURE_LEVEL", "b-lta")
    assert load_config(instance=tmp_path).proof.level == "B-LTA"
    for name, value in (("HOCBASO_SIGNATURE_LEVEL", "B-X"), ("HOCBASO_TSA_URL", "file:///etc/passwd")):
        monkeypatch.setenv(name, value)
        with pytest.raises(Unavailable):
            load_config(instance=tmp_path)
        monkeypatch.delenv(name)
