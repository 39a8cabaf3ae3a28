"""Builds the application: wires everything, decides nothing."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import event
from werkzeug.routing import IntegerConverter, Map

from hocbaso import cli as cli_package
from hocbaso import web as web_package
from hocbaso.config import PROJECT_ROOT, Config, load_config, prepare_instance
from hocbaso.db import db, install_refusals, install_sqlite
from hocbaso.extensions import csrf, login_manager
from hocbaso.services import schema


class RowNumber(IntegerConverter):
    """``<int:…>``: a number that a column can hold. A larger one names nothing, so the address does not exist."""

    def __init__(self, url_map: Map, **limits: Any) -> None:
        super().__init__(url_map, **{"max": 2**31 - 1, **limits})


def create_app(
    *, instance: Path | None = None, testing: bool = False, config: Config | None = None, serving: bool = False
) -> Flask:
    """The WSGI application of one instance folder.

    With ``serving`` it has pages and no commands: migrations and commands bring 20 MB that the web process never uses.
    """
    settings = config or load_config(instance=instance, testing=testing)
    app = Flask(
        "hocbaso",
        root_path=str(PROJECT_ROOT / "hocbaso"),
        template_folder=str(PROJECT_ROOT / "templates"),
        static_folder=str(PROJECT_ROOT / "static"),
        instance_path=str(settings.instance),
    )
    app.url_map.converters["int"] = RowNumber
    app.config.update(
        HOCBASO=settings,
        SECRET_KEY=settings.secret_key,
        TESTING=testing,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings.database_url),
        MAX_CONTENT_LENGTH=8 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        WTF_CSRF_TIME_LIMIT=None,  # the token dies with its session; a tablet may lie open for a day
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.https,
        SESSION_COOKIE_NAME="__Host-hocbaso" if settings.https else "hocbaso",
    )
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            install_sqlite(db.engine)
        install_refusals(db.engine)
        event.listen(db.engine, "do_connect", lambda *_connection: prepare_instance(settings))
    login_manager.init_app(app)
    csrf.init_app(app)
    for module in _modules(web_package):
        module.init_app(app) if hasattr(module, "init_app") else None
    if not serving:
        schema.offer_migrations(app)
        for module in _modules(cli_package):
            for command in getattr(module, "COMMANDS", ()):
                app.cli.add_command(command)
    return app


def _modules(package: Any) -> list[Any]:
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__) if not info.ispkg)
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]


def _engine_options(url: str) -> dict[str, Any]:
    if not url.startswith("sqlite"):
        # One snapshot for what a page reads, as on SQLite; write_transaction() chooses its own level.
        return {"isolation_level": "REPEATABLE READ", "pool_size": 10, "max_overflow": 5, "pool_pre_ping": True}
    import pysqlite3.dbapi2 as bundled  # the system's SQLite may carry the WAL-reset bug

    # Last in, first out: a connection keeps what it read only until another one writes.
    return {"module": bundled, "connect_args": {"check_same_thread": False, "timeout": 10}, "pool_use_lifo": True}
