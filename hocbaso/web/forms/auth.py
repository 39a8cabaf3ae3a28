"""Forms of signing in and of one's own account."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, Length

from hocbaso.services.passwords import MAX_LENGTH


class SignInForm(FlaskForm):
    """Name and password."""

    username = StringField(
        "Tên đăng nhập",
        [DataRequired("Xin ghi tên đăng nhập."), Length(max=60)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        "Mật khẩu",
        [DataRequired("Xin nhập mật khẩu."), Length(max=MAX_LENGTH)],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()


class ConfirmForm(FlaskForm):
    """The password once more."""

    password = PasswordField(
        "Mật khẩu",
        [DataRequired("Xin nhập mật khẩu."), Length(max=MAX_LENGTH)],
        render_kw={"autocomplete": "current-password"},
    )
    next = HiddenField()


class NewPasswordForm(FlaskForm):
    """A new password, typed twice."""

    password = PasswordField(
        "Mật khẩu mới",
        [DataRequired("Xin nhập mật khẩu mới."), Length(max=MAX_LENGTH)],
        render_kw={"autocomplete": "new-password", "minlength": "12"},
        description="Ít nhất 12 kí tự. Bốn từ không liên quan nhau, nối bằng dấu gạch, là dễ nhớ nhất.",
    )
    again = PasswordField(
        "Nhập lại mật khẩu mới",
        [DataRequired("Xin nhập lại mật khẩu mới."), EqualTo("password", "Hai lần nhập chưa giống nhau.")],
        render_kw={"autocomplete": "new-password"},
    )


class ChangePasswordForm(NewPasswordForm):
    """The old password and the new one."""

    old = PasswordField(
        "Mật khẩu hiện nay",
        [DataRequired("Xin nhập mật khẩu hiện nay."), Length(max=MAX_LENGTH)],
        render_kw={"autocomplete": "current-password"},
    )


class CodeForm(FlaskForm):
    """Six digits from the telephone."""

    code = StringField(
        "Mã 6 chữ số",
        [DataRequired("Xin nhập mã trên điện thoại."), Length(max=12)],
        render_kw={"inputmode": "numeric", "autocomplete": "one-time-code"},
    )
