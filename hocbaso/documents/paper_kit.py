"""Class sheets for paper as PDF: A4, black on white, boxes for a pen. Heavy imports: only document workers load this module."""

from __future__ import annotations

import io

import pikepdf
import segno
from markupsafe import Markup

from hocbaso.documents.page_layout import plain_layout
from hocbaso.documents.paper_content import PaperSheet


def render(sheets: tuple[PaperSheet, ...]) -> bytes:
    """The sheets one after the other, each beginning on a page of its own."""
    layout = plain_layout("paper_kit")
    text = layout.template.render(sheets=[(sheet, _qr(sheet)) for sheet in sheets])
    made: bytes = layout.lay_out(text).write_pdf()
    return made


def join(parts: tuple[bytes, ...]) -> bytes:
    """Several PDFs as one, in this order."""
    with pikepdf.new() as whole:
        for part in parts:
            with pikepdf.open(io.BytesIO(part)) as pdf:
                whole.pages.extend(pdf.pages)
        with whole.open_metadata() as about:
            about["dc:title"] = "Phiếu điểm giấy"
        whole.Root.Lang = pikepdf.String("vi")
        out = io.BytesIO()
        whole.save(out)
    return out.getvalue()


def _qr(sheet: PaperSheet) -> Markup:
    text = segno.make(sheet.address, error="m", micro=False).svg_inline(border=2, omitsize=True)
    return Markup(text)  # drawn here; the address is only in the squares
