"""Small files that are much work: PDF by compression, nesting and missing tables, XML by entities and size."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable

_NAME = b"(du-lieu-hoc-ba.xml)"


def pdf(objects: dict[int, bytes]) -> bytes:
    """A well-formed file of these objects; 1 is the root."""
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table, size = len(out), max(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        out += b"%010d 00000 n \n" % places[number] if number in places else b"0000000000 65535 f \n"
    return bytes(out + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, table))


def transcript_shell(stream: bytes, filters: bytes = b"/FlateDecode") -> bytes:
    """What a transcript looks like from outside, with this stream as its data zone."""
    spec = b"<</Type/Filespec/F%b/UF%b/AFRelationship/Source/EF<</F 5 0 R/UF 5 0 R>>>>" % (_NAME, _NAME)
    return pdf(
        {
            1: b"<</Type/Catalog/Pages 2 0 R/AF[4 0 R]/Names<</EmbeddedFiles<</Names[%b 4 0 R]>>>>/AcroForm<</Fields[]>>>>" % _NAME,
            2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
            4: spec,
            5: b"<</Type/EmbeddedFile/Filter %b/Length %d>>stream\n%b\nendstream" % (filters, len(stream), stream),
        }
    )  # fmt: skip


@functools.cache
def squeezed(megabytes: int) -> bytes:
    """So many megabytes of zeros, packed to a thousandth."""
    packer = zlib.compressobj(1)
    zeros = bytes(1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(megabytes)) + packer.flush()


def _nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    return pdf(
        {
            1: b"<</Type/Catalog/Pages 2 0 R/X %b1%b>>" % (opening * depth, closing * depth),
            2: b"<</Type/Pages/Kids[]/Count 0>>",
        }
    )


def _laughs() -> bytes:
    lines = [b'<!ENTITY e0 "haha">']
    lines += [b'<!ENTITY e%d "%b">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 12)]
    return b'<?xml version="1.0"?><!DOCTYPE a [%b]><HOC_BA>&e11;</HOC_BA>' % b"".join(lines)


PDF_BOMBS: dict[str, Callable[[], bytes]] = {
    "flate": lambda: transcript_shell(squeezed(1000)),
    "flate in flate": lambda: transcript_shell(zlib.compress(squeezed(1500)), b"[/FlateDecode/FlateDecode]"),
    "arrays in arrays": lambda: _nested(b"[", b"]", 2_000_000),
    "dictionaries in dictionaries": lambda: _nested(b"<</A ", b">>", 800_000),
    "no table": lambda: b"%PDF-1.7\n" + b"1 0 obj\n<<>>\nendobj\n" * 300_000,
    "pages in a ring": lambda: pdf(
        {1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"}
    ),
    "many objects": lambda: pdf(
        {1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[]/Count 0>>"}
        | dict.fromkeys(range(3, 120_000), b"[]")
    ),
}
XML_BOMBS: dict[str, Callable[[], bytes]] = {
    "billion laughs": _laughs,
    "quadratic": lambda: b'<!DOCTYPE a [<!ENTITY e "%b">]><HOC_BA>%b</HOC_BA>' % (b"a" * 90_000, b"&e;" * 90_000),
    "external entity": lambda: b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><HOC_BA>&e;</HOC_BA>',
    "parameter entity": lambda: b'<!DOCTYPE a [<!ENTITY %% p SYSTEM "file:///etc/passwd">%%p;]><HOC_BA/>'.replace(
        b"%%", b"%"
    ),
    "deep": lambda: b"<a>" * 280_000 + b"</a>" * 280_000,
    "wide": lambda: b"<HOC_BA>" + b"<a/>" * 500_000 + b"</HOC_BA>",
    "attributes": lambda: b"<HOC_BA " + b" ".join(b"a%d='1'" % n for n in range(150_000)) + b"/>",
    "name spaces": lambda: b"<HOC_BA " + b" ".join(b"xmlns:a%d='u%d'" % (n, n) for n in range(80_000)) + b"/>",
    "package": lambda: b"PK\x03\x04" + bytes(7_000_000),
}
