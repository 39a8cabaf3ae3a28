"""Asking for a correction: a form to each kind of request, sent to the service of its kind.

What differs between the kinds stands in :data:`KINDS`; how a form is shown, sent and shown again is said once. On the blueprint of
``corrections``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template, request, url_for

from hocbaso import clock
from hocbaso.errors import DomainError, Invalid, NotFound, Stale
from hocbaso.regulations.attendance_months import KINDS as KINDS_OF_ABSENCE
from hocbaso.regulations.correction_impact import HOMEROOM_WORDS
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import (
    correction_civil_requests,
    correction_exemptions,
    correction_homeroom_requests,
    correction_month_requests,
    correction_score_requests,
    correction_year_requests,
    homeroom,
    student_fields,
    students,
    study_history,
    summer_corrections,
)
from hocbaso.services.access import NO_PUPIL, Actor
from hocbaso.services.civil_status import CIVIL_FIELDS
from hocbaso.services.correction_items import shown_field
from hocbaso.services.correction_score_requests import Cell, Wanted
from hocbaso.services.month_absences import KIND_WORDS
from hocbaso.services.month_totals import summed_fields
from hocbaso.services.summer_results import Typed
from hocbaso.web import labels
from hocbaso.web.corrections import corrections, uploads_of_form
from hocbaso.web.errors import status_of
from hocbaso.web.forms.corrections import (
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
from hocbaso.web.security import current_actor, note, requires

Shown = dict[str, Any]
"""What a template shows beside the form."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as it was sent.

    ``page``: what stood beside it; ``typed``: what was written, by cell (``<sheet>-<column>``) or field; ``cells``: those in which
    something was; ``seen``: what stood in each field; ``differing``: the fields that now say something else.
    """

    form: Any
    page: Shown
    typed: dict[str, str]
    cells: dict[Cell, Wanted]
    seen: dict[str, str]
    differing: dict[str, str]

    @property
    def grounds(self) -> tuple[Any, ...]:
        """How each call that asks ends: the reason, the paper where the form has one, the evidence, the instant."""
        papers = (self.form.paper.data or "",) if "paper" in self.form else ()
        return (self.form.reason.data or "", *papers, uploads_of_form(), clock.now())


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request. The numbers of ``path`` follow the first argument of ``page`` and ``ask``.

    ``page`` (the form, …): what the template shows, NotFound for whom it is not; ``says``: what of the form the call is about;
    ``ask`` (the actor, …, what ``says`` gave, the grounds): the call that sends.
    """

    path: str
    form: type[AskScoresForm]
    page: Callable[..., Shown]
    says: Callable[[Sent], tuple[Any, ...]]
    ask: Callable[..., Any]


# --- what stands beside the form -----------------------------------------------------------------------------------------


def _scores(_form: AskScoresForm, enrollment_id: int) -> Shown:
    """The locked sheets of one pupil that this person may ask about."""
    return {
        "view": correction_score_requests.score_form(current_actor(), enrollment_id, clock.now()),
        "chosen": request.args.get("bang", 0, type=int),
        "cell": request.args.get("o", ""),
    }


def _homeroom(_form: AskScoresForm, enrollment_id: int) -> Shown:
    """The homeroom part of one pupil of an approved class."""
    enrollment, present = correction_homeroom_requests.homeroom_form(current_actor(), enrollment_id, clock.now())
    return {
        "enrollment": enrollment,
        "present": present,
        "words": HOMEROOM_WORDS,
        "levels": labels.TABLES["level_name"],
        "limits": homeroom.TEXT_LIMITS,
        "sums": [name for _id, name in summed_fields([enrollment_id])],
    }


def _months(_form: AskScoresForm, enrollment_id: int) -> Shown:
    """The months of absences of one pupil of an approved class."""
    return {
        "page": correction_month_requests.form(current_actor(), enrollment_id, clock.now()),
        "kinds": KINDS_OF_ABSENCE,
        "kind_words": KIND_WORDS,
    }


def _summer(_form: AskScoresForm, enrollment_id: int, subject_id: int) -> Shown:
    """A result of the summer that was approved; subject 0 is conduct."""
    found = summer_corrections.form(current_actor(), enrollment_id, subject_id or None, clock.now())
    return {
        "found": found,
        "entry": found.entry,
        "levels": labels.TABLES["level_name"],
        "typed": request.form if request.method == "POST" else {},
    }


def _inherited(_form: AskScoresForm, enrollment_id: int) -> Shown:
    """Semester I as an old school concluded it, of one pupil of an approved class."""
    enrollment, choices = correction_year_requests.inherited_form(current_actor(), enrollment_id, clock.now())
    return {"enrollment": enrollment, "choices": choices}


def _exemption(form: AskExemptionForm, enrollment_id: int) -> Shown:
    """A subject to close for a pupil after its sheet was locked."""
    view = correction_exemptions.exemption_form(current_actor(), enrollment_id, clock.now())
    form.subject.choices = list(view.subjects)
    return {"enrollment": view.enrollment}


def _revocation(_form: AskScoresForm, exemption_id: int) -> Shown:
    """An exemption to take back after lock, with the marks that then have to stand in the sheets."""
    return {"view": correction_exemptions.revocation_form(current_actor(), exemption_id, clock.now())}


def _civil_status(_form: AskScoresForm, student_id: int) -> Shown:
    """Civil-status data of one pupil."""
    found = students.profile(current_actor(), student_id)
    if not found.editable:
        raise NotFound(NO_PUPIL)
    return {
        "found": found,
        "present": {
            name: shown_field(name, found.values[name]) for name in student_fields.FIELDS if name in CIVIL_FIELDS
        },
        "words": student_fields.FIELD_WORDS,
        "past_years": study_history.text_of(study_history.past_years(current_actor(), student_id)),
    }


# --- what is asked -------------------------------------------------------------------------------------------------------


def _cells(sent: Sent) -> tuple[Any, ...]:
    return (sent.cells,)


def _fields(sent: Sent) -> tuple[Any, ...]:
    return sent.differing, sent.seen


def _summer_result(_sent: Sent) -> tuple[Any, ...]:
    return (
        Typed(
            request.form.get("value", ""),
            request.form.get("version", 0, type=int),
            request.form.get("absent") == "1",
            request.form.get("on", ""),
            request.form.get("paper", ""),
        ),
    )


def _exempt_subject(sent: Sent) -> tuple[Any, ...]:
    semester = sent.form.semester.data
    return sent.form.subject.data, int(semester) if semester else None


def _marks_again(sent: Sent) -> tuple[Any, ...]:
    inherited = sent.page["view"].inherited
    return sent.cells, sent.typed.get(inherited.field, "") if inherited else ""


def _ask_summer(actor: Actor, enrollment_id: int, subject_id: int, *said: Any) -> Any:
    return summer_corrections.ask(actor, enrollment_id, subject_id or None, *said)


KINDS: dict[str, Kind] = {
    "scores": Kind("/diem/<int:enrollment_id>", AskScoresForm, _scores, _cells, correction_score_requests.ask_scores),
    "homeroom": Kind(
        "/chu-nhiem/<int:enrollment_id>", AskHomeroomForm, _homeroom, _fields, correction_homeroom_requests.ask_homeroom
    ),
    "months": Kind(
        "/nghi-theo-thang/<int:enrollment_id>", AskMonthsForm, _months, _fields, correction_month_requests.ask
    ),
    "summer": Kind(
        "/trong-he/<int:enrollment_id>/<int:subject_id>", AskSummerForm, _summer, _summer_result, _ask_summer
    ),
    "inherited": Kind(
        "/noi-chuyen-den/<int:enrollment_id>",
        AskInheritedForm,
        _inherited,
        _fields,
        correction_year_requests.ask_inherited,
    ),
    "exemption": Kind(
        "/mien-hoc/<int:enrollment_id>",
        AskExemptionForm,
        _exemption,
        _exempt_subject,
        correction_exemptions.ask_exemption,
    ),
    "revocation": Kind(
        "/thu-hoi-mien-hoc/<int:exemption_id>",
        AskRevocationForm,
        _revocation,
        _marks_again,
        correction_exemptions.ask_revocation,
    ),
    "civil_status": Kind(
        "/ho-so/<int:student_id>",
        AskCivilStatusForm,
        _civil_status,
        _fields,
        correction_civil_requests.ask_civil_status,
    ),
}
"""By the name that the routes (``ask_<name>``, ``send_<name>``) and the template (``corrections/ask_<name>.html``) bear."""


# --- shown, sent, shown again --------------------------------------------------------------------------------------------


def _rendered(
    name: str,
    form: AskScoresForm,
    page: Shown,
    *,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    message: str = "",
    moved: tuple[Any, ...] = (),
) -> str:
    beside = {"typed": typed or {}, "errors": errors or {}, "message": message, "moved": moved, **page}
    return render_template(f"corrections/ask_{name}.html", form=form, **beside)


def _sent(form: AskScoresForm, page: Shown) -> Sent:
    cells, fields = _written("c-"), _written("f-")
    seen = {name: raw.replace("\r\n", "\n") for name, raw in _written("s-").items()}
    differing = {
        name: raw for name, raw in fields.items() if " ".join(raw.split()) != " ".join(seen.get(name, "").split())
    }
    return Sent(form, page, {**cells, **fields}, _wanted(cells), seen, differing)


def _written(prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): raw for name, raw in request.form.items() if name.startswith(prefix)}


def _wanted(written: Mapping[str, str]) -> dict[Cell, Wanted]:
    found: dict[Cell, Wanted] = {}
    for place, raw in written.items():
        sheet_id, _, key = place.partition("-")
        if raw.strip() and sheet_id.isascii() and sheet_id.isdigit() and len(sheet_id) < 10:
            found[int(sheet_id), key] = Wanted(raw, request.form.get(f"v-{place}", 0, type=int))
    return found


def _why_not(refusal: DomainError) -> dict[str, Any]:
    """What a form shows of a refusal: at its field, as what moved meanwhile, or as a sentence."""
    shown: dict[str, Any] = {"message": refusal.message}
    if isinstance(refusal, Invalid) and refusal.field:
        shown["errors"] = {refusal.field: refusal.message}
    if isinstance(refusal, Stale) and isinstance(refusal.current, tuple):
        shown["moved"] = refusal.current
    return shown


def _register(name: str, kind: Kind) -> None:
    """The two routes of a kind."""

    @requires(P.CORRECTION_ASK)
    def ask(**numbers: int) -> str:
        form = kind.form(formdata=None)
        return _rendered(name, form, kind.page(form, **numbers))

    @requires(P.CORRECTION_ASK)
    def send(**numbers: int) -> Any:
        form = kind.form()
        sent = _sent(form, kind.page(form, **numbers))  # NotFound before a file is looked at
        if not form.validate():
            return _rendered(name, form, sent.page, typed=sent.typed), 422
        try:
            made = kind.ask(current_actor(), *numbers.values(), *kind.says(sent), *sent.grounds)
        except NotFound:
            raise
        except DomainError as refusal:  # what stands there may be another meanwhile
            again = kind.page(form, **numbers)
            return _rendered(name, form, again, typed=sent.typed, **_why_not(refusal)), status_of(refusal)
        note("Đã gửi đề nghị. Chưa có gì thay đổi cho đến khi được duyệt.")
        return go(url_for(".show", request_id=made.id))

    corrections.add_url_rule(kind.path, f"ask_{name}", ask)
    corrections.add_url_rule(kind.path, f"send_{name}", send, methods=["POST"])


for _name, _kind in KINDS.items():
    _register(_name, _kind)
