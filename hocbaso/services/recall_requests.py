"""Recalling a record: asked with a reason, decided by the principal, where it is late agreed by the authority.

Nothing is deleted: the old files stay, open and verify, and say that they were recalled or replaced. What is not sealed was never
issued; the principal takes it back without a request. Every step is one transaction with its entry; the decision stands on the
request for ever (CV 2088/BGDĐT-GDTH annex 1; ``regulations/recall_flow``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents.recall_content import clean
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.recall_flow import (
    RECALLABLE,
    RecallState,
    RecallVerb,
    find_move,
    needs_authority,
)
from hocbaso.regulations.transcript_flow import SIGNED_STATES, RecordState
from hocbaso.services import audit, transcript_moves, transcripts
from hocbaso.services.access import Actor, class_for, reaches_class
from hocbaso.services.log_reading import require_told, told_of


def ask(actor: Actor, record_uuid: str, reason: str, now: datetime, *, paper: str = "") -> m.RecallRequest:
    """Ask the principal to recall a sealed record (clerk, homeroom teacher of the class, principal).

    ``paper``: the decision or certificate it rests on. Raises NotFound, NotAllowed, Invalid, WrongState (not sealed, asked already).
    """
    record = transcripts.record_for(actor, record_uuid)
    if not reaches_class(actor, record.enrollment.class_group_id, Permission.TRANSCRIPT_ASK_RECALL):
        raise NotAllowed("Đề nghị thu hồi do văn thư, giáo viên chủ nhiệm của lớp hoặc Hiệu trưởng lập.")
    words, document = _words(reason, "reason", 1000), _words(paper, "paper", 300, required=False)
    with write_transaction():
        return _ask(actor, record, words or "", document, now)


def _ask(actor: Actor, record: m.TranscriptRecord, reason: str, paper: str | None, now: datetime) -> m.RecallRequest:
    """In the caller's transaction."""
    before = record.state
    if RecordState(before) not in RECALLABLE:
        raise WrongState(_not_recallable(RecordState(before)))
    request = m.RecallRequest(
        transcript_record_id=record.id,
        state=RecallState.ASKED.value,
        from_state=before,
        reason=reason,
        paper=paper,
        needs_authority=needs_authority(
            RecordState(before), record.enrollment.class_group.school_year.summer_freeze_on, clock.local_date(now)
        ),
        asked_at=now,
        asked_by=actor.account_id,
        asker_name=actor.name,
    )
    db.session.add(request)
    try:
        db.session.flush()
    except IntegrityError as error:  # somebody asked in the same moment
        raise WrongState("Học bạ này vừa có người đề nghị thu hồi.") from error
    _move_record(actor, record, request, AuditTag.RECALL_ASKED, RecordState.RECALL_REQUESTED, now, note=reason)
    return request


def recall(actor: Actor, record_uuid: str, reason: str, now: datetime, *, paper: str = "") -> m.RecallRequest | None:
    """Recall a record by the principal's own decision; None when it had not been sealed and is simply taken back.

    A sealed one is asked for and approved in one act; where the authority has to agree it is not recalled yet, which the
    request's state says. Raises NotFound, NotAllowed, Invalid (no reason), WrongState (recalled, or asked for already).
    """
    record = transcripts.record_for(actor, record_uuid)
    if not reaches_class(actor, record.enrollment.class_group_id, Permission.TRANSCRIPT_RECALL):
        raise NotAllowed("Chỉ Hiệu trưởng được thu hồi học bạ.")
    words, document = _words(reason, "reason", 1000), _words(paper, "paper", 300, required=False)
    if RecordState(record.state) not in SIGNED_STATES:
        transcript_moves.take_back(actor, record, words or "", now)
        return None
    with write_transaction():
        request = _ask(actor, record, words or "", document, now)
        _approve(actor, record, request, None, now, wait=False)
    return request


def recall_by_correction(
    actor: Actor, record: m.TranscriptRecord, reason: str, now: datetime, *, paper: str | None
) -> m.RecallRequest | None:
    """Take a record out of force that an approved correction has overtaken; in the caller's transaction, who has checked the power.

    None when it was not sealed and is simply taken back. One that somebody has asked to recall already is approved with this
    decision; one that waits for the authority is left to its answer. Raises as :func:`recall`.
    """
    if RecordState(record.state) not in SIGNED_STATES:
        transcript_moves.take_back(actor, record, reason, now)
        return None
    request = open_request_of(record.id)
    if request is None:
        request = _ask(actor, record, reason, paper, now)
    require_untouched(request)
    if request.state == RecallState.ASKED:
        _approve(actor, record, request, reason, now, wait=False)
    return request


def approve(actor: Actor, request_id: int, now: datetime, *, note: str = "", wait: bool = False) -> m.RecallRequest:
    """The principal agrees: recalled at once, or where the authority has to agree (``wait`` asks it anyway) by its answer.

    Raises NotFound, WrongState, IntegrityFault (request or record are not what the log tells).
    """
    request, record = _for_decision(actor, request_id)
    words = _words(note, "note", 1000, required=False)
    with write_transaction():
        db.session.refresh(request)
        _approve(actor, record, request, words, now, wait=wait)
    return request


def _approve(
    actor: Actor, record: m.TranscriptRecord, request: m.RecallRequest, note: str | None, now: datetime, *, wait: bool
) -> None:
    move = find_move(RecallState(request.state), RecallVerb.APPROVE)
    request.state, request.decided_at = move.to_state.value, now
    request.decided_by, request.decider_name, request.decision_note = actor.account_id, actor.name, note
    request.needs_authority = request.needs_authority or wait
    request.version += 1
    _tell(actor, record, request, AuditTag.RECALL_APPROVED, now, note=note)
    if not request.needs_authority:
        carry_out(actor, record, request, now)


def carry_out(actor: Actor, record: m.TranscriptRecord, request: m.RecallRequest, now: datetime) -> None:
    """Take an approved record out of force; in the caller's transaction. From now on a new one may be built."""
    move = find_move(RecallState(request.state), RecallVerb.AUTHORITY_AGREES)
    request.state, request.recalled_at = move.to_state.value, now
    request.version += 1
    db.session.flush()
    _move_record(
        actor,
        record,
        request,
        AuditTag.TRANSCRIPT_RECALLED,
        RecordState.RECALLED,
        now,
        note=request.reason,
        recalled_at=now,
    )


def refuse(actor: Actor, request_id: int, note: str, now: datetime) -> m.RecallRequest:
    """The principal does not agree, and says why: the record is again what it was. Raises as ``approve``, Invalid without words."""
    request, record = _for_decision(actor, request_id)
    words = _words(note, "note", 1000)
    with write_transaction():
        db.session.refresh(request)
        move = find_move(RecallState(request.state), RecallVerb.REFUSE)
        request.state, request.decided_at = move.to_state.value, now
        request.decided_by, request.decider_name, request.decision_note = actor.account_id, actor.name, words
        restore(actor, record, request, AuditTag.RECALL_REFUSED, now, note=words)
    return request


def withdraw(actor: Actor, request_id: int, now: datetime) -> None:
    """Whoever asked takes it back before the decision. Raises NotFound, NotAllowed, WrongState."""
    request, record = _request_for(actor, request_id)
    if request.asked_by != actor.account_id and not actor.is_system:
        raise NotAllowed(f"Đề nghị này do {request.asker_name} lập; chỉ người ấy rút lại được.")
    require_untouched(request)
    with write_transaction():
        db.session.refresh(request)
        move = find_move(RecallState(request.state), RecallVerb.WITHDRAW)
        request.state = move.to_state.value
        restore(actor, record, request, AuditTag.RECALL_WITHDRAWN, now)


def restore(
    actor: Actor,
    record: m.TranscriptRecord,
    request: m.RecallRequest,
    tag: AuditTag,
    now: datetime,
    *,
    note: str | None = None,
) -> None:
    """The record is again what it was before it was asked for; in the caller's transaction, the request already closed."""
    request.version += 1
    db.session.flush()
    _move_record(actor, record, request, tag, RecordState(request.from_state), now, note=note)


def request_for(actor: Actor, request_id: int) -> m.RecallRequest:
    """A request of a class within the actor's reach; NotFound otherwise."""
    return _request_for(actor, request_id)[0]


def _request_for(actor: Actor, request_id: int) -> tuple[m.RecallRequest, m.TranscriptRecord]:
    request = db.session.get(m.RecallRequest, request_id, populate_existing=True)
    if request is not None and reaches_class(
        actor, request.record.enrollment.class_group_id, Permission.TRANSCRIPT_READ
    ):
        db.session.refresh(request.record)
        return request, request.record
    raise NotFound("Không có đề nghị thu hồi này trong phần việc của thầy, cô.")


def _for_decision(actor: Actor, request_id: int) -> tuple[m.RecallRequest, m.TranscriptRecord]:
    request, record = _request_for(actor, request_id)
    try:
        class_for(actor, record.enrollment.class_group_id, Permission.TRANSCRIPT_RECALL)
    except NotFound:
        raise NotAllowed("Chỉ Hiệu trưởng quyết định thu hồi học bạ.") from None
    require_untouched(request)
    transcripts.require_untouched(record)
    return request, record


def require_untouched(request: m.RecallRequest) -> None:
    """Refuse a request that is not what the log tells of it (IntegrityFault): nobody asks or approves by editing a table."""
    told = told_of(
        "recall_request",
        request.id,
        under={"transcript_record": (request.transcript_record_id,), "recall_list": None},
    )
    if told is None or audit.differing("recall_request", audit.state_of("recall_request", request), told):
        raise IntegrityFault(
            f"Đề nghị thu hồi số {request.id} trong cơ sở dữ liệu khác với nhật ký: đã bị sửa ngoài phần mềm. "
            "Chưa có gì thay đổi; xin báo người phụ trách CNTT."
        )


def _words(text: str, field: str, limit: int, *, required: bool = True) -> str | None:
    words = clean(text)
    if words is None and required:
        raise Invalid("Xin ghi lí do.", field=field)
    if words is not None and len(words) > limit:
        raise Invalid(f"Ghi nhiều nhất {limit} kí tự.", field=field)
    return words


def _not_recallable(state: RecordState) -> str:
    if state is RecordState.RECALLED:
        return "Học bạ này đã được thu hồi."
    if state is RecordState.RECALL_REQUESTED:
        return "Học bạ này đã có đề nghị thu hồi, đang chờ quyết định."
    return "Học bạ chưa đóng dấu nên chưa phát hành: Hiệu trưởng thu lại rồi lập lại, không cần đề nghị."


def _tell(
    actor: Actor,
    record: m.TranscriptRecord,
    request: m.RecallRequest,
    tag: AuditTag,
    now: datetime,
    *,
    note: str | None = None,
    state: dict[str, dict[str, Any]] | None = None,
    before: dict[str, Any] | None = None,
) -> None:
    audit.record(
        tag,
        actor,
        now,
        target_kind="transcript_record",
        target_id=record.id,
        state=audit.merge_states(audit.states("recall_request", [request]), *([state] if state else [])),
        before=before,
        note=note,
        facts={"uuid": record.uuid, "request": request.id, "needs_authority": request.needs_authority},
    )


def _move_record(
    actor: Actor,
    record: m.TranscriptRecord,
    request: m.RecallRequest,
    tag: AuditTag,
    to_state: RecordState,
    now: datetime,
    *,
    note: str | None = None,
    **values: Any,
) -> None:
    """Compare-and-set of the record's state with the entry that tells of record and request."""
    before = record.state
    moved = db.session.scalars(
        update(m.TranscriptRecord)
        .where(
            m.TranscriptRecord.id == record.id,
            m.TranscriptRecord.state == before,
            m.TranscriptRecord.version == record.version,
        )
        .values(state=to_state.value, version=m.TranscriptRecord.version + 1, **values)
        .returning(m.TranscriptRecord.id)
        .execution_options(synchronize_session=False)
    ).all()
    if len(moved) != 1:
        raise WrongState("Học bạ này vừa được người khác thay đổi. Xin mở lại trang.")
    require_told("transcript_record", record.id, {"state": before}, f"Học bạ số {record.id}", under={})
    db.session.refresh(record)
    _tell(
        actor,
        record,
        request,
        tag,
        now,
        note=note,
        state=audit.states("transcript_record", [record], columns=("state", *values)),
        before={"state": before},
    )


def open_request_of(record_id: int) -> m.RecallRequest | None:
    """The request of a record that has not come to its end."""
    found: m.RecallRequest | None = db.session.scalar(
        select(m.RecallRequest)
        .where(
            m.RecallRequest.transcript_record_id == record_id,
            m.RecallRequest.state.in_([RecallState.ASKED.value, RecallState.APPROVED.value]),
        )
        .execution_options(populate_existing=True)
    )
    return found
