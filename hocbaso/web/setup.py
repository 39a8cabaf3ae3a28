"""The first-run wizard: school, year, first people, trusted roots; or a backup. Gone as soon as the school has accounts."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from flask import Blueprint, Flask, current_app, redirect, render_template, request, session, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.config import Config
from hocbaso.errors import DomainError, Invalid
from hocbaso.extensions import csrf
from hocbaso.services import schema, school_frame, setup, trust_roots
from hocbaso.services.access import SYSTEM
from hocbaso.web.errors import status_of
from hocbaso.web.forms.setup import FIRST_ROLES, PeopleForm, RestoreForm, RootForm, SchoolForm, SetupCodeForm, YearForm
from hocbaso.web.htmx import go
from hocbaso.web.own_address import base_address, only_this_machine
from hocbaso.web.security import note, public, while_unconfigured

wizard = Blueprint("setup", __name__, url_prefix="/thiet-lap")
Answer = str | BaseResponse | tuple[str, int]

STEPS = (("school", "Trường"), ("year", "Năm học"), ("people", "Những người đầu tiên"), ("roots", "Chứng thư gốc"))
LARGEST_BACKUP = 4 * 1024**3


def _settings() -> Config:
    settings: Config = current_app.config["HOCBASO"]
    return settings


def _is_open() -> bool:
    return setup.is_open(_settings().instance)


def _is_unlocked() -> bool:
    """The wizard is open and this browser has shown the code of the console."""
    return _is_open() and setup.code_matches(_settings().instance, session.get("setup_code", ""))


def _page(template: str, status: int = 200, **values: object) -> tuple[str, int]:
    return render_template(f"setup/{template}.html", steps=STEPS, **values), status


@wizard.get("/")
@while_unconfigured(_is_open)
def index() -> Answer:
    """Ask for the code; whoever has shown it goes on where they were."""
    setup.ensure_code(_settings().instance)
    if _is_unlocked():
        return redirect(url_for("setup.school"), 303)
    return _page("code", form=SetupCodeForm(formdata=None))


@wizard.post("/")
@while_unconfigured(_is_open)
def unlock() -> Answer:
    """Check the code."""
    form = SetupCodeForm()
    if not form.validate_on_submit():
        return _page("code", 422, form=form)
    if not setup.code_matches(_settings().instance, form.code.data or ""):
        form.code.errors = ["Mã chưa đúng. Mã nằm trong cửa sổ nơi máy chủ được mở."]
        return _page("code", 422, form=form)
    session.clear()
    session["setup_code"] = form.code.data
    return redirect(url_for("setup.school"), 303)


def _with(form: SchoolForm | YearForm | PeopleForm | RootForm | RestoreForm, error: DomainError) -> int:
    field = getattr(form, getattr(error, "field", None) or "", None)
    if field is not None and hasattr(field, "errors"):
        field.errors = [error.message]
    else:
        form.form_errors.extend((error.message, *error.details))
    return status_of(error)


@wizard.get("/truong")
@while_unconfigured(_is_unlocked)
def school() -> Answer:
    """The school."""
    values = setup.school_values()
    if not values and not only_this_machine():
        values["lookup_url"] = f"{base_address()}/xac-thuc"
    return _page("school", form=SchoolForm(formdata=None, data=values), here="school")


@wizard.post("/truong")
@while_unconfigured(_is_unlocked)
def save_school() -> Answer:
    """Enter the school."""
    form = SchoolForm()
    if not form.validate_on_submit():
        return _page("school", 422, form=form, here="school")
    try:
        setup.save_school(form.data, clock.now())
    except Invalid as error:
        return _page("school", _with(form, error), form=form, here="school")
    current_app.extensions["hocbaso_frame"] = school_frame.FrameCache()
    return redirect(url_for("setup.year"), 303)


@wizard.get("/nam-hoc")
@while_unconfigured(_is_unlocked)
def year() -> Answer:
    """The year with its dates, as the calendar proposes them."""
    proposed = setup.proposed_year(clock.local_date(clock.now()))
    return _page("year", form=YearForm(formdata=None, data=proposed), here="year", there=setup.has_year())


@wizard.post("/nam-hoc")
@while_unconfigured(_is_unlocked)
def save_year() -> Answer:
    """Open the year."""
    form = YearForm()
    if not form.validate_on_submit():
        return _page("year", 422, form=form, here="year", there=setup.has_year())
    dates = {name: value for name, value in form.data.items() if name not in ("label", "csrf_token")}
    try:
        setup.save_year(form.label.data or "", dates, clock.now())
    except DomainError as error:
        return _page("year", _with(form, error), form=form, here="year", there=setup.has_year())
    current_app.extensions["hocbaso_frame"] = school_frame.FrameCache()
    return redirect(url_for("setup.people"), 303)


@wizard.get("/nguoi")
@while_unconfigured(_is_unlocked)
def people() -> Answer:
    """The first people."""
    return _page(
        "people", form=PeopleForm(formdata=None), here="people", roles=FIRST_ROLES, only_here=only_this_machine()
    )


@wizard.post("/nguoi")
@while_unconfigured(_is_unlocked)
def save_people() -> Answer:
    """Enter them with roles and accounts; the one-time passwords stand on the answer and nowhere else."""
    form = PeopleForm()
    if not form.validate_on_submit():
        return _page("people", 422, form=form, here="people", roles=FIRST_ROLES, only_here=only_this_machine())
    first = [
        setup.FirstPerson(role, form[f"{role.value}_name"].data.strip(), form[f"{role.value}_code"].data or "")
        for role in FIRST_ROLES
        if (form[f"{role.value}_name"].data or "").strip()
    ]
    try:
        slips = setup.first_accounts(first, clock.now())
    except DomainError as error:
        return _page(
            "people", _with(form, error), form=form, here="people", roles=FIRST_ROLES, only_here=only_this_machine()
        )
    return _page("slips", slips=slips, address=base_address(), only_here=only_this_machine(), here="people")


@wizard.get("/chung-thu")
@while_unconfigured(_is_unlocked)
def roots() -> Answer:
    """Which authorities' signatures this school trusts."""
    return _page("roots", form=RootForm(formdata=None), here="roots", trusted=trust_roots.list_roots())


@wizard.post("/chung-thu")
@while_unconfigured(_is_unlocked)
def add_root() -> Answer:
    """Trust a root certificate."""
    form = RootForm()
    try:
        upload = form.root.data
        if not form.validate_on_submit() or not isinstance(upload, FileStorage):
            raise Invalid("Xin chọn tệp chứng thư gốc.", field="root")
        added = trust_roots.add_trust_list(SYSTEM, upload.read(4_000_000), clock.now())[0][0]
    except DomainError as error:
        return _page("roots", _with(form, error), form=form, here="roots", trusted=trust_roots.list_roots())
    note(f"Đã tin chứng thư gốc {added.subject_name}.")
    return redirect(url_for("setup.roots"), 303)


@wizard.post("/xong")
@while_unconfigured(_is_unlocked)
def finish() -> Answer:
    """End set-up; from now on people sign in."""
    setup.ensure_code(_settings().instance)  # drops the code once accounts exist
    if _is_open():
        note("Còn thiếu người đầu tiên: xin làm bước này trước.", "late")
        return redirect(url_for("setup.people"), 303)
    session.clear()
    note("Đã thiết lập xong. Xin đăng nhập bằng mật khẩu vừa nhận.")
    return redirect(url_for("auth.sign_in"), 303)


@wizard.get("/phuc-hoi")
@while_unconfigured(_is_unlocked)
def restore_page() -> Answer:
    """Offer to bring back a school from its backup."""
    return _page("restore", form=RestoreForm(formdata=None))


@wizard.post("/phuc-hoi")
@csrf.exempt  # checked below, after the limit on the upload's size has been raised
@while_unconfigured(_is_unlocked)
def restore() -> Answer:
    """Bring back a school: every digest is checked before anything is put in place."""
    request.max_content_length = LARGEST_BACKUP
    if current_app.config["WTF_CSRF_ENABLED"]:
        csrf.protect()
    form = RestoreForm()
    settings = _settings()
    try:
        upload = form.archive.data
        if not isinstance(upload, FileStorage) or not upload.filename:
            raise Invalid("Xin chọn tệp sao lưu.", field="archive")
        with tempfile.TemporaryDirectory(dir=settings.instance, prefix=".tai-len-") as folder:
            archive = Path(folder) / "phuc-hoi.tar"
            upload.save(archive)
            names = setup.restore(settings.instance, archive)
    except DomainError as error:
        return _page("restore", _with(form, error), form=form)
    secret = settings.instance / "secret_key"
    if "secret_key" in names and secret.is_file():  # tokens and sealed secrets of the backup belong to its own key
        restored = secret.read_text(encoding="ascii").strip()
        current_app.config.update(SECRET_KEY=restored, HOCBASO=dataclasses.replace(settings, secret_key=restored))
    schema.upgrade()
    current_app.extensions["hocbaso_frame"] = school_frame.FrameCache()
    session.clear()
    note("Đã phục hồi. Xin đăng nhập bằng tài khoản như trước.")
    return go(url_for("auth.sign_in"))


@wizard.get("/huong-dan")
@public
def guide() -> Answer:
    """What has to lie ready before one begins; nothing of the school is on it."""
    return _page("guide")


def init_app(app: Flask) -> None:
    """Register the blueprint."""
    app.register_blueprint(wizard)
