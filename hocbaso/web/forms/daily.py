"""The form of the daily page: what is ticked, the act, and words that go with it."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import SelectMultipleField, StringField, TextAreaField
from wtforms.validators import AnyOf, Length


class ActForm(FlaskForm):
    """Approve, review, return or lock: ``chon`` holds ``sheet-12-3`` and ``class-4-2`` with the versions seen."""

    chon = SelectMultipleField("Việc", choices=[], validate_choice=False)
    verb = StringField(validators=[AnyOf(("approve", "review", "return", "lock"), message="Không rõ việc cần làm.")])
    note = TextAreaField("Lí do trả lại", validators=[Length(max=1000)])
    remark = TextAreaField("Nhận xét ghi trên học bạ", validators=[Length(max=2000)])
