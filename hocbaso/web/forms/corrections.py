"""Forms of corrections: why, the decision of civil status, and the words of whoever acts on a request."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional
from wtforms.widgets import HiddenInput


class AskScoresForm(FlaskForm):
    """Why the values are to be others; the values themselves are fields of the page, one a cell."""

    reason = TextAreaField(
        "Lí do",
        [DataRequired("Xin ghi lí do."), Length(max=1000, message="Ghi nhiều nhất 1000 kí tự.")],
        description="Ví dụ: cộng nhầm điểm câu 3, bài kiểm tra ghi 4,5.",
    )


class AskHomeroomForm(AskScoresForm):
    """Why the homeroom part is to be another."""

    reason = TextAreaField(
        "Lí do",
        [DataRequired("Xin ghi lí do."), Length(max=1000, message="Ghi nhiều nhất 1000 kí tự.")],
        description="Ví dụ: ghi nhầm dòng, sổ theo dõi ghi 3 buổi có phép.",
    )


class AskSummerForm(AskScoresForm):
    """Why an approved result of the summer is to be another."""

    reason = TextAreaField(
        "Lí do",
        [DataRequired("Xin ghi lí do."), Length(max=1000, message="Ghi nhiều nhất 1000 kí tự.")],
        description="Ví dụ: ghi nhầm bài của bạn, bài kiểm tra lại ghi 5,5.",
    )


class AskCivilStatusForm(AskScoresForm):
    """The same with the decision that the change rests on."""

    reason = TextAreaField(
        "Lí do",
        [DataRequired("Xin ghi lí do."), Length(max=1000, message="Ghi nhiều nhất 1000 kí tự.")],
        description="Ví dụ: cải chính hộ tịch theo quyết định của Uỷ ban nhân dân xã.",
    )
    paper = StringField(
        "Số, ngày của quyết định hoặc giấy tờ hộ tịch",
        [DataRequired("Xin ghi số, ngày của quyết định."), Length(max=300, message="Ghi nhiều nhất 300 kí tự.")],
    )


class AskInheritedForm(AskScoresForm):
    """The same with the old school's table that has it right."""

    reason = TextAreaField(
        "Lí do",
        [DataRequired("Xin ghi lí do."), Length(max=500, message="Ghi nhiều nhất 500 kí tự.")],
        description="Ví dụ: chép nhầm dòng, bảng tổng hợp của trường cũ ghi 7,5.",
    )
    paper = StringField(
        "Số, ngày bảng tổng hợp của trường cũ",
        [DataRequired("Xin ghi số, ngày bảng tổng hợp."), Length(max=200, message="Ghi nhiều nhất 200 kí tự.")],
    )


class AskExemptionForm(AskScoresForm):
    """A subject to close for a pupil after its sheet was locked, with the decision's paper."""

    subject = SelectField("Môn học", coerce=int, validate_choice=False)
    semester = SelectField("Thời gian", choices=[("", "Cả năm"), ("1", "Học kì I"), ("2", "Học kì II")])
    reason = TextAreaField(
        "Lí do",
        [DataRequired("Xin ghi lí do."), Length(max=500, message="Ghi nhiều nhất 500 kí tự.")],
        description="Ví dụ: giấy của bệnh viện có từ tháng 10, đến tháng 5 gia đình mới nộp.",
    )
    paper = StringField(
        "Số, ngày văn bản",
        [DataRequired("Xin ghi số, ngày văn bản."), Length(max=200, message="Ghi nhiều nhất 200 kí tự.")],
    )


class AskRevocationForm(AskScoresForm):
    """Why an exemption is to be taken back after lock; the marks are fields of the page."""

    reason = TextAreaField(
        "Lí do",
        [DataRequired("Xin ghi lí do."), Length(max=500, message="Ghi nhiều nhất 500 kí tự.")],
        description="Ví dụ: quyết định là của em khác cùng tên.",
    )
    paper = StringField(
        "Số, ngày văn bản",
        [DataRequired("Xin ghi số, ngày văn bản."), Length(max=200, message="Ghi nhiều nhất 200 kí tự.")],
    )


class ActForm(FlaskForm):
    """An act upon a request: the version that stood on the page, words where they are wanted (the service asks)."""

    version = IntegerField(widget=HiddenInput(), validators=[InputRequired(), NumberRange(min=1)])
    seen = StringField(widget=HiddenInput(), validators=[Optional(), Length(max=64)])
    note = TextAreaField("Ghi chú", [Optional(), Length(max=1000, message="Ghi nhiều nhất 1000 kí tự.")])
