"""Transcript records are built from frozen results: content, day of issue and signers are fixed, both faces rendered, stored and told."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import Invalid, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.transcript_flow import SIGNED_STATES, RecordState
from hocbaso.services import (
    audit,
    batches,
    document_pool,
    frozen_results,
    instance_keys,
    printed_facts,
    stored_documents,
    transcripts,
    untouched,
)
from hocbaso.services.access import Actor, class_for
from hocbaso.services.batch_scope import BatchScope, require_power, scope_of_class
from hocbaso.services.transcript_contents import Signers, content_from_frozen, signers_of

LATEST_ISSUE = timedelta(days=366)
"""A day of issue further ahead is a slip of the finger, and it could not be put right on the paper."""


def build_class(
    actor: Actor,
    class_group_id: int,
    now: datetime,
    student: str | None = None,
    *,
    issue_on: date | None = None,
    deputy_person_id: int | None = None,
    background: bool = False,
    on_item: Callable[[], None] | None = None,
) -> m.SigningBatch:
    """Build the records of an approved class (or of one student code); the batch with an item a student.

    Each student is a transaction of its own; one that has a record in force is skipped. ``issue_on`` (default: today) and the
    signers' names are fixed here. Raises NotFound, WrongState (class not approved), Incomplete (school or signers not declared),
    IntegrityFault (something was changed behind the application's back).
    """
    class_group = class_for(actor, class_group_id, Permission.TRANSCRIPT_BUILD)
    if class_group.state != ClassState.APPROVED.value:
        raise WrongState(f"Lớp {class_group.name} chưa được duyệt tổng kết nên chưa lập học bạ được.")
    issue_on, today = require_issue_day(issue_on, now), clock.local_date(now)
    untouched.require_untouched(class_group_id)
    signers = signers_of(class_group, today, deputy_person_id)
    enrollments = transcripts.select_students(class_group_id, [student] if student else None)
    return start_build(
        actor,
        scope_of_class(class_group),
        [row.id for row in enrollments],
        now,
        lambda _enrollment_id: signers,
        batches.Choices(issue_on=issue_on, deputy_person_id=deputy_person_id),
        background=background,
        on_item=on_item,
    )


def start_build(
    actor: Actor,
    scope: BatchScope,
    enrollment_ids: Sequence[int],
    now: datetime,
    gate: Callable[[int], Signers],
    choices: batches.Choices,
    *,
    background: bool = False,
    on_item: Callable[[], None] | None = None,
) -> m.SigningBatch:
    """Build these enrolments' records; the caller has checked the power over them. ``gate`` says before each who signs it, or
    refuses it with a DomainError. The day of issue is that of ``choices``."""
    machine_key = instance_keys.signing_key(actor, now)
    batch_id, runner = batches.open_batch(actor, scope, "build", enrollment_ids, now, choices)
    if runner is None:
        return batches.batch_row(batch_id)
    tick = batches.running_clock(now)
    issue_on = choices.issue_on or clock.local_date(now)

    def prepare(enrollment_id: int) -> batches.Job | None:
        at = tick()
        require_power(actor, enrollment_id, Permission.TRANSCRIPT_BUILD, at)
        return _prepare_build(enrollment_id, gate(enrollment_id), issue_on, machine_key, at)

    def finish(
        enrollment_id: int, made: tuple[tc.TranscriptContent, int, int | None], faces: Any, at: datetime
    ) -> None:
        require_power(actor, enrollment_id, Permission.TRANSCRIPT_BUILD, at)
        _store_record(actor, enrollment_id, made, faces, at)

    def work() -> None:
        batches.run(batch_id, runner, actor, tick, prepare, finish, on_item=on_item)

    if background:
        document_pool.run_in_background(batch_id, work)
    else:
        work()
    return batches.batch_row(batch_id)


def require_issue_day(issue_on: date | None, now: datetime) -> date:
    """The day of issue, today by default. Invalid in the past or a year ahead: it could not be put right on the paper."""
    today = clock.local_date(now)
    issue_on = issue_on or today
    if issue_on < today:
        raise Invalid("Ngày phát hành không được ở trước ngày lập học bạ.", field="issue_on")
    if issue_on - today > LATEST_ISSUE:
        raise Invalid("Ngày phát hành cách hôm nay quá một năm. Xin xem lại năm đã gõ.", field="issue_on")
    return issue_on


def _prepare_build(
    enrollment_id: int, signers: Signers, issue_on: date, machine_key: bytes, at: datetime
) -> batches.Job | None:
    session = db.session
    enrollment = session.get(m.Enrollment, enrollment_id, populate_existing=True)
    if enrollment is None:
        raise NotFound("Không còn học sinh này trong lớp.")
    frozen = transcripts.latest_frozen([enrollment_id]).get(enrollment_id)
    if frozen is None:
        raise WrongState("Học sinh chưa có kết quả đã duyệt.")
    present = transcripts.records_in_force([enrollment_id]).get(enrollment_id)
    if present is not None:
        if not printed_facts.prints_same(present, frozen):
            if RecordState(present.state) in SIGNED_STATES:
                raise WrongState(transcripts.OVERTAKEN)
            raise WrongState("Kết quả đã có bản mới hơn học bạ đang có. Hãy thu hồi bản đang có rồi lập lại.")
        return None
    replaced = session.scalar(
        select(m.TranscriptRecord)
        .where(m.TranscriptRecord.enrollment_id == enrollment_id)
        .order_by(m.TranscriptRecord.id.desc())
        .limit(1)
    )
    content = content_from_frozen(
        frozen_results.read_frozen(frozen),
        enrollment,
        signers,
        record_uuid=str(uuid.uuid4()),
        issue_on=issue_on,
        built_at=at,
        replaces_uuid=replaced.uuid if replaced else None,
    )
    return batches.Job(
        "hocbaso.documents.issuing:build_faces",
        (tc.to_canonical_json(content), machine_key),
        (content, frozen.id, replaced.id if replaced else None),
    )


def _store_record(
    actor: Actor, enrollment_id: int, made: tuple[tc.TranscriptContent, int, int | None], faces: Any, at: datetime
) -> None:
    """Files first, then the row and its audit entry; the caller's transaction is this student's."""
    content, frozen_id, replaced_id = made
    if transcripts.records_in_force([enrollment_id]):
        raise WrongState("Học bạ của học sinh này vừa được lập ở nơi khác.")
    newest = transcripts.latest_frozen([enrollment_id]).get(enrollment_id)
    if newest is None or newest.id != frozen_id:
        raise Stale("Kết quả của học sinh này vừa có bản mới trong lúc lập học bạ. Xin lập lại.")
    xml = unsigned_xml(faces.data_zone)
    zone_digest = stored_documents.keep(faces.data_zone, "data_zone", stored_documents.MEDIA_TYPES["xml"], at)
    pdf_digest = stored_documents.keep(faces.pdf, "unsigned_pdf", stored_documents.MEDIA_TYPES["pdf"], at)
    xml_digest = stored_documents.keep(xml, "unsigned_xml", stored_documents.MEDIA_TYPES["xml"], at)
    record = m.TranscriptRecord(
        uuid=content.record_uuid,
        enrollment_id=enrollment_id,
        frozen_result_id=frozen_id,
        state=RecordState.CREATED.value,
        content=tc.to_canonical_json(content).decode("utf-8"),
        content_digest=tc.content_digest(content),
        qr_text=faces.qr_text,
        data_zone_digest=zone_digest,
        unsigned_pdf_digest=pdf_digest,
        pdf_digest=pdf_digest,
        xml_digest=xml_digest,
        issue_on=content.issue_on,
        built_at=content.built_at,
        built_by=actor.account_id,
        replaces_id=replaced_id,
    )
    db.session.add(record)
    db.session.flush()
    audit.record(
        AuditTag.TRANSCRIPT_BUILT,
        actor,
        at,
        target_kind="transcript_record",
        target_id=record.id,
        state=audit.states("transcript_record", [record]),
        facts={
            "uuid": record.uuid,
            "student": content.student.full_name,
            "class": content.class_name,
            "replaces": content.replaces_uuid,
        },
    )


def unsigned_xml(data_zone: bytes) -> bytes:
    """The XML record without signatures."""
    from hocbaso.documents.xml_record import assemble  # brings lxml, which the web process needs only here

    return assemble(data_zone)
