"""Moving a correction request: the guards every act passes, the step and the entry it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents.recall_content import clean
from hocbaso.errors import Invalid, NotAllowed, Stale
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.correction_flow import (
    CorrectionMove,
    CorrectionParty,
    CorrectionState,
    CorrectionVerb,
    find_move,
)
from hocbaso.services import audit, correction_access
from hocbaso.services.access import Actor

_TAGS = {
    CorrectionVerb.ASK: AuditTag.CORRECTION_ASKED,
    CorrectionVerb.RESEND: AuditTag.CORRECTION_RESENT,
    CorrectionVerb.CONFIRM: AuditTag.CORRECTION_CONFIRMED,
    CorrectionVerb.RETURN: AuditTag.CORRECTION_RETURNED,
    CorrectionVerb.REFUSE: AuditTag.CORRECTION_REFUSED,
    CorrectionVerb.WITHDRAW: AuditTag.CORRECTION_WITHDRAWN,
    CorrectionVerb.APPROVE: AuditTag.CORRECTION_APPLIED,
}
_WHOSE = {
    CorrectionParty.ASKER: "người đã lập đề nghị",
    CorrectionParty.HOMEROOM: "giáo viên chủ nhiệm của lớp, không phải người lập đề nghị",
    CorrectionParty.DECIDER: "Hiệu trưởng; đề nghị do Hiệu trưởng lập thì Phó Hiệu trưởng quyết định",
}


def guard(
    actor: Actor,
    request: m.CorrectionRequest,
    verb: CorrectionVerb,
    expected_version: int,
    now: datetime,
    *,
    voids_sealed: bool = False,
) -> CorrectionMove:
    """The row of the table for this act, when it is this person's and the request is the one they saw.

    Inside the transaction, the request read afresh. Raises WrongState, NotAllowed, Stale, IntegrityFault.
    """
    correction_access.require_untouched(request)
    row = find_move(correction_access.standing(request, clock.local_date(now)), verb)
    parties = correction_access.parties_of(actor, request, voids_sealed=voids_sealed)
    if row.party not in parties:
        if CorrectionParty.ASKER in parties:
            raise NotAllowed("Không ai tự xác nhận hay tự duyệt đề nghị của mình. Chưa có gì thay đổi.")
        raise NotAllowed(f"Việc này của {_WHOSE[row.party]}. Chưa có gì thay đổi.")
    if expected_version != request.version:
        raise Stale(
            "Đề nghị này đã đổi sau khi thầy, cô mở trang. Xin xem lại rồi làm tiếp; chưa có gì thay đổi.",
            current=request.version,
        )
    return row


def words(text: str | None, field: str, limit: int, *, required: bool) -> str | None:
    """A text of one paragraph. Raises Invalid when it is missing or too long."""
    said = clean(text or "")
    if said is None and required:
        raise Invalid("Xin ghi lí do.", field=field)
    if said is not None and len(said) > limit:
        raise Invalid(f"Ghi nhiều nhất {limit} kí tự.", field=field)
    return said


def pupil_facts(request: m.CorrectionRequest) -> dict[str, Any]:
    """Whom an entry is about."""
    enrollment = request.enrollment
    return {"student": enrollment.student.full_name, "class": enrollment.class_group.name}


def source_facts(request: m.CorrectionRequest) -> dict[str, Any]:
    """What each entry of values that an approved request wrote says of where they come from: it bears the approver's name."""
    return {
        "source": "corrected",
        "request": request.id,
        "asked_by": request.asker_name,
        "confirmed_by": request.confirmer_name,
    }


def write(
    actor: Actor,
    request: m.CorrectionRequest,
    verb: CorrectionVerb,
    to_state: CorrectionState,
    note: str | None,
    now: datetime,
    *,
    evidence: list[m.CorrectionEvidence] | None = None,
    new_items: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> int:
    """Move the request, write its step and the entry that tells of both; the entry's number. In the caller's transaction.

    ``new_items``: the items were written in this transaction (asked for, or pinned again).
    """
    from_state = request.state if verb is not CorrectionVerb.ASK else None
    request.state = to_state.value
    if verb is not CorrectionVerb.ASK:
        request.version += 1
    step = m.CorrectionStep(
        correction_request_id=request.id,
        verb=verb.value,
        from_state=from_state,
        to_state=to_state.value,
        note=note,
        at=now,
        by_account_id=actor.account_id,
        by_name=actor.name,
    )
    request.steps.append(step)
    db.session.flush()
    parts = [audit.states("correction_request", [request]), audit.states("correction_step", [step])]
    if new_items:
        parts.append(audit.states("correction_item", request.items))
    if evidence:
        parts.append(audit.states("correction_evidence", evidence))
    return audit.record(
        _TAGS[verb],
        actor,
        now,
        target_kind="correction_request",
        target_id=request.id,
        state=audit.merge_states(*parts),
        before={"state": from_state} if from_state else None,
        note=note,
        facts={
            **pupil_facts(request),
            "kind": request.kind,
            "n_items": len(request.items),
            **(facts or {}),
        },
    )
