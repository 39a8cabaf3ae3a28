"""The mail of the day where SMTP is set: one a person, with everything that waits for this person, announcements too; never twice."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from email.errors import MessageError
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from flask import current_app
from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from hocbaso import clock
from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db, write_transaction
from hocbaso.errors import Unavailable
from hocbaso.regulations.deadlines import is_quiet
from hocbaso.services import announcements, roster, shown_notices
from hocbaso.services.in_force import has_left

log = logging.getLogger(__name__)

_BACK = timedelta(days=7)
"""How old a message that nobody has read may be and still go out; a reminder of another day goes as of today."""


NO_SERVER = "Chưa khai báo máy chủ thư (SMTP_URL)."
_HOW_TO_END = "Không muốn nhận thư này nữa: mở trang Tài khoản của tôi trong phần mềm, mục Thư nhắc việc."


@dataclass(frozen=True, slots=True)
class Digest:
    """What goes to one person: ids of messages and announcements, and their words as (title, body) in order."""

    person_id: int
    name: str
    email: str
    notice_ids: tuple[int, ...]
    announcement_ids: tuple[int, ...]
    parts: tuple[tuple[str, str], ...]


def waiting(now: datetime) -> list[Digest]:
    """Who would get a mail now and what it would say; nobody who got one today already or wants none (``mail_choice``)."""
    today = clock.local_date(now)
    midnight = datetime.combine(today, time(0), clock.SCHOOL_ZONE)
    served = set(db.session.scalars(select(m.Notice.person_id).where(m.Notice.mailed_at >= midnight)))
    served |= set(
        db.session.scalars(select(m.AnnouncementMail.person_id).where(m.AnnouncementMail.mailed_at >= midnight))
    )
    declined = set(db.session.scalars(select(m.Account.person_id).where(m.Account.mail_declined_at.is_not(None))))
    showing = announcements.showing(now)
    reads = db.session.execute(select(m.AnnouncementRead.announcement_id, m.AnnouncementRead.account_id))
    mails = db.session.execute(select(m.AnnouncementMail.announcement_id, m.AnnouncementMail.person_id))
    open_accounts = db.session.execute(select(m.Account.person_id, m.Account.id).where(m.Account.disabled_at.is_(None)))
    read, mailed = {tuple(row) for row in reads}, {tuple(row) for row in mails}
    accounts = {row[0]: row[1] for row in open_accounts}
    found = []
    people = select(m.Person).where(m.Person.email.is_not(None), m.Person.email != "").order_by(m.Person.id)
    for person in db.session.scalars(people.execution_options(populate_existing=True)):
        if person.id in served or person.id in declined or has_left(person, today) or person.email is None:
            continue
        notices = list(db.session.scalars(_notices(person.id, today)))
        account = accounts.get(person.id)
        posted = [
            one for one in showing if account and (one.id, account) not in read and (one.id, person.id) not in mailed
        ]
        told = _said(notices, now)
        if told or posted:
            found.append(
                Digest(
                    person.id,
                    person.full_name,
                    person.email,
                    tuple(one.id for one in notices),
                    tuple(one.id for one in posted),
                    (
                        *told,
                        *((f"Thông báo: {one.title}", f"{one.body}\n({one.poster_name})") for one in posted),
                    ),
                )
            )
    return found


def _said(notices: Sequence[m.Notice], now: datetime) -> list[tuple[str, str]]:
    """(title, body) of each message. A reminder of an earlier day, which no server or only the quiet hours had room for, is worded as of
    today: what still waits, the days left now, nothing that today's own says; it goes in the same mail, and is marked with it.
    """
    today = clock.local_date(now)
    lines = {line for one in notices if one.day == today for line in one.body.splitlines()}
    said = []
    for one in notices:
        if one.kind != "reminder" or one.day == today:
            said.append((one.title, one.body))
            continue
        again = shown_notices.reworded(one, one.person_id, now, lines)
        lines.update(again.lines)
        if again.lines:
            said.append((again.title, "\n".join(again.lines)))
    return said


def _notices(person_id: int, today: date):  # type: ignore[no-untyped-def]
    return (
        select(m.Notice)
        .where(
            m.Notice.person_id == person_id,
            m.Notice.mailed_at.is_(None),
            or_(
                m.Notice.day == today,
                and_(
                    m.Notice.read_at.is_(None),
                    m.Notice.day > today - _BACK,
                    m.Notice.day < today,
                ),
            ),
        )
        .order_by(m.Notice.kind != "reminder", m.Notice.day.desc(), m.Notice.id)
        .execution_options(populate_existing=True)
    )


def has_server() -> bool:
    """Whether this machine was told of a mail server."""
    settings: Config = current_app.config["HOCBASO"]
    return bool(settings.smtp_url)


def send(now: datetime) -> int:
    """Send the mails that wait, where SMTP_URL is set; outside the quiet hours. Returns how many went out.

    Raises Unavailable when the mail server refuses; what went out stays marked. Everything in a mail is marked before it is
    handed over and unmarked when it was refused: a crash in between costs one mail (the application still shows
    what was in it), where the other order would send it twice. So does a server that goes away with the mail before it says that it has it.
    """
    settings: Config = current_app.config["HOCBASO"]
    if not settings.smtp_url or is_quiet(clock.local(now).hour):
        return 0
    digests = waiting(now)
    if not digests:
        return 0
    import smtplib

    from hocbaso.services import mail_server  # here: the web process holds both only where mail is sent

    n_sent = n_refused = 0
    try:
        with mail_server.opened(settings.smtp_url) as server:
            for digest in digests:
                if not _claim(digest, now):
                    continue
                try:
                    server.send_message(_message(settings.smtp_url, digest))
                    n_sent += 1
                except (smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError, ValueError, MessageError):
                    n_refused += 1  # one wrong address must not keep the others from theirs; it stays marked
                except BaseException:
                    if not server.is_handed_over:
                        _unclaim(digest)
                    raise
    except (OSError, smtplib.SMTPException) as problem:
        raise Unavailable(f"Máy chủ thư không nhận: {problem}. Lời nhắc vẫn hiện trong phần mềm.") from problem
    if n_refused:
        log.warning("mail refused for %d address(es)", n_refused)
    return n_sent


def _claim(digest: Digest, now: datetime) -> bool:
    """Mark all of it as mailed; False when another process has marked any of it meanwhile."""
    try:
        with write_transaction() as session:
            claimed = session.execute(
                update(m.Notice)
                .where(m.Notice.id.in_(digest.notice_ids), m.Notice.mailed_at.is_(None))
                .values(mailed_at=now)
                .execution_options(synchronize_session=False)
            )
            if claimed.rowcount != len(digest.notice_ids):  # type: ignore[attr-defined]
                raise _TakenError
            for announcement_id in digest.announcement_ids:
                session.add(
                    m.AnnouncementMail(announcement_id=announcement_id, person_id=digest.person_id, mailed_at=now)
                )
            session.flush()
    except (_TakenError, IntegrityError):
        return False
    return True


class _TakenError(Exception):
    """Another process sends it."""


def _unclaim(digest: Digest) -> None:
    with write_transaction() as session:
        session.execute(
            update(m.Notice)
            .where(m.Notice.id.in_(digest.notice_ids))
            .values(mailed_at=None)
            .execution_options(synchronize_session=False)
        )
        session.execute(
            delete(m.AnnouncementMail).where(
                m.AnnouncementMail.person_id == digest.person_id,
                m.AnnouncementMail.announcement_id.in_(digest.announcement_ids),
            )
        )


def _message(url: str, digest: Digest) -> EmailMessage:
    message = EmailMessage()
    school = roster.the_school()
    sender = dict(pair.split("=", 1) for pair in urlsplit(url).query.split("&") if "=" in pair).get("from")
    message["From"] = unquote(sender) if sender else f"hoc-ba-so@{urlsplit(url).hostname}"
    message["To"] = digest.email
    first, n_more = digest.parts[0], len(digest.parts) - 1
    message["Subject"] = f"Học bạ số: {first[0]}" + (f", và {n_more} tin khác" if n_more else "")
    texts = [
        body if len(digest.parts) == 1 and digest.notice_ids else f"{title}\n{body}" for title, body in digest.parts
    ]
    body = "\n\n".join(texts)
    message.set_content(
        f"Kính gửi thầy/cô {digest.name},\n\n{body}\n\n{_HOW_TO_END}\n\n{school.name if school else ''}\n"
    )
    return message
