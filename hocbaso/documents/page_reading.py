"""What a page of the form writes and draws, step by step, for whoever proves it.

The pages that the layout writes are lines of a few kinds, and are read as such in a tenth of the time; a page with anything else on it
(another spacing, a text in parentheses, a remark, an operator that is not named here) is read whole by pikepdf instead. Both
ways give the same steps, which a test holds against each other. Light: draws nothing.
"""

from __future__ import annotations

import re
from typing import Any

import pikepdf

Step = tuple[str, Any]
"""Operator and what it works on. Always told: ``BDC`` (tag, marked-content id or None), ``BMC``, ``EMC``, ``Tf`` (font's name),
``text`` (bytes of one showing), ``Do`` (name). Inside a figure every other operator too, with its operands as floats or lists."""

_NUMBER = rb"-?[0-9]+(?:\.[0-9]+)?"
_TEXT = rb"(?:<(?:[0-9a-f]{2})*>|" + _NUMBER + rb")"
_NEXT = re.compile(
    rb"(?:(?:/[A-Za-z0-9.]+ gs|(?:" + _NUMBER + rb" )*+(?:q|Q|cm|rg|RG|w|J|j|M|m|l|c|h|re|W|W\*|n|f|f\*|B|B\*|S|BT|ET|Tm|Tr)"
    rb"|\[(?:" + _NUMBER + rb" ?)*+\] " + _NUMBER + rb" d)\n)++"
    rb"|(?:/([A-Za-z0-9]+)\n<</MCID ([0-9]+)>>\nBDC\n)"
    rb"|(EMC)\n"
    rb"|\[(" + _TEXT + rb"*+)\] TJ\n"
    rb"|/([A-Za-z0-9]+) " + _NUMBER + rb" Tf\n"
    rb"|(/[A-Za-z0-9]+\nBMC)\n"
)  # fmt: skip
_HEX = re.compile(rb"<([0-9a-f]*)>")
_TOLD = {"BDC", "BMC", "EMC", "Tf", "Do"}


def steps(page: pikepdf.Page) -> list[Step]:
    """The steps of a page in order. Raises what pikepdf raises."""
    contents = page.obj.get("/Contents")
    if isinstance(contents, pikepdf.Stream):
        found = read_lines(contents.read_bytes())
        if found is not None:
            return found
    return read_any(page)


def read_lines(data: bytes) -> list[Step] | None:
    """The steps of content that is written as the layout writes it; None for any other."""
    found: list[Step] = []
    at, depth, data = 0, 0, data + b"\n"  # the last line has no end of its own
    match = _NEXT.scanner(data).match  # type: ignore[attr-defined]
    while (line := match()) is not None:
        at = line.end()
        kind = line.lastindex
        if kind is None:
            if depth:
                found += [_drawn(part) for part in line[0].split(b"\n")[:-1]]
        elif kind == 4:
            found.append(("text", bytes.fromhex(b"".join(_HEX.findall(line[4])).decode("ascii"))))
        elif kind == 5:
            found.append(("Tf", "/" + line[5].decode("ascii")))
        elif kind == 2:
            tag = "/" + line[1].decode("ascii")
            found.append(("BDC", (tag, int(line[2]))))
            depth += bool(depth or tag == "/Figure")
        elif kind == 3:
            found.append(("EMC", None))
            depth -= bool(depth)
        else:
            found.append(("BMC", None))
            depth += bool(depth)
    return found if at == len(data) else None


def _drawn(line: bytes) -> Step:
    operands, _, operator = line.rpartition(b" ")
    if operator == b"d":
        dashes, _, phase = operands.rpartition(b" ")
        return "d", [[float(part) for part in dashes.strip(b"[]").split()], float(phase)]
    if operator == b"gs":
        return "gs", []
    return operator.decode("ascii"), [float(part) for part in operands.split()]


def read_any(page: pikepdf.Page) -> list[Step]:
    """The steps of any page, by pikepdf. Raises what pikepdf raises."""
    found: list[Step] = []
    depth = 0
    instructions: Any = pikepdf.parse_content_stream(page)
    for operands, operator in instructions:
        name = str(operator)
        if name in ("Tj", "TJ", "'", '"'):
            strings = operands[0] if name == "TJ" else operands[-1:]
            found.append(("text", b"".join(bytes(item) for item in strings if isinstance(item, pikepdf.String))))
        elif name == "BDC":
            properties = operands[1]
            mcid = properties.get("/MCID") if isinstance(properties, pikepdf.Dictionary) else None
            found.append(("BDC", (str(operands[0]), int(mcid) if mcid is not None else None)))
            depth += bool(depth or str(operands[0]) == "/Figure")
        elif name in _TOLD:
            found.append((name, str(operands[0]) if name in ("Tf", "Do") else None))
            depth += bool(depth) * ((name == "BMC") - (name == "EMC"))
        elif depth:
            found.append((name, [_value(item) for item in operands]))
    return found


def _value(item: Any) -> Any:
    if isinstance(item, pikepdf.Array):
        return [_value(part) for part in item]
    try:
        return float(item)
    except (TypeError, ValueError):
        return None
