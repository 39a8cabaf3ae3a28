"""The audit log, its signed snapshots, and the ledger of scheduled work."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Index, String, Text
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


class AuditSnapshot(Base):
    """A signed checkpoint of the log: size, head and Merkle root; the file lies under ``checkpoints/`` as well."""

    __tablename__ = "audit_snapshot"

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date]
    n_entries: Mapped[int]
    head_hash: Mapped[str] = mapped_column(String(64))
    root: Mapped[str] = mapped_column(String(64))
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_late: Mapped[bool] = mapped_column(default=False)
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
