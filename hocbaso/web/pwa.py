"""What makes the school's pages an installed application that opens without network: manifest, service worker, marks.

The server says which pages a browser may keep: ``Hocbaso-Keep`` with the account's number stands on the list of sheets, and
on the own sheets, of somebody who types scores, over HTTPS, and on nothing else. The worker keeps nothing without it, so a
transcript, a profile, an export or a page of the machine can't be kept by an oversight in the browser.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, render_template, request, url_for

from hocbaso import clock
from hocbaso.services import school_frame
from hocbaso.web.htmx import is_fragment
from hocbaso.web.security import actor_or_none, public
from hocbaso.web.static_files import has_address

pwa = Blueprint("pwa", __name__)

KEPT = frozenset({"score_sheets.index", "score_sheets.show"})
"""Endpoints whose pages a browser may keep for somebody who types there."""

PAPER, DESK = "#ffffff", "#f3f5f9"
"""Tokens of ``static/css/app/tokens.css``: the bar on top, and the desk it stands on."""

PAPER_DARK = "#161b23"
_SHELL = ("css/*.css", "js/**/*.js", "fonts/*.woff2", "vendor/*/*.js", "img/*.svg", "img/icon-*.png")


@pwa.get("/manifest.webmanifest")
@public
def manifest() -> Response:
    """Name, icons and colours for installing."""
    school = school_frame.frame(current_app.extensions["hocbaso_frame"], clock.now()).short_name

    def icon(name: str, size: int, purpose: str = "any") -> dict[str, str]:
        address = url_for("static", filename=f"img/{name}")
        return {"src": address, "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}

    body = {
        "id": "/",
        "name": f"Học bạ số {school}" if school else "Học bạ số",
        "short_name": "Học bạ số",
        "description": "Nhập điểm, duyệt và ký học bạ trong mạng của trường",
        "lang": "vi",
        "dir": "ltr",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "theme_color": PAPER,
        "background_color": DESK,
        "icons": [
            icon("icon-192.png", 192),
            icon("icon-512.png", 512),
            icon("icon-maskable-512.png", 512, "maskable"),
        ],
    }
    return Response(json.dumps(body, ensure_ascii=False), mimetype="application/manifest+json")


@pwa.get("/sw.js")
@public
def worker() -> Response:
    """The service worker, at the root so that its scope is every page. Its text changes with any file of the shell."""
    folder = Path(current_app.static_folder or "static")
    found = {path.relative_to(folder).as_posix() for pattern in _SHELL for path in folder.glob(pattern)}
    names = sorted(filter(has_address, found - {"js/sw.js"}))
    shell = [url_for("static", filename=name) for name in names] + [url_for(".offline")]
    text = (folder / "js" / "sw.js").read_text(encoding="utf-8")
    version = hashlib.sha256("\n".join([*shell, text]).encode()).hexdigest()[:12]
    head = f"const VERSION = {json.dumps(version)};\nconst SHELL = {json.dumps(shell)};\n"
    response = Response(head + text, mimetype="text/javascript")
    response.set_etag(version)
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


@pwa.get("/chua-co-mang")
@public
def offline() -> str:
    """What the worker shows for a page it does not keep. It knows nobody: browsers keep it beside the stylesheets."""
    return render_template("pwa/offline.html")


def may_keep() -> bool:
    """Whether this answer is a page that the browser of this person may keep: the list, and sheets of one's own."""
    if request.endpoint not in KEPT or request.method != "GET" or request.query_string or is_fragment():
        return False
    if request.endpoint == "score_sheets.show" and not g.get("is_own_sheet"):
        return False
    actor = actor_or_none()
    return request.is_secure and actor is not None and bool(actor.teaching)


def _mark(response: Response) -> Response:
    if response.status_code == 200 and may_keep():
        actor = actor_or_none()
        response.headers["Hocbaso-Keep"] = str(actor.account_id) if actor is not None else ""
    return response


def init_app(app: Flask) -> None:
    """Register, and mark what may be kept."""
    app.register_blueprint(pwa)
    app.after_request(_mark)

    @app.context_processor
    def _keeping() -> dict[str, Any]:
        return {"may_keep": may_keep, "theme_colours": (PAPER, PAPER_DARK)}
