"""Transcript records: built from frozen results, read, published, recalled. Signing is ``services/signing.py``.

A record is one student and one school year under a UUID of its own. It is never edited: a correction recalls it and builds
another, which names the one it replaces (CV 2088/BGDĐT-GDTH annex 1; workflow.md, Transcript record).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import transcript_content as tc
from hocbaso.errors import DomainError, IntegrityFault, Invalid, NotFound, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.transcript_flow import RECORD_MOVES, SIGNED_STATES, RecordState, RecordVerb, SignatureRole
from hocbaso.services import audit, batches, document_pool, frozen_results, instance_keys, printed_facts, untouched
from hocbaso.services.access import Actor, class_for
from hocbaso.services.batch_scope import BatchScope, require_power, scope_of_class
from hocbaso.services.log_reading import require_told, told_of
from hocbaso.services.transcript_contents import Signers, content_from_frozen, signers_of

LATEST_ISSUE = timedelta(days=366)
"""A day of issue further ahead is a slip of the finger, and it could not be put right on the paper."""

MEDIA_TYPES = {"pdf": "application/pdf", "xml": "application/xml"}


@dataclass(frozen=True, slots=True)
class TranscriptFile:
    """A stored file ready to be sent. ``digest`` is its SHA-256, checked when it was read."""

    data: bytes
    media_type: str
    name: str
    digest: str


# --- stored files -----------------------------------------------------------------------------------------------------


def keep_file(data: bytes, kind: str, media_type: str, at: datetime) -> str:
    """Put a file into the store and then its row; the digest. Inside the caller's write transaction."""
    digest = document_pool.document_store().put(data)
    if db.session.get(m.StoredDocument, digest) is None:
        db.session.add(
            m.StoredDocument(digest=digest, kind=kind, media_type=media_type, n_bytes=len(data), stored_at=at)
        )
        db.session.flush()
    return digest


def read_stored(digest: str) -> bytes:
    """A stored file, its digest checked again. IntegrityFault when it is missing or not what was stored."""
    try:
        return document_pool.document_store().get(digest)
    except NotFound as error:
        raise IntegrityFault(
            f"Tệp {digest[:12]}… của học bạ không còn trong kho tài liệu. Hãy khôi phục từ bản sao lưu."
        ) from error


# --- who is in a class, and what record each has ----------------------------------------------------------------------


def students_of(class_group_id: int) -> list[m.Enrollment]:
    """Enrolments of a class that are still there, in register order."""
    return list(
        db.session.scalars(
            select(m.Enrollment)
            .join(m.Student)
            .where(
                m.Enrollment.class_group_id == class_group_id, m.Enrollment.status.in_(("studying", "transferred_in"))
            )
            .order_by(m.Student.sort_key, m.Enrollment.id)
        )
    )


def student_code(student: m.Student) -> str:
    """The code that names a student's files: the sector database's, else the register number, else the row."""
    return student.moet_code or (student.register_no or "").replace("/", "-") or f"HS{student.id:06d}"


def records_in_force(enrollment_ids: Iterable[int]) -> dict[int, m.TranscriptRecord]:
    """The record in force of each enrolment that has one, read afresh."""
    ids = list(enrollment_ids)
    rows = db.session.scalars(
        select(m.TranscriptRecord)
        .where(m.TranscriptRecord.enrollment_id.in_(ids), m.TranscriptRecord.state != RecordState.RECALLED.value)
        .execution_options(populate_existing=True)
    )
    return {row.enrollment_id: row for row in rows}


def latest_frozen(enrollment_ids: Iterable[int]) -> dict[int, m.FrozenResult]:
    """The frozen result in force of each enrolment: of an approved class, the summer freeze over the main one, the higher revision over the lower."""
    newest: dict[int, m.FrozenResult] = {}
    rows = db.session.scalars(
        select(m.FrozenResult)
        .where(m.FrozenResult.enrollment_id.in_(list(enrollment_ids)), frozen_results.IN_FORCE)
        .execution_options(populate_existing=True)
    )
    for row in sorted(rows, key=lambda row: (row.freeze == "summer", row.revision, row.id)):
        newest[row.enrollment_id] = row
    return newest


def select_students(class_group_id: int, students: Sequence[str] | None) -> list[m.Enrollment]:
    """The enrolments of a class, all or those whose student code, register number or record UUID is named.

    Raises NotFound for a name that is not in the class.
    """
    everyone = students_of(class_group_id)
    if students is None:
        return everyone
    by_uuid = {
        record.uuid: enrollment_id for enrollment_id, record in records_in_force(row.id for row in everyone).items()
    }
    chosen: list[m.Enrollment] = []
    for wanted in students:
        found = [
            row
            for row in everyone
            if wanted in (row.student.moet_code, row.student.register_no, student_code(row.student), f"#{row.id}")
            or by_uuid.get(wanted) == row.id
        ]
        if not found:
            raise NotFound(f"Lớp không có học sinh mang mã {wanted}.")
        chosen.extend(row for row in found if row not in chosen)
    return chosen


# --- proof that nothing was changed behind the application's back -----------------------------------------------------


def require_untouched(record: m.TranscriptRecord) -> tc.TranscriptContent:
    """The record's content, when the record is what the application wrote.

    Raises IntegrityFault when content, digests or state differ from what was recorded when they were written.
    """
    name = record.enrollment.student.full_name
    content = tc.from_canonical_json(record.content.encode("utf-8"))
    if tc.content_digest(content) != record.content_digest or content.record_uuid != record.uuid:
        raise IntegrityFault(
            f"Nội dung học bạ của {name} trong cơ sở dữ liệu không còn như khi lập: đã bị sửa ngoài phần mềm. "
            "Không ký và không phát hành bản này."
        )
    told = told_of("transcript_record", record.id, under={})
    if told is None or audit.differing("transcript_record", audit.state_of("transcript_record", record), told):
        raise IntegrityFault(
            f"Học bạ của {name} trong cơ sở dữ liệu khác với nhật ký: đã bị sửa ngoài phần mềm. "
            "Không ký và không phát hành bản này."
        )
    return content


OVERTAKEN = (
    "Học bạ này in khác kết quả đã chốt. Xin đề nghị cấp trên đồng ý thu hồi lại ở trang Thu hồi, hoặc sửa lại kết quả cho đúng "
    "như học bạ; trước đó không đi tiếp được."
)


def require_newest(record: m.TranscriptRecord) -> None:
    """Refuse a record that a newer frozen result has overtaken (Stale); a sealed one may rest on an older one that prints the same."""
    newest = latest_frozen([record.enrollment_id]).get(record.enrollment_id)
    sealed = RecordState(record.state) in SIGNED_STATES
    if newest is None or newest.id != record.frozen_result_id:
        if not sealed:
            raise Stale(
                "Kết quả của học sinh này đã có bản mới sau khi lập học bạ. Hãy thu hồi và lập lại trước khi đi tiếp."
            )
        if newest is None or not printed_facts.prints_same(record, newest):
            raise Stale(OVERTAKEN)
    frozen_results.read_frozen(newest)  # hashes it again and compares it with the log


# --- build ------------------------------------------------------------------------------------------------------------


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
    enrollments = select_students(class_group_id, [student] if student else None)
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
    frozen = latest_frozen([enrollment_id]).get(enrollment_id)
    if frozen is None:
        raise WrongState("Học sinh chưa có kết quả đã duyệt.")
    present = records_in_force([enrollment_id]).get(enrollment_id)
    if present is not None:
        if not printed_facts.prints_same(present, frozen):
            if RecordState(present.state) in SIGNED_STATES:
                raise WrongState(OVERTAKEN)
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
    if records_in_force([enrollment_id]):
        raise WrongState("Học bạ của học sinh này vừa được lập ở nơi khác.")
    newest = latest_frozen([enrollment_id]).get(enrollment_id)
    if newest is None or newest.id != frozen_id:
        raise Stale("Kết quả của học sinh này vừa có bản mới trong lúc lập học bạ. Xin lập lại.")
    xml = unsigned_xml(faces.data_zone)
    zone_digest = keep_file(faces.data_zone, "data_zone", MEDIA_TYPES["xml"], at)
    pdf_digest = keep_file(faces.pdf, "unsigned_pdf", MEDIA_TYPES["pdf"], at)
    xml_digest = keep_file(xml, "unsigned_xml", MEDIA_TYPES["xml"], at)
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


# --- publish, take back -------------------------------------------------------------------------------------------------


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
    records = records_in_force(row.id for row in students_of(class_group_id))
    for enrollment in select_students(class_group_id, students):
        record = records.get(enrollment.id)
        name = enrollment.student.full_name
        if record is not None and record.state == RecordState.PUBLISHED.value:
            continue
        try:
            if record is None:
                raise WrongState("Chưa lập học bạ.")
            require_untouched(record)
            require_newest(record)
            for digest in (record.pdf_digest, record.xml_digest):
                read_stored(digest)
            _move(actor, record, RecordVerb.PUBLISH, now, published_at=now)
            outcomes.append(Outcome(name, True))
        except DomainError as error:
            outcomes.append(Outcome(name, False, error.message))
    return outcomes


@dataclass(frozen=True, slots=True)
class Publishing:
    """How the records of a class come to be published: by their seal (ordered), or by the principal's hand (waiting)."""

    n_ordered: int
    n_waiting: int
    n_published: int


def publishing_of(class_group_id: int) -> Publishing:
    """Records signed by the principal and not sealed that carry the order, and sealed ones that nobody has published."""
    records = records_in_force(row.id for row in students_of(class_group_id)).values()
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
    """Publish a record that has just been sealed, by the order in the principal's signature; in the caller's transaction."""
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


# --- reading -----------------------------------------------------------------------------------------------------------


def record_for(actor: Actor, record_uuid: str) -> m.TranscriptRecord:
    """The record, when its class is within the actor's reach; NotFound otherwise."""
    record = db.session.scalar(
        select(m.TranscriptRecord)
        .where(m.TranscriptRecord.uuid == record_uuid)
        .execution_options(populate_existing=True)
    )
    try:
        if record is not None:
            class_for(actor, record.enrollment.class_group_id, Permission.TRANSCRIPT_READ)
            return record
    except NotFound:
        pass  # another's record reads like none
    raise NotFound("Không có học bạ này trong phần việc của thầy, cô.")


def open_file(actor: Actor, record_uuid: str, face: str, now: datetime, *, download: bool) -> TranscriptFile:
    """The current PDF or XML (``face``) of a record; the reading is written into the audit log.

    Raises NotFound, IntegrityFault when the stored file is not what was stored.
    """
    record = record_for(actor, record_uuid)
    if face not in MEDIA_TYPES:
        raise NotFound("Học bạ chỉ có bản PDF và bản XML.")
    require_untouched(record)  # the row says which file is whose
    data, digest = _face(record, face)
    with write_transaction():
        audit.record(
            AuditTag.TRANSCRIPT_READ,
            actor,
            now,
            target_kind="transcript_file",
            target_id=record.uuid,
            facts={"face": face, "download": download, "digest": digest},
        )
    return TranscriptFile(data, MEDIA_TYPES[face], f"{student_code(record.enrollment.student)}.{face}", digest)


def newest_proof(record_id: int) -> m.DocumentProof | None:
    """The newest file with a document time stamp of a record, if it has one."""
    found: m.DocumentProof | None = db.session.scalar(
        select(m.DocumentProof)
        .where(m.DocumentProof.transcript_record_id == record_id)
        .order_by(m.DocumentProof.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return found


def _face(record: m.TranscriptRecord, face: str) -> tuple[bytes, str]:
    """Bytes and digest of what is handed out: the XML, or the PDF with the newest proof, which begins with the issued one."""
    if face == "xml":
        return read_stored(record.xml_digest), record.xml_digest
    issued = read_stored(record.pdf_digest)
    proof = newest_proof(record.id)
    if proof is None or proof.pdf_digest == record.pdf_digest:
        return issued, record.pdf_digest
    longer = read_stored(proof.pdf_digest)
    if not longer.startswith(issued):
        raise IntegrityFault(
            "Bản PDF mới nhất không bắt đầu bằng bản đã phát hành: cơ sở dữ liệu đã bị sửa ngoài phần mềm."
        )
    return longer, proof.pdf_digest


def export_class(actor: Actor, class_group_id: int, now: datetime) -> list[TranscriptFile]:
    """The current files of every record in force of a class, PDF and XML, one audit entry for the whole.

    Raises NotFound, WrongState when nothing has been built, IntegrityFault.
    """
    class_group = class_for(actor, class_group_id, Permission.TRANSCRIPT_READ)
    enrollments = students_of(class_group_id)
    records = records_in_force(row.id for row in enrollments)
    if not records:
        raise WrongState(f"Lớp {class_group.name} chưa lập học bạ nào.")
    files = []
    for enrollment in enrollments:
        record = records.get(enrollment.id)
        if record is None:
            continue
        require_untouched(record)
        code = student_code(enrollment.student)
        for face in ("pdf", "xml"):
            data, digest = _face(record, face)
            files.append(TranscriptFile(data, MEDIA_TYPES[face], f"{code}.{face}", digest))
    with write_transaction():
        audit.record(
            AuditTag.EXPORT_MADE,
            actor,
            now,
            target_kind="class_group",
            target_id=class_group_id,
            facts={"what": "transcripts", "n_files": len(files)},
        )
    return files


SEALED = tuple(state.value for state in SIGNED_STATES)
"""States in which a record is sealed and in force."""
