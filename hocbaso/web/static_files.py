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

from flask import Flask, Response, abort, current_app, request

from hocbaso.web.headers import COMPRESSED, gzipped
from hocbaso.web.script_bundle import bundle
from hocbaso.web.security import public

FOR_EVER = "public, max-age=31536000, immutable"
NAMED_BY_CONTENT = ("vendor/", "fonts/")
"""Folders whose file names carry a version or never change: their addresses inside stylesheets have no digest."""
MODULE_FOLDERS = {"js/grid": ("main.js", "outbox.js", "homeroom_remarks.js")}
"""Folders of scripts that import each other, and those that pages name. Such a one is served with all it imports in one file, under
the digest of the whole folder: ``/static/js/grid@5f0c…/main.js``, so a page never mixes two versions. The others have no address."""

FRAME_SHEET, LAYER_FOLDER = "css/app.css", "css/app"
LAYERS = ("reset", "tokens", "base", "shell", "components", "sheet", "charts", "pages", "utilities", "print")
"""The stylesheet of every page: its own file says the order of the layers, and it is served with the file of each from the
folder behind it. These have no address."""


_Read = tuple[bytes, str, bytes | None]
_Found = tuple[str, int, int]
"""Real path, time of the last change, size."""


@lru_cache(maxsize=256)
def _joined(parts: tuple[_Found, ...]) -> _Read:
    body = b"".join(Path(path).read_bytes() for path, _, _ in parts)
    return _packed(body, mimetypes.guess_type(parts[0][0])[0] or "application/octet-stream")


def _packed(body: bytes, kind: str) -> _Read:
    """The body, its digest, and the body compressed where that is worth it."""
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


def _look(name: str) -> _Found | None:
    path = _path(current_app.static_folder or "static", name)
    try:
        found = os.stat(path) if path is not None else None
    except OSError:
        return None
    if path is None or found is None or not stat.S_ISREG(found.st_mode):
        return None
    return path, found.st_mtime_ns, found.st_size


def _read(name: str) -> _Read | None:
    names = (name, *(f"{LAYER_FOLDER}/{layer}.css" for layer in LAYERS)) if name == FRAME_SHEET else (name,)
    parts = tuple(found for each in names if (found := _look(each)) is not None)
    return _joined(parts) if len(parts) == len(names) else None


@dataclass(frozen=True, slots=True)
class _Modules:
    """A module folder as it was last looked at: the digest over names and contents, and what was made of its scripts."""

    digest: str
    looked_at: float
    bundles: dict[str, _Read] = field(default_factory=dict)


LOOK_AGAIN_SECONDS = 2.0
"""Each page names a module; the folder is read once for all pages of two seconds."""


def has_address(name: str) -> bool:
    """Whether a file under ``static/`` is fetched by itself: a module that only others import comes with them, a layer with its sheet."""
    folder, _, file = name.rpartition("/")
    if folder == LAYER_FOLDER:
        return False
    return folder not in MODULE_FOLDERS or file in MODULE_FOLDERS[folder]


def make_bundles() -> None:
    """All scripts that pages name, before the first page asks. Raises ValueError where a module cannot be one of a bundle."""
    for folder, names in MODULE_FOLDERS.items():
        for name in names:
            _bundle(folder, name)


def _modules(folder: str) -> _Modules:
    kept: dict[str, _Modules] = current_app.extensions["hocbaso_modules"]
    now = time.monotonic()
    found = kept.get(folder)
    if found is None or now - found.looked_at > LOOK_AGAIN_SECONDS or current_app.testing:
        mark = hashlib.sha256()
        for path in sorted((_static() / folder).glob("*.js")):
            read = _read(f"{folder}/{path.name}")
            mark.update(f"{path.name}\n{read[1] if read else ''}\n".encode())
        digest = mark.hexdigest()[:16]
        same = found.bundles if found is not None and found.digest == digest else {}
        found = kept[folder] = _Modules(digest, now, same)
    return found


def _bundle(folder: str, name: str) -> _Read:
    modules = _modules(folder)
    if name not in modules.bundles:
        text = bundle(name.removesuffix(".js"), lambda module: (_static() / folder / f"{module}.js").read_text("utf-8"))
        modules.bundles[name] = _packed(text.encode(), "text/javascript")
    return modules.bundles[name]


def _static() -> Path:
    return Path(current_app.static_folder or "static")


def _find(filename: str) -> tuple[_Read | None, bool]:
    """What stands behind an address, and whether the address names its present content."""
    folder, at, digest = filename.rpartition("/")[0].partition("@")
    if folder not in MODULE_FOLDERS:
        return _read(filename) if has_address(filename) else None, filename.startswith(NAMED_BY_CONTENT)
    name = filename.rpartition("/")[2]
    if name not in MODULE_FOLDERS[folder]:
        return None, False
    return _bundle(folder, name), bool(at) and digest == _modules(folder).digest


def _send(filename: str) -> Response:
    found, is_present = _find(filename)
    if found is None:
        abort(404)
    body, version, packed = found
    kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    response = Response(mimetype=kind)
    response.set_etag(version)
    kept = is_present or request.args.get("v") == version
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
