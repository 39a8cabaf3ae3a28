"""Student profiles by class, one profile, and the search on top of every page."""

from __future__ import annotations

from flask import Blueprint, Flask, flash, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid, Stale, WrongState
from hocbaso.regulations.data_quality import IdentityStanding
from hocbaso.regulations.permissions import Permission as P
from hocbaso.services import (
    arrivals,
    civil_status,
    class_changes,
    correction_view,
    departures,
    exemption_revocations,
    exemptions,
    student_classes,
    student_fields,
    student_photos,
    study_history,
)
from hocbaso.services import students as profiles
from hocbaso.services.access import class_for, reaches_class
from hocbaso.web.filters import vn_date
from hocbaso.web.forms.students import PastYearForm, ProfileForm
from hocbaso.web.htmx import go
from hocbaso.web.security import current_actor, requires, signed_in

students = Blueprint("students", __name__)

IDENTITY = {
    IdentityStanding.NOT_CHECKED: ("chưa đối chiếu với cơ sở dữ liệu dân cư", ""),
    IdentityStanding.OUTDATED: ("đã sửa sau khi đối chiếu dân cư, cần đối chiếu lại", "late"),
    IdentityStanding.MATCHED: ("khớp với cơ sở dữ liệu dân cư", "done"),
    IdentityStanding.MISMATCH: ("lệch với cơ sở dữ liệu dân cư", "wrong"),
}
"""Words and badge of where checking a pupil stands."""


@students.get("/hoc-sinh/<int:student_id>")
@requires(P.STUDENT_READ)
def show(student_id: int) -> str:
    """One profile."""
    return _page(profiles.profile(current_actor(), student_id))[0]


def _page(
    found: profiles.Profile,
    form: ProfileForm | None = None,
    *,
    odd: tuple[str, ...] = (),
    message: str | None = None,
    past_form: PastYearForm | None = None,
    status: int = 200,
) -> tuple[str, int]:
    if form is None:
        values = {name: vn_date(value) if name == "birth_on" else value for name, value in found.values.items()}
        form = ProfileForm(formdata=None, data={**values, "version": found.version})
        form.keep_only(found.editable)
    return render_template(
        "students/page.html",
        found=found,
        form=form,
        groups=student_fields.GROUPS,
        words=student_fields.FIELD_WORDS,
        odd=odd,
        message=message,
        identity=IDENTITY[found.identity],
        past_years=study_history.past_years(current_actor(), found.student_id),
        past_form=past_form or PastYearForm(formdata=None),
        corrections=correction_view.of_student(current_actor(), found.student_id, clock.local_date(clock.now())),
        n_sealed=civil_status.n_sealed(found.student_id),
        sealed_until=civil_status.sealed_until(found.student_id),
        asks_correction=bool(found.editable) and current_actor().may(P.CORRECTION_ASK),
        movements=departures.of_student(current_actor(), found.student_id),
        exemptions=exemption_revocations.of_student(current_actor(), found.student_id),
        state_words=exemptions.STATE_WORDS,
        revocation_words=exemption_revocations.STATE_WORDS,
        seat=departures.seat_of(current_actor(), found.student_id),
        class_changes=class_changes.of_student(current_actor(), found.student_id),
        may_change_class=bool(class_changes.choices(current_actor(), found.student_id)),
        may_return=arrivals.may_return(current_actor(), found.student_id),
        photo=student_photos.of(found.student_id),
        keeps_papers=found.editable >= student_fields.IDENTITY_FIELDS,
    ), status


@students.post("/hoc-sinh/<int:student_id>")
@requires(P.STUDENT_EDIT)
def save(student_id: int) -> BaseResponse | tuple[str, int]:
    """Change the profile's fields that are this person's."""
    actor = current_actor()
    found = profiles.profile(actor, student_id)
    form = ProfileForm()
    form.keep_only(found.editable)
    if not form.validate():
        return _page(found, form, status=422)
    raw = {
        name: ("1" if form[name].data else "") if name == "inclusive_disability" else str(form[name].data or "")
        for name in found.editable
    }
    foreign = {name: text for name, text in request.form.items() if name in student_fields.FIELDS and name not in raw}
    try:
        profiles.update_profile(
            actor,
            student_id,
            {**raw, **foreign},
            expected_version=form.version.data or 0,
            now=clock.now(),
            confirmed=bool(form.confirmed.data),
        )
    except Invalid as refusal:
        if refusal.field in form and refusal.field != "confirmed":
            form[refusal.field].errors = [refusal.message]
            return _page(found, form, status=422)
        return _page(found, form, odd=refusal.details, message=refusal.message, status=422)
    except WrongState as refusal:  # printed on a record that was issued
        return _page(found, form, message=refusal.message, status=409)
    except Stale as stale:
        return _overtaken(profiles.profile(actor, student_id), form, stale.message)
    flash("Đã lưu hồ sơ.", "done")
    return go(url_for(".show", student_id=student_id))


def _overtaken(found: profiles.Profile, form: ProfileForm, message: str) -> tuple[str, int]:
    """The profile as it stands, with what was typed in its fields: each difference says what is there now."""
    form.version.raw_data, form.version.data = None, found.version
    for name in found.editable & set(form._fields):
        stands = found.values.get(name)
        if name == "birth_on":
            stands = vn_date(stands) if stands else ""
        typed = form[name].data
        if (typed or "") != (stands or ""):
            form[name].errors = [f"Nơi khác vừa ghi: {stands or 'để trống'}. Lưu lần nữa là ghi theo ô này."]
    return _page(found, form, message=message, status=409)


@students.post("/hoc-sinh/<int:student_id>/xem-lai")
@requires(P.STUDENT_EDIT)
def look_through(student_id: int) -> BaseResponse | tuple[str, int]:
    """Looked through, nothing to change."""
    actor = current_actor()
    try:
        profiles.look_through(
            actor, student_id, expected_version=request.form.get("version", 0, type=int), now=clock.now()
        )
    except Stale as stale:
        return _page(profiles.profile(actor, student_id), message=stale.message, status=409)
    flash("Đã ghi: hồ sơ được xem lại hôm nay.", "done")
    return go(url_for(".show", student_id=student_id))


@students.post("/hoc-sinh/<int:student_id>/qua-trinh")
@requires(P.STUDENT_EDIT)
def enter_past_year(student_id: int) -> BaseResponse | tuple[str, int]:
    """A year at another school, from the papers."""
    actor = current_actor()
    form = PastYearForm()
    try:
        study_history.enter(
            actor, student_id, {name: form[name].data or "" for name in study_history.FIELDS}, clock.now()
        )
    except Invalid as refusal:
        field = refusal.field if refusal.field in study_history.FIELDS else "year_label"
        form[field].errors = [refusal.message]
        return _page(profiles.profile(actor, student_id), past_form=form, status=422)
    except WrongState as refusal:  # printed on a record that was issued, or no room
        return _page(profiles.profile(actor, student_id), message=refusal.message, past_form=form, status=409)
    flash("Đã thêm vào quá trình học tập.", "done")
    return go(url_for(".show", student_id=student_id, _anchor="qua-trinh"))


@students.post("/hoc-sinh/<int:student_id>/qua-trinh/<int:row_id>/gach")
@requires(P.STUDENT_EDIT)
def strike_past_year(student_id: int, row_id: int) -> BaseResponse | tuple[str, int]:
    """Strike out a year that was entered wrongly."""
    actor = current_actor()
    try:
        study_history.strike(actor, student_id, row_id, clock.now())
    except WrongState as refusal:  # printed on a record that was issued
        return _page(profiles.profile(actor, student_id), message=refusal.message, status=409)
    flash("Đã gạch dòng này khỏi quá trình học tập; nhật ký vẫn giữ.", "done")
    return go(url_for(".show", student_id=student_id, _anchor="qua-trinh"))


@students.get("/hoc-sinh/")
@requires(P.STUDENT_READ)
def classes() -> str:
    """The classes, with how many students each has."""
    return render_template("students/classes.html", years=student_classes.years_with_classes(current_actor()))


@students.get("/hoc-sinh/lop/<int:class_group_id>")
@requires(P.STUDENT_READ)
def roster(class_group_id: int) -> str:
    """The students of a class."""
    rows = profiles.class_roster(current_actor(), class_group_id)
    class_group = class_for(current_actor(), class_group_id, P.STUDENT_READ)
    return render_template(
        "students/roster.html",
        rows=rows,
        open_profiles=profiles.open_profiles(current_actor(), class_group),
        class_name=class_group.name,
        class_group_id=class_group.id,
        keeps_photos=class_group.school_year.state == "OPEN"
        and reaches_class(current_actor(), class_group.id, P.STUDENT_EDIT),
    )


@students.get("/tim")
@signed_in
def find() -> str:
    """Search: students without marks or by code, classes, transcripts, within this person's reach."""
    query = request.args.get("q", "")[:100]
    return render_template("students/search.html", query=query, hits=profiles.search(current_actor(), query))


def init_app(app: Flask) -> None:
    """Register the blueprint."""
    app.register_blueprint(students)
