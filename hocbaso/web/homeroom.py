"""The homeroom class: the year's matrix, each field saved alone, lists of what is missing and of the year's end.

The views of one student and the acts upon the class stand in ``homeroom_student`` and ``homeroom_acts``, on the same blueprint.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError, Invalid, NotFound, Stale
from hocbaso.regulations.class_flow import ClassParty, ClassState
from hocbaso.regulations.permissions import Permission as P
from hocbaso.regulations.terms import Level
from hocbaso.services import (
    class_approval,
    class_moves,
    class_page,
    correction_score_requests,
    homeroom,
    month_absence_page,
)
from hocbaso.services.access import class_for
from hocbaso.services.class_page import ClassPage, ClassRow
from hocbaso.web import labels
from hocbaso.web.errors import status_of
from hocbaso.web.forms.homeroom import (
    ClassMoveForm,
    FieldForm,
)
from hocbaso.web.htmx import answer, go, is_fragment
from hocbaso.web.remark_phrases import picker
from hocbaso.web.security import current_actor, require_own_page, requires

classes = Blueprint("homeroom", __name__, url_prefix="/lop")

FILTERS = {"thieu": "còn thiếu", "nang-muc": "được nâng mức", "xem-xet": "cần xem xét"}

LEVEL_CHOICES = tuple((level.value, labels.LEVELS[level]) for level in Level)

STEP_WORDS = {
    "finalise": "chốt tổng kết",
    "reopen": "mở lại",
    "return": "trả lại",
    "approve": "duyệt",
    "take_back": "hoàn tác duyệt",
}


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
    first_gap = next((gap for gap in page.gaps if gap.kind == "field"), None)
    return render_template(
        "homeroom/page.html",
        page=page,
        rows=rows,
        chosen=chosen,
        filters=FILTERS,
        levels=LEVEL_CHOICES,
        first_gap=first_gap,
        n_months=len(month_absence_page.month_page(current_actor(), class_group_id, clock.now()).waiting)
        if page.can_edit
        else 0,
        to_fill=_place_of(first_gap.enrollment_id, first_gap.field) if first_gap and page.can_edit else "",
        form=ClassMoveForm(version=page.results.version, seen=page.seal),
        **(picker(current_actor(), None, None) if page.can_edit else {}),
        **words(),
    )


def _place_of(enrollment_id: int | None, field: str | None) -> str:
    return f"#o-{enrollment_id}-{field}"


def words() -> dict[str, Any]:
    """What the templates of the class need to name fields and steps."""
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
    return lists_page(class_group_id)


def lists_page(class_group_id: int, message: str | None = None) -> str:
    """The page of lists, with a message where an act was refused."""
    actor = current_actor()
    page = class_page.class_page(actor, class_group_id, clock.now())
    form = ClassMoveForm(
        formdata=None, version=page.results.version, seen=page.seal, remark=class_approval.DEFAULT_REMARK
    )
    return render_template(
        "homeroom/lists.html",
        page=page,
        form=form,
        message=message,
        can_approve=_can_approve(page),
        to_ask=_to_ask(page),
        **words(),
    )


def _to_ask(page: ClassPage) -> list[tuple[int, str]]:
    """The pupils whose locked sheets lack results, where the person before the screen may ask for them."""
    names = {row.enrollment_id: row.full_name for row in page.rows}
    lacking = dict.fromkeys(gap.enrollment_id for gap in page.gaps_of("score") if gap.enrollment_id is not None)
    actor, now = current_actor(), clock.now()
    return [(one, names[one]) for one in lacking if correction_score_requests.asks_about(actor, one, now)]


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
            **words(),
        )
        return answer(body, 409, retarget="#notices", reswap="beforeend")
    except Invalid as refusal:
        if not is_fragment():
            raise
        body = render_template(
            "homeroom/_refused.html",
            full_name=homeroom.name_of(current_actor(), enrollment_id),
            field=form.field,
            typed=form.value[:60],
            message=refusal.message,
            **words(),
        )
        return answer(body, status_of(refusal), retarget="#row-wrong", reswap="innerHTML")
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
        **_next_act(class_group_id, saved),
        **words(),
    ), 200


def _next_act(class_group_id: int, saved: homeroom.SavedField) -> dict[str, Any]:
    """What a save changes outside its row: the class is looked at whole once no field is empty."""
    if saved.n_gaps:
        return {"to_fill": _place_of(saved.enrollment_id, saved.field.name) if saved.field.is_gap else ""}
    page = class_page.class_page(current_actor(), class_group_id, clock.now())
    overtaken = not page.gaps and not page.is_as_seen(request.form.get("seen", ""))
    return {
        "page": page,
        "form": ClassMoveForm(formdata=None, version=page.results.version, seen=page.seal),
        "overtaken": overtaken,
        "ready": page.can_finalise and not page.gaps and not overtaken,
    }


@classes.post("/<int:class_group_id>/luu")
@requires(P.CLASS_KEEP)
def save_form(class_group_id: int) -> BaseResponse | tuple[str, int]:
    """Save the matrix, or one student's page, as a plain form: browsers without script. One outcome a field; what was not
    written comes back in its fields."""
    require_own_page(request.form.get("account"))
    actor, now = current_actor(), clock.now()
    class_for(actor, class_group_id, P.CLASS_KEEP)
    n_written, refused, names = 0, [], set()
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
            names.add(saved.student_name)
        except NotFound:
            raise
        except DomainError as refusal:
            refused.append((int(left), field, raw, refusal))
    student, onward = _number("hoc-sinh"), "lop" if request.form.get("tiep") == "lop" else _number("tiep")
    back = _place(class_group_id, student)
    if refused:
        return _unsaved(class_group_id, refused, n_written, student, back, onward)
    whose = f" của {', '.join(names)}" if len(names) == 1 else ""
    flash(f"Đã lưu {n_written} mục{whose}." if n_written else "Không có mục nào thay đổi.", "done")
    return go(_place(class_group_id, "" if onward == "lop" else onward or student))


def _number(name: str) -> str:
    """The digits a form sent under a name, "" for anything else."""
    found = request.form.get(name, "")
    return found if found.isascii() and found.isdigit() and len(found) < 10 else ""


def _place(class_group_id: int, enrollment_id: str) -> str:
    """The page of a student, or of the class without one."""
    if enrollment_id:
        return url_for(".student", class_group_id=class_group_id, enrollment_id=int(enrollment_id))
    return url_for(".show", class_group_id=class_group_id)


def _unsaved(
    class_group_id: int,
    refused: list[tuple[int, str, str, DomainError]],
    n_written: int,
    student: str,
    back: str,
    onward: str,
) -> tuple[str, int]:
    page = class_page.class_page(current_actor(), class_group_id, clock.now())
    rows = {row.enrollment_id: row for row in page.rows}
    left = [
        {"row": rows[place], "field": rows[place].fields[field], "typed": raw, "message": refusal.message}
        for place, field, raw, refusal in refused
        if place in rows
    ]
    body = render_template(
        "homeroom/unsaved.html",
        page=page,
        left=left,
        rows=list({item["row"].enrollment_id: item["row"] for item in left}.values()),  # type: ignore[attr-defined]
        n_written=n_written,
        student=student,
        back=back,
        onward=onward,
        levels=LEVEL_CHOICES,
        **words(),
    )
    return body, max(status_of(refusal) for *_, refusal in refused)


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


def _in_learning(step: str, term: int) -> bool:
    """Whether a sentence explains the learning rating of a term (0: the year)."""
    return step.startswith(class_page.TERM_HEADS[term])


def init_app(app: Flask) -> None:
    """Register the blueprint and what its templates ask."""
    app.register_blueprint(classes)
    app.add_template_test(_in_learning, "in_learning")
    app.add_template_filter(lambda code, name: SHORT.get(code, name), "subject_short")
    app.add_template_filter(lambda text: text[:1].lower() + text[1:], "first_lower")
    app.add_template_filter(lambda text: text[:1].upper() + text[1:], "first_upper")  # capitalize() lowers "học kì I"
