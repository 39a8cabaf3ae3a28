"""The database: column types, connection settings, and the one way to write.

SQLite runs in WAL with synchronous=FULL, behind the bundled library of ``pysqlite3`` (3.53: without the WAL-reset bug
of 3.7.0 to 3.51.2). Reading needs nothing; writing happens only inside :func:`write_transaction`, which takes a fair
process-wide lock and BEGIN IMMEDIATE, because a deferred transaction that upgrades to writing fails at once with
SQLITE_BUSY_SNAPSHOT however long the busy timeout is.

PostgreSQL is held to the same manners: what a page reads is one snapshot (REPEATABLE READ), and one transaction at a
time writes, behind an advisory lock, so that what a use case has checked still stands when it writes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Engine, MetaData, SmallInteger, event, text
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from hocbaso.errors import Unavailable


class Base(DeclarativeBase):
    """Declarative base with names for every constraint, so that a refusal by the database can be read."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})


class ScoreTenths(TypeDecorator[int]):
    """A score as whole tenths: 85 is 8,5. Refuses floats, Decimals and booleans before they reach the table."""

    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> int | None:
        """Whole tenths 0..100 or None; TypeError or ValueError otherwise."""
        if value is None:
            return None
        if type(value) is not int:
            raise TypeError(f"a score is whole tenths (int), not {type(value).__name__}")
        if not 0 <= value <= 100:
            raise ValueError(f"score out of range: {value}")
        return value


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware in Python, UTC in the table."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Aware instants only (ValueError): a naive one has lost its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BUSY = "Máy chủ đang bận ghi việc khác. Việc vừa làm chưa được ghi; xin thử lại sau ít phút."
_FULL = "Ổ đĩa của máy chủ đã đầy. Việc vừa làm chưa được ghi; xin báo người phụ trách CNTT dọn chỗ trống rồi làm lại."
_AWAY = "Không mở được cơ sở dữ liệu. Xin báo người phụ trách CNTT xem máy chủ cơ sở dữ liệu và thư mục dữ liệu."
_REFUSALS = (
    ("database is locked", BUSY),
    ("55P03", BUSY),  # lock_not_available
    ("disk is full", _FULL),
    ("53100", _FULL),  # disk_full
    (
        "readonly database",
        "Phần mềm không được phép ghi vào cơ sở dữ liệu. Việc vừa làm chưa được ghi; xin báo người phụ trách CNTT.",
    ),
    (
        "disk i/o error",
        "Ổ đĩa của máy chủ báo lỗi. Việc vừa làm chưa được ghi; xin báo người phụ trách CNTT.",
    ),
    ("unable to open database", _AWAY),
    ("connection failed", _AWAY),
    ("53300", BUSY),  # too_many_connections
)
"""What SQLite says or PostgreSQL's SQLSTATE, and what the person in front of the screen reads."""

_WRITING: ContextVar[bool] = ContextVar("hocbaso_writing", default=False)


class FairLock:
    """First come, first served. ``threading.Lock`` is not: under load some waiters starve."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._held = False

    def acquire(self, timeout: float = 30.0) -> bool:
        """True when held; False after ``timeout`` seconds."""
        with self._mutex:
            if not self._held:
                self._held = True
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(timeout):
            return True
        with self._mutex:
            if turn.is_set():
                return True
            self._waiting.remove(turn)
            return False

    def release(self) -> None:
        """Hand over to whoever has waited longest."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False


_WRITE_LOCK = FairLock()


def is_sqlite() -> bool:
    """Whether the bound database is SQLite."""
    return db.engine.dialect.name == "sqlite"


@contextmanager
def write_transaction() -> Iterator[Session]:
    """Everything inside is one transaction: committed at the end, rolled back on any exception.

    Inside an outer ``write_transaction`` it joins that one. Reads made before it are released first, so what the
    block reads is current. Keep slow work (rendering, hashing passwords, parsing workbooks) outside.

    Raises Unavailable when others wrote for so long that the turn did not come, or when the disk refuses.
    """
    session: Session = db.session()
    if _WRITING.get():
        yield session
        return
    session.commit()  # ends a read snapshot; expire_on_commit is off, loaded rows stay usable
    sqlite = is_sqlite()
    if sqlite and not _WRITE_LOCK.acquire():
        raise Unavailable(BUSY)
    token = _WRITING.set(True)
    try:
        # BEGIN now, so that the first read inside already sees the newest state
        if sqlite:
            session.connection()
        else:
            # A snapshot would be taken before the wait for the lock; here each statement sees what is kept by then.
            session.connection(execution_options={"isolation_level": "READ COMMITTED"})
            session.execute(text("SET LOCAL lock_timeout = '30s'"))
            session.execute(text("SELECT pg_advisory_xact_lock(7102022)"))
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        _WRITING.reset(token)
        if sqlite:
            _WRITE_LOCK.release()


def in_write_transaction() -> bool:
    """Whether the calling code runs inside :func:`write_transaction`."""
    return _WRITING.get()


@event.listens_for(Base.metadata, "before_create")
def _partial_indexes(metadata: MetaData, connection: Any, **_options: object) -> None:
    """A partial index of the models is one on PostgreSQL too. Said here and not beside each: the word alone loads PostgreSQL's
    dialect, two MB in every process of a school that has none."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]


@event.listens_for(Session, "before_flush")
def _flush_only_when_writing(session: Session, _context: object, _instances: object) -> None:
    if not _WRITING.get() and (session.new or session.dirty or session.deleted) and not session.info.get("free"):
        raise RuntimeError("a change outside write_transaction()")


def install_sqlite(engine: Engine) -> None:
    """Give each new SQLite connection its settings and take over BEGIN from the driver."""

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        mode = cursor.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode not in ("wal", "memory"):  # it answers with the old mode instead of failing
            raise RuntimeError(f"SQLite refuses WAL (journal_mode={mode})")
        for pragma in (
            "synchronous=FULL",
            "busy_timeout=10000",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "cell_size_check=ON",
            "journal_size_limit=67108864",
            "wal_autocheckpoint=1000",
            "cache_size=-160",  # for each of ten connections; what is read again lies in the system's cache anyway
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _WRITING.get() else "BEGIN")


def install_refusals(engine: Engine) -> None:
    """Say in words what the machine refuses: a full disk, a file nobody may write, a database others hold or that is away.

    Whatever was under way is taken back by who called; the next attempt finds a working program.
    """

    @event.listens_for(engine, "handle_error")
    def _in_words(context: Any) -> None:
        if context.is_pre_ping:  # an idle connection that died: the pool makes another
            return
        code = getattr(context.original_exception, "sqlstate", None)
        said = str(context.original_exception).lower()
        for sign, sentence in _REFUSALS:
            if sign == code or (code is None and sign in said):
                raise Unavailable(sentence) from context.original_exception
