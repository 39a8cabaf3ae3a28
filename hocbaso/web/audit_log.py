"""Nhật ký: who did what, looked up by person, pupil, class, subject, kind of act and date; and what changed between two snapshots."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Flask, Response, render_template, request

from hocbaso import clock
from hocbaso.errors import DomainError, Invalid
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import log_search, log_words, snapshot_diff
from hocbaso.services.log_search import Wanted
from hocbaso.web.errors import status_of
from hocbaso.web.navigation import NavItem, register
from hocbaso.web.security import current_actor, requires

audit_log = Blueprint("audit_log", __name__, url_prefix="/nhat-ky")

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS = 100
"""Changed rows on one page of a comparison."""
SHOWN_AT_ONCE = 4
"""Values of one entry that stand open; the rest is folded."""

FILTERS = ("nguoi", "hoc-sinh", "lop", "mon", "viec", "tu", "den")
Answer = str | tuple[str, int]


def _number(name: str) -> int | None:
    text = request.values.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _day(name: str, words: str) -> date | None:
    text = request.values.get(name, "").strip()
    if not text:
        return None
    for separator in ("/", ".", "-"):
        parts = text.split(separator)
        if len(parts) == 3 and all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):
            try:
                return date(int(parts[2]), int(parts[1]), int(parts[0]))
            except ValueError:
                break
    raise Invalid(f"{words} “{text[:20]}” không phải ngày. Hãy ghi như 20/5/2027.", field=name)


def _wanted() -> Wanted:
    return Wanted(
        person_id=_number("nguoi"),
        pupil=request.values.get("hoc-sinh", "").strip()[:80],
        class_group_id=_number("lop"),
        subject_id=_number("mon"),
        group=request.values.get("viec", ""),
        since=_day("tu", "Từ ngày"),
        until=_day("den", "Đến ngày"),
    )


@audit_log.get("")
@requires(P.AUDIT_READ)
def show() -> Answer:
    """What was found, newest first."""
    return _page()


def _page(refusal: DomainError | None = None) -> Answer:
    actor, today = current_actor(), clock.local_date(clock.now())
    page = None
    if refusal is None:
        try:
            page = log_search.search(actor, _wanted(), today, before=_number("truoc"))
        except Invalid as wrong:
            refusal = wrong
    return render_template(
        "audit_log/page.html",
        page=page,
        choices=log_search.choices(actor),
        groups=log_words.GROUPS,
        chosen={name: request.values[name] for name in FILTERS if request.values.get(name)},
        newest=_number("truoc") is None,
        refusal=refusal,
        most=SHOWN_AT_ONCE,
    ), (status_of(refusal) if refusal else 200)


@audit_log.post("/tep")
@requires(P.AUDIT_READ)
def file() -> Response | Answer:
    """Everything that fits as a file; what is taken out is itself written into the log."""
    try:
        data, name = log_search.export(current_actor(), _wanted(), request.form.get("dang", ""), clock.now())
    except Invalid as refusal:
        return _page(refusal)
    response = Response(data, mimetype=XLSX if name.endswith(".xlsx") else "text/csv; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@audit_log.get("/<int:seq>")
@requires(P.AUDIT_READ)
def entry(seq: int) -> Answer:
    """One entry with all it changed."""
    line = log_search.one(current_actor(), seq, clock.local_date(clock.now()))
    return render_template("audit_log/entry.html", line=line)


@audit_log.get("/so-sanh")
@requires(P.AUDIT_READ)
def compare() -> Answer:
    """Two snapshots chosen, and what changed between them."""
    actor, today = current_actor(), clock.local_date(clock.now())
    snapshots = snapshot_diff.listed()
    first, second = _number("tu"), _number("den")
    found, refusal = None, None
    kind, at = request.args.get("loai", ""), max(1, _number("trang") or 1)
    if first is not None and second is not None:
        try:
            lines = [snapshot_diff.find(str(number), today) for number in (first, second)]
            found = log_search.covered(actor, snapshot_diff.difference(*lines, keep=True), today)
        except DomainError as wrong:
            refusal = wrong
    rows = [row for row in found.rows if not kind or row.kind == kind] if found else []
    return render_template(
        "audit_log/compare.html",
        snapshots=snapshots,
        chosen=(first, second),
        found=found,
        refusal=refusal,
        kind=kind,
        rows=rows[(at - 1) * ROWS : at * ROWS],
        n_rows=len(rows),
        at=at,
        n_pages=-(-len(rows) // ROWS),
        act_words=log_words.act_words,
        most_unlogged=ROWS,
    ), (status_of(refusal) if refusal else 200)


def init_app(app: Flask) -> None:
    """Register the blueprint and its place on the rail."""
    app.register_blueprint(audit_log)
    register(app, NavItem("audit", "Nhật ký", "history", "/nhat-ky", 65))
