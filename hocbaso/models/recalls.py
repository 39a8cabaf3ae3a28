"""Requests to recall an issued record, and the signed lists of them that go to the authority."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, UtcDateTime
from hocbaso.models.transcripts import TranscriptRecord


class RecallList(Base):
    """A numbered list of a school year's recalled records. ``content`` is its canonical JSON; the XML grows by each signature."""

    __tablename__ = "recall_list"
    __table_args__ = (
        UniqueConstraint("school_year_id", "number"),
        CheckConstraint("state IN ('MADE','PRINCIPAL_SIGNED','SEALED','SENT','ANSWERED')", name="known_state"),
        CheckConstraint("(state = 'ANSWERED') = (answered_at IS NOT NULL)", name="answered_has_its_day"),
        CheckConstraint("(state IN ('SENT','ANSWERED')) = (sent_at IS NOT NULL)", name="sent_has_its_day"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    school_year_id: Mapped[int] = mapped_column(ForeignKey("school_year.id"))
    number: Mapped[int]
    state: Mapped[str] = mapped_column(String(20), default="MADE")
    content: Mapped[str] = mapped_column(Text)
    content_digest: Mapped[str] = mapped_column(String(64))
    xml_digest: Mapped[str] = mapped_column(ForeignKey("stored_document.digest"))
    pdf_digest: Mapped[str] = mapped_column(ForeignKey("stored_document.digest"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    made_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    maker_name: Mapped[str] = mapped_column(String(120))
    principal_name: Mapped[str] = mapped_column(String(200))
    principal_certificate_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"))
    principal_signed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seal_certificate_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"))
    sealed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_note: Mapped[str | None] = mapped_column(String(300))
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer_note: Mapped[str | None] = mapped_column(String(300))
    version: Mapped[int] = mapped_column(default=1)

    requests: Mapped[list[RecallRequest]] = relationship(back_populates="recall_list", order_by="RecallRequest.id")


class RecallRequest(Base):
    """Why a record is to be recalled, who asked, who decided. ``from_state`` is the record's, restored when it comes to nothing."""

    __tablename__ = "recall_request"
    __table_args__ = (
        CheckConstraint("state IN ('ASKED','APPROVED','RECALLED','REFUSED','WITHDRAWN')", name="known_state"),
        CheckConstraint(
            "state NOT IN ('APPROVED','RECALLED') OR (decided_at IS NOT NULL AND decider_name IS NOT NULL)",
            name="approved_by_somebody",
        ),
        CheckConstraint("(state = 'RECALLED') = (recalled_at IS NOT NULL)", name="recalled_has_its_day"),
        Index(
            "uq_recall_request_open",
            "transcript_record_id",
            unique=True,
            sqlite_where=text("state IN ('ASKED','APPROVED')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    transcript_record_id: Mapped[int] = mapped_column(ForeignKey("transcript_record.id"), index=True)
    state: Mapped[str] = mapped_column(String(20), default="ASKED")
    from_state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(1000))
    paper: Mapped[str | None] = mapped_column(String(300))
    needs_authority: Mapped[bool] = mapped_column(default=False)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    asker_name: Mapped[str] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decider_name: Mapped[str | None] = mapped_column(String(120))
    decision_note: Mapped[str | None] = mapped_column(String(1000))
    recalled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    recall_list_id: Mapped[int | None] = mapped_column(ForeignKey("recall_list.id"), index=True)
    version: Mapped[int] = mapped_column(default=1)

    record: Mapped[TranscriptRecord] = relationship()
    recall_list: Mapped[RecallList | None] = relationship(back_populates="requests")
