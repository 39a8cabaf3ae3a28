"""The traps of making and judging signatures that were met when the libraries were measured, each with its own test.

Elsewhere: fonts, determinism and attachments in ``test_pdf_render``; a missing time-stamping authority and levels in
``test_signers``; flips, increments, expiry, revocation and strangers in ``test_verification``; the pypdf bound in
``tests/architecture/test_requirements``; light imports of the web process in ``test_store_and_workers``.
"""

from __future__ import annotations

import io
import re
from datetime import datetime

import pikepdf
import pytest

from hocbaso.documents import cms, endesive_compat, pades
from hocbaso.documents.signers import SoftwareKeySigner
from hocbaso.documents.verification import verify_file

from .conftest import NOW, World


def refused(world: World, data: bytes, at: datetime = NOW) -> str:
    report = verify_file(data, world.roots, world.authority.crls(NOW), at)
    assert not report.ok and report.reasons
    return " ".join(report.reasons)


class Counting:
    """A signer that counts how often its key is used."""

    def __init__(self, inner: SoftwareKeySigner) -> None:
        self.inner, self.chain, self.key_kind, self.n = inner, inner.chain, inner.key_kind, 0

    def sign_digest(self, digest: bytes) -> bytes:
        self.n += 1
        return self.inner.sign_digest(digest)


def test_endesive_is_there_although_this_openssl_has_a_two_digit_patch_number() -> None:
    assert endesive_compat.endesive_pdf.SignedData


def test_the_base_file_has_no_cross_reference_stream_that_endesive_cannot_append_to(world: World) -> None:
    assert b"/ObjStm" not in world.unsigned and b"/Type /XRef" not in world.unsigned and b"\nxref\n" in world.unsigned


def test_the_attachment_stands_once_among_the_associated_files(world: World) -> None:
    for data in (world.unsigned, world.pdf):
        with pikepdf.open(io.BytesIO(data)) as pdf:
            assert len(pdf.Root.AF) == 1 and len(pdf.Root.Names.EmbeddedFiles.Names) == 2


def test_each_signature_says_that_it_is_pades_and_the_first_allows_only_filling_in(world: World) -> None:
    assert world.pdf.count(b"/ETSI.CAdES.detached") == 3 and b"adbe.pkcs7" not in world.pdf
    assert len(re.findall(rb"/TransformMethod\s*/DocMDP", world.pdf)) == 1
    assert len(re.findall(rb"/P\s+2\b", world.pdf)) >= 1 and b"/DSS" not in world.pdf


@pytest.mark.parametrize("role", ["homeroom", "principal"])
def test_a_token_is_asked_once_for_a_signature(world: World, role: str) -> None:
    signer = Counting(world.signers[role])
    base = world.unsigned if role == "homeroom" else world.steps[0]
    pades.sign_pdf(base, role, signer, at=NOW, mark=world.mark(role))
    assert signer.n == 1


@pytest.mark.parametrize("old", [b"/ETSI.CAdES.detached", b"/Adobe.PPKLite"])
def test_a_signature_that_says_it_is_of_another_kind_is_refused(world: World, old: bytes) -> None:
    assert old in world.pdf
    refused(world, world.pdf.replace(old, b"/adbe.pkcs7.detached"[: len(old)].ljust(len(old), b"x")))


def test_a_valid_signature_of_the_older_kind_is_refused_by_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made by our own signer but for the sub-filter: everything holds, and still it is no PAdES."""
    of = pades.endesive_pdf.SignedData._make_signature
    name = pades.po.NameObject("/adbe.pkcs7.detached")

    def older(self, Contents=None, Type=None, SubFilter=None):  # type: ignore[no-untyped-def]
        return of(self, Contents=Contents, Type=Type, SubFilter=name)

    monkeypatch.setattr(pades._Increment, "_make_signature", older)
    assert "không theo chuẩn PAdES" in refused(world, world.sign_all(world.unsigned))


def test_a_certificate_that_vouches_for_nothing_may_not_travel_along(world: World) -> None:
    key, chain = world.authority.issue("Đoàn Thị Hải Yến", now=NOW, personal_id="036175004321")
    _, other = world.authority.issue("Người Ngoài", now=NOW)
    signer = SoftwareKeySigner(key, (*chain, other[0]))
    pdf = world.sign_all(world.unsigned, {**world.signers, "principal": signer})
    assert "không thuộc đường tin cậy" in refused(world, pdf)


@pytest.mark.parametrize("filler", [b"00" * 3 + b"01", b"ff" * 4])
def test_anything_but_zeros_after_the_signature_s_der_is_refused(world: World, filler: bytes) -> None:
    for start, end, _ in pades.signature_spans(world.pdf):
        changed = bytearray(world.pdf)
        assert changed[end - 1 - len(filler) : end - 1] == b"0" * len(filler), "there is padding to write into"
        changed[end - 1 - len(filler) : end - 1] = filler
        assert (
            "Vùng chứa chữ ký số" in refused(world, bytes(changed)) or start < pades.signature_spans(world.pdf)[-1][0]
        )


def test_a_cms_written_in_another_order_is_refused(world: World) -> None:
    start, end, _ = pades.signature_spans(world.pdf)[-1]
    parts = pades.read_contents(world.pdf, start, end)
    der = cms.build(parts.digest, parts.chain, parts.signature)
    first, second = sorted(parts.chain)
    swapped = der.replace(first + second, second + first)
    assert swapped != der and len(swapped) == len(der)
    text = world.pdf[start:end].replace(der.hex().encode(), swapped.hex().encode())
    assert len(text) == end - start and text != world.pdf[start:end]
    assert "dạng chuẩn" in refused(world, world.pdf[:start] + text + world.pdf[end:])


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("how", ["zeroed", "wider gap", "shorter end", "later start"])
def test_a_byte_range_that_leaves_something_out_is_refused(world: World, which: int, how: str) -> None:
    found = list(re.finditer(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]", world.pdf))[which]
    numbers = [int(number) for number in found.groups()]
    match how:
        case "zeroed":
            numbers = [0, 0, 0, 0]
        case "wider gap":
            numbers[1], numbers[2], numbers[3] = numbers[1] - 40, numbers[2] + 40, numbers[3] - 40
        case "shorter end":
            numbers[3] -= 20
        case "later start":
            numbers[0], numbers[1] = 9, numbers[1] - 9
    text = b"/ByteRange [" + b" ".join(b"%d" % number for number in numbers)
    text = text.ljust(len(found[0]) - 1) + b"]"
    assert len(text) == len(found[0])
    told = refused(world, world.pdf[: found.start()] + text + world.pdf[found.end() :])
    if how == "wider gap":
        assert "Vùng chứa chữ ký số đã bị sửa" in told
    elif which < 2 or how == "shorter end":
        assert "Nội dung tệp đã bị thay đổi sau khi ký" in told
    else:  # the last one's range names no file at all
        assert "Tệp bị hỏng hoặc không phải học bạ số" in told


def test_neither_the_last_nor_the_first_signature_can_be_taken_away(world: World) -> None:
    assert "còn thiếu" in refused(world, world.steps[1])
    with pikepdf.open(io.BytesIO(world.pdf)) as pdf:
        del pdf.Root.AcroForm.Fields[0].V
        out = io.BytesIO()
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    refused(world, out.getvalue())


def test_catalogue_and_form_are_written_again_only_where_they_change(world: World) -> None:
    added = [step[len(before) :] for before, step in zip([world.unsigned, *world.steps], world.steps, strict=False)]
    assert [part.count(b"/Type /Catalog") for part in added] == [1, 0, 0]
    assert [part.count(b"/SigFlags") for part in added] == [0, 0, 0]
    assert b"/Perms" in added[0]
