"""What strangers may know of a transcript."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest

from hocbaso.documents import package, signers, verdict_words, xml_record, xml_signature
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import IntegrityFault, Invalid, Unavailable
from hocbaso.services import (
    certificates,
    recall_requests,
    registered_signers,
    signing,
    stored_documents,
    test_school_keys,
    transcript_moves,
    verification,
)
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    built_fixture,
    built_template_fixture,
    issued_fixture,
    issued_template_fixture,
)
from tests.services.test_transcripts import records, tamper

LATER = NOW + timedelta(days=1)


def test_a_code_tells_little_and_truly(issued: Cast) -> None:
    answer = verification.by_code(records()[1].uuid)
    assert (answer.standing, answer.initials, answer.class_name, answer.school_year) == (
        "in_force",
        "N. B. C.",
        "9A",
        "2026-2027",
    )
    assert "Châu" not in repr(answer)


def test_an_unsealed_record_tells_nothing(built: Cast) -> None:
    answer = verification.by_code(records()[0].uuid)
    assert answer.standing == "not_issued" and answer.initials is None and answer.school_name is None


def test_a_sealed_record_that_is_kept_back_tells_nothing(built: Cast) -> None:
    for index, (role, key) in enumerate((("homeroom", "math"), ("principal", "principal"), ("seal", "clerk"))):
        signing.sign_class(
            built.actor(key),
            built.classes["9A"],
            role,
            test_school_keys.DEMO_PIN,
            NOW + timedelta(hours=index),
            publish_on_seal=False,
        )
    record = records()[0]
    assert record.state == "ISSUED"
    assert verification.by_code(record.uuid).standing == "not_issued"
    transcript_moves.publish_class(built.actor("principal"), built.classes["9A"], NOW + timedelta(hours=5))
    assert verification.by_code(record.uuid).standing == "in_force"


@pytest.mark.parametrize(
    "change", ["state = 'RECALLED'", "issue_on = '2026-01-01'", "content = replace(content, '9A', '9Z')"]
)
def test_a_record_altered_behind_the_application_is_not_confirmed(issued: Cast, change: str) -> None:
    record = records()[0]
    tamper(f"UPDATE transcript_record SET {change} WHERE id = :id", id=record.id)
    with pytest.raises(IntegrityFault, match="chưa xác nhận được") as told:
        verification.by_code(record.uuid)
    assert "9Z" not in told.value.message


def test_an_unknown_code_is_unknown(issued: Cast) -> None:
    assert verification.by_code("7c1e4b0a-52d8-4f19-9e36-b8a07d2f61c4").standing == "unknown"


def test_codes_are_read_as_people_write_them() -> None:
    wanted = "7c1e4b0a-52d8-4f19-9e36-b8a07d2f61c4"
    for raw in (
        wanted,
        wanted.upper(),
        f" {wanted} ",
        wanted.replace("-", ""),
        f"https://hocba.example/xac-thuc/{wanted}",
        f"https://hocba.example/xac-thuc?ma={wanted}",
    ):
        assert verification.read_code(raw) == wanted
    with pytest.raises(Invalid, match="mới có 31"):
        verification.read_code(wanted[:-1])
    with pytest.raises(Invalid):
        verification.read_code("z" + wanted[1:])


@pytest.mark.parametrize("face", ["pdf_digest", "xml_digest"])
def test_the_file_in_force_is_recognised(issued: Cast, face: str) -> None:
    found = verification.by_file(stored_documents.read(getattr(records()[0], face)), LATER)
    assert found.report.ok and found.standing == "in_force" and found.match == "current"
    assert [s.role for s in found.report.signatures] == ["homeroom", "principal", "seal"]


def test_a_file_before_the_seal_is_not_good_enough(issued: Cast) -> None:
    found = verification.by_file(stored_documents.read(records()[0].signatures[1].pdf_digest), LATER)
    assert not found.report.ok and found.match == "former"


def test_a_recalled_and_a_replaced_file_still_verify_but_say_so(issued: Cast) -> None:
    row = records()[0]
    data = stored_documents.read(row.pdf_digest)
    recall_requests.recall(issued.actor("principal"), row.uuid, "Sai nơi sinh", LATER)
    found = verification.by_file(data, LATER)
    assert found.report.ok and found.standing == "recalled" and found.recalled_on == LATER
    assert verification.by_code(row.uuid).standing == "recalled"


def test_an_altered_file_is_refused(issued: Cast) -> None:
    data = stored_documents.read(records()[1].xml_digest)
    forged = data.replace(b"<CA_NAM>4.8</CA_NAM>", b"<CA_NAM>9.8</CA_NAM>")
    assert forged != data
    found = verification.by_file(forged, LATER)
    assert not found.report.ok and found.match == "other"


def test_rubbish_is_answered_not_crashed_upon(issued: Cast) -> None:
    for data in (b"%PDF-1.7 rubbish", b"<a/>", b"PK\x03\x04", b"hello", b"\x00" * 100):
        found = verification.by_file(data, LATER)
        assert not found.report.ok and found.standing == "unknown"
    with pytest.raises(Invalid):
        verification.by_file(b"", LATER)
    with pytest.raises(Invalid):
        verification.by_file(b"x" * (verification.MAX_UPLOAD + 1), LATER)


def test_an_address_that_asks_too_often_waits() -> None:
    throttle = verification.Throttle(3, timedelta(minutes=1))
    for _ in range(3):
        throttle.ask("10.0.0.1", NOW)
    with pytest.raises(Unavailable):
        throttle.ask("10.0.0.1", NOW)
    throttle.ask("10.0.0.2", NOW)
    throttle.ask("10.0.0.1", NOW + timedelta(minutes=1))


def test_a_recall_undone_in_the_database_makes_no_file_good_again(issued: Cast) -> None:
    row = records()[1]
    row_id, data = row.id, stored_documents.read(row.pdf_digest)
    recall_requests.recall(issued.actor("principal"), row.uuid, "Sai nơi sinh", LATER)
    tamper("UPDATE transcript_record SET state = 'PUBLISHED', recalled_at = NULL WHERE id = :id", id=row_id)
    with pytest.raises(IntegrityFault, match="chưa xác nhận được"):
        verification.by_file(data, LATER)


def test_a_sealed_file_that_is_kept_back_is_not_in_force(built: Cast) -> None:
    for index, (role, key) in enumerate((("homeroom", "math"), ("principal", "principal"), ("seal", "clerk"))):
        at, pin = NOW + timedelta(hours=index), test_school_keys.DEMO_PIN
        signing.sign_class(built.actor(key), built.classes["9A"], role, pin, at, publish_on_seal=False)
    row = records()[0]
    found = verification.by_file(stored_documents.read(row.pdf_digest), LATER)
    assert found.standing == "not_issued" and found.words.heading == "Học bạ chưa cấp"


def test_a_file_that_is_not_good_is_not_called_in_force(issued: Cast) -> None:
    """A program that reads only the standing must not take an unsigned file with a true code for the record."""
    zone = xml_record.take_apart(stored_documents.read(records()[0].xml_digest)).data_zone
    told = verification.plain_file(verification.by_file(xml_record.assemble(zone), LATER))
    assert told["ok"] is False and told["standing"] == "unknown"


def test_another_content_signed_by_the_same_keys_under_the_same_code_is_refused(issued: Cast) -> None:
    row = records()[1]
    content = tc.from_canonical_json(row.content.encode())
    at = next(i for i, item in enumerate(content.subjects) if item.year and item.year[0].isdigit())
    better = dataclasses.replace(content.subjects[at], year="9.9")
    assert better != content.subjects[at]
    subjects = (*content.subjects[:at], better, *content.subjects[at + 1 :])
    xml = xml_record.assemble(xml_record.build_data_zone(dataclasses.replace(content, subjects=subjects)))
    for role, person in (("homeroom", "math"), ("principal", "principal"), ("seal", None)):
        owner = issued.people[person] if person else None
        certificate = certificates.current_certificate(owner)
        envelope = signers.KeyEnvelope(certificate.key_envelope, certificates.owner_key(owner), certificate.fingerprint)
        key = signers.SoftwareKeySigner.from_envelope(
            envelope, certificates.chain_of(certificate), test_school_keys.DEMO_PIN, certificates.server_secret()
        )
        xml = xml_signature.sign_xml(xml, role, key, at=NOW + timedelta(hours=3))
    found = verification.by_file(xml, LATER)
    assert (
        not found.report.ok and found.words.tone == "wrong" and registered_signers.OTHER_CONTENT in found.words.sentence
    )
    report = json.loads(verification.signed_report(found, xml, LATER) or b"")
    assert report["result"]["ok"] is False and report["standing"] == "unknown"


@pytest.mark.parametrize("face", ["pdf_digest", "xml_digest"])
def test_a_file_in_force_stays_so_when_a_certificate_has_ended(issued: Cast, face: str) -> None:
    data = stored_documents.read(getattr(records()[0], face))
    found = verification.by_file(data, NOW + timedelta(days=2200))
    assert found.report.ok and found.words.tone == "done" and found.words.heading == "Học bạ thật, còn hiệu lực"
    assert "nay đã hết hạn, nhưng khi ký thì còn hạn" in found.words.sentence
    # Another file with ended certificates is no better than before: only what lies in the store has the log behind it.
    longer = verification.by_file(data + b"\n", NOW + timedelta(days=2200))
    assert not longer.report.ok and longer.match != "current"


def test_a_package_of_the_two_stored_files_is_in_force(issued: Cast) -> None:
    row, other = records()[:2]
    pdf, xml = stored_documents.read(row.pdf_digest), stored_documents.read(row.xml_digest)
    found = verification.by_file(package.build_package(pdf, xml, row.uuid), LATER)
    assert found.report.ok and (found.standing, found.match) == ("in_force", "current")
    mixed = package.build_package(pdf, stored_documents.read(other.xml_digest), row.uuid)
    assert not verification.by_file(mixed, LATER).report.ok


def test_a_file_without_its_seal_of_an_issued_record_is_not_to_be_waited_for(issued: Cast) -> None:
    found = verification.by_file(stored_documents.read(records()[0].signatures[1].pdf_digest), LATER)
    assert "còn thiếu: nhà trường" in found.words.sentence
    assert found.words.next_step == verdict_words.ASK_ORIGINAL
