"""A browser for tests that looks at each page it fetches: title, one h1, no id twice, each form whole."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class PageReader(HTMLParser):
    """What a page holds of the things every page must have."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.h1: list[str] = []
        self.ids: list[str] = []
        self.forms: list[dict[str, Any]] = []
        self.labelled: set[str] = set()
        self.inputs: list[dict[str, str]] = []
        self.problems: list[str] = []
        self.links: list[str] = []
        self._open: list[str] = []
        self._svg = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "svg":
            self._svg += 1
        if "id" in values:
            self.ids.append(values["id"])
        for name in values:
            if name == "style" or name.startswith(("on", "hx-on")):
                self.problems.append(f"attribute {name} on <{tag}>")
        if tag == "style" or (tag == "script" and "src" not in values):
            self.problems.append(f"inline <{tag}>")
        if tag == "form":
            self.forms.append({**values, "token": False})
        if self.forms and tag == "input" and values.get("name", "").endswith("csrf_token"):
            self.forms[-1]["token"] = bool(values.get("value")) or self.forms[-1]["token"]
        if tag == "label" and "for" in values:
            self.labelled.add(values["for"])
        if tag in ("input", "select", "textarea"):
            self.inputs.append({**values, "tag": tag, "in_label": "yes" if "label" in self._open else ""})
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "svg":
            self._svg -= 1
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "title" and not self._svg:
            self.title += data
        if "h1" in self._open:
            if not self.h1 or self._open.count("h1") == 0:
                self.h1.append("")
            self.h1[-1] += data


def faults(html: str, *, csrf: bool) -> list[str]:
    """What a whole page lacks; nothing for a good one. ``csrf``: forms that post need a filled token."""
    reader = PageReader()
    reader.feed(html)
    found = list(reader.problems)
    if not reader.title.strip(" ·\n") or reader.title.strip().startswith("·"):
        found.append("no title")
    n_h1 = html.count("<h1")
    if n_h1 != 1 or not "".join(reader.h1).strip():
        found.append(f"{n_h1} h1, text “{''.join(reader.h1).strip()}”")
    found += [
        f"id {name} stands {reader.ids.count(name)} times"
        for name in sorted(set(reader.ids))
        if reader.ids.count(name) > 1
    ]
    for form in reader.forms:
        if not form.get("action"):
            found.append("a form without action")
        if csrf and form.get("method", "get").lower() == "post" and not form["token"]:
            found.append(f"form {form.get('action')} without a CSRF token")
    for field in reader.inputs:
        if field.get("type") in ("hidden", "submit", "button") or field["in_label"]:
            continue
        if not (field.get("aria-label") or field.get("aria-labelledby") or field.get("id") in reader.labelled):
            found.append(f"{field['tag']} {field.get('name')} without a label")
    return found


class CheckedClient(FlaskClient):
    """A test client that fails on a bad page."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Fetch, then look at the page when it is a whole one."""
        answer = super().open(*args, **kwargs)
        if answer.mimetype == "text/html" and not answer.is_streamed and "Content-Encoding" not in answer.headers:
            text = answer.get_data(as_text=True)
            if text.lstrip().lower().startswith("<!doctype html>") and answer.status_code not in range(300, 400):
                found = faults(text, csrf=bool(self.application.config.get("WTF_CSRF_ENABLED", True)))
                assert found == [], f"{answer.request.path}: {found}"
        return answer
