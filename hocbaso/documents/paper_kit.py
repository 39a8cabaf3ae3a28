"""Class sheets for paper as PDF: A4, black on white, boxes for a pen. Heavy imports: only document workers load this module."""

from __future__ import annotations

import functools
import io

import jinja2
import pikepdf
import segno
import weasyprint
from markupsafe import Markup
from weasyprint.text.fonts import FontConfiguration

from hocbaso.documents.paper_content import PaperSheet
from hocbaso.documents.pdf_render import TEMPLATES, ShippedFontsOnly


class _Layout:
    """Sheets, fonts and template, made once a process."""

    def __init__(self) -> None:
        self.fetcher = ShippedFontsOnly()
        self.fonts = FontConfiguration()
        self.ua = weasyprint.CSS(string=(TEMPLATES / "ua.css").read_text("utf-8"), url_fetcher=self.fetcher)
        self.sheet = weasyprint.CSS(
            string=(TEMPLATES / "paper_kit.css").read_text("utf-8"), font_config=self.fonts, url_fetcher=self.fetcher
        )
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
        )
        self.template = environment.get_template("paper_kit.html")


@functools.cache
def _layout() -> _Layout:
    return _Layout()


class _Html(weasyprint.HTML):
    def _ua_stylesheets(self, forms: bool = False) -> list[weasyprint.CSS]:
        return [_layout().ua]


def render(sheets: tuple[PaperSheet, ...]) -> bytes:
    """The sheets one after the other, each beginning on a page of its own."""
    layout = _layout()
    text = layout.template.render(sheets=[(sheet, _qr(sheet)) for sheet in sheets])
    html = _Html(string=text, base_url=None, url_fetcher=layout.fetcher)
    made: bytes = html.write_pdf(font_config=layout.fonts, stylesheets=[layout.sheet])
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
