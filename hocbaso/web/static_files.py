"""Static files: each address carries the digest of its content, so that browsers keep a file until it changes."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, current_app, request

from hocbaso.web.headers import COMPRESSED, gzipped
from hocbaso.web.security import public

FOR_EVER = "public, max-age=31536000, immutable"
NAMED_BY_CONTENT = ("vendor/", "fonts/")
"""Folders whose file names carry a version or never change: their addresses inside stylesheets have no digest."""


@lru_cache(maxsize=256)
def _file(path: str, mtime_ns: int, size: int) -> tuple[bytes, str, bytes | None]:
    body = Path(path).read_bytes()
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    packed = gzipped(body, level=9) if kind in COMPRESSED and len(body) > 700 else None
    return body, hashlib.sha256(body).hexdigest()[:16], packed


def _read(folder: Path, name: str) -> tuple[bytes, str, bytes | None] | None:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        return None
    found = path.stat()
    return _file(str(path), found.st_mtime_ns, found.st_size)


def _folder() -> Path:
    return Path(current_app.static_folder or "static").resolve()


def _send(filename: str) -> Response:
    found = _read(_folder(), filename)
    if found is None:
        abort(404)
    body, version, packed = found
    kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    response = Response(mimetype=kind)
    response.set_etag(version)
    kept = request.args.get("v") == version or filename.startswith(NAMED_BY_CONTENT)
    response.headers["Cache-Control"] = FOR_EVER if kept else "public, max-age=0, must-revalidate"
    response.vary.add("Accept-Encoding")
    if packed is not None and request.accept_encodings.quality("gzip"):
        response.set_data(packed)
        response.headers["Content-Encoding"] = "gzip"
    else:
        response.set_data(body)
    response.make_conditional(request)
    return response


def _add_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static" and "filename" in values and "v" not in values:
        found = _read(_folder(), values["filename"])
        if found is not None:
            values["v"] = found[1]


def init_app(app: Flask) -> None:
    """Serve ``/static`` from memory and put the digest into every address made by ``url_for('static', …)``."""
    mimetypes.add_type("text/javascript", ".js")
    mimetypes.add_type("font/woff2", ".woff2")
    app.view_functions["static"] = public(_send)
    app.url_defaults(_add_version)
