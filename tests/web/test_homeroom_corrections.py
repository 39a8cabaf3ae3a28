"""The homeroom part of an approved class, from the pupil's page to the principal's approval."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from tests.cast import NOW, Cast
from tests.services.approved_class import approved_template_fixture, copy_of  # noqa: F401 (fixture)
from tests.services.test_correction_months import OCT, typed_by_month
from tests.services.test_corrections import BINH
from tests.web.test_corrections import act, picture, request_row, text_of


@pytest.fixture
def school_app(approved_template: Path, tmp_path: Path) -> Iterator[Flask]:
    """An application on a fresh copy of the school in which 9A is approved."""
    application = copy_of(approved_template, tmp_path / "school")
    yield application
    with application.app_context():
        db.session.remove()
        db.engine.dispose()


def test_from_the_pupils_page_to_the_approval(client_of, school: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    pupil = school.enrollments["9A", BINH]
    address = f"/sua-chua/chu-nhiem/{pupil}"
    page = f"/lop/{school.classes['9A']}/hoc-sinh/{pupil}"
    assert address in text_of(client_of("math").get(page))
    assert address not in text_of(client_of("principal").get(page))
    form = text_of(client_of("math").get(address))
    seen = dict(re.findall(r'name="s-(\w+)" value="([^"]*)"', form))
    assert seen["conduct_2"] == "T" and seen["absences_excused_1"] == "1"
    data = {f"{kind}-{name}": value for kind in "fs" for name, value in seen.items()}
    data |= {"f-conduct_2": "K", "reason": "Ghi nhầm dòng"}
    wrong = client_of("math").post(address, data={**data, "f-absences_excused_1": "x", "files": picture()})
    assert wrong.status_code == 422 and "số nguyên" in text_of(wrong) and 'value="x"' in text_of(wrong)
    stale = client_of("math").post(address, data={**data, "s-conduct_2": "CĐ", "files": picture()})
    assert stale.status_code == 409 and "đang là <b>Tốt</b>" in text_of(stale) and "<b>Khá</b>" in text_of(stale)
    assert client_of("math").post(address, data={**data, "files": picture()}).status_code == 303
    row = request_row()
    assert (row.kind, row.state, len(row.items)) == ("homeroom", "CONFIRMED", 1)
    shown = text_of(client_of("principal").get(f"/sua-chua/{row.id}"))
    assert "Sửa phần chủ nhiệm" in shown and "Rèn luyện cả năm" in shown and "Điều 8 khoản 2" in shown
    assert act(client_of("principal"), row.id, "duyet").status_code == 303
    kept = db.session.scalars(
        select(m.HomeroomRecord)
        .where(m.HomeroomRecord.enrollment_id == pupil)
        .execution_options(populate_existing=True)
    ).one()
    assert (kept.conduct_2, kept.updated_by) == ("K", school.accounts["math"])


def test_a_wrong_month_from_the_months_page_to_the_approval(
    client_of, school: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    pupil, class_id = school.enrollments["9A", BINH], school.classes["9A"]
    address = f"/sua-chua/nghi-theo-thang/{pupil}"
    assert address not in text_of(client_of("math").get(f"/lop/{class_id}/hoc-sinh/{pupil}")), (
        "no months, nothing to ask"
    )
    assert client_of("math").get(address).status_code == 409
    typed_by_month(school)
    assert "Đề nghị sửa nghỉ theo tháng" in text_of(client_of("math").get(f"/lop/{class_id}/thang"))
    assert "Đề nghị sửa nghỉ theo tháng" not in text_of(client_of("principal").get(f"/lop/{class_id}/thang"))
    assert address in text_of(client_of("math").get(f"/lop/{class_id}/hoc-sinh/{pupil}"))
    assert address in text_of(client_of("math").get(f"/sua-chua/chu-nhiem/{pupil}")), (
        "the total's field leads to its months"
    )
    form = text_of(client_of("math").get(address))
    seen = dict(re.findall(r'name="s-([\w-]+)" value="([^"]*)"', form))
    assert len(seen) == 5 and seen[OCT] == "0" and "ghi thẳng tổng" in form
    data = {f"{kind}-{name}": value for kind in "fs" for name, value in seen.items()}
    data |= {f"f-{OCT}": "3", "reason": "Ghi nhầm dòng"}
    wrong = client_of("math").post(address, data={**data, f"f-{OCT}": "99", "files": picture()})
    assert wrong.status_code == 422 and "từ 0 đến 27" in text_of(wrong) and 'value="99"' in text_of(wrong)
    assert client_of("math").post(address, data={**data, "files": picture()}).status_code == 303
    row = request_row()
    shown = text_of(client_of("principal").get(f"/sua-chua/{row.id}"))
    assert "Nghỉ có phép tháng 10 (học kì I)" in shown and "Nghỉ có phép học kì I" in shown
    assert act(client_of("principal"), row.id, "duyet").status_code == 303
    page = text_of(client_of("math").get(f"/lop/{class_id}/thang?ki=1"))
    assert re.search(rf'id="o-{pupil}-1-2026-10-excused">3<', page)
    assert re.search(rf'id="t-{pupil}-1-excused"><b>4</b>', page)
