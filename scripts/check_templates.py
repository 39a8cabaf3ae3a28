"""Check the templates without rendering them: ids, forms, inline code, addresses of other hosts.

Reads ``templates/**/*.html`` with a real HTML tokenizer after the Jinja parts were replaced, at the same length, by
something HTML has no opinion on. The strict content-security policy of the pages would refuse inline code at run time,
on the one page nobody opened; this refuses it before.

Usage: ``python scripts/check_templates.py [FOLDER_OR_FILE ...]``; exit 0 clean, 1 with findings, 2 on wrong use.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

JINJA = re.compile(
    r"\{#(?P<comment>.*?)#\}|\{%-?\+?\s*raw\s*-?%\}(?P<raw>.*?)\{%-?\s*endraw\s*[-+]?%\}"
    r"|\{%[-+]?(?P<statement>.*?)[-+]?%\}|\{\{(?P<expression>.*?)\}\}",
    re.DOTALL,
)
BRANCHING = {"if", "for", "macro", "call", "block", "filter", "set", "with", "autoescape"}
FORBIDDEN_ATTRIBUTE = re.compile(r"^(style|on[a-z]+|hx-on.*|hx-vars|data-hx-on.*|data-hx-vars)$")
REQUEST_VERBS = ("hx-post", "hx-put", "hx-patch", "hx-delete")
ADDRESS_ATTRIBUTES = {
    "href",
    "src",
    "srcset",
    "action",
    "formaction",
    "poster",
    "data",
    "cite",
    "ping",
    *REQUEST_VERBS,
    "hx-get",
}
FOREIGN = re.compile(r"^\s*(https?:)?//", re.IGNORECASE)
DATA_SCRIPT_TYPES = {"application/json"}

BranchPath = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Finding:
    """One thing to mend: file, 1-based line, and what."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass
class _Masked:
    """A template without Jinja, the branches each offset lies in, and the expressions by their stand-in."""

    text: str
    branches: list[tuple[int, BranchPath]]
    expressions: dict[str, str]

    def branch_at(self, offset: int) -> BranchPath:
        found: BranchPath = ()
        for start, path in self.branches:
            if start > offset:
                break
            found = path
        return found


def mask(source: str) -> _Masked:
    """Replace the Jinja parts; lines and the order of the text stay, offsets are those of the result."""
    pieces: list[str] = []
    length = 0
    branches: list[tuple[int, BranchPath]] = [(0, ())]
    stack: list[tuple[int, int]] = []
    counter = 0
    expressions: dict[str, str] = {}
    position = 0

    def put(text: str) -> None:
        nonlocal length
        pieces.append(text)
        length += len(text)

    for match in JINJA.finditer(source):
        put(source[position : match.start()])
        position = match.end()
        newlines = "\n" * match.group(0).count("\n")
        if match.group("raw") is not None:
            put(match.group("raw"))
        elif match.group("expression") is not None:
            name = f"jinja{len(expressions)}j"
            expressions[name] = " ".join(match.group("expression").strip("-+ \n\t").split())
            put(name + newlines)
        elif match.group("statement") is not None:
            words = match.group("statement").split()
            verb = words[0] if words else ""
            if verb == "set" and "=" in match.group("statement"):
                verb = ""
            if verb in BRANCHING:
                counter += 1
                stack.append((counter, 0))
            elif verb in {"elif", "else"} and stack:
                number, branch = stack[-1]
                stack[-1] = (number, branch + 1)
            elif verb.startswith("end") and stack:
                stack.pop()
            put(" " + newlines)
            branches.append((length, tuple(stack)))
        else:
            put(newlines)
    put(source[position:])
    return _Masked("".join(pieces), branches, expressions)


def _exclude_each_other(one: BranchPath, other: BranchPath) -> bool:
    """Two places of which never both are rendered: different branches of one ``if``."""
    branch_of = dict(one)
    return any(branch_of.get(number, branch) != branch for number, branch in other)


@dataclass
class _Form:
    line: int
    post: bool
    token: bool = False


@dataclass
class _Reader(HTMLParser):
    path: Path
    masked: _Masked
    for_paper: bool
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._line_starts = [0]
        for match in re.finditer("\n", self.masked.text):
            self._line_starts.append(match.end())
        self._ids: dict[str, list[tuple[int, BranchPath]]] = {}
        self._forms: list[_Form] = []
        self._script: int | None = None

    __hash__ = object.__hash__

    def report(self, message: str, line: int | None = None) -> None:
        self.findings.append(Finding(self.path, line or self.getpos()[0], message))

    def resolve(self, text: str) -> str:
        """The text with its expressions back in place."""
        return re.sub(r"jinja\d+j", lambda m: "{{ " + self.masked.expressions.get(m.group(0), "?") + " }}", text)

    def _note_token(self, text: str) -> None:
        if self._forms and ("csrf" in self.resolve(text).lower() or "hidden_tag" in self.resolve(text)):
            self._forms[-1].token = True

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        line, column = self.getpos()
        values = {name: value or "" for name, value in attributes}
        self._note_token(self.get_starttag_text() or "")
        if not self.for_paper:
            for name, value in values.items():
                if FORBIDDEN_ATTRIBUTE.match(name):
                    self.report(f"attribute {name}: inline code or style is refused by the pages' policy")
                if value.strip().lower().startswith(("javascript:", "js:")):
                    self.report(f"attribute {name} holds script")
            if tag == "style":
                self.report("<style>: rules belong to static/css")
            if tag == "script":
                if "src" not in values and values.get("type") not in DATA_SCRIPT_TYPES:
                    self.report("<script> without src: code belongs to static/js")
                self._script = line
        for name in ADDRESS_ATTRIBUTES & values.keys():
            if FOREIGN.match(values[name]):
                self.report(f"{name} leads to another host: the school's network has no internet")
        if "id" in values:
            self._note_id(self.resolve(values["id"]), line, column)
        if tag == "form":
            self._open_form(values, line)

    handle_startendtag = handle_starttag

    def _note_id(self, name: str, line: int, column: int) -> None:
        here = self.masked.branch_at(self._line_starts[line - 1] + column)
        for earlier, there in self._ids.get(name, []):
            if not _exclude_each_other(there, here):
                self.report(f'id "{name}" stands already on line {earlier}')
        self._ids.setdefault(name, []).append((line, here))

    def _open_form(self, values: dict[str, str], line: int) -> None:
        if self._forms:
            self.report(f"<form> inside the <form> of line {self._forms[-1].line}")
        if not values.get("action", "").strip():
            self.report("<form> without action: it must work before and without script")
        post = values.get("method", "get").lower() == "post" or "jinja" in values.get("method", "")
        if not post and any(verb in values for verb in REQUEST_VERBS):
            self.report('<form> with hx-post needs method="post": it must work without script')
        self._forms.append(_Form(line, post))

    def handle_data(self, data: str) -> None:
        self._note_token(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            if not self._forms:
                self.report("</form> without <form>")
                return
            form = self._forms.pop()
            if form.post and not form.token:
                self.report("<form> posts without a CSRF token", form.line)

    def finish(self) -> None:
        self.close()
        for form in self._forms:
            self.report("<form> is not closed in this template", form.line)


def check_source(source: str, path: Path, *, for_paper: bool = False) -> list[Finding]:
    """Findings of one template's text. ``for_paper``: a template of the PDF, which may carry its own style."""
    masked = mask(source)
    reader = _Reader(path, masked, for_paper)
    reader.feed(masked.text)
    reader.finish()
    return sorted(reader.findings, key=lambda finding: finding.line)


def check_folder(folder: Path) -> tuple[int, list[Finding]]:
    """Number of templates read, and all findings. Templates under ``pdf/`` are for paper."""
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*.html"))
    findings: list[Finding] = []
    for path in paths:
        shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        findings += check_source(path.read_text(encoding="utf-8"), shown, for_paper="pdf" in path.parts)
    return len(paths), findings


def main(arguments: list[str]) -> int:
    """Print the findings; the exit status."""
    folders = [Path(argument) for argument in arguments] or [ROOT / "templates"]
    count, findings = 0, []
    for folder in folders:
        if not folder.exists():
            print(f"{folder}: no such file or folder", file=sys.stderr)
            return 2
        n_read, found = check_folder(folder)
        count += n_read
        findings += found
    for finding in findings:
        print(finding)
    print(f"{count} templates, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
