"""What is valid, by whom, when; and that everything else is refused in words, never by a crash."""

from __future__ import annotations

import io
import random
import re
from datetime import timedelta

import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from lxml import etree
from signxml import XMLVerifier

from hocbaso.documents import package, pades, xml_record, xml_signature
from hocbaso.documents.pades_verify import verify_pdf
from hocbaso.documents.signers import SoftwareKeySigner, certificate_fingerprint
from hocbaso.documents.test_authority import TestAuthority
from hocbaso.documents.trust import Trust
from hocbaso.documents.verification import verify_file
from hocbaso.documents.verification_report import STRANGER, UNKNOWN_ISSUER, report_from_plain
from hocbaso.errors import Invalid

from .conftest import NOW, PEOPLE, World, make_signers
from .samples import content, replace, unsigned


def judge(world: World, data: bytes, **options: object):
    options.setdefault("at", NOW)
    return verify_file(data, world.roots, world.authority.crls(NOW), **options)  # type: ignore[arg-type]


def refused(world: World, data: bytes, **options: object) -> str:
    report = judge(world, data, **options)
    assert not report.ok
    assert report.reasons, "a refusal says why"
    return " ".join(report.reasons)


def test_a_good_file_names_who_signed_and_when(world: World) -> None:
    for data, kind, n in (
        (world.pdf, "pdf", 3),
        (world.xml, "xml", 3),
        (package.build_package(world.pdf, world.xml, world.content.record_uuid), "package", 6),
    ):
        report = judge(world, data)
        assert report.ok, report.reasons
        assert report.kind == kind and len(report.signatures) == n
        assert [item.role for item in report.signatures[:3]] == ["homeroom", "principal", "seal"]
        assert [item.signer_name for item in report.signatures[:3]] == [name for name, *_ in PEOPLE.values()]
        assert all(item.signed_at == NOW for item in report.signatures)
        assert report.record_uuid == world.content.record_uuid and report.student_name == "Nguyễn Bảo Châu"
        assert report_from_plain(report.to_plain()) == report


def test_without_roots_nobody_is_known(world: World) -> None:
    for data in (world.pdf, world.xml):
        report = verify_file(data, [], (), NOW)
        assert not report.ok and UNKNOWN_ISSUER in report.reasons


def test_a_root_that_is_not_one_is_wrong_use(world: World) -> None:
    with pytest.raises(Invalid):
        verify_file(world.pdf, [b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"], (), NOW)


def _flips(data: bytes, positions: list[int], seed: int) -> list[tuple[int, bytes]]:
    dice = random.Random(seed)
    out = []
    for position in positions:
        changed = bytearray(data)
        changed[position] ^= 1 << dice.randrange(8)
        out.append((position, bytes(changed)))
    return out


def test_one_flipped_bit_anywhere_in_the_pdf_is_refused(world: World) -> None:
    dice, data = random.Random(22), world.pdf
    spans = pades.signature_spans(data)
    spots = dice.sample(range(len(data)), 60)
    last_start, last_end, _ = spans[-1]
    spots += [last_start, last_start + 1, last_end - 2, last_end - 1, 0, 5, len(data) - 1, len(data) - 7]
    spots += dice.sample(range(last_start, last_end), 80)  # DER and padding of the last signature
    spots += dice.sample(range(spans[0][0], spans[0][1]), 10)
    for match in list(re.finditer(rb"startxref|trailer|/ByteRange|/Contents|xref\n|%%EOF", data))[-14:]:
        spots.append(match.start() + dice.randrange(len(match[0])))
    trust = Trust.of(world.roots, world.authority.crls(NOW), NOW)
    for position, changed in _flips(data, spots, 7):
        # The printed page is compared in its own tests; leaving it out shows that the signatures alone refuse.
        report = verify_pdf(changed, trust, prove=False)
        assert not report.ok, f"bit flipped at {position} was accepted"
        assert report.reasons


def test_one_flipped_bit_anywhere_in_xml_and_package_is_refused(world: World) -> None:
    dice = random.Random(23)
    for position, changed in _flips(world.xml, dice.sample(range(len(world.xml)), 300), 8):
        assert not judge(world, changed).ok, f"bit flipped at {position} was accepted"
    whole = package.build_package(world.pdf, world.xml, world.content.record_uuid)
    edges = [*range(0, 120, 3), *range(len(whole) - 250, len(whole), 5)]
    for position, changed in _flips(whole, edges, 9):
        assert not judge(world, changed).ok, f"bit flipped at {position} was accepted"


def test_case_of_a_hex_digit_in_the_signature_counts(world: World) -> None:
    start, end, _ = pades.signature_spans(world.pdf)[-1]
    at = next(i for i in range(start + 1, end) if world.pdf[i : i + 1] in b"abcdef")
    changed = bytearray(world.pdf)
    changed[at] ^= 0x20
    assert "Vùng chứa chữ ký số đã bị sửa" in refused(world, bytes(changed))


@pytest.mark.parametrize("tail", [b"\n", b"%", b"\n%%EOF\n", b"/ByteRange [0 1 2 3]", b"\x00" * 100])
def test_anything_after_the_end_is_refused(world: World, tail: bytes) -> None:
    told = refused(world, world.pdf + tail)
    # An end that says of no table where it begins leaves no file to be read.
    broken = tail == b"\n%%EOF\n"
    assert ("Tệp bị hỏng" if broken else "Tệp bị thêm nội dung sau chữ ký cuối cùng") in told
    assert ("Số vùng chữ ký trong tệp không khớp" in told) == (b"ByteRange" in tail)
    told = refused(world, world.xml + tail)
    assert "nội dung lạ ngoài vùng dữ liệu" in told or "không đọc được hoặc đã bị hỏng" in told


def test_a_file_cut_short_is_refused(world: World) -> None:
    for cut in (1, 100, 20_000, len(world.pdf) - 9):
        refused(world, world.pdf[:-cut])
    for part in world.steps[:2]:
        assert "còn thiếu" in refused(world, part)
    assert "còn thiếu" in refused(world, world.unsigned)
    assert "còn thiếu" in refused(world, world.xml_steps[1])


@pytest.mark.parametrize(
    "junk", [b"", b"%PDF-1.7\n", b"PK\x03\x04", b"<HOC_BA/>", b"MZ", b"<" * 5000, b"%PDF-1.7\n" + b"[" * 9000]
)
def test_rubbish_is_refused_in_words(world: World, junk: bytes) -> None:
    refused(world, junk)


def _increment(data: bytes, change) -> bytes:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_changes_in_an_increment_are_refused(world: World) -> None:
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.generic import pdf_name

    def other_page(writer) -> None:
        page = writer.root["/Pages"]["/Kids"][3]
        stream = writer.add_object(generic.StreamObject(stream_data=b"BT ET"))
        page["/Contents"] = stream
        writer.update_container(page)

    def annotation(writer) -> None:
        page = writer.root["/Pages"]["/Kids"][3]
        note = generic.DictionaryObject({
            pdf_name("/Type"): pdf_name("/Annot"), pdf_name("/Subtype"): pdf_name("/FreeText"),
            pdf_name("/Rect"): generic.ArrayObject([generic.NumberObject(n) for n in (200, 500, 260, 530)]),
            pdf_name("/Contents"): generic.TextStringObject("10,0"), pdf_name("/DA"): generic.TextStringObject("/Helv 12 Tf"),
        })  # fmt: skip
        page["/Annots"] = generic.ArrayObject([writer.add_object(note)])
        writer.update_container(page)

    def attachment(writer) -> None:
        stream = writer.root["/Names"]["/EmbeddedFiles"]["/Names"][1]["/EF"].raw_get("/F")
        data = stream.get_object().data.replace(b"8.2", b"9.2")
        spec = writer.root["/Names"]["/EmbeddedFiles"]["/Names"][1]
        spec["/EF"]["/F"] = writer.add_object(generic.StreamObject(stream_data=data))
        writer.update_container(spec)

    reasons = {
        other_page: "Trang in khác dữ liệu học bạ",
        annotation: "phần mà học bạ của trường không có",
        attachment: "môn Toán học, cả năm: in “8,2”, dữ liệu “9,2”",
    }
    for change, words in reasons.items():
        for n_signed, base in enumerate(world.steps, 1):
            told = refused(world, _increment(base, change))
            assert words in told and "Tệp bị thêm nội dung sau chữ ký cuối cùng" in told
            # By the signatures alone too: each earlier one allows the next to be filled in, and nothing else.
            assert ("Có thay đổi không được phép sau chữ ký này" in told) == (n_signed > 1)


def test_signing_on_top_of_a_changed_file_is_refused_by_the_signer(world: World) -> None:
    from hocbaso.errors import IntegrityFault

    broken = bytearray(world.steps[0])
    broken[3000] ^= 1
    with pytest.raises(IntegrityFault):
        pades.sign_pdf(bytes(broken), "principal", world.signers["principal"], at=NOW, mark=world.mark("principal"))
    with pytest.raises(IntegrityFault):
        pades.sign_pdf(
            world.steps[0] + b"\n", "principal", world.signers["principal"], at=NOW, mark=world.mark("principal")
        )


def test_printed_page_of_another_record_with_this_xml_is_refused(world: World) -> None:
    """Even validly signed: a page that shows other numbers than its XML is no record."""
    rows = list(world.content.subjects)
    rows[4] = replace(rows[4], year="9.7")
    with pikepdf.open(io.BytesIO(unsigned(replace(world.content, subjects=tuple(rows))))) as pdf:
        stream = pdf.Root.Names.EmbeddedFiles.Names[1].EF.F
        stream.write(xml_record.build_data_zone(world.content))
        out = io.BytesIO()
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable, deterministic_id=True)
    forged = world.sign_all(out.getvalue())
    told = refused(world, forged)
    assert "Trang in khác dữ liệu học bạ ở môn Ngữ văn, cả năm: in “9,7”" in told and "subjects" not in told


def test_expired_and_future_certificates(world: World) -> None:
    assert "hết hạn" in refused(world, world.pdf, at=NOW + timedelta(days=2200))
    assert "hết hạn" in refused(world, world.xml, at=NOW + timedelta(days=2200))
    assert "chưa có hiệu lực" in refused(world, world.pdf, at=NOW - timedelta(hours=3))


def test_a_signing_time_after_today_is_refused(world: World) -> None:
    for data in (world.pdf, world.xml):
        assert "tương lai" in refused(world, data, at=NOW - timedelta(minutes=30))
        assert judge(world, data, at=NOW - timedelta(minutes=3)).ok  # clocks differ


def test_revoked_certificate_even_when_the_list_has_run_out(world: World) -> None:
    authority = TestAuthority.load(world.authority.dump())
    authority.revoke(world.signers["principal"].chain[0], NOW + timedelta(days=1))
    crls = authority.crls(NOW + timedelta(days=1), days=2)
    for data in (world.pdf, world.xml):
        for later in (2, 90):
            report = verify_file(data, world.roots, crls, NOW + timedelta(days=later))
            assert not report.ok and [item.ok for item in report.signatures] == [True, False, True]
            assert "thu hồi" in " ".join(report.reasons)
        assert verify_file(data, world.roots, crls, NOW).ok  # before the revocation


def test_a_revocation_list_of_a_stranger_changes_nothing(world: World) -> None:
    stranger = TestAuthority.create(NOW)
    stranger.revoke(world.signers["principal"].chain[0], NOW)
    assert verify_file(world.pdf, world.roots, stranger.crls(NOW), NOW).ok


def _signed_with_another_program(pdf: bytes, key, chain: tuple[bytes, ...], fields: tuple[str, ...]) -> bytes:
    """Filled by pyHanko with a key somebody made at home: valid PAdES, but neither our bytes nor our issuer."""
    from asn1crypto import keys
    from asn1crypto import x509 as asn1_x509
    from cryptography.hazmat.primitives import serialization
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import PdfSignatureMetadata, PdfSigner, SimpleSigner
    from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    store = SimpleCertificateStore()
    store.register_multiple([asn1_x509.Certificate.load(der) for der in chain])
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(chain[0]),
        signing_key=keys.PrivateKeyInfo.load(plain),
        cert_registry=store,
    )
    for index, name in enumerate(fields):
        meta = PdfSignatureMetadata(
            field_name=name,
            subfilter=SigSeedSubFilter.PADES,
            certify=index == 0 and b"/ByteRange" not in pdf,
            docmdp_permissions=MDPPerm.FILL_FORMS,
        )
        out = PdfSigner(meta, signer).sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)))
        pdf = out.getvalue()
    return pdf


def test_unknown_authority_with_the_same_names(world: World) -> None:
    fakes = make_signers(TestAuthority.create(NOW))
    forged_xml = xml_record.assemble(xml_record.build_data_zone(world.content))
    for role, signer in fakes.items():
        forged_xml = xml_signature.sign_xml(forged_xml, role, signer, at=NOW)
    for forged in (world.sign_all(world.unsigned, fakes), forged_xml):
        report = judge(world, forged)
        assert not report.ok and report.is_by_stranger
        assert [item.reasons for item in report.signatures] == [(STRANGER,)] * 3, "the true reason, and no other"
        assert [item.signer_name for item in report.signatures] == [name for name, *_ in PEOPLE.values()]


def test_a_pdf_signed_by_another_program_with_a_home_made_key_is_refused_as_a_stranger_s(world: World) -> None:
    key, chain = TestAuthority.create(NOW).issue("Đoàn Thị Hải Yến", now=NOW)
    forged = _signed_with_another_program(world.unsigned, key, chain, tuple(pades.FIELD_OF.values()))
    report = judge(world, forged)
    assert not report.ok and len(report.signatures) == 3
    for item in report.signatures:
        assert item.reasons[0] == STRANGER and item.signer_name == "Đoàn Thị Hải Yến"
        assert not any("bị sửa" in reason or "thay đổi" in reason for reason in item.reasons)


def test_a_key_of_a_trusted_issuer_in_another_program_is_no_stranger_s(world: World) -> None:
    key, chain = world.authority.issue("Đoàn Thị Hải Yến", now=NOW)
    report = judge(world, _signed_with_another_program(world.unsigned, key, chain, ("GVCN",)))
    assert not report.ok and not report.is_by_stranger


def test_an_xml_signed_by_another_program_with_a_home_made_key_is_refused_as_a_stranger_s(world: World) -> None:
    from signxml import XMLSigner

    key, chain = TestAuthority.create(NOW).issue("Đoàn Thị Hải Yến", now=NOW, kind="rsa")
    leaf = x509.load_der_x509_certificate(chain[0]).public_bytes(serialization.Encoding.PEM).decode()
    signed = XMLSigner().sign(etree.fromstring(world.xml), key=key, cert=leaf)
    for forged in (
        etree.tostring(signed),  # a signature of its own beside ours
        re.sub(
            rb"<Signature .*?</Signature>",
            etree.tostring(signed[-1]).replace(b"\\", b""),
            world.xml,
            count=1,
            flags=re.DOTALL,
        ),  # in the place of the homeroom teacher's
    ):
        report = judge(world, forged)
        assert not report.ok and report.is_by_stranger and STRANGER in report.reasons


def test_a_damaged_certificate_of_a_trusted_issuer_is_altered_and_not_strange(world: World) -> None:
    leaf = bytearray(world.signers["seal"].chain[0])
    leaf[-5] ^= 1  # in the issuer's signature over it
    trust = Trust.of(world.roots, (), NOW)
    assert not trust.is_strange((bytes(leaf), *world.signers["seal"].chain[1:]))
    assert not trust.is_strange(world.signers["seal"].chain) and not trust.is_strange(())


def test_a_key_that_vouches_for_itself_is_strange(world: World) -> None:
    stranger = TestAuthority.create(NOW)
    root = stranger.root.public_bytes(serialization.Encoding.DER)
    trust = Trust.of(world.roots, (), NOW)
    _, chain = stranger.issue("Đoàn Thị Hải Yến", now=NOW)
    assert all(trust.is_strange(one) for one in ((root,), chain[:1] + (root,), chain, (*chain, root)))


def test_another_persons_certificate_in_the_principals_place(world: World) -> None:
    key, chain = world.authority.issue("Mai Thị Thắm", now=NOW, organisation="Trường THCS Đồng Sen")
    forged = world.sign_all(world.unsigned, {**world.signers, "principal": SoftwareKeySigner(key, chain)})
    assert "Mai Thị Thắm" in refused(world, forged)
    namesake = SoftwareKeySigner(*world.authority.issue("Đoàn Thị Hải Yến", now=NOW, personal_id="036175009999"))
    assert "Số định danh" in refused(world, world.sign_all(world.unsigned, {**world.signers, "principal": namesake}))
    right = {role: [certificate_fingerprint(signer.chain[0])] for role, signer in world.signers.items()}
    assert judge(world, world.pdf, expected=right).ok
    assert "đăng ký" in refused(world, world.pdf, expected={**right, "seal": ["0" * 64]})


def test_an_outside_validator_agrees_with_our_xml_signatures(world: World) -> None:
    from signxml import SignatureConfiguration

    root = etree.fromstring(world.xml)
    for node in root.find(xml_record.SIGNING_ZONE):
        leaf = node.findtext(f".//{{{xml_signature.DS}}}X509Certificate")
        results = XMLVerifier().verify(
            _only(world.xml, node.tag),
            x509_cert=x509.load_der_x509_certificate(__import__("base64").b64decode(leaf)),
            expect_config=SignatureConfiguration(expect_references=3, location=f".//{node.tag}/"),
        )
        assert any(
            item.signed_xml is not None and item.signed_xml.tag.endswith(xml_record.DATA_ZONE) for item in results
        )


def _only(data: bytes, keep: str) -> etree._Element:
    root = etree.fromstring(data)
    zone = root.find(xml_record.SIGNING_ZONE)
    for node in list(zone):
        if node.tag != keep:
            zone.remove(node)
    return root


def test_signature_wrapping_and_moved_nodes_are_refused(world: World) -> None:
    zone = xml_record.take_apart(world.xml).data_zone
    better = zone.replace(b"<CA_NAM>7.9</CA_NAM>", b"<CA_NAM>9.9</CA_NAM>")
    nodes = world.xml[world.xml.index(b"<GVCN>") : world.xml.index(b"</DANH_SACH_THONG_TIN_KY>")]
    gvcn = nodes[: nodes.index(b"<CBQL>")]
    wrapped = world.xml.replace(zone, better).replace(b"</Object>", b"</Object><Object>" + zone + b"</Object>", 1)
    for forged, words in (
        (world.xml.replace(zone, better), "Nội dung tệp đã bị thay đổi sau khi ký"),
        (world.xml.replace(zone, better + zone), "không có cấu trúc của học bạ số"),
        (wrapped, "Phần chữ ký trong tệp XML đã bị sửa hoặc không đúng cấu trúc"),
        (world.xml.replace(gvcn, b""), "còn thiếu: giáo viên chủ nhiệm"),
        (world.xml.replace(gvcn, gvcn + gvcn), "Thứ tự hoặc số chữ ký không đúng"),
        (world.xml.replace(nodes, nodes.replace(gvcn, b"") + gvcn), "Thứ tự hoặc số chữ ký không đúng"),
    ):
        assert forged != world.xml
        assert words in refused(world, forged)


def test_pdf_and_xml_of_two_records_make_no_package(world: World) -> None:
    other = content(record_uuid="11111111-2222-4333-8444-555555555555")
    xml = xml_record.assemble(xml_record.build_data_zone(other))
    for role, signer in world.signers.items():
        xml = xml_signature.sign_xml(xml, role, signer, at=NOW)
    assert judge(world, xml).ok
    assert "không cùng một nội dung" in refused(world, package.build_package(world.pdf, xml, world.content.record_uuid))
