"""Who may import whom: the table of docs/architecture.md."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import source


def test_import_contracts_are_kept():
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    run = subprocess.run([sys.executable, "-c", script], cwd=source.ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


@pytest.mark.parametrize("path", source.python_files("hocbaso/regulations"), ids=lambda path: path.name)
def test_regulations_use_the_standard_library_only(path: Path):
    foreign = [
        f"{source.shown(path, node)} imports {name}"
        for node, name in source.imported_modules(source.tree(path))
        if not name.startswith((".", "hocbaso.regulations", "hocbaso.errors"))
        and name.partition(".")[0] not in sys.stdlib_module_names
    ]
    assert foreign == []


IMPURE = {
    "os",
    "io",
    "pathlib",
    "socket",
    "urllib",
    "http",
    "subprocess",
    "sqlite3",
    "time",
    "random",
    "secrets",
    "logging",
}


def test_regulations_touch_no_clock_file_or_network():
    impure = [
        f"{source.shown(path, node)} imports {name}"
        for path in source.python_files("hocbaso/regulations")
        for node, name in source.imported_modules(source.tree(path))
        if name.partition(".")[0] in IMPURE
    ]
    impure += [
        f"{source.shown(path, node)} calls open()"
        for path in source.python_files("hocbaso/regulations")
        for node in ast.walk(source.tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]
    assert impure == []


# `current_app` is not among them: a job and a command have one too, and it carries the machine's configuration.
WEB_FRAME = {"request", "current_user", "session", "g", "flash", "url_for", "render_template", "abort"}


def web_frame_uses(module: ast.Module) -> list[ast.AST]:
    """Imports of what exists only while a page is being answered, by name or through the module."""
    found: list[ast.AST] = []
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in {"flask", "flask_login"}:
            found += [node for alias in node.names if alias.name in WEB_FRAME or alias.name == "*"]
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in {"flask", "flask_login"}
            and node.attr in WEB_FRAME
        ):
            found.append(node)
    return found


@pytest.mark.parametrize(
    "code", ["from flask import request", "from flask_login import current_user", "import flask\nflask.g.x = 1"]
)
def test_the_search_for_the_web_frame_finds_it(code: str):
    assert web_frame_uses(ast.parse(code))


@pytest.mark.parametrize("layer", ["services", "models", "documents", "exchange", "regulations"])
def test_below_the_edges_nothing_depends_on_a_page_being_answered(layer: str):
    found = [
        source.shown(path, node)
        for path in source.python_files(f"hocbaso/{layer}")
        for node in web_frame_uses(source.tree(path))
    ]
    assert found == []


def clock_readings(module: ast.Module) -> list[ast.AST]:
    """Calls that ask what time it is (``time.monotonic`` and ``perf_counter`` only measure and are fine)."""
    found: list[ast.AST] = []
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module == "hocbaso.clock":
            found += [node for alias in node.names if alias.name == "now"]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            if (name in {"datetime", "date"} and node.func.attr in {"now", "utcnow", "today"}) or (
                (name, node.func.attr) in {("clock", "now"), ("time", "time")}
            ):
                found.append(node)
    return found


@pytest.mark.parametrize(
    "code",
    [
        "datetime.now(UTC)",
        "date.today()",
        "datetime.datetime.utcnow()",
        "clock.now()",
        "time.time()",
        "from hocbaso.clock import now",
    ],
)
def test_the_search_for_hidden_clocks_finds_them(code: str):
    assert clock_readings(ast.parse(code))


@pytest.mark.parametrize("layer", ["services", "models", "documents", "exchange", "regulations"])
def test_only_the_edges_read_the_clock(layer: str):
    found = [
        source.shown(path, node)
        for path in source.python_files(f"hocbaso/{layer}")
        for node in clock_readings(source.tree(path))
    ]
    assert found == []


def test_the_web_process_never_loads_the_document_libraries(tmp_path: Path):
    """Importing them takes a second and 150 MB; documents are made in worker processes that start once."""
    script = (
        "import sys, app\n"
        "print(*sorted({'weasyprint', 'endesive', 'pyhanko', 'pikepdf', 'openpyxl', 'PIL', 'smtplib'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=source.ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"HOCBASO_INSTANCE": str(tmp_path)},
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []
