"""Accounts and the roles granted to people: who may create, reset, disable, grant and end, and what that ends at once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.regulations.vietnamese_names import search_key
from hocbaso.services import audit, passwords, reminders, roster, second_factor, sessions
from hocbaso.services.access import SYSTEM, Actor, load_actor

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


@dataclass(frozen=True, slots=True)
class GrantRow:
    """One line of the list of roles."""

    grant_id: int
    person_id: int
    name: str
    role: Role
    scope: str
    scope_kind: GrantScope
    starts_on: date
    ends_on: date | None
    document: str | None
    in_force: bool
    may_end: bool


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
        wait = sessions.delay_after(account.n_failed) - int((now - account.failed_at).total_seconds())
        if wait > 0:
            raise sessions.SignInRefused(f"Đã nhập sai nhiều lần. Xin đợi {wait} giây.", wait_seconds=wait)
    matches = passwords.verify(account.password_hash if account else None, password or "")
    if account is None or not matches or account.disabled_at is not None:
        sessions.note_wrong_try(account, "cli", now)
        raise sessions.SignInRefused(sessions.WRONG)
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
    for grant in db.session.scalars(select(m.RoleGrant).where(*_in_force(today)).order_by(m.RoleGrant.id)):
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


def _in_force(today: date) -> tuple[Any, ...]:
    return (m.RoleGrant.starts_on <= today, or_(m.RoleGrant.ends_on.is_(None), m.RoleGrant.ends_on >= today))


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
    """Open an account with a one-time first password (72 hours, changed at the first sign-in).

    Needs ``account:manage``. Invalid for a bad or taken name; WrongState when the person has an account or has left.
    """
    actor.require(Permission.ACCOUNT_MANAGE)
    password = passwords.generate()
    hashed = passwords.hash_password(password)
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
        expires_at = now + FIRST_PASSWORD_LASTS
        account = m.Account(
            person_id=person_id,
            username=name,
            password_hash=hashed,
            must_change_password=True,
            first_password_expires_at=expires_at,
            created_at=now,
        )
        enter(actor, account, now)
    return FirstPassword(account.id, name, person.full_name, password, expires_at)


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
            state=audit.states("account", [account]),
        )


def create_account_with_password(
    actor: Actor, person_id: int, username: str, password: str, now: datetime
) -> m.Account:
    """Open an account whose holder has just typed the password (set-up of the first person at this machine)."""
    actor.require(Permission.ACCOUNT_MANAGE)
    person = db.session.get(m.Person, person_id)
    if person is None:
        raise NotFound("Không có người này trong danh sách cán bộ, giáo viên.")
    passwords.check(password, personal=_personal(person, username))
    hashed = passwords.hash_password(password)
    name = check_username(username)
    with write_transaction() as session:
        if (
            session.scalar(
                select(m.Account.id).where(or_(m.Account.username == name, m.Account.person_id == person_id))
            )
            is not None
        ):
            raise Invalid(f"Tên đăng nhập “{name}” đã có người dùng.", field="username")
        account = m.Account(
            person_id=person_id, username=name, password_hash=hashed, must_change_password=False, created_at=now
        )
        enter(actor, account, now)
    return account


def create_missing_accounts(actor: Actor, now: datetime) -> list[FirstPassword]:
    """Open an account for each person who works here and has none; the slips, by given name."""
    waiting = [row.person_id for row in list_accounts(actor, now) if row.account_id is None]
    return [create_account(actor, person_id, now) for person_id in waiting]


def _personal(person: m.Person, username: str) -> tuple[str, ...]:
    school = db.session.get(m.School, 1)
    return (
        username,
        person.full_name,
        person.staff_code,
        school.name if school else "",
        person.phone or "",
        person.personal_id_number or "",
    )


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
        audit.record(AuditTag.PASSWORD_RESET, actor, now, target_kind="account", target_id=account_id)
        session.refresh(account)
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
    passwords.check(new, personal=_personal(account.person, account.username))
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
        audit.record(AuditTag.PASSWORD_CHANGED, actor, now, target_kind="account", target_id=account.id)
    db.session.expire(account)


def disable(actor: Actor, account_id: int, now: datetime) -> None:
    """Shut an account: its sessions end at once, its history stays. Nobody shuts the own one. Needs ``account:manage``."""
    account = account_for(actor, account_id)
    if account.id == actor.account_id:
        raise NotAllowed("Không thể tự khoá tài khoản của mình.")
    _set_disabled(actor, account, now, now, AuditTag.ACCOUNT_DISABLED)


def enable(actor: Actor, account_id: int, now: datetime) -> None:
    """Open a shut account again. Needs ``account:manage``."""
    _set_disabled(actor, account_for(actor, account_id), None, now, AuditTag.ACCOUNT_ENABLED)


def _set_disabled(actor: Actor, account: m.Account, disabled_at: datetime | None, now: datetime, tag: AuditTag) -> None:
    with write_transaction() as session:
        session.refresh(account)
        if (account.disabled_at is None) == (disabled_at is None):
            raise WrongState("Tài khoản này đã ở trạng thái đó rồi.")
        account.disabled_at = disabled_at
        session.flush()
        sessions.end_all(account.id, now=now)
        audit.record(
            tag, actor, now, target_kind="account", target_id=account.id, state=audit.states("account", [account])
        )


def end_sessions(person_id: int, now: datetime) -> int:
    """End every session of a person's account (after a change of roles); the number ended."""
    account_id = db.session.scalar(select(m.Account.id).where(m.Account.person_id == person_id))
    return sessions.end_all(account_id, now=now) if account_id is not None else 0


# --- roles ------------------------------------------------------------------------------------------------------------

SCOPED: dict[Role, frozenset[GrantScope]] = {
    Role.GROUP_HEAD: frozenset({GrantScope.SUBJECT_GROUP}),
    Role.DELEGATE: frozenset({GrantScope.SCHOOL, GrantScope.GRADE_LEVEL, GrantScope.CLASS_GROUP}),
}
"""Roles with a scope of their own; every other role is for the whole school."""


def grant_role(
    actor: Actor,
    person_id: int,
    role: Role,
    now: datetime,
    *,
    scope_kind: GrantScope | None = None,
    scope_id: int | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
    document: str | None = None,
) -> m.RoleGrant:
    """Give a role. Needs ``role:grant`` (the principal) or the system actor of set-up; ends the person's sessions.

    Nobody grants to themselves. A delegation is for the vice-principal, has a last day, and names its paper (KT.).
    Invalid for a scope that does not fit the role, unknown places, or dates in the wrong order; WrongState when the
    same role stands already, or when the last IT officer's independence would be lost (IT and any other role exclude
    each other, QĐ 1789 Đ.5.3.c).
    """
    actor.require(Permission.ROLE_GRANT)
    if not actor.is_system and person_id == actor.person_id:
        raise NotAllowed("Không thể tự giao vai trò cho chính mình.")
    today = clock.local_date(now)
    starts_on = starts_on or today
    if ends_on is not None and ends_on < starts_on:
        raise Invalid("Ngày kết thúc phải sau ngày bắt đầu.", field="ends_on")
    if ends_on is not None and ends_on < today:
        raise Invalid("Ngày kết thúc đã qua.", field="ends_on")
    allowed = SCOPED.get(role, frozenset({GrantScope.SCHOOL}))
    scope_kind = scope_kind or (next(iter(allowed)) if len(allowed) == 1 else GrantScope.SCHOOL)
    if scope_kind not in allowed:
        raise Invalid("Phạm vi này không dùng cho vai trò đã chọn.", field="scope")
    _check_scope(scope_kind, scope_id)
    with write_transaction() as session:
        person = session.get(m.Person, person_id)
        if person is None:
            raise NotFound("Không có người này trong danh sách cán bộ, giáo viên.")
        standing = list(
            session.scalars(
                select(m.RoleGrant).where(
                    m.RoleGrant.person_id == person_id,
                    or_(m.RoleGrant.ends_on.is_(None), m.RoleGrant.ends_on >= starts_on),
                )
            )
        )
        if any(row.role == role and row.scope_kind == scope_kind and row.scope_id == scope_id for row in standing):
            raise WrongState(f"{person.full_name} đang giữ vai trò này rồi.")
        if role is Role.IT_OFFICER and any(row.role != Role.IT_OFFICER for row in standing):
            raise WrongState(
                "Người phụ trách CNTT không giữ vai trò khác: tài khoản này không được chạm tới điểm và "
                "học bạ. Xin kết thúc vai trò kia trước."
            )
        if role is not Role.IT_OFFICER and any(row.role == Role.IT_OFFICER for row in standing):
            raise WrongState("Người này đang phụ trách CNTT nên không giữ thêm vai trò khác được.")
        if role is Role.DELEGATE:
            if ends_on is None:
                raise Invalid("Uỷ quyền cần có ngày cuối.", field="ends_on")
            if not document:
                raise Invalid("Uỷ quyền cần ghi số văn bản.", field="document")
            if not any(row.role == Role.VICE_PRINCIPAL for row in standing):
                raise WrongState("Chỉ uỷ quyền cho Phó Hiệu trưởng.")
        grant = roster.grant_role(
            actor,
            person_id,
            role,
            now,
            scope_kind=scope_kind,
            scope_id=scope_id,
            starts_on=starts_on,
            ends_on=ends_on,
            document=document or None,
        )
        end_sessions(person_id, now)
    return grant


def _check_scope(scope_kind: GrantScope, scope_id: int | None) -> None:
    if scope_kind is GrantScope.SCHOOL:
        if scope_id is not None:
            raise Invalid("Vai trò toàn trường không kèm phạm vi.", field="scope")
        return
    if scope_id is None:
        raise Invalid("Xin chọn phạm vi.", field="scope")
    exists = {
        GrantScope.SUBJECT_GROUP: lambda: db.session.get(m.SubjectGroup, scope_id) is not None,
        GrantScope.CLASS_GROUP: lambda: db.session.get(m.ClassGroup, scope_id) is not None,
        GrantScope.GRADE_LEVEL: lambda: scope_id in (6, 7, 8, 9),
    }[scope_kind]
    if not exists():
        raise Invalid("Phạm vi này không có trong trường.", field="scope")


def end_role(actor: Actor, grant_id: int, now: datetime, *, ends_on: date | None = None) -> None:
    """End a grant on a day (default: now at once, its last day was yesterday); ends the person's sessions.

    Needs ``role:grant``. The last principal cannot be ended: first the next one is granted.
    """
    actor.require(Permission.ROLE_GRANT)
    today = clock.local_date(now)
    last_day = ends_on or today - timedelta(days=1)
    with write_transaction() as session:
        grant = session.get(m.RoleGrant, grant_id, populate_existing=True)
        if grant is None:
            raise NotFound("Không có vai trò này.")
        if grant.ends_on is not None and grant.ends_on < today:
            raise WrongState("Vai trò này đã kết thúc.")
        if not actor.is_system and grant.person_id == actor.person_id:
            raise NotAllowed("Không thể tự kết thúc vai trò của mình.")
        if (
            grant.role == Role.PRINCIPAL
            and session.scalar(
                select(m.RoleGrant.id)
                .where(
                    m.RoleGrant.role == Role.PRINCIPAL.value,
                    m.RoleGrant.id != grant_id,
                    *_in_force(last_day + timedelta(days=1)),
                )
                .limit(1)
            )
            is None
        ):
            raise WrongState("Trường luôn cần một Hiệu trưởng: xin giao vai trò cho người kế nhiệm trước.")
        before = {"ends_on": grant.ends_on}
        grant.ends_on = last_day
        session.flush()
        end_sessions(grant.person_id, now)
        audit.record(
            AuditTag.ROLE_ENDED,
            actor,
            now,
            target_kind="role_grant",
            target_id=grant_id,
            state=audit.states("role_grant", [grant]),
            before=before,
        )


def list_grants(actor: Actor, now: datetime, *, include_past: bool = False) -> list[GrantRow]:
    """Roles in force and to come (and past ones on request), by role and name. Needs ``role:grant``."""
    actor.require(Permission.ROLE_GRANT)
    today = clock.local_date(now)
    query = select(m.RoleGrant, m.Person).join(m.Person, m.Person.id == m.RoleGrant.person_id)
    if not include_past:
        query = query.where(or_(m.RoleGrant.ends_on.is_(None), m.RoleGrant.ends_on >= today))
    order = list(Role)
    rows = sorted(db.session.execute(query).all(), key=lambda row: (order.index(Role(row[0].role)), row[1].sort_key))
    names = scope_names(tuple(row[0] for row in rows))
    return [
        GrantRow(
            grant.id,
            person.id,
            person.full_name,
            Role(grant.role),
            names[grant.id],
            GrantScope(grant.scope_kind),
            grant.starts_on,
            grant.ends_on,
            grant.document,
            grant.starts_on <= today and (grant.ends_on is None or grant.ends_on >= today),
            grant.ends_on is None or grant.ends_on >= today,
        )
        for grant, person in rows
    ]


def own_grants(actor: Actor, now: datetime) -> list[GrantRow]:
    """The actor's own roles in force."""
    if actor.person_id is None:
        return []
    today = clock.local_date(now)
    rows = list(
        db.session.scalars(select(m.RoleGrant).where(m.RoleGrant.person_id == actor.person_id, *_in_force(today)))
    )
    names = scope_names(rows)
    return [
        GrantRow(
            row.id,
            actor.person_id,
            actor.name,
            Role(row.role),
            names[row.id],
            GrantScope(row.scope_kind),
            row.starts_on,
            row.ends_on,
            row.document,
            True,
            False,
        )
        for row in rows
    ]


def scope_names(grants: Sequence[m.RoleGrant]) -> dict[int, str]:
    """The reach of each grant in words, by grant id."""
    groups = {row.id: row.name for row in db.session.execute(select(m.SubjectGroup.id, m.SubjectGroup.name))}
    classes = {row.id: row.name for row in db.session.execute(select(m.ClassGroup.id, m.ClassGroup.name))}
    words = {}
    for grant in grants:
        match GrantScope(grant.scope_kind):
            case GrantScope.SCHOOL:
                words[grant.id] = "Toàn trường"
            case GrantScope.SUBJECT_GROUP:
                words[grant.id] = groups.get(grant.scope_id or 0, "?")
            case GrantScope.GRADE_LEVEL:
                words[grant.id] = f"Khối {grant.scope_id}"
            case GrantScope.CLASS_GROUP:
                words[grant.id] = f"Lớp {classes.get(grant.scope_id or 0, '?')}"
    return words


__all__ = [
    "AccountRow",
    "FirstPassword",
    "GrantRow",
    "account_for",
    "account_id_of",
    "change_own_password",
    "check_username",
    "create_account",
    "create_account_with_password",
    "create_missing_accounts",
    "disable",
    "enable",
    "end_role",
    "end_sessions",
    "find",
    "grant_role",
    "is_demo",
    "list_accounts",
    "list_grants",
    "no_account_yet",
    "own_grants",
    "reset_password",
    "reset_second_factor",
    "resolve_cli_actor",
    "scope_names",
    "set_first_password",
    "suggest_username",
]
