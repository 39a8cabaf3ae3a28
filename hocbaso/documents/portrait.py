"""A pupil's portrait as it is kept: turned upright, cut to 3 x 4, made small and anew, so that nothing of the sent file goes on but
what is seen: no place, no device, no second picture. Standard proportions of the paper's photograph (3 cm x 4 cm).
"""

from __future__ import annotations

import io

from hocbaso.documents.memory_limit import VERIFY_MEMORY, at_most
from hocbaso.errors import Invalid

MAX_UPLOAD = 4 * 1024 * 1024
MAX_PIXELS = 50_000_000
WIDTH, HEIGHT = 300, 400
"""Pixels of the kept picture: 3 cm x 4 cm at 254 dpi."""
LEAST = 150
"""Pixels of the narrower side that a face needs to be known by."""
_WIDEST, _TALLEST = 1.05, 0.5
"""Width over height: what is wider is no portrait, or lies on its side; what is taller is a strip of something else."""


def remake(data: bytes) -> bytes:
    """The kept JPEG (about 20 kB) of a sent JPEG or PNG; the same bytes in make the same bytes out. Memory is bounded.

    Raises ``errors.Invalid`` (field ``photo``) in words that say what to do.
    """
    from PIL import Image, UnidentifiedImageError  # here, not above: the web process reads the limits of this module

    if len(data) > MAX_UPLOAD:
        raise _refused("Ảnh lớn quá 4 MB. Xin chọn cỡ ảnh nhỏ hơn.")
    try:
        with at_most(VERIFY_MEMORY):
            return _made(data)
    except MemoryError:
        raise _refused("Ảnh lớn quá, máy không mở được. Xin chọn cỡ ảnh nhỏ hơn.") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _refused("Không đọc được ảnh: chỉ nhận tệp JPEG hoặc PNG còn nguyên.") from error


def _made(data: bytes) -> bytes:
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise _refused("Ảnh lớn quá 50 triệu điểm ảnh. Xin chọn cỡ ảnh nhỏ hơn.")
        # A telephone's JPEG may carry a small second picture (MPF) behind the first, which is the photo: only PNG moves.
        if opened.format == "PNG" and getattr(opened, "n_frames", 1) != 1:
            raise _refused("Ảnh động không dùng được.")
        if opened.mode.startswith(("I", "F")):  # sixteen bits a point: Pillow would cut all of it to white
            raise _refused("Ảnh 16 bit không dùng được. Xin lưu lại thành ảnh thường.")
        opened.draft("RGB", (2 * WIDTH, 2 * HEIGHT))  # a JPEG of a telephone is read at a fraction of its size
        image = ImageOps.exif_transpose(opened)
        if image.mode in ("RGBA", "LA", "P", "PA"):
            over = image.convert("RGBA")
            image = Image.new("RGB", over.size, "white")
            image.paste(over, mask=over.getchannel("A"))
        image = image.convert("RGB")
    width, height = image.size
    if min(width, height) < LEAST:
        raise _refused(f"Ảnh nhỏ quá ({width} × {height} điểm ảnh). Cạnh ngắn cần từ {LEAST} điểm ảnh.")
    if not _TALLEST <= width / height <= _WIDEST:
        raise _refused("Ảnh phải là ảnh chân dung đứng, cỡ 3 × 4. Xin xoay hoặc cắt lại ảnh.")
    small = ImageOps.fit(image, (WIDTH, HEIGHT), Image.Resampling.LANCZOS, centering=(0.5, 0.35))
    # Made anew from its points alone: Pillow would write a comment of the sent file into the new one.
    small = Image.frombytes("RGB", small.size, small.tobytes())
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85, optimize=True, exif=b"")
    return out.getvalue()


def _refused(words: str) -> Invalid:
    return Invalid(words, field="photo")
