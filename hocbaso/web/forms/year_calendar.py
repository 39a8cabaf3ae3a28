"""The form of the school year's dates."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import HiddenInput

from hocbaso.regulations.year_calendar import GRADE_LEVELS, window_key
from hocbaso.web.forms.people import VnDateField


class YearCalendarForm(FlaskForm):
    """Deadlines, and first and last day of typing for each semester; a grade level's own days may stay empty."""

    data_complete_before = VnDateField("Xong dữ liệu trước ngày", [InputRequired("Xin ghi ngày.")])
    sign_grade9_before = VnDateField("Ký xong khối 9 trước ngày", [InputRequired("Xin ghi ngày.")])
    sign_others_before = VnDateField("Ký xong các khối khác trước ngày", [InputRequired("Xin ghi ngày.")])
    summer_freeze_on = VnDateField("Chốt kết quả trong hè", [InputRequired("Xin ghi ngày.")])
    spot_check_percent = IntegerField(
        "Tỉ lệ ô giữa kì, cuối kì (%)",
        [InputRequired("Xin ghi số, 0 là không đối chiếu."), NumberRange(0, 100, "Xin ghi số từ 0 đến 100.")],
        description="Ghi 0 thì không đối chiếu. Tính cho bảng điểm nộp từ lúc ghi",
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )
    reason = StringField(
        "Lí do",
        [Optional(), Length(max=500)],
        description="Cần ghi khi mở lại thời gian nhập điểm đã hết hoặc lùi một hạn đã qua",
    )
    version = IntegerField(widget=HiddenInput(), default=0)


for _semester in (1, 2):
    for _grade in (None, *GRADE_LEVELS):
        _who = f"khối {_grade}" if _grade else "mọi khối"
        _needed = [InputRequired("Xin ghi ngày.")] if _grade is None else [Optional()]
        for _part, _words in (("opens_on", "từ ngày"), ("closes_on", "đến hết ngày")):
            setattr(
                YearCalendarForm,
                f"{window_key(_semester, _grade)}_{_part}",
                VnDateField(
                    f"Học kì {'I' * _semester}, {_who}: {_words}",
                    list(_needed),
                    render_kw={"inputmode": "numeric", "autocomplete": "off"},
                ),
            )
