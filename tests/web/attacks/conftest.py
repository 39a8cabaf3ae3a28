"""The hostile school, built once a run, and browsers on copies of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hocbaso import clock
from hocbaso.db import db
from hocbaso.services import transcript_building
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.conftest import make_app
from tests.kept_work import made_once
from tests.services.approved_class import approve_9a, checkpoint, copy_of
from tests.web.attacks import surface
from tests.web.test_transcripts import Site


@pytest.fixture(scope="session")
def hostile_template(school_template: tuple[Path, Cast], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance with markup in every text; 9A is approved and its transcripts are built from it."""
    cast = school_template[1]

    def make(place: Path) -> None:
        with copy_of(school_template[0], place).app_context():
            surface.poison(cast)
            approve_9a(cast)
            batch = transcript_building.build_class(SYSTEM, cast.classes["9A"], NOW)
            assert [item.outcome for item in batch.items] == ["done"] * 3, [item.reason for item in batch.items]
            surface.fill_in_words(cast)
            checkpoint()

    return made_once("hostile", tmp_path_factory, make)


@pytest.fixture
def hostile(
    hostile_template: Path, school_template: tuple[Path, Cast], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """The hostile school on a copy of its own, on the evening after its transcripts were built."""
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(hours=8))
    shutil.copytree(hostile_template, tmp_path / "hostile")
    app = make_app(tmp_path / "hostile")
    yield Site(app, school_template[1])
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
