"""``url_for`` of the templates, remembered: a page asks for thirty addresses, and each is built from the map anew otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flask import Flask, request

STATIC_SECONDS = 2.0
"""A changed file gets its new address at the latest after this time; the file is looked at once for all pages of it."""


def remembered(app: Flask) -> Callable[..., str]:
    """``app.url_for`` with the last few thousand answers kept. Addresses with ``_anchor`` or another option, of the present
    blueprint (``.show``), with values that are no plain text or number, and a test's static files are built as ever."""

    @lru_cache(maxsize=4096)
    def build(
        endpoint: str, values: tuple[tuple[str, Any], ...], kinds: tuple[type, ...], root: str, period: int
    ) -> str:
        return app.url_for(endpoint, **dict(values))

    def url_for(endpoint: str, **values: Any) -> str:
        if (
            endpoint[0] == "."
            or any(name[0] == "_" for name in values)
            or not all(isinstance(value, (str, int)) for value in values.values())
            or (endpoint == "static" and app.testing)
        ):
            return app.url_for(endpoint, **values)
        period = int(time.monotonic() / STATIC_SECONDS) if endpoint == "static" else 0
        # The kinds stand in the key because 1 and True are equal, and their addresses are not.
        return build(endpoint, tuple(values.items()), tuple(map(type, values.values())), request.root_path, period)

    return url_for


def init_app(app: Flask) -> None:
    """Give the templates the remembered one."""
    app.jinja_env.globals["url_for"] = remembered(app)
