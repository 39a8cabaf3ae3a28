"""Staff profiles, accounts, roles and assignments: who is who, who may sign in, who may what, who teaches what."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse
from wtforms import SelectChoice

from hocbaso import clock
from hocbaso.errors import DomainError, Invalid, Stale, WrongState
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.services import (
    accounts,
    credentials,
    first_passwords,
    reset_requests,
    role_grants,
    staff,
    teaching_plan,
)
from hocbaso.services.wanted_roles import wanted_roles
from hocbaso.web import labels
from hocbaso.web.errors import status_of
from hocbaso.web.forms.people import EndRoleForm, GrantForm, HandOverForm, ProfileForm, UsernameForm, numbered
from hocbaso.web.htmx import go
from hocbaso.web.navigation import may_open
from hocbaso.web.security import confirm_recent, current_actor, note, requires, signed_in

people = Blueprint("people", __name__, url_prefix="/nguoi-dung")
P = Permission
Answer = str | BaseResponse | tuple[str, int]


@dataclass(frozen=True)
class Tab:
    """One of the pages about people."""

    label: str
    path: str
    is_here: bool


def people_tabs() -> list[Tab]:
    """The pages about people that this person may open."""
    places = (
        ("Cán bộ, giáo viên", "/nguoi-dung/danh-sach"),
        ("Phân công", "/nguoi-dung/phan-cong"),
        ("Vai trò", "/nguoi-dung/vai-tro"),
        ("Tài khoản", "/nguoi-dung/tai-khoan"),
        ("Phiếu vào lần đầu", "/nguoi-dung/phieu-vao-lan-dau"),
        ("Yêu cầu đặt lại", "/nguoi-dung/yeu-cau-dat-lai"),
    )
    actor = current_actor()
    return [Tab(label, path, request.path.startswith(path)) for label, path in places if may_open(path, actor)]


def _show(form: FlaskForm, error: DomainError) -> int:
    """Put a refusal beside its field, or above the form; the status to answer with."""
    field = getattr(form, getattr(error, "field", None) or "", None)
    if field is not None and hasattr(field, "errors"):
        field.errors = [error.message]
    else:
        form.form_errors.append(error.message)
    return status_of(error)


@people.get("/")
@requires(P.STAFF_READ, P.ACCOUNT_MANAGE, P.ROLE_GRANT)
def index() -> BaseResponse:
    """To the first of the pages this person works on."""
    return redirect(people_tabs()[0].path, 303)


# --- profiles ---------------------------------------------------------------------------------------------------------


@people.get("/danh-sach")
@requires(P.STAFF_READ)
def staff_list() -> Answer:
    """Everybody who works here, by given name."""
    today = clock.local_date(clock.now())
    group_id = request.args.get("to", type=int)
    search, left = request.args.get("tim", "")[:100], "da-nghi" in request.args
    rows = staff.list_staff(current_actor(), today, search=search, group_id=group_id, include_left=left)
    return render_template(
        "people/staff_list.html",
        rows=rows,
        groups=staff.subject_groups(),
        group_id=group_id,
        search=search,
        left=left,
        tabs=people_tabs(),
    )


@people.get("/<int:person_id>")
@signed_in
def profile(person_id: int) -> Answer:
    """One profile; the own one for everybody."""
    return render_template("people/profile.html", profile=staff.profile(current_actor(), person_id))


@people.get("/moi")
@requires(P.STAFF_EDIT)
def new_person() -> Answer:
    """A form for somebody new."""
    return _profile_form(ProfileForm(formdata=None), None, 200)


def _profile_form(form: ProfileForm, person_id: int | None, status: int) -> Answer:
    form.with_groups(staff.subject_groups())
    name = staff.profile(current_actor(), person_id).person.full_name if person_id else None
    page = render_template("people/profile_form.html", form=form, person_id=person_id, name=name)
    return page, status


@people.post("/moi")
@requires(P.STAFF_EDIT)
def add_person() -> Answer:
    """Enter somebody new."""
    form = ProfileForm().with_groups(staff.subject_groups())
    if not form.validate_on_submit():
        return _profile_form(form, None, 422)
    try:
        person = staff.add_person(current_actor(), form.data, clock.now())
    except Invalid as error:
        return _profile_form(form, None, _show(form, error))
    note(f"Đã thêm {person.full_name}. {_who_opens_accounts()}")
    return go(url_for("people.profile", person_id=person.id))


def _who_opens_accounts() -> str:
    """What comes after a new profile, with the names of those who do it."""
    names = staff.it_officers(clock.now())
    who = f"người phụ trách CNTT ({', '.join(names)})" if names else "người phụ trách CNTT"
    return f"Bước tiếp: {who} mở tài khoản, rồi văn thư in phiếu ở Phiếu vào lần đầu. Dạy lớp nào thì ghi ở Phân công."


@people.get("/<int:person_id>/sua")
@requires(P.STAFF_EDIT)
def edit_person(person_id: int) -> Answer:
    """The form of a profile."""
    found = staff.profile(current_actor(), person_id)
    return _profile_form(ProfileForm(formdata=None, obj=found.person), person_id, 200)


@people.post("/<int:person_id>/sua")
@requires(P.STAFF_EDIT)
def save_person(person_id: int) -> Answer:
    """Save a profile, unless somebody else did since it was opened."""
    form = ProfileForm().with_groups(staff.subject_groups())
    if not form.validate_on_submit():
        return _profile_form(form, person_id, 422)
    try:
        person = staff.save_profile(current_actor(), person_id, form.data, form.version.data or 0, clock.now())
    except (Invalid, WrongState, Stale) as error:
        status = _show(form, error)
        if isinstance(error, Stale):  # what stands now is shown above; saving again means the person has seen it
            form.version.process(MultiDict({form.version.name: str(error.current)}))
        return _profile_form(form, person_id, status)
    note(f"Đã ghi hồ sơ của {person.full_name}.")
    return go(url_for("people.profile", person_id=person_id))


# --- accounts ---------------------------------------------------------------------------------------------------------


@people.get("/tai-khoan", endpoint="account_list")
@requires(P.ACCOUNT_MANAGE)
def accounts_page() -> Answer:
    """Who can sign in. Nothing here leads to a score."""
    rows = accounts.list_accounts(current_actor(), clock.now())
    search = request.args.get("tim", "")[:100]
    return render_template(
        "people/accounts.html",
        rows=accounts.find(rows, search),
        search=search,
        tabs=people_tabs(),
        n_without=sum(row.account_id is None for row in rows),
        form=UsernameForm(formdata=None),
    )


@people.post("/tai-khoan/<int:person_id>/mo")
@requires(P.ACCOUNT_MANAGE)
def open_account(person_id: int) -> Answer:
    """Open an account; its slip is printed by somebody else."""
    form = UsernameForm()
    if not form.validate_on_submit():
        raise Invalid("Tên đăng nhập dài quá 40 kí tự.")
    [opened] = first_passwords.open_accounts(
        current_actor(), [person_id], clock.now(), username=form.username.data or None
    )
    note(f"Đã mở tài khoản {opened.username}. Văn thư hoặc Ban Giám hiệu in phiếu mật khẩu lần đầu.")
    return go(url_for("people.account_list"))


@people.post("/tai-khoan/mo-het")
@requires(P.ACCOUNT_MANAGE)
def open_all_accounts() -> Answer:
    """Open an account for each person without one; their slips are printed by somebody else."""
    actor, now = current_actor(), clock.now()
    confirm_recent(actor)
    opened = first_passwords.open_accounts(actor, accounts.people_without(actor, now), now)
    if opened:
        note(f"Đã mở {len(opened)} tài khoản. Văn thư hoặc Ban Giám hiệu in phiếu mật khẩu lần đầu.")
    else:
        note("Ai cũng đã có tài khoản.", "late")
    return go(url_for("people.account_list"))


@people.post("/tai-khoan/<int:account_id>/cap-lai")
@requires(P.ACCOUNT_MANAGE)
def reset_account(account_id: int) -> Answer:
    """Ask for a new one-time password: the machine draws it when a second person consents, and shows it to that person."""
    confirm_recent(current_actor())
    _ask(account_id, reset_requests.ResetKind.PASSWORD)
    return go(url_for("reset_requests.index"))


@people.post("/tai-khoan/<int:account_id>/dat-lai-ma")
@requires(P.ACCOUNT_MANAGE)
def reset_factor(account_id: int) -> Answer:
    """Unbind a lost telephone."""
    actor = current_actor()
    confirm_recent(actor)
    if reset_requests.is_needed(actor, account_id, reset_requests.ResetKind.SECOND_FACTOR, clock.now()):
        _ask(account_id, reset_requests.ResetKind.SECOND_FACTOR)
        return go(url_for("reset_requests.index"))
    credentials.reset_second_factor(actor, account_id, clock.now())
    note("Đã bỏ điện thoại cũ. Lần đăng nhập tới người ấy sẽ quét mã mới.")
    return go(url_for("people.account_list"))


def _ask(account_id: int, kind: reset_requests.ResetKind) -> None:
    reset_requests.ask(current_actor(), account_id, kind, clock.now())
    note("Đã gửi yêu cầu. Có hiệu lực khi Hiệu trưởng, Phó Hiệu trưởng hoặc văn thư đồng ý.")


@people.post("/tai-khoan/<int:account_id>/khoa")
@requires(P.ACCOUNT_MANAGE)
def disable_account(account_id: int) -> Answer:
    """Shut an account."""
    actor = current_actor()
    accounts.disable(actor, account_id, clock.now())
    name = accounts.account_for(actor, account_id).person.full_name
    note(f"Đã khoá tài khoản của {name}; mọi máy đang dùng tài khoản này đã bị thoát.")
    return go(url_for("people.account_list"))


@people.post("/tai-khoan/<int:account_id>/mo-lai")
@requires(P.ACCOUNT_MANAGE)
def enable_account(account_id: int) -> Answer:
    """Open it again."""
    actor = current_actor()
    accounts.enable(actor, account_id, clock.now())
    note(f"Đã mở lại tài khoản của {accounts.account_for(actor, account_id).person.full_name}.")
    return go(url_for("people.account_list"))


# --- roles ------------------------------------------------------------------------------------------------------------


def _scopes() -> list[tuple[str, str]]:
    classes = teaching_plan.classes_of_open_year(current_actor())
    return [
        (GrantScope.SCHOOL.value, "Toàn trường"),
        *((f"{GrantScope.SUBJECT_GROUP.value}:{number}", name) for number, name in staff.subject_groups()),
        *((f"{GrantScope.GRADE_LEVEL.value}:{grade}", f"Khối {grade}") for grade in (6, 7, 8, 9)),
        *((f"{GrantScope.CLASS_GROUP.value}:{number}", f"Lớp {name}") for number, name in classes),
    ]


def _grant_form(*, empty: bool = False) -> GrantForm:
    form = GrantForm(formdata=None) if empty else GrantForm()
    today = clock.local_date(clock.now())
    form.person_id.choices = numbered(teaching_plan.teachers(today), "Chọn người")
    form.scope.choices = [SelectChoice(value, words) for value, words in _scopes()]
    return form


def _end_form(*, empty: bool = False) -> EndRoleForm:
    actor = current_actor()
    form = EndRoleForm(formdata=None, prefix="het-") if empty else EndRoleForm(prefix="het-")
    open_ones = [
        (
            row.grant_id,
            f"{labels.ROLES[row.role]}: {row.name}"
            + ("" if row.scope_kind is GrantScope.SCHOOL else f" ({row.scope})"),
        )
        for row in role_grants.list_grants(actor, clock.now())
        if row.may_end and row.person_id != actor.person_id
    ]
    form.grant_id.choices = numbered(open_ones, "Chọn vai trò")
    return form


def _roles(form: GrantForm, status: int, end_form: EndRoleForm | None = None) -> Answer:
    past = "da-qua" in request.args
    grants = role_grants.list_grants(current_actor(), clock.now(), include_past=past)
    page = render_template(
        "people/roles.html",
        grants=grants,
        form=form,
        end_form=end_form or _end_form(empty=True),
        past=past,
        wanted=wanted_roles(current_actor()),
        tabs=people_tabs(),
    )
    return page, status


@people.get("/vai-tro")
@requires(P.ROLE_GRANT)
def roles() -> Answer:
    """Who holds which role, from when to when."""
    return _roles(_grant_form(empty=True), 200)


@people.post("/vai-tro")
@requires(P.ROLE_GRANT)
def grant_role() -> Answer:
    """Give a role; the person's sessions end so that it counts at once."""
    actor = current_actor()
    form = _grant_form()
    if not form.validate_on_submit():
        return _roles(form, 422)
    confirm_recent(actor)
    kind, _, number = (form.scope.data or "").partition(":")
    try:
        role_grants.grant_role(
            actor,
            form.person_id.data or 0,
            Role(form.role.data),
            clock.now(),
            scope_kind=GrantScope(kind),
            scope_id=int(number) if number else None,
            starts_on=form.starts_on.data,
            ends_on=form.ends_on.data,
            document=form.document.data,
            hand_over=bool(form.hand_over.data),
        )
    except (Invalid, WrongState) as error:
        return _roles(form, _show(form, error))
    note("Đã giao vai trò. Người nhận đăng nhập lại là dùng được.")
    return go(url_for("people.roles"))


@people.post("/vai-tro/<int:grant_id>/ket-thuc")
@requires(P.ROLE_GRANT)
def end_role(grant_id: int) -> Answer:
    """End a role at once."""
    actor = current_actor()
    confirm_recent(actor)
    role_grants.end_role(actor, grant_id, clock.now())
    note("Đã kết thúc vai trò.")
    return go(url_for("people.roles"))


@people.post("/vai-tro/ket-thuc")
@requires(P.ROLE_GRANT)
def end_role_on() -> Answer:
    """Say on which day a role ends."""
    actor = current_actor()
    form = _end_form()
    if not form.validate_on_submit():
        return _roles(_grant_form(empty=True), 422, form)
    confirm_recent(actor)
    try:
        role_grants.end_role(actor, form.grant_id.data or 0, clock.now(), ends_on=form.ends_on.data)
    except (Invalid, WrongState) as error:
        return _roles(_grant_form(empty=True), _show(form, error), form)
    note("Đã ghi ngày cuối của vai trò.")
    return go(url_for("people.roles"))


# --- assignments ------------------------------------------------------------------------------------------------------


@people.get("/phan-cong")
@requires(P.ASSIGNMENT_EDIT)
def assignments() -> Answer:
    """Who teaches what in one class."""
    return _plan(request.args.get("lop", type=int), None, None, 200)


def _plan(class_group_id: int | None, form: HandOverForm | None, wrong: int | None, status: int) -> Answer:
    actor, today = current_actor(), clock.local_date(clock.now())
    classes = teaching_plan.classes_of_open_year(actor)
    if class_group_id is None and classes:
        class_group_id = classes[0][0]
    plan = teaching_plan.class_plan(actor, class_group_id, today) if class_group_id is not None else None
    page = render_template(
        "people/assignments.html",
        classes=classes,
        plan=plan,
        teachers=teaching_plan.teachers(today),
        form=form,
        wrong=wrong,
        today=today,
        tabs=people_tabs(),
    )
    return page, status


@people.post("/phan-cong/<int:class_group_id>/<int:class_subject_id>")
@requires(P.ASSIGNMENT_EDIT)
def hand_over(class_group_id: int, class_subject_id: int) -> Answer:
    """Give a subject (0: the class itself) to a teacher from a day on."""
    form = HandOverForm()
    today = clock.local_date(clock.now())
    form.person_id.choices = numbered(teaching_plan.teachers(today), "Chọn người")
    if not form.validate_on_submit():
        return _plan(class_group_id, form, class_subject_id, 422)
    try:
        teaching_plan.hand_over(
            current_actor(),
            class_group_id,
            class_subject_id or None,
            form.person_id.data or 0,
            form.starts_on.data or today,
            clock.now(),
        )
    except Invalid as error:
        return _plan(class_group_id, form, class_subject_id, _show(form, error))
    note("Đã ghi phân công.")
    return go(url_for("people.assignments", lop=class_group_id))


def init_app(app: Flask) -> None:
    """Register the blueprint."""
    app.register_blueprint(people)
