"""QR codes for pages."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup


def picture(text: str, title: str) -> Markup:
    """A QR code as inline SVG without style attributes (the pages' policy refuses them). ``text`` and ``title`` are ours."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=True,
        scale=5,
        border=4,
        dark="#000",
        light="#fff",
        title=title,
        svgclass="qr",
        lineclass=None,
        nl=False,
        omitsize=True,
    )
    return Markup(out.getvalue().decode())  # made here from our own text
