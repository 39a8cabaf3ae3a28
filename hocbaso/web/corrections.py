"""Sửa chữa sau khi khoá: the list, one request with its impact, and the acts upon it.

The forms that ask stand in ``corrections_asking``, on the same blueprint.
"""

from __future__ import annotations

import io
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, Response, render_template, request, send_file, url_for

from hocbaso import clock
from hocbaso.errors import DomainError, NotFound
from hocbaso.regulations.correction_flow import CorrectionVerb
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import (
    conclusion_cases,
    correction_decisions,
    correction_evidence,
    correction_requests,
    correction_resending,
    correction_view,
    homeroom,
)
from hocbaso.services.uploaded_papers import Upload
from hocbaso.web import help as help_pages
from hocbaso.web import labels, navigation
from hocbaso.web.conclusion_cases import CHOICE_WORDS, chosen_of_form
from hocbaso.web.errors import status_of
from hocbaso.web.forms.corrections import ActForm
from hocbaso.web.htmx import go
from hocbaso.web.security import confirm_recent, current_actor, note, requires

corrections = Blueprint("corrections", __name__, url_prefix="/sua-chua")

_reads = requires(P.CORRECTION_READ)
_asks = requires(P.CORRECTION_ASK)

STEP_WORDS = {
    "ask": "lập đề nghị",
    "confirm": "xác nhận",
    "approve": "duyệt, đã sửa",
    "return": "trả lại",
    "refuse": "không duyệt",
    "resend": "gửi lại",
    "withdraw": "rút đề nghị",
}


@corrections.get("/")
@_reads
def index() -> str:
    """Requests that concern this person."""
    actor, now = current_actor(), clock.now()
    return render_template(
        "corrections/index.html",
        view=correction_view.overview(actor, now),
        n_conclusions=len(conclusion_cases.open_lines(actor, now)),
    )


@corrections.get("/<int:request_id>")
@_reads
def show(request_id: int) -> str:
    """One request: what should become what, what follows from it, the evidence, the past."""
    return _page(request_id)[0]


def _page(
    request_id: int, form: ActForm | None = None, *, message: str = "", status: int = 200, opened: str = ""
) -> tuple[str, int]:
    page = correction_view.page(current_actor(), request_id, clock.now())
    if page.impact is not None:
        changes = [(one.label, one.place, one.before, one.after, one.article) for one in page.impact.changes]
    else:
        told = page.outcome["changes"] if page.outcome else []
        changes = [(one["label"], tuple(one["place"]), one["before"], one["after"], one["article"]) for one in told]
    return render_template(
        "corrections/show.html",
        page=page,
        line=page.line,
        changes=[
            (label, change_words(place, before), change_words(place, after), article)
            for label, place, before, after, article in changes
        ],
        form=form or ActForm(formdata=None),
        message=message,
        opened=opened,
        voided=_voided(page),
        step_words=STEP_WORDS,
        verbs={verb.value for verb in page.verbs},
        choices=_choices(page),
        case_line=conclusion_cases.of_request(request_id, current_actor(), clock.now()),
        choice_words=CHOICE_WORDS,
        typed=request.form if request.method == "POST" else {},
    ), status


def _voided(page: correction_view.RequestPage) -> list[dict[str, Any]]:
    """The records that go, or went, out of force; instants as instants. Outcomes kept before papers were compared tell of none."""
    found = (
        [asdict(one) for one in page.impact.voided]
        if page.impact is not None
        else (page.outcome or {}).get("voided", [])
    )
    shown = []
    for one in found:
        signatures = [(role, name, datetime.fromisoformat(at)) for role, name, at in one["signatures"]]
        paper = one.get("paper", ())
        told = [change for change in paper if page.reads_record or not change["apart"]]
        shown.append(
            {"paper_problem": "", **one, "signatures": signatures, "paper": told, "n_untold": len(paper) - len(told)}
        )
    return shown


def change_words(place: tuple[str, ...], value: str | None) -> str:
    """A value of the impact as people read it."""
    if len(place) == 2 and place[1].startswith(("adjusted_", "review_")):
        return "có" if value else "không"
    if value is None:
        return "không có" if place[0] == "award" else "chưa có"
    if place[0] in ("learning", "conduct") or (place[0] == "homeroom" and place[1] in homeroom.CONDUCT_FIELDS):
        return labels.TABLES["level_name"][value]
    if place[0] == "promotion":
        return labels.TABLES["promotion_name"][value]
    if place[0] == "award":
        return labels.TABLES["award_name"][value]
    return value if place[-1] == "remark" or place[0] == "homeroom" else value.replace(".", ",")


def _choices(page: correction_view.RequestPage) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(field, words, choices in words) of each decision that goes with the approval."""
    if page.impact is None:
        return []
    table = {"learning_level": labels.TABLES["level_name"], "promotion": labels.TABLES["promotion_name"]}
    return [
        (one.key, one.words, [(value, table[one.kind][value]) for value in one.choices]) for one in page.impact.rulings
    ]


_DONE = {
    CorrectionVerb.CONFIRM: "Đã xác nhận. Đề nghị chuyển tới Hiệu trưởng.",
    CorrectionVerb.APPROVE: "Đã duyệt và đã sửa. Bảng điểm vẫn khoá; giá trị cũ còn nguyên trong lịch sử.",
    CorrectionVerb.RETURN: "Đã trả lại cho người đề nghị.",
    CorrectionVerb.REFUSE: "Đã ghi là không duyệt. Chưa có gì thay đổi.",
    CorrectionVerb.RESEND: "Đã gửi lại.",
    CorrectionVerb.WITHDRAW: "Đã rút đề nghị. Chưa có gì thay đổi.",
}


def uploads_of_form() -> list[Upload]:
    """The files that were sent along as evidence."""
    return [Upload(one.filename or "", one.read()) for one in request.files.getlist("files") if one.filename]


def _act(request_id: int, verb: CorrectionVerb, *, grave: bool = False) -> Any:
    actor, now, form = current_actor(), clock.now(), ActForm()
    correction_view.page(actor, request_id, now)  # 404 before anything else is said
    if not form.validate():
        return _page(request_id, form, opened=verb.value, status=422)
    if grave:
        confirm_recent(actor)
    words, version = form.note.data or "", form.version.data or 0
    try:
        if verb is CorrectionVerb.CONFIRM:
            correction_decisions.confirm(actor, request_id, expected_version=version, now=now, note=words)
        elif verb is CorrectionVerb.APPROVE:
            rulings = {name.removeprefix("r-"): value for name, value in request.form.items() if name.startswith("r-")}
            correction_decisions.approve(
                actor,
                request_id,
                expected_version=version,
                seen_digest=form.seen.data or "",
                now=now,
                note=words,
                rulings=rulings,
                chosen=chosen_of_form(),
            )
        elif verb is CorrectionVerb.RETURN:
            correction_decisions.send_back(actor, request_id, words, expected_version=version, now=now)
        elif verb is CorrectionVerb.REFUSE:
            correction_decisions.refuse(actor, request_id, words, expected_version=version, now=now)
        elif verb is CorrectionVerb.RESEND:
            correction_resending.resend(actor, request_id, words, uploads_of_form(), expected_version=version, now=now)
        else:
            correction_requests.withdraw(actor, request_id, expected_version=version, now=now)
    except NotFound:
        raise
    except DomainError as refusal:
        said = " ".join([refusal.message, *refusal.details])
        return _page(request_id, form, message=said, opened=verb.value, status=status_of(refusal))
    note(_DONE[verb])
    return go(url_for(".show", request_id=request_id))


@corrections.post("/<int:request_id>/xac-nhan")
@requires(P.CORRECTION_CONFIRM)
def confirm(request_id: int) -> Any:
    """The homeroom teacher agrees."""
    return _act(request_id, CorrectionVerb.CONFIRM)


@corrections.post("/<int:request_id>/duyet")
@requires(P.CORRECTION_DECIDE)
def approve(request_id: int) -> Any:
    """The principal approves, and it is done; a grave act asks for the password when it was given long ago."""
    return _act(request_id, CorrectionVerb.APPROVE, grave=True)


@corrections.post("/<int:request_id>/tra-lai")
@requires(P.CORRECTION_CONFIRM, P.CORRECTION_DECIDE)
def send_back(request_id: int) -> Any:
    """Return it to who asked."""
    return _act(request_id, CorrectionVerb.RETURN)


@corrections.post("/<int:request_id>/khong-duyet")
@requires(P.CORRECTION_CONFIRM, P.CORRECTION_DECIDE)
def refuse(request_id: int) -> Any:
    """Refuse it for good."""
    return _act(request_id, CorrectionVerb.REFUSE)


@corrections.post("/<int:request_id>/gui-lai")
@_asks
def resend(request_id: int) -> Any:
    """Send a returned request again."""
    return _act(request_id, CorrectionVerb.RESEND)


@corrections.post("/<int:request_id>/rut")
@_asks
def withdraw(request_id: int) -> Any:
    """Whoever asked takes it back."""
    return _act(request_id, CorrectionVerb.WITHDRAW)


@corrections.get("/<int:request_id>/minh-chung/<int:evidence_id>")
@_reads
def evidence(request_id: int, evidence_id: int) -> Response:
    """One file: pictures stand in the page, everything else is taken away to be opened."""
    file = correction_evidence.open_file(current_actor(), request_id, evidence_id, clock.now())
    response: Response = send_file(
        io.BytesIO(file.data),
        file.media_type,
        as_attachment=not file.media_type.startswith("image/"),
        download_name=file.name,
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def init_app(app: Flask) -> None:
    """Register the pages, their place in the rail and their help."""
    app.register_blueprint(corrections)
    # Who has no such office and no request comes to the form from the cell: a tablet's rail has no room for the rare.
    item = navigation.NavItem(
        "corrections", "Sửa chữa", "file-pen-line", "/sua-chua/", 42, correction_view.is_concerned
    )
    navigation.register(app, item)
    navigation.count(app, "corrections", lambda actor: correction_view.n_waiting(actor, clock.now()))
    help_pages.add(
        app,
        help_pages.Topic(
            "sua-chua",
            "Sửa điểm đã khoá, sửa hộ tịch",
            "/sua-chua/",
            (
                "Giáo viên bộ môn lập đề nghị từ lịch sử của ô điểm đã khoá, ghi lí do và kèm ảnh bài kiểm tra.",
                "Giáo viên chủ nhiệm xác nhận, Hiệu trưởng duyệt; không ai xác nhận hay duyệt đề nghị của chính mình.",
                "Trước khi duyệt, trang cho thấy đúng những gì đổi theo: trung bình môn, mức, kết luận, khen thưởng, chữ ký và học bạ nào hết hiệu lực.",
                "Duyệt xong máy ghi giá trị mới và khoá lại; giá trị cũ còn mãi trong lịch sử của ô.",
                "Học bạ đã phát hành không bao giờ bị sửa: bản cũ được thu hồi, văn thư lập bản mới mang mã khác.",
                "Rèn luyện, ngày nghỉ, nhận xét của lớp đã duyệt: giáo viên chủ nhiệm lập đề nghị từ trang của học sinh.",
                "Họ tên, ngày sinh đã in trên học bạ chỉ đổi theo quyết định, lập đề nghị từ hồ sơ của học sinh.",
            ),
            35,
        ),
    )
