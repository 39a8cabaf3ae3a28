"""What the grid sends beside single cells: blocks (paste, undo, redo) with one outcome a cell, and the read-back of two."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid, NotFound, Stale, WrongState
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import read_back, score_grid, score_operations
from hocbaso.services.score_blocks import CellOutcome
from hocbaso.web import labels
from hocbaso.web.errors import status_of
from hocbaso.web.filters import vn_datetime
from hocbaso.web.forms.scores import BlockForm, ReadBackForm
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.kept_parts import joined
from hocbaso.web.rendered_rows import rendered_rows
from hocbaso.web.security import current_actor, current_session, requires

STILL_THERE = timedelta(minutes=2)
"""Whoever types, is asked to sign in again and does so within this time is taken for the one who typed."""


def typed_by_another(account: str | None) -> bool:
    """Whether a queued write belongs to somebody else than who is signed in now: it waits for its owner."""
    return account is not None and account != str(current_actor().account_id)


def typed_unattended(alone_for: int | None) -> datetime | None:
    """When something was typed that is not to be written unasked; None for all else.

    It was typed on a page whose session had ended or that came from this machine's store, and whoever is signed in now came
    later: somebody else may have stood there. ``alone_for``: seconds since, None where the page knew its session alive.
    """
    if alone_for is None:
        return None
    signed, now = current_session(), clock.now()
    typed_at = now - timedelta(seconds=alone_for)
    return typed_at if signed is not None and signed.opened_at - typed_at > STILL_THERE else None


def sign_in_first() -> BaseResponse:
    """The answer to a write of somebody who is not signed in here any more."""
    return make_response("", 401, {"HX-Trigger": "signin"})


@requires(P.SHEET_ENTER)
def write_block(sheet_id: int) -> BaseResponse | tuple[str, int]:
    """Write a pasted block, take an act back or do it again; the lines that changed and an outcome a cell come back."""
    form = BlockForm(request.form.get("block", ""))
    if typed_by_another(form.account):
        return sign_in_first()
    unattended_at = typed_unattended(form.alone_for)
    if not form.ok:
        return _refused("Máy chưa gửi đủ phần của lần ghi này. Chưa ghi gì; xin tải lại trang.", 422)
    actor, now = current_actor(), clock.now()
    try:
        if form.kind == "pasted":
            cells = [score_operations.TypedCell(*cell) for cell in form.cells]
            outcomes = score_operations.paste(
                actor, sheet_id, cells, op_id=form.op, now=now, ask_first=unattended_at is not None
            )
        elif unattended_at is not None:
            raise Stale(f"Lệnh này bấm lúc {vn_datetime(unattended_at)}, khi chưa ai đăng nhập, nên chưa làm.")
        else:
            places = [(enrollment_id, key) for enrollment_id, key, _, _ in form.cells]
            outcomes = score_operations.take_back(
                actor, sheet_id, places, of=form.of, op_id=form.op, again=form.kind == "redone", now=now
            )
    except (Invalid, Stale, WrongState) as refusal:
        return _refused(refusal.message, status_of(refusal))
    return _lines(sheet_id, outcomes)


def _lines(sheet_id: int, outcomes: list[CellOutcome]) -> BaseResponse:
    view = score_grid.open_sheet(current_actor(), sheet_id, clock.now())
    html = render_template(
        "score_sheets/_block.html",
        outcomes=outcomes,
        n_gaps=view.progress.n_gaps,
        first_gap=view.first_gap,
    )
    return joined(html, {"rows": rendered_rows().some_of(view, {outcome.enrollment_id for outcome in outcomes})})


def _refused(message: str, status: int) -> tuple[str, int]:
    return render_template("score_sheets/_refused.html", message=message), status


@requires(P.SHEET_ENTER)
def read_back_form(sheet_id: int) -> str:
    """Who checks with whom, which columns: the form, alone or inside the sheet's panel."""
    return _read_back_page(sheet_id, ReadBackForm(formdata=None))


@requires(P.SHEET_ENTER)
def read_back_post(sheet_id: int) -> BaseResponse | tuple[str, int]:
    """Write down that two people checked."""
    form = ReadBackForm()
    if not form.validate_on_submit():
        return _read_back_page(sheet_id, form), 422
    try:
        line = read_back.record_read_back(
            current_actor(),
            sheet_id,
            partner_id=form.partner_id.data or 0,
            actor_reads=form.actor_reads.data == "1",
            column_keys=request.form.getlist("column_keys"),
            n_read=form.n_read.data or 0,
            now=clock.now(),
        )
    except (Invalid, NotFound) as refusal:
        form.partner_id.errors = [refusal.message]
        return _read_back_page(sheet_id, form), 422
    words = f"Đã ghi lần đọc dò: {line.reader_name} đọc, {line.listener_name} dò, {line.columns}, {line.n_cells} điểm."
    if is_fragment():
        return render_template("score_sheets/_read_back_done.html", words=words), 200
    flash(words, "done")
    return go(url_for("score_sheets.show", sheet_id=sheet_id))


def _read_back_page(sheet_id: int, form: ReadBackForm) -> str:
    actor, now = current_actor(), clock.now()
    head, people = read_back.partners(actor, sheet_id, now)
    template = "score_sheets/_read_back.html" if is_fragment() else "score_sheets/read_back.html"
    return render_template(
        template,
        head=head,
        people=people,
        form=form,
        columns=score_grid.columns_of(head),
        column_names=labels.COLUMNS,
        chosen=request.form.getlist("column_keys"),
    )


def mark_as_own(response: Response) -> Response:
    """Tell the sending page that the answer, whatever its status, is this server's and not of something in between."""
    response.headers["X-Hocbaso"] = "bang-diem"
    return response


def add_routes(sheets: Blueprint) -> None:
    """Hang the views onto the blueprint of the sheets."""
    sheets.after_request(mark_as_own)
    sheets.post("/<int:sheet_id>/khoi")(write_block)
    sheets.get("/<int:sheet_id>/doc-do")(read_back_form)
    sheets.post("/<int:sheet_id>/doc-do")(read_back_post)
