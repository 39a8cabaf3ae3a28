"""Forms of the score sheets: moving a sheet on, answering a question. Cells are read by the view itself."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import IntegerField, TextAreaField
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

    ``ok`` is False when a part is missing or has the wrong shape; the token was checked before the view.
    """

    __slots__ = ("ok", "op", "value", "version")

    def __init__(self, fields: object) -> None:
        get = fields.get  # type: ignore[attr-defined]
        self.value: str | None = get("value")
        self.op: str | None = get("op") or None
        number = get("version") or ""
        self.version = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else -1
        self.ok = self.value is not None and self.version >= 0 and len(self.value) <= 4000
