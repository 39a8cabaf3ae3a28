"""How a password or a second factor is replaced: by its owner, or by whoever manages accounts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, passwords, reminders, second_factor, sessions
from hocbaso.services.access import Actor
from hocbaso.services.accounts import FIRST_PASSWORD_LASTS, FirstPassword, account_for, personal_words


def reset_password(actor: Actor, account_id: int, now: datetime) -> FirstPassword:
    """Begin a reset: a new one-time password, shown once; every session of the account ends. Needs ``account:manage``.

    Nobody resets the own password this way: the own page changes it with the old one.
    """
    account = account_for(actor, account_id)
    if account.id == actor.account_id:
        raise NotAllowed("Mật khẩu của chính mình đổi ở trang Tài khoản của tôi.")
    password = passwords.generate()
    hashed = passwords.hash_password(password)
    expires_at = now + FIRST_PASSWORD_LASTS
    with write_transaction() as session:
        session.execute(
            update(m.Account)
            .where(m.Account.id == account_id)
            .values(
                password_hash=hashed,
                must_change_password=True,
                first_password_expires_at=expires_at,
                n_failed=0,
                failed_at=None,
            )
        )
        sessions.end_all(account_id, now=now)
        _tell_of_reset(actor, account, "mật khẩu", now)
        session.refresh(account)
        audit.record(
            AuditTag.PASSWORD_RESET,
            actor,
            now,
            target_kind="account",
            target_id=account_id,
            state=audit.states("account", [account], secrets=("password_digest",)),
        )
    return FirstPassword(account_id, account.username, account.person.full_name, password, expires_at)


def reset_second_factor(actor: Actor, account_id: int, now: datetime) -> None:
    """Unbind a lost telephone; sessions end and the next sign-in sets up a new one. Needs ``account:manage``."""
    account = account_for(actor, account_id)
    if account.id == actor.account_id:
        raise NotAllowed("Điện thoại của chính mình đổi ở trang Tài khoản của tôi.")
    if account.totp_secret is None:
        raise WrongState("Tài khoản này chưa đặt xác nhận hai lớp.")
    with write_transaction():
        second_factor.forget(actor, account, now=now)
        sessions.end_all(account_id, now=now)
        _tell_of_reset(actor, account, "xác nhận hai lớp", now)


def _tell_of_reset(actor: Actor, account: m.Account, what: str, now: datetime) -> None:
    """The owner and the principal hear of every reset: whoever can reset an account could sign in with it."""
    line = (
        f"{clock.local(now):%H:%M}: {actor.name} đặt lại {what} của {account.person.full_name} ({account.username}). "
        "Nếu không ai nhờ việc này, hãy báo Hiệu trưởng ngay."
    )
    people = (account.person_id, *reminders.principals(now))
    reminders.tell(people, "account_reset", "Có tài khoản được đặt lại", line, now)


def change_own_password(actor: Actor, old: str, new: str, now: datetime) -> None:
    """Change the own password after proving the old one; every session of the account ends.

    Invalid for a wrong old password, an easy new one, or the same again.
    """
    account = db.session.get(m.Account, actor.account_id)
    if account is None:
        raise NotFound("Tài khoản không còn hoạt động.")
    if not passwords.verify(account.password_hash, old):
        sessions.note_wrong_try(account, "", now)
        raise Invalid("Mật khẩu hiện nay chưa đúng.", field="old")
    _set_own(actor, account, new, now)


def set_first_password(actor: Actor, new: str, now: datetime) -> None:
    """Replace the one-time first password, in a session that was opened with it; every session of the account ends."""
    account = db.session.get(m.Account, actor.account_id)
    if account is None:
        raise NotFound("Tài khoản không còn hoạt động.")
    if not account.must_change_password:
        raise WrongState("Mật khẩu lần đầu đã được đổi rồi.")
    _set_own(actor, account, new, now)


def _set_own(actor: Actor, account: m.Account, new: str, now: datetime) -> None:
    passwords.check(new, personal=personal_words(account.person, account.username))
    if passwords.verify(account.password_hash, new):
        raise Invalid("Mật khẩu mới phải khác mật khẩu cũ.", field="password")
    hashed = passwords.hash_password(new)
    with write_transaction() as session:
        session.execute(
            update(m.Account)
            .where(m.Account.id == account.id)
            .values(
                password_hash=hashed,
                must_change_password=False,
                first_password_expires_at=None,
                n_failed=0,
                failed_at=None,
            )
        )
        sessions.end_all(account.id, now=now)
        session.refresh(account)
        audit.record(
            AuditTag.PASSWORD_CHANGED,
            actor,
            now,
            target_kind="account",
            target_id=account.id,
            state=audit.states("account", [account], secrets=("password_digest",)),
        )
