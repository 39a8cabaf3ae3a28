"""Thu hồi học bạ: what waits for the principal, what to build anew, and the signed lists for the authority."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, make_response, render_template, request, url_for

from hocbaso import clock
from hocbaso.errors import DomainError, NotFound, WrongState
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import recall_lists, recall_requests, recall_view, signing, signing_view, transcript_building
from hocbaso.web import navigation
from hocbaso.web.corrections import change_words
from hocbaso.web.errors import status_of
from hocbaso.web.forms.recalls import AnswerForm, DecisionForm, SentForm
from hocbaso.web.forms.transcripts import SignForm
from hocbaso.web.headers import allow_signing_helper
from hocbaso.web.htmx import go
from hocbaso.web.old_pins import ask_for_better
from hocbaso.web.security import browser_session, confirm_recent, current_actor, note, requires

recalls_pages = Blueprint("recalls", __name__, url_prefix="/thu-hoi")


@recalls_pages.get("/")
@requires(P.TRANSCRIPT_RECALL, P.TRANSCRIPT_ASK_RECALL)
def index() -> str:
    """Requests and lists within this person's reach."""
    return _index()


def _index(message: str | None = None, form: DecisionForm | None = None, opened: int | None = None) -> str:
    return render_template(
        "recalls/index.html",
        view=recall_view.overview(current_actor()),
        message=message,
        form=form or DecisionForm(formdata=None),
        opened=opened,
        change_words=change_words,
    )


def _words(refusal: DomainError) -> str:
    return " ".join([refusal.message, *refusal.details])


@recalls_pages.post("/<int:request_id>/<any(duyet,'khong-duyet'):verb>")
@requires(P.TRANSCRIPT_RECALL)
def decide(request_id: int, verb: str) -> Any:
    """The principal's decision; a grave act asks for the password when it was given long ago."""
    actor, form = current_actor(), DecisionForm()
    recall_requests.request_for(actor, request_id)
    if not form.validate():
        return _index(form=form, opened=request_id), 422
    confirm_recent(actor)
    words = form.note.data or ""
    try:
        if verb == "duyet":
            done = recall_requests.approve(actor, request_id, clock.now(), note=words, wait=form.wait.data)
        else:
            done = recall_requests.refuse(actor, request_id, words, clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _index(_words(refusal), form, request_id), status_of(refusal)
    note(
        {
            "RECALLED": "Đã thu hồi. Giáo viên chủ nhiệm hoặc văn thư lập lại học bạ, bản mới mang mã khác.",
            "APPROVED": "Đã duyệt. Học bạ hết hiệu lực khi cấp trên đồng ý.",
        }.get(done.state, "Đã từ chối. Học bạ vẫn còn hiệu lực."),
        "late" if done.state == "RECALLED" else "done",
    )
    return go(url_for(".index"))


@recalls_pages.post("/<int:request_id>/rut")
@requires(P.TRANSCRIPT_ASK_RECALL)
def withdraw(request_id: int) -> Any:
    """Whoever asked takes it back."""
    try:
        recall_requests.withdraw(current_actor(), request_id, clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _index(_words(refusal)), status_of(refusal)
    note("Đã rút đề nghị. Học bạ vẫn còn hiệu lực.")
    return go(url_for(".index"))


@recalls_pages.post("/<int:request_id>/lap-lai")
@requires(P.TRANSCRIPT_BUILD)
def rebuild(request_id: int) -> Any:
    """Build the record that takes a recalled one's place, in the background."""
    actor = current_actor()
    row = recall_requests.request_for(actor, request_id)
    try:
        batch = transcript_building.build_class(
            actor,
            row.record.enrollment.class_group_id,
            clock.now(),
            f"#{row.record.enrollment_id}",
            background=True,
        )
    except NotFound:
        raise
    except DomainError as refusal:
        return _index(_words(refusal)), status_of(refusal)
    return go(url_for("batches.page", batch_id=batch.id))


# --- lists for the authority ------------------------------------------------------------------------------------------


@recalls_pages.post("/danh-sach")
@requires(P.TRANSCRIPT_RECALL, P.TRANSCRIPT_SEAL)
def make_list() -> Any:
    """Make the next list of a year."""
    try:
        row = recall_lists.make(current_actor(), request.form.get("year", 0, type=int), clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _index(_words(refusal)), status_of(refusal)
    return go(url_for(".list_page", list_id=row.id))


@recalls_pages.get("/danh-sach/<int:list_id>")
@requires(P.TRANSCRIPT_RECALL, P.TRANSCRIPT_SEAL)
def list_page(list_id: int) -> Any:
    """One list: its records, its signatures, what comes next."""
    return _list_page(list_id)


def _list_page(
    list_id: int,
    *,
    message: str | None = None,
    sign: SignForm | None = None,
    sent: SentForm | None = None,
    answer: AnswerForm | None = None,
    last_try: bool = False,
) -> Any:
    actor, now = current_actor(), clock.now()
    view = recall_view.list_view(actor, list_id)
    wanted = {"principal": P.TRANSCRIPT_RECALL, "seal": P.TRANSCRIPT_SEAL}.get(view.turn or "")
    panel = None
    if wanted is not None and wanted in actor.permissions:
        panel = signing_view.signer_panel(actor, SignatureRole(view.turn or ""), 1, now)
    body = render_template(
        "recalls/list.html",
        view=view,
        panel=panel,
        sign=sign or SignForm(formdata=None, role=view.turn),
        sent=sent or SentForm(formdata=None),
        answer=answer or AnswerForm(formdata=None),
        last_try=last_try,
        message=message,
    )
    return allow_signing_helper(make_response(body)) if panel is not None and panel.is_at_desk else body


@recalls_pages.post("/danh-sach/<int:list_id>/ky")
@requires(P.TRANSCRIPT_RECALL, P.TRANSCRIPT_SEAL)
def sign_list(list_id: int) -> Any:
    """The principal signs, then the clerk seals."""
    form = SignForm()
    view = recall_view.list_view(current_actor(), list_id)
    if not form.validate():
        return _list_page(list_id, sign=form), 422
    try:
        if form.role.data != view.turn:
            raise WrongState("Danh sách này đã qua bước ấy. Xin xem lại rồi làm bước kế tiếp.")
        panel = signing_view.signer_panel(current_actor(), SignatureRole(view.turn or ""), 1, clock.now())
        if panel is not None and panel.is_at_desk:
            back = url_for(".list_page", list_id=list_id)
            task = recall_lists.sign_at_desk(current_actor(), list_id, browser_session(), back, clock.now())
            return go(url_for("desk.task", task_id=task))
        recall_lists.sign(
            current_actor(),
            list_id,
            form.pin.data or "",
            clock.now(),
            code=form.code.data or "",
            last_try=form.last_try.data,
        )
    except NotFound:
        raise
    except DomainError as refusal:
        return _list_page(
            list_id, message=_words(refusal), sign=form, last_try=signing.asks_for_last_try(refusal)
        ), status_of(refusal)
    ask_for_better(form.pin.data or "", form.role.data or "")
    note("Đã ký danh sách." if form.role.data == "principal" else "Đã đóng dấu danh sách.")
    return go(url_for(".list_page", list_id=list_id))


@recalls_pages.post("/danh-sach/<int:list_id>/da-gui")
@requires(P.TRANSCRIPT_RECALL, P.TRANSCRIPT_SEAL)
def sent(list_id: int) -> Any:
    """Write down that the list went out."""
    form = SentForm()
    recall_view.list_view(current_actor(), list_id)
    if not form.validate():
        return _list_page(list_id, sent=form), 422
    try:
        recall_lists.mark_sent(current_actor(), list_id, form.note.data or "", clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _list_page(list_id, message=_words(refusal), sent=form), status_of(refusal)
    note("Đã ghi là đã gửi.")
    return go(url_for(".list_page", list_id=list_id))


@recalls_pages.post("/danh-sach/<int:list_id>/tra-loi")
@requires(P.TRANSCRIPT_RECALL, P.TRANSCRIPT_SEAL)
def answered(list_id: int) -> Any:
    """Write down what the authority answered."""
    form = AnswerForm()
    recall_view.list_view(current_actor(), list_id)
    if not form.validate():
        return _list_page(list_id, answer=form), 422
    try:
        n = recall_lists.answer(current_actor(), list_id, form.agreed.data or [], form.note.data or "", clock.now())
    except NotFound:
        raise
    except DomainError as refusal:
        return _list_page(list_id, message=_words(refusal), answer=form), status_of(refusal)
    note(f"Đã ghi trả lời. {n} học bạ vừa hết hiệu lực." if n else "Đã ghi trả lời.")
    refused = {
        row.record_uuid for row in recall_view.list_view(current_actor(), list_id).requests if row.state == "REFUSED"
    }
    if n_wrong := sum(one.record_uuid in refused for one, _ in recall_view.overview(current_actor()).wrong):
        note(
            f"{n_wrong} học bạ không được đồng ý vẫn có hiệu lực và khác kết quả đã chốt hoặc hồ sơ: xem đầu trang Thu hồi.",
            "late",
        )
    return go(url_for(".list_page", list_id=list_id))


@recalls_pages.get("/danh-sach/<int:list_id>/tai-<any(pdf,xml):face>")
@requires(P.TRANSCRIPT_RECALL, P.TRANSCRIPT_SEAL)
def list_file(list_id: int, face: str) -> Response:
    """The print or the signed file."""
    file = recall_lists.open_file(current_actor(), list_id, face, clock.now())
    response = Response(file.data, mimetype=file.media_type)
    response.headers.set("Content-Disposition", "attachment", filename=file.name)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def init_app(app: Flask) -> None:
    """Register the pages; the rail counts what waits for the principal beside the transcripts."""
    app.register_blueprint(recalls_pages)
    navigation.count(app, "transcripts", recall_view.n_waiting)
