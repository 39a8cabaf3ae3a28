"""A connection to the school's mail server that knows whether a mail is on its way.

Its own module, loaded when something is to be sent: the mail library is a megabyte that a school without mail does not need.
"""

from __future__ import annotations

import smtplib
import ssl
from typing import Any
from urllib.parse import unquote, urlsplit


class Server(smtplib.SMTP):
    """Knows whether a mail is on its way: after the server's word to begin (354) and before its answer nobody can tell whether it has it."""

    is_handed_over = False
    _sends = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        """The mail itself."""
        self._sends, self.is_handed_over = True, False
        try:
            return super().data(msg)
        finally:
            self._sends = False

    def getreply(self) -> tuple[int, bytes]:
        """The server's answer."""
        answer = super().getreply()
        if self._sends:
            self.is_handed_over = answer[0] == 354  # start mail input (RFC 5321, 4.2.3)
        return answer


class TlsServer(Server, smtplib.SMTP_SSL):
    """The same under TLS from the first byte."""


def opened(url: str) -> Server:
    """A connection as ``SMTP_URL`` says: ``smtp``, ``smtps``, ``smtp+starttls``; name and password in the address. Raises what :mod:`smtplib` raises."""
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    server: Server
    if parts.scheme == "smtps":
        server = TlsServer(host, parts.port or 465, timeout=20, context=ssl.create_default_context())
    else:
        server = Server(host, parts.port or 25, timeout=20)
        if parts.scheme == "smtp+starttls":
            server.starttls(context=ssl.create_default_context())
    if parts.username:
        server.login(unquote(parts.username), unquote(parts.password or ""))
    return server
