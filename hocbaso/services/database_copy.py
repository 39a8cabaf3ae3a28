"""The database as one SQLite file, out of SQLite or PostgreSQL, and such a file brought into an empty PostgreSQL.

Every archive holds the same kind of file. So an archive is checked without any right on a database server, and a school
moves from SQLite to PostgreSQL (or back) by restoring its backup there.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as bundled
from sqlalchemy import Connection, Engine, MetaData, NullPool, Table, create_engine, func, insert, inspect, select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.schema import AddConstraint, DropConstraint

from hocbaso.config import PROJECT_ROOT
from hocbaso.db import db, is_sqlite
from hocbaso.errors import IntegrityFault, Unavailable, WrongState
from hocbaso.services import schema

ROWS_AT_ONCE = 1000


def copy_out(target: Path) -> None:
    """Write a consistent copy of the live database into a new SQLite file, while others go on working."""
    if is_sqlite():
        with contextlib.closing(bundled.connect(str(db.engine.url.database))) as source:
            source.execute("PRAGMA busy_timeout=10000")
            source.execute("VACUUM INTO ?", (str(target),))
        return
    # REPEATABLE READ (the engine's level): revision and rows are of one moment.
    with db.engine.connect() as source:
        revision = source.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        if not schema.knows(revision):
            raise WrongState(
                f"Cơ sở dữ liệu ở bản cấu trúc {revision} mà phần mềm này không biết. Sao lưu bằng đúng bản phần mềm đã tạo "
                "ra nó, hoặc bằng pg_dump; xem docs/operations.md."
            )
        _empty_sqlite(target, str(revision))
        with _file(target).begin() as copy:
            tables = _tables(source)
            for name, table in _tables(copy).items():
                _copy_rows(source, tables[name], copy, table)
    with contextlib.closing(bundled.connect(str(target))) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, with no log beside it


def _file(path: Path) -> Engine:
    """An engine on a SQLite file of its own, without foreign keys: rows may come in any order."""
    return create_engine(f"sqlite+pysqlite:///{path}", module=bundled, poolclass=NullPool)


def _empty_sqlite(target: Path, revision: str) -> None:
    """A SQLite file with the schema of that revision, made by the migrations.

    In a process of its own: the migrations work on the application's database, and the web process must not carry them.
    """
    with tempfile.TemporaryDirectory(prefix="hocbaso-ban-sao-") as scratch:
        run = subprocess.run(
            [sys.executable, "-m", "flask", "--app", str(PROJECT_ROOT / "app.py"), "db", "upgrade", revision],
            capture_output=True,
            text=True,
            env={**os.environ, "HOCBASO_INSTANCE": scratch, "DATABASE_URL": f"sqlite+pysqlite:///{target}"},
            timeout=300,
            check=False,
            cwd=PROJECT_ROOT,
        )
    if run.returncode != 0:
        raise Unavailable(f"Không tạo được bản chép cơ sở dữ liệu: {run.stderr.strip()[-300:]}")


def _tables(connection: Connection) -> dict[str, Table]:
    """The tables as they stand in the database, which may be behind the program's models; not Alembic's own."""
    found = MetaData()
    found.reflect(connection)
    return {name: table for name, table in found.tables.items() if name != "alembic_version"}


def _copy_rows(source: Connection, of: Table, target: Connection, into: Table) -> None:
    zoned = {column.name for column in into.columns if getattr(column.type, "timezone", False)}

    def fitting(name: str, value: Any) -> Any:
        if isinstance(value, datetime):  # SQLite keeps instants in UTC without saying so
            return value.replace(tzinfo=UTC) if name in zoned else value.astimezone(UTC).replace(tzinfo=None)
        return value

    rows = source.execution_options(yield_per=ROWS_AT_ONCE).execute(select(of)).mappings()
    for part in rows.partitions():
        target.execute(insert(into), [{name: fitting(name, value) for name, value in row.items()} for row in part])


def require_empty() -> None:
    """WrongState unless this PostgreSQL database holds no account, nothing of another program, and nobody works in it."""
    names = set(inspect(db.engine).get_table_names())
    with db.engine.connect() as connection:
        if names and "alembic_version" not in names:
            raise WrongState(
                "Cơ sở dữ liệu này có bảng của chương trình khác; chỉ phục hồi vào một cơ sở dữ liệu trống."
            )
        if "account" in names and connection.execute(text("SELECT count(*) FROM account")).scalar():
            raise WrongState("Nơi này đã có dữ liệu; chỉ phục hồi vào một nơi trống.")
        others = connection.execute(
            text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        ).scalar()
    if others:
        raise WrongState("Phần mềm đang chạy ở nơi này. Dừng máy chủ rồi phục hồi.")


def copy_in(source: Path) -> None:
    """Bring a SQLite file into this PostgreSQL database, which :func:`require_empty` has found empty.

    The schema becomes that of the file; the rows come in one transaction, and PostgreSQL checks every key and CHECK of
    them anew. IntegrityFault when a value does not fit: then the database is empty as before.
    """
    with db.engine.begin() as connection:
        standing = MetaData()
        standing.reflect(connection)
        standing.drop_all(connection)
    db.engine.dispose()
    schema.upgrade(str(schema.revision_of(source)))
    try:
        with _file(source).connect() as archive, db.engine.begin() as target:
            _fill(archive, target)
    except (StatementError, ValueError) as problem:
        raise IntegrityFault("Bản sao lưu có giá trị không hợp lệ; cơ sở dữ liệu vẫn trống như trước.") from problem


def _fill(archive: Connection, target: Connection) -> None:
    tables, kept = _tables(target), _tables(archive)
    # Taken off and put on again: rows then come in any order, also where two tables name each other.
    keys = [key for table in tables.values() for key in table.foreign_key_constraints]
    for key in keys:
        target.execute(DropConstraint(key))
    for name, table in tables.items():
        _copy_rows(archive, kept[name], target, table)
        for column in table.primary_key:
            if column.server_default is not None:
                sequence = func.pg_get_serial_sequence(name, column.name)
                target.execute(select(func.setval(sequence, func.coalesce(func.max(column), 0) + 1, False)))
    for key in keys:
        target.execute(AddConstraint(key))
