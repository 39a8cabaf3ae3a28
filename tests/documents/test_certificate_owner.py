"""Whose certificate is a seal, whose a person's (decision 0030): the rule, and the judges that ask it."""

from __future__ import annotations

import pytest

from hocbaso.documents import certificate_owner as owner
from hocbaso.documents import instance_keys as ik
from hocbaso.documents import verdict_words, xml_record, xml_signature
from hocbaso.documents.package import build_package
from hocbaso.documents.signers import SoftwareKeySigner
from hocbaso.documents.verification import verify_file
from hocbaso.documents.verification_report import VerificationReport

from .conftest import NOW, World
from .machine_keys import machine_of, stated, withdrawn
from .odd_certificates import (
    CN,
    LONG_NAME,
    OWN_NUMBER,
    PRINCIPALS,
    PURPOSES,
    SCHOOL_NAME,
    SEALS,
    ST,
    TEACHER,
    UID,
    O,
    signer_of,
)


def judged_with(world: World, role: str, signer: SoftwareKeySigner) -> VerificationReport:
    """The verdict on the sample's XML with another's signature in one place."""
    xml = xml_record.assemble(xml_record.build_data_zone(world.content))
    for name, key in {**world.signers, role: signer}.items():
        xml = xml_signature.sign_xml(xml, name, key, at=NOW)
    return verify_file(xml, world.roots, world.authority.crls(NOW), NOW)


@pytest.mark.parametrize("case", list(SEALS))
def test_a_seal_is_the_school_s_and_nobody_else_s(world: World, case: str) -> None:
    names, school, province, is_seal = SEALS[case]
    reason = owner.why_not_seal(signer_of(world.authority, names).chain[0], school, province)
    assert (reason is None) is is_seal, reason
    assert is_seal or school in reason or "con dấu của trường" in reason


def test_a_teacher_with_the_school_s_number_does_not_seal(world: World) -> None:
    thief = signer_of(world.authority, SEALS["a teacher, the school's number first"][0])
    report = judged_with(world, "seal", thief)
    assert not report.ok and report.reasons == (
        f"Chứng thư cấp cho cá nhân “{TEACHER}”, không phải con dấu của {SCHOOL_NAME}.",
    )
    elsewhere = judged_with(
        world, "seal", signer_of(world.authority, [(CN, SCHOOL_NAME), (UID, "MST:9999999999"), (ST, "Hà Nội")])
    )
    assert not elsewhere.ok and "trường cùng tên ở Hà Nội" in elsewhere.reasons[0]


def test_a_package_whose_files_are_signed_by_two_persons_of_one_name_is_refused(world: World) -> None:
    xml = xml_record.assemble(xml_record.build_data_zone(world.content))
    namesake = signer_of(world.authority, PRINCIPALS["no number"][0])
    for role, key in {**world.signers, "principal": namesake}.items():
        xml = xml_signature.sign_xml(xml, role, key, at=NOW)
    packed = build_package(world.pdf, xml, world.content.record_uuid)
    report = verify_file(packed, world.roots, world.authority.crls(NOW), NOW)
    assert not report.ok and report.problems == ("PDF và XML trong gói không do cùng những người ký.",)


def test_the_verdict_shows_number_and_place_of_a_seal(world: World) -> None:
    seal = signer_of(world.authority, [(CN, SCHOOL_NAME), (UID, "MST:2700123456"), (ST, "Ninh Bình")])
    report = judged_with(world, "seal", seal)
    assert report.ok
    told = verdict_words.of_signature(report.signatures[-1]).sentence
    assert f"{SCHOOL_NAME} (mã số 2700123456, Ninh Bình)" in told


def test_a_name_of_more_than_64_letters_is_sealed_by_its_cut_certificate(world: World) -> None:
    _, chain = world.authority.issue(LONG_NAME, now=NOW, organisation=LONG_NAME)
    assert owner.why_not_seal(chain[0], LONG_NAME) is None


def test_a_namesake_neither_withdraws_nor_vouches_for_a_key_of_the_known_school(world: World) -> None:
    machine = machine_of(world)
    namesake = signer_of(world.authority, [(CN, SCHOOL_NAME), (UID, "MST:9999999999"), (ST, "Hà Nội")])
    theirs = ik.new_key()
    own = [machine.statement]
    keys, refused = ik.known_keys([withdrawn(machine.key, namesake), stated(theirs, namesake)], machine.trust, own=own)
    assert [key.key_id for key in keys] == [machine.statement["key_id"]] and keys[0].withdrawn is None
    assert refused == [ik.OTHER_SEAL.format(school=SCHOOL_NAME)]
    # The school's next seal, of the same organisation, does both.
    again = SoftwareKeySigner(*world.authority.issue(SCHOOL_NAME, now=NOW, organisation=SCHOOL_NAME))
    keys, refused = ik.known_keys([withdrawn(machine.key, again)], machine.trust, own=own)
    assert keys[0].withdrawn and refused == []


def test_one_organisation_is_known_by_its_number_before_its_name(world: World) -> None:
    def der(*names: tuple[object, str]) -> bytes:
        return signer_of(world.authority, list(names)).chain[0]  # type: ignore[arg-type]

    first, renamed = der((CN, "A"), (UID, "MST:1")), der((CN, "B"), (UID, "MST:1"))
    assert owner.is_same_unit(first, renamed) and not owner.is_same_unit(first, der((CN, "A"), (UID, "MST:2")))
    assert owner.is_same_unit(der((CN, "A"), (O, "X")), der((CN, "A"), (O, "X")))
    assert not owner.is_same_unit(der((CN, "A"), (O, "X")), der((CN, "A"), (O, "Y")))
    assert not owner.is_same_unit(first, der((CN, "A")))


@pytest.mark.parametrize("case", list(PRINCIPALS))
def test_a_namesake_is_told_by_each_number_and_name_that_a_certificate_carries(world: World, case: str) -> None:
    names, is_hers = PRINCIPALS[case]
    report = judged_with(world, "principal", signer_of(world.authority, names))
    assert report.ok is is_hers, report.reasons
    if not is_hers:
        assert any("Số định danh" in reason or "không phải" in reason for reason in report.reasons)
        return
    has_number = any(text.endswith(OWN_NUMBER) for _, text in names)
    assert (owner.NO_NUMBER in report.signatures[1].notes) is not has_number


@pytest.mark.parametrize("case", list(PURPOSES))
def test_a_certificate_for_other_purposes_signs_no_transcript(world: World, case: str) -> None:
    purposes, is_critical, is_good = PURPOSES[case]
    names = PRINCIPALS["her number"][0]
    report = judged_with(world, "principal", signer_of(world.authority, names, (purposes, is_critical)))
    assert report.ok is is_good and (is_good or owner.NOT_FOR_SIGNING in report.reasons), report.reasons
