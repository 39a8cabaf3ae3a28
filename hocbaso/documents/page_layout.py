"""Templates on paper: a sheet of styles, a template and the shipped fonts, made once a process. Nothing else is ever fetched.

Heavy imports: only document workers import this module.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cssselect2
import jinja2
import weasyprint
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from hocbaso.documents import quick_layout

quick_layout.install()

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates" / "pdf"
FONTS = ROOT / "static" / "fonts" / "pdf"
FONT_FILES = tuple(f"LiberationSerif-{style}.ttf" for style in ("Regular", "Bold", "Italic", "BoldItalic"))


class ShippedFontsOnly(URLFetcher):
    """Answers ``font:<file>`` for the four shipped fonts; every other address stops the rendering."""

    def __init__(self) -> None:
        super().__init__(allowed_protocols=())

    def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:
        name = url.removeprefix("font:")
        if url.startswith("font:") and name in FONT_FILES:
            return URLFetcherResponse(url, (FONTS / name).read_bytes(), {"Content-Type": "font/ttf"})
        raise FatalURLFetchingError(f"Mẫu in đã thử mở một địa chỉ ngoài: {url[:80]}")


class PageLayout:
    """``<name>.html`` and ``<name>.css`` of ``templates/pdf``, with the filters and tests that the template asks for.

    ``style``: whose sheet of styles it is where several templates have one.
    """

    def __init__(
        self,
        name: str,
        filters: Mapping[str, Callable[..., Any]] | None = None,
        tests: Mapping[str, Callable[..., bool]] | None = None,
        *,
        style: str = "",
    ) -> None:
        self._fetcher = ShippedFontsOnly()
        self._fonts = FontConfiguration()
        self._base = weasyprint.CSS(string=(TEMPLATES / "ua.css").read_text("utf-8"), url_fetcher=self._fetcher)
        self._sheet = weasyprint.CSS(
            string=(TEMPLATES / f"{style or name}.css").read_text("utf-8"),
            font_config=self._fonts,
            url_fetcher=self._fetcher,
        )
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
            finalize=lambda value: "" if value is None else value,
        )
        environment.filters |= filters or {}
        environment.tests |= tests or {}
        self.template = environment.get_template(f"{name}.html")
        for noisy in ("weasyprint", "fontTools"):
            logging.getLogger(noisy).setLevel(logging.ERROR)

    def lay_out(self, html: str, **options: Any) -> weasyprint.Document:
        """The drawn template as pages; ``options`` are WeasyPrint's."""
        text = _Html(self._base, html, self._fetcher)
        return text.render(font_config=self._fonts, stylesheets=[self._sheet], **options)


_VOID = re.compile(r"<(meta|br|col)\b([^<>]*)>")
_BARE = re.compile(r" class=(\w+)>")
_NAMELESS = re.compile(r'<svg(?! xmlns="http://www\.w3\.org/2000/svg")')
_BROKEN_VALUE = re.compile(r'="[^"]*[\t\r\n]')


def _parse_xml(html: str) -> ElementTree.Element | None:
    """The tree that the HTML parser makes of a template of ours, by the XML parser in a twentieth of the time; None when the text
    is not for it. What comes from a record is escaped, so that neither marks nor quotation marks in it are taken for ours."""
    if not html.startswith("<!doctype html>") or _BROKEN_VALUE.search(html) or _NAMELESS.search(html):
        return None
    text = _BARE.sub(r' class="\1">', _VOID.sub(r"<\1\2/>", html.removeprefix("<!doctype html>")))
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None
    # Blanks around head and body, where the HTML parser has them.
    if [child.tag for child in root] != ["head", "body"] or not len(root[1]) or (root[1].tail or "").strip():
        return None
    root.text, last = None, root[1][-1]
    last.tail, root[1].tail = (last.tail or "") + (root[1].tail or ""), None
    return root


class _Html(weasyprint.HTML):
    """With a base sheet of a dozen rules instead of the browsers' of several hundred: a tenth of the time."""

    def __init__(self, base: weasyprint.CSS, string: str, url_fetcher: URLFetcher) -> None:
        self._base = base
        root = _parse_xml(string)
        if root is None:
            super().__init__(string=string, base_url=None, url_fetcher=url_fetcher)
            return
        self.base_url, self.url_fetcher, self.media_type = None, url_fetcher, "print"
        self.wrapper_element = cssselect2.ElementWrapper.from_html_root(root, content_language=None)
        self.etree_element = self.wrapper_element.etree_element

    def _ua_stylesheets(self, forms: bool = False) -> list[weasyprint.CSS]:
        return [self._base]


@functools.cache
def plain_layout(name: str, style: str = "") -> PageLayout:
    """The layout of a template that needs no filters of its own."""
    return PageLayout(name, style=style)
