"""Icons by name, drawn from the sprite that every page carries (``components/_sprite.html``)."""

from __future__ import annotations

from functools import lru_cache

from flask import Flask
from markupsafe import Markup


@lru_cache(maxsize=512)
def icon(name: str, size: str = "") -> Markup:
    """An icon as an ornament, hidden from screen readers; ``size``: "" or "s"."""
    # A function and not a macro: a grid's page draws fifty, and a macro's call costs ten times as much.
    kind = f"icon icon--{size}" if size else "icon"
    return Markup('<svg class="{}" aria-hidden="true"><use href="#i-{}"/></svg>').format(kind, name)


def init_app(app: Flask) -> None:
    """Give ``icon`` to every template."""
    app.jinja_env.globals["icon"] = icon
