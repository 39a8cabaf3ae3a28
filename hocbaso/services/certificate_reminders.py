"""Warnings before a certificate ends: 90, 30 and 7 days ahead, once each, to whoever can have it renewed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Role
from hocbaso.services import audit, certificates, notices
from hocbaso.services.access import Actor
from hocbaso.services.in_force import people_with

KIND = "certificate"
TITLE = "Chứng thư số sắp hết hạn"


def warn(actor: Actor, now: datetime) -> int:
    """Write the warnings that are due; how many messages. A server that was off on the day itself warns on the next.

    The owner hears (the clerks for the seal), from 30 days on the IT officers too. One entry a certificate and step.
    """
    n_told, today = 0, clock.local_date(now)
    with write_transaction():
        for row in _in_use():
            view = certificates.view_of(row, now)
            step = view.warn_days
            if step is None:
                continue
            line = _line(view, row, now)
            since = clock.local_date(row.not_after - timedelta(days=step + 1))
            owners = (row.person_id,) if row.person_id else people_with(Role.CLERK, today)
            others = people_with(Role.IT_OFFICER, today) if step <= 30 else ()
            key = certificate_key(row.id)
            said = (_which(view), f"Chứng thư số {view.serial_number} của")
            people = [each for each in dict.fromkeys((*owners, *others)) if not _told(each, key, said, since)]
            if not people:
                continue
            notices.tell(people, KIND, TITLE, line, now, about=key)
            audit.record(
                AuditTag.REMINDER_SENT,
                actor,
                now,
                target_kind="certificate",
                target_id=row.id,
                facts={"days": step, "n_people": len(people)},
            )
            n_told += len(people)
    return n_told


def certificate_key(certificate_id: int) -> str:
    """What a line of a message is about (``Notice.about``)."""
    return f"certificate-{certificate_id}"


def _in_use() -> list[m.Certificate]:
    return list(
        db.session.scalars(
            select(m.Certificate).where(m.Certificate.retired_at.is_(None)).order_by(m.Certificate.not_after)
        )
    )


def _which(view: certificates.CertificateView) -> str:
    whose = "con dấu nhà trường" if view.purpose == "seal" else view.owner
    return f"Chứng thư số {view.serial_words}… của {whose} hết hạn ngày {clock.local_date(view.not_after):%d/%m/%Y}"


def _line(view: certificates.CertificateView, row: m.Certificate, now: datetime) -> str:
    n_days = (clock.local_date(view.not_after) - clock.local_date(now)).days
    asked = (
        f" Đã đề nghị gia hạn ngày {clock.local_date(row.renewal_asked_at):%d/%m/%Y}."
        if row.renewal_asked_at
        else " Hãy đề nghị nơi cấp gia hạn rồi đăng ký chứng thư mới."
    )
    return f"{_which(view)}, {f'còn {n_days} ngày' if n_days > 0 else 'hôm nay'}.{asked}"


def _told(person_id: int, key: str, said: tuple[str, ...], since: date) -> bool:
    """Whether this person was told of this certificate since the present step began. ``said``: the words that told of it before a line
    had its key."""
    rows = db.session.scalars(
        select(m.Notice).where(m.Notice.person_id == person_id, m.Notice.kind == KIND, m.Notice.day >= since)
    )
    return any(
        about == key or (about is None and any(words in line for words in said))
        for row in rows
        for line, about in notices.lines(row)
    )
