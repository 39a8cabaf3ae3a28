"""Questions to the IT officer and their answers, and who has seen the first-visit tour."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, UtcDateTime
from hocbaso.models.accounts import Account


class HelpRequest(Base):
    """A question: its messages in order, and whose turn it is."""

    __tablename__ = "help_request"
    __table_args__ = (
        CheckConstraint("state IN ('OPEN','ANSWERED','CLOSED')", name="known_state"),
        Index("ix_help_request_asked_by", "asked_by"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(10), default="OPEN")
    screen: Mapped[str] = mapped_column(String(200))
    """The address of the page the question is about, without what identifies a person on it."""
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_by: Mapped[int] = mapped_column(ForeignKey("account.id"))
    moved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)

    asker: Mapped[Account] = relationship()
    messages: Mapped[list[HelpMessage]] = relationship(order_by="HelpMessage.id")


class HelpMessage(Base):
    """One turn of a question. Never changed."""

    __tablename__ = "help_message"
    __table_args__ = (Index("ix_help_message_request", "help_request_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    help_request_id: Mapped[int] = mapped_column(ForeignKey("help_request.id"))
    text: Mapped[str] = mapped_column(String(2000))
    is_answer: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by_account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    by_name: Mapped[str] = mapped_column(String(120))


class TourSeen(Base):
    """An account that has seen the first-visit tour to its end or put it aside."""

    __tablename__ = "tour_seen"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
