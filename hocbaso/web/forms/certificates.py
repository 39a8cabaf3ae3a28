"""Forms of the certificates' page."""

from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, HiddenField, PasswordField, RadioField, SelectMultipleField, StringField
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
        [DataRequired("Xin đặt mã PIN."), Length(min=8, max=64, message="Mã PIN có ít nhất 8 kí tự.")],
        render_kw={"autocomplete": "new-password", "inputmode": "numeric"},
        description="Từ 8 kí tự, không dùng ngày sinh hay số lặp. Mã này hỏi mỗi lần ký; quên thì đăng ký lại tệp.",
    )
    again = PasswordField(
        "Nhập lại mã PIN",
        [DataRequired("Xin nhập lại mã PIN."), EqualTo("pin", "Hai lần nhập chưa giống nhau.")],
        render_kw={"autocomplete": "new-password", "inputmode": "numeric"},
    )
    purpose = RadioField(
        "Chứng thư của", choices=[("personal", "Cá nhân"), ("seal", "Con dấu nhà trường")], default="personal"
    )
    replace = BooleanField("Thay con dấu đang dùng", description="Chỉ đánh dấu khi đăng ký con dấu mới của trường.")


class RootForm(FlaskForm):
    """The root of an issuer."""

    root = FileField(
        "Chứng thư gốc (.pem, .cer, .crt)",
        [FileRequired("Chọn tệp chứng thư gốc.")],
        render_kw={"accept": ".pem,.cer,.crt"},
        description="Một tệp PEM có thể chứa nhiều gốc và cả danh sách thu hồi.",
    )
    kind = RadioField(
        "Của ai",
        choices=[
            ("national", "Gốc quốc gia (chữ ký số công cộng)"),
            ("government", "Gốc chuyên dùng công vụ (Ban Cơ yếu Chính phủ)"),
            ("other", "Nơi cấp khác"),
        ],
        default="national",
    )
    checked = BooleanField(
        "Tôi đã so vân tay SHA-256 của tệp với vân tay nơi cấp công bố",
        [DataRequired("Xin so vân tay trước khi tin cậy.")],
    )


class DeviceForm(FlaskForm):
    """One's own certificate on a token in the server."""

    device = RadioField("Thiết bị", validate_choice=False)
    pin = PasswordField(
        "Mã PIN của thiết bị",
        [DataRequired("Xin nhập mã PIN của thiết bị."), Length(max=64)],
        render_kw={"autocomplete": "off", "inputmode": "text"},
        description="Mã PIN nơi cấp giao cùng thiết bị. Máy dùng một lần để xem chứng thư, không lưu.",
    )
    intermediates = FileField(
        "Chứng thư trung gian của nơi cấp (.pem, .cer)",
        render_kw={"accept": ".pem,.cer,.crt,.p7b"},
        description="Chỉ cần khi thiết bị không chứa sẵn.",
    )
    last_try = BooleanField("Tôi chắc chắn mã PIN đúng, dùng lần thử cuối của thiết bị")
    purpose = RadioField(
        "Chứng thư của", choices=[("personal", "Cá nhân"), ("seal", "Con dấu nhà trường")], default="personal"
    )
    replace = BooleanField("Thay con dấu đang dùng", description="Chỉ đánh dấu khi đăng ký con dấu mới của trường.")


class DeskForm(FlaskForm):
    """One's own certificate on a token at one's own computer; the hidden parts are filled by the page's script."""

    nonce = HiddenField()
    leaf = HiddenField(validators=[DataRequired("Chọn chứng thư rồi xác nhận ở trình ký."), Length(max=20_000)])
    shown = HiddenField(validators=[Length(max=200_000)])
    signature = HiddenField(validators=[Length(max=2_000)])
    serial = HiddenField(validators=[Length(max=64)])
    label = HiddenField(validators=[Length(max=64)])
    key_id = HiddenField(validators=[Length(max=128)])
    intermediates = FileField(
        "Chứng thư trung gian của nơi cấp (.pem, .cer)",
        render_kw={"accept": ".pem,.cer,.crt,.p7b"},
        description="Chỉ cần khi thiết bị không chứa sẵn.",
    )
    purpose = RadioField(
        "Chứng thư của", choices=[("personal", "Cá nhân"), ("seal", "Con dấu nhà trường")], default="personal"
    )
    replace = BooleanField("Thay con dấu đang dùng", description="Chỉ đánh dấu khi đăng ký con dấu mới của trường.")


class RemoteForm(FlaskForm):
    """One's own certificate at a remote signing provider."""

    provider = RadioField("Nơi cấp", validate_choice=False)
    user = StringField(
        "Tài khoản ở nơi cấp",
        [Length(max=100)],
        description="Số định danh cá nhân, số điện thoại hoặc tên đăng nhập, như khi đăng ký với nơi cấp.",
    )
    purpose = RadioField(
        "Chứng thư của", choices=[("personal", "Cá nhân"), ("seal", "Con dấu nhà trường")], default="personal"
    )
    replace = BooleanField("Thay con dấu đang dùng", description="Chỉ đánh dấu khi đăng ký con dấu mới của trường.")


class ApprovalForm(FlaskForm):
    """What the authority said."""

    answer = RadioField(
        "Cơ quan quản lý",
        choices=[("sent", "Đã gửi, đang chờ"), ("approved", "Đã phê duyệt"), ("refused", "Từ chối")],
        default="sent",
    )
    note = StringField("Số văn bản", [Length(max=300)], render_kw={"placeholder": "CV 123/SGDĐT-VP ngày 12/05/2026"})


class RolesForm(FlaskForm):
    """Which signatures a person's certificate may give."""

    roles = SelectMultipleField(
        "Được ký với tư cách",
        choices=[("homeroom", "Giáo viên chủ nhiệm"), ("principal", "Hiệu trưởng (hoặc ký thay)")],
        validate_choice=False,
    )


class RenewalForm(FlaskForm):
    """That renewal was asked of the issuer."""

    renewal_note = StringField("Số phiếu hoặc ghi chú", [Length(max=300)])


class PinForm(FlaskForm):
    """Another PIN for one's own key on this machine."""

    pin = PasswordField(
        "Mã PIN đang dùng",
        [DataRequired("Xin nhập mã PIN đang dùng."), Length(max=64)],
        render_kw={"autocomplete": "off", "inputmode": "numeric"},
    )
    new_pin = PasswordField(
        "Mã PIN mới",
        [DataRequired("Xin đặt mã PIN mới."), Length(min=8, max=64, message="Mã PIN có ít nhất 8 kí tự.")],
        render_kw={"autocomplete": "new-password", "inputmode": "numeric"},
        description="Từ 8 kí tự, không dùng ngày sinh hay số lặp.",
    )
    again = PasswordField(
        "Nhập lại mã PIN mới",
        [DataRequired("Xin nhập lại mã PIN mới."), EqualTo("new_pin", "Hai lần nhập chưa giống nhau.")],
        render_kw={"autocomplete": "new-password", "inputmode": "numeric"},
    )


class ImageForm(FlaskForm):
    """The image of one's hand, or of the school's seal."""

    image = FileField("Tệp ảnh (.png)", [FileRequired("Chọn tệp ảnh PNG.")], render_kw={"accept": ".png,image/png"})


class DestroyForm(FlaskForm):
    """The PIN of a kept key that its owner ends for good."""

    old_pin = PasswordField(
        "Mã PIN của khoá này",
        [DataRequired("Xin nhập mã PIN của khoá này."), Length(max=64)],
        render_kw={"autocomplete": "off", "inputmode": "numeric"},
    )


class RevokeForm(FlaskForm):
    """Why a certificate is revoked."""

    reason = StringField("Lí do thu hồi", [DataRequired("Xin ghi lí do thu hồi."), Length(max=300)])


class LiftForm(FlaskForm):
    """Why a revocation that was written down here is lifted."""

    note = StringField("Lí do gỡ", [DataRequired("Xin ghi lí do gỡ việc ghi thu hồi."), Length(max=300)])


class InstanceKeyForm(FlaskForm):
    """The seal's PIN, to have the seal say whose key the machine's is."""

    pin = PasswordField(
        "Mã PIN của con dấu",
        [DataRequired("Xin nhập mã PIN của con dấu."), Length(max=64)],
        render_kw={"autocomplete": "off"},
    )
    code = StringField("Mã một lần của nơi cấp (nếu ký từ xa)", [Length(max=20)], render_kw={"autocomplete": "off"})


class WithdrawKeyForm(FlaskForm):
    """Why the machine's key is withdrawn."""

    reason = StringField("Lí do thu hồi khoá của máy", [DataRequired("Xin ghi lí do thu hồi."), Length(max=300)])
