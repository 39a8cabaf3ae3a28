"""Sửa chữa sau khi khoá: the list, the forms, one request with its impact, and the acts upon it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from flask import Blueprint, Flask, Response, render_template, request, send_file, url_for
from flask_wtf import FlaskForm

from hocbaso import clock
from hocbaso.errors import DomainError, Invalid, NotFound, Stale
from hocbaso.regulations.attendance_months import KINDS
from hocbaso.regulations.correction_flow import CorrectionVerb
from hocbaso.regulations.correction_impact import HOMEROOM_WORDS
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import (
    conclusion_cases,
    correction_decisions,
    correction_evidence,
    correction_exemptions,
    correction_month_requests,
    correction_requests,
    correction_view,
    correction_year_requests,
    homeroom,
    student_fields,
    students,
    study_history,
    summer_corrections,
)
from hocbaso.services.access import NO_PUPIL
from hocbaso.services.civil_status import CIVIL_FIELDS
from hocbaso.services.correction_impact import shown_field
from hocbaso.services.correction_requests import Wanted
from hocbaso.services.month_absences import KIND_WORDS
from hocbaso.services.month_totals import summed_fields
from hocbaso.services.summer_results import Typed
from hocbaso.services.uploaded_papers import Upload
from hocbaso.web import help as help_pages
from hocbaso.web import labels, navigation
from hocbaso.web.conclusion_cases import CHOICE_WORDS, chosen_of_form
from hocbaso.web.errors import status_of
from hocbaso.web.forms.corrections import (
    ActForm,
    AskCivilStatusForm,
    AskExemptionForm,
    AskHomeroomForm,
    AskInheritedForm,
    AskMonthsForm,
    AskRevocationForm,
    AskScoresForm,
    AskSummerForm,
)
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


# --- asking -------------------------------------------------------------------------------------------------------------


@corrections.get("/diem/<int:enrollment_id>")
@_asks
def ask_scores(enrollment_id: int) -> str:
    """The locked sheets of one pupil that this person may ask about."""
    return _score_form(enrollment_id)[0]


def _score_form(
    enrollment_id: int,
    form: AskScoresForm | None = None,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    message: str = "",
    moved: tuple[Any, ...] = (),
    status: int = 200,
) -> tuple[str, int]:
    view = correction_requests.score_form(current_actor(), enrollment_id, clock.now())
    return render_template(
        "corrections/ask_scores.html",
        view=view,
        form=form or AskScoresForm(formdata=None),
        typed=typed or {},
        errors=errors or {},
        message=message,
        moved=moved,
        chosen=request.args.get("bang", 0, type=int),
        cell=request.args.get("o", ""),
    ), status


@corrections.post("/diem/<int:enrollment_id>")
@_asks
def send_scores(enrollment_id: int) -> Any:
    """Send the request; only cells in which something was written are asked about."""
    form = AskScoresForm()
    typed, cells = _cells()
    return _asked(
        form,
        partial(_score_form, enrollment_id, form, typed=typed),
        lambda: correction_requests.ask_scores(
            current_actor(), enrollment_id, cells, form.reason.data or "", _uploads(), clock.now()
        ),
    )


def _cells() -> tuple[dict[str, str], dict[tuple[int, str], Wanted]]:
    """What was typed in each cell of the form, and the cells in which something was."""
    cells: dict[tuple[int, str], Wanted] = {}
    typed = {name.removeprefix("c-"): raw for name, raw in request.form.items() if name.startswith("c-")}
    for place, raw in typed.items():
        sheet_id, _, key = place.partition("-")
        if raw.strip() and sheet_id.isascii() and sheet_id.isdigit() and len(sheet_id) < 10:
            cells[int(sheet_id), key] = Wanted(raw, request.form.get(f"v-{place}", 0, type=int))
    return typed, cells


@corrections.get("/chu-nhiem/<int:enrollment_id>")
@requires(P.CORRECTION_ASK)
def ask_homeroom(enrollment_id: int) -> str:
    """The homeroom part of one pupil of an approved class."""
    return _homeroom_form(enrollment_id)[0]


def _homeroom_form(
    enrollment_id: int,
    form: AskScoresForm | None = None,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    message: str = "",
    moved: tuple[Any, ...] = (),
    status: int = 200,
) -> tuple[str, int]:
    enrollment, present = correction_requests.homeroom_form(current_actor(), enrollment_id, clock.now())
    return render_template(
        "corrections/ask_homeroom.html",
        enrollment=enrollment,
        present=present,
        words=HOMEROOM_WORDS,
        levels=labels.TABLES["level_name"],
        limits=homeroom.TEXT_LIMITS,
        sums=[name for _id, name in summed_fields([enrollment_id])],
        form=form or AskHomeroomForm(formdata=None),
        typed=typed or {},
        errors=errors or {},
        message=message,
        moved=moved,
    ), status


@corrections.post("/chu-nhiem/<int:enrollment_id>")
@requires(P.CORRECTION_ASK)
def send_homeroom(enrollment_id: int) -> Any:
    """Send the request; a field that says what it said before is left out."""
    form = AskHomeroomForm()
    typed, seen, raw = _fields()
    correction_requests.homeroom_form(current_actor(), enrollment_id, clock.now())
    return _asked(
        form,
        partial(_homeroom_form, enrollment_id, form, typed=typed),
        lambda: correction_requests.ask_homeroom(
            current_actor(), enrollment_id, raw, seen, form.reason.data or "", _uploads(), clock.now()
        ),
    )


@corrections.get("/nghi-theo-thang/<int:enrollment_id>")
@requires(P.CORRECTION_ASK)
def ask_months(enrollment_id: int) -> str:
    """The months of absences of one pupil of an approved class."""
    return _month_form(enrollment_id)[0]


def _month_form(
    enrollment_id: int,
    form: AskMonthsForm | None = None,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    message: str = "",
    moved: tuple[Any, ...] = (),
    status: int = 200,
) -> tuple[str, int]:
    return render_template(
        "corrections/ask_months.html",
        page=correction_month_requests.form(current_actor(), enrollment_id, clock.now()),
        kinds=KINDS,
        kind_words=KIND_WORDS,
        form=form or AskMonthsForm(formdata=None),
        typed=typed or {},
        errors=errors or {},
        message=message,
        moved=moved,
    ), status


@corrections.post("/nghi-theo-thang/<int:enrollment_id>")
@requires(P.CORRECTION_ASK)
def send_months(enrollment_id: int) -> Any:
    """Send the request; a month that says what it said before is left out."""
    form = AskMonthsForm()
    typed, seen, raw = _fields()
    correction_month_requests.form(current_actor(), enrollment_id, clock.now())
    return _asked(
        form,
        partial(_month_form, enrollment_id, form, typed=typed),
        lambda: correction_month_requests.ask(
            current_actor(), enrollment_id, raw, seen, form.reason.data or "", _uploads(), clock.now()
        ),
    )


@corrections.get("/trong-he/<int:enrollment_id>/<int:subject_id>")
@requires(P.CORRECTION_ASK)
def ask_summer(enrollment_id: int, subject_id: int) -> str:
    """A result of the summer that was approved; subject 0 is conduct."""
    return _summer_form(enrollment_id, subject_id)[0]


def _summer_form(
    enrollment_id: int,
    subject_id: int,
    form: AskScoresForm | None = None,
    *,
    errors: Mapping[str, str] | None = None,
    message: str = "",
    moved: tuple[Any, ...] = (),
    status: int = 200,
) -> tuple[str, int]:
    found = summer_corrections.form(current_actor(), enrollment_id, subject_id or None, clock.now())
    return render_template(
        "corrections/ask_summer.html",
        found=found,
        entry=found.entry,
        levels=labels.TABLES["level_name"],
        form=form or AskSummerForm(formdata=None),
        typed=request.form if request.method == "POST" else {},
        errors=errors or {},
        message=message,
        moved=moved,
    ), status


@corrections.post("/trong-he/<int:enrollment_id>/<int:subject_id>")
@requires(P.CORRECTION_ASK)
def send_summer(enrollment_id: int, subject_id: int) -> Any:
    """Send the request."""
    form = AskSummerForm()
    summer_corrections.form(current_actor(), enrollment_id, subject_id or None, clock.now())
    said = Typed(
        request.form.get("value", ""),
        request.form.get("version", 0, type=int),
        request.form.get("absent") == "1",
        request.form.get("on", ""),
        request.form.get("paper", ""),
    )
    return _asked(
        form,
        partial(_summer_form, enrollment_id, subject_id, form),
        lambda: summer_corrections.ask(
            current_actor(), enrollment_id, subject_id or None, said, form.reason.data or "", _uploads(), clock.now()
        ),
    )


@corrections.get("/noi-chuyen-den/<int:enrollment_id>")
@requires(P.CORRECTION_ASK)
def ask_inherited(enrollment_id: int) -> str:
    """Semester I as an old school concluded it, of one pupil of an approved class."""
    return _inherited_form(enrollment_id)[0]


def _inherited_form(
    enrollment_id: int,
    form: AskInheritedForm | None = None,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    message: str = "",
    moved: tuple[Any, ...] = (),
    status: int = 200,
) -> tuple[str, int]:
    enrollment, choices = correction_year_requests.inherited_form(current_actor(), enrollment_id, clock.now())
    return render_template(
        "corrections/ask_inherited.html",
        enrollment=enrollment,
        choices=choices,
        form=form or AskInheritedForm(formdata=None),
        typed=typed or {},
        errors=errors or {},
        message=message,
        moved=moved,
    ), status


@corrections.post("/noi-chuyen-den/<int:enrollment_id>")
@requires(P.CORRECTION_ASK)
def send_inherited(enrollment_id: int) -> Any:
    """Send the request; a subject that says what it said before is left out."""
    form = AskInheritedForm()
    typed, seen, raw = _fields()
    correction_year_requests.inherited_form(current_actor(), enrollment_id, clock.now())
    return _asked(
        form,
        partial(_inherited_form, enrollment_id, form, typed=typed),
        lambda: correction_year_requests.ask_inherited(
            current_actor(),
            enrollment_id,
            raw,
            seen,
            form.reason.data or "",
            form.paper.data or "",
            _uploads(),
            clock.now(),
        ),
    )


@corrections.get("/mien-hoc/<int:enrollment_id>")
@requires(P.CORRECTION_ASK)
def ask_exemption(enrollment_id: int) -> str:
    """A subject to close for a pupil after its sheet was locked."""
    return _exemption_form(enrollment_id, AskExemptionForm(formdata=None))[0]


def _exemption_form(
    enrollment_id: int,
    form: AskExemptionForm,
    *,
    errors: Mapping[str, str] | None = None,
    message: str = "",
    moved: tuple[Any, ...] = (),
    status: int = 200,
) -> tuple[str, int]:
    view = correction_exemptions.exemption_form(current_actor(), enrollment_id, clock.now())
    form.subject.choices = list(view.subjects)
    return render_template(
        "corrections/ask_exemption.html",
        enrollment=view.enrollment,
        form=form,
        errors=errors or {},
        message=message,
        moved=moved,
    ), status


@corrections.post("/mien-hoc/<int:enrollment_id>")
@requires(P.CORRECTION_ASK)
def send_exemption(enrollment_id: int) -> Any:
    """Send the request to close a subject."""
    form = AskExemptionForm()
    correction_exemptions.exemption_form(current_actor(), enrollment_id, clock.now())
    return _asked(
        form,
        partial(_exemption_form, enrollment_id, form),
        lambda: correction_exemptions.ask_exemption(
            current_actor(),
            enrollment_id,
            form.subject.data,
            int(form.semester.data) if form.semester.data else None,
            form.reason.data or "",
            form.paper.data or "",
            _uploads(),
            clock.now(),
        ),
    )


@corrections.get("/thu-hoi-mien-hoc/<int:exemption_id>")
@requires(P.CORRECTION_ASK)
def ask_revocation(exemption_id: int) -> str:
    """An exemption to take back after lock, with the marks that then have to stand in the sheets."""
    return _revocation_form(exemption_id)[0]


def _revocation_form(
    exemption_id: int,
    form: AskRevocationForm | None = None,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    message: str = "",
    moved: tuple[Any, ...] = (),
    status: int = 200,
) -> tuple[str, int]:
    view = correction_exemptions.revocation_form(current_actor(), exemption_id, clock.now())
    return render_template(
        "corrections/ask_revocation.html",
        view=view,
        form=form or AskRevocationForm(formdata=None),
        typed=typed or {},
        errors=errors or {},
        message=message,
        moved=moved,
    ), status


@corrections.post("/thu-hoi-mien-hoc/<int:exemption_id>")
@requires(P.CORRECTION_ASK)
def send_revocation(exemption_id: int) -> Any:
    """Send the request to take an exemption back."""
    form = AskRevocationForm()
    view = correction_exemptions.revocation_form(current_actor(), exemption_id, clock.now())
    typed, cells = _cells()
    old_school = request.form.get(f"f-{view.inherited.field}", "") if view.inherited else ""
    if view.inherited:
        typed[view.inherited.field] = old_school
    return _asked(
        form,
        partial(_revocation_form, exemption_id, form, typed=typed),
        lambda: correction_exemptions.ask_revocation(
            current_actor(),
            exemption_id,
            cells,
            old_school,
            form.reason.data or "",
            form.paper.data or "",
            _uploads(),
            clock.now(),
        ),
    )


def _asked(form: FlaskForm, shown: Callable[..., tuple[str, int]], ask: Callable[[], Any]) -> Any:
    """Send what was filled in, or show the form again with what was wrong. What is not this person's stays not found."""
    if not form.validate():
        return shown(status=422)
    try:
        made = ask()
    except NotFound:
        raise
    except DomainError as refusal:
        return shown(**_why_not(refusal))
    note("Đã gửi đề nghị. Chưa có gì thay đổi cho đến khi được duyệt.")
    return go(url_for(".show", request_id=made.id))


def _why_not(refusal: DomainError) -> dict[str, Any]:
    """What a form of asking shows of a refusal: at its field, as what moved meanwhile, or as a sentence."""
    shown: dict[str, Any] = {"message": refusal.message, "status": status_of(refusal)}
    if isinstance(refusal, Invalid) and refusal.field:
        shown["errors"] = {refusal.field: refusal.message}
    if isinstance(refusal, Stale) and isinstance(refusal.current, tuple):
        shown["moved"] = refusal.current
    return shown


def _fields() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """What was typed in each field, what stood there, and those typed ones that differ."""
    typed = {name.removeprefix("f-"): raw for name, raw in request.form.items() if name.startswith("f-")}
    seen = {
        name.removeprefix("s-"): raw.replace("\r\n", "\n")
        for name, raw in request.form.items()
        if name.startswith("s-")
    }
    differing = {
        name: raw for name, raw in typed.items() if " ".join(raw.split()) != " ".join(seen.get(name, "").split())
    }
    return typed, seen, differing


@corrections.get("/ho-so/<int:student_id>")
@_asks
def ask_civil_status(student_id: int) -> str:
    """Civil-status data of one pupil."""
    return _civil_form(student_id)[0]


def _civil_form(
    student_id: int,
    form: AskCivilStatusForm | None = None,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    message: str = "",
    moved: tuple[Any, ...] = (),
    status: int = 200,
) -> tuple[str, int]:
    found = students.profile(current_actor(), student_id)
    if not found.editable:
        raise NotFound(NO_PUPIL)
    present = {name: shown_field(name, found.values[name]) for name in student_fields.FIELDS if name in CIVIL_FIELDS}
    return render_template(
        "corrections/ask_civil_status.html",
        found=found,
        present=present,
        words=student_fields.FIELD_WORDS,
        past_years=study_history.text_of(study_history.past_years(current_actor(), student_id)),
        form=form or AskCivilStatusForm(formdata=None),
        typed=typed or {},
        errors=errors or {},
        message=message,
        moved=moved,
    ), status


@corrections.post("/ho-so/<int:student_id>")
@_asks
def send_civil_status(student_id: int) -> Any:
    """Send the request; a field that says what it said before is left out."""
    form = AskCivilStatusForm()
    typed, seen, raw = _fields()
    students.profile(current_actor(), student_id)
    return _asked(
        form,
        partial(_civil_form, student_id, form, typed=typed),
        lambda: correction_requests.ask_civil_status(
            current_actor(),
            student_id,
            raw,
            seen,
            form.reason.data or "",
            form.paper.data or "",
            _uploads(),
            clock.now(),
        ),
    )


def _uploads() -> list[Upload]:
    return [Upload(one.filename or "", one.read()) for one in request.files.getlist("files") if one.filename]


# --- one request --------------------------------------------------------------------------------------------------------


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
            correction_requests.resend(actor, request_id, words, _uploads(), expected_version=version, now=now)
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
