"""A page that shows something else than its text says, signed by all three: each way of lying to the eye is refused."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pikepdf
import pytest
from fontTools.ttLib import TTFont
from pikepdf import Array, Dictionary, Name, Stream

from hocbaso.documents import printed_face
from hocbaso.documents.embedded_fonts import FOREIGN
from hocbaso.documents.printed_face import COVERED, MOVED, OTHER_DRAWING, OTHER_PART, prove_plain
from hocbaso.documents.proof import letters_of_font
from hocbaso.documents.verification import verify_file
from hocbaso.errors import IntegrityFault

from .conftest import NOW, World
from .extreme_cases import CASES
from .samples import content, unsigned

MARKS = 3
"""Index of the page of marks in the sample."""


def edited(data: bytes, change: Callable[[pikepdf.Pdf], object]) -> bytes:
    with pikepdf.open(io.BytesIO(data)) as pdf:
        change(pdf)
        out = io.BytesIO()
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.disable, deterministic_id=True)
    return out.getvalue()


def redraw(old: bytes, new: bytes, page: int = MARKS) -> Callable[[pikepdf.Pdf], object]:
    def change(pdf: pikepdf.Pdf) -> None:
        content = pdf.pages[page].obj.Contents
        before = content.read_bytes()
        after = before.replace(old, new, 1) if old else before + new
        assert after != before, old
        content.write(after)

    return change


def stamp(pdf: pikepdf.Pdf) -> None:
    look = Stream(pdf, b"1 1 1 rg 0 0 60 14 re f 0 g BT /F 10 Tf 5 3 Td (9,9) Tj ET")
    look.Type, look.Subtype, look.BBox = Name.XObject, Name.Form, Array([0, 0, 60, 14])
    note = Dictionary(
        Type=Name.Annot,
        Subtype=Name.Stamp,
        Rect=Array([250, 600, 310, 614]),
        F=4,
        AP=Dictionary(N=pdf.make_indirect(look)),
    )
    page = pdf.pages[MARKS].obj
    page.Annots = Array([*page.get("/Annots", Array()), pdf.make_indirect(note)])


def picture(pdf: pikepdf.Pdf) -> None:
    image = Stream(pdf, bytes([255, 0, 255, 0]))
    image.Type, image.Subtype, image.Width, image.Height = Name.XObject, Name.Image, 2, 2
    image.ColorSpace, image.BitsPerComponent = Name.DeviceGray, 8
    pdf.pages[MARKS].obj.Resources.XObject = Dictionary(ImX=pdf.make_indirect(image))


def layer(pdf: pikepdf.Pdf) -> None:
    group = pdf.make_indirect(Dictionary(Type=Name.OCG, Name="x"))
    pdf.Root.OCProperties = Dictionary(OCGs=Array([group]), D=Dictionary(OFF=Array([group])))


def thin(pdf: pikepdf.Pdf) -> None:
    state = next(iter(pdf.pages[MARKS].obj.Resources.ExtGState.values()))
    state.ca = 0.01


def widget(pdf: pikepdf.Pdf) -> None:
    next(field for field in pdf.Root.AcroForm.Fields if str(field.T) == "GVCN").Rect = Array([200, 300, 500, 700])


def widget_of_its_size(pdf: pikepdf.Pdf) -> None:
    """Over the first result of conduct on the same page."""
    number, field = next(
        (number, item)
        for number, page in enumerate(pdf.pages)
        for item in page.obj.get("/Annots", [])  # type: ignore[attr-defined, call-overload]
        if str(item.T) == "GVCN"
    )
    left, bottom, right, top = map(float, field.Rect)
    places = printed_face.read_places(pdf.pages[number].obj.Contents.read_bytes())
    x, y = min((at for texts in places.values() for at in texts if 100 < at[0] < 300), key=lambda at: at[1])
    x, y = x * 0.75, 841.89 - y * 0.75
    field.Rect = Array([x - 10, y - 20, x - 10 + right - left, y - 20 + top - bottom])


def fonts(pdf: pikepdf.Pdf) -> list[Any]:
    return [
        item
        for item in pdf.objects
        if isinstance(item, Dictionary) and item.get("/Type") == Name.Font and "/ToUnicode" in item
    ]


def glyphs(pdf: pikepdf.Pdf) -> None:
    """8 is drawn as 9 and 9 as 8 in the fonts themselves."""
    for font in fonts(pdf):
        codes = {letter: code for code, letter in letters_of_font(font).items()}
        if not {"8", "9"} <= set(codes):
            continue
        file = font.DescendantFonts[0].FontDescriptor.FontFile2
        inside = TTFont(io.BytesIO(file.read_bytes()))
        names, table = inside.getGlyphOrder(), inside["glyf"]
        one, other = names[codes["8"]], names[codes["9"]]
        table.glyphs[one], table.glyphs[other] = table[other], table[one]
        out = io.BytesIO()
        inside.save(out)
        file.write(out.getvalue())


def codes(pdf: pikepdf.Pdf) -> None:
    for font in fonts(pdf):
        before = font.ToUnicode.read_bytes()
        font.ToUnicode.write(
            before.replace(b"<0038>", b"<XXXX>").replace(b"<0037>", b"<0038>").replace(b"<XXXX>", b"<0037>")
        )


def widths(pdf: pikepdf.Pdf) -> None:
    for font in fonts(pdf):
        font.DescendantFonts[0].W = Array([0, Array([0])])


def exchanged(pdf: pikepdf.Pdf) -> None:
    """Two marks of one column stand in each other's rows; the text and its order are as they were."""
    stream = pdf.pages[MARKS].obj.Contents
    data = stream.read_bytes()
    found = [(float(one[1]), float(one[2]), one) for one in re.finditer(rb"1 0 0 -1 (\S+) (\S+) Tm", data)]
    first, second = next(
        (one, other)
        for at, one in enumerate(found)
        for other in found[at + 1 :]
        if 300 < one[0] < 420 and abs(one[0] - other[0]) < 3 and other[1] - one[1] > 20
    )
    (a, b), (c, d) = first[2].span(), second[2].span()
    stream.write(data[:a] + second[2][0] + data[b:c] + first[2][0] + data[d:])


def moved(words: str, to: str) -> Callable[[pikepdf.Pdf], object]:
    """On the last page the line that begins with ``words`` goes just below the one that begins with ``to``."""

    def change(pdf: pikepdf.Pdf) -> None:
        page = pdf.pages[4]
        stream, where = page.obj.Contents, {}
        data, tables, table, at = stream.read_bytes(), {}, {}, None
        for font, each in page.obj.Resources.Font.items():
            tables[font.encode()] = letters_of_font(each)
        for line in re.finditer(rb"[^\n]+", data):
            if line[0].endswith(b" Tf"):
                table = tables[line[0].split()[0]]
            elif line[0].endswith(b" Tm"):
                at = re.match(rb"1 0 0 -1 (\S+) (\S+) Tm", line[0]), line.start()
            elif line[0].endswith(b"TJ"):
                raw = bytes.fromhex(b"".join(re.findall(rb"<([0-9a-fA-F]+)>", line[0])).decode())
                text = "".join(table[int.from_bytes(raw[n : n + 2])] for n in range(0, len(raw), 2))
                where.setdefault(text, at)
        (old, start), (goal, _) = (
            next(value for text, value in where.items() if text.startswith(one)) for one in (words, to)
        )
        new = b"1 0 0 -1 %s %.6f Tm" % (goal[1], float(goal[2]) + 3)
        stream.write(data[:start] + new + data[start + len(old[0]) :])

    return change


LIES: dict[str, tuple[Callable[[pikepdf.Pdf], object], str]] = {
    "a stamp": (stamp, OTHER_PART),
    "a picture": (picture, OTHER_PART),
    "a picture in the page": (redraw(b"", b"\nBI /W 2 /H 2 /CS /G /BPC 8 ID \xff\x00\xff\x00 EI"), OTHER_DRAWING),
    "a layer": (layer, OTHER_PART),
    "transparent ink": (thin, OTHER_PART),
    "white ink": (redraw(b"0 0 0 rg", b"1 1 1 rg"), OTHER_DRAWING),
    "invisible text": (redraw(b"BT\n", b"3 Tr\nBT\n"), OTHER_DRAWING),
    "a white box": (redraw(b"", b"\n1 1 1 rg\n200 300 200 400 re\nf"), OTHER_DRAWING),
    "a black box": (redraw(b"", b"\n200 300 200 400 re\nf*"), OTHER_DRAWING),
    "a stroke across": (redraw(b"", b"\n0 0 0 RG\n1 w\n260 600 m\n268 612 l\nS"), OTHER_DRAWING),
    "a stroke into a digit": (redraw(b"", b"\n0 0 0 RG\n1 w\n330 600 m\n330 609 l\nS"), OTHER_DRAWING),
    "text under a clip": (redraw(b"BT\n", b"0 0 1 1 re\nW\nn\nBT\n"), OTHER_DRAWING),
    "text too small": (redraw(b" 15.333008 Tf", b" 0.1 Tf"), OTHER_DRAWING),
    "text off the page": (redraw(b"BT\n1 0 0 -1 ", b"BT\n1 0 0 -1 9"), OTHER_DRAWING),
    "a shift of the page": (redraw(b"BT\n", b"1 0 0 1 0 9000 cm\nBT\n"), OTHER_DRAWING),
    "two marks exchanged": (exchanged, MOVED),
    "the head's approval under the teacher's heading": (moved("Đồng ý. Công nhận", "NHẬN XÉT CỦA GIÁO VIÊN"), MOVED),
    "the completion among the competitions": (moved("Hoàn thành", "- Kết quả tham gia"), MOVED),
    "the pupil's class in another's place": (moved("Lớp:", "Năm học:"), MOVED),
    "the teacher's name under the head's office": (moved("Trịnh Thu Hà", "HIỆU TRƯỞNG"), MOVED),
    "a box cut out of the page": (lambda pdf: setattr(pdf.pages[MARKS].obj, "CropBox", Array([0, 0, 595, 300])), OTHER_PART),
    "a page turned": (lambda pdf: setattr(pdf.pages[MARKS].obj, "Rotate", 180), OTHER_PART),
    "a script": (lambda pdf: setattr(pdf.Root, "OpenAction", Dictionary(S=Name.JavaScript, JS="app.alert(1)")), OTHER_PART),
    "a signature's box over the page": (widget, COVERED),
    "a signature's box over a text": (widget_of_its_size, COVERED),
    "glyphs of 8 and 9 exchanged": (glyphs, FOREIGN),
    "codes of 7 and 8 exchanged": (codes, FOREIGN),
    "widths of nothing": (widths, FOREIGN),
}  # fmt: skip


@pytest.mark.parametrize("lie", list(LIES))
def test_a_page_that_lies_to_the_eye_is_refused(world: World, lie: str) -> None:
    change, reason = LIES[lie]
    with pytest.raises(IntegrityFault) as told:
        prove_plain(edited(world.unsigned, change))
    assert told.value.message == reason


def test_three_true_signatures_do_not_make_it_good(world: World) -> None:
    forged = world.sign_all(edited(world.unsigned, glyphs))
    report = verify_file(forged, world.roots, world.authority.crls(NOW), NOW)
    assert not report.ok and report.problems == (FOREIGN,) and all(item.ok for item in report.signatures)


@pytest.mark.parametrize("case", ["bare", "remark in 30 short lines", "most subjects", "deputy signs"])
def test_a_page_of_the_form_is_never_refused(case: str) -> None:
    prove_plain(unsigned(CASES[case]))


def test_a_saved_copy_of_the_sample_is_read_as_the_sample(world: World) -> None:
    """The edits above are refused for what they do, not for having been saved."""
    prove_plain(edited(world.unsigned, lambda pdf: None))
    prove_plain(world.pdf)
    prove_plain(unsigned(content(demo=False)))
    with pikepdf.open(io.BytesIO(world.unsigned)) as pdf:
        assert len(printed_face.read_places(pdf.pages[MARKS].obj.Contents.read_bytes())) > 60
