"""The audit log, its signed snapshots, and the ledger of scheduled work."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import DDL, CheckConstraint, Index, String, Table, Text, event
from sqlalchemy.orm import Mapped, mapped_column

from hocbaso.db import Base, UtcDateTime


class AuditEntry(Base):
    """One row of the chain; the hash covers every column (``regulations.hash_chain.row_hash``). Never updated.

    ``at`` is text (ISO 8601, UTC, microseconds) because the hash is over exactly these characters. ``payload`` is
    canonical JSON; its key ``state`` holds, per watched kind and id, the values after the change.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_target", "target_kind", "target_id"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(32))
    tag: Mapped[str] = mapped_column(String(60))
    actor_id: Mapped[int | None]
    actor_name: Mapped[str] = mapped_column(String(120))
    target_kind: Mapped[str] = mapped_column(String(30))
    target_id: Mapped[str] = mapped_column(String(40))
    payload: Mapped[str] = mapped_column(Text)
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64), unique=True)


APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER audit_entry_no_{verb} BEFORE {verb.upper()} ON audit_entry"
        " BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END"
        for verb in ("update", "delete")
    ),
    "postgresql": (
        "CREATE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'audit_entry is append-only'; END $$",
        "CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_refuse()",
    ),
}
"""What makes the database itself refuse to change the log; whoever may change the schema can take it away, and the chain tells.
A migration that makes the table anew (SQLite's batch mode) has to put the triggers back. The migration that brought them keeps
a copy of its own.
"""


@event.listens_for(cast(Table, AuditEntry.__table__), "after_create")
def _append_only(_table: object, connection: Any, **_options: object) -> None:
    for statement in APPEND_ONLY.get(connection.dialect.name, ()):
        connection.execute(DDL(statement.replace("%", "%%")))


@event.listens_for(cast(Table, AuditEntry.__table__), "after_drop")
def _forget_function(_table: object, connection: Any, **_options: object) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(DDL("DROP FUNCTION IF EXISTS audit_entry_refuse"))


class AuditSnapshot(Base):
    """A signed checkpoint of the log: size, head and Merkle root; the file lies under ``checkpoints/`` as well.

    ``occasion``: the deadline that it was taken for, in words; NULL for a nightly one or one by hand. ``n_lines``, ``data_root``,
    ``data_digest``: of the canonical export of all results and states at that moment (``services/state_export.py``), NULL in
    snapshots from before there was one.
    """

    __tablename__ = "audit_snapshot"

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date]
    n_entries: Mapped[int]
    head_hash: Mapped[str] = mapped_column(String(64))
    root: Mapped[str] = mapped_column(String(64))
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_late: Mapped[bool] = mapped_column(default=False)
    occasion: Mapped[str | None] = mapped_column(String(120))
    n_lines: Mapped[int | None]
    data_root: Mapped[str | None] = mapped_column(String(64))
    data_digest: Mapped[str | None] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(String(200))


class JobRun(Base):
    """A scheduled job and the day it was due. The primary key and the lease make each day's effect happen once."""

    __tablename__ = "job_run"
    __table_args__ = (CheckConstraint("state IN ('running','done','failed')", name="known_state"),)

    job: Mapped[str] = mapped_column(String(60), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(10))
    owner: Mapped[str] = mapped_column(String(60))
    attempt: Mapped[int] = mapped_column(default=1)
    lease_until: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    late: Mapped[bool] = mapped_column(default=False)
    outcome: Mapped[str | None] = mapped_column(String(1000))


class MachineState(Base):
    """Small facts of the machine that survive a restart: the last clock reading, the day jobs began."""

    __tablename__ = "machine_state"

    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[str] = mapped_column(String(300))
