"""Forms of the first run."""

from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import SelectChoice, SelectField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from hocbaso.regulations.permissions import Role
from hocbaso.web.forms.people import VnDateField


class SetupCodeForm(FlaskForm):
    """The code on the server's console."""

    code = StringField(
        "Mã thiết lập",
        [DataRequired("Xin nhập mã hiện trên màn hình máy chủ."), Length(max=40)],
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
        description="12 kí tự, in trên cửa sổ nơi máy chủ được mở",
    )


class SchoolForm(FlaskForm):
    """The school as it stands on the paper."""

    name = StringField(
        "Tên trường",
        [DataRequired("Xin ghi tên trường."), Length(max=200)],
        description="Viết đủ như trên con dấu, ví dụ: Trường THCS Đồng Sen",
    )
    code = StringField("Mã trường", [Optional(), Length(max=20)], description="Mã trong cơ sở dữ liệu ngành")
    department_name = StringField(
        "Cơ quan quản lý", [Optional(), Length(max=200)], description="Ví dụ: Sở Giáo dục và Đào tạo Ninh Bình"
    )
    department_code = StringField("Mã cơ quan quản lý", [Optional(), Length(max=20)])
    commune_kind = SelectField("Cấp xã", choices=[SelectChoice(kind) for kind in ("Xã", "Phường", "Đặc khu")])
    commune = StringField("Tên xã, phường", [DataRequired("Xin ghi tên xã, phường."), Length(max=100)])
    province_kind = SelectField("Cấp tỉnh", choices=[SelectChoice(kind) for kind in ("Tỉnh", "Thành phố")])
    province = StringField("Tên tỉnh, thành phố", [DataRequired("Xin ghi tên tỉnh, thành phố."), Length(max=100)])
    place_name = StringField(
        "Địa danh ghi trước ngày tháng", [Optional(), Length(max=100)], description="In trên học bạ: “Đồng Sen, ngày …”"
    )
    lookup_url = StringField(
        "Địa chỉ tra cứu học bạ",
        [Optional(), Length(max=300)],
        description="In trong mã QR của học bạ, ví dụ: https://hocba.thcsdongsen.edu.vn/xac-thuc",
    )


class YearForm(FlaskForm):
    """The first school year; all dates can be changed later by the principal."""

    label = StringField("Năm học", [DataRequired("Xin ghi năm học."), Length(max=9)])
    starts_on = VnDateField("Khai giảng", [InputRequired("Xin ghi ngày.")])
    ends_on = VnDateField("Kết thúc năm học", [InputRequired("Xin ghi ngày.")])
    data_complete_before = VnDateField(
        "Xong dữ liệu trước ngày", [InputRequired("Xin ghi ngày.")], description="Trước 20/5 nghĩa là ngày cuối là 19/5"
    )
    sign_grade9_before = VnDateField("Ký xong khối 9 trước ngày", [InputRequired("Xin ghi ngày.")])
    sign_others_before = VnDateField("Ký xong các khối khác trước ngày", [InputRequired("Xin ghi ngày.")])
    summer_freeze_on = VnDateField("Chốt kết quả trong hè", [InputRequired("Xin ghi ngày.")])


FIRST_ROLES = (Role.PRINCIPAL, Role.VICE_PRINCIPAL, Role.CLERK, Role.IT_OFFICER)


class PeopleForm(FlaskForm):
    """Who gets an account on the first day."""

    principal_name = StringField("Hiệu trưởng", [DataRequired("Xin ghi họ tên Hiệu trưởng."), Length(max=120)])
    principal_code = StringField("Mã của Hiệu trưởng", [DataRequired("Xin ghi mã."), Length(max=30)], default="BGH01")
    vice_principal_name = StringField("Phó Hiệu trưởng", [Optional(), Length(max=120)])
    vice_principal_code = StringField("Mã của Phó Hiệu trưởng", [Optional(), Length(max=30)], default="BGH02")
    clerk_name = StringField("Văn thư", [Optional(), Length(max=120)])
    clerk_code = StringField("Mã của Văn thư", [Optional(), Length(max=30)], default="VP01")
    it_officer_name = StringField(
        "Người phụ trách CNTT",
        [DataRequired("Xin ghi họ tên người phụ trách CNTT."), Length(max=120)],
        description="Quản lý tài khoản và máy chủ; tài khoản này không xem, không sửa được điểm",
    )
    it_officer_code = StringField(
        "Mã của người phụ trách CNTT", [DataRequired("Xin ghi mã."), Length(max=30)], default="CNTT01"
    )


class RootForm(FlaskForm):
    """A root certificate to trust."""

    root = FileField("Tệp chứng thư gốc (.pem, .crt, .cer)")


class RestoreForm(FlaskForm):
    """A backup."""

    archive = FileField("Tệp sao lưu (.tar)")
