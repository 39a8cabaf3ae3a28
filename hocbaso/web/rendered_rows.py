"""The lines of a grid as HTML, remembered line by line between requests."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

from flask import Flask, current_app

from hocbaso.services.score_grid import REMARK, RowView, SheetView

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
            words = grid_words(view)
            # The macro and not the template: a template's own context for each of forty lines took half of the time.
            draw: Any = current_app.jinja_env.get_template("score_sheets/_row.html").module
            parts = [old.get(row) or str(draw.row_of(row, **words)).encode() for row in view.rows]
            found = (view.rows_key, view.rows, parts)
            with self._mutex:
                self._kept[slot] = found
                self._kept.move_to_end(slot)
                while len(self._kept) > self._limit:
                    self._kept.popitem(last=False)
        return found[2]


def grid_words(view: SheetView) -> dict[str, Any]:
    """What the templates of a cell and a line need beside the line itself."""
    return {
        "kind": view.head.kind.value,
        "marks": MARK_ICONS,
        "remark": REMARK,
        "edges": {column.key for column in view.columns[-3:]} - {"GK"},
    }


def rendered_rows() -> RenderedRows:
    """What this application remembers."""
    found: RenderedRows = current_app.extensions["hocbaso_rendered_rows"]
    return found


def init_app(app: Flask) -> None:
    """Begin with nothing remembered."""
    app.extensions["hocbaso_rendered_rows"] = RenderedRows()
