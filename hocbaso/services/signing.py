"""Signing a class: homeroom teacher, principal, seal. One PIN for the batch, one transaction and one outcome a student.

A signature is an incremental update of the PDF and a node in the XML, made and verified on the new bytes in a worker before
anything is stored. The order is law (NĐ 30/2020 Đ.32): ``regulations.transcript_flow``. The unique key (record, role) and the
compare-and-set on the record make a second signature impossible, whoever clicks twice or runs two programs at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents import transcript_content as tc
from hocbaso.documents.desk_signer import DeskSigner
from hocbaso.documents.sign_request import SignRequest
from hocbaso.documents.signing_manifest import Errand, Paper
from hocbaso.documents.token_session import LastTry
from hocbaso.errors import DomainError, IntegrityFault, NotAllowed, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.transcript_flow import RecordState, SignatureRole, require_turn, step_for
from hocbaso.regulations.two_hands import require_other_hand
from hocbaso.services import (
    audit,
    batches,
    certificate_images,
    certificate_register,
    certificates,
    desk_signing,
    document_pool,
    group_batches,
    instance_keys,
    proofs,
    stored_documents,
    transcript_moves,
    transcripts,
    untouched,
)
from hocbaso.services.access import Actor, class_for, roles_reaching
from hocbaso.services.batch_scope import BatchScope, require_power, scope_of_class
from hocbaso.services.transcript_contents import homeroom_person

PERMISSION = {
    SignatureRole.HOMEROOM: Permission.TRANSCRIPT_SIGN_HOMEROOM,
    SignatureRole.PRINCIPAL: Permission.TRANSCRIPT_SIGN_PRINCIPAL,
    SignatureRole.SEAL: Permission.TRANSCRIPT_SEAL,
}
"""The power each signature needs over the class."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What ``finish`` must find unchanged, and what it will write."""

    record_id: int
    version: int
    pdf_digest: str
    xml_digest: str
    student: str


def person_of_role(
    actor: Actor, class_group: m.ClassGroup, role: SignatureRole, now: datetime, expected_name: str | None = None
) -> m.Person | None:
    """Whose certificate signs: the actor's own, or None for the school's seal.

    The system actor of a demonstration signs as whoever holds the place. Raises NotFound, NotAllowed.
    """
    if role is SignatureRole.SEAL:
        if not actor.is_system and Role.CLERK not in roles_reaching(actor, class_group):
            raise NotAllowed("Chỉ văn thư được đóng dấu của trường.")
        return None
    if not actor.is_system:
        person = db.session.get(m.Person, actor.person_id)
        if person is None:
            raise NotAllowed("Tài khoản này không gắn với một người ký.")
        return person
    if role is SignatureRole.HOMEROOM:
        return homeroom_person(class_group.id, clock.local_date(now))
    row = db.session.scalar(
        select(m.Person)
        .join(m.Certificate, m.Certificate.person_id == m.Person.id)
        .where(m.Person.full_name == expected_name, m.Certificate.retired_at.is_(None))
        .limit(1)
    )
    if row is None:
        raise WrongState(f"Chưa có chứng thư số của {expected_name}.")
    return row


def sign_class(
    actor: Actor,
    class_group_id: int,
    role: SignatureRole | str,
    pin: str,
    now: datetime,
    students: Sequence[str] | None = None,
    *,
    publish_on_seal: bool = True,
    code: str = "",
    last_try: bool = False,
    desk: str = "",
    background: bool = False,
    on_item: Callable[[], None] | None = None,
) -> m.SigningBatch:
    """Sign the records of a class (or of the named students) in one role; the batch with an item a student.

    ``publish_on_seal``: the principal's order that the clerk's seal publishes what is signed now; no other role orders it.
    ``code``: the one-time code of a remote key that asks for one. ``last_try``: the signer knows that the token has one PIN try left and wants it used.
    ``desk``: the browser session through whose page a token at the signer's own computer is reached.
    ``students``: student codes, register numbers or record UUIDs. Records signed already in this role are skipped. With
    ``background`` the batch goes on in a thread and the call returns at once. Before anything is signed: the actor's power over
    the class, certificate, PIN, and that sheets and results stand as they were approved. Raises NotFound, NotAllowed (wrong PIN,
    not the signer the record names), WrongState (no certificate, nobody's turn), IntegrityFault.
    """
    role = SignatureRole(role)
    class_group = class_for(actor, class_group_id, PERMISSION[role])
    enrollments = transcripts.select_students(class_group_id, students)
    records = transcripts.records_in_force(row.id for row in enrollments)
    due = [
        row.id for row in enrollments if row.id in records and (students is not None or wants(records[row.id], role))
    ]
    if not due:
        raise WrongState(_nothing_due(class_group, role, list(records.values())))
    document_pool.config().proof.require_means()
    untouched.require_untouched(class_group_id)
    first = tc.from_canonical_json(records[due[0]].content.encode("utf-8"))
    person = person_of_role(actor, class_group, role, now, first.principal.name)
    return start(
        actor,
        scope_of_class(class_group),
        role,
        person,
        due,
        pin,
        now,
        publish_on_seal=publish_on_seal,
        code=code,
        last_try=last_try,
        desk=desk,
        background=background,
        on_item=on_item,
    )


def start(
    actor: Actor,
    scope: BatchScope,
    role: SignatureRole,
    person: m.Person | None,
    due: Sequence[int],
    pin: str,
    now: datetime,
    *,
    gate: Callable[[int], None] = lambda _enrollment_id: None,
    publish_on_seal: bool,
    code: str = "",
    last_try: bool = False,
    desk: str = "",
    background: bool = False,
    on_item: Callable[[], None] | None = None,
) -> m.SigningBatch:
    """Open the key of ``person`` (None: the seal) and sign these enrolments' records; the caller has checked the power over them.

    ``gate`` is asked before each record and refuses it with a DomainError; power and certificate are asked for again there, and the
    rest fails once one of them is gone. Raises what opening key and batch raise.
    """
    key = certificates.open_key(
        actor, person.id if person else None, pin, now, role=role, code=code, last_try=last_try, desk=desk
    )
    orders = publish_on_seal and role is SignatureRole.PRINCIPAL
    try:
        untouched.require_signer_untouched(actor.account_id, key.certificate_id)
        if role is SignatureRole.SEAL and key.envelope is not None:
            # The seal is open: it says of the machine's new key, if there is one, whose that is. A key elsewhere is asked on its own page.
            instance_keys.certify_with(actor, key, pin, now)
        if isinstance(key.elsewhere, DeskSigner):
            errand = Errand(role.value, scope.name, actor.name)
            desk_signing.introduce(key.elsewhere, instance_keys.signing_key(actor, now), errand)
        batch_id, runner = batches.open_batch(
            actor, scope, role.value, due, now, batches.Choices(publish_on_seal=orders)
        )
    except BaseException:
        key.close()
        raise
    if runner is None:
        key.close()
        return batches.batch_row(batch_id)
    if isinstance(key.elsewhere, DeskSigner):
        desk_signing.announce(batch_id, key.elsewhere)
    tick = batches.running_clock(now)
    # The row belongs to the caller's session: the batch's thread reads its own.
    person_id = person.id if person is not None else None

    def prepare(enrollment_id: int) -> batches.Job | None:
        at = tick()
        _require_still(actor, enrollment_id, role, key, at)
        gate(enrollment_id)
        return _prepare(actor, enrollment_id, role, person_id, key, pin, at)

    def finish(enrollment_id: int, task: _Task, made: Any, at: datetime) -> None:
        _require_still(actor, enrollment_id, role, key, at)
        _store_signature(actor, role, key, task, made, at, orders)

    def work() -> None:
        try:
            if key.elsewhere is None:
                batches.run(batch_id, runner, actor, tick, prepare, finish, on_item=on_item)
            else:
                group_batches.run(
                    batch_id, runner, actor, tick, prepare, key.elsewhere, _papers, finish, on_item=on_item
                )
        finally:
            key.close()
            desk_signing.forget(batch_id)
            document_pool.forget_keys()
            certificate_register.destroy_replaced(actor, key.certificate_id, tick())

    if background:
        document_pool.run_in_background(batch_id, work)
    else:
        work()
    return batches.batch_row(batch_id)


def asks_for_last_try(refusal: DomainError) -> bool:
    """Whether a refusal of ``sign_class`` says that the token has one try left, and nothing was tried."""
    return isinstance(refusal, LastTry)


def wants(record: m.TranscriptRecord, role: SignatureRole) -> bool:
    """Whether a whole-class run takes the record in: it is this role's turn or an earlier one's (which then says so)."""
    order = [RecordState.CREATED, RecordState.HOMEROOM_SIGNED, RecordState.PRINCIPAL_SIGNED]
    state = RecordState(record.state)
    return state in order and order.index(state) <= order.index(step_for(role).from_state)


def _nothing_due(class_group: m.ClassGroup, role: SignatureRole, records: list[m.TranscriptRecord]) -> str:
    if not records:
        return f"Lớp {class_group.name} chưa lập học bạ nào."
    return f"Cả {len(records)} học bạ của lớp {class_group.name} đã qua bước {batches.STEPS[role.value].lower()}; không ký lần thứ hai."


def _papers(enrollment_ids: Sequence[int]) -> dict[int, Paper]:
    """The records of enrolments as a signer is told of them: pupil's code, given name, class, and both files as they stand."""
    rows = db.session.execute(
        select(m.Enrollment.id, m.Student, m.ClassGroup.name)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .where(m.Enrollment.id.in_(enrollment_ids))
    )
    records = transcripts.records_in_force(enrollment_ids)
    return {
        id_: Paper(
            student.moet_code or student.register_no or str(id_),
            (records[id_].pdf_digest, records[id_].xml_digest),
            (student.full_name.split() or [""])[-1],
            group,
        )
        for id_, student, group in rows
        if id_ in records
    }


def _require_still(
    actor: Actor, enrollment_id: int, role: SignatureRole, key: certificates.OpenKey, at: datetime
) -> None:
    """Power and certificate stand at this moment, not only when the batch began: asked before each signature is made, and again
    in the transaction that writes it."""
    require_power(actor, enrollment_id, PERMISSION[role], at)
    certificates.require_standing(key.certificate_id, role, at)


def _prepare(
    actor: Actor,
    enrollment_id: int,
    role: SignatureRole,
    person_id: int | None,
    key: certificates.OpenKey,
    pin: str,
    at: datetime,
) -> batches.Job | None:
    record = transcripts.records_in_force([enrollment_id]).get(enrollment_id)
    if record is None:
        raise WrongState("Chưa lập học bạ.")
    signed = db.session.scalar(
        select(m.TranscriptSignature.id).where(
            m.TranscriptSignature.transcript_record_id == record.id, m.TranscriptSignature.role == role.value
        )
    )
    if signed is not None:
        return None
    require_turn(RecordState(record.state), role)
    content = transcripts.require_untouched(record)
    transcripts.require_newest(record)
    if role is SignatureRole.SEAL:
        transcript_moves.publish_order(record)  # a forged order is refused before anything is sealed
    person = db.session.get_one(m.Person, person_id) if person_id is not None else None
    _require_signer(actor, record.id, content, role, person)
    task = _Task(record.id, record.version, record.pdf_digest, record.xml_digest, content.student.full_name)
    request = SignRequest(
        pdf=stored_documents.read(record.pdf_digest),
        xml=stored_documents.read(record.xml_digest),
        role=role.value,
        chain=key.chain,
        envelope=key.envelope,
        pin=pin if key.envelope is not None else "",
        server_secret=certificates.server_secret() if key.envelope is not None else b"",
        at=at,
        # As the paper prints it, which the certificate has been held against: a name that was mended since the paper was built is another.
        signer_name={
            SignatureRole.HOMEROOM: content.homeroom.name,
            SignatureRole.PRINCIPAL: content.principal.name,
            SignatureRole.SEAL: content.school.name,
        }[role],
        place=content.issue_place,
        roots=tuple(certificates.trusted_roots()),
        crls=tuple(certificates.trusted_crls()),
        expected=(*_earlier(record.id), (role.value, key.fingerprint)),
        plan=document_pool.config().proof,
        demo_mark=content.demo and key.is_test,
        image=certificate_images.image_of(key.certificate_id),
    )
    return batches.Job("hocbaso.documents.sign_request:sign", (request,), task)


def _earlier(record_id: int) -> list[tuple[str, str]]:
    """(role, fingerprint) of the signatures a record has: the new bytes must still carry exactly these."""
    rows = db.session.execute(
        select(m.TranscriptSignature.role, m.Certificate.fingerprint)
        .join(m.Certificate, m.Certificate.id == m.TranscriptSignature.certificate_id)
        .where(m.TranscriptSignature.transcript_record_id == record_id)
        .order_by(m.TranscriptSignature.id)
    )
    return [(role, fingerprint) for role, fingerprint in rows]


def _require_signer(
    actor: Actor, record_id: int, content: tc.TranscriptContent, role: SignatureRole, person: m.Person | None
) -> None:
    """The paper prints who signs: nobody else may, and not the same hand twice."""
    if person is None:
        return
    note = content.homeroom if role is SignatureRole.HOMEROOM else content.principal
    if note.name != tc.nfc(person.full_name) or (note.personal_id and note.personal_id != person.personal_id_number):
        raise NotAllowed(
            f"Học bạ này được lập để {note.name} ký, không phải {person.full_name}. "
            "Nếu người ký đã đổi, hãy thu hồi và lập lại."
        )
    if role is SignatureRole.PRINCIPAL:
        _require_other_hand(actor, record_id, content)


def _require_other_hand(actor: Actor, record_id: int, content: tc.TranscriptContent) -> None:
    """Who signed as homeroom teacher, or is named as such, does not sign the same record for the principal."""
    first_hand = db.session.scalar(
        select(m.TranscriptSignature.account_id).where(
            m.TranscriptSignature.transcript_record_id == record_id,
            m.TranscriptSignature.role == SignatureRole.HOMEROOM.value,
        )
    )
    one, other = content.homeroom, content.principal
    named_twice = one.name == other.name and one.personal_id == other.personal_id
    require_other_hand(
        by_delegation=other.title == tc.TITLE_DEPUTY,
        did_the_work=named_twice or (actor.account_id is not None and first_hand == actor.account_id),
    )


def _store_signature(
    actor: Actor,
    role: SignatureRole,
    key: certificates.OpenKey,
    task: _Task,
    made: Any,
    at: datetime,
    publish_on_seal: bool,
) -> None:
    """Files, then signature row, new state and audit entry in the transaction that settles the item.

    A signature takes minutes where a token at a desk is asked: result and profile are held against the paper once more.
    A seal on a record whose principal ordered it publishes in the same transaction, as a step and an entry of its own.
    """
    step = step_for(role)
    record = db.session.get(m.TranscriptRecord, task.record_id, populate_existing=True)
    if record is None:
        raise IntegrityFault("Học bạ đang ký không còn trong cơ sở dữ liệu.")
    if record.version == task.version:  # of another one the compare-and-set below tells
        transcripts.require_newest(record)
    level = next((item["level"] for item in made.pdf_report["signatures"] if item["role"] == role.value), "B-B")
    pdf_digest = stored_documents.keep(made.pdf, f"signed_pdf_{role.value}", "application/pdf", at)
    xml_digest = stored_documents.keep(made.xml, f"signed_xml_{role.value}", "application/xml", at)
    moved = db.session.scalars(
        update(m.TranscriptRecord)
        .where(
            m.TranscriptRecord.id == task.record_id,
            m.TranscriptRecord.version == task.version,
            m.TranscriptRecord.state == step.from_state.value,
            m.TranscriptRecord.pdf_digest == task.pdf_digest,
            m.TranscriptRecord.xml_digest == task.xml_digest,
        )
        .values(
            state=step.to_state.value,
            pdf_digest=pdf_digest,
            xml_digest=xml_digest,
            version=m.TranscriptRecord.version + 1,
        )
        .returning(m.TranscriptRecord.id)
        .execution_options(synchronize_session=False)
    ).all()
    if len(moved) != 1:
        raise WrongState("Học bạ này vừa được ký hoặc thay đổi ở nơi khác; chữ ký vừa tạo đã bỏ, không ký lần thứ hai.")
    signature = m.TranscriptSignature(
        transcript_record_id=task.record_id,
        role=role.value,
        certificate_id=key.certificate_id,
        account_id=actor.account_id,
        signer_name=key.owner_name,
        signed_at=at,
        pdf_digest=pdf_digest,
        xml_digest=xml_digest,
        level=level,
        publish_on_seal=publish_on_seal,
    )
    db.session.add(signature)
    proof = proofs.first_row(task.record_id, pdf_digest, made.pdf_report)
    db.session.flush()
    db.session.refresh(record)
    audit.record(
        AuditTag.TRANSCRIPT_ISSUED if role is SignatureRole.SEAL else AuditTag.TRANSCRIPT_SIGNED,
        actor,
        at,
        target_kind="transcript_record",
        target_id=record.id,
        state=audit.merge_states(
            audit.states("transcript_record", [record], columns=("state", "pdf_digest", "xml_digest")),
            audit.states("transcript_signature", [signature]),
            *([audit.states("document_proof", [proof])] if proof is not None else []),
        ),
        before={"state": step.from_state},
        facts={
            "uuid": record.uuid,
            "role": role.value,
            "signer": key.owner_name,
            "certificate": key.fingerprint,
            "student": task.student,
            "level": level,
            **({"publish_on_seal": publish_on_seal} if role is SignatureRole.PRINCIPAL else {}),
        },
    )
    if role is SignatureRole.SEAL and (order := transcript_moves.publish_order(record)) is not None:
        transcript_moves.publish_by_order(actor, record, order, at)
