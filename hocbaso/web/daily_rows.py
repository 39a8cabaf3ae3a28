"""The plain lines of the day's page as HTML, remembered line by line: the page is opened again and again with the same
two hundred, and drawing them was most of its work."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from functools import lru_cache
from typing import Any

from flask import current_app

from hocbaso.services.daily_items import DailyItem


def rows(items: Iterable[DailyItem], marks: Mapping[str, str], ticked: Container[str] | None) -> bytes:
    """The lines in UTF-8; ``marks`` by the item's key (``daily_look``), ``ticked`` None where every line is."""
    return b"\n".join(_row(item, marks.get(item.key, ""), ticked is None or item.tick in ticked) for item in items)


@lru_cache(maxsize=512)
def _row(item: DailyItem, mark: str, is_ticked: bool) -> bytes:
    draw: Any = current_app.jinja_env.get_template("daily/_queue_row.html").module
    return str(draw.row(item, mark, is_ticked)).encode()
