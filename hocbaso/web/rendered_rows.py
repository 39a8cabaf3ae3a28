"""The lines of a grid as HTML, remembered line by line between requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

from flask import Flask, current_app
from markupsafe import Markup, escape

from hocbaso.services.score_cells import CellView, Column
from hocbaso.services.score_grid import REMARK, RowView, SheetView

_WHO = "\x00"
"""Stands for the enrollment in the remembered cells; in a text it would only print that number."""
MARK_ICONS = {"makeup": ("calendar-clock", "chờ bù"), "missed": ("user-x", "vắng")}


class RenderedRows:
    """The last grids as HTML, line by line, bounded. After a save only the line that changed is drawn again.

    A grid is found by base, sheet and whether it is typed into, and used only when its key is equal: the key says
    everything the lines depend on, so no person sees another's. Bytes, because text with diacritics takes twice as much.
    """

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[Any, ...], tuple[tuple[Any, ...], tuple[RowView, ...], list[bytes]]] = (
            OrderedDict()
        )
        self._mutex = Lock()

    def of(self, view: SheetView) -> bytes:
        """The lines of a sheet, drawn now or before, in UTF-8."""
        return b"\n".join(self._parts(view))

    def some_of(self, view: SheetView, enrollment_ids: set[int]) -> bytes:
        """The lines of these students alone."""
        parts = self._parts(view)
        return b"\n".join(
            part for row, part in zip(view.rows, parts, strict=True) if row.enrollment_id in enrollment_ids
        )

    def _parts(self, view: SheetView) -> list[bytes]:
        slot = (view.rows_key[0], view.head.id, view.can_edit)
        with self._mutex:
            found = self._kept.get(slot)
            if found is not None:
                self._kept.move_to_end(slot)
        if found is None or found[0] != view.rows_key:
            # The columns stand in the key before what changes with each save.
            old = dict(zip(found[1], found[2], strict=True)) if found and found[0][3] == view.columns else {}
            kind, edges = view.head.kind.value, grid_edges(view.columns)
            parts = [old.get(row) or _row(row, kind, edges).encode() for row in view.rows]
            found = (view.rows_key, view.rows, parts)
            with self._mutex:
                self._kept[slot] = found
                self._kept.move_to_end(slot)
                while len(self._kept) > self._limit:
                    self._kept.popitem(last=False)
        return found[2]


def _row(row: RowView, kind: str, edges: frozenset[str]) -> str:
    # Two thirds of a first opening went into drawing the same "8,5" for forty pupils: what lines have in common is
    # drawn once.
    cells = [_cell(cell, kind, cell.key in edges) for cell in row.cells]
    # A remark is written for one pupil: remembered, it would only push out what many share.
    draw_remark = _draw_cell if row.remark.text else _cell
    cells += _average(row.average, row.closed), draw_remark(row.remark, kind, False)
    return _line(row.closed) % {
        "id": row.enrollment_id,
        "number": row.number,
        "family": escape(row.family_name),
        "given": escape(row.given_name),
        "cells": "".join(cells).replace(_WHO, str(row.enrollment_id)),
    }


@lru_cache(maxsize=16)
def _line(closed: str) -> str:
    draw: Any = current_app.jinja_env.get_template("score_sheets/_row.html").module
    return str(draw.row_of(closed, *(Markup(f"%({word})s") for word in ("id", "number", "family", "given", "cells"))))


def _draw_cell(cell: CellView, kind: str, is_edge: bool) -> str:
    edges = (cell.key,) if is_edge else ()
    return str(_macros().cell_of(cell, _WHO, kind, MARK_ICONS, REMARK, edges))


_cell = lru_cache(maxsize=1024)(_draw_cell)


@lru_cache(maxsize=256)
def _average(text: str, closed: str) -> str:
    return str(_macros().average_of(text, closed, _WHO))


def _macros() -> Any:
    # Macros and not templates: a template's own context for each of forty lines took half of the time.
    return current_app.jinja_env.get_template("score_sheets/_cell.html").module


def grid_edges(columns: Sequence[Column]) -> frozenset[str]:
    """The columns that end a group, with a rule at their right: the last regular one and the final."""
    return frozenset(column.key for column in columns[-3:]) - {"GK"}


def rendered_rows() -> RenderedRows:
    """What this application remembers."""
    found: RenderedRows = current_app.extensions["hocbaso_rendered_rows"]
    return found


def init_app(app: Flask) -> None:
    """Begin with nothing remembered."""
    app.extensions["hocbaso_rendered_rows"] = RenderedRows()
