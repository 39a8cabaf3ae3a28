"""A real school's images of signature and seal: what somebody uploads is judged, reduced to one ink and made anew (decision 0031).

Decree 30/2020, annex I: the hand blue, the seal red and at its true size, 36 mm, over the left third of the hand. Nothing of the
uploaded file goes on but shape and mean colour: no text chunk, no profile, no second colour.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image, ImageFilter, ImageStat, UnidentifiedImageError

from hocbaso.documents.appearance import decode_image
from hocbaso.errors import Invalid

MAX_UPLOAD = 2_000_000
MAX_PIXELS = 16_000_000
MM = 72 / 25.4
SEAL_SIDE = 36 * MM
HAND_WIDTH, HAND_HEIGHT = 40 * MM, 19 * MM - 8
"""Points; eight of the hand's height are its line with the time."""
MOST_BYTES = {"hand": 4_000, "seal": 14_000}
"""What an image may take in a file: three of them and the record stay below 150 kB (``documents.md``)."""
_DPI = 300
_LEAST = {"hand": 250, "seal": 300}
"""Pixels of the drawn part: the wider side of a hand, the narrower one of a seal."""


def remake(data: bytes, kind: str) -> bytes:
    """The image that is kept, a PNG of one ink on nothing; ``kind`` is ``hand`` or ``seal``. The same upload makes the same bytes.

    Raises ``errors.Invalid`` (field ``image``) in words that say what to do.
    """
    image = _opened(data)
    alpha = image.getchannel("A")
    if min(alpha.getpixel(corner) for corner in _corners(alpha)) > 16 or alpha.histogram()[0] * 4 < _area(alpha):  # type: ignore[type-var,operator]
        raise _refused("Nền ảnh phải trong suốt: xoá nền giấy trắng rồi lưu lại thành PNG.")
    # The faint haze of a cleaned scan is neither ink nor edge.
    alpha = alpha.point([0] * 40 + [min(255, (value - 40) * 255 // 160) for value in range(40, 256)])
    box = alpha.getbbox()
    if box is None or sum(alpha.histogram()[128:]) * 400 < _area(alpha.crop(box)):
        raise _refused("Ảnh không có nét mực nào đủ đậm.")
    image, alpha = image.crop(box), alpha.crop(box)
    width, height = alpha.size
    if (min if kind == "seal" else max)(width, height) < _LEAST[kind]:
        raise _refused(f"Ảnh nhỏ quá: phần có mực chỉ {width} × {height} điểm ảnh. Quét lại ở 300 dpi trở lên.")
    if kind == "seal" and not 0.94 <= width / height <= 1.06:
        raise _refused("Con dấu trong ảnh không tròn: chỉ để con dấu trong ảnh, không kèm chữ ký, và không kéo méo.")
    ink = _ink(image, alpha, kind)
    for clean in _CLEANINGS:
        made = _one_ink(clean(alpha), ink, kind)
        if n_bytes(made, kind) <= MOST_BYTES[kind]:
            return made
    raise _refused(
        "Ảnh có nhiều hạt nhiễu quá nên làm tệp học bạ nặng. Quét lại trên giấy trắng, lau sạch nền rồi lưu PNG."
    )


def _opened(data: bytes) -> Image.Image:
    if len(data) > MAX_UPLOAD:
        raise _refused("Ảnh lớn quá 2 MB.")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise _refused("Ảnh lớn quá 16 triệu điểm ảnh.")
            if getattr(opened, "n_frames", 1) != 1:
                raise _refused("Ảnh động không dùng được.")
            return opened.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _refused("Không đọc được ảnh: chỉ nhận tệp PNG có nền trong suốt.") from error


def _refused(words: str) -> Invalid:
    return Invalid(words, field="image")


def _corners(image: Image.Image) -> list[tuple[int, int]]:
    right, low = image.width - 1, image.height - 1
    return [(0, 0), (right, 0), (0, low), (right, low)]


def _area(image: Image.Image) -> int:
    return image.width * image.height


def _ink(image: Image.Image, alpha: Image.Image, kind: str) -> tuple[int, int, int]:
    """The mean colour of the dense parts. Refused when it is not blue (hand) or red (seal)."""
    dense = alpha.point([0] * 200 + [255] * 56)
    mean = ImageStat.Stat(image.convert("RGB"), mask=dense if dense.getbbox() else alpha.point([0] + [255] * 255)).mean
    red, green, blue = (round(value) for value in mean[:3])
    if kind == "seal" and not (red >= green + 60 and red >= blue + 40):
        raise _refused("Con dấu phải màu đỏ (Nghị định 30/2020/NĐ-CP, phụ lục I).")
    if kind == "hand" and not (blue >= red + 30 and blue >= green + 10):
        raise _refused("Chữ ký phải màu xanh (Nghị định 30/2020/NĐ-CP, phụ lục I).")
    return red, green, blue


def _one_ink(alpha: Image.Image, ink: tuple[int, int, int], kind: str) -> bytes:
    width, height = (SEAL_SIDE, SEAL_SIDE) if kind == "seal" else (HAND_WIDTH, HAND_HEIGHT)
    most = round(width / 72 * _DPI), round(height / 72 * _DPI)
    if kind == "seal":  # round to within a scan's slip: at true size it is exactly so
        alpha = alpha.resize(most, Image.Resampling.BOX)
    else:
        scale = min(most[0] / alpha.width, most[1] / alpha.height, 1.0)
        size = max(1, round(alpha.width * scale)), max(1, round(alpha.height * scale))
        alpha = alpha.resize(size, Image.Resampling.BOX)
    made = Image.new("RGBA", alpha.size, (*ink, 0))
    made.putalpha(alpha)
    out = io.BytesIO()
    made.save(out, "PNG", optimize=True)
    return out.getvalue()


def n_bytes(png: bytes, kind: str) -> int:
    """Bytes that the image will take in each signed file."""
    width, height = (SEAL_SIDE, SEAL_SIDE) if kind == "seal" else (HAND_WIDTH, HAND_HEIGHT)
    image = decode_image(png, width, height)
    return len(image.palette) + len(image.rows) + len(image.alpha)


def _harder(alpha: Image.Image) -> Image.Image:
    return alpha.point([max(0, min(255, (value - 100) * 255 // 70)) for value in range(256)])


_CLEANINGS: tuple[Callable[[Image.Image], Image.Image], ...] = (
    lambda alpha: alpha,
    _harder,
    lambda alpha: _harder(alpha.filter(ImageFilter.MedianFilter(3))),
    lambda alpha: _harder(alpha.filter(ImageFilter.MedianFilter(5))),
)
"""Tried in turn until the image is small enough: as it is, without haze, without specks."""
