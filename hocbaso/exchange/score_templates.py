"""The official forms of one class's scores in one subject: which columns, in which order, under which headings.

Data only. A new form is a row of :data:`TEMPLATES`; what writes and what reads a file goes by these rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from hocbaso.errors import Invalid
from hocbaso.exchange.profiles import DEFAULT_PROFILE, ColumnMap, column_map
from hocbaso.exchange.vietnamese_text import fold_key

LINE_CODE = "line_code"
"""The field of the hidden column that names each line."""

REGULAR = "regular"
"""Stands for as many columns as the subject has regular assessments (Art. 6.2)."""

FIELD_OF_KEY = {**{f"TX{n}": f"regular_{n}" for n in range(1, 5)}, "GK": "midterm", "CK": "final", "NX": "remark"}
"""Stored column -> field of a file."""

KEY_OF_FIELD = {name: key for key, name in FIELD_OF_KEY.items()}


def key_of(name: str) -> str | None:
    """The stored column of a field; None for a field that holds no marks. A fifth regular mark has one too: what holds
    more than a sheet can is refused there, not passed over here."""
    if name.startswith("regular_"):
        return "TX" + name.removeprefix("regular_")
    return KEY_OF_FIELD.get(name)


@dataclass(frozen=True, slots=True)
class TemplateColumn:
    """One column (for ``REGULAR`` one for each). ``heading`` has ``{n}`` for the ordinal; ``below``: a second line of it,
    under a heading that is merged over the whole block."""

    field: str
    heading: str
    below: str = ""
    width: int = 9


@dataclass(frozen=True, slots=True)
class ScoreTemplate:
    """A form. ``title`` and ``hint`` are what a person chooses by."""

    name: str
    title: str
    hint: str
    columns: tuple[TemplateColumn, ...]


_C = TemplateColumn
_ORDER = _C("order", "STT", width=5)
_CODE = _C("student_code", "Mã định danh Bộ GD&ĐT", width=16)
_NAME = _C("full_name", "Họ và tên", width=27)
_BORN = _C("born_on", "Ngày sinh", width=12)

TEMPLATES: dict[str, ScoreTemplate] = {
    template.name: template
    for template in (
        ScoreTemplate(
            "csdl-mau-1",
            "Mẫu 1 của CSDL ngành",
            "điểm từng cột và nhận xét",
            (
                _ORDER,
                _C("class_name", "Lớp", width=7),
                _CODE,
                _NAME,
                _BORN,
                _C(REGULAR, "ĐĐGtx{n}"),
                _C("midterm", "ĐĐGgk"),
                _C("final", "ĐĐGck"),
                _C("remark", "Nhận xét", width=42),
            ),
        ),
        ScoreTemplate(
            "csdl-mau-2",
            "Mẫu 2 của CSDL ngành",
            "thêm điểm trung bình và mã nhận xét",
            (
                _ORDER,
                _CODE,
                _NAME,
                _BORN,
                _C(REGULAR, "ĐĐGtx", "{n}", width=6),
                _C("midterm", "ĐĐGgk"),
                _C("final", "ĐĐGck"),
                _C("average", "ĐTBmhk"),
                _C("remark_code", "Mã nhận xét"),
                _C("remark", "Nội dung nhận xét", width=42),
            ),
        ),
        ScoreTemplate(
            "csdl-nhan-xet",
            "Mẫu nhận xét môn học của CSDL ngành",
            "chỉ điền lời nhận xét",
            (
                _ORDER,
                _CODE,
                _NAME,
                _BORN,
                _C("average", "ĐTBmhk"),
                _C("remark_code", "Mã nhận xét"),
                _C("remark", "Nội dung nhận xét", width=60),
            ),
        ),
        ScoreTemplate(
            "lms-vn",
            "Mẫu LMS-VN",
            "điểm từng cột, không có nhận xét",
            (
                _ORDER,
                _C("student_code", "Mã HS", width=14),
                _NAME,
                _C(REGULAR, "TX{n}", width=7),
                _C("midterm", "GK", width=7),
                _C("final", "CK", width=7),
                _C("average", "ĐTBmhk"),
                _C("note", "Ghi chú", width=30),
            ),
        ),
    )
}
DEFAULT_TEMPLATE = "csdl-mau-1"

_KNOWN = column_map("scores", DEFAULT_PROFILE)
READ_COLUMNS = ColumnMap(
    "scores",
    "bảng điểm",
    {
        **_KNOWN.headers,
        LINE_CODE: ("Mã dòng",),
        "remark_code": ("Mã nhận xét", "Mã NX"),
        "result": ("Đánh giá", "Mức đánh giá", "Mức đạt được"),
        "note": ("Ghi chú",),
    },
    (("student_code", "full_name", "given_name"), ("regular_1", "midterm", "final", "remark")),
    has_scores=True,
)
"""Every heading by which a column of any form is known."""


def template_named(name: str) -> ScoreTemplate:
    """The form of this name; Invalid for an unknown one."""
    try:
        return TEMPLATES[name]
    except KeyError:
        raise Invalid(f"Không có mẫu tệp “{name[:40]}”.", field="mau") from None


def template_like(headings: list[str]) -> ScoreTemplate | None:
    """The form whose headings agree most with those of a file; None when none has even half of its own there."""
    there = {fold_key(text).rstrip("0123456789") for text in headings}
    best: tuple[float, ScoreTemplate] | None = None
    for template in TEMPLATES.values():
        own = {fold_key(column.heading.replace("{n}", "")) for column in template.columns}
        share = len(own & there) / len(own | there)
        if best is None or share > best[0]:
            best = (share, template)
    return best[1] if best is not None and best[0] >= 0.5 else None
