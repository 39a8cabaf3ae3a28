"""An elliptic curve's signature has two forms, (r, s) and (r, n - s): since form 1.2 one of them is written and the other is refused."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import utils

from hocbaso.documents import cms, pades, xml_record, xml_signature
from hocbaso.documents.pades_verify import verify_pdf
from hocbaso.documents.signers import SoftwareKeySigner
from hocbaso.documents.transcript_content import FORMAT_1_1
from hocbaso.documents.trust import Trust
from hocbaso.documents.verification_report import TWIN
from hocbaso.errors import IntegrityFault

from .conftest import NOW, World
from .samples import content, unsigned

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def other(raw: bytes) -> bytes:
    r, s = utils.decode_dss_signature(raw)
    return utils.encode_dss_signature(r, ORDER - s)


class Stubborn:
    """A key elsewhere that always gives the larger form, as about every second signature of any key is."""

    def __init__(self, signer: SoftwareKeySigner) -> None:
        self.chain, self.key_kind, self._signer = signer.chain, signer.key_kind, signer

    def sign_digest(self, digest: bytes) -> bytes:
        raw = self._signer.sign_digest(digest)
        return max(raw, other(raw), key=lambda one: utils.decode_dss_signature(one)[1])


def twin_of_pdf(pdf: bytes, at: int) -> bytes:
    """The same file with the other form of signature ``at`` in it."""
    start, end, _ = pades.signature_spans(pdf)[at]
    parts = pades.read_contents(pdf, start, end)
    der = cms.build(parts.digest, parts.chain, other(parts.signature), parts.time_stamp_token)
    return pdf[: start + 1] + der.hex().encode().ljust(end - start - 2, b"0") + pdf[end - 1 :]


def twin_of_xml(xml: bytes, node: str) -> bytes:
    first, last = xml.index(f"<{node}>".encode()), xml.index(f"</{node}>".encode())
    start = xml.index(b"<SignatureValue>", first) + 16
    end = xml.index(b"<", start)
    assert start < last
    raw = base64.b64decode(xml[start:end])
    value = raw[:32] + (ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    return xml[:start] + base64.b64encode(value) + xml[end:]


def trust(world: World) -> Trust:
    return Trust.of(world.roots, world.authority.crls(NOW), NOW)


def test_both_forms_hold_by_the_same_key(world: World) -> None:
    signer, digest = world.signers["seal"], hashlib.sha256(b"x").digest()
    raw, key = signer.sign_digest(digest), cms.load_certificate(signer.chain[0]).public_key()
    assert cms.verify_digest(key, digest, raw) and cms.verify_digest(key, digest, other(raw))
    assert cms.is_twin(signer.chain, raw) != cms.is_twin(signer.chain, other(raw))
    assert cms.lower(world.signers["principal"].chain, b"rsa") == b"rsa"
    with pytest.raises(IntegrityFault):
        cms.lower(signer.chain, b"no signature")


def test_whatever_a_key_gives_the_lower_form_is_written(world: World) -> None:
    for role in ("homeroom", "seal"):
        assert world.signers[role].key_kind == "ec"
    pdf, xml = world.unsigned, xml_record.assemble(xml_record.build_data_zone(world.content))
    for role, signer in world.signers.items():
        used = Stubborn(signer) if signer.key_kind == "ec" else signer
        pdf = pades.sign_pdf(pdf, role, used, at=NOW, mark=world.mark(role))
        xml = xml_signature.sign_xml(xml, role, used, at=NOW)
    for start, end, _ in pades.signature_spans(pdf):
        parts = pades.read_contents(pdf, start, end)
        assert not cms.is_twin(parts.chain, parts.signature)
        if cms.key_kind(parts.chain[0]) == "ec":
            assert utils.decode_dss_signature(parts.signature)[1] <= ORDER // 2
            assert (
                cms.is_twin(parts.chain, other(parts.signature))
                and cms.lower(parts.chain, other(parts.signature)) == parts.signature
            )
    assert verify_pdf(pdf, trust(world)).ok and xml_signature.verify_xml(xml, trust(world)).ok


@pytest.mark.parametrize(("at", "role"), [(0, "homeroom"), (2, "seal")])
def test_the_twin_of_a_pdf_s_signature_is_refused_with_its_own_sentence(world: World, at: int, role: str) -> None:
    # A signature under a later one is covered by it: there the later one fails as well.
    forged = twin_of_pdf(world.pdf, at)
    assert forged != world.pdf and len(forged) == len(world.pdf)
    report = verify_pdf(forged, trust(world))
    assert not report.ok
    (verdict,) = (one for one in report.signatures if one.role == role)
    assert verdict.reasons == (TWIN,)


@pytest.mark.parametrize(("node", "role"), [("GVCN", "homeroom"), ("KY_PHAT_HANH", "seal")])
def test_the_twin_of_an_xml_s_signature_is_refused_with_its_own_sentence(world: World, node: str, role: str) -> None:
    report = xml_signature.verify_xml(twin_of_xml(world.xml, node), trust(world))
    assert not report.ok and [one.role for one in report.signatures if not one.ok] == [role]
    assert [one.reasons for one in report.signatures if not one.ok] == [(TWIN,)]


def test_nobody_signs_upon_a_twin(world: World) -> None:
    with pytest.raises(IntegrityFault, match="trước đó"):
        xml_signature.prepare_xml(
            twin_of_xml(world.xml_steps[0], "GVCN"), "principal", world.signers["principal"].chain, at=NOW
        )
    with pytest.raises(IntegrityFault, match="trước đó"):
        pades.sign_pdf(
            twin_of_pdf(world.steps[0], 0),
            "principal",
            world.signers["principal"],
            at=NOW,
            mark=world.mark("principal"),
        )


def test_a_paper_of_an_older_form_keeps_the_form_that_its_key_gave(world: World) -> None:
    """Half of the papers that were issued hold the larger one; their own data say which form they are of, and all three have signed that."""
    value = content(format_version=FORMAT_1_1)
    pdf, xml = unsigned(value), xml_record.assemble(xml_record.build_data_zone(value))
    for role, signer in world.signers.items():
        pdf = pades.sign_pdf(pdf, role, signer, at=NOW, mark=world.mark(role))
        xml = xml_signature.sign_xml(xml, role, signer, at=NOW)
    assert verify_pdf(twin_of_pdf(pdf, 2), trust(world)).ok
    assert xml_signature.verify_xml(twin_of_xml(xml, "KY_PHAT_HANH"), trust(world)).ok
