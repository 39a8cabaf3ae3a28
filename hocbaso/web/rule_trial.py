"""Thử quy định: who of a class would have another result if a draft applied. Reads only; nothing here can be kept."""

from __future__ import annotations

from flask import Blueprint, Flask, render_template, request

from hocbaso import clock
from hocbaso.errors import Invalid
from hocbaso.regulations.drafts import KNOWN_DRAFT, Draft
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.score_values import format_score, parse_score
from hocbaso.services import rule_trial
from hocbaso.web.errors import status_of
from hocbaso.web.security import current_actor, requires

trials = Blueprint("rule_trial", __name__, url_prefix="/lop")

NUMBERS = {"max_absences": "vang", "excellent_subjects": "so-mon"}
SCORES = {"reassess_below": "lai", "excellent_from": "xuat-sac"}
WORDS = {
    "max_absences": "số buổi nghỉ nhiều nhất",
    "reassess_below": "điểm được kiểm tra lại",
    "adjusts": "điều chỉnh mức theo khoản 3",
    "excellent_from": "điểm của danh hiệu Xuất sắc",
    "excellent_subjects": "số môn của danh hiệu Xuất sắc",
}


def _draft() -> Draft:
    """What the form says; the law's own value where it says nothing. Invalid for what is no number."""
    said: dict[str, int | bool] = {}
    for field, name in NUMBERS.items():
        text = request.args.get(name, "").strip()
        if text:
            if not (text.isascii() and text.isdigit() and len(text) < 5):
                raise Invalid(f"{WORDS[field][:1].upper()}{WORDS[field][1:]} phải là một số nguyên.", field=field)
            said[field] = int(text)
    for field, name in SCORES.items():
        text = request.args.get(name, "").strip()
        if text:
            said[field] = parse_score(text).tenths
    if request.args.get("khoan-3") == "khong":
        said["adjusts"] = False
    return Draft(**said)  # type: ignore[arg-type]


@trials.get("/<int:class_group_id>/thu-quy-dinh")
@requires(P.CLASS_READ)
def show(class_group_id: int) -> tuple[str, int]:
    """The class under the draft of the form."""
    refusal, draft = None, Draft()
    try:
        draft = _draft()
    except Invalid as wrong:
        refusal = wrong
    trial = rule_trial.try_class(current_actor(), class_group_id, draft, clock.local_date(clock.now()))
    return render_template(
        "rule_trial/page.html",
        trial=trial,
        draft=draft,
        refusal=refusal,
        known_draft=KNOWN_DRAFT,
        changed=[WORDS[name] for name in draft.changed],
        score=format_score,
        typed={name: request.args[name] for name in (*NUMBERS.values(), *SCORES.values()) if request.args.get(name)},
    ), (status_of(refusal) if refusal else 200)


def init_app(app: Flask) -> None:
    """Register the blueprint."""
    app.register_blueprint(trials)
