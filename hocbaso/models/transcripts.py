"""Transcript records, their signatures, stored files, and signing batches."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, UtcDateTime
from hocbaso.models.results import FrozenResult
from hocbaso.models.students import Enrollment


class StoredDocument(Base):
    """A file in the content-addressed store; the row is written after the file."""

    __tablename__ = "stored_document"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    media_type: Mapped[str] = mapped_column(String(60))
    n_bytes: Mapped[int]
    stored_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TranscriptRecord(Base):
    """One student, one school year, one UUID. A replaced record keeps its files for ever; its successor has a new UUID."""

    __tablename__ = "transcript_record"
    __table_args__ = (
        CheckConstraint(
            "state IN ('CREATED','HOMEROOM_SIGNED','PRINCIPAL_SIGNED','ISSUED','PUBLISHED','SUBMITTED','ACCEPTED',"
            "'REJECTED','RECALL_REQUESTED','RECALLED')",
            name="known_state",
        ),
        # At most one record in force for a student's year.
        Index(
            "uq_transcript_record_in_force",
            "enrollment_id",
            unique=True,
            sqlite_where=text("state <> 'RECALLED'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"))
    frozen_result_id: Mapped[int] = mapped_column(ForeignKey("frozen_result.id"))
    state: Mapped[str] = mapped_column(String(20), default="CREATED")
    content: Mapped[str] = mapped_column(Text)
    content_digest: Mapped[str] = mapped_column(String(64))
    qr_text: Mapped[str | None] = mapped_column(Text)
    """What the QR on the paper says (``documents/qr_summary``); NULL where the form has the lookup address alone."""
    data_zone_digest: Mapped[str] = mapped_column(ForeignKey("stored_document.digest"))
    unsigned_pdf_digest: Mapped[str] = mapped_column(ForeignKey("stored_document.digest"))
    pdf_digest: Mapped[str] = mapped_column(ForeignKey("stored_document.digest"))
    xml_digest: Mapped[str] = mapped_column(ForeignKey("stored_document.digest"))
    issue_on: Mapped[date]
    built_at: Mapped[datetime] = mapped_column(UtcDateTime)
    built_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    recalled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("transcript_record.id"))
    version: Mapped[int] = mapped_column(default=1)

    enrollment: Mapped[Enrollment] = relationship()
    frozen_result: Mapped[FrozenResult] = relationship()
    """What the record was built from: not always the newest, since a recall may be refused."""
    signatures: Mapped[list[TranscriptSignature]] = relationship(
        back_populates="record", order_by="TranscriptSignature.id"
    )


class TranscriptSignature(Base):
    """A signature that was made, verified on the new bytes and stored; the unique key keeps a batch from signing twice."""

    __tablename__ = "transcript_signature"
    __table_args__ = (
        UniqueConstraint("transcript_record_id", "role"),
        CheckConstraint("role IN ('homeroom','principal','seal')", name="known_role"),
        CheckConstraint("NOT publish_on_seal OR role = 'principal'", name="order_by_principal"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    transcript_record_id: Mapped[int] = mapped_column(ForeignKey("transcript_record.id"))
    role: Mapped[str] = mapped_column(String(10))
    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    signer_name: Mapped[str] = mapped_column(String(200))
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    pdf_digest: Mapped[str] = mapped_column(ForeignKey("stored_document.digest"))
    xml_digest: Mapped[str] = mapped_column(ForeignKey("stored_document.digest"))
    level: Mapped[str] = mapped_column(String(10), default="B-B")
    publish_on_seal: Mapped[bool] = mapped_column(default=False)
    """The principal's order that the record is published by the clerk's seal."""

    record: Mapped[TranscriptRecord] = relationship(back_populates="signatures")


class DocumentProof(Base):
    """A PDF of a sealed record with a document time stamp (B-LTA): the issued one, then each longer one that was stamped again.

    Each begins with the bytes of the one before. The record and its signatures go on naming the issued file.
    """

    __tablename__ = "document_proof"
    __table_args__ = (UniqueConstraint("transcript_record_id", "stamped_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    transcript_record_id: Mapped[int] = mapped_column(ForeignKey("transcript_record.id"), index=True)
    pdf_digest: Mapped[str] = mapped_column(ForeignKey("stored_document.digest"), unique=True)
    level: Mapped[str] = mapped_column(String(10))
    stamped_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the certificate of the authority behind the last stamp ends: stamped again before."""


class SigningBatch(Base):
    """One authentication, many documents: building or signing a class, a grade level or the school, with one outcome a student.

    ``runner`` names the process at work (:mod:`hocbaso.services.batch_runner`); what the one who started it chose (``issue_on``,
    ``deputy_person_id``, ``publish_on_seal``) stands here, so that whoever goes on with it does the same.
    """

    __tablename__ = "signing_batch"
    __table_args__ = (
        CheckConstraint("state IN ('RUNNING','PAUSING','PAUSED','DONE')", name="known_state"),
        CheckConstraint("scope_kind IN ('class_group','grade_level','school')", name="known_scope"),
        CheckConstraint("(scope_kind = 'class_group') = (class_group_id IS NOT NULL)", name="a_class_has_its_id"),
        CheckConstraint(
            "(scope_kind = 'grade_level') = (grade_level IS NOT NULL)", name="a_grade_level_has_its_number"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    school_year_id: Mapped[int] = mapped_column(ForeignKey("school_year.id"), index=True)
    scope_kind: Mapped[str] = mapped_column(String(20), default="class_group")
    class_group_id: Mapped[int | None] = mapped_column(ForeignKey("class_group.id"), index=True)
    grade_level: Mapped[int | None]
    step: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10), default="RUNNING")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    resumed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    actor_name: Mapped[str] = mapped_column(String(120))
    runner: Mapped[str | None] = mapped_column(String(120))
    issue_on: Mapped[date | None]
    deputy_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    publish_on_seal: Mapped[bool] = mapped_column(default=False)

    items: Mapped[list[SigningBatchItem]] = relationship(back_populates="batch", order_by="SigningBatchItem.position")


class SigningBatchItem(Base):
    """One student of a batch. ``outcome``: waiting, done, skipped (already there), failed (``reason`` says why)."""

    __tablename__ = "signing_batch_item"
    __table_args__ = (
        UniqueConstraint("signing_batch_id", "enrollment_id"),
        CheckConstraint("outcome IN ('waiting','done','skipped','failed')", name="known_outcome"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    signing_batch_id: Mapped[int] = mapped_column(ForeignKey("signing_batch.id"), index=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"))
    position: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(10), default="waiting")
    reason: Mapped[str | None] = mapped_column(String(1000))
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    batch: Mapped[SigningBatch] = relationship(back_populates="items")
    enrollment: Mapped[Enrollment] = relationship()


class SignerLook(Base):
    """When a signer last looked through a class, so that the next look begins with what has changed since."""

    __tablename__ = "signer_look"
    __table_args__ = (UniqueConstraint("account_id", "class_group_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    class_group_id: Mapped[int] = mapped_column(ForeignKey("class_group.id"))
    looked_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Rehearsal(Base):
    """A rehearsal of signing: what was found and how long a class takes. ``result`` is JSON; no paper of it is kept anywhere."""

    __tablename__ = "rehearsal"
    __table_args__ = (CheckConstraint("state IN ('RUNNING','DONE')", name="known_state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    school_year_id: Mapped[int] = mapped_column(ForeignKey("school_year.id"), index=True)
    state: Mapped[str] = mapped_column(String(10), default="RUNNING")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    actor_name: Mapped[str] = mapped_column(String(120))
    runner: Mapped[str | None] = mapped_column(String(120))
    n_classes: Mapped[int] = mapped_column(default=0)
    n_done: Mapped[int] = mapped_column(default=0)
    result: Mapped[str | None] = mapped_column(Text)
