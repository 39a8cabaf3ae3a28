"""Roles granted to people: who may grant and end, with which scope and dates, and what that ends at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import GrantScope, Permission, Role
from hocbaso.services import audit, duties, lockout, roster, sessions
from hocbaso.services.access import Actor
from hocbaso.services.in_force import in_force, last_day, not_over


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


SCOPED: dict[Role, frozenset[GrantScope]] = {
    Role.GROUP_HEAD: frozenset({GrantScope.SUBJECT_GROUP}),
    Role.DELEGATE: frozenset({GrantScope.SCHOOL, GrantScope.GRADE_LEVEL, GrantScope.CLASS_GROUP}),
}
"""Roles with a scope of their own; every other role is for the whole school."""


def end_sessions(person_id: int, now: datetime) -> int:
    """End every session of a person's account (after a change of roles); the number ended."""
    account_id = db.session.scalar(select(m.Account.id).where(m.Account.person_id == person_id))
    return sessions.end_all(account_id, now=now) if account_id is not None else 0


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
    hand_over: bool = False,
) -> m.RoleGrant:
    """Give a role. Needs ``role:grant`` (the principal) or the system actor of set-up; ends the person's sessions.

    Nobody grants to themselves. A delegation is for the vice-principal, within the days of that role, has a last day, and
    names its paper (KT.). A role ends with its holder's last working day at the latest. Invalid for a scope that does not fit
    the role, unknown places, dates in the wrong order or after the last working day; WrongState when the
    same role stands already, when there is a principal in those days (``hand_over``: that role ends the day before, in
    the same act), or when the last IT officer's independence would be lost (IT and any other role exclude
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
        person = roster.working_on(person_id, starts_on)
        if ends_on is not None and last_day(person, ends_on) != ends_on:
            raise Invalid(
                f"{person.full_name} làm việc ở trường đến hết {person.left_on:%d/%m/%Y}: xin chọn ngày kết thúc không sau ngày ấy.",
                field="ends_on",
            )
        standing = list(
            session.scalars(
                select(m.RoleGrant).where(
                    m.RoleGrant.person_id == person_id,
                    not_over(m.RoleGrant, starts_on),
                )
            )
        )
        if any(row.role == role and row.scope_kind == scope_kind and row.scope_id == scope_id for row in standing):
            raise WrongState(f"{person.full_name} đang giữ vai trò này rồi.")
        if why_not := clash(person, role, [Role(row.role) for row in standing], starts_on):
            raise WrongState(why_not)
        if role is Role.DELEGATE:
            if ends_on is None:
                raise Invalid("Uỷ quyền cần có ngày cuối.", field="ends_on")
            if not document:
                raise Invalid("Uỷ quyền cần ghi số văn bản.", field="document")
            if not any(row.role == Role.VICE_PRINCIPAL for row in standing):
                raise WrongState("Chỉ uỷ quyền cho Phó Hiệu trưởng.")
            if not _is_deputy_throughout(standing, starts_on, ends_on):
                raise Invalid(
                    f"Trong những ngày ấy không phải ngày nào {person.full_name} cũng là Phó Hiệu trưởng: xin chọn ngày của uỷ "
                    "quyền trong thời gian của vai trò đó.",
                    field="ends_on",
                )
        if role is Role.PRINCIPAL:
            _make_room(actor, starts_on, last_day(person, ends_on), now, hand_over=hand_over)
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


def clash(person: m.Person | None, role: Role, others: Sequence[Role], day: date) -> str:
    """Why a role from ``day`` on cannot stand beside the other roles and the duties of a person (None: one who is new here);
    "" when it can."""
    if role is Role.IT_OFFICER and any(other is not Role.IT_OFFICER for other in others):
        return (
            "Người phụ trách CNTT không giữ vai trò khác: tài khoản này không được chạm tới điểm và "
            "học bạ. Xin kết thúc vai trò kia trước."
        )
    if role is not Role.IT_OFFICER and Role.IT_OFFICER in others:
        return "Người này đang phụ trách CNTT nên không giữ thêm vai trò khác được."
    if role is Role.CLERK and person is not None and duties.holds_any(person.id, day):
        return (
            f"{person.full_name} đang được phân công dạy hoặc chủ nhiệm. Văn thư không ghi điểm vào học bạ mình đóng dấu: "
            "xin giao các lớp ấy cho người khác trước."
        )
    return ""


def _is_deputy_throughout(grants: Sequence[m.RoleGrant], starts_on: date, ends_on: date) -> bool:
    """Whether one of these grants makes its holder vice-principal from the first to the last day."""
    return any(
        row.role == Role.VICE_PRINCIPAL
        and row.starts_on <= starts_on
        and (row.ends_on is None or row.ends_on >= ends_on)
        for row in grants
    )


def _make_room(actor: Actor, starts_on: date, ends_on: date | None, now: datetime, *, hand_over: bool) -> None:
    """Two people are never principal on one day: end the standing role the day before, or refuse saying what to do."""
    standing = db.session.scalars(
        select(m.RoleGrant).where(
            m.RoleGrant.role == Role.PRINCIPAL.value,
            not_over(m.RoleGrant, starts_on),
            *(() if ends_on is None else (m.RoleGrant.starts_on <= ends_on,)),
        )
    ).all()
    for grant in standing:
        until = f"đến hết {grant.ends_on:%d/%m/%Y}" if grant.ends_on else "chưa có ngày cuối"
        if not hand_over or grant.starts_on >= starts_on:
            raise WrongState(
                f"{grant.person.full_name} là Hiệu trưởng từ {grant.starts_on:%d/%m/%Y}, {until}: hai người không cùng là Hiệu "
                "trưởng trong một ngày. Xin kết thúc vai trò ấy trước, hoặc chọn bàn giao để vai trò ấy kết thúc ngày hôm trước."
            )
        _end(actor, grant, starts_on - timedelta(days=1), now, "Bàn giao cho Hiệu trưởng kế nhiệm.")


def _end(actor: Actor, grant: m.RoleGrant, day: date, now: datetime, note: str | None) -> None:
    """Write the last day of a grant with its entry; the sessions of its holder end when that day is over."""
    before = {"ends_on": grant.ends_on}
    grant.ends_on = day
    db.session.flush()
    roster.renew_powers(grant.person_id)
    if day < clock.local_date(now):
        end_sessions(grant.person_id, now)
    audit.record(
        AuditTag.ROLE_ENDED,
        actor,
        now,
        target_kind="role_grant",
        target_id=grant.id,
        state=audit.states("role_grant", [grant]),
        before=before,
        note=note,
    )


def _delegations_left_behind(grant: m.RoleGrant, day: date) -> list[m.RoleGrant]:
    """What a vice-principal was delegated after ``day``, on which that role now ends; not what another such role carries."""
    rows = list(
        db.session.scalars(
            select(m.RoleGrant).where(
                m.RoleGrant.person_id == grant.person_id,
                m.RoleGrant.id != grant.id,
                not_over(m.RoleGrant, day + timedelta(days=1)),
            )
        )
    )
    return [
        row
        for row in rows
        if row.role == Role.DELEGATE
        and not _is_deputy_throughout(rows, max(row.starts_on, day + timedelta(days=1)), row.ends_on or date.max)
    ]


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


def end_role(
    actor: Actor, grant_id: int, now: datetime, *, ends_on: date | None = None, forced: str | None = None
) -> None:
    """End a grant on a day (default: now at once, its last day was yesterday, and the person's sessions end).

    With the vice-principal's role end the delegations it carries. Needs ``role:grant``. Invalid for a day before yesterday or
    after the one on which it ends anyway. The last principal cannot be ended: the next one takes over (``grant_role`` with ``hand_over``);
    nor the only IT officer who can sign in. ``forced``: all the same, with this reason, at the server's keyboard.
    """
    actor.require(Permission.ROLE_GRANT)
    forced = lockout.clean_force(actor, forced)
    today = clock.local_date(now)
    day = ends_on or today - timedelta(days=1)
    if day < today - timedelta(days=1):
        raise Invalid("Vai trò không kết thúc lùi về trước được: xin chọn từ hôm nay trở đi.", field="ends_on")
    with write_transaction() as session:
        grant = session.get(m.RoleGrant, grant_id, populate_existing=True)
        if grant is None:
            raise NotFound("Không có vai trò này.")
        if grant.ends_on is not None and grant.ends_on < today:
            raise WrongState("Vai trò này đã kết thúc.")
        if grant.ends_on is not None and grant.ends_on < day:
            raise Invalid(f"Vai trò này vốn chỉ đến hết {grant.ends_on:%d/%m/%Y}.", field="ends_on")
        if not actor.is_system and grant.person_id == actor.person_id:
            raise NotAllowed("Không thể tự kết thúc vai trò của mình.")
        if forced is None and grant.role == Role.IT_OFFICER and grant.starts_on <= today:
            lockout.require_another(grant.person_id, frozenset({Role.IT_OFFICER}), now)
        if (
            forced is None
            and grant.role == Role.PRINCIPAL
            and session.scalar(
                select(m.RoleGrant.id)
                .where(
                    m.RoleGrant.role == Role.PRINCIPAL.value,
                    m.RoleGrant.id != grant_id,
                    in_force(m.RoleGrant, day + timedelta(days=1)),
                )
                .limit(1)
            )
            is None
        ):
            raise WrongState(
                "Trường luôn cần một Hiệu trưởng: xin giao vai trò cho người kế nhiệm và chọn bàn giao, vai trò này khi ấy tự "
                "kết thúc."
            )
        left_behind = _delegations_left_behind(grant, day) if grant.role == Role.VICE_PRINCIPAL else []
        _end(actor, grant, day, now, forced)
        for delegation in left_behind:
            _end(actor, delegation, day, now, "Uỷ quyền hết cùng vai trò Phó Hiệu trưởng.")


def list_grants(actor: Actor, now: datetime, *, include_past: bool = False) -> list[GrantRow]:
    """Roles in force and to come (and past ones on request), by role and name. Needs ``role:grant``."""
    actor.require(Permission.ROLE_GRANT)
    today = clock.local_date(now)
    query = select(m.RoleGrant, m.Person).join(m.Person, m.Person.id == m.RoleGrant.person_id)
    if not include_past:
        query = query.where(not_over(m.RoleGrant, today))
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
        db.session.scalars(
            select(m.RoleGrant).where(m.RoleGrant.person_id == actor.person_id, in_force(m.RoleGrant, today))
        )
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
