"""Accounts and their server-side sessions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, UtcDateTime
from hocbaso.models.people import Person


class Account(Base):
    """A sign-in. ``powers_version`` grows whenever anything that gives this account powers changes."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), unique=True)
    username: Mapped[str] = mapped_column(String(60), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change_password: Mapped[bool] = mapped_column(default=True)
    first_password_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    totp_secret: Mapped[str | None] = mapped_column(String(200))
    totp_last_step: Mapped[int | None]
    n_failed: Mapped[int] = mapped_column(default=0)
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mail_declined_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when this person wants no mail of the day; the messages stand in the application all the same."""
    powers_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    person: Mapped[Person] = relationship()


class UserSession(Base):
    """A signed-in browser. Only the digest of its token is stored, so a stolen database opens nothing."""

    __tablename__ = "user_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_digest: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    second_factor_done: Mapped[bool] = mapped_column(default=False)
    address: Mapped[str | None] = mapped_column(String(60))
    agent: Mapped[str | None] = mapped_column(String(200))

    account: Mapped[Account] = relationship()


class ResetRequest(Base):
    """A password or second factor that the IT officer asks to reset and a second person has to consent to."""

    __tablename__ = "reset_request"
    __table_args__ = (
        CheckConstraint("kind IN ('password','second_factor')", name="known_kind"),
        CheckConstraint("state IN ('OPEN','CONSENTED','REFUSED','WITHDRAWN')", name="known_state"),
        CheckConstraint("(state = 'OPEN') = (decided_at IS NULL)", name="decided_once"),
        CheckConstraint("decided_by IS NULL OR decided_by <> asked_by OR state = 'WITHDRAWN'", name="second_person"),
        # One open request for each thing of an account.
        Index(
            "uq_reset_request_open",
            "account_id",
            "kind",
            unique=True,
            sqlite_where=text("state = 'OPEN'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10), default="OPEN")
    asked_by: Mapped[int] = mapped_column(ForeignKey("account.id"))
    asker_name: Mapped[str] = mapped_column(String(120))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    account: Mapped[Account] = relationship(foreign_keys=[account_id])


class AddressAttempts(Base):
    """Failed sign-ins by network address within the present minute; in the table so that a restart does not reset it."""

    __tablename__ = "address_attempts"

    address: Mapped[str] = mapped_column(String(60), primary_key=True)
    minute: Mapped[int]
    n_failed: Mapped[int] = mapped_column(default=0)
