"""Where each piece of text lies on its page: read from the layout engine's own boxes, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import weasyprint
from weasyprint.formatting_structure import boxes

#: A seventh of a CSS pixel, 0.04 mm: rounding of the layout, invisible on paper.
SLACK = 0.15
Rect = tuple[float, float, float, float]


@dataclass(frozen=True)
class Piece:
    """One line's run of text: page number from 0, its box in CSS pixels, and the box of the table cell that holds it."""

    page: int
    text: str
    box: Rect
    cell: Rect | None


def _rect(box: Any) -> Rect:
    return box.position_x, box.position_y, box.position_x + box.margin_width(), box.position_y + box.margin_height()


def pieces(document: weasyprint.Document) -> Iterator[Piece]:
    def walk(box: Any, page: int, cell: Rect | None) -> Iterator[Piece]:
        if isinstance(box, boxes.TextBox):
            if box.text.strip():
                yield Piece(page, box.text, _rect(box), cell)
            return
        if isinstance(box, boxes.TableCellBox):
            cell = _rect(box)
        for child in getattr(box, "children", ()):
            yield from walk(child, page, cell)

    for number, page in enumerate(document.pages):
        yield from walk(page._page_box, number, None)


def inside(inner: Rect, outer: Rect) -> bool:
    return (
        inner[0] >= outer[0] - SLACK
        and inner[1] >= outer[1] - SLACK
        and inner[2] <= outer[2] + SLACK
        and inner[3] <= outer[3] + SLACK
    )


def overlap(a: Piece, b: Piece) -> bool:
    """Do two pieces of one page cover each other? A fifth of the line above and below is the type's own air."""

    def core(box: Rect) -> Rect:
        air = (box[3] - box[1]) * 0.2
        return box[0], box[1] + air, box[2], box[3] - air

    left, right = core(a.box), core(b.box)
    return (
        a.page == b.page
        and min(left[2], right[2]) - max(left[0], right[0]) > SLACK
        and min(left[3], right[3]) - max(left[1], right[1]) > SLACK
    )
