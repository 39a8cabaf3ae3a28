"""A sample school of four approved classes with two pupils each, nothing built: where batches over many classes begin."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import demo_school, roster, signing, test_school_keys, wide_batches
from hocbaso.services.access import Actor, load_actor
from tests import databases
from tests.conftest import make_app
from tests.kept_work import BEGAN, made_once
from tests.services.approved_class import copy_of

NOW = datetime.fromisoformat(os.environ[BEGAN])
CLASSES = ("6A", "7A", "8A", "9A")


@dataclass(frozen=True)
class Many:
    """The sample school's people by user name, its classes by name."""

    def actor(self, username: str) -> Actor:
        """The account with its powers of today."""
        account_id = db.session.scalar(select(m.Account.id).where(m.Account.username == username))
        assert account_id is not None, username
        return load_actor(account_id, clock.local_date(NOW))

    def class_id(self, name: str) -> int:
        """A class of the open year."""
        return roster.class_by_name(name, roster.open_year()).id

    def homeroom_of(self, name: str) -> Actor:
        """The homeroom teacher of a class."""
        username = db.session.scalar(
            select(m.Account.username)
            .join(m.HomeroomAssignment, m.HomeroomAssignment.person_id == m.Account.person_id)
            .where(m.HomeroomAssignment.class_group_id == self.class_id(name), m.HomeroomAssignment.ends_on.is_(None))
        )
        assert username is not None
        return self.actor(username)


@pytest.fixture(scope="session", name="many_template")
def many_template_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The instance as it was loaded."""

    def make(place: Path) -> None:
        with make_app(place).app_context():
            db.create_all()
            demo_school.load(NOW, n_classes=4, n_students=2, stage="signing", say=lambda _line: None)
            databases.settle()

    return made_once("many", tmp_path_factory, make)


@pytest.fixture(scope="session", name="many_signed_template")
def many_signed_template_fixture(many_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All records built and signed by the homeroom teachers: they wait for the principal."""

    def make(place: Path) -> None:
        with copy_of(many_template, place).app_context():
            people = Many()
            wide_batches.build_classes(people.actor("vanthu"), None, NOW)
            for name in CLASSES:
                pin = test_school_keys.DEMO_PIN
                batch = signing.sign_class(people.homeroom_of(name), people.class_id(name), "homeroom", pin, NOW)
                assert {item.outcome for item in batch.items} == {"done"}, [item.reason for item in batch.items]
            databases.settle()

    return made_once("many-signed", tmp_path_factory, make)


@pytest.fixture(name="many")
def many_fixture(many_template: Path, tmp_path: Path) -> Iterator[Many]:
    """A fresh copy with its application context."""
    yield from _opened(many_template, tmp_path)


@pytest.fixture(name="many_signed")
def many_signed_fixture(many_signed_template: Path, tmp_path: Path) -> Iterator[Many]:
    """A fresh copy in which the principal is to sign."""
    yield from _opened(many_signed_template, tmp_path)


def _opened(template: Path, tmp_path: Path) -> Iterator[Many]:
    shutil.copytree(template, tmp_path / "instance")
    app = make_app(tmp_path / "instance")
    with app.app_context():
        yield Many()
        db.session.remove()
        db.engine.dispose()
