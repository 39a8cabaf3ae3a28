"""Score sheets: the list of mine, the grid, one cell saved alone, handing in and approving."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, Flask, Response, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError, Incomplete, Invalid, Stale, WrongState
from hocbaso.regulations.paper_codes import sheet_code
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.score_sheet_flow import SheetParty, SheetVerb
from hocbaso.regulations.two_hands import next_reviewer_words
from hocbaso.services import (
    anomaly_questions,
    blind_view,
    correction_exemptions,
    correction_score_requests,
    correction_view,
    paper_kit,
    progress,
    read_back,
    reviews,
    score_entry,
    score_grid,
    score_history,
    score_why,
    sheet_access,
)
from hocbaso.services.score_grid import SheetView
from hocbaso.web import just_approved, labels, rendered_rows, score_operations, sheet_notes
from hocbaso.web.errors import status_of
from hocbaso.web.forms.scores import CellForm, MoveForm
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.kept_parts import joined, part
from hocbaso.web.remark_phrases import picker
from hocbaso.web.security import current_actor, require_own_page, requires

sheets = Blueprint("score_sheets", __name__, url_prefix="/bang-diem")
score_operations.add_routes(sheets)

SLUGS = {
    "nop": SheetVerb.SUBMIT,
    "rut-lai": SheetVerb.RECALL,
    "tra-lai": SheetVerb.RETURN,
    "soat": SheetVerb.REVIEW,
    "duyet": SheetVerb.APPROVE,
    "khoa": SheetVerb.LOCK,
}
"""The acts as they stand in addresses."""

SLUG_OF = {verb: slug for slug, verb in SLUGS.items()}

DONE = {
    SheetVerb.SUBMIT: "Đã nộp {}.",
    SheetVerb.RECALL: "Đã rút lại {}. Thầy, cô sửa tiếp được.",
    SheetVerb.RETURN: "Đã trả lại {} kèm lời nhắn.",
    SheetVerb.REVIEW: "Đã soát xong {}. Bảng điểm chờ Ban Giám hiệu duyệt.",
    SheetVerb.APPROVE: "Đã duyệt {}.",
    SheetVerb.LOCK: "Đã khoá {}.",
}

TASKS = {"type": "Nhập điểm", "review": "Soát", "approve": "Duyệt", "lock": "Khoá", "read": "Xem"}


@sheets.get("/")
@requires(P.SHEET_READ)
def index() -> str:
    """The sheets of this person, what waits first."""
    actor = current_actor()
    listed = progress.my_sheets(actor, clock.now())
    classes = sorted({(item.line.grade_level, item.line.class_name) for item in listed})
    wanted = {name: request.args.get(name, "") for name in ("lop", "hoc-ky", "trang-thai")}
    shown = [
        item
        for item in listed
        if (not wanted["lop"] or item.line.class_name == wanted["lop"])
        and (not wanted["hoc-ky"] or str(item.line.semester) == wanted["hoc-ky"])
        and (not wanted["trang-thai"] or item.line.state.value == wanted["trang-thai"])
    ]
    return render_template(
        "score_sheets/index.html",
        waiting=[item for item in shown if item.waits],
        others=[item for item in shown if not item.waits],
        n_waiting=sum(item.waits for item in listed),
        n_listed=len(listed),
        has_book=any(item.line.class_subject_id in actor.teaching for item in listed),
        classes=[name for _, name in classes],
        states=labels.SHEET_STATES,
        wanted=wanted,
        tasks=TASKS,
        today=clock.local_date(clock.now()),
        slugs=SLUG_OF,
        verbs=_bulk_verbs(shown),
    )


@sheets.get("/<int:sheet_id>")
@requires(P.SHEET_READ)
def show(sheet_id: int) -> Response:
    """The grid of one sheet."""
    return _page(score_grid.open_sheet(current_actor(), sheet_id, clock.now()))


@sheets.post("/<int:sheet_id>/o/<int:enrollment_id>/<column_key>")
@requires(P.SHEET_ENTER)
def save(sheet_id: int, enrollment_id: int, column_key: str) -> BaseResponse | tuple[str, int]:
    """Save one cell: the cell, its line's average and the sheet's progress come back, each with its own id."""
    if score_operations.typed_by_another(request.form.get("account")):
        return score_operations.sign_in_first()
    form = CellForm(request.form)
    if not form.ok or form.value is None:
        return _refused("Máy chưa gửi đủ phần của ô này. Số đã gõ vẫn còn; xin tải lại trang.", 422)
    try:
        saved = score_entry.save_cell(
            current_actor(),
            sheet_id,
            enrollment_id,
            column_key,
            form.value,
            expected_version=form.version,
            op_id=form.op,
            unattended_at=score_operations.typed_unattended(form.alone_for),
            now=clock.now(),
        )
    except Stale as stale:
        return render_template("score_sheets/_clash.html", standing=stale.current, message=stale.message), 409
    except (Invalid, WrongState) as refusal:
        return _refused(refusal.message, status_of(refusal))
    if not is_fragment():
        return go(url_for(".show", sheet_id=sheet_id, _anchor=f"c-{enrollment_id}-{column_key}"))
    return render_template(
        "score_sheets/_saved.html",
        saved=saved,
        cell=saved.cell,
        enrollment_id=enrollment_id,
        kind=saved.head.kind.value,
        marks=rendered_rows.MARK_ICONS,
        remark=score_grid.REMARK,
        edges=rendered_rows.grid_edges(score_grid.columns_of(saved.head)),
        n_gaps=saved.progress.n_gaps,
        first_gap="",
    ), 200


@sheets.post("/<int:sheet_id>/luu")
@requires(P.SHEET_ENTER)
def save_form(sheet_id: int) -> BaseResponse | tuple[Response, int]:
    """Save the whole sheet as one form: browsers without script. Only what was changed is written."""
    require_own_page(request.form.get("account"))
    seen = _seen_versions(request.form.get("seen", ""))
    cells = []
    for name, raw in request.form.items():
        enrollment, _, column_key = name.partition("-")
        if enrollment.isascii() and enrollment.isdigit() and column_key:
            cells.append((int(enrollment), column_key, raw, seen.get(name, 0)))
    outcomes = score_entry.save_many(current_actor(), sheet_id, cells, source="typed", now=clock.now())
    n_written = sum(outcome.outcome == "written" for outcome in outcomes)
    troubles = [outcome for outcome in outcomes if outcome.outcome in ("stale", "refused")]
    if not troubles:
        flash(f"Đã lưu {n_written} ô." if n_written else "Không có ô nào thay đổi.", "done")
        return go(url_for(".show", sheet_id=sheet_id))
    view = score_grid.open_sheet(current_actor(), sheet_id, clock.now())
    names = {row.enrollment_id: row.full_name for row in view.rows}
    typed = {(enrollment_id, column): raw for enrollment_id, column, raw, _ in cells}
    listed = [
        (
            f"c-{item.enrollment_id}-{item.column_key}",
            f"{names.get(item.enrollment_id, '?')}, {labels.COLUMNS.get(item.column_key, item.column_key).lower()}: "
            f"đã gõ “{typed[item.enrollment_id, item.column_key][:60]}”. {item.reason}",
        )
        for item in troubles
    ]
    status = 409 if any(item.outcome == "stale" for item in troubles) else 422
    return _page(view, problems=listed, n_written=n_written), status


@sheets.post("/<int:sheet_id>/<any('nop','rut-lai','tra-lai','soat','duyet','khoa'):slug>")
@requires(P.SHEET_SUBMIT, P.SHEET_REVIEW, P.SHEET_APPROVE, P.SHEET_LOCK)
def move(sheet_id: int, slug: str) -> BaseResponse | tuple[Response, int]:
    """Hand in, take back, return, review, approve or lock."""
    verb = SLUGS[slug]
    form = MoveForm()
    if not form.validate_on_submit():
        raise Invalid("Xin tải lại trang rồi làm lại: lời nhắn tối đa 1000 chữ. Chưa có gì thay đổi.", field="note")
    actor, now = current_actor(), clock.now()
    try:
        done = reviews.move(
            actor, sheet_id, verb, expected_version=form.version.data or 0, note=form.note.data, now=now
        )
    except Incomplete as incomplete:
        view = score_grid.open_sheet(actor, sheet_id, now)
        problems = [
            (f"c-{gap.enrollment_id}-{gap.column_key}", gap.words)
            for gap in incomplete.gaps
            if isinstance(gap, reviews.Gap)
        ]
        # A gap is a link to its cell; questions have cards of their own on the page.
        return _page(view, problems=problems, message=incomplete.message if problems else "", asked=not problems), 409
    except (Invalid, Stale, WrongState) as refusal:
        view = score_grid.open_sheet(actor, sheet_id, now)
        return _page(view, message=refusal.message, note=form.note.data or ""), status_of(refusal)
    words = DONE[verb].format(done.label)
    if verb is SheetVerb.SUBMIT:
        words += f" {next_reviewer_words(sheet_access.reviewer_names(sheet_id, clock.local_date(now)))}"
    if verb is not SheetVerb.APPROVE or not just_approved.remember(now, url_for(".index")):
        flash(words, "done")
    target = (
        url_for(".index")
        if verb in (SheetVerb.REVIEW, SheetVerb.APPROVE, SheetVerb.RETURN)
        else url_for(".show", sheet_id=sheet_id)
    )
    return go(target)


@sheets.post("/hang-loat")
@requires(P.SHEET_REVIEW, P.SHEET_APPROVE, P.SHEET_LOCK)
def move_many() -> BaseResponse | tuple[str, int]:
    """The same act on the ticked sheets, each pinned to the version that was shown, with one outcome each."""
    verb = SLUGS.get(request.form.get("viec", ""))
    if verb not in (SheetVerb.REVIEW, SheetVerb.APPROVE, SheetVerb.LOCK):
        raise Invalid("Việc này không làm được cho nhiều bảng điểm cùng lúc.")
    items = list(_pinned(request.form.getlist("chon")))
    if not items:
        flash("Chưa chọn bảng điểm nào. Xin đánh dấu ít nhất một bảng.", "late")
        return redirect(url_for("score_sheets.index"), code=303)
    now = clock.now()
    outcomes = reviews.move_many(current_actor(), verb, items, now=now)
    if verb is SheetVerb.APPROVE and any(outcome.done for outcome in outcomes):
        just_approved.remember(now, url_for(".index"))
    status = 200 if all(outcome.done for outcome in outcomes) else 409
    return render_template(
        "score_sheets/outcomes.html", outcomes=outcomes, verb=verb, n_done=sum(outcome.done for outcome in outcomes)
    ), status


@sheets.get("/<int:sheet_id>/o/<int:enrollment_id>/<column_key>/lich-su")
@requires(P.SHEET_READ)
def history(sheet_id: int, enrollment_id: int, column_key: str) -> str:
    """Every value a cell has had, in plain words."""
    actor, now = current_actor(), clock.now()
    name, words, lines = score_history.cell_history(actor, sheet_id, enrollment_id, column_key, now)
    template = "score_sheets/_history.html" if is_fragment() else "score_sheets/history.html"
    return render_template(
        template,
        student=name,
        words=words,
        lines=lines,
        sheet_id=sheet_id,
        enrollment_id=enrollment_id,
        column_key=column_key,
        requests=correction_view.of_cell(actor, sheet_id, enrollment_id, column_key, clock.local_date(now)),
        may_ask=correction_score_requests.may_ask_about(actor, sheet_id, enrollment_id, column_key, now),
        exemption_id=correction_exemptions.of_locked_line(actor, sheet_id, enrollment_id, now),
        why=score_why.why(actor, sheet_id, enrollment_id, now) if column_key != score_grid.REMARK else None,
    )


@sheets.get("/<int:sheet_id>/o/<int:enrollment_id>/vi-sao")
@requires(P.SHEET_READ)
def explain(sheet_id: int, enrollment_id: int) -> str:
    """How a pupil's average comes about."""
    found = score_why.why(current_actor(), sheet_id, enrollment_id, clock.now())
    template = "score_sheets/_why.html" if is_fragment() else "score_sheets/why.html"
    return render_template(template, why=found, sheet_id=sheet_id)


def _page(
    view: SheetView,
    *,
    problems: list[tuple[str, str]] | None = None,
    message: str = "",
    note: str = "",
    n_written: int = 0,
    asked: bool = False,
    trouble: dict[int, tuple[str, str]] | None = None,
) -> Response:
    is_author = g.is_own_sheet = _is_author(view)
    paper_codes = tuple(
        paper_kit.codes_of(view.head, {row.enrollment_id: row.class_place for row in view.rows}).items()
    )
    told = SheetVerb.REVIEW in view.verbs or SheetVerb.APPROVE in view.verbs
    questions, check = shown_questions(view), blind_view.record_of(view.head)
    html = render_template(
        "score_sheets/sheet.html",
        view=view,
        head=view.head,
        seen=view.seen if view.can_edit else "",
        problems=problems or [],
        message=message,
        note=note,
        n_written=n_written,
        slugs=SLUG_OF,
        n_gaps=view.progress.n_gaps,
        first_gap=view.first_gap,
        is_author=is_author,
        may_submit=SheetVerb.SUBMIT in view.verbs,
        verb_names=labels.SHEET_VERBS,
        step_names=labels.SHEET_VERBS,
        read_backs=read_back.read_backs_of(view.head, current_actor(), told=told or is_author),
        notes=notes_now(view, check, questions, told=told),
        panel=sheet_notes.open_panel(
            view, check, questions, troubled=bool(message or problems), asked=asked, told=told
        ),
        regular=view.columns[:-2],
        questions=questions,
        check=check,
        paper_codes=paper_codes,
        asked=asked,
        trouble=trouble or {},
        may_export=bool(view.head.parties) and current_actor().may(P.EXPORT_SCORES),
        told=told,
    )
    kind = view.head.kind.value
    parts = {"rows": rendered_rows.rendered_rows().of(view)}
    if is_author:
        parts["tools"] = part(
            "score_sheets/_sheet_tools.html",
            sheet_id=view.head.id,
            kind=kind,
            columns=view.columns,
            can_edit=view.can_edit,
            paper_codes=paper_codes,
            paper_code=sheet_code(view.head.id),
        )
    if view.can_edit:
        parts["missed"] = part("score_sheets/_sheet_missed.html", kind=kind, closes_on=view.head.window.closes_on)
        parts["phrases"] = part(
            "remark_phrases/_picker.html", **picker(current_actor(), view.head.subject_id, view.head.kind)
        )
    return joined(html, parts)


sheet_page = _page  # the answers of web/score_questions.py come back on the same page


def shown_questions(view: SheetView) -> anomaly_questions.QuestionList:
    """The questions of the sheet; none for who is kept from its scores, which stand in their words."""
    return anomaly_questions.QuestionList((), (), False) if view.is_blind else anomaly_questions.of_sheet(view.head)


def _is_author(view: SheetView) -> bool:
    return SheetParty.AUTHOR in view.head.parties


def notes_now(
    view: SheetView, check: blind_view.CheckRecord, questions: anomaly_questions.QuestionList, *, told: bool
) -> list[sheet_notes.Note]:
    """What the line of notes says now, for the page and for an answer that changes it."""
    return sheet_notes.notes_of(view, check, questions, why_closed=_why_closed(view), told=told)


def _why_closed(view: SheetView) -> str:
    """Why nothing can be typed, for the author; "" for everybody else and while typing is possible."""
    if view.can_edit or not _is_author(view):
        return ""
    try:
        score_entry.guard_typing(view.head, view.today)
    except DomainError as refusal:
        # Nobody has typed here yet: that nothing was written would only frighten.
        return refusal.message.removesuffix(" Chưa ghi gì.")
    return ""


def _refused(message: str, status: int) -> tuple[str, int]:
    return render_template("score_sheets/_refused.html", message=message), status


def _seen_versions(text: str) -> dict[str, int]:
    found = {}
    for item in text.split():
        name, _, number = item.partition(":")
        if number.isascii() and number.isdigit():
            found[name] = int(number)
    return found


def _pinned(values: Iterable[str]) -> Iterable[tuple[int, int]]:
    for value in values:
        sheet_id, _, version = value.partition(":")
        if not (sheet_id.isascii() and sheet_id.isdigit() and version.isascii() and version.isdigit()):
            abort(400)
        yield int(sheet_id), int(version)


def _bulk_verbs(listed: Iterable[progress.ListedSheet]) -> list[SheetVerb]:
    tasks = {item.task for item in listed if item.waits}
    return [
        verb
        for task, verb in (("review", SheetVerb.REVIEW), ("approve", SheetVerb.APPROVE), ("lock", SheetVerb.LOCK))
        if task in tasks
    ]


def init_app(app: Flask) -> None:
    """Register the pages."""
    rendered_rows.init_app(app)
    app.register_blueprint(sheets)
