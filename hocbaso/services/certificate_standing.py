"""What happens to a registered certificate: the authority's answer, for which signatures it is bound, renewal, revocation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import audit, log_words
from hocbaso.services.access import Actor
from hocbaso.services.certificates import CertificateView, view_of

PERSONAL_ROLES = (SignatureRole.HOMEROOM.value, SignatureRole.PRINCIPAL.value)
"""The signatures that a person's certificate can be bound to, in the order they are kept."""

ANSWERS = ("sent", "approved", "refused")
"""What can be recorded of the authority: the certificate was sent to it, it approved, it refused."""


def _row(actor: Actor, certificate_id: int, *, owner: bool) -> m.Certificate:
    """The certificate, for the IT officer, and with ``owner`` for whose it is (the clerk for the seal). NotFound, WrongState."""
    row = db.session.get(m.Certificate, certificate_id, populate_existing=True)
    own = owner and row is not None and _is_own(actor, row)
    if row is None or not (own or actor.may(Permission.CERTIFICATE_MANAGE)):
        raise NotFound("Không có chứng thư này.")
    if row.retired_at is not None:
        raise WrongState("Chứng thư này đã ngừng dùng.")
    return row


def _is_own(actor: Actor, row: m.Certificate) -> bool:
    if row.purpose != "personal":
        return actor.has_role(Role.CLERK)
    return row.person_id is not None and row.person_id == actor.person_id


def _note(text: str | None, *, field: str, missing: str | None = None) -> str | None:
    words = " ".join((text or "").split())
    if len(words) > 300:
        raise Invalid("Ghi chú dài quá 300 kí tự.", field=field)
    if missing is not None and not words:
        raise Invalid(missing, field=field)
    return words or None


def _record(
    tag: AuditTag,
    actor: Actor,
    now: datetime,
    row: m.Certificate,
    before: dict[str, Any],
    note: str | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    db.session.flush()
    audit.record(
        tag,
        actor,
        now,
        target_kind="certificate",
        target_id=row.id,
        state=audit.states("certificate", [row]),
        before=before,
        note=note,
        facts=facts,
    )


def set_approval(actor: Actor, certificate_id: int, answer: str, now: datetime, *, note: str = "") -> None:
    """Record what the authority said of a certificate (IT officer). ``note``: number of the letter, needed for an answer.

    The seal of a real school signs only when approved (CV 2088/BGDĐT-GDTH annex 1, III.2). Raises NotAllowed, NotFound,
    WrongState (retired), Invalid.
    """
    actor.require(Permission.CERTIFICATE_MANAGE)
    if answer not in ANSWERS:
        raise Invalid("Chọn: đã gửi, được chấp nhận hoặc bị từ chối.", field="answer")
    words = _note(note, field="note", missing=None if answer == "sent" else "Ghi số văn bản trả lời của Sở.")
    with write_transaction():
        row = _row(actor, certificate_id, owner=False)
        before = {"approval": row.approval}
        row.approval, row.approval_at, row.approval_note = answer, now, words
        _record(AuditTag.CERTIFICATE_APPROVAL, actor, now, row, before, words)


def bind_roles(actor: Actor, certificate_id: int, roles: Sequence[str], now: datetime) -> None:
    """Say which signatures a person's certificate may give (IT officer); at least one. The seal's only seals.

    The same again writes nothing. Raises NotAllowed, NotFound, WrongState, Invalid.
    """
    actor.require(Permission.CERTIFICATE_MANAGE)
    chosen = [role for role in PERSONAL_ROLES if role in roles]
    if not chosen or len(chosen) != len(set(roles)):
        raise Invalid("Chọn ít nhất một tư cách ký: giáo viên chủ nhiệm hoặc Hiệu trưởng.", field="roles")
    with write_transaction():
        row = _row(actor, certificate_id, owner=False)
        if row.purpose == "seal":
            raise WrongState("Chứng thư con dấu chỉ dùng để đóng dấu.")
        bound = " ".join(chosen)
        if bound == row.bound_roles:
            return
        before = {"bound_roles": row.bound_roles}
        row.bound_roles = bound
        _record(AuditTag.CERTIFICATE_BOUND, actor, now, row, before)


def ask_renewal(actor: Actor, certificate_id: int, now: datetime, *, note: str = "") -> None:
    """Write down that renewal was asked of the issuer (owner, the clerk for the seal, or the IT officer).

    The certificate goes on as it is; registering the new one retires it. Raises NotFound, WrongState, Invalid.
    """
    words = _note(note, field="note")
    with write_transaction():
        row = _row(actor, certificate_id, owner=True)
        before = {"renewal_asked_at": row.renewal_asked_at}
        row.renewal_asked_at, row.renewal_note = now, words
        _record(AuditTag.CERTIFICATE_RENEWAL_ASKED, actor, now, row, before, words)


def revoke(actor: Actor, certificate_id: int, reason: str, now: datetime) -> None:
    """Write down that a certificate is revoked (lost, key known to others): it does not sign here, nor is registered again.

    Owner, the clerk for the seal, or the IT officer. Its owner destroys a key in software with it; the IT officer alone ends
    nobody's key: it stays sealed, and its owner takes it up again (``certificate_register.reinstate``; a key elsewhere is registered again)
    when a second person has agreed (:func:`lift_revocation`). What was signed before is judged by the issuer's revocation list, not by this. Raises NotFound, WrongState, Invalid.
    """
    words = _note(reason, field="reason", missing="Xin ghi lí do thu hồi chứng thư.")
    with write_transaction():
        row = _row(actor, certificate_id, owner=True)
        row.revoked_at, row.revoke_reason = now, words
        row.retired_at = now
        by_owner = _is_own(actor, row)
        if by_owner:
            row.key_envelope = None
        _record(
            AuditTag.CERTIFICATE_REVOKED, actor, now, row, {"retired_at": None}, words, facts={"by_owner": by_owner}
        )


_LIFTING = (Role.PRINCIPAL, Role.VICE_PRINCIPAL)


def _may_lift(actor: Actor, row: m.Certificate) -> bool:
    # Not whose it is: who feels the revocation would be the one to undo it.
    return any(actor.has_role(role) for role in _LIFTING) and not _is_own(actor, row)


def _is_liftable(row: m.Certificate) -> bool:
    """Whether it is revoked and has a key that its owner has not given up: kept here, or elsewhere and revoked by somebody else."""
    if row.revoked_at is None:
        return False
    if row.key_place is None:
        return row.key_envelope is not None
    entry = m.AuditEntry
    last = db.session.scalars(
        select(entry)
        .where(
            entry.target_kind == "certificate",
            entry.target_id == str(row.id),
            entry.tag == AuditTag.CERTIFICATE_REVOKED.value,
        )
        .order_by(entry.seq.desc())
        .limit(1)
    ).first()
    # Entries from before this was told are final, as they were when they were made.
    return last is not None and audit.payload_of(last).get("facts", {}).get("by_owner") is False


def liftable(actor: Actor, now: datetime) -> list[CertificateView]:
    """Certificates written down as revoked whose key is not given up, that this person may lift; the newest first, none for others."""
    rows = db.session.scalars(
        select(m.Certificate)
        .where(m.Certificate.revoked_at.is_not(None))
        .order_by(m.Certificate.revoked_at.desc(), m.Certificate.id.desc())
    )
    return [view_of(row, now) for row in rows if _may_lift(actor, row) and _is_liftable(row)]


def lift_revocation(actor: Actor, certificate_id: int, note: str, now: datetime) -> None:
    """Agree that a revocation which the IT officer wrote down was a mistake: principal or vice-principal, never the owner.

    It signs nothing by that; its owner may now take it up again. The former reason stays in the log and in :func:`history`. Raises
    NotAllowed, NotFound (none, not revoked, or its key is gone), Invalid.
    """
    if not any(actor.has_role(role) for role in _LIFTING):
        raise NotAllowed("Chỉ Hiệu trưởng hoặc Phó Hiệu trưởng đồng ý gỡ việc ghi thu hồi.")
    words = _note(note, field="note", missing="Xin ghi lí do gỡ việc ghi thu hồi.")
    with write_transaction():
        row = db.session.get(m.Certificate, certificate_id, populate_existing=True)
        if row is None or not _is_liftable(row):
            raise NotFound("Không có chứng thư nào như vậy đang ghi thu hồi.")
        if not _may_lift(actor, row):
            raise NotAllowed("Chứng thư của chính mình thì phải do người khác đồng ý gỡ việc ghi thu hồi.")
        before = {"revoked_at": row.revoked_at, "revoke_reason": row.revoke_reason}
        row.revoked_at = row.revoke_reason = None
        _record(AuditTag.CERTIFICATE_REVOCATION_LIFTED, actor, now, row, before, words)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a certificate, in words."""

    at: datetime
    who: str
    what: str
    note: str


_TOLD = (
    AuditTag.CERTIFICATE_REGISTERED,
    AuditTag.CERTIFICATE_RETIRED,
    AuditTag.CERTIFICATE_REVOKED,
    AuditTag.CERTIFICATE_REVOCATION_LIFTED,
    AuditTag.CERTIFICATE_REINSTATED,
    AuditTag.CERTIFICATE_KEY_DESTROYED,
)


def history(actor: Actor, certificate_id: int) -> list[Step]:
    """What became of a certificate, the newest first, with the reasons that were given: its owner, the IT officer and who may lift.

    NotFound for everybody else.
    """
    row = db.session.get(m.Certificate, certificate_id)
    if row is None or not (_is_own(actor, row) or actor.may(Permission.CERTIFICATE_MANAGE) or _may_lift(actor, row)):
        raise NotFound("Không có chứng thư này.")
    entry = m.AuditEntry
    found = db.session.scalars(
        select(entry)
        .where(entry.target_kind == "certificate", entry.target_id == str(certificate_id), entry.tag.in_(_TOLD))
        .order_by(entry.seq.desc())
    )
    return [
        Step(
            datetime.fromisoformat(one.at),
            one.actor_name,
            log_words.act_words(one.tag, {}),
            str(audit.payload_of(one).get("note") or ""),
        )
        for one in found
    ]
