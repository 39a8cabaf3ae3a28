"""What browsers load: from this server only, and third-party files exactly as they were published."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
import source

VENDORED = ("static/vendor", "static/fonts", "tests/browser/vendor")
LIST = Path(__file__).with_name("vendored.sha256")
READ_BY_BROWSERS = {".html", ".css", ".js", ".svg", ".webmanifest", ".json", ".xml", ".txt"}

ADDRESS = re.compile(r"(?:https?:)?//(?P<host>[a-z0-9][a-z0-9.-]*\.[a-z]{2,})", re.IGNORECASE)
NAMESPACE = re.compile(r"xmlns(?::[\w.-]+)?\s*=\s*(\"[^\"]*\"|'[^']*')|[\"']http://www\.w3\.org/[\w/.#-]*[\"']")
COMMENT = re.compile(r"/\*.*?\*/|<!--.*?-->|\{#.*?#\}", re.DOTALL)


def listed() -> dict[str, str]:
    """Path to digest, as ``sha256sum`` writes it."""
    pairs = (line.split(maxsplit=1) for line in LIST.read_text(encoding="utf-8").splitlines() if line)
    return {path.strip(): digest for digest, path in pairs}


def present() -> set[str]:
    """Every file in the vendored folders."""
    return {
        path.relative_to(source.ROOT).as_posix()
        for folder in VENDORED
        for path in (source.ROOT / folder).rglob("*")
        if path.is_file()
    }


def test_vendored_files_are_those_that_were_published():
    changed = [
        path
        for path, digest in listed().items()
        if path in present() and hashlib.sha256((source.ROOT / path).read_bytes()).hexdigest() != digest
    ]
    assert changed == []


def test_the_list_of_vendored_files_is_whole():
    assert present() == set(listed())


@pytest.mark.parametrize("folder", ["static/vendor", "tests/browser/vendor"])
def test_each_vendored_library_carries_its_version_and_its_licence(folder: str):
    libraries = [path for path in (source.ROOT / folder).iterdir() if path.is_dir()]
    assert libraries
    for library in libraries:
        assert re.fullmatch(r"[a-z][a-z-]*-\d+\.\d+\.\d+", library.name)
        assert any(file.name.startswith("LICENSE") for file in library.iterdir())


def foreign_addresses(text: str) -> list[str]:
    """Hosts that a browser could be sent to; namespaces and comments are names and prose, not addresses."""
    bare = NAMESPACE.sub(lambda match: "\n" * match.group().count("\n"), COMMENT.sub("", text))
    return [match.group("host") for match in ADDRESS.finditer(bare)]


def prose_left_out(path: Path) -> str:
    """A file's text without the lines of a script that are comments as a whole."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^\s*//[^\n]*$", "", text, flags=re.MULTILINE) if path.suffix == ".js" else text


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ('<script src="https://cdn.example.com/x.js">', ["cdn.example.com"]),
        ("src='//fonts.example.org/a'", ["fonts.example.org"]),
        ('<svg xmlns="http://www.w3.org/2000/svg">', []),
        ("/* see https://example.com */ a { color: red }", []),
        ("a { background: url(/static/img/a.svg) }", []),
    ],
)
def test_the_search_for_other_hosts_tells_addresses_from_names(text: str, hosts: list[str]):
    assert foreign_addresses(text) == hosts


def test_pages_load_nothing_from_another_host():
    found = [
        f"{path.relative_to(source.ROOT)}: {host}"
        for folder in ("templates", "static")
        for path in sorted((source.ROOT / folder).rglob("*"))
        if path.is_file() and path.suffix in READ_BY_BROWSERS
        if not path.name.startswith(("LICENSE", "OFL"))
        for host in foreign_addresses(prose_left_out(path))
    ]
    assert found == []


def test_every_file_named_by_the_stylesheets_exists():
    folder = source.ROOT / "static/css"  # a layer in css/app/ is served under the address of its sheet
    named = [
        (sheet, match.group(1))
        for sheet in folder.rglob("*.css")
        for match in re.finditer(r"url\([\"']?([^\"')#]+)", sheet.read_text(encoding="utf-8"))
        if not match.group(1).startswith("data:")
    ]
    assert named, "the stylesheet names its fonts"
    missing = [f"{sheet.name}: {name}" for sheet, name in named if not (folder / name).resolve().is_file()]
    assert missing == []
