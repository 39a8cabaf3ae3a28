"""Templates on paper: a sheet of styles, a template and the shipped fonts, made once a process. Nothing else is ever fetched.

Heavy imports: only document workers import this module.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import weasyprint
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

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
    """``<name>.html`` and ``<name>.css`` of ``templates/pdf``, with the filters and tests that the template asks for."""

    def __init__(
        self,
        name: str,
        filters: Mapping[str, Callable[..., Any]] | None = None,
        tests: Mapping[str, Callable[..., bool]] | None = None,
    ) -> None:
        self._fetcher = ShippedFontsOnly()
        self._fonts = FontConfiguration()
        self._base = weasyprint.CSS(string=(TEMPLATES / "ua.css").read_text("utf-8"), url_fetcher=self._fetcher)
        self._sheet = weasyprint.CSS(
            string=(TEMPLATES / f"{name}.css").read_text("utf-8"), font_config=self._fonts, url_fetcher=self._fetcher
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
        text = _Html(self._base, string=html, base_url=None, url_fetcher=self._fetcher)
        return text.render(font_config=self._fonts, stylesheets=[self._sheet], **options)


class _Html(weasyprint.HTML):
    """With a base sheet of a dozen rules instead of the browsers' of several hundred: a tenth of the time."""

    def __init__(self, base: weasyprint.CSS, **options: Any) -> None:
        self._base = base
        super().__init__(**options)

    def _ua_stylesheets(self, forms: bool = False) -> list[weasyprint.CSS]:
        return [self._base]


@functools.cache
def plain_layout(name: str) -> PageLayout:
    """The layout of a template that needs no filters of its own."""
    return PageLayout(name)
