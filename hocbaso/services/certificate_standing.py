"""What happens to a registered certificate: the authority's answer, for which signatures it is bound, renewal, revocation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import audit
from hocbaso.services.access import Actor

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
    tag: AuditTag, actor: Actor, now: datetime, row: m.Certificate, before: dict[str, Any], note: str | None = None
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
    nobody's key: it stays sealed, and only its owner takes it up again (``certificate_register.reinstate``). What was signed before is judged by the
    issuer's revocation list, not by this. Raises NotFound, WrongState, Invalid.
    """
    words = _note(reason, field="reason", missing="Xin ghi lí do thu hồi chứng thư.")
    with write_transaction():
        row = _row(actor, certificate_id, owner=True)
        row.revoked_at, row.revoke_reason = now, words
        row.retired_at = now
        if _is_own(actor, row):
            row.key_envelope = None
        _record(AuditTag.CERTIFICATE_REVOKED, actor, now, row, {"retired_at": None}, words)
