"""The homeroom class: the year's matrix, each field saved alone, lists for the summer, finalising and approving."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Incomplete, Invalid, NotFound, Stale
from hocbaso.regulations.class_flow import ClassParty, ClassState
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.terms import Level
from hocbaso.services import class_approval, class_moves, class_page, decisions, exemptions, homeroom
from hocbaso.services.access import class_for
from hocbaso.services.class_page import ClassPage, ClassRow
from hocbaso.web import labels
from hocbaso.web.forms.homeroom import (
    ClassMoveForm,
    DecisionForm,
    ExemptionDecisionForm,
    ExemptionForm,
    FieldForm,
)
from hocbaso.web.htmx import answer, go, is_fragment
from hocbaso.web.security import confirm_recent, current_actor, requires

classes = Blueprint("homeroom", __name__, url_prefix="/lop")

FILTERS = {"thieu": "còn thiếu", "nang-muc": "được nâng mức", "xem-xet": "cần xem xét"}
LEVEL_CHOICES = tuple((level.value, labels.LEVELS[level]) for level in Level)
STEP_WORDS = {"finalise": "chốt tổng kết", "reopen": "mở lại", "return": "trả lại", "approve": "duyệt"}


@classes.get("/")
@requires(P.CLASS_READ)
def index() -> str | BaseResponse:
    """The classes of this person; straight in where there is only one."""
    found = class_page.my_classes(current_actor())
    own = [row for row in found if row.id in current_actor().homeroom]
    if len(found) == 1:
        return go(url_for(".show", class_group_id=found[0].id))
    return render_template("homeroom/index.html", own=own, others=[row for row in found if row not in own])


@classes.get("/<int:class_group_id>")
@requires(P.CLASS_READ)
def show(class_group_id: int) -> str:
    """The matrix of one class."""
    term = {"1": 1, "2": 2}.get(request.args.get("ki", ""), 0)
    page = class_page.class_page(current_actor(), class_group_id, clock.now(), term=term)
    chosen = request.args.get("loc", "")
    rows = _filtered(page, chosen if chosen in FILTERS else "")
    return render_template(
        "homeroom/page.html",
        page=page,
        rows=rows,
        chosen=chosen,
        filters=FILTERS,
        levels=LEVEL_CHOICES,
        first_gap=next((gap for gap in page.gaps if gap.kind == "field"), None),
        form=ClassMoveForm(version=page.results.version),
        **_words(),
    )


def _words() -> dict[str, Any]:
    return {
        "field_words": homeroom.FIELD_WORDS,
        "absence_fields": homeroom.ABSENCE_FIELDS,
        "conduct_fields": homeroom.CONDUCT_FIELDS,
        "step_words": STEP_WORDS,
    }


def _filtered(page: ClassPage, chosen: str) -> tuple[ClassRow, ...]:
    if chosen == "thieu":
        return tuple(row for row in page.rows if any(field.is_gap for field in row.fields.values()))
    if chosen == "nang-muc":
        return tuple(row for row in page.rows if row.adjusted)
    if chosen == "xem-xet":
        return tuple(row for row in page.rows if row.needs_review or row in page.to_decide)
    return page.rows


@classes.get("/<int:class_group_id>/danh-sach")
@requires(P.CLASS_READ)
def lists(class_group_id: int) -> str:
    """What is still missing, the lists of the year's end, what happened to the class, and the acts upon it."""
    return _lists(class_group_id)


def _lists(class_group_id: int, message: str | None = None) -> str:
    actor = current_actor()
    page = class_page.class_page(actor, class_group_id, clock.now())
    form = ClassMoveForm(formdata=None, version=page.results.version, remark=class_approval.DEFAULT_REMARK)
    return render_template(
        "homeroom/lists.html", page=page, form=form, message=message, can_approve=_can_approve(page), **_words()
    )


def _can_approve(page: ClassPage) -> bool:
    """Whether the person before the screen approves this class now."""
    actor = current_actor()
    class_group = next((row for row in class_page.my_classes(actor) if row.id == page.results.class_group_id), None)
    return (
        class_group is not None
        and page.state is ClassState.FINALISED
        and ClassParty.APPROVER in class_moves.parties_of(actor, class_group)
    )


@classes.post("/<int:class_group_id>/o/<int:enrollment_id>")
@requires(P.CLASS_KEEP)
def save(class_group_id: int, enrollment_id: int) -> BaseResponse | tuple[str, int]:
    """Save one field: the field, the year's conduct and the number of gaps come back, each with its own id."""
    form = FieldForm(request.form)
    if not form.ok or form.value is None:
        raise Invalid("Máy chưa gửi đủ phần của mục này. Chữ đã gõ vẫn còn; xin tải lại trang.")
    try:
        saved = homeroom.save_field(
            current_actor(),
            enrollment_id,
            form.field,
            form.value,
            expected_version=form.version,
            op_id=form.op,
            now=clock.now(),
        )
    except Stale as stale:
        if not is_fragment() or stale.current is None:
            raise
        body = render_template(
            "homeroom/_clash.html",
            standing=stale.current,
            message=stale.message,
            class_group_id=class_group_id,
            levels=LEVEL_CHOICES,
            **_words(),
        )
        return answer(body, 409, retarget="#notices", reswap="beforeend")
    if not is_fragment():
        return go(url_for(".show", class_group_id=class_group_id, _anchor=f"o-{enrollment_id}-{form.field}"))
    return render_template(
        "homeroom/_saved.html",
        saved=saved,
        field=saved.field,
        enrollment_id=enrollment_id,
        full_name=saved.student_name,
        class_group_id=class_group_id,
        can_edit=True,
        levels=LEVEL_CHOICES,
        **_words(),
    ), 200


@classes.post("/<int:class_group_id>/luu")
@requires(P.CLASS_KEEP)
def save_form(class_group_id: int) -> BaseResponse:
    """Save the matrix, or one student's page, as a plain form: browsers without script. One outcome a field."""
    actor, now = current_actor(), clock.now()
    class_for(actor, class_group_id, P.CLASS_KEEP)
    n_written, refusals = 0, []
    for name, raw in request.form.items():
        left, _, field = name.partition("-")
        if not (left.isascii() and left.isdigit() and field in homeroom.FIELDS):
            continue
        if raw == request.form.get(f"cu-{name}"):
            continue
        seen = request.form.get(f"v-{left}", "0")
        try:
            saved = homeroom.save_field(
                actor,
                int(left),
                field,
                raw,
                op_id=None,
                now=now,
                expected_version=int(seen) if seen.isascii() and seen.isdigit() else 0,
            )
            n_written += saved.written
        except (Invalid, Stale) as refusal:
            refusals.append(refusal.message)
    if n_written:
        flash(f"Đã lưu {n_written} mục.", "done")
    for message in dict.fromkeys(refusals):
        flash(message, "wrong")
    if not n_written and not refusals:
        flash("Không có mục nào thay đổi.", "done")
    student = request.form.get("hoc-sinh", "")
    if student.isascii() and student.isdigit():
        return go(url_for(".student", class_group_id=class_group_id, enrollment_id=int(student)))
    return go(url_for(".show", class_group_id=class_group_id))


# --- one student ------------------------------------------------------------------------------------------------------


@classes.get("/<int:class_group_id>/hoc-sinh/<int:enrollment_id>")
@requires(P.CLASS_READ)
def student(class_group_id: int, enrollment_id: int) -> str:
    """One student: every field, the results with their reasons, exemptions and decisions."""
    return _student(class_group_id, enrollment_id)[0]


def _student(
    class_group_id: int,
    enrollment_id: int,
    *,
    exemption_form: ExemptionForm | None = None,
    decision_form: DecisionForm | None = None,
    message: str | None = None,
    status: int = 200,
) -> tuple[str, int]:
    actor = current_actor()
    page = class_page.class_page(actor, class_group_id, clock.now())
    at = next((index for index, row in enumerate(page.rows) if row.enrollment_id == enrollment_id), None)
    if at is None:
        raise NotFound("Không có học sinh này trong lớp.")
    row = page.rows[at]
    found = page.results.by_id[enrollment_id]
    exemption_form = exemption_form or ExemptionForm(formdata=None)
    exemption_form.subject.choices = [(subject.subject_id, subject.name) for subject in page.subjects]
    asked = [
        ("learning_level", term, [(level, labels.LEVELS[Level(level)]) for level in found.result.review_levels[index]])
        for index, term in enumerate(decisions.TERMS)
        if found.result.review_levels[index]
    ]
    if found.result.may_decide:
        asked.append(
            (
                "promotion",
                "year",
                [(one.value, labels.PROMOTIONS[one]) for one in decisions.promotion_outcomes(page.results.grade_level)],
            )
        )
    return render_template(
        "homeroom/student.html",
        page=page,
        row=row,
        found=found,
        levels=LEVEL_CHOICES,
        before=page.rows[at - 1] if at else None,
        after=page.rows[at + 1] if at + 1 < len(page.rows) else None,
        exemptions=exemptions.of_student(actor, enrollment_id),
        exemption_form=exemption_form,
        decided=decisions.decisions_of(enrollment_id),
        asked=asked if page.can_decide else [],
        decision_form=decision_form or DecisionForm(formdata=None),
        term_words=decisions.TERM_WORDS,
        state_words=exemptions.STATE_WORDS,
        message=message,
        may_rule=current_actor().may(P.EXEMPTION_DECIDE),
        ruling_form=ExemptionDecisionForm(formdata=None),
        **_words(),
    ), status


@classes.post("/<int:class_group_id>/hoc-sinh/<int:enrollment_id>/mien-hoc")
@requires(P.EXEMPTION_PROPOSE)
def propose(class_group_id: int, enrollment_id: int) -> BaseResponse | tuple[str, int]:
    """Propose an exemption."""
    form = ExemptionForm()
    form.subject.validate_choice = False
    if not form.validate():
        return _student(class_group_id, enrollment_id, exemption_form=form, status=422)
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


@classes.post("/<int:class_group_id>/hoc-sinh/<int:enrollment_id>/quyet-dinh")
@requires(P.DECISION_RECORD)
def decide(class_group_id: int, enrollment_id: int) -> BaseResponse | tuple[str, int]:
    """Record a decision of the principal."""
    form = DecisionForm()
    if not form.validate():
        return _student(
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
        now=clock.now(),
    )
    flash("Đã ghi quyết định.", "done")
    return go(url_for(".student", class_group_id=class_group_id, enrollment_id=enrollment_id))


# --- acts upon the class ----------------------------------------------------------------------------------------------


def _move_form() -> ClassMoveForm:
    form = ClassMoveForm()
    if not form.validate():
        raise Invalid(
            " ".join(message for errors in form.errors.values() for message in errors)
            or "Biểu mẫu chưa đủ. Xin tải lại trang."
        )
    return form


@classes.post("/<int:class_group_id>/chot")
@requires(P.CLASS_FINALISE)
def finalise(class_group_id: int) -> BaseResponse | tuple[str, int]:
    """Finalise the class, or show what is missing."""
    form = _move_form()
    try:
        moved = class_moves.finalise(
            current_actor(), class_group_id, expected_version=form.version.data or 0, now=clock.now()
        )
    except Incomplete as incomplete:
        if is_fragment():
            raise
        return _lists(class_group_id, incomplete.message), 409
    flash(f"Đã chốt tổng kết lớp {moved.name}. Lớp chờ Hiệu trưởng duyệt.", "done")
    return go(url_for(".show", class_group_id=class_group_id))


@classes.post("/<int:class_group_id>/mo-lai")
@requires(P.CLASS_FINALISE)
def reopen(class_group_id: int) -> BaseResponse:
    """Take the class back before it is approved."""
    form = _move_form()
    moved = class_moves.reopen(
        current_actor(), class_group_id, expected_version=form.version.data or 0, now=clock.now(), note=form.note.data
    )
    flash(f"Đã mở lại lớp {moved.name}.", "done")
    return go(url_for(".show", class_group_id=class_group_id))


@classes.post("/<int:class_group_id>/duyet")
@requires(P.CLASS_APPROVE)
def approve(class_group_id: int) -> BaseResponse:
    """Approve the class and freeze its results."""
    form = _move_form()
    moved = class_approval.approve_class(
        current_actor(),
        class_group_id,
        expected_version=form.version.data or 0,
        now=clock.now(),
        remark=form.remark.data,
    )
    flash(f"Đã duyệt tổng kết lớp {moved.name}. Kết quả đã đóng băng, lập học bạ được.", "done")
    return go(url_for(".lists", class_group_id=class_group_id))


@classes.post("/<int:class_group_id>/tra-lai")
@requires(P.CLASS_APPROVE)
def send_back(class_group_id: int) -> BaseResponse:
    """Return the class with a reason."""
    form = _move_form()
    moved = class_approval.return_class(
        current_actor(), class_group_id, form.note.data or "", expected_version=form.version.data or 0, now=clock.now()
    )
    flash(f"Đã trả lại lớp {moved.name} kèm lời nhắn.", "done")
    return go(url_for(".lists", class_group_id=class_group_id))


SHORT = {
    "LIT": "Văn",
    "MATH": "Toán",
    "FL1": "Anh",
    "CIVICS": "CD",
    "HISTGEO": "SĐ",
    "SCI": "KHTN",
    "TECH": "CN",
    "ICT": "Tin",
    "PE": "TC",
    "ART": "NT",
    "EXP": "HĐ",
    "LOCAL": "ĐP",
    "ETHLANG": "TDT",
    "FL2": "NN2",
}
"""Heads of the matrix: a column is 40 px wide."""

_TERM_HEADS = {0: "Học tập cả năm", 1: "Học tập học kì I:", 2: "Học tập học kì II"}


def _in_learning(step: str, term: int) -> bool:
    """Whether a sentence explains the learning rating of a term (0: the year)."""
    return step.startswith(_TERM_HEADS[term])


def init_app(app: Flask) -> None:
    """Register the blueprint and what its templates ask."""
    app.register_blueprint(classes)
    app.add_template_test(_in_learning, "in_learning")
    app.add_template_filter(lambda code, name: SHORT.get(code, name), "subject_short")
    app.add_template_filter(lambda text: text[:1].upper() + text[1:], "first_upper")  # capitalize() lowers "học kì I"
