"""The slips of first passwords: the IT officer opens accounts, another person prints what opens them.

Whoever sees a password can sign in with it. So an account is opened without one (``accounts.open_account``), and the one-time
password is drawn for principal, vice-principal or clerk, who hand the slip over. It works only for accounts whose owner has
never set a password: any other takes a request and a consent (``reset_requests``, docs/decisions/0010).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import IntegrityFault, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import ROLE_PERMISSIONS, Permission, Role
from hocbaso.services import account_log, accounts, audit, notices, passwords, sessions
from hocbaso.services.access import Actor
from hocbaso.services.accounts import FIRST_PASSWORD_LASTS, FirstPassword
from hocbaso.services.in_force import in_force

_REMINDER = "first_passwords"
_PRINTING = [role.value for role, powers in ROLE_PERMISSIONS.items() if Permission.RESET_CONSENT in powers]


@dataclass(frozen=True, slots=True)
class WaitingSlip:
    """An account whose owner has never signed in. ``expires_at``: until when the slip printed last is good."""

    account_id: int
    name: str
    username: str
    roles: tuple[Role, ...]
    expires_at: datetime | None


def open_accounts(
    actor: Actor, person_ids: Iterable[int], now: datetime, *, username: str | None = None
) -> list[m.Account]:
    """Open accounts without a password, and tell those who print the slips. Needs ``account:manage``.

    ``username`` only with one person. Raises as :func:`hocbaso.services.accounts.open_account`; all or nothing.
    """
    actor.require(Permission.ACCOUNT_MANAGE)
    with write_transaction():
        opened = [accounts.open_account(actor, person_id, now, username=username) for person_id in person_ids]
        if opened:
            line = (
                f"{clock.local(now):%H:%M}: {actor.name} mở {len(opened)} tài khoản"
                + (
                    f" ({', '.join(account.person.full_name for account in opened[:5])}{'…' if len(opened) > 5 else ''})"
                )
                + ". Xin in phiếu mật khẩu lần đầu ở Người dùng, Phiếu vào lần đầu, rồi đưa tận tay."
            )
            notices.tell(_who_prints(now), _REMINDER, "Có tài khoản mới chờ phiếu mật khẩu", line, now)
    return opened


def waiting(actor: Actor, now: datetime) -> list[WaitingSlip]:
    """Open accounts whose owner has never set a password, by given name. Needs ``account:consent``."""
    actor.require(Permission.RESET_CONSENT)
    rows = list(
        db.session.execute(
            select(m.Account, m.Person)
            .join(m.Person, m.Person.id == m.Account.person_id)
            .where(m.Account.must_change_password, m.Account.disabled_at.is_(None))
            .order_by(m.Person.sort_key, m.Account.id)
            .execution_options(populate_existing=True)
        )
    )
    set_once = _have_set_one([account.id for account, _ in rows])
    roles: dict[int, list[Role]] = {}
    for grant in db.session.scalars(
        select(m.RoleGrant).where(in_force(m.RoleGrant, clock.local_date(now))).order_by(m.RoleGrant.id)
    ):
        roles.setdefault(grant.person_id, []).append(Role(grant.role))
    return [
        WaitingSlip(
            account.id,
            person.full_name,
            account.username,
            tuple(dict.fromkeys(roles.get(person.id, ()))),
            account.first_password_expires_at,
        )
        for account, person in rows
        if account.id not in set_once and account.id != actor.account_id
    ]


def issue(actor: Actor, account_ids: Sequence[int], now: datetime) -> list[FirstPassword]:
    """Draw a one-time password for each account (72 hours); an earlier slip of it opens nothing any more.

    Needs ``account:consent``; never for the own account, never for one whose owner has set a password. Raises NotFound,
    NotAllowed, WrongState, and IntegrityFault for an account changed behind the application's back; all or nothing.
    """
    actor.require(Permission.RESET_CONSENT)
    drawn = [(account_id, passwords.generate()) for account_id in dict.fromkeys(account_ids)]
    hashed = {account_id: passwords.hash_password(password) for account_id, password in drawn}  # slow: before the lock
    expires_at = now + FIRST_PASSWORD_LASTS
    slips = []
    with write_transaction() as session:
        set_once = _have_set_one([account_id for account_id, _ in drawn])
        for account_id, password in drawn:
            account = session.get(m.Account, account_id, populate_existing=True)
            if account is None or account.disabled_at is not None:
                raise NotFound("Không có tài khoản này trong danh sách chờ phiếu.")
            if account_id == actor.account_id:
                raise NotAllowed("Mật khẩu của chính mình đổi ở trang Tài khoản của tôi.")
            if account_id in set_once or not account.must_change_password:
                raise WrongState(
                    f"{account.person.full_name} đã đặt mật khẩu riêng. Quên mật khẩu thì người phụ trách CNTT xin đặt lại, "
                    "người thứ hai đồng ý."
                )
            if not account_log.is_as_written(account):
                raise IntegrityFault(account_log.ALTERED)
            session.execute(
                update(m.Account)
                .where(m.Account.id == account_id)
                .values(
                    password_hash=hashed[account_id],
                    first_password_expires_at=expires_at,
                    n_failed=0,
                    failed_at=None,
                )
            )
            sessions.end_all(account_id, now=now)
            session.refresh(account)
            audit.record(
                AuditTag.FIRST_PASSWORD_ISSUED,
                actor,
                now,
                target_kind="account",
                target_id=account_id,
                state=audit.states("account", [account], secrets=("password_digest",)),
            )
            roles = accounts.roles_of(account.person_id, now)
            slips.append(
                FirstPassword(account_id, account.username, account.person.full_name, password, expires_at, roles)
            )
        _end_reminder(now)
    return slips


def _end_reminder(now: datetime) -> None:
    """Once no account waits without a slip that is good, nobody has to be reminded of printing."""
    if _without_slip(now):
        return
    db.session.execute(
        update(m.Notice).where(m.Notice.kind == _REMINDER, m.Notice.read_at.is_(None)).values(read_at=now)
    )


def _without_slip(now: datetime) -> set[int]:
    rows = db.session.execute(
        select(m.Account.id, m.Account.first_password_expires_at).where(
            m.Account.must_change_password, m.Account.disabled_at.is_(None)
        )
    ).all()
    without = [row.id for row in rows if row.first_password_expires_at is None or row.first_password_expires_at <= now]
    return set(without) - _have_set_one(without)


def count_without_slip(actor: Actor, now: datetime) -> int:
    """How many have an account and no slip that opens it, for the office that prints and imports; 0 for everybody else."""
    if not (actor.may(Permission.RESET_CONSENT) and actor.may(Permission.IMPORT_ROSTER)):
        return 0
    return len(_without_slip(now) - {actor.account_id})


def _have_set_one(account_ids: Sequence[int]) -> frozenset[int]:
    """Those of the accounts whose owner has ever set a password, as the log tells."""
    if not account_ids:
        return frozenset()
    entry = m.AuditEntry
    rows = db.session.scalars(
        select(entry.target_id)
        .where(
            entry.target_kind == "account",
            entry.target_id.in_([str(account_id) for account_id in account_ids]),
            entry.tag == AuditTag.PASSWORD_CHANGED.value,
        )
        .distinct()
    )
    return frozenset(int(row) for row in rows)


def _who_prints(now: datetime) -> tuple[int, ...]:
    """Person ids of those who print slips and have an open account; the office first."""
    rows = db.session.scalars(
        select(m.RoleGrant.person_id)
        .join(m.Account, m.Account.person_id == m.RoleGrant.person_id)
        .where(
            m.RoleGrant.role.in_(_PRINTING),
            m.Account.disabled_at.is_(None),
            in_force(m.RoleGrant, clock.local_date(now)),
        )
        .order_by(m.RoleGrant.id)
    )
    return tuple(dict.fromkeys(rows))
