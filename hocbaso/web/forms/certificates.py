"""Forms of the certificates' page."""

from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, PasswordField, RadioField
from wtforms.validators import DataRequired, EqualTo, Length


class RegisterForm(FlaskForm):
    """One's own ``.p12``, its password, and a PIN of one's own choice."""

    file = FileField(
        "Tệp chứng thư (.p12, .pfx)", [FileRequired("Chọn tệp chứng thư.")], render_kw={"accept": ".p12,.pfx"}
    )
    password = PasswordField(
        "Mật khẩu của tệp",
        [Length(max=200)],
        render_kw={"autocomplete": "off"},
        description="Chỉ dùng để mở tệp lần này, máy không lưu.",
    )
    pin = PasswordField(
        "Mã PIN mới",
        [DataRequired("Xin đặt mã PIN."), Length(min=6, max=64, message="Mã PIN có ít nhất 6 kí tự.")],
        render_kw={"autocomplete": "new-password", "inputmode": "numeric"},
        description="Từ 6 kí tự, không để số dễ đoán. Mã này hỏi mỗi lần ký; quên thì đăng ký lại tệp.",
    )
    again = PasswordField(
        "Nhập lại mã PIN",
        [DataRequired("Xin nhập lại mã PIN."), EqualTo("pin", "Hai lần nhập chưa giống nhau.")],
        render_kw={"autocomplete": "new-password", "inputmode": "numeric"},
    )
    purpose = RadioField(
        "Chứng thư của", choices=[("personal", "Cá nhân"), ("seal", "Con dấu nhà trường")], default="personal"
    )


class RootForm(FlaskForm):
    """The root of an issuer."""

    root = FileField(
        "Chứng thư gốc (.pem, .cer, .crt)",
        [FileRequired("Chọn tệp chứng thư gốc.")],
        render_kw={"accept": ".pem,.cer,.crt"},
    )
    checked = BooleanField(
        "Tôi đã so vân tay SHA-256 của tệp với vân tay nơi cấp công bố",
        [DataRequired("Xin so vân tay trước khi tin cậy.")],
    )
