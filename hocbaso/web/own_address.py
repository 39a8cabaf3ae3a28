"""By which address people in the school's network reach this machine: printed on slips and in QR codes."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, request

from hocbaso.config import Config
from hocbaso.services import lan_addresses


def base_address() -> str:
    """Scheme and host by which a tablet in the network reaches this machine.

    As this page was asked for; from the machine itself that would be no address for a tablet, so one of its own is taken.
    """
    if not lan_addresses.is_loopback(urlsplit(request.host_url).hostname or ""):
        return request.host_url.rstrip("/")
    own = lan_addresses.of_this_machine()
    if not own:
        return request.host_url.rstrip("/")
    settings: Config = current_app.config["HOCBASO"]
    scheme = "https" if settings.https or request.is_secure else "http"
    port = urlsplit(request.host_url).port
    return f"{scheme}://{own[0]}" + (f":{port}" if port else "")
