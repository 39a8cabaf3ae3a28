"""Forms around a class's transcripts: building, signing, recalling."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, PasswordField, SelectField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from hocbaso.web.forms.people import VnDateField


class BuildForm(FlaskForm):
    """Who signs for the school and under which day; both are fixed when the records are built."""

    issue_on = VnDateField("Ngày phát hành", [Optional()])
    deputy = SelectField("Người ký phần Hiệu trưởng", coerce=int, default=0, validate_choice=False)


class SignForm(FlaskForm):
    """One PIN for all chosen records."""

    role = HiddenField(validators=[DataRequired()])
    chosen = SelectMultipleField("Học bạ", validate_choice=False)
    pin = PasswordField(
        "Mã PIN của khoá ký",
        [Length(max=64)],
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )
    code = PasswordField("Mã xác nhận", [Length(max=64)], render_kw={"inputmode": "numeric", "autocomplete": "off"})
    asks = HiddenField()
    """What the page asked for: a key at a provider may want no PIN at all. Only for the words: the key judges for itself."""
    last_try = BooleanField("Tôi chắc chắn mã PIN đúng, dùng lần thử cuối của thiết bị")
    """Shown only after a token said that it has one try left."""
    publish = BooleanField("Công bố ngay khi văn thư đóng dấu", default=True)
    """The principal's order; the other two signers' forms do not show it."""

    def validate_pin(self, pin: PasswordField) -> None:
        """A PIN, unless the page asked for none."""
        if not pin.data and self.asks.data not in ("none", "code"):
            raise ValidationError("Xin nhập mã PIN.")


class RecallForm(FlaskForm):
    """Why a record is recalled."""

    reason = StringField("Lí do thu hồi", [DataRequired("Xin ghi lí do thu hồi."), Length(max=1000)])
    paper = StringField("Quyết định, giấy tờ kèm theo", [Optional(), Length(max=300)])
