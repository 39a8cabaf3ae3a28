"""The attacks of a foreign hand that no other test of this folder makes, each refused for its own reason.

The whole set by name (what somebody who wants a better mark would try), and where it is: byte flipped, junk or a second /ByteRange after the end,
content changed in an increment, annotation over a grade, embedded XML swapped, expired, revoked, another person's certificate, the right name from
another CA, XML signatures wrapped or moved: ``test_verification``; /ByteRange zeroed or with a wider gap, padding, a certificate that vouches
for nothing: ``test_signing_traps``; forged time, stamp of another signature, content under a new stamp, cut below its level: ``test_long_proof`` and
``tests/services/test_proofs``; many random files and places: ``test_many_files``.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hocbaso.documents import cms, pades
from hocbaso.documents.pades_verify import verify_pdf
from hocbaso.documents.signers import SoftwareKeySigner
from hocbaso.documents.trust import Trust
from hocbaso.documents.verification_report import ALTERED, STRANGER
from hocbaso.errors import WrongState

from .conftest import NOW, World
from .test_long_proof import Proofs, made_fixture, proofs_fixture  # noqa: F401 (fixtures)
from .test_verification import _signed_with_another_program, judge, refused


def test_a_flipped_byte_of_a_page_breaks_every_signature_and_says_so(world: World) -> None:
    changed = bytearray(world.pdf)
    changed[world.pdf.index(b"stream\n") + 40] ^= 1
    report = judge(world, bytes(changed))
    assert not report.ok and report.is_altered
    assert [item.reasons[0] for item in report.signatures] == [ALTERED] * 3


def test_signed_bytes_moved_away_to_make_room_for_others_are_refused(world: World) -> None:
    """Signature wrapping in a PDF: the second signed part is shifted, /ByteRange follows it, and what is read first is the attacker's."""
    found = list(re.finditer(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]", world.pdf))[-1]
    first, n_first, second, n_second = (int(number) for number in found.groups())
    assert first == 0
    signed = world.pdf[second : second + n_second]
    injected = signed + b"\n% read before what was signed\n"
    moved = b"/ByteRange [%d %d %d %d" % (first, n_first, second + len(injected), n_second)
    assert len(moved) < len(found[0])
    forged = (
        world.pdf[: found.start()]
        + moved.ljust(len(found[0]) - 1)
        + b"]"
        + world.pdf[found.end() : second]
        + injected
        + world.pdf[second:]
    )
    assert judge(world, world.pdf).ok and "Vùng chứa chữ ký số đã bị sửa" in refused(world, forged)


def test_signatures_in_another_order_are_refused_by_judge_and_signer(world: World) -> None:
    key, chain = world.authority.issue("Đoàn Thị Hải Yến", now=NOW)
    turned = _signed_with_another_program(world.unsigned, key, chain, ("HIEU_TRUONG", "GVCN", "NHA_TRUONG"))
    assert "Thứ tự hoặc số chữ ký không đúng quy định" in refused(world, turned)
    for role, base, missing in (
        ("principal", world.unsigned, "giáo viên chủ nhiệm"),
        ("seal", world.unsigned, "giáo viên chủ nhiệm"),
        ("seal", world.steps[0], "Hiệu trưởng"),
    ):
        with pytest.raises(WrongState, match=f"cần chữ ký của {missing} trước"):
            pades.sign_pdf(base, role, world.signers[role], at=NOW, mark=world.mark(role))


def test_a_signature_of_a_trusted_person_above_the_seal_is_refused(world: World) -> None:
    key, chain = world.authority.issue("Mai Thị Thắm", now=NOW)
    told = refused(world, _signed_with_another_program(world.pdf, key, chain, ("THEM",)))
    assert "Thứ tự hoặc số chữ ký không đúng quy định" in told


def test_a_certificate_that_signed_itself_in_the_principals_name_is_a_strangers(world: World) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.load_der_x509_certificate(world.signers["principal"].chain[0]).subject
    own = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=99))
        .sign(key, hashes.SHA256())
    )
    signer = SoftwareKeySigner(key, (own.public_bytes(serialization.Encoding.DER),))
    report = judge(world, world.sign_all(world.unsigned, {**world.signers, "principal": signer}))
    assert not report.ok and report.is_by_stranger
    assert [item.reasons[:1] for item in report.signatures] == [(), (STRANGER,), ()]
    assert report.signatures[1].signer_name == "Đoàn Thị Hải Yến", "the right name, and still nobody's word"


def _with_chain(pdf: bytes, change: object) -> bytes:
    """The last signature's CMS with its certificates changed (same length), nothing of it resigned."""
    start, end, _ = pades.signature_spans(pdf)[-1]
    parts = pades.read_contents(pdf, start, end)
    der = cms.build(parts.digest, parts.chain, parts.signature)
    assert callable(change)
    changed = change(der, parts.chain)
    assert changed != der and len(changed) == len(der)
    text = pdf[start:end].replace(der.hex().encode(), changed.hex().encode())
    assert text != pdf[start:end]
    return pdf[:start] + text + pdf[end:]


def test_a_certificate_beside_the_path_may_neither_stand_there_nor_be_altered(world: World) -> None:
    """pyHanko takes no notice of either: what proves nothing is where changes go unseen."""
    key, chain = world.authority.issue("Trường THCS Đồng Sen", now=NOW, organisation="Trường THCS Đồng Sen")
    _, other = world.authority.issue("Người Ngoài", now=NOW)
    pdf = world.sign_all(world.unsigned, {**world.signers, "seal": SoftwareKeySigner(key, (*chain, other[0]))})
    assert "không thuộc đường tin cậy" in refused(world, pdf)

    def flip(der: bytes, _chain: tuple[bytes, ...]) -> bytes:
        return der.replace(other[0], other[0][:-5] + bytes([other[0][-5] ^ 1]) + other[0][-4:])

    assert refused(world, _with_chain(pdf, flip))


@pytest.mark.parametrize("which", [0, 1])
def test_a_certificate_on_the_path_is_the_one_that_was_issued_to_the_byte(world: World, which: int) -> None:
    def flip(der: bytes, chain: tuple[bytes, ...]) -> bytes:
        one = chain[which]
        return der.replace(one, one[:-5] + bytes([one[-5] ^ 1]) + one[-4:])

    report = judge(world, _with_chain(world.pdf, flip))
    assert not report.ok and [item.ok for item in report.signatures] == [True, True, False]
    # A damaged leaf is no longer the one that its signature names; a damaged authority is one that the school does not know.
    assert (STRANGER in report.reasons) == (which == 1)


def test_content_changed_under_a_document_time_stamp_is_refused(proofs: Proofs) -> None:
    pdf = proofs.b_lta
    page = bytearray(pdf)
    page[pdf.index(b"stream\n") + 40] ^= 1
    report = verify_pdf(bytes(page), Trust.of(proofs.world.roots, (), NOW), prove=False)
    assert [item.reasons[0] for item in report.signatures] == [ALTERED] * 3
    told = " ".join(report.reasons)
    assert "dấu thời gian" in told.lower(), "the stamp covers every byte before it, and says so too"
    # What only the stamp covers: the store of evidence, which no signature has signed.
    at = pdf.index(b"/DSS", len(proofs.b_t) - 50)
    store = bytearray(pdf)
    store[at + 2] ^= 1
    told = " ".join(verify_pdf(bytes(store), Trust.of(proofs.world.roots, (), NOW), prove=False).reasons)
    assert "thiếu bằng chứng" in told and "Có thay đổi không được phép sau chữ ký này" in told
