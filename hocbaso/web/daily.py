"""Việc hôm nay: what waits for whoever opens it, acted upon without leaving the page."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, flash, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid, WrongState
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.taking_back import TOO_LATE
from hocbaso.services import (
    accounts,
    bulk_acts,
    class_approval,
    daily_look,
    dashboard,
    first_passwords,
    first_steps,
    reset_requests,
    shown_notices,
    snapshots,
    taking_back,
)
from hocbaso.services.access import Actor
from hocbaso.services.import_plans import KINDS
from hocbaso.services.wanted_roles import wanted_roles
from hocbaso.web import daily_rows, daily_signing, just_approved, wide_batches
from hocbaso.web.daily_signing import Signing
from hocbaso.web.forms.daily import ActForm
from hocbaso.web.headers import allow_signing_helper
from hocbaso.web.htmx import answer, go, is_fragment
from hocbaso.web.kept_parts import joined
from hocbaso.web.navigation import count, may_open
from hocbaso.web.security import confirm_recent, current_actor, requires, signed_in

daily = Blueprint("daily", __name__, url_prefix="/hom-nay")

VERB_WORDS = {"approve": "Duyệt", "review": "Soát xong", "return": "Trả lại", "lock": "Khoá"}
DONE_WORDS = {
    "approve": "Đã duyệt",
    "review": "Đã soát xong",
    "return": "Đã trả lại",
    "lock": "Đã khoá",
    "take_back": "Đã hoàn tác",
}
OPEN_WORDS = {
    "type": "Nhập điểm",
    "check": "Đối chiếu",
    "finalise": "Mở lớp",
    "sign": "Mở để ký",
    "build": "Lập học bạ",
    "publish": "Mở để công bố",
    "decide": "Xem đề nghị",
    "do": "Mở việc",
}


@daily.get("")
@signed_in
def show() -> Any:
    """The page of this person."""
    return _page()[0]


def _number(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def _page(
    outcomes: list[bulk_acts.Outcome] | None = None,
    *,
    verb: str = "",
    message: str | None = None,
    kept: bool = False,
    ticked: MultiDict[str, str] | None = None,
    status: int = 200,
    signing: Signing | None = None,
) -> tuple[Any, int]:
    kind, now = request.args.get("loai", ""), clock.now()
    last = daily_look.last_looks(current_actor())
    began = daily_look.began_at(last, now)
    view = dashboard.daily(
        current_actor(),
        now,
        group_id=_number("to"),
        grade_level=_number("khoi"),
        class_name=request.args.get("lop") or None,
        kind=kind if kind in dashboard.KINDS else None,
        since=began,
    )
    looked = daily_look.look(current_actor(), last, view.waiting, view.lines, now)
    chosen = {name: request.args[name] for name in ("loai", "to", "khoi", "lop") if request.args.get(name)}
    waits = any(item.verb == "sign" for item in view.waiting)
    signing = signing or daily_signing.asked_for(waits)
    body = render_template(
        "daily/page.html",
        view=view,
        looked=looked,
        notices=shown_notices.shown(current_actor(), now),
        requests=reset_requests.to_decide(current_actor(), clock.now()),
        first_steps=first_steps.first_steps(current_actor(), clock.now()),
        kind_hints={name: kind.hint for name, kind in KINDS.items()},
        wanted=wanted_roles(current_actor()),
        n_without=accounts.count_without(current_actor()),
        n_slips=first_passwords.count_without_slip(current_actor(), clock.now()),
        kinds=dashboard.KINDS,
        chosen=chosen,
        outcomes=outcomes,
        verb=verb,
        undo_args=chosen,
        verb_words=VERB_WORDS,
        done_words=DONE_WORDS,
        open_words=OPEN_WORDS,
        message=message,
        says_kept=kept,
        default_remark=class_approval.DEFAULT_REMARK,
        typed=ticked or MultiDict(),
        paper_line=snapshots.paper_line(),
        signing=signing,
        may_sign=waits and may_open("/hoc-ba/nhieu-lop", current_actor()),
    )
    ticked_here = ticked.getlist("chon") if ticked else None
    page = joined(body, {"queue": daily_rows.rows(view.plain, looked.marks, ticked_here)})
    return (allow_signing_helper(page) if signing.needs_helper else page), status


@daily.post("/ky")
@requires(P.TRANSCRIPT_SIGN_PRINCIPAL, P.TRANSCRIPT_SEAL)
def sign() -> Any:
    """Sign what waits in the chosen classes with one PIN; how far it is shows on this same page."""

    def again(**shown: Any) -> Any:
        found = daily_signing.panel(**shown)
        return _page(signing=found, message=None if found.shown else shown.get("message"), kept=True)[0]

    return wide_batches.start_signing(again, lambda batch_id: url_for(".show", luot=batch_id, _anchor="ky-day"))


@daily.post("")
@signed_in
def act() -> BaseResponse | tuple[str, int]:
    """Do one act to everything ticked; each item has its own outcome, what failed stays on the page with its reason."""
    actor, form, now = current_actor(), ActForm(), clock.now()
    chosen = form.chon.data or []
    try:
        if not form.validate():
            raise Invalid(" ".join(message for errors in form.errors.values() for message in errors))
        if len(chosen) > bulk_acts.MANY:
            confirm_recent(actor)
        outcomes = bulk_acts.act(
            actor, form.verb.data or "", chosen, now=now, note=form.note.data, remark=form.remark.data
        )
    except Invalid as refusal:
        return _page(message=refusal.message, ticked=request.form, status=422)
    done = [one for one in outcomes if one.done]
    verb = form.verb.data or ""
    if verb == "approve" and done:
        just_approved.remember(now)
    if len(done) == len(outcomes):
        if verb != "approve" or not just_approved.offers():  # the bar that takes it back tells an approval
            flash(f"{DONE_WORDS[verb]} {done[0].label if len(done) == 1 else f'{len(done)} việc'}.", "done")
        kept: dict[str, Any] = request.args.to_dict()
        return go(url_for(".show", **kept))
    return _page(outcomes, verb=verb, status=200 if done else 409)


@daily.post("/hoan-tac")
@signed_in
def take_back() -> BaseResponse | tuple[str, int]:
    """Take back the own approval of a moment ago, made here or elsewhere; after ten seconds it says so and nothing changes."""
    found = just_approved.find(request.form.get("luc", ""))
    try:
        if found is None:
            raise WrongState(TOO_LATE)
        outcomes = taking_back.take_back(current_actor(), found.began, found.done, now=clock.now())
    except WrongState as refusal:
        if found is None or not found.page:
            return _page(message=refusal.message, kept=True, status=409)
        flash(refusal.message, "late")
        return go(found.page)
    done = [one for one in outcomes if one.done]
    if len(done) == len(outcomes):
        flash(
            f"Đã hoàn tác việc duyệt {done[0].label if len(done) == 1 else f'{len(done)} việc'}: lại chờ duyệt như trước.",
            "done",
        )
        kept: dict[str, Any] = request.args.to_dict()
        return go(found.page or url_for(".show", **kept))
    return _page(outcomes, verb="take_back", status=200 if done else 409)


@daily.get("/so-viec")
@signed_in
def number() -> BaseResponse:
    """How much waits: the rail asks again while the page lies open."""
    n = dashboard.count_waiting(current_actor(), clock.now())
    return answer(str(n)) if is_fragment() else go(url_for(".show"))


def _count(actor: Actor) -> int:
    return dashboard.count_waiting(actor, clock.now())


def init_app(app: Flask) -> None:
    """Register the blueprint and the number on the rail."""
    app.register_blueprint(daily)
    just_approved.init_app(app)
    app.extensions.setdefault("hocbaso_nav_counts", {})  # the rail's own module is set up after this one
    count(app, "today", _count)
