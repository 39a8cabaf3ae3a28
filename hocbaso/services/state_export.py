"""All results and states of the school at one moment as canonical JSON lines: what a snapshot holds beside the log's root.

One line a watched row (``watched_kinds``), in the order of kinds and ids, with the values that the log would tell; a frozen result
brings its whole content. The same state gives the same bytes, so the Merkle root over the lines names it for ever, and one line can be
shown to belong to it. Secrets are not in it: accounts are left out.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.hash_chain import MerkleFrontier, canonical_json, leaf_hash
from hocbaso.services.audit import watched_columns
from hocbaso.services.watched_kinds import WATCHED

LEFT_OUT = frozenset({"account", "reset_request"})
"""Kinds that hold digests of secrets or how they were asked for."""


@dataclass(frozen=True, slots=True)
class StateExport:
    """The export, packed. ``root`` is over the lines as leaves (RFC 9162), ``digest`` the SHA-256 of ``packed``."""

    n_lines: int
    root: str
    digest: str
    packed: bytes


def lines() -> Iterator[str]:
    """Every line without its line feed."""
    yield canonical_json({"format": "hocbaso/states/v1", "kinds": [kind for kind in WATCHED if kind not in LEFT_OUT]})
    for kind, (model, _names) in WATCHED.items():
        if kind in LEFT_OUT:
            continue
        table: Any = model.__table__  # type: ignore[attr-defined]
        watched = watched_columns(kind)
        columns = [table.c[stored] for _, stored, _ in watched]
        content = [table.c.content] if model is m.FrozenResult else []
        statement = select(table.c.id, *columns, *content).order_by(table.c.id).execution_options(yield_per=2000)
        for row in db.session.connection().execute(statement):
            values = {name: written(row[at]) for at, (name, _, written) in enumerate(watched, 1)}
            if content:
                values["content"] = row[-1] if isinstance(row[-1], str) else bytes(row[-1]).decode()
            yield canonical_json({"kind": kind, "id": str(row[0]), "values": values})


def export() -> StateExport:
    """Read all of it, in the read that the session is in."""
    tree, out = MerkleFrontier(), io.BytesIO()
    # No time and no name in the head of the file: the same state, the same bytes.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=out, mtime=0) as packed:
        for line in lines():
            data = line.encode()
            tree.append(leaf_hash(data))
            packed.write(data + b"\n")
    packed_bytes = out.getvalue()
    return StateExport(tree.n_leaves, tree.root(), hashlib.sha256(packed_bytes).hexdigest(), packed_bytes)


def root_of(packed: bytes) -> tuple[int, str]:
    """Lines and root of a packed export, computed anew. OSError or EOFError (of gzip) for what is none."""
    tree = MerkleFrontier()
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as lines_in:
        for line in lines_in:
            tree.append(leaf_hash(line.rstrip(b"\n")))
    return tree.n_leaves, tree.root()
