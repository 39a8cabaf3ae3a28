"""The database schema brought to the program's revision, at start and before loading."""

from __future__ import annotations

import logging
from pathlib import Path

import flask_migrate
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from hocbaso.config import PROJECT_ROOT
from hocbaso.db import db
from hocbaso.errors import WrongState


def make_new() -> None:
    """Give a database without any table its schema; one that is merely behind is left for ``flask db upgrade``.

    Raises WrongState for a database that is behind the program: nothing is read or written in an old shape.
    """
    if not inspect(db.engine).get_table_names():
        upgrade()
    elif migrations_pending():
        raise WrongState("Cơ sở dữ liệu chưa theo bản phần mềm này. Sao lưu rồi chạy: flask db upgrade")


def migrations_pending() -> bool:
    """Whether the database's schema is behind the program's."""
    return head_revision() != current_revision()


def head_revision() -> str | None:
    """The newest revision the program carries."""
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(PROJECT_ROOT / "migrations"))
    return ScriptDirectory.from_config(settings).get_current_head()


def current_revision() -> str | None:
    """The revision of the database, None for one without a schema."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade() -> None:
    """Apply pending migrations; a new database gets the whole schema."""
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
    flask_migrate.upgrade(directory=str(Path(PROJECT_ROOT) / "migrations"))
