"""What waits for a person: one message a day that lists everything."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hocbaso.db import Base, UtcDateTime


class Notice(Base):
    """A reminder shown in the application and, where SMTP is set, mailed. Unique per person, day and kind."""

    __tablename__ = "notice"
    __table_args__ = (UniqueConstraint("person_id", "day", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    day: Mapped[date]
    kind: Mapped[str] = mapped_column(String(30))
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    about: Mapped[str | None] = mapped_column(Text)
    """Canonical JSON: for each line of ``body`` the key of what it is about, null where nothing will settle it. NULL: told before keys were kept."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mailed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DailyLook(Base):
    """What a person saw on the daily page: at the last look, and at the end of the sitting before it.

    ``seen`` and ``earlier``: canonical JSON, item -> short digest of what its line said (:mod:`hocbaso.services.daily_look`). Nobody's data: a lost
    row marks nothing as new.
    """

    __tablename__ = "daily_look"
    __table_args__ = (CheckConstraint("(earlier_at IS NULL) = (earlier IS NULL)", name="both_or_neither"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), unique=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen: Mapped[str] = mapped_column(Text)
    earlier_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    earlier: Mapped[str | None] = mapped_column(Text)
