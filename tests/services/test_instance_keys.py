"""The machine's key: made once, certified by the seal, replaced in time, withdrawn; and what strangers get by it."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import instance_keys as ik
from hocbaso.documents import qr_summary
from hocbaso.documents.trust import Trust
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.services import (
    audit_verify,
    certificate_standing,
    certificates,
    document_pool,
    instance_keys,
    offline_page,
    recall_requests,
    registered_signers,
    signing,
    stored_documents,
    test_school_keys,
    transcript_building,
    trust_roots,
    verification,
)
from hocbaso.services.test_school_keys import DEMO_PIN
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_fixture,
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.test_transcripts import records, tamper

LATER = NOW + timedelta(days=1)


def known() -> list[ik.KnownKey]:
    trust = Trust.of(trust_roots.trusted_roots(), trust_roots.trusted_crls(), LATER)
    keys, refused = ik.known_keys(instance_keys.public_documents(), trust)
    assert refused == []
    return keys


def test_the_seal_of_a_sample_school_has_stated_its_key(issued: Cast) -> None:
    (key,) = known()
    (view,) = instance_keys.views()
    assert view.is_certified and view.retired_at is None and key.key_id == view.key_id
    assert (document_pool.config().keys / f"instance-{key.key_id}.pem").stat().st_mode & 0o777 == 0o600
    assert audit_verify.verify().ok
    assert instance_keys.certify(issued.actor("clerk"), DEMO_PIN, LATER) == 0, "said once is enough"


def test_only_the_clerk_with_the_pin_uses_the_seal(issued: Cast) -> None:
    for person in ("principal", "it_officer", "math"):
        with pytest.raises(NotAllowed):
            instance_keys.certify(issued.actor(person), DEMO_PIN, LATER)
    with pytest.raises(NotAllowed, match="PIN"):
        instance_keys.certify(issued.actor("clerk"), "000000x", LATER)


def test_a_key_near_its_end_is_followed_by_another_that_the_next_seal_states(issued: Cast) -> None:
    first = instance_keys.views()[0]
    later = NOW + instance_keys.VALID - timedelta(days=60)
    instance_keys.signing_key(issued.actor("clerk"), later)
    newest, oldest = instance_keys.views()
    assert (
        (oldest.key_id, oldest.retired_at) == (first.key_id, later) and not newest.is_certified and oldest.is_certified
    )
    assert not (document_pool.config().keys / f"instance-{first.key_id}.pem").exists(), "it can sign no more"
    assert [key.key_id for key in instance_keys.own_keys()] == [first.key_id, newest.key_id]
    assert audit_verify.verify().ok
    assert verification.by_text(records()[0].qr_text or "", LATER).report.ok, "old papers stay good"


def test_sealing_a_class_certifies_a_new_key_by_the_way(built: Cast) -> None:
    instance_keys.withdraw(built.actor("it_officer"), instance_keys.views()[0].key_id, "Thử", NOW)
    instance_keys.signing_key(built.actor("clerk"), NOW)
    assert [view.is_certified for view in instance_keys.views()] == [False, False]
    for role, key in (("homeroom", "math"), ("principal", "principal"), ("seal", "clerk")):
        signing.sign_class(built.actor(key), built.classes["9A"], role, DEMO_PIN, NOW + timedelta(hours=1))
    assert [view.is_certified for view in instance_keys.views()] == [True, True]
    assert [bool(key.withdrawn) for key in known()] == [True, False]


def test_a_withdrawn_key_is_believed_no_more_here_at_once_and_elsewhere_when_the_seal_says_so(issued: Cast) -> None:
    text, key_id = records()[0].qr_text or "", instance_keys.views()[0].key_id
    with pytest.raises(NotAllowed):
        instance_keys.withdraw(issued.actor("math"), key_id, "x", LATER)
    with pytest.raises(Invalid):
        instance_keys.withdraw(issued.actor("clerk"), key_id, "  ", LATER)
    with pytest.raises(NotFound):
        instance_keys.withdraw(issued.actor("clerk"), "0" * 16, "x", LATER)
    instance_keys.withdraw(issued.actor("clerk"), key_id, "Mất ổ sao lưu", LATER)
    with pytest.raises(WrongState):
        instance_keys.withdraw(issued.actor("clerk"), key_id, "x", LATER)
    answer = verification.by_text(text, LATER)
    assert not answer.report.ok and "Mất ổ sao lưu" in answer.words.sentence and answer.report.student_name is None
    assert not known()[0].withdrawn
    assert instance_keys.certify(issued.actor("clerk"), DEMO_PIN, LATER) == 2, (
        "the withdrawal, and the key that follows"
    )
    assert [bool(key.withdrawn) for key in known()] == [True, False]
    assert audit_verify.verify().ok
    # The record itself is as good as before: three signatures of other keys.
    assert verification.by_file(stored_documents.read(records()[0].pdf_digest), LATER).report.ok


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE instance_key SET public_key = 'x'", "UPDATE instance_key SET valid_until = '2050-01-01 00:00:00.000000'",
        "UPDATE instance_key SET key_id = '0000000000000000'",
    ],
)  # fmt: skip
def test_a_key_put_into_the_database_by_hand_is_not_used(approved: Cast, change: str) -> None:
    tamper(change)
    with pytest.raises(IntegrityFault, match="khác với nhật ký"):
        transcript_building.build_class(approved.actor("clerk"), approved.classes["9A"], NOW)
    with pytest.raises(IntegrityFault):
        instance_keys.own_keys()


def test_a_key_file_exchanged_on_the_disk_is_not_used(approved: Cast) -> None:
    path = document_pool.config().keys / f"instance-{instance_keys.views()[0].key_id}.pem"
    path.write_bytes(ik.key_to_bytes(ik.new_key()))
    with pytest.raises(IntegrityFault, match="không phải khoá đã ghi"):
        transcript_building.build_class(approved.actor("clerk"), approved.classes["9A"], NOW)
    path.unlink()
    with pytest.raises(IntegrityFault, match="Không còn tệp khoá"):
        transcript_building.build_class(approved.actor("clerk"), approved.classes["9A"], NOW)


def test_a_statement_put_into_the_database_by_hand_is_not_published(issued: Cast) -> None:
    tamper("UPDATE instance_key_statement SET document = '{}'")
    db.session.expire_all()
    with pytest.raises(IntegrityFault, match="khác với nhật ký"):
        instance_keys.key_list()
    assert not audit_verify.verify().ok


# --- what strangers get -----------------------------------------------------------------------------------------------


def test_a_qr_tells_its_holder_what_the_paper_must_say(issued: Cast) -> None:
    record = records()[1]
    answer = verification.by_text(record.qr_text or "", LATER)
    assert (
        answer.report.ok and answer.standing == "in_force" and answer.words.heading == "Mã QR thật, học bạ còn hiệu lực"
    )
    assert answer.report.student_name == "Nguyễn Bảo Châu" and len(answer.results) == 12
    assert ("Ngữ văn", "4.8") in answer.results
    elsewhere = (record.qr_text or "").replace("https://", "http://10.0.0.5:5000/x/")
    assert verification.by_text(elsewhere, LATER).report.ok, "the same page under another name"


def test_a_qr_that_was_not_printed_on_this_paper_tells_nothing(issued: Cast) -> None:
    mine, other = records()[0], records()[1]
    digits = (other.qr_text or "").partition("#")[2]
    moved = verification.by_text(f"https://x/{mine.uuid}#{digits}", LATER)
    assert not moved.report.ok and moved.report.student_name is None and "bị sửa" in moved.words.sentence
    with pytest.raises(Invalid):
        verification.by_text("  ", LATER)
    for text in ("x" * 6000, "https://x/y#" + "1" * 300, f"https://x/{mine.uuid}#" + "9" * 900):
        assert not verification.by_text(text, LATER).report.ok


def test_a_second_summary_of_the_same_record_by_the_true_key_is_not_the_printed_one(issued: Cast) -> None:
    """Whoever had the key could sign better marks; the school still knows what it printed."""
    record = records()[1]
    summary, _, _ = qr_summary.read_text(record.qr_text or "")
    key = ik.key_from_bytes(instance_keys.present_key(LATER) or b"")
    better = qr_summary.make_text(
        dataclasses.replace(summary, results=tuple((code, "9.9") for code, _ in summary.results)),
        (record.qr_text or "").partition("#")[0],
        key,
    )
    answer = verification.by_text(better, LATER)
    assert not answer.report.ok and answer.report.problems == (verification.OTHER_QR,) and answer.report.details is None


def test_a_replayed_qr_of_a_recalled_record_says_so(issued: Cast) -> None:
    record = records()[0]
    recall_requests.recall(issued.actor("principal"), record.uuid, "Sai nơi sinh", LATER)
    answer = verification.by_text(record.qr_text or "", LATER)
    assert answer.standing == "recalled" and answer.words.tone == "late" and answer.words.heading == "Học bạ đã thu hồi"


def test_a_qr_of_a_record_that_is_not_published_tells_nothing(built: Cast) -> None:
    answer = verification.by_text(records()[0].qr_text or "", LATER)
    assert answer.standing == "not_issued" and answer.report.student_name is None and answer.words.tone == "late"


def test_the_report_somebody_takes_home_is_believed_here_and_elsewhere(issued: Cast) -> None:
    data = stored_documents.read(records()[0].pdf_digest)
    report = verification.signed_report(verification.by_file(data, LATER), data, LATER)
    assert report is not None
    told = json.loads(report)
    assert told["result"]["verdict"]["heading"] == "Học bạ thật, còn hiệu lực" and told["match"] == "current"
    found = verification.by_file(report, LATER)
    assert found.report.ok and found.report.kind == "report" and found.words.heading == "Báo cáo thật"
    forged = verification.by_file(report.replace(b'"current"', b'"other"'), LATER)
    assert not forged.report.ok and "bị sửa" in forged.words.sentence


def test_a_report_by_a_withdrawn_key_is_believed_no_more_on_the_schools_own_page(issued: Cast) -> None:
    """At once, and also what a thief makes of it later (decision 0017)."""
    data = stored_documents.read(records()[0].pdf_digest)
    report = verification.signed_report(verification.by_file(data, LATER), data, LATER) or b""
    key_id = json.loads(report)["key_id"]
    stolen = ik.key_from_bytes((document_pool.config().keys / f"instance-{key_id}.pem").read_bytes())
    forged = {**json.loads(report), "made_at": ik.instant(LATER + timedelta(hours=2)), "file_sha256": "0" * 64}
    forged.pop("signature")
    theirs = json.dumps(ik.sign_json(forged, stolen), ensure_ascii=False).encode()
    instance_keys.withdraw(issued.actor("clerk"), key_id, "Mất ổ sao lưu", LATER)
    for seal_has_spoken in (False, True):
        if seal_has_spoken:
            instance_keys.certify(issued.actor("clerk"), DEMO_PIN, LATER)
        for file in (report, theirs):
            found = verification.by_file(file, LATER + timedelta(hours=3))
            assert not found.report.ok and "Mất ổ sao lưu" in found.words.sentence and found.words.tone == "wrong"


def test_the_page_to_keep_is_recognised_to_the_byte(issued: Cast) -> None:
    page = offline_page.page()
    assert page == offline_page.page() and len(page.digest_words.split()) == 16
    assert verification.by_file(page.data, LATER).report.ok
    forged = verification.by_file(page.data.replace("Học bạ thật".encode(), "Học bạ thậT".encode(), 1), LATER)
    assert not forged.report.ok and forged.words.heading == "Không phải trang kiểm tra của trường"
    instance_keys.withdraw(issued.actor("clerk"), instance_keys.views()[0].key_id, "Thử", LATER)
    instance_keys.certify(issued.actor("clerk"), DEMO_PIN, LATER)
    assert offline_page.page().digest != page.digest and not verification.by_file(page.data, LATER).report.ok


def test_a_certificate_not_bound_to_its_role_when_it_signed_is_refused(
    built: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if signing itself had let it pass: the judge reads the register as the log had it then, whatever it says now."""
    person = db.session.get(m.Account, built.actor("math").account_id).person_id
    certificate = certificates.current_certificate(person)
    certificate_standing.bind_roles(built.actor("it_officer"), certificate.id, ["principal"], NOW)
    monkeypatch.setattr(certificates, "require_bound", lambda row, role: None)
    for index, (role, key) in enumerate((("homeroom", "math"), ("principal", "principal"), ("seal", "clerk"))):
        signing.sign_class(built.actor(key), built.classes["9A"], role, DEMO_PIN, NOW + timedelta(hours=index + 1))
    data = stored_documents.read(records()[0].pdf_digest)
    for bound in (None, ["homeroom", "principal"]):
        if bound:
            certificate_standing.bind_roles(built.actor("it_officer"), certificate.id, bound, LATER)
        found = verification.by_file(data, LATER)
        assert not found.report.ok and found.report.signatures[0].reasons == (registered_signers.NOT_BOUND,)
        assert found.report.signatures[1].ok


def test_a_certificate_bound_otherwise_since_still_signed_then(issued: Cast) -> None:
    record = records()[0]
    signature = next(row for row in record.signatures if row.role == "homeroom")
    certificate_standing.bind_roles(issued.actor("it_officer"), signature.certificate_id, ["principal"], LATER)
    assert verification.by_file(stored_documents.read(record.pdf_digest), LATER).report.ok


def test_a_certificate_revoked_later_still_signed_then(issued: Cast) -> None:
    from hocbaso import models as m
    from hocbaso.services import certificate_standing

    record = records()[0]
    signature = next(row for row in record.signatures if row.role == "homeroom")
    certificate = db.session.get(m.Certificate, signature.certificate_id)
    certificate_standing.revoke(issued.actor("it_officer"), certificate.id, "Nghỉ việc", LATER)
    assert verification.by_file(stored_documents.read(record.pdf_digest), LATER).report.ok


def test_demo_pins_are_for_the_system_alone(issued: Cast) -> None:
    assert test_school_keys.demo_seal_pin(issued.actor("clerk")) is None
