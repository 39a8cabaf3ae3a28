"""Class 9A of the cast with every sheet filled and locked and the class still open: where corrections begin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cast import Cast
from tests.kept_work import made_once
from tests.services.approved_class import checkpoint, copy_of, opened
from tests.services.full_class import fill_scores, lock_class


@pytest.fixture(scope="session", name="locked_template")
def locked_template_fixture(school_template: tuple[Path, Cast], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance in which every sheet of 9A is locked."""

    def make(place: Path) -> None:
        with copy_of(school_template[0], place).app_context():
            fill_scores(school_template[1], "9A")
            lock_class(school_template[1], "9A")
            checkpoint()

    return made_once("locked", tmp_path_factory, make)


@pytest.fixture(name="locked")
def locked_fixture(school_template: tuple[Path, Cast], locked_template: Path, tmp_path: Path) -> Iterator[Cast]:
    """The cast, in a fresh copy of the locked class."""
    yield from opened(school_template[1], locked_template, tmp_path)
