"""What the architecture tests read: the project's own files, as text and as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "hocbaso"
OWN_FOLDERS = ("hocbaso", "signing_helper", "tests", "bench", "scripts", "migrations")


def python_files(*folders: str) -> list[Path]:
    """Own ``.py`` files below the folders (all own folders when none is named), in a stable order."""
    found: list[Path] = [] if folders else sorted(ROOT.glob("*.py"))
    for folder in folders or OWN_FOLDERS:
        found += sorted((ROOT / folder).rglob("*.py"))
    return found


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def shown(path: Path, node: ast.AST) -> str:
    """``path:line`` as an editor understands it."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def imported_modules(module: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Each import anywhere in the file: the node and the dotted name; relative ones start with a point."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node, "." * node.level + (node.module or "")


def float_uses(module: ast.Module) -> Iterator[ast.AST]:
    """Every way a binary float comes in: the name ``float``, a literal with a point, the float functions of math."""
    for node in ast.walk(module):
        if (
            (isinstance(node, ast.Name) and node.id == "float")
            or (isinstance(node, ast.Constant) and isinstance(node.value, float))
            or (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "math"
                and node.attr in {"fsum", "floor", "ceil", "pow", "sqrt"}
            )
        ):
            yield node


SQL_CALLS = {"text", "execute", "executemany", "executescript", "exec_driver_sql", "DDL", "scalar", "scalars"}


def built_sql(module: ast.Module) -> Iterator[ast.AST]:
    """Calls that hand over SQL glued together from pieces: f-string with a value, ``%``, ``+`` or ``.format``.

    A name that runs over literals written in the same file (``for pragma in ("a", "b")``) is no value from outside.
    """
    literal = _names_of_literals(module)
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in SQL_CALLS:
            continue
        argument = node.args[0]
        if isinstance(argument, ast.JoinedStr):
            parts = [part.value for part in argument.values if isinstance(part, ast.FormattedValue)]
            if any(not (isinstance(part, ast.Name) and part.id in literal) for part in parts):
                yield node
        elif isinstance(argument, ast.BinOp) and isinstance(argument.op, ast.Mod | ast.Add):
            if any(_is_text(side) for side in (argument.left, argument.right)):
                yield node
        elif (
            isinstance(argument, ast.Call)
            and isinstance(argument.func, ast.Attribute)
            and argument.func.attr == "format"
            and _is_text(argument.func.value)
        ):
            yield node


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _names_of_literals(module: ast.Module) -> set[str]:
    names: set[str] = set()
    bound_otherwise: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            rows = node.iter.elts if isinstance(node.iter, ast.Tuple | ast.List) else []
            if rows and all(isinstance(row, ast.Constant) for row in rows):
                names.add(node.target.id)
            else:
                bound_otherwise.add(node.target.id)
        elif isinstance(node, ast.Assign):
            bound_otherwise |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.arg):
            bound_otherwise.add(node.arg)
    return names - bound_otherwise
