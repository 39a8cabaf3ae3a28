"""A scan of a hand and of a seal becomes a small image of one ink at true size, and a record signed with them stays small and right."""

from __future__ import annotations

import io
import math
import random

import pikepdf
import pytest
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from hocbaso.documents import pades, signature_image
from hocbaso.documents.pades_verify import verify_pdf
from hocbaso.documents.page_layout import FONTS
from hocbaso.documents.sign_request import SignRequest, _mark
from hocbaso.documents.trust import Trust
from hocbaso.errors import Invalid

from . import conformance
from .conftest import NOW, PEOPLE, World

BLUE, RED = (25, 55, 160), (200, 25, 35)


def png(image: Image.Image, **more: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", **more)
    return out.getvalue()


def speckled(image: Image.Image, seed: int, n: int = 4_000) -> Image.Image:
    """What a scanner leaves: haze around the ink, uneven ink, and specks."""
    rng, pixels = random.Random(seed), image.load()
    width, height = image.size
    for x in range(0, width, 2):
        for y in range(0, height, 2):
            red, green, blue, alpha = pixels[x, y]
            if alpha:
                shade = rng.randint(-18, 18)
                pixels[x, y] = (*(max(0, min(255, one + shade)) for one in (red, green, blue)), rng.randint(210, 255))
    for _ in range(n):
        pixels[rng.randrange(2, width - 2), rng.randrange(2, height - 2)] = (120, 120, 130, rng.randint(1, 38))
    return image


def hand(ink: tuple[int, int, int] = BLUE, seed: int = 1, size: tuple[int, int] = (1200, 560)) -> Image.Image:
    image = Image.new("RGBA", size, (255, 255, 255, 0))
    draw, rng = ImageDraw.Draw(image), random.Random(seed)
    width, height = size
    places = [(60 + at * (width - 120) / 14, rng.uniform(0.15, 0.85) * height) for at in range(15)]
    draw.line(places, fill=(*ink, 255), width=11, joint="curve")
    draw.arc((width * 0.2, height * 0.2, width * 0.7, height * 0.9), 20, 330, fill=(*ink, 255), width=9)
    return speckled(image, seed)


def seal(ink: tuple[int, int, int] = RED, size: int = 900, seed: int = 2, squeeze: float = 1.0) -> Image.Image:
    image = Image.new("RGBA", (size, size), (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    colour = (*ink, 255)
    for edge, width in ((20, 16), (52, 5), (size * 0.27, 5)):
        draw.ellipse((edge, edge, size - edge, size - edge), outline=colour, width=width)
    font = ImageFont.truetype(str(FONTS / "LiberationSerif-Bold.ttf"), round(size * 0.075))
    for at, letter in enumerate("TRƯỜNG TRUNG HỌC CƠ SỞ ĐỒNG SEN ★ XÃ VŨ LỄ ★ "):
        angle = math.radians(at * 360 / 46 - 200)
        place = size / 2 + size * 0.365 * math.cos(angle), size / 2 + size * 0.365 * math.sin(angle)
        draw.text(place, letter, font=font, fill=colour, anchor="mm")
    star = [
        (
            size / 2 + size * (0.15 if n % 2 else 0.06) * math.sin(n * math.pi / 5),
            size / 2 - size * (0.15 if n % 2 else 0.06) * math.cos(n * math.pi / 5),
        )
        for n in range(10)
    ]
    draw.polygon(star, fill=colour)
    if squeeze != 1.0:
        image = image.resize((round(size * squeeze), size))
    return speckled(image, seed)


@pytest.mark.parametrize("kind", ["hand", "seal"])
def test_an_upload_is_made_anew_and_nothing_else_of_it_goes_on(kind: str) -> None:
    note = PngInfo()
    note.add_text("Comment", "trang nhà trường: mật khẩu 123")
    scan = hand() if kind == "hand" else seal()
    made = signature_image.remake(png(scan, pnginfo=note), kind)
    assert signature_image.remake(png(scan), kind) == made and b"123" not in made and b"tEXt" not in made
    with Image.open(io.BytesIO(made)) as image:
        colours = {pixel[:3] for pixel in image.get_flattened_data() if pixel[3]}
        assert len(colours) == 1, "one ink"
        red, green, blue = colours.pop()
        assert (blue > red + 30) if kind == "hand" else (red > green + 60 and red > blue + 40)
        if kind == "seal":
            assert image.size == (425, 425), "36 mm at 300 dpi"
            assert image.getchannel("A").getbbox() == (0, 0, 425, 425), "drawn to its edge: printed it is 36 mm wide"
    assert signature_image.n_bytes(made, kind) <= signature_image.MOST_BYTES[kind]


def _opaque(image: Image.Image) -> Image.Image:
    paper = Image.new("RGBA", image.size, (255, 255, 255, 255))
    paper.alpha_composite(image)
    return paper


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: b"", "hand", "Không đọc được"),
        (lambda: b"\x89PNG\r\n\x1a\n" + b"x" * 90, "hand", "Không đọc được"),
        (lambda: _jpeg(hand()), "hand", "chỉ nhận tệp PNG"),
        (lambda: b"x" * 2_000_001, "hand", "2 MB"),
        (lambda: png(Image.new("1", (5_000, 5_000))), "hand", "16 triệu"),
        (lambda: png(_opaque(hand())), "hand", "trong suốt"),
        (lambda: png(Image.new("RGBA", (600, 300), (0, 0, 0, 0))), "hand", "nét mực"),
        (lambda: png(hand(size=(200, 90))), "hand", "nhỏ quá"),
        (lambda: png(hand((10, 10, 10))), "hand", "màu xanh"),
        (lambda: png(hand(RED)), "hand", "màu xanh"),
        (lambda: png(seal(BLUE)), "seal", "màu đỏ"),
        (lambda: png(seal(size=220)), "seal", "nhỏ quá"),
        (lambda: png(seal(squeeze=0.85)), "seal", "không tròn"),
        (lambda: png(hand(RED)), "seal", "không tròn"),
    ],
)
def test_what_is_wrong_with_an_image_is_told_in_words(make, kind: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        signature_image.remake(make(), kind)
    assert refused.value.field == "image"


def test_noise_is_refused_or_made_small() -> None:
    image = Image.effect_noise((900, 900), 120).convert("L")
    drawn = Image.new("RGBA", (900, 900), (*RED, 0))
    round_mask = Image.new("L", (900, 900), 0)
    ImageDraw.Draw(round_mask).ellipse((20, 20, 880, 880), fill=255)
    drawn.putalpha(Image.composite(image, Image.new("L", image.size, 0), round_mask))
    try:
        made = signature_image.remake(png(drawn), "seal")
    except Invalid as refusal:
        assert "nhiễu" in refusal.message
    else:
        assert signature_image.n_bytes(made, "seal") <= signature_image.MOST_BYTES["seal"]


def test_a_record_signed_with_uploaded_images_is_right_small_and_true_to_size(world: World) -> None:
    pdf = world.unsigned
    for role, signer in world.signers.items():
        image = signature_image.remake(
            png(seal() if role == "seal" else hand(seed=len(role))), "seal" if role == "seal" else "hand"
        )
        request = SignRequest(
            pdf=b"", xml=b"", role=role, chain=signer.chain, at=NOW, signer_name=PEOPLE[role][0], place="Đồng Sen",
            roots=(), crls=(), expected=(), demo_mark=True, image=image,
        )  # fmt: skip
        mark = _mark(request)
        assert mark.image == image, "the signer's own goes before the sample"
        pdf = pades.sign_pdf(pdf, role, signer, at=NOW, mark=mark)
    report = verify_pdf(pdf, Trust.of(world.roots, world.authority.crls(NOW), NOW))
    assert report.ok, report.reasons
    assert len(pdf) <= 150_000, f"{len(world.unsigned)} unsigned, {len(pdf)} signed"
    assert conformance.deviations(pdf) == conformance.SIGNED, "an uploaded image breaks no rule of PDF/A or PDF/UA"
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        widgets = {str(each.T): each for each in opened.Root.AcroForm.Fields}
        for field, widget in widgets.items():
            left, _low, right, _high = (float(value) for value in widget.Rect)
            form = widget.AP.N
            assert set(form.Resources.keys()) <= {"/XObject", "/Font"} and "/Im0" in form.Resources.XObject
            image = form.Resources.XObject.Im0
            # PDF/A-3 (ISO 19005-3, 6.2.8): no interpolation, no alternates; device colours stand under the file's output intent.
            assert image.get("/Interpolate") in (None, False) and "/Alternates" not in image
            assert image.SMask.ColorSpace == pikepdf.Name.DeviceGray and int(image.SMask.BitsPerComponent) == 4
            if field == pades.FIELD_OF["seal"]:
                high = float(widget.Rect[3]) - float(widget.Rect[1])
                assert high - (right - left) == pytest.approx(5 * 72 / 25.4, abs=0.2), "the strip of words below it"
                assert right - left == pytest.approx(36 * 72 / 25.4, abs=0.2)
                drawn = [list(map(float, one[0])) for one in pikepdf.parse_content_stream(form, "cm")]
                assert drawn[0][0] == pytest.approx(36 * 72 / 25.4, abs=0.3) == pytest.approx(drawn[0][3], abs=0.3)
        assert "/OutputIntents" in opened.Root
