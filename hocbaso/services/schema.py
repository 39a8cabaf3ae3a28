"""The database schema: which revision a database has, which the program carries, and bringing one to the other.

Alembic is loaded only to migrate. The web process asks for revisions every few seconds and must not carry its 11 MB.
"""

from __future__ import annotations

import contextlib
import logging
import re
from functools import cache
from pathlib import Path

from flask import Flask, current_app
from pysqlite3 import dbapi2 as bundled
from sqlalchemy import inspect, text
from sqlalchemy.orm import configure_mappers

from hocbaso.config import PROJECT_ROOT
from hocbaso.db import db
from hocbaso.errors import NotFound, WrongState

MIGRATIONS = Path(PROJECT_ROOT) / "migrations"
_NAMES = re.compile(r"""^(revision|down_revision)\b[^=\n]*= *["']([^"']+)["']""", re.MULTILINE)
"""The lines by which a migration names itself and the one before it (``down_revision = None`` matches nothing)."""


def wire_up() -> None:
    """Work out how the tables hang together now, which the first statement would otherwise wait for."""
    configure_mappers()


def offer_migrations(app: Flask) -> None:
    """Let ``flask db …`` and :func:`upgrade` work on the application's database."""
    from flask_migrate import Migrate

    Migrate(app, db, directory=str(MIGRATIONS), render_as_batch=True)


def make_new(*, allow_behind: bool = False) -> None:
    """Give a database without any table its schema; one that is merely behind is left for ``flask db upgrade``.

    Raises WrongState for a database that is behind or ahead of the program, unless ``allow_behind``: nothing is read or
    written in another shape.
    """
    if not inspect(db.engine).get_table_names():
        upgrade()
    elif not allow_behind and migrations_pending():
        raise WrongState(other_shape() or OLDER)


def is_there() -> bool:
    """Whether there is a database to read; asks without opening a connection, which would make one."""
    url = db.engine.url
    return url.get_backend_name() != "sqlite" or not url.database or Path(url.database).is_file()


def require_there() -> None:
    """Raise NotFound, naming the place, unless :func:`is_there`."""
    if not is_there():
        raise NotFound(
            f"Chưa có dữ liệu nào ở {db.engine.url.database}, có thể sai thư mục. Xem lại HOCBASO_INSTANCE (hoặc DATABASE_URL). Chưa tạo gì."
        )


OLDER = "Cơ sở dữ liệu chưa theo bản phần mềm này. Sao lưu rồi chạy: flask db upgrade"
NEWER = (
    "Cơ sở dữ liệu đã theo một bản phần mềm mới hơn bản đang chạy nên không mở ở đây. Xin chạy bản phần mềm mới, hoặc phục hồi bản "
    "sao lưu làm bằng bản này."
)


def other_shape() -> str | None:
    """Why the program does not work on this database, in words; None when the shapes are the same or nothing is there yet."""
    revision = current_revision()
    if revision is None or revision == head_revision():
        return None
    return OLDER if knows(revision) else NEWER


def migrations_pending() -> bool:
    """Whether the database's schema is not exactly the program's."""
    return head_revision() != current_revision()


def upgrade(revision: str = "head") -> None:
    """Apply pending migrations up to ``revision``; a new database gets the whole schema. WrongState for one that is ahead."""
    if not knows(current_revision()):
        raise WrongState(NEWER)
    import flask_migrate

    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
    if "migrate" not in current_app.extensions:  # the web process, which migrates only after a restore
        offer_migrations(current_app._get_current_object())  # type: ignore[attr-defined]
    flask_migrate.upgrade(directory=str(MIGRATIONS), revision=revision)


@cache
def _revisions() -> tuple[str | None, frozenset[str]]:
    # Files of the program: they can't change while it runs, and /healthz asks every few seconds.
    found: dict[str, str | None] = {}
    for path in (MIGRATIONS / "versions").glob("*.py"):
        names = dict(_NAMES.findall(path.read_text(encoding="utf-8")))
        found[names["revision"]] = names.get("down_revision")
    heads = found.keys() - set(found.values())
    if len(heads) > 1:
        raise RuntimeError(f"more than one newest migration: {', '.join(sorted(heads))}")
    return next(iter(heads), None), frozenset(found)


def head_revision() -> str | None:
    """The newest revision the program carries."""
    return _revisions()[0]


def current_revision() -> str | None:
    """The revision of the present database, None for one without a schema."""
    with db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
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
