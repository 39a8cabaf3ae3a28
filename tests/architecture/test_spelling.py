"""One spelling of each word on screen, in the house's form: the tone over the second vowel, "ký" for signing."""

from __future__ import annotations

import re

import source

OTHER_SPELLING = re.compile(
    r"(?<!\w)(?:ủy quyền|hủy|xóa|khóa|mã hóa|đăng kí|kí số|hòa nhập|hòa đồng|sức khỏe|quản lí)(?!\w)", re.IGNORECASE
)
FORMS_OF_THE_PAPER = ("templates/pdf/", "hocbaso/documents/")
"""Their words are the circular's, and a form once issued keeps its own."""
ALL_SPELLINGS = ("hocbaso/regulations/anomalies/",)
"""Reads what people type, however they spell it."""
FROZEN_WORDS = ("hocbaso/regulations/student_year.py",)
"""Its steps are frozen with a class and held against what is computed anew: another spelling would read as another result."""


def test_a_word_on_screen_has_one_spelling():
    root = source.ROOT
    texts = [*source.python_files("hocbaso"), *(root / "templates").rglob("*.html"), *(root / "docs").rglob("*.md")]
    assert len(texts) > 500
    found = [
        f"{path.relative_to(root)}: {match[0]}"
        for path in texts
        if not str(path.relative_to(root)).startswith(FORMS_OF_THE_PAPER + ALL_SPELLINGS + FROZEN_WORDS)
        for match in OTHER_SPELLING.finditer(path.read_text("utf-8"))
    ]
    assert found == []
    assert OTHER_SPELLING.search("Đã ủy quyền")
