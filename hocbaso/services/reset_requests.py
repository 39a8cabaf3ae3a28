"""Resets that need a second person: of every password, and of the second factor of whoever holds the school's keys.

Whoever can reset an account could sign in with it, and the IT officer must never come to scores. So a reset takes effect only
when another of principal, vice-principal and clerk consents; the new password is shown to that person, never to the asker.
At the server's own keyboard it stays possible without (``flask user passwd``), and the log says that the system did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import IntegrityFault, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import ROLE_PERMISSIONS, Permission, Role
from hocbaso.services import audit, credentials, notices, passwords
from hocbaso.services.access import Actor, load_actor
from hocbaso.services.accounts import FirstPassword, account_for
from hocbaso.services.in_force import in_force, people_with
from hocbaso.services.log_reading import told_of

LASTS = timedelta(hours=72)


class ResetKind(StrEnum):
    """What is reset."""

    PASSWORD = "password"
    SECOND_FACTOR = "second_factor"


KIND_WORDS = {ResetKind.PASSWORD: "mật khẩu", ResetKind.SECOND_FACTOR: "xác nhận hai lớp"}

_CONSENTING = frozenset(role for role, powers in ROLE_PERMISSIONS.items() if Permission.RESET_CONSENT in powers)


@dataclass(frozen=True, slots=True)
class RequestLine:
    """An open request for a page. ``mine``: the reader asked for it."""

    id: int
    owner: str
    username: str
    what: str
    asker: str
    asked_at: datetime
    expires_at: datetime
    mine: bool


def is_needed(actor: Actor, account_id: int, kind: ResetKind, now: datetime) -> bool:
    """Whether this person's reset of the account takes a second person. NotFound for those who manage no accounts."""
    return not actor.is_system and credentials.needs_second_person(
        account_for(actor, account_id), now, factor=kind is ResetKind.SECOND_FACTOR
    )


def ask(actor: Actor, account_id: int, kind: ResetKind, now: datetime) -> m.ResetRequest:
    """Ask for a reset. Needs ``account:manage``; the owner and the principal are told, and all who may consent see it.

    Raises NotFound, NotAllowed (the own account), WrongState (the account needs no consent, a request is open, no second
    factor to reset, or nobody is there to consent).
    """
    account = account_for(actor, account_id)
    credentials.require_resettable(actor, account, factor=kind is ResetKind.SECOND_FACTOR)
    if not credentials.needs_second_person(account, now, factor=kind is ResetKind.SECOND_FACTOR):
        raise WrongState("Tài khoản này không cần người thứ hai đồng ý.")
    to_ask = _who_may_consent(account, actor.person_id, now)
    if not to_ask:
        raise WrongState(
            "Chưa có Hiệu trưởng, Phó Hiệu trưởng hay văn thư nào khác có tài khoản để đồng ý. Việc này chỉ làm được ở bàn "
            "phím máy chủ."
        )
    with write_transaction() as session:
        standing = session.scalar(
            select(m.ResetRequest).where(
                m.ResetRequest.account_id == account_id,
                m.ResetRequest.kind == kind.value,
                m.ResetRequest.state == "OPEN",
            )
        )
        if standing is not None and standing.expires_at > now:
            raise WrongState("Đã có yêu cầu này rồi, đang chờ người thứ hai đồng ý.")
        if standing is not None:
            _settle(actor, standing, "WITHDRAWN", AuditTag.RESET_WITHDRAWN, now, {"expired": True})
        row = m.ResetRequest(
            account_id=account_id,
            kind=kind.value,
            asked_by=actor.account_id,
            asker_name=actor.name,
            asked_at=now,
            expires_at=now + LASTS,
        )
        session.add(row)
        session.flush()
        owner = account.person
        line = (
            f"{clock.local(now):%H:%M}: {actor.name} xin đặt lại {KIND_WORDS[kind]} của {owner.full_name} "
            f"({account.username}); chờ người thứ hai đồng ý, hết hạn {clock.local(row.expires_at):%H:%M %d/%m/%Y}. "
            "Hãy hỏi chính người ấy trước khi đồng ý; không ai nhờ thì báo Hiệu trưởng."
        )
        told = [
            one for one in (owner.id, *people_with(Role.PRINCIPAL, clock.local_date(now))) if one not in to_ask
        ]  # they see the request itself
        notices.tell(told, "reset_asked", "Có yêu cầu đặt lại tài khoản", line, now)
        audit.record(
            AuditTag.RESET_REQUESTED,
            actor,
            now,
            target_kind="reset_request",
            target_id=row.id,
            state=audit.states("reset_request", [row]),
            facts={"account": account.username, "owner": owner.full_name, "kind": kind.value},
        )
    return row


def consent(actor: Actor, request_id: int, now: datetime) -> FirstPassword | None:
    """Consent, which resets at once: the new one-time password (shown to this person alone), or None for a second factor.

    Raises NotFound for a request that this person may not decide, WrongState when it is decided or over, or when who asked
    no longer manages accounts, IntegrityFault when the request was changed behind the application's back.
    """
    row = _for(actor, request_id, now)
    password = passwords.generate()
    hashed = passwords.hash_password(password)
    with write_transaction():
        row = _for(actor, request_id, now)
        _require_asker(row, now)
        account = row.account
        credentials.require_resettable(actor, account, factor=row.kind == ResetKind.SECOND_FACTOR)
        _settle(actor, row, "CONSENTED", AuditTag.RESET_CONSENTED, now, {"asked_by": row.asker_name})
        if row.kind == ResetKind.SECOND_FACTOR:
            credentials.put_second_factor_aside(actor, account, now, asked_by=row.asker_name)
            return None
        return credentials.put_password(actor, account, password, hashed, now, asked_by=row.asker_name)


def refuse(actor: Actor, request_id: int, now: datetime) -> None:
    """Refuse a request; the owner, the asker and the principal are told. Raises as :func:`consent`."""
    with write_transaction():
        row = _for(actor, request_id, now)
        _settle(actor, row, "REFUSED", AuditTag.RESET_REFUSED, now, {"asked_by": row.asker_name})
        asker = db.session.get(m.Account, row.asked_by)
        owner = row.account.person
        notices.tell(
            (owner.id, *people_with(Role.PRINCIPAL, clock.local_date(now)), *((asker.person_id,) if asker else ())),
            "reset_asked",
            "Có yêu cầu đặt lại tài khoản",
            f"{clock.local(now):%H:%M}: {actor.name} không đồng ý đặt lại {KIND_WORDS[ResetKind(row.kind)]} của "
            f"{owner.full_name}.",
            now,
        )


def waiting(actor: Actor, now: datetime) -> list[RequestLine]:
    """Open requests that this person may decide, or that this IT officer asked for, oldest first."""
    if not (actor.may(Permission.RESET_CONSENT) or actor.may(Permission.ACCOUNT_MANAGE)):
        return []
    rows = db.session.scalars(
        select(m.ResetRequest)
        .where(m.ResetRequest.state == "OPEN", m.ResetRequest.expires_at > now)
        .order_by(m.ResetRequest.id)
        .execution_options(populate_existing=True)
    )
    return [
        RequestLine(
            row.id,
            row.account.person.full_name,
            row.account.username,
            KIND_WORDS[ResetKind(row.kind)],
            row.asker_name,
            row.asked_at,
            row.expires_at,
            row.asked_by == actor.account_id,
        )
        for row in rows
        if row.asked_by == actor.account_id or _may_decide(actor, row, now)
    ]


def to_decide(actor: Actor, now: datetime) -> list[RequestLine]:
    """Open requests that wait for this person's consent."""
    return [line for line in waiting(actor, now) if not line.mine]


def _for(actor: Actor, request_id: int, now: datetime) -> m.ResetRequest:
    row = db.session.get(m.ResetRequest, request_id, populate_existing=True)
    if row is None or not _may_decide(actor, row, now):
        raise NotFound("Không có yêu cầu này trong phần việc của thầy, cô.")
    if row.state != "OPEN":
        raise WrongState("Yêu cầu này đã được giải quyết rồi.")
    if row.expires_at <= now:
        raise WrongState("Yêu cầu này đã quá 72 giờ. Người phụ trách CNTT cần xin lại.")
    told = told_of("reset_request", row.id)
    if told is None or audit.differing("reset_request", audit.state_of("reset_request", row), told):
        raise IntegrityFault("Yêu cầu này trong cơ sở dữ liệu khác với nhật ký: đã bị sửa ngoài phần mềm. Chưa làm gì.")
    return row


def _require_asker(row: m.ResetRequest, now: datetime) -> None:
    """Who asked must still manage accounts: a request outlives neither the role nor the account it was made with."""
    try:
        stands = load_actor(row.asked_by, clock.local_date(now)).may(Permission.ACCOUNT_MANAGE)
    except NotFound:
        stands = False
    if not stands:
        raise WrongState(
            f"{row.asker_name} không còn phụ trách tài khoản nên yêu cầu này không dùng được nữa. Xin từ chối nó; nếu vẫn "
            "cần, người phụ trách CNTT hiện nay xin lại."
        )


def _may_decide(actor: Actor, row: m.ResetRequest, now: datetime) -> bool:
    """Another person than asker and owner, with a role that consents; for the principal's account not by being principal."""
    if actor.is_system or not actor.may(Permission.RESET_CONSENT):
        return False
    if row.asked_by == actor.account_id or row.account_id == actor.account_id:
        return False
    roles = {grant.role for grant in actor.grants}
    return bool(roles & _consenting_roles(row.account, now))


def _consenting_roles(account: m.Account, now: datetime) -> frozenset[Role]:
    of_principal = Role.PRINCIPAL in credentials.roles_held(account, now)
    return _CONSENTING - {Role.PRINCIPAL} if of_principal else _CONSENTING


def _who_may_consent(account: m.Account, asker: int | None, now: datetime) -> tuple[int, ...]:
    """Person ids of all who could consent and have an account that is open."""
    rows = db.session.scalars(
        select(m.RoleGrant.person_id)
        .join(m.Account, m.Account.person_id == m.RoleGrant.person_id)
        .where(
            m.RoleGrant.role.in_([role.value for role in _consenting_roles(account, now)]),
            m.RoleGrant.person_id.not_in([one for one in (account.person_id, asker) if one is not None]),
            m.Account.disabled_at.is_(None),
            in_force(m.RoleGrant, clock.local_date(now)),
        )
        .order_by(m.RoleGrant.id)
    )
    return tuple(dict.fromkeys(rows))


def _settle(
    actor: Actor, row: m.ResetRequest, state: str, tag: AuditTag, now: datetime, facts: dict[str, object]
) -> None:
    moved = db.session.scalars(
        update(m.ResetRequest)
        .where(m.ResetRequest.id == row.id, m.ResetRequest.state == "OPEN")
        .values(state=state, decided_by=actor.account_id, decided_at=now)
        .returning(m.ResetRequest.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not moved:
        raise Stale("Yêu cầu này vừa được người khác giải quyết.")
    db.session.refresh(row)
    audit.record(
        tag,
        actor,
        now,
        target_kind="reset_request",
        target_id=row.id,
        state=audit.states("reset_request", [row], columns=("state", "decided_by", "decided_at")),
        before={"state": "OPEN"},
        facts={"account": row.account.username, "kind": row.kind, **facts},
    )
