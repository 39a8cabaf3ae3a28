"""Readiness: what the school needs and has, line by line; accounts and certificates are counted by the program itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, Stale
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit
from hocbaso.services.access import Actor

KINDS = {
    "device": "Thiết bị",
    "line": "Đường truyền, mạng",
    "software": "Phần mềm",
    "certificate": "Thiết bị ký, chứng thư",
    "gift": "Tài trợ, quà tặng",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """A line that nobody types: ``n_ready`` of ``n_needed``, and where to go when some are missing."""

    name: str
    n_needed: int
    n_ready: int
    link: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """The page."""

    items: tuple[m.InventoryItem, ...]
    counted: tuple[Counted, ...]
    may_keep: bool

    @property
    def n_short(self) -> int:
        """Lines where something is missing."""
        typed = sum(one.n_ready < one.n_needed for one in self.items)
        return typed + sum(one.n_ready < one.n_needed for one in self.counted)


def page(actor: Actor, now: datetime) -> Inventory:
    """The inventory, for those who follow the year's progress or keep it. NotAllowed for others."""
    if not actor.may(Permission.INVENTORY_KEEP):
        actor.require(Permission.PROGRESS_READ)
    items = db.session.scalars(
        select(m.InventoryItem)
        .where(m.InventoryItem.dropped.is_(False))
        .order_by(m.InventoryItem.kind, m.InventoryItem.name, m.InventoryItem.id)
        .execution_options(populate_existing=True)
    )
    order = list(KINDS)
    return Inventory(
        tuple(sorted(items, key=lambda one: order.index(one.kind))), _counted(now), actor.may(Permission.INVENTORY_KEEP)
    )


def _counted(now: datetime) -> tuple[Counted, ...]:
    today = clock.local_date(now)
    at_work = select(m.Person.id).where(or_(m.Person.left_on.is_(None), m.Person.left_on >= today))
    n_people = db.session.scalar(select(func.count()).select_from(at_work.subquery())) or 0
    n_accounts = (
        db.session.scalar(
            select(func.count(m.Account.id)).where(m.Account.disabled_at.is_(None), m.Account.person_id.in_(at_work))
        )
        or 0
    )
    signers = select(m.HomeroomAssignment.person_id).where(
        m.HomeroomAssignment.starts_on <= today,
        or_(m.HomeroomAssignment.ends_on.is_(None), m.HomeroomAssignment.ends_on >= today),
    )
    principals = select(m.RoleGrant.person_id).where(
        m.RoleGrant.role == "principal",
        m.RoleGrant.starts_on <= today,
        or_(m.RoleGrant.ends_on.is_(None), m.RoleGrant.ends_on >= today),
    )
    people = set(db.session.scalars(signers)) | set(db.session.scalars(principals))
    usable = set(
        db.session.scalars(
            select(m.Certificate.person_id).where(
                m.Certificate.retired_at.is_(None), m.Certificate.revoked_at.is_(None), m.Certificate.not_after > now
            )
        )
    )
    return (
        Counted("Tài khoản của cán bộ, giáo viên", n_people, n_accounts, "/nguoi-dung/tai-khoan"),
        Counted(
            "Chứng thư số của người ký (chủ nhiệm, Hiệu trưởng)", len(people), len(people & usable), "/chung-thu-so/"
        ),
    )


def save(
    actor: Actor,
    item_id: int | None,
    kind: str,
    name: str,
    n_needed: int | None,
    n_ready: int | None,
    note: str,
    expected_version: int,
    now: datetime,
) -> int:
    """Add a line (``item_id`` None) or write what was counted today. Raises NotAllowed, NotFound, Stale, Invalid per field."""
    actor.require(Permission.INVENTORY_KEEP)
    name, note = " ".join(name.split()), " ".join(note.split())
    if kind not in KINDS:
        raise Invalid("Xin chọn loại.", field="kind")
    if not name or len(name) > 200:
        raise Invalid("Xin ghi tên, nhiều nhất 200 chữ.", field="name")
    if len(note) > 300:
        raise Invalid("Ghi chú nhiều nhất 300 chữ.", field="note")
    if n_needed is None or not 0 < n_needed <= 10000:
        raise Invalid("Số cần có: từ 1 đến 10000.", field="n_needed")
    if n_ready is None or not 0 <= n_ready <= n_needed:
        raise Invalid("Số đã sẵn sàng: từ 0 đến số cần có.", field="n_ready")
    with write_transaction() as session:
        if item_id is None:
            if session.scalar(_standing(kind, name)) is not None:
                raise Invalid("Bảng kê đã có dòng này; xin ghi số đếm vào dòng ấy.", field="name")
            row = m.InventoryItem(version=0)
            session.add(row)
        else:
            row = _item(item_id, expected_version)
        row.kind, row.name, row.n_needed, row.n_ready, row.note = kind, name, n_needed, n_ready, note or None
        row.checked_on, row.checker_name, row.version = clock.local_date(now), actor.name, row.version + 1
        session.flush()
        _record(actor, now, row)
        return row.id


def drop(actor: Actor, item_id: int, expected_version: int, now: datetime) -> None:
    """Take a line off; the log keeps it. Raises NotAllowed, NotFound, Stale."""
    actor.require(Permission.INVENTORY_KEEP)
    with write_transaction():
        row = _item(item_id, expected_version)
        row.dropped, row.version = True, row.version + 1
        _record(actor, now, row)


def _standing(kind: str, name: str) -> Any:
    return select(m.InventoryItem.id).where(
        m.InventoryItem.kind == kind, m.InventoryItem.name == name, m.InventoryItem.dropped.is_(False)
    )


def _item(item_id: int, expected_version: int) -> m.InventoryItem:
    row = db.session.get(m.InventoryItem, item_id, populate_existing=True)
    if row is None or row.dropped:
        raise NotFound("Không có dòng này.")
    if row.version != expected_version:
        raise Stale("Dòng này vừa được người khác ghi. Xin tải lại trang.", current=row.version)
    return row


def _record(actor: Actor, now: datetime, row: m.InventoryItem) -> None:
    audit.record(
        AuditTag.INVENTORY_CHANGED,
        actor,
        now,
        target_kind="inventory_item",
        target_id=row.id,
        state=audit.states("inventory_item", [row]),
    )
