"""Whether a person wants the mail of the day: chosen by the person alone, on the page of the own account.

The messages stand in the application all the same, and its bell counts them (docs/decisions/0040).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import current_app

from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db, write_transaction
from hocbaso.errors import NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit
from hocbaso.services.access import Actor


@dataclass(frozen=True, slots=True)
class MailChoice:
    """``email``: where the mail would go, "" for nowhere; ``declined_at``: since when it is not wanted; ``is_sent``: whether the school sends any."""

    email: str
    declined_at: datetime | None
    is_sent: bool


def read(actor: Actor) -> MailChoice:
    """What stands for this person. NotFound where there is no account."""
    account = _account(actor)
    settings: Config = current_app.config["HOCBASO"]
    return MailChoice(account.person.email or "", account.mail_declined_at, bool(settings.smtp_url))


def choose(actor: Actor, wanted: bool, now: datetime) -> bool:
    """Want the mail of the day or decline it. The same choice again writes nothing; whether anything was written. Raises NotFound."""
    with write_transaction():
        account = _account(actor)
        if wanted == (account.mail_declined_at is None):
            return False
        before = account.mail_declined_at
        account.mail_declined_at = None if wanted else now
        db.session.flush()
        audit.record(
            AuditTag.MAIL_CHOSEN,
            actor,
            now,
            target_kind="account",
            target_id=account.id,
            state=audit.states("account", [account]),
            before={"mail_declined_at": audit.plain(before)},
            facts={"account": account.username},
        )
    return True


def _account(actor: Actor) -> m.Account:
    account = db.session.get(m.Account, actor.account_id, populate_existing=True) if actor.account_id else None
    if account is None:
        raise NotFound("Tài khoản không còn hoạt động.")
    return account
