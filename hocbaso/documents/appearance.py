"""What a signature looks like on paper: a form XObject of an image and outlined text (Decree 30/2020, annex I).

Person: the hand image, blue, over a line with name and office and one with the signing time. School: the seal image, red, at real size,
over the same in a strip of its own. Without an image a neutral text stands in its place.

Text is written in the fonts of the paper's own pages where its form offers them (1.2): it is read, searched and copied like the page, and no
font is embedded again. Papers of older forms get glyph outlines of the same serif; so does a name with a letter that the pages do not have.
"""

from __future__ import annotations

import functools
import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from fontTools.pens.basePen import BasePen
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops, ImageStat, UnidentifiedImageError

from hocbaso.documents.embedded_fonts import FONTS
from hocbaso.errors import Invalid

VIETNAM = timezone(timedelta(hours=7))
_BLUE = "0.12 0.25 0.62 rg"
_RED = "0.72 0.11 0.11 rg 0.72 0.11 0.11 RG"
_MAX_IMAGE_BYTES = 2_000_000
_DPI = 250
_STEPS = 8  # of transparency; 16 cost a third more bytes and no eye tells them apart at this size
_COLOURS = 15
_ONE_INK = 24  # of 255: noise of a scan, not a second colour


@dataclass(frozen=True, slots=True)
class RasterImage:
    """An image ready for a PDF: a palette, 4-bit indices into it (none for a single ink), 4-bit alpha; both deflated.

    ``palette`` is RGB, three bytes a colour. ``rows`` is empty when the image has one colour: then alpha says all.
    """

    width: int
    height: int
    palette: bytes
    rows: bytes
    alpha: bytes


def decode_image(png: bytes, width: float, height: float) -> RasterImage:
    """Re-encode an uploaded PNG or JPEG for a place of ``width`` x ``height`` points.

    Raises ``errors.Invalid``; nothing of the file but its pixels goes on, and no more of them than print at that size: 250 dots
    an inch, 8 steps of transparency, 15 colours. A class has the same images: each is worked out once a process.
    """
    return _reduced(png, round(width / 72 * _DPI), round(height / 72 * _DPI))


@functools.lru_cache(maxsize=32)
def _reduced(png: bytes, width: int, height: int) -> RasterImage:
    if len(png) > _MAX_IMAGE_BYTES:
        raise Invalid("Ảnh chữ ký hoặc con dấu lớn quá 2 MB.")
    try:
        with Image.open(io.BytesIO(png), formats=("PNG", "JPEG")) as opened:
            if opened.width * opened.height > 25_000_000:
                raise Invalid("Ảnh chữ ký hoặc con dấu quá lớn.")
            image = opened.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Invalid("Không đọc được ảnh chữ ký hoặc con dấu (chỉ nhận PNG, JPEG).") from error
    # A box average makes no rings around strokes: half the bytes of a sharper filter, and nothing to see of it in print.
    # Colours are averaged by their weight: what lies under a fully transparent pixel must not bleed into the ink.
    image = image.convert("RGBa")
    scale = min(width / image.width, height / image.height, 1.0)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.BOX).convert("RGBA")
    steps = image.getchannel("A").point([(value * (_STEPS - 1) + 127) // 255 for value in range(256)])
    alpha = steps.point([value * 15 // (_STEPS - 1) if value < _STEPS else 0 for value in range(256)])
    palette, indices = _colours(image, steps)
    return RasterImage(
        image.width,
        image.height,
        palette,
        b"" if len(palette) == 3 else zlib.compress(_nibbles(indices), 9),
        zlib.compress(_nibbles(alpha), 9),
    )


def _colours(image: Image.Image, steps: Image.Image) -> tuple[bytes, Image.Image]:
    """Palette and indices. An image of one ink has a palette of one; pixels that do not show take the ink."""
    dense = steps.point([0] * (_STEPS - 1) + [255] * (257 - _STEPS))
    shown = steps.point([0] + [255] * 255)
    colours = image.convert("RGB")
    mean = ImageStat.Stat(colours, mask=dense if dense.getbbox() else shown if shown.getbbox() else None).mean
    plain = Image.new("RGB", image.size, (round(mean[0]), round(mean[1]), round(mean[2])))
    inked = plain.copy()
    inked.paste(colours, mask=shown)
    apart = ImageChops.multiply(ImageChops.difference(inked, plain), image.getchannel("A").convert("RGB"))
    if all(band.getextrema()[1] <= _ONE_INK for band in apart.split()):  # type: ignore[operator]
        return plain.tobytes()[:3], steps
    reduced = inked.quantize(_COLOURS, dither=Image.Dither.NONE)
    return bytes(reduced.getpalette() or ())[: 3 * _COLOURS], reduced


def _nibbles(image: Image.Image) -> bytes:
    """Two pixels a byte, rows padded to whole bytes."""
    width, raw = image.width, image.tobytes()
    if width % 2:
        raw = b"".join(raw[at : at + width] + b"\0" for at in range(0, len(raw), width))
    return bytes(high << 4 | low for high, low in zip(raw[::2], raw[1::2], strict=True))


_GRID = 512  # units an em: a hundredth of a point at these sizes, and half the bytes of the font's own 2048


def _on_grid(*points: tuple[float, float]) -> str:
    return " ".join(f"{x * _GRID / 2048:.0f} {y * _GRID / 2048:.0f}" for x, y in points)


class _PathPen(BasePen):
    def __init__(self, glyphs: object) -> None:
        super().__init__(glyphs)
        self.parts: list[str] = []

    def _moveTo(self, pt: tuple[float, float]) -> None:
        self.parts.append(f"{_on_grid(pt)} m")

    def _lineTo(self, pt: tuple[float, float]) -> None:
        self.parts.append(f"{_on_grid(pt)} l")

    def _curveToOne(self, pt1: tuple[float, float], pt2: tuple[float, float], pt3: tuple[float, float]) -> None:
        self.parts.append(f"{_on_grid(pt1, pt2, pt3)} c")

    def _closePath(self) -> None:
        self.parts.append("h")


@functools.cache
def _font(style: str) -> tuple[TTFont, dict[int, str], object]:
    font = TTFont(FONTS / f"LiberationSerif-{style}.ttf", lazy=True)
    return font, font.getBestCmap(), font.getGlyphSet()


@functools.lru_cache(maxsize=2048)
def _glyph(style: str, char: str) -> tuple[str, int]:
    _, cmap, glyphs = _font(style)
    name = cmap.get(ord(char), ".notdef")
    pen = _PathPen(glyphs)
    glyphs[name].draw(pen)  # type: ignore[index]
    return " ".join(pen.parts), glyphs[name].width  # type: ignore[index]


Letters = Mapping[str, frozenset[int]]
"""Glyph numbers that each style's font of the paper has; empty where text is drawn as outlines."""
_RESOURCE = {"Regular": "HBR", "Bold": "HBB"}
Line = tuple[tuple[tuple[str, str], ...], float]
"""Runs of (text, style), and a size."""


def _line(size: float, *runs: tuple[str, str]) -> Line:
    return tuple(run for run in runs if run[0]), size


def _width(runs: tuple[tuple[str, str], ...], size: float) -> float:
    return sum(_glyph(style, char)[1] for text, style in runs for char in text) * size / 2048


@functools.cache
def _glyph_number(style: str, char: str) -> int:
    font, cmap, _ = _font(style)
    return font.getGlyphID(cmap[ord(char)]) if ord(char) in cmap else 0


def _text(text: str, x: float, y: float, size: float, style: str, letters: Letters) -> str:
    """One run, starting at x, y (points)."""
    numbers = [_glyph_number(style, char) for char in text]
    if letters.get(style, frozenset()).issuperset(numbers):
        codes = "".join(f"{number:04x}" for number in numbers)
        return f"BT /{_RESOURCE[style]} {size:.3f} Tf 1 0 0 1 {x:.2f} {y:.2f} Tm <{codes}> Tj ET"
    return _outlines(text, x, y, size, style)


def _outlines(text: str, x: float, y: float, size: float, style: str) -> str:
    scale = size / _GRID
    parts = [f"q {scale:.6f} 0 0 {scale:.6f} {x:.2f} {y:.2f} cm"]
    for char in text:
        path, advance = _glyph(style, char)
        if path:
            parts.append(f"{path} f")
        parts.append(f"1 0 0 1 {advance * _GRID / 2048:g} 0 cm")
    parts.append("Q")
    return "\n".join(parts)


def _centred(lines: list[Line], width: float, top: float, letters: Letters) -> list[str]:
    """Lines centred below ``top``, each shrunk to fit the width."""
    out, y = [], top
    for runs, size in lines:
        natural = _width(runs, size)
        size = min(size, size * (width - 4) / natural) if natural else size
        y -= size * 1.18
        x = (width - _width(runs, size)) / 2
        for text, style in runs:
            out.append(_text(text, x, y + size * 0.2, size, style, letters))
            x += _width(((text, style),), size)
    return out


def _block(lines: list[Line], width: float, low: float, high: float, letters: Letters) -> list[str]:
    """Lines in the middle between ``low`` and ``high``: a little smaller to stay on one line, else wrapped, else all smaller."""
    wrapped = [
        (part, size)
        for runs, size in lines
        for part in ([runs] if _width(runs, size * 0.8) <= width - 4 or len(runs) > 1 else _wrap(runs[0], size, width))
    ]
    total = sum(size for _, size in wrapped) * 1.18
    scale = min(1.0, (high - low) / total)
    return _centred([(runs, size * scale) for runs, size in wrapped], width, (high + low + total * scale) / 2, letters)


def _wrap(run: tuple[str, str], size: float, width: float) -> list[tuple[tuple[str, str], ...]]:
    text, style = run
    lines: list[str] = []
    for word in text.split():
        if lines and _width(((f"{lines[-1]} {word}", style),), size) <= width - 6:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [((line, style),) for line in lines]


def _place(image: RasterImage, x: float, y: float, width: float, height: float) -> str:
    scale = min(width / image.width, height / image.height)
    w, h = image.width * scale, image.height * scale
    return f"q {w:.2f} 0 0 {h:.2f} {x + (width - w) / 2:.2f} {y + (height - h) / 2:.2f} cm /Im0 Do Q"


def stamp_time(at: datetime) -> str:
    """Signing time as people read it, Vietnam time with its zone."""
    return at.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S +07:00")


@dataclass(frozen=True, slots=True)
class Words:
    """What a signature says: whose it is, as what (``giáo viên chủ nhiệm``; empty in forms that do not say it), and when."""

    name: str
    office: str
    at: datetime


def draw(
    role: str, words: Words, width: float, height: float, image: RasterImage | None, letters: Letters | None = None
) -> bytes:
    """Content stream of the appearance in a box of ``width`` x ``height`` points; ``/Im0`` is the image, if any.

    ``letters`` are the paper's own fonts (``/HBR``, ``/HBB``), for forms that offer them.
    """
    if letters is None:
        return "\n".join(_old(role, words, width, height, image)).encode("ascii")
    R, B, time = "Regular", "Bold", stamp_time(words.at)
    # The school's name stands in the pages in regular type, persons' in bold: so their letters are there.
    if role == "seal":
        strip, parts = height - width, []
        if image is not None:
            parts += [_place(image, 0, strip, width, width), f"q {_RED}"]
            lines = [_line(5.6, (words.name, R)), _line(5.6, (f"Con dấu số: {time}", R))]
            return "\n".join([*parts, *_block(lines, width, 0, strip - 1, letters), "Q"]).encode("ascii")
        # Only the part that lies neither over the principal's name nor over the words above the signature.
        inner, low, high = width * 0.62, strip + width * 0.17, strip + width * 0.83
        parts += _frame(inner, low, high)
        lines = [_line(7.0, ("Con dấu số", R)), _line(8.0, (words.name, R)), _line(6.0, (time, R))]
        return "\n".join([*parts, *_block(lines, inner - 14, low + 4, high - 4, letters), "Q"]).encode("ascii")
    left = width * 0.34 if role == "principal" else 0.0  # the left third is the seal's
    parts = [] if image is None else [_place(image, 0, _CAPTION, width, height - _CAPTION)]
    parts += [f"q {_BLUE}", f"1 0 0 1 {left:.2f} 0 cm"]
    if image is not None:
        who = _line(5.6, (words.name, B), (f", {words.office}", R))
        lines = [who, _line(5.6, (f"Ký số: {time}", R))]
        if _width(who[0], 4.2) > width - left - 4:
            lines = [_line(3.8, (words.name, B)), _line(3.8, (words.office, R)), _line(3.8, (f"Ký số: {time}", R))]
        parts += _centred(lines, width - left, _CAPTION - 0.2, letters)
    else:
        lines = [_line(10.0, (words.name, B)), _line(7.5, (words.office, R)), _line(7.0, (f"Ký số: {time}", R))]
        parts += _block(lines, width - left, 1, height - 1, letters)
    return "\n".join([*parts, "Q"]).encode("ascii")


_CAPTION = 13.6


def _frame(width: float, low: float, high: float) -> list[str]:
    return [
        f"q {_RED}",
        f"1.2 w 3 {low:.2f} {width - 6:.2f} {high - low:.2f} re S",
        f"0.4 w 5.5 {low + 2.5:.2f} {width - 11:.2f} {high - low - 5:.2f} re S",
        "1 0 0 1 7 0 cm",
    ]


def _old(role: str, words: Words, width: float, height: float, image: RasterImage | None) -> list[str]:
    """The appearance of papers of the forms 1.0 and 1.1, in outlines."""
    parts: list[str] = []
    time, none = stamp_time(words.at), dict[str, frozenset[int]]()
    if role == "seal":
        if image is not None:
            parts.append(_place(image, 0, 0, width, height))
        else:
            width, low, high = width * 0.62, height * 0.17, height * 0.83
            parts += _frame(width, low, high)
            lines = [
                _line(7.0, ("ĐÃ ĐÓNG DẤU SỐ", "Bold")),
                _line(8.0, (words.name, "Bold")),
                _line(6.0, (time, "Regular")),
            ]
            parts += [*_block(lines, width - 14, low + 4, high - 4, none), "Q"]
    elif image is not None:
        caption = 8.0
        parts.append(_place(image, 0, caption, width, height - caption))
        parts.append(f"q {_BLUE}")
        if role == "principal":  # the left third is the seal's
            parts.append(f"1 0 0 1 {width * 0.3:.2f} 0 cm")
            width *= 0.7
        parts += [*_centred([_line(5.8, (f"Ký số: {time}", "Regular"))], width, caption - 0.4, none), "Q"]
    else:
        lines = [
            _line(8.0, ("Đã ký số bởi", "Italic")),
            _line(10.0, (words.name, "Bold")),
            _line(7.0, (time, "Regular")),
        ]
        parts.append(f"q {_BLUE}")
        if role == "principal":  # the left third is the seal's
            parts.append(f"1 0 0 1 {width * 0.34:.2f} 0 cm")
            width *= 0.66
        parts += [*_block(lines, width, 1, height - 1, none), "Q"]
    return parts
