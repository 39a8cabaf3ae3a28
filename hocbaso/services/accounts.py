"""Accounts: who has one, opening and shutting them, and who acts in a command."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.vietnamese_names import search_key
from hocbaso.services import account_log, audit, lockout, passwords, sessions, wrong_tries
from hocbaso.services.access import SYSTEM, Actor, load_actor
from hocbaso.services.in_force import has_left, in_force

FIRST_PASSWORD_LASTS = timedelta(hours=72)
USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{1,38})[a-z0-9]")


@dataclass(frozen=True, slots=True)
class FirstPassword:
    """A password that is shown once, on the screen of the person who made it."""

    account_id: int
    username: str
    name: str
    password: str
    expires_at: datetime
    roles: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One line of the list of accounts: no learning data."""

    account_id: int | None
    person_id: int
    staff_code: str
    name: str
    username: str | None
    disabled_at: datetime | None
    waits_first_sign_in: bool
    has_second_factor: bool
    last_seen_at: datetime | None
    n_sessions: int
    roles: tuple[Role, ...]
    left_on: date | None


def no_account_yet() -> bool:
    """Whether the instance is still in set-up."""
    return db.session.scalar(select(m.Account.id).limit(1)) is None


def is_demo() -> bool:
    """Whether the instance was made by ``flask demo``."""
    school = db.session.get(m.School, 1)
    return school is not None and school.is_demo


def resolve_cli_actor(actor_name: str | None, password: str | None, *, now: datetime) -> Actor:
    """Who acts in a command: the system actor in set-up and on demo instances, else the account after its password.

    A named account acts with its own powers on a demo instance too (with its password). Raises NotAllowed without a
    name where one is needed, and ``SignInRefused`` for a wrong password.
    """
    if actor_name is None:
        if no_account_yet() or is_demo():
            return SYSTEM
        raise NotAllowed(
            "Trường đã hoạt động: xin nêu người làm bằng --actor TÊN; mật khẩu hỏi trên màn hình hoặc lấy "
            "từ HOCBASO_PASSWORD."
        )
    account = db.session.scalar(select(m.Account).where(m.Account.username == actor_name.strip().casefold()))
    if account is not None and account.failed_at is not None:
        wait = wrong_tries.delay_after(account.n_failed) - int((now - account.failed_at).total_seconds())
        if wait > 0:
            raise wrong_tries.SignInRefused(f"Đã nhập sai nhiều lần. Xin đợi {wait} giây.", wait_seconds=wait)
    matches = passwords.verify(account.password_hash if account else None, password or "")
    if account is None or not matches or sessions.is_shut(account, now):
        wrong_tries.note_wrong_try(account, "cli", now)
        raise wrong_tries.SignInRefused(sessions.WRONG)
    if not account_log.is_as_written(account):
        raise wrong_tries.SignInRefused(account_log.ALTERED)
    if account.must_change_password:
        raise NotAllowed("Mật khẩu lần đầu cần được đổi trên trang đăng nhập trước khi dùng ở dòng lệnh.")
    return load_actor(account.id, clock.local_date(now))


# --- reading ----------------------------------------------------------------------------------------------------------


def account_id_of(username: str) -> int:
    """The account of a user name; NotFound otherwise."""
    account_id = db.session.scalar(select(m.Account.id).where(m.Account.username == username.strip().casefold()))
    if account_id is None:
        raise NotFound(f"Không có tài khoản {username}.")
    return account_id


def account_for(actor: Actor, account_id: int) -> m.Account:
    """The account, for those who manage accounts; NotFound for others."""
    account = db.session.get(m.Account, account_id)
    if account is None or not actor.may(Permission.ACCOUNT_MANAGE):
        raise NotFound("Không có tài khoản này.")
    return account


def list_accounts(actor: Actor, now: datetime, *, include_people_without: bool = True) -> list[AccountRow]:
    """Everybody's account state, sorted by name. Needs ``account:manage``."""
    actor.require(Permission.ACCOUNT_MANAGE)
    today = clock.local_date(now)
    roles: dict[int, list[Role]] = {}
    for grant in db.session.scalars(select(m.RoleGrant).where(in_force(m.RoleGrant, today)).order_by(m.RoleGrant.id)):
        roles.setdefault(grant.person_id, []).append(Role(grant.role))
    used = {
        row.account_id: row
        for row in db.session.execute(
            select(
                m.UserSession.account_id,
                func.max(m.UserSession.last_seen_at).label("last_seen_at"),
                func.count(m.UserSession.id)
                .filter(m.UserSession.ended_at.is_(None), m.UserSession.expires_at > now)
                .label("n_open"),
            ).group_by(m.UserSession.account_id)
        )
    }
    rows = db.session.execute(
        select(m.Person, m.Account).outerjoin(m.Account, m.Account.person_id == m.Person.id).order_by(m.Person.sort_key)
    )
    found = []
    for person, account in rows:
        if account is None and (not include_people_without or person.left_on is not None):
            continue
        use = used.get(account.id) if account else None
        found.append(
            AccountRow(
                account_id=account.id if account else None,
                person_id=person.id,
                staff_code=person.staff_code,
                name=person.full_name,
                username=account.username if account else None,
                disabled_at=account.disabled_at if account else None,
                waits_first_sign_in=bool(account and account.must_change_password),
                has_second_factor=bool(account and account.totp_secret),
                last_seen_at=use.last_seen_at if use else None,
                n_sessions=use.n_open if use else 0,
                roles=tuple(dict.fromkeys(roles.get(person.id, ()))),
                left_on=person.left_on,
            )
        )
    return found


def find(rows: list[AccountRow], search: str) -> list[AccountRow]:
    """The rows whose name (with or without diacritics), user name or staff code holds the words."""
    wanted, plain = search_key(search), search.strip().casefold()
    if not wanted:
        return rows
    return [
        row
        for row in rows
        if wanted in search_key(row.name) or plain in (row.username or "") or plain in row.staff_code.casefold()
    ]


# --- accounts ---------------------------------------------------------------------------------------------------------


def suggest_username(person: m.Person) -> str:
    """The staff code in lower case where it has the right shape, else the name without diacritics; never one taken."""
    base = person.staff_code.strip().casefold()
    if not USERNAME.fullmatch(base):
        bare = unicodedata.normalize("NFD", person.full_name.casefold()).replace("đ", "d")
        words = re.sub(r"[^a-z0-9 ]", "", "".join(c for c in bare if not unicodedata.combining(c))).split()
        base = (words[-1] + "".join(word[0] for word in words[:-1]) if words else "nguoi-dung").ljust(3, "0")[:36]
    name, number = base, 1
    while db.session.scalar(select(m.Account.id).where(m.Account.username == name)) is not None:
        number += 1
        name = f"{base}{number}"
    return name


def check_username(name: str) -> str:
    """The name in its one spelling. Invalid unless it is 3 to 40 of a-z, 0-9, dot, dash, underscore."""
    name = name.strip().casefold()
    if not USERNAME.fullmatch(name):
        raise Invalid(
            "Tên đăng nhập dài 3 đến 40 kí tự: chữ thường không dấu, chữ số, dấu chấm, gạch ngang; "
            "bắt đầu và kết thúc bằng chữ hoặc số.",
            field="username",
        )
    return name


def create_account(actor: Actor, person_id: int, now: datetime, *, username: str | None = None) -> FirstPassword:
    """Open an account with a one-time first password (72 hours, changed at the first sign-in), for set-up and the keyboard.

    Only the system does: a person who opened it so would see what opens it (docs/decisions/0010). Raises NotAllowed, and as
    :func:`open_account`.
    """
    if not actor.is_system:
        raise NotAllowed("Tài khoản được mở không kèm mật khẩu; văn thư hoặc Ban Giám hiệu in phiếu mật khẩu lần đầu.")
    password = passwords.generate()
    expires_at = now + FIRST_PASSWORD_LASTS
    account = _open(actor, person_id, username, passwords.hash_password(password), expires_at, now)
    roles = roles_of(account.person_id, now)
    return FirstPassword(account.id, account.username, account.person.full_name, password, expires_at, roles)


def roles_of(person_id: int, now: datetime) -> tuple[Role, ...]:
    """The roles that a person holds at ``now``, as granted."""
    rows = db.session.scalars(
        select(m.RoleGrant.role)
        .where(m.RoleGrant.person_id == person_id, in_force(m.RoleGrant, clock.local_date(now)))
        .order_by(m.RoleGrant.id)
    )
    return tuple(dict.fromkeys(Role(row) for row in rows))


def open_account(actor: Actor, person_id: int, now: datetime, *, username: str | None = None) -> m.Account:
    """Open an account that nothing opens yet: its slip is printed by somebody else (``services/first_passwords.py``).

    Needs ``account:manage``. Invalid for a bad or taken name; WrongState when the person has an account or has left.
    """
    actor.require(Permission.ACCOUNT_MANAGE)
    return _open(actor, person_id, username, passwords.unknown_hash(), now, now)


def _open(
    actor: Actor, person_id: int, username: str | None, hashed: str, expires_at: datetime, now: datetime
) -> m.Account:
    with write_transaction() as session:
        person = session.get(m.Person, person_id, populate_existing=True)
        if person is None:
            raise NotFound("Không có người này trong danh sách cán bộ, giáo viên.")
        if session.scalar(select(m.Account.id).where(m.Account.person_id == person_id)) is not None:
            raise WrongState(f"{person.full_name} đã có tài khoản.")
        if person.left_on is not None and person.left_on <= clock.local_date(now):
            raise WrongState(f"{person.full_name} đã thôi làm việc ở trường.")
        name = check_username(username or suggest_username(person))
        if session.scalar(select(m.Account.id).where(m.Account.username == name)) is not None:
            raise Invalid(f"Tên đăng nhập “{name}” đã có người dùng.", field="username")
        account = m.Account(
            person_id=person_id,
            username=name,
            password_hash=hashed,
            must_change_password=True,
            first_password_expires_at=expires_at,
            created_at=now,
        )
        enter(actor, account, now)
    return account


def enter(actor: Actor, account: m.Account, now: datetime) -> None:
    """Write a new account with its entry, in the caller's transaction or an own one."""
    with write_transaction() as session:
        session.add(account)
        session.flush()
        audit.record(
            AuditTag.ACCOUNT_CREATED,
            actor,
            now,
            target_kind="account",
            target_id=account.id,
            state=audit.states("account", [account], secrets=("password_digest", "second_factor_digest")),
        )


def people_without(actor: Actor, now: datetime) -> list[int]:
    """Person ids of those who work here and have no account, by given name. Needs ``account:manage``."""
    return [row.person_id for row in list_accounts(actor, now) if row.account_id is None]


def count_without(actor: Actor) -> int:
    """How many work here and have no account; 0 for whoever does not open accounts."""
    return n_without() if actor.may(Permission.ACCOUNT_MANAGE) else 0


def n_without() -> int:
    """How many work here and have no account: a number, no names."""
    query = (
        select(func.count(m.Person.id))
        .outerjoin(m.Account, m.Account.person_id == m.Person.id)
        .where(m.Account.id.is_(None), m.Person.left_on.is_(None))
    )
    return int(db.session.scalar(query) or 0)


def personal_words(person: m.Person, username: str) -> tuple[str, ...]:
    school = db.session.get(m.School, 1)
    return (
        username,
        person.full_name,
        person.staff_code,
        school.name if school else "",
        person.phone or "",
        person.personal_id_number or "",
    )


def disable(actor: Actor, account_id: int, now: datetime, *, forced: str | None = None) -> None:
    """Shut an account: its sessions end at once, its history stays. Nobody shuts the own one. Needs ``account:manage``.

    WrongState for the only principal or IT officer who can sign in, unless ``forced`` (a reason, at the server's keyboard).
    """
    account = account_for(actor, account_id)
    if account.id == actor.account_id:
        raise NotAllowed("Không thể tự khoá tài khoản của mình.")
    forced = lockout.clean_force(actor, forced)
    with write_transaction():
        if forced is None and account.disabled_at is None:
            lockout.require_another(account.person_id, lockout.roles_today(account.person_id, now), now)
        _set_disabled(actor, account, now, now, AuditTag.ACCOUNT_DISABLED, forced)


def enable(actor: Actor, account_id: int, now: datetime) -> None:
    """Open a shut account again. Needs ``account:manage``; WrongState when the last working day of its owner is over."""
    account = account_for(actor, account_id)
    if has_left(account.person, clock.local_date(now)):
        raise WrongState(
            f"{account.person.full_name} đã thôi làm việc ở trường. Nếu người này trở lại, văn thư bỏ ngày làm việc cuối cùng "
            "trong hồ sơ trước."
        )
    _set_disabled(actor, account, None, now, AuditTag.ACCOUNT_ENABLED)


def _set_disabled(
    actor: Actor,
    account: m.Account,
    disabled_at: datetime | None,
    now: datetime,
    tag: AuditTag,
    forced: str | None = None,
) -> None:
    with write_transaction() as session:
        session.refresh(account)
        if (account.disabled_at is None) == (disabled_at is None):
            raise WrongState("Tài khoản này đã ở trạng thái đó rồi.")
        account.disabled_at = disabled_at
        session.flush()
        sessions.end_all(account.id, now=now)
        audit.record(
            tag,
            actor,
            now,
            target_kind="account",
            target_id=account.id,
            state=audit.states("account", [account]),
            note=forced,
        )
