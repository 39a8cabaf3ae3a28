"""One script out of a page's modules: a tablet on bad Wi-Fi asks once instead of twenty-six times.

The files stay modules that name what they import, and are served as one without a build step. So that this needs no reading of
JavaScript, they keep to a few plain forms, and whatever does not is refused at the first start (decision 0050).
"""

from __future__ import annotations

import re
from collections.abc import Callable

_IMPORT = re.compile(r'import (?:(?:\{ (?P<names>[^}]+) \}|\* as (?P<whole>\w+)) from )?"\./(?P<path>\w+)\.js";')
_EXPORT = re.compile(r"export (?P<kind>async function|function|const) (?P<name>\w+)")
_MODULE_WORD = re.compile(r"(?:import|export)\b|.*\bimport\s*[.(]")


def bundle(entry: str, read: Callable[[str], str]) -> str:
    """The text of one module that does what ``entry`` and everything it imports do, each run once, what is imported first.

    ``read`` gives the text of a module by its name without ``.js``. Each stands in a block of its own, so that names meet
    nowhere; what it exports lies in ``modules`` under its name, which the whole exports again. Raises ValueError for a circle of
    imports (a block takes what another has already put there), for a name that the other module does not export (a browser would
    refuse it among modules, here it would be undefined), and for a form of import or export that is not one of ours.
    """
    done: dict[str, list[str]] = {}
    blocks: list[str] = []

    def add(name: str, importing: tuple[str, ...]) -> None:
        if name in importing:
            raise ValueError(f"modules import each other: {' -> '.join((*importing, name))}")
        if name in done:
            return
        lines, exported = [], []
        for line in read(name).splitlines():
            if found := _IMPORT.fullmatch(line):
                add(found["path"], (*importing, name))
                if missing := _names(found) - set(done[found["path"]]):
                    raise ValueError(f"{name}.js: {line} (not exported: {', '.join(sorted(missing))})")
                lines.append(_taken(found))
            elif found := _EXPORT.match(line):
                exported.append(found["name"])
                lines.append(line.removeprefix("export "))
            elif _MODULE_WORD.match(line):
                raise ValueError(f"{name}.js: {line}")
            else:
                lines.append(line)
        done[name] = exported
        blocks.append("\n".join(("{", *lines, f"modules.{name} = {{ {', '.join(exported)} }};", "}")))

    add(entry, ())
    return "\n".join(("const modules = {};", *blocks, "export { modules };", ""))


def _names(found: re.Match[str]) -> set[str]:
    return {name.split(" as ")[0] for name in (found["names"] or "").split(", ") if name}


def _taken(found: re.Match[str]) -> str:
    if found["names"]:
        return f"const {{ {found['names'].replace(' as ', ': ')} }} = modules.{found['path']};"
    return f"const {found['whole']} = modules.{found['path']};" if found["whole"] else ""
