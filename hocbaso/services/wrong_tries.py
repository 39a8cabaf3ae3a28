"""Wrong passwords and codes: how they are counted, and how long whoever guesses waits.

The delay falls on the account, so that guessing from many machines is as slow as from one; an address where the account
signed in lately meets none for a while, so that a pupil at another machine cannot keep the principal out.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit
from hocbaso.services.access import SYSTEM

FREE_TRIES = 5
LONGEST_DELAY = 90
PER_ADDRESS = 30
PER_KNOWN_ADDRESS = 10
"""Wrong tries in an hour that an account meets no delay for at an address it is known at. With the delay above: at most 60
guesses an hour at an account, also by a pupil at the computer where a teacher signed in last week."""

KNOWN_FOR = timedelta(days=14)

AHEAD = timedelta(minutes=5)
"""How far ahead of now a noted time may lie and still count: a clock that is set right goes back by seconds, not more."""


class SignInRefused(Invalid):
    """The sign-in did not succeed. ``wait_seconds`` > 0: try again after that long (HTTP 429)."""

    def __init__(self, message: str, *, wait_seconds: int = 0) -> None:
        super().__init__(message, field="password")
        self.wait_seconds = wait_seconds


def delay_after(n_failed: int) -> int:
    """Seconds to wait after so many wrong tries in a row: none up to five, then 2, 4, 8 … at most 90."""
    return 0 if n_failed < FREE_TRIES else min(LONGEST_DELAY, 2 ** (n_failed - FREE_TRIES + 1))


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60


def too_many_from(address: str, now: datetime) -> bool:
    """Whether a network address has used up its wrong tries of this minute."""
    row = db.session.get(m.AddressAttempts, address[:60], populate_existing=True)
    return row is not None and row.minute == _minute(now) and row.n_failed >= PER_ADDRESS


def _is_known(account_id: int, address: str, now: datetime) -> bool:
    return (
        db.session.scalar(
            select(m.UserSession.id)
            .where(
                m.UserSession.account_id == account_id,
                m.UserSession.address == address[:60],
                m.UserSession.second_factor_done,
                m.UserSession.created_at > now - KNOWN_FOR,
                m.UserSession.created_at <= now + AHEAD,
            )
            .limit(1)
        )
        is not None
    )


def _count(session: Session, key: str, minute: int) -> None:
    row = session.get(m.AddressAttempts, key, populate_existing=True)
    if row is None:
        row = m.AddressAttempts(address=key, minute=minute, n_failed=0)
        session.add(row)
    if row.minute != minute:
        row.minute, row.n_failed = minute, 0
    row.n_failed += 1


def note_wrong_try(account: m.Account | None, address: str, now: datetime) -> None:
    """Count a wrong try against the account and, where given, the network address, and leave an audit entry."""
    with write_transaction() as session:
        if address:
            _count(session, address[:60], _minute(now))
        if account is not None:
            session.execute(
                update(m.Account)
                .where(m.Account.id == account.id)
                .values(n_failed=m.Account.n_failed + 1, failed_at=now)
            )
            session.refresh(account)
        # What was typed as a name is not kept: people type passwords there.
        audit.record(
            AuditTag.SIGN_IN_FAILED,
            SYSTEM,
            now,
            target_kind="account",
            target_id=account.id if account else "-",
            facts={"address": address},
        )


_TURNS = tuple(threading.Lock() for _ in range(64))


@contextmanager
def one_try(account_id: int, *, address: str, now: datetime) -> Iterator[m.Account]:
    """Let one password or code of the account be tried; an ``Invalid`` raised inside is a wrong try.

    SignInRefused while its delay runs. One at a time for an account: of eight requests sent together each would otherwise
    see that no delay runs yet.
    """
    with _TURNS[account_id % len(_TURNS)]:
        db.session.commit()  # ends a read snapshot: what the try before this one wrote counts
        account = db.session.get(m.Account, account_id, populate_existing=True)
        if account is None:
            raise NotFound("Tài khoản không còn hoạt động.")
        seconds = delay_left(account, now)
        if seconds and not (
            _is_known(account_id, address, now) and _wrong_here(account_id, address, now) < PER_KNOWN_ADDRESS
        ):
            raise SignInRefused(f"Đã nhập sai nhiều lần. Xin đợi {seconds} giây rồi thử lại.", wait_seconds=seconds)
        try:
            yield account
        except Invalid:
            _count_here(account_id, address, now)
            raise


def delay_left(account: m.Account, now: datetime) -> int:
    """Whole seconds until the account takes another try, 0 when it does; never more than ``LONGEST_DELAY``.

    A try noted further ahead than that was noted by a clock that has since been set right. It delays nothing: the next
    wrong try is noted by the right clock and its delay holds.
    """
    if account.failed_at is None or account.failed_at > now + timedelta(seconds=LONGEST_DELAY):
        return 0
    left = account.failed_at + timedelta(seconds=delay_after(account.n_failed)) - now
    return min(int(left.total_seconds()) + 1, LONGEST_DELAY) if left > timedelta(0) else 0


def _here(account_id: int, address: str) -> str:
    return f"{account_id}@{address}"[:60]


def _hour(now: datetime) -> int:
    return _minute(now) // 60 * 60


def _wrong_here(account_id: int, address: str, now: datetime) -> int:
    row = db.session.get(m.AddressAttempts, _here(account_id, address), populate_existing=True)
    return row.n_failed if row is not None and row.minute == _hour(now) else 0


def _count_here(account_id: int, address: str, now: datetime) -> None:
    with write_transaction() as session:
        _count(session, _here(account_id, address), _hour(now))
