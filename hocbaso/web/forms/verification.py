"""Forms of the public page: a code, or a file."""

from __future__ import annotations

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import TextAreaField


class UploadForm(FlaskForm):
    """The file somebody holds."""

    tep = FileField(
        "Tệp học bạ (PDF hoặc XML)",
        [FileRequired("Chọn tệp học bạ (PDF hoặc XML) để kiểm tra.")],
        render_kw={"accept": ".pdf,.xml,.json,.html,application/pdf,application/xml,text/xml"},
    )


class TextForm(FlaskForm):
    """The text of a QR."""

    qr = TextAreaField("Chữ trong mã QR")
