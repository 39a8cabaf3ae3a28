"""A small browser: cookies, pages read with lxml, links and forms as they stand on the page. No script runs in it."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode, urljoin, urlsplit

from lxml import html

TIMEOUT = 300.0
BUSY_TRIES = 20


class ConnectionLost(Exception):
    """No answer came: nobody knows whether the act was done."""


class Refused(Exception):
    """The server answered with a refusal; ``page`` says why in its words."""

    def __init__(self, page: Page) -> None:
        super().__init__(f"{page.path}: {page.status} {page.complaint()}")
        self.page = page


class Line(Protocol):
    """What a browser is plugged into."""

    port: int

    def come_back(self) -> None:
        """Wait until the server answers again."""


@dataclass
class Form:
    """A form with the fields it would send."""

    action: str
    fields: list[tuple[str, str]]
    node: Any

    def has(self, name: str) -> bool:
        """Whether there is a field of this name."""
        return any(key == name for key, _ in self.fields) or bool(self.node.xpath(f'.//*[@name="{name}"]'))

    def values(self, name: str) -> list[str]:
        """What it would send under a name."""
        return [value for key, value in self.fields if key == name]

    def put(self, **values: str | Iterable[str] | None) -> Form:
        """Fill in; None takes the field out, a list sends the name several times."""
        for name, value in values.items():
            self.fields = [pair for pair in self.fields if pair[0] != name]
            if value is not None:
                self.fields += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        return self


@dataclass
class Page:
    """An answer."""

    path: str
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    _tree: Any = None

    @property
    def tree(self) -> Any:
        """The page, read."""
        if self._tree is None:
            self._tree = html.fromstring(self.body.decode("utf-8") or "<p></p>")
        return self._tree

    def find(self, xpath: str) -> list[Any]:
        """What an XPath finds on the page."""
        found: list[Any] = self.tree.xpath(xpath)
        return found

    @property
    def token(self) -> str:
        """The page's token against forged forms."""
        found = self.find('//meta[@name="csrf-token"]/@content')
        return str(found[0]) if found else ""

    def links(self, prefix: str) -> list[str]:
        """Addresses on the page that begin so, each once, in order."""
        return list(dict.fromkeys(str(one) for one in self.find("//main//a/@href") if str(one).startswith(prefix)))

    def forms(self, action: str) -> list[Form]:
        """Forms whose address ends so (without its query), with controls that name them by ``form=``."""
        return [
            _form(self, node)
            for node in self.find("//form[@action]")
            if urlsplit(node.get("action")).path.endswith(action)
        ]

    def form(self, action: str) -> Form | None:
        """The first of :meth:`forms`."""
        return next(iter(self.forms(action)), None)

    def complaint(self) -> str:
        """What the page says went wrong."""
        said = self.find(
            '//*[@role="alert"]|//*[contains(@class,"errors")]|//*[contains(@class,"field__error")]'
            '|//*[contains(@class,"outcome")]'
        )
        words = " ".join(" ".join(one.text_content().split()) for one in said)
        return (words or " ".join(self.tree.text_content().split()))[:400]


def _form(page: Page, node: Any) -> Form:
    fields: list[tuple[str, str]] = []
    controls = node.xpath(".//input|.//select|.//textarea")
    if node.get("id"):
        controls += page.find(f'//*[@form="{node.get("id")}"][self::input or self::select or self::textarea]')
    for one in controls:
        name, kind = one.get("name"), one.get("type", "text")
        if not name or one.get("disabled") is not None or (one.get("form") and one.get("form") != node.get("id")):
            continue
        if one.tag == "select":
            chosen = one.xpath("./option[@selected]") or one.xpath("./option")[:1]
            fields += [(name, option.get("value", option.text or "")) for option in chosen]
        elif one.tag == "textarea":
            fields.append((name, (one.text or "").removeprefix("\n")))
        elif kind in ("checkbox", "radio"):
            if one.get("checked") is not None:
                fields.append((name, one.get("value", "on")))
        elif kind not in ("submit", "button", "file", "image"):
            fields.append((name, one.get("value", "")))
    return Form(node.get("action"), fields, node)


class Browser:
    """One person's window. A page that can't be had is asked for again; an act that got no answer is the person's to judge."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.n_requests = 0
        self.n_lost = 0
        self._cookies: dict[str, str] = {}
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> Page:
        """Open a page, following redirections; through power cuts. Raises Refused for 4xx."""
        while True:
            try:
                page = self._follow("GET", path)
            except ConnectionLost:
                self.line.come_back()
                continue
            if page.status >= 400:
                raise Refused(page)
            return page

    def send(
        self, form: Form, *, button: tuple[str, str] | None = None, action: str | None = None, files: Any = None
    ) -> Page:
        """Send a form as a click on its button would. ConnectionLost where no answer came; Refused for 4xx and 5xx."""
        fields = [*form.fields, *([button] if button else [])]
        return self.post(action or form.action, fields, files=files)

    def post(
        self,
        path: str,
        fields: Iterable[tuple[str, str]],
        *,
        files: Mapping[str, tuple[str, str, bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Send fields. ConnectionLost where no answer came; Refused for 4xx and 5xx."""
        if files:
            body, kind = _multipart(fields, files)
        else:
            body, kind = urlencode(list(fields)).encode(), "application/x-www-form-urlencoded"
        page = self._follow("POST", path, body, {"Content-Type": kind, **(headers or {})})
        if page.status >= 400:
            raise Refused(page)
        return page

    def write_block(self, sheet: Page, sheet_id: int, cells: list[tuple[int, str, str, int]]) -> Page:
        """Paste a block as the page's script does: the same act is sent again until an answer comes."""
        account = sheet.find('//form[@id="sheet-form"]//input[@name="account"]/@value')
        body = {"account": str(account[0]), "kind": "pasted", "op": new_op(), "of": "", "cells": cells}
        return self._insist(f"/bang-diem/{sheet_id}/khoi", [("block", json.dumps(body))], sheet.token)

    def write_cell(self, sheet: Page, sheet_id: int, place: tuple[int, str], text: str, version: int) -> Page:
        """Save one cell as the page's script does."""
        account = sheet.find('//form[@id="sheet-form"]//input[@name="account"]/@value')
        fields = [("value", text), ("version", str(version)), ("op", new_op()), ("account", str(account[0]))]
        return self._insist(f"/bang-diem/{sheet_id}/o/{place[0]}/{place[1]}", fields, sheet.token)

    def _insist(self, path: str, fields: list[tuple[str, str]], token: str) -> Page:
        headers = {"HX-Request": "true", "X-CSRFToken": token}
        while True:
            try:
                return self.post(path, fields, headers=headers)
            except ConnectionLost:
                self.line.come_back()

    # --- the wire -----------------------------------------------------------------------------------------------------

    def _follow(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Page:
        for _ in range(8):
            page = self._try(method, path, body, headers or {})
            target = page.headers.get("location")
            if page.status in (301, 302, 303) and target:
                path = urlsplit(urljoin(path, target))._replace(scheme="", netloc="", fragment="").geturl()
                method, body, headers = "GET", b"", {}
                continue
            return page
        raise Refused(page)

    def _try(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Page:
        for _ in range(BUSY_TRIES):
            page = self._once(method, path, body, headers)
            if page.status != 503:
                return page
            time.sleep(0.2)
        return page

    def _once(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Page:
        sent = {"Cookie": "; ".join(f"{k}={v}" for k, v in self._cookies.items()), **headers}
        reused = self._connection is not None
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.line.port, timeout=TIMEOUT)
        self.n_requests += 1
        try:
            self._connection.request(method, path, body or None, sent)
            answer = self._connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as problem:
            self._connection.close()
            self._connection = None
            if reused and method == "GET":
                return self._once(method, path, body, headers)
            self.n_lost += 1
            raise ConnectionLost(str(problem)) from problem
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        if answer.will_close:
            self._connection.close()
            self._connection = None
        return Page(path, answer.status, data, {k.lower(): v for k, v in answer.headers.items()})

    def close(self) -> None:
        """Close the window."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def new_op() -> str:
    """A name for one act, so that it is done once however often it is sent."""
    return secrets.token_hex(16)


def _multipart(fields: Iterable[tuple[str, str]], files: Mapping[str, tuple[str, str, bytes]]) -> tuple[bytes, str]:
    edge = secrets.token_hex(16)
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    for name, (file_name, kind, data) in files.items():
        head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\nContent-Type: {kind}\r\n\r\n'
        parts.append(head.encode() + data + b"\r\n")
    return b"".join([*parts, f"--{edge}--\r\n".encode()]), f"multipart/form-data; boundary={edge}"
