"""A program on a database of another shape shows one page everywhere, and says which of the two is older."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from hocbaso.db import db, write_transaction
from hocbaso.errors import WrongState
from hocbaso.services import health, schema
from hocbaso.web import schema_guard
from tests.conftest import make_app


@pytest.fixture
def migrated(tmp_path: Path) -> Flask:
    app = make_app(tmp_path / "i")
    with app.app_context():
        schema.upgrade()
        db.session.remove()
    return app


def set_revision(app: Flask, revision: str) -> None:
    with app.app_context(), write_transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


@pytest.mark.parametrize(("revision", "words"), [("0001", "flask db upgrade"), ("9999", "mới hơn bản đang chạy")])
def test_every_page_says_it_and_nothing_is_written(migrated: Flask, revision: str, words: str) -> None:
    set_revision(migrated, revision)
    client = migrated.test_client()
    for answer in (client.get("/"), client.get("/dang-nhap"), client.post("/dang-nhap"), client.get("/khong-co")):
        assert answer.status_code == 503 and words in answer.get_data(as_text=True)
        assert answer.headers["Retry-After"] == "60"
    assert client.get("/static/css/app.css").status_code == 200
    assert client.get("/healthz").status_code == 503
    assert client.get("/dang-nhap", headers={"HX-Request": "true"}).status_code == 503
    with migrated.app_context():
        [finding] = [one for one in health.examine(schema_now(), deep=False) if one.check == "Cấu trúc dữ liệu"]
        assert finding.level == "bad" and words in finding.message
        with pytest.raises(WrongState, match=words):
            schema.make_new()


def schema_now():
    from hocbaso import clock

    return clock.now()


def test_the_pages_come_back_as_soon_as_the_database_is_brought_up(migrated: Flask) -> None:
    set_revision(migrated, "0001")
    client = migrated.test_client()
    assert client.get("/dang-nhap").status_code == 503
    set_revision(migrated, schema.head_revision() or "")
    assert client.get("/dang-nhap").status_code != 503


def test_a_good_answer_is_asked_again_after_a_while(migrated: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = migrated.test_client()
    assert client.get("/dang-nhap").status_code != 503
    set_revision(migrated, "9999")
    monkeypatch.setattr(schema_guard.time, "monotonic", lambda: 10.0**12)
    assert client.get("/dang-nhap").status_code == 503


def test_a_newer_database_is_not_migrated(migrated: Flask) -> None:
    set_revision(migrated, "9999")
    refused = migrated.test_cli_runner().invoke(args=["serve"])
    assert refused.exit_code == 1 and "mới hơn bản đang chạy" in refused.output
