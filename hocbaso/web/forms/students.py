"""The profile form: each field by name, shown only where this person may change it."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, NumberRange
from wtforms.widgets import HiddenInput

from hocbaso.services.student_fields import FIELD_WORDS, REQUIRED
from hocbaso.services.study_history import FIELDS as PAST_YEAR_FIELDS


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
