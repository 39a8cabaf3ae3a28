"""Forms of recalling: the principal's decision, sending a list, the authority's answer."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, Length, Optional


class DecisionForm(FlaskForm):
    """What the principal says. Words are needed for a refusal only; the service asks for them."""

    note = StringField("Ghi chú", [Optional(), Length(max=1000)])
    wait = BooleanField("Xin ý kiến cấp trên trước khi thu hồi")


class SentForm(FlaskForm):
    """How a list went to the authority."""

    note = StringField("Cách gửi, số công văn", [Optional(), Length(max=300)])


class AnswerForm(FlaskForm):
    """What the authority answered; unticked ones it did not agree to."""

    agreed = SelectMultipleField("Đồng ý thu hồi", coerce=int, validate_choice=False)
    note = StringField("Số văn bản trả lời", [DataRequired("Ghi số văn bản trả lời."), Length(max=300)])
