"""Thông báo: posted inside or on the public page, put aside by each reader, withdrawn, never edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.printable_text import nfc
from hocbaso.errors import Invalid, NotAllowed, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit
from hocbaso.services.access import Actor

_FAR = 730
"""Days from today beyond which a day is a slip of the hand."""
INSIDE, PUBLIC = "inside", "public"
LONGEST_TITLE, LONGEST_BODY = 150, 3000


@dataclass(frozen=True, slots=True)
class Posted:
    """An announcement in a list. ``shows``: today; ``may_withdraw``: by this person."""

    row: m.Announcement
    shows: bool
    may_withdraw: bool


def _showing(today: date):  # type: ignore[no-untyped-def]
    return (
        m.Announcement.withdrawn_at.is_(None),
        m.Announcement.starts_on <= today,
        (m.Announcement.ends_on.is_(None)) | (m.Announcement.ends_on >= today),
    )


def public_ones(now: datetime, limit: int = 5) -> list[m.Announcement]:
    """What strangers read, the newest first."""
    return list(
        db.session.scalars(
            select(m.Announcement)
            .where(m.Announcement.audience == PUBLIC, *_showing(clock.local_date(now)))
            .order_by(m.Announcement.starts_on.desc(), m.Announcement.id.desc())
            .limit(limit)
        )
    )


def showing(now: datetime) -> list[m.Announcement]:
    """All that shows today, whoever reads; the oldest first."""
    return list(
        db.session.scalars(select(m.Announcement).where(*_showing(clock.local_date(now))).order_by(m.Announcement.id))
    )


def unread(actor: Actor, now: datetime, limit: int = 3) -> list[m.Announcement]:
    """What shows today and this account has not put aside, the newest first."""
    read = select(m.AnnouncementRead.announcement_id).where(m.AnnouncementRead.account_id == actor.account_id)
    return list(
        db.session.scalars(
            select(m.Announcement)
            .where(*_showing(clock.local_date(now)), m.Announcement.id.not_in(read))
            .order_by(m.Announcement.id.desc())
            .limit(limit)
        )
    )


def all_ones(actor: Actor, now: datetime) -> list[Posted]:
    """What shows today; for who posts, also what is over or withdrawn."""
    today = clock.local_date(now)
    wanted = select(m.Announcement).order_by(m.Announcement.id.desc()).limit(100)
    if not actor.may(Permission.ANNOUNCE):
        wanted = wanted.where(*_showing(today))
    return [
        Posted(
            row,
            row.withdrawn_at is None and row.starts_on <= today and (row.ends_on is None or row.ends_on >= today),
            row.withdrawn_at is None and actor.may(_power(row.audience)),
        )
        for row in db.session.scalars(wanted.execution_options(populate_existing=True))
    ]


def _power(audience: str) -> Permission:
    # What the public reads is the school's word: the principal's.
    return Permission.ANNOUNCE_PUBLICLY if audience == PUBLIC else Permission.ANNOUNCE


def post(
    actor: Actor, title: str, body: str, audience: str, starts_on: date | None, ends_on: date | None, now: datetime
) -> int:
    """Post; the same once more is the one that stands. Raises NotAllowed (the public page is the principal's), Invalid per field."""
    if audience not in (INSIDE, PUBLIC):
        raise Invalid("Xin chọn nơi đăng.", field="audience")
    if not actor.may(_power(audience)):
        raise NotAllowed("Thông báo trên trang công khai do Hiệu trưởng đăng.")
    title = " ".join((nfc(title) or "").split())
    body = (nfc(body) or "").replace("\r\n", "\n").strip()
    if not title or len(title) > LONGEST_TITLE:
        raise Invalid(f"Xin ghi tên thông báo, nhiều nhất {LONGEST_TITLE} chữ.", field="title")
    if not body or len(body) > LONGEST_BODY:
        raise Invalid(f"Xin ghi nội dung, nhiều nhất {LONGEST_BODY} chữ.", field="body")
    starts_on = starts_on or clock.local_date(now)
    if ends_on is not None and ends_on < max(starts_on, clock.local_date(now)):
        raise Invalid("Ngày cuối đã qua, hoặc trước ngày đầu.", field="ends_on")
    for field, day in (("starts_on", starts_on), ("ends_on", ends_on)):
        if day is not None and abs((day - clock.local_date(now)).days) > _FAR:
            raise Invalid("Ngày này cách hôm nay quá hai năm. Xin xem lại năm đã gõ.", field=field)
    with write_transaction() as session:
        standing = session.scalar(
            select(m.Announcement.id).where(
                m.Announcement.withdrawn_at.is_(None),
                m.Announcement.posted_by == actor.account_id,
                m.Announcement.title == title,
                m.Announcement.body == body,
                m.Announcement.audience == audience,
                m.Announcement.starts_on == starts_on,
                m.Announcement.ends_on.is_not_distinct_from(ends_on),
            )
        )
        if standing is not None:  # the second click
            return standing
        row = m.Announcement(
            title=title,
            body=body,
            audience=audience,
            starts_on=starts_on,
            ends_on=ends_on,
            posted_at=now,
            posted_by=actor.account_id,
            poster_name=actor.name,
        )
        session.add(row)
        session.flush()
        audit.record(
            AuditTag.ANNOUNCED,
            actor,
            now,
            target_kind="announcement",
            target_id=row.id,
            state=audit.states("announcement", [row]),
        )
        return row.id


def withdraw(actor: Actor, announcement_id: int, now: datetime) -> None:
    """Take it off every page; twice is once. NotFound also for who may not."""
    with write_transaction() as session:
        row = session.get(m.Announcement, announcement_id, populate_existing=True)
        if row is None or not actor.may(_power(row.audience)):
            raise NotFound("Không có thông báo này.")
        if row.withdrawn_at is not None:
            return
        row.withdrawn_at, row.withdrawer_name = now, actor.name
        audit.record(
            AuditTag.ANNOUNCEMENT_WITHDRAWN,
            actor,
            now,
            target_kind="announcement",
            target_id=row.id,
            state=audit.states("announcement", [row]),
        )


def put_aside(actor: Actor, announcement_id: int, now: datetime) -> None:
    """Mark as read by this account; NotFound for what does not show."""
    with write_transaction() as session:
        shown = session.scalar(
            select(m.Announcement.id).where(m.Announcement.id == announcement_id, *_showing(clock.local_date(now)))
        )
        if shown is None:
            raise NotFound("Không có thông báo này.")
        if session.get(m.AnnouncementRead, (announcement_id, actor.account_id)) is None:
            session.add(m.AnnouncementRead(announcement_id=announcement_id, account_id=actor.account_id, read_at=now))
