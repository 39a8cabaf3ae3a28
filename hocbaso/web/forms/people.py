"""Forms about staff, accounts, roles and assignments."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, IntegerField, SelectChoice, SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, Optional
from wtforms.widgets import HiddenInput, TextInput

from hocbaso.regulations.permissions import Role
from hocbaso.web import labels

BAD_DATE = "Ngày chưa đúng dạng 14/08/2011."


class VnDateField(DateField):
    """A day typed as 14/08/2011; 2011-08-14 is understood too.

    A plain text field: the browser's own one shows mm/dd/yyyy wherever its language is not Vietnamese.
    """

    widget = TextInput()

    def __init__(self, label: str, validators: list[object] | None = None, **kwargs: object) -> None:
        kwargs.setdefault("render_kw", {"inputmode": "numeric", "placeholder": "ngày/tháng/năm", "autocomplete": "off"})
        super().__init__(
            label, validators, format=["%d/%m/%Y", "%d/%m/%y", "%Y-%m-%d", "%d-%m-%Y", "%d.%m.%Y"], **kwargs
        )

    def process_formdata(self, valuelist: list[str]) -> None:
        """Invalid days get the words of this project instead of the library's."""
        if valuelist and not valuelist[0].strip():
            self.data = None
            return
        try:
            super().process_formdata([value.strip() for value in valuelist])
        except ValueError:
            raise ValueError(BAD_DATE) from None


def _number_or_none(text: str | None) -> int | None:
    return int(text) if text else None


def numbered(rows: list[tuple[int, str]], empty: str) -> list[SelectChoice]:
    """Choices of (id, name) rows after an empty one."""
    return [SelectChoice("", empty), *(SelectChoice(str(number), name) for number, name in rows)]


class ProfileForm(FlaskForm):
    """A staff profile (lí lịch trích ngang)."""

    staff_code = StringField("Mã cán bộ, giáo viên", [DataRequired("Xin ghi mã."), Length(max=30)])
    full_name = StringField("Họ và tên", [DataRequired("Xin ghi họ và tên."), Length(max=120)])
    birth_on = VnDateField("Ngày sinh", [Optional()])
    sex = SelectField("Giới tính", choices=[SelectChoice("", "Chưa ghi"), SelectChoice("Nam"), SelectChoice("Nữ")])
    personal_id_number = StringField(
        "Số định danh cá nhân",
        [Optional(), Length(max=12)],
        render_kw={"inputmode": "numeric"},
        description="12 chữ số trên thẻ căn cước",
    )
    subject_group_id = SelectField("Tổ chuyên môn", coerce=_number_or_none)
    position_title = StringField("Chức vụ, chức danh", [Optional(), Length(max=80)])
    qualification = StringField("Trình độ đào tạo", [Optional(), Length(max=80)])
    major = StringField("Chuyên ngành", [Optional(), Length(max=120)])
    phone = StringField("Điện thoại", [Optional(), Length(max=30)], render_kw={"inputmode": "tel"})
    email = StringField("Thư điện tử", [Optional(), Length(max=120)], render_kw={"inputmode": "email"})
    joined_on = VnDateField("Ngày về trường", [Optional()])
    left_on = VnDateField(
        "Ngày làm việc cuối cùng",
        [Optional()],
        description="Ghi khi thôi việc hoặc chuyển đi: mọi phân công kết thúc vào ngày này. Ai giữ vai trò thì Hiệu trưởng kết "
        "thúc vai trò trước.",
    )
    version = IntegerField(widget=HiddenInput(), default=0)

    def with_groups(self, groups: list[tuple[int, str]]) -> ProfileForm:
        """The same form knowing the subject groups."""
        self.subject_group_id.choices = numbered(groups, "Không thuộc tổ nào")
        return self


class UsernameForm(FlaskForm):
    """A new account for a person."""

    username = StringField("Tên đăng nhập", [Optional(), Length(max=40)])


class GrantForm(FlaskForm):
    """A role for a person."""

    person_id = SelectField("Người nhận", coerce=_number_or_none, validators=[DataRequired("Xin chọn người.")])
    role = SelectField("Vai trò", choices=[SelectChoice(role.value, labels.ROLES[role]) for role in Role])
    scope = SelectField("Phạm vi", description="Tổ trưởng: chọn tổ. Uỷ quyền: toàn trường, một khối hoặc một lớp.")
    starts_on = VnDateField("Từ ngày", [Optional()], description="Để trống là từ hôm nay")
    ends_on = VnDateField("Đến hết ngày", [Optional()], description="Uỷ quyền phải có ngày cuối")
    document = StringField("Văn bản", [Optional(), Length(max=200)], description="Ví dụ: Giấy uỷ quyền số 12/GUQ-THCS")
    hand_over = BooleanField(
        "Bàn giao chức Hiệu trưởng",
        description="Khi giao vai trò Hiệu trưởng: vai trò của Hiệu trưởng hiện nay kết thúc ngày hôm trước",
    )


class EndRoleForm(FlaskForm):
    """The last day of a role."""

    grant_id = SelectField("Vai trò", coerce=_number_or_none, validators=[DataRequired("Xin chọn vai trò.")])
    ends_on = VnDateField("Đến hết ngày", [InputRequired("Xin ghi ngày cuối của vai trò.")])


class HandOverForm(FlaskForm):
    """A teacher for a subject of a class, from a day on."""

    person_id = SelectField("Người nhận", coerce=_number_or_none, validators=[DataRequired("Xin chọn người.")])
    starts_on = VnDateField("Từ ngày", [InputRequired("Xin ghi ngày bắt đầu.")])
