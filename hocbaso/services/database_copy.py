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
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as bundled
from sqlalchemy import Column, MetaData, Table, inspect, text
from sqlalchemy.engine import Connection

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
        tables = _tables(source)
        with contextlib.closing(bundled.connect(str(target), isolation_level=None)) as copy:
            copy.execute("PRAGMA foreign_keys=OFF")
            copy.execute("BEGIN")
            for table in tables:
                if table.name == "alembic_version":
                    continue
                columns = ", ".join(f'"{column.name}"' for column in table.columns)
                marks = ", ".join("?" * len(table.columns))
                rows = source.execution_options(yield_per=ROWS_AT_ONCE).execute(table.select())
                for part in rows.partitions():
                    copy.executemany(
                        f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})',  # noqa: S608  # names of the schema
                        [tuple(_for_sqlite(value) for value in row) for row in part],
                    )
            copy.execute("COMMIT")
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, with no log beside it


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


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if isinstance(value, bool) else value


def _tables(connection: Connection) -> list[Table]:
    """The tables as they stand in the database, which may be behind the program's models."""
    found = MetaData()
    found.reflect(connection, resolve_fks=False)
    return sorted(found.tables.values(), key=lambda table: table.name)


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
        for table in _tables(connection):
            connection.execute(text(f'DROP TABLE "{table.name}" CASCADE'))
    db.engine.dispose()
    schema.upgrade(str(schema.revision_of(source)))
    with (
        contextlib.closing(bundled.connect(f"file:{source}?mode=ro", uri=True)) as archive,
        db.engine.begin() as target,
    ):
        keys = _take_off_foreign_keys(target)  # rows then come in any order, also where two tables name each other
        for table in _tables(target):
            if table.name != "alembic_version":
                _copy_table(archive, target, table)
        for table_name, name, definition in keys:
            target.exec_driver_sql(f'ALTER TABLE {table_name} ADD CONSTRAINT "{name}" {definition}')


def _take_off_foreign_keys(target: Connection) -> list[tuple[str, str, str]]:
    keys = [
        (str(row[0]), str(row[1]), str(row[2]))
        for row in target.exec_driver_sql(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE contype = 'f' AND connamespace = current_schema()::regnamespace"
        )
    ]
    for table_name, name, _definition in keys:
        target.exec_driver_sql(f'ALTER TABLE {table_name} DROP CONSTRAINT "{name}"')
    return keys


def _copy_table(archive: Any, target: Connection, table: Table) -> None:
    import psycopg

    columns = list(table.columns)
    names = ", ".join(f'"{column.name}"' for column in columns)
    cursor = target.connection.cursor()
    try:
        with cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as lines:
            for row in _rows(archive, table.name, names, columns):
                lines.write_row(row)
        for column in columns:
            if column.primary_key and column.autoincrement and column.server_default is not None:
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'),"  # noqa: S608
                    f' (SELECT coalesce(max("{column.name}"), 0) + 1 FROM "{table.name}"), false)'
                )
    except psycopg.DataError as problem:
        raise IntegrityFault(f"Bản sao lưu có giá trị không hợp lệ ở bảng {table.name}; chưa phục hồi gì.") from problem


def _rows(archive: Any, table_name: str, names: str, columns: list[Column[Any]]) -> Iterator[list[Any]]:
    kinds = [column.type.python_type for column in columns]
    for row in archive.execute(f'SELECT {names} FROM "{table_name}"'):  # noqa: S608  # names of the schema
        yield [_for_postgresql(value, kind) for value, kind in zip(row, kinds, strict=True)]


def _for_postgresql(value: Any, kind: type) -> Any:
    if value is None:
        return None
    if kind is bool:
        return bool(value)
    if kind is datetime:
        return f"{value}+00:00"  # SQLite keeps instants in UTC without saying so
    return value
