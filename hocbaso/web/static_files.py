"""Static files: each address carries the digest of its content, so that browsers keep a file until it changes."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import stat
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, current_app, request, url_for
from markupsafe import Markup

from hocbaso.web.headers import COMPRESSED, gzipped
from hocbaso.web.security import public

FOR_EVER = "public, max-age=31536000, immutable"
NAMED_BY_CONTENT = ("vendor/", "fonts/")
"""Folders whose file names carry a version or never change: their addresses inside stylesheets have no digest."""
MODULE_FOLDERS = ("js/grid",)
"""Folders of scripts that import each other by relative address. A query on the first file would not reach the others, so
the digest of the whole folder stands in the folder's name: ``/static/js/grid@5f0c…/main.js`` imports ``./page.js`` beside it,
and a page never mixes files of two versions."""


@lru_cache(maxsize=256)
def _file(path: str, mtime_ns: int, size: int) -> tuple[bytes, str, bytes | None]:
    body = Path(path).read_bytes()
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    packed = gzipped(body, level=9) if kind in COMPRESSED and len(body) > 700 else None
    return body, hashlib.sha256(body).hexdigest()[:16], packed


@lru_cache(maxsize=256)
def _path(folder: str, name: str) -> str | None:
    """The real path of a name inside the folder, None outside. Kept, because each page asks for ten addresses."""
    if "\0" in name:  # the file system raises on it
        return None
    inside = Path(folder).resolve()
    path = (inside / name).resolve()
    return str(path) if path.is_relative_to(inside) else None


def _read(name: str) -> tuple[bytes, str, bytes | None] | None:
    path = _path(current_app.static_folder or "static", name)
    try:
        found = os.stat(path) if path is not None else None
    except OSError:
        return None
    if path is None or found is None or not stat.S_ISREG(found.st_mode):
        return None
    return _file(path, found.st_mtime_ns, found.st_size)


@dataclass(frozen=True, slots=True)
class _Modules:
    """A module folder as it was last looked at: the digest over names and contents, and the scripts' names under ``static/``."""

    digest: str
    names: tuple[str, ...]
    looked_at: float
    preloads: dict[str, Markup] = field(default_factory=dict)


LOOK_AGAIN_SECONDS = 2.0
"""A sheet's page asks for twenty modules; the folder is read once for all pages of two seconds."""


def preload_modules(folder: str, without: str = "") -> Markup:
    """Links that fetch all scripts of a module folder at once, but for one that the page has no use for."""
    modules = _modules(folder)
    if without not in modules.preloads:
        modules.preloads[without] = Markup("").join(
            Markup('<link rel="modulepreload" href="{}">').format(url_for("static", filename=name))
            for name in modules.names
            if not without or not name.endswith(f"/{without}")
        )
    return modules.preloads[without]


def _modules(folder: str) -> _Modules:
    kept: dict[str, _Modules] = current_app.extensions["hocbaso_modules"]
    now = time.monotonic()
    found = kept.get(folder)
    if found is None or now - found.looked_at > LOOK_AGAIN_SECONDS or current_app.testing:
        names = tuple(sorted(path.relative_to(_static()).as_posix() for path in (_static() / folder).glob("*.js")))
        mark = hashlib.sha256()
        for name in names:
            read = _read(name)
            mark.update(f"{name}\n{read[1] if read else ''}\n".encode())
        found = kept[folder] = _Modules(mark.hexdigest()[:16], names, now)
    return found


def _static() -> Path:
    return Path(current_app.static_folder or "static")


def _module_name(filename: str) -> tuple[str, bool]:
    """The file behind an address of a module folder, and whether the address names its present content."""
    folder, at, rest = filename.partition("@")
    digest, slash, name = rest.partition("/")
    if not at or not slash or folder not in MODULE_FOLDERS:
        return filename, False
    return f"{folder}/{name}", digest == _modules(folder).digest


def _send(filename: str) -> Response:
    filename, is_present = _module_name(filename)
    found = _read(filename)
    if found is None:
        abort(404)
    body, version, packed = found
    kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    response = Response(mimetype=kind)
    response.set_etag(version)
    kept = is_present or request.args.get("v") == version or filename.startswith(NAMED_BY_CONTENT)
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
        folder, _, name = values["filename"].rpartition("/")
        if folder in MODULE_FOLDERS:
            values["filename"] = f"{folder}@{_modules(folder).digest}/{name}"
            return
        found = _read(values["filename"])
        if found is not None:
            values["v"] = found[1]


def init_app(app: Flask) -> None:
    """Serve ``/static`` from memory and put the digest into every address made by ``url_for('static', …)``."""
    mimetypes.add_type("text/javascript", ".js")
    mimetypes.add_type("font/woff2", ".woff2")
    app.view_functions["static"] = public(_send)
    app.url_defaults(_add_version)
    app.extensions["hocbaso_modules"] = {}
    app.jinja_env.globals["preload_modules"] = preload_modules
