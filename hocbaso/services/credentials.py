"""How a password or a second factor is replaced: by its owner, or by whoever manages accounts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import KEY_HOLDERS, Role
from hocbaso.services import audit, notices, passwords, second_factor, sessions, wrong_tries
from hocbaso.services.access import Actor
from hocbaso.services.accounts import FIRST_PASSWORD_LASTS, FirstPassword, account_for, personal_words, roles_of
from hocbaso.services.in_force import not_over, people_with


def roles_held(account: m.Account, now: datetime) -> frozenset[Role]:
    """Roles of an account's owner, today's and those that begin later."""
    today = clock.local_date(now)
    rows = db.session.scalars(
        select(m.RoleGrant.role).where(m.RoleGrant.person_id == account.person_id, not_over(m.RoleGrant, today))
    )
    return frozenset(Role(role) for role in rows)


def needs_second_person(account: m.Account, now: datetime, *, factor: bool) -> bool:
    """Whether a reset of this account takes a second person's consent (``services/reset_requests.py``).

    A password always: whoever sees it could sign in as a person with scores. A second factor opens nothing without the
    password, so only that of a key holder does.
    """
    return not factor or bool(roles_held(account, now) & KEY_HOLDERS)


def require_resettable(actor: Actor, account: m.Account, *, factor: bool) -> None:
    """Refuse what no reset is for: the own account (NotAllowed), a second factor that is not set (WrongState)."""
    if account.id == actor.account_id:
        raise NotAllowed(
            "Điện thoại của chính mình đổi ở trang Tài khoản của tôi."
            if factor
            else "Mật khẩu của chính mình đổi ở trang Tài khoản của tôi."
        )
    if factor and account.totp_secret is None:
        raise WrongState("Tài khoản này chưa đặt xác nhận hai lớp.")


def reset_password(actor: Actor, account_id: int, now: datetime) -> FirstPassword:
    """A new one-time password at the server's keyboard, shown once; every session of the account ends.

    Only the system resets alone: for everybody else NotAllowed says to ask a second person on the page.
    """
    account = account_for(actor, account_id)
    require_resettable(actor, account, factor=False)
    if not actor.is_system:
        raise NotAllowed(
            f"Đặt lại mật khẩu của {account.person.full_name} cần người thứ hai đồng ý: xin gửi yêu cầu ở trang Tài khoản. "
            "Ở bàn phím máy chủ thì chạy lệnh không kèm --actor."
        )
    password = passwords.generate()
    return put_password(actor, account, password, passwords.hash_password(password), now)


def put_password(
    actor: Actor, account: m.Account, password: str, hashed: str, now: datetime, *, asked_by: str | None = None
) -> FirstPassword:
    """Write a drawn password; who may is checked by the caller. ``asked_by``: who asked, when another consented."""
    expires_at = now + FIRST_PASSWORD_LASTS
    with write_transaction() as session:
        session.execute(
            update(m.Account)
            .where(m.Account.id == account.id)
            .values(
                password_hash=hashed,
                must_change_password=True,
                first_password_expires_at=expires_at,
                n_failed=0,
                failed_at=None,
            )
        )
        sessions.end_all(account.id, now=now)
        _tell_of_reset(actor, account, "mật khẩu", now, asked_by)
        session.refresh(account)
        audit.record(
            AuditTag.PASSWORD_RESET,
            actor,
            now,
            target_kind="account",
            target_id=account.id,
            state=audit.states("account", [account], secrets=("password_digest",)),
            facts={"asked_by": asked_by} if asked_by else None,
        )
    return FirstPassword(
        account.id,
        account.username,
        account.person.full_name,
        password,
        expires_at,
        roles_of(account.person_id, now),
    )


def reset_second_factor(actor: Actor, account_id: int, now: datetime) -> None:
    """Unbind a lost telephone; sessions end and the next sign-in sets up a new one. Needs ``account:manage``.

    NotAllowed for an account that needs a second person's consent, unless the system acts.
    """
    account = account_for(actor, account_id)
    require_resettable(actor, account, factor=True)
    if not actor.is_system and needs_second_person(account, now, factor=True):
        raise NotAllowed(
            f"Tài khoản của {account.person.full_name} mở được việc của nhà trường, nên đặt lại cần người thứ hai đồng ý: "
            "xin gửi yêu cầu ở trang Tài khoản. Ở bàn phím máy chủ thì chạy lệnh không kèm --actor."
        )
    put_second_factor_aside(actor, account, now)


def put_second_factor_aside(actor: Actor, account: m.Account, now: datetime, *, asked_by: str | None = None) -> None:
    """Unbind; who may is checked by the caller."""
    with write_transaction():
        second_factor.forget(actor, account, now=now)
        sessions.end_all(account.id, now=now)
        _tell_of_reset(actor, account, "xác nhận hai lớp", now, asked_by)


def _tell_of_reset(actor: Actor, account: m.Account, what: str, now: datetime, asked_by: str | None) -> None:
    """The owner and the principal hear of every reset: whoever can reset an account could sign in with it."""
    who = f"{asked_by} xin, {actor.name} đồng ý: đã đặt lại" if asked_by else f"{actor.name} đặt lại"
    line = (
        f"{clock.local(now):%H:%M}: {who} {what} của {account.person.full_name} ({account.username}). "
        "Nếu không ai nhờ việc này, hãy báo Hiệu trưởng ngay."
    )
    people = (account.person_id, *people_with(Role.PRINCIPAL, clock.local_date(now)))
    notices.tell(people, "account_reset", "Có tài khoản được đặt lại", line, now)


def change_own_password(actor: Actor, old: str, new: str, now: datetime) -> None:
    """Change the own password after proving the old one; every session of the account ends.

    Invalid for a wrong old password, an easy new one, or the same again.
    """
    account = db.session.get(m.Account, actor.account_id)
    if account is None:
        raise NotFound("Tài khoản không còn hoạt động.")
    if not passwords.verify(account.password_hash, old):
        wrong_tries.note_wrong_try(account, "", now)
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
