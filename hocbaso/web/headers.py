"""Headers of every answer, and compression of text: written out so that a reader can check them one by one."""

from __future__ import annotations

import zlib

from flask import Flask, Response, current_app, request

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "object-src": "'none'",
    "frame-src": "'self'",
    "frame-ancestors": "'none'",
    "manifest-src": "'self'",
    "worker-src": "'self'",
}
COMPRESSED = {
    "text/html",
    "text/css",
    "text/javascript",
    "application/javascript",
    "application/json",
    "image/svg+xml",
    "text/plain",
    "application/xml",
}
SMALLEST = 700
"""Below one network packet compressing saves nothing."""


def policy(**changes: str) -> str:
    """The content security policy as a header; ``frame_ancestors="'self'"`` changes one directive."""
    parts = {**POLICY, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return "; ".join(f"{name} {value}" for name, value in parts.items())


_STRICT = policy()


def allow_embedding(response: Response) -> Response:
    """Let a page of this server show the answer in a frame (the PDF beside the list of what to sign)."""
    response.headers["Content-Security-Policy"] = policy(frame_ancestors="'self'")
    return response


HELPER = "http://127.0.0.1:18617"
"""The signing helper on the computer of whoever looks at a page. The loopback address counts as trustworthy for a page over HTTPS."""


def allow_signing_helper(response: Response) -> Response:
    """Let the scripts of this one page speak to the signing helper."""
    response.headers["Content-Security-Policy"] = policy(connect_src=f"'self' {HELPER}")
    return response


def _set_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _STRICT)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()")
    # Only while the certificate is in order and renewed in time: whoever has heard this cannot come back by HTTP.
    if request.is_secure and current_app.extensions.get("hocbaso_tls_sound"):
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
        response.vary.add("HX-Request")
    return response


def _compress(response: Response) -> Response:
    if (
        response.direct_passthrough
        or response.is_streamed
        or response.status_code < 200
        or response.status_code in (204, 304)
        or "Content-Encoding" in response.headers
        or response.mimetype not in COMPRESSED
    ):
        return response
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings.quality("gzip"):
        return response
    body = response.get_data()
    if len(body) < SMALLEST:
        return response
    response.set_data(gzipped(body, level=4))
    response.headers["Content-Encoding"] = "gzip"
    if "ETag" in response.headers:
        response.headers["ETag"] = "W/" + response.headers["ETag"].removeprefix("W/")
    return response


def gzipped(body: bytes, *, level: int) -> bytes:
    """A gzip member without time or name."""
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def _stay_here(response: Response) -> Response:
    # The router's own redirects (a missing slash) hold the Host header as it was sent, which anybody may write.
    location = response.headers.get("Location", "")
    if location.startswith(request.host_url):
        response.headers["Location"] = "/" + location.removeprefix(request.host_url).lstrip("/")
        response.set_data(b"")
    return response


def init_app(app: Flask) -> None:
    """Set them on every answer. Hooks run in reverse order of registration: compression last."""
    app.after_request(_compress)
    app.after_request(_stay_here)
    app.after_request(_set_headers)
