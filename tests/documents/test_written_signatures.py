"""Who signed, as what and when: text that an eye sees and a machine reads, since form 1.2; older papers are signed and judged as they were."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zlib
from datetime import timedelta
from typing import Any

import pikepdf
import pytest

from hocbaso.documents import appearance, pades, stream_ends, written_words
from hocbaso.documents.pades_verify import verify_pdf
from hocbaso.documents.printed_face import OTHER_PART, prove_plain
from hocbaso.documents.proof import letters_of_font
from hocbaso.documents.transcript_content import FORMAT_1_0, FORMAT_1_1, TITLE_DEPUTY, TranscriptContent
from hocbaso.documents.trust import Trust
from hocbaso.documents.written_words import OTHER_WORDS, require_words
from hocbaso.errors import IntegrityFault

from . import conformance
from .conftest import NOW, World
from .samples import SCHOOL, content, replace, unsigned

TIME = "13/05/2026 09:30:00 +07:00"
LONG = content(
    homeroom=replace(content().homeroom, name="Hoàng Nguyễn Thục Quyên Ẩn Ỷ"),
    principal=replace(content().principal, name="Tôn Nữ Ưng Ễnh Đặng Ngọc Bích Hằng", title=TITLE_DEPUTY),
    school=replace(SCHOOL, name="Trường Phổ thông Dân tộc bán trú Trung học cơ sở Ẵng Tở số 2"),
)


def signed(world: World, value: TranscriptContent, *, images: bool = True) -> bytes:
    pdf = unsigned(value)
    names = {"homeroom": value.homeroom.name, "principal": value.principal.name, "seal": value.school.name}
    for role, signer in world.signers.items():
        mark = pades.Mark(names[role], "Đồng Sen", world.mark(role).image if images else None)
        pdf = pades.sign_pdf(pdf, role, signer, at=NOW, mark=mark)
    return pdf


def written(pdf: bytes) -> dict[str, list[str]]:
    """By field the lines of its appearance, read with the paper's fonts; asserts that no letter is an outline."""
    found = {}
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        for field in opened.Root.AcroForm.Fields:
            lines, table, y = dict[float, str](), dict[int, str](), 0.0
            for operands, operator in pikepdf.parse_content_stream(field.AP.N):
                name = str(operator)
                assert name not in ("m", "l", "c", "f", "h"), "an outline"
                if name == "Tf":
                    table = letters_of_font(field.AP.N.Resources.Font[str(operands[0])])
                elif name == "Tm":
                    y = float(operands[5])
                elif name == "Tj":
                    raw = bytes(operands[0])
                    text = "".join(table[int.from_bytes(raw[at : at + 2])] for at in range(0, len(raw), 2))
                    lines[y] = lines.get(y, "") + text
            found[str(field.T)] = list(lines.values())
    return found


def read_by_poppler(pdf: bytes) -> str:
    tool = shutil.which("pdftotext")
    assert tool, "scripts/setup installs it"
    return subprocess.run([tool, "-f", "5", "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()


def test_name_office_and_time_of_each_signer_are_read_out_of_a_signed_paper(world: World) -> None:
    text = read_by_poppler(world.pdf)
    for said in ("Trịnh Thu Hà, giáo viên chủ nhiệm", "Đoàn Thị Hải Yến, Hiệu trưởng", f"Con dấu số: {TIME}"):
        assert said in text
    assert text.count(f"Ký số: {TIME}") == 2 and text.count("Trường THCS Đồng Sen") == 2
    assert TIME not in read_by_poppler(world.unsigned), "nobody has signed yet"
    assert written(world.pdf) == {
        "GVCN": ["Trịnh Thu Hà, giáo viên chủ nhiệm", f"Ký số: {TIME}"],
        "HIEU_TRUONG": ["Đoàn Thị Hải Yến, Hiệu trưởng", f"Ký số: {TIME}"],
        "NHA_TRUONG": ["Trường THCS Đồng Sen", f"Con dấu số: {TIME}"],
    }


@pytest.mark.parametrize("images", [True, False])
def test_the_longest_names_and_a_deputy_are_written_out_too(world: World, images: bool) -> None:
    pdf = signed(world, LONG, images=images)
    lines = {field: " ".join(found) for field, found in written(pdf).items()}
    assert LONG.homeroom.name in lines["GVCN"] and "giáo viên chủ nhiệm" in lines["GVCN"]
    assert LONG.principal.name in lines["HIEU_TRUONG"] and "Phó Hiệu trưởng ký thay" in lines["HIEU_TRUONG"]
    assert LONG.school.name in lines["NHA_TRUONG"] and "Con dấu số" in lines["NHA_TRUONG"]
    assert all(TIME in line for line in lines.values())
    assert conformance.deviations(pdf) == conformance.SIGNED
    prove_plain(pdf)


def test_the_words_of_a_signature_stay_in_its_box(world: World) -> None:
    for images in (True, False):
        with pikepdf.open(io.BytesIO(signed(world, LONG, images=images))) as pdf:
            for field in pdf.Root.AcroForm.Fields:
                width, height = (float(value) for value in list(field.AP.N.BBox)[2:])
                drawn = field.AP.N.read_bytes().decode()
                shift = float((re.search(r"^1 0 0 1 ([\d.]+) 0 cm$", drawn, re.MULTILINE) or ["", "0"])[1])
                places = re.findall(r"/HB. ([\d.]+) Tf 1 0 0 1 ([-\d.]+) ([-\d.]+) Tm", drawn)
                assert places
                for size, x, y in places:
                    assert float(size) > 3.5, "too small to read"
                    assert 0 <= float(x) + shift < width and 0.5 <= float(y) < height - float(size)


@pytest.mark.parametrize("version", [FORMAT_1_0, FORMAT_1_1])
def test_a_paper_of_an_older_form_is_signed_and_judged_as_before(world: World, version: str) -> None:
    value = content(format_version=version)
    pdf = signed(world, value)
    report = verify_pdf(pdf, Trust.of(world.roots, world.authority.crls(NOW), NOW))
    assert report.ok, report.reasons
    text = read_by_poppler(pdf)
    assert "MẪU – TRƯỜNG THỬ NGHIỆM" in text and TIME not in text
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert "/DR" not in opened.Root.AcroForm
        assert not any("/Font" in field.AP.N.Resources for field in opened.Root.AcroForm.Fields)


def test_a_sample_says_so_and_a_real_paper_does_not(world: World) -> None:
    first = subprocess.run(["pdftotext", "-", "-"], input=world.pdf, capture_output=True, check=True).stdout.decode()
    assert first.count("BẢN THỬ NGHIỆM") == 5 and "TRƯỜNG THỬ NGHIỆM" not in first, "on every page"
    real = unsigned(content(demo=False))
    assert (
        "THỬ NGHIỆM"
        not in subprocess.run(["pdftotext", "-", "-"], input=real, capture_output=True, check=True).stdout.decode()
    )


def test_a_signature_that_brings_letters_of_its_own_is_refused(world: World) -> None:
    with pikepdf.open(io.BytesIO(world.unsigned)) as pdf:
        own = pdf.make_indirect(pikepdf.Dictionary(dict(pdf.Root.AcroForm.DR.Font.HBR.items())))
        field = pdf.Root.AcroForm.Fields[0]
        field.AP.N.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary({"/HBR": own}))
        out = io.BytesIO()
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable, deterministic_id=True)
    with pytest.raises(IntegrityFault) as refused:
        prove_plain(out.getvalue())
    assert refused.value.message == OTHER_PART


@pytest.mark.parametrize(
    "said",
    [
        {"name": "Đoàn Thị Hải Yến"},
        {"office": "Hiệu trưởng"},
        {"at": NOW - timedelta(days=20)},
    ],
)
def test_a_good_signature_under_other_words_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any]
) -> None:
    """Who signs draws the words, with whatever program: a reader looks at them and not at the certificate."""

    def draw(role: str, words: appearance.Words, *given: Any) -> bytes:
        return appearance.draw(role, replace(words, **said) if role == "homeroom" else words, *given)

    monkeypatch.setattr(pades, "draw", draw)
    report = verify_pdf(world.sign_all(world.unsigned), Trust.of(world.roots, world.authority.crls(NOW), NOW))
    assert not report.ok and report.problems == (OTHER_WORDS,)
    assert all(one.ok for one in report.signatures)


def test_another_s_name_in_a_signature_and_its_words_is_refused(world: World) -> None:
    pdf = world.unsigned
    for role, signer in world.signers.items():
        mark = world.mark("principal" if role == "homeroom" else role)
        pdf = pades.sign_pdf(pdf, role, signer, at=NOW, mark=mark)
    report = verify_pdf(pdf, Trust.of(world.roots, world.authority.crls(NOW), NOW))
    assert not report.ok and report.problems == (OTHER_WORDS,)


def test_a_certificate_s_way_to_write_the_same_name_is_no_other_name(world: World) -> None:
    pdf = world.unsigned
    for role, signer in world.signers.items():
        mark = world.mark(role)
        mark = replace(mark, name=mark.name.upper(), image=None) if role == "homeroom" else mark
        pdf = pades.sign_pdf(pdf, role, signer, at=NOW, mark=mark)
    report = verify_pdf(pdf, Trust.of(world.roots, world.authority.crls(NOW), NOW))
    assert report.ok, report.reasons


def test_a_paper_of_today_without_the_words_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built as the form before: nothing would be written under its signatures."""
    monkeypatch.setattr(TranscriptContent, "has_written_signatures", property(lambda self: False))
    pdf = world.sign_all(unsigned(content()))
    monkeypatch.undo()
    report = verify_pdf(pdf, Trust.of(world.roots, world.authority.crls(NOW), NOW), prove=True)
    assert not report.ok
    with pikepdf.open(io.BytesIO(pdf)) as opened, pytest.raises(IntegrityFault, match="mẫu"):
        require_words(opened, content(), {})


def test_a_later_signer_cannot_change_the_words_of_an_earlier_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seal's own revision draws the teacher's words anew: its signature holds, and covers the change."""
    extend = pades._Increment.extend

    def change(self: Any, pdf: bytes, *given: Any) -> Any:
        if self.role == "seal":
            add = self._addAnnotation

            def both(*of: Any) -> None:
                add(*of)
                other = pades._stream(b"")
                widget = of[4]
                teacher = next(
                    item
                    for item in pades._read(pdf).trailer["/Root"]["/AcroForm"]["/Fields"]
                    if item.get_object()["/T"] == "GVCN"
                )
                form = teacher.get_object()["/AP"]["/N"]
                other.update({key: value for key, value in form.items() if key not in ("/Filter", "/Length")})
                assert widget is not None
                number = teacher.get_object()["/AP"].raw_get("/N").idnum
                while len(self._objects) < number:
                    self._objects.append(None)
                self._objects[number - 1] = other

            monkeypatch.setattr(self, "_addAnnotation", both)
        return extend(self, pdf, *given)

    monkeypatch.setattr(pades._Increment, "extend", change)
    report = verify_pdf(world.sign_all(world.unsigned), Trust.of(world.roots, world.authority.crls(NOW), NOW))
    assert not report.ok


def test_a_stream_that_ends_in_a_carriage_return_leaves_no_doubt_where_it_ends() -> None:
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        for at, data in enumerate((b"one\r", b"two", b"three\r\r", b"\r")):
            pdf.Root[f"/X{at}"] = pdf.make_stream(data)
        out = io.BytesIO()
        pdf.save(
            out, object_stream_mode=pikepdf.ObjectStreamMode.disable, compress_streams=False, deterministic_id=True
        )
    before = out.getvalue()
    after = stream_ends.clear_ends(before)
    assert len(after) == len(before) + 3 and stream_ends.clear_ends(b"%PDF\nxref\n0 0\n") == b"%PDF\nxref\n0 0\n"
    with pikepdf.open(io.BytesIO(after), attempt_recovery=False) as read:
        assert [read.Root[f"/X{at}"].read_raw_bytes() for at in range(4)] == [b"one\r", b"two", b"three\r\r", b"\r"]
    entries = re.findall(rb"\n(\d{10}) 00000 n", after)
    assert len(entries) > 5
    for number, place in enumerate(entries, 1):
        assert after[int(place) :].startswith(b"%d 0 obj" % number)


def test_a_signature_whose_image_ends_in_a_carriage_return_is_signed_right(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The references of an increment are moved with it; without that a reader finds other objects than were signed."""

    def draw(*given: object) -> bytes:
        data = appearance.draw(*given)  # type: ignore[arg-type]
        # The last byte of the checksum counts the bytes; a tab adds nine.
        return next(one for n in range(600) if zlib.compress(one := data + b"\t" * n).endswith(b"\r"))

    for module in (pades, written_words):
        monkeypatch.setattr(module, "draw", draw)
    pdf = world.sign_all(world.unsigned)
    assert pdf.count(b"\r\r\nendstream") - world.unsigned.count(b"\r\r\nendstream") >= 3
    assert conformance.deviations(pdf) == conformance.SIGNED
    report = verify_pdf(pdf, Trust.of(world.roots, world.authority.crls(NOW), NOW))
    assert report.ok, report.reasons
    assert "Con dấu số" in read_by_poppler(pdf)
