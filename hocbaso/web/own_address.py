"""By which address people in the school's network reach this machine: printed on slips and in QR codes."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, request

from hocbaso.config import Config
from hocbaso.services import lan_addresses

_ALL = frozenset({"0.0.0.0", "::", ""})


def only_this_machine() -> bool:
    """Whether nobody but this machine itself reaches the server: it listens there alone and was asked from there."""
    settings: Config = current_app.config["HOCBASO"]
    return lan_addresses.is_loopback(settings.listen) and _asked_from_here()


def base_address() -> str:
    """Scheme and host at which this server answers, for a tablet in the network where it listens there.

    As this page was asked for. From the machine itself that is no address for a tablet, so the one it listens on is taken,
    of a server that listens on all of them the first; never one where nobody listens.
    """
    settings: Config = current_app.config["HOCBASO"]
    here = request.host_url.rstrip("/")
    if not _asked_from_here() or lan_addresses.is_loopback(settings.listen):
        return here
    own = lan_addresses.of_this_machine() if settings.listen in _ALL else (settings.listen,)
    if not own:
        return here
    scheme = "https" if settings.https or request.is_secure else "http"
    port = urlsplit(request.host_url).port
    return f"{scheme}://{own[0]}" + (f":{port}" if port else "")


def _asked_from_here() -> bool:
    return lan_addresses.is_loopback(urlsplit(request.host_url).hostname or "")
