"""Forms of corrections: why, the decision of civil status, and the words of whoever acts on a request."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional
from wtforms.widgets import HiddenInput


def _at_most(limit: int) -> Length:
    return Length(max=limit, message=f"Ghi nhiều nhất {limit} kí tự.")


def _reason(example: str, limit: int = 1000) -> TextAreaField:
    return TextAreaField("Lí do", [DataRequired("Xin ghi lí do."), _at_most(limit)], description=example)


def _paper(label: str, missing: str, limit: int) -> StringField:
    return StringField(label, [DataRequired(missing), _at_most(limit)])


class AskScoresForm(FlaskForm):
    """Why the values are to be others; the values themselves are fields of the page, one a cell."""

    reason = _reason("Ví dụ: cộng nhầm điểm câu 3, bài kiểm tra ghi 4,5.")


class AskHomeroomForm(AskScoresForm):
    """Why the homeroom part is to be another."""

    reason = _reason("Ví dụ: ghi nhầm dòng, sổ theo dõi ghi 3 buổi có phép.")


class AskMonthsForm(AskScoresForm):
    """Why a month's absences are to be another number."""

    reason = _reason("Ví dụ: ghi nhầm dòng, sổ theo dõi tháng 10 ghi 3 buổi có phép.")


class AskSummerForm(AskScoresForm):
    """Why an approved result of the summer is to be another."""

    reason = _reason("Ví dụ: ghi nhầm bài của bạn, bài kiểm tra lại ghi 5,5.")


class AskCivilStatusForm(AskScoresForm):
    """The same with the decision that the change rests on."""

    reason = _reason("Ví dụ: cải chính hộ tịch theo quyết định của Uỷ ban nhân dân xã.")
    paper = _paper("Số, ngày của quyết định hoặc giấy tờ hộ tịch", "Xin ghi số, ngày của quyết định.", 300)


class AskInheritedForm(AskScoresForm):
    """The same with the old school's table that has it right."""

    reason = _reason("Ví dụ: chép nhầm dòng, bảng tổng hợp của trường cũ ghi 7,5.", 500)
    paper = _paper("Số, ngày bảng tổng hợp của trường cũ", "Xin ghi số, ngày bảng tổng hợp.", 200)


class AskExemptionForm(AskScoresForm):
    """A subject to close for a pupil after its sheet was locked, with the decision's paper."""

    subject = SelectField("Môn học", coerce=int, validate_choice=False)
    semester = SelectField("Thời gian", choices=[("", "Cả năm"), ("1", "Học kì I"), ("2", "Học kì II")])
    reason = _reason("Ví dụ: giấy của bệnh viện có từ tháng 10, đến tháng 5 gia đình mới nộp.", 500)
    paper = _paper("Số, ngày văn bản", "Xin ghi số, ngày văn bản.", 200)


class AskRevocationForm(AskScoresForm):
    """Why an exemption is to be taken back after lock; the marks are fields of the page."""

    reason = _reason("Ví dụ: quyết định là của em khác cùng tên.", 500)
    paper = _paper("Số, ngày văn bản", "Xin ghi số, ngày văn bản.", 200)


class ActForm(FlaskForm):
    """An act upon a request: the version that stood on the page, words where they are wanted (the service asks)."""

    version = IntegerField(widget=HiddenInput(), validators=[InputRequired(), NumberRange(min=1)])
    seen = StringField(widget=HiddenInput(), validators=[Optional(), Length(max=64)])
    note = TextAreaField("Ghi chú", [Optional(), Length(max=1000, message="Ghi nhiều nhất 1000 kí tự.")])
