"""Forgetting what nobody needs any more: browser sessions that ended, counters of failed sign-ins."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, or_

from hocbaso import models as m
from hocbaso.db import write_transaction

KEEP_SESSIONS = timedelta(days=30)
"""Ended sessions stay this long, for the question who was signed in from where."""


def forget_old(now: datetime) -> int:
    """Delete sessions that ended or expired a month ago, and counters of addresses of past days. Returns how many rows."""
    limit = now - KEEP_SESSIONS
    with write_transaction() as session:
        ended = session.execute(
            delete(m.UserSession).where(or_(m.UserSession.ended_at < limit, m.UserSession.expires_at < limit))
        )
        quiet = session.execute(
            delete(m.AddressAttempts).where(m.AddressAttempts.minute < int(now.timestamp()) // 60 - 24 * 60)
        )
        return int(ended.rowcount) + int(quiet.rowcount)  # type: ignore[attr-defined]
