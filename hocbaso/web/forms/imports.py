"""Forms of the import pages: choosing a file, and agreeing to what the preview shows."""

from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import RadioField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import HiddenInput

from hocbaso.web.forms.people import VnDateField


class UploadForm(FlaskForm):
    """One workbook of one kind. ``kind`` and ``profile`` get their choices from the view."""

    kind = RadioField("Loại tệp", validators=[InputRequired("Xin chọn loại tệp.")])
    profile = SelectField(
        "Mẫu tệp", description="Tệp của Cơ sở dữ liệu ngành hoặc của văn phòng: giữ nguyên lựa chọn đầu."
    )
    file = FileField(
        "Tệp Excel (.xlsx)",
        validators=[FileRequired("Xin chọn tệp.")],
        description="Tối đa 2 MB.",
    )


class DayForm(FlaskForm):
    """The day the new pupils of a list came into their class; empty: from the first day of the year."""

    joined_on = VnDateField("Các em mới vào lớp từ ngày", [Optional()])


class ApplyForm(FlaskForm):
    """The plan a person saw and agrees to."""

    fingerprint = StringField(widget=HiddenInput(), validators=[InputRequired(), Length(min=64, max=64)])
