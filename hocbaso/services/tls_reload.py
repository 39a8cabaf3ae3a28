"""When the server should take up the certificate that lies on the disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db
from hocbaso.documents.lan_authority import fingerprint
from hocbaso.services import tls

QUIET_FOR = timedelta(minutes=5)
URGENT = timedelta(days=25)
"""Days that a new leaf runs before it is taken up in any case: the old one then has five left."""


def on_disk(settings: Config) -> str | None:
    """Fingerprint of a certificate that the server could use; None without one."""
    there = tls.held(settings)
    return fingerprint(there.leaf) if there.is_usable and there.leaf is not None else None


def is_time(settings: Config, shown: str | None, now: datetime) -> bool:
    """Whether something else than ``shown`` lies there, and nobody works now (or it has waited for too long)."""
    there = tls.held(settings)
    if not there.is_usable or there.leaf is None or fingerprint(there.leaf) == shown:
        return False
    return now - there.leaf.not_valid_before_utc > URGENT or is_quiet(now)


def is_quiet(now: datetime) -> bool:
    """No act in the log for five minutes, and no batch being signed."""
    last = db.session.scalar(select(m.AuditEntry.at).order_by(m.AuditEntry.seq.desc()).limit(1))
    if last is not None and now - datetime.fromisoformat(last).astimezone(UTC) < QUIET_FOR:
        return False
    return db.session.scalar(select(m.SigningBatch.id).where(m.SigningBatch.state == "RUNNING").limit(1)) is None
