"""Fixtures: an application on a temporary instance, the cast's school, and signed-in clients."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from hocbaso import clock
from hocbaso.config import Config
from hocbaso.db import db
from hocbaso.factory import create_app
from hocbaso.services import document_pool, passwords
from tests import cast as cast_module
from tests import databases, kept_work
from tests.web.pages import CheckedClient

_SERVER = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """What all workers of a run share and find in the environment: the present moment, and the one PostgreSQL server."""
    os.environ.setdefault(kept_work.BEGAN, clock.now().isoformat())
    if databases.ON_POSTGRESQL and not hasattr(config, "workerinput"):
        # Without this a run that is told to end leaves its server behind.
        signal.signal(signal.SIGTERM, lambda *_: pytest.exit("told to end", returncode=143))
        os.environ[databases.SERVER] = _SERVER.enter_context(databases.scratch_server())


def pytest_unconfigure() -> None:
    """End the server, whatever happened."""
    _SERVER.close()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out, with its reason, what is about the SQLite file itself when the suite runs on PostgreSQL."""
    mark = item.get_closest_marker("sqlite")
    if mark is not None and databases.ON_POSTGRESQL:
        pytest.skip(f"only on SQLite: {mark.args[0]}")


@pytest.fixture(autouse=True)
def drop_databases(request: pytest.FixtureRequest) -> Iterator[None]:
    """On PostgreSQL, the databases of a test go with the test."""
    folder = request.getfixturevalue("tmp_path") if databases.ON_POSTGRESQL else None
    yield
    if folder is not None:
        databases.drop_below(folder)


kept_work.keep_addresses()


def make_app(instance: Path, *, durable: bool = False) -> Flask:
    """An application on an instance folder, in test mode (no CSRF check: tests of CSRF switch it on). Only a ``durable`` one waits
    for the disk."""
    for folder in ("documents", "keys", "checkpoints"):
        (instance / folder).mkdir(parents=True, exist_ok=True)
    app = create_app(
        config=Config(
            instance=instance,
            database_url=databases.url_for(instance),
            secret_key="only-for-tests",
            workers=2,
            testing=True,
        )
    )
    app.config["WTF_CSRF_ENABLED"] = False
    app.test_client_class = CheckedClient
    kept_work.share(app, durable=durable)
    passwords.set_cost(memory_kib=8)
    return app


@pytest.fixture(scope="session")
def school_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, cast_module.Cast]:
    """The cast's school, built once a run and copied for each test."""

    def make(place: Path) -> None:
        with make_app(place).app_context():
            db.create_all()
            (place.parent / "cast").write_bytes(pickle.dumps(cast_module.build()))
            databases.settle()

    place = kept_work.made_once("school", tmp_path_factory, make)
    return place, pickle.loads((place.parent / "cast").read_bytes())  # noqa: S301 (written above)


@pytest.fixture(scope="session", autouse=True)
def workers_end() -> Iterator[None]:
    """The worker processes of documents end with the tests."""
    yield
    document_pool.close()


@pytest.fixture(scope="session")
def empty_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables without a row: PostgreSQL takes seconds for them."""

    def make(place: Path) -> None:
        with make_app(place).app_context():
            db.create_all()
            databases.settle()

    return kept_work.made_once("empty", tmp_path_factory, make)


@pytest.fixture
def app(empty_template: Path, tmp_path: Path) -> Iterator[Flask]:
    """An application with an empty, current database."""
    shutil.copytree(empty_template, tmp_path / "instance")
    application = make_app(tmp_path / "instance")
    yield application
    with application.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def school_app(school_template: tuple[Path, cast_module.Cast], tmp_path: Path) -> Iterator[Flask]:
    """An application on a fresh copy of the cast's school."""
    instance = tmp_path / "school"
    shutil.copytree(school_template[0], instance)
    application = make_app(instance)
    yield application
    with application.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def school(school_template: tuple[Path, cast_module.Cast], school_app: Flask) -> Iterator[cast_module.Cast]:
    """The cast's ids, with an application context of ``school_app`` pushed for calling services."""
    with school_app.app_context():
        yield school_template[1]


@pytest.fixture
def client_of(school_app: Flask) -> Callable[[str], FlaskClient]:
    """``client_of("principal")``: a browser in which that person has signed in through the sign-in page."""
    clients: dict[str, FlaskClient] = {}

    def sign_in(key: str) -> FlaskClient:
        if key not in clients:
            client = school_app.test_client()
            answer = client.post(
                "/dang-nhap", data={"username": cast_module.PEOPLE[key][0].lower(), "password": cast_module.PASSWORD}
            )
            assert answer.status_code in (302, 303), answer.get_data(as_text=True)[:500]
            clients[key] = client
        return clients[key]

    return sign_in
