"""A pupil's portrait: made small and anew, nothing of the sent file goes on but what is seen."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from hocbaso.documents.portrait import HEIGHT, MAX_UPLOAD, WIDTH, remake
from hocbaso.errors import Invalid


def picture(size: tuple[int, int] = (600, 800), kind: str = "JPEG", mode: str = "RGB", **options: object) -> bytes:
    image = Image.new(mode, size, "white")
    image.paste(Image.new(mode, (size[0] // 2, size[1] // 2), "red"), (0, 0))
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    "data", [picture(), picture(kind="PNG"), picture(kind="PNG", mode="RGBA"), picture((3000, 4000))]
)
def test_what_is_kept_is_a_small_upright_jpeg(data: bytes) -> None:
    made = remake(data)
    image = opened(made)
    assert (image.format, image.size, image.mode) == ("JPEG", (WIDTH, HEIGHT), "RGB")
    assert len(made) < 40_000 and remake(data) == made
    red, _green, blue = image.getpixel((20, 20))  # type: ignore[misc]
    assert red > 200 and blue < 80


def test_place_and_device_do_not_go_on_and_a_picture_on_its_side_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x0110], exif[0x010E] = 6, "MayAnh-123", "nha em o xom 3"
    sent = picture((800, 600), exif=exif.tobytes(), comment=b"ghi chu rieng")
    assert b"MayAnh" in sent and b"ghi chu" in sent
    made = remake(sent)
    assert opened(made).size == (WIDTH, HEIGHT)
    assert not opened(made).getexif() and b"MayAnh" not in made and b"ghi chu" not in made and b"xom 3" not in made


def test_a_telephone_s_second_picture_is_no_film() -> None:
    out = io.BytesIO()
    Image.new("RGB", (600, 800), "red").save(
        out, "MPO", save_all=True, append_images=[Image.new("RGB", (60, 80), "blue")]
    )
    red, _green, blue = opened(remake(out.getvalue())).getpixel((20, 20))  # type: ignore[misc]
    assert red > 200 and blue < 80


def sixteen_bit() -> bytes:
    out = io.BytesIO()
    Image.new("I;16", (600, 800), 30_000).save(out, "PNG")
    return out.getvalue()


def bomb() -> bytes:
    """A PNG of 60 million points in some kilobytes."""

    def part(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = (6000).to_bytes(4, "big") + (10_000).to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    rows = zlib.compress(bytes(18_001) * 10_000, 9)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", rows) + part(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "Không đọc được"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "Không đọc được"),
        (b"%PDF-1.7", "Không đọc được"),
        (picture()[:400], "Không đọc được"),
        (picture(kind="GIF"), "Không đọc được"),
        (picture((100, 130)), "nhỏ quá"),
        (picture((900, 600)), "chân dung"),
        (picture((200, 900)), "chân dung"),
        (picture() + b"x" * MAX_UPLOAD, "lớn quá 4 MB"),
        (bomb, "50 triệu"),
        (sixteen_bit(), "16 bit"),
    ],
)
def test_what_is_no_portrait_is_refused_in_words(data: bytes | Callable[[], bytes], words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        remake(data() if callable(data) else data)
    assert refused.value.field == "photo"
