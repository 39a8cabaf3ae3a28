"""The subjects of the lower-secondary programme and the names offices give them. Data, no logic beyond the look-up.

Kinds come from Art. 5.3 of Circular 22/2021; lesson counts are not here because schools enter them.
"""

from __future__ import annotations

from dataclasses import dataclass

from hocbaso.exchange.vietnamese_text import fold_key
from hocbaso.regulations.terms import SubjectKind


@dataclass(frozen=True, slots=True)
class CatalogueSubject:
    """One subject. ``name`` is the "Môn học" of the sector database, ``short_name`` what fits on a sheet tab.

    ``sheet_order`` is the order of Circular 22 (score books, exports), ``transcript_order`` the row order of the
    printed transcript of 2025-26; both count from 1. ``optional`` subjects exist only where a class takes them.
    """

    code: str
    name: str
    short_name: str
    kind: SubjectKind
    transcript_name: str
    sheet_order: int
    transcript_order: int
    optional: bool = False


_S, _C = SubjectKind.SCORED, SubjectKind.COMMENT

SUBJECT_CATALOGUE: tuple[CatalogueSubject, ...] = (
    CatalogueSubject("LIT", "Ngữ văn", "Ngữ văn", _S, "Ngữ văn", 1, 5),
    CatalogueSubject("MATH", "Toán", "Toán", _S, "Toán học", 2, 1),
    CatalogueSubject("FL1", "Ngoại ngữ 1", "Ngoại ngữ 1", _S, "Ngoại ngữ 1", 3, 6),
    CatalogueSubject("CIVICS", "Giáo dục công dân", "GDCD", _S, "Giáo dục công dân", 4, 7),
    CatalogueSubject("HISTGEO", "Lịch sử và Địa lí", "LS-ĐL", _S, "Lịch sử và Địa lí", 5, 2),
    CatalogueSubject("SCI", "Khoa học tự nhiên", "KHTN", _S, "Khoa học tự nhiên", 6, 3),
    CatalogueSubject("TECH", "Công nghệ", "Công nghệ", _S, "Công nghệ", 7, 8),
    CatalogueSubject("ICT", "Tin học", "Tin học", _S, "Tin học", 8, 4),
    CatalogueSubject("PE", "Giáo dục thể chất", "GDTC", _C, "Giáo dục thể chất", 9, 9),
    CatalogueSubject("ART", "Nghệ thuật", "Nghệ thuật", _C, "Nghệ thuật", 10, 10),
    CatalogueSubject(
        "EXP", "Hoạt động trải nghiệm, hướng nghiệp", "HĐTN-HN", _C, "Hoạt động trải nghiệm, hướng nghiệp", 11, 13
    ),
    CatalogueSubject(
        "LOCAL", "Nội dung giáo dục của địa phương", "NDGDĐP", _C, "Nội dung giáo dục của địa phương", 12, 12
    ),
    CatalogueSubject("ETHLANG", "Tiếng dân tộc thiểu số", "Tiếng DTTS", _S, "Tiếng dân tộc thiểu số", 13, 14, True),
    CatalogueSubject("FL2", "Ngoại ngữ 2", "Ngoại ngữ 2", _S, "Ngoại ngữ 2", 14, 11, True),
)

SUBJECT_BY_CODE: dict[str, CatalogueSubject] = {subject.code: subject for subject in SUBJECT_CATALOGUE}

_ALIASES: dict[str, tuple[str, ...]] = {
    "LIT": ("Văn", "Văn học", "Môn Ngữ văn", "NV"),
    "MATH": ("Toán học", "Môn Toán"),
    "FL1": (
        "NN1",
        "Ngoại ngữ",
        "Tiếng Anh",
        "Anh",
        "Anh văn",
        "Môn Tiếng Anh",
        "T.Anh",
        "Ngoại ngữ 1 Tiếng Anh",
        "Ngoại ngữ (Tiếng Anh)",
        "Ngoại ngữ I",
        "NN 1 (Anh)",
    ),
    "CIVICS": ("GD công dân", "Công dân", "GDCD"),
    "HISTGEO": (
        "Lịch sử & Địa lý",
        "Lịch sử - Địa lí",
        "LS&ĐL",
        "LSĐL",
        "LS và ĐL",
        "Sử - Địa",
        "Lịch sử, Địa lí",
        "LS-ĐL",
        "Sử Địa",
    ),
    "SCI": ("KHTN", "Khoa học TN", "KH tự nhiên"),
    "TECH": ("CN", "C.Nghệ", "Môn Công nghệ", "CNghệ"),
    "ICT": ("Tin", "TH", "Môn Tin học"),
    "PE": ("GDTC", "GD thể chất", "Thể dục", "TD", "Thể chất"),
    "ART": (
        "NT",
        "Nghệ thuật (Âm nhạc, Mĩ thuật)",
        "Nghệ thuật (Âm nhạc, Mỹ thuật)",
        "Âm nhạc, Mĩ thuật",
        "Nghệ thuật Âm nhạc và Mĩ thuật",
    ),
    "EXP": (
        "HĐTN",
        "HĐTNHN",
        "HĐTN, HN",
        "HĐTN HN",
        "Hoạt động trải nghiệm",
        "Hoạt động trải nghiệm - hướng nghiệp",
        "Hoạt động trải nghiệm và hướng nghiệp",
        "HĐ trải nghiệm, hướng nghiệp",
        "HĐ TNHN",
        "TNHN",
    ),
    "LOCAL": (
        "GDĐP",
        "NDGDĐP",
        "ND GDĐP",
        "Giáo dục địa phương",
        "GD địa phương",
        "Nội dung giáo dục địa phương",
        "Nội dung GD địa phương",
        "Nội dung GD của địa phương",
        "Nội dung GDĐP",
        "Địa phương",
    ),
    "ETHLANG": ("Tiếng DTTS", "Tiếng dân tộc", "TDTTS"),
    "FL2": ("NN2", "Ngoại ngữ II"),
}

_CODE_BY_KEY: dict[str, str] = {}
for _subject in SUBJECT_CATALOGUE:
    for _alias in (
        _subject.code,
        _subject.name,
        _subject.short_name,
        _subject.transcript_name,
        *_ALIASES[_subject.code],
    ):
        _CODE_BY_KEY.setdefault(fold_key(_alias), _subject.code)

# Names that do name something, but not one subject of the circular: never guessed into one.
_PARTS: dict[str, str] = {
    **dict.fromkeys(("amnhac", "mithuat", "mythuat", "nhac"), "Nghệ thuật"),
    **dict.fromkeys(("lichsu", "su", "diali", "dialy", "dia"), "Lịch sử và Địa lí"),
    **dict.fromkeys(("vatli", "vatly", "hoahoc", "sinhhoc", "ly", "hoa", "sinh"), "Khoa học tự nhiên"),
}
_FOREIGN_LANGUAGES = ("phap", "trung", "trungquoc", "nhat", "han", "nga", "duc")


def subject_code(text: str) -> str | None:
    """The code of a subject's full, short or everyday name in any case and with or without marks; None if unknown.

    A bracketed language is left out ("Ngoại ngữ 2 (Tiếng Pháp)" is FL2). Names of a part of a subject (Âm nhạc, Vật lí)
    are unknown on purpose; ``why_unknown`` says so.
    """
    found = _CODE_BY_KEY.get(fold_key(text))
    if found is None and "(" in text:
        found = _CODE_BY_KEY.get(fold_key(text.split("(", 1)[0]))
    return found


def why_unknown(text: str) -> str:
    """A Vietnamese sentence saying why ``text`` is not one subject."""
    key = fold_key(text)
    if key in _PARTS:
        return f"“{text}” chỉ là một phần của môn {_PARTS[key]}; hãy nhập kết quả của cả môn {_PARTS[key]}."
    if key.removeprefix("tieng") in _FOREIGN_LANGUAGES:
        return f"“{text}” có thể là Ngoại ngữ 1 hoặc Ngoại ngữ 2; hãy ghi rõ “Ngoại ngữ 1” hoặc “Ngoại ngữ 2”."
    return f"Không có môn học nào tên “{text}” trong danh mục."
