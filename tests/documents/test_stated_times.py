"""The time that a signature states looks back as well as forward: before the certificate, before the record, out of turn."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from hocbaso.documents import pades, xml_record, xml_signature
from hocbaso.documents.trust import TURNED_ROUND
from hocbaso.documents.verification import verify_file
from hocbaso.documents.verification_report import VerificationReport

from .conftest import NOW, PEOPLE, World

HOUR = timedelta(hours=1)


def both(world: World, times: list[datetime]) -> tuple[VerificationReport, VerificationReport]:
    """The verdicts on PDF and XML signed at these times, by the right people."""
    pdf, xml = world.unsigned, xml_record.assemble(xml_record.build_data_zone(world.content))
    for (role, signer), at in zip(world.signers.items(), times, strict=True):
        pdf = pades.sign_pdf(pdf, role, signer, at=at, mark=pades.Mark(PEOPLE[role][0], "Đồng Sen", None))
        xml = xml_signature.sign_xml(xml, role, signer, at=at)
    lists = world.authority.crls(NOW)
    return verify_file(pdf, world.roots, lists, NOW), verify_file(xml, world.roots, lists, NOW)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([NOW - 2 * HOUR] * 3, "sớm hơn ngày chứng thư có hiệu lực"),
        ([NOW - timedelta(days=730)] * 3, "sớm hơn lúc lập học bạ"),
        ([NOW, NOW - HOUR / 6, NOW - HOUR / 1.2], TURNED_ROUND),
    ],
    ids=["before the certificate", "before the record", "the seal before the teacher"],
)
def test_a_time_that_cannot_be_is_refused_in_both_files(world: World, times: list[datetime], words: str) -> None:
    for report in both(world, times):
        assert not report.ok and any(words in reason for reason in report.reasons), report.reasons


def test_clocks_that_differ_by_minutes_are_forgiven(world: World) -> None:
    for report in both(world, [NOW, NOW - HOUR / 7, NOW - HOUR / 8]):
        assert report.ok, report.reasons
