"""Parts of a page that are the same for many requests, drawn once and put into the drawn page as bytes.

Text with diacritics takes twice its bytes as ``str``, and each copy of a large page holds the interpreter while eight
threads wait: so a page is drawn with places for its large parts and joined at the end.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from threading import Lock

from flask import Flask, Response, current_app
from markupsafe import Markup

_PLACE = re.compile(r"<!--part:([a-z]+)-->")


class KeptParts:
    """The last parts as UTF-8, bounded. A part is found by its template and by every word it is drawn from, so what one
    person sees never reaches another by chance: what is not in the key is not in the part."""

    def __init__(self, limit: int = 256) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._mutex = Lock()

    def of(self, template: str, **words: Hashable) -> bytes:
        """A template drawn from ``words`` and nothing else (no request, no token), now or before."""
        key = (template, tuple(words.items()))
        with self._mutex:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        drawn = current_app.jinja_env.get_template(template).render(**words).encode()
        with self._mutex:
            self._kept[key] = drawn
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        return drawn


def part(template: str, **words: Hashable) -> bytes:
    """A part of this application's pages."""
    found: KeptParts = current_app.extensions["hocbaso_kept_parts"]
    return found.of(template, **words)


def place(name: str) -> Markup:
    """Where a part will stand. What people wrote is escaped, so it never holds this."""
    return Markup(f"<!--part:{name}-->")


def joined(html: str, parts: Mapping[str, bytes]) -> Response:
    """The drawn page with its parts; KeyError for a place without a part."""
    pieces = _PLACE.split(html)  # text, name, text, name, text
    return Response(
        b"".join(parts[piece] if at % 2 else piece.encode() for at, piece in enumerate(pieces)), mimetype="text/html"
    )


def init_app(app: Flask) -> None:
    """Begin with nothing kept; ``place`` for the templates."""
    app.extensions["hocbaso_kept_parts"] = KeptParts()
    app.jinja_env.globals["place"] = place
