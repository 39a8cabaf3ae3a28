"""Signing in and out, the second factor, and one's own account."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, current_app, render_template, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import Invalid
from hocbaso.services import (
    accounts,
    credentials,
    mail_choice,
    passwords,
    role_grants,
    school_frame,
    second_factor,
    sessions,
    wrong_tries,
)
from hocbaso.web import qr
from hocbaso.web.forms.auth import ChangePasswordForm, CodeForm, ConfirmForm, NewPasswordForm, SignInForm
from hocbaso.web.htmx import answer, go
from hocbaso.web.navigation import start_path
from hocbaso.web.security import (
    actor_or_none,
    begin,
    current_actor,
    current_session,
    finish,
    half_signed_in,
    note,
    public,
    safe_next,
    signed_in,
)

auth = Blueprint("auth", __name__)
Answer = str | BaseResponse | tuple[str, int]


def _where() -> dict[str, Any]:
    return {"address": request.remote_addr or "", "agent": request.user_agent.string}


def _machine_secret() -> str:
    secret: str = current_app.config["SECRET_KEY"]
    return secret


# --- in and out -------------------------------------------------------------------------------------------------------


@auth.get("/dang-nhap", endpoint="sign_in")
@public
def sign_in_page() -> Answer:
    """The sign-in page; somebody who is in already goes on."""
    actor = actor_or_none()
    target = safe_next(request.args.get("next"))
    if actor is not None:
        return go(target or start_path(actor))
    if accounts.no_account_yet():
        return go(url_for("setup.index"))
    return render_template("auth/sign_in.html", form=SignInForm(formdata=None, next=target))


@auth.post("/dang-nhap", endpoint="sign_in_post")
@public
def sign_in_post() -> Answer:
    """Check name and password; go on to the second factor, a new password, or the page that was asked for."""
    form = SignInForm()
    status = _try_sign_in(form)
    if status is not None:
        return render_template("auth/sign_in.html", form=form), status
    return _onward(form.next.data)


def _try_sign_in(form: SignInForm) -> int | None:
    """Open a session, or leave the reason in the form and return the status to answer with."""
    if not form.validate_on_submit():
        return 422
    try:
        opened = sessions.sign_in(form.username.data or "", form.password.data or "", **_where(), now=clock.now())
    except wrong_tries.SignInRefused as refused:
        form.form_errors.append(refused.message)  # of name and password together: said once, above both
        return 429 if refused.wait_seconds else 422
    finish()
    begin(opened)
    return None


def _onward(target: str | None = None) -> BaseResponse:
    signed = current_session()
    if signed is None:
        return go(url_for("auth.sign_in"))
    if signed.stage != "open" and safe_next(target):
        session["next"] = safe_next(target)
    steps = {"code": "auth.second_factor", "enrol": "auth.enrol", "password": "auth.first_password"}
    if signed.stage in steps:
        return go(url_for(steps[signed.stage]))
    return go(safe_next(target) or safe_next(session.pop("next", None)) or start_path(signed.actor))


@auth.get("/dang-nhap/tai-cho")
@public
def sign_in_dialog() -> Answer:
    """The sign-in form as a dialog over the page whose session ran out."""
    return render_template("auth/_sign_in_dialog.html", form=SignInForm(formdata=None))


@auth.post("/dang-nhap/tai-cho")
@public
def sign_in_in_place() -> Answer:
    """Sign in without leaving the page; what was typed stays there. The answer carries the new CSRF token."""
    form = SignInForm()
    status = _try_sign_in(form)
    if status is not None:
        return render_template("auth/_sign_in_dialog.html", form=form), status
    signed = current_session()
    if signed is None or signed.stage != "open":
        return _onward()
    return answer(render_template("auth/_signed_in.html"), trigger="signedin")


@auth.post("/thoat")
@public
def sign_out() -> Answer:
    """End the session on the server and in the browser."""
    finish()
    note("Đã thoát. Mọi điểm đã lưu vẫn còn.")
    response = go(url_for("auth.sign_in"))
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


# --- the second factor ------------------------------------------------------------------------------------------------


@auth.get("/dang-nhap/ma-xac-nhan", endpoint="second_factor")
@half_signed_in("code")
def second_factor_page() -> Answer:
    """Ask for the code on the telephone."""
    return render_template("auth/code.html", form=CodeForm(formdata=None))


@auth.post("/dang-nhap/ma-xac-nhan")
@half_signed_in("code")
def second_factor_post() -> Answer:
    """Check the code and open the session anew."""
    form = CodeForm()
    signed = current_session()
    if signed is None or not form.validate_on_submit():
        return render_template("auth/code.html", form=form), 422
    try:
        with wrong_tries.one_try(
            signed.actor.account_id or 0, address=request.remote_addr or "", now=clock.now()
        ) as own:
            second_factor.check(own.id, form.code.data or "", _machine_secret(), now=clock.now())
    except Invalid as wrong:
        form.code.errors = [wrong.message]
        return render_template("auth/code.html", form=form), 429 if getattr(wrong, "wait_seconds", 0) else 422
    return _renew()


def _renew() -> BaseResponse:
    """Replace the session by one with a new token, after a step that raised its powers or changed the password."""
    signed = current_session()
    assert signed is not None and signed.actor.account_id is not None
    target = session.get("next")
    done = signed.second_factor_done or signed.has_second_factor
    sessions.end_quietly(signed.session_id, now=clock.now())
    begin(sessions.open_session(signed.actor.account_id, **_where(), second_factor_done=done, now=clock.now()))
    return _onward(target)


@auth.get("/dang-nhap/dat-xac-nhan", endpoint="enrol")
@half_signed_in("enrol")
def enrol_page() -> Answer:
    """Show the picture to scan."""
    session.setdefault("new_factor", second_factor.new_secret())
    return _enrol(CodeForm(formdata=None), 200)


def _enrol(form: CodeForm, status: int) -> Answer:
    signed = current_session()
    assert signed is not None
    secret = session["new_factor"]
    frame = school_frame.frame(current_app.extensions["hocbaso_frame"], clock.now())
    address = second_factor.address(secret, signed.actor.username, frame.short_name)
    page = render_template(
        "auth/enrol.html",
        form=form,
        picture=qr.picture(address, "Mã QR để đặt xác nhận hai lớp"),
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
    )
    return page, status


@auth.post("/dang-nhap/dat-xac-nhan")
@half_signed_in("enrol")
def enrol_post() -> Answer:
    """Bind the telephone, proven by a code, and open the session."""
    form = CodeForm()
    signed = current_session()
    if signed is None or "new_factor" not in session:
        return go(url_for("auth.enrol"))
    if not form.validate_on_submit():
        return _enrol(form, 422)
    try:
        second_factor.enrol(
            signed.actor, session["new_factor"], form.code.data or "", _machine_secret(), now=clock.now()
        )
    except Invalid as wrong:
        form.code.errors = [wrong.message]
        return _enrol(form, 422)
    sessions.end_quietly(signed.session_id, now=clock.now())
    target = session.get("next")
    begin(sessions.open_session(signed.actor.account_id or 0, **_where(), now=clock.now()))
    note("Đã đặt xác nhận hai lớp. Từ nay mỗi lần đăng nhập cần mã trên điện thoại này.")
    return _onward(target)


# --- passwords --------------------------------------------------------------------------------------------------------


@auth.get("/dang-nhap/mat-khau-moi", endpoint="first_password")
@half_signed_in("password")
def first_password_page() -> Answer:
    """Ask for a password of one's own instead of the one-time one."""
    return render_template(
        "auth/first_password.html", form=NewPasswordForm(formdata=None), suggestion=passwords.generate()
    )


@auth.post("/dang-nhap/mat-khau-moi")
@half_signed_in("password")
def first_password_post() -> Answer:
    """Set it and open the session anew."""
    form = NewPasswordForm()
    signed = current_session()
    try:
        if signed is None or not form.validate_on_submit():
            raise Invalid("")
        credentials.set_first_password(signed.actor, form.password.data or "", clock.now())
    except Invalid as wrong:
        if wrong.message:
            form.password.errors = [wrong.message]
        return render_template("auth/first_password.html", form=form, suggestion=passwords.generate()), 422
    note("Đã đặt mật khẩu mới.")
    return _renew()


@auth.get("/tai-khoan")
@signed_in
def own_account() -> Answer:
    """One's own account: who am I here, change the password, sign out."""
    return _own(ChangePasswordForm(formdata=None), 200)


def _own(form: ChangePasswordForm, status: int) -> Answer:
    actor = current_actor()
    page = render_template(
        "auth/own_account.html",
        form=form,
        signed=current_session(),
        grants=role_grants.own_grants(actor, clock.now()),
        mail=mail_choice.read(actor),
        suggestion=passwords.generate(),
    )
    return page, status


@auth.post("/tai-khoan")
@signed_in
def change_password() -> Answer:
    """Change the own password; other devices are signed out."""
    form = ChangePasswordForm()
    try:
        if not form.validate_on_submit():
            raise Invalid("")
        _prove(form.old.data)  # with the delay of a sign-in: an unlocked tablet is no place to guess the password at
        credentials.change_own_password(current_actor(), form.old.data or "", form.password.data or "", clock.now())
    except wrong_tries.SignInRefused as refused:
        form.old.errors = [refused.message]
        return _own(form, 429 if refused.wait_seconds else 422)
    except Invalid as wrong:
        if wrong.message:
            (form.old if wrong.field == "old" else form.password).errors = [wrong.message]
        return _own(form, 422)
    note("Đã đổi mật khẩu. Các máy khác đang đăng nhập bằng tài khoản này đã bị thoát.")
    return _renew()


@auth.post("/tai-khoan/thu")
@signed_in
def choose_mail() -> Answer:
    """Whether the mail of the day is wanted."""
    wanted = request.form.get("nhan") == "1"
    mail_choice.choose(current_actor(), wanted, clock.now())
    note(
        "Từ nay thư nhắc việc lại gửi cho thầy, cô."
        if wanted
        else "Từ nay không gửi thư nhắc việc nữa. Lời nhắc vẫn hiện ở chuông."
    )
    return go(url_for(".own_account"))


# --- once more, before a grave act ------------------------------------------------------------------------------------


@auth.get("/xac-nhan", endpoint="confirm")
@signed_in
def confirm_page() -> Answer:
    """Ask for the password once more."""
    return render_template(
        "auth/confirm.html", form=ConfirmForm(formdata=None, next=safe_next(request.args.get("next")))
    )


@auth.post("/xac-nhan")
@signed_in
def confirm_post() -> Answer:
    """Check it and go back to the page of the act."""
    form = ConfirmForm()
    status = _try_confirm(form)
    if status is not None:
        return render_template("auth/confirm.html", form=form), status
    return go(safe_next(form.next.data) or start_path(current_actor()))


def _prove(password: str | None) -> None:
    sessions.confirm(current_user.signed_in, password or "", address=request.remote_addr or "", now=clock.now())


def _try_confirm(form: ConfirmForm) -> int | None:
    if not form.validate_on_submit():
        return 422
    try:
        _prove(form.password.data)
    except Invalid as wrong:
        form.password.errors = [wrong.message]
        return 429 if getattr(wrong, "wait_seconds", 0) else 422
    return None


@auth.get("/xac-nhan/tai-cho")
@signed_in
def confirm_dialog() -> Answer:
    """The same as a dialog."""
    return render_template("auth/_confirm_dialog.html", form=ConfirmForm(formdata=None))


@auth.post("/xac-nhan/tai-cho")
@signed_in
def confirm_in_place() -> Answer:
    """Check it without leaving the page."""
    form = ConfirmForm()
    status = _try_confirm(form)
    if status is not None:
        return render_template("auth/_confirm_dialog.html", form=form), status
    return answer(render_template("auth/_signed_in.html"), trigger="confirmed")


def init_app(app: Flask) -> None:
    """Register the blueprint."""
    app.register_blueprint(auth)
