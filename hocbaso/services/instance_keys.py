"""The instance's key: made, used, certified by the seal, replaced and withdrawn (decision 0017).

Its private half lies beside the snapshot key in ``keys/`` (0600): a server that builds at night has nobody to open it. What that is
worth is bounded by what may be signed with it: summaries, reports and lists for signers' helpers, never a transcript.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import instance_keys as ik
from hocbaso.documents.signing_manifest import Paper
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import audit, certificates, desk_tasks, document_pool, trust_roots
from hocbaso.services.access import Actor
from hocbaso.services.log_reading import told_of

VALID = timedelta(days=2 * 365)
EARLIER = timedelta(days=1)
"""A key is valid from a little before it is made: clocks are set right, and a batch bears the hour of its beginning."""

_ALL_KEYS: dict[str, None] = {"instance_key": None}

RENEW_BEFORE = timedelta(days=90)
"""A new key is made so long before the old one ends, and the old one signs no more."""


@dataclass(frozen=True, slots=True)
class InstanceKeyView:
    """A key for a page. ``is_certified``: the seal in use today has said so of it (or, once withdrawn, that it is)."""

    key_id: str
    valid_from: datetime
    valid_until: datetime
    retired_at: datetime | None
    withdrawn_at: datetime | None
    withdraw_reason: str | None
    is_certified: bool

    @property
    def words(self) -> str:
        """The id in groups of four, to be compared by people."""
        return " ".join(self.key_id.upper()[i : i + 4] for i in range(0, 16, 4))


# --- making and using -------------------------------------------------------------------------------------------------


def _rows() -> list[m.InstanceKey]:
    query = select(m.InstanceKey).order_by(m.InstanceKey.id).execution_options(populate_existing=True)
    return list(db.session.scalars(query))


def _path(key_id: str) -> Path:
    return document_pool.config().keys / f"instance-{key_id}.pem"


def _write_private(path: Path, data: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(scratch, path)


def _in_use(now: datetime) -> m.InstanceKey | None:
    rows = [row for row in _rows() if row.retired_at is None and row.valid_from <= now < row.valid_until - RENEW_BEFORE]
    return rows[-1] if rows else None


def signing_key(actor: Actor, now: datetime) -> bytes:
    """The key in use (``documents.instance_keys.key_to_bytes``), made when there is none or the last one nears its end.

    Raises IntegrityFault when row, log and file do not agree: nobody gets the school to sign with a key put there by hand.
    """
    row = _in_use(now) or _make(actor, now)
    return _read(row)


def present_key(now: datetime) -> bytes | None:
    """The key in use where there is one; it is never made here. Raises as :func:`signing_key`."""
    row = _in_use(now)
    return None if row is None else _read(row)


def public_key(now: datetime) -> bytes | None:
    """DER of the public half of the key in use, for the helpers at the signers' desks; None where there is none yet."""
    row = _in_use(now)
    if row is None:
        return None
    require_told(row)
    return base64.b64decode(row.public_key)


def for_helpers(now: datetime) -> dict[str, str]:
    """What a signer's helper looks at when it is paired and at each session: the key in use (Base64; empty where there is none yet), the time."""
    return {
        "format": "hocbaso-helper-key-1",
        "public_key": ik.b64(public_key(now) or b""),
        "now": ik.instant(now),
    }


def pairing_words(actor: Actor, now: datetime) -> str:
    """The key in use, made where there is none, in groups of four: people compare them with what the helper shows."""
    signing_key(actor, now)
    key_id = ik.key_id_of(public_key(now) or b"").upper()
    return " ".join(key_id[i : i + 4] for i in range(0, 16, 4))


def file_faults() -> list[str]:
    """What speaks against the files of keys that still sign, a sentence each; for whoever checks a whole instance."""
    found = []
    for row in _rows():
        if row.retired_at is None:
            try:
                _read(row)
            except (IntegrityFault, ValueError) as fault:
                words = fault.message if isinstance(fault, IntegrityFault) else "Tệp khoá của máy bị hỏng."
                found.append(f"{words} ({row.key_id})")
    return found


def _read(row: m.InstanceKey) -> bytes:
    require_told(row)
    try:
        data = _path(row.key_id).read_bytes()
    except OSError as error:
        raise IntegrityFault(
            "Không còn tệp khoá của máy. Hãy khôi phục từ bản sao lưu, hoặc thu hồi khoá ở trang Chứng thư số để máy tạo khoá mới."
        ) from error
    if ik.b64(ik.spki(ik.key_from_bytes(data).public_key())) != row.public_key:
        raise IntegrityFault("Tệp khoá của máy không phải khoá đã ghi trong cơ sở dữ liệu.")
    return data


def require_told(row: m.InstanceKey) -> None:
    """Raise IntegrityFault unless the row is what the log tells."""
    told = told_of("instance_key", row.id, under={})
    if told is None or audit.differing("instance_key", audit.state_of("instance_key", row), told):
        raise IntegrityFault("Khoá của máy trong cơ sở dữ liệu khác với nhật ký: đã bị sửa ngoài phần mềm.")


def _make(actor: Actor, now: datetime) -> m.InstanceKey:
    now = now.replace(microsecond=0)
    with write_transaction() as session:
        present = _in_use(now)  # another thread may have been first
        if present is not None:
            return present
        key = ik.new_key()
        public = ik.spki(key.public_key())
        row = m.InstanceKey(
            key_id=ik.key_id_of(public), public_key=ik.b64(public), valid_from=now - EARLIER, valid_until=now + VALID
        )
        # The file first: a row without its file would stop every build.
        _write_private(_path(row.key_id), ik.key_to_bytes(key))
        session.add(row)
        retired = [old for old in _rows() if old.retired_at is None and old.key_id != row.key_id]
        for old in retired:
            old.retired_at = now
        session.flush()
        audit.record(
            AuditTag.INSTANCE_KEY_MADE,
            actor,
            now,
            target_kind="instance_key",
            target_id=row.id,
            state=audit.states("instance_key", [row]),
            facts={"key_id": row.key_id},
        )
        for old in retired:
            audit.record(
                AuditTag.INSTANCE_KEY_RETIRED,
                actor,
                now,
                target_kind="instance_key",
                target_id=old.id,
                state=audit.states("instance_key", [old]),
                facts={"key_id": old.key_id, "successor": row.key_id},
            )
    for old in retired:
        _path(old.key_id).unlink(missing_ok=True)
    return row


def withdraw(actor: Actor, key_id: str, reason: str, now: datetime) -> None:
    """Withdraw a key (IT officer or clerk): it signs no more, its file is destroyed, and what it signed is believed no more
    once the seal has said so (:func:`certify`). Raises NotAllowed, NotFound, Invalid, WrongState."""
    _require_keeper(actor)
    reason = " ".join(reason.split())[:300]
    if not reason:
        raise Invalid("Ghi lí do thu hồi khoá của máy.", field="reason")
    now = now.replace(microsecond=0)
    with write_transaction() as session:
        row = session.scalar(select(m.InstanceKey).where(m.InstanceKey.key_id == key_id))
        if row is None:
            raise NotFound("Không có khoá này.")
        if row.withdrawn_at is not None:
            raise WrongState("Khoá này đã thu hồi rồi.")
        row.withdrawn_at, row.withdraw_reason, row.retired_at = now, reason, row.retired_at or now
        session.flush()
        audit.record(
            AuditTag.INSTANCE_KEY_WITHDRAWN,
            actor,
            now,
            target_kind="instance_key",
            target_id=row.id,
            state=audit.states("instance_key", [row]),
            note=reason,
            facts={"key_id": key_id},
        )
    _path(key_id).unlink(missing_ok=True)


def _require_keeper(actor: Actor) -> None:
    if not (actor.is_system or actor.may(Permission.CERTIFICATE_MANAGE) or actor.has_role(Role.CLERK)):
        raise NotAllowed("Chỉ văn thư hoặc phụ trách CNTT được làm việc này.")


# --- what the seal says -----------------------------------------------------------------------------------------------


def _statements() -> list[m.InstanceKeyStatement]:
    query = select(m.InstanceKeyStatement).order_by(m.InstanceKeyStatement.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def _kind_wanted(row: m.InstanceKey) -> str:
    return "statement" if row.withdrawn_at is None else "withdrawal"


def waiting(certificate_id: int | None = None) -> list[m.InstanceKey]:
    """Keys of which the seal in use (default: the registered one) has not said yet what is to be said."""
    if certificate_id is None:
        seal = certificates.current_certificate(None)
        certificate_id = seal.id if seal is not None else 0
    said = {(row.instance_key_id, row.kind) for row in _statements() if row.certificate_id == certificate_id}
    return [row for row in _rows() if (row.id, _kind_wanted(row)) not in said]


def views() -> list[InstanceKeyView]:
    """All keys, newest first."""
    open_ids = {row.id for row in waiting()}
    return [
        InstanceKeyView(
            row.key_id,
            row.valid_from,
            row.valid_until,
            row.retired_at,
            row.withdrawn_at,
            row.withdraw_reason,
            row.id not in open_ids,
        )
        for row in reversed(_rows())
    ]


def certify(actor: Actor, pin: str, now: datetime, *, code: str = "", last_try: bool = False) -> int:
    """Have the seal say what is to be said of the instance's keys (clerk, with the seal's PIN); how many statements were made.

    Makes the first key where there is none. Raises NotAllowed (not the clerk, wrong PIN), and what ``certificates.open_key`` raises.
    """
    _require_clerk(actor)
    signing_key(actor, now)
    key = certificates.open_key(actor, None, pin, now, role=SignatureRole.SEAL, code=code, last_try=last_try)
    try:
        return certify_with(actor, key, pin, now)
    finally:
        key.close()


def _require_clerk(actor: Actor) -> None:
    if not actor.is_system and not actor.has_role(Role.CLERK):
        raise NotAllowed("Chỉ văn thư được dùng con dấu của trường.")


def certify_at_desk(actor: Actor, session: str, back: str, now: datetime) -> str:
    """:func:`certify` by a seal on a token at the clerk's own computer; the id of the ``desk_tasks`` task whose page carries it.

    Raises as it does, and WrongState where the seal has said everything.
    """
    _require_clerk(actor)
    machine_key = signing_key(actor, now)
    key = certificates.open_key(actor, None, "", now, role=SignatureRole.SEAL, desk=session)
    try:
        if not waiting(key.certificate_id):
            raise WrongState("Khoá của máy đã được con dấu này xác nhận từ trước.")

        def work() -> None:
            certify_with(actor, key, "", now)

        return desk_tasks.start(
            actor,
            session,
            key,
            "khoa-may",
            SignatureRole.SEAL,
            "Xác nhận khoá của máy chủ",
            work,
            machine_key=machine_key,
            back=back,
            done="Con dấu đã xác nhận khoá của máy.",
        )
    except BaseException:
        key.close()
        raise


def certify_with(actor: Actor, key: certificates.OpenKey, pin: str, now: datetime) -> int:
    """:func:`certify` by a seal's key that is open already."""
    now = now.replace(microsecond=0)
    rows = waiting(key.certificate_id)
    if not rows:
        return 0
    for row in rows:
        require_told(row)
    school = db.session.get(m.School, 1)
    if school is None or not school.code:
        raise WrongState("Trường chưa khai báo tên và mã nên chưa xác nhận được khoá của máy.")
    drafts = [_draft(row, school, key.chain, now) for row in rows]
    kinds = ["withdrawal" if draft["format"] == ik.WITHDRAWAL else "statement" for draft in drafts]
    signatures = _sign(key, pin, [ik.message(draft) for draft in drafts], [row.key_id for row in rows])
    signed = [{**draft, "signature": ik.b64(raw)} for draft, raw in zip(drafts, signatures, strict=True)]
    roots, crls = tuple(trust_roots.trusted_roots()), tuple(trust_roots.trusted_crls())
    document_pool.call("hocbaso.documents.instance_keys:require_statements", tuple(signed), roots, crls, now)
    _require_clerk(desk_tasks.present(actor, now))
    certificates.require_standing(key.certificate_id, SignatureRole.SEAL, now)
    with write_transaction() as session:
        made = []
        still = {(row.id, _kind_wanted(row)) for row in waiting(key.certificate_id)}
        if not still.issuperset((row.id, kind) for row, kind in zip(rows, kinds, strict=True)):
            raise WrongState("Khoá của máy vừa đổi, hoặc vừa được xác nhận ở nơi khác. Hãy làm lại nếu trang còn nhắc.")
        for row, kind, document in zip(rows, kinds, signed, strict=True):
            made.append(
                m.InstanceKeyStatement(
                    instance_key_id=row.id,
                    kind=kind,
                    certificate_id=key.certificate_id,
                    document=ik.canonical(document).decode("utf-8"),
                    signed_at=now,
                )
            )
        session.add_all(made)
        session.flush()
        audit.record(
            AuditTag.INSTANCE_KEY_CERTIFIED,
            actor,
            now,
            target_kind="instance_key",
            target_id=", ".join(row.key_id for row in rows),
            state=audit.states("instance_key_statement", made),
            facts={"keys": [row.key_id for row in rows], "certificate": key.fingerprint},
        )
    return len(made)


def _draft(row: m.InstanceKey, school: m.School, chain: tuple[bytes, ...], now: datetime) -> dict[str, Any]:
    code = school.code or ""
    if row.withdrawn_at is not None:
        return ik.withdrawal(row.key_id, school.name, code, row.withdraw_reason or "", row.withdrawn_at, chain, now)
    public = base64.b64decode(row.public_key)
    return ik.statement(public, school.name, code, row.valid_from, row.valid_until, chain, now)


def _sign(key: certificates.OpenKey, pin: str, messages: Sequence[bytes], names: Sequence[str]) -> list[bytes]:
    if key.elsewhere is not None:
        db.session.commit()  # nothing of the database is held while a person looks for a token
        papers = [Paper(name, (hashlib.sha256(each).hexdigest(),)) for name, each in zip(names, messages, strict=True)]
        key.elsewhere.begin(len(messages), papers)
        return key.elsewhere.sign_messages(messages, papers)
    made = document_pool.call(
        "hocbaso.documents.sign_request:sign_messages",
        tuple(messages),
        key.envelope,
        key.chain,
        pin,
        certificates.server_secret(),
    )
    return list(made)


def public_documents() -> list[dict[str, Any]]:
    """Everything that seals have said of this instance's keys, oldest first. Raises IntegrityFault when a row is not what was written."""
    found = []
    for row in _statements():
        told = told_of("instance_key_statement", row.id, under=_ALL_KEYS)
        if told is None or audit.differing(
            "instance_key_statement", audit.state_of("instance_key_statement", row), told
        ):
            raise IntegrityFault("Bản xác nhận khoá của máy khác với nhật ký: đã bị sửa ngoài phần mềm.")
        found.append(json.loads(row.document))
    return found


def key_list() -> bytes:
    """``public_documents`` as the file that the school hands out."""
    return ik.key_list(public_documents())


def statements_on(key_id: str) -> list[dict[str, Any]]:
    """What seals have said of one key."""
    return [document for document in public_documents() if document["key_id"] == key_id]


def own_keys() -> list[ik.KnownKey]:
    """The keys of this school, as the log tells of them: certified or not, it knows its own. Withdrawn ones say so."""
    school = db.session.get(m.School, 1)
    name, code = (school.name, school.code) if school is not None else ("", "")
    keys = []
    for row in _rows():
        require_told(row)
        why = None
        if row.withdrawn_at is not None:
            why = f"Nhà trường đã thu hồi khoá này ngày {row.withdrawn_at:%d/%m/%Y}: {row.withdraw_reason}"
        public = ik.load_public(base64.b64decode(row.public_key))
        keys.append(ik.KnownKey(row.key_id, public, name, code or "", row.valid_from, row.valid_until, why))
    return keys
