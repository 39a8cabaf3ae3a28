"""The page that teaches a tablet to trust this machine, and the gate of the plain port where it is found.

The plain port shows this page and the root, and leads every other address here. It never sends anybody on to HTTPS by
itself: on a tablet that does not trust yet this would end before a warning, and teach people to click it away; and
what a form posts there would have crossed the network before any redirect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, render_template, request

from hocbaso import clock
from hocbaso.config import Config
from hocbaso.services import lan_addresses, tls_check
from hocbaso.web import qr
from hocbaso.web.security import public

trust = Blueprint("trust", __name__)

PAGE, ROOT = "/tin-cay", "/ca.crt"
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

DEVICES = (
    ("android", "Máy tính bảng, điện thoại Android"),
    ("apple", "iPad, iPhone"),
    ("windows", "Máy tính Windows"),
    ("chromeos", "Chromebook"),
)


@dataclass(frozen=True)
class Addresses:
    """Where people go: the school's pages, and this page over plain HTTP for machines that do not trust yet."""

    secure: str
    teaching: str


def _settings() -> Config:
    settings: Config = current_app.config["HOCBASO"]
    return settings


def _addresses(name: str, settings: Config) -> Addresses:
    host = f"[{name}]" if ":" in name else name
    secure = f"https://{host}" + ("" if settings.port == 443 else f":{settings.port}")
    if settings.plain_port is None:
        return Addresses(secure, secure + PAGE)
    return Addresses(secure, f"http://{host}" + ("" if settings.plain_port == 80 else f":{settings.plain_port}") + PAGE)


def device_of(agent: str) -> str:
    """Which of the four a browser says it is; the tablet where it says nothing we know."""
    for device, words in (
        ("chromeos", ("CrOS",)),
        ("apple", ("iPad", "iPhone", "Macintosh")),
        ("windows", ("Windows",)),
    ):
        if any(word in agent for word in words):
            return device
    return "android"


@trust.get(PAGE)
@public
def show() -> str:
    """Steps with pictures, the root to take along, its digest to compare with the paper."""
    settings = _settings()
    root = tls_check.root(settings)
    if root is None:
        return render_template("pwa/no_root.html")
    addresses = _addresses(root.names[0], settings)
    mine = device_of(request.user_agent.string)
    return render_template(
        "pwa/trust.html",
        root=root,
        addresses=addresses,
        picture=qr.picture(addresses.teaching, "Mã QR mở trang này trên máy khác"),
        devices=sorted(DEVICES, key=lambda device: device[0] != mine),
    )


@trust.get(ROOT)
@public
def root_file() -> Response:
    """The root in DER, so that the SHA-256 of the file is the very digest on the paper."""
    root = tls_check.root(_settings())
    if root is None:
        abort(404)
    return Response(root.der, mimetype="application/x-x509-ca-cert")


def plain_gate(app: Flask) -> WsgiApp:
    """The application as the plain port shows it: reading this page, the root and static files, as a stranger."""

    def gate(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "0")])
            return []
        if path not in (PAGE, ROOT) and not path.startswith("/static/"):
            start_response("302 Found", [("Location", PAGE), ("Cache-Control", "no-store"), ("Content-Length", "0")])
            return []
        environ.pop("HTTP_COOKIE", None)
        environ.pop("HTTP_HX_REQUEST", None)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            kept = [(name, value) for name, value in headers if name.lower() != "set-cookie"]
            return start_response(status, kept, exc_info)

        return app.wsgi_app(environ, start)

    return gate


def is_unsafe_line() -> bool:
    """Whether this page came over the network without encryption (not from the machine itself)."""
    settings = _settings()
    return not (settings.https or request.is_secure or lan_addresses.is_loopback(request.remote_addr or ""))


def init_app(app: Flask) -> None:
    """Register; look once whether HTTPS is in order, for HSTS (``jobs/certificate_watch`` looks again each minute)."""
    app.register_blueprint(trust)
    settings: Config = app.config["HOCBASO"]
    if settings.https:
        app.extensions["hocbaso_tls_sound"] = tls_check.is_sound(settings, clock.now())

    @app.context_processor
    def _line() -> dict[str, Any]:
        return {"is_unsafe_line": is_unsafe_line}
