"""Forms of the homeroom page: one field, moving the class, exemptions, decisions."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import IntegerField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange
from wtforms.widgets import HiddenInput


class FieldForm:
    """One field as it arrives, read by hand like a cell; the token was checked before the view."""

    __slots__ = ("field", "ok", "op", "value", "version")

    def __init__(self, fields: object) -> None:
        get = fields.get  # type: ignore[attr-defined]
        self.field: str = get("field") or ""
        # An htmx request carries the input under its own name, which is the field's.
        self.value: str | None = get("value") if get("value") is not None else get(self.field)
        self.op: str | None = get("op") or None
        number = get("version") or ""
        self.version = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else -1
        self.ok = self.value is not None and self.version >= 0 and len(self.value) <= 8000


class ClassMoveForm(FlaskForm):
    """An act upon a class: the version and the results that were on the screen, and words for whoever works on it next."""

    version = IntegerField(widget=HiddenInput(), validators=[InputRequired(), NumberRange(min=1)])
    seen = StringField(widget=HiddenInput())
    note = TextAreaField("Lời nhắn", validators=[Length(max=1000)])
    remark = TextAreaField("Nhận xét, phê duyệt ghi trên học bạ", validators=[Length(max=2000)])


class ExemptionForm(FlaskForm):
    """A proposal of the homeroom teacher."""

    subject = SelectField("Môn học", coerce=int)
    semester = SelectField("Thời gian", choices=[("", "Cả năm"), ("1", "Học kì I"), ("2", "Học kì II")])
    reason = StringField("Lí do", validators=[InputRequired("Xin ghi lí do miễn học."), Length(max=500)])
    document = StringField("Giấy tờ kèm theo", validators=[Length(max=200)])


class ExemptionDecisionForm(FlaskForm):
    """The principal's answer to a proposal."""

    outcome = RadioField(
        "Quyết định",
        choices=[("1", "Cho miễn"), ("0", "Không cho miễn")],
        validators=[InputRequired("Xin chọn cho miễn hay không.")],
    )
    document = StringField("Số, ngày văn bản", validators=[Length(max=200)])


class DecisionForm(FlaskForm):
    """A recorded decision of the principal about a student's year."""

    kind = StringField(widget=HiddenInput(), validators=[InputRequired()])
    term = StringField(widget=HiddenInput(), default="year")
    seen = StringField(widget=HiddenInput())
    outcome = RadioField(
        "Kết luận", choices=[], validate_choice=False, validators=[InputRequired("Xin chọn kết luận.")]
    )
    reason = TextAreaField("Căn cứ", validators=[InputRequired("Xin ghi căn cứ."), Length(max=1000)])
    document = StringField("Số, ngày văn bản", validators=[Length(max=200)])
