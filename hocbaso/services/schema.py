"""The database schema: which revision a database has, which the program carries, and bringing one to the other."""

from __future__ import annotations

import contextlib
import logging
from functools import cache
from pathlib import Path

import flask_migrate
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pysqlite3 import dbapi2 as bundled
from sqlalchemy import inspect

from hocbaso.config import PROJECT_ROOT
from hocbaso.db import db
from hocbaso.errors import WrongState

MIGRATIONS = Path(PROJECT_ROOT) / "migrations"


def make_new() -> None:
    """Give a database without any table its schema; one that is merely behind is left for ``flask db upgrade``.

    Raises WrongState for a database that is behind the program: nothing is read or written in an old shape.
    """
    if not inspect(db.engine).get_table_names():
        upgrade()
    elif migrations_pending():
        raise WrongState("Cơ sở dữ liệu chưa theo bản phần mềm này. Sao lưu rồi chạy: flask db upgrade")


def migrations_pending() -> bool:
    """Whether the database's schema is not exactly the program's."""
    return head_revision() != current_revision()


def upgrade() -> None:
    """Apply pending migrations; a new database gets the whole schema."""
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
    flask_migrate.upgrade(directory=str(MIGRATIONS))


@cache
def _revisions() -> tuple[str | None, frozenset[str]]:
    # Files of the program: they can't change while it runs, and /healthz asks every few seconds.
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(settings)
    return scripts.get_current_head(), frozenset(script.revision for script in scripts.walk_revisions())


def head_revision() -> str | None:
    """The newest revision the program carries."""
    return _revisions()[0]


def current_revision() -> str | None:
    """The revision of the present database, None for one without a schema."""
    with db.engine.connect() as connection:
        revision: str | None = MigrationContext.configure(connection).get_current_revision()
        return revision


def knows(revision: object) -> bool:
    """Whether the program can take over a database of this revision (None: one that was never migrated)."""
    return revision is None or revision in _revisions()[1]


def revision_of(database: Path) -> str | None:
    """The revision of a SQLite file, None for one without."""
    with contextlib.closing(bundled.connect(str(database))) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except bundled.OperationalError:
            return None
    return str(row[0]) if row else None
