"""Certificates of signers, and the roots that this school trusts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, UtcDateTime
from hocbaso.models.people import Person


class Certificate(Base):
    """A registered certificate. ``purpose`` binds it to a role; ``person_id`` is NULL for the school's seal.

    ``key_kind`` says where its private key lives. ``software``: sealed in ``key_envelope`` (PIN and machine secret are both needed
    to open it). ``pkcs11``, ``desk`` and ``remote``: on a token at the server, on one at the signer's computer, or at a provider, ``key_place`` (JSON) says which; nothing of the key is here.
    ``image_digest``: the owner's image of hand or seal, a stored PNG, drawn with each signature.
    ``bound_roles``: the signatures it may give, words of ``SignatureRole``. ``approval``: what the authority said of it.
    """

    __tablename__ = "certificate"
    __table_args__ = (
        CheckConstraint("purpose IN ('personal','seal')", name="known_purpose"),
        CheckConstraint("key_kind IN ('software','pkcs11','remote','desk','none')", name="known_key_kind"),
        CheckConstraint("(purpose = 'seal') = (person_id IS NULL)", name="seal_belongs_to_the_school"),
        CheckConstraint(
            "bound_roles IN ('homeroom','principal','homeroom principal','seal')", name="known_bound_roles"
        ),
        CheckConstraint("(purpose = 'seal') = (bound_roles = 'seal')", name="only_the_seal_seals"),
        CheckConstraint("approval IN ('unsent','sent','approved','refused')", name="known_approval"),
        CheckConstraint("approval = 'unsent' OR approval_at IS NOT NULL", name="approval_has_its_day"),
        CheckConstraint("(revoked_at IS NULL) = (revoke_reason IS NULL)", name="revoked_for_a_reason"),
        CheckConstraint("revoked_at IS NULL OR retired_at IS NOT NULL", name="a_revoked_one_is_retired"),
        CheckConstraint("key_envelope IS NULL OR key_kind = 'software'", name="envelopes_hold_software_keys"),
        CheckConstraint(
            "(key_kind IN ('pkcs11','remote','desk')) = (key_place IS NOT NULL)", name="keys_elsewhere_have_a_place"
        ),
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
    key_place: Mapped[str | None] = mapped_column(Text)
    image_digest: Mapped[str | None] = mapped_column(ForeignKey("stored_document.digest"))
    bound_roles: Mapped[str] = mapped_column(String(20))
    approval: Mapped[str] = mapped_column(String(10), default="unsent")
    approval_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    approval_note: Mapped[str | None] = mapped_column(String(300))
    renewal_asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    renewal_note: Mapped[str | None] = mapped_column(String(300))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoke_reason: Mapped[str | None] = mapped_column(String(300))
    n_wrong_pins: Mapped[int] = mapped_column(default=0)
    is_test: Mapped[bool] = mapped_column(default=False)
    registered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    registered_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    person: Mapped[Person | None] = relationship()


class TrustRoot(Base):
    """A root certificate this instance trusts for checking signatures, with the newest revocation list seen.

    ``kind`` says whose root it is: the national one, the government's, a test one of a demonstration, or another.
    """

    __tablename__ = "trust_root"
    __table_args__ = (
        CheckConstraint("kind IN ('national','government','other','test')", name="known_kind"),
        CheckConstraint("is_test = (kind = 'test')", name="test_roots_are_called_so"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_name: Mapped[str] = mapped_column(String(300))
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    certificate_pem: Mapped[str] = mapped_column(Text)
    crl_pem: Mapped[str | None] = mapped_column(Text)
    is_test: Mapped[bool] = mapped_column(default=False)
    kind: Mapped[str] = mapped_column(String(12), default="other")
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class InstanceKey(Base):
    """A P-256 key of this installation; its private half lies in ``keys/instance-<key_id>.pem`` until it is retired.

    It signs what no person can sit beside (the summaries in QRs, reports on checked files) and is believed by what the seal says of it.
    """

    __tablename__ = "instance_key"
    __table_args__ = (
        CheckConstraint("(withdrawn_at IS NULL) = (withdraw_reason IS NULL)", name="withdrawn_for_a_reason"),
        CheckConstraint("withdrawn_at IS NULL OR retired_at IS NOT NULL", name="a_withdrawn_one_is_retired"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16), unique=True)
    public_key: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[datetime] = mapped_column(UtcDateTime)
    valid_until: Mapped[datetime] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdraw_reason: Mapped[str | None] = mapped_column(String(300))


class InstanceKeyStatement(Base):
    """What the seal says of an instance key, as it is published: that it is the school's, or that it no longer is."""

    __tablename__ = "instance_key_statement"
    __table_args__ = (
        UniqueConstraint("instance_key_id", "kind", "certificate_id"),
        CheckConstraint("kind IN ('statement','withdrawal')", name="known_kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_key_id: Mapped[int] = mapped_column(ForeignKey("instance_key.id"))
    kind: Mapped[str] = mapped_column(String(10))
    certificate_id: Mapped[int] = mapped_column(ForeignKey("certificate.id"))
    document: Mapped[str] = mapped_column(Text)
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime)
