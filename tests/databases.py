"""The database of a test instance: a SQLite file in its folder, or one database each of a scratch PostgreSQL server.

``HOCBASO_TEST_DATABASE=postgresql`` runs the whole suite on PostgreSQL. Nothing else in a test changes: a note in the
instance folder names its database, and a folder that was copied with its note gets a copy of that database when it is
opened (CREATE DATABASE … TEMPLATE), exactly as a copied folder brings its SQLite file along.
"""

from __future__ import annotations

import glob
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from pysqlite3 import dbapi2 as bundled

from hocbaso.db import db, is_sqlite

ON_POSTGRESQL = os.environ.get("HOCBASO_TEST_DATABASE", "sqlite") == "postgresql"
SERVER = "HOCBASO_TEST_SERVER"
"""Variable with the socket folder of the server, for the test workers and the processes that tests start."""

NOTE = "test-database.json"


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, None where it is not installed."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    return Path(found[-1]).parent if found else None


@contextmanager
def scratch_server() -> Iterator[str]:
    """A cluster of its own on a socket in a scratch folder, which it yields: no port, no password, gone afterwards."""
    binaries = programs()
    assert binaries is not None, "no PostgreSQL here: scripts/setup test"
    folder = Path(tempfile.mkdtemp(prefix="hocbaso-pg-", dir="/tmp"))  # short: a socket's path has 107 characters
    person: dict[str, Any] = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        name = next(name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()})
        account = pwd.getpwnam(name)
        os.chown(folder, account.pw_uid, account.pw_gid)
        person = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(binaries / program), *arguments],
            capture_output=True,
            text=True,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            check=False,
            **person,
        )
        assert done.returncode == 0, done.stderr or done.stdout

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "hocbaso", "-A", "trust", "-E", "UTF8", "--no-sync")
    settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c max_connections=300"
    run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", settings, "start")
    try:
        yield str(folder)
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def url_in(socket: str, name: str) -> str:
    """SQLAlchemy's address of a database behind that socket."""
    return f"postgresql+psycopg://hocbaso@/{name}?host={socket}"


def _administer(*statements: str) -> None:
    with psycopg.connect(f"host={os.environ[SERVER]} user=hocbaso dbname=postgres", autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def url_for(instance: Path) -> str:
    """The address of this folder's database; on PostgreSQL it is made when it is not there yet."""
    if not ON_POSTGRESQL or (instance / "hocbaso.sqlite").exists():  # the latter: restored from an archive
        return f"sqlite+pysqlite:///{instance / 'hocbaso.sqlite'}"
    note = instance / NOTE
    known = json.loads(note.read_text()) if note.exists() else None
    if known is None or known["instance"] != str(instance):
        name = f"t{uuid.uuid4().hex[:20]}"
        if known is None:
            _administer(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE 'C.UTF-8'")
        else:
            source = known["name"]
            _administer(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source}'",
                f"CREATE DATABASE {name} TEMPLATE {source}",
            )
        known = {"name": name, "instance": str(instance)}
        note.write_text(json.dumps(known))
    return url_in(os.environ[SERVER], known["name"])


def drop_below(folder: Path) -> None:
    """Drop the databases of the instances in a test's folder."""
    for note in folder.rglob(NOTE):
        known = json.loads(note.read_text())
        if known["instance"] == str(note.parent):  # otherwise a copy that nobody opened: the database is another's
            _administer(f"DROP DATABASE IF EXISTS {known['name']} WITH (FORCE)")


def settle() -> None:
    """Bring everything into the place from which the instance folder is copied, and close all connections."""
    db.session.remove()
    if is_sqlite():
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    db.engine.dispose()


class Outside:
    """Another program on the application's database: own connection, autocommit, no foreign keys, no audit entry.

    Statements are written for SQLite (``?`` and ``:name``). With ``unchecked`` the database's CHECKs are out of the way.
    """

    def __init__(self, *, unchecked: bool = False) -> None:
        self._postgresql = not is_sqlite()
        if not self._postgresql:
            self._connection: Any = bundled.connect(str(db.engine.url.database), isolation_level=None, timeout=5)
            for verb in ("update", "delete"):  # who works behind the back takes away first what would refuse
                self._connection.execute(f"DROP TRIGGER IF EXISTS audit_entry_no_{verb}")
            if unchecked:
                self._connection.execute("PRAGMA ignore_check_constraints=ON")
            return
        address = db.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
        self._connection = psycopg.connect(address, autocommit=True)
        self._connection.execute("SET session_replication_role = replica")  # foreign keys are triggers there
        if unchecked:
            db.session.remove()  # an open read holds the table against ALTER
            for table, name in self._connection.execute(
                "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c'"
                " AND connamespace = 'public'::regnamespace"
            ).fetchall():
                self._connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')

    @property
    def refusals(self) -> type[Exception]:
        """What a statement raises that the database refuses."""
        return psycopg.Error if self._postgresql else bundled.IntegrityError  # type: ignore[no-any-return]

    def execute(self, statement: str, values: Any = ()) -> Any:
        """Run one statement; the driver's cursor."""
        return self._connection.execute(self._written(statement), values)

    def executemany(self, statement: str, rows: list[Any]) -> None:
        """Run one statement for each row."""
        self._connection.cursor().executemany(self._written(statement), rows)

    def _written(self, statement: str) -> str:
        if not self._postgresql:
            return statement
        return re.sub(r"(?<![:\w]):([A-Za-z_]\w*)", r"%(\1)s", statement.replace("%", "%%").replace("?", "%s")).replace(
            "BEGIN IMMEDIATE", "BEGIN"
        )

    def n_writes(self) -> Any:
        """A value that changes with every transaction that wrote to the database."""
        if not self._postgresql:
            return self._connection.execute("PRAGMA data_version").fetchone()
        self._connection.execute("SELECT pg_stat_force_next_flush()")
        return self._connection.execute(
            "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"
        ).fetchone()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def __enter__(self) -> Outside:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()
