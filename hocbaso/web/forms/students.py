"""Forms of a pupil: the profile (each field by name, shown only where this person may change it), coming and going."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, NumberRange
from wtforms.widgets import HiddenInput

from hocbaso.services.arrivals import FIELDS as ARRIVAL_FIELDS
from hocbaso.services.class_changes import FIELDS as CLASS_CHANGE_FIELDS
from hocbaso.services.departures import FIELDS as DEPARTURE_FIELDS
from hocbaso.services.departures import KINDS as DEPARTURE_KINDS
from hocbaso.services.student_fields import FIELD_WORDS, REQUIRED
from hocbaso.services.study_history import FIELDS as PAST_YEAR_FIELDS

_EMPTY = "Không được để trống."
_DAY = {"inputmode": "numeric", "placeholder": "ngày/tháng/năm", "autocomplete": "off"}


class ProfileForm(FlaskForm):
    """Texts as typed; the service reads them. ``keep_only`` drops the fields that are not this person's."""

    version = IntegerField(widget=HiddenInput(), validators=[InputRequired(), NumberRange(min=1)])
    confirmed = BooleanField("Đã đối chiếu với giấy tờ gốc, số liệu đúng như đang ghi")

    def keep_only(self, editable: frozenset[str]) -> None:
        """Remove every profile field that is not in ``editable``."""
        for name in FIELD_WORDS:
            if name not in editable:
                delattr(self, name)


class PastYearForm(FlaskForm):
    """A year at another school, texts as typed."""


for _name, _words in PAST_YEAR_FIELDS.items():
    setattr(PastYearForm, _name, StringField(_words, validators=[InputRequired("Không được để trống.")]))

for _name, _words in FIELD_WORDS.items():
    if _name == "inclusive_disability":
        setattr(ProfileForm, _name, BooleanField(_words))
    elif _name == "sex":
        setattr(ProfileForm, _name, SelectField(_words, choices=["Nam", "Nữ"]))
    else:
        _checks = [InputRequired("Không được để trống.")] if _name in REQUIRED else []
        setattr(ProfileForm, _name, StringField(_words, validators=_checks))


class DepartureForm(FlaskForm):
    """A pupil leaves: texts as typed; the service reads them."""

    kind = SelectField(
        DEPARTURE_FIELDS["kind"], choices=[(kind.value, words) for kind, words in DEPARTURE_KINDS.items()]
    )
    happened_on = StringField(DEPARTURE_FIELDS["happened_on"], [InputRequired(_EMPTY)], render_kw=_DAY)
    school_name = StringField(DEPARTURE_FIELDS["school_name"], description="Thôi học thì để trống.")
    paper_no = StringField(
        DEPARTURE_FIELDS["paper_no"],
        [InputRequired(_EMPTY)],
        description="Văn bản đồng ý của trường tiếp nhận, hoặc đơn xin thôi học.",
    )
    paper_on = StringField(DEPARTURE_FIELDS["paper_on"], [InputRequired(_EMPTY)], render_kw=_DAY)
    reason = StringField(DEPARTURE_FIELDS["reason"], [InputRequired(_EMPTY)])


class ArrivalForm(ProfileForm):
    """A pupil comes: the profile's fields and the papers, texts as typed."""

    version = None
    # No answer before somebody reads the paper: a preset one is copied onto every other pupil's record.
    sex = SelectField(FIELD_WORDS["sex"], [InputRequired(_EMPTY)], choices=[("", "Chọn"), ("Nam", "Nam"), ("Nữ", "Nữ")])
    class_group_id = SelectField(ARRIVAL_FIELDS["class_group_id"], coerce=str)
    happened_on = StringField(ARRIVAL_FIELDS["happened_on"], [InputRequired(_EMPTY)], render_kw=_DAY)
    school_name = StringField(
        ARRIVAL_FIELDS["school_name"], [InputRequired(_EMPTY)], description="Kèm xã, tỉnh như trên giấy."
    )
    old_class = StringField(ARRIVAL_FIELDS["old_class"], [InputRequired(_EMPTY)])
    semester_1_done = BooleanField(
        ARRIVAL_FIELDS["semester_1_done"],
        description="Đánh dấu khi bảng tổng hợp đã có kết quả học kì I. Vào học sau khi hết hạn nhập điểm học kì I thì luôn là vậy.",
    )
    paper_no = StringField(
        ARRIVAL_FIELDS["paper_no"], [InputRequired(_EMPTY)], description="Văn bản của trường đồng ý tiếp nhận."
    )
    paper_on = StringField(ARRIVAL_FIELDS["paper_on"], [InputRequired(_EMPTY)], render_kw=_DAY)
    reason = StringField(ARRIVAL_FIELDS["reason"], [InputRequired(_EMPTY)])


class ClassChangeForm(FlaskForm):
    """A pupil goes into another class of the grade level: the papers, texts as typed, and what was seen."""

    class_group_id = StringField(widget=HiddenInput())
    seen = StringField(widget=HiddenInput())
    paper_no = StringField(
        CLASS_CHANGE_FIELDS["paper_no"],
        [InputRequired(_EMPTY)],
        description="Văn bản Hiệu trưởng đã ký hoặc đã duyệt cho em chuyển lớp.",
    )
    paper_on = StringField(CLASS_CHANGE_FIELDS["paper_on"], [InputRequired(_EMPTY)], render_kw=_DAY)
    reason = StringField(CLASS_CHANGE_FIELDS["reason"], [InputRequired(_EMPTY)])
