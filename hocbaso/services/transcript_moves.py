"""Transcript records are published, by the principal or by the seal that the principal ordered to do it, and taken back before the seal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import DomainError, IntegrityFault, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.transcript_flow import RECORD_MOVES, SIGNED_STATES, RecordState, RecordVerb, SignatureRole
from hocbaso.services import audit, stored_documents, transcripts, untouched
from hocbaso.services.access import Actor, class_for
from hocbaso.services.log_reading import require_told, told_of


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one student's record in a bulk act. ``reason`` is a sentence when ``ok`` is false."""

    name: str
    ok: bool
    reason: str | None = None


def publish_class(
    actor: Actor, class_group_id: int, now: datetime, students: Sequence[str] | None = None
) -> list[Outcome]:
    """Publish the sealed records of a class (the principal or a delegate): from then on the holder of a code may look them up as published.

    One transaction and one outcome a student; those already published are left out. NotFound outside the actor's reach,
    IntegrityFault when anything of the class was changed behind the application's back: then nothing is published.
    """
    class_for(actor, class_group_id, Permission.TRANSCRIPT_PUBLISH)
    untouched.require_untouched(class_group_id)
    outcomes = []
    records = transcripts.records_in_force(row.id for row in transcripts.students_of(class_group_id))
    for enrollment in transcripts.select_students(class_group_id, students):
        record = records.get(enrollment.id)
        name = enrollment.student.full_name
        if record is not None and record.state == RecordState.PUBLISHED.value:
            continue
        try:
            if record is None:
                raise WrongState("Chưa lập học bạ.")
            _require_publishable(record)
            _move(actor, record, RecordVerb.PUBLISH, now, published_at=now)
            outcomes.append(Outcome(name, True))
        except DomainError as error:
            outcomes.append(Outcome(name, False, error.message))
    return outcomes


def _require_publishable(record: m.TranscriptRecord) -> None:
    """By hand or by order: the record is what was written, prints what holds today, and both its files are there."""
    transcripts.require_untouched(record)
    transcripts.require_newest(record)
    for digest in (record.pdf_digest, record.xml_digest):
        stored_documents.read(digest)


@dataclass(frozen=True, slots=True)
class Publishing:
    """How the records of a class come to be published: by their seal (ordered), or by the principal's hand (waiting)."""

    n_ordered: int
    n_waiting: int
    n_published: int


def publishing_of(class_group_id: int) -> Publishing:
    """Records signed by the principal and not sealed that carry the order, and sealed ones that nobody has published."""
    records = transcripts.records_in_force(row.id for row in transcripts.students_of(class_group_id)).values()
    return Publishing(
        sum(
            row.state == RecordState.PRINCIPAL_SIGNED.value and any(s.publish_on_seal for s in row.signatures)
            for row in records
        ),
        sum(row.state == RecordState.ISSUED.value for row in records),
        sum(row.state == RecordState.PUBLISHED.value for row in records),
    )


def publish_order(record: m.TranscriptRecord) -> m.TranscriptSignature | None:
    """The principal's signature, when it orders that the record be published by its seal.

    Raises IntegrityFault when the signature is not what the log tells of it: nobody orders by editing a table.
    """
    row = db.session.scalar(
        select(m.TranscriptSignature)
        .where(
            m.TranscriptSignature.transcript_record_id == record.id,
            m.TranscriptSignature.role == SignatureRole.PRINCIPAL.value,
        )
        .execution_options(populate_existing=True)
    )
    if row is None:
        return None
    told = told_of("transcript_signature", row.id, under={"transcript_record": (record.id,)})
    # A signature older than orders is told of without one: then there is none.
    present = audit.state_of("transcript_signature", row)
    if told is None or audit.differing("transcript_signature", present, {"publish_on_seal": False, **told}):
        raise IntegrityFault(
            f"Chữ ký của Hiệu trưởng trên học bạ của {record.enrollment.student.full_name} trong cơ sở dữ liệu khác với "
            "nhật ký: đã bị sửa ngoài phần mềm. Không đóng dấu và không công bố bản này."
        )
    return row if row.publish_on_seal else None


def publish_by_order(actor: Actor, record: m.TranscriptRecord, order: m.TranscriptSignature, now: datetime) -> None:
    """Publish a record that has just been sealed, by the order in the principal's signature; in the caller's transaction.

    Raises as publishing by hand refuses: IntegrityFault, Stale.
    """
    _require_publishable(record)
    content = tc.from_canonical_json(record.content.encode("utf-8"))
    who = "người được uỷ quyền ký thay Hiệu trưởng" if content.principal.title == tc.TITLE_DEPUTY else "Hiệu trưởng"
    _move(
        actor,
        record,
        RecordVerb.PUBLISH,
        now,
        note=f"Theo lệnh của {who} {order.signer_name}, cho khi ký lúc {clock.local(order.signed_at):%H:%M %d/%m/%Y}.",
        facts={"ordered_by": order.signer_name, "signature": order.id},
        published_at=now,
    )


def take_back(actor: Actor, record: m.TranscriptRecord, reason: str, now: datetime) -> None:
    """Take a record that is not sealed out of force; a new build gets a new UUID and names this one.

    The caller has checked who and why (``services/recall_requests``). Raises WrongState for a sealed or recalled one.
    """
    if RecordState(record.state) in SIGNED_STATES:
        raise WrongState("Học bạ đã đóng dấu chỉ thu hồi bằng một đề nghị được duyệt.")
    _move(actor, record, RecordVerb.RECALL, now, note=reason, recalled_at=now)


_TOLD = {
    RecordVerb.PUBLISH: (AuditTag.TRANSCRIPT_PUBLISHED, "Học bạ chưa đóng dấu nên chưa công bố được."),
    RecordVerb.RECALL: (AuditTag.TRANSCRIPT_RECALLED, "Học bạ này đã được thu hồi."),
}


def _move(
    actor: Actor,
    record: m.TranscriptRecord,
    verb: RecordVerb,
    now: datetime,
    *,
    note: str | None = None,
    facts: dict[str, Any] | None = None,
    **values: Any,
) -> None:
    """Compare-and-set of a record's state with its audit entry, one transaction. The caller has checked who."""
    move = RECORD_MOVES[verb]
    tag, refusal = _TOLD[verb]
    allowed = [state.value for state in move.from_states]
    before = record.state
    with write_transaction() as session:
        moved = session.scalars(
            update(m.TranscriptRecord)
            .where(
                m.TranscriptRecord.id == record.id,
                m.TranscriptRecord.state.in_(allowed),
                m.TranscriptRecord.version == record.version,
            )
            .values(state=move.to_state.value, version=m.TranscriptRecord.version + 1, **values)
            .returning(m.TranscriptRecord.id)
            .execution_options(synchronize_session=False)
        ).all()
        if len(moved) != 1:
            raise WrongState(
                refusal if before not in allowed else "Học bạ này vừa được người khác thay đổi. Xin mở lại trang."
            )
        require_told("transcript_record", record.id, {"state": before}, f"Học bạ số {record.id}", under={})
        session.refresh(record)
        audit.record(
            tag,
            actor,
            now,
            target_kind="transcript_record",
            target_id=record.id,
            state=audit.states("transcript_record", [record], columns=("state", *values)),
            before={"state": before},
            note=note,
            facts={"uuid": record.uuid, **(facts or {})},
        )
