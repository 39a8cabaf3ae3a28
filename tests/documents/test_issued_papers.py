"""Papers of every form that was ever issued, made by the program of their day, are still read, believed and protected."""

from __future__ import annotations

from pathlib import Path

import pytest

from hocbaso.documents import verification, xml_record, xml_signature
from hocbaso.documents.transcript_content import FORMAT_VERSIONS

from .conftest import NOW

ISSUED = Path(__file__).with_name("issued")
FORMS = [version.rpartition("-")[2] for version in FORMAT_VERSIONS]


def judged(form: str, kind: str, data: bytes | None = None) -> verification.VerificationReport:
    roots = ((ISSUED / f"{form}-root.pem").read_bytes(),)
    crls = tuple((ISSUED / f"{form}-{number}.crl").read_bytes() for number in range(2))
    return verification.verify_file(data or (ISSUED / f"{form}.{kind}").read_bytes(), roots, crls, NOW)


def test_there_is_a_paper_of_each_form() -> None:
    assert sorted(path.stem for path in ISSUED.glob("*.pdf")) == FORMS
    for form, version in zip(FORMS, FORMAT_VERSIONS, strict=True):
        record = xml_signature.take_apart((ISSUED / f"{form}.xml").read_bytes())
        assert record.content.format_version == version


@pytest.mark.parametrize("kind", ["pdf", "xml"])
@pytest.mark.parametrize("form", FORMS)
def test_it_is_as_good_as_on_its_day(form: str, kind: str) -> None:
    report = judged(form, kind)
    assert report.ok, (report.problems, report.reasons)
    assert [(one.role, one.ok) for one in report.signatures] == [
        ("homeroom", True),
        ("principal", True),
        ("seal", True),
    ]


@pytest.mark.parametrize("kind", ["pdf", "xml"])
@pytest.mark.parametrize("form", FORMS)
def test_and_a_changed_byte_as_bad(form: str, kind: str) -> None:
    data = bytearray((ISSUED / f"{form}.{kind}").read_bytes())
    for at in range(len(data) // 9, len(data), len(data) // 9):
        data[at] ^= 1
        assert not judged(form, kind, bytes(data)).ok, at
        data[at] ^= 1


def test_the_record_in_the_pdf_is_the_one_in_the_xml() -> None:
    for form in FORMS:
        zone = xml_signature.take_apart((ISSUED / f"{form}.xml").read_bytes()).data_zone
        assert (
            xml_record.build_data_zone(xml_signature.take_apart((ISSUED / f"{form}.xml").read_bytes()).content) == zone
        ), "the record is rebuilt byte for byte"
