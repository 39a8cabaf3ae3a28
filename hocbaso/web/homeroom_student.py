"""One student of the homeroom class: every field, the results with their reasons, exemptions and decisions."""

from __future__ import annotations

from collections.abc import Mapping

from flask import flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid, NotFound
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.terms import Level
from hocbaso.services import (
    class_page,
    correction_exemptions,
    correction_homeroom_requests,
    correction_month_requests,
    correction_score_requests,
    correction_view,
    correction_year_requests,
    decisions,
    exemption_revocations,
    exemptions,
    inherited_results,
)
from hocbaso.services import students as profiles
from hocbaso.services.evaluation import TERMS, decision_counts
from hocbaso.web import labels
from hocbaso.web.forms.homeroom import (
    DecisionForm,
    ExemptionDecisionForm,
    ExemptionForm,
)
from hocbaso.web.homeroom import LEVEL_CHOICES, classes, words
from hocbaso.web.htmx import go
from hocbaso.web.remark_phrases import picker
from hocbaso.web.security import confirm_recent, current_actor, requires


@classes.get("/<int:class_group_id>/hoc-sinh/<int:enrollment_id>")
@requires(P.CLASS_READ)
def student(class_group_id: int, enrollment_id: int) -> str:
    """One student: every field, the results with their reasons, exemptions and decisions."""
    return student_page(class_group_id, enrollment_id)[0]


def student_page(
    class_group_id: int,
    enrollment_id: int,
    *,
    exemption_form: ExemptionForm | None = None,
    decision_form: DecisionForm | None = None,
    inherited_typed: Mapping[str, str] | None = None,
    inherited_wrong: tuple[str, str] = ("", ""),
    message: str | None = None,
    status: int = 200,
) -> tuple[str, int]:
    """The page, with what was typed and refused in one of its forms."""
    actor = current_actor()
    page = class_page.class_page(actor, class_group_id, clock.now())
    at = next((index for index, row in enumerate(page.rows) if row.enrollment_id == enrollment_id), None)
    if at is None:
        raise NotFound("Không có học sinh này trong lớp.")
    row = page.rows[at]
    found = page.results.by_id[enrollment_id]
    exemption_form = exemption_form or ExemptionForm(formdata=None)
    exemption_form.subject.choices = [(subject.subject_id, subject.name) for subject in page.subjects]
    result = found.result
    asked = [
        (
            "learning_level",
            term,
            [(level, labels.LEVELS[Level(level)]) for level in result.review_levels[index]],
            decisions.seal(result.bases[index]),
        )
        for index, term in enumerate(TERMS)
        if result.review_levels[index]
    ]
    if result.may_decide:
        asked.append(
            (
                "promotion",
                "year",
                [(one.value, labels.PROMOTIONS[one]) for one in decisions.promotion_outcomes(page.results.grade_level)],
                decisions.seal(result.promotion_basis),
            )
        )
    pasts = exemption_revocations.of_enrollment(actor, enrollment_id)
    return render_template(
        "homeroom/student.html",
        opens_profile=profiles.opens_profile(current_actor(), row.student_id),
        page=page,
        row=row,
        found=found,
        levels=LEVEL_CHOICES,
        before=page.rows[at - 1] if at else None,
        after=page.rows[at + 1] if at + 1 < len(page.rows) else None,
        exemptions=pasts,
        asks_revocation={
            past.exemption.id: correction_exemptions.asks_revocation(actor, past.exemption.id, clock.now())
            for past in pasts
            if past.exemption.state == "GRANTED" and not past.may_ask
        },
        revocation_words=exemption_revocations.STATE_WORDS,
        exemption_form=exemption_form,
        decided=decisions.decisions_of(enrollment_id),
        counting={one.id for one in found.given.decisions if decision_counts(result, one.kind, one.term)},
        asked=asked if page.can_decide else [],
        decision_form=decision_form or DecisionForm(formdata=None),
        term_words=decisions.TERM_WORDS,
        state_words=exemptions.STATE_WORDS,
        message=message,
        corrections=correction_view.of_student(actor, row.student_id, page.today),
        asks_homeroom=correction_homeroom_requests.asks_homeroom(actor, enrollment_id, clock.now()),
        asks_months=correction_month_requests.asks_months(actor, enrollment_id, clock.now()),
        asks_inherited=correction_year_requests.asks_inherited(actor, enrollment_id, clock.now()),
        asks_exemption=correction_exemptions.asks_exemption(actor, enrollment_id, clock.now()),
        asks=correction_score_requests.asks_about(actor, enrollment_id, clock.now()),
        inherited=inherited_results.read(actor, enrollment_id),
        inherited_typed=inherited_typed or {},
        inherited_wrong=inherited_wrong,
        inherited_words=inherited_results.STATE_WORDS,
        ruling_form=ExemptionDecisionForm(formdata=None),
        **(picker(actor, None, None) if page.can_edit else {}),
        **words(),
    ), status


@classes.post("/<int:class_group_id>/hoc-sinh/<int:enrollment_id>/mien-hoc")
@requires(P.EXEMPTION_PROPOSE)
def propose(class_group_id: int, enrollment_id: int) -> BaseResponse | tuple[str, int]:
    """Propose an exemption."""
    form = ExemptionForm()
    form.subject.validate_choice = False
    if not form.validate():
        return student_page(class_group_id, enrollment_id, exemption_form=form, status=422)
    line = exemptions.propose(
        current_actor(),
        enrollment_id,
        form.subject.data,
        int(form.semester.data) if form.semester.data else None,
        form.reason.data or "",
        document=form.document.data,
        now=clock.now(),
    )
    flash(f"Đã gửi đề nghị: {line.words}, {line.student_name}. Hiệu trưởng sẽ quyết định.", "done")
    return go(url_for(".student", class_group_id=class_group_id, enrollment_id=enrollment_id))


@classes.post("/<int:class_group_id>/mien-hoc/<int:exemption_id>")
@requires(P.EXEMPTION_DECIDE)
def rule(class_group_id: int, exemption_id: int) -> BaseResponse:
    """Grant or refuse an exemption."""
    form = ExemptionDecisionForm()
    if not form.validate():
        raise Invalid(" ".join(message for errors in form.errors.values() for message in errors))
    line = exemptions.decide(
        current_actor(), exemption_id, form.outcome.data == "1", document=form.document.data, now=clock.now()
    )
    flash(f"{line.words}, {line.student_name}: {exemptions.STATE_WORDS[line.state]}.", "done")
    return go(
        url_for("daily.show")
        if request.form.get("ve") == "hom-nay"
        else url_for(".student", class_group_id=class_group_id, enrollment_id=line.enrollment_id)
    )


@classes.post("/<int:class_group_id>/mien-hoc/<int:exemption_id>/thu-hoi")
@requires(P.EXEMPTION_REVOKE)
def ask_revocation(class_group_id: int, exemption_id: int) -> BaseResponse:
    """Ask that an exemption be taken back: from the pupil's results, or from the profile (the office sees no results)."""
    asked = exemption_revocations.propose(
        current_actor(), exemption_id, request.form.get("reason", ""), now=clock.now()
    )
    flash(f"Đã gửi đề nghị thu hồi: {asked.exemption.words}. Chưa có gì thay đổi cho đến khi có quyết định.", "done")
    profile_id = request.form.get("ho-so", type=int)
    if profile_id is not None:
        return go(url_for("students.show", student_id=profile_id, _anchor="mien-hoc"))
    return go(
        url_for(
            ".student",
            class_group_id=class_group_id,
            enrollment_id=asked.exemption.enrollment_id,
            _anchor="mien-hoc",
        )
    )


@classes.post("/<int:class_group_id>/mien-hoc/thu-hoi/<int:revocation_id>")
@requires(P.EXEMPTION_DECIDE)
def decide_revocation(class_group_id: int, revocation_id: int) -> BaseResponse:
    """Take the exemption back, or leave it."""
    done = exemption_revocations.decide(
        current_actor(),
        revocation_id,
        request.form.get("outcome") == "1",
        note=request.form.get("note", ""),
        now=clock.now(),
    )
    flash(
        f"{done.exemption.words}, {done.exemption.student_name}: {exemption_revocations.STATE_WORDS[done.state]}.",
        "done",
    )
    return go(
        url_for(
            ".student", class_group_id=class_group_id, enrollment_id=done.exemption.enrollment_id, _anchor="mien-hoc"
        )
    )


@classes.post("/<int:class_group_id>/hoc-sinh/<int:enrollment_id>/quyet-dinh")
@requires(P.DECISION_RECORD)
def decide(class_group_id: int, enrollment_id: int) -> BaseResponse | tuple[str, int]:
    """Record a decision of the principal."""
    form = DecisionForm()
    if not form.validate():
        return student_page(
            class_group_id,
            enrollment_id,
            decision_form=form,
            status=422,
            message=" ".join(message for errors in form.errors.values() for message in errors),
        )
    confirm_recent(current_actor())
    decisions.record_decision(
        current_actor(),
        enrollment_id,
        form.kind.data or "",
        form.outcome.data or "",
        form.reason.data or "",
        term=form.term.data or "year",
        document=form.document.data,
        seen=form.seen.data or "",
        now=clock.now(),
    )
    flash("Đã ghi quyết định.", "done")
    return go(url_for(".student", class_group_id=class_group_id, enrollment_id=enrollment_id))
