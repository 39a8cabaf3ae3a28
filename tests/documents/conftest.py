"""One signed record for all tests of this folder: building and signing it once takes a second."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from hocbaso.documents import pades, xml_record, xml_signature
from hocbaso.documents.signers import SoftwareKeySigner
from hocbaso.documents.test_authority import TestAuthority, demo_image
from hocbaso.documents.transcript_content import TranscriptContent

from .samples import content
from .samples import unsigned as unsigned_pdf

NOW = datetime(2026, 5, 13, 2, 30, tzinfo=UTC)
PEOPLE = {
    "homeroom": ("Trịnh Thu Hà", "036184001234", "sign-homeroom", "ec"),
    "principal": ("Đoàn Thị Hải Yến", "036175004321", "sign-principal", "rsa"),
    "seal": ("Trường THCS Đồng Sen", None, "seal", "ec"),
}


@dataclass
class World:
    authority: TestAuthority
    signers: dict[str, SoftwareKeySigner]
    content: TranscriptContent
    unsigned: bytes
    steps: list[bytes]
    xml_steps: list[bytes]
    now: datetime = NOW

    @property
    def pdf(self) -> bytes:
        return self.steps[-1]

    @property
    def xml(self) -> bytes:
        return self.xml_steps[-1]

    @property
    def roots(self) -> list[bytes]:
        return [self.authority.root_pem]

    def mark(self, role: str) -> pades.Mark:
        return pades.Mark(PEOPLE[role][0], "Đồng Sen", demo_image(PEOPLE[role][2]))

    def sign_all(self, pdf: bytes, signers: dict[str, SoftwareKeySigner] | None = None) -> bytes:
        for role, signer in (signers or self.signers).items():
            pdf = pades.sign_pdf(pdf, role, signer, at=self.now, mark=self.mark(role))
        return pdf


def make_signers(authority: TestAuthority, **options: object) -> dict[str, SoftwareKeySigner]:
    return {
        role: SoftwareKeySigner(
            *authority.issue(
                name,
                now=NOW,
                personal_id=number,
                organisation="Trường THCS Đồng Sen",
                kind=kind,
                **options,  # type: ignore[arg-type]
            )
        )
        for role, (name, number, _, kind) in PEOPLE.items()
    }


@pytest.fixture(scope="session")
def world() -> World:
    authority = TestAuthority.create(NOW)
    signers = make_signers(authority)
    value = content()
    unsigned = unsigned_pdf(value)
    steps, xml_steps = [], []
    pdf, xml = unsigned, xml_record.assemble(xml_record.build_data_zone(value))
    for role, signer in signers.items():
        mark = pades.Mark(PEOPLE[role][0], "Đồng Sen", demo_image(PEOPLE[role][2]))
        pdf = pades.sign_pdf(pdf, role, signer, at=NOW, mark=mark)
        xml = xml_signature.sign_xml(xml, role, signer, at=NOW)
        steps.append(pdf)
        xml_steps.append(xml)
    return World(authority, signers, value, unsigned, steps, xml_steps)
