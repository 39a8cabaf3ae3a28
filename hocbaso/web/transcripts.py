"""Transcripts of a class: where they stand, what a signer sees, build, sign, publish, recall, and the files themselves."""

from __future__ import annotations

import unicodedata
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Flask, Response, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError, Invalid, NotFound
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import (
    batch_view,
    recall_requests,
    recall_view,
    record_chain,
    record_view,
    signing,
    signing_view,
    transcript_building,
    transcript_files,
    transcript_moves,
    transcript_overview,
)
from hocbaso.web import navigation
from hocbaso.web.corrections import change_words
from hocbaso.web.errors import status_of
from hocbaso.web.forms.transcripts import BuildForm, RecallForm, SignForm
from hocbaso.web.headers import allow_embedding, allow_signing_helper
from hocbaso.web.htmx import go, is_fragment
from hocbaso.web.old_pins import ask_for_better
from hocbaso.web.security import browser_session, confirm_recent, current_actor, note, requires

transcripts_pages = Blueprint("transcripts", __name__, url_prefix="/hoc-ba")


@transcripts_pages.get("/")
@requires(P.TRANSCRIPT_READ)
def index() -> str:
    """The classes of this person, the open year first."""
    rows = transcript_overview.classes(current_actor())
    years = list(dict.fromkeys(row.year_label for row in rows))
    by_year = [(year, [row for row in rows if row.year_label == year]) for year in years]
    return render_template(
        "transcripts/index.html",
        by_year=by_year,
        next_step=transcript_overview.next_step(current_actor(), by_year[0][1]) if by_year else None,
        n_waiting=transcript_overview.waiting_for(current_actor()),
    )


@transcripts_pages.get("/lop/<int:class_group_id>")
@requires(P.TRANSCRIPT_READ)
def class_page(class_group_id: int) -> Any:
    """What a signer sees: what changed, the odd ones, the rest; the paper beside the list."""
    return _class_page(class_group_id)


def _class_page(
    class_group_id: int,
    *,
    sign_form: SignForm | None = None,
    build_form: BuildForm | None = None,
    message: str | None = None,
    last_try: bool = False,
) -> Response | str:
    actor, now = current_actor(), clock.now()
    view = signing_view.class_view(actor, class_group_id, now)
    progress = [batch_view.batch_progress(actor, batch_id, now) for batch_id in view.batch_ids[:1]]
    wanted = request.args.get("xem")
    built = [row for row in (*view.odd, *view.plain) if row.uuid is not None]
    asked = next((row for row in built if row.uuid == wanted), None)
    # Nobody asked for one: the paper of the first pupil who needs something from this person, then of the first odd one.
    opened = asked or next((row for row in built if row.my_turn), built[0] if built else None)
    build = build_form or BuildForm(formdata=None, issue_on=clock.local_date(now))
    build.deputy.choices = list(view.principal_choices)
    sign = sign_form or SignForm(
        formdata=None,
        role=view.panel.role.value if view.panel else "",
        chosen=[row.uuid for row in view.rows if row.my_turn],
    )
    if is_fragment() and asked is not None:
        return render_template("transcripts/_paper.html", opened=asked)
    body = render_template(
        "transcripts/class.html",
        view=view,
        opened=opened,
        sign=sign,
        build=build,
        message=message,
        last_try=last_try,
        publishing=transcript_moves.publishing_of(class_group_id),
        batch=progress[0] if progress and progress[0].state != "done" else None,
    )
    if view.panel is not None and view.panel.is_at_desk:
        return allow_signing_helper(make_response(body))
    return body


@transcripts_pages.post("/lop/<int:class_group_id>/lap")
@requires(P.TRANSCRIPT_BUILD)
def build(class_group_id: int) -> Any:
    """Build what is missing, in the background."""
    form = BuildForm()
    if not form.validate():
        return _class_page(class_group_id, build_form=form), 422
    try:
        batch = transcript_building.build_class(
            current_actor(),
            class_group_id,
            clock.now(),
            issue_on=form.issue_on.data,
            deputy_person_id=form.deputy.data or None,
            background=True,
        )
    except NotFound:
        raise
    except DomainError as refusal:
        return _class_page(class_group_id, build_form=form, message=_words(refusal)), status_of(refusal)
    return go(url_for("batches.page", batch_id=batch.id))


@transcripts_pages.post("/lop/<int:class_group_id>/ky")
@requires(P.TRANSCRIPT_SIGN_HOMEROOM, P.TRANSCRIPT_SIGN_PRINCIPAL, P.TRANSCRIPT_SEAL)
def sign(class_group_id: int) -> Any:
    """Sign the chosen records with one PIN, in the background."""
    form = SignForm()
    if not form.validate():
        return _class_page(class_group_id, sign_form=form), 422
    chosen = form.chosen.data or []
    try:
        if not chosen:
            raise Invalid("Chọn ít nhất một học bạ để ký.")
        batch = signing.sign_class(
            current_actor(),
            class_group_id,
            form.role.data or "",
            form.pin.data or "",
            clock.now(),
            chosen,
            publish_on_seal=form.publish.data,
            code=form.code.data or "",
            last_try=form.last_try.data,
            desk=browser_session(),
            background=True,
        )
    except NotFound:
        raise
    except ValueError:
        return _class_page(
            class_group_id, sign_form=form, message="Không rõ ký với tư cách nào. Xin tải lại trang."
        ), 422
    except DomainError as refusal:
        return _class_page(
            class_group_id, sign_form=form, message=_words(refusal), last_try=signing.asks_for_last_try(refusal)
        ), status_of(refusal)
    ask_for_better(form.pin.data or "", form.role.data or "")
    return go(url_for("batches.page", batch_id=batch.id))


def _words(refusal: DomainError) -> str:
    return " ".join([refusal.message, *refusal.details])


@transcripts_pages.post("/lop/<int:class_group_id>/da-xem")
@requires(P.TRANSCRIPT_READ)
def looked(class_group_id: int) -> BaseResponse:
    """Remember that this person has looked the class through."""
    signing_view.mark_looked(current_actor(), class_group_id, clock.now())
    note("Đã ghi nhớ. Lần sau chỉ những bản đổi từ lúc này mới hiện là mới.")
    return go(url_for(".class_page", class_group_id=class_group_id))


@transcripts_pages.post("/lop/<int:class_group_id>/cong-bo")
@requires(P.TRANSCRIPT_PUBLISH)
def publish(class_group_id: int) -> Any:
    """Publish what is sealed and was not ordered beforehand; from the class page or from the day's."""
    try:
        outcomes = transcript_moves.publish_class(current_actor(), class_group_id, clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _class_page(class_group_id, message=_words(refusal)), status_of(refusal)
    n_done = sum(outcome.ok for outcome in outcomes)
    if n_done:
        note(f"Đã công bố {n_done} học bạ.")
    failed = [outcome for outcome in outcomes if not outcome.ok]
    if failed:
        note(f"Chưa công bố {len(failed)} học bạ: {failed[0].name}: {failed[0].reason}", "late")
    if request.form.get("ve") == "hom-nay":
        return go(url_for("daily.show"))
    return go(url_for(".class_page", class_group_id=class_group_id))


@transcripts_pages.get("/<uuid:record_uuid>")
@requires(P.TRANSCRIPT_READ)
def record(record_uuid: object) -> str:
    """One student's transcript with its signatures."""
    return _record_page(str(record_uuid), RecallForm(formdata=None))


@transcripts_pages.get("/<uuid:record_uuid>/lich-su")
@requires(P.TRANSCRIPT_READ)
def chain(record_uuid: object) -> str:
    """Everything that happened to this pupil's record of the year, in the order of time."""
    found = record_chain.chain_of(current_actor(), str(record_uuid))
    return render_template("transcripts/chain.html", chain=found, change_words=change_words)


def _record_page(record_uuid: str, form: RecallForm, message: str | None = None) -> str:
    actor = current_actor()
    view = record_view.record_view(actor, record_uuid, clock.now())
    asked = recall_view.request_of_record(actor, record_uuid)
    return render_template("transcripts/record.html", view=view, form=form, asked=asked, message=message)


@transcripts_pages.post("/<uuid:record_uuid>/thu-hoi")
@requires(P.TRANSCRIPT_RECALL, P.TRANSCRIPT_ASK_RECALL)
def recall(record_uuid: object) -> Any:
    """Recall a record (the principal), or ask the principal to (clerk, homeroom teacher)."""
    actor, now, uuid = current_actor(), clock.now(), str(record_uuid)
    form = RecallForm()
    view = record_view.record_view(actor, uuid, now)  # 404 before anything is said of the form
    if not form.validate():
        return _record_page(uuid, form), 422
    reason, paper = form.reason.data or "", form.paper.data or ""
    if view.may_recall:
        confirm_recent(actor)
    try:
        if view.may_recall:
            request_ = recall_requests.recall(actor, uuid, reason, now, paper=paper)
        else:
            request_ = recall_requests.ask(actor, uuid, reason, now, paper=paper)
    except NotFound:
        raise
    except DomainError as refusal:
        return _record_page(uuid, form, message=_words(refusal)), status_of(refusal)
    if request_ is None or request_.state == "RECALLED":
        note("Đã thu hồi. Tệp cũ vẫn mở được nhưng trang kiểm tra sẽ nói là không còn hiệu lực.", "late")
    elif request_.state == "APPROVED":
        note("Đã duyệt. Học bạ hết hiệu lực khi cấp trên đồng ý: lập danh sách ở trang Thu hồi rồi gửi đi.", "late")
    else:
        note("Đã gửi đề nghị đến Hiệu trưởng. Học bạ còn hiệu lực cho đến khi có quyết định.")
    return go(url_for(".record", record_uuid=record_uuid))


@transcripts_pages.get("/<uuid:record_uuid>/pdf")
@requires(P.TRANSCRIPT_READ)
def pdf(record_uuid: object) -> Response:
    """The current PDF, shown in the browser."""
    return allow_embedding(_file(str(record_uuid), "pdf", download=False))


@transcripts_pages.get("/<uuid:record_uuid>/tai-<any(pdf,xml):face>")
@requires(P.TRANSCRIPT_READ)
def download(record_uuid: object, face: str) -> Response:
    """The current PDF or XML as a file."""
    return _file(str(record_uuid), face, download=True)


def _file(record_uuid: str, face: str, *, download: bool) -> Response:
    file = transcript_files.open_file(current_actor(), record_uuid, face, clock.now(), download=download)
    response = Response(file.data, mimetype=file.media_type)
    # A register number may hold a Đ, which a header carries only in the second form (RFC 6266).
    names = {"filename": unicodedata.normalize("NFKD", file.name).encode("ascii", "ignore").decode("ascii")}
    if not file.name.isascii():
        names["filename*"] = "UTF-8''" + quote(file.name, safe="")
    response.headers.set("Content-Disposition", "attachment" if download else "inline", **names)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def init_app(app: Flask) -> None:
    """Register the pages; the rail counts what waits for a signature."""
    app.register_blueprint(transcripts_pages)
    navigation.count(app, "transcripts", transcript_overview.waiting_for)
