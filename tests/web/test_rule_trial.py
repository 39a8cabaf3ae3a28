"""Thử quy định: who would change under other numbers, for the class's own people, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from tests.cast import NOW, STUDENTS, Cast
from tests.services.full_class import fill_homeroom, fill_scores

Clients = Callable[[str], FlaskClient]
WEAK, AWAY, FINE = STUDENTS["9A"][0], STUDENTS["9A"][1], STUDENTS["9A"][2]


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def filled(school: Cast) -> Cast:
    """One pupil whom clause 3 raises, one who was away too long, the others good in everything."""
    fill_scores(school, "9A", {(WEAK, "ICT"): 36})
    fill_homeroom(school, "9A", {AWAY: {"absences_excused_2": 46}})
    return school


def page_of(client: FlaskClient, cast: Cast, query: str = "", status: int = 200) -> str:
    answer = client.get(f"/lop/{cast.classes['9A']}/thu-quy-dinh{query}")
    assert answer.status_code == status
    return " ".join(answer.get_data(as_text=True).split())


def test_the_law_itself_changes_nobody_and_a_draft_lists_exactly_who_would(filled: Cast, client_of: Clients) -> None:
    client = client_of("math")
    n_entries = db.session.query(m.AuditEntry).count()
    db.session.rollback()
    assert "Các số đang là của Thông tư 22" in page_of(client, filled)

    page = page_of(client, filled, "?vang=60")
    assert (
        'waits__n">1<' in page and "<del>không được lên lớp</del>" in page and "hoàn thành chương trình</ins>" in page
    )
    assert "Đổi: số buổi nghỉ nhiều nhất" in page and "quá 45 buổi" in page, (
        "and the law's own steps with their articles"
    )

    page = page_of(client, filled, "?khoan-3=khong")
    assert 'waits__n">1<' in page and "Học tập cả năm" in page and "<del>Khá</del>" in page and "<ins>Đạt</ins>" in page

    page = page_of(client, filled, "?xuat-sac=8,5&so-mon=6")
    assert page.count("Học sinh Xuất sắc</ins>") == len(STUDENTS["9A"]) - 1, "all but the weak one, the absent one too"
    assert db.session.query(m.AuditEntry).count() == n_entries


def test_what_is_no_number_is_told_beside_what_holds(filled: Cast, client_of: Clients) -> None:
    page = page_of(client_of("principal"), filled, "?vang=nhiều&lai=5", status=422)
    assert "phải là một số nguyên" in page and 'value="nhiều"' in page
    assert "phải từ 0 đến 300" in page_of(client_of("principal"), filled, "?vang=999", status=422)


def test_an_empty_class_and_somebody_elses(school: Cast, client_of: Clients) -> None:
    assert "5 em chưa đủ dữ liệu" in page_of(client_of("math"), school).replace('<span class="num">5</span>', "5")
    for who, status in (("head_society", 404), ("it_officer", 403), ("outsider", 403)):
        page_of(client_of(who), school, status=status)
