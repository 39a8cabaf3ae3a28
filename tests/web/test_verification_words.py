"""The public page speaks to parents: no word of the office for what the school did with a transcript."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask

from hocbaso.services import verification
from tests.cast import NOW

CODE = "7c1e4b0a-52d8-4f19-9e36-b8a07d2f61c4"
ANSWERS = [
    verification.CodeAnswer(
        CODE, verification.IN_FORCE, "Trường THCS Đồng Sen", "2025-2026", "9A", "N. B. C.", date(2026, 5, 19)
    ),
    verification.CodeAnswer(
        CODE, verification.REPLACED, "Trường THCS Đồng Sen", "2025-2026", "9A", "N. B. C.", date(2026, 5, 19), NOW, True
    ),
    verification.CodeAnswer(
        CODE, verification.RECALLED, "Trường THCS Đồng Sen", "2025-2026", "9A", "N. B. C.", date(2026, 5, 19), NOW
    ),
    verification.CodeAnswer(CODE, verification.NOT_ISSUED),
    verification.CodeAnswer(CODE, verification.UNKNOWN),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.standing)
def test_no_answer_says_issued_as_the_office_does(
    school_app: Flask, answer: verification.CodeAnswer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "by_code", lambda code: answer)
    page = school_app.test_client().get(f"/xac-thuc/{CODE}").get_data(as_text=True)
    assert CODE in page and "phát hành" not in page.lower()
    if answer.standing == verification.IN_FORCE:
        assert "Nhà trường đã ký, đóng dấu và cấp học bạ này" in page
        assert "<dt>Ngày cấp</dt>" in page and "19/05/2026" in page
    if answer.standing == verification.NOT_ISSUED:
        assert "Học bạ chưa được cấp" in page and "chữ ký và con dấu" in page
