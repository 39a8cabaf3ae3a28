"""Forms of the score sheets: moving a sheet on, answering a question. Cells are read by the view itself."""

from __future__ import annotations

import json
from typing import Any

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange
from wtforms.widgets import HiddenInput


class MoveForm(FlaskForm):
    """An act upon a sheet: the version that was on the screen, and words for whoever works on it next."""

    version = IntegerField(widget=HiddenInput(), validators=[InputRequired(), NumberRange(min=1)])
    note = TextAreaField("Lời nhắn", validators=[Length(max=1000)])


class AnswerForm(FlaskForm):
    """An answer to a question: the version that was on the screen, and the own words unless a reason was tapped."""

    version = IntegerField(widget=HiddenInput(), validators=[InputRequired(), NumberRange(min=1)])
    reason = TextAreaField("Lí do", validators=[Length(max=500)])


class CellForm:
    """One cell as it arrives: read by hand because this is the path of every saved cell, hundreds a minute.

    ``alone_for``: how many seconds ago it was typed on a page that did not know its session to be alive, None where it was.
    ``ok`` is False when a part is missing or has the wrong shape; the token was checked before the view.
    """

    __slots__ = ("alone_for", "ok", "op", "value", "version")

    def __init__(self, fields: object) -> None:
        get = fields.get  # type: ignore[attr-defined]
        self.value: str | None = get("value")
        self.op: str | None = get("op") or None
        number = get("version") or ""
        self.version = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else -1
        self.alone_for = _seconds(get("alone"))
        self.ok = self.value is not None and self.version >= 0 and len(self.value) <= 4000


class BlockForm:
    """Many cells as they arrive, as JSON in one field: ``kind`` pasted, undone or redone; ``of``: the act that is taken back.

    ``cells``: (enrollment id, column key, text, version seen) each. ``ok`` is False when anything has the wrong shape.
    """

    __slots__ = ("account", "alone_for", "cells", "kind", "of", "ok", "op")

    def __init__(self, block: str) -> None:
        try:
            body = json.loads(block)
        except (ValueError, RecursionError):
            body = None
        fields = body if isinstance(body, dict) else {}
        self.account: str | None = _text(fields.get("account"))
        self.alone_for = _seconds(str(fields.get("alone", "")))
        self.kind = _text(fields.get("kind")) or ""
        self.op = _text(fields.get("op")) or ""
        self.of = _text(fields.get("of")) or ""
        listed = fields.get("cells")
        cells = [_typed_cell(cell) for cell in listed] if isinstance(listed, list) and len(listed) <= 5000 else []
        self.cells = [cell for cell in cells if cell is not None]
        self.ok = (
            self.kind in ("pasted", "undone", "redone")
            and bool(self.cells)
            and len(self.cells) == len(cells)
            and bool(self.of) == (self.kind != "pasted")
            and len(self.of) <= 36
        )


def _seconds(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _typed_cell(cell: Any) -> tuple[int, str, str, int] | None:
    match cell:
        case [int() as enrollment_id, str() as key, str() as raw, int() as version]:
            if 0 < enrollment_id < 10**9 and 0 <= version < 10**9 and len(key) <= 3 and len(raw) <= 4000:
                return enrollment_id, key, raw, version
    return None


class ReadBackForm(FlaskForm):
    """Who checked with whom. The columns are read by the view."""

    partner_id = IntegerField("Người cùng dò", validators=[InputRequired(message="Xin chọn đồng nghiệp cùng dò.")])
    actor_reads = StringField("Ai đọc", validators=[InputRequired()])
    n_read = IntegerField("Số điểm đã đọc", validators=[InputRequired(), NumberRange(min=0, max=5000)])


class FileForm(FlaskForm):
    """A filled-in file of the sheet."""

    file = FileField(
        "Tệp đã điền (.xlsx)",
        validators=[FileRequired("Xin chọn tệp đã điền.")],
        description="Tối đa 2 MB. Chưa ghi gì cho đến khi thầy, cô xem các ô đổi và đồng ý.",
    )
