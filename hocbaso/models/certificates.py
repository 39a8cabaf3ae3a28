"""Certificates of signers, and the roots that this school trusts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, UtcDateTime
from hocbaso.models.people import Person


class Certificate(Base):
    """A registered certificate. ``purpose`` binds it to a role; ``person_id`` is NULL for the school's seal.

    ``key_envelope`` is the sealed private key (PIN and machine secret are both needed to open it); NULL where the key
    lives on a token.
    """

    __tablename__ = "certificate"
    __table_args__ = (
        CheckConstraint("purpose IN ('personal','seal')", name="known_purpose"),
        CheckConstraint("key_kind IN ('software','pkcs11','remote','none')", name="known_key_kind"),
        CheckConstraint("(purpose = 'seal') = (person_id IS NULL)", name="seal_belongs_to_the_school"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(10))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    subject_name: Mapped[str] = mapped_column(String(300))
    issuer_name: Mapped[str] = mapped_column(String(300))
    serial_number: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    not_after: Mapped[datetime] = mapped_column(UtcDateTime)
    certificate_pem: Mapped[str] = mapped_column(Text)
    chain_pem: Mapped[str] = mapped_column(Text)
    key_kind: Mapped[str] = mapped_column(String(10), default="software")
    key_envelope: Mapped[bytes | None] = mapped_column(LargeBinary)
    n_wrong_pins: Mapped[int] = mapped_column(default=0)
    is_test: Mapped[bool] = mapped_column(default=False)
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    registered_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    person: Mapped[Person | None] = relationship()


class TrustRoot(Base):
    """A root certificate this instance trusts for checking signatures, with the newest revocation list seen."""

    __tablename__ = "trust_root"

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_name: Mapped[str] = mapped_column(String(300))
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    certificate_pem: Mapped[str] = mapped_column(Text)
    crl_pem: Mapped[str | None] = mapped_column(Text)
    is_test: Mapped[bool] = mapped_column(default=False)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
