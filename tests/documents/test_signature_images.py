"""What a signature adds to a file: little, whatever image somebody uploads, and nothing that the eye misses."""

from __future__ import annotations

import io
import zlib

import pikepdf
import pytest
from PIL import Image, ImageDraw

from hocbaso.documents import cms, pades
from hocbaso.documents.appearance import decode_image
from hocbaso.documents.test_authority import demo_image

from .conftest import World

MAX_SIGNED_BYTES = 150_000


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def alpha_of(width: int, height: int, packed: bytes) -> list[list[int]]:
    raw, row = zlib.decompress(packed), (width + 1) // 2
    assert len(raw) == row * height
    return [
        [value for byte in raw[y * row : (y + 1) * row] for value in (byte >> 4, byte & 15)][:width]
        for y in range(height)
    ]


def test_a_record_with_three_visible_signatures_is_small(world: World) -> None:
    assert len(world.pdf) <= MAX_SIGNED_BYTES, f"{len(world.unsigned)} unsigned, {len(world.pdf)} signed"


def test_the_room_for_a_signature_fits_its_chain(world: World) -> None:
    for (start, end, _), signer in zip(pades.signature_spans(world.pdf), world.signers.values(), strict=True):
        parts = pades.read_contents(world.pdf, start, end)
        used = len(cms.build(parts.digest, parts.chain, parts.signature))
        assert used < cms.longest(signer.chain) == (end - start - 2) // 2 <= used + 44


@pytest.mark.parametrize("name", ["seal", "sign-homeroom", "sign-principal"])
def test_an_image_of_one_ink_is_its_shape_and_a_dot(name: str) -> None:
    image = decode_image(demo_image(name), 102, 102)
    assert len(image.palette) == 3 and image.rows == b""
    red, green, blue = image.palette
    assert (red > 150 > green and red > blue) if name == "seal" else blue > red


def test_an_image_of_two_colours_keeps_both() -> None:
    picture = Image.new("RGBA", (300, 301), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 149, 300), fill=(20, 40, 160, 255))
    draw.rectangle((150, 0, 280, 300), fill=(200, 20, 30, 255))
    image = decode_image(png(picture), 86.4, 86.7)
    assert (image.width, image.height) == (300, 301)
    rows = alpha_of(300, 301, image.rows)
    left, right = (image.palette[3 * rows[5][x] : 3 * rows[5][x] + 3] for x in (10, 200))
    assert max(abs(a - b) for a, b in zip(left, (20, 40, 160), strict=True)) < 8
    assert max(abs(a - b) for a, b in zip(right, (200, 20, 30), strict=True)) < 8
    alpha = alpha_of(300, 301, image.alpha)
    assert alpha[5][10] == 15 and alpha[5][290] == 0


def test_colours_under_transparent_pixels_do_not_bleed_into_the_ink() -> None:
    picture = Image.new("RGBA", (1000, 1000), (0, 255, 0, 0))
    ImageDraw.Draw(picture).line((100, 100, 900, 870), fill=(212, 19, 41, 255), width=9)
    image = decode_image(png(picture), 50, 50)
    assert max(abs(a - b) for a, b in zip(image.palette, (212, 19, 41), strict=True)) < 6


@pytest.mark.parametrize("size", [(1, 1), (3000, 40), (5, 700)])
def test_odd_sizes_and_an_image_with_nothing_on_it_do_no_harm(size: tuple[int, int]) -> None:
    image = decode_image(png(Image.new("RGBA", size, (9, 9, 9, 0))), 100, 50)
    assert image.width >= 1 and image.height >= 1 and len(image.palette) == 3
    assert not any(any(row) for row in alpha_of(image.width, image.height, image.alpha))


def test_no_upload_makes_a_large_file() -> None:
    noise = Image.effect_noise((600, 600), 90).convert("RGBA")
    image = decode_image(png(noise), 102, 102)
    assert image.width <= 354 and len(image.rows) + len(image.alpha) < 140_000


def test_the_same_image_stands_once_for_each_place_it_is_drawn_in(world: World) -> None:
    with pikepdf.open(io.BytesIO(world.pdf)) as pdf:
        images = [item for item in pdf.objects if isinstance(item, pikepdf.Stream) and item.get("/Subtype") == "/Image"]
    assert len(images) == 6  # a dot of ink and its shape for each of three
