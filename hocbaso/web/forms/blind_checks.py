"""Forms of đối chiếu bài gốc: what was typed from the papers, a reason, whom to name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask_wtf import FlaskForm
from wtforms import IntegerField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange
from wtforms.widgets import HiddenInput

from hocbaso.services.blind_typing import TypedResult

_VERSION_OF = re.compile(r"s-([0-9]{1,9})", re.ASCII)
NO_PAPER = "khong-bai"


def typed_results(fields: Mapping[str, str]) -> list[TypedResult]:
    """The results of the page: ``s-<id>`` the version shown, ``v-<id>`` the text, ``n-<id>`` that there is no paper.

    A text longer than any score is cut: it is refused in words further on.
    """
    found = []
    for name, seen in fields.items():
        matched = _VERSION_OF.fullmatch(name)
        if matched and seen.isascii() and seen.isdigit() and len(seen) < 9:
            raw = fields.get(f"v-{matched[1]}", "")[:40]
            no_paper = fields.get(f"n-{matched[1]}") == "1" or raw == NO_PAPER
            found.append(TypedResult(int(matched[1]), "" if raw == NO_PAPER else raw, no_paper, int(seen)))
    return found


class MisreadForm(FlaskForm):
    """How the paper was misread: the version that was on the screen, and the words."""

    version = IntegerField(widget=HiddenInput(), validators=[InputRequired(), NumberRange(min=1)])
    reason = TextAreaField("Lí do", validators=[Length(max=500)])


class NameForm(FlaskForm):
    """Who types from the papers."""

    person_id = IntegerField("Người đối chiếu", validators=[InputRequired(), NumberRange(min=1, max=10**9)])
