"""The list of recalled records for the authority: made by the clerk, signed by the principal, sealed, sent, answered.

Approved requests of a school year that stand on no list yet go on the next one; what needs the authority's agreement is recalled
when its answer is written down. The signed XML is what counts, its print goes with it (CV 2088/BGDĐT-GDTH annex 1).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import recall_content as rc
from hocbaso.documents import transcript_content as tc
from hocbaso.documents.signing_manifest import Paper
from hocbaso.errors import Incomplete, IntegrityFault, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.recall_flow import ListState, RecallState, next_list_state
from hocbaso.regulations.transcript_flow import RecordState, SignatureRole
from hocbaso.services import (
    audit,
    certificates,
    desk_tasks,
    document_pool,
    instance_keys,
    recall_requests,
    stored_documents,
    transcript_files,
    transcripts,
    untouched,
)
from hocbaso.services.access import Actor
from hocbaso.services.log_reading import told_of
from hocbaso.services.transcript_contents import principal_person

_LISTED = (RecallState.APPROVED.value, RecallState.RECALLED.value)
_FACES = {"xml": "application/xml", "pdf": "application/pdf"}


def require_keeper(actor: Actor) -> None:
    """Lists are the matter of the clerk and the principal, for the whole school. Raises NotAllowed."""
    if not actor.is_system and not (actor.has_role(Role.CLERK) or actor.has_role(Role.PRINCIPAL)):
        raise NotAllowed("Danh sách thu hồi do văn thư và Hiệu trưởng lập.")


def unlisted(year_id: int) -> list[m.RecallRequest]:
    """Approved requests of a year that stand on no list yet, oldest first."""
    return list(
        db.session.scalars(
            select(m.RecallRequest)
            .join(m.TranscriptRecord, m.TranscriptRecord.id == m.RecallRequest.transcript_record_id)
            .join(m.Enrollment, m.Enrollment.id == m.TranscriptRecord.enrollment_id)
            .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
            .where(
                m.ClassGroup.school_year_id == year_id,
                m.RecallRequest.state.in_(_LISTED),
                m.RecallRequest.recall_list_id.is_(None),
            )
            .order_by(m.RecallRequest.id)
            .execution_options(populate_existing=True)
        )
    )


def make(actor: Actor, year_id: int, now: datetime) -> m.RecallList:
    """Make the next list of a year. Raises NotAllowed, NotFound, WrongState (nothing to list), Incomplete (no principal),
    IntegrityFault (a request or record is not what the log tells)."""
    require_keeper(actor)
    year, school = db.session.get(m.SchoolYear, year_id), db.session.get(m.School, 1)
    if year is None or school is None:
        raise NotFound("Không có năm học này.")
    requests = unlisted(year_id)
    if not requests:
        raise WrongState("Không có học bạ thu hồi nào chưa nằm trong danh sách.")
    principal = principal_person(clock.local_date(now))
    if principal is None:
        raise Incomplete("Trường chưa có Hiệu trưởng nên chưa có người ký danh sách.")
    number = 1 + (
        db.session.scalar(select(func.max(m.RecallList.number)).where(m.RecallList.school_year_id == year_id)) or 0
    )
    content = rc.RecallListContent(
        school_name=tc.nfc(school.name) or "",
        school_code=school.code or "",
        department_name=tc.nfc(school.department_name) or "",
        place_name=tc.nfc(school.place_name) or "",
        school_year=year.label,
        number=number,
        made_on=clock.local_date(now),
        principal_name=tc.nfc(principal.full_name) or "",
        principal_title=tc.TITLE_PRINCIPAL,
        demo=bool(school.is_demo),
        rows=tuple(_row(request) for request in requests),
    )
    pdf, xml = document_pool.call("hocbaso.documents.recall_list:make", rc.to_json(content), timeout=120)
    with write_transaction() as session:
        if {request.id for request in unlisted(year_id)} != {request.id for request in requests}:
            raise WrongState("Vừa có đề nghị khác được duyệt hoặc danh sách khác được lập. Xin bấm lại.")
        row = m.RecallList(
            school_year_id=year_id,
            number=number,
            state=ListState.MADE.value,
            content=rc.to_json(content).decode("utf-8"),
            content_digest=rc.digest_of(content),
            xml_digest=stored_documents.keep(xml, "recall_list_xml", _FACES["xml"], now),
            pdf_digest=stored_documents.keep(pdf, "recall_list_pdf", _FACES["pdf"], now),
            made_at=now,
            made_by=actor.account_id,
            maker_name=actor.name,
            principal_name=content.principal_name,
        )
        session.add(row)
        session.flush()
        for request in requests:
            request.recall_list_id = row.id
            request.version += 1
        session.flush()
        _tell(
            AuditTag.RECALL_LIST_MADE, actor, row, now, requests=requests, facts={"n": len(requests), "number": number}
        )
    return row


def _row(request: m.RecallRequest) -> rc.RecallRow:
    recall_requests.require_untouched(request)
    record = request.record
    content = transcripts.require_untouched(record)
    if (record.state == RecordState.RECALLED.value) != (request.state == RecallState.RECALLED.value):
        raise IntegrityFault(
            f"Học bạ {record.uuid} và đề nghị thu hồi của nó không khớp nhau: cơ sở dữ liệu đã bị sửa ngoài phần mềm."
        )
    successor = db.session.scalar(
        select(m.TranscriptRecord.uuid)
        .where(m.TranscriptRecord.replaces_id == record.id, m.TranscriptRecord.state != RecordState.RECALLED.value)
        .limit(1)
    )
    assert request.decided_at is not None and request.decider_name is not None
    return rc.RecallRow(
        student_name=content.student.full_name,
        born_on=content.student.born_on,
        class_name=content.class_name,
        moet_code=content.student.moet_code,
        record_uuid=record.uuid,
        issue_on=content.issue_on,
        reason=rc.clean(request.reason) or "",
        paper=rc.clean(request.paper),
        asked_by=rc.clean(request.asker_name) or "",
        decided_by=rc.clean(request.decider_name) or "",
        decided_on=clock.local_date(request.decided_at),
        needs_authority=request.needs_authority,
        successor_uuid=successor,
    )


def sign(
    actor: Actor, list_id: int, pin: str, now: datetime, *, code: str = "", last_try: bool = False
) -> m.RecallList:
    """The principal signs, then the clerk seals, each with the own key; the new bytes are judged before they are stored.

    Raises NotFound, NotAllowed (not the principal it names, not the clerk, wrong PIN), WrongState (out of turn, no certificate),
    IntegrityFault.
    """
    role, person = _turn(actor, list_for(actor, list_id))
    key = certificates.open_key(actor, person, pin, now, role=role, code=code, last_try=last_try)
    return _sign_with(actor, list_id, role, key, pin, now)


def sign_at_desk(actor: Actor, list_id: int, session: str, back: str, now: datetime) -> str:
    """:func:`sign` by a token at the signer's own computer; the id of the ``desk_tasks`` task whose page carries the signature."""
    row = list_for(actor, list_id)
    role, person = _turn(actor, row)
    machine_key = instance_keys.signing_key(actor, now)
    key = certificates.open_key(actor, person, "", now, role=role, desk=session)
    scope = f"Danh sách thu hồi số {row.number}, năm học {_label(row)}"
    done = "Đã ký danh sách." if role is SignatureRole.PRINCIPAL else "Đã đóng dấu danh sách."
    return desk_tasks.start(
        actor,
        session,
        key,
        "danh-sach-thu-hoi",
        role,
        scope,
        lambda: _sign_with(actor, list_id, role, key, "", now),
        machine_key=machine_key,
        back=back,
        done=done,
    )


def _turn(actor: Actor, row: m.RecallList) -> tuple[SignatureRole, int | None]:
    """Whose signature comes next, and whose key gives it (None: the seal's)."""
    state = ListState(row.state)
    role = SignatureRole.PRINCIPAL if state is ListState.MADE else SignatureRole.SEAL
    next_list_state(state, "principal" if role is SignatureRole.PRINCIPAL else "seal")
    person = _require_signer(actor, row, role)
    return role, person.id if person else None


def _sign_with(
    actor: Actor, list_id: int, role: SignatureRole, key: certificates.OpenKey, pin: str, now: datetime
) -> m.RecallList:
    """Sign with an open key, which is closed however it ends."""
    try:
        row = list_for(actor, list_id)
        if _turn(actor, row)[0] is not role:
            raise WrongState("Danh sách này đã qua bước ấy. Xin xem lại rồi làm bước kế tiếp.")
        before, unsigned = row.state, row.xml_digest
        following = next_list_state(ListState(before), "principal" if role is SignatureRole.PRINCIPAL else "seal")
        untouched.require_signer_untouched(actor.account_id, key.certificate_id)
        request = rc.ListSignature(
            xml=stored_documents.read(unsigned),
            content=row.content.encode("utf-8"),
            role=role.value,
            chain=key.chain,
            at=now,
            roots=tuple(certificates.trusted_roots()),
            crls=tuple(certificates.trusted_crls()),
            envelope=key.envelope,
            pin=pin if key.envelope is not None else "",
            server_secret=certificates.server_secret() if key.envelope is not None else b"",
        )
        if key.elsewhere is None:
            pdf, xml = document_pool.call("hocbaso.documents.recall_list:sign", request, timeout=120)
        else:
            message = document_pool.call("hocbaso.documents.recall_list:prepare", request, timeout=120)
            db.session.commit()  # nothing of the database is held while a person looks for a token
            papers = [Paper(f"số {row.number}", (unsigned,))]
            key.elsewhere.begin(1, papers)
            (signature,) = key.elsewhere.sign_messages([message], papers)
            pdf, xml = document_pool.call("hocbaso.documents.recall_list:embed", request, signature, timeout=120)
    finally:
        key.close()
    # A token at a desk may have taken a quarter of an hour.
    if _turn(desk_tasks.present(actor, now), list_for(actor, list_id))[0] is not role:
        raise WrongState("Danh sách này đã qua bước ấy. Xin xem lại rồi làm bước kế tiếp.")
    certificates.require_standing(key.certificate_id, role, now)
    with write_transaction() as session:
        session.refresh(row)
        if (row.state, row.xml_digest) != (before, unsigned):
            raise WrongState("Danh sách này vừa được ký ở nơi khác; chữ ký vừa tạo đã bỏ.")
        row.state = following.value
        row.xml_digest = stored_documents.keep(xml, f"recall_list_xml_{role.value}", _FACES["xml"], now)
        row.pdf_digest = stored_documents.keep(pdf, f"recall_list_pdf_{role.value}", _FACES["pdf"], now)
        if role is SignatureRole.PRINCIPAL:
            row.principal_certificate_id, row.principal_signed_at = key.certificate_id, now
        else:
            row.seal_certificate_id, row.sealed_at = key.certificate_id, now
        row.version += 1
        _tell(
            AuditTag.RECALL_LIST_SIGNED,
            actor,
            row,
            now,
            before={"state": before},
            facts={"role": role.value, "signer": key.owner_name, "certificate": key.fingerprint},
        )
    return row


def _require_signer(actor: Actor, row: m.RecallList, role: SignatureRole) -> m.Person | None:
    """Whose key signs; None for the seal. Raises NotAllowed."""
    if role is SignatureRole.SEAL:
        if not actor.is_system and not actor.has_role(Role.CLERK):
            raise NotAllowed("Chỉ văn thư được đóng dấu của trường.")
        return None
    person = db.session.get(m.Person, actor.person_id) if actor.person_id is not None else None
    if person is None or not actor.may(Permission.TRANSCRIPT_RECALL):
        raise NotAllowed("Danh sách thu hồi do Hiệu trưởng ký.")
    if tc.nfc(person.full_name) != row.principal_name:
        raise NotAllowed(
            f"Danh sách này được lập để {row.principal_name} ký. Nếu Hiệu trưởng đã đổi, hãy lập danh sách mới."
        )
    return person


def mark_sent(actor: Actor, list_id: int, note: str, now: datetime) -> None:
    """Write down that the sealed list went to the authority; ``note``: how, or the letter's number. NotAllowed, WrongState."""
    row = list_for(actor, list_id)
    words = rc.clean(note)
    if words is not None and len(words) > 300:
        raise Invalid("Ghi nhiều nhất 300 kí tự.", field="note")
    with write_transaction() as session:
        session.refresh(row)
        before = row.state
        row.state = next_list_state(ListState(before), "send").value
        row.sent_at, row.sent_note = now, words
        row.version += 1
        _tell(AuditTag.RECALL_LIST_SENT, actor, row, now, before={"state": before}, note=words)


def answer(actor: Actor, list_id: int, agreed: Collection[int], note: str, now: datetime) -> int:
    """Write down what the authority answered: ``agreed`` are ids of requests it agrees to, the other ones that waited for it are
    refused. How many were recalled by it. Raises NotAllowed, WrongState, Invalid (no letter named), IntegrityFault.
    """
    row = list_for(actor, list_id)
    words = rc.clean(note)
    if words is None:
        raise Invalid("Ghi số văn bản trả lời của cấp trên.", field="note")
    if len(words) > 300:
        raise Invalid("Ghi nhiều nhất 300 kí tự.", field="note")
    waiting = [request for request in row.requests if request.state == RecallState.APPROVED.value]
    for request in waiting:
        recall_requests.require_untouched(request)
        transcripts.require_untouched(request.record)
    n_recalled = 0
    with write_transaction() as session:
        session.refresh(row)
        before = row.state
        row.state = next_list_state(ListState(before), "answer").value
        row.answered_at, row.answer_note = now, words
        row.version += 1
        _tell(
            AuditTag.RECALL_LIST_ANSWERED,
            actor,
            row,
            now,
            before={"state": before},
            note=words,
            facts={"agreed": sorted(each.id for each in waiting if each.id in agreed), "n_waiting": len(waiting)},
        )
        for request in waiting:
            session.refresh(request)
            session.refresh(request.record)
            if request.id in agreed:
                recall_requests.carry_out(actor, request.record, request, now)
                n_recalled += 1
            else:
                request.state = RecallState.REFUSED.value
                recall_requests.restore(
                    actor, request.record, request, AuditTag.RECALL_REFUSED, now, note=f"Cấp trên không đồng ý: {words}"
                )
    return n_recalled


def list_for(actor: Actor, list_id: int) -> m.RecallList:
    """A list, as the log tells of it. Raises NotAllowed, NotFound, IntegrityFault."""
    require_keeper(actor)
    row = db.session.get(m.RecallList, list_id, populate_existing=True)
    if row is None:
        raise NotFound("Không có danh sách này.")
    told = told_of("recall_list", row.id, under={})
    content = rc.from_json(row.content.encode("utf-8"))
    if (
        told is None
        or audit.differing("recall_list", audit.state_of("recall_list", row), told)
        or rc.digest_of(content) != row.content_digest
    ):
        raise IntegrityFault("Danh sách này trong cơ sở dữ liệu khác với nhật ký: đã bị sửa ngoài phần mềm.")
    return row


def open_file(actor: Actor, list_id: int, face: str, now: datetime) -> transcript_files.TranscriptFile:
    """The PDF or XML of a list; the reading is written into the log. NotFound, NotAllowed, IntegrityFault."""
    row = list_for(actor, list_id)
    if face not in _FACES:
        raise NotFound("Danh sách chỉ có bản PDF và bản XML.")
    digest = row.xml_digest if face == "xml" else row.pdf_digest
    data = stored_documents.read(digest)
    with write_transaction():
        audit.record(
            AuditTag.EXPORT_MADE,
            actor,
            now,
            target_kind="recall_list",
            target_id=row.id,
            facts={"what": "recall_list", "face": face, "digest": digest},
        )
    return transcript_files.TranscriptFile(
        data, _FACES[face], f"danh-sach-thu-hoi-{_label(row)}-{row.number}.{face}", digest
    )


def _label(row: m.RecallList) -> str:
    year = db.session.get(m.SchoolYear, row.school_year_id)
    return year.label if year is not None else "?"


def _tell(
    tag: AuditTag,
    actor: Actor,
    row: m.RecallList,
    now: datetime,
    *,
    requests: list[m.RecallRequest] | None = None,
    before: dict[str, Any] | None = None,
    note: str | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    db.session.flush()
    audit.record(
        tag,
        actor,
        now,
        target_kind="recall_list",
        target_id=row.id,
        state=audit.merge_states(
            audit.states("recall_list", [row]), *([audit.states("recall_request", requests)] if requests else [])
        ),
        before=before,
        note=note,
        facts=facts,
    )
