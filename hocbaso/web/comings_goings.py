"""Pupils who come and go in the middle of a year: the office's pages, the old school's results, the summary for the next one."""

from __future__ import annotations

from flask import Response, flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import arrivals, class_changes, departures, inherited_results, partial_results, student_fields
from hocbaso.services import students as profiles
from hocbaso.web.forms.students import ArrivalForm, ClassChangeForm, DepartureForm
from hocbaso.web.homeroom import classes
from hocbaso.web.homeroom_student import student_page
from hocbaso.web.htmx import go
from hocbaso.web.security import confirm_recent, current_actor, requires
from hocbaso.web.students import students

# --- leaving ----------------------------------------------------------------------------------------------------------


@students.get("/hoc-sinh/<int:student_id>/roi-truong")
@requires(P.STUDENT_EDIT)
def leaving(student_id: int) -> str:
    """The page on which the office records that a pupil leaves."""
    return _leaving_page(student_id, DepartureForm(formdata=None))


@students.post("/hoc-sinh/<int:student_id>/roi-truong")
@requires(P.STUDENT_EDIT)
def leave(student_id: int) -> BaseResponse | tuple[str, int]:
    """Record that a pupil leaves."""
    form = DepartureForm()
    seat = _seat(student_id)
    typed = {name: str(form[name].data or "") for name in departures.FIELDS}
    try:
        done = departures.record(current_actor(), seat.enrollment_id, typed, clock.now())
    except Invalid as refusal:
        form[refusal.field if refusal.field in form else "kind"].errors = [refusal.message]
        return _leaving_page(student_id, form), 422
    name = profiles.profile(current_actor(), student_id).full_name
    flash(f"Đã ghi {name} rời trường: {done.words}. Từ nay các bảng điểm không hỏi điểm của em nữa.", "done")
    return go(url_for(".show", student_id=student_id, _anchor="chuyen-di"))


@students.post("/hoc-sinh/<int:student_id>/roi-truong/<int:movement_id>/lay-lai")
@requires(P.STUDENT_EDIT)
def take_back_leaving(student_id: int, movement_id: int) -> BaseResponse:
    """Take a mistaken departure back."""
    actor = current_actor()
    if movement_id not in {one.id for one in departures.of_student(actor, student_id)}:
        raise NotFound("Không có lần ghi rời trường này.")
    done = departures.take_back(actor, movement_id, request.form.get("reason", ""), clock.now())
    more = (
        f" {done.n_sheets} bảng điểm đã nộp nay thiếu điểm của em: trả lại để giáo viên ghi." if done.n_sheets else ""
    )
    flash(f"Em lại có tên trong lớp {done.movement.class_name}.{more}", "late" if more else "done")
    return go(url_for(".show", student_id=student_id, _anchor="chuyen-di"))


def _seat(student_id: int) -> departures.Seat:
    actor = current_actor()
    profiles.profile(actor, student_id)
    if not departures.is_office(actor):
        raise NotAllowed(departures.OFFICE_ONLY)
    seat = departures.seat_of(actor, student_id)
    if seat is None:
        raise WrongState("Em không có tên trong lớp nào của năm học đang mở nên không ghi rời trường được.")
    return seat


def _leaving_page(student_id: int, form: DepartureForm) -> str:
    seat = _seat(student_id)
    found = profiles.profile(current_actor(), student_id)
    return render_template("students/leaving.html", found=found, seat=seat, form=form)


# --- coming -----------------------------------------------------------------------------------------------------------


@students.get("/hoc-sinh/tiep-nhan")
@requires(P.IMPORT_ROSTER)
def arriving() -> str:
    """The page on which the office takes a pupil in; ``em``: the profile of one who was here before."""
    form = ArrivalForm(formdata=None)
    form.class_group_id.data = request.args.get("lop", "")
    return _arriving_page(form, _returning(request.args.get("em", "")))


@students.post("/hoc-sinh/tiep-nhan")
@requires(P.IMPORT_ROSTER)
def receive() -> BaseResponse | tuple[str, int]:
    """Take a pupil in."""
    form = ArrivalForm()
    known = _returning(request.form.get("em", ""))
    asked = [*arrivals.FIELDS, *(() if known else student_fields.FIELDS)]
    typed = {name: _text(form[name].data) for name in asked}
    try:
        done = arrivals.receive(
            current_actor(),
            typed,
            clock.now(),
            student_id=known.student_id if known else None,
            confirmed=bool(form.confirmed.data),
        )
    except Invalid as refusal:
        if refusal.field in form and refusal.field != "confirmed":
            form[refusal.field].errors = [refusal.message]
            return _arriving_page(form, known), 422
        return _arriving_page(form, known, message=refusal.message, odd=refusal.details), 422
    except WrongState as refusal:
        return _arriving_page(form, known, message=refusal.message), 409
    more = (
        f" {done.n_handed_in} bảng điểm đã nộp chưa có điểm của em: trả lại để giáo viên ghi."
        if done.n_handed_in
        else ""
    )
    if done.first_semester == 2:
        more += " Giáo viên chủ nhiệm ghi kết quả học kì I theo bảng tổng hợp của trường cũ."
    if done.past_year_printed:
        more += " Quá trình học tập đến năm ấy đã in trên học bạ đã phát hành: cần ghi năm ở trường kia thì lập đề nghị sửa hộ tịch."
    flash(f"Đã tiếp nhận {done.full_name} vào lớp {done.class_name}.{more}", "late" if done.n_handed_in else "done")
    return go(url_for(".show", student_id=done.student_id))


def _text(value: object) -> str:
    return ("1" if value else "") if isinstance(value, bool) else str(value or "")


def _returning(typed: str) -> profiles.Profile | None:
    if not (typed.isascii() and typed.isdigit()):
        return None
    return profiles.profile(current_actor(), int(typed))


def _arriving_page(
    form: ArrivalForm,
    known: profiles.Profile | None,
    *,
    message: str | None = None,
    odd: tuple[str, ...] = (),
) -> str:
    offered = arrivals.open_classes(current_actor())
    form.class_group_id.choices = [("", "Chọn lớp"), *((str(row_id), name) for row_id, name in offered)]
    return render_template(
        "students/arriving.html",
        form=form,
        known=known,
        groups=student_fields.GROUPS,
        message=message,
        odd=odd,
        n_classes=len(offered),
    )


# --- results ----------------------------------------------------------------------------------------------------------


@students.get("/hoc-sinh/<int:student_id>/tong-hop/<int:enrollment_id>")
@requires(P.TRANSCRIPT_READ)
def partial(student_id: int, enrollment_id: int) -> BaseResponse:
    """The results so far as PDF, for the receiving school."""
    made = partial_results.make(current_actor(), student_id, enrollment_id, clock.now())
    response = Response(made.data, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{made.name}"'
    return response


@classes.post("/<int:class_group_id>/hoc-sinh/<int:enrollment_id>/noi-chuyen-den")
@requires(P.CLASS_KEEP)
def copy_inherited(class_group_id: int, enrollment_id: int) -> BaseResponse | tuple[str, int]:
    """Copy the old school's results of semester I."""
    typed = {
        int(name.removeprefix("mon-")): text
        for name, text in request.form.items()
        if name.startswith("mon-") and name.removeprefix("mon-").isdecimal()
    }
    try:
        inherited_results.propose(current_actor(), enrollment_id, typed, request.form.get("document", ""), clock.now())
    except Invalid as refusal:
        wrong = (refusal.field or "", refusal.message)
        return student_page(
            class_group_id, enrollment_id, inherited_typed=request.form, inherited_wrong=wrong, status=422
        )
    flash("Đã ghi kết quả nơi chuyển đến. Hiệu trưởng đối chiếu với giấy rồi nhận.", "done")
    return go(url_for(".student", class_group_id=class_group_id, enrollment_id=enrollment_id, _anchor="noi-chuyen-den"))


@classes.post("/<int:class_group_id>/hoc-sinh/<int:enrollment_id>/noi-chuyen-den/nhan")
@requires(P.INHERITED_DECIDE)
def decide_inherited(class_group_id: int, enrollment_id: int) -> BaseResponse | tuple[str, int]:
    """Accept the old school's results, or send them back."""
    actor = current_actor()
    confirm_recent(actor)
    accepted = request.form.get("outcome") == "1"
    try:
        inherited_results.decide(actor, enrollment_id, accepted, clock.now(), note=request.form.get("note", ""))
    except Invalid as refusal:
        return student_page(class_group_id, enrollment_id, message=refusal.message, status=422)
    flash("Đã nhận kết quả nơi chuyển đến." if accepted else "Đã gửi lại giáo viên chủ nhiệm.", "done")
    return go(url_for(".student", class_group_id=class_group_id, enrollment_id=enrollment_id, _anchor="noi-chuyen-den"))


# --- another class ----------------------------------------------------------------------------------------------------


@students.get("/hoc-sinh/<int:student_id>/chuyen-lop")
@requires(P.STUDENT_EDIT)
def changing_class(student_id: int) -> str:
    """Choose the class (``lop``) and see what goes along."""
    return _class_change_page(student_id, ClassChangeForm(formdata=None), request.args.get("lop", ""))


@students.post("/hoc-sinh/<int:student_id>/chuyen-lop")
@requires(P.STUDENT_EDIT)
def change_class(student_id: int) -> BaseResponse | tuple[str, int]:
    """Move the pupil into the class that was chosen, as it was seen."""
    form = ClassChangeForm()
    typed = {name: str(form[name].data or "") for name in class_changes.FIELDS}
    try:
        done = class_changes.change(current_actor(), student_id, typed, str(form.seen.data or ""), clock.now())
    except Invalid as refusal:
        if refusal.field not in ("paper_no", "paper_on", "reason"):
            return _class_change_page(student_id, form, "", message=refusal.message), 422
        form[refusal.field].errors = [refusal.message]
        return _class_change_page(student_id, form, typed["class_group_id"]), 422
    except (Stale, WrongState) as refusal:
        return _class_change_page(student_id, form, typed["class_group_id"], message=refusal.message), 409
    flash(f"Em đã sang lớp {done.to_class}, mang theo {done.n_marks} điểm. Lớp {done.from_class} giữ dòng cũ.", "done")
    return go(url_for(".show", student_id=student_id, _anchor="chuyen-di"))


def _class_change_page(student_id: int, form: ClassChangeForm, typed: str, *, message: str | None = None) -> str:
    actor = current_actor()
    found = profiles.profile(actor, student_id)
    seat = _seat(student_id)
    plan = None
    if typed.isascii() and typed.isdigit():
        try:
            plan = class_changes.preview(actor, student_id, int(typed))
            form.class_group_id.data, form.seen.data = str(plan.class_group_id), plan.seen
        except (Invalid, WrongState) as refusal:
            message = message or refusal.message
    offered = class_changes.choices(actor, student_id)
    return render_template(
        "students/changing_class.html", found=found, seat=seat, form=form, plan=plan, offered=offered, message=message
    )
