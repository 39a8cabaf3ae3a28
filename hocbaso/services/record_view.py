"""One student's transcript with its signatures and what is out of the ordinary in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.recall_flow import RECALLABLE
from hocbaso.regulations.transcript_flow import SIGNING_ORDER, RecordState
from hocbaso.services import certificates, overtaken_records, transcripts
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.record_oddities import Change, changes_of, flags_of


@dataclass(frozen=True, slots=True)
class SignatureView:
    """One signature of a record."""

    role: str
    signer_name: str
    signed_at: datetime
    certificate: certificates.CertificateView
    level: str


@dataclass(frozen=True, slots=True)
class RecordView:
    """The page of one student's transcript."""

    uuid: str
    state: str
    content: tc.TranscriptContent
    class_group_id: int
    code: str
    flags: tuple[str, ...]
    changes: tuple[Change, ...]
    signatures: tuple[SignatureView, ...]
    missing_roles: tuple[str, ...]
    replaces_uuid: str | None
    replaced_by_uuid: str | None
    recalled_at: datetime | None
    published_at: datetime | None
    may_recall: bool
    may_ask_recall: bool
    """Sealed, nobody has asked yet, and the actor may propose it without deciding it."""
    opens_chain: bool
    """Whether the actor reads the history of the pupil's year (``record_chain``)."""


def record_view(actor: Actor, record_uuid: str, now: datetime) -> RecordView:
    """One student's transcript with its signatures. NotFound outside one's reach."""
    record = transcripts.record_for(actor, record_uuid)
    content = tc.from_canonical_json(record.content.encode("utf-8"))
    frozen = db.session.get(m.FrozenResult, record.frozen_result_id)
    made = []
    for row in db.session.scalars(
        select(m.TranscriptSignature)
        .where(m.TranscriptSignature.transcript_record_id == record.id)
        .order_by(m.TranscriptSignature.id)
    ):
        certificate = db.session.get(m.Certificate, row.certificate_id)
        assert certificate is not None
        made.append(
            SignatureView(row.role, row.signer_name, row.signed_at, certificates.view_of(certificate, now), row.level)
        )
    present = {row.role for row in made}
    replaced = db.session.get(m.TranscriptRecord, record.replaces_id) if record.replaces_id else None
    successor = db.session.scalar(select(m.TranscriptRecord.uuid).where(m.TranscriptRecord.replaces_id == record.id))
    class_id = record.enrollment.class_group_id
    recallable = record.state not in (RecordState.RECALLED.value, RecordState.RECALL_REQUESTED.value)
    flags = flags_of(content, json.loads(frozen.content) if frozen else {})
    newest = transcripts.latest_frozen([record.enrollment_id]).get(record.enrollment_id)
    if recallable and newest is not None and overtaken_records.prints_otherwise(record, newest):
        flags = ("Khác kết quả đã chốt", *flags)
    return RecordView(
        record.uuid,
        record.state,
        content,
        record.enrollment.class_group_id,
        transcripts.student_code(record.enrollment.student),
        flags,
        changes_of(record, content),
        tuple(made),
        tuple(step.role.value for step in SIGNING_ORDER if step.role.value not in present),
        replaced.uuid if replaced else None,
        successor,
        record.recalled_at,
        record.published_at,
        recallable and reaches_class(actor, class_id, Permission.TRANSCRIPT_RECALL),
        RecordState(record.state) in RECALLABLE
        and not reaches_class(actor, class_id, Permission.TRANSCRIPT_RECALL)
        and reaches_class(actor, class_id, Permission.TRANSCRIPT_ASK_RECALL),
        reaches_class(actor, class_id, Permission.CLASS_READ),
    )
