"""Signing in, the server-side sessions this opens, and how each ends.

The browser holds 256 random bits; the table holds only their SHA-256, so a stolen database opens nothing. A session
ends at sign-out, after 30 minutes without use (15 for the IT officer), after 12 hours, with the owner's last working day,
and at once when the account is disabled, its password changes or its roles change, or when the clock turns out to have run ahead when it was opened or used.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import bindparam, select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import SECOND_FACTOR_ROLES, Role
from hocbaso.services import account_log, audit, passwords
from hocbaso.services.access import SYSTEM, Actor, load_actor
from hocbaso.services.in_force import has_left
from hocbaso.services.wrong_tries import AHEAD, SignInRefused, delay_left, note_wrong_try, one_try, too_many_from

IDLE = timedelta(minutes=30)
IDLE_IT_OFFICER = timedelta(minutes=15)
ABSOLUTE = timedelta(hours=12)
TOUCH_EVERY = timedelta(seconds=60)
RECENT = timedelta(minutes=10)
"""How long a password or code that was just given counts for grave acts."""


SESSION_MARK = 16
"""Letters of a session's digest that its sign-in's entry keeps: enough to tell it from a row that another program put there."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was just opened; ``token`` exists nowhere else but in the browser."""

    token: str
    session_id: int
    account_id: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A living session with the powers of its account today."""

    session_id: int
    actor: Actor
    opened_at: datetime
    last_seen_at: datetime
    confirmed_at: datetime | None
    second_factor_done: bool
    has_second_factor: bool
    must_change_password: bool

    @property
    def stage(self) -> str:
        """``open``, or what has to come first: ``code`` (second factor), ``enrol`` (its set-up), ``password``."""
        if not self.second_factor_done and self.has_second_factor:
            return "code"
        if self.must_change_password:
            return "password"
        if not self.second_factor_done:
            return "enrol"
        return "open"


@dataclass(slots=True)
class SessionCache:
    """What one process remembers between requests. Keys hold the powers' version, so a change is seen at once."""

    actors: dict[tuple[int, int, date], Actor] = field(default_factory=dict)
    seen: dict[int, datetime] = field(default_factory=dict)
    denied: dict[tuple[int | None, str], datetime] = field(default_factory=dict)

    def actor(self, account_id: int, powers_version: int, today: date) -> Actor:
        """The account's actor, loaded once per version and day."""
        key = (account_id, powers_version, today)
        found = self.actors.get(key)
        if found is None:
            found = load_actor(account_id, today)
            if len(self.actors) > 500:
                self.actors.clear()
            self.actors[key] = found
        return found


def digest(token: str) -> str:
    """What the table knows of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


WRONG = "Tên đăng nhập hoặc mật khẩu chưa đúng."


def sign_in(username: str, password: str, *, address: str, agent: str = "", now: datetime) -> Opened:
    """Check a password and open a session.

    SignInRefused for an unknown name, a wrong password, an account that is shut (all three with the same words and in the
    same time), an expired first password, or while a delay runs. The delay does not fall on an address from which this
    account signed in during the last fortnight, so a pupil at another machine cannot keep the principal out.
    """
    username = username.strip().casefold()
    if too_many_from(address, now):
        raise SignInRefused("Máy này vừa nhập sai quá nhiều lần. Xin đợi một phút rồi thử lại.", wait_seconds=60)
    account_id = db.session.scalar(select(m.Account.id).where(m.Account.username == username))
    if account_id is None:
        return _try_password(None, password, address, agent, now)
    with one_try(account_id, address=address, now=now) as account:
        return _try_password(account, password, address, agent, now)


def is_shut(account: m.Account, now: datetime) -> bool:
    """Whether an account opens nothing today: disabled, or its owner's last working day is over."""
    return account.disabled_at is not None or has_left(account.person, clock.local_date(now))


def _try_password(account: m.Account | None, password: str, address: str, agent: str, now: datetime) -> Opened:
    matches = passwords.verify(account.password_hash if account else None, password)
    if account is None or not matches or is_shut(account, now):
        note_wrong_try(account, address, now)
        raise SignInRefused(WRONG)
    if not account_log.is_as_written(account):
        raise SignInRefused(account_log.ALTERED)
    if (
        account.must_change_password
        and account.first_password_expires_at is not None
        and account.first_password_expires_at <= now
    ):
        raise SignInRefused(
            "Mật khẩu lần đầu đã quá 72 giờ. Xin nhờ văn thư in phiếu khác, hoặc người phụ trách CNTT xin cấp lại."
        )
    better_hash = passwords.hash_password(password) if passwords.needs_rehash(account.password_hash) else None
    needs_factor = requires_second_factor(account.id, now)
    return _open(
        account.id,
        address,
        agent,
        now,
        second_factor_done=not needs_factor,
        better_hash=better_hash,
        # Not while a delay runs elsewhere, and not before the code: whoever knows the password could otherwise sign in again
        # and again to get five more codes each time.
        forgive=not needs_factor and delay_left(account, now) == 0,
    )


def _open(
    account_id: int,
    address: str,
    agent: str,
    now: datetime,
    *,
    second_factor_done: bool,
    better_hash: str | None = None,
    forgive: bool = True,
) -> Opened:
    token = secrets.token_urlsafe(32)
    with write_transaction() as session:
        account = session.get(m.Account, account_id, populate_existing=True)
        if account is None or is_shut(account, now):
            raise SignInRefused(WRONG)
        if forgive:
            account.n_failed, account.failed_at = 0, None
        if better_hash:
            account.password_hash = better_hash
        row = m.UserSession(
            token_digest=digest(token),
            account_id=account_id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + ABSOLUTE,
            confirmed_at=now,
            second_factor_done=second_factor_done,
            address=address[:60],
            agent=agent[:200],
        )
        session.add(row)
        session.flush()
        actor = Actor(account_id, account.person_id, account.username, account.person.full_name)
        audit.record(
            AuditTag.SIGNED_IN,
            actor,
            now,
            target_kind="account",
            target_id=account_id,
            state=audit.states("account", [account], secrets=("password_digest",)) if better_hash else None,
            facts={
                "address": address,
                "second_factor": second_factor_done,
                "session": row.token_digest[:SESSION_MARK],
            },
        )
    return Opened(token, row.id, account_id)


def open_session(
    account_id: int, *, address: str, agent: str = "", now: datetime, second_factor_done: bool = True
) -> Opened:
    """Open a session for a person who has just proven who they are by other means (set-up, new password, code)."""
    return _open(account_id, address, agent, now, second_factor_done=second_factor_done)


def requires_second_factor(account_id: int, now: datetime) -> bool:
    """Whether the school asks this account's roles for a second factor today."""
    school = db.session.get(m.School, 1)
    if school is None or not school.require_second_factor:
        return False
    try:
        actor = load_actor(account_id, clock.local_date(now))
    except NotFound:
        return True
    return any(grant.role in SECOND_FACTOR_ROLES for grant in actor.grants)


# Built once: each request runs it, and building took longer than running.
_LIVING = (
    select(
        m.UserSession.id,
        m.UserSession.created_at,
        m.UserSession.last_seen_at,
        m.UserSession.confirmed_at,
        m.UserSession.second_factor_done,
        m.Account.id.label("account_id"),
        m.Account.powers_version,
        m.Account.must_change_password,
        m.Account.totp_secret.is_not(None).label("has_factor"),
    )
    .join(m.Account, m.Account.id == m.UserSession.account_id)
    .where(
        m.UserSession.token_digest == bindparam("digest"),
        m.UserSession.ended_at.is_(None),
        m.UserSession.expires_at > bindparam("now"),
        m.Account.disabled_at.is_(None),
    )
)


def resume(token: str, cache: SessionCache, now: datetime) -> SignedIn | None:
    """The living session of a token, or None. One query, and none more while the account's powers stay the same."""
    row = db.session.connection().execute(_LIVING, {"digest": digest(token), "now": now}).first()
    if row is None:
        return None
    try:
        actor = cache.actor(row.account_id, row.powers_version, clock.local_date(now))
    except NotFound:
        return None
    last_seen = max(row.last_seen_at, cache.seen.get(row.id, row.last_seen_at))
    if now - last_seen > (IDLE_IT_OFFICER if actor.has_role(Role.IT_OFFICER) else IDLE):
        return None
    # Opened or used while the clock ran ahead: by the right clock it would not grow old for days.
    if max(row.created_at, last_seen) > now + AHEAD or now - row.created_at >= ABSOLUTE:
        return None
    return SignedIn(
        session_id=row.id,
        actor=actor,
        opened_at=row.created_at,
        last_seen_at=row.last_seen_at,
        confirmed_at=row.confirmed_at,
        second_factor_done=row.second_factor_done,
        has_second_factor=row.has_factor,
        must_change_password=row.must_change_password,
    )


def touch(signed_in: SignedIn, cache: SessionCache, now: datetime) -> None:
    """Remember that the session was used: in the process each time, in the table at most once a minute."""
    if len(cache.seen) > 2000:
        cache.seen.clear()
    cache.seen[signed_in.session_id] = now
    if now - signed_in.last_seen_at >= TOUCH_EVERY:
        with write_transaction() as session:
            session.execute(
                update(m.UserSession).where(m.UserSession.id == signed_in.session_id).values(last_seen_at=now)
            )


def confirm(signed_in: SignedIn, password: str, *, address: str, now: datetime) -> None:
    """Prove the password once more before a grave act. Invalid when it is wrong; wrong tries count as at sign-in."""
    if signed_in.actor.account_id is None:
        raise NotFound("Tài khoản không còn hoạt động.")
    with one_try(signed_in.actor.account_id, address=address, now=now) as account:
        if not passwords.verify(account.password_hash, password):
            note_wrong_try(account, address, now)
            raise SignInRefused("Mật khẩu chưa đúng.")
        forgive = {"n_failed": 0, "failed_at": None} if delay_left(account, now) == 0 else {}
    with write_transaction() as session:
        session.execute(update(m.UserSession).where(m.UserSession.id == signed_in.session_id).values(confirmed_at=now))
        if forgive:
            session.execute(update(m.Account).where(m.Account.id == account.id).values(forgive))
    db.session.expire_all()


def is_recent(signed_in: SignedIn, now: datetime) -> bool:
    """Whether the password was given within the last ten minutes; by a clock that ran ahead of now it was not."""
    return signed_in.confirmed_at is not None and timedelta(0) <= now - signed_in.confirmed_at <= RECENT


def sign_out(token: str, *, now: datetime) -> None:
    """End the session of a token; nothing happens for an unknown or ended one."""
    with write_transaction() as session:
        row = session.scalar(
            select(m.UserSession).where(m.UserSession.token_digest == digest(token), m.UserSession.ended_at.is_(None))
        )
        if row is None:
            return
        row.ended_at = now
        account = row.account
        audit.record(
            AuditTag.SIGNED_OUT,
            Actor(account.id, account.person_id, account.username, account.person.full_name),
            now,
            target_kind="account",
            target_id=account.id,
        )


def end_quietly(session_id: int, *, now: datetime) -> None:
    """End one session because another takes its place (a new token after the second factor or a new password)."""
    with write_transaction() as session:
        session.execute(
            update(m.UserSession)
            .where(m.UserSession.id == session_id, m.UserSession.ended_at.is_(None))
            .values(ended_at=now)
        )


def end_all(account_id: int, *, now: datetime) -> int:
    """End every session of an account; the number ended. Joins the caller's transaction where there is one."""
    with write_transaction() as session:
        done = session.execute(
            update(m.UserSession)
            .where(m.UserSession.account_id == account_id, m.UserSession.ended_at.is_(None))
            .values(ended_at=now)
        )
        session.execute(
            update(m.Account).where(m.Account.id == account_id).values(powers_version=m.Account.powers_version + 1)
        )
    return int(done.rowcount)  # type: ignore[attr-defined]


def record_denied(actor: Actor | None, act: str, cache: SessionCache, *, address: str, now: datetime) -> None:
    """Leave an audit entry of a refused request; the same refusal again within a minute leaves none."""
    key = (actor.account_id if actor else None, act)
    last = cache.denied.get(key)
    if last is not None and now - last < timedelta(minutes=1):
        return
    if len(cache.denied) > 1000:
        cache.denied.clear()
    cache.denied[key] = now
    with write_transaction():
        audit.record(
            AuditTag.ACCESS_DENIED,
            actor or SYSTEM,
            now,
            target_kind="request",
            target_id=act[:40],
            facts={"act": act, "address": address},
        )
