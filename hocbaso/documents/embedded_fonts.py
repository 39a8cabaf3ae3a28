"""Are the letters in a paper's fonts the shipped ones? Outline by outline, with their codes and widths.

A layout embeds a part of each shipped font under the numbers that its glyphs have there, so each outline can be held against the one
it was taken from, and each code against the letter that a machine reads. A font in which 8 and 9 are exchanged prints another
mark than its text says. Parses no more of a font than that needs, each table in one pass. Light.
"""

from __future__ import annotations

import functools
import struct
from pathlib import Path
from typing import Any

from hocbaso.errors import IntegrityFault

FONTS = Path(__file__).resolve().parents[2] / "static" / "fonts" / "pdf"
FILES = {
    "HB-Serif": "LiberationSerif-Regular.ttf",
    "HB-Serif-Bold": "LiberationSerif-Bold.ttf",
    "HB-Serif-Italic": "LiberationSerif-Italic.ttf",
    "HB-Serif-BoldItalic": "LiberationSerif-BoldItalic.ttf",
}
FOREIGN = "Chữ in trên giấy được vẽ bằng một phông chữ khác phông của mẫu: hình chữ có thể không phải chữ mà máy đọc."
MAX_FONT = 2_000_000
#: No programs that move points, no bitmaps, no coloured layers: only outlines and what describes them.
_TABLES = frozenset(
    {b"head", b"hhea", b"maxp", b"OS/2", b"hmtx", b"cmap", b"loca", b"glyf", b"name", b"post", b"gasp", b"GDEF"}
)
_HAS_INSTRUCTIONS, _MORE, _WORDS, _SCALE, _XY_SCALE, _MATRIX = 0x100, 0x20, 0x1, 0x8, 0x40, 0x80


class _Font:
    """The tables of a TrueType file. ValueError, ``struct.error`` or IndexError for what is none."""

    def __init__(self, data: bytes) -> None:
        self.tables: dict[bytes, bytes] = {}
        for index in range(struct.unpack_from(">H", data, 4)[0]):
            tag, _, offset, length = struct.unpack_from(">4sLLL", data, 12 + 16 * index)
            if tag in self.tables:
                raise ValueError("a table twice")
            self.tables[tag] = data[offset : offset + length]
        head, loca = self.tables[b"head"], self.tables[b"loca"]
        self.units = struct.unpack_from(">H", head, 18)[0]
        if struct.unpack_from(">h", head, 50)[0]:
            self.at = struct.unpack(f">{len(loca) // 4}L", loca[: len(loca) // 4 * 4])
        else:
            self.at = tuple(2 * value for value in struct.unpack(f">{len(loca) // 2}H", loca[: len(loca) // 2 * 2]))

    def outline(self, glyph: int, depth: int = 0) -> bytes:
        """A glyph without its hints, which a part of a font goes without, and with what it is composed of in place of the parts'
        numbers, which a part of a font may change; empty for one that draws nothing."""
        if not 0 <= glyph < self.n_glyphs or depth > 4:
            raise ValueError("no such glyph")
        data = self.tables[b"glyf"][self.at[glyph] : self.at[glyph + 1]]
        if not data:
            return data
        n_contours = struct.unpack_from(">h", data)[0]
        if n_contours >= 0:
            at = 10 + 2 * n_contours
            n_instructions = struct.unpack_from(">H", data, at)[0]
            return (data[:at] + data[at + 2 + n_instructions :]).rstrip(b"\0")
        out, at = [data[:10]], 10
        while True:
            flags, part = struct.unpack_from(">HH", data, at)
            size = 4 + (4 if flags & _WORDS else 2)
            size += 2 if flags & _SCALE else 4 if flags & _XY_SCALE else 8 if flags & _MATRIX else 0
            shape = self.outline(part, depth + 1)
            out += [struct.pack(">HL", flags & ~_HAS_INSTRUCTIONS, len(shape)), data[at + 4 : at + size], shape]
            at += size
            if not flags & _MORE:
                return b"".join(out)

    @functools.cached_property
    def n_glyphs(self) -> int:
        return len(self.at) - 1

    @functools.cached_property
    def widths(self) -> tuple[int, ...]:
        """Advance of each glyph, in thousandths of the size."""
        n = struct.unpack_from(">H", self.tables[b"hhea"], 34)[0]
        table = struct.unpack_from(f">{2 * n}H", self.tables[b"hmtx"])[::2]
        found = [round(value * 1000 / self.units) for value in table]
        return tuple(found + [found[-1]] * (self.n_glyphs - n))

    @functools.cached_property
    def letters(self) -> dict[str, int]:
        """Glyph of each letter (cmap, format 4: the basic plane is all that a shipped font has)."""
        cmap = self.tables[b"cmap"]
        found: dict[str, int] = {}
        for index in range(struct.unpack_from(">H", cmap, 2)[0]):
            offset = struct.unpack_from(">L", cmap, 4 + 8 * index + 4)[0]
            if struct.unpack_from(">H", cmap, offset)[0] != 4:
                continue
            n = struct.unpack_from(">H", cmap, offset + 6)[0] // 2
            ends = struct.unpack_from(f">{n}H", cmap, offset + 14)
            starts = struct.unpack_from(f">{n}H", cmap, offset + 16 + 2 * n)
            deltas = struct.unpack_from(f">{n}H", cmap, offset + 16 + 4 * n)
            ranges = struct.unpack_from(f">{n}H", cmap, offset + 16 + 6 * n)
            for segment in range(n):
                for code in range(starts[segment], min(ends[segment], 0xFFFE) + 1):
                    glyph = code
                    if ranges[segment]:
                        place = offset + 16 + 6 * n + 2 * segment + ranges[segment] + 2 * (code - starts[segment])
                        glyph = struct.unpack_from(">H", cmap, place)[0]
                        if not glyph:
                            continue
                    found[chr(code)] = (glyph + deltas[segment]) & 0xFFFF
        return found


@functools.lru_cache(maxsize=4)
def _shipped(name: str) -> _Font:
    return _Font((FONTS / FILES[name]).read_bytes())


@functools.lru_cache(maxsize=4096)
def _shipped_outline(name: str, glyph: int) -> bytes:
    return _shipped(name).outline(glyph)


def require_shipped(font: Any, letters: dict[int, str]) -> None:
    """Raise ``errors.IntegrityFault`` unless a PDF's font is a part of the shipped one that it is named after.

    ``font`` is the font's dictionary (pikepdf), ``letters`` what its ``/ToUnicode`` says of each code.
    """
    fault = IntegrityFault(FOREIGN)
    try:
        descendants = list(font.DescendantFonts)
        below = descendants[0]
        descriptor = below.FontDescriptor
        name = str(font.BaseFont).partition("+")[2]
        kind = (str(font.Subtype), str(font.Encoding), str(below.Subtype), str(below.CIDToGIDMap), len(descendants))
        if name not in FILES or kind != ("/Type0", "/Identity-H", "/CIDFontType2", "/Identity", 1):
            raise fault
        if "/FontFile" in descriptor or "/FontFile3" in descriptor or "/W2" in below:
            raise fault
        data = descriptor.FontFile2.read_bytes()
        if len(data) > MAX_FONT:
            raise fault
        ours, theirs = _shipped(name), _Font(data)
        if not set(theirs.tables) <= _TABLES or theirs.units != ours.units or theirs.n_glyphs > ours.n_glyphs:
            raise fault
        for code, letter in letters.items():
            if len(letter) != 1 or ours.letters.get(letter) != code:
                raise fault
            if theirs.outline(code) != _shipped_outline(name, code):
                raise fault
        if float(below.get("/DW", 1000)) != 1000:
            raise fault
        widths = _widths(below.get("/W", ()))
        if any(abs(widths.get(code, 1000) - ours.widths[code]) > 1 for code in letters):
            raise fault
    except IntegrityFault:
        raise
    except Exception as error:  # a damaged font breaks its reader in many ways
        raise fault from error


def _widths(table: Any) -> dict[int, float]:
    """``/W``: a code and a list of widths from it on, or first code, last code and one width."""
    found: dict[int, float] = {}
    items = list(table)
    at = 0
    while at < len(items):
        first = int(items[at])
        if hasattr(items[at + 1], "__iter__"):
            found |= {first + index: float(width) for index, width in enumerate(items[at + 1])}
            at += 2
        else:
            last = min(int(items[at + 1]), 0xFFFF)
            found |= dict.fromkeys(range(first, last + 1), float(items[at + 2]))
            at += 3
    return found
